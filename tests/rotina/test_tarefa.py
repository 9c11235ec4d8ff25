"""A tarefa que roda de tanto em tanto: quieta quando nada mudou, e nunca quando se duvida."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from apoio.avisos import ServidorDeAvisos, servidor_de_avisos
from apoio.campanha import amostra
from apoio.cifrados import cifrando_para
from apoio.execucao import Saida, fotografia_do_disco, metadados
from apoio.impressoes import executar_sql
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, VIZINHA, projeto  # noqa: F401
from apoio.procurador import Destino, procurador
from apoio.relogio import executar_em
from cofre.deposito import cobertura
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.deposito import Deposito
from cofre.deposito.idade import idades
from cofre.deposito.trava import de_um_trabalho
from cofre.rotina import diaria, ultima
from supabase_local.servidores.falhas import RespostaForcada
from supabase_local.servidores.servidor import SupabaseLocal

TAREFA: Final = ("--tipo", "agendado", "--cada", "15min", "--json")
OITO: Final = datetime(2026, 3, 10, 8, 0).astimezone()
VIAS: Final = amostra(["api", "direta", "api cifrada", "direta cifrada"], 2)


@dataclass(frozen=True, slots=True)
class Loja:
    """Um projeto e a pasta dos backups dele, aos minutos que se disser depois das oito."""

    projeto: SupabaseLocal
    destino: Path
    mais: dict[str, str]

    def rodar(self, minutos: int, *argumentos: str, codigo: int = 0) -> Saida:
        quando = OITO + timedelta(minutes=minutos)
        saida = executar_em(quando, self.projeto, self.destino, *argumentos, mais=self.mais)
        assert saida.codigo == codigo, saida.tudo
        return saida

    def tarefa(self, minutos: int) -> dict[str, Any]:
        """O documento de uma vez da tarefa."""
        documento: dict[str, Any] = self.rodar(minutos, *TAREFA).json()
        return documento

    @property
    def quantos(self) -> tuple[int, int]:
        """Quantos backups tem o DONO, e quantos a VIZINHA."""
        donos = [m["user_id"] for m in metadados(self.destino)]
        return donos.count(DONO), donos.count(VIZINHA)

    def visto(self, dono: str) -> tuple[datetime, int]:
        """Quando se viu por último que o backup ainda vale, e os minutos do maior tempo sem ver."""
        lida = cobertura.ler(Deposito(self.destino).pasta_da_empresa(dono), dono)
        assert lida is not None
        (maior,) = lida.lacunas.values()
        return lida.ate.replace(microsecond=0), round(maior / 60)


def aos(minutos: int) -> datetime:
    return OITO + timedelta(minutes=minutos)


def loja(projeto: SupabaseLocal, destino: Path, via: str) -> Loja:  # noqa: F811
    direta = {"SUPABASE_DB_URL": projeto.uri_admin} if "direta" in via else {}
    cifra = cifrando_para(gerar(), gerar()) if "cifrada" in via else {}
    return Loja(projeto, destino, {**direta, **cifra})


@pytest.mark.parametrize("via", VIAS)
def test_a_empresa_em_que_nada_mudou_nao_ganha_outro(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
    via: str,
) -> None:
    de = loja(projeto, tmp_path / "b", via)
    assert de.tarefa(0)["empresas_iguais"] == 0
    assert de.quantos == (1, 1)
    antes = sem_vistos(de.destino)
    quieta = de.tarefa(15)
    assert (quieta["empresas_iguais"], quieta["empresas_completas"]) == (2, 2)
    assert {e["igual_a"][:-2] for e in quieta["empresas"]} == {"20260310_0800"}
    assert {(e["carimbo"], e["completo"]) for e in quieta["empresas"]} == {("", True)}
    assert sem_vistos(de.destino) == antes
    executar_sql(projeto, "UPDATE produtos SET preco = preco + 1 WHERE id = 1001")
    mudou = de.tarefa(45)
    assert mudou["empresas_iguais"] == 1
    assert de.quantos == (1, 2)
    # A hora em que se viu é a da foto; e o maior tempo sem olhar, o de entre as vezes.
    for dono in (DONO, VIZINHA):
        quando, maior = de.visto(dono)
        assert aos(45) <= quando < aos(46)
        assert maior == 30
    assert all(sem_vistos(de.destino)[p] == b for p, b in antes.items())


def sem_vistos(destino: Path) -> dict[str, bytes]:
    """Os bytes de cada arquivo de backup. Os resumos são só do backup mais novo de cada empresa."""
    de_estado = (cobertura.ARQUIVO, diaria.ARQUIVO, "perfil")
    disco = fotografia_do_disco(destino)
    return {p: b for p, b in disco.items() if not p.endswith(de_estado) and "/.resumo" not in p}


def test_a_duvida_faz_o_backup(projeto: SupabaseLocal, tmp_path: Path) -> None:  # noqa: F811
    """A primeira vez do dia, à mão, com outra descrição, ou se o último não está como era."""
    de = loja(projeto, tmp_path / "b", "direta")
    de.tarefa(0)
    de.rodar(5, "--tipo", "agendado")
    assert de.quantos == (2, 2)
    de.tarefa(15)
    assert de.quantos == (2, 2)
    executar_sql(projeto, "ALTER TABLE vazia ADD COLUMN cor text")  # nenhuma linha mudou
    try:
        de.tarefa(30)
        assert de.quantos == (3, 3)
    finally:
        executar_sql(projeto, "ALTER TABLE vazia DROP COLUMN cor")
    de.tarefa(45)
    assert de.quantos == (4, 4)
    pasta = Deposito(de.destino).pasta_da_empresa(DONO)
    (novo,) = pasta.glob("produtos_20260310_0845*")
    os.truncate(novo, novo.stat().st_size - 1)
    de.tarefa(60)
    assert de.quantos == (5, 4)
    de.tarefa(16 * 60 + 5)  # já é amanhã
    assert de.quantos == (6, 5)


@contextlib.contextmanager
def pela_rede(projeto: SupabaseLocal, destino: Path) -> Iterator[tuple[Loja, list[bytes]]]:  # noqa: F811
    """A loja pela direta, e o que se vai perguntando ao servidor."""
    porta = urlsplit(projeto.uri_banco).port
    assert porta is not None
    pedidos: list[bytes] = []

    def contar(dados: bytes) -> Destino:
        if dados[:1] in (b"Q", b"P"):  # uma pergunta, simples ou por partes
            pedidos.append(dados)
        return Destino.PASSAR

    with procurador(porta, contar) as outra:
        pela_outra = {"SUPABASE_DB_URL": projeto.uri_banco.replace(f":{porta}/", f":{outra}/")}
        yield Loja(projeto, destino, pela_outra), pedidos


def test_quando_nada_mudou_as_idas_ao_servidor_contam_se_pelos_dedos(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Os ajustes da sessão; o catálogo, e o fim dele; quem são as empresas; se há linhas sem dono,
    numa tabela com mãe; a trava e o instante; o que o banco diz de tudo o que é delas; e o fim."""
    with pela_rede(projeto, tmp_path / "b") as (de, pedidos):
        de.tarefa(0)
        pedidos.clear()
        assert de.tarefa(15)["empresas_iguais"] == 2
    assert len(pedidos) == 8, pedidos


@pytest.mark.parametrize(
    "cifra", [{}, cifrando_para(gerar(), gerar())], ids=["em claro", "cifrado"]
)
def test_o_que_se_leu_por_inteiro_sem_precisar_nao_se_le_a_cada_vez(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
    cifra: dict[str, str],
) -> None:
    """Sem o que o servidor disse, ou com ele estragado, lê-se tudo; e se tudo é igual, não há
    backup novo, mas a vez seguinte já não lê nada."""
    with pela_rede(projeto, tmp_path / "b") as (de, pedidos):
        de.mais.update(cifra)

        def lidos(minutos: int) -> set[bytes]:
            """O que se lê numa vez em que nada mudou."""
            pedidos.clear()
            assert de.tarefa(minutos)["empresas_iguais"] == 2
            return {p for p in pedidos if b"COPY (" in p}

        de.tarefa(0)
        antes, quieta = sem_vistos(de.destino), lidos(5)
        resumos = sorted(de.destino.glob("empresa_*/.resumo.*"))
        assert len(resumos) == 2
        resumos[0].unlink()
        resumos[1].write_bytes(b"{}")
        assert lidos(15) != quieta
        assert lidos(30) == quieta
        assert sem_vistos(de.destino) == antes
        assert sorted(de.destino.glob("empresa_*/.resumo.*")) == resumos
        executar_sql(projeto, "UPDATE produtos SET preco = preco + 1 WHERE id = 1001")
        assert de.tarefa(45)["empresas_iguais"] == 1


@pytest.mark.parametrize("tabela", ["produtos", "empresas"])
def test_a_tarefa_quieta_nao_rele_os_backups_e_o_primeiro_do_dia_rele(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
    tabela: str,
) -> None:
    """Um byte trocado no disco não se vê em cada quarto de hora; nunca passa para outro dia."""
    de = loja(projeto, tmp_path / "b", "direta")
    de.tarefa(0)
    pasta = Deposito(de.destino).pasta_da_empresa(DONO)
    (arquivo,) = pasta.glob(f"{tabela}_*")
    bom = arquivo.read_bytes()
    arquivo.write_bytes(bom.replace(b'"nome":"P', b'"nome":"Q', 1))
    assert arquivo.read_bytes() != bom
    antes = fotografia_do_disco(de.destino)
    assert de.tarefa(15)["empresas_iguais"] == 2
    depois = fotografia_do_disco(de.destino)
    assert {p for p in depois if p not in antes} <= {p for p in depois if "logs/" in p}
    amanha = de.tarefa(24 * 60)
    assert (amanha["empresas_iguais"], amanha["empresas_completas"]) == (0, 2)
    (novo,) = pasta.glob(f"{tabela}_20260311*")
    assert novo.read_bytes() == bom


def test_a_idade_conta_desde_que_se_viu(projeto: SupabaseLocal, tmp_path: Path) -> None:  # noqa: F811
    de = loja(projeto, tmp_path / "b", TANTO_FAZ)
    de.tarefa(0)
    de.tarefa(120)
    limite, agora = timedelta(hours=1), aos(150)
    achadas = {e.id: i for e, i in idades(Deposito(de.destino), limite, agora)}
    assert {i.velho for i in achadas.values()} == {False}
    assert achadas[DONO].em_palavras == "há 29 min"
    assert achadas[DONO].ultimo is not None
    assert achadas[DONO].ultimo.quando < aos(1)
    listado = de.rodar(130, "listar", "--json").json()
    assert aos(120) <= datetime.fromisoformat(listado["empresas"][0]["ultimo_inteiro"]["visto"])
    na_tela = de.rodar(130, "listar").saida
    assert na_tela.count("💤 visto igual às 10:00") == 2
    (de.destino / "painel.html").unlink()
    de.rodar(130, "painel")
    pagina = (de.destino / "painel.html").read_text("utf-8")
    assert pagina.count("10/03/2026 08:00, visto igual às 10:00</dd>") == 2
    pasta = Deposito(de.destino).pasta_da_empresa(DONO)
    (pasta / cobertura.ARQUIVO).write_bytes(b"{")
    achadas = {e.id: i for e, i in idades(Deposito(de.destino), limite, agora)}
    assert (achadas[DONO].velho, achadas[VIZINHA].velho) == (True, False)


def test_as_vezes_em_que_nada_mudou_tem_um_log_por_dia(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
) -> None:
    de = loja(projeto, tmp_path / "b", TANTO_FAZ)
    for minutos in (0, 15, 30, 45):
        de.tarefa(minutos)
    do_dia = "20260310_000000_sem_mudanca.log"
    logs = sorted(p.name for p in (de.destino / "logs").iterdir())
    assert logs == [do_dia, "20260310_080000_backup.log"]
    dito = (de.destino / "logs" / do_dia).read_text("utf-8")
    assert dito.count("Fim: código 0") == 3
    assert dito.count("nada mudou desde o backup de 2026-03-10 08:00") == 6
    assert ultima.anterior(de.destino)["log"] == do_dia


@pytest.fixture
def avisos() -> Any:
    with servidor_de_avisos() as servidor:
        yield servidor


def test_o_mesmo_problema_diz_se_uma_vez_por_dia(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
    avisos: ServidorDeAvisos,
) -> None:
    de = loja(projeto, tmp_path / "b", "api")
    de.mais.update(BACKUP_WEBHOOK_URL=avisos.url("gancho"), BACKUP_PING_URL=avisos.url("ping"))

    def eventos(minutos: int, codigo: int) -> list[str]:
        avisos.recebidos.clear()
        de.rodar(minutos, *TAREFA, "--tentativas", "1", codigo=codigo)
        assert ("ping" if codigo == 0 else "ping/fail") in avisos.caminhos
        ditos = [a for a in avisos.recebidos if a.caminho.endswith("gancho")]
        return [json.loads(a.corpo)["evento"] for a in ditos]

    def com_falha(tabela: str) -> Any:
        return projeto.gateway.com_falha(
            RespostaForcada(403),
            tabela=tabela,
            se=lambda pedido: "order" in pedido.parametros,
            vezes=None,
        )

    assert eventos(0, 0) == []
    with com_falha("clientes"):
        assert [eventos(m, 4) for m in (15, 30)] == [["falha"], []]
    with com_falha("produtos"):  # já não é o mesmo problema
        assert [eventos(m, 4) for m in (45, 60)] == [["falha"], []]
        assert eventos(16 * 60 + 5, 4) == ["falha"]  # amanhã
    assert [eventos(m, 0) for m in (16 * 60 + 15, 16 * 60 + 30)] == [["normal"], []]


def test_uma_vez_nao_comeca_enquanto_a_outra_nao_acaba(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
) -> None:
    de = loja(projeto, tmp_path / "b", TANTO_FAZ)
    de.tarefa(0)
    antes = fotografia_do_disco(de.destino, com_registros=True)
    with de_um_trabalho(de.destino, "tarefa"):
        saltada = de.tarefa(15)
        ficha = de.destino / ".travas" / "tarefa.json"
        assert saltada == {"acao": "backup", "codigo": 0, "saltada": True}
        depois = fotografia_do_disco(de.destino, com_registros=True)
        assert {p for p in depois if not p.startswith(".travas")} == {
            p for p in antes if not p.startswith(".travas")
        }
        assert depois["ultima_execucao.json"] == antes["ultima_execucao.json"]
        presa = time.time() - 13 * 3600
        os.utime(ficha, (presa, presa))  # há mais do que uma tarefa pode durar
        assert de.tarefa(15)["empresas_iguais"] == 2
    assert de.tarefa(30)["empresas_iguais"] == 2


def test_a_copia_fora_so_se_procura_se_ha_o_que_levar(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Quieta, a tarefa não fala com o destino (o disco pode estar a dormir); com um backup novo, ou
    se o último envio não chegou ao fim, fala."""
    fora = tmp_path / "disco" / "Cofre"
    fora.mkdir(parents=True)
    de = loja(projeto, tmp_path / "b", "direta")
    de.mais.update(COPIA_DESTINO=f"pasta:{fora}", COPIA_EM_CLARO="sim")
    assert de.tarefa(0)["copia"]["codigo"] == 0
    fora.rename(tmp_path / "desligado")
    assert "copia" not in de.tarefa(15)
    executar_sql(projeto, "UPDATE produtos SET preco = preco + 1 WHERE id = 1002")
    assert de.rodar(30, *TAREFA, codigo=13).json()["empresas_iguais"] == 1
    assert de.rodar(45, *TAREFA, codigo=13).json()["empresas_iguais"] == 2
    (tmp_path / "desligado").rename(fora)
    voltou = de.tarefa(60)
    assert (voltou["empresas_iguais"], voltou["copia"]["destinos"][0]["backups"]) == (2, 1)
    assert "copia" not in de.tarefa(75)
