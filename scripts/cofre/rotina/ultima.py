"""Como foi a última execução, para outros programas: `ultima_execucao.json` na pasta dos backups.

Reescrito inteiro ao fim de cada execução que faz algo, também quando ela nem começou ou foi
interrompida. `alarme` diz se quem cuida foi avisado de um problema e ainda não de que passou.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cofre import VERSAO
from cofre.base import estado

ARQUIVO = "ultima_execucao.json"


@dataclass(frozen=True, slots=True)
class UltimaExecucao:
    """Uma execução que acabou. `resumo` são os números dela; `erro` e `falhas`, o que deu errado;
    `log`, o nome do arquivo em `logs/` (vazio se não se pôde escrever); `avisada`: se a mensagem do
    que ela achou chegou a quem cuida."""

    acao: str
    inicio: datetime
    fim: datetime
    codigo: int
    resumo: Mapping[str, Any] = field(default_factory=dict)
    erro: str = ""
    falhas: tuple[str, ...] = ()
    encolhimentos: tuple[Mapping[str, Any], ...] = ()
    sumidas: tuple[Mapping[str, Any], ...] = ()
    mudancas: tuple[Mapping[str, Any], ...] = ()
    para_voltar: tuple[Mapping[str, Any], ...] = ()
    log: str = ""
    alarme: bool = False
    avisada: bool = False

    def documento(self) -> dict[str, Any]:
        """O JSON do arquivo."""
        dados = {**asdict(self), "versao_ferramenta": VERSAO}
        return {n: v.isoformat() if isinstance(v, datetime) else v for n, v in dados.items()}


FORA_DO_RESUMO = frozenset(
    "acao codigo erro dica falhas encolhimentos sumidas mudancas para_voltar empresas"
    " tabelas detalhes nomes conflitos".split()
)
"""O que tem lugar próprio, é longo demais para um arquivo pequeno, ou cita dados de uma empresa."""


def de_documento(
    acao: str, inicio: datetime, codigo: int, documento: Mapping[str, Any], log: str
) -> UltimaExecucao:
    """A execução que terminou agora, a partir do documento que ela deu (o da saída --json)."""
    return UltimaExecucao(
        acao=acao,
        inicio=inicio,
        fim=datetime.now().astimezone(),
        codigo=codigo,
        resumo={n: v for n, v in documento.items() if n not in FORA_DO_RESUMO},
        erro=str(documento.get("erro") or ""),
        falhas=tuple(documento.get("falhas") or ()),
        encolhimentos=tuple(documento.get("encolhimentos") or ()),
        sumidas=tuple(documento.get("sumidas") or ()),
        mudancas=tuple(documento.get("mudancas") or ()),
        para_voltar=tuple(documento.get("para_voltar") or ()),
        log=log,
    )


def gravar(pasta: Path, execucao: UltimaExecucao) -> None:
    """Troca o arquivo de uma vez. Levanta FalhaDeDisco."""
    estado.gravar(pasta / ARQUIVO, execucao.documento())


def havia_alarme(pasta: Path) -> bool:
    """Se a última execução deixou um problema avisado. Sem arquivo, ou ilegível, não."""
    return anterior(pasta).get("alarme") is True


def anterior(pasta: Path) -> Mapping[str, Any]:
    """O que ficou escrito da última execução. Sem arquivo, ou ilegível, nada."""
    return estado.ler(pasta / ARQUIVO, dict[str, Any]) or {}


_NOTICIA = ("acao", "codigo", "erro", "falhas", "encolhimentos", "sumidas")


def ja_dita(pasta: Path, execucao: UltimaExecucao) -> bool:
    """Se o que esta achou a última já disse hoje, tal e qual, e chegou: numa tarefa que roda muitas
    vezes por dia, o mesmo problema não se repete de quarto em quarto de hora."""
    dito, nova = anterior(pasta), execucao.documento()
    igual = all(_em_lista(dito.get(c)) == _em_lista(nova[c]) for c in _NOTICIA)
    igual = igual and _promessas(dito) == _promessas(nova)
    de_hoje = str(dito.get("inicio"))[:10] == str(nova["inicio"])[:10]
    return igual and de_hoje and dito.get("avisada") is True and not execucao.mudancas


def _promessas(dito: Mapping[str, Any]) -> list[object]:
    """O que não se cumpre, sem os tempos, que são outros a cada vez."""
    resumo = dito.get("resumo")
    achadas = resumo.get("promessas") if isinstance(resumo, Mapping) else None
    ditas = achadas if isinstance(achadas, list | tuple) else ()
    return [(p.get("id"), p.get("quebradas")) for p in ditas if isinstance(p, Mapping)]


def _em_lista(valor: object) -> object:
    return list(valor) if isinstance(valor, tuple) else valor
