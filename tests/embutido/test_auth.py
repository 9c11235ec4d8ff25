"""O substituto do Auth tem as recusas e os silêncios do de verdade (logins.md, 6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from apoio.impressoes import executar_sql, valor
from apoio.logins import (
    apagar_login,
    criar_login,
    entra,
    entra_por,
    impressoes_do_auth,
    linha_do_login,
    por_fator,
    por_identidade,
)
from apoio.servidores import VAZIO, FabricaDeSupabase
from supabase_local.empresas.logins import HASH_DA_SENHA, SENHA
from supabase_local.servidores.auth.servico import Modos
from supabase_local.servidores.falhas import CorteDepois, RespostaForcada, RespostaPerdida
from supabase_local.servidores.servidor import SupabaseLocal

NOVA = {"X-Supabase-Api-Version": "2024-01-01"}


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO)


@pytest.fixture
def api(projeto: SupabaseLocal) -> Iterator[httpx.Client]:
    cabecalhos = {
        "apikey": projeto.chave_secreta,
        "authorization": f"Bearer {projeto.chave_secreta}",
    }
    endereco = f"{projeto.url}/auth/v1/admin"
    with httpx.Client(base_url=endereco, headers=cabecalhos, timeout=30) as cliente:
        yield cliente
    projeto.auth.modos = Modos()


def email() -> str:
    return f"p{uuid4().hex[:12]}@loja.example"


def recusa(resposta: httpx.Response) -> tuple[int, str]:
    erro = resposta.json()
    return resposta.status_code, erro.get("error_code") or erro["code"]


# -- quem pede -------------------------------------------------------------------------------


def test_so_a_chave_de_servico_nos_dois_cabecalhos(projeto: SupabaseLocal) -> None:
    def pedir(**cabecalhos: str) -> httpx.Response:
        return httpx.get(f"{projeto.url}/auth/v1/admin/users?page=1", headers=cabecalhos)

    servico, secreta, anon = projeto.chave_service_role, projeto.chave_secreta, projeto.chave_anon
    for chave in (servico, secreta):
        assert pedir(apikey=chave, authorization=f"Bearer {chave}").status_code == 200
    assert pedir(authorization=f"Bearer {servico}").status_code == 401
    assert recusa(pedir(apikey=servico)) == (401, "no_authorization")
    assert recusa(pedir(apikey=servico, authorization="Bearer x.y.z")) == (403, "bad_jwt")
    assert recusa(pedir(apikey=anon, authorization=f"Bearer {anon}")) == (403, "not_admin")
    for status, codigo in ((401, "no_authorization"), (403, "bad_jwt")):
        projeto.auth.modos = Modos(secreta=status)
        recusada = pedir(apikey=secreta, authorization=f"Bearer {secreta}")
        assert recusa(recusada) == (status, codigo)
    projeto.auth.modos = Modos()


def test_os_dois_feitios_de_erro(api: httpx.Client) -> None:
    antigo = api.get("/users/nao-e-uuid")
    assert antigo.json() == {
        "code": 404,
        "error_code": "validation_failed",
        "msg": "user_id must be an UUID",
    }
    novo = api.get(f"/users/{uuid4()}", headers=NOVA)
    assert novo.json() == {"code": "user_not_found", "message": "User not found"}
    assert novo.headers["x-supabase-api-version"] == "2024-01-01"
    assert "x-supabase-api-version" not in antigo.headers


# -- listar e ver ----------------------------------------------------------------------------


def test_a_lista_e_o_que_ela_nao_mostra(criar_supabase: FabricaDeSupabase) -> None:
    projeto = criar_supabase(VAZIO)
    cabecalhos = {
        "apikey": projeto.chave_service_role,
        "authorization": f"Bearer {projeto.chave_service_role}",
    }
    with httpx.Client(base_url=f"{projeto.url}/auth/v1/admin", headers=cabecalhos) as api:

        def lista(consulta: str = "page=1&per_page=1000") -> Any:
            return api.get(f"/users?{consulta}").json()["users"]

        assert lista() == []
        inicio = datetime(2025, 1, 1, tzinfo=UTC)
        ids = [
            criar_login(projeto, f"n{n}@x.example", created_at=inicio + timedelta(days=n))
            for n in range(55)
        ]
        criar_login(projeto, "outra@x.example", instance_id=uuid4())
        criar_login(projeto, "publico@x.example", aud="outro")
        por_fator(projeto, ids[0])
        resposta = api.get("/users")
        assert (len(resposta.json()["users"]), resposta.headers["x-total-count"]) == (50, "55")
        assert resposta.headers["link"].count("rel=") == 2
        assert [UUID(u["id"]) for u in lista()] == ids[::-1]
        assert [UUID(u["id"]) for u in lista("page=2&per_page=50&sort=created_at%20asc")] == (
            ids[50:]
        )
        assert lista("page=9&per_page=50") == []
        assert [u["email"] for u in lista("page=1&filter=n54@")] == ["n54@x.example"]
        primeiro = lista("page=1&per_page=1&sort=created_at%20asc")[0]
        assert primeiro["identities"] is None
        assert "factors" not in primeiro
        inteiro = api.get(f"/users/{ids[0]}").json()
        assert len(inteiro["identities"]) == len(inteiro["factors"]) == 1
        assert "JBSWY" not in api.get(f"/users/{ids[0]}").text
        assert HASH_DA_SENHA not in api.get(f"/users/{ids[0]}").text
        assert api.get("/users?page=1&per_page=0").status_code == 500
        projeto.auth.modos = Modos(empates=True)
        executar_sql(projeto, "UPDATE auth.users SET created_at = now()")
        as_duas = [u["id"] for n in (1, 2) for u in lista(f"page={n}&per_page=30")]
        assert (len(as_duas), len(set(as_duas))) == (55, 30)
        projeto.auth.modos = Modos()
        # Um apagado de leve continua nela.
        assert (
            api.request("DELETE", f"/users/{ids[1]}", json={"should_soft_delete": True}).json()
            == {}
        )
        assert str(ids[1]) in {u["id"] for u in lista()}


@pytest.mark.parametrize("estrago", ["recovery_token = NULL", "banned_until = 'infinity'"])
def test_uma_linha_ruim_derruba_a_pagina_inteira(
    criar_supabase: FabricaDeSupabase, estrago: str
) -> None:
    projeto = criar_supabase(VAZIO)
    ruim, boa = (criar_login(projeto, e) for e in ("ruim@x.example", "boa@x.example"))
    executar_sql(projeto, f"UPDATE auth.users SET {estrago} WHERE id = '{ruim}'")
    chave = projeto.chave_service_role
    cabecalhos = {"apikey": chave, "authorization": f"Bearer {chave}"}
    with httpx.Client(base_url=f"{projeto.url}/auth/v1/admin", headers=cabecalhos) as api:
        pagina = api.get("/users?page=1&per_page=50", headers=NOVA)
        assert (pagina.status_code, pagina.json()) == (
            500,
            {"code": "unexpected_failure", "message": "Database error finding users"},
        )
        assert api.get(f"/users/{ruim}").json()["msg"] == "Database error loading user"
        assert api.get(f"/users/{boa}").status_code == 200


# -- criar -----------------------------------------------------------------------------------


def test_criar_com_tudo_o_que_se_pode_dizer(projeto: SupabaseLocal, api: httpx.Client) -> None:
    identidade, endereco = str(uuid4()), email()
    criado = api.post(
        "/users",
        json={
            "id": identidade,
            "email": endereco.upper(),
            "password_hash": HASH_DA_SENHA,
            "email_confirm": True,
            "user_metadata": {"full_name": "Ação"},
            "app_metadata": {"providers": ["email", "google"], "plano": "ouro"},
            "ban_duration": "24h",
        },
    ).json()
    assert (criado["id"], criado["email"]) == (identidade, endereco)
    assert criado["user_metadata"] == {"full_name": "Ação", "email_verified": True}
    assert criado["app_metadata"] == {
        "provider": "email",
        "providers": ["email", "google"],
        "plano": "ouro",
    }
    assert criado["identities"][0]["identity_data"]["email_verified"] is False
    assert criado == api.get(f"/users/{identidade}").json()
    linha = linha_do_login(projeto, identidade)
    assert linha is not None
    assert linha["encrypted_password"] == HASH_DA_SENHA
    assert (linha["instance_id"], linha["aud"], linha["role"]) == (
        *(UUID(int=0), "authenticated"),
        "authenticated",
    )
    assert linha["confirmation_token"] == linha["recovery_token"] == linha["email_change"] == ""
    assert linha["confirmed_at"] == linha["email_confirmed_at"]
    assert entra(projeto, endereco, SENHA) is None  # banido
    assert api.put(f"/users/{identidade}", json={"ban_duration": "none"}).is_success
    assert entra(projeto, endereco, SENHA) == UUID(identidade)
    assert entra(projeto, endereco, "outra") is None


def test_o_que_nao_se_diz_ao_criar(projeto: SupabaseLocal, api: httpx.Client) -> None:
    endereco = email()
    com_hash = api.post("/users", json={"email": endereco, "password_hash": HASH_DA_SENHA}).json()
    assert com_hash["user_metadata"] is None
    assert "email_confirmed_at" not in com_hash
    assert entra(projeto, endereco, SENHA) is None  # não confirmado
    so_email = api.post("/users", json={"email": email()}).json()
    linha = linha_do_login(projeto, so_email["id"])
    assert linha is not None
    assert linha["encrypted_password"].startswith("$2a$")  # de uma senha que ninguém sabe


@pytest.mark.parametrize(
    ("pedido", "esperada"),
    [
        ({}, (400, "validation_failed")),
        ({"email": "torto"}, (400, "validation_failed")),
        ({"phone": "abc"}, (400, "validation_failed")),
        ({"password": "", "password_hash": HASH_DA_SENHA}, (400, "validation_failed")),
        ({"id": "1"}, (400, "validation_failed")),
        ({"id": str(UUID(int=0))}, (400, "validation_failed")),
        ({"ban_duration": "100y"}, (400, "validation_failed")),
        ({"ban_duration": "9999999h"}, (400, "validation_failed")),
        ({"email_confirm": "sim"}, (400, "bad_json")),
        ({"password_hash": "{cifrado}"}, (500, "unexpected_failure")),
    ],
)
def test_o_que_nao_se_cria(
    projeto: SupabaseLocal,
    api: httpx.Client,
    pedido: dict[str, object],
    esperada: tuple[int, str],
) -> None:
    antes = impressoes_do_auth(projeto)
    com_email = {"email": email(), **pedido} if pedido else {}
    assert recusa(api.post("/users", json=com_email, headers=NOVA)) == esperada
    assert impressoes_do_auth(projeto) == antes


def test_um_email_tomado_tambem_por_uma_identidade(
    projeto: SupabaseLocal, api: httpx.Client
) -> None:
    endereco, outro = email(), email()
    dono = criar_login(projeto, endereco)
    por_identidade(projeto, dono, "google", "123", outro)
    for tomado in (endereco, endereco.upper(), outro):
        assert recusa(api.post("/users", json={"email": tomado})) == (422, "email_exists")
    assert api.post("/users", json={"phone": "+5511999990000", "phone_confirm": True}).is_success
    assert recusa(api.post("/users", json={"phone": "5511999990000"})) == (422, "phone_exists")


def test_um_id_que_existe_so_se_distingue_sem_a_versao(
    projeto: SupabaseLocal, api: httpx.Client
) -> None:
    quem = criar_login(projeto, email())
    pedido = {"id": str(quem), "email": email()}
    novo = api.post("/users", json=pedido, headers=NOVA)
    assert novo.json() == {
        "code": "unexpected_failure",
        "message": "Database error creating new user",
    }
    antigo = api.post("/users", json=pedido)
    assert (antigo.status_code, antigo.json()["code"]) == (500, "23505")
    assert antigo.json()["detail"] == f"Key (id)=({quem}) already exists."


GATILHO = """
    CREATE TABLE public.visto (passo int GENERATED ALWAYS AS IDENTITY, quem uuid, linha jsonb);
    CREATE FUNCTION public.ver() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.visto (quem, linha) VALUES (NEW.id, to_jsonb(NEW));
        IF NEW.raw_user_meta_data ->> 'recusar' IS NOT NULL THEN
            RAISE EXCEPTION 'não: %', NEW.raw_user_meta_data ->> 'recusar' USING HINT = 'dica';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER ao_nascer AFTER INSERT ON auth.users
        FOR EACH ROW EXECUTE FUNCTION public.ver();
    CREATE TRIGGER ao_confirmar AFTER UPDATE OF email_confirmed_at ON auth.users
        FOR EACH ROW EXECUTE FUNCTION public.ver();
"""


def test_o_que_os_gatilhos_veem_ao_criar(criar_supabase: FabricaDeSupabase) -> None:
    projeto = criar_supabase(VAZIO, sql=(GATILHO,))  # o postgres pode criá-los em auth.users
    chave = projeto.chave_service_role
    cabecalhos = {"apikey": chave, "authorization": f"Bearer {chave}"}
    with httpx.Client(base_url=f"{projeto.url}/auth/v1/admin", headers=cabecalhos) as api:
        pedido = {
            "email": email(),
            "email_confirm": True,
            "user_metadata": {"nome": "x"},
            "app_metadata": {"papel": "y"},
            "ban_duration": "1h",
        }
        criado = api.post("/users", json=pedido).json()
        ao_nascer, ao_confirmar = (
            valor(projeto, f"SELECT linha FROM visto ORDER BY passo OFFSET {n} LIMIT 1")
            for n in range(2)
        )
        assert valor(projeto, "SELECT count(*) FROM visto") == 2
        assert ao_nascer["raw_user_meta_data"] == {"nome": "x"}
        assert ao_nascer["raw_app_meta_data"] == {"provider": "email", "providers": ["email"]}
        ainda_nao = ("email_confirmed_at", "banned_until")
        assert [ao_nascer[coluna] for coluna in ainda_nao] == [None, None]
        assert ao_nascer["role"] == ""
        assert ao_confirmar["role"] == "authenticated"
        assert ao_confirmar["raw_app_meta_data"]["papel"] == "y"
        assert (ao_confirmar["email_confirmed_at"], ao_confirmar["banned_until"]) != (None, None)
        assert criado["banned_until"]
        # Um que recusa desfaz tudo.
        antes = impressoes_do_auth(projeto)
        recusado = {"email": email(), "user_metadata": {"recusar": "hoje"}}
        assert api.post("/users", json=recusado).json() == {
            "code": "P0001",
            "message": "não: hoje",
            "hint": "dica",
        }
        assert recusa(api.post("/users", json=recusado, headers=NOVA)) == (
            *(500, "unexpected_failure"),
        )
        assert impressoes_do_auth(projeto) == antes


# -- modos -----------------------------------------------------------------------------------


def test_um_servidor_antigo_ignora_id_e_hash_em_silencio(
    projeto: SupabaseLocal, api: httpx.Client
) -> None:
    projeto.auth.modos = Modos(antigo=True)
    pedido = {"id": str(uuid4()), "email": email(), "password_hash": HASH_DA_SENHA}
    criado = api.post("/users", json={**pedido, "email_confirm": True}).json()
    assert criado["id"] != pedido["id"]
    assert entra(projeto, pedido["email"], SENHA) is None


def test_um_ban_que_nao_fica(projeto: SupabaseLocal, api: httpx.Client) -> None:
    projeto.auth.modos = Modos(sem_ban=True)
    criado = api.post("/users", json={"email": email(), "ban_duration": "24h"}).json()
    assert "banned_until" not in api.get(f"/users/{criado['id']}").json()


def test_responde_200_e_a_linha_nao_fica(projeto: SupabaseLocal, api: httpx.Client) -> None:
    projeto.auth.modos = Modos(sem_gravar=True)
    criado = api.post("/users", json={"email": email()})
    assert criado.status_code == 200
    assert api.get(f"/users/{criado.json()['id']}").status_code == 404


def test_o_usuario_fica_e_a_resposta_se_perde(projeto: SupabaseLocal, api: httpx.Client) -> None:
    for falha in (RespostaPerdida(504), CorteDepois(com_reset=True)):
        identidade = str(uuid4())
        pedido = {"id": identidade, "email": email()}
        with projeto.gateway.com_falha(falha, metodo="POST"):
            try:
                assert api.post("/users", json=pedido).status_code == 504
            except httpx.TransportError:
                assert isinstance(falha, CorteDepois)
        assert api.get(f"/users/{identidade}").status_code == 200
    pagina = {"Content-Type": "text/html"}
    with projeto.gateway.com_falha(RespostaForcada(503, b"<html>", pagina)):
        assert api.get("/users?page=1").text == "<html>"


# -- mudar e apagar --------------------------------------------------------------------------


def test_mudar_ignora_hash_e_id_e_funde_os_metadados(
    projeto: SupabaseLocal, api: httpx.Client
) -> None:
    endereco, tomado = email(), email()
    quem = criar_login(projeto, endereco, com_sessao=True)
    criar_login(projeto, tomado)
    calado = {"password_hash": "$2a$10$" + "a" * 53, "id": str(uuid4()), "aud": "outro"}
    mudado = api.put(
        f"/users/{quem}", json={**calado, "user_metadata": {"full_name": None, "k": 1}}
    ).json()
    assert (mudado["id"], mudado["aud"]) == (str(quem), "authenticated")
    assert mudado["user_metadata"] == {"k": 1}
    assert entra(projeto, endereco, SENHA) == quem
    repetido = api.put(f"/users/{quem}", json={"email": tomado}, headers=NOVA)
    assert repetido.json() == {"code": "unexpected_failure", "message": "Error updating user"}
    assert valor(projeto, f"SELECT count(*) FROM auth.sessions WHERE user_id = '{quem}'") == 1
    assert api.put(f"/users/{quem}", json={"password": "nova-senha"}).is_success
    assert valor(projeto, f"SELECT count(*) FROM auth.sessions WHERE user_id = '{quem}'") == 0
    assert entra(projeto, endereco, "nova-senha") == quem
    assert api.put(f"/users/{quem}", json={"email": endereco}).is_success
    identidade = api.get(f"/users/{quem}").json()["identities"][0]["identity_data"]
    assert identidade["email_verified"] is False


def test_apagar_leva_o_que_pende_ou_e_impedido(criar_supabase: FabricaDeSupabase) -> None:
    projeto = criar_supabase(
        VAZIO,
        sql=(
            "CREATE TABLE public.leva (id int, quem uuid REFERENCES auth.users ON DELETE CASCADE)",
            "CREATE TABLE public.impede (id int, quem uuid REFERENCES auth.users)",
        ),
    )
    quem = criar_login(projeto, email(), com_sessao=True)
    executar_sql(projeto, f"INSERT INTO public.leva VALUES (1, '{quem}')")
    executar_sql(projeto, f"INSERT INTO public.impede VALUES (1, '{quem}')")
    chave = projeto.chave_service_role
    cabecalhos = {"apikey": chave, "authorization": f"Bearer {chave}"}
    with httpx.Client(base_url=f"{projeto.url}/auth/v1/admin", headers=cabecalhos) as api:
        antes = impressoes_do_auth(projeto)
        assert api.delete(f"/users/{quem}", headers=NOVA).json() == {
            "code": "unexpected_failure",
            "message": "Database error deleting user",
        }
        assert api.delete(f"/users/{quem}").json()["code"] == "23503"
        assert impressoes_do_auth(projeto) == antes
        executar_sql(projeto, "DELETE FROM public.impede")
        assert api.delete(f"/users/{quem}").json() == {}
        assert api.get(f"/users/{quem}").status_code == 404
    assert valor(projeto, "SELECT count(*) FROM public.leva") == 0
    # O token não tem chave para o usuário, mas tem para a sessão.
    assert impressoes_do_auth(projeto) == {}


def test_apagado_de_leve_o_email_fica_livre_e_o_id_nao(
    projeto: SupabaseLocal, api: httpx.Client
) -> None:
    endereco = email()
    quem = criar_login(projeto, endereco)
    assert api.request("DELETE", f"/users/{quem}", json={"should_soft_delete": True}).json() == {}
    dele = api.get(f"/users/{quem}").json()
    assert dele["deleted_at"]
    assert endereco not in str(dele)
    assert "identity_data" not in dele["identities"][0]
    assert api.post("/users", json={"email": endereco}).is_success
    assert api.post("/users", json={"email": email(), "id": str(quem)}).status_code == 500


def test_os_fatores_se_veem_sem_o_segredo(projeto: SupabaseLocal, api: httpx.Client) -> None:
    quem = criar_login(projeto, email())
    fator = por_fator(projeto, quem, segredo="SEGREDO-INVENTADO")
    vistos = api.get(f"/users/{quem}/factors")
    assert [f["id"] for f in vistos.json()] == [str(fator)]
    assert "SEGREDO" not in vistos.text
    assert api.delete(f"/users/{quem}/factors/{fator}").is_success
    assert api.get(f"/users/{quem}/factors").json() == []


def test_o_elo_de_senha_nova_e_uma_credencial(projeto: SupabaseLocal, api: httpx.Client) -> None:
    endereco = email()
    quem = criar_login(projeto, endereco)
    elo = api.post("/generate_link", json={"type": "recovery", "email": endereco}).json()
    assert elo["id"] == str(quem)
    assert elo["verification_type"] == "recovery"
    linha = linha_do_login(projeto, quem)
    assert linha is not None
    assert linha["recovery_token"] == elo["hashed_token"]
    assert elo["hashed_token"] in elo["action_link"]
    ninguem = api.post("/generate_link", json={"type": "recovery", "email": email()})
    assert recusa(ninguem) == (404, "user_not_found")


# -- o banco e a porta de entrada ------------------------------------------------------------


def test_o_postgres_grava_em_auth_e_nao_e_dono(projeto: SupabaseLocal) -> None:
    with psycopg.connect(projeto.uri_banco, autocommit=True) as banco:
        quem = uuid4()
        banco.execute("INSERT INTO auth.users (id, email) VALUES (%s, %s)", (quem, email()))
        with pytest.raises(psycopg.errors.GeneratedAlways):
            banco.execute("UPDATE auth.users SET confirmed_at = now() WHERE id = %s", (quem,))
        for comando in (
            "ALTER TABLE auth.users DISABLE TRIGGER ALL",
            "ALTER TABLE auth.users ADD COLUMN x int",
            "CREATE TABLE auth.outra ()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                banco.execute(comando.encode())
        banco.execute("DELETE FROM auth.users WHERE id = %s", (quem,))


def test_um_provedor_acha_pela_identidade_depois_pelo_email_depois_cria(
    projeto: SupabaseLocal,
) -> None:
    endereco = email()
    quem = criar_login(projeto, endereco, senha="segredo")
    por_email = entra_por(projeto, "google", "g1", endereco)
    assert (por_email.quem, por_email.como) == (quem, "e-mail")
    assert entra_por(projeto, "google", "g1", email()).como == "identidade"
    assert entra_por(projeto, "google", "g2", endereco, verificado=False).como == "novo"
    assert entra_por(projeto, "google", "g3", email()).como == "novo"
    assert entra(projeto, endereco, "segredo") == quem
    preso = criar_login(projeto, email(), banned_until=datetime.now(UTC) + timedelta(days=1))
    por_identidade(projeto, preso, "google", "g5", email())
    assert entra_por(projeto, "google", "g5", email()).como == "banido"
    # Quem não confirmou o e-mail perde a senha.
    outro = email()
    incerto = criar_login(projeto, outro, senha="segredo", email_confirmed_at=None)
    assert entra_por(projeto, "google", "g4", outro).quem == incerto
    assert entra(projeto, outro, "segredo") is None
    apagar_login(projeto, incerto)
    assert linha_do_login(projeto, incerto) is None
