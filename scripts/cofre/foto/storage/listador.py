"""As listas do Storage de uma execução: cada uma serve a todas as empresas lidas à volta dela.

Quem fotografa pede a de antes das linhas, e depois uma que tenha começado já com elas lidas.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from cofre.base.config.valores import Regras
from cofre.base.erros import FalhaDoServidor
from cofre.base.linha import abrir_linha, texto
from cofre.base.modelo import Empresa
from cofre.base.relato import Relato
from cofre.escopo.arquivos import DonosDeArquivos, Identidades
from cofre.foto.foto import Contexto
from cofre.foto.storage.citacoes import Citacoes, Procura
from cofre.foto.storage.relacao import Relacao
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.erros import Mudou, SemArmazem
from cofre.via.contrato import Inspecao, ViaDeLeitura

DESCANSO = 300.0
"""Segundos em que uma lista que falhou não se tenta de novo: são muitas empresas, e cada uma
esperaria por todas as tentativas."""
VEZES = 3
"""Quantas vezes listar, se um balde some a meio."""
FUNCIONARIOS, LOGIN = "funcionarios", "user_id"


@dataclass(slots=True)
class Lote:
    """As empresas cujas linhas se leem juntas: a lista de antes delas, e a de depois."""

    antes: Relacao
    procura: Procura | None
    """O que se procura nas linhas; None se não há o que procurar."""
    depois: Relacao | None = None


@dataclass(slots=True)
class Listador:
    """Um por execução, que vários fios usam. `pasta`: a dos arquivos de trabalho."""

    armazem: Armazem
    via: ViaDeLeitura
    regras: Regras
    pasta: Path
    relato: Relato
    _trinco: threading.RLock = field(default_factory=threading.RLock)
    _do_fio: threading.local = field(default_factory=threading.local)
    _inspecao: Inspecao | None = None
    _empresas: dict[str, Empresa] = field(default_factory=dict)
    _ultima: Relacao | None = None
    _citacoes: Citacoes | None = None
    _conferidos: bool = False
    _falha: FalhaDoServidor | None = None
    _falhou_em: float = 0.0

    def comecar(self, empresa: Empresa, contexto: Contexto) -> Lote:
        """O lote das próximas linhas que este fio vai ler. Levanta FalhaDoServidor; OSError
        passa."""
        with self._trinco:
            self._conhecer(empresa, contexto.inspecao)
            lote: Lote | None = getattr(self._do_fio, "lote", None)
            if lote is None or self._ultima is None:
                antes = self._ultima or self._listar()
                procura = Procura.de(antes) if antes.ha_soltos else None
                lote = self._do_fio.lote = Lote(antes, procura)
            return lote

    def acabar(self, lote: Lote) -> Relacao:
        """A lista de depois das linhas do lote, que já se leram. Levanta FalhaDoServidor; OSError
        passa."""
        if getattr(self._do_fio, "lote", None) is lote:
            self._do_fio.lote = None
        if lote.depois is None:
            agora = time.monotonic()
            with self._trinco:
                if self._ultima is None or self._ultima.comecou < agora:
                    self._listar()
                lote.depois = self._ultima
        assert lote.depois is not None
        return lote.depois

    def de_todas(self, contexto: Contexto) -> Relacao:
        """Uma lista de agora, sem linhas à volta. Levanta FalhaDoServidor; OSError passa."""
        with self._trinco:
            for empresa in contexto.inspecao.empresas[:1]:
                self._conhecer(empresa, contexto.inspecao)
            return self._listar()

    def citacoes(self, procura: Procura, *, de_novo: bool) -> Citacoes:
        """Quem nomeia o que se procura; uma vez por execução, ou `de_novo`. Levanta
        FalhaDoServidor."""
        with self._trinco:
            if self._citacoes is None or de_novo:
                assert self._inspecao is not None
                tabelas = self._inspecao.escopo.tabelas
                self._citacoes = Citacoes.procurar(self.via, tabelas, procura)
            return self._citacoes

    @property
    def ultima(self) -> Relacao | None:
        """A lista mais nova, se alguma."""
        return self._ultima

    def _listar(self) -> Relacao:
        """Uma lista nova. Levanta FalhaDoServidor; OSError passa."""
        if self._falha is not None and time.monotonic() - self._falhou_em < DESCANSO:
            raise self._falha
        try:
            return self._tentar()
        except FalhaDoServidor as e:
            self._falha, self._falhou_em = e, time.monotonic()
            raise

    def _tentar(self) -> Relacao:
        for _ in range(VEZES):
            try:
                if not self._conferidos:
                    self.armazem.conferir_numeros()
                    self._conferidos = True
                self._ultima = Relacao.fazer(self.armazem, self._donos(), self.pasta)
            except SemArmazem as e:
                if self._ultima is None:
                    self.relato.detalhe(f"ℹ️ {e}")
                self._ultima = Relacao(self._donos(), (), self.pasta, sem_armazem=True)
            except Mudou:
                continue
            return self._ultima
        raise FalhaDoServidor("Os baldes do Storage não param de mudar enquanto se listam.")

    def _conhecer(self, empresa: Empresa, inspecao: Inspecao) -> None:
        """O que se soube agora das empresas; se muda de quem é o quê, as listas já não servem."""
        de_agora = [] if inspecao is self._inspecao else list(inspecao.empresas)
        self._inspecao = inspecao
        for cada in (*de_agora, empresa):
            ja = self._empresas.get(cada.id)
            if ja is None or not _contem(ja, cada):
                self._empresas[cada.id] = _juntas(ja, cada) if ja else cada
                self._ultima = None

    def _donos(self) -> DonosDeArquivos:
        ids = Identidades(self._empresas.values(), self._logins())
        return DonosDeArquivos(self.regras.arquivos, ids)

    def _logins(self) -> Iterator[tuple[str, str]]:
        """(login, empresa) dos funcionários de todas. Levanta FalhaDoServidor."""
        assert self._inspecao is not None
        no_escopo = self._inspecao.escopo.tabelas.get(FUNCIONARIOS)
        if no_escopo is None or no_escopo.tabela.coluna(LOGIN) is None:
            return
        elos = next((r.elos for r in no_escopo.ramos if not r.passos), ())
        colunas = list(dict.fromkeys((LOGIN, *(e.coluna for e in elos))))
        for bruta in self.via.varrer(no_escopo.tabela, colunas):
            linha = {c: texto(bytes(v)) for c, v in abrir_linha(bruta).items()}
            dono = self._inspecao.donos.dono(elos, [linha[e.coluna] for e in elos])
            if dono is not None and (login := linha[LOGIN]):
                yield login, dono


def _contem(ja: Empresa, outra: Empresa) -> bool:
    conhecidos = [dict(r) for r in ja.registros]
    return all(dict(r) in conhecidos for r in outra.registros)


def _juntas(ja: Empresa, outra: Empresa) -> Empresa:
    novos = tuple(r for r in outra.registros if dict(r) not in [dict(x) for x in ja.registros])
    return replace(ja, registros=(*ja.registros, *novos))
