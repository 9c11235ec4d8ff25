"""Do que foi lido à página: um arquivo HTML só, com o estilo, o programa e os dados dentro.

O Jinja escapa tudo o que mostra. Por cima disso, a política de conteúdo da própria página só deixa
rodar o programa dela (pelo resumo) e não deixa buscar nada em rede nenhuma.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from cofre.base.config.promessas import SEM_PROMESSAS, Promessas
from cofre.base.disco import erros_de_disco, gravando_inteiro
from cofre.base.erros import DefeitoInterno, DependenciaAusente, ErroCofre
from cofre.base.palavras import (
    com_datas_da_pagina,
    como_se_diz,
    na_pagina,
    numero,
    plural,
    tamanho,
    visivel,
)
from cofre.base.relato import Relato
from cofre.deposito.carimbo import momento
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import CONCLUIDA, DEIXADA, DESFEITA, EM_ANDAMENTO, INCOMPLETA
from cofre.deposito.ensaios import EM_PALAVRAS
from cofre.deposito.idade import as_horas, ha_quanto
from cofre.deposito.retrato import um_retrato
from cofre.deposito.trava import breve
from cofre.rotina.painel import dados
from cofre.rotina.painel.dados import EmpresaNoPainel, Painel
from cofre.rotina.painel.escrita import INTEIRA, Escrita
from cofre.rotina.painel.historico import DIAS, Ponto
from cofre.rotina.painel.passos import passos

if TYPE_CHECKING:
    from jinja2 import Environment

ARQUIVO = "painel.html"
AQUI = Path(__file__).parent

ESTADOS: Mapping[str, tuple[str, str]] = {
    INTEIRA: ("inteira", "inteiras"),
    dados.SUMIDA: ("sumiu do banco", "sumiram do banco"),
    dados.POR_CONCLUIR: ("restauração por concluir", "restaurações por concluir"),
    dados.INCOMPLETA: ("incompleta", "incompletas"),
    dados.VELHA: ("velha", "velhas"),
    dados.ENCOLHIDA: ("encolhida", "encolhidas"),
    dados.MUDADA: ("mudou muito", "mudaram muito"),
    dados.SEM_COPIA: ("cópia fora por fazer", "cópias fora por fazer"),
    dados.QUEBRADA: ("promessa por cumprir", "promessas por cumprir"),
}
"""O que se diz de uma empresa e de várias, na ordem da página."""

DESFECHOS: Mapping[str, str] = {
    CONCLUIDA: "concluída",
    DESFEITA: "desfeita",
    INCOMPLETA: "incompleta",
    DEIXADA: "deixada como estava",
    EM_ANDAMENTO: "não terminou",
}


def gravar(
    deposito: Deposito, idade_maxima: timedelta, promessas: Promessas = SEM_PROMESSAS
) -> Path | None:
    """Escreve a página na raiz do depósito e devolve onde; None se não há empresa nenhuma.
    `idade_maxima`: a partir de quando o backup inteiro mais novo é velho. Levanta FalhaDeDisco ou
    TravaOcupada."""
    if not deposito.pastas():
        return None
    # Quem acaba depois escreve por último: a página é a da última execução.
    with breve(deposito.raiz, "painel"), um_retrato():
        agora = datetime.now().astimezone()
        painel = dados.reunir(deposito, agora, idade_maxima, promessas)
        empresas = iter(painel.empresas)
        primeira = next(empresas, None)
        if primeira is None:
            return None
        painel = replace(painel, empresas=chain((primeira,), empresas))
        caminho = deposito.raiz / ARQUIVO
        with erros_de_disco(caminho), gravando_inteiro(caminho) as arquivo:
            for parte in desenhar(painel):
                arquivo.write(parte.encode("utf-8", "replace"))
        return caminho


def desenhar(painel: Painel) -> Iterator[str]:
    """A página inteira, em HTML, aos bocados. Levanta FalhaDeDisco."""
    estilo, programa = estilo_do_painel(), _ler("painel.js")
    hoje = painel.gerado.astimezone().date()
    modelo = _modelos().get_template("empresa.html.jinja")

    def empresa(e: EmpresaNoPainel, lista: int | None) -> str:
        return modelo.render(e=e, hoje=hoje, lista=lista)

    return (
        _modelos()
        .get_template("painel.html.jinja")
        .generate(
            painel=painel,
            escrita=Escrita(painel, empresa),
            hoje=hoje,
            gravidade=dados.GRAVIDADE,
            estilo=estilo,
            programa=programa,
            resumo_do_estilo=resumo(estilo),
            resumo_do_programa=resumo(programa),
        )
    )


@cache
def _modelos() -> Environment:
    ambiente = ambiente_em(AQUI)
    ambiente.filters |= {
        "data": _data,
        "dita": como_se_diz,
        "datas": com_datas_da_pagina,
        "data_do_diario": _data_do_diario,
        "segundos": lambda quando: int(quando.timestamp()),
        "link": lambda pasta: quote(pasta) + "/",
        "serie": _serie,
        "calendario": calendario,
        "desfecho": lambda estado: DESFECHOS.get(estado, visivel(estado)),
        "passos": passos,
        "como": lambda como: EM_PALAVRAS.get(como, visivel(como)),
    }
    ambiente.globals |= {
        "estados": ESTADOS,
        "quando_foi": _data_do_carimbo,
        "as_horas": as_horas,
        "ha_quanto": ha_quanto,
    }
    return ambiente


def ambiente_em(pasta: Path) -> Environment:
    """Onde se desenham os modelos desta pasta. O Jinja só é importado por quem desenha uma página.
    Levanta DependenciaAusente."""
    try:
        from jinja2 import Environment as Novo
        from jinja2 import FileSystemLoader, StrictUndefined
    except ModuleNotFoundError as e:
        raise DependenciaAusente.de(e) from e
    ambiente = Novo(
        loader=FileSystemLoader(pasta, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ambiente.filters |= {"visivel": visivel, "numero": numero, "tamanho": tamanho}
    ambiente.globals |= {"plural": plural}
    return ambiente


def estilo_do_painel() -> str:
    """O estilo da página, que outras também usam."""
    return _ler("painel.css")


def _ler(nome: str) -> str:
    return (AQUI / nome).read_text(encoding="utf-8")


def resumo(texto: str) -> str:
    """O resumo de um bloco, como a política de conteúdo o escreve."""
    return "sha256-" + base64.b64encode(hashlib.sha256(texto.encode()).digest()).decode()


@lru_cache(maxsize=256)
def _data(quando: datetime) -> str:
    return na_pagina(quando.astimezone())


def _data_do_carimbo(carimbo: str) -> str:
    try:
        return _data(momento(carimbo))
    except ValueError:
        return visivel(carimbo)


def _data_do_diario(quando: str) -> str:
    try:
        return _data(datetime.fromisoformat(quando))
    except (ValueError, OverflowError, OSError):  # não é data, ou é de um ano que não se mostra
        return visivel(quando)


def _serie(pontos: Sequence[Ponto]) -> str:
    """«horas desde o primeiro:registros:bytes», um por ponto, separados por espaços."""
    if not pontos:
        return ""
    comeco = pontos[0].quando
    return " ".join(
        f"{(p.quando - comeco) // timedelta(hours=1)}:{p.registros}:{p.bytes}" for p in pontos
    )


def calendario(empresa: EmpresaNoPainel, hoje: date) -> str:
    """Uma letra por dia, até hoje: «c» com backup inteiro, «i» só com um que não o é, «.» sem
    nenhum, «_» antes do primeiro de todos. Maiúscula («R», se não houve backup): restauração."""
    primeiro = min(empresa.dias, default=hoje)
    letras = ["_" if dia < primeiro else "." for dia in _ultimos(hoje)]
    for dia, inteiro in empresa.dias.items():
        if 0 <= (n := (hoje - dia).days) < DIAS:
            letras[DIAS - 1 - n] = "c" if inteiro else "i"
    restaurados = {r.quando[:10] for r in empresa.restauracoes}
    for n, dia in enumerate(_ultimos(hoje) if restaurados else ()):
        if dia.isoformat() in restaurados:
            letras[n] = letras[n].upper() if letras[n] in "ci" else "R"
    return "".join(letras)


@cache
def _ultimos(hoje: date) -> tuple[date, ...]:
    return tuple(hoje - timedelta(days=n) for n in reversed(range(DIAS)))


NUM_INSTANTE = 10_000
"""Até tantas empresas, a página refaz-se em poucos segundos."""


def atualizar_painel(
    deposito: Deposito,
    relato: Relato,
    idade_maxima: timedelta,
    promessas: Promessas = SEM_PROMESSAS,
    *,
    com_todas: bool = False,
) -> Path | None:
    """Refaz a página e devolve onde ela está; None se não há o que mostrar, ou se não deu: a página
    nunca faz falhar o que já deu certo, e por isso a causa é só um aviso. Com mais empresas do que
    as de NUM_INSTANTE só se refaz se `com_todas`: quem mexeu numa não espera pelas outras."""
    if not com_todas and len(deposito.pastas()) > NUM_INSTANTE:
        return None
    try:
        return gravar(deposito, idade_maxima, promessas)
    except Exception as e:
        erro = e if isinstance(e, ErroCofre) else DefeitoInterno(e)
        relato.aviso(f"A página não foi atualizada. {erro}")
        return None
