"""Quem só instalou o requirements.txt, como o README manda: tudo o que se faz pela API se faz."""

from __future__ import annotations

import re
from pathlib import Path

from apoio.baldes import criar_balde, por_arquivo, tirar_arquivos
from apoio.dois_projetos import DONO, acesso, montar
from apoio.execucao import BACKUP, RAIZ, RESTAURACAO, Saida, executar
from apoio.impressoes import executar_sql, impressoes
from apoio.servidores import FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.via.contrato import API

NOMES = {"psycopg[binary]": "psycopg", "dask[distributed]": "distributed"}
"""O módulo de cada pacote que não tem o nome dele."""
JA_VEM = {"cryptography"}
"""Com o supabase, que o requirements.txt pede."""


def _opcionais() -> list[str]:
    """Os módulos dos pacotes que só os outros arquivos de requisitos pedem."""
    pedidos = set()
    for arquivo in (RAIZ / "scripts").glob("requirements-*.txt"):
        linhas = arquivo.read_text("utf-8").splitlines()
        pedidos |= {re.split(r"[<>=;!~ ]", linha)[0] for linha in linhas if linha[:1].isalpha()}
    return sorted(NOMES.get(pacote, pacote) for pacote in pedidos - JA_VEM)


COM_OUTRO_ID = NEM_TUDO_COMO_ERA
"""O código, se subiu um arquivo: a API não escreve o id dele."""
OPCIONAIS = _opcionais()
SEM_ELES = f"""
import runpy, sys
sys.modules |= dict.fromkeys({OPCIONAIS!r})
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_copiar_restaurar_desfazer_e_clonar_pela_api(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Com os arquivos e os logins, que são os que mais importam de longe."""
    assert {"psycopg", "pyrage", "obstore", "faker", "distributed"} <= {*OPCIONAIS}
    dois = montar(criar_supabase, tmp_path, com_backup=False)
    for projeto in (dois.origem, dois.destino):
        criar_balde(projeto, "fotos")
    foto = f"{DONO}/foto.png"
    por_arquivo(dois.origem, "fotos", foto, b"uma foto", tipo="image/png")
    listas = {"BACKUP_ARQUIVOS": "sim", "BACKUP_LOGINS": "sim", **acesso(dois.origem, API)}

    def rodar(*argumentos: str, script: Path = RESTAURACAO) -> Saida:
        return executar(
            dois.origem,
            dois.backups,
            *(*argumentos, "--empresa", DONO),
            mais=listas,
            script=script,
            programa=SEM_ELES,
        )

    assert rodar(script=BACKUP).codigo == 0
    antes, de_la = impressoes(dois.origem), dois.ponto().destino
    executar_sql(dois.origem, f"DELETE FROM recados WHERE user_id = '{DONO}'")
    tirar_arquivos(dois.origem, "fotos", foto)
    restaurada = rodar("--confirmar", "RESTAURAR")
    assert restaurada.codigo == COM_OUTRO_ID, restaurada.tudo
    assert impressoes(dois.origem) == antes
    desfeita = rodar("desfazer", "--confirmar", "DESFAZER")
    assert desfeita.codigo == 0, desfeita.tudo
    levar = ("--para", str(dois.env), "--confirmar", "RESTAURAR")
    levada = rodar("clonar", *levar)
    assert levada.codigo == COM_OUTRO_ID, levada.tudo
    voltou = rodar("desfazer", *levar)
    assert voltou.codigo == 0, voltou.tudo
    assert dois.ponto().destino == de_la
