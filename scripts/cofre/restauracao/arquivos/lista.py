"""A lista dos arquivos, como quem a restaura a vê."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cofre.base.config.valores import COLUNA
from cofre.base.erros import BackupDanificado, EscritaRecusada
from cofre.base.linha import Linha
from cofre.base.modelo import ARQUIVOS
from cofre.base.palavras import plural
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.guarda import Conteudos
from cofre.deposito.diario import BALDES_CRIADOS, Diario
from cofre.escopo.arquivos import Decisao, DonosDeArquivos
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.foto.storage.linha import CHAVE
from cofre.plano.alvo import Alvo
from cofre.plano.escritor import MUDOU
from cofre.plano.impedimentos import Impedimento, Impedimentos
from cofre.plano.lotes import em_lotes
from cofre.plano.plano import Plano
from cofre.plano.recusas import causa
from cofre.plano.tabela import ALTERAR, REPOR
from cofre.restauracao.arquivos import riscos
from cofre.restauracao.arquivos.execucao import Execucao, Meios, citados
from cofre.restauracao.arquivos.linha import (
    DA_IDENTIDADE,
    DO_CONTEUDO,
    Arquivo,
    baldes_salvos,
    ler,
    no_escopo,
)
from cofre.restauracao.arquivos.nomeados import Nomeados, nomeados
from cofre.restauracao.listas import AoAvancar, Caso, Dito
from cofre.restauracao.risco import Risco
from cofre.via.arquivos import remocao
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.objetos import Balde, Objeto
from cofre.via.contrato import DIRETA
from cofre.via.logins.login import momento

if TYPE_CHECKING:  # só quem tem a conexão direta tem o psycopg
    from cofre.via.arquivos.identidade import Conectar

JA_LA = "arquivos_que_ja_la_estavam"
"""No diário: quantos se iam repor, e não foi preciso."""
DE_ANTES = "pre_restauracao"
"""O tipo da foto que se tira antes de escrever."""
POR_PERGUNTA = 2000
"""Arquivos de que se pergunta ao banco, de uma vez, de quem são."""


@runtime_checkable
class DoStorage(Protocol):
    """A fonte que fotografa os arquivos."""

    @property
    def armazem(self) -> Armazem:
        """O Storage do projeto."""

    def regra(self) -> DonosDeArquivos:
        """De quem é cada arquivo, como a última foto o viu."""


@dataclass(slots=True)
class ListaDeArquivos:
    """Ver `cofre.restauracao.listas.Lista`."""

    fonte: DoStorage
    relato: Relato
    conexoes: int
    parar: threading.Event
    nome: str = field(init=False, default=ARQUIVOS)
    no_escopo: TabelaNoEscopo = field(init=False, default_factory=no_escopo)
    _alvo: Alvo | None = field(init=False, default=None)
    _diario: Diario | None = field(init=False, default=None)
    _ditas: set[str] = field(init=False, default_factory=set)
    _nomeados: tuple[bytes, Nomeados] | None = field(init=False, default=None)
    _de_outra: frozenset[tuple[str, str]] = field(init=False, default=frozenset())

    def comecar(self, alvo: Alvo, diario: Diario | None) -> None:
        self._alvo, self._diario = alvo, diario

    @property
    def armazem(self) -> Armazem:
        """O Storage do projeto."""
        return self.fonte.armazem

    @property
    def conectar(self) -> Conectar | None:
        """A conexão direta, se há uma."""
        return self.armazem.conectar

    @property
    def direta(self) -> bool:
        """Se há conexão direta."""
        return self.conectar is not None

    @property
    def alvo(self) -> Alvo:
        """O de `comecar`."""
        assert self._alvo is not None
        return self._alvo

    @property
    def com_identidade(self) -> bool:
        """Se o dono, o id e a data se comparam e se devolvem: há conexão direta, e o backup foi
        feito por uma (pela API não se sabe o dono, e a data não é inteira)."""
        meta = self._alvo.backup.meta if self._alvo else None
        return self.conectar is not None and meta is not None and meta.origem.get("via") == DIRETA

    def colunas_gravaveis(self) -> tuple[str, ...]:
        return (*CHAVE, *DO_CONTEUDO, *(DA_IDENTIDADE if self.com_identidade else ()))

    def nao_via(self, backup: Backup, linha: Linha) -> bool:
        """Um que só uma linha diz ser da empresa pode ter existido, sem que nenhuma o nomeasse, ou
        ser de outra que o não nomeia. E pela API não se sabe quem enviou cada um: um backup feito
        por ela não vê os que só isso diz serem dela. Ao desfazer, sai o que se pôs depois da
        foto de antes: o que o Storage diz mais velho do que ela já lá estava."""
        meta, arquivo = backup.meta, ler(bytes(linha))
        salva = meta.tabelas.get(ARQUIVOS) if meta else None
        if meta is None or salva is None or arquivo is None:
            return False
        regra, empresa = self.fonte.regra(), self.alvo.empresa.id
        sem, com = (
            regra.decidir(arquivo.balde, arquivo.nome, dono) for dono in (None, arquivo.dono)
        )
        if com.solto:
            if regra.regra(arquivo.balde).dono == COLUNA:
                return False
            mudado = momento(arquivo.mudado)
            return meta.tipo != DE_ANTES or (mudado is not None and mudado < backup.quando)
        return salva.notas.get("com_dono") is False and com.empresa == empresa != sem.empresa

    def conferir(self, plano: Plano) -> None:
        """Levanta BackupDanificado se o backup põe arquivos que hoje são de outra empresa."""
        empresa = self.alvo.empresa.id
        alheios = sum(
            self.decidir(arquivo.objeto).empresa not in (None, empresa)
            for _acao, arquivo in citados(plano, (REPOR, ALTERAR))
        )
        if alheios:
            raise BackupDanificado(
                f"O backup traz {plural(alheios, 'arquivo', 'arquivos')} de outra empresa. Nada foi"
                " alterado.",
                "Não foi assim que ele foi gravado, ou a pasta mudou de dono. Escolha outra data.",
            )

    def nomeados(self, caso: Caso) -> Nomeados:
        """O que as linhas nomeiam depois deste plano: uma vez por plano. Levanta
        FalhaDoServidor."""
        qual = caso.plano.assinatura()
        if self._nomeados is None or self._nomeados[0] != qual:
            self._nomeados = qual, nomeados(caso, self.armazem)
        return self._nomeados[1]

    def decidir(self, objeto: Objeto) -> Decisao:
        """De quem o arquivo é, ou será: quem o enviou só conta se se pode devolver."""
        dono = objeto.dono if self.com_identidade else None
        return self.fonte.regra().decidir(objeto.balde, objeto.nome, dono)

    def riscos(self, caso: Caso) -> Iterator[Risco]:
        self._ver_os_de_outra(caso.plano)
        return riscos.riscos(caso, self)

    def _ver_os_de_outra(self, plano: Plano) -> None:
        """Dos que se iam repor e que nada no backup diz de quem são, os que hoje lá estão e são de
        outra: quem os enviou só o banco diz, e um backup feito pela API não o soube. Levanta
        FalhaDoServidor."""
        if (tabelas := self.armazem.tabelas) is None:
            return
        repostos = (arquivo.objeto for _acao, arquivo in citados(plano, (REPOR,)))
        soltos = (o.chave for o in repostos if self.decidir(o).solto)
        regra, nossas, de_outra = self.fonte.regra(), (None, self.alvo.empresa.id), []
        for lote in em_lotes(soltos, POR_PERGUNTA):
            for o in tabelas.achar(lote):
                if regra.decidir(o.balde, o.nome, o.dono).empresa not in nossas:
                    de_outra.append(o.chave)
        self._de_outra = frozenset(de_outra)

    def ditos(self, caso: Caso) -> Dito:
        return riscos.ditos(caso, self)

    @property
    def baldes_salvos(self) -> dict[str, Balde]:
        """Como eram os baldes quando se fez o backup."""
        meta = self.alvo.backup.meta
        return baldes_salvos(meta.tabelas.get(ARQUIVOS) if meta else None)

    # -- executar ----------------------------------------------------------------------------

    def executar(self, plano: Plano, ao_avancar: AoAvancar, aceitos: Set[str]) -> list[Impedimento]:
        self._ver_os_de_outra(plano)
        conteudos = Conteudos(self.alvo.backup.pasta, None)
        meios = Meios(
            self.armazem,
            self.conectar if self.com_identidade else None,
            self.conexoes,
            self.parar,
            lambda arquivo: conteudos.abrir(*_onde_esta(arquivo)),
            self.e_desta,
            self._criar,
            self._contando(plano),
            self._sem_identidade,
        )
        execucao = Execucao(meios, plano, ao_avancar, Impedimentos(aceitos))
        impedimentos = execucao.executar()
        ja_la = sum(i.acao == REPOR and i.erro.codigo_sql == MUDOU for i in impedimentos)
        if ja_la and self._diario is not None:
            self._diario.anotar(**{JA_LA: self._diario.dados.get(JA_LA, 0) + ja_la})
        return impedimentos

    def sem_identidade(self, repostos: int) -> int:
        """Nenhum, se ela se devolve; nem os que afinal já lá estavam."""
        if self.com_identidade or self._diario is None:
            return 0
        return max(repostos - int(self._diario.dados.get(JA_LA, 0)), 0)

    def _sem_identidade(self, recusa: EscritaRecusada) -> None:
        dito = causa(recusa)
        if dito not in self._ditas:
            self._ditas.add(dito)
            self.relato.aviso(f"O banco não devolve o id, o dono e a data de um arquivo: {dito}.")

    def _contando(self, plano: Plano) -> Callable[[int], None]:
        """Quem mostra quanto já subiu."""
        total = sum(arquivo.tamanho or 0 for _acao, arquivo in riscos.a_subir(plano))
        trinco, subiram = threading.Lock(), 0

        def contar(bytes_: int) -> None:
            nonlocal subiram
            with trinco:
                subiram += bytes_
                feito = min(subiram, total)
            empresa = self.alvo.empresa.nome
            self.relato.avanco(empresa, "KB de arquivos", feito // 1024, total // 1024)

        return contar

    def e_desta(self, objeto: Objeto) -> bool:
        """Se pode ser: é dela, ou, solto, de quem o nomeia (a próxima foto o dirá)."""
        if objeto.chave in self._de_outra:
            return False
        decisao = self.decidir(objeto)
        return decisao.empresa == self.alvo.empresa.id or decisao.solto

    def _criar(self, balde: str) -> Balde | None:
        diario = self._diario
        if diario is None or not diario.dados.get("cria"):
            return None
        criados = {*diario.dados.get(BALDES_CRIADOS, ()), balde}
        diario.anotar(**{BALDES_CRIADOS: sorted(criados)})
        novo = self.baldes_salvos.get(balde, Balde(balde, balde))
        remocao.criar(self.armazem, novo)
        return Balde(novo.id, novo.nome, novo.publico)

    def terminar(self) -> None:
        """Aos baldes que se criaram, os limites deles: só agora, porque o que se copiou antes de um
        limite pode passar dele. Ao desfazer, saem, se mais ninguém pôs nada neles."""
        diario = self._diario
        criados = diario.dados.get(BALDES_CRIADOS, ()) if diario else ()
        for id_ in map(str, criados):
            balde = self.baldes_salvos.get(id_)
            if diario is not None and diario.desfazendo:
                remocao.apagar_vazio(self.armazem, id_)
            elif balde is not None and (balde.limite is not None or balde.tipos is not None):
                remocao.limitar(self.armazem, balde)


def _onde_esta(arquivo: Arquivo) -> tuple[str, str]:
    """O nome do conteúdo no disco, e a soma dele. Levanta BackupDanificado."""
    if arquivo.soma is None:
        raise BackupDanificado("O backup não tem o conteúdo de um arquivo que se quer de volta.")
    return arquivo.guardado or arquivo.soma, arquivo.soma
