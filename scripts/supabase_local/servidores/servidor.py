"""O Supabase embutido inteiro: um banco do cluster atrás do PostgREST e do gateway."""

from __future__ import annotations

import contextlib
import itertools
import os

from supabase_local.servidores.auth.servico import ServicoDoAuth
from supabase_local.servidores.chaves import assinar, gerar_chaves
from supabase_local.servidores.descricao import LIGACOES_UM_PARA_UM, Ligacao
from supabase_local.servidores.gateway import Gateway
from supabase_local.servidores.ligado import Ligado
from supabase_local.servidores.perfil import PerfilDeHoje
from supabase_local.servidores.postgres import ADMINISTRADOR, ClusterPostgres
from supabase_local.servidores.postgrest import LINHAS_POR_RESPOSTA, ServidorPostgrest
from supabase_local.servidores.storage.servico import ServicoDoStorage

__all__ = ["ClusterPostgres", "SupabaseLocal"]

_numeros = itertools.count(1)


class SupabaseLocal(Ligado):
    """Um projeto do Supabase sobre um banco que já existe; gerenciador de contexto. Sem este, a API
    só sobe quando alguém a usa, e `parar` a desce."""

    def __init__(
        self,
        cluster: ClusterPostgres,
        *,
        banco: str,
        max_linhas: int = LINHAS_POR_RESPOSTA,
        porta: int = 0,
        segredo: str | None = None,
        de_hoje: bool | None = None,
        minima: bool = False,
    ) -> None:
        """`de_hoje`: a API responde como as de hoje (ver `perfil`); sem dizer, sim, a não ser que
        `SUPABASE_LOCAL_PERFIL` seja «antigo». `minima`: com a verbosidade mínima dos erros."""
        chaves = gerar_chaves(segredo)
        self._chaves = chaves
        self.banco = banco
        self.uri_banco = cluster.uri(banco)
        self.uri_admin = cluster.uri(banco, ADMINISTRADOR)
        self.chave_service_role = chaves.service_role
        self.chave_secreta = chaves.secreta
        self.chave_anon = chaves.anon
        self.chave_publicavel = chaves.publicavel
        self.cluster = cluster
        self.postgrest = ServidorPostgrest(
            cluster,
            banco,
            segredo=chaves.segredo,
            registro=cluster.pasta / f"postgrest_{next(_numeros)}.log",
            max_linhas=max_linhas,
        )
        self.storage = ServicoDoStorage(self.uri_admin, cluster.armazem(banco), chaves)
        self.auth = ServicoDoAuth(self.uri_admin, chaves)
        self._porta = porta
        antigo = os.environ.get("SUPABASE_LOCAL_PERFIL") == "antigo"
        de_hoje = not antigo if de_hoje is None else de_hoje
        perfil = PerfilDeHoje(self._ligacoes, self.postgrest.recargas, minima)
        self._perfil = perfil if de_hoje else None
        self._pilha = contextlib.ExitStack()
        self._gateway: Gateway | None = None

    @property
    def gateway(self) -> Gateway:
        """O que atende no endereço da API, já no ar."""
        if self._gateway is None:
            self.iniciar()
        assert self._gateway is not None
        return self._gateway

    @property
    def url(self) -> str:
        """A SUPABASE_URL deste projeto, sem barra no fim."""
        return self.gateway.url

    def iniciar(self) -> None:
        with contextlib.ExitStack() as pilha:
            pilha.enter_context(self.postgrest)
            gateway = Gateway(
                self.postgrest.url,
                self._chaves,
                porta=self._porta,
                perfil=self._perfil,
                outros=(self.storage, self.auth),
            )
            pilha.enter_context(gateway)
            self._pilha, self._gateway = pilha.pop_all(), gateway

    def parar(self) -> None:
        self._pilha.close()

    @property
    def no_ar(self) -> bool:
        """Se a API já subiu, e não desceu."""
        return self._gateway is not None and self.postgrest.no_ar

    def soltar_conexoes(self) -> None:
        """As que o Storage e o Auth guardam para o próximo pedido."""
        self.storage.projeto.conexoes.fechar()
        self.auth.conexoes.fechar()

    def _ligacoes(self) -> list[Ligacao]:
        """As chaves um-para-um do banco, que o PostgREST daqui não descreve."""
        with self.cluster.conectar(self.banco) as conexao:
            return [Ligacao(*linha) for linha in conexao.execute(LIGACOES_UM_PARA_UM)]

    def recarregar_esquema(self) -> None:
        """Faz a API enxergar o que mudou no esquema; volta quando ela já enxerga. A que ainda não
        subiu, verá ao subir."""
        if self._gateway is not None:
            self.postgrest.recarregar()

    def jwt(self, papel: str, validade: int = 3600, **outros: object) -> str:
        """Um JWT deste projeto, por exemplo o de uma pessoa: jwt("authenticated", sub=id)."""
        return assinar(self._chaves.segredo, papel, validade, **outros)
