"""Quem edita enquanto se restaura não perde nada: toda edição fica no banco ou numa foto.

Uma coluna por tipo, e em cada linha a edição é na própria coluna que a restauração muda: é a que se
perderia. Na suíte, uma centena de linhas, com um gatilho ou sem, e os nomes dos tipos de hoje ou os
de antes; `python3 tests/campanhas` faz as 1.234 (CAMPANHA=1), de todos os modos.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from apoio.campanha import CAMPANHA, amostra
from apoio.execucao import PACIENCIA, conteudo, linhas_do_arquivo, metadados
from apoio.impressoes import diferencas
from apoio.loja import DURANTE, PRE, Loja, antes_de, quer_gravar
from apoio.lojinha import DONO, VIZINHA
from apoio.procurador import Destino, procurador
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.falhas import Falha, Pedido, Resposta, Seguir
from supabase_local.servidores.servidor import SupabaseLocal

LINHAS = 1234 if CAMPANHA else 128
MUITAS = 2500 if CAMPANHA else 400

# De cada tipo: como estava no backup, o estrago e a edição (com o número da linha em {n}); a edição
# nunca é o próprio estrago, que seria gravar por cima o que já lá estava.
TIPOS = {
    "smallint": ("1", "2", "1000 + {n}"),
    "integer": ("1", "2", "1000 + {n}"),
    "bigint": ("9007199254740993", "2", "1000 + {n}"),
    "numeric(30,15)": ("1.5", "2.25", "{n}.123456789012345"),
    "real": ("0.1", "0.2", "{n}"),
    "double precision": ("'NaN'", "0.2", "{n}"),
    "boolean": ("true", "NULL", "false"),
    "text": ("'curto'", "''", "'editado {n}'"),
    "text COLLATE \"C\"": ("repeat('longo ', 200)", "repeat('outro ', 200)", "repeat('{n} ', 300)"),
    "varchar(40)": ("'a'", "'b'", "'editado {n}'"),
    "char(12)": ("'a'", "'b'", "'{n}'"),
    "uuid": ("md5('a')::uuid", "md5('b')::uuid", "md5('{n}')::uuid"),
    "date": ("'2024-01-31'", "'infinity'", "date '2000-01-01' + {n}"),
    "time": ("'10:00'", "'11:00'", "time '00:00' + {n} * interval '1 s'"),
    "timetz": ("'10:00+03'", "'11:00+03'", "'10:00:01.{n}+03'"),
    "timestamp": ("'2024-01-01'", "'-infinity'", "timestamp '2000-01-01' + {n} * interval '1 s'"),
    "timestamptz": ("'2024-01-01 00:00:00.123456+00'", "'2024-01-02+00'", "now() + {n} * '1 s'"
                    "::interval"),
    "interval": ("'1 mon'", "'2 mon'", "{n} * interval '1 s'"),
    "json": ("'{{\"a\": 1,\n \"a\":2}}'", "'[]'", "'{{\"editado\":  {n}}}'"),
    "jsonb": ("'{{\"a\": 1}}'", "'[]'", "'{{\"editado\": {n}}}'"),
    "bytea": ("'\\x00ff'", "'\\x01'", "decode(md5('{n}'), 'hex')"),
    "text[]": ("'{{a,NULL}}'", "'{{}}'", "ARRAY['{n}']"),
    "integer[]": ("'{{1,2}}'", "'{{3}}'", "ARRAY[{n}]"),
    "cor": ("'azul'", "'verde'", "'roxo'"),
    "par": ("'(1,a)'", "'(2,b)'", "ROW({n},'c')::par"),
    "inet": ("'10.0.0.1'", "'10.0.0.2'", "inet '10.1.0.0' + {n}"),
    "int8range": ("'[1,2)'", "'[2,3)'", "int8range({n}, {n} + 5)"),
    "point": ("'(1,2)'", "'(3,4)'", "point({n}, 0)"),
    "bit(16)": ("B'0000000000000001'", "B'0000000000000010'", "{n}::bit(16)"),
    "tsvector": ("'a'", "'b'", "'n{n}'"),
    "money": ("'1'", "'2'", "{n}::money"),
    "\"char\"": ("'a'", "'b'", "'c'"),
}  # fmt: skip
COLUNAS = [f"c{i}" for i in range(len(TIPOS))]
DUAS_EMPRESAS = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    GRANT ALL ON empresas TO service_role;
    INSERT INTO empresas VALUES ('aaaa1111-eeee-4000-8000-000000000001', '{DONO}', 'Padaria'),
        ('bbbb2222-eeee-4000-8000-000000000002', '{VIZINHA}', 'Vizinha');
"""
ESQUEMA = f"""
    CREATE TYPE cor AS ENUM ('azul', 'verde', 'roxo');
    CREATE TYPE par AS (n int, t text);
    CREATE TABLE fichas (id integer PRIMARY KEY, user_id uuid NOT NULL,
        {", ".join(f"{c} {t}" for c, t in zip(COLUNAS, TIPOS, strict=True))});
    CREATE TABLE avulsas (LIKE fichas);
    ALTER TABLE avulsas DROP COLUMN id, ADD COLUMN n integer;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
    {DUAS_EMPRESAS}
    INSERT INTO fichas (id, user_id, c7) VALUES (1000000, '{VIZINHA}', 'da vizinha');
    INSERT INTO avulsas (user_id, c7) VALUES ('{VIZINHA}', 'da vizinha'), ('{DONO}', 'fica');
"""
COM_GATILHO = """
    ALTER TABLE fichas ADD COLUMN updated_at timestamptz DEFAULT '2024-01-01';
    CREATE FUNCTION carimbar() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
    CREATE TRIGGER carimbar BEFORE UPDATE ON fichas FOR EACH ROW EXECUTE FUNCTION carimbar();
"""


def inserir(tabela: str, linhas: int, qual: int = 0) -> str:
    """Uma linha por número, cada uma com um valor na coluna de um tipo: o do backup, ou outro."""
    chave = "id" if tabela == "fichas" else "n"
    comandos = []
    for n in range(linhas):
        i = n % len(TIPOS)
        valor = list(TIPOS.values())[i][qual].format(n=n)
        colunas = f"({chave}, user_id, {COLUNAS[i]})"
        comandos.append(f"INSERT INTO {tabela} {colunas} VALUES ({n}, '{DONO}', {valor})")
    return ";".join(comandos)


def mudar(n: int, qual: int, tabela: str = "fichas", numero: int | None = None) -> str:
    """Dá à linha n (ou à de outro `numero`) o estrago (1) ou a edição (2) do tipo da n."""
    i = n % len(TIPOS)
    chave, linha = "id" if tabela == "fichas" else "n", n if numero is None else numero
    valor = list(TIPOS.values())[i][qual].format(n=n)
    return (
        f"UPDATE {tabela} SET {COLUNAS[i]} = {valor} WHERE {chave} = {linha} AND user_id = '{DONO}'"
    )


def muitas(qual: int, linhas: int, tabela: str = "fichas") -> str:
    return ";".join(mudar(n, qual, tabela) for n in range(linhas))


@dataclass(slots=True)
class Edicoes:
    """O que alguém gravou enquanto se restaurava: cada linha, como ficou, em bytes de JSON."""

    projeto: SupabaseLocal
    linhas: dict[str, set[bytes]]

    @classmethod
    def no(cls, projeto: SupabaseLocal) -> Edicoes:
        return cls(projeto, {"fichas": set(), "avulsas": set()})

    def editar(self, tabela: str, *comandos: str) -> None:
        """Cada comando numa transação; um que não espera ninguém por mais de dois segundos."""
        with psycopg.connect(self.projeto.uri_admin, autocommit=True) as banco:
            banco.execute("SET timezone = 'UTC'; SET lock_timeout = '2s'")
            for comando in comandos:
                devolver = f"{comando} RETURNING row_to_json({tabela}.*)::text"
                with contextlib.suppress(psycopg.errors.LockNotAvailable):
                    achadas = banco.execute(devolver.encode()).fetchall()
                    self.linhas[tabela] |= {linha.encode() for (linha,) in achadas}

    def perdidas(self, loja: Loja) -> dict[str, set[bytes]]:
        """As que não estão no banco nem em foto nenhuma."""
        return {
            tabela: linhas - _no_banco(self.projeto, tabela) - _nas_fotos(loja, tabela)
            for tabela, linhas in self.linhas.items()
        }


def _no_banco(projeto: SupabaseLocal, tabela: str) -> set[bytes]:
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        banco.execute("SET timezone = 'UTC'")
        consulta = f"SELECT row_to_json(t.*)::text FROM {tabela} t"
        return {linha.encode() for (linha,) in banco.execute(consulta.encode()).fetchall()}


def _nas_fotos(loja: Loja, tabela: str) -> set[bytes]:
    fotos = [*loja.backups(PRE, DONO), *loja.backups(DURANTE, DONO)]
    return {linha for foto in fotos for linha in linhas_do_arquivo(foto, tabela)}


@dataclass(frozen=True, slots=True)
class Mesa:
    """Um projeto com as fichas e as avulsas, ou só com outras tabelas, e um depósito com o backup
    de antes: o do mesmo projeto, que um teste já fez, se há."""

    criar: FabricaDeSupabase
    pasta: Path
    feitos: dict[object, Path]

    def __call__(
        self, *sql: str, linhas: int = len(TIPOS), via: str = API, de_hoje: bool | None = None
    ) -> Loja:
        dados = (inserir("fichas", linhas), inserir("avulsas", len(TIPOS)))
        return self._com_backup((ESQUEMA, *dados, *sql), via, de_hoje)

    def so_com(self, *sql: str, de_hoje: bool | None = None) -> Loja:
        """Sem fichas nem avulsas."""
        return self._com_backup((DUAS_EMPRESAS, *sql), API, de_hoje)

    def _com_backup(self, sql: tuple[str, ...], via: str, de_hoje: bool | None) -> Loja:
        loja = Loja(self.criar(VAZIO, sql=sql, de_hoje=de_hoje), self.pasta / "backups", via)
        feito = self.feitos.get((sql, via, de_hoje))
        if feito is None:
            saida = loja.copiar("--empresa", DONO)
            assert saida.codigo == 0, saida.tudo
            guardado = self.pasta.with_name(f"{self.pasta.name}_guardado")
            self.feitos[sql, via, de_hoje] = shutil.copytree(loja.destino, guardado)
        else:
            shutil.copytree(feito, loja.destino)
        return loja


@pytest.fixture(scope="module")
def backups_feitos() -> dict[object, Path]:
    """Os que os testes deste arquivo já fizeram, pelo que os distingue."""
    return {}


@pytest.fixture
def mesa(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, backups_feitos: dict[object, Path]
) -> Mesa:
    return Mesa(criar_supabase, tmp_path, backups_feitos)


@pytest.fixture
def pequenas(mesa: Mesa) -> Loja:
    """Só as tabelas em que uma linha não se distingue bem de outra, e a que um gatilho refaz."""
    return mesa.so_com(HERANCA, PELA_MAE, GEMEAS, SO_DA_MAE, SALDOS)


@contextlib.contextmanager
def com_gatilho(loja: Loja, nome: str, sql: str) -> Iterator[None]:
    """Um gatilho das fichas, e a função dele, que no fim saem: o projeto serve a outro teste."""
    loja.sql(sql)
    yield
    loja.sql(f"DROP TRIGGER {nome} ON fichas; DROP FUNCTION {nome}")


# -- no último momento -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metodos", "de_hoje"),
    [((metodo,), de_hoje) for metodo in ("POST", "PATCH", "DELETE") for de_hoje in (True, False)]
    if CAMPANHA
    else [(("POST", "DELETE"), True), (("PATCH",), False)],
    ids=str,
)
def test_a_edicao_do_ultimo_momento_fica_numa_foto(
    mesa: Mesa, metodos: tuple[str, ...], de_hoje: bool
) -> None:
    """Um instante antes de a primeira escrita de uma tabela chegar ao banco, alguém edita as linhas
    que ela e as seguintes mudariam ou apagariam, com chave e sem. Na suíte, umas antes da primeira
    que repõe, e as outras antes da primeira que apaga."""
    loja = mesa(de_hoje=de_hoje)
    antes = antes_de(loja, DONO)
    a_mais = f"INSERT INTO {{}} SELECT * FROM {{}} WHERE user_id = '{DONO}'"
    loja.sql(
        muitas(1, len(TIPOS)),
        "CREATE TEMP TABLE outras AS SELECT * FROM fichas;"
        f"UPDATE outras SET id = id + 1000; {a_mais.format('fichas', 'outras')}",
        f"UPDATE avulsas SET n = n + 1000 WHERE n >= 0; {inserir('avulsas', len(TIPOS))}",
        "DELETE FROM fichas WHERE id IN (0, 3)",
    )
    edicoes = Edicoes.no(loja.projeto)
    with contextlib.ExitStack() as esperas:
        for qual, metodo in enumerate(metodos):
            numeros = range(qual, len(TIPOS), len(metodos))
            editar = functools.partial(_editar_a_tempo, edicoes, numeros)
            esperas.enter_context(
                loja.projeto.gateway.ao_pedir(
                    editar, metodo=metodo, tabela="fichas", se=quer_gravar
                )
            )
        saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert len(edicoes.linhas["fichas"]) >= 2 * len(TIPOS) - 2
    assert len(edicoes.linhas["avulsas"]) == len(TIPOS)
    assert edicoes.perdidas(loja) == {"fichas": set(), "avulsas": set()}
    antes.conferir()


def _editar_a_tempo(edicoes: Edicoes, numeros: range, _pedido: Pedido, vez: int) -> None:
    """Antes do primeiro destes pedidos."""
    if vez == 1:
        fichas = [mudar(n, 2, numero=n + mais) for n in numeros for mais in (0, 1000)]
        edicoes.editar("fichas", *fichas)
        edicoes.editar("avulsas", *(mudar(n, 2, "avulsas", numero=n + 1000) for n in numeros))


def test_a_edicao_do_ultimo_momento_pela_via_direta(mesa: Mesa) -> None:
    """Entre a foto de dentro da transação e o UPDATE."""
    loja = mesa(via=DIRETA)
    antes = antes_de(loja, DONO)
    loja.sql(muitas(1, len(TIPOS)))
    edicoes = Edicoes.no(loja.projeto)
    feito = threading.Event()

    def editar(dados: bytes) -> Destino:
        if b"UPDATE" in dados and b'"fichas"' in dados and not feito.is_set():
            feito.set()
            edicoes.editar("fichas", *(mudar(n, 2) for n in range(len(TIPOS))))
        return Destino.PASSAR

    cluster = loja.projeto.cluster
    with procurador(cluster.porta, editar) as porta:
        url = loja.projeto.uri_banco.replace(f":{cluster.porta}/", f":{porta}/")
        desvio = replace(loja, projeto=_com_banco(loja.projeto, url))
        saida = desvio.direto(dono=DONO)
    assert feito.is_set()
    assert len(edicoes.linhas["fichas"]) == len(TIPOS)
    assert edicoes.perdidas(loja) == {"fichas": set(), "avulsas": set()}
    assert saida.codigo in (0, 7), saida.tudo
    antes.conferir_outras()


def _com_banco(projeto: SupabaseLocal, url: str) -> SupabaseLocal:
    """O mesmo projeto, com o banco noutro endereço."""
    outro = copy.copy(projeto)
    outro.uri_banco = url
    return outro


# -- a loja que segue gravando -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "gatilho"),
    [
        pytest.param(via, gatilho, id=f"{via}-{'com updated_at' if gatilho else 'sem'}")
        for via in (API, DIRETA)
        for gatilho in ([COM_GATILHO, ""] if CAMPANHA else [COM_GATILHO if via == API else ""])
    ],
    indirect=["via"],
)
def test_a_loja_que_segue_gravando_nao_perde_edicao_nenhuma(
    mesa: Mesa, via: str, gatilho: str
) -> None:
    loja = mesa(gatilho, linhas=LINHAS, via=via)
    antes = antes_de(loja, DONO)
    loja.sql(muitas(1, LINHAS))
    edicoes = Edicoes.no(loja.projeto)
    with _loja_aberta(loja, edicoes):
        saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert len(edicoes.linhas["fichas"]) == LINHAS
    perdidas = edicoes.perdidas(loja)["fichas"]
    assert perdidas == set(), f"{len(perdidas)} de {LINHAS}"
    antes.conferir_outras()


@contextlib.contextmanager
def _loja_aberta(loja: Loja, edicoes: Edicoes) -> Iterator[None]:
    """Alguém que edita cada linha uma vez, salteadas, enquanto se restaura."""
    numeros = [n * 577 % LINHAS for n in range(LINHAS)]
    assert len(set(numeros)) == LINHAS

    def gravar() -> None:
        while not loja.backups(PRE, DONO):
            time.sleep(0.01)
        with psycopg.connect(loja.projeto.uri_admin, autocommit=True) as banco:
            banco.execute("SET timezone = 'UTC'")
            for n in numeros:
                comando = f"{mudar(n, 2)} RETURNING row_to_json(fichas.*)::text"
                edicoes.linhas["fichas"] |= {
                    linha.encode() for (linha,) in banco.execute(comando.encode()).fetchall()
                }

    fio = threading.Thread(target=gravar)
    fio.start()
    try:
        yield
    finally:
        fio.join(PACIENCIA)
        assert not fio.is_alive()


# -- a guarda ----------------------------------------------------------------------------------


def test_quem_estava_com_a_linha_na_mao_nao_perde_o_que_gravou(mesa: Mesa) -> None:
    """O PATCH espera a trava de uma edição que ainda não terminou: quando ela termina, a linha já é
    outra."""
    loja = mesa()
    loja.sql(muitas(1, len(TIPOS)))
    edicoes = Edicoes.no(loja.projeto)
    presas = threading.Event()

    def prender(_pedido: Pedido, vez: int) -> None:
        if vez == 1:
            threading.Thread(target=segurar).start()
            assert presas.wait(PACIENCIA)

    def segurar() -> None:
        with psycopg.connect(loja.projeto.uri_admin) as banco:
            banco.execute("SET timezone = 'UTC'")
            for n in range(len(TIPOS)):
                comando = f"{mudar(n, 2)} RETURNING row_to_json(fichas.*)::text"
                achadas = banco.execute(comando.encode()).fetchall()
                edicoes.linhas["fichas"] |= {linha.encode() for (linha,) in achadas}
            presas.set()
            _esperar_uma_trava(loja.projeto)

    with loja.projeto.gateway.ao_pedir(prender, metodo="PATCH", tabela="fichas"):
        saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert edicoes.perdidas(loja)["fichas"] == set()


def _esperar_uma_trava(projeto: SupabaseLocal) -> None:
    """Até que alguém espere por nós."""
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        for _ in range(int(PACIENCIA / 0.01)):
            (espera,) = banco.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            ).fetchone() or (0,)
            if espera:
                return
            time.sleep(0.01)
    raise AssertionError("ninguém esperou")


class SemXmin(Falha):
    """Um servidor que não diz a versão das linhas que se leem por chave."""

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        resposta = await (await seguir(pedido)).inteira()
        return replace(resposta, corpo=re.sub(rb',"xmin":"\d+"', b"", resposta.bytes))


def _releitura(pedido: Pedido) -> bool:
    pedidas = pedido.parametros.get("select", "")
    return pedidas.startswith("*,xmin") and "id" in pedido.parametros


def test_sem_a_versao_nada_se_muda_e_diz_qual_linha(mesa: Mesa) -> None:
    loja = mesa()
    de_antes = antes_de(loja, DONO)
    loja.sql(mudar(3, 1))
    antes = loja.impressoes()
    regra = loja.projeto.gateway.com_falha(SemXmin(), tabela="fichas", se=_releitura, vezes=None)
    with regra as contada:
        saida = loja.direto(dono=DONO)
    assert contada.disparos > 1, "a próxima foto tentou de novo"
    assert saida.codigo == 7, saida.tudo
    assert (
        "   ❌ 1 registro de fichas não voltou ao que era: o servidor não diz a versão (xmin) dos"
        " registros de fichas, e sem ela não se sabe se alguém os mudou: ficam como estão\n"
        "      • id 3\n"
        "      A conexão direta (SUPABASE_DB_URL) não precisa dela.\n"
    ) in saida.saida, saida.tudo
    assert loja.impressoes() == antes
    depois = loja.direto(dono=DONO)
    assert depois.codigo == 0, depois.tudo
    de_antes.conferir()


TOCAR_AS_OUTRAS = """
    CREATE FUNCTION tocar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE fichas SET id = id WHERE user_id = NEW.user_id AND id <> NEW.id; RETURN NULL;
    END $$;
    CREATE TRIGGER tocar AFTER UPDATE ON fichas FOR EACH ROW
        WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tocar();
"""
FINGIR = """
    CREATE FUNCTION fingir() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER fingir BEFORE UPDATE ON fichas FOR EACH ROW EXECUTE FUNCTION fingir();
"""


def test_a_linha_que_um_gatilho_so_tocou_ainda_e_a_da_foto(mesa: Mesa) -> None:
    """Cada alteração dá outra versão a todas as linhas: nem por isso é preciso outra passada."""
    loja = mesa()
    antes = antes_de(loja, DONO)
    loja.sql(*(mudar(n, 1) for n in range(len(TIPOS))))
    with com_gatilho(loja, "tocar", TOCAR_AS_OUTRAS):
        saida = loja.direto("--conexoes", "1", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert len(loja.diarios()[0]["passadas"]) == 1
    antes.conferir()


def test_gatilho_que_finge_alterar_e_dito_sem_insistir(mesa: Mesa) -> None:
    loja = mesa()
    loja.sql(mudar(3, 1))
    with com_gatilho(loja, "fingir", FINGIR):
        saida = loja.direto(dono=DONO)
    assert saida.codigo == 7, saida.tudo
    assert "o banco não altera registros de fichas" in saida.saida
    assert len(loja.diarios()[0]["passadas"]) <= 2


SALDOS = f"""
    CREATE TABLE extrato (id int PRIMARY KEY, user_id uuid NOT NULL, valor int, saldo int);
    GRANT ALL ON extrato TO service_role;
    INSERT INTO extrato SELECT n, '{DONO}', n, n * (n + 1) / 2 FROM generate_series(1, 30) n;
    CREATE FUNCTION saldar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE extrato e SET saldo = s.soma FROM (SELECT id, sum(valor) OVER (ORDER BY id) AS soma
            FROM extrato WHERE user_id = NEW.user_id) s
            WHERE s.id = e.id AND e.saldo IS DISTINCT FROM s.soma;
        RETURN NULL; END $$;
    CREATE TRIGGER saldar AFTER UPDATE OF valor ON extrato
        FOR EACH ROW EXECUTE FUNCTION saldar();
"""


def test_um_gatilho_que_refaz_os_saldos_nao_impede_a_volta(pequenas: Loja) -> None:
    """Cada alteração muda outra coluna de todas as linhas seguintes: o que se repõe é só a que
    ainda tem o que a foto viu."""
    loja = pequenas
    antes = antes_de(loja, DONO)
    loja.sql("UPDATE extrato SET valor = valor + 10")
    saida = loja.direto("--tabelas", "extrato", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert len(loja.diarios()[0]["passadas"]) <= 3
    assert "não voltou" not in saida.saida
    antes.conferir()


@dataclass(slots=True)
class SemEfeitoEEdita(Falha):
    """O servidor falha sem fazer nada, e alguém edita a linha antes da nova tentativa."""

    editar: Callable[[], None]

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        await asyncio.to_thread(self.editar)
        return Resposta(503, (("Content-Type", "text/plain"),), b"fora do ar")


def test_editada_entre_uma_falha_e_a_nova_tentativa(mesa: Mesa) -> None:
    """A nova tentativa não acha a linha naquela versão: não é que a primeira a tenha mudado, ou
    apagado."""
    loja = mesa()
    antes = antes_de(loja, DONO)
    loja.sql(mudar(3, 1), f"INSERT INTO fichas (id, user_id, c3) VALUES (2003, '{DONO}', 1)")
    edicoes = Edicoes.no(loja.projeto)
    with contextlib.ExitStack() as falhas:
        for metodo, numero in (("PATCH", 3), ("DELETE", 2003)):
            editar = functools.partial(edicoes.editar, "fichas", mudar(3, 2, numero=numero))
            falhas.enter_context(
                loja.projeto.gateway.com_falha(
                    SemEfeitoEEdita(editar), metodo=metodo, tabela="fichas"
                )
            )
        saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert len(edicoes.linhas["fichas"]) == 2
    assert edicoes.perdidas(loja)["fichas"] == set()
    antes.conferir()


CICLO = f"""
    CREATE TABLE um (id int PRIMARY KEY, user_id uuid, outro_id int);
    CREATE TABLE outro (id int PRIMARY KEY, user_id uuid, um_id int REFERENCES um);
    ALTER TABLE um ADD FOREIGN KEY (outro_id) REFERENCES outro;
    GRANT ALL ON um, outro TO service_role;
    INSERT INTO um VALUES (1, '{DONO}', NULL); INSERT INTO outro VALUES (1, '{DONO}', 1);
    UPDATE um SET outro_id = 1;
"""


def test_um_ciclo_volta_num_banco_que_ganhou_uma_ligacao_depois_do_backup(mesa: Mesa) -> None:
    loja = mesa.so_com(CICLO)
    loja.sql(
        "ALTER TABLE um ADD categoria int REFERENCES outro",
        "UPDATE um SET outro_id = NULL; DELETE FROM outro; DELETE FROM um",
    )
    loja.projeto.recarregar_esquema()
    saida = loja.direto("--tabelas", "um,outro", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert loja.valor("SELECT array_agg((outro_id, categoria)::text) FROM um") == ["(1,)"]


HERANCA = f"""
    CREATE TABLE notas (id int PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE notas_antigas () INHERITS (notas);
    GRANT ALL ON notas, notas_antigas TO service_role;
    INSERT INTO notas VALUES (1, '{DONO}', 'a');
    INSERT INTO notas_antigas VALUES (1, '{VIZINHA}', 'da vizinha'), (2, '{VIZINHA}', 'também');
"""


def test_a_mesma_chave_em_tabelas_herdadas_so_mexe_na_desta_empresa(pequenas: Loja) -> None:
    loja = pequenas
    todas = "SELECT array_agg(tableoid::regclass || n::text ORDER BY n::text) FROM notas n"
    eram = loja.valor(todas)
    loja.sql(
        "UPDATE ONLY notas SET nome = 'x'", f"INSERT INTO notas VALUES (2, '{DONO}', 'a mais')"
    )
    saida = loja.direto("--tabelas", "notas", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert loja.valor(todas) == eram


PELA_MAE = f"""
    CREATE TABLE pedidos (id int PRIMARY KEY, user_id uuid);
    CREATE TABLE linhas (id int PRIMARY KEY, pedido_id int REFERENCES pedidos, qtd int);
    GRANT ALL ON pedidos, linhas TO service_role;
    INSERT INTO pedidos VALUES (1, '{DONO}'), (2, '{DONO}'), (3, '{VIZINHA}');
    INSERT INTO linhas VALUES (1, 1, 10);
"""


def test_a_linha_que_passou_a_uma_mae_da_vizinha_nao_se_toca(
    pequenas: Loja,
) -> None:
    """Passou no último momento. A ligação com a mãe também mudaria: nem por isso as outras colunas
    vão."""
    loja = pequenas
    loja.sql("UPDATE linhas SET pedido_id = 2, qtd = 99")

    def passar_adiante(_pedido: Pedido, vez: int) -> None:
        if vez == 1:
            loja.sql("UPDATE linhas SET pedido_id = 3")

    releitura = loja.projeto.gateway.ao_pedir(
        passar_adiante, metodo="GET", tabela="linhas", se=_releitura
    )
    with releitura:
        saida = loja.direto("--tabelas", "linhas", dono=DONO)
    assert saida.codigo in (7, 8), saida.tudo
    assert loja.valor("SELECT array_agg(l::text) FROM linhas l") == ["(1,3,99)"]


TROCA_O_DONO = f"""
    CREATE FUNCTION trocar() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.user_id := '{VIZINHA}'; RETURN NEW; END $$;
    CREATE TRIGGER trocar BEFORE INSERT ON fichas FOR EACH ROW EXECUTE FUNCTION trocar();
"""


def test_a_que_se_soltou_so_sai_se_ninguem_a_editou(mesa: Mesa) -> None:
    """Um gatilho dá à vizinha as linhas que se repõem: são tiradas, na versão em que entraram."""
    loja = mesa()
    loja.sql("DELETE FROM fichas WHERE id IN (3, 5)")

    def antes_de_tirar(_pedido: Pedido, vez: int) -> None:
        if vez == 1:
            loja.sql("UPDATE fichas SET c7 = 'mexi nela' WHERE id = 3")

    with (
        com_gatilho(loja, "trocar", TROCA_O_DONO),
        loja.projeto.gateway.ao_pedir(antes_de_tirar, metodo="DELETE", tabela="fichas"),
    ):
        saida = loja.direto(dono=DONO)
    assert saida.codigo == 7, saida.tudo
    assert "troca user_id a cada escrita" in saida.saida
    assert loja.valor("SELECT array_agg((id, c7)::text) FROM fichas WHERE id IN (3, 5)") == [
        '(3,"mexi nela")'
    ]


# -- sem chave ---------------------------------------------------------------------------------

GEMEAS = f"""
    CREATE TABLE leituras (user_id uuid, aparelho text, dados json, marcas int[]);
    GRANT ALL ON leituras TO service_role;
    INSERT INTO leituras SELECT '{DONO}', 'balança', json_build_object('n', n), ARRAY[n]
        FROM generate_series(1, 5) n;
    INSERT INTO leituras SELECT '{VIZINHA}', 'balança', '{{"n" : 1}}', '{{1}}';
    INSERT INTO leituras SELECT '{DONO}', NULL, '{{}}', NULL FROM generate_series(1, 3);
"""


def test_sem_chave_so_sai_a_linha_pedida_nunca_a_que_se_parece(pequenas: Loja) -> None:
    """As que ficam só diferem no json, no vetor ou em nada: nem por um instante saem do banco."""
    loja = pequenas
    antes = antes_de(loja, DONO)
    onde = "SELECT array_agg(ctid ORDER BY ctid) FROM leituras"
    ficam = loja.valor(onde)
    loja.sql(
        f"INSERT INTO leituras VALUES ('{DONO}', 'balança', '{{\"n\" : 6}}', '{{6}}'),"
        f" ('{DONO}', 'balança', '{{\"n\" : 1}}', '{{1}}'), ('{DONO}', NULL, '{{}}', NULL)"
    )
    loja.projeto.gateway.esquecer_pedidos()
    saida = loja.direto("--tabelas", "leituras", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    assert {metodo for metodo, _tabela in loja.escritas()} == {"DELETE"}
    # De linhas iguais, qualquer uma pode sair.
    assert len(set(ficam) - set(loja.valor(onde))) <= 2


SO_DA_MAE = f"""
    CREATE TABLE series (serie text PRIMARY KEY, user_id uuid);
    CREATE TABLE anexos (serie text REFERENCES series, dados json);
    GRANT ALL ON series, anexos TO service_role;
    INSERT INTO series VALUES (repeat('longa ', 120), '{DONO}'), ('da vizinha', '{VIZINHA}');
    INSERT INTO anexos VALUES (repeat('longa ', 120), '{{"n": 1}}'), ('da vizinha', '{{"n": 2}}');
"""


def test_sem_chave_nem_coluna_curta_so_sai_a_linha_pedida(pequenas: Loja) -> None:
    """Não há o que pôr no filtro: a linha é procurada na tabela inteira, byte a byte."""
    loja = pequenas
    antes = antes_de(loja, DONO)
    linhas = loja.valor("SELECT array_agg(a::text ORDER BY a::text) FROM anexos a")
    loja.sql("INSERT INTO anexos VALUES (repeat('longa ', 120), '{\"n\": 2}')")
    saida = loja.direto("--tabelas", "anexos", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert loja.valor("SELECT array_agg(a::text ORDER BY a::text) FROM anexos a") == linhas
    antes.conferir()


def test_sem_chave_muitas_saem_em_poucos_pedidos(pequenas: Loja) -> None:
    loja = pequenas
    antes = antes_de(loja, DONO)
    loja.sql(
        f"INSERT INTO leituras SELECT '{DONO}', 'balança', to_json(n), ARRAY[n]"
        f" FROM generate_series(1, {MUITAS}) n"
    )
    loja.projeto.gateway.esquecer_pedidos()
    saida = loja.direto("--tabelas", "leituras", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    assert len(loja.escritas()) <= MUITAS / 5


# -- um nome só por tipo -----------------------------------------------------------------------

UNICOS = {
    "s smallint": "x",
    "i integer": "x",
    "b bigint": "x",
    "n numeric": "x",
    "u uuid": "md5(x::text)::uuid",
    "d date": "date '2024-01-01' + x",
    "h timestamptz": "timestamptz '2024-01-01' + x * interval '1 s'",
    "cnpj varchar(14)": "x",
    "t text": "x",
}
"""De cada tipo, a coluna e o valor da linha x; cada um numa tabela."""
TABELAS_DOS_UNICOS = "".join(
    f"""
    CREATE TABLE com_{coluna.split()[0]} (
        id uuid PRIMARY KEY, user_id uuid, x int, {coluna} NOT NULL UNIQUE
    );
    GRANT ALL ON com_{coluna.split()[0]} TO service_role;
    INSERT INTO com_{coluna.split()[0]}
        SELECT md5('l' || x)::uuid, '{DONO}', x, {valor} FROM generate_series(1, 4) x;
    """
    for coluna, valor in UNICOS.items()
)


@pytest.mark.parametrize("de_hoje", [True, False] if CAMPANHA else [True])
def test_valores_unicos_trocados_voltam_seja_qual_for_o_tipo(mesa: Mesa, de_hoje: bool) -> None:
    loja = mesa.so_com(TABELAS_DOS_UNICOS, de_hoje=de_hoje)
    antes = antes_de(loja, DONO)
    for coluna in (c.split()[0] for c in UNICOS):
        tabela = f"com_{coluna}"
        loja.sql(
            f"ALTER TABLE {tabela} DROP CONSTRAINT {tabela}_{coluna}_key",
            f"UPDATE {tabela} SET {coluna} = y.{coluna} FROM {tabela} y WHERE y.x = 5 - {tabela}.x",
            f"ALTER TABLE {tabela} ADD UNIQUE ({coluna})",
        )
    trocadas = set(diferencas(loja.estado(DONO), antes.estado))
    assert trocadas == {f"com_{c.split()[0]}" for c in UNICOS}
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


def test_backups_de_antes_e_de_depois_de_atualizar_o_servidor_sao_iguais(
    mesa: Mesa, criar_supabase: FabricaDeSupabase
) -> None:
    """Os nomes que o servidor dá aos tipos mudam; o que se guarda e o que se compara, não."""
    antiga = mesa(TABELAS_DOS_UNICOS, de_hoje=False)
    nova = replace(antiga, projeto=criar_supabase.sobre(antiga.projeto.banco, de_hoje=True))
    assert nova.copiar("--empresa", DONO).codigo == 0
    um, outro = metadados(antiga.destino)
    assert conteudo(um) == conteudo(outro)
    for tabela in um["tabelas"]:
        velha, recente = (_sem_arquivos(feito["tabelas"][tabela]) for feito in (um, outro))
        assert velha == recente
    assert any("textos" in t for t in um["tabelas"].values())
    direta = replace(nova, via=DIRETA)
    assert direta.copiar("--empresa", DONO).codigo == 0
    assert (
        metadados(antiga.destino)[-1]["tabelas"]["fichas"]["colunas"]
        == (um["tabelas"]["fichas"]["colunas"])
    )


def _sem_arquivos(tabela: dict[str, Any]) -> dict[str, Any]:
    """Sem os nomes dos arquivos (o dela e o dos textos), que dizem a hora do backup."""
    textos = {"textos": {**tabela["textos"], "arquivo": ""}} if "textos" in tabela else {}
    return {**tabela, "arquivo": "", **textos}


def test_um_backup_antigo_com_outro_nome_do_tipo_volta(mesa: Mesa) -> None:
    """Quem o fez chamava assim a chave: a ordem e a comparação são as mesmas."""
    loja = mesa()
    antes = antes_de(loja, DONO)
    (backup,) = metadados(loja.destino)
    (caminho,) = backup["pasta"].glob("backup_metadata_*.json")
    documento = json.loads(caminho.read_text(encoding="utf-8"))
    inteiros = [c for c in documento["tabelas"]["fichas"]["colunas"] if c["tipo"] == "integer"]
    assert "id" in [c["nome"] for c in inteiros]
    for nome in amostra(("int4", "smallint", "integer", "int32"), 2):
        for coluna in inteiros:
            coluna["tipo"] = nome
        caminho.write_text(json.dumps(documento), encoding="utf-8")
        assert loja.copiar("verificar").codigo == 0
        loja.sql(muitas(1, len(TIPOS)), "DELETE FROM fichas WHERE id IN (2, 5)")
        qual = caminho.stem.removeprefix("backup_metadata_")
        saida = loja.direto("--backup", qual, dono=DONO)
        assert saida.codigo == 0, (nome, saida.tudo)
        antes.conferir()
