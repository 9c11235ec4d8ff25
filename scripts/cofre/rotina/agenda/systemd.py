"""Um temporizador do systemd do usuário: Persistent=true roda a vez que a máquina perdeu
desligada."""

from __future__ import annotations

import re
from datetime import datetime, time
from pathlib import Path

from cofre.base.config.processo import pasta_de_configuracao
from cofre.base.disco import erros_de_disco, gravar_inteiro
from cofre.rotina.agenda import programas
from cofre.rotina.agenda.tarefa import LIMITE_EM_HORAS, Receita, Ritmo, Tarefa, em_minutos

NOME = "systemd"
_SYSTEMCTL = ("systemctl", "--user")
_PERMANECER = ("loginctl", "enable-linger")

SERVICO = """\
[Unit]
Description={descricao}

[Service]
Type=oneshot
ExecStart={comando}
TimeoutStartSec={limite}h
"""

TEMPORIZADOR = """\
[Unit]
Description={descricao}

[Timer]
OnCalendar=*-*-* {horas}
Persistent=true

[Install]
WantedBy=timers.target
"""


def disponivel() -> bool:
    """Se há um systemd do usuário que responde."""
    return (
        programas.existe(_SYSTEMCTL[0])
        and programas.rodar(*_SYSTEMCTL, "show-environment").codigo == 0
    )


def receita(tarefa: Tarefa, _agora: datetime) -> Receita:
    """As duas unidades e os comandos que as ligam."""
    textos = {str(_pasta() / nome): texto for nome, texto in _unidades(tarefa).items()}
    experimentar = (*_SYSTEMCTL, "start", f"{tarefa.nome}.service")
    return Receita(textos, (*_ligar(tarefa.nome), _PERMANECER), experimentar)


def instalar(tarefa: Tarefa, _agora: datetime) -> tuple[str, ...]:
    """Põe e liga o temporizador, no lugar do que houver; devolve avisos. Levanta AgendaRecusou ou
    FalhaDeDisco."""
    pasta = _pasta()
    with erros_de_disco(pasta):
        pasta.mkdir(parents=True, exist_ok=True)
        for nome, texto in _unidades(tarefa).items():
            gravar_inteiro(pasta / nome, texto.encode())
    for comando in _ligar(tarefa.nome):
        programas.exigir(*comando)
    if programas.existe(_PERMANECER[0]) and programas.rodar(*_PERMANECER).codigo == 0:
        return ()
    return (
        "Esta tarefa só roda enquanto você está conectado. Para que rode sempre, peça a quem"
        " administra a máquina: sudo loginctl enable-linger SEU_USUARIO",
    )


def instalada(nome: str) -> bool:
    """Se o temporizador está na pasta das unidades."""
    return _temporizador(nome).is_file()


def remover(nome: str) -> None:
    """Desliga e apaga as duas unidades. Levanta AgendaRecusou ou FalhaDeDisco."""
    programas.exigir(*_SYSTEMCTL, "disable", "--now", f"{nome}.timer")
    with erros_de_disco(_pasta()):
        _temporizador(nome).unlink(missing_ok=True)
        (_pasta() / f"{nome}.service").unlink(missing_ok=True)
    programas.exigir(*_SYSTEMCTL, "daemon-reload")


def _pasta() -> Path:
    return pasta_de_configuracao() / "systemd" / "user"


def _temporizador(nome: str) -> Path:
    return _pasta() / f"{nome}.timer"


def _ligar(nome: str) -> tuple[tuple[str, ...], ...]:
    # restart: um temporizador já ligado continuaria com a hora antiga.
    return (
        (*_SYSTEMCTL, "daemon-reload"),
        (*_SYSTEMCTL, "enable", f"{nome}.timer"),
        (*_SYSTEMCTL, "restart", f"{nome}.timer"),
    )


def _unidades(tarefa: Tarefa) -> dict[str, str]:
    servico = SERVICO.format(
        descricao=tarefa.descricao,
        comando=linha_de_execucao(tarefa.comando),
        limite=LIMITE_EM_HORAS,
    )
    temporizador = TEMPORIZADOR.format(descricao=tarefa.descricao, horas=_horas(tarefa.ritmo))
    return {f"{tarefa.nome}.service": servico, f"{tarefa.nome}.timer": temporizador}


def _horas(ritmo: Ritmo) -> str:
    """Como o OnCalendar diz as horas (systemd.time(7)): com uma barra, de quanto em quanto."""
    if isinstance(ritmo, time):
        return f"{ritmo:%H:%M:%S}"
    horas, minutos = divmod(em_minutos(ritmo), 60)
    return f"*:00/{minutos:02}:00" if minutos else f"00/{horas}:00:00"


def linha_de_execucao(comando: tuple[str, ...]) -> str:
    """O comando como o ExecStart o lê de volta."""
    if re.search(r"""["'\\$]""", comando[0]):
        # O systemd não aceita estes sinais no nome do programa, nem escapados; num argumento, sim.
        comando = ("/bin/sh", "-c", 'exec "$0" "$@"', *comando)
    return " ".join(map(_entre_aspas, comando))


def _entre_aspas(palavra: str) -> str:
    escapada = palavra.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escapada.replace("%", "%%").replace("$", "$$")}"'
