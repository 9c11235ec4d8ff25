"""Os resumos ao lado do último backup inteiro: quando servem, e como se guardam."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec

from cofre.base import estado
from cofre.base.disco import criar_privado, mover
from cofre.base.erros import BackupDanificado, FalhaDeDisco
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import (
    e_carimbo,
    lembrancas,
    nome_do_resumo,
    nome_dos_resumos_por_linha,
)
from cofre.deposito.cifra.cifra import Cifra, segredo
from cofre.deposito.resumos import NENHUMA, Anterior, Bloco, ResumoDaTabela, selo, sementes
from cofre.deposito.resumos_por_linha import DE_CADA, Onde, PorLinha, escrever
from cofre.deposito.retrato import que_comecam
from cofre.deposito.tabela_salva import TabelaSalva

VERSAO = 1
INTEIRA_A_CADA = timedelta(days=14)
"""Nenhuma tabela passa mais tempo sem ser lida por inteiro."""
ESPALHADAS = timedelta(days=7)
"""Algumas voltam a ser lidas até tanto antes, para que não o sejam todas no mesmo dia."""


class _Salvo(msgspec.Struct, frozen=True, gc=False):
    """`sha256`: do conteúdo ou, se está cifrado, do que está no disco; aí `oculta` é a do conteúdo,
    que só se descobre com o segredo deste PC. `por_linha`: onde está o resumo de cada linha."""

    sha256: str
    textos: str
    resumo: ResumoDaTabela
    oculta: str = ""
    por_linha: Onde | None = None


class _NoDisco(msgspec.Struct, frozen=True):
    versao: int
    ficha: str
    sementes: str
    tabelas: dict[str, _Salvo]


@dataclass(frozen=True, slots=True)
class Anteriores:
    """As tabelas do último backup inteiro de uma empresa, por nome; `porque`, se não há nenhuma que
    sirva, para o log."""

    tabelas: Mapping[str, Anterior]
    porque: str = ""


def anteriores(
    pasta: Path, user_id: str, origem: str, agora: datetime, cifra: Cifra | None
) -> Anteriores:
    """O que serve de base a uma foto desta empresa, deste projeto, a gravar com esta cifra. Levanta
    FalhaDeDisco só pelo segredo deste PC."""
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
    return Anteriores(dict(_tabelas(backup, lido, agora, cifra)))


def _o_mais_novo(pasta: Path) -> tuple[str, _NoDisco | None] | None:
    """Normalmente há um só; uma queda pode ter deixado o de antes."""
    achados = sorted(_carimbos(pasta))
    if not achados:
        return None
    return achados[-1], estado.ler(pasta / nome_do_resumo(achados[-1]), _NoDisco)


def _carimbos(pasta: Path) -> Iterator[str]:
    comeco = nome_do_resumo("")
    with contextlib.suppress(OSError):
        for nome in que_comecam(pasta, comeco):
            if e_carimbo(carimbo := nome.removeprefix(comeco)):
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
    backup: Backup, lido: _NoDisco, agora: datetime, cifra: Cifra | None
) -> Iterator[tuple[str, Anterior]]:
    """De cada tabela, a leitura de antes e o resumo dela, se dizem o mesmo: o que não bate fica de
    fora."""
    assert backup.meta is not None
    user_id = backup.meta.user_id
    for nome, salvo in lido.tabelas.items():
        salva = backup.meta.tabelas.get(nome)
        if salva is None or sum(b.linhas for b in salvo.resumo.blocos) != salva.registros:
            continue
        if cifra is not None:
            salva = _revelada(salva, salvo, cifra)
        if salva is None or salva.cifrado != (cifra is not None):
            continue
        if cifra is None and salva.somas != (salvo.sha256, salvo.textos):
            continue
        with contextlib.suppress(BackupDanificado):
            yield (
                nome,
                Anterior(
                    backup.carimbo,
                    salva,
                    backup.caminho(salva),
                    backup.caminho(salva.textos) if salva.textos else None,
                    salvo.resumo,
                    _vencida(salvo.resumo.inteira_em, f"{user_id}\0{nome}", agora),
                    _por_linha(backup, salva, salvo.por_linha),
                ),
            )


def _por_linha(backup: Backup, salva: TabelaSalva, onde: Onde | None) -> PorLinha | None:
    if onde is None or onde.linhas != salva.registros or salva.cifrado:
        return None
    return PorLinha(backup.pasta / nome_dos_resumos_por_linha(backup.carimbo), onde)


def _revelada(salva: TabelaSalva, salvo: _Salvo, cifra: Cifra) -> TabelaSalva | None:
    """A mesma, com a soma do conteúdo, se a marca prova que é essa e que se fecharia para as mesmas
    chaves."""
    if not salva.cifrado or salva.textos or salva.sha256_cifrado != salvo.sha256:
        return None
    sha256 = _trocada(salva.sha256_cifrado, salvo.oculta)
    marca = cifra.marca(salva.nome, sha256, salva.sha256_cifrado)
    return replace(salva, sha256=sha256) if hmac.compare_digest(marca, salva.marca) else None


def _trocada(sha256_cifrado: str, soma: str) -> str:
    """De uma soma, a escondida, e o contrário. Levanta FalhaDeDisco."""
    mascara = hmac.digest(segredo(), b"cofre oculta\0" + sha256_cifrado.encode(), "sha256")
    try:
        return bytes(a ^ b for a, b in zip(bytes.fromhex(soma), mascara, strict=True)).hex()
    except ValueError:
        return ""


def _vencida(inteira_em: datetime, qual: str, agora: datetime) -> bool:
    """Se é altura de ler a tabela por inteiro: cada uma tem a sua, sempre a mesma."""
    sorteio = hashlib.blake2b(qual.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    antes = ESPALHADAS * (int.from_bytes(sorteio, "big") / 2**32)
    return not timedelta() <= agora - inteira_em < INTEIRA_A_CADA - antes


def guardar(
    backup: Backup,
    lidos: Mapping[str, ResumoDaTabela],
    salvas: Mapping[str, TabelaSalva],
    por_linha: Mapping[str, bytes],
) -> None:
    """Põe ao lado de um backup que acabou de se publicar o que o servidor disse das tabelas dele
    (`salvas`, com as somas do conteúdo) e, de algumas, de cada linha; tira o que havia ao lado dos
    outros. Onde não dá, fica sem, e o próximo lê tudo."""
    meta = backup.meta
    if meta is None or not meta.inteiro or not lidos:
        return
    with contextlib.suppress(OSError, FalhaDeDisco):
        onde = _gravar_por_linha(backup, por_linha)
        tabelas = {
            nome: _por_salvar(meta.tabelas[nome], resumo, salvas[nome].sha256, onde.get(nome))
            for nome, resumo in lidos.items()
            if not (meta.tabelas[nome].cifrado and meta.tabelas[nome].textos)
        }
        dados = msgspec.json.encode(_NoDisco(VERSAO, backup.ficha, sementes().nome, tabelas))
        with _gravando(backup.pasta / nome_do_resumo(backup.carimbo)) as arquivo:
            arquivo.write(dados)
        for nome in que_comecam(backup.pasta, *lembrancas("")):
            carimbo = nome.rpartition(".")[2]
            if e_carimbo(carimbo) and carimbo != backup.carimbo:
                (backup.pasta / nome).unlink(missing_ok=True)


def _gravar_por_linha(backup: Backup, por_linha: Mapping[str, bytes]) -> dict[str, Onde]:
    """Só de uma tabela em claro, e que tenha o de cada linha. OSError passa."""
    assert backup.meta is not None
    tabelas = {
        nome: resumos
        for nome, resumos in por_linha.items()
        if not (salva := backup.meta.tabelas[nome]).cifrado
        and len(resumos) == DE_CADA * salva.registros
    }
    if not tabelas:
        return {}
    with _gravando(backup.pasta / nome_dos_resumos_por_linha(backup.carimbo)) as arquivo:
        return escrever(arquivo, tabelas)


def _por_salvar(
    salva: TabelaSalva, resumo: ResumoDaTabela, sha256: str, onde: Onde | None
) -> _Salvo:
    if not salva.cifrado:
        return _Salvo(*salva.somas, resumo, por_linha=onde)
    disse = next((b.resumo for b in resumo.blocos), NENHUMA)
    selado = selo(salva.sha256_cifrado, disse)
    um_so = msgspec.structs.replace(resumo, blocos=(Bloco("", salva.registros, 0, selado),))
    oculta = _trocada(salva.sha256_cifrado, sha256)
    return _Salvo(salva.sha256_cifrado, "", um_so, oculta)


@contextlib.contextmanager
def _gravando(caminho: Path) -> Iterator[BinaryIO]:
    """Onde escrever o arquivo inteiro, sem esperar pelo disco: o que uma queda cortar não se lê, e
    não faz falta. OSError passa."""
    novo = caminho.with_name(f"{caminho.name}.novo")
    novo.unlink(missing_ok=True)
    with criar_privado(novo) as arquivo:
        yield arquivo
    mover(novo, caminho)
