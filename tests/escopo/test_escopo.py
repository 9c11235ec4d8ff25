"""De quem é cada linha: o que vai em cada backup, comparado byte a byte com um oráculo em SQL."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from apoio.execucao import (
    Saida,
    copiar_scripts,
    executar,
    linhas_do_arquivo,
    metadados,
    ultimo_backup,
)
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.modelo import TABELAS_CONHECIDAS
from supabase_local.empresas.dados import DEMONSTRACAO
from supabase_local.servidores.falhas import SemDefinicoes
from supabase_local.servidores.servidor import SupabaseLocal

RAVAL, OFICINA, LOJA_X = (str(perfil.user_id) for perfil in DEMONSTRACAO)


def u(prefixo: str) -> str:
    """Um uuid legível: o prefixo em hexadecimal e zeros."""
    return f"{prefixo:0<8}-0000-4000-8000-000000000000"


DUPLA = u("e0")
SEM_NOME = u("e1")
NOME_NA_APROVACAO = u("e2")
SO_APROVADA, SO_NOME_COMPLETO, SO_EMAIL = u("f0"), u("f1"), u("f2")
NINGUEM, EMPREGADO, EMPREGADO_SOLTO = u("99"), u("88"), u("77")

NOMES = {
    RAVAL: DEMONSTRACAO[0].nome,
    OFICINA: DEMONSTRACAO[1].nome,
    LOJA_X: DEMONSTRACAO[2].nome,
    DUPLA: "Razão Dupla Ltda.",
    SEM_NOME: "(sem nome) e1000000",
    NOME_NA_APROVACAO: "Nome na Aprovação",
    SO_APROVADA: "Só Aprovada",
    SO_NOME_COMPLETO: "Maria do Nome Completo",
    SO_EMAIL: "so@email.example",
}
"""Toda empresa que o backup tem de achar, e com que nome."""

# Um pedaço de SQL que acha uma linha qualquer, sempre a mesma, de uma empresa.
UMA = "(SELECT id FROM {} WHERE user_id = '{}' ORDER BY id LIMIT 1)"
CAIXA_DO_RAVAL, CAIXA_DA_OFICINA = UMA.format("caixa", RAVAL), UMA.format("caixa", OFICINA)
CLIENTE_DO_RAVAL = UMA.format("clientes", RAVAL)
VENDA_DA_OFICINA = UMA.format("vendas", OFICINA)
EMPRESA_DO_RAVAL = UMA.format("empresas", RAVAL)
EQUIPE_DO_RAVAL = f"(SELECT id FROM funcionarios WHERE empresa_id = {EMPRESA_DO_RAVAL} LIMIT 1)"

DIFICEIS = f"""
    ALTER TABLE categorias ALTER user_id DROP NOT NULL;
    INSERT INTO auth.users (id) SELECT unnest(ARRAY['{DUPLA}', '{SEM_NOME}', '{NOME_NA_APROVACAO}',
        '{SO_APROVADA}', '{SO_NOME_COMPLETO}', '{SO_EMAIL}', '{NINGUEM}', '{EMPREGADO}',
        '{EMPREGADO_SOLTO}']::uuid[]);

    -- Um dono com duas linhas de empresas; outro sem nome algum; outro com nome só na aprovação.
    INSERT INTO empresas (id, user_id, nome, razao_social) VALUES
        ('{u("e0a")}', '{DUPLA}', NULL, 'Razão Dupla Ltda.'),
        ('{u("e0b")}', '{DUPLA}', 'Filial', ''),
        ('{u("e1a")}', '{SEM_NOME}', '  ', NULL), ('{u("e2a")}', '{NOME_NA_APROVACAO}', '', ''),
        ('{u("e9a")}', NULL, 'De ninguém', NULL);
    INSERT INTO user_approvals (user_id, parent_user_id, company_name, full_name, email) VALUES
        ('{NOME_NA_APROVACAO}', NULL, 'Nome na Aprovação', 'x', 'a@a'),
        ('{SO_APROVADA}', NULL, 'Só Aprovada', 'y', 'b@b'),
        ('{SO_NOME_COMPLETO}', NULL, ' ', 'Maria do Nome Completo', 'c@c'),
        ('{SO_EMAIL}', NULL, NULL, NULL, 'so@email.example'),
        -- Empregados: de uma empresa; de uma, sendo o dono de outra; de ninguém que se conheça.
        ('{EMPREGADO}', '{RAVAL}', NULL, 'Empregado', 'd@d'),
        ('{DUPLA}', '{RAVAL}', NULL, 'Dono da Dupla', 'e@e'),
        ('{EMPREGADO_SOLTO}', '{NINGUEM}', NULL, 'Solto', 'f@f'),
        (NULL, NULL, 'Sem login', NULL, 'g@g');
    INSERT INTO funcoes (id, empresa_id, nome) VALUES
        ('{u("f00a")}', '{u("e0a")}', 'Da matriz'), ('{u("f00b")}', '{u("e0b")}', 'Da filial'),
        ('{u("f00c")}', '{u("e9a")}', 'De ninguém');
    INSERT INTO funcao_permissoes (funcao_id, permissao_id) VALUES
        ('{u("f00a")}', 1), ('{u("f00b")}', 2), ('{u("f00b")}', 1), ('{u("f00c")}', 3);
    INSERT INTO funcionarios (id, empresa_id, user_id, nome) VALUES
        ('{u("aa")}', {EMPRESA_DO_RAVAL}, '{OFICINA}', 'Empregado no Raval, dono da oficina'),
        ('{u("ab")}', '{u("e0b")}', '{EMPREGADO}', 'Na filial'),
        ('{u("ac")}', '{u("e9a")}', NULL, 'De ninguém');
    INSERT INTO login_funcionarios (funcionario_id, usuario, senha_hash) VALUES
        ('{u("aa")}', 'aa', 'x'), ('{u("ab")}', 'ab', 'x'), ('{u("ac")}', 'ac', 'x');

    -- Sem dono próprio: pela categoria-mãe, em um e dois passos, ou por nenhuma.
    INSERT INTO categorias (id, user_id, pai_id, nome) VALUES
        ('{u("ca0")}', NULL, {UMA.format("categorias", RAVAL)}, 'Filha'),
        ('{u("ca1")}', NULL, '{u("ca0")}', 'Neta'), ('{u("ca2")}', NULL, NULL, 'Solta'),
        ('{u("ca3")}', NULL, '{u("ca2")}', 'Filha da solta');
    INSERT INTO produtos (id, user_id, categoria_id, fornecedor_id, nome) VALUES
        ('{u("b0")}', NULL, '{u("ca1")}', NULL, 'Pela neta'),
        ('{u("b1")}', NULL, NULL, {UMA.format("fornecedores", OFICINA)}, 'Pelo fornecedor'),
        ('{u("b2")}', NULL, NULL, NULL, 'De ninguém'),
        ('{u("b3")}', '{NINGUEM}', {UMA.format("categorias", RAVAL)}, NULL, 'Dono desconhecido');
    INSERT INTO movimentacoes_estoque (user_id, produto_id, quantidade, motivo) VALUES
        (NULL, '{u("b0")}', 1, 'quatro passos'), (NULL, '{u("b1")}', 2, 'dois passos'),
        (NULL, '{u("b2")}', 3, 'de ninguém'), ('{LOJA_X}', '{u("b2")}', 4, 'da Loja X');
    INSERT INTO vendas (id, user_id, cliente_id, caixa_id, vendedor_id) VALUES
        ('{u("d0")}', NULL, {CLIENTE_DO_RAVAL}, NULL, NULL),
        ('{u("d1")}', NULL, NULL, {CAIXA_DA_OFICINA}, NULL),
        ('{u("d2")}', NULL, NULL, NULL, {EQUIPE_DO_RAVAL}),
        ('{u("d3")}', NULL, NULL, NULL, NULL),
        -- Duas mães possíveis, de empresas diferentes.
        ('{u("d4")}', NULL, {CLIENTE_DO_RAVAL}, {CAIXA_DA_OFICINA}, NULL);
    INSERT INTO vendas_itens (id, user_id, venda_id) VALUES
        ('{u("b10")}', NULL, '{u("d0")}'), ('{u("b11")}', NULL, '{u("d1")}'),
        ('{u("b12")}', NULL, '{u("d2")}'), ('{u("b13")}', NULL, '{u("d3")}'),
        -- De uma empresa, numa venda de outra ou de ninguém.
        ('{u("b14")}', '{RAVAL}', {VENDA_DA_OFICINA}), ('{u("b15")}', '{RAVAL}', '{u("d3")}'),
        ('{u("b16")}', '{NINGUEM}', '{u("d0")}');
    INSERT INTO vendas_pagamentos (venda_id, parcela, vencimento, valor) VALUES
        ('{u("d0")}', 1, '2026-01-01', 1), ('{u("d2")}', 1, '2026-01-01', 1),
        ('{u("d2")}', 2, '2026-01-01', 1), ('{u("d3")}', 1, '2026-01-01', 1);
    INSERT INTO recibos (id, venda_id, parcela) VALUES
        ('{u("b20")}', '{u("d0")}', 1), ('{u("b21")}', '{u("d2")}', 2),
        ('{u("b22")}', '{u("d3")}', 1);
    INSERT INTO registro_acessos (user_id, pagina) VALUES (NULL, '/x'), ('{NINGUEM}', '/y');
    INSERT INTO auditoria (user_id, tabela, criado_em) VALUES
        ('{LOJA_X}', 'velha', '2020-01-01'), (NULL, 'de ninguém', '2020-01-01');
"""

# O oráculo: as junções de cada tabela e a expressão que dá o dono de uma linha `t`.
VENDA = """LEFT JOIN vendas v ON v.id = t.venda_id LEFT JOIN clientes c ON c.id = v.cliente_id
    LEFT JOIN caixa k ON k.id = v.caixa_id LEFT JOIN funcionarios f ON f.id = v.vendedor_id
    LEFT JOIN empresas e ON e.id = f.empresa_id"""
DONO_DA_VENDA = "v.user_id, c.user_id, k.user_id, e.user_id"
CATEGORIA = """LEFT JOIN categorias c1 ON c1.id = {} LEFT JOIN categorias c2 ON c2.id = c1.pai_id
    LEFT JOIN categorias c3 ON c3.id = c2.pai_id LEFT JOIN fornecedores f ON f.id = {}"""
DONO_DA_CATEGORIA = "c1.user_id, c2.user_id, c3.user_id"
PRODUTO = "LEFT JOIN produtos p ON p.id = t.produto_id " + CATEGORIA.format(
    "p.categoria_id", "p.fornecedor_id"
)
EMPRESA = "JOIN empresas e ON e.id = t.empresa_id"
DO_DONO = ("", "t.user_id", "t.id")
ORACULO: dict[str, tuple[str, str, str]] = {
    "user_approvals": ("", "coalesce(t.parent_user_id, t.user_id)", "t.id"),
    "empresas": DO_DONO,
    "subscriptions": DO_DONO,
    "produtos": (
        CATEGORIA.format("t.categoria_id", "t.fornecedor_id"),
        f"coalesce(t.user_id, {DONO_DA_CATEGORIA}, f.user_id)",
        "t.id",
    ),
    "clientes": DO_DONO,
    "vendas": (
        VENDA.replace("v.id = t.venda_id", "v.id = t.id"),
        f"coalesce({DONO_DA_VENDA})",
        "t.id",
    ),
    "vendas_itens": (VENDA, f"coalesce(t.user_id, {DONO_DA_VENDA})", "t.id"),
    "caixa": DO_DONO,
    "categorias": (
        CATEGORIA.format("t.id", "NULL"),
        f"coalesce({DONO_DA_CATEGORIA})",
        "t.id",
    ),
    "fornecedores": DO_DONO,
    "despesas": DO_DONO,
    "ordens_servico": DO_DONO,
    "funcionarios": (EMPRESA, "e.user_id", "t.id"),
    "funcoes": (EMPRESA, "e.user_id", "t.id"),
    "funcao_permissoes": (
        "JOIN funcoes f ON f.id = t.funcao_id JOIN empresas e ON e.id = f.empresa_id",
        "e.user_id",
        "t.funcao_id, t.permissao_id",
    ),
    "login_funcionarios": (
        "JOIN funcionarios f ON f.id = t.funcionario_id JOIN empresas e ON e.id = f.empresa_id",
        "e.user_id",
        "t.id",
    ),
    "configuracoes": ("", "t.user_id", "t.user_id"),
    "movimentacoes_estoque": (
        PRODUTO,
        f"coalesce(t.user_id, p.user_id, {DONO_DA_CATEGORIA}, f.user_id)",
        "t.id",
    ),
    "movimentacoes_caixa": ("JOIN caixa k ON k.id = t.caixa_id", "k.user_id", "t.id"),
    "vendas_pagamentos": (VENDA, f"coalesce({DONO_DA_VENDA})", "t.venda_id, t.parcela"),
    "recibos": (VENDA, f"coalesce({DONO_DA_VENDA})", "t.id"),
    "contas_pagar": DO_DONO,
    "registro_acessos": ("", "t.user_id", "t.ctid"),
    "Pedido Item": ("", "t.user_id", 't."Código"'),
    "auditoria": ("", "t.user_id", "t.id, t.criado_em"),
    "notas_fiscais": ("", "t.user_id", "t.numero"),
    "codigos_promocionais": ("", "t.user_id", "t.codigo"),
    "tipos_dificeis": DO_DONO,
}
DE_FORA = {
    "produtos_em_falta": "é uma visão, não guarda linhas",
    "resumo_produtos": "é uma visão, não guarda linhas",
    "anotacoes": "nenhuma coluna ou chave estrangeira leva a uma empresa",
    "payments": "nenhuma coluna ou chave estrangeira leva a uma empresa",
    "permissoes": "nenhuma coluna ou chave estrangeira leva a uma empresa",
}


def segundo_o_oraculo(
    projeto: SupabaseLocal, tabela: str, empresas: Sequence[str]
) -> dict[str, list[bytes]]:
    """As linhas de cada empresa, em ordem de chave; em "" as que não são de nenhuma."""
    juncoes, dono, ordem = ORACULO[tabela]
    achadas: dict[str, list[bytes]] = {empresa: [] for empresa in ("", *empresas)}
    with psycopg.connect(projeto.uri_admin, autocommit=True) as banco:
        banco.execute("SET timezone = 'UTC'")
        # LEFT JOIN em tudo: uma linha sem mãe também conta, como de ninguém.
        juncoes = juncoes.replace("LEFT JOIN", "JOIN").replace("JOIN", "LEFT JOIN")
        consulta = (
            f"SELECT coalesce(({dono})::text, ''), convert_to(row_to_json(t)::text, 'UTF8')"
            f' FROM "{tabela}" t {juncoes} ORDER BY {ordem}'
        )
        for de_quem, linha in banco.execute(consulta.encode()):
            achadas[de_quem if de_quem in empresas else ""].append(linha)
    return achadas


@dataclass(frozen=True)
class Copiada:
    """Um projeto já copiado: o que o script disse e o que ficou no disco."""

    projeto: SupabaseLocal
    destino: Path
    saida: Saida

    def backup(self, user_id: str) -> dict[str, Any]:
        return ultimo_backup(self.destino, user_id)


@pytest.fixture(scope="module")
def loja(
    criar_supabase_do_modulo: FabricaDeSupabase,
    modelo_sem_gatilhos: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Copiada:
    """A loja de demonstração com todas as linhas difíceis, copiada uma vez."""
    projeto = criar_supabase_do_modulo(modelo_sem_gatilhos, sql=(DIFICEIS,))
    destino = tmp_path_factory.mktemp("loja")
    return Copiada(projeto, destino, executar(projeto, destino))


# -- a loja inteira --------------------------------------------------------------------------


def test_todas_as_empresas_sao_achadas_com_o_nome_certo(loja: Copiada) -> None:
    assert loja.saida.codigo == 0, loja.saida.tudo
    assert {m["user_id"]: m["nome"] for m in metadados(loja.destino)} == NOMES
    assert "📊 Total de empresas: 9" in loja.saida.saida.splitlines()


def test_o_oraculo_conhece_todas_as_tabelas(loja: Copiada) -> None:
    for m in metadados(loja.destino):
        assert set(m["tabelas"]) == set(ORACULO)
        assert {d["tabela"]: d["motivo"] for d in m["deixadas_de_fora"]} == DE_FORA
        assert (m["tabelas_falha"], m["tabelas_ausentes"]) == ([], [])


def test_cada_linha_esta_no_backup_de_uma_so_empresa_byte_a_byte(loja: Copiada) -> None:
    feitos = metadados(loja.destino)
    for tabela in ORACULO:
        esperadas = segundo_o_oraculo(loja.projeto, tabela, list(NOMES))
        del esperadas[""]
        salvas = {m["user_id"]: linhas_do_arquivo(m, tabela) for m in feitos}
        assert salvas == esperadas, tabela
        for m in feitos:
            assert m["tabelas"][tabela]["registros"] == len(esperadas[m["user_id"]]), tabela


def test_as_linhas_de_ninguem_sao_contadas_e_ditas(loja: Copiada) -> None:
    sobras = {
        tabela: len(segundo_o_oraculo(loja.projeto, tabela, list(NOMES))[""]) for tabela in ORACULO
    }
    avisos = [linha for linha in loja.saida.saida.splitlines() if "sem empresa" in linha]
    assert sorted(avisos) == sorted(
        f"   ⚠️ {tabela}: {n} {'registro' if n == 1 else 'registros'} sem empresa (dono nulo ou"
        " desconhecido), fora de todos os backups"
        for tabela, n in sobras.items()
        if n
    )
    assert {t: n for t, n in sobras.items() if n} == {
        "auditoria": 1,
        "categorias": 2,
        "empresas": 1,
        "funcao_permissoes": 1,
        "funcionarios": 1,
        "funcoes": 1,
        "login_funcionarios": 1,
        "movimentacoes_estoque": 1,
        "produtos": 2,
        "recibos": 1,
        "registro_acessos": 2,
        "user_approvals": 2,
        "vendas": 1,
        "vendas_itens": 2,
        "vendas_pagamentos": 1,
    }


def test_as_contradicoes_sao_contadas_nomeadas_e_ditas(loja: Copiada) -> None:
    vistas = {
        m["user_id"]: [(c["tabela"], c["por"], c["quantidade"]) for c in m["contradicoes"]]
        for m in metadados(loja.destino)
    }
    assert {empresa: achadas for empresa, achadas in vistas.items() if achadas} == {
        RAVAL: [("vendas", "caixa_id → caixa", 1), ("vendas_itens", "venda_id → vendas", 2)],
        LOJA_X: [("movimentacoes_estoque", "produto_id → produtos", 1)],
    }
    do_raval = {c["tabela"]: c["exemplos"] for c in loja.backup(RAVAL)["contradicoes"]}
    assert {t: sorted(e) for t, e in do_raval.items()} == {
        "vendas": [u("d4")],
        "vendas_itens": [u("b14"), u("b15")],
    }
    linhas = loja.saida.saida.splitlines()
    assert (
        f"   ⚠️ vendas: 1 registro aponta para fora da empresa (caixa_id → caixa; {u('d4')})"
        in linhas
    )
    assert any(
        linha.startswith(
            "   ⚠️ vendas_itens: 2 registros apontam para fora da empresa (venda_id → vendas; "
        )
        for linha in linhas
    )


def test_uma_linha_contraditoria_esta_num_so_backup(loja: Copiada) -> None:
    achadas = {
        m["nome"]: [i["id"] for i in map(json.loads, linhas_do_arquivo(m, "vendas_itens"))]
        for m in metadados(loja.destino)
    }
    assert [nome for nome, ids in achadas.items() if u("b14") in ids] == ["Grupo Raval"]


def test_o_que_fica_de_fora_aparece_na_tela_com_a_linha_do_cofre_toml(loja: Copiada) -> None:
    texto = loja.saida.saida
    inicio = texto.index("ℹ️ Ficam de fora do backup:\n")
    assert texto[inicio : texto.index("\n\n🏢", inicio)] == (
        "ℹ️ Ficam de fora do backup:\n"
        "   • produtos_em_falta: é uma visão, não guarda linhas\n"
        "   • resumo_produtos: é uma visão, não guarda linhas\n"
        "   • anotacoes: nenhuma coluna ou chave estrangeira leva a uma empresa\n"
        "     se for de uma empresa, no cofre.toml:\n"
        "       [tabelas.anotacoes]\n"
        '       dono = "usuario_id"\n'
        "   • payments: nenhuma coluna ou chave estrangeira leva a uma empresa\n"
        "   • permissoes: nenhuma coluna ou chave estrangeira leva a uma empresa"
    )


@pytest.fixture(scope="module")
def demonstracao(
    supabase_do_modulo: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory
) -> Copiada:
    """A demonstração como é, copiada uma vez."""
    destino = tmp_path_factory.mktemp("demonstracao")
    return Copiada(supabase_do_modulo, destino, executar(supabase_do_modulo, destino))


def test_uma_copia_de_todas_nao_deixa_contradicao_nem_falha_na_demonstracao(
    demonstracao: Copiada,
) -> None:
    saida = demonstracao.saida
    assert saida.codigo == 0, saida.tudo
    assert "⚠️" not in saida.saida
    feitos = metadados(demonstracao.destino)
    for tabela in ORACULO:
        esperadas = segundo_o_oraculo(demonstracao.projeto, tabela, [RAVAL, OFICINA, LOJA_X])
        assert esperadas.pop("") == []
        salvas = {m["user_id"]: linhas_do_arquivo(m, tabela) for m in feitos}
        assert salvas == esperadas, tabela


# -- sem descrição ---------------------------------------------------------------------------


def test_sem_descricao_as_treze_sao_achadas_pelo_nome_com_as_mesmas_linhas(
    demonstracao: Copiada, tmp_path: Path
) -> None:
    with demonstracao.projeto.gateway.com_falha(SemDefinicoes(), vezes=None):
        saida = executar(demonstracao.projeto, tmp_path)
    assert saida.codigo == 0, saida.tudo
    assert (
        "⚠️ A API não descreve as suas tabelas: só as 13 conhecidas foram procuradas, pelo nome,"
        " com a chave «id»." in saida.saida.splitlines()
    )
    for empresa in (RAVAL, OFICINA, LOJA_X):
        com, sem = demonstracao.backup(empresa), ultimo_backup(tmp_path, empresa)
        assert sem["tabelas_backup"] == list(TABELAS_CONHECIDAS)
        for tabela in TABELAS_CONHECIDAS:
            assert sem["tabelas"][tabela]["chave"] == ["id"]
            # Sem os tipos, não se sabe intercalar duas buscas em ordem de chave.
            assert sorted(linhas_do_arquivo(sem, tabela)) == sorted(linhas_do_arquivo(com, tabela))


# -- tabelas que faltam ----------------------------------------------------------------------

DONO = u("ad")
PEQUENA = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE produtos (id bigint PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE pedidos (id bigint PRIMARY KEY, user_id uuid, total numeric);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
    INSERT INTO empresas VALUES ('{u("eee")}', '{DONO}', 'Padaria');
    INSERT INTO produtos VALUES (1, '{DONO}', 'Pão'), (2, '{DONO}', 'Bolo');
    INSERT INTO pedidos VALUES (7, '{DONO}', 1.50);
"""
PAO_E_BOLO = [
    f'{{"id":1,"user_id":"{DONO}","nome":"Pão"}}'.encode(),
    f'{{"id":2,"user_id":"{DONO}","nome":"Bolo"}}'.encode(),
]


@pytest.fixture
def pequena(criar_supabase: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase(VAZIO, sql=(PEQUENA,))


def mudar(projeto: SupabaseLocal, comandos: str) -> None:
    """Muda o banco e faz a API enxergar."""
    projeto.cluster.executar(projeto.banco, comandos)
    projeto.recarregar_esquema()


def grant(tabela: str) -> str:
    return f'GRANT SELECT, INSERT, UPDATE, DELETE ON public."{tabela}" TO service_role;'


@pytest.mark.parametrize("como", ["REVOKE ALL", "REVOKE SELECT"])
def test_uma_conhecida_recusada_e_falha_com_a_linha_de_grant(
    pequena: SupabaseLocal, tmp_path: Path, como: str
) -> None:
    """E uma citada sem GRANT, no primeiro backup, é listada com a dela."""
    mudar(
        pequena,
        f"{como} ON produtos FROM service_role;"
        "CREATE TABLE marcas (id bigint PRIMARY KEY, user_id uuid);"
        "ALTER TABLE pedidos ADD marca_id bigint REFERENCES marcas",
    )
    saida = executar(pequena, tmp_path)
    assert saida.codigo == 4, saida.tudo
    texto = saida.saida
    assert "   ❌ produtos: permission denied for table produtos\n" in texto
    assert grant("produtos") in texto
    assert "   ⚠️ Backup incompleto: " in texto
    assert "   ❌ Padaria: produtos\n" in texto
    backup = ultimo_backup(tmp_path, DONO)
    assert (backup["estado"], backup["tabelas_falha"]) == ("incompleto", ["produtos"])
    assert backup["falhas"] == {"produtos": "permission denied for table produtos"}
    assert sorted(backup["tabelas"]) == ["empresas", "pedidos"]
    assert linhas_do_arquivo(backup, "pedidos") == [
        f'{{"id":7,"user_id":"{DONO}","total":1.50,"marca_id":null}}'.encode()
    ]
    assert "   • marcas: permission denied for table marcas\n" in texto
    assert grant("marcas") in texto
    fora = {d["tabela"]: d["motivo"] for d in backup["deixadas_de_fora"]}
    assert grant("marcas") in fora.pop("marcas")
    assert set(fora) == ({"produtos"} if como == "REVOKE ALL" else set())  # a que não se vê


def test_uma_tabela_que_deixa_de_se_ver_e_falha_ate_voltar_ou_ser_posta_em_ignorar(
    pequena: SupabaseLocal, tmp_path: Path
) -> None:
    script, destino = copiar_scripts(tmp_path / "raiz"), tmp_path / "backups"
    saida = executar(pequena, destino)
    assert saida.codigo == 0, saida.tudo
    # As conhecidas que o banco nunca teve são só um aviso.
    ausentes = [t for t in TABELAS_CONHECIDAS if t not in ("empresas", "produtos")]
    assert f"ℹ️ Este banco não tem: {', '.join(ausentes)}" in saida.saida.splitlines()
    backup = ultimo_backup(destino, DONO)
    assert (backup["tabelas_ausentes"], backup["estado"]) == (ausentes, "completo")
    assert linhas_do_arquivo(backup, "produtos") == PAO_E_BOLO
    # A que estava no backup anterior, e perdeu o GRANT.
    mudar(pequena, "REVOKE ALL ON pedidos FROM service_role")
    for _ in range(2):  # a segunda vez também: o último backup já não a tinha, mas devia ter
        saida = executar(pequena, destino)
        assert saida.codigo == 4, saida.tudo
        assert grant("pedidos") in saida.saida
        _conferir_sem_pedidos(ultimo_backup(destino, DONO), "incompleto")
    mudar(pequena, grant("pedidos"))
    assert executar(pequena, destino).codigo == 0
    backup = ultimo_backup(destino, DONO)
    assert sorted(backup["tabelas"]) == ["empresas", "pedidos", "produtos"]
    # A que foi apagada.
    quando = backup["inicio"]
    mudar(pequena, "DROP TABLE pedidos")
    saida = executar(pequena, destino)
    assert saida.codigo == 4, saida.tudo
    dia, hora = quando[:10], quando[11:16]
    assert (
        f"   ❌ pedidos: estava no backup de {dia} {hora} e não aparece mais"
        " na API\n" in saida.saida
    )
    assert "ponha pedidos em «ignorar» no cofre.toml." in saida.saida
    _conferir_sem_pedidos(ultimo_backup(destino, DONO), "incompleto")
    (tmp_path / "raiz" / "cofre.toml").write_text('ignorar = ["pedidos"]\n', "utf-8")
    saida = executar(pequena, destino, script=script)
    assert saida.codigo == 0, saida.tudo
    _conferir_sem_pedidos(ultimo_backup(destino, DONO), "completo")


def _conferir_sem_pedidos(backup: Mapping[str, Any], estado: str) -> None:
    faltam = ["pedidos"] if estado == "incompleto" else []
    assert (backup["estado"], backup["tabelas_falha"]) == (estado, faltam)
    assert sorted(backup["tabelas"]) == ["empresas", "produtos"]


# -- nenhuma empresa -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("banco", "disse"),
    [
        ("SELECT 1", ""),
        ("CREATE TABLE empresas (id int PRIMARY KEY, user_id uuid, nome text)", "empresas"),
        (PEQUENA + "DELETE FROM empresas;", ""),
        (PEQUENA + "UPDATE empresas SET user_id = NULL;", ""),
        (PEQUENA + "REVOKE ALL ON empresas FROM service_role;", "empresas"),
    ],
)
def test_nenhuma_empresa_sai_com_3_e_diz_as_causas(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, banco: str, disse: str
) -> None:
    saida = executar(criar_supabase(VAZIO, sql=(banco,)), tmp_path)
    assert saida.codigo == 3, saida.tudo
    linhas = saida.erros.splitlines()
    assert linhas[:2] == ["❌ Nenhuma empresa encontrada", "   Causas possíveis:"]
    assert [linha[:7] for linha in linhas[2:5]] == ["     1.", "     2.", "     3."]
    conceder = "GRANT SELECT ON public.empresas, public.user_approvals TO service_role;"
    assert linhas[5] == f"        {conceder}"
    recusa = f"   O servidor disse: permission denied for table {disse}"
    assert linhas[6:7] == ([recusa] if disse else [])
    assert metadados(tmp_path) == []


# -- cofre.toml ------------------------------------------------------------------------------

COM_PISTAS = (
    PEQUENA
    + f"""
    CREATE TABLE anotacoes (id bigint PRIMARY KEY, usuario_id uuid, texto text);
    CREATE TABLE "Notas do Dono" (id bigint PRIMARY KEY, owner_id text, texto text);
    CREATE TABLE mistura (id bigint PRIMARY KEY, cor text, tamanho int);
    CREATE TABLE anexos (
        id bigint PRIMARY KEY, user_id uuid, dono_do_pedido bigint REFERENCES pedidos
    );
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
    INSERT INTO anotacoes VALUES (1, '{DONO}', 'a'), (2, '{u("99")}', 'b');
    INSERT INTO "Notas do Dono" VALUES (3, '{DONO}', 'c');
    INSERT INTO mistura VALUES (1, 'azul', 3);
    INSERT INTO anexos VALUES (1, '{u("99")}', 7), (2, NULL, 7), (3, '{DONO}', NULL);
"""
)


def sugestoes(backup: Mapping[str, Any]) -> dict[str, str]:
    return {d["tabela"]: d["sugestao"] for d in backup["deixadas_de_fora"]}


IGNORAR_E_PAI = (
    'ignorar = ["produtos"]\n',
    '\n[tabelas.anexos]\npai = "dono_do_pedido -> pedidos"\n',
)


def test_a_linha_sugerida_do_cofre_toml_traz_as_linhas_e_ele_diz_o_que_ignorar_e_de_quem_se_e(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    projeto = criar_supabase(VAZIO, sql=(COM_PISTAS,))
    script, destino = copiar_scripts(tmp_path / "raiz"), tmp_path / "backups"
    assert executar(projeto, destino).codigo == 0
    achadas = sugestoes(ultimo_backup(destino, DONO))
    assert achadas == {
        "anotacoes": '[tabelas.anotacoes]\ndono = "usuario_id"',
        "Notas do Dono": '[tabelas."Notas do Dono"]\ndono = "owner_id"',
        "mistura": "",
    }
    # Uma regra com uma coluna que não existe é falha da tabela.
    toml = tmp_path / "raiz" / "cofre.toml"
    toml.write_text('[tabelas.anotacoes]\ndono = "usuario"\n', "utf-8")
    saida = executar(projeto, destino, script=script)
    assert saida.codigo == 4, saida.tudo
    assert ultimo_backup(destino, DONO)["tabelas_falha"] == ["anotacoes"]
    # A sugerida traz as linhas.
    texto = "\n".join(achadas.values())
    assert set(tomllib.loads(texto)["tabelas"]) == {"anotacoes", "Notas do Dono"}
    toml.write_text(texto.join(IGNORAR_E_PAI), "utf-8")
    saida = executar(projeto, destino, script=script)
    assert saida.codigo == 0, saida.tudo
    backup = ultimo_backup(destino, DONO)
    assert linhas_do_arquivo(backup, "anotacoes") == [
        f'{{"id":1,"usuario_id":"{DONO}","texto":"a"}}'.encode()
    ]
    assert linhas_do_arquivo(backup, "Notas do Dono") == [
        f'{{"id":3,"owner_id":"{DONO}","texto":"c"}}'.encode()
    ]
    assert sugestoes(backup) == {"mistura": "", "produtos": ""}
    assert sorted(backup["tabelas"]) == [
        *("Notas do Dono", "anexos", "anotacoes", "empresas", "pedidos"),
    ]
    # O pai manda: o user_id da própria linha já não conta.
    assert linhas_do_arquivo(backup, "anexos") == [
        f'{{"id":1,"user_id":"{u("99")}","dono_do_pedido":7}}'.encode(),
        b'{"id":2,"user_id":null,"dono_do_pedido":7}',
    ]
    assert "   • produtos: está em «ignorar» no cofre.toml" in saida.saida.splitlines()
