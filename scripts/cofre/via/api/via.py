"""A fachada da API: o que os casos de uso pedem, e nada do HTTP."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec

from cofre.base.config.valores import ONDE_PEGAR_BANCO, Acesso, Regras
from cofre.base.equipe import Equipe
from cofre.base.erros import (
    ConsultaDemorada,
    Disputa,
    ErroDeUso,
    EscritaRecusada,
    FalhaDoServidor,
    PedidoRecusado,
    PermissaoNegada,
    TabelaInexistente,
)
from cofre.base.modelo import Catalogo, Empresa, Tabela
from cofre.escopo.donos import Donos, referencias_a_empresas
from cofre.escopo.escopo import Escopo, TabelaNoEscopo, definir
from cofre.plano.executor import Executor
from cofre.plano.impedimentos import Impedimento, Impedimentos
from cofre.plano.plano import Plano
from cofre.plano.tabela import Acao
from cofre.via.api import empresas, escrita, formas, heranca, prova
from cofre.via.api.cadencia import Cadencia
from cofre.via.api.catalogo import descobrir, nao_gravaveis
from cofre.via.api.chaves import completar_chaves
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Parametros, so_as_suas
from cofre.via.api.fila import lado_a_lado
from cofre.via.api.leitura import Leitura
from cofre.via.api.reescritas import Reescritas
from cofre.via.api.seguidas import Seguidas
from cofre.via.api.sondas import SondasDaApi
from cofre.via.contrato import (
    API,
    AoTentarDeNovo,
    Dependente,
    Entre,
    Inspecao,
    Prova,
    prova_de,
    ramos_de_agora,
)
from cofre.via.empresas import listar
from cofre.via.leitura import EmpresaLida, Instante, PedidoDeFoto
from cofre.via.logins.api import LoginsDaApi
from cofre.via.logins.login import Login

SO_DA_TABELA = (ConsultaDemorada, Disputa, PedidoRecusado)
"""Por que uma tabela fica sem resposta, e as outras não: está presa, ou disse o que não se
entende."""


@dataclass(slots=True)
class ViaDaApi:
    """A API do projeto. Um só para a execução inteira; vários fios o usam."""

    acesso: Acesso
    conexoes: int
    tentativas: int
    parar: threading.Event
    ao_tentar_de_novo: AoTentarDeNovo
    limite_por_segundo: float | None = None
    nome: str = field(init=False, default=API)
    atomica: bool = field(init=False, default=False)
    cadencia: Cadencia = field(init=False)
    """Quando parte cada pedido ao projeto, também os de outros que a partilhem."""
    _conexao: Conexao = field(init=False)
    _equipe: Equipe = field(init=False)
    _reescritas: Reescritas = field(init=False, default_factory=Reescritas)
    _seguidas: Seguidas = field(init=False, default_factory=Seguidas)
    _suas: dict[str, Parametros] = field(init=False, default_factory=dict)
    """Por tabela, o filtro que deixa de fora as linhas das que herdam dela."""
    _nao_herdam: set[heranca.Par] = field(init=False, default_factory=set)
    """O que já se soube, e não pode mudar sem que mude o esquema."""

    def __post_init__(self) -> None:
        self._equipe = Equipe(self.conexoes, self.parar, "leitura")
        self.cadencia = Cadencia(self.limite_por_segundo, self.parar)
        self._conexao = Conexao(
            self.acesso,
            conexoes=self.conexoes,
            tentativas=self.tentativas,
            parar=self.parar,
            ao_tentar_de_novo=self.ao_tentar_de_novo,
            cadencia=self.cadencia,
        )

    @property
    def origem(self) -> str:
        """A SUPABASE_URL."""
        return self.acesso.url

    @property
    def logins(self) -> LoginsDaApi:
        """Pela API de administração do Auth."""
        return LoginsDaApi(self._conexao, self._equipe)

    def fechar(self) -> None:
        """Encerra conexões e fios."""
        self._equipe.encerrar()
        self._seguidas.fechar()
        self._conexao.fechar()

    def segurar_instante(self) -> contextlib.AbstractContextManager[Instante]:
        """Não há: cada pedido é uma transação. Levanta ErroDeUso."""
        raise ErroDeUso(
            "Pela API não se lê o projeto inteiro de um só instante: cada pedido é de um.",
            f"A conexão direta sabe. {ONDE_PEGAR_BANCO}",
        )

    def inspecionar(self, regras: Regras, _instante: Instante | None = None) -> Inspecao:
        """Catálogo, escopo e empresas. Levanta FalhaDoServidor."""
        sondas = SondasDaApi(self._conexao)
        catalogo = descobrir(self._conexao, self._equipe)
        catalogo = completar_chaves(catalogo, sondas, self._equipe)
        referencias = referencias_a_empresas(catalogo)
        # Uma lista é uma página depois da outra: pede-se enquanto se pergunta o resto.
        listar_se = self._equipe.comecar(partial(self.listar_empresas, catalogo, referencias))
        escopo = self._cada_linha_na_sua(definir(catalogo, regras, sondas, self._equipe.cada))
        todas = listar_se()
        return Inspecao(catalogo, escopo, todas, Donos(todas, referencias))

    def conhecer(self, inspecao: Inspecao) -> None:
        """Nada a lembrar além do que se conta de cada tabela."""
        self._suas.update({n: so_as_suas(t.tabela) for n, t in inspecao.escopo.tabelas.items()})

    def listar_empresas(
        self, catalogo: Catalogo, referencias: Iterable[str]
    ) -> tuple[Empresa, ...]:
        """Todas as empresas, por nome. Levanta FalhaDoServidor."""
        return listar(catalogo, referencias, partial(empresas.linhas, self._conexao))

    def com_ramos_de_agora(self, escopo: Escopo, inspecao: Inspecao, regras: Regras) -> Escopo:
        """O mesmo escopo, com os caminhos até a empresa que os dados de agora pedem: uma tabela que
        não tinha linhas sem dono pode ter passado a ter."""
        sondas = SondasDaApi(self._conexao)
        novo = ramos_de_agora(escopo, inspecao, regras, sondas, self._equipe.cada)
        return self._cada_linha_na_sua(novo, entre=inspecao.escopo)

    def _cada_linha_na_sua(self, escopo: Escopo, entre: Escopo | None = None) -> Escopo:
        """O mesmo escopo, sabendo quem herda de quem `entre` estas tabelas (as dele, se não se
        diz): uma filha que não tinha linhas pode ter passado a ter."""
        tabelas = [t.tabela for t in (entre or escopo).tabelas.values()]
        achadas = heranca.achar(self._conexao, self._equipe, tabelas, self._nao_herdam)
        novo = replace(escopo, tabelas=heranca.com_herdeiras(escopo.tabelas, achadas))
        self._suas.update({n: so_as_suas(t.tabela) for n, t in novo.tabelas.items()})
        return novo

    def com_nao_gravaveis(self, escopo: Escopo) -> Escopo:
        """O mesmo escopo, sabendo as colunas que não podem ser escritas (nada é escrito); fica
        `sem_resposta` a tabela presa por alguém, e a que respondeu o que não se entende. Levanta
        FalhaDoServidor."""

        def completar(no_escopo: TabelaNoEscopo) -> tuple[TabelaNoEscopo, FalhaDoServidor | None]:
            try:
                tabela = nao_gravaveis(self._conexao, no_escopo.tabela)
            except (PermissaoNegada, TabelaInexistente):
                return no_escopo, None  # sem permissão de escrita: a leitura não depende disto
            except SO_DA_TABELA as e:
                return no_escopo, e
            return replace(no_escopo, tabela=tabela), None

        completas = self._equipe.cada(completar, escopo.tabelas.values())
        tabelas = {t.tabela.nome: t for t, _ in completas}
        sem_resposta = {t.tabela.nome: falha for t, falha in completas if falha is not None}
        return replace(escopo, tabelas=tabelas, sem_resposta=sem_resposta)

    def fotografar(self, pedido: PedidoDeFoto) -> Mapping[str, EmpresaLida]:
        """As empresas, por id, nos rascunhos. Uma tabela que falha traz a `falha`."""
        if not pedido.seguida:
            return Leitura(self._conexao, self._equipe, self.conexoes, pedido).ler()
        with self._seguidas.retomando() as series:
            return Leitura(self._conexao, self._equipe, self.conexoes, pedido, series).ler()

    @contextlib.contextmanager
    def escrevendo(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Iterator[ViaDaApi]:
        """A própria via: pela API, cada pedido vale assim que é respondido."""
        yield self

    def confirmar(self) -> None:
        """Nada a fazer: já vale."""

    def supondo(self, logins: Sequence[Login]) -> ViaDaApi:
        """A própria via: pela API nada se cria por um instante só. Quem prova sabe quais são."""
        return self

    def como_escreve(self, tabelas: Mapping[str, TabelaNoEscopo]) -> Sequence[str]:
        """Nada a dizer: nenhuma tabela é travada."""
        return ()

    def colunas_gravaveis(self, tabela: Tabela) -> tuple[str, ...]:
        """As que não são geradas nem de identidade ALWAYS."""
        return tuple(c.nome for c in tabela.colunas if c.nome not in tabela.nao_gravaveis)

    def sem_como_gravar(
        self, tabela: Tabela, campos: Mapping[str, msgspec.Raw] | None
    ) -> Mapping[str, str]:
        """As que guardam JSON, quando ele não fica como era (ver `formas`)."""
        return formas.sem_como_gravar(tabela, campos)

    def executar(
        self,
        plano: Plano,
        escopo: Mapping[str, TabelaNoEscopo],
        ao_avancar: Callable[[str, str, int], None],
        aceitos: Set[str] = frozenset(),
    ) -> list[Impedimento]:
        """Executa um plano uma vez; devolve o que o banco recusou. Levanta FalhaDoServidor."""
        self._seguidas.mexeu({n: c.diferencas for n, c in plano.contagens.items()})
        escritor = escrita.EscritorDaApi(self._conexao, self._equipe, self._reescritas)
        impedimentos, inuteis = Impedimentos(aceitos), self._reescritas.inuteis(plano)
        feitos = Executor(escritor, escopo, ao_avancar, impedimentos, inuteis).executar(plano)
        self._reescritas.fim_da_passada(plano)
        return feitos

    def indiziveis(self, tabela: Tabela, campos: Mapping[str, msgspec.Raw]) -> Collection[str]:
        """As que só a conexão direta escreve (ver `indizivel`)."""
        return formas.indiziveis(tabela, campos)

    def existentes(
        self, no_escopo: TabelaNoEscopo, chaves: Sequence[tuple[bytes, ...]]
    ) -> list[bytes]:
        """As linhas com estas chaves que existem, de qualquer empresa: a chave e as ligações."""
        return prova.existentes(self._conexao, no_escopo, chaves)

    def dependentes_de_fora(
        self, no_escopo: TabelaNoEscopo, linhas: Sequence[bytes], dentro: Collection[str]
    ) -> Sequence[Dependente]:
        """Nada: a API não mostra as chaves das tabelas que ela não descreve."""
        return ()

    def ha_recentes(
        self, tabela: Tabela, dono: str, fora: Sequence[str], datas: Sequence[str], entre: Entre
    ) -> bool:
        """Se outros donos têm linhas deste tempo; na dúvida, sim."""
        return SondasDaApi(self._conexao).ha_recentes(tabela.nome, dono, fora, datas, entre)

    def provar(
        self,
        no_escopo: TabelaNoEscopo,
        lotes: Iterator[Sequence[Acao]],
        colunas: Sequence[str],
        *,
        alterando: bool,
    ) -> Iterator[Prova]:
        """O que o banco recusaria em cada lote, na ordem; vários se ensaiam ao mesmo tempo."""
        provar = prova.provar_alteracao if alterando else prova.provar_insercao

        def um(lote: Sequence[Acao], insistir: bool) -> Prova:
            def perguntar(linhas: Sequence[bytes]) -> EscritaRecusada | None:
                return provar(self._conexao, no_escopo.tabela, linhas, colunas, insistir=insistir)

            return prova_de(perguntar, lote)

        return lado_a_lado(self._equipe, um, lotes)

    def varrer(self, tabela: Tabela, colunas: Sequence[str], padrao: str = "") -> Iterator[bytes]:
        """As linhas de todas as empresas, só com estas colunas. Levanta FalhaDoServidor."""
        filtro = empresas.que_casam(tabela, colunas, padrao)
        return empresas.em_bytes(self._conexao, tabela, colunas, filtro)

    def contar(self, tabela: str, _instante: Instante | None = None) -> int | None:
        """Todas as linhas da tabela, de todas as empresas; None se o servidor não conta a tempo."""
        try:
            suas = self._suas.get(tabela, ())
            return self._conexao.ler(tabela, "*", suas, contar=True, limite=0).total
        except ConsultaDemorada:
            return None
