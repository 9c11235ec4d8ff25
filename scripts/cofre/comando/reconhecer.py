"""A ação `reconhecer`: o que encolheu, a empresa que sumiu ou o backup que falta, foi de
propósito."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.disco import erros_de_disco
from cofre.base.erros import TUDO_CERTO, ErroDeUso, NadaEncontrado, TravaOcupada
from cofre.base.palavras import na_tela, plural, visivel
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    minutos_de,
    opcao_de_empresa,
    opcao_de_esperar,
    opcoes_de_saida,
)
from cofre.comando.execucao import registrada
from cofre.deposito import ausencia, inventario
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import EmpresaComBackups
from cofre.deposito.lacre.faltas import Faltas
from cofre.deposito.trava import esperar
from cofre.rotina.encolhimento import ponto_de_partida, reconhecer, reconhecido_ate


@registrada("reconhecer")
def executar(opcoes: Namespace, relato: Relato) -> int:
    if opcoes.empresa and opcoes.todas:
        raise ErroDeUso("Não entendi o comando: --todas não combina com --empresa.")
    pasta = ambiente.pasta_de_backups(destino=opcoes.destino)
    deposito = Deposito(pasta, acao="reconhecimento")
    guardadas = inventario.guardadas(deposito, tuple(opcoes.empresa or ()))
    if not opcoes.empresa and not opcoes.todas:
        guardadas = [_a_unica(guardadas)]
    # As que estão em uso ficam para o fim: as outras não esperam por elas.
    em_uso = {g.empresa.id for g in guardadas if deposito.em_uso(g.empresa.id)}
    espera = esperar(minutos_de(opcoes), relato)
    documentos, codigo = [], TUDO_CERTO
    for guardada in sorted(guardadas, key=lambda g: g.empresa.id in em_uso):
        try:
            with deposito.trava_da_empresa(guardada.empresa, espera):
                documentos.append(_uma(deposito, guardada, relato))
        except TravaOcupada as e:
            relato.erro(str(e))
            codigo = e.codigo
    relato.documento({"acao": "reconhecer", "codigo": codigo, "empresas": documentos})
    return codigo


def _a_unica(guardadas: Sequence[EmpresaComBackups]) -> EmpresaComBackups:
    """A única com um encolhimento por reconhecer, ou que sumiu do banco. Levanta NadaEncontrado, ou
    ErroDeUso se são várias, com o comando de cada uma."""
    candidatas = [g for g in guardadas if _por_reconhecer(g)]
    if not candidatas:
        raise NadaEncontrado(
            "Nenhuma empresa encolheu no último backup, sumiu do banco ou tem um backup que falte.",
            "Para outra, diga qual é: --empresa; ou --todas.",
        )
    if len(candidatas) > 1:
        linhas = "\n".join(
            f"{visivel(g.empresa.nome)}:\n"
            f"  {comando(BACKUP, 'reconhecer', '--empresa', g.empresa.id)}"
            for g in candidatas
        )
        raise ErroDeUso(
            "Mais de uma empresa encolheu, ou sumiu do banco.", f"Escolha (ou --todas):\n{linhas}"
        )
    return candidatas[0]


def _por_reconhecer(guardada: EmpresaComBackups) -> bool:
    if guardada.sumiu or Faltas.de(guardada.pasta, guardada.empresa.id).tirados:
        return True
    ultimo = ponto_de_partida(reversed(guardada.backups))
    if ultimo is None or ultimo.meta is None or not ultimo.meta.encolhidas:
        return False
    return ultimo.ordem > reconhecido_ate(guardada.pasta, guardada.empresa.id)


def _uma(deposito: Deposito, guardada: EmpresaComBackups, relato: Relato) -> dict[str, Any]:
    """Reconhece uma empresa, que se tem presa: um backup dela pode ter acabado, ou saído, desde que
    se leu. Sem backup de rotina, não há o que reconhecer."""
    empresa = guardada.empresa
    with erros_de_disco(guardada.pasta):
        faltavam = Faltas.de(guardada.pasta, empresa.id).reconhecer()
    if faltavam:
        quais = plural(faltavam, "backup que falta", "backups que faltam")
        relato.linha(f"✅ {visivel(empresa.nome)}: {quais} na pasta não contam mais.")
    ultimo = ponto_de_partida(deposito.da_empresa_do_mais_novo(empresa.id))
    if ultimo is None:
        relato.linha(f"ℹ️ {visivel(empresa.nome)}: não há backup de rotina, nada a reconhecer.")
        return {"id": empresa.id, "nome": empresa.nome, "a_partir_de": "", "faltavam": faltavam}
    reconhecer(guardada.pasta, empresa.id, ultimo)
    ausencia.esquecer(guardada.pasta)
    relato.linha(
        f"✅ {visivel(empresa.nome)}: daqui em diante, compara-se com o backup de"
        f" {na_tela(ultimo.quando)}."
    )
    return {
        "id": empresa.id,
        "nome": empresa.nome,
        "a_partir_de": ultimo.carimbo,
        "faltavam": faltavam,
    }


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    analisador.add_argument(
        "--todas", action="store_true", help="todas as empresas com backup, em vez de --empresa"
    )
    opcao_de_esperar(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
