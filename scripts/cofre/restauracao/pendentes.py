"""O que pende de umas linhas: as que apontam para elas, e as que apontam para essas, até o fim.

De uma restauração de poucas tabelas, o que no backup apontava para o que volta, e hoje sumiu ou se
soltou; de linhas que não vão voltar, o que não volta com elas. A memória não cresce com as tabelas:
o que se segue vai para um índice em disco.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.linha import NULO, abrir_linha
from cofre.base.modelo import ChaveEstrangeira, Tabela
from cofre.base.palavras import e_depois, registros_de, visivel
from cofre.deposito.indice import Indice
from cofre.plano.alvo import Alvo, Arquivos
from cofre.plano.lados import SEPARA
from cofre.plano.ordem import ordenar
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REPOR, Acao, mudancas
from cofre.restauracao.parentesco import Parentesco, junto

POR_VEZ = 1000
"""Linhas."""


@dataclass(frozen=True, slots=True)
class Pendente:
    """Registros de uma `tabela` que apontam para outros, de tabelas `de`: `soltos` existem, sem a
    ligação que tinham; `sumiram` não existem mais."""

    tabela: str
    de: tuple[str, ...]
    soltos: int
    sumiram: int

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "tabela": self.tabela,
            "de": list(self.de),
            "soltos": self.soltos,
            "sumiram": self.sumiram,
        }


def em_palavras(pendentes: Sequence[Pendente]) -> str:
    """«74 vendas e 43 ordens de serviço perderam a ligação com clientes; 5 itens de venda que
    dependem de vendas sumiram»."""
    partes = []
    if soltos := sorted([p for p in pendentes if p.soltos], key=lambda p: -p.soltos):
        quantos = e_depois([registros_de(p.soltos, p.tabela) for p in soltos])
        perdeu = "perdeu" if sum(p.soltos for p in soltos) == 1 else "perderam"
        partes.append(f"{quantos} {perdeu} a ligação com {_maes(soltos)}")
    if sumidos := sorted([p for p in pendentes if p.sumiram], key=lambda p: -p.sumiram):
        so_um = sum(p.sumiram for p in sumidos) == 1
        quantos = e_depois([registros_de(p.sumiram, p.tabela) for p in sumidos])
        depende, sumiu = ("depende", "sumiu") if so_um else ("dependem", "sumiram")
        partes.append(f"{quantos} que {depende} de {_maes(sumidos)} {sumiu}")
    return "; ".join(partes)


def o_que_se_segue(pendentes: Sequence[Pendente]) -> str:
    """«também não voltam 5 itens de venda; 3 vendas ficam sem a ligação com clientes»."""
    partes = []
    if sumidos := [p for p in pendentes if p.sumiram]:
        volta = "volta" if sum(p.sumiram for p in sumidos) == 1 else "voltam"
        partes.append(
            f"também não {volta} {e_depois([registros_de(p.sumiram, p.tabela) for p in sumidos])}"
        )
    if soltos := [p for p in pendentes if p.soltos]:
        quantos = e_depois([registros_de(p.soltos, p.tabela) for p in soltos])
        fica = "fica" if sum(p.soltos for p in soltos) == 1 else "ficam"
        partes.append(f"{quantos} {fica} sem a ligação com {_maes(soltos)}")
    return "; ".join(partes)


def _maes(pendentes: Sequence[Pendente]) -> str:
    return e_depois([visivel(m) for m in dict.fromkeys(m for p in pendentes for m in p.de)])


Movida = tuple[Acao, Set[str] | None]
"""Uma linha, e as colunas que nela mudam; None, se é a linha inteira."""
Movidas = Callable[[str], contextlib.AbstractContextManager[Iterator[Movida]]]
"""As linhas de uma tabela que podem pender de outras."""
Linhas = Iterable[bytes]


def pendentes_de(
    alvo: Alvo, plano: Plano, foto: Arquivos, somaveis: Collection[str]
) -> tuple[Pendente, ...]:
    """O que, das tabelas não escolhidas que se podem somar à escolha, apontava no backup para o que
    o plano repõe, e hoje sumiu ou perdeu a ligação; mães antes das filhas. Uma tabela que não se lê
    fica de fora."""
    escopo = alvo.escopo
    salvas = alvo.backup.meta.tabelas if alvo.backup.meta else {}
    fora = [n for n in alvo.fora if n in somaveis and n in salvas and n in foto]
    raizes = {
        n: (a.alvo or b"{}" for a in plano.acoes(n, REPOR))
        for n, c in plano.contagens.items()
        if c.repor
    }

    @contextlib.contextmanager
    def movidas(nome: str) -> Iterator[Iterator[Movida]]:
        with alvo.ate_o_backup([nome], foto) as inteiro:
            yield _movidas(inteiro, nome, so_soltas=True)

    tabelas = {n: escopo[n].tabela for n in (*raizes, *fora)}
    return que_pendem(tabelas, raizes, movidas) if raizes and fora else ()


def que_seguem(alvo: Alvo, plano: Plano, sem: Mapping[str, Linhas]) -> tuple[Pendente, ...]:
    """O que o plano põe e aponta para linhas que não vão voltar (`sem`, por tabela)."""

    @contextlib.contextmanager
    def movidas(nome: str) -> Iterator[Iterator[Movida]]:
        yield _movidas(plano, nome, so_soltas=False)

    tabelas = {n: alvo.escopo[n].tabela for n in plano.contagens}
    return que_pendem(tabelas, sem, movidas) if sem else ()


def _movidas(plano: Plano, nome: str, *, so_soltas: bool) -> Iterator[Movida]:
    """O que um plano põe numa tabela. `so_soltas`: do que altera, só as colunas hoje nulas: a que
    aponta para outra coisa não perdeu a ligação, ganhou outra."""
    for acao in plano.acoes(nome, REPOR):
        yield acao, None
    for acao in plano.acoes(nome, ALTERAR):
        mudam = mudancas(acao, plano.tabelas[nome])
        if so_soltas:
            tem = abrir_linha(acao.atual or b"{}")
            yield acao, {c for c in mudam if bytes(tem.get(c, _NULO)) == NULO}
        else:
            yield acao, mudam.keys()


_NULO = msgspec.Raw(NULO)


def que_pendem(
    tabelas: Mapping[str, Tabela], raizes: Mapping[str, Linhas], movidas: Movidas
) -> tuple[Pendente, ...]:
    """Das `tabelas` que não são raízes, o que aponta para as linhas destas, ou para o que aponta.
    Mães antes das filhas."""
    ordem, _ = ordenar(list(tabelas.values()))
    with contextlib.closing(Indice()) as indice:
        cadeia = _Cadeia(tabelas, indice)
        for nome in raizes:
            cadeia.atingir(nome, raizes[nome])
        achados = [cadeia.seguir(tabelas[nome], movidas) for nome in ordem if nome not in raizes]
        return tuple(p for p in achados if p.soltos or p.sumiram)


@dataclass(frozen=True, slots=True)
class _Cadeia:
    """As linhas a que já se chegou, pelos valores por que outras apontam para elas."""

    tabelas: Mapping[str, Tabela]
    indice: Indice
    atingidas: set[str] = field(default_factory=set)

    @property
    def _parentesco(self) -> Parentesco:
        return Parentesco(self.tabelas)

    def atingir(self, nome: str, linhas: Linhas) -> None:
        """Mais linhas desta tabela."""
        self.atingidas.add(nome)
        pontas = self._parentesco.pontas(nome)
        for lote in _lotes(map(abrir_linha, linhas)):
            for colunas in pontas:
                self.indice.guardar((nome, colunas), [v for c in lote if (v := junto(c, colunas))])

    def seguir(self, tabela: Tabela, movidas: Movidas) -> Pendente:
        """As linhas desta que apontam para as que já se atingiram: contam-se, e passam a ser
        atingidas."""
        nome = tabela.nome
        fks = [fk for fk in tabela.estrangeiras if fk.tabela in {*self.atingidas, nome}]
        de = tuple(dict.fromkeys(fk.tabela for fk in fks if fk.tabela in self.atingidas))
        if not de:
            return Pendente(nome, (), 0, 0)
        with contextlib.suppress(BackupDanificado), movidas(nome) as linhas:
            self._procurar(nome, fks, linhas)
        de_si = any(fk.tabela == nome for fk in fks)
        quantas, antes = self._achar(nome, fks), None
        while de_si and quantas != antes:  # cada volta desce um nível
            quantas, antes = self._achar(nome, fks), quantas
        if any(quantas):
            self.atingidas.add(nome)
        return Pendente(nome, de, *quantas)

    def _procurar(
        self, nome: str, fks: Sequence[ChaveEstrangeira], linhas: Iterator[Movida]
    ) -> None:
        """Guarda o que cada linha aponta, com a ficha dela: a chave, e os valores por que outras a
        apontam."""
        pontas = self._parentesco.pontas(nome)
        for lote in _lotes(linhas):
            pares: dict[int, list[tuple[bytes, bytes]]] = {n: [] for n in range(len(fks))}
            for acao, mudam in lote:
                campos = abrir_linha(acao.alvo or b"{}")
                ficha = (
                    mudam is None,
                    SEPARA.join(acao.chave),
                    [junto(campos, p) for p in pontas],
                )
                for n, fk in enumerate(fks):
                    aponta = mudam is None or not mudam.isdisjoint(fk.colunas)
                    if aponta and (valor := junto(campos, fk.colunas)):
                        pares[n].append((valor, _EM_BYTES.encode(ficha)))
            for n, achados in pares.items():
                self.indice.procurar((nome, n), achados)

    def _achar(self, nome: str, fks: Sequence[ChaveEstrangeira]) -> tuple[int, int]:
        """As que apontam para algo atingido: pelo caminho, elas o são. Devolve quantas já se viram,
        das que mudam e das inteiras."""
        pontas = self._parentesco.pontas(nome)
        for n, fk in enumerate(fks):
            conjunto = (fk.tabela, self._parentesco.referencias(fk))
            for lote in _lotes(self.indice.achados((nome, n), conjunto)):
                fichas = [_DE_BYTES.decode(f) for f in lote]
                for inteira in (False, True):
                    chaves = [chave for dela, chave, _ in fichas if dela is inteira]
                    self.indice.guardar((nome, "vistas", inteira), chaves)
                for posicao, colunas in enumerate(pontas):
                    valores = [v[posicao] for _, _, v in fichas if v[posicao]]
                    self.indice.guardar((nome, colunas), valores)
        mudam, inteiras = (self.indice.distintos((nome, "vistas", i)) for i in (False, True))
        return mudam, inteiras


_EM_BYTES = msgspec.msgpack.Encoder()
_DE_BYTES = msgspec.msgpack.Decoder(tuple[bool, bytes, list[bytes]])


def _lotes(itens: Iterable[Any]) -> Iterator[list[Any]]:
    fluxo = iter(itens)
    while lote := list(itertools.islice(fluxo, POR_VEZ)):
        yield lote
