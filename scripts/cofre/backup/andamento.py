"""A execução do backup em andamento: um arquivo na pasta dos backups, enquanto ela não acaba.

O que já foi feito não se anota: cada backup publicado diz nos seus metadados de que execução é.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cofre.backup.notado import Notado
from cofre.backup.resumo import Resultado
from cofre.base import estado
from cofre.base.comandos import BACKUP, comando
from cofre.base.disco import erros_de_disco
from cofre.base.erros import NadaEncontrado, TravaOcupada
from cofre.base.modelo import Empresa
from cofre.base.palavras import na_tela
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conferencia
from cofre.deposito.presenca import vive
from cofre.deposito.trava import breve
from cofre.foto.foto import Pedido

ARQUIVO = ".execucao.json"


@dataclass(frozen=True, slots=True)
class Andamento:
    """Uma execução começada: quando, e o que se pediu."""

    comecada_em: datetime
    pedido: Pedido
    processo: str = ""
    """Quem a faz (ver `deposito.presenca`); vazio numa versão antiga."""

    @property
    def quando(self) -> str:
        """A hora em que começou, em palavras."""
        return na_tela(self.comecada_em, "minuto")


def comecar(deposito: Deposito, pedido: Pedido) -> Pedido:
    """Anota que a execução começou, se há onde (ver `sem_lugar`); devolve o pedido com o nome dela.
    Levanta FalhaDeDisco."""
    pedido = replace(pedido, execucao=uuid.uuid4().hex)
    if sem_lugar(deposito.raiz):
        return pedido
    agora = datetime.now().astimezone().replace(microsecond=0)
    with breve(deposito.raiz):
        andamento = Andamento(agora, pedido, deposito.presente)
        estado.gravar(deposito.raiz / ARQUIVO, andamento)
    return pedido


def sem_lugar(raiz: Path) -> bool:
    """Se alguém pôs uma pasta onde a anotação devia estar: sem ela, um backup que pare não se
    continua, mas faz-se."""
    return (raiz / ARQUIVO).is_dir()


def interrompida(raiz: Path) -> Andamento | None:
    """A execução que não acabou, se há e se se sabe qual era."""
    achada = estado.ler(raiz / ARQUIVO, Andamento)
    return achada if achada and achada.pedido.execucao else None


def continuar(deposito: Deposito) -> Andamento:
    """A que não acabou, que passa a ser deste processo. Levanta NadaEncontrado, TravaOcupada se
    ainda há quem a faça, ou FalhaDeDisco."""
    with breve(deposito.raiz):
        achada = _por_continuar(deposito.raiz)
        retomada = replace(achada, processo=deposito.presente)
        estado.gravar(deposito.raiz / ARQUIVO, retomada)
    return retomada


def _por_continuar(raiz: Path) -> Andamento:
    achada = interrompida(raiz)
    if achada is not None and vive(raiz, achada.processo):
        raise TravaOcupada(f"O backup começado em {achada.quando} ainda está em andamento.")
    if achada is None:
        raise NadaEncontrado(
            "Não há backup interrompido para continuar.",
            f"Comece um novo:\n  {comando(BACKUP)}",
        )
    return achada


def acabar(raiz: Path, execucao: str) -> None:
    """A execução com este nome chegou ao fim; se outra começou depois, é dela que se sabe. Levanta
    FalhaDeDisco."""
    with breve(raiz), erros_de_disco(raiz):
        achada = interrompida(raiz)
        e_esta = achada is None or achada.pedido.execucao == execucao
        if e_esta and not sem_lugar(raiz):
            (raiz / ARQUIVO).unlink(missing_ok=True)


def ja_copiada(deposito: Deposito, empresa: Empresa, pedido: Pedido) -> Resultado | None:
    """O que esta execução já fez, inteiro, da empresa; None se ainda não fez. Levanta
    FalhaDeDisco."""
    ultimo = deposito.ultimo(empresa.id)
    meta = ultimo.meta if ultimo else None
    if ultimo is None or meta is None or meta.falhas:
        return None
    if not pedido.execucao or meta.execucao != pedido.execucao:
        return None
    instantanea = meta.consistencia == "instantanea"
    return Resultado(
        empresa,
        str(ultimo.pasta),
        ultimo.carimbo,
        meta.tabelas,
        instantanea=instantanea,
        instante=meta.instante,
        lacre=conferencia.numero_de(ultimo),
        notado=Notado.de_metadados(meta),
    )


def separar(
    deposito: Deposito, empresas: Sequence[Empresa], pedido: Pedido
) -> tuple[list[Resultado], list[Empresa]]:
    """(as que esta execução já copiou, as que faltam), na ordem. Levanta FalhaDeDisco."""
    prontas, faltam = [], []
    for empresa in empresas:
        pronta = ja_copiada(deposito, empresa, pedido)
        if pronta is None:
            faltam.append(empresa)
        else:
            prontas.append(pronta)
    return prontas, faltam
