"""Quanto custa um ano de backups diários: `.venv/bin/python tests/campanhas/ano.py`.

O primeiro dia é um backup de verdade das três empresas da demonstração, pelo script. Daí em diante,
de segunda a sábado, cada loja vende (linhas novas em vendas, itens, pagamentos, caixa e estoque; o
estoque dos produtos vendidos muda) e às vezes ganha um cliente; no domingo, nada. Cada dia é
publicado pelo próprio depósito, com a data do dia. O que se mede são os arquivos que ficaram.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

RAIZ = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(RAIZ / "scripts"), str(RAIZ / "tests")]

from apoio.execucao import executar, linhas_do_arquivo, metadados  # noqa: E402
from apoio.servidores import LOJA  # noqa: E402
from cofre.base.config.valores import Politica  # noqa: E402
from cofre.base.linha import juntar  # noqa: E402
from cofre.base.tela import RelatoTexto  # noqa: E402
from cofre.deposito.deposito import Deposito  # noqa: E402
from cofre.deposito.formato import Gravador  # noqa: E402
from cofre.rotina.poda.poda import Poda  # noqa: E402
from supabase_local.empresas.dados import DEMONSTRACAO, criar_modelo  # noqa: E402
from supabase_local.servidores.servidor import ClusterPostgres, SupabaseLocal  # noqa: E402

DIAS = 365
COMECO = datetime(2025, 1, 1, 3, 0, 0).astimezone()
POR_VENDA = {
    "vendas": 1,
    "vendas_itens": 3,
    "vendas_pagamentos": 1,
    "movimentacoes_caixa": 1,
    "movimentacoes_estoque": 3,
    "auditoria": 1,
}
"""Quantas linhas novas cada venda deixa em cada tabela."""
PRODUTOS_POR_VENDA = 200
"""Uma loja de tantos produtos faz uma venda por dia; a do Grupo Raval faz quatro."""
POLITICA = Politica(diarios=7, semanais=4, mensais=12)

Linhas = dict[str, list[dict[str, Any]]]


def primeiro_dia(pasta: Path) -> list[dict[str, Any]]:
    """Os metadados de um backup de verdade da demonstração."""
    with ClusterPostgres(pasta / "pg", efemero=True) as cluster:
        criar_modelo(cluster, LOJA, DEMONSTRACAO)
        with SupabaseLocal(cluster, banco=LOJA) as projeto:
            fim = executar(projeto, pasta / "primeiro")
            assert fim.codigo == 0, fim.tudo
    return metadados(pasta / "primeiro")


def um_dia(linhas: Linhas, acaso: random.Random) -> None:
    """O que uma loja faz num dia, nas próprias linhas."""
    vendas = max(1, len(linhas["produtos"]) // PRODUTOS_POR_VENDA)
    for tabela, quantas in POR_VENDA.items():
        existentes = linhas.get(tabela, [])
        for _ in range(quantas * vendas if existentes else 0):
            modelo = acaso.choice(existentes)
            chave = "id" if "id" in modelo else "venda_id"
            existentes.append({**modelo, chave: _outro_id(modelo[chave], existentes, acaso)})
    for produto in acaso.sample(linhas["produtos"], 3 * vendas):
        produto["estoque"] = acaso.randint(0, 500)
        produto["updated_at"] = f"2025-06-01T12:00:00.{acaso.randrange(10**6):06}+00:00"
    if acaso.random() < 0.3:
        modelo = acaso.choice(linhas["clientes"])
        linhas["clientes"].append({**modelo, "id": _outro_id(modelo["id"], [], acaso)})


def _outro_id(id_: object, existentes: list[dict[str, Any]], acaso: random.Random) -> object:
    if isinstance(id_, int):
        return max(int(linha["id"]) for linha in existentes) + 1
    texto = f"{acaso.getrandbits(128):032x}"
    return "-".join((texto[:8], texto[8:12], texto[12:16], texto[16:20], texto[20:]))


def publicar(deposito: Deposito, modelo: dict[str, Any], linhas: Linhas, dia: datetime) -> None:
    with deposito.montar(modelo["user_id"], dia) as montagem:
        montagem.reservar(list(linhas))
        tabelas = {}
        for nome, das_linhas in linhas.items():
            em_ordem = sorted(das_linhas, key=lambda linha: str(next(iter(linha.values()))))
            with montagem.criar(nome) as saida:
                gravador = Gravador(saida)
                textos = [
                    json.dumps(li, ensure_ascii=False, separators=(",", ":")) for li in em_ordem
                ]
                gravador.bloco(juntar([texto.encode() for texto in textos]))
                soma = gravador.terminar()
            entrada = {"arquivo": montagem.nome(nome), "registros": len(das_linhas), "sha256": soma}
            if deposito.compactar:
                no_disco = montagem.caminho(nome).stat().st_size
                entrada |= {"compactado": True, "bytes_no_disco": no_disco}
            tabelas[nome] = modelo["tabelas"][nome] | entrada | {"bytes": gravador.bytes}
        publicaveis = {c: v for c, v in modelo.items() if c != "pasta"}
        montagem.publicar({**publicaveis, "tabelas": tabelas})


def um_ano(modelos: list[dict[str, Any]], deposito: Deposito, *, parado: bool = False) -> None:
    acaso = random.Random(2025)
    lojas: list[tuple[dict[str, Any], Linhas]] = [
        (m, {t: [json.loads(li) for li in linhas_do_arquivo(m, t)] for t in m["tabelas"]})
        for m in modelos
    ]
    for n, (modelo, linhas) in itertools.product(range(DIAS), lojas):
        dia = COMECO + timedelta(days=n)
        if n and dia.weekday() != 6 and not parado:
            um_dia(linhas, acaso)
        publicar(deposito, modelo, linhas, dia)


def medir(pasta: Path) -> tuple[float, float]:
    """MB: se cada nome fosse um arquivo; e como está, cada arquivo uma vez."""
    infos = [p.stat() for p in pasta.rglob("*") if p.is_file()]
    unicos = {i.st_ino: i for i in infos}
    somas = (sum(i.st_size for i in grupo) for grupo in (infos, unicos.values()))
    um, outro = (s / 1024**2 for s in somas)
    return um, outro


def medidas(pasta: Path) -> Iterator[str]:
    modelos = primeiro_dia(pasta)
    um_so = sum(m["total_bytes"] for m in modelos) / 1024**2
    yield f"um dia: {um_so:.1f} MB"
    for compactar, parado in itertools.product((False, True), (False, True)):
        deposito = Deposito(pasta / f"{compactar}_{parado}", compactar=compactar)
        um_ano(modelos, deposito, parado=parado)
        sem, com = medir(deposito.raiz)
        yield f"{compactar=} {parado=}: sem links {sem:.1f} MB, com links {com:.1f} MB"
        poda = Poda(deposito, POLITICA, RelatoTexto(None, None))
        planos = poda.planejar(COMECO + timedelta(days=DIAS))
        poda.executar(planos)
        sem, com = medir(deposito.raiz)
        quantos = sum(len(p.backups) - len(p.saem) for p in planos)
        yield f"  podado ({quantos} backups): sem links {sem:.1f} MB, com links {com:.1f} MB"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporaria:
        for linha in medidas(Path(temporaria)):
            print(linha, flush=True)
