"""O apelido de um registro: o nome, o número ou a data por que uma pessoa o conhece.

Nunca o valor de uma coluna que pareça guardar um segredo, nem um que este programa inventou. É um
valor dos dados: diz-se a quem lê a tela, e nenhum arquivo o guarda (ver `Relato.reservado`).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from cofre.base.linha import NULO, abrir_linha, texto
from cofre.base.palavras import na_tela, numero, visivel
from cofre.base.textos import CAMPO

SEGREDOS = re.compile(
    r"senha|passw|pwd|hash|salt|segredo|secret|token|chave|credenc|credential|api_?key|private"
    r"|(?<![a-z])(?:pass|pin|cvv|cvc|otp|totp|mfa)(?![a-z])",
    re.IGNORECASE,
)
"""No nome de uma coluna, ou dentro de um valor json: o que está ali não se mostra."""

INVENTADO = "cofre-"
"""O começo do texto que se põe, por um momento, no lugar de um valor único que se libera."""

TAMANHO = 40
"""Colunas da tela."""

NOMES = ("nome", "name", "descricao", "razao_social", "full_name", "titulo", "title", "email")
_DE_NOME = frozenset("nome name descricao description titulo title razao fantasia email".split())
_DE_NUMERO = frozenset("numero number num nr codigo cod code protocolo sku".split())
_DE_DATA = frozenset("data date quando vencimento emitida emitido emissao dia".split())
_DE_VALOR = frozenset("total valor preco amount price".split())
_DE_MUDANCA = re.compile(r"updated|atualizad|modified|modificad|deleted|excluid")
_MOMENTO = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d.*)?")


def apelido(linha: bytes) -> str:
    """Algo que uma pessoa reconheça numa linha (os bytes do JSON dela), pronto para a tela."""
    # Cada valor com os seus bytes: um número pode ser maior do que o Python sabe ler.
    campos = dict(_mostraveis(abrir_linha(linha)))
    if campos.keys() >= _DE_UM_ARQUIVO:
        return _fim(visivel(campos["nome"]))
    achado = _nome(campos) or _numero(campos) or _data(campos) or _id(campos)
    achado = visivel(achado)
    return achado if len(achado) <= TAMANHO else f"{achado[:TAMANHO]}…"


_DE_UM_ARQUIVO = {"balde", "nome"}
"""As colunas da lista dos arquivos: de um caminho, é o fim que diz o que ele é."""


def _fim(caminho: str) -> str:
    return caminho if len(caminho) <= TAMANHO else f"…{caminho[-TAMANHO:]}"


def parece_segredo(coluna: str, *valores: bytes | None) -> bool:
    """Se a coluna parece guardar um segredo, pelo nome dela ou, de um json, por algo de dentro."""
    jsons = (v.decode("utf-8", "replace") for v in valores if v and v.startswith((b"{", b"[")))
    return any(map(SEGREDOS.search, (coluna, *jsons)))


def primeiros(linhas: Iterable[bytes | None], quantos: int) -> tuple[str, ...]:
    """Os apelidos das primeiras linhas; as outras nem se leem."""
    return tuple(apelido(linha or b"{}") for linha in itertools.islice(linhas, quantos))


def _mostraveis(campos: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, str]]:
    """As colunas com um escalar que se pode dizer, e o texto dele."""
    for coluna, bruto in campos.items():
        valor = bytes(bruto)
        if coluna == CAMPO or valor == NULO or valor[:1] in b"{[" or SEGREDOS.search(coluna):
            continue
        dito = texto(valor) or ""
        if dito and not dito.startswith(INVENTADO):
            yield coluna, dito


def palavras_de(coluna: str) -> list[str]:
    """«Preço Unitário», «precoUnitario», «preco_unitario» → preco, unitario."""
    sem_acento = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", coluna))
    return re.findall(r"[a-z0-9]+", sem_acento.encode("ascii", "ignore").decode().lower())


def _com(campos: Mapping[str, str], palavras: frozenset[str]) -> Iterator[str]:
    """As colunas com uma destas palavras no nome."""
    return (c for c in campos if not palavras.isdisjoint(palavras_de(c)))


def _nome(campos: Mapping[str, str]) -> str:
    certas = (c for n in NOMES for c in campos if "_".join(palavras_de(c)) == n)
    return next((campos[c] for c in (*certas, *_com(campos, _DE_NOME))), "")


def _numero(campos: Mapping[str, str]) -> str:
    coluna = next(_com(campos, _DE_NUMERO), None)
    if coluna is None:
        return ""
    # Um número solto não diria o que é.
    return f"{coluna} {campos[coluna]}" if campos[coluna].isdigit() else campos[coluna]


def _data(campos: Mapping[str, str]) -> str:
    """A data, e o valor ou o id curto que a acompanha."""
    datas = [c for c, v in campos.items() if _MOMENTO.fullmatch(v) and not _DE_MUDANCA.search(c)]
    if not datas:
        return ""
    coluna = next(_com(dict.fromkeys(datas, ""), _DE_DATA), datas[0])
    partes = [_momento(campos[coluna])]
    partes += [f"{c} {_quantia(campos[c])}" for c in [*_com(campos, _DE_VALOR)][:1]]
    if campos.get("id", "").isdigit():
        partes.insert(0, f"id {campos['id']}")
    return ", ".join(partes)


def _momento(dito: str) -> str:
    """Uma data como está; uma hora, até o minuto, na hora desta máquina se tem fuso."""
    try:
        quando = datetime.fromisoformat(dito)
        local = quando.astimezone() if quando.tzinfo else quando
    except (ValueError, OverflowError, OSError):
        return dito
    return na_tela(local, "dia" if len(dito) == len("AAAA-MM-DD") else "minuto")


def _quantia(dito: str) -> str:
    """«2893.01» → «2.893,01»; o que não é um número, como está."""
    inteira, ponto, decimais = dito.partition(".")
    if not re.fullmatch(r"-?\d+(\.\d+)?", dito):
        return dito
    return numero(int(inteira)) + (f",{decimais}" if ponto else "")


def _id(campos: Mapping[str, str]) -> str:
    """O id; sem um, as primeiras colunas, que costumam ser a chave."""
    colunas = ["id"] if "id" in campos else [*campos][:2]
    return ", ".join(f"{c} {campos[c]}" for c in colunas)


def com_mais(exemplos: Sequence[str], quantos: int, entre: str = "; ") -> str:
    """«A; B; C e mais 142»: uns poucos, de `quantos` são."""
    mais = quantos - len(exemplos)
    return entre.join(exemplos) + (f" e mais {numero(mais)}" if mais > 0 else "")
