"""O arquivo de um lacre: uma linha de JSON, e a assinatura dos bytes exatos dela.

A primeira linha, com o fim de linha, é o corpo; o resto é o bloco do OpenSSH. À mão::

    head -n1 lacre_X.json > corpo; tail -n +2 lacre_X.json > sig
    ssh-keygen -Y verify -f autorizados -I cofre -n cofre -s sig < corpo

O corpo nunca se escreve de novo a partir do que se leu: o que se assinou são aqueles bytes. Não tem
nome de empresa nem de tabela, nem conta registros: vai também para fora desta máquina.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, NamedTuple, TypeVar, cast

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.moldes import leitor_de
from cofre.deposito.carimbo import CARIMBO, e_carimbo
from cofre.deposito.lacre.assinatura import AssinaturaRecusada, ChaveDeAssinar, codigo, conferir

S = TypeVar("S", bound=msgspec.Struct)
FORMATO = 1

Marca = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{20}\Z")]
Escritor = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
Numero = Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
_Soma = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_SomaOuNada = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")]
_Carimbo = Annotated[str, msgspec.Meta(pattern=rf"\A{CARIMBO}\Z")]
_Bytes = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class LacreRecusado(BackupDanificado):
    """O lacre não é um, ou mudou depois de assinado."""


class Anterior(NamedTuple):
    """Um lacre mais antigo do mesmo escritor; `sha256` é a do arquivo inteiro dele."""

    numero: Numero
    carimbo: _Carimbo
    sha256: _Soma


class Blob(NamedTuple):
    """Um arquivo do backup, pelos bytes que tem no disco."""

    sha256: _Soma
    bytes: _Bytes


class Corpo(msgspec.Struct, frozen=True, kw_only=True):
    """O que se assina. `empresa`: ver `pseudonimo`. `inicio` é o do backup, e `feito`, quando se
    lacrou (None: logo em seguida); ISO 8601, com o fuso.

    `escritor` é quem o fez (uma máquina e um perfil); `numero` é dele, por empresa, e só cresce;
    `anteriores` são os lacres dele, desta empresa e desta pasta, que ainda existiam.

    `ficha` é a soma dos metadados que se leem; `detalhes`, a do arquivo cifrado com os inteiros
    (vazio: o backup está em claro). `blobs` são os arquivos de que o backup se refaz, em ordem: os
    das tabelas e os detalhes; em claro, os metadados. Deles, `conteudos` são os dos arquivos da
    empresa, que têm `bytes_dos_conteudos`: que a empresa tenha menos fotos não faz parecer que ao
    backup faltam tabelas.
    """

    formato: int = FORMATO
    empresa: Marca
    carimbo: _Carimbo
    inicio: datetime
    escritor: Escritor
    numero: Numero
    anteriores: tuple[Anterior, ...]
    ficha: _Soma
    detalhes: _SomaOuNada
    blobs: tuple[Blob, ...]
    feito: datetime | None = None
    conteudos: _Bytes = 0
    bytes_dos_conteudos: _Bytes = 0

    def __post_init__(self) -> None:
        if self.formato != FORMATO:
            raise ValueError(f"é do formato {self.formato}, mais novo que este programa")
        if self.inicio.tzinfo is None or (self.feito and self.feito.tzinfo is None):
            raise ValueError("uma data não tem fuso")
        if not e_carimbo(self.carimbo):
            raise ValueError("o carimbo não é uma data")


class Lacre(Corpo, frozen=True, kw_only=True):
    """Um lacre com a assinatura conferida: é de quem tem a `chave` (a pública, «ssh-ed25519
    AAAA…»). Se essa é de alguém em quem se confia, diz `conhecidos`. `dados` é o arquivo inteiro.
    """

    chave: str
    dados: bytes

    @property
    def codigo(self) -> str:
        """O código curto de quem o assinou."""
        return codigo(self.chave)

    @property
    def sha256(self) -> str:
        """A soma do arquivo inteiro."""
        return hashlib.sha256(self.dados).hexdigest()

    @property
    def como_anterior(self) -> Anterior:
        """Como os lacres que vêm depois o citam."""
        return Anterior(self.numero, self.carimbo, self.sha256)


def pseudonimo(user_id: str) -> str:
    """Como um lacre diz de que empresa é, sem dizer o id dela."""
    return hashlib.sha256(b"cofre:" + user_id.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def em_ordem(blobs: Iterable[tuple[str, int]]) -> tuple[Blob, ...]:
    """Os arquivos (soma e bytes de cada um) como um corpo os leva: em ordem, uma vez cada."""
    return tuple(sorted({Blob(soma, bytes_) for soma, bytes_ in blobs}))


def fechar(corpo: msgspec.Struct, chave: ChaveDeAssinar) -> bytes:
    """O arquivo de um lacre com este corpo (ou de outra lista assinada), pronto a gravar."""
    linha = msgspec.json.encode(corpo) + b"\n"
    return linha + chave.assinar(linha)


def ler(dados: bytes) -> Lacre:
    """O lacre que está nestes bytes, com a forma e a assinatura conferidas (pela chave que ele diz:
    de quem ela é, não se sabe aqui). Levanta LacreRecusado ou DependenciaAusente."""
    corpo, chave = abrir(dados, Corpo)
    return Lacre(**msgspec.structs.asdict(corpo), chave=chave, dados=dados)


def abrir(dados: bytes, tipo: type[S]) -> tuple[S, str]:
    """O corpo de um arquivo que `fechar` fez, e a chave que o assinou. Levanta como `ler`."""
    linha, fim, bloco = dados.partition(b"\n")
    try:
        chave = conferir(linha + fim, bloco)
        return cast(S, leitor_de(tipo).decode(linha)), chave
    except AssinaturaRecusada as e:
        raise LacreRecusado(f"o lacre não é o que foi assinado: {e}") from e
    except (ValueError, RecursionError) as e:
        causa = e.__cause__ if isinstance(e.__cause__, ValueError) else "não entendi o corpo"
        raise LacreRecusado(f"o lacre não se lê: {causa}") from e
