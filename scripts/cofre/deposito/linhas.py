"""As linhas de um arquivo de tabela, lidas em grupos: a memória usada não cresce com o arquivo.

Quem lê aceita qualquer vetor JSON (o da primeira versão era indentado). Uma coluna `json` pode ter
quebras de linha próprias, e por isso quem lê separa pelo JSON, nunca pelas linhas do arquivo.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import SEPARADOR, Leitor, Linha, juntar, separar
from cofre.deposito.formato import ABRE, FECHA, abrir, em_pedacos

T = TypeVar("T")

LINHAS_POR_BLOCO = 500

NAO_E_OBJETO = "há uma posição que não é um objeto"


def em_blocos(linhas: Iterable[bytes]) -> Iterator[bytes]:
    """As linhas soltas, juntas em blocos não vazios (ver `cofre.base.linha.juntar`)."""
    fluxo = iter(linhas)
    while bloco := list(itertools.islice(fluxo, LINHAS_POR_BLOCO)):
        yield juntar(bloco)


def ler_linhas(
    caminho: Path, somar: Callable[[bytes], None] | None = None
) -> Iterator[list[msgspec.Raw]]:
    """As linhas do arquivo, em grupos, com os bytes que estão lá. `somar`: ver `ler`.

    Levanta BackupDanificado se não descompacta ou não é um vetor JSON em UTF-8 com um objeto por
    posição; um BOM no começo é aceito. OSError passa.
    """
    return ler(caminho, _OBJETOS, somar)


def ler_soltas(
    caminho: Path, somar: Callable[[bytes], None] | None = None
) -> Iterator[list[bytes]]:
    """As linhas de um arquivo gravado por `Gravador`, de que se sabe que nenhuma tem quebras de
    linha próprias: separam-se sem as ler, e o que está nelas confere-o quem as soma. Levanta
    NaoESolto se o arquivo não é assim, e BackupDanificado se não descompacta. OSError passa."""
    with abrir(caminho) as arquivo:
        pedacos = em_pedacos(arquivo, somar)
        resto = next(pedacos, b"")
        if not resto.startswith(ABRE):
            raise NaoESolto(f"{caminho.name} não começa como os de hoje")
        resto = resto[len(ABRE) :]
        for pedaco in pedacos:
            *linhas, resto = (resto + pedaco).split(SEPARADOR)
            if linhas:
                yield linhas
        if not resto.endswith(FECHA):
            raise NaoESolto(f"{caminho.name} não acaba como os de hoje")
        yield resto[: -len(FECHA)].split(SEPARADOR)


class NaoESolto(BackupDanificado):
    """O arquivo não tem uma linha do banco em cada linha de texto."""


def ler(
    caminho: Path, leitor: Leitor[T], somar: Callable[[bytes], None] | None = None
) -> Iterator[list[T]]:
    """As linhas do arquivo, em grupos, como o `leitor` as lê: um tipo do msgspec lê só as colunas
    que interessam, sem passar por cada linha em Python. Levanta como `ler_linhas`.

    `somar` recebe todo o conteúdo, sem o BOM, em pedaços, e um vazio no fim: também o que vem
    depois do ponto em que deixa de ser um vetor JSON.
    """
    with abrir(caminho) as arquivo:
        pedacos = em_pedacos(arquivo, somar)
        try:
            yield from _separar(_conferidos(pedacos), leitor)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            for _ in pedacos:
                pass
            causa = NAO_E_OBJETO if isinstance(e, msgspec.ValidationError) else e
            raise BackupDanificado(f"{caminho.name} não é um vetor JSON em UTF-8: {causa}") from e


def _conferidos(pedacos: Iterator[bytes]) -> Iterator[bytes]:
    """Os mesmos, se são UTF-8."""
    conferir = codecs.getincrementaldecoder("utf-8")()
    for pedaco in pedacos:
        conferir.decode(pedaco)
        yield pedaco
    conferir.decode(b"", final=True)


_ESPACO = b" \t\r\n"


def _separar(pedacos: Iterator[bytes], leitor: Leitor[T]) -> Iterator[list[T]]:
    """Acumula até haver linhas inteiras e as solta; o resto espera o próximo pedaço."""
    resto = b""
    aberto = depois_de_virgula = False
    tentar_com = 0  # bytes: uma linha enorme não é varrida de novo a cada pedaço que chega
    for pedaco in pedacos:
        resto += pedaco
        if not aberto:
            resto = resto.lstrip(_ESPACO)
            if not resto:
                continue
            if resto[:1] != b"[":
                raise msgspec.DecodeError("não começa com [")
            aberto, resto = True, resto[1:]
        if len(resto) < tentar_com:
            continue
        grupo, resto = _inteiras(resto, leitor)
        tentar_com = 0 if grupo else 2 * len(resto)
        if grupo:
            depois_de_virgula = True
            yield grupo
    if not aberto:
        raise msgspec.DecodeError("está vazio")
    ultimas = leitor(b"[" + resto)
    if ultimas:
        yield ultimas
    elif depois_de_virgula:
        raise msgspec.DecodeError("há uma vírgula a mais")


def _inteiras(texto: bytes, leitor: Leitor[T]) -> tuple[list[T], bytes]:
    """As linhas inteiras do começo do texto e o que sobra depois da vírgula que as segue."""
    corte = texto.rfind(b"}" + SEPARADOR)
    if corte >= 0:
        try:
            return leitor.depressa(b"[" + texto[: corte + 1] + b"]"), texto[corte + 3 :]
        except (msgspec.DecodeError, RecursionError):
            pass  # a vírgula achada é de dentro de um valor json, ou há um estranho: com cuidado
    corte = _ultima_virgula(texto)
    if corte < 0:
        return [], texto
    grupo = leitor(b"[" + texto[:corte] + b"]")
    if not grupo:
        raise msgspec.DecodeError("há uma vírgula a mais")
    return grupo, texto[corte + 1 :]


_SINAL = re.compile(rb'"(?:[^"\\]|\\.)*+"|["\[\]{},]', re.DOTALL)


def _ultima_virgula(texto: bytes) -> int:
    """A última vírgula entre duas linhas (fora de qualquer chave, colchete ou texto), ou -1."""
    fundo, achada = 0, -1
    for sinal in _SINAL.finditer(texto):
        caractere = sinal.group()
        if caractere in b"{[":
            fundo += 1
        elif caractere in b"}]":
            fundo -= 1
        elif caractere == b'"':
            break  # um texto que só termina no próximo pedaço
        elif caractere == b"," and fundo == 0:
            achada = sinal.start()
    return achada


def _objetos(texto: bytes) -> list[Linha]:
    linhas = separar.depressa(texto)
    if not {memoryview(linha)[0] for linha in linhas} <= _ABRE:
        raise msgspec.ValidationError(NAO_E_OBJETO)
    return linhas


_ABRE = {*b"{"}


def _objeto(linha: Linha) -> Linha:
    if bytes(memoryview(linha)[:1]) != b"{":
        raise msgspec.ValidationError(NAO_E_OBJETO)
    return linha


_OBJETOS = Leitor(_objetos, lambda linha: _objeto(separar.uma(linha)))
