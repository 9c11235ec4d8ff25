"""Os arquivos de uma empresa, guardados: as linhas da lista dela, o que citam e o que se diz."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cofre.base.erros import FalhaDoServidor
from cofre.base.linha import juntar
from cofre.base.palavras import plural
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos.marcas import linha_de_conteudo
from cofre.foto.storage import linha as da_lista
from cofre.foto.storage.caderno import Caderno, Nota
from cofre.foto.storage.descarga import Descarga, Descido
from cofre.plano.lotes import em_lotes
from cofre.via.arquivos.objetos import Balde, Objeto

POR_BLOCO = 500
EXEMPLOS = 5
"""Dos arquivos que ficam de fora, os que as notas nomeiam; a lista nomeia todos."""
NAO_DESCEU = "não desceram: a rede ou o servidor falharam"
BARRA = 1024
"""KB a partir dos quais se mostra o avanço."""


@dataclass(slots=True)
class Guardados:
    """De uma foto só. `cifra`: com que se fecham (None: em claro)."""

    descarga: Descarga
    empresa: str
    """O nome dela, para o avanço."""
    caderno: Caderno
    cifra: Cifra | None
    mudou: bool = False
    _quantos: int = 0
    _bytes: int = 0
    _novos: int = 0
    _falhas: int = 0
    _primeira_falha: str = ""
    _baldes: set[str] = field(default_factory=set)
    _de_fora: Counter[str] = field(default_factory=Counter)
    _exemplos: list[dict[str, str]] = field(default_factory=list)

    def guardar(self, objetos: Iterable[Objeto], total: int) -> None:
        """Desce o que falta, pela ordem; `total`: os bytes deles, mais ou menos. Levanta
        FalhaDoServidor, FalhaDeDisco e Interrompido; OSError passa."""
        vieram, trinco = 0, threading.Lock()

        def receber(bytes_: int) -> None:
            nonlocal vieram
            with trinco:
                vieram = min(vieram + bytes_, total)
            self._avancar(vieram, total)

        self.descarga.ao_receber = receber
        for descido in self.descarga.descer(objetos):
            self._anotar(descido)
            if descido.guardado is not None and not descido.novo:
                receber(descido.guardado.tamanho)
        self._avancar(total, total)

    def _avancar(self, vieram: int, total: int) -> None:
        dizer = self.descarga.relato.avanco
        dizer(self.empresa, "KB de arquivos", vieram // 1024, total // 1024, BARRA)

    def _anotar(self, descido: Descido) -> None:
        self.mudou |= descido.mudou
        if descido.sumiu:
            return
        objeto, guardado = descido.objeto, descido.guardado
        self.caderno.anotar(Nota(objeto, guardado, descido.fora))
        self._quantos += 1
        self._baldes.add(objeto.balde)
        if guardado is not None:
            self._bytes += guardado.tamanho
            self._novos += descido.novo
            return
        self._de_fora[NAO_DESCEU if descido.falhou else descido.fora] += 1
        if len(self._exemplos) < EXEMPLOS:
            dito = {"balde": objeto.balde, "nome": objeto.nome, "motivo": descido.fora}
            self._exemplos.append(dito)
        if descido.falhou:
            self._falhas += 1
            self._primeira_falha = self._primeira_falha or f" ({descido.fora})"

    def linhas(self) -> Iterator[bytes]:
        """As da lista, em blocos."""
        cifrado = self.cifra is not None
        for notas in em_lotes(self.caderno, POR_BLOCO):
            yield juntar(
                [da_lista.em_bytes(n.objeto, n.guardado, n.fora, cifrado=cifrado) for n in notas]
            )

    def conteudos(self) -> Iterator[bytes]:
        """As linhas do que a lista cita, em blocos: em claro, uma por conteúdo."""
        for linhas in em_lotes(self._citados(), POR_BLOCO):
            yield juntar(linhas)

    def _citados(self) -> Iterator[bytes]:
        vistos: set[bytes] = set()
        for nota in self.caderno:
            if nota.guardado is None:
                continue
            curta = bytes.fromhex(nota.guardado.guardado)[:16]
            if self.cifra is not None or curta not in vistos:
                token = da_lista.token_de(nota.objeto, self.descarga.sabido.origem)
                yield linha_de_conteudo(nota.guardado, token, self.cifra)
            vistos.add(curta)

    def notas(self, baldes: Sequence[Balde]) -> dict[str, Any]:
        """O que os metadados dizem da lista, além do que dizem de uma tabela. Onde se cifra, nenhum
        nome."""
        return {
            "arquivos": self._quantos,
            "bytes": self._bytes,
            "novos": self._novos,
            "de_fora": dict(self._de_fora),
            "de_fora_exemplos": [] if self.cifra is not None else self._exemplos,
            "baldes": [asdict(b) for b in baldes if b.id in self._baldes],
            "com_dono": self.descarga.armazem.tabelas is not None,
        }

    def incompleta(self) -> FalhaDoServidor | None:
        """O que faltou por culpa da rede ou do servidor: o backup não está inteiro."""
        if not self._falhas:
            return None
        return FalhaDoServidor(
            plural(self._falhas, "arquivo não desceu", "arquivos não desceram")
            + ("" if self.cifra is not None else self._primeira_falha),  # cita um nome
            "O que desceu está guardado. Rode de novo: só desce o que falta.",
        )
