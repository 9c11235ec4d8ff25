"""O Auth de um projeto, como serviço do gateway: /auth/v1/admin/ e nada mais."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import jwt
import psycopg
from aiohttp import web

from supabase_local.servidores.auth import criacao, elo, mudanca, usuarios
from supabase_local.servidores.auth.erros import DE_2024, VERSAO, Recusa, inesperado, json_ruim
from supabase_local.servidores.auth.pedido import ler
from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.falhas import Pedido, Resposta
from supabase_local.servidores.portaria import barrar
from supabase_local.servidores.servico import Conexao, Conexoes, Corpo, Papel, em_json, inteiro

DO_AUTH = Papel("supabase_auth_admin", {})
MAIOR_CORPO = 1_000_000
DE_ADMIN = ("service_role", "supabase_admin")


@dataclass(slots=True)
class Modos:
    """Como este Auth difere do de hoje. `antigo`: anterior ao 2.155; `sem_ban`: não grava o ban;
    `sem_gravar`: responde 200 e nada fica; `empates`: os criados no mesmo instante vêm numa ordem
    nas páginas ímpares e noutra nas pares, e assim se repetem e se perdem; `secreta`: o status com
    que recusa as `sb_secret_...` (401 na discussão 52680, 403 em supabase-js#1568)."""

    antigo: bool = False
    sem_ban: bool = False
    sem_gravar: bool = False
    empates: bool = False
    secreta: int | None = None


class ServicoDoAuth:
    """Responde a /auth/v1/. O que um teste muda nele está em `modos`."""

    prefixo = "/auth/v1/"

    def __init__(self, uri: str, chaves: Chaves) -> None:
        # Como o servidor: sem `public` no caminho, um gatilho que não o diga não acha as tabelas.
        self.conexoes = Conexoes(f"{uri}?options=-csearch_path%3Dauth")
        self._chaves = chaves
        self.modos = Modos()

    async def abrir(self) -> None:
        """Nada: as conexões se abrem no primeiro pedido."""

    async def fechar(self) -> None:
        self.conexoes.fechar()

    def recusar(self, requisicao: web.Request, chaves: Chaves) -> Resposta | None:
        return barrar(requisicao, self.prefixo, chaves, de_hoje=False)

    async def atender(self, pedido: Pedido, requisicao: web.Request, corpo: Corpo) -> Resposta:
        versao = requisicao.headers.get(VERSAO)
        try:
            self._conferir_quem_pede(requisicao)
            resposta = await self._responder(pedido, await inteiro(corpo))
        except Recusa as recusa:
            return recusa.resposta(versao)
        except psycopg.Error as erro:
            return inesperado("Unexpected failure", erro).resposta(versao)
        if versao != DE_2024:
            return resposta
        return Resposta(resposta.status, (*resposta.cabecalhos, (VERSAO, DE_2024)), resposta.corpo)

    def _conferir_quem_pede(self, requisicao: web.Request) -> None:
        """Levanta Recusa. Uma `sb_secret_...` só entra igual nos dois cabeçalhos."""
        credencial = requisicao.headers.get("Authorization", "")
        if not credencial.startswith("Bearer "):
            mensagem = "This endpoint requires a valid Bearer token"
            raise Recusa(401, "no_authorization", mensagem)
        texto = credencial.removeprefix("Bearer ").strip()
        if texto == requisicao.headers.get("apikey") and texto.startswith("sb_"):
            if self.modos.secreta is not None:
                codigo = "no_authorization" if self.modos.secreta == 401 else "bad_jwt"
                raise Recusa(self.modos.secreta, codigo, "invalid JWT: unable to parse")
            texto = self._chaves.jwt_de(texto) or texto
        try:
            dizeres = jwt.decode(
                texto, self._chaves.segredo, algorithms=["HS256"], options={"verify_aud": False}
            )
        except jwt.InvalidTokenError as erro:
            mensagem = f"invalid JWT: unable to parse or verify signature, {type(erro).__name__}"
            raise Recusa(403, "bad_jwt", mensagem) from None
        if dizeres.get("role") not in DE_ADMIN:
            raise Recusa(403, "not_admin", "User not allowed")

    async def _responder(self, pedido: Pedido, corpo: bytes) -> Resposta:
        if len(corpo) > MAIOR_CORPO:
            raise Recusa(413, "request_too_large", "Request body too large")
        partes = pedido.caminho.removeprefix("/auth/v1/admin/").split("/")
        qual = (pedido.metodo, len(partes))
        if partes[0] == "users" and qual == ("GET", 1):
            return await self._listar(pedido)
        acao = self._acao(pedido.metodo, partes, corpo)
        if acao is None:
            return em_json(404, {"code": 404, "msg": "404 page not found"})
        return em_json(200, await self.conexoes.fazer(DO_AUTH, acao))

    def _acao(
        self, metodo: str, partes: list[str], corpo: bytes
    ) -> Callable[[Conexao], Any] | None:
        """O que fazer com a conexão, ou None se não há tal caminho."""
        modos = self.modos
        match (metodo, *partes):
            case ("POST", "users"):
                novo = ler(_objeto(corpo))
                return lambda c: criacao.criar(
                    c,
                    novo,
                    antigo=modos.antigo,
                    sem_ban=modos.sem_ban,
                    sem_gravar=modos.sem_gravar,
                )
            case ("GET", "users", quem):
                return lambda c: usuarios.com_tudo(c, usuarios.achar(c, quem))
            case ("PUT", "users", quem):
                dito = ler(_objeto(corpo))
                return lambda c: mudanca.mudar(c, quem, dito, sem_ban=modos.sem_ban)
            case ("DELETE", "users", quem):
                de_leve = bool(_objeto(corpo or b"{}").get("should_soft_delete"))
                return lambda c: mudanca.apagar(c, quem, de_leve=de_leve)
            case ("POST", "generate_link"):
                pedido_de_elo = _objeto(corpo)
                return lambda c: elo.gerar(c, pedido_de_elo)
            case ("GET", "users", quem, "factors"):
                return lambda c: mudanca.fatores(c, quem, "", metodo, {})
            case ("PUT" | "DELETE", "users", quem, "factors", qual):
                bruto = _objeto(corpo or b"{}")
                return lambda c: mudanca.fatores(c, quem, qual, metodo, bruto)
        return None

    async def _listar(self, pedido: Pedido) -> Resposta:
        """Sem identidades nem fatores. Depois da última página, `[]`."""
        parametros = dict(parse_qsl(pedido.consulta, keep_blank_values=True))
        linhas, total = await self.conexoes.fazer(
            DO_AUTH, lambda c: usuarios.listar(c, parametros, empates=self.modos.empates)
        )
        corpo = {"users": [usuarios.descrever(linha) for linha in linhas], "aud": usuarios.PUBLICO}
        quantos = int(parametros.get("per_page") or 50)
        ultima = max(1, -(-total // quantos))
        agora = int(parametros.get("page") or 1)
        elos = [f'<{pedido.caminho}?page={ultima}&per_page={quantos}>; rel="last"']
        if agora < ultima:
            elos.insert(0, f'<{pedido.caminho}?page={agora + 1}&per_page={quantos}>; rel="next"')
        return em_json(200, corpo, ("X-Total-Count", str(total)), ("Link", ", ".join(elos)))


def _objeto(corpo: bytes) -> dict[str, Any]:
    try:
        lido = json.loads(corpo)
    except ValueError:
        raise json_ruim() from None
    if not isinstance(lido, dict):
        raise json_ruim()
    return lido
