"""Números, tamanhos, durações, datas e textos de fora, como se escrevem para uma pessoa."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from cofre.base.interprete import RAIZ
from cofre.base.modelo import ARQUIVOS, LISTAS, LOGINS


def visivel(texto: str) -> str:
    """Um texto que veio de fora, sem o que mexeria com o terminal (controle, direção)."""
    if texto.isprintable():  # é quase sempre, e então não tem nada disso
        return texto
    return "".join(
        "\ufffd" if unicodedata.category(c) in _PERIGOSOS and c != _LIGADURA else c for c in texto
    )


def sem_controles(texto: str) -> str:
    """O mesmo, de uma ou mais linhas: o último crivo de tudo o que se diz, que um nome digitado, ou
    um erro que o cite, chegam à tela por muitos caminhos."""
    return "\n".join(map(visivel, texto.split("\n")))


_LIGADURA = "\u200d"  # junta emojis num só
_PERIGOSOS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def como_se_diz(tabela: str) -> str:
    """O nome de uma tabela, ou de uma lista, para a tela e para --json: uma tabela que se chama
    como uma lista diz-se com o schema."""
    if tabela in LISTAS:
        return tabela.removeprefix("\0")
    return f"public.{tabela}" if f"\0{tabela}" in LISTAS else tabela


def do_que_se_diz(dito: str) -> str:
    """O contrário de `como_se_diz`."""
    if f"\0{dito}" in LISTAS:
        return f"\0{dito}"
    tabela = dito.removeprefix("public.")
    return tabela if f"\0{tabela}" in LISTAS else dito


def numero(n: int) -> str:
    """1053 → «1.053»."""
    return f"{n:,}".replace(",", ".")


def plural(n: int, um: str, varios: str) -> str:
    """«1 registro», «2 registros»."""
    return f"{numero(n)} {um if n == 1 else varios}"


_DE_UMA = {
    "empresas": ("empresa", "empresas"),
    "subscriptions": ("assinatura", "assinaturas"),
    "produtos": ("produto", "produtos"),
    "clientes": ("cliente", "clientes"),
    "vendas": ("venda", "vendas"),
    "vendas_itens": ("item de venda", "itens de venda"),
    "categorias": ("categoria", "categorias"),
    "fornecedores": ("fornecedor", "fornecedores"),
    "despesas": ("despesa", "despesas"),
    "ordens_servico": ("ordem de serviço", "ordens de serviço"),
    "funcionarios": ("funcionário", "funcionários"),
    ARQUIVOS: ("arquivo", "arquivos"),
    LOGINS: ("login", "logins"),
}
"""Como se chama um registro, e vários, das tabelas conhecidas e das listas."""


def registros_de(n: int, tabela: str) -> str:
    """«1 venda», «74 vendas»; de uma tabela que não se conhece, «5 registros de recibos»."""
    um, varios = _DE_UMA.get(tabela, ("registro", "registros"))
    return plural(n, um, varios) + (
        "" if tabela in _DE_UMA else f" de {visivel(como_se_diz(tabela))}"
    )


def e_depois(partes: Sequence[str]) -> str:
    """«a, b e c»."""
    return (
        " e ".join([", ".join(partes[:-1]), *partes[-1:]]) if len(partes) > 1 else "".join(partes)
    )


def tamanho(bytes_: int) -> str:
    """Bytes em B, KB, MB ou GB (de 1024), com vírgula decimal."""
    if bytes_ < 1024:
        return f"{bytes_} B"
    expoente = min((bytes_.bit_length() - 1) // 10, 3)
    return f"{_decimal(bytes_ / 1024**expoente)} {'KMG'[expoente - 1]}B"


def duracao(segundos: float) -> str:
    """«3,4 s», «2 min 5 s», «1 h 3 min»."""
    if segundos < 60:
        return f"{_decimal(segundos)} s"
    minutos, resto = divmod(round(segundos), 60)
    if minutos < 60:
        return f"{minutos} min {resto} s"
    return f"{minutos // 60} h {minutos % 60} min"


Ate = Literal["dia", "minuto", "segundo"]
_CASAS: dict[Ate, int] = {"dia": 10, "minuto": 16, "segundo": 19}


def na_tela(quando: datetime, ate: Ate = "segundo") -> str:
    """«2026-01-16 18:29:44»: a data da tela e dos logs, que se ordena como texto."""
    return f"{quando:%Y-%m-%d %H:%M:%S}"[: _CASAS[ate]]


def na_pagina(quando: datetime, ate: Ate = "minuto") -> str:
    """«16/01/2026 18:29»: a data do que se lê longe do terminal (a página, as mensagens, o LEIA-ME
    de um exportado)."""
    return f"{quando:%d/%m/%Y %H:%M:%S}"[: _CASAS[ate]]


_DA_TELA = re.compile(
    r"(?<!\S)(\d{4})-(\d\d)-(\d\d)( \d\d:\d\d(?::\d\d)?|(?! \d\d:))(?=[,;:.)]*(?:\s|$))"
)


def com_datas_da_pagina(texto: str) -> str:
    """Uma frase já dita na tela, com as datas como a página as escreve. Só mexe nas que estão
    soltas: um valor citado, entre aspas ou parênteses, fica como veio do banco."""
    return _DA_TELA.sub(r"\3/\2/\1\4", texto)


def _decimal(valor: float) -> str:
    return f"{valor:.1f}".replace(".", ",")


def em_linhas(texto: str, largura: int | None, recuo: int | None = None) -> str:
    """O texto quebrado entre palavras para caber na `largura` (em colunas; None: inteiro). As
    linhas seguintes vão recuadas: sem `recuo`, até onde começam as palavras da primeira. Ficam
    inteiros uma palavra maior que a linha, uma data com a sua hora, um tamanho com a sua unidade e
    um comando para colar."""
    if largura is None:
        return texto
    return "\n".join(_quebrada(linha, largura, recuo) for linha in texto.split("\n"))


def _quebrada(linha: str, largura: int, recuo: int | None) -> str:
    a_mais = colunas(linha) - len(linha)
    if len(linha) + a_mais <= largura or _COMANDO.search(linha):
        return linha
    if recuo is None:
        comeco = _COMECO.match(linha)
        recuo = colunas(comeco[0]) if comeco else 0
    quebra = textwrap.TextWrapper(
        max(largura - a_mais, 1),
        subsequent_indent=" " * recuo,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return quebra.fill(_JUNTAS.sub(_JUNTO, linha)).replace(_JUNTO, " ")


def colunas(texto: str) -> int:
    """Quantas colunas de um terminal o texto ocupa."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in texto)


_COMANDO = re.compile(r"\b(backup-por-empresa|restaurar-empresa)\.py\b| -m (pip|venv) ")
_COMECO = re.compile(r" *(?:[^\w\s(«\"']+ +|\d+\. +|\w+ {2,})?")
"""O sinal ou o número de um item, ou a primeira coluna de uma lista."""
_JUNTAS = re.compile(r"(?<=\d{4}-\d\d-\d\d) (?=\d\d:\d\d)|(?<=\d) (?=[KMGT]?B\b)")
_JUNTO = "\x1f"


def exibir_pasta(pasta: Path) -> str:
    """«./backups/empresa_x» dentro do projeto, como no manual; o caminho inteiro fora dele. Com a
    mesma barra do começo ao fim, também no Windows: quem mostra uma pasta acrescenta outra."""
    if pasta.is_relative_to(RAIZ):
        return f"./{pasta.relative_to(RAIZ).as_posix()}"
    return pasta.as_posix()
