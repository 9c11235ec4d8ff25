"""Guardar uma vez só o que não mudou, e em .json.gz: cada backup continua inteiro por si."""

from __future__ import annotations

import errno
import gzip
import os
import random
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from apoio.danos import virar_um_bit
from apoio.execucao import (
    RAIZ,
    conteudo,
    executar,
    fotografia_do_disco,
    restaurar,
    ultimo_backup,
)
from apoio.inventados import ANA, BIA, arquivo, linhas, publicar
from apoio.loja import PRE, TANTO_FAZ, Loja, antes_de
from apoio.lojinha import DONO, VIZINHA
from cofre.base.disco import guardar_uma_vez, liberado, ocupado
from cofre.base.erros import BackupDanificado
from cofre.deposito import formato
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.no_disco import estado_de
from cofre.deposito.verificacao import danos_de
from cofre.via.contrato import DIRETA

VIA = TANTO_FAZ


def _danos(backup: Backup) -> list[str]:
    return [f"{d.tabela}: {d.causa}" for d in danos_de(backup)]


def _nomes(backup: Backup) -> dict[str, int]:
    """Quantos nomes tem o arquivo de cada tabela."""
    assert backup.meta is not None
    return {t: arquivo(backup, t).stat().st_nlink for t in backup.meta.tabelas}


@pytest.fixture(params=[False, True], ids=["json", "gz"])
def deposito(request: pytest.FixtureRequest, tmp_path: Path) -> Deposito:
    return Deposito(tmp_path / "b", compactar=request.param)


# -- um arquivo só ------------------------------------------------------------------------------


def test_o_que_nao_mudou_se_guarda_uma_vez(deposito: Deposito) -> None:
    um = publicar(deposito, "20260101_030000", {"clientes": linhas(50), "produtos": linhas(9)})
    dois = publicar(deposito, "20260102_030000", {"clientes": linhas(51), "produtos": linhas(9)})
    da_vizinha = {"clientes": linhas(50, BIA), "produtos": linhas(9, BIA)}
    vizinha = publicar(deposito, "20260102_030000", da_vizinha, dono=BIA)
    assert [_nomes(b) for b in (um, dois, vizinha)] == [
        {"clientes": 1, "produtos": 2},
        {"clientes": 1, "produtos": 2},
        {"clientes": 1, "produtos": 1},
    ]
    assert arquivo(um, "produtos").samefile(arquivo(dois, "produtos"))
    assert [_danos(b) for b in (um, dois, vizinha)] == [[], [], []]
    fim = ".json.gz" if deposito.compactar else ".json"
    assert sorted(p.name for p in dois.pasta.iterdir()) == sorted(
        [f"{t}_2026010{d}_030000{fim}" for t in ("clientes", "produtos") for d in (1, 2)]
        + [f"backup_metadata_2026010{d}_030000.json" for d in (1, 2)]
    )
    # Apagar um à mão não mexe no outro.
    antes = arquivo(dois, "produtos").read_bytes()
    arquivo(um, "produtos").unlink()
    assert arquivo(dois, "produtos").read_bytes() == antes
    assert _danos(dois) == []


def test_o_ultimo_sem_a_tabela_nao_interrompe(deposito: Deposito) -> None:
    um = publicar(deposito, "20260101_030000")
    publicar(deposito, "20260101_110000", {"clientes": linhas(1)}, tabelas_nao_pedidas=["produtos"])
    tres = publicar(deposito, "20260102_030000")
    assert arquivo(um, "produtos").samefile(arquivo(tres, "produtos"))
    assert arquivo(um, "clientes").samefile(arquivo(tres, "clientes"))


def _cortar(caminho: Path) -> None:
    caminho.write_bytes(caminho.read_bytes()[:-4])


def _apagar(caminho: Path) -> None:
    caminho.unlink()


def _atalho(caminho: Path) -> None:
    """Um link simbólico para um arquivo igual, fora da pasta."""
    fora = caminho.parent.parent.parent / "fora"
    shutil.move(caminho, fora)
    caminho.symlink_to(fora)


def _abrir_a_todos(caminho: Path) -> None:
    caminho.chmod(0o644)


@pytest.mark.parametrize(
    "estragar", [virar_um_bit, _cortar, _apagar, _atalho, _abrir_a_todos], ids=lambda f: f.__name__
)
def test_um_anterior_estragado_nao_serve(
    deposito: Deposito, estragar: Callable[[Path], None]
) -> None:
    """Os metadados dele ainda dizem a mesma soma: só os bytes de agora contam."""
    um = publicar(deposito, "20260101_030000")
    bom = arquivo(um, "produtos").read_bytes()
    estragar(um.pasta / um.meta.tabelas["produtos"].arquivo)  # type: ignore[union-attr]
    dois = publicar(deposito, "20260102_030000")
    assert arquivo(dois, "produtos").read_bytes() == bom
    assert _nomes(dois) == {"clientes": 2, "produtos": 1}
    assert _danos(dois) == []
    assert [p.name for p in dois.pasta.iterdir() if p.name.startswith(".")] == []


# Publica o segundo backup e morre antes do n-ésimo passo no disco.
SUICIDA = """
import os, signal, sys
passos, alvo, destino = 0, int(sys.argv[2]), os.environ["BACKUP_DIR"]
sys.path[:0] = [os.path.dirname(sys.argv[1]), os.environ["TESTES"]]
MUDAM = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link"}
def gancho(evento, argumentos):
    global passos
    escreve = evento == "open" and argumentos[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if evento in MUDAM or (escreve and str(argumentos[0]).startswith(destino)):
        passos += 1
        if passos == alvo:
            os.kill(os.getpid(), signal.SIGKILL)
from pathlib import Path
from apoio.inventados import publicar
from cofre.deposito.deposito import Deposito
sys.addaudithook(gancho)
publicar(Deposito(Path(destino)), "20260102_030000")
"""
PASSOS = 15


def test_kill_9_enquanto_se_liga(tmp_path: Path) -> None:
    """Os dois arquivos são iguais aos de ontem. Depois de cada morte, ontem está como estava, hoje
    está inteiro ou não está, e a recolha não deixa nada."""
    passo, codigo = 0, -signal.SIGKILL
    while codigo != 0:
        passo += 1
        deposito = Deposito(tmp_path / str(passo))
        publicar(deposito, "20260101_030000")
        antes = fotografia_do_disco(deposito.raiz)
        mais = {"TESTES": str(RAIZ / "tests")}
        morto = executar(None, deposito.raiz, str(passo), mais=mais, programa=SUICIDA, novo=False)
        codigo = morto.codigo
        assert codigo in (0, -signal.SIGKILL), morto.tudo
        deposito.preparar()
        backups = deposito.da_empresa(ANA)
        assert [_danos(b) for b in backups] == [[]] * len(backups)
        agora = fotografia_do_disco(deposito.raiz)
        assert {n: agora.get(n) for n in antes} == antes
        assert len(agora) == 3 * len(backups) + len({".trava"})
    assert len(backups) == 2
    assert set(_nomes(backups[1]).values()) == {2}
    assert passo > PASSOS


@pytest.mark.parametrize("erro", [errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EXDEV])
def test_onde_nao_ha_links_e_um_arquivo_comum(
    deposito: Deposito, monkeypatch: pytest.MonkeyPatch, erro: int
) -> None:
    """FAT, pastas de rede, o limite de nomes: aqui não há um disco desses; a recusa é provocada."""
    um = publicar(deposito, "20260101_030000")

    def recusar(*_: object, **__: object) -> None:
        raise OSError(erro, os.strerror(erro))

    monkeypatch.setattr(os, "link", recusar)
    dois = publicar(deposito, "20260102_030000")
    assert (_nomes(um), _nomes(dois)) == ({"clientes": 1, "produtos": 1},) * 2
    assert (_danos(um), _danos(dois)) == ([], [])
    assert len(list(dois.pasta.iterdir())) == 6


def test_bytes_diferentes_de_mesma_soma_declarada(tmp_path: Path) -> None:
    novo, antigo = tmp_path / "novo", tmp_path / "antigo"
    novo.write_bytes(b"abc")
    antigo.write_bytes(b"abd")
    assert not guardar_uma_vez(novo, antigo)
    assert (novo.read_bytes(), antigo.read_bytes()) == (b"abc", b"abd")
    antigo.write_bytes(b"abc")
    assert guardar_uma_vez(novo, antigo)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["antigo", "novo"]
    assert novo.samefile(antigo)


def test_o_espaco_conta_uma_vez_o_que_e_compartilhado(tmp_path: Path) -> None:
    a, b, c, fora = (tmp_path / n for n in "abcf")
    a.write_bytes(b"x" * 100)
    c.write_bytes(b"y" * 10)
    os.link(a, b)
    os.link(a, fora)
    assert ocupado([a, b, c, tmp_path / "não existe"]) == 110
    assert liberado([a, b, c]) == 10  # `a` ainda tem um nome fora
    assert liberado([a, b, c, fora]) == 110


def test_o_dano_aparece_em_cada_backup_que_usa_o_arquivo(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path)
    backups = [publicar(deposito, f"2026010{d}_030000") for d in (1, 2, 3)]
    virar_um_bit(arquivo(backups[1], "produtos"))
    fim = executar(None, tmp_path, "verificar")
    assert fim.codigo == 6
    dano = (
        "      • produtos: o conteúdo mudou: a soma sha256 não confere"
        " (é o mesmo arquivo em 2 outros backups: o dano também)"
    )
    assert fim.saida.splitlines() == [
        "",
        "🏢 Empresa: Ana Doces",
        *(linha for d in (3, 2, 1) for linha in (f"   ❌ 2026-01-0{d} 03:00:00: danificado", dano)),
        "",
    ]


def test_listar_soma_uma_vez(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path)
    for d in (1, 2, 3):
        ultimo = publicar(deposito, f"2026010{d}_030000", {"a": linhas(40), "b": linhas(d)})
    publicar(deposito, "20260101_030000", dono=BIA)
    arquivos = [*tmp_path.glob("empresa_*/[!b]*.json"), *tmp_path.glob("empresa_*/b_*.json")]
    somados = sum(p.stat().st_size for p in arquivos)
    no_disco = somados - 2 * arquivo(ultimo, "a").stat().st_size
    em_json = executar(None, tmp_path, "listar", "--json")
    assert em_json.json()["bytes_no_disco"] == no_disco

    def kb(bytes_: int) -> str:
        return f"{bytes_ / 1024:.1f} KB".replace(".", ",")

    assert em_json.erros.splitlines()[-1] == (
        f"💾 4 backups em {kb(no_disco)} de disco"
        f" (seriam {kb(somados)} sem guardar uma vez só o que não mudou)"
    )


# -- .json.gz -----------------------------------------------------------------------------------


GZ = {"BACKUP_COMPACTAR": "sim"}


def test_compactado_tem_o_mesmo_json(projeto, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Pelo script: o conteúdo é o do backup comum, byte por byte, e os metadados dizem o resto."""
    assert executar(projeto, tmp_path / "a").codigo == 0
    assert executar(projeto, tmp_path / "b", mais=GZ).codigo == 0
    for dono in (DONO, VIZINHA):
        comum, gz = (ultimo_backup(tmp_path / p, dono) for p in "ab")
        compactados = conteudo(gz)
        assert {t: gzip.decompress(d) for t, d in compactados.items()} == conteudo(comum)
        for nome, tabela in gz["tabelas"].items():
            assert re.fullmatch(rf"{nome}_\d{{8}}_\d{{6}}\.json\.gz", tabela["arquivo"])
            assert tabela.pop("compactado") is True
            assert tabela.pop("bytes_no_disco") == len(compactados[nome])
            iguais = {**comum["tabelas"][nome], "arquivo": tabela["arquivo"]}
            assert tabela == iguais
    assert executar(None, tmp_path / "b", "verificar").codigo == 0


def test_os_dois_tipos_na_mesma_pasta(projeto, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Mudar de ideia não perde nada, e cada tipo se liga ao último do mesmo tipo."""
    for mais in ({}, GZ, GZ, {}, {"BACKUP_COMPACTAR": "Não"}):
        assert executar(projeto, tmp_path, "--empresa", DONO, mais=mais).codigo == 0
    (pasta,) = tmp_path.glob("empresa_*")
    backups = Deposito(tmp_path).backups(pasta)
    assert [_danos(b) for b in backups] == [[]] * 5
    nomes = [set(_nomes(b).values()) for b in backups]
    assert nomes == [{3}, {2}, {2}, {3}, {3}]
    assert len(list(tmp_path.glob("empresa_*/*.gz"))) == 12
    assert executar(None, tmp_path, "listar").saida.count("  completo\n") == 5


@pytest.mark.parametrize("onde", ["fim", "meio", "começo", "vazio"])
def test_gz_estragado_e_dano_nunca_um_defeito(tmp_path: Path, onde: str) -> None:
    deposito = Deposito(tmp_path, compactar=True)
    tabela = linhas(3000, texto="".join(random.Random(1).choices("abcdefgh", k=40)))
    backup = publicar(deposito, "20260101_030000", {"clientes": tabela})
    caminho = arquivo(backup, "clientes")
    inteiro = caminho.read_bytes()
    meio = bytearray(inteiro)
    meio[len(meio) // 2] ^= 0xFF
    danos = {
        "fim": inteiro[:-8],
        "meio": bytes(meio),
        "começo": b"[]\n" + inteiro[3:],
        "vazio": b"",
    }
    caminho.write_bytes(danos[onde])
    assert len(_danos(backup)) == 1
    mesmo_tamanho = onde in ("meio", "começo")
    assert estado_de(backup)[0] == ("completo" if mesmo_tamanho else "danificado")
    with pytest.raises(BackupDanificado):
        list(ler_linhas(caminho))
    fim = executar(None, tmp_path, "verificar")
    assert fim.codigo == 6, fim.tudo
    assert "Traceback" not in fim.tudo


def test_sobra_depois_do_fim_do_gz_e_dano(tmp_path: Path) -> None:
    """O gzip ignora zeros no fim; o tamanho do arquivo não."""
    deposito = Deposito(tmp_path, compactar=True)
    backup = publicar(deposito, "20260101_030000")
    with arquivo(backup, "clientes").open("ab") as sobra:
        sobra.write(b"\0" * 7)
    assert [d.split(" bytes;")[0].split(" tem ")[0] for d in _danos(backup)] == [
        "clientes: o arquivo"
    ]
    assert estado_de(backup)[0] == "danificado"


def test_o_mesmo_conteudo_da_os_mesmos_bytes(tmp_path: Path) -> None:
    for nome in ("a", "b"):
        with (tmp_path / nome).open("wb") as arquivo_, formato.compactando(arquivo_) as saida:
            saida.write(b"[\n{}\n]\n" * 1000)
        os.utime(tmp_path / nome, (1, 1))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert gzip.decompress((tmp_path / "a").read_bytes()) == b"[\n{}\n]\n" * 1000


@pytest.mark.parametrize("via", [DIRETA], indirect=True)
def test_restaurar_de_um_gz(oficina: Loja) -> None:
    """O acidente, e a volta a partir de um backup compactado, conferida no banco. A foto de antes
    também é compactada, e com ela se desfaz."""
    loja = oficina
    shutil.rmtree(loja.destino)
    mais = {**GZ, **loja.ambiente}
    assert executar(loja.projeto, loja.destino, mais=mais).codigo == 0
    assert not [p for p in loja.destino.glob("empresa_*/*.json") if "metadata" not in p.name]
    antes = antes_de(loja, DONO)
    acidente = (
        "DELETE FROM vendas_itens WHERE venda_id < 1000",
        f"UPDATE produtos SET preco = 0.01 WHERE user_id = '{DONO}'",
    )
    loja.sql(*acidente)
    estragado = antes_de(loja, DONO)
    assert estragado.estado["vendas_itens"] != antes.estado["vendas_itens"]
    pedido = ("--empresa", DONO, "--confirmar", "RESTAURAR")
    fim = restaurar(loja.projeto, loja.destino, *pedido, mais=mais)
    assert fim.codigo == 0, fim.tudo
    antes.conferir()
    (foto,) = loja.backups(PRE, DONO)
    assert all(t["compactado"] for t in foto["tabelas"].values())
    desfeito = restaurar(loja.projeto, loja.destino, "desfazer", *pedido, mais=mais)
    assert desfeito.codigo == 0, desfeito.tudo
    estragado.conferir()


def test_uma_so_empresa_nos_links(tmp_path: Path) -> None:
    """Duas empresas com tabelas iguais nunca dividem um arquivo."""
    deposito = Deposito(tmp_path)
    iguais: dict[str, list[dict[str, object]]] = {"vazia": []}
    for dono in (ANA, BIA):
        for dia in (1, 2):
            publicar(deposito, f"2026010{dia}_030000", iguais, dono=dono)
    inos = {p.parent.name: p.stat().st_ino for p in sorted(tmp_path.glob("empresa_*/vazia_*.json"))}
    assert len(set(inos.values())) == 2
