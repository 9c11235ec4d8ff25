"""As respostas de erro do servidor traduzidas em erros do cofre, com causa e cura.

Códigos: documentação do PostgREST 12, «Errors», e do PostgreSQL, apêndice A. O 540 é do Supabase,
para um projeto pausado.
"""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime

import httpx
import msgspec

from cofre.base.config.valores import ONDE_PEGAR, ONDE_PEGAR_URL
from cofre.base.erros import (
    ChaveRecusada,
    ConsultaDemorada,
    EscritaRecusada,
    FalhaDoServidor,
    PedidoGrande,
    PedidoRecusado,
    PermissaoNegada,
    ProjetoPausado,
    ServidorSemResposta,
    TabelaDeOutroServidor,
    TabelaInexistente,
)

RETRY_AFTER_MAXIMO = 120.0
"""Segundos que se aceita esperar a pedido do servidor."""


def sem_resposta(host: str, causa: Exception) -> FalhaDoServidor:
    """O erro de um pedido que não teve resposta inteira."""
    if isinstance(causa, httpx.DecodingError | httpx.RemoteProtocolError | httpx.ReadError):
        return ServidorSemResposta(
            f"A conexão com {host} caiu no meio da resposta.",
            "Verifique a internet e tente de novo.",
        )
    if isinstance(causa, httpx.TimeoutException):
        return ServidorSemResposta(
            f"{host} não respondeu a tempo.",
            "Verifique a internet e o painel do Supabase (status do projeto); tente de novo.",
        )
    return ServidorSemResposta(
        f"Não consegui falar com {host}.",
        "Verifique a internet e o endereço em SUPABASE_URL. Um projeto pausado ou apagado\n"
        "também some da rede: veja no painel do Supabase se ele está ativo.",
    )


def traduzir(host: str, status: int, corpo: bytes, tabela: str) -> FalhaDoServidor:
    """O erro de uma resposta que não é sucesso, pelo código do PostgREST ou pelo status."""
    codigo, mensagem = _codigo_e_mensagem(corpo)
    if codigo == "57014":
        return ConsultaDemorada(
            f"A consulta a {tabela} passou do limite de tempo do servidor (57014).",
            f"Crie um índice na coluna que diz a empresa em {tabela} e tente de novo.",
        )
    if codigo == "42501":
        return PermissaoNegada(f"permission denied for table {tabela}", _cura_42501(tabela))
    if codigo in ("42P01", "PGRST205", "42703", "PGRST204", "PGRST200"):
        return TabelaInexistente(f"{mensagem or 'não existe'} ({codigo})")
    if _de_outro_servidor(codigo, mensagem):
        return TabelaDeOutroServidor(
            f"{tabela} é uma tabela de outro servidor, que não respondeu ({codigo}: {mensagem}).",
            f"Se ela não é precisa, ponha {tabela} em «ignorar» no cofre.toml.",
        )
    if status == 401:
        return ChaveRecusada(
            f"O servidor {host} recusou a chave (401).",
            "Confira se a chave é deste projeto e se não foi trocada no painel.\n" + ONDE_PEGAR,
        )
    if status == 540 or b"paused" in corpo[:2000].lower():
        return ProjetoPausado("O projeto está pausado no Supabase.")
    if status == 413:
        return PedidoGrande(
            f"O servidor {host} não aceita um pedido tão grande para {tabela} (413).",
            "Um registro sozinho já passa do limite: aumente o limite do proxy no caminho até o\n"
            "servidor, ou restaure pela conexão direta.",
        )
    if status == 404 and not codigo:
        return FalhaDoServidor(f"{host} não tem a API do Supabase (404).", ONDE_PEGAR_URL)
    detalhe = f" {codigo}: {mensagem}" if codigo else ""
    # Sem o código do PostgREST, quem respondeu foi outro: nada se conclui sobre este pedido.
    recusa = PedidoRecusado if codigo else FalhaDoServidor
    return recusa(f"O servidor {host} respondeu {status}.{detalhe}", "")


def _de_outro_servidor(codigo: str, mensagem: str) -> bool:
    """Se quem falhou foi o servidor por trás de uma FOREIGN TABLE: a classe HV é dos conectores; a
    conexão que o banco não conseguiu abrir ou manter (08001, 08006) é a dele com o outro, pois a
    nossa trouxe a resposta (PostgreSQL, apêndice A, e postgres_fdw/connection.c)."""
    sem_entrada = codigo == "42704" and "user mapping" in mensagem
    return codigo.startswith("HV") or codigo in ("08001", "08006") or sem_entrada


def recusa_do_banco(corpo: bytes) -> EscritaRecusada | None:
    """O erro do PostgreSQL numa escrita, menos o de tempo e o de permissão; None se é outro."""
    try:
        erro = msgspec.json.decode(corpo)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    codigo = str(erro.get("code") or "") if isinstance(erro, dict) else ""
    if not re.fullmatch(r"[0-9A-Z]{5}|PGRST116", codigo) or codigo in ("57014", "42501"):
        return None
    return EscritaRecusada(codigo, str(erro.get("message") or ""), str(erro.get("details") or ""))


def json_cortado(resposta: httpx.Response, corpo: bytes) -> bool:
    """Se é um erro cujo JSON acaba antes do fim: o que ele dizia se perdeu."""
    e_json = "json" in resposta.headers.get("content-type", "")
    return e_json and bool(corpo) and not json_inteiro(corpo)


def json_inteiro(corpo: bytes) -> bool:
    try:
        msgspec.json.decode(corpo)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _codigo_e_mensagem(corpo: bytes) -> tuple[str, str]:
    try:
        erro = msgspec.json.decode(corpo)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    if not isinstance(erro, dict):
        return "", ""
    return str(erro.get("code") or ""), str(erro.get("message") or "")


def _cura_42501(tabela: str) -> str:
    nome = '"' + tabela.replace('"', '""') + '"'
    return (
        "Se a chave é a service_role, falta a permissão na tabela. No SQL Editor do Supabase:\n"
        f"  GRANT SELECT, INSERT, UPDATE, DELETE ON public.{nome} TO service_role;\n"
        "Se não é, troque-a: Project Settings → API Keys → service_role."
    )


def retry_after(valor: str) -> float:
    """Segundos pedidos pelo servidor, em número ou em data (RFC 9110, 10.2.3)."""
    if valor.isdigit():
        return min(float(valor), RETRY_AFTER_MAXIMO)
    try:
        quando = email.utils.parsedate_to_datetime(valor)
    except ValueError:
        return 0.0
    if quando.tzinfo is None:
        return 0.0
    espera = (quando - datetime.now(UTC)).total_seconds()
    return max(0.0, min(espera, RETRY_AFTER_MAXIMO))
