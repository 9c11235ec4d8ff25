"""Escolher empresas pelo que o usuário escreve: id, começo do id ou nome."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cofre.erros import ErroDeUso, NadaEncontrado
from cofre.modelo import Empresa
from cofre.relato import limpo

CANDIDATAS_MOSTRADAS = 20


def escolher_empresas(todas: Sequence[Empresa], pedidas: Sequence[str]) -> list[Empresa]:
    """As pedidas, na ordem de `todas`; todas se nada foi pedido.

    Levanta NadaEncontrado (ninguém assim) ou ErroDeUso (mais de uma, com as candidatas).
    """
    if not pedidas:
        return list(todas)
    escolhidas = {_uma(todas, texto).id for texto in pedidas}
    return [e for e in todas if e.id in escolhidas]


def _uma(todas: Sequence[Empresa], texto: str) -> Empresa:
    procurado = texto.strip().casefold()
    formas: tuple[Callable[[Empresa], bool], ...] = (
        lambda e: e.id.casefold() == procurado,
        lambda e: e.nome.casefold() == procurado,
        lambda e: e.id.casefold().startswith(procurado),
        lambda e: procurado in e.nome.casefold(),
    )
    for casa in formas if procurado else ():
        achadas = [e for e in todas if casa(e)]
        if len(achadas) == 1:
            return achadas[0]
        if achadas:
            raise ErroDeUso(
                f"«{limpo(texto)}» pode ser mais de uma empresa.",
                f"Use o id inteiro de uma destas:\n{_lista(achadas)}",
            )
    raise NadaEncontrado(
        f"Nenhuma empresa com id ou nome «{limpo(texto)}».", f"Empresas:\n{_lista(todas)}"
    )


def _lista(empresas: Sequence[Empresa]) -> str:
    linhas = [f"  {limpo(e.id)}  {limpo(e.nome)}" for e in empresas[:CANDIDATAS_MOSTRADAS]]
    if len(empresas) > CANDIDATAS_MOSTRADAS:
        linhas.append(f"  … e mais {len(empresas) - CANDIDATAS_MOSTRADAS}")
    return "\n".join(linhas)
