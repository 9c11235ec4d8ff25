"""O apelido de um registro: o que se reconhece, e nunca um segredo nem um valor inventado."""

from __future__ import annotations

import json

import pytest

from cofre.base.apelido import TAMANHO, apelido, com_mais, primeiros

ID = "0b6f6f0e-1111-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("linha", "dito"),
    [
        ({"id": ID, "codigo": "C-1", "nome": "Ana"}, "Ana"),
        ({"id": ID, "Descrição do item": "Cabo", "ordem": 1}, "Cabo"),
        ({"id": ID, "nomeFantasia": "Loja"}, "Loja"),
        ({"id": ID, "nome": None, "full_name": "Ana"}, "Ana"),
        ({"id": ID, "nome": {"pt": "Ana"}, "email": "a@exemplo.com"}, "a@exemplo.com"),
        ({"id": ID, "numero_os": "OS-12", "criado_em": "2026-01-02"}, "OS-12"),
        ({"id": ID, "numero": 12}, "numero 12"),
        ({"id": ID, "created_at": "2026-01-01", "data_venda": "2026-01-02"}, "2026-01-02"),
        ({"data": "2026-01-02T10:20:30", "total": 2893.5}, "2026-01-02 10:20, total 2.893,5"),
        ({"id": 19, "criado_em": "2026-01-02T10:20:30"}, "id 19, 2026-01-02 10:20"),
        ({"id": ID, "data": "0044-03-15 BC"}, f"id {ID}"),
        ({"id": ID, "updated_at": "2026-01-02"}, f"id {ID}"),
        ({"id": 7, "valor": 1}, "id 7"),
        ({"venda_id": 7, "item": 1, "quantos": 2}, "venda_id 7, item 1"),
        ({}, ""),
        ({"id": 7, "nome_da_senha": "x", "chave": "y"}, "id 7"),
        ({"id": 7, "nome": "cofre-eb04aa11"}, "id 7"),
        ({"id": 7, "nome": "a\u202eb\x1b[2J"}, "a\ufffdb\ufffd[2J"),
        ({"id": 7, "nome": "n" * 60}, "n" * TAMANHO + "…"),
    ],
)  # fmt: skip
def test_o_apelido(linha: dict[str, object], dito: str) -> None:
    assert apelido(json.dumps(linha, ensure_ascii=False).encode()) == dito


def test_um_numero_enorme_e_uma_hora_que_nao_ha() -> None:
    assert apelido(b'{"id":' + b"9" * 5000 + b"}") == f"id {'9' * (TAMANHO - 3)}…"
    assert apelido(b'{"id":1,"data":"9999-12-31T23:59:59-12:00"}').startswith("id 1, 9999-12-31")


def test_so_os_primeiros_se_leem() -> None:
    linhas = iter([b'{"nome":"a"}', b'{"nome":"b"}', b"isto nem se abre"])
    assert primeiros(linhas, 2) == ("a", "b")
    assert com_mais(("a", "b"), 2) == "a; b"
    assert com_mais(("a", "b"), 1002) == "a; b e mais 1.000"
