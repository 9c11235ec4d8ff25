"""Morrer, por kill -9, em qualquer passo no disco ou pedido de quem leva uma empresa a outro
projeto: depois, concluir, desfazer ou repetir chega ao certo, e a origem é sempre a de antes.

Na suíte, uma morte de cada; `python3 tests/campanhas clone` morre em todos os passos e pedidos.
"""

from __future__ import annotations

import itertools
import shutil
import signal
from collections.abc import Iterator
from typing import Final

import pytest

from apoio.campanha import CAMPANHA
from apoio.dois_projetos import DONO, DoisProjetos, Ponto, acesso, montar
from apoio.execucao import (
    RAIZ,
    RESTAURACAO,
    Saida,
    abrir,
    ate_o_fim,
    executar,
    fotografia_do_disco,
    metadados,
)
from apoio.servidores import FabricaDeSupabase
from apoio.suicida import morte_no_pedido, que_morre
from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.via.contrato import API, DIRETA

DA_AMOSTRA: Final = (25, 40)
"""Os passos, ou pedidos, em que se morre na suíte; numa campanha, em cada um até que se chegue ao
fim sem morrer."""
TABELAS: Final = ("recados", "vendas", "produtos", "clientes", "empresas")


@pytest.fixture(scope="module")
def montados(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> DoisProjetos:
    return montar(criar_supabase_do_modulo, tmp_path_factory.mktemp("quedas"))


@pytest.fixture
def dois(montados: DoisProjetos, request: pytest.FixtureRequest) -> DoisProjetos:
    """Por uma via, a que o teste diz."""
    m = montados
    por_aqui = DoisProjetos(m.origem, m.destino, m.backups, m.la, request.param)
    por_aqui.escrever_env()
    return por_aqui


def _comecar(dois: DoisProjetos, antes: Ponto) -> None:
    """O destino como era, sem a empresa nem backup nenhum."""
    vendas = f"SELECT id FROM vendas WHERE user_id = '{DONO}'"
    dois.sql(
        f"DELETE FROM vendas_itens WHERE venda_id IN ({vendas})",
        *(f"DELETE FROM {tabela} WHERE user_id = '{DONO}'" for tabela in TABELAS),
    )
    shutil.rmtree(dois.backups_de_la, ignore_errors=True)
    dois.conferir_intacto(antes)


def _argumentos(dois: DoisProjetos) -> tuple[str, ...]:
    return ("clonar", "--empresa", DONO, "--para", str(dois.env), "--confirmar", "RESTAURAR")


@pytest.mark.parametrize("dois", [API, DIRETA] if CAMPANHA else [DIRETA], indirect=True)
def test_kill_9_em_cada_passo_no_disco(dois: DoisProjetos) -> None:
    """Nas duas pastas de backups, a de cá e a de lá."""
    antes = dois.ponto()
    de_morrer = {"ONDE": str(dois.backups.parent), "TESTES": str(RAIZ / "tests")}
    mortes = 0
    for passo in itertools.count(1) if CAMPANHA else DA_AMOSTRA:
        morto = abrir(
            dois.origem,
            dois.backups,
            *_argumentos(dois),
            mais={**acesso(dois.origem, API), **de_morrer, "PASSO": str(passo)},
            script=RESTAURACAO,
            programa=que_morre(),
            novo=False,
        )
        if not _seguir(dois, antes, ate_o_fim(morto), passo):
            break
        mortes += 1
    print(f"mortes num passo no disco ({dois.via}): {mortes}")
    assert mortes >= len(DA_AMOSTRA)


@pytest.mark.parametrize("dois", [API], indirect=True)
def test_kill_9_em_cada_pedido_ao_destino(dois: DoisProjetos) -> None:
    """Antes de ele chegar ao servidor, ou depois, com a resposta perdida."""
    antes = dois.ponto()
    mortes = 0
    for k, onde in _mortes():
        if not _seguir(dois, antes, _matar_no_pedido(dois, k, onde), k):
            break
        mortes += 1
    print(f"mortes num pedido: {mortes}")
    assert mortes >= len(DA_AMOSTRA)


def _mortes() -> Iterator[tuple[int, str]]:
    if CAMPANHA:
        # O itertools.product guardaria antes todos os números, que não acabam.
        return ((k, onde) for k in itertools.count(1) for onde in ("antes", "depois"))
    return zip(DA_AMOSTRA, ("antes", "depois"), strict=True)


def _matar_no_pedido(dois: DoisProjetos, k: int, onde: str) -> Saida:
    with morte_no_pedido(dois.destino, k, onde) as morrer:
        return morrer(abrir(dois.origem, dois.backups, *_argumentos(dois), script=RESTAURACAO))


def _seguir(dois: DoisProjetos, antes: Ponto, fim: Saida, vez: int) -> bool:
    """Se se morreu. Depois da morte, uma de três coisas, e no fim outra vez `clonar`, que chega ao
    mesmo de sempre."""
    assert fim.codigo in (0, -signal.SIGKILL), fim.tudo
    dois.conferir_alheias(antes)
    acao = ("continuar", "desfazer", "clonar")[vez % 3]
    saida = dois.acao(acao)
    caso = (vez, acao, saida.tudo)
    dois.conferir_alheias(antes)
    if acao == "clonar" and saida.codigo == ErroDeUso.codigo:  # há uma por concluir
        assert "continuar" in saida.erros, caso
        saida = dois.acao("continuar")
    assert saida.codigo in (0, NadaEncontrado.codigo), caso
    if acao == "desfazer" and saida.codigo == 0:
        dois.conferir_intacto(antes)
    _conferir_que_chega(dois, antes, caso)
    _comecar(dois, antes)
    return fim.codigo != 0


def _conferir_que_chega(dois: DoisProjetos, antes: Ponto, caso: object) -> None:
    outra = dois.clonar()
    assert outra.codigo == 0, (caso, outra.tudo)
    assert dois.diferem() == {}, caso
    dois.conferir_alheias(antes)
    no_disco = fotografia_do_disco(dois.backups_de_la)
    assert not [nome for nome in no_disco if ".em_andamento" in nome], (caso, list(no_disco))
    trazidas = [m for m in metadados(dois.backups_de_la) if m.get("clone_de")]
    assert len(trazidas) == 1, (caso, list(no_disco))
    conferida = executar(None, dois.backups_de_la, "verificar")
    assert conferida.codigo == 0, (caso, conferida.tudo)
