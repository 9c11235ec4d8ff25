"""O que se diz e o que fica anotado quando uma restauração para no meio."""

from __future__ import annotations

from dataclasses import dataclass

from cofre.base.comandos import RESTAURACAO, comando
from cofre.base.erros import (
    DesfechoIncerto,
    EmpresaMudou,
    ErroCofre,
    Interrompido,
    RestauracaoIncompleta,
    RestauracaoRecusada,
)
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.diario import DESFEITA, Diario, diarios

INTERROMPIDA = "você a interrompeu (Ctrl+C)."
NADA_MUDOU = "A transação foi desfeita: nada foi alterado."


@dataclass(frozen=True, slots=True)
class Parada:
    """Paradas da restauração deste diário. `ato`: «restauração» ou
    «clonagem»; `atomica`: se ela é uma transação só; `continuando`: se
    já tinha parado antes."""

    diario: Diario
    relato: Relato
    ato: str
    atomica: bool
    continuando: bool

    def no_meio(self, causa: str) -> RestauracaoIncompleta:
        """Parou, e pode seguir."""
        oque = "O desfazer" if self.diario.desfazendo else f"A {self.ato}"
        if self.atomica:
            causa += " Numa transação, ou tudo valeu, ou nada mudou: concluir confere."
        return RestauracaoIncompleta(f"{oque} parou no meio: {causa}", como_seguir(self.diario))

    def interrompida(self) -> ErroCofre:
        """O usuário a interrompeu."""
        if not self.atomica:
            return self.no_meio(INTERROMPIDA)
        self.como_se_nada()
        return Interrompido(f"Interrompido. {NADA_MUDOU}")

    def desfeita(self) -> ErroCofre:
        """A transação que não chegou ao alvo voltou atrás."""
        self.como_se_nada()
        return RestauracaoRecusada(NADA_MUDOU, "Resolva o que o banco recusou e tente de novo.")

    def por_erro(self, erro: ErroCofre) -> RestauracaoIncompleta:
        """Um erro que não se venceu, dito. Levanta-o, se foi numa transação: nada mudou, e não há
        o que escolher."""
        if not self.atomica or isinstance(erro, DesfechoIncerto):
            return self.no_meio(str(erro))
        self.como_se_nada()
        if not isinstance(erro, EmpresaMudou | RestauracaoRecusada):
            self.relato.linha(f"↩️ {NADA_MUDOU}")
        raise erro

    def como_se_nada(self) -> None:
        """A transação voltou atrás. Se a restauração começou agora, é como se não tivesse havido;
        uma que se continuava segue por concluir."""
        if not self.continuando:
            self.diario.anotar(estado=DESFEITA)


def fechar_desfeita(antes: Backup, diario: Diario) -> None:
    """Ao concluir um desfazer, a restauração desfeita deixa de estar aberta."""
    for outro in diarios(antes.pasta):
        if outro.caminho.name == diario.dados.get("desfaz"):
            outro.anotar(estado=DESFEITA)


def como_seguir(diario: Diario) -> str:
    """Os comandos que concluem ou desfazem esta restauração."""
    comandos = {"concluir": "continuar", "desfazer": "desfazer"}
    if diario.desfazendo:
        del comandos["desfazer"]
    linhas = []
    for verbo, acao in comandos.items():
        linhas.append(f"Para {verbo}:")
        linhas.append(f"  {comando(RESTAURACAO, acao, '--empresa', str(diario.dados['user_id']))}")
    return "\n".join(["Nada se perdeu: a foto de antes está guardada.", *linhas])


def como_desfazer(diario: Diario) -> str:
    """O comando que desfaz esta restauração, ou refaz a que ela desfez; vazio, se ela já é a volta
    ao que era, de uma que não se completou."""
    if diario.dados.get("backup") == diario.dados.get("antes"):
        return ""
    return comando(RESTAURACAO, "desfazer", "--empresa", str(diario.dados["user_id"]))
