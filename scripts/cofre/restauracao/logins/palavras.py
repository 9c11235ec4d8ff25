"""Os logins que faltam, e o que se fez deles, em palavras."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cofre.base.palavras import na_tela, plural, visivel
from cofre.escopo.logins import APROVADO, COLUNA, DONO, FUNCIONARIO
from cofre.restauracao.fala import Fala
from cofre.restauracao.logins.faltam import Falta, Faltam
from cofre.restauracao.vocabulario import RESTAURAR, Vocabulario
from cofre.via.logins.login import SENHA, Login, momento

PAPEIS = {
    DONO: "dono da empresa",
    FUNCIONARIO: "funcionário",
    COLUNA: "membro ([logins] do cofre.toml)",
    APROVADO: "só em user_approvals",
}
LETRAS_DOS_ROTULOS = 120


@dataclass(frozen=True, slots=True)
class NarradorDeLogins(Fala):
    """Conta os que faltam, e como voltaram."""

    vocabulario: Vocabulario = RESTAURAR

    def faltam(self, faltam: Faltam) -> None:
        """O bloco deles: quem, por que se conhece, o que é na empresa, o que volta com ele, e os
        que não podem voltar. Um e-mail é um dado: só para quem lê a tela."""
        self.relato.linha()
        self.relato.linha(f"🔑 logins que faltam: {len(faltam.todos)}")
        for numero, falta in enumerate(faltam.podem, 1):
            self._reservado(f"   {numero}. {_quem(falta.login)}", 6)
            for linha in _o_que_volta(falta, self._volta):
                self._em_linhas(f"      {linha}", 8)
            if rotulos := falta.login.rotulos:
                dito = json.dumps(rotulos, ensure_ascii=False)[:LETRAS_DOS_ROTULOS]
                self._reservado(f"      ⚠️ app_metadata, que dá direitos: {visivel(dito)}", 8)
        for falta in faltam.impedidos:
            self._reservado(f"   ❌ {_quem(falta.login)}", 6)
            self._em_linhas(f"      não {self._volta}: {visivel(falta.impede)}", 8)

    def escolhidos(self, faltam: Faltam, ids: Sequence[str]) -> None:
        """Quantos voltam, e o que os outros perdem."""
        voltam, ficam = len(ids), len(faltam.todos) - len(ids)
        self.relato.linha(
            f"   {plural(voltam, *self.vocabulario.vao)}, {plural(ficam, 'fica', 'ficam')} de fora"
            " (--logins escolhe: ids, e-mails, dono, todos, nenhum)"
        )

    def citacoes(self, citam: Mapping[str, int]) -> None:
        """Os registros que citam um login que não volta."""
        for quem, quantos in citam.items():
            registros = plural(quantos, "registro cita", "registros citam")
            self._em_linhas(
                f"   ⚠️ {registros} o login {visivel(quem)}, que não {self._volta}: onde o banco"
                f" exige que ele exista, são recusados (23503). --logins {visivel(quem)} o leva.",
                6,
            )

    def fim(
        self, feitos: Sequence[Mapping[str, Any]], guardados: Mapping[str, Login], desfazendo: bool
    ) -> None:
        """O que houve com cada um, e o que falta fazer; dos `guardados`, quem é."""
        for feito in feitos:
            qual = visivel(str(feito.get("id", "")))
            self._um(feito, qual, desfazendo=desfazendo)
            if not desfazendo and qual in guardados:
                self._reservado(f"   • {visivel(guardados[qual].quem)}", 5)

    def _um(self, feito: Mapping[str, Any], qual: str, *, desfazendo: bool) -> None:
        if recusa := feito.get("recusa"):
            self._em_linhas(
                f"⚠️ login {qual} não {self.vocabulario.ficou}: {visivel(str(recusa))}", 3
            )
            return
        if feito.get("existia"):
            self._em_linhas(f"ℹ️ login {qual}: já existe, e num que existe não se toca", 3)
        if desfazendo and not feito.get("existia"):
            self._em_linhas(f"ℹ️ login {qual}: {NAO_SE_DESFAZ.format(ato=self.vocabulario.ato)}", 3)
            return
        if not feito.get("existia"):
            self.relato.linha(f"🔑 login {qual}: {self.vocabulario.ficou}")
        diferem = ", ".join(visivel(str(d)) for d in feito.get("diferencas") or ())
        if diferem:
            self._em_linhas(f"   ⚠️ não é como era: {diferem}", 6)
        if feito.get("banido"):
            self._em_linhas(f"   ⚠️ {BANIDO}", 6)
        if feito.get("sem_senha"):
            self._em_linhas(f"   ⚠️ {SENHA_NOVA}", 6)
        for tabela, quantos in dict(feito.get("nascidas") or {}).items():
            registros = plural(quantos, "registro", "registros")
            self._em_linhas(
                f"   ℹ️ um gatilho do projeto mexeu em {registros} de {visivel(tabela)} ao"
                " criá-lo: voltaram a ser o que eram",
                6,
            )

    @property
    def _volta(self) -> str:
        return self.vocabulario.vao[0]


NAO_SE_DESFAZ = (
    "foi criado pela {ato} e continua. Apagar um login leva em cascata as linhas que o citam,"
    " por isso não se faz aqui: se é o que quer, no painel, Authentication → Users → Delete user."
)
BANIDO = (
    "entrou banido: tinha um segundo fator que não veio, e só a senha o deixaria entrar. Quando a"
    " pessoa puder cadastrá-lo de novo, tire o ban no painel (Authentication → Users)."
)
SENHA_NOVA = (
    "precisa de uma senha nova: no painel, Authentication → Users, no menu desse login, «Send"
    " password recovery»; ou o «esqueci a senha» do próprio aplicativo."
)


def _quem(login: Login) -> str:
    visto = momento(login.valor("last_sign_in_at"))
    ultimo = f"; entrou por último em {na_tela(visto.astimezone(), 'dia')}" if visto else ""
    papel = PAPEIS.get(login.papel, login.papel)
    return f"{visivel(login.quem)}: {papel} ({login.id}){ultimo}"


def _o_que_volta(falta: Falta, volta: str) -> list[str]:
    login, agora = falta.login, datetime.now(UTC)
    dito = []
    if login.precisa_de_senha:
        dito.append(f"{volta} sem a senha, que o backup não guarda: vai precisar de uma nova")
    elif login.tem(SENHA):
        dito.append(f"{volta} com a senha de antes")
    if not (login.tem("email_confirmed_at") or login.tem("phone_confirmed_at")):
        dito.append("não estava confirmado, e continua assim")
    if login.banido_ate(agora) is not None:
        dito.append(f"estava banido, e {volta} banido")
    if login.com_fator and not login.fator_volta:
        dito.append(f"tinha um segundo fator, que não {volta}: entra banido")
    return dito
