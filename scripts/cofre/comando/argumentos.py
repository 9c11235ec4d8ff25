"""O argparse falando português, e as opções que as ações têm em comum."""

from __future__ import annotations

import argparse
import re
import shutil
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from cofre.base.erros import ErroDeUso
from cofre.base.palavras import visivel
from cofre.base.relato import Relato
from cofre.base.selecao import quis_dizer

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
  9    com --simular: há diferenças
  10   tudo foi copiado, mas há dados que parecem ter sumido
  11   ensaio reprovado: o backup não voltou como era
  12   restauração concluída, mas nem tudo voltou como era
  130  interrompido (Ctrl+C)
"""

_TRADUCOES = (
    (r"argument (\S+): expected one argument", r"\1 precisa de um valor"),
    (r"argument (\S+): expected at least one argument", r"\1 precisa de ao menos um valor"),
    (r"argument (\S+): ignored explicit argument .*", r"\1 não leva valor"),
    (r"argument (\S+): not allowed with argument (\S+)", r"\1 não combina com \2"),
    (r"argument (--\S+): invalid choice: '(.*?)' \(choose from (.*)\)", r"\1 «\2» não há; use \3"),
    (r"argument (\S+?)(?:/.*)?: invalid .* value: '(.*)'", r"\1: «\2» não serve"),
    (r"argument (\S+): (.*)", r"\1: \2"),
    (r"the following arguments are required: (.*)", r"falta: \1"),
    (r"ambiguous option: (\S+) could match (.*)", r"\1 é ambíguo: \2"),
)


class Formato(argparse.RawDescriptionHelpFormatter):
    """A ajuda com a largura do terminal, entre 40 e 90 colunas, e os títulos em português."""

    def __init__(self, prog: str) -> None:
        colunas = max(40, min(shutil.get_terminal_size().columns - 2, 90))
        super().__init__(prog, width=colunas, max_help_position=26)

    def add_usage(self, usage, actions, groups, prefix=None):  # type: ignore[no-untyped-def]
        super().add_usage(usage, actions, groups, prefix or "uso: ")

    def _format_action(self, action):  # type: ignore[no-untyped-def]
        if not isinstance(action, argparse._SubParsersAction):
            return super()._format_action(action)
        # O título já diz o que são: a linha com o metavar seria uma «ação» solta.
        return "".join(map(self._format_action, action._get_subactions()))


class Analisador(argparse.ArgumentParser):
    """Um ArgumentParser que ajuda e recusa em português; o erro vira ErroDeUso."""

    def __init__(self, **opcoes: object) -> None:
        opcoes.setdefault("formatter_class", Formato)
        super().__init__(add_help=False, allow_abbrev=False, **opcoes)  # type: ignore[arg-type]
        self._argumentos: list[str] = []
        self._acoes: Mapping[str, argparse.ArgumentParser] = {}
        self._positionals.title = "ações"
        self._optionals.title = "opções"
        self.add_argument("-h", "--help", action="help", help="mostra esta ajuda e sai")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Como o do argparse, lembrando o que se digitou."""
        self._argumentos = list(args or ())
        return super().parse_known_args(args, namespace)

    def com_acoes(self) -> argparse._SubParsersAction[Any]:
        """Passa a ter ações, que se criam com o que devolve."""
        acoes = self.add_subparsers(dest="acao", metavar="ação", required=False)
        self._acoes = acoes.choices
        return acoes

    def error(self, message: str) -> NoReturn:
        """Levanta ErroDeUso: a palavra errada é a que se nomeia, com a parecida; o resto é a
        mensagem do argparse, traduzida."""
        if message.startswith("unrecognized arguments: "):
            self._sobrou(message.removeprefix("unrecognized arguments: ").split())
        if achada := re.match(r"argument ação: invalid choice: (.*) \(choose", message, re.DOTALL):
            self._nao_e_acao(next(a for a in self._argumentos if repr(a) == achada[1]))
        for ingles, portugues in _TRADUCOES:
            if re.fullmatch(ingles, message, re.DOTALL):
                message = re.sub(ingles, portugues, message, count=1, flags=re.DOTALL)
                break
        raise _nao_entendi(message)

    def _sobrou(self, sobras: Sequence[str]) -> NoReturn:
        """Uma opção que ninguém conhece leva consigo o valor: o nome dela é que está errado."""
        errada = next((s for s in sobras if s.startswith("-")), sobras[0])
        nome = errada.partition("=")[0]
        acao = next((a for a in self._argumentos if a in self._acoes), "")
        if acao and nome in self._option_string_actions:
            raise _nao_entendi(f"{acao} não aceita {nome}")
        da_acao = self._acoes[acao]._option_string_actions if acao else {}
        raise _nao_entendi(
            f"não conheço: {visivel(errada)}", nome, {*self._option_string_actions, *da_acao}
        )

    def _nao_e_acao(self, palavra: str) -> NoReturn:
        """Um valor depois de uma opção que não há é lido como ação: a culpa é da opção."""
        antes = self._argumentos[: self._argumentos.index(palavra)]
        conhecidas = self._option_string_actions
        for opcao in (a for a in antes if a.startswith("-")):
            if opcao.partition("=")[0] not in conhecidas:
                raise _nao_entendi(f"não conheço: {visivel(opcao)}", opcao, conhecidas)
        raise _nao_entendi(f"não conheço a ação «{visivel(palavra)}»", palavra, self._acoes)


def _nao_entendi(oque: str, errada: str = "", conhecidas: Collection[str] = ()) -> ErroDeUso:
    sugestao = quis_dizer(errada, conhecidas) if errada else ""
    dica = f"{sugestao}\n{ErroDeUso.dica}" if sugestao else None
    return ErroDeUso(f"Não entendi o comando: {oque}.", dica)


def analisador_de(programa: str, descricao: str) -> Analisador:
    """O analisador de um dos scripts."""
    uso = f"{programa} [ação] [opções]"
    return Analisador(prog=programa, usage=uso, description=descricao, epilog=CODIGOS)


def acoes_de(
    analisador: Analisador, ajudas: Mapping[str, str]
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Cria as ações (nome → ajuda) e entrega cada uma para receber as suas opções."""
    acoes = analisador.com_acoes()
    for nome, ajuda in ajudas.items():
        programa = f"{analisador.prog} {nome}"
        descricao = ajuda[0].upper() + ajuda[1:] + "."
        yield (
            nome,
            acoes.add_parser(
                nome,
                help=ajuda,
                prog=programa,
                usage=f"{programa} [opções]",
                description=descricao,
            ),
        )


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
            raise argparse.ArgumentTypeError(f"é um número de {minimo} a {maximo}, não «{texto}»")
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


def opcao_de_tipo(analisador: argparse.ArgumentParser) -> None:
    """--tipo."""
    analisador.add_argument(
        "--tipo",
        metavar="TIPO",
        choices=(MANUAL, AGENDADO),
        default=MANUAL,
        help="como o backup nasceu, para os metadados: manual (padrão) ou agendado",
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
    if pedidos is not None:
        return pedidos
    return ESPERA_DO_AGENDADO if agendado else ESPERA


def opcao_de_tabelas(analisador: argparse.ArgumentParser, padrao: object) -> None:
    """--tabelas."""
    analisador.add_argument(
        "--tabelas",
        metavar="A,B",
        type=lista_de_nomes,
        default=padrao,
        help="só estas tabelas, separadas por vírgula",
    )


def lista_de_nomes(texto: str) -> tuple[str, ...]:
    """«a, b» → ("a", "b")."""
    nomes = tuple(dict.fromkeys(p.strip() for p in texto.split(",") if p.strip()))
    if not nomes:
        raise argparse.ArgumentTypeError("precisa de ao menos um nome")
    return nomes
