"""O que serve de um backup que não está inteiro: as tabelas sadias, e o que se diz das outras."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cofre.base.palavras import como_se_diz, na_tela, numero, visivel
from cofre.deposito.backup import Backup
from cofre.deposito.lacre import conferencia
from cofre.deposito.lacre.conhecidos import AssinanteDesconhecido
from cofre.deposito.no_disco import no_lugar
from cofre.deposito.verificacao import Dano, danos_de


@dataclass(frozen=True, slots=True)
class Exame:
    """Um backup relido inteiro, e os danos que se acharam. De uma tabela com dano nada se tira."""

    backup: Backup
    danos: tuple[Dano, ...]

    @property
    def estado(self) -> str:
        """O do backup, visto o conteúdo."""
        return "danificado" if self.danos else self.backup.estado

    @property
    def sadias(self) -> list[str]:
        """As tabelas que podem voltar deste backup, na ordem do manual."""
        if any(not d.tabela for d in self.danos):
            return []
        com_dano = {d.tabela for d in self.danos}
        return [nome for nome in no_lugar(self.backup) if nome not in com_dano]

    def danos_em(self, tabelas: Sequence[str]) -> list[Dano]:
        """Os destas tabelas, e os do backup inteiro."""
        return [d for d in self.danos if not d.tabela or d.tabela in tabelas]

    def avisos(self, tabelas: Sequence[str]) -> Iterator[str]:
        """O que há com o resto do backup, fora destas tabelas."""
        quando, meta = na_tela(self.backup.quando), self.backup.meta
        if meta and meta.falhas:
            yield f"O backup de {quando} é incompleto: não tem {quais(sorted(meta.falhas))}."
        elif meta and meta.parcial_de:
            yield f"O backup de {quando} é só de algumas tabelas."
        for dano in self.danos:
            if dano.tabela not in tabelas:
                yield (
                    f"No backup de {quando}, {visivel(como_se_diz(dano.tabela))} está danificada e"
                    f" não volta dele: {visivel(dano.causa)}."
                )

    def documento(self) -> dict[str, object]:
        """Para a saída --json."""
        return {
            "carimbo": self.backup.carimbo,
            "estado": self.estado,
            "faltam": sorted(map(como_se_diz, self.backup.meta.falhas)) if self.backup.meta else [],
            "danos": [{"tabela": como_se_diz(d.tabela), "causa": d.causa} for d in self.danos],
            "encolhimentos": list(self.backup.meta.encolhimentos) if self.backup.meta else [],
        }


DITAS = 3


def quais(nomes: Sequence[str]) -> str:
    """As primeiras destas tabelas, e quantas mais há."""
    mais = f" e mais {numero(n)}" if (n := len(nomes) - DITAS) > 0 else ""
    return visivel(", ".join(map(como_se_diz, nomes[:DITAS]))) + mais


@dataclass(frozen=True, slots=True)
class Exames:
    """Os exames desta execução: cada backup se relê uma vez. `apresentar` pode passar a confiar em
    quem assinou um deles e não se conhece."""

    apresentar: Callable[[AssinanteDesconhecido], None] = lambda _quem: None
    _feitos: dict[tuple[Path, str], Exame] = field(default_factory=dict)

    def de(self, backup: Backup) -> Exame:
        """O exame deste backup, feito agora se ainda não foi."""
        qual = (backup.pasta, backup.carimbo)
        if qual not in self._feitos:
            self.conhecer(backup)
            self._feitos[qual] = Exame(backup, tuple(danos_de(backup)))
        return self._feitos[qual]

    def conhecer(self, backup: Backup) -> None:
        """Se quem assinou o backup não se conhece, apresenta-o. Levanta o que `apresentar`
        levanta."""
        if (quem := conferencia.desconhecido(backup)) is not None:
            self.apresentar(quem)

    def sadias(self, backup: Backup) -> list[str]:
        """As tabelas que se oferecem: as sadias, ou, de um backup que ainda não se releu, as que
        estão no lugar."""
        exame = self._feitos.get((backup.pasta, backup.carimbo))
        return exame.sadias if exame else no_lugar(backup)
