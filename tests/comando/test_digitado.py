"""O que se digita e o programa cita de volta não mexe com o terminal, nem finge ser outra linha."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from apoio.acervo import guardar
from apoio.execucao import BACKUP, RESTAURACAO, executar
from cofre.deposito.deposito import Deposito

QUANDO: Final = datetime(2026, 11, 1, 3, 0).astimezone()
SEM_NINGUEM: Final = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_SERVICE_ROLE_KEY": "sb_secret_inventada",
}
MAU: Final = "\x1b[2Jx\r\u202ey\u200b\n✅ Tudo certo"
PROIBIDOS: Final = set("\x1b\r\u202e\u200b")

UMA_VEZ: Final = ("--tentativas", "1")
"""Dos que chegam a falar com o projeto, que não há: insistir são trinta segundos."""
COMANDOS: Final = [
    (BACKUP, *partes)
    for partes in (
        ("--empresa", MAU, *UMA_VEZ),
        ("--tabelas", MAU, *UMA_VEZ),
        ("--conexoes", MAU),
        ("--via", MAU),
        (MAU,),
        (f"--{MAU}",),
        ("listar", MAU),
        ("verificar", MAU),
        ("verificar", "dono", "--tabelas", MAU),
        ("podar", "--manter-diarios", MAU),
        ("procurar", MAU, "x"),
        ("procurar", "dono", MAU),
        ("procurar", "dono", "x", "--tabela", MAU),
        ("procurar", "dono", "x", "--campo", MAU),
        ("historia", MAU, "t", "1"),
        ("historia", "dono", MAU, "1"),
        ("historia", "dono", "produtos", MAU),
        ("comparar", MAU),
        ("comparar", "dono", MAU),
        ("comparar", "dono", "--tabela", MAU),
        ("comparar", "dono", "--quando", MAU),
        ("comparar", "dono", "--csv", MAU),
        ("comparar", "dono", "ontem", "hoje", MAU),
        ("exportar", MAU),
        ("exportar", "dono", MAU),
        ("importar", MAU),
        ("agendar", MAU),
        ("agendar", "03:00", MAU),
        ("ensaiar", MAU),
        ("enviar", MAU),
        ("trazer", MAU),
        ("chaves", MAU),
        ("cifrar", MAU),
        ("continuar", MAU),
        ("painel", MAU),
    )
] + [
    (RESTAURACAO, *partes)
    for partes in (
        ("--empresa", MAU),
        ("--empresa", "dono", "--backup", MAU),
        ("--empresa", "dono", "--tabelas", MAU),
        ("--empresa", "dono", "--linhas", MAU),
        ("--empresa", "dono", "--linhas", f"produtos: {MAU}=1"),
        ("--empresa", "dono", "--linhas", f"produtos: id={MAU}"),
        ("--empresa", "dono", "--campos", MAU),
        ("--empresa", "dono", "--chaves", MAU),
        ("--empresa", "dono", "--logins", MAU, *UMA_VEZ),
        ("--empresa", "dono", "--modo", MAU),
        ("--empresa", "dono", "--aceitar", MAU),
        ("--empresa", "dono", "--confirmar", MAU, *UMA_VEZ),
        ("--empresa", "dono", "--esperar", MAU),
        ("--empresa", "dono", "--efeitos", MAU),
        ("--empresa", "dono", "--codigo-do-lacre", MAU, *UMA_VEZ),
        (MAU,),
        ("desfazer", "--empresa", MAU),
        ("continuar", "--empresa", MAU),
        ("desfazer", "--empresa", "dono", "--para", MAU),
        ("registro", "--empresa", MAU, "x"),
        ("registro", "--empresa", "dono", MAU),
        ("desfazer-mudanca", "--empresa", "dono", "--antes", MAU, "--depois", MAU),
        ("clonar", "--empresa", "dono", "--para", MAU),
    )
]


@pytest.fixture(scope="module")
def pasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    onde = tmp_path_factory.mktemp("digitado") / "backups"
    for dia in range(2):
        guardar(
            Deposito(onde),
            "dono",
            "Loja X",
            QUANDO + timedelta(days=dia),
            {"produtos": [{"id": 1, "nome": f"Pão {dia}"}]},
            chaves={"produtos": ["id"]},
        )
    return onde


@pytest.mark.parametrize("fatia", range(4))
def test_o_que_se_digita_sai_sem_o_que_mexe_com_o_terminal(pasta: Path, fatia: int) -> None:
    for script, *argumentos in COMANDOS[fatia::4]:
        saida = executar(None, pasta, *argumentos, mais=SEM_NINGUEM, script=script)
        porque = json.dumps([script.name, *argumentos]) + saida.tudo
        assert saida.codigo, porque
        assert "Traceback" not in saida.tudo, porque
        assert not PROIBIDOS & set(saida.tudo), porque
        assert "✅ Tudo certo" not in map(str.strip, saida.tudo.splitlines()), porque
    for log in (pasta / "logs").glob("*.log"):
        assert not PROIBIDOS & set(log.read_text("utf-8")), log
