"""Os pedidos à API: pelo cliente supabase-py, com os bytes da resposta intactos.

O supabase-py monta URL, cabeçalhos e autenticação; a resposta é lida daqui, sem passar pelo
decodificador dele, que perderia dígitos de `numeric`. Problemas passageiros são tentados de novo
pelo tenacity; o resto vira um erro do cofre, com causa e cura, sem nada da chave.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx
import msgspec

from cofre.base.config.valores import ONDE_PEGAR_URL, Acesso
from cofre.base.erros import Disputa, FalhaDoServidor
from cofre.base.linha import separar
from cofre.plano.escritor import DISPUTAS
from cofre.via.api import cliente
from cofre.via.api.cadencia import PAUSA, Cadencia
from cofre.via.api.consulta import Parametros
from cofre.via.api.erros import (
    DEMAIS,
    PASSAGEIROS,
    Dito,
    json_cortado,
    json_inteiro,
    ler,
    passa,
    recusa_do_banco,
    retry_after,
    sem_resposta,
    traduzir,
)
from cofre.via.api.folego import Folego
from cofre.via.api.insistir import Insistencia, Passageiro
from cofre.via.api.pagina import Abrir, Pagina, abrir_pagina, estragada, receber
from cofre.via.contrato import AoTentarDeNovo

MAIOR_RESPOSTA = 2 * 1024 * 1024
"""Bytes de uma página; acima disso ela é pedida de novo com menos linhas."""

L = TypeVar("L")


class Conexao:
    """Uma sessão com o servidor, usada por vários fios ao mesmo tempo."""

    def __init__(
        self,
        acesso: Acesso,
        *,
        conexoes: int,
        tentativas: int,
        parar: threading.Event,
        ao_tentar_de_novo: AoTentarDeNovo,
        cadencia: Cadencia,
    ) -> None:
        """`tentativas` conta a primeira. Levanta DependenciaAusente sem o supabase-py."""
        self._host = urlsplit(acesso.url).netloc
        self._cadencia = cadencia
        self._folego = Folego(conexoes + 1, parar)
        self._insistir = Insistencia(tentativas, parar, ao_tentar_de_novo, cadencia)
        # HTTP/1.1: com HTTP/2 todos os fios dividiriam uma só conexão TCP.
        self._http = httpx.Client(
            verify=certificados(acesso.url),
            timeout=httpx.Timeout(60.0, connect=15.0),
            limits=httpx.Limits(max_connections=conexoes + 1, max_keepalive_connections=conexoes),
        )
        self._cliente = cliente.abrir(acesso, self._http)
        self._acesso = acesso
        self._serviu = False
        """Se este servidor já aceitou a chave: daí em diante, um 401 pode passar."""

    def fechar(self) -> None:
        """Encerra as conexões."""
        self._http.close()

    def ler(
        self,
        tabela: str,
        selecao: str,
        parametros: Parametros = (),
        *,
        contar: bool = False,
        limite: int | None = None,
    ) -> Pagina[msgspec.Raw]:
        """Uma página de uma tabela, cada linha com os bytes que vieram: um GET. Levanta
        FalhaDoServidor (e suas filhas); PaginaGrande quando a resposta passa de MAIOR_RESPOSTA e dá
        para pedir menos linhas."""
        return self.ler_como(separar, tabela, selecao, parametros, contar=contar, limite=limite)

    def ler_como(
        self,
        abrir: Abrir[L],
        tabela: str,
        selecao: str,
        parametros: Parametros = (),
        *,
        contar: bool = False,
        limite: int | None = None,
    ) -> Pagina[L]:
        """O mesmo, com as linhas como `abrir` as lê: o corpo se decodifica uma vez só."""
        alvo = httpx.QueryParams([("select", selecao), *parametros])
        if limite is not None:
            alvo = alvo.add("limit", str(limite))
        cabecalhos = self._cliente.com(prefer="count=exact" if contar else "count=none")

        def enviar() -> Pagina[L]:
            caminho = self._cliente.endereco(tabela)
            get = self._http.build_request("GET", caminho, params=alvo, headers=cabecalhos)
            maximo = None if limite == 1 else MAIOR_RESPOSTA
            with self._folego.pedido():
                return abrir_pagina(abrir, tabela, *self._enviar(get, tabela, maximo))

        return self._insistir.fazer(enviar)

    def descricao(self) -> bytes:
        """A descrição OpenAPI da API (a raiz), em bytes."""
        cabecalhos = self._cliente.com(accept="application/openapi+json, application/json")
        raiz = self._cliente.endereco("")

        def enviar() -> bytes:
            get = self._http.build_request("GET", raiz, headers=cabecalhos)
            corpo, _faixa = self._enviar(get, "", None)
            if corpo.startswith(b"{") and not json_inteiro(corpo):
                raise estragada("a resposta chegou cortada ou não é JSON")
            return corpo

        return self._insistir.fazer(enviar)

    def escrever(
        self,
        metodo: str,
        tabela: str,
        parametros: Parametros,
        corpo: bytes,
        prefer: str,
        prefer_se_repetir: str = "",
        aceitar: str = "application/json",
        *,
        insistir_em_disputa: bool = True,
    ) -> bytes:
        """Um pedido que muda linhas de uma tabela (POST, PATCH ou DELETE): uma transação.

        Devolve o corpo da resposta (as linhas, se `prefer` as pede). Se a resposta se perde, o
        pedido é repetido com `prefer_se_repetir` no lugar de `prefer`; vazio é que a repetição
        não achou linha alguma, e pode ter sido a primeira vez que as mudou. Levanta EscritaRecusada
        pelo que o banco recusa, Disputa se outra escrita atrapalhou (depois de insistir, se é para
        insistir), e FalhaDoServidor pelo resto.
        """
        vezes = 0
        cabecalhos = self._cliente.com(
            content_type="application/json", prefer=prefer, accept=aceitar
        )

        def enviar() -> bytes:
            nonlocal vezes
            vezes += 1
            http = self._http.build_request(
                metodo,
                self._cliente.endereco(tabela),
                params=httpx.QueryParams(list(parametros)),
                headers=cabecalhos,
                content=corpo,
            )
            cabecalhos["Prefer"] = prefer_se_repetir or prefer
            try:
                return self._mandar(http, tabela)
            except Disputa as e:
                raise (Passageiro(e) if insistir_em_disputa else e) from e

        resposta = self._insistir.fazer(enviar)
        return b"" if vezes > 1 and resposta == b"[]" else resposta

    def pedir(
        self,
        metodo: str,
        caminho: str,
        *,
        params: Mapping[str, str] | None = None,
        corpo: bytes | None = None,
        insistir: bool = True,
    ) -> httpx.Response:
        """Um pedido a outro serviço do projeto (`caminho` conta da raiz dele), com a chave nos dois
        cabeçalhos, e a resposta qualquer que seja. Só insiste (se é para insistir) no que passa: a
        conexão que cai, um 429, um 5xx que não é uma resposta do próprio serviço. Levanta
        ServidorSemResposta e Interrompido."""
        cabecalhos = {"apikey": self._acesso.chave, "Authorization": f"Bearer {self._acesso.chave}"}
        if corpo is not None:
            cabecalhos["Content-Type"] = "application/json"
        http = self._http.build_request(
            metodo,
            self._acesso.url.rstrip("/") + caminho,
            params=params,
            headers=cabecalhos,
            content=corpo,
        )

        def enviar() -> httpx.Response:
            try:
                resposta = self._http.send(http)
            except (httpx.TransportError, httpx.DecodingError) as e:
                erro = sem_resposta(self._host, e)
                raise (Passageiro(erro) if insistir else erro) from None
            do_servico = resposta.status_code == 500 and json_inteiro(resposta.content)
            if not insistir or resposta.status_code not in PASSAGEIROS or do_servico:
                return resposta
            espera = retry_after(resposta.headers.get("retry-after", ""))
            if resposta.status_code == DEMAIS:
                self._cadencia.pausar(espera or PAUSA)
            dito = Dito(resposta.status_code, "", "")
            raise Passageiro(traduzir(self._host, dito, "auth", ja_serviu=self._serviu), espera)

        return self._insistir.fazer(enviar)

    def _mandar(self, http: httpx.Request, tabela: str) -> bytes:
        try:
            resposta = self._http.send(http)
        except (httpx.TransportError, httpx.DecodingError) as e:
            raise Passageiro(sem_resposta(self._host, e)) from e
        if resposta.is_success:
            self._serviu = True
            return resposta.content
        recusa = recusa_do_banco(ler(resposta.status_code, resposta.content))
        if recusa is not None and recusa.codigo_sql in ATRAPALHADAS:
            raise Disputa(f"Outra escrita em {tabela} atrapalhou esta: {recusa}.", "")
        if recusa is not None:
            raise recusa
        raise self._erro(resposta, resposta.content, tabela, escrita=True)

    def _enviar(self, pedido: httpx.Request, tabela: str, maximo: int | None) -> tuple[bytes, str]:
        """Devolve o corpo e o Content-Range."""
        try:
            resposta = self._http.send(pedido, stream=True)
            try:
                corpo = receber(resposta, maximo)
            finally:
                resposta.close()
        except (httpx.TransportError, httpx.DecodingError) as e:
            raise Passageiro(sem_resposta(self._host, e)) from e
        except httpx.InvalidURL as e:
            raise FalhaDoServidor(f"O endereço do projeto não serve: {e}", ONDE_PEGAR_URL) from e
        if resposta.status_code not in (200, 206):
            raise self._erro(resposta, corpo, tabela)
        self._serviu = True
        return corpo, resposta.headers.get("content-range", "")

    def _erro(
        self, resposta: httpx.Response, corpo: bytes, tabela: str, *, escrita: bool = False
    ) -> Exception:
        """O que levantar por esta resposta: Passageiro, se outra tentativa pode dar certo."""
        dito = ler(resposta.status_code, corpo)
        erro = traduzir(self._host, dito, tabela, ja_serviu=self._serviu)
        de_novo = passa(dito, erro, ja_serviu=self._serviu, escrita=escrita)
        if not de_novo and not json_cortado(resposta, corpo):
            return erro
        espera = retry_after(resposta.headers.get("retry-after", ""))
        if resposta.status_code == DEMAIS:
            self._cadencia.pausar(espera or PAUSA)
        return Passageiro(erro, espera)


def certificados(url: str) -> ssl.SSLContext | bool:
    """Em quais confiar: nos do sistema ou, se não há TLS que os use, em nenhum, porque carregá-los
    custa uns 40 ms a cada execução. Um proxy pode ter TLS ainda que o endereço seja http://."""
    if urlsplit(url).scheme == "http" and not getproxies():
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return True


ATRAPALHADAS = DISPUTAS | {"55P03"}
"""O que passa sozinho: também a trava que não se obteve a tempo."""
