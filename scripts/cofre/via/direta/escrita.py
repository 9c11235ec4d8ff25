"""O único que escreve no banco pela via direta: cada operação do executor em SQL, numa transação já
aberta.

As linhas vão e voltam como o JSON que a foto guarda. Alterar e remover levam na condição a linha
inteira como a foto a viu: a que alguém mudou no meio do caminho não é tocada. O que o banco recusa
volta ao ponto de antes do comando, e a transação segue.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from cofre.base.erros import ConsultaDemorada, EscritaRecusada
from cofre.base.modelo import Tabela
from cofre.base.textos import CAMPO, MARCA, com_valores
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.escritor import (
    SEM_EFEITO,
    Inserido,
    Lote,
    Mudada,
    Mudanca,
)
from cofre.plano.lotes import em_lotes
from cofre.plano.tabela import Acao
from cofre.via.direta import carga, comandos, remocao
from cofre.via.direta.pontos import Pontos
from cofre.via.direta.texto import a_gravar, chave_de, textos

LINHAS_POR_COMANDO = 1000
BYTES_POR_COMANDO = 1024 * 1024
LINHAS_POR_CARGA = 10_000
BYTES_POR_CARGA = 4 * 1024 * 1024
"""Cada carga são umas poucas idas ao servidor, e pela internet são elas que demoram."""


@dataclass(frozen=True, slots=True)
class EscritorDireto:
    """O `cofre.plano.escritor.Escritor` que escreve numa transação."""

    pontos: Pontos
    sem_gatilhos: bool = False
    """Se nenhum gatilho dispara: o que entra é o que se mandou, e não é preciso olhar."""
    _so_pelo_json: set[str] = field(default_factory=set)
    """As tabelas em que apareceu um valor que o COPY não sabe dizer."""
    _sairam: set[tuple[str, Chave]] = field(default_factory=set)
    """As linhas que deram lugar a outras, por tabela."""

    def inserir(
        self, no_escopo: TabelaNoEscopo, linhas: Sequence[bytes], colunas: Sequence[str]
    ) -> Sequence[bytes]:
        """Por COPY, se nada mudaria as linhas no caminho e ele as sabe dizer (e então não devolve
        nenhuma: estão como se mandou); senão, por um INSERT."""
        tabela = no_escopo.tabela
        por_copy = self.sem_gatilhos and tabela.nome not in self._so_pelo_json
        if por_copy and carga.cabe(tabela, colunas):
            try:
                copiar = partial(carga.copiar, self.pontos.conexao, tabela, linhas, colunas)
                self.pontos.num(tabela, copiar, linhas)
                return ()
            except carga.SoPeloJson:
                self._so_pelo_json.add(tabela.nome)
        return self._inserir_pelo_json(no_escopo, linhas, colunas)

    def _inserir_pelo_json(
        self, no_escopo: TabelaNoEscopo, linhas: Sequence[bytes], colunas: Sequence[str]
    ) -> Sequence[bytes]:
        """Um INSERT, com os valores das colunas de identidade que as linhas dizem."""
        tabela = no_escopo.tabela
        novas = [a_gravar(tabela, linha) for linha in linhas]
        comando = comandos.inserir(no_escopo, colunas, com_textos=_ha_textos(novas))
        gravadas = self.pontos.executar(tabela, comando, [textos(novas)], linhas)
        return [linha.encode() for (linha,) in gravadas] if tabela.chave else ()

    def dar_lugar(self, no_escopo: TabelaNoEscopo, acoes: Iterator[Acao]) -> None:
        """Numa tabela com uma restrição EXCLUDE, tira antes de tudo as linhas que o plano altera ou
        remove: dois períodos que se trocam não cabem juntos nem por um instante, e não se sabe de
        quem é o que está no caminho. As que mudam entram de novo, inteiras, quando chega a vez
        delas. Só onde ninguém nota que saíram: sem gatilhos, e com as ligações por conferir."""
        if not (
            no_escopo.tabela.exclusiva and self.sem_gatilhos and self.pontos.ligacoes is not None
        ):
            return
        nome = no_escopo.tabela.nome
        self._sairam.difference_update([s for s in self._sairam if s[0] == nome])
        for lote in self.lotes_a_apagar(no_escopo, acoes):
            with contextlib.suppress(*SEM_EFEITO):  # quem executa o plano o dirá
                ficaram = {a.chave for a in self.apagar(no_escopo, lote)}
                self._sairam.update((nome, a.chave) for a in lote if a.chave not in ficaram)

    def repor(
        self, no_escopo: TabelaNoEscopo, lotes: Iterator[Lote], *, em_paralelo: bool
    ) -> Iterator[Inserido]:
        """Vários lotes numa carga, se nenhum gatilho dispara; senão, um comando por lote. Nada vai
        em paralelo: uma transação é uma conexão."""
        if not self.sem_gatilhos:
            for lote in lotes:
                yield from self._repor_juntos(no_escopo, [lote])
            return
        for _colunas, iguais in itertools.groupby(lotes, key=lambda lote: tuple(lote.colunas)):
            medidas = ((lambda lote: len(lote.linhas), LINHAS_POR_CARGA), (_bytes, BYTES_POR_CARGA))
            for juntos in em_lotes(iguais, LINHAS_POR_CARGA, *medidas):
                yield from self._repor_juntos(no_escopo, juntos)

    def _repor_juntos(
        self, no_escopo: TabelaNoEscopo, juntos: Sequence[Lote]
    ) -> Iterator[Inserido]:
        """Uma carga recusada se tenta de novo, lote a lote: quem pediu acha a linha."""
        linhas = [linha for lote in juntos for linha in lote.linhas]
        try:
            gravadas = self.inserir(no_escopo, linhas, juntos[0].colunas)
        except SEM_EFEITO as e:
            if len(juntos) == 1:
                yield Inserido(juntos[0], erro=e)
                return
            for lote in juntos:
                yield from self._repor_juntos(no_escopo, [lote])
            return
        # De várias, nada há a olhar: sem gatilhos, todas ficaram como foram mandadas.
        yield from (Inserido(lote, gravadas if len(juntos) == 1 else ()) for lote in juntos)

    def mudar(
        self, no_escopo: TabelaNoEscopo, quais: Iterator[Mudanca], *, em_paralelo: bool
    ) -> Generator[Mudada, None, None]:
        """Um UPDATE para cada sequência de mudanças nas mesmas colunas. Nada vai em paralelo: uma
        transação é uma conexão."""
        for _colunas, iguais in itertools.groupby(quais, key=_colunas_de):
            for lote in em_lotes(iguais, LINHAS_POR_COMANDO, (_peso, BYTES_POR_COMANDO)):
                yield from self._mudar_lote(no_escopo, lote)

    def _mudar_lote(self, no_escopo: TabelaNoEscopo, lote: Sequence[Mudanca]) -> list[Mudada]:
        """Altera o lote; o que o banco recusa, às metades até à linha. De cada uma, como ficou."""
        try:
            gravadas = self._alterar(no_escopo, lote)
        except (EscritaRecusada, ConsultaDemorada) as e:
            if len(lote) > 1:
                meio = len(lote) // 2
                return [
                    *self._mudar_lote(no_escopo, lote[:meio]),
                    *self._mudar_lote(no_escopo, lote[meio:]),
                ]
            if isinstance(e, ConsultaDemorada):
                raise
            return [Mudada(lote[0], recusa=e)]
        tabela = no_escopo.tabela
        pares = [(m, gravadas.get(_chave_nova(tabela, m))) for m in lote]
        por_rever = [m.acao for m, linha in pares if linha is None and m.acao.atual is not None]
        remocao.como_estao(self.pontos, tabela, por_rever)
        return [
            Mudada(m, inteira=False) if linha is None else Mudada(m, [linha]) for m, linha in pares
        ]

    def _alterar(self, no_escopo: TabelaNoEscopo, lote: Sequence[Mudanca]) -> dict[Chave, bytes]:
        """O que o banco gravou deste lote, pela chave nova de cada linha; falta a que já era
        outra."""
        tabela = no_escopo.tabela
        fora = [m for m in lote if (tabela.nome, m.acao.chave) in self._sairam]
        if fora:
            ficaram = [m for m in lote if (tabela.nome, m.acao.chave) not in self._sairam]
            alteradas = self._alterar(no_escopo, ficaram) if ficaram else {}
            return {**alteradas, **self._por_de_volta(no_escopo, fora)}
        if self.pontos.ligacoes is not None and set(lote[0].valores) & set(tabela.identidades):
            return self._trocar(no_escopo, lote)
        # Uma linha que acabou de ser inserida é nossa: não há com que comparar.
        eram = [m.acao.atual.decode() if m.acao.atual is not None else None for m in lote]
        novas = [a_gravar(tabela, _nova(tabela, m)) for m in lote]
        conferir = [_inteira(m) for m in lote]
        com_textos = _ha_textos(novas)
        comando = comandos.alterar(no_escopo, _colunas_de(lote[0]), com_textos=com_textos)
        gravadas = self.pontos.executar(tabela, comando, [eram, textos(novas)], conferir)
        return {chave_de(tabela, linha.encode()): linha.encode() for (linha,) in gravadas}

    def _trocar(self, no_escopo: TabelaNoEscopo, lote: Sequence[Mudanca]) -> dict[Chave, bytes]:
        """Um número de identidade ALWAYS não se altera: a linha sai e entra de novo, inteira. Sem
        os gatilhos, ninguém nota que saiu."""
        with self.pontos.conexao.transaction():
            ficaram = {a.chave for a in self.apagar(no_escopo, [m.acao for m in lote])}
            return self._por_de_volta(no_escopo, [m for m in lote if m.acao.chave not in ficaram])

    def _por_de_volta(
        self, no_escopo: TabelaNoEscopo, sairam: Sequence[Mudanca]
    ) -> dict[Chave, bytes]:
        tabela = no_escopo.tabela
        fora = set(tabela.nao_gravaveis) - set(tabela.identidades)
        colunas = [c.nome for c in tabela.colunas if c.nome not in fora]
        gravadas = self._inserir_pelo_json(no_escopo, [_inteira(m) for m in sairam], colunas)
        self._sairam.difference_update((tabela.nome, m.acao.chave) for m in sairam)
        return {chave_de(tabela, linha): linha for linha in gravadas}

    def lotes_a_apagar(
        self, no_escopo: TabelaNoEscopo, acoes: Iterator[Acao]
    ) -> Iterator[list[Acao]]:
        """Grupos que cabem num comando."""
        bytes_da_linha = (lambda a: len(a.atual or b""), BYTES_POR_COMANDO)
        yield from em_lotes(acoes, LINHAS_POR_COMANDO, bytes_da_linha)

    def apagar(self, no_escopo: TabelaNoEscopo, lote: Sequence[Acao]) -> Sequence[Acao]:
        """Um DELETE; o que ele não apagou é procurado, para saber por quê."""
        tabela = no_escopo.tabela
        lote = [a for a in lote if (tabela.nome, a.chave) not in self._sairam]
        if not lote:
            return ()
        return remocao.apagar(self.pontos, tabela, lote)

    def apagar_inserida(self, no_escopo: TabelaNoEscopo, linha: bytes) -> None:
        """Um DELETE pela chave e pelo dono."""
        with contextlib.suppress(EscritaRecusada):  # o impedimento já diz o que houve
            comando = comandos.apagar_inserida(no_escopo)
            self.pontos.executar(no_escopo.tabela, comando, [textos([linha])])


def _colunas_de(mudanca: Mudanca) -> tuple[str, ...]:
    return tuple(c for c in mudanca.valores if c != CAMPO)


def _ha_textos(linhas: Sequence[bytes]) -> bool:
    return any(MARCA in linha for linha in linhas)


def _chave_nova(tabela: Tabela, mudanca: Mudanca) -> Chave:
    """A que a linha terá: pode ser outra, igual para o banco (ver `plano.mesmas`)."""
    pares = zip(tabela.chave, mudanca.acao.chave, strict=True)
    return tuple(bytes(mudanca.valores.get(c, msgspec.Raw(v))) for c, v in pares)


def _nova(tabela: Tabela, mudanca: Mudanca) -> bytes:
    """A chave e os valores novos, num objeto só."""
    da_chave = {c: msgspec.Raw(v) for c, v in zip(tabela.chave, mudanca.acao.chave, strict=True)}
    return msgspec.json.encode({**da_chave, **mudanca.valores})


def _inteira(mudanca: Mudanca) -> bytes:
    """A linha como ficará."""
    return com_valores(mudanca.como_esta, mudanca.valores)


def _bytes(lote: Lote) -> int:
    return sum(map(len, lote.linhas))


def _peso(mudanca: Mudanca) -> int:
    return len(mudanca.como_esta) + sum(len(bytes(v)) for v in mudanca.valores.values())
