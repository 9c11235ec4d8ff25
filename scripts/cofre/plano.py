"""O plano: a diferença entre dois estados de uma empresa, tabela por tabela.

Função pura de dois conjuntos de arquivos (o que está no banco, como foi fotografado, e o alvo):
não fala com servidor nenhum e pode ser mostrado, testado e jogado fora. Só o que difere é guardado,
num banco SQLite temporário em disco: a memória não cresce com as tabelas. Chaves uuid e inteiras
são fundidas na ordem em que estão; as outras passam por um índice no mesmo banco.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import itertools
import json
import operator
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from cofre.campos import tipo_com
from cofre.erros import BackupDanificado
from cofre.formato import ler_linhas

_ORDENS: dict[str, Callable[[bytes], object]] = {
    # O texto de um uuid é hexadecimal minúsculo de tamanho fixo: a ordem dos bytes é a dele.
    "uuid": bytes,
    "smallint": int,
    "integer": int,
    "bigint": int,
}

Chave = tuple[bytes, ...]
"""Os valores da chave, como bytes de JSON; numa tabela sem chave, os de todas as colunas."""


@dataclass(frozen=True, slots=True)
class TabelaDoPlano:
    """O que comparar: `alvo` são os arquivos do estado desejado (o primeiro que tem uma chave
    vale), `atual` o da foto. Só contam as `colunas` que o banco tem e deixa escrever.
    `pelo_valor`: 1.50 é igual a 1.5, porque o alvo não guardou os bytes do banco."""

    nome: str
    chave: tuple[str, ...]
    colunas: tuple[str, ...]
    alvo: tuple[Path, ...]
    atual: Path | None
    tipo_da_chave: str = ""
    pelo_valor: bool = False

    @property
    def ordem(self) -> Callable[[bytes], object] | None:
        """Como comparar chaves na ordem do banco, se ela se sabe: os arquivos estão nela."""
        return _ORDENS.get(self.tipo_da_chave) if len(self.chave) == 1 else None


@dataclass(frozen=True, slots=True)
class Contagem:
    """Quantas linhas de uma tabela repor, alterar, remover, e quantas já são iguais."""

    repor: int = 0
    alterar: int = 0
    remover: int = 0
    iguais: int = 0

    @property
    def diferencas(self) -> int:
        """Quantas linhas o plano mexe."""
        return self.repor + self.alterar + self.remover


@dataclass(frozen=True, slots=True)
class Acao:
    """Uma linha do plano: `alvo` None é remover, `atual` None é repor. Linhas com seus bytes."""

    chave: Chave
    atual: bytes | None
    alvo: bytes | None


REPOR, ALTERAR, REMOVER, IGUAL = "repor", "alterar", "remover", "igual"
ComChave = tuple[bytes, bytes]
Par = tuple[bytes, bytes | None, bytes | None]
"""(chave, linha da foto, linha do alvo)."""


class Plano:
    """As ações, por tabela. Use como contexto: ao sair, some.

    `efeitos` são as diferenças em tabelas que o plano não mexe, para mostrar.
    """

    def __init__(self, tabelas: Sequence[TabelaDoPlano]) -> None:
        self.tabelas = {t.nome: t for t in tabelas}
        self.contagens: dict[str, Contagem] = {}
        self.efeitos: Mapping[str, Contagem] = {}
        self._banco = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for ajuste in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000"):
            self._banco.execute(f"PRAGMA {ajuste}")
        self._banco.execute("CREATE TABLE acoes (tabela, acao, chave BLOB, atual BLOB, alvo BLOB)")

    def __enter__(self) -> Plano:
        return self

    def __exit__(self, *_erro: object) -> None:
        self._banco.close()

    @property
    def vazio(self) -> bool:
        """Se os dois estados já são iguais."""
        return not any(c.diferencas for c in self.contagens.values())

    def acoes(self, tabela: str, acao: str) -> Iterator[Acao]:
        """As ações de um tipo, na ordem do alvo (repor) ou da foto."""
        linhas = self._banco.cursor().execute(
            "SELECT chave, atual, alvo FROM acoes WHERE tabela=? AND acao=? ORDER BY rowid",
            (tabela, acao),
        )
        for chave, atual, alvo in linhas:
            yield Acao(_abrir_chave(chave), atual, alvo)

    def assinatura(self) -> bytes:
        """Igual para planos iguais: é como se reconhece um ponto fixo."""
        resumo = hashlib.blake2b(digest_size=16)
        consulta = "SELECT tabela, acao, chave, atual, alvo FROM acoes ORDER BY 1, 2, 3"
        for tabela, acao, chave, atual, alvo in self._banco.cursor().execute(consulta):
            # Quais colunas faltam, e não o que têm: um updated_at muda a cada passada.
            faltam = _diferentes(atual, alvo, self.tabelas[tabela]) if acao == ALTERAR else ()
            for parte in (tabela, acao, chave, alvo or b"", *faltam):
                dados = parte.encode() if isinstance(parte, str) else parte
                resumo.update(len(dados).to_bytes(8) + dados)
        return resumo.digest()

    def colunas_diferentes(self, tabela: str) -> Counter[str]:
        """Em quantas linhas cada coluna difere, entre as linhas a alterar."""
        contagem: Counter[str] = Counter()
        for acao in self.acoes(tabela, ALTERAR):
            contagem.update(list(mudancas(acao, self.tabelas[tabela])))
        return contagem

    def _comparar(self, tabela: TabelaDoPlano) -> Contagem:
        quantas: Counter[str] = Counter()
        with _transacao(self._banco):
            for chave, atual, alvo in self._pares(tabela):
                acao = _acao(atual, alvo, tabela)
                quantas[acao] += 1
                if acao != IGUAL:
                    self._banco.execute(
                        "INSERT INTO acoes VALUES (?, ?, ?, ?, ?)",
                        (tabela.nome, acao, chave, atual, alvo),
                    )
        return Contagem(quantas[REPOR], quantas[ALTERAR], quantas[REMOVER], quantas[IGUAL])

    def _pares(self, tabela: TabelaDoPlano) -> Iterator[Par]:
        atuais = _com_chave(tabela.atual, tabela) if tabela.atual else iter(())
        if tabela.ordem is not None:
            ordem = tabela.ordem
            return _fundir(_desejadas(tabela, ordem), atuais, ordem)
        return self._indexar(tabela, atuais)

    def _indexar(self, tabela: TabelaDoPlano, atuais: Iterator[ComChave]) -> Iterator[Par]:
        """Os pares por um índice em disco: para chaves cuja ordem no banco não se sabe repetir."""
        self._banco.execute("CREATE TABLE alvo (chave BLOB PRIMARY KEY, linha BLOB, vista INT)")
        for arquivo in tabela.alvo:
            linhas = _com_chave(arquivo, tabela)
            self._banco.executemany("INSERT OR IGNORE INTO alvo VALUES (?, ?, 0)", linhas)
        for chave, linha in atuais:
            achada = self._banco.execute(
                "UPDATE alvo SET vista=1 WHERE chave=? RETURNING linha", (chave,)
            ).fetchall()
            yield chave, linha, achada[0][0] if achada else None
        faltam = self._banco.cursor().execute(
            "SELECT chave, linha FROM alvo WHERE NOT vista ORDER BY rowid"
        )
        for chave, linha in faltam:
            yield chave, None, linha
        self._banco.execute("DROP TABLE alvo")


def comparar(tabelas: Sequence[TabelaDoPlano]) -> Plano:
    """O plano que leva da foto ao alvo. Levanta BackupDanificado se um arquivo não se lê."""
    plano = Plano(tabelas)
    for tabela in tabelas:
        plano.contagens[tabela.nome] = plano._comparar(tabela)
    return plano


def mudancas(acao: Acao, tabela: TabelaDoPlano) -> dict[str, msgspec.Raw]:
    """As colunas que mudam e os valores desejados, com os seus bytes."""
    return _diferentes(acao.atual or b"{}", acao.alvo or b"{}", tabela)


_LINHA = msgspec.json.Decoder(dict[str, msgspec.Raw])


def abrir_linha(linha: bytes) -> dict[str, msgspec.Raw]:
    """As colunas de uma linha, cada valor com os seus bytes."""
    return _LINHA.decode(linha)


def _diferentes(atual: bytes, desejada: bytes, tabela: TabelaDoPlano) -> dict[str, msgspec.Raw]:
    tem, quer = abrir_linha(atual), abrir_linha(desejada)
    iguais = _mesmo_valor if tabela.pelo_valor else operator.eq
    return {
        c: quer[c]
        for c in tabela.colunas
        if c in quer and (c not in tem or not iguais(bytes(tem[c]), bytes(quer[c])))
    }


def _mesmo_valor(um: bytes, outro: bytes) -> bool:
    return um == outro or _valor(um) == _valor(outro)


def _valor(bruto: bytes) -> object:
    return json.loads(bruto, parse_float=Decimal, parse_int=Decimal)


def _acao(atual: bytes | None, alvo: bytes | None, tabela: TabelaDoPlano) -> str:
    if atual is None:
        return REPOR
    if alvo is None:
        return REMOVER
    return IGUAL if atual == alvo or not _diferentes(atual, alvo, tabela) else ALTERAR


def _fundir(
    alvos: Iterator[ComChave], atuais: Iterator[ComChave], ordem: Callable[[bytes], object]
) -> Iterator[Par]:
    """Os pares de dois fluxos na mesma ordem, sem guardar nenhum dos dois."""
    juntos = heapq.merge(
        ((valor, 0, chave, linha) for valor, chave, linha in _em_ordem(atuais, ordem)),
        ((valor, 1, chave, linha) for valor, chave, linha in _em_ordem(alvos, ordem)),
        key=operator.itemgetter(0, 1),
    )
    for _valor, grupo in itertools.groupby(juntos, key=operator.itemgetter(0)):
        membros = list(grupo)
        linhas = {lado: linha for _v, lado, _c, linha in membros}
        yield membros[0][2], linhas.get(0), linhas.get(1)


def _em_ordem(
    fluxo: Iterator[ComChave], ordem: Callable[[bytes], object]
) -> Iterator[tuple[object, bytes, bytes]]:
    """As linhas com o valor que as ordena. Levanta BackupDanificado se alguma está fora dela: a
    fusão veria a mesma linha como uma a mais e outra a menos."""
    anterior: object = None
    for chave, linha in fluxo:
        valor = ordem(chave)
        if anterior is not None and not valor > anterior:  # type: ignore[operator]
            raise BackupDanificado("Os registros não estão na ordem da chave. Nada foi alterado.")
        anterior = valor
        yield valor, chave, linha


def _desejadas(tabela: TabelaDoPlano, ordem: Callable[[bytes], object]) -> Iterator[ComChave]:
    """As linhas do alvo; de uma chave que está em mais de um arquivo, a do primeiro."""
    if len(tabela.alvo) == 1:
        yield from _com_chave(tabela.alvo[0], tabela)
        return
    fluxos = [_com_chave(arquivo, tabela) for arquivo in tabela.alvo]
    juntos = heapq.merge(*fluxos, key=lambda par: ordem(par[0]))  # type: ignore[arg-type,return-value]
    for _valor, grupo in itertools.groupby(juntos, key=lambda par: ordem(par[0])):
        yield next(grupo)


def _com_chave(arquivo: Path, tabela: TabelaDoPlano) -> Iterator[ComChave]:
    """(chave, linha) de cada linha do arquivo. Sem chave, a própria linha e a vez dela."""
    vezes: Counter[bytes] = Counter()
    ler = msgspec.json.Decoder(tipo_com(tabela.chave)) if tabela.chave else None
    for grupo in ler_linhas(arquivo):
        for bruta in grupo:
            linha = bytes(bruta)
            if ler is not None:
                try:
                    campos = ler.decode(bruta)
                except msgspec.ValidationError as e:
                    raise BackupDanificado(
                        f"{arquivo.name}: há um registro de {tabela.nome} sem a chave"
                        f" ({', '.join(tabela.chave)}). Nada foi alterado."
                    ) from e
                yield _SEPARA.join([campos[c] for c in tabela.chave]), linha
            else:
                tudo = abrir_linha(linha)
                chave = _SEPARA.join([bytes(tudo[c]) for c in sorted(tudo)])
                vezes[chave] += 1
                yield chave + b"#%d" % vezes[chave], linha


_SEPARA = b"\x00"  # nunca aparece num JSON do PostgreSQL


def _abrir_chave(chave: bytes) -> Chave:
    return tuple(chave.split(_SEPARA))


@contextlib.contextmanager
def _transacao(banco: sqlite3.Connection) -> Iterator[None]:
    banco.execute("BEGIN")
    yield
    banco.execute("COMMIT")
