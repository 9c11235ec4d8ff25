"""O que o banco numera: depois de virem linhas com os números de outro projeto, a numeração do
destino tem de continuar depois do maior.

A conexão direta adianta as sequências na própria transação (ver `cofre.via.direta.sequencias`).
Pela API não há como: o PostgREST só escreve linhas, e não diz que colunas são numeradas. Diz-se
então o SQL que as acha e as adianta, para colar no painel do destino.
"""

from __future__ import annotations

from collections.abc import Iterator

from cofre.base.palavras import em_linhas, visivel
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.restauracao.restauracao import Restauracao
from cofre.via.contrato import API

INTEIROS = frozenset({"smallint", "integer", "bigint"})
_ADIANTAR = """\
DO $$ DECLARE x record; BEGIN FOR x IN
  SELECT DISTINCT a.attrelid::regclass AS t, a.attname AS c,
    s.oid::regclass AS s, q.seqincrement > 0 AS sobe,
    CASE WHEN q.seqincrement > 0 THEN q.seqmax ELSE q.seqmin END AS m
  FROM pg_attribute a LEFT JOIN pg_attrdef p
    ON p.adrelid = a.attrelid AND p.adnum = a.attnum
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND (
    d.classid = 'pg_class'::regclass AND d.refobjid = a.attrelid
      AND d.refobjsubid = a.attnum
    OR d.classid = 'pg_attrdef'::regclass AND d.objid = p.oid)
  JOIN pg_class s ON s.relkind = 'S' AND s.oid = CASE
    WHEN d.classid = 'pg_class'::regclass THEN d.objid ELSE d.refobjid END
  JOIN pg_sequence q ON q.seqrelid = s.oid
  WHERE a.attnum > 0 AND NOT a.attisdropped
    AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
    AND a.attrelid IN (
      {tabelas})
LOOP EXECUTE format('SELECT setval(%1$L, v.m) FROM %1$s s,
  (SELECT %5$s(%2$I) AS m FROM %3$s WHERE %2$I %7$s= %4$s) v
  WHERE v.m %6$s s.last_value OR v.m = s.last_value AND NOT s.is_called',
  x.s, x.c, x.t, x.m, CASE WHEN x.sobe THEN 'max' ELSE 'min' END,
  CASE WHEN x.sobe THEN '>' ELSE '<' END,
  CASE WHEN x.sobe THEN '<' ELSE '>' END); END LOOP; END $$;"""
"""As sequências que numeram uma coluna destas tabelas (de identidade, de `serial`, ou citada no
valor padrão, seja ou não a da chave) vão ao último valor dela; nunca para trás, e sem nenhuma, não
faz nada."""


def comandos(restauracao: Restauracao, copia: Backup) -> Iterator[str]:
    """O SQL que põe a numeração do que veio depois do maior número; nada, se a via já o fez, ou se
    não veio nenhum."""
    if restauracao.via.nome != API or copia.meta is None:
        return
    salvas = copia.meta.tabelas
    numeraveis = [
        nome
        for nome, no_escopo in restauracao.contexto.escopo.tabelas.items()
        if nome in salvas
        and salvas[nome].registros
        and any(c.tipo in INTEIROS for c in no_escopo.tabela.colunas)
    ]
    if numeraveis:
        tabelas = ",\n      ".join(f"{_texto(f'public.{_nome(n)}')}::regclass" for n in numeraveis)
        yield _ADIANTAR.format(tabelas=tabelas)


def dizer(relato: Relato, comandos: list[str]) -> None:
    """O que falta fazer à mão, se algo."""
    if not comandos:
        return
    relato.linha()
    causa = (
        "⚠️ Pela API não se adianta a numeração: um registro novo lá pode pedir um número que já"
        " veio. Cole no SQL Editor do destino:"
    )
    relato.linha(em_linhas(causa, relato.largura))
    for linha in (linha for dito in comandos for linha in dito.split("\n")):
        relato.linha(f"   {visivel(linha)}")


def _nome(nome: str) -> str:
    return '"' + nome.replace('"', '""') + '"'


def _texto(texto: str) -> str:
    return "'" + texto.replace("'", "''") + "'"
