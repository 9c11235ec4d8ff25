"""O backup de uma empresa grande, pelas duas vias."""

from __future__ import annotations

from collections.abc import Iterator

from desempenho.conferencia import conferir_backup, conferir_leitura
from desempenho.corrida import Corrida, Pares, alternar
from desempenho.dados import DONO, encher_a_grande, esquema_da_grande
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, decimal, inteiro, tempo_e_cpu
from desempenho.referencias import Referencias

META_PELA_API = 1.2
META_PELA_INTERNET = 0.5
META_PELA_DIRETA = 1.25
ATRASO_DA_INTERNET = 30
"""Milissegundos: o menor que se vê entre um escritório e o Supabase."""
VERSOES = {
    False: "todas gravadas por uma transação",
    True: "gravadas aos poucos, dez por transação",
}
NOTA_DA_API = (
    "Comando inteiro contra processo inteiro. A referência é um leitor mínimo (`http.client`, uma "
    "conexão): as mesmas páginas de 1.000, uma depois da outra, bytes direto num arquivo, sem "
    "conferir nada."
)
NOTA_DA_DIRETA = (
    "Comando inteiro contra processo inteiro: `psql \\copy (select row_to_json(t) from t where "
    "user_id = ... order by id) to arquivo`."
)


def backup_pela_api(banca: Banca) -> Iterator[Linha]:
    """o backup de uma empresa grande pela API, ao lado de um leitor mínimo."""
    for aos_poucos in VERSOES:
        yield _medir(banca, aos_poucos=aos_poucos, direta=False)


def backup_pela_internet(banca: Banca) -> Iterator[Linha]:
    """o mesmo pela API com a espera de uma internet boa em cada pedido."""
    yield _medir(banca, aos_poucos=True, direta=False, atraso=ATRASO_DA_INTERNET)


def backup_pela_direta(banca: Banca) -> Iterator[Linha]:
    """o mesmo pela conexão direta, ao lado de um `psql \\copy`."""
    for aos_poucos in VERSOES:
        yield _medir(banca, aos_poucos=aos_poucos, direta=True)


def _medir(banca: Banca, *, aos_poucos: bool, direta: bool, atraso: int = 0) -> Linha:
    linhas = banca.opcoes.linhas
    dados = encher_a_grande(linhas, aos_poucos=aos_poucos)
    with banca.projeto(esquema_da_grande(), dados, atraso=atraso) as projeto:
        pares = _alternar(banca, projeto, direta=direta)
    meta = META_PELA_INTERNET if atraso else META_PELA_DIRETA if direta else META_PELA_API
    return Linha(
        medida=f"backup {'pela direta' if direta else 'pela API'}, {inteiro(linhas)} linhas, "
        + VERSOES[aos_poucos]
        + (f", {atraso} ms a mais em cada pedido" if atraso else ""),
        nosso=tempo_e_cpu(pares.nossas),
        referencia=tempo_e_cpu(pares.referencias),
        razao=pares.razao,
        meta=f"≤ {decimal(meta)}",
        cumprida=pares.razao <= meta,
        nota=NOTA_DA_DIRETA if direta else NOTA_DA_API,
    )


def _alternar(banca: Banca, projeto: Projeto, *, direta: bool) -> Pares:
    arquivo = projeto.pasta / "referencia"
    referencias = Referencias(projeto)

    def nossa() -> Corrida:
        return projeto.copiar_e_apagar(DONO, direta=direta)

    def referencia() -> Corrida:
        ler = referencias.ler_pelo_psql if direta else referencias.ler_pela_api
        return ler("produtos", DONO, arquivo)

    # Uma de cada sem contar: esquenta o banco, e o que sai dela é conferido.
    destino = projeto.novo_destino()
    projeto.copiar(destino, "--empresa", DONO, direta=direta)
    conferir_backup(projeto, destino, "produtos", "empresas")
    referencia()
    conferir_leitura(projeto, arquivo, "produtos", DONO)
    return alternar(nossa, referencia, banca.opcoes.repeticoes)
