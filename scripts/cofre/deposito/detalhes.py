"""O arquivo cifrado com os metadados inteiros de um backup: gravá-lo e, com a chave, abri-lo."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cofre.base.disco import MAIOR_FICHA, criar_privado, para_o_disco
from cofre.base.erros import BackupDanificado
from cofre.deposito import metadados
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.formato import abrir, gravando_cifrado, sha256_no_disco
from cofre.deposito.legivel import legivel
from cofre.deposito.metadados import DetalhesSalvos, Metadados


def gravar(caminho: Path, bruto: Mapping[str, Any], cifra: Cifra) -> DetalhesSalvos:
    """Cifra os metadados inteiros neste arquivo, novo e já no disco. OSError passa."""
    with criar_privado(caminho) as arquivo:
        with gravando_cifrado(arquivo, cifra.para) as (saida, fechado):
            saida.write(metadados.em_bytes(bruto))
        para_o_disco(arquivo)
    return DetalhesSalvos(caminho.name, fechado.sha256, fechado.bytes)


def abrir_com_a_chave(caminho: Path, ficha: bytes, legiveis: Metadados) -> Metadados | None:
    """Os metadados inteiros, se uma das chaves dadas a este processo os abre, ou None. Os legíveis
    (`ficha`, como estão no disco) têm de ser os destes detalhes. Levanta BackupDanificado; OSError
    passa."""
    if not chaveiro.que_abrem():
        return None
    salvos = legiveis.cifrado.detalhes if legiveis.cifrado else None
    assert salvos is not None
    if sha256_no_disco(caminho) != (salvos.sha256, salvos.bytes):
        raise BackupDanificado(f"o arquivo {caminho.name} não é mais o que foi gravado")
    with contextlib.suppress(FaltaChave):
        dados = _ler(caminho)
        meta = metadados.de_bytes(dados, caminho.name)
        if _legivel(dados, salvos) != ficha:
            raise BackupDanificado("os metadados legíveis não são os dos detalhes cifrados")
        return msgspec.structs.replace(meta, cifrado=legiveis.cifrado)
    return None


def bruto_com_a_chave(caminho: Path) -> dict[str, Any]:
    """O JSON dos metadados inteiros, como está. Levanta BackupDanificado e FaltaChave; OSError
    passa."""
    return metadados.bruto_de(_ler(caminho))


def _legivel(detalhes: bytes, salvos: DetalhesSalvos) -> bytes:
    """Vazio, se nem são detalhes: qualquer um pode cifrar para uma chave pública."""
    try:
        bruto = metadados.bruto_de(detalhes)
        return legivel(bruto, salvos.arquivo, salvos.sha256, salvos.bytes)
    except (KeyError, TypeError, AttributeError, ValueError):
        return b""


def _ler(caminho: Path) -> bytes:
    with abrir(caminho) as arquivo:
        dados = arquivo.read(MAIOR_FICHA + 1)
        if len(dados) > MAIOR_FICHA or arquivo.read(1):
            raise BackupDanificado(f"{caminho.name} é grande demais")
    return dados
