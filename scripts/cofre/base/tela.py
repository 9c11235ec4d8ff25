"""O único que escreve para o usuário: em texto, com barras de avanço, ou em JSON.

Sempre UTF-8, seja qual for o console, e nunca uma exceção por causa da saída: um `| head` que
fecha o cano não pode derrubar um backup.
"""

from __future__ import annotations

import contextlib
import getpass
import io
import itertools
import json
import os
import select
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from cofre.base.palavras import em_linhas, sem_controles, visivel
from cofre.base.relato import LINHAS_PARA_BARRA, Nivel, Relato

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID

ATENCAO = 0.5
"""Segundos em que um sinal é atendido enquanto se espera uma resposta."""


def preparar_saidas() -> None:
    """stdout e stderr em UTF-8; o que não for texto válido sai escapado. Chamar uma vez."""
    for saida in (sys.stdout, sys.stderr):
        if isinstance(saida, io.TextIOWrapper):
            saida.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


class RelatoTexto(Relato):
    """Palavras em `saida`; barras de progresso se ela for um terminal."""

    def __init__(self, saida: TextIO | None, erros: TextIO | None) -> None:
        self._saida = saida
        self._erros = erros
        self._trinco = threading.RLock()
        self._barras: Progress | None = None
        self._tarefas: dict[tuple[str, str], TaskID] = {}

    def dizer(self, nivel: Nivel, texto: str) -> None:
        if nivel is Nivel.DETALHE:
            return
        if nivel is Nivel.AVISO:
            texto = f"⚠️ {texto}".replace("\n", "\n   ")
        texto = em_linhas(sem_controles(texto), self.largura)
        with self._trinco:
            if nivel is Nivel.ERRO:
                _escrever(self._erros, texto)
            elif self._barras is not None:
                self._barras.console.print(
                    texto, markup=False, highlight=False, emoji=False, soft_wrap=True
                )
            else:
                _escrever(self._saida, texto)

    def so_na_tela(self, texto: str) -> None:
        if self.largura is not None:
            self.dizer(Nivel.LINHA, texto)

    def documento(self, documento: Mapping[str, Any]) -> None:
        """Em texto, o relato já disse tudo."""

    def perguntar(self, pergunta: str) -> str | None:
        with self._sem_barras():
            return self._perguntar(pergunta)

    def perguntar_escondido(self, pergunta: str) -> str | None:
        if not _e_terminal(sys.stdin):
            return None
        with self._sem_barras(), contextlib.suppress(OSError, ValueError, EOFError):
            return getpass.getpass(pergunta).strip()
        return None

    @contextlib.contextmanager
    def _sem_barras(self) -> Iterator[None]:
        """As barras se redesenhariam por cima da resposta."""
        barras = self._barras
        if barras is None:
            yield
            return
        barras.stop()
        try:
            yield
        finally:
            barras.start()

    def _perguntar(self, pergunta: str) -> str | None:
        _escrever(self._saida, _em_linhas(sem_controles(pergunta), self.largura), fim="")
        try:
            resposta = _ler_linha(sys.stdin)
        except (OSError, ValueError):
            resposta = ""
        if not resposta:
            _escrever(self._saida, "")
            return None
        return resposta.strip()

    @property
    def largura(self) -> int | None:
        return self._tamanho()[0] or None

    @property
    def altura(self) -> int | None:
        return self._tamanho()[1] or None

    def _tamanho(self) -> tuple[int, int]:
        """As colunas e as linhas do terminal; zeros, se a saída não é um."""
        if self._saida is None or not _e_terminal(self._saida):
            return 0, 0
        try:
            return os.get_terminal_size(self._saida.fileno())
        except (OSError, ValueError):
            return 0, 0

    def avanco(
        self,
        empresa: str,
        tabela: str,
        lidas: int,
        total: int | None,
        minimo: int = LINHAS_PARA_BARRA,
    ) -> None:
        with self._trinco:
            if self._barras is None or (total or lidas) < minimo:
                return
            chave = (empresa, tabela)
            if chave not in self._tarefas:
                nome = f"{visivel(empresa)} · {visivel(tabela)}"
                self._tarefas[chave] = self._barras.add_task(nome, total=total)
            self._barras.update(self._tarefas[chave], completed=lidas)
            if total is not None and lidas >= total:
                self._barras.remove_task(self._tarefas.pop(chave))

    @contextlib.contextmanager
    def acompanhando(self, etapa: str = "") -> Iterator[None]:
        if self._barras is not None or not _e_terminal(self._saida):
            yield  # já há quem mostre, ou não há onde
            return
        with _barras(self._saida, self.largura) as barras:
            if etapa:
                barras.add_task(visivel(etapa), total=None)
            self._barras = barras
            try:
                yield
            finally:
                with self._trinco:
                    self._barras = None
                    self._tarefas.clear()


class RelatoJson(RelatoTexto):
    """Um documento JSON na saída padrão; as palavras na saída de erros."""

    def __init__(self, saida: TextIO | None, erros: TextIO | None) -> None:
        super().__init__(erros, erros)
        self._documento = saida

    def dizer(self, nivel: Nivel, texto: str) -> None:
        if nivel is not Nivel.RESERVADO or self.largura is not None:
            super().dizer(nivel, texto)

    def documento(self, documento: Mapping[str, Any]) -> None:
        for texto in _aos_poucos(documento):
            _escrever(self._documento, texto, fim="")


ITENS_POR_VEZ = 500


def _aos_poucos(documento: Mapping[str, Any]) -> Iterator[str]:
    """O documento em JSON; um iterador que haja nele é uma lista, que pode ser maior que a
    memória."""
    longos = {c: v for c, v in documento.items() if isinstance(v, Iterator)}
    curto = {c: v for c, v in documento.items() if c not in longos}
    yield _em_json(curto).removesuffix("\n}")
    for campo, itens in longos.items():
        yield f",\n  {_em_json(campo)}: ["
        entre = "\n    "
        while grupo := list(itertools.islice(itens, ITENS_POR_VEZ)):
            ditos = [_em_json(item).replace("\n", "\n    ") for item in grupo]
            yield entre + ",\n    ".join(ditos)
            entre = ",\n    "
        yield "\n  ]"
    yield "\n}\n"


def _em_json(valor: object) -> str:
    return json.dumps(valor, ensure_ascii=False, indent=2)


def _barras(saida: TextIO | None, largura: int | None) -> Progress:
    """As barras: quem encolhe num terminal estreito é o nome, não a conta. Sobra lugar para o «^C»
    que o terminal escreve: na linha de baixo, ele impediria de apagar a barra."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Falta
    from rich.table import Column
    from rich.text import Text

    class Quantos(MofNCompleteColumn):
        def render(self, task: Task) -> Text:
            return super().render(task) if task.total or task.completed else Text("")

    ate = max(largura - len("^C"), 1) if largura else None
    console = Console(file=saida, emoji=False, markup=False, highlight=False, width=ate)
    nome = Column(ratio=3, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("   ⏳ {task.description}", markup=False, table_column=nome),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        Quantos(),
        Falta(),
        console=console,
        transient=True,
        expand=True,
    )


def _e_terminal(saida: TextIO | None) -> bool:
    try:
        return saida is not None and saida.isatty()
    except (OSError, ValueError):
        return False


def _esperar_o_teclado(entrada: TextIO | None) -> None:
    """Só volta quando há o que ler, e atende um sinal em até `ATENCAO` segundos. O que chega entre
    o último comando do Python e o começo da leitura não a interrompe: sem isto, um Ctrl+C nesse
    instante só valeria depois da próxima tecla."""
    if sys.platform != "win32" and entrada is not None:
        while not select.select([entrada], [], [], ATENCAO)[0]:
            pass


def _ler_linha(entrada: TextIO | None) -> str:
    """Uma linha, com o fim dela; vazia quando acabou. UTF-8, com BOM ou não (o PowerShell põe um),
    seja o que for que o console diga; o que não for UTF-8, como o console disser."""
    if _e_terminal(entrada):
        _esperar_o_teclado(entrada)
    bruta = entrada.buffer.readline() if entrada is not None else b""
    try:
        return bruta.decode("utf-8-sig")
    except UnicodeDecodeError:
        return bruta.decode(entrada.encoding if entrada else "utf-8", "replace")


def _em_linhas(pergunta: str, largura: int | None) -> str:
    """Quebrada entre palavras, com o espaço que separa a resposta."""
    texto = pergunta.rstrip(" ")
    return em_linhas(texto, largura, 3) + pergunta[len(texto) :]


def _escrever(saida: TextIO | None, texto: str, fim: str = "\n") -> None:
    if saida is None:
        return  # pythonw e tarefas agendadas não têm console
    # Cano fechado, disco do log cheio, arquivo já fechado: o trabalho continua sem plateia.
    with contextlib.suppress(OSError, ValueError):
        saida.write(texto + fim)
        saida.flush()
