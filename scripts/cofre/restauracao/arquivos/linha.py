"""Uma linha da lista dos arquivos, lida com os tipos que deve ter: a de um backup adulterado não
passa daqui."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.foto.storage.linha import tabela
from cofre.via.arquivos.objetos import Balde, Objeto

DO_CONTEUDO = ("soma", "tipo", "cache", "metadados")
DA_IDENTIDADE = ("dono", "id", "criado")
"""As colunas que se comparam: as que um envio repõe, e as que só o banco devolve."""
Soma = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Arquivo(msgspec.Struct, frozen=True, gc=False):
    """Uma linha da lista. `soma`: a do conteúdo (None: o backup não o tem, e `fora` diz porquê);
    `guardado`: a do que o guarda, se está cifrado."""

    balde: str
    nome: str
    soma: Soma | None = None
    tamanho: int | None = None
    tipo: str | None = None
    cache: str | None = None
    metadados: dict[str, Any] | None = None
    dono: str | None = None
    id: str | None = None
    criado: str | None = None
    mudado: str | None = None
    versao: str | None = None
    etag: str | None = None
    guardado: Soma | None = None
    fora: str | None = None

    @property
    def objeto(self) -> Objeto:
        """O mesmo, como o Storage o diz."""
        return Objeto(**{campo: getattr(self, campo) for campo in _DO_OBJETO})


_DO_OBJETO = tuple(c for c in Arquivo.__struct_fields__ if c not in ("soma", "guardado", "fora"))
_LER = msgspec.json.Decoder(Arquivo)


def ler(linha: bytes | None) -> Arquivo | None:
    """A desta linha do plano; None se não há linha. Levanta BackupDanificado."""
    if linha is None:
        return None
    try:
        return _LER.decode(linha)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise BackupDanificado("A lista dos arquivos tem uma linha que não se entende.") from e


def no_escopo() -> TabelaNoEscopo:
    """A lista como se fosse uma tabela."""
    return TabelaNoEscopo(tabela(cifrado=True), ())


class _BaldeSalvo(msgspec.Struct, frozen=True):
    id: str
    nome: str = ""
    publico: bool = False
    limite: int | None = None
    tipos: tuple[str, ...] | None = None


def baldes_salvos(lista: TabelaSalva | None) -> dict[str, Balde]:
    """Como eram, ao fazer-se o backup, os baldes que a lista cita; os que ele não diz, ou não se
    entendem, não estão."""
    dito = lista.notas.get("baldes", ()) if lista is not None else ()
    salvos: Sequence[_BaldeSalvo] = ()
    try:
        salvos = msgspec.convert(dito, tuple[_BaldeSalvo, ...])
    except msgspec.ValidationError:
        return {}
    return {b.id: Balde(b.id, b.nome or b.id, b.publico, b.limite, b.tipos) for b in salvos}
