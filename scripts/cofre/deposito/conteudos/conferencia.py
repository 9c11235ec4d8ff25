"""Se os arquivos que um backup diz ter estão cá, inteiros, e se a lista e os conteúdos dizem o
mesmo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cofre.base.disco import aberto_em_outro, erros_de_disco
from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ARQUIVOS
from cofre.base.palavras import plural, visivel
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos import lugar
from cofre.deposito.conteudos.citados import Bytes, Citacoes, Soma, linhas_de
from cofre.deposito.conteudos.rodizio import Rodizio

DITOS = 5
"""Arquivos sem conteúdo que se dizem um a um."""


class Arquivado(msgspec.Struct, frozen=True, gc=False):
    """De uma linha da lista, o que diz qual é o arquivo e o que dele se guardou; `fora`: por que
    não se guardou nada."""

    balde: str
    nome: str
    soma: Soma | None = None
    tamanho: Bytes | None = None
    guardado: Soma | None = None
    fora: str | None = None

    @property
    def onde(self) -> str | None:
        """A soma do que está no disco."""
        return self.guardado or self.soma


@dataclass(slots=True)
class Conferencia:
    """Os conteúdos de uma pasta de empresa, cada um relido uma vez, cite-o quem o citar.
    `so_de_hoje`: dos que não são deste dia (ver `rodizio`), só se vê se estão lá, com o tamanho que
    tinham."""

    pasta: Path
    so_de_hoje: bool = False
    citacoes: Citacoes = field(default_factory=Citacoes)
    _causas: dict[bytes, str] = field(default_factory=dict)

    def danos(self, backup: Backup) -> Iterator[str]:
        """O que há de errado com os arquivos do backup, em palavras. Levanta FalhaDeDisco se outro
        programa segura um arquivo."""
        if backup.meta is None or ARQUIVOS not in backup.meta.tabelas:
            return
        try:
            citados = self.citacoes.de(backup)
            estragados = dict(self._estragados(citados, cifrado=backup.cifrado))
            yield from _sem_conteudo(backup, citados, estragados)
        except BackupDanificado as e:
            yield str(e)
        except OSError as e:
            if aberto_em_outro(e):
                with erros_de_disco(self.pasta):
                    raise
            yield f"os conteúdos não se leem ({e.strerror or e})"

    def _estragados(
        self, citados: Mapping[str, int], *, cifrado: bool
    ) -> Iterator[tuple[str, str]]:
        hoje = Rodizio(sum(citados.values()) if self.so_de_hoje else 0)
        for guardado, no_disco in citados.items():
            conferir = lugar.conferir if hoje.tem(guardado) else lugar.conferir_tamanho
            if causa := self._causa(guardado, no_disco, conferir, cifrado=cifrado):
                yield guardado, causa

    def _causa(
        self,
        guardado: str,
        no_disco: int,
        conferir: Callable[[Path, str, int], None],
        *,
        cifrado: bool,
    ) -> str:
        """Vazia se está bom."""
        qual = bytes.fromhex(guardado) + no_disco.to_bytes(8) + bytes([cifrado])
        if qual not in self._causas:
            self._causas[qual] = ""
            try:
                caminho = lugar.caminho_de(self.pasta, guardado, cifrado=cifrado)
                conferir(caminho, guardado, no_disco)
            except BackupDanificado as e:
                self._causas[qual] = str(e)
        return self._causas[qual]


def arquivados(backup: Backup) -> Iterator[Arquivado]:
    """Os arquivos que a lista de um backup aberto diz. Levanta BackupDanificado; OSError passa."""
    lista = backup.meta.tabelas.get(ARQUIVOS) if backup.meta else None
    if lista is not None:
        yield from linhas_de(backup.caminho(lista), Arquivado, lista.sha256)


def _sem_conteudo(
    backup: Backup, citados: Mapping[str, int], estragados: Mapping[str, str]
) -> Iterator[str]:
    """Sem a chave, só se sabe quantos são; com ela, quais, e se a lista diz o mesmo."""
    if backup.fechado:
        if estragados:
            quantos = plural(len(estragados), "conteúdo estragado", "conteúdos estragados")
            yield f"{quantos}: {_alguns(estragados.values(), len(estragados))}"
        return
    sem: list[str] = []
    por_citar = set(citados)
    for a in arquivados(backup):
        if (onde := a.onde) is None:
            continue
        por_citar.discard(onde)
        if not _diz_o_mesmo(a, citados.get(onde), cifrado=backup.cifrado):
            raise BackupDanificado(f"a lista cita outro conteúdo que o backup: {onde[:12]}…")
        if onde in estragados:
            sem.append(f"{visivel(a.balde)}/{visivel(a.nome)}: {estragados[onde]}")
    if por_citar:
        raise BackupDanificado("o backup diz ter conteúdos que a lista não cita")
    if sem:
        quantos = plural(len(sem), "arquivo sem conteúdo", "arquivos sem conteúdo")
        yield f"{quantos}: {_alguns(sem, len(sem))}"


def _diz_o_mesmo(a: Arquivado, no_disco: int | None, *, cifrado: bool) -> bool:
    """Se o que a lista diz do conteúdo é o que o backup diz dele."""
    if no_disco is None or cifrado != (a.guardado is not None):
        return False
    return cifrado or a.tamanho == no_disco


def _alguns(ditos: Iterable[str], quantos: int) -> str:
    primeiros = [dito for _, dito in zip(range(DITOS), ditos, strict=False)]
    mais = f"; e mais {quantos - DITOS}" if quantos > DITOS else ""
    return "; ".join(primeiros) + mais
