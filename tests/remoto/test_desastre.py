"""O desastre inteiro: backup, cifra, cópia, o PC queima; de uma chave só, e da cópia, a empresa
volta como era. E o mesmo à mão, sem o programa."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apoio import a_mao
from apoio.cifrados import cifrando_para, guardada_em, sem_nada_em_claro
from apoio.danos import virar_um_bit
from apoio.destinos import LugarPasta
from apoio.execucao import conteudo, executar, metadados, restaurar, ultimo_backup
from apoio.impressoes import alheias, executar_sql, impressoes, proprias
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, VIZINHA
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.lacre.lacre import ler
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

CHAVE, RESERVA, ALHEIA = gerar(), gerar(), gerar()
NO_BANCO = ("Pão ", "Cliente ", "Bolo ", "0.123456789012345")
"""O que há nas linhas da lojinha."""
ACIDENTE = (
    "DELETE FROM vendas_itens WHERE venda_id < 1000",
    f"DELETE FROM vendas WHERE user_id = '{DONO}'",
    f"DELETE FROM produtos WHERE user_id = '{DONO}' AND id > 20",
    f"UPDATE produtos SET nome = 'estragado' WHERE user_id = '{DONO}'",
)


@dataclass(frozen=True, slots=True)
class Copiado:
    """Um PC que já não existe: ficaram a pasta da cópia e o que a folha diz (chave e código)."""

    fora: Path
    codigo: str
    publica: str

    def variaveis(self) -> dict[str, str]:
        """As do PC novo: para onde olhar."""
        return {"COPIA_DESTINO": f"pasta:{self.fora}"}


@pytest.fixture(scope="module")
def copiado(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Copiado:
    """Dois backups das duas empresas, enviados; depois o PC queima, com o perfil e tudo."""
    raiz = tmp_path_factory.mktemp("desastre")
    fora, pc = raiz / "disco externo", raiz / "pc"
    fora.mkdir()
    mais = {**cifrando_para(CHAVE, RESERVA), "COPIA_DESTINO": f"pasta:{fora}"}
    for _ in range(2):
        feito = executar(projeto, pc / "backups", mais=mais)
        assert feito.codigo == 0, feito.tudo
    assert "📤 CÓPIA FORA" in feito.saida
    lacre = ler(next(fora.glob("lacres/*/*")).read_bytes())
    proibidos = [*NO_BANCO, CHAVE.texto(), RESERVA.texto(), "Padaria", "produtos"]
    assert sem_nada_em_claro([fora], proibidos) == []
    shutil.rmtree(pc)
    return Copiado(fora, lacre.codigo, lacre.chave)


@pytest.fixture
def novo(tmp_path: Path) -> Path:
    """Os backups de um PC que acabou de nascer: não há nada, nem perfil."""
    return tmp_path / "pc-novo" / "backups"


@pytest.fixture
def intacto(projeto: SupabaseLocal) -> Iterator[None]:
    antes = impressoes(projeto)
    yield
    assert impressoes(projeto) == antes


@pytest.mark.usefixtures("intacto")
def test_o_pc_queimou_e_de_uma_chave_so_a_empresa_volta_como_era(
    projeto: SupabaseLocal, copiado: Copiado, novo: Path, tmp_path: Path
) -> None:
    antes = impressoes(projeto)
    executar_sql(projeto, *ACIDENTE)
    assert proprias(impressoes(projeto), DONO) != proprias(antes, DONO)
    chave = guardada_em(tmp_path, RESERVA)
    trazido = executar(
        None,
        novo,
        *("trazer", "--empresa", "Padaria Ação", "--codigo", copiado.codigo.lower()),
        *("--chave-arquivo", chave, "--confirmar", "--json"),
        mais=copiado.variaveis(),
    )
    assert trazido.codigo == 0, trazido.tudo
    (um,) = trazido.json()["trazidos"]
    assert (um["empresa"], um["nome"], um["ja_estava"]) == (DONO, "Padaria Ação", False)
    verificado = executar(None, novo, "verificar")
    assert verificado.codigo == 0, verificado.tudo
    volta = restaurar(
        projeto,
        novo,
        *("--empresa", DONO, "--confirmar", "RESTAURAR"),
        mais={"BACKUP_CHAVE_ARQUIVO": chave},
    )
    assert volta.codigo == 0, volta.tudo
    assert impressoes(projeto) == antes
    assert alheias(impressoes(projeto), DONO) == alheias(antes, DONO)
    proibidos = [*NO_BANCO, CHAVE.texto(), RESERVA.texto()]
    assert sem_nada_em_claro([novo.parent], proibidos) == []
    assert not (novo / ".trazendo").exists()


def test_o_backup_trazido_e_o_mesmo_byte_a_byte_e_trazer_de_novo_nao_faz_nada(
    copiado: Copiado, novo: Path, tmp_path: Path
) -> None:
    pedir = (
        *("trazer", "--todas", "--codigo", copiado.codigo, "--confirmar", "--json"),
        *("--chave-arquivo", guardada_em(tmp_path, CHAVE)),
    )
    feito = executar(None, novo, *pedir, mais=copiado.variaveis())
    assert feito.codigo == 0, feito.tudo
    assert {t["empresa"] for t in feito.json()["trazidos"]} == {DONO, VIZINHA}
    la = {p.read_bytes() for p in copiado.fora.glob("blobs/*/*")}
    for dono in (DONO, VIZINHA):
        pasta: Path = ultimo_backup(novo, dono)["pasta"]
        (lacre,) = pasta.glob("lacre_*.json")
        assert lacre.read_bytes() in {p.read_bytes() for p in copiado.fora.glob("lacres/*/*")}
        assert {p.read_bytes() for p in pasta.glob("*.age")} <= la
    antes = {p: p.stat().st_mtime_ns for p in novo.glob("empresa_*/*")}
    de_novo = executar(None, novo, *pedir, mais=copiado.variaveis())
    assert [t["ja_estava"] for t in de_novo.json()["trazidos"]] == [True, True]
    assert antes == {p: p.stat().st_mtime_ns for p in novo.glob("empresa_*/*")}
    # O que cá está e se estragou não conta como já estar: diz-se, e traz-se para outra pasta.
    produtos = next(novo.glob("empresa_*/produtos_*"))
    virar_um_bit(produtos, -1)
    outra = executar(None, novo, *pedir, mais=copiado.variaveis())
    assert outra.codigo == 6, outra.tudo
    assert "já está aqui, mas danificado" in outra.erros
    assert "--destino" in outra.erros
    noutro_lugar = (*pedir, "--destino", str(novo.parent / "outra"))
    assert executar(None, novo, *noutro_lugar, mais=copiado.variaveis()).codigo == 0


def test_a_mao_com_o_age_o_ssh_keygen_e_o_gunzip_sao_os_mesmos_dados(
    projeto: SupabaseLocal, copiado: Copiado, tmp_path: Path
) -> None:
    chave = Path(guardada_em(tmp_path, CHAVE))
    autorizados = tmp_path / "autorizados"
    autorizados.write_text(f'cofre namespaces="cofre" {copiado.publica}\n', encoding="ascii")
    empresas = a_mao.resgatar(copiado.fora, chave, autorizados, tmp_path)
    assert set(empresas) == {"Padaria Ação", "Vizinha"}
    assert executar(projeto, tmp_path / "claro").codigo == 0
    for nome, dono in (("Padaria Ação", DONO), ("Vizinha", VIZINHA)):
        assert empresas[nome] == conteudo(ultimo_backup(tmp_path / "claro", dono))


def test_o_resgate_a_mao_nao_usa_nada_do_programa() -> None:
    arvore = ast.parse(Path(a_mao.__file__).read_text(encoding="utf-8"))
    importados = {
        n.module if isinstance(n, ast.ImportFrom) else a.name
        for n in ast.walk(arvore)
        if isinstance(n, ast.Import | ast.ImportFrom)
        for a in n.names
    }
    assert not {i for i in importados if i and i.startswith(("cofre", "supabase_local"))}
    assert "apoio.programas" in importados


@pytest.mark.parametrize(
    ("falta", "codigo", "dito"),
    [
        ("o código", 6, "não conhece"),
        ("o código certo", 6, "não conhece"),
        ("a empresa", 2, "Há mais de uma empresa"),
        ("a chave", 2, "chave"),
        ("a chave certa", 2, "Estes backups estão cifrados"),
        ("a data", 2, "não há backup de"),
        ("o destino", 2, "COPIA_DESTINO"),
        ("a cópia", 13, "não é o lugar de uma cópia"),
    ],
)
def test_o_que_falta_dizer_e_recusado_antes_de_baixar(
    copiado: Copiado, novo: Path, tmp_path: Path, falta: str, codigo: int, dito: str
) -> None:
    partes = {
        "o código": ("--codigo", copiado.codigo),
        "a chave": ("--chave-arquivo", guardada_em(tmp_path, CHAVE)),
        "a empresa": ("--empresa", DONO),
    }
    if falta == "o código certo":
        partes["o código"] = ("--codigo", "AAAA-AAAA-AAAA-AAAA")
    elif falta == "a chave certa":
        partes["a chave"] = ("--chave-arquivo", guardada_em(tmp_path, ALHEIA, "alheia.txt"))
    elif falta == "a data":
        partes["a data"] = ("--backup", "01/02/2020")
    else:
        partes.pop(falta, None)
    (tmp_path / "vazia").mkdir()
    mais = {
        "o destino": {},
        "a cópia": {"COPIA_DESTINO": f"pasta:{tmp_path / 'vazia'}"},
    }.get(falta, copiado.variaveis())
    opcoes = [o for parte in partes.values() for o in parte]
    feito = executar(None, novo, "trazer", *opcoes, "--confirmar", mais=mais)
    assert feito.codigo == codigo, feito.tudo
    assert dito in feito.tudo
    assert not list(novo.glob("empresa_*"))
    assert CHAVE.texto() not in feito.tudo


def test_uma_copia_adulterada_nao_entra(copiado: Copiado, novo: Path, tmp_path: Path) -> None:
    """Um conteúdo trocado do backup mais novo, do mesmo tamanho: baixa-se, soma-se, recusa-se."""
    fora = tmp_path / "fora"
    shutil.copytree(copiado.fora, fora)
    lugar = LugarPasta(fora)
    lacres = sorted(p for p in fora.glob("lacres/*/*"))
    ultimo = max((ler(p.read_bytes()) for p in lacres), key=lambda x: (x.carimbo, x.empresa))
    alvo = max((b for b in ultimo.blobs if b.sha256 != ultimo.detalhes), key=lambda b: b.bytes)
    caminho = fora / f"blobs/{alvo.sha256[:2]}/{alvo.sha256}.age"
    virar_um_bit(caminho, -1)
    antes = lugar.conteudo()
    feito = executar(
        None,
        novo,
        *("trazer", "--todas", "--codigo", copiado.codigo, "--confirmar"),
        *("--chave-arquivo", guardada_em(tmp_path, CHAVE)),
        mais={"COPIA_DESTINO": f"pasta:{fora}"},
    )
    assert feito.codigo == 6, feito.tudo
    assert "não é, na cópia, o que foi enviado" in feito.tudo
    assert len(metadados(novo)) <= 1, "só a outra empresa, se veio antes"
    assert lugar.conteudo() == antes


def test_verificar_a_copia_sem_chave_e_podar_so_o_que_pode(
    copiado: Copiado, novo: Path, tmp_path: Path
) -> None:
    fora = tmp_path / "fora"
    shutil.copytree(copiado.fora, fora)
    mais = {"COPIA_DESTINO": f"pasta:{fora}"}
    estranho = executar(None, novo, "verificar", "--copia", "--json", mais=mais)
    assert estranho.codigo == 13
    assert {a["causa"] for a in estranho.json()["destinos"][0]["achados"]} == {
        f"assinado por quem este computador não conhece (código {copiado.codigo})"
    }
    trazido = executar(
        None,
        novo,
        *("trazer", "--todas", "--codigo", copiado.codigo, "--confirmar"),
        *("--chave-arquivo", guardada_em(tmp_path, CHAVE)),
        mais=mais,
    )
    assert trazido.codigo == 0, trazido.tudo
    visto = executar(None, novo, "verificar", "--copia", "--parte", "1/1", "--json", mais=mais)
    assert visto.codigo == 0, visto.tudo
    (destino,) = visto.json()["destinos"]
    assert destino["somados"] == destino["conteudos"] == len(list(fora.glob("blobs/*/*")))
    assert {e["nome"]: e["backups"] for e in destino["empresas"]} == {
        "Padaria Ação": 2,
        "Vizinha": 2,
    }
    podado = executar(
        None, novo, "podar", "--copia", "--manter-ultimos", "1", "--sim", "--json", mais=mais
    )
    assert podado.codigo == 0, podado.tudo
    assert podado.json()["destinos"][0]["saem"] == []


def test_o_pc_novo_continua_na_mesma_copia_ao_lado_do_antigo(
    projeto: SupabaseLocal, copiado: Copiado, novo: Path, tmp_path: Path
) -> None:
    """Assina com outra chave e é outro escritor: o que o antigo lá pôs fica, e os dois conferem."""
    fora = tmp_path / "fora"
    shutil.copytree(copiado.fora, fora)
    antes = LugarPasta(fora).conteudo()
    mais = {**cifrando_para(CHAVE, RESERVA), "COPIA_DESTINO": f"pasta:{fora}"}
    pedir = ("trazer", "--todas", "--codigo", copiado.codigo, "--confirmar")
    chave = ("--chave-arquivo", guardada_em(tmp_path, CHAVE))
    assert executar(None, novo, *pedir, *chave, mais=mais).codigo == 0
    feito = executar(projeto, novo, mais=mais)
    assert feito.codigo == 0, feito.tudo
    depois = LugarPasta(fora).conteudo()
    assert antes.items() <= depois.items(), "nada se escreveu por cima de nada"
    lidos = [ler(d) for n, d in depois.items() if n.startswith("lacres")]
    assert len({x.escritor for x in lidos}) == len({x.chave for x in lidos}) == 2
    conferido = executar(None, novo, "verificar", "--copia", "--parte", "1/1", mais=mais)
    assert conferido.codigo == 0, conferido.tudo
    assert executar(None, novo, "verificar", mais=mais).codigo == 0
