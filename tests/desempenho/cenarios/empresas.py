"""Muitas empresas pequenas: pedidos, tempo pela internet, e a carga de milhares delas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from desempenho.conferencia import conferir_backup
from desempenho.corrida import Corrida
from desempenho.dados import DONO, muitas_pequenas, tabelas_pequenas
from desempenho.pedidos import Pedido, por_metodo_e_status, por_tabela
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, decimal, inteiro, segundos

META_DE_PEDIDOS = 2.0
META_DA_ESPERA = 1.3
FOLGA_DA_CARGA = 1.10
DESCRITORES_A_MAIS = 10
"""Entre duas olhadas podem abrir e fechar: só interessa que não cresçam com as empresas."""

TABELAS_DA_CARGA = 2
NOTA_DA_MULTIDAO = (
    "Com o atraso em cada pedido. A referência é pedidos × atraso ÷ conexões, com os pedidos que "
    "fizemos; na outra linha, com os dois por tabela por empresa da primeira maneira."
)
NOTA_DA_CARGA = (
    "O mesmo comando com poucas empresas na coluna da referência, com muitas na nossa; os "
    "descritores são olhados enquanto ele roda."
)


def pedidos_por_tabela(banca: Banca) -> Iterator[Linha]:
    """quantos pedidos o gateway vê por tabela pequena de cada empresa."""
    opcoes = banca.opcoes
    with banca.projeto(muitas_pequenas(opcoes.empresas, opcoes.tabelas)) as projeto:
        uma = _contar(projeto, "--empresa", DONO)
        todas = _contar(projeto)
    nota = (
        f"Vistos no gateway. Uma empresa sozinha: {', '.join(por_metodo_e_status(uma))}; as "
        f"{inteiro(opcoes.empresas)}: {', '.join(por_metodo_e_status(todas))}. Os da foto são os "
        "que levam o id da empresa; os outros são a descoberta, uma vez por execução."
    )
    da_foto = [p for p in uma if DONO in p.consulta]
    pior = max(por_tabela(da_foto).values())
    yield _pedidos("da foto, por tabela, uma empresa sozinha", len(da_foto) / opcoes.tabelas, nota)
    yield _pedidos("da foto, na tabela com mais, uma empresa sozinha", pior, nota)
    a_mais = (len(todas) - len(uma)) / (opcoes.empresas - 1) / opcoes.tabelas
    yield _pedidos("a mais por tabela de cada outra empresa", a_mais, nota)
    yield Linha("pedidos da descoberta", inteiro(len(uma) - len(da_foto)), nota=nota)


def _contar(projeto: Projeto, *argumentos: str) -> list[Pedido]:
    with projeto.gateway.contando() as pedidos:
        projeto.copiar(projeto.novo_destino(), *argumentos)
    return pedidos


def _pedidos(oque: str, quantos: float, nota: str) -> Linha:
    return Linha(
        medida=f"pedidos {oque}",
        nosso=decimal(quantos),
        meta="≤ 2",
        cumprida=quantos <= META_DE_PEDIDOS,
        nota=nota,
    )


def muitas_empresas(banca: Banca) -> Iterator[Linha]:
    """muitas empresas pequenas, pela internet: o tempo ao lado do que os pedidos esperam."""
    o = banca.opcoes
    with banca.projeto(muitas_pequenas(o.empresas, o.tabelas), atraso=o.atraso) as projeto:
        destino = projeto.novo_destino()
        with projeto.gateway.contando() as pedidos:
            corrida = projeto.copiar(destino, "--conexoes", str(o.conexoes))
        conferir_backup(projeto, destino, "empresas", *tabelas_pequenas(o.tabelas))
    nome = (
        f"{inteiro(o.empresas)} empresas × {o.tabelas} tabelas, {o.atraso} ms, "
        f"{o.conexoes} conexões"
    )
    espera = o.atraso / 1000 / o.conexoes
    a_nossa = len(pedidos) * espera
    yield Linha(
        medida=f"{nome}: os nossos {inteiro(len(pedidos))} pedidos",
        nosso=segundos(corrida.segundos),
        referencia=segundos(a_nossa),
        razao=corrida.segundos / a_nossa,
        meta="≤ 1,3",
        cumprida=corrida.segundos / a_nossa <= META_DA_ESPERA,
        nota=NOTA_DA_MULTIDAO,
    )
    da_primeira = 2 * o.empresas * o.tabelas
    yield Linha(
        medida=f"{nome}: {inteiro(da_primeira)} pedidos, dois por tabela",
        nosso=segundos(corrida.segundos),
        referencia=segundos(da_primeira * espera),
        razao=corrida.segundos / (da_primeira * espera),
        nota=NOTA_DA_MULTIDAO,
    )


@dataclass(frozen=True, slots=True)
class Carga:
    """O backup e a lista de tantas empresas."""

    empresas: int
    backup: Corrida
    lista: Corrida


def carga(banca: Banca) -> Iterator[Linha]:
    """milhares de empresas copiadas e listadas: memória, descritores e o que diz a tela."""
    poucas = _carregar(banca, banca.opcoes.punhado)
    muitas = _carregar(banca, banca.opcoes.multidao)
    nome = f"{inteiro(muitas.empresas)} empresas contra {inteiro(poucas.empresas)}"
    yield _memoria(f"carga, backup de {nome}", muitas.backup, poucas.backup)
    yield _memoria(f"carga, listar {nome}", muitas.lista, poucas.lista)
    agora, antes = muitas.backup.descritores, poucas.backup.descritores
    yield Linha(
        f"carga, backup de {nome}: descritores abertos",
        inteiro(agora),
        inteiro(antes),
        agora / antes,
        f"até {DESCRITORES_A_MAIS} a mais",
        agora <= antes + DESCRITORES_A_MAIS,
        NOTA_DA_CARGA,
    )
    agora_tela, antes_tela = (
        len(c.backup.saida + c.backup.erros) / c.empresas for c in (muitas, poucas)
    )
    yield _linha(
        f"carga, backup de {nome}: escrito na tela, por empresa",
        f"{decimal(agora_tela, 0)} bytes",
        f"{decimal(antes_tela, 0)} bytes",
        agora_tela,
        antes_tela,
    )
    yield Linha(
        f"carga, backup de {nome}: tempo",
        segundos(muitas.backup.segundos),
        segundos(poucas.backup.segundos),
        nota=NOTA_DA_CARGA,
    )


def _carregar(banca: Banca, empresas: int) -> Carga:
    banca.dizer(f"{inteiro(empresas)} empresas")
    with banca.projeto(muitas_pequenas(empresas, TABELAS_DA_CARGA)) as projeto:
        destino = projeto.novo_destino()
        backup = projeto.copiar(destino, vigiar=True)
        conferir_backup(projeto, destino, "empresas", *tabelas_pequenas(TABELAS_DA_CARGA))
        return Carga(empresas, backup, projeto.copiar(destino, "listar"))


def _memoria(nome: str, muitas: Corrida, poucas: Corrida) -> Linha:
    agora, antes = muitas.pico_mb, poucas.pico_mb
    return _linha(
        f"{nome}: memória", f"{decimal(agora, 1)} MB", f"{decimal(antes, 1)} MB", agora, antes
    )


def _linha(medida: str, nosso: str, referencia: str, agora: float, antes: float) -> Linha:
    razao = agora / antes
    return Linha(medida, nosso, referencia, razao, "≤ 1,10", razao <= FOLGA_DA_CARGA, NOTA_DA_CARGA)
