"""Os backups desta pasta como se enviam: os que têm lacre, cada conteúdo reconhecido pela soma."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cofre.base.disco import erros_de_disco, ler_ficha
from cofre.base.erros import BackupDanificado
from cofre.deposito.carimbo import CARIMBO, carimbos_em, nome_do_lacre
from cofre.deposito.conteudos.lugar import caminho_de, conferir
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre.lacre import Lacre, ler
from cofre.remoto.disposicao import Endereco

_COM_CARIMBO = re.compile(rf"_({CARIMBO})\.json")


@dataclass(frozen=True, slots=True)
class Daqui:
    """Um backup desta pasta com o seu lacre."""

    pasta: Path
    arquivo: Path
    """O do lacre."""
    lacre: Lacre

    @property
    def endereco(self) -> Endereco:
        """Onde o lacre dele fica num destino."""
        return Endereco(self.lacre.empresa, self.lacre.carimbo, self.lacre.escritor)

    @property
    def saiu(self) -> bool:
        """Se a poda daqui o apagou depois de inventariado."""
        return not self.arquivo.exists()

    def achar(self, somas: Collection[str]) -> dict[str, Path]:
        """Em que arquivo está agora cada um destes conteúdos do backup, relido inteiro: o que se
        estragou depois de lacrado não se acha. OSError passa."""
        procurados = {soma: n for soma, n in self.lacre.blobs if soma in somas}
        achados = dict(self._conteudos(procurados)) if self.lacre.conteudos else {}
        tamanhos = {n for soma, n in procurados.items() if soma not in achados}
        for arquivo in self._arquivos() if tamanhos else ():
            with contextlib.suppress(FileNotFoundError):  # a poda daqui acabou de o apagar
                if arquivo.stat().st_size not in tamanhos:
                    continue
                with arquivo.open("rb") as aberto:
                    soma = hashlib.file_digest(aberto, "sha256").hexdigest()
                if soma in somas:
                    achados[soma] = arquivo
        return achados

    def _conteudos(self, procurados: Mapping[str, int]) -> Iterator[tuple[str, Path]]:
        """Destes, os que são de arquivos da empresa: cada um tem a soma por nome."""
        for soma, n in procurados.items():
            caminho = caminho_de(self.pasta, soma, cifrado=bool(self.lacre.detalhes))
            with contextlib.suppress(BackupDanificado, FileNotFoundError):
                conferir(caminho, soma, n)
                yield soma, caminho

    def _arquivos(self) -> Iterator[Path]:
        with os.scandir(self.pasta) as dentro:
            for item in dentro:
                casa = _COM_CARIMBO.search(item.name)
                if casa and casa[1] == self.lacre.carimbo and item.is_file(follow_symlinks=False):
                    yield Path(item.path)


@dataclass(frozen=True, slots=True)
class Inventariados:
    """Os backups desta pasta com lacre, do mais novo ao mais antigo; os `sem_lacre` não se enviam,
    e dos `ilegiveis` (um texto por cada) não se lê o lacre."""

    backups: tuple[Daqui, ...]
    sem_lacre: int
    ilegiveis: tuple[str, ...]


def inventariar(deposito: Deposito, pastas: Collection[Path] | None = None) -> Inventariados:
    """Os de todas as empresas, ou só os destas pastas. Levanta FalhaDeDisco."""
    achados: list[Daqui] = []
    ilegiveis: list[str] = []
    sem_lacre = 0
    for pasta in deposito.pastas() if pastas is None else pastas:
        with erros_de_disco(pasta):
            for carimbo in carimbos_em(pasta):
                arquivo = pasta / nome_do_lacre(carimbo)
                try:
                    lacre = ler(ler_ficha(arquivo))
                except FileNotFoundError:
                    sem_lacre += 1
                except BackupDanificado as e:
                    ilegiveis.append(f"{pasta.name}/{arquivo.name}: {e}")
                else:
                    achados.append(Daqui(pasta, arquivo, lacre))
    achados.sort(key=lambda d: (d.lacre.carimbo, d.lacre.empresa), reverse=True)
    return Inventariados(tuple(achados), sem_lacre, tuple(ilegiveis))
