"""O que o .env diz dos arquivos do Storage."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cofre.base.config.limites import sim_ou_nao
from cofre.base.config.valores import Arquivos
from cofre.base.erros import ConfiguracaoInvalida

NOME_DE_QUERER = "BACKUP_ARQUIVOS"
NOME_DO_MAXIMO = "BACKUP_ARQUIVOS_MAXIMO"
_UNIDADES = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}


def ler_arquivos(valores: Mapping[str, str]) -> Arquivos:
    """Levanta ConfiguracaoInvalida."""
    maximo = valores.get(NOME_DO_MAXIMO)
    return Arquivos(
        quer=sim_ou_nao(valores, NOME_DE_QUERER) if NOME_DE_QUERER in valores else None,
        maximo=_ler_tamanho(NOME_DO_MAXIMO, maximo) if maximo else None,
    )


def _ler_tamanho(nome: str, texto: str) -> int:
    """«50MB», «1,5 GB» → bytes (de 1024, como a tela os diz)."""
    casa = re.fullmatch(r"(\d{1,9}(?:[.,]\d{1,3})?)\s*(kb|mb|gb)", texto.strip().lower(), re.ASCII)
    bytes_ = round(float(casa[1].replace(",", ".")) * _UNIDADES[casa[2]]) if casa else 0
    if bytes_ <= 0:
        raise ConfiguracaoInvalida(
            f"{nome} não é um tamanho: «{texto}».", "Escreva como 50MB, 500KB ou 1,5GB."
        )
    return bytes_
