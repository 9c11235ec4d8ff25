"""Os lacres na pasta dos backups: cada estrago, troca, falta ou intruso que se pode pôr lá é dito.

A poda, uma queda ou uma pasta que mudou de lugar não são um ataque.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apoio.danos import virar_um_bit
from apoio.inventados import ANA, BIA, arquivo, linhas, publicar
from cofre.base import perfil
from cofre.base.config.valores import Politica
from cofre.base.tela import RelatoTexto
from cofre.deposito import publicacao
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO, nome_do_lacre
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conferencia, conhecidos, serie
from cofre.deposito.lacre.assinatura import ChaveDeAssinar, codigo, nova_chave
from cofre.deposito.lacre.conhecidos import AssinanteDesconhecido
from cofre.deposito.lacre.faltas import Faltas
from cofre.deposito.lacre.lacre import (
    Corpo,
    Lacre,
    LacreRecusado,
    abrir,
    fechar,
    ler,
    pseudonimo,
)
from cofre.deposito.verificacao import danos_de
from cofre.rotina.poda.poda import Poda

DIAS = ["20260116_030000", "20260117_030000", "20260118_030000", "20260119_030000"]
Estrago = Callable[[Backup], None]


@pytest.fixture(autouse=True)
def casa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "perfil"))
    return tmp_path


@pytest.fixture
def deposito(casa: Path) -> Deposito:
    return Deposito(casa / "b", lacrar=True)


def _lacre(backup: Backup) -> Lacre:
    return ler((backup.pasta / nome_do_lacre(backup.carimbo)).read_bytes())


def _faltas(backup: Backup) -> Faltas:
    return Faltas.de(backup.pasta, ANA)


def _tirados(backup: Backup) -> list[str]:
    return [t.carimbo for t in _faltas(backup).tirados]


def _tirar(backup: Backup) -> None:
    for item in backup.pasta.glob(f"*{backup.carimbo}*"):
        item.unlink()


def _causas(backup: Backup) -> list[str]:
    return [d.causa for d in danos_de(abrir_backup(backup.pasta, backup.carimbo))]


@pytest.mark.parametrize("compactar", [False, True])
def test_o_lacre_diz_os_bytes_do_disco_e_os_anteriores(casa: Path, compactar: bool) -> None:
    deposito = Deposito(casa / "b", compactar=compactar, lacrar=True)
    backups = [publicar(deposito, dia) for dia in DIAS[:3]]
    publicar(deposito, DIAS[0], dono=BIA)

    lacre = _lacre(backups[2])
    ficha = (backups[2].pasta / f"backup_metadata_{DIAS[2]}.json").read_bytes()
    dados = [arquivo(backups[2], t).read_bytes() for t in ("clientes", "produtos")]
    assert lacre.blobs == tuple(
        sorted((hashlib.sha256(d).hexdigest(), len(d)) for d in (*dados, ficha))
    )
    assert lacre.ficha == hashlib.sha256(ficha).hexdigest()
    assert (lacre.empresa, lacre.carimbo, lacre.numero) == (pseudonimo(ANA), DIAS[2], 3)
    assert lacre.anteriores == tuple(_lacre(b).como_anterior for b in backups[:2])
    assert lacre.inicio.astimezone() == backups[2].quando
    assert [conferencia.conferir(b) for b in backups] == [_lacre(b) for b in backups]
    assert [list(danos_de(b)) for b in backups] == [[], [], []]
    assert _faltas(backups[0]).tirados == []
    assert ANA.encode() not in lacre.dados
    assert b"produtos" not in lacre.dados


def test_sem_pedir_nao_ha_lacre_mas_quem_os_tem_continua_a_te_los(casa: Path) -> None:
    sem = Deposito(casa / "b")
    primeiro = publicar(sem, DIAS[0])
    assert list(primeiro.pasta.glob("lacre*")) == []
    assert not (casa / "perfil").exists()

    publicar(Deposito(casa / "b", lacrar=True), DIAS[1])
    depois = publicar(sem, DIAS[2])

    assert _lacre(depois).numero == 2
    assert list(danos_de(primeiro)) == []  # de antes dos lacres: como sempre foi
    assert conferencia.conferir(primeiro) is None


def _virar_um_byte_do_lacre(backup: Backup) -> None:
    virar_um_bit(backup.pasta / nome_do_lacre(backup.carimbo), 40)


def _mudar_os_dados_e_as_somas(backup: Backup) -> None:
    """Como quem sabe o que faz: só o lacre o denuncia."""
    caminho = arquivo(backup, "produtos")
    dados = caminho.read_bytes().replace(b"1.5", b"9.9")
    caminho.unlink()  # o dos outros dias é o mesmo arquivo
    caminho.write_bytes(dados)
    ficha = backup.pasta / f"backup_metadata_{backup.carimbo}.json"
    bruto = json.loads(ficha.read_bytes())
    bruto["tabelas"]["produtos"]["sha256"] = hashlib.sha256(dados).hexdigest()
    ficha.write_text(json.dumps(bruto), encoding="utf-8")


def _tirar_o_lacre(backup: Backup) -> None:
    (backup.pasta / nome_do_lacre(backup.carimbo)).unlink()


def _por_o_lacre_de_outro_dia(backup: Backup) -> None:
    outro = backup.pasta / nome_do_lacre(DIAS[1])
    shutil.copyfile(outro, backup.pasta / nome_do_lacre(backup.carimbo))


def _por_o_da_outra_empresa(backup: Backup) -> None:
    outra = backup.pasta.parent / "empresa_bbbb2222" / nome_do_lacre(backup.carimbo)
    shutil.copyfile(outra, backup.pasta / nome_do_lacre(backup.carimbo))


def _assinar_com_outra_chave(backup: Backup) -> None:
    certo = _lacre(backup)
    corpo = Corpo(**{c: getattr(certo, c) for c in Corpo.__struct_fields__})
    caminho = backup.pasta / nome_do_lacre(backup.carimbo)
    caminho.write_bytes(fechar(corpo, ChaveDeAssinar(nova_chave())))


ESTRAGOS: dict[str, tuple[Estrago, str]] = {
    "um-byte": (_virar_um_byte_do_lacre, "o lacre não é o que foi assinado"),
    "dados": (_mudar_os_dados_e_as_somas, "os metadados não são os que foram assinados"),
    "sem-lacre": (_tirar_o_lacre, "o lacre dele sumiu"),
    "outro-dia": (_por_o_lacre_de_outro_dia, "o lacre é de outro backup"),
    "outra-empresa": (_por_o_da_outra_empresa, "o lacre é de outra empresa"),
    "outra-chave": (_assinar_com_outra_chave, "que esta máquina não conhece"),
}


@pytest.mark.parametrize("qual", ESTRAGOS)
def test_o_estrago_se_diz_deste_e_so_deste(deposito: Deposito, qual: str) -> None:
    backups = [publicar(deposito, dia) for dia in DIAS]
    publicar(deposito, DIAS[2], dono=BIA)
    estragar, causa = ESTRAGOS[qual]

    estragar(backups[2])

    assert [c for c in _causas(backups[2]) if causa in c], _causas(backups[2])
    for outro in (backups[0], backups[1], backups[3]):
        assert _causas(outro) == []
    assert _tirados(backups[0]) == []  # está lá: não falta


def test_um_em_claro_posto_na_pasta_depois_dos_lacres_se_recusa(
    casa: Path, deposito: Deposito
) -> None:
    publicar(deposito, DIAS[0])
    depois = (datetime.now().astimezone() + timedelta(days=2)).strftime(FORMATO_DO_CARIMBO)
    intruso = publicar(Deposito(casa / "outra"), depois, {"produtos": linhas(9)})
    for item in intruso.pasta.iterdir():
        shutil.copy2(item, deposito.raiz / "empresa_aaaa1111")
    posto = abrir_backup(deposito.raiz / "empresa_aaaa1111", depois)

    assert [c for c in _causas(posto) if "não foi feito por aqui" in c]


@pytest.mark.parametrize("onde", ["empresa_aaaa1111", "empresa_aaaa1111-0000"])
def test_um_em_claro_nao_entra_nem_com_os_lacres_apagados_nem_noutra_pasta(
    casa: Path, deposito: Deposito, onde: str
) -> None:
    publicar(deposito, DIAS[0])
    ultimo = publicar(deposito, DIAS[1])
    publicar(deposito, DIAS[0], dono=BIA)
    depois = (datetime.now().astimezone() + timedelta(days=2)).strftime(FORMATO_DO_CARIMBO)
    intruso = publicar(Deposito(casa / "outra"), depois, {"produtos": linhas(9)})
    if onde == ultimo.pasta.name:
        shutil.rmtree(ultimo.pasta)
    shutil.copytree(intruso.pasta, deposito.raiz / onde)
    posto = deposito.ultimo(ANA)

    assert posto is not None
    assert (posto.pasta.name, posto.carimbo) == (onde, depois)
    assert [c for c in _causas(posto) if "não foi feito por aqui" in c]
    # Numa raiz em que nunca se lacrou, é como sempre; e quem os tinha volta a tê-los.
    assert _causas(intruso) == []
    shutil.rmtree(deposito.raiz)
    novo = publicar(Deposito(deposito.raiz), DIAS[2])
    assert (_lacre(novo).numero, _causas(novo)) == (3, [])


def test_um_lacrado_por_outra_chave_posto_na_pasta_se_recusa(
    casa: Path, deposito: Deposito, monkeypatch: pytest.MonkeyPatch
) -> None:
    publicar(deposito, DIAS[0])
    with monkeypatch.context() as de_outro:
        de_outro.setenv("XDG_CONFIG_HOME", str(casa / "perfil-do-outro"))
        intruso = publicar(Deposito(casa / "outra", lacrar=True), DIAS[3])
        do_outro = conhecidos.minha().publica
    for item in intruso.pasta.iterdir():
        shutil.copy2(item, deposito.raiz / "empresa_aaaa1111")
    posto = abrir_backup(deposito.raiz / "empresa_aaaa1111", DIAS[3])

    with pytest.raises(AssinanteDesconhecido) as erro:
        conferencia.conferir(posto)
    assert codigo(do_outro) in str(erro.value)
    assert "chaves confiar" in str(erro.value)
    conhecidos.confiar(do_outro)
    assert _causas(posto) == []


@pytest.mark.parametrize("qual", range(4), ids=["o-primeiro", "do-meio", "do-meio-2", "o-ultimo"])
def test_um_tirado_se_diz_e_o_proximo_backup_nao_o_esconde(deposito: Deposito, qual: int) -> None:
    backups = [publicar(deposito, dia) for dia in DIAS]

    _tirar(backups[qual])
    assert _tirados(backups[0]) == [DIAS[qual]]

    novo = publicar(deposito, "20260120_030000")
    assert _lacre(novo).numero == 5
    assert _tirados(novo) == [DIAS[qual]]
    assert "reconhecer" in "\n".join(_faltas(novo).falhas)

    assert _faltas(novo).reconhecer() == 1
    assert _tirados(novo) == []
    seguinte = publicar(deposito, "20260121_030000")
    assert _tirados(seguinte) == []
    assert DIAS[qual] not in [a.carimbo for a in _lacre(seguinte).anteriores]


def test_so_com_a_pasta_o_do_meio_se_sabe_e_o_ultimo_diz_se_que_nao(
    casa: Path, deposito: Deposito, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = [publicar(deposito, dia) for dia in DIAS]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(casa / "outra-maquina"))

    def ditas() -> str:
        faltas = _faltas(backups[0])
        assert faltas.tirados == []
        assert faltas.da_casa.ultimo is None
        return "\n".join(faltas.linhas)

    inteira = ditas()
    assert "último lacre nº 4" in inteira
    assert "se havia outros depois, não se sabe" in inteira
    assert "não está" not in inteira

    _tirar(backups[1])
    assert "1 anterior não está aqui" in ditas()
    _tirar(backups[3])
    assert "último lacre nº 3" in ditas()


def test_a_poda_nao_e_um_ataque(deposito: Deposito) -> None:
    backups = [publicar(deposito, dia) for dia in DIAS]

    for qual in (1, 3, 0):  # também o último
        deposito.apagar(backups[qual])
        assert _tirados(backups[2]) == []
    assert [p.name for p in backups[2].pasta.glob("lacre_2*")] == [nome_do_lacre(DIAS[2])]
    assert _causas(backups[2]) == []

    novo = publicar(deposito, "20260120_030000")
    assert _lacre(novo).numero == 5
    assert _lacre(novo).anteriores == (_lacre(backups[2]).como_anterior,)
    assert _tirados(novo) == []
    _tirar(backups[2])
    assert _tirados(novo) == [DIAS[2]]


def test_um_falso_nao_faz_a_poda_tirar_os_bons(casa: Path, deposito: Deposito) -> None:
    bons = [publicar(deposito, dia) for dia in DIAS]
    falsos = []
    for n in range(2, 5):
        quando = datetime.now().astimezone() + timedelta(days=n)
        with pytest.MonkeyPatch.context() as de_outro:
            de_outro.setenv("XDG_CONFIG_HOME", str(casa / "perfil-do-outro"))
            carimbo = quando.strftime(FORMATO_DO_CARIMBO)
            falso = publicar(Deposito(casa / f"falsa{n}", lacrar=True), carimbo)
        for item in falso.pasta.iterdir():
            shutil.copy2(item, bons[0].pasta)
        falsos.append(carimbo)

    (plano,) = Poda(deposito, Politica(ultimos=2), RelatoTexto(None, None)).planejar(
        datetime.now().astimezone()
    )

    assert [b.carimbo for b in plano.saem] == DIAS[:2]
    assert plano.garantia == DIAS[3]
    ficam = {b.carimbo: b.motivos for b in plano.backups if not b.sai}
    assert all("danificado" in ficam[c][0] for c in falsos)


def test_o_que_a_poda_deixou_dito_so_vale_assinado_e_para_o_ultimo(deposito: Deposito) -> None:
    backups = [publicar(deposito, dia) for dia in DIAS[:3]]
    deposito.apagar(backups[0])
    rol = backups[0].pasta / serie.ROL
    do_primeiro = rol.read_bytes()

    _tirar(backups[1])
    assert _tirados(backups[2]) == [DIAS[1]]
    # Um rol de outra chave, mesmo bem feito, não vale: voltam a faltar os dois.
    falso, _ = abrir(do_primeiro, serie.Rol)
    rol.write_bytes(fechar(falso, ChaveDeAssinar(nova_chave())))
    assert _tirados(backups[2]) == [DIAS[0], DIAS[1]]
    rol.write_bytes(do_primeiro)
    assert _tirados(backups[2]) == [DIAS[1]]
    # Um rol antigo, depois de outro backup, já não diz nada.
    novo = publicar(deposito, DIAS[3])
    rol.write_bytes(do_primeiro)
    assert _tirados(novo) == [DIAS[1]]


def test_quem_morre_antes_de_lembrar_nao_perde_nem_repete_o_numero(
    deposito: Deposito, monkeypatch: pytest.MonkeyPatch
) -> None:
    publicar(deposito, DIAS[0])
    with monkeypatch.context() as queda:
        queda.setattr(publicacao, "lembrar", lambda *_: None)
        perdido = publicar(deposito, DIAS[1])

    novo = publicar(deposito, DIAS[2])

    assert [a.carimbo for a in _lacre(novo).anteriores] == DIAS[:2]
    assert _lacre(novo).numero == 3
    _tirar(perdido)
    assert _tirados(novo) == [DIAS[1]]


def test_o_que_morreu_pronto_e_terminado_com_o_lacre(deposito: Deposito) -> None:
    backup = publicar(deposito, DIAS[0])
    montagem = backup.pasta / f".em_andamento_{DIAS[0]}"
    montagem.mkdir()
    for item in backup.pasta.glob(f"*_{DIAS[0]}.json"):
        item.rename(montagem / item.name)

    with deposito.trabalhando():
        pass

    assert not montagem.exists()
    assert _causas(backup) == []
    assert _lacre(backup).numero == 1


def test_a_pasta_que_muda_de_lugar_continua_a_mesma_serie(casa: Path, deposito: Deposito) -> None:
    backups = [publicar(deposito, dia) for dia in DIAS[:2]]
    deposito.raiz.rename(casa / "novo-lugar")
    mudado = Deposito(casa / "novo-lugar", lacrar=True)

    novo = publicar(mudado, DIAS[2])

    assert _lacre(novo).numero == 3
    assert [a.carimbo for a in _lacre(novo).anteriores] == [b.carimbo for b in backups]
    assert _tirados(novo) == []


def test_duas_pastas_da_mesma_empresa_nao_repetem_numeros(casa: Path, deposito: Deposito) -> None:
    outra = Deposito(casa / "outra", lacrar=True)
    numeros = [_lacre(publicar(d, dia)).numero for dia in DIAS[:2] for d in (deposito, outra)]

    assert numeros == [1, 2, 3, 4]
    assert _tirados(publicar(outra, DIAS[2])) == []


def test_com_o_perfil_perdido_comeca_outra_serie_e_o_codigo_traz_a_antiga(
    casa: Path, deposito: Deposito
) -> None:
    antigo = publicar(deposito, DIAS[0])
    da_folha = conhecidos.minha().publica
    shutil.rmtree(perfil.pasta())

    novo = publicar(deposito, DIAS[1])

    assert _lacre(novo).escritor != _lacre(antigo).escritor
    assert (_lacre(novo).numero, _causas(novo)) == (1, [])
    assert [c for c in _causas(antigo) if codigo(da_folha) in c]
    conhecidos.confiar(da_folha)
    assert _causas(antigo) == []


def test_uma_tabela_chamada_lacre_nao_e_um_lacre(casa: Path, deposito: Deposito) -> None:
    antigo = publicar(Deposito(casa / "b"), DIAS[0], {"lacre": linhas(2)})
    caminho = arquivo(antigo, "lacre")
    # Como uma versão de antes dos lacres o gravava.
    ficha = antigo.pasta / f"backup_metadata_{DIAS[0]}.json"
    ficha.write_bytes(
        ficha.read_bytes().replace(caminho.name.encode(), nome_do_lacre(DIAS[0]).encode())
    )
    caminho.rename(antigo.pasta / nome_do_lacre(DIAS[0]))

    assert _causas(antigo) == []
    novo = publicar(deposito, DIAS[1], {"lacre": linhas(2)})
    assert arquivo(novo, "lacre").name != nome_do_lacre(DIAS[1])
    assert _causas(novo) == []


def test_lixo_na_pasta_nao_impede_o_proximo(deposito: Deposito) -> None:
    primeiro = publicar(deposito, DIAS[0])
    (primeiro.pasta / nome_do_lacre("20260101_000000")).write_bytes(b"lixo")
    (primeiro.pasta / nome_do_lacre("99999999_999999")).mkdir()
    (primeiro.pasta / serie.ROL).write_bytes(b"lixo")

    novo = publicar(deposito, DIAS[1])

    assert (_causas(primeiro), _causas(novo), _tirados(novo)) == ([], [], [])


def test_uma_copia_do_perfil_estragada_nao_repete_numeros(deposito: Deposito) -> None:
    primeiro = publicar(deposito, DIAS[0])
    for guardado in (perfil.pasta() / "lacres").rglob("*.json"):
        guardado.write_bytes(b"lixo")

    assert _lacre(publicar(deposito, DIAS[1])).numero == 2
    with pytest.raises(LacreRecusado):
        ler(b"lixo")
    assert _tirados(primeiro) == []
