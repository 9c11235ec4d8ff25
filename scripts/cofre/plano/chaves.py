"""A chave de cada linha: por ela se sabe que linha de um lado é qual do outro."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import Linha, abrir_linha, leitor_de, tipo_com
from cofre.base.textos import CAMPO, em_campo, textos_de

Chave = tuple[bytes, ...]
"""Os valores da chave, em bytes de JSON; numa tabela sem chave, os de todas as colunas e a vez."""
LerChaves = Callable[[Sequence[Linha]], list[Chave]]
"""As chaves destas linhas, na ordem. Sem chave, cada linha só se lê uma vez."""


def pela_chave(arquivo: Path, tabela: str, chave: tuple[str, ...]) -> LerChaves:
    """Numa tabela com chave. O que devolve levanta BackupDanificado se uma linha não a tem."""
    tipo = tipo_com(chave)
    ler = leitor_de(tipo)
    campos = [attrgetter(tipo.NOMES[coluna]) for coluna in chave]

    def ler_chaves(linhas: Sequence[Linha]) -> list[Chave]:
        try:
            lidas = ler(b"[" + b",".join(linhas) + b"]")
        except msgspec.ValidationError as e:
            raise BackupDanificado(
                f"{arquivo.name}: há um registro de {tabela} sem a chave ({', '.join(chave)})."
                " Nada foi alterado."
            ) from e
        return list(zip(*(map(bytes, map(campo, lidas)) for campo in campos), strict=True))

    return ler_chaves


def por_tudo(com_texto: frozenset[str]) -> LerChaves:
    """Sem chave, a linha é o conjunto dos seus valores e a vez dela entre as iguais: cada leitura é
    uma vez a mais."""
    vezes: Counter[Chave] = Counter()

    def ler_chave(linha: Linha) -> Chave:
        campos = abrir_linha(linha)
        if CAMPO in campos:
            ditos = {c: t for c, t in textos_de(campos).items() if c in com_texto}
            campos = {**{c: v for c, v in campos.items() if c != CAMPO}, **em_campo(ditos)}
        valores = tuple([bytes(campos[c]) for c in sorted(campos)])
        vezes[valores] += 1
        return (*valores, b"#%d" % vezes[valores])

    return lambda linhas: [ler_chave(linha) for linha in linhas]
