"""O gateway do Supabase embutido: serve /rest/v1/ e o que mais houver, conta e sabe falhar.

Roda num laço assíncrono próprio, em outra thread, e é comandado de código síncrono. Os corpos
passam em fluxo e sem mudança, nos dois sentidos. Nenhuma chave fica guardada no que ele conta.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.encaminhamento import Postgrest
from supabase_local.servidores.falhas import (
    CortarConexao,
    Falha,
    Gancho,
    GanchoDeTeste,
    Pedido,
    Quando,
    Regra,
    Resposta,
    em_partes,
    quando,
)
from supabase_local.servidores.fluxo import Contador, Visto, cortar, sem_chaves, subida
from supabase_local.servidores.ligado import Ligado
from supabase_local.servidores.perfil import PerfilDeHoje
from supabase_local.servidores.servico import Servico

LIMITE_DE_LINHA = 1024 * 1024
MAIOR_CORPO_INTEIRO = 1024**3
"""Bytes do corpo que uma falha pode querer repetir."""


class Gateway(Ligado):
    """Encaminha /rest/v1/ a um PostgREST, e o resto a `outros`; gerenciador de contexto.

    `perfil`: o que faz deste um servidor de hoje, e não o PostgREST que se tem aqui. `porta`: a
    que se prefere; se outro a tem, serve uma qualquer.
    """

    def __init__(
        self,
        destino: str,
        chaves: Chaves,
        *,
        porta: int = 0,
        perfil: PerfilDeHoje | None = None,
        outros: Sequence[Servico] = (),
    ) -> None:
        self._rest = Postgrest(destino, chaves, de_hoje=perfil is not None)
        self._servicos: tuple[Servico, ...] = (self._rest, *outros)
        self._do_rest: tuple[Falha, ...] = (perfil,) if perfil else ()
        self._chaves = chaves
        self.porta = porta
        self._laco = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._laco.run_forever, daemon=True)
        self._numeros = itertools.count(1)
        self._trava = threading.Lock()
        self._vistos: list[Visto] = []
        self._regras: list[Regra] = []
        self._executor: web.AppRunner | None = None
        self.em_curso = 0
        """Quantos pedidos ainda se atendem."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.porta}"

    def iniciar(self) -> None:
        self._thread.start()
        try:
            self._no_laco(self._abrir())
        except BaseException:
            self.parar()
            raise

    def parar(self) -> None:
        if not self._thread.is_alive():
            return
        self._no_laco(self._fechar())
        self._laco.call_soon_threadsafe(self._laco.stop)
        self._thread.join()
        self._laco.close()

    # -- o que os testes veem e mandam -----------------------------------------------------

    @property
    def pedidos(self) -> list[Visto]:
        """Os pedidos já terminados, na ordem em que terminaram."""
        with self._trava:
            return list(self._vistos)

    def esquecer_pedidos(self) -> None:
        with self._trava:
            self._vistos.clear()

    def acrescentar(self, regra: Regra) -> Regra:
        with self._trava:
            self._regras.append(regra)
        return regra

    def retirar(self, regra: Regra) -> None:
        with self._trava:
            self._regras = [outra for outra in self._regras if outra is not regra]

    def retirar_todas(self) -> None:
        with self._trava:
            self._regras.clear()

    @contextlib.contextmanager
    def com_falha(
        self,
        falha: Falha,
        *,
        metodo: str | None = None,
        tabela: str | None = None,
        se: Quando | None = None,
        no_pedido: int = 1,
        vezes: int | None = 1,
    ) -> Iterator[Regra]:
        """A falha vale dentro do `with`, do n-ésimo pedido que casar em diante, tantas vezes.

        `vezes=None` é sempre. A regra devolvida conta o que viu e quantas vezes disparou.
        """
        regra = self.acrescentar(Regra(falha, quando(metodo, tabela, se), no_pedido, vezes))
        try:
            yield regra
        finally:
            self.retirar(regra)

    @contextlib.contextmanager
    def ao_pedir(
        self,
        antes: Gancho | None = None,
        depois: Gancho | None = None,
        *,
        metodo: str | None = None,
        tabela: str | None = None,
        se: Quando | None = None,
    ) -> Iterator[Regra]:
        """Chama `antes(pedido, n)` antes de encaminhar e `depois(pedido, n)` antes de responder."""
        gancho = GanchoDeTeste(antes, depois)
        with self.com_falha(gancho, metodo=metodo, tabela=tabela, se=se, vezes=None) as regra:
            yield regra

    # -- por dentro do laço ----------------------------------------------------------------

    def _no_laco(self, tarefa: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(tarefa, self._laco).result(30)

    async def _abrir(self) -> None:
        for servico in self._servicos:
            await servico.abrir()
        aplicacao = web.Application(client_max_size=MAIOR_CORPO_INTEIRO)
        aplicacao.router.add_route("*", r"/{tudo:[\s\S]*}", self._atender)
        self._executor = web.AppRunner(
            aplicacao,
            access_log=None,
            max_line_size=LIMITE_DE_LINHA,
            max_field_size=LIMITE_DE_LINHA,
            shutdown_timeout=0.5,
        )
        await self._executor.setup()
        try:
            await web.TCPSite(self._executor, "127.0.0.1", self.porta).start()
        except OSError:
            if not self.porta:
                raise
            await web.TCPSite(self._executor, "127.0.0.1", 0).start()
        self.porta = self._executor.addresses[0][1]

    async def _fechar(self) -> None:
        if self._executor is not None:
            await self._executor.cleanup()
        for servico in self._servicos:
            await servico.fechar()
        # De um cliente que foi embora, o atendimento fica à espera (de um Atraso, do PostgREST), e
        # o laço não se fecha com ele pela metade.
        restam = asyncio.all_tasks() - {asyncio.current_task()}
        for tarefa in restam:
            tarefa.cancel()
        await asyncio.gather(*restam, return_exceptions=True)
        await self._laco.shutdown_asyncgens()

    async def _atender(self, requisicao: web.Request) -> web.StreamResponse:
        caminho, _, consulta = requisicao.raw_path.partition("?")
        pedido = Pedido(
            next(self._numeros),
            requisicao.method,
            caminho,
            consulta,
            sem_chaves(requisicao),
        )
        contador = Contador()
        status = 0
        self.em_curso += 1
        try:
            servico = self._de_quem(caminho)
            resposta = servico.recusar(requisicao, self._chaves)
            if resposta is None:
                resposta = await self._com_regras(pedido, servico, requisicao, contador)
            saida = await self._responder(requisicao, resposta, contador)
            status = resposta.status
            return saida
        except CortarConexao as corte:
            return cortar(requisicao, com_reset=corte.com_reset)
        finally:
            self.em_curso -= 1
            with self._trava:
                self._vistos.append(Visto(pedido, status, contador.recebidos, contador.enviados))

    def _de_quem(self, caminho: str) -> Servico:
        """O serviço deste caminho; o que não é de nenhum, o PostgREST recusa."""
        achados = (s for s in self._servicos if caminho.startswith(s.prefixo))
        return next(achados, self._rest)

    async def _com_regras(
        self, pedido: Pedido, servico: Servico, requisicao: web.Request, contador: Contador
    ) -> Resposta:
        """Monta as camadas: a primeira regra acrescentada é a mais de fora, e as que fazem parte
        do servidor são as mais de dentro."""
        with self._trava:
            regras = list(self._regras)
        disparadas = [(regra.falha, vez) for regra in regras if (vez := regra.disparar(pedido))]
        if servico is self._rest:
            disparadas += [(falha, 1) for falha in self._do_rest]
        inteiro = None
        if any(falha.repete for falha, _ in disparadas):
            inteiro = await requisicao.read()
            contador.recebidos += len(inteiro)

        async def seguir(atual: Pedido, nivel: int = 0) -> Resposta:
            if nivel == len(disparadas):
                if inteiro is not None:
                    return await servico.atender(atual, requisicao, inteiro)
                corpo = subida(requisicao, contador)
                subindo = corpo if atual.subida is None else atual.subida(corpo)
                return await servico.atender(atual, requisicao, subindo)
            falha, vez = disparadas[nivel]
            return await falha.envolver(
                replace(atual, vez=vez), lambda proximo: seguir(proximo, nivel + 1)
            )

        return await seguir(pedido)

    async def _responder(
        self, requisicao: web.Request, resposta: Resposta, contador: Contador
    ) -> web.StreamResponse:
        inteiro = resposta.corpo if isinstance(resposta.corpo, bytes) else None
        if inteiro is not None and resposta.prometidos is None and requisicao.method != "HEAD":
            contador.enviados += len(inteiro)
            return _de_uma_vez(resposta, inteiro)
        saida = web.StreamResponse(status=resposta.status)
        for nome, valor in resposta.cabecalhos:
            if not (nome.lower() == "content-length" and inteiro is not None):
                saida.headers.add(nome, valor)
        if inteiro is not None and requisicao.method != "HEAD":
            saida.content_length = resposta.prometidos or len(inteiro)
        # Um cliente que vai embora (Ctrl+C, kill -9) não é erro do gateway.
        with contextlib.suppress(ConnectionError):
            await saida.prepare(requisicao)
            async for parte in em_partes(resposta.corpo):
                if requisicao.method == "HEAD":
                    continue  # o que se diria dele; corpo, não há
                await saida.write(parte)
                contador.enviados += len(parte)
            if resposta.prometidos is not None:
                return cortar(requisicao, saida)
            await saida.write_eof()
        return saida


def _de_uma_vez(resposta: Resposta, corpo: bytes) -> web.Response:
    """A que se sabe inteira: o aiohttp manda-a num só envio, com os cabeçalhos."""
    saida = web.Response(status=resposta.status, body=corpo)
    for nome, valor in resposta.cabecalhos:
        if nome.lower() != "content-length":
            saida.headers.add(nome, valor)
    return saida
