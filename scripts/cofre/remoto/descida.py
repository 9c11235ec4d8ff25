"""Um backup da cópia outra vez nesta pasta: baixado, somado, e publicado como nasceu.

O que se baixa fica em `.trazendo`, na raiz dos backups, até estar tudo: uma queda no meio de um
arquivo continua do byte em que parou. Só o que tem a soma do nome passa dali, e o backup só existe
quando os metadados dele se movem, por último, como os de qualquer outro.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cofre.base.disco import erros_de_disco, ler_ficha, mover, para_o_disco
from cofre.base.equipe import Equipe
from cofre.base.erros import BackupDanificado, ErroDeUso, FalhaDeDisco
from cofre.base.palavras import na_tela, tamanho
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import momento, nome_do_lacre, nome_dos_metadados
from cofre.deposito.deposito import Deposito
from cofre.deposito.trava import JA, Espera
from cofre.deposito.verificacao import danos_de
from cofre.remoto.destino import Destino
from cofre.remoto.disposicao import Conteudo
from cofre.remoto.envio import Avanco
from cofre.remoto.vinda import CopiaDanificada, NaCopia

PASTA, BAIXANDO = ".trazendo", ".baixando"
LADO_A_LADO = 4
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Trazido:
    """O backup, já na pasta da empresa; se já estava lá; e quantos bytes se baixaram."""

    backup: Backup
    ja_estava: bool
    bytes: int = 0


@dataclass(slots=True)
class Descida:
    """De onde para onde. `espera`: por uma empresa que outra execução está usando."""

    destino: Destino
    la: Conteudo
    deposito: Deposito
    avanco: Avanco
    espera: Espera = JA
    _baixados: int = field(default=0, init=False)
    _trinco: threading.Lock = field(default_factory=threading.Lock, init=False)

    def trazer(self, nele: NaCopia) -> Trazido:
        """O backup inteiro. Levanta CopiaDanificada, ErroDeUso (o carimbo é de outro),
        TravaOcupada, FalhaDeDisco ou FalhaDaCopia; o que já se baixou fica para a próxima vez."""
        raiz = self.deposito.raiz
        with self.deposito.trava_da_empresa(nele.meta.empresa, self.espera), erros_de_disco(raiz):
            igual = self._ja_esta(nele)
            if igual is not None:
                return Trazido(igual, ja_estava=True)
            pasta = raiz / PASTA
            pasta.mkdir(mode=0o700, exist_ok=True)
            self._conferir_espaco(nele, pasta)
            self._baixar(nele, pasta)
            backup = self._publicar(nele, _nomes(nele, pasta), pasta)
            for soma, _ in nele.lacre.blobs:
                (pasta / soma).unlink(missing_ok=True)
            if not any(pasta.iterdir()):
                pasta.rmdir()
        return Trazido(backup, ja_estava=False, bytes=self._baixados)

    def _ja_esta(self, nele: NaCopia) -> Backup | None:
        """O mesmo backup, se já está aqui, inteiro. Levanta ErroDeUso se o carimbo é de outro, e
        BackupDanificado se o daqui se estragou."""
        pasta = self.deposito.pasta_da_empresa(nele.meta.user_id)
        if not (pasta / nome_dos_metadados(nele.lacre.carimbo)).exists():
            return None
        lacre = pasta / nome_do_lacre(nele.lacre.carimbo)
        if lacre.exists() and ler_ficha(lacre) == nele.lacre.dados:
            daqui = self.deposito.abrir(pasta, nele.lacre.carimbo)
            for dano in danos_de(daqui):
                quando = na_tela(daqui.quando)
                raise BackupDanificado(
                    f"O backup de {quando} já está aqui, mas danificado: {dano.causa}.",
                    "Traga o da cópia para outra pasta, com --destino.",
                )
            return daqui
        raise ErroDeUso(
            f"Já há aqui outro backup com o carimbo {nele.lacre.carimbo}.",
            "Foi feito por outro computador no mesmo segundo. Traga este para outra pasta, com"
            " --destino.",
        )

    def _conferir_espaco(self, nele: NaCopia, pasta: Path) -> None:
        falta = sum(n for s, n in nele.lacre.blobs if not (pasta / s).exists())
        livre = shutil.disk_usage(pasta).free
        if falta > livre:
            raise FalhaDeDisco(
                f"O backup tem {tamanho(falta)} por baixar, e só há {tamanho(livre)} livres.",
                "Libere espaço ou use outra pasta com --destino.",
            )

    def _baixar(self, nele: NaCopia, pasta: Path) -> None:
        """Cada conteúdo em `pasta`, com a soma por nome."""
        if faltam := [s for s, n in nele.lacre.blobs if not self.la.tem(s, n)]:
            quantos = f"{len(faltam)} dos {len(nele.lacre.blobs)} arquivos"
            raise CopiaDanificada(f"Faltam na cópia {quantos} do backup de {nele.lacre.carimbo}.")
        total = sum(n for _, n in nele.lacre.blobs)
        equipe = Equipe(LADO_A_LADO, threading.Event(), "trazer")
        try:
            for _ in equipe.em_ordem(lambda blob: self._um(blob.sha256, pasta), nele.lacre.blobs):
                self.avanco(self._baixados, total)
        finally:
            equipe.encerrar()

    def _um(self, soma: str, pasta: Path) -> None:
        pronto, provisorio = pasta / soma, pasta / f"{soma}{BAIXANDO}"
        if pronto.exists():  # de uma vez que parou: quem mexe na pasta pode tê-lo trocado
            if _soma(pronto) == soma:
                return
            pronto.unlink()
        for _ in range(2):  # o que sobrou de antes pode não prestar: então, do começo
            desde = provisorio.stat().st_size if provisorio.exists() else 0
            with provisorio.open("ab") as saida:
                if desde < self.la.blobs[soma].bytes:
                    self.destino.ler(self.la.blobs[soma].nome, saida, desde)
                para_o_disco(saida)
                with self._trinco:
                    self._baixados += saida.tell() - desde
            if _soma(provisorio) == soma:
                mover(provisorio, pronto)
                return
            provisorio.unlink()
            if not desde:
                break
        raise CopiaDanificada(f"O conteúdo {soma[:12]}… não é, na cópia, o que foi enviado.")

    def _publicar(self, nele: NaCopia, nomes: Mapping[str, str], pasta: Path) -> Backup:
        """`nomes`: o do arquivo no backup → a soma."""
        user_id, carimbo = nele.meta.user_id, nele.lacre.carimbo
        with self.deposito.montar(user_id, momento(carimbo)) as montagem:
            if montagem.carimbo != carimbo:
                raise ErroDeUso(f"O carimbo {carimbo} já está tomado nesta pasta.")
            restam = list(nomes.values())
            for nome, soma in nomes.items():
                restam.remove(soma)
                # Em claro, dois arquivos iguais são um conteúdo só.
                (shutil.copyfile if soma in restam else mover)(pasta / soma, montagem.lugar(nome))
            return montagem.publicar_pronto(nele.ficha, nele.lacre.dados)


def _nomes(nele: NaCopia, pasta: Path) -> dict[str, str]:
    """O nome de cada arquivo do backup → a soma do conteúdo dele. Levanta CopiaDanificada."""
    por_json = {} if nele.lacre.detalhes else dict(_somas_do_json(nele, pasta))
    nomes: dict[str, str] = {}
    baixados = {soma for soma, _ in nele.lacre.blobs}
    for arquivo in nele.meta.arquivos:
        soma = arquivo.sha256_cifrado or por_json.get((arquivo.sha256, arquivo.compactado), "")
        if soma not in baixados:
            raise CopiaDanificada(f"O lacre não cita o arquivo {arquivo.arquivo} do backup.")
        nomes[arquivo.arquivo] = soma
    return nomes


def _somas_do_json(nele: NaCopia, pasta: Path) -> Iterator[tuple[tuple[str, bool], str]]:
    """De um backup em claro: a soma do JSON de cada conteúdo (e se está compactado) → a dele."""
    for soma, _ in nele.lacre.blobs:
        yield (soma, False), soma
        with (pasta / soma).open("rb") as arquivo:
            compactado = arquivo.read(2) == _GZIP
        if compactado:
            with gzip.open(pasta / soma) as claro:
                yield (hashlib.file_digest(claro, "sha256").hexdigest(), True), soma


def _soma(arquivo: Path) -> str:
    with arquivo.open("rb") as aberto:
        return hashlib.file_digest(aberto, "sha256").hexdigest()
