"""A história de um registro: o que ele foi em cada backup, e desde quando já não é."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cofre.base.erros import BackupDanificado
from cofre.base.linha import juntar, texto
from cofre.busca import bissecao
from cofre.busca.guardada import Avisar, Guardada, guardadas_de
from cofre.busca.leitura import Leitura
from cofre.deposito.backup import Backup
from cofre.deposito.passada import Grupo, leitor_das

Chave = tuple[str, ...]
"""O texto de cada coluna da chave; de uma tabela sem chave, o da linha inteira."""

POR_BISSECAO = 8
"""Até tantas chaves, procurar cada uma custa menos que ler o arquivo."""


@dataclass(frozen=True, slots=True)
class Versao:
    """O registro foi assim (os bytes da linha) de um backup a outro, inclusive, sem faltar em
    nenhum dos do meio."""

    linha: bytes
    desde: Backup
    ate: Backup


@dataclass(slots=True)
class Registro:
    """Um registro, com as suas versões da mais antiga à mais nova, e as ausências: o último backup
    em que estava e o primeiro em que não."""

    tabela: str
    chave: Chave
    colunas: tuple[str, ...]
    versoes: list[Versao] = field(default_factory=list)
    ausencias: list[tuple[Backup, Backup]] = field(default_factory=list)
    ultimo: Backup | None = None

    @property
    def existe(self) -> bool:
        """Se ainda está no backup mais novo que tem a tabela."""
        return bool(self.versoes) and self.versoes[-1].ate is self.ultimo

    def visto(self, backup: Backup, linha: bytes | None) -> None:
        """O que ele é (None: não está) no próximo backup."""
        anterior, self.ultimo = self.ultimo, backup
        seguida = self.versoes[-1] if self.versoes and self.versoes[-1].ate is anterior else None
        if linha is not None and seguida and seguida.linha == linha:
            self.versoes[-1] = Versao(seguida.linha, seguida.desde, backup)
        elif linha is not None:
            self.versoes.append(Versao(linha, backup, backup))
        elif seguida:
            self.ausencias.append((seguida.ate, backup))


def historias(
    backups: Sequence[Backup], tabela: str, chaves: Collection[Chave], avisar: Avisar
) -> list[Registro]:
    """Os registros destas chaves, na ordem delas, em todos os backups. Arquivos iguais se leem uma
    vez; um que não se lê é dito, e passa-se adiante."""
    guardadas = guardadas_de(backups, tabela)
    colunas = guardadas[-1].salva.chave if guardadas else ()
    registros = {c: Registro(tabela, c, colunas) for c in chaves}
    seguir = _Seguir(frozenset(registros))
    linhas: Mapping[Chave, bytes] = {}
    igual: Guardada | None = None
    for guardada in guardadas:
        # De uma fila deles com o mesmo conteúdo, só o primeiro e o último dizem algo.
        if seguir.ja_leu(guardada):
            igual = guardada
            continue
        _ver(registros, igual, linhas)
        igual = None
        try:
            linhas = seguir.linhas(guardada)
        except (BackupDanificado, OSError) as e:
            avisar(guardada.ilegivel(e))
            continue
        _ver(registros, guardada, linhas)
    _ver(registros, igual, linhas)
    return [r for r in registros.values() if r.versoes]


def _ver(
    registros: Mapping[Chave, Registro], guardada: Guardada | None, linhas: Mapping[Chave, bytes]
) -> None:
    if guardada is not None:
        for chave, registro in registros.items():
            registro.visto(guardada.backup, linhas.get(chave))


@dataclass(slots=True)
class _Seguir:
    """As linhas destas chaves, de um backup para o outro."""

    chaves: frozenset[Chave]
    _lido: str = ""
    _linhas: dict[Chave, bytes] = field(default_factory=dict)
    _leitura: Leitura = field(default_factory=Leitura)

    def linhas(self, guardada: Guardada) -> Mapping[Chave, bytes]:
        """As que há neste. Levanta BackupDanificado; OSError passa."""
        self._lido = ""
        achadas = self._por_bissecao(guardada)
        self._linhas = self._das_diferencas(guardada) if achadas is None else achadas
        self._lido = guardada.conteudo
        return self._linhas

    def ja_leu(self, guardada: Guardada) -> bool:
        """Se as deste são as que se leram por último."""
        return guardada.conteudo == self._lido

    def _por_bissecao(self, guardada: Guardada) -> dict[Chave, bytes] | None:
        salva, caminho = guardada.salva, guardada.caminho
        poucas = len(self.chaves) <= POR_BISSECAO and all(len(c) == 1 for c in self.chaves)
        if not poucas or not bissecao.serve(salva, caminho):
            return None
        try:
            achadas = {c: bissecao.linha_da_chave(caminho, salva, c[0]) for c in self.chaves}
        except bissecao.NaoServe:
            return None
        self._leitura = Leitura()
        return {chave: linha for chave, linha in achadas.items() if linha is not None}

    def _das_diferencas(self, guardada: Guardada) -> dict[Chave, bytes]:
        colunas = guardada.salva.chave
        agora = dict(self._linhas)
        try:
            for n, parte in enumerate(self._leitura.proximo(guardada)):
                if parte.inteiro and n == 0:
                    agora.clear()
                agora = {c: linha for c, linha in agora.items() if linha not in parte.sumidas}
                for chave, linha in zip(chaves_de(parte.novas, colunas), parte.novas, strict=True):
                    if chave in self.chaves:
                        agora[chave] = linha
        except (BackupDanificado, OSError):
            self._leitura = Leitura()
            raise
        return agora


def chaves_de(linhas: Sequence[bytes | memoryview], colunas: tuple[str, ...]) -> Iterator[Chave]:
    """A chave de cada linha."""
    if not colunas:
        yield from ((bytes(linha).decode("utf-8"),) for linha in linhas)
    elif linhas:
        grupo = Grupo(leitor_das(colunas)(b"[" + juntar(linhas) + b"]"))
        for valores in grupo.valores(colunas):
            yield tuple(texto(v) or "" for v in valores)
