"""Quanto mede um arquivo do age: o que se confere sem chave nenhuma.

Depois da linha que começa por `--- `, com que acaba o cabeçalho, vêm 16 bytes, e cada 64 KiB do
conteúdo leva mais 16; o último bloco só é vazio se o conteúdo todo o é. Formato:
https://github.com/C2SP/C2SP/blob/main/age.md
"""

from __future__ import annotations

from pathlib import Path

BLOCO = 64 * 1024
"""Bytes do conteúdo em cada bloco cifrado."""
MARCA = 16
"""Bytes que cada bloco leva a mais; e os do começo do corpo."""
MAIOR_CABECALHO = 64 * 1024
"""Bytes: centenas de chaves."""
_ULTIMA_LINHA = b"\n--- "


def fim_do_cabecalho(comeco: bytes | bytearray) -> int | None:
    """Quantos bytes tem o cabeçalho com que isto começa; None se não acaba aqui."""
    linha = comeco.find(_ULTIMA_LINHA)
    fim = comeco.find(b"\n", linha + 1) if linha >= 0 else -1
    return fim + 1 if fim >= 0 else None


def do_corpo(conteudo: int) -> int:
    """Quantos bytes leva, depois do cabeçalho, um conteúdo deste tamanho."""
    return MARCA + conteudo + MARCA * max(1, -(-conteudo // BLOCO))


def comprimento_certo(caminho: Path) -> bool:
    """Se o tamanho do arquivo é um dos que o formato permite: pega os que ficaram a meio, quase
    sempre, e nunca recusa um inteiro. OSError passa."""
    with caminho.open("rb") as arquivo:
        cabecalho = fim_do_cabecalho(arquivo.read(MAIOR_CABECALHO))
        tamanho = arquivo.seek(0, 2)
    if cabecalho is None:
        return False
    blocos = tamanho - cabecalho - MARCA
    sobra = blocos % (BLOCO + MARCA)
    return blocos == MARCA or (blocos > MARCA and (sobra == 0 or sobra > MARCA))
