"""Os lacres de um destino, lidos e conferidos: a forma, a assinatura, e que o nome é o deles.

De quem é a assinatura, decide quem os lê (ver `deposito.lacre.conhecidos`).
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from cofre.base.equipe import Equipe
from cofre.base.erros import BackupDanificado
from cofre.deposito.lacre.lacre import Lacre, LacreRecusado, ler
from cofre.remoto.destino import Destino, Objeto
from cofre.remoto.disposicao import Endereco
from cofre.remoto.erros import ObjetoAusente

LADO_A_LADO = 8
"""Pedidos ao mesmo tempo: são pequenos, e o que demora é a distância."""
MAIOR = 64 * 1024 * 1024
"""Bytes: o lacre de uma empresa com oitocentos mil arquivos."""


@dataclass(frozen=True, slots=True)
class Lidos:
    """Os que se leram e estão inteiros; e dos outros, por quê."""

    bons: Mapping[Endereco, Lacre]
    ruins: Mapping[Endereco, str]


def ler_lacres(destino: Destino, objetos: Mapping[Endereco, Objeto]) -> Lidos:
    """Todos estes, lado a lado. Levanta FalhaDaCopia se não se chega ao destino."""
    equipe = Equipe(LADO_A_LADO, threading.Event(), "lacres")
    try:
        lidos = equipe.cada(lambda item: _tentar(destino, *item), objetos.items())
    finally:
        equipe.encerrar()
    pares = list(zip(objetos, lidos, strict=True))
    return Lidos(
        {e: lido for e, lido in pares if isinstance(lido, Lacre)},
        {e: lido for e, lido in pares if isinstance(lido, str)},
    )


def ler_lacre(destino: Destino, endereco: Endereco, objeto: Objeto) -> Lacre:
    """O lacre que está ali. Levanta LacreRecusado ou FalhaDaCopia."""
    if objeto.bytes > MAIOR:
        raise LacreRecusado("o lacre é grande demais para um")
    dados = io.BytesIO()
    destino.ler(endereco.nome, dados)
    lacre = ler(dados.getvalue())
    if Endereco(lacre.empresa, lacre.carimbo, lacre.escritor) != endereco:
        raise LacreRecusado("o lacre está com o nome de outro")
    return lacre


def _tentar(destino: Destino, endereco: Endereco, objeto: Objeto) -> Lacre | str:
    try:
        return ler_lacre(destino, endereco, objeto)
    except ObjetoAusente:
        return "o lacre sumiu enquanto se lia"
    except BackupDanificado as e:
        return str(e)
