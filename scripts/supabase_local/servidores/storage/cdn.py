"""A CDN à frente do Storage hospedado: um GET pode trazer o corpo de antes (arquivos.md, 3)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from supabase_local.servidores.falhas import Falha, Pedido, Resposta, Seguir
from supabase_local.servidores.storage.descida import qual_faixa

DE_LEITURA = "/storage/v1/object/"


class Guardada(NamedTuple):
    """Uma resposta inteira, e quantas vezes já foi repetida."""

    resposta: Resposta
    vezes: int


@dataclass(frozen=True, slots=True)
class Cdn(Falha):
    """Guarda o que desce, e repete-o nos `velhas` GET seguintes do mesmo caminho, ainda que o
    arquivo tenha mudado ou já não exista: com a ETag e o corpo de antes, e `cf-cache-status: HIT`.
    No hospedado dura até 60 s. O que vem na consulta não a fura; HEAD e `info` não passam por ela.
    """

    velhas: int
    _guardadas: dict[str, Guardada] = field(default_factory=dict)

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        caminho = pedido.caminho
        fora = caminho.startswith(f"{DE_LEITURA}info/") or not caminho.startswith(DE_LEITURA)
        if pedido.metodo != "GET" or fora:
            return await seguir(pedido)
        guardada = self._guardadas.get(caminho)
        if guardada is not None and guardada.vezes < self.velhas:
            self._guardadas[caminho] = guardada._replace(vezes=guardada.vezes + 1)
            return _faixa(_marcada(guardada.resposta, "HIT"), pedido)
        resposta = await seguir(pedido)
        if resposta.status != 200:
            return resposta
        inteira = await resposta.inteira()
        self._guardadas[caminho] = Guardada(inteira, 0)
        return _marcada(inteira, "MISS")


def _marcada(resposta: Resposta, como: str) -> Resposta:
    return replace(resposta, cabecalhos=(*resposta.cabecalhos, ("cf-cache-status", como)))


def _faixa(resposta: Resposta, pedido: Pedido) -> Resposta:
    corpo = resposta.bytes
    achada = qual_faixa(pedido.cabecalhos.get("range", ""), len(corpo))
    if achada is None:
        return resposta
    inicio, fim = achada
    onde = ("Content-Range", f"bytes {inicio}-{fim - 1}/{len(corpo)}")
    return Resposta(206, (*resposta.cabecalhos, onde), corpo[inicio:fim])
