"""Os nomes que o Storage aceita, e como um caminho da URL se desfaz neles (arquivos.md, 4)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from supabase_local.servidores.storage.erros import nome_invalido, segmento_de_pontos

NOME = re.compile(r"[A-Za-z0-9_/!.*'() &$=@;:+,?-]+")
"""O que não é ASCII não passa, nem `" # % < > [ \\ ] ^ ` { | } ~`, tabulação e fim de linha."""
BALDE = re.compile(r"[A-Za-z0-9_!.*'() &$=@;:+,?-]+")
MAIOR_PARAMETRO = 2500
MAIOR_SEGMENTO = 255


def conferir_nome(nome: str, *, no_s3: bool) -> None:
    """Levanta Recusa. Os segmentos `.` e `..` só não passam onde o conteúdo fica em arquivos."""
    if not NOME.fullmatch(nome):
        raise nome_invalido(nome)
    if not no_s3 and {".", ".."} & set(nome.split("/")):
        raise segmento_de_pontos()


def desfazer(caminho: str) -> tuple[str, str]:
    """(balde, nome) do que resta de um caminho, cada parte sem os seus `%`; o nome pode começar ou
    acabar em `/`, e ter `//`."""
    balde, _, nome = caminho.partition("/")
    return unquote(balde, errors="strict"), unquote(nome, errors="strict")
