"""A SUPABASE_DB_URL entendida e conferida antes de qualquer conexão.

A URL nunca é dada à libpq, cujos erros citam pedaços dela: é separada aqui, e nenhum texto daqui
leva qualquer parte da URL nem da senha.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from cofre.base.config.chave import endereco_local
from cofre.base.config.valores import (
    NOME_DA_CA,
    NOME_DA_URL_DO_BANCO,
    ONDE_PEGAR_BANCO,
    Acesso,
    AcessoDireto,
)
from cofre.base.erros import ConfiguracaoInvalida

PORTA_PADRAO = 5432
PORTA_DE_TRANSACOES = 6543
ESCAPES = (
    "Na senha, escreva cada caractere especial pelo código dele:\n"
    "  / %2F   ? %3F   # %23   % %25   @ %40   : %3A   [ %5B   ] %5D   espaço %20"
)
_URL = re.compile(
    r"postgres(?:ql)?://(?P<quem>[^/?#]*)@(?P<onde>[^/?#@]*)"
    r"(?:/(?P<banco>[^/?#@]*))?(?:\?(?P<opcoes>[^?#]*))?"
)
_ONDE = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<nome>[^\[\]:,]+))(?::(?P<porta>\d{1,5}))?")
_MARCADOR = re.compile(r"\[[A-Z _-]*(?:PASSWORD|SENHA)[A-Z _-]*\]|<[^>]*>", re.IGNORECASE)
_SUPABASE = re.compile(r"(?:db\.)?([a-z0-9]{20})\.supabase\.(?:co|in|net)")


@dataclass(frozen=True, slots=True)
class Endereco:
    """Onde está o banco e como entrar nele. `sslmode` e `ca` já são os que valem."""

    host: str
    porta: int
    usuario: str
    senha: str = field(repr=False)
    banco: str
    sslmode: str
    ca: str = ""

    @property
    def onde(self) -> str:
        """host:porta, para mensagens."""
        return f"{self.host}:{self.porta}"

    @property
    def projeto(self) -> str:
        """A referência do projeto no Supabase; vazia se não se sabe."""
        casa = _SUPABASE.fullmatch(self.host)
        _papel, _ponto, do_pooler = self.usuario.partition(".")
        return casa[1] if casa else do_pooler if self.host.endswith(".supabase.com") else ""

    @property
    def publico(self) -> str:
        """O que se pode guardar e mostrar: o endereço do projeto, ou, se não se sabe, o do banco,
        sem o usuário nem a senha."""
        if self.projeto:
            return f"https://{self.projeto}.supabase.co"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{host}:{self.porta}/{quote(self.banco, safe='')}"


def interpretar(acesso: AcessoDireto) -> Endereco:
    """O endereço dito no .env. Levanta ConfiguracaoInvalida."""
    url = acesso.url
    if not re.match(r"postgres(ql)?://", url):
        raise _invalida(acesso, "não começa com postgresql://", ONDE_PEGAR_BANCO)
    if _MARCADOR.search(url):
        raise _invalida(acesso, "ainda tem o lugar da senha por preencher", ONDE_PEGAR_BANCO)
    casa = _URL.fullmatch(url)
    if casa is None or re.search(r"[\s\x00-\x1f]|%(?![0-9A-Fa-f]{2})", url):
        raise _invalida(acesso, "está malformada", ESCAPES)
    if "," in casa["onde"]:
        raise _invalida(acesso, "tem mais de um servidor; é preciso um só", ONDE_PEGAR_BANCO)
    onde = _ONDE.fullmatch(casa["onde"])
    porta = int((onde["porta"] if onde else None) or PORTA_PADRAO)
    if onde is None or not 0 < porta < 65536:
        raise _invalida(acesso, "está malformada depois da última @ (servidor e porta)", ESCAPES)
    if porta == PORTA_DE_TRANSACOES:
        raise _invalida(
            acesso,
            f"usa a porta {PORTA_DE_TRANSACOES}, a do pooler de transações, que não serve",
            f"Use o Session pooler, porta {PORTA_PADRAO}. {ONDE_PEGAR_BANCO}",
        )
    host = (onde["ipv6"] or unquote(onde["nome"])).lower()
    usuario, _dois_pontos, senha = (unquote(p) for p in casa["quem"].partition(":"))
    if not usuario or (not senha and not endereco_local(host)):
        raise _invalida(acesso, "não tem o usuário e a senha do banco", ONDE_PEGAR_BANCO)
    sslmode, ca = _tls(host, dict(parse_qsl(casa["opcoes"] or "")), acesso.ca)
    banco = unquote(casa["banco"] or "") or "postgres"
    return Endereco(host, porta, usuario, senha, banco, sslmode, ca)


def mesmo_projeto(endereco: Endereco, api: Acesso) -> bool:
    """Se os endereços dizem que a API e o banco são do mesmo projeto; um domínio próprio não diz.
    Levanta ConfiguracaoInvalida se dizem que não são."""
    casa = _SUPABASE.fullmatch(urlsplit(api.url).hostname or "")
    if casa is None or not endereco.projeto:
        return False
    if casa[1] != endereco.projeto:
        raise ConfiguracaoInvalida(
            f"{NOME_DA_URL_DO_BANCO} é do projeto {endereco.projeto}, e SUPABASE_URL é do projeto"
            f" {casa[1]}.",
            "As duas têm de ser do mesmo projeto. Corrija o .env.",
        )
    return True


def _tls(host: str, opcoes: dict[str, str], ca: Path | None) -> tuple[str, str]:
    """(sslmode, CA): o que a URL pede, mas fora desta rede nunca menos que `require`."""
    pedido, arquivo = opcoes.get("sslmode", ""), opcoes.get("sslrootcert", "")
    if ca is not None:
        if not ca.is_file():
            raise ConfiguracaoInvalida(
                f"{NOME_DA_CA} aponta para um arquivo que não existe: {ca}",
                "Baixe-o no painel do Supabase: Project Settings → Database → SSL Configuration.",
            )
        return "verify-full", str(ca)
    if pedido in ("verify-ca", "verify-full"):
        return ("verify-full", "system") if arquivo in ("", "system") else (pedido, arquivo)
    if endereco_local(host):
        return pedido if pedido in ("disable", "allow", "require") else "prefer", arquivo
    return "require", arquivo


def _invalida(acesso: AcessoDireto, problema: str, dica: str) -> ConfiguracaoInvalida:
    return ConfiguracaoInvalida(f"{acesso.nome} {problema}.", dica)
