"""O projeto em que alguém mexe enquanto se copia."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final

from apoio.procurador import Destino, procurador
from desempenho.dados import tabelas_pequenas
from frota.copiado import TABELAS
from supabase_local.servidores.servidor import SupabaseLocal

UMA, DUAS = tabelas_pequenas(TABELAS)[:2]
MEXER: Final = f"""
    UPDATE {UMA} SET descricao = 'mudou';
    DELETE FROM {DUAS} WHERE valor > 20;
    INSERT INTO {UMA} (id, user_id) SELECT gen_random_uuid(), user_id FROM empresas;
    INSERT INTO {UMA} (id, user_id) VALUES (gen_random_uuid(), gen_random_uuid());
"""
"""O que o aplicativo faz a todas as empresas enquanto se copia; a última linha não é de nenhuma."""


@contextlib.contextmanager
def a_meio(projeto: SupabaseLocal, fazer: Callable[[], object]) -> Iterator[dict[str, str]]:
    """O ambiente de um backup pela conexão direta em que, ao ler as primeiras linhas, se faz isto:
    antes de qualquer outra tarefa começar, se é uma de cada vez."""
    trinco, feito = threading.Lock(), threading.Event()

    def olhar(dados: bytes) -> Destino:
        if b"COPY (" in dados:
            with trinco:
                if not feito.is_set():
                    feito.set()
                    fazer()
        return Destino.PASSAR

    with procurador(projeto.cluster.porta, olhar) as porta:
        url = projeto.uri_banco.replace(f":{projeto.cluster.porta}/", f":{porta}/")
        yield {"SUPABASE_DB_URL": url}
    assert feito.is_set()
