"""O próximo passo de cada problema de uma empresa: uma frase, e os comandos que se colam."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cofre.base.comandos import BACKUP, RESTAURACAO, comando
from cofre.base.modelo import Empresa
from cofre.rotina.encolhimento import Encolhimento
from cofre.rotina.mudanca import Mudanca
from cofre.rotina.painel.dados import (
    ENCOLHIDA,
    INCOMPLETA,
    MUDADA,
    POR_CONCLUIR,
    QUEBRADA,
    SEM_COPIA,
    SUMIDA,
    VELHA,
    EmpresaNoPainel,
)
from cofre.rotina.promessa import IDADE, LACUNA, VOLTA
from cofre.rotina.retorno import de_que_backups, retorno


@dataclass(frozen=True, slots=True)
class Passo:
    """O que fazer de um problema."""

    problema: str
    frase: str
    comandos: tuple[str, ...]


def passos(empresa: EmpresaNoPainel) -> Iterator[Passo]:
    """Um por problema, na ordem deles; e o da velhice, que a página pode vir a acusar sozinha."""
    for problema in dict.fromkeys((*empresa.problemas, VELHA)):
        yield from _passos(problema, empresa)


def _passos(problema: str, empresa: EmpresaNoPainel) -> Iterator[Passo]:
    de_quem = ("--empresa", empresa.id)
    if problema == SUMIDA:
        yield Passo(problema, "Para a trazer de volta:", (comando(RESTAURACAO, *de_quem),))
        yield Passo(problema, "Se foi de propósito:", (_reconhecer(empresa),))
    elif problema == POR_CONCLUIR:
        acoes = ("continuar", "desfazer")
        comandos = tuple(comando(RESTAURACAO, acao, *de_quem) for acao in acoes)
        yield Passo(problema, "Para a concluir, ou voltar atrás:", comandos)
    elif problema in (INCOMPLETA, VELHA):
        refazer = (comando(BACKUP, *de_quem),)
        yield Passo(problema, "Depois de resolver a causa, um backup novo:", refazer)
    elif problema == QUEBRADA:
        quebradas = {q for q, _ in empresa.medida.quebras}
        if quebradas & {IDADE, LACUNA}:
            mais_vezes = (comando(BACKUP, "agendar", "15min"),)
            yield Passo(problema, "Para perder menos, um backup mais vezes:", mais_vezes)
        if VOLTA in quebradas:
            medir = (comando(BACKUP, "ensaiar", *de_quem),)
            yield Passo(problema, "Para medir a volta outra vez:", medir)
    elif problema == SEM_COPIA:
        conferir = (comando(BACKUP, "enviar"), comando(BACKUP, "verificar", "--copia"))
        yield Passo(problema, "Para a fazer agora, e conferir:", conferir)
    elif problema == ENCOLHIDA or (problema == MUDADA and not empresa.encolhimentos):
        notadas: list[Encolhimento | Mudanca] = [*empresa.encolhimentos, *empresa.mudancas]
        de_volta = retorno(Empresa(empresa.id, empresa.nome), de_que_backups(notadas))
        yield Passo(problema, "Se foi um acidente, volta com:", de_volta.comandos)
        if problema == ENCOLHIDA:
            yield Passo(problema, "Se foi de propósito:", (de_volta.reconhecer,))


def _reconhecer(empresa: EmpresaNoPainel) -> str:
    return comando(BACKUP, "reconhecer", "--empresa", empresa.id)
