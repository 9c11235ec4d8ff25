"""Os valores que passam de um módulo a outro: imutáveis, tipados, sem dependências."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TABELAS_CONHECIDAS = (
    "user_approvals",
    "empresas",
    "subscriptions",
    "produtos",
    "clientes",
    "vendas",
    "vendas_itens",
    "caixa",
    "categorias",
    "fornecedores",
    "despesas",
    "ordens_servico",
    "funcionarios",
)

ARQUIVOS, LOGINS = "\0arquivos", "\0logins"
"""As duas listas que um backup leva ao lado das tabelas: nenhum identificador do PostgreSQL tem um
nulo, e por isso nunca são o nome de uma tabela. Na tela, ver `palavras.como_se_diz`."""
LISTAS = (ARQUIVOS, LOGINS)
NO_DISCO = {ARQUIVOS: "storage.objects", LOGINS: "auth.users"}
"""Como se chama cada lista nos arquivos e nos metadados."""

SEM_CHAVE = ("tableoid", "ctid")
"""Onde não há chave primária, o endereço físico da linha serve de chave para ler em ordem.
O `tableoid` vem junto porque, numa tabela particionada, o `ctid` se repete em cada partição."""


DE_OUTRO_SERVIDOR = "é uma tabela de outro servidor"
"""Por que fica de fora uma FOREIGN TABLE: como uma visão, não guarda linhas aqui."""
DE_UM_MUDO = f"{DE_OUTRO_SERVIDOR}, que não responde"

COMPARAVEIS = frozenset({"uuid", "integer", "bigint"})
"""Tipos de chave que se comparam aqui como no banco."""

_NOMES_DE_TIPO = {
    apelido: nome
    for nome, apelidos in {
        # A descrição da API não distingue mais os dois: smallint e integer são ambos int32.
        "integer": "int int2 int4 int32 smallint",
        "bigint": "int8 int64",
        "boolean": "bool",
        "numeric": "decimal",
        "real": "float4",
        "double precision": "float8",
        "character varying": "varchar",
        "character": "bpchar char",
        "date": "",
        "text": "",
        "time without time zone": "time",
        "time with time zone": "timetz",
        "timestamp without time zone": "timestamp",
        "timestamp with time zone": "timestamptz",
    }.items()
    for apelido in (nome, *apelidos.split())
}


@functools.cache
def nome_do_tipo(dito: str) -> str:
    """O nome único de um tipo, como quer que o chame quem o diz: a API (int32, int64 desde o
    PostgREST 14.8: CHANGELOG, #4641), o PostgreSQL (integer, int4, smallint) ou um backup antigo.

    Um vetor continua vetor («int32[]» → «integer[]»); um tipo que não está na lista fica como veio.
    """
    base, vetor, resto = dito.partition("[")
    sem_tamanho = re.sub(r"\s*\([\d,\s]*\)", "", base)
    return _NOMES_DE_TIPO.get(sem_tamanho, base) + vetor + resto


def ordem_de_exibicao(tabela: str) -> tuple[int, str]:
    """As treze conhecidas primeiro, na ordem do manual; depois as outras, em ordem alfabética, e no
    fim as listas."""
    if tabela in LISTAS:
        return len(TABELAS_CONHECIDAS) + 1, tabela
    if tabela in TABELAS_CONHECIDAS:
        return TABELAS_CONHECIDAS.index(tabela), tabela
    return len(TABELAS_CONHECIDAS), tabela


@dataclass(frozen=True, slots=True)
class Empresa:
    """Uma empresa: o `id` é o `user_id` do dono; `registros` são as suas linhas de `empresas`.

    Cada registro leva o texto das colunas que outras tabelas referenciam (`id`, em geral). Se elas
    têm nomes diferentes (a matriz e as filiais de um dono), `nomes` são todos, e o `nome` os junta.
    """

    id: str
    nome: str
    registros: tuple[Mapping[str, str], ...] = ()
    nomes: tuple[str, ...] = ()

    def chama_se(self, nome: str) -> bool:
        """Se é um dos nomes dela, em qualquer caixa."""
        return nome.casefold() in {n.casefold() for n in (self.nome, *self.nomes)}

    def valores(self, coluna: str) -> tuple[str, ...]:
        """Os valores da `coluna` de `empresas` nesta empresa, sem os nulos."""
        return tuple(r[coluna] for r in self.registros if coluna in r)


NOMES_MOSTRADOS = 3


def juntar_nomes(nomes: Sequence[str]) -> str:
    """«Matriz / Filial»; de muitos, os primeiros e quantos mais."""
    mais = len(nomes) - NOMES_MOSTRADOS
    ditos = " / ".join(nomes[:NOMES_MOSTRADOS])
    return f"{ditos} e mais {mais}" if mais > 0 else ditos


@dataclass(frozen=True, slots=True)
class Coluna:
    """`tipo` é o nome que `nome_do_tipo` dá («uuid», «integer», «text[]»); vazio se não se sabe."""

    nome: str
    tipo: str = ""
    anulavel: bool = True


OPACA, JSON, JSONB, VETOR, COMPOSTA = "opaca", "json", "jsonb", "vetor", "composta"
DESCONHECIDA = "desconhecida"


@dataclass(frozen=True, slots=True)
class Forma:
    """Por que o JSON de um tipo pode não refazer o valor: é json ou jsonb; um vetor (`de` outro
    tipo, se o JSON deste também pode não o refazer); um tipo composto com `campos` assim; a forma
    dele em JSON pode não ser a que ele lê (OPACA); ou não se sabe o tipo (DESCONHECIDA)."""

    especie: str
    de: Forma | None = None
    campos: tuple[tuple[str, Forma], ...] = ()

    @property
    def opaca(self) -> bool:
        """Se do valor se guarda o texto sempre que o JSON não é ele próprio o texto."""
        return self.especie == OPACA or (self.de is not None and self.de.opaca)


@dataclass(frozen=True, slots=True)
class ChaveEstrangeira:
    """As `colunas` apontam para as `referencias` da `tabela` (vazias se não se sabe quais são).

    `ao_remover` é a ação ON DELETE («CASCADE», «SET NULL»...), que a API não diz.
    """

    colunas: tuple[str, ...]
    tabela: str
    referencias: tuple[str, ...]
    ao_remover: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Tabela:
    """Uma tabela; `nao_gravaveis` são as colunas geradas e de identidade ALWAYS.

    `herdeiras` são as tabelas que herdam desta (INHERITS), também as de uma que herda dela, cada
    uma com o `tableoid` das suas linhas: lendo esta, a API vê também as linhas delas.

    `formas` são as colunas que o JSON pode não refazer, até onde a via o sabe.

    Só a conexão direta sabe o resto: `identidades`, as de `nao_gravaveis` que ela pode escrever;
    `externas`, as chaves para outros schemas (tabela «auth.users»), à parte para que nunca se
    confundam com as de uma tabela de mesmo nome; `particionada`: as linhas dela estão nas partições
    (as de uma que só herda dela são de outra); e `exclusiva`: tem uma restrição EXCLUDE.
    """

    nome: str
    colunas: tuple[Coluna, ...]
    chave: tuple[str, ...] = ()
    estrangeiras: tuple[ChaveEstrangeira, ...] = ()
    nao_gravaveis: tuple[str, ...] = ()
    identidades: tuple[str, ...] = ()
    externas: tuple[ChaveEstrangeira, ...] = ()
    formas: tuple[tuple[str, Forma], ...] = ()
    particionada: bool = False
    exclusiva: bool = False
    herdeiras: tuple[tuple[str, str], ...] = ()

    @property
    def ordem(self) -> tuple[str, ...]:
        """As colunas que ordenam e identificam as linhas."""
        return self.chave or SEM_CHAVE

    @property
    def ordem_sabida(self) -> bool:
        """Se a ordem das chaves aqui é a mesma do banco: a de textos depende da collation."""
        tipos = [c.tipo if (c := self.coluna(n)) else "" for n in self.chave]
        return bool(tipos) and COMPARAVEIS.issuperset(tipos)

    @property
    def com_textos(self) -> tuple[tuple[str, Forma], ...]:
        """As colunas cujo texto se guarda: nunca as que dizem qual é a linha e de quem ela é."""
        das_ligacoes = (c for fk in self.estrangeiras for c in fk.colunas)
        fora = {*self.chave, *das_ligacoes, "user_id", "parent_user_id"}
        return tuple((coluna, forma) for coluna, forma in self.formas if coluna not in fora)

    @property
    def sempre_com_texto(self) -> tuple[str, ...]:
        """Destas, as de que se guarda o texto sem saber se o JSON já as refaria."""
        return tuple(coluna for coluna, forma in self.com_textos if forma.opaca)

    def coluna(self, nome: str) -> Coluna | None:
        """A coluna com este nome, ou None."""
        return next((c for c in self.colunas if c.nome == nome), None)

    def tipo_de(self, coluna: str) -> str:
        """O tipo da coluna; vazio, se não há nenhuma com este nome."""
        achada = self.coluna(coluna)
        return achada.tipo if achada else ""


def chave_que_serve(colunas: Sequence[Coluna], chave: Sequence[str]) -> tuple[str, ...]:
    """A chave, ou nada se ela não se escreve como literal de filtro ou não se lê: aí vale a ordem
    física. Igual nas duas vias, para que os arquivos também sejam."""
    tipos = {c.nome: c.tipo for c in colunas}
    if any(not _ordenavel(tipos.get(c, "")) or re.search(r'["\\]', c) for c in chave):
        return ()
    return tuple(chave)


def _ordenavel(tipo: str) -> bool:
    return not tipo.endswith("[]") and tipo not in ("json", "jsonb", "")


@dataclass(frozen=True, slots=True)
class Catalogo:
    """O que a API mostra.

    `ocultas` são tabelas que existem mas a chave não pode ler (nome → causa); `ausentes`, as
    conhecidas que este banco nunca teve; `completo` é falso quando a API não descreve nada e
    só as treze conhecidas puderam ser procuradas pelo nome. `servidor` é o que ele diz ser, com a
    versão («PostgREST 14.5», «PostgreSQL 17.6»); vazio se não diz.
    """

    tabelas: Mapping[str, Tabela]
    visoes: tuple[str, ...] = ()
    ocultas: Mapping[str, str] = field(default_factory=dict)
    ausentes: tuple[str, ...] = ()
    completo: bool = True
    servidor: str = ""


@dataclass(frozen=True, slots=True)
class DeixadaDeFora:
    """Uma tabela que não entra no backup, por quê, e a linha do cofre.toml que a traria."""

    tabela: str
    motivo: str
    sugestao: str = ""


@dataclass(frozen=True, slots=True)
class Contradicao:
    """Linhas de `tabela` que são desta empresa mas cujo elo `por` aponta para fora dela."""

    tabela: str
    por: str
    quantidade: int
    exemplos: tuple[str, ...] = ()
