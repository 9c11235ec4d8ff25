"""Reconhecer um arquivo de um backup cifrado, e o que ele guarda, sem chave nenhuma: com o segredo
deste PC, e só com ele.

A `marca` é um HMAC do que diz que o arquivo é o mesmo (`identidade`), para estas chaves. A
`mascara` esconde a soma e o tamanho do conteúdo, e leva um selo que a prende à marca e ao arquivo
que o guarda: quem mexe no disco não põe um conteúdo no lugar de outro.
"""

from __future__ import annotations

import hmac

import msgspec

from cofre.deposito.cifra.chaves import impressao
from cofre.deposito.cifra.cifra import Cifra, segredo
from cofre.deposito.conteudos.citados import Citado
from cofre.deposito.conteudos.guarda import Guardado

Token = tuple[str, ...]
SOMA, TAMANHO, SELO = 32, 8, 16
"""Bytes de cada parte da máscara."""


def identidade(
    origem: str,
    balde: str,
    nome: str,
    id_: str | None,
    versao_ou_mudado: str | None,
    etag: str | None,
    tamanho: int | None,
) -> Token:
    """O que diz que um arquivo do Storage é o mesmo de ontem: o projeto, o nome, e o que muda a
    cada gravação. Um nulo não é o mesmo que vazio."""
    partes = (origem, balde, nome, id_, versao_ou_mudado, etag, tamanho)
    return tuple("" if parte is None else f"={parte}" for parte in partes)


def linha_de_conteudo(guardado: Guardado, token: Token, cifra: Cifra | None) -> bytes:
    """A linha de `conteudos_<carimbo>.json` de um arquivo com este token. Em claro, a de dois
    arquivos com o mesmo conteúdo é a mesma: escreve-se uma. Levanta FalhaDeDisco."""
    citado = Citado(guardado=guardado.guardado, bytes=guardado.no_disco)
    if cifra is not None:
        marca = marca_de(cifra, token)
        citado = msgspec.structs.replace(citado, marca=marca, mascara=_mascara(guardado, marca))
    return msgspec.json.encode(citado)


def marca_de(cifra: Cifra, token: Token) -> str:
    """Levanta FalhaDeDisco."""
    partes = (p.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\1") for p in token)
    tudo = b"\0\0".join((b"cofre-arquivo1", impressao(cifra.para), *partes))
    return hmac.digest(segredo(), tudo, "sha256").hex()


def abrir_mascara(citado: Citado) -> Guardado | None:
    """O que a linha guarda; None se não foi este PC que a escreveu, ou se lhe mexeram. Levanta
    FalhaDeDisco."""
    mascara = bytes.fromhex(citado.mascara) if len(citado.mascara) % 2 == 0 else b""
    if not citado.marca or len(mascara) != SOMA + TAMANHO + SELO:
        return None
    escondido, selo = mascara[:-SELO], mascara[-SELO:]
    claro = _xor(escondido, citado.marca)
    if not hmac.compare_digest(selo, _selo(citado.marca, citado.guardado, citado.bytes, claro)):
        return None
    soma, tamanho = claro[:SOMA].hex(), int.from_bytes(claro[SOMA:])
    return Guardado(soma, tamanho, citado.guardado, citado.bytes)


def _mascara(g: Guardado, marca: str) -> str:
    claro = bytes.fromhex(g.soma) + g.tamanho.to_bytes(TAMANHO)
    return (_xor(claro, marca) + _selo(marca, g.guardado, g.no_disco, claro)).hex()


def _xor(dados: bytes, marca: str) -> bytes:
    """Com bytes que só o segredo dá, outros para cada marca; a mesma operação volta atrás."""
    fluxo = hmac.digest(segredo(), b"cofre-mascara1\0" + marca.encode("ascii"), "sha512")
    return bytes(a ^ b for a, b in zip(dados, fluxo, strict=False))


def _selo(marca: str, guardado: str, no_disco: int, claro: bytes) -> bytes:
    dito = f"cofre-selo1\0{marca}\0{guardado}\0{no_disco}\0".encode("ascii")
    return hmac.digest(segredo(), dito + claro, "sha256")[:SELO]
