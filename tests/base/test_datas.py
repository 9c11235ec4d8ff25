"""Duas grafias de data, e só duas: a da tela e dos logs, e a do que se lê longe do terminal."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import cofre
from apoio.acervo import guardar
from cofre.base.palavras import com_datas_da_pagina, na_pagina, na_tela
from cofre.deposito.deposito import Deposito
from cofre.rotina.boletim import texto_de
from cofre.rotina.painel import pagina
from cofre.rotina.ultima import UltimaExecucao

QUANDO = datetime(2026, 1, 16, 18, 29, 44, tzinfo=UTC)
SUMIU = "estava no backup de 2026-01-16 18:29 e não aparece mais na API"
SUMIU_NA_PAGINA = "estava no backup de 16/01/2026 18:29 e não aparece mais na API"


def test_as_duas_grafias() -> None:
    assert na_tela(QUANDO) == "2026-01-16 18:29:44"
    assert na_tela(QUANDO, "minuto") == "2026-01-16 18:29"
    assert na_tela(QUANDO, "dia") == "2026-01-16"
    assert na_pagina(QUANDO) == "16/01/2026 18:29"
    assert na_pagina(QUANDO, "segundo") == "16/01/2026 18:29:44"


@pytest.mark.parametrize(
    ("na_tela", "na_pagina"),
    [
        (SUMIU, SUMIU_NA_PAGINA),
        ("A chave venceu em 2026-01-16.", "A chave venceu em 16/01/2026."),
        ("em uso (desde 2026-01-16 18:29:44).", "em uso (desde 16/01/2026 18:29:44)."),
        ("2026-01-16 18:29:44", "16/01/2026 18:29:44"),
    ],
)
def test_uma_frase_da_tela_vai_para_a_pagina_com_as_datas_dela(
    na_tela: str, na_pagina: str
) -> None:
    assert com_datas_da_pagina(na_tela) == na_pagina


@pytest.mark.parametrize(
    "citado",
    [
        'invalid input syntax for type date: "2026-01-16"',
        "Key (dia)=(2026-01-16 18:29:44) already exists.",
        "em 2026-01-16 18:29:44+00",
        "em 2026-01-16T18:29:44.123Z",
        "o arquivo clientes_2026-01-16.json não existe",
    ],
)
def test_um_valor_citado_fica_como_veio(citado: str) -> None:
    assert com_datas_da_pagina(citado) == citado


def test_a_mensagem_e_a_pagina_dizem_as_datas_do_mesmo_jeito(tmp_path: Path) -> None:
    """Uma falha já dita na tela, com a data da tela, e guardada assim nos metadados."""
    falhou = UltimaExecucao(
        "backup", QUANDO, QUANDO + timedelta(seconds=5), 4, falhas=(f"Loja X: pedidos: {SUMIU}",)
    )
    texto = texto_de(falhou)
    assert "De 16/01/2026 18:29:44 a 16/01/2026 18:29:49" in texto
    assert SUMIU_NA_PAGINA in texto
    deposito = Deposito(tmp_path)
    guardar(
        deposito,
        "abc12345-6789-4abc-8def-0123456789ab",
        "Loja X",
        datetime.now().astimezone() - timedelta(hours=1),
        falhas={"pedidos": SUMIU},
        tabelas_falha=["pedidos"],
    )
    feita = pagina.gravar(deposito, timedelta(hours=36))
    assert feita is not None
    html = feita.read_text(encoding="utf-8")
    assert SUMIU_NA_PAGINA in html
    assert SUMIU not in html


def test_so_as_palavras_sabem_escrever_uma_data() -> None:
    """Fora dali, só o que não é para uma pessoa: o carimbo, o XML do Agendador."""
    pacote = Path(cofre.__file__).parent
    padrao = re.compile(r"%d/%m|%Y-%m|DD/MM")
    achados = {
        a.relative_to(pacote).as_posix()
        for a in pacote.rglob("*.py")
        if padrao.search(a.read_text(encoding="utf-8"))
    }
    assert achados == {"base/palavras.py", "rotina/agenda/windows.py"}
