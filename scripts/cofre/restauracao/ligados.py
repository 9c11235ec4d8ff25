"""O que vem junto com os registros escolhidos: o que no backup estava ligado a eles, e hoje não.

As mães de que precisam e que não existem mais, e as delas; os que dependiam deles e sumiram, e os
que dependiam desses; e os que existem, mas perderam a ligação: destes, só a ligação. Tira-se da
diferença entre a empresa e o backup, relida uma vez por grau de parentesco; a memória só cresce
com o que se puxa.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from cofre.base.apelido import apelido, com_mais
from cofre.base.linha import NULO, Linha, abrir_linha
from cofre.base.modelo import ChaveEstrangeira, Tabela, ordem_de_exibicao
from cofre.base.palavras import registros_de
from cofre.deposito.linhas import ler_linhas
from cofre.plano.alvo import Alvo, Arquivos
from cofre.plano.mesmas import Existentes, casar
from cofre.plano.plano import Plano
from cofre.plano.recorte import ChaveEscrita, Parte, PorChave, Registros, chave_escrita
from cofre.plano.tabela import ALTERAR, REPOR
from cofre.restauracao.parentesco import Parentesco, junto

EXEMPLOS = 3
Ponta = tuple[str, tuple[str, ...]]
"""Uma tabela, e as colunas dela por que outras a apontam."""
Valores = dict[Ponta, set[bytes]]
LACOS = MAE, FILHA, SOLTA = "mae", "filha", "solta"
"""Por que algo vem junto, na ordem em que se diz."""


@dataclass(slots=True)
class Junto:
    """Registros de uma `tabela` que vêm junto: por que (`laco`), quantos, e os apelidos de uns."""

    tabela: str
    laco: str
    quantos: int = 0
    apelidos: list[str] = field(default_factory=list)

    def em_palavras(self, *, de_varios: bool) -> str:
        """«2 vendas sumiram com ele: A-1; A-2»; tem dados da empresa."""
        ele, precisa = ("eles", "precisam") if de_varios else ("ele", "precisa")
        so_um = self.quantos == 1
        quais = registros_de(self.quantos, self.tabela)
        dito = {
            MAE: f"{ele} {precisa} de {quais} que {'sumiu' if so_um else 'sumiram'}",
            FILHA: f"{quais} {'sumiu' if so_um else 'sumiram'} com {ele}",
            SOLTA: f"{quais} {'perdeu' if so_um else 'perderam'} a ligação com {ele}",
        }[self.laco]
        return f"{dito}: {com_mais(self.apelidos, self.quantos)}"


@dataclass(frozen=True, slots=True)
class Ligados:
    """O que vem junto, e o `alvo` com isso."""

    juntos: tuple[Junto, ...]
    alvo: Alvo

    def documento(self) -> list[dict[str, object]]:
        """Para a saída --json: nenhum dado de um registro."""
        return [{"tabela": j.tabela, "laco": j.laco, "registros": j.quantos} for j in self.juntos]


def ligados_a(
    alvo: Alvo, foto: Arquivos, sadias: Collection[str], existentes: Existentes
) -> Ligados:
    """O que vem junto com o que o recorte deste alvo escolhe, das tabelas `sadias` do backup.
    Levanta BackupDanificado ou FalhaDoServidor."""
    nomes = sorted(foto.keys() & alvo.escopo.keys() & set(sadias), key=ordem_de_exibicao)
    with replace(alvo, recorte=None).ate_o_backup(nomes, foto) as plano:
        for nome in nomes:
            casar(plano, alvo.escopo[nome], existentes)
        puxada = _Puxada(alvo, plano)
        puxada.puxar()
        return puxada.ligados()


@dataclass(slots=True)
class _Puxada:
    """As linhas a que já se chegou: as `inteiras`, por tabela, e se o que depende delas também vem
    (o que depende de uma mãe, não); e as `soltas`, com as colunas que se religam."""

    alvo: Alvo
    plano: Plano
    inteiras: dict[str, dict[ChaveEscrita, bool]] = field(default_factory=dict)
    soltas: dict[str, dict[ChaveEscrita, set[str]]] = field(default_factory=dict)
    _juntos: dict[tuple[str, str], Junto] = field(default_factory=dict)
    _precisam: Valores = field(default_factory=dict)
    _apontam: Valores = field(default_factory=dict)
    _parentesco: Parentesco = field(init=False)

    def __post_init__(self) -> None:
        self._parentesco = Parentesco({n: self._com_elos(n) for n in self.plano.contagens})

    def _com_elos(self, nome: str) -> Tabela:
        """A tabela com todas as ligações que se sabem: as que a via vê hoje, as que o backup viu, e
        aquelas por que as linhas são da empresa. A API não mostra todas as chaves estrangeiras."""
        no_escopo, meta = self.alvo.escopo[nome], self.alvo.backup.meta
        salvas = meta.tabelas[nome].estrangeiras if meta and nome in meta.tabelas else ()
        elos = (ramo.passos[0] for ramo in no_escopo.ramos if ramo.passos)
        todas = (*no_escopo.tabela.estrangeiras, *salvas, *elos)
        # A mesma, vista por dois lados, conta uma vez.
        unicas = {(fk.colunas, fk.tabela): fk for fk in reversed(todas)}
        return replace(no_escopo.tabela, estrangeiras=tuple(unicas.values()))

    def puxar(self) -> None:
        """Dos escolhidos até ao último parente."""
        for nome, linha in self._escolhidas():
            self.inteiras.setdefault(nome, {})[self._chave(nome, linha)] = True
            self._seguir(nome, linha, desce=True)
        while self._precisam or self._apontam:
            precisam, apontam = self._precisam, self._apontam
            self._precisam, self._apontam = {}, {}
            for nome in self.plano.contagens:
                self._que_sumiram(nome, precisam, apontam)
                self._que_se_soltaram(nome, apontam)

    def ligados(self) -> Ligados:
        """O que se achou."""
        fatias: dict[str, PorChave] = {}
        for nome in {**self.inteiras, **self.soltas}:
            inteiras = self.inteiras.get(nome, {})
            partes = [Parte(frozenset(inteiras))] if inteiras else []
            por_colunas: dict[tuple[str, ...], set[ChaveEscrita]] = {}
            for chave, colunas in self.soltas.get(nome, {}).items():
                if chave not in inteiras:
                    por_colunas.setdefault(tuple(sorted(colunas)), set()).add(chave)
            partes += [Parte(frozenset(chaves), c) for c, chaves in sorted(por_colunas.items())]
            if partes:
                fatias[nome] = PorChave(tuple(partes))
        tabelas = tuple(sorted(fatias, key=ordem_de_exibicao))
        juntos = sorted(
            self._juntos.values(),
            key=lambda j: (LACOS.index(j.laco), ordem_de_exibicao(j.tabela)),
        )
        return Ligados(
            tuple(juntos), replace(self.alvo, tabelas=tabelas, recorte=Registros(fatias))
        )

    def _escolhidas(self) -> Iterator[tuple[str, Linha]]:
        """As do recorte, como são no backup."""
        for nome, arquivo in self.alvo.arquivos(self.alvo.backup, self.alvo.tabelas).items():
            fatia, chave = self.alvo.fatias[nome], arquivo.tabela.chave
            for grupo in ler_linhas(arquivo.caminho):
                yield from ((nome, x) for x in grupo if fatia.escolhe(None, x, chave))

    def _que_sumiram(self, nome: str, precisam: Valores, apontam: Valores) -> None:
        """As que não existem mais e a que se chega, por serem mãe ou filha de outra."""
        pontas = [p for p in precisam if p[0] == nome]
        fks = self._fks(nome, apontam)
        if not (pontas or fks):
            return
        minhas = self.inteiras.setdefault(nome, {})
        for acao in self.plano.acoes(nome, REPOR):
            linha = acao.alvo or b"{}"
            campos = abrir_linha(linha)
            filha = any(junto(campos, fk.colunas) in apontam[self._ponta(fk)] for fk in fks)
            if not filha and not any(junto(campos, p[1]) in precisam[p] for p in pontas):
                continue
            chave = self._chave(nome, linha)
            if minhas.get(chave) is None:
                self._contar(nome, FILHA if filha else MAE, linha)
            if minhas.get(chave) is None or (filha and not minhas[chave]):
                minhas[chave] = filha
                self._seguir(nome, linha, desce=filha)

    def _que_se_soltaram(self, nome: str, apontam: Valores) -> None:
        """As que existem e tinham a ligação que hoje é nula."""
        fks = self._fks(nome, apontam)
        for acao in self.plano.acoes(nome, ALTERAR) if fks else ():
            tem, queria = abrir_linha(acao.atual or b"{}"), abrir_linha(acao.alvo or b"{}")
            for fk in fks:
                nulas = all(bytes(tem[c]) == NULO for c in fk.colunas if c in tem)
                if not nulas or junto(queria, fk.colunas) not in apontam[self._ponta(fk)]:
                    continue
                chave = self._chave(nome, acao.alvo or b"{}")
                if chave in self.inteiras.get(nome, {}):
                    continue
                if chave not in self.soltas.setdefault(nome, {}):
                    self._contar(nome, SOLTA, acao.alvo or b"{}")
                self.soltas[nome].setdefault(chave, set()).update(fk.colunas)

    def _seguir(self, nome: str, linha: bytes | Linha, *, desce: bool) -> None:
        """Guarda de que mães esta precisa e, se `desce`, por que valores outras a apontam."""
        campos = abrir_linha(linha)
        for fk in self._parentesco.tabelas[nome].estrangeiras:
            if valor := junto(campos, fk.colunas):
                self._precisam.setdefault(self._ponta(fk), set()).add(valor)
        for colunas in self._parentesco.pontas(nome) if desce else ():
            if valor := junto(campos, colunas):
                self._apontam.setdefault((nome, colunas), set()).add(valor)

    def _contar(self, nome: str, laco: str, linha: bytes) -> None:
        achado = self._juntos.setdefault((nome, laco), Junto(nome, laco))
        achado.quantos += 1
        if len(achado.apelidos) < EXEMPLOS:
            achado.apelidos.append(apelido(linha))

    def _fks(self, nome: str, apontam: Mapping[Ponta, set[bytes]]) -> list[ChaveEstrangeira]:
        fks = self._parentesco.tabelas[nome].estrangeiras
        return [fk for fk in fks if self._ponta(fk) in apontam]

    def _ponta(self, fk: ChaveEstrangeira) -> Ponta:
        return fk.tabela, self._parentesco.referencias(fk)

    def _chave(self, nome: str, linha: bytes | Linha) -> ChaveEscrita:
        return chave_escrita(linha, self.alvo.escopo[nome].tabela.chave)
