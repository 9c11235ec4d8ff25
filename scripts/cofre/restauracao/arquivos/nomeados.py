"""As linhas e os arquivos, como ficarão depois do plano: as linhas que nomeiam um arquivo que não
vai existir, e os arquivos que nenhuma linha nomeia. Só se dizem: nada disto impede."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cofre.base.linha import valores_da_linha
from cofre.base.modelo import ARQUIVOS, LISTAS
from cofre.deposito.formato import ler_linhas
from cofre.deposito.ligacoes import Arquivo as ArquivoDaTabela
from cofre.escopo.arquivos import citados
from cofre.plano.depois import depois
from cofre.plano.tabela import REMOVER, REPOR
from cofre.restauracao.arquivos.linha import ler
from cofre.restauracao.listas import Caso
from cofre.via.arquivos.armazem import Armazem

Chave = tuple[str, str]
"""(balde, nome)."""
_ENDERECO = b"/storage/v1/"
_TEXTOS = re.compile(rb'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Nomeados:
    """`perdidas`: por tabela, quantas linhas nomeiam um arquivo que não há nem volta; `arquivos`:
    quantos a empresa terá; `citados`: os que alguma linha nomeia."""

    perdidas: Mapping[str, int] = field(default_factory=dict)
    arquivos: int = 0
    citados: frozenset[Chave] = frozenset()

    @property
    def sem_linha(self) -> int:
        """Quantos nenhuma linha nomeia."""
        return self.arquivos - len(self.citados)


def nomeados(caso: Caso, armazem: Armazem) -> Nomeados:
    """Levanta FalhaDoServidor, BackupDanificado ou FalhaDeDisco."""
    havera = _que_havera(caso)
    baldes = {*(balde for balde, _ in havera), *(b.id for b in armazem.baldes())}
    procura = _Procura(havera, frozenset(baldes))
    with tempfile.TemporaryDirectory(prefix="cofre_", ignore_cleanup_errors=True) as pasta:
        for nome, arquivos in depois(
            caso.alvo, caso.plano, caso.foto.arquivos, Path(pasta)
        ).items():
            if nome not in LISTAS:
                procura.na_tabela(nome, arquivos)
    return Nomeados(procura.perdidas(armazem), len(havera), frozenset(procura.citados))


def _que_havera(caso: Caso) -> frozenset[Chave]:
    """Os arquivos da empresa depois do plano."""
    havera: set[Chave] = set()
    da_foto = caso.foto.arquivos.get(ARQUIVOS)
    for grupo in ler_linhas(da_foto.caminho) if da_foto is not None else ():
        havera.update((a.balde, a.nome) for linha in grupo if (a := ler(bytes(linha))))
    saem = (ler(acao.atual) for acao in caso.plano.acoes(ARQUIVOS, REMOVER))
    voltam = (ler(acao.alvo) for acao in caso.plano.acoes(ARQUIVOS, REPOR))
    havera -= {(a.balde, a.nome) for a in saem if a}
    return frozenset(havera | {(a.balde, a.nome) for a in voltam if a})


class _Procura:
    """O que as linhas nomeiam, à medida que passam."""

    def __init__(self, havera: frozenset[Chave], baldes: frozenset[str]) -> None:
        self.citados: set[Chave] = set()
        self._havera = havera
        self._baldes = baldes
        self._por_texto: dict[bytes, list[Chave]] = {}
        for balde, nome in havera:
            for dito in (nome, f"/{nome}", f"{balde}/{nome}", f"/{balde}/{nome}"):
                self._por_texto.setdefault(dito.encode(), []).append((balde, nome))
        self._textos = self._por_texto.keys()
        self._perdidos: dict[Chave, Counter[str]] = {}

    def na_tabela(self, nome: str, arquivos: Sequence[ArquivoDaTabela]) -> None:
        """Levanta BackupDanificado."""
        for arquivo in arquivos:
            for grupo in ler_linhas(arquivo.caminho):
                for linha in map(bytes, grupo):
                    self._na_linha(nome, linha)

    def _na_linha(self, tabela: str, linha: bytes) -> None:
        for dito in self._textos & _TEXTOS.findall(linha):
            self.citados.update(self._por_texto[dito])
        if _ENDERECO not in linha:
            return
        for texto in _textos(valores_da_linha(linha)):
            for chave in citados(texto, ()) if "/storage/v1/" in texto else ():
                if chave in self._havera:
                    self.citados.add(chave)
                elif chave[0] in self._baldes:
                    self._perdidos.setdefault(chave, Counter())[tabela] += 1

    def perdidas(self, armazem: Armazem) -> dict[str, int]:
        """As linhas que nomeiam um que não está no Storage, nem sendo de outra empresa ou de
        nenhuma. Levanta FalhaDoServidor."""
        if self._perdidos:
            for objeto in armazem.listar():
                self._perdidos.pop(objeto.chave, None)
        return dict(sum(self._perdidos.values(), Counter[str]()))


def _textos(valor: Any) -> Iterator[str]:
    """Os textos de um valor: ele, ou os de dentro."""
    pilha = [valor]
    while pilha:
        item = pilha.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            pilha.extend(item)
        elif isinstance(item, dict):
            pilha.extend(item.values())
