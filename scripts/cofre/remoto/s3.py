"""Um serviço S3 como destino, pela obstore: AWS, R2, B2, Magalu, Wasabi.

As chamadas são assíncronas para que um Ctrl+C as interrompa: as outras só o ouvem quando acabam. O
que se manda ao mesmo tempo tem um limite em bytes, e não só em quantos: numa linha de subida lenta,
muitos pedidos grandes juntos vencem todos o prazo, e começam de novo para sempre.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from cofre.base.config.copia import S3Dito
from cofre.remoto.destino import (
    MAIOR_MARCA,
    MARCA,
    AoEnviar,
    Objeto,
    Situacao,
    como_pasta,
    conferir_nome,
    nome_nosso,
)
from cofre.remoto.erros import FalhaDaCopia, ObjetoAusente
from cofre.remoto.s3_envio import PARTE, Envio, Leitura, cabe, medidos, parte
from cofre.remoto.s3_erros import NomeIlegal, SemTrechos, erros_do_s3, pede_soma
from cofre.remoto.s3_lista import listar_sem_a_obstore
from cofre.remoto.s3_loja import abrir_loja
from cofre.remoto.s3_retencao import olhar

if TYPE_CHECKING:
    from obstore import GetResult

TRECHO = 8 * 1024 * 1024
"""Bytes de cada trecho de uma leitura grande; dois andam ao mesmo tempo."""
_PASSO = 0.25
"""Segundos entre duas notícias do que se está a mandar."""

T = TypeVar("T")


class DestinoS3:
    """O balde e a pasta de um `S3Dito`."""

    de_pasta = False

    def __init__(self, dito: S3Dito) -> None:
        """Não procura o balde ainda. Levanta DependenciaAusente."""
        self.nome = dito.texto
        self._dito = dito
        self._com_soma = False
        self._loja = abrir_loja(dito, com_soma=False)

    def __repr__(self) -> str:
        return f"DestinoS3({self.nome!r})"

    def listar(self, prefixo: str) -> Iterator[Objeto]:
        import obstore

        inicio, ultimo = como_pasta(prefixo), ""
        with asyncio.Runner() as fio:
            paginas = obstore.list(self._loja, inicio.rstrip("/") or None, chunk_size=1_000)
            try:
                while pagina := fio.run(self._um(_seguinte(paginas, []), "ao listar")):
                    for objeto in pagina:
                        ultimo = objeto["path"]
                        if nome_nosso(ultimo):
                            yield Objeto(ultimo, objeto["size"], objeto["last_modified"])
            except NomeIlegal:
                yield from self._listar_apesar(inicio, ultimo)

    def _listar_apesar(self, inicio: str, ultimo: str) -> Iterator[Objeto]:
        """O que falta listar, havendo no balde um nome que a obstore não aceita."""
        raiz = f"{self._dito.prefixo}/" if self._dito.prefixo else ""
        depois_de = f"{raiz}{ultimo}" if ultimo else ""
        for achado in listar_sem_a_obstore(self._dito, f"{raiz}{inicio}", depois_de):
            nome = achado.chave.removeprefix(raiz)
            if nome_nosso(nome):
                yield Objeto(nome, achado.bytes, achado.modificado)

    def enviar(self, itens: Iterable[tuple[str, Path]], ao_enviar: AoEnviar) -> None:
        # Os itens e as notícias correm fora do laço: podem usar este mesmo destino.
        fila = medidos(itens)
        proximo = next(fila, None)
        no_ar: dict[asyncio.Task[None], Envio] = {}
        with asyncio.Runner() as fio:  # ao sair com um erro, cancela o que estiver no ar
            while proximo is not None or no_ar:
                while proximo is not None and cabe(proximo, no_ar.values()):
                    tarefa = fio.get_loop().create_task(self._enviar_um(proximo))
                    tarefa.add_done_callback(_vista)
                    no_ar[tarefa] = proximo
                    proximo = next(fila, None)
                prontas = fio.run(_esperar(no_ar))
                for envio in no_ar.values():
                    if envio.ditos < envio.lidos < envio.tamanho:
                        envio.ditos = envio.lidos
                        ao_enviar(envio.nome, envio.ditos)
                for tarefa in prontas:
                    envio = no_ar.pop(tarefa)
                    tarefa.result()
                    ao_enviar(envio.nome, envio.tamanho)

    async def _enviar_um(self, envio: Envio) -> None:
        """Um balde com trava recusa o que vai sem uma soma nos cabeçalhos, e há serviços que
        recusam o que vai com ela: só a recusa diz qual é o caso."""
        com_soma = self._com_soma
        try:
            await self._mandar(envio)
        except FalhaDaCopia as recusa:
            if com_soma or not pede_soma(recusa):
                raise
            if not self._com_soma:
                self._com_soma = True
                self._loja = abrir_loja(self._dito, com_soma=True)
            await self._mandar(envio)

    async def _mandar(self, envio: Envio) -> None:
        import obstore

        loja = self._loja
        envio.lidos = 0
        leitura = Leitura(envio)
        try:
            with erros_do_s3(self.nome, f"ao enviar {envio.nome}"):
                if envio.tamanho <= PARTE:
                    corpo = b"".join(leitura)
                    await obstore.put_async(loja, envio.nome, corpo, use_multipart=False)
                else:
                    cada = parte(envio.tamanho)
                    await obstore.put_async(
                        loja, envio.nome, leitura, chunk_size=cada, max_concurrency=2
                    )
        except Exception as erro:
            raise (leitura.erro or erro) from None

    def ler(self, nome: str, saida: BinaryIO, desde: int = 0) -> None:
        asyncio.run(self._ler(conferir_nome(nome), saida, desde))

    async def _ler(self, nome: str, saida: BinaryIO, desde: int) -> None:
        import obstore

        if desde:
            objeto = await self._um(obstore.head_async(self._loja, nome), f"ao ler {nome}")
            tamanho = objeto["size"]
        else:
            resposta = await self._um(obstore.get_async(self._loja, nome), f"ao ler {nome}")
            tamanho = resposta.meta["size"]
            if tamanho <= 2 * TRECHO:
                return await self._de_uma_vez(nome, resposta, saida, 0)
        try:
            await self._aos_trechos(nome, saida, range(desde, tamanho, TRECHO), tamanho)
        except SemTrechos:  # recusa o primeiro: nada se escreveu ainda
            resposta = await self._um(obstore.get_async(self._loja, nome), f"ao ler {nome}")
            await self._de_uma_vez(nome, resposta, saida, desde)

    async def _de_uma_vez(
        self, nome: str, resposta: GetResult, saida: BinaryIO, desde: int
    ) -> None:
        fluxo = resposta.stream(min_chunk_size=1024 * 1024)
        while bloco := await self._um(_seguinte(fluxo, b""), f"ao ler {nome}"):
            saida.write(bloco[desde:])
            desde = max(0, desde - len(bloco))

    async def _aos_trechos(self, nome: str, saida: BinaryIO, inicios: range, tamanho: int) -> None:
        """Dois pedidos andam ao mesmo tempo: enquanto um se grava, o outro vem."""
        fila: deque[asyncio.Task[bytes]] = deque()
        for inicio in inicios:
            fim = min(inicio + TRECHO, tamanho)
            fila.append(asyncio.create_task(self._trecho(nome, inicio, fim)))
            fila[-1].add_done_callback(_vista)
            if len(fila) == 2:
                saida.write(await fila.popleft())
        while fila:
            saida.write(await fila.popleft())

    async def _trecho(self, nome: str, inicio: int, fim: int) -> bytes:
        import obstore

        pedido = obstore.get_range_async(self._loja, nome, start=inicio, end=fim)
        trecho = bytes(await self._um(pedido, f"ao ler {nome}"))
        if len(trecho) != fim - inicio:
            raise FalhaDaCopia(f"{self.nome}: {nome} mudou enquanto era lido.")
        return trecho

    def apagar(self, nome: str) -> None:
        with contextlib.suppress(ObjetoAusente):
            asyncio.run(self._apagar(conferir_nome(nome)))

    async def _apagar(self, nome: str) -> None:
        import obstore

        await self._um(obstore.delete_async(self._loja, nome), f"ao apagar {nome}")

    def sondar(self, amostra: str = MARCA) -> Situacao:
        conferir_nome(amostra)
        vazio = asyncio.run(self._vazio())
        try:
            marca = asyncio.run(self._marca())
        except ObjetoAusente:
            return Situacao(None, vazio)
        versoes, trava = olhar(self._loja, amostra)
        return Situacao(marca, vazio=False, versoes=versoes, trava=trava)

    async def _marca(self) -> bytes:
        import obstore

        resposta = await self._um(obstore.get_async(self._loja, MARCA), f"ao ler {MARCA}")
        return (await self._um(_seguinte(resposta.stream(MAIOR_MARCA), b""), f"ao ler {MARCA}"))[
            :MAIOR_MARCA
        ]

    async def _vazio(self) -> bool:
        import obstore

        pagina = obstore.list(self._loja, chunk_size=1)
        try:
            return not await self._um(_seguinte(pagina, []), "ao listar")
        except NomeIlegal:
            return False

    async def _um(self, pedido: Awaitable[T], fazendo: str) -> T:
        """O que este pedido dá, com o que o serviço recusar em palavras."""
        with erros_do_s3(self.nome, fazendo):
            return await pedido


async def _seguinte(fluxo: AsyncIterator[T], fim: T) -> T:
    """O próximo do fluxo, ou `fim`. O `anext` com dois argumentos derruba o processo inteiro com o
    que a obstore lhe dá."""
    try:
        return await fluxo.__anext__()
    except StopAsyncIteration:
        return fim


def _vista(tarefa: asyncio.Task[Any]) -> None:
    """Um Ctrl+C acaba com ele a tarefa em que calhou; sem que ninguém a olhe, o asyncio queixa-se
    dela na tela ao sair."""
    if not tarefa.cancelled():
        tarefa.exception()


async def _esperar(no_ar: Iterable[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """As que acabaram; nenhuma, se em _PASSO nenhuma acabou."""
    prontas, _ = await asyncio.wait(no_ar, timeout=_PASSO, return_when=asyncio.FIRST_COMPLETED)
    return prontas
