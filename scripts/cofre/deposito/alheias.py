"""As linhas de um backup que não são da empresa dele."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cofre.base.linha import NULO, texto
from cofre.deposito.metadados import Metadados
from cofre.deposito.passada import Grupo

MAIS_LEMBRADOS = 10_000


@dataclass(slots=True)
class Alheias:
    """As linhas de uma tabela cujos elos não dão nesta empresa e que nenhuma linha-mãe traz.

    `aceitos`: por elo, os valores que são desta empresa; `das_maes`: as colunas por onde uma
    linha-mãe a traria.
    """

    tabela: str
    elos: tuple[str, ...]
    aceitos: tuple[frozenset[str], ...]
    das_maes: tuple[str, ...]
    quantas: int = 0
    _sabidos: dict[tuple[bytes, ...], tuple[bool, bool]] = field(default_factory=dict)

    @classmethod
    def de(cls, meta: Metadados, nome: str) -> Alheias | None:
        """None se nada, na própria linha, diz de quem ela é."""
        salva = meta.tabelas[nome]
        elos = salva.elos
        registros = meta.registros_da_empresa
        aceitos = (
            frozenset([meta.user_id] if not ref else [r[ref] for r in registros if ref in r])
            for _coluna, ref in elos
        )
        das_maes = tuple(c for fk in salva.maes for c in fk.colunas)
        return cls(nome, tuple(c for c, _ in elos), tuple(aceitos), das_maes) if elos else None

    @property
    def colunas(self) -> Sequence[str]:
        return (*self.elos, *self.das_maes)

    def ver(self, grupo: Grupo) -> None:
        linhas = grupo.valores(self.elos)
        # Quase todas as linhas dizem o mesmo: só o que ainda não se viu se interpreta.
        if len(self._sabidos) > MAIS_LEMBRADOS:
            self._sabidos.clear()
        for valores in set(linhas) - self._sabidos.keys():
            self._sabidos[valores] = self._dizem(valores)
        for linha, das_maes in zip(linhas, grupo.valores(self.das_maes), strict=True):
            e_desta, nenhuma = self._sabidos[linha]
            if not e_desta:
                tem_mae = any(v != NULO for v in das_maes)
                self.quantas += not (tem_mae and nenhuma)

    def _dizem(self, valores: tuple[bytes, ...]) -> tuple[bool, bool]:
        """Se algum elo dá nesta empresa, e se nenhum dá em empresa alguma."""
        textos = [texto(v) for v in valores]
        e_desta = any(v in a for v, a in zip(textos, self.aceitos, strict=True))
        return e_desta, all(v is None for v in textos)
