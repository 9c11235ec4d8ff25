"""A restauração no banco dos gatilhos hostis, pelo script de verdade, com as respostas num cano."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoio.balcao import LINHAS, TABELAS
from apoio.execucao import Saida
from apoio.impressoes import diferencas
from apoio.loja import (
    A_VIA_TANTO_FAZ,
    DIFICIL,
    DURANTE,
    GRUPO,
    INTEIRA,
    LOJA_X,
    PELA_DIRETA,
    PELAS_DUAS_VIAS,
    PRE,
    Antes,
    Loja,
    antes_de,
    com_backup,
    concluiu,
    copiar_deposito,
)
from apoio.lojinha import DONO
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.apelido import TAMANHO
from cofre.base.comandos import RESTAURACAO, comando
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.servidor import SupabaseLocal

ACIDENTE = (
    # O produto AVULSO e o cliente C-0001 furam regras NOT VALID e não voltariam: ficam de fora.
    "UPDATE produtos SET preco = preco * 10 WHERE id IN (SELECT id FROM produtos"
    f" WHERE user_id = '{LOJA_X}' AND codigo_interno IS DISTINCT FROM 'AVULSO'"
    " ORDER BY id LIMIT 12)",
    f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno IS DISTINCT FROM 'C-0001'",
)
"""Os preços estragados e os clientes apagados, por engano, com os gatilhos funcionando."""
VENDAS_APAGADAS = (
    "DELETE FROM vendas WHERE id IN (SELECT id FROM vendas v"
    f" WHERE user_id = '{LOJA_X}' AND NOT EXISTS (SELECT 1 FROM vendas_itens i JOIN produtos p"
    " ON p.id = i.produto_id WHERE i.venda_id = v.id AND p.preco < 0) ORDER BY id LIMIT 4)"
)
"""Estornam o caixa e devolvem estoque; ao voltar, lançariam tudo de novo."""
NOVO = f"INSERT INTO clientes (user_id, nome) VALUES ('{LOJA_X}', 'Novo da Silva')"
NUMEROS_TROCADOS = (
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
"""Duas ordens trocam de número; uma nova toma o de outra, e outra o de uma apagada, que só depois
de ela sair pode voltar."""
EMPRESA_APAGADA = f"DELETE FROM empresas WHERE user_id = '{LOJA_X}'"
"""Leva a equipe junto; ao voltar, o gatilho inventa funções e logins."""
AGORA = f"UPDATE produtos SET nome = 'Agora' WHERE user_id = '{LOJA_X}' AND preco > 0"
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
3. produtos (1 backup)
4. clientes (1 backup)
5. vendas (1 backup)
6. vendas_itens (1 backup)
7. caixa (1 backup)
8. categorias (1 backup)
9. fornecedores (1 backup)
10. ordens_servico (1 backup)
11. funcionarios (1 backup)
12. Pedido Item (1 backup)
13. auditoria (1 backup)
14. funcoes (1 backup)
15. movimentacoes_caixa (1 backup)
16. movimentacoes_estoque (1 backup)
   (backup de AAAA-MM-DD HH:MM:SS; d outra data, p um registro, l outro projeto)

Escolha as tabelas (ex: 1,3 ou 0 para todas):\x20
⚠️ CONFIRMAÇÃO
Empresa: Loja X
Tabelas: produtos, categorias, Pedido Item

🚨 ATENÇÃO: Dados atuais serão sobrescritos!
✅ Apenas a empresa "Loja X" será afetada
✅ Outras empresas NÃO serão afetadas

🔎 PLANO (backup de AAAA-MM-DD HH:MM:SS)
   produtos: +0 ~2 −0 =58 (no backup 60, agora 60)
      ~ nome em 2, updated_at em 2
      ~ {primeiro}; {segundo}
   categorias: +0 ~0 −1 =7 (no backup 7, agora 8)
      mais novos que o backup, seriam removidos: Nova
   Pedido Item: +1 ~0 −0 =5 (no backup 6, agora 5)
      + {item}
   (+ repor, ~ alterar, − remover, = já iguais)

(m muda para: só repor o que falta; c: os campos)
Digite 'RESTAURAR' para confirmar:\x20
✅ RESTAURAÇÃO CONCLUÍDA!
Empresa: Loja X
Tabelas restauradas: 3
Total de registros: 73
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
ITEM = (
    f'"Código" = (SELECT min("Código"::text)::uuid FROM "Pedido Item" WHERE user_id = \'{LOJA_X}\')'
)


def curto(nome: str) -> str:
    return nome if len(nome) <= TAMANHO else f"{nome[:TAMANHO]}…"


DESFAZER = comando(RESTAURACAO, "desfazer", "--empresa", LOJA_X)


def _sem_datas(texto: str) -> str:
    texto = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "AAAA-MM-DD HH:MM:SS", texto)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "AAAA-MM-DD HH:MM", texto)


def test_o_dialogo_do_manual_com_tres_respostas(loja: Loja) -> None:
    antes = antes_de(loja)
    primeiro, segundo = (
        curto(loja.valor(f"SELECT nome FROM produtos WHERE {DOIS} ORDER BY id LIMIT 1 OFFSET {n}"))
        for n in range(2)
    )
    item = curto(loja.valor(f'SELECT "Descrição do item" FROM "Pedido Item" WHERE {ITEM}'))
    loja.sql(
        f"UPDATE produtos SET nome = 'Estragado' WHERE {DOIS}",
        f"INSERT INTO categorias (user_id, nome) VALUES ('{LOJA_X}', 'Nova')",
        f'DELETE FROM "Pedido Item" WHERE {ITEM}',
    )
    saida = loja.restaurar(respostas=("2", "3,8,12", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert _sem_datas(saida.saida) == DIALOGO.format(
        item=item, primeiro=primeiro, segundo=segundo, comando=DESFAZER
    )
    assert saida.erros == ""
    antes.conferir()


@PELAS_DUAS_VIAS
def test_o_acidente_com_todas_as_tabelas(loja: Loja) -> None:
    """Primeiro, nada a fazer em empresa nenhuma; depois do acidente, o simulado e quem desiste não
    gravam nada; e o que se confirma traz tudo de volta, de uma vez."""
    antes = antes_de(loja)
    _nada_a_restaurar(antes)
    loja.sql(*ACIDENTE, NOVO, VENDAS_APAGADAS, *NUMEROS_TROCADOS, EMPRESA_APAGADA)
    assert loja.valor("SELECT count(*) FROM funcionarios") == 10
    _simular_e_desistir(loja)
    estragado = loja.estado(sem=frozenset())
    saida = loja.restaurar(respostas=("2", "0", "RESTAURAR"))
    assert concluiu(saida), saida.tudo
    assert "mais novos que o backup, seriam removidos: Novo da Silva" in saida.saida
    antes.conferir()
    # O ciclo entre a empresa e os funcionários, que caíram em cascata, fechou-se de novo.
    assert loja.valor(f"SELECT responsavel_id IS NOT NULL FROM empresas WHERE user_id = '{LOJA_X}'")
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


def _nada_a_restaurar(antes: Antes) -> None:
    """Tudo como no backup: as três empresas o dizem, e nada se grava."""
    loja, arquivos = antes.loja, antes.loja.arquivos()
    # A maior só pela direta: o que nela é diferente não é da via.
    so_direta = ((GRUPO, "1"),) if loja.via == DIRETA else ()
    for dono, numero in (*so_direta, (LOJA_X, "2"), (DIFICIL, "3")):
        saida = loja.restaurar(respostas=(numero, "0"))
        assert saida.codigo == 0, (dono, saida.tudo)
        assert saida.saida.endswith("\n✅ Os dados atuais já são iguais ao backup.\n")
    saida = loja.restaurar("--empresa", LOJA_X, "--simular")
    assert saida.codigo == 0, saida.tudo
    assert "✅ Os dados atuais já são iguais ao backup." in saida.saida
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos


def _simular_e_desistir(loja: Loja) -> None:
    """Há o que restaurar: o código 9 o diz, e nem ele nem a desistência mandam uma escrita."""
    antes, arquivos = antes_de(loja), loja.arquivos()
    loja.projeto.gateway.esquecer_pedidos()
    saida = loja.restaurar("--empresa", LOJA_X, "--simular")
    assert saida.codigo == 9, saida.tudo
    assert re.search(r"clientes: \+19 ~0 −1 =1", saida.saida), saida.saida
    saida = loja.restaurar(respostas=("2", "0", "q"))
    assert saida.codigo == 130, saida.tudo
    assert bool(loja.projeto.gateway.pedidos) == (loja.via == API)
    assert loja.escritas() == []
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos


def _reescritas_ditas(saida: str) -> list[tuple[str, str]]:
    return re.findall(r"(?:ℹ️|⚠️) (\w+)\.(\w+): o (?:próprio )?banco (?:reescreve|pôs)", saida)


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


BAIXAR_O_ESTOQUE = """
    CREATE TABLE movimentacoes (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL, produto_id bigint,
        quantidade integer
    );
    GRANT ALL ON movimentacoes TO service_role;
    CREATE FUNCTION baixar() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE item vendas_itens := coalesce(NEW, OLD);
        saem integer := CASE WHEN TG_OP = 'INSERT' THEN item.quantidade ELSE -item.quantidade END;
    BEGIN
        UPDATE produtos SET estoque = estoque - saem WHERE id = item.produto_id;
        INSERT INTO movimentacoes (user_id, produto_id, quantidade)
            SELECT user_id, id, saem FROM produtos WHERE id = item.produto_id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER baixar AFTER INSERT OR DELETE ON vendas_itens
        FOR EACH ROW EXECUTE FUNCTION baixar();
"""
"""Como na loja: os itens que voltam baixam o estoque de produtos, e lançam-no."""
DUAS_VENDAS_APAGADAS = "DELETE FROM vendas WHERE id IN (1, 2)"
DA_VENDA = "vendas,vendas_itens"
FORA_DA_VENDA = {"produtos", "movimentacoes"}


@pytest.fixture
def com_estoque(criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str) -> Antes:
    """Uma loja de poucas linhas em que se apagaram duas vendas, e a empresa como então ficou."""
    projeto = criar_supabase(VAZIO, sql=(TABELAS, LINHAS, BAIXAR_O_ESTOQUE))
    loja = com_backup(projeto, tmp_path / "backups")
    loja.sql(DUAS_VENDAS_APAGADAS)
    return antes_de(loja, DONO)


def test_efeitos_em_tabelas_nao_escolhidas(com_estoque: Antes) -> None:
    """O que um gatilho mudou em tabelas que ninguém escolheu mostra-se, explica-se e pergunta-se;
    sem diálogo, mantém-se, e desfazer traz o ponto de partida. (Por opção: test_registro.)"""
    antes, loja = com_estoque, com_estoque.loja
    _sem_dialogo(antes)
    _desfazer_com_os_efeitos(antes)
    assert [(d["acao"], d["estado"]) for d in loja.diarios()] == [
        ("restaurar", "desfeita"),
        ("desfazer", "concluida"),
    ]
    # `?` diz o que cada resposta faz; `v` não volta; `q` sai, e o que se faz depois vale.
    saida = _no_dialogo(antes, "?", "v", "q")
    assert "   Recomendado: s, se ninguém usava o sistema agora" in saida.saida
    assert saida.saida.count("   n: ficam como estão. É o certo se alguém trabalhava agora") == 2
    assert saida.codigo == 7, saida.tudo
    _desfazer_com_os_efeitos(antes)
    for resposta, efeitos in (("s", "desfazer"), ("n", "manter")):
        saida = _no_dialogo(antes, "talvez", resposta)
        assert saida.codigo == 0, saida.tudo
        assert loja.diarios()[-1]["efeitos"] == efeitos
        assert _mexidas_de_fora(antes) == (FORA_DA_VENDA if efeitos == "manter" else set())
        antes.conferir_outras()
        loja.sql(DUAS_VENDAS_APAGADAS)
        antes = antes_de(loja, DONO)


@PELA_DIRETA
def test_pela_direta_os_gatilhos_dormem_e_nao_ha_efeitos(com_estoque: Antes) -> None:
    saida = com_estoque.loja.direto("--tabelas", DA_VENDA, "--efeitos", "manter", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert _mexidas_de_fora(com_estoque) == set()
    assert "TABELAS NÃO ESCOLHIDAS QUE MUDARAM" not in saida.saida
    _desfazer_com_os_efeitos(com_estoque)


def _mexidas_de_fora(antes: Antes) -> set[str]:
    """As tabelas que mudaram sem que ninguém as escolhesse; as escolhidas mudaram todas."""
    mudou, escolhidas = set(diferencas(antes.loja.estado(DONO), antes.estado)), DA_VENDA.split(",")
    assert mudou >= {*escolhidas}
    return mudou - {*escolhidas}


def _sem_dialogo(antes: Antes) -> None:
    """Sem a opção, são mostrados e mantidos: nunca desfeitos em silêncio."""
    saida = antes.loja.direto("--tabelas", DA_VENDA, dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert _mexidas_de_fora(antes) == FORA_DA_VENDA
    assert "TABELAS NÃO ESCOLHIDAS QUE MUDARAM" in saida.saida
    antes.conferir_outras()


def _no_dialogo(antes: Antes, *respostas: str) -> Saida:
    saida = antes.loja.restaurar(respostas=("1", DA_VENDA, "RESTAURAR", *respostas))
    assert "TABELAS NÃO ESCOLHIDAS QUE MUDARAM" in saida.saida
    assert "   n: ficam como estão. É o certo se alguém trabalhava" in saida.saida
    assert "\n   produtos: 0 a mais, 3 mudadas, 0 a menos" in saida.saida
    assert "\n   movimentacoes: 3 a mais, 0 mudadas, 0 a menos" in saida.saida
    return saida


def _desfazer_com_os_efeitos(antes: Antes) -> None:
    """O que os gatilhos da restauração mudaram fora da escolha também volta, se pedido."""
    desfeita = antes.loja.restaurar(
        "desfazer", "--empresa", DONO, "--confirmar", "DESFAZER", "--efeitos", "desfazer"
    )
    assert desfeita.codigo == 0, desfeita.tudo
    antes.conferir()


@pytest.mark.parametrize(("via", "como"), [(DIRETA, "dialogo"), (API, "opcao")], indirect=["via"])
def test_so_o_que_falta(oficina: Loja, como: str) -> None:
    """Os clientes apagados voltam; os preços e o cliente novo ficam como estão."""
    original = antes_de(oficina, DONO)
    oficina.sql(
        "UPDATE produtos SET preco = preco * 10 WHERE id <= 12",
        f"UPDATE vendas SET cliente_id = NULL WHERE user_id = '{DONO}'",
        f"DELETE FROM clientes WHERE user_id = '{DONO}' AND id <> md5('c1')::uuid",
        f"INSERT INTO clientes VALUES (gen_random_uuid(), '{DONO}', 'Novo da Silva')",
    )
    estragado = oficina.estado(DONO)
    if como == "dialogo":
        saida = oficina.restaurar(respostas=("1", "produtos,clientes", "n", "m", "RESTAURAR"))
        assert "Modo: só repor o que falta (nada é alterado nem removido)" in saida.saida
        assert "ℹ️ 39 registros voltam; nada é alterado nem removido\n" in saida.saida
    else:
        opcoes = ("--tabelas", "produtos,clientes", "--modo", "recuperar")
        saida = oficina.direto(*opcoes, dono=DONO)
    assert saida.codigo == 0, saida.tudo
    agora = oficina.estado(DONO)
    ambos = {c["id"]: c for c in (*original.estado["clientes"], *estragado["clientes"])}
    assert {c["id"]: c for c in agora.pop("clientes")} == ambos
    assert agora == {t: linhas for t, linhas in estragado.items() if t != "clientes"}
    original.conferir_outras()
    if como == "dialogo":  # m duas vezes volta ao primeiro modo, e o que ficou volta também
        saida = oficina.restaurar(respostas=("1", "0", "m", "m", "RESTAURAR"))
        assert saida.codigo == 0, saida.tudo
        original.conferir()


@pytest.mark.parametrize(
    "respostas",
    [
        (),
        ("q",),
        ("1",),
        ("1", "q"),
        ("1", "0"),
        ("1", "0", ""),
        ("1", "0", "restaurar"),
        ("1", "0", "m", "q"),
    ],
    ids=lambda r: "+".join(r) or "nada",
)
def test_desistir_nao_grava_nada(intacta: Loja, respostas: tuple[str, ...]) -> None:
    saida = intacta.restaurar(respostas=respostas)
    assert saida.codigo == 130, saida.tudo
    assert saida.erros == ""
    assert saida.saida.endswith("👋 Restauração cancelada.\n   Nada foi alterado.\n")


def test_confirmar_com_a_palavra_errada_cancela(intacta: Loja) -> None:
    saida = intacta.restaurar("--empresa", DONO, "--confirmar", "restaurar")
    assert saida.codigo == 130, saida.tudo


@pytest.mark.parametrize(
    ("resposta", "tabelas"),
    [
        ("1,3", "empresas, clientes"),
        ("2-5", "produtos, clientes, vendas, vendas_itens"),
        ("3, 2 - 2 ,1", "empresas, produtos, clientes"),
        ("clientes,produtos", "produtos, clientes"),
        ("VENDAS_itens, 3", "clientes, vendas_itens"),
    ],
)
def test_escolha_de_tabelas(intacta: Loja, resposta: str, tabelas: str) -> None:
    saida = intacta.restaurar(respostas=("1", resposta, "n", "q"))
    assert saida.codigo == 130, saida.tudo
    assert f"Tabelas: {tabelas}\n" in saida.saida


@pytest.fixture(scope="module")
def estragada(
    projeto: SupabaseLocal, backup_da_lojinha: Path, tmp_path_factory: pytest.TempPathFactory
) -> Antes:
    deposito = copiar_deposito(backup_da_lojinha, tmp_path_factory.mktemp("estragada"))
    loja = Loja(projeto, deposito, DIRETA)
    loja.sql(
        f"UPDATE produtos SET preco = preco * 10 WHERE user_id = '{DONO}' AND id <= 12",
        f"UPDATE empresas SET nome = 'Outra' WHERE user_id = '{DONO}'",
        f"UPDATE clientes SET nome = 'Outro' WHERE user_id = '{DONO}'",
        "DELETE FROM vendas_itens WHERE venda_id < 1000",
    )
    return antes_de(loja, DONO)


@pytest.fixture
def intacta(estragada: Antes) -> Iterator[Loja]:
    """Uma loja com o que restaurar, de que no fim do teste nada mudou: nem o banco, nem o
    depósito."""
    arquivos = estragada.loja.arquivos()
    yield estragada.loja
    estragada.conferir_intacto()
    assert estragada.loja.arquivos() == arquivos


@A_VIA_TANTO_FAZ
def test_respostas_erradas_perguntam_se_de_novo_e_so_as_tabelas_escolhidas_mudam(
    loja: Loja,
) -> None:
    loja.sql(
        *ACIDENTE[:1],
        NOVO,
        OUTRO_NOME,
        f'UPDATE "Pedido Item" SET "ordem.linha" = 99 WHERE user_id = \'{LOJA_X}\'',
    )
    antes = antes_de(loja)
    empresa = ("", "0", "4", "-1", "dois", "?")
    tabelas = ("", "17", "1,99", "5-2", "0,x", "produtos,nada", "4,,5", "-", "1-")
    certas = ("PEDIDO item, 4", "RESTAURAR")
    saida = loja.restaurar(respostas=(*empresa, "loja x", *tabelas, *certas))
    assert saida.codigo == 0, saida.tudo
    assert saida.saida.count("Escolha a empresa: ") == len(empresa) + 1
    assert saida.saida.count("Escolha as tabelas") == len(tabelas) + 1
    assert "Tabelas: clientes, Pedido Item\n" in saida.saida
    mexidas = set(diferencas(loja.estado(), antes.estado)) - {"auditoria"}
    assert mexidas == {"clientes", "Pedido Item"}
    antes.conferir_outras()


@A_VIA_TANTO_FAZ
def test_outra_data_pelo_d_ou_por_opcao(loja: Loja) -> None:
    antigo = antes_de(loja)
    (primeiro,) = loja.backups("manual")
    carimbo = re.search(r"\d{8}_\d{6}", primeiro["tabelas"]["produtos"]["arquivo"])
    assert carimbo
    loja.sql(f"UPDATE produtos SET nome = 'Do meio' WHERE user_id = '{LOJA_X}' AND preco > 0")
    assert loja.copiar("--empresa", LOJA_X).codigo == 0
    loja.sql(AGORA)
    saida = loja.restaurar(respostas=("2", "d", "9", "2", "produtos", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    datas = re.findall(
        r"^(\d)\. [\d: -]{19}  manual  [\d.]+ registros  completo(.*)$", saida.saida, re.M
    )
    assert datas == [("1", "  🔁 mudou muito  ← escolhido"), ("2", "")]
    assert "   Responda um número de 1 a 2, uma data (2026-11-26 03:00; 26/11;" in saida.saida
    antigo.conferir()
    loja.sql(AGORA)
    saida = loja.direto("--backup", carimbo.group())
    assert saida.codigo == 0, saida.tudo
    antigo.conferir()
    ambiguo = loja.direto("--backup", carimbo.group()[:4])
    assert ambiguo.codigo == 2
    assert f"--backup: há vários backups de {carimbo.group()[:4]}." in ambiguo.erros


def test_json(oficina: Loja) -> None:
    oficina.sql(f"INSERT INTO clientes VALUES (gen_random_uuid(), '{DONO}', 'Novo')")
    simulada = oficina.restaurar("--empresa", DONO, "--tabelas", "clientes", "--simular", "--json")
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
        "empresa": {"id": DONO, "nome": "Padaria Ação"},
        "tabelas": {"clientes": {"repor": 0, "alterar": 0, "remover": 1, "iguais": 40}},
        "reescritas": [],
        **do_plano,
    }
    feita = oficina.direto("--tabelas", "clientes", "--json", dono=DONO)
    assert feita.codigo == 0, feita.tudo
    assert feita.json() == {
        **do_backup,
        "codigo": 0,
        "empresa": {"id": DONO, "nome": "Padaria Ação"},
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
    saida = loja.restaurar("desfazer", "--empresa", LOJA_X)
    assert saida.codigo == 3
    assert "Não há restauração desta empresa para desfazer." in saida.erros
    loja.sql(*ACIDENTE, NOVO)
    antes = antes_de(loja)
    assert concluiu(loja.direto())
    saida = loja.restaurar("desfazer", "--empresa", LOJA_X, respostas=("não",))
    assert saida.codigo == 130
    assert loja.diarios()[0]["estado"] == "concluida"
    saida = loja.restaurar("desfazer", "--empresa", LOJA_X, respostas=("RESTAURAR",))
    assert concluiu(saida), saida.tudo
    antes.conferir()
    assert [d["estado"] for d in loja.diarios()] == ["desfeita", "concluida"]
    assert [d["acao"] for d in loja.diarios()] == ["restaurar", "desfazer"]


def test_uma_linha_em_seis_mil_da_poucas_escritas(oficina: Loja) -> None:
    oficina.sql(
        f"INSERT INTO produtos SELECT n, '{DONO}', 'item ' || n FROM generate_series(2001, 8000) n"
    )
    assert oficina.copiar("--empresa", DONO).codigo == 0
    antes = antes_de(oficina, DONO)
    oficina.sql("UPDATE produtos SET preco = 1 WHERE id = 2777")
    oficina.projeto.gateway.esquecer_pedidos()
    saida = oficina.direto("--tabelas", "produtos", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert oficina.escritas() == [("PATCH", "produtos")]
    antes.conferir()


def test_o_que_muda_no_meio_nao_se_perde_nem_fica(loja: Loja) -> None:
    """Quem grava entre a foto e a escrita não é atropelado calado: a mudança fica numa foto. E a
    coluna que um gatilho muda só na primeira vez (marcar de novo como entregue data a entrega de
    hoje), outra passada a corrige."""
    loja.sql(
        f"UPDATE ordens_servico SET situacao = 'entregue', entregue_em = '2025-03-04 05:06:07+00'"
        f" WHERE id = (SELECT min(id::text)::uuid FROM ordens_servico WHERE user_id = '{LOJA_X}')",
        sem_gatilhos=True,
    )
    assert loja.copiar("--empresa", LOJA_X).codigo == 0
    antes = antes_de(loja)
    loja.sql(
        "UPDATE ordens_servico SET situacao = 'aberta', entregue_em = NULL"
        " WHERE entregue_em = '2025-03-04 05:06:07+00'",
        *ACIDENTE[:1],
    )
    produto = loja.valor(
        f"SELECT max(id::text) FROM produtos WHERE user_id = '{LOJA_X}' AND preco > 0"
    )

    def intrometer(_pedido: object, vez: int) -> None:
        if vez == 1:
            loja.sql(f"UPDATE produtos SET preco = 777.77 WHERE id = '{produto}'")

    with loja.projeto.gateway.ao_pedir(intrometer, metodo="PATCH", tabela="produtos"):
        saida = loja.direto()
    assert saida.codigo == 0, saida.tudo
    reescritas = {("ordens_servico", "updated_at"), ("produtos", "updated_at")}
    assert set(_reescritas_ditas(saida.saida)) == reescritas
    antes.conferir()
    fotos = [
        json.loads((m["pasta"] / m["tabelas"]["produtos"]["arquivo"]).read_bytes())
        for m in loja.backups(DURANTE)
    ]
    assert any(p["id"] == produto and p["preco"] == 777.77 for foto in fotos for p in foto)
