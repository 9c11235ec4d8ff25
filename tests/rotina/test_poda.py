"""A ação `podar`: o que sai, o que nunca sai, e a morte em qualquer ponto do caminho."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import signal
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apoio.campanha import CAMPANHA
from apoio.danos import virar_um_bit
from apoio.execucao import (
    RAIZ,
    Saida,
    abrir,
    ate_o_fim,
    executar,
    fotografia_do_disco,
)
from apoio.inventados import ANA, BIA, arquivo, linhas, publicar
from apoio.loja import PELA_API, TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.valores import Politica
from cofre.base.modelo import Empresa
from cofre.base.tela import RelatoTexto
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import (
    CONCLUIDA,
    DEIXADA,
    DESFEITA,
    EM_ANDAMENTO,
    INCOMPLETA,
    abrir_novo,
    diarios,
)
from cofre.deposito.verificacao import danos_de
from cofre.rotina.encolhimento import reconhecer
from cofre.rotina.poda.poda import Poda

VIA = TANTO_FAZ

AGORA = datetime(2026, 3, 31, 12, 0, 0).astimezone()
INCOMPLETO: Mapping[str, Any] = {"falhas": {"vendas": "sem permissão"}}
SEM_ENCOLHER: Mapping[str, Any] = {"encolhimentos": []}
FOTO: Mapping[str, Any] = {"tipo": "pre_restauracao"}


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    return Deposito(tmp_path / "b")


def cinco_dias(deposito: Deposito, dono: str = ANA) -> list[Backup]:
    """De 01 a 05/03/2026; os clientes mudam todo dia, os produtos nunca."""
    return [
        publicar(
            deposito,
            f"2026030{d}_030000",
            {"clientes": linhas(d, dono), "produtos": linhas(5, dono)},
            dono,
        )
        for d in range(1, 6)
    ]


def podar(deposito: Deposito, *argumentos: str, resposta: str | None = None) -> Saida:
    """O script de verdade; sem resposta, a entrada está fechada."""
    processo = abrir(None, deposito.raiz, "podar", *argumentos, com_entrada=True)
    return ate_o_fim(processo, None if resposta is None else f"{resposta}\n".encode())


def poda_de(deposito: Deposito, politica: Politica, *, apesar: bool = False) -> Poda:
    return Poda(deposito, politica, RelatoTexto(None, None), apesar_do_encolhimento=apesar)


def ficam(deposito: Deposito, politica: Politica, *, apesar: bool = False) -> dict[str, list[str]]:
    """Poda no mesmo processo; devolve os motivos de cada um que ficou, conferindo o disco."""
    podar_ = poda_de(deposito, politica, apesar=apesar)
    planos = podar_.planejar(AGORA)
    assert podar_.executar(planos).codigo == 0
    motivos = {
        f"{p.empresa.nome[:3]} {b.carimbo.removesuffix('_030000')}": list(b.motivos)
        for p in planos
        for b in p.backups
        if not b.sai
    }
    no_disco = [b for pasta in deposito.pastas() for b in deposito.backups(pasta)]
    assert len(no_disco) == len(motivos)
    return motivos


def sem_trava(deposito: Deposito) -> dict[str, bytes]:
    disco = fotografia_do_disco(deposito.raiz)
    return {n: b for n, b in disco.items() if not n.startswith(".trava")}


# -- o script ------------------------------------------------------------------------------------


def test_mostra_pergunta_e_apaga(deposito: Deposito) -> None:
    """A tela inteira; o disco fica exatamente com o que a tela disse, e a vizinha como estava."""
    backups = cinco_dias(deposito)
    vizinha = publicar(deposito, "20260301_030000", dono=BIA)
    tamanhos = [
        sum(arquivo(b, t).stat().st_size for t in ("clientes", "produtos")) for b in backups
    ]
    ganho = sum(arquivo(b, "clientes").stat().st_size for b in backups[:3])
    sozinha = sum(arquivo(vizinha, t).stat().st_size for t in ("clientes", "produtos"))
    antes = sem_trava(deposito)
    fim = podar(deposito, "--manter-ultimos", "2", "--manter-anuais", "1", resposta="PODAR")
    assert fim.codigo == 0, fim.tudo
    assert fim.erros == ""
    assert fim.saida.splitlines() == [
        "🧹 PODA (guardar: 2 últimos, 1 anual)",
        "",
        f"🏢 Ana Doces: saem 3 de 5 backups; o disco ganha {ganho} B",
        f"   fica  2026-03-05 03:00:00  manual  completo  {tamanhos[4]} B  (último, anual)",
        f"   fica  2026-03-04 03:00:00  manual  completo  {tamanhos[3]} B  (último)",
        f"   sai   2026-03-03 03:00:00  manual  completo  {tamanhos[2]} B",
        f"   sai   2026-03-02 03:00:00  manual  completo  {tamanhos[1]} B",
        f"   sai   2026-03-01 03:00:00  manual  completo  {tamanhos[0]} B",
        "",
        "🏢 Bia Peças: nada sai de 1 backup",
        f"   fica  2026-03-01 03:00:00  manual  completo  {sozinha} B  (último, anual)",
        "",
        f"📦 Saem 3 de 6 backups; o disco ganha {ganho} B",
        f"Digite 'PODAR' para confirmar: ✅ 3 backups apagados; o disco ganhou {ganho} B",
    ]
    assert sem_trava(deposito) == {
        n: b for n, b in antes.items() if "bbbb2222" in n or re.search(r"_2026030[45]_", n)
    }
    assert list(danos_de(backups[3])) == list(danos_de(backups[4])) == []


@pytest.mark.parametrize("resposta", [None, "", "podar", "PODAR!", "s"])
def test_sem_a_palavra_nada_muda(deposito: Deposito, resposta: str | None) -> None:
    cinco_dias(deposito)
    antes = fotografia_do_disco(deposito.raiz)
    fim = podar(deposito, "--manter-ultimos", "1", resposta=resposta)
    assert (fim.codigo, fim.erros) == (130, "")
    assert fim.saida.endswith("👋 Poda cancelada.\n   Nada foi apagado.\n")
    assert fotografia_do_disco(deposito.raiz) == antes


def test_simular_so_mostra_e_o_json_diz_tudo(deposito: Deposito) -> None:
    cinco_dias(deposito)
    antes = fotografia_do_disco(deposito.raiz)
    fim = podar(deposito, "--manter-diarios", "2", "--simular", "--json")
    assert fim.codigo == 0, fim.tudo
    assert fotografia_do_disco(deposito.raiz) == antes
    documento = fim.json()
    assert documento["guardar"] == {
        "ultimos": 0,
        "diarios": 2,
        "semanais": 0,
        "mensais": 0,
        "anuais": 0,
        "horarios": 0,
    }
    (empresa,) = documento["empresas"]
    assert {b["carimbo"]: (b["sai"], b["motivos"]) for b in empresa["backups"]} == {
        "20260301_030000": (True, []),
        "20260302_030000": (True, []),
        "20260303_030000": (True, []),
        "20260304_030000": (False, ["diário"]),
        "20260305_030000": (False, ["diário"]),
    }
    assert (documento["apagados"], documento["bytes_liberados"]) == (0, 0)
    feito = podar(deposito, "--manter-diarios", "2", "--sim", "--json")
    assert feito.codigo == 0
    assert feito.json() | {"apagados": 0, "bytes_liberados": 0} == documento
    assert (feito.json()["apagados"], feito.json()["bytes_liberados"]) == (3, empresa["libera"])


def test_sem_regra_se_recusa(deposito: Deposito) -> None:
    cinco_dias(deposito)
    antes = fotografia_do_disco(deposito.raiz)
    fim = podar(deposito, "--sim")
    assert fim.codigo == 2
    assert fim.erros.startswith(
        "❌ Nada é apagado sem que se diga o que guardar: falta ao menos um --manter.\n"
    )
    assert fotografia_do_disco(deposito.raiz) == antes
    for errado in ("0", "-1", "sete", "10000"):
        fim = podar(deposito, "--sim", "--manter-diarios", errado)
        assert fim.codigo == 2, fim.tudo
    assert fotografia_do_disco(deposito.raiz) == antes


def test_so_a_empresa_pedida(deposito: Deposito) -> None:
    cinco_dias(deposito)
    cinco_dias(deposito, BIA)
    fim = podar(deposito, "--manter-ultimos", "1", "--sim", "--empresa", "bia")
    assert fim.codigo == 0, fim.tudo
    assert "Ana" not in fim.saida
    assert [len(deposito.backups(p)) for p in deposito.pastas()] == [5, 1]


def test_nada_para_podar(deposito: Deposito) -> None:
    fim = podar(deposito, "--manter-ultimos", "1", "--sim")
    assert fim.codigo == 3
    publicar(deposito, "20260301_030000")
    fim = podar(deposito, "--manter-ultimos", "1")
    assert (fim.codigo, fim.saida.splitlines()[-1]) == (0, "✅ Nada a apagar (1 backup)")


def test_so_a_empresa_em_uso_nao_se_poda(deposito: Deposito) -> None:
    """Um backup em andamento tem a Ana: a poda espera o que se disse, e só a outra sai."""
    cinco_dias(deposito)
    cinco_dias(deposito, BIA)
    antes = deposito.da_empresa(ANA)
    fazendo = Deposito(deposito.raiz, acao="backup")
    with fazendo.trava_da_empresa(Empresa(ANA, "Ana Doces")):
        fim = podar(deposito, "--manter-ultimos", "1", "--sim", "--esperar", "0", "--json")
        assert fim.codigo == fim.json()["codigo"] == 5, fim.tudo
    assert list(fim.json()["ocupadas"]) == [ANA]
    assert "⏭️ A empresa Ana Doces está em uso por backup (processo " in fim.erros
    assert "   Nada de Ana Doces foi apagado: fica para a próxima poda." in fim.erros
    assert deposito.da_empresa(ANA) == antes
    assert [len(deposito.backups(p)) for p in deposito.pastas()] == [5, 1]


# -- o que nunca sai ----------------------------------------------------------------------------

UM = Politica(ultimos=1)


def test_um_incompleto_no_fim_nao_leva_o_ultimo_completo(deposito: Deposito) -> None:
    publicar(deposito, "20260301_030000")
    publicar(deposito, "20260302_030000")
    publicar(deposito, "20260303_030000", **INCOMPLETO)
    publicar(deposito, "20260304_030000", tabelas_nao_pedidas=["vendas"])
    assert ficam(deposito, UM) == {
        "Ana 20260302": ["último"],
        "Ana 20260303": ["não há completo mais novo"],
        "Ana 20260304": ["não há completo mais novo"],
    }


def _apagar_arquivo(backup: Backup) -> None:
    arquivo(backup, "clientes").unlink()


def _cortar_arquivo(backup: Backup) -> None:
    caminho = arquivo(backup, "clientes")
    dados = caminho.read_bytes()
    caminho.unlink()
    caminho.write_bytes(dados[:-1])


def _estragar_metadados(backup: Backup) -> None:
    (backup.pasta / f"backup_metadata_{backup.carimbo}.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize("estragar", [_apagar_arquivo, _cortar_arquivo, _estragar_metadados])
def test_danificados_nao_contam_nem_sao_tocados(
    deposito: Deposito, estragar: Callable[[Backup], None]
) -> None:
    backups = cinco_dias(deposito)
    estragar(backups[1])
    estragar(backups[4])
    assert ficam(deposito, UM) == {
        "Ana 20260302": ["danificado: veja com verificar"],
        "Ana 20260304": ["último"],
        "Ana 20260305": ["danificado: veja com verificar", "não há completo mais novo"],
    }


def test_o_que_ficaria_e_relido_antes_do_primeiro_apagado(deposito: Deposito) -> None:
    """Um bit virado no completo mais novo não muda o tamanho: só relendo se vê. Nada dessa empresa
    sai, e as outras seguem."""
    backups = cinco_dias(deposito)
    cinco_dias(deposito, BIA)
    caminho = arquivo(backups[4], "clientes")
    virar_um_bit(caminho, 20)
    antes = {n: b for n, b in sem_trava(deposito).items() if "aaaa1111" in n}
    fim = podar(deposito, "--manter-ultimos", "1", "--sim")
    assert fim.codigo == 6, fim.tudo
    assert (
        "❌ Ana Doces: o completo mais novo, de 2026-03-05 03:00:00, está danificado"
        " (clientes: o conteúdo mudou: a soma sha256 não confere)"
    ) in fim.saida.splitlines()
    assert {n: b for n, b in sem_trava(deposito).items() if "aaaa1111" in n} == antes
    assert [b.carimbo for b in deposito.da_empresa(BIA)] == ["20260305_030000"]
    assert fim.saida.splitlines()[-1].startswith("✅ 4 backups apagados; ")


def _diario(deposito: Deposito, estado: str, backup: str, antes: str, dono: str = ANA) -> None:
    diario = abrir_novo(
        deposito.pasta_da_empresa(dono), {"user_id": dono, "backup": backup, "antes": antes}
    )
    diario.anotar(estado=estado)


@pytest.mark.parametrize("estado", [EM_ANDAMENTO, INCOMPLETA, DEIXADA, CONCLUIDA])
def test_o_que_uma_restauracao_precisa(deposito: Deposito, estado: str) -> None:
    """As por concluir, e a última que ainda se pode desfazer, mesmo velhas."""
    publicar(deposito, "20250101_030000")
    publicar(deposito, "20250102_030000")
    publicar(deposito, "20250103_030000", **FOTO)
    publicar(deposito, "20250104_030000", **FOTO)
    publicar(deposito, "20260305_030000")
    _diario(deposito, CONCLUIDA, "20250102_030000", "20250104_030000")
    _diario(deposito, estado, "20250101_030000", "20250103_030000")
    assert ficam(deposito, UM) == {
        "Ana 20250101": ["uma restauração precisa dele"],
        "Ana 20250103": ["uma restauração precisa dele"],
        "Ana 20260305": ["último"],
    }


def test_os_dois_backups_de_uma_mudanca_desfeita_ficam(deposito: Deposito) -> None:
    """Para a continuar, ou desfazer, precisa-se dos dois entre que ela está."""
    for dia in (1, 2, 3, 4):
        publicar(deposito, f"2025010{dia}_030000", **(FOTO if dia == 4 else {}))
    publicar(deposito, "20260305_030000")
    mudanca = {"antes": "20250101_030000", "depois": "20250102_030000"}
    _diario(deposito, CONCLUIDA, "20250101_030000", "20250104_030000")
    (diario,) = diarios(deposito.pasta_da_empresa(ANA))
    diario.anotar(recorte={"mudanca": mudanca})
    assert ficam(deposito, UM) == {
        "Ana 20250101": ["uma restauração precisa dele"],
        "Ana 20250102": ["uma restauração precisa dele"],
        "Ana 20250104": ["uma restauração precisa dele"],
        "Ana 20260305": ["último"],
    }


def test_desfeita_nao_precisa_de_nada_e_a_anterior_precisa(deposito: Deposito) -> None:
    for dia in (1, 2, 3, 4):
        publicar(deposito, f"2025010{dia}_030000", **(FOTO if dia > 2 else {}))
    publicar(deposito, "20260305_030000")
    _diario(deposito, CONCLUIDA, "20250101_030000", "20250103_030000")
    _diario(deposito, DESFEITA, "20250102_030000", "20250104_030000")
    assert list(ficam(deposito, UM)) == ["Ana 20250101", "Ana 20250103", "Ana 20260305"]


def test_diario_ilegivel_protege_tudo(deposito: Deposito) -> None:
    (pasta,) = {b.pasta for b in cinco_dias(deposito)}
    (pasta / "restauracao_20260301_100000.json").write_text("{", encoding="utf-8")
    motivos = ficam(deposito, UM)
    assert len(motivos) == 5
    assert all(m[0] == "há um diário de restauração que não se lê" for m in motivos.values())


def test_fotos_de_menos_de_30_dias(deposito: Deposito) -> None:
    dias = {n: (AGORA - timedelta(days=n)).strftime("%Y%m%d_%H%M%S") for n in (29, 31)}
    for carimbo in dias.values():
        publicar(deposito, carimbo, **FOTO)
    publicar(deposito, "20260330_030000", tipo="agendado")
    assert ficam(deposito, UM) == {
        f"Ana {dias[29]}": ["foto de menos de 30 dias"],
        "Ana 20260330": ["último"],
    }


def test_um_tipo_que_as_regras_nao_conhecem_fica(deposito: Deposito) -> None:
    publicar(deposito, "20250101_030000", tipo="importado")
    publicar(deposito, "20260330_030000")
    assert ficam(deposito, UM) == {
        "Ana 20250101": ["é do tipo «importado»: as regras não o conhecem"],
        "Ana 20260330": ["último"],
    }


def test_encolhimento_segura_os_anteriores(deposito: Deposito) -> None:
    for dia in range(1, 7):
        mais: dict[str, Any] = {"encolhimentos": [{"tabela": "clientes", "antes": 120, "agora": 0}]}
        publicar(deposito, f"2026030{dia}_030000", **(mais if dia == 3 else SEM_ENCOLHER))
    assert list(ficam(deposito, UM)) == [
        "Ana 20260301",
        "Ana 20260302",
        "Ana 20260303",
        "Ana 20260306",
    ]
    # No dia seguinte também, e na tela está por quê.
    fim = podar(deposito, "--manter-ultimos", "1", "--simular")
    assert fim.saida.count("(os dados encolheram depois dele)") == 2
    apesar = podar(deposito, "--manter-ultimos", "1", "--sim", "--apesar-do-encolhimento")
    assert apesar.codigo == 0
    assert [b.carimbo for b in deposito.da_empresa(ANA)] == ["20260306_030000"]


def test_encolhimento_reconhecido_nao_segura_mais(deposito: Deposito) -> None:
    for dia in range(1, 6):
        mais: dict[str, Any] = {"encolhimentos": [{"tabela": "clientes", "antes": 120, "agora": 0}]}
        publicar(deposito, f"2026030{dia}_030000", **(mais if dia in (2, 5) else SEM_ENCOLHER))
    assert len(ficam(deposito, UM)) == 5
    reconhecer(deposito.pasta_da_empresa(ANA), ANA, deposito.da_empresa(ANA)[3])
    # O de depois do que se reconheceu ainda segura todos; sem ele, nada segura.
    assert len(ficam(deposito, UM)) == 5
    reconhecer(deposito.pasta_da_empresa(ANA), ANA, deposito.da_empresa(ANA)[4])
    assert list(ficam(deposito, UM)) == ["Ana 20260305"]


def test_a_primeira_versao_nao_se_poda(deposito: Deposito) -> None:
    """Quais são os arquivos dela depende da data do backup anterior: nem ele sai."""
    publicar(deposito, "20260101_030000")
    (pasta,) = deposito.pastas()
    (pasta / "produtos_20260201_030000.json").write_text("[]", encoding="utf-8")
    (pasta / "backup_metadata_20260201_030001.json").write_text(
        json.dumps({"user_id": ANA, "nome": "Ana Doces", "tabelas": ["produtos"]}), encoding="utf-8"
    )
    publicar(deposito, "20260301_030000")
    publicar(deposito, "20260302_030000")
    assert list(ficam(deposito, UM)) == ["Ana 20260101", "Ana 20260201_030001", "Ana 20260302"]


def test_metadados_copiados_nao_levam_os_arquivos_do_original(deposito: Deposito) -> None:
    backups = cinco_dias(deposito)
    pasta = backups[0].pasta
    shutil.copy(
        pasta / f"backup_metadata_{backups[1].carimbo}.json",
        pasta / "backup_metadata_20260302_090000.json",
    )
    motivos = ficam(deposito, UM)
    assert motivos == {
        "Ana 20260302": ["cita arquivos de outro backup"],
        "Ana 20260302_090000": ["cita arquivos de outro backup"],
        "Ana 20260305": ["último"],
    }


def test_empresa_que_sumiu_guarda_o_que_as_regras_mandam(deposito: Deposito) -> None:
    for ano in (2019, 2020):
        for mes in (1, 2):
            publicar(deposito, f"{ano}0{mes}10_030000")
    cinco_dias(deposito, BIA)
    assert ficam(deposito, Politica(diarios=2, anuais=2)) == {
        "Ana 20190210": ["anual"],
        "Ana 20200110": ["diário"],
        "Ana 20200210": ["diário", "anual"],
        "Bia 20260301": ["anual"],
        "Bia 20260304": ["diário"],
        "Bia 20260305": ["diário", "anual"],
    }


def test_so_sai_o_que_o_usuario_viu(deposito: Deposito) -> None:
    """Entre a pergunta e a resposta, outro backup chegou: o que ele libera não foi mostrado."""
    cinco_dias(deposito)
    podar_ = poda_de(deposito, UM)
    vistos = podar_.planejar(AGORA)
    publicar(deposito, "20260306_030000")
    podar_.executar(vistos)
    assert [b.carimbo for b in deposito.da_empresa(ANA)] == ["20260305_030000", "20260306_030000"]


# -- a morte no meio ----------------------------------------------------------------------------

# Morre antes do n-ésimo passo no disco: criar, escrever, renomear ou apagar algo no destino.
SUICIDA = """
import os, runpy, signal, sys
sys.argv.pop(0)
alvo = int(os.environ["PASSO"])
destino = os.environ["BACKUP_DIR"]
passos = 0
MUDAM = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link"}
def gancho(evento, argumentos):
    global passos
    escreve = evento == "open" and argumentos[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if evento in MUDAM or (escreve and str(argumentos[0]).startswith(destino)):
        passos += 1
        if passos == alvo:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(gancho)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PASSOS = 57
"""No mínimo: é morta até não haver mais."""
PULO = 1 if CAMPANHA else 8


def test_kill_9_em_cada_passo(tmp_path: Path) -> None:
    """Dois backups a apagar, um compactado e um que divide arquivo com o que fica. Depois de cada
    morte, cada backup está inteiro ou não está; a próxima execução termina, e não sobra nada. Um
    passo em cada oito; nas campanhas, todos."""
    terminou = False
    for passo in itertools.count(1, PULO):
        if terminou:
            break
        deposito = Deposito(tmp_path / str(passo))
        for d in (1, 2, 3):
            deposito.compactar = d == 1
            tabelas = {"produtos": linhas(5), "clientes": linhas(d)}
            publicar(deposito, f"2026030{d}_030000", tabelas)
        publicar(deposito, "20260301_030000", dono=BIA)
        inteiro = sem_trava(deposito)
        mais = {"PASSO": str(passo), "PYTHONDONTWRITEBYTECODE": "1"}
        pedido = ("podar", "--manter-ultimos", "1", "--sim")
        fim = executar(None, deposito.raiz, *pedido, mais=mais, programa=SUICIDA, novo=False)
        terminou = fim.codigo == 0
        if not terminou:
            assert fim.codigo == -signal.SIGKILL, fim.tudo
            _cada_um_inteiro_ou_ausente(deposito, inteiro)
            assert podar(deposito, *pedido[1:]).codigo == 0
        assert sem_trava(deposito) == {
            n: b for n, b in inteiro.items() if "bbbb2222" in n or "_20260303_" in n
        }
        _cada_um_inteiro_ou_ausente(deposito, inteiro)
    assert passo - PULO >= PASSOS


def _cada_um_inteiro_ou_ausente(deposito: Deposito, inteiro: Mapping[str, bytes]) -> None:
    """Os backups que há não têm dano; o que não se deve apagar está byte a byte como era."""
    backups = [b for pasta in deposito.pastas() for b in deposito.backups(pasta)]
    assert [(b.carimbo, d) for b in backups for d in danos_de(b)] == []
    carimbos = [b.carimbo for b in deposito.da_empresa(ANA)]
    assert carimbos[-1] == "20260303_030000"
    agora = sem_trava(deposito)
    for nome, dados in inteiro.items():
        if "bbbb2222" in nome or any(f"_{c}" in nome for c in carimbos):
            assert agora[nome] == dados


def test_um_backup_termina_a_poda_que_morreu(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """E uma pasta de nome parecido, que não é nossa, fica como está."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,))
    assert executar(projeto, tmp_path, "--empresa", DONO).codigo == 0
    (pasta,) = tmp_path.glob("empresa_*")
    (meta,) = pasta.glob("backup_metadata_*")
    carimbo = meta.stem.removeprefix("backup_metadata_")
    velhos = {p.name for p in pasta.iterdir()}
    poda = pasta / f".podando_{carimbo}"
    poda.mkdir()
    meta.rename(poda / meta.name)
    alheia = pasta / ".podando_notas"
    alheia.mkdir()
    (alheia / "lista.txt").write_text("minhas notas", encoding="utf-8")
    cheia = pasta / ".podando_20200101_000000"
    cheia.mkdir()
    (cheia / "meu.txt").write_text("meu", encoding="utf-8")
    assert executar(projeto, tmp_path, "--empresa", DONO).codigo == 0
    agora = {p.name for p in pasta.iterdir()}
    assert agora & velhos == set()
    assert {n for n in agora if n.startswith(".")} == {alheia.name, cheia.name}
    assert (alheia / "lista.txt").read_text("utf-8") == "minhas notas"
    assert (cheia / "meu.txt").read_text("utf-8") == "meu"
    (novo,) = Deposito(tmp_path).da_empresa(DONO)
    assert list(danos_de(novo)) == []


# -- a execução diária --------------------------------------------------------------------------


@PELA_API
def test_o_backup_do_dia_poda_depois_se_tudo_deu_certo(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,))
    deposito = Deposito(tmp_path)
    for dia in (1, 2, 3):
        publicar(deposito, f"2026030{dia}_030000", dono=DONO)
    env = {"BACKUP_MANTER_ULTIMOS": "2"}

    so_uma = executar(projeto, tmp_path, "--empresa", DONO, mais=env)
    assert so_uma.codigo == 0, so_uma.tudo
    assert "PODA" not in so_uma.saida
    assert len(deposito.da_empresa(DONO)) == 4

    with projeto.gateway.ao_pedir(lambda *_: False, tabela="clientes"):
        falhou = executar(projeto, tmp_path, "--tentativas", "1", mais=env)
    assert falhou.codigo == 4, falhou.tudo
    assert "PODA" not in falhou.saida
    assert len(deposito.da_empresa(DONO)) >= 4

    certo = executar(projeto, tmp_path, "--json", mais=env)
    assert certo.codigo == 0, certo.tudo
    documento = certo.json()
    ficaram = [b.carimbo for b in deposito.da_empresa(DONO)]
    assert len(ficaram) == 2
    assert ficaram[-1] == next(e["carimbo"] for e in documento["empresas"] if e["id"] == DONO)
    saidos = [b["carimbo"] for e in documento["poda"]["empresas"] for b in e["backups"] if b["sai"]]
    assert documento["poda"]["apagados"] == len(saidos)
    assert {f"2026030{d}_030000" for d in (1, 2, 3)} <= set(saidos)
    assert "🧹 PODA (guardar: 2 últimos)" in certo.erros


def test_a_poda_que_falha_nao_esconde_o_backup(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,))
    deposito = Deposito(tmp_path)
    publicar(deposito, "20260301_030000", dono=DONO)
    env = {"BACKUP_MANTER_ULTIMOS": "1"}
    # Uma pasta onde a poda quer pôr a sua: a renomeação dos metadados não tem como dar certo.
    (pasta,) = deposito.pastas()
    (pasta / ".podando_20260301_030000").write_text("um arquivo", encoding="utf-8")
    fim = executar(projeto, tmp_path, "--json", mais=env)
    assert fim.codigo == 4, fim.tudo
    assert fim.json()["empresas_completas"] == 2
    assert fim.json()["poda"]["codigo"] == 4
    assert "❌ Poda não concluída: " in fim.erros
    assert len(deposito.da_empresa(DONO)) == 2
    assert (pasta / ".podando_20260301_030000").read_text("utf-8") == "um arquivo"


# -- o manual -----------------------------------------------------------------------------------


def test_a_tela_do_manual_e_a_de_verdade(deposito: Deposito) -> None:
    manual = (RAIZ / "scripts" / "manual" / "podar.md").read_text("utf-8")
    (tela,) = re.findall(r"^```text\n(🧹 PODA.*?)^```$", manual, re.MULTILINE | re.DOTALL)
    produtos = linhas(4000, nome="Caixa de som à prova d'água")
    for dia in (8, 9, 10, 11, 12, 13, 14, 15):
        mais = INCOMPLETO if dia == 12 else {}
        tabelas = {"produtos": produtos, "clientes": linhas(600 + dia, nome="Íris")}
        publicar(deposito, f"202601{dia:02}_030000", tabelas, nome="Grupo Raval", **mais)
    regras = ("--manter-diarios", "3", "--manter-semanais", "2")
    fim = podar(deposito, *regras, resposta="PODAR")
    assert fim.codigo == 0, fim.tudo
    assert tela == fim.saida.replace("confirmar: ", "confirmar: PODAR\n")
