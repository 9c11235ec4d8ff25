"""Os documentos brasileiros: os dígitos que os conferem, e onde um está dentro de um texto.

Fontes: CPF, o módulo 11 da Receita Federal; CNPJ, o mesmo, em que cada letra vale o seu código
ASCII menos 48 (Instrução Normativa RFB nº 2.229/2024 e o manual do Serpro «Cálculo dos dígitos
verificadores de CNPJ alfanumérico»: desde julho de 2026 os doze primeiros podem ter letras); PIS e
CNH, o módulo 11 com os pesos deles; a chave de 44 posições de uma nota, o Manual de Orientação do
Contribuinte da NF-e (UF, mês, CNPJ, modelo, série, número, forma, código, dígito).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_PESOS_DO_PIS = (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
TAMANHO_DO_CPF, TAMANHO_DO_CNPJ, TAMANHO_DA_NOTA = 11, 14, 44
RAIZ, BASE = 8, 12
"""Do CNPJ: os caracteres da raiz, e os que os dígitos conferem."""
NA_NOTA = slice(6, 20)
"""Onde está o CNPJ de quem a emitiu."""
_FORA, _NAO_ALGARISMO = re.compile(r"[^0-9A-Z]+"), re.compile(r"[^0-9]+")
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}")


def _modulo_11(valores: Sequence[int], pesos: Sequence[int]) -> int:
    resto = sum(v * p for v, p in zip(valores, pesos, strict=True)) % 11
    return 0 if resto < 2 else 11 - resto


def _valores(caracteres: str) -> list[int]:
    return [ord(c) - ord("0") for c in caracteres]


def _pesos(quantos: int) -> list[int]:
    """2 a 9, da direita para a esquerda, tantas vezes quantas preciso."""
    return [2 + n % 8 for n in reversed(range(quantos))]


def cpf_de(base: str) -> str:
    """O CPF destes nove algarismos."""
    valores = _valores(base)
    valores.append(_modulo_11(valores, range(10, 1, -1)))
    valores.append(_modulo_11(valores, range(11, 1, -1)))
    return f"{base}{valores[-2]}{valores[-1]}"


def cnpj_de(base: str) -> str:
    """O CNPJ destes doze caracteres (algarismos ou maiúsculas)."""
    valores = _valores(base)
    for _ in range(2):
        valores.append(_modulo_11(valores, _pesos(len(valores))))
    return f"{base}{valores[-2]}{valores[-1]}"


def pis_de(base: str) -> str:
    """O PIS (ou NIS, PASEP, NIT) destes dez algarismos."""
    return f"{base}{_modulo_11(_valores(base), _PESOS_DO_PIS)}"


def cnh_de(base: str) -> str:
    """A CNH destes nove algarismos; vazio se a primeira soma dá 10, em que os validadores que há
    não concordam."""
    valores = _valores(base)
    primeiro = sum(v * p for v, p in zip(valores, range(9, 0, -1), strict=True)) % 11
    segundo = sum(v * p for v, p in zip(valores, range(1, 10), strict=True)) % 11
    return f"{base}{primeiro}{segundo % 10}" if primeiro < 10 else ""


def nota_de(base: str) -> str:
    """A chave de nota destas 43 posições."""
    return f"{base}{_modulo_11(_valores(base), _pesos(len(base)))}"


def so_os_caracteres(texto: str) -> str:
    """As letras (maiúsculas) e os algarismos do ASCII, sem a máscara."""
    return _FORA.sub("", texto.upper())


def so_os_algarismos(texto: str) -> str:
    """Os algarismos do ASCII."""
    return _NAO_ALGARISMO.sub("", texto)


def e_cpf(caracteres: str) -> bool:
    """Se é um CPF com os dígitos certos; os de um algarismo só não são de ninguém."""
    certo = len(caracteres) == TAMANHO_DO_CPF and caracteres.isdecimal()
    return certo and len(set(caracteres)) > 1 and cpf_de(caracteres[:9]) == caracteres


def e_cnpj(caracteres: str) -> bool:
    """Se é um CNPJ, dos de sempre ou dos que têm letras, com os dígitos certos."""
    if not _CNPJ.fullmatch(caracteres) or len(set(caracteres)) == 1:
        return False
    return cnpj_de(caracteres[:BASE]) == caracteres


def e_nota(caracteres: str) -> bool:
    """Se é a chave de uma nota: 44 posições, as de fora do CNPJ só algarismos."""
    if len(caracteres) != TAMANHO_DA_NOTA or not caracteres.isascii():
        return False
    de_fora = caracteres[: NA_NOTA.start] + caracteres[NA_NOTA.stop :]
    return de_fora.isdecimal() and _CNPJ.fullmatch(caracteres[NA_NOTA]) is not None
