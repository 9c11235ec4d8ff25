"""O que se trocou e, com o mesmo cuidado, o que não se trocou."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cofre.base.modelo import ordem_de_exibicao
from cofre.base.palavras import como_se_diz, numero, plural, visivel
from cofre.clone.anonimo.classes import Especie

T = TypeVar("T")


@dataclass(slots=True)
class Deixada:
    """Uma coluna com textos que ficaram: `valores`, quantos não vazios; `achados`, em quantos deles
    ainda está alguém da empresa (um nome, documento, e-mail ou telefone); `motivo`, se há um."""

    valores: int = 0
    achados: int = 0
    motivo: str = ""


@dataclass(slots=True)
class Relatorio:
    """Por tabela e coluna. `trocadas`: quantos valores de cada espécie; `deixadas`: as de texto em
    que não se mexeu, ou em que só se mexeu no que se reconheceu."""

    trocadas: dict[str, dict[str, Counter[Especie]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )
    deixadas: dict[str, dict[str, Deixada]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Deixada))
    )

    @property
    def valores_trocados(self) -> int:
        """Ao todo."""
        return sum(c.total() for colunas in self.trocadas.values() for c in colunas.values())

    def linhas(self) -> Iterator[str]:
        """Para a tela: uma linha por tabela."""
        yield f"🎭 {plural(self.valores_trocados, 'valor trocado', 'valores trocados')}:"
        for tabela, colunas in _por_tabela(self.trocadas):
            ditas = (f"{visivel(c)} ({_contadas(e)})" for c, e in sorted(colunas.items()))
            yield f"   {_nome(tabela)}: {', '.join(ditas)}"
        yield "👀 Textos que ficaram; deles só saiu o que se reconheceu:"
        for tabela, deixadas in _por_tabela(self.deixadas):
            ditas = (f"{visivel(c)} {numero(d.valores)}" for c, d in sorted(deixadas.items()))
            yield f"   {_nome(tabela)}: {', '.join(ditas)}"
        for tabela, coluna, deixada in _em_ordem(self.deixadas):
            if deixada.achados:
                de = f"{numero(deixada.achados)} de {numero(deixada.valores)}"
                yield f"   ⚠️  {_nome(tabela)}.{visivel(coluna)}: ainda há alguém em {de}"

    def documento(self) -> dict[str, Any]:
        """O mesmo, para outro programa."""
        return {
            "trocadas": [
                {
                    "tabela": como_se_diz(tabela),
                    "coluna": coluna,
                    "valores": {e.value: n for e, n in sorted(especies.items())},
                }
                for tabela, coluna, especies in _em_ordem(self.trocadas)
            ],
            "deixadas": [
                {
                    "tabela": como_se_diz(tabela),
                    "coluna": coluna,
                    "valores": deixada.valores,
                    "com_alguem": deixada.achados,
                    **({"motivo": deixada.motivo} if deixada.motivo else {}),
                }
                for tabela, coluna, deixada in _em_ordem(self.deixadas)
            ],
        }


def _por_tabela(ditas: Mapping[str, T]) -> Iterator[tuple[str, T]]:
    yield from sorted(ditas.items(), key=lambda par: ordem_de_exibicao(par[0]))


def _em_ordem(por_tabela: Mapping[str, Mapping[str, T]]) -> Iterator[tuple[str, str, T]]:
    for tabela, colunas in _por_tabela(por_tabela):
        yield from ((tabela, coluna, dito) for coluna, dito in sorted(colunas.items()))


def _contadas(especies: Counter[Especie]) -> str:
    return ", ".join(f"{e.value} {numero(n)}" for e, n in especies.most_common())


def _nome(tabela: str) -> str:
    return visivel(como_se_diz(tabela))
