"""A ação `agendar`: o que seria instalado em cada sistema, e o que roda de madrugada.

A agenda de quem roda os testes nunca é tocada: os programas do sistema (crontab, systemctl,
schtasks...) são trocados por outros de mesmo nome, que guardam o que recebem numa pasta do teste.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from apoio.acervo import guardar
from apoio.cifrados import cifrando_para
from apoio.execucao import RAIZ, Saida, copiar_scripts, executar, metadados
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import AgendaRecusou, ErroDeUso
from cofre.comando.acoes import ler_argumentos
from cofre.comando.argumentos import minutos_de
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.deposito import Deposito
from cofre.rotina.agenda import cron, sistemas, systemd, windows
from cofre.rotina.agenda.tarefa import Tarefa, ler_hora, ler_ritmo

CHAVE = "sb_secret_" + "x" * 31
PARA = cifrando_para(gerar(), gerar())
"""As chaves de quem cifra."""
AGORA = datetime(2026, 3, 10, 12, 0).astimezone()
HOSTIL = '/srv/minha loja & 100% "boa" d\'água $HOME `x` \\%n;ç'
DIFICIL = Tarefa(
    time(3, 5), (f"{HOSTIL}/python", f"{HOSTIL}/b.py", "--tipo", "agendado"), HOSTIL, "PC\\Zé & Cia"
)
COMUM = Tarefa(
    time(3),
    (
        "/caminho/do/cofre/.venv/bin/python",
        "/caminho/do/cofre/scripts/backup-por-empresa.py",
        "--tipo",
        "agendado",
    ),
    "/caminho/do/cofre",
    "ana",
)
SEMPRE = Tarefa(timedelta(minutes=15), COMUM.comando, COMUM.raiz, COMUM.usuario)
A_MAO = (RAIZ / "scripts" / "manual" / "todo-dia.md").read_text(encoding="utf-8")


# -- a tarefa ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texto", "hora"),
    [("03:00", time(3)), ("3:07", time(3, 7)), ("23:59", time(23, 59)), ("00:00", time(0))],
)
def test_a_hora(texto: str, hora: time) -> None:
    assert ler_hora(texto) == hora


@pytest.mark.parametrize("texto", ["24:00", "3", "3:60", "03:00:00", "-1:00", "٣:00", "", "3h"])
def test_a_hora_que_nao_ha(texto: str) -> None:
    with pytest.raises(ErroDeUso, match="não é uma hora"):
        ler_hora(texto)


@pytest.mark.parametrize(
    ("texto", "minutos"),
    [("15min", 15), ("5min", 5), ("60min", 60), ("1h", 60), ("12H", 720), ("120 min", 120)],
)
def test_o_intervalo(texto: str, minutos: int) -> None:
    assert ler_ritmo(texto) == timedelta(minutes=minutos)


@pytest.mark.parametrize(
    "texto", ["7min", "90min", "5h", "24h", "1d", "0min", "3min", "h", "-15min"]
)
def test_o_intervalo_que_nao_da_as_mesmas_horas_todo_dia(texto: str) -> None:
    with pytest.raises(ErroDeUso, match="caiba certo"):
        ler_ritmo(texto)


def test_cada_projeto_tem_a_sua_tarefa() -> None:
    assert COMUM.nome != DIFICIL.nome
    assert re.fullmatch(r"cofre-[0-9a-f]{8}", DIFICIL.nome)


def test_um_caminho_de_duas_linhas_e_recusado() -> None:
    with pytest.raises(ErroDeUso, match="não se escreve"):
        Tarefa(time(3), ("/a\n* * * * * rm -rf /", "b"), "/a", "ana")


# -- Windows -----------------------------------------------------------------------------------

ESPACO = {"t": windows.ESPACO_DE_NOMES}


def test_o_xml_do_windows() -> None:
    receita = windows.receita(DIFICIL, AGORA)
    raiz = ET.fromstring(receita.textos[windows.ARQUIVO])
    assert raiz.tag == f"{{{windows.ESPACO_DE_NOMES}}}Task"
    assert textos(raiz, "t:Principals/t:Principal") == {
        "UserId": "PC\\Zé & Cia",
        "LogonType": "S4U",
        "RunLevel": "LeastPrivilege",
    }
    ajustes = textos(raiz, "t:Settings")
    assert ajustes["StartWhenAvailable"] == ajustes["WakeToRun"] == "true"
    assert ajustes["MultipleInstancesPolicy"] == "IgnoreNew"
    assert ajustes["ExecutionTimeLimit"] == "PT12H"
    assert ajustes["DisallowStartIfOnBatteries"] == ajustes["StopIfGoingOnBatteries"] == "false"
    assert textos(raiz, "t:Triggers/t:CalendarTrigger/t:ScheduleByDay") == {"DaysInterval": "1"}
    assert textos(raiz, "t:Actions/t:Exec") == {
        "Command": f"{HOSTIL}/python",
        "Arguments": subprocess.list2cmdline(DIFICIL.comando[1:]),
        "WorkingDirectory": HOSTIL,
    }
    contexto = raiz.find("t:Actions", ESPACO)
    autor = raiz.find("t:Principals/t:Principal", ESPACO)
    assert contexto is not None
    assert autor is not None
    assert contexto.get("Context") == autor.get("id")


def test_os_argumentos_do_windows_vao_entre_aspas() -> None:
    tarefa = Tarefa(
        time(3),
        (r"C:\Minha loja\py.exe", r"C:\Minha loja & 100%\b.py", "--destino", "D:\\Meus backups\\"),
        r"C:\Minha loja & 100%",
        "S-1-5-21-1",
    )
    raiz = ET.fromstring(windows.receita(tarefa, AGORA).textos[windows.ARQUIVO])
    assert textos(raiz, "t:Actions/t:Exec") == {
        "Command": r"C:\Minha loja\py.exe",
        "Arguments": r'"C:\Minha loja & 100%\b.py" --destino "D:\Meus backups\\"',
        "WorkingDirectory": r"C:\Minha loja & 100%",
    }


@pytest.mark.parametrize(
    ("agora", "primeira"),
    [
        ("2026-03-10T02:00:00-03:00", "2026-03-10T03:05:00"),
        ("2026-03-10T03:05:00-03:00", "2026-03-11T03:05:00"),
        ("2026-12-31T23:00:00-03:00", "2027-01-01T03:05:00"),
    ],
)
def test_a_primeira_vez_e_no_futuro(agora: str, primeira: str) -> None:
    receita = windows.receita(DIFICIL, datetime.fromisoformat(agora))
    raiz = ET.fromstring(receita.textos[windows.ARQUIVO])
    assert raiz.findtext("t:Triggers/t:CalendarTrigger/t:StartBoundary", "", ESPACO) == primeira


@pytest.mark.parametrize(
    ("cada", "intervalo", "primeira"),
    [
        (timedelta(minutes=15), "PT15M", "2026-03-10T12:15:00"),
        (timedelta(hours=2), "PT120M", "2026-03-10T14:00:00"),
    ],
)
def test_o_windows_de_tanto_em_tanto(cada: timedelta, intervalo: str, primeira: str) -> None:
    """Sem fim nem duração, sem acordar a máquina, e uma por vez ([MS-TSCH] 2.5.3.1 dá a ordem)."""
    tarefa = Tarefa(cada, COMUM.comando, COMUM.raiz, COMUM.usuario)
    raiz = ET.fromstring(windows.receita(tarefa, AGORA).textos[windows.ARQUIVO])
    gatilho = raiz.find("t:Triggers/t:TimeTrigger", ESPACO)
    assert gatilho is not None
    assert [(f.tag.partition("}")[2], f.text) for f in gatilho][:2] == [
        ("Enabled", "true"),
        ("StartBoundary", primeira),
    ]
    assert textos(raiz, "t:Triggers/t:TimeTrigger/t:Repetition") == {"Interval": intervalo}
    assert raiz.find("t:Triggers/t:CalendarTrigger", ESPACO) is None
    ajustes = textos(raiz, "t:Settings")
    assert (ajustes["WakeToRun"], ajustes["MultipleInstancesPolicy"]) == ("false", "IgnoreNew")


def textos(raiz: ET.Element, caminho: str) -> dict[str, str]:
    pai = raiz.find(caminho, ESPACO)
    assert pai is not None
    return {filho.tag.partition("}")[2]: filho.text or "" for filho in pai}


# -- systemd -----------------------------------------------------------------------------------


def test_as_unidades_do_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    pasta, nome = tmp_path / "systemd" / "user", COMUM.nome
    receita = systemd.receita(COMUM, AGORA)
    servico, temporizador = receita.textos.values()
    assert list(receita.textos) == [str(pasta / f"{nome}.service"), str(pasta / f"{nome}.timer")]
    assert "\nOnCalendar=*-*-* 03:00:00\nPersistent=true\n" in temporizador
    assert "\nWantedBy=timers.target\n" in temporizador
    assert "\nType=oneshot\n" in servico
    assert "\nTimeoutStartSec=12h\n" in servico


@pytest.mark.parametrize(
    ("cada", "horas", "campos"),
    [
        (timedelta(minutes=15), "*:00/15:00", "*/15 * * * *"),
        (timedelta(hours=1), "00/1:00:00", "0 * * * *"),
        (timedelta(hours=6), "00/6:00:00", "0 */6 * * *"),
    ],
)
def test_o_systemd_e_o_cron_de_tanto_em_tanto(cada: timedelta, horas: str, campos: str) -> None:
    tarefa = Tarefa(cada, COMUM.comando, COMUM.raiz, COMUM.usuario)
    servico, temporizador = systemd.receita(tarefa, AGORA).textos.values()
    assert f"\nOnCalendar=*-*-* {horas}\n" in temporizador
    assert f"\nDescription={tarefa.descricao}\n" in servico
    assert cron.linha(tarefa).startswith(f"{campos} {COMUM.comando[0]} ")
    if conferir := shutil.which("systemd-analyze"):
        depois = "--base-time=2026-03-10 12:01:00"
        fim = subprocess.run(
            [conferir, "calendar", "--iterations=2", depois, f"*-*-* {horas}"],
            capture_output=True,
            encoding="utf-8",
            check=True,
            env={"TZ": "UTC", "LC_ALL": "C"},
        )
        ditas = re.findall(r"\w{3} (2026-\S+ \S+) UTC", fim.stdout)
        vezes = [datetime.fromisoformat(f"{dita}+00:00") for dita in dict.fromkeys(ditas)]
        assert vezes[1] - vezes[0] == cada, fim.stdout


def test_o_systemd_le_de_volta_o_caminho() -> None:
    assert systemd.linha_de_execucao(("/a b", 'c"\\d', "1%", "$e")) == (
        '"/a b" "c\\"\\\\d" "1%%" "$$e"'
    )
    assert systemd.linha_de_execucao(("/d'água/py", "b")) == (
        '"/bin/sh" "-c" "exec \\"$$0\\" \\"$$@\\"" "/d\'água/py" "b"'
    )


@pytest.mark.parametrize(
    ("pasta", "direto"),
    [("minha loja & 100% ;ç", True), ('minha loja & 100% "boa" d\'água $HOME \\ ;ç', False)],
)
def test_o_systemd_de_verdade_aceita_as_unidades(tmp_path: Path, pasta: str, direto: bool) -> None:
    """Onde há systemd, o próprio leitor dele confere as unidades, e que o programa existe. Onde
    não há (macOS), as duas formas de cima bastam."""
    programa = tmp_path / pasta / "python"
    programa.parent.mkdir()
    tarefa = Tarefa(time(3), (str(programa), f"{pasta}/b.py"), str(programa.parent), "ana")
    unidades = []
    for onde, texto in systemd.receita(tarefa, AGORA).textos.items():
        unidades.append(tmp_path / Path(onde).name)
        unidades[-1].write_text(texto, encoding="utf-8")
    conferir = shutil.which("systemd-analyze")
    if conferir is not None:
        comando = [conferir, "verify", "--man=no", *map(str, unidades)]
        if direto:
            sem_programa = subprocess.run(comando, capture_output=True, text=True, check=False)
            assert f"Command {programa} is not executable" in sem_programa.stderr
        programa.symlink_to("/bin/sh")
        com_programa = subprocess.run(comando, capture_output=True, text=True, check=False)
        assert (com_programa.returncode, com_programa.stderr) == (0, "")


# -- cron --------------------------------------------------------------------------------------

OUTRAS = [
    b"",
    b"MAILTO=ana@exemplo.com.br\n# comum\n0 1 * * * /bin/true\n",
    b"0 1 * * * sem quebra no fim",
    b"\n\n0 1 * * * \xff\xfe latin \xe7 # cofre-outro\r\n\x0b\x0c x\n",
]


@pytest.mark.parametrize("outras", OUTRAS)
def test_as_outras_linhas_do_cron_nao_mudam(outras: bytes) -> None:
    com = cron.com_a_linha(outras, DIFICIL)
    linha = cron.linha(DIFICIL).encode() + b"\n"
    quebra = b"" if not outras or outras.endswith(b"\n") else b"\n"
    assert com == outras + quebra + linha
    assert cron.com_a_linha(com, DIFICIL) == com
    assert cron.sem_a_linha(com, DIFICIL.nome) == outras + quebra
    assert cron.sem_a_linha(com, COMUM.nome) == com
    assert cron.sem_a_linha(outras, DIFICIL.nome) == outras


@pytest.mark.parametrize("entregar", ["o comum", "o do BusyBox"])
def test_a_linha_do_cron_chega_inteira_ao_sh(entregar: str) -> None:
    """O que o cron entrega, o sh de verdade reparte nos mesmos argumentos."""
    campos, _, comando = cron.linha(DIFICIL).partition(" * * * ")
    assert campos == "5 3"
    entregue = como_o_cron(comando) if entregar == "o comum" else comando
    mostrar = f"{shlex.quote(sys.executable)} -c 'import sys; print(sys.argv[1:])' {entregue}"
    fim = subprocess.run(
        ["/bin/sh", "-c", mostrar], capture_output=True, encoding="utf-8", check=True
    )
    assert fim.stdout == f"{list(DIFICIL.comando)}\n"


def como_o_cron(comando: str) -> str:
    """O cron termina o comando no primeiro % e tira a barra dos escapados: o laço do Vixie cron."""
    entregue, escapado = "", False
    for c in comando:
        if escapado:
            entregue = entregue[:-1] + c if c == "%" else entregue + c
            escapado = False
        elif c == "%":
            break
        else:
            entregue, escapado = entregue + c, c == "\\"
    return entregue


# -- instalar e remover ------------------------------------------------------------------------

PROGRAMAS = {
    # Guarda o crontab num arquivo, e diz o que o de verdade diz quando não há um.
    "crontab": """
        [ -e "$D/estragado" ] && { echo "erro de disco" >&2; exit 2; }
        if [ "$1" = - ]; then cat > "$D/crontab.txt"
        elif [ -e "$D/crontab.txt" ]; then cat "$D/crontab.txt"
        else echo "no crontab for ana" >&2; exit 1; fi""",
    "systemctl": """
        [ -e "$D/sem_systemd" ] && exit 1
        echo "systemctl $*" >> "$D/chamadas"
        [ -e "$D/estragado" ] && { echo "Failed" >&2; exit 3; }
        exit 0""",
    "loginctl": """
        echo "loginctl $*" >> "$D/chamadas"
        [ ! -e "$D/sem_linger" ]""",
    "schtasks": """
        case $1 in
        /Query) [ -e "$D/$3.xml" ];;
        /Delete) rm "$D/$3.xml";;
        /Create) [ -e "$D/estragado" ] && { echo "Access is denied." >&2; exit 1; }
            cp "$5" "$D/$3.xml"; [ "$6" = /F ];;
        esac""",
    "whoami": """echo '"pc\\zé","S-1-5-21-11-22-33-1001"'""",
}


class Maquina:
    """Uma máquina só com estes programas no PATH."""

    def __init__(self, pasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pasta = pasta
        (pasta / "bin").mkdir(parents=True)
        monkeypatch.setenv("PATH", str(pasta / "bin"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(pasta / "config"))

    def com(self, *programas: str) -> Maquina:
        for nome in programas:
            programa = self.pasta / "bin" / nome
            cabeca = f"#!/bin/sh\nPATH=/bin:/usr/bin; D={shlex.quote(str(self.pasta))}\n"
            programa.write_text(cabeca + PROGRAMAS[nome] + "\n", encoding="utf-8")
            programa.chmod(0o755)
        return self

    def marcar(self, nome: str) -> None:
        (self.pasta / nome).touch()

    @property
    def crontab(self) -> bytes:
        return (self.pasta / "crontab.txt").read_bytes()

    @property
    def chamadas(self) -> list[str]:
        arquivo = self.pasta / "chamadas"
        ditas = arquivo.read_text("utf-8").splitlines() if arquivo.exists() else []
        arquivo.unlink(missing_ok=True)
        return [c for c in ditas if c != "systemctl --user show-environment"]

    @property
    def unidades(self) -> dict[str, str]:
        pasta = self.pasta / "config" / "systemd" / "user"
        return {p.name: p.read_text("utf-8") for p in pasta.glob("*")}


@pytest.fixture
def maquina(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maquina:
    return Maquina(tmp_path / "máquina", monkeypatch)


def agendar(tarefa: Tarefa, pedido: str | None = None) -> sistemas.Agendada:
    return sistemas.agendar(tarefa, sistemas.desta_maquina(pedido), AGORA)


def as_cinco(tarefa: Tarefa) -> Tarefa:
    return Tarefa(time(5), tarefa.comando, tarefa.raiz, tarefa.usuario)


def test_no_cron(maquina: Maquina) -> None:
    maquina.com("crontab", "systemctl").marcar("sem_systemd")
    assert not agendar(DIFICIL).substituiu
    assert maquina.crontab == f"{cron.linha(DIFICIL)}\n".encode()
    outra = b"MAILTO=x\n0 1 * * * /bin/true \xff\n"
    (maquina.pasta / "crontab.txt").write_bytes(outra + maquina.crontab)
    agendar(COMUM)
    assert agendar(as_cinco(DIFICIL)).substituiu
    so_a_comum = outra + f"{cron.linha(COMUM)}\n".encode()
    assert maquina.crontab == so_a_comum + f"{cron.linha(as_cinco(DIFICIL))}\n".encode()
    assert sistemas.remover(DIFICIL.nome) == ["cron"]
    assert maquina.crontab == so_a_comum
    assert sistemas.remover(DIFICIL.nome) == []
    assert maquina.crontab == so_a_comum


def test_um_crontab_que_nao_se_le_nao_e_apagado(maquina: Maquina) -> None:
    maquina.com("crontab")
    agendar(COMUM)
    antes = maquina.crontab
    maquina.marcar("estragado")
    with pytest.raises(AgendaRecusou, match="erro de disco"):
        cron.instalar(DIFICIL, AGORA)
    assert maquina.crontab == antes


def test_no_systemd(maquina: Maquina) -> None:
    maquina.com("systemctl", "loginctl", "crontab")
    nome = COMUM.nome
    assert agendar(COMUM) == sistemas.Agendada(False, ())
    ligar = [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {nome}.timer",
        f"systemctl --user restart {nome}.timer",
        "loginctl enable-linger",
    ]
    assert maquina.chamadas == ligar
    textos_ = systemd.receita(COMUM, AGORA).textos
    assert maquina.unidades == {Path(onde).name: texto for onde, texto in textos_.items()}

    maquina.marcar("sem_linger")
    agendada = agendar(as_cinco(COMUM))
    assert agendada.substituiu
    assert "enable-linger" in agendada.avisos[0]
    assert maquina.chamadas == ligar
    assert "OnCalendar=*-*-* 05:00:00" in maquina.unidades[f"{nome}.timer"]

    assert sistemas.remover(nome) == ["systemd"]
    assert maquina.unidades == {}
    assert maquina.chamadas == [
        f"systemctl --user disable --now {nome}.timer",
        "systemctl --user daemon-reload",
    ]


def test_a_tarefa_fica_num_sistema_so(maquina: Maquina) -> None:
    """Quem ganhou um systemd depois não passa a fazer dois backups por noite."""
    maquina.com("crontab")
    agendar(COMUM)
    agendar(DIFICIL)
    maquina.com("systemctl", "loginctl")
    assert agendar(COMUM).substituiu
    assert maquina.crontab == f"{cron.linha(DIFICIL)}\n".encode()
    assert set(maquina.unidades) == {f"{COMUM.nome}.service", f"{COMUM.nome}.timer"}
    assert agendar(COMUM, "cron").substituiu
    assert maquina.unidades == {}
    assert f"{cron.linha(COMUM)}\n".encode() in maquina.crontab


def test_no_windows(maquina: Maquina) -> None:
    maquina.com("schtasks", "whoami", "crontab")
    sistema = sistemas.desta_maquina()
    assert sistema.NOME == "windows"
    assert sistemas.usuario(sistema) == "S-1-5-21-11-22-33-1001"
    arquivo = maquina.pasta / f"{DIFICIL.nome}.xml"
    assert not agendar(DIFICIL).substituiu
    dados = arquivo.read_bytes()
    assert dados.startswith((b"\xff\xfe<\x00", b"\xfe\xff\x00<"))  # o schtasks só lê UTF-16
    assert b"utf-16" in dados[:120].replace(b"\x00", b"")
    mostrado = windows.receita(DIFICIL, AGORA).textos[windows.ARQUIVO]
    assert ET.canonicalize(dados.decode("utf-16").partition("?>")[2], strip_text=True) == (
        ET.canonicalize(mostrado, strip_text=True)
    )
    assert agendar(as_cinco(DIFICIL)).substituiu
    assert "T05:00:00" in arquivo.read_text("utf-16")
    assert sistemas.remover(DIFICIL.nome) == ["windows"]
    assert not arquivo.exists()


def test_o_windows_sem_permissao(maquina: Maquina) -> None:
    maquina.com("schtasks", "whoami").marcar("estragado")
    with pytest.raises(AgendaRecusou, match="Access is denied") as erro:
        agendar(COMUM)
    assert "administrador" in erro.value.dica


def test_sem_agenda_nenhuma(maquina: Maquina) -> None:
    with pytest.raises(AgendaRecusou, match="nem cron") as erro:
        agendar(COMUM)
    assert "mostrar" in erro.value.dica
    maquina.com("crontab")
    with pytest.raises(AgendaRecusou, match="systemd"):
        agendar(COMUM, "systemd")


# -- de verdade --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("no_env", "no_terminal", "dito"),
    [
        ("", {}, ""),
        ("", PARA, "A tarefa gravará em claro: o BACKUP_CIFRAR_PARA deste terminal"),
        (f"BACKUP_CIFRAR_PARA={PARA['BACKUP_CIFRAR_PARA']}\n", PARA, ""),
        ("BACKUP_CIFRAR_PARA=age1abc,age1def\n", {}, "a tarefa falharia. A 1ª chave que fecha"),
    ],
)
def test_a_tarefa_nao_grava_em_claro_sem_que_se_diga(
    maquina: Maquina, tmp_path: Path, no_env: str, no_terminal: dict[str, str], dito: str
) -> None:
    maquina.com("crontab")
    script = copiar_scripts(tmp_path / "loja")
    env = f"SUPABASE_DB_URL=postgresql://u:s@localhost/x\nBACKUP_DIR={tmp_path / 'b'}\n{no_env}"
    (tmp_path / "loja" / ".env").write_text(env, "utf-8")
    mais = {"PATH": str(maquina.pasta / "bin"), **no_terminal}
    fim = executar(None, tmp_path / "b", "agendar", "04:30", mais=mais, script=script, novo=False)
    assert fim.codigo == 0, fim.tudo
    da_tarefa = "a tarefa falharia" in fim.tudo or "A tarefa gravará" in fim.tudo
    assert da_tarefa is bool(dito), fim.tudo
    assert dito in fim.tudo


def test_a_linha_de_comando(maquina: Maquina, tmp_path: Path) -> None:
    """Agendar, mostrar e remover por fora, com os caminhos desta máquina."""
    maquina.com("crontab")
    mais = {"PATH": str(maquina.pasta / "bin")}
    script = copiar_scripts(tmp_path / "minha loja")
    (tmp_path / "minha loja" / ".env").write_text(f"BACKUP_DIR={tmp_path / 'd'}\n", "utf-8")
    comando = [sys.executable, str(script), "--tipo", "agendado"]

    def rodar(*argumentos: str, codigo: int = 0) -> str:
        fim = executar(None, tmp_path / "b", *argumentos, mais=mais, script=script, novo=False)
        assert fim.codigo == codigo, fim.tudo
        return fim.saida + fim.erros

    dito = rodar("agendar", "04:30")
    assert "todo dia às 04:30 (cron" in dito
    assert "a tarefa falharia" in dito  # este .env não tem a SUPABASE_URL
    tarefa = Tarefa(time(4, 30), tuple(comando), str(tmp_path / "minha loja"), "")
    assert maquina.crontab.decode() == f"{cron.linha(tarefa)}\n"
    assert "No lugar da tarefa que já havia" in rodar("agendar", "4:31")
    assert maquina.crontab.startswith(b"31 4 ")
    for nome in ("windows", "systemd", "cron"):
        mostrado = executar(
            None, tmp_path / "b", "agendar", "mostrar", "5:00", "--sistema", nome, "--json",
            mais=mais, script=script, novo=False,
        ).json()  # fmt: skip
        assert (mostrado["comando"], mostrado["hora"]) == (comando, "05:00")
        na_tela = rodar("agendar", "mostrar", "5:00", "--sistema", nome)
        assert mostrado["textos"]
        for onde, texto in mostrado["textos"].items():
            assert f"📄 {onde}\n{texto}\n" in na_tela
    assert maquina.crontab.startswith(b"31 4 ")
    assert "foi removida (cron)" in rodar("agendar", "remover")
    assert maquina.crontab == b""
    assert "Não havia" in rodar("agendar", "remover")
    assert "não é uma hora" in rodar("agendar", "25:00", codigo=2)


def test_de_quinze_em_quinze_minutos(maquina: Maquina, tmp_path: Path) -> None:
    """Uma tarefa só, que diz ao backup que é ela; pela API, só depois de dizer o que custa."""
    maquina.com("crontab")
    script = copiar_scripts(tmp_path / "loja")
    env = tmp_path / "loja" / ".env"
    guardar(
        Deposito(tmp_path / "b"),
        DONO,
        "Loja",
        AGORA,
        {"produtos": [{"id": 1, "nome": "x" * 50_000}]},
    )

    def rodar(*argumentos: str) -> Saida:
        mais = {"PATH": str(maquina.pasta / "bin")}
        return executar(
            None, tmp_path / "b", "agendar", *argumentos, mais=mais, script=script, novo=False
        )

    env.write_text(f"SUPABASE_URL=https://x.supabase.co\nSUPABASE_SECRET_KEY={CHAVE}\n", "utf-8")
    recusada = rodar("15min")
    assert recusada.codigo == 130, recusada.tudo
    assert "são 96 por dia de 48,9 KB cada, 4,6 MB por dia" in recusada.saida
    assert not (maquina.pasta / "crontab.txt").exists()
    aceita = rodar("15min", "--sim", "--json").json()
    assert aceita["bytes_por_dia"] // 96 in range(50_000, 50_100)
    assert (aceita["hora"], aceita["cada"]) == (None, "15min")
    assert aceita["comando"][-4:] == ["--tipo", "agendado", "--cada", "15min"]
    assert maquina.crontab.startswith(b"*/15 * * * * ")

    env.write_text("SUPABASE_DB_URL=postgresql://u:s@localhost/x\n", "utf-8")
    direta = rodar("1h")
    assert direta.codigo == 0, direta.tudo
    assert "a cada hora (cron" in direta.saida
    assert "por dia" not in direta.saida
    assert maquina.crontab.startswith(b"0 * * * * ")
    assert maquina.crontab.count(b"\n") == 1
    assert "7min" in rodar("7min").erros


@pytest.mark.parametrize(
    ("argumentos", "dito"),
    [
        (("--cada", "15min"), "falta --tipo agendado"),
        (("--cada", "7min", "--tipo", "agendado"), "caiba certo"),
        (("--cada", "1h", "--tipo", "agendado", "--empresa", "x"), "não se diz --empresa"),
    ],
)
def test_so_a_tarefa_diz_de_quanto_em_quanto(
    argumentos: tuple[str, ...], dito: str, tmp_path: Path
) -> None:
    fim = executar(None, tmp_path, *argumentos)
    assert fim.codigo == 2, fim.tudo
    assert dito in fim.erros


def test_a_espera_da_tarefa_nao_passa_de_meio_intervalo() -> None:
    def espera(*argumentos: str) -> int:
        return minutos_de(ler_argumentos(["--tipo", "agendado", *argumentos])[0])

    assert (espera(), espera("--cada", "15min"), espera("--cada", "2h")) == (30, 7, 30)
    assert espera("--cada", "15min", "--esperar", "40") == 7
    assert espera("--cada", "15min", "--esperar", "0") == 0


def test_a_tarefa_roda_de_madrugada(criar_supabase: FabricaDeSupabase, tmp_path: Path) -> None:
    """O que o cron roda: sem terminal, sem entrada, sem pasta, sem ambiente, sem UTF-8."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,))
    raiz = tmp_path / "minha loja & 100% d'água ç"
    script = copiar_scripts(raiz)
    (raiz / ".env").write_text(
        f"SUPABASE_URL={projeto.url}\nSUPABASE_SERVICE_ROLE_KEY={projeto.chave_service_role}\n",
        "utf-8",
    )
    mostrado = executar(
        None, tmp_path, "agendar", "mostrar", "--sistema", "cron", "--json", script=script
    ).json()
    linha = mostrado["textos"]["crontab"].rstrip("\n")
    comando = como_o_cron(linha.removeprefix("0 3 * * * "))
    fim = subprocess.run(
        ["/bin/sh", "-c", f"exec 0<&-\n{comando}"],
        cwd="/",
        env={"LANG": "C", "PYTHONIOENCODING": "cp1252", "HOME": "/nao-ha"},
        capture_output=True,
        check=False,
    )
    assert fim.returncode == 0, fim.stdout.decode("utf-8", "replace") + fim.stderr.decode()
    assert "Padaria Ação" in fim.stdout.decode("utf-8")
    feitos = metadados(raiz / "backups")
    assert [(m["user_id"], m["tipo"], m["estado"]) for m in feitos] == [
        (DONO, "agendado", "completo"),
        (VIZINHA, "agendado", "completo"),
    ]
    assert executar(None, raiz / "backups", "verificar").codigo == 0
    assert "  agendado  " in executar(None, raiz / "backups", "listar").saida


# -- o manual ----------------------------------------------------------------------------------


def test_o_que_o_manual_ensina_a_mao_e_o_que_se_instala() -> None:
    """Os modelos à mão são os que a ação instalaria, com a pasta do exemplo."""
    servico, temporizador = systemd.receita(COMUM, AGORA).textos.values()
    linha = cron.linha(COMUM).rpartition(" # ")[0]
    for texto in (servico, temporizador, f"{linha}\n"):
        assert f"\n{texto}```" in A_MAO
