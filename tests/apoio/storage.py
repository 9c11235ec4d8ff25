"""O Storage de um projeto dos testes: baldes, arquivos, e o que há neles visto por SQL."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg

from apoio.impressoes import numa_transacao
from cofre.base.config.valores import Acesso
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.cliente import Cliente, no_caminho
from cofre.via.arquivos.sql import Tabelas
from supabase_local.servidores.servidor import SupabaseLocal


def nada(*_tudo: object) -> None:
    """Ninguém conta as tentativas."""


def cliente_de(
    projeto: SupabaseLocal, *, chave: str = "", conexoes: int = 4, tentativas: int = 3
) -> Cliente:
    """Um cliente do Storage deste projeto."""
    acesso = Acesso(projeto.url, chave or projeto.chave_service_role)
    return Cliente(acesso, conexoes, tentativas, threading.Event(), nada)


@contextmanager
def armazem_de(projeto: SupabaseLocal, *, direto: bool = False, **opcoes: Any) -> Iterator[Armazem]:
    """O Storage deste projeto como o programa o vê, pela API ou também por SQL."""
    cliente = cliente_de(projeto, **opcoes)
    tabelas = Tabelas(lambda: _conectar(projeto)) if direto else None
    armazem = Armazem(cliente, tabelas)
    try:
        yield armazem
    finally:
        armazem.fechar()


def _conectar(projeto: SupabaseLocal) -> AbstractContextManager[psycopg.Connection]:
    return psycopg.connect(projeto.uri_banco, autocommit=True)


class Storage:
    """Os baldes e os arquivos de um projeto, postos e tirados como o aplicativo faria."""

    def __init__(self, projeto: SupabaseLocal) -> None:
        self.projeto = projeto
        self.cliente = cliente_de(projeto)

    def balde(self, id_: str, **opcoes: Any) -> None:
        """Cria um balde."""
        corpo = {"id": id_, "name": id_, **opcoes}
        self.cliente.pedir("POST", "bucket", de_que="um balde", json=corpo)

    def enviar(
        self,
        balde: str,
        nome: str,
        conteudo: bytes,
        *,
        tipo: str = "image/png",
        cache: str = "max-age=60",
        metadados: Mapping[str, Any] | None = None,
    ) -> None:
        """Um arquivo, no lugar do que houver com esse nome."""
        cabecalhos = {"content-type": tipo, "cache-control": cache, "x-upsert": "true"}
        if metadados is not None:
            dito = json.dumps(metadados).encode()
            cabecalhos["x-metadata"] = base64.b64encode(dito).decode()
        caminho = f"object/{no_caminho(balde)}/{no_caminho(nome)}"
        self.cliente.pedir("POST", caminho, de_que=nome, corpo=conteudo, cabecalhos=cabecalhos)

    def apagar(self, balde: str, nome: str) -> None:
        """Um arquivo."""
        self.cliente.pedir("DELETE", f"object/{no_caminho(balde)}/{no_caminho(nome)}", de_que=nome)

    def esvaziar(self) -> None:
        """Sem arquivo nenhum, em balde nenhum."""
        with numa_transacao(self.projeto) as conexao:
            conexao.execute("SELECT set_config('storage.allow_delete_query', 'true', false)")
            conexao.execute("DELETE FROM storage.objects")

    def esvaziar_balde(self, balde: str, *, o_balde: bool = True) -> None:
        """Sem os arquivos de um balde, e sem ele."""
        with numa_transacao(self.projeto) as conexao:
            conexao.execute("SELECT set_config('storage.allow_delete_query', 'true', false)")
            conexao.execute("DELETE FROM storage.objects WHERE bucket_id = %s", (balde,))
            if o_balde:
                conexao.execute("DELETE FROM storage.buckets WHERE id = %s", (balde,))

    def so_a_linha(self, balde: str, nome: str, *, tamanho: int = 4) -> None:
        """A linha de um arquivo, sem conteúdo: como a de um nome que já não se aceita."""
        metadata = {"size": tamanho, "mimetype": "image/png", "eTag": f'"{tamanho:032x}"'}
        self.sql(
            "INSERT INTO storage.objects (bucket_id, name, metadata, version)"
            " VALUES (%s, %s, %s, gen_random_uuid()::text)",
            *(balde, nome, json.dumps(metadata)),
        )

    def so_linhas(self, balde: str, comeco: str, quantas: int) -> None:
        """Muitas linhas sem conteúdo, de 2.000 bytes cada."""
        metadata = {"size": 2000, "mimetype": "image/png", "eTag": '"' + "7" * 32 + '"'}
        self.sql(
            "INSERT INTO storage.objects (bucket_id, name, metadata, version)"
            " SELECT %s, %s || n || '.png', %s, gen_random_uuid()::text"
            " FROM generate_series(1, %s) n",
            *(balde, comeco, json.dumps(metadata), quantas),
        )

    def perder(self, balde: str, nome: str) -> None:
        """A linha fica; o conteúdo, não: o lugar dele depende da versão."""
        self.sql(
            "UPDATE storage.objects SET version = gen_random_uuid()::text"
            " WHERE bucket_id = %s AND name = %s",
            *(balde, nome),
        )

    def sql(self, comando: str, *valores: object) -> list[tuple[Any, ...]]:
        """O que o banco responde, como superusuário."""
        with numa_transacao(self.projeto) as conexao:
            cursor = conexao.execute(comando.encode(), valores)
            return cursor.fetchall() if cursor.description else []

    def fechar(self) -> None:
        """Encerra as conexões."""
        self.cliente.fechar()
