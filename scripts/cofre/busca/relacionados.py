"""O que estava ligado a um registro num backup: as linhas que apontavam para ele, e as a que ele
apontava."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cofre.base.linha import abrir_linha, juntar
from cofre.base.modelo import ChaveEstrangeira, ordem_de_exibicao
from cofre.deposito.backup import Backup
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.passada import Grupo, leitor_das
from cofre.deposito.tabela_salva import TabelaSalva


@dataclass(frozen=True, slots=True)
class Relacao:
    """As linhas de uma tabela ligadas ao registro por uma chave estrangeira. `aponta`: se são elas
    que apontam para ele."""

    tabela: str
    colunas: tuple[str, ...]
    aponta: bool
    linhas: tuple[bytes, ...]


def relacionados(backup: Backup, tabela: str, linha: bytes) -> Iterator[Relacao]:
    """As relações com alguma linha, a começar pelas que apontavam para ela, na ordem do manual.
    Levanta BackupDanificado; OSError passa."""
    tabelas = backup.meta.tabelas if backup.meta else {}
    registro = {c: bytes(v) for c, v in abrir_linha(linha).items()}
    chave = tabelas[tabela].chave
    for nome in sorted(tabelas, key=ordem_de_exibicao):
        for fk in tabelas[nome].estrangeiras:
            valores = _valores(registro, fk.referencias or chave)
            if fk.tabela == tabela and valores:
                achadas = tuple(_com(backup, tabelas[nome], fk.colunas, valores))
                if achadas:
                    yield Relacao(nome, fk.colunas, True, achadas)
    yield from _maes(backup, tabelas, tabelas[tabela].estrangeiras, registro)


def _maes(
    backup: Backup,
    tabelas: Mapping[str, TabelaSalva],
    fks: Sequence[ChaveEstrangeira],
    registro: Mapping[str, bytes],
) -> Iterator[Relacao]:
    for fk in sorted(fks, key=lambda f: ordem_de_exibicao(f.tabela)):
        valores = _valores(registro, fk.colunas)
        mae = tabelas.get(fk.tabela)
        if mae is not None and valores:
            achadas = tuple(_com(backup, mae, fk.referencias or mae.chave, valores))
            if achadas:
                yield Relacao(fk.tabela, fk.colunas, False, achadas)


def _valores(registro: Mapping[str, bytes], colunas: Sequence[str]) -> tuple[bytes, ...]:
    """Os valores destas colunas; vazio se algum é nulo, ou não há: nada se liga por eles."""
    valores = tuple(registro.get(c, b"null") for c in colunas)
    return () if b"null" in valores else valores


def _com(
    backup: Backup, salva: TabelaSalva, colunas: tuple[str, ...], valores: tuple[bytes, ...]
) -> Iterator[bytes]:
    if len(colunas) != len(valores):
        return
    leitor = leitor_das(colunas)
    for linhas in ler_linhas(backup.caminho(salva)):
        grupo = Grupo(leitor(b"[" + juntar(linhas) + b"]"))
        for linha, seus in zip(linhas, grupo.valores(colunas), strict=True):
            if seus == valores:
                yield bytes(linha)
