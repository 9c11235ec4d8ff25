"""Um .zip exportado de volta à pasta da sua empresa; nada é publicado antes de tudo conferido.

O zip pode ter passado por qualquer lugar: nenhum nome dele decide onde se grava, e nada que ele
declare é descompactado além do que os metadados dizem e do que cabe no disco.
"""

from __future__ import annotations

import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from cofre.base.disco import erros_de_disco
from cofre.base.erros import ErroDeUso, FalhaDeDisco, NadaEncontrado, ZipRecusado
from cofre.base.palavras import tamanho, visivel
from cofre.deposito import metadados
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.carimbo import (
    CARIMBO,
    FORMATO_DO_CARIMBO,
    METADADOS,
    carimbo_de,
    momento,
)
from cofre.deposito.conteudos.conferencia import Conferencia
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import COMPACTADO
from cofre.deposito.metadados import Metadados
from cofre.deposito.nomes import CONTEUDOS
from cofre.deposito.publicacao import Montagem
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.deposito.trava import JA, Espera
from cofre.deposito.verificacao import danos_de, danos_do_conteudo
from cofre.deposito.zip import conteudos, lacrado
from cofre.deposito.zip.exportacao import LEIA_ME
from cofre.deposito.zip.nomes import arquivos_de, com_nomes, renomeada, sem_nomes

ENTRADAS = 20_000
"""Mais arquivos do que qualquer banco tem de tabelas."""
METADADOS_EM_BYTES = 64 * 1024 * 1024
BOM = 3

_TABELA = re.compile(
    rf'(?!\.|{METADADOS})([^<>:"/\\|?*\x00-\x1f\x7f]{{1,200}}_){CARIMBO}'
    r"(\.json(?:\.gz(?:\.age)?)?)",
    re.ASCII,
)
_ESTRAGADO = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    OverflowError,
    NotImplementedError,
)
"""O que o zipfile levanta por um zip cortado ou trocado."""


@dataclass(frozen=True, slots=True)
class Importado:
    """O que se fez: o backup na pasta, e se ele já estava lá."""

    backup: Backup
    meta: Metadados
    ja_estava: bool
    carimbo_de_origem: str


@dataclass(frozen=True, slots=True)
class Pacote:
    """O zip aberto e conferido por fora: os metadados (`ficha`, como estão no zip), de cada tabela
    a entrada dela, a de cada conteúdo de arquivo, e o lacre, se traz um."""

    zip: zipfile.ZipFile
    meta: Metadados
    ficha: bytes
    lacre: bytes | None
    carimbo: str
    entradas: Mapping[str, zipfile.ZipInfo]
    conteudos: Mapping[str, zipfile.ZipInfo]

    @property
    def bruto(self) -> dict[str, Any]:
        """O JSON dos metadados."""
        return metadados.bruto_de(self.ficha)


def importar(
    arquivo: Path, deposito: Deposito, espera: Espera = JA, *, codigo_do_lacre: str = ""
) -> Importado:
    """Confere o zip e o guarda como backup da empresa dele: com o mesmo carimbo, ou o próximo
    segundo livre. Espera pela empresa, se ela está em uso. `codigo_do_lacre`: em quem se confia,
    além de quem já se conhece.

    Levanta NadaEncontrado, ErroDeUso (não é um backup exportado), ZipRecusado, TravaOcupada ou
    FalhaDeDisco.
    """
    if not arquivo.is_file():
        raise NadaEncontrado(f"Não há arquivo {arquivo}.")
    try:
        with erros_de_disco(arquivo), closing(zipfile.ZipFile(arquivo)) as zip_:
            pacote = _abrir(zip_, arquivo.stat().st_size)
            de_quem = (pacote.meta.user_id, pacote.carimbo)
            if pacote.lacre is not None:
                lacrado.conferir(pacote.lacre, pacote.ficha, *de_quem, codigo_do_lacre)
            elif pacote.meta.cifrado:
                raise ZipRecusado("O backup dentro do .zip está cifrado e não tem lacre.")
            with deposito.trava_da_empresa(pacote.meta.empresa, espera):
                igual = _ja_guardado(deposito, pacote)
                if igual is not None:
                    return Importado(igual, pacote.meta, True, pacote.carimbo)
                _conferir_espaco(deposito.raiz, pacote)
                return Importado(_guardar(pacote, deposito), pacote.meta, False, pacote.carimbo)
    except _ESTRAGADO as e:
        raise ZipRecusado(f"{arquivo.name} não é um .zip inteiro: {e}") from e


def _abrir(zip_: zipfile.ZipFile, bytes_do_zip: int) -> Pacote:
    """Confere nomes, tipos e tamanhos, e lê os metadados. Levanta ZipRecusado ou ErroDeUso."""
    todas = [e for e in zip_.infolist() if not e.is_dir()]
    # Entradas que repartem os mesmos bytes são o truque das bombas que crescem sem limite.
    if sum(e.compress_size for e in todas) > bytes_do_zip:
        raise ZipRecusado("O .zip diz ter mais bytes do que tem.")
    for entrada in todas:
        _conferir_entrada(entrada)
    entradas, dos_conteudos = conteudos.separar(todas)
    if len(entradas) > ENTRADAS:
        raise ZipRecusado(f"O .zip tem arquivos demais: {len(entradas)}.")
    por_nome = {_nome_seguro(entrada): entrada for entrada in entradas}
    if len({nome.casefold() for nome in por_nome}) != len(entradas):
        raise ZipRecusado("O .zip tem dois arquivos com o mesmo nome.")
    por_nome.pop(LEIA_ME, None)
    meta, ficha, carimbo = _metadados(zip_, por_nome)
    lacre = lacrado.tirar(zip_, por_nome, meta, carimbo)
    tabelas = _tabelas(por_nome, meta)
    return Pacote(zip_, meta, ficha, lacre, carimbo, tabelas, dos_conteudos)


def _nome_seguro(entrada: zipfile.ZipInfo) -> str:
    """O nome do arquivo, sem a pasta (uma, no máximo). Levanta ZipRecusado."""
    original = entrada.orig_filename
    partes = PurePosixPath(original).parts
    if (
        re.search(r"[\\:\x00-\x1f]", original)
        or original.startswith("/")
        or ".." in partes
        or not 1 <= len(partes) <= 2
    ):
        raise _que_sai(original)
    return partes[-1]


def _que_sai(nome: str) -> ZipRecusado:
    return ZipRecusado(f"O .zip tem um arquivo que sai da pasta dele: {visivel(nome)!r}.")


def _conferir_entrada(entrada: zipfile.ZipInfo) -> None:
    """É um arquivo comum, e sabe-se lê-lo. Levanta ZipRecusado."""
    if stat.S_IFMT(entrada.external_attr >> 16) not in (0, stat.S_IFREG):
        raise _que_sai(entrada.orig_filename)
    if entrada.flag_bits & 1:
        raise ZipRecusado("O .zip tem senha.", "Tire a senha do arquivo e importe de novo.")
    if entrada.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ZipRecusado("O .zip foi refeito com uma compactação que este programa não lê.")


def _metadados(
    zip_: zipfile.ZipFile, por_nome: dict[str, zipfile.ZipInfo]
) -> tuple[Metadados, bytes, str]:
    """Tira dos nomes o dos metadados, e os lê: interpretados, como estão, e o carimbo deles.
    Levanta ZipRecusado ou ErroDeUso."""
    casos = {nome: carimbo for nome in por_nome if (carimbo := carimbo_de(nome))}
    if not casos and por_nome and all(nome.lower().endswith(".csv") for nome in por_nome):
        raise ErroDeUso(
            "Este .zip foi exportado em CSV, que é para planilhas e não pode ser importado.",
            "Exporte de novo sem --formato csv.",
        )
    if len(casos) != 1:
        raise ZipRecusado("O .zip não tem os metadados de um backup, e de um só.")
    ((nome, carimbo),) = casos.items()
    entrada = por_nome.pop(nome)
    if entrada.file_size > METADADOS_EM_BYTES:
        raise ZipRecusado(f"Os metadados têm {tamanho(entrada.file_size)}: não são de um backup.")
    dados = zip_.read(entrada)
    meta = metadados.de_bytes(dados, nome)
    if meta.da_primeira_versao or not meta.user_id or not meta.tabelas:
        raise ZipRecusado("Os metadados não são de um backup exportado pelo Cofre.")
    try:
        momento(carimbo)
    except ValueError:
        raise ZipRecusado(f"O carimbo {carimbo} não é uma data.") from None
    return meta, dados, carimbo


def _tabelas(
    por_nome: Mapping[str, zipfile.ZipInfo], meta: Metadados
) -> dict[str, zipfile.ZipInfo]:
    """A entrada de cada tabela, e a de `dos_textos` dela; nem uma a mais. Levanta ZipRecusado."""
    salvas = arquivos_de(meta)
    citados = {salva.arquivo: quem for quem, salva in salvas.items()}
    sobras = sorted(set(por_nome) - set(citados))
    faltas = sorted(set(citados) - set(por_nome))
    if sobras:
        raise ZipRecusado(
            f"O .zip tem um arquivo que os metadados não citam: {visivel(sobras[0])!r}."
        )
    if faltas or len(citados) != len(salvas):
        qual = visivel((faltas or sorted(citados))[0])
        raise ZipRecusado(f"Falta no .zip um arquivo que os metadados citam: {qual!r}.")
    for arquivo, quem in citados.items():
        _conferir_tabela(arquivo, por_nome[arquivo], salvas[quem])
    return {quem: por_nome[arquivo] for arquivo, quem in citados.items()}


def _conferir_tabela(arquivo: str, entrada: zipfile.ZipInfo, salva: TabelaSalva) -> None:
    if _TABELA.fullmatch(arquivo) is None:
        raise ZipRecusado(f"{visivel(arquivo)!r} não é o nome de um arquivo de tabela.")
    # Um editor pode ter posto um BOM; um .gz é menor do que o JSON (ou quase, se é minúsculo).
    folga = 1024 if arquivo.endswith(COMPACTADO) else BOM
    ate = salva.bytes_no_disco if salva.cifrado else salva.bytes + folga
    if entrada.file_size > ate:
        raise ZipRecusado(f"{visivel(arquivo)} é maior do que os metadados dizem.")


def _ja_guardado(deposito: Deposito, pacote: Pacote) -> Backup | None:
    """O backup da pasta com os mesmos metadados e os arquivos ainda bons, ou None."""
    procurado = sem_nomes(pacote.bruto)
    for backup in deposito.da_empresa(pacote.meta.user_id):
        dados = arquivo_de_metadados(backup.pasta, backup.carimbo).read_bytes()
        if sem_nomes(metadados.bruto_de(dados)) == procurado and not any(danos_de(backup)):
            return backup
    return None


def _conferir_espaco(raiz: Path, pacote: Pacote) -> None:
    todas = (*pacote.entradas.values(), *pacote.conteudos.values())
    precisa = sum(entrada.file_size for entrada in todas)
    livre = shutil.disk_usage(raiz).free
    if precisa > livre:
        raise FalhaDeDisco(
            f"O backup tem {tamanho(precisa)} e em {raiz} só há {tamanho(livre)} livres.",
            "Libere espaço ou use outra pasta com --destino.",
        )


def _guardar(pacote: Pacote, deposito: Deposito) -> Backup:
    """Monta, confere o que foi montado e publica. Levanta ZipRecusado ou FalhaDeDisco."""
    quando = datetime.strptime(pacote.carimbo, FORMATO_DO_CARIMBO)  # noqa: DTZ007 (hora local)
    with deposito.montar(pacote.meta.user_id, quando) as montagem:
        if pacote.lacre is not None and montagem.carimbo != pacote.carimbo:
            raise lacrado.mesmo_segundo(pacote.carimbo)
        nomes = {
            quem: _TABELA.sub(rf"\g<1>{montagem.carimbo}\g<2>", salva.arquivo)
            for quem, salva in arquivos_de(pacote.meta).items()
        }
        montagem.adotar(nomes)
        for quem, entrada in pacote.entradas.items():
            with pacote.zip.open(entrada) as de, montagem.criar(quem) as para:
                shutil.copyfileobj(de, para)
        cifrado = pacote.meta.cifrado is not None
        salvos = arquivos_de(pacote.meta).get(CONTEUDOS)
        citados = conteudos.citados_na(montagem.caminho(CONTEUDOS), salvos) if salvos else {}
        with conteudos.guardando(
            pacote.zip, pacote.conteudos, citados, montagem.pasta, cifrado=cifrado
        ):
            _conferir_montado(pacote, montagem, nomes)
            if pacote.lacre is not None:
                return montagem.publicar_pronto(pacote.ficha, pacote.lacre)
            return montagem.publicar(com_nomes(pacote.bruto, nomes))


def _conferir_montado(pacote: Pacote, montagem: Montagem, nomes: Mapping[str, str]) -> None:
    """As somas, as contagens, o dono de cada linha e as ligações do que está no disco."""
    tabelas = {n: renomeada(t, nomes) for n, t in pacote.meta.tabelas.items()}
    pasta = montagem.caminho(next(iter(nomes))).parent
    meta = msgspec.structs.replace(pacote.meta, tabelas=tabelas)
    montado = Backup(pasta, montagem.carimbo, meta, fechado=meta.cifrado is not None)
    danos = list(danos_do_conteudo(montado, meta, conteudos=Conferencia(montagem.pasta)))
    if danos:
        lista = "\n".join(visivel(d.em_palavras) for d in danos)
        raise ZipRecusado(
            "O backup dentro do .zip está danificado.", f"{lista}\n{ZipRecusado.dica}"
        )
