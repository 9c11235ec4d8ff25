"""A foto é um instante só, ou diz que não é: sob escritores que mexem em várias tabelas de vez."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from apoio.campanha import CAMPANHA
from apoio.escritor import (
    CONTAS,
    DONO,
    ESQUEMA,
    LINHAS,
    MEXIDAS,
    TABELAS,
    VIZINHA,
    conferir_donos,
    conferir_instante,
    do_backup,
    do_retrato,
    escrevendo,
    exatas,
)
from apoio.execucao import executar, linhas_do_arquivo, metadados, ultimo_backup
from apoio.impressoes import executar_sql
from apoio.retrato import fotografo
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import PermissaoNegada
from cofre.via.api import seguidas
from supabase_local.servidores.falhas import Pedido, RespostaForcada
from supabase_local.servidores.servidor import SupabaseLocal


@pytest.fixture(scope="module")
def de_todos(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Páginas de 30 linhas, para que as tabelas levem mais de uma."""
    return criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,), max_linhas=30)


@pytest.fixture
def projeto(de_todos: SupabaseLocal) -> SupabaseLocal:
    """Com as linhas do começo."""
    executar_sql(de_todos, LINHAS)
    return de_todos


FOTOS = 50 if CAMPANHA else 10
PEDIDOS_DE_UMA_FOTO = 16
"""Das tabelas em que se mexe, quando nada muda no meio."""


# -- o escritor ------------------------------------------------------------------------------


@pytest.mark.demorado
@pytest.mark.parametrize("seguida", [False, True], ids=["cada uma por si", "seguidas"])
def test_fotos_sob_um_escritor_ou_sao_um_instante_ou_dizem_que_nao(
    projeto: SupabaseLocal, tmp_path: Path, seguida: bool
) -> None:
    with (
        fotografo(projeto, tmp_path) as quem,
        escrevendo(projeto, a_cada=4 * PEDIDOS_DE_UMA_FOTO) as escritor,
        projeto.gateway.ao_pedir(lambda _pedido, _vez: escritor.passou()),
    ):
        retratos = [quem.fotografar(DONO, MEXIDAS, seguida=seguida) for _ in range(FOTOS)]
    instantaneas = [r for r in retratos if r.coleta.instantanea]
    for retrato in instantaneas:
        conferir_instante(do_retrato(retrato))
    for retrato in retratos:
        conferir_donos(do_retrato(retrato))
    assert len(instantaneas) >= 0.6 * FOTOS
    # Houve o que consertar: fotos em que a primeira passada achou mudanças.
    assert sum(r.coleta.passadas > 1 for r in instantaneas) >= 0.1 * FOTOS
    assert escritor.transacoes > FOTOS


def test_as_linhas_lidas_antes_de_conferir_nao_seriam_um_instante(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """O contraste: uma leitura simples, com as mesmas escritas no meio, perde a soma."""
    with fotografo(projeto, tmp_path) as quem, ao_ler(projeto, "contas", 1, tudo_para_os_cofres):
        retrato = quem.fotografar(DONO)
    assert (retrato.coleta.instantanea, retrato.coleta.passadas) == (True, 2)
    conferir_instante(do_retrato(retrato))
    assert [c["saldo"] for c in do_retrato(retrato)["contas"]] == [Decimal(0)] * CONTAS


# -- mudanças em momentos certos -------------------------------------------------------------

Mudanca = Callable[[psycopg.Connection], object]


@contextlib.contextmanager
def ao_ler(
    projeto: SupabaseLocal, tabela: str, no_pedido: int, mudanca: Mudanca, sempre: bool = False
) -> Iterator[None]:
    """Depois que o servidor lê esta página da foto (e antes de a mandar), o banco muda."""
    lidos = 0

    def depois(_pedido: Pedido, vez: int) -> None:
        nonlocal lidos
        lidos = vez
        if vez == no_pedido or sempre:
            with psycopg.connect(projeto.uri_banco) as banco:
                mudanca(banco)

    def da_foto(pedido: Pedido) -> bool:
        return pedido.metodo == "GET" and "xmin" in pedido.consulta and "order=" in pedido.consulta

    with projeto.gateway.ao_pedir(depois=depois, tabela=tabela, se=da_foto):
        yield
    assert lidos >= no_pedido


def tudo_para_os_cofres(banco: psycopg.Connection) -> None:
    banco.execute("UPDATE cofres k SET saldo = k.saldo + c.saldo FROM contas c WHERE c.id = k.id")
    banco.execute("UPDATE contas SET saldo = 0 WHERE user_id = %s", [DONO])


def comandos(*textos: str) -> Mudanca:
    def mudar(banco: psycopg.Connection) -> None:
        for texto in textos:
            assert banco.execute(texto.encode()).rowcount > 0

    return mudar


MUDANCAS: dict[str, tuple[str, int, Mudanca]] = {
    "uma linha inserida antes do que já se leu": (
        "contas",
        2,
        comandos(f"INSERT INTO contas VALUES (0, '{DONO}', 1), (-5, '{DONO}', 1)"),
    ),
    "linhas inseridas entre as páginas e no fim": (
        "vendas",
        1,
        comandos(
            f"INSERT INTO vendas SELECT n, '{DONO}', 0 FROM generate_series(141, 149) n",
            f"INSERT INTO vendas VALUES (151, '{DONO}', 0), (900000, '{DONO}', 0)",
        ),
    ),
    "muitas linhas inseridas numa faixa já lida": (
        "contas",
        2,
        comandos(f"INSERT INTO contas SELECT -n, '{DONO}', 0 FROM generate_series(0, 80) n"),
    ),
    "linhas apagadas dos dois lados": (
        "contas",
        1,
        comandos("DELETE FROM contas WHERE id IN (1, 2, 15, 16, 40)"),
    ),
    "tudo apagado": ("contas", 2, comandos(f"DELETE FROM contas WHERE user_id = '{DONO}'")),
    "chaves trocadas": (
        "contas",
        1,
        comandos("UPDATE contas SET id = 500 - id WHERE id <= 40"),
    ),
    "linhas que mudam de dono": (
        "contas",
        1,
        comandos(
            f"UPDATE contas SET user_id = '{VIZINHA}' WHERE id IN (3, 15, 39)",
            f"UPDATE contas SET user_id = '{DONO}' WHERE id IN (1003, 1004)",
        ),
    ),
    "a mãe muda de dono": (
        "vendas_itens",
        1,
        comandos(
            f"UPDATE vendas SET user_id = '{VIZINHA}' WHERE id IN (10, 200)",
            f"UPDATE vendas SET user_id = '{DONO}' WHERE id = 7777",
        ),
    ),
    "itens que ganham e perdem dono próprio": (
        "vendas_itens",
        1,
        comandos(
            f"UPDATE vendas_itens SET user_id = '{DONO}' WHERE n = 2",
            "UPDATE vendas_itens SET user_id = NULL WHERE n = 1",
        ),
    ),
    "um valor muda na última conferência": (
        "funcionarios",
        2,
        comandos("UPDATE contas SET saldo = 7 WHERE id = 1"),
    ),
}
UMA_DEPOIS_DA_OUTRA = (
    "uma linha inserida antes do que já se leu",
    "linhas inseridas entre as páginas e no fim",
    "um valor muda na última conferência",
    "linhas que mudam de dono",
    "linhas apagadas dos dois lados",
    "a mãe muda de dono",
    "itens que ganham e perdem dono próprio",
    "chaves trocadas",
    "tudo apagado",
    "muitas linhas inseridas numa faixa já lida",
)
"""As mesmas, pela ordem em que cada uma tem o que mudar."""
DA_PADARIA = {
    "empresas": "user_id = '{dono}'",
    "contas": "user_id = '{dono}'",
    "cofres": "user_id = '{dono}'",
    "vendas": "user_id = '{dono}'",
    "vendas_itens": "user_id = '{dono}' OR user_id IS NULL AND venda_id IN"
    " (SELECT id FROM vendas WHERE user_id = '{dono}')",
    "funcionarios": "empresa_id IN (SELECT id FROM empresas WHERE user_id = '{dono}')",
}


def no_banco(projeto: SupabaseLocal, dono: str = DONO) -> dict[str, list[bytes]]:
    """O que é da empresa agora, em ordem de chave."""
    with psycopg.connect(projeto.uri_banco) as banco:
        return {
            tabela: [
                linha
                for (linha,) in banco.execute(
                    f"SELECT convert_to(row_to_json(t)::text, 'UTF8') FROM {tabela} t"
                    f" WHERE {onde.format(dono=dono)}"
                    f" ORDER BY {'venda_id, n' if tabela == 'vendas_itens' else 'id'}".encode()
                )
            ]
            for tabela, onde in DA_PADARIA.items()
        }


def test_o_que_muda_durante_a_foto_entra_nela_inteiro(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    with fotografo(projeto, tmp_path) as quem:
        for qual, (tabela, no_pedido, mudanca) in MUDANCAS.items():
            executar_sql(projeto, LINHAS)
            antes = no_banco(projeto)
            with ao_ler(projeto, tabela, no_pedido, mudanca):
                retrato = quem.fotografar(DONO)
            depois = no_banco(projeto)
            assert depois != antes, qual
            assert retrato.coleta.instantanea, qual
            vistas = {t: retrato.linhas(t) for t in TABELAS}
            if qual == "um valor muda na última conferência":
                # A passada já tinha conferido `contas`, ou não: os dois instantes são verdadeiros.
                assert vistas in (antes, depois)
            else:
                assert vistas == depois, qual


def test_o_que_muda_entre_duas_fotos_seguidas_esta_inteiro_na_segunda(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """E da segunda vez só se leem as páginas que mudaram. A segunda de uma é a primeira da
    outra."""
    assert set(UMA_DEPOIS_DA_OUTRA) == set(MUDANCAS)
    with fotografo(projeto, tmp_path) as quem:
        primeira, antes = quem.fotografar(DONO, seguida=True), no_banco(projeto)
        assert {t: primeira.linhas(t) for t in TABELAS} == antes
        for qual in UMA_DEPOIS_DA_OUTRA:
            projeto.gateway.esquecer_pedidos()
            with psycopg.connect(projeto.uri_banco) as banco:
                MUDANCAS[qual][2](banco)
            segunda = quem.fotografar(DONO, seguida=True)
            depois = no_banco(projeto)
            assert {t: segunda.linhas(t) for t in TABELAS} == depois, qual
            assert (segunda.coleta.instantanea, segunda.coleta.passadas) == (True, 2), qual
            pedidos = projeto.gateway.pedidos
            inteiras = {v.tabela for v in pedidos if "select=%2A" in v.pedido.consulta}
            assert inteiras == {t for t in TABELAS if antes[t] != depois[t]} != set(), qual
            antes = depois


def test_uma_foto_seguida_de_que_nada_mudou_so_confere(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    with fotografo(projeto, tmp_path) as quem:
        primeira = quem.fotografar(DONO, seguida=True)
        projeto.gateway.esquecer_pedidos()
        segunda = quem.fotografar(DONO, seguida=True)
        assert not [v for v in projeto.gateway.pedidos if "select=%2A" in v.pedido.consulta]
        # De outra empresa, nada do que se leu serve; e a que falha a meio não deixa o que leu.
        vizinha = quem.fotografar(VIZINHA, seguida=True)
        cai = RespostaForcada(403, {"code": "42501", "message": "permission denied"})
        with (
            projeto.gateway.com_falha(cai, tabela="contas", vezes=None),
            pytest.raises(PermissaoNegada),
        ):
            quem.fotografar(VIZINHA, seguida=True)
        outra_vez = quem.fotografar(VIZINHA, seguida=True)
    assert (segunda.coleta.instantanea, segunda.coleta.passadas) == (True, 1)
    certas = no_banco(projeto)
    assert [{t: r.linhas(t) for t in TABELAS} for r in (primeira, segunda)] == [certas, certas]
    certas = no_banco(projeto, VIZINHA)
    assert [{t: r.linhas(t) for t in TABELAS} for r in (vizinha, outra_vez)] == [certas, certas]


def test_o_que_se_leu_ha_muito_le_se_de_novo(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enquanto alguém olha para o plano, um valor pode mudar sem que a linha ganhe outra versão: um
    `enum` cujo valor muda de nome."""
    com_enum = (
        "CREATE TYPE estado AS ENUM ('aberta', 'fechada')",
        "ALTER TABLE vendas ADD COLUMN estado estado NOT NULL DEFAULT 'aberta'",
    )
    projeto = criar_supabase(VAZIO, sql=(ESQUEMA, LINHAS, *com_enum))
    with fotografo(projeto, tmp_path) as quem:
        quem.fotografar(DONO, seguida=True)
        executar_sql(projeto, "ALTER TYPE estado RENAME VALUE 'aberta' TO 'em aberto'")
        monkeypatch.setattr(seguidas, "VALE_POR", 0.0)
        segunda = quem.fotografar(DONO, seguida=True)
    assert {t: segunda.linhas(t) for t in TABELAS} == no_banco(projeto)
    assert any(b'"em aberto"' in linha for linha in segunda.linhas("vendas"))


def test_um_escritor_que_nunca_para_da_consistencia_parcial_dita_em_voz_alta(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    um_centavo = comandos("UPDATE contas SET saldo = saldo + 0.01 WHERE id = 30")
    with ao_ler(projeto, "contas", 1, um_centavo, sempre=True):
        saida = executar(projeto, tmp_path)
    assert saida.codigo == 0, saida.tudo
    aviso = "   ⚠️ Consistência parcial: os dados mudavam sem parar durante a leitura."
    inicio, fim = saida.saida.index("🏢 Empresa: Padaria"), saida.saida.index("📦 Resumo")
    assert aviso in saida.saida[inicio:fim].splitlines()
    backup = ultimo_backup(tmp_path, DONO)
    assert (backup["consistencia"], backup["consistencia_passadas"]) == ("parcial", 5)
    assert backup["estado"] == "completo"
    conferir_donos(do_backup(backup))
    salvas = {t: linhas_do_arquivo(backup, t) for t in TABELAS}
    certas = no_banco(projeto)
    # Só a linha que não para de mudar pode estar noutra versão.
    assert [c for c in exatas(salvas.pop("contas")) if c["id"] != 30] == [
        c for c in exatas(certas.pop("contas")) if c["id"] != 30
    ]
    assert salvas == certas
    # A vizinha de quem não para continua instantânea.
    consistencia = {m["nome"]: m["consistencia"] for m in metadados(tmp_path)}
    assert consistencia == {"Padaria": "parcial", "Outra": "instantanea"}
    vizinha = ultimo_backup(tmp_path, VIZINHA)
    assert {t: linhas_do_arquivo(vizinha, t) for t in TABELAS} == no_banco(projeto, VIZINHA)


# -- a própria empresa muda ------------------------------------------------------------------

FILIAL = "af000000-0000-4000-8000-000000000000"
ABRIR_FILIAL = comandos(
    f"INSERT INTO empresas VALUES ('{FILIAL}', '{DONO}', 'Filial')",
    f"INSERT INTO funcionarios VALUES (50, '{FILIAL}'), (51, '{FILIAL}')",
)


def test_uma_empresa_nova_do_dono_durante_a_foto_traz_a_sua_equipe(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    with ao_ler(projeto, "funcionarios", 1, ABRIR_FILIAL):
        saida = executar(projeto, tmp_path, "--empresa", "Padaria")
    assert saida.codigo == 0, saida.tudo
    backup = ultimo_backup(tmp_path, DONO)
    assert {t: linhas_do_arquivo(backup, t) for t in TABELAS} == no_banco(projeto)
    assert [f["id"] for f in exatas(linhas_do_arquivo(backup, "funcionarios"))] == [1, 2, 50, 51]
    assert backup["registros_da_empresa"] == [{"id": DONO}, {"id": FILIAL}]
    # O começo abandonado não deixa nada para trás.
    assert [m["user_id"] for m in metadados(tmp_path)] == [DONO]
    assert len(list(backup["pasta"].iterdir())) == 1 + len(backup["tabelas"])


def test_uma_empresa_do_dono_apagada_durante_a_foto_leva_a_sua_equipe(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    with psycopg.connect(projeto.uri_banco) as banco:
        ABRIR_FILIAL(banco)
    fechar = comandos(
        f"DELETE FROM funcionarios WHERE empresa_id = '{FILIAL}'",
        f"DELETE FROM empresas WHERE id = '{FILIAL}'",
    )
    with ao_ler(projeto, "funcionarios", 1, fechar):
        saida = executar(projeto, tmp_path, "--empresa", "Padaria")
    assert saida.codigo == 0, saida.tudo
    backup = ultimo_backup(tmp_path, DONO)
    assert {t: linhas_do_arquivo(backup, t) for t in TABELAS} == no_banco(projeto)
    assert [e["id"] for e in exatas(linhas_do_arquivo(backup, "empresas"))] == [DONO]


def test_empresas_que_nao_param_de_mudar_sao_falha_e_nada_e_publicado(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    outra = comandos(f"INSERT INTO empresas VALUES (gen_random_uuid(), '{DONO}', 'Mais uma')")
    with ao_ler(projeto, "funcionarios", 1, outra, sempre=True):
        saida = executar(projeto, tmp_path, "--empresa", "Padaria")
    assert saida.codigo == 4, saida.tudo
    causa = "As linhas da empresa em «empresas» não param de mudar."
    assert f"   ❌ Backup não concluído: {causa}" in saida.saida.splitlines()
    assert metadados(tmp_path) == []
    assert list(tmp_path.glob("empresa_*")) == []
