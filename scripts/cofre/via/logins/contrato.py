"""O que se pede dos logins, seja por que caminho for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cofre.base.erros import FalhaDoServidor
from cofre.via.logins.login import Login

LIVRE, EXISTE, APAGADO, TOMADO = "livre", "existe", "apagado", "tomado"


class SemAuth(FalhaDoServidor):
    """O projeto não tem logins: nem a API do Auth, nem auth.users."""


class SemAcesso(FalhaDoServidor):
    """O papel da conexão não lê o schema auth."""


@dataclass(frozen=True, slots=True)
class Lugar:
    """O que há hoje no lugar de um login guardado. `como`: LIVRE (o id não existe, e o e-mail e o
    telefone não são de ninguém); EXISTE; APAGADO (o id existe, marcado como apagado); TOMADO (o
    e-mail ou o telefone, `o_que`, são de outro login, `de_quem`)."""

    como: str
    o_que: str = ""
    de_quem: str = ""


SENHA_NOVA, DATAS = "senha", "datas"


@dataclass(frozen=True, slots=True)
class Criado:
    """O que se fez de um login. `ja_existia`: nada; `recusa`: por que não se criou (vazio: existe);
    `diferencas`: o que, relido, não é como era; `sem_senha`: precisa de uma nova; `banido`: entrou
    banido, porque um segundo fator que ele tinha não voltou."""

    id: str
    ja_existia: bool = False
    recusa: str = ""
    diferencas: tuple[str, ...] = ()
    sem_senha: bool = False
    banido: bool = False


class Logins(Protocol):
    """Os logins do projeto por uma via."""

    @property
    def modo(self) -> str:
        """«api» ou «direta»: que parte de um login se vê."""

    def ler(
        self, ids: Sequence[str], *, senhas: bool = False, fatores: bool = False
    ) -> Mapping[str, Login]:
        """Os que existem, por id. `senhas` e `fatores`: também os segredos, se esta via os vê.
        Levanta SemAuth e FalhaDoServidor."""

    def lugares(self, guardados: Sequence[Login]) -> Mapping[str, Lugar]:
        """O que há hoje no lugar de cada um, por id. Levanta SemAuth e FalhaDoServidor."""

    def gatilhos(self) -> bool:
        """Se, ao criar um, gatilhos do projeto podem escrever noutras tabelas."""

    def criar(self, guardado: Login) -> Criado:
        """Cria este, se o id não existe, e relê-o. Nunca muda um que existe. Levanta
        FalhaDoServidor se não se sabe o que houve."""
