"""O que o banco reescreve do que se manda: explica uma linha que não ficou como se quis.

Uma mudança cuja resposta não diz que achou a linha pode ter sido feita assim mesmo: a resposta se
perdeu, ou é a da segunda vez de um pedido que o gateway repetiu. Se alguma coluna está como se
mandou, foi a nossa. Se nenhuma está, ou um gatilho as reescreveu todas, ou foi outra pessoa.

E poupa o que não vai dar em nada: uma tabela em que só faltam datas, que se mandaram sozinhas e o
banco pôs todas mais tarde, tem um gatilho que carimba a hora de cada escrita.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from cofre.base.linha import abrir_linha
from cofre.base.modelo import Tabela
from cofre.base.momentos import avancou
from cofre.base.textos import CAMPO
from cofre.plano.chaves import Chave
from cofre.plano.escritor import Mudada
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR


@dataclass(frozen=True, slots=True)
class Reescritas:
    """O que se aprende numa passada e vale na seguinte."""

    _colunas: set[tuple[str, str]] = field(default_factory=set)
    """(tabela, coluna) que já voltou diferente do que se mandou."""
    _duvidosas: set[tuple[str, Chave]] = field(default_factory=set)
    """As linhas de que não se soube quem as mudou."""
    _carimbos: Counter[str] = field(default_factory=Counter)
    """Em quantas linhas desta passada tudo o que se mandou voltou só mais tarde, por tabela."""
    _inuteis: dict[str, bytes] = field(default_factory=dict)
    """Por tabela, a assinatura das alterações que o banco carimbou todas."""

    def aprender(self, tabela: str, mandadas: Mapping[str, msgspec.Raw], gravada: bytes) -> None:
        """Compara o que se mandou com o que voltou; o que não voltou não se compara."""
        ficou = abrir_linha(gravada)
        self._colunas.update((tabela, c) for c, v in mandadas.items() if ficou.get(c, v) != v)

    def contar(self, tabela: Tabela, feita: Mudada) -> None:
        """Conta a linha em que tudo o que se mandou voltou só mais tarde. Um fio só a chama."""
        if feita.recusa is None and feita.inteira and feita.gravadas:
            ficou = abrir_linha(feita.gravadas[0])
            self._carimbos[tabela.nome] += all(
                c in ficou and avancou(tabela.tipo_de(c), bytes(v), bytes(ficou[c]))
                for c, v in feita.mudanca.valores.items()
            )

    def inuteis(self, plano: Plano) -> frozenset[str]:
        """As tabelas em que as alterações deste plano são, linha a linha, as que o banco carimbou
        na passada anterior."""
        return frozenset(
            nome
            for nome, assinatura in self._inuteis.items()
            if nome in plano.contagens and plano.assinatura_de(nome, ALTERAR) == assinatura
        )

    def fim_da_passada(self, plano: Plano) -> None:
        """Guarda o que se aprendeu com este plano, executado."""
        for nome, carimbos in self._carimbos.items():
            if carimbos == plano.contagens[nome].alterar:
                self._inuteis[nome] = plano.assinatura_de(nome, ALTERAR)
        self._carimbos.clear()

    def explicam(self, tabela: str, chave: Chave, mandadas: Mapping[str, msgspec.Raw]) -> bool:
        """Se a linha em que nada ficou como se mandou é a que se mandou: o banco reescreve todas
        estas colunas. Se isso não se sabe, a próxima foto guarda o que está lá, e só da segunda vez
        se crê."""
        if all((tabela, coluna) in self._colunas for coluna in mandadas if coluna != CAMPO):
            return True
        quem = (tabela, chave)
        de_novo = quem in self._duvidosas
        self._duvidosas.add(quem)
        return de_novo
