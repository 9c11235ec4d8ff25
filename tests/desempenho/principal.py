"""A linha de comando: lê as opções, mede e mostra o quadro."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from desempenho.cenarios import CENARIOS, Cenario, descricoes
from desempenho.medicao import medir
from desempenho.opcoes import ler_opcoes
from desempenho.quadro import em_markdown


def rodar(argumentos: Sequence[str], cenarios: Mapping[str, Cenario] = CENARIOS) -> int:
    """O código de saída: 0 quaisquer que sejam as razões; 1 se algo não funcionou."""
    opcoes = ler_opcoes(argumentos, descricoes(cenarios))

    def dizer(texto: str) -> None:
        if not opcoes.markdown:
            print(texto, file=sys.stderr, flush=True)

    resultado = medir(opcoes, cenarios, dizer)
    print(f"{resultado.maquina}\n\n{em_markdown(resultado.linhas)}")
    for falha in resultado.falhas:
        print(f"❌ {falha}", file=sys.stderr)
    return 1 if resultado.falhas else 0
