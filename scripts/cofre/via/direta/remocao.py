"""Apagar linhas, e dizer das que ficaram por quê."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cofre.base.erros import EscritaRecusada
from cofre.base.modelo import Tabela
from cofre.plano.chaves import Chave
from cofre.plano.escritor import IGNORADA
from cofre.plano.tabela import Acao
from cofre.via.direta import comandos
from cofre.via.direta.pontos import Pontos
from cofre.via.direta.texto import chave_de, objeto, textos


def apagar(pontos: Pontos, tabela: Tabela, lote: Sequence[Acao]) -> Sequence[Acao]:
    """Um DELETE do lote; devolve as que ainda estão lá, mudadas. Levanta EscritaRecusada, também se
    alguma ficou igual, e FalhaDoServidor."""
    linhas = [a.atual or b"{}" for a in lote]
    if not tabela.chave:
        return _sem_chave(pontos, tabela, lote, linhas)
    valores: list[object] = [_chaves(tabela, lote), textos(linhas)]
    apagadas = {
        chave_de(tabela, linha.encode())
        for (linha,) in pontos.executar(tabela, comandos.apagar(tabela), valores)
    }
    return _que_ficaram(pontos, tabela, [a for a in lote if a.chave not in apagadas])


def como_estao(pontos: Pontos, tabela: Tabela, lote: Sequence[Acao]) -> dict[Chave, bool]:
    """Destas linhas, as que ainda existem, e se são como a foto as viu. Ninguém mais as muda: a
    foto seguinte as vê como ficarão, e a passada dela chega a escrevê-las. Levanta
    FalhaDoServidor."""
    if not lote:
        return {}
    eram = textos([a.atual or b"{}" for a in lote])
    valores: list[object] = [_chaves(tabela, lote), eram]
    return {
        chave_de(tabela, linha.encode()): igual
        for linha, igual in pontos.executar(tabela, comandos.como_estao(tabela), valores)
    }


def _que_ficaram(pontos: Pontos, tabela: Tabela, lote: Sequence[Acao]) -> list[Acao]:
    estao = como_estao(pontos, tabela, lote)
    if any(estao.values()):
        raise EscritaRecusada(IGNORADA, f"o banco não apaga registros de {tabela.nome}", "")
    return [a for a in lote if a.chave in estao]


def _sem_chave(
    pontos: Pontos, tabela: Tabela, lote: Sequence[Acao], linhas: Sequence[bytes]
) -> list[Acao]:
    """De linhas iguais, tantas quantas se pediu."""
    comando = comandos.apagar_sem_chave(tabela)
    apagadas = Counter(linha for (linha,) in pontos.executar(tabela, comando, [textos(linhas)]))
    ficaram = []
    for acao, linha in zip(lote, textos(linhas), strict=True):
        apagadas[linha] -= 1
        if apagadas[linha] < 0:
            ficaram.append(acao)
    return ficaram


def _chaves(tabela: Tabela, lote: Sequence[Acao]) -> list[str]:
    return [objeto(tabela.chave, a.chave) for a in lote]
