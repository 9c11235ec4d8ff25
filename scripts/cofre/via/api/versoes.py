"""As linhas como estão agora no banco, com a versão de cada uma: é o que guarda uma escrita.

A versão é o `xmin`, o número da transação que escreveu a linha: muda com qualquer mudança, de
qualquer coluna e de qualquer tipo. Uma escrita que leva a versão no filtro só alcança a linha que
se leu: a que alguém mudou depois, nem que fosse num texto de mil letras, fica como está.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from cofre.base.erros import EscritaRecusada, PedidoGrande, TabelaInexistente
from cofre.base.linha import abrir_linha, texto
from cofre.base.modelo import SEM_CHAVE, Tabela
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.chaves import Chave
from cofre.plano.escritor import SEM_VERSAO
from cofre.plano.tabela import Acao
from cofre.via.api.conexao import Conexao
from cofre.via.api.consulta import Parametros, faixa_de_chaves
from cofre.via.api.filtros import Lugar, pelos_valores, por_chave
from cofre.via.api.formas import com_textos, pedidos
from cofre.via.api.pagina import Pagina, PaginaGrande

LINHAS_POR_RELEITURA = 1000


class Viva(NamedTuple):
    """Uma linha como está no banco, byte a byte, e a sua versão."""

    linha: bytes
    versao: str


def com_chave(
    conexao: Conexao, no_escopo: TabelaNoEscopo, quais: Sequence[tuple[Chave, bytes | None]]
) -> dict[Chave, Viva]:
    """As linhas que existem com estas chaves, por chave: todas de uma mesma leitura. Cada chave vem
    com a linha como se crê que está: é a que vale, se há mais de uma (numa herança de tabelas, a
    chave é única em cada uma). Levanta PedidoGrande se não vieram todas, EscritaRecusada
    (SEM_VERSAO) se o servidor não diz a versão, e FalhaDoServidor pelo resto."""
    tabela = no_escopo.tabela
    filtro = por_chave(tabela, [chave for chave, _linha in quais])
    limite = 1 if len(quais) == 1 else None
    inteira = ",".join(("*", "xmin", *pedidos(tabela)))
    pagina = _ler(conexao, tabela, inteira, filtro, limite, contar=True)
    if limite == 1 and (pagina.total or 0) > 1:
        pagina = _ler(conexao, tabela, inteira, filtro, None, contar=True)
    if pagina.total is not None and pagina.total != len(pagina.linhas):
        raise PaginaGrande(f"O servidor só manda {len(pagina.linhas)} linhas por vez.")
    crenca = dict(quais)
    vivas: dict[Chave, Viva] = {}
    for bruta in pagina.linhas:
        linha, (versao,) = _separar(tabela, bytes(bruta), ("xmin",))
        chave = valores_de(linha, tabela.chave)
        if chave not in vivas or _mais_parecida(no_escopo, crenca.get(chave), linha):
            vivas[chave] = Viva(linha, versao)
    return vivas


def _mais_parecida(no_escopo: TabelaNoEscopo, crida: bytes | None, linha: bytes) -> bool:
    """Se a linha é da mesma empresa que a que se crê: as colunas por onde se chega a ela."""
    um, outro = abrir_linha(crida or b"{}"), abrir_linha(linha)
    return all(um.get(c) == outro.get(c) for c in no_escopo.colunas_de_ligacao)


def sem_chave(
    conexao: Conexao, no_escopo: TabelaNoEscopo, acoes: Sequence[Acao]
) -> Iterator[list[tuple[Acao, Lugar]]]:
    """Onde está uma linha igual à de cada ação, byte a byte; de várias iguais, tantas quantas se
    pediu. Um grupo por leitura, até achá-las todas ou acabarem as linhas que o filtro pega. Levanta
    o mesmo que `com_chave`; PedidoGrande, só se uma linha sozinha não cabe."""
    tabela = no_escopo.tabela
    procuradas: dict[bytes, list[Acao]] = {}
    for acao in acoes:
        procuradas.setdefault(acao.atual or b"{}", []).append(acao)
    faltam = len(acoes)
    filtro = pelos_valores(no_escopo, list(procuradas))
    depois: tuple[str, ...] | None = None
    quantas = LINHAS_POR_RELEITURA
    while faltam:
        faixa = (*filtro, *faixa_de_chaves(tabela, depois, None))
        try:
            inteira = ",".join(("*", *_DO_LUGAR, *pedidos(tabela)))
            pagina = _ler(conexao, tabela, inteira, faixa, quantas)
        except PedidoGrande:
            if quantas == 1:
                raise
            quantas = max(1, quantas // 2)
            continue
        if not pagina.linhas:
            return
        achadas = []
        for bruta in pagina.linhas:
            linha, lugar = _separar(tabela, bytes(bruta), _DO_LUGAR)
            if iguais := procuradas.get(linha):
                achadas.append((iguais.pop(), Lugar(*lugar)))
        depois = lugar[: len(SEM_CHAVE)]
        faltam -= len(achadas)
        if achadas:
            yield achadas


_DO_LUGAR = (*SEM_CHAVE, "xmin")


def valores_de(linha: bytes, colunas: Sequence[str]) -> Chave:
    """Os valores destas colunas, como bytes de JSON. KeyError se a linha não as tem."""
    campos = abrir_linha(linha)
    return tuple(bytes(campos[c]) for c in colunas)


def _ler(
    conexao: Conexao,
    tabela: Tabela,
    selecao: str,
    filtro: Parametros,
    limite: int | None,
    *,
    contar: bool = False,
) -> Pagina[msgspec.Raw]:
    try:
        return conexao.ler(tabela.nome, selecao, filtro, contar=contar, limite=limite)
    except TabelaInexistente as e:
        raise _sem_versao(tabela) from e


def _separar(tabela: Tabela, bruta: bytes, fim: Sequence[str]) -> tuple[bytes, tuple[str, ...]]:
    """A linha como a foto a guarda, e o que se pediu depois de «*», em texto."""
    corte = bruta.rfind(f',"{fim[0]}":"'.encode())
    campos = abrir_linha(b"{" + bruta[corte + 1 :]) if corte >= 0 else {}
    valores = [texto(bytes(campos[nome])) for nome in fim if nome in campos]
    if len(valores) < len(fim) or None in valores:
        raise _sem_versao(tabela)
    linha = com_textos(tabela, bruta[:corte] + b"}", campos)
    return linha, tuple(v or "" for v in valores)


def _sem_versao(tabela: Tabela) -> EscritaRecusada:
    return EscritaRecusada(
        SEM_VERSAO,
        f"o servidor não diz a versão (xmin) dos registros de {tabela.nome}, e sem ela não se"
        " sabe se alguém os mudou: ficam como estão",
        "A conexão direta (SUPABASE_DB_URL) não precisa dela.",
    )
