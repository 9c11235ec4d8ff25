"""As linhas e os arquivos, como ficarão depois do plano: as linhas que nomeiam um arquivo que não
vai existir, e os arquivos que nenhuma linha nomeia. Só se dizem: nada disto impede."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cofre.base.linha import valores_da_linha
from cofre.base.modelo import ARQUIVOS, LISTAS
from cofre.deposito.ligacoes import Arquivo as ArquivoDaTabela
from cofre.deposito.linhas import ler_linhas
from cofre.escopo.arquivos import citados, textos_em
from cofre.foto.storage.relacao import marca_de
from cofre.plano.depois import depois
from cofre.plano.tabela import REMOVER, REPOR
from cofre.restauracao.arquivos.linha import ler
from cofre.restauracao.listas import Caso
from cofre.via.arquivos.armazem import Armazem

_ENDERECO = b"/storage/v1/"
_TEXTOS = re.compile(rb'"/?((?:[^"\\]|\\.)*)"')
"""Os textos de uma linha em JSON, sem a barra que um caminho pode ter à frente."""


@dataclass(frozen=True, slots=True)
class Nomeados:
    """`perdidas`: por tabela, quantas linhas nomeiam um arquivo que não há nem volta; `arquivos`:
    quantos a empresa terá; `citados`: as marcas dos que alguma linha nomeia."""

    perdidas: Mapping[str, int] = field(default_factory=dict)
    arquivos: int = 0
    citados: frozenset[int] = frozenset()

    def cita(self, balde: str, nome: str) -> bool:
        """Se alguma linha o nomeia."""
        return marca_de(balde, nome) in self.citados

    @property
    def sem_linha(self) -> int:
        """Quantos nenhuma linha nomeia."""
        return self.arquivos - len(self.citados)


def nomeados(caso: Caso, armazem: Armazem) -> Nomeados:
    """Levanta FalhaDoServidor, BackupDanificado ou FalhaDeDisco."""
    procura = _Procura({b.id for b in armazem.baldes()})
    for balde, nome in _que_havera(caso):
        procura.havera_um(balde, nome)
    with tempfile.TemporaryDirectory(prefix="cofre_", ignore_cleanup_errors=True) as pasta:
        ficam = depois(caso.alvo, caso.plano, caso.foto.arquivos, Path(pasta))
        for tabela, arquivos in ficam.items():
            if tabela not in LISTAS:
                procura.na_tabela(tabela, arquivos)
    return Nomeados(procura.perdidas(armazem), procura.quantos, frozenset(procura.citados))


def nomeados_em(
    linhas: Iterable[tuple[str, bytes]], arquivos: Iterable[tuple[str, str]]
) -> frozenset[int]:
    """As marcas dos `arquivos` (balde, nome) que estas linhas (tabela, linha) nomeiam."""
    procura = _Procura(set())
    for balde, nome in arquivos:
        procura.havera_um(balde, nome)
    for tabela, linha in linhas:
        procura.na_linha(tabela, linha)
    return frozenset(procura.citados)


def _que_havera(caso: Caso) -> Iterator[tuple[str, str]]:
    """(balde, nome) dos arquivos da empresa depois do plano."""
    saem = {
        marca_de(a.balde, a.nome)
        for acao in caso.plano.acoes(ARQUIVOS, REMOVER)
        if (a := ler(acao.atual))
    }
    da_foto = caso.foto.arquivos.get(ARQUIVOS)
    for grupo in ler_linhas(da_foto.caminho) if da_foto is not None else ():
        for a in (ler(bytes(linha)) for linha in grupo):
            if a is not None and marca_de(a.balde, a.nome) not in saem:
                yield a.balde, a.nome
    for a in (ler(acao.alvo) for acao in caso.plano.acoes(ARQUIVOS, REPOR)):
        if a is not None:
            yield a.balde, a.nome


class _Procura:
    """O que as linhas nomeiam, à medida que passam. De cada arquivo só se guarda a marca, e os
    textos por que uma linha o pode dizer: são muitos."""

    def __init__(self, baldes: set[str]) -> None:
        self.citados: set[int] = set()
        self._baldes = baldes
        self._havera: set[int] = set()
        self._por_texto: dict[bytes, int | tuple[int, ...]] = {}
        self._perdidos: dict[tuple[str, str], Counter[str]] = {}

    @property
    def quantos(self) -> int:
        """Os arquivos que haverá."""
        return len(self._havera)

    def havera_um(self, balde: str, nome: str) -> None:
        """Mais um."""
        marca = marca_de(balde, nome)
        self._baldes.add(balde)
        self._havera.add(marca)
        for dito in (nome.removeprefix("/").encode(), f"{balde}/{nome}".encode()):
            ja = self._por_texto.get(dito)
            self._por_texto[dito] = marca if ja is None else (*_marcas(ja), marca)

    def na_tabela(self, nome: str, arquivos: Sequence[ArquivoDaTabela]) -> None:
        """Levanta BackupDanificado."""
        for arquivo in arquivos:
            for grupo in ler_linhas(arquivo.caminho):
                for linha in map(bytes, grupo):
                    self.na_linha(nome, linha)

    def na_linha(self, tabela: str, linha: bytes) -> None:
        """O que esta nomeia."""
        for dito in self._por_texto.keys() & _TEXTOS.findall(linha):
            self.citados.update(_marcas(self._por_texto[dito]))
        if _ENDERECO not in linha:
            return
        for texto in textos_em(valores_da_linha(linha)):
            for balde, nome in citados(texto, ()) if "/storage/v1/" in texto else ():
                if (marca := marca_de(balde, nome)) in self._havera:
                    self.citados.add(marca)
                elif balde in self._baldes:
                    self._perdidos.setdefault((balde, nome), Counter())[tabela] += 1

    def perdidas(self, armazem: Armazem) -> dict[str, int]:
        """As linhas que nomeiam um que não está no Storage, nem sendo de outra empresa ou de
        nenhuma. Levanta FalhaDoServidor."""
        if self._perdidos:
            for objeto in armazem.listar():
                self._perdidos.pop(objeto.chave, None)
        return dict(sum(self._perdidos.values(), Counter[str]()))


def _marcas(guardada: int | tuple[int, ...]) -> tuple[int, ...]:
    return guardada if isinstance(guardada, tuple) else (guardada,)
