"""As respostas de erro do servidor traduzidas em erros do cofre, com causa e cura.

Os códigos valem mais que o status, que muda de uma versão para outra: o 54* era 413 até o PostgREST
13 e é 500 desde então. Fontes: documentação do PostgREST, «Errors» (12 a 16), e do PostgreSQL,
apêndice A; 402, 540, 544 e 556 são do Supabase («HTTP status codes»).
"""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime
from typing import NamedTuple

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
    ProjetoFechado,
    ProjetoPausado,
    ServidorSemResposta,
    TabelaDeOutroServidor,
    TabelaInexistente,
)
from cofre.via.api.curas import (
    BANCO_FORA,
    CHAVE_TROCADA,
    CHAVES_ANTIGAS,
    DE_RELOGIO,
    DO_PROJETO,
    PLATAFORMA,
    RECARREGAR,
    SEM_ESQUEMA,
    SEM_XMIN,
    SO_LEITURA,
)

DEMAIS = 429
PASSAGEIROS = frozenset(
    {408, 425, DEMAIS, *range(500, 505), *range(520, 527), 530, 544, 556} - {501}
)
"""Os status que outra tentativa pode mudar, se o código não diz outra coisa: 52x e 530 são do
Cloudflare, 544 (o gateway não esperou mais) e 556 (incidente na plataforma), do Supabase."""

_SEM_BANCO = re.compile(r"57P\d\d|08...|53...|PGRST00[0-3]")
"""O banco não atendeu: reinício, conexão perdida, falta de recursos; PGRST000 a 003 é o PostgREST
que não chega a ele."""
_LIMITE = re.compile(r"54...")
"""program_limit_exceeded e parentes: com menos linhas pode caber."""
_ESQUEMA_FECHADO = "Access to schema is forbidden"
"""A raiz a uma chave pública, desde março de 2026 (Supabase, discussão 42949)."""
_DO_PEDIDO = frozenset({"57014", "42501", SO_LEITURA})
"""SQLSTATEs que não são do valor de uma linha."""

DEFINITIVOS = (
    ConsultaDemorada,
    PedidoGrande,
    PermissaoNegada,
    ProjetoFechado,
    TabelaDeOutroServidor,
)
"""O que não muda ao tentar de novo, seja qual for o status com que veio."""

RETRY_AFTER_MAXIMO = 120.0
"""Segundos que se aceita esperar a pedido do servidor."""


class SemDescricao(PedidoRecusado):
    """A raiz da API não descreve as tabelas (`openapi_mode` desligado): só se acham pelo nome."""


class Dito(NamedTuple):
    """O que o servidor disse de um pedido que não deu certo; do que não é JSON, a mensagem é o
    começo do texto."""

    status: int
    codigo: str
    mensagem: str
    detalhes: str = ""
    dica: str = ""


def ler(status: int, corpo: bytes) -> Dito:
    """O que está no corpo de uma resposta de erro."""
    try:
        erro = msgspec.json.decode(corpo)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Dito(status, "", corpo[:2000].decode("utf-8", "replace"))
    if not isinstance(erro, dict):
        return Dito(status, "", "")
    campos = (str(erro.get(nome) or "") for nome in ("code", "message", "details", "hint"))
    return Dito(status, *campos)


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


def passa(dito: Dito, erro: FalhaDoServidor, *, ja_serviu: bool, escrita: bool = False) -> bool:
    """Se o mesmo pedido, feito de novo, pode ter outra resposta. `ja_serviu`: se este servidor já
    aceitou esta chave. Numa `escrita`, a conexão que caiu é a do próprio banco: não se escreve em
    tabelas de outro servidor."""
    if isinstance(erro, ChaveRecusada):
        return dito.status == 401 and (ja_serviu or _de_relogio(dito))
    sem_banco = bool(_SEM_BANCO.fullmatch(dito.codigo))
    if isinstance(erro, DEFINITIVOS) and not (escrita and sem_banco):
        return False
    return dito.status in PASSAGEIROS or sem_banco


def traduzir(host: str, dito: Dito, tabela: str, *, ja_serviu: bool = False) -> FalhaDoServidor:
    """O erro de uma resposta que não é sucesso, pelo código ou, sem ele, pelo status."""
    codigo = dito.codigo
    if codigo == "57014":
        return ConsultaDemorada(
            f"A consulta a {tabela} passou do limite de tempo do servidor (57014).",
            f"Crie um índice na coluna que diz a empresa em {tabela} e tente de novo.",
        )
    if codigo == "42501":
        causa = f"permission denied for table {tabela}"
        return PermissaoNegada(causa, _cura_42501(tabela, dito.dica))
    if codigo in ("42P01", "PGRST205", "42703", "PGRST204", "PGRST200"):
        return TabelaInexistente(f"{dito.mensagem or 'não existe'} ({codigo})", RECARREGAR)
    if _de_outro_servidor(codigo, dito.mensagem):
        return TabelaDeOutroServidor(
            f"{tabela} é uma tabela de outro servidor, que não respondeu"
            f" ({codigo}: {dito.mensagem}).",
            f"Se ela não é precisa, ponha {tabela} em «ignorar» no cofre.toml.",
        )
    if codigo == "PGRST126":
        return SemDescricao("A raiz da API não descreve as tabelas (PGRST126).", "")
    if dito.status == 413 or _LIMITE.fullmatch(codigo):
        return _grande(host, dito, tabela)
    if fechado := _fechado(dito):
        return fechado
    if dito.status == 401 or (dito.status == 403 and _ESQUEMA_FECHADO in dito.mensagem):
        return _da_chave(host, dito, ja_serviu)
    if dito.status == 404 and codigo in ("", "PGRST125"):
        return FalhaDoServidor(f"{host} não tem a API do Supabase (404).", ONDE_PEGAR_URL)
    return _outro(host, dito)


def _de_outro_servidor(codigo: str, mensagem: str) -> bool:
    """Se quem falhou foi o servidor por trás de uma FOREIGN TABLE: a classe HV é dos conectores; a
    conexão que o banco não conseguiu abrir ou manter (08001, 08006) é a dele com o outro, pois a
    nossa trouxe a resposta (PostgreSQL, apêndice A, e postgres_fdw/connection.c)."""
    sem_entrada = codigo == "42704" and "user mapping" in mensagem
    return codigo.startswith("HV") or codigo in ("08001", "08006") or sem_entrada


def _fechado(dito: Dito) -> ProjetoFechado | None:
    """O que é do projeto inteiro, e só se muda no painel."""
    if dito.status == 540 or (not dito.codigo and "paused" in dito.mensagem.lower()):
        return ProjetoPausado("O projeto está pausado no Supabase.")
    if "legacy api keys are disabled" in dito.mensagem.lower():
        return ProjetoFechado(*CHAVES_ANTIGAS)
    if _sem_coluna_do_sistema(dito):
        return ProjetoFechado(*SEM_XMIN)
    achado = DO_PROJETO.get(dito.codigo) or (None if dito.codigo else DO_PROJETO.get(dito.status))
    return ProjetoFechado(*achado) if achado else None


def _sem_coluna_do_sistema(dito: Dito) -> bool:
    """OrioleDB: «orioledb tuples does not have system attribute: xmin» (XX000)."""
    return "does not have system attribute" in dito.mensagem


def _da_chave(host: str, dito: Dito, ja_serviu: bool) -> ChaveRecusada:
    if dito.status == 403:
        causa = f"O servidor {host} não mostra o esquema a esta chave (403): ela é a pública."
        return ChaveRecusada(causa, ONDE_PEGAR)
    if _de_relogio(dito):
        disse = " ".join(filter(None, ("401", dito.codigo)))
        causa = f"O servidor {host} não aceitou a chave ({disse}: {dito.mensagem})."
        return ChaveRecusada(causa, DE_RELOGIO)
    if ja_serviu:
        causa = f"O servidor {host} deixou de aceitar a chave (401), que antes aceitava."
        return ChaveRecusada(causa, CHAVE_TROCADA)
    return ChaveRecusada(
        f"O servidor {host} recusou a chave (401).",
        "Confira se a chave é deste projeto e se não foi trocada no painel.\n" + ONDE_PEGAR,
    )


def _de_relogio(dito: Dito) -> bool:
    """Se a chave foi recusada por um PostgREST atrasado: o gateway troca uma `sb_secret_` por um
    JWT de minutos, que ele às vezes ainda não aceita (PostgREST #5172 e #5196; a lista de chaves,
    supabase#49655)."""
    return dito.codigo == "PGRST303" or bool(re.search(r"issued at future|\bkid\b", dito.mensagem))


def _grande(host: str, dito: Dito, tabela: str) -> PedidoGrande:
    if dito.codigo:
        causa = f"O pedido a {tabela} passa de um limite do banco ({dito.codigo}: {dito.mensagem})."
        return PedidoGrande(causa, "Um registro sozinho já passa dele: use a conexão direta.")
    return PedidoGrande(
        f"O servidor {host} não aceita um pedido tão grande para {tabela} (413).",
        "Um registro sozinho já passa do limite: aumente o limite do proxy no caminho até o\n"
        "servidor, ou restaure pela conexão direta.",
    )


def _respondeu(host: str, dito: Dito) -> tuple[str, str]:
    """Causa e cura do que não tem palavras próprias."""
    detalhe = f" {dito.codigo}: {dito.mensagem}" if dito.codigo else ""
    return f"O servidor {host} respondeu {dito.status}.{detalhe}", ""


def _outro(host: str, dito: Dito) -> FalhaDoServidor:
    causa, cura = _respondeu(host, dito)
    if dito.codigo == "PGRST002":
        return FalhaDoServidor(causa, SEM_ESQUEMA)
    if _SEM_BANCO.fullmatch(dito.codigo):
        return FalhaDoServidor(causa, BANCO_FORA)
    if dito.status in PASSAGEIROS and not dito.codigo:
        return FalhaDoServidor(causa, PLATAFORMA if dito.status >= 500 else cura)
    # Sem o código do PostgREST, quem respondeu foi outro: nada se conclui sobre este pedido.
    recusa = PedidoRecusado if dito.codigo else FalhaDoServidor
    return recusa(causa, cura)


def recusa_do_banco(dito: Dito) -> EscritaRecusada | None:
    """O que o PostgreSQL recusou de uma escrita; None se o que houve não é das linhas dela: tempo,
    permissão, um banco que não atende ou que só aceita leitura."""
    codigo = dito.codigo
    das_linhas = re.fullmatch(r"[0-9A-Z]{5}|PGRST116", codigo)
    if not das_linhas or codigo in _DO_PEDIDO:
        return None
    if _SEM_BANCO.fullmatch(codigo) or _sem_coluna_do_sistema(dito):
        return None
    return EscritaRecusada(codigo, dito.mensagem, dito.detalhes)


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


def _cura_42501(tabela: str, do_servidor: str) -> str:
    nome = '"' + tabela.replace('"', '""') + '"'
    dela = f"O servidor diz: {do_servidor}\n" if do_servidor else ""
    return (
        f"{dela}Se a chave é a de serviço, falta a permissão na tabela. No SQL Editor do Supabase:"
        f"\n  GRANT SELECT, INSERT, UPDATE, DELETE ON public.{nome} TO service_role;\n"
        "Se não é, troque-a: Project Settings → API Keys → Secret keys."
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
