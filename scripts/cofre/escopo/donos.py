"""De que empresa é um valor: os donos, e as linhas de `empresas` de cada um."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from cofre.base.modelo import Catalogo, Empresa
from cofre.escopo.escopo import Elo


class Donos:
    """Quem é o dono de uma linha, pelos valores dos seus elos. Conhece todas as empresas."""

    def __init__(self, empresas: Iterable[Empresa], referencias: Iterable[str]) -> None:
        todas = list(empresas)
        self._por_referencia: dict[str, dict[str, str]] = {"": {e.id: e.id for e in todas}}
        for coluna in referencias:
            self._por_referencia[coluna] = {v: e.id for e in todas for v in e.valores(coluna)}

    def lembrar(self, empresa: Empresa) -> None:
        """Acrescenta o que se soube depois de uma empresa."""
        for coluna, donos in self._por_referencia.items():
            valores = empresa.valores(coluna) if coluna else (empresa.id,)
            donos.update(dict.fromkeys(valores, empresa.id))

    def dono(self, elos: Sequence[Elo], valores: Sequence[str | None]) -> str | None:
        """O id da empresa, pelo primeiro elo que leva a uma; None se nenhum leva."""
        for elo, valor in zip(elos, valores, strict=True):
            if valor is not None:
                dono = self._por_referencia[elo.referencia].get(valor)
                if dono is not None:
                    return dono
        return None

    def entre(
        self, empresas: Collection[str], elos: Sequence[Elo], valores: Sequence[str | None]
    ) -> str | None:
        """De qual destas empresas é a linha; vazio se um elo que vem antes a dá a uma de fora; None
        se elo nenhum a liga a estas: quem a mandou não aplicou o filtro."""
        dono = self.dono(elos, valores)
        if dono in empresas:
            return dono
        pares = zip(elos, valores, strict=True)
        ligada = any(self.dono([elo], [valor]) in empresas for elo, valor in pares)
        return "" if ligada else None


def referencias_a_empresas(catalogo: Catalogo) -> frozenset[str]:
    """As colunas de `empresas` para as quais outras tabelas apontam, e o `id`, que os metadados
    dizem mesmo quando nenhuma aponta."""
    empresas = catalogo.tabelas.get("empresas")
    sempre = frozenset({"id"} if empresas is not None and empresas.coluna("id") else ())
    return sempre | frozenset(
        fk.referencias[0]
        for tabela in catalogo.tabelas.values()
        for fk in tabela.estrangeiras
        if fk.tabela == "empresas" and len(fk.referencias) == 1
    )
