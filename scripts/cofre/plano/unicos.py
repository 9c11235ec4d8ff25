"""Um valor único já tomado: por qual linha, e com que se troca para liberá-lo."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import msgspec

from cofre.base.linha import NULO, abrir_linha, texto
from cofre.base.modelo import Tabela
from cofre.plano.lados import Chave
from cofre.plano.plano import ALTERAR, REMOVER, Acao, Plano


def coluna_e_valor(detalhes: str, tabela: Tabela) -> tuple[str, str] | None:
    """«Key (numero_os)=(12) already exists.» → (numero_os, 12); de uma chave composta ou de uma
    expressão, a última coluna da tabela que aparece e o último valor."""
    casa = re.match(r"Key \((.*)\)=\((.*)\) already exists", detalhes, re.DOTALL)
    if not casa:
        return None
    nomes = [c.nome for c in tabela.colunas if re.search(rf"\b{re.escape(c.nome)}\b", casa[1])]
    nomes = [n for n in nomes if n not in tabela.chave and n != "user_id"]
    return (nomes[-1], casa[2].rpartition(", ")[2]) if nomes else None


def mesmo_valor(bruto: bytes, dito: str) -> bool:
    """Se o valor de uma linha, em JSON, é o que o banco diz num erro: maiúsculas à parte (o único
    pode ser sobre lower(...)), e com um momento escrito sem o T e sem os minutos do fuso."""
    valor = texto(bruto)
    if valor is None:
        return False
    if momento := _MOMENTO.fullmatch(valor):
        valor = f"{momento[1]} {momento[2]}{momento[3] or ''}"
    return valor.casefold() == dito.casefold()


_MOMENTO = re.compile(r"(\d+-\d\d-\d\d)T([\d:.]+(?:[+-]\d\d(?::(?!00)\d\d)?)?)(?::00)?( BC)?")


def quem_tem(
    plano: Plano, tabela: str, chave: Chave | None, coluna: str, valor: str
) -> Acao | None:
    """A primeira linha que o plano altera ou remove, fora a desta chave, com o valor na coluna."""
    for tipo in (ALTERAR, REMOVER):
        for acao in plano.acoes(tabela, tipo):
            atual = abrir_linha(acao.atual or b"{}")
            tem = coluna in atual and mesmo_valor(bytes(atual[coluna]), valor)
            if acao.chave != chave and tem:
                return acao
    return None


def esta_no_caminho(plano: Plano, tabela: Tabela, detalhes: str) -> bool:
    """Se o que impede uma linha, por uma restrição EXCLUDE («... conflicts with existing key
    (quando)=([1,5)).»), é uma linha desta empresa que o plano altera ou remove."""
    casa = re.search(r"conflicts with existing key \((.*)\)=\((.*)\)\.?$", detalhes, re.DOTALL)
    if not casa:
        return False
    nomes = [c.nome for c in tabela.colunas if re.search(rf"\b{re.escape(c.nome)}\b", casa[1])]
    for tipo in (ALTERAR, REMOVER):
        for acao in plano.acoes(tabela.nome, tipo):
            atual = abrir_linha(acao.atual or b"{}")
            valores = [texto(bytes(atual[c])) or "" for c in nomes if c in atual]
            if valores and all(v in casa[2] for v in valores):
                return True
    return False


def valor_provisorio(tabela: Tabela, coluna: str) -> msgspec.Raw | None:
    """Um valor que ninguém tem, do tipo da coluna, em JSON: nulo, se ela pode ser nula. None se
    deste tipo não se sabe inventar um (sobre um que se tem, nada se escreve)."""
    achada = tabela.coluna(coluna)
    if achada is None or achada.anulavel:
        return msgspec.Raw(NULO)
    inventar = _PROVISORIOS.get(achada.tipo)
    return None if inventar is None else msgspec.Raw(msgspec.json.encode(inventar()))


def _numero() -> int:
    return -(uuid.uuid4().int % 30_000) - 1


def _texto() -> str:
    """Curto: cabe onde cabe um CNPJ."""
    return f"cofre-{uuid.uuid4().hex[:8]}"


def _dia() -> str:
    """Um dia de há séculos."""
    return (date(1000, 1, 1) + timedelta(days=uuid.uuid4().int % 180_000)).isoformat()


_PROVISORIOS: Mapping[str, Callable[[], object]] = {
    **dict.fromkeys(("integer", "bigint", "numeric", "real", "double precision"), _numero),
    **dict.fromkeys(("text", "character varying", "character", "citext"), _texto),
    **dict.fromkeys(("date", "timestamp without time zone", "timestamp with time zone"), _dia),
    "uuid": lambda: str(uuid.uuid4()),
}
