"""Os arquivos pequenos que uma execução deixa à próxima: os nomes e as chaves que os usuários já
têm no disco, e o que se faz de um que se estragou."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from apoio.inventados import ANA, publicar
from cofre.backup import andamento
from cofre.base import estado
from cofre.deposito import diario, ensaios
from cofre.deposito.deposito import Deposito
from cofre.deposito.ensaios import Ensaio, Ensaios
from cofre.foto.foto import Pedido
from cofre.rotina import ultima
from cofre.rotina.encolhimento import reconhecer, reconhecido_ate

BRASILIA = timezone(timedelta(hours=-3))
DE_ANTES: dict[str, tuple[bytes, Callable[[Path], object], object]] = {
    ".execucao.json": (
        b'{"comecada_em": "2026-01-16T18:29:44-03:00", "pedido": {"empresas": ["Loja \xc3\xa9"],'
        b' "tabelas": [], "tipo": "agendado", "execucao": "5f0c"}}',
        andamento.interrompida,
        andamento.Andamento(
            datetime(2026, 1, 16, 18, 29, 44, tzinfo=BRASILIA),
            Pedido(("Loja é",), (), "agendado", "5f0c"),
        ),
    ),
    "ultima_execucao.json": (
        b'{\n  "acao": "backup",\n  "codigo": 4,\n  "alarme": true\n}\n',
        ultima.havia_alarme,
        True,
    ),
    "encolhimento_reconhecido.json": (
        b'\xef\xbb\xbf{\n  "user_id": "a",\n  "a_partir_de": "20260116_182944",\n'
        b'  "reconhecido_em": "2026-01-16T19:00:00-03:00"\n}',
        lambda pasta: reconhecido_ate(pasta, "a")[1],
        "20260116_182944",
    ),
    "ensaio.json": (
        b'{"user_id": "a", "ultimo_sucesso": null, "ultima_tentativa": {"em":'
        b' "2026-01-16T18:29:44-03:00", "backup": "20260116_182944", "como": "conferido",'
        b' "registros": 7, "causa": "x"}}',
        lambda pasta: ensaios.ler(pasta, "a"),
        Ensaios(
            "a",
            None,
            Ensaio(
                datetime(2026, 1, 16, 18, 29, 44, tzinfo=BRASILIA),
                "20260116_182944",
                "conferido",
                7,
                "x",
            ),
        ),
    ),
    "restauracao_20260116_182944.json": (
        b'{\n  "estado": "em_andamento",\n  "nome": "Loja \\udc80"\n}',
        lambda pasta: [d.dados for d in diario.diarios(pasta)],
        [{"estado": "em_andamento", "nome": "Loja \udc80"}],
    ),
}
"""Como versões anteriores os deixaram, quem os lê, e o que se lê."""


@pytest.mark.parametrize("nome", DE_ANTES)
def test_o_que_versoes_anteriores_deixaram_se_le(nome: str, tmp_path: Path) -> None:
    dados, ler, esperado = DE_ANTES[nome]
    nada = ler(tmp_path)
    assert not nada or nada == Ensaios("a")
    (tmp_path / nome).write_bytes(dados)
    assert ler(tmp_path) == esperado


DANOS = {
    "vazio": b"",
    "cortado": b"{",
    "vetor": b"[]",
    "numero": b"7",
    "não é UTF-8": b'{"user_id": "\xff"}',
    "fundo demais": b"[" * 100_000,
}
OUTROS_TIPOS = b'{"user_id": 1, "pedido": 2, "alarme": "sim"}'


@pytest.mark.parametrize("nome", DE_ANTES)
@pytest.mark.parametrize("dano", DANOS)
def test_um_que_se_estragou_vale_como_nenhum(nome: str, dano: str, tmp_path: Path) -> None:
    nenhum = ler_com(nome, None, tmp_path)
    assert ler_com(nome, DANOS[dano], tmp_path) == nenhum


@pytest.mark.parametrize("nome", [n for n in DE_ANTES if not n.startswith(diario.PREFIXO)])
def test_um_com_outros_tipos_vale_como_nenhum(nome: str, tmp_path: Path) -> None:
    """Menos um diário, que é um objeto qualquer: sem estado conhecido, não está aberto."""
    nenhum = ler_com(nome, None, tmp_path)
    assert ler_com(nome, OUTROS_TIPOS, tmp_path) == nenhum


def ler_com(nome: str, dados: bytes | None, pasta: Path) -> object:
    """O que se lê da pasta, com este conteúdo no arquivo (None: sem ele)."""
    if dados is not None:
        (pasta / nome).write_bytes(dados)
    return DE_ANTES[nome][1](pasta)


@pytest.mark.parametrize(
    "valor",
    [
        {"nome": "Loja é 🏪", "numeros": [1, 2.5, None, True]},
        {"nome": "o que não cabe em UTF-8: \udc80", "é": "ã"},
    ],
)
def test_o_que_se_grava_e_o_que_se_le(valor: dict[str, Any], tmp_path: Path) -> None:
    estado.gravar(tmp_path / "x.json", valor)
    assert estado.ler(tmp_path / "x.json", dict[str, Any]) == valor
    assert json.loads((tmp_path / "x.json").read_text("utf-8")) == valor
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_as_chaves_no_disco(tmp_path: Path) -> None:
    """Outros programas as leem, e versões anteriores deste também."""
    deposito = Deposito(tmp_path)
    backup = publicar(deposito, "20260116_182944")
    andamento.comecar(deposito, Pedido(("Loja",), ("clientes",)))
    reconhecer(backup.pasta, ANA, backup)
    aberto = diario.abrir_novo(backup.pasta, {"user_id": ANA})
    execucao = json.loads((tmp_path / ".execucao.json").read_text("utf-8"))
    assert list(execucao) == ["comecada_em", "pedido", "processo"]
    assert list(execucao["pedido"]) == ["empresas", "tabelas", "tipo", "execucao"]
    assert datetime.fromisoformat(execucao["comecada_em"]).tzinfo is not None
    reconhecido = json.loads((backup.pasta / "encolhimento_reconhecido.json").read_text("utf-8"))
    assert list(reconhecido) == ["user_id", "a_partir_de", "reconhecido_em"]
    assert set(json.loads(aberto.caminho.read_text("utf-8"))) == {
        "estado",
        "comecada_em",
        "maquina",
        "usuario",
        "user_id",
        "atualizado_em",
    }
