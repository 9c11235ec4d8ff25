"""O que mudou numa tabela, em números e uns poucos exemplos; e os registros, um a um."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import NULO, Linha, abrir_linha
from cofre.base.textos import CAMPO, textos_de
from cofre.busca.comparacao.duas import Confronto, Duas
from cofre.plano.lados import ForaDeOrdem, Par

EXEMPLOS = 3
APARECEU, MUDOU, SUMIU = "apareceu", "mudou", "sumiu"


@dataclass(frozen=True, slots=True)
class Exemplo:
    """Um valor que mudou, num registro (a linha dele depois); None: o que não havia."""

    linha: bytes
    antes: bytes | None
    depois: bytes | None


@dataclass(slots=True)
class ColunaMudada:
    """Em quantos registros uma coluna mudou, e os primeiros deles."""

    registros: int = 0
    exemplos: list[Exemplo] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TabelaComparada:
    """O que mudou numa tabela dos dois estados. `novos` e `idos`: as linhas dos primeiros registros
    que apareceram e que sumiram. As colunas, das que mudaram em mais registros às em menos."""

    duas: Duas
    apareceram: int = 0
    mudaram: int = 0
    sumiram: int = 0
    iguais: int = 0
    colunas: Mapping[str, ColunaMudada] = field(default_factory=dict)
    novos: Sequence[bytes] = ()
    idos: Sequence[bytes] = ()

    @property
    def igual(self) -> bool:
        """Se nada mudou: nem os registros, nem as colunas que há."""
        mudou = self.apareceram or self.mudaram or self.sumiram
        return not (mudou or self.duas.novas or self.duas.sumidas)


@dataclass(frozen=True, slots=True)
class Registro:
    """Um registro que apareceu (não há `antes`), sumiu (não há `depois`) ou mudou nestas
    `colunas`."""

    antes: bytes | None
    depois: bytes | None
    colunas: tuple[str, ...] = ()

    @property
    def linha(self) -> bytes:
        """A mais nova que dele se tem."""
        return self.depois or self.antes or b"{}"

    @property
    def o_que(self) -> str:
        """APARECEU, MUDOU ou SUMIU."""
        if self.antes is None:
            return APARECEU
        return MUDOU if self.depois is not None else SUMIU


def comparar(duas: Duas) -> TabelaComparada:
    """O que mudou. Se os arquivos não são como se esperava (na ordem da chave, uma linha em cada
    linha de texto), lê-os outra vez sem contar com isso. Levanta BackupDanificado; OSError passa.
    """
    if duas.iguais:
        return TabelaComparada(duas, iguais=duas.depois.tabela.registros)
    try:
        return _resumir(duas)
    except ForaDeOrdem:
        return _resumir(duas.sem_ordem())
    except (BackupDanificado, msgspec.DecodeError):
        if not duas.soltas:
            raise
        return comparar(replace(duas, soltas=False))


def registros(duas: Duas) -> Iterator[Registro]:
    """Os que não são iguais, de um arquivo que já se comparou. Levanta BackupDanificado; OSError
    passa."""
    for pares in () if duas.iguais else Confronto(duas):
        separados = _Separados(pares)
        mudaram: list[list[str]] = [[] for _ in separados.umas]
        for coluna, quais in duas.mudancas(separados.umas, separados.outras).items():
            for n in quais:
                mudaram[n].append(coluna)
        yield from (Registro(bytes(linha), None) for linha in separados.idas)
        for um, outro, colunas in zip(separados.umas, separados.outras, mudaram, strict=True):
            if colunas:
                yield Registro(bytes(um), bytes(outro), tuple(colunas))
        yield from (Registro(None, bytes(linha)) for linha in separados.novas)


class _Separados:
    """Um grupo de pares: as linhas que só há antes, as que só há depois, e as que há nos dois."""

    def __init__(self, pares: Sequence[Par]) -> None:
        self.idas = [a for _, a, d in pares if d is None and a is not None]
        self.novas = [d for _, a, d in pares if a is None and d is not None]
        self.umas: list[Linha] = [a for _, a, d in pares if a is not None and d is not None]
        self.outras: list[Linha] = [d for _, a, d in pares if a is not None and d is not None]


def _resumir(duas: Duas) -> TabelaComparada:
    apareceram = mudaram = sumiram = 0
    colunas: dict[str, ColunaMudada] = {}
    novos: list[bytes] = []
    idos: list[bytes] = []
    confronto = Confronto(duas)
    for pares in confronto:
        separados = _Separados(pares)
        apareceram += len(separados.novas)
        sumiram += len(separados.idas)
        novos += map(bytes, separados.novas[: EXEMPLOS - len(novos)])
        idos += map(bytes, separados.idas[: EXEMPLOS - len(idos)])
        if separados.umas:
            mudaram += _somar(duas, separados, colunas)
    antes, _ = confronto.registros
    na_ordem = {c: colunas[c] for c in sorted(colunas, key=lambda c: -colunas[c].registros)}
    iguais = antes - mudaram - sumiram
    return TabelaComparada(duas, apareceram, mudaram, sumiram, iguais, na_ordem, novos, idos)


def _somar(duas: Duas, separados: _Separados, colunas: dict[str, ColunaMudada]) -> int:
    """Soma às colunas as que mudaram nestas linhas, e devolve em quantas linhas algo mudou."""
    umas, outras = separados.umas, separados.outras
    mudaram = duas.mudancas(umas, outras)
    for coluna, quais in mudaram.items():
        mudada = colunas.setdefault(coluna, ColunaMudada())
        mudada.registros += len(quais)
        for n in itertools.islice(quais, EXEMPLOS - len(mudada.exemplos)):
            velho, novo = (valores(bytes(x[n])).get(coluna) for x in (umas, outras))
            mudada.exemplos.append(Exemplo(bytes(outras[n]), velho, novo))
    # Quase sempre há uma coluna que mudou em todas: não é preciso juntar as posições das outras.
    maior = max(map(len, mudaram.values()), default=0)
    if maior == len(umas) or len(mudaram) == 1:
        return maior
    return len(set(itertools.chain.from_iterable(mudaram.values())))


def valores(linha: bytes) -> dict[str, bytes]:
    """O valor de cada coluna, em JSON; do que o JSON não distingue, o texto do PostgreSQL."""
    campos = abrir_linha(linha)
    ditos = {c: msgspec.json.encode(t) for c, t in textos_de(campos).items()}
    return {c: ditos.get(c) or bytes(v) for c, v in campos.items() if c != CAMPO}


def chave_de(linha: bytes, chave: Sequence[str]) -> dict[str, bytes]:
    """Os valores da chave."""
    campos = abrir_linha(linha)
    return {c: bytes(campos[c]) if c in campos else NULO for c in chave}
