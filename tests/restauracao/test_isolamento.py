"""O isolamento: estragos e escolhas ao acaso, e depois cada linha de cada empresa é conferida.

Na suíte, alguns casos; `python3 tests/campanhas` roda muitos mais (CAMPANHA=1).
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

import psycopg
import pytest

from apoio.campanha import CAMPANHA
from apoio.danos import trocar_linhas
from apoio.impressoes import alheias, diferencas, sequencias_atras
from apoio.loja import A_VIA_TANTO_FAZ, DIFICIL, GRUPO, INTEIRA, LOJA_X, Loja, antes_de, concluiu
from cofre.via.contrato import API, DIRETA

SEMENTES = range(200) if CAMPANHA else (0, 2)
ADULTERADOS = range(60 if CAMPANHA else 3)
REFORCOS = 8
"""Quantas vezes seguir o conselho da recusa («restaure também...») antes de desistir."""

# Só não se mexe no que não volta pela API: as linhas que furam regras NOT VALID e as notas fiscais.
ESTRAGOS = (
    "UPDATE produtos SET preco = preco * 3, nome = nome || '!' WHERE user_id = '{dono}'"
    " AND preco > 0 AND random() < 0.3",
    "UPDATE produtos SET etiquetas = ARRAY['x,y', NULL], atributos = '{{\"a\": 1.10}}'"
    " WHERE user_id = '{dono}' AND preco > 0 AND random() < 0.1",
    "DELETE FROM clientes WHERE user_id = '{dono}' AND random() < 0.5"
    " AND codigo_interno IS DISTINCT FROM 'C-0001'",
    "INSERT INTO clientes (user_id, nome, cidade) SELECT '{dono}', 'Novo ' || n, 'Santos'"
    " FROM generate_series(1, 5) n",
    "DELETE FROM vendas v WHERE user_id = '{dono}' AND random() < 0.3 AND NOT EXISTS (SELECT 1"
    " FROM vendas_itens i JOIN produtos p ON p.id = i.produto_id WHERE i.venda_id = v.id"
    " AND p.preco < 0) AND NOT EXISTS (SELECT 1 FROM notas_fiscais n WHERE n.venda_id = v.id)",
    "WITH v AS (INSERT INTO vendas (user_id, caixa_id, total) SELECT user_id, id, 10 FROM caixa"
    " WHERE user_id = '{dono}' LIMIT 2 RETURNING id), i AS (INSERT INTO vendas_itens (venda_id,"
    " produto_id, quantidade, preco_unitario) SELECT v.id, p.id, 2, 5 FROM v, (SELECT id FROM"
    " produtos WHERE user_id = '{dono}' AND preco > 0 LIMIT 3) p RETURNING 1)"
    " INSERT INTO vendas_pagamentos SELECT id, 1, '2026-01-01', 10 FROM v",
    "UPDATE vendas_itens i SET user_id = NULL, quantidade = quantidade + 1 FROM produtos p"
    " WHERE p.id = i.produto_id AND p.preco > 0 AND i.user_id = '{dono}' AND random() < 0.2",
    "UPDATE funcionarios SET salario = 1, jornada = '2 days' FROM empresas e"
    " WHERE e.id = empresa_id AND e.user_id = '{dono}' AND random() < 0.5",
    "DELETE FROM funcionarios USING empresas e WHERE e.id = empresa_id AND e.user_id = '{dono}'"
    " AND random() < 0.4",
    "INSERT INTO funcionarios (empresa_id, nome) SELECT id, 'Novato' FROM empresas"
    " WHERE user_id = '{dono}'",
    "DELETE FROM funcoes USING empresas e WHERE e.id = empresa_id AND e.user_id = '{dono}'"
    " AND random() < 0.5",
    "UPDATE funcao_permissoes SET concedida_em = '2020-01-01' FROM funcoes f, empresas e"
    " WHERE f.id = funcao_id AND e.id = f.empresa_id AND e.user_id = '{dono}' AND random() < 0.3",
    "UPDATE empresas SET cnpj = '0', responsavel_id = NULL WHERE user_id = '{dono}'",
    "DELETE FROM empresas WHERE user_id = '{dono}'",
    "UPDATE login_funcionarios l SET usuario = 'x' || l.id FROM funcionarios f, empresas e"
    " WHERE f.id = funcionario_id AND e.id = f.empresa_id AND e.user_id = '{dono}'",
    "UPDATE ordens_servico SET numero_os = 'T' || numero_os, situacao = 'cancelada'"
    " WHERE user_id = '{dono}' AND random() < 0.5",
    "DELETE FROM ordens_servico WHERE user_id = '{dono}' AND random() < 0.3",
    "DO $$ DECLARE um record; outro record; BEGIN"
    " SELECT id, numero_os INTO um FROM ordens_servico WHERE user_id = '{dono}'"
    " ORDER BY numero_os LIMIT 1;"
    " SELECT id, numero_os INTO outro FROM ordens_servico WHERE user_id = '{dono}'"
    " ORDER BY numero_os DESC LIMIT 1;"
    " UPDATE ordens_servico SET numero_os = 'de passagem' WHERE id = um.id;"
    " UPDATE ordens_servico SET numero_os = um.numero_os WHERE id = outro.id;"
    " UPDATE ordens_servico SET numero_os = outro.numero_os WHERE id = um.id; END $$",
    "DELETE FROM registro_acessos WHERE user_id = '{dono}' AND random() < 0.5",
    "INSERT INTO registro_acessos SELECT * FROM registro_acessos WHERE user_id = '{dono}'",
    "UPDATE tipos_dificeis SET largo = -1.5, bruto = NULL, bytes = '\\x00ff', periodo = 'empty'"
    " WHERE user_id = '{dono}' AND random() < 0.7",
    "DELETE FROM tipos_dificeis WHERE user_id = '{dono}' AND random() < 0.5",
    "UPDATE codigos_promocionais SET percentual = 99 WHERE user_id = '{dono}' AND random() < 0.5",
    "DELETE FROM codigos_promocionais WHERE user_id = '{dono}' AND random() < 0.5",
    'UPDATE "Pedido Item" SET "a,b (c)" = \'é " isto\', "ordem.linha" = NULL'
    " WHERE user_id = '{dono}' AND random() < 0.6",
    "DELETE FROM \"Pedido Item\" WHERE user_id = '{dono}' AND random() < 0.5",
    "DELETE FROM configuracoes WHERE user_id = '{dono}'",
    "UPDATE subscriptions SET plano = 'anual', fim = '-infinity' WHERE user_id = '{dono}'",
    "INSERT INTO despesas (user_id, descricao, valor, vencimento) VALUES ('{dono}', 'x', 1,"
    " '2026-01-01')",
    "DELETE FROM contas_pagar WHERE user_id = '{dono}' AND random() < 0.5",
    "DELETE FROM movimentacoes_caixa USING caixa c WHERE c.id = caixa_id"
    " AND c.user_id = '{dono}' AND random() < 0.4",
    "DELETE FROM movimentacoes_estoque WHERE user_id = '{dono}' AND random() < 0.4",
    "DELETE FROM auditoria WHERE user_id = '{dono}' AND random() < 0.5",
    "DELETE FROM user_approvals WHERE parent_user_id = '{dono}' AND random() < 0.5",
    "UPDATE categorias c SET pai_id = (SELECT max(o.id::text)::uuid FROM categorias o"
    " WHERE o.user_id = c.user_id AND o.id <> c.id) WHERE user_id = '{dono}'",
    "INSERT INTO categorias (user_id, nome) VALUES ('{dono}', 'Nova')",
    "DELETE FROM recibos USING vendas v WHERE v.id = venda_id AND v.user_id = '{dono}'",
    "UPDATE vendas_pagamentos SET valor = 0 FROM vendas v WHERE v.id = venda_id"
    " AND v.user_id = '{dono}' AND random() < 0.5",
)


def _estragar(loja: Loja, dono: str, acaso: random.Random) -> list[str]:
    """Alguns estragos, com os gatilhos; o que uma regra do banco impede não acontece."""
    escolhidos = acaso.sample(ESTRAGOS, acaso.randint(2, 8))
    with psycopg.connect(loja.projeto.uri_admin, autocommit=True) as banco:
        banco.execute(f"SELECT setseed({acaso.random():.6f})")
        for comando in escolhidos:
            try:
                banco.execute(comando.format(dono=dono).encode())
            except psycopg.errors.IntegrityError:
                continue
    return escolhidos


@INTEIRA
@pytest.mark.parametrize(
    ("semente", "via"), [(n, (API, DIRETA)[n % 3 == 2]) for n in SEMENTES], indirect=["via"]
)
def test_so_a_empresa_escolhida_muda(loja: Loja, semente: int) -> None:
    acaso = random.Random(f"isolamento {semente}")
    dono = acaso.choice((LOJA_X, LOJA_X, LOJA_X, DIFICIL))
    (backup,) = loja.backups("manual", dono)
    todas = [t for t in backup["tabelas"] if t != "notas_fiscais" or loja.via == DIRETA]
    tabelas = todas if acaso.random() < 0.4 else acaso.sample(todas, acaso.randint(1, 10))
    antes = antes_de(loja, dono)
    feitos = _estragar(loja, dono, acaso)
    estragado, estado_estragado = loja.impressoes(), loja.estado(dono)
    assert alheias(estragado, dono) == alheias(antes.impressoes, dono)

    for _ in range(REFORCOS):
        saida = loja.direto("--tabelas", ",".join(tabelas), "--efeitos", "manter", dono=dono)
        mais = set(re.findall(r"^      Escolha também (.+)\.$", saida.saida, re.MULTILINE))
        if saida.codigo != 8 or not mais - set(tabelas):
            break
        assert loja.impressoes() == estragado, (feitos, saida.tudo)
        tabelas = [*tabelas, *sorted(mais - set(tabelas))]

    print(f"caso {semente} ({loja.via}): {len(tabelas)} tabelas, código {saida.codigo}")
    # Seguindo o conselho de cada recusa, sempre se chega a uma restauração inteira.
    assert concluiu(saida), (feitos, saida.tudo)
    antes.conferir_outras()
    agora = loja.estado(dono)
    diferem = diferencas(agora, antes.estado)
    assert {t: d for t, d in diferem.items() if t in tabelas} == {}, (feitos, saida.tudo)
    mexidas = set(diferencas(agora, estado_estragado)) - set(tabelas)
    assert mexidas == _efeitos_ditos(saida.saida), (feitos, saida.tudo)
    assert sequencias_atras(loja.projeto) == []


def _efeitos_ditos(saida: str) -> set[str]:
    return set(re.findall(r"^   (.+): [\d.]+ a mais, [\d.]+ mudadas, [\d.]+ a menos$", saida, re.M))


def _id(linha: dict[str, Any]) -> str:
    return str(linha["id"])


@INTEIRA
@A_VIA_TANTO_FAZ
@pytest.mark.parametrize("semente", ADULTERADOS)
def test_backup_adulterado_nunca_muda_outra_empresa(loja: Loja, semente: int) -> None:
    """Linhas de outra empresa, ou com a chave delas, no meio do backup, e as somas refeitas."""
    acaso = random.Random(f"adulterado {semente}")
    _estragar(loja, LOJA_X, acaso)
    (meu,), (dela,) = loja.backups("manual", LOJA_X), loja.backups("manual", GRUPO)
    tabela = acaso.choice(("produtos", "clientes", "vendas", "funcionarios", "ordens_servico"))
    arquivo = dela["pasta"] / dela["tabelas"][tabela]["arquivo"]
    vitima = acaso.choice(json.loads(arquivo.read_bytes()))
    if acaso.random() < 0.5:  # a linha da vizinha, dizendo ser nossa
        coluna = "empresa_id" if tabela == "funcionarios" else "user_id"
        vitima[coluna] = meu["empresa_id"] if tabela == "funcionarios" else LOJA_X
        vitima = {c: None if c.endswith("_id") and c != coluna else v for c, v in vitima.items()}
    if "nome" in vitima:
        vitima["nome"] = "invadida"
    trocar_linhas(meu, tabela, lambda linhas: sorted([*linhas, vitima], key=_id))
    antes = antes_de(loja)
    saida = loja.direto(*(("--tabelas", tabela) if acaso.random() < 0.5 else ()))
    assert saida.codigo in (6, 8), saida.tudo
    antes.conferir_intacto()
