"""As ações `listar` e `verificar`: dizem o que está inteiro e acham o que não está."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apoio.danos import virar_um_bit
from apoio.execucao import Saida, executar, fotografia_do_disco
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.deposito.diario import CONCLUIDA, abrir_novo

VIA = TANTO_FAZ

Metadados = dict[str, Any]


@pytest.fixture(scope="module")
def modelo(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Um backup inteiro de cada uma das duas empresas."""
    destino = tmp_path_factory.mktemp("modelo") / "b"
    saida = executar(criar_supabase_do_modulo(VAZIO, sql=(LOJINHA,)), destino)
    assert saida.codigo == 0, saida.tudo
    return destino


@pytest.fixture
def destino(modelo: Path, tmp_path: Path) -> Path:
    """Uma cópia que o teste pode estragar."""
    shutil.copytree(modelo, tmp_path / "b")
    return tmp_path / "b"


class Mesa:
    """O backup da primeira empresa, para ser mexido."""

    def __init__(self, destino: Path) -> None:
        self.pasta = destino / "empresa_aaaa1111"
        (self.arquivo_de_metadados,) = self.pasta.glob("backup_metadata_*.json")
        self.meta: Metadados = json.loads(self.arquivo_de_metadados.read_text("utf-8"))
        carimbo = self.arquivo_de_metadados.stem.removeprefix("backup_metadata_")
        self.quando = (
            f"{carimbo[:4]}-{carimbo[4:6]}-{carimbo[6:8]}"
            f" {carimbo[9:11]}:{carimbo[11:13]}:{carimbo[13:]}"
        )

    def arquivo(self, tabela: str) -> Path:
        caminho: Path = self.pasta / self.meta["tabelas"][tabela]["arquivo"]
        return caminho

    def gravar(self) -> None:
        self.arquivo_de_metadados.write_text(json.dumps(self.meta), encoding="utf-8")

    def trocar_linhas(self, tabela: str, mudar: Callable[[list[bytes]], list[bytes]]) -> None:
        """Muda as linhas e ajusta soma, tamanho e contagem: só o conteúdo denuncia."""
        arquivo = self.arquivo(tabela)
        linhas = mudar(arquivo.read_bytes()[2:-3].split(b",\n"))
        dados = b"[\n" + b",\n".join(linhas) + b"\n]\n"
        arquivo.write_bytes(dados)
        entrada = self.meta["tabelas"][tabela]
        entrada.update(
            sha256=hashlib.sha256(dados).hexdigest(), bytes=len(dados), registros=len(linhas)
        )
        self.gravar()


def _virar_um_byte(mesa: Mesa) -> None:
    virar_um_bit(mesa.arquivo("produtos"))


def _cortar(mesa: Mesa) -> None:
    arquivo = mesa.arquivo("produtos")
    arquivo.write_bytes(arquivo.read_bytes()[:-10])


def _apagar(mesa: Mesa) -> None:
    mesa.arquivo("clientes").unlink()


def _pasta_no_lugar(mesa: Mesa) -> None:
    mesa.arquivo("clientes").unlink()
    mesa.arquivo("clientes").mkdir()


def _linha_de_outra(posicao: int) -> Callable[[Mesa], None]:
    def mudar(linhas: list[bytes]) -> list[bytes]:
        linhas[posicao] = linhas[posicao].replace(DONO.encode(), VIZINHA.encode())
        return linhas

    return lambda mesa: mesa.trocar_linhas("produtos", mudar)


def _linha_sem_dono(mesa: Mesa) -> None:
    def mudar(linhas: list[bytes]) -> list[bytes]:
        return [linhas[0].replace(f'"{DONO}"'.encode(), b"null"), *linhas[1:]]

    mesa.trocar_linhas("clientes", mudar)


def _linha_repetida(mesa: Mesa) -> None:
    mesa.trocar_linhas("vendas", lambda linhas: [*linhas, linhas[7]])


def _chave_composta_repetida(mesa: Mesa) -> None:
    mesa.trocar_linhas("vendas_itens", lambda linhas: [linhas[3], *linhas])


def _contagem_errada(mesa: Mesa) -> None:
    mesa.meta["tabelas"]["vendas"]["registros"] = 59
    mesa.gravar()


def _ligacao_aberta(mesa: Mesa) -> None:
    mesa.trocar_linhas("clientes", lambda linhas: linhas[1:])


def _item_sem_venda(mesa: Mesa) -> None:
    mesa.trocar_linhas("vendas", lambda linhas: linhas[:-1])


def _nao_e_vetor(mesa: Mesa) -> None:
    mesa.trocar_linhas("vendas", lambda linhas: linhas)
    dados = b'{"a":1}'
    mesa.arquivo("vendas").write_bytes(dados)
    soma = hashlib.sha256(dados).hexdigest()
    mesa.meta["tabelas"]["vendas"].update(sha256=soma, bytes=len(dados))
    mesa.gravar()


def _nao_e_utf8(mesa: Mesa) -> None:
    mesa.trocar_linhas("empresas", lambda linhas: [linhas[0].replace("ç".encode(), b"\xe7")])


def _fora_da_pasta(nome: Callable[[Mesa], str]) -> Callable[[Mesa], None]:
    def estragar(mesa: Mesa) -> None:
        dados = mesa.arquivo("vendas").read_bytes()
        (mesa.pasta.parent / "vendas.json").write_bytes(dados)
        mesa.meta["tabelas"]["vendas"]["arquivo"] = nome(mesa)
        mesa.gravar()

    return estragar


def _atalho(mesa: Mesa) -> None:
    arquivo = mesa.arquivo("vendas")
    arquivo.rename(mesa.pasta.parent / "vendas.json")
    arquivo.symlink_to(mesa.pasta.parent / "vendas.json")


ESTRAGOS: dict[str, tuple[Callable[[Mesa], None], list[str]]] = {
    "byte virado": (_virar_um_byte, ["produtos: o conteúdo mudou: a soma sha256 não confere"]),
    "arquivo cortado": (_cortar, ["produtos: o arquivo tem {-10} bytes; tinha {0} bytes"]),
    "arquivo apagado": (_apagar, ["clientes: o arquivo {clientes} não existe"]),
    "pasta no lugar": (_pasta_no_lugar, ["clientes: o arquivo {clientes} não existe"]),
    "primeira de outra": (_linha_de_outra(0), ["produtos: 1 registro de outra empresa"]),
    "do meio de outra": (_linha_de_outra(150), ["produtos: 1 registro de outra empresa"]),
    "última de outra": (_linha_de_outra(-1), ["produtos: 1 registro de outra empresa"]),
    "sem dono": (_linha_sem_dono, ["clientes: 1 registro de outra empresa"]),
    "linha repetida": (_linha_repetida, ["vendas: 1 registro repete a chave de outro"]),
    "chave composta": (
        _chave_composta_repetida,
        ["vendas_itens: 1 registro repete a chave de outro"],
    ),
    "contagem": (_contagem_errada, ["vendas: o arquivo tem 60 registros; tinha 59"]),
    "ligação aberta": (
        _ligacao_aberta,
        ["vendas: {sem_cliente} para fora do backup (cliente_id → clientes)"],
    ),
    "item sem venda": (
        _item_sem_venda,
        ["vendas_itens: 2 registros apontam para fora do backup (venda_id → vendas)"],
    ),
    "não é vetor": (_nao_e_vetor, ["vendas: {vendas} não é um vetor JSON em UTF-8: "]),
    "não é UTF-8": (_nao_e_utf8, ["empresas: {empresas} não é um vetor JSON em UTF-8: "]),
    "../": (
        _fora_da_pasta(lambda _m: "../vendas.json"),
        ["vendas: Os metadados citam um arquivo fora da pasta: '../vendas.json'."],
    ),
    "absoluto": (
        _fora_da_pasta(lambda m: str(m.pasta.parent / "vendas.json")),
        ["vendas: Os metadados citam um arquivo fora da pasta: '/"],
    ),
    "atalho": (_atalho, ["vendas: Os metadados citam um arquivo fora da pasta: '{vendas}'."]),
}


@pytest.mark.parametrize("nome", ESTRAGOS)
def test_estragos(destino: Path, nome: str) -> None:
    estragar, esperados = ESTRAGOS[nome]
    mesa = Mesa(destino)
    arquivos = {t: mesa.arquivo(t).name for t in mesa.meta["tabelas"]}
    tamanho = mesa.arquivo("produtos").stat().st_size
    vendas = json.loads(mesa.arquivo("vendas").read_bytes())
    primeiro = json.loads(mesa.arquivo("clientes").read_bytes())[0]["id"]
    orfas = sum(v["cliente_id"] == primeiro for v in vendas)
    estragar(mesa)
    antes = fotografia_do_disco(destino)

    saida = executar(None, destino, "verificar")
    assert saida.codigo == 6, saida.tudo
    linhas = saida.saida.splitlines()
    assert linhas[1] == "🏢 Empresa: Padaria Ação"
    assert linhas[2] == f"   ❌ {mesa.quando}: danificado"
    trocas = {
        "{-10}": _ponto(tamanho - 10),
        "{0}": _ponto(tamanho),
        "{sem_cliente}": f"{orfas} registro aponta" if orfas == 1 else f"{orfas} registros apontam",
        **{f"{{{t}}}": n for t, n in arquivos.items()},
    }
    danos = [linha for linha in linhas if linha.startswith("      • ")]
    assert len(danos) == len(esperados), saida.tudo
    for dano, esperado in zip(danos, esperados, strict=True):
        for de, para in trocas.items():
            esperado = esperado.replace(de, para)
        assert dano.startswith(f"      • {esperado}"), saida.tudo
    assert linhas[-2].startswith("   ✅ ")  # a vizinha continua inteira
    assert saida.erros.splitlines() == [
        "❌ 1 backup danificado",
        "   As tabelas citadas não voltam deles; as outras, que estão inteiras, sim.",
    ]

    em_json = executar(None, destino, "verificar", "--json")
    assert em_json.codigo == em_json.json()["codigo"] == 6
    (danificado, inteiro) = em_json.json()["backups"]
    assert (danificado["empresa"], danificado["estado"]) == (DONO, "danificado")
    ditos = [f"      • {d['tabela']}: {d['causa']}" for d in danificado["danos"]]
    assert ditos == danos
    assert (inteiro["empresa"], inteiro["estado"], inteiro["danos"]) == (VIZINHA, "completo", [])
    assert fotografia_do_disco(destino) == antes


def _ponto(n: int) -> str:
    return f"{n:,}".replace(",", ".")


ILEGIVEIS: dict[str, tuple[Callable[[Metadados], bytes], str]] = {
    "vazio": (lambda _m: b"", "está danificado: "),
    "não é JSON": (lambda _m: b"{oi", "está danificado: "),
    "não é objeto": (lambda _m: b"[]", "está danificado: não é um objeto JSON"),
    "não é UTF-8": (lambda _m: b'{"nome": "\xff"}', "está danificado: "),
    "sem user_id": (
        lambda m: json.dumps({c: v for c, v in m.items() if c != "user_id"}).encode(),
        "está danificado: falta 'user_id'",
    ),
    "formato do futuro": (
        lambda m: json.dumps({**m, "versao_formato": 3}).encode(),
        "está danificado: é do formato 3, mais novo que este programa",
    ),
    "tabelas é lista": (
        lambda m: json.dumps({**m, "tabelas": list(m["tabelas"])}).encode(),
        "está danificado: ",
    ),
    "tabela sem soma": (
        lambda m: json.dumps({**m, "tabelas": {"vendas": {"arquivo": "x"}}}).encode(),
        "está danificado: falta 'registros'",
    ),
    "fundo demais": (lambda _m: b"[" * 100_000, "está danificado: "),
}


@pytest.mark.parametrize("nome", ILEGIVEIS)
def test_metadados_ilegiveis(destino: Path, nome: str) -> None:
    estragar, causa = ILEGIVEIS[nome]
    mesa = Mesa(destino)
    mesa.arquivo_de_metadados.write_bytes(estragar(mesa.meta))
    arquivo = mesa.arquivo_de_metadados.name
    verificado = executar(None, destino, "verificar")
    assert verificado.codigo == 6, verificado.tudo
    assert f"   ❌ {mesa.quando}: danificado\n      • {arquivo} {causa}" in verificado.saida
    listado = executar(None, destino, "listar")
    assert listado.codigo == 0, listado.tudo
    assert f"   ❌ {mesa.quando}  danificado: {arquivo} {causa}" in listado.saida
    assert "🏢 Vizinha" in listado.saida


def test_so_estas_tabelas_e_empresas(destino: Path) -> None:
    """O estrago fora do que se pediu para conferir não conta."""
    _virar_um_byte(Mesa(destino))
    assert executar(None, destino, "verificar", "--tabelas", "vendas,clientes").codigo == 0
    assert executar(None, destino, "verificar", "--tabelas", "produtos").codigo == 6
    assert executar(None, destino, "verificar", "--empresa", "vizinha").codigo == 0
    assert executar(None, destino, "verificar", "--empresa", "padaria ação").codigo == 6


def test_declaradas_nao_sao_dano(criar_supabase: FabricaDeSupabase, tmp_path: Path) -> None:
    """Uma venda que já no banco apontava para fora da empresa: avisada, não danificada."""
    cruzada = f"""
        UPDATE vendas SET cliente_id = md5('v')::uuid WHERE id = 5 AND user_id = '{DONO}';
    """
    saida = executar(criar_supabase(VAZIO, sql=(LOJINHA, cruzada)), tmp_path, "--empresa", DONO)
    assert saida.codigo == 0, saida.tudo
    assert "   ⚠️ vendas: 1 registro aponta para fora da empresa (cliente_id → clientes; 5)" in (
        saida.saida
    )
    assert executar(None, tmp_path, "verificar").codigo == 0


# -- o que se vê ---------------------------------------------------------------------------------


def test_listar_e_verificar_inteiros(destino: Path) -> None:
    mesa = Mesa(destino)
    vizinha = destino / "empresa_bbbb2222"
    tamanhos = {
        pasta: sum(p.stat().st_size for p in pasta.glob("[!b]*.json"))
        for pasta in (mesa.pasta, vizinha)
    }
    antes = fotografia_do_disco(destino)
    listado = executar(None, destino, "listar")
    assert listado.codigo == 0
    assert listado.erros == ""
    (kb,) = [f"{tamanhos[mesa.pasta] / 1024:.1f}".replace(".", ",") + " KB"]
    assert listado.saida.splitlines()[:5] == [
        "🏢 EMPRESAS COM BACKUP",
        "",
        f"🏢 Padaria Ação  ({DONO})",
        f"   📁 {mesa.pasta}/",
        f"   ✅ {mesa.quando}  manual  521 registros  {kb}  completo",
    ]
    em_json = executar(None, destino, "listar", "--json")
    assert em_json.codigo == 0
    documento = em_json.json()
    assert [e["id"] for e in documento["empresas"]] == [DONO, VIZINHA]
    (backup,) = documento["empresas"][0]["backups"]
    assert backup["tabelas"] == {t: e["registros"] for t, e in mesa.meta["tabelas"].items()}
    assert (backup["bytes"], backup["registros"]) == (tamanhos[mesa.pasta], 521)
    assert em_json.erros == listado.saida  # as mesmas palavras, na outra saída

    verificado = executar(None, destino, "verificar")
    assert verificado.codigo == 0
    assert verificado.erros == ""
    linhas = verificado.saida.splitlines()
    assert linhas[:3] == [
        "",
        "🏢 Empresa: Padaria Ação",
        f"   ✅ {mesa.quando}: 521 registros, completo",
    ]
    assert linhas[-1] == "✅ 2 backups conferidos, nenhum dano"
    assert executar(None, destino, "verificar", "--json").json()["codigo"] == 0
    assert fotografia_do_disco(destino) == antes


@pytest.mark.parametrize("acao", ["listar", "verificar"])
def test_silencioso_e_json(destino: Path, acao: str) -> None:
    assert executar(None, destino, acao, "--silencioso") == Saida(0, "", "")
    juntos = executar(None, destino, acao, "--silencioso", "--json")
    assert juntos.erros == ""
    assert juntos.json() == executar(None, destino, acao, "--json").json()
    antes_da_acao = executar(None, destino, "--silencioso", "--json", acao)
    assert antes_da_acao == juntos


def test_verificar_silencioso_diz_o_dano(destino: Path) -> None:
    mesa = Mesa(destino)
    _cortar(mesa)
    _apagar(mesa)
    saida = executar(None, destino, "verificar", "--silencioso")
    assert saida.codigo == 6
    assert saida.saida == ""
    assert saida.erros.splitlines()[:2] == [
        "🏢 Empresa: Padaria Ação",
        f"   ❌ {mesa.quando}: danificado",
    ]
    assert saida.erros.splitlines()[2].startswith("      • produtos: ")
    assert saida.erros.splitlines()[3].startswith("      • clientes: ")


@pytest.mark.parametrize("acao", ["listar", "verificar"])
@pytest.mark.parametrize("existe", [True, False])
def test_nada_ainda(tmp_path: Path, acao: str, existe: bool) -> None:
    destino = tmp_path / "b"
    if existe:
        destino.mkdir()
        (destino / "empresa_vazia").mkdir()
        (destino / ".gitkeep").touch()
    saida = executar(None, destino, acao)
    assert saida.codigo == 3
    assert saida.saida == ""
    assert saida.erros.splitlines() == [
        f"❌ Nenhum backup em {destino}/.",
        "   Faça o primeiro:",
        "     .venv/bin/python scripts/backup-por-empresa.py",
        "   Se eles estão em outra pasta, diga qual com --destino ou BACKUP_DIR.",
    ]
    assert executar(None, destino, acao, "--json").json()["codigo"] == 3
    assert destino.exists() is existe


@pytest.mark.parametrize("acao", ["listar", "verificar"])
def test_a_restauracao_nao_concluida_e_lembrada(destino: Path, acao: str) -> None:
    aviso = (
        "Há uma restauração não concluída da empresa Padaria Ação (nada se perdeu). Para concluir"
        " ou desfazer:\n.venv/bin/python scripts/restaurar-empresa.py"
    )
    assert executar(None, destino, acao, "--json").json()["avisos"] == []
    diario = abrir_novo(Mesa(destino).pasta, {"user_id": DONO, "nome": "Padaria Ação"})
    saida = executar(None, destino, acao)
    assert saida.codigo == 0, saida.tudo
    linhas = saida.saida.splitlines()
    assert "\n".join(linhas[:2]) == f"⚠️ {aviso}".replace("\n", "\n   ")
    assert executar(None, destino, acao, "--json").json()["avisos"] == [aviso]
    # Quem só quer saber de outra empresa não é avisado desta.
    assert "restauração" not in executar(None, destino, acao, "--empresa", VIZINHA).saida
    diario.anotar(estado=CONCLUIDA)
    assert "restauração" not in executar(None, destino, acao).saida


# -- a primeira versão ---------------------------------------------------------------------------


def _escrever_primeira_versao(pasta: Path) -> None:
    """Dois backups como a primeira versão os fazia: indentados, um carimbo por arquivo."""
    pasta.mkdir(parents=True)
    for dia in ("15", "16"):
        linhas = {
            f"produtos_202601{dia}_182944": [
                {"id": n, "user_id": DONO, "nome": f"Café {n}", "preco": 1.5} for n in range(3)
            ],
            f"vendas_202601{dia}_182945": [{"id": 7, "user_id": DONO, "total": 10}],
            f"vendas_itens_202601{dia}_182946": [{"id": 1, "venda_id": 7, "user_id": DONO}],
            f"caixa_202601{dia}_182946": [],
        }
        for nome, conteudo in linhas.items():
            texto = json.dumps(conteudo, indent=2, ensure_ascii=False)
            (pasta / f"{nome}.json").write_text(texto, encoding="utf-8")
        meta = {
            "empresa_id": "aaaa1111-eeee-4000-8000-000000000001",
            "user_id": DONO,
            "nome": "Grupo Raval",
            "data_backup": f"2026-01-{dia}T18:29:47.123456",
            "tabelas_backup": 4,
            "tabelas_falha": [] if dia == "15" else ["clientes"],
            "total_registros": 5,
            "tabelas": ["produtos", "vendas", "vendas_itens", "caixa"],
        }
        (pasta / f"backup_metadata_202601{dia}_182947.json").write_text(
            json.dumps(meta, indent=2, ensure_ascii=False), encoding="utf-8"
        )


def test_primeira_versao_e_aceita(tmp_path: Path) -> None:
    pasta = tmp_path / "empresa_aaaa1111"
    _escrever_primeira_versao(pasta)
    listado = executar(None, tmp_path, "listar")
    assert listado.codigo == 0, listado.tudo
    assert [linha for linha in listado.saida.splitlines() if "2026-01" in linha] == [
        f"   ⚠️ 2026-01-16 18:29:47  manual  5 registros  {_soma(pasta, '16')}  incompleto"
        " (sem clientes), sem somas (primeira versão)",
        f"   ✅ 2026-01-15 18:29:47  manual  5 registros  {_soma(pasta, '15')}  completo,"
        " sem somas (primeira versão)",
    ]
    (empresa,) = executar(None, tmp_path, "listar", "--json").json()["empresas"]
    assert [sorted(b["tabelas"]) for b in empresa["backups"]] == [
        ["caixa", "produtos", "vendas", "vendas_itens"]
    ] * 2
    verificado = executar(None, tmp_path, "verificar")
    assert verificado.codigo == 0, verificado.tudo
    assert verificado.saida.splitlines() == [
        "",
        "🏢 Empresa: Grupo Raval",
        "   ⚠️ 2026-01-16 18:29:47: 5 registros, incompleto (primeira versão: sem somas)",
        "   ✅ 2026-01-15 18:29:47: 5 registros, completo (primeira versão: sem somas)",
        "",
        "✅ 2 backups conferidos, nenhum dano",
    ]


def _soma(pasta: Path, dia: str) -> str:
    return f"{sum(p.stat().st_size for p in pasta.glob(f'[!b]*_202601{dia}_*'))} B"


def test_primeira_versao_danificada(tmp_path: Path) -> None:
    """Sem somas, o conteúdo ainda diz: cortado no meio, ou uma linha de outra empresa."""
    pasta = tmp_path / "empresa_aaaa1111"
    _escrever_primeira_versao(pasta)
    itens = pasta / "vendas_itens_20260115_182946.json"
    itens.write_bytes(itens.read_bytes()[:-3])
    produtos = pasta / "produtos_20260116_182944.json"
    texto = produtos.read_text("utf-8")
    produtos.write_text(texto[::-1].replace(DONO[::-1], VIZINHA[::-1], 1)[::-1], "utf-8")
    saida = executar(None, tmp_path, "verificar")
    assert saida.codigo == 6, saida.tudo
    do_mais_antigo = reversed(saida.saida.splitlines())
    danos = [linha for linha in do_mais_antigo if "•" in linha]
    assert danos[0].startswith(f"      • vendas_itens: {itens.name} não é um vetor JSON em UTF-8: ")
    assert danos[1:] == ["      • produtos: 1 registro de outra empresa"]
    assert saida.erros.startswith("❌ 2 backups danificados\n")


def test_com_bom_e_indentado_e_aceito(destino: Path) -> None:
    """O BOM que ferramentas do Windows põem não conta; a indentação muda a soma, aqui ajustada."""
    mesa = Mesa(destino)
    arquivo = mesa.arquivo("vendas")
    texto = json.dumps(json.loads(arquivo.read_bytes()), indent=4)
    dados = texto.replace("\n", "\r\n").encode()
    arquivo.write_bytes(b"\xef\xbb\xbf" + dados)
    mesa.meta["tabelas"]["vendas"].update(
        sha256=hashlib.sha256(dados).hexdigest(), bytes=len(dados)
    )
    mesa.gravar()
    saida = executar(None, destino, "verificar")
    assert saida.codigo == 0, saida.tudo
