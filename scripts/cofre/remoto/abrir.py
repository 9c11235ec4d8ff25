"""Do que está escrito em COPIA_DESTINO aos destinos com que se fala."""

from __future__ import annotations

from cofre.base.config.copia import Copia, DestinoDito, PastaDita, S3Dito
from cofre.remoto.destino import Destino
from cofre.remoto.pasta import DestinoPasta


def abrir(copia: Copia) -> tuple[Destino, ...]:
    """Os destinos, na ordem em que estão escritos; nenhum é ainda procurado. Levanta
    DependenciaAusente: falta a obstore, ou o programa rclone."""
    return tuple(_abrir(dito) for dito in copia.destinos)


def _abrir(dito: DestinoDito) -> Destino:
    if isinstance(dito, PastaDita):
        return DestinoPasta(dito.caminho, dito.texto)
    if isinstance(dito, S3Dito):
        from cofre.remoto.s3 import DestinoS3

        return DestinoS3(dito)
    from cofre.remoto.rclone import DestinoRclone
    from cofre.remoto.rclone_processo import Rclone, achar

    return DestinoRclone(dito.texto, Rclone(achar(), dito.remoto, dito.texto), dito.caminho)
