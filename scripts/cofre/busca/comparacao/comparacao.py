"""Comparar dois estados de uma empresa, tabela a tabela."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cofre.base.erros import HA_DIFERENCAS, TUDO_CERTO, BackupDanificado, FalhaDoServidor
from cofre.base.modelo import LISTAS, ordem_de_exibicao
from cofre.busca.comparacao.agora_listas import so_o_que_se_sabe_agora
from cofre.busca.comparacao.duas import juntar
from cofre.busca.comparacao.estado import Estado
from cofre.busca.comparacao.resumo import TabelaComparada, comparar
from cofre.deposito.backup import Backup
from cofre.deposito.tabela_salva import SEM_CONTAGEM


@dataclass(frozen=True, slots=True)
class SoDeUmLado:
    """Uma tabela que só há num dos estados, com quantos registros (None: não se sabe)."""

    tabela: str
    onde: Estado
    registros: int | None


@dataclass(frozen=True, slots=True)
class NaoComparada:
    """Uma tabela de que não se sabe o que mudou, e por quê. `codigo`: o de saída que isso dá; zero,
    se só se pediu que fosse assim."""

    tabela: str
    causa: str
    codigo: int


Comparada = TabelaComparada | SoDeUmLado | NaoComparada


@dataclass(frozen=True, slots=True)
class Comparacao:
    """De `antes` para `depois`; `chaves`, por tabela, é o que se sabe delas por outros backups."""

    antes: Estado
    depois: Estado
    chaves: Mapping[str, Sequence[str]]

    @property
    def tabelas(self) -> list[str]:
        """As que há num ou no outro, na ordem do manual."""
        return sorted({*self.antes.tabelas, *self.depois.tabelas}, key=ordem_de_exibicao)

    def comparadas(self, nomes: Sequence[str]) -> Iterator[Comparada]:
        """Estas tabelas, uma a uma. OSError passa."""
        for nome in nomes:
            yield self._uma(nome)

    def _uma(self, nome: str) -> Comparada:
        for estado, outro in ((self.antes, self.depois), (self.depois, self.antes)):
            if nome in estado.ilegiveis:
                codigo = FalhaDoServidor.codigo if estado.e_agora else BackupDanificado.codigo
                return NaoComparada(nome, _em(estado, estado.ilegiveis[nome]), codigo)
            if nome not in {*outro.tabelas}:
                return _so_de_um(nome, estado, outro)
        antes, depois = self.antes.arquivos[nome], self.depois.arquivos[nome]
        try:
            duas = juntar(nome, antes, depois, self.chaves.get(nome, ()))
            if nome in LISTAS and (self.antes.e_agora or self.depois.e_agora):
                duas = so_o_que_se_sabe_agora(duas)
            return comparar(duas)
        except (BackupDanificado, OSError) as e:
            causa = str(e).removesuffix(" Nada foi alterado.")
            return NaoComparada(nome, causa, BackupDanificado.codigo)


def _so_de_um(nome: str, estado: Estado, outro: Estado) -> Comparada:
    if nome in outro.ausentes:
        return NaoComparada(nome, _em(outro, outro.ausentes[nome]), TUDO_CERTO)
    registros = estado.arquivos[nome].tabela.registros
    return SoDeUmLado(nome, estado, registros if registros != SEM_CONTAGEM else None)


def _em(estado: Estado, causa: str) -> str:
    return f"{causa} (em {estado.em_palavras})"


def codigo_de(comparadas: Sequence[Comparada]) -> int:
    """0 se nada mudou, HA_DIFERENCAS se algo; ou o do que impediu de o saber."""
    impedidas = [c.codigo for c in comparadas if isinstance(c, NaoComparada) and c.codigo]
    if impedidas:
        return min(impedidas)
    return TUDO_CERTO if all(map(_nada_mudou, comparadas)) else HA_DIFERENCAS


def _nada_mudou(comparada: Comparada) -> bool:
    return isinstance(comparada, NaoComparada) or (
        isinstance(comparada, TabelaComparada) and comparada.igual
    )


def chaves_sabidas(backups: Sequence[Backup]) -> dict[str, tuple[str, ...]]:
    """A chave de cada tabela no backup mais novo que a diz."""
    return {
        nome: salva.chave
        for backup in backups
        if backup.meta
        for nome, salva in backup.meta.tabelas.items()
        if salva.chave
    }
