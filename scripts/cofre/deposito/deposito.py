"""A pasta dos backups: quem é de quem, o que está inteiro, e como se publica sem meio-termo.

Um backup é montado numa pasta de montagem (`.em_andamento_<carimbo>`) dentro da pasta da empresa,
com os nomes definitivos, e gravado no disco (fsync). Os metadados são escritos nela por último:
a partir daí o backup está pronto e publicar é só mover, os metadados por último. Um processo morto
antes disso não deixa backup; morto depois, a próxima execução termina de mover. Só pastas de
montagem são recolhidas: elas são certamente nossas.
"""

from __future__ import annotations

import heapq
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from cofre.base.disco import MONTAGEM, PODANDO, erros_de_disco
from cofre.deposito import publicacao
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import CARIMBO, FORMATO_DO_CARIMBO, carimbos_em
from cofre.deposito.publicacao import Montagem, recolher_montagem

PREFIXO = "empresa_"
MEMORIA_DO_RASCUNHO = 64 * 1024
"""Bytes; uma empresa tem dezenas de tabelas abertas ao mesmo tempo, quase todas menores."""


class Deposito:
    """Uma pasta de backups (`raiz`). `compactar`: os novos levam as tabelas em .json.gz."""

    def __init__(self, raiz: Path, *, compactar: bool = False) -> None:
        self.raiz = raiz
        self.compactar = compactar
        self._trinco = threading.Lock()
        self._pastas: dict[str, Path] = {}
        self._por_comeco: dict[str, list[Path]] | None = None

    def preparar(self) -> None:
        """Cria a raiz e recolhe o que execuções mortas deixaram. Só com a trava na mão.
        Levanta FalhaDeDisco."""
        with erros_de_disco(self.raiz):
            self.raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
            for montagem in sorted(self.raiz.glob(f"{PREFIXO}*/{MONTAGEM}*")):
                recolher_montagem(montagem)
            for poda in sorted(self.raiz.glob(f"{PREFIXO}*/{PODANDO}*")):
                publicacao.recolher_poda(poda)
        # Com a trava na mão, pastas novas só nascem aqui: com dez mil empresas, procurar a de cada
        # uma no disco seria ler dez mil nomes dez mil vezes.
        self._por_comeco = {}
        for pasta in self.pastas():
            self._lembrar(pasta)

    def pastas(self) -> list[Path]:
        """As pastas de empresas, em ordem de nome."""
        with erros_de_disco(self.raiz):
            if not self.raiz.is_dir():
                return []
            return sorted(p for p in self.raiz.glob(f"{PREFIXO}*") if p.is_dir())

    def backups(self, pasta: Path) -> list[Backup]:
        """Os backups de uma pasta, do mais antigo ao mais novo (pelo carimbo, nunca pelo mtime)."""
        return [self.abrir(pasta, carimbo) for carimbo in self.carimbos(pasta)]

    def carimbos(self, pasta: Path) -> list[str]:
        """Os carimbos dos backups de uma pasta, em ordem, sem abrir nenhum."""
        return carimbos_em(pasta)

    def abrir(self, pasta: Path, carimbo: str) -> Backup:
        """O backup com este carimbo; o que não se lê vem com o `dano`."""
        return abrir_backup(pasta, carimbo)

    def do_mais_novo(self, pasta: Path) -> Iterator[Backup]:
        """Os backups de uma pasta, do mais novo ao mais antigo, abertos só quando se pedem."""
        return (self.abrir(pasta, carimbo) for carimbo in reversed(self.carimbos(pasta)))

    def da_empresa(self, user_id: str) -> list[Backup]:
        """Os backups legíveis desta empresa, do mais antigo ao mais novo."""
        return list(self.da_empresa_do_mais_novo(user_id))[::-1]

    def da_empresa_do_mais_novo(self, user_id: str) -> Iterator[Backup]:
        """Os mesmos, do mais novo ao mais antigo, cada um só lido quando se chega a ele."""
        todos = heapq.merge(
            *(self.do_mais_novo(pasta) for pasta in self._candidatas(user_id)),
            key=lambda b: b.carimbo,
            reverse=True,
        )
        return (b for b in todos if b.meta and b.meta.user_id == user_id)

    def ultimo(self, user_id: str) -> Backup | None:
        """O backup legível mais novo desta empresa, de qualquer tipo."""
        return next(self.da_empresa_do_mais_novo(user_id), None)

    def pasta_da_empresa(self, user_id: str) -> Path:
        """A pasta da empresa, existente ou a que será dela: os 8 primeiros caracteres do id, ou
        mais, até não ser de outra. O que conta é o id inteiro nos metadados, nunca o nome."""
        with self._trinco:
            if user_id not in self._pastas:
                self._pastas[user_id] = self._achar_pasta(user_id)
            return self._pastas[user_id]

    def _achar_pasta(self, user_id: str) -> Path:
        candidatas = self._candidatas(user_id)
        for pasta in candidatas:
            if self._dono(pasta) == user_id:
                return pasta
        # Maiúsculas e minúsculas são o mesmo nome no NTFS.
        escolhidas = self._pastas.values() if self._por_comeco is None else ()
        tomadas = {p.name.lower() for p in (*candidatas, *escolhidas)}
        nome = next(n for n in _nomes_possiveis(user_id) if n.lower() not in tomadas)
        self._lembrar(self.raiz / nome)
        return self.raiz / nome

    def _candidatas(self, user_id: str) -> list[Path]:
        comeco = next(_nomes_possiveis(user_id)).lower()
        lembradas = self._por_comeco
        perto = self.pastas() if lembradas is None else lembradas.get(_comeco(comeco), [])
        return [p for p in perto if p.name.lower().startswith(comeco)]

    def _lembrar(self, pasta: Path) -> None:
        if self._por_comeco is not None:
            self._por_comeco.setdefault(_comeco(pasta.name), []).append(pasta)

    def _dono(self, pasta: Path) -> str | None:
        legiveis = (b.meta for b in self.do_mais_novo(pasta))
        return next((m.user_id for m in legiveis if m), None)

    def rascunho(self) -> IO[bytes]:
        """Um arquivo de trabalho sem nome: na memória enquanto é pequeno, depois no disco."""
        return tempfile.SpooledTemporaryFile(MEMORIA_DO_RASCUNHO, "w+b", dir=str(self.raiz))

    def montar(self, user_id: str, agora: datetime) -> Montagem:
        """Abre a montagem de um backup novo. Levanta FalhaDeDisco."""
        pasta = self.pasta_da_empresa(user_id)
        with erros_de_disco(pasta):
            pasta.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.name == "posix":
                pasta.chmod(0o700)
            usados = {m.group() for p in pasta.iterdir() if (m := re.search(CARIMBO, p.name))}
            momento = agora.replace(microsecond=0)
            while momento.strftime(FORMATO_DO_CARIMBO) in usados:
                momento += timedelta(seconds=1)
            carimbo = momento.strftime(FORMATO_DO_CARIMBO)
            montagem = pasta / f"{MONTAGEM}{carimbo}"
            montagem.mkdir(mode=0o700)
        return Montagem(pasta, montagem, carimbo, compactar=self.compactar)


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
