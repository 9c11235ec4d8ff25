"""Três servidores S3 que não são nossos, cada um num processo, uma vez por sessão.

Nenhum imita os outros: o moto tem versões e travas, e não confere assinaturas; o `rclone serve s3`
confere as assinaturas; o localbucket é o mais simples. O que há num balde vê-se pelo boto3, e não
pelo nosso código.
"""

from __future__ import annotations

import itertools
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pytest

from apoio.destinos import SEGREDO
from apoio.portas import porta_presa
from cofre.base.config.copia import S3Dito
from cofre.remoto.s3 import DestinoS3
from supabase_local.servidores.processos import Processo, esperar

CHAVE: Final = "AKIAEXEMPLO"
PREFIXO: Final = "da-loja/cofre"
S3: Final = ("moto", "localbucket", "rclone-s3")
PRAZO: Final = 60.0
_numeros = itertools.count(1)


def programa(nome: str) -> str:
    """Um programa instalado com os pacotes dos testes."""
    achado = shutil.which(nome, path=str(Path(sys.executable).parent)) or shutil.which(nome)
    assert achado is not None, f"falta o {nome}: está em tests/requirements.txt"
    return achado


def esperar_porta(processo: Processo, porta: int) -> None:
    """Só volta quando alguém atende na porta."""

    def atende() -> bool:
        with socket.socket() as tentativa:
            return tentativa.connect_ex(("127.0.0.1", porta)) == 0

    pronto = esperar(lambda: atende() or not processo.vivo(), PRAZO)
    assert pronto, processo.fim_do_registro()
    assert processo.vivo(), processo.fim_do_registro()


@dataclass(frozen=True)
class ServidorS3:
    """Um servidor em execução."""

    porta: int

    @cached_property
    def boto(self) -> Any:
        """O cliente da Amazon, que nada tem com o nosso."""
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]

        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.porta}",
            aws_access_key_id=CHAVE,
            aws_secret_access_key=SEGREDO,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def novo_balde(self, **opcoes: object) -> LugarS3:
        balde = f"balde-{next(_numeros)}"
        self.boto.create_bucket(Bucket=balde, **opcoes)
        return LugarS3(self, balde)


@dataclass(frozen=True, slots=True)
class LugarS3:
    """Um balde vazio; a cópia fica numa pasta dele."""

    servidor: ServidorS3
    balde: str

    def dito(self, *, balde: str = "", porta: int = 0, segredo: str = SEGREDO) -> S3Dito:
        nome = balde or self.balde
        texto = f"s3://{nome}/{PREFIXO}"
        endereco = f"http://127.0.0.1:{porta or self.servidor.porta}"
        return S3Dito(texto, nome, PREFIXO, endereco, "us-east-1", CHAVE, segredo)

    @property
    def destino(self) -> DestinoS3:
        return DestinoS3(self.dito())

    @property
    def inexistente(self) -> DestinoS3:
        return DestinoS3(self.dito(balde="balde-que-nao-ha"))

    def conteudo(self) -> dict[str, bytes]:
        boto, balde = self.servidor.boto, self.balde
        lista = boto.list_objects_v2(Bucket=balde).get("Contents", [])
        return {
            o["Key"].removeprefix(f"{PREFIXO}/"): boto.get_object(Bucket=balde, Key=o["Key"])[
                "Body"
            ].read()
            for o in lista
        }

    def por(self, nome: str, dados: bytes) -> None:
        self.servidor.boto.put_object(Bucket=self.balde, Key=f"{PREFIXO}/{nome}", Body=dados)


@dataclass(slots=True)
class ServidoresS3:
    """Os da sessão: cada um só sobe quando um teste o pede."""

    pasta: Path
    _vivos: dict[str, tuple[ServidorS3, Processo]] = field(default_factory=dict)

    def __getitem__(self, nome: str) -> ServidorS3:
        if nome not in self._vivos:
            self._vivos[nome] = self._subir(nome)
        return self._vivos[nome][0]

    def _subir(self, nome: str) -> tuple[ServidorS3, Processo]:
        raiz = self.pasta / nome
        raiz.mkdir()
        with porta_presa() as porta:
            processo = Processo(self._comando(nome, porta, raiz), self.pasta / f"{nome}.log")
            esperar_porta(processo, porta)
        return ServidorS3(porta), processo

    def _comando(self, nome: str, porta: int, raiz: Path) -> list[str]:
        comandos: dict[str, Callable[[], list[str]]] = {
            "moto": lambda: [programa("moto_server"), "-H", "127.0.0.1", "-p", str(porta)],
            "localbucket": lambda: [programa("localbucket"), "--port", str(porta), str(raiz)],
            "rclone-s3": lambda: [
                programa("rclone"),
                *("serve", "s3", "--addr", f"127.0.0.1:{porta}"),
                *("--auth-key", f"{CHAVE},{SEGREDO}", "--config", str(self.pasta / "nenhuma.conf")),
                str(raiz),
            ],
        }
        return comandos[nome]()

    def parar(self) -> None:
        for _, processo in self._vivos.values():
            processo.parar()


@pytest.fixture(scope="session")
def servidores_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServidoresS3]:
    """Os servidores S3 da sessão, pelo nome (`S3`)."""
    servidores = ServidoresS3(tmp_path_factory.mktemp("s3"))
    yield servidores
    servidores.parar()
