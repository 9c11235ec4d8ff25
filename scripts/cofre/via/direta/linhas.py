"""O formato de texto do COPY: as linhas que chegam, separadas por empresa sem abrir nenhuma.

Formato: documentação do PostgreSQL, «COPY», «Text Format». O servidor manda uma linha por mensagem
(«COPY Operations», no capítulo do protocolo); outra coisa é recusada, nunca adivinhada. O JSON é o
último campo: o que vem antes (o ramo e os elos) é quase sempre igual ao da linha anterior, e um
bloco em que todos são iguais se separa de uma vez.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cofre.base.erros import RespostaInvalida
from cofre.base.linha import SEPARADOR, juntar

BLOCO = 256 * 1024
"""Bytes que se juntam na memória de cada vez."""

MAIS_LEMBRADOS = 10_000

Mensagem = bytes | bytearray | memoryview
DeQuem = Callable[[Sequence[str | None]], str | None]


class Bloco(NamedTuple):
    """Linhas seguidas de uma empresa, já juntadas (ver `cofre.base.linha.juntar`)."""

    empresa: str
    linhas: bytes
    quantas: int


def em_blocos(mensagens: Iterable[Mensagem], campos: int, de_quem: DeQuem) -> Iterator[Bloco]:
    """O último campo de cada linha, por empresa, na ordem em que veio.

    `de_quem` recebe o texto dos outros campos, diz o id da empresa (None: a linha não interessa) e
    pode levantar; os mesmos valores se repetem, e só são entendidos e perguntados uma vez. Levanta
    RespostaInvalida.
    """
    separador = _Separador(campos - 1, de_quem)
    juntas: list[Mensagem] = []
    tamanho = 0
    for mensagem in mensagens:
        juntas.append(mensagem)
        tamanho += len(mensagem)
        if tamanho >= BLOCO:
            yield from separador.separar(juntas)
            juntas, tamanho = [], 0
    if juntas:
        yield from separador.separar(juntas)


@dataclass(slots=True)
class _Separador:
    """Sabe de quem são os `antes` campos que vêm antes do JSON."""

    antes: int
    de_quem: DeQuem
    _sabidos: dict[bytes, str | None] = field(default_factory=dict)

    def separar(self, mensagens: Sequence[Mensagem]) -> Iterator[Bloco]:
        """As linhas destas mensagens, uma em cada."""
        quantas, tudo = len(mensagens), b"".join(mensagens)
        fim_do_prefixo = tudo.rfind(b"\t", 0, tudo.find(b"\n")) + 1
        prefixo = tudo[:fim_do_prefixo]
        certas = tudo.endswith(b"\n") and tudo.count(b"\n") == quantas
        if not certas or tudo.count(b"\t") != quantas * self.antes:
            raise estragada()
        if tudo.count(b"\n" + prefixo) == quantas - 1:
            linhas = tudo[fim_do_prefixo:-1].replace(b"\n" + prefixo, SEPARADOR)
            grupos = {self._dono(prefixo): (linhas, quantas)}
        else:
            grupos = self._uma_a_uma(tudo)
        for empresa, (linhas, n) in grupos.items():
            if empresa is not None:
                yield Bloco(empresa, _sem_escapes(linhas), n)

    def _uma_a_uma(self, tudo: bytes) -> dict[str | None, tuple[bytes, int]]:
        grupos: defaultdict[str | None, list[bytes]] = defaultdict(list)
        for mensagem in tudo[:-1].split(b"\n"):
            outros, tab, linha = mensagem.rpartition(b"\t")
            grupos[self._dono(outros + tab)].append(linha)
        return {empresa: (juntar(linhas), len(linhas)) for empresa, linhas in grupos.items()}

    def _dono(self, prefixo: bytes) -> str | None:
        if prefixo in self._sabidos:
            return self._sabidos[prefixo]
        valores = prefixo.split(b"\t")[:-1]
        if len(valores) != self.antes:
            raise estragada()
        dono = self.de_quem([_texto(v) for v in valores])
        if len(self._sabidos) < MAIS_LEMBRADOS:
            self._sabidos[prefixo] = dono
        return dono


def _texto(campo: bytes) -> str | None:
    return None if campo == rb"\N" else _sem_escapes(campo).decode()


_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)
_ESCAPADOS = {b"\\": b"\\", b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}
_ESCAPADOS[b"v"] = b"\v"


def _sem_escapes(texto: bytes) -> bytes:
    """O que o COPY escapou, como era. Levanta RespostaInvalida."""
    barras = texto.count(b"\\")
    if not barras:
        return texto
    if 2 * texto.count(b"\\\\") == barras:  # só barras dobradas: o comum, num JSON
        return texto.replace(b"\\\\", b"\\")
    try:
        return _ESCAPE.sub(lambda achado: _ESCAPADOS[achado[1]], texto)
    except KeyError:
        raise estragada() from None


def estragada() -> RespostaInvalida:
    """O erro de quem recebeu o que não é o formato combinado."""
    return RespostaInvalida(
        "O servidor mandou as linhas num formato que não entendo.",
        "Há um proxy ou pooler no caminho? Tente pela API: --via api",
    )
