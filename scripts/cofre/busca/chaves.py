"""A chave de um registro como se escreve num comando: os valores separados por vírgula, como num
CSV."""

from __future__ import annotations

import csv
import io

from cofre.busca.historico import Chave


def ler_chave(dita: str) -> Chave:
    """«12» → ("12",); «12,"a,b"» → ("12", "a,b")."""
    return tuple(valor.strip() for valor in next(csv.reader([dita], skipinitialspace=True), ()))


def escrever_chave(chave: Chave) -> str:
    """O contrário."""
    saida = io.StringIO()
    csv.writer(saida, lineterminator="").writerow(chave)
    return saida.getvalue()
