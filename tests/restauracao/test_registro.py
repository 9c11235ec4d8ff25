"""Trazer de volta um registro, com o que foi com ele: nada mais muda, nesta empresa e nas outras.

Na suíte, uns poucos estragos ao acaso; `python3 tests/campanhas registro` faz cem, pelas duas vias.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from apoio.balcao import DONO, LINHAS, MARIA
from apoio.campanha import CAMPANHA
from apoio.execucao import executar
from apoio.impressoes import Linha, diferencas, estado
from apoio.loja import (
    A_VIA_TANTO_FAZ,
    LOJA_X,
    PELA_API,
    PELAS_DUAS_VIAS,
    TANTO_FAZ,
    Loja,
    antes_de,
    concluiu,
)
from apoio.terminal import num_terminal, sem_barras
from cofre.via.contrato import API, DIRETA

VIA = TANTO_FAZ

TUDO = frozenset[tuple[str, str]]()
CASCATA = (f"DELETE FROM clientes WHERE id = '{MARIA}'", "DELETE FROM produtos WHERE id = 9")
"""Leva vendas, itens e anotações, solta ordens e um indicado; e um produto de que um item precisa,
com o item."""


def _estado(loja: Loja) -> dict[str, list[Linha]]:
    return estado(loja.projeto, DONO, TUDO)


def _registro(loja: Loja, *argumentos: str, respostas: tuple[str, ...] = ()) -> Any:
    return loja.restaurar("registro", "--empresa", DONO, *argumentos, respostas=respostas)


def _direto(loja: Loja, *argumentos: str) -> Any:
    return _registro(loja, *argumentos, "--confirmar", "RESTAURAR")


EDICOES = (
    "UPDATE ordens_servico SET texto = 'editada' WHERE id = 1",
    "UPDATE clientes SET telefone = '55' WHERE nome = 'Maria Clara'",
    f"INSERT INTO vendas VALUES (60, '{DONO}', 'B-1', 'c0000000-0000-4000-8000-000000000002')",
    f"INSERT INTO anotacoes VALUES ('{DONO}', 'depois', 2)",
)
"""O que a empresa faz depois que a cliente voltou, uma vez numa linha em que só se religou."""


@PELAS_DUAS_VIAS
def test_um_cliente_volta_com_tudo_o_que_foi_com_ele_em_quatro_respostas(balcao: Loja) -> None:
    """E o desfazer só tira o que voltou: o que a empresa fez desde então fica."""
    inicio = antes_de(balcao, DONO)
    balcao.sql(*CASCATA, *EDICOES)
    como_se_nunca = balcao.impressoes()
    balcao.sql(LINHAS, *CASCATA)
    saida = _registro(balcao, "davila", respostas=("1", "", "", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    inicio.conferir_intacto()
    balcao.sql(*EDICOES)
    saida = balcao.restaurar("desfazer", "--empresa", DONO, "--confirmar", "DESFAZER")
    assert saida.codigo == 0, saida.tudo
    assert balcao.impressoes() == como_se_nunca


@A_VIA_TANTO_FAZ
def test_so_ele_se_e_so_ele_que_se_quer(balcao: Loja) -> None:
    """Sem pergunta e sem --com-ligados, só o registro, e diz-se o que ficou; com a resposta n, o
    mesmo. O --json não diz dados."""
    inicio = antes_de(balcao, DONO)
    balcao.sql(*CASCATA)
    estragado = _estado(balcao)
    saida = _direto(balcao, "davila", "--json")
    assert saida.codigo == 0, saida.tudo
    documento = saida.json()
    assert documento["recorte"] == {"clientes": {"registros": 1, "colunas": None}}
    assert documento["ligados"] == [
        {"tabela": "produtos", "laco": "mae", "registros": 1},
        {"tabela": "vendas", "laco": "filha", "registros": 2},
        {"tabela": "vendas_itens", "laco": "filha", "registros": 3},
        {"tabela": "anotacoes", "laco": "filha", "registros": 1},
        {"tabela": "clientes", "laco": "solta", "registros": 1},
        {"tabela": "ordens_servico", "laco": "solta", "registros": 2},
    ]
    assert "Ávila" not in saida.tudo
    maria = [x for x in inicio.estado["clientes"] if x["id"] == MARIA]
    assert diferencas(_estado(balcao), estragado) == {"clientes": (maria, [])}
    balcao.sql(LINHAS, *CASCATA)
    saida = _registro(balcao, "davila", respostas=("", "", "n", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    assert diferencas(_estado(balcao), estragado) == {"clientes": (maria, [])}
    inicio.conferir_outras()


@A_VIA_TANTO_FAZ
def test_um_item_de_chave_composta_traz_as_maes_de_que_precisa(balcao: Loja) -> None:
    """A venda e a cliente dela, e o produto; e não os outros itens nem as outras vendas."""
    inicio = antes_de(balcao, DONO)
    balcao.sql(*CASCATA, "DELETE FROM produtos WHERE id = 2")
    estragado = _estado(balcao)
    chave = ("--tabela", "vendas_itens", "--chave", '1,"b, ""c"""')
    recusada = _direto(balcao, *chave)
    assert recusada.codigo == 8, recusada.tudo
    assert _estado(balcao) == estragado
    assert _registro(balcao, *chave, "--simular").codigo == 9
    saida = _direto(balcao, *chave, "--com-ligados", "--json")
    assert saida.codigo == 0, saida.tudo
    assert saida.json()["ligados"] == [
        {"tabela": "produtos", "laco": "mae", "registros": 1},
        {"tabela": "clientes", "laco": "mae", "registros": 1},
        {"tabela": "vendas", "laco": "mae", "registros": 1},
    ]
    era = inicio.estado
    assert diferencas(_estado(balcao), estragado) == {
        "produtos": ([x for x in era["produtos"] if x["id"] == "2"], []),
        "clientes": ([x for x in era["clientes"] if x["id"] == MARIA], []),
        "vendas": ([x for x in era["vendas"] if x["numero"] == "A-1"], []),
        "vendas_itens": ([x for x in era["vendas_itens"] if x["item"] == 'b, "c"'], []),
    }
    inicio.conferir_outras()


def test_varios_de_uma_vez_na_versao_em_que_estavam_todos(balcao: Loja) -> None:
    """Um mudou e outros dois sumiram: volta tudo do último backup de antes, também o que mudou. Uma
    linha sem chave é um registro."""
    balcao.sql("UPDATE produtos SET nome = 'Broa' WHERE id = 3")
    assert balcao.copiar("--empresa", DONO).codigo == 0
    inicio = antes_de(balcao, DONO)
    balcao.sql(
        "UPDATE produtos SET nome = 'Broa cara', preco = 99 WHERE id = 3",
        "DELETE FROM produtos WHERE id IN (4, 5)",
        "DELETE FROM anotacoes WHERE texto = 'paga em dia'",
    )
    assert balcao.copiar("--empresa", DONO).codigo == 0
    estragado = _estado(balcao)
    visto = _registro(balcao, "broa", respostas=("", "q")).saida
    assert "\n   nome: Broa → Broa cara; preco: 3,123456789012345 → 99,0" in visto
    assert re.search(r"\n2\. \S+ \S+  ← a que se oferece\n   nome: Pão 3 → Broa\n3\. ", visto)
    saida = _registro(balcao, "pão", "--tabela", "produtos", respostas=("1-2,9", "", "RESTAURAR"))
    assert "JUNTO COM" not in saida.saida
    assert saida.codigo == 0, saida.tudo
    saida = _registro(balcao, "paga em dia", respostas=("", "", "RESTAURAR"))
    assert saida.codigo == 0, saida.tudo
    inicio.conferir()
    assert diferencas(_estado(balcao), estragado).keys() == {"produtos", "anotacoes"}


def test_em_cada_pergunta_se_explica_se_volta_e_se_sai(balcao: Loja) -> None:
    inicio = antes_de(balcao, DONO)
    balcao.sql(*CASCATA)
    estragado = balcao.impressoes()
    passos = ("1", "", "", "RESTAURAR")
    explica = ("Qual volta:", "Como o registro volta:", "Enter (ou s) traz", "Acima está tudo")
    for n in range(4):
        saida = _registro(balcao, "davila", respostas=(*passos[:n], "?", "q"))
        assert saida.codigo == 130, saida.tudo
        assert "Restauração cancelada." in saida.saida
        assert f"   {explica[n]}" in saida.saida
    # Palavras que não se disseram perguntam-se; nada achado pergunta de novo; v volta uma a uma.
    saida = balcao.restaurar(
        "registro",
        respostas=(
            *("padaria", "ninguém assim", "", "v", "Padaria", "davila", "9", "v", "davila"),
            *("1", "v", "1", "9", "1,2", "1", "v", "", "x", "", "v", "", "n", "v", "", "s"),
            "RESTAURAR",
        ),
    )
    assert saida.codigo == 0, saida.tudo
    inicio.conferir_intacto()
    assert estragado != balcao.impressoes()
    # Com a versão já dita, v volta aos registros.
    balcao.sql(LINHAS, *CASCATA)
    primeiro = min(m.stem[-15:] for m in balcao.destino.glob("empresa_aaaa1111/backup_m*"))
    passos_com_backup = ("1", "v", "1", "", "RESTAURAR")
    saida = _registro(balcao, "davila", "--backup", primeiro, respostas=passos_com_backup)
    assert saida.codigo == 0, saida.tudo
    assert (saida.saida.count("É este?"), saida.saida.count("Qual versão?")) == (2, 0)
    inicio.conferir_intacto()
    # Na restauração comum, p na pergunta das tabelas leva ao mesmo, e v volta a elas.
    balcao.sql(LINHAS, *CASCATA)
    pelo_p = ("padaria", "p", "v", "P", "davila", "", "", "", "RESTAURAR")
    saida = balcao.restaurar(respostas=pelo_p)
    assert saida.codigo == 0, saida.tudo
    assert saida.saida.count("Escolha as tabelas") == 2
    inicio.conferir_intacto()


def test_o_que_nao_da_para_fazer_diz_o_que_falta(balcao: Loja) -> None:
    inicio = antes_de(balcao, DONO)
    saida = _direto(balcao, "maria")
    assert saida.codigo == 2
    assert saida.erros.rstrip().split("\n   ") == [
        "❌ 2 registros assim, e só pode ser um.",
        f"--tabela clientes --chave {MARIA}",
        "--tabela clientes --chave c0000000-0000-4000-8000-000000000003",
    ]
    assert _direto(balcao, "vizinha").codigo == 3
    assert _direto(balcao).codigo == 2
    assert _registro(balcao, "davila", "--com-ligados", "--sem-ligados").codigo == 2
    assert _registro(balcao, "--campos", "preco", "davila").codigo == 2
    balcao.sql("INSERT INTO produtos VALUES (70, '" + DONO + "', 'Sonho', 1, 1)")
    assert balcao.copiar("--empresa", DONO).codigo == 0
    primeiro = min(m.stem[-15:] for m in balcao.destino.glob("empresa_aaaa1111/backup_m*"))
    saida = _direto(balcao, "sonho", "--backup", primeiro)
    assert (saida.codigo, "não tem o que se procura" in saida.erros) == (3, True)
    saida = _direto(balcao, "sonho")
    assert (saida.codigo, "✅ O que se escolheu já está como no backup." in saida.saida) == (
        0,
        True,
    )
    assert balcao.diarios() == []
    inicio.conferir_outras()


@PELAS_DUAS_VIAS
def test_o_que_um_gatilho_muda_no_que_nao_se_escolheu_e_dito_e_se_desfaz(balcao: Loja) -> None:
    """Também numa tabela de que só se escolheu uma linha: o item que volta baixa o estoque do
    produto dele; outro produto, de que o mesmo precisa, é dos que voltam."""
    balcao.sql(
        """
        CREATE OR REPLACE FUNCTION baixar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE produtos SET estoque = estoque - NEW.quantidade
            WHERE id IN (NEW.produto_id, 5); RETURN NULL; END $$;
        CREATE TRIGGER baixar AFTER INSERT ON vendas_itens FOR EACH ROW EXECUTE FUNCTION baixar();
        """
    )
    try:
        inicio = antes_de(balcao, DONO)
        balcao.sql("DELETE FROM produtos WHERE id = 9")
        chave = ("--tabela", "vendas_itens", "--chave", "2,a", "--com-ligados")
        saida = _direto(balcao, *chave, "--efeitos", "desfazer")
        assert saida.codigo == 0, saida.tudo
        inicio.conferir_intacto()
        mudou = "produtos: 0 a mais, 1 mudadas, 0 a menos" in saida.saida
        balcao.sql("DELETE FROM produtos WHERE id = 9")
        mantido = _direto(balcao, *chave)
        assert mantido.codigo == 0, mantido.tudo
        dito = "produtos: 0 a mais, 1 mudadas, 0 a menos" in mantido.saida
        pela_api = balcao.via == API
        assert (mudou, dito) == (False, pela_api)
        estoque = balcao.valor("SELECT estoque FROM produtos WHERE id = 5")
        assert estoque == (47 if pela_api else 50)
        assert balcao.valor("SELECT estoque FROM produtos WHERE id = 9") == 90
        inicio.conferir_outras()
    finally:
        balcao.sql("DROP TRIGGER baixar ON vendas_itens")


def test_de_um_backup_compactado(balcao: Loja, tmp_path: Path) -> None:
    inicio = antes_de(balcao, DONO)
    outra = Loja(balcao.projeto, tmp_path / "compactados", balcao.via)
    saida = executar(balcao.projeto, outra.destino, mais={"BACKUP_COMPACTAR": "sim"})
    assert saida.codigo == 0, saida.tudo
    assert list(outra.destino.glob("empresa_*/clientes_*.json.gz"))
    balcao.sql(*CASCATA)
    saida = _direto(outra, "davila", "--com-ligados")
    assert saida.codigo == 0, saida.tudo
    inicio.conferir_intacto()


def test_de_um_backup_da_primeira_versao(balcao: Loja, tmp_path: Path) -> None:
    """Indentado, sem somas nem colunas; só com as tabelas que ela salvava."""
    inicio = antes_de(balcao, DONO)
    outra = Loja(balcao.projeto, tmp_path / "primeira", balcao.via)
    pasta, carimbo = outra.destino / "empresa_aaaa1111", "20260116_182944"
    pasta.mkdir(parents=True)
    salvas = ("clientes", "vendas", "ordens_servico")
    for nome in salvas:
        como = f"SELECT json_agg(t)::text FROM {nome} t WHERE user_id = '{DONO}'"
        dito = json.dumps(json.loads(balcao.valor(como)), indent=2, ensure_ascii=False)
        (pasta / f"{nome}_{carimbo}.json").write_text(dito, "utf-8")
    meta = {
        "empresa_id": "aaaa1111-eeee-4000-8000-000000000001",
        "user_id": DONO,
        "nome": "Padaria Ação",
        "data_backup": "2026-01-16T18:29:44.000000",
        "tabelas_backup": len(salvas),
        "tabelas_falha": 0,
        "total_registros": 9,
        "tabelas": list(salvas),
    }
    arquivo = pasta / f"backup_metadata_{carimbo}.json"
    arquivo.write_text(json.dumps(meta, indent=2), "utf-8")
    balcao.sql(*CASCATA)
    estragado = _estado(balcao)
    saida = _direto(outra, "davila", "--com-ligados")
    assert saida.codigo == 0, saida.tudo
    queria = {**estragado, **{nome: inicio.estado[nome] for nome in salvas}}
    assert diferencas(_estado(balcao), queria) == {}
    inicio.conferir_outras()


QUATRO_RESPOSTAS = f"""\
1


RESTAURAR

🔎 ENCONTRADOS NOS BACKUPS
1. clientes  Maria D'Ávila (id c000…)  1 versão, 2026-01-16
   ainda existe no backup mais novo (2026-01-16 18:29)

É este? [Enter]¬
📜 VERSÕES DE Maria D'Ávila (id c000…)
1. 2026-01-16 18:29  ← a que se oferece

Qual versão? [Enter: 1]¬

🔗 JUNTO COM ELE, no backup (e hoje não)
   • ele precisa de 1 produto que sumiu: Pão 9
   • 2 vendas sumiram com ele: A-1; A-2
   • 3 itens de venda sumiram com ele: venda_id 1, item a; venda_id 1, item b,
     "c"; venda_id 2, item a
   • 1 registro de anotacoes sumiu com ele: user_id
     aaaa1111-0000-4000-8000-00000000…
   • 1 cliente perdeu a ligação com ele: João, o "Grande"
   • 2 ordens de serviço perderam a ligação com ele: id 1; id 2
Trazer tudo isso junto? [Enter; n traz só ele]¬

⚠️ CONFIRMAÇÃO
Empresa: Padaria Ação
Tabelas: produtos, clientes, vendas, vendas_itens, ordens_servico, anotacoes
Só: 1 produto; 2 clientes; 2 vendas; 3 itens de venda; cliente_id de 2 ordens de
    serviço; 1 registro de anotacoes

🚨 ATENÇÃO: Dados atuais serão sobrescritos!
✅ Apenas a empresa "Padaria Ação" será afetada
✅ Outras empresas NÃO serão afetadas

🔎 PLANO (backup de 2026-01-16 18:29:44)
   produtos: +1 ~0 −0 =0 (no backup 1, agora 0)
      + Pão 9
   clientes: +1 ~1 −0 =0 (no backup 2, agora 1)
      ~ indicado_por em 1
      + Maria D'Ávila
      ~ João, o "Grande"
   vendas: +2 ~0 −0 =0 (no backup 2, agora 0)
      + A-1; A-2
   vendas_itens: +3 ~0 −0 =0 (no backup 3, agora 0)
      + venda_id 1, item a; venda_id 1, item b, "c"; venda_id 2, item a
   ordens_servico: +0 ~2 −0 =0 (no backup 2, agora 2)
      ~ cliente_id em 2
      ~ id 1; id 2
   anotacoes: +2 ~0 −0 =0 (no backup 2, agora 0)
      + user_id aaaa1111-0000-4000-8000-00000000…; user_id
        aaaa1111-0000-4000-8000-00000000…
   (+ repor, ~ alterar, − remover, = já iguais)

(c: os campos)
Digite 'RESTAURAR' para confirmar:¬

✅ RESTAURAÇÃO CONCLUÍDA!
Empresa: Padaria Ação
Tabelas restauradas: 6
Total de registros: 11
O que mudou: 6 tabelas: 9 repostos, 3 alterados

✅ Apenas a empresa Padaria Ação foi restaurada
✅ Outras empresas permanecem intactas

Para desfazer:
  .venv/bin/python scripts/restaurar-empresa.py desfazer --empresa {DONO}
""".replace("¬", " ")
"""Um ¬ é um espaço no fim da linha."""


@PELA_API
def test_as_quatro_respostas_num_terminal_de_80_colunas(balcao: Loja) -> None:
    balcao.sql(*CASCATA)
    visto = num_terminal(
        balcao.projeto,
        balcao.destino,
        80,
        "1\n\n\nRESTAURAR\n",
        argumentos=("registro", "--empresa", "padaria", "maria", "davila"),
    )
    dito = re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?(:\d\d)?", _data, sem_barras(visto))
    assert max(map(len, dito.splitlines()[:-1])) <= 80
    assert dito == QUATRO_RESPOSTAS


def _data(achada: re.Match[str]) -> str:
    return "2026-01-16 18:29:44"[: len(achada[0])]


# -- ao acaso --------------------------------------------------------------------------------

CASOS = range(100) if CAMPANHA else range(3)
FKS = {
    "clientes": {"indicado_por": "clientes"},
    "vendas": {"cliente_id": "clientes"},
    "vendas_itens": {"venda_id": "vendas", "produto_id": "produtos"},
    "ordens_servico": {"cliente_id": "clientes"},
    "anotacoes": {"cliente_id": "clientes"},
}
CHAVES = {"vendas_itens": ("venda_id", "item"), "anotacoes": ()}
Ficha = tuple[str, ...]
Estado = dict[str, list[Linha]]


def _estrago(acaso: random.Random) -> list[str]:
    """Uns apagados, com o que levam, uns mudados e uns novos, ao acaso."""
    clientes = [f"c0000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3)]
    de = acaso.choice
    todos = [
        f"DELETE FROM clientes WHERE id = '{de(clientes)}'",
        f"DELETE FROM clientes WHERE id = '{de(clientes)}'",
        f"DELETE FROM produtos WHERE id = {acaso.randint(1, 9)}",
        f"DELETE FROM produtos WHERE id = {acaso.randint(1, 9)}",
        f"DELETE FROM vendas WHERE id = {acaso.randint(1, 3)}",
        f"DELETE FROM vendas_itens WHERE venda_id = {acaso.randint(1, 3)}",
        f"DELETE FROM ordens_servico WHERE id = {acaso.randint(1, 3)}",
        f"DELETE FROM anotacoes WHERE user_id = '{DONO}'",
        f"UPDATE clientes SET telefone = 'x' WHERE id = '{de(clientes)}'",
        f"UPDATE produtos SET preco = 1 WHERE id = {acaso.randint(1, 9)}",
        f"UPDATE vendas SET cliente_id = NULL WHERE id = {acaso.randint(1, 3)}",
        f"UPDATE ordens_servico SET cliente_id = NULL, texto = 'y'"
        f" WHERE id = {acaso.randint(1, 3)}",
        f"UPDATE ordens_servico SET cliente_id = (SELECT min(id::text)::uuid FROM clientes"
        f" WHERE user_id = '{DONO}') WHERE id = {acaso.randint(1, 3)}",
        f"INSERT INTO produtos VALUES (90, '{DONO}', 'Novo', 1, 1)",
        f"INSERT INTO anotacoes VALUES ('{DONO}', 'nova', 1)",
    ]
    return acaso.sample(todos, acaso.randint(3, 9))


def _ficha(tabela: str, linha: Linha) -> Ficha:
    colunas = CHAVES.get(tabela, ("id",)) or tuple(linha)
    return tuple(str(linha[c]) for c in colunas)


def _de_volta(era: Estado, agora: Estado, tabela: str, escolhida: Linha) -> Estado:
    """O que deve ficar, feito à mão: o registro como era; as mães que lhe faltam, e as delas; o que
    apontava para ele e sumiu, e o que apontava para isso; e as ligações que se anularam."""
    existem = {t: {_ficha(t, x) for x in linhas} for t, linhas in agora.items()}
    sumidas = {
        t: [x for x in linhas if _ficha(t, x) not in existem[t]] for t, linhas in era.items()
    }
    voltam: dict[tuple[str, Ficha], bool] = {}
    ligar: dict[tuple[str, Ficha], set[str]] = {}
    fila = [(tabela, escolhida, True)]
    while fila:
        nome, linha, desce = fila.pop()
        qual = (nome, _ficha(nome, linha))
        if voltam.get(qual) or (qual in voltam and not desce):
            continue
        voltam[qual] = desce
        for coluna, mae in FKS.get(nome, {}).items():
            fila += [(mae, x, False) for x in sumidas[mae] if x["id"] == linha[coluna]]
        for filha, fks in FKS.items() if desce and "id" in linha else ():
            for coluna in (c for c, mae in fks.items() if mae == nome):
                fila += [(filha, x, True) for x in sumidas[filha] if x[coluna] == linha["id"]]
                hoje = {_ficha(filha, x): x for x in agora[filha]}
                for x in era[filha]:
                    ficha = _ficha(filha, x)
                    if x[coluna] == linha["id"] and ficha in hoje and hoje[ficha][coluna] is None:
                        ligar.setdefault((filha, ficha), set()).add(coluna)
    return {t: _refeita(t, era[t], agora[t], voltam, ligar) for t in era}


def _refeita(
    tabela: str,
    era: list[Linha],
    agora: list[Linha],
    voltam: dict[tuple[str, Ficha], bool],
    ligar: dict[tuple[str, Ficha], set[str]],
) -> list[Linha]:
    antes = {_ficha(tabela, x): x for x in era}
    ficam = []
    for x in agora:
        qual = (tabela, _ficha(tabela, x))
        if qual not in voltam:
            ficam.append({**x, **{c: antes[qual[1]][c] for c in ligar.get(qual, ())}})
    return ficam + [x for x in era if (tabela, _ficha(tabela, x)) in voltam]


@pytest.mark.parametrize(
    ("via", "caso"),
    [(v, n) for n in CASOS for v in ((API, DIRETA) if CAMPANHA else ((DIRETA, API)[n % 2],))],
    indirect=["via"],
)
def test_de_um_estrago_ao_acaso_volta_so_o_registro_e_o_que_foi_com_ele(
    balcao: Loja, caso: int
) -> None:
    acaso = random.Random(caso)
    inicio = antes_de(balcao, DONO)
    era = _estado(balcao)
    balcao.sql(*_estrago(acaso))
    estragado, impressoes = _estado(balcao), balcao.impressoes()
    tabela = acaso.choice([t for t in era if t != "anotacoes" and t != "empresas" and era[t]])
    escolhida = acaso.choice(era[tabela])
    chave = ",".join(
        '"' + v.replace('"', '""') + '"' if set(v) & set('",') else v
        for v in _ficha(tabela, escolhida)
    )
    como = ("--tabela", tabela, "--chave", chave, "--com-ligados")
    saida = _direto(balcao, *como)
    assert saida.codigo == 0, (caso, como, saida.tudo)
    queria = _de_volta(era, estragado, tabela, escolhida)
    assert diferencas(_estado(balcao), queria) == {}, (caso, como, saida.tudo)
    inicio.conferir_outras()
    if "já está como no backup" not in saida.saida:
        saida = balcao.restaurar("desfazer", "--empresa", DONO, "--confirmar", "DESFAZER")
        assert saida.codigo == 0, (caso, como, saida.tudo)
    assert balcao.impressoes() == impressoes, (caso, como, saida.tudo)


@PELA_API
def test_o_que_o_banco_refaz_com_a_venda_fica_e_nao_se_pergunta(loja: Loja) -> None:
    """Apagada a venda, os gatilhos devolveram o estoque e tiraram do caixa; com ela de volta, fazem
    o contrário, e é assim que fica."""
    dos_itens = "FROM vendas_itens i JOIN produtos p ON p.id = i.produto_id WHERE i.venda_id = v.id"
    venda = loja.valor(
        f"SELECT v.id FROM vendas v WHERE v.user_id = '{LOJA_X}' AND v.caixa_id IS NOT NULL"
        f" AND (SELECT min(p.preco) {dos_itens}) > 0 ORDER BY v.id LIMIT 1"
    )
    antes = antes_de(loja)
    contas = {t: antes.estado[t] for t in ("produtos", "caixa", "vendas", "vendas_itens")}
    loja.sql(f"DELETE FROM vendas WHERE id = '{venda}'")
    assert diferencas(loja.estado(), antes.estado).keys() >= {"produtos", "caixa"}
    registro = ("registro", "--empresa", LOJA_X, "--tabela", "vendas", "--chave", str(venda))
    saida = loja.restaurar(*registro, respostas=("1", "", "", "RESTAURAR"))
    assert concluiu(saida), saida.tudo
    assert "⚠️ TABELAS NÃO ESCOLHIDAS QUE MUDARAM" in saida.saida
    assert (
        "Ficam assim: é o banco a acompanhar o que voltou, como o estoque de uma venda."
        in saida.saida
    )
    assert "Desfazer esses efeitos?" not in saida.saida
    ficou = loja.estado()
    assert {t: ficou[t] for t in contas} == contas
    antes.conferir_outras()
