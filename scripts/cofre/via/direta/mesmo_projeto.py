"""Se a API e o banco são do mesmo projeto, quando só as empresas o dizem."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cofre.base.config.valores import Acesso
from cofre.base.erros import ConfiguracaoInvalida
from cofre.base.modelo import Catalogo, Empresa
from cofre.via.contrato import AoTentarDeNovo

Limites = tuple[int, int, threading.Event, AoTentarDeNovo]
"""(conexões, tentativas, o pedido de parada, a quem se conta outra tentativa), como numa via."""


def exigir(api: Acesso, limites: Limites, catalogo: Catalogo, daqui: Sequence[Empresa]) -> None:
    """Levanta ConfiguracaoInvalida se a API não lista nenhuma das empresas que o banco tem; e
    FalhaDoServidor."""
    # Só aqui: quem não tem a chave, ou tem um projeto do Supabase, não carrega o supabase-py.
    from cofre.via.api.via import ViaDaApi

    pela_api = ViaDaApi(api, *limites)
    try:
        de_la = {e.id for e in pela_api.listar_empresas(catalogo, ())}
    finally:
        pela_api.fechar()
    if de_la and de_la.isdisjoint(e.id for e in daqui):
        raise ConfiguracaoInvalida(
            "O banco da SUPABASE_DB_URL não tem nenhuma das empresas que a API lista: não é do"
            " mesmo projeto.",
            "Corrija SUPABASE_URL ou SUPABASE_DB_URL no .env.",
        )
