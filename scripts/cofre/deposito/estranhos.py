"""O que há na pasta dos backups e não é de backup nenhum: fica onde está, e diz-se que há."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cofre.base import estado
from cofre.base.disco import MONTAGEM
from cofre.base.erros import BackupDanificado
from cofre.base.palavras import exibir_pasta, plural, visivel
from cofre.deposito import ausencia, cobertura, diario, ensaios, metadados
from cofre.deposito.carimbo import (
    CARIMBO,
    METADADOS,
    carimbo_de,
    carimbos_em,
    nome_dos_metadados,
)
from cofre.deposito.conteudos.lugar import PASTA as CONTEUDOS
from cofre.deposito.lacre.serie import ROL
from cofre.deposito.pastas import PREFIXO
from cofre.deposito.retrato import nomes_em

DITOS = 3
_DE_TABELA = re.compile(rf".+_{CARIMBO}\.json(\.gz(\.age)?)?", re.DOTALL)
_COMUM = re.compile(
    rf"(?!\.|{METADADOS}|{diario.PREFIXO}).+_{CARIMBO}\.json(\.gz(\.age)?)?", re.DOTALL
)
_FINS = ("", ".gz", ".gz.age")
_COMECOS = frozenset({".", "_", METADADOS[0], diario.PREFIXO[0]})
"""Com que letra começa o que pode não ser de uma tabela, mesmo acabando como uma."""
_DO_SISTEMA = frozenset({"desktop.ini", "thumbs.db"})
"""Em minúsculas: o que o Windows põe em qualquer pasta."""


def avisos_de_estranhos(raiz: Path, pastas: Iterable[Path]) -> Iterator[str]:
    """Uma frase por lugar: a raiz do depósito, e cada uma destas pastas de empresas."""
    soltos = [p for p in raiz.glob(f"{PREFIXO}*") if not p.is_dir()]
    if soltos:
        yield _frase(raiz, [p.name for p in soltos])
    for pasta in pastas:
        try:
            nomes = nomes_em(pasta)
        except OSError as e:
            yield (
                f"Não consegui ler {visivel(exibir_pasta(pasta))}/ ({e.strerror}): os backups que"
                " houver nela não aparecem."
            )
            continue
        outros = _fora_do_comum(pasta, nomes)
        estranhos = sorted(nome for nome in outros if not _nosso(pasta, nome))
        if estranhos:
            yield _frase(pasta, estranhos)


def _frase(pasta: Path, nomes: list[str]) -> str:
    quantos = plural(len(nomes), "item que não serve", "itens que não servem")
    mais = f" e mais {len(nomes) - DITOS}" if len(nomes) > DITOS else ""
    quais = visivel(", ".join(nomes[:DITOS]))
    return f"Há em {visivel(exibir_pasta(pasta))}/ {quantos} a backup nenhum: {quais}{mais}."


def _fora_do_comum(pasta: Path, nomes: Iterable[str]) -> list[str]:
    """Quase todos são dos backups que há, e podem ser centenas de milhares: só os outros se olham
    um a um."""
    carimbos = carimbos_em(pasta)
    metadados_ = set(map(nome_dos_metadados, carimbos))
    fim, compactado, cifrado = ({f"_{c}.json{mais}" for c in carimbos} for mais in _FINS)
    restam = [
        nome
        for nome in nomes
        if nome[0] in _COMECOS
        or (nome[-21:] not in fim and nome[-24:] not in compactado and nome[-28:] not in cifrado)
    ]
    return [n for n in restam if n not in metadados_ and _COMUM.fullmatch(n) is None]


def _nosso(pasta: Path, nome: str) -> bool:
    """Se é o que se espera achar numa pasta de empresa, e se lê. Os metadados que não se leem são
    um backup danificado: quem lista os backups o diz."""
    if nome.startswith(MONTAGEM):
        return _montagem_boa(pasta / nome)
    if nome.startswith(METADADOS):
        return carimbo_de(nome) is not None
    if nome in (ensaios.ARQUIVO, ausencia.ARQUIVO) or nome.startswith(diario.PREFIXO):
        return _legivel(pasta / nome)
    if nome == CONTEUDOS:
        return (pasta / nome).is_dir()
    escondido = nome.startswith(".") or nome.lower() in _DO_SISTEMA
    return escondido or nome in _DE_ESTADO or _DE_TABELA.fullmatch(nome) is not None


_DE_ESTADO = frozenset({"encolhimento_reconhecido.json", ROL, cobertura.ARQUIVO})


def _legivel(caminho: Path) -> bool:
    if caminho.name == ausencia.ARQUIVO:
        return ausencia.ler(caminho.parent) is not None
    if caminho.name == ensaios.ARQUIVO:
        return estado.ler(caminho, ensaios.Ensaios) is not None
    return diario.ler(caminho) is not None


def _montagem_boa(montagem: Path) -> bool:
    """Uma que tem os metadados estava pronta, e só falta movê-la: se eles não se leem, fica."""
    ficha = montagem / nome_dos_metadados(montagem.name.removeprefix(MONTAGEM))
    try:
        return not ficha.exists() or bool(metadados.ler(ficha))
    except (OSError, BackupDanificado):
        return False
