"""As fotos de uma mesma empresa, umas depois das outras: cada uma parte do que a anterior leu.

Restaurar são várias fotos: a do plano, a de depois da resposta, a de depois de escrever. Uma linha
cuja versão (`xmin`) ainda é a mesma é a mesma, como entre as duas leituras de uma foto só; por isso
a foto seguinte começa pela conferência, que só pede chaves e versões, e relê as páginas que
mudaram. As tabelas em que nós mesmos escrevemos é certo que mudaram: as pequenas leem-se de novo, e
das grandes, se foi pouco, relê-se antes de conferir só o que já não é o mesmo.

A versão só diz o mesmo conteúdo por pouco tempo: uma coluna que muda de tipo, um valor de um `enum`
que muda de nome, um banco que volta atrás deixam-na como estava. Quem lê o plano pode demorar uma
hora, e a foto de depois é a única volta que há: o que se leu há mais de VALE_POR lê-se de novo.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cofre.via.api.consulta import Consulta
from cofre.via.api.serie import Serie

Series = dict[tuple[frozenset[str], Consulta], Serie]
"""Pelas empresas e pela consulta de que são."""
VALE_POR = 60.0
"""Segundos: os de uma foto grande, que se fia nas versões do princípio ao fim dela."""


@dataclass(slots=True)
class Seguidas:
    """As séries da última foto. Os rascunhos delas fecham-se quando deixam de servir."""

    _series: Series = field(default_factory=dict)
    _mexidas: Counter[str] = field(default_factory=Counter)
    _lidas_em: dict[int, float] = field(default_factory=dict)
    """De cada série (pelo id dela), quando se começou a ler."""

    def mexeu(self, linhas: Mapping[str, int]) -> None:
        """Em quantas linhas de cada tabela se escreve, desde a última foto."""
        self._mexidas.update(linhas)

    @contextlib.contextmanager
    def retomando(self) -> Iterator[Series]:
        """As séries de que uma foto pode partir. Ao sair, ficam as que lá estiverem; com um erro,
        nenhuma."""
        agora = time.monotonic()
        antes, self._series = self._series, {}
        series = {qual: s for qual, s in antes.items() if self._serve(s, agora)}
        self._mexidas.clear()
        try:
            yield series
            self._series = series
        finally:
            ficam = {id(s) for s in self._series.values()}
            for serie in (*antes.values(), *series.values()):
                if id(serie) not in ficam:
                    serie.rascunho.fechar()
            self._lidas_em = {n: self._lidas_em.get(n, agora) for n in ficam}

    def _serve(self, serie: Serie, agora: float) -> bool:
        """Se se leu há pouco, e há páginas em que de certeza não se mexeu."""
        mexidas = self._mexidas[serie.consulta.tabela.nome]
        serie.mexida = mexidas > 0
        ha_pouco = agora - self._lidas_em[id(serie)] < VALE_POR
        return ha_pouco and mexidas < len(serie.blocos)

    def fechar(self) -> None:
        """Esquece-as todas."""
        with self.retomando() as series:
            series.clear()
