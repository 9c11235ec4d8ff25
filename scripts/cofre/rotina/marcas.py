"""O que marca um backup, ou uma empresa, em toda lista em que aparecem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cofre.base.palavras import como_se_diz, numero
from cofre.deposito.backup import Backup
from cofre.deposito.guardados import lembrados_de
from cofre.deposito.inventario import EmpresaComBackups, de_rotina
from cofre.deposito.metadados import Cabecalho
from cofre.deposito.ordem import CIFRADO, Ordem
from cofre.rotina.encolhimento import Encolhimento, reconhecido_ate
from cofre.rotina.mudanca import Mudanca

SUMIU = "🚨 sumiu do banco"
ENCOLHEU = "📉 dados encolheram"
MUDOU = "🔁 mudou muito"
POR_CONCLUIR = "⏸️ restauração por concluir"
EM_CLARO = "🔓 em claro"
"""De um backup de antes de se cifrar."""


@dataclass(frozen=True, slots=True)
class Estragos:
    """O que os backups de uma empresa dizem que encolheu, e ela não reconheceu (até `reconhecido`):
    em qualquer tabela, ou só nestas. `com_cifrados`: se algum deles está cifrado."""

    reconhecido: Ordem
    tabelas: frozenset[str] = frozenset()
    com_cifrados: bool = False

    @classmethod
    def em(cls, guardada: EmpresaComBackups, tabelas: Sequence[str] = ()) -> Estragos:
        """Os desta empresa, nestas tabelas (em qualquer caixa)."""
        reconhecido = reconhecido_ate(guardada.pasta, guardada.empresa.id)
        com_cifrados = any(CIFRADO in b.sinais for b in lembrados_de(guardada.backups))
        return cls(reconhecido, frozenset(t.casefold() for t in tabelas), com_cifrados)

    def de(self, backup: Backup) -> tuple[Encolhimento, ...]:
        """O que este backup diz."""
        return self.encolhimentos(backup.meta, backup.ordem) if backup.meta else ()

    def encolhimentos(self, dito: Cabecalho, ordem: Ordem) -> tuple[Encolhimento, ...]:
        """O que encolheu, pelo que diz um backup desta ordem."""
        todos = dito.encolhimentos if ordem > self.reconhecido else ()
        return tuple(e for e in map(Encolhimento.de_documento, todos) if self._diz_respeito(e))

    def mudancas(self, dito: Cabecalho, ordem: Ordem) -> tuple[Mudanca, ...]:
        """O que mudou fora do comum, pelo mesmo."""
        todas = dito.mudancas if ordem > self.reconhecido else ()
        return tuple(m for m in map(Mudanca.de_documento, todas) if self._diz_respeito(m))

    def _diz_respeito(self, notado: Encolhimento | Mudanca) -> bool:
        nomes = {n.casefold() for n in (notado.tabela, como_se_diz(notado.tabela))}
        return not self.tabelas or not nomes.isdisjoint(self.tabelas)


def por_concluir(backup: Backup) -> bool:
    """Se foi feito com uma restauração por concluir."""
    return backup.meta is not None and backup.meta.restauracao_por_concluir


def do_cabecalho(dito: Cabecalho | None, ordem: Ordem, estragos: Estragos) -> Iterator[str]:
    """As marcas de um backup desta ordem, pelo que diz (None: não se lê)."""
    if dito is None:
        return
    if estragos.encolhimentos(dito, ordem):
        yield ENCOLHEU
    if estragos.mudancas(dito, ordem):
        yield MUDOU
    if dito.restauracao_por_concluir:
        yield POR_CONCLUIR
    if estragos.com_cifrados and dito.cifrado is None:
        yield EM_CLARO


def do_backup(backup: Backup, estragos: Estragos) -> Iterator[str]:
    """As marcas de um backup."""
    return do_cabecalho(backup.meta, backup.ordem, estragos)


def da_empresa(guardada: EmpresaComBackups) -> Iterator[str]:
    """As de uma empresa: se sumiu do banco, e as do seu backup de rotina mais novo."""
    if guardada.sumiu:
        yield SUMIU
    de_todos = (b for b in reversed(guardada.backups) if b.meta and de_rotina(b))
    if (novo := next(de_todos, None)) is not None:
        yield from do_backup(novo, Estragos.em(guardada))


def em_palavras(backup: Backup, estragos: Estragos) -> Iterator[str]:
    """As marcas de um backup, cada uma com o que a fez."""
    if estrago := estragos.de(backup):
        yield f"{ENCOLHEU}: {resumir(estrago)}"
    if backup.meta and (mudancas := estragos.mudancas(backup.meta, backup.ordem)):
        yield f"{MUDOU}: {resumir(mudancas)}"
    if por_concluir(backup):
        yield f"{POR_CONCLUIR} quando foi feito"


DITOS = 3


def resumir(notadas: Sequence[Encolhimento | Mudanca]) -> str:
    """«clientes 145 → 0, vendas 89 → 12 e mais 2»."""
    mais = f" e mais {numero(n)}" if (n := len(notadas) - DITOS) > 0 else ""
    return ", ".join(e.em_resumo for e in notadas[:DITOS]) + mais
