"""O que vai para um serviço S3: quanto ao mesmo tempo, e em que partes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cofre.base.palavras import visivel
from cofre.remoto.destino import conferir_nome
from cofre.remoto.erros import FalhaDaCopia, erros_daqui

PARTE = 5 * 1024 * 1024
"""Bytes de cada parte de um arquivo grande: a menor que o S3 aceita."""
JUNTOS = 8
"""Quantos arquivos se mandam ao mesmo tempo."""
NO_AR = 2 * PARTE
"""Bytes que se mandam ao mesmo tempo. No prazo de `s3_loja.PRAZO`, cabem a 0,7 Mbit/s."""
_MAIS_PARTES = 9_000
"""O S3 aceita dez mil partes por arquivo."""


@dataclass(slots=True)
class Envio:
    """Um arquivo a caminho: `lidos` é escrito pelo fio que manda."""

    nome: str
    arquivo: Path
    tamanho: int
    lidos: int = 0
    ditos: int = 0

    @property
    def peso(self) -> int:
        """Quanto dele pode estar no ar."""
        return min(self.tamanho, NO_AR)


def medidos(itens: Iterable[tuple[str, Path]]) -> Iterator[Envio]:
    """Os itens, com o tamanho. Levanta FalhaDaCopia se um não se lê, e ValueError se o nome não é
    dos nossos."""
    for nome, arquivo in itens:
        with erros_daqui(visivel(arquivo.name)):
            tamanho = arquivo.stat().st_size
        yield Envio(conferir_nome(nome), arquivo, tamanho)


def cabe(envio: Envio, no_ar: Collection[Envio]) -> bool:
    """Se pode ir já, ao lado dos que vão."""
    return not no_ar or (
        len(no_ar) < JUNTOS and envio.peso + sum(outro.peso for outro in no_ar) <= NO_AR
    )


@dataclass(slots=True)
class Leitura:
    """As partes do arquivo. O erro de as ler fica guardado: a obstore o engoliria noutro, sem a
    causa."""

    envio: Envio
    erro: FalhaDaCopia | None = None

    def __iter__(self) -> Iterator[bytes]:
        cada = parte(self.envio.tamanho)
        try:
            with erros_daqui(visivel(self.envio.arquivo.name)), self.envio.arquivo.open("rb") as f:
                while bloco := f.read(cada):
                    self.envio.lidos += len(bloco)
                    yield bloco
            if self.envio.lidos != self.envio.tamanho:  # dito antes de o serviço o dar por inteiro
                raise FalhaDaCopia(f"{visivel(self.envio.arquivo.name)} mudou ao ser enviado.")
        except FalhaDaCopia as erro:
            self.erro = erro
            raise


def parte(tamanho: int) -> int:
    """Os bytes de cada parte de um arquivo deste tamanho."""
    return max(PARTE, -(-tamanho // _MAIS_PARTES))
