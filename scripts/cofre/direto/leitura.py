"""As linhas de uma empresa por COPY, numa transação já aberta: nada aqui começa nem termina uma.

Quem fotografa para um backup abre um instante só de leitura; quem restaura pode ler de novo dentro
da sua própria transação, e vê o que acabou de escrever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec
import psycopg
from psycopg import sql

from cofre.direto.bloqueio import quem_segura
from cofre.direto.consulta import Catalogadas, linhas_da_empresa, tabelas_citadas
from cofre.direto.traducao import ALGUMA, SemConexao, na_consulta
from cofre.direto.tuplas import estragada, linhas_em_blocos
from cofre.erros import (
    FalhaDeLeitura,
    Interrompido,
    LinhaDeOutraEmpresa,
    RespostaInvalida,
    TabelaBloqueada,
)
from cofre.escopo import Donos, TabelaNoEscopo
from cofre.formato import Gravador, juntar
from cofre.modelo import Empresa, Tabela
from cofre.rascunho import Rascunho, Trecho
from cofre.via import Avanco

PONTO = "cofre_leitura"
"""O ponto de retorno: uma tabela que falha não derruba a transação. Um só basta, pois a leitura não
tem o que desfazer."""

_SEPARADAS = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(slots=True)
class TabelaDireta:
    """O que se leu de uma tabela de uma empresa, já em ordem; `falha` diz por que não deu."""

    tabela: Tabela
    rascunho: Rascunho
    falha: FalhaDeLeitura | None = None
    registros: int = 0
    _trechos: list[Trecho] = field(default_factory=list)

    def acrescentar(self, linhas: list[memoryview]) -> None:
        """Guarda mais linhas, na ordem. Levanta RespostaInvalida se não são JSON que se leia."""
        bloco = juntar(linhas)
        _conferir_json(bloco, len(linhas))
        self._trechos.append(self.rascunho.guardar(bloco))
        self.registros += len(linhas)

    def gravar(self, gravador: Gravador) -> tuple[int, str]:
        """Escreve todas as linhas; devolve quantas e o sha256."""
        for bloco in self.blocos():
            gravador.bloco(bloco)
        return self.registros, gravador.terminar()

    def blocos(self) -> Iterator[bytes]:
        """As linhas, já juntadas, na ordem da chave."""
        return map(self.rascunho.ler, self._trechos)


@dataclass(frozen=True, slots=True)
class Leitura:
    """Uma leitura da empresa na transação aberta em `conexao`."""

    conexao: psycopg.Connection
    empresa: Empresa
    donos: Donos
    catalogadas: Catalogadas
    rascunho: Callable[[], Rascunho]
    avanco: Avanco
    parar: threading.Event

    def ler(self, tabelas: Mapping[str, TabelaNoEscopo]) -> list[TabelaDireta]:
        """Todas as tabelas. Levanta SemConexao ou Interrompido; o que é de uma tabela só fica na
        `falha` dela."""
        lidas = [TabelaDireta(t.tabela, self.rascunho()) for t in tabelas.values()]
        self.conexao.execute(f"SAVEPOINT {PONTO}".encode())
        travadas = self._travar(tabelas, lidas)
        # Só agora se fixa o instante: depois da trava, nenhum TRUNCATE esvazia o que ele mostra.
        self.conexao.execute(f"SELECT pg_catalog.now(); SAVEPOINT {PONTO}".encode())
        for lida in travadas:
            self._tentar(lida, partial(self._copiar, lida, tabelas[lida.tabela.nome]))
        return lidas

    def _travar(
        self, tabelas: Mapping[str, TabelaNoEscopo], lidas: list[TabelaDireta]
    ) -> list[TabelaDireta]:
        """Segura as tabelas contra ALTER e TRUNCATE (não contra escritas) até a transação acabar.
        Todas de uma vez; se alguma não deixa, uma a uma, para se saber qual."""
        todas = list(dict.fromkeys(n for t in tabelas.values() for n in tabelas_citadas(t)))
        try:
            self._executar_trava(todas)
            return lidas
        except psycopg.Error as e:
            self._voltar(na_consulta(e, ALGUMA))
        for lida in lidas:
            nomes = list(tabelas_citadas(tabelas[lida.tabela.nome]))
            self._tentar(lida, partial(self._executar_trava, nomes))
            if lida.falha is None:
                self.conexao.execute(f"SAVEPOINT {PONTO}".encode())
        return [lida for lida in lidas if lida.falha is None]

    def _executar_trava(self, nomes: list[str]) -> None:
        quais = sql.SQL(", ").join(sql.Identifier("public", n) for n in nomes)
        self.conexao.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(quais))

    def _tentar(self, lida: TabelaDireta, fazer: Callable[[], None]) -> None:
        try:
            fazer()
        except psycopg.Error as e:
            lida.falha = na_consulta(e, lida.tabela.nome)
        except FalhaDeLeitura as e:
            lida.falha = e
        if lida.falha is not None:
            self._voltar(lida.falha)
        if isinstance(lida.falha, TabelaBloqueada):
            lida.falha = quem_segura(self.conexao, lida.tabela.nome)

    def _voltar(self, falha: FalhaDeLeitura) -> None:
        """Volta ao ponto, se ainda há conexão e ninguém pediu para parar."""
        if self.parar.is_set():
            raise Interrompido("Interrompido.")
        if isinstance(falha, SemConexao) or self.conexao.closed:
            raise falha
        self.conexao.execute(f"ROLLBACK TO SAVEPOINT {PONTO}".encode())

    def _copiar(self, lida: TabelaDireta, no_escopo: TabelaNoEscopo) -> None:
        consulta = linhas_da_empresa(no_escopo, self.empresa, self.catalogadas)
        if consulta is None:
            return
        copiar = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(consulta.texto)
        conferir = partial(self._e_da_empresa, no_escopo)
        with self.conexao.cursor() as cursor, cursor.copy(copiar) as copia:
            for linhas in linhas_em_blocos(copia, consulta.campos, conferir):
                self._guardar(lida, linhas)

    def _e_da_empresa(self, no_escopo: TabelaNoEscopo, valores: Sequence[str | None]) -> bool:
        """Pelo número do ramo e pelos elos da linha; falso se um elo que vem antes a dá a outra.
        Levanta LinhaDeOutraEmpresa."""
        elos = no_escopo.ramos[int(valores[0] or 0)].elos
        seus = valores[1 : 1 + len(elos)]
        minha = self.donos.e_da_empresa(self.empresa.id, elos, seus)
        if minha is None:
            raise LinhaDeOutraEmpresa(
                f"O servidor mandou, em {no_escopo.tabela.nome}, uma linha de outra empresa."
            )
        return minha

    def _guardar(self, lida: TabelaDireta, linhas: list[memoryview]) -> None:
        if self.parar.is_set():
            raise Interrompido("Interrompido.")
        lida.acrescentar(linhas)
        self.avanco(lida.tabela.nome, lida.registros, None)


def _conferir_json(bloco: bytes, linhas: int) -> None:
    try:
        achadas = len(_SEPARADAS.decode(b"[" + bloco + b"]"))
    except RecursionError:
        raise RespostaInvalida(
            "Um valor json tem níveis demais, um dentro do outro, para ser lido.",
            "Deixe-o com menos de 1.000 níveis e tente de novo.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise estragada() from None
    if achadas != linhas:
        raise estragada()
