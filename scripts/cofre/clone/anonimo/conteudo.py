"""O que uma coluna guarda, pelo que está nela, quando o nome dela não o diz."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from cofre.clone.anonimo.classes import Classe, Especie
from cofre.clone.anonimo.feitio import chave_do_texto
from cofre.clone.anonimo.padroes import inteiro
from cofre.clone.anonimo.pecas import NOMES

_PROPRIOS = frozenset(chave_do_texto(n) for n in NOMES.palavras)
_DE_GENTE = re.compile(r"[^\W\d_]+(?:[ '.-]+[^\W\d_]+){1,5}\.?")
_NUMEROS = re.compile(r"[\d@]")
_DA_ESPECIE = {
    Especie.EMAIL: Classe.EMAIL,
    Especie.CPF: Classe.DOCUMENTO,
    Especie.CNPJ: Classe.DOCUMENTO,
    Especie.NOTA: Classe.DOCUMENTO,
    Especie.TELEFONE: Classe.TELEFONE,
}
_POUCOS = 30
"""Valores que uma lista fechada pode ter."""


@dataclass(slots=True)
class Conteudo:
    """O que se viu de uma coluna: `valores` distintos, quantos têm cada feitio, e se algum tem um
    algarismo ou uma arroba (`com_numeros`)."""

    valores: int = 0
    feitios: Counter[Classe] = field(default_factory=Counter)
    de_gente: set[str] = field(default_factory=set)
    com_numeros: bool = False

    def ver(self, texto: str) -> None:
        """Mais um valor, que não se tinha visto nesta coluna."""
        if not texto or texto.isspace():
            return
        self.valores += 1
        self.com_numeros = self.com_numeros or _NUMEROS.search(texto) is not None
        especie = inteiro(texto)
        if especie is not None:
            self.feitios[_DA_ESPECIE[especie]] += 1
        elif parece_gente(texto):
            self.feitios[Classe.NOME] += 1
            self.de_gente.add(texto)

    @property
    def de_uma_lista(self) -> bool:
        """Se podem ser os de uma lista fechada (ENUM): poucos, e de ninguém, ao que parece."""
        return self.classe is None and not self.com_numeros and self.valores <= _POUCOS

    @property
    def classe(self) -> Classe | None:
        """A de mais de metade dos valores; None se não há uma."""
        for classe, quantos in self.feitios.most_common(1):
            if 2 * quantos > self.valores:
                return classe
        return None


def parece_gente(texto: str) -> bool:
    """Se são duas a seis palavras, e a primeira é um nome próprio dos mais comuns."""
    limpo = texto.strip()
    if not _DE_GENTE.fullmatch(limpo):
        return False
    return chave_do_texto(limpo.partition(" ")[0]) in _PROPRIOS
