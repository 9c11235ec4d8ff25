"""A cópia de cada dia: depois do backup, sem nunca o estragar, e com todos os alarmes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apoio.avisos import servidor_de_avisos
from apoio.campanha import amostra
from apoio.cifrados import cifrando_para, guardada_em
from apoio.destinos import SEGREDO, LugarPasta
from apoio.execucao import (
    BACKUP,
    PACIENCIA,
    Saida,
    abrir,
    ate_o_fim,
    executar,
    fotografia_do_disco,
    metadados,
    restaurar,
)
from apoio.impressoes import executar_sql, impressoes
from apoio.loja import PELA_API, TANTO_FAZ
from apoio.lojinha import DONO
from apoio.servidores_s3 import CHAVE as CHAVE_S3
from apoio.servidores_s3 import PREFIXO, LugarS3, ServidoresS3, programa
from apoio.terminal import num_terminal
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.lacre.lacre import ler
from cofre.remoto.disposicao import endereco_no_nome, soma_no_nome
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

CHAVE, RESERVA = gerar(), gerar()
PASSOS = range(1, 161)
"""No disco: mais do que os que um envio, ou uma vinda, destas empresas pequenas tem."""

# Morre antes do n-ésimo passo no disco debaixo de ONDE: criar, renomear ou apagar algo.
SUICIDA = """
import os, runpy, signal, sys
sys.argv.pop(0)
alvo, onde = int(os.environ["PASSO"]), os.environ["ONDE"]
passos = 0
MUDAM = {"os.rename", "os.mkdir", "os.rmdir", "os.remove"}
def gancho(evento, argumentos):
    global passos
    escreve = evento == "open" and argumentos[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (evento in MUDAM or escreve) and str(argumentos[0]).startswith(onde):
        passos += 1
        if passos == alvo:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(gancho)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def modelo(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Um PC com um backup cifrado de cada empresa, e sem cópia."""
    raiz = tmp_path_factory.mktemp("cada-dia") / "pc"
    feito = executar(projeto, raiz / "backups", mais=cifrando_para(CHAVE, RESERVA))
    assert feito.codigo == 0, feito.tudo
    return raiz


@pytest.fixture
def destino(modelo: Path, tmp_path: Path) -> Path:
    shutil.copytree(modelo, tmp_path / "pc")
    return tmp_path / "pc" / "backups"


@pytest.fixture
def fora(tmp_path: Path) -> LugarPasta:
    (tmp_path / "fora").mkdir()
    return LugarPasta(tmp_path / "fora")


def para_cifrar() -> dict[str, str]:
    return cifrando_para(CHAVE, RESERVA)


def para(fora: LugarPasta, **mais: str) -> dict[str, str]:
    return {**para_cifrar(), "COPIA_DESTINO": f"pasta:{fora.raiz}", **mais}


def inteira(fora: LugarPasta) -> bool:
    """Se cada lacre que lá está tem todos os seus conteúdos, com o tamanho certo."""
    conteudo = fora.conteudo()
    somas = {s: len(d) for n, d in conteudo.items() if (s := soma_no_nome(n))}
    lidos = [ler(d) for n, d in conteudo.items() if endereco_no_nome(n)]
    return all(somas.get(soma) == n for lacre in lidos for soma, n in lacre.blobs)


def ultima(destino: Path) -> dict[str, Any]:
    lida: dict[str, Any] = json.loads((destino / "ultima_execucao.json").read_bytes())
    return lida


def test_uma_copia_que_falha_nao_estraga_o_backup_e_todos_os_alarmes_tocam(
    projeto: SupabaseLocal, destino: Path, fora: LugarPasta
) -> None:
    antes = len(metadados(destino))
    with servidor_de_avisos() as avisos:
        mais = para(
            LugarPasta(fora.raiz / "desligado"),
            BACKUP_WEBHOOK_URL=avisos.url("gancho"),
            BACKUP_PING_URL=avisos.url("ping"),
        )
        feito = executar(projeto, destino, "--json", mais=mais)
    assert feito.codigo == 13, feito.tudo
    assert len(metadados(destino)) == antes + 2, "os backups daqui fizeram-se"
    documento = feito.json()
    assert documento["codigo"] == 13
    assert documento["empresas_completas"] == 2
    assert documento["copia"]["destinos"][0]["codigo"] == 13
    (falha,) = documento["falhas"]
    assert falha.startswith("cópia em pasta:")
    assert "não existe" in falha
    assert {a.caminho.rpartition("/")[2] for a in avisos.recebidos} == {"start", "fail", "gancho"}
    (mensagem,) = (json.loads(a.corpo) for a in avisos.recebidos if a.caminho.endswith("gancho"))
    assert mensagem["evento"] == "copia"
    assert mensagem["text"].startswith("📤 Backup feito, mas a cópia fora daqui não (código 13)")
    assert ultima(destino)["alarme"] is True
    assert ultima(destino)["falhas"] == [falha]
    pagina = (destino / "painel.html").read_text(encoding="utf-8")
    assert "cópia fora por fazer" in pagina
    assert "⚠️ cópia em pasta:" in executar(None, destino, "listar").saida


def test_com_tudo_certo_o_codigo_e_zero_e_ve_se_onde_esta(
    projeto: SupabaseLocal, destino: Path, fora: LugarPasta
) -> None:
    feito = executar(projeto, destino, "--json", mais=para(fora))
    assert feito.codigo == 0, feito.tudo
    (no_destino,) = feito.json()["copia"]["destinos"]
    assert (no_destino["backups"], no_destino["codigo"]) == (4, 0)
    assert inteira(fora)
    de_novo = executar(None, destino, "enviar", "--json", mais=para(fora)).json()
    assert [(d["conteudos"], d["backups"]) for d in de_novo["destinos"]] == [(0, 0)]
    conferida = executar(None, destino, "verificar", "--copia", "--parte", "1/1", mais=para(fora))
    assert conferida.codigo == 0, conferida.tudo
    lista = executar(None, destino, "listar", "--json").json()
    for empresa in lista["empresas"]:
        (copia,) = empresa["copias"]
        assert (copia["em_dia"], copia["falha"], copia["parte"]) == (True, "", "1/1")
        assert copia["conferida"]


def test_o_encolhimento_nao_esconde_a_falha_da_copia(
    projeto: SupabaseLocal, destino: Path, fora: LugarPasta
) -> None:
    executar_sql(
        projeto, "CREATE TABLE guardados AS SELECT * FROM vendas_itens", "DELETE FROM vendas_itens"
    )
    try:
        feito = executar(projeto, destino, mais=para(LugarPasta(fora.raiz / "desligado")))
        assert feito.codigo == 13, feito.tudo
        assert "📉" in feito.saida
        assert executar(projeto, destino, mais=para(fora)).codigo == 10
        assert inteira(fora), "a cópia vai, encolha o que encolher"
    finally:
        executar_sql(
            projeto, "INSERT INTO vendas_itens SELECT * FROM guardados", "DROP TABLE guardados"
        )


def test_um_destino_mal_escrito_nao_impede_o_backup(projeto: SupabaseLocal, destino: Path) -> None:
    mais = {**cifrando_para(CHAVE, RESERVA), "COPIA_DESTINO": "ftp://velho/lugar"}
    antes = len(metadados(destino))
    feito = executar(projeto, destino, mais=mais)
    assert feito.codigo == 13, feito.tudo
    assert "COPIA_DESTINO" in feito.tudo
    assert len(metadados(destino)) == antes + 2
    assert executar(None, destino, "enviar", mais=mais).codigo == 2


def test_um_destino_sem_o_programa_dele_nao_impede_os_outros(
    projeto: SupabaseLocal, destino: Path, fora: LugarPasta, tmp_path: Path
) -> None:
    (tmp_path / "vazia").mkdir()
    mais = para(fora, PATH=str(tmp_path / "vazia"))
    mais["COPIA_DESTINO"] = f"rclone:meudrive:Cofre,{mais['COPIA_DESTINO']}"
    feito = executar(projeto, destino, "--json", mais=mais)
    assert feito.codigo == 13, feito.tudo
    codigos = {
        d["destino"].partition(":")[0]: d["codigo"] for d in feito.json()["copia"]["destinos"]
    }
    assert codigos == {"pasta": 0, "rclone": 13}
    assert inteira(fora)
    assert len(fora.conteudo()) > 10


@PELA_API
def test_em_claro_so_insistindo_e_so_para_uma_pasta(
    projeto: SupabaseLocal, tmp_path: Path, fora: LugarPasta
) -> None:
    mais = {"COPIA_DESTINO": f"pasta:{fora.raiz}"}
    claro = tmp_path / "claro" / "backups"
    feito = executar(projeto, claro, mais=mais)
    assert feito.codigo == 13, feito.tudo
    assert "não está cifrado" in feito.saida
    assert list(fora.conteudo()) == ["cofre.json"]
    feito = executar(None, claro, "enviar", "--em-claro", mais=mais)
    assert feito.codigo == 0, feito.tudo
    assert inteira(fora)
    (codigo,) = {ler(d).codigo for n, d in fora.conteudo().items() if endereco_no_nome(n)}
    novo = tmp_path / "novo" / "backups"
    trazido = executar(
        None, novo, "trazer", "--todas", "--codigo", codigo, "--confirmar", mais=mais
    )
    assert trazido.codigo == 0, trazido.tudo
    so_dos_backups = [
        {n: d for n, d in fotografia_do_disco(p).items() if n != "copias.json"}
        for p in (novo, claro)
    ]
    assert so_dos_backups[0] == so_dos_backups[1]
    assert executar(None, novo, "verificar").codigo == 0


def _morrer(destino: Path, onde: Path, passo: int, mais: Mapping[str, str], *acao: str) -> Saida:
    return ate_o_fim(
        abrir(
            None,
            destino,
            *acao,
            mais={**mais, "PASSO": str(passo), "ONDE": str(onde)},
            programa=SUICIDA,
            novo=False,
        )
    )


def test_morto_em_cada_escrita_do_envio_nada_parece_inteiro_e_so_o_resto_vai(
    destino: Path, fora: LugarPasta
) -> None:
    mais = para(fora)
    mortes = 0
    for passo in amostra(PASSOS, 6):
        shutil.rmtree(fora.raiz)
        fora.raiz.mkdir()
        (destino / "copias.json").unlink(missing_ok=True)
        if _morrer(destino, fora.raiz, passo, mais, "enviar").codigo == 0:
            break  # daqui em diante já não há passo em que morrer
        mortes += 1
        assert inteira(fora), passo
        ja = {n: d for n, d in fora.conteudo().items() if ".enviando_" not in n}
        datas = {n: (fora.raiz / n).stat().st_mtime_ns for n in ja}
        feito = executar(None, destino, "enviar", mais=mais)
        assert feito.codigo == 0, feito.tudo
        assert inteira(fora)
        assert datas.items() <= {n: (fora.raiz / n).stat().st_mtime_ns for n in ja}.items(), passo
        assert len([n for n in fora.conteudo() if endereco_no_nome(n)]) == 2
    print(f"{mortes} mortes")
    assert 3 <= mortes < len(PASSOS), "e depois do último passo já ninguém morre"


def test_morto_em_cada_passo_de_trazer_nao_ha_meio_backup_e_continua(
    destino: Path, fora: LugarPasta, tmp_path: Path
) -> None:
    assert executar(None, destino, "enviar", mais=para(fora)).codigo == 0
    codigo = next(ler(d).codigo for n, d in fora.conteudo().items() if endereco_no_nome(n))
    pedir = (
        *("trazer", "--empresa", DONO, "--codigo", codigo, "--confirmar"),
        *("--chave-arquivo", guardada_em(tmp_path, CHAVE)),
    )
    mais = {"COPIA_DESTINO": f"pasta:{fora.raiz}"}
    inteiro = {p.name for p in destino.glob("empresa_aaaa1111/*") if ".resumo." not in p.name}
    mortes = 0
    for passo in amostra(PASSOS[2:], 5):
        novo = tmp_path / f"novo-{passo}" / "backups"
        if _morrer(novo, novo, passo, mais, *pedir).codigo == 0:
            break  # daqui em diante já não há passo em que morrer
        mortes += 1
        if metadados(novo):
            assert executar(None, novo, "verificar").codigo == 0
        feito = executar(None, novo, *pedir, mais=mais)
        assert feito.codigo == 0, (passo, feito.tudo)
        assert executar(None, novo, "verificar").codigo == 0
        assert {p.name for p in novo.glob("empresa_aaaa1111/*.*")} == inteiro
    print(f"{mortes} mortes")
    assert 2 <= mortes < len(PASSOS[2:])


def test_num_terminal_pergunta_o_que_falta(destino: Path, fora: LugarPasta, tmp_path: Path) -> None:
    assert executar(None, destino, "enviar", mais=para(fora)).codigo == 0
    codigo = next(ler(d).codigo for n, d in fora.conteudo().items() if endereco_no_nome(n))
    novo = tmp_path / "novo" / "backups"
    visto = num_terminal(
        None,
        novo,
        80,
        "s\n1\n\n",
        {"COPIA_DESTINO": f"pasta:{fora.raiz}"},
        ("trazer", "--chave-arquivo", guardada_em(tmp_path, RESERVA)),
        BACKUP,
    )
    assert f"✍️ Quem assinou estes backups tem o código {codigo}" in visto
    assert "É o código da sua folha de recuperação? (s/n):" in visto
    assert "1. Padaria Ação, " in visto
    assert "✅ Padaria Ação" in visto
    assert {m["nome"] for m in metadados(novo)} == {"Padaria Ação"}
    recusado = tmp_path / "recusado" / "backups"
    visto = num_terminal(
        None,
        recusado,
        80,
        "n\n",
        {"COPIA_DESTINO": f"pasta:{fora.raiz}"},
        ("trazer", "--chave-arquivo", guardada_em(tmp_path, RESERVA)),
        BACKUP,
    )
    assert "não conhece" in visto
    assert not metadados(recusado)


def test_o_que_se_baixou_ate_cair_nao_se_baixa_de_novo(
    destino: Path, fora: LugarPasta, tmp_path: Path
) -> None:
    assert executar(None, destino, "enviar", mais=para(fora)).codigo == 0
    codigo = next(ler(d).codigo for n, d in fora.conteudo().items() if endereco_no_nome(n))
    maior = max(fora.raiz.glob("blobs/*/*"), key=lambda p: p.stat().st_size)
    dados = maior.read_bytes()
    novo = tmp_path / "novo" / "backups"
    (novo / ".trazendo").mkdir(parents=True)
    (novo / ".trazendo" / f"{maior.stem}.baixando").write_bytes(dados[: len(dados) // 2])
    pedir = (
        *("trazer", "--empresa", DONO, "--codigo", codigo, "--confirmar", "--json"),
        *("--chave-arquivo", guardada_em(tmp_path, CHAVE)),
    )
    feito = executar(None, novo, *pedir, mais={"COPIA_DESTINO": f"pasta:{fora.raiz}"})
    assert feito.codigo == 0, feito.tudo
    inteiro = sum(
        n
        for nome, d in fora.conteudo().items()
        if endereco_no_nome(nome) and (x := ler(d)).empresa and _da_ana(x.empresa)
        for _, n in x.blobs
    )
    (um,) = feito.json()["trazidos"]
    assert um["bytes"] == inteiro - len(dados) // 2
    # O que não presta, no começo ou já inteiro, é largado, e o arquivo vem do começo.
    outro = tmp_path / "outro" / "backups"
    (outro / ".trazendo").mkdir(parents=True)
    (outro / ".trazendo" / f"{maior.stem}.baixando").write_bytes(os.urandom(len(dados) // 2))
    for blob in fora.raiz.glob("blobs/*/*"):
        if blob != maior:
            (outro / ".trazendo" / blob.stem).write_bytes(os.urandom(blob.stat().st_size))
    assert executar(None, outro, *pedir, mais={"COPIA_DESTINO": f"pasta:{fora.raiz}"}).codigo == 0
    assert executar(None, outro, "verificar").codigo == 0


def _da_ana(empresa: str) -> bool:
    from cofre.deposito.lacre.lacre import pseudonimo

    return empresa == pseudonimo(DONO)


def test_de_um_balde_vandalizado_que_tem_versoes_volta_se_como_antes(
    projeto: SupabaseLocal, destino: Path, servidores_s3: ServidoresS3, tmp_path: Path
) -> None:
    """Quem levou a credencial deste computador apaga metade do balde e troca a outra; o `rclone`
    traz como estava, e dali se restaura."""
    balde = servidores_s3["moto"].novo_balde()
    boto = balde.servidor.boto
    versoes = {"Status": "Enabled"}
    boto.put_bucket_versioning(Bucket=balde.balde, VersioningConfiguration=versoes)
    do_s3 = {
        "COPIA_DESTINO": f"s3://{balde.balde}/{PREFIXO}",
        "COPIA_S3_ENDERECO": f"http://127.0.0.1:{balde.servidor.porta}",
        "COPIA_S3_REGIAO": "us-east-1",
        "COPIA_S3_CHAVE": CHAVE_S3,
        "COPIA_S3_SEGREDO": SEGREDO,
    }
    enviado = executar(None, destino, "enviar", mais={**para_cifrar(), **do_s3})
    assert enviado.codigo == 0, enviado.tudo
    assert SEGREDO not in enviado.tudo
    bom = balde.conteudo()
    codigo = next(ler(d).codigo for n, d in bom.items() if endereco_no_nome(n))
    depois = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    while datetime.now(UTC) < depois:  # as datas do S3 podem ser de segundos inteiros
        threading.Event().wait(0.05)
    for n, nome in enumerate(sorted(bom)):
        if n % 2:
            boto.delete_object(Bucket=balde.balde, Key=f"{PREFIXO}/{nome}")
        else:
            balde.por(nome, b"pague o resgate")
    assert set(balde.conteudo().values()) == {b"pague o resgate"}
    visto = executar(None, destino, "verificar", "--copia", mais={**para_cifrar(), **do_s3})
    assert visto.codigo == 13, visto.tudo
    de_antes = tmp_path / "de-antes"
    _rclone_na_data(balde, de_antes, depois - timedelta(milliseconds=500))
    assert LugarPasta(de_antes).conteudo() == bom
    antes, novo = impressoes(projeto), tmp_path / "novo" / "backups"
    executar_sql(projeto, f"UPDATE produtos SET nome = 'estragado' WHERE user_id = '{DONO}'")
    chave = guardada_em(tmp_path, CHAVE)
    trazido = executar(
        None,
        novo,
        *("trazer", "--copia-em", f"pasta:{de_antes}", "--empresa", DONO),
        *("--codigo", codigo, "--confirmar", "--chave-arquivo", chave),
    )
    assert trazido.codigo == 0, trazido.tudo
    volta = restaurar(
        projeto,
        novo,
        *("--empresa", DONO, "--confirmar", "RESTAURAR"),
        mais={"BACKUP_CHAVE_ARQUIVO": chave},
    )
    assert volta.codigo == 0, volta.tudo
    assert impressoes(projeto) == antes


def _rclone_na_data(balde: LugarS3, para: Path, quando: datetime) -> None:
    """`RCLONE_S3_VERSION_AT=… rclone copy`, como o manual manda."""
    servico = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ACCESS_KEY_ID": CHAVE_S3,
        "SECRET_ACCESS_KEY": SEGREDO,
        "ENDPOINT": f"http://127.0.0.1:{balde.servidor.porta}",
        "REGION": "us-east-1",
    }
    subprocess.run(
        [programa("rclone"), "copy", f"meuservico:{balde.balde}/{PREFIXO}", str(para)],
        env={
            **os.environ,
            **{f"RCLONE_CONFIG_MEUSERVICO_{n}": v for n, v in servico.items()},
            "RCLONE_S3_VERSION_AT": quando.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
        check=True,
        capture_output=True,
        timeout=PACIENCIA,
    )
