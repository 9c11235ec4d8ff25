"""Linhas de uma empresa que levam para fora dela."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cofre.base.linha import texto
from cofre.base.modelo import Contradicao
from cofre.deposito.ligacoes import EXEMPLOS, Arquivo, campos, ligacoes_abertas
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import Elo
from cofre.foto.foto import Contexto


def contradicoes(arquivos: Mapping[str, Arquivo], contexto: Contexto) -> Iterator[Contradicao]:
    """Linhas desta empresa com uma ligação que leva para fora dela: as chaves estrangeiras que não
    fecham e os elos que dão em empresas diferentes."""
    abertas = ligacoes_abertas({n: [a] for n, a in arquivos.items()})
    yield from abertas
    for nome, arquivo in arquivos.items():
        if nome in ("user_approvals", "funcionarios"):
            continue  # a linha do empregado tem, de propósito, o login dele e a empresa
        divididas = _elos_divididos(arquivo, contexto.inspecao.donos)
        ja_ditas = {c.por.partition(" → ")[0] for c in abertas if c.tabela == nome}
        if divididas and not ja_ditas & {coluna for coluna, _ in arquivo.tabela.elos}:
            yield divididas


def _elos_divididos(arquivo: Arquivo, donos: Donos) -> Contradicao | None:
    """As linhas cujos elos dizem mais de uma empresa, ou None."""
    elos = [Elo(*e) for e in arquivo.tabela.elos]
    if len(elos) < 2:
        return None
    colunas = [e.coluna for e in elos]
    quantas, exemplos = 0, []
    for linha in campos(arquivo.caminho, (*colunas, *arquivo.tabela.chave)):
        pares = zip(elos, linha, strict=False)
        ditas = {donos.dono([elo], [texto(valor)]) for elo, valor in pares} - {None}
        if len(ditas) > 1:
            quantas += 1
            if quantas <= EXEMPLOS:
                exemplos.append(", ".join(texto(v) or "" for v in linha[len(elos) :]))
    if not quantas:
        return None
    return Contradicao(arquivo.tabela.nome, " ≠ ".join(colunas), quantas, tuple(exemplos))
