"""Reconhecer num texto, pelo feitio, um e-mail, um documento ou um telefone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from cofre.clone.anonimo.classes import Especie
from cofre.clone.anonimo.documentos import (
    TAMANHO_DO_CNPJ,
    TAMANHO_DO_CPF,
    e_cnpj,
    e_cpf,
    e_nota,
    so_os_caracteres,
)

EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[^\W_](?:[\w.-]*[^\W_])?")
"""Folgado: o que tenha este feitio, seja ou não um endereço que exista."""
_NO_LOCAL = r"[\w.+%'-]"
_TEXTO_DE_EMAIL = rf"(?<!{_NO_LOCAL}){_NO_LOCAL}{{1,64}}+@[^\W_](?:[\w-]*\.)*[\w-]*[^\W_]"
"""Só do começo de uma palavra: um texto sem espaços, de um megabyte, lê-se uma vez."""
_DOMINIO = re.compile(r"@.*\.[^\W\d_]{2,}", re.DOTALL)
_NOTA = r"(?<![0-9])(?:[0-9]{6}[0-9A-Z]{14}[0-9]{24}|(?:[0-9]{4} ){10}[0-9]{4})(?![0-9A-Za-z])"
_A = "[0-9A-Za-z]"
_CNPJ = rf"(?<!{_A}){_A}{{2}}\.{_A}{{3}}\.{_A}{{3}}/?{_A}{{4}}-[0-9]{{2}}(?!{_A})"
_CPF = r"(?<!\d)\d{3}\.\d{3}\.\d{3}[-./ ]?\d{2}(?!\d)|(?<!\d)\d{9}-\d{2}(?!\d)"
_COM_ESPACOS = r"(?<!\d)(?<!\d )\d{3} \d{3} \d{3}[ -]\d{2}(?! ?\d)"
_FONE = (
    r"(?<!\w)(?<!\d[.-])(?:\+?55[ .-]?)?(?:\(0?\d{2}\)[ .-]?|0?\d{2}[ .-])?"
    r"(?:9[ .]?)?[2-9]\d{3}[ .-]\d{4}(?![\w-])"
    r"|(?<!\w)(?<!\d[.-])(?:\+55 ?)?\(0?\d{2}\) ?9?[2-9]\d{7}(?!\w)"
    r"|(?<!\w)\+55\d{10,11}(?!\w)"
)
_NU = (
    rf"{_COM_ESPACOS}|"
    r"(?<![0-9A-Za-z_])(?<!\d[.-])(?:\d{11}|[0-9A-Z]{12}\d{2})(?![0-9A-Za-z_]|[.-]\d)"
)
"""Sem máscara: só vale com os dígitos certos, ou se já se viu noutro lugar."""
_CELULAR = re.compile(r"[1-9][1-9]9[6-9]\d{7}")
_NUMERO_NU = r"(?<![0-9A-Za-z_])(?<!\d[.-])(?:55)?\d{8,11}(?![0-9A-Za-z_]|[.-]\d)"

_TUDO = re.compile(
    f"(?P<email>{_TEXTO_DE_EMAIL})|(?P<nota>{_NOTA})|(?P<cnpj>{_CNPJ})|(?P<cpf>{_CPF})"
    f"|(?P<fone>{_FONE})|(?P<nu>{_NU})|(?P<numero>{_NUMERO_NU})"
)
_PODE_TER = re.compile(r"@|\d[\d.() /-]{6,}\d|[0-9A-Z]{12}\d\d|[0-9A-Za-z]{2}\.[0-9A-Za-z]{3}\.")

_ALGARISMO = re.compile(r"\d")
_MAIOR = 80
"""Mais comprido do que isto, nenhum deles é."""

Conhecido = Callable[[Especie, str], bool]
"""Se um documento ou telefone já foi visto numa coluna deles."""


def reconhecer(texto: str, conhecido: Conhecido) -> Iterator[tuple[int, int, Especie]]:
    """Cada e-mail, documento e telefone do texto: onde começa, onde acaba, e o que é. Um número sem
    máscara só se tem os dígitos certos de um CPF ou CNPJ, ou se é `conhecido`."""
    if not _PODE_TER.search(texto):
        return
    for achado in _TUDO.finditer(texto):
        especie = _especie(achado, conhecido)
        if especie is not None:
            yield achado.start(), achado.end(), especie


_DE_CADA_GRUPO = {
    "email": Especie.EMAIL,
    "nota": Especie.NOTA,
    "cnpj": Especie.CNPJ,
    "cpf": Especie.CPF,
    "fone": Especie.TELEFONE,
}


def _especie(achado: re.Match[str], conhecido: Conhecido) -> Especie | None:
    grupo, dito = achado.lastgroup or "", achado.group()
    if grupo == "email":
        return Especie.EMAIL if _DOMINIO.search(dito) or conhecido(Especie.EMAIL, dito) else None
    if grupo in _DE_CADA_GRUPO:
        return _DE_CADA_GRUPO[grupo]
    caracteres = so_os_caracteres(dito)
    if (certa := _pelos_digitos(caracteres)) is not None:
        return certa
    for especie in (Especie.CPF, Especie.CNPJ, Especie.TELEFONE):
        if conhecido(especie, caracteres):
            return especie
    return Especie.TELEFONE if _CELULAR.fullmatch(dito) else None


def _pelos_digitos(caracteres: str) -> Especie | None:
    if e_cpf(caracteres):
        return Especie.CPF
    return Especie.CNPJ if e_cnpj(caracteres) else None


def inteiro(texto: str) -> Especie | None:
    """O que o texto é, do princípio ao fim, sem mais nada; None se não é um destes."""
    limpo = texto.strip()
    if "@" in limpo:
        return Especie.EMAIL if EMAIL.fullmatch(limpo) else None
    if len(limpo) > _MAIOR or not _ALGARISMO.search(limpo):
        return None
    achado = _TUDO.fullmatch(limpo)
    grupo = achado.lastgroup if achado else None
    if grupo in _DE_CADA_GRUPO:
        return _DE_CADA_GRUPO[grupo]
    caracteres = so_os_caracteres(limpo)
    if e_nota(caracteres):
        return Especie.NOTA
    if grupo is None:
        return None
    celular = Especie.TELEFONE if _CELULAR.fullmatch(limpo) else None
    return _pelos_digitos(caracteres) or celular


def especie_do_documento(caracteres: str) -> Especie:
    """Que documento são estes caracteres, sem máscara, numa coluna deles."""
    if e_nota(caracteres):
        return Especie.NOTA
    if len(caracteres) == TAMANHO_DO_CPF and caracteres.isdecimal():
        return Especie.CPF
    if len(caracteres) == TAMANHO_DO_CNPJ and caracteres[12:].isdecimal():
        return Especie.CNPJ
    return Especie.DOCUMENTO
