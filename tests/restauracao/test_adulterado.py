"""Um backup sem lacre adulterado por quem sabe o que faz: nada vai para outra empresa."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from apoio.danos import trocar_linhas, trocar_metadados
from apoio.execucao import executar, restaurar, ultimo_backup
from apoio.impressoes import impressoes, valor
from apoio.inventados import ANA, BIA, publicar
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, VIZINHA
from cofre.base.modelo import Empresa
from cofre.deposito.deposito import Deposito
from cofre.foto.empresa import de_hoje_e_do_backup
from cofre.via.contrato import Inspecao
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ


def test_os_metadados_calam_as_ligacoes_de_uma_linha_da_vizinha(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    destino = tmp_path / "b"
    assert executar(projeto, destino).codigo == 0
    antes = impressoes(projeto)
    backup = ultimo_backup(destino, DONO)
    trocar_linhas(backup, "produtos", lambda x: [*x, {**x[0], "id": 999999, "user_id": VIZINHA}])

    def calar(bruto: dict[str, Any]) -> None:
        bruto["tabelas"]["produtos"]["dono"] = {"elos": [], "maes": []}

    trocar_metadados(backup, calar)

    saida = restaurar(projeto, destino, "--empresa", DONO, "--confirmar", "RESTAURAR")

    assert saida.codigo == 6, saida.tudo
    assert "O backup traz em produtos 1 registro de outra empresa" in saida.erros
    assert impressoes(projeto) == antes
    assert not list(backup["pasta"].glob("restauracao_*"))


def test_os_metadados_calam_a_mae_de_uma_linha_da_vizinha(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    """Uma linha sem dono seu, de quem só a mãe diz a empresa: a mãe é da vizinha."""
    destino = tmp_path / "b"
    assert executar(projeto, destino).codigo == 0
    antes = impressoes(projeto)
    venda = valor(projeto, f"SELECT min(id) FROM vendas WHERE user_id = '{VIZINHA}'")
    backup = ultimo_backup(destino, DONO)
    trocar_linhas(
        backup,
        "vendas_itens",
        lambda x: [*x, {**x[0], "venda_id": venda, "item": 99, "user_id": None}],
    )

    def calar(bruto: dict[str, Any]) -> None:
        bruto["tabelas"]["vendas_itens"]["dono"] = {"elos": [], "maes": []}
        bruto["tabelas"]["vendas_itens"]["chaves_estrangeiras"] = []

    trocar_metadados(backup, calar)

    saida = restaurar(projeto, destino, "--empresa", DONO, "--confirmar", "RESTAURAR")

    assert saida.codigo in (6, 8), saida.tudo
    assert impressoes(projeto) == antes


def test_a_linha_de_empresas_que_hoje_e_da_vizinha_nao_e_desta(tmp_path: Path) -> None:
    """O que aponta para ela é da vizinha, diga o backup o que disser."""
    ana, bia = Empresa(ANA, "Ana", ({"id": "e1"},)), Empresa(BIA, "Bia", ({"id": "e2"},))
    hoje = cast(Inspecao, SimpleNamespace(empresas=(ana, bia)))
    registros = [{"id": "e0"}, {"id": "e1"}, {"id": "e2"}]
    salvo = publicar(Deposito(tmp_path), "20260116_030000", registros_da_empresa=registros)

    juntas = de_hoje_e_do_backup(Empresa(ANA, "Ana"), salvo, hoje)

    assert [*juntas.registros] == [{"id": "e1"}, {"id": "e0"}]
