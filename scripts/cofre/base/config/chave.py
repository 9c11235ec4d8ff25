"""Conferir o endereço do projeto e a chave, antes de qualquer pedido."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cofre.base.config.valores import ONDE_PEGAR, ONDE_PEGAR_URL
from cofre.base.erros import ConfiguracaoInvalida
from cofre.base.palavras import na_tela


def conferir_url(nome: str, url: str) -> str:
    """Devolve a URL do projeto sem barra final nem `/rest/v1`. Levanta ConfiguracaoInvalida."""
    problema = ""
    try:
        partes = urlsplit(url)
        host, _porta = partes.hostname or "", partes.port
    except ValueError:
        raise ConfiguracaoInvalida(f"{nome} não é um endereço válido.", ONDE_PEGAR_URL) from None
    if partes.scheme in ("postgres", "postgresql"):
        problema = "é a conexão direta com o PostgreSQL, não o endereço da API"
    elif partes.scheme not in ("http", "https") or not host or re.search(r"[\s<>]", url):
        problema = "não é um endereço que comece com https://"
    elif host in ("supabase.com", "www.supabase.com", "app.supabase.com"):
        problema = "é o endereço do painel, não o do projeto"
    elif partes.username or partes.password or partes.query or partes.fragment:
        problema = "tem mais do que o endereço do projeto"
    if problema:
        raise ConfiguracaoInvalida(f"{nome} {problema}.", ONDE_PEGAR_URL)
    return re.sub(r"/+$", "", re.sub(r"/rest/v1/?$", "", url.rstrip("/")))


def conferir_chave(nome: str, chave: str, agora: datetime | None = None) -> None:
    """Recusa o que não é chave de serviço, dizendo o que é sem mostrar nada dela."""
    if re.search(r"[^\x21-\x7e]", chave):
        raise ConfiguracaoInvalida(
            f"{nome} está malformada: tem espaços, quebras de linha ou acentos no meio.", ONDE_PEGAR
        )
    if chave.startswith("sb_publishable_"):
        raise ConfiguracaoInvalida(
            f"{nome} é uma chave pública (publishable); o backup precisa da secreta.", ONDE_PEGAR
        )
    if chave.startswith("sb_secret_"):
        if not re.fullmatch(r"sb_secret_[A-Za-z0-9_-]{8,}", chave):
            raise ConfiguracaoInvalida(f"{nome} está malformada ou incompleta.", ONDE_PEGAR)
        return
    _conferir_jwt(nome, _conteudo_do_jwt(nome, chave), agora or datetime.now(UTC))


def _conteudo_do_jwt(nome: str, chave: str) -> Mapping[str, Any]:
    partes = chave.split(".")
    try:
        if len(partes) != 3 or not all(partes):
            raise ValueError
        corpo = base64.urlsafe_b64decode(partes[1] + "=" * (-len(partes[1]) % 4))
        conteudo = json.loads(corpo)
        if not isinstance(conteudo, dict):
            raise ValueError
    except (ValueError, binascii.Error):
        # `from None`: a exceção original citaria pedaços da chave.
        raise ConfiguracaoInvalida(
            f"{nome} está malformada: não é um JWT nem começa com sb_secret_.", ONDE_PEGAR
        ) from None
    return conteudo


def _conferir_jwt(nome: str, conteudo: Mapping[str, Any], agora: datetime) -> None:
    papel = conteudo.get("role")
    if papel != "service_role":
        achado = f"o papel «{papel}»" if papel in ("anon", "authenticated") else "outro papel"
        raise ConfiguracaoInvalida(
            f"{nome} tem {achado}; o backup precisa da service_role.", ONDE_PEGAR
        )
    validade = conteudo.get("exp")
    if isinstance(validade, int | float) and validade <= agora.timestamp():
        quando = na_tela(datetime.fromtimestamp(validade, UTC), "dia")
        raise ConfiguracaoInvalida(f"{nome} venceu em {quando}.", ONDE_PEGAR)


_DO_SUPABASE = re.compile(
    r"([a-z0-9]{20})(?:-all|-rr-[a-z0-9-]+)?\.supabase\.(?:co|in|net|red)", re.IGNORECASE
)
_REF = re.compile(r"[a-z0-9]{20}")


def ref_do_endereco(url: str) -> str:
    """A referência do projeto que este endereço diz; vazia, se é um domínio próprio."""
    try:
        casa = _DO_SUPABASE.fullmatch(urlsplit(url).hostname or "")
    except ValueError:
        return ""
    return casa[1].lower() if casa else ""


def ref_da_chave(chave: str) -> str:
    """A referência do projeto que a chave diz (a service_role antiga, um JWT, di-la); vazia, se não
    diz. As dos Supabase desta máquina são iguais umas às outras, e não dizem nenhuma."""
    try:
        ref = _conteudo_do_jwt("", chave).get("ref")
    except ConfiguracaoInvalida:
        return ""
    return ref if isinstance(ref, str) and _REF.fullmatch(ref) else ""


def avisos_da_url(url: str) -> Iterable[str]:
    """O que há a dizer de um endereço que serve."""
    partes = urlsplit(url)
    if partes.scheme == "http" and not endereco_local(partes.hostname or ""):
        yield "SUPABASE_URL usa http://: a chave viaja sem criptografia. Use https://."
    if so_le := _so_le(url):
        yield (
            f"SUPABASE_URL é {so_le}: o que se lê ali pode estar atrasado. Use a «Project URL» do"
            " painel."
        )


_DE_REPLICA = re.compile(r"[a-z0-9]+-(?:(all)|rr-[a-z0-9-]+)\.supabase\.(?:co|in|net|red)")
"""Os endereços do Supabase que leem de réplicas: o balanceador («…-all») e o de cada uma
(«…-rr-us-east-1-abcde»). Documentação, «Read Replicas»; um domínio próprio não se distingue."""


def conferir_que_escreve(url: str) -> None:
    """Recusa o endereço de onde só se lê, ou onde uma leitura pode não ver a última escrita.
    Levanta ConfiguracaoInvalida."""
    if so_le := _so_le(url):
        raise ConfiguracaoInvalida(
            f"SUPABASE_URL é {so_le}, e uma restauração precisa ver o que acabou de escrever.",
            ONDE_PEGAR_URL,
        )


def _so_le(url: str) -> str:
    """O que este endereço é, se lê de réplicas; senão, vazio."""
    casa = _DE_REPLICA.fullmatch(urlsplit(url).hostname or "")
    if casa is None:
        return ""
    return "o endereço do balanceador de leituras" if casa[1] else "o endereço de uma réplica"


def endereco_local(host: str) -> bool:
    """Se o nome ou IP é desta máquina ou de uma rede privada."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host
