"""Os logins de uma empresa, ao lado das linhas dela (ver `escopo.logins` e `via.logins`)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cofre.base.config.valores import Regras
from cofre.base.erros import ConfiguracaoInvalida, ErroCofre, FalhaDoServidor, Interrompido
from cofre.base.linha import juntar
from cofre.base.modelo import LOGINS, NO_DISCO, Coluna, Empresa, Tabela
from cofre.base.relato import Relato
from cofre.deposito.passada import Observador
from cofre.deposito.publicacao import Montagem
from cofre.deposito.retrato import ha_que_comece
from cofre.escopo.logins import DA_PLATAFORMA as ADMINISTRA
from cofre.escopo.logins import Membros, Pertencas, administra, colunas_de_membros, pertencas
from cofre.foto.foto import Contexto
from cofre.foto.listas import Colhida
from cofre.via.contrato import DIRETA, Inspecao, ViaDeLeitura
from cofre.via.logins.contrato import Logins, SemAcesso, SemAuth
from cofre.via.logins.login import COLUNAS, FATORES, IDENTIDADES, PAPEL, SO_REFERENCIA, Login
from cofre.via.logins.login import linha_de as linha_do_login

_TIPOS = {
    "id": "uuid",
    "raw_app_meta_data": "jsonb",
    "raw_user_meta_data": "jsonb",
    IDENTIDADES: "jsonb",
    FATORES: "jsonb",
    "is_anonymous": "boolean",
    "is_sso_user": "boolean",
    SO_REFERENCIA: "boolean",
}
TABELA = Tabela(
    LOGINS,
    tuple(
        Coluna(c, _TIPOS.get(c, "text"))
        for c in (*COLUNAS, IDENTIDADES, FATORES, PAPEL, SO_REFERENCIA, "motivo")
    ),
    ("id",),
)
"""Como a lista se descreve nos metadados."""


def pertencas_de(via: ViaDeLeitura, inspecao: Inspecao, regras: Regras) -> Pertencas:
    """De que empresas é cada login do projeto. Levanta FalhaDoServidor e ConfiguracaoInvalida."""
    escopo = inspecao.escopo.tabelas
    colunas = colunas_de_membros(escopo, regras.colunas_de_logins)
    return pertencas(inspecao.empresas, inspecao.donos, escopo, colunas, via.varrer)


@dataclass(slots=True)
class FonteDeLogins:
    """A `foto.foto.Fonte` dos logins. `fatores`: se se pediu que os segundos fatores se guardem;
    `relato`: a quem se diz, uma vez, que ficam de fora."""

    via: ViaDeLeitura
    regras: Regras
    fatores: bool = False
    relato: Relato | None = None
    nome: str = field(init=False, default=LOGINS)
    _trinco: threading.Lock = field(init=False, default_factory=threading.Lock)
    _pertencas: Pertencas | None = field(init=False, default=None)
    _avisou: bool = field(init=False, default=False)

    def comecar(self, empresa: Empresa, contexto: Contexto) -> ColheitaDeLogins:
        """Uma foto de uma empresa. Uma coluna de [logins] que não serve se diz ao colher."""
        escopo = contexto.inspecao.escopo.tabelas
        vazia = ColheitaDeLogins(self, contexto, Membros(empresa, ()))
        try:
            colunas = colunas_de_membros(escopo, self.regras.colunas_de_logins)
            quem = self.pertencas(contexto.inspecao)
        except (ConfiguracaoInvalida, FalhaDoServidor) as e:
            return replace(vazia, nada=Colhida(TABELA, falha=e))
        return replace(vazia, membros=Membros(empresa, colunas), quem=quem)

    def avisar(self, aviso: str) -> None:
        """Diz isto, se ainda não se disse nesta execução."""
        with self._trinco:
            if self.relato is not None and not self._avisou:
                self.relato.aviso(aviso)
            self._avisou = True

    def pertencas(self, inspecao: Inspecao) -> Pertencas:
        """Lidas uma vez por execução. Levanta FalhaDoServidor."""
        with self._trinco:
            if self._pertencas is None:
                self._pertencas = pertencas_de(self.via, inspecao, self.regras)
            return self._pertencas


@dataclass(slots=True)
class ColheitaDeLogins:
    """Uma `foto.listas.Colheita`: os membros que as linhas mostram, e os logins deles."""

    fonte: FonteDeLogins
    contexto: Contexto
    membros: Membros
    quem: Pertencas | None = None
    nada: Colhida | None = None
    """Por que não há o que colher, se não há."""
    _do_instante: Mapping[str, Login] = field(default_factory=dict)

    def no_instante(self, logins: Logins) -> None:
        """Os de quem já se sabia que era da empresa, como estão no instante das linhas."""
        self._do_instante = {}
        if self.nada is None and self.quem is not None:
            ids = self.quem.da_empresa(self.membros.empresa)
            with contextlib.suppress(FalhaDoServidor):
                self._do_instante = logins.ler(ids, senhas=True, fatores=self.fonte.fatores)

    def observadores(self, tabela: Tabela) -> Sequence[Observador]:
        """Quem anota os membros; o que se viu antes desta tabela esquece-se."""
        return self.membros.observadores(tabela)

    def colher(self, empresa: Empresa, montagem: Montagem) -> Colhida:
        """Os logins que existem hoje, por id. A senha, só num backup que vai cifrado."""
        if self.nada is not None:
            return self.nada
        try:
            return self._colher(empresa, selado=montagem.cifra is not None)
        except (SemAuth, SemAcesso) as e:
            # Um projeto que nunca teve logins nada tem a dizer; um em que já se leram, sim.
            if ha_que_comece(montagem.pasta, f"{NO_DISCO[LOGINS]}_"):
                return Colhida(TABELA, falha=e)
            if isinstance(e, SemAuth):
                return Colhida(TABELA, ausente="-")
            self.fonte.avisar(f"Os logins ficam de fora: {e}.\n{e.dica}")
            return Colhida(TABELA, ausente=str(e))
        except Interrompido:
            raise
        except ErroCofre as e:
            return Colhida(TABELA, falha=e)

    def _colher(self, empresa: Empresa, *, selado: bool) -> Colhida:
        """Os logins desta empresa, com as senhas se `selado`; os só de referência, sem elas."""
        logins, fatores = self.fonte.via.logins, self.fonte.fatores and selado
        quem = self.quem
        assert quem is not None
        lidas = self.contexto.escopo.tabelas
        papeis = self.membros.papeis(quem.por_tabelas_nao_lidas(empresa, lidas))
        lidos = {q: self._do_instante[q] for q in papeis if q in self._do_instante}
        # De quem só agora se soube que é da empresa, ou não estava lá no instante, lê-se depois.
        faltam = [q for q in papeis if q not in lidos]
        depois = logins.ler(faltam, senhas=selado, fatores=fatores) if faltam else {}
        lidos |= depois
        linhas = []
        motivos = []
        for qual, login in sorted(lidos.items()):
            motivo = quem.por_que_so_referencia(qual, papeis[qual], empresa)
            if not motivo and administra(login.valor("raw_app_meta_data")):
                motivo = ADMINISTRA
            motivos.append(motivo)
            com_senha, com_segredos = selado and not motivo, fatores and not motivo
            guardado = login.so_com(senha=com_senha, segredos=com_segredos)
            linhas.append(linha_do_login(guardado, papeis[qual], motivo))
        notas = _notas(logins.modo, lidos, papeis, motivos, selado, fatores)
        if logins.modo == DIRETA:
            notas["instante"] = not depois
        return Colhida(TABELA, linhas=[juntar(linhas)] if linhas else [], notas=notas)


def _notas(
    via: str,
    lidos: Mapping[str, Login],
    papeis: Mapping[str, str],
    motivos: Iterable[str],
    selado: bool,
    fatores: bool,
) -> dict[str, Any]:
    """O modo, e as contas: nenhum nome."""
    modo = via
    if via == DIRETA and selado:
        modo = f"{via} com senhas" + (" e segundos fatores" if fatores else "")
    return {
        "modo": modo,
        "so_referencia": sum(map(bool, motivos)),
        "sem_login": len(papeis) - len(lidos),
    }
