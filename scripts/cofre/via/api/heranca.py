"""As tabelas que herdam de outra (INHERITS): pela API, a mãe mostra também as linhas das filhas.

A descrição não diz quem herda de quem. Mas a filha tem todas as colunas da mãe, e uma linha dela se
vê pela mãe no mesmo lugar (`tableoid` e `ctid`). Daí em diante, cada linha é da tabela em que está:
da mãe só se leem e só se escrevem as que não têm o `tableoid` de uma filha.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from cofre.base.equipe import Equipe
from cofre.base.erros import ConsultaDemorada, PedidoRecusado, PermissaoNegada, TabelaInexistente
from cofre.base.linha import abrir_linha, texto
from cofre.base.modelo import SEM_CHAVE, Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Parametros, valor_citado

VEZES = 3
"""Uma linha muda de lugar quando alguém a altera: procura-se outra vez."""

POR_PEDIDO = 25
"""Lugares que se procuram de uma vez: cada um são uns setenta bytes da URL."""

Heranca = Mapping[str, tuple[tuple[str, str], ...]]
"""Por tabela-mãe: as filhas que têm linhas, e o `tableoid` delas."""

Par = tuple[str, str]
"""(mãe, filha)."""


class Lugar(NamedTuple):
    """Onde está uma linha, em textos."""

    tableoid: str
    ctid: str


def achar(
    conexao: Conexao, equipe: Equipe, tabelas: Collection[Tabela], negados: set[Par]
) -> Heranca:
    """Quem herda de quem, entre estas tabelas, pelas linhas que há: três perguntas por tabela que
    podia herdar, e não por par, que com muitas tabelas iguais seriam milhares. Os pares `negados`
    já se sabe que não, e não se perguntam; os que se ficam a saber juntam-se a eles. Levanta
    FalhaDoServidor."""
    podem = {f.nome: [m.nome for m in tabelas if _poderia_herdar(f, m)] for f in tabelas}
    por_ver = {f: [m for m in maes if (m, f) not in negados] for f, maes in podem.items()}
    achadas: dict[Par, str] = {}
    for _ in range(VEZES):
        por_ver = _procurar(conexao, equipe, por_ver, achadas, negados)
    nomes = [t.nome for t in tabelas]
    return {
        mae: tuple((f, achadas[mae, f]) for f in nomes if (mae, f) in achadas)
        for mae in dict.fromkeys(m for m, _ in achadas)
    }


def _procurar(
    conexao: Conexao,
    equipe: Equipe,
    por_ver: Mapping[str, Sequence[str]],
    achadas: dict[Par, str],
    negados: set[Par],
) -> dict[str, list[str]]:
    """Acrescenta às `achadas` o `tableoid` de cada filha que se vê por uma mãe das que tem
    `por_ver`, e aos `negados` os pares em que não se vê; devolve as que é preciso procurar outra
    vez, que a linha saiu de onde estava."""
    filhas = [filha for filha, maes in por_ver.items() if maes]
    todos = equipe.cada(lambda filha: _um_lugar(conexao, filha), filhas)
    lugares = {f: lugar for f, lugar in zip(filhas, todos, strict=True) if lugar is not None}
    nas_maes: dict[str, dict[str, Lugar]] = {}
    for filha, lugar in lugares.items():
        for mae in por_ver[filha]:
            nas_maes.setdefault(mae, {})[filha] = lugar
    vistas = equipe.cada(lambda par: _vistas(conexao, *par), nas_maes.items())
    for mae, (suas, _) in zip(nas_maes, vistas, strict=True):
        achadas.update({(mae, filha): lugares[filha].tableoid for filha in suas})
    mudas = {mae for mae, (_, leu_se) in zip(nas_maes, vistas, strict=True) if not leu_se}
    faltam = {f: [m for m in por_ver[f] if (m, f) not in achadas] for f in lugares}
    # A que continua onde estava não se vê por essas mães.
    duvidosas = [filha for filha, maes in faltam.items() if maes]
    ainda = equipe.cada(lambda f: _um_lugar(conexao, f, (lugares[f],)), duvidosas)
    movidas = [f for f, lugar in zip(duvidosas, ainda, strict=True) if lugar is None]
    quietas = (f for f in duvidosas if f not in movidas)
    negados.update((m, f) for f in quietas for m in faltam[f] if m not in mudas)
    return {f: faltam[f] for f in movidas}


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
    colunas = mae.colunas if mae is not filha else ()
    return bool(colunas) and all((c.nome, c.tipo) in tem for c in colunas)


def _vistas(conexao: Conexao, mae: str, filhas: Mapping[str, Lugar]) -> tuple[set[str], bool]:
    """Destas filhas, as de que a linha neste lugar também se vê pela mãe; e se ela se deixou
    ler."""
    vistas: set[str] = set()
    nomes = list(filhas)
    for n in range(0, len(nomes), POR_PEDIDO):
        algumas = nomes[n : n + POR_PEDIDO]
        por_ver = {filhas[f] for f in algumas}
        # Uma resposta pode trazer menos linhas do que há: pergunta-se até não vir nenhuma.
        while por_ver:
            achados = _lugares(conexao, mae, por_ver)
            if achados is None:
                return vistas, False
            if not (achados := achados & por_ver):
                break
            vistas |= {f for f in algumas if filhas[f] in achados}
            por_ver -= achados
    return vistas, True


def _um_lugar(conexao: Conexao, tabela: str, entre: Sequence[Lugar] = ()) -> Lugar | None:
    """O de uma linha da tabela (num destes lugares, se ditos); None se não há nenhuma."""
    return next(iter(_lugares(conexao, tabela, entre, limite=1) or ()), None)


def _lugares(
    conexao: Conexao, tabela: str, entre: Collection[Lugar], limite: int | None = None
) -> set[Lugar] | None:
    """Onde há linhas da tabela (entre estes lugares, se ditos); None se ela não se deixa ler."""
    termos = ",".join(
        f"and(tableoid.eq.{x.tableoid},ctid.eq.{valor_citado(x.ctid)})" for x in entre
    )
    onde: Parametros = (("or", f"({termos})"),) if termos else ()
    try:
        linhas = conexao.ler(tabela, ",".join(SEM_CHAVE), onde, limite=limite or len(entre)).linhas
    except (ConsultaDemorada, PedidoRecusado, PermissaoNegada, TabelaInexistente):
        return None  # se for defeito da tabela, a leitura dela dirá
    campos = map(abrir_linha, linhas)
    return {Lugar(*(texto(bytes(dela[nome])) or "" for nome in SEM_CHAVE)) for dela in campos}
