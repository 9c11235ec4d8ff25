"""Do Storage à cópia fora e de volta: o PC queima, e os arquivos da empresa voltam como eram."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from apoio.cifrados import abrindo_com, cifrando_para, sem_nada_em_claro
from apoio.com_listas import conteudos_em
from apoio.execucao import RESTAURACAO, executar
from apoio.lacres import codigo_de
from apoio.lojinha import DONO
from apoio.vitrine import (
    API,
    EMPRESA,
    ambiente_de,
    armazem,
    dos_outros,
    estragar,
    projeto,
    seus,
)
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.deposito.cifra.chaves import gerar
from supabase_local.servidores.servidor import SupabaseLocal

__all__ = ("armazem", "projeto")
CHAVE, RESERVA = gerar(), gerar()


@pytest.mark.usefixtures("armazem")
def test_o_pc_queimou_e_os_arquivos_voltam_da_copia(projeto: SupabaseLocal, tmp_path: Path) -> None:
    fora, pc, novo = tmp_path / "fora", tmp_path / "pc" / "b", tmp_path / "novo" / "b"
    fora.mkdir()
    para_fora = {"COPIA_DESTINO": f"pasta:{fora}"}
    mais = {**ambiente_de(projeto, API), **cifrando_para(CHAVE, RESERVA), **para_fora}
    de_quem = ("--empresa", EMPRESA)
    antes = seus(projeto)
    assert (um := executar(projeto, pc, *de_quem, mais=mais)).codigo == 0, um.tudo
    (pasta,) = pc.glob("empresa_*")
    guardados = conteudos_em(pasta)
    # Outro dia igual: nada se guarda, nem vai, outra vez.
    blobs = len(list(fora.glob("blobs/*/*")))
    assert (dois := executar(projeto, pc, *de_quem, mais=mais)).codigo == 0, dois.tudo
    assert conteudos_em(pasta) == guardados
    assert len(list(fora.glob("blobs/*/*"))) <= blobs + 2  # os detalhes; e a lista, se mudou algo
    estragar(projeto)
    assert (tres := executar(projeto, pc, *de_quem, mais=mais)).codigo in (0, 10), tres.tudo
    assert executar(None, pc, "verificar").codigo == 0
    inteira = executar(None, pc, "verificar", "--copia", "--parte", "1/1", mais=para_fora)
    assert inteira.codigo == 0, inteira.tudo
    podado = executar(
        None, pc, "podar", "--manter-ultimos", "1", "--apesar-do-encolhimento", "--sim"
    )
    assert podado.codigo == 0, podado.tudo
    assert "conteúdo" in podado.saida
    assert executar(None, pc, "verificar").codigo == 0
    assert sem_nada_em_claro([pc, fora], [f"{DONO}/a", "public, max-age=3"]) == []
    codigo = codigo_de(pc)
    carimbo = min(p.name[:15] for p in fora.glob("lacres/*/*"))
    shutil.rmtree(pc.parent)

    da_chave = abrindo_com(tmp_path, CHAVE)
    trazer = ("trazer", *de_quem, "--backup", carimbo, "--codigo", codigo, "--confirmar")
    trazido = executar(None, novo, *trazer, mais={**para_fora, **da_chave})
    assert trazido.codigo == 0, trazido.tudo
    assert executar(None, novo, "verificar", mais=da_chave).codigo == 0
    alheios = dos_outros(projeto)
    volta = executar(
        projeto,
        novo,
        *(*de_quem, "--confirmar", "RESTAURAR"),
        mais={**ambiente_de(projeto, API), **da_chave},
        script=RESTAURACAO,
    )
    assert volta.codigo == NEM_TUDO_COMO_ERA, volta.tudo  # pela API, são outros, sem dono
    assert seus(projeto) == antes
    assert dos_outros(projeto) == alheios
