"""A frota, como a linha de comando a pede."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cofre.backup.tarefa import Jeito
from cofre.base.config.valores import Configuracao
from cofre.base.relato import Relato
from cofre.comando.argumentos import minutos_de
from cofre.deposito.deposito import Deposito
from cofre.foto.foto import Contexto

if TYPE_CHECKING:
    from cofre.frota.motor import Frota


@contextlib.contextmanager
def aberta(
    opcoes: Namespace,
    configuracao: Configuracao,
    deposito: Deposito,
    relato: Relato,
    jeito: Jeito,
) -> Iterator[Frota]:
    """O motor sobre a frota pedida. Levanta ErroDeUso, DependenciaAusente ou FrotaParada."""
    from cofre.frota.endereco import ler_onde
    from cofre.frota.erros import falta_o_dask

    onde = ler_onde(opcoes.frota)
    try:
        from cofre.frota.abrir import ligada
        from cofre.frota.digital import de
        from cofre.frota.motor import Frota
        from cofre.frota.remessa import OPCOES, Remessa, empacotar
    except ModuleNotFoundError as e:
        raise falta_o_dask(e) from e
    digital = de(configuracao)

    def remessa_de(contexto: Contexto, _quantos: int) -> Remessa:
        return Remessa(
            contexto.pedido.execucao,
            deposito.presente,
            digital,
            {nome: getattr(opcoes, nome, None) for nome in OPCOES},
            jeito,
            opcoes.conexoes,
            opcoes.limite_por_segundo,
            str(configuracao.destino) if onde.local else None,
            empacotar(contexto),
        )

    with ligada(onde, digital, opcoes.conexoes, None) as cliente:
        paciencia = 60.0 * minutos_de(opcoes)
        frota = Frota(cliente, digital, deposito, relato, remessa_de, paciencia)
        parando = True
        try:
            yield frota
            parando = False
        finally:
            frota.acabar(parando=parando)
