"""Achar uma linha pela chave sem ler o arquivo todo, onde as linhas estão pela ordem dela.

Serve a um arquivo não compactado, de chave numérica ou uuid, em que nenhum valor possa ter uma
quebra de linha própria. Se o que se lê desmente isso, quem procura lê o arquivo inteiro.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from cofre.base.linha import ORDENS, Campos, leitor_de_uma, texto, tipo_com
from cofre.deposito.tabela_salva import TabelaSalva

PEDACO = 64 * 1024
"""Bytes: maior que quase toda linha."""

DE_UMA_LINHA_SO = re.compile(
    r"(smallint|integer|bigint|numeric|real|double precision|money|boolean|uuid|text|citext|bytea"
    r"|character( varying)?|varchar|bpchar|date|jsonb|inet|cidr|macaddr8?|interval"
    r"|(time|timestamp)( with(out)? time zone)?|timestamptz)(\([\d,]+\))?(\[\])*"
)
"""Os tipos cujo JSON o PostgreSQL escreve sem quebras de linha."""


class NaoServe(Exception):
    """O arquivo não é como se esperava: é preciso lê-lo todo."""


def serve(salva: TabelaSalva, caminho: Path) -> bool:
    """Se se pode tentar."""
    tipos = salva.tipos
    return (
        caminho.suffix == ".json"
        and bool(salva.sha256)
        and len(salva.chave) == 1
        and tipos.get(salva.chave[0]) in ORDENS
        and all(DE_UMA_LINHA_SO.fullmatch(tipo) for tipo in tipos.values())
    )


def linha_da_chave(caminho: Path, salva: TabelaSalva, chave: str) -> bytes | None:
    """A linha com esta chave (o texto dela); None se não há. Levanta NaoServe; OSError passa."""
    (coluna,) = salva.chave
    ordem = ORDENS[salva.tipos[coluna]]
    tipo = tipo_com((coluna,))
    arquivo_de = _Arquivo(coluna, ordem, leitor_de_uma(tipo))
    try:
        procurada = ordem(chave.encode() if chave.lstrip("-").isdigit() else f'"{chave}"'.encode())
    except ValueError:
        return None
    with caminho.open("rb") as arquivo:
        return arquivo_de.procurar(arquivo, caminho.stat().st_size, procurada)


class _Arquivo:
    def __init__(
        self, coluna: str, ordem: Callable[[bytes], Any], ler: Callable[[bytes], Campos]
    ) -> None:
        self._coluna = coluna
        self._ordem = ordem
        self._ler = ler

    def procurar(self, arquivo: BinaryIO, fim: int, procurada: Any) -> bytes | None:
        """Entre `comeco` e `fim`, em bytes, estão as quebras antes das linhas que ainda podem ser
        ela."""
        comeco, menor, maior = 0, None, None
        while comeco < fim:
            meio = (comeco + fim) // 2
            achada = _linha_depois_de(arquivo, meio)
            if achada is None or achada[0] >= fim:
                # Nenhuma começa entre o meio e o fim: as que faltam estão antes.
                fim = meio
                continue
            onde, linha = achada
            valor = self._valor(linha)
            if (menor is not None and valor <= menor) or (maior is not None and valor >= maior):
                raise NaoServe("as linhas não estão pela ordem da chave")
            if valor == procurada:
                return linha
            if valor < procurada:
                comeco, menor = onde + 1, valor
            else:
                fim, maior = meio, valor
        return None

    def _valor(self, linha: bytes) -> Any:
        try:
            bruto = self._ler(linha)[self._coluna]
            if texto(bruto) is None:
                raise NaoServe("há uma linha sem a chave")
            return self._ordem(bruto)
        except (msgspec.DecodeError, ValueError) as e:
            raise NaoServe("há uma linha que não se lê") from e


def _linha_depois_de(arquivo: BinaryIO, onde: int) -> tuple[int, bytes] | None:
    """A primeira linha que vem depois de uma quebra daqui em diante, e onde está a quebra; None se
    não há mais."""
    arquivo.seek(onde)
    lido = b""
    while (corte := lido.find(b"\n{")) < 0 or lido.find(b"\n", corte + 1) < 0:
        pedaco = arquivo.read(PEDACO)
        if not pedaco:
            break
        lido += pedaco
    if corte < 0:
        return None
    linha, quebra, _ = lido[corte + 1 :].partition(b"\n")
    if not quebra:
        raise NaoServe("o arquivo não acaba como devia")
    return onde + corte, linha.removesuffix(b",")
