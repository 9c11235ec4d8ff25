"""Comparar os arquivos e os logins de um backup com os de agora: nada desce, e nada se publica."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from apoio.baldes import tirar_arquivos
from apoio.campanha import amostra
from apoio.escritorio import DONA, GERENTE, Montar
from apoio.execucao import Saida, executar, fotografia_do_disco
from apoio.lojinha import DONO
from apoio.vitrine import (
    API,
    DIRETA,
    EMPRESA,
    ambiente_de,
    armazem,
    copiar,
    dos_outros,
    estragar,
    projeto,
    seus,
)
from supabase_local.servidores.servidor import SupabaseLocal

__all__ = ("armazem", "projeto")


def comparar(onde: SupabaseLocal, destino: Path, via: str, *argumentos: str, **mais: str) -> Saida:
    antes = fotografia_do_disco(destino)
    ambiente = {**ambiente_de(onde, via), **mais}
    saida = executar(onde, destino, "comparar", EMPRESA, "agora", *argumentos, mais=ambiente)
    assert fotografia_do_disco(destino) == antes
    return saida


PARES = amostra([(API, DIRETA), (API, API), (DIRETA, DIRETA), (DIRETA, API)], 2)
"""(por onde se fez o backup, por onde se olha agora)"""


@pytest.mark.parametrize(("de", "via"), PARES)
def test_os_arquivos_de_agora(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path, de: str, via: str
) -> None:
    copiar(projeto, tmp_path, de)
    iguais = comparar(projeto, tmp_path, via, "--tabela", "arquivos")
    assert iguais.codigo == 0, iguais.tudo
    assert "14 registros" in iguais.saida, iguais.tudo

    estragar(projeto)
    antes = seus(projeto), dos_outros(projeto)
    desceu: list[str] = []

    def ver(pedido: object, _vez: int) -> None:
        desceu.append(str(pedido))

    with projeto.gateway.ao_pedir(
        ver, metodo="GET", se=lambda p: p.caminho.startswith("/storage/v1/object/authenticated/")
    ):
        saida = comparar(projeto, tmp_path, via)
    assert saida.codigo == 9, saida.tudo
    assert "arquivos: +1 ~1 −3 =10" in saida.saida, saida.tudo
    assert desceu == []
    assert (seus(projeto), dos_outros(projeto)) == antes

    documento = comparar(projeto, tmp_path, via, "--json").json()
    mudaram = documento["tabelas"]["arquivos"]["colunas"]
    assert {"etag"} <= {*mudaram} <= {"tamanho", "tipo", "cache", "etag"}, mudaram
    tirar_arquivos(projeto, "papeis", f"{DONO}/novo")


def test_sem_os_querer_diz_se_e_o_resto_compara_se(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    copiar(projeto, tmp_path, API)
    saida = comparar(projeto, tmp_path, API, BACKUP_ARQUIVOS="nao")
    assert saida.codigo == 0, saida.tudo
    assert "arquivos: não se comparou: o .env diz que não se guarda" in saida.saida, saida.tudo


@pytest.mark.parametrize(("de", "via"), PARES)
def test_os_logins_de_agora(escritorio: Montar, de: str, via: str) -> None:
    """Quem entrou no aplicativo não mudou; quem trocou de e-mail, sim; e quem se apagou, sumiu. Os
    backups da direta vão cifrados."""
    um = escritorio(de, cifrado=de == DIRETA)
    agora = replace(um, via=via)
    antes = fotografia_do_disco(um.destino)
    iguais = agora.ver("comparar", str(DONA), "agora", "--tabela", "logins")
    assert iguais.codigo == 0, iguais.tudo
    um.sql(
        "UPDATE auth.users SET last_sign_in_at = now(), updated_at = now()",
        f"UPDATE auth.users SET email = 'outra@escritorio.example' WHERE id = '{DONA}'",
        f"DELETE FROM auth.users WHERE id = '{GERENTE}'",
    )
    saida = agora.ver("comparar", str(DONA), "agora", "--tabela", "logins")
    assert saida.codigo == 9, saida.tudo
    assert "logins: +0 ~1 −1" in saida.saida, saida.tudo
    assert fotografia_do_disco(um.destino) == antes
