"""O que o servidor disse das linhas de um backup, para que o próximo só leia as que mudaram.

Ao lado do backup, `.resumo.<carimbo>`: de cada tabela, em blocos de linhas seguidas, quantas
são e as somas dos resumos do texto de cada uma, como o servidor as deu no instante da foto (ver
`cofre.via.direta.resumos`). Só serve com o próprio backup: diz a soma dos metadados e a de cada
arquivo. É uma lembrança: pode ser apagada, não vai a lugar nenhum, e na dúvida lê-se tudo. Só a do
último backup inteiro fica.

As sementes dos resumos saem do segredo deste PC, que ninguém de fora adivinha: nem quem escreve
linhas à espera de que duas se confundam, nem quem leva o disco e quer confirmar um palpite. Noutro
PC são outras, e lê-se tudo. De um backup cifrado não se guardam chaves nem somas: só, de cada
tabela, um selo delas, e a soma do conteúdo escondida com o mesmo segredo.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from cofre.base import estado
from cofre.base.disco import criar_privado, mover
from cofre.base.erros import BackupDanificado, FalhaDeDisco
from cofre.base.linha import SEPARADOR
from cofre.base.linha import juntar as juntar_linhas
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import e_carimbo, nome_do_resumo
from cofre.deposito.cifra.cifra import segredo
from cofre.deposito.formato import ABRE, FECHA, abrir, ler_linhas, sha256_do_arquivo
from cofre.deposito.ja_conferido import que_confere
from cofre.deposito.metadados import TabelaSalva
from cofre.deposito.textos import Textos, com_textos

VERSAO = 1
INTEIRA_A_CADA = timedelta(days=14)
"""Nenhuma tabela passa mais tempo sem ser lida por inteiro."""
ESPALHADAS = timedelta(days=7)
"""Algumas voltam a ser lidas até tanto antes, para que não o sejam todas no mesmo dia."""
MAIS_BLOCOS = 512
"""De uma tabela: o que o servidor diz de todos ainda é pouco."""


class Sementes(NamedTuple):
    """Duas, dos resumos de cada linha (int8), e o nome por que se reconhecem."""

    uma: int
    outra: int
    nome: str


def sementes() -> Sementes:
    """As deste PC. Levanta FalhaDeDisco."""

    def derivada(para: bytes) -> bytes:
        return hmac.digest(segredo(), b"cofre resumo\0" + para, "sha256")

    uma, outra = (int.from_bytes(derivada(b)[:8], "big", signed=True) for b in (b"0", b"1"))
    return Sementes(uma, outra, derivada(b"nome").hex()[:32])


class Bloco(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Linhas seguidas do arquivo de uma tabela: o JSON da chave da primeira (vazio: não se sabe, e
    é um bloco só), quantas são, quantos bytes levam no JSON e o que o servidor disse delas."""

    primeira: str
    linhas: int
    bytes: int
    resumo: str


class ResumoDaTabela(msgspec.Struct, frozen=True, gc=False):
    """De uma tabela: a `formula` (o que se perguntou, a que servidor), os blocos, e quando foi lida
    por inteiro pela última vez."""

    formula: str
    blocos: tuple[Bloco, ...]
    inteira_em: datetime


class _Salvo(msgspec.Struct, frozen=True, gc=False):
    sha256: str
    textos: str
    resumo: ResumoDaTabela


class _NoDisco(msgspec.Struct, frozen=True):
    versao: int
    ficha: str
    sementes: str
    tabelas: dict[str, _Salvo]


@dataclass(frozen=True, slots=True)
class Anterior:
    """Uma tabela do último backup inteiro, que pode servir outra vez. `vencida`: é altura de a ler
    por inteiro."""

    carimbo: str
    salva: TabelaSalva
    caminho: Path
    textos: Path | None
    resumo: ResumoDaTabela
    vencida: bool

    def confere(self) -> bool:
        """Se os arquivos ainda têm os bytes que os metadados dizem."""
        arquivos = ((self.salva, self.caminho), (self.salva.textos, self.textos))
        try:
            return all(
                sha256_do_arquivo(caminho) == (salvo.sha256, salvo.bytes)
                for salvo, caminho in arquivos
                if salvo is not None and caminho is not None
            )
        except (BackupDanificado, OSError):
            return False

    def linhas(self) -> Iterator[bytes]:
        """As linhas, em blocos, com os textos: como o servidor as mandou. Levanta BackupDanificado
        se já não são as que os metadados dizem."""
        with self._lendo():
            grupos = ler_linhas(self.caminho, que_confere(self.caminho, self.salva.sha256))
            if self.textos is not None and self.salva.textos is not None:
                quais = Textos(self.textos, self.salva.de_quem, self.salva.textos.sha256)
                grupos = com_textos(grupos, quais)
            yield from (juntar_linhas(map(bytes, grupo)) for grupo in grupos if grupo)

    @contextlib.contextmanager
    def _lendo(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            raise BackupDanificado(f"{self.caminho.name} não se lê ({e.strerror})") from e

    def blocos(self) -> Iterator[bytes]:
        """Os bytes de cada bloco do arquivo, na ordem. Levanta BackupDanificado se não são os que
        os metadados dizem: só depois do último se sabe."""
        somar = que_confere(self.caminho, self.salva.sha256)
        assert somar is not None
        with self._lendo(), abrir(self.caminho) as arquivo:

            def ler(quantos: int) -> bytes:
                lido = arquivo.read(quantos)
                if len(lido) != quantos:
                    raise BackupDanificado(f"{self.caminho.name} é mais curto do que era")
                if lido:
                    somar(lido)
                return lido

            for n, bloco in enumerate(self.resumo.blocos):
                ler(len(SEPARADOR if n else ABRE))
                yield ler(bloco.bytes)
            ler(len(FECHA))
            somar(b"")


@dataclass(frozen=True, slots=True)
class Anteriores:
    """As tabelas do último backup inteiro de uma empresa, por nome; `porque`, se não há nenhuma que
    sirva, para o log."""

    tabelas: Mapping[str, Anterior]
    porque: str = ""


def anteriores(pasta: Path, user_id: str, origem: str, agora: datetime) -> Anteriores:
    """O que serve de base a uma foto desta empresa, deste projeto. Levanta FalhaDeDisco só pelo
    segredo deste PC."""
    achado = _o_mais_novo(pasta)
    if achado is None:
        return Anteriores({}, "não há resumos ao lado de um backup")
    carimbo, lido = achado
    if lido is None or lido.versao != VERSAO:
        return Anteriores({}, "os resumos não se leem")
    if lido.sementes != sementes().nome:
        return Anteriores({}, "os resumos são de outro PC")
    backup = abrir_backup(pasta, carimbo)
    if porque := _por_que_nao(backup, lido, user_id, origem):
        return Anteriores({}, porque)
    return Anteriores(dict(_tabelas(backup, lido, user_id, agora)))


def _o_mais_novo(pasta: Path) -> tuple[str, _NoDisco | None] | None:
    """Normalmente há um só; uma queda pode ter deixado o de antes."""
    achados = sorted(_carimbos(pasta))
    if not achados:
        return None
    return achados[-1], estado.ler(pasta / nome_do_resumo(achados[-1]), _NoDisco)


def _carimbos(pasta: Path) -> Iterator[str]:
    for arquivo in pasta.glob(nome_do_resumo("*")):
        carimbo = arquivo.name.removeprefix(nome_do_resumo(""))
        if e_carimbo(carimbo):
            yield carimbo


def _por_que_nao(backup: Backup, lido: _NoDisco, user_id: str, origem: str) -> str:
    meta = backup.meta
    if meta is None or backup.ficha != lido.ficha:
        return "o backup dos resumos mudou"
    if meta.user_id != user_id or meta.origem.get("url") != origem:
        return "os resumos são de outro projeto ou de outra empresa"
    if not meta.inteiro or meta.consistencia != "instantanea":
        return "o backup dos resumos não é inteiro"
    return ""


def _tabelas(
    backup: Backup, lido: _NoDisco, user_id: str, agora: datetime
) -> Iterator[tuple[str, Anterior]]:
    assert backup.meta is not None
    for nome, salvo in lido.tabelas.items():
        salva = backup.meta.tabelas.get(nome)
        if salva is None or salva.cifrado or salva.somas != (salvo.sha256, salvo.textos):
            continue
        if sum(b.linhas for b in salvo.resumo.blocos) != salva.registros:
            continue
        with contextlib.suppress(BackupDanificado):
            textos = backup.caminho(salva.textos) if salva.textos else None
            vencida = _vencida(salvo.resumo.inteira_em, f"{user_id}\0{nome}", agora)
            yield (
                nome,
                Anterior(
                    backup.carimbo, salva, backup.caminho(salva), textos, salvo.resumo, vencida
                ),
            )


def _vencida(inteira_em: datetime, qual: str, agora: datetime) -> bool:
    """Se é altura de ler a tabela por inteiro: cada uma tem a sua, sempre a mesma."""
    sorteio = hashlib.blake2b(qual.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    antes = ESPALHADAS * (int.from_bytes(sorteio, "big") / 2**32)
    return not timedelta() <= agora - inteira_em < INTEIRA_A_CADA - antes


def juntar(blocos: Sequence[Bloco], maximo: int = MAIS_BLOCOS) -> list[Bloco]:
    """Os mesmos blocos (ainda sem resumo), juntos uns aos outros até não serem mais que tantos."""
    de_cada = max(1, -(-len(blocos) // maximo))
    return [
        Bloco(
            juntos[0].primeira,
            sum(b.linhas for b in juntos),
            sum(b.bytes for b in juntos) + len(SEPARADOR) * (len(juntos) - 1),
            "",
        )
        for n in range(0, len(blocos), de_cada)
        if (juntos := blocos[n : n + de_cada])
    ]


def guardar(backup: Backup, lidos: Mapping[str, ResumoDaTabela]) -> None:
    """Põe ao lado de um backup que acabou de se publicar o que o servidor disse das tabelas dele, e
    tira o que havia ao lado dos outros. Onde não dá, fica sem, e o próximo lê tudo."""
    meta = backup.meta
    if meta is None or not meta.inteiro or not lidos:
        return
    with contextlib.suppress(OSError, FalhaDeDisco):
        tabelas = {
            nome: _Salvo(*meta.tabelas[nome].somas, resumo)
            for nome, resumo in lidos.items()
            if not meta.tabelas[nome].cifrado
        }
        dados = msgspec.json.encode(_NoDisco(VERSAO, backup.ficha, sementes().nome, tabelas))
        antigos = [c for c in _carimbos(backup.pasta) if c != backup.carimbo]
        _gravar(backup.pasta / nome_do_resumo(backup.carimbo), dados)
        for carimbo in antigos:
            (backup.pasta / nome_do_resumo(carimbo)).unlink(missing_ok=True)


def _gravar(caminho: Path, dados: bytes) -> None:
    """Sem esperar pelo disco: o que uma queda cortar não se lê, e não faz falta. OSError passa."""
    novo = caminho.with_name(f"{caminho.name}.novo")
    novo.unlink(missing_ok=True)
    with criar_privado(novo) as arquivo:
        arquivo.write(dados)
    mover(novo, caminho)
