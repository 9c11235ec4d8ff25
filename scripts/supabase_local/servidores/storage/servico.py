"""O Storage de um projeto, como serviço do gateway."""

from __future__ import annotations

from pathlib import Path

import psycopg
from aiohttp import web

from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.falhas import Pedido, Resposta
from supabase_local.servidores.servico import Conexoes, Corpo
from supabase_local.servidores.storage import erros
from supabase_local.servidores.storage.acesso import cabe
from supabase_local.servidores.storage.atendimento import Atendimento
from supabase_local.servidores.storage.conteudos import Conteudos
from supabase_local.servidores.storage.projeto import ProjetoDoStorage
from supabase_local.servidores.storage.retomavel import Retomaveis


class ServicoDoStorage:
    """Responde a /storage/v1/. O que um teste muda nele está em `projeto`."""

    prefixo = "/storage/v1/"

    def __init__(self, uri: str, pasta: Path, chaves: Chaves) -> None:
        self.projeto = ProjetoDoStorage(Conexoes(uri), Conteudos(pasta), chaves)
        self._retomaveis = Retomaveis(self.projeto)

    async def abrir(self) -> None:
        """Nada: as conexões se abrem no primeiro pedido."""

    async def fechar(self) -> None:
        self.projeto.conexoes.fechar()

    def recusar(self, requisicao: web.Request, chaves: Chaves) -> Resposta | None:
        return None if cabe(requisicao) else erros.cabecalhos_demais()

    async def atender(self, pedido: Pedido, requisicao: web.Request, corpo: Corpo) -> Resposta:
        try:
            return await Atendimento(
                self.projeto, self._retomaveis, pedido, requisicao, corpo
            ).responder()
        except erros.Recusa as recusa:
            return recusa.resposta()
        except psycopg.Error as erro:
            return erros.do_banco(erro).resposta()
