"""As perguntas a quem está à frente do terminal, com as mesmas saídas em todas.

`?` explica, `v` volta um passo, `q` sai; o fim da entrada também sai. Só a palavra exata confirma.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cofre.base.erros import Cancelada
from cofre.base.palavras import colunas, em_linhas
from cofre.base.relato import Relato

SIM, NAO = ("s", "sim"), ("n", "não", "nao")
PARECIDA = 0.7
"""A partir de que semelhança (de 0 a 1, de difflib) uma resposta é um deslize, e não outra coisa:
«RESTUARAR» tem 0,89; «restaurar», tudo; «produtos», 0,35."""

A_PERGUNTA = 4
"""Linhas de um terminal que ficam para a pergunta que vem depois de uma tela."""
MUITAS = 1 << 30
"""Colunas: onde não há terminal, nada se quebra."""
_NO_MEIO = re.compile(r"(?<![.:;?!])\n(?=[a-zà-ÿ«])")
"""O fim de uma linha no meio de uma frase."""


class Voltar(Exception):
    """Quem responde quer a pergunta de antes."""


@dataclass(frozen=True, slots=True)
class Perguntas:
    """Quem pergunta a um relato. `cancelada` e `dica` são o que se diz a quem desiste."""

    relato: Relato
    cancelada: str
    dica: str

    def resposta(self, pergunta: str, ajuda: str, *, volta: bool = False) -> str:
        """A resposta, que pode ser vazia. Levanta Cancelada e, se se pode voltar, Voltar."""
        dita = self._dita(pergunta, ajuda, volta=volta)
        if dita is None:
            raise Cancelada(self.cancelada, self.dica)
        return dita

    def _dita(self, pergunta: str, ajuda: str, *, volta: bool) -> str | None:
        """O mesmo; None quando a entrada acabou."""
        while True:
            dita = self.relato.perguntar(pergunta)
            if dita is not None and dita.lower() == "q":
                raise Cancelada(self.cancelada, self.dica)
            if dita == "?":
                self.explicar(ajuda, volta=volta)
            elif dita is None or dita.lower() != "v":
                return dita
            elif volta:
                raise Voltar
            else:
                self.explicar("Daqui não se volta a outra pergunta; q sai.")

    def sim(self, pergunta: str, ajuda: str, *, volta: bool = False) -> bool:
        """Sim ou não, até que se responda um dos dois; o fim da entrada é não. Levanta como
        `resposta`."""
        while (dita := self._dita(f"{pergunta} (s/n): ", ajuda, volta=volta)) is not None:
            if dita.lower() in (*SIM, *NAO):
                return dita.lower() in SIM
            self.explicar("Responda s (sim) ou n (não); ? explica, q sai.")
        return False

    def palavra(
        self,
        pergunta: str,
        certas: Collection[str],
        ajuda: str,
        *,
        outras: Collection[str] = (),
        volta: bool = False,
    ) -> str:
        """Uma das palavras certas, escrita como é; ou uma das `outras` respostas que valem, em
        minúsculas. Depois de um deslize, pergunta mais uma vez; o resto cancela. Levanta como
        `resposta`."""
        for ultima in (False, True):
            dita = self.resposta(pergunta, ajuda, volta=volta)
            if dita in certas:
                return dita
            if dita.lower() in outras:
                return dita.lower()
            if ultima or not difflib.get_close_matches(dita.upper(), certas, 1, PARECIDA):
                break
            self.explicar(f"Quase. Só a palavra exata confirma: {' ou '.join(certas)}.")
        raise Cancelada(self.cancelada, self.dica)

    def aos_poucos(self, linhas: Iterable[str], ajuda: str) -> None:
        """Linhas reservadas, uma tela de cada vez, até o fim ou até que se queira voltar; onde não
        há terminal, todas."""
        relato = self.relato
        largura, altura = relato.largura, relato.altura
        usadas = 0
        for linha in linhas:
            dita = em_linhas(linha, largura)
            ocupa = sum(-(-max(colunas(d), 1) // (largura or MUITAS)) for d in dita.split("\n"))
            if altura and usadas and usadas + ocupa > max(altura - A_PERGUNTA, 1):
                if not self._continua(ajuda):
                    return
                usadas = 0
            relato.reservado(dita)
            usadas += ocupa

    def _continua(self, ajuda: str) -> bool:
        while True:
            dita = self.relato.perguntar("Enter mostra mais, q volta: ")
            if dita is None or dita.lower() in ("q", "v"):
                return False
            if dita != "?":
                return True
            self.explicar(ajuda)

    def explicar(self, texto: str, *, volta: bool = False) -> None:
        """O texto, recuado; e, se se pode voltar, como."""
        if self.relato.largura is not None:
            texto = _NO_MEIO.sub(" ", texto)  # onde a linha acaba, é o terminal que diz
        linhas = texto.split("\n") + (["v volta à pergunta de antes; q sai."] if volta else [])
        for linha in linhas:
            self.relato.linha(em_linhas(f"   {linha}", self.relato.largura))
