"""As tarefas do backup feitas por trabalhadores do Dask, e o que eles dizem a quem começou.

O Dask decide quem faz o quê, e de novo se alguém morre. Daqui só se lhe dá uma tarefa por lugar: as
que ficassem à espera seriam já de um trabalhador, e no fim esperariam por ele com outros parados. E
assim as maiores começam primeiro, e a memória não cresce com as empresas.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dask.typing import Key
from distributed import Client, Future, KilledWorker

from cofre.backup.resumo import Resultado
from cofre.backup.tarefa import Tarefa
from cofre.base.equipe import VIGIA
from cofre.base.erros import DefeitoInterno, ErroCofre, FalhaDoServidor, Interrompido
from cofre.base.modelo import Empresa
from cofre.base.palavras import exibir_pasta, plural, visivel
from cofre.base.relato import Nivel, Relato
from cofre.deposito.deposito import Deposito
from cofre.foto.fontes import dos_arquivos
from cofre.foto.foto import Contexto, Fonte
from cofre.frota import trabalhador
from cofre.frota.digital import Digital, do_recurso
from cofre.frota.erros import FrotaParada
from cofre.frota.partilha import Limites, Parte
from cofre.frota.remessa import Remessa

Feito = Future[trabalhador.Feita]

SEM_AGENDADOR = "O agendador da frota deixou de responder."

ENTRE_OLHADAS = 1.0
"""Segundos entre olhadas em quem há na frota."""
SEM_NINGUEM = 3.0
"""Segundos sem trabalhador até se dizer que se espera."""


@dataclass(slots=True)
class Frota:
    """Um motor (ver `backup.tarefa.Motor`) sobre um cliente do Dask já ligado."""

    cliente: Client
    digital: Digital
    deposito: Deposito
    relato: Relato
    remessa_de: Callable[[Contexto, Parte, Client], Remessa]
    """A remessa de um contexto, com a parte de cada trabalhador."""
    limites: Limites
    paciencia: float
    """Segundos sem trabalhador nenhum até se desistir."""
    listas: Sequence[Fonte] = ()
    """As de quem começou, a que se soma o que os trabalhadores viram."""
    _remessa: Future[Remessa] | None = None
    _empresas: dict[str, Empresa] = field(default_factory=dict)
    _prontas: queue.SimpleQueue[Feito] = field(default_factory=queue.SimpleQueue)
    _sem_ninguem_desde: float = 0.0
    _avisado: bool = False
    _recusas: dict[str, str] = field(default_factory=dict)
    _perdidos: int = 0
    _vistos: set[str] = field(default_factory=set)

    @property
    def conexoes(self) -> int:
        """Os pedidos ao mesmo tempo que todos juntos podem fazer."""
        return self.limites.de_todos(self.processos)

    @property
    def processos(self) -> int:
        """Os trabalhadores que servem."""
        return max(1, len(self._servem()))

    @property
    def num_processo(self) -> int:
        """As do trabalhador que tem mais lugares."""
        return max(map(int, self._servem().values()), default=1)

    @property
    def em_ordem(self) -> bool:
        """Não: a que demora não atrasa as outras."""
        return False

    @property
    def perdeu_alguem(self) -> bool:
        """Se algum trabalhador se foi a meio: pode ter deixado algo por recolher."""
        return self._perdidos > 0

    @property
    def viu_tudo(self) -> bool:
        """Não, se alguém se foi com o que tinha visto por dizer."""
        return not self.perdeu_alguem

    def fazer(self, contexto: Contexto, tarefas: Iterable[Tarefa]) -> Iterator[list[Resultado]]:
        """À medida que acabam. Levanta FrotaParada ou Interrompido."""
        if self._remessa is None:
            self._comecar(contexto)
        restantes, a_caminho = iter(tarefas), dict[Key, tuple[Feito, Tarefa]]()
        lugares, acabou, olhada = self._lugares(), False, time.monotonic()
        try:
            while True:
                while not acabou and len(a_caminho) < lugares:
                    tarefa = next(restantes, None)
                    if tarefa is None:
                        acabou = True
                    else:
                        futuro = self._mandar(tarefa)
                        a_caminho[futuro.key] = (futuro, tarefa)
                if not a_caminho:
                    return
                if time.monotonic() - olhada > ENTRE_OLHADAS:
                    self._vigiar()
                    lugares, olhada = self._lugares(), time.monotonic()
                with contextlib.suppress(queue.Empty):
                    futuro = self._prontas.get(timeout=VIGIA)
                    if (par := a_caminho.pop(futuro.key, None)) is not None:
                        yield self._voltou(*par)
                        par[0].release()
        finally:
            with contextlib.suppress(FrotaParada), self._com_agendador():
                if a_caminho:
                    self.cliente.cancel([f for f, _ in a_caminho.values()], force=True)

    def acabar(self, *, parando: bool) -> None:
        """Fecha, em cada trabalhador, o que se abriu para esta execução; sem agendador, fecham-no
        eles."""
        with contextlib.suppress(FrotaParada):
            if self.cliente.status == "running":
                self._em_todos(trabalhador.acabar, self.deposito.presente, parando=parando)

    @contextlib.contextmanager
    def _com_agendador(self) -> Iterator[None]:
        """O que corre mal porque o agendador se foi, qualquer que seja o nome que o Dask lhe dá, é
        FrotaParada."""
        try:
            yield
        except ErroCofre:
            raise
        except Exception as e:
            if isinstance(e, OSError) or self.cliente.status != "running":
                raise FrotaParada(SEM_AGENDADOR) from None
            raise

    def _em_todos(self, fazer: Callable[..., object], *dados: object, **mais: Any) -> None:
        """Em cada um com a nossa digital, sirva ou não agora."""
        nosso = self.digital.recurso
        quem = [e for e, um in self._trabalhadores().items() if nosso in um.get("resources", {})]
        with self._com_agendador():
            if quem:
                self.cliente.run(fazer, *dados, **mais, workers=quem, on_error="ignore")

    def _comecar(self, contexto: Contexto) -> None:
        with self._com_agendador():
            self.cliente.subscribe_topic(
                trabalhador.assunto(contexto.pedido.execucao), lambda evento: self._ouvir(evento[1])
            )
        self._empresas = {e.id: e for e in contexto.inspecao.empresas}
        self._em_todos(trabalhador.oferecer_se, self.digital.recurso)
        self._esperar_alguem()
        parte = self.limites.partilhar(self.processos)
        with self._com_agendador():
            remessa = self.remessa_de(contexto, parte, self.cliente)
        # Um resultado do Dask, e não um dado posto em quem há: se quem o tem morre, refaz-se.
        self._remessa = self._submeter(0, _a_mesma, remessa)

    def _mandar(self, tarefa: Tarefa) -> Feito:
        futuro = self._submeter(1, trabalhador.fazer, self._remessa, tarefa)
        futuro.add_done_callback(self._prontas.put)
        return futuro

    def _submeter(self, lugares: int, fazer: Callable[..., Any], *dados: object) -> Future[Any]:
        """A um trabalhador com a nossa digital, enquanto lhe toma tantos lugares."""
        recursos = {self.digital.recurso: lugares}
        with self._com_agendador():
            return self.cliente.submit(fazer, *dados, pure=False, resources=recursos)

    def _voltou(self, futuro: Feito, tarefa: Tarefa) -> list[Resultado]:
        if futuro.status == "finished":
            raiz, feita = self.deposito.raiz, futuro.result()
            if feita.soltos is not None and (fonte := dos_arquivos(self.listas)) is not None:
                fonte.somar_soltos(feita.soltos)
            return [
                replace(r, pasta=exibir_pasta(raiz / _ultimo_nome(r.pasta)))
                for r in feita.resultados
            ]
        if futuro.status == "error":
            erro = futuro.exception()
            if isinstance(erro, Interrompido):
                raise erro
            return self._impedidas(tarefa, _como_nosso(erro))
        raise FrotaParada(SEM_AGENDADOR)

    def _impedidas(self, tarefa: Tarefa, erro: ErroCofre) -> list[Resultado]:
        pasta = self.deposito.pasta_da_empresa
        return [
            Resultado(self._empresas[e], exibir_pasta(pasta(e)), impedida=erro)
            for e in tarefa.empresas
        ]

    def _ouvir(self, dito: dict[str, Any]) -> None:
        """No fio do cliente."""
        if "texto" in dito:
            self.relato.dizer(Nivel[dito["nivel"]], dito["texto"])
        elif "avanco" in dito:
            self.relato.avanco(*dito["avanco"])
        elif "recusa" in dito:
            self._recusar(str(dito["quem"]), str(dito["recusa"]))

    def _recusar(self, quem: str, porque: str) -> None:
        if quem not in self._recusas:
            self._recusas[quem] = porque
            self.relato.aviso(f"O trabalhador {visivel(quem)} não serve: {visivel(porque)}.")

    def _lugares(self) -> int:
        """Os de todos os trabalhadores que servem."""
        return max(1, sum(map(int, self._servem().values())))

    def _servem(self) -> dict[str, float]:
        """Por endereço, os lugares de cada trabalhador com a nossa digital."""
        nosso = self.digital.recurso
        servem = {}
        for endereco, um in self._trabalhadores().items():
            recursos = um.get("resources", {})
            if recursos.get(nosso, 0) > 0:
                servem[endereco] = recursos[nosso]
            elif nosso not in recursos:
                self._recusar(str(um.get("name", endereco)), self._porque(recursos))
        return servem

    def _porque(self, recursos: dict[str, float]) -> str:
        dele = next(filter(None, map(do_recurso, recursos)), None)
        if dele is None:
            return "não foi começado com «frota trabalhar»"
        if dele.programa != self.digital.programa:
            return "tem outra versão do programa (ou mudou-se o programa depois de ele começar)"
        return "tem outro .env (ou cofre.toml, ou outra chave dos lacres)"

    def _trabalhadores(self) -> dict[str, dict[str, Any]]:
        with self._com_agendador():
            sabido = self.cliente.scheduler_info(n_workers=-1)
        achados: dict[str, dict[str, Any]] = sabido["workers"]
        return achados

    def _vigiar(self) -> None:
        """Levanta FrotaParada se o agendador se foi, ou se há muito ninguém serve."""
        if self.cliente.status == "closed":
            raise FrotaParada(SEM_AGENDADOR)
        servem = self._servem()
        sairam = self._vistos - servem.keys()
        self._vistos = set(servem)
        if sairam:
            self._perdidos += len(sairam)
            quantos = plural(len(sairam), "trabalhador saiu", "trabalhadores saíram")
            self.relato.aviso(f"{quantos} da frota: o que faziam, fazem os outros.")
        agora = time.monotonic()
        if servem:
            self._sem_ninguem_desde, self._avisado = agora, False
            return
        parado = agora - self._sem_ninguem_desde
        if parado > self.paciencia:
            raise FrotaParada("Não há trabalhador que sirva.", self._o_que_fazer())
        if parado > SEM_NINGUEM and not self._avisado:
            self._avisado = True
            self.relato.aviso("Não há trabalhador nenhum na frota. Espero que venha um.")

    def _esperar_alguem(self) -> None:
        self._sem_ninguem_desde = time.monotonic()
        while not self._servem():
            self._vigiar()
            time.sleep(VIGIA)
        self._vistos = set(self._servem())

    def _o_que_fazer(self) -> str:
        ditas = [f"{visivel(q)}: {visivel(p)}" for q, p in self._recusas.items()]
        return "\n".join([*ditas, FrotaParada.dica])


def _a_mesma(remessa: Remessa) -> Remessa:
    return remessa


def _como_nosso(erro: BaseException | None) -> ErroCofre:
    if isinstance(erro, ErroCofre):
        return erro
    if isinstance(erro, KilledWorker):
        return FalhaDoServidor("Os trabalhadores que a copiavam morreram, um depois do outro.")
    return DefeitoInterno(erro if isinstance(erro, Exception) else Exception())


def _ultimo_nome(pasta: str) -> str:
    """O nome da pasta da empresa: o caminho até ela é o de outra máquina."""
    return pasta.replace("\\", "/").rstrip("/").rpartition("/")[2]
