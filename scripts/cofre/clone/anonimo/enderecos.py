"""Um endereço escrito por extenso: que pedaço é a rua, que pedaço é o bairro, e o que pode ficar.

Ficam o número, o apartamento, a cidade e a UF: sem a rua, não dizem onde é, e o aplicativo precisa
deles (frete, imposto). A mesma rua tem o mesmo substituto, sozinha ou no meio de um endereço.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from cofre.clone.anonimo.classes import Especie
from cofre.clone.anonimo.feitio import chave_do_texto, moldura

Trocar = Callable[[Especie, str], str]
_SEPARA = re.compile(r"(\s*[,;\n/|]\s*|\s+[-–—]\s+)")
_PREFIXO = re.compile(
    r"((?:rua|r\.|r|avenida|av\.?|alameda|al\.|travessa|tv\.?|trav\.?|praça|praca|pça\.?|pc\.|"
    r"estrada|est\.|rodovia|rod\.?|largo|viela|beco|ladeira|via|quadra|qd\.?|servidão|vila|"
    r"street|avenue|road)\s+)(?=\S)",
    re.IGNORECASE,
)
_NO_FIM = re.compile(r"\s+(?:n[º°o.]*\s*)?\d{1,6}\s?[A-Za-z]?$")
_NUMERO = re.compile(r"(?:n[º°o.]*\s*)?\d{1,6}\s?-?\s?[A-Za-z]?|s/?\s?n[º°.]?", re.IGNORECASE)
_CEP = re.compile(r"(?:cep:?\s*)?\d{2}\.?\d{3}-?\d{3}", re.IGNORECASE)
_DE_DENTRO = re.compile(
    r"(?:(?:ap|apt|apto|apartamento|bl|bloco|casa|sala|sl|loja|lj|fundos|fds|andar|cj|conj|conjunto|"
    r"torre|box|lote|lt|quadra|qd|sobreloja|térreo|terreo|cobertura|frente|km|galpão|galpao|pavimento"
    r"|[a-z]|\d+[a-zº°ª]?)(?!\w)\.?\s*)+",
    re.IGNORECASE,
)
_UFS = frozenset(
    "ac al ap am ba ce df es go ma mt ms mg pa pb pr pe pi rj rn rs ro rr sc sp se to".split()
)


def endereco(texto: str, trocar: Trocar, cidades: Collection[str] = ()) -> str:
    """O endereço, com a rua, o bairro e o CEP trocados. `cidades`: as que se sabe que o são (ver
    `feitio.chave_do_texto`)."""
    pedacos = _SEPARA.split(texto)
    e_a_rua = True
    for n in range(0, len(pedacos), 2):
        antes, miolo, depois = moldura(pedacos[n])
        if miolo and not fica(miolo, cidades):
            pedacos[n] = f"{antes}{_pedaco(miolo, trocar, e_a_rua=e_a_rua)}{depois}"
            e_a_rua = False
    return "".join(pedacos)


def fica(miolo: str, cidades: Collection[str]) -> bool:
    """Se este pedaço, num endereço, não se troca: um número, um apartamento, a UF, uma cidade."""
    if _NUMERO.fullmatch(miolo) or _DE_DENTRO.fullmatch(miolo):
        return True
    chave = chave_do_texto(miolo)
    return (miolo.isascii() and chave in _UFS) or chave in cidades  # «Sé» não é Sergipe


def _pedaco(miolo: str, trocar: Trocar, *, e_a_rua: bool) -> str:
    if _CEP.fullmatch(miolo):
        return trocar(Especie.CEP, miolo) if miolo[:1].isdigit() else _cep_dito(miolo, trocar)
    prefixo = _PREFIXO.match(miolo)
    if prefixo is None and not e_a_rua:
        return trocar(Especie.BAIRRO, miolo)
    inicio = prefixo.end() if prefixo else 0
    nome, numero = miolo[inicio:], ""
    if achado := _NO_FIM.search(nome):
        nome, numero = nome[: achado.start()], achado.group()
    return f"{miolo[:inicio]}{trocar(Especie.RUA, nome)}{numero}"


def _cep_dito(miolo: str, trocar: Trocar) -> str:
    """«CEP 01310-100»."""
    corte = next(n for n, c in enumerate(miolo) if c.isdigit())
    return miolo[:corte] + trocar(Especie.CEP, miolo[corte:])


def complemento(texto: str, trocar: Trocar) -> str:
    """«apto 12, bloco B» fica; o que diga outra coisa («casa da Maria») é trocado."""
    pedacos = _SEPARA.split(texto)
    for n in range(0, len(pedacos), 2):
        antes, miolo, depois = moldura(pedacos[n])
        if miolo and not fica(miolo, ()):
            pedacos[n] = f"{antes}{trocar(Especie.BAIRRO, miolo)}{depois}"
    return "".join(pedacos)
