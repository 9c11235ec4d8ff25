"""Cifrar a lista dos arquivos de um backup em claro, e os conteúdos que ela cita.

A lista passa a dizer de cada arquivo o `guardado`, e o que o backup cita ganha as marcas. Cada
conteúdo abre-se depois de fechado, e a soma tem de ser a que era: os em claro saem a seguir.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import juntar
from cofre.base.modelo import ARQUIVOS
from cofre.deposito.backup import Backup
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos.conhecidos import Conhecidos, DaLista, conteudos_conhecidos
from cofre.deposito.conteudos.guarda import Conteudos, Guardado
from cofre.deposito.conteudos.leitura import BLOCO
from cofre.deposito.conteudos.marcas import linha_de_conteudo
from cofre.deposito.formato import Gravador
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.nomes import CONTEUDOS
from cofre.deposito.publicacao import Montagem
from cofre.deposito.tabela_salva import TabelaSalva


@dataclass(slots=True)
class ConteudosCifrados:
    """Os conteúdos de uma pasta que já se fecharam nesta execução, ou que os backups cifrados dela
    já tinham."""

    pasta: Path
    cifra: Cifra
    feitos: dict[str, Guardado] = field(default_factory=dict)
    _conhecidos: dict[str, Conhecidos] = field(default_factory=dict)

    def cifrar(self, backup: Backup, lista: TabelaSalva, montagem: Montagem) -> dict[str, Any]:
        """Põe na montagem a lista e o que ela cita, cifrados; devolve o que muda nos metadados da
        lista. Levanta BackupDanificado e FalhaDeDisco; OSError passa."""
        assert backup.meta is not None
        origem = str(backup.meta.origem.get("url", ""))
        citados: list[bytes] = []
        resumo = hashlib.sha256()
        with montagem.criar(ARQUIVOS) as saida:
            gravador = Gravador(saida)
            for grupo in ler_linhas(backup.caminho(lista), resumo.update):
                novas = list(self._linhas(grupo, backup, origem, citados))
                gravador.bloco(juntar(novas))
            sha256 = gravador.terminar()
        if resumo.hexdigest() != lista.sha256:
            raise BackupDanificado(f"{lista.arquivo} não é mais o que foi gravado.")
        return {
            "bytes": gravador.bytes,
            "sha256": sha256,
            "colunas": [*lista.colunas, *_coluna(lista)],
            "conteudos": _gravar(montagem, citados),
        }

    def _linhas(
        self, grupo: list[msgspec.Raw], backup: Backup, origem: str, citados: list[bytes]
    ) -> Iterator[bytes]:
        for bruta in grupo:
            linha = DaLista.de(bruta)
            guardado: bytes = b"null"
            if (claro := linha.guardado) is not None:
                fechado = self._fechado(claro, backup, origem)
                citados.append(linha_de_conteudo(fechado, linha.token(origem), self.cifra))
                guardado = msgspec.json.encode(fechado.guardado)
            yield bytes(bruta).rstrip().removesuffix(b"}") + b',"guardado":' + guardado + b"}"

    def _fechado(self, claro: Guardado, backup: Backup, origem: str) -> Guardado:
        if claro.soma not in self.feitos:
            assert backup.meta is not None
            if origem not in self._conhecidos:
                conhecidos = conteudos_conhecidos(
                    self.pasta, self.cifra, origem, backup.meta.user_id
                )
                self._conhecidos[origem] = conhecidos
            ja = self._conhecidos[origem].com_soma(claro.soma)
            self.feitos[claro.soma] = ja or self._fechar(claro)
        return self.feitos[claro.soma]

    def _fechar(self, claro: Guardado) -> Guardado:
        para = (*self.cifra.para, chaveiro.de_passagem().publica)
        conteudos = Conteudos(self.pasta, replace(self.cifra, para=para))
        with conteudos.abrir(claro.guardado, claro.soma) as de:
            fechado = conteudos.guardar(iter(lambda: de.read(BLOCO), b""))
        with conteudos.abrir(fechado.guardado, claro.soma) as aberto:
            while aberto.read(BLOCO):
                pass  # a soma confere-se ao ler
        return fechado


def _gravar(montagem: Montagem, citados: list[bytes]) -> dict[str, Any]:
    with montagem.criar(CONTEUDOS) as saida:
        gravador = Gravador(saida)
        gravador.bloco(juntar(citados))
        sha256 = gravador.terminar()
    return {
        "arquivo": montagem.nome(CONTEUDOS),
        "registros": len(citados),
        "bytes": gravador.bytes,
        "sha256": sha256,
    }


def _coluna(lista: TabelaSalva) -> list[dict[str, Any]]:
    """A do `guardado`, com o feitio da da soma."""
    return [{**c, "nome": "guardado"} for c in lista.colunas if c.get("nome") == "soma"]
