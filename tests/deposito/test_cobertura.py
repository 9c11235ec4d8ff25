"""Até quando se sabe que o banco está num backup, e quanto tempo se passou sem isso."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from apoio.inventados import ANA, BIA, publicar
from cofre.deposito import cobertura
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.idade import idade_de

_MEIO_DIA: Final = datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
AGORA: Final = _MEIO_DIA - timedelta(days=datetime.now().astimezone() < _MEIO_DIA)


def ha(**tempo: float) -> datetime:
    return AGORA - timedelta(**tempo)


@pytest.fixture
def deposito(tmp_path: Path) -> Deposito:
    return Deposito(tmp_path)


def backup(deposito: Deposito, quando: datetime, dono: str = ANA, **mais: object) -> Backup:
    return publicar(
        deposito, f"{quando:%Y%m%d_%H%M%S}", {"a": []}, dono, inicio=quando.isoformat(), **mais
    )


def horas(deposito: Deposito) -> float | None:
    lida = cobertura.ler(deposito.pasta_da_empresa(ANA), ANA)
    maior = lida.maior(AGORA) if lida else None
    return maior / timedelta(hours=1) if maior is not None else None


def test_sem_nada_anotado_valem_os_backups(deposito: Deposito) -> None:
    assert horas(deposito) is None
    backup(deposito, ha(days=3))
    assert horas(deposito) is None
    for quando in (ha(days=2), ha(hours=46), ha(hours=40)):
        backup(deposito, quando)
    backup(deposito, ha(hours=30), falhas={"a": "x"})
    backup(deposito, ha(hours=29), tipo="pre_restauracao")
    backup(deposito, ha(hours=28), dono=BIA)
    assert horas(deposito) == 24
    backup(deposito, ha(hours=10))
    assert horas(deposito) == 30


def test_o_que_ja_saiu_da_conta(deposito: Deposito) -> None:
    """Uma semana parada, há mais de 30 dias; e a que acabou dentro deles conta inteira."""
    for dias in (50, 43, 42):
        backup(deposito, ha(days=dias))
    assert horas(deposito) is None
    backup(deposito, ha(days=28))
    assert horas(deposito) == 14 * 24


def test_o_que_a_poda_tira_continua_contado(deposito: Deposito) -> None:
    vezes = [ha(hours=n) for n in (50, 26, 25, 24, 1)]
    for quando in vezes:
        feito = backup(deposito, quando)
        passou = cobertura.anotar(feito, ANA, feito.quando)
    assert passou == timedelta(hours=23)
    for antigo in deposito.backups(deposito.pasta_da_empresa(ANA))[1:-1]:
        deposito.apagar(antigo)
    assert horas(deposito) == 24


def test_visto_igual(deposito: Deposito) -> None:
    backup(deposito, ha(hours=30))
    feito = backup(deposito, ha(hours=10))
    assert cobertura.visto_em(feito) is None
    assert cobertura.anotar(feito, ANA, ha(hours=9)) == timedelta(hours=1)
    assert cobertura.anotar(feito, ANA, ha(hours=2)) == timedelta(hours=7)
    assert cobertura.visto_em(feito) == ha(hours=2)
    assert horas(deposito) == 20
    novo = backup(deposito, ha(minutes=30))
    assert cobertura.visto_em(novo) is None
    assert cobertura.anotar(novo, ANA, novo.quando) == timedelta(minutes=90)
    assert cobertura.visto_em(feito) is None


def test_um_relogio_que_esteve_adiantado_nao_diz_o_que_ainda_nao_se_viu(deposito: Deposito) -> None:
    """Senão, uma tarefa que parasse logo a seguir só dali a esse tempo daria alarme."""
    agora = datetime.now().astimezone()
    feito = backup(deposito, agora - timedelta(minutes=30))
    cobertura.anotar(feito, ANA, agora + timedelta(days=300))
    assert cobertura.visto_em(feito) is None
    assert idade_de(feito, timedelta(minutes=20), agora).velho
    assert cobertura.anotar(feito, ANA, agora) == timedelta()
    assert cobertura.visto_em(feito) == agora
    # Outra vez que começou antes e acabou depois não faz voltar atrás o que já se viu.
    cobertura.anotar(feito, ANA, agora - timedelta(minutes=5))
    assert cobertura.visto_em(feito) == agora


@pytest.mark.parametrize(
    "estrago",
    [
        b"{",
        b"[]",
        b'{"user_id": "outra", "carimbo": "x", "ate": "2026-01-01T00:00:00Z"}',
        b'{"user_id": "%b", "carimbo": "x", "ate": "2026-01-01T00:00:00"}',
        b'{"user_id": "%b", "carimbo": "x", "ate": "9999-12-31T23:59:59Z"}',
        b'{"user_id":"%b","carimbo":"x","ate":"2026-01-01T00:00:00Z","lacunas":{"2026-01-01":-1}}',
        b'{"user_id":"%b","carimbo":"x","ate":"2026-01-01T00:00:00Z","lacunas":{"ontem": 1}}',
    ],
)
def test_o_que_se_estragou_vale_como_nada(deposito: Deposito, estrago: bytes) -> None:
    backup(deposito, ha(hours=30))
    feito = backup(deposito, ha(hours=10))
    cobertura.anotar(feito, ANA, ha(hours=1))
    arquivo = feito.pasta / cobertura.ARQUIVO
    arquivo.write_bytes(estrago.replace(b"%b", ANA.encode()))
    assert cobertura.visto_em(feito) is None
    assert horas(deposito) == 20
    cobertura.anotar(feito, ANA, ha(hours=1))
    assert cobertura.visto_em(feito) == ha(hours=1)
