"""Executa um plano, por qualquer via até o banco: o que fazer, em que ordem, e o que fazer quando o
banco recusa.

Mães antes das filhas ao repor, filhas antes das mães ao remover. Repor é um INSERT simples: nunca
toma a linha de outra empresa. Alterar e remover só mexem na linha que ainda é como a foto a viu. O
que o banco recusa é anotado e não impede o resto; quem chama fotografa de novo e compara.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from cofre.campos import NULO, texto
from cofre.erros import ConsultaDemorada, EscritaRecusada
from cofre.escopo import TabelaNoEscopo
from cofre.escritor import (
    DONO_TROCADO,
    MUDOU,
    Escritor,
    Mudada,
    Mudanca,
    colunas_de_dono,
    com_nulas,
)
from cofre.modelo import ChaveEstrangeira, Tabela
from cofre.ordem import em_lotes, maes_antes, ordenar
from cofre.plano import ALTERAR, REMOVER, REPOR, Acao, Chave, Plano, abrir_linha, mudancas

RECUSAS_POR_TABELA = 20
"""Depois de tantas recusas com o mesmo código, o resto da tabela teria o mesmo fim."""
LINHAS_POR_INSERCAO = 500
BYTES_POR_INSERCAO = 512 * 1024
LIBERACOES_POR_LINHA = 2
"""Quantos valores únicos se tiram de outras linhas para que uma entre."""

UNICO_VIOLADO = "23505"


@dataclass(frozen=True, slots=True)
class Impedimento:
    """Uma ação que o banco recusou."""

    tabela: str
    acao: str
    chave: tuple[str, ...]
    erro: EscritaRecusada


@dataclass(slots=True)
class Executor:
    """Uma passada: executa um plano uma vez. `ao_avancar` recebe (tabela, ação, linhas)."""

    escritor: Escritor
    escopo: Mapping[str, TabelaNoEscopo]
    ao_avancar: Callable[[str, str, int], None]
    impedimentos: list[Impedimento] = field(default_factory=list)
    _liberacoes: Counter[tuple[str, Chave]] = field(default_factory=Counter)

    def executar(self, plano: Plano) -> list[Impedimento]:
        """Repõe, religa, altera e remove. Levanta FalhaDeLeitura se o servidor some."""
        ordem, soltas = ordenar([self.escopo[t].tabela for t in plano.tabelas])
        for nome in ordem:
            self._repor(plano, nome, self._adiadas(nome, soltas))
        for nome in ordem:
            self._religar(plano, nome, self._adiadas(nome, soltas))
        for nome in ordem:
            self._alterar(plano, nome)
        for nome in reversed(ordem):
            self._remover(plano, nome)
        return self.impedimentos

    # -- repor -----------------------------------------------------------------------------

    def _adiadas(self, nome: str, soltas: Mapping[str, Sequence[ChaveEstrangeira]]) -> list[str]:
        """As colunas que fecham um ciclo entre tabelas: nulas ao repor, preenchidas depois."""
        if not self.escopo[nome].tabela.chave:
            return []  # sem chave não haveria como preenchê-las
        tabela = self.escopo[nome].tabela
        todas = [c for fk in soltas.get(nome, ()) if fk.tabela != nome for c in fk.colunas]
        # Uma que não pode ser nula fica: o banco talvez adie a conferência (DEFERRABLE).
        return [c for c in todas if (coluna := tabela.coluna(c)) and coluna.anulavel]

    def _repor(self, plano: Plano, nome: str, anular: Sequence[str]) -> None:
        if not plano.contagens[nome].repor:
            return
        acoes = maes_antes(plano, self.escopo[nome].tabela)
        bytes_do_alvo = (lambda a: len(a.alvo or b""), BYTES_POR_INSERCAO)
        for lote in em_lotes(acoes, LINHAS_POR_INSERCAO, bytes_do_alvo):
            self._inserir(plano, nome, lote, anular)

    def _inserir(
        self, plano: Plano, nome: str, lote: Sequence[Acao], anular: Sequence[str]
    ) -> None:
        if self._desistiu(nome, REPOR):
            return
        alvo = self.escopo[nome]
        tem = abrir_linha(lote[0].alvo or b"{}")
        colunas = [c for c in plano.tabelas[nome].colunas if c in tem]
        linhas = [com_nulas(a.alvo or b"{}", anular) for a in lote]
        try:
            gravadas = self.escritor.inserir(alvo, linhas, colunas)
        except (EscritaRecusada, ConsultaDemorada) as e:
            for parte in _metades(lote, e):
                self._inserir(plano, nome, parte, anular)
            if len(lote) == 1 and isinstance(e, EscritaRecusada):
                if self._liberar(plano, alvo, lote[0].chave, e):
                    self._inserir(plano, nome, lote, anular)
                else:
                    self._anotar(nome, REPOR, lote[0], e)
            return
        self.ao_avancar(nome, REPOR, len(lote))
        trocadas = self._trocadas(alvo, {a.chave: a.alvo or b"{}" for a in lote}, gravadas)
        for linha in trocadas:
            self.escritor.apagar_inserida(alvo, linha)
        if trocadas:
            self._anotar_gatilho(alvo, REPOR, lote[0])

    def _religar(self, plano: Plano, nome: str, colunas: Sequence[str]) -> None:
        """As colunas que foram nulas na reposição."""

        def pedidos() -> Iterator[Mudanca]:
            for acao in plano.acoes(nome, REPOR):
                linha = abrir_linha(acao.alvo or b"{}")
                valores = {c: linha[c] for c in colunas if c in linha and bytes(linha[c]) != NULO}
                if valores:
                    yield Mudanca(acao, valores)

        if colunas and plano.contagens[nome].repor:
            self._mudar(plano, nome, pedidos())

    # -- alterar ---------------------------------------------------------------------------

    def _alterar(self, plano: Plano, nome: str) -> None:
        def pedidos() -> Iterator[Mudanca]:
            for acao in plano.acoes(nome, ALTERAR):
                if self._desistiu(nome, ALTERAR):
                    return
                yield Mudanca(acao, mudancas(acao, plano.tabelas[nome]))

        if plano.contagens[nome].alterar:
            self._mudar(plano, nome, pedidos())

    def _mudar(self, plano: Plano, nome: str, pedidos: Iterator[Mudanca]) -> None:
        """Em paralelo, um gatilho que soma as filhas na mãe pode somar sem ver a do lado: só se as
        mães também são do plano, e a próxima foto as confere."""
        alvo = self.escopo[nome]
        conferidas = all(fk.tabela in plano.tabelas for fk in alvo.tabela.estrangeiras)
        for feita in self.escritor.mudar(alvo, pedidos, em_paralelo=conferidas):
            self._ao_mudar(plano, alvo, feita)

    def _ao_mudar(self, plano: Plano, alvo: TabelaNoEscopo, feita: Mudada) -> None:
        nome, acao, recusa = alvo.tabela.nome, feita.mudanca.acao, feita.recusa
        if recusa is not None:
            if self._liberar(plano, alvo, acao.chave, recusa):
                pedido = iter([feita.mudanca])
                for de_novo in self.escritor.mudar(alvo, pedido, em_paralelo=False):
                    self._ao_mudar(plano, alvo, de_novo)
            else:
                self._anotar(nome, ALTERAR, acao, recusa)
            return
        self.ao_avancar(nome, ALTERAR, 1)
        if feita.gravadas is not None and not feita.gravadas and acao.atual is not None:
            self._anotar_mudou(nome, ALTERAR, acao)
        if self._trocadas(alvo, {acao.chave: acao.alvo or b"{}"}, feita.gravadas or ()):
            self._anotar_gatilho(alvo, ALTERAR, acao)

    # -- remover ---------------------------------------------------------------------------

    def _remover(self, plano: Plano, nome: str) -> None:
        tabela = self.escopo[nome].tabela
        for lote in self.escritor.lotes_a_apagar(tabela, plano.acoes(nome, REMOVER)):
            self._apagar(tabela, lote)

    def _apagar(self, tabela: Tabela, lote: Sequence[Acao]) -> None:
        if self._desistiu(tabela.nome, REMOVER):
            return
        try:
            ficaram = self.escritor.apagar(tabela, lote)
        except (EscritaRecusada, ConsultaDemorada) as e:
            for parte in _metades(lote, e):
                self._apagar(tabela, parte)
            if len(lote) == 1 and isinstance(e, EscritaRecusada):
                self._anotar(tabela.nome, REMOVER, lote[0], e)
            return
        self.ao_avancar(tabela.nome, REMOVER, len(lote))
        for acao in ficaram:
            self._anotar_mudou(tabela.nome, REMOVER, acao)

    # -- gatilhos que trocam o dono ----------------------------------------------------------

    def _trocadas(
        self, alvo: TabelaNoEscopo, mandadas: Mapping[Chave, bytes], gravadas: Sequence[bytes]
    ) -> list[bytes]:
        """As linhas que ficaram no banco com outro dono que o mandado: um gatilho o troca."""
        trocadas = []
        donos = colunas_de_dono(alvo)
        for gravada in gravadas:
            ficou = abrir_linha(gravada)
            mandada = mandadas.get(tuple(bytes(ficou[c]) for c in alvo.tabela.chave))
            quis = abrir_linha(mandada) if mandada is not None else ficou
            # Um dono nulo que o banco preenche fica na empresa: a próxima passada o devolve.
            if any(bytes(quis.get(c, ficou[c])) not in (NULO, bytes(ficou[c])) for c in donos):
                trocadas.append(gravada)
        return trocadas

    # -- valores únicos tomados ------------------------------------------------------------

    def _liberar(
        self, plano: Plano, alvo: TabelaNoEscopo, chave: Chave, recusa: EscritaRecusada
    ) -> bool:
        """Tira o valor único, para a linha desta `chave`, de uma linha DESTA empresa que o plano
        vai mudar ou remover. Diz se vale tentar de novo."""
        quem = (alvo.tabela.nome, chave)
        achado = coluna_e_valor(recusa.detalhes, alvo.tabela)
        repetiu = self._liberacoes[quem] >= LIBERACOES_POR_LINHA
        if recusa.codigo_sql != UNICO_VIOLADO or achado is None or repetiu:
            return False
        self._liberacoes[quem] += 1
        coluna, valor = achado
        acao = _quem_tem(plano, alvo.tabela.nome, chave, coluna, valor)
        if acao is None:
            return False
        provisorio = msgspec.Raw(msgspec.json.encode(_provisorio(alvo.tabela, coluna)))
        pedido = iter([Mudanca(acao, {coluna: provisorio})])
        return all(f.recusa is None for f in self.escritor.mudar(alvo, pedido, em_paralelo=False))

    # -- o que não deu certo -----------------------------------------------------------------

    def _desistiu(self, tabela: str, acao: str) -> bool:
        codigos = [i.erro.codigo_sql for i in self.impedimentos if i.tabela == tabela]
        if DONO_TROCADO in codigos:
            return acao != REMOVER
        return any(codigos.count(c) >= RECUSAS_POR_TABELA for c in set(codigos) - {MUDOU})

    def _anotar_gatilho(self, alvo: TabelaNoEscopo, tipo: str, acao: Acao) -> None:
        """Uma só vez basta para desistir da tabela: cada nova escrita soltaria mais uma linha."""
        nome, donos = alvo.tabela.nome, ", ".join(colunas_de_dono(alvo))
        mensagem = f"um gatilho de {nome} troca {donos} a cada escrita"
        self._anotar(nome, tipo, acao, EscritaRecusada(DONO_TROCADO, mensagem, ""))

    def _anotar_mudou(self, tabela: str, tipo: str, acao: Acao) -> None:
        mensagem = f"um registro de {tabela} mudou enquanto se restaurava"
        self._anotar(tabela, tipo, acao, EscritaRecusada(MUDOU, mensagem, ""))

    def _anotar(self, tabela: str, tipo: str, acao: Acao, erro: EscritaRecusada) -> None:
        chave = tuple(texto(v) or "" for v in acao.chave)
        self.impedimentos.append(Impedimento(tabela, tipo, chave, erro))


def coluna_e_valor(detalhes: str, tabela: Tabela) -> tuple[str, str] | None:
    """«Key (numero_os)=(12) already exists.» → (numero_os, 12); de uma chave composta ou de uma
    expressão, a última coluna da tabela que aparece e o último valor."""
    casa = re.match(r"Key \((.*)\)=\((.*)\) already exists", detalhes, re.DOTALL)
    if not casa:
        return None
    nomes = [c.nome for c in tabela.colunas if re.search(rf"\b{re.escape(c.nome)}\b", casa[1])]
    nomes = [n for n in nomes if n not in tabela.chave and n != "user_id"]
    return (nomes[-1], casa[2].rpartition(", ")[2]) if nomes else None


def _quem_tem(plano: Plano, tabela: str, chave: Chave, coluna: str, valor: str) -> Acao | None:
    """A primeira linha que o plano altera ou remove, fora a desta chave, com o valor na coluna."""
    for tipo in (ALTERAR, REMOVER):
        for acao in plano.acoes(tabela, tipo):
            atual = abrir_linha(acao.atual or b"{}")
            tem = texto(bytes(atual[coluna])) if coluna in atual else None
            if acao.chave != chave and tem is not None and tem.casefold() == valor.casefold():
                return acao
    return None


def _provisorio(tabela: Tabela, coluna: str) -> str | int | None:
    achada = tabela.coluna(coluna)
    if achada is None or achada.anulavel:
        return None
    if achada.tipo in ("integer", "bigint", "smallint", "numeric"):
        return -(uuid.uuid4().int % 30_000) - 1
    return f"cofre-{uuid.uuid4()}"


def _metades(
    lote: Sequence[Acao], erro: EscritaRecusada | ConsultaDemorada
) -> tuple[Sequence[Acao], ...]:
    """As duas metades de um lote recusado; nenhuma se é uma linha só. Uma linha sozinha que passa
    do tempo não tem remédio: o erro é levantado."""
    if len(lote) > 1:
        meio = len(lote) // 2
        return lote[:meio], lote[meio:]
    if isinstance(erro, ConsultaDemorada):
        raise erro
    return ()
