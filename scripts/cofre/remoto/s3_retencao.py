"""O que um serviço S3 diz guardar de um objeto: versões e trava.

A obstore não pergunta a configuração do balde, nem mostra os cabeçalhos de uma resposta. Mas assina
endereços: um HEAD assinado do objeto diz se ele tem versão e até quando está travado, que é o que
importa, e não o que a regra promete. Fonte: «HeadObject», na API do Amazon S3.
"""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from cofre.remoto.destino import Trava

if TYPE_CHECKING:
    from obstore.store import S3Store

_ESPERA = 15
"""Segundos."""


def olhar(loja: S3Store, nome: str) -> tuple[bool | None, Trava | None]:
    """Se o serviço guarda versões do objeto `nome`, e a trava dele. (None, None) se não se pôde
    perguntar. Uma trava que o serviço não mostra (a credencial pode não poder vê-la, e a do R2
    nunca se vê) é None também."""
    import obstore

    # O endereço é um segredo por um minuto: nenhum erro daqui sai, que o mostraria.
    with contextlib.suppress(Exception):
        endereco = obstore.sign(loja, "HEAD", nome, timedelta(minutes=1))
        pedido = urllib.request.Request(endereco, method="HEAD")
        with urllib.request.urlopen(pedido, timeout=_ESPERA) as resposta:
            return _versoes(resposta.headers), _trava(resposta.headers)
    return None, None


def _versoes(cabecalhos: Mapping[str, str]) -> bool:
    return cabecalhos.get("x-amz-version-id", "null") != "null"


def _trava(cabecalhos: Mapping[str, str]) -> Trava | None:
    modo = cabecalhos.get("x-amz-object-lock-mode")
    ate = cabecalhos.get("x-amz-object-lock-retain-until-date")
    gravado = cabecalhos.get("last-modified")
    if not modo or not ate or not gravado:
        return None
    fim = datetime.fromisoformat(ate.replace("Z", "+00:00"))
    return Trava(modo.lower(), fim, round((fim - parsedate_to_datetime(gravado)) / timedelta(1)))
