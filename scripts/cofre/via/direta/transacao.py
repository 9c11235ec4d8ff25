"""A restauração pela via direta: uma transação, com os gatilhos suspensos, que só vale se, no fim,
cada ligação fecha.

É READ COMMITTED de propósito: cada comando vê o que os outros já confirmaram, e as travas de linha
fazem o resto. Uma foto tirada por aqui mostra o que a transação já escreveu.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import msgspec
import psycopg

from cofre.base.config.valores import Regras
from cofre.base.erros import (
    DesfechoIncerto,
    EscritaRecusada,
    FalhaDoServidor,
    Interrompido,
    RestauracaoRecusada,
)
from cofre.base.modelo import Tabela
from cofre.escopo.escopo import Escopo, TabelaNoEscopo
from cofre.plano.executor import Executor
from cofre.plano.impedimentos import Impedimento, Impedimentos
from cofre.plano.lotes import em_lotes
from cofre.plano.plano import Plano
from cofre.plano.recusas import causa
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR, Acao
from cofre.via.contrato import DIRETA, Inspecao, ramos_de_agora
from cofre.via.direta import prova, sequencias
from cofre.via.direta.erros import ALGUMA, SemConexao, na_consulta, na_escrita
from cofre.via.direta.escrita import EscritorDireto
from cofre.via.direta.gatilhos import Suspensos
from cofre.via.direta.leitura import Leitura
from cofre.via.direta.sondas import SondasDaqui
from cofre.via.leitura import EmpresaLida, PedidoDeFoto
from cofre.via.logins.sql import LoginsPorSql, num_ponto

METODO = "dentro da transação da restauração"
LINHAS_POR_CONFERENCIA = 10_000
BYTES_POR_CONFERENCIA = 4 * 1024 * 1024


@dataclass(slots=True)
class Transacao:
    """Uma `cofre.via.contrato.Escrita` na transação aberta em `conexao`."""

    conexao: psycopg.Connection
    catalogadas: Mapping[str, Tabela]
    parar: threading.Event
    suspensos: Suspensos
    escritor: EscritorDireto
    origem: str
    nome: str = DIRETA
    confirmada: bool = False
    _planos: list[Plano] = field(default_factory=list)

    @property
    def logins(self) -> LoginsPorSql:
        """Os do projeto, como a transação os vê; o que se cria vale com ela."""
        return LoginsPorSql(num_ponto(self.conexao))

    def com_ramos_de_agora(self, escopo: Escopo, inspecao: Inspecao, regras: Regras) -> Escopo:
        """O mesmo escopo, com os caminhos que os dados pedem, como a transação os vê."""
        return ramos_de_agora(escopo, inspecao, regras, SondasDaqui(self.conexao))

    def fotografar(self, pedido: PedidoDeFoto) -> Mapping[str, EmpresaLida]:
        """As empresas como estão, com o que a transação já escreveu. Levanta FalhaDoServidor."""
        leitura = Leitura(self.conexao, pedido, self.catalogadas, self.parar, um_instante=False)
        try:
            # Cada tabela é lida num instante seu: os outros continuam a escrever.
            lidas = leitura.ler()
        except psycopg.Error as e:
            raise na_consulta(e, ALGUMA) from e
        return {empresa: EmpresaLida(t, False, 1, METODO) for empresa, t in lidas.items()}

    def sem_como_gravar(
        self, _tabela: Tabela, _campos: Mapping[str, msgspec.Raw] | None
    ) -> Mapping[str, str]:
        """Nada: todo valor tem um texto, e o texto o refaz."""
        return {}

    def existentes(
        self, no_escopo: TabelaNoEscopo, chaves: Sequence[tuple[bytes, ...]]
    ) -> list[bytes]:
        """Como a transação as vê. Levanta FalhaDoServidor."""
        try:
            with self.conexao.transaction():
                return prova.existentes(self.conexao, no_escopo, chaves)
        except psycopg.Error as e:
            raise na_consulta(e, no_escopo.tabela.nome) from e

    def executar(
        self,
        plano: Plano,
        escopo: Mapping[str, TabelaNoEscopo],
        ao_avancar: Callable[[str, str, int], None],
        aceitos: Set[str] = frozenset(),
    ) -> list[Impedimento]:
        """Executa um plano uma vez; devolve o que o banco recusou. Levanta FalhaDoServidor."""
        self._planos.append(plano)

        def avancar(tabela: str, acao: str, linhas: int) -> None:
            if self.parar.is_set():
                raise Interrompido("Interrompido.")
            ao_avancar(tabela, acao, linhas)

        for nome in plano.tabelas:
            acoes = (plano.acoes(nome, tipo) for tipo in (ALTERAR, REMOVER))
            self.escritor.dar_lugar(escopo[nome], itertools.chain.from_iterable(acoes))
        impedimentos = Executor(self.escritor, escopo, avancar, Impedimentos(aceitos)).executar(
            plano
        )
        self._disparar_adiados()
        return impedimentos

    def _disparar_adiados(self) -> None:
        """Os gatilhos que o banco deixou para o fim disparam agora, para que a próxima foto mostre
        o que fizeram. Se algum recusa, é ao confirmar que isso se diz."""
        with contextlib.suppress(psycopg.Error), self.conexao.transaction():
            self.conexao.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")

    def confirmar(self) -> None:
        """Confere as ligações, adianta as sequências e confirma. Levanta RestauracaoRecusada,
        FalhaDoServidor ou DesfechoIncerto."""
        try:
            self._conferir_ligacoes()
            self.escritor.pontos.restricoes.devolver()
            self.suspensos.devolver()
            contagens = [par for p in self._planos for par in p.contagens.items()]
            tocadas = {n for n, c in contagens if c.repor or c.alterar}
            sequencias.adiantar(self.conexao, sorted(tocadas))
        except EscritaRecusada as e:
            raise _recusada(e) from e
        except psycopg.Error as e:
            erro = na_escrita(e, ALGUMA)
            raise (_recusada(erro) if isinstance(erro, EscritaRecusada) else erro) from e
        try:
            resposta = self.conexao.execute("COMMIT").statusmessage
        except KeyboardInterrupt:
            raise _incerto("Você interrompeu") from None
        except psycopg.Error as e:
            erro = na_escrita(e, ALGUMA)
            if isinstance(erro, EscritaRecusada):
                raise _recusada(erro) from e
            if not isinstance(erro, SemConexao):
                raise erro from e  # o banco respondeu: desfez tudo
            raise _incerto("A conexão caiu") from e
        if resposta != "COMMIT":  # numa transação abortada, o banco responde ROLLBACK, sem erro
            raise FalhaDoServidor("O banco desfez a transação em vez de confirmá-la.", "")
        self.confirmada = True

    def _conferir_ligacoes(self) -> None:
        """Com o papel de réplica o banco não as confere. As mães do que entrou ou mudou, o escritor
        já exigiu, fora as que se adiam; faltam essas, os valores únicos que se adiam, e que nada
        tenha ficado sem o que saiu ou mudou."""
        ligacoes = self.escritor.pontos.ligacoes
        if ligacoes is None:
            self.conexao.execute("SET CONSTRAINTS ALL IMMEDIATE")
            return
        for plano in self._planos:
            for tabela in (self.catalogadas[n] for n in plano.tabelas):
                for lote in _lotes(plano, tabela.nome, (REMOVER, ALTERAR), lambda a: a.atual):
                    ligacoes.exigir_sem_filhas(tabela, lote)
                if not ligacoes.adiadas(tabela.nome):
                    continue
                for lote in _lotes(plano, tabela.nome, (REPOR, ALTERAR), lambda a: a.alvo):
                    ligacoes.exigir_maes_adiadas(tabela, lote)
                    ligacoes.exigir_unicas(tabela, lote)


def _lotes(
    plano: Plano, tabela: str, tipos: Sequence[str], qual: Callable[[Acao], bytes | None]
) -> Iterator[list[bytes]]:
    acoes = itertools.chain.from_iterable(plano.acoes(tabela, tipo) for tipo in tipos)
    linhas = (linha for acao in acoes if (linha := qual(acao)) is not None)
    yield from em_lotes(linhas, LINHAS_POR_CONFERENCIA, (len, BYTES_POR_CONFERENCIA))


def _incerto(causa: str) -> DesfechoIncerto:
    return DesfechoIncerto(
        f"{causa} na hora de confirmar: o que se escreveu pode ter valido ou não.",
        "Concluir confere e, se preciso, faz o que falta.",
    )


def _recusada(erro: EscritaRecusada) -> RestauracaoRecusada:
    return RestauracaoRecusada(
        f"O banco não aceitaria o resultado: {causa(erro)}.",
        "A transação foi desfeita: nada foi alterado. Se falta uma linha-mãe, restaure também a\n"
        "tabela dela; se algo usa uma linha que sairia, escolha também a tabela citada.",
    )
