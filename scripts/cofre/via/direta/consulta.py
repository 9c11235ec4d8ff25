"""O SQL das linhas de empresas numa tabela: os mesmos ramos, e a mesma ordem, que pela API.

Puro texto, nada é executado aqui. Cada linha sai como (número do ramo, elos..., JSON da linha): o
que vem antes do JSON só serve para saber de quem ela é.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from cofre.base.erros import TabelaInexistente
from cofre.base.modelo import ChaveEstrangeira, Empresa, Tabela
from cofre.escopo.escopo import Elo, Ramo, TabelaNoEscopo
from cofre.via.direta import formas

Catalogadas = Mapping[str, Tabela]
_VIRGULA = sql.SQL(", ")


@dataclass(frozen=True, slots=True)
class ConsultaDeLinhas:
    """`texto` é a consulta inteira; `campos`, quantas colunas ela dá: o ramo, os elos, a linha."""

    texto: sql.Composed
    campos: int


def linhas_das_empresas(
    no_escopo: TabelaNoEscopo,
    empresas: Sequence[Empresa],
    catalogadas: Catalogadas,
    colunas: Sequence[str] | None = None,
) -> ConsultaDeLinhas | None:
    """A consulta que dá todas as linhas destas empresas, ou só estas colunas delas, as de cada uma
    na ordem em que viriam se fosse só ela; None se não pode haver nenhuma. Levanta
    TabelaInexistente se uma linha-mãe não tem como ser achada."""
    tabela = no_escopo.tabela
    ramos = [replace(r, colunas=colunas) for r in ramos_de(no_escopo, empresas, catalogadas)]
    if not ramos:
        return None
    largura = ramos[0].largura
    if len(ramos) == 1:
        # Sem subconsulta, a ordem pode vir do índice da chave, sem ordenar nada.
        texto = sql.SQL("SELECT {} {} ORDER BY {}").format(
            _VIRGULA.join(ramos[0].saida()), ramos[0].origem(), _VIRGULA.join(ramos[0].chave())
        )
    else:
        texto = _juntos(ramos, tabela, largura)
    return ConsultaDeLinhas(texto, largura + 2)


def ramos_de(
    no_escopo: TabelaNoEscopo, empresas: Sequence[Empresa], catalogadas: Catalogadas
) -> list[DoRamo]:
    """Os ramos em que pode haver linhas destas empresas. Levanta TabelaInexistente."""
    largura = max(len(r.elos) for r in no_escopo.ramos)
    return [
        DoRamo(no_escopo.tabela, n, ramo, empresas, catalogadas, largura)
        for n, ramo in enumerate(no_escopo.ramos)
        if any(_valores(e, empresas) for e in ramo.elos)
    ]


def valores_dos_ramos(no_escopo: TabelaNoEscopo, empresa: Empresa) -> list[list[list[str]]]:
    """O que das consultas desta tabela é desta empresa: os valores de cada elo de cada ramo."""
    return [[_valores(elo, [empresa]) for elo in ramo.elos] for ramo in no_escopo.ramos]


def tabelas_citadas(no_escopo: TabelaNoEscopo) -> Iterator[str]:
    """A própria tabela e as mães por onde se passa."""
    yield no_escopo.tabela.nome
    for ramo in no_escopo.ramos:
        yield from (passo.tabela for passo in ramo.passos)


def _juntos(ramos: Sequence[DoRamo], tabela: Tabela, largura: int) -> sql.Composed:
    """Os ramos intercalados pela chave; onde a API não sabe fazê-lo (chave de texto, ou nenhuma),
    um após o outro."""
    saida = [sql.Identifier(f"s{n}") for n in range(largura + 2)]
    chave = [sql.Identifier(f"k{n}") for n in range(len(tabela.ordem))]
    nomes = [*saida, *chave]
    partes = [
        sql.SQL("SELECT {} {}").format(
            _VIRGULA.join(
                sql.SQL("{} AS {}").format(valor, nome)
                for valor, nome in zip([*r.saida(), *r.chave()], nomes, strict=True)
            ),
            r.origem(),
        )
        for r in ramos
    ]
    ordem = chave if tabela.ordem_sabida else [sql.Identifier("s0"), *chave]
    return sql.SQL("SELECT {} FROM ({}) AS ramos ORDER BY {}").format(
        _VIRGULA.join(saida), sql.SQL(" UNION ALL ").join(partes), _VIRGULA.join(ordem)
    )


@dataclass(frozen=True, slots=True)
class DoRamo:
    """As partes da consulta de um ramo. As tabelas do caminho se chamam p0 (a própria), p1..."""

    tabela: Tabela
    numero: int
    ramo: Ramo
    empresas: Sequence[Empresa]
    catalogadas: Catalogadas
    largura: int
    colunas: Sequence[str] | None = None

    def saida(self) -> list[sql.Composable]:
        """O número do ramo, os elos e a linha."""
        return [*self.de_quem(), self.linha()]

    def linha(self) -> sql.Composable:
        """A linha como se escreve, com os textos; ou só as colunas, sem eles."""
        if self.colunas is not None:
            quais = _VIRGULA.join(_coluna(0, c) for c in self.colunas)
            de_que = sql.SQL("(SELECT pg_catalog.row_to_json(d.*)::pg_catalog.text FROM")
            return sql.SQL("{} (SELECT {}) AS d)").format(de_que, quais)
        return sql.SQL(formas.linha("p0", self.tabela))

    def de_quem(self) -> list[sql.Composable]:
        """O número do ramo e os elos: o que diz de quem a linha é."""
        ultima = len(self.ramo.passos)
        elos: list[sql.Composable] = [
            sql.SQL("{}::pg_catalog.text").format(_coluna(ultima, e.coluna)) for e in self.ramo.elos
        ]
        nulos = [sql.SQL("NULL::pg_catalog.text")] * (self.largura - len(elos))
        numero = sql.SQL("{}::pg_catalog.text").format(sql.Literal(str(self.numero)))
        return [numero, *elos, *nulos]

    @property
    def de_um_valor(self) -> bool:
        """Se o que diz de quem a linha é só pode ser um."""
        return len(self.ramo.elos) == 1 and len(_valores(self.ramo.elos[0], self.empresas)) == 1

    def prefixo(self) -> sql.Composable:
        """O mesmo, num vetor de textos; se só pode ser um, o próprio valor, que nada custa."""
        if self.de_um_valor:
            valores = _valores(self.ramo.elos[0], self.empresas)
            resto = [None] * (self.largura - 1)
            return sql.SQL("{}::pg_catalog.text[]").format(
                sql.Literal([str(self.numero), *valores, *resto])
            )
        return sql.SQL("ARRAY[{}]").format(_VIRGULA.join(self.de_quem()))

    def chave(self) -> list[sql.Composable]:
        """O que ordena as linhas."""
        return [_coluna(0, c) for c in self.tabela.ordem]

    def origem(self) -> sql.Composed:
        """O FROM e o WHERE."""
        juncoes = list(self._juncoes())
        nulos = [
            sql.SQL("{} IS NULL").format(_coluna(n, coluna))
            for n, colunas in enumerate(self.ramo.nulos)
            for coluna in colunas
        ]
        return sql.SQL("FROM {} AS {}{} WHERE {}").format(
            _propria(self.tabela),
            _apelido(0),
            sql.SQL("").join(juncoes),
            sql.SQL(" AND ").join([*nulos, self._das_empresas()]),
        )

    def _das_empresas(self) -> sql.Composed:
        ultima = len(self.ramo.passos)
        condicoes = [
            sql.SQL("{} IN ({})").format(
                _coluna(ultima, elo.coluna), _VIRGULA.join(map(sql.Literal, valores))
            )
            for elo in self.ramo.elos
            if (valores := _valores(elo, self.empresas))
        ]
        return sql.SQL("({})").format(sql.SQL(" OR ").join(condicoes))

    def _juncoes(self) -> Iterator[sql.Composed]:
        for n, passo in enumerate(self.ramo.passos):
            referencias = self._referencias(passo)
            pares = zip(passo.colunas, referencias, strict=True)
            mae = self.catalogadas[passo.tabela]
            # Uma chave estrangeira só leva às linhas da própria mãe; uma regra, a qualquer uma.
            de_qual = _propria(mae) if passo.referencias else sql.Identifier("public", mae.nome)
            yield sql.SQL(" JOIN {} AS {} ON {}").format(
                de_qual,
                _apelido(n + 1),
                sql.SQL(" AND ").join(
                    sql.SQL("{} = {}").format(_coluna(n, de), _coluna(n + 1, para))
                    for de, para in pares
                ),
            )

    def _referencias(self, passo: ChaveEstrangeira) -> Sequence[str]:
        """As colunas da mãe: as da chave estrangeira ou, sem ela (cofre.toml), a primária."""
        mae = self.catalogadas.get(passo.tabela)
        filhas = (self.tabela, *(self.catalogadas.get(p.tabela) for p in self.ramo.passos))
        iguais = [
            fk.referencias
            for filha in filhas
            if filha is not None
            for fk in filha.estrangeiras
            if (fk.colunas, fk.tabela) == (passo.colunas, passo.tabela)
        ]
        achadas = passo.referencias or next(iter(iguais), mae.chave if mae else ())
        if mae is None or len(achadas) != len(passo.colunas):
            colunas = ", ".join(passo.colunas)
            raise TabelaInexistente(
                f"{self.tabela.nome} não tem como chegar a {passo.tabela} por {colunas}"
            )
        return achadas


def _valores(elo: Elo, empresas: Sequence[Empresa]) -> list[str]:
    if not elo.referencia:
        return [e.id for e in empresas]
    return [valor for e in empresas for valor in e.valores(elo.referencia)]


def _propria(tabela: Tabela) -> sql.Composed:
    """Sem as linhas das tabelas que herdam dela: são de outra tabela, e vão com ela."""
    so_ela = sql.SQL("" if tabela.particionada else "ONLY ")
    return sql.SQL("{}{}").format(so_ela, sql.Identifier("public", tabela.nome))


def _apelido(passo: int) -> sql.Identifier:
    return sql.Identifier(f"p{passo}")


def _coluna(passo: int, nome: str) -> sql.Identifier:
    return sql.Identifier(f"p{passo}", nome)
