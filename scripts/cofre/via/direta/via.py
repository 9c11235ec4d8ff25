"""A fachada da via direta: o que os casos de uso pedem, e nada de SQL.

Nada aqui precisa da API nem da chave de serviço. Só quem disse as duas, em endereços que não contam
de que projeto são, paga um pedido à API, que confere se são do mesmo.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec
import psycopg

from cofre.base.config.valores import Acesso, AcessoDireto, Regras
from cofre.base.erros import ConfiguracaoInvalida, EscritaRecusada, Interrompido
from cofre.base.modelo import Catalogo, Empresa, Tabela
from cofre.escopo.donos import Donos, referencias_a_empresas
from cofre.escopo.escopo import Escopo, TabelaNoEscopo, definir
from cofre.plano.lotes import em_lotes
from cofre.plano.tabela import Acao
from cofre.via.contrato import (
    DIRETA,
    AoTentarDeNovo,
    Dependente,
    EmpresaLida,
    Inspecao,
    PedidoDeFoto,
    Prova,
    prova_de,
    ramos_de_agora,
)
from cofre.via.direta import (
    catalogo,
    empresas,
    endereco,
    gatilhos,
    prova,
    restricoes,
    sondas,
)
from cofre.via.direta.conexao import INSTANTE, Conexoes, transacao
from cofre.via.direta.em_parte import Duvida
from cofre.via.direta.endereco import Endereco
from cofre.via.direta.erros import ALGUMA, SemConexao, na_consulta
from cofre.via.direta.escrita import BYTES_POR_CARGA, LINHAS_POR_CARGA
from cofre.via.direta.gatilhos import Suspensos
from cofre.via.direta.leitura import Leitura
from cofre.via.direta.ligacoes import Ligacoes
from cofre.via.direta.transacao import COMECO, Transacao
from cofre.via.direta.travas import vigiando
from cofre.via.empresas import listar
from cofre.via.logins.login import Login
from cofre.via.logins.sql import LoginsPorSql, num_ponto

METODO = "uma transação REPEATABLE READ, READ ONLY"
"""Como se soube que a foto é um instante só, para os metadados."""


@dataclass(slots=True)
class ViaDireta:
    """O PostgreSQL do projeto. Um só para a execução inteira; vários fios o usam."""

    acesso: AcessoDireto
    api: Acesso | None
    """O projeto como o .env o diz; sem chave, só se sabe o endereço dele."""
    conexoes: int
    tentativas: int
    parar: threading.Event
    ao_tentar_de_novo: AoTentarDeNovo
    nome: str = field(init=False, default=DIRETA)
    atomica: bool = field(init=False, default=True)
    _onde: Endereco = field(init=False)
    _por_conferir: bool = field(init=False)
    """Se os endereços não disseram que a API e o banco são do mesmo projeto."""
    _soltas: set[tuple[str, str]] = field(init=False, default_factory=set)
    """(tabela, regra NOT VALID) que algum prova precisou soltar."""
    _ligacoes: Ligacoes | None = field(init=False, default=None)
    """As chaves estrangeiras como o primeiro prova as leu; quem restaura lê de novo."""
    _supostos: tuple[Login, ...] = field(init=False, default=())
    """Os que as provas criam, na transação que depois se desfaz."""
    _banco: Conexoes = field(init=False)
    _catalogo: Catalogo = field(init=False, default_factory=lambda: Catalogo({}))

    def __post_init__(self) -> None:
        """Levanta ConfiguracaoInvalida se a URL do banco não serve."""
        self._onde = endereco.interpretar(self.acesso)
        self._por_conferir = self.api is not None and not endereco.mesmo_projeto(
            self._onde, self.api
        )
        self._banco = Conexoes(
            self._onde, self.conexoes, self.tentativas, self.parar, self.ao_tentar_de_novo
        )

    @property
    def origem(self) -> str:
        """A SUPABASE_URL, se dita; senão, o que se diz do banco sem segredos."""
        return self.api.url if self.api else self._onde.publico

    @property
    def logins(self) -> LoginsPorSql:
        """Por SQL; ler e perguntar, cada vez num instante só."""
        return LoginsPorSql(self._num_instante)

    @contextlib.contextmanager
    def _num_instante(self) -> Iterator[psycopg.Connection]:
        with self._banco.uma() as conexao, transacao(conexao):
            yield conexao

    def fechar(self) -> None:
        """Encerra conexões e fios."""
        self._banco.fechar()

    def inspecionar(self, regras: Regras) -> Inspecao:
        """Catálogo, escopo e empresas. Levanta FalhaDoServidor ou ConfiguracaoInvalida."""
        with self._banco.uma() as conexao:
            self._catalogo, self._ligacoes = catalogo.descobrir(conexao), None
            referencias = referencias_a_empresas(self._catalogo)
            todas = listar(self._catalogo, referencias, partial(empresas.linhas, conexao))
        self._conferir_projeto(todas)
        escopo = definir(self._catalogo, regras, sondas.SondasDoBanco(self._banco))
        return Inspecao(self._catalogo, escopo, todas, Donos(todas, referencias))

    def com_ramos_de_agora(self, escopo: Escopo, inspecao: Inspecao, regras: Regras) -> Escopo:
        """O mesmo escopo, com os caminhos até a empresa que os dados de agora pedem."""
        return ramos_de_agora(escopo, inspecao, regras, sondas.SondasDoBanco(self._banco))

    def com_nao_gravaveis(self, escopo: Escopo) -> Escopo:
        """O mesmo escopo: o catálogo do banco já diz o que não se escreve."""
        return escopo

    def fotografar(self, pedido: PedidoDeFoto) -> Mapping[str, EmpresaLida]:
        """As empresas, por id, todas de um só instante. Uma tabela que falha traz a `falha`, em
        todas elas. Levanta FalhaDoServidor ou Interrompido."""
        for tentativa in range(1, self.tentativas + 1):
            try:
                try:
                    return self._fotografar(pedido)
                except Duvida as e:  # a meio: o que já se entregou recomeça, sem nada de antes
                    assert pedido.bases is not None
                    pedido.bases.dizer(f"Lê-se tudo: {e}")
                    sem_nada = replace(pedido.bases, por_empresa={})
                    return self._fotografar(replace(pedido, bases=sem_nada))
            except SemConexao as e:
                if tentativa == self.tentativas:
                    raise
                self.ao_tentar_de_novo(str(e), 1.0, tentativa + 1, self.tentativas)
                if self.parar.wait(1.0):
                    raise Interrompido("Interrompido.") from None
        raise AssertionError("a última tentativa devolve ou levanta")

    def _fotografar(self, pedido: PedidoDeFoto) -> dict[str, EmpresaLida]:
        with self._banco.uma() as conexao:
            leitura = Leitura(conexao, pedido, self._catalogo.tabelas, self.parar)
            try:
                with transacao(conexao, INSTANTE):
                    lidas = leitura.ler()
                    if pedido.no_instante is not None:
                        pedido.no_instante(LoginsPorSql(num_ponto(conexao)))
            except psycopg.Error as e:
                if self.parar.is_set():
                    raise Interrompido("Interrompido.") from None
                raise na_consulta(e, ALGUMA) from e
        return {empresa: EmpresaLida(t, True, 1, METODO) for empresa, t in lidas.items()}

    @contextlib.contextmanager
    def escrevendo(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Iterator[Transacao]:
        """Uma transação; o que não for confirmado até sair é desfeito. Levanta FalhaDoServidor."""
        with self._banco.uma() as conexao, vigiando(self._onde, conexao):
            aberta: Transacao | None = None
            try:
                conexao.execute(COMECO)
                suspensos = Suspensos(conexao, list(tabelas))
                escritor = replace(prova.escritor(conexao, suspensos), adiar=True)
                conexao.execute("SET CONSTRAINTS ALL DEFERRED")
                aberta = Transacao(
                    conexao,
                    self._catalogo.tabelas,
                    self.parar,
                    suspensos,
                    escritor,
                    self.origem,
                )
                yield aberta
            except psycopg.Error as e:
                raise na_consulta(e, ALGUMA) from e
            finally:
                if aberta is None or not aberta.confirmada:
                    with contextlib.suppress(psycopg.Error):
                        conexao.execute("ROLLBACK")

    def supondo(self, logins: Sequence[Login]) -> ViaDireta:
        """A mesma via, em que as provas supõem que estes logins já existem."""
        outra = copy.copy(self)
        outra._supostos = tuple(logins)
        return outra

    def como_escreve(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Sequence[str]:
        """Se os gatilhos se suspendem, e o que fica travado. Levanta FalhaDoServidor."""
        with self._provando(ALGUMA, list(tabelas)) as (_conexao, suspensos):
            soltas = sorted(r for r in self._soltas if r[0] in tabelas)
            return [
                *gatilhos.dizer(suspensos.desligados, suspensos.restam),
                *restricoes.dizer(soltas),
            ]

    def colunas_gravaveis(self, tabela: Tabela) -> tuple[str, ...]:
        """Todas as que não são geradas: as de identidade ALWAYS também se escrevem."""
        fora = set(tabela.nao_gravaveis) - set(tabela.identidades)
        return tuple(c.nome for c in tabela.colunas if c.nome not in fora)

    def indiziveis(self, _tabela: Tabela, _campos: Mapping[str, msgspec.Raw]) -> Collection[str]:
        """Nenhuma: um json vai sozinho, e o banco o guarda como o guardava."""
        return ()

    def sem_como_gravar(
        self, _tabela: Tabela, _campos: Mapping[str, msgspec.Raw] | None
    ) -> Mapping[str, str]:
        """Nada: todo valor tem um texto, e o texto o refaz."""
        return {}

    def existentes(
        self, no_escopo: TabelaNoEscopo, chaves: Sequence[tuple[bytes, ...]]
    ) -> list[bytes]:
        """As linhas com estas chaves que existem, de qualquer empresa: a chave e as ligações.
        Levanta FalhaDoServidor."""
        try:
            with self._banco.uma() as conexao, transacao(conexao):
                return prova.existentes(conexao, no_escopo, chaves)
        except psycopg.Error as e:
            raise na_consulta(e, no_escopo.tabela.nome) from e

    def dependentes_de_fora(
        self, no_escopo: TabelaNoEscopo, linhas: Sequence[bytes], dentro: Collection[str]
    ) -> Sequence[Dependente]:
        """O que aponta para estas linhas em tabelas que não são as de `dentro`, de qualquer schema.
        Levanta FalhaDoServidor."""
        tabela = no_escopo.tabela
        try:
            with self._banco.uma() as conexao, transacao(conexao):
                return self._ligacoes_em(conexao).dependentes(tabela, linhas, dentro)
        except psycopg.Error as e:
            raise na_consulta(e, tabela.nome) from e

    def provar_insercao(
        self, tabela: TabelaNoEscopo, linhas: Sequence[bytes], colunas: Sequence[str]
    ) -> EscritaRecusada | None:
        """O que o banco recusaria nestas linhas, numa transação sempre desfeita."""
        with self._provando(tabela.tabela.nome, [tabela.tabela.nome]) as (conexao, suspensos):
            escritor = prova.escritor(conexao, suspensos, self._ligacoes_em(conexao))
            recusa = prova.inserir(escritor, tabela, linhas, colunas)
            self._soltas.update(escritor.restricoes.soltas)
            return recusa

    def provar_alteracao(
        self, tabela: TabelaNoEscopo, linhas: Sequence[bytes], colunas: Sequence[str]
    ) -> EscritaRecusada | None:
        """O que o banco recusaria se linhas que existem ficassem assim, sem nunca gravá-las."""
        with self._provando(tabela.tabela.nome, [tabela.tabela.nome]) as (conexao, suspensos):
            escritor = prova.escritor(conexao, suspensos, self._ligacoes_em(conexao))
            recusa = prova.alterar(escritor, tabela.tabela, linhas, colunas)
            self._soltas.update(escritor.restricoes.soltas)
            return recusa

    def provar(
        self,
        no_escopo: TabelaNoEscopo,
        lotes: Iterator[Sequence[Acao]],
        colunas: Sequence[str],
        *,
        alterando: bool,
    ) -> Iterator[Prova]:
        """O que o banco recusaria, perguntado por vários lotes de uma vez; só se a resposta é não,
        por um de cada vez. Bastam as primeiras LINHAS_ENSAIADAS: o que ele recusar das outras
        desfaz a transação inteira, e é dito então."""
        um = self.provar_alteracao if alterando else self.provar_insercao

        def provar(juntos: Sequence[Sequence[Acao]]) -> Iterator[Prova]:
            todas = [acao for lote in juntos for acao in lote]
            feito = prova_de(lambda linhas: um(no_escopo, linhas, colunas), todas)
            if feito.erro is None or len(juntos) == 1:
                yield from (Prova(lote, feito.erro) for lote in juntos)
            else:
                yield from (e for lote in juntos for e in provar([lote]))

        primeiros = prova.primeiros(lotes)
        for juntos in em_lotes(
            primeiros, LINHAS_POR_CARGA, (len, LINHAS_POR_CARGA), (_bytes, BYTES_POR_CARGA)
        ):
            yield from provar(juntos)

    def _ligacoes_em(self, conexao: psycopg.Connection) -> Ligacoes:
        if self._ligacoes is None:
            self._ligacoes = Ligacoes.do_banco(conexao)
        return self._ligacoes.noutra(conexao)

    @contextlib.contextmanager
    def _provando(
        self, tabela: str, tabelas: Sequence[str]
    ) -> Iterator[tuple[psycopg.Connection, Suspensos]]:
        """Uma transação como a da restauração, que no fim é sempre desfeita."""
        with self._banco.uma() as conexao, vigiando(self._onde, conexao):
            try:
                conexao.execute(COMECO)
                suspensos = Suspensos(conexao, tabelas)
                logins = LoginsPorSql(num_ponto(conexao))
                # Onde um gatilho dispara, o que ele criasse estorvaria a prova: quem prova sabe
                # que login volta, e dá por resolvido o que só falta por ele.
                for login in () if self._supostos and logins.gatilhos() else self._supostos:
                    logins.criar(login)
                yield conexao, suspensos
            except psycopg.Error as e:
                raise na_consulta(e, tabela) from e
            finally:
                with contextlib.suppress(psycopg.Error):
                    conexao.execute("ROLLBACK")

    def varrer(self, tabela: Tabela, colunas: Sequence[str], padrao: str = "") -> Iterator[bytes]:
        """As linhas de todas as empresas, só com estas colunas. Levanta FalhaDoServidor."""
        with self._banco.uma() as conexao:
            yield from empresas.em_bytes(conexao, tabela, colunas, padrao, so_ela=True)

    def conectar(self) -> contextlib.AbstractContextManager[psycopg.Connection]:
        """Uma conexão ao banco, fora de transação, para o que não está em tabelas do projeto.
        Levanta FalhaDoServidor."""
        return self._banco.uma()

    def contar(self, tabela: str) -> int | None:
        """Todas as linhas da tabela, de todas as empresas; None se não se contam a tempo."""
        return sondas.contar(self._banco, self._catalogo.tabelas[tabela])

    def _conferir_projeto(self, daqui: Sequence[Empresa]) -> None:
        """Onde os endereços não dizem se a API e o banco são do mesmo projeto, as empresas dizem:
        uma vez por execução. Levanta ConfiguracaoInvalida ou FalhaDoServidor."""
        if self.api is None or not self.api.chave or not self._por_conferir:
            return
        # Só aqui: quem não tem a chave, ou tem um projeto do Supabase, não carrega o supabase-py.
        from cofre.via.api.via import ViaDaApi

        opcoes = (self.conexoes, self.tentativas, self.parar, self.ao_tentar_de_novo)
        pela_api = ViaDaApi(self.api, *opcoes)
        try:
            de_la = {e.id for e in pela_api.listar_empresas(self._catalogo, ())}
        finally:
            pela_api.fechar()
        if de_la and de_la.isdisjoint(e.id for e in daqui):
            raise ConfiguracaoInvalida(
                "O banco da SUPABASE_DB_URL não tem nenhuma das empresas que a API lista: não é do"
                " mesmo projeto.",
                "Corrija SUPABASE_URL ou SUPABASE_DB_URL no .env.",
            )
        self._por_conferir = False


def _bytes(lote: Sequence[Acao]) -> int:
    return sum(len(a.alvo or b"") for a in lote)
