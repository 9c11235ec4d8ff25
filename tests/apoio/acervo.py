"""Depósitos com o passado que o teste quiser: backups publicados pelo próprio depósito, na data
pedida, com as linhas e os metadados pedidos."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cofre.base.linha import juntar
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import Gravador
from cofre.deposito.tabela_salva import TabelaSalva, tabela_em_json

Linhas = Sequence[Mapping[str, Any] | bytes]


def guardar(
    deposito: Deposito,
    user_id: str,
    nome: str,
    quando: datetime,
    tabelas: Mapping[str, Linhas] | None = None,
    *,
    colunas: Mapping[str, Mapping[str, str]] | None = None,
    chaves: Mapping[str, Sequence[str]] | None = None,
    **metadados: object,
) -> Backup:
    """Publica um backup. Uma linha em bytes vai como está; `colunas` dá os tipos de cada tabela, na
    ordem; `metadados` troca ou acrescenta chaves."""
    tabelas = {"produtos": [{"id": 1}]} if tabelas is None else tabelas
    salvas: dict[str, TabelaSalva] = {}
    with deposito.montar(user_id, quando) as montagem:
        montagem.reservar(list(tabelas))
        for tabela, linhas in tabelas.items():
            with montagem.criar(tabela) as saida:
                gravador = Gravador(saida)
                gravador.bloco(juntar([_em_bytes(linha) for linha in linhas]))
                soma = gravador.terminar()
            fechado = montagem.cifrados.get(tabela)
            salvas[tabela] = TabelaSalva(
                nome=tabela,
                arquivo=montagem.nome(tabela),
                registros=len(linhas),
                bytes=gravador.bytes,
                sha256=soma,
                colunas=_colunas((colunas or {}).get(tabela, {})),
                chave=tuple((chaves or {}).get(tabela, ())),
                compactado=montagem.compactar,
                bytes_no_disco=montagem.caminho(tabela).stat().st_size,
                cifrado=fechado is not None,
                sha256_cifrado=fechado.sha256 if fechado else "",
            )
        return montagem.publicar(
            {
                "versao_formato": 2,
                "user_id": user_id,
                "nome": nome,
                "data_backup": quando.isoformat(),
                "tipo": "manual",
                "tabelas_falha": [],
                "falhas": {},
                "total_registros": sum(t.registros for t in salvas.values()),
                "total_bytes": sum(t.bytes for t in salvas.values()),
                "tabelas": {n: tabela_em_json(t) for n, t in salvas.items()},
                **metadados,
            }
        )


def _colunas(tipos: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    return tuple({"nome": n, "tipo": t, "anulavel": True} for n, t in tipos.items())


def _em_bytes(linha: Mapping[str, Any] | bytes) -> bytes:
    if isinstance(linha, bytes):
        return linha
    return json.dumps(linha, ensure_ascii=False, separators=(",", ":")).encode()
