"""O plano como função pura: aplicado à foto, dá o alvo; vazio só se já são iguais."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import exemplos
from apoio.planos import (
    FORMAS,
    GERADA,
    GRAVAVEIS,
    Forma,
    Linha,
    aplicar,
    chave_da,
    contar,
    gravar,
    lida,
    planejar,
    situacoes,
)
from cofre.base.erros import BackupDanificado
from cofre.plano.plano import Plano, comparar
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR, Acao, Contagem, TabelaDoPlano, mudancas


def _acoes(plano: Plano) -> dict[str, Counter[Acao]]:
    return {tipo: Counter(plano.acoes("t", tipo)) for tipo in (REPOR, ALTERAR, REMOVER)}


@given(situacoes())
@settings(max_examples=exemplos(300), deadline=None)
def test_aplicar_o_plano_a_foto_da_o_alvo(
    situacao: tuple[Forma, list[Linha], list[Linha]],
) -> None:
    forma, foto, alvo = situacao
    colunas = (*forma.chave, *GRAVAVEIS)
    with tempfile.TemporaryDirectory() as pasta, planejar(Path(pasta), forma, foto, alvo) as plano:
        assert aplicar(plano, forma, foto) == contar(alvo, colunas)
        ja_iguais = contar(foto, colunas) == contar(alvo, colunas)
        assert plano.vazio == ja_iguais
        contagem = plano.contagens["t"]
        assert contagem.iguais + contagem.alterar + contagem.repor == len(alvo)
        assert contagem.iguais + contagem.alterar + contagem.remover == len(foto)
        for tipo, quantas in (
            (REPOR, contagem.repor),
            (ALTERAR, contagem.alterar),
            (REMOVER, contagem.remover),
        ):
            assert len(list(plano.acoes("t", tipo))) == quantas


@given(situacoes().filter(lambda s: s[0].ordem is not None))
@settings(max_examples=exemplos(150), deadline=None)
def test_fundir_e_indexar_dao_o_mesmo_plano(
    situacao: tuple[Forma, list[Linha], list[Linha]],
) -> None:
    forma, foto, alvo = situacao
    with (
        tempfile.TemporaryDirectory() as pasta,
        planejar(Path(pasta), forma, foto, alvo) as fundido,
        planejar(Path(pasta), forma, foto, alvo, tipo="") as indexado,
    ):
        assert fundido.tabelas["t"].ordem is not None
        assert indexado.tabelas["t"].ordem is None
        assert fundido.contagens == indexado.contagens
        assert _acoes(fundido) == _acoes(indexado)
        assert fundido.assinatura() == indexado.assinatura()


@given(situacoes().filter(lambda s: bool(s[0].chave)), st.data())
@settings(max_examples=exemplos(150), deadline=None)
def test_recuperar_so_repoe_o_que_falta(
    situacao: tuple[Forma, list[Linha], list[Linha]], dados: st.DataObject
) -> None:
    """Com a foto original e o backup como alvos, nada do que existe muda nem sai."""
    forma, foto, backup = situacao
    faltam = [b for b in backup if chave_da(forma, b) not in {chave_da(forma, f) for f in foto}]
    with (
        tempfile.TemporaryDirectory() as pasta,
        planejar(Path(pasta), forma, foto, foto, backup) as plano,
    ):
        assert plano.contagens["t"] == Contagem(repor=len(faltam), iguais=len(foto))
        colunas = (*forma.chave, *GRAVAVEIS)
        repostas = [lida(a.alvo, colunas) for a in plano.acoes("t", REPOR)]
        assert contar(repostas, colunas) == contar(faltam, colunas)
    # E no meio do caminho, com parte já de volta, só falta o resto.
    quantas = dados.draw(st.integers(0, len(faltam)))
    meio = [*foto, *faltam[:quantas]]
    if forma.ordem is not None:
        ordem = forma.ordem
        meio.sort(key=lambda linha: ordem(chave_da(forma, linha)))  # type: ignore[arg-type,return-value]
    with (
        tempfile.TemporaryDirectory() as pasta,
        planejar(Path(pasta), forma, meio, foto, backup) as plano,
    ):
        assert plano.contagens["t"] == Contagem(len(faltam) - quantas, 0, 0, len(meio))


@given(situacoes(), situacoes())
@settings(max_examples=exemplos(150), deadline=None)
def test_assinatura_igual_so_em_planos_iguais(
    um: tuple[Forma, list[Linha], list[Linha]], outro: tuple[Forma, list[Linha], list[Linha]]
) -> None:
    with (
        tempfile.TemporaryDirectory() as pasta,
        planejar(Path(pasta), *um) as primeiro,
        planejar(Path(pasta), *um) as de_novo,
        planejar(Path(pasta), *outro) as diferente,
    ):
        assert primeiro.assinatura() == de_novo.assinatura()
        if _pedido(primeiro) != _pedido(diferente):
            assert primeiro.assinatura() != diferente.assinatura()


def _pedido(plano: Plano) -> set[tuple[object, ...]]:
    """O que um plano quer: as linhas e, nas que muda, o valor de quais colunas."""
    tabela = plano.tabelas["t"]
    mudam = {
        (a.chave, *((c, bytes(v)) for c, v in mudancas(a, tabela).items()))
        for a in plano.acoes("t", ALTERAR)
    }
    inteiras = {(a.chave, a.alvo) for tipo in (REPOR, REMOVER) for a in plano.acoes("t", tipo)}
    return mudam | inteiras


UUID_FORMA = FORMAS[0]
CHAVE_1, CHAVE_2 = (f'"{UUID(int=n)}"' for n in (1, 2))


def _linha(chave: str, a: str, b: str) -> Linha:
    return {"id": chave, "a": a, "b": b, GERADA: "0"}


def test_a_assinatura_diz_quais_colunas_faltam_e_nao_o_que_tem(tmp_path: Path) -> None:
    """Um updated_at que muda a cada passada é o mesmo plano; uma coluna a menos, não."""
    alvo = [_linha(CHAVE_1, "1", "2")]
    with (
        planejar(tmp_path, UUID_FORMA, [_linha(CHAVE_1, "1", "98")], alvo) as um,
        planejar(tmp_path, UUID_FORMA, [_linha(CHAVE_1, "1", "99")], alvo) as outro,
        planejar(tmp_path, UUID_FORMA, [_linha(CHAVE_1, "7", "99")], alvo) as mais_colunas,
    ):
        assert um.assinatura() == outro.assinatura()
        assert um.assinatura() != mais_colunas.assinatura()
        assert mais_colunas.colunas_diferentes("t") == Counter(a=1, b=1)


def test_os_bytes_e_que_contam_menos_num_backup_da_primeira_versao(tmp_path: Path) -> None:
    """1.50 e 1.5 são linhas diferentes; um backup que passou por floats não guardou isso."""
    foto, alvo = [_linha(CHAVE_1, "1.50", '{"x": 1}')], [_linha(CHAVE_1, "1.5", '{"x":\n1}')]
    with planejar(tmp_path, UUID_FORMA, foto, alvo) as exato:
        assert exato.contagens["t"] == Contagem(alterar=1)
    tabela = replace(exato.tabelas["t"], tipo_da_chave="", pelo_valor=True)
    with comparar([tabela]) as pelo_valor:
        assert pelo_valor.vazio
    outros = [_linha(CHAVE_1, "1.51", '{"x":\n1}')]
    gravar(tmp_path, "alvo0", outros)
    with comparar([tabela]) as pelo_valor:
        assert pelo_valor.colunas_diferentes("t") == Counter(a=1)


def test_linhas_fora_da_ordem_da_chave_sao_recusadas(tmp_path: Path) -> None:
    """A fusão veria a mesma linha como uma a repor e outra a remover."""
    linhas = [_linha(CHAVE_1, "1", "1"), _linha(CHAVE_2, "2", "2")]
    with pytest.raises(BackupDanificado, match="ordem da chave"):
        planejar(tmp_path, UUID_FORMA, linhas, linhas[::-1])


def test_linha_sem_a_chave_e_recusada(tmp_path: Path) -> None:
    linhas = [_linha(CHAVE_1, "1", "1"), {"a": "1", "b": "2", GERADA: "0"}]
    with pytest.raises(BackupDanificado, match=r"um registro de t sem a chave \(id\)"):
        planejar(tmp_path, UUID_FORMA, linhas[:1], linhas)


def test_tabelas_de_um_plano_nao_se_misturam(tmp_path: Path) -> None:
    """A mesma chave em duas tabelas são duas linhas; uma tabela sem foto é toda por repor."""
    alvo = gravar(tmp_path, "um_alvo", [_linha(CHAVE_1, "1", "1")])
    foto = gravar(tmp_path, "uma_foto", [_linha(CHAVE_1, "1", "2"), _linha(CHAVE_2, "0", "0")])
    colunas = ("id", *GRAVAVEIS)
    com_foto = TabelaDoPlano("com", ("id",), colunas, (alvo,), foto, "uuid")
    sem_foto = TabelaDoPlano("sem", ("id",), colunas, (alvo,), None, "uuid")
    with comparar([com_foto, sem_foto]) as plano:
        assert plano.contagens == {
            "com": Contagem(alterar=1, remover=1),
            "sem": Contagem(repor=1),
        }
        assert [a.chave for a in plano.acoes("com", REMOVER)] == [(CHAVE_2.encode(),)]
        assert list(plano.acoes("sem", REMOVER)) == []
        assert [a.alvo for a in plano.acoes("sem", REPOR)] == [
            a.alvo for a in plano.acoes("com", ALTERAR)
        ]
