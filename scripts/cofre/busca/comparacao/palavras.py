"""Uma comparação em palavras e em JSON.

Os valores só se dizem a quem perguntou, na tela e no documento: nenhum log os guarda. O de uma
coluna que pareça guardar um segredo não se diz a ninguém.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cofre.base.apelido import apelido, com_mais, parece_segredo
from cofre.base.linha import texto
from cofre.base.palavras import como_se_diz, numero, plural, visivel
from cofre.base.valores import ESCONDIDO, mudanca, mudanca_da_coluna, valor
from cofre.busca.comparacao.comparacao import Comparada, NaoComparada, SoDeUmLado
from cofre.busca.comparacao.duas import Duas
from cofre.busca.comparacao.resumo import (
    APARECEU,
    MUDOU,
    SUMIU,
    Exemplo,
    Registro,
    TabelaComparada,
    chave_de,
    valores,
)
from cofre.busca.palavras import nome_da_linha
from cofre.deposito.zip.planilha import LINHAS_DO_EXCEL

SINAIS = {APARECEU: "+", MUDOU: "~", SUMIU: "−"}
LEGENDA = "(+ apareceu, ~ mudou, − sumiu, = igual)"

Frase = tuple[str, bool]
"""O que se diz, e se cita dados da empresa."""


def tabela(comparada: TabelaComparada, *, com_exemplos: bool = True) -> Iterator[Frase]:
    """«produtos: +0 ~818 −0 =1», o que mudou em cada coluna e, `com_exemplos`, uns poucos."""
    c = comparada
    yield f"{visivel(como_se_diz(c.duas.nome))}: {contas(c)}", False
    for frase in das_colunas(c.duas):
        yield f"   {frase}", False
    for coluna in c.colunas:
        for frase, cita in _da_coluna(c, coluna, com_exemplos=com_exemplos):
            yield f"   {frase}", cita
    for sinal, linhas, quantos in (("+", c.novos, c.apareceram), ("−", c.idos, c.sumiram)):
        if linhas and com_exemplos:
            yield f"   {sinal} {com_mais([*map(apelido, linhas)], quantos)}", True


def contas(c: TabelaComparada) -> str:
    """«+0 ~818 −0 =1»."""
    return f"+{numero(c.apareceram)} ~{numero(c.mudaram)} −{numero(c.sumiram)} ={numero(c.iguais)}"


def _da_coluna(c: TabelaComparada, coluna: str, *, com_exemplos: bool) -> Iterator[Frase]:
    mudada, segredo = c.colunas[coluna], parece_segredo(coluna)
    nao_se_mostra = f" ({ESCONDIDO})" if segredo else ""
    yield f"~ {visivel(coluna)} em {numero(mudada.registros)}{nao_se_mostra}", False
    for exemplo in mudada.exemplos if com_exemplos and not segredo else ():
        yield f"    {_exemplo(c.duas, coluna, exemplo)}", True


def quando(c: TabelaComparada, coluna: str | None) -> Iterator[Frase]:
    """O que se diz de um backup em que a tabela, ou a coluna, mudou."""
    if coluna is None:
        yield contas(c), False
        for outra in c.colunas:
            yield from _da_coluna(c, outra, com_exemplos=False)
        yield from ((frase, False) for frase in das_colunas(c.duas))
    elif coluna in c.colunas:
        yield from _da_coluna(c, coluna, com_exemplos=True)
    else:
        yield "coluna nova" if coluna in c.duas.novas else "coluna que já não há", False


def quando_em_json(c: TabelaComparada, coluna: str | None) -> dict[str, Any]:
    """O mesmo, para outro programa."""
    dito = _tabela(c)
    if coluna is None:
        return dito
    return {
        "nova": coluna in c.duas.novas,
        "ja_nao_ha": coluna in c.duas.sumidas,
        **dito["colunas"].get(coluna, {}),
    }


def das_colunas(duas: Duas) -> Iterator[str]:
    """As colunas que só há de um lado, e os registros que não se distinguem por uma chave."""
    for quais, o_que in ((duas.novas, "nova"), (duas.sumidas, "que já não há")):
        if quais:
            uma = "coluna" if len(quais) == 1 else "colunas"
            no_plural = o_que if len(quais) == 1 else {"nova": "novas"}.get(o_que, o_que)
            yield f"{uma} {no_plural}: {', '.join(map(visivel, quais))}"
    if not duas.chave and not duas.iguais:
        yield "(sem chave: um registro é a linha inteira)"


def nome(duas: Duas, linha: bytes, *, curta: bool = True) -> str:
    """«Pão de queijo (id 12)»."""
    return nome_da_linha(linha, _chave(duas, linha), curta=curta)


def _chave(duas: Duas, linha: bytes) -> dict[str, str]:
    chave = chave_de(linha, duas.chave)
    return {c: texto(v) or "" for c, v in chave.items() if not parece_segredo(c, v)}


def _exemplo(duas: Duas, coluna: str, exemplo: Exemplo) -> str:
    quem = nome(duas, exemplo.linha)
    if parece_segredo(coluna, exemplo.antes, exemplo.depois):
        return f"{quem}: mudou ({ESCONDIDO})"
    return f"{quem}: {mudanca(exemplo.antes, exemplo.depois)}"


def registro(duas: Duas, mudado: Registro) -> str:
    """«~ Pão (id 12)  preco: 12.90 → 0.01», «+ Bolo (id 13)  nome: Bolo; preco: 3.00»."""
    comeco = f"{SINAIS[mudado.o_que]} {nome(duas, mudado.linha)}"
    ditos = "; ".join(_mudancas(mudado) if mudado.o_que == MUDOU else conteudo(mudado.linha))
    return f"{comeco}  {ditos}"


def _mudancas(mudado: Registro) -> Iterator[str]:
    """«preco: 12.90 → 0.01» de cada coluna que mudou, com os valores inteiros."""
    velhos, novos = (valores(x or b"{}") for x in (mudado.antes, mudado.depois))
    for coluna in mudado.colunas:
        yield mudanca_da_coluna(coluna, velhos.get(coluna), novos.get(coluna), None)


def conteudo(linha: bytes, ate: int | None = None) -> Iterator[str]:
    """«preco: 3.00» de cada coluna que não é nula; `ate`: ver `valor`."""
    for coluna, bruto in valores(linha).items():
        if bruto != b"null" and not parece_segredo(coluna, bruto):
            yield f"{visivel(coluna)}: {valor(bruto, ate)}"


def iguais(comparadas: Sequence[TabelaComparada]) -> str:
    """«23 tabelas iguais (859 registros)»."""
    quantas = plural(len(comparadas), "tabela igual", "tabelas iguais")
    return f"{quantas} ({plural(sum(c.iguais for c in comparadas), 'registro', 'registros')})"


def nao_cabe_no_excel(c: TabelaComparada) -> bool:
    """Se a planilha dela tem mais linhas do que o Excel mostra (de um que mudou, há duas)."""
    return c.apareceram + 2 * c.mudaram + c.sumiram >= LINHAS_DO_EXCEL


def resto(comparadas: Sequence[Comparada]) -> Iterator[str]:
    """O que há a dizer das tabelas que não se compararam: «recibos: só há em 2026-11-12 03:00:00 (5
    registros)», «vendas: não se comparou: …»."""
    for c in comparadas:
        if isinstance(c, SoDeUmLado):
            conta = (
                "" if c.registros is None else f" ({plural(c.registros, 'registro', 'registros')})"
            )
            yield f"{visivel(como_se_diz(c.tabela))}: só há em {c.onde.em_palavras}{conta}"
        elif isinstance(c, NaoComparada):
            yield f"{visivel(como_se_diz(c.tabela))}: não se comparou: {visivel(c.causa)}"


# -- em JSON -----------------------------------------------------------------------------------


def documento(comparadas: Sequence[Comparada]) -> dict[str, Any]:
    """Por tabela, o mesmo, para outro programa."""
    return {
        "tabelas": {
            como_se_diz(c.duas.nome): _tabela(c)
            for c in comparadas
            if isinstance(c, TabelaComparada)
        },
        "so_de_um_lado": [
            {"tabela": como_se_diz(c.tabela), "em": c.onde.documento(), "registros": c.registros}
            for c in comparadas
            if isinstance(c, SoDeUmLado)
        ],
        "nao_comparadas": [
            {"tabela": como_se_diz(c.tabela), "causa": c.causa, "codigo": c.codigo}
            for c in comparadas
            if isinstance(c, NaoComparada)
        ],
    }


def _tabela(c: TabelaComparada) -> dict[str, Any]:
    return {
        "apareceram": c.apareceram,
        "mudaram": c.mudaram,
        "sumiram": c.sumiram,
        "iguais": c.iguais,
        "colunas_novas": list(c.duas.novas),
        "colunas_que_ja_nao_ha": list(c.duas.sumidas),
        "colunas": {
            coluna: {
                "registros": mudada.registros,
                "exemplos": [
                    {"nome": apelido(e.linha), "chave": _chave(c.duas, e.linha)}
                    | _valores(coluna, {"antes": e.antes, "depois": e.depois})
                    for e in mudada.exemplos
                ],
            }
            for coluna, mudada in c.colunas.items()
        },
    }


def _valores(coluna: str, ditos: Mapping[str, bytes | None]) -> dict[str, str | None]:
    if parece_segredo(coluna, *ditos.values()):
        return {}
    return {quando: texto(v) if v is not None else None for quando, v in ditos.items()}


def registro_em_json(duas: Duas, mudado: Registro) -> dict[str, Any]:
    """Um registro, com o conteúdo dele antes e depois, sem os segredos."""
    lados = {"antes": mudado.antes, "depois": mudado.depois}
    return {
        "tabela": como_se_diz(duas.nome),
        "o_que": mudado.o_que,
        "nome": apelido(mudado.linha),
        "chave": _chave(duas, mudado.linha),
        **({"colunas": list(mudado.colunas)} if mudado.colunas else {}),
        **{quando: sem_segredos(linha) for quando, linha in lados.items() if linha is not None},
    }


def sem_segredos(linha: bytes) -> dict[str, str | None]:
    """O texto de cada coluna, sem as que pareçam guardar um segredo."""
    return {c: texto(v) for c, v in valores(linha).items() if not parece_segredo(c, v)}
