"""De quem é cada linha: as regras que ligam uma tabela à empresa, decididas uma vez por execução.

Uma linha é da empresa cujo id está no seu `user_id`; senão, da empresa de `empresas` para a qual
ela aponta; senão (sem essas colunas, ou nulas), da empresa da linha-mãe, por chaves estrangeiras,
em vários passos se preciso. Cada tabela vira uma lista de *ramos* que não se sobrepõem: um ramo só
vê as linhas que os anteriores não resolvem, por isso nenhuma linha é de duas empresas.

As exceções conhecidas: em `user_approvals`, `parent_user_id` (o dono, na linha do empregado) vem
antes de `user_id`; em `funcionarios`, `user_id` é o login do próprio empregado, e por isso a
empresa para a qual a linha aponta vem antes dele.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cofre.base.config.valores import RegraDeTabela, Regras
from cofre.base.erros import FalhaDoServidor
from cofre.base.modelo import Catalogo, ChaveEstrangeira, Coluna, DeixadaDeFora, Tabela

MAXIMO_DE_PASSOS = 4
"""Quantas chaves estrangeiras seguir até a empresa."""

PARECE_DONO = re.compile(
    r"(usuario|owner|dono|proprietario|tenant|company|empresa|loja|conta|account|profile|perfil"
    r"|org|organization|cliente_saas|created_by|criado_por)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Elo:
    """Uma coluna que diz a empresa: pelo id do dono ou, com `referencia`, pela coluna de
    `empresas` para a qual aponta."""

    coluna: str
    referencia: str = ""


@dataclass(frozen=True, slots=True)
class Ramo:
    """Um caminho até a empresa: as chaves estrangeiras a seguir (`passos`, nenhuma se a própria
    tabela diz) e os `elos` da última tabela. `nulos[i]` são as colunas que têm de ser nulas na
    tabela depois de i passos: é o que separa um ramo dos que vêm antes dele."""

    elos: tuple[Elo, ...]
    passos: tuple[ChaveEstrangeira, ...] = ()
    nulos: tuple[tuple[str, ...], ...] = ((),)


@dataclass(frozen=True, slots=True)
class TabelaNoEscopo:
    """Uma tabela que entra no backup e como se acha nela o que é de cada empresa."""

    tabela: Tabela
    ramos: tuple[Ramo, ...]

    @property
    def colunas_de_ligacao(self) -> tuple[str, ...]:
        """As colunas da própria tabela por onde se chega à empresa: os elos e as das mães."""
        dos_elos = [e.coluna for r in self.ramos if not r.passos for e in r.elos]
        das_maes = [c for r in self.ramos if r.passos for c in r.passos[0].colunas]
        return tuple(dict.fromkeys((*dos_elos, *das_maes)))


@dataclass(frozen=True, slots=True)
class Escopo:
    """As tabelas que entram e as que ficam de fora, com o motivo. `sem_resposta`: das que entram,
    as de que não se soube que colunas não podem ser escritas, e por quê."""

    tabelas: Mapping[str, TabelaNoEscopo]
    de_fora: tuple[DeixadaDeFora, ...] = ()
    sem_resposta: Mapping[str, FalhaDoServidor] = field(default_factory=dict)


class Sondas(Protocol):
    """O que o escopo precisa perguntar aos dados; cada pergunta é um pedido pequeno."""

    def ha_linhas(self, tabela: str, nulas: Sequence[str]) -> bool:
        """Se alguma linha tem todas estas colunas nulas (na dúvida, verdadeiro)."""


Nulas = tuple[str, tuple[str, ...]]
"""Uma tabela e colunas dela, de que se pergunta se alguma linha as tem todas nulas."""

Cada = Callable[[Callable[[Nulas], bool], Iterable[Nulas]], Sequence[bool]]
"""Faz uma pergunta por item, na ordem que quiser; dá as respostas na deles."""


def uma_a_uma(fazer: Callable[[Nulas], bool], itens: Iterable[Nulas]) -> Sequence[bool]:
    """Como pergunta quem só pode fazer uma de cada vez."""
    return [fazer(item) for item in itens]


def tabelas_parecidas(coluna: str, catalogo: Catalogo) -> list[str]:
    """As tabelas (até três) a que esta coluna, pelo nome («id_cliente», «fk_venda»), parece
    apontar."""
    radical = re.sub(r"^(id|fk)_|_(id|fk)$", "", coluna)
    if radical == coluna:
        return []
    return difflib.get_close_matches(radical, list(catalogo.tabelas), n=3, cutoff=0.6)


def definir(catalogo: Catalogo, regras: Regras, sondas: Sondas, cada: Cada = uma_a_uma) -> Escopo:
    """Decide o escopo de cada tabela do catálogo (já com as chaves completas). `cada`: quem
    pergunta o que de certeza se tem de saber, de várias tabelas ao mesmo tempo se as perguntas
    demoram."""
    definicao = _Definicao(catalogo, regras, sondas)
    definicao.perguntar(cada)
    return definicao.escopo()


class _Definicao:
    """Uma decisão em andamento: lembra o que já perguntou."""

    def __init__(self, catalogo: Catalogo, regras: Regras, sondas: Sondas) -> None:
        self._regras = regras
        self._sondas = sondas
        self._tabelas = {n: t for n, t in catalogo.tabelas.items() if n not in regras.ignorar}
        self._catalogo = catalogo
        self._elos = {n: self._elos_de(t) for n, t in self._tabelas.items()}
        self._nulos: dict[Nulas, bool] = {}
        self._ligadas = self._que_levam_a_empresa()

    def perguntar(self, cada: Cada) -> None:
        """Pergunta de uma vez se as tabelas que têm elos e mães têm linhas que os elos deixam."""
        elos = {n: _colunas(e) for n, e in self._elos.items() if e and self._maes(n)}
        certas = [(n, nulas) for n, nulas in elos.items() if self._podem_ser_nulas(n, nulas)]
        respostas = cada(lambda pergunta: self._sondas.ha_linhas(*pergunta), certas)
        self._nulos.update(zip(certas, respostas, strict=True))

    def escopo(self) -> Escopo:
        dentro: dict[str, TabelaNoEscopo] = {}
        de_fora = [
            DeixadaDeFora(n, "está em «ignorar» no cofre.toml")
            for n in sorted(self._regras.ignorar & set(self._catalogo.tabelas))
        ]
        de_fora += [DeixadaDeFora(v, "é uma visão, não guarda linhas") for v in self._visoes()]
        de_fora += [DeixadaDeFora(n, causa) for n, causa in sorted(self._catalogo.ocultas.items())]
        for nome, tabela in self._tabelas.items():
            ramos = tuple(self._ramos(nome, MAXIMO_DE_PASSOS))
            if ramos:
                dentro[nome] = TabelaNoEscopo(tabela, ramos)
            else:
                de_fora.append(self._sem_caminho(tabela))
        return Escopo(dentro, tuple(de_fora))

    def _visoes(self) -> Iterator[str]:
        return (v for v in sorted(self._catalogo.visoes) if v not in self._regras.ignorar)

    def _elos_de(self, tabela: Tabela) -> tuple[Elo, ...]:
        """As colunas que dizem de quem é cada linha desta tabela, da que mais vale à que menos."""
        regra = self._regras.tabelas.get(tabela.nome, RegraDeTabela())
        if regra.dono:
            return (Elo(regra.dono),)
        if regra.pai:
            return ()
        existe = {c.nome for c in tabela.colunas}
        por_id = [Elo(c) for c in ("user_id",) if c in existe]
        if tabela.nome == "empresas":
            return tuple(por_id)
        if tabela.nome == "user_approvals" and "parent_user_id" in existe:
            return (Elo("parent_user_id"), *por_id)
        por_empresa = [
            Elo(fk.colunas[0], fk.referencias[0])
            for fk in sorted(tabela.estrangeiras, key=lambda fk: fk.colunas != ("empresa_id",))
            if fk.tabela == "empresas" and len(fk.colunas) == len(fk.referencias) == 1
            if fk.colunas != ("user_id",)
        ]
        juntos = por_empresa + por_id if tabela.nome == "funcionarios" else por_id + por_empresa
        return tuple(juntos)

    def _chaves_de(self, nome: str) -> list[ChaveEstrangeira]:
        """As chaves que podem levar à linha-mãe, a mais provável primeiro."""
        tabela = self._tabelas[nome]
        regra = self._regras.tabelas.get(nome, RegraDeTabela())
        if regra.dono or nome == "empresas":
            return []
        if regra.pai:
            return [ChaveEstrangeira((regra.pai,), regra.tabela_pai, ())]
        dos_elos = {e.coluna for e in self._elos[nome]}
        candidatas = [fk for fk in tabela.estrangeiras if not set(fk.colunas) & dos_elos]
        return sorted(candidatas, key=lambda fk: self._improvavel(tabela, fk))

    def _improvavel(self, tabela: Tabela, fk: ChaveEstrangeira) -> tuple[bool, bool, bool]:
        # vendas_itens é antes filha de vendas que de produtos; e o que nunca é nulo é mais mãe.
        no_nome = fk.tabela in tabela.nome
        return fk.tabela == tabela.nome, not no_nome, self._anulavel(tabela, fk.colunas)

    @staticmethod
    def _anulavel(tabela: Tabela, colunas: Sequence[str]) -> bool:
        achadas = [tabela.coluna(c) for c in colunas]
        return not achadas or any(c is None or c.anulavel for c in achadas)

    def _que_levam_a_empresa(self) -> frozenset[str]:
        """Ponto fixo: quem tem elo, e quem aponta para quem leva."""
        ligadas = {n for n, elos in self._elos.items() if elos}
        while True:
            novas = {
                n
                for n in self._tabelas.keys() - ligadas
                if any(fk.tabela in ligadas for fk in self._chaves_de(n))
            }
            if not novas:
                return frozenset(ligadas)
            ligadas |= novas

    def _ramos(self, nome: str, passos: int) -> Iterator[Ramo]:
        """Os ramos da tabela; os das mães só enquanto houver linhas que os anteriores deixam."""
        elos = self._elos[nome]
        nulas = _colunas(elos)
        if elos:
            yield Ramo(elos)
        for fk in self._maes(nome) if passos else ():
            if not self._sobram(nome, nulas):
                return
            for mae in self._ramos(fk.tabela, passos - 1):
                yield Ramo(mae.elos, (fk, *mae.passos), (nulas, *mae.nulos))
            nulas += fk.colunas

    def _maes(self, nome: str) -> list[ChaveEstrangeira]:
        """As chaves que levam a uma linha-mãe de que se sabe a empresa."""
        return [fk for fk in self._chaves_de(nome) if fk.tabela in self._ligadas]

    def _sobram(self, nome: str, nulas: tuple[str, ...]) -> bool:
        """Se há linhas da tabela com todas estas colunas nulas. Não se pergunta sem uma mãe a quem
        isso interesse: de uma linha que ninguém resolve, não se chega a empresa nenhuma."""
        if not nulas:
            return True
        if not self._podem_ser_nulas(nome, nulas):
            return False
        if (nome, nulas) not in self._nulos:
            self._nulos[nome, nulas] = self._sondas.ha_linhas(nome, nulas)
        return self._nulos[nome, nulas]

    def _podem_ser_nulas(self, nome: str, colunas: Sequence[str]) -> bool:
        return all(self._anulavel(self._tabelas[nome], (c,)) for c in colunas)

    def _sem_caminho(self, tabela: Tabela) -> DeixadaDeFora:
        """Por que fica de fora, e o que a traria: a linha do cofre.toml quando uma coluna parece o
        dono; a chave estrangeira que falta quando parece a mãe (sem ela, a API não a segue)."""
        motivo = "nenhuma coluna ou chave estrangeira leva a uma empresa"
        dono = next((c for c in tabela.colunas if _parece_dono(c)), None)
        if dono:
            sugestao = f'[tabelas.{_toml(tabela.nome)}]\ndono = "{dono.nome}"'
            return DeixadaDeFora(tabela.nome, motivo, sugestao)
        for coluna in tabela.colunas:
            for outra in tabelas_parecidas(coluna.nome, self._catalogo):
                if outra in self._ligadas and outra != tabela.nome:
                    motivo += (
                        f"\n{coluna.nome} parece apontar para {outra}; para entrar, falta a chave:"
                        f'\n  ALTER TABLE public."{tabela.nome}"'
                        f' ADD FOREIGN KEY ("{coluna.nome}") REFERENCES public."{outra}";'
                    )
                    return DeixadaDeFora(tabela.nome, motivo)
        return DeixadaDeFora(tabela.nome, motivo)


def _colunas(elos: Sequence[Elo]) -> tuple[str, ...]:
    return tuple(e.coluna for e in elos)


def _parece_dono(coluna: Coluna) -> bool:
    return bool(PARECE_DONO.search(coluna.nome)) and coluna.tipo in ("uuid", "text", "")


def _toml(nome: str) -> str:
    return nome if re.fullmatch(r"[A-Za-z0-9_-]+", nome) else f'"{nome}"'
