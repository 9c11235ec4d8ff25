"""Abrir a via pedida, e nunca uma no lugar da outra em silêncio."""

from __future__ import annotations

import threading
from argparse import Namespace
from typing import TYPE_CHECKING

from cofre.base.comandos import DO_BANCO, como_instalar
from cofre.base.erros import DependenciaAusente, ErroDeUso
from cofre.base.relato import Relato

if TYPE_CHECKING:
    from cofre.base.config.valores import Acesso, Configuracao
    from cofre.via.api.via import ViaDaApi
    from cofre.via.contrato import AoTentarDeNovo, Via


def abrir_via(
    opcoes: Namespace, configuracao: Configuracao, parar: threading.Event, relato: Relato
) -> Via:
    """A via pedida: sem --via, a direta se está configurada. Nunca se troca uma pela outra em
    silêncio, e a direta não precisa da chave. Levanta ErroDeUso, ConfiguracaoInvalida ou
    DependenciaAusente."""
    from cofre.base.config.valores import ONDE_PEGAR_BANCO

    direto = configuracao.direto
    if opcoes.via == "direta" and direto is None:
        raise ErroDeUso(
            "--via direta precisa da SUPABASE_DB_URL, que não está no .env nem no ambiente.",
            ONDE_PEGAR_BANCO,
        )
    if direto is None or opcoes.via == "api":
        return abrir_api(opcoes, configuracao.acesso_da_api(), parar, relato)
    try:
        from cofre.via.direta.via import ViaDireta
    except ImportError as e:
        if (e.name or "psycopg").partition(".")[0] != "psycopg":
            raise
        dica = (
            f"A conexão direta precisa de mais um pacote. {como_instalar(DO_BANCO)}\n"
            "Ou use a API: --via api"
        )
        raise DependenciaAusente("Falta o pacote psycopg.", dica) from e
    limites = (opcoes.conexoes, opcoes.tentativas, parar, _contar_tentativas(relato))
    return ViaDireta(direto, configuracao.acesso, *limites)


def abrir_api(
    opcoes: Namespace, acesso: Acesso, parar: threading.Event, relato: Relato
) -> ViaDaApi:
    """A via da API com as opções de conexão; as novas tentativas aparecem no relato."""
    from cofre.via.api.via import ViaDaApi

    contar = _contar_tentativas(relato)
    limite = opcoes.limite_por_segundo
    return ViaDaApi(acesso, opcoes.conexoes, opcoes.tentativas, parar, contar, limite)


def _contar_tentativas(relato: Relato) -> AoTentarDeNovo:
    from cofre.base.palavras import duracao

    def ao_tentar_de_novo(causa: str, espera: float, tentativa: int, tentativas: int) -> None:
        relato.linha(
            f"   ⏳ {causa} Nova tentativa em {duracao(espera)} ({tentativa} de {tentativas})."
        )

    return ao_tentar_de_novo
