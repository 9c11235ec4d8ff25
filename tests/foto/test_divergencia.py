"""O que os resumos diziam e o banco desmente: um erro, com alarmes, e nunca uma correção calada.

Não há como enganar os resumos de verdade; planta-se ao lado do backup um arquivo deles que mente, e
em tudo o mais bate certo: o que um defeito deles deixaria."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apoio.avisos import servidor_de_avisos
from apoio.execucao import Saida, fotografia_do_disco
from apoio.impressoes import executar_sql
from apoio.lojinha import DONO, VIZINHA, projeto  # noqa: F401
from apoio.relogio import executar_em
from cofre.base.erros import FalhaDoServidor
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import nome_do_resumo
from cofre.deposito.deposito import Deposito
from supabase_local.servidores.servidor import SupabaseLocal

OITO = datetime(2026, 3, 10, 8, 0).astimezone()
A_TAREFA = ("--tipo", "agendado", "--cada", "15min")
UM_DIA = timedelta(days=1)


NOME = "Pão que ninguém leu"


def _ambiente(projeto: SupabaseLocal, pasta: Path) -> dict[str, str]:  # noqa: F811
    """Com o mesmo segredo nas duas pastas."""
    perfil = str(pasta / "perfil")
    return {
        "SUPABASE_DB_URL": projeto.uri_banco,
        "XDG_CONFIG_HOME": perfil,
        "APPDATA": perfil,
    }


@pytest.fixture(scope="module")
def plantada(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """Em `a`, os resumos que mentem; em `b`, o que o banco tem."""
    onde = tmp_path_factory.mktemp("plantada")

    def rodar(quando: datetime, pasta: str) -> None:
        fim = executar_em(quando, projeto, onde / pasta, mais=_ambiente(projeto, onde))
        assert fim.codigo == 0, fim.tudo

    rodar(OITO, "a")
    executar_sql(
        projeto, f"UPDATE produtos SET nome = '{NOME}' WHERE user_id = '{DONO}' AND id = 7"
    )
    rodar(OITO, "b")
    _plantar(_ultimo(onde / "a"), _ultimo(onde / "b"))
    # Enquanto só se perguntam os resumos, a mentira passa: por isso se lê tudo de vez em quando.
    rodar(OITO + UM_DIA, "a")
    assert NOME not in _produtos(_ultimo(onde / "a"))
    return onde


@pytest.mark.parametrize("como", ["pedida", "da tarefa, ao fim dos dias"])
def test_o_que_diverge_e_um_erro_com_alarmes_e_o_backup_tem_o_que_o_banco_tem(
    projeto: SupabaseLocal,  # noqa: F811
    plantada: Path,
    tmp_path: Path,
    como: str,
) -> None:
    for pasta in ("a", "b", "perfil"):
        shutil.copytree(plantada / pasta, tmp_path / pasta)
    mais = _ambiente(projeto, tmp_path)

    def rodar(quando: datetime, pasta: str, *argumentos: str) -> Saida:
        return executar_em(quando, projeto, tmp_path / pasta, *argumentos, mais=mais)

    antes, da_vizinha = (
        fotografia_do_disco(tmp_path / "a"),
        _produtos(_ultimo(tmp_path / "b", VIZINHA)),
    )
    with servidor_de_avisos() as avisos:
        mais |= {"BACKUP_WEBHOOK_URL": avisos.url("gancho"), "BACKUP_PING_URL": avisos.url("ping")}
        if como == "pedida":
            fim = rodar(OITO + 2 * UM_DIA, "a", "--ler-tudo")
        else:
            fim = rodar(OITO + 15 * UM_DIA, "a", *A_TAREFA)
    assert fim.codigo == FalhaDoServidor.codigo == 4, fim.tudo
    assert "produtos: o que o banco tem não é o que os resumos diziam" in fim.tudo
    assert "ping/fail" in avisos.caminhos
    (gancho,) = (json.loads(a.corpo) for a in avisos.recebidos if a.caminho.endswith("gancho"))
    assert "o que os resumos diziam" in json.dumps(gancho, ensure_ascii=False)

    novo = _ultimo(tmp_path / "a")
    assert _produtos(novo) == _produtos(_ultimo(tmp_path / "b"))
    assert novo.meta is not None
    assert novo.meta.inteiro
    assert "divergiu_desde" in novo.meta.tabelas["produtos"].leitura
    assert _produtos(_ultimo(tmp_path / "a", VIZINHA)) == da_vizinha
    # O que já estava no disco não se corrige: fica como se gravou.
    depois = fotografia_do_disco(tmp_path / "a")
    de_backups = {p: b for p, b in antes.items() if "2026031" in p and "/." not in p}
    assert {p: depois[p] for p in de_backups} == de_backups
    assert "o que o banco tem não é" not in rodar(OITO + 16 * UM_DIA, "a").tudo


def _plantar(backup: Backup, de_agora: Backup) -> None:
    """Faz os resumos do backup dizerem dos produtos o que os de outro, de agora, dizem."""
    mentira, verdade = (json.loads(_resumos(b).read_bytes()) for b in (backup, de_agora))
    pares = zip(
        mentira["tabelas"]["produtos"]["resumo"]["blocos"],
        verdade["tabelas"]["produtos"]["resumo"]["blocos"],
        strict=True,
    )
    for bloco, de_hoje in pares:
        assert bloco[3] != de_hoje[3]
        bloco[3] = de_hoje[3]
    _resumos(backup).write_bytes(json.dumps(mentira).encode())


def _resumos(backup: Backup) -> Path:
    return backup.pasta / nome_do_resumo(backup.carimbo)


def _ultimo(pasta: Path, dono: str = DONO) -> Backup:
    ultimo = Deposito(pasta).ultimo(dono)
    assert ultimo is not None
    return ultimo


def _produtos(backup: Backup) -> str:
    assert backup.meta is not None
    return backup.caminho(backup.meta.tabelas["produtos"]).read_text("utf-8")
