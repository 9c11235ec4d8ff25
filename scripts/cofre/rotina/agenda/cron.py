"""Uma linha do crontab do usuário, achada de volta pela marca no fim; as outras linhas não mudam
nem um byte."""

from __future__ import annotations

import io
import shlex
from datetime import datetime, time

from cofre.base.erros import AgendaRecusou
from cofre.rotina.agenda import programas
from cofre.rotina.agenda.tarefa import Receita, Ritmo, Tarefa, em_minutos

NOME = "cron"
ONDE = "crontab"
_GRAVAR = ("crontab", "-")
_LER = ("crontab", "-l")


def disponivel() -> bool:
    """Se esta máquina tem o crontab."""
    return programas.existe(_LER[0])


def receita(tarefa: Tarefa, _agora: datetime) -> Receita:
    """A linha a mais e o comando que grava o crontab."""
    return Receita({ONDE: linha(tarefa) + "\n"}, (_GRAVAR,), tarefa.comando)


def instalar(tarefa: Tarefa, _agora: datetime) -> tuple[str, ...]:
    """Põe a linha, no lugar da que houver; devolve avisos. Levanta AgendaRecusou."""
    programas.exigir(*_GRAVAR, entrada=com_a_linha(_atual(), tarefa))
    return ("O cron não roda a vez que a máquina perdeu desligada ou dormindo.",)


def instalada(nome: str) -> bool:
    """Se a linha está no crontab. Levanta AgendaRecusou."""
    atual = _atual()
    return sem_a_linha(atual, nome) != atual


def remover(nome: str) -> None:
    """Tira a linha. Levanta AgendaRecusou."""
    programas.exigir(*_GRAVAR, entrada=sem_a_linha(_atual(), nome))


def linha(tarefa: Tarefa) -> str:
    """A linha do crontab, com a marca no fim."""
    comando = " ".join(map(_palavra, tarefa.comando))
    return f"{_campos(tarefa.ritmo)} * * * {comando} {_marca(tarefa.nome)}"


def _campos(ritmo: Ritmo) -> str:
    """O minuto e a hora. Um passo, e não uma lista: é o que todo cron entende."""
    if isinstance(ritmo, time):
        return f"{ritmo.minute} {ritmo.hour}"
    horas, minutos = divmod(em_minutos(ritmo), 60)
    if minutos:
        return f"*/{minutos} *"
    return "0 *" if horas == 1 else f"0 */{horas}"


def _palavra(palavra: str) -> str:
    """A palavra para o sh, com cada % como \\% fora das aspas: o cron comum só não corta a linha
    nele se houver a barra, que tira; o do BusyBox a deixa, e aí quem a tira é o sh."""
    partes = palavra.split("%")
    return "\\%".join(shlex.quote(parte) if parte else "" for parte in partes)


def com_a_linha(crontab: bytes, tarefa: Tarefa) -> bytes:
    """O crontab com a linha da tarefa no fim e nenhuma outra dela."""
    outras = sem_a_linha(crontab, tarefa.nome)
    quebra = b"" if not outras or outras.endswith(b"\n") else b"\n"
    return outras + quebra + linha(tarefa).encode() + b"\n"


def sem_a_linha(crontab: bytes, nome: str) -> bytes:
    """O crontab sem a linha da tarefa; as outras, byte a byte."""
    fim = f" {_marca(nome)}".encode()
    linhas = io.BytesIO(crontab).readlines()  # só \n separa: um \r é parte da linha
    return b"".join(outra for outra in linhas if not outra.rstrip(b"\n").endswith(fim))


def _marca(nome: str) -> str:
    return f"# {nome}"


def _atual() -> bytes:
    """O crontab de hoje. «No crontab for» não é erro: ainda não há um."""
    resposta = programas.rodar(*_LER)
    if resposta.codigo == 0:
        return resposta.saida
    if "no crontab" in resposta.erros.lower():
        return b""
    # Tomar um erro por «vazio» apagaria as tarefas que já estão lá.
    raise AgendaRecusou(f"crontab -l respondeu {resposta.codigo}: {resposta.erros}")
