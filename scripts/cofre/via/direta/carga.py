"""A carga: linhas em JSON que entram na tabela por COPY, cada valor escrito como o COPY o lê.

Um texto, um número ou um booleano do JSON é o mesmo texto que a função de entrada do tipo recebe
pelos dois caminhos, e um valor de coluna json ou jsonb vai como está. O que só o JSON sabe dizer
(um vetor, um tipo composto) não entra por aqui.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import psycopg
from psycopg import sql

from cofre.base.linha import NULO, abrir_linha
from cofre.base.modelo import Tabela

LINHAS_POR_ENVIO = 1000

_NULO_DO_COPY = rb"\N"


class SoPeloJson(Exception):
    """Há um valor que o COPY não sabe dizer; não chega ao usuário: a linha entra de outro modo."""


def cabe(tabela: Tabela, colunas: Sequence[str]) -> bool:
    """Se, pelos tipos, estas colunas podem entrar por COPY; um valor ainda pode dizer que não."""
    achadas = [tabela.coluna(c) for c in colunas]
    return all(c is not None and not c.tipo.endswith("[]") for c in achadas) and bool(achadas)


def copiar(
    conexao: psycopg.Connection, tabela: Tabela, linhas: Sequence[bytes], colunas: Sequence[str]
) -> None:
    """Põe as linhas na tabela, também nas colunas de identidade. Levanta SoPeloJson; psycopg.Error
    passa. Nos dois casos, a transação precisa voltar ao ponto de antes."""
    comando = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier("public", tabela.nome), sql.SQL(", ").join(map(sql.Identifier, colunas))
    )
    with conexao.cursor() as cursor, cursor.copy(comando) as copia:
        for bloco in em_copy(tabela, linhas, colunas):
            copia.write(bloco)


def em_copy(tabela: Tabela, linhas: Sequence[bytes], colunas: Sequence[str]) -> Iterator[bytes]:
    """As linhas no formato de texto do COPY, em blocos. Levanta SoPeloJson."""
    de_json = {c.nome: c.anulavel for c in tabela.colunas if c.tipo in ("json", "jsonb")}
    colunas_e_json = [(c, c in de_json, de_json.get(c, True)) for c in colunas]
    for inicio in range(0, len(linhas), LINHAS_POR_ENVIO):
        parte = linhas[inicio : inicio + LINHAS_POR_ENVIO]
        yield b"".join(_linha(abrir_linha(linha), colunas_e_json) for linha in parte)


_NULO_EM_JSON = msgspec.Raw(NULO)


def _linha(campos: Mapping[str, msgspec.Raw], colunas: Sequence[tuple[str, bool, bool]]) -> bytes:
    """`colunas` diz de cada uma o nome, se guarda JSON e se pode ser nula."""
    valores = []
    for coluna, e_json, anulavel in colunas:
        bruto = bytes(campos.get(coluna, _NULO_EM_JSON))
        if bruto == NULO:
            # Onde não cabe nulo, o null de um JSON é um JSON.
            valores.append(_NULO_DO_COPY if anulavel or not e_json else NULO)
        elif e_json:
            valores.append(_escapado(bruto))
        else:
            valores.append(_escalar(bruto))
    return b"\t".join(valores) + b"\n"


def _escalar(bruto: bytes) -> bytes:
    """Um texto, número ou booleano do JSON como o COPY o lê. Levanta SoPeloJson."""
    primeiro = bruto[:1]
    if primeiro == b'"':
        if b"\\" not in bruto:  # o JSON não admite nele o que o COPY teria de escapar
            return bruto[1:-1]
        try:
            return _escapado(msgspec.json.decode(bruto, type=str).encode())
        except (msgspec.DecodeError, UnicodeError):
            raise SoPeloJson from None  # quem recusa, e com que palavras, é o banco
    if primeiro in (b"{", b"["):
        raise SoPeloJson
    return bruto


def _escapado(texto: bytes) -> bytes:
    dobradas = texto.replace(b"\\", b"\\\\")
    return dobradas.replace(b"\n", rb"\n").replace(b"\t", rb"\t").replace(b"\r", rb"\r")
