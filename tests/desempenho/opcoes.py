"""As opções da linha de comando: os tamanhos do que se mede."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Opcoes:
    """`linhas`: da tabela grande; `linhas_demais`: da maior de todas (memória, custo por linha);
    `linhas_poucas`: o que se compara com ela; `empresas` e `tabelas`: de muitas empresas pequenas;
    `multidao` e `punhado`: as empresas da carga; `backups`: de uma empresa só, no histórico;
    `atraso`: ms a mais em cada pedido; `frota` e `atraso_da_frota`: o mesmo, com muitos
    trabalhadores."""

    linhas: int
    linhas_demais: int
    linhas_poucas: int
    empresas: int
    tabelas: int
    multidao: int
    punhado: int
    backups: int
    atraso: int
    conexoes: int
    repeticoes: int
    frota: int
    atraso_da_frota: int
    so: tuple[str, ...] = ()
    markdown: bool = False

    @property
    def repeticoes_das_curtas(self) -> int:
        """O que acaba logo varia mais, e custa menos medir outra vez."""
        return 2 * self.repeticoes - 1


COMPLETO: Final = Opcoes(
    linhas=300_000,
    linhas_demais=3_000_000,
    linhas_poucas=10_000,
    empresas=200,
    tabelas=20,
    multidao=10_000,
    punhado=100,
    backups=10_000,
    atraso=100,
    conexoes=8,
    repeticoes=5,
    frota=1_000,
    atraso_da_frota=400,
)
"""Os tamanhos da meta."""

PADRAO: Final = replace(
    COMPLETO,
    linhas=100_000,
    linhas_demais=300_000,
    empresas=50,
    multidao=1_000,
    repeticoes=3,
    frota=300,
)
RAPIDO: Final = replace(
    COMPLETO,
    linhas=10_000,
    linhas_demais=20_000,
    linhas_poucas=2_000,
    empresas=10,
    tabelas=5,
    multidao=100,
    punhado=10,
    backups=200,
    repeticoes=2,
    frota=100,
    atraso_da_frota=100,
)
NUMEROS: Final = {
    "linhas": "da tabela grande",
    "linhas_demais": "da maior, na memória e no custo por linha",
    "linhas_poucas": "do que se compara com ela",
    "empresas": "quantas, em muitas empresas pequenas",
    "tabelas": "quantas tabelas tem cada uma delas",
    "multidao": "quantas empresas, na carga",
    "backups": "quantos, de uma empresa só, no histórico",
    "atraso": "milissegundos a mais em cada pedido, em muitas empresas pequenas",
    "conexoes": "pedidos ao mesmo tempo, em muitas empresas pequenas",
    "frota": "quantas empresas copiam um trabalhador, quatro e oito",
    "atraso_da_frota": "milissegundos a mais em cada pedido, quando eles as copiam",
    "repeticoes": "quantos pares se medem; a mediana é a que conta",
}
"""Os campos que se mudam por opção, e o que a ajuda diz deles."""


def leitor(cenarios: Mapping[str, str]) -> argparse.ArgumentParser:
    """O leitor das opções; `cenarios` são o nome e o que mede cada um."""
    novo = argparse.ArgumentParser(
        prog="python3 tests/desempenho",
        description="Mede os scripts ao lado de uma referência, em servidores próprios.",
        epilog="o que se mede:\n" + "\n".join(f"  {n:17} {o}" for n, o in cenarios.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tamanho = novo.add_mutually_exclusive_group()
    tamanho.add_argument("--rapido", action="store_true", help="tudo pequeno: uns 2 minutos")
    tamanho.add_argument("--completo", action="store_true", help="os tamanhos das metas: horas")
    for campo, ajuda in NUMEROS.items():
        opcao = f"--{campo.replace('_', '-')}"
        novo.add_argument(opcao, type=_positivo, metavar="N", help=ajuda)
    novo.add_argument("--so", metavar="NOME,NOME", help="só estas medidas")
    novo.add_argument("--markdown", action="store_true", help="só a tabela que vai no README")
    return novo


def ler_opcoes(argumentos: Sequence[str], cenarios: Mapping[str, str]) -> Opcoes:
    """As opções pedidas. Sai com 2, pelo argparse, se algo não se entende."""
    leitor_delas = leitor(cenarios)
    lidas = leitor_delas.parse_args(argumentos)
    so = tuple(lidas.so.split(",")) if lidas.so else ()
    if desconhecidas := sorted(set(so) - set(cenarios)):
        leitor_delas.error(f"não há a medida {', '.join(desconhecidas)}; há: {', '.join(cenarios)}")
    base = RAPIDO if lidas.rapido else COMPLETO if lidas.completo else PADRAO
    ditos = {c: valor for c in NUMEROS if (valor := getattr(lidas, c)) is not None}
    return replace(base, so=so, markdown=lidas.markdown, **ditos)


def _positivo(texto: str) -> int:
    numero = int(texto)
    if numero < 1:
        raise argparse.ArgumentTypeError("deve ser 1 ou mais")
    return numero
