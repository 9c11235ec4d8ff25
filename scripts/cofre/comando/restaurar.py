"""As ações de restaurar-empresa.py."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import TYPE_CHECKING

from cofre.base.erros import ErroDeUso, NadaEncontrado, RestauracaoIncompleta
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    Analisador,
    Fazer,
    acoes_de,
    analisador_de,
    lista_de_nomes,
    opcoes_de_conexao,
    opcoes_de_saida,
)
from cofre.comando.execucao import registrada
from cofre.restauracao.conducao import PERDAS, Conducao, como_seguir
from cofre.restauracao.sessao import Sessao, abrir_sessao

if TYPE_CHECKING:
    from cofre.deposito.diario import Diario
    from cofre.deposito.inventario import EmpresaComBackups


DESCRICAO = """\
Restaura UMA empresa a partir do backup dela, sem tocar nas outras.

Sem opções, pergunta a empresa, as tabelas e a confirmação.
"""


def ler_argumentos(argumentos: list[str]) -> tuple[Namespace, Fazer]:
    """As opções e a ação pedida. Levanta ErroDeUso."""
    opcoes = _analisador().parse_args(argumentos)
    if opcoes.acao is not None:
        _recusar_o_que_nao_e_da_acao(opcoes)
    acoes: dict[str, Fazer] = {"desfazer": desfazer, "continuar": continuar}
    return opcoes, acoes[opcoes.acao] if opcoes.acao else restaurar


def _recusar_o_que_nao_e_da_acao(opcoes: Namespace) -> None:
    """Antes da ação, o argparse aceitaria as opções da restauração e as esqueceria."""
    dadas = {
        "--simular": opcoes.simular,
        "--backup": opcoes.backup,
        "--tabelas": opcoes.tabelas,
        "--modo": opcoes.modo != "voltar",
    }
    for nome, dada in dadas.items():
        if dada:
            raise ErroDeUso(f"Não entendi o comando: {opcoes.acao} não aceita {nome}.")


def _analisador() -> Analisador:
    analisador = analisador_de("restaurar-empresa.py", DESCRICAO)
    _opcoes(analisador, None)
    analisador.add_argument(
        "--backup", metavar="QUANDO", help="carimbo do backup (AAAAMMDD_HHMMSS), ou o começo dele"
    )
    analisador.add_argument(
        "--tabelas", metavar="A,B", type=lista_de_nomes, help="só estas tabelas (padrão: todas)"
    )
    analisador.add_argument(
        "--modo",
        choices=("voltar", "recuperar"),
        default="voltar",
        metavar="MODO",
        help="voltar (padrão: fica como no backup) ou recuperar (só repõe o que falta)",
    )
    analisador.add_argument(
        "--simular", action="store_true", help="só mostra o plano; sai com 9 se algo difere"
    )
    ajudas = {
        "desfazer": "volta a empresa ao que era antes da última restauração",
        "continuar": "conclui uma restauração que não terminou",
    }
    for _nome, acao in acoes_de(analisador, ajudas):
        _opcoes(acao, argparse.SUPPRESS)
    return analisador


def _opcoes(analisador: argparse.ArgumentParser, padrao: object) -> None:
    analisador.add_argument(
        "--empresa", metavar="QUAL", default=padrao, help="id, começo do id ou nome"
    )
    analisador.add_argument(
        "--confirmar",
        metavar="PALAVRA",
        default=padrao,
        help="RESTAURAR, para não perguntar",
    )
    analisador.add_argument(
        "--efeitos",
        choices=("desfazer", "manter"),
        default=padrao,
        metavar="O_QUE",
        help="o que gatilhos mudarem em tabelas não escolhidas: desfazer ou manter",
    )
    analisador.add_argument(
        "--aceitar",
        metavar="PERDAS",
        type=_perdas,
        default=padrao,
        help="o que pode não voltar, sem perguntar: colunas (que o banco não tem mais), registros"
        " (que ele recusa), tabelas; separados por vírgula",
    )
    opcoes_de_saida(analisador, padrao)
    opcoes_de_conexao(analisador, padrao)


def _perdas(texto: str) -> tuple[str, ...]:
    nomes = lista_de_nomes(texto)
    if not set(nomes) <= set(PERDAS):
        raise argparse.ArgumentTypeError(f"use {', '.join(PERDAS)}")
    return nomes


@registrada("restaurar")
def restaurar(opcoes: Namespace, relato: Relato) -> int:
    """O diálogo, ou o mesmo por opções."""
    from cofre.plano.alvo import Alvo
    from cofre.restauracao.dialogo import Dialogo, tabelas_pedidas

    with abrir_sessao(opcoes, relato) as sessao:
        dialogo = Dialogo(relato)
        guardadas = sessao.guardadas(opcoes.empresa)
        guardada = guardadas[0] if opcoes.empresa else dialogo.empresa(guardadas)
        pendente = sessao.pendente(guardada)
        if pendente is not None and not opcoes.simular:
            return _resolver_pendente(sessao, guardada, pendente)
        backup = sessao.backup(guardada, opcoes.backup)
        if opcoes.tabelas or opcoes.empresa:
            tabelas = tabelas_pedidas(opcoes.tabelas or (), backup)
        else:
            backup, tabelas = dialogo.tabelas(guardada, backup)
        sessao.conectar(guardada, backup)
        alvo = Alvo(sessao.empresa, backup, tabelas, opcoes.modo)
        return Conducao(sessao).levar(alvo, "restaurar")


def _resolver_pendente(sessao: Sessao, guardada: EmpresaComBackups, pendente: Diario) -> int:
    """Uma restauração que não acabou vem antes de outra. Devolve o código de saída."""
    from cofre.restauracao.dialogo import Dialogo

    relato = sessao.relato
    quando = str(pendente.dados.get("comecada_em"))[:16].replace("T", " ")
    oque = "um desfazer não concluído" if pendente.desfazendo else "uma restauração não concluída"
    relato.linha()
    relato.linha(f"⚠️ Há {oque}, de {quando}.")
    if sessao.opcoes.confirmar:
        raise ErroDeUso(
            f"Há {oque} desta empresa: resolva antes.",
            como_seguir(pendente, sessao.opcoes.destino),
        )
    escolha = Dialogo(relato).seguir(pendente.desfazendo)
    if escolha == "1":
        return Conducao(sessao).concluir(guardada, pendente)
    if escolha == "2":
        return Conducao(sessao).desfazer(guardada, pendente)
    if escolha == "3":
        pendente.deixar()
    relato.erro(como_seguir(pendente, sessao.opcoes.destino))
    return RestauracaoIncompleta.codigo


@registrada("desfazer")
def desfazer(opcoes: Namespace, relato: Relato) -> int:
    """Volta ao que era antes da última restauração."""
    with abrir_sessao(opcoes, relato) as sessao:
        guardada = sessao.guardadas(_exigir(opcoes.empresa))[0]
        return Conducao(sessao).desfazer(guardada, sessao.ultimo_diario(guardada))


@registrada("continuar")
def continuar(opcoes: Namespace, relato: Relato) -> int:
    """Conclui a que não terminou."""
    with abrir_sessao(opcoes, relato) as sessao:
        guardada = sessao.guardadas(_exigir(opcoes.empresa))[0]
        pendente = sessao.por_concluir(guardada)
        if pendente is None:
            raise NadaEncontrado("Não há restauração por concluir desta empresa.", "")
        return Conducao(sessao).concluir(guardada, pendente)


def _exigir(empresa: str | None) -> str:
    if not empresa:
        raise ErroDeUso("Diga a empresa.", "Com --empresa: id, começo do id ou nome.")
    return empresa
