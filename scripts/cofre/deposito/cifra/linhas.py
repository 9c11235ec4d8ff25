"""Uma chave que abre, escrita para o papel: em linhas curtas, com duas letras a conferir cada uma.

Quem a digita de volta sabe em que linha se enganou. As letras são as do Bech32, que não tem as que
se confundem (1, b, i, o): https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cofre.base.erros import ErroDeUso

_COMECO = "AGESECRETKEY1"
_LETRAS = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
_TAMANHOS = (len(_COMECO), 20, 20, 18)
"""Letras de cada linha, sem as de conferência: 71 ao todo, e mais nenhuma."""
_VOGAIS = "AEIOUÁÂÃÉÊÍÓÔÕÚ"
_CONFERENCIA, _GRUPO = 2, 4
_PRIMO, _DA_LINHA = 1021, 37
"""O maior primo que cabe em duas letras; e quanto cada linha soma, para não valer por outra."""
LINHAS = len(_TAMANHOS)


def em_linhas(chave: str) -> list[tuple[str, str]]:
    """As linhas de uma chave («AGE-SECRET-KEY-1…»), em grupos de quatro, e a conferência de cada
    uma."""
    letras = chave.replace("-", "")
    partes = [letras[de:ate] for de, ate in _cortes(_TAMANHOS)]
    primeira, *outras = partes
    assert (primeira, sum(map(len, partes))) == (_COMECO, len(letras))
    escritas = ["AGE-SECRET-KEY-1", *map(_em_grupos, outras)]
    return [(e, _conferencia(n, p)) for n, (e, p) in enumerate(zip(escritas, partes, strict=True))]


def conferir_linha(n: int, digitada: str) -> str:
    """As letras da linha `n` (de 0 em diante), sem a conferência. Levanta ErroDeUso."""
    letras = so_letras(digitada)
    linha, conferencia = letras[:-_CONFERENCIA], letras[-_CONFERENCIA:]
    if len(linha) != _TAMANHOS[n] or _conferencia(n, linha) != conferencia:
        raise ErroDeUso(
            f"A linha {n + 1} da chave não confere.",
            "Confira-a com a folha, letra por letra; as duas últimas são a conferência.",
        )
    return linha


def e_a_primeira(digitada: str) -> bool:
    """Se é só o começo de uma chave, a primeira linha da folha: as outras estão por vir. É igual em
    todas, e por isso não se confere."""
    letras = so_letras(digitada)
    return letras.startswith(_COMECO) and len(letras) <= _TAMANHOS[0] + _CONFERENCIA


def parece_chave(digitada: str) -> bool:
    """Se o que se digitou tem a forma de uma chave, ou de uma linha da folha, ainda que com alguma
    letra trocada: não é para se repetir em lugar nenhum."""
    letras = so_letras(digitada)
    if _COMECO in letras:
        return True
    menor, maior = min(_TAMANHOS[1:]) - 2, max(_TAMANHOS) + _CONFERENCIA + 2
    do_tamanho = menor <= len(letras) <= maior or len(letras) > 2 * menor
    trocadas = sum(letra not in _LETRAS for letra in letras)
    return do_tamanho and trocadas <= 2 and not _fala_se(letras)


def _fala_se(letras: str) -> bool:
    """Se podem ser palavras. Uma linha em mil não tem algarismo; mas das letras de uma chave uma em
    oito é vogal, e das de um nome em português quase metade."""
    vogais = sum(letra in _VOGAIS for letra in letras)
    return 5 * vogais >= 2 * len(letras) and not any(letra.isdigit() for letra in letras)


def completar(pedir: Callable[[str], str], recusar: Callable[[ErroDeUso], None]) -> str:
    """A chave de que se deu a primeira linha: pede as outras da folha, e de novo a que não confere,
    depois de a `recusar`. Levanta o que `pedir` levante."""
    partes = [_COMECO]
    while len(partes) < LINHAS:
        dita = pedir(f"Linha {len(partes) + 1}")
        try:
            partes.append(conferir_linha(len(partes), dita))
        except ErroDeUso as e:
            recusar(e)
    return "".join(partes)


def sem_conferencia(letras: str) -> str:
    """As letras de uma chave digitada, sem as de conferência, se as tem. Levanta ErroDeUso, com a
    linha que não confere."""
    com_conferencia = [tamanho + _CONFERENCIA for tamanho in _TAMANHOS]
    if len(letras) != sum(com_conferencia):
        return letras
    partes = (letras[de:ate] for de, ate in _cortes(com_conferencia))
    return "".join(conferir_linha(n, parte) for n, parte in enumerate(partes))


def so_letras(digitada: str) -> str:
    """Em maiúsculas, sem espaços nem hífens."""
    return "".join(c for c in digitada.upper() if c.isalnum())


def _conferencia(n: int, letras: str) -> str:
    """Uma soma com pesos, de resto por um primo: uma letra trocada, duas vizinhas invertidas ou uma
    linha no lugar de outra mudam-na sempre."""
    soma = (_DA_LINHA * n + sum(p * ord(letra) for p, letra in enumerate(letras, 1))) % _PRIMO
    return _LETRAS[soma >> 5] + _LETRAS[soma & 31]


def _em_grupos(letras: str) -> str:
    return " ".join(letras[n : n + _GRUPO] for n in range(0, len(letras), _GRUPO))


def _cortes(tamanhos: Sequence[int]) -> Iterator[tuple[int, int]]:
    de = 0
    for tamanho in tamanhos:
        yield de, de + tamanho
        de += tamanho
