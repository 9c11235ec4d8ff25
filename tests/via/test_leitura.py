"""A leitura completa e exata: nenhuma linha a menos, nenhum byte diferente, nenhuma escrita."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apoio.campanha import CAMPANHA, exemplos
from apoio.execucao import executar, linhas_do_arquivo, metadados, ultimo_backup
from apoio.grande import CONCEDER, DONO, EMPRESAS, GRANDE, ORDENS, no_banco
from apoio.retrato import Fotografo, fotografo
from apoio.servidores import LOJA, VAZIO, FabricaDeSupabase
from cofre.base.erros import BackupDanificado
from cofre.base.linha import juntar
from cofre.deposito import formato
from cofre.deposito.formato import Gravador
from cofre.deposito.linhas import ler_linhas
from supabase_local.empresas.dados import DEMONSTRACAO
from supabase_local.servidores.falhas import ParametroIgnorado, Pedido
from supabase_local.servidores.servidor import SupabaseLocal

RAVAL = str(DEMONSTRACAO[0].user_id)


# -- completa --------------------------------------------------------------------------------


@pytest.mark.parametrize("max_linhas", [1000, 17, 100] if CAMPANHA else [1000])
def test_nenhuma_linha_falta_seja_qual_for_o_limite_do_servidor(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, max_linhas: int
) -> None:
    """De menos em menos, as mesmas tabelas são também as da via direta (ver test_direto_leitura)
    e, em partes, as do banco (ver test_juntas)."""
    projeto = criar_supabase(VAZIO, sql=(GRANDE,), max_linhas=max_linhas)
    saida = executar(projeto, tmp_path, "--empresa", "Padaria")
    assert saida.codigo == 0, saida.tudo
    backup = ultimo_backup(tmp_path, DONO)
    assert set(backup["tabelas"]) == {"empresas", *(t.strip('"') for t in ORDENS)}
    for tabela, ordem in ORDENS.items():
        esperadas = no_banco(projeto, tabela, ordem)
        assert linhas_do_arquivo(backup, tabela.strip('"')) == esperadas, tabela
    assert "   ✅ muitas: 10.001 registros" in saida.saida.splitlines()


def test_linhas_maiores_que_uma_pagina_sao_salvas(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    enormes = f"""
        CREATE TABLE fotos (id int PRIMARY KEY, user_id uuid, dados text);
        INSERT INTO fotos SELECT n, '{DONO}', repeat(md5(n::text), CASE WHEN n % 4 = 0 THEN 100000
            ELSE 3 END) FROM generate_series(1, 12) n;
    """
    projeto = criar_supabase(VAZIO, sql=(EMPRESAS, enormes, CONCEDER))
    saida = executar(projeto, tmp_path, "--empresa", "Padaria")
    assert saida.codigo == 0, saida.tudo
    esperadas = no_banco(projeto, "fotos", "t.id")
    assert max(map(len, esperadas)) > 3_000_000
    assert linhas_do_arquivo(ultimo_backup(tmp_path, DONO), "fotos") == esperadas


# -- exata -----------------------------------------------------------------------------------

TIPOS = (
    EMPRESAS
    + """
    CREATE TABLE tipos (
        id bigint PRIMARY KEY, user_id uuid, largo numeric(40,15), livre numeric, grande bigint,
        duplo double precision, simples real, texto text, bruto json, binario jsonb, bytes bytea,
        lista text[], momento timestamptz, sem_zona timestamp, dia date, duracao interval
    );
    CREATE TABLE vizinhas (id int PRIMARY KEY, user_id uuid, pai_id bigint REFERENCES tipos);
"""
    + CONCEDER
)
COLUNAS = (
    "largo", "livre", "grande", "duplo", "simples", "texto", "bruto", "binario", "bytes", "lista",
    "momento", "sem_zona", "dia", "duracao",
)  # fmt: skip
INSERIR = (
    f"INSERT INTO tipos (id, user_id, {', '.join(COLUNAS)})"
    f" VALUES (%s, '{DONO}', {', '.join(['%s'] * len(COLUNAS))})"
)
PLANOS = "".join(
    chr(plano * 0x10000 + resto)
    for plano in range(17)
    for resto in (0x21, 0x4E9, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF)
)
LINHA_FALSA = '{"a": "x"},\n{"id":99,"user_id":"y","xmin":"7","_dono":{}},\n{"b": 1}'
DIFICEIS: dict[str, tuple[Any, ...]] = {
    "largo": ("1234567890123456789012345.123456789012345", "NaN", "-0.000000000000001"),
    "livre": ("1e-30", "-Infinity", "9" * 400, "0.10000000000000000"),
    "grande": (2**53 + 1, 2**63 - 1, -(2**63)),
    "duplo": ("0.30000000000000004", "Infinity", "-Infinity", "NaN", "5e-324", "-0"),
    "simples": ("0.1", "Infinity", "1e-45"),
    "texto": (PLANOS, ',"xmin":"1"', "},\n{", "\\", '"', "\r\n\t\x01\x7f\u2028", LINHA_FALSA, ""),
    "bruto": (
        '{"b" : 1.0, "a":2,\n  "b": 1.10e5}',
        f"[{LINHA_FALSA}]",
        '[1E+5, -0, 1e400, 123456789012345678901234567890.12345678901234567890]',
        '{"a": "\\ud83d\\ude00", "b": "\\u0000", "c": "\\u00e9\\/", "": {"": [ ]}}',
        '"],\\n["',
        " \n null \t",
        "[{},\n{},\n{}]",
    ),
    "binario": ('{"n": 12345678901234567890.12345678901234567890}', "[]", f"[{LINHA_FALSA}]"),
    "bytes": (bytes(range(256)), b""),
    "lista": ([None, "NULL", "", 'a"b,c{}\\', "},\n{"], []),
    "momento": ("2026-01-16 18:29:44.123456-03", "infinity", "-infinity", "0001-01-01 BC"),
    "sem_zona": ("1999-12-31 23:59:59.000001", "infinity"),
    "dia": ("infinity", "-infinity", "2024-02-29", "4713-01-01 BC"),
    "duracao": ("1 year 2 mons -3 days 04:05:06.789012", "-00:00:00.000001"),
}  # fmt: skip


@pytest.fixture(scope="module")
def hostil(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[psycopg.Connection, Fotografo, SupabaseLocal]]:
    """Um projeto com a tabela `tipos` vazia, e quem a fotografe."""
    projeto = criar_supabase_do_modulo(VAZIO, sql=(TIPOS,))
    with (
        psycopg.connect(projeto.uri_banco, autocommit=True) as banco,
        fotografo(projeto, tmp_path_factory.mktemp("fotos")) as quem,
    ):
        yield banco, quem, projeto


def trocar_linhas(banco: psycopg.Connection, linhas: list[dict[str, Any]]) -> None:
    """Deixa a tabela `tipos` só com estas linhas, numeradas."""
    with banco.transaction(), banco.cursor() as cursor:
        cursor.execute("DELETE FROM tipos")
        cursor.executemany(
            INSERIR.encode(),
            [(n, *(linha.get(c) for c in COLUNAS)) for n, linha in enumerate(linhas)],
        )


def test_todo_valor_dificil_volta_byte_a_byte(
    hostil: tuple[psycopg.Connection, Fotografo, SupabaseLocal],
) -> None:
    banco, quem, projeto = hostil
    linhas = [{coluna: v} for coluna, valores in DIFICEIS.items() for v in valores]
    trocar_linhas(banco, [{c: v[0] for c, v in DIFICEIS.items()}, {}, *linhas])
    retrato = quem.fotografar(DONO)
    esperadas = no_banco(projeto, "tipos", "t.id")
    assert retrato.linhas("tipos") == esperadas
    assert lidas(retrato.arquivos["tipos"]) == esperadas
    primeira = json.loads(esperadas[0], parse_float=str)
    assert primeira["largo"] == "1234567890123456789012345.123456789012345"
    assert primeira["grande"] == 2**53 + 1
    assert primeira["texto"] == PLANOS
    assert primeira["bytes"] == "\\x" + bytes(range(256)).hex()
    assert primeira["momento"] == "2026-01-16T21:29:44.123456+00:00"


TEXTO = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ESPACO = st.sampled_from(["", " ", "\n", "\r\n\t", "\n  "])


def _objeto(pares: list[tuple[str, str]], espaco: str) -> str:
    dentro = f",{espaco}".join(f"{json.dumps(c)}{espaco}:{espaco}{v}" for c, v in pares)
    return f"{{{espaco}{dentro}{espaco}}}"


def _vetor(valores: list[str], espaco: str) -> str:
    return f"[{espaco}{f',{espaco}'.join(valores)}{espaco}]"


JSON_CRU = st.recursive(
    st.one_of(
        st.sampled_from(["null", "true", "1e400", "-0.0", "1.10", "123456789012345678901.50"]),
        st.integers().map(str),
        TEXTO.map(lambda t: json.dumps(t, ensure_ascii=False)),
        TEXTO.map(json.dumps),
    ),
    # Só três nomes: as chaves se repetem.
    lambda dentro: st.one_of(
        st.builds(_objeto, st.lists(st.tuples(st.sampled_from("aéb"), dentro), max_size=4), ESPACO),
        st.builds(_vetor, st.lists(dentro, max_size=4), ESPACO),
    ),
    max_leaves=8,
)
ESTRANHO = st.sampled_from(
    [r'"\ud83d"', r'"\udc00\ud83d"', r'{"\ud83d" : ["},\n{"]}', "[" * 1200 + "]" * 1200]
)
"""O que um decodificador recusa, e uma coluna json guarda."""
MOMENTO = st.datetimes().map(str) | st.sampled_from(["infinity", "-infinity"])
LARGO = st.decimals(-(10**24), 10**24, allow_nan=False, places=15).map(str)
LINHA = st.fixed_dictionaries(
    {},
    optional={
        "largo": LARGO | st.just("NaN"),
        "livre": st.decimals(allow_nan=True, allow_infinity=False).map(
            lambda d: "NaN" if d.is_nan() else str(d)
        ),
        "grande": st.integers(-(2**63), 2**63 - 1),
        "duplo": st.floats(),
        "simples": st.floats(width=32).filter(lambda f: f == 0 or abs(f) > 1e-37 or f != f),
        "texto": TEXTO,
        "bruto": JSON_CRU | ESTRANHO,
        "binario": JSON_CRU.filter(lambda j: "\\u0000" not in j and "1e400" not in j),
        "bytes": st.binary(max_size=20),
        "lista": st.lists(st.none() | TEXTO, max_size=4),
        "momento": MOMENTO,
        "sem_zona": MOMENTO,
        "dia": st.dates().map(str) | st.just("infinity"),
        "duracao": st.timedeltas(),
    },
)


@settings(max_examples=exemplos(40))
@given(linhas=st.lists(LINHA, max_size=8))
def test_qualquer_linha_volta_byte_a_byte(
    hostil: tuple[psycopg.Connection, Fotografo, SupabaseLocal], linhas: list[dict[str, Any]]
) -> None:
    banco, quem, projeto = hostil
    trocar_linhas(banco, linhas)
    retrato = quem.fotografar(DONO)
    esperadas = no_banco(projeto, "tipos", "t.id")
    assert len(esperadas) == len(linhas)
    dentro = b"[\n" + b",\n".join(esperadas) + b"\n]\n"
    assert retrato.arquivos["tipos"].read_bytes() == (dentro if linhas else b"[]\n")
    assert lidas(retrato.arquivos["tipos"]) == esperadas


# -- o formato do arquivo --------------------------------------------------------------------


def lidas(caminho: Path) -> list[bytes]:
    """O que o leitor do cofre acha no arquivo."""
    return [bytes(linha) for grupo in ler_linhas(caminho) for linha in grupo]


OBJETO = st.builds(
    _objeto,
    st.lists(st.tuples(st.sampled_from(["a", "b}", "\n"]), JSON_CRU | ESTRANHO), max_size=4),
    ESPACO,
).map(str.encode)
FALSAS = [f'{{"a":[{LINHA_FALSA}]}}'.encode(), b'{"a":"},\\n{"}', b"{}", b'{"a":{"b":[{},\n{}]}}']
PEDACOS = st.sampled_from([1, 2, 3, 5, 7, 16, 64, 1000, 256 * 1024])


@settings(max_examples=exemplos(100))
@given(blocos=st.lists(st.lists(OBJETO, max_size=5), max_size=4), pedaco=PEDACOS)
@example(blocos=[FALSAS, [], FALSAS], pedaco=1)
@example(blocos=[FALSAS * 50], pedaco=33)
def test_o_que_o_gravador_escreve_e_lido_de_volta_igual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocos: list[list[bytes]], pedaco: int
) -> None:
    monkeypatch.setattr(formato, "PEDACO", pedaco)
    caminho = tmp_path / "t.json"
    with caminho.open("wb") as saida:
        gravador = Gravador(saida)
        for bloco in blocos:
            gravador.bloco(juntar(bloco))
        soma = gravador.terminar()
    linhas = [linha for bloco in blocos for linha in bloco]
    assert lidas(caminho) == linhas
    dentro = b"[\n" + b",\n".join(linhas) + b"\n]\n"
    assert caminho.read_bytes() == (dentro if linhas else b"[]\n")
    assert formato.sha256_do_arquivo(caminho) == (soma, gravador.bytes)


@settings(max_examples=exemplos(100))
@given(
    linhas=st.lists(st.dictionaries(TEXTO, TEXTO | st.integers(), max_size=3), max_size=6),
    recuo=st.sampled_from([None, 0, 2, "\t"]),
    bom=st.booleans(),
    fim=st.sampled_from(["", "\n", "\r\n\r\n"]),
    pedaco=PEDACOS,
)
def test_le_os_arquivos_indentados_da_primeira_versao_com_ou_sem_bom(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    linhas: list[dict[str, Any]],
    recuo: int | str | None,
    bom: bool,
    fim: str,
    pedaco: int,
) -> None:
    monkeypatch.setattr(formato, "PEDACO", max(pedaco, 4))
    caminho = tmp_path / "v1.json"
    texto = json.dumps(linhas, indent=recuo, ensure_ascii=False) + fim
    caminho.write_bytes((b"\xef\xbb\xbf" if bom else b"") + texto.encode())
    assert [json.loads(linha) for linha in lidas(caminho)] == linhas


@settings(max_examples=exemplos(100))
@given(linhas=st.lists(OBJETO, min_size=1, max_size=6), dados=st.data(), pedaco=PEDACOS)
def test_um_arquivo_cortado_em_qualquer_ponto_e_danificado(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    linhas: list[bytes],
    dados: st.DataObject,
    pedaco: int,
) -> None:
    monkeypatch.setattr(formato, "PEDACO", pedaco)
    saida = io.BytesIO()
    gravador = Gravador(saida)
    gravador.bloco(juntar(linhas))
    gravador.terminar()
    inteiro = saida.getvalue().rstrip()
    corte = dados.draw(st.integers(0, len(inteiro) - 1))
    caminho = tmp_path / "cortado.json"
    caminho.write_bytes(inteiro[:corte])
    with pytest.raises(BackupDanificado, match=r"^cortado\.json não é um vetor JSON em UTF-8: "):
        lidas(caminho)


DANIFICADOS = {
    "vazio": b"",
    "só espaço": b" \n",
    "só o BOM": b"\xef\xbb\xbf",
    "objeto": b'{"a":1}',
    "texto": b"abc",
    "sobra": b'[{"a":1}] x',
    "dois vetores": b"[{}][{}]",
    "vírgula a mais": b"[{},]",
    "vírgula dupla": b"[{},,{}]",
    "sem vírgula": b"[{} {}]",
    "um número": b"[1]",
    "nulo entre objetos": b"[{},null,{}]",
    "um vetor dentro": b"[[{}]]",
    "UTF-8 quebrado": b'[{"a":"\xff"}]',
    "UTF-8 cortado no fim": b'[{"a":1}]\xc3',
    "substituto em UTF-8": b'[{"a":"\xed\xa0\x80"}]',
    "UTF-16": '[{"a":1}]'.encode("utf-16"),
    "aspas por fechar": b'[{"a":"x}]',
    "BOM duas vezes": b"\xef\xbb\xbf\xef\xbb\xbf[]",
}


@pytest.mark.parametrize("pedaco", [1, 4, 256 * 1024])
@pytest.mark.parametrize("qual", DANIFICADOS)
def test_o_que_nao_e_um_vetor_de_objetos_em_utf8_e_danificado(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qual: str, pedaco: int
) -> None:
    monkeypatch.setattr(formato, "PEDACO", pedaco)
    caminho = tmp_path / "x.json"
    caminho.write_bytes(DANIFICADOS[qual])
    with pytest.raises(BackupDanificado, match=r"^x\.json não é um vetor JSON em UTF-8: "):
        lidas(caminho)


def test_um_arquivo_vazio_e_um_vetor_vazio(tmp_path: Path) -> None:
    saida = io.BytesIO()
    Gravador(saida).terminar()
    assert saida.getvalue() == b"[]\n"
    (tmp_path / "x").write_bytes(saida.getvalue())
    assert lidas(tmp_path / "x") == []


# -- só da empresa ---------------------------------------------------------------------------


def _contem(pedaco: str) -> Callable[[Pedido], bool]:
    return lambda pedido: pedaco in pedido.consulta


BOA = "despesas"
"""Uma tabela em que nada se ignora."""
POR_SI = {
    "produtos": ("user_id", "user_id=eq."),
    "registro_acessos": ("user_id", "user_id=eq."),
    "configuracoes": ("user_id", "user_id=eq."),
    "empresas": ("user_id", "user_id=eq."),
    "funcoes": ("empresa_id", "empresa_id=eq."),
    "funcionarios": ("or", "or="),
    "user_approvals": ("or", "or="),
    "movimentacoes_caixa": ("_dono.user_id", "_dono.user_id"),
    "funcao_permissoes": ("_dono.empresa_id", "_dono.empresa_id"),
    "vendas_itens": ("user_id", "user_id=eq."),
}
FILTROS_IGNORADOS = {
    "o de cada tabela": POR_SI,
    "o da mãe": {"vendas_itens": ("_dono.user_id", "_dono.user_id")},
    "o das sem dono": {"vendas_itens": ("user_id", "user_id=is.null")},
}
"""As tabelas que falham de uma vez: o parâmetro que o servidor ignora, e em que pedidos."""


@pytest.fixture(scope="module")
def supabase(supabase_do_modulo: SupabaseLocal) -> SupabaseLocal:
    """Aqui ninguém o muda: é um só."""
    return supabase_do_modulo


@pytest.mark.parametrize("quais", FILTROS_IGNORADOS)
def test_um_servidor_que_ignora_o_filtro_nao_mistura_empresas(
    supabase: SupabaseLocal, tmp_path: Path, quais: str
) -> None:
    ignorados = FILTROS_IGNORADOS[quais]
    with contextlib.ExitStack() as pilha:
        regras = [
            pilha.enter_context(
                supabase.gateway.com_falha(
                    ParametroIgnorado(parametro), tabela=tabela, se=_contem(quando), vezes=None
                )
            )
            for tabela, (parametro, quando) in ignorados.items()
        ]
        pedidas = ("--tabelas", ",".join([*ignorados, BOA]))
        saida = executar(supabase, tmp_path, "--empresa", "Grupo Raval", *pedidas)
    assert all(regra.disparos > 0 for regra in regras)
    assert saida.codigo == 4, saida.tudo
    for tabela in ignorados:
        dito = f"   ❌ {tabela}: O servidor mandou, em {tabela}, uma linha de outra empresa.\n"
        assert dito in saida.saida
    backup = ultimo_backup(tmp_path, RAVAL)
    assert (backup["estado"], {*backup["tabelas_falha"]}) == ("incompleto", {*ignorados})
    assert set(backup["tabelas"]) == {BOA}
    for tabela in ignorados:
        assert not list(backup["pasta"].glob(f"{tabela}_2*"))


# -- só leituras -----------------------------------------------------------------------------

VIGIAR = """
    CREATE TABLE vigia (n bigint GENERATED ALWAYS AS IDENTITY, tabela text, comando text);
    CREATE FUNCTION vigiar() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO vigia (tabela, comando) VALUES (TG_TABLE_NAME, TG_OP);
        RETURN NULL;
    END $$;
    DO $$
    DECLARE t record;
    BEGIN
        FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'vigia'
        LOOP
            EXECUTE format('CREATE TRIGGER vigia_antes BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE
                ON %I FOR EACH STATEMENT EXECUTE FUNCTION vigiar()', t.relname);
            EXECUTE format('CREATE TRIGGER vigia_depois AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
                ON %I FOR EACH STATEMENT EXECUTE FUNCTION vigiar()', t.relname);
        END LOOP;
    END $$;
"""


def test_o_backup_so_le_e_a_sonda_de_escrita_nunca_grava(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(LOJA, sql=(VIGIAR,))

    def estado() -> tuple[list[Any], list[Any]]:
        with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
            vistos = banco.execute("SELECT tabela, comando FROM vigia ORDER BY n").fetchall()
            sequencias = banco.execute(
                "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
            ).fetchall()
        return vistos, sequencias

    antes = estado()
    assert antes[0] == []
    saida = executar(projeto, tmp_path, "--empresa", "Loja X")
    assert saida.codigo == 0, saida.tudo
    assert estado() == antes
    escritas = [r for r in projeto.gateway.pedidos if r.metodo != "GET"]
    assert {r.metodo for r in escritas} == {"POST"}
    # O corpo da sonda é um byte que não é JSON: nenhuma delas pode dar certo.
    assert {r.bytes_recebidos for r in escritas} == {1}
    assert {r.status for r in escritas} == {400}
    salvas = metadados(tmp_path)[0]["tabelas"]
    assert {r.tabela.replace("%20", " ") for r in escritas} == set(salvas)
    assert {t: m["nao_gravaveis"] for t, m in salvas.items() if m["nao_gravaveis"]} == {
        "produtos": ["margem"],
        "vendas_itens": ["subtotal"],
        "notas_fiscais": ["numero"],
        "tipos_dificeis": ["dobro"],
    }
    # O vigia vigia mesmo: a sonda que fatos.md descreve, com [], é um INSERT que se consuma.
    httpx.post(
        f"{projeto.url}/rest/v1/clientes?columns=nome",
        json=[],
        headers={"apikey": projeto.chave_secreta},
    ).raise_for_status()
    assert estado()[0] == [("clientes", "INSERT"), ("clientes", "INSERT")]
