"""As chaves de API de um Supabase embutido: JWTs assinados e as `sb_...` mais novas."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, field

import jwt

DEZ_ANOS = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Chaves:
    """Todas as chaves de uma instância; o segredo nasce com ela e nunca aparece num repr."""

    segredo: str = field(repr=False)
    service_role: str = field(repr=False)
    anon: str = field(repr=False)
    secreta: str = field(repr=False)
    publicavel: str = field(repr=False)

    def jwt_de(self, chave: str) -> str | None:
        """O JWT com que o gateway representa esta chave; None se ele não a conhece. Das antigas,
        conhece as que o segredo assinou: um projeto tem-nas com a sua referência (`ref`)."""
        conhecidas = {self.secreta: self.service_role, self.publicavel: self.anon}
        return conhecidas.get(chave) or (chave if self._e_antiga(chave) else None)

    def _e_antiga(self, chave: str) -> bool:
        if chave in (self.service_role, self.anon):  # as de quase todos os pedidos
            return True
        try:
            papel = jwt.decode(chave, self.segredo, algorithms=["HS256"]).get("role")
        except jwt.InvalidTokenError:
            return False
        return papel in ("service_role", "anon")


def gerar_chaves(segredo: str | None = None) -> Chaves:
    """Chaves novas; com o mesmo segredo, as chaves `sb_...` continuam sendo as mesmas."""
    segredo = segredo or secrets.token_hex(32)
    return Chaves(
        segredo=segredo,
        service_role=assinar(segredo, "service_role"),
        anon=assinar(segredo, "anon"),
        secreta=f"sb_secret_{_derivar(segredo, 'secreta')}",
        publicavel=f"sb_publishable_{_derivar(segredo, 'publicavel')}",
    )


def assinar(segredo: str, papel: str, validade: int = DEZ_ANOS, **outros: object) -> str:
    """Um JWT como os do Supabase; `sub` em `outros` faz dele o de uma pessoa."""
    agora = int(time.time())
    conteudo = {
        "iss": "supabase",
        "ref": "supabaselocal",
        "role": papel,
        "iat": agora,
        "exp": agora + validade,
        **outros,
    }
    return jwt.encode(conteudo, segredo, algorithm="HS256")


def _derivar(segredo: str, uso: str) -> str:
    """O feitio das chaves do serviço hospedado: 22 caracteres, `_` e mais 8."""
    resumo = hashlib.sha256(f"{segredo}:{uso}".encode()).hexdigest()
    return f"{resumo[:22]}_{resumo[22:30]}"
