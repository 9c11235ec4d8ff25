"""O que corre num trabalhador: a oficina de cada execução, aberta uma vez, e as tarefas nela."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from distributed import Reschedule, Semaphore, Worker, get_worker

from cofre.backup.resumo import Resultado
from cofre.backup.tarefa import Oficina, Tarefa, copiar
from cofre.base.config import ambiente
from cofre.base.equipe import DESPEDIDA
from cofre.base.erros import ErroCofre, Interrompido
from cofre.base.relato import LINHAS_PARA_BARRA, Nivel, Relato
from cofre.deposito import presenca
from cofre.deposito.deposito import Deposito
from cofre.deposito.trava import Espera
from cofre.foto.fontes import dos_arquivos, fechar, fontes_de
from cofre.foto.foto import Fonte
from cofre.foto.storage.relacao import Soltos
from cofre.frota import digital
from cofre.frota.relogio import diferenca
from cofre.frota.remessa import Remessa
from cofre.via.abrir import abrir_via
from cofre.via.contrato import ViaDeLeitura

ATE_HAVER_LUGAR = 45.0
"""Segundos: o lugar de quem morreu volta ao fim de trinta."""
ENTRE_AVANCOS = 0.5
"""Segundos: a barra de quem olha não precisa de mais."""


class NaoServe(ErroCofre):
    """Este trabalhador não pode fazer esta execução; `str(erro)` diz por quê, sem segredos."""


def assunto(execucao: str) -> str:
    """O nome por que se ouve o que se diz de uma execução."""
    return f"cofre-{execucao}"


class RelatoDeLonge(Relato):
    """O que se diz aqui ouve-o quem começou a execução."""

    def __init__(self, worker: Worker, execucao: str) -> None:
        self._worker = worker
        self._assunto = assunto(execucao)
        self._proximo = 0.0

    def dizer(self, nivel: Nivel, texto: str) -> None:
        self._worker.log_event(self._assunto, {"nivel": nivel.name, "texto": texto})

    def so_na_tela(self, texto: str) -> None:
        """Ninguém olha esta."""

    def avanco(
        self,
        empresa: str,
        tabela: str,
        lidas: int,
        total: int | None,
        minimo: int = LINHAS_PARA_BARRA,
    ) -> None:
        if max(lidas, total or 0) < minimo or time.monotonic() < self._proximo:
            return
        self._proximo = time.monotonic() + ENTRE_AVANCOS
        avanco = [empresa, tabela, lidas, total, minimo]
        self._worker.log_event(self._assunto, {"avanco": avanco})

    def documento(self, documento: Mapping[str, Any]) -> None:
        """Só quem começou o dá."""

    def acompanhando(self, etapa: str = "") -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def perguntar(self, pergunta: str) -> str | None:
        return None

    def perguntar_escondido(self, pergunta: str) -> str | None:
        return None

    @property
    def largura(self) -> int | None:
        return None

    @property
    def altura(self) -> int | None:
        return None


@dataclass(slots=True)
class _Aberta:
    """Uma oficina e o que se fecha com ela; `ativas`, as tarefas que nela correm."""

    oficina: Oficina
    via: ViaDeLeitura
    listas: tuple[Fonte, ...]
    parar: threading.Event
    presente: str
    trabalhando: contextlib.ExitStack
    ativas: int = 0

    def fechar(self) -> None:
        self.parar.set()
        fechar(self.listas)
        self.via.fechar()
        self.trabalhando.close()


@dataclass(slots=True)
class _Bancada:
    """As oficinas abertas neste processo, por execução."""

    trinco: threading.Lock = field(default_factory=threading.Lock)
    abertas: dict[str, _Aberta] = field(default_factory=dict)
    acabadas: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def usando(self, remessa: Remessa, worker: Worker) -> Iterator[Oficina]:
        """A da remessa, que se abre se é a primeira vez. Levanta NaoServe ou Interrompido."""
        with self.trinco:
            if remessa.presente in self.acabadas:
                raise Interrompido("Interrompido.")
            aberta = self.abertas.get(remessa.presente)
            if aberta is None:
                self._fechar_orfas()
                aberta = self.abertas[remessa.presente] = _abrir(remessa, worker)
            if remessa.presente in self.acabadas:  # enquanto se abria
                self.abertas.pop(remessa.presente).fechar()
                raise Interrompido("Interrompido.")
            aberta.ativas += 1
        try:
            yield aberta.oficina
        finally:
            with self.trinco:
                aberta.ativas -= 1

    def _fechar_orfas(self) -> None:
        """As de quem começou e morreu sem dizer que acabava."""
        for presente, aberta in list(self.abertas.items()):
            raiz = aberta.oficina.deposito.raiz
            if not aberta.ativas and not presenca.vive(raiz, presente):
                self.abertas.pop(presente).fechar()


_BANCADA = _Bancada()


@dataclass(frozen=True, slots=True)
class Feita:
    """O que volta de uma tarefa; `soltos`, o que este processo viu deles desde a anterior."""

    resultados: list[Resultado]
    soltos: Soltos | None


def fazer(remessa: Remessa, tarefa: Tarefa) -> Feita:
    """A tarefa, neste processo. Se ele não serve, di-lo, deixa de se oferecer, e ela vai a outro;
    levanta Interrompido se pedirem para parar."""
    worker = get_worker()
    try:
        with _BANCADA.usando(remessa, worker) as oficina:
            resultados = copiar(oficina, tarefa)
            fonte = dos_arquivos(oficina.listas)
            return Feita(resultados, fonte.levar_soltos() if fonte else None)
    except NaoServe as e:
        worker.log_event(assunto(remessa.execucao), {"recusa": str(e), "quem": str(worker.name)})
        deixar_de_se_oferecer(worker, remessa.digital.recurso)
        raise Reschedule from None


def deixar_de_se_oferecer(worker: Worker, recurso: str) -> None:
    """O agendador não dá mais tarefas destas a este trabalhador."""
    dizer = _oferecer(worker, recurso, 0)
    asyncio.run_coroutine_threadsafe(dizer, worker.loop.asyncio_loop).result()  # type: ignore[attr-defined]


async def oferecer_se(recurso: str, dask_worker: Worker) -> None:
    """Uma execução começa: quem não serviu noutra pode servir nesta."""
    await _oferecer(dask_worker, recurso, dask_worker.state.nthreads)


async def _oferecer(worker: Worker, recurso: str, lugares: int) -> None:
    """Só ao agendador: as tarefas que ele já lhe deu têm de correr, para que as devolva."""
    await worker.scheduler.set_resources(
        resources={recurso: lugares}, worker=worker.contact_address
    )


async def acabar(presente: str, *, parando: bool) -> None:
    """A execução acabou, ou `parando`, pediu-se que acabe já: fecha-se a oficina dela."""
    aberta = _BANCADA.abertas.get(presente)
    _BANCADA.acabadas.add(presente)
    if aberta is None:
        return
    if parando:
        aberta.parar.set()
    ate = time.monotonic() + DESPEDIDA
    while aberta.ativas and time.monotonic() < ate:
        await asyncio.sleep(0.05)
    # Noutro fio: quem abre uma oficina tem o trinco enquanto espera por um lugar, que é este laço
    # que lhe dá; e o lugar daqui só se devolve com ele livre.
    await asyncio.to_thread(_fechar, presente)


def _fechar(presente: str) -> None:
    with _BANCADA.trinco:
        aberta = _BANCADA.abertas.pop(presente, None)
    if aberta is not None:
        aberta.fechar()


def _abrir(remessa: Remessa, worker: Worker) -> _Aberta:
    try:
        if porque := diferenca(worker, remessa.relogio):
            raise NaoServe(f"{porque}: acerte-o (hora automática)")
        return _abrir_ou_erro(remessa, RelatoDeLonge(worker, remessa.execucao))
    except NaoServe:
        raise
    except (ErroCofre, OSError) as e:
        raise NaoServe(str(e)) from None
    except ModuleNotFoundError as e:
        raise NaoServe(f"falta o pacote {e.name}") from None


def _lugar(remessa: Remessa) -> contextlib.AbstractContextManager[object]:
    """Um dos lugares desta execução, até se sair do contexto. Levanta NaoServe se não há."""
    if not remessa.parte.lugares:
        return contextlib.nullcontext()
    lugares = Semaphore(max_leases=remessa.parte.lugares, name=assunto(remessa.presente))
    if not lugares.acquire(timeout=ATE_HAVER_LUGAR if remessa.parte.todos_cabem else 0):
        raise NaoServe("já há trabalhadores que cheguem para o limite que se disse")
    fim = contextlib.ExitStack()
    fim.callback(lugares.release)
    return fim


def _abrir_ou_erro(remessa: Remessa, relato: Relato) -> _Aberta:
    configuracao = ambiente.carregar(destino=remessa.destino)
    if digital.de(configuracao) != remessa.digital:
        raise NaoServe("o .env já não é o de quando ele começou: comece-o de novo")
    if not presenca.ve(configuracao.destino, remessa.presente):
        raise NaoServe("a pasta dos backups dele não é a mesma de quem começou o backup")
    parar, fim = threading.Event(), contextlib.ExitStack()
    fim.enter_context(_lugar(remessa))
    deposito = Deposito.da_configuracao(configuracao, "backup")
    fim.enter_context(deposito.trabalhando())
    parte = remessa.parte
    limites = {"conexoes": parte.conexoes, "limite_por_segundo": parte.por_segundo}
    opcoes = Namespace(**remessa.opcoes, **limites)
    contexto = remessa.contexto(configuracao)
    via = abrir_via(opcoes, configuracao, parar, relato)
    via.conhecer(contexto.inspecao)
    listas = fontes_de(opcoes, configuracao, via, parar, relato)
    espera = Espera(avisar=relato.aviso, parar=parar)
    oficina = Oficina(contexto, via, deposito, relato, listas, remessa.jeito, espera)
    return _Aberta(oficina, via, listas, parar, remessa.presente, fim)
