"""Os arquivos que as linhas que voltam nomeiam e que já não estão no Storage, quando só se
escolheram linhas: apontariam para o que não há. Só se dizem, com o comando que os traz."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cofre.base.comandos import RESTAURACAO, comando
from cofre.base.erros import FalhaDoServidor
from cofre.base.modelo import ARQUIVOS, LISTAS
from cofre.base.palavras import plural
from cofre.deposito.linhas import ler_linhas
from cofre.foto.storage.relacao import marca_de
from cofre.plano.alvo import Alvo
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REPOR
from cofre.restauracao.arquivos.linha import Arquivo, ler
from cofre.restauracao.arquivos.nomeados import nomeados_em
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.erros import SemArmazem

POUCOS = 20
"""Até quantos se pergunta por cada um; de mais, lista-se o Storage inteiro."""


@dataclass(frozen=True, slots=True)
class PorTrazer:
    """`quantos` faltam no Storage e o backup tem; `sem_resposta`: o Storage não o disse, e são os
    que o backup tem e as linhas nomeiam."""

    quantos: int = 0
    sem_resposta: bool = False

    @property
    def em_palavras(self) -> str:
        """Para o plano; vazio se não falta nenhum."""
        if not self.quantos:
            return ""
        quais = plural(self.quantos, "arquivo", "arquivos")
        if self.sem_resposta:
            return f"O Storage não disse se tem {quais} que os registros que voltam nomeiam"
        falta = "que já não está" if self.quantos == 1 else "que já não estão"
        return f"Os registros que voltam nomeiam {quais} {falta} no Storage"

    def comando(self, alvo: Alvo) -> str:
        """O que os traz, e a mais nada mexe."""
        return comando(
            RESTAURACAO,
            "--empresa",
            alvo.empresa.id,
            "--backup",
            alvo.backup.carimbo,
            "--tabelas",
            "arquivos",
            "--modo",
            "recuperar",
        )


def por_trazer(alvo: Alvo, plano: Plano, armazem: Armazem) -> PorTrazer:
    """O que, deste plano, ficaria a apontar para o que não há. Levanta BackupDanificado."""
    guardados = {
        marca: (a.balde, a.nome)
        for marca, a in ((marca_de(a.balde, a.nome), a) for a in _do_backup(alvo))
    }
    if not guardados:
        return PorTrazer()
    quais = nomeados_em(_que_voltam(plano), guardados.values())
    procurados = [guardados[marca] for marca in quais]
    try:
        return PorTrazer(_quantos_faltam(procurados, armazem))
    except SemArmazem:
        return PorTrazer(len(procurados))
    except FalhaDoServidor:
        return PorTrazer(len(procurados), sem_resposta=True)


def _do_backup(alvo: Alvo) -> Iterator[Arquivo]:
    """Os que o backup guarda, com o conteúdo."""
    salva = alvo.backup.meta.tabelas.get(ARQUIVOS) if alvo.backup.meta else None
    onde = alvo.backup.caminho(salva) if salva is not None else None
    for grupo in ler_linhas(onde) if onde is not None else ():
        for a in (ler(bytes(linha)) for linha in grupo):
            if a is not None and a.soma is not None:
                yield a


def _que_voltam(plano: Plano) -> Iterator[tuple[str, bytes]]:
    """(tabela, linha) do que se põe ou altera."""
    for nome in plano.contagens:
        for tipo in () if nome in LISTAS else (REPOR, ALTERAR):
            yield from ((nome, acao.alvo) for acao in plano.acoes(nome, tipo) if acao.alvo)


def _quantos_faltam(procurados: list[tuple[str, str]], armazem: Armazem) -> int:
    """Levanta SemArmazem e FalhaDoServidor."""
    if armazem.cliente is not None and len(procurados) <= POUCOS:
        return sum(armazem.info(*qual) is None for qual in procurados)
    faltam = set(procurados)
    for objeto in armazem.listar():
        faltam.discard(objeto.chave)
    return len(faltam)
