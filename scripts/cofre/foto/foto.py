"""O que se pede de uma foto, e o que se leu de uma empresa."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cofre.base.config.valores import Configuracao
from cofre.base.erros import ErroCofre
from cofre.base.modelo import Empresa
from cofre.escopo.escopo import Escopo
from cofre.via.contrato import EmpresaLida, Inspecao


@dataclass(frozen=True, slots=True)
class Contexto:
    """O que é igual para todas as empresas de uma execução. `escopo` só tem as tabelas pedidas."""

    pedido: Pedido
    inspecao: Inspecao
    escopo: Escopo
    configuracao: Configuracao


@dataclass(frozen=True, slots=True)
class Foto:
    """O que se leu de uma empresa, antes de publicar; a `empresa` é como a foto a viu, e
    `perdidas` o que devia estar nela e não está."""

    empresa: Empresa
    lida: EmpresaLida
    perdidas: Mapping[str, ErroCofre]
    inicio: datetime


@dataclass(frozen=True, slots=True)
class Pedido:
    """O que copiar: vazio quer dizer tudo."""

    empresas: tuple[str, ...] = ()
    tabelas: tuple[str, ...] = ()
    tipo: str = "manual"
    execucao: str = ""
    """Igual em todos os backups de uma execução, também se ela continua depois de parar."""
