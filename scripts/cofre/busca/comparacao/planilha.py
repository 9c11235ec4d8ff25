"""Os registros que não são iguais em CSV, para planilhas, como `exportar` os escreve: um arquivo
por tabela, num zip.

De um que mudou há duas linhas, como era e como ficou.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from cofre.base.apelido import parece_segredo
from cofre.base.disco import erros_de_disco
from cofre.base.linha import NULO
from cofre.base.modelo import LOGINS
from cofre.base.palavras import plural
from cofre.busca.comparacao.comparacao import Comparacao, Comparada
from cofre.busca.comparacao.duas import Duas
from cofre.busca.comparacao.palavras import resto
from cofre.busca.comparacao.resumo import APARECEU, SUMIU, TabelaComparada, registros, valores
from cofre.deposito.zip.exportacao import LEIA_ME, csv_no_zip, no_bloco_de_notas, nova_entrada
from cofre.deposito.zip.planilha import celula, colunas_json, folha
from cofre.deposito.zip.saida import inteiro_ou_nada

COLUNAS = ("o que houve", "colunas que mudaram")
ERA, FICOU = "era assim", "ficou assim"
NAO_SE_MOSTRA = "(não se mostra)"

_TEXTO = """\
O que mudou numa empresa, em CSV, para planilhas (Excel, LibreOffice).

Empresa:  {nome}
De:       {antes}
Para:     {depois}
Diferem:  {tabelas}
{resto}
Os logins não vão para uma planilha.
Um registro que mudou tem duas linhas: «era assim» e «ficou assim». O que pareça um segredo (senha,
token) não se mostra.
Um apóstrofo no começo de uma célula quer dizer «isto é texto».
"""


def gravar(
    arquivo: Path,
    empresa: str,
    comparacao: Comparacao,
    comparadas: Sequence[Comparada],
    *,
    sobrescrever: bool,
) -> None:
    """Quem olha a pasta vê o zip inteiro ou nenhum. Levanta ErroDeUso, BackupDanificado ou
    FalhaDeDisco."""
    com_registros = [
        c
        for c in comparadas
        if isinstance(c, TabelaComparada) and not c.igual and c.duas.nome != LOGINS
    ]
    quando = comparacao.depois.quando
    with (
        erros_de_disco(arquivo),
        inteiro_ou_nada(arquivo, sobrescrever=sobrescrever) as saida,
        zipfile.ZipFile(saida, "w", zipfile.ZIP_DEFLATED) as zip_,
    ):
        leia_me = _TEXTO.format(
            nome=empresa,
            antes=comparacao.antes.na_pagina,
            depois=comparacao.depois.na_pagina,
            tabelas=plural(len(com_registros), "tabela", "tabelas"),
            resto="".join(f"{frase}\n" for frase in resto(comparadas)),
        )
        zip_.writestr(nova_entrada(LEIA_ME, quando), no_bloco_de_notas(leia_me))
        for comparada in com_registros:
            _gravar_tabela(zip_, comparada.duas, quando)


def _gravar_tabela(zip_: zipfile.ZipFile, duas: Duas, quando: datetime) -> None:
    depois = duas.depois
    colunas = (*duas.colunas, *duas.novas, *duas.sumidas)
    de_json = colunas_json(depois.tabela) | colunas_json(duas.antes.tabela)
    with (
        csv_no_zip(zip_, "", depois.tabela, depois.caminho, quando) as saida,
        folha(saida, (*COLUNAS, *colunas)) as escrever,
    ):
        for mudado in registros(duas):
            lados = ((ERA, mudado.antes), (FICOU, mudado.depois))
            o_que = mudado.o_que if mudado.o_que in (APARECEU, SUMIU) else ""
            quais = celula(msgspec.json.encode(", ".join(mudado.colunas)))
            escrever(
                [o_que or dito, quais, *_celulas(linha, colunas, de_json)]
                for dito, linha in lados
                if linha is not None
            )


def _celulas(linha: bytes, colunas: Sequence[str], de_json: set[str]) -> Iterator[str]:
    campos = valores(linha)
    for coluna in colunas:
        valor = campos.get(coluna, NULO)
        if valor != NULO and parece_segredo(coluna, valor):
            yield NAO_SE_MOSTRA
        else:
            yield celula(valor, e_json=coluna in de_json)
