"""Morrer, ser cortado ou interrompido em qualquer escrita da restauração, e depois seguir.

Na suíte, o cenário tem uns 60 pedidos de escrita, e morre-se numa amostra deles; na campanha
(`python3 tests/campanhas`) tem mais de 150, e morre-se antes e depois de cada um. O que se pergunta
a quem parou, e o que se pode fazer depois, vê-se num de uma dúzia de escritas.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import signal
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from apoio.balcao import DONO, LINHAS, MARIA, TABELAS
from apoio.campanha import CAMPANHA
from apoio.execucao import PACIENCIA, Saida, abrir_restauracao, executar, ler_ate
from apoio.impressoes import Impressoes, Linha, alheias, diferencas, executar_sql
from apoio.loja import ESCRITAS, LOJA_X, PRE, Loja, antes_de, concluiu, copiar_deposito, quer_gravar
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.suicida import morte_no_pedido
from supabase_local.servidores.falhas import CorteDepois, Pedido, RespostaForcada
from supabase_local.servidores.postgres import ClusterPostgres
from supabase_local.servidores.servidor import SupabaseLocal

AMOSTRA: Final = 2
MINIMO_DE_ESCRITAS: Final = 150 if CAMPANHA else 50
FATIAS: Final = 12

ALTERADAS: Final = 20 if CAMPANHA else 4
PRODUTOS: Final = 1000 if CAMPANHA else 6
PREPARO: Final = (
    # Itens a alterar um a um, e linhas para repor e remover com os gatilhos no meio.
    'INSERT INTO "Pedido Item" ("Código", user_id, "Descrição do item", "ordem.linha")'
    f" SELECT md5('i' || n)::uuid, '{LOJA_X}', 'item ' || n, n FROM generate_series(1, {ALTERADAS})"
    " n",
)
ESTRAGO: Final = (
    'UPDATE "Pedido Item" SET "Preço Unitário" = 7 WHERE "Descrição do item" LIKE \'item %\'',
    "UPDATE produtos SET preco = preco + 1 WHERE id IN (SELECT id FROM produtos"
    f" WHERE user_id = '{LOJA_X}' AND preco > 0 ORDER BY id LIMIT {PRODUTOS})",
    f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno > 'C-0002'",
    f"INSERT INTO clientes (user_id, nome) SELECT '{LOJA_X}', 'Novo ' || n FROM"
    " generate_series(1, 5) n",
    "DELETE FROM vendas WHERE id IN (SELECT id FROM vendas v"
    f" WHERE user_id = '{LOJA_X}' AND NOT EXISTS (SELECT 1 FROM vendas_itens i JOIN produtos p"
    " ON p.id = i.produto_id WHERE i.venda_id = v.id AND p.preco < 0) ORDER BY id LIMIT 4)",
)


@dataclass(frozen=True, slots=True)
class Guardada:
    """Um banco e um depósito num ponto em que se parou, de que cada teste segue a sua cópia."""

    banco: str
    backups: Path

    def copia(self, fabrica: FabricaDeSupabase, tmp_path: Path) -> Loja:
        return Loja(fabrica(self.banco), copiar_deposito(self.backups, tmp_path))

    def depois_de(
        self, agir: Callable[[Loja], object], fabrica: FabricaDeSupabase, pasta: Path
    ) -> Guardada:
        """Outra, do ponto em que isto a deixa."""
        banco = fabrica.banco(self.banco)
        backups = copiar_deposito(self.backups, pasta)
        with SupabaseLocal(fabrica.cluster, banco=banco) as projeto:
            agir(Loja(projeto, backups))
        return Guardada(banco, backups)


PEQUENO: Final = (TABELAS, LINHAS.replace(DONO, LOJA_X))
ESTRAGO_PEQUENO: Final = (
    f"DELETE FROM clientes WHERE id = '{MARIA}'",  # leva duas vendas, três itens e duas anotações
    f"UPDATE produtos SET preco = 0.01 WHERE user_id = '{LOJA_X}'",
    f"INSERT INTO clientes VALUES (gen_random_uuid(), '{LOJA_X}', 'Nova')",
)
NO_MEIO: Final = 6
"""Uma escrita mais ou menos no meio das do pequeno, das quais nove são de um produto cada."""


class Cenario:
    """Um banco no estado estragado, com o backup de antes, copiado para cada morte."""

    def __init__(
        self,
        fabrica: FabricaDeSupabase,
        loja: str,
        backups: Path,
        preparo: tuple[str, ...] = PREPARO,
        estrago: tuple[str, ...] = ESTRAGO,
    ) -> None:
        modelo = fabrica.banco(loja, preparo)
        with SupabaseLocal(fabrica.cluster, banco=modelo) as projeto:
            assert executar(projeto, backups, "--empresa", LOJA_X).codigo == 0
            no_backup = Loja(projeto, backups)
            self.alvo: dict[str, list[Linha]] = no_backup.estado()
            executar_sql(projeto, *estrago)
            self.antes: dict[str, list[Linha]] = no_backup.estado()
            self.outras: Impressoes = alheias(no_backup.impressoes(), LOJA_X)
        self.guardado = Guardada(modelo, backups)

    def novo(self, fabrica: FabricaDeSupabase, tmp_path: Path) -> Loja:
        return self.guardado.copia(fabrica, tmp_path)

    def conferir(self, loja: Loja, queria: dict[str, list[Linha]], porque: object) -> None:
        assert diferencas(loja.estado(), queria) == {}, porque
        assert alheias(loja.impressoes(), LOJA_X) == self.outras, porque


@pytest.fixture(scope="module")
def cenario(
    criar_supabase_do_modulo: FabricaDeSupabase,
    modelo_menor: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Cenario:
    return Cenario(criar_supabase_do_modulo, modelo_menor, tmp_path_factory.mktemp("cenario"))


@pytest.fixture(scope="module")
def pequeno(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Cenario:
    pasta = tmp_path_factory.mktemp("pequeno")
    return Cenario(criar_supabase_do_modulo, VAZIO, pasta, PEQUENO, ESTRAGO_PEQUENO)


@pytest.fixture(scope="module")
def total(
    cenario: Cenario,
    criar_supabase_do_modulo: FabricaDeSupabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> int:
    """Quantas escritas a restauração sem quedas faz."""
    loja = cenario.novo(criar_supabase_do_modulo, tmp_path_factory.mktemp("sem_queda"))
    vistas: list[int] = []
    with loja.projeto.gateway.ao_pedir(lambda _p, n: vistas.append(n), se=quer_gravar):
        saida = loja.direto()
    assert concluiu(saida), saida.tudo
    cenario.conferir(loja, cenario.alvo, saida.tudo)
    print(f"escritas: {max(vistas)}")
    assert max(vistas) >= MINIMO_DE_ESCRITAS
    return max(vistas)


def _mortes() -> Iterator[tuple[str, int]]:
    """(onde, por mil): na campanha, todos os pedidos; na suíte, uma amostra ao longo deles."""
    acaso = random.Random("mortes")
    for n in range(AMOSTRA):
        yield ("antes" if n % 2 else "depois"), round(1000 * (n + acaso.random()) / AMOSTRA)


def _matar(loja: Loja, k: int, onde: str) -> None:
    """kill -9 antes de a escrita k chegar ao servidor, ou depois, com a resposta perdida."""
    with morte_no_pedido(loja.projeto, k, onde, se=quer_gravar) as morrer:
        processo = abrir_restauracao(
            loja.projeto, loja.destino, "--empresa", LOJA_X, "--confirmar", "RESTAURAR"
        )
        assert morrer(processo).codigo == -signal.SIGKILL, (k, onde)


def _morrer_e_seguir(cenario: Cenario, loja: Loja, k: int, onde: str) -> None:
    _matar(loja, k, onde)
    (diario,) = loja.diarios()
    assert diario["estado"] == "em_andamento"
    (pre,) = loja.backups(PRE)
    assert pre["estado"] == "completo"
    assert alheias(loja.impressoes(), LOJA_X) == cenario.outras
    acao = "continuar" if k % 2 else "desfazer"
    saida = loja.restaurar(acao, "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    assert concluiu(saida), (k, onde, acao, saida.tudo)
    queria = cenario.alvo if acao == "continuar" else cenario.antes
    cenario.conferir(loja, queria, (k, onde, acao, saida.tudo))
    assert not [d for d in loja.diarios() if d["estado"] in ("em_andamento", "incompleta")]


@pytest.mark.parametrize(("onde", "por_mil"), list(_mortes()))
def test_kill_9_numa_escrita(
    cenario: Cenario,
    total: int,
    criar_supabase: FabricaDeSupabase,
    tmp_path: Path,
    onde: str,
    por_mil: int,
) -> None:
    loja = cenario.novo(criar_supabase, tmp_path)
    _morrer_e_seguir(cenario, loja, 1 + por_mil * (total - 1) // 1000, onde)


if CAMPANHA:

    @pytest.mark.parametrize("fatia", range(FATIAS))
    def test_campanha_kill_9_em_todas_as_escritas(
        cenario: Cenario, total: int, cluster: ClusterPostgres, fatia: int
    ) -> None:
        """Em fatias, para que todos os processadores trabalhem; juntas, são todas as escritas."""
        escritas = range(fatia + 1, total + 1, FATIAS)
        for k, onde in itertools.product(escritas, ("antes", "depois")):
            with contextlib.ExitStack() as pilha, tempfile.TemporaryDirectory() as pasta:
                loja = cenario.novo(FabricaDeSupabase(cluster, pilha), Path(pasta))
                _morrer_e_seguir(cenario, loja, k, onde)
        print(f"mortes: {2 * len(escritas)}, em {len(escritas)} das {total} escritas")


@pytest.fixture(scope="module")
def morta(
    pequeno: Cenario,
    criar_supabase_do_modulo: FabricaDeSupabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Guardada:
    """Uma restauração morta mais ou menos no meio."""
    pasta = tmp_path_factory.mktemp("morta")
    return pequeno.guardado.depois_de(
        lambda loja: _matar(loja, NO_MEIO, "depois"), criar_supabase_do_modulo, pasta
    )


@pytest.fixture
def partida(morta: Guardada, criar_supabase: FabricaDeSupabase, tmp_path: Path) -> Loja:
    return morta.copia(criar_supabase, tmp_path)


def test_a_proxima_execucao_oferece_concluir(pequeno: Cenario, partida: Loja) -> None:
    aviso = partida.copiar("--empresa", LOJA_X)
    assert "restauração não concluída" in aviso.tudo.lower(), aviso.tudo
    saida = partida.restaurar(respostas=("1", "x", "", "1"))
    assert "⚠️ Há uma restauração não concluída, de " in saida.saida
    escolhas = (
        "   1. concluir (seguir até o fim)\n"
        "   2. desfazer (voltar ao que era antes)\n"
        "   3. deixar como está e sair\n"
    )
    assert escolhas in saida.saida
    assert concluiu(saida), saida.tudo
    pequeno.conferir(partida, pequeno.alvo, saida.tudo)
    assert [d["estado"] for d in partida.diarios()] == ["concluida"]


def test_a_proxima_execucao_oferece_desfazer(pequeno: Cenario, partida: Loja) -> None:
    saida = partida.restaurar(respostas=("1", "2", "RESTAURAR"))
    assert concluiu(saida), saida.tudo
    pequeno.conferir(partida, pequeno.antes, saida.tudo)
    assert [d["estado"] for d in partida.diarios()] == ["desfeita", "concluida"]


@pytest.mark.parametrize("respostas", [("1", "q"), ("1",)])
def test_sair_sem_escolher_nao_muda_nada(partida: Loja, respostas: tuple[str, ...]) -> None:
    antes, arquivos = antes_de(partida), partida.arquivos()
    saida = partida.restaurar(respostas=respostas)
    assert saida.codigo == 7, saida.tudo
    antes.conferir_intacto()
    assert partida.arquivos() == arquivos


def test_deixar_como_esta_permite_outra_restauracao(pequeno: Cenario, partida: Loja) -> None:
    antes = antes_de(partida)
    saida = partida.restaurar(respostas=("1", "3"))
    assert saida.codigo == 7, saida.tudo
    antes.conferir_intacto()
    assert [d["estado"] for d in partida.diarios()] == ["deixada"]
    assert f"continuar --empresa {LOJA_X}" in saida.erros
    # O aviso continua, mas outra restauração pode vir: a foto dela é de como a empresa está.
    assert "restauração não concluída" in partida.copiar("--empresa", LOJA_X).tudo
    de_antes = partida.backups("manual")[0]["inicio"][:19]
    saida = partida.direto("--backup", re.sub(r"[-:]", "", de_antes).replace("T", "_"))
    assert concluiu(saida), saida.tudo
    pequeno.conferir(partida, pequeno.alvo, saida.tudo)
    assert [d["estado"] for d in partida.diarios()] == ["deixada", "concluida"]
    assert "não concluída" not in partida.copiar("--empresa", LOJA_X).tudo
    desfeita = partida.restaurar("desfazer", "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    assert concluiu(desfeita), desfeita.tudo
    antes.conferir()


@pytest.mark.parametrize("acao", ["continuar", "desfazer"])
def test_a_que_foi_deixada_ainda_se_conclui_ou_desfaz(
    pequeno: Cenario, partida: Loja, acao: str
) -> None:
    assert partida.restaurar(respostas=("1", "3")).codigo == 7
    saida = partida.restaurar(acao, "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    assert concluiu(saida), saida.tudo
    pequeno.conferir(partida, pequeno.alvo if acao == "continuar" else pequeno.antes, saida.tudo)


def test_sem_dialogo_nao_comeca_outra_por_cima(partida: Loja) -> None:
    antes, arquivos = antes_de(partida), partida.arquivos()
    saida = partida.direto()
    assert saida.codigo == 2, saida.tudo
    assert "continuar --empresa" in saida.erros
    assert "desfazer --empresa" in saida.erros
    antes.conferir_intacto()
    assert partida.arquivos() == arquivos


def _matar_o_desfazer(loja: Loja) -> None:
    with morte_no_pedido(loja.projeto, 3, se=quer_gravar) as morrer:
        processo = abrir_restauracao(
            loja.projeto,
            loja.destino,
            *("desfazer", "--empresa", LOJA_X, "--confirmar", "RESTAURAR"),
        )
        assert morrer(processo).codigo == -signal.SIGKILL


@pytest.fixture(scope="module")
def morta_ao_desfazer(
    morta: Guardada,
    criar_supabase_do_modulo: FabricaDeSupabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Guardada:
    """A mesma, morta outra vez quando se desfazia."""
    pasta = tmp_path_factory.mktemp("morta_ao_desfazer")
    return morta.depois_de(_matar_o_desfazer, criar_supabase_do_modulo, pasta)


@pytest.mark.parametrize("acao", ["continuar", "desfazer", None])
def test_morrer_ao_desfazer_e_concluir_o_desfazer(
    pequeno: Cenario,
    morta_ao_desfazer: Guardada,
    criar_supabase: FabricaDeSupabase,
    tmp_path: Path,
    acao: str | None,
) -> None:
    loja = morta_ao_desfazer.copia(criar_supabase, tmp_path)
    if acao is None:  # pelo diálogo: desfazer o desfazer não é uma das escolhas
        saida = loja.restaurar(respostas=("1", "9", "1"))
        assert "⚠️ Há um desfazer não concluído, de " in saida.saida
        escolhas = "   1. concluir (seguir até o fim)\n   2. deixar como está e sair\nEscolha: "
        assert f"{escolhas}   Responda 1 ou 2; " in saida.saida
    else:
        saida = loja.restaurar(acao, "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    assert concluiu(saida), saida.tudo
    pequeno.conferir(loja, pequeno.antes, saida.tudo)
    assert [d["estado"] for d in loja.diarios()] == ["desfeita", "concluida"]


def test_a_api_some_no_meio_e_volta(
    pequeno: Cenario, criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Alguns pedidos sem resposta não interrompem nada: são tentados de novo."""
    loja = pequeno.novo(criar_supabase, tmp_path)
    with loja.projeto.gateway.com_falha(
        RespostaForcada(503), se=quer_gravar, no_pedido=NO_MEIO, vezes=3
    ) as regra:
        saida = loja.direto()
    assert regra.disparos == 3
    assert concluiu(saida), saida.tudo
    pequeno.conferir(loja, pequeno.alvo, saida.tudo)


def test_a_api_some_e_nao_volta_ate_o_fim(
    pequeno: Cenario, criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    loja = pequeno.novo(criar_supabase, tmp_path)
    with loja.projeto.gateway.com_falha(RespostaForcada(503), se=_Apagao(NO_MEIO), vezes=None):
        saida = loja.direto("--tentativas", "2")
    assert saida.codigo == 7, saida.tudo
    assert "A restauração parou no meio" in saida.erros
    assert "continuar --empresa" in saida.erros
    assert "desfazer --empresa" in saida.erros
    assert [d["estado"] for d in loja.diarios()] == ["em_andamento"]
    assert alheias(loja.impressoes(), LOJA_X) == pequeno.outras
    saida = loja.restaurar("continuar", "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    assert concluiu(saida), saida.tudo
    pequeno.conferir(loja, pequeno.alvo, saida.tudo)


@pytest.mark.parametrize(
    "escolha", ["concluir", "desfazer", "deixar", *(["sair"] if CAMPANHA else []), "nada"]
)
def test_no_dialogo_um_erro_sem_volta_oferece_as_tres_escolhas_ali_mesmo(
    pequeno: Cenario, criar_supabase: FabricaDeSupabase, tmp_path: Path, escolha: str
) -> None:
    loja = pequeno.novo(criar_supabase, tmp_path)
    comeco = "1\n0\nRESTAURAR\n"
    respostas = {
        "concluir": "1\n",
        "desfazer": "2\n",
        "deixar": "3\n",
        "sair": "x\nq\n",
        "nada": "",
    }
    processo = abrir_restauracao(loja.projeto, loja.destino, "--tentativas", "2")
    assert processo.stdin is not None
    with loja.projeto.gateway.com_falha(RespostaForcada(503), se=_Apagao(NO_MEIO), vezes=None):
        processo.stdin.write(comeco.encode())
        processo.stdin.flush()
        dito = ler_ate(processo, "3. deixar como está e sair\nEscolha: ")
    # A API voltou enquanto o usuário lia.
    saida, erros = processo.communicate(respostas[escolha].encode(), timeout=PACIENCIA)
    fim = Saida(processo.returncode, dito + saida.decode(), erros.decode())
    assert "❌ A restauração parou no meio: " in fim.saida
    queria = {"concluir": pequeno.alvo, "desfazer": pequeno.antes}.get(escolha)
    if queria is None:
        assert fim.codigo == 7, fim.tudo
        assert f"continuar --empresa {LOJA_X}" in fim.erros
        estado = "deixada" if escolha == "deixar" else "em_andamento"
        assert [d["estado"] for d in loja.diarios()] == [estado]
        assert alheias(loja.impressoes(), LOJA_X) == pequeno.outras
        return  # como daí se continua é o que os testes de cima provam
    assert fim.codigo == 7 if escolha == "desfazer" else concluiu(fim), fim.tudo
    pequeno.conferir(loja, queria, fim.tudo)


class _Apagao:
    """Verdadeiro para tudo, a partir da n-ésima escrita."""

    def __init__(self, n: int) -> None:
        self._faltam = n

    def __call__(self, pedido: Pedido) -> bool:
        if quer_gravar(pedido):
            self._faltam -= 1
        return self._faltam <= 0


@pytest.mark.parametrize(
    ("qual", "com_reset"),
    [("pequeno", False), ("cenario" if CAMPANHA else "pequeno", True)],
    ids=["fim", "reset"],
)
def test_respostas_perdidas_nao_duplicam(
    request: pytest.FixtureRequest,
    criar_supabase: FabricaDeSupabase,
    tmp_path: Path,
    qual: str,
    com_reset: bool,
) -> None:
    """De cada INSERT, de cada DELETE e de alguns PATCHes (no pequeno, de todos), a primeira
    resposta se perde."""
    cenario: Cenario = request.getfixturevalue(qual)
    loja = cenario.novo(criar_supabase, tmp_path)
    perdidas = _PrimeiraDeCada(um_em=1 if qual == "pequeno" else 20)
    with loja.projeto.gateway.com_falha(CorteDepois(com_reset), se=perdidas, vezes=None):
        saida = loja.direto()
    assert {metodo for metodo, _, _ in perdidas.vistas} == set(ESCRITAS)
    assert concluiu(saida), saida.tudo
    cenario.conferir(loja, cenario.alvo, saida.tudo)


class _PrimeiraDeCada:
    """Verdadeiro na primeira vez de cada escrita; dos PATCHes, nas linhas de `um_em` tantos."""

    def __init__(self, um_em: int) -> None:
        self._um_em = um_em
        self.vistas: set[tuple[str, str, str]] = set()

    def __call__(self, pedido: Pedido) -> bool:
        if not quer_gravar(pedido):
            return False
        qual = (pedido.metodo, pedido.tabela, pedido.consulta)
        linha = pedido.consulta.partition("&")[0]
        if qual in self.vistas or (
            pedido.metodo == "PATCH" and zlib.crc32(linha.encode()) % self._um_em
        ):
            return False
        self.vistas.add(qual)
        return True


@pytest.mark.parametrize("sinal", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_no_meio(
    pequeno: Cenario,
    criar_supabase: FabricaDeSupabase,
    tmp_path: Path,
    sinal: signal.Signals,
) -> None:
    loja = pequeno.novo(criar_supabase, tmp_path)

    def interromper(_pedido: Pedido, vez: int) -> None:
        if vez == NO_MEIO:
            processo.send_signal(sinal)

    with loja.projeto.gateway.ao_pedir(interromper, se=quer_gravar):
        processo = abrir_restauracao(
            loja.projeto, loja.destino, "--empresa", LOJA_X, "--confirmar", "RESTAURAR"
        )
        saida, erros = processo.communicate(timeout=PACIENCIA)
    fim = Saida(processo.returncode, saida.decode(), erros.decode())
    assert fim.codigo in (7, 130), fim.tudo
    assert "continuar --empresa" in fim.erros, fim.tudo
    assert "desfazer --empresa" in fim.erros
    assert "RESTAURAÇÃO CONCLUÍDA" not in fim.saida
    depois = loja.restaurar("continuar", "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    assert concluiu(depois), depois.tudo
    pequeno.conferir(loja, pequeno.alvo, depois.tudo)
