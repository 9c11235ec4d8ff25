"""Um valor json que um decodificador recusa, e o PostgreSQL guarda, não custa a tabela dele."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from apoio.execucao import conteudo, executar, linhas_do_banco, ultimo_backup
from apoio.impressoes import alheias
from apoio.loja import PELAS_DUAS_VIAS, Loja
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.base.varredura import indizivel
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.falhas import CorpoEncurtado
from supabase_local.servidores.servidor import SupabaseLocal

FUNDO = "[" * 1500 + "]" * 1500
ESTRANHOS = (
    r'{"emoji":"\ud83d"}',
    r'{"emoji" : "\udc00\ud83d", "a":"\u0000", "\ud83d":1, "\ud83d":1.00}',
    r'"\ud83d"',
    FUNDO,
    f'{{"x":{FUNDO},\n"y":"}},\\n{{"}}',
)
COMUNS = ('{"a": 1.10}', "null", r'{"b":"\ud83d\ude00"}', "[{},\n{}]")
"""Também estes se guardam como vêm."""
ESQUEMA = """
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    CREATE TABLE bilhetes (
        id int PRIMARY KEY, user_id uuid NOT NULL, nota text, dados json, cheia json NOT NULL
    );
    CREATE TABLE com_lista (
        id int PRIMARY KEY, user_id uuid NOT NULL, nota text, dados json, lista int[]
    );
    CREATE TABLE soltos (user_id uuid NOT NULL, nota text, dados json);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""
TABELAS = ("bilhetes", "com_lista", "soltos")


def _encher(banco: psycopg.Connection) -> None:
    """As mesmas linhas em cada empresa."""
    banco.execute("TRUNCATE empresas, bilhetes, com_lista, soltos")
    for n, (dono, nome) in enumerate(((DONO, "Padaria"), (VIZINHA, "Vizinha"))):
        banco.execute("INSERT INTO empresas VALUES (%s, %s, %s)", (dono, dono, nome))
        for i, valor in enumerate((*ESTRANHOS, *COMUNS), 100 * n):
            cheia = valor if valor != "null" else "0"  # o null de um json não vai pela API
            banco.execute(
                "INSERT INTO bilhetes VALUES (%s, %s, 'n', %s, %s)", (i, dono, valor, cheia)
            )
            banco.execute("INSERT INTO com_lista VALUES (%s, %s, 'n', %s, '{1}')", (i, dono, valor))
            banco.execute("INSERT INTO soltos VALUES (%s, 'n', %s)", (dono, valor))


@pytest.fixture(scope="module")
def _projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))


@pytest.fixture
def projeto(_projeto: SupabaseLocal) -> SupabaseLocal:
    """O mesmo em todo o módulo, com as linhas de novo no lugar."""
    with psycopg.connect(_projeto.uri_banco, autocommit=True) as banco:
        _encher(banco)
    return _projeto


def _loja(projeto: SupabaseLocal, pasta: Path, via: str) -> Loja:
    """Com um backup de cada empresa."""
    loja = Loja(projeto, pasta / "b", via)
    saida = loja.copiar()
    assert saida.codigo == 0, saida.tudo
    return loja


def _esperado(projeto: SupabaseLocal, tabela: str, dono: str) -> bytes:
    """O arquivo que o banco diz que deve haver, sem que ninguém leia o JSON."""
    ordem = "t.ctid" if tabela == "soltos" else "t.id"
    linhas = linhas_do_banco(projeto, tabela, f"user_id = '{dono}' ORDER BY {ordem}")
    return b"[\n" + b",\n".join(linhas) + b"\n]\n"


def _conferir_arquivos(loja: Loja) -> None:
    for dono in (DONO, VIZINHA):
        backup = ultimo_backup(loja.destino, dono)
        assert backup["falhas"] == {}
        salvos = conteudo(backup)
        for tabela in TABELAS:
            assert salvos[tabela] == _esperado(loja.projeto, tabela, dono)
        assert backup["tabelas"]["bilhetes"]["registros"] == len(ESTRANHOS + COMUNS)


@PELAS_DUAS_VIAS
def test_o_backup_tem_os_bytes_do_banco_e_se_confere(
    projeto: SupabaseLocal, tmp_path: Path, via: str
) -> None:
    projeto.gateway.esquecer_pedidos()
    loja = _loja(projeto, tmp_path, via)
    _conferir_arquivos(loja)
    pedidos = Counter(
        (p.pedido.tabela, p.pedido.consulta)
        for p in projeto.gateway.pedidos
        if p.pedido.metodo == "GET" and p.pedido.tabela in TABELAS and "xmin" in p.pedido.consulta
    )
    assert all(vezes <= 2 for vezes in pedidos.values()), "a página estranha foi pedida de novo"
    conferido = executar(None, loja.destino, "verificar")
    assert (conferido.codigo, "nenhum dano" in conferido.saida) == (0, True), conferido.tudo
    antes = loja.impressoes()
    igual = loja.direto("--simular", dono=DONO)
    assert igual.codigo == 0, igual.tudo
    assert loja.impressoes() == antes


def test_exportado_importado_em_csv_e_ensaiado(
    projeto: SupabaseLocal, criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """E tirado pela API com um corte na resposta, que se distingue de um valor estranho: o que
    chega cortado é pedido de novo (só ela tem páginas)."""
    with projeto.gateway.com_falha(CorpoEncurtado(), tabela="bilhetes", vezes=2) as regra:
        loja = _loja(projeto, tmp_path, API)
    assert regra.disparos == 2
    _conferir_arquivos(loja)
    zip_, outra = tmp_path / "x.zip", tmp_path / "outra"
    for argumentos in (
        ("exportar", DONO, str(zip_)),
        ("exportar", DONO, str(tmp_path / "csv.zip"), "--formato", "csv"),
    ):
        saida = executar(None, loja.destino, *argumentos)
        assert saida.codigo == 0, saida.tudo
    saida = executar(None, outra, "importar", str(zip_))
    assert saida.codigo == 0, saida.tudo
    salvos = conteudo(ultimo_backup(outra, DONO))
    assert {t: salvos[t] for t in TABELAS} == {t: _esperado(projeto, t, DONO) for t in TABELAS}
    with zipfile.ZipFile(tmp_path / "csv.zip") as csv:
        (nome,) = (n for n in csv.namelist() if n.endswith("/bilhetes.csv"))
        folha = csv.read(nome).decode("utf-8-sig")
    assert r'"{""emoji"":""\ud83d""}"' in folha
    assert r'"""\ud83d"""' in folha
    de_teste = {"ENSAIO_DB_URL": criar_supabase.cluster.uri(criar_supabase.banco(VAZIO))}
    ensaio = executar(None, loja.destino, "ensaiar", "--empresa", DONO, mais=de_teste)
    assert ensaio.codigo == 0, ensaio.tudo


def _acidente(loja: Loja) -> None:
    """Linhas apagadas, mudadas e a mais, nas da empresa e só nelas."""
    loja.sql(
        *(
            f"DELETE FROM {t} WHERE user_id = '{DONO}' AND dados::text LIKE '%ud83d%'"
            for t in TABELAS
        ),
        *(
            f"UPDATE {t} SET nota = 'x', dados = '1' WHERE user_id = '{DONO}' AND dados IS NOT NULL"
            for t in TABELAS
        ),
        f"UPDATE bilhetes SET cheia = '{{}}' WHERE user_id = '{DONO}'",
        rf"""INSERT INTO bilhetes VALUES (50, '{DONO}', 'a mais', '"\udead"', '{FUNDO}')""",
        rf"""INSERT INTO soltos VALUES ('{DONO}', 'a mais', '"\udead"')""",
    )


def test_pela_via_direta_tudo_volta_byte_a_byte(projeto: SupabaseLocal, tmp_path: Path) -> None:
    loja = _loja(projeto, tmp_path, DIRETA)
    antes = loja.impressoes()
    _acidente(loja)
    estragado = loja.impressoes()
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert loja.impressoes() == antes
    desfeita = loja.restaurar("desfazer", "--empresa", DONO, "--confirmar", "RESTAURAR")
    assert desfeita.codigo == 0, desfeita.tudo
    assert loja.impressoes() == estragado


def test_pela_api_o_que_ela_nao_escreve_e_dito_antes_e_o_resto_volta(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Mais linhas destas do que as recusas que fazem desistir de uma tabela."""
    loja = Loja(projeto, tmp_path / "b", API)
    # Um null de JSON também não vai pela API, e é outra história (ver test_exata e via/api/formas).
    loja.sql(*(f"DELETE FROM {t} WHERE dados::text = 'null'" for t in TABELAS))
    muitas = f"""INSERT INTO bilhetes SELECT n, '{DONO}', 'n', NULL, '"\\ud83d"'
        FROM generate_series(1000, 1030) n"""
    loja.sql(muitas)
    assert loja.copiar("--empresa", DONO).codigo == 0
    antes = loja.impressoes()
    quase = _linhas_do_dono(projeto)
    loja.sql("UPDATE bilhetes SET nota = 'x', dados = '1', cheia = '1' WHERE id = 2")
    _acidente(loja)
    loja.sql(f"DELETE FROM bilhetes WHERE user_id = '{DONO}' AND id > 900")
    estragado = loja.impressoes()
    recusada = loja.direto(dono=DONO)
    assert recusada.codigo == 8, recusada.tudo
    assert "de bilhetes com um json que a API não leva ao banco" in recusada.saida
    assert "A conexão direta leva (SUPABASE_DB_URL)." in recusada.tudo
    assert loja.impressoes() == estragado
    aceita = loja.direto("--aceitar", "registros", dono=DONO)
    assert aceita.codigo == NEM_TUDO_COMO_ERA, aceita.tudo
    assert "⚠️ CONCLUÍDA EM PARTE" in aceita.saida
    assert alheias(loja.impressoes(), DONO) == alheias(antes, DONO)
    for tabela, linhas in _linhas_do_dono(projeto).items():
        faltam = [linha for linha in quase[tabela] if linha not in linhas]
        assert faltam, "nada ficou por voltar: este teste já não prova nada"
        assert all(indizivel(linha.encode()) for linha in faltam)
        a_mais = [linha for linha in linhas if linha not in quase[tabela]]
        # A que existe, e cujo json a API não devolve: o resto dela voltou.
        do_resto = [(1, "n")] if tabela == "bilhetes" else []
        assert [(json.loads(li)["dados"], json.loads(li)["nota"]) for li in a_mais] == do_resto
    pela_direta = Loja(projeto, loja.destino, DIRETA).direto(dono=DONO)
    assert pela_direta.codigo == 0, pela_direta.tudo
    assert loja.impressoes() == antes


def _linhas_do_dono(projeto: SupabaseLocal) -> dict[str, list[str]]:
    onde = f"user_id = '{DONO}'"
    return {t: [li.decode() for li in linhas_do_banco(projeto, t, onde)] for t in TABELAS}


def test_sem_chave_o_null_de_json_fica_de_fora_e_o_resto_volta(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Entraria como nulo, e a linha pareceria outra: uma a mais e uma a menos, para sempre."""
    loja = _loja(projeto, tmp_path, API)
    antes, quase = loja.impressoes(), _linhas_do_dono(projeto)["soltos"]
    loja.sql(f"DELETE FROM soltos WHERE user_id = '{DONO}' AND dados::text NOT LIKE '%ud83d%'")
    dela = ("--tabelas", "soltos")
    recusada = loja.direto(*dela, dono=DONO)
    assert recusada.codigo == 8, recusada.tudo
    assert r"1 registro de soltos com um json que a API não leva ao banco" in recusada.saida
    aceita = loja.direto(*dela, "--aceitar", "registros", dono=DONO)
    assert aceita.codigo == NEM_TUDO_COMO_ERA, aceita.tudo
    assert "⚠️ CONCLUÍDA EM PARTE" in aceita.saida
    agora = _linhas_do_dono(projeto)["soltos"]
    assert [li for li in quase if li not in agora] == [li for li in quase if "null" in li]
    assert [li for li in agora if li not in quase] == []
    pela_direta = Loja(projeto, loja.destino, DIRETA).direto(*dela, dono=DONO)
    assert pela_direta.codigo == 0, pela_direta.tudo
    assert loja.impressoes() == antes
