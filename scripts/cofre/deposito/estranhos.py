"""O que há na pasta dos backups e não é de backup nenhum: fica onde está, e diz-se que há."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cofre.base import estado
from cofre.base.disco import MONTAGEM
from cofre.base.erros import BackupDanificado
from cofre.base.palavras import exibir_pasta, plural, visivel
from cofre.deposito import ausencia, cobertura, diario, ensaios, metadados
from cofre.deposito.carimbo import CARIMBO, METADADOS, carimbo_de, nome_dos_metadados
from cofre.deposito.conteudos.lugar import PASTA as CONTEUDOS
from cofre.deposito.lacre.serie import ROL
from cofre.deposito.pastas import PREFIXO

DITOS = 3
_DE_TABELA = re.compile(rf".+_{CARIMBO}\.json(\.gz(\.age)?)?", re.DOTALL)
_COMUM = re.compile(
    rf"(?!\.|{METADADOS}|{diario.PREFIXO}).+_{CARIMBO}\.json(\.gz(\.age)?)?", re.DOTALL
)
_DO_SISTEMA = frozenset({"desktop.ini", "thumbs.db"})
"""Em minúsculas: o que o Windows põe em qualquer pasta."""


def avisos_de_estranhos(raiz: Path, pastas: Iterable[Path]) -> Iterator[str]:
    """Uma frase por lugar: a raiz do depósito, e cada uma destas pastas de empresas."""
    soltos = [p for p in raiz.glob(f"{PREFIXO}*") if not p.is_dir()]
    if soltos:
        yield _frase(raiz, [p.name for p in soltos])
    for pasta in pastas:
        try:
            with os.scandir(pasta) as itens:
                nomes = [item.name for item in itens]
        except OSError as e:
            yield (
                f"Não consegui ler {visivel(exibir_pasta(pasta))}/ ({e.strerror}): os backups que"
                " houver nela não aparecem."
            )
            continue
        # Quase todos são de tabelas, e podem ser centenas de milhares.
        outros = [nome for nome in nomes if _COMUM.fullmatch(nome) is None]
        estranhos = sorted(nome for nome in outros if not _nosso(pasta, nome))
        if estranhos:
            yield _frase(pasta, estranhos)


def _frase(pasta: Path, nomes: list[str]) -> str:
    quantos = plural(len(nomes), "item que não serve", "itens que não servem")
    mais = f" e mais {len(nomes) - DITOS}" if len(nomes) > DITOS else ""
    quais = visivel(", ".join(nomes[:DITOS]))
    return f"Há em {visivel(exibir_pasta(pasta))}/ {quantos} a backup nenhum: {quais}{mais}."


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
