"""O que, de uma mudança que se desfaz, mudou outra vez desde então e por isso fica como está."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cofre.base.apelido import apelido, com_mais, parece_segredo
from cofre.base.linha import texto
from cofre.base.palavras import como_se_diz, numero, plural, registros_de, visivel
from cofre.base.valores import ESCONDIDO, valor
from cofre.plano.alvo import Alvo
from cofre.plano.plano import Plano
from cofre.plano.tres_lados import Conflito

EXEMPLOS = 3
LINHA_INTEIRA = Conflito("", None, None, None)


@dataclass(frozen=True, slots=True)
class EmConflito:
    """De uma tabela, quantos registros, em quantos deles cada coluna, e os primeiros, em palavras
    (com dados da empresa)."""

    tabela: str
    registros: int
    colunas: Mapping[str, int]
    exemplos: tuple[str, ...]

    @property
    def em_palavras(self) -> str:
        """«3 produtos mudaram outra vez depois (preco em 2, estoque em 1): ficam como estão»."""
        um = self.registros == 1
        ditas = [f"{visivel(c)} em {numero(q)}" for c, q in self.colunas.items() if c]
        em_que = f" ({', '.join(ditas[:EXEMPLOS])}{'…' * (len(ditas) > EXEMPLOS)})" if ditas else ""
        mudou, fica = ("mudou", "fica como está") if um else ("mudaram", "ficam como estão")
        quais = registros_de(self.registros, self.tabela)
        return f"{quais} {mudou} outra vez depois{em_que}: {fica}"

    def documento(self) -> dict[str, Any]:
        """Para a saída --json e para o diário: nenhum valor."""
        return {
            "registros": self.registros,
            "colunas": {c: q for c, q in self.colunas.items() if c},
        }


def conflitos_de(alvo: Alvo, plano: Plano) -> tuple[EmConflito, ...]:
    """Os de cada tabela que os tem."""
    achados = []
    for nome in plano.contagens:
        registros, colunas = 0, Counter[str]()
        exemplos: list[str] = []
        for quem, conflitos in _da_tabela(alvo, plano, nome):
            registros += 1
            colunas.update(c.coluna for c in conflitos)
            if len(exemplos) < EXEMPLOS:
                exemplos.append(_em_palavras(quem, conflitos))
        if registros:
            achados.append(EmConflito(nome, registros, dict(colunas.most_common()), (*exemplos,)))
    return tuple(achados)


def de_todos(conflitos: Sequence[EmConflito]) -> dict[str, Any]:
    """Por tabela, para a saída --json: nenhum valor."""
    return {c.tabela: c.documento() for c in conflitos}


def em_linhas(alvo: Alvo, plano: Plano) -> Iterator[str]:
    """Todos, pelo nome, com o que cada coluna era, o que a mudança pôs e o que é hoje."""
    for nome in plano.contagens:
        for n, (quem, conflitos) in enumerate(_da_tabela(alvo, plano, nome)):
            if n == 0:
                dita = visivel(como_se_diz(nome))
                yield f"   {dita}: mudaram outra vez depois, e ficam como estão"
            for conflito in conflitos:
                yield f"      {_em_palavras(quem, [conflito])}"


def documento(alvo: Alvo, plano: Plano) -> Iterator[dict[str, Any]]:
    """O mesmo, para a saída --json, aos poucos."""
    for nome in plano.contagens:
        for quem, conflitos in _da_tabela(alvo, plano, nome):
            for conflito in conflitos:
                yield {"tabela": nome, "registro": quem, "coluna": conflito.coluna} | _valores(
                    conflito
                )


def em_uma_frase(conflitos: Sequence[EmConflito]) -> str:
    """«3 registros mudaram outra vez depois, e ficam como estão»; vazio se nenhum."""
    quantos = sum(c.registros for c in conflitos)
    if not quantos:
        return ""
    mudaram = "mudou outra vez depois, e fica como está"
    varios = "mudaram outra vez depois, e ficam como estão"
    return f"{plural(quantos, 'registro', 'registros')} {mudaram if quantos == 1 else varios}"


def _da_tabela(alvo: Alvo, plano: Plano, nome: str) -> Iterator[tuple[str, list[Conflito]]]:
    """O apelido de cada registro, e o que nele conflita."""
    for atual, do_alvo in plano.que_conflitam(nome):
        fatia = alvo.fatias[nome]
        conflitos: list[Conflito] = list(fatia.conflitos(atual, do_alvo))
        # De uma linha sem chave, o que mudou foi quantas iguais a ela há.
        yield apelido(bytes(do_alvo or atual or b"{}")), conflitos or [LINHA_INTEIRA]


def _em_palavras(quem: str, conflitos: Sequence[Conflito]) -> str:
    """«Pão 1: preco era 12,90, ficou 0,01, hoje é 15,00; estoque …»."""
    ditos = [_dito(c) for c in conflitos]
    return f"{quem}: {com_mais(ditos[:EXEMPLOS], len(ditos))}" if any(ditos) else quem


def _dito(conflito: Conflito) -> str:
    if not conflito.coluna:
        return ""
    coluna = visivel(conflito.coluna)
    if _segredo(conflito):
        return f"{coluna} mudou ({ESCONDIDO})"
    hoje = "não há mais" if conflito.hoje is None else f"é {valor(conflito.hoje)}"
    return f"{coluna} era {valor(conflito.era)}, ficou {valor(conflito.ficou)}, hoje {hoje}"


def _valores(conflito: Conflito) -> dict[str, str | None]:
    if not conflito.coluna or _segredo(conflito):
        return {}
    ditos = {"era": conflito.era, "ficou": conflito.ficou, "hoje": conflito.hoje}
    return {nome: None if v is None else texto(v) for nome, v in ditos.items()}


def _segredo(conflito: Conflito) -> bool:
    return parece_segredo(conflito.coluna, conflito.era, conflito.ficou, conflito.hoje)
