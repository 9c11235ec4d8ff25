"""Os lotes da restauração pela API: do tamanho que o servidor aceita, e lado a lado."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apoio.bancada import PARA_A_API
from apoio.execucao import PACIENCIA, abrir_restauracao, ler_ate, responder, ultimo_backup
from apoio.juntos import Juntos
from apoio.loja import Antes, Loja, antes_de, e_ensaio, quer_gravar
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.equipe import Equipe
from cofre.base.erros import Disputa
from cofre.plano.lotes import BYTES_POR_LOTE, LINHAS_POR_LOTE, Ritmo
from cofre.plano.tabela import Acao
from cofre.via.api.fila import lado_a_lado
from supabase_local.servidores.falhas import Pedido, RespostaForcada
from supabase_local.servidores.servidor import SupabaseLocal

CABEM = 4000
"""Bytes de um pedido que o servidor ainda aceita."""

SONDA = "x"
"""O corpo do pedido que só pergunta quais colunas se escrevem."""

GRANDE = RespostaForcada(
    413, b"<html><h1>413 Request Entity Too Large</h1></html>", {"Content-Type": "text/html"}
)
DEMOROU = RespostaForcada(
    500, {"code": "57014", "message": "canceling statement due to statement timeout"}
)


def _montar(projeto: SupabaseLocal, destino: Path) -> tuple[Loja, Antes]:
    """A loja sem nada do que o DONO tinha, com o backup de antes."""
    loja = Loja(projeto, destino)
    assert loja.copiar("--empresa", DONO).codigo == 0
    return _sem_nada(loja)


def _sem_nada(loja: Loja) -> tuple[Loja, Antes]:
    antes = antes_de(loja, DONO)
    loja.sql(
        "DELETE FROM vendas_itens WHERE venda_id < 1000",
        *(f"DELETE FROM {t} WHERE user_id = '{DONO}'" for t in ("vendas", "produtos", "clientes")),
    )
    loja.projeto.gateway.esquecer_pedidos()
    return loja, antes


@pytest.fixture
def lojinha(oficina: Loja) -> tuple[Loja, Antes]:
    return _sem_nada(oficina)


def _tamanho(pedido: Pedido) -> int:
    return int(pedido.cabecalhos.get("content-length", "0"))


def _insere(pedido: Pedido) -> bool:
    """Se é uma inserção de verdade, e não um ensaio nem a sondagem das colunas."""
    return pedido.metodo == "POST" and quer_gravar(pedido)


MUITOS = (
    f"INSERT INTO produtos SELECT n, '{DONO}', 'Pão ' || n, n"
    " FROM generate_series(2001, 2000 + {}) n"
)


def test_lotes_que_nao_cabem_encolhem_e_tudo_volta(lojinha: tuple[Loja, Antes]) -> None:
    """Por uma recusa nuns, e pela outra noutros."""
    loja, antes = lojinha
    gateway = loja.projeto.gateway

    def nao_cabe(*tabelas: str) -> Callable[[Pedido], bool]:
        return lambda p: p.tabela in tabelas and _tamanho(p) > CABEM

    uns, outros = ("produtos",), ("clientes", "vendas", "vendas_itens")
    with (
        gateway.com_falha(GRANDE, metodo="POST", se=nao_cabe(*uns), vezes=None),
        gateway.com_falha(DEMOROU, metodo="POST", se=nao_cabe(*outros), vezes=None),
    ):
        saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    assert loja.impressoes() == antes.impressoes
    for tabelas, recusa in ((uns, GRANDE), (outros, DEMOROU)):
        pedidos = [p for p in gateway.pedidos if _insere(p.pedido) and p.tabela in tabelas]
        inseridos = [p for p in pedidos if p.status == 201]
        recusados = [p for p in pedidos if p.status == recusa.status]
        assert max(_tamanho(p.pedido) for p in inseridos) <= CABEM
        assert 1 <= len(recusados) <= len(inseridos)


def test_uma_linha_que_sozinha_nao_cabe_e_dita(lojinha: tuple[Loja, Antes]) -> None:
    loja, antes = lojinha
    agora = loja.impressoes()
    with loja.projeto.gateway.com_falha(GRANDE, metodo="POST", tabela="clientes", vezes=None):
        saida = loja.direto(dono=DONO)
    assert saida.codigo == 4, saida.tudo
    assert "não aceita um pedido tão grande para clientes (413)" in saida.erros
    assert loja.impressoes() == agora
    antes.conferir_outras()


def test_o_que_falta_inteiro_nao_se_pergunta_chave_a_chave(lojinha: tuple[Loja, Antes]) -> None:
    """O ensaio que o banco aceita já diz que nenhuma chave existe; e as filhas, cuja mãe ainda
    não voltou, também."""
    loja, antes = lojinha
    saida = loja.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    pedidos = [p.pedido for p in loja.projeto.gateway.pedidos]
    por_chave = [p.tabela for p in pedidos if p.metodo == "GET" and "=in." in p.consulta]
    assert por_chave == []
    inseridas = [p.tabela for p in pedidos if _insere(p)]
    assert sorted(inseridas) == ["clientes", "produtos", "vendas", "vendas_itens"]


def _bytes_mandados(loja: Loja) -> int:
    """Os corpos dos pedidos de escrita, as provas inclusive."""
    pedidos = loja.projeto.gateway.pedidos
    return sum(p.bytes_recebidos for p in pedidos if p.metodo in ("POST", "PATCH"))


def _provas(loja: Loja, tabela: str) -> list[Pedido]:
    pedidos = [p.pedido for p in loja.projeto.gateway.pedidos if p.tabela == tabela]
    return [p for p in pedidos if e_ensaio(p)]


def test_numa_conversa_cada_linha_vai_a_prova_uma_vez_e_ao_banco_outra(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """O plano que se confirma é o que se provou: depois do RESTAURAR não se prova de novo."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, MUITOS.format(3000), PARA_A_API))
    loja, antes = _montar(projeto, tmp_path / "backups")
    faltam = ("vendas_itens", "vendas", "produtos", "clientes")
    salvas = ultimo_backup(loja.destino, DONO)["tabelas"]
    saida = loja.restaurar("--empresa", DONO, respostas=("RESTAURAR",))
    assert saida.codigo == 0, saida.tudo
    assert "Digite 'RESTAURAR' para confirmar" in saida.saida
    antes.conferir()
    assert _bytes_mandados(loja) / sum(salvas[t]["bytes"] for t in faltam) <= 2.1


def test_se_o_plano_muda_enquanto_se_le_prova_se_de_novo(lojinha: tuple[Loja, Antes]) -> None:
    loja, antes = lojinha
    processo = abrir_restauracao(
        loja.projeto, loja.destino, "--empresa", DONO, "--tabelas", "produtos,clientes"
    )
    # As vendas, que também sumiram, ficam como estão.
    ler_ate(processo, "Somar essas tabelas? (s/n): ")
    responder(processo, "n")
    ler_ate(processo, "para confirmar: ")
    assert len(_provas(loja, "produtos")) == 1
    loja.sql(f"INSERT INTO produtos VALUES (9001, '{DONO}', 'Enquanto se lia', 1)")
    depois = processo.communicate(b"RESTAURAR\nRESTAURAR\n", PACIENCIA)[0].decode()
    assert processo.returncode == 0, depois
    assert "Enquanto se lia" in depois
    assert len(_provas(loja, "produtos")) == 2
    assert loja.valor("SELECT count(*) FROM produtos WHERE id = 9001") == 0
    antes.conferir_outras()


PRESAS = f"""
    CREATE TABLE presas (id bigint PRIMARY KEY, user_id uuid, mae bigint REFERENCES presas);
    INSERT INTO presas SELECT n, '{DONO}', NULL FROM generate_series(1, 4 * {LINHAS_POR_LOTE}) n;
"""


def test_insercoes_vao_lado_a_lado_depois_da_primeira(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Não numa tabela que aponta para si: uma linha podia chegar antes da sua mãe."""
    muitos = MUITOS.format(4 * LINHAS_POR_LOTE)
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, muitos, PRESAS, PARA_A_API))
    loja, antes = _montar(projeto, tmp_path / "backups")
    loja.sql("DELETE FROM presas")
    soltas, presas = Juntos(companhia=True), Juntos(companhia=False)
    with (
        soltas.contar(projeto, tabela="produtos", se=_insere),
        presas.contar(projeto, tabela="presas", se=_insere),
    ):
        saida = loja.direto("--conexoes", "4", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    assert len(soltas.vistos) == 5
    assert soltas.vistos[:2] == [1, 1]
    assert max(soltas.vistos) > 1
    assert presas.vistos == [1] * 4


def test_o_ritmo_cai_pela_metade_e_volta_a_crescer() -> None:
    acoes = [Acao((b"%d" % n,), None, b"x" * 100) for n in range(3 * LINHAS_POR_LOTE)]
    ritmo = Ritmo()
    lotes = ritmo.lotes(acoes)
    primeiro = next(lotes)
    assert len(primeiro) == LINHAS_POR_LOTE
    ritmo.encolher(primeiro)
    ritmo.encolher(primeiro)  # outro do mesmo tamanho, que já estava a caminho
    segundo = next(lotes)
    assert len(segundo) == LINHAS_POR_LOTE // 2
    tamanhos = []
    for lote in lotes:
        ritmo.crescer()
        tamanhos.append(len(lote))
    assert tamanhos[:-1] == sorted(tamanhos[:-1])
    assert tamanhos[-2] > tamanhos[0]
    for _ in range(100):
        ritmo.crescer()
    assert (ritmo.linhas, ritmo.bytes) == (LINHAS_POR_LOTE, BYTES_POR_LOTE)


def test_os_lotes_respeitam_os_bytes_e_nao_perdem_linhas() -> None:
    meio = b"x" * (BYTES_POR_LOTE // 2)
    pesos = [meio, meio, b"x", b"x" * (2 * BYTES_POR_LOTE), b"x", b"x"]
    acoes = [Acao((b"%d" % n,), None, peso) for n, peso in enumerate(pesos)]
    lotes = list(Ritmo().lotes(acoes))
    assert [len(lote) for lote in lotes] == [2, 1, 1, 2]
    assert list(itertools.chain.from_iterable(lotes)) == acoes


def test_depois_de_uma_disputa_vai_um_de_cada_vez_e_nada_se_perde() -> None:
    feitos: list[tuple[int, bool]] = []
    trava = threading.Lock()
    a_caminho = [0]
    disputou = threading.Event()
    sozinhos: list[int] = []

    def fazer(item: int, insistir: bool) -> str:
        with trava:
            a_caminho[0] += 1
            sozinhos.append(a_caminho[0] if insistir and item > 20 else 1)
        try:
            if item == 5 and not insistir:
                disputou.set()
                raise Disputa("impasse", "")
            with trava:
                feitos.append((item, insistir))
            return f"feito {item}"
        finally:
            with trava:
                a_caminho[0] -= 1

    equipe = Equipe(4, threading.Event(), "teste")
    try:
        itens: Iterator[int] = iter(range(40))
        assert list(lado_a_lado(equipe, fazer, itens)) == [f"feito {n}" for n in range(40)]
    finally:
        equipe.encerrar()
    assert disputou.is_set()
    assert sorted(item for item, _ in feitos) == list(range(40))
    insistidos = sorted(item for item, insistiu in feitos if insistiu)
    assert insistidos[0] == 5
    assert insistidos[1:] == list(range(insistidos[1], 40)), "do meio em diante, todos"
    assert set(sozinhos) == {1}
