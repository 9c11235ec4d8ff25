"""Executar a parte do plano que é dos arquivos: sobe o que falta e o que mudou, e por fim sai o que
é a mais.

Só se mexe no que ainda é como a foto o viu, e no que, pela regra de hoje, não é de outra empresa:
as duas coisas se perguntam de novo antes de cada escrita. O que não se faz é anotado e não impede o
resto; quem chama fotografa de novo, relê o que subiu e compara.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from cofre.base.equipe import Equipe
from cofre.base.erros import EscritaRecusada
from cofre.base.modelo import ARQUIVOS
from cofre.plano.escritor import MUDOU
from cofre.plano.impedimentos import Impedimento, Impedimentos
from cofre.plano.lotes import em_lotes
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR, Acao, mudancas
from cofre.restauracao.arquivos.linha import DA_IDENTIDADE, Arquivo, ler
from cofre.via.arquivos import remocao
from cofre.via.arquivos.a_subir import ASubir
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.erros import Mudou
from cofre.via.arquivos.objetos import Balde, Objeto
from cofre.via.arquivos.subida import RECUSAS, Subida, o_mesmo, por_que, recusa_do_balde

if TYPE_CHECKING:  # só quem tem a conexão direta tem o psycopg
    from cofre.via.arquivos.identidade import Conectar

POR_LOTE = 200
"""Envios, entre um devolver e outro das identidades."""
SEM_BALDE, ALHEIO = "NoSuchBucket", "de outra empresa"
"""Porque um arquivo não se escreve: o balde não existe; pela regra de hoje, não é desta empresa."""

RECUSAS_DE_UM_ARQUIVO = RECUSAS | {ALHEIO}
"""As que são de um arquivo só: os outros podem voltar sem ele."""

Abrir = Callable[[Arquivo], contextlib.AbstractContextManager[BinaryIO]]
"""O conteúdo de um arquivo do backup, do começo."""
EDesta = Callable[[Objeto], bool]
"""Se, pela regra de hoje, o arquivo pode ser desta empresa."""


@dataclass(frozen=True, slots=True)
class Meios:
    """Com que se escreve. `conectar`: a conexão direta (None: só há a API); `criar` cria de novo um
    balde que falta, e devolve-o (None: não se concordou); `ao_subir` recebe os bytes de cada
    pedaço, e `sem_identidade` porque o banco não devolveu a de um que subiu."""

    armazem: Armazem
    conectar: Conectar | None
    conexoes: int
    parar: threading.Event
    abrir: Abrir
    e_desta: EDesta
    criar: Callable[[str], Balde | None]
    ao_subir: Callable[[int], object]
    sem_identidade: Callable[[EscritaRecusada], object]


@dataclass(frozen=True, slots=True)
class _Feito:
    """O que houve com uma ação: o id que o objeto tem agora, se subiu; ou a recusa."""

    acao: Acao
    id: str | None = None
    recusa: EscritaRecusada | None = None


@dataclass(slots=True)
class Execucao:
    """Uma passada sobre o plano dos arquivos."""

    meios: Meios
    plano: Plano
    ao_avancar: Callable[[str, str, int], None]
    impedimentos: Impedimentos
    _baldes: dict[str, Balde] = field(init=False, default_factory=dict)

    def executar(self) -> list[Impedimento]:
        """Devolve o que não se fez. Levanta FalhaDoServidor ou BackupDanificado."""
        meios = self.meios
        self._baldes = {b.id: b for b in meios.armazem.baldes()}
        equipe = Equipe(meios.conexoes, meios.parar, "arquivos")
        try:
            for tipo in (REPOR, ALTERAR):
                for lote in em_lotes(self._acoes(tipo), POR_LOTE):
                    self._criar_os_que_faltam(lote)
                    self._por(tipo, lote, equipe)
            for lote in em_lotes(self._acoes(REMOVER), remocao.POR_PEDIDO):
                self._tirar(lote, equipe)
        finally:
            equipe.encerrar()
        return self.impedimentos.todos

    def _acoes(self, tipo: str) -> Iterator[Acao]:
        for acao in self.plano.acoes(ARQUIVOS, tipo):
            if self.impedimentos.desistiu(ARQUIVOS, tipo):
                return
            yield acao

    def _anotar(self, tipo: str, acao: Acao, recusa: EscritaRecusada) -> None:
        self.impedimentos.anotar(ARQUIVOS, tipo, acao, recusa)

    # -- pôr ---------------------------------------------------------------------------------

    def _criar_os_que_faltam(self, lote: Sequence[Acao]) -> None:
        citados = {a.balde for a in map(ler, (acao.alvo for acao in lote)) if a is not None}
        for balde in sorted(citados - self._baldes.keys()):
            if (criado := self.meios.criar(balde)) is not None:
                self._baldes[balde] = criado

    def _por(self, tipo: str, lote: Sequence[Acao], equipe: Equipe) -> None:
        subidos = []
        with contextlib.closing(equipe.em_ordem(self._um, lote)) as feitos:
            for feito in feitos:
                if feito.recusa is not None:
                    self._anotar(tipo, feito.acao, feito.recusa)
                    continue
                self.ao_avancar(ARQUIVOS, tipo, 1)
                subidos.append(feito)
        self._devolver_identidades(subidos)

    def _um(self, acao: Acao) -> _Feito:
        """Um arquivo, num dos fios. O que é só dele vem na resposta."""
        quer, antes = ler(acao.alvo), ler(acao.atual)
        assert quer is not None
        if recusa := self._recusa(quer):
            return _Feito(acao, recusa=recusa)
        objeto, era = quer.objeto, antes.objeto if antes else None
        try:
            if era is not None and self.so_identidade(acao):
                agora = self.meios.armazem.info(era.balde, era.nome)
                return (
                    _Feito(acao, era.id) if o_mesmo(agora, era) else _Feito(acao, recusa=_mudou())
                )
            a_subir = ASubir(objeto, partial(self.meios.abrir, quer))
            envio = Subida(self.meios.armazem, a_subir, era, self.meios.ao_subir)
            return _Feito(acao, envio.subir())
        except Mudou:
            return _Feito(acao, recusa=_mudou())
        except EscritaRecusada as e:
            return _Feito(acao, recusa=e)

    def so_identidade(self, acao: Acao) -> bool:
        """Se o conteúdo já é o que se quer, e só falta o que o banco devolve."""
        return mudancas(acao, self.plano.tabelas[ARQUIVOS]).keys() <= {*DA_IDENTIDADE}

    def _recusa(self, quer: Arquivo) -> EscritaRecusada | None:
        """O que já se sabe que não se escreve, sem o mandar."""
        if not self.meios.e_desta(quer.objeto):
            return EscritaRecusada(ALHEIO, POR_QUE_NAO, CURA_DA_REGRA)
        balde = self._baldes.get(quer.balde)
        if balde is None:
            return EscritaRecusada(SEM_BALDE, "o balde não existe mais", "Crie o balde no painel.")
        recusa = recusa_do_balde(quer.objeto, balde.limite, balde.tipos)
        if not recusa:
            return None
        return EscritaRecusada(recusa, por_que(recusa, balde.limite), CURAS[recusa])

    def _devolver_identidades(self, subidos: Sequence[_Feito]) -> None:
        """O id, o dono e a data, pelo banco, se o plano os compara. O que ele não deixa não impede
        o resto: o conteúdo está lá, e o que difere diz-se no fim."""
        if self.meios.conectar is None or "id" not in self.plano.tabelas[ARQUIVOS].colunas:
            return
        from cofre.via.arquivos.identidade import Identidade, devolver

        pares = ((ler(feito.acao.alvo), feito.id) for feito in subidos)
        # Sem o id de agora, a próxima foto o diz.
        quais = [Identidade(quer.objeto, id_) for quer, id_ in pares if quer and quer.id and id_]
        for _qual, recusa in devolver(self.meios.conectar, quais):
            self.meios.sem_identidade(recusa)

    # -- tirar -------------------------------------------------------------------------------

    def _tirar(self, lote: Sequence[Acao], equipe: Equipe) -> None:
        por_balde: dict[str, list[Acao]] = {}
        for acao, podem in zip(lote, equipe.cada(self._pode_sair, lote), strict=True):
            arquivo = ler(acao.atual)
            if arquivo is not None and podem is None:
                por_balde.setdefault(arquivo.balde, []).append(acao)
            elif podem is not None:
                self._anotar(REMOVER, acao, podem)
        for balde, acoes in por_balde.items():
            nomes = [a.nome for a in (ler(acao.atual) for acao in acoes) if a is not None]
            remocao.remover(self.meios.armazem, balde, nomes)
            self.ao_avancar(ARQUIVOS, REMOVER, len(acoes))

    def _pode_sair(self, acao: Acao) -> EscritaRecusada | None:
        """None, se ainda é o que a foto viu (ou já não está), e desta empresa."""
        arquivo = ler(acao.atual)
        assert arquivo is not None
        if not self.meios.e_desta(arquivo.objeto):
            return EscritaRecusada(ALHEIO, POR_QUE_NAO, CURA_DA_REGRA)
        agora = self.meios.armazem.info(arquivo.balde, arquivo.nome)
        return None if agora is None or o_mesmo(agora, arquivo.objeto) else _mudou()


def _mudou() -> EscritaRecusada:
    return EscritaRecusada(MUDOU, "um arquivo mudou enquanto se escrevia", "")


POR_QUE_NAO = "de outro dono, ou de nenhum, pela regra de hoje"
CURA_DA_REGRA = "Veja de quem são os arquivos do balde, em [arquivos] do cofre.toml."
_NO_PAINEL = "Mude o limite do balde no painel (Storage, Edit bucket), e restaure de novo."
CURAS: Mapping[str, str] = {
    "EntityTooLarge": _NO_PAINEL,
    "InvalidMimeType": _NO_PAINEL,
    "InvalidKey": "O Storage já não aceita esse nome. O conteúdo está no backup: exporte-o.",
}
"""Por recusa, o que fazer."""


def citados(plano: Plano, tipos: Collection[str]) -> Iterator[tuple[Acao, Arquivo]]:
    """Os arquivos do alvo que o plano põe. Levanta BackupDanificado."""
    for tipo in tipos:
        for acao in plano.acoes(ARQUIVOS, tipo):
            if (arquivo := ler(acao.alvo)) is not None:
                yield acao, arquivo
