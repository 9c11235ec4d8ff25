"""No que o esquema do destino é outro, dito antes da palavra: o que só lá há, e os tipos.

O que lá falta é uma perda, e combina-se; o que o banco não aceita é um risco, provado nele. Isto só
se mostra: explica uns e outros, e o que chega diferente sem que ninguém o recuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cofre.base.modelo import Tabela
from cofre.base.palavras import em_linhas, visivel
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.restauracao.restauracao import Restauracao


@dataclass(frozen=True, slots=True)
class OutroEsquema:
    """Uma tabela cujo esquema lá é outro: as colunas que só lá há (`obrigatorias`, as que não
    aceitam nulo) e, de cada uma que tem outro tipo, o daqui e o de lá."""

    tabela: str
    so_la: tuple[str, ...]
    obrigatorias: tuple[str, ...]
    tipos: tuple[tuple[str, str, str], ...]

    @property
    def em_palavras(self) -> str:
        """«produtos: só lá há cor, filial (obrigatória); preco, aqui numeric, lá é integer»."""
        ditas = [
            f"{visivel(c)}{' (obrigatória)' if c in self.obrigatorias else ''}" for c in self.so_la
        ]
        partes = [f"só lá há {', '.join(ditas)}"] if ditas else []
        partes += [
            f"{visivel(c)}, aqui {visivel(daqui)}, lá é {visivel(de_la)}"
            for c, daqui, de_la in self.tipos
        ]
        return f"{visivel(self.tabela)}: {'; '.join(partes)}"

    def documento(self) -> dict[str, object]:
        """Para a saída --json."""
        return {
            "tabela": self.tabela,
            "so_la": list(self.so_la),
            "obrigatorias": list(self.obrigatorias),
            "tipos": [{"coluna": c, "aqui": a, "la": b} for c, a, b in self.tipos],
        }


def diferencas(restauracao: Restauracao, copia: Backup) -> Iterator[OutroEsquema]:
    """Das tabelas da cópia que o destino tem, as que lá são outras."""
    salvas = copia.meta.tabelas if copia.meta else {}
    for nome, no_escopo in restauracao.contexto.escopo.tabelas.items():
        if nome in salvas and (outro := _desta(no_escopo.tabela, salvas[nome])):
            yield outro


def _desta(tabela: Tabela, salva: TabelaSalva) -> OutroEsquema | None:
    daqui = salva.tipos
    so_la = [c for c in tabela.colunas if c.nome not in daqui]
    tipos = [
        (c.nome, daqui[c.nome], c.tipo)
        for c in tabela.colunas
        if c.tipo and daqui.get(c.nome) and _nu(daqui[c.nome]) != _nu(c.tipo)
    ]
    if not (so_la or tipos):
        return None
    obrigatorias = tuple(c.nome for c in so_la if not c.anulavel)
    return OutroEsquema(salva.nome, tuple(c.nome for c in so_la), obrigatorias, tuple(tipos))


def _nu(tipo: str) -> str:
    """O tipo sem o schema: as duas vias nem sempre o dizem."""
    return tipo.rpartition(".")[2].strip('"').casefold()


def partilhadas(restauracao: Restauracao, copia: Backup) -> Iterator[str]:
    """«produtos.categoria_id → categorias»: o que, nas linhas que vão, aponta para uma tabela que
    não é de empresa nenhuma, e que por isso não vai. Uma chave que lá é de outra coisa serve ao
    banco, e a linha passa a dizer outra coisa."""
    escopo = restauracao.contexto.escopo.tabelas
    salvas = copia.meta.tabelas if copia.meta else {}
    for nome in sorted(escopo.keys() & {n for n, t in salvas.items() if t.registros}):
        for fk in escopo[nome].tabela.estrangeiras:
            if fk.tabela not in escopo and salvas[nome].tipos.keys() >= {*fk.colunas}:
                yield f"{nome}.{', '.join(fk.colunas)} → {fk.tabela}"


def dizer_partilhadas(relato: Relato, ditas: list[str]) -> None:
    """O que se há de conferir nelas, se algo."""
    if ditas:
        dito = (
            "🔗 Há colunas que apontam para tabelas que não são de empresa nenhuma, e não vão:"
            " confira que lá as mesmas chaves são das mesmas coisas."
        )
        relato.linha(em_linhas(dito, relato.largura, 3))
    for dita in ditas:
        relato.linha(f"   {visivel(dita)}")


def dizer(relato: Relato, outros: list[OutroEsquema]) -> None:
    """O que lá é outro, se algo."""
    if outros:
        relato.linha("🧩 O esquema do destino é outro:")
    for outro in outros:
        relato.linha(em_linhas(f"   {outro.em_palavras}", relato.largura, 6))
