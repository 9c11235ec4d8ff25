"""Os logins que faltam: apagados com cascata, voltam com as linhas, e a porta abre-se de novo. O
que existe nunca é tocado, nem o de outra empresa."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from apoio import logins as portaria
from apoio.campanha import amostra
from apoio.cifrados import sem_nada_em_claro
from apoio.escritorio import (
    CAIXA,
    DE_DUAS,
    DONA,
    EMPRESA,
    GERENTE,
    INTRUSO,
    PLATAFORMA,
    SENHA_DA_DONA,
    TODOS,
    VIZINHO,
    Escritorio,
    Montar,
)
from apoio.execucao import metadados, ultimo_backup
from apoio.loja import TANTO_FAZ
from cofre.via.contrato import API, DIRETA
from supabase_local.empresas.logins import SENHA
from supabase_local.servidores.falhas import (
    CorteDepois,
    Pedido,
    Repetida,
    RespostaForcada,
    RespostaPerdida,
)

VIAS = pytest.mark.parametrize("via", [API, DIRETA])
DONA_E_CAIXA = frozenset({DONA, CAIXA})


def _cria(pedido: Pedido) -> bool:
    return pedido.metodo == "POST" and pedido.caminho == "/auth/v1/admin/users"


def _identica(e: Escritorio, antes: dict[str, list[str]], auth: object, *quem: UUID) -> None:
    """As linhas de todas as empresas, e todo o Auth menos o destes, são o que eram."""
    assert e.linhas() == antes
    assert e.do_auth(frozenset(quem)) == auth


# -- com a senha de antes ---------------------------------------------------------------------


def test_apagada_com_cascata_volta_com_as_linhas_e_a_senha_de_antes(escritorio: Montar) -> None:
    """Pela conexão direta, de um backup cifrado: a linha de auth.users e a identidade byte a byte,
    nenhuma sessão nem token, e nada da senha em claro no caminho."""
    e = escritorio(DIRETA, cifrado=True, com_backup=False)
    copiada = e.copiar()
    antes, auth = e.linhas(), e.do_auth(frozenset({DONA}))
    era = portaria.linha_do_login(e.projeto, DONA)
    identidades = e.valores(f"SELECT i::text FROM auth.identities i WHERE user_id = '{DONA}'")
    assert era is not None
    e.apagar(DONA)
    assert e.linhas() != antes
    saida = e.restaurar()
    assert saida.codigo == 0, saida.tudo
    _identica(e, antes, auth, DONA)
    ficou = portaria.linha_do_login(e.projeto, DONA)
    assert ficou == era | {c: "" for c in era if c.endswith("_token") or c == "email_change"}
    de_volta = e.valores(f"SELECT i::text FROM auth.identities i WHERE user_id = '{DONA}'")
    assert de_volta == identidades
    assert portaria.entra(e.projeto, TODOS[DONA], SENHA_DA_DONA) == DONA
    for tabela in ("sessions", "refresh_tokens", "one_time_tokens"):
        de_quem = f"SELECT 1 FROM auth.{tabela} WHERE user_id::text = '{DONA}'"
        assert e.valores(de_quem) == []
    hash_ = str(era["encrypted_password"])
    assert hash_ not in copiada.tudo + saida.tudo
    assert sem_nada_em_claro([e.destino], [hash_, TODOS[DONA]]) == []


@VIAS
def test_sem_cifra_a_senha_nao_se_guarda(escritorio: Montar, via: str) -> None:
    e = escritorio(via, com_backup=False)
    e.copiar(BACKUP_SEGUNDOS_FATORES="sim")
    antes, auth = e.linhas(), e.do_auth(frozenset({DONA}))
    lista = {UUID(linha["id"]): linha for linha in e.lista()}
    assert not any("encrypted_password" in linha for linha in lista.values())
    hashes = [h for (h,) in e.valores("SELECT encrypted_password FROM auth.users")]
    assert sem_nada_em_claro([e.destino], hashes) == []
    assert e.notas()["modo"] == via
    e.apagar(DONA)
    saida = e.restaurar()
    assert saida.codigo == 12, saida.tudo
    assert "precisa de uma senha nova" in saida.tudo
    _identica(e, antes, auth, DONA)
    ficou = portaria.linha_do_login(e.projeto, DONA)
    assert ficou is not None
    assert (ficou["email"], ficou["banned_until"]) == (TODOS[DONA], None)
    assert portaria.entra(e.projeto, TODOS[DONA], SENHA_DA_DONA) is None
    assert portaria.entra_por(e.projeto, "google", "g1", TODOS[DONA]).quem == DONA


def test_pela_api_a_senha_guardada_pela_direta_tambem_volta(escritorio: Montar) -> None:
    """E desfazer não apaga o login, e diz como."""
    e = escritorio(DIRETA, cifrado=True)
    antes, auth = e.linhas(), e.do_auth(frozenset({DONA}))
    e.apagar(DONA)
    estragado = e.linhas()
    saida = e.restaurar(via=API)
    assert saida.codigo == 12, saida.tudo
    assert "precisa de uma senha" not in saida.tudo
    assert "não é como era: datas" in saida.tudo
    _identica(e, antes, auth, DONA)
    assert portaria.entra(e.projeto, TODOS[DONA], SENHA_DA_DONA) == DONA
    com_ela = e.do_auth()
    saida = e.restaurar("desfazer", via=API)
    assert saida.codigo == 0, saida.tudo
    assert "foi criado pela restauração e continua" in saida.tudo
    assert e.linhas() == estragado
    assert e.do_auth() == com_ela


# -- de quem é --------------------------------------------------------------------------------


@VIAS
def test_quem_e_da_empresa_e_quem_e_so_referencia(escritorio: Montar, via: str) -> None:
    """O dono, os funcionários e, fracos, os de user_approvals. Nunca quem o diz de si mesmo, nem
    quem só agiu; de duas empresas, ou da plataforma, só a referência."""
    e = escritorio(via, com_backup=False)
    mentira = f'{{"role": "owner", "empresa_id": "{EMPRESA}", "parent_user_id": "{DONA}"}}'
    portaria.criar_login(e.projeto, "mentiroso@fora.example", raw_user_meta_data=mentira)
    e.sql(
        'UPDATE auth.users SET raw_app_meta_data = raw_app_meta_data || \'{"role": "admin"}\''
        f" WHERE id = '{GERENTE}'"
    )
    e.copiar()
    papeis = {
        UUID(linha["id"]): (linha["papel_na_empresa"], linha["so_referencia"])
        for linha in e.lista()
    }
    assert papeis == {
        DONA: ("dono", False),
        CAIXA: ("funcionario", False),
        GERENTE: ("funcionario", True),
        INTRUSO: ("aprovado", True),
        DE_DUAS: ("funcionario", True),
        PLATAFORMA: ("aprovado", True),
    }
    do_instante = {"instante": True} if via == DIRETA else {}
    assert e.notas() == {"modo": via, "so_referencia": 4, "sem_login": 0, **do_instante}
    de_todas = e.lista()
    e.copiar("--tabelas", "logins")
    assert e.lista() == de_todas


def test_o_que_e_so_referencia_nunca_se_escreve(escritorio: Montar) -> None:
    e = escritorio(TANTO_FAZ)
    e.apagar(DE_DUAS, PLATAFORMA, INTRUSO)
    estragado, auth = e.linhas(), e.do_auth()
    saida = e.restaurar("--logins", TODOS[DE_DUAS])
    assert (saida.codigo, "não pode voltar: é também de outra empresa" in saida.tudo) == (2, True)
    saida = e.restaurar("--simular", "--logins", "todos")
    assert "logins que faltam: 3" in saida.tudo
    assert "0 voltam, 3 ficam de fora" in saida.tudo
    assert "administra a plataforma" in saida.tudo
    assert "só user_approvals o liga à empresa" in saida.tudo
    assert e.linhas() == estragado
    assert e.do_auth() == auth


# -- um backup em que alguém mexeu ------------------------------------------------------------


MEXIDOS: dict[str, dict[str, object]] = {
    "o dono desta empresa é outro": {"papel_na_empresa": "dono"},
    "é só uma referência": {"so_referencia": True},
    "administra a plataforma": {"raw_app_meta_data": {"role": "admin"}},
    "que não é de um login": {"id": str(CAIXA).upper()},
}
"""Por que não volta, e o que alguém mudou na linha do backup."""


def test_um_login_que_um_backup_nunca_diria_assim_nao_nasce(escritorio: Montar) -> None:
    """Nem por costume (o «dono»), nem pedido, com as somas do backup refeitas."""
    e = escritorio(TANTO_FAZ)
    backup = ultimo_backup(e.destino, str(DONA))
    lista = backup["pasta"] / backup["listas"]["auth.users"]["arquivo"]
    (ficha,) = e.destino.rglob("backup_metadata_*.json")
    era, dito = e.lista(), json.loads(ficha.read_text("utf-8"))
    e.apagar(CAIXA)
    auth, linhas = e.do_auth(), e.linhas()
    for porque, campos in MEXIDOS.items():
        novo = json.dumps([x | (campos if x["id"] == str(CAIXA) else {}) for x in era]).encode()
        lista.write_bytes(novo)
        soma = hashlib.sha256(novo).hexdigest()
        dito["listas"]["auth.users"] |= {"sha256": soma, "bytes": len(novo)}
        ficha.write_text(json.dumps(dito), "utf-8")
        assert porque in e.restaurar("--simular").tudo
        assert porque in e.restaurar("--logins", "todos").tudo
        assert e.do_auth() == auth
        assert e.linhas() == linhas


# -- só os escolhidos, só os que faltam -------------------------------------------------------


@VIAS
def test_sem_se_pedir_so_o_do_dono_volta_nem_o_email_de_outro_se_toma(
    escritorio: Montar, via: str
) -> None:
    """O empregado pode ter sido dispensado: as linhas que o citam são ditas antes da palavra, com a
    cura; pedido pelo e-mail, volta com elas. Um e-mail que hoje é de outro nunca se toma."""
    e = escritorio(via, cifrado=True)
    antes, auth = e.linhas(), e.do_auth(DONA_E_CAIXA)
    e.apagar(CAIXA)
    estragado = e.linhas()
    saida = e.restaurar()
    assert saida.codigo == 8, saida.tudo
    assert "logins que faltam: 1" in saida.tudo
    assert "0 voltam, 1 fica de fora" in saida.tudo
    assert "23503" in saida.tudo
    assert "--logins" in saida.tudo
    assert e.linhas() == estragado
    saida = e.restaurar("--logins", f"{TODOS[CAIXA]}")
    assert saida.codigo == (0 if via == DIRETA else 12), saida.tudo
    _identica(e, antes, auth, DONA, CAIXA)
    if via == DIRETA:
        assert portaria.entra(e.projeto, TODOS[CAIXA], SENHA) == CAIXA
    _nunca_toma_o_email_que_hoje_e_de_outro(e)


def _nunca_toma_o_email_que_hoje_e_de_outro(e: Escritorio) -> None:
    e.apagar(CAIXA)
    outro = portaria.criar_login(e.projeto, TODOS[CAIXA].upper())
    auth = e.do_auth()
    saida = e.restaurar("--simular")
    assert f"o e-mail é hoje de outro login ({outro})" in saida.tudo
    saida = e.restaurar("--logins", str(CAIXA))
    assert saida.codigo == 2, saida.tudo
    assert e.do_auth() == auth


def test_a_pergunta_numerada_escolhe_e_o_json_nao_diz_nome_de_ninguem(escritorio: Montar) -> None:
    e = escritorio(DIRETA, cifrado=True)
    antes, auth = e.linhas(), e.do_auth(DONA_E_CAIXA)
    e.apagar(DONA)
    dito = json.loads(e.restaurar("--simular", "--json").saida)
    assert dito["logins_que_faltam"] == [
        {
            "id": str(DONA),
            "papel_na_empresa": "dono",
            "com_senha": True,
            "segundo_fator": False,
            "impede": "",
            "volta": True,
        }
    ]
    saida = e.restaurar("--json")
    feitos = json.loads(saida.saida)["logins"]
    assert [(f["id"], f["sem_senha"]) for f in feitos] == [(str(DONA), False)]
    assert TODOS[DONA] not in saida.saida
    e.apagar(CAIXA, DONA)
    saida = e.restaurar(respostas=("?", "9", "1,2", "RESTAURAR"))
    assert "1. dona@escritorio.example: dono da empresa" in saida.tudo
    assert "2. caixa@escritorio.example: funcionário" in saida.tudo
    assert "são números de 1 a 2" in saida.tudo
    assert "Logins que voltam: 2" in saida.tudo
    assert saida.codigo == 0, saida.tudo
    _identica(e, antes, auth, DONA, CAIXA)


def test_o_que_existe_nunca_e_tocado_nem_se_a_lista_nao_se_le(escritorio: Montar) -> None:
    """Uma senha mais nova, um ban, outro e-mail: ficam, ainda que se peçam todos. O token nulo de
    um só, seja de quem for, estraga a página inteira; e um id apagado de leve ainda existe, e não
    se revive."""
    e = escritorio(API, cifrado=True)
    e.sql(
        "UPDATE auth.users SET encrypted_password = 'nova', banned_until = now() + '1 day',"
        f" email = 'outro@escritorio.example' WHERE id = '{CAIXA}'",
        "DELETE FROM produtos WHERE id = 3",
    )
    auth = e.do_auth()
    saida = e.restaurar("--logins", "todos")
    assert saida.codigo == 0, saida.tudo
    assert "logins que faltam" not in saida.tudo
    assert e.do_auth() == auth
    e.apagar(CAIXA)
    e.sql(
        f"UPDATE auth.users SET recovery_token = NULL WHERE id = '{VIZINHO}'",
        "UPDATE auth.users SET deleted_at = now(), email = 'x9', encrypted_password = NULL"
        f" WHERE id = '{GERENTE}'",
    )
    auth = e.do_auth(frozenset({CAIXA}))
    saida = e.restaurar("--logins", str(CAIXA))
    assert saida.codigo == 12, saida.tudo
    assert "o id ainda existe, marcado como apagado" in saida.tudo
    assert e.do_auth(frozenset({CAIXA})) == auth
    assert portaria.linha_do_login(e.projeto, CAIXA)


def test_anonimo_e_de_sso_so_pela_direta_e_cada_um_com_a_identidade_dele(
    escritorio: Montar,
) -> None:
    """Quem entra por um provedor, também com outro e-mail nele."""
    e = escritorio(DIRETA, cifrado=True, com_backup=False)
    e.sql(
        f"UPDATE auth.users SET is_anonymous = true, email = NULL WHERE id = '{CAIXA}'",
        f"UPDATE auth.users SET is_sso_user = true WHERE id = '{GERENTE}'",
        f"UPDATE auth.users SET encrypted_password = NULL WHERE id = '{DONA}'",
        f"DELETE FROM auth.identities WHERE user_id IN ('{CAIXA}', '{GERENTE}', '{DONA}')",
    )
    portaria.por_identidade(e.projeto, GERENTE, "sso:1234", "s1", TODOS[GERENTE])
    portaria.por_identidade(e.projeto, DONA, "google", "g-123", "outro@gmail.example")
    e.copiar()
    quem = (CAIXA, GERENTE, DONA)
    antes, auth = e.linhas(), e.do_auth(frozenset(quem))
    eram = [portaria.linha_do_login(e.projeto, q) for q in quem[:2]]
    e.apagar(*quem)
    saida = e.restaurar("--simular", "--logins", "todos", via=API)
    assert "é anônimo, e a API não os cria" in saida.tudo
    assert "entra por SSO, e a API não o cria" in saida.tudo
    saida = e.restaurar("--logins", "todos")
    assert saida.codigo == 0, saida.tudo
    _identica(e, antes, auth, *quem)
    assert [portaria.linha_do_login(e.projeto, q) for q in quem[:2]] == eram
    chegada = portaria.entra_por(e.projeto, "google", "g-123", "outro@gmail.example")
    assert (chegada.quem, chegada.como) == (DONA, "identidade")


@VIAS
def test_por_confirmar_e_banido_voltam_assim_e_sem_o_segundo_fator_banido(
    escritorio: Montar, via: str
) -> None:
    e = escritorio(via, cifrado=True, com_backup=False)
    e.sql(
        f"UPDATE auth.users SET email_confirmed_at = NULL WHERE id = '{GERENTE}'",
        f"UPDATE auth.users SET banned_until = now() + '90 days' WHERE id = '{CAIXA}'",
    )
    portaria.por_fator(e.projeto, DONA)
    e.copiar()
    era = portaria.linha_do_login(e.projeto, CAIXA)
    e.apagar(CAIXA, GERENTE)
    saida = e.restaurar("--logins", f"{CAIXA},{GERENTE}")
    assert saida.codigo == (0 if via == DIRETA else 12), saida.tudo
    assert "estava banido, e volta banido" in saida.tudo
    caixa, gerente = (portaria.linha_do_login(e.projeto, q) for q in (CAIXA, GERENTE))
    assert caixa
    assert gerente
    assert era
    assert gerente["email_confirmed_at"] is None
    assert abs((caixa["banned_until"] - era["banned_until"]).total_seconds()) < 60
    assert portaria.entra(e.projeto, TODOS[CAIXA], SENHA) is None
    # Quem tinha um segundo fator não volta a entrar só com a senha.
    e.apagar(DONA)
    saida = e.restaurar("--logins", str(DONA))
    assert saida.codigo == 12, saida.tudo
    assert "tinha um segundo fator, que não volta" in saida.tudo
    assert "entrou banido" in saida.tudo
    assert portaria.entra(e.projeto, TODOS[DONA], SENHA_DA_DONA) is None
    assert e.valores("SELECT 1 FROM auth.mfa_factors") == []
    if via == API:
        _um_ban_que_o_auth_nao_grava_e_dito_alto(e)


def _um_ban_que_o_auth_nao_grava_e_dito_alto(e: Escritorio) -> None:
    e.apagar(CAIXA)
    e.projeto.auth.modos.sem_ban = True
    saida = e.restaurar("--logins", str(CAIXA))
    assert saida.codigo == 12, saida.tudo
    assert "o ban, que o Auth não gravou: bana-o no painel" in saida.tudo


def test_pedido_pelo_nome_o_segundo_fator_volta_igual(escritorio: Montar) -> None:
    e = escritorio(DIRETA, cifrado=True, com_backup=False)
    portaria.por_fator(e.projeto, CAIXA)
    e.copiar(BACKUP_SEGUNDOS_FATORES="sim")
    fator = e.valores("SELECT f::text FROM auth.mfa_factors f")
    e.apagar(CAIXA)
    saida = e.restaurar("--logins", str(CAIXA))
    assert saida.codigo == 0, saida.tudo
    assert e.valores("SELECT f::text FROM auth.mfa_factors f") == fator
    assert portaria.entra(e.projeto, TODOS[CAIXA], SENHA) == CAIXA
    assert sem_nada_em_claro([e.destino], ["JBSWY3DPEHPK3PXP"]) == []
    assert "JBSWY3DPEHPK3PXP" not in saida.tudo
    _o_que_se_mostra_nunca_diz_uma_senha_nem_um_segredo(e)


def _o_que_se_mostra_nunca_diz_uma_senha_nem_um_segredo(e: Escritorio) -> None:
    """Nem o que se compara com outro backup, em que a senha e o segredo são outros."""
    hashes = [str(h) for (h,) in e.valores("SELECT encrypted_password FROM auth.users")]
    e.sql(
        f"UPDATE auth.users SET encrypted_password = 'outro hash' WHERE id = '{CAIXA}'",
        "UPDATE auth.mfa_factors SET secret = 'OUTROSEGREDO'",
    )
    e.copiar(BACKUP_SEGUNDOS_FATORES="sim")
    ditas = [
        e.ver(*acao).tudo
        for acao in (
            ("comparar", str(DONA)),
            ("comparar", str(DONA), "--json"),
            ("historia", str(DONA), "logins", str(CAIXA)),
            ("procurar", str(DONA), TODOS[CAIXA]),
        )
    ]
    assert all("logins" in dita for dita in ditas), ditas
    assert "encrypted_password" in ditas[0]
    segredos = (*hashes, "outro hash", "JBSWY3DPEHPK3PXP", "OUTROSEGREDO")
    assert [s for s in segredos for dita in ditas if s in dita] == []


_NASCER = """
    CREATE FUNCTION public.ao_nascer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$ DECLARE nova uuid; BEGIN {corpo} RETURN NEW; END $$;
    ALTER FUNCTION public.ao_nascer() OWNER TO postgres;
    CREATE TRIGGER ao_nascer AFTER INSERT ON auth.users
        FOR EACH ROW EXECUTE FUNCTION public.ao_nascer();
"""
_EMPRESA_NOVA = """
    INSERT INTO empresas (user_id, nome, cnpj) VALUES (NEW.id, 'Nova', md5(NEW.id::text))
        {conflito} RETURNING id INTO nova;
    IF nova IS NOT NULL THEN
        INSERT INTO subscriptions (empresa_id, ate) VALUES (nova, '2099-01-01');
    END IF;
"""
VARIANTES = {
    "empresa e assinatura": _EMPRESA_NOVA.format(conflito=""),
    "vira dono": """
        BEGIN {empresa}
            INSERT INTO user_approvals (user_id, user_role, status)
                VALUES (NEW.id, 'owner', 'approved')
                ON CONFLICT (user_id) DO UPDATE SET user_role = 'owner', parent_user_id = NULL;
        EXCEPTION WHEN OTHERS THEN NULL; END;
    """.replace("{empresa}", _EMPRESA_NOVA.format(conflito="ON CONFLICT DO NOTHING")),
    "pelos metadados": """
        INSERT INTO user_approvals (user_id, user_role, parent_user_id) VALUES (
            NEW.id, coalesce(NEW.raw_user_meta_data ->> 'role', 'owner'),
            (NEW.raw_user_meta_data ->> 'parent_user_id')::uuid);
    """,
}


def test_o_que_um_gatilho_cria_e_dito_e_desfeito(escritorio: Montar) -> None:
    """Pela API os gatilhos disparam: as linhas voltam a ser as do backup, e nenhuma empresa nova
    fica."""
    e = escritorio(API, gatilho=_NASCER.format(corpo=""))
    antes = e.linhas()
    casos = [(DONA, "empresa e assinatura"), *((CAIXA, variante) for variante in VARIANTES)]
    for quem, qual in amostra(casos, 3):  # o que vira dono tem outros testes
        e.sql(
            _NASCER.replace("CREATE F", "CREATE OR REPLACE F")
            .partition("ALTER")[0]
            .format(corpo=VARIANTES[qual])
        )
        auth = e.do_auth(frozenset({quem}))
        e.apagar(quem)
        saida = e.restaurar("--logins", str(quem))
        assert saida.codigo == 12, (qual, saida.tudo)
        _identica(e, antes, auth, quem)
        if quem == CAIXA:
            assert "um gatilho do projeto mexeu em" in saida.tudo, qual


def test_so_com_produtos_escolhidos_o_empregado_nao_vira_dono(escritorio: Montar) -> None:
    """A linha dele em user_approvals não sumiu com ele: o gatilho muda-a, numa tabela que não se
    escolheu, e ela volta a ser o que era."""
    gatilho = _NASCER.format(corpo=VARIANTES["vira dono"]) + (
        "ALTER TABLE user_approvals DROP CONSTRAINT user_approvals_user_id_fkey"
    )
    e = escritorio(API, gatilho=gatilho)
    e.apagar(CAIXA)
    e.sql("DELETE FROM produtos WHERE id < 4")
    estragado = e.linhas()
    saida = e.restaurar("--tabelas", "produtos", "--logins", str(CAIXA))
    assert saida.codigo == 12, saida.tudo
    depois = e.linhas()
    assert len(depois.pop("produtos")) == len(estragado.pop("produtos")) + 3
    assert depois == estragado
    assert "user_approvals" in saida.tudo
    tipos = [m["tipo"] for m in metadados(e.destino)]
    assert "durante_restauracao" in tipos  # com o que o gatilho fez, antes de se desfazer


def test_sem_poder_suspender_os_gatilhos_a_direta_tambem_os_desfaz(escritorio: Montar) -> None:
    """Um ENABLE ALWAYS dispara também no papel de réplica, e em auth não somos donos de nada."""
    gatilho = _NASCER.format(corpo=VARIANTES["vira dono"]) + (
        "ALTER TABLE auth.users ENABLE ALWAYS TRIGGER ao_nascer"
    )
    e = escritorio(DIRETA, cifrado=True, gatilho=gatilho)
    antes, auth = e.linhas(), e.do_auth(frozenset({CAIXA}))
    e.apagar(CAIXA)
    saida = e.restaurar("--logins", str(CAIXA))
    assert saida.codigo == 0, saida.tudo
    _identica(e, antes, auth, CAIXA)


@VIAS
def test_um_gatilho_que_recusa_e_dito(escritorio: Montar, via: str) -> None:
    gatilho = _NASCER.format(corpo="RAISE EXCEPTION 'ninguém mais chega';") + (
        "ALTER TABLE auth.users ENABLE ALWAYS TRIGGER ao_nascer;"
        "ALTER TABLE auth.users DISABLE TRIGGER ao_nascer"
    )
    e = escritorio(via, gatilho=gatilho)
    e.apagar(CAIXA)
    e.sql("ALTER TABLE auth.users ENABLE ALWAYS TRIGGER ao_nascer")
    estragado, auth = e.linhas(), e.do_auth()
    saida = e.restaurar("--logins", str(CAIXA))
    assert saida.codigo in (7, 8), saida.tudo
    assert "P0001" in saida.tudo
    assert e.linhas() == estragado
    assert e.do_auth() == auth


# -- o Auth que não responde como devia -------------------------------------------------------


SEM_RESPOSTA = {
    "criou e caiu": (CorteDepois(), 1),
    "criou e 504": (RespostaPerdida(504), 1),
    "o gateway repete": (Repetida(), 1),
    "503 sem criar": (RespostaForcada(503, b"<html>fora do ar</html>"), 2),
}
"""O que acontece ao pedido que cria, e quantos destes o Auth chega a ver."""


def test_depois_de_um_pedido_sem_resposta_olha_se(escritorio: Montar) -> None:
    e = escritorio(API)
    antes, auth = e.linhas(), e.do_auth(frozenset({DONA}))
    for qual, (falha, pedidos) in SEM_RESPOSTA.items():
        e.apagar(DONA)
        with (
            e.projeto.gateway.ao_pedir(se=_cria) as todos,
            e.projeto.gateway.com_falha(falha, se=_cria),
        ):
            saida = e.restaurar()
        assert saida.codigo == 12, (qual, saida.tudo)
        assert todos.vistos == pedidos, qual
        _identica(e, antes, auth, DONA)


def test_o_que_o_auth_nao_faz_e_dito_e_nada_fica(escritorio: Montar) -> None:
    """Um antigo ignora o id de antes, e o que fez sai; uma resposta 200 sem a linha não conta como
    criado; e o e-mail que só uma identidade de outro tem (a lista da API não o mostra), recusa-o o
    Auth ao criar, e nada se toma."""
    e = escritorio(API)
    modos = e.projeto.auth.modos
    e.apagar(GERENTE)
    modos.antigo = True
    _recusado(e, "é antigo e não aceita o id de antes")
    modos.antigo, modos.sem_gravar = False, True
    _recusado(e, "O Auth não criou o login")
    modos.sem_gravar = False
    outro = portaria.criar_login(e.projeto, "outro@fora.example")
    portaria.por_identidade(e.projeto, outro, "google", "g9", TODOS[GERENTE])
    _recusado(e, "o e-mail é de outro login")


def _recusado(e: Escritorio, porque: str) -> None:
    """O login do GERENTE não volta, por isto, e nada mudou. O que fica a meio, fica numa cópia dos
    backups."""
    copia = replace(e, destino=e.destino.with_name(porque))
    shutil.copytree(e.destino, copia.destino)
    linhas, auth = e.linhas(), e.do_auth()
    saida = copia.restaurar("--logins", str(GERENTE))
    assert saida.codigo == 7, saida.tudo
    assert porque in saida.tudo
    assert e.linhas() == linhas
    assert e.do_auth() == auth


def test_um_auth_que_nao_da_os_logins_e_dito_com_a_cura(escritorio: Montar, tmp_path: Path) -> None:
    """Sem Auth nada se diz, e, se já houve, é falha; uma `sb_secret_` vai igual nos dois
    cabeçalhos, e há projetos em que só o Auth a recusa; um token nulo estraga a leitura pela API, e
    não pela direta."""
    e = escritorio(API, com_backup=False)
    nada = RespostaForcada(404, {"message": "no Route matched with those values"})
    sem_auth = functools.partial(
        e.projeto.gateway.com_falha, nada, se=lambda p: p.caminho.startswith("/auth/"), vezes=None
    )
    with sem_auth():
        assert "logins" not in e.copiar().tudo
    e.mais["SUPABASE_SERVICE_ROLE_KEY"] = e.projeto.chave_secreta
    e.copiar()
    assert len(e.lista()) == 6
    with sem_auth(), pytest.raises(AssertionError, match="não tem a API do Auth"):
        e.copiar()
    e.projeto.auth.modos.secreta = 403
    with pytest.raises(AssertionError, match=r"não aceitou a chave de serviço \(403 bad_jwt\)"):
        e.copiar()
    e.copiar("--sem-logins")
    e.copiar(BACKUP_LOGINS="nao")
    e.mais.clear()
    e.sql(f"UPDATE auth.users SET confirmation_token = NULL WHERE id = '{CAIXA}'")
    with pytest.raises(AssertionError, match=f"não consegue ler o login {CAIXA}"):
        e.copiar()
    pela_direta = Escritorio(e.projeto, tmp_path / "outra", DIRETA)
    pela_direta.copiar()
    assert len(pela_direta.lista()) == 6


def test_um_papel_que_nao_le_o_auth_copia_o_resto_e_di_lo(escritorio: Montar) -> None:
    """E se já os leu, é falha: nunca desaparecem em silêncio."""
    e = escritorio(DIRETA, com_backup=False)
    papel, senha = f"so_{e.projeto.banco}", e.projeto.cluster.senha
    e.sql(
        f"CREATE ROLE {papel} LOGIN BYPASSRLS PASSWORD '{senha}';"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {papel}"
    )
    usuario = urlsplit(e.projeto.uri_banco).username
    outra = e.projeto.uri_banco.replace(f"//{usuario}:", f"//{papel}:")
    try:
        assert "não pode ler auth.users" in e.copiar(SUPABASE_DB_URL=outra).tudo
        e.copiar()
        with pytest.raises(AssertionError, match=r"logins: o papel .* não pode ler auth\.users"):
            e.copiar(SUPABASE_DB_URL=outra)
    finally:
        e.sql(f"DROP OWNED BY {papel}; DROP ROLE {papel}")


def test_uma_tabela_auth_users_so_com_o_id_basta(escritorio: Montar) -> None:
    e = escritorio(DIRETA, com_backup=False)
    colunas = e.valores(
        "SELECT string_agg(format('DROP COLUMN %I CASCADE', attname), ', ') FROM pg_attribute"
        " WHERE attrelid = 'auth.users'::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attname <> 'id' AND attgenerated = ''"
    )[0][0]
    e.sql(f"ALTER TABLE auth.users {colunas}", "DROP TABLE auth.identities, auth.mfa_factors")
    e.copiar()
    antes = e.linhas()
    e.apagar(DONA)
    saida = e.restaurar()
    assert saida.codigo == 12, saida.tudo
    assert e.linhas() == antes
    assert e.valores(f"SELECT 1 FROM auth.users WHERE id = '{DONA}'") == [(1,)]


# -- parar, continuar, desfazer ---------------------------------------------------------------


def test_continuar_nao_cria_outra_vez_e_desfaz_o_do_gatilho(escritorio: Montar) -> None:
    e = escritorio(API, gatilho=_NASCER.format(corpo=VARIANTES["vira dono"]))
    antes, auth = e.linhas(), e.do_auth(frozenset({CAIXA}))
    for quando in ("antes de anotar", "nas linhas"):
        e.apagar(CAIXA)
        _parar_depois_de_criar(e, quando)
        with e.projeto.gateway.ao_pedir(se=_cria) as criacoes:
            saida = e.restaurar("continuar")
        assert saida.codigo == 12, saida.tudo
        assert criacoes.vistos == 0
        _identica(e, antes, auth, CAIXA)


def _parar_depois_de_criar(e: Escritorio, quando: str) -> None:
    """Criado o login, a API some: já, ou só quando se escrevem as linhas."""
    criado = False

    def lembrar(_pedido: Pedido, _n: int) -> None:
        nonlocal criado
        criado = True

    def cai(pedido: Pedido) -> bool:
        das_linhas = pedido.metodo in ("POST", "PATCH") and pedido.caminho.startswith("/rest/")
        return criado and (das_linhas if quando == "nas linhas" else True)

    fora = RespostaForcada(503, b"<html></html>")
    with (
        e.projeto.gateway.ao_pedir(None, lembrar, se=_cria) as criacoes,
        e.projeto.gateway.com_falha(fora, se=cai, vezes=None),
    ):
        saida = e.restaurar("--logins", str(CAIXA), "--tentativas", "1")
    assert saida.codigo in (4, 7), saida.tudo
    assert criacoes.vistos == 1
