"""As tabelas que herdam de outra (INHERITS): pela API, a mãe mostra também as linhas das filhas.

A descrição não diz quem herda de quem. Mas a filha tem todas as colunas da mãe, e uma linha dela se
vê pela mãe no mesmo lugar (`tableoid` e `ctid`). Daí em diante, cada linha é da tabela em que está:
da mãe só se leem e só se escrevem as que não têm o `tableoid` de uma filha.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from cofre.base.equipe import Equipe
from cofre.base.erros import ConsultaDemorada, PedidoRecusado, PermissaoNegada, TabelaInexistente
from cofre.base.linha import abrir_linha, texto
from cofre.base.modelo import SEM_CHAVE, Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Parametros

VEZES = 3
"""Uma linha muda de lugar quando alguém a altera: procura-se outra vez."""

Heranca = Mapping[str, tuple[tuple[str, str], ...]]
"""Por tabela-mãe: as filhas que têm linhas, e o `tableoid` delas."""


def achar(conexao: Conexao, equipe: Equipe, tabelas: Collection[Tabela]) -> Heranca:
    """Quem herda de quem, entre estas tabelas, pelas linhas que há. Levanta FalhaDoServidor."""
    pares = [
        (mae, filha)
        for mae in tabelas
        for filha in tabelas
        if mae is not filha and _poderia_herdar(filha, mae)
    ]
    tableoids = equipe.cada(lambda par: _visto_pela_mae(conexao, *par), pares)
    achadas: dict[str, tuple[tuple[str, str], ...]] = {}
    for (mae, filha), tableoid in zip(pares, tableoids, strict=True):
        if tableoid:
            achadas[mae.nome] = (*achadas.get(mae.nome, ()), (filha.nome, tableoid))
    return achadas


def com_herdeiras(
    tabelas: Mapping[str, TabelaNoEscopo], heranca: Heranca
) -> dict[str, TabelaNoEscopo]:
    """As mesmas, cada uma com as que herdam dela, também as que já se sabiam."""
    return {
        n: replace(t, tabela=replace(t.tabela, herdeiras=_juntas(t.tabela, heranca.get(n, ()))))
        for n, t in tabelas.items()
    }


def _juntas(tabela: Tabela, mais: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((*tabela.herdeiras, *mais)))


def _poderia_herdar(filha: Tabela, mae: Tabela) -> bool:
    tem = {(c.nome, c.tipo) for c in filha.colunas}
    return bool(mae.colunas) and all((c.nome, c.tipo) in tem for c in mae.colunas)


def _visto_pela_mae(conexao: Conexao, mae: Tabela, filha: Tabela) -> str:
    """O `tableoid` de uma linha da filha, se ela também se vê pela mãe; vazio se não."""
    for _ in range(VEZES):
        lugar = _um_lugar(conexao, filha.nome, ())
        if not lugar or _um_lugar(conexao, mae.nome, lugar):
            return dict(lugar).get("tableoid", "").removeprefix("eq.")
        if _um_lugar(conexao, filha.nome, lugar):
            return ""  # continua lá, e a mãe não a mostra
    return ""


def _um_lugar(conexao: Conexao, tabela: str, onde: Parametros) -> Parametros:
    """O filtro do lugar de uma linha da tabela; vazio se não há nenhuma."""
    try:
        linhas = conexao.ler(tabela, ",".join(SEM_CHAVE), onde, limite=1).linhas
    except (ConsultaDemorada, PedidoRecusado, PermissaoNegada, TabelaInexistente):
        return ()  # se for defeito da tabela, a leitura dela dirá
    if not linhas:
        return ()
    campos = abrir_linha(linhas[0])
    return tuple((nome, f"eq.{texto(bytes(campos[nome]))}") for nome in SEM_CHAVE)
