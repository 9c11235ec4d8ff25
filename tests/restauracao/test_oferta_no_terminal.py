"""A oferta num terminal de verdade, de 80 e de 50 colunas: o que se lê, inteiro."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apoio.inventados import BIA, linhas, publicar
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.terminal import num_terminal
from cofre.deposito import ausencia
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO
from cofre.deposito.deposito import Deposito
from supabase_local.servidores.servidor import SupabaseLocal

HOJE = datetime.now().astimezone().replace(hour=3, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Um banco qualquer: nenhuma destas conversas chega a ele."""
    return criar_supabase_do_modulo(VAZIO)


@pytest.fixture
def destino(tmp_path: Path) -> Path:
    """Três noites da Ana, a última com o estrago; e a Bia, que sumiu do banco."""
    deposito = Deposito(tmp_path / "b")
    for dias in (3, 2, 1):
        quando = f"{HOJE - timedelta(days=dias):{FORMATO_DO_CARIMBO}}"
        estrago = {"tabela": "clientes", "antes": 145, "agora": 0, "referencia": quando}
        encolhimentos = [estrago] if dias == 1 else []
        tabelas = {"produtos": linhas(5), "clientes": linhas(0 if dias == 1 else 145)}
        publicar(deposito, quando, tabelas, encolhimentos=encolhimentos)
    dela = publicar(deposito, f"{HOJE - timedelta(days=1):{FORMATO_DO_CARIMBO}}", dono=BIA)
    ausencia.anotar(dela.pasta, BIA)
    return deposito.raiz


def visto(projeto: SupabaseLocal, destino: Path, colunas: int, digitado: str) -> list[str]:
    """As linhas da tela, a partir do menu, sem os espaços do fim."""
    tela = num_terminal(projeto, destino, colunas, digitado)
    inicio = tela.index("🏢 EMPRESAS COM BACKUP")
    return [linha.rstrip() for linha in re.sub(r"\r", "", tela[inicio:]).split("\n")]


LARGA = """\
🏢 EMPRESAS COM BACKUP DISPONÍVEL
1. Bia Peças (último backup: {1} 03:00)  🚨 sumiu do banco
2. Ana Doces (último backup: {1} 03:00)  📉 dados encolheram

Escolha a empresa: ⚠️ O backup mais novo já tem o estrago (clientes 145 → 0).
Usar o de {2} 03:00, o último antes? [Enter]
📋 TABELAS DISPONÍVEIS
0. [TODAS AS TABELAS]
1. produtos (3 backups)  5
2. clientes (3 backups)  145 → 0
   (ao lado, os registros neste; → os do mais novo)
   (backup de {2} 03:00:00; d outra data, p um registro, l outro projeto)

Escolha as tabelas (ex: 1,3 ou 0 para todas):
📅 BACKUPS DESTA EMPRESA
1. {1} 03:00:00  manual    5 registros  completo  📉 dados encolheram
2. {2} 03:00:00  manual  150 registros  completo  ← escolhido
3. {3} 03:00:00  manual  150 registros  completo

Escolha a data (Enter mantém a atual): """
ESTREITA = """\
🏢 EMPRESAS COM BACKUP DISPONÍVEL
1. Bia Peças (último backup: {1} 03:00)
   🚨 sumiu do banco
2. Ana Doces (último backup: {1} 03:00)
   📉 dados encolheram

Escolha a empresa: ⚠️ O backup mais novo já tem o estrago (clientes
   145 → 0).
Usar o de {2} 03:00, o último antes?
   [Enter]
📋 TABELAS DISPONÍVEIS
0. [TODAS AS TABELAS]
1. produtos (3 backups)  5
2. clientes (3 backups)  145 → 0
   (ao lado, os registros neste; → os do mais
    novo)
   (backup de {2} 03:00:00; d outra data, p
   um registro, l outro projeto)

Escolha as tabelas (ex: 1,3 ou 0 para todas):
📅 BACKUPS DESTA EMPRESA
1. {1} 03:00:00
   manual, 5 registros, completo  📉 dados
   encolheram
2. {2} 03:00:00  ← escolhido
   manual, 150 registros, completo
3. {3} 03:00:00
   manual, 150 registros, completo

Escolha a data (Enter mantém a atual): """
"""O que se digita de uma vez não se vê: depois de cada pergunta, a linha seguinte vem colada."""


@pytest.mark.parametrize(("colunas", "esperada"), [(80, LARGA), (50, ESTREITA)])
def test_o_menu_a_oferta_e_as_datas(
    projeto: SupabaseLocal, destino: Path, colunas: int, esperada: str
) -> None:
    tela = visto(projeto, destino, colunas, "ana\n\nd\n\nq\n")
    dias = [f"{HOJE - timedelta(days=ha):%Y-%m-%d}" for ha in range(4)]
    linhas_ = esperada.format(*dias).split("\n")
    assert tela[: len(linhas_) - 1] == linhas_[:-1]
    assert tela[len(linhas_) - 1].startswith(linhas_[-1])
