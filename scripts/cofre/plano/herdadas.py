"""Os backups de antes de se saber quem herda de quem (INHERITS): neles, o arquivo da tabela-mãe
traz também as linhas das filhas, com as colunas da mãe, e a mesma linha está em dois arquivos.

Quem herda de quem diz o banco de hoje. Se cada linha das filhas está no da mãe, são essas que nele
sobram, e a mãe se restaura sem elas; se só algumas estão, não se sabe de quem são.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cofre.base.linha import juntar, valores_de_todas
from cofre.deposito.backup import Backup
from cofre.deposito.formato import Gravador, de_passagem
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.escopo.escopo import TabelaNoEscopo

_Valores = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Herdadas:
    """Do backup com este `carimbo`: `separadas`, por tabela-mãe, o arquivo dela sem as linhas das
    filhas; `misturadas`, as mães de que não se sabe quais são as suas."""

    carimbo: str = ""
    separadas: Mapping[str, Arquivo] = field(default_factory=dict)
    misturadas: frozenset[str] = frozenset()


NENHUMA = Herdadas()


def ha(backup: Backup, escopo: Mapping[str, TabelaNoEscopo]) -> bool:
    """Se há no backup uma mãe de hoje que pode trazer as linhas das filhas."""
    return any(True for _ in _maes(backup, escopo))


def separar(backup: Backup, escopo: Mapping[str, TabelaNoEscopo], pasta: Path) -> Herdadas:
    """As mães deste backup, na `pasta`, que fica com quem chama. Levanta BackupDanificado; OSError
    passa."""
    separadas: dict[str, Arquivo] = {}
    misturadas = set()
    for nome, salva in _maes(backup, escopo):
        das_filhas = _Filhas(backup, escopo, tuple(salva.tipos)).de(nome)
        achadas = _presentes(backup, salva, das_filhas)
        if achadas is None:
            misturadas.add(nome)
        elif achadas:
            separadas[nome] = _sem(backup, salva, das_filhas, pasta, str(len(separadas)))
    return Herdadas(backup.carimbo, separadas, frozenset(misturadas))


def _maes(
    backup: Backup, escopo: Mapping[str, TabelaNoEscopo]
) -> Iterator[tuple[str, TabelaSalva]]:
    """As que um programa de antes leu: os de hoje dizem o que se prova de cada tabela."""
    salvas = backup.meta.tabelas if backup.meta else {}
    for nome, salva in salvas.items():
        antiga = not salva.exata and not salva.sem_prova
        herdeiras = escopo[nome].tabela.herdeiras if nome in escopo and salva.tipos else ()
        if antiga and any(filha in salvas for filha, _ in herdeiras):
            yield nome, salva


@dataclass(frozen=True, slots=True)
class _Filhas:
    """As linhas das filhas, pelos valores destas `colunas`, que são as da mãe."""

    backup: Backup
    escopo: Mapping[str, TabelaNoEscopo]
    colunas: Sequence[str]

    def de(self, mae: str) -> Counter[_Valores]:
        """As de todas as que herdam dela: o arquivo de uma filha traz também as das netas."""
        todas = Counter[_Valores]()
        for filha in dict.fromkeys(f for f, _ in self.escopo[mae].tabela.herdeiras):
            todas += self._proprias(filha)
        return todas

    def _proprias(self, filha: str) -> Counter[_Valores]:
        assert self.backup.meta is not None
        salva = self.backup.meta.tabelas.get(filha)
        if salva is None or filha not in self.escopo:
            return Counter()
        linhas = Counter(_valores(self.backup, salva, self.colunas))
        return linhas - self.de(filha)


def _valores(backup: Backup, salva: TabelaSalva, colunas: Sequence[str]) -> Iterator[_Valores]:
    for grupo in ler_linhas(backup.caminho(salva)):
        yield from valores_de_todas([bytes(linha) for linha in grupo], colunas)


def _presentes(backup: Backup, salva: TabelaSalva, das_filhas: Counter[_Valores]) -> bool | None:
    """Se a mãe traz as linhas das filhas: todas, nenhuma, ou (None) só algumas."""
    faltam = das_filhas - Counter(_valores(backup, salva, tuple(salva.tipos)))
    if not faltam:
        return bool(das_filhas)
    return False if faltam == das_filhas else None


def _sem(
    backup: Backup, salva: TabelaSalva, das_filhas: Counter[_Valores], pasta: Path, numero: str
) -> Arquivo:
    """O arquivo da mãe, noutro lugar, sem estas linhas."""
    sobram, colunas, registros = Counter(das_filhas), tuple(salva.tipos), 0
    with de_passagem(pasta, numero) as (onde, saida):
        gravador = Gravador(saida)
        for grupo in ler_linhas(backup.caminho(salva)):
            suas = []
            linhas = [bytes(linha) for linha in grupo]
            for linha, valores in zip(linhas, valores_de_todas(linhas, colunas), strict=True):
                if sobram[valores]:
                    sobram[valores] -= 1
                else:
                    suas.append(linha)
            gravador.bloco(juntar(suas))
            registros += len(suas)
        soma = gravador.terminar()
    tabela = replace(
        salva,
        registros=registros,
        bytes=gravador.bytes,
        sha256=soma,
        compactado=False,
        textos=None,
        cifrado=False,
    )
    return Arquivo(tabela, onde)
