"""A pasta dos backups: quem é de quem, o que está inteiro, e como se publica sem meio-termo.

Um backup é montado numa pasta de montagem (`.em_andamento_<carimbo>`) dentro da pasta da empresa,
com os nomes definitivos, e gravado no disco (fsync). Os metadados são escritos nela por último:
a partir daí o backup está pronto e publicar é só mover, os metadados por último. Um processo morto
antes disso não deixa backup; morto depois, a próxima execução termina de mover. Só pastas de
trabalho de processos mortos são recolhidas: elas são certamente nossas (ver `presenca`, e `trava`
para o que cada execução pode fazer ao lado das outras).
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import IO

from cofre.base import derrame
from cofre.base.disco import MONTAGEM, PODANDO, erros_de_disco
from cofre.base.modelo import Empresa
from cofre.deposito import presenca, publicacao, remocao, trava
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import CARIMBO, FORMATO_DO_CARIMBO, carimbos_em
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos import lugar
from cofre.deposito.conteudos.lugar import PASTA as CONTEUDOS
from cofre.deposito.lacre import serie
from cofre.deposito.ordem import carimbos_em_ordem
from cofre.deposito.presenca import Presenca
from cofre.deposito.publicacao import Montagem
from cofre.deposito.trava import JA, Espera, Trava

PREFIXO = "empresa_"
MEMORIA_DO_RASCUNHO = 64 * 1024
"""Bytes; uma empresa tem dezenas de tabelas abertas ao mesmo tempo, quase todas menores."""


class Deposito:
    """Uma pasta de backups (`raiz`). `compactar`: os novos levam as tabelas em .json.gz; `cifra`,
    cifradas; `lacrar`: levam um lacre; `acao`: o que se diz a quem espera por uma trava nossa."""

    def __init__(
        self,
        raiz: Path,
        *,
        compactar: bool = False,
        cifra: Cifra | None = None,
        lacrar: bool = False,
        acao: str = "outra execução",
    ) -> None:
        self.raiz = raiz
        self.compactar = compactar
        self.cifra = cifra
        if cifra is not None:
            derrame.cifrar()
        self.lacrar = lacrar
        self._acao = acao
        self._trinco = threading.RLock()
        self._presenca: Presenca | None = None
        self._pastas: dict[str, Path] = {}
        self._criadas: dict[str, Path] = {}
        self._por_comeco: dict[str, list[Path]] | None = None
        self._lida_em = 0

    @contextlib.contextmanager
    def trabalhando(self) -> Iterator[None]:
        """Para quem vai mudar algo: cria a raiz e recolhe o que execuções mortas deixaram. Nada
        fica preso. Levanta TravaOcupada ou FalhaDeDisco."""
        self.preparar()
        try:
            yield
        finally:
            if self._presenca is not None:
                self._presenca.fechar()
                self._presenca = None

    def preparar(self) -> None:
        """O começo de `trabalhando`."""
        with erros_de_disco(self.raiz):
            self.raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Percorrer as pastas demora; só o que parece sobra se olha com a trava na mão.
            sobras = list(self._pastas_de_trabalho())
        with self._trinco, self._breve(), erros_de_disco(self.raiz):
            self._presente()
            for sobra in sobras:
                if presenca.sem_dono(self.raiz, sobra):
                    publicacao.recolher(sobra)
            presenca.recolher_mortos(self.raiz)
            self._reler_pastas()

    def trava_da_empresa(self, empresa: Empresa, espera: Espera = JA) -> Trava:
        """A trava da empresa, por tomar."""
        return trava.da_empresa(self.raiz, empresa.id, empresa.nome, self._acao, espera)

    def em_uso(self, user_id: str) -> bool:
        """Se outra execução tem agora a trava desta empresa; na dúvida, não."""
        return trava.ocupada(self.raiz, user_id)

    def _breve(self) -> Trava:
        return trava.breve(self.raiz)

    @property
    def presente(self) -> str:
        """O nome deste processo, enquanto está a trabalhar (ver `presenca`)."""
        return self._presenca.nome if self._presenca is not None else ""

    def _presente(self) -> Presenca:
        """Só com a trava breve na mão."""
        if self._presenca is None:
            self._presenca = Presenca(self.raiz)
        return self._presenca

    def _pastas_de_trabalho(self) -> Iterator[Path]:
        """As que há nas pastas das empresas, de quem quer que sejam, em ordem de nome."""
        for pasta in self.pastas():
            nomes = (p.name for p in os.scandir(pasta))
            yield from (pasta / n for n in sorted(nomes) if n.startswith((MONTAGEM, PODANDO)))

    def _reler_pastas(self) -> None:
        """Com dez mil empresas, procurar a pasta de cada uma no disco seria ler dez mil nomes dez
        mil vezes: só se leem de novo se outra execução criou alguma."""
        self._lida_em = self.raiz.stat().st_mtime_ns
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
        """Os backups de uma pasta, do mais antigo ao mais novo (ver `ordem`)."""
        abertos = [self.abrir(pasta, carimbo) for carimbo in carimbos_em(pasta)]
        return sorted(abertos, key=attrgetter("ordem"))

    def carimbos(self, pasta: Path) -> list[str]:
        """Os carimbos dos backups de uma pasta, na mesma ordem, quase sem abrir nenhum."""
        with erros_de_disco(pasta):
            return carimbos_em_ordem(pasta)

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
            key=attrgetter("ordem"),
            reverse=True,
        )
        return (b for b in todos if b.meta and b.meta.user_id == user_id)

    def ultimo(self, user_id: str) -> Backup | None:
        """O backup legível mais novo desta empresa, de qualquer tipo."""
        return next(self.da_empresa_do_mais_novo(user_id), None)

    def pasta_da_empresa(self, user_id: str) -> Path:
        """A pasta da empresa, existente ou a que seria dela agora: os 8 primeiros caracteres do id,
        ou mais, até não ser de outra. O que conta é o id inteiro nos metadados, nunca o nome."""
        with self._trinco:
            sabida = self._pastas.get(user_id)
            if sabida is None or not sabida.is_dir():
                sabida = self._achar_pasta(user_id)
            return sabida

    def _achar_pasta(self, user_id: str) -> Path:
        candidatas = self._candidatas(user_id)
        for pasta in candidatas:
            if self._dono(pasta) == user_id:
                self._pastas[user_id] = pasta
                return pasta
        if self._e_nossa(user_id):
            return self._criadas[user_id]
        # Maiúsculas e minúsculas são o mesmo nome no NTFS. Uma pasta vazia é de quem morreu antes
        # de lhe pôr algo.
        tomadas = {p.name.lower() for p in candidatas if _tem_algo(p)}
        return self.raiz / next(n for n in _nomes_possiveis(user_id) if n.lower() not in tomadas)

    def _criar_pasta(self, user_id: str) -> Path:
        """A pasta da empresa, já no disco. Só com a trava breve na mão: dois nomes novos não podem
        ser o mesmo. OSError passa."""
        if self._por_comeco is not None and self.raiz.stat().st_mtime_ns != self._lida_em:
            self._reler_pastas()
        for restam in (True, False):
            pasta = self.pasta_da_empresa(user_id)
            if user_id in self._pastas or self._e_nossa(user_id):
                return pasta
            pasta.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _tem_algo(pasta):
                break
            if not restam:
                raise FileExistsError(errno.EEXIST, "não está vazia", str(pasta))
            self._reler_pastas()  # acabou de nascer
        self._criadas[user_id] = pasta
        self._lembrar(pasta)
        self._lida_em = self.raiz.stat().st_mtime_ns
        return pasta

    def _e_nossa(self, user_id: str) -> bool:
        """Se a pasta que se criou para esta empresa, ainda sem backup, tem uma montagem nossa."""
        pasta = self._criadas.get(user_id)
        return pasta is not None and any(
            presenca.dono_de(montagem) == self.presente for montagem in pasta.glob(f"{MONTAGEM}*")
        )

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
        """Abre a montagem de um backup novo. Levanta FalhaDeDisco ou TravaOcupada."""
        with erros_de_disco(self.raiz):
            self.raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._trinco, self._breve(), erros_de_disco(self.pasta_da_empresa(user_id)):
            pasta = self._criar_pasta(user_id)
            if os.name == "posix":
                pasta.chmod(0o700)
            lugar.recolher(pasta)
            usados = {m.group() for p in pasta.iterdir() if (m := re.search(CARIMBO, p.name))}
            momento = agora.replace(microsecond=0)
            while momento.strftime(FORMATO_DO_CARIMBO) in usados:
                momento += timedelta(seconds=1)
            carimbo = momento.strftime(FORMATO_DO_CARIMBO)
            montagem = self._abrir_trabalho(pasta / f"{MONTAGEM}{carimbo}")
        return Montagem(
            pasta,
            montagem,
            carimbo,
            compactar=self.compactar,
            cifra=self.cifra,
            lacrar=self.lacrar,
        )

    def remontar(self, backup: Backup) -> Montagem:
        """Abre a montagem de um backup que já há, para o publicar cifrado com o mesmo carimbo. Com
        a trava da empresa na mão. OSError passa."""
        with self._trinco, self._breve():
            trabalho = self._abrir_trabalho(backup.pasta / f"{MONTAGEM}{backup.carimbo}")
        montagem = Montagem(
            backup.pasta, trabalho, backup.carimbo, compactar=True, cifra=self.cifra
        )
        montagem.testemunhas = (chaveiro.de_passagem().publica,)
        return montagem

    def apagar(self, backup: Backup) -> None:
        """Apaga um backup inteiro, com a trava da empresa na mão. OSError passa: o que faltar, a
        próxima execução termina."""
        if backup.meta is not None:
            serie.vai_sair(backup.pasta, backup.meta.user_id, backup.carimbo)
        with self._trinco, self._breve():
            poda = self._abrir_trabalho(backup.pasta / f"{PODANDO}{backup.carimbo}")
            remocao.comecar_a_apagar(poda, backup.carimbo)
        remocao.terminar_de_apagar(poda, backup.carimbo)

    def _abrir_trabalho(self, pasta: Path) -> Path:
        """Uma pasta de trabalho deste processo. Só com a trava breve na mão. OSError passa."""
        presente = self._presente()
        pasta.mkdir(mode=0o700, exist_ok=True)
        presente.marcar(pasta)
        return pasta


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
