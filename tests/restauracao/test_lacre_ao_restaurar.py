"""O lacre ao restaurar: o que não é o que foi assinado, por quem se conhece, não chega ao banco."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apoio.acervo import guardar
from apoio.cifrados import abrindo_com
from apoio.danos import metadados_de, trocar_linhas, trocar_metadados
from apoio.execucao import executar, fotografia_do_disco, restaurar, ultimo_backup
from apoio.impressoes import executar_sql, impressoes
from apoio.inventados import publicar
from apoio.lacres import codigo_de
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, VIZINHA
from apoio.terminal import num_terminal
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import serie
from cofre.deposito.lacre.lacre import ler
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

CONFIRMAR = ("--empresa", DONO, "--confirmar", "RESTAURAR")
PASTA = "empresa_aaaa1111"
CHAVE = gerar()


def _copiar(projeto: SupabaseLocal, destino: Path) -> None:
    """Um backup de todas, com lacre: as empresas já os têm."""
    with pytest.MonkeyPatch.context() as perfil:
        perfil.setenv("XDG_CONFIG_HOME", f"{destino}.perfil")
        for dono in (DONO, VIZINHA):
            inicio = "2020-01-01T03:00:00+00:00"
            publicar(Deposito(destino, lacrar=True), "20200101_030000", dono=dono, inicio=inicio)
    saida = executar(projeto, destino)
    assert saida.codigo == 0, saida.tudo


@pytest.fixture(scope="module")
def origem(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A máquina em que se fez o backup; ninguém a altera."""
    destino = tmp_path_factory.mktemp("origem") / "b"
    _copiar(projeto, destino)
    return destino


@pytest.fixture
def destino(origem: Path, tmp_path: Path) -> Path:
    """Uma cópia que se pode estragar, com o mesmo perfil."""
    shutil.copytree(origem, tmp_path / "b")
    shutil.copytree(f"{origem}.perfil", tmp_path / "b.perfil")
    return tmp_path / "b"


@pytest.fixture
def noutra_maquina(origem: Path, tmp_path: Path) -> Path:
    """Uma cópia da pasta, sem o perfil."""
    shutil.copytree(origem, tmp_path / "b")
    return tmp_path / "b"


@pytest.fixture
def mudada(projeto: SupabaseLocal) -> Iterator[None]:
    """A empresa já não é o que foi salvo; no fim, volta a ser."""
    executar_sql(projeto, f"UPDATE produtos SET nome = nome || '!' WHERE user_id = '{DONO}'")
    yield
    executar_sql(
        projeto, f"UPDATE produtos SET nome = trim('!' FROM nome) WHERE user_id = '{DONO}'"
    )


def test_o_numero_vai_no_resumo_no_json_e_na_ultima_execucao(
    projeto: SupabaseLocal, destino: Path
) -> None:
    na_tela = executar(projeto, destino)
    em_json = executar(projeto, destino, "--json").json()
    codigo = codigo_de(destino)

    assert "   🔏 Lacre nº 3\n" in na_tela.saida
    assert f"   Lacres: 2, código {codigo}\n" in na_tela.saida
    numeros = [
        {"id": quem, "nome": nome, "numero": 4}
        for quem, nome in ((DONO, "Padaria Ação"), (VIZINHA, "Vizinha"))
    ]
    assert em_json["lacres"] == {"codigo": codigo, "numeros": numeros}
    assert [e["lacre"] for e in em_json["empresas"]] == [4, 4]
    ultima = json.loads((destino / "ultima_execucao.json").read_text("utf-8"))
    assert ultima["resumo"]["lacres"] == em_json["lacres"]


def _trocar_dados(pasta: Path) -> str:
    backup = ultimo_backup(pasta, DONO)
    trocar_linhas(backup, "produtos", lambda linhas: [{**x, "preco": 0} for x in linhas])
    return "os metadados não são os que foram assinados"


def _tirar_o_lacre(pasta: Path) -> str:
    """Do último que esta pasta teve: é o perfil que sabe que o tinha."""
    nome = max((pasta / PASTA).glob("lacre_2*")).name
    lacre = ler((pasta / PASTA / nome).read_bytes())
    with pytest.MonkeyPatch.context() as perfil:
        perfil.setenv("XDG_CONFIG_HOME", f"{pasta}.perfil")
        serie.lembrar(pasta / PASTA, lacre)
    (pasta / PASTA / nome).unlink()
    return "o lacre dele sumiu"


def _por_um_sem_lacre(pasta: Path) -> str:
    _forjar(pasta)
    return "não tem lacre, e os backups desta empresa já os tinham"


def _por_um_sem_lacre_noutra_pasta(pasta: Path) -> str:
    causa = _por_um_sem_lacre(pasta)
    intruso = max((pasta / PASTA).glob("backup_metadata_*")).stem[-15:]
    (pasta / f"{PASTA}-0000").mkdir()
    for item in (pasta / PASTA).glob(f"*{intruso}*"):
        item.rename(pasta / f"{PASTA}-0000" / item.name)
    return causa


def _por_um_de_outra_chave(pasta: Path) -> str:
    _forjar(pasta, lacrar=True)
    return "foi assinado por uma chave que esta máquina não conhece"


def _por_um_cifrado_de_outra_chave(pasta: Path) -> str:
    _forjar(pasta, cifra=Cifra((CHAVE.publica,)))
    return "foi assinado por uma chave que esta máquina não conhece"


def _por_um_cifrado_sem_lacre(pasta: Path) -> str:
    for item in _forjar(pasta, cifra=Cifra((CHAVE.publica,))):
        if item.name.startswith("lacre_"):
            item.unlink()
    return "está cifrado e não tem lacre"


def _forjar(pasta: Path, *, lacrar: bool = False, cifra: Cifra | None = None) -> list[Path]:
    """Um backup bem feito (cifrado, para a nossa chave pública), mais novo que todos, de quem não
    tem a chave com que esta máquina assina; devolve o que pôs na pasta."""
    quando = datetime.now().astimezone() + timedelta(days=2)
    with pytest.MonkeyPatch.context() as perfil:
        perfil.setenv("XDG_CONFIG_HOME", str(pasta.parent / "perfil-do-ladrao"))
        linhas = [{"id": n, "user_id": DONO, "nome": "roubado", "preco": 0} for n in range(1, 9)]
        falso = guardar(
            Deposito(pasta.parent / "falsa", lacrar=lacrar, cifra=cifra),
            DONO,
            "Padaria Ação",
            quando,
            {"produtos": linhas},
            chaves={"produtos": ["id"]},
            inicio=quando.isoformat(),
        )
    return [Path(shutil.copy2(item, pasta / PASTA)) for item in falso.pasta.iterdir()]


@pytest.mark.parametrize(
    "forjar",
    [
        _trocar_dados,
        _tirar_o_lacre,
        _por_um_sem_lacre,
        _por_um_sem_lacre_noutra_pasta,
        _por_um_de_outra_chave,
        _por_um_cifrado_de_outra_chave,
        _por_um_cifrado_sem_lacre,
    ],
)
@pytest.mark.usefixtures("mudada")
def test_o_que_nao_e_o_assinado_nao_chega_ao_banco(
    projeto: SupabaseLocal, destino: Path, forjar: Callable[[Path], str]
) -> None:
    causa = forjar(destino)
    antes = impressoes(projeto)

    com_a_chave = abrindo_com(destino.parent, CHAVE)
    saida = restaurar(projeto, destino, *CONFIRMAR, mais=com_a_chave)
    conferido = executar(None, destino, "verificar", "--empresa", DONO)

    assert saida.codigo == 6, saida.tudo
    assert causa in saida.erros
    assert "Nada foi alterado." in saida.erros
    assert impressoes(projeto) == antes
    assert not list((destino / PASTA).glob("restauracao_*"))
    assert conferido.codigo == 6
    assert causa in conferido.tudo


@pytest.mark.usefixtures("mudada")
def test_noutra_maquina_o_codigo_da_folha_o_traz(
    projeto: SupabaseLocal, noutra_maquina: Path
) -> None:
    certo = codigo_de(noutra_maquina)
    salvo = impressoes(projeto)

    sem = restaurar(projeto, noutra_maquina, *CONFIRMAR)
    errado = restaurar(projeto, noutra_maquina, *CONFIRMAR, "--codigo-do-lacre", "AAAA-BBBB")
    assert (sem.codigo, errado.codigo) == (6, 6)
    assert f"de código {certo}" in sem.erros
    assert impressoes(projeto) == salvo

    dito = certo.lower().replace("-", " ")
    com = restaurar(projeto, noutra_maquina, *CONFIRMAR, "--codigo-do-lacre", dito)

    assert com.codigo == 0, com.tudo
    assert f"Esta máquina passa a confiar nos lacres de código {certo}." in com.saida
    de_volta = impressoes(projeto)
    assert de_volta[("produtos", DONO)] != salvo[("produtos", DONO)]
    assert {c: v for c, v in de_volta.items() if c[1] != DONO} == {
        c: v for c, v in salvo.items() if c[1] != DONO
    }
    desfazer = ("desfazer", "--empresa", DONO, "--confirmar", "DESFAZER")
    foto = ultimo_backup(noutra_maquina, DONO)
    ficha = metadados_de(foto)
    certa = ficha.read_bytes()
    trocar_metadados(foto, lambda bruto: bruto.update(total_registros=0))
    recusado = restaurar(projeto, noutra_maquina, *desfazer)
    assert recusado.codigo == 6, recusado.tudo
    assert "os metadados não são os que foram assinados" in recusado.erros
    assert impressoes(projeto) == de_volta
    ficha.write_bytes(certa)
    desfeito = restaurar(projeto, noutra_maquina, *desfazer)
    assert desfeito.codigo == 0, desfeito.tudo
    assert impressoes(projeto) == salvo


@pytest.mark.usefixtures("mudada")
def test_no_terminal_o_codigo_se_digita_e_so_ele_serve(
    projeto: SupabaseLocal, noutra_maquina: Path
) -> None:
    certo = codigo_de(noutra_maquina)
    pergunta = "Código na sua folha de recuperação (Enter: não o tenho):"
    antes = impressoes(projeto)
    empresa = ("--empresa", DONO)

    recusado = num_terminal(projeto, noutra_maquina, 80, "AAAA-BBBB\n", argumentos=empresa)
    explicado = num_terminal(projeto, noutra_maquina, 80, "?\n\n", argumentos=empresa)
    aceite = num_terminal(projeto, noutra_maquina, 80, f"{certo}\nq\n", argumentos=empresa)

    assert pergunta in recusado
    assert "este backup não é de quem fez a folha" in recusado
    assert "está danificado" in recusado
    assert f"O deste backup é {certo}" in " ".join(explicado.split())
    assert certo not in recusado.split(pergunta)[0]
    assert f"passa a confiar nos lacres de código {certo}" in aceite
    assert "Digite 'RESTAURAR' para confirmar" in aceite
    assert len(f"{pergunta} {certo}") <= 80  # digitado, cabe na linha
    assert impressoes(projeto) == antes


def test_chaves_confiar_aceita_o_codigo_da_folha_e_so_ele(noutra_maquina: Path) -> None:
    certo = codigo_de(noutra_maquina)
    verificar = ("verificar", "--empresa", DONO)
    assert executar(None, noutra_maquina, *verificar).codigo == 6

    errado = executar(None, noutra_maquina, "chaves", "confiar", "AAAA-BBBB-CCCC-DDDD")
    assert errado.codigo == 2
    assert certo in errado.erros
    assert executar(None, noutra_maquina, *verificar).codigo == 6

    aceite = executar(None, noutra_maquina, "chaves", "confiar", certo, "--json").json()
    outra_vez = executar(None, noutra_maquina, "chaves", "confiar", certo, "--json").json()
    assert (aceite["lacre"], aceite["nova"], outra_vez["nova"]) == (certo, True, False)
    conferido = executar(None, noutra_maquina, *verificar)
    assert conferido.codigo == 0, conferido.tudo
    assert f"De outra máquina ({certo}): último lacre nº 2" in conferido.saida
    assert executar(None, noutra_maquina, "chaves", "confiar").codigo == 3


def test_o_tirado_se_diz_ate_se_reconhecer(projeto: SupabaseLocal, destino: Path) -> None:
    for item in (destino / PASTA).glob("*20200101_030000*"):
        item.unlink()

    aviso = "Alguém tirou 1 backup desta empresa da pasta, e não foi a poda: o de 2020-01-01"
    simular = ("--empresa", DONO, "--simular")
    assert aviso in restaurar(projeto, destino, *simular).tudo
    dito = executar(None, destino, "verificar")
    assert dito.codigo == 6, dito.tudo
    assert "❌ Falta o backup de 2020-01-01 03:00:00 (lacre nº 1)" in dito.tudo
    em_json = executar(None, destino, "verificar", "--json").json()
    tirados = {f["empresa"]: f["tirados"] for f in em_json["lacres"]}
    assert tirados == {DONO: [{"numero": 1, "carimbo": "20200101_030000"}], VIZINHA: []}

    assert executar(None, destino, "reconhecer").codigo == 0
    assert executar(None, destino, "verificar").codigo == 0
    assert aviso not in restaurar(projeto, destino, *simular).tudo


def test_o_zip_leva_o_lacre_e_so_entra_de_quem_se_conhece(
    origem: Path, destino: Path, tmp_path: Path
) -> None:
    arquivo, certo = tmp_path / "padaria.zip", codigo_de(origem)
    assert executar(None, destino, "exportar", DONO, str(arquivo)).codigo == 0
    outra = tmp_path / "outra" / "b"

    sem = executar(None, outra, "importar", str(arquivo))
    assert (sem.codigo, certo in sem.erros) == (6, True)
    assert not (outra / PASTA).exists()

    com = executar(None, outra, "importar", str(arquivo), "--codigo-do-lacre", certo)
    assert com.codigo == 0, com.tudo
    assert executar(None, outra, "verificar").codigo == 0
    la, aqui = fotografia_do_disco(destino / PASTA), fotografia_do_disco(outra / PASTA)
    assert aqui == {n: la[n] for n in aqui}
    assert [n for n in aqui if n.startswith("lacre_")]

    estragado = tmp_path / "estragado.zip"
    with zipfile.ZipFile(arquivo) as bom, zipfile.ZipFile(estragado, "w") as mau:
        for nome in bom.namelist():
            dados = bom.read(nome)
            mau.writestr(nome, dados.replace(b'"numero":2', b'"numero":3'))
    recusado = executar(None, tmp_path / "terceira" / "b", "importar", str(estragado))
    assert recusado.codigo == 6
    assert "não é o que foi assinado" in recusado.erros
