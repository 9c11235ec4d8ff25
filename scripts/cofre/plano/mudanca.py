"""A mudança entre dois backups, para a desfazer: um recorte, com o que `tres_lados` diz de cada
tabela em que algo mudou."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from cofre.deposito.backup import Backup
from cofre.plano.alvo import Alvo
from cofre.plano.diferencas import Diferencas
from cofre.plano.lados import Par
from cofre.plano.recorte import MUDANCA
from cofre.plano.tabela import Acao, TabelaDoPlano, mudancas
from cofre.plano.tres_lados import DaMudanca


@dataclass(frozen=True, slots=True)
class Pedida:
    """De que backup (carimbo) a que backup se desfaz a mudança, e, se ditas, só em que colunas.
    `ao_contrario`: é o desfazer dela."""

    antes: str
    depois: str
    campos: tuple[str, ...] = ()
    ao_contrario: bool = False

    def documento(self) -> dict[str, Any]:
        """Para o diário: dá a mesma a `ler`."""
        return {
            MUDANCA: {
                "antes": self.antes,
                "depois": self.depois,
                "campos": list(self.campos),
                "ao_contrario": self.ao_contrario,
            }
        }


def ler(documento: object) -> Pedida | None:
    """A que um diário diz; None, se a restauração não é de uma mudança. Levanta ValueError se não
    se entende."""
    if not isinstance(documento, Mapping) or MUDANCA not in documento:
        return None
    return msgspec.convert(documento[MUDANCA], Pedida)


@dataclass(frozen=True, slots=True)
class Mudanca:
    """O recorte de quem desfaz uma mudança: das tabelas em que algo mudou, só isso."""

    pedida: Pedida
    depois: Backup = field(repr=False)
    fatias: Mapping[str, DaMudanca]

    def documento(self) -> dict[str, Any]:
        return self.pedida.documento()

    def ao_contrario(self) -> Mudanca:
        """O que a desfaz, até a foto de antes."""
        sentido = not self.pedida.ao_contrario
        return Mudanca(
            replace(self.pedida, ao_contrario=sentido),
            self.depois,
            {n: replace(f, ao_contrario=sentido) for n, f in self.fatias.items()},
        )


def ate_a_foto(mudanca: Mudanca, foto: Alvo, antes: Backup) -> Mudanca:
    """A mesma; ao contrário, com o que a `foto` de antes diz que se fez das linhas sem chave.
    Levanta BackupDanificado se um arquivo não se lê."""
    sem_chave = tuple(n for n, f in mudanca.fatias.items() if not f.tabela.chave)
    if not (sem_chave and mudanca.pedida.ao_contrario):
        return mudanca
    with replace(foto, tabelas=sem_chave).desde(antes) as plano:
        delas = {n: mudanca.fatias[n].ate_a_foto(plano.pares(n)) for n in sem_chave}
    return replace(mudanca, fatias={**mudanca.fatias, **delas})


def entre(antes: Alvo, depois: Backup, pedida: Pedida) -> Mudanca:
    """A mudança das tabelas do alvo `antes`, do backup dele até o `depois`. Levanta
    BackupDanificado se um arquivo não se lê."""
    diferencas, fatias = Diferencas(), {}
    with antes.desde(depois) as plano:
        for nome, tabela in plano.tabelas.items():
            campos = frozenset(pedida.campos) & {*tabela.colunas}
            pares, mudam = plano.pares(nome), frozenset(plano.colunas_diferentes(nome))
            if pedida.campos:
                pares = que_mudam(pares, tabela, campos)
            contagem = plano.contagens[nome]
            inteiras = bool(contagem.repor or contagem.remover) and not pedida.campos
            quantas = diferencas.guardar(nome, tabela.chave, pares)
            if quantas:
                fatias[nome] = DaMudanca(
                    tabela,
                    {c.nome: c.tipo for c in antes.escopo[nome].tabela.colunas},
                    diferencas,
                    quantas,
                    None if inteiras else (mudam & campos if campos else mudam),
                    campos,
                    pedida.ao_contrario,
                )
    return Mudanca(pedida, depois, fatias)


def que_mudam(
    pares: Iterable[Par], tabela: TabelaDoPlano, campos: Collection[str]
) -> Iterator[Par]:
    """As linhas que há dos dois lados, e em que algum destes campos difere."""
    for chave, de, para in pares:
        if de is None or para is None:
            continue
        if not mudancas(Acao(chave, bytes(de), bytes(para)), tabela).keys().isdisjoint(campos):
            yield chave, de, para
