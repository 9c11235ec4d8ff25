"""A pasta dos backups: nomes, modos, carimbos, e o que o disco faz de errado."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from apoio.campanha import amostra
from apoio.cifrados import cifrando_para
from apoio.disco_proprio import MONTAR
from apoio.execucao import (
    BACKUP,
    DA_PAGINA,
    PACIENCIA,
    RAIZ,
    REGISTROS,
    SEM_PODERES,
    ambiente,
    conteudo,
    executar,
    fotografia_do_disco,
    linhas_do_banco,
    linhas_salvas,
    metadados,
    ultimo_backup,
)
from apoio.loja import PELA_API, TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, REGISTROS_DO_DONO, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.deposito.backup import Backup
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.deposito import Deposito
from cofre.deposito.verificacao import danos_de
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ


def _danos(backup: Backup) -> list[str]:
    return [f"{d.tabela}: {d.causa}" for d in danos_de(backup)]


# -- a forma dos arquivos ------------------------------------------------------------------------


@PELA_API
def test_forma_dos_arquivos(projeto: SupabaseLocal, tmp_path: Path) -> None:
    assert executar(projeto, tmp_path, "--empresa", DONO).codigo == 0
    (meta,) = metadados(tmp_path)
    carimbo = datetime.fromisoformat(meta["inicio"]).strftime("%Y%m%d_%H%M%S")
    pasta = tmp_path / "empresa_aaaa1111"
    nomes = [f"{t}_{carimbo}.json" for t in (*REGISTROS_DO_DONO, "backup_metadata")]
    assert sorted(p.name for p in pasta.iterdir()) == sorted(nomes)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [".trava", pasta.name, *DA_PAGINA, *REGISTROS]
    )

    assert (pasta / f"vazia_{carimbo}.json").read_bytes() == b"[]\n"
    for tabela in ("empresas", "produtos", "clientes", "vendas", "vendas_itens"):
        arquivo = pasta / f"{tabela}_{carimbo}.json"
        linhas = linhas_salvas(meta, tabela)
        assert arquivo.read_bytes() == b"[\n" + b",\n".join(linhas) + b"\n]\n"
        assert arquivo.read_bytes().count(b"\n") == len(linhas) + 2
        onde = f"user_id = '{DONO}'"
        if tabela == "vendas_itens":
            onde = f"venda_id IN (SELECT id FROM vendas WHERE {onde})"
        do_banco = linhas_do_banco(projeto, tabela, onde)
        chave = meta["tabelas"][tabela]["chave"]
        assert linhas == sorted(do_banco, key=lambda bruta: [json.loads(bruta)[c] for c in chave])


@PELA_API
def test_metadados_antigos_e_novos(projeto: SupabaseLocal, tmp_path: Path) -> None:
    assert executar(projeto, tmp_path, "--empresa", DONO).codigo == 0
    (meta,) = metadados(tmp_path)
    nomes = list(REGISTROS_DO_DONO)
    assert list(meta)[:8] == [
        "versao_formato",
        "versao_ferramenta",
        "empresa_id",
        "user_id",
        "nome",
        "data_backup",
        "inicio",
        "fim",
    ]
    esperado: dict[str, Any] = {
        "versao_formato": 2,
        "empresa_id": "aaaa1111-eeee-4000-8000-000000000001",
        "user_id": DONO,
        "nome": "Padaria Ação",
        "tipo": "manual",
        "estado": "completo",
        "consistencia": "instantanea",
        "tabelas_backup": nomes,
        "tabelas_falha": [],
        "tabelas_nao_pedidas": [],
        "falhas": {},
        "total_registros": sum(REGISTROS_DO_DONO.values()),
        "registros_da_empresa": [{"id": "aaaa1111-eeee-4000-8000-000000000001"}],
        "contradicoes": [],
        "deixadas_de_fora": [],
    }
    assert {c: meta[c] for c in esperado} == esperado
    assert meta["origem"]["via"] == "api"
    assert meta["origem"]["url"] == projeto.url
    inicio, fim = (datetime.fromisoformat(meta[c]) for c in ("inicio", "fim"))
    assert inicio.utcoffset() is not None
    assert inicio <= fim
    for nome, tabela in meta["tabelas"].items():
        dados = (meta["pasta"] / tabela["arquivo"]).read_bytes()
        assert tabela["bytes"] == len(dados)
        assert tabela["sha256"] == hashlib.sha256(dados).hexdigest()
        assert tabela["registros"] == REGISTROS_DO_DONO[nome] == len(json.loads(dados))
    assert meta["total_bytes"] == sum(t["bytes"] for t in meta["tabelas"].values())
    produtos = meta["tabelas"]["produtos"]
    assert [(c["nome"], c["tipo"], c["anulavel"]) for c in produtos["colunas"]] == [
        ("id", "bigint", False),
        ("user_id", "uuid", False),
        ("nome", "text", False),
        ("preco", "numeric", True),
        ("dobro", "numeric", True),
    ]
    assert produtos["nao_gravaveis"] == ["dobro"]
    itens = meta["tabelas"]["vendas_itens"]
    assert itens["chave"] == ["venda_id", "item"]
    assert itens["chaves_estrangeiras"] == [
        {"colunas": ["venda_id"], "tabela": "vendas", "referencias": ["id"]},
        {"colunas": ["produto_id"], "tabela": "produtos", "referencias": ["id"]},
    ]


def test_modos(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Só o dono entra e lê, mesmo com um umask frouxo e numa pasta que foi aberta a todos."""
    destino = tmp_path / "novo" / "backups"
    assert executar(projeto, destino, "--empresa", DONO, "--tabelas", "vazia").codigo == 0
    (destino / "empresa_aaaa1111").chmod(0o755)
    anterior = os.umask(0)
    try:
        assert executar(projeto, destino).codigo == 0
    finally:
        os.umask(anterior)
    modos = {p.relative_to(destino).parts[0]: p.stat().st_mode & 0o777 for p in destino.iterdir()}
    pastas = {"empresa_aaaa1111": 0o700, "empresa_bbbb2222": 0o700}
    registros = {".travas": 0o700, "logs": 0o700, "ultima_execucao.json": 0o600}
    assert modos == {**dict.fromkeys((".trava", *DA_PAGINA), 0o600), **pastas, **registros}
    logs = list(destino.glob("logs/*.log"))
    arquivos = list(destino.glob("empresa_*/*.json"))
    assert (len(arquivos), len(logs)) == (16, 2)
    arquivos += [*logs, destino / "ultima_execucao.json"]
    assert {p.stat().st_mode & 0o777 for p in arquivos} == {0o600}


def test_pasta_criada_so_para_o_dono(projeto: SupabaseLocal, tmp_path: Path) -> None:
    anterior = os.umask(0)
    try:
        assert executar(projeto, tmp_path / "b", "--empresa", DONO).codigo == 0
    finally:
        os.umask(anterior)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700


# -- carimbos ------------------------------------------------------------------------------------


def test_nunca_sobrescreve(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """Cinco execuções seguidas e um carimbo do futuro já ocupado: tudo fica como estava."""
    vistos: dict[str, bytes] = {}
    for vez in range(1, 6):
        assert executar(projeto, tmp_path, "--empresa", DONO, "--tabelas", "vendas").codigo == 0
        agora = fotografia_do_disco(tmp_path)
        assert {n: agora.get(n) for n in vistos} == vistos
        vistos = agora
        assert len(metadados(tmp_path)) == vez
    nomes = [m["tabelas"]["vendas"]["arquivo"] for m in metadados(tmp_path)]
    assert len(set(nomes)) == 5


def test_dois_backups_no_mesmo_segundo(tmp_path: Path) -> None:
    """O carimbo ocupado, por nós ou por outro arquivo, passa ao segundo seguinte."""
    deposito = Deposito(tmp_path)
    agora = datetime(2026, 1, 16, 23, 59, 59, 999_000).astimezone()
    with ExitStack() as pilha:
        primeira = pilha.enter_context(deposito.montar(DONO, agora))
        pasta = primeira.pasta
        (pasta / "notas_20260117_000000.json").write_text("de outra pessoa")
        outras = [pilha.enter_context(deposito.montar(DONO, agora)) for _ in range(2)]
        montagens = [primeira, *outras]
        assert {m.pasta for m in montagens} == {pasta}
        assert [m.carimbo for m in montagens] == [
            "20260116_235959",
            "20260117_000001",
            "20260117_000002",
        ]
    assert [p.name for p in pasta.iterdir()] == ["notas_20260117_000000.json"]


# -- de quem é a pasta ---------------------------------------------------------------------------

MESMO_COMECO = """
    DELETE FROM vendas_itens; DELETE FROM vendas; DELETE FROM produtos; DELETE FROM clientes;
    DELETE FROM empresas;
    INSERT INTO empresas VALUES
        (gen_random_uuid(), 'abc12345-0000-4000-8000-000000000001', 'Um'),
        (gen_random_uuid(), 'abc12345-0000-4000-8000-000000000002', 'Dois'),
        (gen_random_uuid(), 'abc12345-ffff-4000-8000-000000000003', 'Três');
    INSERT INTO produtos SELECT row_number() over (), user_id, 'Produto de ' || nome FROM empresas;
"""


def test_mesmo_comeco_pastas_diferentes(criar_supabase: FabricaDeSupabase, tmp_path: Path) -> None:
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, MESMO_COMECO))
    ids = {
        "Um": "abc12345-0000-4000-8000-000000000001",
        "Dois": "abc12345-0000-4000-8000-000000000002",
        "Três": "abc12345-ffff-4000-8000-000000000003",
    }
    # A última em ordem de id chega primeiro e fica com o nome curto, para sempre.
    for empresa in ("Três", "Um", "Dois"):
        assert executar(projeto, tmp_path, "--empresa", ids[empresa]).codigo == 0
    pastas = {m["nome"]: m["pasta"].name for m in metadados(tmp_path)}
    assert pastas["Três"] == "empresa_abc12345"
    assert pastas["Um"] == "empresa_abc12345-0"
    assert pastas["Dois"].startswith("empresa_abc12345-0")
    assert len(set(pastas.values())) == 3
    assert executar(projeto, tmp_path).codigo == 0
    todos = metadados(tmp_path)
    assert len(todos) == 6
    assert {m["nome"]: m["pasta"].name for m in todos} == pastas
    for m in todos:
        assert m["user_id"] == ids[m["nome"]]
        (linha,) = linhas_salvas(m, "produtos")
        assert json.loads(linha)["user_id"] == m["user_id"]
        assert json.loads(linha)["nome"] == f"Produto de {m['nome']}"


@PELA_API
def test_metadados_decidem_e_nao_o_nome(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """A pasta com o nome da empresa é de outra; a dela foi renomeada à mão."""
    assert executar(projeto, tmp_path).codigo == 0
    (tmp_path / "empresa_aaaa1111").rename(tmp_path / "empresa_aaaa1111 (loja)")
    (tmp_path / "empresa_bbbb2222").rename(tmp_path / "empresa_aaaa1111")
    antes = fotografia_do_disco(tmp_path)
    assert executar(projeto, tmp_path, "--empresa", DONO).codigo == 0
    agora = fotografia_do_disco(tmp_path)
    assert {n: agora.get(n) for n in antes} == antes
    novo = ultimo_backup(tmp_path, DONO)
    assert novo["pasta"].name == "empresa_aaaa1111 (loja)"
    assert {m["user_id"] for m in metadados(tmp_path) if m["pasta"].name == "empresa_aaaa1111"} == {
        VIZINHA
    }


def test_pasta_so_com_coisas_de_outros_nao_e_de_ninguem(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Uma pasta com o nome certo mas sem metadados não é tomada."""
    alheia = tmp_path / "empresa_aaaa1111"
    alheia.mkdir()
    (alheia / "contrato.txt").write_text("assinado")
    assert executar(projeto, tmp_path, "--empresa", DONO).codigo == 0
    (meta,) = metadados(tmp_path)
    assert [p.name for p in alheia.iterdir()] == ["contrato.txt"]
    assert meta["pasta"].name == "empresa_aaaa1111-0"


# -- nomes de tabelas ----------------------------------------------------------------------------

NOMES = (
    'Relatório: "1/2" <a|b>?*',
    "com\\barra",
    "COISAS",
    "coisas",
    "Coisas",
    "backup_metadata",
    "backup_metadata_20260116_182944",
    "CON",
    ".oculta",
    "100%",
    "x" * 63,
    "é" * 31,
    "tem espaço ",
    "termina.",
)


@PELA_API
def test_nomes_de_tabela_que_o_ntfs_nao_aceita(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    def entre_aspas(nome: str) -> str:
        return '"' + nome.replace('"', '""') + '"'

    tabelas = "".join(
        f"CREATE TABLE {entre_aspas(n)} (id integer PRIMARY KEY, user_id uuid);"
        f"INSERT INTO {entre_aspas(n)} VALUES ({i}, '{DONO}');"
        for i, n in enumerate(NOMES)
    )
    permissao = "GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;"
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, tabelas, permissao))
    saida = executar(projeto, tmp_path, "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    (meta,) = metadados(tmp_path)
    salvas = {n: linhas_salvas(meta, n) for n in NOMES}
    assert salvas == {n: [f'{{"id":{i},"user_id":"{DONO}"}}'.encode()] for i, n in enumerate(NOMES)}
    arquivos = sorted(p.name for p in meta["pasta"].iterdir())
    assert len(arquivos) == len(NOMES) + len(REGISTROS_DO_DONO) + 1
    assert len({a.lower() for a in arquivos}) == len(arquivos)
    for arquivo in arquivos:
        assert not set(arquivo) & set('<>:"/\\|?*'), arquivo
        assert not arquivo.startswith(".")
        assert arquivo.isprintable()
        assert len(arquivo.encode()) <= 140
    (backup,) = Deposito(tmp_path).backups(meta["pasta"])
    assert _danos(backup) == []
    assert {n: t.arquivo for n, t in (backup.meta.tabelas if backup.meta else {}).items()} == {
        n: t["arquivo"] for n, t in meta["tabelas"].items()
    }


# -- o disco -------------------------------------------------------------------------------------

FINAL = "   Os backups anteriores continuam como estavam."


# Escrever além de tantos bytes num arquivo falha com EFBIG (o Python já ignora o SIGXFSZ).
SEM_ESPACO = """
import os, resource, runpy, sys
bytes_ = int(os.environ["LIMITE"])
resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def com_backup(projeto: SupabaseLocal, tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    destino = tmp_path / "b"
    assert executar(projeto, destino).codigo == 0
    return destino, fotografia_do_disco(destino)


@pytest.mark.parametrize(
    ("limite", "cifra"),
    amostra(
        [(100, False), (4_000, False), (6_000, False), (600, True), (2_000, True), (3_000, True)],
        4,
    ),
)
def test_arquivo_que_nao_cabe(
    projeto: SupabaseLocal, com_backup: tuple[Path, dict[str, bytes]], limite: int, cifra: bool
) -> None:
    """A escrita falha de verdade, no começo ou no fim de uma tabela; cifrada, cabe em menos."""
    destino, antes = com_backup
    mais = {"LIMITE": str(limite), "PYTHONDONTWRITEBYTECODE": "1"}
    mais |= cifrando_para(gerar(), gerar()) if cifra else {}
    saida = executar(
        projeto, destino, "--empresa", DONO, mais=mais, programa=SEM_ESPACO, novo=False
    )
    assert saida.codigo == 4, saida.tudo
    texto = saida.saida + saida.erros
    assert "O arquivo passou do tamanho permitido: " in texto
    assert "Os backups anteriores continuam como estavam." in texto
    # Também o log pode não caber, e isso se diz.
    assert ("⚠️ O log não pôde ser escrito. O arquivo passou do tamanho" in texto) == (limite < 999)
    assert "Traceback" not in texto
    assert {**fotografia_do_disco(destino), ".trava": b""} == antes


@PELA_API
def test_disco_que_recusa_so_uma_empresa(
    projeto: SupabaseLocal, com_backup: tuple[Path, dict[str, bytes]]
) -> None:
    """A que não cabe é dita pelo nome, e a outra fica inteira."""
    destino, antes = com_backup
    mais = {"LIMITE": "20000", "PYTHONDONTWRITEBYTECODE": "1"}
    saida = executar(projeto, destino, mais=mais, programa=SEM_ESPACO, novo=False)
    assert saida.codigo == 4, saida.tudo
    assert "   ❌ Backup não concluído: O arquivo passou do tamanho permitido: " in saida.saida
    assert f"   ✅ Backup concluído: {destino}/empresa_bbbb2222/\n" in saida.saida
    assert "\n   ❌ Padaria Ação: O arquivo passou do tamanho permitido: " in saida.saida
    agora = fotografia_do_disco(destino)
    assert {n: agora.get(n) for n in antes} == antes
    assert {n.split("/")[0] for n in agora if n not in antes} == {"empresa_bbbb2222"}
    for pasta in Deposito(destino).pastas():
        assert [_danos(b) for b in Deposito(destino).backups(pasta)][-1] == []


@pytest.fixture
def disco_pequeno(tmp_path: Path) -> Path:
    """Um disco de verdade de 96 KB (tmpfs), num espaço de montagem só nosso."""
    ponto = tmp_path / "disco"
    ponto.mkdir()
    return ponto


ENCHER = (
    MONTAR
    + """
import subprocess
ponto, tamanho, *comando = sys.argv[1:]
montar(ponto, tamanho)
anterior = os.path.join(ponto, "empresa_zzzz")
os.mkdir(anterior)
with open(os.path.join(anterior, "antigo.txt"), "w") as arquivo:
    arquivo.write("antigo")
codigo = subprocess.run(comando).returncode
achados = [os.path.join(p, n) for p, d, a in os.walk(ponto) for n in d + a]
print("FICOU", sorted(os.path.relpath(a, ponto) for a in achados))
sys.exit(codigo)
"""
)


def test_disco_cheio(projeto: SupabaseLocal, disco_pequeno: Path) -> None:
    """ENOSPC de verdade; o que fica é só o que estava."""
    feito = subprocess.run(
        [sys.executable, "-c", ENCHER, str(disco_pequeno), "57344", sys.executable, str(BACKUP)],
        env=ambiente(projeto, disco_pequeno),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PACIENCIA,
        check=False,
    )
    saida, erros = feito.stdout.decode(), feito.stderr.decode()
    assert feito.returncode == 4, saida + erros
    assert f"❌ Backup não concluído: O disco está cheio: {disco_pequeno}/empresa_aaaa1111" in saida
    assert "      Libere espaço ou escolha outra pasta com --destino.\n" in saida
    assert "Os backups anteriores continuam como estavam." in saida
    assert "Traceback" not in saida + erros
    *_, ficou = saida.splitlines()
    assert "'empresa_zzzz', 'empresa_zzzz/antigo.txt'" in ficou
    assert "empresa_aaaa1111" not in ficou
    assert "em_andamento" not in ficou


def test_pasta_so_de_leitura(
    projeto: SupabaseLocal, com_backup: tuple[Path, dict[str, bytes]]
) -> None:
    destino, antes = com_backup
    (destino / ".trava").unlink()
    destino.chmod(0o555)
    saida = executar(projeto, destino, "--empresa", DONO, programa=SEM_PODERES, novo=False)
    destino.chmod(0o700)
    assert saida.codigo == 4, saida.tudo
    assert saida.erros.splitlines() == [
        f"❌ Sem permissão para gravar: {destino}",
        "   Dê permissão de escrita na pasta ou escolha outra com --destino.",
        FINAL,
    ]
    assert {**fotografia_do_disco(destino), ".trava": b""} == antes


@pytest.mark.parametrize("acao", [[], ["listar"], ["verificar"]])
def test_caminho_longo_demais(projeto: SupabaseLocal, tmp_path: Path, acao: list[str]) -> None:
    destino = tmp_path / "/".join(["p" * 250] * 20)
    saida = executar(projeto, destino, *acao)
    assert saida.codigo == 4, saida.tudo
    assert saida.erros.splitlines() == [
        f"❌ O caminho é longo demais: {destino}",
        "   Escolha uma pasta de caminho mais curto com --destino ou BACKUP_DIR.",
        FINAL,
    ]
    assert list(tmp_path.iterdir()) == []


def test_nome_longo_demais(projeto: SupabaseLocal, tmp_path: Path) -> None:
    saida = executar(projeto, tmp_path, "--destino", str(tmp_path / ("n" * 300)))
    assert saida.codigo == 4, saida.tudo
    assert "❌ O caminho é longo demais: " in saida.erros


@pytest.mark.parametrize("dentro", ["", "sub/pasta"])
def test_destino_que_e_um_arquivo(projeto: SupabaseLocal, tmp_path: Path, dentro: str) -> None:
    arquivo = tmp_path / "backups"
    arquivo.write_text("sou um arquivo")
    saida = executar(projeto, arquivo / dentro)
    assert saida.codigo == 4, saida.tudo
    assert saida.erros.splitlines() == [
        f"❌ Há um arquivo onde devia haver uma pasta: {arquivo / dentro}",
        "   Confira --destino.",
        FINAL,
    ]
    assert fotografia_do_disco(tmp_path) == {"backups": b"sou um arquivo"}


def test_pasta_da_empresa_que_e_um_arquivo(projeto: SupabaseLocal, tmp_path: Path) -> None:
    (tmp_path / "empresa_aaaa1111").write_text("sou um arquivo")
    saida = executar(projeto, tmp_path)
    assert saida.codigo == 4, saida.tudo
    pasta = tmp_path / "empresa_aaaa1111"
    assert (
        f"❌ Backup não concluído: Há um arquivo onde devia haver uma pasta: {pasta}" in saida.saida
    )
    assert (tmp_path / "empresa_aaaa1111").read_text() == "sou um arquivo"
    assert ultimo_backup(tmp_path, VIZINHA)["estado"] == "completo"


def test_destino_relativo_e_da_pasta_corrente(projeto: SupabaseLocal, tmp_path: Path) -> None:
    """--destino é relativo a onde se está; BACKUP_DIR, à raiz do projeto."""
    saida = executar(projeto, tmp_path / "nada", "--destino", "aqui", pasta=tmp_path)
    assert saida.codigo == 0, saida.tudo
    assert sorted(p.name for p in (tmp_path / "aqui").iterdir()) == sorted(
        [".trava", "empresa_aaaa1111", "empresa_bbbb2222", *DA_PAGINA, *REGISTROS]
    )
    relativo = os.path.relpath(tmp_path / "da raiz", RAIZ)
    saida = executar(projeto, Path(relativo), "--empresa", DONO, pasta=tmp_path)
    assert saida.codigo == 0, saida.tudo
    assert conteudo(ultimo_backup(tmp_path / "da raiz", DONO)) == conteudo(
        ultimo_backup(tmp_path / "aqui", DONO)
    )
