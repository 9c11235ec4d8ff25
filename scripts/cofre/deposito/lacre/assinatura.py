"""Assinar bytes e conferir assinaturas, no formato do OpenSSH (SSHSIG), com Ed25519.

O formato é o de PROTOCOL.sshsig, do OpenSSH: o que se assina é o SHA-512 da mensagem, com o espaço
de nomes; o bloco leva a chave pública. Para os mesmos bytes e a mesma chave, o bloco é igual, byte
a byte, ao de `ssh-keygen -Y sign`: por isso qualquer outro, mesmo que diga o mesmo, se recusa.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cofre.base import comandos
from cofre.base.erros import BackupDanificado, DependenciaAusente

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ESPACO = b"cofre"
"""O espaço de nomes: uma assinatura feita para outra coisa não serve de lacre."""
TIPO = b"ssh-ed25519"
INICIO, FIM = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
LARGURA = 70
"""Colunas do base64, como o `ssh-keygen` o escreve."""
BYTES_DA_PUBLICA, BYTES_DA_ASSINATURA = 32, 64
_MAGICA, _VERSAO, _SOMA = b"SSHSIG", 1, b"sha512"
_ALFABETO = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Sem I, O, 0 e 1, que se confundem num papel."""
GRUPO, GRUPOS = 4, 4


class AssinaturaRecusada(BackupDanificado):
    """O bloco não é uma assinatura destes bytes."""


def nova_chave() -> bytes:
    """O arquivo de uma chave de assinar nova, como o OpenSSH o faz. Levanta DependenciaAusente."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )
    except ModuleNotFoundError as e:
        raise _falta(e) from e
    chave = Ed25519PrivateKey.generate()
    return chave.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


class ChaveDeAssinar:
    """A chave com que esta máquina assina; nada dela aparece num `repr`. `publica` é a linha do
    OpenSSH: «ssh-ed25519 AAAA…»."""

    __slots__ = ("_bruta", "_chave", "publica")

    def __init__(self, arquivo: bytes) -> None:
        """`arquivo` é o de `nova_chave`, ou o de `ssh-keygen -t ed25519` sem senha. Levanta
        ValueError se não é, e DependenciaAusente."""
        self._chave = _carregar(arquivo)
        self._bruta = self._chave.public_key().public_bytes_raw()
        self.publica = _em_linha(self._bruta)

    def __repr__(self) -> str:
        return f"<chave de assinar, de código {codigo(self.publica)}>"

    def assinar(self, mensagem: bytes) -> bytes:
        """O bloco de assinatura destes bytes, com os traços, como o `ssh-keygen` o escreveria."""
        return _bloco(self._bruta, self._chave.sign(_assinado(mensagem)))


def conferir(mensagem: bytes, bloco: bytes) -> str:
    """A chave pública («ssh-ed25519 AAAA…») que assinou estes bytes. De quem ela é, não se sabe
    aqui. Levanta AssinaturaRecusada ou DependenciaAusente."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ModuleNotFoundError as e:
        raise _falta(e) from e
    publica, assinatura = _abrir(bloco)
    try:
        Ed25519PublicKey.from_public_bytes(publica).verify(assinatura, _assinado(mensagem))
    except (InvalidSignature, ValueError):
        raise AssinaturaRecusada("a assinatura não é destes bytes") from None
    return _em_linha(publica)


def codigo(publica: str) -> str:
    """O código curto de uma chave pública («ssh-ed25519 AAAA…»), que as pessoas comparam:
    «ABCD-EFGH-…», 80 bits do SHA-256 dela. Achar outra chave com o mesmo código custaria 2⁸⁰
    tentativas."""
    soma = int.from_bytes(hashlib.sha256(b"cofre-codigo\0" + _da_linha(publica)).digest()[:10])
    letras = [_ALFABETO[soma >> 5 * n & 31] for n in reversed(range(GRUPO * GRUPOS))]
    return "-".join("".join(letras[n : n + GRUPO]) for n in range(0, len(letras), GRUPO))


def mesmo_codigo(digitado: str, certo: str) -> bool:
    """Se é o mesmo, com ou sem hífens e espaços, em qualquer caixa."""
    return "".join(c for c in digitado.upper() if c.isalnum()) == certo.replace("-", "")


def publica_em(linha: str) -> str:
    """A chave pública («ssh-ed25519 AAAA…») que há numa linha de um arquivo do OpenSSH. Levanta
    ValueError se não há uma Ed25519."""
    partes = linha.split()
    if TIPO.decode() not in partes[:-1]:
        raise ValueError("não é uma chave ssh-ed25519")
    depois = partes[partes.index(TIPO.decode()) + 1]
    return _em_linha(_da_linha(f"{TIPO.decode()} {depois}"))


def _em_linha(publica: bytes) -> str:
    return f"{TIPO.decode()} {base64.b64encode(_publica_em_ssh(publica)).decode()}"


def _da_linha(linha: str) -> bytes:
    """Os 32 bytes. Levanta ValueError."""
    em_ssh = base64.b64decode(linha.removeprefix(TIPO.decode() + " "), validate=True)
    publica = em_ssh[-BYTES_DA_PUBLICA:]
    if em_ssh != _publica_em_ssh(publica):
        raise ValueError("não é uma chave ssh-ed25519")
    return publica


def _carregar(arquivo: bytes) -> Ed25519PrivateKey:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_ssh_private_key
    except ModuleNotFoundError as e:
        raise _falta(e) from e
    try:
        chave = load_ssh_private_key(arquivo, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("não é uma chave do OpenSSH sem senha") from None
    if not isinstance(chave, Ed25519PrivateKey):
        raise ValueError("não é uma chave ed25519")
    return chave


def _texto(dados: bytes) -> bytes:
    """Um «string» do SSH: o comprimento, em 4 bytes, e os bytes."""
    return struct.pack(">I", len(dados)) + dados


def _assinado(mensagem: bytes) -> bytes:
    soma = hashlib.sha512(mensagem).digest()
    return _MAGICA + _texto(ESPACO) + _texto(b"") + _texto(_SOMA) + _texto(soma)


def _publica_em_ssh(publica: bytes) -> bytes:
    return _texto(TIPO) + _texto(publica)


def _bloco(publica: bytes, assinatura: bytes) -> bytes:
    dados = (
        _MAGICA
        + struct.pack(">I", _VERSAO)
        + _texto(_publica_em_ssh(publica))
        + _texto(ESPACO)
        + _texto(b"")
        + _texto(_SOMA)
        + _texto(_texto(TIPO) + _texto(assinatura))
    )
    em_base64 = base64.b64encode(dados)
    linhas = (em_base64[n : n + LARGURA] for n in range(0, len(em_base64), LARGURA))
    return b"\n".join((INICIO, *linhas, FIM)) + b"\n"


def _abrir(bloco: bytes) -> tuple[bytes, bytes]:
    """A chave pública e a assinatura de um bloco. Levanta AssinaturaRecusada."""
    try:
        dados = base64.b64decode(b"".join(bloco.split(b"\n")[1:-2]), validate=True)
        textos = list(_textos(dados.removeprefix(_MAGICA + struct.pack(">I", _VERSAO))))
        publica = textos[0][-BYTES_DA_PUBLICA:]
        assinatura = textos[-1][-BYTES_DA_ASSINATURA:]
    except (ValueError, IndexError, struct.error):
        raise AssinaturaRecusada("não há nele uma assinatura inteira") from None
    # Refeito, tem de ser o mesmo: o base64 e os textos do SSH dizem o mesmo de muitas maneiras.
    if len(publica) != BYTES_DA_PUBLICA or _bloco(publica, assinatura) != bloco:
        raise AssinaturaRecusada("a assinatura não é do formato de um lacre")
    return publica, assinatura


def _textos(dados: bytes) -> Iterator[bytes]:
    while dados:
        (tamanho,) = struct.unpack_from(">I", dados)
        yield dados[4 : 4 + tamanho]
        dados = dados[4 + tamanho :]


def _falta(erro: ModuleNotFoundError) -> DependenciaAusente:
    return DependenciaAusente(
        f"Para assinar um backup, ou conferir a assinatura dele, falta o pacote {erro.name}.",
        comandos.como_instalar(comandos.DA_COPIA),
    )
