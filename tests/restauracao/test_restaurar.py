"""A restauração no banco dos gatilhos hostis, pelo script de verdade, com as respostas num cano."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from apoio.impressoes import diferencas
from apoio.loja import (
    A_VIA_TANTO_FAZ,
    DIFICIL,
    DURANTE,
    GRUPO,
    INTEIRA,
    LOJA_X,
    PELAS_DUAS_VIAS,
    PRE,
    Antes,
    Loja,
    antes_de,
    concluiu,
)
from cofre.base.apelido import TAMANHO
from cofre.base.comandos import RESTAURACAO, comando
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.via.contrato import API, DIRETA

ACIDENTE = (
    # O produto AVULSO e o cliente C-0001 furam regras NOT VALID e não voltariam: ficam de fora.
    "UPDATE produtos SET preco = preco * 10 WHERE id IN (SELECT id FROM produtos"
    f" WHERE user_id = '{LOJA_X}' AND codigo_interno IS DISTINCT FROM 'AVULSO'"
    " ORDER BY id LIMIT 12)",
    f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno IS DISTINCT FROM 'C-0001'",
)
VENDAS_APAGADAS = (
    "DELETE FROM vendas WHERE id IN (SELECT id FROM vendas v"
    f" WHERE user_id = '{LOJA_X}' AND NOT EXISTS (SELECT 1 FROM vendas_itens i JOIN produtos p"
    " ON p.id = i.produto_id WHERE i.venda_id = v.id AND p.preco < 0) ORDER BY id LIMIT 4)"
)
NOVO = f"INSERT INTO clientes (user_id, nome) VALUES ('{LOJA_X}', 'Novo da Silva')"
"""Os preços estragados e os clientes apagados, por engano, com os gatilhos funcionando."""
OUTRO_NOME = f"UPDATE user_approvals SET full_name = 'Outra' WHERE user_id = '{LOJA_X}'"

DIALOGO = """\
🏢 EMPRESAS COM BACKUP DISPONÍVEL
1. Grupo Raval (último backup: AAAA-MM-DD HH:MM)
2. Loja X (último backup: AAAA-MM-DD HH:MM)
3. Zé & Filhos <script>alert("oi")</script> 🛠️ “Oficina”/\\:*? (último backup: AAAA-MM-DD HH:MM)

Escolha a empresa:\x20
📋 TABELAS DISPONÍVEIS
0. [TODAS AS TABELAS]
1. user_approvals (1 backup)
2. empresas (1 backup)
3. subscriptions (1 backup)
4. produtos (1 backup)
5. clientes (1 backup)
6. vendas (1 backup)
7. vendas_itens (1 backup)
8. caixa (1 backup)
9. categorias (1 backup)
10. fornecedores (1 backup)
11. despesas (1 backup)
12. ordens_servico (1 backup)
13. funcionarios (1 backup)
14. Pedido Item (1 backup)
15. auditoria (1 backup)
16. codigos_promocionais (1 backup)
17. configuracoes (1 backup)
18. contas_pagar (1 backup)
19. funcao_permissoes (1 backup)
20. funcoes (1 backup)
21. login_funcionarios (1 backup)
22. movimentacoes_caixa (1 backup)
23. movimentacoes_estoque (1 backup)
24. notas_fiscais (1 backup)
25. recibos (1 backup)
26. registro_acessos (1 backup)
27. tipos_dificeis (1 backup)
28. vendas_pagamentos (1 backup)
   (backup de AAAA-MM-DD HH:MM:SS; d outra data, p um registro, l outro projeto)

Escolha as tabelas (ex: 1,3 ou 0 para todas):\x20
⚠️ CONFIRMAÇÃO
Empresa: Loja X
Tabelas: produtos, categorias, despesas

🚨 ATENÇÃO: Dados atuais serão sobrescritos!
✅ Apenas a empresa "Loja X" será afetada
✅ Outras empresas NÃO serão afetadas

🔎 PLANO (backup de AAAA-MM-DD HH:MM:SS)
   produtos: +0 ~2 −0 =58 (no backup 60, agora 60)
      ~ nome em 2, updated_at em 2
      ~ {primeiro}; {segundo}
   categorias: +0 ~0 −1 =7 (no backup 7, agora 8)
      mais novos que o backup, seriam removidos: Nova
   despesas: +1 ~0 −0 =2 (no backup 3, agora 2)
      + {despesa}
   (+ repor, ~ alterar, − remover, = já iguais)

(m muda para: só repor o que falta; c: os campos)
Digite 'RESTAURAR' para confirmar:\x20
✅ RESTAURAÇÃO CONCLUÍDA!
Empresa: Loja X
Tabelas restauradas: 3
Total de registros: 70
O que mudou: 3 tabelas: 1 reposto, 2 alterados, 1 removido
ℹ️ produtos.updated_at: o próprio banco reescreve (2 registros)
   Com ℹ️, datas que o banco põe sozinho ao gravar: só a conexão direta (SUPABASE_DB_URL) as repõe.\
 Um novo plano mostra de novo o que o banco reescreve.

✅ Apenas a empresa Loja X foi restaurada
✅ Outras empresas permanecem intactas

Para desfazer:
  {comando}
"""


DOIS = f"codigo_interno IN ('P-00001', 'P-00002') AND user_id = '{LOJA_X}'"
DESPESA = f"""id = (SELECT id FROM despesas WHERE user_id = '{LOJA_X}' AND paga AND id NOT IN
    (SELECT despesa_id FROM contas_pagar WHERE despesa_id IS NOT NULL) ORDER BY id LIMIT 1)"""


def curto(nome: str) -> str:
    return nome if len(nome) <= TAMANHO else f"{nome[:TAMANHO]}…"


DESFAZER = comando(RESTAURACAO, "desfazer", "--empresa", LOJA_X)


def _sem_datas(texto: str) -> str:
    texto = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "AAAA-MM-DD HH:MM:SS", texto)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "AAAA-MM-DD HH:MM", texto)


@INTEIRA
def test_o_dialogo_do_manual_com_tres_respostas(loja: Loja) -> None:
    antes = antes_de(loja)
    primeiro, segundo = (
        curto(loja.valor(f"SELECT nome FROM produtos WHERE {DOIS} ORDER BY id LIMIT 1 OFFSET {n}"))
        for n in range(2)
    )
    despesa = loja.valor(f"SELECT descricao FROM despesas WHERE {DESPESA}")
    loja.sql(
        f"UPDATE produtos SET nome = 'Estragado' WHERE {DOIS}",
        f"INSERT INTO categorias (user_id, nome) VALUES ('{LOJA_X}', 'Nova')",
        f"DELETE FROM despesas WHERE {DESPESA}",
    )
    saida = loja.restaurar(respostas=("2", "4,9,11", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert _sem_datas(saida.saida) == DIALOGO.format(
        despesa=despesa, primeiro=primeiro, segundo=segundo, comando=DESFAZER
    )
    assert saida.erros == ""
    antes.conferir()


@PELAS_DUAS_VIAS
def test_o_acidente_com_todas_as_tabelas(loja: Loja) -> None:
    antes = antes_de(loja)
    loja.sql(*ACIDENTE, NOVO)
    estragado = loja.estado(sem=frozenset())
    saida = loja.restaurar(respostas=("2", "0", "RESTAURAR"))
    assert concluiu(saida), saida.tudo
    assert "mais novos que o backup, seriam removidos: Novo da Silva" in saida.saida
    antes.conferir()
    # O que se removeu está na foto de antes, inteiro.
    (pre,) = loja.backups(PRE)
    clientes = json.loads((pre["pasta"] / pre["tabelas"]["clientes"]["arquivo"]).read_bytes())
    assert sorted(c["nome"] for c in clientes) == sorted(c["nome"] for c in estragado["clientes"])
    assert "Novo da Silva" in {c["nome"] for c in clientes}
    (diario,) = loja.diarios()
    assert diario["estado"] == "concluida"
    assert diario["antes"] in pre["tabelas"]["clientes"]["arquivo"]
    assert diario["passadas"][0]["plano"]["clientes"]["remover"] == 1
    assert diario["usuario"]
    assert diario["maquina"]
    # Depois de restaurar, não há o que restaurar: só o que o banco reescreve difere.
    assert set(diario["desfecho"]["restantes"]) <= {t for t, _ in _reescritas_ditas(saida.saida)}


def _reescritas_ditas(saida: str) -> list[tuple[str, str]]:
    return re.findall(r"(?:ℹ️|⚠️) (\w+)\.(\w+): o (?:próprio )?banco (?:reescreve|pôs)", saida)


def test_a_linha_que_fura_uma_regra_e_recusada_com_explicacao(loja: Loja) -> None:
    loja.sql(f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno <> 'C-0003'")
    antes, arquivos = antes_de(loja), loja.arquivos()
    saida = loja.direto()
    assert saida.codigo == 8, saida.tudo
    assert "clientes_cpf_inteiro" in saida.saida
    assert "Uma regra (CHECK) nova não aceita o valor antigo" in saida.tudo
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos


@pytest.mark.parametrize("por_opcao", [False, True])
def test_pode_seguir_sem_as_linhas_recusadas(loja: Loja, por_opcao: bool) -> None:
    antes = antes_de(loja)
    loja.sql(f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno <> 'C-0003'")
    if por_opcao:
        saida = loja.direto("--aceitar", "registros")
    else:
        saida = loja.restaurar(respostas=("2", "0", "s", "RESTAURAR"))
        assert saida.saida.count("Restaurar o resto, sem esses registros? (s/n)") == 1
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    # Só a linha que o banco recusa (e o que aponta para ela) não voltou, e a tela o diz.
    assert "\n⚠️ CONCLUÍDA EM PARTE\n" in saida.saida
    assert (
        "⚠️ 1 cliente não voltou: a regra clientes_cpf_inteiro (CHECK) não aceita (23514)\n"
        in saida.saida
    )
    agora = diferencas(loja.estado(), antes.estado)
    assert [c["codigo_interno"] for c in agora["clientes"][1]] == ["C-0001"]
    assert agora["clientes"][0] == []
    assert set(agora) <= {"clientes", "vendas", "ordens_servico"}
    antes.conferir_outras()


@PELAS_DUAS_VIAS
def test_ciclo_entre_empresas_e_funcionarios_e_linhas_em_cascata(loja: Loja) -> None:
    """A empresa apagada leva a equipe junto; ao voltar, o gatilho inventa funções e logins."""
    antes = antes_de(loja)
    loja.sql(f"DELETE FROM empresas WHERE user_id = '{LOJA_X}'")
    assert loja.valor("SELECT count(*) FROM funcionarios") == 10
    saida = loja.direto()
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    assert loja.valor(f"SELECT responsavel_id IS NOT NULL FROM empresas WHERE user_id = '{LOJA_X}'")


@A_VIA_TANTO_FAZ
def test_autorreferencias(loja: Loja) -> None:
    """Uma árvore de categorias, mais funda que larga, volta com a mãe antes da filha."""
    loja.sql(
        f"INSERT INTO categorias (id, user_id, nome, pai_id) SELECT md5('c' || n)::uuid,"
        f" '{LOJA_X}', 'Nível ' || n, CASE WHEN n < 700 THEN md5('c' || n + 1)::uuid END"
        " FROM generate_series(700, 1, -1) n"
    )
    assert loja.copiar("--empresa", LOJA_X).codigo == 0
    antes = antes_de(loja)
    loja.sql("DELETE FROM categorias WHERE nome LIKE 'Nível %'")
    saida = loja.direto("--tabelas", "categorias")
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


@INTEIRA
@A_VIA_TANTO_FAZ
def test_filhas_que_perderam_a_mae_por_baixo_delas(loja: Loja) -> None:
    """As vendas somem sem levar o que pendia delas: pagamentos e recibos, que só a venda liga à
    empresa, ficam de ninguém. Com a venda de volta, são dela outra vez."""
    antes = antes_de(loja)
    loja.sql(
        f"UPDATE vendas_pagamentos p SET valor = 1 FROM vendas v WHERE v.user_id = '{LOJA_X}'"
        " AND v.id = p.venda_id AND p.venda_id IN (SELECT min(id::text)::uuid FROM vendas"
        f" WHERE user_id = '{LOJA_X}')",
        f"DELETE FROM vendas WHERE user_id = '{LOJA_X}'",
        sem_gatilhos=True,
    )
    vendas = "vendas,vendas_itens,vendas_pagamentos,recibos"
    saida = loja.direto("--tabelas", vendas, "--efeitos", "desfazer")
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


@PELAS_DUAS_VIAS
def test_valores_unicos_trocados_e_tomados(loja: Loja) -> None:
    """Duas ordens trocam de número; uma nova toma o de outra, e outra o de uma apagada, que só
    depois de ela sair pode voltar."""
    antes = antes_de(loja)
    loja.sql(
        "CREATE TEMP TABLE o AS SELECT id, numero_os, row_number() OVER (ORDER BY id) AS n"
        f" FROM ordens_servico WHERE user_id = '{LOJA_X}' ORDER BY id LIMIT 4",
        "UPDATE ordens_servico SET numero_os = 'x' WHERE id = (SELECT id FROM o WHERE n=1)",
        "UPDATE ordens_servico SET numero_os = (SELECT numero_os FROM o WHERE n=1)"
        " WHERE id = (SELECT id FROM o WHERE n=2)",
        "UPDATE ordens_servico SET numero_os = (SELECT numero_os FROM o WHERE n=2)"
        " WHERE id = (SELECT id FROM o WHERE n=1)",
        "UPDATE ordens_servico SET numero_os = 'outro' WHERE id = (SELECT id FROM o WHERE n=3)",
        "DELETE FROM ordens_servico WHERE id = (SELECT id FROM o WHERE n=4)",
        "INSERT INTO ordens_servico (user_id, numero_os, equipamento)"
        f" SELECT '{LOJA_X}', numero_os, 'nova' FROM o WHERE n IN (3, 4)",
    )
    saida = loja.direto("--tabelas", "ordens_servico")
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


def test_coluna_que_um_gatilho_muda_so_na_primeira_vez_volta(loja: Loja) -> None:
    """Marcar de novo como entregue data a entrega de hoje; outra passada a corrige."""
    antes = antes_de(loja)
    loja.sql(
        f"UPDATE ordens_servico SET situacao = 'entregue', entregue_em = '2025-03-04 05:06:07+00'"
        f" WHERE id = (SELECT min(id::text)::uuid FROM ordens_servico WHERE user_id = '{LOJA_X}')",
        sem_gatilhos=True,
    )
    assert loja.copiar("--empresa", LOJA_X).codigo == 0
    antes = antes_de(loja)
    loja.sql(
        "UPDATE ordens_servico SET situacao = 'aberta', entregue_em = NULL"
        " WHERE entregue_em = '2025-03-04 05:06:07+00'"
    )
    saida = loja.direto("--tabelas", "ordens_servico")
    assert saida.codigo == 0, saida.tudo
    assert _reescritas_ditas(saida.saida) == [("ordens_servico", "updated_at")]
    antes.conferir()


@PELAS_DUAS_VIAS
def test_efeitos_dos_gatilhos_nas_tabelas_escolhidas_sao_desfeitos(loja: Loja) -> None:
    """Vendas apagadas estornam o caixa e devolvem estoque; ao voltar, lançariam tudo de novo."""
    antes = antes_de(loja)
    loja.sql(VENDAS_APAGADAS)
    saida = loja.direto()
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


TABELAS_DA_VENDA = "vendas,vendas_itens,movimentacoes_caixa,caixa"


@pytest.mark.parametrize("efeitos", ["desfazer", "manter"])
def test_efeitos_em_tabelas_nao_escolhidas(loja: Loja, efeitos: str) -> None:
    """Os itens que voltam baixam o estoque de produtos, que ninguém escolheu."""
    loja.sql(VENDAS_APAGADAS)
    antes = antes_de(loja)
    resposta = "s" if efeitos == "desfazer" else "n"
    saida = loja.restaurar(respostas=("2", TABELAS_DA_VENDA, "RESTAURAR", "talvez", resposta))
    assert saida.codigo == 0, saida.tudo
    assert "TABELAS NÃO ESCOLHIDAS QUE MUDARAM" in saida.saida
    assert "   n: ficam como estão. É o certo se alguém trabalhava" in saida.saida
    assert re.search(r"\n   produtos: 0 a mais, \d+ mudadas, 0 a menos", saida.saida)
    assert re.search(r"\n   movimentacoes_estoque: \d+ a mais, 0 mudadas, 0 a menos", saida.saida)
    agora = loja.estado()
    mudou = {t for t in diferencas(agora, antes.estado) if t not in TABELAS_DA_VENDA.split(",")}
    assert mudou == (set() if efeitos == "desfazer" else {"produtos", "movimentacoes_estoque"})
    assert loja.diarios()[-1]["efeitos"] == efeitos
    antes.conferir_outras()


def test_efeitos_se_explicam_e_se_pode_decidir_depois(loja: Loja) -> None:
    """`?` diz o que cada resposta faz; `v` não volta; `q` sai, e o que se faz depois vale."""
    loja.sql(VENDAS_APAGADAS)
    antes = antes_de(loja)
    saida = loja.restaurar(respostas=("2", TABELAS_DA_VENDA, "RESTAURAR", "?", "v", "q"))
    assert "   Recomendado: s, se ninguém usava o sistema agora" in saida.saida
    assert saida.saida.count("   n: ficam como estão. É o certo se alguém trabalhava agora") == 2
    assert saida.codigo == 7, saida.tudo
    desfeita = loja.restaurar("desfazer", "--confirmar", "DESFAZER", "--efeitos", "desfazer")
    assert concluiu(desfeita), desfeita.tudo
    antes.conferir()


@pytest.mark.parametrize("efeitos", ["desfazer", None])
def test_efeitos_por_opcao_sem_dialogo(loja: Loja, efeitos: str | None) -> None:
    """Sem a opção, são mostrados e mantidos: nunca desfeitos em silêncio. (Com «manter», também:
    ver o que os desfaz depois.)"""
    loja.sql(VENDAS_APAGADAS)
    antes = antes_de(loja)
    opcao = ("--efeitos", efeitos) if efeitos else ()
    saida = loja.direto("--tabelas", TABELAS_DA_VENDA, *opcao)
    assert saida.codigo == 0, saida.tudo
    mudou = set(diferencas(loja.estado(), antes.estado)) - set(TABELAS_DA_VENDA.split(","))
    desfeitos = efeitos == "desfazer"
    assert mudou == (set() if desfeitos else {"produtos", "movimentacoes_estoque"})
    assert ("TABELAS NÃO ESCOLHIDAS QUE MUDARAM" in saida.saida) == (not desfeitos)
    antes.conferir_outras()


@pytest.mark.parametrize(("via", "como"), [(DIRETA, "dialogo"), (API, "opcao")], indirect=["via"])
def test_so_o_que_falta(loja: Loja, como: str) -> None:
    """Os clientes apagados voltam; os preços e o cliente novo ficam como estão."""
    original = antes_de(loja)
    loja.sql(*ACIDENTE, NOVO)
    estragado = loja.estado()
    if como == "dialogo":
        saida = loja.restaurar(respostas=("2", "produtos,clientes", "n", "m", "RESTAURAR"))
        assert "Modo: só repor o que falta (nada é alterado nem removido)" in saida.saida
        assert " registros voltam; nada é alterado nem removido\n" in saida.saida
    else:
        saida = loja.direto("--tabelas", "produtos,clientes", "--modo", "recuperar")
    assert concluiu(saida), saida.tudo
    agora = loja.estado()
    assert agora["produtos"] == estragado["produtos"]
    assert sorted(c["id"] for c in agora["clientes"]) == sorted(
        {c["id"] for c in [*original.estado["clientes"], *estragado["clientes"]]}
    )
    for cliente in [*original.estado["clientes"], *estragado["clientes"]]:
        assert cliente in agora["clientes"]
    original.conferir_outras()


@A_VIA_TANTO_FAZ
def test_m_duas_vezes_volta_ao_primeiro_modo(loja: Loja) -> None:
    antes = antes_de(loja)
    loja.sql(*ACIDENTE, NOVO)
    saida = loja.restaurar(respostas=("2", "0", "m", "m", "RESTAURAR"))
    assert concluiu(saida), saida.tudo
    antes.conferir()


@PELAS_DUAS_VIAS
def test_simular_diz_se_difere_e_nada_grava(loja: Loja) -> None:
    arquivos = loja.arquivos()
    saida = loja.restaurar("--empresa", LOJA_X, "--simular")
    assert saida.codigo == 0, saida.tudo
    assert "✅ Os dados atuais já são iguais ao backup." in saida.saida
    loja.sql(*ACIDENTE, NOVO)
    antes = antes_de(loja)
    loja.projeto.gateway.esquecer_pedidos()
    saida = loja.restaurar("--empresa", LOJA_X, "--simular")
    assert saida.codigo == 9, saida.tudo
    assert re.search(r"clientes: \+19 ~0 −1 =1", saida.saida), saida.saida
    assert loja.escritas() == []
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos


def test_simular_mostra_os_riscos_sem_perguntar(loja: Loja) -> None:
    loja.sql(f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno <> 'C-0003'")
    antes, arquivos = antes_de(loja), loja.arquivos()
    saida = loja.restaurar("--empresa", LOJA_X, "--simular", respostas=("s", "s", "RESTAURAR"))
    assert saida.codigo == 9, saida.tudo
    assert "❌ o banco recusa registros de clientes" in saida.saida
    assert "(s/n)" not in saida.saida
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos


@pytest.mark.parametrize(
    "respostas",
    [
        (),
        ("q",),
        ("2",),
        ("2", "q"),
        ("2", "0"),
        ("2", "0", "q"),
        ("2", "0", ""),
        ("2", "0", "restaurar"),
        ("2", "0", "RESTAURAR!"),
        ("2", "0", "sim"),
        ("2", "0", "m"),
        ("2", "0", "m", "q"),
    ],
    ids=lambda r: "+".join(r) or "nada",
)
def test_desistir_nao_grava_nada(intacta: Loja, respostas: tuple[str, ...]) -> None:
    saida = intacta.restaurar(respostas=respostas)
    assert saida.codigo == 130, saida.tudo
    assert saida.erros == ""
    assert saida.saida.endswith("👋 Restauração cancelada.\n   Nada foi alterado.\n")


@pytest.fixture(scope="module")
def estragada(loja_do_modulo: Loja) -> Antes:
    loja = replace(loja_do_modulo, via=DIRETA)
    loja.sql(*ACIDENTE, OUTRO_NOME)
    return antes_de(loja)


@pytest.fixture
def intacta(estragada: Antes) -> Iterator[Loja]:
    """Uma loja com o que restaurar, de que no fim do teste nada mudou: nem o banco, nem o
    depósito."""
    arquivos = estragada.loja.arquivos()
    yield estragada.loja
    estragada.conferir_intacto()
    assert estragada.loja.arquivos() == arquivos


def test_pela_api_desistir_nao_manda_nenhuma_escrita(intacta: Loja) -> None:
    pela_api = replace(intacta, via=API)
    pela_api.projeto.gateway.esquecer_pedidos()
    saida = pela_api.restaurar(respostas=("2", "0", "m", "q"))
    assert saida.codigo == 130, saida.tudo
    assert pela_api.projeto.gateway.pedidos
    assert pela_api.escritas() == []


def test_confirmar_com_a_palavra_errada_cancela(intacta: Loja) -> None:
    saida = intacta.restaurar("--empresa", LOJA_X, "--confirmar", "restaurar")
    assert saida.codigo == 130, saida.tudo


@A_VIA_TANTO_FAZ
def test_respostas_erradas_sao_perguntadas_de_novo(loja: Loja) -> None:
    antes = antes_de(loja)
    loja.sql(f"INSERT INTO fornecedores (user_id, nome) VALUES ('{LOJA_X}', 'Novo')")
    empresa = ("", "0", "4", "-1", "dois", "?")
    tabelas = ("", "17", "1,99", "5-2", "0,x", "produtos,nada", "4,,5", "-", "1-")
    saida = loja.restaurar(respostas=(*empresa, "loja x", *tabelas, "fornecedores", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert saida.saida.count("Escolha a empresa: ") == len(empresa) + 1
    assert saida.saida.count("Escolha as tabelas") == len(tabelas) + 1
    assert "Tabelas: fornecedores\n" in saida.saida
    antes.conferir()


@pytest.mark.parametrize(
    ("resposta", "tabelas"),
    [
        ("1,3", "user_approvals, produtos"),
        ("2-5", "empresas, produtos, clientes, vendas"),
        ("4, 3 - 3 ,2", "empresas, produtos, clientes"),
        ("clientes,produtos", "produtos, clientes"),
        ("PEDIDO item, 4", "clientes, Pedido Item"),
    ],
)
def test_escolha_de_tabelas(intacta: Loja, resposta: str, tabelas: str) -> None:
    saida = intacta.restaurar(respostas=("2", resposta, "n", "q"))
    assert saida.codigo == 130, saida.tudo
    assert f"Tabelas: {tabelas}\n" in saida.saida


@A_VIA_TANTO_FAZ
def test_so_as_tabelas_escolhidas_mudam(loja: Loja) -> None:
    loja.sql(
        *ACIDENTE[:1],
        NOVO,
        OUTRO_NOME,
        f'UPDATE "Pedido Item" SET "ordem.linha" = 99 WHERE user_id = \'{LOJA_X}\'',
    )
    antes = antes_de(loja)
    saida = loja.restaurar(respostas=("2", "PEDIDO item, 4", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert "Tabelas: clientes, Pedido Item\n" in saida.saida
    mexidas = set(diferencas(loja.estado(), antes.estado)) - {"auditoria"}
    assert mexidas == {"clientes", "Pedido Item"}
    antes.conferir_outras()


@A_VIA_TANTO_FAZ
def test_d_escolhe_outra_data(loja: Loja) -> None:
    antigo = antes_de(loja)
    loja.sql(f"UPDATE produtos SET nome = 'Do meio' WHERE user_id = '{LOJA_X}' AND preco > 0")
    assert loja.copiar("--empresa", LOJA_X).codigo == 0
    loja.sql(f"UPDATE produtos SET nome = 'Agora' WHERE user_id = '{LOJA_X}' AND preco > 0")
    saida = loja.restaurar(respostas=("2", "d", "9", "2", "produtos", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    datas = re.findall(
        r"^(\d)\. [\d: -]{19}  manual  [\d.]+ registros  completo(.*)$", saida.saida, re.M
    )
    assert datas == [("1", "  🔁 mudou muito  ← escolhido"), ("2", "")]
    assert "   Responda um número de 1 a 2, uma data (2026-11-26 03:00; 26/11;" in saida.saida
    antigo.conferir()


@A_VIA_TANTO_FAZ
def test_backup_por_opcao(loja: Loja) -> None:
    antigo = antes_de(loja)
    (primeiro,) = loja.backups("manual")
    carimbo = re.search(r"\d{8}_\d{6}", primeiro["tabelas"]["produtos"]["arquivo"])
    assert carimbo
    loja.sql(f"UPDATE produtos SET nome = 'Do meio' WHERE user_id = '{LOJA_X}' AND preco > 0")
    assert loja.copiar("--empresa", LOJA_X).codigo == 0
    saida = loja.direto("--backup", carimbo.group())
    assert saida.codigo == 0, saida.tudo
    antigo.conferir()
    ambiguo = loja.direto("--backup", carimbo.group()[:4])
    assert ambiguo.codigo == 2
    assert f"--backup: há vários backups de {carimbo.group()[:4]}." in ambiguo.erros


@PELAS_DUAS_VIAS
def test_plano_vazio(loja: Loja) -> None:
    antes, arquivos = antes_de(loja), loja.arquivos()
    # A maior só pela direta: o que nela é diferente não é da via.
    so_direta = ((GRUPO, "1"),) if loja.via == DIRETA else ()
    for dono, numero in (*so_direta, (LOJA_X, "2"), (DIFICIL, "3")):
        saida = loja.restaurar(respostas=(numero, "0"))
        assert saida.codigo == 0, (dono, saida.tudo)
        assert saida.saida.endswith("\n✅ Os dados atuais já são iguais ao backup.\n")
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos


def test_json(loja: Loja) -> None:
    loja.sql(NOVO)
    simulada = loja.restaurar("--empresa", LOJA_X, "--tabelas", "clientes", "--simular", "--json")
    assert simulada.codigo == 9, simulada.tudo
    assert simulada.json()["servidor"].startswith("PostgREST ")
    listas = ("inexatas", "pendentes", "riscos")
    do_plano: dict[str, object] = {"colunas": {}, "diferem": {}, **{nome: [] for nome in listas}}
    do_backup = {
        "acao": "restaurar",
        "servidor": simulada.json()["servidor"],
        "nada_a_mudar": False,
        "backup": {
            "carimbo": simulada.json()["backup"]["carimbo"],
            "estado": "completo",
            "faltam": [],
            "danos": [],
            "encolhimentos": [],
        },
    }
    assert simulada.json() == {
        **do_backup,
        "codigo": 9,
        "empresa": {"id": LOJA_X, "nome": "Loja X"},
        "tabelas": {"clientes": {"repor": 0, "alterar": 0, "remover": 1, "iguais": 20}},
        "reescritas": [],
        **do_plano,
    }
    feita = loja.direto("--tabelas", "clientes", "--json")
    assert feita.codigo == 0, feita.tudo
    assert feita.json() == {
        **do_backup,
        "codigo": 0,
        "empresa": {"id": LOJA_X, "nome": "Loja X"},
        "tabelas": {},
        "reescritas": [],
        **do_plano,
        "mudaram": {"clientes": {"repostos": 0, "alterados": 0, "removidos": 1}},
        "nao_voltaram": [],
        "fora": [],
    }
    assert "✅ RESTAURAÇÃO CONCLUÍDA!" in feita.erros


@A_VIA_TANTO_FAZ
def test_desfazer_traz_de_volta_o_estado_anterior(loja: Loja) -> None:
    loja.sql(*ACIDENTE, NOVO)
    antes = antes_de(loja)
    assert concluiu(loja.direto())
    saida = loja.restaurar("desfazer", "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    assert concluiu(saida), saida.tudo
    antes.conferir()
    assert [d["estado"] for d in loja.diarios()] == ["desfeita", "concluida"]
    assert [d["acao"] for d in loja.diarios()] == ["restaurar", "desfazer"]


@PELAS_DUAS_VIAS
def test_desfazer_com_os_efeitos_em_tabelas_nao_escolhidas(loja: Loja) -> None:
    """O que os gatilhos da restauração mudaram fora da escolha também volta, se pedido."""
    loja.sql(VENDAS_APAGADAS)
    antes = antes_de(loja)
    saida = loja.direto("--tabelas", TABELAS_DA_VENDA, "--efeitos", "manter")
    assert saida.codigo == 0, saida.tudo
    # Pela direta os gatilhos dormem, e não há efeitos.
    mudou = set(diferencas(loja.estado(), antes.estado)) - set(TABELAS_DA_VENDA.split(","))
    assert mudou == ({"produtos", "movimentacoes_estoque"} if loja.via == API else set())
    assert ("TABELAS NÃO ESCOLHIDAS QUE MUDARAM" in saida.saida) == (loja.via == API)
    desfeita = loja.restaurar(
        "desfazer", "--empresa", LOJA_X, "--confirmar", "RESTAURAR", "--efeitos", "desfazer"
    )
    assert desfeita.codigo == 0, desfeita.tudo
    antes.conferir()
    assert [(d["acao"], d["estado"]) for d in loja.diarios()] == [
        ("restaurar", "desfeita"),
        ("desfazer", "concluida"),
    ]


@A_VIA_TANTO_FAZ
def test_desfazer_no_dialogo_e_sem_nada_para_desfazer(loja: Loja) -> None:
    saida = loja.restaurar("desfazer", "--empresa", LOJA_X)
    assert saida.codigo == 3
    assert "Não há restauração desta empresa para desfazer." in saida.erros
    loja.sql(NOVO)
    antes = antes_de(loja)
    assert loja.direto().codigo == 0
    saida = loja.restaurar("desfazer", "--empresa", LOJA_X, respostas=("não",))
    assert saida.codigo == 130
    assert loja.diarios()[0]["estado"] == "concluida"
    saida = loja.restaurar("desfazer", "--empresa", LOJA_X, respostas=("RESTAURAR",))
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


def test_uma_linha_em_seis_mil_da_poucas_escritas(loja: Loja) -> None:
    loja.sql(
        'INSERT INTO "Pedido Item" ("Código", user_id, "Descrição do item")'
        f" SELECT md5('i' || n)::uuid, '{LOJA_X}', 'item ' || n FROM generate_series(1, 6000) n"
    )
    assert loja.copiar("--empresa", LOJA_X).codigo == 0
    antes = antes_de(loja)
    loja.sql('UPDATE "Pedido Item" SET "Preço Unitário" = 1 WHERE "Código" = md5(\'i777\')::uuid')
    loja.projeto.gateway.esquecer_pedidos()
    saida = loja.direto("--tabelas", "Pedido Item")
    assert saida.codigo == 0, saida.tudo
    assert loja.escritas() == [("PATCH", "Pedido%20Item")]
    antes.conferir()


def test_mudanca_de_outra_pessoa_no_meio_nao_se_perde(loja: Loja) -> None:
    """Quem grava entre a foto e a escrita não é atropelado calado: a mudança fica numa foto."""
    antes = antes_de(loja)
    loja.sql(*ACIDENTE[:1])
    produto = loja.valor(
        f"SELECT max(id::text) FROM produtos WHERE user_id = '{LOJA_X}' AND preco > 0"
    )

    def intrometer(_pedido: object, vez: int) -> None:
        if vez == 1:
            loja.sql(f"UPDATE produtos SET preco = 777.77 WHERE id = '{produto}'")

    with loja.projeto.gateway.ao_pedir(intrometer, metodo="PATCH", tabela="produtos"):
        saida = loja.direto()
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    fotos = [
        json.loads((m["pasta"] / m["tabelas"]["produtos"]["arquivo"]).read_bytes())
        for m in loja.backups(DURANTE)
    ]
    assert any(p["id"] == produto and p["preco"] == 777.77 for foto in fotos for p in foto)
