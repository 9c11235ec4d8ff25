"""O log de uma execução: as mesmas palavras da tela, com a hora, num arquivo que se lê depois.

Um arquivo por execução em `logs/`, na pasta dos backups, escrito linha a linha: se o processo
morre, o que já se disse está lá. As execuções da tarefa em que nada mudou acabam num só, o do dia.
Um log que não se pode escrever nunca impede nada.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from cofre.base import derrame
from cofre.base.disco import erros_de_disco
from cofre.base.erros import FalhaDeDisco
from cofre.base.palavras import na_tela, sem_controles, visivel
from cofre.base.relato import Nivel, Relato, RelatoSobre
from cofre.deposito.carimbo import CARIMBO, FORMATO_DO_CARIMBO
from cofre.deposito.cifra.linhas import parece_chave

PASTA = "logs"
MAXIMO_DE_LOGS = 3_000
"""Anos de um backup por dia; um mês de um a cada quinze minutos."""

BYTES_DE_LOGS = 50 * 1024 * 1024
"""De todos os arquivos juntos."""

_NOME = re.compile(rf"{CARIMBO}(-\d+)?_[a-z_]+\.log")


class Log:
    """O arquivo de log de uma execução. Sem arquivo, as palavras se perdem sem reclamar;
    `problema` diz por quê."""

    def __init__(self, pasta: Path, acao: str, inicio: datetime) -> None:
        """Abre `logs/<carimbo>_<acao>.log` na pasta dos backups e tira os logs que sobram."""
        self.problema = ""
        self.nome = ""
        self._trinco = threading.Lock()
        self._arquivo: TextIO | None = None
        self._pasta = pasta / PASTA
        try:
            with erros_de_disco(self._pasta):
                self._arquivo = _abrir(pasta, f"{inicio:{FORMATO_DO_CARIMBO}}", acao)
        except FalhaDeDisco as e:
            self.problema = str(e)
            return
        self.nome = Path(self._arquivo.name).name
        girar(self._pasta, self.nome)

    def escrever(self, texto: str) -> None:
        """Cada linha do texto com a hora na frente, já no arquivo ao voltar."""
        hora = na_tela(datetime.now().astimezone())
        linhas = "".join(
            f"{hora}  {linha}".rstrip() + "\n" for linha in sem_controles(texto).split("\n")
        )
        with self._trinco:
            if self._arquivo is None:
                return
            try:
                with erros_de_disco(self._pasta):
                    self._arquivo.write(linhas)
                    self._arquivo.flush()
            except FalhaDeDisco as e:
                self.problema = str(e)
                self._largar()

    def juntar_ao_do_dia(self, inicio: datetime) -> None:
        """O que se escreveu vai para o fim do log deste dia, que muitas execuções têm em comum, e o
        arquivo desta some. Se não dá, fica como está."""
        with self._trinco:
            self._largar()
            do_dia = self._pasta / nome_do_dia(inicio)
            try:
                with erros_de_disco(self._pasta):
                    dito = (self._pasta / self.nome).read_bytes()
                    with open(do_dia, "ab", opener=lambda n, f: os.open(n, f, 0o600)) as arquivo:
                        arquivo.write(dito)
                    (self._pasta / self.nome).unlink()
            except FalhaDeDisco as e:
                self.problema = str(e)
                return
            self.nome = do_dia.name

    def fechar(self) -> None:
        """Depois disto, nada mais é escrito."""
        with self._trinco:
            self._largar()

    def _largar(self) -> None:
        with contextlib.suppress(OSError):  # o que não coube, não cabe também ao fechar
            if self._arquivo is not None:
                self._arquivo.close()
        self._arquivo = None


def nome_do_dia(inicio: datetime) -> str:
    """O log que têm em comum as execuções deste dia em que nada mudou."""
    return f"{inicio:%Y%m%d}_000000_sem_mudanca.log"


def _abrir(pasta: Path, carimbo: str, acao: str) -> TextIO:
    """Um arquivo novo, só do dono. OSError passa."""
    pasta.mkdir(parents=True, exist_ok=True, mode=0o700)
    (pasta / PASTA).mkdir(exist_ok=True, mode=0o700)
    numero = 1
    while True:
        sufixo = f"-{numero}" if numero > 1 else ""
        caminho = pasta / PASTA / f"{carimbo}{sufixo}_{acao}.log"
        try:
            return open(
                caminho,
                "x",
                encoding="utf-8",
                errors="backslashreplace",
                opener=lambda nome, flags: os.open(nome, flags, 0o600),
            )
        except FileExistsError:
            numero += 1


def girar(
    pasta: Path, atual: str, quantos: int = MAXIMO_DE_LOGS, bytes_: int = BYTES_DE_LOGS
) -> None:
    """Apaga os logs mais antigos até caberem no número e no tamanho; o `atual` conta e fica. Só
    toca em arquivos com nome de log; um que não se deixa apagar fica para a próxima."""
    with contextlib.suppress(OSError):
        nomes = {p.name for p in pasta.iterdir() if _NOME.fullmatch(p.name)} - {atual}
        total = (pasta / atual).stat().st_size
        for posicao, nome in enumerate(sorted(nomes, reverse=True), start=2):
            with contextlib.suppress(OSError):
                total += (pasta / nome).stat().st_size
                if posicao > quantos or total > bytes_:
                    (pasta / nome).unlink()


ESCONDIDA = "(escondida)"
"""No lugar do que parece uma chave que abre."""


class RelatoComLog(RelatoSobre):
    """Escreve no log tudo o que diz ao relato `por_baixo`, também o que ele cala. Guarda o último
    documento."""

    def __init__(self, por_baixo: Relato, log: Log) -> None:
        super().__init__(por_baixo)
        self._log = log
        self._escondidas: list[str] = []
        self.ultimo_documento: Mapping[str, Any] = {}

    def dizer(self, nivel: Nivel, texto: str) -> None:
        if nivel is not Nivel.RESERVADO:
            self._escrever(f"⚠️ {texto}" if nivel is Nivel.AVISO else texto)
        super().dizer(nivel, texto)

    def documento(self, documento: Mapping[str, Any]) -> None:
        """Para outros programas: no log, as palavras já disseram tudo."""
        self.ultimo_documento = documento
        super().documento(documento)

    def perguntar(self, pergunta: str) -> str | None:
        resposta = super().perguntar(pergunta)
        dita = "(sem resposta)" if resposta is None else visivel(resposta)
        if resposta and parece_chave(resposta):
            self._escondidas += [resposta, dita]  # digitada na pergunta errada, e citada na recusa
        elif resposta and derrame.cifrando():
            dita = "(respondida)"  # pode ser o que se procura: um nome, um documento
        self._escrever(f"{pergunta}{dita}")
        return resposta

    def _escrever(self, texto: str) -> None:
        for escondida in self._escondidas:
            texto = texto.replace(escondida, ESCONDIDA)
        self._log.escrever(texto)
