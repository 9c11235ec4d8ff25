"""Avisar quem cuida, por HTTP: um ping a cada execução, e uma mensagem quando algo vai mal ou volta
ao normal. Avisar nunca impede o backup nem o atrasa: cada tentativa tem prazo, e tudo junto também.

O ping segue o healthchecks.io: `/start` ao começar, o próprio endereço se deu tudo certo, `/fail`
se não. Um redirecionamento não é seguido: ele faria do POST um GET, e o aviso se perderia.
Os endereços são segredos: nenhuma palavra daqui os leva.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import tenacity

from cofre.base.config.limites import Destinatarios

TENTATIVAS = 3
CORPO_DO_PING = 10_000
"""Bytes: é o que todo servidor compatível guarda."""


@dataclass(frozen=True, slots=True)
class Prazos:
    """Em segundos: de cada resposta, entre duas tentativas, e de todos os avisos do fim juntos."""

    resposta: float = 5.0
    espera: float = 1.0
    fim: float = 15.0


class Mensageiro:
    """Entrega os avisos de uma execução, um de cada vez, sem que ela espere por eles."""

    def __init__(self, para: Destinatarios, prazos: Prazos | None = None) -> None:
        self._para = para
        self._prazos = prazos or Prazos()
        self._fio = ThreadPoolExecutor(1, thread_name_prefix="aviso")
        self._desistir = threading.Event()
        self._comeco: Future[str] | None = None

    def comecar(self) -> None:
        """O ping do começo, sem esperar por ele."""
        if self._para.ping:
            self._comeco = self._fio.submit(self._pingar, "/start", "")

    def terminar(self, ping: tuple[str, str] | None, mensagem: dict[str, Any] | None) -> Entrega:
        """Os avisos do fim: o ping (o que se põe no endereço, e o corpo) e a mensagem. Espera por
        eles até o prazo do fim, e não mais."""
        # O do começo, que ainda não foi, não pode chegar depois do último: nem tenta de novo.
        self._desistir.set()
        envios: dict[str, Future[str]] = {}
        if self._comeco is not None:
            envios["o ping do começo"] = self._comeco
        if ping is not None and self._para.ping:
            envios["o ping do fim"] = self._fio.submit(self._pingar, *ping)
        if mensagem is not None and self._para.webhook:
            envios[WEBHOOK] = self._fio.submit(self._postar, mensagem)
        wait(envios.values(), timeout=self._prazos.fim)
        self._fio.shutdown(wait=False, cancel_futures=True)
        causas = {n: _causa(f) for n, f in envios.items()}
        return Entrega(
            tuple(f"Não foi entregue {n}: {causa}." for n, causa in causas.items() if causa),
            mensagem_chegou=not causas.get(WEBHOOK),
        )

    def _pingar(self, sufixo: str, corpo: str) -> str:
        url = com_sufixo(self._para.ping, sufixo)
        dados = corpo.encode("utf-8", "replace")[:CORPO_DO_PING].decode("utf-8", "ignore")
        desistir = self._desistir if sufixo == "/start" else threading.Event()
        return self._entregar(lambda c: c.post(url, content=dados.encode()), desistir)

    def _postar(self, mensagem: dict[str, Any]) -> str:
        return self._entregar(
            lambda c: c.post(self._para.webhook, json=mensagem), threading.Event()
        )

    def _entregar(
        self, pedir: Callable[[httpx.Client], httpx.Response], desistir: threading.Event
    ) -> str:
        """Vazio se foi entregue; senão, a causa. Nunca levanta."""
        try:
            with httpx.Client(timeout=self._prazos.resposta) as cliente:
                for tentativa in self._tentativas(desistir):
                    with tentativa:
                        _conferir(pedir(cliente))
        except _Recusado as e:
            return str(e)
        except httpx.TimeoutException:
            return "o servidor não respondeu a tempo"
        except httpx.TransportError:
            return "não consegui falar com o servidor"
        except Exception as e:
            # O texto de um erro pode ter o endereço: só o tipo é dito.
            return f"erro inesperado ({type(e).__name__})"
        return ""

    def _tentativas(self, desistir: threading.Event) -> Iterator[tenacity.AttemptManager]:
        return iter(
            tenacity.Retrying(
                retry=tenacity.retry_if_exception_type((httpx.TransportError, _Passageiro)),
                stop=tenacity.stop_any(
                    tenacity.stop_after_attempt(TENTATIVAS),
                    tenacity.stop_when_event_set(desistir),
                ),
                wait=tenacity.wait_fixed(self._prazos.espera),
                sleep=tenacity.sleep_using_event(desistir),
                reraise=True,
            )
        )


WEBHOOK = "a mensagem do webhook"


@dataclass(frozen=True, slots=True)
class Entrega:
    """O que não foi entregue, em palavras, e se a mensagem do webhook chegou (ou não havia)."""

    problemas: tuple[str, ...] = ()
    mensagem_chegou: bool = True


class _Recusado(Exception):
    """O servidor respondeu, e não foi que sim."""


class _Passageiro(_Recusado):
    """A mesma resposta pode ser outra daqui a pouco."""


def _conferir(resposta: httpx.Response) -> None:
    if resposta.is_success:
        return
    if resposta.is_redirect:
        raise _Recusado(
            f"o endereço redireciona para outro ({resposta.status_code}); ponha o final no .env"
        )
    passa = resposta.status_code == 429 or resposta.status_code >= 500
    tipo = _Passageiro if passa else _Recusado
    raise tipo(f"o servidor respondeu {resposta.status_code}")


def _causa(envio: Future[str]) -> str:
    if not envio.done() or envio.cancelled():
        return "o tempo para avisar acabou"
    with contextlib.suppress(Exception):
        return envio.result()
    return "erro inesperado"


def com_sufixo(url: str, sufixo: str) -> str:
    """A URL com o sufixo no fim do caminho: antes da consulta, e sem barra dobrada. Sem sufixo, a
    URL como está."""
    if not sufixo:
        return url
    partes = urlsplit(url)
    return urlunsplit(partes._replace(path=partes.path.rstrip("/") + sufixo))
