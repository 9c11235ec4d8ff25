"""As ações `exportar` e `importar`: o backup de uma empresa vai num só arquivo e volta inteiro."""

from __future__ import annotations

import csv
import io
import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apoio.danos import trocar_linhas
from apoio.execucao import executar, fotografia_do_disco, restaurar, ultimo_backup
from apoio.impressoes import executar_sql, impressoes
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import BackupDanificado, ErroCofre, ErroDeUso, NadaEncontrado, ZipRecusado
from cofre.base.modelo import Empresa
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.metadados import em_bytes
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.deposito.zip import exportacao
from cofre.deposito.zip.exportacao import CSV, JSON, LEIA_ME
from cofre.deposito.zip.importacao import Importado, importar
from cofre.deposito.zip.planilha import celula, escrever_csv
from supabase_local.servidores.servidor import SupabaseLocal

PASTA = "empresa_aaaa1111"


@pytest.fixture(scope="module")
def origem(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Um backup inteiro de cada uma das duas empresas; ninguém o altera."""
    destino = tmp_path_factory.mktemp("origem") / "b"
    saida = executar(projeto, destino)
    assert saida.codigo == 0, saida.tudo
    return destino


@pytest.fixture
def pacote(origem: Path, tmp_path: Path) -> Path:
    """O backup do DONO exportado."""
    arquivo = tmp_path / "padaria.zip"
    exportar(origem, arquivo)
    return arquivo


@pytest.fixture
def destino(tmp_path: Path) -> Path:
    """A pasta de backups da outra máquina, vazia."""
    pasta = tmp_path / "outra" / "b"
    Deposito(pasta).preparar()
    return pasta


def backup_de(destino: Path, dono: str = DONO) -> Backup:
    return Deposito(destino).da_empresa(dono)[-1]


def exportar(
    origem: Path, arquivo: Path, formato: str = JSON, *, sobrescrever: bool = False
) -> int:
    return exportacao.exportar(backup_de(origem), arquivo, formato, sobrescrever=sobrescrever)


def trazer(arquivo: Path, destino: Path) -> Importado:
    return importar(arquivo, Deposito(destino))


def conteudo(arquivo: Path) -> dict[str, bytes]:
    """Os arquivos do zip, na ordem em que estão."""
    with zipfile.ZipFile(arquivo) as zip_:
        assert zip_.testzip() is None
        return {nome: zip_.read(nome) for nome in zip_.namelist()}


def da_pasta(destino: Path, pasta: str = PASTA) -> dict[str, bytes]:
    return {f"{pasta}/{n}": dados for n, dados in fotografia_do_disco(destino / pasta).items()}


# -- a viagem inteira --------------------------------------------------------------------------


def test_a_viagem_inteira_ate_a_restauracao(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Exportar numa máquina, importar em outra, e lá listar, verificar e restaurar."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA,))
    aqui, la, arquivo = tmp_path / "aqui", tmp_path / "lá", tmp_path / "a padaria.zip"
    assert executar(projeto, aqui).codigo == 0
    antes = impressoes(projeto)

    saida = executar(None, aqui, "exportar", "padaria", str(arquivo))
    assert saida.codigo == 0, saida.tudo
    assert "Padaria Ação" in saida.saida
    shutil.move(aqui, tmp_path / "a máquina que queimou")

    saida = executar(None, la, "importar", str(arquivo), "--json")
    assert saida.codigo == 0, saida.tudo
    assert saida.json()["empresa"] == DONO
    assert not saida.json()["ja_estava"]
    assert da_pasta(la) == da_pasta(tmp_path / "a máquina que queimou")
    assert [p.name for p in la.glob("empresa_*")] == [PASTA]

    listadas = executar(None, la, "listar", "--json").json()["empresas"]
    assert [(e["id"], e["nome"], [b["estado"] for b in e["backups"]]) for e in listadas] == [
        (DONO, "Padaria Ação", ["completo"])
    ]
    assert executar(None, la, "verificar").codigo == 0

    executar_sql(
        projeto,
        f"DELETE FROM vendas_itens WHERE venda_id IN (SELECT id FROM vendas"
        f" WHERE user_id = '{DONO}')",
        f"DELETE FROM vendas WHERE user_id = '{DONO}'",
        f"UPDATE produtos SET preco = 0.01 WHERE user_id = '{DONO}'",
    )
    assert impressoes(projeto) != antes
    direta = {"SUPABASE_DB_URL": projeto.uri_banco}
    saida = restaurar(projeto, la, "--empresa", DONO, "--confirmar", "RESTAURAR", mais=direta)
    assert saida.codigo == 0, saida.tudo
    assert impressoes(projeto) == antes


# -- exportar ----------------------------------------------------------------------------------


def test_o_zip_tem_os_bytes_da_pasta_e_um_leia_me(origem: Path, pacote: Path) -> None:
    achado = conteudo(pacote)
    leia_me = achado.pop(LEIA_ME)
    assert achado == da_pasta(origem)
    assert list(achado)[-1].startswith(f"{PASTA}/backup_metadata_")
    texto = leia_me.decode("utf-8-sig")
    assert leia_me.startswith(b"\xef\xbb\xbf")
    assert "\n" not in texto.replace("\r\n", "")
    for dito in ("Padaria Ação", DONO, "importar ESTE_ARQUIVO.zip", "521 registros"):
        assert dito in texto
    assert VIZINHA.encode() not in b"".join(achado.values())


def test_o_mesmo_backup_da_sempre_o_mesmo_zip_so_do_dono(origem: Path, tmp_path: Path) -> None:
    um, outro = tmp_path / "um.zip", tmp_path / "OUTRO.ZIP"
    assert exportar(origem, um) == um.stat().st_size
    exportar(origem, outro)
    assert um.read_bytes() == outro.read_bytes()
    assert stat.S_IMODE(um.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["OUTRO.ZIP", "um.zip"]


def test_so_sobrescreve_se_pedido(origem: Path, tmp_path: Path, pacote: Path) -> None:
    certo, outro = pacote.read_bytes(), tmp_path / "meu.zip"
    outro.write_bytes(b"meu")
    with pytest.raises(ErroDeUso, match="Já existe"):
        exportar(origem, outro)
    assert outro.read_bytes() == b"meu"
    exportar(origem, outro, sobrescrever=True)
    assert outro.read_bytes() == certo


@pytest.mark.parametrize(
    ("nome", "causa"), [("padaria", "terminar em .zip"), ("não/há.zip", "não existe")]
)
def test_onde_nao_da_para_gravar(origem: Path, tmp_path: Path, nome: str, causa: str) -> None:
    with pytest.raises(ErroDeUso, match=causa):
        exportar(origem, tmp_path / nome)
    assert list(tmp_path.iterdir()) == []


def test_o_zip_pela_metade_nao_aparece(origem: Path, tmp_path: Path) -> None:
    shutil.copytree(origem, tmp_path / "b")
    antigo = tmp_path / "padaria.zip"
    antigo.write_bytes(b"o de ontem")
    next((tmp_path / "b" / PASTA).glob("vendas_itens_*")).unlink()
    with pytest.raises(ErroCofre):
        exportar(tmp_path / "b", antigo, sobrescrever=True)
    assert antigo.read_bytes() == b"o de ontem"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "padaria.zip"]


def test_o_danificado_e_recusado_e_o_pedido_e_o_que_vai(origem: Path, tmp_path: Path) -> None:
    """O mais novo está estragado: a tela diz qual presta, e `--backup` o leva."""
    destino, arquivo = tmp_path / "b", tmp_path / "a.zip"
    shutil.copytree(origem, destino)
    bom = backup_de(destino).carimbo
    _outro_backup(destino, "20990101_030000")
    produtos = next((destino / PASTA).glob("produtos_2099*"))
    produtos.write_bytes(produtos.read_bytes().replace("Pão 1".encode(), "Pão 7".encode(), 1))

    saida = executar(None, destino, "exportar", DONO, str(arquivo))
    assert saida.codigo == BackupDanificado.codigo, saida.tudo
    assert f"--backup {bom}" in saida.erros
    assert not arquivo.exists()

    saida = executar(None, destino, "exportar", DONO, str(arquivo), "--backup", bom, "--json")
    assert saida.codigo == 0, saida.tudo
    assert saida.json() == {
        "acao": "exportar",
        "codigo": 0,
        "empresa": DONO,
        "carimbo": bom,
        "formato": "json",
        "arquivo": str(arquivo),
        "bytes": arquivo.stat().st_size,
    }
    achado = conteudo(arquivo)
    del achado[LEIA_ME]
    assert achado == da_pasta(origem)


def test_a_primeira_versao_so_vai_em_csv(tmp_path: Path) -> None:
    pasta = tmp_path / "b" / PASTA
    pasta.mkdir(parents=True)
    (pasta / "produtos_20200101_030000.json").write_text(
        json.dumps([{"id": 1, "user_id": DONO}, {"id": 2, "user_id": DONO, "nome": "Pão"}]), "utf-8"
    )
    (pasta / "backup_metadata_20200101_030001.json").write_text(
        json.dumps({"user_id": DONO, "nome": "P", "total_registros": 2}), "utf-8"
    )
    with pytest.raises(ErroDeUso, match="primeira versão"):
        exportar(tmp_path / "b", tmp_path / "a.zip")
    exportar(tmp_path / "b", tmp_path / "a.zip", CSV)
    esperado = f"id;user_id;nome\r\n1;{DONO};\r\n2;{DONO};Pão\r\n"
    assert conteudo(tmp_path / "a.zip")[f"{PASTA}/produtos.csv"].decode("utf-8-sig") == esperado


def _outro_backup(destino: Path, carimbo: str) -> None:
    """Uma cópia do backup do DONO com outro carimbo e outra data."""
    velho = backup_de(destino)
    for arquivo in (destino / PASTA).glob(f"*_{velho.carimbo}.json"):
        dados = arquivo.read_bytes().replace(velho.carimbo.encode(), carimbo.encode())
        arquivo.with_name(arquivo.name.replace(velho.carimbo, carimbo)).write_bytes(dados)


# -- CSV ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("valor", "esperada"),
    [
        ("null", ""),
        ("12", "12"),
        ("-12", "-12"),
        ("12.50", "12,50"),
        ("-0.10", "-0,10"),
        ("1.5e-7", "1,5e-7"),
        ("123456789012345", "123456789012345"),
        ("1234567890123456", "'1234567890123456"),
        ("-9223372036854775808", "'-9223372036854775808"),
        ("12.50000000000000000000", "12,50000000000000000000"),
        ("0.000000000000000001", "0,000000000000000001"),
        ("1.123456789012345", "'1,123456789012345"),
        ("true", "VERDADEIRO"),
        ("false", "FALSO"),
        ('"Pão"', "Pão"),
        ('""', ""),
        ('"=1+1"', "'=1+1"),
        ('"+55 11"', "'+55 11"),
        ('"-5"', "'-5"),
        ('"@SOMA(A1)"', "'@SOMA(A1)"),
        ('"\\t=1"', "'\t=1"),
        ('"\\r=1"', "'\r=1"),
        ('"＝1"', "'＝1"),
        ('"a=1"', "a=1"),
        ('"00123"', "'00123"),
        ('"1234567890123456"', "'1234567890123456"),
        ('"1E10"', "'1E10"),
        ('"1.5"', "'1.5"),
        ('"7891234567895"', "7891234567895"),
        ('"012.345.678-90"', "012.345.678-90"),
        ('"2026-01-16"', "2026-01-16"),
        ('{"a": "=1"}', '{"a": "=1"}'),
        ('["x",1.50]', '["x",1.50]'),
    ],
)
def test_a_celula(valor: str, esperada: str) -> None:
    assert celula(valor.encode()) == esperada


def test_um_texto_numa_coluna_json_fica_json() -> None:
    assert celula(b'"=1"', e_json=True) == '"=1"'
    assert celula(b"-1.5", e_json=True) == "-1,5"


def test_o_csv_inteiro(tmp_path: Path) -> None:
    """Byte a byte, com aspas, ponto e vírgula, quebras de linha e um nome de coluna perigoso."""
    caminho = tmp_path / "t_20260101_030000.json"
    caminho.write_text(
        '[\n{"id":1,"=a":"x;\\"y\\"","obs":"duas\\nlinhas","dados":"t"},\n'
        '{"id":2,"=a":null,"obs":"","dados":{"k":[1,2]},"nova":5}\n]\n',
        "utf-8",
    )
    tipos = {"id": "bigint", "=a": "text", "obs": "text", "dados": "jsonb"}
    colunas = tuple({"nome": nome, "tipo": tipo} for nome, tipo in tipos.items())
    saida = io.BytesIO()
    escrever_csv(TabelaSalva("t", caminho.name, 2, colunas=colunas), caminho, saida)
    assert saida.getvalue() == (
        b"\xef\xbb\xbfid;'=a;obs;dados;nova\r\n"
        b'1;"x;""y""";"duas\nlinhas";"""t""";\r\n'
        b'2;;;"{""k"":[1,2]}";5\r\n'
    )


def test_exportar_em_csv(origem: Path, destino: Path, tmp_path: Path) -> None:
    arquivo = tmp_path / "a.zip"
    saida = executar(None, origem, "exportar", DONO, str(arquivo), "--formato", "csv")
    assert saida.codigo == 0, saida.tudo
    assert "não pode ser importado" in saida.saida
    achado = conteudo(arquivo)
    assert "NÃO É UM BACKUP" in achado.pop(LEIA_ME).decode("utf-8-sig")
    backup = ultimo_backup(origem, DONO)
    assert set(achado) == {f"{PASTA}/{t}.csv" for t in backup["tabelas"]}
    for nome in backup["tabelas"]:
        linhas = _ler_csv(achado[f"{PASTA}/{nome}.csv"])
        colunas = [c["nome"] for c in backup["tabelas"][nome]["colunas"]]
        bruto = (backup["pasta"] / backup["tabelas"][nome]["arquivo"]).read_text("utf-8")
        salvas = json.loads(bruto, parse_float=str, parse_int=str)
        assert linhas == [colunas, *([_como_na_folha(s[c]) for c in colunas] for s in salvas)]
    with pytest.raises(ErroDeUso, match="CSV"):
        trazer(arquivo, destino)


def _ler_csv(dados: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(dados.decode("utf-8-sig"), newline=""), delimiter=";"))


def _como_na_folha(valor: str | None) -> str:
    """Nesta loja só há textos inocentes, nulos e números: preços com 15 decimais."""
    if valor is None:
        return ""
    if "." not in valor:
        return valor
    longo = len(valor.replace(".", "").rstrip("0")) > 15
    return ("'" if longo else "") + valor.replace(".", ",")


# -- importar ----------------------------------------------------------------------------------


def test_o_que_ja_esta_la_nao_se_repete(destino: Path, pacote: Path) -> None:
    assert not trazer(pacote, destino).ja_estava
    antes = da_pasta(destino)
    saida = executar(None, destino, "importar", str(pacote))
    assert saida.codigo == 0, saida.tudo
    assert "Já estava" in saida.saida
    assert da_pasta(destino) == antes
    assert [p.name for p in destino.glob("empresa_*")] == [PASTA]


def test_com_o_carimbo_tomado_vai_para_o_segundo_seguinte(
    destino: Path, pacote: Path, origem: Path
) -> None:
    """Na pasta há outro backup daquele segundo: ele fica como está, e o importado é inteiro."""
    primeiro = trazer(pacote, destino).backup
    metadados = destino / PASTA / f"backup_metadata_{primeiro.carimbo}.json"
    bruto = json.loads(metadados.read_text("utf-8"))
    metadados.write_bytes(em_bytes({**bruto, "inicio": "2020-01-01T00:00:00+00:00"}))
    antes = fotografia_do_disco(destino)

    feito = trazer(pacote, destino)
    assert not feito.ja_estava
    assert feito.backup.carimbo > feito.carimbo_de_origem == primeiro.carimbo
    depois = fotografia_do_disco(destino)
    assert {n: depois[n] for n in antes} == antes
    novos = {
        n.replace(feito.backup.carimbo, primeiro.carimbo): d.replace(
            feito.backup.carimbo.encode(), primeiro.carimbo.encode()
        )
        for n, d in depois.items()
        if n not in antes
    }
    assert novos == da_pasta(origem)
    assert trazer(pacote, destino).ja_estava


def test_o_que_estava_la_danificado_nao_conta(destino: Path, pacote: Path) -> None:
    trazer(pacote, destino)
    next((destino / PASTA).glob("clientes_*")).write_bytes(b"[]\n")
    feito = trazer(pacote, destino)
    assert not feito.ja_estava
    assert executar(None, destino, "verificar").codigo == BackupDanificado.codigo
    assert feito.backup.carimbo > feito.carimbo_de_origem


def test_a_pasta_e_a_da_empresa_e_nao_a_do_zip(
    destino: Path, origem: Path, tmp_path: Path, pacote: Path
) -> None:
    """A pasta com este começo já é de outra empresa: o id decide, e a vizinha não é tocada."""
    outra = DONO[:8] + "-ffff-4000-8000-000000000009"
    shutil.copytree(origem / PASTA, destino / PASTA)
    for arquivo in (destino / PASTA).iterdir():
        arquivo.write_bytes(arquivo.read_bytes().replace(DONO.encode(), outra.encode()))
    antes = fotografia_do_disco(destino)
    feito = trazer(pacote, destino)
    assert feito.backup.pasta == destino / f"{PASTA}-0"
    depois = fotografia_do_disco(destino)
    assert {n: d for n, d in depois.items() if not n.startswith(f"{PASTA}-0/")} == antes
    assert {n.replace("-0/", "/"): d for n, d in depois.items() if n not in antes} == da_pasta(
        origem
    )


def test_espera_a_vez(destino: Path, pacote: Path) -> None:
    with Deposito(destino, acao="teste").trava_da_empresa(Empresa(DONO, "")):
        saida = executar(None, destino, "importar", str(pacote), "--esperar", "0")
    assert saida.codigo == 5, saida.tudo
    assert list(destino.glob("empresa_*")) == []


def test_o_arquivo_que_nao_ha(destino: Path, tmp_path: Path) -> None:
    with pytest.raises(NadaEncontrado):
        trazer(tmp_path / "nada.zip", destino)


# -- o zip que não presta ----------------------------------------------------------------------

Entradas = dict[str, bytes]
Estrago = Callable[[Entradas], Any]


def _nome(entradas: Entradas, comeco: str) -> str:
    return next(n for n in entradas if n.startswith(f"{PASTA}/{comeco}_"))


def _metadados(entradas: Entradas, mudar: Callable[[dict[str, Any]], Any]) -> None:
    nome = _nome(entradas, "backup_metadata")
    bruto = json.loads(entradas[nome])
    mudar(bruto)
    entradas[nome] = em_bytes(bruto)


def _outro_arquivo(arquivo: str) -> Estrago:
    """Os metadados dizem que a tabela está neste arquivo, e ele vem no zip."""

    def mudar(e: Entradas) -> None:
        e[f"{PASTA}/{arquivo}"] = e.pop(_nome(e, "vazia"))
        _metadados(e, lambda m: m["tabelas"]["vazia"].update(arquivo=arquivo))

    return mudar


def _citado_duas_vezes(entradas: Entradas) -> None:
    def mudar(m: dict[str, Any]) -> None:
        m["tabelas"]["clone"] = m["tabelas"]["vazia"]

    _metadados(entradas, mudar)


def _trocar(tabela: str, velho: bytes, novo: bytes) -> Estrago:
    def mudar(e: Entradas) -> None:
        nome = _nome(e, tabela)
        assert velho in e[nome]
        e[nome] = e[nome].replace(velho, novo, 1)

    return mudar


ESTRAGOS: dict[str, tuple[Estrago, str]] = {
    "sobe de pasta": (lambda e: e.update({"../fora.json": b"[]"}), "sai da pasta"),
    "sobe no meio": (lambda e: e.update({f"{PASTA}/../../fora.json": b"[]"}), "sai da pasta"),
    "absoluto": (lambda e: e.update({"/tmp/fora.json": b"[]"}), "sai da pasta"),
    "outro disco": (lambda e: e.update({"C:fora.json": b"[]"}), "sai da pasta"),
    "barra do Windows": (lambda e: e.update({f"{PASTA}\\..\\fora.json": b"[]"}), "sai da pasta"),
    "fundo demais": (lambda e: e.update({f"{PASTA}/a/b.json": b"[]"}), "sai da pasta"),
    "não citado": (lambda e: e.update({f"{PASTA}/x_20260101_030000.json": b"[]"}), "não citam"),
    "um programa junto": (lambda e: e.update({"instale.exe": b"MZ"}), "não citam"),
    "mesmo nome": (lambda e: e.update({f"outra/{LEIA_ME}": b"x"}), "mesmo nome"),
    "só muda a caixa": (
        lambda e: e.update({_nome(e, "vazia").replace("vazia", "VAZIA"): b"[]"}),
        "mesmo nome",
    ),
    "falta uma tabela": (lambda e: e.pop(_nome(e, "produtos")), "Falta no .zip"),
    "citado duas vezes": (_citado_duas_vezes, "Falta no .zip"),
    "sem metadados": (lambda e: e.pop(_nome(e, "backup_metadata")), "não tem os metadados"),
    "dois backups": (
        lambda e: e.update({f"{PASTA}/backup_metadata_20200101_030000.json": b"{}"}),
        "de um só",
    ),
    "metadados ilegíveis": (
        lambda e: e.update({_nome(e, "backup_metadata"): b"{"}),
        "está danificado",
    ),
    "primeira versão": (
        lambda e: e.update({_nome(e, "backup_metadata"): b'{"user_id": "x"}'}),
        "não são de um backup exportado",
    ),
    "sem dono": (lambda e: _metadados(e, lambda m: m.update(user_id="")), "não são de um backup"),
    "nome de metadados": (_outro_arquivo("backup_metadata_20200101_0300000.json"), "não é o nome"),
    "nome escondido": (_outro_arquivo(".em_andamento_20200101_030000.json"), "não é o nome"),
    "nome sem carimbo": (_outro_arquivo("vazia.json"), "não é o nome"),
    "nome da trava": (_outro_arquivo(".trava.json"), "não é o nome"),
    "maior do que diz": (_trocar("clientes", b"[\n", b"[\n" + b" " * 100_000), "é maior"),
    "um byte trocado": (_trocar("clientes", b"Cliente 1", b"Cliente 2"), "danificado"),
    "cortado": (_trocar("clientes", b"\n]\n", b""), "danificado"),
    "linha de outra": (_trocar("clientes", DONO.encode(), VIZINHA.encode()), "danificado"),
    "contagem": (
        lambda e: _metadados(e, lambda m: m["tabelas"]["vendas"].update(registros=59)),
        "danificado",
    ),
}


@pytest.mark.parametrize("qual", ESTRAGOS)
def test_o_zip_que_nao_presta_nao_deixa_nada(
    qual: str, destino: Path, pacote: Path, tmp_path: Path
) -> None:
    mudar, causa = ESTRAGOS[qual]
    entradas = conteudo(pacote)
    mudar(entradas)
    ruim = _escrever(tmp_path / "ruim.zip", entradas)
    _recusado(ruim, destino, causa)


def test_uma_linha_de_outra_empresa_com_as_somas_refeitas(
    destino: Path, pacote: Path, origem: Path, tmp_path: Path
) -> None:
    """Quem refaz as somas não engana a conferência do dono de cada linha."""
    shutil.copytree(origem, tmp_path / "b")
    trocar_linhas(
        ultimo_backup(tmp_path / "b", DONO),
        "produtos",
        lambda linhas: [{**linhas[0], "user_id": VIZINHA}, *linhas[1:]],
    )
    exportar(tmp_path / "b", tmp_path / "ruim.zip")
    _recusado(tmp_path / "ruim.zip", destino, "danificado", "de outra empresa")


def test_um_atalho_no_zip(destino: Path, pacote: Path, tmp_path: Path) -> None:
    entradas = conteudo(pacote)
    ruim = tmp_path / "ruim.zip"
    with zipfile.ZipFile(ruim, "w") as zip_:
        for nome, dados in entradas.items():
            info = zipfile.ZipInfo(nome)
            atalho = "clientes" in nome
            info.external_attr = ((stat.S_IFLNK | 0o777) if atalho else 0) << 16
            zip_.writestr(info, b"/etc/passwd" if atalho else dados)
    _recusado(ruim, destino, "sai da pasta")


@pytest.mark.parametrize(
    ("velho", "novo", "causa"),
    [
        (b"PK\x05\x06", b"PK\x00\x00", "não é um .zip inteiro"),
        (b"\x08\x00", b"\x0c\x00", "compactação"),
    ],
)
def test_um_zip_estragado(
    velho: bytes, novo: bytes, causa: str, destino: Path, pacote: Path
) -> None:
    dados = pacote.read_bytes()
    # O diretório do zip fica no fim: é dele que se lê o método de cada arquivo.
    diretorio = dados.index(b"PK\x01\x02") if velho == b"\x08\x00" else 0
    pacote.write_bytes(dados[:diretorio] + dados[diretorio:].replace(velho, novo, 1))
    _recusado(pacote, destino, causa)


@pytest.mark.parametrize("corte", [0, 10, 1000, -1])
def test_um_zip_cortado(corte: int, destino: Path, pacote: Path) -> None:
    pacote.write_bytes(pacote.read_bytes()[:corte])
    _recusado(pacote, destino, "não é um .zip inteiro")


def test_um_zip_com_senha(destino: Path, pacote: Path) -> None:
    dados = bytearray(pacote.read_bytes())
    dados[dados.index(b"PK\x01\x02") + 8] |= 1
    pacote.write_bytes(dados)
    _recusado(pacote, destino, "senha")


def test_entradas_que_repartem_os_mesmos_bytes(destino: Path, pacote: Path) -> None:
    """A bomba que cresce sem limite: muitas entradas sobre um só conteúdo."""
    dados = pacote.read_bytes()
    tamanho = (len(dados) + 1).to_bytes(4, "little")
    inicio = dados.index(b"PK\x01\x02")
    pacote.write_bytes(dados[: inicio + 20] + tamanho + dados[inicio + 24 :])
    _recusado(pacote, destino, "mais bytes do que tem")


def test_um_byte_trocado_em_qualquer_ponto(destino: Path, pacote: Path) -> None:
    """O arquivo mexido é recusado, ou o que entra é idêntico: nunca um backup diferente."""
    original = pacote.read_bytes()
    certo = trazer(pacote, destino).backup
    esperado = fotografia_do_disco(destino)
    shutil.rmtree(certo.pasta)
    for n in range(0, len(original), len(original) // 120):
        pacote.write_bytes(original[:n] + bytes([original[n] ^ 0x41]) + original[n + 1 :])
        try:
            trazer(pacote, destino)
        except ErroCofre:
            assert fotografia_do_disco(destino) == {".trava": b""}, n
        else:
            assert fotografia_do_disco(destino) == esperado, n
            shutil.rmtree(certo.pasta)


def _escrever(arquivo: Path, entradas: Entradas) -> Path:
    with zipfile.ZipFile(arquivo, "w", zipfile.ZIP_DEFLATED) as zip_:
        for nome, dados in entradas.items():
            zip_.writestr(nome, dados)
    return arquivo


def _recusado(arquivo: Path, destino: Path, causa: str, dica: str = "") -> None:
    """Recusado com esta causa, e a pasta fica como estava."""
    antes = fotografia_do_disco(destino.parent)
    with pytest.raises(BackupDanificado, match=causa) as erro:
        trazer(arquivo, destino)
    assert dica in erro.value.dica
    assert fotografia_do_disco(destino.parent) == antes
    assert erro.value.codigo == ZipRecusado.codigo
