"""Um risco: algo que impediria a restauração, com a causa e a cura."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from cofre.base.apelido import apelido
from cofre.base.erros import EscritaRecusada
from cofre.base.palavras import como_se_diz
from cofre.plano.impedimentos import RECUSAS_POR_TABELA
from cofre.plano.recusas import DE_UMA_LINHA, EXEMPLOS, SEM_MAE, causa, cura, detalhe
from cofre.plano.tabela import Acao


@dataclass(frozen=True, slots=True)
class Risco:
    """Algo que impede. `somar`: a tabela que, escolhida também, resolveria; `tirar`: sem esta
    tabela o resto pode voltar; `so_linhas`: sem algumas linhas dela, o resto pode voltar; `criar`:
    deixa de impedir, se se concorda em criar de novo o que a causa diz que falta.

    `quantos`: os registros que se sabe que são (0: não se sabe; RECUSAS_POR_TABELA: ao menos).
    `apelidos` são os dos primeiros e `dito` o que o banco disse de um: dados, só para a tela. Em
    `linhas`, os que faltam entre eles, em bytes."""

    tabela: str
    causa: str
    cura: str = ""
    somar: str = ""
    tirar: bool = False
    so_linhas: bool = False
    criar: bool = False
    quantos: int = 0
    apelidos: tuple[str, ...] = field(default=(), repr=False)
    dito: str = field(default="", repr=False)
    linhas: tuple[bytes, ...] = field(default=(), compare=False, repr=False)

    def com(self, acao: Acao) -> Risco:
        """O mesmo, com mais um registro."""
        linha = acao.alvo or b"{}"
        apelidos = (*self.apelidos, apelido(linha))[:EXEMPLOS]
        faltam = (*self.linhas, linha) if acao.atual is None else self.linhas
        return replace(self, quantos=self.quantos + 1, apelidos=apelidos, linhas=faltam)

    @property
    def so_alguns(self) -> bool:
        """Se pode haver mais do que os que se acharam."""
        return self.quantos >= RECUSAS_POR_TABELA

    def documento(self) -> dict[str, Any]:
        """Para a saída --json: nenhum dado de um registro."""
        return {
            "tabela": como_se_diz(self.tabela),
            "causa": self.causa,
            "cura": self.cura,
            "registros": self.quantos,
        }


def explicar(tabela: str, recusa: EscritaRecusada) -> Risco:
    """Uma recusa do banco em palavras, com a cura."""
    if recusa.codigo_sql == SEM_MAE and 'table "users"' in recusa.detalhes:
        return Risco(
            tabela,
            f"o usuário dono da empresa não existe mais em auth.users ({tabela})",
            "Se o backup tem o login, traga-o junto: --logins (--simular mostra os que faltam).\n"
            "Se não tem, crie-o pela API do Auth, com o mesmo id: no painel, em\n"
            "Authentication → Users, nasceria com outro. Sem ele o banco não aceita as linhas.",
        )
    return Risco(
        tabela,
        f"o banco recusa registros de {tabela}: {causa(recusa)}",
        cura(tabela, recusa),
        so_linhas=recusa.codigo_sql in DE_UMA_LINHA,
        dito=detalhe(recusa),
    )
