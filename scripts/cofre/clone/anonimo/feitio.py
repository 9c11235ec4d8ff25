"""O feitio de um valor, que o substituto guarda: a caixa, os acentos, os espaços, a máscara."""

from __future__ import annotations

import re

from cofre.base.selecao import sem_acentos

_ESPACOS = re.compile(r"\s+")


def chave_do_texto(texto: str) -> str:
    """O mesmo para dois textos que só diferem na caixa, nos acentos e nos espaços."""
    return _ESPACOS.sub(" ", sem_acentos(texto).casefold()).strip()


def vestir(falso: str, original: str) -> str:
    """O substituto com o feitio do original: a caixa dele (se é toda uma), sem acentos se ele não
    os tem, os mesmos espaços à volta e no meio."""
    antes, miolo, depois = moldura(original)
    if miolo == miolo.lower():
        falso = falso.lower()
    elif miolo == miolo.upper():
        falso = falso.upper()
    elif miolo[0].isupper():
        falso = falso[:1].upper() + falso[1:]
    if miolo.isascii():
        falso = sem_acentos(falso)
    espacos = iter(_ESPACOS.findall(miolo))
    falso = _ESPACOS.sub(lambda m: next(espacos, m.group()), falso)
    inteiro = f"{antes}{falso}{depois}"
    # O que enchia um char(n) continua a enchê-lo.
    return inteiro.ljust(len(original)) if depois and not depois.strip(" ") else inteiro


def moldura(texto: str) -> tuple[str, str, str]:
    """Os espaços antes, o texto, os espaços depois."""
    miolo = texto.strip()
    inicio = len(texto) - len(texto.lstrip())
    return texto[:inicio], miolo, texto[inicio + len(miolo) :]


def mascarar(caracteres: str, original: str) -> str:
    """Os caracteres no lugar das letras e dos algarismos (ASCII) do original, que fica com a
    pontuação e a caixa; os que sobrem, no fim."""
    saida, seguintes = [], iter(caracteres)
    ultimo = 0
    for c in original:
        if c.isascii() and c.isalnum():
            novo = next(seguintes, "")
            saida.append(novo.lower() if c.islower() else novo)
            ultimo = len(saida)
        else:
            saida.append(c)
    saida.insert(ultimo, "".join(seguintes))
    return "".join(saida)
