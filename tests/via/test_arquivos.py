"""O Storage lido pelo programa: a lista inteira, cada conteúdo como é, e o que se recusa a crer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.storage import Storage, armazem_de
from cofre.via.arquivos.objetos import Objeto
from supabase_local.servidores.servidor import SupabaseLocal

NOMES = (
    " espaço no começo e no fim ".replace("ç", "c").replace("ã", "a"),
    "?interrogacao?",
    "a&b",
    "a+b",
    "a'b",
    "a//b",
    "a/",
    "/a",
    "a",
    "a/b",
    "A",
    "a!b (1)*$@;:,=-_.txt",
    "/".join(["x" * 225] * 4)[:900],
)
"""Os que o servidor aceita, e em que um programa costuma tropeçar."""


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO)


@pytest.fixture(scope="module")
def storage(projeto: SupabaseLocal) -> Iterator[Storage]:
    storage = Storage(projeto)
    storage.balde("nomes e mais")
    for i, nome in enumerate(NOMES):
        storage.enviar("nomes e mais", nome, f"conteúdo {i}".encode(), metadados={"n": i})
    yield storage
    storage.fechar()


@pytest.mark.parametrize("direto", [False, True])
def test_todo_nome_que_o_servidor_aceita_se_lista_e_desce(
    projeto: SupabaseLocal, storage: Storage, direto: bool
) -> None:
    with armazem_de(projeto, direto=direto) as armazem:
        assert [b.id for b in armazem.baldes()] == ["nomes e mais"]
        objetos = list(armazem.listar())
        assert [o.nome for o in objetos] == sorted(NOMES, key=str.encode)
        for objeto in objetos:
            i = NOMES.index(objeto.nome)
            recebido = bytearray()
            assert armazem.descer(objeto, recebido.extend) is True
            assert recebido == f"conteúdo {i}".encode()
            completo = armazem.completar(objeto)
            assert (completo.metadados, completo.tipo) == ({"n": i}, "image/png")
            assert (completo.versao is not None, completo.cache) == (True, "max-age=60")
            assert objeto.etag == hashlib.md5(bytes(recebido)).hexdigest()


def test_o_que_nao_existe_nao_se_confunde(projeto: SupabaseLocal, storage: Storage) -> None:
    with armazem_de(projeto) as armazem:
        assert armazem.info("nomes e mais", "a/b/c") is None
        assert armazem.info("outro balde", "a") is None
        assert armazem.info("nomes e mais", "a") is not None
        assert armazem.info("nomes e mais", "a") != Objeto("nomes e mais", "a")
