"""Um backup num só arquivo .zip: com os mesmos bytes da pasta, ou em CSV para planilhas.

Dentro do zip está a pasta da empresa, como em `backups/`, e um LEIA-ME.txt. O mesmo backup dá
sempre o mesmo zip: a data de cada arquivo é a do backup.
"""

from __future__ import annotations

import codecs
import contextlib
import re
import shutil
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from cofre.base.disco import erros_de_disco
from cofre.base.erros import ErroDeUso
from cofre.base.modelo import ARQUIVOS, LISTAS, LOGINS, ordem_de_exibicao
from cofre.base.palavras import na_pagina, plural
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.carimbo import CARIMBO, nome_do_lacre
from cofre.deposito.formato import CIFRADO, COMPACTADO
from cofre.deposito.lacre import conferencia
from cofre.deposito.metadados import Metadados
from cofre.deposito.no_disco import alem_das_linhas
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.deposito.zip import conteudos, planilha
from cofre.deposito.zip.saida import conferir_saida, inteiro_ou_nada

JSON, CSV = "json", "csv"
LEIA_ME = "LEIA-ME.txt"
GRANDE = 1 << 30
"""Bytes a partir dos quais um CSV pode passar dos 4 GB de um zip comum."""

_TEXTO_JSON = """\
Backup de uma empresa, feito pelo Cofre (backup por empresa para Supabase).

Empresa:   {nome}
Id:        {user_id}
Backup de: {quando}
Conteúdo:  {tabelas}, {registros}

Para restaurar em outra máquina, com o Cofre instalado lá:

  python scripts/backup-por-empresa.py importar ESTE_ARQUIVO.zip
  python scripts/restaurar-empresa.py --empresa {user_id}

{como}; backup_metadata_*.json diz o que cada um tem de ter, com
as somas sha256. Não os altere: um backup alterado é recusado.
{arquivos}
Estes dados são da empresa e das pessoas que ela cadastrou. Guarde-os como se guarda um segredo.
"""

_OS_ARQUIVOS = """
Os arquivos da empresa no Storage estão em arquivos/, cada um com a soma sha256 por nome (e .age no
fim, se está cifrado: age -d -i CHAVE.txt); storage.objects_*.json diz como se chamava cada um.
"""
_EM_CLARO = "Cada arquivo .json é uma tabela, em UTF-8"
_CIFRADO = """\
Está cifrado: só uma das chaves que abrem (a do dono, ou a de reserva) o lê. Sem o Cofre, abre-se
cada tabela com o programa «age»: age -d -i CHAVE.txt TABELA.json.gz.age | gunzip > TABELA.json
Cada arquivo .json.gz.age é uma tabela, cifrada"""

_TEXTO_CSV = """\
As tabelas de uma empresa em CSV, para planilhas (Excel, LibreOffice).

Empresa:   {nome}
Id:        {user_id}
Backup de: {quando}
Conteúdo:  {tabelas}, {registros}

ISTO NÃO É UM BACKUP: um CSV não guarda tudo, e não pode ser importado nem restaurado. Para isso,
exporte sem --formato csv.

Um apóstrofo no começo de uma célula quer dizer «isto é texto»: sem ele, a planilha tomaria o que
vem depois por uma fórmula, arredondaria um número de mais de 15 algarismos ou tiraria os zeros da
frente.
Uma célula vazia pode ser um valor nulo ou um texto vazio.

Estes dados são da empresa e das pessoas que ela cadastrou. Guarde-os como se guarda um segredo.
"""


def exportar(backup: Backup, arquivo: Path, formato: str, *, sobrescrever: bool) -> int:
    """Grava o zip de um backup já conferido; devolve o tamanho em bytes. Quem olha a pasta vê o zip
    inteiro ou nenhum. Levanta ErroDeUso, BackupDanificado ou FalhaDeDisco."""
    meta = backup.meta
    if meta is None or (formato == JSON and meta.da_primeira_versao):
        raise ErroDeUso(
            "Este backup é da primeira versão, sem somas: não há como conferi-lo ao importar.",
            "Faça um backup novo e exporte-o; ou exporte este com --formato csv.",
        )
    conferir_saida(arquivo, sobrescrever=sobrescrever)
    with erros_de_disco(arquivo), inteiro_ou_nada(arquivo, sobrescrever=sobrescrever) as saida:
        with zipfile.ZipFile(saida, "w", zipfile.ZIP_DEFLATED) as zip_:
            _gravar_texto(zip_, backup, meta, _TEXTO_CSV if formato == CSV else _TEXTO_JSON)
            for nome in sorted(meta.tabelas, key=ordem_de_exibicao):
                if formato == CSV and nome == LOGINS:
                    continue  # os logins não vão para uma planilha
                gravar = _gravar_csv if formato == CSV else _gravar_tabela
                gravar(zip_, backup, meta.tabelas[nome])
            if formato == JSON:
                conteudos.gravar(zip_, backup, lambda nome: nova_entrada(nome, backup.quando))
                for arquivo_seu in _alem_das_tabelas(backup, meta):
                    _copiar(zip_, backup, arquivo_seu)
        return saida.tell()


def _alem_das_tabelas(backup: Backup, meta: Metadados) -> Iterator[Path]:
    """Os detalhes de um cifrado e o lacre, se os há; por fim, os metadados."""
    yield from map(backup.caminho, meta.dos_detalhes)
    if conferencia.tem_lacre(backup):
        yield backup.pasta / nome_do_lacre(backup.carimbo)
    yield arquivo_de_metadados(backup.pasta, backup.carimbo)


def _gravar_texto(zip_: zipfile.ZipFile, backup: Backup, meta: Metadados, modelo: str) -> None:
    tabelas = len({*meta.tabelas} - {*LISTAS})
    alem = alem_das_linhas(backup)
    texto = modelo.format(
        nome=meta.empresa.nome,
        user_id=meta.user_id,
        quando=na_pagina(backup.quando, "segundo"),
        tabelas=plural(tabelas, "tabela", "tabelas"),
        registros=plural(meta.total, "registro", "registros") + (f", {alem}" if alem else ""),
        como=_CIFRADO if backup.cifrado else _EM_CLARO,
        arquivos=_OS_ARQUIVOS if ARQUIVOS in meta.tabelas else "",
    )
    zip_.writestr(nova_entrada(LEIA_ME, backup.quando), no_bloco_de_notas(texto))


def _gravar_tabela(zip_: zipfile.ZipFile, backup: Backup, tabela: TabelaSalva) -> None:
    for arquivo in tabela.todos:
        _copiar(zip_, backup, backup.caminho(arquivo))


def _copiar(zip_: zipfile.ZipFile, backup: Backup, caminho: Path) -> None:
    """O arquivo, byte a byte, dentro da pasta da empresa."""
    entrada = nova_entrada(f"{backup.pasta.name}/{caminho.name}", backup.quando)
    entrada.file_size = caminho.stat().st_size  # diz ao zipfile se precisa de zip64
    if caminho.suffix in (COMPACTADO, CIFRADO):
        entrada.compress_type = zipfile.ZIP_STORED
    with caminho.open("rb") as de, zip_.open(entrada, "w") as para:
        shutil.copyfileobj(de, para)


def _gravar_csv(zip_: zipfile.ZipFile, backup: Backup, tabela: TabelaSalva) -> None:
    caminho = backup.caminho(tabela)
    with csv_no_zip(zip_, f"{backup.pasta.name}/", tabela, caminho, backup.quando) as saida:
        planilha.escrever_csv(tabela, caminho, saida)


@contextlib.contextmanager
def csv_no_zip(
    zip_: zipfile.ZipFile, pasta: str, tabela: TabelaSalva, caminho: Path, quando: datetime
) -> Iterator[BinaryIO]:
    """Onde escrever o CSV de uma tabela, que está neste arquivo; `pasta`, com a barra, é a de
    dentro do zip."""
    nome = re.sub(rf"_{CARIMBO}\.json(\.gz(\.age)?)?$", "", tabela.arquivo)
    pode_ser_grande = max(tabela.bytes, caminho.stat().st_size) > GRANDE
    entrada = nova_entrada(f"{pasta}{nome}.csv", quando)
    with zip_.open(entrada, "w", force_zip64=pode_ser_grande) as saida:
        yield cast(BinaryIO, saida)


def nova_entrada(nome: str, quando: datetime) -> zipfile.ZipInfo:
    """Uma entrada com esta data e só do dono, igual em qualquer sistema."""
    entrada = zipfile.ZipInfo(nome, quando.timetuple()[:6])
    entrada.compress_type = zipfile.ZIP_DEFLATED
    entrada.create_system = 3
    entrada.external_attr = 0o100600 << 16
    return entrada


def no_bloco_de_notas(texto: str) -> bytes:
    """O texto como o Bloco de Notas de um Windows antigo o entende."""
    return codecs.BOM_UTF8 + texto.replace("\n", "\r\n").encode("utf-8", "replace")
