"""A ação `painel`, e a página refeita no fim de cada execução que muda o depósito."""

from __future__ import annotations

import argparse
from argparse import Namespace
from datetime import timedelta
from typing import TYPE_CHECKING

from cofre.base.erros import DefeitoInterno, ErroCofre, NadaEncontrado
from cofre.base.relato import Relato
from cofre.linha_de_comando.argumentos import Acao, opcoes_de_saida

if TYPE_CHECKING:
    from pathlib import Path

    from cofre.deposito.deposito import Deposito


EMPRESAS_NA_PAGINA = 2_000
"""A página de mil empresas com meses de backups já tem uns 3 MB."""


def atualizar_painel(deposito: Deposito, relato: Relato, idade_maxima: timedelta) -> Path | None:
    """Refaz a página e devolve onde ela está; None se não há o que mostrar, ou se não deu: a página
    nunca faz falhar o que já deu certo, e por isso a causa é só um aviso. Com muitas empresas,
    fica para a ação `painel`: seria grande demais para refazer e abrir todo dia."""
    if len(deposito.pastas()) > EMPRESAS_NA_PAGINA:
        return None
    try:
        from cofre.painel import pagina

        return pagina.gravar(deposito, idade_maxima)
    except Exception as e:
        erro = e if isinstance(e, ErroCofre) else DefeitoInterno(e)
        relato.aviso(f"A página não foi atualizada. {erro}")
        return None


def _painel(opcoes: Namespace, relato: Relato) -> int:
    from cofre.base.config import ambiente
    from cofre.deposito.deposito import Deposito
    from cofre.narracao import exibir_pasta
    from cofre.painel import pagina

    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    caminho = pagina.gravar(deposito, ambiente.limites().idade)
    if caminho is None:
        raise NadaEncontrado(
            f"Nenhum backup em {exibir_pasta(deposito.raiz)}/.",
            "Faça o primeiro: python scripts/backup-por-empresa.py",
        )
    relato.linha(f"📄 Página: {exibir_pasta(caminho)}")
    relato.linha("   Abra-a com dois cliques.")
    relato.documento({"acao": "painel", "codigo": 0, "arquivo": str(caminho)})
    return 0


def _opcoes(analisador: argparse.ArgumentParser) -> None:
    opcoes_de_saida(analisador, argparse.SUPPRESS)


PAINEL = Acao(
    "painel",
    "refaz a página que mostra o estado de cada empresa (painel.html)",
    _opcoes,
    _painel,
)
