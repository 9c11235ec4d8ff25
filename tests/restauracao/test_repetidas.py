"""O gateway repete sozinho uma escrita cuja resposta se perdeu: nada dobra, nada é dito de alguém
que não houve."""

from __future__ import annotations

import itertools
import threading

import pytest

from apoio.loja import ESCRITAS, LOJA_X, Loja, antes_de, concluiu, quer_gravar
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from supabase_local.servidores.falhas import Pedido, Repetida

SEM_CHAVE = """
    CREATE TABLE avulsas (user_id uuid, texto text, n numeric(12,2));
    INSERT INTO avulsas SELECT '{dono}', 'linha ' || n % 7, n % 3 FROM generate_series(1, 60) n;
    INSERT INTO avulsas SELECT '{outra}', 'linha ' || n % 7, n % 3 FROM generate_series(1, 20) n;
    CREATE TABLE periodos (user_id uuid, dia int NOT NULL UNIQUE);
    INSERT INTO periodos SELECT '{dono}', n FROM generate_series(1, 30) n;
    INSERT INTO periodos SELECT '{outra}', n FROM generate_series(101, 110) n;
    GRANT ALL ON avulsas, periodos TO service_role;
"""
SEM_CHAVES = ("avulsas", "periodos")
ESTRAGO = (
    "UPDATE produtos SET nome = nome || ' errado', preco = preco + 1 WHERE id % 9 = 0 AND id < 300",
    "DELETE FROM vendas_itens WHERE venda_id <= 20; DELETE FROM vendas WHERE id <= 20",
    f"INSERT INTO clientes SELECT md5('x' || n)::uuid, '{DONO}', 'a mais'"
    " FROM generate_series(1, 90) n",
)


class UmaEmCada:
    """Verdadeiro para uma escrita de verdade em cada tantas (nem ensaio, nem sonda)."""

    def __init__(self, quantas: int, *, so: frozenset[str] = ESCRITAS) -> None:
        self._numeros, self._quantas, self._so = itertools.count(1), quantas, so
        self._trinco = threading.Lock()

    def __call__(self, pedido: Pedido) -> bool:
        if pedido.metodo not in self._so or not quer_gravar(pedido):
            return False
        with self._trinco:
            return next(self._numeros) % self._quantas == 0


def _nada_de_ninguem(saida: str) -> None:
    for palavras in ("mudou enquanto se restaurava", "outra empresa", "recusa", "não altera"):
        assert palavras not in saida, saida


# -- com gatilhos que reescrevem o que se manda --------------------------------------------------


def test_com_uma_escrita_repetida_em_cada_cinco_tudo_volta(loja: Loja) -> None:
    """A loja tem `updated_at` e outras colunas que o banco reescreve a cada mudança."""
    antes = antes_de(loja)
    loja.sql(
        f"UPDATE produtos SET preco = preco + 1 WHERE user_id = '{LOJA_X}' AND preco > 0",
        f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno > 'C-0002'",
        f"INSERT INTO clientes (user_id, nome) SELECT '{LOJA_X}', 'Novo ' || n FROM"
        " generate_series(1, 5) n",
    )
    with loja.projeto.gateway.com_falha(Repetida(), se=UmaEmCada(5), vezes=None) as regra:
        saida = loja.direto()
    assert regra.disparos >= 10
    assert concluiu(saida), saida.tudo
    _nada_de_ninguem(saida.tudo)
    antes.conferir()


# -- cada método, e as tabelas sem chave ---------------------------------------------------------


@pytest.fixture(scope="module")
def oficina(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Loja:
    """A lojinha com tabelas sem chave, e um backup."""
    sem_chave = SEM_CHAVE.format(dono=DONO, outra=VIZINHA)
    projeto = criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, sem_chave))
    loja = Loja(projeto, tmp_path_factory.mktemp("oficina"))
    assert loja.copiar("--empresa", DONO).codigo == 0
    return loja


@pytest.mark.parametrize("metodos", [{"POST"}, {"PATCH", "DELETE"}], ids=["repor", "os outros"])
def test_todas_as_escritas_destes_metodos_repetidas(oficina: Loja, metodos: set[str]) -> None:
    antes = antes_de(oficina, DONO)
    oficina.sql(
        *ESTRAGO,
        f"DELETE FROM avulsas WHERE user_id = '{DONO}' AND texto = 'linha 3'",
        f"INSERT INTO avulsas SELECT '{DONO}', 'a mais', n % 2 FROM generate_series(1, 8) n",
        f"DELETE FROM periodos WHERE dia <= 10; INSERT INTO periodos VALUES ('{DONO}', 77)",
    )
    de_todas = UmaEmCada(1, so=frozenset(metodos))
    with oficina.projeto.gateway.com_falha(Repetida(), se=de_todas, vezes=None) as regra:
        saida = oficina.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    assert regra.disparos >= 3 * len(metodos)
    _nada_de_ninguem(saida.tudo)
    antes.conferir()
    # Só o que entrou em dobro, sem chave, pede mais uma passada, que o tira.
    assert len(oficina.diarios()[-1]["passadas"]) == (2 if "POST" in metodos else 1)
    # O lote recusado já está lá inteiro: nem se divide, nem se manda de novo.
    assert "POST" not in metodos or regra.disparos == len(("vendas", "vendas_itens", *SEM_CHAVES))


def test_so_o_que_falta_tambem_nao_dobra(oficina: Loja) -> None:
    """Em `recuperar` também sai o que entrou em dobro."""
    antes = antes_de(oficina, DONO)
    oficina.sql(
        f"DELETE FROM avulsas WHERE user_id = '{DONO}' AND texto IN ('linha 1', 'linha 2')",
        f"DELETE FROM periodos WHERE dia <= 10 AND user_id = '{DONO}'",
    )
    with oficina.projeto.gateway.com_falha(Repetida(), metodo="POST", se=UmaEmCada(1), vezes=None):
        saida = oficina.direto("--modo", "recuperar", dono=DONO)
    assert saida.codigo == 0, saida.tudo
    _nada_de_ninguem(saida.tudo)
    antes.conferir()


# -- o que é de outra empresa continua sendo -----------------------------------------------------


def test_uma_chave_que_outra_empresa_toma_no_meio_e_recusada(oficina: Loja) -> None:
    """A recusa por valor repetido só é nossa se a linha é desta empresa."""
    antes = antes_de(oficina, DONO)
    oficina.sql("DELETE FROM vendas_itens WHERE venda_id = 7; DELETE FROM vendas WHERE id = 7")

    def tomar(_pedido: Pedido, vez: int) -> None:
        if vez == 1:
            oficina.sql(f"INSERT INTO vendas VALUES (7, '{VIZINHA}', md5('v')::uuid)")

    gateway = oficina.projeto.gateway
    with gateway.ao_pedir(tomar, metodo="POST", tabela="vendas", se=UmaEmCada(1)):
        saida = oficina.direto(dono=DONO)
    assert saida.codigo == 7, saida.tudo
    assert oficina.valor("SELECT user_id::text FROM vendas WHERE id = 7") == VIZINHA
    oficina.sql("DELETE FROM vendas_itens WHERE venda_id = 7; DELETE FROM vendas WHERE id = 7")
    saida = oficina.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


def test_uma_edicao_entre_a_leitura_e_a_mudanca_repetida_fica_numa_foto(
    oficina: Loja,
) -> None:
    """Alguém edita a linha depois de a mudança entrar e antes de ela se repetir: a edição é vista,
    guardada numa foto, e só então a linha volta."""
    antes = antes_de(oficina, DONO)
    oficina.sql("UPDATE produtos SET nome = 'errado', preco = 5 WHERE id = 9")
    gateway = oficina.projeto.gateway

    def editar(_pedido: Pedido, vez: int) -> None:
        if vez == 1:
            oficina.sql("UPDATE produtos SET nome = 'De outra pessoa', preco = 6 WHERE id = 9")

    repetir = gateway.com_falha(Repetida(), metodo="PATCH", tabela="produtos", vezes=1)
    # Por dentro da repetição: depois da primeira das duas vezes.
    with repetir, gateway.ao_pedir(depois=editar, metodo="PATCH", tabela="produtos"):
        saida = oficina.direto(dono=DONO)
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
    fotos = [
        (m["pasta"] / m["tabelas"]["produtos"]["arquivo"]).read_bytes()
        for m in oficina.backups("durante_restauracao", DONO)
    ]
    assert any(b"De outra pessoa" in foto for foto in fotos)
