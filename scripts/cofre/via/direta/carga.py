"""A carga: linhas em JSON que entram na tabela por COPY, cada valor escrito como o COPY o lê.

Um texto, um número ou um booleano do JSON é o mesmo texto que a função de entrada do tipo recebe
pelos dois caminhos, e um valor de coluna json ou jsonb vai como está. O que só o JSON sabe dizer
(um vetor, um tipo composto) não entra por aqui.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Mapping, Sequence

import msgspec
import psycopg
from msgspec.structs import astuple
from psycopg import sql

from cofre.base.linha import NULO, Campos, Leitor, abrir_linha, leitor_de, tipo_com
from cofre.base.modelo import Tabela
from cofre.base.textos import MARCA, textos_de

LINHAS_POR_ENVIO = 1000

_NULO_DO_COPY = rb"\N"
_NULO_EM_JSON = msgspec.Raw(NULO)


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
    conversor = Conversor(tabela, colunas)
    comando = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier("public", tabela.nome),
        sql.SQL(", ").join(map(sql.Identifier, conversor.colunas)),
    )
    with conexao.cursor() as cursor, cursor.copy(comando) as copia:
        for inicio in range(0, len(linhas), LINHAS_POR_ENVIO):
            copia.write(conversor.em_copy(linhas[inicio : inicio + LINHAS_POR_ENVIO]))


class Conversor:
    """De linhas em JSON ao texto do COPY, com as `colunas` na ordem em que ele as escreve: as que
    guardam JSON por último, e destas as que não podem ser nulas."""

    def __init__(self, tabela: Tabela, colunas: Sequence[str]) -> None:
        anulaveis = {c.nome: c.anulavel for c in tabela.colunas if c.tipo in ("json", "jsonb")}
        escalares = [c for c in colunas if c not in anulaveis]
        nulas = [c for c in colunas if anulaveis.get(c) is True]
        cheias = [c for c in colunas if anulaveis.get(c) is False]
        self.colunas = (*escalares, *nulas, *cheias)
        self._anulaveis = anulaveis
        self._escalares, self._ate_as_nulas = len(escalares), len(escalares) + len(nulas)
        self._ler: Leitor[Campos] | None = None
        with contextlib.suppress(ValueError):  # um nome que o msgspec não aceita
            self._ler = leitor_de(tipo_com(self.colunas, opcionais=True))

    def em_copy(self, linhas: Sequence[bytes]) -> bytes:
        """Estas linhas, as que têm algo a escapar depois das outras. Levanta SoPeloJson."""
        if self._ler is None:
            return self._uma_a_uma(linhas)
        juntas = b",".join(linhas)
        if _lisa(juntas) and MARCA not in juntas:
            return self._juntas(self._ler, linhas)
        simples = [_lisa(linha) and MARCA not in linha for linha in linhas]
        lisas = list(itertools.compress(linhas, simples))
        outras = [linha for linha, e_lisa in zip(linhas, simples, strict=True) if not e_lisa]
        return self._juntas(self._ler, lisas) + self._uma_a_uma(outras)

    def _uma_a_uma(self, linhas: Sequence[bytes]) -> bytes:
        de_json = self._anulaveis
        colunas = [(c, c in de_json, de_json.get(c, True)) for c in self.colunas]
        return b"".join(_linha(abrir_linha(linha), colunas) for linha in linhas)

    def _juntas(self, ler: Leitor[Campos], linhas: Sequence[bytes]) -> bytes:
        """O mesmo que uma a uma, em poucas operações. Nestas linhas não há o que escapar: um tab ou
        um fim de linha são os do COPY, aspas são as que cercam um texto, e o que acaba em «null»
        sem elas é um nulo."""
        campos = [astuple(c) for c in ler(b"[" + b",".join(linhas) + b"]")]
        um, dois = self._escalares, self._ate_as_nulas
        escalares = _NULO_SOLTO.sub(_EM_COPY, _em_linhas([c[:um] for c in campos]))
        if (b"{" in escalares or b"[" in escalares) and _COMPOSTO.search(escalares):
            raise SoPeloJson
        partes = [escalares.replace(b'"', b"")] if um else []
        if um < dois:
            partes.append(_NULO_SOLTO.sub(_EM_COPY, _em_linhas([c[um:dois] for c in campos])))
        if dois < len(self.colunas):
            partes.append(_em_linhas([c[dois:] for c in campos]))
        if len(partes) == 1:
            return partes[0]
        lado_a_lado = zip(*(parte.splitlines() for parte in partes), strict=True)
        return b"".join([b"\t".join(linha) + b"\n" for linha in lado_a_lado])


def _lisa(texto: bytes) -> bool:
    """Se não há nada a escapar."""
    return not (b"\\" in texto or b"\t" in texto or b"\n" in texto or b"\r" in texto)


_NULO_SOLTO = re.compile(rb"null(?=[\t\n])")
_EM_COPY = rb"\\N"
_COMPOSTO = re.compile(rb"(?:^|[\t\n])[{\[]")


def _em_linhas(linhas: Sequence[Sequence[msgspec.Raw]]) -> bytes:
    return b"".join([b"\t".join(valores) + b"\n" for valores in linhas])


def _linha(campos: Mapping[str, msgspec.Raw], colunas: Sequence[tuple[str, bool, bool]]) -> bytes:
    """`colunas` diz de cada uma o nome, se guarda JSON e se pode ser nula. Um valor que traz o
    texto (ver `base.textos`) vai por ele."""
    valores = []
    textos = textos_de(campos)
    for coluna, e_json, anulavel in colunas:
        bruto = bytes(campos.get(coluna, _NULO_EM_JSON))
        if coluna in textos:
            valores.append(_escapado(textos[coluna].encode()))
        elif bruto == NULO:
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
