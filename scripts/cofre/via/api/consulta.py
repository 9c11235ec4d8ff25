"""As perguntas em forma de URL do PostgREST: escolha de linhas por empresa e por faixa de chave.

Puro texto, nenhum pedido é feito aqui. Sintaxe: documentação do PostgREST 12, «Tables and Views»
e «Resource Embedding».
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.modelo import SEM_CHAVE, ChaveEstrangeira, Empresa, Tabela
from cofre.escopo.escopo import Elo, Ramo

Parametros = tuple[tuple[str, str], ...]

VALORES_POR_PEDIDO = 40
"""Quantos valores cabem num `in.(...)`: 40 uuids dão 1,6 KB, longe do limite de 3 KB por URL."""

RESERVADOS = frozenset("select order limit offset and or not columns on_conflict apikey".split())
"""Nomes que, sem aspas, seriam parâmetros do PostgREST e não colunas; `apikey` seria do gateway,
que o tira da URL: um filtro a menos (supabase/postgres, envoy_config/lds.supabase.yaml)."""

APELIDO = "_dono"
"""O nome com que a linha-mãe vem pendurada na linha, só para conferir de quem ela é."""


@dataclass(frozen=True, slots=True)
class Consulta:
    """Um pedaço das linhas de algumas empresas numa tabela; os pedaços de uma tabela não se
    cruzam."""

    tabela: Tabela
    ramo: Ramo
    filtros: Parametros
    textos: tuple[str, ...] = ()
    """O que se pede a mais da linha inteira (ver `formas`)."""

    def linhas(self) -> str:
        """O `select` da linha inteira, mais o que serve para conferir e é tirado depois."""
        extras = SEM_CHAVE if self.tabela.ordem == SEM_CHAVE else ()
        mae = _pendurada(self.tabela.nome, self.ramo)
        return ",".join(["*", *extras, "xmin", *self.textos, *mae])

    def chaves(self) -> str:
        """O `select` só da chave e da versão (xmin) de cada linha."""
        colunas = [citar(c) for c in self.tabela.ordem]
        return ",".join([*colunas, "xmin", *_pendurada(self.tabela.nome, self.ramo)])

    def faixa(self, depois_de: Sequence[str] | None, ate: Sequence[str] | None) -> Parametros:
        """Filtros e ordem para as chaves no intervalo aberto à esquerda (depois_de, ate]."""
        return (*self.filtros, *faixa_de_chaves(self.tabela, depois_de, ate))


def faixa_de_chaves(
    tabela: Tabela, depois_de: Sequence[str] | None, ate: Sequence[str] | None
) -> Parametros:
    """A ordem da chave e os limites do intervalo aberto à esquerda (depois_de, ate]."""
    ordem = tabela.ordem
    parametros: list[tuple[str, str]] = []
    partes: list[str] = []
    for limite, operador in ((depois_de, "gt"), (ate, "lte")):
        if limite is None:
            continue
        if len(ordem) == 1:
            parametros.append((citar(ordem[0]), f"{operador}.{limite[0]}"))
        else:
            # Redundante, mas deixa o índice da chave composta delimitar a busca.
            folgado = "gte" if operador == "gt" else "lte"
            parametros.append((citar(ordem[0]), f"{folgado}.{limite[0]}"))
            partes.append(_lexicografico(ordem, limite, operador))
    if partes:
        parametros.append(("and", f"({','.join(partes)})"))
    parametros.append(("order", ",".join(citar(c) for c in ordem)))
    return tuple(parametros)


def consultas(
    tabela: Tabela,
    ramos: Sequence[Ramo],
    empresas: Sequence[Empresa],
    textos: tuple[str, ...] = (),
) -> list[Consulta]:
    """As consultas que, juntas, dão todas as linhas das empresas na tabela, com estes `textos`. De
    várias empresas, os ids cabem num pedido (ver `via.EMPRESAS_JUNTAS`)."""
    suas = so_as_suas(tabela)
    return [
        Consulta(tabela, ramo, (*filtros, *suas), textos)
        for ramo in ramos
        for filtros in _filtros(ramo, empresas)
    ]


def so_as_suas(tabela: Tabela) -> Parametros:
    """Filtro: as linhas que estão nesta tabela, e não nas que herdam dela."""
    alheias = ",".join(dict.fromkeys(tableoid for _, tableoid in tabela.herdeiras))
    return (("tableoid", f"not.in.({alheias})"),) if alheias else ()


def diferente(coluna: str, valor: str) -> Parametros:
    """Filtro: a coluna não tem este valor."""
    return ((citar(coluna), f"not.eq.{valor}"),)


def nulas(colunas: Sequence[str]) -> Parametros:
    """Filtro: todas estas colunas nulas."""
    return tuple((citar(c), "is.null") for c in colunas)


def pendurar(filha: str, mae: str, coluna: str, dentro: str) -> str:
    """Um `select` de `filha` que traz a linha-mãe de `mae` (pela `coluna`, se dita)."""
    if filha == mae and coluna:
        # Numa autorreferência, `tabela!coluna` traria as filhas; a coluna sozinha traz a mãe.
        return f"{APELIDO}:{citar(coluna)}!inner({dentro})"
    dica = f"!{citar(coluna)}" if coluna else ""
    return f"{APELIDO}:{citar(mae)}{dica}!inner({dentro})"


def citar(nome: str) -> str:
    """Um identificador, entre aspas se é reservado ou tem mais que letras, dígitos e sublinhado."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", nome) and nome not in RESERVADOS:
        return nome
    return '"' + nome.replace("\\", "\\\\").replace('"', '\\"') + '"'


def valor_citado(texto: str) -> str:
    """Um valor dentro de or(...), and(...) ou in.(...)."""
    return '"' + texto.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _pendurada(tabela: str, ramo: Ramo) -> list[str]:
    if not ramo.passos:
        return []
    dentro = ",".join(citar(e.coluna) for e in ramo.elos)
    filhas = (tabela, *(passo.tabela for passo in ramo.passos))
    for filha, passo in reversed(list(zip(filhas, ramo.passos, strict=False))):
        dentro = pendurar(filha, passo.tabela, _dica(passo), dentro)
    return [dentro]


def _dica(passo: ChaveEstrangeira) -> str:
    return passo.colunas[0] if len(passo.colunas) == 1 else ""


def _filtros(ramo: Ramo, empresas: Sequence[Empresa]) -> list[Parametros]:
    fixos = [
        (f"{APELIDO}." * i + citar(coluna), "is.null")
        for i, colunas in enumerate(ramo.nulos)
        for coluna in colunas
    ]
    prefixo = f"{APELIDO}." * len(ramo.passos)
    return [(*fixos, *escolha) for escolha in _escolhas(ramo.elos, empresas, prefixo)]


def _escolhas(elos: Sequence[Elo], empresas: Sequence[Empresa], prefixo: str) -> list[Parametros]:
    """Os filtros dos elos: um só em geral; mais quando o dono tem dezenas de linhas de empresas."""
    valores = [(e, [v for dela in empresas for v in _valores(e, dela)]) for e in elos]
    alternativas = [_condicao(e, v[:VALORES_POR_PEDIDO]) for e, v in valores if v]
    if not alternativas:
        return []
    if len(alternativas) == 1:
        coluna, condicao = alternativas[0]
        escolhas: list[Parametros] = [((prefixo + coluna, condicao),)]
    else:
        juntas = ",".join(f"{coluna}.{condicao}" for coluna, condicao in alternativas)
        escolhas = [((f"{prefixo}or", f"({juntas})"),)]
    for elo, todos in valores:
        for i in range(VALORES_POR_PEDIDO, len(todos), VALORES_POR_PEDIDO):
            # O resto não pode repetir o que o primeiro pedido já trouxe pelos outros elos.
            outros = [
                (prefixo + citar(o.coluna), f"isdistinct.{empresa.id}")
                for empresa in empresas
                for o in elos
                if o is not elo and not o.referencia
            ]
            coluna, condicao = _condicao(elo, todos[i : i + VALORES_POR_PEDIDO])
            escolhas.append(((prefixo + coluna, condicao), *outros))
    return escolhas


def _valores(elo: Elo, empresa: Empresa) -> tuple[str, ...]:
    return empresa.valores(elo.referencia) if elo.referencia else (empresa.id,)


def _condicao(elo: Elo, valores: Sequence[str]) -> tuple[str, str]:
    simples = all(re.fullmatch(r"[A-Za-z0-9_-]+", v) for v in valores)
    if simples and len(valores) == 1:
        return citar(elo.coluna), f"eq.{valores[0]}"
    escritos = valores if simples else map(valor_citado, valores)
    return citar(elo.coluna), f"in.({','.join(escritos)})"


def _lexicografico(ordem: Sequence[str], limite: Sequence[str], operador: str) -> str:
    """(a, b) > (1, 2)  →  or(a.gt."1",and(a.eq."1",b.gt."2")); lte compara a última com lte."""
    estrito = "gt" if operador == "gt" else "lt"
    termos = []
    for i, coluna in enumerate(ordem):
        anteriores = zip(ordem[:i], limite, strict=False)
        iguais = [f"{citar(c)}.eq.{valor_citado(v)}" for c, v in anteriores]
        ultima = operador if i == len(ordem) - 1 else estrito
        termo = [*iguais, f"{citar(coluna)}.{ultima}.{valor_citado(limite[i])}"]
        termos.append(termo[0] if len(termo) == 1 else f"and({','.join(termo)})")
    return f"or({','.join(termos)})"
