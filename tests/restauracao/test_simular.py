"""O ensaio nunca grava, as opções de uma ação são só as dela, e uma empresa sumida volta."""

from __future__ import annotations

from pathlib import Path

import pytest

from apoio.execucao import restaurar
from apoio.loja import INTEIRA, LOJA_X, TANTO_FAZ, Loja, antes_de

VIA = TANTO_FAZ

DESCARTA_REPETIDAS = """
CREATE FUNCTION descartar_repetida() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM fornecedores WHERE id = NEW.id) THEN RETURN NULL; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER descartar_repetida BEFORE INSERT ON fornecedores
    FOR EACH ROW EXECUTE FUNCTION descartar_repetida();
"""
DA_EMPRESA = f"empresa_id IN (SELECT id FROM empresas WHERE user_id = '{LOJA_X}')"
DO_FUNCIONARIO = f"funcionario_id IN (SELECT id FROM funcionarios WHERE {DA_EMPRESA})"
SUMIU = (
    f"DELETE FROM login_funcionarios WHERE {DO_FUNCIONARIO}",
    f"DELETE FROM funcao_permissoes WHERE funcao_id IN (SELECT id FROM funcoes WHERE {DA_EMPRESA})",
    f"UPDATE ordens_servico SET tecnico_id = NULL, atendente_id = NULL WHERE user_id = '{LOJA_X}'",
    f"UPDATE vendas SET vendedor_id = NULL WHERE user_id = '{LOJA_X}'",
    f"DELETE FROM funcionarios WHERE {DA_EMPRESA}",
    f"DELETE FROM funcoes WHERE {DA_EMPRESA}",
    f"DELETE FROM empresas WHERE user_id = '{LOJA_X}'",
    f"DELETE FROM user_approvals WHERE '{LOJA_X}' IN (user_id, parent_user_id)",
)
"""Não há mais nenhuma linha que diga que a empresa existe."""


@INTEIRA
def test_uma_linha_so_nao_fica_gravada_pelo_ensaio(loja: Loja) -> None:
    loja.sql(
        f"UPDATE produtos SET fornecedor_id = NULL WHERE user_id = '{LOJA_X}' AND preco >= 0",
        f"UPDATE contas_pagar SET fornecedor_id = NULL WHERE user_id = '{LOJA_X}'",
        "DELETE FROM fornecedores WHERE id = (SELECT id FROM fornecedores f"
        f" WHERE user_id = '{LOJA_X}' AND NOT EXISTS"
        " (SELECT 1 FROM produtos p WHERE p.fornecedor_id = f.id) ORDER BY id LIMIT 1)",
        DESCARTA_REPETIDAS,
        sem_gatilhos=True,
    )
    antes = antes_de(loja)
    saida = loja.restaurar("--empresa", LOJA_X, "--tabelas", "fornecedores", "--simular")
    assert saida.codigo == 9, saida.tudo
    assert "   fornecedores: +1 ~0 −0 =3 (no backup 4, agora 3)\n" in saida.saida
    antes.conferir_intacto()


@pytest.mark.parametrize(
    "opcoes", [("--simular",), ("--modo", "recuperar"), ("--tabelas", "x"), ("--backup", "2026")]
)
def test_opcoes_da_restauracao_antes_de_uma_acao_sao_recusadas(
    tmp_path: Path, opcoes: tuple[str, ...]
) -> None:
    """Antes de se olhar para banco algum: aqui não há nenhum."""
    desfazer = ("desfazer", "--empresa", LOJA_X, "--confirmar", "RESTAURAR")
    saida = restaurar(None, tmp_path, *opcoes, *desfazer)
    assert saida.codigo == 2, saida.tudo
    assert f"desfazer não aceita {opcoes[0]}" in saida.erros


@INTEIRA
def test_uma_empresa_que_sumiu_inteira_do_cadastro_volta(loja: Loja) -> None:
    antes = antes_de(loja)
    loja.sql(*SUMIU, sem_gatilhos=True)
    saida = loja.direto()
    assert saida.codigo == 0, saida.tudo
    antes.conferir()
