"""As conexões com o PostgreSQL: abrir com segurança, partilhar entre os fios, largar a pedido.

Cada conexão está em autocommit: quem quer uma transação a abre (ver `transacao`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg

from cofre.base.config.processo import sem_variaveis_da_libpq
from cofre.base.erros import Interrompido
from cofre.via.contrato import AoTentarDeNovo
from cofre.via.direta import ajustes
from cofre.via.direta.endereco import Endereco
from cofre.via.direta.erros import SemConexao, na_consulta, sem_conexao
from cofre.via.direta.instante import entrar
from cofre.via.leitura import Instante

ESPERA_PARA_CONECTAR = 10
"""Segundos, por endereço do servidor."""

ESPERA_MAXIMA = 15.0
"""Segundos, entre duas tentativas."""

VIGIA = 0.2
"""Segundos entre olhadas no pedido de parada."""

INSTANTE = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
ESCREVENDO = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
"""Como começa uma transação: a de quem lê vê um instante só; a de quem escreve, em cada comando, o
que os outros já confirmaram."""

T = TypeVar("T")


def conectar(endereco: Endereco) -> psycopg.Connection:
    """Uma conexão pronta para usar. Levanta FalhaDoServidor (SemConexao, se vale insistir)."""
    sem_variaveis_da_libpq()
    try:
        conexao = psycopg.connect(
            host=endereco.host,
            port=endereco.porta,
            user=endereco.usuario,
            password=endereco.senha,
            dbname=endereco.banco,
            sslmode=endereco.sslmode,
            sslrootcert=endereco.ca or None,
            gssencmode="disable",
            connect_timeout=ESPERA_PARA_CONECTAR,
            client_encoding="UTF8",
            application_name="cofre",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
            autocommit=True,
            prepare_threshold=None,
        )
    except psycopg.Error as e:
        # `from None`: o texto da libpq não é nosso para mostrar.
        raise sem_conexao(e, endereco) from None
    try:
        ajustes.preparar(conexao)
    except psycopg.Error as e:
        conexao.close()
        raise na_consulta(e, "pg_settings") from None
    return conexao


@contextlib.contextmanager
def transacao(
    conexao: psycopg.Connection, comeco: str = INSTANTE, instante: Instante | None = None
) -> Iterator[psycopg.Cursor]:
    """Uma transação (que vê este instante, se dito) que acaba em ROLLBACK se algo der errado; dá o
    que respondeu o começo dela, que pode já trazer perguntas. Levanta InstantePerdido;
    psycopg.Error passa."""
    with ate_ao_fim(conexao):
        comecada = conexao.execute(comeco.encode())
        if instante is not None:
            entrar(conexao, instante)
        yield comecada


def que_responde(cursor: psycopg.Cursor[T]) -> psycopg.Cursor[T]:
    """O mesmo cursor, no primeiro dos comandos que responde algo."""
    while cursor.description is None and cursor.nextset():
        pass
    return cursor


@contextlib.contextmanager
def ate_ao_fim(conexao: psycopg.Connection) -> Iterator[None]:
    """O fim da transação que se começa aqui dentro: ROLLBACK se algo der errado; senão, COMMIT.
    psycopg.Error passa."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(psycopg.Error):
            conexao.execute("ROLLBACK")
        raise
    conexao.execute("COMMIT")


@dataclass(slots=True)
class Conexoes:
    """As conexões de uma execução: no máximo `limite`, abertas quando precisas e reaproveitadas."""

    endereco: Endereco
    limite: int
    tentativas: int
    parar: threading.Event
    ao_tentar_de_novo: AoTentarDeNovo
    _vagas: threading.BoundedSemaphore = field(init=False)
    _trinco: threading.Lock = field(init=False, default_factory=threading.Lock)
    _livres: list[psycopg.Connection] = field(init=False, default_factory=list)
    _em_uso: set[psycopg.Connection] = field(init=False, default_factory=set)
    _fechadas: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._vagas = threading.BoundedSemaphore(self.limite)
        threading.Thread(target=self._vigiar, name="vigia-do-banco", daemon=True).start()

    @contextlib.contextmanager
    def uma(self) -> Iterator[psycopg.Connection]:
        """Uma conexão só deste fio, fora de transação. Volta ao grupo se ainda prestar.
        Levanta FalhaDoServidor, ou Interrompido se pedirem para parar."""
        with self._vagas:
            conexao = self._pegar()
            try:
                yield conexao
            except psycopg.Error:
                if self.parar.is_set():
                    raise Interrompido("Interrompido.") from None
                raise
            finally:
                self._devolver(conexao)

    def fechar(self) -> None:
        """Fecha as que ninguém usa; as outras, quando forem devolvidas."""
        self._fechadas.set()
        with self._trinco:
            livres, self._livres = self._livres, []
        for conexao in livres:
            conexao.close()

    def _pegar(self) -> psycopg.Connection:
        with self._trinco:
            conexao = self._livres.pop() if self._livres else None
        conexao = conexao or self._conectar()
        with self._trinco:
            self._em_uso.add(conexao)
        return conexao

    def _devolver(self, conexao: psycopg.Connection) -> None:
        parada = conexao.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with self._trinco:
            self._em_uso.discard(conexao)
            if parada and not self._fechadas.is_set():
                self._livres.append(conexao)
                return
        conexao.close()

    def _conectar(self) -> psycopg.Connection:
        """Uma conexão nova, insistindo. Levanta SemConexao, ou Interrompido se é para parar."""
        try:
            return conectar(self.endereco)
        except SemConexao as e:
            return self._insistir(e)

    def _insistir(self, primeira: SemConexao) -> psycopg.Connection:
        """O mesmo, depois de a primeira tentativa falhar assim."""
        import tenacity  # leva 30 ms a importar, que só quem insiste paga

        def contar(estado: tenacity.RetryCallState) -> None:
            erro = estado.outcome.exception() if estado.outcome else None
            espera = estado.next_action.sleep if estado.next_action else 0.0
            proxima = estado.attempt_number + 1
            self.ao_tentar_de_novo(str(erro), espera, proxima, self.tentativas)

        ja_falhou = [primeira]

        def tentar() -> psycopg.Connection:
            if ja_falhou:
                raise ja_falhou.pop()
            return conectar(self.endereco)

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(SemConexao),
            stop=tenacity.stop_after_attempt(self.tentativas),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=ESPERA_MAXIMA),
            sleep=self._dormir,
            before_sleep=contar,
            reraise=True,
        )(tentar)

    def _dormir(self, segundos: float) -> None:
        if self.parar.wait(segundos):
            raise Interrompido("Interrompido.")

    def _vigiar(self) -> None:
        """Ao pedido de parada, cancela no servidor o que está em curso: um fio à espera de uma
        trava ou de uma ordenação longa não olharia o pedido. E de novo, até ninguém usar nenhuma:
        um cancelamento que chega entre dois comandos se perde."""
        while not self.parar.wait(VIGIA):
            if self._fechadas.is_set():
                return
        while True:
            with self._trinco:
                em_uso = list(self._em_uso)
            for conexao in em_uso:
                with contextlib.suppress(psycopg.Error):
                    conexao.cancel_safe(timeout=2)
            if self._fechadas.is_set() and not em_uso:
                return
            time.sleep(VIGIA)
