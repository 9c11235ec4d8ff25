"""Desfazer só o que mudou entre dois backups: o que mudou outra vez desde então fica como está."""

from __future__ import annotations

import json
import random
import re
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from apoio.campanha import CAMPANHA
from apoio.execucao import Saida, abrir_restauracao, executar
from apoio.loja import (
    PELA_API,
    PELAS_DUAS_VIAS,
    TANTO_FAZ,
    Loja,
    antes_de,
    com_backup,
    copiar_deposito,
    quer_gravar,
)
from apoio.lojinha import DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.suicida import morte_no_pedido
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.falhas import Pedido

VIA = TANTO_FAZ

MERCADO = """
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    CREATE TABLE produtos (
        id bigint PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL, preco numeric(12,2),
        estoque integer, senha_do_cofre text, mudado_em timestamptz DEFAULT '2026-01-01 00:00+00'
    );
    CREATE TABLE precos (
        loja text, produto_id bigint REFERENCES produtos ON DELETE CASCADE, user_id uuid NOT NULL,
        valor numeric(12,2), obs text, PRIMARY KEY (loja, produto_id)
    );
    CREATE TABLE avulsos (user_id uuid NOT NULL, texto text, n integer);
    CREATE FUNCTION carimbar() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.mudado_em := clock_timestamp(); RETURN NEW; END $$;
    CREATE TRIGGER carimbar BEFORE UPDATE ON produtos FOR EACH ROW EXECUTE FUNCTION carimbar();
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""
LINHAS = f"""
    TRUNCATE empresas, produtos, precos, avulsos;
    INSERT INTO empresas VALUES
        ('aaaa1111-eeee-4000-8000-000000000001', '{DONO}', 'Padaria Ação'),
        ('bbbb2222-eeee-4000-8000-000000000002', '{VIZINHA}', 'Vizinha');
    INSERT INTO produtos (id, user_id, nome, preco, estoque, senha_do_cofre)
        SELECT n, '{DONO}', 'Pão ' || n, n + 0.5, 10, 's-' || n FROM generate_series(1, 20) n;
    INSERT INTO produtos (id, user_id, nome, preco, estoque)
        SELECT n, '{VIZINHA}', 'Bolo ' || n, n, 5 FROM generate_series(1001, 1010) n;
    INSERT INTO precos SELECT l, n, '{DONO}', n * 2, 'x'
        FROM unnest(ARRAY['centro', 'sul,1']) l, generate_series(1, 10) n;
    INSERT INTO precos SELECT 'centro', n, '{VIZINHA}', 1, 'x' FROM generate_series(1001, 1005) n;
    INSERT INTO avulsos SELECT '{DONO}', 'a', n / 2 FROM generate_series(1, 9) n;
    INSERT INTO avulsos VALUES ('{VIZINHA}', 'a', 1), ('{VIZINHA}', 'a', 1);
"""
IMPORTACAO = (
    # O que se quer desfazer: preços estragados, uns produtos criados, outros apagados.
    f"UPDATE produtos SET preco = 0.01, senha_do_cofre = 'trocada' WHERE user_id = '{DONO}'"
    " AND id BETWEEN 1 AND 12",
    "DELETE FROM produtos WHERE id IN (18, 19, 20)",
    f"INSERT INTO produtos (id, user_id, nome, preco) SELECT n, '{DONO}', 'Lixo ' || n, 0"
    " FROM generate_series(101, 104) n",
    "UPDATE precos SET valor = 0 WHERE produto_id <= 6 AND loja = 'sul,1'",
    f"DELETE FROM avulsos WHERE user_id = '{DONO}' AND n = 1",
    f"INSERT INTO avulsos VALUES ('{DONO}', 'lixo', 7), ('{DONO}', 'lixo', 7)",
)
VENDAS = (
    # O que a loja fez depois, e que não se pode perder.
    "UPDATE produtos SET estoque = estoque - 3 WHERE id IN (1, 2, 15)",
    "UPDATE produtos SET preco = 15 WHERE id = 3",
    "UPDATE produtos SET nome = 'Lixo que ficou' WHERE id = 101",
    f"INSERT INTO produtos (id, user_id, nome, preco) VALUES (19, '{DONO}', 'Outro 19', 9),"
    f" (300, '{DONO}', 'Novo de verdade', 30)",
    "DELETE FROM produtos WHERE id IN (4, 102)",
    "UPDATE precos SET valor = 77 WHERE produto_id = 5 AND loja = 'sul,1'",
    "UPDATE precos SET obs = 'promoção' WHERE produto_id = 6",
    f"INSERT INTO avulsos VALUES ('{DONO}', 'lixo', 7), ('{DONO}', 'novo', 8)",
)


CHAVES: Final = {"produtos": ("id",), "precos": ("loja", "produto_id"), "avulsos": ()}
CASOS: Final = 100 if CAMPANHA else 2
Registro = dict[str, Any]
Estado = dict[str, list[Registro]]


@pytest.fixture(scope="module")
def loja_do_modulo(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Loja:
    """Com o backup de antes de qualquer mudança."""
    projeto = criar_supabase_do_modulo(VAZIO, sql=(MERCADO, LINHAS))
    return com_backup(projeto, tmp_path_factory.mktemp("mudanca") / "backups")


@pytest.fixture
def loja(loja_do_modulo: Loja, tmp_path: Path, via: str) -> Loja:
    """A do módulo como no começo, para um teste."""
    loja_do_modulo.sql(LINHAS)
    return Loja(loja_do_modulo.projeto, copiar_deposito(loja_do_modulo.destino, tmp_path), via)


def carimbos(loja: Loja) -> list[str]:
    """Os dos backups da empresa, do mais antigo ao mais novo."""
    nomes = loja.destino.glob(f"empresa_{DONO[:8]}/backup_metadata_*.json")
    return sorted(nome.stem.removeprefix("backup_metadata_") for nome in nomes)


def mudar(loja: Loja, *comandos: str) -> tuple[str, str]:
    """A mudança, e um backup depois dela; devolve os carimbos do de antes e do de depois."""
    loja.sql(*comandos)
    havia = carimbos(loja)
    saida = loja.copiar("--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    (depois,) = set(carimbos(loja)) - set(havia)
    return havia[0], depois


def desfazer_mudanca(
    loja: Loja, quais: tuple[str, str], *argumentos: str, respostas: tuple[str, ...] = ()
) -> Saida:
    ditos = ("--empresa", DONO, "--antes", quais[0], "--depois", quais[1])
    return loja.restaurar("desfazer-mudanca", *ditos, *argumentos, respostas=respostas)


def ler_estado(loja: Loja) -> Estado:
    """As linhas da empresa, sem a data que um gatilho põe."""
    return {
        tabela: loja.valor(
            f"SELECT coalesce(json_agg(to_jsonb(t) - 'mudado_em'), '[]') FROM {tabela} t"
            f" WHERE user_id = '{DONO}'"
        )
        for tabela in CHAVES
    }


def em_conta(estado: Estado) -> Mapping[str, Counter[str]]:
    return {t: Counter(repr(sorted(x.items())) for x in linhas) for t, linhas in estado.items()}


def esperado(antes: Estado, depois: Estado, hoje: Estado) -> Mapping[str, Counter[str]]:
    """A conta de três lados, feita linha a linha e coluna a coluna, fora do programa."""
    ficam: Estado = {}
    for tabela, chave in CHAVES.items():
        if not chave:
            continue
        a, b, n = (_por_chave(e[tabela], chave) for e in (antes, depois, hoje))
        ficam[tabela] = []
        for k in {**a, **b, **n}:
            era, ficou, agora = a.get(k), b.get(k), n.get(k)
            if era and ficou and agora:
                ficam[tabela].append({c: era[c] if agora[c] == ficou[c] else agora[c] for c in era})
            elif era and not ficou and not agora:
                ficam[tabela].append(era)
            elif agora and not (ficou and not era and agora == ficou):
                ficam[tabela].append(agora)
    contas = dict(em_conta(ficam))
    x, y, z = (em_conta(e)["avulsos"] for e in (antes, depois, hoje))
    dentro = {v: min(x[v], y[v]) <= z[v] <= max(x[v], y[v]) for v in {*x, *y, *z}}
    contas["avulsos"] = +Counter({v: x[v] if dentro[v] else z[v] for v in dentro})
    return contas


def _por_chave(linhas: Sequence[Registro], chave: Sequence[str]) -> dict[Any, Registro]:
    return {tuple(x[c] for c in chave): x for x in linhas}


# -- a importação que estragou os preços ---------------------------------------------------------

PLANO = """\
   produtos: +2 ~11 −2
      senha_do_cofre em 11: não se mostra
      preco em 10: 0,01 → 1,50 (Pão 1); 0,01 → 2,50 (Pão 2); 0,01 → 5,50 (Pão 5) e mais 7
"""
CONFLITOS = """\
   produtos: mudaram outra vez depois, e ficam como estão
      Pão 3: preco era 3,50, ficou 0,01, hoje é 15,00
      Pão 19: nome era Pão 19, ficou (não havia), hoje é Outro 19
      Pão 19: preco era 19,50, ficou (não havia), hoje é 9,00
      Pão 19: estoque era 10, ficou (não havia), hoje é (nulo)
      Pão 19: senha_do_cofre mudou (não se mostra)
      Lixo que ficou: nome era (não havia), ficou Lixo 101, hoje é Lixo que ficou
"""
FIM = """\
⚠️ CONCLUÍDA EM PARTE
Empresa: Padaria Ação
Tabelas restauradas: 3
"""


@PELAS_DUAS_VIAS
def test_desfaz_a_importacao_e_nao_o_que_veio_depois(loja: Loja) -> None:
    era = ler_estado(loja)
    quais = mudar(loja, *IMPORTACAO)
    ficou = ler_estado(loja)
    loja.sql(*VENDAS)
    hoje, antes = ler_estado(loja), antes_de(loja, DONO)
    simulado = desfazer_mudanca(loja, quais, "--simular", "--detalhes")
    assert (simulado.codigo, simulado.erros) == (9, "")
    assert PLANO in simulado.saida
    assert CONFLITOS in simulado.saida
    assert "trocada" not in simulado.saida
    antes.conferir_intacto()
    saida = desfazer_mudanca(loja, quais, respostas=("RESTAURAR",))
    assert saida.codigo == 12, saida.tudo
    assert FIM in saida.saida
    assert "⚠️ 4 produtos mudaram outra vez depois (preco em 3, nome em 2" in saida.saida
    assert em_conta(ler_estado(loja)) == esperado(era, ficou, hoje)
    antes.conferir_outras()
    (*_, log) = sorted((loja.destino / "logs").iterdir())
    assert not re.search(r"Pão|Lixo que|\b15,00\b|trocada", log.read_text("utf-8"))
    # Desfazer isso é o que era, e o que se fez entre uma coisa e a outra fica.
    loja.sql("UPDATE produtos SET preco = 99 WHERE id = 1")
    volta = loja.restaurar("desfazer", "--empresa", DONO, "--confirmar", "DESFAZER")
    assert volta.codigo == 12, volta.tudo
    (um,) = [x for x in hoje["produtos"] if x["id"] == 1]
    um["preco"] = 99.0
    assert em_conta(ler_estado(loja)) == em_conta(hoje)
    antes.conferir_outras()


def test_em_json_contam_se_os_conflitos_e_com_detalhes_dizem_se(loja: Loja) -> None:
    quais = mudar(loja, *IMPORTACAO)
    loja.sql(*VENDAS)
    so_contas = desfazer_mudanca(loja, quais, "--simular", "--json")
    documento = so_contas.json()
    assert documento["mudanca"] == {
        "antes": quais[0],
        "depois": quais[1],
        "campos": [],
        "ao_contrario": False,
    }
    assert documento["mudaram_de_novo"]["precos"] == {"registros": 2, "colunas": {"valor": 2}}
    assert documento["mudaram_de_novo"]["avulsos"] == {"registros": 3, "colunas": {}}
    assert not re.search("Pão|Lixo|trocada", so_contas.tudo)
    detalhes = desfazer_mudanca(loja, quais, "--simular", "--detalhes", "--json").json()
    ultima = (loja.destino / "ultima_execucao.json").read_text("utf-8")
    assert not re.search(r"Pão|Lixo|\b77\.00\b|sul,1", ultima)
    dos_precos = [x for x in detalhes["conflitos"] if x["tabela"] == "precos"]
    assert dos_precos == [
        {
            "tabela": "precos",
            "registro": "loja sul,1, produto_id 5",
            "coluna": "valor",
            "era": "10.00",
            "ficou": "0.00",
            "hoje": "77.00",
        },
        {
            "tabela": "precos",
            "registro": "loja sul,1, produto_id 4",
            "coluna": "valor",
            "era": "8.00",
            "ficou": "0.00",
            "hoje": None,
        },
    ]


def test_sem_conflitos_nada_fica_por_desfazer(loja: Loja) -> None:
    """E só nas tabelas, e nas colunas, que se dizem."""
    era = ler_estado(loja)
    quais = mudar(loja, *IMPORTACAO)
    ficou = ler_estado(loja)
    confirmado = ("--confirmar", "RESTAURAR")
    so_precos = desfazer_mudanca(loja, quais, "--tabelas", "precos", *confirmado)
    assert so_precos.codigo == 0, so_precos.tudo
    assert em_conta(ler_estado(loja)) == em_conta({**ficou, "precos": era["precos"]})
    so_campo = desfazer_mudanca(loja, quais, "--campos", "preco", *confirmado)
    assert so_campo.codigo == 0, so_campo.tudo
    preco = {x["id"]: x["preco"] for x in era["produtos"]}
    produtos = [{**x, "preco": preco.get(x["id"], x["preco"])} for x in ficou["produtos"]]
    quer = {**ficou, "precos": era["precos"], "produtos": produtos}
    assert em_conta(ler_estado(loja)) == em_conta(quer)
    tudo = desfazer_mudanca(loja, quais, *confirmado)
    assert tudo.codigo == 0, tudo.tudo
    assert em_conta(ler_estado(loja)) == em_conta(era)
    outra_vez = desfazer_mudanca(loja, quais, *confirmado)
    assert outra_vez.codigo == 0, outra_vez.tudo
    assert outra_vez.saida.endswith("✅ O que se escolheu já está como no backup.\n")


def test_se_tudo_mudou_outra_vez_nada_se_escreve(loja: Loja) -> None:
    quais = mudar(loja, "UPDATE produtos SET preco = 1 WHERE id < 4")
    loja.sql("UPDATE produtos SET preco = 2 WHERE id < 4")
    antes = antes_de(loja, DONO)
    saida = desfazer_mudanca(loja, quais, "--confirmar", "RESTAURAR")
    assert saida.codigo == 12, saida.tudo
    assert saida.saida.endswith(
        "\n⚠️ Nada a mudar: 3 registros mudaram outra vez depois, e ficam como estão.\n"
    )
    antes.conferir_intacto()


def test_o_que_se_pede_mal_e_dito(loja: Loja) -> None:
    antes, depois = mudar(loja, "UPDATE produtos SET preco = 1 WHERE id < 4")
    for quais, mais, dito in (
        ((depois, antes), (), "não é anterior ao de depois"),
        (("ontem", depois), (), "--antes: não há backup de ontem."),
        ((antes, "01/01"), (), "--depois: não há backup de 01/01."),
        ((antes, depois), ("--tabelas", "produtoss"), "não tem a tabela produtoss"),
        ((antes, depois), ("--campos", "precoo"), "nenhuma das tabelas tem a coluna precoo"),
    ):
        saida = desfazer_mudanca(loja, quais, *mais, "--confirmar", "RESTAURAR")
        assert (saida.codigo, saida.saida) == (2, ""), saida.tudo
        assert dito in saida.erros
    sem_antes = loja.restaurar("desfazer-mudanca", "--empresa", DONO, "--simular")
    assert sem_antes.codigo == 2
    assert "Falta --antes" in sem_antes.erros


def test_de_um_da_primeira_versao_a_um_compactado(loja: Loja, tmp_path: Path) -> None:
    """O de antes sem somas, fora de ordem e com os números como um float os escreve; e só com as
    tabelas que ela salvava."""
    loja = Loja(loja.projeto, tmp_path / "b")
    pasta, carimbo = loja.destino / f"empresa_{DONO[:8]}", "20260116_182944"
    pasta.mkdir(parents=True)
    for nome in ("produtos", "precos"):
        linhas = loja.valor(
            f"SELECT json_agg(t ORDER BY random()) FROM {nome} t WHERE user_id = '{DONO}'"
        )
        dito = json.dumps(linhas, indent=2, ensure_ascii=False)
        (pasta / f"{nome}_{carimbo}.json").write_text(dito, "utf-8")
    meta = {
        "empresa_id": "aaaa1111-eeee-4000-8000-000000000001",
        "user_id": DONO,
        "nome": "Padaria Ação",
        "data_backup": "2026-01-16T18:29:44.000000",
        "tabelas_backup": 2,
        "tabelas_falha": 0,
        "total_registros": 40,
        "tabelas": ["produtos", "precos"],
    }
    (pasta / f"backup_metadata_{carimbo}.json").write_text(json.dumps(meta), "utf-8")
    era = ler_estado(loja)
    loja.sql(*IMPORTACAO)
    compactado = executar(
        loja.projeto, loja.destino, "--empresa", DONO, mais={"BACKUP_COMPACTAR": "sim"}
    )
    assert compactado.codigo == 0, compactado.tudo
    ficou = ler_estado(loja)
    loja.sql(*VENDAS)
    hoje, antes = ler_estado(loja), antes_de(loja, DONO)
    quais = (carimbo, carimbos(loja)[1])
    assert list(pasta.glob(f"produtos_{quais[1]}.json.gz"))
    saida = desfazer_mudanca(loja, quais, "--confirmar", "RESTAURAR")
    assert saida.codigo == 12, saida.tudo
    assert "⚠️ Só num dos backups, e por isso de fora: avulsos, empresas.\n" in saida.saida
    quer = {**esperado(era, ficou, hoje), "avulsos": em_conta(hoje)["avulsos"]}
    assert em_conta(ler_estado(loja)) == quer
    antes.conferir_outras()


def test_uma_tabela_sem_chave_com_outras_colunas_e_recusada(loja: Loja) -> None:
    """As linhas de hoje não se reconhecem nos backups: nada se adivinha, e as outras voltam."""
    quais = mudar(loja, *IMPORTACAO)
    loja.sql("ALTER TABLE avulsos ADD COLUMN obs text")
    loja.projeto.recarregar_esquema()
    try:
        recusada = desfazer_mudanca(loja, quais, "--confirmar", "RESTAURAR")
        assert recusada.codigo == 8, recusada.tudo
        assert "avulsos não tem chave, e as colunas dela já não são" in recusada.erros
        saida = desfazer_mudanca(
            loja, quais, "--tabelas", "produtos,precos", "--confirmar", "RESTAURAR"
        )
        assert saida.codigo == 0, saida.tudo
    finally:
        loja.sql("ALTER TABLE avulsos DROP COLUMN obs")
        loja.projeto.recarregar_esquema()


def test_no_dialogo_perguntam_se_os_dois_backups(loja: Loja) -> None:
    quais = mudar(loja, "UPDATE produtos SET preco = 1 WHERE id < 4")
    por_numero = {c: str(n) for n, c in enumerate(reversed(carimbos(loja)), 1)}
    respostas = ("padaria", quais[0], quais[1], "RESTAURAR")
    assert set(quais) <= set(por_numero)
    saida = loja.restaurar("desfazer-mudanca", respostas=respostas)
    assert saida.codigo == 0, saida.tudo
    for qual in ("antes", "depois"):
        assert f"O backup de {qual} da mudança (Enter usa o escolhido): " in saida.saida


# -- quando para no meio ---------------------------------------------------------------------------


@PELA_API
@pytest.mark.parametrize(("vez", "acao"), [(9, "continuar"), (6, "desfazer")])
def test_kill_9_e_seguir(loja: Loja, vez: int, acao: str) -> None:
    era = ler_estado(loja)
    quais = mudar(loja, *IMPORTACAO)
    ficou = ler_estado(loja)
    loja.sql(*VENDAS)
    hoje, antes = ler_estado(loja), antes_de(loja, DONO)
    ditos = ("desfazer-mudanca", "--antes", quais[0], "--depois", quais[1])

    with morte_no_pedido(loja.projeto, vez, se=quer_gravar) as morrer:
        processo = abrir_restauracao(
            loja.projeto, loja.destino, *ditos, "--empresa", DONO, "--confirmar", "RESTAURAR"
        )
        assert morrer(processo).codigo == -signal.SIGKILL
    assert em_conta(ler_estado(loja)) != em_conta(hoje)
    saida = loja.restaurar(acao, "--empresa", DONO, "--confirmar", "RESTAURAR")
    quer = esperado(era, ficou, hoje) if acao == "continuar" else em_conta(hoje)
    assert em_conta(ler_estado(loja)) == quer, saida.tudo
    assert saida.codigo == (12 if acao == "continuar" else 0), saida.tudo
    antes.conferir_outras()


@PELA_API
def test_o_que_se_edita_enquanto_se_desfaz_tambem_fica(loja: Loja) -> None:
    """Entre o plano e a escrita de uma linha, alguém a muda: o valor de agora não se troca."""
    quais = mudar(loja, "UPDATE produtos SET preco = 0.01 WHERE id < 9")
    ficou = ler_estado(loja)

    def vender(_pedido: Pedido, vez: int) -> bool:
        if vez == 1:
            loja.sql("UPDATE produtos SET preco = 55, estoque = 1 WHERE id = 8")
        return True

    altera = loja.projeto.gateway.ao_pedir(vender, None, se=lambda p: p.metodo == "PATCH")
    with altera:
        saida = desfazer_mudanca(loja, quais, "--confirmar", "RESTAURAR", "--conexoes", "1")
    assert saida.codigo == 12, saida.tudo
    assert "⚠️ 1 produto mudou outra vez depois (preco em 1): fica como está" in saida.saida
    for produto in (x for x in ficou["produtos"] if x["id"] < 9):
        produto["preco"] = produto["id"] + 0.5
        if produto["id"] == 8:
            produto.update(preco=55.0, estoque=1)
    assert em_conta(ler_estado(loja)) == em_conta(ficou)


# -- ao acaso --------------------------------------------------------------------------------------


def ao_acaso(acaso: random.Random) -> Iterator[str]:
    """Umas quantas edições da empresa; as mesmas linhas voltam a ser tocadas muitas vezes."""
    for _ in range(acaso.randint(4, 14)):
        n, valor = acaso.randint(1, 26), acaso.choice((0, 1, 2.5, 77))
        loja = acaso.choice(("centro", "sul,1"))
        dela = f"user_id = '{DONO}'"
        yield acaso.choice(
            (
                f"UPDATE produtos SET preco = {valor} WHERE id = {n} AND {dela}",
                f"UPDATE produtos SET estoque = {n} WHERE id BETWEEN {n} AND {n + 4} AND {dela}",
                f"UPDATE produtos SET preco = id + 0.5, nome = 'Pão ' || id WHERE id = {n}"
                f" AND {dela}",
                f"UPDATE produtos SET nome = 'n{n}', senha_do_cofre = 's' WHERE id = {n}"
                f" AND {dela}",
                f"DELETE FROM produtos WHERE id = {n} AND {dela}",
                f"INSERT INTO produtos (id, user_id, nome, preco) VALUES ({n}, '{DONO}', 'Novo"
                f" {valor}', {valor}) ON CONFLICT DO NOTHING",
                f"UPDATE precos SET valor = {valor} WHERE produto_id = {n} AND {dela}",
                f"UPDATE precos SET obs = 'o{valor}' WHERE loja = '{loja}' AND {dela}"
                f" AND produto_id < {n}",
                f"DELETE FROM precos WHERE loja = '{loja}' AND produto_id = {n} AND {dela}",
                f"INSERT INTO precos SELECT '{loja}', id, user_id, {valor}, 'x' FROM produtos"
                f" WHERE id = {n} AND {dela} ON CONFLICT DO NOTHING",
                f"INSERT INTO avulsos SELECT '{DONO}', 'a', {n % 6} FROM generate_series(1, 2)",
                f"DELETE FROM avulsos WHERE ctid IN (SELECT ctid FROM avulsos WHERE n = {n % 6}"
                f" AND {dela} LIMIT 1)",
            )
        )


@pytest.mark.parametrize("caso", range(CASOS))
def test_edicoes_ao_acaso(loja: Loja, caso: int) -> None:
    """O que se editou depois da mudança nunca é trocado; desfazer isto é o que era. Uma linha de
    que outra, de depois, depende não sai: a restauração é recusada, e nada muda."""
    loja = Loja(loja.projeto, loja.destino, DIRETA if caso % 2 else API)
    acaso = random.Random(f"mudanca {caso}")
    era = ler_estado(loja)
    quais = mudar(loja, *ao_acaso(acaso))
    ficou = ler_estado(loja)
    loja.sql(*ao_acaso(acaso))
    hoje, antes, diarios = ler_estado(loja), antes_de(loja, DONO), len(loja.diarios())
    saida = desfazer_mudanca(loja, quais, "--confirmar", "RESTAURAR")
    antes.conferir_outras()
    print(f"código {saida.codigo}")
    if saida.codigo == 8:
        assert re.search("apontam para|dependem de", saida.tudo), saida.tudo
        antes.conferir_intacto()
        return
    assert saida.codigo in (0, 12), (caso, saida.tudo)
    assert em_conta(ler_estado(loja)) == esperado(era, ficou, hoje), (caso, saida.tudo)
    if len(loja.diarios()) == diarios:
        antes.conferir_intacto()  # tudo o que mudou, mudou outra vez
        return
    volta = loja.restaurar("desfazer", "--empresa", DONO, "--confirmar", "DESFAZER")
    assert volta.codigo in (0, 12), (caso, volta.tudo)
    assert em_conta(ler_estado(loja)) == em_conta(hoje), (caso, volta.tudo)
    antes.conferir_outras()
