"""Uma pasta como destino: disco externo, NAS, ou a que um sincronizador leva para a nuvem.

O disco pode sair a qualquer hora, e no lugar dele ficar uma pasta vazia do disco daqui: por isso
nada se grava nem se lê onde não está a marca (`destino.MARCA`), e só a raiz já existente serve. A
própria marca é o que se pode gravar numa pasta sem ela: quem a toma em uso já decidiu.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from cofre.base.disco import criar_privado, mover, para_o_disco, sincronizar
from cofre.base.palavras import visivel
from cofre.remoto.destino import (
    MAIOR_MARCA,
    MARCA,
    AoEnviar,
    Objeto,
    Situacao,
    como_pasta,
    conferir_nome,
    nome_nosso,
)
from cofre.remoto.erros import (
    DestinoErrado,
    FalhaDaCopia,
    ObjetoAusente,
    erros_da_pasta,
    erros_daqui,
)

BLOCO = 1024 * 1024
ENVIANDO = ".enviando_"
"""O começo do nome do que ainda está a ser gravado."""
_ESQUECIDO = 24 * 3600
"""Segundos: o que está a ser gravado há mais do que isto ficou de uma execução que caiu."""
_NAO_SABE = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_DO_SISTEMA = frozenset(
    "system volume information|$recycle.bin|recycler|lost+found|desktop.ini|thumbs.db|.ds_store"
    "|.trashes|.fseventsd|.spotlight-v100|.temporaryitems|.trash-1000|found.000".split("|")
)
"""Em minúsculas: o que os sistemas põem num disco vazio."""


@dataclass(frozen=True, slots=True)
class DestinoPasta:
    """A pasta `raiz`, que tem de existir."""

    raiz: Path
    nome: str
    de_pasta: bool = field(default=True, init=False)

    def listar(self, prefixo: str) -> Iterator[Objeto]:
        inicio = como_pasta(prefixo)
        with erros_da_pasta(self.nome):
            self._conferir()
            yield from _andar(self.raiz / inicio, inicio)
            self._conferir()  # o que faltou pode ser do disco que saiu

    def enviar(self, itens: Iterable[tuple[str, Path]], ao_enviar: AoEnviar) -> None:
        limpas: set[Path] = set()
        for nome, arquivo in itens:
            alvo = self.raiz / conferir_nome(nome)
            with erros_da_pasta(self.nome):
                if nome != MARCA:
                    self._conferir()
                self._abrir_pastas(alvo)
                if alvo.parent not in limpas:
                    _varrer(alvo.parent)
                    limpas.add(alvo.parent)
            self._gravar(nome, arquivo, alvo, ao_enviar)

    def ler(self, nome: str, saida: BinaryIO, desde: int = 0) -> None:
        caminho = self.raiz / conferir_nome(nome)
        with contextlib.ExitStack() as pilha:
            with erros_da_pasta(self.nome):
                self._conferir()
                # Abrir um cano, que alguém pusesse ali, não voltaria.
                if not caminho.is_file():
                    raise ObjetoAusente(f"{self.nome}: não há {nome}.")
                arquivo = pilha.enter_context(caminho.open("rb"))
                arquivo.seek(desde)
            while bloco := self._bloco_de_la(arquivo):
                saida.write(bloco)

    def apagar(self, nome: str) -> None:
        with erros_da_pasta(self.nome):
            self._conferir()
            (self.raiz / conferir_nome(nome)).unlink(missing_ok=True)

    def sondar(self, amostra: str = MARCA) -> Situacao:
        conferir_nome(amostra)  # numa pasta não há travas
        with erros_da_pasta(self.nome):
            nomes = [p.name for p in self.raiz.iterdir()]
            marca = self._marca() if MARCA in nomes else None
            provisorio = _provisorio(self.raiz)
            try:
                criar_privado(provisorio).close()
            finally:
                with contextlib.suppress(OSError):
                    provisorio.unlink(missing_ok=True)
        alheios = [n for n in nomes if n.lower() not in _DO_SISTEMA and not n.startswith(ENVIANDO)]
        return Situacao(marca, vazio=not alheios, grava=True, versoes=None, trava=None)

    def _marca(self) -> bytes:
        self._conferir()
        with (self.raiz / MARCA).open("rb") as arquivo:
            return arquivo.read(MAIOR_MARCA)

    def _bloco_de_la(self, arquivo: BinaryIO) -> bytes:
        with erros_da_pasta(self.nome):
            return arquivo.read(BLOCO)

    def _conferir(self) -> None:
        """Levanta DestinoErrado se aqui não está a marca; OSError passa."""
        if (self.raiz / MARCA).is_file():
            return
        self.raiz.stat()
        raise DestinoErrado(
            f"{self.nome}: não há {MARCA} nesta pasta: não é a da cópia.",
            "Ligue o disco certo (a letra dele pode ter mudado), ou corrija COPIA_DESTINO.\n"
            "Nada foi gravado nela.",
        )

    def _abrir_pastas(self, alvo: Path) -> None:
        """As pastas entre a raiz e o alvo; a raiz, nunca: sem o disco, ela seria do de cá."""
        for pasta in reversed(alvo.relative_to(self.raiz).parents[:-1]):
            caminho = self.raiz / pasta
            try:
                caminho.mkdir()
            except FileExistsError:
                if not caminho.is_dir():
                    raise
            else:
                with _se_souber():
                    sincronizar(caminho.parent)

    def _gravar(self, nome: str, arquivo: Path, alvo: Path, ao_enviar: AoEnviar) -> None:
        """O arquivo inteiro com outro nome, na mesma pasta, e só então o dele."""
        provisorio = _provisorio(alvo.parent)
        enviados = 0
        try:
            with contextlib.closing(self._copiar(arquivo, provisorio)) as copia:
                for enviados, acabou in copia:
                    if not acabou:
                        ao_enviar(nome, enviados)
            with erros_da_pasta(self.nome):
                if provisorio.stat().st_size != enviados:
                    raise FalhaDaCopia(f"{self.nome}: {nome} não ficou inteiro no disco da cópia.")
                mover(provisorio, alvo)
                with _se_souber():
                    sincronizar(alvo.parent)
                if nome != MARCA:
                    self._conferir()  # se o disco saiu, isto foi para o de cá
        except BaseException:
            with contextlib.suppress(OSError):
                provisorio.unlink(missing_ok=True)
            raise
        ao_enviar(nome, enviados)

    def _copiar(self, arquivo: Path, novo: Path) -> Generator[tuple[int, bool], None, None]:
        """Copia até o disco, dizendo quantos bytes já foram e se são todos."""
        de_ca = visivel(arquivo.name)
        with erros_daqui(de_ca):
            origem = arquivo.open("rb")
        enviados = 0
        with origem, erros_da_pasta(self.nome), criar_privado(novo) as copia:
            bloco = _bloco_daqui(origem, de_ca)
            while bloco:
                copia.write(bloco)
                enviados += len(bloco)
                if bloco := _bloco_daqui(origem, de_ca):
                    yield enviados, False
            with _se_souber():
                para_o_disco(copia)
        yield enviados, True


@contextlib.contextmanager
def _se_souber() -> Iterator[None]:
    """Uma pasta de rede, ou de um programa, pode não saber levar ao disco: fica como ela fizer."""
    try:
        yield
    except OSError as e:
        if e.errno not in _NAO_SABE:
            raise


def _bloco_daqui(origem: BinaryIO, nome: str) -> bytes:
    with erros_daqui(nome):
        return origem.read(BLOCO)


def _provisorio(pasta: Path) -> Path:
    return pasta / f"{ENVIANDO}{secrets.token_hex(8)}"


def _varrer(pasta: Path) -> None:
    """Tira o que execuções que caíram deixaram por acabar. OSError passa."""
    limite = time.time() - _ESQUECIDO
    with os.scandir(pasta) as itens:
        velhos = [
            i.path
            for i in itens
            if i.name.startswith(ENVIANDO) and i.stat(follow_symlinks=False).st_mtime < limite
        ]
    for velho in velhos:
        Path(velho).unlink(missing_ok=True)


def _andar(pasta: Path, inicio: str) -> Iterator[Objeto]:
    """Os objetos desta pasta e das de dentro; os nomes começam por `inicio`. OSError passa, menos o
    do que outro computador apagou entretanto."""
    try:
        with os.scandir(pasta) as aberta:
            itens = list(aberta)
    except FileNotFoundError:
        return
    for item in itens:
        nome = inicio + item.name
        if not nome_nosso(nome):
            continue
        try:
            info = item.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(info.st_mode):
            yield from _andar(pasta / item.name, f"{nome}/")
        elif stat.S_ISREG(info.st_mode):
            quando = datetime.fromtimestamp(info.st_mtime, UTC)
            yield Objeto(nome, info.st_size, quando)
