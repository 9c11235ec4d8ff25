"""Anonimizar um backup: o segredo desta máquina, as regras do cofre.toml e a primeira passada."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping

from cofre.base import perfil
from cofre.base.config.valores import RegrasDeAnonimizar
from cofre.base.erros import ConfiguracaoInvalida
from cofre.base.palavras import visivel
from cofre.clone.anonimo.anonimizador import Anonimizador
from cofre.clone.anonimo.classes import QUE_SE_PEDEM
from cofre.deposito.backup import Backup
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.deposito.traslado import linhas_de

SEGREDO = "anonimizar.segredo"
"""O arquivo do perfil com o que faz o mesmo valor dar sempre o mesmo substituto."""


def preparar(backup: Backup, tabelas: Collection[str], regras: RegrasDeAnonimizar) -> Anonimizador:
    """Quem anonimiza este backup (aberto, se cifrado), tendo visto todas estas tabelas e listas
    dele. Levanta ConfiguracaoInvalida, DependenciaAusente, BackupDanificado e FalhaDeDisco."""
    assert backup.meta is not None
    salvas = {nome: backup.meta.tabelas[nome] for nome in tabelas}
    _conferir(regras, backup.meta.tabelas)
    segredo = perfil.segredo(SEGREDO, lambda: secrets.token_hex(32).encode())
    quem = Anonimizador(salvas, segredo, regras)
    for nome, salva in salvas.items():
        quem.aprender(nome, linhas_de(backup, salva))
    return quem


def _conferir(regras: RegrasDeAnonimizar, salvas: Mapping[str, TabelaSalva]) -> None:
    for (tabela, coluna), classe in regras.trocar.items():
        if classe not in QUE_SE_PEDEM:
            raise ConfiguracaoInvalida(
                f"O cofre.toml quer trocar {visivel(tabela)}.{visivel(coluna)} por"
                f" «{visivel(classe)}», que não conheço.",
                f"Em [anonimizar], trocar aceita: {', '.join(QUE_SE_PEDEM)}.",
            )
    for tabela, coluna in sorted({*regras.trocar, *regras.manter}):
        if tabela not in salvas or (salvas[tabela].tipos and coluna not in salvas[tabela].tipos):
            raise ConfiguracaoInvalida(
                f"O cofre.toml fala, em [anonimizar], de {visivel(tabela)}.{visivel(coluna)}, e o"
                " backup não tem essa coluna.",
                "Corrija o nome (tabela.coluna), ou tire a linha.",
            )
