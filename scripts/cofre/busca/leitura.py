"""Ler a mesma tabela em muitos backups: de um para o outro, quase todas as linhas são as mesmas.

Onde o arquivo tem uma linha do banco em cada linha de texto, separam-se sem abrir, e só as que o
anterior não tinha interessam. Onde não tem (um json com quebras de linha, a primeira versão), ou o
arquivo é grande demais para caber na memória, dá-se o arquivo inteiro, devagar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cofre.busca.guardada import Guardada
from cofre.deposito.formato import abrir
from cofre.deposito.linhas import ler_linhas

GRANDE = 64 * 1024 * 1024
"""Bytes de JSON: acima disto, as linhas do anterior não se guardam."""


ENVOLTORIO = (b"[", b"]", b"")
"""O que um arquivo tem antes das linhas, depois delas, e depois da última quebra."""


@dataclass(frozen=True, slots=True)
class Diferenca:
    """As linhas que um arquivo tem e o anterior não tinha (`novas`, na ordem dele), e o contrário.
    `inteiro`: se são todas as dele, porque nada se sabe do anterior."""

    novas: list[bytes]
    sumidas: frozenset[bytes] = frozenset()
    inteiro: bool = False


@dataclass(slots=True)
class Leitura:
    """Uma sequência de arquivos da mesma tabela."""

    _anteriores: frozenset[bytes] | None = field(default=None)

    def proximo(self, guardada: Guardada) -> Iterator[Diferenca]:
        """O que há de novo no próximo: uma diferença, ou o arquivo inteiro em partes. Levanta
        BackupDanificado; OSError passa."""
        linhas = self._soltas(guardada)
        if linhas is None:
            self._anteriores = None
            for grupo in ler_linhas(guardada.caminho):
                yield Diferenca([bytes(linha) for linha in grupo], inteiro=True)
            return
        antes, self._anteriores = self._anteriores, frozenset(linhas)
        if antes is None:
            yield Diferenca(linhas, inteiro=True)
        else:
            novas = [linha for linha in linhas if linha not in antes]
            yield Diferenca(novas, antes - self._anteriores)

    def _soltas(self, guardada: Guardada) -> list[bytes] | None:
        """As linhas do arquivo, se cada uma é uma linha de texto."""
        if not 0 <= guardada.salva.bytes <= GRANDE:
            return None
        with abrir(guardada.caminho) as arquivo:
            dados = arquivo.read(GRANDE + 1)
        # «[», as linhas, «]» e o que vem depois da última quebra, que é nada.
        abre, *linhas, fecha, resto = dados.split(b"\n") if dados.count(b"\n") > 1 else [b""] * 3
        certas = len(linhas) == guardada.salva.registros and (abre, fecha, resto) == ENVOLTORIO
        return [linha.removesuffix(b",") for linha in linhas] if certas else None
