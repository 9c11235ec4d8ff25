"""De quem é cada arquivo do Storage: nada no banco o diz, e por isso a regra está aqui, inteira.

Um arquivo é da empresa cuja pasta é a primeira do nome: o id do dono, o de uma linha de `empresas`
ou o login de um funcionário dela. Senão, da empresa de quem o enviou (`owner_id`, que só o banco
diz). Senão, da que tem uma linha que o nomeia. O cofre.toml pode dizer, balde a balde, que só vale
uma destas. É de uma empresa ou de nenhuma: o que duas reclamam pela mesma regra não é de ninguém.

Quem grava linhas numa empresa não ganha com isso arquivos de outra: a pasta e o `owner_id` valem
antes do que uma linha nomeia. Do que diz quem é de quem, só conta o que a própria pessoa não pode
escrever: `user_approvals` com um `parent_user_id` não dá nada a ninguém, porque qualquer um a
escreve sobre si mesmo (e os arquivos dele iriam parar no backup, e na restauração, de outra).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

from cofre.base.config.valores import COLUNA, DONO_DO_OBJETO, NENHUM, PASTA, RegraDeBalde
from cofre.base.modelo import Empresa

_DISPUTADO = None


class Decisao(NamedTuple):
    """De quem é um arquivo: de `empresa`, ou de nenhuma. `solto`: ainda pode ser de quem o nomeia
    numa linha. `disputado`: duas o reclamam."""

    empresa: str | None = None
    solto: bool = False
    disputado: bool = False


DE_NINGUEM, SOLTO, DISPUTADO = Decisao(), Decisao(solto=True), Decisao(disputado=True)


class Identidades:
    """De que empresa é cada id que pode ser uma pasta, ou quem enviou um arquivo."""

    def __init__(self, empresas: Iterable[Empresa], logins: Iterable[tuple[str, str]]) -> None:
        """`logins`: (login do funcionário, id da empresa), de todas. O id de um dono é sempre da
        empresa dele; depois vale o das linhas de `empresas`; depois, os logins."""
        todas = list(empresas)
        das_linhas = ((valor, e.id) for e in todas for valor in e.valores("id"))
        self._de: dict[str, str | None] = {}
        for pares in (((e.id, e.id) for e in todas), das_linhas, logins):
            self._de = _juntar(pares) | self._de

    def empresa(self, id_: str) -> Decisao:
        """A deste id; DE_NINGUEM se não é de nenhuma."""
        if id_ not in self._de:
            return DE_NINGUEM
        achada = self._de[id_]
        return DISPUTADO if achada is _DISPUTADO else Decisao(achada)

    def __eq__(self, outra: object) -> bool:
        return isinstance(outra, Identidades) and self._de == outra._de

    __hash__ = None  # type: ignore[assignment]


def _juntar(pares: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    achados: dict[str, str | None] = {}
    for id_, empresa in pares:
        if id_:
            achados[id_] = empresa if achados.get(id_, empresa) == empresa else _DISPUTADO
    return achados


@dataclass(frozen=True, slots=True)
class DonosDeArquivos:
    """A regra de hoje: a configuração e os ids que se conhecem."""

    regras: Mapping[str, RegraDeBalde]
    identidades: Identidades = field(default_factory=lambda: Identidades((), ()))

    def decidir(self, balde: str, nome: str, enviado_por: str | None) -> Decisao:
        """De quem é, pela pasta e por quem o enviou (None: não se sabe, ou ninguém)."""
        regra = self.regra(balde)
        if (
            regra.dono == NENHUM or "/" in balde
        ):  # no caminho, «b/pasta» + «nome» é «b» + «pasta/nome»
            return DE_NINGUEM
        da_pasta = self._da_pasta(nome)
        if regra.dono == PASTA:
            return da_pasta
        de_quem_enviou = self.identidades.empresa(enviado_por) if enviado_por else DE_NINGUEM
        if regra.dono == DONO_DO_OBJETO:
            return de_quem_enviou
        if regra.dono == COLUNA:
            return SOLTO
        return next((d for d in (da_pasta, de_quem_enviou) if d != DE_NINGUEM), SOLTO)

    def de_proposito(self, balde: str) -> bool:
        """Se o cofre.toml diz que os deste balde não são de empresa alguma."""
        return self.regra(balde).dono == NENHUM

    def regra(self, balde: str) -> RegraDeBalde:
        """O que o cofre.toml diz deste balde; sem nada, a geral."""
        return self.regras.get(balde, RegraDeBalde())

    def de_quem_nomeia(
        self, balde: str, nome: str, enviado_por: str | None, citam: Iterable[str]
    ) -> Decisao:
        """De quem é um solto que linhas destas empresas nomeiam (id vazio: linhas de outras, que
        não se sabe quais). A pasta, e quem enviou, ainda contam contra: uma linha não os muda."""
        empresas = set(citam)
        if len(empresas) != 1:
            return DISPUTADO if empresas else DE_NINGUEM
        (empresa,) = empresas
        contra = [self._da_pasta(nome)]
        contra += [self.identidades.empresa(enviado_por)] if enviado_por else []
        de_outra = any(d.disputado or d.empresa not in (None, empresa) for d in contra)
        return DISPUTADO if de_outra or not empresa else Decisao(empresa)

    def _da_pasta(self, nome: str) -> Decisao:
        pasta, barra, _resto = nome.partition("/")
        return self.identidades.empresa(pasta) if barra else DE_NINGUEM


_ROTA = re.compile(
    r"/storage/v1/(?:render/image/(?:public|sign|authenticated)/|s3/"
    r"|object/(?:public/|sign/|authenticated/|info/(?:public/|authenticated/)?)?)"
    r"([^/\s\"'<>?#]+)/([^\s\"<>?#]+)"
)
"""As formas de endereço de um arquivo (arquivo público, assinado, com sessão, imagem mudada, S3),
em qualquer servidor: o projeto pode ter um domínio próprio, ou já ter tido outro."""


def textos_em(valor: Any) -> Iterator[str]:
    """Os textos de um valor de JSON já lido: ele, ou os de dentro."""
    pilha = [valor]
    while pilha:
        item = pilha.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            pilha.extend(item)
        elif isinstance(item, dict):
            pilha.extend(item.values())


def citados(valor: str, baldes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Os (balde, nome) que este valor de uma coluna pode nomear: os endereços que há nele, em
    qualquer lugar; ou ele é o caminho, com ou sem o balde. Só nomeia os que existirem."""
    if "/storage/v1/" in valor:
        for balde, resto in _ROTA.findall(valor):
            for caminho in dict.fromkeys((resto, re.split(r"[')\],;]", resto)[0])):
                yield unquote(balde), unquote(caminho)
        return
    for caminho in dict.fromkeys((valor, valor.removeprefix("/"))):
        dentro, barra, resto = caminho.partition("/")
        for balde in baldes:
            yield balde, caminho
            if barra and dentro == balde:
                yield balde, resto
