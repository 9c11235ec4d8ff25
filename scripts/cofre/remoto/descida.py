"""Um backup da cópia outra vez nesta pasta: baixado, somado, e publicado como nasceu.

O que se baixa fica em `.trazendo`, na raiz dos backups, até estar tudo: uma queda no meio de um
arquivo continua do byte em que parou. Só o que tem a soma do nome passa dali, e o backup só existe
quando os metadados dele se movem, por último, como os de qualquer outro.
"""

from __future__ import annotations

import contextlib
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
from cofre.base.modelo import ARQUIVOS
from cofre.base.palavras import na_tela, tamanho
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import momento, nome_do_lacre, nome_dos_metadados
from cofre.deposito.conteudos.citados import citados_por
from cofre.deposito.conteudos.lugar import caminho_de, conferir, tomar_lugar
from cofre.deposito.deposito import Deposito
from cofre.deposito.trava import JA, Espera
from cofre.deposito.verificacao import danos_de
from cofre.remoto.destino import Destino
from cofre.remoto.disposicao import Conteudo
from cofre.remoto.envio import Avanco
from cofre.remoto.vinda import CopiaDanificada, NaCopia

PASTA, BAIXANDO, COPIA = ".trazendo", ".baixando", ".copia"
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
    _achados: dict[str, bool] = field(default_factory=dict, init=False)

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
            conteudos = _conteudos(nele, pasta)
            backup = self._publicar(nele, _nomes(nele, pasta), conteudos, pasta)
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
        falta = sum(
            n for s, n in nele.lacre.blobs if not (pasta / s).exists() and not self._ca(nele, s, n)
        )
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
        blobs = [b for b in nele.lacre.blobs if not self._ca(nele, *b)]
        total = sum(n for _, n in blobs)
        equipe = Equipe(LADO_A_LADO, threading.Event(), "trazer")
        try:
            for _ in equipe.em_ordem(lambda blob: self._um(blob.sha256, pasta), blobs):
                self.avanco(self._baixados, total)
        finally:
            equipe.encerrar()

    def _ca(self, nele: NaCopia, soma: str, no_disco: int) -> bool:
        """Se é um conteúdo de arquivo que outro backup daqui já tem, e está bom."""
        if not nele.lacre.conteudos or _de_tabela(nele, soma, no_disco):
            return False
        if soma not in self._achados:
            da_empresa = self.deposito.pasta_da_empresa(nele.meta.user_id)
            caminho = caminho_de(da_empresa, soma, cifrado=bool(nele.lacre.detalhes))
            self._achados[soma] = False
            with contextlib.suppress(BackupDanificado):
                conferir(caminho, soma, no_disco)
                self._achados[soma] = True
        return self._achados[soma]

    def _um(self, soma: str, pasta: Path) -> None:
        """Desce o conteúdo desta `soma` para a pasta, de onde parou. Levanta CopiaDanificada, e o
        que o destino levante."""
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

    def _publicar(
        self,
        nele: NaCopia,
        nomes: Mapping[str, str],
        conteudos: Mapping[str, int],
        pasta: Path,
    ) -> Backup:
        """`nomes`: o do arquivo no backup → a soma; `conteudos`: os que ele cita."""
        user_id, carimbo = nele.meta.user_id, nele.lacre.carimbo
        with self.deposito.montar(user_id, momento(carimbo)) as montagem:
            if montagem.carimbo != carimbo:
                raise ErroDeUso(f"O carimbo {carimbo} já está tomado nesta pasta.")
            for soma in (s for s, n in conteudos.items() if not self._ca(nele, s, n)):
                de = pasta / soma
                if soma in nomes.values():  # o mesmo conteúdo é também o de uma tabela
                    de = Path(shutil.copyfile(de, pasta / f"{soma}{COPIA}"))
                tomar_lugar(de, montagem.pasta, soma, cifrado=bool(nele.lacre.detalhes))
            restam = list(nomes.values())
            for nome, soma in nomes.items():
                restam.remove(soma)
                # Em claro, dois arquivos iguais são um conteúdo só.
                (shutil.copyfile if soma in restam else mover)(pasta / soma, montagem.lugar(nome))
            return montagem.publicar_pronto(nele.ficha, nele.lacre.dados)


def _de_tabela(nele: NaCopia, soma: str, no_disco: int) -> bool:
    """Se pode ser o arquivo de uma tabela: esse faz falta na montagem."""
    return any(
        soma in (a.sha256, a.sha256_cifrado) or (a.compactado and a.bytes_no_disco == no_disco)
        for a in nele.meta.arquivos
    )


def _conteudos(nele: NaCopia, pasta: Path) -> Mapping[str, int]:
    """Os conteúdos de arquivos que o backup cita, do que se baixou. Levanta CopiaDanificada."""
    lista = nele.meta.tabelas.get(ARQUIVOS)
    if lista is None or lista.conteudos is None:
        return {}
    soma = lista.conteudos.sha256
    assinados = dict(nele.lacre.blobs)
    if soma not in assinados:
        raise CopiaDanificada(f"O lacre não cita o arquivo {lista.conteudos.arquivo} do backup.")
    try:
        citados = citados_por(pasta / soma, soma)
    except BackupDanificado as e:
        raise CopiaDanificada(f"Os conteúdos que o backup cita não se leem: {e}") from e
    if any(assinados.get(citado) != n for citado, n in citados.items()):
        raise CopiaDanificada("O backup cita conteúdos que o lacre não assina.")
    return citados


def _nomes(nele: NaCopia, pasta: Path) -> dict[str, str]:
    """O nome de cada arquivo do backup → a soma do conteúdo dele. Levanta CopiaDanificada."""
    por_json = {} if nele.lacre.detalhes else dict(_somas_do_json(nele, pasta))
    nomes: dict[str, str] = {}
    baixados = {soma for soma, _ in nele.lacre.blobs}
    for arquivo in nele.meta.arquivos:
        como_esta = "" if arquivo.compactado else arquivo.sha256
        soma = arquivo.sha256_cifrado or como_esta or por_json.get(arquivo.sha256, "")
        if soma not in baixados:
            raise CopiaDanificada(f"O lacre não cita o arquivo {arquivo.arquivo} do backup.")
        nomes[arquivo.arquivo] = soma
    return nomes


def _somas_do_json(nele: NaCopia, pasta: Path) -> Iterator[tuple[str, str]]:
    """De um backup em claro, dos arquivos compactados: a soma do JSON → a do arquivo."""
    compactados = {a.bytes_no_disco for a in nele.meta.arquivos if a.compactado}
    for soma, no_disco in nele.lacre.blobs:
        if no_disco not in compactados:  # um conteúdo pode ser um gzip, e não é para se abrir
            continue
        with (pasta / soma).open("rb") as arquivo:
            compactado = arquivo.read(2) == _GZIP
        if compactado:
            with gzip.open(pasta / soma) as claro:
                yield hashlib.file_digest(claro, "sha256").hexdigest(), soma


def _soma(arquivo: Path) -> str:
    with arquivo.open("rb") as aberto:
        return hashlib.file_digest(aberto, "sha256").hexdigest()
