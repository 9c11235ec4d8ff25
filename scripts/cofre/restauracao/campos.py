"""O plano campo a campo: que colunas mudam, em quantos registros e de quê para quê, e o nome de
tudo o que volta e do que sai.

Lê-se do plano enquanto ele existe, aos poucos: a memória não cresce com ele. Os valores são dados
da empresa: dizem-se a quem os pediu, e nenhum log os guarda.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cofre.base.apelido import apelido, com_mais, parece_segredo
from cofre.base.linha import abrir_linha, texto
from cofre.base.palavras import como_se_diz, numero, visivel
from cofre.base.textos import dito_em
from cofre.base.valores import ESCONDIDO, mudanca
from cofre.plano.alvo import Alvo
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR, Acao, mudancas
from cofre.restauracao import conflitos
from cofre.restauracao.resumo import em_quantos

EXEMPLOS = 3
_SINAIS = {REPOR: "+", REMOVER: "−"}


@dataclass(frozen=True, slots=True)
class Exemplo:
    """De um registro (o apelido dele), o valor que a coluna tem `hoje` e o que passaria a ter, em
    bytes de JSON."""

    quem: str
    hoje: bytes
    volta: bytes


@dataclass(frozen=True, slots=True)
class Campo:
    """Uma coluna que muda, em quantos registros, com os primeiros `exemplos`; os que parecem
    guardar um segredo não estão entre eles."""

    nome: str
    registros: int
    exemplos: tuple[Exemplo, ...]

    @property
    def em_palavras(self) -> str:
        """«preco em 12: 0,01 → 12,90 (Pão 1); 0,01 → 3,50 (Pão 2) e mais 10»."""
        ditos = [f"{mudanca(e.hoje, e.volta)} ({e.quem})" for e in self.exemplos]
        exemplos = com_mais(ditos, self.registros) if ditos else ESCONDIDO
        return f"{visivel(self.nome)} em {numero(self.registros)}: {exemplos}"

    def documento(self) -> dict[str, Any]:
        """Para a saída --json: os valores em texto."""
        return {
            "registros": self.registros,
            "exemplos": [
                {"registro": e.quem, "hoje": texto(e.hoje), "volta": texto(e.volta)}
                for e in self.exemplos
            ],
        }


def campos_de(plano: Plano, nome: str) -> list[Campo]:
    """As colunas que mudam numa tabela, das que mudam em mais registros às que mudam em menos. Só
    se lê até achar os exemplos de todas."""
    quantos = em_quantos(plano, nome)
    faltam = {coluna: min(q, EXEMPLOS) for coluna, q in quantos.items()}
    achados: dict[str, list[Exemplo]] = {coluna: [] for coluna in quantos}
    for acao in plano.acoes(nome, ALTERAR):
        if not any(faltam.values()):
            break
        mudam = mudancas(acao, plano.tabelas[nome])
        for coluna in (c for c in mudam if faltam.get(c)):
            faltam[coluna] -= 1
            exemplo = _exemplo(acao, coluna)
            if not parece_segredo(coluna, exemplo.hoje, exemplo.volta):
                achados[coluna].append(exemplo)
    return [Campo(coluna, q, tuple(achados[coluna])) for coluna, q in quantos.items()]


def _exemplo(acao: Acao, coluna: str) -> Exemplo:
    tem, quer = abrir_linha(acao.atual or b"{}"), abrir_linha(acao.alvo or b"{}")
    hoje, volta = (bytes(campos.get(coluna, b"null")) for campos in (tem, quer))
    if hoje == volta:  # só o texto difere
        hoje, volta = dito_em(tem, coluna), dito_em(quer, coluna)
    return Exemplo(apelido(acao.alvo or b"{}"), hoje, volta)


def em_linhas(plano: Plano) -> Iterator[str]:
    """O plano inteiro, uma linha por coluna e por registro que volta (+) ou sai (−)."""
    yield ""
    yield "🔎 CAMPO A CAMPO (hoje → como ficaria)"
    for nome, contagem in plano.contagens.items():
        if not contagem.diferencas:
            continue
        yield (
            f"   {visivel(como_se_diz(nome))}: +{numero(contagem.repor)}"
            f" ~{numero(contagem.alterar)} −{numero(contagem.remover)}"
        )
        for campo in campos_de(plano, nome):
            yield f"      {campo.em_palavras}"
        for acao, sinal in _SINAIS.items():
            for quem in nomes(plano, nome, acao):
                yield f"      {sinal} {quem}"


def por_inteiro(alvo: Alvo, plano: Plano) -> Iterator[str]:
    """O mesmo, e o que, de uma mudança que se desfaz, mudou outra vez."""
    yield from em_linhas(plano)
    yield from conflitos.em_linhas(alvo, plano)


def nomes(plano: Plano, tabela: str, acao: str) -> Iterator[str]:
    """Os apelidos de tudo o que uma ação (REPOR ou REMOVER) move."""
    for cada in plano.acoes(tabela, acao):
        yield apelido((cada.alvo if acao == REPOR else cada.atual) or b"{}")


def documento(plano: Plano) -> dict[str, Any]:
    """O mesmo, para a saída --json: por tabela, as colunas; e o nome de tudo o que volta e sai, aos
    poucos."""
    return {
        "detalhes": {
            como_se_diz(nome): {campo.nome: campo.documento() for campo in campos_de(plano, nome)}
            for nome, contagem in plano.contagens.items()
            if contagem.alterar
        },
        "nomes": (
            {"tabela": como_se_diz(nome), "acao": acao, "registro": quem}
            for nome in plano.contagens
            for acao in _SINAIS
            for quem in nomes(plano, nome, acao)
        ),
    }
