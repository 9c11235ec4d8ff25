"""Uma comparação numa página: um arquivo HTML só, no estilo da página dos backups.

Como nela, o Jinja escapa tudo o que mostra, e a política de conteúdo não deixa buscar nada em rede
nenhuma.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofre.base.apelido import parece_segredo
from cofre.base.disco import erros_de_disco
from cofre.base.modelo import LOGINS
from cofre.base.palavras import como_se_diz
from cofre.base.valores import valor
from cofre.busca.comparacao import palavras
from cofre.busca.comparacao.comparacao import Comparacao, Comparada
from cofre.busca.comparacao.resumo import (
    APARECEU,
    MUDOU,
    SUMIU,
    Registro,
    TabelaComparada,
    registros,
    valores,
)
from cofre.deposito.zip.saida import inteiro_ou_nada
from cofre.rotina.painel.pagina import ambiente_em, estilo_do_painel, resumo

if TYPE_CHECKING:
    from jinja2 import Template

AQUI = Path(__file__).parent
HTML = ".html"
REGISTROS_POR_TABELA = 1_000
"""Uma página com milhões de linhas nenhum navegador abre."""

LETRAS = 1_000
"""De um valor."""

CONTAS: Mapping[str, tuple[str, str]] = {
    APARECEU: ("registro apareceu", "registros apareceram"),
    MUDOU: ("mudou", "mudaram"),
    SUMIU: ("sumiu", "sumiram"),
}


def gravar(
    arquivo: Path,
    empresa: str,
    comparacao: Comparacao,
    comparadas: Sequence[Comparada],
    *,
    sobrescrever: bool,
) -> None:
    """Quem olha a pasta vê a página inteira ou nenhuma. Levanta ErroDeUso, BackupDanificado,
    FalhaDeDisco ou DependenciaAusente."""
    desenhada = _desenhar(empresa, comparacao, comparadas)
    with (
        erros_de_disco(arquivo),
        inteiro_ou_nada(arquivo, sobrescrever=sobrescrever, fim=HTML) as saida,
    ):
        for parte in desenhada:
            saida.write(parte.encode("utf-8", "replace"))


def _desenhar(
    empresa: str, comparacao: Comparacao, comparadas: Sequence[Comparada]
) -> Iterator[str]:
    tabelas = [c for c in comparadas if isinstance(c, TabelaComparada) and c.duas.nome != LOGINS]
    estilo = estilo_do_painel() + _ler("comparacao.css")
    programa = _ler("comparacao.js")
    return _modelo().generate(
        nome=empresa,
        antes=comparacao.antes.na_pagina,
        depois=comparacao.depois.na_pagina,
        contas=CONTAS,
        totais={
            APARECEU: sum(t.apareceram for t in tabelas),
            MUDOU: sum(t.mudaram for t in tabelas),
            SUMIU: sum(t.sumiram for t in tabelas),
        },
        tabelas=[_tabela(t) for t in tabelas if not t.igual],
        iguais=palavras.iguais([t for t in tabelas if t.igual]),
        resto=[*palavras.resto(comparadas)],
        estilo=estilo,
        programa=programa,
        resumo_do_estilo=resumo(estilo),
        resumo_do_programa=resumo(programa),
    )


def _tabela(t: TabelaComparada) -> dict[str, Any]:
    """O que o modelo mostra dela; os registros se leem quando chega a vez deles."""
    mudados = t.apareceram + t.mudaram + t.sumiram
    return {
        "nome": como_se_diz(t.duas.nome),
        "apareceram": t.apareceram,
        "mudaram": t.mudaram,
        "sumiram": t.sumiram,
        "iguais": t.iguais,
        "frases": [*palavras.das_colunas(t.duas)],
        "colunas": [(c, mudada.registros) for c, mudada in t.colunas.items()],
        "registros": (
            _registro(t, r) for r in itertools.islice(registros(t.duas), REGISTROS_POR_TABELA)
        ),
        "a_mais": max(mudados - REGISTROS_POR_TABELA, 0),
    }


def _registro(t: TabelaComparada, mudado: Registro) -> dict[str, Any]:
    dito = {
        "o_que": mudado.o_que,
        "sinal": palavras.SINAIS[mudado.o_que],
        "nome": palavras.nome(t.duas, mudado.linha, curta=False),
    }
    if mudado.antes is None or mudado.depois is None:
        return {**dito, "conteudo": "; ".join(palavras.conteudo(mudado.linha, LETRAS))}
    velhos, novos = valores(mudado.antes), valores(mudado.depois)
    mudancas = [
        {
            "coluna": c,
            "segredo": parece_segredo(c, velhos.get(c), novos.get(c)),
            "antes": valor(velhos.get(c), LETRAS),
            "depois": valor(novos.get(c), LETRAS),
        }
        for c in mudado.colunas
    ]
    return {**dito, "mudancas": mudancas}


@cache
def _modelo() -> Template:
    return ambiente_em(AQUI).get_template("comparacao.html.jinja")


def _ler(nome: str) -> str:
    return (AQUI / nome).read_text(encoding="utf-8")
