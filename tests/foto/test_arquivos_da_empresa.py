"""Os arquivos do Storage num backup: os de cada empresa, todos, e nenhum de outra."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from apoio.campanha import CAMPANHA
from apoio.cifrados import a_mao, cifrando_para, sem_nada_em_claro
from apoio.execucao import (
    Saida,
    copiar_scripts,
    da_api,
    executar,
    metadados,
    ultimo_backup,
)
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.storage import Storage
from cofre.deposito.cifra import chaves
from supabase_local.servidores.falhas import GanchoDeTeste, Pedido, RespostaForcada
from supabase_local.servidores.servidor import SupabaseLocal

A, B = "aaaa1111-0000-4000-8000-000000000001", "bbbb2222-0000-4000-8000-000000000002"
LINHA_DE_A = "aaaa1111-eeee-4000-8000-000000000001"
EMPREGADO_DE_A, SO_APROVADO = "cccc3333-0000-4000-8000-000000000003", "dddd4444-" + A[9:]
ESQUEMA = f"""
CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid, nome text);
CREATE TABLE funcionarios (
    id int PRIMARY KEY, user_id uuid, empresa_id uuid REFERENCES empresas, nome text
);
CREATE TABLE user_approvals (id int PRIMARY KEY, user_id uuid, parent_user_id uuid, email text);
CREATE TABLE produtos (id int PRIMARY KEY, user_id uuid, foto text, fotos jsonb);
GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
INSERT INTO empresas VALUES
    ('{LINHA_DE_A}', '{A}', 'Padaria'),
    ('bbbb2222-eeee-4000-8000-000000000002', '{B}', 'Vizinha');
INSERT INTO funcionarios VALUES (1, '{EMPREGADO_DE_A}', '{LINHA_DE_A}', 'Ana');
INSERT INTO user_approvals VALUES (1, '{SO_APROVADO}', '{A}', 'x@example.com');
"""
SIM = {"BACKUP_ARQUIVOS": "sim"}


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))


@pytest.fixture(scope="module")
def _do_modulo(projeto: SupabaseLocal) -> Iterator[Storage]:
    storage = Storage(projeto)
    for balde in ("docs", "fotos"):
        storage.balde(balde)
    yield storage
    storage.fechar()


@pytest.fixture
def storage(_do_modulo: Storage) -> Iterator[Storage]:
    """Dois baldes vazios, e nenhum produto."""
    yield _do_modulo
    _do_modulo.projeto.gateway.retirar_todas()
    _do_modulo.esvaziar()
    _do_modulo.sql("DELETE FROM produtos")


def copiar(
    projeto: SupabaseLocal,
    destino: Path,
    *args: str,
    mais: Mapping[str, str] = SIM,
    codigo: int = 0,
) -> Saida:
    """Um backup com os arquivos."""
    saida = executar(projeto, destino, *args, mais=mais)
    assert saida.codigo == codigo, saida.saida + saida.erros
    return saida


def lista(destino: Path, empresa: str) -> dict[str, dict[str, Any]]:
    """As linhas da lista do último backup, por «balde/nome»; o conteúdo de cada uma, se guardado,
    está em `bytes`, com a soma conferida."""
    backup = ultimo_backup(destino, empresa)
    salva = backup["listas"]["storage.objects"]
    linhas = json.loads((backup["pasta"] / salva["arquivo"]).read_bytes())
    assert salva["registros"] == len(linhas)
    chaves_em_ordem = [(x["balde"].encode(), x["nome"].encode()) for x in linhas]
    assert chaves_em_ordem == sorted(set(chaves_em_ordem))
    citados = set()
    for linha in linhas:
        if (soma := linha["soma"]) is None:
            assert linha["fora"]
            continue
        dados = (backup["pasta"] / "arquivos" / soma[:2] / soma).read_bytes()
        assert hashlib.sha256(dados).hexdigest() == soma
        assert (linha["tamanho"], linha["fora"]) == (len(dados), None)
        linha["bytes"] = dados
        citados.add(soma)
    conteudos = json.loads((backup["pasta"] / salva["conteudos"]["arquivo"]).read_bytes())
    assert {c["guardado"] for c in conteudos} == citados
    assert len(conteudos) == len(citados)
    return {f"{x['balde']}/{x['nome']}": x for x in linhas}


def conteudos(destino: Path, empresa: str) -> dict[str, bytes | None]:
    """Só o conteúdo de cada um; None é o que ficou de fora."""
    return {nome: linha.get("bytes") for nome, linha in lista(destino, empresa).items()}


def descidas(projeto: SupabaseLocal) -> int:
    """Quantos conteúdos se pediram ao gateway desde que se esqueceram os pedidos."""
    return sum(
        p.metodo == "GET" and "/object/authenticated/" in p.caminho for p in projeto.gateway.pedidos
    )


def por_via(projeto: SupabaseLocal, via: str) -> dict[str, str]:
    """As variáveis de quem tem as duas vias, ou só a API."""
    return (
        SIM | da_api(projeto) | ({"SUPABASE_DB_URL": projeto.uri_banco} if via == "direta" else {})
    )


@pytest.mark.parametrize("via", ["api", "direta"])
def test_os_de_cada_empresa_e_o_que_nao_e_de_ninguem(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path, via: str
) -> None:
    storage.enviar("fotos", f"{A}/a.png", b"da dona", metadados={"z": 1, "a": [2.5, "é"]})
    storage.enviar("fotos", f"{B}/a.png", b"da vizinha")
    storage.enviar(
        "docs", f"{A}/igual.txt", b"da dona", tipo="text/html", cache="public, max-age=3"
    )
    storage.enviar("docs", f"{LINHA_DE_A}/vazio", b"")
    storage.enviar("docs", f"{EMPREGADO_DE_A}/sub/ana.txt", b"da empregada")
    storage.enviar("docs", f"{SO_APROVADO}/x.txt", b"de quem se diz empregado")
    storage.enviar("docs", "solto.txt", b"de ninguem")
    storage.enviar("fotos", "enviado.png", b"pela vizinha")
    storage.sql("UPDATE storage.objects SET owner_id = %s WHERE name = 'enviado.png'", B)
    saida = copiar(projeto, tmp_path, "--json", mais=por_via(projeto, via))
    da_dona = {
        "docs/" + EMPREGADO_DE_A + "/sub/ana.txt": b"da empregada",
        "docs/" + LINHA_DE_A + "/vazio": b"",
        "docs/" + A + "/igual.txt": b"da dona",
        "fotos/" + A + "/a.png": b"da dona",
    }
    enviado = {"fotos/enviado.png": b"pela vizinha"} if via == "direta" else {}
    assert conteudos(tmp_path, A) == da_dona
    assert conteudos(tmp_path, B) == {f"fotos/{B}/a.png": b"da vizinha"} | enviado
    linha = lista(tmp_path, A)[f"fotos/{A}/a.png"]
    assert linha["metadados"] == {"a": [2.5, "é"], "z": 1}
    assert (linha["tipo"], linha["cache"], linha["dono"]) == ("image/png", "max-age=60", None)
    assert lista(tmp_path, A)[f"docs/{A}/igual.txt"]["tipo"] == "text/html"
    assert lista(tmp_path, A)[f"docs/{A}/igual.txt"]["metadados"] is None
    de_ninguem = {"docs": {"arquivos": 2, "bytes": 34, "disputados": 0}}
    if via == "api":
        de_ninguem["fotos"] = {"arquivos": 1, "bytes": 12, "disputados": 0}
    assert saida.json()["arquivos_sem_dono"] == de_ninguem

    primeira = lista(tmp_path, A)
    projeto.gateway.esquecer_pedidos()
    copiar(projeto, tmp_path, mais=por_via(projeto, via))
    assert descidas(projeto) == 0
    assert lista(tmp_path, A) == primeira
    storage.enviar("fotos", f"{A}/a.png", b"outra", metadados={"n": 2})
    storage.apagar("docs", f"{A}/igual.txt")
    projeto.gateway.esquecer_pedidos()
    copiar(projeto, tmp_path, mais=por_via(projeto, via))
    assert descidas(projeto) == 1
    del da_dona[f"docs/{A}/igual.txt"]
    assert conteudos(tmp_path, A) == da_dona | {f"fotos/{A}/a.png": b"outra"}
    assert lista(tmp_path, A)[f"fotos/{A}/a.png"]["metadados"] == {"n": 2}


def _nomear_de_todos_os_modos(storage: Storage, fins: str) -> dict[str, bytes | None]:
    """Arquivos que produtos de A nomeiam, e o conteúdo de cada um; None, se o Storage já não
    aceita o nome. O fim dos nomes vai numa expressão regular, e numa URL."""
    nomes = [f"n{fim}" for fim in fins] + ["(a|b)[c]", "x\\d"]
    aceitos = {n for n in nomes if re.fullmatch(r"[A-Za-z0-9_/!.*'() &$=@;:+,?-]+", n)}
    for i, nome in enumerate(nomes, 100):
        if nome in aceitos:
            storage.enviar("fotos", nome, nome.encode())
        else:
            storage.so_a_linha("fotos", nome)
        storage.sql("INSERT INTO produtos VALUES (%s, %s, %s, NULL)", i, A, nome)
    return {f"fotos/{n}": n.encode() if n in aceitos else None for n in nomes}


@pytest.mark.parametrize(("via", "fins"), [("api", "(.+*$?"), ("direta", " !&'()+,-./:;=@_$*?é")])
def test_uma_linha_que_nomeia_um_arquivo_diz_de_quem_e_se_so_ela_o_nomeia(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path, via: str, fins: str
) -> None:
    """Seja qual for o nome."""
    endereco = "https://abc.supabase.co/storage/v1/object/public/fotos/"
    for nome in ("p/um.png", "dois.png", "dos dois.png", "ninguem.png", f"{B}/alheio.png"):
        storage.enviar("fotos", nome, nome.encode())
    storage.enviar("docs", "contrato.pdf", b"contrato")
    storage.sql(
        "INSERT INTO produtos VALUES (1, %s, %s, NULL), (2, %s, %s, NULL), (3, %s, %s, NULL),"
        " (4, %s, %s, NULL), (5, %s, %s, NULL), (6, %s, %s, NULL), (7, %s, NULL, %s)",
        *(A, f"{endereco}p/um.png?token=x"),
        *(A, "dois.png"),
        *(A, f"{endereco}dos%20dois.png"),
        *(B, "/dos dois.png"),
        *(A, f"{endereco}{B}/alheio.png"),
        *(A, "não é nome de nada.png"),
        *(A, json.dumps([{"doc": "contrato.pdf"}, "ninguem.png"])),
    )
    de_todos_os_modos = _nomear_de_todos_os_modos(storage, fins)
    saida = copiar(projeto, tmp_path, "--json", mais=por_via(projeto, via))
    assert conteudos(tmp_path, A) == {
        "fotos/dois.png": b"dois.png",
        "fotos/p/um.png": b"p/um.png",
        **de_todos_os_modos,
    }
    assert conteudos(tmp_path, B) == {f"fotos/{B}/alheio.png": f"{B}/alheio.png".encode()}
    assert saida.json()["arquivos_sem_dono"] == {
        "docs": {"arquivos": 1, "bytes": 8, "disputados": 0},
        "fotos": {"arquivos": 2, "bytes": 23, "disputados": 1},
    }


def test_de_uma_empresa_so_e_de_outras_tabelas_so_o_mesmo(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    """Pedir uma empresa, ou só uma tabela, não muda de quem é um arquivo."""
    mais = por_via(projeto, "direta")
    for nome in ("de a.png", "dos dois.png"):
        storage.enviar("fotos", nome, nome.encode())
    storage.sql(
        "INSERT INTO produtos VALUES (1, %s, 'de a.png', NULL), (2, %s, 'dos dois.png', NULL),"
        " (3, %s, 'dos dois.png', NULL)",
        *(A, A, B),
    )
    copiar(projeto, tmp_path, "--empresa", A, mais=mais)
    assert conteudos(tmp_path, A) == {"fotos/de a.png": b"de a.png"}
    copiar(projeto, tmp_path, "--empresa", A, "--tabelas", "arquivos", mais=mais)
    assert conteudos(tmp_path, A) == {"fotos/de a.png": b"de a.png"}
    assert ultimo_backup(tmp_path, A)["tabelas"] == {}
    copiar(projeto, tmp_path, "--empresa", A, "--tabelas", "empresas", mais=mais)
    assert ultimo_backup(tmp_path, A).get("listas", {}) == {}
    copiar(projeto, tmp_path, "--empresa", A, "--sem-arquivos", mais=mais)
    de_fora = ultimo_backup(tmp_path, A)["deixadas_de_fora"]
    assert [d for d in de_fora if d["tabela"] == "arquivos"] == [
        {"tabela": "arquivos", "motivo": "pediu-se --sem-arquivos", "sugestao": ""}
    ]


def test_o_que_nao_se_guarda_e_dito_e_esta_na_lista(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    storage.enviar("fotos", f"{A}/bom.png", b"bom")
    storage.enviar("fotos", f"{A}/grande.png", b"x" * 2048)
    storage.enviar("fotos", f"{A}/perdido.png", b"vai perder-se")
    storage.perder("fotos", f"{A}/perdido.png")
    storage.so_a_linha("fotos", f"{A}/coração 100%#.png")
    saida = copiar(projeto, tmp_path, mais=SIM | {"BACKUP_ARQUIVOS_MAXIMO": "1KB"})
    assert conteudos(tmp_path, A) == {
        f"fotos/{A}/bom.png": b"bom",
        f"fotos/{A}/coração 100%#.png": None,
        f"fotos/{A}/grande.png": None,
        f"fotos/{A}/perdido.png": None,
    }
    motivos = {n.split("/")[-1]: x["fora"] for n, x in lista(tmp_path, A).items()}
    assert motivos == {
        "bom.png": None,
        "coração 100%#.png": "o Storage já não aceita este nome, nem para o ler",
        "grande.png": "passa de BACKUP_ARQUIVOS_MAXIMO (1,0 KB)",
        "perdido.png": "o Storage tem a linha dele, mas perdeu o conteúdo",
    }
    assert "   ✅ arquivos: 4 (3 B, 1 novo)\n" in saida.saida
    for motivo in filter(None, motivos.values()):
        assert f"   ⚠️ arquivos: 1 fica de fora: {motivo}\n" in saida.saida


def test_acima_de_2_gb_so_com_sim_e_o_que_ja_se_tem_fica(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    storage.enviar("fotos", f"{A}/pequeno.png", b"pequeno")
    copiar(projeto, tmp_path, mais={"BACKUP_ARQUIVOS": ""})
    assert conteudos(tmp_path, A) == {f"fotos/{A}/pequeno.png": b"pequeno"}
    storage.enviar("fotos", f"{A}/novo.png", b"novo")
    storage.so_a_linha("fotos", f"{A}/enorme.bin", tamanho=3 * 1024**3)
    projeto.gateway.esquecer_pedidos()
    saida = copiar(projeto, tmp_path, mais={"BACKUP_ARQUIVOS": ""})
    assert descidas(projeto) == 0
    assert conteudos(tmp_path, A) == {
        f"fotos/{A}/enorme.bin": None,
        f"fotos/{A}/novo.png": None,
        f"fotos/{A}/pequeno.png": b"pequeno",
    }
    assert "📎 No Storage, das empresas: 3 arquivos, 3,0 GB\n" in saida.saida
    assert "2 ficam de fora: faltam 3,0 GB por descer" in saida.saida
    assert "só com BACKUP_ARQUIVOS=sim" in saida.saida


def test_so_com_a_conexao_direta_a_lista_sai_sem_os_conteudos(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    storage.enviar("fotos", f"{A}/a.png", b"aqui")
    saida = copiar(projeto, tmp_path, mais=SIM | {"SUPABASE_DB_URL": projeto.uri_banco})
    linha = lista(tmp_path, A)[f"fotos/{A}/a.png"]
    assert (linha["soma"], linha["tamanho"], linha["tipo"]) == (None, 4, "image/png")
    assert linha["fora"] == (
        "só há a conexão direta: descer conteúdos pede SUPABASE_URL e a chave no .env"
    )
    assert "1 fica de fora: só há a conexão direta" in saida.saida


@pytest.mark.parametrize("via", ["direta", "api"] if CAMPANHA else ["direta"])
def test_cifrado_nada_fica_em_claro_e_nada_desce_outra_vez(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path, via: str
) -> None:
    chave, outra = chaves.gerar(), chaves.gerar()
    storage.enviar("fotos", f"{A}/segredo de nome.png", b"conteudo secreto", metadados={"m": "oi"})
    storage.so_a_linha("fotos", f"{A}/fora de nome é.png")
    mais = por_via(projeto, via) | cifrando_para(chave, outra)
    copiar(projeto, tmp_path, mais=mais)
    projeto.gateway.esquecer_pedidos()
    copiar(projeto, tmp_path, mais=mais)
    assert descidas(projeto) == 1  # o que ficou de fora
    backup = ultimo_backup(tmp_path, A)
    salva = backup["listas"]["storage.objects"]
    linhas = {x["nome"]: x for x in json.loads(a_mao(backup["pasta"] / salva["arquivo"], chave))}
    linha = linhas[f"{A}/segredo de nome.png"]
    assert (linha["metadados"], linha["soma"]) == (
        {"m": "oi"},
        hashlib.sha256(b"conteudo secreto").hexdigest(),
    )
    guardado = backup["pasta"] / "arquivos" / linha["guardado"][:2] / f"{linha['guardado']}.age"
    assert hashlib.sha256(guardado.read_bytes()).hexdigest() == linha["guardado"]
    segredos = ("segredo de nome", "conteudo secreto", "fora de nome", '"m"', linha["soma"])
    assert sem_nada_em_claro([tmp_path], segredos) == []


def _quando_se_leem_as_linhas(pedido: Pedido) -> bool:
    return pedido.metodo == "GET" and pedido.tabela == "produtos"


@pytest.mark.parametrize("vezes", [1, None])
def test_o_que_muda_enquanto_se_le_faz_recomecar(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path, vezes: int | None
) -> None:
    """Um arquivo novo, um mudado e um apagado durante a foto, uma vez ou sem parar."""
    storage.sql("INSERT INTO produtos VALUES (1, %s, 'x', NULL)", A)
    storage.enviar("fotos", f"{A}/muda.png", b"antes")
    storage.enviar("fotos", f"{A}/some.png", b"some")
    storage.enviar("fotos", f"{B}/parada.png", b"parada")
    n = 0

    def mexer(_pedido: Pedido, _vez: int) -> None:
        nonlocal n
        n += 1
        storage.enviar("fotos", f"{A}/muda.png", f"depois {n}".encode())
        storage.enviar("fotos", f"{A}/novo {n}.png", b"novo")
        if n == 1:
            storage.apagar("fotos", f"{A}/some.png")

    gancho = GanchoDeTeste(antes=mexer)
    with projeto.gateway.com_falha(gancho, se=_quando_se_leem_as_linhas, vezes=vezes):
        # Lidas juntas, a que mudou fotografa-se outra vez, sozinha.
        saida = copiar(projeto, tmp_path, *([] if vezes else ["--empresa", A]))
    if vezes:
        assert conteudos(tmp_path, B) == {f"fotos/{B}/parada.png": b"parada"}
        assert len([m for m in metadados(tmp_path) if m["user_id"] == B]) == 1
    esperado = {f"fotos/{A}/novo {i}.png": b"novo" for i in range(1, n + 1)}
    assert conteudos(tmp_path, A) == {f"fotos/{A}/muda.png": f"depois {n}".encode()} | esperado
    backup = ultimo_backup(tmp_path, A)
    assert backup["consistencia"] == ("instantanea" if vezes == 1 else "parcial")
    assert ("Consistência parcial" in saida.saida) == (vezes is None)


def test_o_que_muda_enquanto_desce_desce_como_ficou(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    storage.enviar("fotos", f"{A}/muda.png", b"antes")
    storage.enviar("fotos", f"{A}/some.png", b"some")

    def mexer(_pedido: Pedido, _vez: int) -> None:
        storage.enviar("fotos", f"{A}/muda.png", b"depois")
        storage.apagar("fotos", f"{A}/some.png")

    gancho = GanchoDeTeste(antes=mexer)
    with projeto.gateway.com_falha(gancho, se=_descendo("muda.png")):
        copiar(projeto, tmp_path, "--empresa", A, "--conexoes", "1")
    assert conteudos(tmp_path, A) == {f"fotos/{A}/muda.png": b"depois"}
    assert ultimo_backup(tmp_path, A)["consistencia"] == "instantanea"


def _descendo(nome: str) -> Callable[[Pedido], bool]:
    return lambda p: p.metodo == "GET" and "/authenticated/" in p.caminho and nome in p.caminho


def test_um_projeto_sem_storage_copia_se_como_antes_mas_nao_se_ja_o_teve(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    nenhum = RespostaForcada(404, b'{"code":"PGRST125","message":"Invalid path"}')

    def nele(pedido: Pedido) -> bool:
        return "/storage/" in pedido.caminho

    with projeto.gateway.com_falha(nenhum, se=nele, vezes=None):
        saida = copiar(projeto, tmp_path, "--empresa", A, mais={"BACKUP_ARQUIVOS": ""})
    assert "rquivos" not in saida.saida
    assert ultimo_backup(tmp_path, A).get("listas", {}) == {}
    storage.enviar("fotos", f"{A}/a.png", b"a")
    copiar(projeto, tmp_path, "--empresa", A)
    vazio = RespostaForcada(200, b"[]")  # como a uma chave sem o papel de serviço
    for resposta in (nenhum, vazio):  # o que falhou ontem não faz o de hoje calar
        with projeto.gateway.com_falha(resposta, se=nele, vezes=None):
            saida = copiar(projeto, tmp_path, "--empresa", A, codigo=4)
        assert (
            "❌ arquivos: O último backup tinha arquivos do Storage, e agora"
            in saida.erros + saida.saida
        )
        assert ultimo_backup(tmp_path, A)["estado"] == "incompleto"


def test_o_que_nao_desce_por_culpa_da_rede_deixa_o_backup_incompleto_e_o_resto_guardado(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    storage.enviar("fotos", f"{A}/bom.png", b"bom")
    storage.enviar("fotos", f"{A}/mau.png", b"mau")
    fora = RespostaForcada(504, b"")
    with projeto.gateway.com_falha(fora, se=_descendo("mau.png"), vezes=None):
        saida = copiar(projeto, tmp_path, "--empresa", A, "--tentativas", "1", codigo=4)
    assert "1 arquivo não desceu" in saida.saida + saida.erros
    assert conteudos(tmp_path, A) == {f"fotos/{A}/bom.png": b"bom", f"fotos/{A}/mau.png": None}
    assert ultimo_backup(tmp_path, A)["estado"] == "incompleto"
    projeto.gateway.esquecer_pedidos()
    copiar(projeto, tmp_path, "--empresa", A)
    assert descidas(projeto) == 1
    assert conteudos(tmp_path, A) == {f"fotos/{A}/bom.png": b"bom", f"fotos/{A}/mau.png": b"mau"}


def test_um_login_de_duas_empresas_nao_da_nada_a_nenhuma(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    storage.enviar("docs", f"{EMPREGADO_DE_A}/ana.txt", b"da Ana")
    da_vizinha = "bbbb2222-eeee-4000-8000-000000000002"
    storage.sql("INSERT INTO funcionarios VALUES (2, %s, %s, 'Ana')", EMPREGADO_DE_A, da_vizinha)
    try:
        saida = copiar(projeto, tmp_path, "--json")
    finally:
        storage.sql("DELETE FROM funcionarios WHERE id = 2")
    assert conteudos(tmp_path, A) == conteudos(tmp_path, B) == {}
    assert saida.json()["arquivos_sem_dono"] == {
        "docs": {"arquivos": 1, "bytes": 6, "disputados": 1}
    }


def test_a_coluna_que_o_cofre_toml_diz_pode_ser_um_json(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    script = copiar_scripts(tmp_path / "raiz")
    toml = '[arquivos.docs]\ncoluna = "produtos.fotos"\n[arquivos.fotos]\ndono = "nenhum"\n'
    (tmp_path / "raiz" / "cofre.toml").write_text(toml, encoding="utf-8")
    for nome in ("um.pdf", "dois.pdf", f"{B}/alheio.pdf"):
        storage.enviar("docs", nome, nome.encode())
    storage.enviar("fotos", f"{A}/a.png", b"de ninguem, porque se disse")
    storage.sql(
        "INSERT INTO produtos VALUES (1, %s, 'dois.pdf', %s)",
        *(A, json.dumps({"docs": [{"nome": "um.pdf"}, f"{B}/alheio.pdf"]})),
    )
    destino = tmp_path / "b"
    saida = executar(projeto, destino, "--json", script=script, mais=SIM)
    assert saida.codigo == 0, saida.tudo
    assert conteudos(destino, A) == {"docs/um.pdf": b"um.pdf"}
    assert conteudos(destino, B) == {}
    assert saida.json()["arquivos_sem_dono"] == {
        "docs": {"arquivos": 2, "bytes": 55, "disputados": 1}
    }


def test_a_tarefa_de_quinze_em_quinze_minutos_ve_os_arquivos(
    projeto: SupabaseLocal, storage: Storage, tmp_path: Path
) -> None:
    def quantos() -> int:
        return len([m for m in metadados(tmp_path) if m["user_id"] == A])

    mais = por_via(projeto, "direta")
    tarefa = ("--tipo", "agendado", "--cada", "15min")
    storage.enviar("fotos", f"{A}/a.png", b"um")
    copiar(projeto, tmp_path, *tarefa, mais=mais)
    copiar(projeto, tmp_path, *tarefa, mais=mais)
    assert quantos() == 1
    storage.enviar("fotos", f"{A}/a.png", b"dois")
    copiar(projeto, tmp_path, *tarefa, mais=mais)
    assert quantos() == 2
    assert conteudos(tmp_path, A) == {f"fotos/{A}/a.png": b"dois"}
