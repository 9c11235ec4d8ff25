"""O que se aproveita do último backup numa leitura: o que o servidor diz que não mudou.

Na dúvida nada se aproveita: sem base, com outra pergunta, com uma resposta que falha ou que não
chega a ser prova, lê-se a tabela toda, e o log diz porquê.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cofre.deposito.resumos import Anterior, Bloco, ResumoDaTabela, juntar
from cofre.deposito.resumos_por_linha import DE_CADA, MAIS_LINHAS
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.direta.mudadas import Duvida, Mudadas, Seguidos, tamanho_do_lugar
from cofre.via.direta.resumos import DeQuem, Fronteiras, Pergunta, Perguntas, fronteiras_de
from cofre.via.direta.somas import Resumida
from cofre.via.leitura import Bases

SemFalhar = Callable[[Callable[[], None]], bool]
"""Faz, e diz se o banco o deixou; se não, a transação fica como estava."""


@dataclass(frozen=True, slots=True)
class Situacao:
    """Uma tabela de uma empresa contra a `anterior`: se são as mesmas linhas e, se não, que blocos
    diferem (None: não se sabe). `conferir`: é altura de a ler por inteiro."""

    anterior: Anterior
    resumida: Resumida
    iguais: bool
    diferem: frozenset[int] | None
    conferir: bool

    @property
    def em_parte(self) -> bool:
        """Se vale a pena ler só o que mudou. Um arquivo com textos à parte lê-se sempre todo."""
        da_tabela = self.anterior
        return bool(self.diferem and len(da_tabela.resumo.blocos) > 1 and da_tabela.textos is None)


@dataclass(slots=True)
class _Guardados:
    """Os resumos das linhas que havia, e as que se veem que mudaram; nenhuns, se não se leem ou se
    houve uma dúvida: então procuram-se de outro modo."""

    anterior: Anterior
    mudadas: Mudadas
    _lidos: bytes | None = None
    _inicios: list[int] = field(default_factory=list)

    def receber(self, bloco: int, linhas: int, itens: bytes) -> None:
        """Mais um bloco que difere."""
        if self._lidos is None:
            da_tabela = self.anterior.por_linha
            self._lidos = da_tabela.ler() if da_tabela else b""
            de_cada = (b.linhas for b in self.anterior.resumo.blocos)
            self._inicios = list(itertools.accumulate(de_cada, initial=0))
        if not self._lidos or bloco + 1 >= len(self._inicios):
            return
        inicio, fim = (n * DE_CADA for n in self._inicios[bloco : bloco + 2])
        seguidos = Seguidos(itens, linhas, self.mudadas.do_lugar)
        try:
            seguidos.comparar(self.mudadas, bloco, self._lidos[inicio:fim])
        except Duvida:
            self._lidos = b""

    @property
    def achadas(self) -> tuple[Mudadas | None, bytes]:
        """As que mudaram, e os resumos das que havia."""
        return (self.mudadas, self._lidos) if self._lidos else (None, b"")


@dataclass(slots=True)
class Reusos:
    """O que se sabe, nesta leitura, de cada tabela de cada empresa."""

    bases: Bases
    perguntas: Perguntas
    de_quem: DeQuem
    sem_falhar: SemFalhar
    _resumidas: dict[str, dict[str, Resumida]] = field(default_factory=dict)
    _perguntadas: dict[str, Fronteiras] = field(default_factory=dict)
    _guardados: dict[str, _Guardados] = field(default_factory=dict)
    _cabem: int = field(default_factory=lambda: MAIS_LINHAS)
    _situacoes: dict[tuple[str, str], Situacao | None] = field(default_factory=dict)

    @property
    def sozinha(self) -> bool:
        """Se é de uma empresa só: só então se pergunta por blocos."""
        return len(self.perguntas.empresas) == 1

    def perguntar(self, tabelas: Mapping[str, TabelaNoEscopo]) -> None:
        """O que o servidor diz das tabelas em que isso pode servir."""
        self._fazer(
            {
                nome: self._da_base(no_escopo)
                for nome, no_escopo in tabelas.items()
                if any(nome in t for t in self.bases.por_empresa.values())
            }
        )

    def _da_base(self, no_escopo: TabelaNoEscopo) -> Pergunta:
        if not self.sozinha:
            return Pergunta(no_escopo, ())
        (empresa,) = self.perguntas.empresas
        anterior = self.bases.por_empresa[empresa.id][no_escopo.tabela.nome]
        blocos = anterior.resumo.blocos
        if not self._com_itens(no_escopo, anterior):
            return Pergunta(no_escopo, fronteiras_de(blocos))
        lugar = tamanho_do_lugar(no_escopo.tabela)
        guardados = _Guardados(anterior, Mudadas(lugar, por_chave=True))
        self._guardados[no_escopo.tabela.nome] = guardados
        return Pergunta(no_escopo, fronteiras_de(blocos), tuple(b.resumo for b in blocos))

    def _com_itens(self, no_escopo: TabelaNoEscopo, anterior: Anterior) -> bool:
        """Se, onde algo mudou, se hão de ver já as linhas."""
        por_inteiro = anterior.vencida or self.bases.ler_tudo or anterior.textos is not None
        return (
            anterior.por_linha is not None
            and not por_inteiro
            and len(anterior.resumo.blocos) > 1
            and self.cabem(no_escopo, anterior.salva.registros)
        )

    def cabem(self, no_escopo: TabelaNoEscopo, linhas: int) -> bool:
        """Se os resumos de mais estas linhas, de uma tabela de que servem, cabem na memória."""
        if linhas > self._cabem or not self.perguntas.podem_dar_itens(no_escopo):
            return False
        self._cabem -= linhas
        return True

    def achadas(self, nome: str) -> tuple[Mudadas | None, bytes]:
        """As linhas da tabela que mudaram, se já se viram, e os resumos das que havia."""
        guardados = self._guardados.get(nome)
        return guardados.achadas if guardados else (None, b"")

    def _fazer(self, quais: Mapping[str, Pergunta]) -> None:
        """De todas de uma vez; senão, uma a uma, e por fim sem blocos."""
        if not quais or self._de_uma_vez(quais):
            return
        for nome, pergunta in quais.items():
            self._guardados.pop(nome, None)
            so_somas = Pergunta(pergunta.no_escopo, pergunta.fronteiras)
            feita = self._de_uma_vez({nome: so_somas})
            sem_blocos = Pergunta(pergunta.no_escopo, ())
            if not feita and not (pergunta.fronteiras and self._de_uma_vez({nome: sem_blocos})):
                self.bases.dizer(f"{nome}: o servidor não resume as linhas")

    def _de_uma_vez(self, quais: Mapping[str, Pergunta]) -> bool:
        def fazer() -> None:
            self._resumidas.update(self.perguntas.fazer(quais, self.de_quem, self._receber))
            self._perguntadas.update({nome: p.fronteiras for nome, p in quais.items()})

        return self.sem_falhar(fazer)

    def _receber(self, nome: str, bloco: int, linhas: int, itens: bytes) -> None:
        self._guardados[nome].receber(bloco, linhas, itens)

    def situacao(self, no_escopo: TabelaNoEscopo, empresa: str) -> Situacao | None:
        """Se há base para esta tabela, e o que dela se sabe. Levanta TabelaInexistente."""
        qual = (no_escopo.tabela.nome, empresa)
        if qual not in self._situacoes:
            self._situacoes[qual] = self._comparar(no_escopo, empresa)
        return self._situacoes[qual]

    def _comparar(self, no_escopo: TabelaNoEscopo, empresa: str) -> Situacao | None:
        nome = no_escopo.tabela.nome
        anterior = self.bases.por_empresa.get(empresa, {}).get(nome)
        resumida = self._resumidas.get(nome, {}).get(empresa)
        if anterior is None or resumida is None:
            return None
        if anterior.resumo.formula != self._formula(no_escopo, empresa):
            self.bases.dizer(f"{nome}: a pergunta ou o servidor já não são os mesmos")
            return None
        diferem = None
        da_base = self._perguntadas[nome] == fronteiras_de(anterior.resumo.blocos)
        if self.sozinha and da_base and not anterior.selada:
            diferem = resumida.que_diferem(anterior.resumo)
        return Situacao(
            anterior,
            resumida,
            _mesmas(resumida, anterior),
            frozenset(diferem) if diferem is not None else None,
            anterior.vencida or self.bases.ler_tudo,
        )

    def _formula(self, no_escopo: TabelaNoEscopo, empresa: str) -> str:
        qual = next(e for e in self.perguntas.empresas if e.id == empresa)
        return self.perguntas.formula(no_escopo, qual)

    # -- para a próxima vez ------------------------------------------------------------------

    def resumir(
        self, lidas: Mapping[tuple[str, str], Lidas]
    ) -> dict[tuple[str, str], ResumoDaTabela]:
        """O que guardar do que se leu, por (tabela, empresa): só o que se prova que é o que se
        leu. Levanta TabelaInexistente."""
        tabelas = {nome: li.no_escopo for (nome, _), li in lidas.items()}
        fronteiras = {nome: self._das_lidas(li) for (nome, _), li in lidas.items()}
        # O que já se perguntou assim, neste instante, não se pergunta outra vez.
        self._fazer(
            {
                nome: Pergunta(no_escopo, fronteiras[nome])
                for nome, no_escopo in tabelas.items()
                if self._perguntadas.get(nome) != fronteiras[nome]
            }
        )
        resumos = {}
        for (nome, empresa), li in lidas.items():
            resumida = self._resumidas.get(nome, {}).get(empresa)
            if resumida is None:
                continue
            um_so = not self._perguntadas[nome]
            blocos = _com_resumo(juntar(li.blocos, 1) if um_so else li.blocos, resumida)
            if blocos is not None:
                formula = self._formula(li.no_escopo, empresa)
                resumos[nome, empresa] = ResumoDaTabela(
                    formula, tuple(blocos), li.inteira_em or self.bases.agora
                )
        return resumos

    def _das_lidas(self, lidas: Lidas) -> Fronteiras:
        return fronteiras_de(lidas.blocos) if self.sozinha else ()


def _mesmas(resumida: Resumida, anterior: Anterior) -> bool:
    if anterior.selada:
        return not resumida.duvidosa and anterior.tem(resumida.de(0))
    return resumida.mesmas(anterior.resumo)


@dataclass(frozen=True, slots=True)
class Lidas:
    """Os blocos, ainda sem resumo, de uma tabela que se leu de uma empresa. `inteira_em`: quando se
    leu toda, se não foi agora."""

    no_escopo: TabelaNoEscopo
    blocos: Sequence[Bloco]
    inteira_em: datetime | None = None


def _com_resumo(blocos: Sequence[Bloco], resumida: Resumida) -> list[Bloco] | None:
    """Os blocos com o que o servidor disse deles; None se não é o que se leu, ou não se prova."""
    contadas = {n: b.linhas for n, b in enumerate(blocos)}
    ditas = {n: s.linhas for n, s in resumida.por_bloco.items()}
    if resumida.duvidosa or contadas != ditas:
        return None
    return [Bloco(b.primeira, b.linhas, b.bytes, resumida.de(n)) for n, b in enumerate(blocos)]
