"""A restauração de uma empresa grande: tudo falta, ou uma linha difere."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from desempenho.conferencia import Resumos, conferir_backup, conferir_banco, resumos_do_banco
from desempenho.corrida import Corrida, MedicaoFalhou, Pares, alternar, mediana
from desempenho.dados import DONO, VAZIA, encher_a_grande, esquema_da_grande
from desempenho.pedidos import Pedido, por_metodo_e_status
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, decimal, inteiro, segundos, tempo_e_cpu
from desempenho.referencias import Referencias

META_PELA_API = 1.8
META_PELA_DIRETA = 4.0
META_FORA_AS_FOTOS = 2.5
META_MANDADAS = 2.1
META_DE_FOTOS = 1.3
META_DE_ESCRITAS = 9
MENOR_FOTO = 0.001
"""Com pouquíssimas linhas, a foto some no ruído do custo fixo."""

TABELAS = ("empresas", "produtos")
APAGAR = f"DELETE FROM produtos WHERE user_id = '{DONO}'"
ESTRAGAR = f"""
    UPDATE produtos SET nome = 'estragado'
    WHERE id = (SELECT id FROM produtos WHERE user_id = '{DONO}' ORDER BY codigo LIMIT 1)
"""
FORA_AS_FOTOS = (
    "Fora as fotos: a restauração inteira, menos um backup inteiro da mesma empresa, medido em "
    "seguida. A foto de antes é de uma empresa vazia, e a de depois é o que esse backup faz."
)
NOTA_DA_API = (
    f"{FORA_AS_FOTOS} A referência manda as mesmas linhas em POSTs seguidos, numa conexão, com o "
    "mesmo número de linhas por POST e `return=minimal`."
)
NOTA_DA_DIRETA = (
    f"{FORA_AS_FOTOS} A referência é `psql \\copy t from arquivo` das mesmas linhas, na mesma "
    "tabela."
)
NOTA_DAS_MANDADAS = (
    "Com o diálogo. Os bytes dos POSTs que o gateway recebeu, ao lado dos bytes das linhas no "
    "arquivo: uma vez na prova, que o servidor desfaz, e outra na gravação."
)
NOTA_DE_UMA = (
    "A referência é uma foto: um backup da mesma empresa, menos o de uma empresa sem linhas na "
    "mesma tabela (o custo fixo). O nosso é a restauração inteira, menos um backup inteiro (o "
    "começo do programa e a foto de antes)."
)


@dataclass(frozen=True, slots=True)
class Palco:
    """Uma empresa grande com um backup, e como o banco era ao tirá-lo."""

    projeto: Projeto
    destino: Path
    antes: Mapping[str, Resumos]
    linhas: int

    @property
    def arquivo(self) -> Path:
        """O arquivo da tabela grande, no backup."""
        (achado,) = self.destino.glob("empresa_*/produtos_*.json")
        return achado

    def restaurar(
        self, estrago: str, *, direta: bool = False, respondendo: bool = False
    ) -> Corrida:
        """Estraga, restaura de uma cópia do depósito e confere; só a restauração é medida."""
        self.projeto.sql(estrago)
        copia = self.projeto.novo_destino()
        shutil.copytree(self.destino, copia)
        corrida = (
            self.projeto.restaurar_respondendo(copia, DONO)
            if respondendo
            else self.projeto.restaurar(copia, DONO, direta=direta)
        )
        self.conferir()
        shutil.rmtree(copia)
        return corrida

    def conferir(self) -> None:
        """Todas as empresas são o que eram, em todas as tabelas. Levanta MedicaoFalhou."""
        for tabela, resumos in self.antes.items():
            conferir_banco(self.projeto, resumos, tabela)


@contextmanager
def palco(banca: Banca, linhas: int) -> Iterator[Palco]:
    """Um banco com a empresa grande, e o backup dela conferido."""
    dados = encher_a_grande(linhas, aos_poucos=True)
    with banca.projeto(esquema_da_grande(), dados) as projeto:
        destino = projeto.novo_destino()
        projeto.copiar(destino, "--empresa", DONO)
        conferir_backup(projeto, destino, *TABELAS)
        antes = {tabela: resumos_do_banco(projeto, tabela) for tabela in TABELAS}
        yield Palco(projeto, destino, antes, linhas)


def restauracao_pela_api(banca: Banca) -> Iterator[Linha]:
    """a restauração pela API com tudo faltando, ao lado de POSTs seguidos."""
    with palco(banca, banca.opcoes.linhas) as cena:
        with cena.projeto.gateway.contando() as pedidos:
            cena.restaurar(APAGAR)
        por_post = _linhas_por_post(cena, pedidos)
        referencias = Referencias(cena.projeto)

        def gravar() -> Corrida:
            return referencias.gravar_pela_api("produtos", cena.arquivo, por_post)

        yield from _tudo_falta(banca, cena, gravar, direta=False)
        yield _mandadas(cena)


def restauracao_pela_direta(banca: Banca) -> Iterator[Linha]:
    """a restauração pela direta com tudo faltando, ao lado de um `COPY FROM`."""
    with palco(banca, banca.opcoes.linhas) as cena:
        arquivo = cena.projeto.pasta / "linhas.copy"
        referencias = Referencias(cena.projeto)
        referencias.tirar_para_copy("produtos", DONO, arquivo)

        def gravar() -> Corrida:
            return referencias.gravar_pelo_psql("produtos", arquivo)

        yield from _tudo_falta(banca, cena, gravar, direta=True)


def uma_linha(banca: Banca) -> Iterator[Linha]:
    """a restauração pela API quando uma linha difere: em fotos, e em escritas."""
    with palco(banca, banca.opcoes.linhas) as cena:
        fixo = mediana(
            [cena.projeto.copiar_e_apagar(VAZIA) for _ in range(banca.opcoes.repeticoes)]
        )
        with cena.projeto.gateway.contando() as pedidos:
            cena.restaurar(ESTRAGAR)
        pares = alternar(
            lambda: cena.restaurar(ESTRAGAR),
            lambda: cena.projeto.copiar_e_apagar(DONO),
            banca.opcoes.repeticoes,
        )
    depois = [a.segundos - b.segundos for a, b in zip(pares.nossas, pares.referencias, strict=True)]
    fotos = [max(b.segundos - fixo, MENOR_FOTO) for b in pares.referencias]
    razao = statistics.median(d / f for d, f in zip(depois, fotos, strict=True))
    nome = f"restauração pela API, 1 linha de {inteiro(cena.linhas)} difere"
    yield Linha(
        medida=f"{nome}: depois da foto de antes",
        nosso=segundos(statistics.median(depois)),
        referencia=f"{segundos(statistics.median(fotos))} (uma foto)",
        razao=razao,
        meta=f"≤ {decimal(META_DE_FOTOS, 1)} fotos",
        cumprida=razao <= META_DE_FOTOS,
        nota=NOTA_DE_UMA,
    )
    yield _escritas(nome, pedidos)


def _escritas(nome: str, pedidos: list[Pedido]) -> Linha:
    escritas = [p for p in pedidos if p.escrita]
    gravaram = [p for p in escritas if p.gravou]
    provas = len(escritas) - len(gravaram)
    return Linha(
        medida=f"{nome}: escritas",
        nosso=f"{len(gravaram)} (e {provas} recusadas)",
        meta=f"≤ {META_DE_ESCRITAS}",
        cumprida=len(gravaram) <= META_DE_ESCRITAS,
        nota="Pedidos com método de escrita que o gateway viu: "
        + ", ".join(por_metodo_e_status(escritas)),
    )


def _mandadas(cena: Palco) -> Linha:
    """Quantas vezes as linhas a gravar atravessam a rede numa restauração com o diálogo."""
    with cena.projeto.gateway.contando() as pedidos:
        cena.restaurar(APAGAR, respondendo=True)
    mandados = sum(p.recebidos for p in pedidos if p.metodo == "POST" and p.tabela == "produtos")
    das_linhas = cena.arquivo.stat().st_size
    return Linha(
        medida=f"restauração pela API com o diálogo, {inteiro(cena.linhas)} linhas: bytes mandados",
        nosso=inteiro(mandados),
        referencia=inteiro(das_linhas),
        razao=mandados / das_linhas,
        meta=f"≤ {decimal(META_MANDADAS, 1)}",
        cumprida=mandados / das_linhas <= META_MANDADAS,
        nota=NOTA_DAS_MANDADAS,
    )


def _linhas_por_post(cena: Palco, pedidos: list[Pedido]) -> int:
    """Quantas linhas a restauração pôs em cada POST, em média, para cima."""
    posts = [p for p in pedidos if p.metodo == "POST" and p.tabela == "produtos" and p.gravou]
    cheios = [p for p in posts if p.recebidos > max(q.recebidos for q in posts) // 10]
    if not cheios:
        raise MedicaoFalhou("A restauração não fez POST nenhum")
    return -(-cena.linhas // len(cheios))


def _tudo_falta(
    banca: Banca, cena: Palco, gravar: Callable[[], Corrida], *, direta: bool
) -> Iterator[Linha]:
    fotos: list[Corrida] = []

    def nossa() -> Corrida:
        corrida = cena.restaurar(APAGAR, direta=direta)
        fotos.append(cena.projeto.copiar_e_apagar(DONO, direta=direta))
        return corrida

    def referencia() -> Corrida:
        cena.projeto.sql(APAGAR)
        corrida = gravar()
        cena.conferir()
        return corrida

    pares = alternar(nossa, referencia, banca.opcoes.repeticoes)
    via = "direta" if direta else "API"
    nome = f"restauração pela {via}, {inteiro(cena.linhas)} linhas, todas faltam"
    meta = META_PELA_DIRETA if direta else META_PELA_API
    yield Linha(
        f"{nome}: comando inteiro",
        tempo_e_cpu(pares.nossas),
        tempo_e_cpu(pares.referencias),
        pares.razao,
        f"≤ {decimal(meta, 1)}",
        pares.razao <= meta,
    )
    yield _fora_as_fotos(f"{nome}: fora as fotos", pares, fotos, direta=direta)


def _fora_as_fotos(nome: str, pares: Pares, fotos: Sequence[Corrida], *, direta: bool) -> Linha:
    fora = [a.segundos - f.segundos for a, f in zip(pares.nossas, fotos, strict=True)]
    trios = zip(fora, pares.referencias, strict=True)
    razao = statistics.median(f / r.segundos for f, r in trios)
    return Linha(
        medida=nome,
        nosso=segundos(statistics.median(fora)),
        referencia=segundos(pares.referencia),
        razao=razao,
        meta=f"≤ {decimal(META_FORA_AS_FOTOS, 1)}" if direta else "—",
        cumprida=razao <= META_FORA_AS_FOTOS if direta else None,
        nota=NOTA_DA_DIRETA if direta else NOTA_DA_API,
    )
