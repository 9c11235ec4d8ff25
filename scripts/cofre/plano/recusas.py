"""O que o banco recusou, em palavras: a causa, a cura e os registros, uma vez cada.

Do texto do PostgreSQL ficam só os nomes (coluna, tabela, regra): nunca a linha recusada, nem um
valor dela. Os códigos e as formas das mensagens são os dele (apêndice A; execMain.c, ri_triggers.c,
nbtinsert.c e execIndexing.c), que os servidores do Supabase dizem em inglês.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from cofre.base.apelido import INVENTADO, SEGREDOS
from cofre.base.erros import EscritaRecusada
from cofre.base.palavras import como_se_diz, registros_de, visivel
from cofre.plano.impedimentos import Impedimento
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR

DE_UMA_LINHA = frozenset({"23514", "P0001", "22P02"})
"""Recusas que são do valor de uma linha (CHECK, gatilho, enum) e não da tabela inteira."""
SEM_MAE, DE_GATILHO = "23503", "P0001"

_FORMAS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "23502": ((r'column "(.+?)"(?= of relation|$)', "a coluna {} não pode ser nula"),),
    SEM_MAE: (
        (r'still referenced from table "(.+)"', "ainda há registros de {} ligados"),
        (r'is not present in table "(.+)"', "a ligação com {} não fecha"),
        (r'foreign key constraint "(.+?)"(?= on table|$)', "a ligação {} não fecha"),
    ),
    "23505": (
        (r"Key \((.+?)\)=", "o valor de {} já é de outro registro"),
        (r'unique constraint "(.+)"', "a regra {} não deixa repetir um valor"),
    ),
    "23P01": ((r'exclusion constraint "(.+)"', "a regra {} não deixa sobrepor outro registro"),),
    "23514": ((r'check constraint "(.+)"', "a regra {} (CHECK) não aceita"),),
    "22P02": ((r"value for enum ([^:]+)", "o tipo {} não tem mais o valor"),),
    DE_GATILHO: ((r"", "um gatilho do banco recusa"),),
}
"""Por SQLSTATE, o que procurar na mensagem e nos detalhes, e o que se diz de um registro, ou de
vários. O PostgreSQL põe o nome entre aspas tal como é: pode ter aspas dentro."""

CURAS = {
    "23502": "A tabela ganhou uma coluna obrigatória sem valor padrão. Dê um padrão a ela:\n"
    '  ALTER TABLE public."{tabela}" ALTER COLUMN ... SET DEFAULT ...;',
    SEM_MAE: "Escolha também a tabela citada, ou recrie lá a linha que falta.",
    "23505": "O valor hoje é de outra empresa. Mude-o lá, ou tire esta tabela da escolha.",
    "23P01": "A faixa se sobrepõe à de uma linha de hoje, que não se sabe tirar do caminho.\n"
    "Mude-a, ou tire esta tabela da escolha.",
    "22P02": "O tipo da coluna mudou (um valor de enum foi tirado?). Ponha-o de volta:\n"
    "  ALTER TYPE ... ADD VALUE '...';",
    "23514": "Uma regra (CHECK) nova não aceita o valor antigo. Reveja a regra.",
    DE_GATILHO: "Um gatilho do banco recusa estas linhas. Desative-o até isto acabar.",
}
"""Por SQLSTATE, o que fazer de uma recusa."""
SEM_CURA = "Veja a regra do banco e tente de novo."


def causa(recusa: EscritaRecusada) -> str:
    """Por que se recusou, com o código do banco, se foi ele. Sem valor algum: pode ir a qualquer
    lugar."""
    mensagem = str(recusa).removesuffix(f" ({recusa.codigo_sql})")
    for padrao, dito in _FORMAS.get(recusa.codigo_sql, ()):
        if achado := re.search(padrao, f"{mensagem}\n{recusa.detalhes}", re.MULTILINE):
            nome = achado[1] if achado.groups() else ""
            return f"{dito.format(visivel(nome))} ({recusa.codigo_sql})"
    codigo = f" ({recusa.codigo_sql})" if _DO_BANCO.fullmatch(recusa.codigo_sql) else ""
    return visivel(f"{_VALORES.sub('«…»', mensagem)}{codigo}")


_DO_BANCO = re.compile("[0-9A-Z]{5}|PGRST[0-9]+")
_VALORES = re.compile(r'(?<=value )".*?"|(?<=: )".*"')
"""O que, numa mensagem que não se conhece, é um valor e não um nome."""


def detalhe(recusa: EscritaRecusada) -> str:
    """O que o banco disse além da causa, e ajuda a achá-la: as palavras do gatilho que recusou, ou
    o valor que outro registro já tem. São dados: só para a tela, e nunca os de um segredo."""
    if recusa.codigo_sql == DE_GATILHO:
        dito = str(recusa).removesuffix(f" ({DE_GATILHO})")
        return f"o gatilho diz: «{visivel(_INVENTADOS.sub('…', dito))}»"
    achado = re.search(r"Key \((.+?)\)=\((.*)\) already exists", recusa.detalhes, re.DOTALL)
    if achado is None or SEGREDOS.search(achado[1]) or _INVENTADOS.search(achado[2]):
        return ""
    return visivel(f"{achado[1]}: {achado[2]}")


_INVENTADOS = re.compile(rf"{INVENTADO}[0-9a-f]{{8}}")


def cura(tabela: str, recusa: EscritaRecusada) -> str:
    """O que fazer. De uma recusa que não é do banco, os detalhes são nossos, e o dizem."""
    if not _DO_BANCO.fullmatch(recusa.codigo_sql):
        return recusa.detalhes
    de_codigo = CURAS.get(recusa.codigo_sql, SEM_CURA).replace("{tabela}", tabela)
    return "\n".join(filter(None, (de_codigo, recusa.nota)))


@dataclass(frozen=True, slots=True)
class Grupo:
    """Registros de uma tabela de que se recusou a mesma ação, pela mesma causa. `apelidos`: os dos
    primeiros, e `dito`, o que o banco disse do primeiro: são dados, só para quem lê a tela."""

    tabela: str
    acao: str
    causa: str
    cura: str
    quantos: int = 0
    apelidos: tuple[str, ...] = ()
    dito: str = ""

    @property
    def titulo(self) -> str:
        """«2 clientes não voltaram: a regra clientes_cpf_inteiro (CHECK) não aceita (23514)»."""
        return self.titulo_com(NAO_VOLTOU)

    def titulo_com(self, nao: Mapping[str, tuple[str, str]]) -> str:
        """O mesmo, com o que se diz de cada ação que não se fez, de um registro e de vários."""
        um, varios = nao[self.acao]
        quantos = registros_de(self.quantos, self.tabela)
        return f"{quantos} {um if self.quantos == 1 else varios}: {self.causa}"

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "tabela": como_se_diz(self.tabela),
            "acao": self.acao,
            "registros": self.quantos,
            "causa": self.causa,
            "cura": self.cura,
        }


NAO_VOLTOU = {
    REPOR: ("não voltou", "não voltaram"),
    ALTERAR: ("não voltou ao que era", "não voltaram ao que eram"),
    REMOVER: ("não saiu", "não saíram"),
}
EXEMPLOS = 3


def em_grupos(impedimentos: Sequence[Impedimento]) -> list[Grupo]:
    """Cada causa uma vez em cada tabela, na ordem em que apareceram."""
    recusadas = {i.tabela for i in impedimentos}
    grupos: dict[tuple[str, str, str], Grupo] = {}
    for i in impedimentos:
        qual = (i.tabela, i.acao, causa(i.erro))
        grupo = grupos.get(qual) or Grupo(
            *qual, _cura_de(i, recusadas - {i.tabela}), dito=detalhe(i.erro)
        )
        apelidos = (*grupo.apelidos, i.apelido)[:EXEMPLOS]
        grupos[qual] = replace(grupo, quantos=grupo.quantos + 1, apelidos=apelidos)
    return list(grupos.values())


def _cura_de(impedimento: Impedimento, recusadas: Set[str]) -> str:
    """Do que só não volta porque outra coisa não voltou, a cura é a dela."""
    mae = re.search(r'is not present in table "(.+)"', impedimento.erro.detalhes)
    if mae and mae[1] in recusadas:
        return f"Só com o que faltou de {mae[1]}: conserte-o e repita."
    return cura(impedimento.tabela, impedimento.erro)
