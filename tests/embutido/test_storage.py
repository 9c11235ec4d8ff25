"""O substituto do Storage tem as recusas, os silêncios e as armadilhas do de verdade (arquivos.md).

Cada teste prende um facto medido no servidor: é sobre eles que os testes do cofre se apoiam.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from supabase import create_client

from apoio.baldes import (
    arquivos_de,
    conteudos_de,
    criar_balde,
    impressoes_do_storage,
    por_arquivo,
    por_arquivos,
    tirar_arquivos,
)
from apoio.impressoes import executar_sql, valor
from apoio.servidores import VAZIO, FabricaDeSupabase
from supabase_local.servidores.linha_ruim import DescidaCortada, LinhaLenta, SubidaCortada
from supabase_local.servidores.servidor import SupabaseLocal
from supabase_local.servidores.storage.cdn import Cdn

PESSOA = "aaaa1111-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO)


@pytest.fixture
def balde(projeto: SupabaseLocal, request: pytest.FixtureRequest) -> str:
    """Um balde novo, só deste teste."""
    nome = f"b{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    criar_balde(projeto, nome)
    return nome


@pytest.fixture
def api(projeto: SupabaseLocal) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{projeto.url}/storage/v1", headers={"apikey": projeto.chave_secreta}, timeout=30
    ) as cliente:
        yield cliente


def recusa(resposta: httpx.Response) -> tuple[int, str, str, str]:
    """(HTTP, statusCode, error, code)"""
    erro = resposta.json()
    return resposta.status_code, erro["statusCode"], erro["error"], erro["code"]


def caminho(balde: str, nome: str, rota: str = "/object") -> str:
    return f"{rota}/{balde}/{quote(nome, safe='/')}".replace("/../", "/%2E%2E/")


# -- quem pede -------------------------------------------------------------------------------


def test_so_um_jwt_no_authorization_entra(projeto: SupabaseLocal, balde: str) -> None:
    def baldes(**cabecalhos: str) -> httpx.Response:
        return httpx.get(f"{projeto.url}/storage/v1/bucket/{balde}", headers=cabecalhos)

    servico = projeto.chave_service_role
    assert baldes(authorization=f"Bearer {servico}").status_code == 200
    assert baldes(apikey=projeto.chave_secreta).status_code == 200
    so_apikey = baldes(apikey=servico)
    assert recusa(so_apikey) == (400, "400", "Error", "InvalidRequest")
    assert so_apikey.json()["message"] == "headers must have required property 'authorization'"
    negado = (400, "403", "Unauthorized", "AccessDenied")
    assert recusa(baldes(authorization=f"Bearer {projeto.chave_secreta}")) == negado
    assert recusa(baldes(authorization=f"Bearer {servico[:-3]}abc")) == negado
    vencido = projeto.jwt("service_role", validade=-10)
    assert recusa(baldes(authorization=f"Bearer {vencido}")) == negado
    de_marte = baldes(authorization=f"Bearer {projeto.jwt('marciano')}")
    assert recusa(de_marte) == (500, "500", "DatabaseError", "DatabaseError")


def test_o_papel_errado_ve_tudo_vazio_e_nao_um_erro(projeto: SupabaseLocal, balde: str) -> None:
    por_arquivo(projeto, balde, "a", b"1")
    for chave in (projeto.chave_anon, projeto.jwt("authenticated", sub=PESSOA)):
        with httpx.Client(
            base_url=f"{projeto.url}/storage/v1", headers={"authorization": f"Bearer {chave}"}
        ) as api:
            assert api.get("/bucket").json() == []
            plana = api.post(f"/object/list-v2/{balde}", json={})
            assert (plana.status_code, plana.json()["objects"]) == (200, [])
            assert api.post(f"/object/list/{balde}", json={"prefix": ""}).json() == []
            perdido = (400, "404", "not_found", "NoSuchKey")
            assert recusa(api.get(f"/object/{balde}/a")) == perdido
            assert recusa(api.post(f"/object/{balde}/b", content=b"2")) == (
                *(400, "403", "Unauthorized"),
                "AccessDenied",
            )
    assert conteudos_de(projeto, lambda b, _n: b == balde) == {(balde, "a"): b"1"}


def test_um_balde_que_nao_ha_lista_vazio(api: httpx.Client) -> None:
    assert api.post("/object/list-v2/nenhum", json={}).json() == {
        "hasNext": False,
        "folders": [],
        "objects": [],
    }
    assert api.post("/object/list/nenhum", json={"prefix": ""}).json() == []
    sem_nada = api.request("DELETE", "/object/nenhum", json={"prefixes": ["a"]})
    assert (sem_nada.status_code, sem_nada.json()) == (200, [])
    assert recusa(api.get("/bucket/nenhum")) == (400, "404", "Bucket not found", "NoSuchBucket")
    assert recusa(api.put("/object/nenhum/a", content=b""))[3] == "NoSuchBucket"


# -- baldes ----------------------------------------------------------------------------------


def test_um_balde_criado_mudado_e_apagado(projeto: SupabaseLocal, api: httpx.Client) -> None:
    pedido = {
        "id": "vitrine",
        "name": "Vitrine da Loja",
        "public": True,
        "file_size_limit": "5MB",
        "allowed_mime_types": ["image/png"],
    }
    assert api.post("/bucket", json=pedido).json() == {"name": "vitrine"}
    assert recusa(api.post("/bucket", json=pedido)) == (
        *(400, "409", "Duplicate"),
        "BucketAlreadyExists",
    )
    # Os caminhos levam o id, e não o nome; dono nulo é "".
    assert recusa(api.get("/bucket/Vitrine%20da%20Loja"))[3] == "NoSuchBucket"
    achado = api.get("/bucket/vitrine").json()
    assert {n: achado[n] for n in (*pedido, "owner", "type")} == {
        **pedido,
        "file_size_limit": 5_000_000,
        "owner": "",
        "type": "STANDARD",
    }
    assert api.put("/bucket/vitrine", json={"file_size_limit": None}).status_code == 200
    mudado = api.get("/bucket/vitrine").json()
    assert mudado == {**achado, "file_size_limit": None}  # nem o updated_at
    por_arquivo(projeto, "vitrine", "x", b"")
    assert recusa(api.delete("/bucket/vitrine"))[3] == "ResourceNotEmpty"
    assert api.delete("/object/vitrine/x").status_code == 200
    assert api.delete("/bucket/vitrine").json() == {"message": "Successfully deleted"}


def test_os_limites_do_balde_valem_para_a_chave_de_servico(
    projeto: SupabaseLocal, api: httpx.Client
) -> None:
    criar_balde(projeto, "estreito", limite=4, tipos=["image/*", "text/plain"])

    def enviar(dados: bytes, tipo: str) -> httpx.Response:
        return api.put("/object/estreito/a", content=dados, headers={"content-type": tipo})

    assert enviar(b"1234", "image/png").status_code == 200
    assert recusa(enviar(b"12345", "image/png")) == (
        *(400, "413", "Payload too large"),
        "EntityTooLarge",
    )
    fora = (400, "415", "invalid_mime_type", "InvalidMimeType")
    assert recusa(enviar(b"1", "text/plain;charset=utf-8")) == fora
    assert recusa(enviar(b"1", "torto")) == fora
    # Sem Content-Length, nada limita.
    em_partes = api.put(
        "/object/estreito/b",
        content=(parte for parte in (b"123", b"456")),
        headers={"content-type": "text/plain"},
    )
    assert em_partes.status_code == 200
    assert conteudos_de(projeto, lambda b, _n: b == "estreito") == {
        ("estreito", "a"): b"1234",
        ("estreito", "b"): b"123456",
    }


# -- enviar e descer -------------------------------------------------------------------------


def test_o_que_se_envia_desce_igual_e_o_resto_se_ve_na_linha(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    metadados = {"título": "Ação", "n": [1, {"a": None}]}
    enviado = api.post(
        f"/object/{balde}/página.html".replace("á", "a"),
        content=b"<p>",
        headers={
            "content-type": "text/html; charset=utf-8",
            "cache-control": "public, max-age=3",
            "x-metadata": base64.b64encode(json.dumps(metadados).encode()).decode(),
        },
    )
    assert enviado.json()["Key"] == f"{balde}/pagina.html"
    baixado = api.get(f"/object/authenticated/{balde}/pagina.html")
    # O tipo que desce não é o guardado.
    assert (baixado.content, baixado.headers["content-type"]) == (b"<p>", "text/plain")
    assert baixado.headers["etag"] == f'"{hashlib.md5(b"<p>").hexdigest()}"'
    assert "x-version" not in baixado.headers
    linha = arquivos_de(projeto)[balde, "pagina.html"]
    assert (linha.tipo, linha.cache) == ("text/html; charset=utf-8", "public, max-age=3")
    assert (linha.metadados, linha.dono) == (metadados, None)
    info = api.get(f"/object/info/{balde}/pagina.html").json()
    assert info["metadata"] == metadados
    assert info["version"] == linha.linha["version"]
    assert "owner_id" not in info


def test_enviar_de_novo_troca_tudo_menos_id_criacao_e_dono(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    por_arquivo(projeto, balde, "a", b"1", tipo="image/png", cache="x", metadados={"k": 1},
                dono=PESSOA)  # fmt: skip
    antes = arquivos_de(projeto)[balde, "a"].linha
    assert recusa(api.post(f"/object/{balde}/a", content=b"2"))[3] == "KeyAlreadyExists"
    assert api.post(f"/object/{balde}/a", content=b"1", headers={"x-upsert": "true"}).is_success
    depois = arquivos_de(projeto)[balde, "a"]
    ficam = ("id", "created_at", "last_accessed_at", "owner_id", "owner")
    assert {n: depois.linha[n] for n in ficam} == {n: antes[n] for n in ficam}
    assert depois.linha["version"] != antes["version"]
    assert depois.linha["updated_at"] > antes["updated_at"]
    assert (depois.tipo, depois.cache) == ("application/octet-stream", "no-cache")
    assert depois.metadados == {}


def test_metadados_ruins_somem_e_uma_lista_e_recusada(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    assert api.put(f"/object/{balde}/a", content=b"", headers={"x-metadata": "%%"}).is_success
    assert arquivos_de(projeto)[balde, "a"].metadados == {}
    lista = base64.b64encode(b"[1]").decode()
    assert recusa(api.put(f"/object/{balde}/a", content=b"", headers={"x-metadata": lista})) == (
        *(400, "400", "Error"),
        "InvalidRequest",
    )
    grande = api.put(f"/object/{balde}/a", content=b"", headers={"x-metadata": "A" * 20_000})
    assert grande.status_code == 431


def test_o_dono_e_o_sub_de_quem_envia(projeto: SupabaseLocal, balde: str) -> None:
    jwt = projeto.jwt("service_role", sub=PESSOA)
    endereco = f"{projeto.url}/storage/v1/object/{balde}/a"
    assert httpx.put(endereco, content=b"1", headers={"authorization": f"Bearer {jwt}"}).is_success
    assert arquivos_de(projeto)[balde, "a"].dono == PESSOA


def test_faixas(api: httpx.Client, balde: str) -> None:
    assert api.put(f"/object/{balde}/a", content=b"0123456789").is_success

    def faixa(texto: str, **mais: str) -> tuple[int, bytes]:
        resposta = api.get(f"/object/{balde}/a", headers={"range": texto, **mais})
        return resposta.status_code, resposta.content

    assert faixa("bytes=2-4") == (206, b"234")
    assert faixa("bytes=7-99") == (206, b"789")
    assert faixa("bytes=8-") == (206, b"89")
    assert faixa("bytes=-3") == (206, b"789")
    # `If-Range` não vale: com outra eTag, a faixa desce na mesma.
    assert faixa("bytes=2-4", **{"if-range": '"outra"'}) == (206, b"234")
    for texto in ("bytes=10-", "bytes=0-1,3-4"):
        resposta = api.get(f"/object/{balde}/a", headers={"range": texto})
        assert recusa(resposta) == (416, "416", "invalid_range", "InvalidRange")


def test_se_nada_mudou_304_e_so_com_o_texto_exato(api: httpx.Client, balde: str) -> None:
    assert api.put(f"/object/{balde}/a", content=b"1").is_success
    etag = api.head(f"/object/{balde}/a").headers["etag"]

    def status(valor: str) -> int:
        return api.get(f"/object/{balde}/a", headers={"if-none-match": valor}).status_code

    assert (status(etag), status(f"W/{etag}"), status("*")) == (304, 200, 200)


def test_uma_linha_sem_conteudo_parece_bem_ate_se_baixar(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    por_arquivo(projeto, balde, "fantasma", None)
    assert api.head(f"/object/{balde}/fantasma").status_code == 200
    assert api.get(f"/object/info/{balde}/fantasma").status_code == 200
    assert recusa(api.get(f"/object/{balde}/fantasma")) == (500, "500", "Internal", "InternalError")
    projeto.storage.projeto.no_s3 = True
    try:
        no_s3 = api.get(f"/object/{balde}/fantasma")
    finally:
        projeto.storage.projeto.no_s3 = False
    assert recusa(no_s3) == (400, "404", "Not found", "NoSuchKey")


# -- nomes -----------------------------------------------------------------------------------

ACEITOS = (
    *(" a ", "a?b", "a&b=c", "a+b", "it's", "a//b", "pasta/", "/raiz", "x", "x/y", "X"),
    *("a*b:c;d,e@f$g!(h)", "..a", "/".join(["n" * 180] * 5)),
)
RECUSADOS = ("ação", "acão", "emoji 🎉", "100%", "a#b", 'a"b', "a<b", "a[b", "a\\b", "a|b",
             "a~b", "a^b", "a`b", "a{b", "a\tb", "a\nb", "a/../b", "./a")  # fmt: skip


def test_cada_nome_que_o_servidor_aceita_volta_como_foi(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    for nome in ACEITOS:
        assert api.post(caminho(balde, nome), content=nome.encode()).is_success, nome
    for nome in ACEITOS:
        assert api.get(caminho(balde, nome)).content == nome.encode(), nome
        assert api.get(caminho(balde, nome, "/object/info")).json()["name"] == nome
    pagina = api.post(f"/object/list-v2/{balde}", json={}).json()
    assert [o["name"] for o in pagina["objects"]] == sorted(ACEITOS)


def test_nomes_compridos_demais_e_a_pasta_vazia_do_painel(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    assert recusa(api.put(f"/object/{balde}/{'n' * 256}", content=b"1"))[3] == "InternalError"
    projeto.storage.projeto.no_s3 = True
    try:
        assert api.put(f"/object/{balde}/{'n' * 900}", content=b"1").is_success
        assert api.put(f"/object/{balde}/{'n' * 960}", content=b"1").status_code == 500
    finally:
        projeto.storage.projeto.no_s3 = False
    vazia = f"/object/{balde}/p/.emptyFolderPlaceholder"
    assert recusa(api.put(vazia, content=b"1"))[3] == "EntityTooLarge"
    assert api.put(vazia, content=b"").is_success


@pytest.mark.parametrize("nome", RECUSADOS)
def test_nomes_que_o_servidor_nao_aceita(
    projeto: SupabaseLocal, api: httpx.Client, balde: str, nome: str
) -> None:
    """Os de outros tempos, com o conteúdo lá, também não descem; só se apagam."""
    por_arquivo(projeto, balde, nome, b"antigo")
    endereco = caminho(balde, nome).replace("/./", "/%2E/")
    assert recusa(api.put(endereco, content=b"novo"))[3] == "InvalidKey"
    assert recusa(api.get(endereco))[3] == "InvalidKey"
    assert conteudos_de(projeto, lambda b, _n: b == balde) == {(balde, nome): b"antigo"}
    saidos = api.request("DELETE", f"/object/{balde}", json={"prefixes": [nome]}).json()
    assert [linha["name"] for linha in saidos] == [nome]


def test_no_s3_os_segmentos_de_pontos_passam(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    projeto.storage.projeto.no_s3 = True
    try:
        assert api.put(f"/object/{balde}/a/%2E%2E/b", content=b"1").is_success
    finally:
        projeto.storage.projeto.no_s3 = False
    assert conteudos_de(projeto, lambda b, _n: b == balde) == {(balde, "a/../b"): b"1"}


# -- listar ----------------------------------------------------------------------------------


def todos_v2(api: httpx.Client, balde: str, **pedido: Any) -> list[str]:
    nomes: list[str] = []
    cursor = None
    while True:
        corpo = {**pedido, **({"cursor": cursor} if cursor else {})}
        pagina = api.post(f"/object/list-v2/{balde}", json=corpo).json()
        nomes += [o["name"] for o in pagina["objects"]]
        if not pagina["hasNext"]:
            return nomes
        cursor = pagina["nextCursor"]


def test_so_a_lista_plana_por_nome_nada_perde(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    nomes = sorted(f"r{n:03}{fim}" for n in range(100) for fim in ("", ".txt", "-1"))
    por_arquivos(projeto, balde, dict.fromkeys(nomes, b""))
    for limite in (19, 100, 5000):
        assert todos_v2(api, balde, limit=limite) == nomes
    desc = {"column": "name", "order": "desc"}
    assert todos_v2(api, balde, limit=19, sortBy=desc) == nomes[::-1]
    assert todos_v2(api, balde, prefix="r00", limit=19) == nomes[:30]
    assert 0 < len(todos_v2(api, balde, limit=19, with_delimiter=True)) < len(nomes)
    # Gravados na mesma transação, têm todos o mesmo milissegundo.
    por_data = {"column": "updated_at", "order": "asc"}
    assert len(todos_v2(api, balde, limit=19, sortBy=por_data)) < len(nomes)
    da_primeira: list[str] = []
    while pagina := api.post(
        f"/object/list/{balde}", json={"prefix": "", "limit": 50, "offset": len(da_primeira)}
    ).json():
        da_primeira += [o["name"] for o in pagina]
    assert set(da_primeira) < set(nomes)
    padrao = api.post(f"/object/list/{balde}", json={"prefix": ""}).json()
    assert len(padrao) == 100


def test_a_segunda_nao_passa_de_mil_por_pagina(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    executar_sql(
        projeto,
        "INSERT INTO storage.objects (bucket_id, name)"
        f" SELECT '{balde}', 'n' || n FROM generate_series(1, 1001) n",
    )
    pagina = api.post(f"/object/list-v2/{balde}", json={"limit": 5000}).json()
    assert (len(pagina["objects"]), pagina["hasNext"]) == (1000, True)
    # Linhas feitas por SQL podem não ter metadados.
    assert pagina["objects"][0]["metadata"] is None


def test_a_primeira_junta_pastas_que_so_diferem_na_caixa(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    por_arquivos(projeto, balde, dict.fromkeys(("Dir/a", "dir/b", "DIR/c", "solto"), b""))
    raiz = api.post(f"/object/list/{balde}", json={"prefix": ""}).json()
    assert [(e["name"].lower(), e["id"] is None) for e in raiz] == [("dir", True), ("solto", False)]
    dentro = api.post(f"/object/list/{balde}", json={"prefix": "dir"}).json()
    assert [e["name"] for e in dentro] == ["a", "b", "c"]
    assert todos_v2(api, balde, prefix="dir/") == ["dir/b"]


# -- apagar, mover, copiar -------------------------------------------------------------------


def test_apagar_varios_so_diz_os_que_havia(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    por_arquivos(projeto, balde, {"p/a": b"1", "p/b": b"2"}, dono=PESSOA)
    saidos = api.request(
        "DELETE", f"/object/{balde}", json={"prefixes": ["p/a", "p", "nenhum"]}
    ).json()
    assert [(linha["name"], linha["owner_id"]) for linha in saidos] == [("p/a", PESSOA)]
    assert recusa(api.delete(f"/object/{balde}/p/a"))[3] == "NoSuchKey"
    assert (api.head(f"/object/{balde}/p/a").status_code, api.head("/bucket").text) == (400, "")
    vazia = api.request("DELETE", f"/object/{balde}", json={"prefixes": []})
    assert recusa(vazia)[3] == "InvalidRequest"
    assert conteudos_de(projeto, lambda b, _n: b == balde) == {(balde, "p/b"): b"2"}


def test_mover_e_copiar(projeto: SupabaseLocal, api: httpx.Client, balde: str) -> None:
    por_arquivo(projeto, balde, "a", b"1", metadados={"k": 1}, dono=PESSOA)
    antes = arquivos_de(projeto)[balde, "a"].linha
    corpo = {"bucketId": balde, "sourceKey": "a", "destinationKey": "b"}
    assert api.post("/object/move", json=corpo).is_success
    movido = arquivos_de(projeto)[balde, "b"]
    assert (movido.linha["id"], movido.dono, movido.dados) == (antes["id"], PESSOA, b"1")
    assert movido.linha["version"] != antes["version"]
    copia = api.post("/object/copy", json={**corpo, "sourceKey": "b", "destinationKey": "c"}).json()
    assert copia["owner_id"] is None
    copiado = arquivos_de(projeto)[balde, "c"]
    assert (str(copiado.linha["id"]), copiado.metadados) == (copia["Id"], {"k": 1})
    assert copiado.linha["id"] != antes["id"]
    por_cima = {**corpo, "sourceKey": "b", "destinationKey": "c"}
    assert recusa(api.post("/object/move", json=por_cima))[3] == "ResourceAlreadyExists"
    assert recusa(api.post("/object/copy", json=por_cima))[3] == "KeyAlreadyExists"


# -- o banco ---------------------------------------------------------------------------------


def test_o_postgres_grava_nas_tabelas_mas_nao_apaga_sem_dizer(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    por_arquivo(projeto, balde, "a", b"1")
    antes = arquivos_de(projeto)[balde, "a"].linha
    with psycopg.connect(projeto.uri_banco, autocommit=True) as banco:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            banco.execute("DELETE FROM storage.objects")
        for comando in (
            "ALTER TABLE storage.objects DISABLE TRIGGER ALL",
            "CREATE INDEX ON storage.objects (owner_id)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                banco.execute(comando.encode())
        banco.execute(
            "UPDATE storage.objects SET owner_id = %s, created_at = '2020-01-02' WHERE id = %s",
            (PESSOA, antes["id"]),
        )
        depois = arquivos_de(projeto)[balde, "a"]
        assert depois.linha["updated_at"] > antes["updated_at"]
        assert (depois.dono, depois.dados) == (PESSOA, b"1")
        # Apagar e inserir com a mesma versão repõe tudo, e o arquivo continua a descer.
        with banco.transaction():
            banco.execute("SET LOCAL storage.allow_delete_query = 'true'")
            banco.execute("DELETE FROM storage.objects WHERE id = %s", (antes["id"],))
            banco.execute(
                "INSERT INTO storage.objects (id, bucket_id, name, version, metadata, updated_at)"
                " VALUES (%(id)s, %(bucket_id)s, %(name)s, %(version)s, '{}', %(updated_at)s)",
                dict(antes),
            )
        assert api.get(f"/object/{balde}/a").content == b"1"
        assert arquivos_de(projeto)[balde, "a"].linha["updated_at"] == antes["updated_at"]
        # Mudar a versão é que o quebra.
        banco.execute(
            "UPDATE storage.objects SET version = gen_random_uuid()::text WHERE id = %s",
            (antes["id"],),
        )
        assert api.get(f"/object/{balde}/a").status_code == 500


def test_o_armazem_vai_e_vem_com_o_banco(criar_supabase: FabricaDeSupabase) -> None:
    origem = criar_supabase(VAZIO)
    criar_balde(origem, "fotos")
    por_arquivo(origem, "fotos", "a", b"1")
    copia = criar_supabase(origem.banco)
    assert impressoes_do_storage(copia) == impressoes_do_storage(origem)
    tirar_arquivos(copia, "fotos", "a")
    assert conteudos_de(copia) == {}
    assert conteudos_de(origem) == {("fotos", "a"): b"1"}
    pasta = origem.cluster.armazem(copia.banco)
    assert pasta.is_dir()
    origem.cluster.apagar_banco(copia.banco)
    assert not pasta.exists()


# -- a linha ---------------------------------------------------------------------------------


def dos_objetos(pedido: Any) -> bool:
    return bool(pedido.caminho.startswith("/storage/v1/object/"))


def test_uma_descida_cortada_e_uma_lenta(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    dados = bytes(range(256)) * 4096
    por_arquivo(projeto, balde, "grande", dados)
    chegaram = bytearray()
    with (
        projeto.gateway.com_falha(DescidaCortada(300_000), se=dos_objetos),
        api.stream("GET", f"/object/{balde}/grande") as resposta,
    ):
        assert resposta.headers["content-length"] == str(len(dados))
        with pytest.raises(httpx.RemoteProtocolError):
            list(map(chegaram.extend, resposta.iter_bytes()))
    assert bytes(chegaram) == dados[:300_000]
    with projeto.gateway.com_falha(LinhaLenta(50e6), se=dos_objetos):
        assert api.get(f"/object/{balde}/grande").content == dados


def test_uma_subida_cortada_nada_deixa(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    por_arquivo(projeto, balde, "grande", b"o de antes")
    antes = impressoes_do_storage(projeto)
    with (
        projeto.gateway.com_falha(SubidaCortada(100_000), se=dos_objetos),
        pytest.raises(httpx.TransportError),
    ):
        api.put(f"/object/{balde}/grande", content=bytes(1_000_000))
    assert impressoes_do_storage(projeto) == antes
    pasta = projeto.storage.projeto.conteudos.pasta
    assert [p for p in pasta.iterdir() if p.suffix == ".rascunho"] == []


def test_uma_descida_em_curso_continua_com_o_de_antes(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    dados = bytes(4_000_000)
    por_arquivo(projeto, balde, "grande", dados)
    with (
        projeto.gateway.com_falha(LinhaLenta(20e6), se=lambda p: p.metodo == "GET"),
        api.stream("GET", f"/object/{balde}/grande") as resposta,
    ):
        partes = resposta.iter_bytes()
        chegaram = next(partes)
        assert api.put(f"/object/{balde}/grande", content=b"outro").is_success
        assert chegaram + b"".join(partes) == dados
    assert api.get(f"/object/{balde}/grande").content == b"outro"
    assert valor(projeto, f"SELECT count(*) FROM storage.objects WHERE bucket_id = '{balde}'") == 1


# -- formulário, envio retomável, endereços assinados, CDN -----------------------------------


def test_um_formulario_guarda_o_que_os_campos_dizem(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    """É o que o storage3 manda: `no-cache`, por exemplo, não tem como se dizer nele."""
    dados = b"--\r\n\r\nx\r\n"
    enviado = api.post(
        f"/object/{balde}/a",
        files={"": ("foto.png", dados, "image/png")},
        data={"cacheControl": "3600", "metadata": '{"k": 1}'},
    )
    assert enviado.is_success
    feito = arquivos_de(projeto)[balde, "a"]
    assert (feito.dados, feito.tipo, feito.cache, feito.metadados) == (
        *(dados, "image/png"),
        *("max-age=3600", {"k": 1}),
    )
    cliente = create_client(projeto.url, projeto.chave_service_role)
    cliente.storage.from_(balde).upload("b", b"2", {"content-type": "text/plain"})
    assert arquivos_de(projeto)[balde, "b"].cache == "max-age=3600"
    assert cliente.storage.from_(balde).download("b") == b"2"


def tus(**dizeres: str) -> dict[str, str]:
    codificados = [f"{n} {base64.b64encode(v.encode()).decode()}" for n, v in dizeres.items()]
    return {"Tus-Resumable": "1.0.0", "Upload-Metadata": ",".join(codificados)}


def pedaco(api: httpx.Client, lugar: str, onde: int, dados: bytes, **mais: str) -> httpx.Response:
    return api.patch(
        lugar,
        content=dados,
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(onde),
            "Content-Type": "application/offset+octet-stream",
            **mais,
        },
    )


def test_um_envio_retomavel_continua_de_onde_a_linha_caiu(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    dados = bytes(range(256)) * 2000
    comeco = api.post(
        "/upload/resumable",
        headers={
            **tus(bucketName=balde, objectName="a/b", contentType="image/png", cacheControl="nada"),
            "Upload-Length": str(len(dados)),
        },
    )
    assert comeco.status_code == 201
    lugar = comeco.headers["location"]
    assert pedaco(api, lugar, 0, dados[:200_000]).status_code == 204
    cortada = SubidaCortada(100_000)
    with (
        projeto.gateway.com_falha(cortada, metodo="PATCH"),
        pytest.raises(httpx.TransportError),
    ):
        pedaco(api, lugar, 200_000, dados[200_000:])
    assert pedaco(api, lugar, 0, dados).status_code == 409
    onde = int(api.head(lugar, headers={"Tus-Resumable": "1.0.0"}).headers["upload-offset"])
    assert 200_000 < onde < len(dados)
    assert conteudos_de(projeto, lambda b, _n: b == balde) == {}
    ultimo = pedaco(api, lugar, onde, dados[onde:])
    assert (ultimo.status_code, ultimo.headers["tus-complete"]) == (204, "1")
    feito = arquivos_de(projeto)[balde, "a/b"]
    # Perde o cache que não é número, e os metadados que não se dizem ficam nulos.
    assert (feito.dados, feito.tipo, feito.cache, feito.metadados) == (
        *(dados, "image/png"),
        *("no-cache", None),
    )
    assert api.head(lugar, headers={"Tus-Resumable": "1.0.0"}).status_code == 404
    de_novo = {**tus(bucketName=balde, objectName="a/b"), "Upload-Length": "1"}
    recusado = api.post("/upload/resumable", headers=de_novo)
    assert (recusado.status_code, recusado.text) == (409, "The resource already exists")
    # E o «por cima» repete-se em cada pedaço.
    lugar = api.post("/upload/resumable", headers={**de_novo, "x-upsert": "true"}).headers[
        "location"
    ]
    assert pedaco(api, lugar, 0, b"1").status_code == 409
    assert pedaco(api, lugar, 0, b"1", **{"x-upsert": "true"}).status_code == 204


def test_a_etag_no_s3_nao_e_o_md5(projeto: SupabaseLocal, api: httpx.Client, balde: str) -> None:
    grande = bytes(17 * 1024**2)
    projeto.storage.projeto.no_s3 = True
    try:
        assert api.put(f"/object/{balde}/grande", content=grande).is_success
        assert api.put(f"/object/{balde}/pequeno", content=b"12345").is_success
        cabecalhos = tus(bucketName=balde, objectName="retomado")
        lugar = api.post("/upload/resumable", headers={**cabecalhos, "Upload-Length": "5"}).headers[
            "location"
        ]
        assert pedaco(api, lugar, 0, b"12345").status_code == 204
        vazio = api.post("/upload/resumable", headers={**cabecalhos, "Upload-Length": "0",
                                                       "x-upsert": "true"})  # fmt: skip
        assert vazio.status_code == 404
    finally:
        projeto.storage.projeto.no_s3 = False
    etags = {n: api.head(f"/object/{balde}/{n}").headers["etag"] for n in ("grande", "retomado")}
    assert etags["grande"].endswith('-2"')
    assert etags["retomado"].endswith('-1"')
    md5 = f'"{hashlib.md5(b"12345").hexdigest()}"'
    assert api.head(f"/object/{balde}/pequeno").headers["etag"] == md5


def test_um_endereco_assinado_e_um_publico(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    por_arquivo(projeto, balde, "a b", b"1")
    assinado = api.post(f"/object/sign/{balde}/a%20b", json={"expiresIn": 60}).json()["signedURL"]
    solto = httpx.Client(base_url=f"{projeto.url}/storage/v1")
    with solto:
        assert solto.get(assinado).content == b"1"
        assert recusa(solto.get(f"/object/public/{balde}/a%20b"))[3] == "NoSuchBucket"
        assert api.put(f"/bucket/{balde}", json={"public": True}).is_success
        assert solto.get(f"/object/public/{balde}/a%20b").content == b"1"


def test_a_cdn_repete_o_corpo_de_antes(
    projeto: SupabaseLocal, api: httpx.Client, balde: str
) -> None:
    por_arquivo(projeto, balde, "a", b"velho")
    with projeto.gateway.com_falha(Cdn(velhas=2), se=lambda p: p.metodo == "GET", vezes=None):

        def baixar(**cabecalhos: str) -> tuple[bytes, str, str]:
            vinda = api.get(f"/object/{balde}/a?x=1", headers=cabecalhos)
            etiquetas = vinda.headers
            return vinda.content, etiquetas["etag"], etiquetas.get("cf-cache-status", "")

        velha = f'"{hashlib.md5(b"velho").hexdigest()}"'
        nova = f'"{hashlib.md5(b"novo!").hexdigest()}"'
        assert baixar() == (b"velho", velha, "MISS")
        assert api.put(f"/object/{balde}/a", content=b"novo!").is_success
        assert api.get(f"/object/info/{balde}/a").json()["etag"] == nova
        assert baixar() == (b"velho", velha, "HIT")
        assert baixar(range="bytes=1-2") == (b"el", velha, "HIT")
        assert baixar() == (b"novo!", nova, "MISS")
