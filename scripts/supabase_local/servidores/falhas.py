"""Como o gateway se comporta mal: cada falha envolve um pedido, como uma camada.

Uma `Falha` recebe o pedido e `seguir`, que o leva adiante (à próxima falha e, por fim, ao
servidor). Ela pode esperar, responder no lugar do servidor, mudar o pedido ou estragar a
resposta. Uma `Regra` diz a que pedidos uma falha se aplica, a partir de qual e quantas vezes.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Pedido:
    """Um pedido que chegou. `consulta` é a parte da URL depois do `?`, como veio."""

    numero: int
    metodo: str
    caminho: str
    consulta: str
    cabecalhos: Mapping[str, str] = field(repr=False)
    vez: int = 0  # quantas vezes a regra em curso já disparou, contando esta
    subida: Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]] | None = None
    """O que uma falha faz ao corpo que sobe, parte a parte."""

    @property
    def tabela(self) -> str:
        """O que vem depois de /rest/v1/ (a raiz, que descreve a API, é '')."""
        return self.caminho.removeprefix("/rest/v1/")

    @property
    def parametros(self) -> dict[str, str]:
        return dict(parse_qsl(self.consulta, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Resposta:
    """Uma resposta a caminho do cliente. `prometidos` finge um Content-Length maior."""

    status: int
    cabecalhos: tuple[tuple[str, str], ...]
    corpo: bytes | AsyncIterator[bytes]
    prometidos: int | None = None

    async def inteira(self) -> Resposta:
        """A mesma resposta, com o corpo já todo em memória."""
        if isinstance(self.corpo, bytes):
            return self
        return replace(self, corpo=b"".join([parte async for parte in self.corpo]))

    @property
    def bytes(self) -> bytes:
        assert isinstance(self.corpo, bytes), "só depois de inteira()"
        return self.corpo


Seguir = Callable[[Pedido], Awaitable[Resposta]]


class CortarConexao(Exception):
    """O gateway fecha a conexão com o cliente sem responder."""

    def __init__(self, com_reset: bool = False) -> None:
        super().__init__(com_reset)
        self.com_reset = com_reset


class Falha:
    """A falha que não falha: leva o pedido adiante."""

    repete: ClassVar[bool] = False
    """Se leva o pedido adiante mais de uma vez: o corpo então não passa em fluxo."""

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        return await seguir(pedido)


@dataclass(frozen=True, slots=True)
class Atraso(Falha):
    """Espera antes de levar o pedido adiante."""

    segundos: float

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        await asyncio.sleep(self.segundos)
        return await seguir(pedido)


@dataclass(frozen=True, slots=True)
class RespostaForcada(Falha):
    """Responde no lugar do servidor, que nem vê o pedido."""

    status: int
    corpo: object = None
    cabecalhos: Mapping[str, str] = field(default_factory=dict)

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        padrao = {"message": f"falha simulada ({self.status})"}
        corpo = padrao if self.corpo is None else self.corpo
        dados = corpo if isinstance(corpo, bytes) else json.dumps(corpo).encode()
        cabecalhos = {"Content-Type": "application/json; charset=utf-8", **self.cabecalhos}
        return Resposta(self.status, tuple(cabecalhos.items()), dados)


@dataclass(frozen=True, slots=True)
class CorteAntes(Falha):
    """Corta a conexão sem que o servidor veja o pedido; com RST, se pedido."""

    com_reset: bool = False

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        raise CortarConexao(self.com_reset)


@dataclass(frozen=True, slots=True)
class CorteDepois(Falha):
    """O servidor faz o que foi pedido, mas a resposta se perde; com RST, se pedido."""

    com_reset: bool = False

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        await (await seguir(pedido)).inteira()
        raise CortarConexao(self.com_reset)


@dataclass(frozen=True, slots=True)
class RespostaPerdida(Falha):
    """O servidor faz o que foi pedido, e quem pediu recebe outra resposta: a do intermediário que
    se cansou de esperar (504)."""

    status: int

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        await (await seguir(pedido)).inteira()
        return await RespostaForcada(self.status).envolver(pedido, seguir)


@dataclass(frozen=True, slots=True)
class Repetida(Falha):
    """O servidor faz o que foi pedido, a resposta se perde antes do gateway, e ele manda o pedido
    de novo sozinho: quem pediu só vê a segunda resposta. É o que o Envoy do Supabase faz de
    qualquer método (supabase/postgres, envoy_config/lds.supabase.yaml: `retry_on: gateway-error`,
    `num_retries: 5`)."""

    repete: ClassVar[bool] = True

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        await (await seguir(pedido)).inteira()
        return await seguir(pedido)


@dataclass(frozen=True, slots=True)
class CorpoCortado(Falha):
    """Promete o corpo inteiro, manda uma parte e corta a conexão."""

    fracao: float = 0.5

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        resposta = await (await seguir(pedido)).inteira()
        corpo = resposta.bytes
        return replace(
            resposta, corpo=corpo[: int(len(corpo) * self.fracao)], prometidos=len(corpo)
        )


async def em_partes(corpo: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """O corpo em fluxo, ainda que já esteja em memória."""
    if not isinstance(corpo, bytes):
        async for parte in corpo:
            yield parte
    elif corpo:
        yield corpo


@dataclass(frozen=True, slots=True)
class CorpoEncurtado(Falha):
    """Manda uma parte do corpo como se fosse o todo: o HTTP está certo, o JSON acaba antes."""

    fracao: float = 0.5

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        resposta = await (await seguir(pedido)).inteira()
        return replace(resposta, corpo=resposta.bytes[: int(len(resposta.bytes) * self.fracao)])


@dataclass(frozen=True, slots=True)
class ParametroIgnorado(Falha):
    """Retira um parâmetro da consulta, como um servidor que não o conhece."""

    nome: str

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        partes = [p for p in pedido.consulta.split("&") if p.split("=")[0] != self.nome]
        return await seguir(replace(pedido, consulta="&".join(partes)))


@dataclass(frozen=True, slots=True)
class SemDefinicoes(Falha):
    """A raiz da API (OpenAPI) responde sem definições nem caminhos."""

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        if pedido.tabela or pedido.metodo != "GET":
            return await seguir(pedido)
        resposta = await (await seguir(pedido)).inteira()
        descricao = json.loads(resposta.bytes)
        descricao.update(definitions={}, paths={})
        return replace(resposta, corpo=json.dumps(descricao).encode())


# Um gancho recebe o pedido e a vez (1, 2...). Se devolver False, a conexão é cortada ali.
Gancho = Callable[[Pedido, int], object]


@dataclass(frozen=True, slots=True)
class GanchoDeTeste(Falha):
    """Chama o teste antes de levar o pedido adiante, e de novo antes de responder.

    Os ganchos rodam numa thread à parte: podem bloquear (esperar um processo morrer).
    """

    antes: Gancho | None = None
    depois: Gancho | None = None

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        await self._chamar(self.antes, pedido)
        resposta = await (await seguir(pedido)).inteira()
        await self._chamar(self.depois, pedido)
        return resposta

    @staticmethod
    async def _chamar(gancho: Gancho | None, pedido: Pedido) -> None:
        if gancho is not None and await asyncio.to_thread(gancho, pedido, pedido.vez) is False:
            raise CortarConexao


Quando = Callable[[Pedido], bool]


@dataclass(slots=True)
class Regra:
    """Uma falha e os pedidos a que ela se aplica; contada sob trava, pois há várias threads."""

    falha: Falha
    quando: Quando
    no_pedido: int = 1
    vezes: int | None = 1
    vistos: int = 0
    disparos: int = 0
    _trava: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def disparar(self, pedido: Pedido) -> int:
        """A vez deste disparo (1, 2...), ou 0 se a regra não se aplica a este pedido."""
        if not self.quando(pedido):
            return 0
        with self._trava:
            self.vistos += 1
            cedo = self.vistos < self.no_pedido
            gasta = self.vezes is not None and self.disparos >= self.vezes
            if cedo or gasta:
                return 0
            self.disparos += 1
            return self.disparos


def quando(
    metodo: str | None = None, tabela: str | None = None, se: Quando | None = None
) -> Quando:
    """Um predicado: este método, esta tabela e esta condição, os que forem dados."""

    def vale(pedido: Pedido) -> bool:
        return (
            (metodo is None or pedido.metodo == metodo)
            and (tabela is None or pedido.tabela == tabela)
            and (se is None or se(pedido))
        )

    return vale
