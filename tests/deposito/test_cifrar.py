"""Publicar cifrado, e cifrar o que ficou em claro: sem servidor, com o `age` de fora como juiz."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from apoio.campanha import CAMPANHA
from apoio.cifrados import a_mao, abrindo_com, cifrando_para, sem_nada_em_claro
from apoio.danos import virar_um_bit
from apoio.execucao import executar, fotografia_do_disco
from apoio.inventados import ANA, BIA, arquivo, linhas, publicar
from apoio.suicida import FORA_DOS_BACKUPS, matando, que_morre
from cofre.base import derrame
from cofre.base.erros import FalhaDeDisco
from cofre.base.linha import juntar
from cofre.deposito import metadados, recolha, remocao
from cofre.deposito.backup import Backup, completo
from cofre.deposito.cifra import chaveiro, cifra
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import Gravador, abrir, de_passagem, gravando_cifrado
from cofre.deposito.legivel import legivel
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.no_disco import estado_de
from cofre.deposito.recifrar import JaCifrados, cifrar_de_novo
from cofre.deposito.recifrar_arquivos import ConteudosCifrados
from cofre.deposito.verificacao import danos_de

CHAVE, RESERVA, OUTRA = gerar(), gerar(), gerar()
DUAS = cifrando_para(CHAVE, RESERVA)
SEGREDO = "Maria Segredo"
"""O que há nas linhas, e em nome nenhum."""
PULO = 1 if CAMPANHA else 9
PULO_AO_CIFRAR = 1 if CAMPANHA else 16


@pytest.fixture(autouse=True)
def _sem_chaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """O perfil deste teste, e nenhuma chave que abra, antes e depois."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "b.perfil"))
    cifra.segredo.cache_clear()
    chaveiro.esquecer()
    yield
    chaveiro.esquecer()
    cifra.segredo.cache_clear()


def cifrado(raiz: Path, reusar_por: timedelta | None = None) -> Deposito:
    return Deposito(raiz, cifra=Cifra((CHAVE.publica, RESERVA.publica), reusar_por))


def tabelas(clientes: int = 30, dono: str = ANA) -> dict[str, list[dict[str, object]]]:
    return {
        "clientes": linhas(clientes, dono, nome=SEGREDO),
        "detalhes": linhas(3, dono, nome=SEGREDO),
        "lacre": linhas(2, dono, nome=SEGREDO),
        "vazia": [],
    }


def estragar(caminho: Path) -> None:
    virar_um_bit(caminho, -1)


def danos(backup: Backup) -> list[str]:
    return [f"{d.tabela}: {d.causa}" for d in danos_de(backup)]


def em_claro(backup: Backup) -> dict[str, bytes]:
    """O JSON de cada tabela, aberto à mão se está cifrado."""
    assert backup.meta is not None
    caminhos = {nome: backup.caminho(t) for nome, t in backup.meta.tabelas.items()}
    return {
        n: a_mao(c, RESERVA) if c.suffix == ".age" else c.read_bytes() for n, c in caminhos.items()
    }


# -- publicar --------------------------------------------------------------------------------


def test_um_cifrado_abre_se_com_a_chave_e_so_com_ela(tmp_path: Path) -> None:
    deposito = cifrado(tmp_path / "b")
    um = publicar(deposito, "20260101_030000", tabelas())
    assert (um.cifrado, um.fechado, um.estado) == (True, True, "completo")
    assert (danos(um), estado_de(um)) == ([], ("completo", ""))
    assert um.meta is not None
    assert um.meta.tabelas["detalhes"].arquivo != "detalhes_20260101_030000.json.gz.age"
    with pytest.raises(FaltaChave, match="cifrado") as erro:
        completo(um)
    assert all(c.publica.texto in erro.value.dica for c in (CHAVE, RESERVA))
    chaveiro.guardar(OUTRA)
    assert deposito.abrir(um.pasta, um.carimbo).fechado
    chaveiro.guardar(RESERVA)
    aberto = completo(um)
    assert aberto.meta is not None
    assert (aberto.fechado, danos(aberto)) == (False, [])
    assert aberto.meta.tabelas["clientes"].chave == ("id",)
    assert aberto.meta.cifrado == um.meta.cifrado
    assert em_claro(um)["clientes"].count(SEGREDO.encode()) == 30


def test_o_legivel_refaz_se_dos_detalhes_byte_a_byte(tmp_path: Path) -> None:
    """É assim que quem traz de longe o backup refaz os metadados que não vieram."""
    um = publicar(cifrado(tmp_path / "b"), "20260101_030000", tabelas())
    ficha = um.pasta / "backup_metadata_20260101_030000.json"
    detalhes = a_mao(um.pasta / "detalhes_20260101_030000.json.gz.age", CHAVE)
    assert um.meta is not None
    assert um.meta.cifrado is not None
    salvos = um.meta.cifrado.detalhes
    assert salvos is not None
    refeito = legivel(json.loads(detalhes), salvos.arquivo, salvos.sha256, salvos.bytes)
    assert refeito == ficha.read_bytes()


@pytest.mark.parametrize("qual", ["registros", "para", "sha256_cifrado", "detalhes"])
def test_um_legivel_mexido_nao_passa_por_quem_tem_a_chave(tmp_path: Path, qual: str) -> None:
    deposito = cifrado(tmp_path / "b")
    um = publicar(deposito, "20260101_030000", tabelas())
    ficha = um.pasta / "backup_metadata_20260101_030000.json"
    dito = json.loads(ficha.read_bytes())
    if qual == "para":
        dito["cifrado"]["para"] = [OUTRA.publica.texto]
    elif qual == "detalhes":
        dito["cifrado"]["detalhes"]["sha256"] = "0" * 64
    else:
        dito["tabelas"]["clientes"][qual] = 31 if qual == "registros" else "0" * 64
    ficha.write_bytes(metadados.em_bytes(dito))
    chaveiro.guardar(CHAVE)
    mexido = deposito.abrir(um.pasta, um.carimbo)
    assert mexido.meta is None
    assert "detalhes" in mexido.dano


@pytest.mark.parametrize("ditos", [b"{}", b"[]", b'{"user_id":"x"}', b"x", b'{"cifrado":7}'])
def test_detalhes_forjados_nao_derrubam_quem_os_abre(tmp_path: Path, ditos: bytes) -> None:
    """Qualquer um que escreva na pasta pode cifrar para as chaves públicas o que quiser."""
    deposito = cifrado(tmp_path / "b")
    um = publicar(deposito, "20260101_030000", tabelas())
    arquivo_ = um.pasta / "detalhes_20260101_030000.json.gz.age"
    with arquivo_.open("wb") as bruto, gravando_cifrado(bruto, um.para) as (saida, fechado):
        saida.write(ditos)
    ficha = um.pasta / "backup_metadata_20260101_030000.json"
    dito = json.loads(ficha.read_bytes())
    dito["cifrado"]["detalhes"] |= {"sha256": fechado.sha256, "bytes": fechado.bytes}
    ficha.write_bytes(metadados.em_bytes(dito))
    chaveiro.guardar(CHAVE)
    aberto = deposito.abrir(um.pasta, um.carimbo)
    assert (aberto.meta, estado_de(aberto)[0]) == (None, "danificado")


@pytest.mark.parametrize("qual", ["clientes", "detalhes", "(os detalhes)"])
def test_um_byte_trocado_num_cifrado_e_dito_sem_chave_e_com_ela(tmp_path: Path, qual: str) -> None:
    deposito = cifrado(tmp_path / "b")
    um = publicar(deposito, "20260101_030000", tabelas())
    dos_detalhes = um.pasta / "detalhes_20260101_030000.json.gz.age"
    estragar(dos_detalhes if qual.startswith("(") else arquivo(um, qual))
    (dano,) = danos(um)
    assert "não confere" in dano
    chaveiro.guardar(CHAVE)
    assert danos(deposito.abrir(um.pasta, um.carimbo)) != []


def test_so_se_liga_o_que_ainda_e_novo_que_chegue(tmp_path: Path) -> None:
    """Na cópia, um arquivo velho já gastou a trava que tinha."""

    def nomes(backup: Backup) -> set[int]:
        return {arquivo(backup, t).stat().st_nlink for t in tabelas()}

    raiz = tmp_path / "b"
    publicar(cifrado(raiz), "20260101_030000", tabelas())
    publicar(cifrado(raiz, timedelta(days=1)), "20260102_030000", tabelas())
    novo = publicar(cifrado(raiz, timedelta(0)), "20260103_030000", tabelas())
    assert nomes(novo) == {1}


def test_a_marca_e_do_conteudo_das_chaves_e_do_arquivo(tmp_path: Path) -> None:
    """Quem não tem o segredo não faz o backup de hoje ligar um arquivo seu no lugar do de ontem."""
    esta = Cifra((CHAVE.publica, RESERVA.publica))
    marca = esta.marca("clientes", "a" * 64, "b" * 64)
    outras = {
        esta.marca("clientes", "a" * 64, "c" * 64),
        esta.marca("clientes", "c" * 64, "b" * 64),
        esta.marca("clientes\0", "a" * 64, "b" * 64),
        Cifra((CHAVE.publica, OUTRA.publica)).marca("clientes", "a" * 64, "b" * 64),
    }
    assert marca not in outras
    assert len(outras) == 4
    assert Cifra(esta.para[::-1]).marca("clientes", "a" * 64, "b" * 64) == marca


@pytest.mark.parametrize("cifra", [False, True], ids=["em claro", "cifrado"])
def test_um_arquivo_de_passagem_so_o_le_quem_o_escreveu(tmp_path: Path, *, cifra: bool) -> None:
    if cifra:
        derrame.cifrar()
    with de_passagem(tmp_path, "7") as (caminho, saida):
        gravador = Gravador(saida)
        gravador.bloco(juntar([json.dumps(linha).encode() for linha in tabelas()["clientes"]]))
        gravador.terminar()
    assert caminho.name == ("7.json.gz.age" if cifra else "7.json")
    assert bool(sem_nada_em_claro([tmp_path], [SEGREDO])) is not cifra
    lidas = [json.loads(bytes(linha)) for grupo in ler_linhas(caminho) for linha in grupo]
    assert lidas == tabelas()["clientes"]
    chaveiro.esquecer()
    if cifra:
        with pytest.raises(FaltaChave):
            list(ler_linhas(caminho))


# -- mortes ----------------------------------------------------------------------------------

PUBLICA = que_morre(
    """
from pathlib import Path
from apoio.inventados import publicar
from cofre.base.config.valores import Cifragem
from cofre.deposito.cifra.cifra import de_configuracao
from cofre.deposito.deposito import Deposito
cifra = de_configuracao(Cifragem(os.environ["BACKUP_CIFRAR_PARA"]))
publicar(Deposito(Path(destino), cifra=cifra), "20260102_030000")
""",
    alheios=FORA_DOS_BACKUPS,
)
CIFRA = que_morre(alheios=FORA_DOS_BACKUPS)


def test_kill_9_enquanto_se_publica_cifrado(tmp_path: Path) -> None:
    """Ontem fica como estava; hoje está inteiro ou não está, e a recolha não deixa nada."""
    modelo = tmp_path / "modelo"
    publicar(cifrado(modelo), "20260101_030000")
    ontem = fotografia_do_disco(modelo)
    destino, passo = tmp_path / "b", 0
    shutil.copytree(modelo, destino)
    for numero, _ in matando(destino, PUBLICA, pulo=PULO, mais=DUAS):
        passo = numero
        deposito = Deposito(destino)
        deposito.preparar()
        backups = deposito.da_empresa(ANA)
        assert [danos(b) for b in backups] == [[]] * len(backups)
        agora = fotografia_do_disco(destino)
        assert {n: agora.get(n) for n in ontem} == ontem
        assert len(agora) == 5 * len(backups) + 1
        inteiros = len(backups)
        shutil.rmtree(destino)
        shutil.copytree(modelo, destino)
    assert inteiros == 2
    assert passo >= 15


def test_kill_9_enquanto_se_cifra_o_que_estava_em_claro(tmp_path: Path) -> None:
    """Morto em qualquer passo, cada backup é o que era ou já é o cifrado, e continua inteiro; outra
    execução acaba, e não sobra nada em claro."""
    modelo = tmp_path / "modelo"
    for dia in ("01", "02"):
        publicar(Deposito(modelo), f"202601{dia}_030000", tabelas(int(dia)))
    certo = [em_claro(b) for b in Deposito(modelo).da_empresa(ANA)]
    destino, passo = tmp_path / "b", 0
    shutil.copytree(modelo, destino)
    for numero, codigo in matando(destino, CIFRA, "cifrar", pulo=PULO_AO_CIFRAR, mais=DUAS):
        passo = numero
        deposito = Deposito(destino)
        deposito.acabar_o_que_ficou()
        backups = deposito.da_empresa(ANA)
        assert [danos(b) for b in backups] == [[], []]
        assert [em_claro(b) for b in backups] == certo
        if codigo:
            feito = executar(None, destino, "cifrar", mais=DUAS)
            assert feito.codigo == 0, feito.tudo
        _tudo_cifrado(destino, certo)
        shutil.rmtree(destino)
        shutil.rmtree(f"{destino}.perfil")  # lembra-se dos lacres que já não há
        shutil.copytree(modelo, destino)
    assert passo >= 40


MORRE_AO_TROCAR = """
import os, runpy, signal, sys
sys.argv.pop(0)
def gancho(evento, argumentos):
    if evento == "os.rename":
        pasta, nome = os.path.split(str(argumentos[1]))
        if "empresa_" in os.path.basename(pasta) and nome.startswith("backup_metadata_"):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(gancho)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Entre o lacre novo e os metadados novos, já assinados por ele."""


@pytest.mark.parametrize("acao", [("verificar",), ("exportar", ANA)], ids=["verificar", "exportar"])
def test_o_que_ficou_a_meio_de_se_trocar_nao_passa_por_danificado(
    tmp_path: Path, acao: tuple[str, ...]
) -> None:
    destino = tmp_path / "b"
    publicar(Deposito(destino), "20260101_030000")
    certo = [em_claro(b) for b in Deposito(destino).da_empresa(ANA)]
    morto = executar(None, destino, "cifrar", mais=DUAS, programa=MORRE_AO_TROCAR, novo=False)
    assert morto.codigo == -signal.SIGKILL, morto.tudo
    assert [bool(danos(b)) for b in Deposito(destino).da_empresa(ANA)] == [True]
    para = (str(tmp_path / "dela.zip"),) if acao[0] == "exportar" else ()
    saida = executar(None, destino, *acao, *para, mais=DUAS)
    assert saida.codigo == 0, saida.tudo
    _tudo_cifrado(destino, certo)


def _tudo_cifrado(destino: Path, certo: list[dict[str, bytes]]) -> None:
    backups = Deposito(destino).da_empresa(ANA)
    assert [(b.cifrado, danos(b)) for b in backups] == [(True, [])] * len(certo)
    assert [em_claro(b) for b in backups] == certo
    assert sem_nada_em_claro([destino], [SEGREDO]) == []
    pasta = backups[0].pasta
    assert [p.name for p in pasta.iterdir() if p.name.startswith(".em_")] == []
    assert len(list(pasta.glob("*_2026*"))) == sum(len(t) + 3 for t in certo)


# -- cifrar o que estava em claro ------------------------------------------------------------


@pytest.mark.parametrize("compactar", [False, True], ids=["json", "gz"])
def test_cifrar_guarda_uma_vez_o_que_nao_mudou_e_e_o_mesmo_conteudo(
    tmp_path: Path, *, compactar: bool
) -> None:
    destino = tmp_path / "b"
    deposito = Deposito(destino, compactar=compactar)
    for dia, quantos in (("01", 5), ("02", 5), ("03", 6)):
        publicar(deposito, f"202601{dia}_030000", tabelas(quantos))
    vizinha = publicar(deposito, "20260101_030000", tabelas(4, BIA), dono=BIA)
    antes = fotografia_do_disco(vizinha.pasta)
    abertas = abrindo_com(tmp_path, CHAVE)
    certo = [_conteudo(b) for b in deposito.da_empresa(ANA)]
    feito = executar(None, destino, "cifrar", "--empresa", ANA, "--json", mais=DUAS)
    assert feito.codigo == 0, feito.tudo
    assert (feito.json()["cifrados"], feito.json()["em_claro"]) == (3, 0)
    backups = Deposito(destino).da_empresa(ANA)
    assert [em_claro(b) for b in backups] == certo
    assert [arquivo(b, "clientes").stat().st_nlink for b in backups] == [2, 2, 1]
    assert [arquivo(b, "vazia").stat().st_nlink for b in backups] == [3, 3, 3]
    assert sem_nada_em_claro([backups[0].pasta], [SEGREDO]) == []
    assert fotografia_do_disco(vizinha.pasta) == antes
    assert executar(None, destino, "verificar", mais=abertas).codigo == 0
    depois = fotografia_do_disco(destino)
    assert executar(None, destino, "cifrar", "--empresa", ANA, mais=DUAS).codigo == 0
    assert fotografia_do_disco(destino) == depois


def _conteudo(backup: Backup) -> dict[str, bytes]:
    assert backup.meta is not None
    conteudos = {}
    for nome, tabela in backup.meta.tabelas.items():
        with abrir(backup.caminho(tabela)) as aberto:
            conteudos[nome] = aberto.read()
    return conteudos


def test_o_que_se_estragou_fica_como_esta_e_os_outros_cifram_se(tmp_path: Path) -> None:
    destino = tmp_path / "b"
    for dia in ("01", "02"):
        publicar(Deposito(destino), f"202601{dia}_030000", tabelas(int(dia)))
    um, _dois = Deposito(destino).da_empresa(ANA)
    estragar(arquivo(um, "clientes"))
    ruim = {n: b for n, b in fotografia_do_disco(destino).items() if um.carimbo in n}
    feito = executar(None, destino, "cifrar", "--json", mais=DUAS)
    assert (feito.codigo, feito.json()["cifrados"], feito.json()["em_claro"]) == (6, 1, 1)
    agora = fotografia_do_disco(destino)
    assert {n: agora.get(n) for n in ruim} == ruim
    assert [b.cifrado for b in Deposito(destino).da_empresa(ANA)] == [False, True]


def test_um_em_claro_que_nao_se_deixa_apagar_e_dito_e_a_proxima_acaba(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Como um arquivo aberto em outro programa, no Windows; aqui, a recusa é provocada."""
    raiz = tmp_path / "b"
    um = publicar(Deposito(raiz), "20260101_030000", tabelas())
    certo = [em_claro(um)]
    preso, apagar = arquivo(um, "clientes"), remocao.apagar

    def recusa(qual: Path) -> None:
        if qual == preso:
            raise PermissionError(13, "aberto", str(qual))
        apagar(qual)

    deposito, de_hoje = cifrado(raiz), Cifra((CHAVE.publica, RESERVA.publica))
    monkeypatch.setattr(recolha, "apagar", recusa)
    with deposito.trabalhando(), pytest.raises(FalhaDeDisco, match="não consegui apagar"):
        cifrar_de_novo(deposito, um, JaCifrados(ConteudosCifrados(um.pasta, de_hoje)))
    assert preso.exists()
    assert [em_claro(b) for b in Deposito(raiz).da_empresa(ANA)] == certo
    monkeypatch.setattr(recolha, "apagar", apagar)
    Deposito(raiz).preparar()
    _tudo_cifrado(raiz, certo)


def test_sem_dizer_para_quem_nao_se_cifra(tmp_path: Path) -> None:
    publicar(Deposito(tmp_path / "b"), "20260101_030000")
    antes = fotografia_do_disco(tmp_path / "b")
    feito = executar(None, tmp_path / "b", "cifrar")
    assert feito.codigo == 2, feito.tudo
    assert "BACKUP_CIFRAR_PARA" in feito.tudo
    assert fotografia_do_disco(tmp_path / "b") == antes


def test_os_que_ficaram_em_claro_dizem_se(tmp_path: Path) -> None:
    destino = tmp_path / "b"
    publicar(Deposito(destino), "20260101_030000")
    assert "em claro" not in executar(None, destino, "listar").saida
    publicar(cifrado(destino), "20260102_030000")
    listado = executar(None, destino, "listar")
    assert listado.saida.count("🔓 em claro") == 1
    assert "1 backup de antes de cifrar continua em claro" in listado.saida
    assert executar(None, destino, "painel").codigo == 0
    assert (destino / "painel.html").read_text("utf-8").count("🔓 em claro") == 1
    assert executar(None, destino, "cifrar", mais=DUAS).codigo == 0
    assert "em claro" not in executar(None, destino, "listar").saida
