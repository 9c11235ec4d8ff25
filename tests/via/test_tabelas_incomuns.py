"""Tabelas que a descrição da API não explica: as que herdam, as de outro servidor, as que só se
ligam à empresa por uma chave composta."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apoio.execucao import linhas_do_arquivo, ultimo_backup
from apoio.loja import Antes, Loja, antes_de
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA, TabelaDeOutroServidor
from cofre.base.modelo import DE_OUTRO_SERVIDOR
from cofre.via.api.erros import ler, traduzir
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.falhas import RespostaForcada

ESQUEMA = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Padaria'),
        (gen_random_uuid(), '{VIZINHA}', 'Vizinha');

    CREATE TABLE notas (id int PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE notas_2024 (valor numeric(20,10), PRIMARY KEY (id)) INHERITS (notas);
    CREATE TABLE notas_jan (dia date, PRIMARY KEY (id)) INHERITS (notas_2024);
    CREATE TABLE copia_das_notas (LIKE notas_2024 INCLUDING ALL);
    INSERT INTO notas VALUES (1, '{DONO}', 'mãe'), (2, '{DONO}', 'outra'), (9, '{VIZINHA}', 'dela');
    INSERT INTO notas_2024 VALUES (1, '{DONO}', 'filha', 1.5), (8, '{VIZINHA}', 'dela', 8);
    INSERT INTO notas_jan VALUES (3, '{DONO}', 'neta', 2.25, '2024-01-31');
    INSERT INTO copia_das_notas SELECT * FROM ONLY notas_2024;

    CREATE TABLE avisos (user_id uuid, texto text);
    CREATE TABLE avisos_lidos () INHERITS (avisos);
    INSERT INTO avisos VALUES ('{DONO}', 'um'), ('{DONO}', 'um'), ('{VIZINHA}', 'um');
    INSERT INTO avisos_lidos VALUES ('{DONO}', 'um'), ('{VIZINHA}', 'dois');

    CREATE TABLE lancamentos (id int PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE lancamentos_2024 (valor int, PRIMARY KEY (id)) INHERITS (lancamentos);
    CREATE TABLE lancamentos_jan (dia int, PRIMARY KEY (id)) INHERITS (lancamentos_2024);
    INSERT INTO lancamentos VALUES (1, '{DONO}', 'a'), (9, '{VIZINHA}', 'v');
    INSERT INTO lancamentos_2024 VALUES (2, '{DONO}', 'b', 5), (8, '{VIZINHA}', 'v', 5);
    INSERT INTO lancamentos_jan VALUES (3, '{DONO}', 'c', 6, 1), (4, '{DONO}', 'd', 7, 2),
        (7, '{VIZINHA}', 'v', 7, 2);

    CREATE TABLE pedidos (serie text, numero int, user_id uuid, total int,
        PRIMARY KEY (serie, numero));
    CREATE TABLE itens (id int PRIMARY KEY, p_numero int, p_serie text, obs text, qtd int,
        FOREIGN KEY (p_serie, p_numero) REFERENCES pedidos);
    INSERT INTO pedidos VALUES ('A', 1, '{DONO}', 10), ('A', 2, '{DONO}', 20), ('B', 1, '{VIZINHA}', 5);
    INSERT INTO itens VALUES (1, 1, 'A', 'A', 1), (2, 2, 'A', 'x', 7), (3, 1, 'B', 'B', 9);

    CREATE TABLE remessas (id int PRIMARY KEY, user_id uuid, serie text, numero int, nota text,
        UNIQUE (serie, numero));
    CREATE TABLE volumes (id int PRIMARY KEY, numero_da_remessa int, serie text, nota text,
        FOREIGN KEY (serie, numero_da_remessa) REFERENCES remessas (serie, numero));
    CREATE TABLE cores (id int PRIMARY KEY, serie text, numero int);
    INSERT INTO remessas VALUES (1, '{DONO}', 'A', 1, 'x'), (2, '{DONO}', 'A', 2, 'y'),
        (3, '{VIZINHA}', 'B', 1, 'x');
    INSERT INTO volumes VALUES (1, 1, 'A', 'x'), (2, 2, 'A', 'z'), (3, 1, 'B', 'x');
    INSERT INTO cores VALUES (1, 'A', 1), (2, 'B', 1);

    CREATE TABLE externa (id int PRIMARY KEY, user_id uuid);
    INSERT INTO externa VALUES (1, '{DONO}');
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""  # noqa: E501


@pytest.fixture(scope="module")
def loja(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Loja:
    """Um projeto e o backup de antes; cada teste o devolve."""
    projeto = criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))
    return _copiada(Loja(projeto, tmp_path_factory.mktemp("incomuns") / "backups"))


@pytest.fixture
def nova(loja: Loja, guardado: Path, tmp_path: Path) -> Loja:
    """A mesma, só com o backup de antes, para se mexer nele."""
    shutil.copytree(guardado, tmp_path / "b")
    return replace(loja, destino=tmp_path / "b")


@pytest.fixture(scope="module")
def guardado(loja: Loja, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Os backups de antes, como eram antes de qualquer restauração."""
    pasta = tmp_path_factory.mktemp("guardado") / "b"
    shutil.copytree(loja.destino, pasta)
    return pasta


@pytest.fixture(autouse=True)
def _antes_de_todos(guardado: Path) -> None:
    """Guardado antes do primeiro teste, que pode restaurar."""


@pytest.fixture(scope="module")
def antiga(
    loja: Loja,
    criar_supabase_do_modulo: FabricaDeSupabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Loja:
    """A mesma, com a API descrita como antes."""
    projeto = criar_supabase_do_modulo.sobre(loja.projeto.banco, de_hoje=False)
    return _copiada(Loja(projeto, tmp_path_factory.mktemp("antiga") / "backups"))


def _copiada(loja: Loja) -> Loja:
    saida = loja.copiar()
    assert saida.codigo == 0, saida.tudo
    assert "sem empresa" not in saida.saida
    return loja


# -- herança -----------------------------------------------------------------------------------


@pytest.mark.parametrize("perfil", ["loja", "antiga"])
def test_cada_linha_esta_uma_vez_na_sua_propria_tabela(
    perfil: str, request: pytest.FixtureRequest
) -> None:
    loja: Loja = request.getfixturevalue(perfil)
    for dono, esperado in (
        (DONO, {"notas": 2, "notas_2024": 1, "notas_jan": 1, "copia_das_notas": 1, "avisos": 2,
                "avisos_lidos": 1}),
        (VIZINHA, {"notas": 1, "notas_2024": 1, "notas_jan": 0, "copia_das_notas": 1, "avisos": 1,
                   "avisos_lidos": 1}),
    ):  # fmt: skip
        backup = ultimo_backup(loja.destino, dono)
        for tabela, quantas in esperado.items():
            consulta = (
                f"SELECT coalesce(array_agg(row_to_json(t)::text ORDER BY t::text), '{{}}')"
                f" FROM ONLY {tabela} t WHERE user_id = '{dono}'"
            )
            salvas = sorted(linha.decode() for linha in linhas_do_arquivo(backup, tabela))
            assert salvas == sorted(loja.valor(consulta)), tabela
            assert len(salvas) == quantas, tabela


ACIDENTES = {
    "apagadas": [f"DELETE FROM notas WHERE user_id = '{DONO}'", "TRUNCATE ONLY notas_jan",
                 f"DELETE FROM avisos WHERE user_id = '{DONO}'"],
    "só as da mãe": [f"DELETE FROM ONLY notas WHERE user_id = '{DONO}'"],
    "alteradas, e a mais": [f"UPDATE notas SET nome = 'x' WHERE user_id = '{DONO}'",
                            f"INSERT INTO notas VALUES (8, '{DONO}', 'nova')",
                            f"INSERT INTO notas_2024 VALUES (2, '{DONO}', 'nova', 1)",
                            f"INSERT INTO notas_jan VALUES (1, '{DONO}', 'nova', 1, NULL)",
                            f"INSERT INTO avisos VALUES ('{DONO}', 'um')",
                            f"INSERT INTO avisos_lidos VALUES ('{DONO}', 'um')"],
}  # fmt: skip


def test_tabelas_que_herdam_voltam_cada_uma_com_as_suas_e_se_desfaz(loja: Loja) -> None:
    """E, com elas, as filhas que só uma chave composta leva à empresa: à chave primária da mãe, ou
    a valores únicos dela."""
    antes = antes_de(loja, DONO)
    eram = {t: loja.valor(_com_lugar(t)) for t in ("notas", "notas_2024", "avisos")}
    loja.sql(
        *ACIDENTES["apagadas"],
        *("DELETE FROM itens WHERE id IN (1, 2)", "DELETE FROM pedidos WHERE serie = 'A'"),
        *("DELETE FROM volumes WHERE id < 3", "DELETE FROM remessas WHERE serie = 'A'"),
    )
    _volta(loja, antes, eram)
    loja.sql(*ACIDENTES["só as da mãe"])
    estragada = antes_de(loja, DONO)
    _volta(loja, antes, eram)
    desfeita = loja.restaurar("desfazer", "--empresa", DONO, "--confirmar", "RESTAURAR")
    assert desfeita.codigo == 0, desfeita.tudo
    estragada.conferir_intacto()
    loja.sql(*ACIDENTES["alteradas, e a mais"])
    _volta(loja, antes, eram)


def _volta(loja: Loja, antes: Antes, eram: dict[str, Any]) -> None:
    """Restaura, e cada linha é a que era, na tabela em que estava."""
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir_intacto()
    assert {t: loja.valor(_com_lugar(t)) for t in eram} == eram


def _com_lugar(tabela: str) -> str:
    """Cada linha que se vê pela tabela, e em qual ela está."""
    return (
        f"SELECT array_agg(x ORDER BY x) FROM"
        f" (SELECT tableoid::regclass || ' ' || t::text AS x FROM {tabela} t) y"
    )


# -- um backup de antes de se saber quem herda de quem ---------------------------------------------

HERDAM = {
    "avisos": ("avisos_lidos",),
    "lancamentos": ("lancamentos_2024", "lancamentos_jan"),
    "lancamentos_2024": ("lancamentos_jan",),
}


def _de_antes(loja: Loja, mudar: Callable[[str, list[Any]], list[Any]]) -> Loja:
    """O último backup do DONO, só ele, como o fazia uma versão de antes: na mãe, também as linhas
    das filhas, com as colunas dela, mudadas por `mudar`; e nada do que se prova."""
    backup = ultimo_backup(loja.destino, DONO)
    pasta: Path = backup["pasta"]
    ficha = pasta / backup["tabelas"]["empresas"]["arquivo"].replace(
        "empresas_", "backup_metadata_"
    )
    bruto = json.loads(ficha.read_text("utf-8"))
    linhas = {
        n: json.loads((pasta / t["arquivo"]).read_text()) for n, t in bruto["tabelas"].items()
    }
    for mae, filhas in HERDAM.items():
        colunas = [c["nome"] for c in bruto["tabelas"][mae]["colunas"]]
        herdadas = [{c: linha[c] for c in colunas} for f in filhas for linha in linhas[f]]
        todas = sorted([*linhas[mae], *mudar(mae, herdadas)], key=lambda v: v.get("id", 0))
        textos = [json.dumps(v, ensure_ascii=False, separators=(",", ":")) for v in todas]
        dados = ("[\n" + ",\n".join(textos) + "\n]\n").encode()
        (pasta / bruto["tabelas"][mae]["arquivo"]).write_bytes(dados)
        bruto["tabelas"][mae] |= {
            "registros": len(todas), "bytes": len(dados),
            "sha256": hashlib.sha256(dados).hexdigest(),
        }  # fmt: skip
    for tabela in bruto["tabelas"].values():
        tabela.pop("exata", None)
    ficha.write_text(json.dumps(bruto), "utf-8")
    return loja


@pytest.mark.parametrize("via", [API, DIRETA])
def test_um_backup_de_antes_devolve_cada_linha_a_sua_tabela(
    loja: Loja, nova: Loja, via: str
) -> None:
    """Três níveis, com chave; e sem chave, onde linhas da mãe e da filha são iguais."""
    antiga = replace(_de_antes(nova, lambda _mae, linhas: linhas), via=via)
    antes = antes_de(loja, DONO)
    quais = ("lancamentos", "lancamentos_2024", "lancamentos_jan", "avisos")
    eram = {t: loja.valor(_com_lugar(t)) for t in quais}
    for tabela in ("lancamentos", "avisos"):
        loja.sql(f"DELETE FROM {tabela} WHERE user_id = '{DONO}'")
    saida = antiga.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert {t: loja.valor(_com_lugar(t)) for t in quais} == eram
    antes.conferir_intacto()


def test_a_mae_em_que_so_algumas_se_reconhecem_fica_de_fora_com_o_porque(
    loja: Loja, nova: Loja
) -> None:
    """Decide-se acima das vias: pela direta, que custa menos."""

    def mudar(mae: str, linhas: list[Any]) -> list[Any]:
        return [{**v, "nome": "outro"} if v.get("id") == 3 else v for v in linhas]

    antiga = replace(_de_antes(nova, mudar), via=DIRETA)
    antes = antes_de(loja, DONO)
    loja.sql(f"DELETE FROM lancamentos WHERE user_id = '{DONO}'")
    estragado = loja.impressoes()
    recusada = antiga.direto(dono=DONO)
    assert recusada.codigo == 8, recusada.tudo
    assert "o backup é de uma versão que não separava lancamentos das tabelas" in recusada.saida
    assert loja.impressoes() == estragado
    aceita = antiga.direto("--aceitar", "tabelas", dono=DONO)
    assert aceita.codigo == NEM_TUDO_COMO_ERA, aceita.tudo
    assert loja.valor("SELECT array_agg(id ORDER BY id) FROM lancamentos_jan") == [3, 4, 7]
    antes.conferir_outras()
    assert replace(loja, via=DIRETA).direto(dono=DONO).codigo == 0
    antes.conferir_intacto()


# -- só por uma chave composta -----------------------------------------------------------------


@pytest.mark.parametrize("perfil", ["loja", "antiga"])
def test_a_chave_composta_de_outros_nomes_leva_a_empresa(
    perfil: str, request: pytest.FixtureRequest
) -> None:
    loja: Loja = request.getfixturevalue(perfil)
    backup = ultimo_backup(loja.destino, DONO)
    assert [b'"id":1,' in linha for linha in linhas_do_arquivo(backup, "itens")] == [True, False]
    assert backup["tabelas"]["itens"]["registros"] == 2
    (mae,) = backup["tabelas"]["itens"]["chaves_estrangeiras"]
    assert mae == {
        "colunas": ["p_serie", "p_numero"],
        "tabela": "pedidos",
        "referencias": ["serie", "numero"],
    }
    assert ultimo_backup(loja.destino, VIZINHA)["tabelas"]["itens"]["registros"] == 1


def test_as_filhas_de_uma_chave_composta_voltam_a_tabela_vazia(loja: Loja) -> None:
    """Nada nela diz por quais colunas aponta."""
    antes = antes_de(loja, DONO)
    loja.sql(
        "DELETE FROM itens WHERE id IN (1, 2)",
        "DELETE FROM pedidos WHERE serie = 'A'",
        "CREATE TABLE guardada AS SELECT * FROM itens; DELETE FROM itens",
    )
    try:
        saida = loja.direto(dono=DONO)
    finally:
        loja.sql("INSERT INTO itens SELECT * FROM guardada; DROP TABLE guardada")
    assert saida.codigo == 0, saida.tudo
    antes.conferir_intacto()


@pytest.mark.parametrize("perfil", ["loja", "antiga"])
def test_a_chave_composta_a_valores_unicos_leva_a_empresa(
    perfil: str, request: pytest.FixtureRequest
) -> None:
    """Não à chave primária da mãe; e uma tabela só parecida não é uma filha."""
    loja: Loja = request.getfixturevalue(perfil)
    backup = ultimo_backup(loja.destino, DONO)
    assert [b'"id":1,' in linha for linha in linhas_do_arquivo(backup, "volumes")] == [True, False]
    assert backup["tabelas"]["volumes"]["chaves_estrangeiras"] == [
        {
            "colunas": ["serie", "numero_da_remessa"],
            "tabela": "remessas",
            "referencias": ["serie", "numero"],
        }
    ]
    assert ultimo_backup(loja.destino, VIZINHA)["tabelas"]["volumes"]["registros"] == 1
    assert [d["tabela"] for d in backup["deixadas_de_fora"]] == ["cores"]


# -- de outro servidor -------------------------------------------------------------------------

# postgres_fdw/connection.c: «could not connect to server "%s"» (08001), e o PostgREST dá 503 a toda
# a classe 08 (Error.hs, pgErrorStatus); a classe HV é dos conectores (PostgreSQL, apêndice A).
NAO_ATENDE = (503, {"code": "08001", "message": 'could not connect to server "outro"'})
RECUSAS = [
    NAO_ATENDE,
    (503, {"code": "08006", "message": "server closed the connection unexpectedly"}),
    (500, {"code": "HV000", "message": "could not fetch rows"}),
    (400, {"code": "42704", "message": 'user mapping not found for "service_role"'}),
]
# postgres_fdw/deparse.c: de uma coluna do sistema, o valor é sempre 0.
ATENDE = (200, [{"xmin": "0"}])


@pytest.mark.parametrize("como", [NAO_ATENDE, ATENDE], ids=["não atende", "atende"])
def test_a_tabela_de_outro_servidor_fica_de_fora_com_o_porque(
    loja: Loja, como: tuple[int, object]
) -> None:
    """Nem falha de empresa nenhuma, nem insistência: como uma visão, ela não guarda linhas aqui; e
    o backup que a tinha não a dá por perdida."""
    status, corpo = como
    falha = RespostaForcada(status, corpo, {"Content-Range": "0-0/*"} if status == 200 else {})
    with loja.projeto.gateway.com_falha(falha, tabela="externa", vezes=None) as regra:
        saida = loja.copiar()
        assert regra.disparos == 1
    assert saida.codigo == 0, saida.tudo
    assert f"   • externa: {DE_OUTRO_SERVIDOR}\n" in saida.saida
    backup = ultimo_backup(loja.destino, DONO)
    assert "externa" not in backup["tabelas"]
    assert backup["estado"] == "completo"
    fora = {d["tabela"]: d["motivo"] for d in backup["deixadas_de_fora"]}
    assert fora.keys() == {"externa", "cores"}
    assert fora["externa"] == DE_OUTRO_SERVIDOR


@pytest.mark.parametrize(("status", "corpo"), RECUSAS)
def test_o_erro_do_outro_servidor_e_reconhecido(status: int, corpo: dict[str, str]) -> None:
    erro = traduzir("api", ler(status, json.dumps(corpo).encode()), "externa")
    assert isinstance(erro, TabelaDeOutroServidor)
    assert corpo["message"] in str(erro)


@pytest.mark.parametrize("codigo", ["57014", "42501", "42P01", "53300", "PGRST001", "XX000"])
def test_o_erro_deste_servidor_nao_e_do_outro(codigo: str) -> None:
    corpo = json.dumps({"code": codigo, "message": "qualquer"}).encode()
    assert not isinstance(traduzir("api", ler(500, corpo), "t"), TabelaDeOutroServidor)
