"""A conexão direta lê o mesmo que a API, byte a byte, de um só instante."""

from __future__ import annotations

from pathlib import Path

from apoio.direto import conferir_iguais, pelas_duas_vias
from supabase_local.servidor import SupabaseLocal


def test_a_loja_inteira_e_igual_pelas_duas_vias(supabase: SupabaseLocal, tmp_path: Path) -> None:
    da_api, diretos = pelas_duas_vias(supabase, tmp_path)
    assert len(diretos) == 3
    conferir_iguais(da_api, diretos)
    assert {(m["origem"]["via"], m["consistencia"]) for m in diretos} == {("direta", "instantanea")}
    assert {m["consistencia_como"] for m in diretos} == {"uma transação REPEATABLE READ, READ ONLY"}
