"""O projeto em que se começou uma restauração, e o deste `.env`, que pode já ser outro.

Concluir ou desfazer põe numa empresa a foto de como ela era: noutro projeto, isso apaga o que lá
mora. Os endereços e as referências dizem muitas vezes que os dois são o mesmo, ou que não são;
quem mudou de via ou de domínio próprio no mesmo projeto responde com o nome dele.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cofre.base.config.valores import Configuracao
from cofre.base.erros import RestauracaoRecusada
from cofre.base.palavras import em_linhas, na_tela, visivel
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import e_carimbo
from cofre.deposito.diario import PROJETO, Diario, diarios
from cofre.restauracao import ajudas
from cofre.restauracao.vocabulario import CLONAR, RESTAURAR
from cofre.via.projeto import (
    de_um_backup,
    e_desta_maquina,
    e_referencia,
    identidades,
    nome_do_projeto,
)


@dataclass(frozen=True, slots=True)
class Projeto:
    """O da `configuracao`; `nome`: o que dele se disse nas opções; `confirmar`: se não há a quem
    perguntar."""

    configuracao: Configuracao
    relato: Relato
    nome: str | None
    confirmar: bool

    @classmethod
    def de(cls, configuracao: Configuracao, relato: Relato, opcoes: Namespace) -> Projeto:
        """O da sessão que estas opções pedem."""
        nome = getattr(opcoes, "projeto", None)
        return cls(configuracao, relato, nome, bool(opcoes.confirmar))

    def exigir_o_mesmo(self, pasta: Path, diario: Diario) -> None:
        """Só volta se a restauração deste diário, na `pasta` da empresa, é deste projeto, ou se
        quem pede o disse: o diário fica a sabê-lo, e vai para o disco com a próxima anotação, já
        com a empresa presa. Levanta RestauracaoRecusada, ou Cancelada."""
        daqui, comecada = identidades(self.configuracao), _comecada(pasta, diario)
        de_la = comecada.em
        if not daqui.isdisjoint(de_la):
            return
        causa = (
            f"A {comecada.ato} de {comecada.quando} não se fez no projeto deste .env: foi em"
            f" {_em_palavras(de_la)}, e este é {_em_palavras(daqui)}."
        )
        if _sao_dois(de_la, daqui):
            raise RestauracaoRecusada(causa, VOLTE_AO_OUTRO)
        if self.nome is not None:
            self._conferir_o_nome()
        elif comecada.ato == RESTAURAR.ato and _so_desta_maquina(de_la | daqui):
            self.relato.aviso(f"{causa} Uma porta desta máquina não diz qual é: confira o plano.")
        else:
            self._perguntar(causa)
        diario.dados[PROJETO] = sorted(de_la | daqui)

    def _conferir_o_nome(self) -> None:
        nome = nome_do_projeto(self.configuracao)
        if self.nome != nome:
            raise RestauracaoRecusada(
                f"--projeto diz {visivel(self.nome or '')}, e o projeto deste .env é"
                f" {visivel(nome)}.",
                VOLTE_AO_OUTRO,
            )

    def _perguntar(self, causa: str) -> None:
        nome, largura = nome_do_projeto(self.configuracao), self.relato.largura
        if self.confirmar:
            raise RestauracaoRecusada(
                causa,
                f"{VOLTE_AO_OUTRO}\nSe é o mesmo, por outro endereço ou outra via, acrescente"
                f" --projeto {nome}",
            )
        self.relato.linha()
        self.relato.linha(em_linhas(f"⚠️ {causa}", largura))
        perguntas = Perguntas(self.relato, "Nada foi feito.", VOLTE_AO_OUTRO)
        pergunta = f"Se é o mesmo, por outro endereço, digite o nome dele ({visivel(nome)}):"
        perguntas.palavra(f"{em_linhas(pergunta, largura, 3)} ", [nome], ajudas.OUTRO_ENDERECO)

    def avisar_se_e_de_outro(self, backup: Backup) -> None:
        """Diz de que projeto é um backup que não é deste, antes de se planejar com ele: pode ser a
        volta a um projeto novo, ou um .env trocado. Só o que as referências dizem: por endereços
        não se sabe."""
        de_la = de_um_backup(backup.meta.origem) if backup.meta else set()
        daqui = identidades(self.configuracao)
        if not backup.de_outro_projeto and _sao_dois(de_la, daqui):
            self.relato.aviso(
                f"O backup de {na_tela(backup.quando)} é do projeto {_em_palavras(de_la)}, e o"
                f" .env é do projeto {_em_palavras(daqui)}: é neste que se vai escrever."
            )


def _so_desta_maquina(ditas: Collection[str]) -> bool:
    """Se só há portas de túneis e de servidores daqui, que mudam de cada vez que se abrem."""
    return all(map(e_desta_maquina, ditas))


def _sao_dois(uma: Collection[str], outra: Collection[str]) -> bool:
    """Se é certo que não são o mesmo projeto: os dois têm referência, e nada em comum."""
    com_referencia = all(any(map(e_referencia, ditas)) for ditas in (uma, outra))
    return com_referencia and set(uma).isdisjoint(outra)


@dataclass(frozen=True, slots=True)
class _Comecada:
    """O que se continua ou desfaz: o `ato`, quando se começou, e em que projeto (vazio: não se
    sabe)."""

    ato: str
    quando: str
    em: frozenset[str]


def _comecada(pasta: Path, diario: Diario) -> _Comecada:
    """O que está por baixo deste diário. Um de antes de se anotar o projeto: o que diz a cópia que
    se trouxe, de uma clonagem; ou a foto de antes, que só diz o endereço por que se leu."""
    primeiro = _o_que_se_desfazia(pasta, diario)
    da_copia = _do_diario(pasta, primeiro, "backup")
    de_onde = da_copia.meta.clone_de if da_copia and da_copia.meta else {}
    dito = diario.dados.get(PROJETO) or de_onde.get("para")
    foto = _do_diario(pasta, diario, "antes")
    if isinstance(dito, list):
        em = {str(d) for d in dito}
    else:
        em = de_um_backup(foto.meta.origem) if foto and foto.meta else set()
    return _Comecada((CLONAR if de_onde else RESTAURAR).ato, primeiro.quando, frozenset(em))


def _do_diario(pasta: Path, diario: Diario, qual: str) -> Backup | None:
    carimbo = str(diario.dados.get(qual))
    return abrir_backup(pasta, carimbo) if e_carimbo(carimbo) else None


def _o_que_se_desfazia(pasta: Path, diario: Diario) -> Diario:
    """A restauração que está por baixo de um desfazer, ou do desfazer de um."""
    todos = {d.caminho.name: d for d in diarios(pasta)}
    while (acima := todos.pop(str(diario.dados.get("desfaz")), None)) is not None:
        diario = acima
    return diario


def _em_palavras(ditas: Collection[str]) -> str:
    """«abcdefghijklmnopqrst», «localhost:54321 ou localhost:54322/postgres»: a referência basta."""
    quais = sorted(filter(e_referencia, ditas)) or sorted(ditas)
    return visivel(" ou ".join(quais)) if quais else "um que não se sabe qual é"


VOLTE_AO_OUTRO = (
    "Nada foi alterado: a foto de antes é daquele. Ponha no .env o endereço dele, como quando se\n"
    "começou (a SUPABASE_URL, a SUPABASE_DB_URL, ou as duas)."
)
