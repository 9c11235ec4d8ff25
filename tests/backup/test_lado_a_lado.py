"""Várias execuções na mesma pasta: cada uma segura a empresa em que trabalha, e só enquanto
trabalha nela."""

from __future__ import annotations

import contextlib
import getpass
import json
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg
import pytest

from apoio.acervo import guardar
from apoio.campanha import CAMPANHA
from apoio.execucao import (
    PACIENCIA,
    Saida,
    abrir,
    abrir_restauracao,
    acesso,
    ate_o_fim,
    conteudo,
    executar,
    ler_ate,
    metadados,
    responder,
)
from apoio.forno import Processo
from apoio.impressoes import Impressoes, executar_sql, impressoes
from apoio.loja import A_VIA_TANTO_FAZ, PELAS_DUAS_VIAS, quer_gravar
from apoio.lojinha import DONO, VIZINHA
from cofre.base.erros import TravaOcupada
from cofre.base.modelo import Empresa
from cofre.deposito.deposito import Deposito
from cofre.deposito.verificacao import danos_de
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.falhas import Pedido, RespostaForcada
from supabase_local.servidores.servidor import SupabaseLocal

PADARIA, NOME_DA_VIZINHA = "Padaria Ação", "Vizinha"
ESCRITAS: Final = frozenset({"POST", "PATCH", "DELETE"})
ESTRAGO: Final = "UPDATE produtos SET nome = 'estragado' WHERE id IN (1, 1001)"
SEM_ESPERAR: Final = ("--esperar", "0")


@pytest.fixture(autouse=True)
def _como_era(projeto: SupabaseLocal) -> Iterator[None]:
    """Cada teste deixa o banco, que é de todos, como o encontrou."""
    projeto.gateway.retirar_todas()
    yield
    projeto.gateway.retirar_todas()
    executar_sql(
        projeto,
        "UPDATE produtos SET nome = CASE WHEN id = 1 THEN 'Pão 1' ELSE 'Bolo 1001' END"
        " WHERE id IN (1, 1001)",
    )


@pytest.fixture
def mais(projeto: SupabaseLocal, via: str) -> dict[str, str]:
    """O que o .env teria a mais, para que os scripts usem esta via."""
    return acesso(projeto, via)


@pytest.fixture(scope="module")
def de_antes(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Um depósito com um backup inteiro de cada empresa."""
    destino = tmp_path_factory.mktemp("de_antes")
    assert executar(projeto, destino).codigo == 0
    return destino


@pytest.fixture
def destino(de_antes: Path, tmp_path: Path) -> Path:
    """Uma cópia dele, para se mexer nela."""
    return shutil.copytree(de_antes, tmp_path / "backups")


def por_empresa(destino: Path) -> dict[str, int]:
    """Quantos backups de rotina, inteiros e sem dano, há de cada empresa."""
    contagem = {DONO: 0, VIZINHA: 0}
    deposito = Deposito(destino)
    for backup in (b for pasta in deposito.pastas() for b in deposito.backups(pasta)):
        assert backup.meta is not None
        assert list(danos_de(backup)) == []
        contagem[backup.meta.user_id] += backup.meta.inteiro and backup.meta.de_rotina
    return contagem


def sem_sobras(destino: Path) -> bool:
    """Se nada ficou pela metade, nem a marca de um processo."""
    return not [*destino.rglob(".em_andamento_*"), *destino.rglob("vivo-*")]


@contextlib.contextmanager
def preso(
    projeto: SupabaseLocal, via: str, dono: str, escrevendo: bool
) -> Iterator[Callable[[], None]]:
    """Quem lê (ou escreve, se `escrevendo`) os produtos desta empresa fica à espera. O que se
    entrega espera que alguém chegue; ao sair, tudo segue."""
    chegou, soltar = threading.Event(), threading.Event()

    def segurar(_pedido: Pedido, _vez: int) -> None:
        chegou.set()
        soltar.wait(PACIENCIA)

    def casa(pedido: Pedido) -> bool:
        return (pedido.metodo in ESCRITAS) == escrevendo and dono in pedido.consulta

    if via == API:
        with projeto.gateway.ao_pedir(segurar, tabela="produtos", se=casa):
            try:
                yield lambda: _exigir(chegou.wait(PACIENCIA))
            finally:
                soltar.set()
        return
    comando = (
        f"SELECT FROM produtos WHERE user_id = '{dono}' FOR UPDATE"
        if escrevendo
        else "LOCK TABLE produtos IN ACCESS EXCLUSIVE MODE"
    )
    with psycopg.connect(projeto.uri_admin) as banco:
        banco.execute(comando.encode())
        yield lambda: _esperar_no_banco(projeto)
        banco.rollback()


def _exigir(chegou: bool) -> None:
    assert chegou


def _esperar_no_banco(projeto: SupabaseLocal) -> None:
    """Até que alguém espere por uma trava do banco."""
    consulta = b"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    relogio = threading.Event()
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        for _ in range(int(PACIENCIA / 0.05)):
            (quantos,) = banco.execute(consulta).fetchone() or (0,)
            if quantos:
                return
            relogio.wait(0.05)
    raise AssertionError("ninguém chegou")


def em_uso(processo: Processo, acao: str, nome: str = PADARIA) -> str:
    """A frase que diz quem tem a empresa, como expressão regular."""
    quem = f"processo {processo.pid}, {getpass.getuser()} em {socket.gethostname()}, desde "
    comeco = re.escape(f"A empresa {nome} está em uso por {acao} ({quem}")
    return comeco + r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)\."


# -- o menu aberto -------------------------------------------------------------------------------


@A_VIA_TANTO_FAZ
def test_um_menu_aberto_nao_segura_ninguem(
    projeto: SupabaseLocal, destino: Path, via: str, mais: dict[str, str]
) -> None:
    """Na primeira pergunta e na última: o backup da noite copia todas, também a do menu; e o menu
    segue, com um plano de agora."""
    de_antes = impressoes(projeto)
    executar_sql(projeto, ESTRAGO)
    menu = abrir_restauracao(projeto, destino, mais=mais)
    ler_ate(menu, "Escolha a empresa: ")
    noite = executar(projeto, destino, *SEM_ESPERAR, mais=mais)
    assert noite.codigo == 0, noite.tudo
    assert por_empresa(destino) == {DONO: 2, VIZINHA: 2}

    responder(menu, PADARIA)
    ler_ate(menu, "ou 0 para todas): ")
    responder(menu, "d")  # o mais novo já tem o estrago
    ler_ate(menu, "mantém a atual): ")
    responder(menu, "1")
    ler_ate(menu, "ou 0 para todas): ")
    responder(menu, "0")
    ler_ate(menu, "para confirmar: ")
    executar_sql(projeto, "UPDATE produtos SET nome = 'mudou enquanto se lia' WHERE id = 1001")
    noite = executar(projeto, destino, *SEM_ESPERAR, mais=mais)
    assert noite.codigo == 0, noite.tudo
    assert por_empresa(destino) == {DONO: 3, VIZINHA: 3}
    fim = ate_o_fim(menu, b"RESTAURAR\n")
    assert fim.codigo == 0, fim.tudo
    assert alterada(impressoes(projeto), de_antes) == {("produtos", VIZINHA)}
    assert sem_sobras(destino)


def alterada(agora: Impressoes, antes: Impressoes) -> set[tuple[str, str]]:
    """O que mudou: (tabela, dono)."""
    return {qual for qual in agora.keys() | antes.keys() if agora.get(qual) != antes.get(qual)}


@A_VIA_TANTO_FAZ
def test_o_backup_escolhido_que_saiu_enquanto_se_lia(projeto: SupabaseLocal, destino: Path) -> None:
    """O que se leu antes de prender a empresa lê-se de novo: nada é escrito."""
    executar_sql(projeto, ESTRAGO)
    assert executar(projeto, destino).codigo == 0
    antes = impressoes(projeto)
    (carimbo, *_) = sorted(
        m["tabelas"]["produtos"]["arquivo"][9:24]
        for m in metadados(destino)
        if m["user_id"] == DONO
    )
    menu = abrir_restauracao(projeto, destino, "--empresa", DONO, "--backup", carimbo)
    ler_ate(menu, "para confirmar: ")
    podou = executar(None, destino, "podar", "--manter-ultimos", "1", "--sim", *SEM_ESPERAR)
    assert podou.codigo == 0, podou.tudo
    fim = ate_o_fim(menu, b"RESTAURAR\n")
    assert fim.codigo == 3, fim.tudo
    assert "não é mais o que se escolheu" in fim.erros
    assert impressoes(projeto) == antes
    assert por_empresa(destino) == {DONO: 1, VIZINHA: 1}


@A_VIA_TANTO_FAZ
def test_outra_restauracao_enquanto_se_lia(projeto: SupabaseLocal, destino: Path) -> None:
    """Duas pessoas diante do mesmo plano: a segunda a responder começa de novo."""
    de_antes = impressoes(projeto)
    executar_sql(projeto, "UPDATE produtos SET nome = 'estragado' WHERE id = 1")
    menu = abrir_restauracao(projeto, destino, "--empresa", DONO)
    ler_ate(menu, "para confirmar: ")
    outra = restaurar_ja(projeto, destino, DONO)
    assert outra.codigo == 0, outra.tudo
    assert impressoes(projeto) == de_antes
    fim = ate_o_fim(menu, b"RESTAURAR\n")
    assert fim.codigo == 8, fim.tudo
    assert "❌ Outra execução mexeu numa restauração desta empresa" in fim.erros
    assert impressoes(projeto) == de_antes
    assert len(list(destino.glob("empresa_*/restauracao_*.json"))) == 1


def restaurar_ja(
    projeto: SupabaseLocal, destino: Path, dono: str, *argumentos: str, **mais: dict[str, str]
) -> Saida:
    """Uma restauração sem perguntas, até o fim."""
    comando = ("--empresa", dono, "--confirmar", "RESTAURAR", *argumentos)
    return ate_o_fim(abrir_restauracao(projeto, destino, *comando, **mais))


def test_a_que_parou_e_outra_concluiu(projeto: SupabaseLocal, destino: Path) -> None:
    """Parada no meio, à espera de que se escolha: o backup da noite faz-se, outra execução a
    conclui, e quem volta e escolhe já não mexe em nada."""
    de_antes = impressoes(projeto)
    executar_sql(projeto, "UPDATE produtos SET nome = 'estragado' WHERE id = 1")

    def grava(pedido: Pedido) -> bool:
        return pedido.metodo == "PATCH" and quer_gravar(pedido)

    with projeto.gateway.com_falha(RespostaForcada(503), se=grava, vezes=None):
        menu = abrir_restauracao(projeto, destino, "--empresa", DONO, "--tentativas", "1")
        ler_ate(menu, "para confirmar: ")
        responder(menu, "RESTAURAR")
        ler_ate(menu, "Escolha: ")
    noite = executar(projeto, destino, *SEM_ESPERAR)
    assert noite.codigo == 0, noite.tudo
    outra = restaurar_ja(projeto, destino, DONO, "continuar", *SEM_ESPERAR)
    assert outra.codigo == 0, outra.tudo
    assert impressoes(projeto) == de_antes
    fim = ate_o_fim(menu, b"1\n")
    assert fim.codigo == 7, fim.tudo
    assert "❌ Outra execução mexeu numa restauração desta empresa" in fim.erros
    assert impressoes(projeto) == de_antes
    (diario,) = destino.glob("empresa_*/restauracao_*.json")
    assert json.loads(diario.read_text("utf-8"))["estado"] == "concluida"


# -- duas que trabalham --------------------------------------------------------------------------


@PELAS_DUAS_VIAS
def test_dois_backups_de_todas_ao_mesmo_tempo(
    projeto: SupabaseLocal, tmp_path: Path, via: str, mais: dict[str, str]
) -> None:
    """As duas primeiras vezes da pasta: o segundo espera por cada empresa, e cada um publica o seu.
    Nenhum recolhe a montagem do outro."""
    with preso(projeto, via, DONO, escrevendo=False) as chegou:
        primeiro = abrir(projeto, tmp_path, mais=mais)
        chegou()
        segundo = abrir(projeto, tmp_path, "--tipo", "agendado", mais=mais)
        dito = "".join(ler_ate(segundo, "Espero até 30 minutos.") for _ in range(2))
        for nome in (PADARIA, NOME_DA_VIZINHA):  # leem-se juntas
            assert re.search(em_uso(primeiro, "backup", nome), dito), dito
        outro = executar(projeto, tmp_path, "continuar")
        assert outro.codigo == 5, outro.tudo
        assert "ainda está em andamento" in outro.erros
    for processo in (primeiro, segundo):
        fim = ate_o_fim(processo)
        assert fim.codigo == 0, fim.tudo
    assert por_empresa(tmp_path) == {DONO: 2, VIZINHA: 2}
    um, dois = [m for m in metadados(tmp_path) if m["user_id"] == DONO]
    assert conteudo(um) == conteudo(dois)
    assert um["execucao"] != dois["execucao"]
    assert sem_sobras(tmp_path)
    assert not (tmp_path / ".execucao.json").exists()


@A_VIA_TANTO_FAZ
def test_uma_empresa_em_uso_so_se_deixa_a_ela(
    projeto: SupabaseLocal, destino: Path, via: str, mais: dict[str, str]
) -> None:
    """Enquanto uma se restaura: a outra é copiada, restaurada, podada e importada; a ela ninguém
    toca, e cada um o diz."""
    de_antes = impressoes(projeto)
    assert executar(projeto, destino).codigo == 0
    executar_sql(projeto, ESTRAGO)
    pacote = destino.parent / "padaria.zip"
    assert executar(None, destino, "exportar", DONO, str(pacote)).codigo == 0
    with preso(projeto, via, DONO, escrevendo=True) as chegou:
        comando = ("--empresa", DONO, "--confirmar", "RESTAURAR")
        restaurando = abrir_restauracao(projeto, destino, *comando, mais=mais)
        chegou()
        frase = em_uso(restaurando, "restauração")
        vizinha = restaurar_ja(projeto, destino, VIZINHA, mais=mais)
        assert vizinha.codigo == 0, vizinha.tudo
        noite = executar(projeto, destino, "--json", *SEM_ESPERAR, mais=mais)
        assert noite.codigo == 4, noite.tudo
        (falha,) = noite.json()["falhas"]
        assert re.fullmatch(f"{PADARIA}: {frase}", falha), falha
        assert [e["id"] for e in noite.json()["empresas"] if e["completo"]] == [VIZINHA]
        so_ela = executar(projeto, destino, "--empresa", DONO, *SEM_ESPERAR, mais=mais)
        assert so_ela.codigo == 5, so_ela.tudo
        assert re.match(f"❌ {frase}\n", so_ela.erros), so_ela.tudo
        podou = executar(None, destino, "podar", "--manter-ultimos", "1", "--sim", *SEM_ESPERAR)
        assert podou.codigo == 5, podou.tudo
        trouxe = executar(None, destino, "importar", str(pacote), *SEM_ESPERAR)
        assert trouxe.codigo == 5, trouxe.tudo
        assert "✅ 1 backup apagado" in podou.saida
        assert por_empresa(destino) == {DONO: 2, VIZINHA: 2}  # um é o que se restaurou
        outra = restaurar_ja(projeto, destino, DONO, *SEM_ESPERAR, mais=mais)
        assert outra.codigo == 5, outra.tudo
        assert "não concluída" not in "".join(f.tudo for f in (outra, noite, vizinha))
    fim = ate_o_fim(restaurando)
    assert fim.codigo == 0, fim.tudo
    assert impressoes(projeto) == de_antes
    assert por_empresa(destino) == {DONO: 2, VIZINHA: 2}
    assert sem_sobras(destino)


def test_importar_ao_lado_de_um_backup(projeto: SupabaseLocal, destino: Path) -> None:
    """Outra empresa entra já; a que se copia espera a sua vez, e entra."""
    pacotes = {}
    for dono in (DONO, VIZINHA):
        pacotes[dono] = destino.parent / f"{dono}.zip"
        assert executar(None, destino, "exportar", dono, str(pacotes[dono])).codigo == 0
    novo = destino.parent / "novo"
    with preso(projeto, API, DONO, escrevendo=False) as chegou:
        copiando = abrir(projeto, novo, "--empresa", DONO)
        chegou()
        logo = executar(None, novo, "importar", str(pacotes[VIZINHA]), *SEM_ESPERAR)
        assert logo.codigo == 0, logo.tudo
        depois = abrir(None, novo, "importar", str(pacotes[DONO]))
        ler_ate(depois, "Espero até 1 minuto.")
    for processo in (copiando, depois):
        fim = ate_o_fim(processo)
        assert fim.codigo == 0, fim.tudo
    assert por_empresa(novo) == {DONO: 2, VIZINHA: 1}
    assert len(list(novo.glob("empresa_*"))) == 2


# -- a morte de uma ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "escrevendo"),
    [
        (via, escrevendo)
        for via in (API, DIRETA)
        for escrevendo in ([False, True] if CAMPANHA else [via == API])
    ],
    indirect=["via"],
)
def test_kill_9_solta_a_empresa(
    projeto: SupabaseLocal, destino: Path, via: str, mais: dict[str, str], escrevendo: bool
) -> None:
    """Morre quem copiava, ou quem restaurava: quem esperava segue, e a próxima recolhe o que ficou
    pela metade, que enquanto a morta vivia ninguém recolheu."""
    de_antes = impressoes(projeto)
    (carimbo,) = [b.carimbo for b in Deposito(destino).da_empresa(DONO)]
    executar_sql(projeto, ESTRAGO)
    with preso(projeto, via, DONO, escrevendo) as chegou:
        if escrevendo:
            comando = ("--empresa", DONO, "--confirmar", "RESTAURAR")
            vitima = abrir_restauracao(projeto, destino, *comando, mais=mais)
        else:
            vitima = abrir(projeto, destino, mais=mais)
        chegou()
        a_meio = sorted(destino.rglob(".em_andamento_*"))
        herdeiro = abrir(projeto, destino, mais=mais)
        ler_ate(herdeiro, "Espero até 1 minuto.")
        assert sorted(destino.rglob(".em_andamento_*")) == a_meio
        vitima.kill()
        assert vitima.wait(PACIENCIA) == -9
    fim = ate_o_fim(herdeiro)
    assert fim.codigo == 0, fim.tudo
    assert por_empresa(destino) == {DONO: 2, VIZINHA: 2}
    assert executar(projeto, destino, "--empresa", VIZINHA, mais=mais).codigo == 0
    assert sem_sobras(destino)
    if escrevendo:
        # Pela API, o diário já estava aberto; a direta ainda provava, na transação que morreu.
        acao = ("continuar",) if via == API else ("--backup", carimbo)
        acabou = restaurar_ja(projeto, destino, DONO, *acao, mais=mais)
        assert acabou.codigo == 0, acabou.tudo
        assert alterada(impressoes(projeto), de_antes) == {("produtos", VIZINHA)}


# -- os nomes, sem servidor ----------------------------------------------------------------------


def test_nomes_novos_ao_mesmo_tempo(tmp_path: Path) -> None:
    """Ids que começam igual, cada um por uma execução sua, e o mesmo por duas: cada empresa numa
    pasta só dela."""
    ids = [f"abc12345-{n:04d}-4000-8000-00000000000{n}" for n in range(6)] * 2
    agora = datetime(2026, 1, 16, 3, 0, 0).astimezone()
    largada = threading.Barrier(len(ids))

    def publicar(user_id: str) -> None:
        deposito = Deposito(tmp_path)
        with deposito.trabalhando():
            largada.wait(PACIENCIA)
            while True:
                with (
                    contextlib.suppress(TravaOcupada),
                    deposito.trava_da_empresa(Empresa(user_id, "")),
                ):
                    guardar(deposito, user_id, user_id, agora)
                    return

    with ThreadPoolExecutor(len(ids)) as fios:
        list(fios.map(publicar, ids))
    donos: dict[str, set[str]] = {}
    for meta in metadados(tmp_path):
        donos.setdefault(meta["pasta"].name, set()).add(meta["user_id"])
    assert sorted(map(len, donos.values())) == [1] * 6
    assert {d for ds in donos.values() for d in ds} == set(ids)
    assert len(metadados(tmp_path)) == len(ids)
    assert sem_sobras(tmp_path)


def test_a_trava_da_pasta_toda_de_uma_versao_antiga(tmp_path: Path) -> None:
    """Uma versão antiga segura `.trava` enquanto trabalha: esta não mexe ao lado dela."""
    from cofre.deposito import trava

    with pytest.MonkeyPatch.context() as mp:
        mp.setattr(trava, "INSTANTE", 0.1)
        with trava.breve(tmp_path), pytest.raises(TravaOcupada, match="está em uso"):
            Deposito(tmp_path).preparar()
    Deposito(tmp_path).preparar()


def test_quem_tem_a_empresa_diz_quem_e(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path, acao="teste")
    with deposito.trava_da_empresa(Empresa(DONO, PADARIA)):
        (ficha,) = (tmp_path / ".travas").glob("*.json")
        quem = json.loads(ficha.read_text("utf-8"))
        assert list(quem) == ["acao", "pid", "maquina", "usuario", "desde"]
        assert quem["acao"] == "teste"
        outra = Deposito(tmp_path).trava_da_empresa(Empresa(DONO, PADARIA))
        with pytest.raises(TravaOcupada, match=f"A empresa {PADARIA} está em uso por "):
            outra.tomar()
    assert not ficha.exists()
    outra.tomar()
    outra.soltar()
