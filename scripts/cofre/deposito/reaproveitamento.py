"""A tabela que não mudou é o arquivo de ontem, ligado outra vez: não ocupa o disco de novo.

Cifrar o mesmo duas vezes dá outros bytes, e sem a chave que abre não se comparam conteúdos: quem
diz que são o mesmo é a marca, que só este PC sabe fazer. E a soma do arquivo de ontem confere-se
agora: a que os metadados dizem de um arquivo que se estragou continua a mesma.
"""

from __future__ import annotations

import contextlib
import hmac
import itertools
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cofre.base.disco import guardar_uma_vez, ligar_se
from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ARQUIVOS
from cofre.deposito.backup import Backup, do_mais_novo
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.cifra.comprimento import comprimento_certo
from cofre.deposito.conteudos.citados import dos_conteudos
from cofre.deposito.formato import sha256_no_disco
from cofre.deposito.nomes import CONTEUDOS, dos_textos
from cofre.deposito.tabela_salva import TabelaSalva

ANTERIORES = 3
"""Em quantos dos backups anteriores se procura o arquivo que não mudou: o último pode ser só de
algumas tabelas, ou estar danificado."""


@dataclass(frozen=True, slots=True)
class DeOntem:
    """Um arquivo de um backup anterior, e o que os metadados dele dizem."""

    salvo: TabelaSalva
    caminho: Path


def marcado(
    cifra: Cifra, quem: str, novo: Mapping[str, Any], caminho: Path, de_ontem: Iterable[DeOntem]
) -> dict[str, Any]:
    """O que os metadados dizem de um arquivo cifrado (`novo`, que está em `caminho`), com a marca;
    se um dos de ontem tem o mesmo conteúdo, para as mesmas chaves, o caminho passa a ser mais um
    nome dele, e as somas, as dele. Levanta FalhaDeDisco."""
    for antigo in de_ontem:
        soma = antigo.salvo.sha256_cifrado
        marca = cifra.marca(quem, novo["sha256"], soma)
        if hmac.compare_digest(marca, antigo.salvo.marca) and ligar(cifra, caminho, antigo):
            no_disco = antigo.salvo.bytes_no_disco
            return {**novo, "bytes_no_disco": no_disco, "sha256_cifrado": soma, "marca": marca}
    return {**novo, "marca": cifra.marca(quem, novo["sha256"], novo["sha256_cifrado"])}


def ligar(cifra: Cifra, caminho: Path, antigo: DeOntem) -> bool:
    """Faz de `caminho` mais um nome do arquivo antigo, se este ainda tem a soma que tinha, e diz se
    deu. Onde não dá (FAT, algumas pastas de rede), o que lá está fica como está."""
    certo = (antigo.salvo.sha256_cifrado, antigo.salvo.bytes_no_disco)
    ate = cifra.reusar_por
    with contextlib.suppress(OSError):
        info = antigo.caminho.lstat()
        if ate is not None and time.time() - info.st_mtime > ate.total_seconds():
            return False
        return stat.S_ISREG(info.st_mode) and ligar_se(
            caminho,
            antigo.caminho,
            lambda igual: sha256_no_disco(igual) == certo and comprimento_certo(igual),
        )
    return False


@dataclass(frozen=True, slots=True)
class DeAntes:
    """Os últimos backups da empresa, diante de um que se monta: `caminho` diz onde está, nele, o
    arquivo de cada tabela (e o de `dos_textos` dela)."""

    anteriores: Sequence[Backup]
    caminho: Callable[[str], Path]

    @classmethod
    def da_empresa(cls, pasta: Path, user_id: str, caminho: Callable[[str], Path]) -> DeAntes:
        """Os que se leem, do mais novo ao mais antigo, sem abrir os outros. OSError passa."""
        ultimos = itertools.islice(do_mais_novo(pasta), ANTERIORES)
        return cls([b for b in ultimos if b.meta and b.meta.user_id == user_id], caminho)

    def ligar_iguais(self, tabelas: Mapping[str, Any]) -> None:
        """Em claro, faz dos arquivos destas `tabelas` (as dos metadados) que não mudaram mais um
        nome dos de antes. Levanta FalhaDeDisco."""
        for nome, nova in tabelas.items():
            self._ligar(nome, nova, self.caminho(nome), textos=False)
            if dos_seus := nova.get("textos"):
                self._ligar(nome, dos_seus, self.caminho(dos_textos(nome)), textos=True)
        self._ligar_os_conteudos(tabelas)

    def marcar(self, tabelas: Mapping[str, Any], cifra: Cifra) -> dict[str, Any]:
        """O mesmo, cifrados; devolve as `tabelas` com a marca de cada arquivo. Levanta
        FalhaDeDisco."""
        marcadas: dict[str, Any] = {}
        for nome, nova in tabelas.items():
            quem, de_ontem = nome, self._cifrados(nome, textos=False)
            salva = marcado(cifra, quem, nova, self.caminho(quem), de_ontem)
            if dos_seus := nova.get("textos"):
                quem, de_ontem = dos_textos(nome), self._cifrados(nome, textos=True)
                salva["textos"] = marcado(cifra, quem, dos_seus, self.caminho(quem), de_ontem)
            marcadas[nome] = salva
        self._ligar_os_conteudos(tabelas)
        return marcadas

    def _ligar_os_conteudos(self, tabelas: Mapping[str, Any]) -> None:
        """O mesmo, do arquivo que diz que conteúdos se citam: está sempre em claro."""
        novos = tabelas.get(ARQUIVOS, {}).get("conteudos")
        for anterior in self.anteriores if novos else ():
            antigos = dos_conteudos(anterior)
            if antigos and (antigos.sha256, antigos.bytes) == (novos["sha256"], novos["bytes"]):
                with contextlib.suppress(BackupDanificado):
                    if guardar_uma_vez(self.caminho(CONTEUDOS), anterior.caminho(antigos)):
                        return

    def _ligar(self, nome: str, novo: Mapping[str, Any], caminho: Path, *, textos: bool) -> None:
        """O primeiro que os metadados dizem igual."""
        for antigo in self._de_ontem(nome, textos=textos):
            salvo = antigo.salvo
            if salvo.cifrado or salvo.compactado != bool(novo.get("compactado")):
                continue
            igual = (salvo.sha256, salvo.bytes) == (novo["sha256"], novo["bytes"])
            if igual and guardar_uma_vez(caminho, antigo.caminho):
                return

    def _cifrados(self, nome: str, *, textos: bool) -> Iterator[DeOntem]:
        return (d for d in self._de_ontem(nome, textos=textos) if d.salvo.cifrado)

    def _de_ontem(self, nome: str, *, textos: bool) -> Iterator[DeOntem]:
        """O arquivo da tabela (ou dos textos dela) em cada um destes backups."""
        for anterior in self.anteriores:
            salva = anterior.meta.tabelas.get(nome) if anterior.meta else None
            salva = salva.textos if textos and salva else salva
            if salva is not None:
                with contextlib.suppress(BackupDanificado):
                    yield DeOntem(salva, anterior.caminho(salva))
