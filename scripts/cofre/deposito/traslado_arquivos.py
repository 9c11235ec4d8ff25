"""Levar ao depósito de outro projeto a lista dos arquivos de um backup, e os conteúdos dela.

Cada conteúdo abre-se e guarda-se como aquele depósito guarda os seus: em claro, ou fechado com as
chaves dele. Lido até o fim, tem a soma que a lista diz.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import NULO, abrir_linha, juntar
from cofre.base.modelo import ARQUIVOS
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos import lugar
from cofre.deposito.conteudos.conhecidos import DaLista
from cofre.deposito.conteudos.guarda import Conteudos, Guardado
from cofre.deposito.conteudos.leitura import BLOCO
from cofre.deposito.conteudos.marcas import linha_de_conteudo
from cofre.deposito.formato import Gravador
from cofre.deposito.linhas import em_blocos
from cofre.deposito.nomes import CONTEUDOS
from cofre.deposito.publicacao import Montagem
from cofre.deposito.tabela_salva import TabelaSalva

_GUARDADO = "guardado"


@dataclass(slots=True)
class ArquivosLevados:
    """Os arquivos de um backup (aberto, se cifrado) a caminho de uma montagem."""

    backup: Backup
    montagem: Montagem
    _feitos: dict[str, Guardado] = field(default_factory=dict)
    _citados: list[bytes] = field(default_factory=list)

    def levar(self, salva: TabelaSalva, linhas: Iterable[bytes]) -> TabelaSalva:
        """A lista (as `linhas` dela) e o que ela cita, na montagem; devolve-a como lá ficou, sem o
        que só a montagem sabe do arquivo. Levanta BackupDanificado e FalhaDeDisco; OSError passa.
        """
        with self.montagem.criar(ARQUIVOS) as saida:
            lista = Gravador(saida)
            for bloco in em_blocos(map(self._linha, linhas)):
                lista.bloco(bloco)
            soma = lista.terminar()
        conteudos = self._conteudos() if salva.conteudos is not None else None
        return replace(
            salva,
            bytes=lista.bytes,
            sha256=soma,
            colunas=tuple(self._colunas(salva)),
            conteudos=conteudos,
        )

    def _linha(self, bruta: bytes) -> bytes:
        """A linha como este depósito a escreve, com o conteúdo dela já guardado nele."""
        campos = abrir_linha(bruta)
        nome = _texto_de(campos.pop(_GUARDADO, msgspec.Raw(NULO)))
        linha = DaLista.de(bruta)
        novo = None
        if linha.soma is not None and linha.tamanho is not None:
            novo = self._guardar(linha.soma, nome or linha.soma)
            token = linha.token(self._origem)
            self._citados.append(linha_de_conteudo(novo, token, self.montagem.cifra))
        if self.montagem.cifra is None:
            return msgspec.json.encode(campos) if nome else bruta
        dito = msgspec.json.encode(novo.guardado) if novo else NULO
        return msgspec.json.encode({**campos, _GUARDADO: msgspec.Raw(dito)})

    @property
    def _origem(self) -> str:
        return str(self.backup.meta.origem.get("url", "")) if self.backup.meta else ""

    def _guardar(self, soma: str, guardado: str) -> Guardado:
        if soma not in self._feitos:
            pasta, cifra = self.montagem.pasta, self.montagem.cifra
            ja = self._ja_esta(soma) if cifra is None else None
            if ja is None:
                de_la = Conteudos(self.backup.pasta, None)
                with de_la.abrir(guardado, soma) as de:
                    ja = Conteudos(pasta, cifra).guardar(iter(lambda: de.read(BLOCO), b""))
            if ja.soma != soma:
                raise lugar.mudou(soma)
            self._feitos[soma] = ja
        return self._feitos[soma]

    def _ja_esta(self, soma: str) -> Guardado | None:
        """O que a pasta já tem em claro, se está bom."""
        caminho = lugar.caminho_de(self.montagem.pasta, soma, cifrado=False)
        tamanho = lugar.tamanho_no_disco(caminho)
        if tamanho is not None:
            with contextlib.suppress(BackupDanificado):
                lugar.conferir(caminho, soma, tamanho)
                return Guardado(soma, tamanho, soma, tamanho)
        return None

    def _conteudos(self) -> TabelaSalva:
        # Em claro, dois arquivos com o mesmo conteúdo dão a mesma linha: escreve-se uma.
        linhas = self._citados if self.montagem.cifra else list(dict.fromkeys(self._citados))
        with self.montagem.criar(CONTEUDOS) as saida:
            gravador = Gravador(saida)
            gravador.bloco(juntar(linhas) if linhas else b"")
            soma = gravador.terminar()
        return TabelaSalva(
            ARQUIVOS,
            self.montagem.nome(CONTEUDOS),
            len(linhas),
            bytes=gravador.bytes,
            sha256=soma,
        )

    def _colunas(self, salva: TabelaSalva) -> Iterator[dict[str, Any]]:
        """As da lista; a do `guardado`, que só há onde se cifra, com o feitio da da soma."""
        for coluna in salva.colunas:
            if coluna.get("nome") != _GUARDADO:
                yield dict(coluna)
            if coluna.get("nome") == "soma" and self.montagem.cifra is not None:
                yield {**coluna, "nome": _GUARDADO}


def _texto_de(valor: msgspec.Raw) -> str:
    dito = msgspec.json.decode(valor)
    return dito if isinstance(dito, str) else ""
