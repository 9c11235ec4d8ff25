"""Backups cifrados, do banco ao disco e de volta, com os programas de verdade."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apoio.cifrados import (
    a_mao,
    abrindo_com,
    cifrando_para,
    conteudo_cifrado,
    guardada_em,
    sem_nada_em_claro,
)
from apoio.danos import virar_um_bit
from apoio.execucao import (
    BACKUP,
    PACIENCIA,
    RAIZ,
    RESTAURACAO,
    acesso,
    ambiente,
    conteudo,
    executar,
    fotografia_do_disco,
    metadados,
    restaurar,
    ultimo_backup,
)
from apoio.impressoes import executar_sql, impressoes, valor
from apoio.lacres import codigo_de
from apoio.loja import PELA_API, TANTO_FAZ
from apoio.lojinha import DONO, REGISTROS_DO_DONO, VIZINHA
from cofre.deposito.cifra.chaves import gerar
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

CHAVE, RESERVA, OUTRA = gerar(), gerar(), gerar()
DUAS = cifrando_para(CHAVE, RESERVA)
CONFIRMAR = ("--empresa", DONO, "--confirmar", "RESTAURAR")
SEGREDOS = ("Pão ", "Cliente ", "Bolo ", "0.123456789012345")
"""O que as linhas da lojinha têm, e os nomes das empresas e das tabelas não."""
ACIDENTE = (
    "DELETE FROM vendas_itens WHERE venda_id < 1000",
    f"DELETE FROM produtos WHERE user_id = '{DONO}' AND id > 20",
    f"UPDATE produtos SET nome = 'estragado' WHERE user_id = '{DONO}'",
)


@pytest.fixture(scope="module")
def guardado(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As duas empresas da lojinha, cifradas."""
    destino = tmp_path_factory.mktemp("cifrado") / "backups"
    feito = executar(projeto, destino, mais=DUAS)
    assert feito.codigo == 0, feito.tudo
    return destino


@pytest.fixture
def destino(guardado: Path, tmp_path: Path) -> Path:
    """Uma cópia dele, com o mesmo perfil, que o teste pode estragar."""
    shutil.copytree(guardado.parent, tmp_path / "copia")
    return tmp_path / "copia" / "backups"


@pytest.fixture
def intacto(projeto: SupabaseLocal) -> Iterator[None]:
    """No fim, o banco é o que era."""
    antes = impressoes(projeto)
    yield
    assert impressoes(projeto) == antes


# -- o que fica no disco ---------------------------------------------------------------------


def test_o_age_abre_cada_tabela_e_e_a_que_o_backup_em_claro_tem(
    projeto: SupabaseLocal, guardado: Path, tmp_path: Path
) -> None:
    assert executar(projeto, tmp_path / "claro").codigo == 0
    for dono in (DONO, VIZINHA):
        cifrado, claro = ultimo_backup(guardado, dono), ultimo_backup(tmp_path / "claro", dono)
        for chave in (CHAVE, RESERVA):
            assert conteudo_cifrado(cifrado, chave) == conteudo(claro)
        detalhes = json.loads(a_mao(next(cifrado["pasta"].glob("detalhes_*")), CHAVE))
        assert {t: s["sha256"] for t, s in detalhes["tabelas"].items()} == {
            t: s["sha256"] for t, s in claro["tabelas"].items()
        }


def test_nada_fica_em_claro_e_o_legivel_so_diz_o_que_pode(guardado: Path) -> None:
    assert sem_nada_em_claro([guardado.parent], [*SEGREDOS, CHAVE.texto(), RESERVA.texto()]) == []
    do_dono = ultimo_backup(guardado, DONO)
    assert {t: s["registros"] for t, s in do_dono["tabelas"].items()} == REGISTROS_DO_DONO
    visto = set().union(*do_dono["tabelas"].values())
    assert visto == {
        *("arquivo", "registros", "bytes", "compactado", "bytes_no_disco"),
        *("cifrado", "sha256_cifrado", "marca"),
    }
    assert not {"registros_da_empresa", "contradicoes", "sha256"} & set(do_dono)
    assert do_dono["cifrado"]["para"] == [c.publica.texto for c in (CHAVE, RESERVA)]
    nomes = {a.name.rpartition("_")[0].rpartition("_")[0] for a in do_dono["pasta"].iterdir()}
    assert nomes >= {"detalhes", "produtos", "backup_metadata"}


def test_o_que_nao_mudou_e_o_mesmo_arquivo_e_com_outras_chaves_nao(
    projeto: SupabaseLocal, destino: Path
) -> None:
    def nomes(backup: dict[str, Any]) -> dict[str, int]:
        pasta: Path = backup["pasta"]
        return {t: (pasta / s["arquivo"]).stat().st_nlink for t, s in backup["tabelas"].items()}

    assert executar(projeto, destino, mais=DUAS).codigo == 0
    segundo = ultimo_backup(destino, DONO)
    assert nomes(segundo) == dict.fromkeys(REGISTROS_DO_DONO, 2)
    assert executar(projeto, destino, mais=cifrando_para(RESERVA, OUTRA)).codigo == 0
    outro = ultimo_backup(destino, DONO)
    assert nomes(outro) == dict.fromkeys(REGISTROS_DO_DONO, 1)
    assert conteudo_cifrado(outro, OUTRA) == conteudo_cifrado(segundo, CHAVE)
    # Perdido o segredo deste PC, cifra-se outra vez; nunca é um erro.
    Path(f"{destino}.perfil", "cofre", "segredo").unlink()
    assert executar(projeto, destino, mais=cifrando_para(RESERVA, OUTRA)).codigo == 0
    assert nomes(ultimo_backup(destino, DONO)) == dict.fromkeys(REGISTROS_DO_DONO, 1)
    assert executar(projeto, destino, "verificar").codigo == 0


def test_o_de_ontem_que_se_estragou_nao_se_liga_outra_vez(
    projeto: SupabaseLocal, destino: Path
) -> None:
    ontem = ultimo_backup(destino, DONO)
    produtos = ontem["pasta"] / ontem["tabelas"]["produtos"]["arquivo"]
    virar_um_bit(produtos, -1)
    assert executar(projeto, destino, mais=DUAS).codigo == 0
    hoje = ultimo_backup(destino, DONO)
    ligadas = {
        t for t, s in hoje["tabelas"].items() if (hoje["pasta"] / s["arquivo"]).stat().st_nlink > 1
    }
    assert ligadas == {*REGISTROS_DO_DONO} - {"produtos"}
    verificado = executar(projeto, destino, "verificar", "--json")
    assert verificado.codigo == 6
    ruins = [b for b in verificado.json()["backups"] if b["danos"]]
    assert [(b["carimbo"], [d["tabela"] for d in b["danos"]]) for b in ruins] == [
        (_carimbo(ontem["tabelas"]["produtos"]["arquivo"]), ["produtos"])
    ]
    assert conteudo_cifrado(hoje, CHAVE)["produtos"].startswith(b"[\n")


def _carimbo(arquivo: str) -> str:
    return arquivo.removeprefix("produtos_").removesuffix(".json.gz.age")


# -- sem chave, e com ela --------------------------------------------------------------------


def test_sem_chave_ha_quase_tudo_menos_ler(projeto: SupabaseLocal, destino: Path) -> None:
    antes = fotografia_do_disco(destino)
    for acao in (
        ["listar"],
        ["verificar"],
        ["painel"],
        ["podar", "--manter-ultimos", "1", "--simular"],
    ):
        feito = executar(None, destino, *acao)
        assert feito.codigo == 0, feito.tudo
    assert "sem a chave, só os bytes" in executar(None, destino, "verificar").saida
    for acao in (
        ["procurar", DONO, "Pão"],
        ["historia", DONO, "produtos", "1"],
        ["comparar", DONO],
        ["exportar", DONO, str(destino.parent / "x.zip"), "--formato", "csv"],
        ["ensaiar", "--empresa", DONO],
    ):
        feito = executar(None, destino, *acao)
        assert feito.codigo == 2, feito.tudo
        assert CHAVE.publica.texto in feito.tudo
    assert fotografia_do_disco(destino) == antes


def test_com_a_chave_ha_tudo(projeto: SupabaseLocal, destino: Path, tmp_path: Path) -> None:
    assert executar(projeto, destino, mais=DUAS).codigo == 0
    chave = abrindo_com(tmp_path, RESERVA)
    verificado = executar(None, destino, "verificar", mais=chave)
    assert verificado.codigo == 0, verificado.tudo
    assert "só os bytes" not in verificado.saida
    achado = executar(None, destino, "procurar", DONO, "Pão 77", mais=chave)
    assert achado.codigo == 0, achado.tudo
    assert "Pão 77" in achado.saida
    assert executar(None, destino, "historia", DONO, "produtos", "77", mais=chave).codigo == 0
    carimbos = sorted(
        _carimbo(m["tabelas"]["produtos"]["arquivo"])
        for m in metadados(destino)
        if m["user_id"] == DONO
    )
    for dois in (carimbos, [carimbos[0], "agora"]):
        comparado = executar(projeto, destino, "comparar", DONO, *dois, mais=chave)
        assert comparado.codigo == 0, comparado.tudo
    csv = ("exportar", DONO, str(tmp_path / "x.zip"), "--formato", "csv")
    assert executar(None, destino, *csv, mais=chave).codigo == 0
    ensaio = executar(None, destino, "ensaiar", "--empresa", DONO, mais=chave)
    assert ensaio.codigo == 0, ensaio.tudo
    assert sem_nada_em_claro([destino], SEGREDOS) == []


def test_o_zip_vai_cifrado_e_volta_sem_chave(guardado: Path, tmp_path: Path) -> None:
    zip_, outro = tmp_path / "x.zip", tmp_path / "outro" / "backups"
    assert executar(None, guardado, "exportar", DONO, str(zip_)).codigo == 0
    assert sem_nada_em_claro([tmp_path], SEGREDOS) == []
    trazer = ("importar", str(zip_), "--codigo-do-lacre", codigo_de(guardado))
    importado = executar(None, outro, *trazer)
    assert importado.codigo == 0, importado.tudo
    origem, la = ultimo_backup(guardado, DONO), ultimo_backup(outro, DONO)
    assert _arquivos(la["pasta"]) == _arquivos(origem["pasta"])
    assert executar(None, outro, "importar", str(zip_)).codigo == 0
    assert len(metadados(outro)) == 1


def _arquivos(pasta: Path) -> dict[str, bytes]:
    return {a.name: a.read_bytes() for a in pasta.iterdir() if not a.name.startswith(".")}


# Guarda o que um programa derrama no disco enquanto trabalha, e faz com que derrame logo.
GUARDA = """
import itertools, os, runpy, sqlite3, sys, tempfile
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
onde, numeros, abrir_banco = os.environ["DERRAMADO"], itertools.count(), sqlite3.connect
def novo(nome):
    return os.path.join(onde, f"{nome}_{os.getpid()}_{next(numeros)}")
tempfile.TemporaryFile = lambda *_, **__: open(novo("rascunho"), "w+b")
tempfile.SpooledTemporaryFile = lambda *_, **__: open(novo("rascunho"), "w+b")
class Pasta(tempfile.TemporaryDirectory):
    def __init__(self, *_, **__):
        super().__init__(dir=onde)
        self._finalizer.detach()
    def cleanup(self): pass
tempfile.TemporaryDirectory = Pasta
def banco(qual, **mais):
    return abrir_banco(qual or novo("indice"), **mais)
sqlite3.connect = banco
from cofre.deposito import indice
indice.Indice.__init__.__defaults__ = (10,)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.usefixtures("intacto")
@pytest.mark.parametrize("cifra", [True, False], ids=["cifrado", "em claro"])
def test_nada_transborda_em_claro(projeto: SupabaseLocal, tmp_path: Path, *, cifra: bool) -> None:
    """Os rascunhos e os índices do backup e da restauração, guardados para se ver. Em claro, está
    tudo neles: quem procura, acha."""
    destino, derramado = tmp_path / "backups", tmp_path / "derramado"
    derramado.mkdir()
    mais = {"DERRAMADO": str(derramado)}
    mais |= {**DUAS, **abrindo_com(tmp_path, CHAVE)} if cifra else {}

    def rodar(script: Path, *argumentos: str) -> None:
        feito = executar(
            projeto, destino, *argumentos, mais=mais, script=script, programa=GUARDA, novo=False
        )
        assert feito.codigo == 0, feito.tudo

    rodar(BACKUP, "--conexoes", "2")
    executar_sql(projeto, *ACIDENTE)
    rodar(RESTAURACAO, *CONFIRMAR, "--linhas", "produtos: id=7")
    rodar(RESTAURACAO, *CONFIRMAR)
    segredos = [*SEGREDOS, "estragado", str(valor(projeto, "SELECT md5('c7')::uuid"))]
    achados = {re.split("[_.]", a)[0] for a in sem_nada_em_claro([derramado], segredos)}
    assert achados == (set() if cifra else {"rascunho", "indice", "0"})  # 0.json: numa pasta


# -- restaurar -------------------------------------------------------------------------------


@pytest.mark.usefixtures("intacto")
@pytest.mark.parametrize("via", [API, DIRETA])
def test_volta_tudo_desfaz_e_nada_fica_em_claro(
    projeto: SupabaseLocal, destino: Path, tmp_path: Path, via: str
) -> None:
    """Numa máquina sem BACKUP_CIFRAR_PARA: as fotos vão para as chaves do backup."""
    temporarios = tmp_path / "tmp"
    temporarios.mkdir()
    mais = {**abrindo_com(tmp_path, CHAVE), "TMPDIR": str(temporarios)}
    mais |= acesso(projeto, via)
    antes = impressoes(projeto)
    executar_sql(projeto, *ACIDENTE)
    estragado = impressoes(projeto)
    feito = restaurar(projeto, destino, *CONFIRMAR, mais=mais)
    assert feito.codigo == 0, feito.tudo
    assert impressoes(projeto) == antes
    foto = ultimo_backup(destino, DONO)
    assert (foto["tipo"], foto["cifrado"]["para"]) == (
        "pre_restauracao",
        [CHAVE.publica.texto, RESERVA.publica.texto],
    )
    desfeito = restaurar(
        projeto, destino, "desfazer", "--empresa", DONO, "--confirmar", "DESFAZER", mais=mais
    )
    assert desfeito.codigo == 0, desfeito.tudo
    assert impressoes(projeto) == estragado
    assert (
        restaurar(projeto, destino, *CONFIRMAR, "--backup", _mais_antigo(destino), mais=mais).codigo
        == 0
    )
    assert sem_nada_em_claro([destino, temporarios], [*SEGREDOS, "estragado"]) == []


def _mais_antigo(destino: Path) -> str:
    arquivo: str = min(
        (m for m in metadados(destino) if m["user_id"] == DONO), key=lambda m: m["inicio"]
    )["tabelas"]["produtos"]["arquivo"]
    return _carimbo(arquivo)


@pytest.mark.usefixtures("intacto")
def test_so_alguns_registros_e_o_diario_nao_diz_quais(
    projeto: SupabaseLocal, destino: Path, tmp_path: Path
) -> None:
    mais = abrindo_com(tmp_path, CHAVE)
    executar_sql(projeto, f"UPDATE clientes SET nome = 'x' WHERE user_id = '{DONO}'")
    antes = impressoes(projeto)
    um = str(valor(projeto, "SELECT md5('c7')::uuid"))
    feito = restaurar(
        projeto, destino, *CONFIRMAR, "--linhas", "clientes: nome=Cliente 7", mais=mais
    )
    assert feito.codigo == 0, feito.tudo
    assert sem_nada_em_claro([destino], [um, *SEGREDOS]) == []
    (diario,) = next(destino.glob("empresa_aaaa*")).glob("restauracao_*")
    assert set(json.loads(diario.read_text("utf-8"))["recorte"]) == {"fechado"}
    desfeito = restaurar(
        projeto, destino, "desfazer", "--empresa", DONO, "--confirmar", "DESFAZER", mais=mais
    )
    assert desfeito.codigo == 0, desfeito.tudo
    assert impressoes(projeto) == antes
    assert (
        restaurar(projeto, destino, *CONFIRMAR, "--backup", _mais_antigo(destino), mais=mais).codigo
        == 0
    )


@pytest.mark.usefixtures("intacto")
def test_sem_a_chave_certa_nada_se_escreve(
    projeto: SupabaseLocal, destino: Path, tmp_path: Path
) -> None:
    antes = fotografia_do_disco(destino)
    dentro = destino / "chave.txt"
    for mais, dito in (
        ({}, CHAVE.publica.texto),
        (abrindo_com(tmp_path, OUTRA), "não serve"),
        ({"BACKUP_CHAVE_ARQUIVO": str(tmp_path / "nada.txt")}, "pendrive"),
        ({"BACKUP_CHAVE_ARQUIVO": str(RAIZ / "README.md")}, "pasta do projeto"),
        ({"BACKUP_CHAVE_ARQUIVO": str(dentro)}, "pasta dos backups"),
        ({"BACKUP_CIFRAR_PARA": CHAVE.texto()}, "ABRE"),
    ):
        feito = restaurar(projeto, destino, *CONFIRMAR, mais=mais)
        assert feito.codigo == 2, feito.tudo
        assert dito in feito.tudo
        assert CHAVE.texto()[16:40] not in feito.tudo
    assert fotografia_do_disco(destino) == antes


def test_com_a_chave_de_ontem_e_preciso_a_de_hoje_para_a_foto(
    projeto: SupabaseLocal, destino: Path, tmp_path: Path
) -> None:
    """Trocadas as chaves, a foto de agora fecha-se com as novas: pede-se também uma delas."""
    novas = cifrando_para(OUTRA, RESERVA)
    de_ontem = {**novas, **abrindo_com(tmp_path, CHAVE)}
    feito = restaurar(projeto, destino, *CONFIRMAR, mais=de_ontem)
    assert feito.codigo == 2, feito.tudo
    assert OUTRA.publica.texto in feito.tudo
    assert "A foto que a restauração tira" in feito.tudo
    as_duas = ("--chave-arquivo", guardada_em(tmp_path, OUTRA, "nova.txt"))
    feito = restaurar(projeto, destino, *CONFIRMAR, "--simular", *as_duas, mais=de_ontem)
    assert feito.codigo == 0, feito.tudo


@pytest.mark.usefixtures("intacto")
def test_no_primeiro_dia_cifrado_o_que_mudou_nao_se_mede(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Ontem em claro, com outro conteúdo: quem faz o backup não lê o que acabou de cifrar. O que
    encolheu, que só se conta, diz-se."""
    destino, antes = tmp_path / "backups", impressoes(projeto)
    assert executar(projeto, destino).codigo == 0
    executar_sql(projeto, *ACIDENTE)
    feito = executar(projeto, destino, mais=DUAS)
    assert feito.codigo == 10, feito.tudo
    assert "produtos: eram 300 registros" in feito.saida
    cifrado = ultimo_backup(destino, DONO)
    assert conteudo_cifrado(cifrado, CHAVE)["produtos"].count(b"estragado") == 20
    mais = {**DUAS, **abrindo_com(tmp_path, CHAVE)}
    claro = next(m for m in metadados(destino) if m["user_id"] == DONO and "cifrado" not in m)
    carimbo = claro["tabelas"]["produtos"]["arquivo"][len("produtos_") : -len(".json")]
    feito = restaurar(projeto, destino, *CONFIRMAR, "--backup", carimbo, mais=mais)
    assert feito.codigo == 0, feito.tudo
    assert impressoes(projeto) == antes
    assert "cifrado" in ultimo_backup(destino, DONO)
    assert executar(None, destino, "verificar").codigo == 0


@pytest.mark.usefixtures("intacto")
def test_um_registro_so_e_uma_mudanca_voltam_de_cifrados(
    projeto: SupabaseLocal, destino: Path, tmp_path: Path
) -> None:
    antes, mais = impressoes(projeto), {**DUAS, **abrindo_com(tmp_path, CHAVE)}
    executar_sql(
        projeto,
        "DELETE FROM vendas_itens WHERE venda_id = 9",
        "DELETE FROM vendas WHERE id = 9",
        f"UPDATE clientes SET nome = 'trocado' WHERE user_id = '{DONO}'",
    )
    assert executar(projeto, destino, mais=DUAS).codigo == 0
    carimbos = sorted(
        _carimbo(m["tabelas"]["produtos"]["arquivo"])
        for m in metadados(destino)
        if m["user_id"] == DONO
    )
    de_um = ("registro", "--tabela", "vendas", "--chave", "9", "--com-ligados")
    feito = restaurar(projeto, destino, *de_um, *CONFIRMAR, mais=mais)
    assert feito.codigo == 0, feito.tudo
    da_mudanca = ("--antes", carimbos[0], "--depois", carimbos[1], "--tabelas", "clientes")
    feito = restaurar(projeto, destino, "desfazer-mudanca", *da_mudanca, *CONFIRMAR, mais=mais)
    assert feito.codigo == 0, feito.tudo
    assert impressoes(projeto) == antes
    assert sem_nada_em_claro([destino], [*SEGREDOS, "trocado"]) == []


# O pacote não está instalado: importá-lo falha.
SEM_O_PACOTE = """
import os, runpy, sys
sys.argv.pop(0)
sys.modules["pyrage"] = None
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@PELA_API
def test_sem_o_pacote_nada_se_grava_nem_se_pede(projeto: SupabaseLocal, destino: Path) -> None:
    antes = fotografia_do_disco(destino)
    projeto.gateway.esquecer_pedidos()
    feito = executar(projeto, destino, mais=DUAS, programa=SEM_O_PACOTE)
    assert feito.codigo == 2, feito.tudo
    assert "requirements-copia.txt" in feito.tudo
    assert projeto.gateway.pedidos == []
    assert fotografia_do_disco(destino) == antes
    for ruim in ("age1abc,age1def", CHAVE.publica.texto):
        feito = executar(projeto, destino, mais={"BACKUP_CIFRAR_PARA": ruim})
        assert feito.codigo == 2, feito.tudo
        assert projeto.gateway.pedidos == []
    assert fotografia_do_disco(destino) == antes
    # Quem não cifra não precisa dele, e sem ele vê os cifrados que há.
    assert executar(projeto, destino, "listar", programa=SEM_O_PACOTE).codigo == 0
    assert executar(projeto, destino, "verificar", programa=SEM_O_PACOTE).codigo == 0


@pytest.mark.skipif(sys.platform == "win32", reason="não há pty")
def test_digitada_num_terminal_nao_aparece(
    projeto: SupabaseLocal, destino: Path, tmp_path: Path
) -> None:
    mestre, escravo = pty.openpty()
    processo = subprocess.Popen(
        [sys.executable, str(RESTAURACAO), *CONFIRMAR, "--simular"],
        env=ambiente(projeto, destino, {"TERM": "xterm"}),
        stdin=escravo,
        stdout=escravo,
        stderr=escravo,
        start_new_session=True,  # sem o terminal de quem roda os testes
    )
    os.close(escravo)
    visto = _conversar(mestre, [OUTRA.texto(), CHAVE.texto()[:30], CHAVE.texto().lower()])
    os.close(mestre)
    assert processo.wait(PACIENCIA) == 0, visto
    assert OUTRA.publica.texto in visto
    for chave in (OUTRA, CHAVE):
        assert chave.texto()[16:30].lower() not in visto.lower()
        assert sem_nada_em_claro([destino], [chave.texto()[16:40]]) == []


def _conversar(mestre: int, respostas: list[str]) -> str:
    """Responde a cada pergunta da chave, e lê até o fim."""
    visto = b""
    try:
        while parte := os.read(mestre, 65536):
            visto += parte
            if respostas and visto.count(b"sai): ") > 3 - len(respostas):
                os.write(mestre, f"{respostas.pop(0)}\n".encode())
    except OSError:  # é assim que o Linux diz que o outro lado fechou
        pass
    return visto.decode()
