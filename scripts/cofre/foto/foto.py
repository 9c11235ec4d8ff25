"""O que se pede de uma foto, e o que se leu de uma empresa."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cofre.base.config.valores import Configuracao
from cofre.base.erros import ErroCofre
from cofre.base.modelo import Empresa
from cofre.escopo.escopo import Escopo
from cofre.foto.listas import Colheita
from cofre.via.contrato import Inspecao
from cofre.via.leitura import EmpresaLida, Instante


@dataclass(frozen=True, slots=True)
class Contexto:
    """O que é igual para todas as empresas de uma execução. `escopo` só tem as tabelas pedidas;
    `instante`, o de todas, se não é cada uma do seu."""

    pedido: Pedido
    inspecao: Inspecao
    escopo: Escopo
    configuracao: Configuracao
    instante: Instante | None = None

    @property
    def inicio(self) -> datetime:
        """Quando começa, com fuso, a foto que se vai tirar agora."""
        return self.instante.em if self.instante else datetime.now().astimezone()


class Fonte(Protocol):
    """De onde vem uma das LISTAS: uma por execução, que vários fios usam."""

    @property
    def nome(self) -> str:
        """Qual das LISTAS."""

    def comecar(self, empresa: Empresa, contexto: Contexto) -> Colheita:
        """A de uma foto, antes de se lerem as linhas. O que falhar diz-se ao colher."""


@dataclass(frozen=True, slots=True)
class Foto:
    """O que se leu de uma empresa, antes de publicar; a `empresa` é como a foto a viu, e
    `perdidas` o que devia estar nela e não está. `colheitas`: as listas, por colher."""

    empresa: Empresa
    lida: EmpresaLida
    perdidas: Mapping[str, ErroCofre]
    inicio: datetime
    colheitas: Sequence[Colheita] = ()


@dataclass(frozen=True, slots=True)
class Pedido:
    """O que copiar: vazio quer dizer tudo."""

    empresas: tuple[str, ...] = ()
    tabelas: tuple[str, ...] = ()
    tipo: str = "manual"
    execucao: str = ""
    """Igual em todos os backups de uma execução, também se ela continua depois de parar."""
