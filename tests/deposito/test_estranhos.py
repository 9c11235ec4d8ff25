"""Seja o que for que haja na pasta dos backups, nada dá em defeito e nenhum backup bom some."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import CAMPANHA, exemplos
from apoio.execucao import SEM_PODERES, Saida, acesso, executar
from apoio.inventados import ANA, BIA, publicar
from apoio.loja import TANTO_FAZ
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.backup import andamento
from cofre.base.disco import MAIOR_FICHA
from cofre.base.relato import codigo_de
from cofre.base.tela import RelatoJson
from cofre.comando import acoes, restaurar
from cofre.deposito import ensaios, lembranca, presenca
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import CONCLUIDA, DEIXADA, INCOMPLETA, abrir_novo
from cofre.deposito.estranhos import avisos_de_estranhos
from cofre.foto.foto import Pedido
from cofre.restauracao.abertura import abrir_sessao
from cofre.rotina import encolhimento, ultima
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

CARIMBOS = ("20260110_030000", "20260111_030000", "20260112_030000")
EM = datetime(2026, 1, 12, 4, tzinfo=UTC)
CODIGOS = {0, 3, 4, 6, 130}
"""Como uma ação pode acabar: bem, sem o que se pediu, sem o servidor, com um backup danificado, ou
sem resposta."""


@pytest.fixture(scope="module")
def modelo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dois donos com três backups cada um, e todos os arquivos de estado que há."""
    raiz = tmp_path_factory.mktemp("modelo") / "b"
    deposito = Deposito(raiz)
    deposito.preparar()
    for dono in (ANA, BIA):
        backups = [publicar(deposito, c, dono=dono) for c in CARIMBOS]
        pasta = backups[0].pasta
        diario = abrir_novo(pasta, _do_diario(dono))
        diario.anotar(estado=CONCLUIDA)
        ensaio = ensaios.Ensaio(EM, CARIMBOS[-1], ensaios.CONFERIDO, 8)
        ensaios.anotar(pasta, dono, ensaio)
        encolhimento.reconhecer(pasta, dono, backups[1])
    andamento.comecar(deposito, Pedido(tipo="manual"))
    ultima.gravar(raiz, ultima.UltimaExecucao("backup", EM, EM, 0))
    return raiz


def _do_diario(dono: str) -> dict[str, Any]:
    return {
        "acao": "restaurar",
        "user_id": dono,
        "nome": "Ana Doces",
        "backup": CARIMBOS[0],
        "antes": CARIMBOS[1],
        "tabelas": ["clientes"],
        "modo": "voltar",
        "efeitos": None,
        "via": "api",
        "sem_recusadas": False,
        "passadas": [],
    }


@pytest.fixture
def raiz(modelo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Uma cópia que o teste pode encher do que quiser."""
    for nome in [n for n in os.environ if n.startswith(("SUPABASE_", "VITE_", "BACKUP_"))]:
        monkeypatch.delenv(nome)
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_inventada")
    shutil.copytree(modelo, tmp_path / "b")
    return tmp_path / "b"


def _da_ana(raiz: Path) -> Path:
    return next(raiz.glob("empresa_aaaa1111*"))


# -- todas as ações ----------------------------------------------------------------------------


def rodar(raiz: Path, *argumentos: str) -> Saida:
    """Uma ação neste mesmo processo, com o documento na saída."""
    saida, erros = io.StringIO(), io.StringIO()
    relato = RelatoJson(saida, erros)

    def tudo() -> int:
        opcoes, acao = acoes.ler_argumentos([*argumentos, "--json", "--destino", str(raiz)])
        return acao(opcoes, relato)

    return Saida(codigo_de(tudo, relato), saida.getvalue(), erros.getvalue())


def restaurar_ate_o_servidor(raiz: Path, dono: str) -> str:
    """A restauração até onde precisaria do servidor: o carimbo do backup que escolheria."""
    argumentos = ["--empresa", dono, "--destino", str(raiz), "--confirmar", "RESTAURAR"]
    opcoes, _acao = restaurar.ler_argumentos(argumentos)
    with abrir_sessao(opcoes, RelatoJson(io.StringIO(), io.StringIO())) as sessao:
        (guardada,) = sessao.guardadas(dono)
        sessao.diarios.pendente(guardada)
        backup, _tabelas = sessao.escolher(guardada, None, None)
        return backup.carimbo


@dataclass(frozen=True, slots=True)
class Vistos:
    """O que cada ação diz dos backups bons: (dono, carimbo) → estado."""

    listados: dict[tuple[str, str], str]
    conferidos: dict[tuple[str, str], str]
    na_pagina: set[str]
    escolhidos: dict[str, str]
    avisos: str


def ver_tudo(raiz: Path, acima: Sequence[str] = (ANA, BIA)) -> Vistos:
    """Roda todas as ações que não precisam de servidor; nenhuma acaba em defeito."""
    ditas = {}
    for argumentos in (
        ("listar",),
        ("verificar",),
        ("painel",),
        ("podar", "--manter-ultimos", "1", "--simular"),
        ("ensaiar", "--empresa", BIA),
        ("exportar", BIA, str(raiz.parent / "x.zip"), "--sobrescrever"),
    ):
        saida = rodar(raiz, *argumentos)
        assert saida.codigo in CODIGOS, saida.tudo
        assert "defeito" not in saida.erros, saida.tudo
        ditas[argumentos[0]] = saida
    assert ditas["listar"].codigo == ditas["exportar"].codigo == 0, ditas["listar"].tudo
    importada = rodar(raiz.parent / "importada", "importar", str(raiz.parent / "x.zip"))
    assert importada.codigo == 0, importada.tudo
    shutil.rmtree(raiz.parent / "importada")
    empresas = ditas["listar"].json()["empresas"]
    return Vistos(
        {(e["id"], b["carimbo"]): b["estado"] for e in empresas for b in e["backups"]},
        {(b["empresa"], b["carimbo"]): b["estado"] for b in ditas["verificar"].json()["backups"]},
        {dono for dono in acima if dono in (raiz / "painel.html").read_text("utf-8")},
        {dono: restaurar_ate_o_servidor(raiz, dono) for dono in acima},
        ditas["listar"].erros,
    )


def conferir(raiz: Path) -> Vistos:
    """Todas as ações, e os seis backups bons continuam à vista, inteiros, em todas."""
    bons = {(dono, c): "completo" for dono in (ANA, BIA) for c in CARIMBOS}
    vistos = ver_tudo(raiz)
    assert {q: e for q, e in vistos.listados.items() if q in bons} == bons
    assert {q: e for q, e in vistos.conferidos.items() if q in bons} == bons
    assert vistos.na_pagina == {ANA, BIA}
    assert vistos.escolhidos == {ANA: CARIMBOS[-1], BIA: CARIMBOS[-1]}
    return vistos


def test_sem_nada_de_estranho_nada_se_diz(raiz: Path) -> None:
    conferir(raiz)
    assert list(avisos_de_estranhos(raiz, Deposito(raiz).pastas())) == []


# -- nomes -------------------------------------------------------------------------------------

NOMES_ESTRANHOS = (
    "backup_metadata_20261127_999999.json",
    "backup_metadata_20261301_000000.json",
    "backup_metadata_00000000_000000.json",
    "backup_metadata_00010101_000000.json",
    "backup_metadata_99991231_235959.json",
    "backup_metadata_²⁰²⁶⁰¹⁰¹_000000.json",
    "backup_metadata_20260110_030000 (1).json",
    "backup_metadata_.json",
    "restauracao_20261127_999999.json",
    "fotos da loja.txt",
    "produtos_20261127_999999.csv",
    "\udcff\udcfe.json",
)


def test_um_nome_que_nao_e_nosso_se_diz_e_nao_atrapalha(raiz: Path) -> None:
    pasta = _da_ana(raiz)
    for nome in NOMES_ESTRANHOS:
        (pasta / nome).write_bytes(b"{}" if "restauracao" not in nome else b"oi")
    (raiz / "empresa_solta.json").write_bytes(b"{}")
    vistos = conferir(raiz)
    assert f"{len(NOMES_ESTRANHOS)} itens que não servem a backup nenhum" in vistos.avisos
    assert "1 item que não serve a backup nenhum: empresa_solta.json" in vistos.avisos
    assert len(vistos.listados) == 2 * len(CARIMBOS)


# -- o que pode estar com o nome de um arquivo nosso -------------------------------------------


def _pasta(onde: Path) -> None:
    onde.mkdir()
    (onde / "dentro").write_bytes(b"x")


def _enorme(onde: Path) -> None:
    with onde.open("wb") as arquivo:
        arquivo.truncate(MAIOR_FICHA + 1)


COISAS: dict[str, Callable[[Path], object]] = {
    "pasta": _pasta,
    "atalho para nada": lambda onde: onde.symlink_to("não existe"),
    "atalho para si": lambda onde: onde.symlink_to(onde.name),
    "atalho sem fim": lambda onde: onde.symlink_to("/dev/zero"),
    "cano": os.mkfifo,
    "vazio": lambda onde: onde.write_bytes(b""),
    "binário": lambda onde: onde.write_bytes(bytes(range(256)) * 9),
    "enorme": _enorme,
    "outro JSON": lambda onde: onde.write_bytes(b'[1, {"a": null}]'),
    "objeto vazio": lambda onde: onde.write_bytes(b"{}"),
    "fundo": lambda onde: onde.write_bytes(b'{"user_id":' + b"[" * 9999 + b"]" * 9999 + b"}"),
    "meio par": lambda onde: onde.write_bytes(rb'{"user_id":"\ud83d","estado":"\ud83d"}'),
}
PRONTA = ".em_andamento_20260109_030000/backup_metadata_20260109_030000.json"
DA_EMPRESA = (
    "backup_metadata_20260109_030000.json",
    "restauracao_20260109_030000.json",
    ensaios.ARQUIVO,
    encolhimento.ARQUIVO,
    lembranca.ARQUIVO,
    PRONTA,
    f".em_andamento_20260108_030000/{presenca.MARCA}",
    ".podando_20260109_030000/backup_metadata_20260109_030000.json",
    "clientes_20260109_030000.json",
)
DA_RAIZ = (andamento.ARQUIVO, ultima.ARQUIVO)


@pytest.mark.parametrize("coisa", COISAS)
def test_qualquer_coisa_no_lugar_de_um_arquivo_nosso(raiz: Path, coisa: str) -> None:
    pasta = _da_ana(raiz)
    lugares = [*(pasta / nome for nome in DA_EMPRESA), *(raiz / nome for nome in DA_RAIZ)]
    for onde in lugares:
        onde.parent.mkdir(exist_ok=True)
        onde.unlink(missing_ok=True)
        COISAS[coisa](onde)
    vistos = conferir(raiz)
    # Um objeto com dono pode ser um backup da primeira versão, vazio, de outra empresa.
    estado = {e for (_dono, c), e in vistos.listados.items() if c == "20260109_030000"}
    assert estado == {"completo" if coisa == "meio par" else "danificado"}
    assert (" a backup nenhum: " in vistos.avisos) == (coisa != "meio par")
    # O que estava pronto para publicar, e não se lê, fica: pode ser de um backup bom.
    assert os.path.lexists(pasta / PRONTA) == (coisa != "meio par")


def test_o_que_nao_se_deixa_ler_se_diz_e_nao_esconde_o_resto(raiz: Path) -> None:
    """Um arquivo de cada tipo da Ana sem permissão; e depois a pasta dela."""
    pasta = _da_ana(raiz)
    (diario,) = pasta.glob("restauracao_*.json")
    sem_permissao = [
        pasta / f"backup_metadata_{CARIMBOS[0]}.json",
        pasta / f"clientes_{CARIMBOS[1]}.json",
        pasta / ensaios.ARQUIVO,
        diario,
    ]
    for arquivo in sem_permissao:
        arquivo.chmod(0)
    do_bia = dict.fromkeys(CARIMBOS, "completo")
    listados = executar(None, raiz, "listar", "--json", programa=SEM_PODERES, novo=False)
    assert _estados(listados) == {
        ANA: {CARIMBOS[0]: "danificado", CARIMBOS[1]: "completo", CARIMBOS[2]: "completo"},
        BIA: do_bia,
    }
    assert f"2 itens que não servem a backup nenhum: ensaio.json, {diario.name}." in listados.erros
    conferidos = executar(None, raiz, "verificar", programa=SEM_PODERES, novo=False)
    assert conferidos.codigo == 6, conferidos.tudo
    assert f"clientes: o arquivo clientes_{CARIMBOS[1]}.json não se lê (" in conferidos.saida
    pasta.chmod(0)
    try:
        for acao in ("listar", "painel", "verificar", "podar --manter-ultimos 1 --simular"):
            saida = executar(None, raiz, *acao.split(), "--json", programa=SEM_PODERES, novo=False)
            assert saida.codigo == 0, saida.tudo
            assert f"Não consegui ler {pasta}/" in saida.erros, saida.tudo
            if acao == "listar":
                assert _estados(saida) == {BIA: do_bia}
    finally:
        pasta.chmod(0o700)


def _estados(saida: Saida) -> dict[str, dict[str, str]]:
    """De cada empresa, o estado de cada backup dela."""
    assert saida.codigo == 0, saida.tudo
    empresas = saida.json()["empresas"]
    return {e["id"]: {b["carimbo"]: b["estado"] for b in e["backups"]} for e in empresas}


# -- conteúdos ---------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda dentro: (
        st.lists(dentro, max_size=3) | st.dictionaries(st.text(max_size=5), dentro, max_size=3)
    ),
    max_leaves=4,
)


def _lugares(documento: Any, ate: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Os caminhos até cada valor do documento."""
    yield ate
    itens: Any = ()
    if isinstance(documento, dict):
        itens = documento.items()
    elif isinstance(documento, list):
        itens = enumerate(documento)
    for chave, valor in itens:
        yield from _lugares(valor, (*ate, chave))


def _trocado(documento: Any, lugar: tuple[Any, ...], por: Any) -> Any:
    if not lugar:
        return por
    copia = documento.copy()
    copia[lugar[0]] = _trocado(copia[lugar[0]], lugar[1:], por)
    return copia


DE_TODO_TIPO = {
    "encolhimentos": [{"tabela": "clientes", "antes": 9, "agora": 1, "referencia": CARIMBOS[0]}],
    "contradicoes": [{"tabela": "clientes", "por": "x → y", "quantidade": 1, "exemplos": ["1"]}],
    "deixadas_de_fora": [{"tabela": "x", "motivo": "y"}],
    "registros_da_empresa": [{"id": "1"}],
    "tabelas_nao_pedidas": ["a"],
    "falhas": {"b": "c"},
    "origem": {"url": "http://127.0.0.1:9", "via": "api"},
    "execucao": "x",
    "total_bytes": 9,
}


@settings(max_examples=exemplos(25))
@given(dados=st.data(), por=JSON)
def test_qualquer_valor_em_qualquer_campo(raiz: Path, dados: st.DataObject, por: Any) -> None:
    """Os metadados de um backup da Ana, ou um arquivo de estado, com um campo de outro tipo."""
    pasta = _da_ana(raiz)
    novo = "20260109_030000"
    with contextlib.ExitStack() as pilha:

        def por_um_momento(onde: Path, conteudo: bytes) -> None:
            antes = onde.read_bytes() if onde.exists() else None
            desfazer = onde.unlink if antes is None else lambda: onde.write_bytes(antes)
            pilha.callback(desfazer)
            onde.write_bytes(conteudo)

        meta = json.loads((pasta / f"backup_metadata_{CARIMBOS[0]}.json").read_text("utf-8"))
        documentos: dict[Path, Any] = {
            pasta / f"backup_metadata_{novo}.json": meta | DE_TODO_TIPO,
            pasta / f"restauracao_{novo}.json": _do_diario(ANA)
            | {"estado": dados.draw(st.sampled_from([CONCLUIDA, INCOMPLETA, DEIXADA]))},
            pasta / ensaios.ARQUIVO: None,
            pasta / encolhimento.ARQUIVO: None,
            raiz / andamento.ARQUIVO: None,
            raiz / ultima.ARQUIVO: None,
        }
        for onde, documento in documentos.items():
            inteiro = json.loads(onde.read_text("utf-8")) if documento is None else documento
            lugar = dados.draw(st.sampled_from(list(_lugares(inteiro))))
            mexido = _trocado(inteiro, lugar, por)
            por_um_momento(onde, json.dumps(mexido).encode())
        vistos = ver_tudo(raiz, [BIA])
    bons = {(BIA, c): "completo" for c in CARIMBOS}
    assert {q: e for q, e in vistos.listados.items() if q in bons} == bons
    assert {q: e for q, e in vistos.conferidos.items() if q in bons} == bons
    da_ana = [c for (_dono, c) in vistos.listados if c in CARIMBOS]
    assert len(da_ana) >= 2 * len(CARIMBOS), "um backup bom da Ana sumiu"
    assert vistos.escolhidos == {BIA: CARIMBOS[-1]}


# -- um backup e uma poda de verdade, no meio de tudo isto -----------------------------------------

ESQUEMA = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES (gen_random_uuid(), '{ANA}', 'Ana Doces'),
        (gen_random_uuid(), '{BIA}', 'Bia Peças');
    CREATE TABLE clientes (id int, user_id uuid, PRIMARY KEY (user_id, id));
    CREATE TABLE produtos (id int, user_id uuid, preco numeric, PRIMARY KEY (user_id, id));
    INSERT INTO clientes SELECT n, d::uuid FROM generate_series(1, 3) n,
        unnest(ARRAY['{ANA}', '{BIA}']) d;
    INSERT INTO produtos SELECT n, d::uuid, 1.5 FROM generate_series(1, 5) n,
        unnest(ARRAY['{ANA}', '{BIA}']) d;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""
DA_TRAVA_DA_ANA = f".travas/{hashlib.sha256(ANA.encode()).hexdigest()[:32]}"
TRAVAS = {
    "da empresa": (DA_TRAVA_DA_ANA, f"{DA_TRAVA_DA_ANA}.json"),
    "dos arquivos de estado": (".travas/ultima", ".travas/painel", ".travas/vivo-ninguem"),
    "da pasta": (".trava",),
    "todas": (".travas",),
}
NUMA_TRAVA = ("pasta", "atalho para si", "cano", "vazio", "binário", "objeto vazio")


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))


@pytest.fixture
def no_ar(raiz: Path, projeto: SupabaseLocal, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mesma pasta, e um servidor que atende."""
    for nome in ("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"):
        monkeypatch.delenv(nome)
    for nome, dado in acesso(projeto, VIA).items():
        monkeypatch.setenv(nome, dado)
    return raiz


def _por(onde: Path, coisa: str) -> None:
    onde.parent.mkdir(exist_ok=True)
    if onde.is_dir():
        shutil.rmtree(onde)
    onde.unlink(missing_ok=True)
    COISAS[coisa](onde)


def _inteiros(raiz: Path) -> dict[str, set[str]]:
    """Os backups de cada dono que se releem e estão inteiros."""
    conferidos = rodar(raiz, "verificar").json()["backups"]
    achados: dict[str, set[str]] = {ANA: set(), BIA: set()}
    for backup in conferidos:
        if backup["estado"] == "completo" and backup["carimbo"] != "20260109_030000":
            achados.setdefault(backup["empresa"], set()).add(backup["carimbo"])
    return achados


@pytest.mark.parametrize("coisa", COISAS)
def test_um_backup_e_uma_poda_de_verdade_no_meio_de_qualquer_coisa(no_ar: Path, coisa: str) -> None:
    pasta = _da_ana(no_ar)
    estranhos = [*(pasta / nome for nome in DA_EMPRESA), *(no_ar / nome for nome in DA_RAIZ)]
    for onde in estranhos:
        _por(onde, coisa)
    antes = _inteiros(no_ar)
    copia = rodar(no_ar)
    assert copia.codigo == 0, copia.tudo
    novos = {e["id"]: e["carimbo"] for e in copia.json()["empresas"]}
    depois = _inteiros(no_ar)
    assert depois == {dono: antes[dono] | {novos[dono]} for dono in (ANA, BIA)}
    poda = rodar(no_ar, "podar", "--manter-ultimos", "2", "--sim")
    assert poda.codigo == 0, poda.tudo
    assert "defeito" not in copia.erros + poda.erros
    assert ("se este backup parar no meio, não se poderá continuar" in copia.erros) == (
        coisa == "pasta"
    )
    ficam = _inteiros(no_ar)
    for dono in (ANA, BIA):
        assert {novos[dono], CARIMBOS[-1]} <= ficam[dono] <= depois[dono], dono
    # O que não é de backup nenhum, ninguém mandou apagar.
    for nome in ("backup_metadata_20260109_030000.json", "clientes_20260109_030000.json"):
        assert os.path.lexists(pasta / nome) or coisa == "meio par", nome


@pytest.mark.parametrize(
    ("qual", "coisa"),
    [
        (qual, coisa)
        for i, qual in enumerate(TRAVAS)
        for j, coisa in enumerate(NUMA_TRAVA)
        if CAMPANHA or (i + j) % 2 == 0
    ],
)
def test_qualquer_coisa_no_lugar_de_uma_trava(no_ar: Path, qual: str, coisa: str) -> None:
    """Ou a trava serve, ou diz-se que não; e nada do que havia se perde."""
    for nome in TRAVAS[qual]:
        _por(no_ar / nome, coisa)
    antes = _inteiros(no_ar)
    copia = rodar(no_ar)
    poda = rodar(no_ar, "podar", "--manter-ultimos", "9", "--sim")
    for saida in (copia, poda):
        assert saida.codigo in (0, 4), saida.tudo
        assert "defeito" not in saida.erros, saida.tudo
        assert saida.codigo == 0 or "❌" in saida.erros, saida.tudo
    depois = _inteiros(no_ar)
    assert all(antes[dono] <= depois[dono] for dono in antes)
    if qual in ("da empresa", "dos arquivos de estado"):
        assert len(depois[BIA]) == len(antes[BIA]) + 1  # a outra não tem nada com isso
    if copia.codigo == 0:
        assert len(depois[ANA]) == len(antes[ANA]) + 1
