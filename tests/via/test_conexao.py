"""A conexão com a API: em quais certificados ela confia."""

from __future__ import annotations

import ssl

import pytest

from cofre.via.api.conexao import certificados


@pytest.fixture(autouse=True)
def _sem_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for nome in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(nome, raising=False)
        monkeypatch.delenv(nome.upper(), raising=False)


def test_sem_tls_nenhum_certificado_se_carrega_e_nada_deixa_de_se_conferir() -> None:
    contexto = certificados("http://127.0.0.1:8000")
    assert isinstance(contexto, ssl.SSLContext)
    assert contexto.cert_store_stats()["x509"] == 0
    assert contexto.verify_mode == ssl.CERT_REQUIRED
    assert contexto.check_hostname


def test_com_tls_ou_com_um_proxy_que_pode_te_lo_sao_os_do_sistema(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert certificados("https://abc.supabase.co") is True
    monkeypatch.setenv("http_proxy", "https://proxy.example")
    assert certificados("http://127.0.0.1:8000") is True
