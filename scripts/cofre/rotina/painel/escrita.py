"""A página escrita aos poucos: com dezenas de milhares de empresas, nem ela nem elas cabem juntas.

Ficam por extenso as que primeiro se olham, que são todas as de quem tem até POR_EXTENSO. As outras
vão em blocos comprimidos, que o programa da página abre no navegador.
"""

from __future__ import annotations

import base64
import json
import zlib
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cofre.base.modelo import DeixadaDeFora
from cofre.deposito.cifra import provas
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.rotina.painel.dados import EmpresaNoPainel, Painel

POR_EXTENSO = 1_000
NUM_BLOCO = 500
"""Quantas empresas se comprimem juntas."""

INTEIRA = "inteira"

Lugar = tuple[int, str, str, str]
"""Onde fica uma empresa: as de pior problema primeiro, e depois por nome."""


@dataclass(slots=True)
class Escrita:
    """O que o modelo da página pede, pela ordem em que ele o pede: primeiro os `blocos`, que leem
    as empresas uma a uma; só depois deles se sabe o resto."""

    painel: Painel
    desenhar: Callable[[EmpresaNoPainel, int | None], str]
    """O HTML de uma empresa, e o número da lista do que nela ficou de fora."""
    quantas: int = 0
    em_blocos: int = 0
    contagens: Counter[str] = field(default_factory=Counter)
    """Quantas empresas estão em cada estado."""
    listas: dict[tuple[DeixadaDeFora, ...], int] = field(default_factory=dict)
    """O que ficou de fora: é quase sempre o mesmo, e vai uma vez só."""
    _chaves: dict[str, None] = field(default_factory=dict)
    _ficam: list[tuple[Lugar, str]] = field(default_factory=list)

    def blocos(self) -> Iterator[str]:
        """Os das que não ficam por extenso. Levanta FalhaDeDisco."""
        bloco: list[str] = []
        for empresa in self.painel.empresas:
            self._contar(empresa)
            de_fora = empresa.de_fora
            lista = self.listas.setdefault(de_fora, len(self.listas)) if de_fora else None
            insort(self._ficam, (_lugar(empresa), self.desenhar(empresa, lista)))
            if len(self._ficam) > POR_EXTENSO:
                bloco.append(self._ficam.pop()[1])
                self.em_blocos += 1
            if len(bloco) == NUM_BLOCO:
                yield _comprimidas(bloco)
                bloco = []
        if bloco:
            yield _comprimidas(bloco)

    def _contar(self, empresa: EmpresaNoPainel) -> None:
        self.quantas += 1
        self.contagens.update(empresa.problemas or (INTEIRA,))
        self._chaves.update(dict.fromkeys(empresa.para))

    def lembretes(self) -> list[str]:
        """O que se pede a quem guarda as chaves. Levanta FalhaDeDisco."""
        chaves = [ChaveQueFecha(texto) for texto in self._chaves]
        return provas.lembretes(chaves, self.painel.gerado) if chaves else []

    def por_extenso(self) -> Iterator[str]:
        """As que ficam."""
        return (html for _, html in self._ficam)


def _comprimidas(htmls: list[str]) -> str:
    """A lista em JSON do HTML de cada uma, comprimida, em base64."""
    texto = json.dumps(htmls, ensure_ascii=False, separators=(",", ":"))
    comprimido = zlib.compress(texto.encode("utf-8", "replace"))
    return base64.b64encode(comprimido).decode("ascii")


def _lugar(empresa: EmpresaNoPainel) -> Lugar:
    return empresa.gravidade, empresa.nome.casefold(), empresa.id, empresa.pasta
