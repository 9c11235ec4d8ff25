"""Os conteúdos dos arquivos da empresa, dentro de um .zip: em `arquivos/`, como na pasta dela."""

from __future__ import annotations

import contextlib
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cofre.base.disco import erros_de_disco
from cofre.base.erros import BackupDanificado, ZipRecusado
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.citados import Citacoes, citados_por
from cofre.deposito.conteudos.guarda import Conteudos
from cofre.deposito.conteudos.leitura import BLOCO
from cofre.deposito.conteudos.lugar import PASTA, caminho_de, conferir, nome_de
from cofre.deposito.tabela_salva import TabelaSalva

MAXIMO = 1_000_000
"""Arquivos de uma empresa num .zip."""
_ENTRADA = re.compile(
    rf"(?:[^/\\:\x00-\x1f]+/)?{PASTA}/([0-9a-f]{{2}})/(\1[0-9a-f]{{62}}(?:\.age)?)"
)


def separar(
    entradas: list[zipfile.ZipInfo],
) -> tuple[list[zipfile.ZipInfo], dict[str, zipfile.ZipInfo]]:
    """As que não são de conteúdos; e, das que são, a de cada nome. Levanta ZipRecusado."""
    outras: list[zipfile.ZipInfo] = []
    conteudos: dict[str, zipfile.ZipInfo] = {}
    for entrada in entradas:
        casa = _ENTRADA.fullmatch(entrada.orig_filename)
        if casa is None:
            outras.append(entrada)
        elif conteudos.setdefault(casa[2], entrada) is not entrada:
            raise ZipRecusado("O .zip tem dois arquivos com o mesmo nome.")
    if len(conteudos) > MAXIMO:
        raise ZipRecusado(f"O .zip tem conteúdos demais: {len(conteudos)}.")
    return outras, conteudos


@contextlib.contextmanager
def guardando(
    zip_: zipfile.ZipFile,
    entradas: Mapping[str, zipfile.ZipInfo],
    citados: Mapping[str, int],
    pasta: Path,
    *,
    cifrado: bool,
) -> Iterator[None]:
    """Põe na pasta da empresa os conteúdos que o backup cita (`guardado` → bytes) e ela ainda não
    tem; se o que se segue levanta, tira-os. Levanta ZipRecusado ou FalhaDeDisco."""
    nomes = {nome_de(g, cifrado=cifrado): g for g in citados}
    if nomes.keys() != entradas.keys():
        qual = min(nomes.keys() ^ entradas.keys())
        como = "cita e ele não tem" if qual in nomes else "tem e o backup não cita"
        raise ZipRecusado(f"Há um conteúdo de arquivo que o .zip {como}: {qual[:12]}…")
    novos: list[Path] = []
    try:
        for nome, guardado in nomes.items():
            _um(zip_, entradas[nome], guardado, citados[guardado], pasta, novos, cifrado=cifrado)
        yield
    except BaseException:
        for novo in novos:
            with contextlib.suppress(OSError):
                novo.unlink(missing_ok=True)
        raise


def _um(
    zip_: zipfile.ZipFile,
    entrada: zipfile.ZipInfo,
    guardado: str,
    no_disco: int,
    pasta: Path,
    novos: list[Path],
    *,
    cifrado: bool,
) -> None:
    """Tira do .zip o conteúdo `guardado` (a soma), se não há já um bom na pasta; um novo fica em
    `novos`. Levanta ZipRecusado."""
    caminho = caminho_de(pasta, guardado, cifrado=cifrado)
    with contextlib.suppress(BackupDanificado), erros_de_disco(pasta):
        conferir(caminho, guardado, no_disco)
        return  # outro backup daqui já o tem
    if entrada.file_size != no_disco:
        raise ZipRecusado(f"O conteúdo {guardado[:12]}… não tem, no .zip, o tamanho que devia.")
    if not caminho.exists():
        novos.append(caminho)
    try:
        with zip_.open(entrada) as de:
            blocos = iter(lambda: de.read(BLOCO), b"")
            Conteudos(pasta, None).guardar_pronto(blocos, guardado, cifrado=cifrado)
    except BackupDanificado as e:
        raise ZipRecusado(f"Um conteúdo de arquivo não é, no .zip, o que o nome diz: {e}.") from e


def citados_na(montagem: Path, salvos: TabelaSalva | None) -> Mapping[str, int]:
    """O que o arquivo dos conteúdos, já na montagem, cita. Levanta ZipRecusado; OSError passa."""
    if salvos is None:
        return {}
    try:
        return citados_por(montagem, salvos.sha256)
    except BackupDanificado as e:
        raise ZipRecusado(f"O backup dentro do .zip está danificado: {e}.") from e


def gravar(
    zip_: zipfile.ZipFile, backup: Backup, entrada_de: Callable[[str], zipfile.ZipInfo]
) -> None:
    """Acrescenta ao zip os conteúdos que o backup cita, sem os compactar: fotos e PDFs já o estão.
    Levanta BackupDanificado; OSError passa."""
    for guardado in sorted(Citacoes().de(backup)):
        caminho = caminho_de(backup.pasta, guardado, cifrado=backup.cifrado)
        entrada = entrada_de(f"{backup.pasta.name}/{PASTA}/{guardado[:2]}/{caminho.name}")
        entrada.compress_type = zipfile.ZIP_STORED
        entrada.file_size = caminho.stat().st_size
        with caminho.open("rb") as de, zip_.open(entrada, "w") as para:
            shutil.copyfileobj(de, para, BLOCO)
