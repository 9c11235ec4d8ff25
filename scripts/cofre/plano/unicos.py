"""Um valor que já é de outra linha (único, ou que não pode se sobrepor): de qual, e com que se
troca para liberá-lo."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec

from cofre.base.apelido import INVENTADO
from cofre.base.erros import EscritaRecusada
from cofre.base.linha import NULO, abrir_linha, texto
from cofre.base.modelo import Tabela
from cofre.plano.chaves import Chave
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REMOVER, Acao

UNICO_VIOLADO, SOBREPOSTO = "23505", "23P01"
TOMADOS = frozenset({UNICO_VIOLADO, SOBREPOSTO})
"""SQLSTATEs de um valor que outra linha já tem: unique_violation e exclusion_violation."""

Linha = Mapping[str, msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Tomado:
    """O que uma recusa diz que outra linha já tem. `tem`: se uma linha é essa. `largar`: os valores
    que ela passaria a ter enquanto a outra entra; None se não se sabe inventar um (sobre um que se
    tem, nada se escreve)."""

    tem: Callable[[Linha], bool]
    largar: Callable[[Linha], Mapping[str, msgspec.Raw] | None]


def tomado(recusa: EscritaRecusada, tabela: Tabela) -> Tomado | None:
    """O valor tomado, pelos detalhes da recusa; None se ela não é disso, ou não o diz."""
    if recusa.codigo_sql == UNICO_VIOLADO:
        return _unico(recusa.detalhes, tabela)
    if recusa.codigo_sql == SOBREPOSTO:
        return _sobreposto(recusa.detalhes, tabela)
    return None


def quem_tem(plano: Plano, tabela: str, chave: Chave | None, achado: Tomado) -> Acao | None:
    """A primeira linha que o plano altera ou remove, fora a desta chave, com o valor tomado."""
    for tipo in (ALTERAR, REMOVER):
        for acao in plano.acoes(tabela, tipo):
            if acao.chave != chave and achado.tem(abrir_linha(acao.atual or b"{}")):
                return acao
    return None


# -- valores únicos --------------------------------------------------------------------------


def _unico(detalhes: str, tabela: Tabela) -> Tomado | None:
    """«Key (numero_os)=(12) already exists.»: numero_os e 12; de uma chave composta ou de uma
    expressão, a última coluna da tabela que aparece e o último valor."""
    casa = re.match(r"Key \((.*)\)=\((.*)\) already exists", detalhes, re.DOTALL)
    if not casa:
        return None
    nomes = [n for n in _citadas(casa[1], tabela) if n not in tabela.chave and n != "user_id"]
    if not nomes:
        return None
    coluna, valor = nomes[-1], casa[2].rpartition(", ")[2]

    def tem(linha: Linha) -> bool:
        return coluna in linha and _mesmo_valor(bytes(linha[coluna]), valor)

    def largar(_linha: Linha) -> Mapping[str, msgspec.Raw] | None:
        provisorio = _provisorio(tabela, coluna)
        return None if provisorio is None else {coluna: provisorio}

    return Tomado(tem, largar)


def _citadas(expressao: str, tabela: Tabela) -> list[str]:
    """As colunas da tabela que aparecem numa expressão, na ordem da tabela."""
    return [c.nome for c in tabela.colunas if re.search(rf"\b{re.escape(c.nome)}\b", expressao)]


def _mesmo_valor(bruto: bytes, dito: str) -> bool:
    """Se o valor de uma linha, em JSON, é o que o banco diz num erro: maiúsculas à parte (o único
    pode ser sobre lower(...)), e com um momento escrito sem o T e sem os minutos do fuso."""
    valor = texto(bruto)
    if valor is None:
        return False
    if momento := _MOMENTO.fullmatch(valor):
        valor = f"{momento[1]} {momento[2]}{momento[3] or ''}"
    return valor.casefold() == dito.casefold()


_MOMENTO = re.compile(r"(\d+-\d\d-\d\d)T([\d:.]+(?:[+-]\d\d(?::(?!00)\d\d)?)?)(?::00)?( BC)?")


def _provisorio(tabela: Tabela, coluna: str) -> msgspec.Raw | None:
    """Um valor que ninguém tem, do tipo da coluna, em JSON: nulo, se ela pode ser nula. None se
    deste tipo não se sabe inventar um."""
    achada = tabela.coluna(coluna)
    if achada is None or achada.anulavel:
        return msgspec.Raw(NULO)
    inventar = _PROVISORIOS.get(achada.tipo)
    return None if inventar is None else msgspec.Raw(msgspec.json.encode(inventar()))


def _numero() -> int:
    return -(uuid.uuid4().int % 30_000) - 1


def _texto() -> str:
    """Curto: cabe onde cabe um CNPJ."""
    return f"{INVENTADO}{uuid.uuid4().hex[:8]}"


def _dia() -> str:
    """Um dia de há séculos."""
    return (date(1000, 1, 1) + timedelta(days=uuid.uuid4().int % 180_000)).isoformat()


_FAIXAS = tuple(f"{n}range" for n in ("int4", "int8", "num", "ts", "tstz", "date"))
_VARIAS = tuple(n.replace("range", "multirange") for n in _FAIXAS)

_PROVISORIOS: Mapping[str, Callable[[], object]] = {
    **dict.fromkeys(("integer", "bigint", "numeric", "real", "double precision"), _numero),
    **dict.fromkeys(("text", "character varying", "character", "citext"), _texto),
    **dict.fromkeys(("date", "timestamp without time zone", "timestamp with time zone"), _dia),
    "uuid": lambda: str(uuid.uuid4()),
    # Uma faixa vazia não se sobrepõe a nenhuma.
    **dict.fromkeys(_FAIXAS, lambda: "empty"),
    **dict.fromkeys(_VARIAS, lambda: "{}"),
}


# -- faixas que não podem se sobrepor --------------------------------------------------------


def _sobreposto(detalhes: str, tabela: Tabela) -> Tomado | None:
    """«Key (sala, periodo)=(1, [3,8)) conflicts with existing key (sala, periodo)=(1, [2,4)).»: a
    segunda é a da linha que já está lá. De `tsrange(inicio, fim)`, as duas pontas são colunas."""
    casa = re.search(r"existing key \((.*)\)=\((.*)\)\.?$", detalhes, re.DOTALL)
    if not casa:
        return None
    expressao, valores = casa[1], casa[2]
    if pontas := _PONTAS.search(expressao):
        return _entre_pontas(_nomes(pontas[1], tabela), valores)
    colunas = _nomes(expressao, tabela)
    larga = [c for c in colunas if _provisorio(tabela, c) is not None and _e_faixa(tabela, c)]
    if not colunas:
        return None

    def tem(linha: Linha) -> bool:
        ditos = ", ".join(texto(bytes(linha[c])) or "" for c in colunas if c in linha)
        return ditos == valores

    def largar(_linha: Linha) -> Mapping[str, msgspec.Raw] | None:
        return {larga[0]: _provisorio(tabela, larga[0]) or _NULO} if larga else None

    return Tomado(tem, largar)


_NULO = msgspec.Raw(NULO)
_PONTAS = re.compile(r"(?:ts|tstz|date|int4|int8|num)range\(([^()]*)\)")


def _e_faixa(tabela: Tabela, coluna: str) -> bool:
    achada = tabela.coluna(coluna)
    return achada is not None and achada.tipo in (*_FAIXAS, *_VARIAS)


def _nomes(lista: str, tabela: Tabela) -> list[str]:
    """As colunas da tabela numa lista, na ordem da lista."""
    ditos = [n.strip().strip('"') for n in lista.split(",")]
    return [n for n in ditos if tabela.coluna(n)]


def _entre_pontas(colunas: Sequence[str], valores: str) -> Tomado | None:
    """As duas colunas das pontas: iguais, a faixa fica vazia."""
    if len(colunas) != 2:
        return None
    inicio, fim = colunas

    def tem(linha: Linha) -> bool:
        casa = re.search(r'[\[(]"?([^",]*)"?,"?([^",]*)"?[\])]', valores)
        ditos = zip(colunas, casa.groups() if casa else (), strict=False)
        return casa is not None and all(
            _mesmo_valor(bytes(linha[c]), dito) if dito else bytes(linha[c]) == NULO
            for c, dito in ditos
        )

    return Tomado(tem, lambda linha: {fim: linha[inicio]} if bytes(linha[inicio]) != NULO else None)
