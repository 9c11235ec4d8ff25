"""O que mudou demais sem que a quantidade mudasse: o que se mede, o que é notícia, e a quem."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apoio.acervo import guardar
from apoio.avisos import ServidorDeAvisos, servidor_de_avisos
from apoio.execucao import executar, restaurar, ultimo_backup
from apoio.impressoes import alheias, executar_sql, impressoes, valor
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.metadados import Cabecalho
from cofre.rotina import mudanca
from cofre.rotina.encolhimento import Antes
from cofre.rotina.mudanca import Mudanca, fora_do_comum, maiores, medir
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

QUANDO = datetime(2026, 1, 10, 3).astimezone()
NUMERO, TEXTO = {"id": "bigint", "v": "text"}, {"id": "text", "v": "text"}


def um(
    tmp_path: Path, dia: int, linhas: list[dict[str, Any]], tipos: dict[str, str], **mais: Any
) -> Backup:
    """Um backup só com a tabela `t`."""
    opcoes = {"colunas": {"t": tipos}, "chaves": {"t": ("id",)}, **mais}
    quando = QUANDO + timedelta(days=dia)
    return guardar(Deposito(tmp_path), DONO, "Padaria", quando, {"t": linhas}, **opcoes)


def medida(antes: Backup, agora: Backup) -> dict[str, tuple[int, int]]:
    assert antes.meta
    assert agora.meta
    era = {n: Antes(antes, salva) for n, salva in antes.meta.tabelas.items()}
    arquivos = {n: agora.arquivo(salva) for n, salva in agora.meta.tabelas.items()}
    return {n: (m.alteradas, m.comuns) for n, m in medir(era, arquivos, {}).items()}


def linhas(de: int, ate: int, v: str = "x", tipos: dict[str, str] = NUMERO) -> list[dict[str, Any]]:
    chave = str if tipos is TEXTO else int
    return [{"id": chave(n), "v": v} for n in range(de, ate)]


@pytest.mark.parametrize("tipos", [NUMERO, TEXTO])
def test_conta_as_que_estao_nas_duas_e_diferem(tmp_path: Path, tipos: dict[str, str]) -> None:
    """As que saíram e as que nasceram não são alteradas; a ordem das chaves não importa."""
    antes = um(tmp_path, 0, linhas(100, 200, tipos=tipos), tipos)
    agora = (
        linhas(110, 150, tipos=tipos) + linhas(150, 200, "y", tipos) + linhas(200, 230, tipos=tipos)
    )
    assert medida(antes, um(tmp_path, 1, agora, tipos)) == {"t": (50, 90)}
    nada = linhas(100, 200, tipos=tipos) + linhas(200, 201, tipos=tipos)
    assert medida(antes, um(tmp_path, 2, nada, tipos)) == {}


def test_o_que_nao_se_sabe_medir_nao_se_mede(tmp_path: Path) -> None:
    """Poucas linhas, outras colunas, sem chave, ou um arquivo que se estragou."""
    antes = um(tmp_path, 0, linhas(100, 200), NUMERO)
    mudadas = linhas(100, 200, "y")
    assert medida(antes, um(tmp_path, 1, mudadas, NUMERO)) == {"t": (100, 100)}
    assert medida(antes, um(tmp_path, 2, mudadas, {**NUMERO, "nova": "text"})) == {}
    assert medida(antes, um(tmp_path, 3, mudadas, NUMERO, chaves={})) == {}
    assert medida(antes, um(tmp_path, 4, mudadas[:19], NUMERO)) == {}
    assert antes.meta
    antes.caminho(antes.meta.tabelas["t"]).write_bytes(b"[{")
    assert medida(antes, um(tmp_path, 5, mudadas, NUMERO)) == {}


@pytest.mark.parametrize("erro", [OSError("disco cheio"), sqlite3.OperationalError("disco cheio")])
def test_o_que_impede_a_medida_nao_impede_o_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, erro: Exception
) -> None:
    antes = um(tmp_path, 0, linhas(100, 200, tipos=TEXTO), TEXTO)
    agora = um(tmp_path, 1, linhas(100, 200, "y", TEXTO), TEXTO)

    def falhar(*_: object, **__: object) -> None:
        raise erro

    assert medida(antes, agora) == {"t": (100, 100)}
    monkeypatch.setattr(mudanca, "pelo_indice", falhar)
    assert medida(antes, agora) == {}


@pytest.mark.parametrize(
    ("alteradas", "comuns", "maior", "dita"),
    [
        (818, 819, 0, True),
        (19, 19, 0, False),  # poucas
        (20, 20, 0, True),
        (30, 100, 0, False),  # 30 %, e não mais
        (31, 100, 0, True),
        (300, 300, 100, False),  # o triplo, e não mais
        (301, 301, 100, True),
    ],
)
def test_o_que_e_noticia(alteradas: int, comuns: int, maior: int, dita: bool) -> None:
    m = Mudanca("t", alteradas, comuns, "20260110_030000")
    assert fora_do_comum({"t": m}, {"t": maior, "outra": 9999}, 30.0) == ((m,) if dita else ())


def test_o_maior_dia_e_o_que_ficou() -> None:
    """O que uma restauração jogou fora não faz de um segundo acidente um dia comum."""

    class Feita:
        comecada_em = QUANDO + timedelta(days=3)
        tabelas = ("t",)

        def alvo(self) -> Backup:
            return Backup(Path(), f"{QUANDO + timedelta(days=1):%Y%m%d_%H%M%S}", None)

    dias = [
        (QUANDO + timedelta(days=dia), Cabecalho(user_id=DONO, alteradas=alteradas))
        for dia, alteradas in enumerate([{"t": 5, "u": 7}, {"t": 9}, {"t": 800, "u": 900}, {}])
    ]
    assert maiores(dias, []) == {"t": 800, "u": 900}
    assert maiores(dias, [Feita()]) == {"t": 9, "u": 900}  # type: ignore[list-item]


def test_em_palavras() -> None:
    muitas = Mudanca("produtos", 1818, 1819, "20261123_030000")
    assert muitas.em_palavras == (
        "produtos: 1.818 de 1.819 registros mudaram desde 2026-11-23 03:00"
    )
    assert muitas.em_resumo == "produtos 1.818 de 1.819"
    assert Mudanca.de_documento(muitas.documento()) == muitas
    assert Mudanca.de_documento({"alteradas": "x"}) == Mudanca("", 0, 0, "")


# -- de verdade ------------------------------------------------------------------------------


@pytest.fixture
def projeto(criar_supabase: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase(VAZIO, sql=(LOJINHA,))


@pytest.fixture
def avisos() -> Iterator[ServidorDeAvisos]:
    with servidor_de_avisos() as servidor:
        yield servidor


HORA_DA_MUDANCA = """
    ALTER TABLE produtos ADD COLUMN mudado_em timestamptz DEFAULT now();
    CREATE FUNCTION marcar() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.mudado_em := now(); RETURN NEW; END $$;
    CREATE TRIGGER marcar BEFORE INSERT OR UPDATE ON produtos
        FOR EACH ROW EXECUTE FUNCTION marcar();
"""


def test_o_que_um_gatilho_reescreveu_ao_restaurar_nao_e_noticia(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """E o que os clientes apagados deixaram sem ligação volta com o mesmo comando que eles."""
    sem_ligacao = "ALTER TABLE vendas DROP CONSTRAINT vendas_cliente_id_fkey,"
    sem_ligacao += " ADD FOREIGN KEY (cliente_id) REFERENCES clientes ON DELETE SET NULL"
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, HORA_DA_MUDANCA, sem_ligacao))
    assert executar(projeto, tmp_path).codigo == 0
    executar_sql(
        projeto,
        f"DELETE FROM clientes WHERE user_id = '{DONO}'",
        f"UPDATE produtos SET preco = 1 WHERE user_id = '{DONO}'",
    )
    estragado = executar(projeto, tmp_path, "--json")
    assert estragado.codigo == 10, estragado.tudo
    (retorno,) = estragado.json()["para_voltar"]
    (comando,) = retorno["comandos"]
    assert comando.endswith(" --tabelas clientes,produtos,vendas"), comando
    volta = ("--empresa", DONO, "--confirmar", "RESTAURAR", *comando.split()[4:])
    assert restaurar(projeto, tmp_path, *volta).codigo == 0
    assert valor(projeto, "SELECT count(*) FROM vendas WHERE cliente_id IS NULL") == 0
    depois = executar(projeto, tmp_path, "--json")
    assert (depois.codigo, depois.json()["mudancas"]) == (0, [])


def test_os_precos_estragados_dizem_se_e_voltam(
    projeto: SupabaseLocal, avisos: ServidorDeAvisos, tmp_path: Path
) -> None:
    """Na tela, no --json, na mensagem, no menu e nas datas; o código é 0, e na noite seguinte cala.
    Restaurado, um segundo acidente igual também se diz."""
    antes = impressoes(projeto)
    mais = {"BACKUP_WEBHOOK_URL": avisos.url("gancho"), "BACKUP_PING_URL": avisos.url("ping")}
    assert executar(projeto, tmp_path, mais=mais).codigo == 0
    bom = ultimo_backup(tmp_path, DONO)
    carimbo = bom["tabelas"]["produtos"]["arquivo"][9:24]
    estragar = f"UPDATE produtos SET preco = 0.01 WHERE user_id = '{DONO}' AND id > 1"
    executar_sql(projeto, estragar)
    avisos.recebidos.clear()
    saida = executar(projeto, tmp_path, "--silencioso", mais=mais)
    assert saida.codigo == 0, saida.tudo
    minuto = bom["inicio"][:16].replace("T", " ")
    linhas_ = saida.erros.splitlines()
    assert linhas_[:4] == [
        "🏢 Empresa: Padaria Ação",
        f"   🔁 produtos: 299 de 300 registros mudaram desde {minuto}",
        "   🔁 Padaria Ação: mudou muito (produtos 299 de 300)",
        "   Se foi um acidente, os backups de antes continuam guardados. Volta com:",
    ]
    fim = f"restaurar-empresa.py --empresa {DONO} --backup {carimbo} --tabelas produtos"
    assert linhas_[4].endswith(fim)
    assert len(linhas_) == 5
    estragado = ultimo_backup(tmp_path, DONO)
    dita = {"tabela": "produtos", "alteradas": 299, "comuns": 300, "referencia": carimbo}
    assert (estragado["mudancas"], estragado["alteradas"]) == ([dita], {"produtos": 299})
    assert "mudancas" not in ultimo_backup(tmp_path, VIZINHA)
    assert avisos.caminhos == ["ping/start", "ping", "gancho"]
    mensagem = json.loads(avisos.recebidos[-1].corpo)
    assert (mensagem["evento"], mensagem["codigo"]) == ("mudanca", 0)
    assert mensagem["mudancas"] == [{"id": DONO, "nome": "Padaria Ação", **dita}]
    assert mensagem["text"].splitlines()[1:3] == ["Para trazer de volta:", linhas_[4].strip()]
    assert "Mudou muito: 1\n  Padaria Ação: produtos: 299 de 300" in mensagem["text"]
    listada = executar(None, tmp_path, "listar").saida
    assert listada.count("completo  🔁 mudou muito\n") == 1

    # Na noite seguinte já é o que havia; nas datas, a marca fica.
    em_json = executar(projeto, tmp_path, "--json", mais=mais).json()
    assert (em_json["codigo"], em_json["mudancas"]) == (0, [])
    respostas = ("1", "0", "3", "RESTAURAR")
    volta = restaurar(projeto, tmp_path, respostas=respostas)
    assert volta.codigo == 0, volta.tudo
    assert volta.saida.count("🔁 mudou muito\n") == 1
    assert impressoes(projeto) == antes
    assert executar(projeto, tmp_path, "--json").json()["mudancas"] == []
    executar_sql(projeto, estragar)
    de_novo = executar(projeto, tmp_path, "--json").json()["mudancas"]
    assert [(m["tabela"], m["alteradas"]) for m in de_novo] == [("produtos", 299)]
    assert alheias(impressoes(projeto), DONO) == alheias(antes, DONO)
