"""O fim diz a verdade: o que mudou, o que não voltou e por quê, em palavras, e como se desfaz."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoio.guardadas import Guardadas
from apoio.impressoes import diferencas
from apoio.loja import PELA_API, TANTO_FAZ, Loja, antes_de, com_backup, copiar_deposito
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.terminal import num_terminal, sem_barras
from cofre.base.comandos import RESTAURACAO, comando
from cofre.base.erros import NEM_TUDO_COMO_ERA, EscritaRecusada
from cofre.plano.impedimentos import Impedimento
from cofre.plano.recusas import causa, detalhe, em_grupos
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR
from cofre.via.contrato import API, DIRETA

VIA = TANTO_FAZ

CNPJ = "12345678000199"
REGRAS = """
    ALTER TABLE clientes ADD CONSTRAINT nome_curto CHECK (length(nome) < 10) NOT VALID;
    CREATE FUNCTION barrar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.nome = 'Pão 7' THEN RAISE EXCEPTION 'não se aceita %', NEW.nome; END IF;
        RETURN NEW; END $$;
    CREATE TRIGGER barrar BEFORE INSERT OR UPDATE ON produtos
        FOR EACH ROW EXECUTE FUNCTION barrar();
"""
SEM_REGRAS = """
    ALTER TABLE clientes DROP CONSTRAINT nome_curto;
    DROP TRIGGER barrar ON produtos; DROP FUNCTION barrar;
"""
"""As regras que o banco ganhou depois do backup: os clientes 10 a 40 e um produto as furam."""
DOIS = "(md5('c10')::uuid, md5('c11')::uuid, md5('c2')::uuid)"
ESTRAGO = (
    "DELETE FROM vendas_itens WHERE venda_id = 9",
    "DELETE FROM vendas WHERE id = 9",
    f"UPDATE vendas SET cliente_id = NULL WHERE cliente_id IN {DOIS}",
    f"DELETE FROM clientes WHERE id IN {DOIS}",
    "UPDATE produtos SET preco = 0 WHERE id < 9",
)
"""A venda 9 e a 49 são do cliente 10; a 10 e a 50, do 11; a 1 e a 41, do 2."""


@pytest.fixture(scope="module")
def guardada(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Loja, Guardadas]:
    """A loja com um backup, e as linhas dela."""
    projeto = criar_supabase_do_modulo(VAZIO, sql=(LOJINHA,))
    loja = com_backup(projeto, tmp_path_factory.mktemp("fim") / "backups")
    return loja, Guardadas.de(projeto)


@pytest.fixture
def loja(guardada: tuple[Loja, Guardadas], tmp_path: Path, via: str) -> Iterator[Loja]:
    """A do módulo, estragada e com regras novas."""
    do_modulo, linhas = guardada
    linhas.repor()
    do_modulo.sql(*ESTRAGO, REGRAS)
    yield Loja(do_modulo.projeto, copiar_deposito(do_modulo.destino, tmp_path), via)
    do_modulo.sql(SEM_REGRAS)


PERDAS = """\
⚠️ NÃO VOLTAM, com o seu acordo:
   • o banco recusa registros de clientes: a regra nome_curto (CHECK) não aceita
     (23514)
     • Cliente 10; Cliente 11
   ⚠️ Sem eles, também não voltam 1 venda e 2 itens de venda; 3 vendas ficam sem
      a ligação com clientes.
"""
"""Antes da palavra, num terminal de 80 colunas."""
O_FIM = f"""\
⚠️ CONCLUÍDA EM PARTE
Empresa: Padaria Ação
Tabelas restauradas: 6
Total de registros: 516
O que mudou: 3 tabelas: 1 reposto, 9 alterados
⚠️ 2 clientes não voltaram: a regra nome_curto (CHECK) não aceita (23514)
   • Cliente 10; Cliente 11
   Uma regra (CHECK) nova não aceita o valor antigo. Reveja a regra.
⚠️ 1 venda não voltou: a ligação com clientes não fecha (23503)
   • id 9
   Só com o que faltou de clientes: conserte-o e repita.
⚠️ 2 itens de venda não voltaram: a ligação com vendas não fecha (23503)
   • venda_id 9, item 1; venda_id 9, item 2
   Só com o que faltou de vendas: conserte-o e repita.
⚠️ 1 produto não voltou ao que era: um gatilho do banco recusa (P0001)
   • Pão 7
   • o gatilho diz: «não se aceita Pão 7»
   Um gatilho do banco recusa estas linhas. Desative-o até isto acabar.
⚠️ 3 vendas não voltaram ao que eram: a ligação com clientes não fecha (23503)
   • id 10; id 49; id 50
   Só com o que faltou de clientes: conserte-o e repita.

✅ Apenas a empresa Padaria Ação foi restaurada
✅ Outras empresas permanecem intactas

Para desfazer:
  {comando(RESTAURACAO, "desfazer", "--empresa", DONO)}
"""


@PELA_API
def test_nem_tudo_voltou_dito_antes_e_depois(loja: Loja) -> None:
    """Num terminal de 80 × 24: o que se concordou em perder, com tudo o que se segue; e no fim,
    cada causa uma vez, em palavras, com a cura."""
    antes = antes_de(loja, DONO)
    visto = sem_barras(num_terminal(loja.projeto, loja.destino, 80, "1\n0\ns\nRESTAURAR\n"))
    assert PERDAS in visto
    assert visto.partition("⚠️ CONCLUÍDA")[1:] == ("⚠️ CONCLUÍDA", O_FIM.removeprefix("⚠️ CONCLUÍDA"))
    # Nem a linha recusada, nem um valor dela; e no log, nem os nomes.
    assert not re.search("Failing row|violates|Key \\(", visto)
    (*_, log) = sorted((loja.destino / "logs").iterdir())
    dito = log.read_text("utf-8")
    assert "⚠️ 2 clientes não voltaram: a regra nome_curto (CHECK) não aceita (23514)" in dito
    assert not re.search("Cliente 1|Pão", dito)
    assert not re.search("Cliente 1|Pão", json.dumps(loja.diarios(), ensure_ascii=False))
    agora, era = loja.estado(DONO), antes.estado
    assert {t for t, _ in diferencas(agora, era).items()} == {"clientes", "produtos", "vendas"}
    antes.conferir_outras()


@PELA_API
def test_nem_tudo_voltou_no_json_e_se_desfaz(loja: Loja) -> None:
    antes = antes_de(loja, DONO)
    feita = loja.direto("--aceitar", "registros", "--json", dono=DONO)
    assert feita.codigo == NEM_TUDO_COMO_ERA, feita.tudo
    documento = feita.json()
    assert documento["codigo"] == NEM_TUDO_COMO_ERA
    assert documento["mudaram"] == {
        "produtos": {"repostos": 0, "alterados": 7, "removidos": 0},
        "clientes": {"repostos": 1, "alterados": 0, "removidos": 0},
        "vendas": {"repostos": 0, "alterados": 2, "removidos": 0},
    }
    ditos = [(n["tabela"], n["acao"], n["registros"]) for n in documento["nao_voltaram"]]
    assert ditos == [
        ("clientes", REPOR, 2),
        ("vendas", REPOR, 1),
        ("vendas_itens", REPOR, 2),
        ("produtos", ALTERAR, 1),
        ("vendas", ALTERAR, 3),
    ]
    assert documento["fora"] == []
    assert not re.search("Cliente 1|Pão", feita.saida + feita.erros)
    loja.sql(SEM_REGRAS)
    desfeita = loja.restaurar("desfazer", "--empresa", DONO, "--confirmar", "RESTAURAR")
    assert desfeita.codigo == 0, desfeita.tudo
    assert "O que mudou: 3 tabelas: 9 alterados, 1 removido\n" in desfeita.saida
    assert desfeita.saida.endswith(
        f"Para refazer o que se desfez:\n  {O_FIM.splitlines()[-1].strip()}\n"
    )
    antes.conferir_intacto()
    loja.sql(REGRAS)


@pytest.mark.parametrize("via", [API, DIRETA])
def test_muitas_recusas_nao_impedem_o_resto_de_voltar(loja: Loja, via: str) -> None:
    """Por vinte recusas desistia-se da tabela, e com ela do que se tinha combinado."""
    loja.sql("UPDATE vendas SET cliente_id = NULL WHERE id < 1000",
             f"DELETE FROM clientes WHERE user_id = '{DONO}'")  # fmt: skip
    antes = antes_de(loja, DONO)
    por_via = Loja(loja.projeto, loja.destino, via)
    respostas = ("s", "n", "RESTAURAR") if via == API else ("n", "RESTAURAR")
    pedido = ("--empresa", DONO, "--tabelas", "clientes,vendas")
    saida = por_via.restaurar(*pedido, respostas=respostas)
    if via == DIRETA:  # solta a regra NOT VALID enquanto escreve: tudo volta
        assert saida.codigo == 0, saida.tudo
        assert loja.valor(f"SELECT count(*) FROM clientes WHERE user_id = '{DONO}'") == 40
        return
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert "e mais 17, ao menos\n" in saida.saida
    assert (
        "⚠️ 31 clientes não voltaram: a regra nome_curto (CHECK) não aceita (23514)" in saida.saida
    )
    nomes = loja.valor(
        f"SELECT array_agg(nome ORDER BY nome) FROM clientes WHERE user_id = '{DONO}'"
    )
    assert nomes == [f"Cliente {n}" for n in range(1, 10)]
    antes.conferir_outras()


@PELA_API
def test_a_recusa_sem_acordo_diz_de_quem_se_trata(loja: Loja) -> None:
    """Num cano, sem terminal: simulada, não pergunta nada; a quem só disse a palavra por opção,
    recusa-se inteira; e nada muda, nem no depósito."""
    antes, arquivos = antes_de(loja, DONO), loja.arquivos()
    pedidas = ("--empresa", DONO, "--tabelas", "clientes,vendas")
    simulada = loja.restaurar(*pedidas, "--simular", respostas=("s", "s", "RESTAURAR"))
    assert simulada.codigo == 9, simulada.tudo
    assert "❌ o banco recusa registros de clientes" in simulada.saida
    assert "(s/n)" not in simulada.saida
    por_opcao = loja.restaurar(*pedidas, "--confirmar", "RESTAURAR")
    assert por_opcao.codigo == 8, por_opcao.tudo
    assert "a regra nome_curto (CHECK) não aceita" in por_opcao.saida
    assert "Uma regra (CHECK) nova não aceita o valor antigo" in por_opcao.tudo
    saida = loja.restaurar(*pedidas, respostas=("n",) * 2)
    assert saida.codigo == 8, saida.tudo
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos
    assert saida.saida.partition("já iguais)\n")[2].splitlines()[-5:] == [
        "   ❌ o banco recusa registros de clientes: a regra nome_curto (CHECK) não aceita (23514)",
        "      • Cliente 10; Cliente 11",
        "      Uma regra (CHECK) nova não aceita o valor antigo. Reveja a regra.",
        "   ⚠️ Sem eles, também não volta 1 venda; 3 vendas ficam sem a ligação com clientes.",
        "Restaurar o resto, sem esses registros? (s/n): ",
    ]


@PELA_API
def test_a_tabela_deixada_de_fora_e_dita_antes_e_depois(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """E o diário lembra, para quem a continuar."""
    notas = f"""CREATE TABLE notas (numero bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id uuid); INSERT INTO notas (user_id) VALUES ('{DONO}');
        GRANT ALL ON notas TO service_role"""
    loja = com_backup(criar_supabase(VAZIO, sql=(LOJINHA, notas)), tmp_path / "backups")
    antes = antes_de(loja, DONO)
    loja.sql("DELETE FROM notas", "UPDATE produtos SET preco = 0 WHERE id = 1")
    saida = loja.restaurar("--empresa", DONO, respostas=("s", "RESTAURAR"))
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    causa = (
        "a chave de notas é gerada pelo banco (identity ALWAYS): 1 registro não se escreve pela"
        " API com a mesma chave\n"
    )
    antes_da_palavra, _, depois = saida.saida.partition("⚠️ CONCLUÍDA EM PARTE\n")
    assert f"⚠️ NÃO VOLTAM, com o seu acordo:\n   • notas inteira: {causa}" in antes_da_palavra
    assert f"O que mudou: produtos: 1 alterado\n⚠️ notas ficou de fora: {causa}" in depois
    (diario,) = loja.diarios()
    assert [f["tabela"] for f in diario["fora"]] == ["notas"]
    agora = diferencas(loja.estado(DONO), antes.estado)
    assert {t: (len(a), len(e)) for t, (a, e) in agora.items()} == {"notas": (0, 1)}
    antes.conferir_outras()


# -- as palavras -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codigo", "mensagem", "detalhes", "dito"),
    [
        (
            "23502",
            'null value in column "cor" of relation "produtos" violates not-null constraint',
            f"Failing row contains (7, {CNPJ}, null).",
            "a coluna cor não pode ser nula (23502)",
        ),
        (
            "23503",
            'insert or update on table "vendas" violates foreign key constraint "v_c"',
            f'Key (cliente)=({CNPJ}) is not present in table "clientes".',
            "a ligação com clientes não fecha (23503)",
        ),
        (
            "23503",
            'insert or update on table "vendas" violates foreign key constraint "v_c"',
            "",
            "a ligação v_c não fecha (23503)",
        ),
        (
            "23503",
            'update or delete on table "m" violates foreign key constraint "f" on table "filhas"',
            f'Key (id)=({CNPJ}) is still referenced from table "filhas".',
            "ainda há registros de filhas ligados (23503)",
        ),
        (
            "23505",
            'duplicate key value violates unique constraint "empresas_cnpj_key"',
            f"Key (cnpj)=({CNPJ}) already exists.",
            "o valor de cnpj já é de outro registro (23505)",
        ),
        (
            "23505",
            'duplicate key value violates unique constraint "empresas_cnpj_key"',
            "",
            "a regra empresas_cnpj_key não deixa repetir um valor (23505)",
        ),
        (
            "23514",
            'new row for relation "clientes" violates check constraint "cpf_inteiro"',
            "Failing row contains (7, cofre-eb04aa11).",
            "a regra cpf_inteiro (CHECK) não aceita (23514)",
        ),
        (
            "22P02",
            f'invalid input value for enum plano: "{CNPJ}"',
            "",
            "o tipo plano não tem mais o valor (22P02)",
        ),
        ("P0001", f"o CNPJ {CNPJ} não serve", "", "um gatilho do banco recusa (P0001)"),
        (
            "22003",
            f'value "{CNPJ}" is out of range for type integer',
            "",
            "value «…» is out of range for type integer (22003)",
        ),
        ("dono trocado", "um gatilho de t troca user_id", "", "um gatilho de t troca user_id"),
    ],
)
def test_o_texto_do_banco_e_traduzido_sem_valor_algum(
    codigo: str, mensagem: str, detalhes: str, dito: str
) -> None:
    assert causa(EscritaRecusada(codigo, mensagem, detalhes)) == dito


@pytest.mark.parametrize(
    ("codigo", "mensagem", "detalhes", "dito"),
    [
        ("P0001", "o nome cofre-eb04aa11 não serve\x1b[2J", "", "o nome … não serve\ufffd[2J"),
        ("23505", "m", "Key (lower(cnpj))=(12) already exists.", "lower(cnpj): 12"),
        ("23505", "m", "Key (cnpj)=(cofre-eb04aa11) already exists.", ""),
        ("23505", "m", "Key (chave_acesso)=(12) already exists.", ""),
        ("23514", "m", "Failing row contains (12).", ""),
    ],
)
def test_so_a_tela_ve_o_que_ajuda_e_nunca_o_que_o_programa_inventou(
    codigo: str, mensagem: str, detalhes: str, dito: str
) -> None:
    visto = detalhe(EscritaRecusada(codigo, mensagem, detalhes))
    assert visto == (f"o gatilho diz: «{dito}»" if codigo == "P0001" else dito)


def test_cada_causa_uma_vez() -> None:
    def recusada(n: int, acao: str, regra: str) -> Impedimento:
        erro = EscritaRecusada(
            "23514", f'violates check constraint "{regra}"', f"Failing row ({n})"
        )
        return Impedimento("recibos", acao, (str(n),), erro, f"R{n}")

    todos = [recusada(n, REPOR, "a") for n in range(5)]
    grupos = em_grupos([*todos, recusada(9, REMOVER, "a"), recusada(8, REPOR, "b")])
    assert [(g.titulo, g.apelidos) for g in grupos] == [
        (
            "5 registros de recibos não voltaram: a regra a (CHECK) não aceita (23514)",
            ("R0", "R1", "R2"),
        ),
        ("1 registro de recibos não saiu: a regra a (CHECK) não aceita (23514)", ("R9",)),
        ("1 registro de recibos não voltou: a regra b (CHECK) não aceita (23514)", ("R8",)),
    ]
