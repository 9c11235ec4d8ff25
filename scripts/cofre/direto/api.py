"""A fachada da via direta: o que os casos de uso pedem, e nada de SQL.

As empresas continuam a ser listadas pela API, com a chave de serviço; as linhas vêm do banco.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO

import psycopg

from cofre.config import Acesso, AcessoDireto, Regras
from cofre.direto import catalogo, endereco, sondas
from cofre.direto.conexao import INSTANTE, Conexoes, transacao
from cofre.direto.leitura import Leitura
from cofre.direto.traducao import SemConexao, na_consulta
from cofre.erros import ConfiguracaoInvalida, Interrompido
from cofre.escopo import Donos, Escopo, TabelaNoEscopo, definir, referencias_a_empresas
from cofre.modelo import Catalogo, Empresa
from cofre.portal.api import Portal
from cofre.via import DIRETA, AoTentarDeNovo, Avanco, Coleta, Inspecao, ramos_de_agora

METODO = "uma transação REPEATABLE READ, READ ONLY"
"""Como se soube que a foto é um instante só, para os metadados."""

EMPRESAS_PARA_CONFERIR = 50


@dataclass(slots=True)
class Direto:
    """O PostgreSQL do projeto. Um só para a execução inteira; vários fios o usam."""

    acesso: AcessoDireto
    api: Acesso
    conexoes: int
    tentativas: int
    parar: threading.Event
    ao_tentar_de_novo: AoTentarDeNovo
    nome: str = field(init=False, default=DIRETA)
    _portal: Portal = field(init=False)
    _banco: Conexoes = field(init=False)
    _catalogo: Catalogo = field(init=False, default_factory=lambda: Catalogo({}))

    def __post_init__(self) -> None:
        """Levanta ConfiguracaoInvalida se a URL do banco não serve."""
        onde = endereco.interpretar(self.acesso)
        endereco.conferir_projeto(onde, self.api)
        opcoes = (self.conexoes, self.tentativas, self.parar, self.ao_tentar_de_novo)
        self._banco = Conexoes(onde, *opcoes)
        self._portal = Portal(self.api, *opcoes)

    def fechar(self) -> None:
        """Encerra conexões e fios."""
        self._portal.fechar()
        self._banco.fechar()

    def inspecionar(self, regras: Regras) -> Inspecao:
        """Catálogo, escopo e empresas. Levanta FalhaDeLeitura ou ConfiguracaoInvalida."""
        with self._banco.uma() as conexao:
            self._catalogo = catalogo.descobrir(conexao)
        escopo = definir(self._catalogo, regras, sondas.SondasDoBanco(self._banco))
        referencias = referencias_a_empresas(self._catalogo)
        todas = self._portal.listar_empresas(self._catalogo, referencias)
        self._conferir_mesmo_banco(todas)
        return Inspecao(self._catalogo, escopo, todas, Donos(todas, referencias))

    def com_ramos_de_agora(self, escopo: Escopo, inspecao: Inspecao, regras: Regras) -> Escopo:
        """O mesmo escopo, com os caminhos até a empresa que os dados de agora pedem."""
        return ramos_de_agora(escopo, inspecao, regras, sondas.SondasDoBanco(self._banco))

    def com_nao_gravaveis(self, escopo: Escopo) -> Escopo:
        """O mesmo escopo: o catálogo do banco já diz o que não se escreve."""
        return escopo

    def fotografar(
        self,
        empresa: Empresa,
        tabelas: Mapping[str, TabelaNoEscopo],
        donos: Donos,
        rascunho: Callable[[], IO[bytes]],
        avanco: Avanco,
    ) -> Coleta:
        """A foto de uma empresa, nos rascunhos, de um só instante. Uma tabela que falha traz a
        `falha`. Levanta FalhaDeLeitura ou Interrompido."""
        for tentativa in range(1, self.tentativas + 1):
            try:
                return self._fotografar(empresa, tabelas, donos, rascunho, avanco)
            except SemConexao as e:
                if tentativa == self.tentativas:
                    raise
                self.ao_tentar_de_novo(str(e), 1.0, tentativa + 1, self.tentativas)
                if self.parar.wait(1.0):
                    raise Interrompido("Interrompido.") from None
        raise AssertionError("a última tentativa devolve ou levanta")

    def _fotografar(
        self,
        empresa: Empresa,
        tabelas: Mapping[str, TabelaNoEscopo],
        donos: Donos,
        rascunho: Callable[[], IO[bytes]],
        avanco: Avanco,
    ) -> Coleta:
        with self._banco.uma() as conexao:
            leitura = Leitura(
                conexao, empresa, donos, self._catalogo.tabelas, rascunho, avanco, self.parar
            )
            try:
                with transacao(conexao, INSTANTE):
                    lidas = leitura.ler(tabelas)
            except psycopg.Error as e:
                if self.parar.is_set():
                    raise Interrompido("Interrompido.") from None
                raise na_consulta(e, "uma tabela") from e
        return Coleta(lidas, True, 1, METODO)

    def contar(self, tabela: str) -> int | None:
        """Todas as linhas da tabela, de todas as empresas; None se não se contam a tempo."""
        return sondas.contar(self._banco, tabela)

    def _conferir_mesmo_banco(self, empresas: tuple[Empresa, ...]) -> None:
        """Alguma das empresas que a API lista tem de estar neste banco."""
        donos = [e.id for e in empresas[:EMPRESAS_PARA_CONFERIR]]
        onde = [
            nome
            for nome in ("empresas", "user_approvals")
            if (t := self._catalogo.tabelas.get(nome)) and t.coluna("user_id")
        ]
        if donos and not any(sondas.algum_dono(self._banco, nome, donos) for nome in onde):
            raise ConfiguracaoInvalida(
                "O banco da SUPABASE_DB_URL não tem nenhuma das empresas que a API lista: não é do"
                " mesmo projeto.",
                "Corrija SUPABASE_URL ou SUPABASE_DB_URL no .env.",
            )
