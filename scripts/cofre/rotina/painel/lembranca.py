"""O que já se leu de cada backup, para que uma execução não releia anos de metadados.

Fica em `.painel.json`, na raiz do depósito. Só poupa tempo: um backup é relido se o arquivo de
metadados dele mudou de tamanho ou de data, e sem o arquivo todos são.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from cofre.base.disco import gravar_inteiro
from cofre.base.erros import BackupDanificado
from cofre.deposito.backup import arquivo_de_metadados
from cofre.deposito.metadados import ler_cabecalho

ARQUIVO = ".painel.json"


class Lembrado(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """O essencial de um backup. `marca` e `tamanho` são os do arquivo de metadados, em ns e bytes;
    sem `user_id`, ele está danificado."""

    marca: int
    tamanho: int
    user_id: str = ""
    nome: str = ""
    tipo: str = ""
    registros: int = 0
    bytes: int = 0
    inteiro: bool = False


_Guardados = dict[str, dict[str, Lembrado]]


class Lembranca:
    """O essencial de cada backup, por pasta e carimbo."""

    def __init__(self, raiz: Path) -> None:
        self._arquivo = raiz / ARQUIVO
        self._antes: _Guardados = {}
        self._agora: _Guardados = {}
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._antes = msgspec.json.decode(self._arquivo.read_bytes(), type=_Guardados)

    def de(self, pasta: Path, carimbo: str) -> Lembrado:
        """O essencial deste backup, lido só se ainda não se sabe. OSError passa."""
        da_pasta = self._agora.setdefault(pasta.name, {})
        if carimbo not in da_pasta:
            arquivo = arquivo_de_metadados(pasta, carimbo)
            estado = arquivo.stat()
            marcas = estado.st_mtime_ns, estado.st_size
            antes = self._antes.get(pasta.name, {}).get(carimbo)
            sabido = antes is not None and (antes.marca, antes.tamanho) == marcas
            da_pasta[carimbo] = antes if antes and sabido else _ler(arquivo, *marcas)
        return da_pasta[carimbo]

    def guardar(self) -> None:
        """Para a próxima vez, só o que se usou nesta. Se não der, lê-se de novo, e nada mais."""
        if self._agora != self._antes:
            with contextlib.suppress(OSError):
                gravar_inteiro(self._arquivo, msgspec.json.encode(self._agora))


def _ler(arquivo: Path, marca: int, tamanho: int) -> Lembrado:
    try:
        c = ler_cabecalho(arquivo)
    except BackupDanificado:
        return Lembrado(marca, tamanho)
    return Lembrado(
        marca,
        tamanho,
        c.user_id,
        c.nome or "",
        c.tipo or "manual",
        c.total_registros,
        c.total_bytes,
        c.inteiro,
    )
