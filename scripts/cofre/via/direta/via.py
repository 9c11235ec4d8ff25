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
from cofre.base.erros import Interrompido
from cofre.base.modelo import Catalogo, Tabela
from cofre.escopo.donos import Donos, referencias_a_empresas
from cofre.escopo.escopo import Escopo, TabelaNoEscopo, definir
from cofre.plano.tabela import Acao
from cofre.via.contrato import (
    DIRETA,
    AoTentarDeNovo,
    Dependente,
    Entre,
    Inspecao,
    Prova,
    ramos_de_agora,
)
from cofre.via.direta import catalogo, empresas, endereco, mesmo_projeto, prova, sondas
from cofre.via.direta.conexao import (
    ESCREVENDO,
    INSTANTE,
    Conexoes,
    ate_ao_fim,
    conectar,
    transacao,
)
from cofre.via.direta.endereco import Endereco
from cofre.via.direta.erros import ALGUMA, SemConexao, na_consulta
from cofre.via.direta.gatilhos import Suspensos
from cofre.via.direta.instante import segurando
from cofre.via.direta.leitura import Leitura
from cofre.via.direta.mudadas import Duvida
from cofre.via.direta.prova import Provas
from cofre.via.direta.transacao import Transacao
from cofre.via.direta.travas import vigiando
from cofre.via.empresas import listar
from cofre.via.leitura import EmpresaLida, Instante, PedidoDeFoto
from cofre.via.logins.login import Login
from cofre.via.logins.sql import LoginsPorSql, num_ponto

METODO = "uma transação REPEATABLE READ, READ ONLY"
METODO_DE_TODOS = f"{METODO}, no instante de todas as empresas"
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
    _banco: Conexoes = field(init=False)
    _provas: Provas = field(init=False)
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
        self._provas = Provas(self._banco, self._onde)

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

    @contextlib.contextmanager
    def segurar_instante(self) -> Iterator[Instante]:
        """Numa conexão a mais, que não lê. Levanta FalhaDoServidor."""
        with contextlib.closing(conectar(self._onde)) as conexao:
            try:
                conexao.execute(INSTANTE)
                seguro = contextlib.ExitStack()
                instante = seguro.enter_context(segurando(conexao))
            except psycopg.Error as e:
                raise na_consulta(e, ALGUMA) from e
            with seguro:
                yield instante
            with contextlib.suppress(psycopg.Error):  # larga-o já, e não quando o servidor notar
                conexao.execute("ROLLBACK")

    def inspecionar(self, regras: Regras, instante: Instante | None = None) -> Inspecao:
        """Catálogo (o de agora), escopo e empresas. Levanta FalhaDoServidor ou
        ConfiguracaoInvalida."""
        with self._banco.uma() as conexao:
            self._catalogo = catalogo.descobrir(conexao)
            self._provas.esquecer()
            referencias = referencias_a_empresas(self._catalogo)
            linhas = partial(empresas.linhas, conexao, instante)
            todas = listar(self._catalogo, referencias, linhas)
        if self._por_conferir and self.api is not None and self.api.chave:
            limites = (self.conexoes, self.tentativas, self.parar, self.ao_tentar_de_novo)
            mesmo_projeto.exigir(self.api, limites, self._catalogo, todas)
            self._por_conferir = False
        escopo = definir(self._catalogo, regras, sondas.SondasDoBanco(self._banco, instante))
        return Inspecao(self._catalogo, escopo, todas, Donos(todas, referencias))

    def conhecer(self, inspecao: Inspecao) -> None:
        """O catálogo, que outro processo leu."""
        self._catalogo = inspecao.catalogo
        self._provas.esquecer()

    def com_ramos_de_agora(self, escopo: Escopo, inspecao: Inspecao, regras: Regras) -> Escopo:
        """O mesmo escopo, com os caminhos até a empresa que os dados de agora pedem."""
        return ramos_de_agora(escopo, inspecao, regras, sondas.SondasDoBanco(self._banco))

    def com_nao_gravaveis(self, escopo: Escopo) -> Escopo:
        """O mesmo escopo: o catálogo do banco já diz o que não se escreve."""
        return escopo

    def fotografar(self, pedido: PedidoDeFoto) -> Mapping[str, EmpresaLida]:
        """As empresas, por id, todas de um só instante. Uma tabela que falha traz a `falha`, em
        todas elas. Levanta FalhaDoServidor (InstantePerdido) ou Interrompido."""
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
            comeco = INSTANTE if pedido.instante is None else ""
            leitura = Leitura(conexao, pedido, self._catalogo.tabelas, self.parar, comeco=comeco)
            aberta = ate_ao_fim(conexao) if comeco else transacao(conexao, instante=pedido.instante)
            try:
                with aberta:
                    lidas = leitura.ler()
                    if pedido.no_instante is not None:
                        pedido.no_instante(LoginsPorSql(num_ponto(conexao)))
            except psycopg.Error as e:
                if self.parar.is_set():
                    raise Interrompido("Interrompido.") from None
                raise na_consulta(e, ALGUMA) from e
        metodo = METODO if pedido.instante is None else METODO_DE_TODOS
        return {empresa: EmpresaLida(t, True, 1, metodo) for empresa, t in lidas.items()}

    @contextlib.contextmanager
    def escrevendo(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Iterator[Transacao]:
        """Uma transação; o que não for confirmado até sair é desfeito. Levanta FalhaDoServidor."""
        with self._banco.uma() as conexao, vigiando(self._onde, conexao):
            aberta: Transacao | None = None
            try:
                conexao.execute(ESCREVENDO)
                suspensos = Suspensos(conexao, list(tabelas))
                escritor = prova.escritor(conexao, suspensos, adiar=True)
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
        outra._provas = self._provas.supondo(logins)
        return outra

    def como_escreve(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Sequence[str]:
        """Se os gatilhos se suspendem, e o que fica travado. Levanta FalhaDoServidor."""
        return self._provas.como_escreve(tabelas)

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
                return self._provas.ligacoes_em(conexao).dependentes(tabela, linhas, dentro)
        except psycopg.Error as e:
            raise na_consulta(e, tabela.nome) from e

    def ha_recentes(
        self, tabela: Tabela, dono: str, fora: Sequence[str], datas: Sequence[str], entre: Entre
    ) -> bool:
        """Se outros donos têm linhas deste tempo; na dúvida, sim."""
        return sondas.SondasDoBanco(self._banco).ha_recentes(tabela.nome, dono, fora, datas, entre)

    def provar(
        self,
        no_escopo: TabelaNoEscopo,
        lotes: Iterator[Sequence[Acao]],
        colunas: Sequence[str],
        *,
        alterando: bool,
    ) -> Iterator[Prova]:
        """O que o banco recusaria destes lotes (ver `Provas`). Levanta FalhaDoServidor."""
        return self._provas.provar(no_escopo, lotes, colunas, alterando=alterando)

    def varrer(self, tabela: Tabela, colunas: Sequence[str], padrao: str = "") -> Iterator[bytes]:
        """As linhas de todas as empresas, só com estas colunas. Levanta FalhaDoServidor."""
        with self._banco.uma() as conexao:
            yield from empresas.em_bytes(conexao, tabela, colunas, padrao, so_ela=True)

    def conectar(self) -> contextlib.AbstractContextManager[psycopg.Connection]:
        """Uma conexão ao banco, fora de transação, para o que não está em tabelas do projeto.
        Levanta FalhaDoServidor."""
        return self._banco.uma()

    def contar(self, tabela: str, instante: Instante | None = None) -> int | None:
        """Todas as linhas da tabela, de todas as empresas; None se não se contam a tempo."""
        return sondas.contar(self._banco, self._catalogo.tabelas[tabela], instante)
