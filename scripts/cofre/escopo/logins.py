"""De que empresa é um login: só pelo que o banco diz dele, nunca pelo que ele pode dizer de si.

É da empresa o dono dela, quem está em `funcionarios`, quem está numa coluna que o cofre.toml nomeia
([logins]) e, com pouca certeza, quem está em `user_approvals`: nessas tabelas as políticas costumam
deixar qualquer um escrever a própria linha. Quem só agiu (`created_by`, `approved_by`) não é
membro, e os metadados do login nada provam: quem os escreve é ele.

Um login que é também de outra empresa, ou de quem administra a plataforma, é só uma referência:
guarda-se que existe, e nunca se escreve.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cofre.base.erros import ConfiguracaoInvalida
from cofre.base.linha import texto, valores_da_linha
from cofre.base.modelo import Empresa, Tabela
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import Elo, TabelaNoEscopo

DONO, FUNCIONARIO, COLUNA, APROVADO = "dono", "funcionario", "coluna", "aprovado"
_FORCA = (DONO, FUNCIONARIO, COLUNA, APROVADO)
"""Do que mais prova ao que menos: de quem tem dois papéis, vale o primeiro."""

APROVACOES, PAPEL_NA_PLATAFORMA = "user_approvals", "user_role"
DE_ADMIN = frozenset({"admin", "administrator", "super_admin", "superadmin", "platform_admin"})
"""O que, em `app_metadata` (que só quem tem a chave de serviço escreve), diz que alguém administra
a plataforma."""

DE_OUTRA = "é também de outra empresa"
DA_PLATAFORMA = "administra a plataforma"
FRACO = "só user_approvals o liga à empresa, e ali qualquer um pode pôr o seu id"
"""Por que um login é só uma referência."""


@dataclass(frozen=True, slots=True)
class ColunaDeMembros:
    """Uma coluna com o login de quem é da empresa da linha. `elos`: as da linha que dizem qual."""

    tabela: str
    coluna: str
    papel: str
    elos: tuple[Elo, ...]


def colunas_de_membros(
    escopo: Mapping[str, TabelaNoEscopo], pedidas: Iterable[tuple[str, str]] = ()
) -> tuple[ColunaDeMembros, ...]:
    """As colunas que dizem os membros; `pedidas` são as do cofre.toml. Levanta ConfiguracaoInvalida
    por uma que não há, ou numa tabela que não diz ela própria de que empresa é a linha."""
    achadas = {}
    for tabela, coluna in pedidas:
        no_escopo = escopo.get(tabela)
        if no_escopo is None or no_escopo.tabela.coluna(coluna) is None:
            raise ConfiguracaoInvalida(
                f"O cofre.toml diz que há logins em {tabela}.{coluna}, e o backup não tem essa"
                " coluna.",
                "Corrija «colunas» em [logins]: tabela.coluna, de uma tabela que entra no backup.",
            )
        elos = tuple(e for e in _elos(no_escopo) if e.coluna != coluna)
        if not elos:
            raise ConfiguracaoInvalida(
                f"O cofre.toml diz que há logins em {tabela}.{coluna}, mas as linhas de {tabela}"
                " não dizem elas próprias de que empresa são.",
                "Só serve uma tabela com user_id ou uma coluna que aponte para empresas.",
            )
        achadas[tabela, coluna] = ColunaDeMembros(tabela, coluna, COLUNA, elos)
    for tabela, papel in (("funcionarios", FUNCIONARIO), (APROVACOES, APROVADO)):
        no_escopo = escopo.get(tabela)
        if no_escopo is not None and no_escopo.tabela.coluna("user_id") is not None:
            daqui = ColunaDeMembros(tabela, "user_id", papel, _elos(no_escopo))
            achadas.setdefault((tabela, "user_id"), daqui)
    return tuple(achadas.values())


def _elos(no_escopo: TabelaNoEscopo) -> tuple[Elo, ...]:
    return next((r.elos for r in no_escopo.ramos if not r.passos), ())


def login(valor: object) -> str | None:
    """O id de um login, como o Auth o escreve; None se não é um uuid."""
    try:
        return str(uuid.UUID(str(valor)))
    except ValueError:
        return None


# -- os membros de uma empresa, pelas linhas da foto dela ------------------------------------


class _Grupo(Protocol):
    """Linhas de uma tabela que passam (ver `deposito.passada.Grupo`)."""

    def valores(self, colunas: Sequence[str]) -> list[tuple[bytes, ...]]: ...


@dataclass(slots=True)
class Membros:
    """Os logins desta empresa, como as linhas dela os dizem, com o papel de cada um."""

    empresa: Empresa
    colunas: tuple[ColunaDeMembros, ...]
    _vistos: dict[ColunaDeMembros, set[str]] = field(default_factory=dict)

    def observadores(self, tabela: Tabela) -> list[Vistos]:
        """Quem tem de ver as linhas desta tabela, todas: o que se viu antes esquece-se."""
        suas = [c for c in self.colunas if c.tabela == tabela.nome and tabela.coluna(c.coluna)]
        self._vistos |= {coluna: set() for coluna in suas}
        return [Vistos(coluna.coluna, self._vistos[coluna]) for coluna in suas]

    def papeis(self, mais: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
        """O papel de cada login, por id, na ordem dos ids; `mais`: os que outros dizem (id e
        papel)."""
        todos: dict[str, list[str]] = {}
        for qual, papel in mais:
            todos.setdefault(qual, []).append(papel)
        if (dono := login(self.empresa.id)) is not None:
            todos.setdefault(dono, []).append(DONO)
        for coluna, ids in self._vistos.items():
            for qual in ids:
                todos.setdefault(qual, []).append(coluna.papel)
        return {qual: min(todos[qual], key=_FORCA.index) for qual in sorted(todos)}


@dataclass(frozen=True, slots=True)
class Vistos:
    """Vê passar as linhas de uma tabela, e anota os logins de uma coluna."""

    coluna: str
    vistos: set[str]

    @property
    def colunas(self) -> Sequence[str]:
        return (self.coluna,)

    def ver(self, grupo: _Grupo) -> None:
        ditos = {texto(valor) for (valor,) in grupo.valores(self.colunas)}
        self.vistos.update(filter(None, map(login, ditos)))


# -- de quantas empresas é cada login --------------------------------------------------------

LerLinhas = Callable[[Tabela, Sequence[str]], Iterable[bytes]]
"""Recebe a tabela e as colunas; dá todas as linhas dela, de todas as empresas, em JSON."""

_SEM_DONO = "?"
"""A empresa de uma linha que diz uma que não se conhece."""


@dataclass(frozen=True, slots=True)
class Pertencas:
    """De que empresas é cada login do projeto, e por que coluna se sabe (None: é o dono); e quem
    administra a plataforma."""

    empresas: Mapping[str, frozenset[tuple[str, ColunaDeMembros | None]]]
    administradores: frozenset[str]

    def da_empresa(self, empresa: Empresa) -> list[str]:
        """Os logins que alguma linha, quando se leram, dava a esta empresa; e o do dono."""
        dono = login(empresa.id)
        return sorted({qual for qual, _ in self._dela(empresa)} | ({dono} if dono else set()))

    def por_tabelas_nao_lidas(
        self, empresa: Empresa, lidas: Collection[str]
    ) -> Iterator[tuple[str, str]]:
        """Os mesmos, com o papel, pelas colunas de tabelas que não são as que se leem agora."""
        for qual, coluna in self._dela(empresa):
            if coluna is not None and coluna.tabela not in lidas:
                yield qual, coluna.papel

    def _dela(self, empresa: Empresa) -> Iterator[tuple[str, ColunaDeMembros | None]]:
        for qual, empresas in self.empresas.items():
            yield from ((qual, coluna) for de, coluna in empresas if de == empresa.id)

    def por_que_so_referencia(self, quem: str, papel: str, empresa: Empresa) -> str:
        """Por que este login não se escreve ao restaurar esta empresa; vazio se se escreve."""
        if any(de != empresa.id for de, _ in self.empresas.get(quem, ())):
            return DE_OUTRA
        if quem in self.administradores:
            return DA_PLATAFORMA
        return FRACO if papel == APROVADO else ""


def pertencas(
    empresas: Iterable[Empresa],
    donos: Donos,
    escopo: Mapping[str, TabelaNoEscopo],
    colunas: Iterable[ColunaDeMembros],
    ler: LerLinhas,
) -> Pertencas:
    """As de todos os logins, lendo as colunas de membros de todas as empresas. Levanta o que `ler`
    levantar."""
    de_quem: dict[str, set[tuple[str, ColunaDeMembros | None]]] = {}
    administradores: set[str] = set()
    for empresa in empresas:
        if (dono := login(empresa.id)) is not None:
            de_quem.setdefault(dono, set()).add((empresa.id, None))
    for coluna in colunas:
        tabela = escopo[coluna.tabela].tabela
        papel = [c for c in (PAPEL_NA_PLATAFORMA,) if coluna.tabela == APROVACOES]
        elos = [e.coluna for e in coluna.elos]
        pedidas = [c for c in dict.fromkeys((coluna.coluna, *elos, *papel)) if tabela.coluna(c)]
        for linha in map(valores_da_linha, ler(tabela, pedidas)):
            if (quem := login(linha.get(coluna.coluna))) is None:
                continue
            de = ((empresa, coluna) for empresa in _das_empresas(coluna, linha, donos))
            de_quem.setdefault(quem, set()).update(de)
            if str(linha.get(PAPEL_NA_PLATAFORMA, "")).casefold() in DE_ADMIN:
                administradores.add(quem)
    return Pertencas({q: frozenset(e) for q, e in de_quem.items()}, frozenset(administradores))


def _das_empresas(coluna: ColunaDeMembros, linha: Mapping[str, Any], donos: Donos) -> Iterator[str]:
    """A empresa desta linha; `?` se ela diz uma que não é nenhuma das que há."""
    ditos = [None if (v := linha.get(e.coluna)) is None else str(v) for e in coluna.elos]
    dono = donos.dono(coluna.elos, ditos)
    if dono is not None:
        yield dono
    elif any(v for e, v in zip(coluna.elos, ditos, strict=True) if e.coluna != coluna.coluna):
        yield _SEM_DONO


def administra(app_metadata: object) -> bool:
    """Se o `app_metadata` de um login diz que ele administra a plataforma."""
    if not isinstance(app_metadata, dict):
        return False
    ditos = Counter(str(v).casefold() for v in _papeis_ditos(app_metadata))
    return bool(DE_ADMIN & ditos.keys())


def _papeis_ditos(app_metadata: Mapping[str, Any]) -> Iterator[object]:
    for nome, valor in app_metadata.items():
        if nome in ("role", "user_role", "roles"):
            yield from valor if isinstance(valor, list) else [valor]
        elif valor is True:
            yield nome.removeprefix("is_").removeprefix("claims_")
