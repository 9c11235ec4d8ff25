"""O que a vigilância aceita sem reclamar, e a quem ela avisa: os textos do .env, conferidos.

Os endereços levam um token no caminho: são segredos, e nenhum texto daqui os mostra.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from cofre.base.config.promessas import SEM_PROMESSAS, Promessa, Promessas
from cofre.base.erros import ConfiguracaoInvalida

IDADE_MAXIMA = timedelta(hours=36)
"""Um backup por dia, com meio dia de folga para uma noite que atrasou."""

PARCELA_MAXIMA = 30.0
"""Por cento das linhas que podem sumir de um backup para o outro."""

EM_DIAS = 7
"""Dias em que o que some aos poucos se soma."""

NOME_DO_PERDER = "BACKUP_PERDER_NO_MAXIMO"
NOME_DO_VOLTAR = "BACKUP_VOLTAR_EM"
_UNIDADES = {"min": "minutes", "h": "hours", "d": "days"}
_MAIOR_IDADE = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Limites:
    """`idade`: quanto pode ter o último backup inteiro; `parcela`: por cento que pode encolher, de
    um backup para o outro ou, aos poucos, em `em_dias` dias (0: isso não se olha); e o que se
    promete de cada empresa."""

    idade: timedelta = IDADE_MAXIMA
    parcela: float = PARCELA_MAXIMA
    em_dias: int = EM_DIAS
    promessas: Promessas = SEM_PROMESSAS


@dataclass(frozen=True, slots=True)
class Destinatarios:
    """Quem é avisado de cada execução. Vazio: ninguém. Nunca aparecem no repr."""

    ping: str = field(default="", repr=False)
    webhook: str = field(default="", repr=False)
    avisos: tuple[str, ...] = ()


def ler_idade(nome: str, texto: str) -> timedelta:
    """«36h», «2d» ou «90min» → o intervalo. Levanta ConfiguracaoInvalida."""
    casa = re.fullmatch(r"(\d{1,7})\s*(min|h|d)", texto.strip().lower(), re.ASCII)
    idade = timedelta(**{_UNIDADES[casa[2]]: int(casa[1])}) if casa else timedelta()
    if not timedelta() < idade <= _MAIOR_IDADE:
        raise ConfiguracaoInvalida(
            f"{nome} não é uma idade: «{texto}».", "Escreva como 36h, 2d ou 90min."
        )
    return idade


def ler_parcela(nome: str, texto: str) -> float:
    """«30» ou «30%» → 30.0. Levanta ConfiguracaoInvalida."""
    casa = re.fullmatch(r"(\d{1,3}(?:[.,]\d{1,3})?)\s*%?", texto.strip(), re.ASCII)
    parcela = float(casa[1].replace(",", ".")) if casa else 0.0
    if not 0 < parcela <= 100:
        raise ConfiguracaoInvalida(
            f"{nome} não é uma porcentagem: «{texto}».", "Escreva um número até 100, como 30%."
        )
    return parcela


def ler_dias(nome: str, texto: str) -> int:
    """«7» → 7; 0 é não olhar. Levanta ConfiguracaoInvalida."""
    if not re.fullmatch(r"[0-9]{1,3}", texto.strip()) or int(texto) > 365:
        raise ConfiguracaoInvalida(
            f"{nome} é um número de dias, de 0 a 365, não «{texto}».", "0: não se olha."
        )
    return int(texto)


def ler_promessa(valores: Mapping[str, str]) -> Promessa:
    """O que o .env promete de todas as empresas. Levanta ConfiguracaoInvalida."""
    perder, voltar = (
        ler_idade(nome, valores[nome]) if nome in valores else None
        for nome in (NOME_DO_PERDER, NOME_DO_VOLTAR)
    )
    return Promessa(perder, voltar)


def serve_de_endereco(url: str) -> bool:
    """Se é um endereço http ou https que se pode chamar."""
    try:
        partes = urlsplit(url)
        return (
            partes.scheme in ("http", "https")
            and bool(partes.hostname)
            and partes.port != 0
            and re.search(r"[^\x21-\x7e]", url) is None
        )
    except ValueError:
        return False


def sim_ou_nao(valores: Mapping[str, str], nome: str, *, padrao: str = "não") -> bool:
    """Se a variável diz «sim»; a que falta vale pelo `padrao`. Levanta ConfiguracaoInvalida."""
    valor = valores.get(nome, padrao).casefold()
    if valor not in ("sim", "não", "nao"):
        raise ConfiguracaoInvalida(f"{nome} é «sim» ou «não».", f"Vazio vale por «{padrao}».")
    return valor == "sim"
