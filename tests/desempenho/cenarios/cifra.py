"""O backup cifrado, ao lado do mesmo só compactado: o tempo e a memória."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from apoio.cifrados import a_mao, cifrando_para
from apoio.execucao import metadados
from cofre.deposito.cifra.chaves import ChaveQueAbre, gerar
from desempenho.corrida import Corrida, MedicaoFalhou, alternar
from desempenho.dados import DONO, encher_a_grande, esquema_da_grande
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, decimal, inteiro, tempo_e_cpu

META, META_MB = 1.6, 110
COMPACTAR = {"BACKUP_COMPACTAR": "sim"}
NOTA = (
    "Comando inteiro contra comando inteiro, pela direta: `BACKUP_CIFRAR_PARA` com duas chaves, e"
    " `BACKUP_COMPACTAR=sim`. O que o `age` de fora abre é conferido antes."
)


def cifrado(banca: Banca) -> Iterator[Linha]:
    """o backup cifrado de uma empresa grande, ao lado do mesmo só compactado."""
    chave = gerar()
    cifrar = cifrando_para(chave, gerar())
    linhas = banca.opcoes.linhas
    dados = encher_a_grande(linhas, aos_poucos=False)
    with banca.projeto(esquema_da_grande(), dados) as projeto:
        _conferir(projeto, cifrar, chave, linhas)

        def copiar(mais: Mapping[str, str]) -> Corrida:
            return projeto.copiar_e_apagar(DONO, direta=True, mais=mais)

        pares = alternar(lambda: copiar(cifrar), lambda: copiar(COMPACTAR), banca.opcoes.repeticoes)
    pico = max(c.pico_mb for c in pares.nossas)
    yield Linha(
        medida=f"backup cifrado pela direta, {inteiro(linhas)} linhas, contra o compactado",
        nosso=f"{tempo_e_cpu(pares.nossas)}, {decimal(pico, 1)} MB",
        referencia=tempo_e_cpu(pares.referencias),
        razao=pares.razao,
        meta=f"≤ {decimal(META)} e ≤ {META_MB} MB",
        cumprida=pares.razao <= META and pico <= META_MB,
        nota=NOTA,
    )


def _conferir(
    projeto: Projeto, cifrar: Mapping[str, str], chave: ChaveQueAbre, linhas: int
) -> None:
    """Uma vez sem contar: esquenta o banco, e o `age` abre o que sai. Levanta MedicaoFalhou."""
    destino = projeto.novo_destino()
    projeto.copiar(destino, "--empresa", DONO, direta=True, mais=cifrar)
    (feito,) = metadados(destino)
    arquivo: Path = feito["pasta"] / feito["tabelas"]["produtos"]["arquivo"]
    if len(json.loads(a_mao(arquivo, chave))) != linhas:
        raise MedicaoFalhou("O que o age abriu não tem as linhas do banco.")
