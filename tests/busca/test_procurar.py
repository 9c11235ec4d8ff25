"""Achar um registro nos backups e contar a história dele, pelo script de verdade e sem servidor."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.acervo import guardar
from apoio.campanha import exemplos
from apoio.execucao import Saida, executar, fotografia_do_disco
from cofre.busca import bissecao
from cofre.busca.chaves import escrever_chave, ler_chave
from cofre.busca.historico import historias
from cofre.busca.termos import ler_termos, simples
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.linhas import ler_linhas

DIA: Final = datetime(2026, 11, 1, 3, 0).astimezone()
MARIA: Final = "4f2c0000-0000-4000-8000-000000000001"
DAVILA: Final = "4f2c0000-0000-4000-8000-000000000002"

COLUNAS: Final = {
    "clientes": {"id": "uuid", "nome": "text", "telefone": "text", "cpf": "text", "senha": "text"},
    "vendas": {"id": "integer", "cliente_id": "uuid", "total": "numeric"},
    "itens": {"venda_id": "integer", "item": "integer", "nome": "text"},
    "notas": {"texto": "json"},
}
CHAVES: Final = {"clientes": ["id"], "vendas": ["id"], "itens": ["venda_id", "item"]}


def cliente(quem: str = MARIA, nome: str = "Maria Souza", **mais: str) -> dict[str, str]:
    padrao = {"telefone": "(11) 98765-0000", "cpf": "123.456.789-09", "senha": "abc"}
    return {"id": quem, "nome": nome, **padrao, **mais}


def backup(deposito: Deposito, dia: int, tabelas: Mapping[str, Sequence[Any]]) -> Backup:
    com = {nome: tabelas.get(nome, []) for nome in COLUNAS}
    fk = {"colunas": ["cliente_id"], "tabela": "clientes", "referencias": ["id"]}
    publicado = guardar(
        deposito, "dono", "Loja X", DIA + timedelta(days=dia), com, colunas=COLUNAS, chaves=CHAVES
    )
    arquivo = publicado.pasta / f"backup_metadata_{publicado.carimbo}.json"
    meta = json.loads(arquivo.read_bytes())
    meta["tabelas"]["vendas"]["chaves_estrangeiras"] = [fk]
    arquivo.write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
    return publicado


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    """Vinte dias de uma loja: Maria muda de telefone no dia 8, some no dia 12, e D'Ávila some no 5
    e volta no 7."""
    feito = Deposito(tmp_path / "b")
    for dia in range(20):
        maria = cliente(telefone="(11) 98777-0000", senha="xyz") if dia >= 8 else cliente()
        davila = cliente(DAVILA, "Iracema D'Ávila", telefone="", cpf="987.654.321-00")
        clientes = [*([maria] if dia < 12 else []), *([] if dia in (5, 6) else [davila])]
        vendas = [{"id": n, "cliente_id": MARIA, "total": n * 10} for n in range(1, 6)]
        itens = [{"venda_id": 1, "item": 2, "nome": "Pão, de queijo"}]
        notas = [b'{"texto": {"de": "Jos\\u00e9",\n "oi": 1}}']
        tabelas: dict[str, Sequence[Any]] = {
            "clientes": clientes,
            "vendas": vendas if dia < 12 else [],
            "itens": itens,
        }
        backup(feito, dia, tabelas | {"notas": notas})
    return feito


def rodar(deposito: Deposito, *argumentos: str) -> Saida:
    antes = fotografia_do_disco(deposito.raiz)
    saida = executar(None, deposito.raiz, *argumentos)
    assert fotografia_do_disco(deposito.raiz) == antes
    return saida


def procurar(deposito: Deposito, *argumentos: str) -> Saida:
    return rodar(deposito, "procurar", "loja x", *argumentos)


def test_uma_linha_por_registro_e_nao_por_backup(deposito: Deposito) -> None:
    saida = procurar(deposito, "maria 98765")
    assert (saida.codigo, saida.erros) == (0, ""), saida.tudo
    comando = f".venv/bin/python scripts/backup-por-empresa.py historia dono clientes {MARIA}"
    volta = ".venv/bin/python scripts/restaurar-empresa.py registro --empresa dono"
    volta += f" --tabela clientes --chave {MARIA}"
    assert saida.saida.splitlines() == [
        "clientes  Maria Souza (id 4f2c…)  2 versões, 2026-11-01 a 2026-11-12",
        "  apagado entre 2026-11-12 03:00 e 2026-11-13 03:00",
        "",
        "ℹ️ Para ver o que mudou em cada versão:",
        f"   {comando}",
        "↩️ Para trazer de volta só ele, com o que foi com ele:",
        f"   {volta}",
    ]


@pytest.mark.parametrize(
    ("argumentos", "achados"),
    [
        (["iracema davila"], ["clientes"]),
        (["12345678909"], ["clientes"]),
        (["123.456.789-09"], ["clientes"]),
        (["MARIA", "souza"], ["clientes"]),
        (["josé"], ["notas"]),
        (["pão de queijo"], ["itens"]),
        (["--campo", "nome=maria"], ["clientes"]),
        (["--campo", "Telefone=98777", "souza"], ["clientes"]),
        (["--chave", "1,2"], ["itens"]),
        (["--chave", "3"], ["vendas"]),
        (["--chave", MARIA, "--tabela", "clientes"], ["clientes"]),
        (["maria", "--ate", "12/11"], ["clientes"]),
        (["98777", "--de", "2026-11-09", "--ate", "2026-11-10"], ["clientes"]),
    ],
)
def test_o_que_se_procura(deposito: Deposito, argumentos: list[str], achados: list[str]) -> None:
    saida = procurar(deposito, *argumentos, "--json")
    assert saida.codigo == 0, saida.tudo
    assert [r["tabela"] for r in saida.json()["registros"]] == achados


@pytest.mark.parametrize(
    "argumentos",
    [
        ["zuleica"],
        ["maria", "iracema"],
        ["--campo", "cpf=maria"],
        ["maria", "--tabela", "vendas"],
        ["maria", "--de", "13/11"],
        ["98777", "--ate", "2026-11-08"],
        ["nome"],  # o nome de uma coluna não é um valor
        ["--chave", "99"],
    ],
)
def test_nada_encontrado(deposito: Deposito, argumentos: list[str]) -> None:
    saida = procurar(deposito, *argumentos)
    assert saida.codigo == 3, saida.tudo
    assert saida.saida == ""
    assert saida.erros.splitlines()[0] == "❌ Nada encontrado nos backups de Loja X."


@pytest.mark.parametrize(
    ("argumentos", "causa"),
    [
        ([], "Diga o que procurar."),
        (["..."], "Diga o que procurar."),
        (["x", "--de", "trinta"], "«trinta» não é uma data."),
        (["x", "--tabela", "cliente"], "Nenhum backup tem a tabela cliente."),
        (["x", "--campo", "nome"], "--campo: use coluna=palavra, como nome=maria."),
    ],
)
def test_recusas(deposito: Deposito, argumentos: list[str], causa: str) -> None:
    saida = procurar(deposito, *argumentos)
    assert (saida.codigo, saida.saida) == (2, "")
    assert causa in saida.erros.splitlines()[0]


def test_o_que_faltou_e_voltou(deposito: Deposito) -> None:
    saida = procurar(deposito, "iracema")
    assert saida.saida.splitlines()[:3] == [
        "clientes  Iracema D'Ávila (id 4f2c…)  2 versões, 2026-11-01 a 2026-11-20",
        "  faltou entre 2026-11-05 03:00 e 2026-11-06 03:00",
        "  ainda existe no backup mais novo (2026-11-20 03:00)",
    ]


def test_a_historia_de_um_registro(deposito: Deposito) -> None:
    """O que mudou, coluna a coluna; de um segredo, só que mudou; e o que estava ligado a ele."""
    saida = rodar(deposito, "historia", "loja x", "Clientes", MARIA, "--relacionados")
    assert saida.codigo == 0, saida.tudo
    assert saida.saida.splitlines() == [
        f"📜 clientes  Maria Souza (id {MARIA})",
        "   2026-11-01 03:00  aparece pela primeira vez",
        "   2026-11-09 03:00  telefone: (11) 98765-0000 → (11) 98777-0000",
        "                     senha: mudou (não se mostra)",
        "   apagado entre 2026-11-12 03:00 e 2026-11-13 03:00",
        "   No backup de 2026-11-12 03:00:",
        "   • vendas: 5 registros apontavam para ele (cliente_id): id 1; id 2; id 3 e mais 2",
    ]
    documento = rodar(deposito, "historia", "dono", "clientes", MARIA, "--json").json()
    assert [v["registro"]["telefone"] for v in documento["versoes"]] == [
        "(11) 98765-0000",
        "(11) 98777-0000",
    ]
    assert "abc" not in json.dumps(documento)
    de_volta = rodar(deposito, "historia", "dono", "clientes", DAVILA)
    assert "   2026-11-08 03:00  está de volta" in de_volta.saida.splitlines()
    venda = rodar(deposito, "historia", "dono", "vendas", "2", "--relacionados")
    assert venda.saida.splitlines()[-1] == (
        "   • clientes: ele apontava para Maria Souza (cliente_id)"
    )
    nada = rodar(deposito, "historia", "dono", "vendas", "999")
    assert (nada.codigo, nada.saida) == (3, "")


def test_um_segredo_dentro_de_um_json_tambem_nao_se_mostra(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    for dia in range(2):
        dados = {"smtp": {"senha": f"abre-{dia}"}}
        linhas = [{"id": 1, "dados": dados, "tema": {"cor": dia}}]
        colunas = {"t": {"id": "integer", "dados": "jsonb", "tema": "jsonb"}}
        quando = DIA + timedelta(days=dia)
        guardar(
            deposito, "d", "Loja X", quando, {"t": linhas}, colunas=colunas, chaves={"t": ["id"]}
        )
    dita = rodar(deposito, "historia", "loja x", "t", "1")
    assert dita.saida.splitlines()[2:4] == [
        "   2026-11-02 03:00  dados: mudou (não se mostra)",
        '                     tema: {"cor":0} → {"cor":1}',
    ]
    em_json = rodar(deposito, "historia", "loja x", "t", "1", "--json")
    assert [sorted(v["registro"]) for v in em_json.json()["versoes"]] == [["id", "tema"]] * 2
    assert "abre-" not in dita.tudo + em_json.tudo


SOMA: Final = "9b74c9897bac770ffc029102a200c5de" * 2
NOTA: Final = "35261112345678000195550010000012341000012345"


@pytest.mark.parametrize(
    ("linha", "dita", "acha"),
    [
        ({"soma": SOMA}, "9897", False),
        ({"soma": SOMA}, "bac", False),
        ({"soma": SOMA}, SOMA[:12], True),  # quem a copiou de algum lado, sabe o que procura
        ({"soma": SOMA.upper()}, SOMA, True),
        ({"dentro": {"arquivo": {"soma": SOMA, "nome": "boleto 9897.pdf"}}}, "9897", True),
        ({"dentro": {"arquivo": {"soma": SOMA, "nome": "boleto.pdf"}}}, "9897", False),
        ({"etag": f"{SOMA[:32]}-12"}, "770", False),
        ({"senha": "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}, "qo8u", False),
        ({"nota": NOTA}, "12345678000195", True),
        ({"nota": NOTA}, "1234", True),
        ({"id": "4f2c0000-0000-4000-8000-000000000001"}, "4f2c", True),
        ({"nome": "abade", "soma": SOMA}, "abade", True),
    ],
)
def test_dentro_de_uma_soma_nao_se_acha_por_acaso(linha: Any, dita: str, acha: bool) -> None:
    bruta = json.dumps(linha).encode()
    assert [*ler_termos([dita]).nas_linhas([bruta])] == ([bruta] if acha else [])
    # Quem diz a coluna, quer essa.
    (coluna, *_) = linha
    nela = ler_termos([], [(coluna, dita)])
    esta_nela = simples(dita) in simples(json.dumps(linha[coluna]))
    assert [*nela.nas_linhas([bruta])] == ([bruta] if esta_nela else [])


def test_um_arquivo_estragado_e_dito_e_o_resto_serve(deposito: Deposito) -> None:
    (pasta,) = deposito.pastas()
    do_dia_8 = sorted(pasta.glob("clientes_*.json"))[8]
    do_dia_8.unlink()  # as outras, iguais, são o mesmo arquivo no disco
    do_dia_8.write_bytes(b"[\n{oi")
    saida = procurar(deposito, "98777")
    assert saida.codigo == 0, saida.tudo
    assert "clientes  Maria Souza (id 4f2c…)  2 versões, 2026-11-01 a 2026-11-12" in saida.saida
    for igual in sorted(pasta.glob("clientes_*.json"))[8:12]:
        igual.unlink()
    sem = procurar(deposito, "98777")
    assert sem.codigo == 3, sem.tudo
    assert sem.saida.startswith("⚠️ clientes_20261112_030000.json não se lê, e ficou de fora: ")


def test_ha_mais_do_que_se_mostra(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    muitos = [cliente(str(uuid.UUID(int=n)), f"Maria {n}") for n in range(300)]
    backup(deposito, 0, {"clientes": muitos})
    saida = procurar(deposito, "maria")
    assert saida.codigo == 0
    assert saida.saida.count("clientes  Maria") == 200
    assert "⚠️ Há mais que estes 200: diga mais uma palavra, ou a --tabela." in saida.saida
    documento = procurar(deposito, "maria", "--json").json()
    assert documento["ha_mais"] is True


@pytest.mark.parametrize("compactar", [False, True])
def test_a_mesma_busca_em_backups_compactados(tmp_path: Path, compactar: bool) -> None:
    deposito = Deposito(tmp_path / "b", compactar=compactar)
    for dia in range(3):
        backup(deposito, dia, {"clientes": [cliente(telefone=str(dia))]})
    saida = procurar(deposito, "maria", "--json")
    (registro,) = saida.json()["registros"]
    assert len(registro["versoes"]) == 3


# -- por dentro --------------------------------------------------------------------------------


@given(st.text())
def test_simples_so_tem_letras_e_digitos(dito: str) -> None:
    assert simples(dito) == simples(simples(dito))
    assert all(c.isalnum() for c in simples(dito))


TEXTOS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
VALORES = st.one_of(st.none(), st.integers(), TEXTOS, st.lists(TEXTOS, max_size=2))


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "ç"]), VALORES, min_size=1), max_size=6),
    st.text(alphabet="abcçá1 .'-", min_size=1, max_size=4),
)
@settings(max_examples=exemplos(150), deadline=None)
def test_acha_o_mesmo_que_quem_olha_valor_a_valor(linhas: list[Any], dito: str) -> None:
    termos = ler_termos([dito])
    brutas = [json.dumps(x, ensure_ascii=n % 2 == 1).encode() for n, x in enumerate(linhas)]
    if not termos.palavras:
        return

    def tem(linha: Mapping[str, Any]) -> bool:
        ditos = [simples(_por_extenso(v)) for v in linha.values()]
        return all(any(p in d for d in ditos) for p in termos.palavras)

    certas = [b for b, x in zip(brutas, linhas, strict=True) if tem(x)]
    assert list(termos.nas_linhas(brutas)) == certas


def _por_extenso(valor: object) -> str:
    if isinstance(valor, list):
        return " ".join(valor)
    return "" if valor is None else str(valor)


@pytest.mark.parametrize("tipo", ["integer", "uuid"])
@pytest.mark.parametrize("quantas", [0, 1, 2, 3, 500])
def test_a_bissecao_acha_o_que_a_leitura_acha(tmp_path: Path, tipo: str, quantas: int) -> None:
    """Cada chave que há, e as que ficam antes, entre e depois delas."""
    acaso = random.Random(f"{tipo}{quantas}")
    numeros = sorted(acaso.sample(range(-quantas, 3 * quantas + 1), quantas))
    de = (lambda n: n) if tipo == "integer" else (lambda n: str(uuid.UUID(int=n + quantas)))
    linhas = [{"id": de(n), "nome": "x" * acaso.randrange(300)} for n in numeros]
    deposito = Deposito(tmp_path / "b")
    colunas = {"t": {"id": tipo, "nome": "text"}}
    feito = guardar(deposito, "d", "D", DIA, {"t": linhas}, colunas=colunas, chaves={"t": ["id"]})
    assert feito.meta
    salva = feito.meta.tabelas["t"]
    assert bissecao.serve(salva, feito.caminho(salva))
    lidas = {str(x["id"]): b for x, b in zip(linhas, _linhas(feito), strict=True)}
    for n in range(-quantas - 1, 3 * quantas + 3):
        chave = str(de(n)) if tipo == "integer" or n + quantas >= 0 else "nada"
        achada = bissecao.linha_da_chave(feito.caminho(salva), salva, chave)
        assert achada == lidas.get(chave), chave


def _linhas(feito: Backup) -> list[bytes]:
    assert feito.meta
    caminho = feito.caminho(feito.meta.tabelas["t"])
    return [bytes(linha) for grupo in ler_linhas(caminho) for linha in grupo]


def test_fora_de_ordem_le_se_o_arquivo_todo(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    linhas = [{"id": n, "nome": "x"} for n in (5, 1, 9, 3, 7, 2)]
    colunas = {"t": {"id": "integer", "nome": "text"}}
    feito = guardar(deposito, "d", "D", DIA, {"t": linhas}, colunas=colunas, chaves={"t": ["id"]})
    for n in (5, 1, 9, 3, 7, 2):
        (registro,) = historias([feito], "t", [(str(n),)], print)
        assert json.loads(registro.versoes[0].linha)["id"] == n


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zs"])), min_size=1))
def test_a_chave_se_escreve_e_se_le(chave: list[str]) -> None:
    if chave != [""]:
        assert ler_chave(escrever_chave(tuple(chave))) == tuple(chave)
