"""O que o .env diz de cifrar os backups, e o que nunca pode estar nele."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from cofre.base.config.copia import ler_trava
from cofre.base.config.limites import sim_ou_nao
from cofre.base.config.valores import Cifragem
from cofre.base.erros import ConfiguracaoInvalida

NOME_DAS_QUE_FECHAM = "BACKUP_CIFRAR_PARA"
NOME_DE_UMA_SO = "BACKUP_UMA_CHAVE_SO"
NOME_DA_QUE_ABRE = "BACKUP_CHAVE_ARQUIVO"
_NOSSAS = ("BACKUP_", "COPIA_", "SUPABASE_")
_QUE_ABRE = re.compile(r"age-secret-key-1", re.IGNORECASE)


def ler_cifragem(valores: Mapping[str, str], raiz: Path) -> Cifragem:
    """O que estas variáveis dizem; as chaves, por conferir. Um caminho relativo conta da raiz.
    Levanta ConfiguracaoInvalida."""
    arquivo = valores.get(NOME_DA_QUE_ABRE)
    return Cifragem(
        valores.get(NOME_DAS_QUE_FECHAM, ""),
        sim_ou_nao(valores, NOME_DE_UMA_SO),
        (raiz / Path(arquivo).expanduser()).absolute() if arquivo else None,
        _metade(ler_trava(valores)),
    )


def _metade(trava: int) -> int:
    """Um arquivo que se liga outra vez não ganha trava nova na cópia: ligado só até meia trava, a
    de cada backup dura ao menos a outra metade."""
    return max(1, trava // 2) if trava else 0


def recusar_chave_que_abre(env: Path, valores: Mapping[str, str | None]) -> None:
    """Que não há uma chave privada no .env, nem num comentário dele, nem numa variável nossa (as
    dos outros programas não nos dizem respeito): quem tem este PC leria os backups. Levanta
    ConfiguracaoInvalida, sem a citar."""
    no_arquivo = ""
    with contextlib.suppress(OSError):
        no_arquivo = env.read_bytes().decode("utf-8", "replace")
    if _QUE_ABRE.search(no_arquivo):
        onde = f"no arquivo {env}"
    else:
        nossas = ((n, v) for n, v in valores.items() if v and n.startswith(_NOSSAS))
        achada = next((nome for nome, valor in nossas if _QUE_ABRE.search(valor)), "")
        if not achada:
            return
        onde = f"na variável {achada}"
    raise ConfiguracaoInvalida(
        f"Há uma chave que ABRE backups (privada) {onde}.",
        "Tire-a daí: quem lesse esse lugar leria os backups, e o PC só precisa das que fecham.\n"
        f"Guarde-a num pendrive ou no papel. Para a dar ao programa: {NOME_DA_QUE_ABRE}, com o"
        " caminho de um arquivo fora do projeto, ou digite-a quando for pedida.",
    )
