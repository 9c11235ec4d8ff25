"""Os pedidos que o gateway registrou."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

PREFIXO = "/rest/v1/"
ESCRITAS = frozenset({"POST", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Pedido:
    """Um pedido atendido. `fim` é em segundos desde 1970 e `duracao` em segundos; `recebidos` e
    `enviados` são bytes, com cabeçalhos."""

    fim: float
    duracao: float
    metodo: str
    caminho: str
    consulta: str
    status: int
    recebidos: int
    enviados: int

    @property
    def inicio(self) -> float:
        """Quando o primeiro byte chegou."""
        return self.fim - self.duracao

    @property
    def tabela(self) -> str:
        """Vazia para a raiz da API."""
        return self.caminho.removeprefix(PREFIXO)

    @property
    def escrita(self) -> bool:
        """Se é de um método que grava."""
        return self.metodo in ESCRITAS

    @property
    def gravou(self) -> bool:
        """Se gravou, ou pôde gravar: um método de escrita que o servidor aceitou."""
        return self.escrita and 200 <= self.status < 300


def ler_registro(trecho: bytes) -> list[Pedido]:
    """As linhas do registro do nginx, na ordem em que os pedidos terminaram."""
    return msgspec.json.Decoder(Pedido).decode_lines(trecho)


def por_tabela(pedidos: Iterable[Pedido]) -> Counter[str]:
    """Quantos pedidos cada tabela teve."""
    return Counter(p.tabela for p in pedidos)


def por_metodo_e_status(pedidos: Iterable[Pedido]) -> Iterator[str]:
    """Por exemplo «GET 200: 12»."""
    contados = Counter((p.metodo, p.status) for p in pedidos)
    for (metodo, status), vezes in sorted(contados.items()):
        yield f"{metodo} {status}: {vezes}"
