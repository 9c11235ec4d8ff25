"""O Agendador de Tarefas do Windows, pelo XML da tarefa.

O XML diz o que `schtasks /Create` não sabe dizer por opções: rodar assim que puder se a máquina
estava desligada, acordá-la, não abrir uma segunda execução. LogonType S4U roda com o usuário
conectado ou não, sem que a senha dele seja guardada; em troca, a tarefa não entra em pastas de
rede.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from datetime import datetime, time, timedelta
from pathlib import Path

from cofre.base.erros import AgendaRecusou
from cofre.rotina.agenda import programas
from cofre.rotina.agenda.tarefa import LIMITE_EM_HORAS, Receita, Ritmo, Tarefa, em_minutos

NOME = "windows"
ESPACO_DE_NOMES = "http://schemas.microsoft.com/windows/2004/02/mit/task"
ARQUIVO = "tarefa.xml"

_AJUSTES = {
    "MultipleInstancesPolicy": "IgnoreNew",
    "DisallowStartIfOnBatteries": "false",
    "StopIfGoingOnBatteries": "false",
    "StartWhenAvailable": "true",
    "RunOnlyIfNetworkAvailable": "false",
    "WakeToRun": "",
    "ExecutionTimeLimit": f"PT{LIMITE_EM_HORAS}H",
    "Enabled": "true",
}


def disponivel() -> bool:
    """Se esta máquina tem o Agendador."""
    return programas.existe("schtasks")


def receita(tarefa: Tarefa, agora: datetime) -> Receita:
    """O XML e o comando que o instala. A primeira vez é a próxima depois de `agora`."""
    raiz = montar_xml(tarefa, agora)
    ET.indent(raiz)
    texto = ET.tostring(raiz, encoding="unicode") + "\n"
    experimentar = ("schtasks", "/Run", "/TN", tarefa.nome)
    return Receita({ARQUIVO: texto}, (_criar(tarefa.nome, ARQUIVO),), experimentar)


def instalar(tarefa: Tarefa, agora: datetime) -> tuple[str, ...]:
    """Põe a tarefa, no lugar da que houver; devolve avisos. Levanta AgendaRecusou."""
    with tempfile.TemporaryDirectory() as pasta:
        arquivo = Path(pasta) / ARQUIVO
        arquivo.write_bytes(ET.tostring(montar_xml(tarefa, agora), encoding="utf-16"))
        resposta = programas.rodar(*_criar(tarefa.nome, str(arquivo)))
    if resposta.codigo != 0:
        raise AgendaRecusou(
            f"O Agendador de Tarefas respondeu {resposta.codigo}: {resposta.erros}",
            "Abra o PowerShell com «Executar como administrador» e repita o comando.",
        )
    return ()


def instalada(nome: str) -> bool:
    """Se a tarefa está no Agendador. Levanta AgendaRecusou."""
    return programas.rodar("schtasks", "/Query", "/TN", nome).codigo == 0


def remover(nome: str) -> None:
    """Tira a tarefa. Levanta AgendaRecusou."""
    programas.exigir("schtasks", "/Delete", "/TN", nome, "/F")


def usuario() -> str:
    """O SID de quem roda: não muda com o nome nem tem acentos. Levanta AgendaRecusou."""
    resposta = programas.exigir("whoami", "/user", "/fo", "csv", "/nh")
    sid = re.search(rb"S-1-[\d-]+", resposta.saida)
    if sid is None:
        raise AgendaRecusou("whoami não disse o SID do usuário.")
    return sid.group().decode("ascii")


def _criar(nome: str, arquivo: str) -> tuple[str, ...]:
    return ("schtasks", "/Create", "/TN", nome, "/XML", arquivo, "/F")


def montar_xml(tarefa: Tarefa, agora: datetime) -> ET.Element:
    """O elemento Task, do esquema 1.2 (Windows 7 e depois)."""
    ET.register_namespace("", ESPACO_DE_NOMES)
    raiz = ET.Element(f"{{{ESPACO_DE_NOMES}}}Task", version="1.2")
    _dentro(_filho(raiz, "RegistrationInfo"), {"Description": tarefa.descricao})
    _gatilho(raiz, tarefa.ritmo, agora)
    principal = _filho(_filho(raiz, "Principals"), "Principal", id="Author")
    _dentro(principal, {"UserId": tarefa.usuario, "LogonType": "S4U", "RunLevel": "LeastPrivilege"})
    # De quinze em quinze minutos, acordar um portátil fechado seria não o deixar dormir.
    acordar = {"WakeToRun": "true" if isinstance(tarefa.ritmo, time) else "false"}
    _dentro(_filho(raiz, "Settings"), {**_AJUSTES, **acordar})
    executar = _filho(_filho(raiz, "Actions", Context="Author"), "Exec")
    programa, *argumentos = tarefa.comando
    # O Agendador troca %VARIAVEL% pelo valor e não há como escapar um %; um nome que não é o de uma
    # variável do sistema fica como está.
    _dentro(
        executar,
        {
            "Command": programa,
            "Arguments": subprocess.list2cmdline(argumentos),
            "WorkingDirectory": tarefa.raiz,
        },
    )
    return raiz


def _gatilho(raiz: ET.Element, ritmo: Ritmo, agora: datetime) -> None:
    """Um de todo dia ou, sem fim, o que se repete (Repetition sem Duration), cujos elementos vão na
    ordem do esquema ([MS-TSCH] 2.5.3.1)."""
    quando = {"Enabled": "true", "StartBoundary": f"{_proxima(ritmo, agora):%Y-%m-%dT%H:%M:%S}"}
    gatilhos = _filho(raiz, "Triggers")
    if isinstance(ritmo, time):
        gatilho = _filho(gatilhos, "CalendarTrigger")
        _dentro(gatilho, quando)
        _dentro(_filho(gatilho, "ScheduleByDay"), {"DaysInterval": "1"})
        return
    gatilho = _filho(gatilhos, "TimeTrigger")
    _dentro(gatilho, quando)
    _dentro(_filho(gatilho, "Repetition"), {"Interval": f"PT{em_minutos(ritmo)}M"})


def _proxima(ritmo: Ritmo, agora: datetime) -> datetime:
    """Com uma primeira vez já passada, StartWhenAvailable a tomaria por perdida e rodaria logo."""
    hora = ritmo if isinstance(ritmo, time) else time()
    passo = timedelta(days=1) if isinstance(ritmo, time) else ritmo
    primeira = datetime.combine(agora.date(), hora, agora.tzinfo)
    while primeira <= agora:
        primeira += passo
    return primeira


def _filho(pai: ET.Element, nome: str, **atributos: str) -> ET.Element:
    return ET.SubElement(pai, f"{{{ESPACO_DE_NOMES}}}{nome}", atributos)


def _dentro(pai: ET.Element, textos: dict[str, str]) -> None:
    for nome, texto in textos.items():
        _filho(pai, nome).text = texto
