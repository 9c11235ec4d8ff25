"""As chaves do age: a que fecha (pública) e a que abre (privada). Só X25519, que todo `age` tem.

O texto da que abre nunca aparece: nem no repr, nem num erro, nem num log.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cofre.base.erros import ConfiguracaoInvalida, ErroDeUso
from cofre.deposito.cifra.linhas import sem_conferencia

if TYPE_CHECKING:
    from cofre.deposito.cifra.age import Identity, Recipient

COMECO = "AGE-SECRET-KEY-1"
"""Como começa uma chave que abre, em Bech32: https://github.com/C2SP/C2SP/blob/main/age.md"""
_FORMA = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_SEM_HIFENS = COMECO.replace("-", "")


@dataclass(frozen=True, slots=True, order=True)
class ChaveQueFecha:
    """Uma chave pública, `age1…` em minúsculas. Levanta ValueError se não tem a forma de uma; se é
    uma, só `conferida` sabe."""

    texto: str

    def __post_init__(self) -> None:
        if not _FORMA.fullmatch(self.texto):
            raise ValueError("não tem a forma de uma chave pública do age")

    def para_o_age(self) -> Recipient:
        """A mesma, para o pyrage. Levanta ValueError e DependenciaAusente."""
        from cofre.deposito.cifra import age

        try:
            return age.Recipient.from_str(self.texto)
        except age.RecipientError:
            raise ValueError("tem uma letra trocada") from None


@dataclass(frozen=True, repr=False)
class ChaveQueAbre:
    """Uma chave privada. `texto` só a folha de recuperação o pede."""

    _texto: str

    def __repr__(self) -> str:
        return f"ChaveQueAbre(a de {self.publica.texto})"

    @cached_property
    def publica(self) -> ChaveQueFecha:
        """A que fecha o que esta abre."""
        return ChaveQueFecha(str(self.para_o_age().to_public()))

    def texto(self) -> str:
        """A chave, em maiúsculas."""
        return self._texto

    def para_o_age(self) -> Identity:
        """A mesma, para o pyrage. Levanta DependenciaAusente."""
        from cofre.deposito.cifra import age

        return age.Identity.from_str(self._texto)


def ler_que_fecham(texto: str) -> tuple[ChaveQueFecha, ...]:
    """As chaves que fecham, como se escrevem no .env: separadas por vírgulas ou espaços, sem as
    repetidas. Levanta ConfiguracaoInvalida, que não cita uma chave privada posta ali por engano, e
    DependenciaAusente."""
    escritas = dict.fromkeys(p.strip("\"'").lower() for p in re.split(r"[\s,;]+", texto) if p)
    if any("secret" in escrita for escrita in escritas):
        raise ConfiguracaoInvalida(
            "Há uma chave que ABRE (privada) onde só pode estar a que fecha.",
            "Apague-a de lá: quem lê esse arquivo leria os backups. A chave que fecha começa por"
            " «age1» e, num arquivo do age-keygen, está na linha «# public key:».",
        )
    return tuple(_ler_que_fecha(escrita, n) for n, escrita in enumerate(escritas, 1))


def _ler_que_fecha(escrita: str, n: int) -> ChaveQueFecha:
    try:
        chave = ChaveQueFecha(escrita)
        chave.para_o_age()
    except ValueError as e:
        raise ConfiguracaoInvalida(
            f"A {n}ª chave que fecha {e}.",
            "Uma chave que fecha começa por «age1» e tem 62 letras e algarismos: copie-a inteira de"
            " onde foi criada. Só servem as do tipo X25519, que o age-keygen faz.",
        ) from None
    return chave


def ler_que_abre(texto: str) -> ChaveQueAbre:
    """A chave digitada, ou o conteúdo de um arquivo dela: comentários, espaços, hífens e a caixa
    das letras não importam, e as letras de conferência da folha podem vir. Levanta ErroDeUso, sem a
    citar, e DependenciaAusente."""
    from cofre.deposito.cifra import age

    linhas = (linha for linha in texto.splitlines() if not linha.lstrip().startswith("#"))
    junta = re.sub(r"[\s\-\u2010-\u2015]", "", "".join(linhas)).upper()
    junta = sem_conferencia(junta)
    if junta.startswith(_SEM_HIFENS) and junta.count(_SEM_HIFENS) == 1:
        inteira = COMECO + junta.removeprefix(_SEM_HIFENS)
        try:
            age.Identity.from_str(inteira)
        except age.IdentityError:
            pass
        else:
            return ChaveQueAbre(inteira)
    raise ErroDeUso(
        "O que foi dado não é uma chave que abre, ou tem uma letra trocada.",
        f"Ela começa por {COMECO} e tem 74 letras, algarismos e hífens: confira com a folha.",
    )


def gerar() -> ChaveQueAbre:
    """Uma chave nova, do gerador do sistema. Levanta DependenciaAusente."""
    from cofre.deposito.cifra import age

    return ChaveQueAbre(str(age.Identity.generate()))


def impressao(para: Iterable[ChaveQueFecha]) -> bytes:
    """Um resumo de 32 bytes deste conjunto de chaves, em qualquer ordem."""
    return hashlib.sha256("\n".join(sorted(c.texto for c in para)).encode("ascii")).digest()
