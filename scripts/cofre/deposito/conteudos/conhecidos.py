"""Os conteúdos que os últimos backups já guardaram: o arquivo que não mudou não se baixa de novo.

De um backup em claro, diz-o a lista dos arquivos dele. De um cifrado, sem a chave que abre, só as
marcas: quem tem o segredo deste PC reconhece um arquivo pelo que o Storage diz dele (`identidade`),
e tira da máscara a soma e o tamanho do conteúdo; sem o segredo, não se confirma palpite nenhum, nem
se troca um conteúdo por outro (ver `marcas`).

O que se reaproveita confere-se agora, como o das tabelas: o tamanho sempre, e a soma, se há mais
do que se relê num instante, por partes (ver `rodizio`).
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ARQUIVOS
from cofre.deposito.backup import Backup, do_mais_novo
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos import lugar
from cofre.deposito.conteudos.citados import Bytes, Soma, citados_em, linhas_de
from cofre.deposito.conteudos.guarda import Conteudos, Guardado
from cofre.deposito.conteudos.indice import Indice, da_marca, do_token, ficha
from cofre.deposito.conteudos.leitura import BLOCO
from cofre.deposito.conteudos.marcas import Token, abrir_mascara, identidade, marca_de
from cofre.deposito.conteudos.rodizio import Rodizio
from cofre.deposito.lacre import conferencia

ANTERIORES = 3
"""Em quantos dos backups anteriores se procura: o último pode ser só de algumas tabelas."""
GRANDE = 1024 * 1024
"""Bytes: de um conteúdo maior lembra-se que já se conferiu; reler um pequeno custa menos."""


class DaLista(msgspec.Struct, frozen=True, gc=False):
    """De uma linha da lista de arquivos em claro, o que diz qual é e o que guarda, e os `metadados`
    que quem o enviou lhe deu."""

    balde: str
    nome: str
    soma: Soma | None = None
    tamanho: Bytes | None = None
    id: str | None = None
    versao: str | None = None
    mudado: str | None = None
    etag: str | None = None
    metadados: msgspec.Raw = msgspec.Raw(b"null")

    @staticmethod
    def de(linha: bytes | msgspec.Raw) -> DaLista:
        """O que esta linha diz. Levanta BackupDanificado."""
        try:
            return _DA_LISTA.decode(linha)
        except msgspec.DecodeError as e:
            raise BackupDanificado(f"a lista dos arquivos tem uma linha que não se lê: {e}") from e

    def token(self, origem: str) -> Token:
        """Como `identidade` o faz do que o Storage diz hoje."""
        versao = self.versao or self.mudado
        return identidade(origem, self.balde, self.nome, self.id, versao, self.etag, self.tamanho)

    @property
    def guardado(self) -> Guardado | None:
        """O conteúdo, em claro; None se ficou de fora."""
        if self.soma is None or self.tamanho is None:
            return None
        return Guardado(self.soma, self.tamanho, self.soma, self.tamanho)


_DA_LISTA = msgspec.json.Decoder(DaLista)


Ver = Callable[[Token, DaLista], None]
"""Recebe cada arquivo de que se conhece o conteúdo, dos backups em claro, do mais novo ao mais
antigo."""


class Conhecidos:
    """O que os últimos backups guardaram, por arquivo e por conteúdo. Serve a vários fios."""

    def __init__(
        self, pasta: Path, cifra: Cifra | None, indice: Indice, hoje: datetime | None = None
    ) -> None:
        self._conteudos = Conteudos(pasta, cifra)
        self._pasta = pasta
        self._cifra = cifra
        self._indice = indice
        self._grandes: dict[str, bool] = {}
        self._fechados: dict[str, Guardado] = {}
        self._rodizio = Rodizio(indice.bytes, hoje)

    def achar(self, token: Token) -> Guardado | None:
        """O conteúdo deste arquivo, se um dos últimos backups o tem e ele ainda está bom; para um
        backup cifrado, o que está em claro fecha-se agora, daqui mesmo. None: é preciso baixá-lo.
        Levanta FalhaDeDisco e DependenciaAusente; OSError passa."""
        cifra = self._cifra
        marcado = self._indice.achar(da_marca(marca_de(cifra, token))) if cifra else None
        achado = marcado or self._indice.achar(do_token(token))
        if achado is None or not self._bom(achado):
            return None
        return achado if achado.cifrado or cifra is None else self._fechar(achado)

    def com_soma(self, soma: str) -> Guardado | None:
        """O cifrado que tem este conteúdo, se há um e está bom. OSError passa."""
        achado = self._indice.com_soma(soma)
        return achado if achado is not None and self._bom(achado) else None

    def _bom(self, achado: Guardado) -> bool:
        """Os grandes, uma vez por execução."""
        if achado.no_disco < GRANDE:
            return self._confere(achado)
        if achado.guardado not in self._grandes:
            self._grandes[achado.guardado] = self._confere(achado)
        return self._grandes[achado.guardado]

    def _confere(self, achado: Guardado) -> bool:
        caminho = lugar.caminho_de(self._pasta, achado.guardado, cifrado=achado.cifrado)
        if lugar.tamanho_no_disco(caminho) != achado.no_disco:
            return False
        ate = self._cifra.reusar_por if self._cifra else None
        if achado.cifrado and ate and time.time() - caminho.stat().st_mtime > ate.total_seconds():
            return False
        if not self._rodizio.tem(achado.guardado):
            return True  # a soma deste confere-se noutro dia
        with contextlib.suppress(BackupDanificado, OSError):
            lugar.conferir(caminho, achado.guardado, achado.no_disco)
            return True
        return False

    def _fechar(self, claro: Guardado) -> Guardado | None:
        """O mesmo conteúdo, cifrado a partir do que está em claro ao lado."""
        if claro.soma not in self._fechados:
            with (
                contextlib.suppress(BackupDanificado),
                self._conteudos.abrir(claro.guardado, claro.soma) as de,
            ):
                blocos = iter(lambda: de.read(BLOCO), b"")
                self._fechados[claro.soma] = self._conteudos.guardar(blocos)
        return self._fechados.get(claro.soma)


def conteudos_conhecidos(
    pasta: Path, cifra: Cifra | None, origem: str, user_id: str, ver: Ver | None = None
) -> Conhecidos:
    """O que os últimos backups desta empresa, deste projeto (`origem`), guardaram. O que não se lê,
    ou não é o que foi assinado, é como se não houvesse. Levanta FalhaDeDisco; OSError passa."""
    indice = Indice()
    for backup in _ultimos(pasta, origem, user_id):
        with contextlib.suppress(BackupDanificado):
            indice.acrescentar(list(_do_backup(backup, origem, ver)))
    return Conhecidos(pasta, cifra, indice)


def _ultimos(pasta: Path, origem: str, user_id: str) -> list[Backup]:
    """Os últimos desta empresa, do mais novo ao mais antigo."""
    return [
        b
        for b in itertools.islice(do_mais_novo(pasta), ANTERIORES)
        if b.meta
        and b.meta.user_id == user_id
        and b.meta.origem.get("url") == origem
        and not conferencia.causa(b)
    ]


def _do_backup(backup: Backup, origem: str, ver: Ver | None) -> Iterator[bytes]:
    """As fichas do que ele guarda. Levanta BackupDanificado; OSError passa."""
    lista = backup.meta.tabelas.get(ARQUIVOS) if backup.meta else None
    if lista is None or lista.conteudos is None:
        return
    if not backup.cifrado:
        for linha in linhas_de(backup.caminho(lista), DaLista, lista.sha256):
            if (guardado := linha.guardado) is not None:
                token = linha.token(origem)
                if ver is not None:
                    ver(token, linha)
                yield ficha(do_token(token), guardado)
        return
    for citado in citados_em(backup.caminho(lista.conteudos), lista.conteudos.sha256):
        if (guardado := abrir_mascara(citado)) is not None:
            yield ficha(da_marca(citado.marca), guardado)
