"""O que há no depósito: as empresas e os backups de cada uma, e qual deles se quer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from cofre.base.comandos import BACKUP, comando
from cofre.base.disco import erros_de_disco
from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.base.modelo import Empresa
from cofre.base.palavras import (
    exibir_pasta,
    na_tela,
    plural,
    visivel,
)
from cofre.base.selecao import escolher_empresas, tabela_de_nome
from cofre.deposito.ausencia import ausente
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.guardados import Guardados, estes, lembrados_de, que
from cofre.deposito.metadados import CLONE
from cofre.deposito.no_disco import estado_de, no_lugar
from cofre.deposito.ordem import Lembrado, lembrados
from cofre.deposito.quando import de_quando, e_data

T = TypeVar("T")
EM_PALAVRAS = {
    "pre_restauracao": "foto de antes",
    "durante_restauracao": "foto do meio",
    CLONE: "cópia de outro projeto",
}


@dataclass(frozen=True, slots=True)
class EmpresaComBackups:
    """Uma empresa no depósito, com os seus backups do mais antigo ao mais novo (ver `Guardados`).
    `antigos`: os de antes deles, de que só se sabe o que se lembra (ver `ordem`)."""

    empresa: Empresa
    pasta: Path
    backups: Sequence[Backup]
    antigos: Sequence[Lembrado] = ()

    @property
    def sumiu(self) -> bool:
        """Se não está mais no banco, até onde se sabe (ver `ausencia`)."""
        todos = reversed(lembrados_de(self.backups))
        de_rotina = (b.quando for b in todos if b.legivel and b.de_rotina)
        return ausente(self.pasta, self.empresa.id, de_rotina)


def guardadas(deposito: Deposito, pedidas: Sequence[str] = ()) -> list[EmpresaComBackups]:
    """As empresas do depósito (as pedidas, ou todas), por nome, as que sumiram do banco primeiro. O
    nome é o do backup mais novo.

    Levanta NadaEncontrado se não há nenhum backup, e o que `escolher_empresas` levanta.
    """
    return list(uma_a_uma(deposito, pedidas))


def uma_a_uma(
    deposito: Deposito, pedidas: Sequence[str] = (), so: int = 0
) -> Iterator[EmpresaComBackups]:
    """As mesmas, sem guardar na memória o que se abriu de mais de uma. De quem tem mais backups que
    `so` (0: não importa), os que passam vão em `antigos`. Levanta como `guardadas`."""
    achadas = {
        g.empresa.id: (g.empresa, g.pasta, g.sumiu)
        for pasta in deposito.pastas()
        for g in _em(pasta)
    }
    empresas = _escolher(deposito, [e for e, _, _ in achadas.values()], pedidas)
    for empresa in sorted(empresas, key=lambda e: not achadas[e.id][2]):
        dela = _em(achadas[empresa.id][1])
        yield from (_so_os_mais_novos(g, so) for g in dela if g.empresa == empresa)


def _so_os_mais_novos(guardada: EmpresaComBackups, so: int) -> EmpresaComBackups:
    if not so or len(guardada.backups) <= so:
        return guardada
    antigos = tuple(lembrados_de(guardada.backups)[:-so])
    return replace(guardada, backups=guardada.backups[-so:], antigos=antigos)


def _em(pasta: Path) -> Iterator[EmpresaComBackups]:
    with erros_de_disco(pasta):
        todos = Guardados(pasta, lembrados(pasta))
    yield from da_pasta(pasta, todos)


def _escolher(
    deposito: Deposito, empresas: Sequence[Empresa], pedidas: Sequence[str]
) -> list[Empresa]:
    if not empresas:
        raise nenhum_backup(deposito)
    todas = sorted(empresas, key=lambda e: (e.nome.casefold(), e.id))
    return escolher_empresas(todas, pedidas)


def da_pasta(pasta: Path, backups: Sequence[Backup]) -> Iterator[EmpresaComBackups]:
    """As empresas que têm `backups` nesta pasta: uma só, a não ser que alguém tenha mexido nela. Os
    ilegíveis vão com cada uma."""
    donos = list(dict.fromkeys(b.dono for b in reversed(lembrados_de(backups)) if b.legivel))
    for dono in donos or ([""] if backups else []):
        seus = que(backups, partial(_pode_ser_de, dono))
        desconhecida = Empresa(dono or pasta.name, f"({pasta.name})")
        empresa = next((b.meta.empresa for b in reversed(seus) if b.meta), desconhecida)
        yield EmpresaComBackups(empresa, pasta, seus)


def _pode_ser_de(dono: str, backup: Lembrado) -> bool:
    return not backup.legivel or backup.dono == dono


def nenhum_backup(deposito: Deposito) -> NadaEncontrado:
    """O erro a levantar quando o depósito está vazio."""
    return NadaEncontrado(
        f"Nenhum backup em {exibir_pasta(deposito.raiz)}/.",
        f"Faça o primeiro:\n  {comando(BACKUP)}\n"
        "Se eles estão em outra pasta, diga qual com --destino ou BACKUP_DIR.",
    )


def nenhum_inteiro() -> NadaEncontrado:
    """O que se diz a quem não disse de que backup, e não há um inteiro."""
    return NadaEncontrado(
        "Esta empresa não tem backup inteiro.",
        f"Veja os que há com:\n  {comando(BACKUP, 'listar')}\n"
        "e escolha um com --backup, ou só as tabelas que quer com --tabelas.",
    )


# -- a lista de datas de uma empresa ---------------------------------------------------------


def de_rotina(backup: Backup) -> bool:
    """Se foi feito por alguém ou pela tarefa agendada (um ilegível também conta: ninguém sabe)."""
    return backup.meta is None or backup.meta.de_rotina


def e_foto(backup: Backup) -> bool:
    """Se é uma das fotos que uma restauração tira."""
    return backup.meta is not None and backup.meta.tipo in EM_PALAVRAS


def dobrados(itens: Iterable[T], em_que: Callable[[T], Hashable | None]) -> Iterator[list[T]]:
    """Os itens, na ordem em que vêm, com os que vão na mesma linha (`em_que` é igual) juntos no
    lugar do primeiro deles; None: sozinho."""
    linhas: dict[Hashable, list[T]] = {}
    for item in itens:
        onde = em_que(item)
        linhas.setdefault(object() if onde is None else onde, []).append(item)
    yield from linhas.values()


def fotos_em_palavras(quantas: int) -> str:
    """«3 fotos de restaurações»."""
    return plural(quantas, "foto de restauração", "fotos de restaurações")


def mais_novo(backups: Iterable[Backup]) -> Backup | None:
    """O primeiro inteiro e de rotina: o mais novo, se vêm do mais novo ao mais antigo (as fotos que
    a própria restauração tira não contam)."""
    rotina = (b for b in backups if b.meta and b.meta.de_rotina)
    return next((b for b in rotina if estado_de(b)[0] == "completo"), None)


def por_data(backups: Sequence[Backup]) -> Sequence[Backup]:
    """Os de rotina, do mais novo ao mais antigo; depois, as fotos que restaurações tiraram."""
    novos = sorted(lembrados_de(backups), key=lambda b: b.ordem, reverse=True)
    return estes(backups, sorted(novos, key=lambda b: not b.de_rotina))


def mais_novo_com(backups: Iterable[Backup], nomes: Sequence[str]) -> Backup | None:
    """O primeiro de rotina com estas tabelas (nomes em qualquer caixa) no lugar, falte o que
    faltar das outras: o mais novo, se vêm do mais novo ao mais antigo. Sem nomes, com alguma."""
    for backup in (b for b in backups if b.meta and b.meta.de_rotina):
        tem = no_lugar(backup)
        if tem and all(tabela_de_nome(nome, tem) for nome in nomes):
            return backup
    return None


def backup_pedido(
    guardada: EmpresaComBackups,
    pedido: str | None,
    tabelas: Sequence[str] = (),
    *,
    opcao: str = "--backup",
) -> Backup:
    """O da data pedida (ver `quando`), com esta `opcao`. Sem pedido, o mais novo com estas
    `tabelas`, ou o mais novo completo. Levanta NadaEncontrado ou ErroDeUso."""
    if not pedido:
        do_mais_novo = guardada.backups[::-1]
        com_elas = mais_novo_com(do_mais_novo, tabelas) if tabelas else None
        achado = com_elas or mais_novo(do_mais_novo)
        if achado is None:
            raise nenhum_inteiro()
        return achado
    achados = de_quando(pedido, guardada.backups, datetime.now().astimezone())
    if len(achados) != 1:
        ditos = achados or guardada.backups
        lista = "\n".join(f"  {na_tela(b.quando)}  {b.carimbo}  {b.estado}" for b in ditos)
        quantos = "há vários backups de" if achados else "não há backup de"
        oque = visivel(pedido) if e_data(pedido) else f"«{visivel(pedido)}»"
        raise ErroDeUso(
            f"{opcao}: {quantos} {oque}.",
            f"Diga qual, pela data e a hora, ou pelo carimbo:\n{lista}",
        )
    return achados[0]
