"""Comparar dois backups, pelo script de verdade e sem servidor: o que se diz é o que mudou."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.acervo import guardar
from apoio.campanha import exemplos
from apoio.execucao import BACKUP, Saida, executar, fotografia_do_disco
from apoio.terminal import num_terminal, sem_barras
from cofre.busca.comparacao.duas import juntar
from cofre.busca.comparacao.quando import ler_assunto
from cofre.busca.comparacao.resumo import APARECEU, MUDOU, SUMIU, comparar, registros
from cofre.deposito import formato
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito

DIA: Final = datetime(2026, 11, 1, 3, 0).astimezone()
MARIA: Final = "4f2c0000-0000-4000-8000-000000000001"
DAVILA: Final = "4f2c0000-0000-4000-8000-000000000002"
HOSTIL: Final = "<script>alert(1)</script>\u202e\x1b[31m"

COLUNAS: Final = {
    "produtos": {"id": "integer", "nome": "text", "preco": "numeric", "dados": "jsonb"},
    "clientes": {"id": "uuid", "nome": "text", "telefone": "text", "senha": "text"},
    "itens": {"venda_id": "integer", "item": "integer", "nome": "text"},
    "notas": {"texto": "text"},
    "iguais": {"id": "integer"},
}
CHAVES: Final = {
    "produtos": ["id"],
    "clientes": ["id"],
    "itens": ["venda_id", "item"],
    "iguais": ["id"],
}
Tabelas = Mapping[str, Sequence[Any]]


def produto(n: int, **mais: Any) -> dict[str, Any]:
    return {"id": n, "nome": f"Pão {n}", "preco": 12.9, "dados": {"cor": 1}, **mais}


def cliente(quem: str, nome: str, **mais: str) -> dict[str, str]:
    return {"id": quem, "nome": nome, "telefone": "(11) 98765-0000", "senha": "abre-1", **mais}


ANTES: Final[Tabelas] = {
    "produtos": [produto(n) for n in range(1, 6)],
    "clientes": [cliente(MARIA, "Maria Souza"), cliente(DAVILA, "Iracema D'Ávila")],
    "itens": [{"venda_id": 1, "item": n, "nome": "Bolo"} for n in (1, 2)],
    "notas": [{"texto": "oi"}, {"texto": "oi"}, {"texto": "fica"}],
    "iguais": [{"id": 1}],
}
DEPOIS: Final[Tabelas] = {
    "produtos": [
        *(produto(n, preco=0.01) for n in (1, 2, 3, 4)),
        produto(6, nome=HOSTIL, dados={"token": "abre-3"}),
    ],
    "clientes": [cliente(MARIA, "Maria Souza", telefone="(11) 98777-0000", senha="abre-2")],
    "itens": [
        {"venda_id": 1, "item": 1, "nome": "Bolo"},
        {"venda_id": 1, "item": 2, "nome": "=SOMA(A1)"},
    ],
    "notas": [{"texto": "oi"}, {"texto": "fica"}, {"texto": "nova"}],
    "iguais": [{"id": 1}],
}


def backup(deposito: Deposito, dia: int, tabelas: Tabelas, **metadados: Any) -> Backup:
    quando = DIA + timedelta(days=dia)
    return guardar(
        deposito, "dono", "Loja X", quando, tabelas, colunas=COLUNAS, chaves=CHAVES, **metadados
    )


@pytest.fixture(scope="module", params=[False, True], ids=["json", "gz"])
def deposito(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Deposito:
    """Dois dias, e mais um igual ao segundo."""
    feito = Deposito(tmp_path_factory.mktemp("b"), compactar=request.param)
    for dia, tabelas in enumerate((ANTES, DEPOIS, DEPOIS)):
        backup(feito, dia, tabelas)
    return feito


def rodar(deposito: Deposito, *argumentos: str) -> Saida:
    antes = fotografia_do_disco(deposito.raiz)
    saida = executar(None, deposito.raiz, "comparar", "loja x", *argumentos)
    assert fotografia_do_disco(deposito.raiz) == antes
    return saida


TELA: Final = """\
🔎 Loja X: o que mudou
   de   2026-11-01 03:00:00
   para 2026-11-02 03:00:00

   produtos: +1 ~4 −1 =0
      ~ preco em 4
          Pão 1 (id 1): 12,9 → 0,01
          Pão 2 (id 2): 12,9 → 0,01
          Pão 3 (id 3): 12,9 → 0,01
      + <script>alert(1)</script>��[31m
      − Pão 5
   clientes: +0 ~1 −1 =0
      ~ telefone em 1
          Maria Souza (id 4f2c…): (11) 98765-0000 → (11) 98777-0000
      ~ senha em 1 (não se mostra)
      − Iracema D'Ávila
   itens: +0 ~1 −0 =1
      ~ nome em 1
          =SOMA(A1) (venda_id 1, item 2): Bolo → =SOMA(A1)
   notas: +1 ~0 −1 =2
      (sem chave: um registro é a linha inteira)
      + texto nova
      − texto oi
   1 tabela igual (1 registro)
   (+ apareceu, ~ mudou, − sumiu, = igual)
"""


def test_o_que_mudou_tabela_a_tabela(deposito: Deposito) -> None:
    saida = rodar(deposito, "2026-11-01", "02/11")
    assert (saida.codigo, saida.erros) == (9, ""), saida.tudo
    assert saida.saida == TELA


@pytest.mark.parametrize("colunas", [80, 50])
def test_num_terminal_cabe_e_diz_o_mesmo(deposito: Deposito, colunas: int) -> None:
    """Numa linha que não cabe, quebra-se entre palavras; os espaços à parte, é o mesmo texto."""
    pedido = ("comparar", "loja x", "2026-11-01", "2/11")
    visto = num_terminal(None, deposito.raiz, colunas, "", argumentos=pedido, script=BACKUP)
    visto = sem_barras(visto)
    assert visto.split() == TELA.split()
    assert max(map(len, visto.splitlines())) <= colunas


def test_num_console_que_nao_e_utf8_as_palavras_sao_as_mesmas(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    for dia, tabelas in enumerate((ANTES, DEPOIS)):
        backup(deposito, dia, tabelas)
    cp1252 = {"PYTHONIOENCODING": "cp1252"}
    saida = executar(None, deposito.raiz, "comparar", "dono", mais=cp1252, novo=True)
    assert (saida.codigo, saida.saida) == (9, TELA)


def test_sem_datas_os_dois_inteiros_mais_novos(deposito: Deposito) -> None:
    iguais = rodar(deposito)
    assert iguais.codigo == 0, iguais.tudo
    assert iguais.saida.splitlines()[1:3] == [
        "   de   2026-11-02 03:00:00",
        "   para 2026-11-03 03:00:00",
    ]
    assert iguais.saida.splitlines()[-1] == "✅ Nada mudou: 5 tabelas iguais (12 registros)."
    com_um = rodar(deposito, "1/11")
    assert com_um.codigo == 9
    assert com_um.saida.splitlines()[1:3] == [
        "   de   2026-11-01 03:00:00",
        "   para 2026-11-03 03:00:00",
    ]


def test_os_registros_um_a_um_e_so_de_uma_tabela(deposito: Deposito) -> None:
    saida = rodar(deposito, "1/11", "2/11", "--registros", "--tabela", "Itens,clientes")
    assert saida.codigo == 9
    assert saida.saida.splitlines()[4:] == [
        "   clientes: +0 ~1 −1 =0",
        "      ~ telefone em 1",
        "      ~ senha em 1 (não se mostra)",
        f"      − Iracema D'Ávila (id 4f2c…)  id: {DAVILA}; nome: Iracema D'Ávila;"
        " telefone: (11) 98765-0000",
        "      ~ Maria Souza (id 4f2c…)  telefone: (11) 98765-0000 → (11) 98777-0000; senha: mudou"
        " (não se mostra)",
        "   itens: +0 ~1 −0 =1",
        "      ~ nome em 1",
        "      ~ =SOMA(A1) (venda_id 1, item 2)  nome: Bolo → =SOMA(A1)",
        "   (+ apareceu, ~ mudou, − sumiu, = igual)",
    ]


def test_em_json_tudo_e_sem_os_segredos(deposito: Deposito) -> None:
    saida = rodar(deposito, "1/11", "2/11", "--json", "--registros")
    assert saida.codigo == 9
    documento = saida.json()
    assert documento["antes"] == {"backup": "20261101_030000", "quando": DIA.isoformat()}
    produtos = documento["tabelas"]["produtos"]
    assert [produtos[c] for c in ("apareceram", "mudaram", "sumiram", "iguais")] == [1, 4, 1, 0]
    assert produtos["colunas"]["preco"]["registros"] == 4
    assert produtos["colunas"]["preco"]["exemplos"][0] == {
        "nome": "Pão 1",
        "chave": {"id": "1"},
        "antes": "12.9",
        "depois": "0.01",
    }
    contados = Counter((r["tabela"], r["o_que"]) for r in documento["registros"])
    assert contados == {
        ("produtos", APARECEU): 1,
        ("produtos", MUDOU): 4,
        ("produtos", SUMIU): 1,
        ("clientes", MUDOU): 1,
        ("clientes", SUMIU): 1,
        ("itens", MUDOU): 1,
        ("notas", APARECEU): 1,
        ("notas", SUMIU): 1,
    }
    (novo,) = [
        r for r in documento["registros"] if (r["tabela"], r["o_que"]) == ("notas", APARECEU)
    ]
    assert novo == {
        "tabela": "notas",
        "o_que": APARECEU,
        "nome": "texto nova",
        "chave": {},
        "depois": {"texto": "nova"},
    }
    assert "abre-" not in saida.tudo
    assert "98777" not in saida.erros, "ao lado de um --json, nenhum valor"


def test_em_json_a_lista_pode_ser_longa(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    muitos = range(1, 1_202)
    for dia in range(2):
        backup(deposito, dia, {"produtos": [produto(n, preco=dia) for n in muitos]})
    documento = rodar(deposito, "--json", "--registros").json()
    assert [r["chave"] for r in documento["registros"]] == [{"id": str(n)} for n in muitos]
    assert {(r["antes"]["preco"], r["depois"]["preco"]) for r in documento["registros"]} == {
        ("0", "1")
    }


def test_a_planilha_e_como_a_de_exportar(deposito: Deposito, tmp_path: Path) -> None:
    arquivo = tmp_path / "d.zip"
    saida = rodar(deposito, "1/11", "2/11", "--csv", str(arquivo))
    assert saida.codigo == 9
    assert saida.saida.splitlines()[-1] == f"📦 Planilha: {arquivo}"
    with zipfile.ZipFile(arquivo) as zip_:
        nomes = ["LEIA-ME.txt", "produtos.csv", "clientes.csv", "itens.csv", "notas.csv"]
        assert zip_.namelist() == nomes
        clientes, itens, leia_me = (
            zip_.read(n) for n in ("clientes.csv", "itens.csv", "LEIA-ME.txt")
        )
    assert clientes.decode("utf-8-sig").split("\r\n") == [
        "o que houve;colunas que mudaram;id;nome;telefone;senha",
        f"sumiu;;{DAVILA};Iracema D'Ávila;(11) 98765-0000;(não se mostra)",
        f"era assim;telefone, senha;{MARIA};Maria Souza;(11) 98765-0000;(não se mostra)",
        f"ficou assim;telefone, senha;{MARIA};Maria Souza;(11) 98777-0000;(não se mostra)",
        "",
    ]
    assert itens.decode("utf-8-sig").split("\r\n")[1:] == [
        "era assim;nome;1;2;Bolo",
        "ficou assim;nome;1;2;'=SOMA(A1)",
        "",
    ]
    assert "De:       01/11/2026 03:00:00\r\n" in leia_me.decode("utf-8-sig")
    de_novo = rodar(deposito, "1/11", "2/11", "--csv", str(arquivo))
    assert (de_novo.codigo, de_novo.saida) == (2, "")
    assert rodar(deposito, "1/11", "2/11", "--csv", str(arquivo), "--sobrescrever").codigo == 9


@pytest.mark.parametrize(
    ("argumentos", "causa"),
    [
        (["1/11", "1/11"], "São o mesmo instante"),
        (["3/11"], "São o mesmo instante"),
        (["1/11", "2/11", "3/11"], "Comparam-se dois instantes, e «3/11» seria o terceiro."),
        (["trinta"], "comparar: não há backup de «trinta»."),
        (["--tabela", "produto"], "Nenhum dos dois tem a tabela produto."),
        (["--csv", "x.html"], "O arquivo tem de terminar em .zip: x.html."),
        (["--pagina", "x.zip"], "O arquivo tem de terminar em .html: x.zip."),
        (["--chave", "1"], "--chave é de --quando."),
        (["--quando", "produtos.nada"], "Nenhum backup tem a tabela, ou a coluna"),
        (["1/11", "--quando", "produtos.preco"], "--quando olha todos os backups"),
    ],
)
def test_recusas(deposito: Deposito, argumentos: list[str], causa: str) -> None:
    saida = rodar(deposito, *argumentos)
    assert (saida.codigo, saida.saida) == (2, ""), saida.tudo
    assert causa in saida.erros.splitlines()[0]


def test_um_backup_so_nao_tem_com_que_se_comparar(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    backup(deposito, 0, ANTES)
    backup(deposito, 1, DEPOIS, tipo="pre_restauracao")
    saida = rodar(deposito)
    assert (saida.codigo, saida.saida) == (3, ""), saida.tudo
    assert "comparar dono agora" in saida.erros


# -- quando mudou -------------------------------------------------------------------------------


def test_os_backups_em_que_uma_coluna_mudou(deposito: Deposito) -> None:
    saida = rodar(deposito, "--quando", "Produtos.preco")
    assert saida.codigo == 9
    assert saida.saida.splitlines() == [
        "📅 produtos.preco",
        "   2026-11-01 03:00  o primeiro que a tem",
        "   2026-11-02 03:00  ~ preco em 4",
        "                         Pão 1 (id 1): 12,9 → 0,01",
        "                         Pão 2 (id 2): 12,9 → 0,01",
        "                         Pão 3 (id 3): 12,9 → 0,01",
        "   mudou 1 vez em 3 backups",
    ]
    documento = rodar(deposito, "--quando", "produtos.preco", "--json").json()
    assert [v["backup"] for v in documento["quando"]] == ["20261101_030000", "20261102_030000"]
    assert documento["quando"][1]["registros"] == 4
    nunca = rodar(deposito, "--quando", "produtos.dados")
    assert nunca.codigo == 0
    assert nunca.saida.splitlines()[-1] == "   ✅ Nada mudou em 3 backups."


def test_quando_uma_tabela_ou_um_registro_mudou(deposito: Deposito) -> None:
    da_tabela = rodar(deposito, "--quando", "itens")
    assert da_tabela.saida.splitlines()[2:] == [
        "   2026-11-02 03:00  +0 ~1 −0 =1",
        "                     ~ nome em 1",
        "   mudou 1 vez em 3 backups",
    ]
    do_registro = rodar(deposito, "--quando", "clientes", "--chave", MARIA)
    assert do_registro.saida.splitlines() == [
        f"📅 clientes  Maria Souza (id {MARIA})",
        "   2026-11-01 03:00  aparece pela primeira vez",
        "   2026-11-02 03:00  telefone: (11) 98765-0000 → (11) 98777-0000",
        "                     senha: mudou (não se mostra)",
        "   mudou 1 vez em 3 backups",
    ]
    so_a_coluna = rodar(deposito, "--quando", "clientes.nome", "--chave", MARIA)
    assert (so_a_coluna.codigo, len(so_a_coluna.saida.splitlines())) == (0, 3)
    sumiu = rodar(deposito, "--quando", "produtos", "--chave", "5")
    assert sumiu.saida.splitlines()[-2:] == [
        "   2026-11-02 03:00  já não está",
        "   mudou 1 vez em 3 backups",
    ]
    assert rodar(deposito, "--quando", "produtos", "--chave", "99").codigo == 3


def test_um_nome_com_ponto_tambem_se_acha(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    colunas = {"a.b": {"id": "integer", "c.d": "text"}}
    feito = guardar(deposito, "d", "D", DIA, {"a.b": []}, colunas=colunas, chaves={"a.b": ["id"]})
    for dito, esperado in (("a.b", ("a.b", None)), ("A.b.C.D", ("a.b", "c.d")), ("a.b.c", None)):
        assunto = ler_assunto(dito, [feito])
        assert (assunto and (assunto.tabela, assunto.coluna)) == esperado


# -- o que não se compara, e o que se compara com cuidado ----------------------------------------


def test_tabelas_e_colunas_de_um_lado_so(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    colunas = {"t": {"id": "integer", "velha": "text"}, "so_antes": {"id": "integer"}}
    linhas: Tabelas = {
        "t": [{"id": 1, "velha": "x"}],
        "so_antes": [{"id": 1}],
        "falhou": [],
        "escolhida": [],
    }
    guardar(deposito, "d", "Loja X", DIA, linhas, colunas=colunas, chaves={"t": ["id"]})
    guardar(
        deposito,
        "d",
        "Loja X",
        DIA + timedelta(days=1),
        {"t": [{"id": 1, "nova": None}]},
        colunas={"t": {"id": "integer", "nova": "text"}},
        chaves={"t": ["id"]},
        falhas={"falhou": "42501"},
        tabelas_nao_pedidas=["escolhida"],
    )
    saida = rodar(deposito, "1/11", "2/11")
    assert saida.codigo == 9, saida.tudo
    assert saida.saida.splitlines()[4:] == [
        "   t: +0 ~0 −0 =1",
        "      coluna nova: nova",
        "      coluna que já não há: velha",
        "⚠️ escolhida: não se comparou: não foi pedida nesse backup (em 2026-11-02 03:00:00)",
        "⚠️ falhou: não se comparou: falhou nesse backup: 42501 (em 2026-11-02 03:00:00)",
        "⚠️ so_antes: só há em 2026-11-01 03:00:00 (1 registro)",
        "   (+ apareceu, ~ mudou, − sumiu, = igual)",
    ]
    so_as_outras = rodar(deposito, "1/11", "2/11", "--tabela", "falhou,escolhida")
    assert so_as_outras.codigo == 0, "do que não se sabe não se diz que mudou"


@pytest.mark.parametrize("como", ["somado", "cortado", "sumido"])
def test_um_arquivo_estragado_nunca_passa_por_diferenca(tmp_path: Path, como: str) -> None:
    deposito = Deposito(tmp_path / "b")
    for dia, tabelas in enumerate((ANTES, DEPOIS)):
        backup(deposito, dia, tabelas)
    arquivo = tmp_path / "b" / "empresa_dono" / "produtos_20261102_030000.json"
    bruto = arquivo.read_bytes()
    if como == "somado":
        arquivo.write_bytes(bruto.replace(b"0.01", b"0.02"))
    elif como == "cortado":
        arquivo.write_bytes(bruto[:-20] + b" " * 20)
    else:
        arquivo.unlink()
    saida = rodar(deposito, "1/11", "2/11")
    assert saida.codigo == 6, saida.tudo
    (aviso,) = [linha for linha in saida.saida.splitlines() if linha.startswith("⚠️ ")]
    assert aviso.startswith("⚠️ produtos: não se comparou: ")
    assert "   clientes: +0 ~1 −1 =0" in saida.saida.splitlines(), "o resto se compara"
    assert "   produtos: " not in saida.saida


def test_fora_de_ordem_o_resultado_e_o_mesmo(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    um = backup(deposito, 0, {"produtos": [produto(n) for n in (5, 1, 4, 2, 3)]})
    outro = backup(deposito, 1, {"produtos": [produto(n, preco=n) for n in (3, 2, 6, 1, 4)]})
    comparada = comparar(_duas(um, outro, "produtos"))
    contas = (comparada.apareceram, comparada.mudaram, comparada.sumiram, comparada.iguais)
    assert contas == (1, 4, 1, 0)
    assert comparada.duas.ordem is None
    ids = {(r.o_que, json.loads(r.linha)["id"]) for r in registros(comparada.duas)}
    assert ids == {(APARECEU, 6), (SUMIU, 5), *((MUDOU, n) for n in (1, 2, 3, 4))}


def test_uma_linha_com_quebras_proprias_continua_a_ser_uma(tmp_path: Path) -> None:
    """Os metadados dizem jsonb, que o PostgreSQL escreve numa linha só; alguém o escreveu em
    duas."""
    deposito = Deposito(tmp_path / "b")
    modelo = b'{"id":%d,"nome":"x","preco":%d,"dados":{"a":[{"id":9},\n{"id":8}]}}'
    um = backup(deposito, 0, {"produtos": [modelo % (n, 1) for n in (1, 2, 3)]})
    outro = backup(deposito, 1, {"produtos": [modelo % (n, n) for n in (1, 2, 4)]})
    duas = _duas(um, outro, "produtos")
    comparada = comparar(duas)
    assert (duas.soltas, comparada.duas.soltas) == (True, False)
    contas = (comparada.apareceram, comparada.mudaram, comparada.sumiram, comparada.iguais)
    assert contas == (1, 1, 1, 1)


def test_uma_chave_que_se_repete_nao_esconde_uma_linha(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    um = backup(deposito, 0, {"produtos": [produto(1), produto(2)]})
    outro = backup(deposito, 1, {"produtos": [produto(1), produto(2), produto(2, preco=7)]})
    comparada = comparar(_duas(um, outro, "produtos"))
    assert (comparada.apareceram, comparada.mudaram, comparada.sumiram) == (1, 0, 0)
    assert comparada.iguais == 2
    assert [json.loads(linha)["preco"] for linha in comparada.novos] == [7]


def _duas(um: Backup, outro: Backup, tabela: str, chave: Sequence[str] = ()) -> Any:
    assert um.meta
    assert outro.meta
    antes, depois = (b.arquivo(b.meta.tabelas[tabela]) for b in (um, outro) if b.meta)
    return juntar(tabela, antes, depois, chave)


def da_primeira_versao(pasta: Path, carimbo: str, tabelas: Tabelas) -> None:
    """Como ela escrevia: indentado, sem somas, sem chaves, cada arquivo com o seu carimbo."""
    pasta.mkdir(parents=True, exist_ok=True)
    for nome, linhas in tabelas.items():
        texto = json.dumps(linhas, indent=2, ensure_ascii=False)
        (pasta / f"{nome}_{carimbo}.json").write_text(texto, encoding="utf-8")
    meta = {"empresa_id": "e", "user_id": "dono", "nome": "Loja X", "data_backup": "2026-10-01"}
    arquivo = pasta / f"backup_metadata_{carimbo}.json"
    arquivo.write_text(json.dumps({**meta, "tabelas_backup": list(tabelas)}), encoding="utf-8")


def test_a_primeira_versao_compara_se_pelo_valor(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    pasta = tmp_path / "b" / "empresa_dono"
    antigos = {"produtos": [produto(2, preco=1.50), produto(1, preco=7)], "notas": []}
    da_primeira_versao(pasta, "20261001_030000", antigos)
    da_primeira_versao(pasta, "20261002_030000", {"produtos": [produto(2, preco=1.6)], "notas": []})
    linhas = [
        b'{"id":1,"nome":"P\xc3\xa3o 1","preco":7.00,"dados":{"cor": 1}}',
        produto(2, preco=2),
    ]
    backup(deposito, 0, {"produtos": linhas, "notas": [{"texto": "a"}]})
    saida = rodar(deposito, "1/10")
    assert saida.codigo == 9, saida.tudo
    assert saida.saida.splitlines()[3:] == [
        "⚠️ Um backup da primeira versão tem no máximo 1.000 registros por tabela: os outros parecem"
        " ter aparecido, ou sumido. Não tem somas, e os números comparam-se pelo valor.",
        "",
        "   produtos: +0 ~1 −0 =1",
        "      ~ preco em 1",
        "          Pão 2 (id 2): 1,5 → 2",
        "   notas: +1 ~0 −0 =0",
        "      (sem chave: um registro é a linha inteira)",
        "      + texto a",
        "   (+ apareceu, ~ mudou, − sumiu, = igual)",
    ]
    # Entre dois dela, a chave é a que um backup de hoje diz.
    entre_si = rodar(deposito, "1/10", "2/10")
    assert "   produtos: +0 ~1 −1 =0" in entre_si.saida.splitlines()


def test_o_que_o_json_nao_distingue_tambem_mudou(tmp_path: Path) -> None:
    """Um `null` de JSON e um nulo têm o mesmo JSON: distinguem-se pelo texto."""
    deposito = Deposito(tmp_path / "b")
    feitos = []
    for dia, texto in enumerate(("null", "[2:3]={7,8}")):
        feito = guardar(
            deposito,
            "d",
            "D",
            DIA + timedelta(days=dia),
            {"t": [{"id": 1, "v": None}], "t.textos": [{"registro": 0, "textos": {"v": texto}}]},
            colunas={"t": {"id": "integer", "v": "jsonb"}},
            chaves={"t": ["id"]},
        )
        arquivo = feito.pasta / f"backup_metadata_{feito.carimbo}.json"
        meta = json.loads(arquivo.read_bytes())
        textos = meta["tabelas"].pop("t.textos")
        campos = ("arquivo", "registros", "bytes", "sha256")
        meta["tabelas"]["t"] |= {"exata": True, "textos": {c: textos[c] for c in campos}}
        arquivo.write_text(json.dumps(meta), encoding="utf-8")
        feitos.append(deposito.abrir(feito.pasta, feito.carimbo))
    comparada = comparar(_duas(feitos[0], feitos[1], "t"))
    assert (comparada.mudaram, list(comparada.colunas)) == (1, ["v"])
    (exemplo,) = comparada.colunas["v"].exemplos
    assert (exemplo.antes, exemplo.depois) == (b'"null"', b'"[2:3]={7,8}"')


# -- por dentro ----------------------------------------------------------------------------------

VALORES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    st.dictionaries(st.sampled_from(["a", "ç"]), st.integers(0, 2), max_size=2),
)
LINHAS = st.dictionaries(st.integers(-5, 40), st.tuples(VALORES, VALORES), max_size=25)
CHAVE_DE: Final = {"integer": ["id"], "text": ["id"], "composta": ["id", "n"], "nenhuma": []}


@pytest.mark.parametrize("tipo", CHAVE_DE)
@given(LINHAS, LINHAS, st.dictionaries(st.integers(-5, 40), st.booleans(), max_size=6))
@settings(max_examples=exemplos(60), deadline=None)
def test_e_o_que_diz_quem_procura_registro_a_registro(
    tipo: str,
    comuns: dict[int, tuple[Any, Any]],
    trocadas: dict[int, tuple[Any, Any]],
    outras: dict[int, bool],
) -> None:
    """Em ordem, pelo índice, com chave composta e sem chave, lendo aos pedacinhos: as contas, as
    colunas e os registros são os de uma comparação ingênua. Os metadados não dizem uma coluna."""
    depois = {n: v for n, v in comuns.items() if outras.get(n, True)}
    depois |= {n: v for n, v in trocadas.items() if n % 3 == 0}

    def linhas(de: dict[int, tuple[Any, Any]]) -> list[dict[str, Any]]:
        return [
            {"id": str(n) if tipo == "text" else n, "n": n % 2, 'v"': v, "ç": c}
            for n, (v, c) in sorted(de.items())
        ]

    colunas = {"id": "text" if tipo == "text" else "integer", "n": "integer"}
    colunas |= {"ç": "text"} if tipo == "composta" else {'v"': "jsonb", "ç": "jsonb"}
    with tempfile.TemporaryDirectory() as pasta, pytest.MonkeyPatch.context() as troca:
        troca.setattr(formato, "PEDACO", 64)
        deposito = Deposito(Path(pasta))
        feitos = [
            guardar(
                deposito,
                "d",
                "D",
                DIA + timedelta(days=dia),
                {"t": linhas(de)},
                colunas={"t": colunas},
                chaves={"t": CHAVE_DE[tipo]},
            )
            for dia, de in enumerate((comuns, depois))
        ]
        comparada = comparar(_duas(feitos[0], feitos[1], "t"))
        vistos = [
            (
                r.o_que,
                json.loads(r.antes) if r.antes else None,
                json.loads(r.depois) if r.depois else None,
                frozenset(r.colunas),
            )
            for r in registros(comparada.duas)
        ]
    esperados = _ingenua(linhas(comuns), linhas(depois), CHAVE_DE[tipo])
    assert sorted(map(repr, map(_ordenado, vistos))) == sorted(map(repr, map(_ordenado, esperados)))
    contas = Counter(o_que for o_que, *_ in esperados)
    assert (comparada.apareceram, comparada.mudaram, comparada.sumiram) == (
        contas[APARECEU],
        contas[MUDOU],
        contas[SUMIU],
    )
    assert comparada.iguais == len(comuns) - contas[MUDOU] - contas[SUMIU]
    das_colunas = Counter(c for *_, quais in esperados for c in quais)
    assert {c: m.registros for c, m in comparada.colunas.items()} == das_colunas


def _ordenado(registro: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*registro[:-1], sorted(registro[-1]))


def _ingenua(
    antes: Sequence[dict[str, Any]], depois: Sequence[dict[str, Any]], chave: Sequence[str]
) -> list[tuple[str, Any, Any, frozenset[str]]]:
    def por_chave(linhas: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {repr([x[c] for c in chave or x]): x for x in linhas}

    tinha, tem = por_chave(antes), por_chave(depois)
    saidas: list[tuple[str, Any, Any, frozenset[str]]] = [
        (SUMIU, x, None, frozenset()) for c, x in tinha.items() if c not in tem
    ]
    saidas += [(APARECEU, None, x, frozenset()) for c, x in tem.items() if c not in tinha]
    for c, x in tinha.items():
        outra = tem.get(c, x)
        if quais := frozenset(k for k in x if repr(x[k]) != repr(outra[k])):
            saidas.append((MUDOU, x, outra, quais))
    return saidas
