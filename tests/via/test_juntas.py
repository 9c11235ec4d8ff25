"""Empresas lidas juntas e tabelas lidas em partes: os mesmos bytes que uma a uma."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from apoio.campanha import CAMPANHA, amostra
from apoio.execucao import conteudo, executar, linhas_do_arquivo, metadados, ultimo_backup
from apoio.grande import CONCEDER, DONO, EMPRESAS, GRANDE, ORDENS, no_banco
from apoio.impressoes import executar_sql
from apoio.lojinha import DONO as PADARIA
from apoio.lojinha import LOJINHA
from apoio.retrato import fotografo
from apoio.servidores import LOJA, VAZIO, FabricaDeSupabase
from cofre.via.api import serie
from cofre.via.contrato import EMPRESAS_JUNTAS
from supabase_local.servidores.falhas import Pedido
from supabase_local.servidores.servidor import SupabaseLocal

ESQUEMA = """
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE produtos (id uuid PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE vendas (id bigint PRIMARY KEY, user_id uuid, total numeric);
    CREATE TABLE vendas_itens (
        venda_id bigint REFERENCES vendas, n int, user_id uuid, PRIMARY KEY (venda_id, n)
    );
    CREATE TABLE notas (id text PRIMARY KEY, empresa_id uuid REFERENCES empresas, dados json);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""


def dono(n: int) -> str:
    return f"{n:08x}-0000-4000-8000-00000000000a"


def empresas(quantas: int) -> str:
    """Empresas com linhas intercaladas por chave; itens que só a venda diz de quem são; uma linha
    de uma empresa que cita outra num elo que vem depois."""
    return (
        ESQUEMA
        + f"""
        INSERT INTO empresas SELECT ('00000000-1111-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
            (lpad(to_hex(n), 8, '0') || '-0000-4000-8000-00000000000a')::uuid,
            'Empresa ' || lpad(n::text, 3, '0') FROM generate_series(1, {quantas}) n;
        INSERT INTO produtos SELECT md5(e.nome || i)::uuid, e.user_id, 'P' || i
            FROM empresas e, generate_series(1, 3) i;
        INSERT INTO vendas SELECT i * 1000 + row_number() OVER (ORDER BY e.nome), e.user_id, i / 3.0
            FROM empresas e, generate_series(1, 3) i;
        INSERT INTO vendas_itens SELECT v.id, i, CASE WHEN i = 1 THEN v.user_id END
            FROM vendas v, generate_series(1, 2) i;
        INSERT INTO notas SELECT 'Nota ' || i || e.nome, e.id, '{{"a" :  1}}'
            FROM empresas e, generate_series(1, 2) i;
    """
    )


def pedidos_de_linhas(projeto: SupabaseLocal) -> Counter[str]:
    """Quantos pedidos de linhas de empresas, por tabela."""
    return Counter(
        r.pedido.tabela
        for r in projeto.gateway.pedidos
        if "xmin" in r.pedido.parametros.get("select", "") and "order" in r.pedido.parametros
    )


def uma_a_uma(projeto: SupabaseLocal, destino: Path, nomes: list[str]) -> dict[str, object]:
    for nome in nomes:
        saida = executar(projeto, destino, "--empresa", nome)
        assert saida.codigo == 0, saida.tudo
    return {m["nome"]: conteudo(m) for m in metadados(destino)}


# -- juntas ------------------------------------------------------------------------------------


def test_lidas_juntas_ou_sozinhas_dao_os_mesmos_bytes(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(empresas(EMPRESAS_JUNTAS + 3),), max_linhas=40)
    saida = executar(projeto, tmp_path / "juntas")
    assert saida.codigo == 0, saida.tudo
    juntas = {m["nome"]: conteudo(m) for m in metadados(tmp_path / "juntas")}
    assert len(juntas) == EMPRESAS_JUNTAS + 3
    escolhidas = amostra(["Empresa 013", "Empresa 001", "Empresa 025", "Empresa 028"], 2)
    sozinhas = uma_a_uma(projeto, tmp_path / "sozinhas", escolhidas)
    assert {n: juntas[n] for n in escolhidas} == sozinhas
    # E cada linha do banco está num backup, e só num.
    for tabela in ("produtos", "vendas", "vendas_itens", "notas"):
        guardadas = [
            linha for m in metadados(tmp_path / "juntas") for linha in linhas_do_arquivo(m, tabela)
        ]
        assert Counter(guardadas) == Counter(todas_do_banco(projeto, tabela))


def todas_do_banco(projeto: SupabaseLocal, tabela: str) -> list[bytes]:
    with psycopg.connect(projeto.uri_banco) as banco:
        consulta = f"SELECT convert_to(row_to_json(t)::text, 'UTF8') FROM {tabela} t"
        return [linha for (linha,) in banco.execute(consulta.encode())]


def test_a_loja_inteira_junta_e_igual_a_uma_a_uma(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(LOJA)
    assert executar(projeto, tmp_path / "juntas").codigo == 0
    juntas = {m["nome"]: conteudo(m) for m in metadados(tmp_path / "juntas")}
    assert len(juntas) == 3
    escolhidas = sorted(juntas) if CAMPANHA else ["Grupo Raval"]
    sozinhas = uma_a_uma(projeto, tmp_path / "sozinhas", escolhidas)
    assert {n: juntas[n] for n in escolhidas} == sozinhas


def test_poucos_pedidos_por_tabela(criar_supabase: FabricaDeSupabase, tmp_path: Path) -> None:
    """De uma empresa só, um para ler e um para conferir cada caminho até ela; de muitas, os
    mesmos."""
    projeto = criar_supabase(VAZIO, sql=(empresas(EMPRESAS_JUNTAS),))
    dois = {"empresas": 2, "produtos": 2, "vendas": 2, "notas": 2}
    for argumentos in (["--empresa", "Empresa 001"], []):
        projeto.gateway.esquecer_pedidos()
        assert executar(projeto, tmp_path, *argumentos).codigo == 0
        pedidos = pedidos_de_linhas(projeto)
        # Os itens têm dois caminhos: o dono na própria linha, ou a venda.
        assert pedidos == {**dois, "vendas_itens": 4}


def test_nem_a_que_muda_nem_a_de_uma_linha_estranha_custam_nada_as_outras(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    r"""Quem muda enquanto se leem várias é fotografada sozinha. E um `json` pode ter o que não é
    texto (\ud800): guarda-se como está, e as outras também."""
    ruim = """UPDATE notas SET dados = '{"a": "\\ud800"}' WHERE id = 'Nota 1Empresa 003'"""
    projeto = criar_supabase(VAZIO, sql=(empresas(4), ruim))

    def vender(_pedido: Pedido, vez: int) -> None:
        if vez == 1:
            with psycopg.connect(projeto.uri_banco) as banco:
                banco.execute(f"INSERT INTO vendas VALUES (77, '{dono(2)}', 9)".encode())
                banco.execute(b"INSERT INTO vendas_itens VALUES (77, 1, NULL)")

    with projeto.gateway.ao_pedir(depois=vender, tabela="vendas", se=de_linhas):
        saida = executar(projeto, tmp_path)
    assert saida.codigo == 0, saida.tudo
    sozinhas = {
        achado[1]
        for r in projeto.gateway.pedidos
        if (achado := re.search(r"user_id=eq\.([0-9a-f-]+)", r.pedido.consulta))
    }
    assert sozinhas == {dono(2)}
    assert {(m["estado"], m["consistencia"]) for m in metadados(tmp_path)} == {
        ("completo", "instantanea")
    }
    guardadas = [
        linha for m in metadados(tmp_path) for linha in linhas_do_arquivo(m, "vendas_itens")
    ]
    assert Counter(guardadas) == Counter(todas_do_banco(projeto, "vendas_itens"))
    assert len(linhas_do_arquivo(ultimo_backup(tmp_path, dono(2)), "vendas")) == 4
    for n in range(1, 5):
        backup = ultimo_backup(tmp_path, dono(n))
        arquivo = backup["pasta"] / backup["tabelas"]["notas"]["arquivo"]
        assert (rb'{"a": "\ud800"}' in arquivo.read_bytes()) == (n == 3)
        assert backup["tabelas"]["notas"]["registros"] == 2


def de_linhas(pedido: Pedido) -> bool:
    return "xmin" in pedido.parametros.get("select", "") and "order" in pedido.parametros


def test_continuar_recomeca_a_que_ficou_pela_metade_e_aceita_o_mesmo_pedido(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """O que se pediu (empresas e tabelas) é o da execução que parou."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,))

    argumentos = ("--empresa", PADARIA, "--tabelas", "produtos,vendas")
    morto = "import os, sys; sys.argv.pop(0); import runpy, atexit\n"
    morto += "sys.addaudithook(lambda e, a: os._exit(9) if e == 'os.rename' and 'vendas' in str(a)"
    morto += " else None)\nsys.path.insert(0, os.path.dirname(sys.argv[0]))\n"
    morto += "runpy.run_path(sys.argv[0], run_name='__main__')"
    saida = executar(projeto, tmp_path, *argumentos, programa=morto, novo=False)
    assert saida.codigo == 9
    saida = executar(projeto, tmp_path, "continuar")
    assert saida.codigo == 0, saida.tudo
    assert {m["nome"] for m in metadados(tmp_path)} == {"Padaria Ação"}
    assert set(ultimo_backup(tmp_path, PADARIA)["tabelas"]) == {"produtos", "vendas"}


# -- em partes -----------------------------------------------------------------------------------


@pytest.fixture
def em_partes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reparte também as tabelas dos testes, que são menores do que vale a pena repartir."""
    monkeypatch.setattr(serie, "LINHAS_POR_PARTE", 150)


@pytest.fixture(scope="module")
def grande(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(GRANDE,), max_linhas=200)


@pytest.mark.usefixtures("em_partes")
@pytest.mark.parametrize("conexoes", [2, 5] if CAMPANHA else [5])
def test_em_partes_vem_tudo_em_ordem(grande: SupabaseLocal, tmp_path: Path, conexoes: int) -> None:
    """Toda espécie de chave: inteira, composta, de texto estranho, nenhuma, de várias partições."""
    grande.gateway.esquecer_pedidos()
    with fotografo(grande, tmp_path, conexoes) as quem:
        retrato = quem.fotografar(DONO)
    assert retrato.coleta.instantanea
    repartidas = {r.pedido.tabela for r in grande.gateway.pedidos if "offset=" in r.pedido.consulta}
    assert len(repartidas) == len(ORDENS), repartidas
    for tabela, ordem in ORDENS.items():
        assert retrato.linhas(tabela.strip('"')) == no_banco(grande, tabela, ordem), tabela


SO_MUITAS = (
    EMPRESAS
    + """
    CREATE TABLE muitas (id bigint PRIMARY KEY, user_id uuid, nome text);
"""
    + CONCEDER
)
AS_MUITAS = f"""
    TRUNCATE muitas;
    INSERT INTO muitas SELECT n * 7919 % 104729, '{DONO}', 'Linha ' || n
        FROM generate_series(1, 1201) n;
"""
MUDAR: dict[str, str] = {
    "uma linha a mais no meio": f"INSERT INTO muitas VALUES (500000, '{DONO}', 'nova')",
    "uma a menos": "DELETE FROM muitas WHERE id = 7919",
    "outra no lugar": f"""
        WITH foi AS (DELETE FROM muitas WHERE id = 7919 RETURNING id)
        INSERT INTO muitas SELECT 104728000, '{DONO}', 'no lugar' FROM foi""",
    "um nome trocado": "UPDATE muitas SET nome = 'outro' WHERE id = 7919",
    "um dono trocado": "UPDATE muitas SET user_id = gen_random_uuid() WHERE id = 7919",
    "muitas de uma vez": "DELETE FROM muitas WHERE id > 50000",
}


MOMENTOS: dict[str, Callable[[Pedido], bool]] = {
    "a repartir": lambda p: "offset=" in p.consulta,
    # A conferência de tudo o que tem a mesma versão: duas contagens.
    "ao acabar de ler": lambda p: "xmin=not.eq." in p.consulta,
}


@pytest.fixture(scope="module")
def so_muitas(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(SO_MUITAS,), max_linhas=100)


@pytest.mark.usefixtures("em_partes")
@pytest.mark.parametrize("quando", ["a repartir", "ao acabar de ler"])
def test_em_partes_o_que_muda_durante_a_foto_entra_nela(
    so_muitas: SupabaseLocal, tmp_path: Path, quando: str
) -> None:
    projeto, momentos = so_muitas, MOMENTOS[quando]
    with fotografo(projeto, tmp_path) as quem:
        for qual, comando in MUDAR.items():
            executar_sql(projeto, AS_MUITAS)
            antes = no_banco(projeto, "muitas", "t.id")

            def mudar(_pedido: Pedido, vez: int, comando: str = comando) -> None:
                if vez == 1:
                    with psycopg.connect(projeto.uri_banco) as banco:
                        assert banco.execute(comando.encode()).rowcount > 0

            with projeto.gateway.ao_pedir(antes=mudar, tabela="muitas", se=momentos) as gancho:
                retrato = quem.fotografar(DONO, ["muitas"])
            assert gancho.disparos > 0, qual
            assert retrato.coleta.instantanea, qual
            depois = no_banco(projeto, "muitas", "t.id")
            assert depois != antes, qual
            # Durante a própria conferência, o instante dela pode ser o de antes da mudança; nunca
            # um misto.
            certas = [depois] if quando == "a repartir" else [antes, depois]
            assert retrato.linhas("muitas") in certas, qual


def test_as_divisas_custam_pouco_e_so_nas_grandes(grande: SupabaseLocal, tmp_path: Path) -> None:
    """Sem mexer no tamanho, nenhuma tabela destes testes se reparte."""
    grande.gateway.esquecer_pedidos()
    with fotografo(grande, tmp_path) as quem:
        quem.fotografar(DONO, ["pares", "textos"])
    assert not [r for r in grande.gateway.pedidos if "offset=" in r.pedido.consulta]
