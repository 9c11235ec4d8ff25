"""O projeto para onde se leva a empresa, e o que dele se recusa antes de falar com ele."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cofre.base.config import ambiente
from cofre.base.config.chave import ref_da_chave, ref_do_endereco
from cofre.base.config.valores import Configuracao
from cofre.base.erros import ConfiguracaoInvalida, RestauracaoRecusada

_LACO = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})


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


def identidades(configuracao: Configuracao) -> set[str]:
    """O que diz qual é o projeto: as referências do Supabase que se sabem (do endereço, da chave,
    do banco) e os endereços. Basta um em comum para dois serem o mesmo."""
    ditas: set[str] = set()
    acesso, direto = configuracao.acesso, configuracao.direto
    if acesso is not None:
        ditas |= do_endereco(acesso.url)
        ditas |= {ref for ref in [ref_da_chave(acesso.chave)] if ref}
    if direto is not None:
        from cofre.via.direta.endereco import interpretar  # só quem tem a conexão direta

        onde = interpretar(direto)
        # O pooler do Supabase atende muitos projetos no mesmo endereço: aí só a referência diz.
        no_banco = f"{_maquina(onde.host)}:{onde.porta}/{onde.banco}"
        ditas.add(onde.projeto or no_banco)
    return ditas


def do_endereco(url: str) -> set[str]:
    """O mesmo, de um endereço da API (ou do que um backup diz da sua origem)."""
    if ref := ref_do_endereco(url):
        return {ref}
    with contextlib.suppress(ValueError):
        partes = urlsplit(url)
        porta = partes.port or {"https": 443, "http": 80}.get(partes.scheme, 5432)
        return {f"{_maquina(partes.hostname or '')}:{porta}{partes.path.rstrip('/')}"}
    return {url}


def de_um_backup(origem: dict[str, Any]) -> set[str]:
    """O projeto de que um backup diz ser."""
    url = str(origem.get("url") or "")
    return do_endereco(url) if url else set()


def nome_do_projeto(configuracao: Configuracao) -> str:
    """O nome que se escreve para confirmar: a referência do projeto ou, sem ela, onde ele está."""
    ditas = sorted(identidades(configuracao))
    refs = [dita for dita in ditas if ":" not in dita]
    if not (refs or ditas):
        raise ConfiguracaoInvalida("O projeto não tem endereço.")
    return (refs or ditas)[0]


def _maquina(host: str) -> str:
    return "localhost" if host.lower() in _LACO else host.lower()


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
