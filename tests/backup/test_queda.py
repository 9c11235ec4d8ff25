"""O que fica quando o backup é morto, interrompido ou encontra outro em andamento."""

from __future__ import annotations

import contextlib
import getpass
import itertools
import json
import re
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoio.campanha import CAMPANHA, amostra
from apoio.execucao import (
    DA_PAGINA,
    PACIENCIA,
    REGISTROS,
    abrir,
    conteudo,
    executar,
    fotografia_do_disco,
    ler_ate,
    metadados,
)
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.suicida import FORA_DOS_BACKUPS, morte_no_pedido, que_morre
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.verificacao import danos_de
from cofre.via.contrato import EMPRESAS_JUNTAS
from supabase_local.servidores.falhas import Atraso, Pedido
from supabase_local.servidores.servidor import SupabaseLocal

MORTES_NOS_PEDIDOS = 4
PASSOS_NO_DISCO = 85
"""No mínimo: a execução é morta até não haver mais passos."""
PULO = 4 if CAMPANHA else 21
FATIAS = PULO if CAMPANHA else 1
"""De quantos em quantos passos cada fatia mata; nas campanhas, juntas, matam em todos."""
SUICIDA = que_morre(alheios=FORA_DOS_BACKUPS)
ALHEIOS = {
    "empresa_aaaa1111/.em_andamento_notas/lista.txt": b"minhas notas",
    "empresa_aaaa1111/.em_andamento_20200101_000000": "um arquivo, não uma pasta".encode(),
    "empresa_aaaa1111/.em_andamento_20200101_000000.txt": b"outro",
    "empresa_aaaa1111/.em_andamento_2020/x": b"x",
    "empresa_aaaa1111/anotações.txt": "não apague".encode(),
    "empresa_aaaa1111/produtos_20200101_000000.json": b"[]",
    "empresa_zzzz/.em_andamento_velho/y": b"y",
    ".em_andamento_20200101_000000/z": b"na raiz, e nossas ficam nas empresas",
    "leia-me.txt": b"oi",
}


@pytest.fixture(autouse=True)
def _sem_regras(projeto: SupabaseLocal) -> None:
    projeto.gateway.retirar_todas()


@pytest.fixture
def destino(projeto: SupabaseLocal, tmp_path: Path) -> Path:
    """Uma pasta com um backup inteiro e coisas de outras pessoas."""
    assert executar(projeto, tmp_path, "--empresa", DONO).codigo == 0
    for nome, dados in ALHEIOS.items():
        caminho = tmp_path / nome
        caminho.parent.mkdir(parents=True, exist_ok=True)
        caminho.write_bytes(dados)
    return tmp_path


def _backups(destino: Path) -> list[Backup]:
    deposito = Deposito(destino)
    return [b for pasta in deposito.pastas() for b in deposito.backups(pasta)]


def _danificados(backups: list[Backup]) -> list[str]:
    return [f"{b.carimbo}: {d.causa}" for b in backups for d in danos_de(b)]


def _sobras(destino: Path) -> list[str]:
    """O que está no destino e não é de um backup, nem alheio, nem a trava."""
    citados = {"/".join(m["pasta"].relative_to(destino).parts) + "/" + t["arquivo"]
               for m in metadados(destino) for t in m["tabelas"].values()}  # fmt: skip
    return [
        nome
        for nome in fotografia_do_disco(destino)
        if nome not in ALHEIOS
        and nome not in citados
        and nome != ".trava"
        and not re.fullmatch(r"empresa_aaaa1111/backup_metadata_\d{8}_\d{6}\.json", nome)
    ]


def _conferir_depois_da_morte(
    projeto: SupabaseLocal, destino: Path, antes: dict[str, bytes]
) -> None:
    """Um backup inteiro a mais ou nenhum; os anteriores intactos; a próxima execução limpa."""
    assert len(_novos(destino, antes)) in (0, 1)

    saida = executar(projeto, destino, "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    assert len(_novos(destino, antes)) in (1, 2)
    assert _sobras(destino) == []
    primeiro, *outros = metadados(destino)
    for outro in outros:
        assert conteudo(outro) == conteudo(primeiro)


def _novos(destino: Path, antes: dict[str, bytes]) -> list[Backup]:
    """Os backups que não havia, conferidos; o que havia está como estava, byte por byte."""
    agora = fotografia_do_disco(destino)
    assert {n: agora.get(n) for n in ALHEIOS} == ALHEIOS
    assert {n: agora.get(n) for n in antes} == antes
    novos = [b for b in _backups(destino) if not any(b.carimbo in nome for nome in antes)]
    assert _danificados(novos) == []
    return novos


def _sem_trava(fotografia: dict[str, bytes]) -> dict[str, bytes]:
    return {n: b for n, b in fotografia.items() if n != ".trava"}


@pytest.mark.demorado
def test_kill_9_nos_pedidos(projeto: SupabaseLocal, destino: Path) -> None:
    """Antes de o servidor ver o pedido, ou com a resposta já pronta; nas campanhas, de cada um."""
    projeto.gateway.esquecer_pedidos()
    assert executar(projeto, destino, "--empresa", DONO).codigo == 0
    total = len(projeto.gateway.pedidos)
    for i, n in enumerate(amostra(range(1, total + 1), MORTES_NOS_PEDIDOS)):
        for pronta in (False, True) if CAMPANHA else (i % 2 == 1,):
            antes = _sem_trava(fotografia_do_disco(destino))
            with morte_no_pedido(projeto, n, "depois" if pronta else "antes") as morrer:
                fim = morrer(abrir(projeto, destino, "--empresa", DONO))
            assert fim.codigo == -signal.SIGKILL, (n, pronta)
            _conferir_depois_da_morte(projeto, destino, antes)


@pytest.mark.demorado
@pytest.mark.parametrize("fatia", range(FATIAS))
def test_kill_9_em_cada_passo_no_disco(projeto: SupabaseLocal, destino: Path, fatia: int) -> None:
    """Da trava à última renomeação: morre antes de um passo em cada vinte e um, até não haver mais;
    nas campanhas, antes de cada um deles."""
    for passo in itertools.count(fatia + 1, PULO):
        antes = _sem_trava(fotografia_do_disco(destino))
        mais = {"PASSO": str(passo), "PYTHONDONTWRITEBYTECODE": "1"}
        fim = executar(projeto, destino, "--empresa", DONO, mais=mais, programa=SUICIDA, novo=False)
        if fim.codigo == 0:
            break
        assert fim.codigo == -signal.SIGKILL, fim.tudo
        _conferir_depois_da_morte(projeto, destino, antes)
    assert passo - PULO >= PASSOS_NO_DISCO


def test_primeiro_backup_morto_nao_deixa_nem_a_pasta(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """A pasta da empresa que só a execução morta criou some quando outra empresa é copiada."""
    programa = SUICIDA.replace(
        "passos += 1", "passos = alvo * (escreve and '.em_andamento_' in argumentos[0])"
    )
    mais = {"PASSO": "1"}
    executar(projeto, tmp_path, "--empresa", DONO, programa=programa, mais=mais, novo=False)
    assert [p.name[:14] for p in (tmp_path / "empresa_aaaa1111").iterdir()] == [".em_andamento_"]
    assert executar(projeto, tmp_path, "--empresa", VIZINHA).codigo == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [".trava", "empresa_bbbb2222", *DA_PAGINA, *REGISTROS]
    )


# -- Ctrl+C --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _mudo(projeto: SupabaseLocal, dono: str) -> Iterator[threading.Event]:
    """O servidor não responde sobre as vendas desta empresa; o evento diz quando foi perguntado."""
    chegou = threading.Event()

    def das_linhas(pedido: Pedido) -> bool:
        return dono in pedido.consulta

    with (
        projeto.gateway.ao_pedir(lambda _p, _n: chegou.set(), tabela="vendas", se=das_linhas),
        projeto.gateway.com_falha(Atraso(3600), tabela="vendas", se=das_linhas, vezes=None),
    ):
        yield chegou


PRIMEIRAS = f"""
    INSERT INTO empresas (id, user_id, nome)
    SELECT id, id, 'A primeira leva, ' || n
    FROM (SELECT n, ('cccc' || lpad(n::text, 4, '0') || '-0000-4000-8000-000000000001')::uuid AS id
          FROM generate_series(1, {EMPRESAS_JUNTAS}) n) t;
"""
"""Tantas quantas se leem juntas, com nomes que vêm antes dos das outras duas."""

ULTIMA_DELAS = max(f"A primeira leva, {n}\n" for n in range(1, EMPRESAS_JUNTAS + 1))


@pytest.fixture
def com_mais(criar_supabase: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase(VAZIO, sql=(LOJINHA, PRIMEIRAS))


@pytest.mark.parametrize("sinal", [signal.SIGINT, signal.SIGTERM] if CAMPANHA else [signal.SIGTERM])
def test_interrompido_com_o_servidor_mudo(
    com_mais: SupabaseLocal, destino: Path, sinal: signal.Signals
) -> None:
    """As lidas antes ficam; as outras, pela metade, somem; o servidor mudo não segura ninguém. E
    quem continua só copia as que faltam. (Na suíte, o Ctrl+C é o dos dois testes seguintes.)"""
    antes = _sem_trava(fotografia_do_disco(destino))
    with _mudo(com_mais, VIZINHA) as chegou:
        processo = abrir(com_mais, destino)
        ler_ate(processo, ULTIMA_DELAS)
        ler_ate(processo, "✅ Backup concluído")
        assert chegou.wait(PACIENCIA)
        processo.send_signal(sinal)
        _saida, erros = processo.communicate(timeout=PACIENCIA)
    assert processo.returncode == 130
    assert erros.decode().splitlines() == [
        f"❌ Interrompido. Backups concluídos nesta execução: {EMPRESAS_JUNTAS}.",
        "   O que estava pela metade foi descartado; os anteriores continuam.",
        "   Para retomar de onde parou:",
        "     .venv/bin/python scripts/backup-por-empresa.py continuar",
    ]
    agora = fotografia_do_disco(destino)
    assert {n: agora.get(n) for n in antes} == antes
    assert [n for n in _sobras(destino) if "/backup_metadata_" not in n] == [".execucao.json"]
    assert not (destino / "empresa_bbbb2222").exists()
    assert len(_backups(destino)) == 1 + EMPRESAS_JUNTAS
    assert _danificados(_backups(destino)) == []
    ultima = json.loads((destino / "ultima_execucao.json").read_text("utf-8"))
    causa = f"Interrompido. Backups concluídos nesta execução: {EMPRESAS_JUNTAS}."
    assert (ultima["acao"], ultima["codigo"], ultima["erro"]) == ("backup", 130, causa)
    log = (destino / "logs" / ultima["log"]).read_text("utf-8")
    assert "  ✅ Backup concluído" in log
    assert f"  ❌ {causa}\n" in log
    assert re.search(r"  Fim: código 130, em .*\n\Z", log)

    saida = executar(com_mais, destino, "continuar")
    assert saida.codigo == 0, saida.tudo
    ja = f"⏭️ {EMPRESAS_JUNTAS} empresas já estavam copiadas quando o backup parou"
    assert ja in saida.saida.splitlines()
    assert f"   Empresas: {EMPRESAS_JUNTAS + 2} de {EMPRESAS_JUNTAS + 2}" in saida.saida
    depois = fotografia_do_disco(destino)
    assert {n: depois.get(n) for n in agora if n != ".execucao.json"} == {
        n: b for n, b in agora.items() if n != ".execucao.json"
    }
    assert ".execucao.json" not in depois
    assert len(_backups(destino)) == 1 + EMPRESAS_JUNTAS + 2
    da_execucao = Counter(m["execucao"] for m in metadados(destino))
    assert sorted(da_execucao.values()) == [1, EMPRESAS_JUNTAS + 2]
    assert executar(com_mais, destino, "continuar").codigo == 3


def test_interrompido_antes_da_primeira_empresa(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Durante a descoberta, nada foi criado e a trava não fica."""
    chegou = threading.Event()
    with (
        projeto.gateway.ao_pedir(lambda _p, _n: chegou.set()),
        projeto.gateway.com_falha(Atraso(3600), vezes=None),
    ):
        processo = abrir(projeto, tmp_path, "--json")
        assert chegou.wait(PACIENCIA)
        processo.send_signal(signal.SIGINT)
        saida, erros = processo.communicate(timeout=PACIENCIA)
    assert processo.returncode == 130
    assert json.loads(saida) == {
        "codigo": 130,
        "erro": "Interrompido. Backups concluídos nesta execução: 0.",
        "dica": "O que estava pela metade foi descartado; os anteriores continuam.\n"
        "Para retomar de onde parou:\n"
        "  .venv/bin/python scripts/backup-por-empresa.py continuar",
    }
    assert "Traceback" not in erros.decode()
    assert set(fotografia_do_disco(tmp_path)) == {".trava", ".execucao.json"}
    assert executar(projeto, tmp_path).codigo == 0


def test_segundo_ctrl_c_sai_na_hora(projeto: SupabaseLocal, tmp_path: Path) -> None:
    with _mudo(projeto, DONO) as chegou:
        processo = abrir(projeto, tmp_path, "--empresa", DONO)
        assert chegou.wait(PACIENCIA)
        for _ in range(5):
            processo.send_signal(signal.SIGINT)
        _saida, erros = processo.communicate(timeout=PACIENCIA)
    assert processo.returncode == 130
    assert "Traceback" not in erros.decode()
    assert executar(projeto, tmp_path).codigo == 0
    assert _sobras_sem_alheios(tmp_path) == []


def _sobras_sem_alheios(destino: Path) -> list[str]:
    return [p.name for p in destino.rglob(".em_andamento_*")]


# -- a trava -------------------------------------------------------------------------------------


def test_segunda_execucao_diz_quem_tem_a_empresa(projeto: SupabaseLocal, tmp_path: Path) -> None:
    ja = ("--empresa", DONO, "--esperar", "0")
    soltar = threading.Event()
    chegou = threading.Event()

    def segurar(_pedido: Pedido, _vez: int) -> None:
        chegou.set()
        soltar.wait(PACIENCIA)

    with projeto.gateway.ao_pedir(segurar, tabela="produtos", se=lambda p: DONO in p.consulta):
        primeira = abrir(projeto, tmp_path, "--empresa", DONO)
        assert chegou.wait(PACIENCIA)
        segunda = executar(projeto, tmp_path, *ja)
        registrada = json.loads((tmp_path / "ultima_execucao.json").read_text("utf-8"))
        em_json = executar(projeto, tmp_path, *ja, "--json", "--silencioso")
        lendo = executar(None, tmp_path, "listar")
        soltar.set()
        primeira.communicate(timeout=PACIENCIA)
    assert primeira.returncode == 0
    assert segunda.codigo == 5, segunda.tudo
    quem = f"processo {primeira.pid}, {getpass.getuser()} em {socket.gethostname()}"
    assert re.fullmatch(
        re.escape(f"❌ A empresa Padaria Ação está em uso por backup ({quem}, desde ")
        + r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)\.\n"
        + r"   Espere a outra execução terminar e tente de novo\.\n",
        segunda.erros,
    ), segunda.tudo
    assert (registrada["codigo"], f"❌ {registrada['erro']}") == (5, segunda.erros.splitlines()[0])
    assert em_json.codigo == em_json.json()["codigo"] == 5
    assert f"processo {primeira.pid}" in em_json.json()["erro"]
    assert lendo.codigo == 3, lendo.tudo  # ler não precisa da trava
    assert len(_backups(tmp_path)) == 1


def test_trava_de_um_processo_morto_nao_segura(projeto: SupabaseLocal, tmp_path: Path) -> None:
    da_empresa = morte_no_pedido(projeto, tabela="produtos", se=lambda p: DONO in p.consulta)
    with da_empresa as morrer:
        morrer(processo := abrir(projeto, tmp_path, "--empresa", DONO))
    (ficha,) = (tmp_path / ".travas").glob("*.json")
    assert json.loads(ficha.read_text("utf-8"))["pid"] == processo.pid
    saida = executar(projeto, tmp_path)
    assert saida.codigo == 0, saida.tudo
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [".trava", "empresa_aaaa1111", "empresa_bbbb2222", *DA_PAGINA, *REGISTROS]
    )
    travas = [tmp_path / ".trava", *(tmp_path / ".travas").iterdir()]
    assert [t.stat().st_mode & 0o777 for t in travas] == [0o600] * len(travas)
    assert ficha not in travas
