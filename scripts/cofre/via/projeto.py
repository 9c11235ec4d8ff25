"""De que projeto se fala: o que os endereços e as chaves dizem dele, sem falar com ele."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cofre.base.config.chave import ref_da_chave, ref_do_endereco
from cofre.base.config.valores import Configuracao
from cofre.base.erros import ConfiguracaoInvalida

_LACO = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})


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


def _maquina(host: str) -> str:
    return "localhost" if host.lower() in _LACO else host.lower()


def de_um_backup(origem: Mapping[str, Any]) -> set[str]:
    """O projeto de que um backup diz ser (a `origem` dos metadados dele)."""
    url = str(origem.get("url") or "")
    return do_endereco(url) if url else set()


def e_referencia(identidade: str) -> bool:
    """Se é a referência de um projeto do Supabase, e não um endereço."""
    return ":" not in identidade


def e_desta_maquina(identidade: str) -> bool:
    """Se é um endereço daqui mesmo, de um túnel ou de um servidor local: a porta não diz de que
    projeto é."""
    return identidade.startswith("localhost:")


def nome_do_projeto(configuracao: Configuracao) -> str:
    """O nome que se escreve para confirmar: a referência do projeto ou, sem ela, onde ele está.
    Levanta ConfiguracaoInvalida."""
    ditas = sorted(identidades(configuracao))
    if not ditas:
        raise ConfiguracaoInvalida("O projeto não tem endereço.")
    return next(filter(e_referencia, ditas), ditas[0])


def trazida_para(clone_de: Mapping[str, Any], configuracao: Configuracao) -> bool:
    """Se uma cópia de outro projeto (o `clone_de` dos metadados dela) foi trazida para este: um
    `.env` pode ter passado a dizer outro, com a mesma pasta de backups."""
    para = clone_de.get("para")
    return not identidades(configuracao).isdisjoint(para if isinstance(para, list) else ())
