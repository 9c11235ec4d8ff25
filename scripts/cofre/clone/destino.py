"""O projeto para onde se leva a empresa, e o que dele se recusa antes de falar com ele."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from cofre.base.config import ambiente
from cofre.base.config.valores import Configuracao
from cofre.base.erros import RestauracaoRecusada
from cofre.via.projeto import identidades, nome_do_projeto


@dataclass(frozen=True, slots=True)
class Destino:
    """O .env de outro projeto, lido e conferido, e o nome por que se confirma que é ele."""

    env: Path
    configuracao: Configuracao
    nome: str


def abrir(env: Path, origem: Configuracao) -> Destino:
    """O destino que este arquivo diz. Levanta ConfiguracaoInvalida, ou RestauracaoRecusada se a
    pasta dele é a de cá (ou está dentro dela, ou em volta), ou o projeto é o mesmo."""
    configuracao = ambiente.carregar_outro(env)
    if _uma_na_outra(origem.destino, configuracao.destino):
        raise RestauracaoRecusada(
            f"A BACKUP_DIR de {env.name} é a pasta dos backups deste projeto, ou está dentro dela,"
            f" ou em volta: {configuracao.destino}",
            "Escolha outra, ao lado: as fotos e os diários de um projeto não se misturam com os do"
            " outro.",
        )
    comuns = identidades(configuracao) & identidades(origem)
    if comuns:
        raise mesmo_projeto(env.name, min(comuns))
    return Destino(env, configuracao, nome_do_projeto(configuracao))


def mesmo_projeto(arquivo: str, qual: str) -> RestauracaoRecusada:
    """O erro a levantar quando os dois .env são do mesmo projeto."""
    return RestauracaoRecusada(
        f"O .env e {arquivo} são do mesmo projeto ({qual}).",
        "Clonar é para outro. Para trazer a empresa de volta aqui, restaure sem «clonar».",
    )


def _uma_na_outra(uma: Path, outra: Path) -> bool:
    """Se são a mesma pasta, ou uma está dentro da outra, por qualquer nome que se lhes dê."""
    return _dentro(uma, outra) or _dentro(outra, uma)


def _dentro(uma: Path, outra: Path) -> bool:
    onde, alvo = _inteiro(uma), _inteiro(outra)
    for cada in (onde, *onde.parents):
        if os.path.normcase(cada) == os.path.normcase(alvo):
            return True
        # Um disco que não distingue maiúsculas, ou a mesma pasta montada duas vezes.
        with contextlib.suppress(OSError):
            if cada.samefile(alvo):
                return True
    return False


def _inteiro(pasta: Path) -> Path:
    with contextlib.suppress(OSError, RuntimeError):
        return pasta.resolve()
    return pasta.absolute()
