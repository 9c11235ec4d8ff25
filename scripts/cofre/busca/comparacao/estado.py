"""Um dos dois estados que se comparam: a empresa num backup, ou no banco agora."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cofre.base.erros import BackupDanificado
from cofre.base.modelo import LISTAS
from cofre.base.palavras import na_pagina, na_tela
from cofre.deposito.backup import Backup
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.no_disco import no_lugar

AGORA = "agora"
NAO_PEDIDA = "não foi pedida nesse backup"
NAO_LEVA = "esse backup não os leva"


@dataclass(frozen=True, slots=True)
class Estado:
    """As tabelas da empresa em `quando`. `carimbo`: o do backup, ou AGORA. `ausentes`: por que não
    se tem uma tabela que podia estar nele. `ilegiveis`: por que não se lê uma que se tem."""

    quando: datetime
    carimbo: str
    arquivos: Mapping[str, Arquivo]
    ausentes: Mapping[str, str] = field(default_factory=dict)
    ilegiveis: Mapping[str, str] = field(default_factory=dict)
    da_primeira_versao: bool = False

    @property
    def e_agora(self) -> bool:
        """Se é o banco, e não um backup."""
        return self.carimbo == AGORA

    @property
    def em_palavras(self) -> str:
        """«2026-11-12 03:00:00», «agora (2026-11-27 10:12:13)»."""
        return self._com(na_tela(self.quando))

    @property
    def na_pagina(self) -> str:
        """«12/11/2026 03:00:00», «agora (27/11/2026 10:12:13)»."""
        return self._com(na_pagina(self.quando, "segundo"))

    def _com(self, data: str) -> str:
        return f"{AGORA} ({data})" if self.e_agora else data

    @property
    def tabelas(self) -> Iterator[str]:
        """As que se tem, ainda que não se leiam."""
        yield from self.arquivos
        yield from self.ilegiveis

    def documento(self) -> dict[str, Any]:
        """Para outro programa."""
        return {
            "backup": None if self.e_agora else self.carimbo,
            "quando": self.quando.isoformat(timespec="seconds"),
        }


def do_backup(backup: Backup) -> Estado:
    """A empresa como este backup a tem. Levanta BackupDanificado se os metadados não se leem."""
    if backup.meta is None:
        raise BackupDanificado(backup.dano)
    arquivos, ilegiveis = {}, {}
    sadias = no_lugar(backup)
    for nome, salva in backup.meta.tabelas.items():
        if nome in sadias:
            arquivos[nome] = backup.arquivo(salva)
        else:
            ilegiveis[nome] = "o arquivo sumiu ou mudou de tamanho"
    ausentes = dict.fromkeys(backup.meta.parcial_de, NAO_PEDIDA)
    falhas = backup.meta.falhas.items()
    ausentes |= {n: NAO_LEVA for n in LISTAS if n not in backup.meta.tabelas}
    ausentes |= {nome: f"falhou nesse backup: {causa}" for nome, causa in falhas}
    return Estado(
        backup.quando,
        backup.carimbo,
        arquivos,
        ausentes,
        ilegiveis,
        backup.meta.da_primeira_versao,
    )
