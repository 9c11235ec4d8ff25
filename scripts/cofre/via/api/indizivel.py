"""O que a API não tem como escrever: um json que o PostgreSQL guarda, mas não lê dentro de outro.

As linhas vão num JSON só, de que o banco tira os valores; ao fazê-lo ele decodifica todos os
textos, e recusa meio par substituto e o caractere zero («JSON Types», na documentação do
PostgreSQL), que uma coluna json guarda porque só lhe confere a forma. Pela conexão direta, o valor
vai sozinho.
"""

from __future__ import annotations

import msgspec

from cofre.base.erros import EscritaRecusada
from cofre.base.linha import abrir_linha
from cofre.base.varredura import indizivel
from cofre.plano.escritor import INDIZIVEL

_NO_LUGAR = msgspec.Raw(b"{}")


def dizivel(linha: bytes) -> bytes:
    """A linha, com `{}` no lugar de cada valor que a API não escreve: para uma prova das outras
    colunas."""
    if not indizivel(linha):
        return linha
    campos = abrir_linha(linha)
    return msgspec.json.encode(
        {c: _NO_LUGAR if indizivel(bytes(v)) else v for c, v in campos.items()}
    )


def recusa(tabela: str) -> EscritaRecusada:
    """O erro de uma escrita que nem se tenta."""
    causa = rf"a API não leva ao banco um json com \ud83d sozinho, ou com \u0000 ({tabela})"
    return EscritaRecusada(INDIZIVEL, causa, "A conexão direta (SUPABASE_DB_URL) leva.")
