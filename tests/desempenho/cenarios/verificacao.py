"""Quanto `verificar` lê do disco: cada arquivo, uma vez."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apoio.execucao import metadados
from desempenho.corrida import Corrida
from desempenho.dados import (
    DONO,
    encher_a_grande,
    esquema_da_grande,
    movimentos_da_grande,
)
from desempenho.projeto import Banca
from desempenho.quadro import Linha, inteiro, tempo_e_cpu

META = 1.1
NOTA = (
    "Os bytes que o processo pede para ler (`rchar`), menos os do mesmo comando com uma empresa de "
    "uma linha (o programa e as bibliotecas), ao lado dos bytes dos arquivos. Com ligações, inclui "
    "o índice temporário em que se procuram as chaves. O tempo é do comando inteiro."
)


def verificacao(banca: Banca) -> Iterator[Linha]:
    """os bytes que `verificar` lê, ao lado dos bytes dos arquivos."""
    linhas = banca.opcoes.linhas
    fixo = _conferir(banca, 1)[0][0].lidos
    for com_ligacoes in (False, True):
        corridas, tamanho = _conferir(banca, linhas, com_ligacoes=com_ligacoes)
        lidos = corridas[0].lidos - fixo
        yield Linha(
            medida=f"verificar, {inteiro(linhas)} linhas"
            + (f", e {inteiro(linhas)} que apontam para elas" if com_ligacoes else "")
            + ": bytes lidos",
            nosso=f"{inteiro(lidos)} bytes; {tempo_e_cpu(corridas)}",
            referencia=f"{inteiro(tamanho)} bytes",
            razao=lidos / tamanho if fixo >= 0 else None,
            meta="—" if com_ligacoes else "≤ 1,1",
            cumprida=None if com_ligacoes or fixo < 0 else lidos / tamanho <= META,
            nota=NOTA,
        )


def _conferir(
    banca: Banca, linhas: int, *, com_ligacoes: bool = False
) -> tuple[list[Corrida], int]:
    """As corridas, e os bytes dos arquivos que se conferiram."""
    dados = [encher_a_grande(linhas, aos_poucos=False)]
    if com_ligacoes:
        dados.append(movimentos_da_grande(linhas))
    with banca.projeto(esquema_da_grande(), *dados) as projeto:
        destino = projeto.novo_destino()
        projeto.copiar(destino, "--empresa", DONO, direta=True)
        projeto.verificar(destino)  # sem contar: compila o que falta
        corridas = [projeto.verificar(destino) for _ in range(banca.opcoes.repeticoes)]
        return corridas, _bytes_dos_arquivos(destino)


def _bytes_dos_arquivos(destino: Path) -> int:
    return sum(
        (backup["pasta"] / tabela["arquivo"]).stat().st_size
        for backup in metadados(destino)
        for tabela in backup["tabelas"].values()
    )
