"""O documento final de uma restauração, para outro programa (--json)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cofre.base.palavras import como_se_diz
from cofre.plano.tabela import Contagem
from cofre.restauracao.conducao import Conducao
from cofre.restauracao.desfecho import contagens_em_json
from cofre.restauracao.exame import Exame
from cofre.restauracao.quadro import Quadro
from cofre.restauracao.restauracao import Restauracao


def documento_de(
    restauracao: Restauracao,
    usado: Exame,
    codigo: int,
    tabelas: Mapping[str, Contagem],
    conducao: Conducao | None,
    quadro: Quadro | None,
    mais: Mapping[str, Any],
) -> dict[str, Any]:
    """Das `tabelas`, o plano, ou o que ainda difere depois da `conducao`, e em que colunas. `mais`:
    o que quem a pediu acrescenta; o que aconteceu, diz-se por cima."""
    empresa = restauracao.empresa
    desfecho, fim = (conducao.desfecho, conducao.fim) if conducao else (None, None)
    restantes = desfecho.restantes if desfecho else tabelas
    return {
        "codigo": codigo,
        "servidor": restauracao.contexto.inspecao.catalogo.servidor,
        "empresa": {"id": empresa.id, "nome": empresa.nome},
        "backup": usado.documento(),
        "tabelas": contagens_em_json({como_se_diz(n): c for n, c in restantes.items()}),
        "reescritas": [r.documento() for r in (desfecho.reescritas if desfecho else ())],
        "nada_a_mudar": bool(quadro and quadro.vazio),
        **(quadro.documento() if quadro else {}),
        **mais,
        **(fim.documento() if fim else {}),
    }
