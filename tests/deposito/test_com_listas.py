"""Um backup com os arquivos da empresa: o que se guarda, se confere, e não se repete."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apoio.cifrados import sem_nada_em_claro
from apoio.com_listas import ORIGEM, conteudos_em, fotos_de, publicar, token_de
from apoio.danos import virar_um_bit
from apoio.execucao import executar
from apoio.inventados import ANA
from cofre.base.modelo import ARQUIVOS, LOGINS
from cofre.base.tela import RelatoTexto
from cofre.deposito.backup import Backup, abrir_backup, arquivo_de_metadados
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conferidos import verificar
from cofre.deposito.conteudos import lugar, rodizio
from cofre.deposito.conteudos.conferencia import arquivados
from cofre.deposito.conteudos.conhecidos import Conhecidos, conteudos_conhecidos
from cofre.deposito.conteudos.guarda import Conteudos
from cofre.deposito.conteudos.releitura import Lidos, reler
from cofre.deposito.deposito import Deposito
from cofre.deposito.estranhos import avisos_de_estranhos
from cofre.deposito.lacre import conferencia as do_lacre
from cofre.deposito.lacre.lacre import ler
from cofre.deposito.no_disco import alem_das_linhas, estado_de, no_lugar
from cofre.deposito.verificacao import danos_de
from cofre.rotina.encolhimento import Encolhimento, encolhimentos, referencias

pytestmark = pytest.mark.usefixtures("perfil_proprio")
CHAVE, RESERVA = gerar(), gerar()
CIFRA = Cifra((CHAVE.publica, RESERVA.publica))
COMO = pytest.mark.parametrize("como", [None, CIFRA], ids=["em claro", "cifrado"])
FOTOS = {"a b/é.png": b"bolo", "a": b"", "x/../y": b"bolo", "z": bytes(range(256)) * 2000}
LOGINS_DELA = [{"id": "11111111-1111-4111-8111-111111111111", "email": "ana@doces.example"}]
DIA1, DIA2, DIA3 = "20260101_030000", "20260102_030000", "20260103_030000"


def deposito(tmp_path: Path, como: Cifra | None) -> Deposito:
    return Deposito(tmp_path / "b", cifra=como)


def de_novo(backup: Backup) -> Backup:
    return abrir_backup(backup.pasta, backup.carimbo)


def com_a_chave(backup: Backup) -> Backup:
    chaveiro.guardar(CHAVE)
    return de_novo(backup)


def danos(backup: Backup) -> list[str]:
    return [d.em_palavras for d in danos_de(backup)]


@COMO
def test_o_que_se_guardou_le_se_e_nada_do_nome_vai_para_o_disco(
    tmp_path: Path, como: Cifra | None
) -> None:
    backup = publicar(deposito(tmp_path, como), DIA1, FOTOS, LOGINS_DELA)
    assert danos(backup) == []
    assert list(avisos_de_estranhos(tmp_path / "b", [backup.pasta])) == []
    assert estado_de(backup) == ("completo", "")
    aberto = com_a_chave(backup)
    assert fotos_de(aberto) == FOTOS
    assert danos(aberto) == []
    assert alem_das_linhas(aberto) == alem_das_linhas(backup)
    assert alem_das_linhas(backup).startswith("4 arquivos (")
    assert alem_das_linhas(backup).endswith("), 1 login")
    nomes = conteudos_em(backup.pasta)
    assert len(nomes) == 3  # dois arquivos têm o mesmo conteúdo
    assert {len(n.removesuffix(".age")) for n in nomes} == {64}
    if como is not None:
        segredos = ["é.png", "x/../y", "ana@doces.example", hashlib.sha256(b"bolo").hexdigest()]
        assert sem_nada_em_claro([backup.pasta], segredos) == []


@COMO
def test_o_que_nao_mudou_nao_se_guarda_de_novo(tmp_path: Path, como: Cifra | None) -> None:
    """E um PC sem a chave que abre sabe-o."""
    dep = deposito(tmp_path, como)
    um = publicar(dep, DIA1, FOTOS)
    antes = conteudos_em(um.pasta)
    datas = {p: p.stat().st_mtime_ns for p in (um.pasta / lugar.PASTA).rglob("*") if p.is_file()}
    publicar(dep, DIA2, {**FOTOS, "nova": b"nova"})
    assert {p: p.stat().st_mtime_ns for p in datas} == datas
    igual = publicar(dep, "20260102_040000", {**FOTOS, "nova": b"nova"})
    for dito in ("conteudos_{}.json", "storage.objects_{}.json" + ".gz.age" * (como is not None)):
        assert (um.pasta / dito.format(DIA2)).samefile(um.pasta / dito.format(igual.carimbo))
    outro = publicar(dep, DIA3, {**FOTOS, "nova": b"nova", "copia": b"bolo"})
    assert len(conteudos_em(um.pasta)) == len(antes) + 1
    assert fotos_de(com_a_chave(outro)) == {**FOTOS, "nova": b"nova", "copia": b"bolo"}
    assert fotos_de(com_a_chave(um)) == FOTOS


def test_quem_passa_a_cifrar_fecha_o_que_ja_tem_sem_o_baixar(tmp_path: Path) -> None:
    um = publicar(deposito(tmp_path, None), DIA1, FOTOS)
    achados = conteudos_conhecidos(um.pasta, CIFRA, ORIGEM, ANA)
    guardado = achados.achar(token_de("z", FOTOS["z"]))
    assert guardado is not None
    assert guardado.cifrado
    assert achados.achar(token_de("z", b"outro")) is None
    chaveiro.guardar(RESERVA)
    with Conteudos(um.pasta, None).abrir(guardado.guardado, guardado.soma) as aberto:
        assert aberto.read() == FOTOS["z"]


def test_de_outro_projeto_de_outra_empresa_ou_para_outras_chaves_nada_se_conhece(
    tmp_path: Path,
) -> None:
    um = publicar(deposito(tmp_path, CIFRA), DIA1, FOTOS)
    token = token_de("z", FOTOS["z"])
    assert conteudos_conhecidos(um.pasta, CIFRA, ORIGEM, ANA).achar(token) is not None
    assert conteudos_conhecidos(um.pasta, CIFRA, "https://outro", ANA).achar(token) is None
    assert conteudos_conhecidos(um.pasta, CIFRA, ORIGEM, "outra").achar(token) is None
    so_uma = Cifra((CHAVE.publica,))
    assert conteudos_conhecidos(um.pasta, so_uma, ORIGEM, ANA).achar(token) is None
    velha = Cifra(CIFRA.para, timedelta(microseconds=1))
    assert conteudos_conhecidos(um.pasta, velha, ORIGEM, ANA).achar(token) is None


def _cortar(caminho: Path) -> None:
    caminho.write_bytes(caminho.read_bytes()[:-1])


ESTRAGOS = pytest.mark.parametrize("estragar", [virar_um_bit, _cortar, Path.unlink])


def _do_z(backup: Backup) -> Path:
    """Onde está o conteúdo de «z», que é o maior."""
    arquivos = (a for a in (backup.pasta / lugar.PASTA).rglob("*") if a.is_file())
    return max(arquivos, key=lambda a: a.stat().st_size)


@COMO
@ESTRAGOS
def test_um_conteudo_estragado_e_dito_e_nao_se_reaproveita(
    tmp_path: Path, como: Cifra | None, estragar: Callable[[Path], None]
) -> None:
    dep = deposito(tmp_path, como)
    backup, outro = publicar(dep, DIA1, FOTOS), publicar(dep, DIA2, FOTOS)
    estragar(_do_z(backup))
    for b in (backup, outro):
        (dano,) = danos(b)
        assert dano.startswith("arquivos: 1 ")
        assert ("fotos/z: o conteúdo" in dano) == (como is None)
        (dano,) = danos(com_a_chave(b))
        assert "fotos/z: o conteúdo" in dano
        chaveiro.esquecer()
    assert [d.em_palavras for d in danos_de(backup, ["produtos"])] == []
    curado = publicar(dep, DIA3, FOTOS)
    assert danos(curado) == []
    assert fotos_de(com_a_chave(curado)) == FOTOS


def test_o_que_sumiu_ve_se_sem_reler_nada(tmp_path: Path) -> None:
    backup = publicar(deposito(tmp_path, None), DIA1, FOTOS)
    (backup.pasta / lugar.PASTA).rename(tmp_path / "guardados")
    assert estado_de(backup) == ("danificado", "arquivos: 3 conteúdos sumiram")
    assert no_lugar(backup) == ["produtos"]


def test_verificar_rele_cada_conteudo_uma_vez(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dep = deposito(tmp_path, None)
    for dia in (DIA1, DIA2, DIA3):
        backup = publicar(dep, dia, FOTOS)
    relidos: list[str] = []
    conferir = lugar.conferir

    def contando(caminho: Path, guardado: str, no_disco: int) -> None:
        relidos.append(caminho.name)
        conferir(caminho, guardado, no_disco)

    monkeypatch.setattr(lugar, "conferir", contando)
    saida = io.StringIO()
    assert verificar(dep, (), (), RelatoTexto(saida, saida)) == 0, saida.getvalue()
    assert sorted(relidos) == sorted(conteudos_em(backup.pasta))


def test_verificar_diz_arquivos_e_so_neles_se_se_pede(tmp_path: Path) -> None:
    dep = deposito(tmp_path, None)
    backup = publicar(dep, DIA1, FOTOS, LOGINS_DELA)
    virar_um_bit(_do_z(backup))
    saida = io.StringIO()
    relato = RelatoTexto(saida, saida)
    assert verificar(dep, (), ("logins", "produtos"), relato) == 0
    assert verificar(dep, (), ("arquivos",), relato) == 6
    assert "• arquivos: 1 arquivo sem conteúdo: fotos/z" in saida.getvalue()
    assert "\\x00" not in saida.getvalue()


# -- quem mexe nos metadados -----------------------------------------------------------------


def _refeito(backup: Backup, qual: str, mudar: Callable[[bytes], bytes]) -> Backup:
    """O backup com a lista («lista») ou o que ele cita («conteudos») mudado, e as somas refeitas
    por quem sabe o que faz."""
    ficha = arquivo_de_metadados(backup.pasta, backup.carimbo)
    bruto: dict[str, Any] = json.loads(ficha.read_bytes())
    lista = bruto["listas"]["storage.objects"]
    entrada = lista if qual == "lista" else lista["conteudos"]
    dados = mudar((backup.pasta / entrada["arquivo"]).read_bytes())
    (backup.pasta / entrada["arquivo"]).write_bytes(dados)
    entrada |= {"sha256": hashlib.sha256(dados).hexdigest(), "bytes": len(dados)}
    entrada["registros"] = dados.count(b"{")
    ficha.write_text(json.dumps(bruto), "utf-8")
    return de_novo(backup)


SOMA_DO_BOLO = hashlib.sha256(b"bolo").hexdigest().encode()


@pytest.mark.parametrize(
    ("qual", "mudar", "causa"),
    [
        ("lista", lambda d: d.replace(SOMA_DO_BOLO, b"0" * 64), "cita outro conteúdo"),
        ("lista", lambda d: d.replace(SOMA_DO_BOLO, b"../../../etc/passwd"), "não é"),
        ("lista", lambda d: d.replace(b'"tamanho":4', b'"tamanho":5'), "cita outro conteúdo"),
        ("lista", lambda d: b"[]\n", "que a lista não cita"),
        ("conteudos", lambda d: b"[]\n", "cita outro conteúdo"),
        ("conteudos", lambda d: d.replace(SOMA_DO_BOLO, b"../" * 20), "não é"),
        ("conteudos", lambda d: d[:-3] + b"," + d[2:-3] + b"\n]\n", ""),
        ("conteudos", lambda d: d.replace(b'"bytes":4', b'"bytes":5'), "cita outro conteúdo"),
    ],
)
def test_a_lista_e_os_conteudos_tem_de_dizer_o_mesmo(
    tmp_path: Path, qual: str, mudar: Callable[[bytes], bytes], causa: str
) -> None:
    backup = publicar(deposito(tmp_path, None), DIA1, FOTOS)
    ditos = danos(_refeito(backup, qual, mudar))
    assert len(ditos) == (1 if causa else 0), ditos
    assert causa in "".join(ditos)


def test_o_lacre_assina_tambem_os_conteudos(tmp_path: Path) -> None:
    backup = publicar(deposito(tmp_path, CIFRA), DIA1, FOTOS)
    guardados = {n.removesuffix(".age") for n in conteudos_em(backup.pasta)}
    lacre = ler((backup.pasta / f"lacre_{DIA1}.json").read_bytes())
    assert guardados <= {b.sha256 for b in lacre.blobs}
    assert lacre.conteudos == len(guardados)
    assert lacre.bytes_dos_conteudos == sum(map(len, conteudos_em(backup.pasta).values()))
    assert do_lacre.causa(backup) == ""
    mudado = _refeito(backup, "conteudos", lambda d: d.replace(b'"bytes":', b'"bytes": '))
    assert "metadados" in do_lacre.causa(mudado)


# -- o que fica de quem não chegou ao fim ----------------------------------------------------


def test_de_quem_desiste_do_primeiro_backup_nao_fica_nada(tmp_path: Path) -> None:
    dep = deposito(tmp_path, None)
    with dep.montar(ANA, datetime(2026, 1, 1, 3).astimezone()) as montagem:
        Conteudos(montagem.pasta, None).guardar([b"foto"])
        assert conteudos_em(montagem.pasta)
    assert not montagem.pasta.exists()


def test_de_quem_desiste_do_segundo_fica_o_primeiro(tmp_path: Path) -> None:
    dep = deposito(tmp_path, None)
    um = publicar(dep, DIA1, FOTOS)
    with dep.montar(ANA, datetime(2026, 1, 2, 3).astimezone()) as montagem:
        Conteudos(montagem.pasta, None).guardar([b"outra"])
        (um.pasta / lugar.PASTA / f"{lugar.PROVISORIO}x").write_bytes(b"")
    assert danos(um) == []
    assert fotos_de(um) == FOTOS
    publicar(dep, DIA3, FOTOS)
    assert not list((um.pasta / lugar.PASTA).glob(f"{lugar.PROVISORIO}*"))


def test_em_tantos_dias_quantas_as_partes_confere_se_tudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fotos = {f"{n}": b"x" * 1000 + bytes([n]) for n in range(40)}
    um = publicar(deposito(tmp_path, None), DIA1, fotos)
    for caminho in (um.pasta / lugar.PASTA).rglob("*"):
        if caminho.is_file():
            virar_um_bit(caminho)
    monkeypatch.setattr(rodizio, "POR_VEZ", 10_000)
    vistos = conteudos_conhecidos(um.pasta, None, ORIGEM, ANA)

    def estragados(hoje: datetime) -> set[str]:
        achados = Conhecidos(um.pasta, None, vistos._indice, hoje)
        return {n for n, dados in fotos.items() if achados.achar(token_de(n, dados)) is None}

    hoje = datetime(2026, 1, 2, 3).astimezone()
    por_dia = [estragados(hoje + timedelta(days=n)) for n in range(5)]
    assert set().union(*por_dia) == set(fotos)
    assert sum(map(len, por_dia)) == len(fotos)


# -- o que se diz ----------------------------------------------------------------------------


def test_o_que_encolheu_diz_se_como_nas_tabelas(tmp_path: Path) -> None:
    dep = deposito(tmp_path, None)
    fotos = {f"{n}": b"%d" % n for n in range(50)}
    antes = publicar(dep, DIA1, fotos, LOGINS_DELA, tabelas={"produtos": []})
    agora = publicar(dep, DIA2, {"0": b"0"}, [], tabelas={"produtos": []})
    assert agora.meta is not None
    achados = encolhimentos(referencias([antes]), agora.meta.tabelas, 50, inteira=True)
    assert [e.em_resumo for e in achados] == ["arquivos 50 → 1", "logins 1 → 0"]
    assert achados[0].em_palavras == "arquivos: eram 50 em 2026-01-01 03:00; agora, 1"
    for e in achados:
        assert "\0" not in json.dumps(e.documento())
        assert Encolhimento.de_documento(e.documento()) == e
    podem = encolhimentos(
        referencias([antes]), agora.meta.tabelas, 50, frozenset({"arquivos"}), inteira=True
    )
    assert [e.tabela for e in podem] == [LOGINS]
    ditos = [e.documento() for e in achados]
    com_eles = publicar(dep, DIA3, {"0": b"0"}, [], tabelas={"produtos": []}, encolhimentos=ditos)
    assert com_eles.meta is not None
    assert com_eles.meta.encolhidas == {ARQUIVOS, LOGINS}


def test_listar_procurar_e_comparar_dizem_os_nomes_e_nenhum_segredo(tmp_path: Path) -> None:
    dep = deposito(tmp_path, None)
    hash_ = "$2a$10$abcdefghijklmnopqrstuvwx"
    login = {**LOGINS_DELA[0], "encrypted_password": hash_}
    publicar(dep, DIA1, FOTOS, [login])
    publicar(dep, DIA2, {**FOTOS, "nova": b"nova"}, [{**login, "encrypted_password": "outro"}])
    saidas = {}
    for acao in (
        ("listar",),
        ("listar", "--json"),
        ("procurar", ANA, "ana@doces"),
        ("historia", ANA, "logins", LOGINS_DELA[0]["id"]),
        ("historia", ANA, "logins", LOGINS_DELA[0]["id"], "--json"),
        ("comparar", ANA, DIA1, DIA2, "--registros"),
        ("comparar", ANA, DIA1, DIA2, "--registros", "--json"),
        ("comparar", ANA, DIA1, DIA2, "--csv", str(tmp_path / "c.zip")),
        ("comparar", ANA, DIA1, DIA2, "--pagina", str(tmp_path / "c.html")),
        ("verificar", "--json"),
        ("painel",),
        ("ensaiar", "--empresa", ANA),
    ):
        feita = executar(None, dep.raiz, *acao)
        assert feita.codigo in (0, 9), feita.tudo
        assert "\0" not in feita.tudo
        assert "\\u0000" not in feita.tudo
        assert hash_ not in feita.tudo
        saidas[" ".join(a for a in acao if a != ANA)] = feita.tudo
    assert "5 arquivos (" in saidas["listar"]
    assert "1 login" in saidas["listar"]
    assert "logins  ana@doces.example" in saidas["procurar ana@doces"]
    assert "--tabela logins" not in saidas["procurar ana@doces"]
    assert "arquivos: +1 ~0 −0 =4" in saidas[f"comparar {DIA1} {DIA2} --registros"]
    assert "5 arquivos relidos" in saidas["ensaiar --empresa"]
    assert "não se cria nenhum" in saidas["ensaiar --empresa"]
    pagina = (dep.raiz / "painel.html").read_text("utf-8")
    assert "5 arquivos (" in pagina
    comparada = (tmp_path / "c.html").read_text("utf-8")
    with zipfile.ZipFile(tmp_path / "c.zip") as zip_:
        planilhas = b"".join(map(zip_.read, zip_.namelist()))
    for dito in (pagina.encode(), comparada.encode(), planilhas):
        assert hash_.encode() not in dito
        assert b"ana@doces.example" not in dito


def test_o_ensaio_acha_um_conteudo_que_nao_e_o_da_lista(tmp_path: Path) -> None:
    """De um cifrado, os bytes do disco estão certos: só aberto se vê."""
    dep = deposito(tmp_path, CIFRA)
    um, outro = publicar(dep, DIA1, FOTOS), publicar(dep, DIA2, {"z": b"outro"})
    com_a_chave(um)
    lidos = Lidos()
    assert list(reler(de_novo(um), lidos)) == []
    assert (lidos.arquivos, lidos.bytes) == (4, len(FOTOS["z"]) + len(b"bolo"))
    (dele,) = (a.onde or "" for a in arquivados(de_novo(outro)))
    conteudos = Conteudos(um.pasta, None)
    _do_z(um).write_bytes(conteudos.caminho(dele).read_bytes())
    assert [d.split(":")[0] for d in reler(de_novo(um), Lidos())] == ["fotos/z"]
