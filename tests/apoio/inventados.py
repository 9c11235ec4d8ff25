"""Backups inventados e publicados pelo depósito de verdade: arquivos reais, na data desejada."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cofre.base.linha import juntar
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import Gravador
from cofre.deposito.tabela_salva import TabelaSalva, tabela_em_json

ANA: Final = "aaaa1111-0000-4000-8000-00000000000a"
BIA: Final = "bbbb2222-0000-4000-8000-00000000000b"
NOMES: Final[Mapping[str, str]] = {ANA: "Ana Doces", BIA: "Bia Peças"}
Tabelas = Mapping[str, Sequence[Mapping[str, Any]]]


def linhas(quantas: int, dono: str = ANA, **mais: Any) -> list[dict[str, Any]]:
    """Linhas com `id` de 1 em diante."""
    return [{"id": n, "user_id": dono, **mais} for n in range(1, quantas + 1)]


def publicar(
    deposito: Deposito,
    quando: str,
    tabelas: Tabelas | None = None,
    dono: str = ANA,
    **mais: Any,
) -> Backup:
    """Um backup desta empresa com o carimbo `quando` («20260116_030000»); `mais` são outras chaves
    dos metadados (`falhas` e `tabelas_nao_pedidas` dizem o que falta nele)."""
    if tabelas is None:
        tabelas = {"clientes": linhas(3, dono), "produtos": linhas(5, dono, preco=1.5)}
    agora = datetime.strptime(quando, FORMATO_DO_CARIMBO).astimezone()
    with deposito.montar(dono, agora) as montagem:
        assert montagem.carimbo == quando
        montagem.reservar(list(tabelas))
        salvas = {}
        for nome, das_linhas in tabelas.items():
            with montagem.criar(nome) as saida:
                gravador = Gravador(saida)
                gravador.bloco(juntar([json.dumps(linha).encode() for linha in das_linhas]))
                soma = gravador.terminar()
            salvas[nome] = TabelaSalva(
                nome,
                montagem.nome(nome),
                len(das_linhas),
                gravador.bytes,
                soma,
                chave=("id",),
                elos=(("user_id", ""),),
                compactado=montagem.compactar,
                bytes_no_disco=montagem.caminho(nome).stat().st_size,
                cifrado=nome in montagem.cifrados,
                sha256_cifrado=montagem.cifrados[nome].sha256 if montagem.cifrados else "",
            )
        return montagem.publicar(
            {
                "versao_formato": 2,
                "user_id": dono,
                "nome": NOMES.get(dono, "Outra"),
                "tipo": "manual",
                "consistencia": "instantanea",
                "total_registros": sum(t.registros for t in salvas.values()),
                "tabelas": {n: tabela_em_json(t) for n, t in salvas.items()},
                **mais,
            }
        )


def arquivo(backup: Backup, tabela: str) -> Path:
    """O arquivo de uma tabela."""
    assert backup.meta is not None
    return backup.caminho(backup.meta.tabelas[tabela])
