"""O que o servidor diz das linhas de uma empresa sem as mandar: quantas são, e as somas dos resumos
do texto de cada uma.

Resume-se o próprio texto que o COPY mandaria (`formas.linha`: o JSON e os textos do que ele não
refaz), no mesmo instante, com os mesmos ajustes e os mesmos FROM e WHERE: se o resumo é o mesmo, os
bytes são os mesmos, seja o que for que tenha acontecido ao banco. Nada se conclui de xmin, ctid ou
do catálogo, que ficam iguais depois de um ALTER, de uma tabela trocada por outra, de uma
restauração do disco.

O resumo é `hashtextextended`, de 64 bits, com duas sementes que só este PC sabe; as somas não
dependem da ordem. A de uuid e inteiros é uma só para as mesmas linhas; a das outras chaves depende
da collation, e por isso o resumo delas leva também as linhas por ordem; sem chave, a ordem é a
física, e resume-se com cada linha o lugar em que está.

Os blocos são os do arquivo do backup: o servidor diz em qual cai cada linha (`width_bucket`, da
documentação do PostgreSQL, «Mathematical Functions»; vale para qualquer tipo que se ordene, também
uma linha de vários) pela chave da primeira de cada um. Que num bloco caiam as linhas que lá estavam
prova que as chaves ainda se ordenam assim.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from cofre.base.linha import texto
from cofre.base.modelo import Empresa, Tabela
from cofre.deposito.resumos import Bloco, Sementes
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.direta.consulta import (
    Catalogadas,
    DoRamo,
    linhas_das_empresas,
    ramos_de,
    valores_dos_ramos,
)
from cofre.via.direta.mudadas import lugar_de
from cofre.via.direta.somas import Resumida
from cofre.via.direta.texto import tipo_de

FORMULA = 2
"""Muda quando o que se resume muda: nenhum resumo de antes vale."""

Fronteiras = Sequence[str]
"""A chave, em JSON, da primeira linha de cada bloco, menos o primeiro."""

DeQuem = Callable[[TabelaNoEscopo, Sequence[str | None]], str | None]
Receber = Callable[[str, int, int, bytes], None]
"""Recebe de uma tabela, de um bloco que não é o que se esperava, quantas linhas tem, e os itens
delas (ver `mudadas.Seguidos`). Não levanta."""

_VIRGULA = sql.SQL(", ")
_CHAVE = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Pergunta:
    """O que se pergunta de uma tabela: as somas por bloco e, se se diz o que se espera delas
    (`esperadas`, por bloco), também os itens das linhas dos blocos em que não é isso."""

    no_escopo: TabelaNoEscopo
    fronteiras: Fronteiras
    esperadas: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Perguntas:
    """O que se pergunta destas empresas, na transação aberta em `conexao`."""

    conexao: psycopg.Connection
    empresas: Sequence[Empresa]
    catalogadas: Catalogadas
    sementes: Sementes
    _gerais: dict[str, str] = field(default_factory=dict)

    def formula(self, no_escopo: TabelaNoEscopo, empresa: Empresa) -> str:
        """O que identifica a pergunta: a própria consulta das linhas, as colunas e o servidor, e o
        que nela é desta empresa. Só se compara o que se perguntou da mesma maneira. Levanta
        TabelaInexistente."""
        nome = no_escopo.tabela.nome
        if nome not in self._gerais:  # igual para todas, e compô-la custa mais que tudo o resto
            self._gerais[nome] = self._geral(no_escopo)
        return _soma(self._gerais[nome], repr(valores_dos_ramos(no_escopo, empresa)))

    def _geral(self, no_escopo: TabelaNoEscopo) -> str:
        """O mesmo, de uma empresa que tivesse linhas por todos os ramos."""
        referencias = {e.referencia for r in no_escopo.ramos for e in r.elos}
        qualquer = Empresa("", "", (dict.fromkeys(sorted(referencias), ""),))
        consulta = linhas_das_empresas(no_escopo, [qualquer], self.catalogadas)
        return _soma(
            f"{FORMULA} {self.conexao.info.server_version}",
            consulta.texto.as_string(None) if consulta else "",
            repr((no_escopo.tabela.colunas, no_escopo.tabela.chave, no_escopo.tabela.ordem_sabida)),
        )

    def ramos(self, no_escopo: TabelaNoEscopo) -> list[DoRamo]:
        """Os da tabela em que pode haver linhas destas empresas. Levanta TabelaInexistente."""
        return ramos_de(no_escopo, self.empresas, self.catalogadas)

    def podem_dar_itens(self, no_escopo: TabelaNoEscopo) -> bool:
        """Se desta tabela se podem pedir itens: as linhas são todas de um ramo, por um valor só, e
        pela chave se sabe aqui pô-las em ordem. Levanta TabelaInexistente."""
        ramos = self.ramos(no_escopo)
        return no_escopo.tabela.ordem_sabida and len(ramos) == 1 and ramos[0].de_um_valor

    def fazer(
        self, perguntas: Mapping[str, Pergunta], de_quem: DeQuem, receber: Receber
    ) -> dict[str, dict[str, Resumida]]:
        """O que o servidor diz de cada tabela, por empresa, perguntado de uma vez. psycopg.Error
        passa; levanta TabelaInexistente, e o que `de_quem` levante."""
        nomes = list(perguntas)
        resumidas = {nome: {e.id: Resumida() for e in self.empresas} for nome in nomes}
        partes = [
            parte
            for n, pergunta in enumerate(perguntas.values())
            if (parte := self._da_tabela(n, pergunta)) is not None
        ]
        if not partes:
            return resumidas
        vistos: dict[tuple[str, str, str], list[str | None]] = {}
        com_itens = any(p.esperadas is not None for p in perguntas.values())
        with contextlib.closing(self._respostas(partes, com_itens=com_itens)) as respostas:
            for n, prefixo, bloco, *soma, itens in respostas:
                nome = nomes[n]
                no_escopo = perguntas[nome].no_escopo
                quem = de_quem(no_escopo, prefixo)
                if quem is None:
                    for resumida in resumidas[nome].values():
                        resumida.alheias = True
                    continue
                ramo = (nome, quem, prefixo[0])
                resumidas[nome][quem].somar(bloco, soma, prefixo[0])
                if itens is not None:
                    receber(nome, bloco, soma[0], itens)
                # Um ramo vem depois do outro, mas dentro dele a ordem é a da chave: só se sabe
                # qual é se as linhas dele vieram todas juntas.
                if vistos.setdefault(ramo, prefixo) != prefixo and _por_ordem(no_escopo.tabela):
                    resumidas[nome][quem].duvidosa = True
        return resumidas

    def _respostas(
        self, partes: Sequence[sql.Composable], *, com_itens: bool
    ) -> Generator[tuple[Any, ...]]:
        """Uma a uma, se trazem itens: juntas, seriam memória demais."""
        consulta = sql.SQL(" UNION ALL ").join(partes)
        if not com_itens:
            yield from self.conexao.execute(consulta)
            return
        with self.conexao.cursor(binary=True) as cursor:
            yield from cursor.stream(consulta)

    def _da_tabela(self, numero: int, pergunta: Pergunta) -> sql.Composed | None:
        """(número, prefixo, bloco, linhas, soma, soma, ordem, itens)."""
        no_escopo = pergunta.no_escopo
        ramos = self.ramos(no_escopo)
        if not ramos:
            return None
        por_ordem = _por_ordem(no_escopo.tabela)
        chave = [sql.Identifier(f"k{n}") for n in range(len(no_escopo.tabela.ordem) * por_ordem)]
        # De um valor só, agrupa-se só pelo bloco: por duas colunas de que nada sabe, o planejador
        # espera milhares de grupos e, em vez de somar, ordena a tabela toda em disco.
        de_um_so = len(ramos) == 1 and ramos[0].de_um_valor
        prefixo = ramos[0].prefixo() if de_um_so else sql.SQL("prefixo")
        mais = [sql.SQL("lugar")] if pergunta.esperadas is not None else []
        de_cada = sql.SQL(" UNION ALL ").join(
            _linhas(r, bloco_de(r.tabela, pergunta.fronteiras), chave, com_lugar=bool(mais))
            for r in ramos
        )
        ordem: sql.Composable = sql.SQL("''")
        if por_ordem:
            ordem = sql.SQL(
                "pg_catalog.hashtextextended(pg_catalog.string_agg(h0::pg_catalog.text, ','"
                " ORDER BY {}), {})::pg_catalog.text"
            ).format(_VIRGULA.join(chave), sql.Literal(self.sementes.outra))
        return sql.SQL(
            "SELECT {}::pg_catalog.int4, {}, bloco, pg_catalog.count(*),"
            " pg_catalog.sum(h0)::pg_catalog.text, pg_catalog.sum(h1)::pg_catalog.text, {}, {}"
            " FROM (SELECT prefixo, bloco, {} AS h0, {} AS h1{} FROM ({}) AS linhas) AS resumos"
            " GROUP BY {}"
        ).format(
            sql.Literal(numero),
            prefixo,
            ordem,
            _itens(pergunta.esperadas),
            self.resumo(sql.SQL("l")),
            _resumo(sql.SQL("l"), self.sementes.outra),
            sql.SQL("").join(sql.SQL(", {}").format(c) for c in (*chave, *mais)),
            de_cada,
            sql.SQL("bloco" if de_um_so else "prefixo, bloco"),
        )

    def resumo(self, linha: sql.Composable) -> sql.Composed:
        """O resumo, de 64 bits, do texto de uma linha: o que se guarda de cada uma, e se soma."""
        return _resumo(linha, self.sementes.uma)


def _resumo(linha: sql.Composable, semente: int) -> sql.Composed:
    com = sql.SQL('pg_catalog.hashtextextended({} COLLATE pg_catalog."C", {})')
    return com.format(linha, sql.Literal(semente))


def _itens(esperadas: Sequence[str] | None) -> sql.Composable:
    """Dos blocos que não somam o que se esperava. As duas listas vão pela ordem em que o servidor
    passou pelas linhas, que é a mesma."""
    if esperadas is None:
        return sql.SQL("NULL::pg_catalog.bytea")
    return sql.SQL(
        "CASE WHEN (SELECT {}::pg_catalog.text[])[bloco + 1] IS DISTINCT FROM"
        " pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(h0), pg_catalog.sum(h1))"
        " THEN pg_catalog.string_agg(pg_catalog.int8send(h0), '')"
        " || pg_catalog.string_agg(lugar, '') END"
    ).format(sql.Literal(list(esperadas)))


def _por_ordem(tabela: Tabela) -> bool:
    """Se as mesmas linhas podem vir noutra ordem: a da chave depende da collation."""
    return bool(tabela.chave) and not tabela.ordem_sabida


def _linhas(
    ramo: DoRamo, bloco: sql.Composable, chave: Sequence[sql.Identifier], *, com_lugar: bool
) -> sql.Composed:
    """As linhas de um ramo: de quem são, o bloco, o texto a resumir e, se importam, a chave e o
    lugar."""
    texto_: sql.Composable = ramo.linha()
    if not ramo.tabela.chave:
        lugar = f"'{ramo.numero} ' || p0.tableoid || ' ' || p0.ctid::pg_catalog.text || ' '"
        texto_ = sql.SQL(lugar + " || ({})").format(texto_)
    mais = list(zip(ramo.chave(), chave, strict=False))
    if com_lugar:
        mais.append((lugar_de(ramo.tabela), sql.Identifier("lugar")))
    # O OFFSET impede que o planejador escreva a linha uma vez por cada resumo dela.
    return sql.SQL("(SELECT {} AS prefixo, {} AS bloco, {} AS l{} {} OFFSET 0)").format(
        ramo.prefixo(),
        bloco,
        texto_,
        sql.SQL("").join(sql.SQL(", {} AS {}").format(c, nome) for c, nome in mais),
        ramo.origem(),
    )


def bloco_de(tabela: Tabela, fronteiras: Fronteiras) -> sql.Composable:
    """Em que bloco cai a linha `p0`, contado de zero. As fronteiras vão numa subconsulta, que o
    banco faz uma vez: uma linha de vários valores, ou um texto que só com os ajustes da sessão se
    lê (uma data), far-se-iam outra vez por cada linha da tabela."""
    if not fronteiras:
        return sql.SQL("0")
    chaves = [[texto(bytes(v)) or "" for v in _CHAVE.decode(f)] for f in fronteiras]
    colunas = [sql.Identifier("p0", c) for c in tabela.chave]
    tipos = [sql.SQL(tipo_de(tabela, c)) for c in tabela.chave]
    if len(colunas) == 1:
        return sql.SQL("pg_catalog.width_bucket({}, (SELECT {}::pg_catalog.text[]::{}[]))").format(
            colunas[0], sql.Literal([valor for (valor,) in chaves]), tipos[0]
        )
    linhas = (
        sql.SQL("ROW({})").format(
            _VIRGULA.join(
                sql.SQL("{}::pg_catalog.text::{}").format(sql.Literal(v), t)
                for v, t in zip(valores, tipos, strict=True)
            )
        )
        for valores in chaves
    )
    return sql.SQL("pg_catalog.width_bucket(ROW({}), (SELECT ARRAY[{}]))").format(
        _VIRGULA.join(colunas), _VIRGULA.join(linhas)
    )


def _soma(*partes: str) -> str:
    return hashlib.sha256("\0".join(partes).encode("utf-8", "surrogatepass")).hexdigest()


def fronteiras_de(blocos: Sequence[Bloco]) -> Fronteiras:
    """As dos blocos de um arquivo."""
    return [b.primeira for b in blocos[1:]]
