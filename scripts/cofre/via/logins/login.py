"""Um login como se guarda: os nomes das colunas de auth.users, venha de onde vier.

Fontes: o servidor do Auth (internal/models/user.go, identity.go e factor.go), que diz também
por que o que falta aqui nunca se guarda: sessões, tokens e desafios são acesso vivo.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from cofre.base.linha import NULO, abrir_linha

SENHA = "encrypted_password"
COLUNAS = (
    "id",
    "email",
    "phone",
    SENHA,
    "email_confirmed_at",
    "phone_confirmed_at",
    "raw_app_meta_data",
    "raw_user_meta_data",
    "role",
    "aud",
    "banned_until",
    "deleted_at",
    "is_anonymous",
    "is_sso_user",
    "created_at",
    "invited_at",
    "last_sign_in_at",
    "updated_at",
)
"""As de auth.users que se guardam, se há: as oito de tokens e de trocas em curso, nunca."""
IDENTIDADES, FATORES = "identidades", "fatores"
PAPEL, SO_REFERENCIA, MOTIVO = "papel_na_empresa", "so_referencia", "motivo"
TODAS = (*COLUNAS, IDENTIDADES, FATORES, PAPEL, SO_REFERENCIA, MOTIVO)
"""As chaves de uma linha de auth.users num backup, na ordem."""

COMUM = "authenticated"
"""O único papel do banco que um login que se cria pode ter."""
DE_FABRICA = frozenset({"provider", "providers"})
"""O que o próprio Auth põe em app_metadata."""
COM_CHAVE_DO_PROJETO = "{"
"""Como começa uma senha que o Auth guarda cifrada (crypto.go): só abre no mesmo projeto."""


@dataclass(frozen=True, slots=True)
class Login:
    """Um login, campo a campo, em JSON. O repr só diz qual é."""

    campos: Mapping[str, msgspec.Raw] = field(repr=False)

    @classmethod
    def de(cls, linha: bytes | msgspec.Raw) -> Login:
        """O desta linha. Levanta msgspec.DecodeError."""
        return cls(abrir_linha(linha))

    def __repr__(self) -> str:
        return f"Login({self.id})"

    def tem(self, nome: str) -> bool:
        """Se se sabe deste campo, e não é nulo."""
        return bytes(self.campos.get(nome, msgspec.Raw(NULO))) != NULO

    def valor(self, nome: str) -> Any:
        """O do campo, do Python; None se é nulo ou não se sabe."""
        return msgspec.json.decode(self.campos[nome]) if self.tem(nome) else None

    @property
    def id(self) -> str:
        """O uuid."""
        return str(self.valor("id") or "")

    @property
    def quem(self) -> str:
        """Por que uma pessoa o conhece: o e-mail, ou o telefone, ou o id."""
        return str(self.valor("email") or self.valor("phone") or self.id)

    @property
    def papel(self) -> str:
        """O papel na empresa (ver `escopo.logins`); vazio, se não foi guardado."""
        return str(self.valor(PAPEL) or "")

    @property
    def identidades(self) -> list[dict[str, Any]]:
        """Os modos de entrar: a do e-mail, a do Google."""
        return list(self.valor(IDENTIDADES) or ())

    @property
    def fatores(self) -> list[dict[str, Any]]:
        """Os segundos fatores; o segredo, só num backup em que se pediu."""
        return list(self.valor(FATORES) or ())

    @property
    def com_fator(self) -> bool:
        """Se a senha sozinha não bastava."""
        return any(f.get("status") == "verified" for f in self.fatores)

    @property
    def fator_volta(self) -> bool:
        """Se todo segundo fator verificado tem aqui com que se refaça."""
        verificados = [f for f in self.fatores if f.get("status") == "verified"]
        return all("secret" in f for f in verificados)

    @property
    def precisa_de_senha(self) -> bool:
        """Se entrava com senha, tanto quanto se sabe, e ela não está aqui."""
        if SENHA in self.campos:
            return False
        provedores = {str(i.get("provider")) for i in self.identidades}
        return not provedores or bool(provedores & {"email", "phone"})

    def banido_ate(self, agora: datetime) -> datetime | None:
        """Até quando está banido; None se não está. O infinito, que o Auth não lê, são cem anos."""
        ate = momento(self.valor("banned_until"))
        return ate if ate is not None and ate > agora else None

    def so_com(self, *, senha: bool, segredos: bool) -> Login:
        """O mesmo, só com os segredos que se podem guardar."""
        campos = {n: v for n, v in self.campos.items() if senha or n != SENHA}
        if not segredos:
            campos[FATORES] = msgspec.Raw(msgspec.json.encode(sem_segredos(self.fatores)))
        return Login(campos)

    @property
    def rotulos(self) -> dict[str, Any]:
        """O que em app_metadata dá direitos: tudo, menos o que o próprio Auth põe."""
        dito = self.valor("raw_app_meta_data")
        return {n: v for n, v in dito.items() if n not in DE_FABRICA} if dito else {}


def momento(dito: object) -> datetime | None:
    """Um instante como o Auth ou o PostgreSQL o escrevem; None se não é um."""
    if not isinstance(dito, str) or not dito or dito == "-infinity":
        return None
    if dito == "infinity":
        return datetime(9999, 1, 1, tzinfo=UTC)
    sem_nanos = re.sub(r"(\.\d{6})\d+", r"\1", dito)
    try:
        quando = datetime.fromisoformat(sem_nanos)
    except ValueError:
        return None
    return quando if quando.tzinfo else quando.replace(tzinfo=UTC)


def linha_de(login: Login, papel: str, motivo: str) -> bytes:
    """Como se guarda: `motivo`, se é só uma referência."""
    campos = {n: login.campos[n] for n in COLUNAS if n in login.campos}
    return msgspec.json.encode(
        {
            **campos,
            IDENTIDADES: login.campos.get(IDENTIDADES, msgspec.Raw(b"[]")),
            FATORES: login.campos.get(FATORES, msgspec.Raw(b"[]")),
            PAPEL: papel,
            SO_REFERENCIA: bool(motivo),
            **({MOTIVO: motivo} if motivo else {}),
        }
    )


def sem_segredos(fatores: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A lista dos segundos fatores, só com o que se pode mostrar."""
    return [{n: f[n] for n in DO_FATOR if n in f} for f in fatores]


DO_FATOR = ("id", "factor_type", "status", "friendly_name", "phone", "created_at", "updated_at")


# -- como a API o diz ------------------------------------------------------------------------

_DA_API = {"app_metadata": "raw_app_meta_data", "user_metadata": "raw_user_meta_data"}
_VAZIO = b'""'


def da_api(corpo: bytes) -> Login:
    """O login desta resposta do Auth: um texto vazio é um nulo, e o que ela não diz (a senha,
    is_sso_user) não se sabe. Levanta msgspec.DecodeError."""
    dito = abrir_linha(corpo)
    campos = {n: v for n, v in _colunas_da_api(dito) if n in COLUNAS}
    identidades = [_identidade(i) for i in _itens(dito.get("identities"))]
    fatores = [{n: f[n] for n in DO_FATOR if n in f} for f in _itens(dito.get("factors"))]
    juntos = {
        **{n: campos[n] for n in COLUNAS if n in campos},
        IDENTIDADES: msgspec.Raw(msgspec.json.encode(identidades)),
        FATORES: msgspec.Raw(msgspec.json.encode(fatores)),
    }
    return Login(juntos)


def _colunas_da_api(dito: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, msgspec.Raw]]:
    for nome, valor in dito.items():
        vazio = nome in ("email", "phone") and bytes(valor) == _VAZIO
        yield _DA_API.get(nome, nome), msgspec.Raw(NULO) if vazio else valor


def _itens(bruto: msgspec.Raw | None) -> list[dict[str, msgspec.Raw]]:
    if bruto is None or bytes(bruto) == NULO:
        return []
    return msgspec.json.decode(bruto, type=list[dict[str, msgspec.Raw]])


def _identidade(dita: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Na API, `id` é o do provedor e `identity_id` o da linha (identity.go); de quem teve a conta
    apagada, `identity_data` pode faltar."""
    nomes = ("provider", "identity_data", "last_sign_in_at", "created_at", "updated_at")
    de = {"id": dita.get("identity_id"), "provider_id": dita.get("id")}
    return {n: v for n, v in (*de.items(), *((n, dita.get(n)) for n in nomes)) if v is not None}
