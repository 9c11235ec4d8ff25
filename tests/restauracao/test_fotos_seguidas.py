"""Uma restauração pela API tira várias fotos, e cada uma parte da anterior: o que não mudou só se
confere, e o que mudou entretanto está na que se guarda."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from apoio.execucao import abrir_restauracao, ate_o_fim, ler_ate, linhas_salvas, responder
from apoio.loja import DURANTE, PELA_API, PRE, Loja, antes_de, com_backup
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase

ESTRAGO = (
    "DELETE FROM vendas_itens WHERE venda_id < 1000 AND item = 2",
    "UPDATE produtos SET preco = 0 WHERE id <= 5",
)
CONFIRMAR = "Digite 'RESTAURAR' para confirmar: "


def lidas_inteiras(loja: Loja) -> Counter[str]:
    """Quantas páginas de linhas inteiras se leram de cada tabela, fora as que se releem antes de
    lhes mexer."""
    return Counter(
        v.tabela
        for v in loja.projeto.gateway.pedidos
        if v.pedido.parametros.get("select", "").startswith("*,xmin")
        and "order" in v.pedido.parametros
    )


@PELA_API
def test_so_se_le_de_novo_o_que_mudou_e_o_que_mudou_guarda_se(oficina: Loja) -> None:
    antes = antes_de(oficina, DONO)
    oficina.sql(*ESTRAGO)
    oficina.projeto.gateway.esquecer_pedidos()
    argumentos = ("--empresa", DONO, "--tabelas", "produtos,vendas_itens")
    processo = abrir_restauracao(
        oficina.projeto, oficina.destino, *argumentos, mais=oficina.ambiente
    )
    ler_ate(processo, CONFIRMAR)
    # Enquanto se lê o plano, a empresa mexe no que não se escolheu.
    oficina.sql("UPDATE clientes SET nome = 'Outro nome' WHERE id = md5('c7')::uuid")
    responder(processo, "RESTAURAR")
    saida = ate_o_fim(processo)
    assert saida.codigo == 0, saida.tudo
    # A do plano, inteira; depois, uma página do que mudou, e as tabelas em que se escreveu (os
    # itens são dois pedaços: os que dizem o dono, e os que o têm pela venda).
    assert lidas_inteiras(oficina) == {
        "empresas": 1,
        "vazia": 1,
        "vendas": 1,
        "clientes": 2,
        "produtos": 2,
        "vendas_itens": 4,
    }
    (foto,) = oficina.backups(PRE, DONO)
    assert b'"Outro nome"' in b"".join(linhas_salvas(foto, "clientes"))
    assert foto["consistencia"] == "instantanea"
    # Tudo como era, menos o que a empresa fez.
    oficina.sql("UPDATE clientes SET nome = 'Cliente 7' WHERE id = md5('c7')::uuid")
    antes.conferir()


@PELA_API
def test_de_uma_tabela_grande_em_que_pouco_mudou_so_se_leem_essas_paginas(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Com páginas de 30 linhas, os 300 produtos são dez."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,), max_linhas=30)
    loja = com_backup(projeto, tmp_path)
    antes = antes_de(loja, DONO)
    loja.sql(
        "UPDATE produtos SET preco = 0 WHERE id = 45",
        "INSERT INTO produtos SELECT n, user_id, 'A mais' FROM produtos, generate_series(400, 401)"
        " n WHERE id = 1",
        # De uma tabela pequena, ou em que muito mudou, tudo.
        "DELETE FROM vendas_itens WHERE venda_id < 1000 AND item = 2",
    )
    projeto.gateway.esquecer_pedidos()
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    # Os produtos: onze páginas na primeira foto, e na de depois as duas em que se mexeu.
    assert lidas_inteiras(loja) == {
        "empresas": 1,
        "vazia": 1,
        "clientes": 2,
        "vendas": 2,
        "produtos": 11 + 2,
        "vendas_itens": 1 + 1 + 2 + 2,
    }
    antes.conferir()


@PELA_API
def test_o_que_um_gatilho_muda_ao_escrever_ve_se_na_foto_seguinte(oficina: Loja) -> None:
    antes = antes_de(oficina, DONO)
    oficina.sql(
        *ESTRAGO,
        "CREATE FUNCTION contar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE clientes SET nome = nome || '*' WHERE id = md5('c7')::uuid; RETURN NULL; END $$",
        "CREATE TRIGGER conta AFTER INSERT ON vendas_itens EXECUTE FUNCTION contar()",
    )
    saida = oficina.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    # A segunda passada desfaz o efeito, e a foto de antes dela tem-no.
    (durante,) = oficina.backups(DURANTE, DONO)
    assert b"Cliente 7*" in b"".join(linhas_salvas(durante, "clientes"))
    antes.conferir()
