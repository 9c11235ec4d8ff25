"""Os logins das empresas inventadas, com as linhas de `auth` tão completas como as de verdade."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid5

from psycopg.types.json import Jsonb

from supabase_local.empresas.linhas import Linha

SENHA = "minha-senha-inventada"
"""A de todos eles."""
HASH_DA_SENHA = "$2a$10$RZlV3LXdt/tJg4BFRL40eO/jC/keqlhmLnwffZ.fBn/bn1Ii3E2fK"
CRIADO = datetime(2025, 3, 10, 12, 0, 0, 123456, UTC)


def login(identidade: UUID, email: str, nome: str) -> tuple[Linha, Linha]:
    """A linha de `auth.users` e a de `auth.identities` de quem entra com e-mail e senha."""
    email = email.lower()
    usuario: Linha = {
        "instance_id": UUID(int=0),
        "id": identidade,
        "aud": "authenticated",
        "role": "authenticated",
        "email": email,
        "encrypted_password": HASH_DA_SENHA,
        "email_confirmed_at": CRIADO,
        **dict.fromkeys(("confirmation_token", "recovery_token"), ""),
        **dict.fromkeys(("email_change_token_new", "email_change"), ""),
        "raw_app_meta_data": Jsonb({"provider": "email", "providers": ["email"]}),
        "raw_user_meta_data": Jsonb({"full_name": nome}),
        "created_at": CRIADO,
        "updated_at": CRIADO,
    }
    dados = {
        "sub": str(identidade),
        "email": email,
        "email_verified": True,
        "phone_verified": False,
    }
    chegada: Linha = {
        "provider_id": str(identidade),
        "user_id": identidade,
        "identity_data": Jsonb(dados),
        "provider": "email",
        "last_sign_in_at": CRIADO,
        "created_at": CRIADO,
        "updated_at": CRIADO,
        "id": uuid5(identidade, "email"),
    }
    return usuario, chegada
