"""Uma execução em poucas palavras, para quem está longe: o corpo do ping e o JSON do webhook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cofre.base.erros import COPIA_FALHOU, DADOS_ENCOLHERAM, PROMESSA_QUEBRADA, TUDO_CERTO
from cofre.base.maquina import maquina
from cofre.base.palavras import com_datas_da_pagina, na_tela, numero, visivel
from cofre.deposito.carimbo import momento
from cofre.rotina.encolhimento import Encolhimento
from cofre.rotina.mudanca import Mudanca
from cofre.rotina.ultima import UltimaExecucao

DITAS = 20
"""Falhas ou encolhimentos ditos um a um; o log tem todos."""

COMANDOS = 3
"""Empresas de que se dizem os comandos: a mensagem tem de caber."""

MAIOR_TEXTO = 1_900
"""Caracteres: o Discord recusa uma mensagem maior que 2.000."""

NORMAL, FALHA, ENCOLHIMENTO, MUDANCA = "normal", "falha", "encolhimento", "mudanca"
COPIA, PROMESSA = "copia", "promessa"
BONS = frozenset({NORMAL, MUDANCA})
"""Os eventos de um backup que deu certo."""
_TITULOS = {
    NORMAL: "✅ Backup inteiro",
    FALHA: "❌ Backup com falhas",
    MUDANCA: "🔁 Backup inteiro, mas mudou muito mais que o costume",
    COPIA: "📤 Backup feito, mas a cópia fora daqui não",
    PROMESSA: "⏱️ Backup feito, mas há uma promessa que não se cumpre",
    ENCOLHIMENTO: "📉 Backup feito, mas há dados que parecem ter sumido",
}


def evento_de(execucao: UltimaExecucao) -> str:
    """O que aconteceu, numa palavra."""
    if execucao.codigo == TUDO_CERTO:
        return MUDANCA if execucao.mudancas else NORMAL
    return _EVENTOS.get(execucao.codigo, FALHA)


_EVENTOS = {DADOS_ENCOLHERAM: ENCOLHIMENTO, COPIA_FALHOU: COPIA, PROMESSA_QUEBRADA: PROMESSA}


def texto_de(execucao: UltimaExecucao) -> str:
    """O boletim inteiro, uma coisa por linha, com as datas como se leem longe do terminal."""
    return com_datas_da_pagina("\n".join(_linhas(execucao)))


def mensagem_de(execucao: UltimaExecucao) -> dict[str, Any]:
    """O JSON do webhook. `text` e `content` são onde Slack, Mattermost e Discord leem o texto."""
    texto = texto_de(execucao)
    curto = texto if len(texto) <= MAIOR_TEXTO else texto[: MAIOR_TEXTO - 1] + "…"
    return {
        "evento": evento_de(execucao),
        "text": curto,
        "content": curto,
        "maquina": maquina(),
        **_com_listas_curtas(execucao.documento()),
    }


def _com_listas_curtas(documento: Mapping[str, Any]) -> dict[str, Any]:
    return {n: v[:DITAS] if isinstance(v, tuple | list) else v for n, v in documento.items()}


def _linhas(execucao: UltimaExecucao) -> Iterator[str]:
    titulo = _TITULOS[evento_de(execucao)]
    codigo = f" (código {execucao.codigo})" if execucao.codigo else ""
    yield f"{titulo}{codigo}, em {maquina()}"
    yield from _o_que_fazer(execucao.para_voltar)
    yield f"De {na_tela(execucao.inicio)} a {na_tela(execucao.fim)}"
    resumo = execucao.resumo
    if "total_empresas" in resumo:
        inteiras, total = resumo["empresas_completas"], resumo["total_empresas"]
        registros = numero(resumo["total_registros"])
        yield f"Empresas com backup: {inteiras} de {total}; registros: {registros}"
    if lacres := resumo.get("lacres"):
        numeros = [
            f"{visivel(str(n['nome']))}: nº {numero(n['numero'])}" for n in lacres["numeros"]
        ]
        yield from _lista(f"Último lacre (código {lacres['codigo']})", numeros)
    yield from map(visivel, resumo.get("lembretes", ()))
    if execucao.erro:
        yield visivel(execucao.erro)
    yield from _lista("Falhas", [visivel(f) for f in execucao.falhas])
    encolheram = [f"{visivel(str(e['nome']))}: {_encolhimento(e)}" for e in execucao.encolhimentos]
    yield from _lista("Parece ter sumido", encolheram)
    yield from _lista("Não estão mais entre as empresas", [_sumida(s) for s in execucao.sumidas])
    mudaram = [
        f"{visivel(str(m['nome']))}: {Mudanca.de_documento(m).em_palavras}"
        for m in execucao.mudancas
    ]
    yield from _lista("Mudou muito", mudaram)
    promessas = [
        f"{visivel(str(p['nome']))}: {visivel(str(dita))}"
        for p in resumo.get("promessas", ())
        for dita in p["ditas"]
    ]
    yield from _lista("Não se cumpre", promessas)
    if execucao.log:
        yield f"Log: {execucao.log}"


def _o_que_fazer(retornos: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Antes de contar o que houve: o que traz de volta, e só depois o que cala o aviso."""
    if not retornos:
        return
    yield "Para trazer de volta:"
    yield from (visivel(str(c)) for r in retornos[:COMANDOS] for c in r["comandos"])
    reconhecer = [visivel(str(r["reconhecer"])) for r in retornos[:COMANDOS] if r["reconhecer"]]
    if reconhecer:
        yield "Se foi de propósito:"
        yield from reconhecer


def _lista(titulo: str, itens: list[str]) -> Iterator[str]:
    if itens:
        yield f"{titulo}: {numero(len(itens))}"
    for item in itens[:DITAS]:
        yield f"  {item}"
    if len(itens) > DITAS:
        yield f"  … e mais {numero(len(itens) - DITAS)}"


def _encolhimento(dados: Mapping[str, Any]) -> str:
    return Encolhimento.de_documento(dados).em_palavras


def _sumida(dados: Mapping[str, Any]) -> str:
    ultimo = na_tela(momento(str(dados["ultimo"])), "minuto")
    return f"{visivel(str(dados['nome']))} (último backup em {ultimo})"
