"""Quanto os scripts demoram para começar."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from apoio.execucao import BACKUP, RESTAURACAO
from desempenho.corrida import Comando, Corrida, alternar
from desempenho.dados import encher_a_grande, esquema_da_grande
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, segundos

META = 0.150
SEM_RESPOSTA = 130
"""O código com que a restauração sai quando a entrada acaba antes da resposta."""

NOTA = (
    'A referência é `python3 -c "import supabase"`, no mesmo ambiente. O primeiro menu é a '
    "restauração com backups na pasta, até a pergunta (a entrada está vazia)."
)


def partida(banca: Banca) -> Iterator[Linha]:
    """o começo: `--help` e o primeiro menu."""
    dados = encher_a_grande(10, aos_poucos=False)
    with banca.projeto(esquema_da_grande(), dados) as projeto:
        destino = projeto.novo_destino()
        projeto.copiar(destino)
        yield _medir(banca, projeto, destino, "backup-por-empresa.py --help", BACKUP, "--help")
        ajuda = "restaurar-empresa.py --help"
        yield _medir(banca, projeto, destino, ajuda, RESTAURACAO, "--help")
        yield _medir(banca, projeto, destino, "o primeiro menu da restauração", RESTAURACAO)


def _medir(
    banca: Banca, projeto: Projeto, destino: Path, nome: str, script: Path, *argumentos: str
) -> Linha:
    correr = projeto.corredor.correr
    esperado = 0 if argumentos else SEM_RESPOSTA

    def nossa() -> Corrida:
        comando: Comando = (sys.executable, script, *argumentos)
        return correr(comando, projeto.ambiente(destino), esperados=(esperado,))

    def referencia() -> Corrida:
        return correr((sys.executable, "-c", "import supabase"), os.environ)

    pares = alternar(nossa, referencia, banca.opcoes.repeticoes_das_curtas)
    return Linha(
        medida=nome,
        nosso=segundos(pares.nosso),
        referencia=segundos(pares.referencia),
        razao=pares.razao,
        meta="≤ 150 ms" if argumentos else "—",
        cumprida=pares.nosso <= META if argumentos else None,
        nota=NOTA,
    )
