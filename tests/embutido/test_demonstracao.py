"""A demonstração sobe, roda o backup, mostra o resultado e não deixa nada em execução."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from apoio.campanha import CAMPANHA
from apoio.execucao import PACIENCIA
from supabase_local.palco import API, DIRETA, VIAS
from supabase_local.servidores.ambiente import RAIZ
from supabase_local.servidores.lugar import dono_do_servidor, pasta_do_cluster
from supabase_local.servidores.processos import esperar
from supabase_local.vitrine import escolha

# A mesma demonstração, com outras pastas: a do projeto pode estar em uso.
PROGRAMA = """
import sys
from pathlib import Path
from supabase_local import demonstracao as d, palco
from supabase_local.servidores.sistema import arrumar_entrada_e_saida
arrumar_entrada_e_saida()
base, via = Path(sys.argv[1]), sys.argv[2]
palco.API_AO_LADO = "so-o-banco" not in sys.argv
palco.PASTA, palco.BACKUPS = base / "pg", base / "backups"
if sys.argv[-1].endswith(".py"):
    d.SCRIPT_DE_BACKUP = d.RAIZ / "scripts" / sys.argv[-1]
sys.exit(d.executar(via=via))
"""
SO_O_BANCO = "direta so-o-banco"
"""A via direta onde não há a API, como no Windows."""
SUBSTITUTO = """
import os, sys, time
from pathlib import Path
print("URL", os.environ["SUPABASE_URL"], flush=True)
pasta = Path(os.environ["BACKUP_DIR"]) / "empresa_abc12345"
pasta.mkdir(parents=True, exist_ok=True)
(pasta / "produtos_20260116_182944.json").write_text("[]")
(pasta / "ensaio.json").write_text("{{}}")
(pasta.parent / "logs").mkdir(exist_ok=True)
(pasta.parent / "logs" / "20260116_182944_backup.log").write_text("🚀", encoding="utf-8")
(pasta.parent / "painel.html").write_text("<!doctype html>")
assert os.environ["SUPABASE_SERVICE_ROLE_KEY"][:10] == {chave!r}
assert os.environ["SUPABASE_DB_URL"].partition(":")[0] == {esquema!r}
assert os.environ["SUPABASE_DB_CA"] == ""
time.sleep({demora})
sys.exit({codigo})
"""


DE_UM_PROJETO_REAL = {
    "SUPABASE_DB_URL": "postgresql://u:s@real.exemplo.com/postgres",
    "SUPABASE_DB_CA": "real.crt",
    "BACKUP_CIFRAR_PARA": "age1real",
    "BACKUP_CHAVE_ARQUIVO": "real.txt",
    "BACKUP_PING_URL": "http://127.0.0.1:9/real",
    "COPIA_DESTINO": "pasta:/real",
    "BACKUP_ARQUIVOS": "nao",
    "BACKUP_LOGINS": "nao",
}
"""O que o ambiente de quem roda a demonstração pode ter."""


def lugar_do_cluster(tmp_path: Path) -> Path:
    return pasta_do_cluster(tmp_path / "pg" / "cluster", dono_do_servidor())


def limpar(pasta: Path) -> None:
    """Sob root, o cluster da demonstração não mora na pasta."""
    if lugar_do_cluster(pasta).exists():
        shutil.rmtree(lugar_do_cluster(pasta))


@pytest.fixture(autouse=True)
def _sem_sobras(tmp_path: Path) -> Iterator[None]:
    yield
    limpar(tmp_path)


@pytest.fixture(scope="module")
def ja_criada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Uma para quase todos: só o primeiro cria as empresas, e cada um deixa-as como as achou."""
    pasta = tmp_path_factory.mktemp("ja_criada")
    yield pasta
    limpar(pasta)


def comando(tmp_path: Path, *, codigo: int = 0, demora: int = 0, via: str = API) -> list[str]:
    substituto = tmp_path / "backup.py"
    esquema = "" if via == API else "postgresql"
    chave = "" if via == SO_O_BANCO else "sb_secret_"
    programa = SUBSTITUTO.format(codigo=codigo, demora=demora, esquema=esquema, chave=chave)
    substituto.write_text(programa, encoding="utf-8")
    relativo = os.path.relpath(substituto, RAIZ / "scripts")
    return [sys.executable, "-c", PROGRAMA, str(tmp_path), *via.split(), relativo]


def ambiente_do_filho(**outras: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(RAIZ / "scripts"), **outras}


def em_execucao(tmp_path: Path) -> str:
    """As linhas do `ps` que são de servidores desta demonstração."""
    saida = subprocess.run(["ps", "-A", "-ww", "-o", "args"], capture_output=True, check=True)
    linhas = saida.stdout.decode("utf-8", "replace").splitlines()
    lugares = (str(tmp_path), str(lugar_do_cluster(tmp_path)))
    return "\n".join(linha for linha in linhas if any(lugar in linha for lugar in lugares))


def listagem_final(saida: str) -> list[str]:
    """O que a demonstração diz dos arquivos: só as empresas, e a página."""
    return ("📁" + saida.partition("\n📁")[2].partition("\n\n🧪")[0]).splitlines()


def test_sem_terminal_termina_sozinha_com_o_codigo_do_backup(ja_criada: Path) -> None:
    """Por cada via, na mesma pasta (só a primeira vez cria as empresas), com a entrada fechada; e
    numa delas com a entrada vazia e um backup que falha: o que se mostra é o mesmo."""
    tmp_path = ja_criada
    fechar = ("sh", "-c", 'exec "$@" <&-', "sh")
    vezes = ((API, 0, fechar), (DIRETA, 4, ()), (SO_O_BANCO, 0, fechar))
    for vez, (via, codigo, antes) in enumerate(vezes):
        fim = subprocess.run(
            [*antes, *comando(tmp_path, codigo=codigo, via=via)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=ambiente_do_filho(PYTHONIOENCODING="cp1252", **DE_UM_PROJETO_REAL),
            timeout=PACIENCIA,
            check=False,
        )
        falhou = f"\n❌ O backup terminou com o código {codigo}.\n" if codigo else ""
        assert (fim.returncode, fim.stderr) == (codigo, falhou)
        assert listagem_final(fim.stdout) == [
            f"📁 Os arquivos estão em {tmp_path / 'backups'}",
            "   empresa_abc12345/  (último backup: 1 arquivo, 0 KB)",
            "      produtos_20260116_182944.json",
            "",
            f"📄 Para ver tudo no navegador, abra {tmp_path / 'backups' / 'painel.html'}",
        ]
        chave = "''" if via == SO_O_BANCO else "sb_secret_"
        assert f"export SUPABASE_SERVICE_ROLE_KEY={chave}" in fim.stdout
        url = "''" if via == API else r"postgresql://\S+"
        assert re.search(rf"export SUPABASE_DB_URL={url}$", fim.stdout, re.MULTILINE)
        assert ("criando três empresas" in fim.stdout) == (vez == 0)
        assert ("com os dados da vez anterior" in fim.stdout) == (vez > 0)
        assert re.search(
            r"^   postgresql://postgres:\S+/demonstracao_\w+$", fim.stdout, re.MULTILINE
        )
        assert not em_execucao(tmp_path)


Passo = tuple[str, bytes | signal.Signals]
"""O que esperar ver, e o que então se digita ou o sinal que se manda."""


def num_terminal(tmp_path: Path, *passos: Passo) -> tuple[int, str]:
    """Roda a demonstração num terminal, um passo de cada vez; devolve o código e o que se viu."""
    demora = 60 if passos[0][0].startswith("URL") else 0
    mestre, escravo = pty.openpty()
    processo = subprocess.Popen(
        comando(tmp_path, demora=demora),
        stdin=escravo,
        stdout=escravo,
        stderr=escravo,
        env=ambiente_do_filho(),
        start_new_session=True,
    )
    os.close(escravo)
    visto, ja = b"", 0
    for ate, ao_ver in passos:
        while (achado := visto.find(ate.encode(), ja)) < 0:
            visto += os.read(mestre, 4096)
        ja = achado + len(ate.encode())
        if isinstance(ao_ver, bytes):
            os.write(mestre, ao_ver)
        else:
            processo.send_signal(ao_ver)
    try:
        while pedaco := os.read(mestre, 4096):
            visto += pedaco
    except OSError:  # é assim que o Linux diz que o outro lado fechou
        pass
    os.close(mestre)
    return processo.wait(PACIENCIA), visto.decode()


@pytest.mark.parametrize(
    ("ate", "ao_ver", "codigo"),
    [
        ("Escolha: ", b"\n", 0),
        ("Escolha: ", signal.SIGTERM, 143),
        ("URL http", signal.SIGINT, 130),
        ("URL http", signal.SIGTERM, 143),
        ("Escolha: ", signal.SIGKILL, -9),
    ],
)
def test_termina_limpa(
    ja_criada: Path, ate: str, ao_ver: bytes | signal.Signals, codigo: int
) -> None:
    assert num_terminal(ja_criada, (ate, ao_ver))[0] == codigo
    assert esperar(lambda: not em_execucao(ja_criada), 15), em_execucao(ja_criada)


def test_a_entrada_que_acaba_e_como_um_enter(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ler, gravar = os.pipe()
    os.close(gravar)
    with open(ler, encoding="utf-8") as fechada:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", fechada)
        assert escolha() == ""
    assert capfd.readouterr().out.endswith("Escolha: ")


def test_so_enter_ou_q_a_termina(ja_criada: Path) -> None:
    """Uma letra que não há, um Ctrl+C e cada escolha voltam ao menu; r começa do zero."""
    velho = ja_criada / "backups" / "empresa_velha1234"
    velho.mkdir(parents=True)
    menu = "Escolha: "
    codigo, visto = num_terminal(
        ja_criada,
        (menu, b"sair\n"),
        ("«sair» não está no menu.", b""),
        (menu, signal.SIGINT),
        ("De volta ao menu.", b""),
        (menu, b"l\n"),
        (" listar", b""),
        (menu, b"p\n"),
        ("backups/painel.html", b""),
        (menu, b"d\n"),
        ("desfazer --empresa", b""),
        (menu, b"R\n"),
        ("criando três empresas", b""),
        (menu, b"q\n"),
    )
    assert codigo == 0, visto
    assert visto.count("🐘 Iniciando") == 2
    assert not velho.exists()
    assert visto.count("URL http") == 3
    assert esperar(lambda: not em_execucao(ja_criada), 15), em_execucao(ja_criada)


ESTADO_DOS_PERDIDOS = r"^(?:   |   → |🔍 «Grupo Raval»: )(\d+ fotos; login de funcionário: .+)$"
# Os programas que a demonstração roda são uns doze, e a importar passam metade do tempo: na suíte,
# saem do forno. Os que nascem do nada veem-se na campanha, e nos testes ao lado.
DO_FORNO = """
import os, subprocess
from types import SimpleNamespace
from apoio.forno import Forno
from supabase_local.empresas import ao_vivo
forno = Forno(os.environ)
def abrir(comando, *, env, stdin):
    with open(os.devnull, "rb") as nada:
        return forno.abrir_nestes(comando[1:], env, (nada.fileno(), 1, 2))
def correr(comando, *, env, stdin, check):
    return SimpleNamespace(returncode=abrir(comando, env=env, stdin=stdin).wait())
assados = {"Popen": abrir, "run": correr}
d.subprocess = ao_vivo.subprocess = SimpleNamespace(**{**vars(subprocess), **assados})
"""
# O mesmo programa, com o acidente: do backup à prova de que as vizinhas não mudaram.
COM_ACIDENTE = PROGRAMA.replace(
    "sys.exit(d.executar(via=via))",
    ("" if CAMPANHA else DO_FORNO) + "sys.exit(d.executar(auto=True, via=via))",
)


@pytest.mark.demorado
@pytest.mark.parametrize("via", VIAS if CAMPANHA else [DIRETA])
def test_o_acidente_inteiro_pelas_duas_vias(tmp_path: Path, via: str) -> None:
    """A vítima volta e as vizinhas ficam intactas; pela direta, numa transação, e nem as datas que
    o banco reescreve mudam. O incêndio é fora do projeto, que não aceita chave dentro de si. Na
    suíte, pela direta, que custa um terço; pela API, o mesmo acidente é o dos diálogos do manual
    (`casa/test_leiame`)."""
    fora = tmp_path / "fora"
    fora.mkdir()
    fim = subprocess.run(
        [sys.executable, "-c", COM_ACIDENTE, str(tmp_path), via],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=ambiente_do_filho(
            **DE_UM_PROJETO_REAL,
            TMPDIR=str(fora),
            PYTHONPATH=os.pathsep.join([str(RAIZ / "scripts"), str(RAIZ / "tests")]),
        ),
        timeout=300,
        check=False,
    )
    assert fim.returncode == 0, fim.stdout + fim.stderr
    assert "o banco pôs outro conteúdo" not in fim.stdout
    assert "🏢 Empresa: Grupo Raval" in fim.stdout
    assert "✅ produtos: 819 registros" in fim.stdout
    assert "clientes: 145 → 0" in fim.stdout
    assert "✅ RESTAURAÇÃO CONCLUÍDA!" in fim.stdout
    assert "🔍 «Grupo Raval»: 145 clientes, soma dos preços R$ 374.081,79" in fim.stdout
    # O outro acidente: um cliente, e só o que pendia dele.
    cliente = r"«[^»]+»: [1-9] vendas, [1-9] itens, [0-9] recibos, [1-9] ordens de serviço"
    perdido, de_volta = re.findall(rf"^(?:   |🔍 )({cliente})$", fim.stdout, re.M)
    assert perdido == de_volta
    # As fotos e o login de um funcionário, byte a byte.
    antes, sem, com = re.findall(ESTADO_DOS_PERDIDOS, fim.stdout, re.M)
    assert antes == com
    assert antes.startswith("25 fotos; login de funcionário: eloa")
    assert sem == "5 fotos; login de funcionário: não há"
    # E o computador que queima: do disco externo, com uma chave, a vítima volta.
    _, fogo, depois = fim.stdout.partition("🔥 E O COMPUTADOR QUEIMOU")
    assert fogo
    assert "🔍 «Grupo Raval»: 145 clientes, soma dos preços R$ 374.081,79" in depois
    (sobrou,) = fora.glob("cofre-incendio-*")
    assert {p.name for p in sobrou.iterdir()} == {"computador-novo", "disco-externo", "pendrive"}
    assert fim.stdout.count("✅ RESTAURAÇÃO CONCLUÍDA!") == 4
    assert fim.stdout.count("✅ intacta: ") == 13
    conferir_a_copia(fim.stdout, tmp_path)
    conferir_a_listagem(fim.stdout, via)
    assert f"abra {tmp_path / 'backups' / 'painel.html'}\n" in fim.stdout
    assert (tmp_path / "backups" / "painel.html").is_file()
    assert ("o próprio banco reescreve" in fim.stdout) == (via == API)
    assert ("Conexão direta: uma transação só" in fim.stdout) == (via == DIRETA)
    metadados = sorted(tmp_path.glob("backups/empresa_abc12345/backup_metadata_*.json"))
    como = json.loads(metadados[0].read_text(encoding="utf-8"))["consistencia_como"]
    assert ("REPEATABLE READ" in como) == (via == DIRETA)


def conferir_a_copia(saida: str, pasta: Path) -> None:
    """A Loja X noutro projeto, inteira e com outra gente; nem na pasta de lá há quem ela tem."""
    contas = r"60 produtos, 20 clientes, 15 vendas; (\S.+) · (.+)$"
    ((aqui, fone),) = re.findall(rf"^   «Loja X», aqui: {contas}", saida, re.M)
    ((la, outro),) = re.findall(rf"^🔍 «Loja X», em homologação: {contas}", saida, re.M)
    assert aqui != la
    assert fone != outro
    levados = [a.read_text("utf-8") for a in (pasta / "homologacao").rglob("clientes_*.json")]
    assert levados
    assert not [texto for texto in levados if aqui in texto or fone in texto]
    assert any(la in texto for texto in levados)


AS_TRES = ["empresa_abc12345", "empresa_abc12345-f", "empresa_def67890"]


def conferir_a_listagem(saida: str, via: str, quais: Sequence[str] = AS_TRES) -> None:
    """Estas empresas, e só elas. Pela API, uma tabela tem ao lado o texto de um valor cujo JSON não
    o refaz."""
    quantos = 33 if via == API else 32
    listada = rf"^   (\S+)/  \(último backup: {quantos} arquivos, \d+ KB\)$"
    listadas = re.findall(listada, saida, re.M)
    assert listadas == list(quais)


SO_O_DOS_ARQUIVOS = PROGRAMA.replace(
    "sys.exit(d.executar(via=via))",
    """
palco.BACKUPS = base / f"copiados-{via}"
with palco.subir(via, do_zero=False) as projeto:
    codigo = d._fazer_backup(projeto.variaveis, "--empresa", str(d.VITIMA))
    d.vitrine.mostrar_arquivos(palco.BACKUPS)
    sys.exit(codigo or d._acidente_nos_arquivos(projeto, perguntar=False))
""",
)


@pytest.mark.parametrize("via", [API, SO_O_BANCO] if CAMPANHA else [SO_O_BANCO])
def test_as_fotos_e_o_login_de_um_funcionario(ja_criada: Path, via: str) -> None:
    """Pela API, o acidente que só ela desfaz inteiro. Sem ela, como no Windows, onde só há a
    conexão direta, os arquivos ficam de fora e o login volta."""
    fim = subprocess.run(
        [sys.executable, "-c", SO_O_DOS_ARQUIVOS, str(ja_criada), *via.split()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=ambiente_do_filho(**DE_UM_PROJETO_REAL),
        timeout=300,
        check=False,
    )
    assert fim.returncode == 0, fim.stdout + fim.stderr
    assert ("26 ficam de fora: só há a conexão direta" in fim.stdout) == (via == SO_O_BANCO)
    antes, sem, com = re.findall(ESTADO_DOS_PERDIDOS, fim.stdout, re.M)
    assert antes == com
    assert antes.startswith("25 fotos; login de funcionário: eloa")
    sobram = 5 if via == API else 25
    assert sem == f"{sobram} fotos; login de funcionário: não há"
    assert fim.stdout.count("✅ intacta: ") == 2
    assert fim.stdout.count("✅ RESTAURAÇÃO CONCLUÍDA!") == 1
    if via == API:
        conferir_a_listagem(fim.stdout, via, ["empresa_abc12345"])
    dela = ja_criada / f"copiados-{via.split()[0]}" / "empresa_abc12345"
    metadados = min(dela.glob("backup_metadata_*.json"))
    como = json.loads(metadados.read_text(encoding="utf-8"))["consistencia_como"]
    assert ("REPEATABLE READ" in como) == (via != API)


def test_a_ajuda_diz_as_duas_vias() -> None:
    fim = subprocess.run(
        [sys.executable, str(RAIZ / "scripts" / "demonstracao.py"), "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "80"},
        check=True,
    )
    assert "--via VIA   api (padrão) ou direta" in fim.stdout
