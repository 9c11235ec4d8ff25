"""As linhas em JSON: separá-las, e ler só algumas colunas, com os bytes de cada valor como estão.

É o único lugar em que uma linha se decodifica. Quase sempre o msgspec a lê, e depressa; o que ele
recusa e o PostgreSQL guarda numa coluna json, `varredura` separa devagar: quem chama não sabe qual.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar, cast

import msgspec
from msgspec.structs import astuple

from cofre.base import varredura

NULO = b"null"
ORDENS: dict[str, Callable[[bytes], Any]] = {
    # O texto de um uuid é hexadecimal minúsculo de tamanho fixo: a ordem dos bytes é a dele.
    "uuid": bytes,
    "integer": int,
    "bigint": int,
}
"""Por tipo de coluna, o que faz os bytes de um valor se compararem como no banco."""

PENDURADA = "linha_pendurada"


class Campos(msgspec.Struct):
    """As colunas lidas de uma linha: `linha["coluna"]` dá os bytes do valor."""

    NOMES: ClassVar[dict[str, str]] = {}

    def __getitem__(self, coluna: str) -> bytes:
        return bytes(getattr(self, self.NOMES[coluna]))


def tipo_com(
    colunas: Sequence[str], *, opcionais: bool = False, pendurada: tuple[str, type] | None = None
) -> type[Campos]:
    """Um tipo para o msgspec que lê estas colunas e pula as outras.

    `opcionais`: uma coluna que falta vale nulo. `pendurada`: (nome, tipo) de um objeto dentro da
    linha. Nomes com aspas ou barra invertida não são aceitos pelo msgspec (ValueError).
    """
    nomes = {c: f"c{i}" for i, c in enumerate(dict.fromkeys(colunas))}
    no_json = {campo: coluna for coluna, campo in nomes.items()}
    padrao: tuple[Any, ...] = (msgspec.Raw(NULO),) if opcionais else ()
    tipos: list[tuple[Any, ...]] = [(campo, msgspec.Raw, *padrao) for campo in no_json]
    if pendurada is not None:
        no_json[PENDURADA] = pendurada[0]
        tipos.append((PENDURADA, pendurada[1]))
    tipo = msgspec.defstruct(
        "Linha", tipos, bases=(Campos,), namespace={"NOMES": nomes}, rename=no_json, gc=False
    )
    return cast("type[Campos]", tipo)


def texto(valor: bytes) -> str | None:
    """Um escalar JSON como texto («"a"» → «a», «12» → «12»); None se é nulo. Um texto com meio par
    substituto, que só cabe numa coluna json, fica com as aspas e os escapes."""
    if valor.startswith(b'"'):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(valor, type=str)
    return None if valor == NULO else valor.decode("utf-8")


VARIOS_MODOS = frozenset({"citext", "numeric"})
"""Os tipos, sem o esquema, em que se sabe que um valor tem mais de um modo de escrever."""


def sem_o_modo(valor: bytes) -> str:
    """Um escalar JSON sem maiúsculas e sem os zeros do fim das decimais: o mesmo para dois valores
    que um citext ou um numeric acha iguais."""
    dito = texto(valor) or ""
    if valor[:1] == b'"' or "." not in dito:
        return dito.casefold()
    return dito.rstrip("0").rstrip(".")


SEPARADOR = b",\n"


def juntar(linhas: Iterable[bytes | memoryview]) -> bytes:
    """Um bloco de linhas, sem o que vem antes da primeira nem depois da última."""
    return SEPARADOR.join(linhas)


Linha = msgspec.Raw
L = TypeVar("L")
T = TypeVar("T")
C = TypeVar("C", bound=Campos)


@dataclass(frozen=True, slots=True)
class Leitor(Generic[L]):
    """Lê um vetor JSON inteiro: `depressa` se o msgspec o entende, ou linha a linha, com `uma`.

    Os três levantam msgspec.DecodeError se o texto não é JSON, e a filha ValidationError se é, mas
    não as linhas que se pediram. Só `depressa` levanta DecodeError, ou RecursionError, também por
    um valor que há no PostgreSQL.
    """

    depressa: Callable[[bytes], list[L]]
    uma: Callable[[bytes], L]

    def __call__(self, vetor: bytes) -> list[L]:
        """As linhas do vetor."""
        return _insistir(self.depressa, self._devagar, vetor)

    def _devagar(self, vetor: bytes) -> list[L]:
        return [self.uma(linha) for linha in varredura.itens(vetor)]


def _insistir(
    depressa: Callable[[bytes], T], devagar: Callable[[bytes], T], texto: bytes | Linha
) -> T:
    try:
        return depressa(texto)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError):
        return devagar(bytes(texto))


separar: Leitor[Linha] = Leitor(msgspec.json.Decoder(list[msgspec.Raw]).decode, msgspec.Raw)
"""As linhas de um vetor, cada uma com os bytes que vieram."""


def leitor_de(tipo: type[C]) -> Leitor[C]:
    """Quem lê linhas como um tipo de `tipo_com`."""
    return Leitor(msgspec.json.Decoder(list[tipo]).decode, leitor_de_uma(tipo))  # type: ignore[valid-type]


def leitor_de_uma(tipo: type[C]) -> Callable[[bytes | Linha], C]:
    """Quem lê uma linha só."""
    return functools.partial(
        _insistir, msgspec.json.Decoder(tipo).decode, functools.partial(_montar, tipo)
    )


def _montar(tipo: type[C], objeto: bytes) -> C:
    """O que o msgspec leria deste objeto."""
    achados = dict(_campos(objeto))
    valores: dict[str, Any] = {}
    for campo in msgspec.structs.fields(tipo):
        valor = achados.get(campo.encode_name)
        if valor is None:
            if campo.required:
                raise msgspec.ValidationError(f"falta {campo.encode_name}")
        elif campo.type is msgspec.Raw:
            valores[campo.name] = msgspec.Raw(valor)
        else:
            valores[campo.name] = _montar(campo.type, valor)
    return tipo(**valores)


def _campos(objeto: bytes) -> Iterable[tuple[str, bytes]]:
    if not objeto.lstrip().startswith(b"{"):
        raise msgspec.ValidationError("não é um objeto")
    return varredura.campos(objeto)


_LINHA = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VALORES = msgspec.json.Decoder(dict[str, Any])


def abrir_linha(linha: bytes | Linha) -> dict[str, msgspec.Raw]:
    """As colunas de uma linha, cada valor com os seus bytes. Levanta como um `Leitor`."""
    return _insistir(_LINHA.decode, _colunas, linha)


def _colunas(linha: bytes) -> dict[str, msgspec.Raw]:
    return {nome: msgspec.Raw(valor) for nome, valor in _campos(linha)}


def valores_da_linha(linha: bytes | Linha) -> dict[str, Any]:
    """As colunas de uma linha como valores do Python, para mostrar; o que não se decodifica, como
    o texto que é."""
    try:
        return _VALORES.decode(linha)
    except (msgspec.DecodeError, RecursionError):  # também por um número que não cabe num float
        return _valores(bytes(linha))


def _valores(linha: bytes) -> dict[str, Any]:
    return {nome: _valor(valor) for nome, valor in _campos(linha)}


def _valor(valor: bytes) -> Any:
    try:
        return msgspec.json.decode(valor)
    except (msgspec.DecodeError, RecursionError):
        return valor.decode("utf-8")


def com_citados(linha: bytes, colunas: Collection[str]) -> bytes:
    """A linha com o valor destas colunas dentro de um texto JSON, menos o nulo: quem lê a linha não
    tem de ler o valor."""
    if not colunas:
        return linha
    campos = abrir_linha(linha)
    citados = {c: v if v == _NULO or c not in colunas else _citado(v) for c, v in campos.items()}
    return msgspec.json.encode(citados)


_NULO = msgspec.Raw(NULO)


def _citado(valor: msgspec.Raw) -> str:
    return bytes(valor).decode("utf-8")


def valores_de_todas(linhas: Sequence[bytes], colunas: Sequence[str]) -> list[tuple[bytes, ...]]:
    """Os bytes destas colunas em cada linha, na ordem; `null` onde faltam."""
    ler = _leitor(tuple(colunas))
    if ler is None:
        abertas = map(abrir_linha, linhas)
        return [tuple([bytes(a.get(c, _NULO)) for c in colunas]) for a in abertas]
    return [tuple(map(bytes, astuple(lida))) for lida in ler(_vetor(linhas))]


def mesmos_valores(umas: Sequence[bytes], outras: Sequence[bytes], colunas: Sequence[str]) -> bool:
    """Se estas colunas têm os mesmos bytes, linha a linha; o que falta vale nulo."""
    ler = _leitor(tuple(colunas))
    if ler is None:
        return valores_de_todas(umas, colunas) == valores_de_todas(outras, colunas)
    return ler(_vetor(umas)) == ler(_vetor(outras))


def que_diferem(
    umas: Sequence[bytes], outras: Sequence[bytes], colunas: Sequence[str]
) -> dict[str, list[int]]:
    """Das colunas com outros bytes nalguma linha, as posições em que os têm; o que falta, nulo."""
    posicoes = range(len(umas))
    diferem = {}
    for coluna, estes, aqueles in _por_coluna(umas, outras, tuple(colunas)):
        if quais := list(itertools.compress(posicoes, map(operator.ne, estes, aqueles))):
            diferem[coluna] = quais
    return diferem


def _por_coluna(
    umas: Sequence[bytes], outras: Sequence[bytes], colunas: tuple[str, ...]
) -> Iterator[tuple[str, Iterable[Any], Iterable[Any]]]:
    ler = _leitor(colunas)
    if ler is None:
        estas, aquelas = (zip(*valores_de_todas(x, colunas), strict=True) for x in (umas, outras))
        yield from zip(colunas, estas, aquelas, strict=False)
        return
    lidas, outras_lidas = ler(_vetor(umas)), ler(_vetor(outras))
    for coluna in colunas if lidas else ():
        campo = operator.attrgetter(lidas[0].NOMES[coluna])
        yield coluna, map(campo, lidas), map(campo, outras_lidas)


def mesmo_valor(um: bytes, outro: bytes) -> bool:
    """Se os dois são o mesmo valor de JSON, seja como for que se escreveram: 1.50 é 1.5."""
    try:
        return um == outro or _decimal(um) == _decimal(outro)
    except RecursionError:  # níveis demais: escritos de outro modo, contam como outro valor
        return False


def _decimal(bruto: bytes) -> object:
    return json.loads(bruto, parse_float=Decimal, parse_int=Decimal)


def _vetor(linhas: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(linhas) + b"]"


@functools.lru_cache(maxsize=256)
def _leitor(colunas: tuple[str, ...]) -> Leitor[Campos] | None:
    """Quem lê de uma vez estas colunas de muitas linhas; None se há um nome que não aceita."""
    try:
        return leitor_de(tipo_com(colunas, opcionais=True))
    except ValueError:
        return None
