"""O que o servidor disse das linhas de um backup, para que o próximo só leia as que mudaram.

Ao lado do backup, `.resumo.<carimbo>`: de cada tabela, em blocos de linhas seguidas, quantas
são e as somas dos resumos do texto de cada uma, como o servidor as deu no instante da foto (ver
`cofre.via.direta.resumos`). Só serve com o próprio backup: diz a soma dos metadados e a de cada
arquivo. É uma lembrança: pode ser apagada, não vai a lugar nenhum, e na dúvida lê-se tudo. Só a do
último backup inteiro fica.

As sementes dos resumos saem do segredo deste PC, que ninguém de fora adivinha: nem quem escreve
linhas à espera de que duas se confundam, nem quem leva o disco e quer confirmar um palpite. Noutro
PC são outras, e lê-se tudo. De um backup cifrado não se guardam chaves nem somas: só, de cada
tabela, um selo delas, e a soma do conteúdo escondida com o mesmo segredo.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import SEPARADOR
from cofre.base.linha import juntar as juntar_linhas
from cofre.deposito.cifra.cifra import segredo
from cofre.deposito.formato import ABRE, FECHA, abrir
from cofre.deposito.ja_conferido import que_confere
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.resumos_por_linha import PorLinha
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.deposito.textos import Textos, com_textos

NENHUMA = "0 0 0"
"""O que o servidor diz de linhas nenhumas."""
MAIS_BLOCOS = 512
"""De uma tabela: o que o servidor diz de todos ainda é pouco."""


class Sementes(NamedTuple):
    """Duas, dos resumos de cada linha (int8), e o nome por que se reconhecem."""

    uma: int
    outra: int
    nome: str


def sementes() -> Sementes:
    """As deste PC. Levanta FalhaDeDisco."""

    def derivada(para: bytes) -> bytes:
        return hmac.digest(segredo(), b"cofre resumo\0" + para, "sha256")

    uma, outra = (int.from_bytes(derivada(b)[:8], "big", signed=True) for b in (b"0", b"1"))
    return Sementes(uma, outra, derivada(b"nome").hex()[:32])


class Bloco(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Linhas seguidas do arquivo de uma tabela: o JSON da chave da primeira (vazio: não se sabe, e
    é um bloco só), quantas são, quantos bytes levam no JSON e o que o servidor disse delas."""

    primeira: str
    linhas: int
    bytes: int
    resumo: str


class ResumoDaTabela(msgspec.Struct, frozen=True, gc=False):
    """De uma tabela: a `formula` (o que se perguntou, a que servidor), os blocos, e quando foi lida
    por inteiro pela última vez."""

    formula: str
    blocos: tuple[Bloco, ...]
    inteira_em: datetime


@dataclass(frozen=True, slots=True)
class Anterior:
    """Uma tabela do último backup inteiro, que pode servir outra vez. `vencida`: é altura de a ler
    por inteiro; `por_linha`: os resumos de cada linha, se se guardaram."""

    carimbo: str
    salva: TabelaSalva
    caminho: Path
    textos: Path | None
    resumo: ResumoDaTabela
    vencida: bool
    por_linha: PorLinha | None = None

    @property
    def selada(self) -> bool:
        """Se está cifrada: dela só há a soma, e um selo do que o servidor disse."""
        return self.salva.cifrado

    def tem(self, resumo: str) -> bool:
        """Se o servidor disse isto de todas as linhas de uma selada. Levanta FalhaDeDisco."""
        dito = selo(self.salva.sha256_cifrado, resumo)
        return hmac.compare_digest(dito, self.resumo.blocos[0].resumo)

    def linhas(self) -> Iterator[bytes]:
        """As linhas, em blocos, com os textos: como o servidor as mandou. Levanta BackupDanificado
        se já não são as que os metadados dizem."""
        with self._lendo():
            grupos = ler_linhas(self.caminho, que_confere(self.caminho, self.salva.sha256))
            if self.textos is not None and self.salva.textos is not None:
                quais = Textos(self.textos, self.salva.de_quem, self.salva.textos.sha256)
                grupos = com_textos(grupos, quais)
            yield from (juntar_linhas(map(bytes, grupo)) for grupo in grupos if grupo)

    @contextlib.contextmanager
    def _lendo(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            raise BackupDanificado(f"{self.caminho.name} não se lê ({e.strerror})") from e

    def blocos(self, *, conferir: bool = True) -> Iterator[bytes]:
        """Os bytes de cada bloco do arquivo, na ordem. Levanta BackupDanificado se, a `conferir`,
        não são os que os metadados dizem: só depois do último se sabe."""
        confere = que_confere(self.caminho, self.salva.sha256)
        somar = confere if conferir and confere else _nada
        # Somar não precisa do Python: faz-se noutro fio, um pedaço atrás, enquanto este é usado.
        with self._lendo(), abrir(self.caminho) as arquivo, ThreadPoolExecutor(1) as fio:
            somado = fio.submit(_nada, b"")

            def ler(quantos: int) -> bytes:
                lido = arquivo.read(quantos)
                if len(lido) != quantos:
                    raise BackupDanificado(f"{self.caminho.name} é mais curto do que era")
                nonlocal somado
                if lido:
                    somado.result()
                    somado = fio.submit(somar, lido)
                return lido

            for n, bloco in enumerate(self.resumo.blocos):
                ler(len(SEPARADOR if n else ABRE))
                yield ler(bloco.bytes)
            ler(len(FECHA))
            somado.result()
            somar(b"")


def _nada(_pedaco: bytes) -> None:
    """Ninguém soma."""


def juntar(blocos: Sequence[Bloco], maximo: int = MAIS_BLOCOS) -> list[Bloco]:
    """Os mesmos blocos (ainda sem resumo), juntos uns aos outros até não serem mais que tantos."""
    de_cada = max(1, -(-len(blocos) // maximo))
    return [
        Bloco(
            juntos[0].primeira,
            sum(b.linhas for b in juntos),
            sum(b.bytes for b in juntos) + len(SEPARADOR) * (len(juntos) - 1),
            "",
        )
        for n in range(0, len(blocos), de_cada)
        if (juntos := blocos[n : n + de_cada])
    ]


def selo(sha256_cifrado: str, resumo: str) -> str:
    """O que o servidor disse de uma tabela cifrada, para quem tem o segredo deste PC o reconhecer.
    Levanta FalhaDeDisco."""
    de_que = b"\0".join((b"cofre selo", sha256_cifrado.encode(), resumo.encode()))
    return hmac.digest(segredo(), de_que, "sha256").hex()
