"""O que se fez na empresa, no destino, depois da última cópia que a trouxe: três lados de cada
registro, como está hoje, como se levou da última vez e como se leva agora.

Só é trabalho de lá o que hoje difere dos dois, coluna a coluna. O que o próprio destino pôs ao
receber a cópia (um gatilho, uma data) também não é de ninguém: está na foto com que essa clonagem
acabou, que então fica guardada.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from cofre.base.apelido import apelido
from cofre.base.erros import BackupDanificado
from cofre.base.linha import NULO, Linha, abrir_linha
from cofre.base.textos import CAMPO
from cofre.deposito.backup import Backup, completo
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import Diario
from cofre.foto.arquivos import FotoMontada
from cofre.plano.alvo import VOLTAR, Alvo
from cofre.plano.diferencas import Diferencas, marca_de
from cofre.plano.herdadas import NENHUMA
from cofre.plano.lados import Par
from cofre.plano.plano import Plano
from cofre.plano.tabela import Acao, TabelaDoPlano, mudancas
from cofre.restauracao.trabalho import Trabalho

EXEMPLOS = 3
CRIADO, ALTERADO, APAGADO = "criado", "alterado", "apagado"


@dataclass(frozen=True, slots=True)
class Trazida:
    """A última vez que se trouxe uma tabela: a `copia` (None: já não está, e não se sabe o que
    dela é trabalho), a foto de como ficou, se o banco lhe pôs outra coisa, e se recusou linhas, que
    então não faltam por alguém as ter apagado."""

    copia: Backup | None
    ficou: Backup | None = None
    recusou: bool = False


def ultimas(clonagens: Iterable[tuple[Diario, Backup]], deposito: Deposito) -> dict[str, Trazida]:
    """Por tabela, a última destas clonagens (o diário e a cópia de cada uma) que a trouxe."""
    de_cada = {t: (d, copia) for d, copia in clonagens for t in d.dados.get("tabelas", ())}
    ficou = {
        d.caminho: _como_ficou(d, deposito)
        for d, _ in de_cada.values()
        if _desfecho(d).get("reescritas")
    }
    return {
        tabela: Trazida(
            copia if copia.meta else None, ficou.get(d.caminho), tabela in _que_recusaram(d)
        )
        for tabela, (d, copia) in de_cada.items()
    }


def _desfecho(diario: Diario) -> dict[str, Any]:
    dito = diario.dados.get("desfecho")
    return dito if isinstance(dito, dict) else {}


def _que_recusaram(diario: Diario) -> set[str]:
    """As tabelas de que o banco recusou alguma linha."""
    return {str(r.get("tabela")) for r in _desfecho(diario).get("recusas", ())}


def _como_ficou(diario: Diario, deposito: Deposito) -> Backup | None:
    """A última foto que essa clonagem tirou: acabou com algo por igualar, e por isso a guardou."""
    desde = diario.comecada_em.replace(microsecond=0)
    ate = diario.comecada_em + timedelta(seconds=float(_desfecho(diario).get("segundos", 0)))
    for backup in deposito.do_mais_novo(diario.caminho.parent):
        if backup.quando < desde:
            break
        if backup.meta and backup.meta.tipo == "durante_restauracao" and backup.quando <= ate:
            return backup
    return None


def feito_la(
    alvo: Alvo, foto: FotoMontada, plano: Plano, trazidas: Mapping[str, Trazida]
) -> tuple[Trabalho, ...]:
    """O que este plano, de uma foto de agora até o alvo, desfaz; por tabela, na ordem do plano.
    Levanta FaltaChave."""
    if alvo.modo != VOLTAR:
        return ()  # só repõe o que falta: nada do que há se altera nem sai
    achados = []
    for nome, contagem in plano.contagens.items():
        if contagem.diferencas:
            da_tabela = _DaTabela(alvo, foto, plano.tabelas[nome], trazidas.get(nome))
            achados.append(da_tabela.trabalho(plano))
    return tuple(t for t in achados if t.registros)


@dataclass(slots=True)
class _DaTabela:
    """Uma tabela do plano, diante da última vez que se trouxe (None: nunca)."""

    alvo: Alvo
    foto: FotoMontada
    tabela: TabelaDoPlano
    trazida: Trazida | None
    _desde: Diferencas | None = None
    _ficou: Diferencas | None = None
    _recusou: bool = False
    _sem_par: set[str] = field(default_factory=set)
    _vistas: Counter[bytes] = field(default_factory=Counter)

    def trabalho(self, plano: Plano) -> Trabalho:
        nome, contadas, exemplos = self.tabela.nome, Counter[str](), list[str]()
        trazida = self.trazida or Trazida(None)
        self._recusou = trazida.recusou
        if trazida.copia is not None:
            self._desde = self._ate(trazida.copia)
            self._sem_par = self._so_na_nova(trazida.copia)
        if trazida.ficou is not None:
            self._ficou = self._ate(trazida.ficou)
        for par in plano.pares(nome):
            if feito := self._feito(par):
                contadas[feito] += 1
                if len(exemplos) < EXEMPLOS:
                    exemplos.append(apelido(bytes(par[1] or par[2] or b"{}")))
        return Trabalho(
            nome, contadas[CRIADO], contadas[ALTERADO], contadas[APAGADO], tuple(exemplos)
        )

    def _ate(self, backup: Backup) -> Diferencas | None:
        """As linhas que hoje não são as deste backup; None se ele não tem a tabela, ou não a dá."""
        nome, lido = self.tabela.nome, completo(backup)
        if lido.meta is None or nome not in lido.meta.tabelas:
            return None
        dele = replace(self.alvo, backup=lido, herdadas=NENHUMA, recorte=None)
        diferencas = Diferencas()
        with contextlib.suppress(BackupDanificado):
            with dele.ate_o_backup([nome], self.foto.arquivos) as ate:
                diferencas.guardar(nome, self.tabela.chave, ate.pares(nome))
            return diferencas
        return None

    def _so_na_nova(self, copia: Backup) -> set[str]:
        """As colunas que a última cópia não tinha: o que nelas há, é de lá."""
        nova, lida = self.alvo.backup.meta, completo(copia).meta
        nome = self.tabela.nome
        if nova is None or lida is None or nome not in lida.tabelas:
            return set()
        return nova.tabelas[nome].tipos.keys() - lida.tabelas[nome].tipos.keys()

    def _feito(self, par: Par) -> str:
        """O que lá se fez deste registro; vazio se nada."""
        _, hoje, levada = par
        if self._desde is None:  # não se sabe como se levou
            return CRIADO if hoje is not None else ""
        copia = self._em(self._desde, par)
        ficou = copia if self._ficou is None else self._em(self._ficou, par)
        if hoje is None:
            havia = copia is not None and ficou is not None and not self._recusou
            return APAGADO if havia and self._ainda(self._desde, par) else ""
        mexidas = self._diferem(hoje, copia) & self._diferem(hoje, ficou)
        mexidas = (mexidas | self._novas(hoje)) & self._diferem(hoje, levada)
        if not (mexidas and self._ainda(self._desde, par)):
            return ""
        return CRIADO if copia is None and ficou is None else ALTERADO

    def _em(self, diferencas: Diferencas, par: Par) -> Linha | None:
        """O registro como está nesse lado: o que não difere é como hoje."""
        achada = diferencas.achar(self._marcas(par))
        return par[1] if achada is None else achada.para

    def _marcas(self, par: Par) -> set[bytes]:
        linhas = (linha for linha in par[1:] if linha is not None)
        return {marca_de(self.tabela.nome, linha, self.tabela.chave) for linha in linhas}

    def _ainda(self, desde: Diferencas, par: Par) -> bool:
        """De linhas iguais, sem chave: se ainda não se contaram todas as que há a mais, ou a menos,
        do que na cópia."""
        if self.tabela.chave:
            return True
        marcas = self._marcas(par)
        achada = desde.achar(marcas)
        self._vistas.update(marcas)
        return achada is not None and all(self._vistas[m] <= abs(achada.quantas) for m in marcas)

    def _diferem(self, hoje: Linha, outra: Linha | None) -> set[str]:
        """As colunas em que a de hoje difere da outra; se não há outra, todas."""
        if outra is None:
            return {*self.tabela.colunas}
        if outra is hoje:
            return set()
        return mudancas(Acao((), bytes(hoje), bytes(outra)), self.tabela).keys() - {CAMPO}

    def _novas(self, hoje: Linha) -> set[str]:
        """As colunas em que hoje há algo, e que a última cópia não tinha."""
        tem = abrir_linha(hoje) if self._sem_par else {}
        return {c for c in self._sem_par if c in tem and bytes(tem[c]) != NULO}
