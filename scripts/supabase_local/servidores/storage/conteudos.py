"""O conteúdo dos objetos: um arquivo por versão, numa pasta ao lado do cluster.

Como no servidor, o lugar de um conteúdo é dado por balde, nome e versão: mudar qualquer deles só
por SQL faz a linha perder o seu (arquivos.md, 2).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from supabase_local.servidores.falhas import em_partes
from supabase_local.servidores.servico import Corpo

PARTE_DO_S3 = 16 * 1024**2
PEDACO = 256 * 1024
VERSAO = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class Medida:
    """O que se sabe de um conteúdo ao recebê-lo. `md5_das_partes` é o das de 16 MiB, juntos."""

    tamanho: int
    md5: str
    md5_das_partes: str
    partes: int


class Somador:
    """Soma um conteúdo que chega aos poucos."""

    def __init__(self) -> None:
        self.tamanho = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._parte = hashlib.md5(usedforsecurity=False)
        self._das_partes: list[bytes] = []

    def somar(self, pedaco: bytes) -> None:
        self._md5.update(pedaco)
        while pedaco:
            falta = PARTE_DO_S3 - self.tamanho % PARTE_DO_S3
            agora, pedaco = pedaco[:falta], pedaco[falta:]
            self._parte.update(agora)
            self.tamanho += len(agora)
            if self.tamanho % PARTE_DO_S3 == 0:
                self._fechar_parte()

    def _fechar_parte(self) -> None:
        self._das_partes.append(self._parte.digest())
        self._parte = hashlib.md5(usedforsecurity=False)

    def medida(self) -> Medida:
        if self.tamanho % PARTE_DO_S3 or not self._das_partes:
            self._fechar_parte()
        juntos = hashlib.md5(b"".join(self._das_partes), usedforsecurity=False).hexdigest()
        return Medida(self.tamanho, self._md5.hexdigest(), juntos, len(self._das_partes))


class Conteudos:
    """A pasta com os conteúdos de um projeto."""

    def __init__(self, pasta: Path) -> None:
        self.pasta = pasta

    def lugar(self, balde: str, nome: str, versao: str | None) -> Path:
        """Onde está, ou estaria, o conteúdo desta versão."""
        de_quem = hashlib.sha256(f"{balde}/{nome}".encode()).hexdigest()[:16]
        segura = versao if versao and VERSAO.fullmatch(versao) else "nenhuma"
        return self.pasta / f"{segura}.{de_quem}"

    def rascunho(self) -> Path:
        self.pasta.mkdir(parents=True, exist_ok=True)
        return self.pasta / f"{secrets.token_hex(8)}.rascunho"

    async def receber(self, corpo: Corpo) -> tuple[Path, Medida]:
        """O corpo num rascunho; um que não chega ao fim nada deixa."""
        rascunho = self.rascunho()
        somador = Somador()
        try:
            with rascunho.open("wb") as arquivo:
                async for pedaco in em_partes(corpo):
                    somador.somar(pedaco)
                    arquivo.write(pedaco)
        except BaseException:
            rascunho.unlink(missing_ok=True)
            raise
        return rascunho, somador.medida()


async def em_fluxo(caminho: Path, inicio: int, quantos: int) -> AsyncIterator[bytes]:
    """Os bytes pedidos. O arquivo se abre ao chamar o primeiro pedaço e não se solta mais: um
    objeto trocado a meio continua a descer como era (arquivos.md, 6)."""
    with caminho.open("rb") as arquivo:
        arquivo.seek(inicio)
        while quantos > 0 and (pedaco := arquivo.read(min(PEDACO, quantos))):
            quantos -= len(pedaco)
            yield pedaco
