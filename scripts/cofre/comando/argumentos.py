"""As opções que as ações têm em comum, e os códigos com que terminam."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cofre.base.erros import ErroDeUso
from cofre.base.palavras import visivel
from cofre.base.relato import Relato
from cofre.rotina.agenda.tarefa import em_minutos, ler_intervalo

Fazer = Callable[[Namespace, Relato], int]
"""Recebe as opções e o relato; devolve o código de saída."""

MANUAL, AGENDADO = "manual", "agendado"
ESPERA, ESPERA_DO_AGENDADO = 1, 30
"""Minutos por uma empresa que outra execução está usando: quem está à frente do computador não quer
esperar muito; a tarefa da noite pode."""
CONEXOES = 4
TENTATIVAS = 8

CODIGOS = """\
códigos de saída:
  0    tudo inteiro
  1    erro inesperado (um defeito deste programa)
  2    uso ou configuração errados
  3    nada encontrado (empresa ou backup)
  4    alguma empresa ou tabela falhou, ou o disco
  5    outra execução está usando o que se pediu
  6    backup danificado
  7    restauração incompleta (a foto de antes permite desfazer)
  8    restauração recusada antes de começar: nada foi escrito
  9    há diferenças (ao comparar, ou com --simular)
  10   tudo foi copiado, mas há dados que parecem ter sumido
  11   ensaio reprovado: o backup não voltou como era
  12   restauração concluída, mas nem tudo voltou como era
  13   a cópia fora não foi feita, ou não está como devia
  14   o que se prometeu de uma empresa não se cumpre
  130  interrompido (Ctrl+C)
"""


def uso_com(analisador: argparse.ArgumentParser, argumentos: str) -> None:
    """Uma ação que leva `argumentos` além das opções: o uso os mostra."""
    analisador.usage = f"{analisador.prog} {argumentos} [opções]"
    analisador._positionals.title = "argumentos"


def inteiro_entre(minimo: int, maximo: int) -> object:
    """Um tipo do argparse: um inteiro na faixa."""

    def converter(texto: str) -> int:
        try:
            valor = int(texto)
        except ValueError:
            valor = minimo - 1
        if not minimo <= valor <= maximo:
            raise argparse.ArgumentTypeError(
                f"é um número de {minimo} a {maximo}, não «{visivel(texto)}»"
            )
        return valor

    return converter


def opcoes_de_saida(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--destino, --json e --silencioso. `padrao`: SUPPRESS nas ações, para não apagar o que
    veio antes delas."""
    analisador.add_argument(
        "--destino",
        metavar="PASTA",
        default=padrao,
        help="pasta dos backups (senão BACKUP_DIR, senão backups/ na raiz do projeto)",
    )
    analisador.add_argument(
        "--json",
        action="store_true",
        default=padrao,
        help="um documento JSON na saída padrão; as palavras vão para a saída de erros",
    )
    analisador.add_argument(
        "--silencioso", action="store_true", default=padrao, help="só diz o que deu errado"
    )


class _Ditas(argparse.Action):
    """As conexões, e que foi quem chama que as disse (ver `conexoes_ditas`)."""

    def __call__(
        self,
        _analisador: argparse.ArgumentParser,
        opcoes: Namespace,
        valor: object,
        _opcao: str | None = None,
    ) -> None:
        opcoes.conexoes = opcoes.conexoes_ditas = valor


def conexoes_ditas(opcoes: Namespace) -> int | None:
    """As que quem chama disse; None se são as de costume: numa frota, as de cada processo."""
    ditas: int | None = getattr(opcoes, "conexoes_ditas", None)
    return ditas


def opcoes_de_conexao(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--via, --conexoes, --tentativas e --limite-por-segundo."""
    analisador.add_argument(
        "--via",
        metavar="VIA",
        choices=("api", "direta"),
        default=padrao,
        help="api ou direta (padrão: direta, se o .env tem SUPABASE_DB_URL; senão api)",
    )
    analisador.add_argument(
        "--conexoes",
        metavar="N",
        action=_Ditas,
        type=inteiro_entre(1, 32),  # type: ignore[arg-type]
        default=CONEXOES if padrao is None else padrao,
        help=f"quantos pedidos ao mesmo tempo (padrão {CONEXOES})",
    )
    analisador.add_argument(
        "--tentativas",
        metavar="N",
        type=inteiro_entre(1, 100),  # type: ignore[arg-type]
        default=TENTATIVAS if padrao is None else padrao,
        help=f"quantas vezes tentar cada pedido antes de desistir (padrão {TENTATIVAS})",
    )
    analisador.add_argument(
        "--limite-por-segundo",
        metavar="N",
        type=inteiro_entre(1, 1000),  # type: ignore[arg-type]
        default=padrao,
        help="no máximo tantos pedidos por segundo à API (padrão: sem limite)",
    )


def opcao_da_frota(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--frota."""
    analisador.add_argument(
        "--frota",
        metavar="ONDE",
        default=padrao,
        help="copia com muitos processos: local:4 (quatro aqui) ou tls://AGENDADOR:8786 (os de"
        " outras máquinas); «criar» faz os certificados",
    )


def opcao_de_tipo(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--tipo."""
    analisador.add_argument(
        "--tipo",
        metavar="TIPO",
        choices=(MANUAL, AGENDADO),
        default=padrao,
        help="como o backup nasceu, para os metadados: manual (padrão) ou agendado",
    )


def opcao_de_cada(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--cada, que só a tarefa agendada diz; ver `cada_de`."""

    def intervalo(texto: str) -> timedelta:
        try:
            return ler_intervalo(texto)
        except ErroDeUso as e:
            raise argparse.ArgumentTypeError(str(e)) from None

    analisador.add_argument(
        "--cada",
        metavar="INTERVALO",
        type=intervalo,
        default=padrao,
        help="da tarefa de «agendar 15min»: a empresa em que nada mudou desde o último backup de"
        " hoje não ganha outro, só se anota que foi vista igual",
    )


def cada_de(opcoes: Namespace) -> timedelta | None:
    """O intervalo da tarefa que roda mais de uma vez por dia; None em qualquer outra execução.
    Levanta ErroDeUso se não é a tarefa, ou não é de tudo."""
    cada: timedelta | None = getattr(opcoes, "cada", None)
    if cada is not None and getattr(opcoes, "tipo", MANUAL) != AGENDADO:
        raise ErroDeUso("--cada é da tarefa agendada: falta --tipo agendado.")
    if cada is not None and (opcoes.empresa or opcoes.tabelas):
        raise ErroDeUso("--cada é da tarefa que copia tudo: não se diz --empresa nem --tabelas.")
    return cada


def opcao_de_arquivos(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--sem-arquivos."""
    analisador.add_argument(
        "--sem-arquivos",
        action="store_true",
        default=False if padrao is None else padrao,
        help="sem os arquivos do Storage (o mesmo que BACKUP_ARQUIVOS=nao, só desta vez)",
    )


def opcao_de_empresa(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--empresa, que se pode repetir."""
    analisador.add_argument(
        "--empresa",
        metavar="QUAL",
        action="append",
        default=padrao,
        help="só esta empresa: id, começo do id ou nome (pode repetir)",
    )


def opcao_de_esperar(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--esperar; quantos minutos são, diz `minutos_de`."""
    analisador.add_argument(
        "--esperar",
        metavar="MINUTOS",
        type=inteiro_entre(0, 24 * 60),  # type: ignore[arg-type]
        default=padrao,
        help="quanto esperar por uma empresa que outra execução está usando"
        f" (padrão {ESPERA}; um backup agendado, {ESPERA_DO_AGENDADO})",
    )


def minutos_de(opcoes: Namespace) -> int:
    """Quantos minutos esperar: o que se disse, ou o padrão desta execução."""
    pedidos: int | None = getattr(opcoes, "esperar", None)
    agendado = getattr(opcoes, "tipo", MANUAL) == AGENDADO
    cada: timedelta | None = getattr(opcoes, "cada", None)
    if pedidos is None:
        pedidos = ESPERA_DO_AGENDADO if agendado else ESPERA
    # A próxima vez já vem aí: quem esperasse até ela passaria o dia à espera.
    return min(pedidos, em_minutos(cada) // 2) if cada else pedidos


def opcao_de_para(analisador: argparse.ArgumentParser, ajuda: str) -> None:
    """--para."""
    analisador.add_argument("--para", metavar="ARQUIVO", type=caminho_de, default=None, help=ajuda)


def opcao_de_projeto(analisador: argparse.ArgumentParser, ajuda: str) -> None:
    """--projeto."""
    analisador.add_argument("--projeto", metavar="NOME", default=None, help=ajuda)


def opcao_do_lacre(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--codigo-do-lacre."""
    analisador.add_argument(
        "--codigo-do-lacre",
        metavar="CODIGO",
        default=padrao,
        help="o da sua folha de recuperação: aceita backups assinados por essa outra máquina",
    )


def opcao_de_ler_tudo(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--ler-tudo."""
    analisador.add_argument(
        "--ler-tudo",
        action="store_true",
        default=False if padrao is None else padrao,
        help="pela conexão direta: lê também o que não mudou desde o último backup, e confere-o",
    )


def opcao_de_um_instante(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--um-instante."""
    analisador.add_argument(
        "--um-instante",
        action="store_true",
        default=False if padrao is None else padrao,
        help="pela conexão direta: todas as empresas de um só instante do banco, seguro até ao fim"
        " (enquanto dura, o banco não limpa o que se apaga)",
    )


def opcao_sem_logins(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--sem-logins."""
    analisador.add_argument(
        "--sem-logins",
        action="store_true",
        default=padrao,
        help="não guarda os logins das empresas (como BACKUP_LOGINS=nao)",
    )


def caminho_de(texto: str) -> Path:
    """O arquivo que se disse, inteiro: `~` é a pasta de quem chama."""
    return Path(texto).expanduser().absolute()


def lista_de_nomes(texto: str) -> tuple[str, ...]:
    """«a, b» → ("a", "b")."""
    nomes = tuple(dict.fromkeys(p.strip() for p in texto.split(",") if p.strip()))
    if not nomes:
        raise argparse.ArgumentTypeError("precisa de ao menos um nome")
    return nomes
