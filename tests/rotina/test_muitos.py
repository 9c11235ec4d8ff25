"""Uma empresa com backups demais para se abrirem todos: o que se mostra, e o que não se esconde."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from apoio.execucao import executar
from apoio.inventados import ANA, BIA, publicar
from apoio.loja import TANTO_FAZ
from cofre.base.disco import MONTAGEM
from cofre.deposito import guardados as modulo_dos_guardados
from cofre.deposito import lembranca, ordem
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO, carimbos_em
from cofre.deposito.deposito import Deposito
from cofre.deposito.guardados import tabelas_em
from cofre.deposito.inventario import backup_pedido, guardadas, mais_novo, por_data
from cofre.deposito.metadados import ler
from cofre.deposito.ordem import INTEIRO, ROTINA, Lembrado, lembrados
from cofre.deposito.retrato import esquecer, nomes_em, um_retrato
from cofre.rotina.listagem import MOSTRADOS
from cofre.rotina.painel.historico import MUITOS_NUM_DIA, NOVOS, de_cada_dia

VIA = TANTO_FAZ

COMECO: Final = datetime(2026, 3, 1, 12, 0).astimezone()


def quando(n: int) -> datetime:
    """De meia em meia hora."""
    return COMECO + n * timedelta(minutes=30)


def muitos(raiz: Path, quantos: int, **dos: dict[str, Any]) -> Backup:
    """Tantos backups, cópias do primeiro com outra data; `dos` muda os metadados de alguns (_7)."""
    primeiro = publicar(Deposito(raiz), f"{COMECO:{FORMATO_DO_CARIMBO}}")
    ficha = primeiro.pasta / f"backup_metadata_{primeiro.carimbo}.json"
    base = json.loads(ficha.read_text("utf-8")) | {"inicio": COMECO.isoformat()}
    arquivos = [t["arquivo"] for t in base["tabelas"].values()]
    for n in range(quantos):
        carimbo = f"{quando(n):{FORMATO_DO_CARIMBO}}"
        dito = base | {"inicio": quando(n).isoformat(), **dos.get(f"_{n}", {})}
        texto = json.dumps(dito).replace(primeiro.carimbo, carimbo)
        (primeiro.pasta / f"backup_metadata_{carimbo}.json").write_text(texto, "utf-8")
        for arquivo in arquivos if n else ():
            novo = arquivo.replace(primeiro.carimbo, carimbo)
            os.link(primeiro.pasta / arquivo, primeiro.pasta / novo)
    return primeiro


def listar(raiz: Path, *argumentos: str) -> list[str]:
    fim = executar(None, raiz, "listar", *argumentos)
    assert fim.codigo == 0, fim.tudo
    return fim.saida.splitlines()


def test_os_mais_antigos_de_quem_tem_muitos_vao_por_dia(tmp_path: Path) -> None:
    encolheu = {"encolhimentos": [{"tabela": "a", "antes": 90, "agora": 0, "referencia": "x"}]}
    muitos(tmp_path, 160, _3={"falhas": {"vendas": "x"}}, _30=encolheu)
    linhas = listar(tmp_path)
    assert sum("  manual  " in linha for linha in linhas) == MOSTRADOS
    assert [linha for linha in linhas if "🗂️" in linha] == [
        "   🗂️ 2026-03-02  36 backups  📉 dados encolheram",
        "   🗂️ 2026-03-01  24 backups, 1 não inteiro",
    ]
    assert "   (--todos mostra cada um, e vê se os arquivos estão no lugar)" in linhas
    assert ", e mais 60 por somar (--todos)" in "\n".join(linhas)
    todos = listar(tmp_path, "--todos")
    assert sum("  manual  " in linha for linha in todos) == 160
    assert not any("🗂️" in linha for linha in todos)
    documento = executar(None, tmp_path, "listar", "--json").json()
    assert len(documento["empresas"][0]["backups"]) == 160


def test_o_inteiro_mais_novo_acha_se_por_mais_antigo_que_seja(tmp_path: Path) -> None:
    quebrado = {"falhas": {"vendas": "x"}}
    muitos(tmp_path, 130, **{f"_{n}": quebrado for n in range(5, 130)})
    atraso = [linha for linha in listar(tmp_path) if "último backup inteiro" in linha]
    assert len(atraso) == 1
    assert "há" in atraso[0]
    assert "nenhum" not in atraso[0]


def test_o_que_se_lembra_le_se_uma_vez_e_o_de_antes_le_se_de_novo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pasta = muitos(tmp_path, 12, _4={"falhas": {"a": "x"}}, _5={"tipo": "pre_restauracao"}).pasta
    sinais = [b.sinais for b in lembrados(pasta)]
    assert sinais == [*[INTEIRO + ROTINA] * 4, ROTINA, INTEIRO, *[INTEIRO + ROTINA] * 6]
    lidos: list[Path] = []

    def contar(caminho: Path) -> Any:
        lidos.append(caminho)
        return ler(caminho)

    monkeypatch.setattr(ordem, "ler", contar)
    assert [b.sinais for b in lembrados(pasta)] == sinais
    assert lidos == []
    # Uma lembrança de antes de se lembrarem as tabelas, com quatro campos.
    arquivo = pasta / lembranca.ARQUIVO
    lembrada = json.loads(arquivo.read_text("utf-8"))
    assert lembrada["donos"] == [ANA]
    assert lembrada["tabelas"] == [["clientes", "produtos"]]
    de_antes = {c: b[:4] for c, b in lembrada["backups"].items()}
    arquivo.write_text(json.dumps(de_antes), "utf-8")
    assert [b.sinais for b in lembrados(pasta)] == sinais
    assert len(lidos) == 12
    assert [b.sinais for b in lembrados(pasta)] == sinais
    assert len(lidos) == 12


def test_quem_escolhe_um_so_abre_o_que_olha(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E o que se diz dos outros, sem os abrir, é o que eles dizem."""
    foto = {"tipo": "pre_restauracao"}
    sem_uma = {"tabelas": {}, "total_registros": 0}
    pasta = muitos(tmp_path, 40, _7=foto, _8=sem_uma, _39={"falhas": {"vendas": "x"}}).pasta
    (pasta / f"backup_metadata_{quando(11):{FORMATO_DO_CARIMBO}}.json").write_text("{", "utf-8")
    abertos: list[str] = []

    def contar(pasta: Path, carimbo: str) -> Backup:
        abertos.append(carimbo)
        return abrir_backup(pasta, carimbo)

    monkeypatch.setattr(modulo_dos_guardados, "abrir_backup", contar)
    (guardada,) = guardadas(Deposito(tmp_path))
    carimbos = [f"{quando(n):{FORMATO_DO_CARIMBO}}" for n in range(40)]
    novo = mais_novo(reversed(guardada.backups))
    assert novo is not None
    assert novo.carimbo == carimbos[38]
    em_ordem = por_data(guardada.backups)
    assert em_ordem[0].carimbo == carimbos[39]
    assert em_ordem[-1].carimbo == carimbos[7]
    assert backup_pedido(guardada, carimbos[20]).carimbo == carimbos[20]
    assert tabelas_em(guardada.backups) == {"clientes": 38, "produtos": 38}
    assert not guardada.sumiu
    assert set(abertos) == {carimbos[n] for n in (39, 38, 7, 20)}
    todos = list(guardada.backups)
    assert todos == [abrir_backup(pasta, carimbo) for carimbo in carimbos]
    assert todos == Deposito(tmp_path).backups(pasta)
    assert [b.carimbo for b in guardada.backups[::-1][:2]] == [carimbos[39], carimbos[38]]
    # Outro dono na mesma pasta: cada um com os seus, e os ilegíveis com os dois.
    alheio = pasta / f"backup_metadata_{carimbos[3]}.json"
    alheio.write_text(alheio.read_text("utf-8").replace(ANA, BIA), "utf-8")
    de_quem = {g.empresa.id: [b.carimbo for b in g.backups] for g in guardadas(Deposito(tmp_path))}
    assert de_quem == {
        ANA: [c for c in carimbos if c != carimbos[3]],
        BIA: [carimbos[3], carimbos[11]],
    }


def test_num_retrato_a_pasta_le_se_uma_vez_e_fora_dele_sempre(tmp_path: Path) -> None:
    pasta = muitos(tmp_path, 3).pasta
    with um_retrato():
        antes = carimbos_em(pasta), nomes_em(pasta), lembrados(pasta)
        publicar(Deposito(tmp_path), "20270101_000000")
        assert (carimbos_em(pasta), nomes_em(pasta), lembrados(pasta)) == antes
    assert carimbos_em(pasta) == [*antes[0], "20270101_000000"]
    assert len(lembrados(pasta)) == 4


def test_um_retrato_que_se_volta_a_abrir_e_o_mesmo_ate_se_esquecer(tmp_path: Path) -> None:
    pasta = muitos(tmp_path, 3).pasta
    with um_retrato() as retrato:
        antes = carimbos_em(pasta)
    publicar(Deposito(tmp_path), "20270101_000000")
    with um_retrato(retrato) as outra_vez:
        assert outra_vez is retrato
        assert carimbos_em(pasta) == antes
        esquecer()
        assert carimbos_em(pasta) == [*antes, "20270101_000000"]
    esquecer()  # fora de um, nada há que esquecer


def test_o_que_se_recolhe_ao_comecar_ja_se_ve_no_retrato(tmp_path: Path) -> None:
    """Um backup pronto que um processo morto não chegou a mover."""
    pasta = muitos(tmp_path, 3).pasta
    deles = carimbos_em(pasta)
    montagem = pasta / f"{MONTAGEM}{deles[-1]}"
    montagem.mkdir()
    for nome in nomes_em(pasta):
        if deles[-1] in nome and not nome.startswith("."):
            (pasta / nome).rename(montagem / nome)
    assert carimbos_em(pasta) == deles[:-1]
    with um_retrato(), Deposito(tmp_path).trabalhando():
        assert carimbos_em(pasta) == deles
        assert not montagem.exists()
        (dela,) = guardadas(Deposito(tmp_path))
        assert [b.carimbo for b in dela.backups] == deles


def test_a_pagina_nao_le_todos_os_de_um_dia() -> None:
    """Do dia com muitos ficam o último inteiro e o último; dos outros, e dos mais novos, todos."""
    cheio = [lembrado(n, INTEIRO if n < 40 else "") for n in range(24, 72)]
    poucos = [lembrado(n, INTEIRO) for n in range(10 * 48, 10 * 48 + MUITOS_NUM_DIA)]
    novos = [lembrado(n, INTEIRO) for n in range(20 * 48 + 24, 20 * 48 + 24 + NOVOS + 5)]
    ficam = de_cada_dia([*cheio, *poucos, *novos])
    assert ficam == [b.carimbo for b in (cheio[15], cheio[-1], *poucos, *novos[-NOVOS:])]


def lembrado(n: int, sinais: str) -> Lembrado:
    return Lembrado(quando(n), f"{quando(n):{FORMATO_DO_CARIMBO}}", sinais)
