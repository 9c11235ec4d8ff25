"""Empresas ao acaso levadas a destinos de esquema ao acaso, por cada via: o que chega é o que
havia, nada de outros muda, repetir não move nada e desfazer deixa o destino como era.

Na suíte, um caso por via; `python3 tests/campanhas clone` faz cinquenta por cada uma.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from apoio.ao_acaso import Empresa, empresa, gravar
from apoio.campanha import CAMPANHA
from apoio.dois_projetos import ESQUEMA, DoisProjetos, sql_da_numeracao, sql_do_destino
from apoio.execucao import Saida, executar, fotografia_do_disco
from apoio.impressoes import sequencias_atras
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA, RestauracaoRecusada
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.servidor import SupabaseLocal

NA_SUITE: Final = {11: API, 28: DIRETA}
"""Uma empresa com de tudo, num destino em que cabe, e outra em que se perde uma coluna."""
SEMENTES: Final = range(50) if CAMPANHA else list(NA_SUITE)
CASOS: Final = [
    (n, via) for n in SEMENTES for via in (API, DIRETA) if CAMPANHA or via == NA_SUITE[n]
]
ESCOLHAS: Final = (
    ("coluna_a_menos", "tipo_em_que_nao_cabe"),
    ("tabela_a_menos", "gatilho_que_reescreve"),
    ("coluna_a_mais",),
    ("coluna_a_mais_com_padrao", "coluna_a_mais_sem_padrao"),
    ("tipo_em_que_cabe",),
    ("texto_curto", "unica_a_mais"),
    ("enumerado_sem_um_valor",),
    ("regra_a_mais",),
    ("sempre_numerada",),
)
"""De cada grupo, no máximo uma: as do mesmo mexem no mesmo lugar."""
DE_ACORDO: Final = frozenset({"coluna_a_menos", "tabela_a_menos"})
"""As que só perdem o que não tem onde ficar: com --aceitar, o resto vai inteiro."""
TUDO: Final = ("--aceitar", "colunas,registros,tabelas")


@dataclass(frozen=True, slots=True)
class Origem:
    """Um projeto com todas as empresas, e um depósito com um backup de cada uma."""

    projeto: SupabaseLocal
    backups: Path
    empresas: dict[int, Empresa]


@pytest.fixture(scope="module")
def origem(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Origem:
    projeto = criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))
    empresas = {n: empresa(n) for n in SEMENTES}
    gravar(projeto, empresas.values())
    backups = tmp_path_factory.mktemp("origem") / "backups"
    saida = executar(projeto, backups)
    assert saida.codigo == 0, saida.tudo
    return Origem(projeto, backups, empresas)


def _diferencas(acaso: random.Random) -> tuple[str, ...]:
    """Poucas: com muitas, quase nada caberia em lugar nenhum."""
    quantas = acaso.choice((0, 1, 1, 2, 3))
    return tuple(acaso.choice(grupo) for grupo in acaso.sample(ESCOLHAS, quantas))


def _nao_cabem(uma: Empresa, diferencas: tuple[str, ...], via: str) -> set[str]:
    """Destas diferenças, as que não aceitam alguma linha da empresa, por outra conta que não a do
    cofre."""
    produtos, vendas = uma.linhas["produtos"], uma.linhas["vendas"]
    nomes = [linha[2] for linha in produtos]
    precos = [linha[3] for linha in produtos]
    recusas = {
        "tipo_em_que_nao_cabe": any(linha[3] is not None for linha in uma.linhas["clientes"]),
        "coluna_a_mais_sem_padrao": bool(produtos),
        "texto_curto": any(len(nome) > 12 for nome in nomes),
        "unica_a_mais": len(set(nomes)) < len(nomes),
        "enumerado_sem_um_valor": any(linha[3] == "devolvida" for linha in vendas),
        "regra_a_mais": any(p is not None and (p.is_nan() or p >= 15) for p in precos),
        "sempre_numerada": via == API and bool(produtos),
        "tipo_em_que_cabe": any(len(linha[2] or "") > 200 for linha in uma.linhas["clientes"]),
    }
    return {d for d in diferencas if recusas.get(d, False)}


@pytest.mark.parametrize(("semente", "via"), CASOS)
def test_o_que_chega_e_o_que_havia_e_nada_mais_muda(
    origem: Origem, criar_supabase: FabricaDeSupabase, tmp_path: Path, semente: int, via: str
) -> None:
    uma = origem.empresas[semente]
    diferencas = _diferencas(random.Random(f"destino {semente}"))
    destino = criar_supabase(VAZIO, sql=sql_do_destino(*diferencas))
    dois = DoisProjetos(origem.projeto, destino, origem.backups, tmp_path, via)
    dois.escrever_env()
    antes = dois.ponto()
    ruins = _nao_cabem(uma, diferencas, via)
    saida = dois.clonar(dono=uma.dono)
    caso = (diferencas, ruins, saida.tudo)
    if ruins or (DE_ACORDO & set(diferencas) and saida.codigo != 0):
        assert saida.codigo == RestauracaoRecusada.codigo, caso
        dois.conferir_intacto(antes)
        saida = dois.clonar(*TUDO, dono=uma.dono)
        caso = (diferencas, ruins, saida.tudo)
    print(f"caso {semente} ({via}): {diferencas}, código {saida.codigo}")
    if ruins and saida.codigo == RestauracaoRecusada.codigo:
        dois.conferir_intacto(antes)
        return
    dois.conferir_alheias(antes, uma.dono)
    if ruins:
        assert saida.codigo == NEM_TUDO_COMO_ERA, caso
        _conferir_a_parte(dois, uma, saida)
    else:
        _conferir_o_todo(dois, uma, saida, diferencas)
        if saida.codigo == 0:
            _conferir_que_repetir_nao_move_nada(dois, uma)
    desfeito = dois.acao("desfazer", dono=uma.dono)
    assert desfeito.codigo == 0, (caso, desfeito.tudo)
    dois.conferir_intacto(antes)


def _conferir_o_todo(
    dois: DoisProjetos, uma: Empresa, saida: Saida, diferencas: tuple[str, ...]
) -> None:
    """Tudo chegou; só o que um gatilho do destino reescreve pode diferir, e é dito."""
    reescrita = "gatilho_que_reescreve" in diferencas and dois.via == API
    diferem = dois.diferem(uma.dono, [("recados", "texto")] if reescrita else [])
    assert diferem == {}, (diferencas, saida.tudo)
    ditas = "recados.texto: o banco pôs outro conteúdo" in saida.tudo
    perdidas = DE_ACORDO & set(diferencas)
    assert saida.codigo == (NEM_TUDO_COMO_ERA if ditas else 0) or perdidas, saida.tudo
    # Pela API não há como adiantá-las: a tela dá o SQL que o faz.
    dois.sql(*sql_da_numeracao(saida.saida))
    assert sequencias_atras(dois.destino) == []


def _conferir_a_parte(dois: DoisProjetos, uma: Empresa, saida: Saida) -> None:
    """Cada linha que chegou é a da origem, e as que faltam são ditas; só pode diferir a coluna que
    um gatilho ou o tipo de lá reescreve, que também é dita."""
    reescritas = [
        (tabela, coluna)
        for tabela, coluna in (("recados", "texto"), ("clientes", "telefone"))
        if f"{tabela}.{coluna}: o banco pôs outro conteúdo" in saida.saida
    ]
    for tabela, (so_la, so_aqui) in dois.diferem(uma.dono, reescritas).items():
        assert so_la == [], (tabela, so_la, saida.tudo)
        assert so_aqui, saida.tudo
    assert "não volt" in saida.saida, saida.tudo


def _conferir_que_repetir_nao_move_nada(dois: DoisProjetos, uma: Empresa) -> None:
    """Nem no banco, nem na pasta dos backups de lá."""
    agora, no_disco = dois.ponto(), fotografia_do_disco(dois.backups_de_la)
    saida = dois.clonar(*TUDO, dono=uma.dono)
    assert saida.codigo == 0, saida.tudo
    dois.conferir_intacto(agora)
    assert fotografia_do_disco(dois.backups_de_la) == no_disco
