"""Quem pode mexer em quê, quando há mais de uma execução na mesma pasta de backups.

As travas são do sistema operacional (filelock): as de um processo que morre, também por kill -9,
soltam-se sozinhas. São quatro, e cada uma guarda uma coisa:

- **de um trabalho** (`.travas/ensaio`, `.travas/tarefa`): um ensaio por vez, que só há um banco de
  teste; e uma vez da tarefa que roda de tanto em tanto;
- **de uma empresa** (`.travas/<resumo do id>`): os backups dela e o que há ao lado deles. Tem-na
  quem a fotografa e publica, a restaura, a poda, a importa, a ensaia ou lhe reconhece o que
  encolheu, e só enquanto o faz: ninguém a segura à espera de uma resposta;
- **a breve** (`.trava`, na raiz; `.travas/<nome>` para um arquivo de estado): um instante, para dar
  nome a uma pasta, abrir nela uma pasta de trabalho, recolher as que ficaram, ou trocar um arquivo
  que é de todas as execuções;
- **de estar vivo** (`.travas/vivo-<nome>`, ver `presenca`): o processo a tem do começo ao fim. Uma
  pasta de trabalho diz o nome do seu processo, e só é recolhida quando ele já não a tem.

Ninguém espera em círculo: quem tem uma só **espera** pelas que estão abaixo dela nesta lista, e
quem tem a de uma empresa não espera pela de outra (num grupo, as ocupadas ficam para depois). O que
se leu antes de ter uma trava lê-se de novo com ela na mão.

Quem tem a trava de uma empresa escreve ao lado quem é, para os outros poderem dizer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from cofre.base import estado
from cofre.base.disco import criar_privado, erros_de_disco
from cofre.base.erros import FalhaDeDisco, Interrompido, TravaOcupada
from cofre.base.maquina import maquina, usuario
from cofre.base.palavras import na_tela, plural, visivel
from cofre.base.relato import Relato

if TYPE_CHECKING:
    from filelock import BaseFileLock

ARQUIVO, PASTA = ".trava", ".travas"
OLHADA = 0.1
"""Segundos entre uma tentativa e outra, no máximo."""

INSTANTE = 60.0
"""Segundos até desistir de uma trava breve: quem a tem não demora; uma versão antiga do programa,
sim, que segura a pasta toda enquanto trabalha."""


@dataclass(frozen=True, slots=True)
class Espera:
    """Quanto esperar por uma trava ocupada: `segundos`, depois de dizer a `avisar` por quem; o
    pedido de parada acaba com ela."""

    segundos: float = 0.0
    avisar: Callable[[str], object] = lambda _causa: None
    parar: threading.Event = field(default_factory=threading.Event)


JA = Espera()
"""Não esperar."""


def esperar(minutos: int, relato: Relato, parar: threading.Event | None = None) -> Espera:
    """Até tantos minutos, dizendo no relato por quem se espera."""
    ate = plural(minutos, "minuto", "minutos")
    return Espera(
        60.0 * minutos,
        lambda causa: relato.aviso(f"{causa}. Espero até {ate}."),
        parar or threading.Event(),
    )


class Trava:
    """Uma trava, e quem a tem. Use como contexto, ou com `tomar` e `soltar`, no mesmo fio."""

    def __init__(self, arquivo: Path, de_que: str, acao: str = "", espera: Espera = JA) -> None:
        """`de_que` começa a frase que diz que está ocupada («A pasta …», «A empresa …»). Com uma
        `acao`, quem a toma diz quem é."""
        self._arquivo = arquivo
        self._de_que = de_que
        self._acao = acao
        self._espera = espera
        self._trava: BaseFileLock | None = None

    @property
    def presa(self) -> bool:
        """Se é nossa, agora."""
        return self._trava is not None

    def tentar(self) -> bool:
        """Toma a trava, se está livre; diz se tomou. Levanta FalhaDeDisco."""
        import filelock  # aqui dentro, se faltar, a falha ainda vai para o log e para os avisos

        pasta = self._arquivo.parent
        with erros_de_disco(pasta.parent if pasta.name == PASTA else pasta):
            pasta.mkdir(parents=True, exist_ok=True, mode=0o700)
            trava = filelock.FileLock(self._arquivo, timeout=0, mode=0o600)
            try:
                trava.acquire()
            except filelock.Timeout:
                return False
        self._trava = trava
        self._dizer_quem()
        return True

    def tomar(self, espera: Espera | None = None) -> None:
        """Toma a trava, esperando por ela. Levanta TravaOcupada (dizendo quem a tem), FalhaDeDisco
        ou Interrompido."""
        espera = self._espera if espera is None else espera
        ate = time.monotonic() + espera.segundos
        avisado, pausa = False, OLHADA / 64
        while not self.tentar():
            causa = f"{self._de_que} está em uso{self._quem()}"
            if time.monotonic() >= ate:
                raise TravaOcupada(f"{causa}.")
            if not avisado:
                espera.avisar(causa)
                avisado = True
            pausa = min(2 * pausa, OLHADA)
            if espera.parar.wait(pausa):
                raise Interrompido("Interrompido.")

    def ha_quanto(self) -> timedelta:
        """Há quanto tempo outra execução a tem, pelo que ela escreveu; nada, se não se sabe."""
        with contextlib.suppress(OSError):
            return timedelta(seconds=max(time.time() - self._ficha.stat().st_mtime, 0.0))
        return timedelta()

    def soltar(self) -> None:
        """Solta, se é nossa."""
        if self._trava is not None:
            with contextlib.suppress(OSError):
                self._ficha.unlink(missing_ok=True)
            self._trava.release()
            self._trava = None

    def __enter__(self) -> Trava:
        self.tomar()
        return self

    def __exit__(
        self,
        _tipo: type[BaseException] | None,
        _erro: BaseException | None,
        _onde: TracebackType | None,
    ) -> None:
        self.soltar()

    @property
    def _ficha(self) -> Path:
        return self._arquivo.with_name(f"{self._arquivo.name}.json")

    def _dizer_quem(self) -> None:
        if self._acao:
            with contextlib.suppress(OSError):  # só serve às palavras dos outros
                self._ficha.unlink(missing_ok=True)  # de quem morreu com ela
                with criar_privado(self._ficha) as ficha:
                    ficha.write(estado.em_bytes(_eu(self._acao)))

    def _quem(self) -> str:
        q = estado.ler(self._ficha, _Quem) if self._acao else None
        if q is None:
            return " por outra execução"
        return f" por {q.acao} (processo {q.pid}, {q.usuario} em {q.maquina}, desde {q.desde})"


def da_empresa(raiz: Path, user_id: str, nome: str, acao: str, espera: Espera = JA) -> Trava:
    """A trava da empresa com este id; `acao` é o que se vai fazer com ela na mão."""
    return Trava(_da_empresa(raiz, user_id), f"A empresa {visivel(nome)}", acao, espera)


def ocupada(raiz: Path, user_id: str) -> bool:
    """Se alguém tem a trava desta empresa, sem deixar nada na pasta; na dúvida, não."""
    arquivo = _da_empresa(raiz, user_id)
    if not arquivo.is_file():
        return False
    trava = Trava(arquivo, "")
    with contextlib.suppress(FalhaDeDisco, ImportError):
        if not trava.tentar():
            return True
        trava.soltar()
    return False


def _da_empresa(raiz: Path, user_id: str) -> Path:
    """Um nome que cabe em qualquer disco, seja qual for o id."""
    resumo = hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return raiz / PASTA / resumo


def de_um_trabalho(raiz: Path, acao: str) -> Trava:
    """A de um trabalho que só uma execução faz por vez; não espera."""
    return Trava(raiz / PASTA / acao, f"A pasta {raiz}", acao)


def breve(raiz: Path, nome: str = "") -> Trava:
    """A de um instante: a da pasta toda ou, com um `nome`, a de um arquivo de estado dela."""
    arquivo = raiz / PASTA / nome if nome else raiz / ARQUIVO
    return Trava(arquivo, f"A pasta {raiz}", espera=Espera(INSTANTE))


@dataclass(frozen=True, slots=True)
class _Quem:
    acao: str
    pid: int
    maquina: str
    usuario: str
    desde: str


def _eu(acao: str) -> _Quem:
    desde = na_tela(datetime.now().astimezone())
    return _Quem(acao, os.getpid(), maquina(), usuario(), desde)
