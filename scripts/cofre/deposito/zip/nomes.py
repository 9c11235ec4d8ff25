"""Os nomes dos arquivos de um backup que muda de carimbo ao ser importado."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cofre.base.modelo import ARQUIVOS
from cofre.deposito.metadados import Metadados
from cofre.deposito.nomes import CONTEUDOS, dos_textos
from cofre.deposito.tabela_salva import TabelaSalva


def arquivos_de(meta: Metadados) -> dict[str, TabelaSalva]:
    """Cada arquivo do backup, pelo nome que a montagem lhe dá."""
    textos = {dos_textos(n): t.textos for n, t in meta.tabelas.items() if t.textos is not None}
    arquivos = {**meta.tabelas, **textos, **{d.nome: d for d in meta.dos_detalhes}}
    if ARQUIVOS in meta.tabelas and (citados := meta.tabelas[ARQUIVOS].conteudos) is not None:
        arquivos[CONTEUDOS] = citados
    return arquivos


def sem_nomes(bruto: Mapping[str, Any]) -> dict[str, Any]:
    """Os metadados sem os nomes dos arquivos, que mudam quando o carimbo já está tomado."""
    tabelas = {
        nome: _sem_nome(tabela)
        for nome, tabela in (bruto.get("tabelas") or {}).items()
        if isinstance(tabela, dict)
    }
    return {**bruto, "tabelas": tabelas}


def _sem_nome(salva: Mapping[str, Any]) -> dict[str, Any]:
    """Uma tabela, ou os textos ou os conteúdos dela."""
    sem = {chave: valor for chave, valor in salva.items() if chave != "arquivo"}
    de_dentro = {
        c: _sem_nome(v) for c in ("textos", "conteudos") if isinstance(v := sem.get(c), dict)
    }
    return {**sem, **de_dentro}


def renomeada(salva: TabelaSalva, nomes: Mapping[str, str]) -> TabelaSalva:
    """A tabela salva, com estes nomes (ver `arquivos_de`)."""
    textos = salva.textos
    if textos is not None:
        textos = replace(textos, arquivo=nomes[dos_textos(salva.nome)])
    citados = salva.conteudos
    if citados is not None:
        citados = replace(citados, arquivo=nomes[CONTEUDOS])
    return replace(salva, arquivo=nomes[salva.nome], textos=textos, conteudos=citados)


def com_nomes(bruto: Mapping[str, Any], nomes: Mapping[str, str]) -> dict[str, Any]:
    """Os metadados, com estes nomes."""
    tabelas = {n: {**tabela, "arquivo": nomes[n]} for n, tabela in bruto["tabelas"].items()}
    for nome, tabela in tabelas.items():
        if dos_textos(nome) in nomes:
            tabela["textos"] = {**tabela["textos"], "arquivo": nomes[dos_textos(nome)]}
        if tabela.get("conteudos"):
            tabela["conteudos"] = {**tabela["conteudos"], "arquivo": nomes[CONTEUDOS]}
    return {**bruto, "tabelas": tabelas}
