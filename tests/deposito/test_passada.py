"""Cada arquivo se lê uma vez, e o que se acaba de gravar, nenhuma."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.acervo import guardar
from apoio.campanha import exemplos
from apoio.execucao import BACKUP, executar, metadados
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import BackupDanificado
from cofre.base.linha import juntar
from cofre.base.modelo import ChaveEstrangeira
from cofre.deposito import formato
from cofre.deposito.backup import arquivo_de_metadados
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import Gravador
from cofre.deposito.indice import EXEMPLOS, Indice
from cofre.deposito.ligacoes import Arquivo, Ligacoes, ligacoes_abertas
from cofre.deposito.metadados import em_bytes
from cofre.deposito.passada import Passada, Somas, passar
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.deposito.verificacao import danos_de
from supabase_local.servidores.servidor import SupabaseLocal

_abertos: Counter[str] = Counter()


def _contar(evento: str, argumentos: tuple[Any, ...]) -> None:
    if evento == "open" and isinstance(argumentos[0], str):
        _abertos[argumentos[0]] += 1


@contextmanager
def contando_aberturas() -> Iterator[Counter[str]]:
    """Quantas vezes cada arquivo se abre."""
    if not getattr(_contar, "posto", False):
        sys.addaudithook(_contar)
        _contar.posto = True  # type: ignore[attr-defined]
    _abertos.clear()
    yield _abertos


# -- quantas vezes se lê ---------------------------------------------------------------------

FKS = {
    "vendas": [("cliente_id", "clientes"), ("produto_id", "produtos")],
    "itens": [("venda_id", "vendas"), ("produto_id", "produtos")],
    "produtos": [("troca_id", "produtos"), ("fornecedor_id", "fornecedores")],
}


def _com_ligacoes(destino: Path, **linhas: list[dict[str, Any]]) -> None:
    """Um backup de cinco tabelas que apontam umas para as outras, antes e depois, e para si."""
    tabelas: dict[str, list[dict[str, Any]]] = {
        "clientes": [{"id": 1, "user_id": DONO}],
        "fornecedores": [{"id": n, "user_id": DONO} for n in range(3)],
        "produtos": [
            {"id": n, "user_id": DONO, "troca_id": (n + 1) % 9, "fornecedor_id": n % 3}
            for n in range(9)
        ],
        "vendas": [{"id": 5, "user_id": DONO, "cliente_id": 1, "produto_id": None}],
        "itens": [{"id": 1, "user_id": DONO, "venda_id": 5, "produto_id": 8}],
        **linhas,
    }
    deposito = Deposito(destino)
    deposito.preparar()
    backup = guardar(
        deposito,
        DONO,
        "Loja",
        datetime(2026, 1, 16, 18, 29, 44, tzinfo=UTC),
        tabelas,
        colunas={n: {"id": "bigint"} for n in tabelas},
        chaves={n: ["id"] for n in tabelas},
    )
    assert backup.meta is not None
    caminho = arquivo_de_metadados(backup.pasta, backup.carimbo)
    bruto = json.loads(caminho.read_text(encoding="utf-8"))
    for nome, fks in FKS.items():
        bruto["tabelas"][nome]["chaves_estrangeiras"] = [
            {"colunas": [coluna], "tabela": mae, "referencias": ["id"]} for coluna, mae in fks
        ]
    for salva in bruto["tabelas"].values():
        salva["dono"] = {"elos": [{"coluna": "user_id", "de_empresas": ""}], "maes": []}
    caminho.write_bytes(em_bytes(bruto))


def _danos(destino: Path) -> list[str]:
    (backup,) = Deposito(destino).da_empresa(DONO)
    return [f"{d.tabela}: {d.causa}" for d in danos_de(backup)]


def test_verificar_abre_cada_arquivo_uma_vez(tmp_path: Path) -> None:
    _com_ligacoes(tmp_path)
    with contando_aberturas() as abertos:
        assert _danos(tmp_path) == []
    vezes = {Path(a).name: n for a, n in abertos.items() if Path(a).parent.parent == tmp_path}
    assert len(vezes) == 6
    assert set(vezes.values()) == {1}


def test_so_o_que_perdeu_a_ordem_se_le_outra_vez(tmp_path: Path) -> None:
    _com_ligacoes(tmp_path, clientes=[{"id": n, "user_id": DONO} for n in (3, 1, 2, 1)])
    with contando_aberturas() as abertos:
        assert _danos(tmp_path) == ["clientes: 1 registro repete a chave de outro"]
    vezes = {Path(a).name.partition("_")[0]: n for a, n in abertos.items() if "empresa_" in a}
    assert vezes.pop("clientes") == 2
    assert set(vezes.values()) == {1}


def test_as_ligacoes_fecham_ou_nao_para_qualquer_lado(tmp_path: Path) -> None:
    produtos = [
        {"id": 1, "user_id": DONO, "troca_id": 2, "fornecedor_id": 9},
        {"id": 8, "user_id": DONO, "troca_id": None, "fornecedor_id": 9},
    ]
    vendas = [{"id": 4, "user_id": DONO, "cliente_id": 1, "produto_id": 8}]
    _com_ligacoes(tmp_path, produtos=produtos, vendas=vendas)
    assert _danos(tmp_path) == [
        "produtos: 1 registro aponta para fora do backup (troca_id → produtos)",
        "produtos: 2 registros apontam para fora do backup (fornecedor_id → fornecedores)",
        "itens: 1 registro aponta para fora do backup (venda_id → vendas)",
    ]


RELER_E_MORRER = """
import os, runpy, sys
ESCRITA = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def gancho(evento, argumentos):
    if evento == "open" and not argumentos[2] & ESCRITA:
        nome = str(argumentos[0])
        if ".em_andamento_" in nome and "backup_metadata_" not in nome and ".json" in nome:
            os._exit(77)
sys.addaudithook(gancho)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def lojinha(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Uma venda aponta para o cliente da vizinha: só quem olhou as linhas o sabe."""
    cruzada = f"UPDATE vendas SET cliente_id = md5('v')::uuid WHERE id = 5 AND user_id = '{DONO}'"
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, cruzada))


@pytest.mark.parametrize("via", ["api", "direta"])
@pytest.mark.parametrize("pedido", [("--empresa", DONO), ()])
def test_o_backup_nao_rele_o_que_gravou(
    lojinha: SupabaseLocal, tmp_path: Path, via: str, pedido: Sequence[str]
) -> None:
    saida = executar(
        lojinha,
        tmp_path,
        *pedido,
        "--via",
        via,
        mais={"SUPABASE_DB_URL": lojinha.uri_banco} if via == "direta" else {},
        script=BACKUP,
        programa=RELER_E_MORRER,
        novo=False,
    )
    assert saida.codigo == 0, saida.tudo
    (backup,) = (b for b in metadados(tmp_path) if b["user_id"] == DONO)
    assert backup["contradicoes"] == [
        {
            "tabela": "vendas",
            "por": "cliente_id → clientes",
            "quantidade": 1,
            "exemplos": ["5"],
        }
    ]
    assert _danos(tmp_path) == []


# -- as somas, e o que vem depois do estrago -------------------------------------------------


@pytest.mark.parametrize("pedaco", [4, 7, 256 * 1024])
@pytest.mark.parametrize(
    "dados",
    [b"[]\n", b'[\n{"a":1},\n{"a":"x"}\n]\n', b'[{"a":1}, x, {"a":2}] resto', b"[1]", b'["\xff"]'],
)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_as_somas_sao_do_arquivo_inteiro_mesmo_que_o_json_nao_seja(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dados: bytes, bom: bytes, pedaco: int
) -> None:
    monkeypatch.setattr(formato, "PEDACO", pedaco)
    (tmp_path / "t.json").write_bytes(bom + dados)
    somas = Somas()
    try:
        passar(tmp_path / "t.json", [], somas)
    except BackupDanificado:
        assert dados.startswith((b"[1", b'["', b'[{"a":1}, x'))
    assert somas.inteiras
    assert (somas.tamanho, somas.sha256) == (len(dados), hashlib.sha256(dados).hexdigest())


def test_um_gzip_cortado_nao_tem_somas(tmp_path: Path) -> None:
    with (tmp_path / "t.json.gz").open("wb") as arquivo, formato.compactando(arquivo) as saida:
        Gravador(saida).terminar()
    inteiro = (tmp_path / "t.json.gz").read_bytes()
    (tmp_path / "t.json.gz").write_bytes(inteiro[:-6])
    somas = Somas()
    with pytest.raises(BackupDanificado, match="cortado ou corrompido"):
        passar(tmp_path / "t.json.gz", [], somas)
    assert not somas.inteiras


# -- na memória ou em disco, o mesmo ---------------------------------------------------------

VALORES = st.lists(st.binary(max_size=3), max_size=30)


@given(maes=VALORES, filhas=VALORES, cabem=st.sampled_from([0, 1, 5, 1000]))
@settings(max_examples=exemplos(200), deadline=None)
def test_o_indice_acha_o_que_falta_na_memoria_ou_em_disco(
    maes: list[bytes], filhas: list[bytes], cabem: int
) -> None:
    esperadas = [str(n) for n, v in enumerate(filhas) if v not in set(maes)]
    with closing(Indice(cabem)) as indice:
        for n, valor in enumerate(filhas):
            indice.procurar("filhas", [(valor, b"%d" % n)])
            indice.guardar("maes", maes[n : n + 1])
        indice.guardar("maes", maes[len(filhas) :])
        assert indice.distintos("maes") == len(set(maes))
        for _ in range(2):  # perguntar não muda nada
            quantas, exemplos = indice.faltam("filhas", "maes")
            assert (quantas, list(exemplos)) == (len(esperadas), esperadas[:EXEMPLOS])
        achados = []
        for chave in indice.achados("filhas", "maes"):
            indice.guardar("achados", [chave])  # guardar não atrapalha quem lê
            achados.append(chave.decode())
        assert achados == [str(n) for n, v in enumerate(filhas) if v in set(maes)]
        assert indice.distintos("achados") == len(achados)


@given(
    partes=st.lists(st.lists(st.integers(0, 9) | st.none(), max_size=6), max_size=3),
    maes=st.lists(st.integers(0, 9), max_size=6),
    tamanho=st.integers(1, 4),
)
@settings(max_examples=exemplos(60), deadline=None)
def test_pelos_blocos_ou_pelos_arquivos_as_ligacoes_sao_as_mesmas(
    partes: list[list[int | None]], maes: list[int], tamanho: int
) -> None:
    fk = ChaveEstrangeira(("mae",), "maes", ("id",))
    linhas = {
        "maes": [[b'{"id":%d}' % m for m in maes]],
        "filhas": [
            [b'{"id":%d,"mae":%s}' % (n, b"null" if m is None else b"%d" % m) for n, m in ns]
            for ns in (list(enumerate(parte)) for parte in partes)
        ],
    }
    with tempfile.TemporaryDirectory() as pasta:
        arquivos: dict[str, list[Arquivo]] = {"maes": [], "filhas": []}
        for nome, grupos in linhas.items():
            for n, grupo in enumerate(grupos or [[]]):
                caminho = Path(pasta, f"{nome}{n}")
                with caminho.open("wb") as saida:
                    gravador = Gravador(saida)
                    gravador.bloco(juntar(grupo))
                    gravador.terminar()
                estrangeiras = (fk,) if nome == "filhas" else ()
                salva = TabelaSalva(nome, "", 0, chave=("id",), estrangeiras=estrangeiras)
                arquivos[nome].append(Arquivo(salva, caminho))
        dos_arquivos = ligacoes_abertas(arquivos)
    with closing(Ligacoes({"filhas": [fk], "maes": []})) as ligacoes:
        for nome in ("filhas", "maes"):
            passada = Passada(ligacoes.observadores(nome, ["id"]))
            for grupo in linhas[nome]:
                for i in range(0, len(grupo), tamanho):
                    passada.bloco(juntar(grupo[i : i + tamanho]))
        dos_blocos = ligacoes.abertas(["filhas", "maes"])
        assert ligacoes.abertas(["filhas"]) == []
    assert dos_blocos == dos_arquivos
    soltas = [str(n) for parte in partes for n, m in enumerate(parte) if m not in {*maes, None}]
    esperadas = [(len(soltas), tuple(soltas[:EXEMPLOS]))] if soltas else []
    assert [(c.quantidade, c.exemplos) for c in dos_arquivos] == esperadas
