"""As fotos dos produtos e o logotipo de cada loja inventada: PNGs de verdade, feitos por conta, num
balde só, com a pasta de cada uma no nome do dono."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import psycopg

from supabase_local.empresas.linhas import Perfil
from supabase_local.servidores.postgres import Banco
from supabase_local.servidores.storage.conteudos import Conteudos
from supabase_local.servidores.storage.plantio import criar_balde, plantar

BALDE = "fotos"
LADO = 48
"""Pixels de cada lado de uma foto."""
UMA_A_CADA = 34
"""De quantos em quantos produtos, um tem foto; e de cada duas fotos, a primeira é a que ele nomeia
na coluna `foto`."""
SEM_DEMORA = "public, max-age=31536000"


def fotografar(onde: Banco, perfis: Sequence[Perfil]) -> None:
    """Cria o balde e põe nele o logotipo e as fotos de cada loja; `produtos` já tem a coluna
    `foto`, que só a demonstração lhe dá."""
    conteudos = Conteudos(onde.cluster.armazem(onde.nome))
    with onde.conectar() as banco, banco.transaction():
        banco.execute("SET LOCAL session_replication_role = replica")
        criar_balde(
            banco, BALDE, publico=True, limite=5 * 1024**2, tipos=("image/png", "image/jpeg")
        )
        for perfil in perfis:
            _da_loja(banco, conteudos, perfil)


def _da_loja(banco: psycopg.Connection[Any], conteudos: Conteudos, perfil: Perfil) -> None:
    pasta, dono = f"{perfil.user_id}", str(perfil.user_id)
    dizeres: dict[str, Any] = {"tipo": "image/png", "cache": SEM_DEMORA, "dono": dono}
    logo = png(perfil.nome, LADO * 2)
    plantar(banco, conteudos, BALDE, f"{pasta}/Logotipo da loja.png", logo, **dizeres)
    produtos = banco.execute(
        "SELECT id, nome FROM produtos WHERE user_id = %s ORDER BY codigo_barras, id",
        (perfil.user_id,),
    ).fetchall()
    for n, (identidade, nome) in enumerate(produtos[::UMA_A_CADA]):
        caminho = f"{pasta}/produtos/{identidade}.png"
        sobre = {"produto": nome, "ordem": n}
        plantar(banco, conteudos, BALDE, caminho, png(str(identidade)), metadados=sobre, **dizeres)
        if n % 2 == 0:
            banco.execute("UPDATE produtos SET foto = %s WHERE id = %s", (caminho, identidade))


def png(semente: str, lado: int = LADO) -> bytes:
    """Uma imagem quadrada, sempre a mesma para a mesma semente: duas cores em degradê."""
    resumo = hashlib.sha256(semente.encode()).digest()
    de, ate = resumo[:3], resumo[3:6]
    linhas = bytearray()
    for y in range(lado):
        linhas.append(0)  # nenhum filtro nesta linha
        for x in range(lado):
            quanto = (x * (resumo[6] % 5 + 1) + y * (resumo[7] % 5 + 1)) % (lado * 2)
            linhas += bytes((a * quanto + b * (lado * 2 - quanto)) // (lado * 2)
                            for a, b in zip(de, ate, strict=True))  # fmt: skip
    cabecalho = struct.pack(">IIBBBBB", lado, lado, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _trecho(b"IHDR", cabecalho),
            _trecho(b"IDAT", zlib.compress(bytes(linhas), 9)),
            _trecho(b"IEND", b""),
        )
    )


def _trecho(tipo: bytes, dados: bytes) -> bytes:
    return (
        struct.pack(">I", len(dados)) + tipo + dados + struct.pack(">I", zlib.crc32(tipo + dados))
    )
