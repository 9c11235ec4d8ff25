"""A ação `podar`: apaga os backups antigos que nenhuma regra manda guardar."""

from __future__ import annotations

import argparse
from argparse import Namespace
from datetime import datetime

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.config.valores import Politica
from cofre.base.erros import ErroDeUso, Interrompido
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    inteiro_entre,
    minutos_de,
    opcao_de_empresa,
    opcao_de_esperar,
    opcoes_de_saida,
)
from cofre.comando.copia import opcao_de_destino
from cofre.comando.execucao import registrada
from cofre.comando.listar import opcao_de_fotos
from cofre.comando.podar_copia import PELA_METADE as COPIA_PELA_METADE
from cofre.comando.podar_copia import podar_copia
from cofre.deposito.deposito import Deposito
from cofre.deposito.estranhos import avisos_de_estranhos
from cofre.deposito.trava import esperar
from cofre.rotina.poda import palavras
from cofre.rotina.poda.plano import ResumoDaPoda
from cofre.rotina.poda.poda import PELA_METADE, Poda

PALAVRA = "PODAR"
REGRAS = {
    "ultimos": "fica cada um dos N mais novos",
    "horarios": "fica o mais novo de cada uma das N últimas horas que têm backup",
    "diarios": "fica o mais novo de cada um dos N últimos dias que têm backup",
    "semanais": "o mesmo, por semana (de segunda a domingo)",
    "mensais": "o mesmo, por mês",
    "anuais": "o mesmo, por ano",
}
NADA_FOI_APAGADO = "Nada foi apagado."
AJUDA = """\
Os backups em que a lista diz «sai» são apagados de vez, com os conteúdos de arquivos que então
nenhum cita; os outros ficam.
A palavra tem de ser escrita inteira, em maiúsculas; qualquer outra resposta não apaga nada."""


@registrada("podar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    politica = _politica(opcoes) or ambiente.politica_de_poda()
    if politica.vazia:
        raise ErroDeUso(
            "Nada é apagado sem que se diga o que guardar: falta ao menos um --manter.",
            _sem_regras(),
        )
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino), acao="poda")
    if opcoes.copia:
        return _na_copia(opcoes, deposito, politica, relato)
    if opcoes.copia_em:
        raise ErroDeUso("--copia-em é da cópia fora: falta --copia.")
    apesar = bool(opcoes.apesar_do_encolhimento)
    try:
        poda = Poda(deposito, politica, relato, tuple(opcoes.empresa or ()), apesar)
        return _conduzir(poda, opcoes)
    except KeyboardInterrupt:
        raise Interrompido("Interrompido.", PELA_METADE) from None


def _na_copia(opcoes: Namespace, deposito: Deposito, politica: Politica, relato: Relato) -> int:
    if opcoes.empresa:
        raise ErroDeUso("--copia poda a cópia inteira: não se diz a --empresa.")
    try:
        return podar_copia(opcoes, deposito, politica, relato)
    except KeyboardInterrupt:
        raise Interrompido("Interrompido.", COPIA_PELA_METADE) from None


def _conduzir(poda: Poda, opcoes: Namespace) -> int:
    """Mostra, pergunta e só então prende cada empresa: uma pergunta aberta não impede um backup."""
    planos = poda.planejar(datetime.now().astimezone())
    pastas = dict.fromkeys(p.pasta for p in planos) if poda.empresas else poda.deposito.pastas()
    for aviso in avisos_de_estranhos(poda.deposito.raiz, pastas):
        poda.relato.aviso(aviso)
    palavras.mostrar(planos, poda.politica, poda.relato, com_fotos=opcoes.fotos)
    resumo = ResumoDaPoda()
    if not opcoes.simular:
        if any(p.ha_o_que_apagar for p in planos) and not opcoes.sim:
            _confirmar(poda.relato)
        # Também sem nada a apagar: uma poda que morreu no meio termina aqui.
        with poda.deposito.trabalhando():
            resumo = poda.executar(planos, esperar(minutos_de(opcoes), poda.relato))
    poda.relato.documento(palavras.documento(poda.politica, planos, resumo))
    return resumo.codigo


def _confirmar(relato: Relato) -> None:
    """Levanta Cancelada se a palavra não vem."""
    perguntas = Perguntas(relato, "Poda cancelada.", NADA_FOI_APAGADO)
    perguntas.palavra(f"Digite '{PALAVRA}' para confirmar: ", (PALAVRA,), AJUDA)


def _politica(opcoes: Namespace) -> Politica | None:
    """A da linha de comando; None se ela não diz nenhuma regra: aí vale a do .env."""
    ditas = {nome: getattr(opcoes, f"manter_{nome}") for nome in REGRAS}
    return Politica(**{n: v or 0 for n, v in ditas.items()}) if any(ditas.values()) else None


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    for nome, ajuda in REGRAS.items():
        analisador.add_argument(
            f"--manter-{nome}",
            metavar="N",
            type=inteiro_entre(1, 9999),  # type: ignore[arg-type]
            help=ajuda,
        )
    analisador.add_argument(
        "--apesar-do-encolhimento",
        action="store_true",
        help="apaga também o que é anterior a um backup em que os dados encolheram",
    )
    analisador.add_argument("--simular", action="store_true", help="só mostra o que sairia")
    opcao_de_fotos(analisador)
    analisador.add_argument(
        "--copia", action="store_true", help="poda a cópia fora daqui, e não os backups daqui"
    )
    opcao_de_destino(analisador)
    analisador.add_argument("--sim", action="store_true", help="não pergunta: apaga o que sai")
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    opcao_de_esperar(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)


def _sem_regras() -> str:
    exemplo = comando(BACKUP, "podar", "--manter-diarios", "7", "--manter-mensais", "12")
    return (
        f"Diga quantos guardar, por exemplo:\n  {exemplo}\n"
        "ou ponha BACKUP_MANTER_DIARIOS=7 e as outras no .env (veja o .env.example)."
    )
