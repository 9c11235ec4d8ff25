"""Um arquivo trocado depois de o backup ter sido relido: nada do que se trocou chega ao banco."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apoio.execucao import (
    abrir_restauracao,
    ate_o_fim,
    executar,
    ler_ate,
    linhas_salvas,
    ultimo_backup,
)
from apoio.impressoes import executar_sql, impressoes
from apoio.inventados import ANA, linhas, publicar
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, VIZINHA
from cofre.deposito.backup import abrir_backup
from cofre.deposito.carimbo import nome_dos_metadados
from cofre.deposito.deposito import Deposito
from cofre.deposito.verificacao import danos_de
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ


def test_trocado_enquanto_se_espera_a_confirmacao(projeto: SupabaseLocal, tmp_path: Path) -> None:
    destino = tmp_path / "b"
    feito = executar(projeto, destino)
    assert feito.codigo == 0, feito.tudo
    executar_sql(projeto, f"UPDATE produtos SET nome = nome || '!' WHERE user_id = '{DONO}'")
    antes = impressoes(projeto)
    backup = ultimo_backup(destino, DONO)
    arquivo = backup["pasta"] / backup["tabelas"]["produtos"]["arquivo"]
    falsas = [{**json.loads(x), "nome": "forjado"} for x in linhas_salvas(backup, "produtos")]
    falsas.append({**falsas[0], "id": 999999, "user_id": VIZINHA})

    processo = abrir_restauracao(projeto, destino, "--empresa", DONO)
    ler_ate(processo, "para confirmar")
    arquivo.write_text("[\n" + ",\n".join(map(json.dumps, falsas)) + "\n]\n", "utf-8")
    saida = ate_o_fim(processo, b"RESTAURAR\nRESTAURAR\n")

    assert saida.codigo == 6, saida.tudo
    assert f"{arquivo.name} mudou depois de conferido" in saida.erros
    assert "forjado" not in saida.tudo
    assert impressoes(projeto) == antes
    executar_sql(
        projeto, f"UPDATE produtos SET nome = trim('!' FROM nome) WHERE user_id = '{DONO}'"
    )


def test_metadados_repostos_antes_de_conferir_o_lacre(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quem lê os forjados não os confere com os bons, que voltaram ao lugar."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "perfil"))
    bom = publicar(Deposito(tmp_path / "b", lacrar=True), "20260116_030000")
    ficha = bom.pasta / nome_dos_metadados(bom.carimbo)
    assinada = ficha.read_bytes()
    falso = publicar(Deposito(tmp_path / "o"), "20260116_030000", {"produtos": linhas(9)}, ANA)
    ficha.write_bytes((falso.pasta / ficha.name).read_bytes())
    lido = abrir_backup(bom.pasta, bom.carimbo)
    (falso.pasta / "produtos_20260116_030000.json").replace(
        bom.pasta / "produtos_20260116_030000.json"
    )
    ficha.write_bytes(assinada)

    causas = [d.causa for d in danos_de(lido) if not d.tabela]
    assert causas == ["os metadados que se leram não são os que foram assinados"]
