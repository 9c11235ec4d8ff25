"""A confirmação: o que volta, o que muda e o que sai pelo nome, o que fica, e o que se soltou."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apoio.execucao import Saida
from apoio.guardadas import Guardadas
from apoio.loja import PELA_API, TANTO_FAZ, Loja, antes_de, com_backup, copiar_deposito
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.terminal import num_terminal, sem_barras
from cofre.via.contrato import API, DIRETA

VIA = TANTO_FAZ

COFRES = f"""
    CREATE TABLE acessos (id bigint PRIMARY KEY, user_id uuid, senha_nome text, quando timestamp,
        venda_id bigint REFERENCES vendas);
    INSERT INTO acessos VALUES (1, '{DONO}', 'segredo-um', '2026-01-02 10:20:30', 5),
        (2, '{DONO}', 'segredo-dois', '2026-01-03 10:20:30', 6);
    GRANT ALL ON acessos TO service_role;
"""
CLIENTES = "(md5('c1')::uuid, md5('c2')::uuid)"
APAGADOS = (
    # As vendas 1 e 41 são do cliente 2; a 40, do 1. A venda 1 some com os seus itens e o acesso
    # não; a 2 fica, e perde um item.
    f"UPDATE vendas SET cliente_id = NULL WHERE cliente_id IN {CLIENTES}",
    f"DELETE FROM clientes WHERE id IN {CLIENTES}",
    "DELETE FROM vendas_itens WHERE venda_id = 1",
    "DELETE FROM vendas WHERE id = 1",
    "DELETE FROM vendas_itens WHERE venda_id = 41 AND item = 2",
)


@pytest.fixture(scope="module")
def guardada(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Loja, Guardadas]:
    """A loja com um backup, e as linhas dela."""
    projeto = criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, COFRES))
    loja = com_backup(projeto, tmp_path_factory.mktemp("confirmacao") / "backups")
    return loja, Guardadas.de(projeto)


@pytest.fixture
def loja(guardada: tuple[Loja, Guardadas], tmp_path: Path, via: str) -> Loja:
    """A do módulo como no começo, para um teste."""
    do_modulo, linhas = guardada
    linhas.repor()
    return Loja(do_modulo.projeto, copiar_deposito(do_modulo.destino, tmp_path), via)


def do_plano(saida: Saida) -> list[str]:
    """As linhas do último plano, até a legenda; por que via se escreve diz-se depois dela."""
    plano, legenda, _ = saida.saida.rpartition("🔎 PLANO")[2].partition("= já iguais)")
    return f"{plano}{legenda}".splitlines()[1:]


# -- os nomes ----------------------------------------------------------------------------------


def test_o_que_volta_o_que_muda_e_o_que_sai_tem_nome(loja: Loja) -> None:
    loja.sql(
        "UPDATE produtos SET preco = 0 WHERE id < 13",
        "UPDATE produtos SET nome = 'x' WHERE id IN (7, 8, 9)",
        "DELETE FROM vendas_itens WHERE venda_id = 60",
        "DELETE FROM produtos WHERE id IN (60)",
        f"INSERT INTO produtos VALUES (9001, '{DONO}', 'Sonho', 1)",
        "UPDATE acessos SET senha_nome = 'trocado', quando = NULL",
    )
    saida = loja.restaurar("--empresa", DONO, respostas=("não",))
    assert do_plano(saida) == [
        "   produtos: +1 ~12 −1 =287 (no backup 300, agora 300)",
        "      ~ preco em 12, nome em 3",
        "      + Pão 60",
        "      ~ Pão 1; Pão 2; Pão 3 e mais 9",
        "      mais novos que o backup, seriam removidos: Sonho",
        "   vendas_itens: +2 ~0 −0 =118 (no backup 120, agora 118)",
        "      + venda_id 60, item 1; venda_id 60, item 2",
        "   acessos: +0 ~2 −0 =0 (no backup 2, agora 2)",
        "      ~ senha_nome em 2, quando em 2",
        "      ~ id 1, 2026-01-02 10:20; id 2, 2026-01-03 10:20",
        "   4 tabelas já iguais (101 registros)",
        "   (+ repor, ~ alterar, − remover, = já iguais)",
    ]
    assert "segredo" not in saida.saida
    # Nem o log, nem o que outro programa lê, guardam dado algum da empresa; as contagens, sim.
    (*_, log) = sorted((loja.destino / "logs").iterdir())
    dito = log.read_text("utf-8")
    assert "~ preco em 12, nome em 3" in dito
    assert not re.search("Pão|Sonho|2026-01-0[23].10:20|trocado", dito)
    em_json = loja.restaurar("--empresa", DONO, "--simular", "--json")
    assert em_json.json()["colunas"] == {
        "produtos": {"preco": 12, "nome": 3},
        "acessos": {"senha_nome": 2, "quando": 2},
    }
    assert not re.search("Pão|Sonho|2026-01-0[23].10:20|trocado", em_json.saida + em_json.erros)


# -- campo a campo -------------------------------------------------------------------------------

ESTRAGOS = (
    "UPDATE produtos SET preco = 0.01 WHERE id < 13",
    "UPDATE produtos SET nome = 'x' WHERE id IN (7, 8, 9)",
    "DELETE FROM vendas_itens WHERE venda_id = 60",
    f"INSERT INTO produtos VALUES (9001, '{DONO}', 'Sonho', 1)",
    "UPDATE acessos SET senha_nome = 'trocado', quando = NULL",
)
CAMPO_A_CAMPO = """
🔎 CAMPO A CAMPO (hoje → como ficaria)
   produtos: +0 ~12 −1
      preco em 12: 0,010000000000000 → 1,123456789012345 (Pão 1); 0,010000000000000 →\
 2,123456789012345 (Pão 2); 0,010000000000000 → 3,123456789012345 (Pão 3) e mais 9
      nome em 3: x → Pão 7 (Pão 7); x → Pão 8 (Pão 8); x → Pão 9 (Pão 9)
      − Sonho
   vendas_itens: +2 ~0 −0
      + venda_id 60, item 1
      + venda_id 60, item 2
   acessos: +0 ~2 −0
      senha_nome em 2: não se mostra
      quando em 2: (nulo) → 2026-01-02T10:20:30 (id 1, 2026-01-02 10:20); (nulo) →\
 2026-01-03T10:20:30 (id 2, 2026-01-03 10:20)
"""


def test_c_mostra_os_campos_e_volta_a_pergunta(loja: Loja) -> None:
    loja.sql(*ESTRAGOS)
    estragado = loja.impressoes()
    saida = loja.restaurar("--empresa", DONO, respostas=("c", "não"))
    assert saida.codigo == 130, saida.tudo
    _, _, depois = saida.saida.partition("para confirmar: ")
    campos, _, resto = depois.partition("\n\n(m muda para")
    assert f"{campos}\n" == CAMPO_A_CAMPO
    assert resto.count("para confirmar: ") == 1
    (*_, log) = sorted((loja.destino / "logs").iterdir())
    assert not re.search(
        "Pão|Sonho|2026-01-0[23].10:20|trocado|segredo|0,010", log.read_text("utf-8")
    )
    assert loja.impressoes() == estragado


def test_com_detalhes_os_campos_tambem_sem_dialogo(loja: Loja) -> None:
    loja.sql(*ESTRAGOS)
    simulado = ("--empresa", DONO, "--simular", "--detalhes")
    saida = loja.restaurar(*simulado)
    assert (saida.codigo, saida.erros) == (9, "")
    assert saida.saida.endswith(CAMPO_A_CAMPO)
    em_json = loja.restaurar(*simulado, "--json")
    documento = em_json.json()
    assert documento["detalhes"] == {
        "produtos": {
            "preco": {
                "registros": 12,
                "exemplos": [
                    {
                        "registro": f"Pão {n}",
                        "hoje": "0.010000000000000",
                        "volta": f"{n}.123456789012345",
                    }
                    for n in (1, 2, 3)
                ],
            },
            "nome": {
                "registros": 3,
                "exemplos": [
                    {"registro": f"Pão {n}", "hoje": "x", "volta": f"Pão {n}"} for n in (7, 8, 9)
                ],
            },
        },
        "acessos": {
            "senha_nome": {"registros": 2, "exemplos": []},
            "quando": {
                "registros": 2,
                "exemplos": [
                    {
                        "registro": f"id {n}, 2026-01-0{n + 1} 10:20",
                        "hoje": None,
                        "volta": f"2026-01-0{n + 1}T10:20:30",
                    }
                    for n in (1, 2)
                ],
            },
        },
    }
    assert [tuple(x.values()) for x in documento["nomes"]] == [
        ("produtos", "remover", "Sonho"),
        ("vendas_itens", "repor", "venda_id 60, item 1"),
        ("vendas_itens", "repor", "venda_id 60, item 2"),
    ]
    assert not re.search("Pão|Sonho|2026-01-0[23].10:20|trocado|0,010", em_json.erros)
    assert "segredo" not in saida.tudo + em_json.tudo
    for arquivo in (*(loja.destino / "logs").iterdir(), loja.destino / "ultima_execucao.json"):
        assert not re.search(
            r"Pão|Sonho|2026-01-0[23].10:20|trocado|\b0[,.]01000", arquivo.read_text("utf-8")
        )
    so_um = loja.restaurar("--empresa", DONO, "--detalhes")
    assert (so_um.codigo, so_um.saida) == (2, "")


@pytest.mark.parametrize("colunas", [80, 50])
def test_num_terminal_os_campos_vem_aos_poucos(loja: Loja, colunas: int) -> None:
    """Nenhuma tela passa das 24 linhas, contada a pergunta; q volta à palavra, e Enter segue."""
    loja.sql("DELETE FROM vendas_itens WHERE venda_id < 61", "UPDATE acessos SET quando = NULL")
    inteiro = loja.restaurar("--empresa", DONO, "--simular", "--detalhes").saida
    nomes = re.findall(r"^      \+ (venda_id .*)$", inteiro, re.MULTILINE)[1:]
    assert len(nomes) == 120
    digitado = "\n".join(("1", "0", "c", *[""] * 6, "c", "?", "q", "q", ""))
    visto = sem_barras(num_terminal(loja.projeto, loja.destino, colunas, digitado))
    pergunta = "Enter mostra mais, q volta: "
    todas = re.split(f"{pergunta}\n?", visto.partition("para confirmar: ")[2])
    assert all(len(tela.splitlines()) <= 24 - 3 for tela in todas[1:-3])
    assert re.findall(r"^      \+ (venda_id .*)$", "".join(todas), re.MULTILINE)[:120] == nomes
    assert "Enter mostra a tela seguinte" in todas[-2]
    assert visto.count("(m muda para: só repor o que falta; c: os campos)") == 3
    ditas = [d for d in "".join(todas).splitlines() if not d.startswith("Digite")]
    assert all(len(dita) <= colunas for dita in ditas)


# -- o que acontece aos dados de hoje ------------------------------------------------------------


def test_so_repor_nao_e_sobrescrever(loja: Loja) -> None:
    loja.sql("DELETE FROM acessos WHERE id = 2")
    saida = loja.restaurar("--empresa", DONO, respostas=("não",))
    assert saida.saida.partition("⚠️ CONFIRMAÇÃO\n")[2].partition("\n🔎")[0] == (
        "Empresa: Padaria Ação\n"
        "Tabelas: empresas, produtos, clientes, vendas, vendas_itens, acessos, vazia\n"
        "\n"
        "ℹ️ 1 registro volta; nada é alterado nem removido\n"
        '✅ Apenas a empresa "Padaria Ação" será afetada\n'
        "✅ Outras empresas NÃO serão afetadas\n"
    )


def test_so_o_que_falta_diz_o_que_difere(loja: Loja) -> None:
    """Nada falta, mas algo difere: é dito, e dali mesmo se volta tudo."""
    antes = antes_de(loja, DONO)
    loja.sql("UPDATE produtos SET preco = 0 WHERE id < 13", "UPDATE clientes SET nome = 'x'"
             " WHERE id = md5('c1')::uuid")  # fmt: skip
    recuperar = ("--empresa", DONO, "--modo", "recuperar")
    estragado = loja.impressoes()
    deixado = loja.restaurar(*recuperar, respostas=("",))
    assert deixado.codigo == 0, deixado.tudo
    assert deixado.saida.partition("🔎 PLANO")[2].splitlines()[1:] == [
        "   produtos: nada falta; 12 diferentes ficam como estão (m volta tudo)",
        "   clientes: nada falta; 1 diferente fica como está (m volta tudo)",
        "   5 tabelas já iguais (183 registros)",
        "Digite m para voltar tudo (Enter deixa como está): ",
        "✅ Nada falta; 13 diferentes ficam como estão.",
    ]
    por_opcao = loja.restaurar(*recuperar, "--confirmar", "RESTAURAR", "--json")
    assert por_opcao.codigo == 0, por_opcao.tudo
    assert por_opcao.json()["diferem"] == {"produtos": 12, "clientes": 1}
    fim = "✅ Nada falta; 13 diferentes ficam como estão (--modo voltar volta tudo).\n"
    assert por_opcao.erros.endswith(fim)
    assert loja.impressoes() == estragado
    voltou = loja.restaurar(*recuperar, respostas=("m", "RESTAURAR"))
    assert voltou.codigo == 0, voltou.tudo
    antes.conferir_intacto()


def test_o_que_falta_e_o_que_difere_na_mesma_tabela(loja: Loja) -> None:
    loja.sql("UPDATE acessos SET quando = NULL WHERE id = 1", "DELETE FROM acessos WHERE id = 2")
    saida = loja.restaurar("--empresa", DONO, "--modo", "recuperar", respostas=("não",))
    assert do_plano(saida) == [
        "   acessos: +1 ~0 −0 =1 (no backup 2, agora 1)",
        "      + id 2, 2026-01-03 10:20",
        "      1 diferente fica como está (m volta tudo)",
        "   6 tabelas já iguais (521 registros)",
        "   (+ repor, ~ alterar, − remover, = já iguais)",
    ]


# -- o que pende do que volta --------------------------------------------------------------------

PENDEM = (
    "   ⚠️ 2 vendas perderam a ligação com clientes; 3 itens de venda e 1 venda que dependem de"
    " vendas e clientes sumiram\n"
)


@pytest.mark.parametrize("via", [API, DIRETA])
def test_o_que_pendia_do_que_volta_e_contado_e_somado(loja: Loja, via: str) -> None:
    antes = antes_de(loja, DONO)
    loja.sql(*APAGADOS)
    por_via = Loja(loja.projeto, loja.destino, via)
    saida = por_via.restaurar(
        "--empresa", DONO, "--tabelas", "clientes", respostas=("s", "RESTAURAR")
    )
    assert saida.codigo == 0, saida.tudo
    assert PENDEM in saida.saida
    assert "Tabelas: clientes, vendas, vendas_itens\n" in saida.saida
    assert saida.saida.count("Somar essas tabelas? (s/n): ") == 1
    antes.conferir_intacto()


def test_sem_dialogo_so_se_soma_o_que_se_pede(loja: Loja) -> None:
    antes = antes_de(loja, DONO)
    loja.sql(*APAGADOS)
    pedido = ("--tabelas", "clientes", "--json")
    simulado = loja.restaurar("--empresa", DONO, "--simular", *pedido)
    assert simulado.json()["pendentes"] == [
        {"tabela": "vendas", "de": ["clientes"], "soltos": 2, "sumiram": 1},
        {"tabela": "vendas_itens", "de": ["vendas"], "soltos": 0, "sumiram": 3},
    ]
    so_clientes = loja.direto(*pedido, dono=DONO)
    assert so_clientes.codigo == 0, so_clientes.tudo
    assert "sumiram (--somar soma essas tabelas)\n" in so_clientes.erros
    assert loja.valor("SELECT count(*) FROM vendas WHERE cliente_id IS NULL") == 2
    loja.sql(f"UPDATE vendas SET cliente_id = NULL WHERE cliente_id IN {CLIENTES}",
             f"DELETE FROM clientes WHERE id IN {CLIENTES}")  # fmt: skip
    somado = loja.direto(*pedido, "--somar", dono=DONO)
    assert somado.codigo == 0, somado.tudo
    antes.conferir_intacto()


def test_quem_nao_quer_somar_nao_e_perguntado_de_novo(loja: Loja) -> None:
    """E no modo que não religa nada, só se oferece o que sumiu."""
    loja.sql(*APAGADOS[:2])
    antes = antes_de(loja, DONO)
    so_soltas = ("--empresa", DONO, "--tabelas", "clientes")
    saida = loja.restaurar(*so_soltas, respostas=("n", "m", "não"))
    assert saida.codigo == 130, saida.tudo
    assert saida.saida.count("Somar essas tabelas?") == 1
    assert saida.saida.count("perderam a ligação com clientes\n") == 3
    antes.conferir_intacto()


@PELA_API
def test_quem_ganhou_outra_ligacao_nao_a_perdeu(loja: Loja) -> None:
    loja.sql("UPDATE vendas SET cliente_id = md5('c9')::uuid WHERE cliente_id = md5('c1')::uuid",
             "DELETE FROM clientes WHERE id = md5('c1')::uuid")  # fmt: skip
    saida = loja.restaurar("--empresa", DONO, "--tabelas", "clientes", respostas=("não",))
    assert "perd" not in saida.saida
    assert "= já iguais)\n\n(m muda para" in saida.saida


# -- telas inteiras ------------------------------------------------------------------------------

MENU_DE_24_LINHAS = """
📋 TABELAS DISPONÍVEIS
0. [TODAS AS TABELAS]
 1. user_approvals (1)         3   15. auditoria (1)              6
 2. empresas (1)               1   16. codigos_promocionais (1)  15
 3. subscriptions (1)          1   17. configuracoes (1)          1
 4. produtos (1)              60   18. contas_pagar (1)           0
 5. clientes (1)              20   19. funcao_permissoes (1)     42
 6. vendas (1)                15   20. funcoes (1)                4
 7. vendas_itens (1)          49   21. login_funcionarios (1)     5
 8. caixa (1)                  2   22. movimentacoes_caixa (1)   15
 9. categorias (1)             7   23. movimentacoes_estoque (1) 49
10. fornecedores (1)           4   24. notas_fiscais (1)          5
11. despesas (1)               3   25. recibos (1)                6
12. ordens_servico (1)         7   26. registro_acessos (1)       4
13. funcionarios (1)           5   27. tipos_dificeis (1)         3
14. Pedido Item (1)            6   28. vendas_pagamentos (1)     12
   (entre parênteses, em quantos backups está; ao lado, os registros neste)
   (backup de AAAA-MM-DD HH:MM:SS; d outra data, p um registro, l outro projeto)

Escolha as tabelas (ex: 1,3 ou 0 para todas): """


def test_vinte_e_oito_tabelas_cabem_em_24_linhas(loja: Loja, backup_da_loja: Path) -> None:
    visto = sem_barras(num_terminal(loja.projeto, backup_da_loja, 80, "2\nq\n"))
    menu = visto.partition("Escolha a empresa: ")[2]
    menu = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "AAAA-MM-DD HH:MM:SS", menu)
    assert menu.partition("para todas): ")[0] + "para todas): " == MENU_DE_24_LINHAS
    assert len(MENU_DE_24_LINHAS.splitlines()) <= 24


DE_50_COLUNAS = """
⚠️ CONFIRMAÇÃO
Empresa: Padaria Ação
Tabelas: todas (7)

🚨 ATENÇÃO: Dados atuais serão sobrescritos!
✅ Apenas a empresa "Padaria Ação" será afetada
✅ Outras empresas NÃO serão afetadas

🔎 PLANO (backup de AAAA-MM-DD HH:MM:SS)
   produtos: +0 ~12 −0 =288 (no backup 300, agora
      300)
      ~ preco em 12
      ~ Pão 1; Pão 2; Pão 3 e mais 9
   acessos: +1 ~0 −0 =1 (no backup 2, agora 1)
      + id 2, 2026-01-03 10:20
   5 tabelas já iguais (221 registros)
   (+ repor, ~ alterar, − remover, = já iguais)

(m muda para: só repor o que falta; c: os campos)
Digite 'RESTAURAR' para confirmar: """


@PELA_API
def test_num_terminal_de_50_colunas_o_plano_vem_junto_da_pergunta(loja: Loja) -> None:
    loja.sql("UPDATE produtos SET preco = 0 WHERE id < 13", "DELETE FROM acessos WHERE id = 2")
    visto = sem_barras(num_terminal(loja.projeto, loja.destino, 50, "1\n0\nq\n"))
    tela = visto.partition("para todas): ")[2].partition("para confirmar: ")[0]
    tela = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "AAAA-MM-DD HH:MM:SS", tela)
    assert tela.lstrip("\n") + "para confirmar: " == DE_50_COLUNAS.lstrip("\n")
