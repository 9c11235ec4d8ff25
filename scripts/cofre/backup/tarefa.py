"""A tarefa do backup: «estas empresas, para esta pasta», e quem a faz.

É a mesma num fio desta máquina e num processo de outra (ver `cofre.frota`): tem as travas do que
escreve, não levanta o que diz respeito a uma empresa só, e feita outra vez não repete o que esta
execução já fez.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from cofre.backup.andamento import ja_copiada
from cofre.backup.iguais import Descricoes, coberta, vista_igual, vista_sem_gravar
from cofre.backup.instante import UmInstante
from cofre.backup.notado import notar
from cofre.backup.resumo import Resultado
from cofre.base.equipe import Equipe
from cofre.base.erros import (
    BackupDanificado,
    DefeitoInterno,
    ErroCofre,
    FalhaDeDisco,
    FalhaDoServidor,
    Interrompido,
    TravaOcupada,
)
from cofre.base.modelo import Empresa
from cofre.base.palavras import exibir_pasta
from cofre.base.relato import Relato
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conferencia
from cofre.deposito.trava import JA, Espera
from cofre.foto.arquivos import FotoMontada
from cofre.foto.foto import Contexto, Fonte, Foto
from cofre.foto.fotografo import Fotografo
from cofre.foto.listas import ListasMudaram
from cofre.via.contrato import ViaDeLeitura
from cofre.via.leitura import InstantePerdido


@dataclass(frozen=True, slots=True)
class Tarefa:
    """O que se pede: os ids das empresas, e até que instante (`time.time()`) se espera por uma que
    outra execução usa; 0: não se espera. Só se espera por uma sozinha: quem tem umas não espera por
    outras."""

    empresas: tuple[str, ...]
    ate: float = 0.0


@dataclass(frozen=True, slots=True)
class Jeito:
    """Como copiar. `quieta`: a empresa em que nada mudou desde o último backup de hoje não ganha
    outro; `ler_tudo`: nada se aproveita dos últimos backups; `repetivel`: a tarefa pode já ter sido
    feita, toda ou em parte, nesta execução, ou importa o que outra fez das empresas dela."""

    quieta: bool = False
    ler_tudo: bool = False
    repetivel: bool = False


@dataclass(frozen=True, slots=True)
class Oficina:
    """Com que se fazem as tarefas: abre-se uma vez por processo, e todos os fios a usam."""

    contexto: Contexto
    via: ViaDeLeitura
    deposito: Deposito
    relato: Relato
    listas: Sequence[Fonte] = ()
    jeito: Jeito = field(default_factory=Jeito)
    espera: Espera = JA
    """Como se espera por uma empresa ocupada; quanto, diz a tarefa."""
    empresas: Mapping[str, Empresa] = field(init=False)
    um_instante: UmInstante = field(init=False)

    def __post_init__(self) -> None:
        todas = {e.id: e for e in self.contexto.inspecao.empresas}
        object.__setattr__(self, "empresas", todas)
        object.__setattr__(self, "um_instante", UmInstante(self.contexto, self.deposito))

    @property
    def fotografo(self) -> Fotografo:
        """Quem tira e monta as fotos."""
        regras, ler_tudo = self.contexto.configuracao.regras, self.jeito.ler_tudo
        return Fotografo(self.via, self.deposito, regras, self.relato, self.listas, ler_tudo)


class Motor(Protocol):
    """Quem faz muitas tarefas lado a lado."""

    @property
    def processos(self) -> int:
        """Quantos processos as fazem."""

    @property
    def num_processo(self) -> int:
        """Quantas tarefas um só processo faz ao mesmo tempo, no máximo."""

    @property
    def em_ordem(self) -> bool:
        """Se responde na ordem em que se pede."""

    @property
    def viu_tudo(self) -> bool:
        """Se das tarefas feitas se sabe tudo o que quem as fez viu."""

    def fazer(self, contexto: Contexto, tarefas: Iterable[Tarefa]) -> Iterator[list[Resultado]]:
        """O que deu cada tarefa, à medida que se sabe. Levanta ErroCofre pelo que as impede
        todas."""


@dataclass(frozen=True, slots=True)
class Fios:
    """As tarefas nos fios deste processo, que respondem na ordem em que elas vêm."""

    equipe: Equipe
    oficina: partial[Oficina]
    """A oficina, a que só falta o contexto."""

    @property
    def processos(self) -> int:
        """Só este."""
        return 1

    @property
    def num_processo(self) -> int:
        """Uma tarefa por fio."""
        return self.equipe.tamanho

    @property
    def em_ordem(self) -> bool:
        """Sim: a tela conta as empresas por nome."""
        return True

    @property
    def viu_tudo(self) -> bool:
        """Sim: foi aqui."""
        return True

    def fazer(self, contexto: Contexto, tarefas: Iterable[Tarefa]) -> Iterator[list[Resultado]]:
        """Na ordem, poucas à frente de quem lê."""
        return self.equipe.em_ordem(partial(copiar, self.oficina(contexto)), tarefas)


def copiar(oficina: Oficina, tarefa: Tarefa) -> list[Resultado]:
    """Fotografa e publica as empresas da tarefa; o resultado de cada uma, na ordem, sem o que só os
    metadados precisam de saber. Levanta só Interrompido."""
    empresas = [oficina.empresas[e] for e in tarefa.empresas]
    segundos = max(tarefa.ate - time.time(), 0.0) if tarefa.ate else 0.0
    espera = replace(oficina.espera, segundos=segundos)
    with contextlib.ExitStack() as travas:
        return [r.enxuto() for r in _juntas(oficina, empresas, espera, travas)]


def _juntas(
    oficina: Oficina, empresas: Sequence[Empresa], espera: Espera, travas: contextlib.ExitStack
) -> list[Resultado]:
    """Lê todas de uma vez; as que não deram certo assim, uma a uma. As que outra execução usa
    voltam sem nada."""
    prontas: dict[str, Resultado] = {}
    for empresa in empresas:
        feita = _ocupada(oficina, empresa, espera, travas) or _ja_feita(oficina, empresa)
        if feita is not None:
            prontas[empresa.id] = feita
    livres = [e for e in empresas if e.id not in prontas]
    # O que der errado há de se repetir com a empresa a que diz respeito, e só com ela.
    with contextlib.suppress(FalhaDoServidor, FalhaDeDisco, BackupDanificado):
        contexto, juntas, porque = oficina.um_instante.juntas(livres)
        if len(juntas) > 1:
            for resultado in _de_uma_vez(oficina, juntas, contexto):
                prontas[resultado.empresa.id] = replace(resultado, fora_do_instante=porque)
    return [prontas.get(e.id) or _sozinha(oficina, e) for e in empresas]


def _de_uma_vez(
    oficina: Oficina, empresas: Sequence[Empresa], contexto: Contexto
) -> Iterator[Resultado]:
    """As que se leram juntas e ficaram prontas. Levanta FalhaDoServidor, FalhaDeDisco ou
    BackupDanificado."""
    try:
        with oficina.fotografo.fotografar(empresas, contexto) as fotos:
            descricoes = Descricoes(contexto.escopo)
            for foto in fotos:
                with contextlib.suppress(ListasMudaram):
                    igual = _sem_gravar(oficina, foto, descricoes)
                    yield igual or _guardar(oficina, foto, contexto)
    except InstantePerdido as e:
        oficina.um_instante.perder(e)
        raise


def _ocupada(
    oficina: Oficina, empresa: Empresa, espera: Espera, travas: contextlib.ExitStack
) -> Resultado | None:
    """Prende a empresa até se fecharem as `travas`; se não pôde, o resultado diz por quê."""
    try:
        travas.enter_context(oficina.deposito.trava_da_empresa(empresa, espera))
    except (TravaOcupada, FalhaDeDisco) as e:
        return _impedida(oficina, empresa, e)
    return None


def _ja_feita(oficina: Oficina, empresa: Empresa) -> Resultado | None:
    """O que esta execução já fez da empresa, noutro processo também, com a trava dela na mão."""
    if not oficina.jeito.repetivel:
        return None
    try:
        oficina.deposito.retomar(empresa.id)
        return ja_copiada(oficina.deposito, empresa, oficina.contexto.pedido)
    except (FalhaDeDisco, TravaOcupada) as e:
        return _impedida(oficina, empresa, e)


def _sem_gravar(oficina: Oficina, foto: Foto, descricoes: Descricoes) -> Resultado | None:
    """O resultado da empresa que se sabe igual sem a gravar; na dúvida, quem a grava o dirá."""
    if oficina.jeito.quieta:
        with contextlib.suppress(FalhaDeDisco):
            return vista_sem_gravar(foto, oficina.deposito, oficina.contexto, descricoes)
    return None


def _guardar(oficina: Oficina, foto: Foto, contexto: Contexto) -> Resultado:
    return _publicar(oficina, foto.empresa, oficina.fotografo.arquivos(foto, contexto))


def _sozinha(oficina: Oficina, empresa: Empresa) -> Resultado:
    contexto, porque = oficina.um_instante.de(empresa)
    try:
        resultado = _publicar(oficina, empresa, oficina.fotografo.montar(empresa, contexto))
    except InstantePerdido as e:
        oficina.um_instante.perder(e)
        return _sozinha(oficina, empresa)
    return replace(resultado, fora_do_instante=porque)


def _publicar(
    oficina: Oficina,
    empresa: Empresa,
    montando: contextlib.AbstractContextManager[FotoMontada],
) -> Resultado:
    """Uma empresa até o fim. O que der errado fica nela: as outras continuam. Levanta
    ListasMudaram, se é de fotografar outra vez."""
    prometeu = not oficina.contexto.configuracao.limites.promessas.vazias
    try:
        with montando as foto:
            if oficina.jeito.quieta and (igual := vista_igual(foto, oficina.deposito)):
                return igual
            resultado = _resultado(oficina, foto)
            if not foto.salvas:
                return resultado
            publicado = foto.publicar(resultado.notado.documento())
            return replace(
                resultado,
                lacre=conferencia.numero_de(publicado),
                sem_cobertura=coberta(publicado, oficina.relato, sempre=prometeu),
            )
    except (Interrompido, ListasMudaram, InstantePerdido):
        raise
    except ErroCofre as e:
        erro = e
    except Exception as e:
        erro = DefeitoInterno(e)
    return _impedida(oficina, empresa, erro)


def _impedida(oficina: Oficina, empresa: Empresa, erro: ErroCofre) -> Resultado:
    pasta = exibir_pasta(oficina.deposito.pasta_da_empresa(empresa.id))
    return Resultado(empresa, pasta, impedida=erro)


def _resultado(oficina: Oficina, foto: FotoMontada) -> Resultado:
    contexto = oficina.contexto
    return Resultado(
        foto.empresa,
        exibir_pasta(foto.pasta),
        foto.carimbo,
        foto.salvas,
        foto.falhas,
        foto.instantanea,
        foto.contradicoes,
        divergiram=foto.divergiram,
        instante=str(foto.metadados.get("instante", "")),
        notado=notar(foto, oficina.deposito, contexto.configuracao, contexto.pedido),
    )
