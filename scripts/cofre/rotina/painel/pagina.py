"""Do que foi lido à página: um arquivo HTML só, com o estilo, o programa e os dados dentro.

O Jinja escapa tudo o que mostra. Por cima disso, a política de conteúdo da própria página só deixa
rodar o programa dela (pelo resumo) e não deixa buscar nada em rede nenhuma.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from cofre.base.config.promessas import SEM_PROMESSAS, Promessas
from cofre.base.disco import erros_de_disco, gravar_inteiro
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
from cofre.rotina.painel.historico import DIAS, Ponto
from cofre.rotina.painel.passos import passos

if TYPE_CHECKING:
    from jinja2 import Environment, Template

ARQUIVO = "painel.html"
AQUI = Path(__file__).parent

ESTADOS: Mapping[str, tuple[str, str]] = {
    "inteira": ("inteira", "inteiras"),
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
    with breve(deposito.raiz, "painel"):
        agora = datetime.now().astimezone()
        with um_retrato():
            painel = dados.reunir(deposito, agora, idade_maxima, promessas)
        if not painel.empresas:
            return None
        caminho = deposito.raiz / ARQUIVO
        with erros_de_disco(caminho):
            gravar_inteiro(caminho, desenhar(painel).encode("utf-8", "replace"))
        return caminho


def desenhar(painel: Painel) -> str:
    """A página inteira, em HTML."""
    listas = list(dict.fromkeys(e.de_fora for e in painel.empresas if e.de_fora))
    estilo, programa = estilo_do_painel(), _ler("painel.js")
    return _modelo().render(
        painel=painel,
        listas=listas,
        lista_de={lista: n for n, lista in enumerate(listas)},
        estilo=estilo,
        programa=programa,
        resumo_do_estilo=resumo(estilo),
        resumo_do_programa=resumo(programa),
        estados=ESTADOS,
        contagens=_contagens(painel.empresas),
    )


@cache
def _modelo() -> Template:
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
        "hoje": _hoje,
        "quando_foi": _data_do_carimbo,
        "as_horas": as_horas,
        "ha_quanto": ha_quanto,
    }
    return ambiente.get_template("painel.html.jinja")


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


def _contagens(empresas: Sequence[EmpresaNoPainel]) -> dict[str, int]:
    contagens = {p: sum(p in e.problemas for e in empresas) for p in ESTADOS}
    return {**contagens, "inteira": sum(not e.problemas for e in empresas)}


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


def _hoje(painel: Painel) -> str:
    return f"{painel.gerado.astimezone():%Y-%m-%d}"


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
    restaurados = {r.quando[:10] for r in empresa.restauracoes}
    letras = []
    for dia in (hoje - timedelta(days=n) for n in reversed(range(DIAS))):
        letra = "_" if dia < primeiro else "."
        if dia in empresa.dias:
            letra = "c" if empresa.dias[dia] else "i"
        if dia.isoformat() in restaurados:
            letra = letra.upper() if letra in "ci" else "R"
        letras.append(letra)
    return "".join(letras)


EMPRESAS_NA_PAGINA = 2_000
"""A página de mil empresas com meses de backups já tem uns 3 MB."""


def atualizar_painel(
    deposito: Deposito,
    relato: Relato,
    idade_maxima: timedelta,
    promessas: Promessas = SEM_PROMESSAS,
) -> Path | None:
    """Refaz a página e devolve onde ela está; None se não há o que mostrar, ou se não deu: a página
    nunca faz falhar o que já deu certo, e por isso a causa é só um aviso. Com muitas empresas,
    fica para a ação `painel`: seria grande demais para refazer e abrir todo dia."""
    if len(deposito.pastas()) > EMPRESAS_NA_PAGINA:
        return None
    try:
        return gravar(deposito, idade_maxima, promessas)
    except Exception as e:
        erro = e if isinstance(e, ErroCofre) else DefeitoInterno(e)
        relato.aviso(f"A página não foi atualizada. {erro}")
        return None
