"""Um arquivo sem pasta que uma linha da empresa nomeia, e que outra enviou."""

from __future__ import annotations

from pathlib import Path

import pytest

from apoio.baldes import por_arquivo
from apoio.impressoes import executar_sql, impressoes
from apoio.lojinha import VIZINHA
from apoio.vitrine import (
    API,
    DIRETA,
    armazem,
    copiar,
    dos_outros,
    estragar,
    projeto,
    restaurar,
    seus,
)
from cofre.base.erros import NEM_TUDO_COMO_ERA, RestauracaoRecusada
from supabase_local.servidores.servidor import SupabaseLocal

__all__ = ("armazem", "projeto")


@pytest.mark.parametrize("via", [API, DIRETA])
def test_o_que_se_restaurou_pela_api_se_desfaz_sem_o_repor_em_outra(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path, via: str
) -> None:
    """Pela API não se sabe quem o enviou, e a foto de antes toma-o por dela. Pela direta sabe-se, e
    não se mexe nele: desfaz-se o resto, com a sua licença."""
    por_arquivo(projeto, "papeis", "contrato.pdf", b"da vizinha", dono=VIZINHA)
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    executar_sql(projeto, "UPDATE produtos SET foto = 'papeis/contrato.pdf' WHERE id = 3")
    estragados, linhas, alheios = seus(projeto), impressoes(projeto), dos_outros(projeto)
    saida = restaurar(projeto, tmp_path, API, "--confirmar", "RESTAURAR")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert dos_outros(projeto) == alheios

    desfazer = ["desfazer", "--confirmar", "DESFAZER"]
    if via == DIRETA:
        restaurada, de_volta = seus(projeto), impressoes(projeto)
        saida = restaurar(projeto, tmp_path, via, *desfazer)
        assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
        assert "1 arquivo do balde papeis: de outro dono" in saida.tudo
        assert (seus(projeto), impressoes(projeto)) == (restaurada, de_volta)
        desfazer += ["--aceitar", "registros"]
    saida = restaurar(projeto, tmp_path, via, *desfazer)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert seus(projeto) == estragados
    assert impressoes(projeto) == linhas
    assert dos_outros(projeto) == alheios
    executar_sql(projeto, "UPDATE produtos SET foto = NULL WHERE id = 3")
