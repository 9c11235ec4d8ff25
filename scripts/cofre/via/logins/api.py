"""Os logins pela API de administração do Auth, com a chave de serviço.

Fontes: o servidor do Auth (internal/api/admin.go, errors.go; internal/models/user.go). Sem o
cabeçalho X-Supabase-Api-Version a resposta de erro traz o código do PostgreSQL, que é o único modo
de distinguir «o id existe» de «um gatilho recusou»; com ele, há outra forma. Aqui leem-se as duas.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from cofre.base.config.valores import ONDE_PEGAR
from cofre.base.equipe import Equipe
from cofre.base.erros import ChaveRecusada, FalhaDoServidor, ServidorSemResposta
from cofre.via.api.conexao import Conexao
from cofre.via.contrato import API
from cofre.via.logins import contrato
from cofre.via.logins.comparacao import diferencas, ja_existia
from cofre.via.logins.contrato import Criado, Lugar, SemAuth
from cofre.via.logins.login import COM_CHAVE_DO_PROJETO, SENHA, Login, da_api, momento

RAIZ = "/auth/v1/admin/users"
POR_PAGINA = 200
VEZES = 2
"""Quantas vezes se manda criar, se a resposta não diz o que houve e o login não está lá."""
OLHADAS = (0.0, 1.0, 2.0)
"""Segundos antes de cada olhada."""
SEM_FIM = timedelta(days=36_500)
"""Um ban sem fim: o Auth só sabe durações (em Go, até uns 2.562.000 h)."""
_NAO_HA = frozenset({"user_not_found", "validation_failed"})
_TOMADO = {"email_exists": "e-mail", "phone_exists": "telefone"}
_INCERTO = frozenset({408, 429, 500, 502, 503, 504, *range(520, 531)})


@dataclass(frozen=True, slots=True)
class _Dito:
    """O que o Auth respondeu a um pedido que não deu certo."""

    status: int
    codigo: str
    mensagem: str = field(repr=False)
    do_auth: bool

    @classmethod
    def de(cls, resposta: httpx.Response) -> _Dito:
        """Nas duas formas (errors.go): {code, message}, ou {code: 422, error_code, msg}."""
        try:
            corpo = msgspec.json.decode(resposta.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            corpo = None
        if not isinstance(corpo, dict):
            return cls(resposta.status_code, "", "", do_auth=False)
        codigo = corpo.get("error_code") or corpo.get("code") or ""
        dito = str(corpo.get("msg") or corpo.get("message") or "")
        do_auth = "error_code" in corpo or "msg" in corpo or isinstance(corpo.get("code"), str)
        return cls(resposta.status_code, str(codigo), dito, do_auth)


@dataclass(frozen=True, slots=True)
class LoginsDaApi:
    """Os `contrato.Logins` do projeto, pela API. Vários fios a usam."""

    conexao: Conexao
    equipe: Equipe
    dormir: Callable[[float], object] = time.sleep

    @property
    def modo(self) -> str:
        """«api»."""
        return API

    def ler(
        self, ids: Sequence[str], *, senhas: bool = False, fatores: bool = False
    ) -> dict[str, Login]:
        """Um pedido por login, lado a lado: a lista do Auth não traz identidades nem fatores. Os
        segredos a API nunca diz. Levanta SemAuth e FalhaDoServidor."""
        lidos = self.equipe.cada(self._um, ids)
        return {login.id: login for login in lidos if login is not None}

    def _um(self, qual: str) -> Login | None:
        resposta = self.conexao.pedir("GET", f"{RAIZ}/{qual}")
        if resposta.is_success:
            return self._login(resposta)
        dito = _Dito.de(resposta)
        if dito.status == 404 and dito.codigo in _NAO_HA:
            return None
        if dito.status == 404 and not dito.do_auth:
            raise SemAuth("O projeto não tem a API do Auth (404).", "")
        raise _erro(dito, qual)

    def _login(self, resposta: httpx.Response) -> Login:
        try:
            return da_api(resposta.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise FalhaDoServidor("O Auth respondeu o que não se lê de um login.") from None

    def lugares(self, guardados: Sequence[Login]) -> dict[str, Lugar]:
        """Pelo id; e o e-mail, pela procura da lista, que não vê o de uma identidade nem o
        telefone: desses, só ao criar se sabe. Levanta SemAuth e FalhaDoServidor."""
        de_hoje = self.ler([g.id for g in guardados])
        return {g.id: self._lugar(g, de_hoje.get(g.id)) for g in guardados}

    def _lugar(self, guardado: Login, hoje: Login | None) -> Lugar:
        if hoje is not None:
            return Lugar(contrato.APAGADO if hoje.tem("deleted_at") else contrato.EXISTE)
        email = str(guardado.valor("email") or "").lower()
        de_quem = self._de_quem(email) if email else ""
        return Lugar(contrato.TOMADO, "e-mail", de_quem) if de_quem else Lugar(contrato.LIVRE)

    def _de_quem(self, email: str) -> str:
        """O id do login com este e-mail; vazio se nenhum, ou se a lista não se lê (uma linha com um
        token nulo estraga a página inteira): o Auth ainda o dirá ao criar."""
        pagina = 1
        while True:
            filtro = {"page": pagina, "per_page": POR_PAGINA, "filter": email}
            resposta = self.conexao.pedir(
                "GET", RAIZ, params={n: str(v) for n, v in filtro.items()}
            )
            if not resposta.is_success:
                return ""
            try:
                users = msgspec.json.decode(resposta.content, type=_Pagina).users
            except msgspec.DecodeError:
                return ""
            for user in users:
                if (user.email or "").lower() == email:
                    return user.id
            if len(users) < POR_PAGINA:
                return ""
            pagina += 1

    def gatilhos(self) -> bool:
        """Sempre pode haver: a API não os mostra, nem os suspende."""
        return True

    # -- criar -------------------------------------------------------------------------------

    def criar(self, guardado: Login) -> Criado:
        """Um POST; depois dele, sempre se olha: um pedido sem resposta pode ter valido. Levanta
        FalhaDoServidor se, olhando, não se soube."""
        if (existe := self._um(guardado.id)) is not None:
            return ja_existia(guardado, existe, com_datas=False)
        agora = datetime.now(UTC)
        corpo = corpo_de(guardado, agora)
        for _vez in range(VEZES):
            recusa = self._mandar(guardado, corpo)
            if recusa:
                return Criado(guardado.id, recusa=recusa)
            ficou = self._olhar(guardado.id)
            if ficou is not None:
                return self._conferido(guardado, ficou, corpo, agora)
        raise FalhaDoServidor(
            f"O Auth não criou o login {guardado.id}, e não disse por quê.",
            "Continue a restauração daqui a pouco: o que já voltou não se repete.",
        )

    def _mandar(self, guardado: Login, corpo: Mapping[str, Any]) -> str:
        """Por que não se cria; vazio se se criou, ou se só olhando se sabe."""
        try:
            resposta = self.conexao.pedir(
                "POST", RAIZ, corpo=msgspec.json.encode(corpo), insistir=False
            )
        except ServidorSemResposta:
            return ""
        if resposta.is_success:
            return self._o_que_se_pediu(guardado, resposta)
        dito = _Dito.de(resposta)
        if dito.status in (401, 403):
            raise _erro(dito, guardado.id)
        if self._um(guardado.id) is not None:
            return ""  # um gateway que repete o pedido sozinho só mostra a segunda resposta
        if dito.codigo in _TOMADO:
            return f"o {_TOMADO[dito.codigo]} é de outro login"
        if dito.status == 500 and dito.do_auth:
            sql = f" ({dito.codigo})" if len(dito.codigo) == 5 else ""
            return f"um gatilho ou uma regra do banco não o deixa nascer{sql}"
        if dito.status in _INCERTO:
            return ""
        return f"o Auth recusou ({dito.status} {dito.codigo})".replace(" )", ")")

    def _o_que_se_pediu(self, guardado: Login, resposta: httpx.Response) -> str:
        """Um Auth antigo (antes do 2.155) ignora o id e a senha, e faz outro login em silêncio: o
        que acabou de nascer sai, e diz-se."""
        nasceu = self._login(resposta)
        if not nasceu.id or nasceu.id == guardado.id:
            return ""
        self.conexao.pedir("DELETE", f"{RAIZ}/{nasceu.id}", corpo=b'{"should_soft_delete":false}')
        ficou = self._um(nasceu.id) is not None
        resto = f"; o que ele fez no lugar, {nasceu.id}, não saiu: apague-o" if ficou else ""
        return f"o Auth deste projeto é antigo e não aceita o id de antes{resto}"

    def _olhar(self, qual: str) -> Login | None:
        for espera in OLHADAS:
            if espera:
                self.dormir(espera)
            if (achado := self._um(qual)) is not None:
                return achado
        return None

    def _conferido(
        self, guardado: Login, ficou: Login, corpo: Mapping[str, Any], agora: datetime
    ) -> Criado:
        """O que se criou, relido; um ban que não ficou (auth#1798) pede-se outra vez."""
        banir = "ban_duration" in corpo
        if banir and not _banido(ficou, agora):
            pedido = msgspec.json.encode({"ban_duration": corpo["ban_duration"]})
            self.conexao.pedir("PUT", f"{RAIZ}/{guardado.id}", corpo=pedido)
            ficou = self._um(guardado.id) or ficou
        diferem = list(diferencas(guardado, ficou, com_datas=False))
        if banir and not _banido(ficou, agora):
            diferem.insert(0, "o ban, que o Auth não gravou: bana-o no painel")
        com_senha = "password_hash" in corpo
        return Criado(
            guardado.id,
            diferencas=tuple(diferem),
            sem_senha=not com_senha and guardado.precisa_de_senha,
            banido=guardado.com_fator and _banido(ficou, agora),
        )


class _User(msgspec.Struct):
    id: str
    email: str | None = None


class _Pagina(msgspec.Struct):
    users: list[_User]


def corpo_de(guardado: Login, agora: datetime) -> dict[str, Any]:
    """O pedido que cria este login como era: confirmado só o que estava, banido se estava (ou se
    tinha um segundo fator, que a API não põe de volta), com o papel de todos. Sem user_metadata, o
    Auth responderia nulo onde há quem espere um objeto. A senha, se é das que ele aceita."""
    corpo: dict[str, Any] = {"id": guardado.id, "user_metadata": {}}
    for coluna, confirma in (("email", "email_confirm"), ("phone", "phone_confirm")):
        if guardado.tem(coluna):
            corpo[coluna] = guardado.valor(coluna)
            if guardado.tem(f"{coluna}_confirmed_at"):
                corpo[confirma] = True
    for coluna, campo in (
        ("raw_user_meta_data", "user_metadata"),
        ("raw_app_meta_data", "app_metadata"),
    ):
        if guardado.tem(coluna):
            corpo[campo] = guardado.campos[coluna]
    senha = str(guardado.valor(SENHA) or "")
    if senha and not senha.startswith(COM_CHAVE_DO_PROJETO):
        corpo["password_hash"] = senha
    ate = guardado.banido_ate(agora)
    if guardado.com_fator:
        corpo["ban_duration"] = _duracao(SEM_FIM)
    elif ate is not None:
        corpo["ban_duration"] = _duracao(min(ate - agora, SEM_FIM))
    return corpo


def _duracao(quanto: timedelta) -> str:
    return f"{math.ceil(quanto.total_seconds())}s"


def _banido(login: Login, agora: datetime) -> bool:
    ate = momento(login.valor("banned_until"))
    return ate is not None and ate > agora


def _erro(dito: _Dito, qual: str) -> FalhaDoServidor:
    """Nunca com a mensagem do Auth: pode citar o e-mail, e do que não é dele, qualquer coisa."""
    disse = " ".join(filter(None, (str(dito.status), dito.codigo)))
    if dito.status in (401, 403):
        return ChaveRecusada(
            f"O Auth não aceitou a chave de serviço ({disse}): os logins não se leem.",
            f"{ONDE_PEGAR}\nSe a chave é uma sb_secret_ e só o Auth a recusa, use a service_role"
            " antiga, ou a\nconexão direta; ou BACKUP_LOGINS=nao no .env, para não os guardar.",
        )
    if dito.status == 500:
        return FalhaDoServidor(
            f"O Auth não consegue ler o login {qual} ({disse}).",
            "Costuma ser um token nulo, ou uma data infinita, nessa linha de auth.users.\n"
            "A conexão direta (SUPABASE_DB_URL) lê-a assim mesmo.",
        )
    return FalhaDoServidor(f"O Auth respondeu {disse} ao pedido do login {qual}.", "")
