"""O plano: a diferença entre dois estados de uma empresa, tabela por tabela.

Função pura de dois conjuntos de arquivos (o que está no banco, como foi fotografado, e o alvo):
não fala com servidor nenhum e pode ser mostrado, testado e jogado fora. Só o que difere é guardado,
num rascunho em disco: a memória não cresce com as tabelas. Chaves uuid e inteiras são casadas na
ordem em que estão; as outras, a partir da primeira fora de lugar, passam por um índice SQLite.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from cofre.base.linha import Linha
from cofre.base.rascunho import Rascunho, Trecho
from cofre.base.textos import CAMPO
from cofre.plano.chaves import Chave
from cofre.plano.lados import (
    SEPARA,
    Par,
)
from cofre.plano.tabela import (
    ALTERAR,
    CONFLITO,
    REMOVER,
    REPOR,
    Acao,
    Contagem,
    TabelaDoPlano,
    lado_da_foto,
    lado_do_alvo,
    mudancas,
    pares_de,
)

BYTES_POR_BLOCO = 256 * 1024
"""De ações, num trecho do rascunho."""


Querida = Callable[[Linha | None, Linha | None], Linha | None]
"""O que uma linha deve ser, dada a da foto e a do alvo (None: que não exista)."""

_EM_BYTES = msgspec.msgpack.Encoder()
_DE_BYTES = msgspec.msgpack.Decoder(list[Acao])


@dataclass(slots=True)
class _Guardadas:
    """As ações de um tipo numa tabela: aos blocos, no rascunho do plano."""

    rascunho: Rascunho
    quantas: int = 0
    resumo: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    """Do que as ações querem: de um `updated_at` que muda a cada passada não se guarda memória."""
    _trechos: list[Trecho] = field(default_factory=list)
    _bloco: list[Acao] = field(default_factory=list)
    _bytes: int = 0

    def guardar(self, acoes: Sequence[Acao], querem: bytes) -> None:
        """`querem`: o que resumir delas, o mesmo em quantas vezes se guardem."""
        self.resumo.update(querem)
        self.quantas += len(acoes)
        self._bloco += acoes
        self._bytes += sum([len(a.atual or b"") + len(a.alvo or b"") for a in acoes])
        if self._bytes >= BYTES_POR_BLOCO:
            self.fechar()

    def fechar(self) -> None:
        """Leva ao disco o que falta."""
        if self._bloco:
            self._trechos.append(self.rascunho.guardar(_EM_BYTES.encode(self._bloco)))
            self._bloco, self._bytes = [], 0

    def ler(self) -> Iterator[Acao]:
        for trecho in self._trechos:
            yield from _DE_BYTES.decode(self.rascunho.ler(trecho))


class Plano:
    """As ações, por tabela, num rascunho em disco que é dele: some com o plano, ou ao sair do
    contexto de quem quer saber quando.

    `efeitos` são as diferenças em tabelas que o plano não mexe, para mostrar.
    """

    def __init__(self, tabelas: Sequence[TabelaDoPlano]) -> None:
        self.tabelas = {t.nome: t for t in tabelas}
        self.contagens: dict[str, Contagem] = {}
        self.efeitos: Mapping[str, Contagem] = {}
        self._de: Plano | None = None
        arquivo = tempfile.TemporaryFile()  # noqa: SIM115 (fecha-o o finalize)
        self._fechar = weakref.finalize(self, arquivo.close)
        self._rascunho = Rascunho(arquivo)
        self._guardadas: dict[tuple[str, str], _Guardadas] = {}
        self._diferem: dict[str, Counter[str]] = {}

    def __enter__(self) -> Plano:
        return self

    def __exit__(self, *_erro: object) -> None:
        self._fechar()

    @property
    def conflitos(self) -> bool:
        """Se algo que se queria não se pode ter (ver `recortar`)."""
        return any(g.quantas for (_, tipo), g in self._guardadas.items() if tipo == CONFLITO)

    @property
    def vazio(self) -> bool:
        """Se os dois estados já são iguais."""
        return not any(c.diferencas for c in self.contagens.values())

    def so_de(self, nomes: Collection[str]) -> Plano:
        """As mesmas ações, só destas tabelas, e sem efeitos: lê do rascunho deste, enquanto ele o
        tem."""
        parte = copy.copy(self)
        parte._de = self  # o rascunho é deste, e dura com ele
        parte.tabelas = {n: t for n, t in self.tabelas.items() if n in nomes}
        parte.contagens = {n: c for n, c in self.contagens.items() if n in nomes}
        parte.efeitos = {}
        parte._guardadas = {(n, t): g for (n, t), g in self._guardadas.items() if n in nomes}
        return parte

    def acoes(self, tabela: str, acao: str) -> Iterator[Acao]:
        """As ações de um tipo, na ordem do alvo (repor) ou da foto."""
        guardadas = self._guardadas.get((tabela, acao))
        return guardadas.ler() if guardadas else iter(())

    def assinatura(self) -> bytes:
        """Igual para planos iguais: é como se reconhece um ponto fixo. Diz quais colunas faltam, e
        não o que têm: um updated_at muda a cada passada."""
        resumo = hashlib.blake2b(digest_size=16)
        for (tabela, acao), guardadas in sorted(self._guardadas.items()):
            if guardadas.quantas:
                partes = (tabela, acao, guardadas.resumo.digest())
                resumo.update(_EM_BYTES.encode(partes))
        return resumo.digest()

    def assinatura_de(self, tabela: str, acao: str) -> bytes:
        """A de um tipo de ação numa tabela; vazia se não há nenhuma."""
        guardadas = self._guardadas.get((tabela, acao))
        return guardadas.resumo.digest() if guardadas and guardadas.quantas else b""

    def colunas_diferentes(self, tabela: str) -> Counter[str]:
        """Em quantas linhas cada coluna difere, entre as linhas a alterar."""
        return Counter(self._diferem.get(tabela))

    def comparar(self, tabela: TabelaDoPlano) -> Contagem:
        """Guarda as ações desta tabela. Levanta BackupDanificado se um arquivo não se lê."""
        if tabela.iguais is not None:
            return Contagem(iguais=tabela.iguais)
        nome = tabela.nome
        tipos = (REPOR, ALTERAR, REMOVER)
        novas = {tipo: _Guardadas(self._rascunho) for tipo in tipos}
        self._guardadas = self._guardadas | {(nome, tipo): novas[tipo] for tipo in tipos}
        foto, alvo = lado_da_foto(tabela), lado_do_alvo(tabela)
        self._diferem[nome] = _guardar_pares(tabela, pares_de(tabela, foto, alvo), novas)
        if alvo is not None:  # de um lado só, sem nada a casar: aos grupos
            for chaves, linhas in foto.resto_em_grupos():
                _guardar_a_mais(tabela, chaves, linhas, novas[REMOVER])
            for chaves, linhas in alvo.resto_em_grupos():
                _guardar_que_faltam(chaves, linhas, novas[REPOR])
        for tipo in tipos:
            novas[tipo].fechar()
        repor, alterar, remover = (novas[tipo].quantas for tipo in tipos)
        return Contagem(repor, alterar, remover, foto.lidas - alterar - remover)

    def juntar(self, nome: str, pares: Mapping[Chave, Chave]) -> None:
        """De cada par (uma chave a repor, a da linha a remover que é a mesma para o banco) faz uma
        alteração, com a chave que a linha tem."""
        saem = frozenset(pares.values())
        atuais: dict[Chave, bytes | None] = {}

        def todos() -> Iterator[Par]:
            for acao in self.acoes(nome, ALTERAR):
                yield acao.chave, _linha(acao.atual), _linha(acao.alvo)
            for acao in self.acoes(nome, REMOVER):
                if acao.chave in saem:
                    atuais[acao.chave] = acao.atual
                else:
                    yield acao.chave, _linha(acao.atual), None
            for acao in self.acoes(nome, REPOR):
                chave = pares.get(acao.chave, acao.chave)
                yield chave, _linha(atuais.get(chave)), _linha(acao.alvo)

        self._refazer(nome, todos())

    def recortar(
        self,
        nome: str,
        querida: Querida,
        mais: Plano | None = None,
        conflita: Callable[[Linha | None, Linha | None], bool] = lambda _atual, _alvo: False,
    ) -> None:
        """De cada linha que difere, quer-se o que a `querida` diz, pela da foto e pela do alvo; e,
        de `mais` (as mesmas linhas, até outro alvo), tudo. As que se queriam e não se podem ter, de
        que algo `conflita`, são guardadas."""
        conflitos = _Guardadas(self._rascunho)

        def pares() -> Iterator[Par]:
            for chave, atual, alvo in self.pares(nome):
                if conflita(atual, alvo):
                    acao = Acao(chave, _bruta(atual), _bruta(alvo))
                    conflitos.guardar([acao], _EM_BYTES.encode(acao))
                quer = querida(atual, alvo)
                if quer is not atual:
                    yield chave, atual, quer

        outros = mais.pares(nome) if mais is not None else iter(())
        self._refazer(nome, itertools.chain(pares(), outros))
        conflitos.fechar()
        self._guardadas[nome, CONFLITO] = conflitos

    def que_conflitam(self, nome: str) -> Iterator[tuple[Linha | None, Linha | None]]:
        """De uma tabela recortada, as linhas (da foto, do alvo) de que algo fica por mudar."""
        for acao in self.acoes(nome, CONFLITO):
            yield _linha(acao.atual), _linha(acao.alvo)

    def pares(self, nome: str) -> Iterator[Par]:
        """As linhas de uma tabela que diferem: a da foto e a do alvo."""
        for tipo in (ALTERAR, REMOVER, REPOR):
            for acao in self.acoes(nome, tipo):
                yield acao.chave, _linha(acao.atual), _linha(acao.alvo)

    def _refazer(self, nome: str, pares: Iterator[Par]) -> None:
        """Troca as ações de uma tabela pelas destes pares; os que não diferem somem."""
        antes = self.contagens[nome]
        novas = {tipo: _Guardadas(self._rascunho) for tipo in (REPOR, ALTERAR, REMOVER)}
        self._diferem[nome] = _guardar_pares(self.tabelas[nome], pares, novas)
        for guardadas in novas.values():
            guardadas.fechar()
        self._guardadas = self._guardadas | {(nome, tipo): novas[tipo] for tipo in novas}
        repor, alterar, remover = (novas[tipo].quantas for tipo in novas)
        agora = antes.iguais + antes.alterar + antes.remover
        self.contagens[nome] = Contagem(repor, alterar, remover, agora - alterar - remover)


def _bruta(linha: Linha | None) -> bytes | None:
    return None if linha is None else bytes(linha)


def _linha(bruta: bytes | None) -> Linha | None:
    return None if bruta is None else msgspec.Raw(bruta)


def _guardar_pares(
    tabela: TabelaDoPlano, pares: Iterator[Par], novas: Mapping[str, _Guardadas]
) -> Counter[str]:
    """As ações destes pares, cada uma no seu tipo. Devolve em quantas linhas cada coluna difere."""
    diferem = Counter[str]()
    for chave, atual, alvo in pares:
        if alvo is None and atual is not None:
            _guardar_a_mais(tabela, [chave], [atual], novas[REMOVER])
        elif atual is None and alvo is not None:
            _guardar_que_faltam([chave], [alvo], novas[REPOR])
        elif atual is not None and alvo is not None:
            acao = Acao(chave, bytes(atual), bytes(alvo))
            if mudam := mudancas(acao, tabela):
                diferem.update(mudam.keys() - {CAMPO})
                valores = [(coluna, bytes(valor)) for coluna, valor in mudam.items()]
                querem = _EM_BYTES.encode((_sem_vez(tabela, chave), valores))
                novas[ALTERAR].guardar([acao], querem)
    return diferem


def _guardar_que_faltam(
    chaves: Sequence[Chave], linhas: Sequence[Linha], repor: _Guardadas
) -> None:
    alvos = [bytes(linha) for linha in linhas]
    acoes = [Acao(chave, None, alvo) for chave, alvo in zip(chaves, alvos, strict=True)]
    repor.guardar(acoes, b"".join([alvo + SEPARA for alvo in alvos]))  # a chave está na linha


def _guardar_a_mais(
    tabela: TabelaDoPlano, chaves: Sequence[Chave], linhas: Sequence[Linha], remover: _Guardadas
) -> None:
    acoes = [Acao(chave, bytes(linha), None) for chave, linha in zip(chaves, linhas, strict=True)]
    remover.guardar(acoes, b"".join([_EM_BYTES.encode(_sem_vez(tabela, c)) for c in chaves]))


def _sem_vez(tabela: TabelaDoPlano, chave: Chave) -> Chave:
    """A chave, sem a vez em que ela termina numa tabela que não tem chave: a vez não conta."""
    return chave if tabela.chave else chave[:-1]


def comparar(tabelas: Sequence[TabelaDoPlano]) -> Plano:
    """O plano que leva da foto ao alvo. Levanta BackupDanificado se um arquivo não se lê."""
    plano = Plano(tabelas)
    for tabela in tabelas:
        plano.contagens[tabela.nome] = plano.comparar(tabela)
    return plano
