"""As linhas que nomeiam um arquivo que nem a pasta nem quem o enviou dizem de quem é.

A empresa da foto vê as suas linhas passar. Das outras só se pergunta, ao servidor, quem nomeia
algum dos soltos: se uma linha que não é desta empresa nomeia o mesmo, ele não é de ninguém.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from cofre.base.config.valores import COLUNA
from cofre.base.erros import ConsultaDemorada
from cofre.base.linha import NULO, abrir_linha, texto
from cofre.base.modelo import Tabela
from cofre.base.palavras import e_depois, visivel
from cofre.deposito.passada import Grupo
from cofre.escopo.arquivos import citados, textos_em
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.foto.storage.relacao import Relacao, marca_de
from cofre.via.contrato import ViaDeLeitura

DE_TEXTO = frozenset({"text", "character varying", "character", "citext"})
FINAIS = 12
"""Com mais finais de nome diferentes que estes, pergunta-se por finais mais curtos."""
BYTES_DO_FILTRO = 1800
"""De uma pergunta, já escapada: com o resto, a URL fica abaixo de 3 KB."""

_ENDERECO = b"/storage/v1/"


@dataclass(frozen=True, slots=True)
class Procura:
    """O que se procura nas linhas: os soltos de uma lista. `baldes` são os deles."""

    relacao: Relacao
    baldes: tuple[str, ...]
    padrao: str
    """A expressão regular por que passa todo texto que nomeia um deles."""
    _ultimos: frozenset[bytes]

    @classmethod
    def de(cls, relacao: Relacao) -> Procura:
        """OSError passa."""
        finais = _Finais()
        baldes: dict[str, None] = {}
        for objeto in relacao.soltos():  # podem ser muitos: dos nomes só se guardam os finais
            finais.somar(objeto.nome)
            baldes[objeto.balde] = None
        ultimos = frozenset(final.encode()[-1:] for final in finais.de(1))
        padrao = f"/storage/v1/|({finais.expressao()})$"
        return cls(relacao, tuple(baldes), padrao, ultimos)

    def colunas(self, tabela: Tabela) -> tuple[str, ...]:
        """As desta tabela que podem nomear um: as de texto, e a que o cofre.toml diz."""
        ditas = [r.coluna for r in self._regras() if (r.dono, r.tabela) == (COLUNA, tabela.nome)]
        geral = any(r.dono != COLUNA for r in self._regras())
        de_texto = [c.nome for c in tabela.colunas if geral and c.tipo in DE_TEXTO]
        ha = {c.nome for c in tabela.colunas}
        return tuple(c for c in dict.fromkeys((*de_texto, *ditas)) if c in ha)

    def achar(self, tabela: str, coluna: str, valor: bytes) -> Iterator[int]:
        """As marcas dos soltos que este valor (em JSON) nomeia."""
        if valor == NULO or (_ENDERECO not in valor and not self._pode_acabar(valor)):
            return
        for dito in _textos(valor):
            for balde, nome in citados(dito, self.baldes):
                marca = marca_de(balde, nome)
                if self.relacao.e_solto(marca) and self._vale(balde, tabela, coluna):
                    yield marca

    def _pode_acabar(self, valor: bytes) -> bool:
        return valor[:1] != b'"' or valor[-2:-1] in self._ultimos

    def _vale(self, balde: str, tabela: str, coluna: str) -> bool:
        regra = self.relacao.donos.regra(balde)
        return regra.dono != COLUNA or (regra.tabela, regra.coluna) == (tabela, coluna)

    def _regras(self) -> Iterable[Any]:
        return (self.relacao.donos.regra(balde) for balde in self.baldes)


class _Finais:
    """Como acabam muitos nomes, por quantos caracteres se olham."""

    def __init__(self) -> None:
        self._por_tamanho: dict[int, set[str]] = {4: set(), 2: set(), 1: set()}

    def somar(self, nome: str) -> None:
        """Mais um nome. Dos finais compridos deixa-se de saber quando já são demais."""
        for tamanho, finais in self._por_tamanho.items():
            if tamanho == 1 or len(finais) <= FINAIS:
                finais.add(nome[-tamanho:])

    def de(self, tamanho: int) -> set[str]:
        """Os deste tamanho."""
        return self._por_tamanho[tamanho]

    def expressao(self) -> str:
        """A que casa com o fim de qualquer dos nomes, curta."""
        for tamanho in (4, 2):
            finais = self._por_tamanho[tamanho]
            if len(finais) <= FINAIS:
                return "|".join(map(_literal, sorted(finais)))
        return f"[{''.join(map(_literal, sorted(self._por_tamanho[1])))}]"


def _literal(texto: str) -> str:
    """Sem sentido numa expressão do PostgreSQL, dentro ou fora de colchetes: ali, uma barra antes
    de uma letra (e «é» é uma) seria outra coisa."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", texto)


def _textos(valor: bytes) -> Iterator[str]:
    """Os de um valor em JSON; nenhum, se não se lê."""
    try:
        return textos_em(msgspec.json.decode(valor))
    except (msgspec.DecodeError, RecursionError):
        return iter(())


def marca_da_linha(tabela: str, chave: Sequence[bytes]) -> int:
    """Um número que só esta linha tem."""
    dito = "\0".join((tabela, *(texto(v) or "" for v in chave))).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(dito, digest_size=8).digest())


class Citacoes:
    """As linhas que nomeiam cada solto: marca do arquivo → marcas das linhas."""

    def __init__(self) -> None:
        self.tabelas: set[str] = set()
        self._de: dict[int, int | frozenset[int]] = {}

    @classmethod
    def procurar(
        cls, via: ViaDeLeitura, tabelas: Mapping[str, TabelaNoEscopo], procura: Procura
    ) -> Citacoes:
        """As de todas as empresas. Levanta FalhaDoServidor."""
        achadas = cls()
        for tabela in (t.tabela for t in tabelas.values()):
            try:
                for colunas, padrao in _perguntas(tabela, procura):
                    for linha in via.varrer(tabela, colunas, padrao):
                        achadas._ver(tabela, colunas, abrir_linha(linha), procura)
            except ConsultaDemorada:
                raise _demorada(tabela.nome, procura.baldes) from None
        return achadas

    def de(self, marca: int) -> frozenset[int]:
        """As linhas que nomeiam este."""
        linhas = self._de.get(marca, frozenset())
        return linhas if isinstance(linhas, frozenset) else frozenset((linhas,))

    def _ver(
        self,
        tabela: Tabela,
        colunas: Sequence[str],
        linha: Mapping[str, msgspec.Raw],
        procura: Procura,
    ) -> None:
        quem = 0
        for coluna in colunas:
            for marca in procura.achar(tabela.nome, coluna, bytes(linha[coluna])):
                quem = quem or marca_da_linha(tabela.nome, [bytes(linha[c]) for c in tabela.ordem])
                self.tabelas.add(tabela.nome)
                ja = self._de.get(marca)
                self._de[marca] = quem if ja in (None, quem) else self.de(marca) | {quem}


def _demorada(tabela: str, baldes: Sequence[str]) -> ConsultaDemorada:
    quais = e_depois([f"[arquivos.{visivel(balde)}]" for balde in baldes])
    return ConsultaDemorada(
        f"Procurar em {visivel(tabela)} as linhas que nomeiam arquivos passou do limite de tempo do"
        " servidor.",
        f"Diga no cofre.toml de quem são, e não se procura: em {quais}, dono ou coluna.",
    )


def _perguntas(tabela: Tabela, procura: Procura) -> Iterator[tuple[tuple[str, ...], str]]:
    """As colunas a pedir, e por que expressão: as que não são de texto, inteiras."""
    colunas = procura.colunas(tabela)
    inteiras = tuple(c for c in colunas if tabela.tipo_de(c) not in DE_TEXTO)
    if inteiras:
        yield inteiras, ""
    de_texto = [c for c in colunas if c not in inteiras]
    custo = len(quote(procura.padrao, safe=""))
    por_vez = max(1, BYTES_DO_FILTRO // (custo + 40))
    for i in range(0, len(de_texto), por_vez):
        yield tuple(de_texto[i : i + por_vez]), procura.padrao


@dataclass(slots=True)
class Observadas:
    """As linhas da empresa da foto que nomeiam soltos, numa tabela: é um Observador."""

    tabela: Tabela
    procura: Procura
    quais: tuple[str, ...]
    linhas: dict[int, set[int]] = field(default_factory=dict)

    @property
    def colunas(self) -> Sequence[str]:
        """As que podem nomear um, e a chave."""
        return tuple(dict.fromkeys((*self.quais, *self.tabela.chave)))

    def ver(self, grupo: Grupo) -> None:
        """Sem chave, uma linha não se distingue das outras, e não dá nada a ninguém."""
        if not self.tabela.chave:
            return
        for coluna in self.quais:
            for i, valor in enumerate(grupo.coluna(coluna)):
                for marca in self.procura.achar(self.tabela.nome, coluna, valor):
                    chave = [grupo.coluna(c)[i] for c in self.tabela.chave]
                    quem = marca_da_linha(self.tabela.nome, chave)
                    self.linhas.setdefault(marca, set()).add(quem)
