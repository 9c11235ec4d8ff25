"""O único que escreve no .env: uma variável, e o resto do arquivo byte a byte como estava."""

from __future__ import annotations

import re
from pathlib import Path

from cofre.base.disco import erros_de_disco, gravar_inteiro

_ANTES = rb"^(?:\xef\xbb\xbf)?[ \t]*(?:export[ \t]+)?"
"""O que pode vir antes do nome, na linha: a marca do Bloco de Notas, espaços, «export»."""
_FIM_DE_LINHA = re.compile(rb"\r\n|\n")


def gravar_variavel(env: Path, nome: str, valor: str) -> None:
    """Põe `nome=valor` na última linha que já a diz; senão, numa linha nova, no fim. O arquivo, que
    pode não haver, fica só do dono. Um atalho continua a sê-lo. Levanta FalhaDeDisco."""
    inteiro = env.resolve()
    with erros_de_disco(inteiro, "O .env continua como estava."):
        try:
            dados = inteiro.read_bytes()
        except FileNotFoundError:
            dados = b""
        gravar_inteiro(inteiro, com_variavel(dados, nome, valor))


def com_variavel(dados: bytes, nome: str, valor: str) -> bytes:
    """O conteúdo do arquivo com a variável. Um valor entre aspas de várias linhas não se muda."""
    linha = f"{nome}={valor}".encode()
    ditas = list(re.finditer(_ANTES + rb"%b\s*=[^\r\n]*" % nome.encode(), dados, re.MULTILINE))
    if ditas:
        ultima = ditas[-1]
        antes = re.match(_ANTES, ultima[0])
        assert antes is not None
        return dados[: ultima.start()] + antes[0] + linha + dados[ultima.end() :]
    achado = _FIM_DE_LINHA.search(dados)
    fim = achado[0] if achado else b"\n"
    falta = b"" if not dados or dados.endswith(b"\n") else fim
    return dados + falta + linha + fim
