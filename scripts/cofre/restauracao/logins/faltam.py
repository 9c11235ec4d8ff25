"""Os logins que o backup tem e o projeto não: cada um com o que se sabe dele, e se pode voltar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cofre.base.erros import ErroDeUso
from cofre.base.modelo import LOGINS, Empresa
from cofre.base.palavras import visivel
from cofre.deposito.backup import Backup
from cofre.escopo.logins import DA_PLATAFORMA, DONO, Pertencas, administra, login
from cofre.foto.logins_da_empresa import pertencas_de
from cofre.restauracao.logins.guardados import do_backup
from cofre.restauracao.restauracao import Restauracao
from cofre.via.contrato import API
from cofre.via.logins import contrato
from cofre.via.logins.contrato import Lugar, SemAuth
from cofre.via.logins.login import COMUM, MOTIVO, SENHA, SO_REFERENCIA, Login

O_DONO, TODOS, NENHUM = "dono", "todos", "nenhum"


@dataclass(frozen=True, slots=True)
class Falta:
    """Um login que falta. `impede`: por que não pode voltar (vazio: pode)."""

    login: Login
    impede: str = ""

    @property
    def do_dono(self) -> bool:
        """Se é o do dono da empresa: o único que volta sem que se peça."""
        return self.login.papel == DONO

    def documento(self, escolhidos: Sequence[str]) -> dict[str, Any]:
        """Para a saída --json: nenhum dado de ninguém."""
        return {
            "id": self.login.id,
            "papel_na_empresa": self.login.papel,
            "com_senha": self.login.tem(SENHA),
            "segundo_fator": self.login.com_fator,
            "impede": self.impede,
            "volta": self.login.id in escolhidos,
        }


@dataclass(frozen=True, slots=True)
class Faltam:
    """Os que faltam, o dono primeiro. `modo`: o que o backup guarda deles."""

    todos: tuple[Falta, ...] = ()
    modo: str = ""

    @property
    def podem(self) -> tuple[Falta, ...]:
        """Os que podem voltar, na ordem em que se numeram."""
        return tuple(f for f in self.todos if not f.impede)

    @property
    def impedidos(self) -> tuple[Falta, ...]:
        """Os outros."""
        return tuple(f for f in self.todos if f.impede)

    def ausentes(self, voltam: Sequence[str]) -> tuple[str, ...]:
        """Os ids dos que faltam e continuarão a faltar."""
        return tuple(f.login.id for f in self.todos if f.login.id not in voltam)

    def de_costume(self) -> tuple[str, ...]:
        """Os que voltam sem que se peça: só o do dono."""
        return tuple(f.login.id for f in self.podem if f.do_dono)

    def pedidos(self, quais: Sequence[str]) -> tuple[str, ...]:
        """Os destas palavras: ids, e-mails, «dono», «todos», «nenhum». O que não falta não se cria.
        Levanta ErroDeUso por um que o backup não tem, ou que não pode voltar."""
        ids: dict[str, None] = {}
        for dito in quais:
            ids |= dict.fromkeys(self._de_uma(dito.strip().casefold()))
        return tuple(ids)

    def _de_uma(self, dito: str) -> Iterator[str]:
        if dito == NENHUM:
            return
        if dito in (TODOS, O_DONO):
            yield from (f.login.id for f in self.podem if dito == TODOS or f.do_dono)
            return
        achado = next((f for f in self.todos if dito in _nomes(f.login)), None)
        if achado is None:
            raise ErroDeUso(
                f"O login {visivel(dito)} não falta, ou não está neste backup.",
                "--logins aceita ids, e-mails, dono, todos ou nenhum; --simular mostra os que"
                " faltam.",
            )
        if achado.impede:
            raise ErroDeUso(f"O login {visivel(dito)} não pode voltar: {achado.impede}.", "")
        yield achado.login.id

    def documento(self, escolhidos: Sequence[str]) -> dict[str, Any]:
        """Para a saída --json; nada, se nenhum falta."""
        if not self.todos:
            return {}
        return {"logins_que_faltam": [f.documento(escolhidos) for f in self.todos]}


def _nomes(login: Login) -> set[str]:
    return {login.id, *(str(login.valor(c)).casefold() for c in ("email", "phone"))} - {"none"}


def que_faltam(restauracao: Restauracao, backup: Backup) -> Faltam:
    """Os deste backup que o projeto não tem hoje. Levanta FalhaDoServidor e BackupDanificado."""
    guardados = do_backup(backup)
    if not guardados:
        return Faltam()
    via, contexto = restauracao.via, restauracao.contexto
    try:
        lugares = via.logins.lugares(list(guardados.values()))
    except SemAuth:
        return Faltam()
    sumidos = [g for g in guardados.values() if lugares[g.id].como != contrato.EXISTE]
    if not sumidos:
        return Faltam()
    quem = pertencas_de(via, contexto.inspecao, restauracao.fotografo.regras)
    faltas = [
        Falta(g, _impede(g, lugares[g.id], quem, restauracao, pela_api=via.nome == API))
        for g in sumidos
    ]
    assert backup.meta is not None
    modo = str(backup.meta.tabelas[LOGINS].notas.get("modo", ""))
    return Faltam(tuple(sorted(faltas, key=lambda f: (not f.do_dono, f.login.quem))), modo)


def _que_o_backup_nao_diria(guardado: Login, empresa: Empresa) -> str:
    """O que a linha diz de si, e nenhum backup por mexer diria de um que se escreve."""
    if guardado.valor(SO_REFERENCIA):
        return "é só uma referência"
    if administra(guardado.valor("raw_app_meta_data")):
        return DA_PLATAFORMA
    if guardado.papel == DONO and guardado.id != login(empresa.id):
        return "o backup diz que é do dono, e o dono desta empresa é outro"
    return ""


def _impede(
    guardado: Login, lugar: Lugar, quem: Pertencas, restauracao: Restauracao, *, pela_api: bool
) -> str:
    """Por que este login não pode voltar, hoje e por esta via; vazio se pode."""
    if lugar.como == contrato.APAGADO:
        return "o id ainda existe, marcado como apagado: o Auth não o revive"
    if lugar.como == contrato.TOMADO:
        return f"o {lugar.o_que} é hoje de outro login ({lugar.de_quem})"
    papel = guardado.papel
    por_que = guardado.valor(MOTIVO) or quem.por_que_so_referencia(
        guardado.id, papel, restauracao.empresa
    )
    if por_que:
        return str(por_que)
    if impede := _que_o_backup_nao_diria(guardado, restauracao.empresa):
        return impede
    if guardado.tem("role") and guardado.valor("role") != COMUM:
        return f"o papel dele no banco não é {COMUM}"
    if not pela_api:
        return ""
    if guardado.tem("deleted_at"):
        return "já estava apagado no backup"
    if guardado.valor("is_anonymous") or not (guardado.tem("email") or guardado.tem("phone")):
        return "é anônimo, e a API não os cria: só a conexão direta"
    if guardado.valor("is_sso_user") or any(
        str(i.get("provider", "")).startswith("sso:") for i in guardado.identidades
    ):
        return "entra por SSO, e a API não o cria: só a conexão direta"
    return ""
