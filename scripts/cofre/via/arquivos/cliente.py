"""Os pedidos ao servidor de arquivos: por httpx, com os bytes intactos e nada inteiro na memória.

O cliente do supabase-py (storage3) não serve: desce corpos inteiros na memória, tira barras e
escapes dos nomes, e manda outros cabeçalhos. As novas tentativas, o limite de pedidos e as palavras
de rede são os da API.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from cofre.base.config.chave import conferir_chave
from cofre.base.config.valores import Acesso
from cofre.base.erros import FalhaDoServidor
from cofre.via.api.cadencia import PAUSA, Cadencia
from cofre.via.api.conexao import certificados
from cofre.via.api.erros import DEMAIS, retry_after, sem_resposta
from cofre.via.api.insistir import Insistencia, Passageiro
from cofre.via.api.pagina import estragada
from cofre.via.arquivos import erros
from cofre.via.contrato import AoTentarDeNovo

Corpo = bytes | Callable[[], Iterable[bytes]]
"""O que se manda: bytes, ou quem os dá, do começo, a cada tentativa (com `tamanho`)."""


@dataclass(frozen=True, slots=True)
class Resposta:
    """Uma resposta de sucesso, com o corpo inteiro: só do que é pequeno."""

    status: int
    cabecalhos: httpx.Headers
    corpo: bytes

    def json(self) -> Any:
        """O corpo como JSON. Levanta Passageiro se chegou cortado."""
        try:
            return msgspec.json.decode(self.corpo)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise estragada("a resposta do Storage chegou cortada ou não é JSON") from None


def no_caminho(texto: str) -> str:
    """Um nome de balde ou de objeto como vai no caminho: só «/» fica como é. Um pedaço «.» ou «..»
    vai escapado, porque o httpx, ou um proxy, o resolveria (medido: «a/../b» chegava como «b»)."""
    pedacos = quote(texto, safe="/").split("/")
    return "/".join(p.replace(".", "%2E") if p in (".", "..") else p for p in pedacos)


def cabecalhos_de(chave: str) -> dict[str, str]:
    """A autenticação. Uma `sb_secret_` só vai em `apikey`: o gateway a troca por um JWT, e em
    Authorization o servidor a recusaria (Supabase, discussões 51279 e 52680)."""
    if chave.startswith("sb_secret_"):
        return {"apikey": chave}
    return {"apikey": chave, "authorization": f"Bearer {chave}"}


@dataclass(slots=True)
class Cliente:
    """Uma sessão com o Storage de um projeto, usada por vários fios ao mesmo tempo."""

    acesso: Acesso
    conexoes: int
    tentativas: int
    parar: threading.Event
    ao_tentar_de_novo: AoTentarDeNovo
    cadencia: Cadencia | None = None
    """A de outros pedidos ao mesmo projeto; None: a deste, sem limite."""
    insistencia: Insistencia = field(init=False, repr=False)
    host: str = field(init=False)
    _cadencia: Cadencia = field(init=False, repr=False)
    _http: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Levanta ConfiguracaoInvalida se a chave não é a de serviço: com outra, o servidor
        responderia 200 e listas vazias (medido)."""
        conferir_chave("A chave da API", self.acesso.chave)
        self.host = urlsplit(self.acesso.url).netloc
        self._cadencia = self.cadencia or Cadencia(None, self.parar)
        self.insistencia = Insistencia(
            self.tentativas, self.parar, self.ao_tentar_de_novo, self._cadencia
        )
        self._http = httpx.Client(
            verify=certificados(self.acesso.url),
            timeout=httpx.Timeout(60.0, connect=15.0, pool=None),
            limits=httpx.Limits(
                max_connections=self.conexoes, max_keepalive_connections=self.conexoes
            ),
            # Sem compressão, os bytes e o Content-Length são os do conteúdo.
            headers={**cabecalhos_de(self.acesso.chave), "accept-encoding": "identity"},
        )

    def fechar(self) -> None:
        """Encerra as conexões."""
        self._http.close()

    def pedir(
        self,
        metodo: str,
        caminho: str,
        *,
        de_que: str,
        json: Any = None,
        corpo: Corpo | None = None,
        tamanho: int | None = None,
        cabecalhos: Mapping[str, str] | None = None,
        insistir: bool = True,
        levantar: bool = True,
    ) -> Resposta:
        """Um pedido inteiro. `caminho` vem depois de `/storage/v1/`, já escapado (ver
        `no_caminho`); `de_que`, o que se pede, para os erros. `insistir` falso: uma resposta que se
        perdeu não é pedida outra vez, e levanta. `levantar` falso: a recusa que não passa com outra
        tentativa é devolvida, e não levantada. Levanta FalhaDoServidor (ver `erros`)."""

        def enviar() -> Resposta:
            feito = self._montar(metodo, caminho, json, corpo, tamanho, cabecalhos)
            with self._mandando(feito, de_que, levantar=levantar) as resposta:
                lido = resposta.read()
                return Resposta(resposta.status_code, resposta.headers, lido)

        if insistir:
            return self.insistencia.fazer(enviar)
        try:
            return enviar()
        except Passageiro as e:
            raise e.definitivo from e.__cause__

    def pedir_json(self, metodo: str, caminho: str, *, de_que: str, json: Any = None) -> Any:
        """O mesmo, e o JSON da resposta: cortada, é pedida outra vez."""

        def enviar() -> Any:
            with self.abrir(metodo, caminho, de_que=de_que, json=json) as resposta:
                corpo = resposta.read()
            return Resposta(resposta.status_code, resposta.headers, corpo).json()

        return self.insistencia.fazer(enviar)

    @contextlib.contextmanager
    def abrir(
        self,
        metodo: str,
        caminho: str,
        *,
        de_que: str,
        json: Any = None,
        cabecalhos: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """Uma tentativa: a resposta de sucesso, com o corpo por ler. Levanta Passageiro pelo que
        outra tentativa pode mudar (também se o corpo se corta a meio), ou FalhaDoServidor."""
        feito = self._montar(metodo, caminho, json, None, None, cabecalhos)
        with self._mandando(feito, de_que) as resposta:
            yield resposta

    def _montar(
        self,
        metodo: str,
        caminho: str,
        json: Any,
        corpo: Corpo | None,
        tamanho: int | None,
        cabecalhos: Mapping[str, str] | None,
    ) -> httpx.Request:
        mais = dict(cabecalhos or {})
        conteudo = corpo() if callable(corpo) else corpo
        if json is not None:
            mais["content-type"], conteudo = "application/json", msgspec.json.encode(json)
        if tamanho is not None:
            mais["content-length"] = str(tamanho)
        url = f"{self.acesso.url}/storage/v1/{caminho}"
        try:
            return self._http.build_request(metodo, url, headers=mais, content=conteudo)
        except httpx.InvalidURL as e:
            raise FalhaDoServidor(f"Não há como pedir ao Storage um caminho assim: {e}", "") from e

    @contextlib.contextmanager
    def _mandando(
        self, pedido: httpx.Request, de_que: str, *, levantar: bool = True
    ) -> Iterator[httpx.Response]:
        try:
            resposta = self._http.send(pedido, stream=True)
            try:
                if not resposta.is_success:
                    self._recusa(resposta, de_que, levantar=levantar)
                yield resposta
            finally:
                resposta.close()
        except (httpx.TransportError, httpx.DecodingError) as e:
            raise Passageiro(sem_resposta(self.host, e)) from e

    def _recusa(self, resposta: httpx.Response, de_que: str, *, levantar: bool) -> None:
        """Levanta Passageiro, se outra tentativa pode dar certo, ou o erro da recusa."""
        resposta.read()
        http, dito = resposta.status_code, erros.ler(resposta.status_code, resposta.content)
        erro = erros.traduzir(self.host, http, dito, de_que)
        if erros.passa(http, dito):
            espera = retry_after(resposta.headers.get("retry-after", ""))
            if DEMAIS in (http, dito.status):
                self._cadencia.pausar(espera or PAUSA)
            raise Passageiro(erro, espera)
        if levantar:
            raise erro
