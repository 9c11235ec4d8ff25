"""Os caminhos de /storage/v1/, e o que cada um responde."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import jwt
from aiohttp import web
from psycopg.rows import DictRow

from supabase_local.servidores.falhas import Pedido, Resposta
from supabase_local.servidores.servico import Corpo, Papel, em_json, inteiro
from supabase_local.servidores.storage import baldes, descida, envio, erros, listas, objetos
from supabase_local.servidores.storage.acesso import DE_SERVICO, papel_de, papel_do_jwt
from supabase_local.servidores.storage.nomes import MAIOR_PARAMETRO, conferir_nome, desfazer
from supabase_local.servidores.storage.projeto import ProjetoDoStorage
from supabase_local.servidores.storage.retomavel import Retomaveis

MAIOR_JSON = 1024**2


@dataclass(slots=True)
class Atendimento:
    """Um pedido ao Storage."""

    projeto: ProjetoDoStorage
    retomaveis: Retomaveis
    pedido: Pedido
    requisicao: web.Request
    corpo: Corpo

    async def responder(self) -> Resposta:
        """Levanta Recusa e psycopg.Error."""
        caminho = self.pedido.caminho.removeprefix("/storage/v1/")
        primeiro, _, resto = caminho.partition("/")
        if primeiro == "bucket":
            return await self._dos_baldes(resto)
        if primeiro == "object":
            return await self._dos_objetos(resto)
        if caminho.startswith("upload/resumable"):
            qual = caminho.removeprefix("upload/resumable").strip("/")
            return await self.retomaveis.atender(qual, self._papel(), self.requisicao, self.corpo)
        return self._sem_rota()

    # -- baldes ----------------------------------------------------------------------------

    async def _dos_baldes(self, resto: str) -> Resposta:
        metodo, projeto = self.pedido.metodo, self.projeto
        identidade, _, acao = resto.partition("/")
        identidade = desfazer(identidade)[0]
        papel = self._papel()
        if not identidade and metodo == "GET":
            parametros = dict(parse_qsl(self.pedido.consulta, keep_blank_values=True))
            return em_json(200, await projeto.fazer(papel, lambda c: baldes.listar(c, parametros)))
        if metodo == "POST" and not identidade:
            dito = await self._json()
            feito = await projeto.fazer(papel, lambda c: baldes.criar(c, papel, dito, projeto.teto))
            return em_json(200, feito)
        if metodo == "GET" and not acao:
            achado = await projeto.fazer(papel, lambda c: baldes.achar(c, identidade))
            return em_json(200, baldes.descrever(achado))
        if metodo == "PUT" and not acao:
            dito = await self._json()
            return em_json(
                200,
                await projeto.fazer(
                    papel, lambda c: baldes.mudar(c, identidade, dito, projeto.teto)
                ),
            )
        if metodo == "DELETE" and not acao:
            return em_json(200, await projeto.fazer(papel, lambda c: baldes.apagar(c, identidade)))
        if metodo == "POST" and acao == "empty":
            feito = await projeto.fazer(papel, lambda c: baldes.esvaziar(c, identidade))
            return em_json(200, feito)
        return self._sem_rota()

    # -- objetos ---------------------------------------------------------------------------

    async def _dos_objetos(self, resto: str) -> Resposta:
        metodo = self.pedido.metodo
        rota, _, depois = resto.partition("/")
        if metodo == "POST" and rota in ("list", "list-v2") and "/" not in depois:
            return await self._lista(rota, desfazer(depois)[0])
        if metodo == "POST" and resto in ("move", "copy"):
            return await (self._mover() if resto == "move" else self._copiar())
        if rota == "sign":
            return await self._assinado(depois)
        if metodo in ("GET", "HEAD") and rota in ("info", "authenticated", "public"):
            return await self._ver(rota, depois)
        balde, nome = desfazer(resto)
        if len(nome) > MAIOR_PARAMETRO or not balde:
            return self._sem_rota()
        if metodo == "DELETE":
            return await (self._apagar(balde, nome) if nome else self._apagar_varios(balde))
        if not nome:
            return self._sem_rota()
        if metodo in ("GET", "HEAD"):
            return await self._descer(self._papel(), balde, nome)
        if metodo in ("POST", "PUT"):
            return await self._enviar(balde, nome)
        return self._sem_rota()

    async def _ver(self, rota: str, resto: str) -> Resposta:
        papel = DE_SERVICO
        if rota == "info":
            # `info/authenticated/...` e `info/public/...` são os mesmos, com outro acesso.
            acesso, _, depois = resto.partition("/")
            rota, resto = (
                ("info", depois) if acesso in ("authenticated", "public") else (rota, resto)
            )
            publica = acesso == "public"
        else:
            publica = rota == "public"
        if not publica:
            papel = self._papel()
        balde, nome = desfazer(resto)
        if not nome or len(nome) > MAIOR_PARAMETRO:
            return self._sem_rota()
        if publica and not (await self.projeto.balde(balde))["public"]:
            raise erros.sem_balde()
        if rota != "info":
            return await self._descer(papel, balde, nome)
        linha = await self._achar(papel, balde, nome)
        return em_json(200, objetos.descrever(linha))

    async def _assinado(self, resto: str) -> Resposta:
        """POST dá um endereço que vale por uns segundos; GET o serve, sem mais credencial."""
        balde, nome = desfazer(resto)
        if self.pedido.metodo == "POST":
            await self._achar(self._papel(), balde, nome)
            segundos = int((await self._json()).get("expiresIn") or 60)
            dizeres = {"url": f"{balde}/{nome}", "exp": int(time.time()) + segundos}
            token = jwt.encode(dizeres, self.projeto.chaves.segredo, algorithm="HS256")
            return em_json(200, {"signedURL": f"/object/sign/{resto}?token={token}"})
        papel = papel_do_jwt(self.pedido.parametros.get("token", ""), self.projeto.chaves)
        if papel.dizeres.get("url") != f"{balde}/{nome}":
            raise erros.Recusa("InvalidSignature", 400, "InvalidSignature", "Invalid signature")
        return await self._descer(DE_SERVICO, balde, nome)

    async def _achar(self, papel: Papel, balde: str, nome: str) -> DictRow:
        conferir_nome(nome, no_s3=self.projeto.no_s3)
        try:
            return await self.projeto.fazer(papel, lambda c: objetos.achar(c, balde, nome))
        except erros.Recusa:
            await self.projeto.balde(balde)  # se o que falta é o balde, é isso que se diz
            raise

    async def _descer(self, papel: Papel, balde: str, nome: str) -> Resposta:
        linha = await self._achar(papel, balde, nome)
        if self.pedido.metodo == "HEAD":
            return descida.cabeca(linha)
        lugar = self.projeto.conteudos.lugar(balde, nome, linha["version"])
        pedidos = self.pedido.cabecalhos
        return descida.corpo(linha, lugar, pedidos, no_s3=self.projeto.no_s3)

    async def _enviar(self, balde: str, nome: str) -> Resposta:
        por_cima = self.pedido.metodo == "PUT" or self.requisicao.headers.get("x-upsert") == "true"
        ficou = await envio.enviar(
            self.projeto, self._papel(), balde, nome, self.requisicao, self.corpo, por_cima=por_cima
        )
        return em_json(200, {"Key": f"{balde}/{nome}", "Id": str(ficou["id"])})

    async def _apagar(self, balde: str, nome: str) -> Resposta:
        if not await self._tirar(balde, [nome]):
            raise erros.sem_objeto()
        return em_json(200, {"message": "Successfully deleted"})

    async def _apagar_varios(self, balde: str) -> Resposta:
        nomes = (await self._json()).get("prefixes")
        if not isinstance(nomes, list) or not nomes:
            raise erros.pedido_invalido("body/prefixes must NOT have fewer than 1 items")
        return em_json(200, [objetos.inteira(linha) for linha in await self._tirar(balde, nomes)])

    async def _tirar(self, balde: str, nomes: list[str]) -> list[DictRow]:
        papel = self._papel()
        saidas = await self.projeto.fazer(papel, lambda c: objetos.apagar(c, balde, nomes))
        for linha in saidas:
            lugar = self.projeto.conteudos.lugar(balde, linha["name"], linha["version"])
            lugar.unlink(missing_ok=True)
        return saidas

    async def _lista(self, rota: str, balde: str) -> Resposta:
        papel, dito = self._papel(), await self._json()
        if rota == "list":
            return em_json(
                200, await self.projeto.fazer(papel, lambda c: listas.primeira(c, balde, dito))
            )
        return em_json(
            200, await self.projeto.fazer(papel, lambda c: listas.segunda(c, balde, dito))
        )

    async def _mover(self) -> Resposta:
        papel, dito = self._papel(), await self._json()
        de, nome = str(dito.get("bucketId")), str(dito.get("sourceKey"))
        para = str(dito.get("destinationBucket") or de)
        novo = str(dito.get("destinationKey"))
        conferir_nome(novo, no_s3=self.projeto.no_s3)
        antes = await self._achar(papel, de, nome)
        movida = await self.projeto.fazer(papel, lambda c: objetos.mover(c, antes, para, novo))
        lugar = self.projeto.conteudos.lugar(de, nome, antes["version"])
        if lugar.exists():
            lugar.replace(self.projeto.conteudos.lugar(para, novo, movida["version"]))
        resposta = {"message": "Successfully moved", "Id": str(movida["id"])}
        return em_json(200, {**resposta, "Key": f"{para}/{novo}"})

    async def _copiar(self) -> Resposta:
        """Outro `id`, criado agora, de quem copia; os metadados vão junto."""
        papel, dito = self._papel(), await self._json()
        de, nome = str(dito.get("bucketId")), str(dito.get("sourceKey"))
        para = str(dito.get("destinationBucket") or de)
        novo = str(dito.get("destinationKey"))
        conferir_nome(novo, no_s3=self.projeto.no_s3)
        antes = await self._achar(papel, de, nome)
        await self.projeto.balde(para)
        if self.requisicao.headers.get("x-upsert") != "true":
            await envio.conferir_vaga(self.projeto, papel, para, novo)
        ficou = await envio.copiar(self.projeto, papel, antes, para, novo, dito)
        resposta = {"Id": str(ficou["id"]), "Key": f"{para}/{novo}"}
        return em_json(200, resposta | objetos.inteira(ficou))

    # -- o que todos usam ------------------------------------------------------------------

    def _papel(self) -> Papel:
        return papel_de(self.requisicao, self.projeto.chaves)

    async def _json(self) -> dict[str, Any]:
        bruto = await inteiro(self.corpo)
        if len(bruto) > MAIOR_JSON:
            raise erros.corpo_demais()
        try:
            lido = json.loads(bruto or b"{}")
        except ValueError:
            raise erros.pedido_invalido("Body is not valid JSON") from None
        if not isinstance(lido, dict):
            raise erros.pedido_invalido("body must be object")
        return lido

    def _sem_rota(self) -> Resposta:
        return erros.sem_rota(self.pedido.metodo, self.pedido.caminho)
