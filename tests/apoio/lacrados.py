"""Backups lacrados, inventados: arquivos de bytes ao acaso, com os nomes e o lacre de um cifrado.
Quem envia, confere e poda não abre nenhum, e não precisa de mais."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cofre.deposito.carimbo import FORMATO_DO_CARIMBO, nome_do_lacre, nome_dos_metadados
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre.assinatura import ChaveDeAssinar, nova_chave
from cofre.deposito.lacre.lacre import (
    Anterior,
    Corpo,
    Lacre,
    em_ordem,
    fechar,
    ler,
    pseudonimo,
)

EMPRESAS = {"ana": "aaaa1111-0000-4000-8000-00000000000a", "bia": "bbbb2222-0000"}


@dataclass(slots=True)
class Computador:
    """Quem faz os backups: tem uma pasta, uma chave de assinar e um nome de escritor."""

    raiz: Path
    escritor: str = "0123456789abcdef"
    chave: ChaveDeAssinar = field(default_factory=lambda: ChaveDeAssinar(nova_chave()))
    numeros: dict[str, int] = field(default_factory=dict)
    vivos: dict[str, list[Anterior]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.raiz.mkdir(parents=True, exist_ok=True)

    @property
    def deposito(self) -> Deposito:
        return Deposito(self.raiz)

    def pasta(self, empresa: str) -> Path:
        return self.raiz / f"empresa_{EMPRESAS[empresa][:8]}"

    def guardar(
        self, empresa: str, carimbo: str, conteudos: Mapping[str, bytes], *, detalhes: bytes = b""
    ) -> Lacre:
        """Um backup com estes conteúdos (tabela → bytes) e os seus detalhes, que nunca se repetem.
        Conteúdos iguais aos de outro dia são, como na vida, o mesmo arquivo cifrado."""
        pasta = self.pasta(empresa)
        pasta.mkdir(exist_ok=True)
        detalhes = detalhes or os.urandom(200)
        todos = {**conteudos, "detalhes": detalhes}
        for tabela, dados in todos.items():
            (pasta / f"{tabela}_{carimbo}.json.gz.age").write_bytes(dados)
        ficha = f'{{"carimbo":"{carimbo}"}}'.encode()
        lacre = self.lacrar(empresa, carimbo, list(todos.values()), ficha, detalhes)
        (pasta / nome_do_lacre(carimbo)).write_bytes(lacre.dados)
        (pasta / nome_dos_metadados(carimbo)).write_bytes(ficha)
        return lacre

    def lacrar(
        self, empresa: str, carimbo: str, conteudos: list[bytes], ficha: bytes, detalhes: bytes
    ) -> Lacre:
        """Só o lacre, que passa a ser um dos vivos."""
        vivos = self.vivos.setdefault(empresa, [])
        self.numeros[empresa] = self.numeros.get(empresa, 0) + 1
        corpo = Corpo(
            empresa=pseudonimo(EMPRESAS[empresa]),
            carimbo=carimbo,
            inicio=datetime.strptime(carimbo, FORMATO_DO_CARIMBO).astimezone(),
            escritor=self.escritor,
            numero=self.numeros[empresa],
            anteriores=tuple(vivos),
            ficha=_soma(ficha),
            detalhes=_soma(detalhes) if detalhes else "",
            blobs=em_ordem((_soma(c), len(c)) for c in conteudos),
        )
        lacre = ler(fechar(corpo, self.chave))
        vivos.append(lacre.como_anterior)
        return lacre

    def podar(self, empresa: str, carimbo: str) -> None:
        """O backup sai daqui, e os lacres que vêm depois já não o citam."""
        for arquivo in self.pasta(empresa).glob(f"*_{carimbo}.json*"):
            arquivo.unlink()
        self.vivos[empresa] = [v for v in self.vivos[empresa] if v.carimbo != carimbo]


def _soma(dados: bytes) -> str:
    return hashlib.sha256(dados).hexdigest()
