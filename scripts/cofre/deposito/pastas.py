"""A pasta de cada empresa: como se chama, como se acha, e como se cria.

O que conta é o id inteiro nos metadados, nunca o nome da pasta.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from cofre.base.disco import MONTAGEM, PODANDO, erros_de_disco
from cofre.deposito import presenca
from cofre.deposito.backup import do_mais_novo
from cofre.deposito.conteudos.lugar import PASTA as CONTEUDOS
from cofre.deposito.retrato import que_comecam

PREFIXO = "empresa_"


class Pastas:
    """As pastas de empresas que há numa `raiz`, para vários fios. `presente` diz o nome deste
    processo (ver `presenca`)."""

    def __init__(self, raiz: Path, presente: Callable[[], str]) -> None:
        self._raiz = raiz
        self._presente = presente
        self._trinco = threading.RLock()
        self._achadas: dict[str, Path] = {}
        self._criadas: dict[str, Path] = {}
        self._por_comeco: dict[str, list[Path]] | None = None

    def todas(self) -> list[Path]:
        """Em ordem de nome. Levanta FalhaDeDisco."""
        with erros_de_disco(self._raiz):
            if not self._raiz.is_dir():
                return []
            with os.scandir(self._raiz) as itens:
                nomes = [i.name for i in itens if _e_de_empresa(i.name) and i.is_dir()]
            return [self._raiz / nome for nome in sorted(nomes, key=os.path.normcase)]

    def de_trabalho(self) -> Iterator[Path]:
        """As de trabalho que há nelas, de quem quer que sejam, em ordem de nome. OSError passa."""
        for pasta in self.todas():
            yield from (pasta / nome for nome in sorted(que_comecam(pasta, MONTAGEM, PODANDO)))

    def da_empresa(self, user_id: str) -> Path:
        """A que existe ou a que seria dela agora: os 8 primeiros caracteres do id, ou mais, até não
        ser de outra."""
        with self._trinco:
            sabida = self._achadas.get(user_id)
            if sabida is None or not sabida.is_dir():
                sabida = self._achar(user_id)
            return sabida

    def candidatas(self, user_id: str) -> list[Path]:
        """As que, pelo nome, podem ser dela."""
        comeco = next(_nomes_possiveis(user_id)).lower()
        with self._trinco:
            lembradas = self._por_comeco
            perto = self.todas() if lembradas is None else lembradas.get(_comeco(comeco), [])
            return [p for p in perto if p.name.lower().startswith(comeco)]

    def criar(self, user_id: str) -> Path:
        """A da empresa, já no disco. Só com a trava breve na mão: dois nomes novos não podem ser o
        mesmo. OSError passa."""
        with self._trinco:
            self.rever(user_id)
            for restam in (True, False):
                pasta = self.da_empresa(user_id)
                if user_id in self._achadas or self._e_nossa(user_id):
                    return pasta
                pasta.mkdir(parents=True, exist_ok=True, mode=0o700)
                if not _tem_algo(pasta):
                    break
                if not restam:
                    raise FileExistsError(errno.EEXIST, "não está vazia", str(pasta))
                self.reler()  # acabou de nascer
            self._criadas[user_id] = pasta
            self._lembrar(pasta)
            return pasta

    def reler(self) -> None:
        """Com dez mil empresas, procurar a pasta de cada uma no disco seria ler dez mil nomes dez
        mil vezes: leem-se uma, e do que outros processos criam depois só se olha o que é de cada
        uma (ver `rever`)."""
        with self._trinco:
            self._por_comeco = {}
            for pasta in self.todas():
                self._lembrar(pasta)

    def rever(self, user_id: str) -> list[Path]:
        """As que podem ser dela, com as que outro processo tenha criado. OSError passa."""
        with self._trinco:
            for nome in _nomes_possiveis(user_id):
                pasta = self._raiz / nome
                if not pasta.is_dir():
                    break
                if self._por_comeco is not None and pasta not in self.candidatas(user_id):
                    self._lembrar(pasta)
            return self.candidatas(user_id)

    def _achar(self, user_id: str) -> Path:
        candidatas = self.candidatas(user_id)
        for pasta in candidatas:
            if _dono(pasta) == user_id:
                self._achadas[user_id] = pasta
                return pasta
        if self._e_nossa(user_id):
            return self._criadas[user_id]
        # Maiúsculas e minúsculas são o mesmo nome no NTFS. Uma pasta vazia é de quem morreu antes
        # de lhe pôr algo.
        tomadas = {p.name.lower() for p in candidatas if _tem_algo(p)}
        return self._raiz / next(n for n in _nomes_possiveis(user_id) if n.lower() not in tomadas)

    def _e_nossa(self, user_id: str) -> bool:
        """Se a pasta que se criou para esta empresa, ainda sem backup, tem uma montagem nossa."""
        pasta = self._criadas.get(user_id)
        return pasta is not None and any(
            presenca.dono_de(montagem) == self._presente()
            for montagem in pasta.glob(f"{MONTAGEM}*")
        )

    def _lembrar(self, pasta: Path) -> None:
        if self._por_comeco is not None:
            self._por_comeco.setdefault(_comeco(pasta.name), []).append(pasta)


def _e_de_empresa(nome: str) -> bool:
    return os.path.normcase(nome).startswith(PREFIXO)


def _dono(pasta: Path) -> str | None:
    """O do backup mais novo que se lê."""
    with erros_de_disco(pasta):
        legiveis = (b.meta for b in do_mais_novo(pasta))
        return next((m.user_id for m in legiveis if m), None)


def _tem_algo(pasta: Path) -> bool:
    """Os conteúdos de um backup que não chegou a sê-lo não contam: ninguém os cita."""
    try:
        with os.scandir(pasta) as dentro:
            return any(item.name != CONTEUDOS for item in dentro)
    except FileNotFoundError:
        return False


def _comeco(nome: str) -> str:
    """O começo que o nome de uma pasta tem em comum com os outros que a empresa poderia ter."""
    return nome[: len(PREFIXO) + 8].lower()


def _nomes_possiveis(user_id: str) -> Iterator[str]:
    limpo = re.sub(r"[^0-9A-Za-z-]", "_", user_id)
    for tamanho in range(8, max(len(limpo), 8) + 1):
        nome = limpo[:tamanho]
        if not nome.endswith("-"):  # «abc12345-» e «abc12345» confundiriam
            yield PREFIXO + nome
    for n in range(2, 1_000_000):
        yield f"{PREFIXO}{limpo}_{n}"
