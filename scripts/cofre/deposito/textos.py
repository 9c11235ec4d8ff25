"""O arquivo dos textos de uma tabela: só as linhas que o JSON não refaz (ver `base.textos`).

É um vetor JSON como o da tabela, com um objeto por linha: a posição dela no arquivo da tabela,
contada do zero, e os textos.

::

    [
    {"registro":7,"textos":{"medidas":"[2:3]={7,8}"}}
    ]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cofre.base import textos
from cofre.base.erros import BackupDanificado
from cofre.base.linha import Leitor, Linha, juntar, separar
from cofre.deposito.ja_conferido import que_confere
from cofre.deposito.linhas import ler


@dataclass(frozen=True, slots=True)
class Textos:
    """Onde estão os textos de uma tabela, e as colunas que não podem vir neles: as que dizem qual é
    a linha e de quem ela é. Um backup adulterado não as troca por aqui. `sha256`, se se sabe, é o
    do JSON: lido até o fim, tem de o ter."""

    caminho: Path
    proibidas: frozenset[str] = frozenset()
    sha256: str = ""


class _Anotada(msgspec.Struct, frozen=True, gc=False):
    registro: int
    textos: msgspec.Raw


_ANOTADAS = msgspec.json.Decoder(list[_Anotada])
_DE_UMA = msgspec.json.Decoder(dict[str, str])


class Separador:
    """Separa dos blocos de uma tabela, na ordem, os textos das linhas."""

    def __init__(self) -> None:
        self._passaram = 0
        self.quantas = 0
        self.por_coluna = Counter[str]()

    def separar(self, bloco: bytes) -> tuple[bytes, bytes]:
        """O bloco sem os textos, e o bloco deles (vazio se não os há)."""
        linhas = separar(b"[" + bloco + b"]")
        primeira, self._passaram = self._passaram, self._passaram + len(linhas)
        if textos.MARCA not in bloco:
            return bloco, b""
        limpas, anotadas = [], []
        for n, linha in enumerate(linhas, primeira):
            limpa, seus = textos.separar(bytes(linha))
            limpas.append(limpa)
            if seus:
                anotadas.append(b'{"registro":%d,"textos":%s}' % (n, seus))
                self.por_coluna.update(_DE_UMA.decode(seus).keys())
        self.quantas += len(anotadas)
        return juntar(limpas), juntar(anotadas)


def com_textos(grupos: Iterator[list[Linha]], quais: Textos) -> Iterator[list[Linha]]:
    """As linhas de uma tabela, em grupos, cada uma com os seus textos. Levanta BackupDanificado se
    o arquivo deles não se lê, não está em ordem ou diz o que não pode."""
    anotadas = _anotadas(quais)
    proxima = next(anotadas, None)
    inicio = 0
    for grupo in grupos:
        fim = inicio + len(grupo)
        while proxima is not None and proxima.registro < fim:
            n = proxima.registro - inicio
            grupo[n] = msgspec.Raw(textos.juntar(bytes(grupo[n]), bytes(proxima.textos)))
            proxima = next(anotadas, None)
        yield grupo
        inicio = fim
    if proxima is not None:
        raise _danificado(quais, f"não há o registro {proxima.registro}")


def conferir(quais: Textos, linhas: int) -> None:
    """Que cada texto é de uma linha que existe, e de uma coluna que pode. Levanta BackupDanificado;
    OSError passa."""
    for anotada in _anotadas(quais):
        if anotada.registro >= linhas:
            raise _danificado(quais, f"não há o registro {anotada.registro}")


def _anotadas(quais: Textos) -> Iterator[_Anotada]:
    anterior = -1
    for grupo in ler(quais.caminho, _LEITOR, que_confere(quais.caminho, quais.sha256)):
        for anotada in grupo:
            if anotada.registro <= anterior:
                raise _danificado(quais, "os registros não estão em ordem")
            anterior = anotada.registro
            if achadas := quais.proibidas.intersection(_DE_UMA.decode(anotada.textos)):
                raise _danificado(quais, f"{min(achadas)} não pode estar nele")
            yield anotada


def _abrir(vetor: bytes) -> list[_Anotada]:
    try:
        anotadas = _ANOTADAS.decode(vetor)
        for anotada in anotadas:
            _DE_UMA.decode(anotada.textos)
        return anotadas
    except msgspec.ValidationError:
        raise msgspec.DecodeError("há uma posição que não é o texto de um registro") from None


_LEITOR = Leitor(_abrir, lambda linha: _abrir(b"[" + linha + b"]")[0])


def _danificado(quais: Textos, causa: str) -> BackupDanificado:
    return BackupDanificado(f"{quais.caminho.name} está danificado: {causa}. Nada foi alterado.")
