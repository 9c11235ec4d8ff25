"""O rclone como destino: Drive, OneDrive, Dropbox, SFTP, WebDAV e o mais que ele alcança.

É um programa à parte, que quem usa já configurou (`rclone config`): daqui só se sabe o nome do
remoto, e nenhum segredo vai numa linha de comando. Os envios vão aos lotes, um processo para cada:
abrir um por arquivo custaria a cada um a ligação inteira. E vão sempre como pasta com lista, que é
como o rclone confere o que faz: com um arquivo só, ignora metade do que se lhe pede.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

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
from cofre.remoto.erros import DestinoFora, FalhaDaCopia, ObjetoAusente, erros_daqui
from cofre.remoto.rclone_processo import AlemDoFim, NaoHa, Rclone

ARQUIVOS_POR_LOTE = 500
BYTES_POR_LOTE = 128 * 1024 * 1024
"""O lote é copiado antes para uma pasta provisória: é o que a limita."""
_COPIA_SE = 64 * 1024 * 1024
"""Bytes: um arquivo maior vai para o lote como outro nome do mesmo, se o disco deixa."""
LEITURAS = 4
"""Quantas vezes se recomeça uma leitura que caiu, de onde parou."""
_BLOCO = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DestinoRclone:
    """A pasta `caminho` do remoto a que o `programa` foi configurado."""

    nome: str
    programa: Rclone
    caminho: str
    de_pasta: bool = field(default=False, init=False)

    def listar(self, prefixo: str) -> Iterator[Objeto]:
        inicio = como_pasta(prefixo)
        opcoes = ("-R", "--files-only", "--no-mimetype", "--fast-list", "--use-server-modtime")
        try:
            for item in self._listados(self._la(inicio.rstrip("/")), *opcoes):
                nome = inicio + item["Path"]
                if nome_nosso(nome):
                    yield Objeto(nome, item["Size"], datetime.fromisoformat(item["ModTime"]))
        except NaoHa:
            return

    def enviar(self, itens: Iterable[tuple[str, Path]], ao_enviar: AoEnviar) -> None:
        fila = iter(itens)
        while True:
            # No Windows, o antivírus pode segurar um arquivo por um instante.
            with tempfile.TemporaryDirectory(
                prefix="cofre_envio_", ignore_cleanup_errors=True
            ) as pasta:
                lote = _encher(Path(pasta), fila)
                if not lote:
                    return
                self._enviar_lote(Path(pasta), lote, ao_enviar)

    def ler(self, nome: str, saida: BinaryIO, desde: int = 0) -> None:
        conferir_nome(nome)
        for tentativa in range(LEITURAS):
            inicio = desde
            try:
                with self.programa.lendo("cat", self._la(nome), "--offset", str(desde)) as fluxo:
                    while bloco := fluxo.read(_BLOCO):
                        saida.write(bloco)
                        desde += len(bloco)
                return
            except AlemDoFim:  # num WebDAV; os outros dão um fluxo vazio
                return
            except NaoHa:
                raise ObjetoAusente(f"{self.nome}: não há {nome}.") from None
            except FalhaDaCopia as falha:
                if type(falha) not in (FalhaDaCopia, DestinoFora) or desde == inicio:
                    raise
                if tentativa == LEITURAS - 1:
                    raise

    def apagar(self, nome: str) -> None:
        with contextlib.suppress(NaoHa):
            self.programa.rodar("deletefile", self._la(conferir_nome(nome)))

    def sondar(self, amostra: str = MARCA) -> Situacao:
        conferir_nome(amostra)  # o rclone não mostra travas
        try:
            nomes = {item["Path"] for item in self._listados(self._la(""), "--no-modtime")}
        except NaoHa:
            nomes = set()
        if MARCA not in nomes:
            return Situacao(None, vazio=not nomes)
        with self.programa.lendo("cat", self._la(MARCA)) as fluxo:
            return Situacao(fluxo.read(MAIOR_MARCA), vazio=False)

    def _la(self, nome: str) -> str:
        """O nome como o rclone o entende."""
        junto = "/".join(p for p in (self.caminho.rstrip("/"), nome) if p)
        raiz = "/" if self.caminho.startswith("/") and not junto.startswith("/") else ""
        return f"{self.programa.remoto}:{raiz}{junto}"

    def _listados(self, onde: str, *opcoes: str) -> Iterator[dict[str, Any]]:
        """O que o `lsjson` mostra: uma lista com um item por linha."""
        with self.programa.lendo("lsjson", onde, *opcoes) as linhas:
            for linha in linhas:
                texto = linha.decode("utf-8").strip().strip(",")
                if texto not in ("[", "]", ""):
                    yield json.loads(texto.strip("[]"))

    def _enviar_lote(self, pasta: Path, lote: dict[str, int], ao_enviar: AoEnviar) -> None:
        lista = pasta / "lista"
        lista.write_text("".join(f"{nome}\n" for nome in lote), encoding="utf-8")
        falta = dict(lote)
        ditos: dict[str, int] = {}
        opcoes = ("--files-from-raw", str(lista), "--ignore-times", "--no-traverse")
        registro = self.programa.registrando(
            "copy", str(pasta / "tudo"), self._la(""), *opcoes, "--transfers", "4"
        )
        for linha in registro:
            for andando in (linha.get("stats") or {}).get("transferring") or ():
                nome, quantos = andando.get("name", ""), andando.get("bytes", 0)
                if ditos.get(nome, 0) < quantos < falta.get(nome, 0):
                    ditos[nome] = quantos
                    ao_enviar(nome, quantos)
            nome = linha.get("object", "")
            if nome in falta and "copied (" in str(linha.get("msg", "")).lower():
                ao_enviar(nome, falta.pop(nome))
        for nome, tamanho in falta.items():  # o rclone saiu com 0: está tudo lá
            ao_enviar(nome, tamanho)


def _encher(pasta: Path, fila: Iterator[tuple[str, Path]]) -> dict[str, int]:
    """Um lote, posto em `pasta`/tudo com os nomes que terá lá; o tamanho de cada um. É copiado, e
    não só ligado, porque a hora que o rclone põe no objeto é a do arquivo que lê, e a de um
    envio é agora."""
    lote: dict[str, int] = {}
    while len(lote) < ARQUIVOS_POR_LOTE and sum(lote.values()) < BYTES_POR_LOTE:
        item = next(fila, None)
        if item is None:
            break
        nome, arquivo = item
        alvo = pasta / "tudo" / conferir_nome(nome)
        with erros_daqui(visivel(arquivo.name)):
            alvo.parent.mkdir(parents=True, exist_ok=True)
            _por(arquivo, alvo)
            lote[nome] = alvo.stat().st_size
    return lote


def _por(arquivo: Path, alvo: Path) -> None:
    if arquivo.stat().st_size > _COPIA_SE:
        try:
            os.link(arquivo, alvo)
        except OSError:
            pass
        else:
            return
    shutil.copyfile(arquivo, alvo)
