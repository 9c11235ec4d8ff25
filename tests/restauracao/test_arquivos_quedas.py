"""Morrer em qualquer pedido de uma restauração com arquivos, e depois concluir ou desfazer; e
muitas restaurações ao acaso, sem tocar na vizinha.

Na suíte, uma amostra; `python3 tests/campanhas arquivos` faz todos os pedidos e cem restaurações.
"""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoio.baldes import por_arquivo, tirar_arquivos
from apoio.campanha import CAMPANHA
from apoio.execucao import RESTAURACAO, Saida, abrir
from apoio.impressoes import estado, executar_sql
from apoio.loja import copiar_deposito
from apoio.lojinha import DONO
from apoio.suicida import morte_no_pedido
from apoio.vitrine import (
    API,
    DIRETA,
    EMPRESA,
    NOMES,
    PASTA_VAZIA,
    ambiente_de,
    armazem,
    copiar,
    dos_outros,
    encher,
    estragar,
    projeto,
    restaurar,
    seus,
)
from cofre.base.erros import NEM_TUDO_COMO_ERA, NadaEncontrado
from supabase_local.servidores.falhas import Pedido
from supabase_local.servidores.servidor import SupabaseLocal

__all__ = ("armazem", "projeto")
PEDIDOS = 84
"""Mais do que uma restauração faz: os que passam da conta não matam ninguém."""
TODAS = [(k, onde) for k in range(1, PEDIDOS) for onde in ("antes", "depois")]
MORTES = TODAS if CAMPANHA else [(24, "depois"), (56, "antes")]
"""Na suíte, só estas: pela API, ao ler e ao enviar; pela direta, ao enviar e no fim."""
VEZES = 50 if CAMPANHA else 1

LINHAS_COMO_ERAM = (
    f"UPDATE produtos SET preco = id, foto = NULL WHERE user_id = '{DONO}' AND id IN (3, 4)",
    "DELETE FROM vendas_itens WHERE venda_id = 8",
    f"INSERT INTO vendas_itens VALUES (8, 1, '{DONO}', 8), (8, 2, '{DONO}', 8)",
)
ESTRAGO = (
    f"UPDATE produtos SET foto = 'errada' WHERE user_id = '{DONO}' AND id IN (3, 4)",
    "DELETE FROM vendas_itens WHERE venda_id = 8",
)


class Cenario:
    """Um backup, e o estrago de que se restaura a cada vez."""

    def __init__(self, projeto: SupabaseLocal, destino: Path, via: str) -> None:
        self.projeto, self.via, self.destino = projeto, via, destino
        self.comecar()
        self.alvo = self.agora()
        copiar(projeto, destino, via)

    def comecar(self) -> None:
        encher(self.projeto)
        executar_sql(self.projeto, *LINHAS_COMO_ERAM)

    def estragar(self) -> None:
        self.comecar()
        estragar(self.projeto)
        executar_sql(self.projeto, *ESTRAGO)

    def agora(self) -> tuple[object, object]:
        return seus(self.projeto), estado(self.projeto, DONO, frozenset())


@pytest.fixture(scope="module", params=[API, DIRETA])
def cenario(
    projeto: SupabaseLocal,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Cenario:
    return Cenario(projeto, tmp_path_factory.mktemp("vitrine"), request.param)


@pytest.mark.parametrize(("k", "onde"), MORTES)
def test_kill_9_num_pedido(cenario: Cenario, tmp_path: Path, k: int, onde: str) -> None:
    projeto = cenario.projeto
    cenario.estragar()
    estragado, alheios = cenario.agora(), dos_outros(projeto)
    destino = copiar_deposito(cenario.destino, tmp_path)
    if not _matar(cenario, destino, k, onde):
        assert cenario.agora() == cenario.alvo
        return
    assert dos_outros(projeto) == alheios
    acao = "continuar" if k % 2 else "desfazer"
    saida = restaurar(projeto, destino, cenario.via, acao, "--confirmar", "RESTAURAR")
    if saida.codigo == NadaEncontrado.codigo:
        assert not list(destino.rglob("restauracao_*.json"))
        assert cenario.agora() == estragado
        return
    assert _concluiu(saida, cenario.via), (k, onde, acao, saida.tudo)
    assert cenario.agora() == (cenario.alvo if acao == "continuar" else estragado)
    assert dos_outros(projeto) == alheios
    if not CAMPANHA:
        return
    novo = restaurar(projeto, destino, cenario.via, "--confirmar", "RESTAURAR")
    assert _concluiu(novo, cenario.via), novo.tudo
    assert cenario.agora() == cenario.alvo


def _concluiu(saida: Saida, via: str) -> bool:
    """Tudo como era; ou, pela API, e só se a tela o diz, com arquivos que são outros."""
    outros = via == API and re.search("arquivos? volt(ou|aram) com outro id", saida.tudo)
    return saida.codigo == (NEM_TUDO_COMO_ERA if outros else 0)


def _matar(cenario: Cenario, destino: Path, k: int, onde: str) -> bool:
    """kill -9 antes de o pedido k chegar ao servidor, ou depois, com a resposta perdida. Falso, se
    a restauração acabou antes."""
    with morte_no_pedido(cenario.projeto, k, onde, se=_do_storage_ou_escrita) as morrer:
        processo = abrir(
            cenario.projeto,
            destino,
            "--empresa",
            EMPRESA,
            "--confirmar",
            "RESTAURAR",
            mais=ambiente_de(cenario.projeto, cenario.via),
            script=RESTAURACAO,
        )
        return morrer(processo).codigo == -signal.SIGKILL


def _do_storage_ou_escrita(pedido: Pedido) -> bool:
    return pedido.caminho.startswith("/storage/v1/") or pedido.metodo in ("PATCH", "DELETE", "POST")


@pytest.mark.parametrize("cenario", [API, DIRETA] if CAMPANHA else [API], indirect=True)
@pytest.mark.parametrize("vez", range(VEZES))
def test_um_estrago_ao_acaso_volta_e_a_vizinha_nao_se_toca(
    cenario: Cenario, tmp_path: Path, vez: int
) -> None:
    acaso, projeto = random.Random(f"arquivos {vez}"), cenario.projeto
    cenario.comecar()
    _estragar_ao_acaso(projeto, acaso)
    estragado, alheios = cenario.agora(), dos_outros(projeto)
    destino = copiar_deposito(cenario.destino, tmp_path)
    tabelas = acaso.choice(((), ("--tabelas", "arquivos"), ("--tabelas", "arquivos,produtos")))
    saida = restaurar(projeto, destino, cenario.via, *tabelas, "--confirmar", "RESTAURAR")
    assert _concluiu(saida, cenario.via), saida.tudo
    assert seus(projeto) == cenario.alvo[0]
    assert dos_outros(projeto) == alheios
    if "já são iguais" not in saida.saida:
        volta = restaurar(projeto, destino, cenario.via, "desfazer", "--confirmar", "DESFAZER")
        assert _concluiu(volta, cenario.via), volta.tudo
        assert cenario.agora() == estragado
        assert dos_outros(projeto) == alheios


def _estragar_ao_acaso(projeto: SupabaseLocal, acaso: random.Random) -> None:
    for balde, nome in _alguns(acaso):
        caminho = f"{DONO}/{nome}"
        feito = acaso.choice(("some", "muda", "muda o tipo", "aparece"))
        if feito == "some":
            tirar_arquivos(projeto, balde, caminho)
        elif feito == "aparece":
            por_arquivo(projeto, balde, f"{caminho}-{acaso.randrange(99)}", acaso.randbytes(300))
        else:
            # O Storage só tem a marca de uma pasta vazia com zero bytes.
            dados = acaso.randbytes(0 if nome == PASTA_VAZIA else acaso.choice((0, 1, 5000)))
            tipo = acaso.choice(("text/html", "application/pdf"))
            por_arquivo(projeto, balde, caminho, dados, tipo=tipo, cache="max-age=9")
    if acaso.random() < 0.5:
        executar_sql(projeto, *ESTRAGO)


def _alguns(acaso: random.Random) -> Iterator[tuple[str, str]]:
    todos = [(balde, nome) for balde in ("fotos", "papeis") for nome in NOMES]
    yield from acaso.sample(todos, acaso.randrange(1, 9))
