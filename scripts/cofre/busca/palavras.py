"""A história de um registro, em palavras e em JSON.

Os valores só se dizem a quem perguntou, na tela e no documento: nenhum log os guarda. O de uma
coluna que pareça guardar um segredo não se diz a ninguém.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cofre.base.apelido import apelido, com_mais, parece_segredo, primeiros
from cofre.base.linha import abrir_linha, texto
from cofre.base.palavras import como_se_diz, na_tela, plural, visivel
from cofre.base.valores import mudanca_da_coluna
from cofre.busca.historico import Registro
from cofre.busca.relacionados import Relacao
from cofre.deposito.backup import Backup

EXEMPLOS = 3
CHAVE_CURTA = 4
"""Dos caracteres de uma chave comprida, os que se mostram."""


def em_uma_linha(registro: Registro) -> str:
    """«clientes  Maria Souza (id 4f2c…)  3 versões, 2026-11-02 a 2026-11-21»."""
    primeira, ultima = registro.versoes[0], registro.versoes[-1]
    de, ate = (na_tela(b.quando, "dia") for b in (primeira.desde, ultima.ate))
    versoes = plural(len(registro.versoes), "versão", "versões")
    datas = de if de == ate else f"{de} a {ate}"
    return (
        f"{visivel(como_se_diz(registro.tabela))}  {nome(registro, curta=True)}  {versoes}, {datas}"
    )


def nome(registro: Registro, *, curta: bool = False) -> str:
    """«Maria Souza (id 4f2c…)»: por que se conhece o registro, e a chave dele."""
    chave = dict(zip(registro.colunas, registro.chave, strict=False))
    return nome_da_linha(registro.versoes[-1].linha, chave, curta=curta)


def nome_da_linha(linha: bytes, chave: Mapping[str, str], *, curta: bool = False) -> str:
    """O mesmo, de uma linha e do texto de cada coluna da chave dela."""
    conhecido = apelido(linha)
    dita = ", ".join(
        f"{visivel(c)} {_curto(visivel(v)) if curta else visivel(v)}" for c, v in chave.items()
    )
    return conhecido if not dita or dita == conhecido else f"{conhecido} ({dita})"


def _curto(valor: str) -> str:
    return valor if len(valor) <= 2 * CHAVE_CURTA else f"{valor[:CHAVE_CURTA]}…"


def o_que_foi_dele(registro: Registro) -> Iterator[str]:
    """Se ainda existe, e quando faltou."""
    for n, ausencia in enumerate(registro.ausencias, 1):
        a_ultima = n == len(registro.ausencias) and not registro.existe
        yield f"{'apagado' if a_ultima else 'faltou'} entre {_entre(*ausencia)}"
    if registro.existe and registro.ultimo is not None:
        yield f"ainda existe no backup mais novo ({na_tela(registro.ultimo.quando, 'minuto')})"


def _entre(com: Backup, sem: Backup) -> str:
    return f"{na_tela(com.quando, 'minuto')} e {na_tela(sem.quando, 'minuto')}"


def historia(registro: Registro) -> Iterator[tuple[str, tuple[str, ...]]]:
    """De cada versão, quando se viu pela primeira vez, e o que mudou da anterior para ela."""
    anterior = None
    for versao in registro.versoes:
        mudou: tuple[str, ...] = ("aparece pela primeira vez",)
        if anterior is not None:
            ultimo = anterior.ate
            de_volta = any(com is ultimo for com, _ in registro.ausencias)
            campos = tuple(mudancas_de(anterior.linha, versao.linha))
            mudou = (*(["está de volta"] if de_volta else []), *campos)
        yield na_tela(versao.desde.quando, "minuto"), mudou
        anterior = versao


def mudancas_de(antes: bytes, depois: bytes, so: str | None = None) -> Iterator[str]:
    """«preco: 0,01 → 12,90» de cada coluna (ou `so` desta) que mudou, na ordem da linha."""
    velhos, novos = abrir_linha(antes), abrir_linha(depois)
    for coluna in dict.fromkeys((*novos, *velhos)):
        if so is not None and coluna != so:
            continue
        velho, novo = (bytes(x[coluna]) if coluna in x else None for x in (velhos, novos))
        if velho == novo:
            continue
        yield mudanca_da_coluna(coluna, velho, novo)


def relacao(achada: Relacao) -> str:
    """«vendas: 3 registros apontavam para ele (cliente_id): 12; 13; 14»."""
    quantos = len(achada.linhas)
    exemplos = com_mais(primeiros(achada.linhas, EXEMPLOS), quantos)
    colunas = ", ".join(map(visivel, achada.colunas))
    if achada.aponta:
        apontavam = plural(quantos, "registro apontava", "registros apontavam")
        return (
            f"{visivel(como_se_diz(achada.tabela))}: {apontavam} para ele ({colunas}): {exemplos}"
        )
    return f"{visivel(como_se_diz(achada.tabela))}: ele apontava para {exemplos} ({colunas})"


def documento(registro: Registro, *, com_linhas: bool = False) -> dict[str, Any]:
    """O mesmo, para outro programa; `com_linhas`, com o conteúdo de cada versão."""
    ausencias = [{"depois_de": c.carimbo, "ate": s.carimbo} for c, s in registro.ausencias]
    return {
        "tabela": como_se_diz(registro.tabela),
        "chave": dict(zip(registro.colunas, registro.chave, strict=False)),
        "nome": apelido(registro.versoes[-1].linha),
        "existe": registro.existe,
        "ausencias": ausencias,
        "versoes": [
            {
                "desde": versao.desde.carimbo,
                "ate": versao.ate.carimbo,
                **({"registro": _sem_segredos(versao.linha)} if com_linhas else {}),
            }
            for versao in registro.versoes
        ],
    }


def _sem_segredos(linha: bytes) -> Mapping[str, str | None]:
    return {
        coluna: texto(bytes(bruto))
        for coluna, bruto in abrir_linha(linha).items()
        if not parece_segredo(coluna, bytes(bruto))
    }
