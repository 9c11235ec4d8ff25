"""O argparse falando português, com as ações em grupos que têm o nome do que se quer."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from cofre.base.erros import ErroDeUso
from cofre.base.palavras import em_linhas, visivel
from cofre.base.selecao import quis_dizer, sem_acentos

FAZER, VER, ACHAR, CUIDAR, LEVAR = "fazer", "ver", "achar e trazer de volta", "cuidar", "levar"
"""O que se quer, na ordem em que a ajuda o mostra."""

LISTAS = ("palavras", "instantes")
"""Onde uma ação põe os argumentos que são quantos se queira."""

Grupos = Mapping[str, Mapping[str, str]]
"""Grupo → nome de cada ação dele → o que a ajuda diz dela."""
DeOutro = Callable[[str], str]
"""O comando do outro script para a ação com este nome; vazio se ele não tem nenhuma."""

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

    def _fill_text(self, text, width, indent):  # type: ignore[no-untyped-def]
        return em_linhas(super()._fill_text(text, width, indent), width)


class Analisador(argparse.ArgumentParser):
    """Um ArgumentParser que ajuda e recusa em português; o erro vira ErroDeUso."""

    def __init__(self, **opcoes: object) -> None:
        opcoes.setdefault("formatter_class", Formato)
        super().__init__(add_help=False, allow_abbrev=False, **opcoes)  # type: ignore[arg-type]
        self._argumentos: list[str] = []
        self._grupos: Grupos = {}
        self._acoes: Mapping[str, argparse.ArgumentParser] = {}
        self._de_outro: DeOutro = lambda _palavra: ""
        self._optionals.title = "opções"
        self.add_argument("-h", "--help", action="help", help="mostra esta ajuda e sai")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Como o do argparse, lembrando o que se digitou."""
        self._argumentos = list(args or ())
        return super().parse_known_args(args, namespace)

    def ler(self, argumentos: list[str]) -> argparse.Namespace:
        """As opções; as palavras que vêm depois de uma opção juntam-se às da ação que as leva.
        Levanta ErroDeUso."""
        opcoes, sobras = self.parse_known_args(argumentos)
        lista = next((nome for nome in LISTAS if nome in opcoes), None)
        if lista and not any(s.startswith("-") for s in sobras):
            getattr(opcoes, lista).extend(sobras)
        elif sobras:
            self.error(f"unrecognized arguments: {' '.join(sobras)}")
        return opcoes  # type: ignore[no-any-return]

    def com_acoes(self, grupos: Grupos, de_outro: DeOutro) -> argparse._SubParsersAction[Any]:
        """Passa a ter as ações destes grupos, que se criam com o que devolve."""
        acoes = self.add_subparsers(dest="acao", metavar="ação", required=False)
        self._grupos, self._acoes, self._de_outro = grupos, acoes.choices, de_outro
        return acoes

    def format_help(self) -> str:
        """A de quem tem ações são elas, em grupos: as opções, diz a ajuda de cada uma."""
        if not self._grupos:
            return super().format_help()
        formato = self._get_formatter()
        formato.add_usage(self.usage, self._actions, [])
        formato.add_text(self.description)
        for titulo, ajudas in self._grupos.items():
            formato.start_section(titulo)
            formato.add_arguments([argparse.Action([], nome, help=ajudas[nome]) for nome in ajudas])
            formato.end_section()
        formato.add_text(self.epilog)
        return formato.format_help()

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
        causa = f"não conheço a ação «{visivel(palavra)}»"
        if comando := self._de_outro(palavra):
            raise _recusa(causa, f"É do outro programa:\n  {comando}")
        raise _recusa(causa, self._acao_parecida(palavra))

    def _acao_parecida(self, palavra: str) -> str:
        """As que começam assim, ou se escrevem quase assim."""
        dita = sem_acentos(palavra.casefold())
        comecam = [acao for acao in self._acoes if acao.startswith(dita)]
        if comecam and dita:
            return f"Você quis dizer {' ou '.join(comecam)}?"
        return quis_dizer(dita, self._acoes)


def _nao_entendi(oque: str, errada: str = "", conhecidas: Collection[str] = ()) -> ErroDeUso:
    return _recusa(oque, quis_dizer(errada, conhecidas) if errada else "")


def _recusa(oque: str, sugestao: str) -> ErroDeUso:
    dica = f"{sugestao}\n{ErroDeUso.dica}" if sugestao else None
    return ErroDeUso(f"Não entendi o comando: {visivel(oque.removesuffix('.'))}.", dica)


def analisador_de(programa: str, descricao: str, sem_acao: str) -> Analisador:
    """O analisador de um dos scripts; `sem_acao` é a ação que se faz sem dizer nenhuma."""
    return Analisador(
        prog=programa,
        usage=f"{programa} [ação] [opções]",
        description=descricao,
        epilog="Cada ação explica as suas opções com --help. As que valem sem ação, e os códigos de"
        f" saída:\n  {programa} {sem_acao} --help",
    )


def acoes_de(
    analisador: Analisador, grupos: Grupos, de_outro: DeOutro
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Cria as ações e entrega cada uma para receber as suas opções. `de_outro`: o comando do outro
    script que tem uma ação com este nome, ou nada."""
    acoes = analisador.com_acoes(grupos, de_outro)
    for nome, ajuda in ((n, a) for do_grupo in grupos.values() for n, a in do_grupo.items()):
        programa = f"{analisador.prog} {nome}"
        yield (
            nome,
            acoes.add_parser(
                nome,
                prog=programa,
                usage=f"{programa} [opções]",
                description=ajuda[0].upper() + ajuda[1:] + ".",
            ),
        )
