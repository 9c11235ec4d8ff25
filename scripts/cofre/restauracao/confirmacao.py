"""A confirmação: o que se está para fazer, e com quem. Só o texto; quem pergunta é o diálogo."""

from __future__ import annotations

from collections.abc import Iterator

from cofre.base.palavras import (
    como_se_diz,
    e_depois,
    em_linhas,
    numero,
    plural,
    registros_de,
    visivel,
)
from cofre.plano.alvo import RECUPERAR, Alvo
from cofre.restauracao.resumo import Resumo
from cofre.restauracao.vocabulario import de

PELO_M, PELA_OPCAO = "m volta tudo", "--modo voltar volta tudo"
"""Como se pede, no diálogo e sem ele, que também o que difere volte."""

LARGURA_DE_UM_CANO = 80
"""Onde não há terminal, a linha em que os nomes das tabelas ainda se leem de uma vez."""


def pedido(alvo: Alvo, resumo: Resumo, largura: int | None) -> Iterator[str]:
    """A empresa, as tabelas e o que acontece aos dados de hoje; depois disto vem o plano."""
    nome = visivel(alvo.empresa.nome)
    yield ""
    yield "⚠️ CONFIRMAÇÃO"
    yield f"Empresa: {nome}"
    yield _tabelas(alvo, largura)
    if alvo.logins:
        yield f"Logins que {de(alvo.backup).vao[1]}: {len(alvo.logins)}"
    if alvo.fatias:
        yield em_linhas(f"Só: {so_o_que(alvo)}", largura, len("Só: "))
    if alvo.modo == RECUPERAR:
        falta = de(alvo.backup).so_o_que_falta
        yield f"Modo: {falta} (nada é alterado nem removido)"
    yield ""
    yield em_linhas(_o_que_acontece(alvo, resumo), largura, 3)
    yield f'✅ Apenas a empresa "{nome}" será afetada'
    yield "✅ Outras empresas NÃO serão afetadas"


def _tabelas(alvo: Alvo, largura: int | None) -> str:
    """Os nomes; se são todas e não cabem numa linha, quantas são."""
    meta = alvo.backup.meta
    nomes = f"Tabelas: {', '.join(visivel(como_se_diz(t)) for t in alvo.tabelas)}"
    todas = meta is not None and set(meta.tabelas) <= set(alvo.tabelas)
    if todas and len(nomes) > (largura or LARGURA_DE_UM_CANO):
        return f"Tabelas: todas ({len(alvo.tabelas)})"
    return em_linhas(nomes, largura, len("Tabelas: "))


def so_o_que(alvo: Alvo) -> str:
    """«1 cliente; 3 vendas; preco e estoque de produtos»."""
    partes = []
    for nome in alvo.tabelas:
        fatia = alvo.fatias.get(nome)
        if fatia is None:
            partes.append(f"{visivel(como_se_diz(nome))} inteira")
            continue
        quantas, colunas = fatia.quantas, fatia.colunas()
        quais = visivel(como_se_diz(nome)) if quantas is None else registros_de(quantas, nome)
        de = e_depois([visivel(c) for c in sorted(colunas)]) + " de " if colunas else ""
        partes.append(de + quais)
    return "; ".join(partes)


def _o_que_acontece(alvo: Alvo, resumo: Resumo) -> str:
    if resumo.sobrescreve:
        return "🚨 ATENÇÃO: Dados atuais serão sobrescritos!"
    repor = resumo.total.repor
    voltam = de(alvo.backup).vao[repor != 1]
    return f"ℹ️ {plural(repor, 'registro', 'registros')} {voltam}; nada é alterado nem removido"


def outras_respostas(alvo: Alvo, *, troca: bool) -> dict[str, str]:
    """O que se pode responder, além da palavra, e o que se diz disso; `troca`: se também se pode
    trocar de modo."""
    palavras = de(alvo.backup)
    outro = palavras.tudo if alvo.modo == RECUPERAR else palavras.so_o_que_falta
    return {**({"m": f"m muda para: {outro}"} if troca else {}), "c": "c: os campos"}


def nada_falta(resumo: Resumo, como_voltar: str) -> str:
    """O que se diz quando só havia o que diferisse, e só se pediu o que falta."""
    ainda = f" ({como_voltar})" if como_voltar else ""
    return f"Nada falta; {ficam_diferentes(resumo.diferem)}{ainda}."


def ficam_diferentes(quantos: int) -> str:
    """«818 diferentes ficam como estão»."""
    if quantos == 1:
        return "1 diferente fica como está"
    return f"{numero(quantos)} diferentes ficam como estão"
