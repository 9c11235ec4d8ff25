"""Guardar conteúdos, e abri-los."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cofre.base.disco import criar_privado, erros_de_disco, para_o_disco
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.cifra.escrita import Fechado
from cofre.deposito.conteudos import lugar
from cofre.deposito.conteudos.leitura import lendo
from cofre.deposito.conteudos.lugar import PASTA, PROVISORIO, caminho_de, tamanho_no_disco


@dataclass(frozen=True, slots=True)
class Guardado:
    """Um conteúdo no disco. `soma` e `tamanho` (bytes) são os dele; `guardado` e `no_disco`, os do
    arquivo que o guarda: os mesmos, se não está cifrado."""

    soma: str
    tamanho: int
    guardado: str
    no_disco: int

    @property
    def cifrado(self) -> bool:
        """Se o que está no disco é um arquivo do age."""
        return self.guardado != self.soma


class Conteudos:
    """Os conteúdos da pasta de uma empresa. `cifra`: como se guardam os novos; os que há leem-se,
    cifrados ou não. `ja_ha`: o cifrado, e bom, com esta soma do conteúdo, se um backup anterior o
    tem (ver `Conhecidos.com_soma`). Serve a vários fios ao mesmo tempo."""

    def __init__(
        self,
        pasta: Path,
        cifra: Cifra | None,
        ja_ha: Callable[[str], Guardado | None] = lambda _soma: None,
    ) -> None:
        self._pasta = pasta
        self._cifra = cifra
        self._ja_ha = ja_ha
        self._cifrados: dict[bytes, tuple[str, int]] = {}

    def tem(self, guardado: str, no_disco: int) -> bool:
        """Se há um arquivo com este nome e este tamanho; os bytes, só `conferir` os lê. Levanta
        BackupDanificado se não é uma soma; OSError passa."""
        nomes = (caminho_de(self._pasta, guardado, cifrado=c) for c in (True, False))
        return any(tamanho_no_disco(nome) == no_disco for nome in nomes)

    def guardar(self, partes: Iterable[bytes]) -> Guardado:
        """O conteúdo destes pedaços, já no disco. Levanta FalhaDeDisco e DependenciaAusente."""
        with self.guardando() as recebedor:
            for parte in partes:
                recebedor.escrever(parte)
        return recebedor.guardado

    @contextlib.contextmanager
    def guardando(self) -> Iterator[Recebedor]:
        """Onde escrever um conteúdo. Ao sair, os bytes estão no disco, com o seu nome (ver
        `lugar.assentar`), e `guardado` diz qual; se o bloco levanta, não fica nada. Levanta
        FalhaDeDisco e DependenciaAusente."""
        with erros_de_disco(self._pasta):
            recebedor = Recebedor(self._provisorio(), self._cifra)
        try:
            yield recebedor
            with erros_de_disco(self._pasta):
                recebedor.guardado = self._dar_nome(recebedor.caminho, recebedor.terminar())
        finally:
            recebedor.largar()

    def guardar_pronto(self, partes: Iterable[bytes], guardado: str, *, cifrado: bool) -> None:
        """O arquivo de um conteúdo, como outro computador o fez (`cifrado`, se é do age): tem de
        ter esta soma. Levanta BackupDanificado e FalhaDeDisco."""
        with erros_de_disco(self._pasta):
            recebedor = Recebedor(self._provisorio(), None)
        try:
            for parte in partes:
                recebedor.escrever(parte)
            with erros_de_disco(self._pasta):
                if recebedor.terminar().soma != guardado:
                    raise lugar.mudou(guardado)
                lugar.tomar_lugar(recebedor.caminho, self._pasta, guardado, cifrado=cifrado)
        finally:
            recebedor.largar()

    def abrir(self, guardado: str, soma: str = "") -> AbstractContextManager[BinaryIO]:
        """O conteúdo em claro, para ler até o fim; `soma` é a dele, que só é outra se está cifrado.
        O último bloco só sai com as somas conferidas. Ler levanta BackupDanificado e FaltaChave;
        abrir, BackupDanificado se não está lá. OSError passa; levanta DependenciaAusente."""
        return lendo(self.caminho(guardado, soma), guardado, soma)

    def conferir(self, guardado: str, no_disco: int) -> None:
        """Relê o arquivo: está lá, com este tamanho e esta soma. Sem chave nenhuma. Levanta
        BackupDanificado; OSError passa."""
        lugar.conferir(self.caminho(guardado), guardado, no_disco)

    def caminho(self, guardado: str, soma: str = "") -> Path:
        """O arquivo que guarda este conteúdo, ou onde devia estar. Levanta BackupDanificado se não
        são somas; OSError passa."""
        claro, cifrado = (caminho_de(self._pasta, guardado, cifrado=c) for c in (False, True))
        if soma:
            return claro if soma == guardado else cifrado
        return claro if tamanho_no_disco(claro) is not None else cifrado

    def _provisorio(self) -> Path:
        pasta = self._pasta / PASTA
        pasta.mkdir(parents=True, exist_ok=True, mode=0o700)
        return pasta / f"{PROVISORIO}{secrets.token_hex(8)}"

    def _dar_nome(self, provisorio: Path, novo: Guardado) -> Guardado:
        """Como fica: o novo, ou o cifrado com o mesmo conteúdo que já havia."""
        if novo.cifrado:
            ja = self._ja_cifrado(novo) or self._ja_ha(novo.soma)
            if ja is not None and self.tem(ja.guardado, ja.no_disco):
                return ja
        lugar.tomar_lugar(provisorio, self._pasta, novo.guardado, cifrado=novo.cifrado)
        if novo.cifrado:
            self._cifrados[bytes.fromhex(novo.soma)] = (novo.guardado, novo.no_disco)
        return novo

    def _ja_cifrado(self, novo: Guardado) -> Guardado | None:
        """O mesmo conteúdo, se já se guardou nesta execução."""
        onde = self._cifrados.get(bytes.fromhex(novo.soma))
        return Guardado(novo.soma, novo.tamanho, *onde) if onde else None


class Recebedor:
    """Onde se escreve um conteúdo que chega aos pedaços. Depois de `guardando`, se não houve erro,
    `guardado` diz como ficou."""

    def __init__(self, caminho: Path, cifra: Cifra | None) -> None:
        """Cria o arquivo, que só o dono lê. OSError passa; levanta DependenciaAusente."""
        self.guardado = Guardado("", 0, "", 0)
        self.caminho = caminho
        self._resumo, self._tamanho = hashlib.sha256(), 0
        self._arquivo = criar_privado(caminho)
        self._fechado: Fechado | None = None
        try:
            self._fechado = Fechado(self._arquivo, cifra.para) if cifra else None
        except BaseException:
            self.largar()
            raise

    def escrever(self, pedaco: bytes, /) -> None:
        """Os próximos bytes. Levanta FalhaDeDisco."""
        with erros_de_disco(self.caminho.parent.parent):
            (self._arquivo if self._fechado is None else self._fechado).write(pedaco)
        self._resumo.update(pedaco)
        self._tamanho += len(pedaco)

    def terminar(self) -> Guardado:
        """Só volta com os bytes no disco. OSError passa."""
        soma = self._resumo.hexdigest()
        guardado, no_disco = soma, self._tamanho
        if self._fechado is not None:
            self._fechado.terminar()
            guardado, no_disco = self._fechado.sha256, self._fechado.bytes
        para_o_disco(self._arquivo)
        self._arquivo.close()
        return Guardado(soma, self._tamanho, guardado, no_disco)

    def largar(self) -> None:
        """Fecha o que está aberto, e apaga o que não tomou o seu nome."""
        if self._fechado is not None:
            self._fechado.desistir()
        with contextlib.suppress(OSError):  # fica para `lugar.recolher`
            self._arquivo.close()
        with contextlib.suppress(OSError):
            self.caminho.unlink(missing_ok=True)
