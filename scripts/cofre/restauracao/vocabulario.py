"""Como se diz o que se faz: restaurar uma empresa no seu projeto, ou levá-la a outro. É a mesma
coisa, com o alvo noutro lugar; a quem clona, «restaurar» faria pensar que é o daqui que muda."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cofre.deposito.backup import Backup
from cofre.plano.recusas import NAO_VOLTOU
from cofre.plano.tabela import ALTERAR, REPOR
from cofre.restauracao import ajudas


@dataclass(frozen=True, slots=True)
class Vocabulario:
    """As palavras de uma das duas: o `ato` («restauração»), o que se diz ao começar, ao acabar e ao
    desistir, e o que as perguntas explicam. `a_mais`: o que, ao desfazer, é de depois da foto."""

    ato: str
    fazendo: str
    verbo: str
    feito: str
    feita: str
    vao: tuple[str, str]
    ficou: str
    nao_ficou: Mapping[str, tuple[str, str]]
    repor: str
    repostos: tuple[str, str]
    tudo: str
    so_o_que_falta: str
    a_mais: str
    ja_e_igual: str
    resto_igual: str
    ja_como_era: str
    de_novo: str
    direta: str
    logins: str
    escolhas: str
    empresa: str
    tabelas: str
    data: str
    explica_logins: str
    confirmacao: str
    perda: str
    somar: str

    @property
    def cancelada(self) -> str:
        return f"{self.ato.capitalize()} cancelada."

    @property
    def recusada(self) -> str:
        return f"A {self.ato} foi recusada antes de começar: nada foi alterado."


RESTAURAR = Vocabulario(
    ato="restauração",
    fazendo="Restaurando e conferindo",
    verbo="Restaurar",
    feito="restauradas",
    feita="foi restaurada",
    vao=("volta", "voltam"),
    ficou="voltou",
    nao_ficou=NAO_VOLTOU,
    repor="repor",
    repostos=("reposto", "repostos"),
    tudo="voltar tudo",
    so_o_que_falta="só repor o que falta",
    a_mais="repostos pela restauração (ou criados depois dela), seriam removidos",
    ja_e_igual="Os dados atuais já são iguais ao backup.",
    resto_igual="O resto já é igual ao backup.",
    ja_como_era="A empresa já está como era antes da restauração.",
    de_novo="restaure de novo",
    direta="SUPABASE_DB_URL",
    logins="Quais logins voltam?",
    escolhas="d outra data, p um registro, l outro projeto",
    empresa=ajudas.EMPRESA,
    tabelas=ajudas.TABELAS,
    data=ajudas.DATA,
    explica_logins=ajudas.LOGINS,
    confirmacao=ajudas.CONFIRMACAO,
    perda=ajudas.PERDA,
    somar=ajudas.SOMAR,
)
CLONAR = Vocabulario(
    ato="clonagem",
    fazendo="Levando e conferindo",
    verbo="Levar",
    feito="levadas",
    feita="foi levada",
    vao=("vai", "vão"),
    ficou="chegou",
    nao_ficou={
        **NAO_VOLTOU,
        REPOR: ("não chegou", "não chegaram"),
        ALTERAR: ("não ficou como no backup", "não ficaram como no backup"),
    },
    repor="levar",
    repostos=("levado", "levados"),
    tudo="levar tudo",
    so_o_que_falta="só levar o que falta",
    a_mais="levados pela clonagem (ou criados depois dela), seriam removidos",
    ja_e_igual="No destino já está tudo como no backup: nada se escreveu, nem há o que desfazer.",
    resto_igual="No destino, o resto já está como no backup: nada se escreveu.",
    ja_como_era="No destino a empresa já está como era antes da clonagem.",
    de_novo="clone de novo",
    direta="SUPABASE_DB_URL, no .env do destino",
    logins="Quais logins vão?",
    escolhas="d outra data",
    empresa=ajudas.EMPRESA_QUE_VAI,
    tabelas=ajudas.TABELAS_QUE_VAO,
    data=ajudas.DATA_QUE_VAI,
    explica_logins=ajudas.LOGINS_QUE_VAO,
    confirmacao=ajudas.CONFIRMACAO_DE_LA,
    perda=ajudas.PERDA_DE_LA,
    somar=ajudas.SOMAR_LA,
)


def de(backup: Backup) -> Vocabulario:
    """O de quem põe a empresa como é neste backup: o que veio de outro projeto, levou-se."""
    return CLONAR if backup.de_outro_projeto else RESTAURAR
