"""Baldes e arquivos de um projeto, postos e vistos por fora da API e do cofre."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apoio.impressoes import em_dicionarios
from supabase_local.servidores.servidor import SupabaseLocal
from supabase_local.servidores.storage import plantio

Onde = tuple[str, str]
"""(balde, nome)"""


@dataclass(frozen=True, slots=True)
class Arquivo:
    """Um objeto como está: a linha de `storage.objects`, e o conteúdo (None, se o perdeu)."""

    linha: Mapping[str, Any]
    dados: bytes | None

    @property
    def tipo(self) -> str | None:
        return self._metadata.get("mimetype")

    @property
    def cache(self) -> str | None:
        return self._metadata.get("cacheControl")

    @property
    def metadados(self) -> Any:
        return self.linha["user_metadata"]

    @property
    def dono(self) -> Any:
        return self.linha["owner_id"]

    @property
    def _metadata(self) -> Mapping[str, Any]:
        return self.linha["metadata"] or {}


def criar_balde(
    projeto: SupabaseLocal,
    balde: str,
    *,
    publico: bool = False,
    limite: int | None = None,
    tipos: Sequence[str] | None = None,
) -> None:
    with em_dicionarios(projeto) as banco:
        plantio.criar_balde(banco, balde, publico=publico, limite=limite, tipos=tipos)


def por_arquivo(
    projeto: SupabaseLocal,
    balde: str,
    nome: str,
    dados: bytes | None,
    *,
    tipo: str = "application/octet-stream",
    cache: str = "no-cache",
    metadados: Mapping[str, Any] | None = None,
    dono: str | None = None,
) -> UUID:
    """Um só, sem passar pela API: qualquer nome serve, e `dados` nulo é uma linha sem conteúdo."""
    return por_arquivos(
        projeto, balde, {nome: dados}, tipo=tipo, cache=cache, metadados=metadados, dono=dono
    )[0]


def por_arquivos(
    projeto: SupabaseLocal, balde: str, arquivos: Mapping[str, bytes | None], **dizeres: Any
) -> list[UUID]:
    """Vários do mesmo feitio; os `id`, na ordem deles."""
    with em_dicionarios(projeto) as banco:
        conteudos = projeto.storage.projeto.conteudos
        return [
            plantio.plantar(banco, conteudos, balde, nome, dados, **dizeres)
            for nome, dados in arquivos.items()
        ]


def tirar_arquivos(projeto: SupabaseLocal, balde: str, *nomes: str) -> None:
    """Como a API os tira: a linha e o conteúdo."""
    with em_dicionarios(projeto) as banco:
        plantio.tirar(banco, projeto.storage.projeto.conteudos, balde, nomes)


def arquivos_de(
    projeto: SupabaseLocal, quais: Callable[[str, str], bool] = lambda _balde, _nome: True
) -> dict[Onde, Arquivo]:
    """Todos os que `quais(balde, nome)` aceita, com o conteúdo."""
    with em_dicionarios(projeto) as banco:
        linhas = banco.execute("SELECT * FROM storage.objects").fetchall()
    achados = {}
    for linha in linhas:
        onde = (linha["bucket_id"], linha["name"])
        if quais(*onde):
            lugar = projeto.storage.projeto.conteudos.lugar(*onde, linha["version"])
            achados[onde] = Arquivo(linha, lugar.read_bytes() if lugar.exists() else None)
    return achados


def conteudos_de(
    projeto: SupabaseLocal, quais: Callable[[str, str], bool] = lambda _balde, _nome: True
) -> dict[Onde, bytes | None]:
    """Só o conteúdo de cada um."""
    return {onde: arquivo.dados for onde, arquivo in arquivos_de(projeto, quais).items()}


def impressoes_do_storage(
    projeto: SupabaseLocal, menos: Callable[[str, str], bool] = lambda _balde, _nome: False
) -> dict[Onde, str]:
    """De cada balde e de cada objeto que `menos(balde, nome)` não aceita: um md5 da linha inteira
    (versão e datas também) e do conteúdo. É o que prova que os das outras não foram tocados."""
    todas = {}
    with em_dicionarios(projeto) as banco:
        for balde in banco.execute("SELECT * FROM storage.buckets").fetchall():
            todas[balde["id"], ""] = _md5(repr(sorted(balde.items())))
    for onde, arquivo in arquivos_de(projeto, lambda balde, nome: not menos(balde, nome)).items():
        todas[onde] = _md5(repr(sorted(arquivo.linha.items())), arquivo.dados)
    return todas


def _md5(texto: str, dados: bytes | None = None) -> str:
    soma = hashlib.md5(texto.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    soma.update(b"-" if dados is None else b"+" + dados)
    return soma.hexdigest()
