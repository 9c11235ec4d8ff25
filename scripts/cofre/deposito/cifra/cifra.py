"""Como um depósito cifra: para que chaves, e como reconhece o que já cifrou."""

from __future__ import annotations

import functools
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from cofre.base import perfil
from cofre.base.config.cifragem import NOME_DAS_QUE_FECHAM, NOME_DE_UMA_SO
from cofre.base.config.valores import Cifragem
from cofre.base.erros import ConfiguracaoInvalida
from cofre.deposito.cifra.chaves import ChaveQueFecha, impressao, ler_que_fecham

BYTES_DO_SEGREDO = 32


@dataclass(frozen=True, slots=True)
class Cifra:
    """As chaves que fecham. `reusar_por`: de há quanto tempo, no máximo, é o arquivo cifrado que se
    liga outra vez por não ter mudado (None: de qualquer tempo)."""

    para: tuple[ChaveQueFecha, ...]
    reusar_por: timedelta | None = None

    def marca(self, quem: str, sha256: str, sha256_cifrado: str) -> str:
        """O que diz, a quem tem o segredo deste PC e só a ele, que o arquivo cifrado com esta soma
        tem, para estas chaves, o conteúdo com esta soma; `quem`: a tabela, ou os textos dela. Sem o
        segredo, uma soma do conteúdo confirmaria palpites. Levanta FalhaDeDisco."""
        partes = (b"cofre1", impressao(self.para), quem.encode("utf-8", "surrogatepass"))
        somas = (sha256.encode("ascii"), sha256_cifrado.encode("ascii"))
        return hmac.digest(segredo(), b"\0".join((*partes, *somas)), "sha256").hex()


def de_configuracao(cifragem: Cifragem) -> Cifra | None:
    """A que o .env manda usar; None se não se cifra. Levanta ConfiguracaoInvalida, também de uma
    chave sozinha, se não se insistiu, e DependenciaAusente."""
    if not cifragem.para:
        return None
    para = ler_que_fecham(cifragem.para)
    if not para:
        raise ConfiguracaoInvalida(
            f"{NOME_DAS_QUE_FECHAM} não tem nenhuma chave.",
            "Ponha nela as que fecham, separadas por vírgula, ou apague a linha para não cifrar.",
        )
    if len(para) == 1 and not cifragem.uma_so:
        raise ConfiguracaoInvalida(
            f"{NOME_DAS_QUE_FECHAM} tem uma chave só: perdida a que a abre, perdem-se os backups.",
            "Ponha também a de reserva, separada por vírgula.\n"
            f"Se quer mesmo uma só, diga-o no .env: {NOME_DE_UMA_SO}=sim",
        )
    dias = cifragem.reusar_por
    return Cifra(para, timedelta(days=dias) if dias else None)


@functools.cache
def segredo() -> bytes:
    """O deste PC, de que saem as marcas e as sementes dos resumos. Levanta FalhaDeDisco."""
    return perfil.segredo("segredo", lambda: secrets.token_bytes(BYTES_DO_SEGREDO))
