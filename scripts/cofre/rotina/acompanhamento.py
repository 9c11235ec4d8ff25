"""O que cerca uma execução que faz algo: o log, o log de como foi, e quem é avisado.

Nada disto impede o trabalho nem muda o código de saída dele: o que não se pôde escrever ou entregar
vira um aviso.
"""

from __future__ import annotations

import contextlib
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofre import VERSAO
from cofre.base.config.limites import Destinatarios
from cofre.base.erros import DefeitoInterno, ErroCofre, FalhaDeDisco
from cofre.base.maquina import maquina, usuario
from cofre.base.palavras import duracao, visivel
from cofre.base.relato import Relato, codigo_de
from cofre.deposito.trava import breve
from cofre.rotina import boletim, ultima
from cofre.rotina.log import Log, RelatoComLog, nome_do_dia
from cofre.rotina.ultima import UltimaExecucao

if TYPE_CHECKING:
    from cofre.rotina.avisos import Mensageiro


@dataclass(frozen=True, slots=True)
class Acompanhamento:
    """Uma execução de `acao` sobre a `pasta` dos backups. `para`: a quem avisar (None: a ação não
    avisa ninguém). `tudo`: se ela cuida de todas as empresas e tabelas; a de uma só não pode dizer
    que está tudo bem. `repetida`: se é da tarefa que roda muitas vezes por dia."""

    acao: str
    pasta: Path
    para: Destinatarios | None
    tudo: bool
    repetida: bool = False

    def executar(self, fazer: Callable[[Relato], int], relato: Relato) -> int:
        """Faz, conta o que deu errado e registra. Devolve o código de saída."""
        inicio = datetime.now().astimezone()
        log = Log(self.pasta, self.acao, inicio)
        com_log = RelatoComLog(relato, log)
        log.escrever(_cabecalho(inicio))
        try:
            mensageiro = None
            with _sem_impedir(com_log):
                mensageiro = self._mensageiro(com_log)
            codigo = codigo_de(lambda: fazer(com_log), com_log)
            # Um segundo Ctrl+C desiste de avisar; o código já está decidido.
            with contextlib.suppress(KeyboardInterrupt), _sem_impedir(com_log):
                self._encerrar(com_log, log, mensageiro, codigo, inicio)
        finally:
            log.fechar()
        if log.problema:
            relato.aviso(f"O log não pôde ser escrito. {log.problema}")
        return codigo

    def _mensageiro(self, relato: Relato) -> Mensageiro | None:
        if self.para is None:
            return None
        for aviso in self.para.avisos:
            relato.aviso(aviso)
        if not (self.para.ping or self.para.webhook):
            return None
        try:
            from cofre.rotina.avisos import Mensageiro
        except ImportError as e:
            relato.aviso(f"Ninguém será avisado: falta o pacote {e.name}.")
            return None
        mensageiro = Mensageiro(self.para)
        if self.tudo:
            mensageiro.comecar()
        return mensageiro

    def _encerrar(
        self,
        relato: RelatoComLog,
        log: Log,
        mensageiro: Mensageiro | None,
        codigo: int,
        inicio: datetime,
    ) -> None:
        documento = relato.ultimo_documento
        sem_mudanca = self.repetida and _nada_mudou(documento)
        nome = nome_do_dia(inicio) if sem_mudanca and log.nome else log.nome
        execucao = ultima.de_documento(self.acao, inicio, codigo, documento, nome)
        # Antes de avisar, que demora: se o processo morrer agora, o problema não foi esquecido.
        avisa = self.para is not None
        with _sem_outra(self.pasta):
            havia = ultima.havia_alarme(self.pasta)
            ja_dita = self.repetida and ultima.ja_dita(self.pasta, execucao)
            execucao = replace(execucao, alarme=havia or (avisa and codigo != 0), avisada=ja_dita)
            _gravar(self.pasta, execucao, relato)
        log.escrever(f"Fim: código {codigo}, em {_tempo(execucao)}.")
        noticia = codigo != 0 or bool(execucao.mudancas)
        if avisa and (noticia or self.tudo):
            passou = codigo == 0 and havia
            falar = passou or (noticia and not ja_dita)
            if _avisar(mensageiro, execucao, relato, falar=falar) and falar:
                dita = replace(execucao, alarme=execucao.alarme and not passou, avisada=noticia)
                with _sem_outra(self.pasta):
                    _gravar(self.pasta, dita, relato)
        if sem_mudanca:
            log.juntar_ao_do_dia(inicio)


def _nada_mudou(documento: Mapping[str, Any]) -> bool:
    """Se foi uma execução inteira, sem backup novo de empresa nenhuma."""
    todas = documento.get("total_empresas")
    return bool(todas) and documento.get("empresas_iguais") == todas


@contextlib.contextmanager
def _sem_impedir(relato: Relato) -> Iterator[None]:
    """Um defeito nosso ao avisar ou registrar é dito, e o trabalho segue com o seu código."""
    try:
        yield
    except Exception as e:
        relato.aviso(str(DefeitoInterno(e)))


def _avisar(
    mensageiro: Mensageiro | None, execucao: UltimaExecucao, relato: Relato, *, falar: bool
) -> bool:
    """O ping do fim e, se é para `falar`, a mensagem. Diz se ela chegou, ou se não há a quem."""
    if mensageiro is None:
        return True
    deu_certo = boletim.evento_de(execucao) in boletim.BONS
    ping = ("" if deu_certo else "/fail", boletim.texto_de(execucao))
    entrega = mensageiro.terminar(ping, boletim.mensagem_de(execucao) if falar else None)
    for problema in entrega.problemas:
        relato.aviso(problema)
    return entrega.mensagem_chegou


@contextlib.contextmanager
def _sem_outra(pasta: Path) -> Iterator[None]:
    """Entre ler como foi a anterior e escrever como foi esta, nenhuma outra o faz; se não há como
    impedir, escreve-se na mesma."""
    trava = breve(pasta, "ultima")
    with contextlib.suppress(ErroCofre, ImportError):
        trava.tomar()
    try:
        yield
    finally:
        trava.soltar()


def _gravar(pasta: Path, execucao: UltimaExecucao, relato: Relato) -> None:
    try:
        ultima.gravar(pasta, execucao)
    except FalhaDeDisco as e:
        relato.aviso(f"{ultima.ARQUIVO} não pôde ser escrito. {e}")


def _tempo(execucao: UltimaExecucao) -> str:
    return duracao((execucao.fim - execucao.inicio).total_seconds())


def _cabecalho(inicio: datetime) -> str:
    """Quem, onde, com que programa e que comando."""
    comando = visivel(shlex.join([Path(sys.argv[0]).name, *sem_dados(sys.argv[1:])]))
    return (
        f"Cofre {VERSAO}, em {maquina()} por {usuario()}"
        f" (Python {platform.python_version()}, {platform.platform()}; fuso {inicio:%z})\n"
        f"{comando}"
    )


def sem_dados(argumentos: Sequence[str]) -> list[str]:
    """Os argumentos de um comando, sem o que pode ser dado de uma empresa: o que se procura (em
    `registro`, tudo o que não é uma opção) e os registros que se escolhem (`--linhas`)."""
    procura = "registro" in argumentos
    ditos: list[str] = []
    for n, argumento in enumerate(argumentos):
        opcao, igual, _ = argumento.partition("=")
        if opcao == "--linhas" and igual:
            ditos.append(f"{opcao}={ESCONDIDO}")
        elif argumentos[n - 1 : n] == ["--linhas"] or (
            procura and argumento != "registro" and not argumento.startswith("-")
        ):
            ditos.append(ESCONDIDO)
        else:
            ditos.append(argumento)
    return ditos


ESCONDIDO = "«…»"
