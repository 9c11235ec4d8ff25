"""Restaurar só alguns registros, ou só algumas colunas, por opções; nada mais se toca."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from apoio.balcao import DONO, MARIA
from apoio.execucao import abrir_restauracao
from apoio.impressoes import diferencas, estado
from apoio.loja import A_VIA_TANTO_FAZ, PELAS_DUAS_VIAS, Loja, antes_de, quer_gravar
from apoio.suicida import morte_no_pedido

TUDO = frozenset[tuple[str, str]]()
"""Nenhuma coluna fora da comparação."""

ESTRAGO = (
    f"DELETE FROM clientes WHERE id = '{MARIA}'",  # leva duas vendas, três itens e duas anotações
    f"UPDATE produtos SET preco = 0.01, estoque = estoque + 1 WHERE user_id = '{DONO}'",
    f"DELETE FROM anotacoes WHERE user_id = '{DONO}'",
    f"INSERT INTO clientes VALUES (gen_random_uuid(), '{DONO}', 'Nova')",
)


def _estado(loja: Loja) -> dict[str, list[Any]]:
    return estado(loja.projeto, DONO, TUDO)


def _restaurar(loja: Loja, *argumentos: str, codigo: int = 0) -> Any:
    saida = loja.direto(*argumentos, "--json", dono=DONO)
    assert saida.codigo == codigo, saida.tudo
    return saida.json()


@PELAS_DUAS_VIAS
def test_so_as_linhas_pedidas_voltam_e_o_desfazer_so_as_tira(balcao: Loja) -> None:
    """As da chave simples, as da composta com vírgula e aspas, e a de uma tabela sem chave, todas
    as vezes que lá estava. O que a empresa fez entretanto fica, também ao desfazer."""
    inicio = antes_de(balcao, DONO)
    balcao.sql(*ESTRAGO)
    estragado = _estado(balcao)
    documento = _restaurar(
        balcao,
        *("--linhas", f"clientes: id={MARIA}"),
        *(
            "--linhas",
            "vendas: numero=A-1",
            "--linhas",
            'Vendas_Itens: "item=b, ""c""", venda_id=1',
        ),
        *("--linhas", "anotacoes: texto=gosta de bolo"),
    )
    assert documento["recorte"] == {
        nome: {"registros": 1, "colunas": None}
        for nome in ("clientes", "vendas", "vendas_itens", "anotacoes")
    }
    so_agora = diferencas(_estado(balcao), estragado)
    era = inicio.estado
    assert so_agora == {
        "clientes": ([x for x in era["clientes"] if x["id"] == MARIA], []),
        "vendas": ([x for x in era["vendas"] if x["numero"] == "A-1"], []),
        "vendas_itens": ([x for x in era["vendas_itens"] if x["item"] == 'b, "c"'], []),
        "anotacoes": ([x for x in era["anotacoes"] if x["texto"] == "gosta de bolo"], []),
    }
    inicio.conferir_outras()
    balcao.sql(
        "UPDATE clientes SET nome = 'Editada depois' WHERE nome = 'Maria Clara'",
        f"INSERT INTO vendas VALUES (50, '{DONO}', 'A-50', 'c0000000-0000-4000-8000-000000000003')",
        f"INSERT INTO anotacoes VALUES ('{DONO}', 'depois', 2)",
    )
    depois = _estado(balcao)
    saida = balcao.restaurar("desfazer", "--empresa", DONO, "--confirmar", "DESFAZER")
    assert saida.codigo == 0, saida.tudo
    tirado = diferencas(_estado(balcao), depois)
    assert tirado == {nome: ([], voltou) for nome, (voltou, _) in so_agora.items()}
    inicio.conferir_outras()


@PELAS_DUAS_VIAS
def test_so_as_colunas_pedidas_voltam_em_quem_existe(balcao: Loja) -> None:
    inicio = antes_de(balcao, DONO)
    balcao.sql(*ESTRAGO, "DELETE FROM produtos WHERE id = 9")
    estragado = _estado(balcao)
    documento = _restaurar(balcao, "--campos", "preco")
    assert documento["recorte"] == {"produtos": {"registros": None, "colunas": ["preco"]}}
    precos = {x["id"]: (x["preco"], x["dobro"]) for x in inicio.estado["produtos"]}
    esperado = [
        {**x, "preco": precos[x["id"]][0], "dobro": precos[x["id"]][1]}
        for x in estragado["produtos"]
    ]
    assert _estado(balcao) == {**estragado, "produtos": esperado}
    inicio.conferir_outras()
    # Desfazer repõe os preços, e não o que se vendeu depois nem o que se apagou.
    balcao.sql(
        f"UPDATE produtos SET estoque = 77 WHERE user_id = '{DONO}' AND id < 4",
        "DELETE FROM produtos WHERE id = 8",
    )
    saida = balcao.restaurar("desfazer", "--empresa", DONO, "--confirmar", "DESFAZER")
    assert saida.codigo == 0, saida.tudo
    de_novo = [
        {**x, "estoque": "77"} if int(x["id"]) < 4 else x
        for x in estragado["produtos"]
        if x["id"] != "8"
    ]
    assert _estado(balcao) == {**estragado, "produtos": de_novo}


@A_VIA_TANTO_FAZ
def test_so_algumas_colunas_de_alguns_registros_de_um_arquivo(balcao: Loja, tmp_path: Path) -> None:
    inicio = antes_de(balcao, DONO)
    balcao.sql(*ESTRAGO)
    estragado = _estado(balcao)
    arquivo = tmp_path / "chaves.jsonl"
    arquivo.write_text(
        "\ufeff"
        + "\n".join(json.dumps({"tabela": "produtos", "chave": {"id": n}}) for n in (2, "3", 5))
        + "\r\n\r\n",
        "utf-8",
    )
    _restaurar(balcao, "--chaves", str(arquivo), "--campos", "preco,estoque")
    era = {x["id"]: x for x in inicio.estado["produtos"]}
    esperado = [era[x["id"]] if x["id"] in "235" else x for x in estragado["produtos"]]
    assert _estado(balcao) == {**estragado, "produtos": esperado}
    inicio.conferir_outras()
    ja_esta = balcao.direto("--chaves", str(arquivo), "--campos", "preco,estoque", dono=DONO)
    assert "✅ O que se escolheu já está como no backup." in ja_esta.saida
    assert ja_esta.codigo == 0


def _erro(loja: Loja, *argumentos: str) -> tuple[int, str]:
    saida = loja.direto(*argumentos, dono=DONO)
    return saida.codigo, saida.erros.split("\n❌ ")[-1].removeprefix("❌ ").rstrip()


@A_VIA_TANTO_FAZ
def test_o_que_nao_se_entende_diz_a_linha_e_nada_muda(balcao: Loja, tmp_path: Path) -> None:
    inicio = antes_de(balcao, DONO)
    arquivo = tmp_path / "c.jsonl"

    def chaves(*linhas: str) -> tuple[int, str]:
        arquivo.write_bytes("\n".join(linhas).encode("latin-1"))
        return _erro(balcao, "--chaves", str(arquivo))

    certa = '{"tabela":"produtos","chave":{"id":1}}'
    forma = 'Cada linha é um objeto JSON, em UTF-8: {"tabela": "vendas", "chave": {"id": 12}}'
    nao_e = f"c.jsonl, linha 2: não é uma chave.\n   {forma}"
    for errada in ("{", '{"tabela":"produtos"}', '{"tabela":"pão","chave":{"id":1}}', "[1]"):
        assert chaves(certa, errada) == (2, nao_e), errada
    assert chaves(certa, "", '{"tabela":"vendas_itens","chave":{"venda_id":1}}') == (
        2,
        "c.jsonl, linha 3: a chave de vendas_itens é venda_id, item.",
    )
    assert chaves('{"tabela":"anotacoes","chave":{"texto":"depois"}}') == (
        2,
        "c.jsonl, linha 1: a chave de anotacoes é a linha inteira.",
    )
    assert chaves(certa, '{"tabela":"produtos","chave":{"id":77}}')[0] == 3
    assert "linha 2" in chaves(certa, '{"tabela":"produtos","chave":{"id":77}}')[1]
    assert chaves("") == (2, f"{arquivo} não tem nenhuma chave.")
    assert _erro(balcao, "--chaves", str(tmp_path / "falta"))[0] == 2
    assert "Você quis dizer vendas?" in _erro(balcao, "--linhas", "venda: id=1")[1]
    assert _erro(balcao, "--linhas", "vendas: cor=1") == (
        2,
        "--linhas «vendas: cor=1»: vendas não tem a coluna cor.\n"
        "   Colunas de vendas: id, user_id, numero, cliente_id",
    )
    for mal_dita in ("vendas", "vendas:", "vendas: id", ": id=1", "vendas: =1"):
        codigo, dito = _erro(balcao, "--linhas", mal_dita)
        assert (codigo, dito.partition("\n")[0]) == (2, f"Não entendi --linhas «{mal_dita}».")
    assert _erro(balcao, "--campos", "preço")[1].startswith("No backup não há a coluna preço em ")
    assert "quem a escreve é o banco" in _erro(balcao, "--campos", "dobro")[1]
    assert _erro(balcao, "--campos", "preco", "--modo", "recuperar")[0] == 2
    assert _erro(balcao, "--linhas", "vendas: id=1", "--tabelas", "vendas")[0] == 2
    assert _erro(balcao, "--linhas", "vendas: id=1", "--somar")[0] == 2
    inicio.conferir_intacto()
    assert balcao.diarios() == []


@pytest.mark.parametrize("acao", ["continuar", "desfazer"])
def test_morta_no_meio_segue_e_volta_atras_so_no_que_se_escolheu(balcao: Loja, acao: str) -> None:
    """kill -9 depois da primeira escrita; a empresa não parou de trabalhar."""
    inicio = antes_de(balcao, DONO)
    balcao.sql(*ESTRAGO)
    estragado = _estado(balcao)

    pedido = ("--linhas", f"clientes: id={MARIA}", "--linhas", f"vendas: cliente_id={MARIA}")
    confirmada = ("--empresa", DONO, "--confirmar", "RESTAURAR")
    with morte_no_pedido(balcao.projeto, onde="depois", se=quer_gravar) as morrer:
        processo = abrir_restauracao(balcao.projeto, balcao.destino, *confirmada, *pedido)
        assert morrer(processo).codigo == -signal.SIGKILL
    meio = diferencas(_estado(balcao), estragado)
    assert {nome: (len(mais), menos) for nome, (mais, menos) in meio.items()} == {
        "clientes": (1, [])
    }
    balcao.sql("UPDATE clientes SET nome = 'Editada' WHERE nome = 'Maria Clara'")
    editado = {
        **estragado,
        "clientes": [
            {**x, "nome": "Editada"} if x["nome"] == "Maria Clara" else x
            for x in estragado["clientes"]
        ],
    }
    saida = balcao.restaurar(acao, *confirmada)
    assert saida.codigo == 0, saida.tudo
    voltou = diferencas(_estado(balcao), editado)
    if acao == "desfazer":
        assert voltou == {}
    else:
        assert voltou == {
            nome: ([x for x in inicio.estado[nome] if MARIA in (x["id"], x.get("cliente_id"))], [])
            for nome in ("clientes", "vendas")
        }
    inicio.conferir_outras()
