"""A ida e a volta: as tabelas feitas com o que os metadados dizem, as linhas postas nelas, lidas de
novo e comparadas com os bytes do arquivo.

Os tipos são os do backup; um que o banco de teste não tem (enum, composto, de extensão) vira
`json`, que guarda o valor como veio, ou `text`, se a coluna é da chave. Um valor que o JSON não
refaz vai pelo texto que dele se guardou (ver `base.textos`), e o texto também se compara.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from cofre.base.disco import erros_de_disco
from cofre.base.linha import Linha, abrir_linha, com_citados
from cofre.base.modelo import LISTAS, ordem_de_exibicao
from cofre.base.palavras import plural
from cofre.base.textos import CAMPO, separar, textos_de
from cofre.deposito.backup import Backup
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.metadados import Metadados
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.deposito.textos import Textos, com_textos
from cofre.rotina.ensaio.banco import caiu
from cofre.rotina.ensaio.rodizio import Volta

LINHAS_POR_LEITURA = 2000
DIFERENCAS_POR_TABELA = 3
_JSON, _JSONB = "json", "jsonb"
_VIRGULA = sql.SQL(", ")
_TIPOS = """
    SELECT pg_catalog.format_type(oid, NULL), typname FROM pg_catalog.pg_type
    WHERE typnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'pg_catalog')
        AND typtype IN ('b', 'r', 'm') AND typname !~ '^_?reg'
"""
"""Os tipos que todo PostgreSQL tem. Os `reg…` ficam de fora: o valor deles é o nome de um objeto do
banco de onde veio."""

_COM_FUSO = frozenset({"timestamp with time zone", "time with time zone"})


@dataclass(frozen=True, slots=True)
class _Coluna:
    nome: str
    tipo: str
    sistema: str
    """O nome do tipo em pg_catalog, como a coluna é criada."""
    sabida: bool = True
    """Se o banco de teste tem o tipo: senão, um texto dele não se lê aqui."""


def restaurar(conexao: psycopg.Connection, backup: Backup, meta: Metadados) -> Volta:
    """Põe o backup num esquema novo da transação aberta e o compara. Levanta FalhaDeDisco;
    psycopg.Error, se não foi uma linha que o banco recusou."""
    ida = _Ida(conexao, backup, sql.Identifier(f"cofre_ensaio_{secrets.token_hex(4)}"))
    conexao.execute(sql.SQL("CREATE SCHEMA {}").format(ida.esquema))
    registros, diferencas = 0, []
    for nome in sorted({*meta.tabelas} - {*LISTAS}, key=ordem_de_exibicao):
        quantos, achadas = ida.ida_e_volta(meta.tabelas[nome])
        registros += quantos
        diferencas += [f"{nome}: {achada}" for achada in achadas]
    return Volta(registros, tuple(ida.ressalvas()), tuple(diferencas))


@dataclass(slots=True)
class _Ida:
    conexao: psycopg.Connection
    backup: Backup
    esquema: sql.Identifier
    _tipos: Mapping[str, str] = field(init=False)
    _sem_tipo: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._tipos = dict(self.conexao.execute(_TIPOS).fetchall())

    def ressalvas(self) -> Iterator[str]:
        """O que foi guardado com outro tipo."""
        if self._sem_tipo:
            colunas = ", ".join(self._sem_tipo)
            yield f"O banco de teste não tem o tipo; guardadas como vieram: {colunas}"

    def ida_e_volta(self, salva: TabelaSalva) -> tuple[int, list[str]]:
        """Quantas linhas voltaram, e o que não voltou igual. Um erro de uma linha não impede as
        outras tabelas."""
        self.conexao.execute("SAVEPOINT tabela")
        try:
            with erros_de_disco(self.backup.pasta):
                tabela, colunas = self._criar(salva)
                self._carregar(salva, tabela, colunas)
                return self._comparar(salva, tabela, colunas)
        except psycopg.Error as e:
            if caiu(e):
                raise
            self.conexao.execute("ROLLBACK TO SAVEPOINT tabela")
            causa = e.diag.message_primary or "erro"
            return 0, [f"o banco de teste recusou: {causa} ({e.sqlstate})"]

    def _criar(self, salva: TabelaSalva) -> tuple[sql.Composed, list[_Coluna]]:
        colunas = [self._coluna(salva, c) for c in _colunas(self.backup, salva)]
        tabela = sql.SQL("{}.{}").format(self.esquema, sql.Identifier(salva.nome))
        campos = [
            sql.SQL("{} {}").format(sql.Identifier(c.nome), sql.Identifier("pg_catalog", c.sistema))
            for c in colunas
        ]
        ordem = sql.SQL("{} pg_catalog.int8 GENERATED ALWAYS AS IDENTITY").format(_ordem(colunas))
        self.conexao.execute(
            sql.SQL("CREATE TABLE {} ({})").format(tabela, _VIRGULA.join([*campos, ordem]))
        )
        return tabela, colunas

    def _coluna(self, salva: TabelaSalva, descrita: Mapping[str, Any]) -> _Coluna:
        nome, tipo = str(descrita["nome"]), str(descrita.get("tipo") or "")
        simples = re.sub(r"\s*\([\d,\s]*\)", "", tipo)
        if simples in self._tipos:
            return _Coluna(nome, simples, self._tipos[simples])
        self._sem_tipo.append(f"{salva.nome}.{nome} ({tipo or 'tipo não anotado'})")
        return _Coluna(nome, simples, "text" if nome in salva.chave else _JSON, sabida=False)

    def _grupos(self, salva: TabelaSalva) -> Iterator[list[Linha]]:
        """As linhas do backup, com os textos delas. Levanta BackupDanificado."""
        arquivo = self.backup.arquivo(salva)
        grupos = ler_linhas(arquivo.caminho)
        return grupos if arquivo.textos is None else com_textos(grupos, Textos(arquivo.textos))

    def _carregar(self, salva: TabelaSalva, tabela: sql.Composed, colunas: list[_Coluna]) -> None:
        # Dentro de um texto, o banco guarda um json sem o decodificar (ver `linha.com_citados`); e
        # só assim um jsonb pode ser o null de JSON.
        citados = (_JSON, _JSONB) if salva.textos else (_JSON,)
        em_texto = [c.nome for c in colunas if c.sistema in citados]
        sabidas = {c.nome for c in colunas if c.sabida}
        valores = [
            sql.SQL("({} #>> '{{}}')::{}" if c.nome in em_texto else "{}").format(
                sql.Identifier(c.nome), sql.Identifier("pg_catalog", c.sistema)
            )
            for c in colunas
        ]
        inserir = sql.SQL(
            "INSERT INTO {t} ({c}) SELECT {v}"
            " FROM pg_catalog.json_populate_recordset(NULL::{t}, %s::pg_catalog.json)"
        ).format(
            t=tabela,
            c=_VIRGULA.join(sql.Identifier(c.nome) for c in colunas),
            v=_VIRGULA.join(valores),
        )
        for grupo in self._grupos(salva):
            linhas = [_a_inserir(bytes(linha), em_texto, sabidas) for linha in grupo]
            vetor = b"[" + b",".join(linhas) + b"]"
            self.conexao.execute(inserir, [vetor.decode()])
        if salva.chave:
            chave = _VIRGULA.join(map(sql.Identifier, salva.chave))
            alterar = sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(tabela, chave)
            self.conexao.execute(alterar)

    def _comparar(
        self, salva: TabelaSalva, tabela: sql.Composed, colunas: list[_Coluna]
    ) -> tuple[int, list[str]]:
        sabidas = [c.nome for c in colunas if c.sabida] if salva.textos else []
        consulta = sql.SQL(
            "SELECT (SELECT pg_catalog.row_to_json(x)::pg_catalog.text FROM (SELECT {}) x),"
            " ARRAY[{}]::pg_catalog.text[] FROM {} t ORDER BY t.{}"
        ).format(
            _VIRGULA.join(sql.Identifier("t", c.nome) for c in colunas),
            _VIRGULA.join(
                sql.SQL("pg_catalog.format('%s', {})").format(sql.Identifier("t", nome))
                for nome in sabidas
            ),
            tabela,
            _ordem(colunas),
        )
        com_fuso = frozenset(c.nome for c in colunas if c.tipo in _COM_FUSO)
        salvas = (bytes(v) for grupo in self._grupos(salva) for v in grupo)
        achadas: list[str] = []
        iguais = diferentes = 0
        with self.conexao.cursor(name="ensaio") as cursor:
            cursor.itersize = LINHAS_POR_LEITURA
            cursor.execute(consulta)
            for n, (antes, lida) in enumerate(zip_longest(salvas, cursor), 1):
                depois = lida[0].encode() if lida else None
                causa = "" if antes == depois else diferenca(antes, depois, com_fuso)
                if not causa and salva.textos:
                    textos = dict(zip(sabidas, lida[1], strict=True))
                    causa = _textos_diferentes(antes or b"", textos)
                iguais += not causa
                diferentes += bool(causa)
                if causa and len(achadas) < DIFERENCAS_POR_TABELA:
                    achadas.append(f"linha {n}: {causa}")
        if diferentes > len(achadas):
            achadas.append(plural(diferentes, "linha diferente", "linhas diferentes") + " ao todo")
        return iguais, achadas


def _colunas(backup: Backup, salva: TabelaSalva) -> list[Mapping[str, Any]]:
    """As colunas dos metadados; sem elas (a API não as descrevia), as da primeira linha."""
    if salva.colunas:
        return list(salva.colunas)
    for grupo in ler_linhas(backup.caminho(salva)):
        return [{"nome": nome} for nome in abrir_linha(grupo[0])]
    return []


def _a_inserir(linha: bytes, em_texto: Collection[str], sabidas: Collection[str]) -> bytes:
    """A linha como o banco de teste a lê: um valor que tem o texto, e cujo tipo ele tem, vai por
    ele, que a função de entrada do tipo lê; o das colunas `em_texto`, citado."""
    limpa, ditos = separar(linha)
    if not ditos:
        return com_citados(limpa, em_texto)
    textos = {c: t for c, t in textos_de({CAMPO: msgspec.Raw(ditos)}).items() if c in sabidas}
    citada = com_citados(limpa, [c for c in em_texto if c not in textos])
    pelos_textos = {c: msgspec.Raw(msgspec.json.encode(t)) for c, t in textos.items()}
    return msgspec.json.encode({**abrir_linha(citada), **pelos_textos})


def _textos_diferentes(antes: bytes, textos: Mapping[str, str]) -> str:
    """O que difere do texto que o backup guarda; vazio se nada. O que o banco não sabe ler não se
    compara."""
    ditos = textos_de(abrir_linha(antes))
    mudados = [c for c, t in ditos.items() if c in textos and textos[c] != t]
    return f"{', '.join(mudados)}: o texto não voltou igual" if mudados else ""


def _ordem(colunas: list[_Coluna]) -> sql.Identifier:
    """O nome da coluna a mais que guarda em que ordem as linhas chegaram."""
    nomes, nome = {c.nome for c in colunas}, "cofre_ordem"
    while nome in nomes:
        nome += "_"
    return sql.Identifier(nome)


def diferenca(antes: bytes | None, depois: bytes | None, com_fuso: frozenset[str]) -> str:
    """O que difere entre a linha do arquivo e a que voltou, coluna a coluna e byte a byte; vazio se
    nada. Um instante escrito noutro fuso (colunas `com_fuso`) é o mesmo instante."""
    if antes is None or depois is None:
        return "voltou a mais" if antes is None else "não voltou"
    uma, outra = abrir_linha(antes), abrir_linha(depois)
    uma.pop(CAMPO, None)  # comparam-se à parte
    if set(uma) != set(outra):
        return f"as colunas não são as dos metadados ({', '.join(sorted(set(uma) ^ set(outra)))})"
    mudadas = [
        nome
        for nome, valor in uma.items()
        if (a := bytes(valor)) != (b := bytes(outra[nome]))
        and not (nome in com_fuso and _mesmo_instante(a, b))
    ]
    return f"{', '.join(mudadas)} não voltou igual" if mudadas else ""


def _mesmo_instante(a: bytes, b: bytes) -> bool:
    try:
        um, outro = (datetime.fromisoformat(msgspec.json.decode(v, type=str)) for v in (a, b))
    except (ValueError, msgspec.DecodeError):
        return False
    return um.tzinfo is not None and outro.tzinfo is not None and um == outro
