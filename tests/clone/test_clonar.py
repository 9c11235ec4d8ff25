"""Uma empresa levada a outro projeto, pelos scripts de verdade, com o que há dos dois lados
conferido por inteiro."""

from __future__ import annotations

from pathlib import Path

import pytest

from apoio.dois_projetos import DONO, montar
from apoio.execucao import metadados
from apoio.impressoes import proprias
from apoio.servidores import FabricaDeSupabase
from cofre.via.contrato import API, DIRETA


@pytest.mark.parametrize("via", [API, DIRETA])
def test_a_empresa_chega_inteira_e_o_que_havia_fica_como_estava(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str
) -> None:
    """Clonar, clonar outra vez (nada se move), desfazer: e as outras empresas dos dois lados."""
    dois = montar(criar_supabase, tmp_path, via=via)
    antes = dois.ponto()

    saida = dois.clonar()
    assert saida.codigo == 0, saida.tudo
    assert dois.diferem() == {}
    dois.conferir_alheias(antes)
    (copia,) = [m for m in metadados(dois.backups_de_la) if m["tipo"] == "clone"]
    assert copia["clone_de"]["url"] == copia["origem"]["url"]

    saida = dois.clonar()
    assert saida.codigo == 0, saida.tudo
    assert "nada a mudar" in saida.saida.lower() or "já" in saida.saida, saida.tudo
    assert len([m for m in metadados(dois.backups_de_la) if m["tipo"] == "clone"]) == 1

    saida = dois.acao("desfazer", "--confirmar", "DESFAZER")
    assert saida.codigo == 0, saida.tudo
    dois.conferir_intacto(antes)
    assert proprias(dois.ponto().destino, DONO) == {}
