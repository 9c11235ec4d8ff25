"""Onde estão as cópias de cada empresa, na tela, no JSON e na página."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from apoio.inventados import ANA, BIA, publicar
from cofre.base.config.limites import Limites
from cofre.base.tela import RelatoJson
from cofre.deposito import cobertura
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre.lacre import pseudonimo
from cofre.remoto import situacao
from cofre.remoto.situacao import Conferida, Copia, NaCopia
from cofre.rotina import listagem
from cofre.rotina.painel import dados, pagina

HOJE = datetime(2026, 1, 16, 12).astimezone()
DIA = timedelta(days=1)


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    deposito = Deposito(tmp_path)
    for dono in (ANA, BIA):
        publicar(deposito, "20260116_030000", dono=dono)
    return deposito


def na_copia(carimbo: str) -> NaCopia:
    quando = datetime.strptime(carimbo, "%Y%m%d_%H%M%S").astimezone()
    return NaCopia(carimbo=carimbo, escritor="0" * 16, inicio=quando)


def anotar(deposito: Deposito, **campos: Any) -> None:
    copia = Copia(
        enviada=HOJE,
        empresas={
            pseudonimo(ANA): na_copia("20260116_030000"),
            pseudonimo(BIA): na_copia("20260115_030000"),
        },
    )
    situacao.anotar(
        deposito.raiz, "pasta:E:\\Cofre", lambda _: msgspec.structs.replace(copia, **campos)
    )


def listar(deposito: Deposito) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    saida, dita = StringIO(), StringIO()
    listagem.listar(deposito, (), Limites(DIA * 9999), RelatoJson(saida, dita), com_documento=True)
    documento = json.loads(saida.getvalue())
    return dita.getvalue(), {e["nome"]: e["copias"] for e in documento["empresas"]}


def test_sem_copia_nenhuma_nada_muda(deposito: Deposito) -> None:
    dita, copias = listar(deposito)
    assert "cópia" not in dita
    assert copias == {"Ana Doces": [], "Bia Peças": []}
    painel = dados.reunir(deposito, HOJE, DIA)
    assert all(dados.SEM_COPIA not in e.problemas for e in painel.empresas)
    assert "Cópia fora" not in "".join(pagina.desenhar(painel))


def test_diz_se_ate_quando_e_se_esta_provada(deposito: Deposito) -> None:
    anotar(deposito)
    dita, copias = listar(deposito)
    assert "📤 cópia em pasta:E:\\Cofre: até 2026-01-16 03:00; nunca conferida" in dita
    assert "⚠️ cópia em pasta:E:\\Cofre: até 2026-01-15 03:00 (atrasada); nunca conferida" in dita
    assert [c["em_dia"] for c in (*copias["Ana Doces"], *copias["Bia Peças"])] == [True, False]
    conferida = Conferida(em=HOJE)
    anotar(deposito, conferida=conferida, somada=Conferida(em=HOJE - DIA, parte="1/30"))
    dita, copias = listar(deposito)
    assert "até 2026-01-16 03:00; conferida em 2026-01-16 12:00, relida por dentro em" in dita
    assert "2026-01-15 (1/30)" in dita
    assert copias["Ana Doces"][0]["conferida"] == HOJE.isoformat()
    anotar(deposito, conferida=Conferida(em=HOJE, achados=2))
    assert "a última conferência achou problemas" in listar(deposito)[0]


def test_a_pagina_acusa_a_empresa_que_nao_esta_em_dia(deposito: Deposito) -> None:
    anotar(deposito)
    painel = dados.reunir(deposito, HOJE, DIA)
    problemas = {e.nome: e.problemas for e in painel.empresas}
    assert problemas == {"Ana Doces": (), "Bia Peças": (dados.SEM_COPIA,)}
    html = "".join(pagina.desenhar(painel))
    assert "cópia em pasta:E:\\Cofre: até 16/01/2026 03:00; nunca conferida" in html
    assert '<span class="selo sem_copia">cópia fora por fazer</span>' in html
    assert "enviar" in html
    anotar(deposito, falha="pasta:E:\\Cofre: a pasta da cópia não existe.")
    painel = dados.reunir(deposito, HOJE, DIA)
    assert all(dados.SEM_COPIA in e.problemas for e in painel.empresas)
    assert "O último envio não chegou ao fim" in "".join(pagina.desenhar(painel))


def test_a_que_tem_o_backup_que_se_viu_igual_vale_ate_essa_hora(deposito: Deposito) -> None:
    """A da Bia, que tem um mais antigo, não."""
    anotar(deposito)
    visto = HOJE.replace(hour=14, minute=45)
    for dono in (ANA, BIA):
        ultimo = deposito.ultimo(dono)
        assert ultimo is not None
        cobertura.anotar(ultimo, dono, visto)
    dita, copias = listar(deposito)
    assert "Cofre: até 2026-01-16 03:00, visto igual às 14:45; nunca" in dita
    assert "Cofre: até 2026-01-15 03:00 (atrasada); nunca" in dita
    assert [copias[e][0]["visto"] for e in ("Ana Doces", "Bia Peças")] == [visto.isoformat(), None]
    html = "".join(pagina.desenhar(dados.reunir(deposito, visto, DIA)))
    assert "Cofre: até 16/01/2026 03:00, visto igual às 14:45; nunca" in html
    assert html.count("visto igual às") == 3  # a idade das duas, e a cópia de uma


def test_a_que_nunca_foi_e_a_de_um_destino_que_ja_nao_se_usa(deposito: Deposito) -> None:
    anotar(deposito, empresas={})
    assert "cópia em pasta:E:\\Cofre: nenhum backup desta empresa" in listar(deposito)[0]
    situacao.so_estes(deposito.raiz, ())
    dita, copias = listar(deposito)
    assert "cópia" not in dita
    assert copias == {"Ana Doces": [], "Bia Peças": []}
    assert situacao.ler(deposito.raiz)["pasta:E:\\Cofre"].usada, "mas não se esquece"


@pytest.mark.parametrize(
    "lixo", [b"", b"{", b'{"destinos": []}', b'{"destinos": {"x": {"em_uso": 3}}}']
)
def test_um_registro_que_nao_se_le_vale_como_nenhum(deposito: Deposito, lixo: bytes) -> None:
    (deposito.raiz / situacao.ARQUIVO).write_bytes(lixo)
    assert listar(deposito)[1] == {"Ana Doces": [], "Bia Peças": []}
