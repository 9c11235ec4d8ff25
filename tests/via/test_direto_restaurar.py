"""A restauração pela conexão direta: cada coluna de cada linha volta, numa transação só.

O que as duas vias prometem igual está nos testes marcados com PELAS_DUAS_VIAS.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from dataclasses import replace
from typing import Final

import psycopg
import pytest
from psycopg import sql

from apoio.campanha import CAMPANHA
from apoio.execucao import PACIENCIA, Saida, abrir_restauracao
from apoio.forno import Processo
from apoio.impressoes import diferencas, tabelas_e_donos
from apoio.loja import LOJA_X, Loja, antes_de
from cofre.via.contrato import API, DIRETA
from supabase_local.empresas.dados import ler_sql
from supabase_local.servidores.falhas import Pedido, RespostaForcada

SEMENTES = range(100 if CAMPANHA else 2)
MORTES = range(100 if CAMPANHA else 2)

pytestmark = pytest.mark.parametrize("via", [DIRETA], indirect=True)

ESPERA_DEPOIS_DO_DIARIO: Final = 0.6
"""Segundos: entre a foto de dentro da transação e o COMMIT, mais ou menos."""


def _estragar_tudo(loja: Loja, acaso: random.Random) -> None:
    """Cada tabela da empresa, sem os gatilhos: linhas apagadas e colunas mudadas, das chaves
    estrangeiras às que o banco reescreve."""
    with psycopg.connect(loja.projeto.uri_admin) as banco:
        banco.execute("SET LOCAL session_replication_role = replica")
        banco.execute(f"SELECT setseed({acaso.random():.6f})")
        for tabela, dono in tabelas_e_donos(banco):
            if "." in tabela:
                continue
            onde = sql.SQL("({})::text = {} AND random() < {}").format(
                sql.SQL(dono), sql.Literal(LOJA_X), sql.Literal(acaso.choice((0.2, 0.5, 1.0)))
            )
            nome = sql.Identifier(tabela)
            mudavel = _coluna_mudavel(banco, tabela, acaso)
            if mudavel is not None:
                comando = sql.SQL("UPDATE {} AS t SET {} WHERE {}").format(nome, mudavel, onde)
                # Uma linha que fura uma regra NOT VALID não se muda; apagar, sim.
                with contextlib.suppress(psycopg.errors.CheckViolation), banco.transaction():
                    banco.execute(comando)
            if tabela == "vendas":
                banco.execute(
                    "INSERT INTO vendas (user_id, total) SELECT %s, n FROM generate_series(1, 3) n",
                    [LOJA_X],
                )
            if acaso.random() < 0.6 and tabela not in ("empresas", "funcionarios"):
                banco.execute(sql.SQL("DELETE FROM {} AS t WHERE {}").format(nome, onde))


def _coluna_mudavel(
    banco: psycopg.Connection, tabela: str, acaso: random.Random
) -> sql.Composed | None:
    """Uma coluna que possa ficar nula, ou uma data, com outro valor; nunca a que diz a empresa."""
    colunas: list[tuple[str, bool, str]] = banco.execute(
        "SELECT attname::text, NOT attnotnull, atttypid::regtype::text FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' AND attidentity = '' AND attname <> ALL(%s)"
        " AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary"
        " AND attnum = ANY(indkey)) ORDER BY attnum",
        [f'public."{tabela}"', ["user_id", "parent_user_id", "empresa_id", "venda_id", "caixa_id",
                                "funcionario_id", "funcao_id", "produto_id"]],
    ).fetchall()  # fmt: skip
    mudaveis = [
        sql.SQL("{} = {}").format(sql.Identifier(n), sql.SQL("NULL" if nula else "now()"))
        for n, nula, tipo in colunas
        if nula or tipo.startswith("timestamp")
    ]
    return acaso.choice(mudaveis) if mudaveis else None


@pytest.mark.parametrize("semente", SEMENTES)
def test_toda_coluna_de_toda_linha_volta(loja: Loja, semente: int) -> None:
    """Com todos os gatilhos ligados, os que trocam o dono e proíbem excluir inclusive."""
    loja.sql(ler_sql("gatilhos_extremos.sql"))
    antes = antes_de(loja)
    _estragar_tudo(loja, random.Random(f"direta {semente}"))
    assert diferencas(loja.estado(), antes.estado)
    saida = loja.direto()
    assert saida.codigo == 0, saida.tudo
    assert "o próprio banco reescreve" not in saida.saida
    antes.conferir()
    assert loja.impressoes() == antes.impressoes  # nem uma coluna, de ninguém


ESTRAGO: Final = (
    f"DELETE FROM vendas_itens WHERE user_id = '{LOJA_X}'",
    f"DELETE FROM clientes WHERE user_id = '{LOJA_X}'",
    f"UPDATE produtos SET preco = preco + 1, updated_at = now() WHERE user_id = '{LOJA_X}'"
    " AND preco > 0",
    "INSERT INTO categorias (user_id, nome)"
    f" SELECT '{LOJA_X}', 'Nova ' || n FROM generate_series(1, 500) n",
)


@pytest.mark.parametrize("quem", ["cliente", "servidor"])
@pytest.mark.parametrize("semente", MORTES)
def test_kill_9_deixa_a_empresa_toda_antes_ou_toda_depois(
    loja: Loja, semente: int, quem: str
) -> None:
    """Num momento qualquer depois que o diário está no disco, morre o script ou o processo do
    servidor que o atende (e com ele, de propósito, o servidor inteiro se refaz)."""
    acaso = random.Random(f"{quem} {semente}")
    # O embutido confirma antes de gravar: ao cair, perderia o estrago, ou a própria restauração.
    loja.sql(f'ALTER DATABASE "{loja.projeto.banco}" SET synchronous_commit = on')
    alvo = antes_de(loja)
    loja.sql(*ESTRAGO, sem_gatilhos=True)
    estragado = antes_de(loja)
    processo = _comecar(loja)
    time.sleep(acaso.random() * ESPERA_DEPOIS_DO_DIARIO)
    if quem == "cliente":
        processo.kill()
        processo.wait(PACIENCIA)
    else:
        _matar_no_servidor(loja)
        saida, erros = processo.communicate(timeout=PACIENCIA)
        fim = Saida(processo.returncode, saida.decode(), erros.decode())
        assert fim.codigo in (0, 4, 7), fim.tudo
    _esperar_o_servidor(loja)

    agora = loja.impressoes()
    assert agora in (estragado.impressoes, alvo.impressoes), "nem antes, nem depois"
    (diario,) = loja.diarios()
    if diario["estado"] == "em_andamento":
        saida_ = loja.restaurar("continuar", "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
        assert saida_.codigo == 0, saida_.tudo
        assert loja.impressoes() == alvo.impressoes
    else:
        ficou = {"concluida": alvo.impressoes, "desfeita": estragado.impressoes}
        assert agora == ficou[diario["estado"]]
    print(f"morte de {quem}, {semente}: {'depois' if agora == alvo.impressoes else 'antes'}")


def _comecar(loja: Loja) -> Processo:
    """Uma restauração até o diário estar no disco."""
    processo = abrir_restauracao(
        loja.projeto,
        loja.destino,
        *("--empresa", LOJA_X, "--confirmar", "RESTAURAR"),
        mais=loja.ambiente,
    )
    prazo = time.monotonic() + PACIENCIA
    while not loja.diarios():
        assert processo.poll() is None, processo.communicate()
        assert time.monotonic() < prazo
        time.sleep(0.005)
    return processo


def _matar_no_servidor(loja: Loja) -> None:
    """SIGKILL nos processos do PostgreSQL que atendem a restauração, se ainda há algum."""
    with psycopg.connect(loja.projeto.uri_admin, autocommit=True) as banco:
        atendem = banco.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'cofre'"
            " AND datname = current_database() AND xact_start IS NOT NULL"
        ).fetchall()
    for (pid,) in atendem:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _esperar_o_servidor(loja: Loja) -> None:
    """Até o servidor atender, e ninguém da restauração estar mais nele."""
    prazo = time.monotonic() + PACIENCIA
    while time.monotonic() < prazo:
        with contextlib.suppress(psycopg.OperationalError):
            if not loja.valor(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cofre'"
                " AND datname = current_database()"
            ):
                return
        time.sleep(0.05)
    raise AssertionError("o servidor não voltou")


def test_o_que_depende_de_fora_dos_backups_e_dito_antes(loja: Loja) -> None:
    """A API nem vê essa tabela: o banco levaria as linhas dela junto, em silêncio."""
    loja.sql(
        "CREATE SCHEMA interno",
        "CREATE TABLE interno.etiquetas (produto_id uuid REFERENCES public.produtos"
        " ON DELETE CASCADE)",
        "GRANT USAGE ON SCHEMA interno TO postgres",
        "GRANT ALL ON interno.etiquetas TO postgres",
        "WITH p AS (INSERT INTO produtos (user_id, nome, preco) VALUES"
        f" ('{LOJA_X}', 'Novo', 5) RETURNING id) INSERT INTO interno.etiquetas SELECT id FROM p",
    )
    estragado = antes_de(loja)
    saida = loja.direto("--tabelas", "produtos,auditoria,movimentacoes_estoque")
    assert saida.codigo == 8, saida.tudo
    esperado = "1 registro de interno.etiquetas dependem de produtos que seriam removidos"
    assert f"{esperado} (ON DELETE CASCADE)" in " ".join(saida.saida.split()), saida.tudo
    estragado.conferir_intacto()
    assert loja.valor("SELECT count(*) FROM interno.etiquetas") == 1


def test_a_que_parou_pela_api_se_conclui_pela_direta(loja: Loja) -> None:
    """E se a direta não consegue, ela continua por concluir: nada do que a API já fez se perde."""
    alvo = antes_de(loja)
    loja.sql(
        f"UPDATE produtos SET preco = preco + 1 WHERE user_id = '{LOJA_X}' AND preco > 0",
        f"DELETE FROM ordens_servico WHERE user_id = '{LOJA_X}'",
    )
    pela_api = replace(loja, via=API)
    with loja.projeto.gateway.com_falha(RespostaForcada(503), se=_DepoisDe(20), vezes=None):
        saida = pela_api.direto("--tabelas", "produtos,ordens_servico", "--tentativas", "1")
    assert saida.codigo == 7, saida.tudo
    (diario,) = loja.diarios()
    assert (diario["estado"], diario["via"]) == ("em_andamento", "api")

    continuar = ("continuar", "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    with psycopg.connect(loja.projeto.uri_admin) as outra:
        outra.execute(f"SELECT FROM produtos WHERE user_id = '{LOJA_X}' FOR UPDATE")
        recusada = loja.restaurar(*continuar)
    assert recusada.codigo == 4, recusada.tudo
    assert "nada foi alterado" in recusada.saida
    assert [d["estado"] for d in loja.diarios()] == ["em_andamento"]

    saida = loja.restaurar(*continuar)
    assert saida.codigo == 0, saida.tudo
    assert set(diferencas(loja.estado(), alvo.estado)) == {"auditoria"}  # não escolhida
    alvo.conferir_outras()
    assert [d["estado"] for d in loja.diarios()] == ["concluida"]


class _DepoisDe:
    """Verdadeiro para tudo, depois de n alterações."""

    def __init__(self, n: int) -> None:
        self._faltam = n

    def __call__(self, pedido: Pedido) -> bool:
        self._faltam -= pedido.metodo == "PATCH"
        return self._faltam <= 0
