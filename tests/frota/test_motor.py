"""Quem serve, entre os trabalhadores que o agendador conhece, e por que os outros não."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cofre.base.config.valores import Acesso, Configuracao, Regras
from cofre.base.tela import RelatoTexto
from cofre.deposito.deposito import Deposito
from cofre.frota import digital
from cofre.frota.digital import Digital
from cofre.frota.motor import Frota
from cofre.frota.partilha import Limites

CONFIGURACAO = Configuracao(
    acesso=Acesso("https://abc.supabase.co", "sb_secret_inventada_1"),
    destino=Path("backups"),
    regras=Regras(),
)


def test_quem_nao_serve_nao_conta_e_diz_se_uma_vez_porque(tmp_path: Path) -> None:
    nossa = digital.de(CONFIGURACAO)
    de_outro_env = digital.de(replace(CONFIGURACAO, compactar=True))
    de_outra_versao = Digital("f" * len(nossa.programa), nossa.ambiente)
    trabalhadores = {
        "a": {"name": "serve", "resources": {nossa.recurso: 3.0}},
        "b": {"name": "outro .env", "resources": {de_outro_env.recurso: 5.0}},
        "c": {"name": "outra versão", "resources": {de_outra_versao.recurso: 5.0}},
        "d": {"name": "alheio", "resources": {}},
        "e": {"name": "recusou-se", "resources": {nossa.recurso: 0.0}},
    }
    cliente: Any = SimpleNamespace(
        status="running", scheduler_info=lambda **_: {"workers": trabalhadores}
    )
    dito, nunca = io.StringIO(), cast("Any", None)
    frota = Frota(
        cliente=cliente,
        digital=nossa,
        deposito=Deposito(tmp_path),
        relato=RelatoTexto(dito, dito),
        remessa_de=nunca,
        limites=Limites(),
        paciencia=0.0,
    )
    for _ in range(2):
        assert (frota.processos, frota.num_processo, frota._lugares()) == (1, 3, 3)
    assert dito.getvalue().splitlines() == [
        "⚠️ O trabalhador outro .env não serve:"
        " tem outro .env (ou cofre.toml, ou outra chave dos lacres).",
        "⚠️ O trabalhador outra versão não serve:"
        " tem outra versão do programa (ou mudou-se o programa depois de ele começar).",
        "⚠️ O trabalhador alheio não serve: não foi começado com «frota trabalhar».",
    ]
