"""O contrato dos destinos: os cinco verbos que `pasta`, `s3` e `rclone` cumprem da mesma maneira.

Um objeto é um nome e os seus bytes, guardados inteiros ou não guardados. Quem escolhe os nomes os
faz únicos, ou iguais à soma dos bytes: por isso nenhum verbo precisa de «só se não existir», que
metade dos servidores não sabe.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

MARCA = "cofre.json"
"""O objeto que diz que o lugar é o de uma cópia nossa."""
MAIOR_MARCA = 1024 * 1024
"""Bytes: muito mais do que a nossa tem; um lugar vandalizado não enche a memória."""
_SEGMENTO = r"[a-z0-9][a-z0-9_-]*"
_NOME = re.compile(rf"(?:{_SEGMENTO}/)*{_SEGMENTO}(?:\.[a-z0-9]+)?")

AoEnviar = Callable[[str, int], None]
"""Recebe (nome, bytes dele enviados até agora). São todos os do arquivo só na última chamada de
cada nome, e só depois que o objeto está lá inteiro. Sempre no fio de quem chamou `enviar`."""


@dataclass(frozen=True, slots=True)
class Objeto:
    """O que uma lista diz de um objeto. `modificado` é com fuso, e do relógio do lugar, onde ele
    tem um; numa pasta, e no rclone sobre o que não tem, é a hora em que este programa gravou."""

    nome: str
    bytes: int
    modificado: datetime


@dataclass(frozen=True, slots=True)
class Trava:
    """A trava vista num objeto: ninguém o apaga até `ate`. `dias` é quanto dura desde que ele foi
    gravado; `modo`, a palavra do lugar («governance», «compliance»)."""

    modo: str
    ate: datetime
    dias: int


@dataclass(frozen=True, slots=True)
class Situacao:
    """O que se soube de um destino a que se chegou.

    `marca` é o conteúdo de MARCA (None: não há), até MAIOR_MARCA bytes. `vazio`: não há arquivo
    algum, nem alheio. `grava` é None onde só se sabe gravando. `versoes` diz se o lugar guarda o
    que é trocado ou apagado; `trava`, a do objeto olhado; None nos dois é «não se pode saber
    daqui», e não «não há».
    """

    marca: bytes | None
    vazio: bool
    grava: bool | None = None
    versoes: bool | None = None
    trava: Trava | None = None


class Destino(Protocol):
    """Um lugar fora daqui. Os verbos levantam só FalhaDaCopia (e o que levantarem `itens`,
    `ao_enviar` e `saida`); todos podem ser chamados de vários fios, e `enviar` de um por vez."""

    @property
    def nome(self) -> str:
        """Como quem usa o escreveu, sem segredos: para a tela."""

    @property
    def de_pasta(self) -> bool:
        """Se é uma pasta, que pode estar ainda a sincronizar-se."""

    def listar(self, prefixo: str) -> Iterator[Objeto]:
        """Os objetos debaixo de `prefixo` («blobs», «lacres/ab12», ou vazio: todos), em ordem
        nenhuma. Debaixo de um prefixo que não existe não há nada; o que não tem nome nosso não
        aparece."""

    def enviar(self, itens: Iterable[tuple[str, Path]], ao_enviar: AoEnviar) -> None:
        """Guarda cada (nome, arquivo daqui), tomando os itens aos poucos e na ordem, mas acabando
        noutra. O que já há com o nome é trocado inteiro: quem não quer enviar de novo compara
        antes com `listar`. Nada fica pela metade com o nome. No primeiro erro para, e o que já
        chegou fica."""

    def ler(self, nome: str, saida: BinaryIO, desde: int = 0) -> None:
        """Escreve em `saida` os bytes do objeto a partir de `desde`. Uma queda no meio é
        continuada de onde parou; se desiste, o que escreveu são bytes certos, do começo. Levanta
        ObjetoAusente."""

    def apagar(self, nome: str) -> None:
        """Apaga o objeto; se não há, nada. Levanta Travado se o lugar o recusa por uma trava."""

    def sondar(self, amostra: str = MARCA) -> Situacao:
        """Chega ao lugar e olha, sem gravar nele nada que fique. A trava que se vê é a de
        `amostra`."""


def conferir_nome(nome: str) -> str:
    """O mesmo nome. Levanta ValueError se não é dos nossos: minúsculas, algarismos, «_» e «-» em
    pastas, com uma extensão só. Assim servem em NTFS e numa URL, e o que sincronizadores e
    programas deixam ao lado («x (1).age», «x.age.partial») não se confunde com eles."""
    if not nome_nosso(nome):
        raise ValueError(f"não é nome de objeto: {nome!r}")
    return nome


def nome_nosso(nome: str) -> bool:
    """Se é um nome que `conferir_nome` aceita."""
    return _NOME.fullmatch(nome) is not None


def como_pasta(prefixo: str) -> str:
    """O prefixo de `listar` com a barra no fim; vazio continua vazio. Levanta ValueError."""
    limpo = prefixo.rstrip("/")
    return f"{conferir_nome(limpo)}/" if limpo else ""
