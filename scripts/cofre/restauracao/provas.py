"""As provas: o que o banco recusaria do que se vai escrever, perguntado a ele antes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from cofre.base.erros import EscritaRecusada
from cofre.base.linha import NULO, abrir_linha, texto
from cofre.base.palavras import plural
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.impedimentos import RECUSAS_POR_TABELA
from cofre.plano.lotes import Ritmo, em_lotes, metades
from cofre.plano.plano import Plano
from cofre.plano.recusas import SEM_MAE, causa
from cofre.plano.tabela import ALTERAR, REPOR, Acao
from cofre.plano.unicos import SOBREPOSTO, TOMADOS, quem_tem, tomado
from cofre.restauracao.risco import Risco, explicar
from cofre.via.contrato import Prova, Via

CHAVES_POR_VEZ = 500
EXEMPLOS = 5
DO_VALOR = frozenset({"23502", "23503", *TOMADOS, "23514", "22P02"})
"""Recusas que não dependem de como a linha chega ao banco."""


Achados = dict[str, Risco]
"""Os riscos de uma tabela, por causa."""


@dataclass(frozen=True, slots=True)
class Provas:
    """As provas das linhas de um plano, tabela a tabela, na ordem dele."""

    via: Via
    plano: Plano
    escopo: Mapping[str, TabelaNoEscopo]
    escolhidas: Sequence[str]
    voltam: frozenset[str] = frozenset()
    """Os logins que se criam antes das linhas: o que os cita deixa de ser recusado."""
    nao_voltam: frozenset[str] = frozenset()
    """Os que faltam, e continuarão a faltar."""
    _orfas: dict[str, set[Chave]] = field(default_factory=dict)
    """As linhas a repor que já existem, sem mãe: só depois que ela voltar se veem."""
    _a_repor: dict[str, set[Chave]] = field(default_factory=dict)
    _tomadas: set[str] = field(default_factory=set)
    """As tabelas em que alguma chave a repor hoje é de outra empresa."""

    def chave_gravavel(self, nome: str) -> bool:
        """Se a via pode escrever a chave da tabela."""
        tabela = self.escopo[nome].tabela
        return set(tabela.chave) <= set(self.via.colunas_gravaveis(tabela))

    def repondo(self, nome: str) -> Iterator[Risco]:
        """O que o banco recusaria do que se repõe, ou só as chaves que já existem, se são de outra
        empresa. Um lote que ele aceita não tem chave que exista: só dos recusados se pergunta."""
        if not self._provavel(nome):
            return
        achados = Achados()
        procuradas = False
        for prova in self._provar(nome, self.plano.acoes(nome, REPOR), alterando=False):
            recusa, lote = prova.erro, prova.lote
            if not isinstance(recusa, EscritaRecusada):
                continue
            if not procuradas and _esconde_chaves(nome, recusa) and self._existem(nome, lote):
                procuradas = True
                if alheias := list(self._chaves_alheias(nome)):
                    self._tomadas.add(nome)
                    yield from alheias
                    return
            sem_orfas = [a for a in lote if a.chave not in self._orfas.get(nome, ())]
            for de_novo in self._de_novo(nome, prova, sem_orfas):
                self._achar(nome, de_novo, achados, alterando=False)
        yield from achados.values()

    def alterando(self, nome: str) -> Iterator[Risco]:
        """O que o banco recusaria do que se altera. Uma recusa de um gatilho de inserção não conta:
        ao alterar ele não roda."""
        if nome in self._tomadas or not self._provavel(nome):
            return
        achados = Achados()
        self._alterando(nome, self.plano.acoes(nome, ALTERAR), achados)
        yield from achados.values()

    def _alterando(self, nome: str, acoes: Iterable[Acao], achados: Achados) -> None:
        for prova in self._provar(nome, acoes, alterando=True):
            recusa = prova.erro
            if not isinstance(recusa, EscritaRecusada) or recusa.codigo_sql not in DO_VALOR:
                continue
            if recusa.codigo_sql == SOBREPOSTO and self._pode_largar(nome, recusa):
                # Atrás de uma faixa que se tira do caminho pode haver uma que não.
                for parte in metades(prova.lote):
                    self._alterando(nome, parte, achados)
            elif recusa.codigo_sql == SOBREPOSTO:
                achados.setdefault(causa(recusa), explicar(nome, recusa))
            else:
                self._achar(nome, prova, achados, alterando=True)

    def _provavel(self, nome: str) -> bool:
        return bool(self.escopo[nome].tabela.chave) and self.chave_gravavel(nome)

    def _provar(self, nome: str, acoes: Iterable[Acao], *, alterando: bool) -> Iterator[Prova]:
        colunas = self.plano.tabelas[nome].colunas
        return provar_todas(self.via, self.escopo[nome], acoes, colunas, alterando=alterando)

    def _de_novo(self, nome: str, prova: Prova, sem_orfas: Sequence[Acao]) -> Iterator[Prova]:
        """As recusas de um lote, agora sem as linhas órfãs que voltam com a mãe."""
        provas = [prova]
        if len(sem_orfas) < len(prova.lote):
            provas = list(self._provar(nome, sem_orfas, alterando=False))
        return (p for p in provas if isinstance(p.erro, EscritaRecusada))

    # -- chaves que já existem ---------------------------------------------------------------

    def _existem(self, nome: str, lote: Sequence[Acao]) -> bool:
        return bool(self.via.existentes(self.escopo[nome], [a.chave for a in lote]))

    def _chaves_alheias(self, nome: str) -> Iterator[Risco]:
        """Chaves a repor que já existem no banco: se não estão na foto, são de outra empresa. Ou de
        nenhuma, se a linha-mãe sumiu por baixo delas: com a mãe de volta, voltam a ser desta."""
        no_escopo = self.escopo[nome]
        achadas: list[str] = []
        for lote in em_lotes((a.chave for a in self.plano.acoes(nome, REPOR)), CHAVES_POR_VEZ):
            for linha in self.via.existentes(no_escopo, lote):
                campos = abrir_linha(linha)
                chave = tuple(bytes(campos[c]) for c in no_escopo.tabela.chave)
                if self._perdeu_a_mae(no_escopo, campos):
                    self._orfas.setdefault(nome, set()).add(chave)
                else:
                    achadas.append(", ".join(texto(v) or "" for v in chave))
        if achadas:
            exemplos = "; ".join(achadas[:EXEMPLOS])
            yield Risco(
                nome,
                f"{plural(len(achadas), 'chave', 'chaves')} de {nome} hoje são de outra empresa,"
                f" ou de nenhuma ({exemplos})",
                "Nada é tomado de outra empresa. Veja de quem são essas linhas no painel.",
            )

    def _perdeu_a_mae(self, no_escopo: TabelaNoEscopo, linha: Mapping[str, msgspec.Raw]) -> bool:
        """Se a linha não diz a empresa, e a mãe para a qual aponta é uma que o plano repõe."""
        for ramo in no_escopo.ramos:
            colunas = ramo.passos[0].colunas if ramo.passos else [e.coluna for e in ramo.elos]
            valores = {c: bytes(linha[c]) for c in colunas}
            if all(v == NULO for v in valores.values()):
                continue
            if not ramo.passos or ramo.passos[0].tabela not in self.plano.tabelas:
                return False
            fk = ramo.passos[0]
            mae = self.escopo[fk.tabela].tabela
            if set(fk.referencias) != set(mae.chave):
                return False
            de = dict(zip(fk.referencias, fk.colunas, strict=True))
            return tuple(valores[de[c]] for c in mae.chave) in self._repostas(fk.tabela)
        return False

    def _repostas(self, nome: str) -> set[Chave]:
        if nome not in self._a_repor:
            self._a_repor[nome] = {a.chave for a in self.plano.acoes(nome, REPOR)}
        return self._a_repor[nome]

    # -- das recusas aos riscos --------------------------------------------------------------

    def _achar(self, nome: str, prova: Prova, achados: Achados, *, alterando: bool) -> None:
        """Os riscos de um lote recusado, cada causa uma vez, com os registros que são: procuram-se
        um a um, até serem tantos que o resto da tabela teria o mesmo fim."""
        recusa = prova.erro
        if not isinstance(recusa, EscritaRecusada):
            return
        if self._o_plano_resolve(nome, recusa):
            self._atras_de_um_login(nome, prova, recusa, achados, alterando=alterando)
            return
        risco = achados.setdefault(causa(recusa), self._risco(nome, recusa))
        quantos = RECUSAS_POR_TABELA if risco.so_linhas else 1
        if sum(r.quantos for r in achados.values()) >= quantos:
            return
        for acao, dela in self._uma_a_uma(nome, prova, alterando=alterando):
            if self._o_plano_resolve(nome, dela):
                continue
            achados[causa(dela)] = achados.get(causa(dela), self._risco(nome, dela)).com(acao)
            if sum(r.quantos for r in achados.values()) >= quantos:
                return

    def _atras_de_um_login(
        self, nome: str, prova: Prova, recusa: EscritaRecusada, achados: Achados, *, alterando: bool
    ) -> None:
        """O banco diz uma recusa só de um lote: atrás da de um login que volta pode haver a de um
        que não volta. Procuram-se as linhas que o citam."""
        if not self._e_de_um_login(recusa) or len(prova.lote) == 1:
            return
        ausentes = [qual.encode() for qual in self.nao_voltam]
        citam = [a for a in prova.lote if any(q in (a.alvo or b"") for q in ausentes)]
        for menor in self._provar(nome, citam, alterando=alterando) if citam else ():
            if len(menor.lote) < len(prova.lote):
                self._achar(nome, menor, achados, alterando=alterando)

    def _e_de_um_login(self, recusa: EscritaRecusada) -> bool:
        """Se o que falta é um dos logins que voltam."""
        return _login_que_falta(recusa) in self.voltam

    def _uma_a_uma(
        self, nome: str, prova: Prova, *, alterando: bool
    ) -> Iterator[tuple[Acao, EscritaRecusada]]:
        """As linhas de um lote que o banco recusa também sozinhas."""
        assert isinstance(prova.erro, EscritaRecusada)
        partes = metades(prova.lote)
        if not partes:
            yield prova.lote[0], prova.erro
        for parte in partes:
            for menor in self._provar(nome, parte, alterando=alterando):
                if isinstance(menor.erro, EscritaRecusada):
                    yield from self._uma_a_uma(nome, menor, alterando=alterando)

    def _risco(self, nome: str, recusa: EscritaRecusada) -> Risco:
        if (login := _login_que_falta(recusa)) in self.nao_voltam:
            return Risco(
                nome,
                f"{nome} precisa do login {login}, que não existe mais em auth.users (23503)",
                f"O backup tem-no: leve-o junto, com --logins {login}.",
            )
        risco = explicar(nome, recusa)
        mae = re.search(r'is not present in table "(.+)"', recusa.detalhes)
        if mae and mae[1] in self.escopo and mae[1] not in self.escolhidas:
            return replace(risco, cura=f"Escolha também {mae[1]}.", somar=mae[1])
        return risco

    def _o_plano_resolve(self, nome: str, recusa: EscritaRecusada) -> bool:
        """Se a recusa é por algo que o próprio plano muda antes: a linha-mãe que ele repõe, ou um
        valor único numa linha desta empresa que ele altera ou remove."""
        if self._e_de_um_login(recusa):
            return True
        if recusa.codigo_sql == "23503":
            return any(
                c.repor and f'table "{mae}"' in recusa.detalhes
                for mae, c in self.plano.contagens.items()
            )
        achado = tomado(recusa, self.escopo[nome].tabela)
        quem = quem_tem(self.plano, nome, None, achado) if achado else None
        if achado is None or quem is None:
            return False
        # Numa transação, o que sai ou muda dá lugar antes de tudo.
        so_pela_direta = achado.largar(abrir_linha(quem.atual or b"{}")) is None
        return recusa.codigo_sql != SOBREPOSTO or self.via.atomica or not so_pela_direta

    def _pode_largar(self, nome: str, recusa: EscritaRecusada) -> bool:
        """Se a linha desta empresa que está no caminho pode sair dele por um momento, e o banco a
        aceita assim."""
        achado = tomado(recusa, self.escopo[nome].tabela)
        quem = quem_tem(self.plano, nome, None, achado) if achado else None
        if achado is None or quem is None or self.via.atomica:
            return quem is not None
        linha = abrir_linha(quem.atual or b"{}")
        valores = achado.largar(linha)
        if not valores:
            return False
        provisoria = Acao(quem.chave, quem.atual, msgspec.json.encode({**linha, **valores}))
        return all(p.erro is None for p in self._provar(nome, [provisoria], alterando=True))


def _login_que_falta(recusa: EscritaRecusada) -> str:
    """O id do login sem o qual o banco recusa; vazio, se a recusa é outra."""
    achado = re.search(r'=\((.+)\) is not present in table "users"', recusa.detalhes)
    return achado[1] if achado and recusa.codigo_sql == SEM_MAE else ""


def _esconde_chaves(nome: str, recusa: EscritaRecusada) -> bool:
    """Se alguma chave do lote recusado pode já existir. Uma chave estrangeira da própria tabela só
    se confere depois que todas as linhas entraram."""
    return recusa.codigo_sql != "23503" or f'on table "{nome}"' not in str(recusa)


def provar_todas(
    via: Via,
    no_escopo: TabelaNoEscopo,
    acoes: Iterable[Acao],
    colunas: Sequence[str],
    *,
    alterando: bool,
) -> Iterator[Prova]:
    """As provas destas ações, em lotes que o servidor aguente: o erro de cada uma é uma recusa, ou
    nenhum. Levanta ConsultaDemorada ou PedidoGrande se uma linha sozinha não cabe."""
    ritmo = Ritmo()
    lotes: Iterator[Sequence[Acao]] = ritmo.lotes(acoes)
    for prova in via.provar(no_escopo, lotes, colunas, alterando=alterando):
        partes = metades(prova.lote)
        recusa = prova.erro if isinstance(prova.erro, EscritaRecusada) else None
        if prova.erro is None or (recusa and not (partes and recusa.de_limite)):
            ritmo.crescer()
            yield prova
            continue
        if not partes:
            raise prova.erro
        ritmo.encolher(prova.lote)
        for parte in partes:
            yield from provar_todas(via, no_escopo, parte, colunas, alterando=alterando)
