"""O que se promete de uma empresa, e o que de facto é: medido, mostrado, e com alarme."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest

from apoio.avisos import ServidorDeAvisos, servidor_de_avisos
from apoio.execucao import Saida, copiar_scripts, executar, restaurar
from apoio.impressoes import executar_sql
from apoio.inventados import ANA, BIA, publicar
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, VIZINHA, projeto  # noqa: F401
from apoio.relogio import executar_em
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.promessas import Promessa, Promessas
from cofre.base.config.regras import ler_regras
from cofre.base.config.valores import NOME_DA_URL_DE_ENSAIO
from cofre.base.erros import ConfiguracaoInvalida, primeiro_codigo
from cofre.base.tela import RelatoTexto
from cofre.deposito import ensaios, inventario
from cofre.deposito.deposito import Deposito
from cofre.deposito.ensaios import RESTAURADO, Ensaio
from cofre.deposito.idade import idade_de
from cofre.rotina.ensaio import rodizio
from cofre.rotina.ensaio.rodizio import Restaurar
from cofre.rotina.promessa import Medida, Volta
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

HORA: Final = timedelta(hours=1)
MINUTO: Final = timedelta(minutes=1)
AGORA: Final = datetime.now().astimezone().replace(microsecond=0)


# -- a conta -----------------------------------------------------------------------------------


def test_a_de_cada_uma_por_cima_da_de_todas() -> None:
    promessas = Promessas(
        Promessa(HORA, 10 * MINUTO),
        {"padaria ação": Promessa(15 * MINUTO), ANA: Promessa(voltar=HORA)},
    )
    assert promessas.de(BIA, ("Bia",)) == Promessa(HORA, 10 * MINUTO)
    assert promessas.de(BIA, ("Padaria AÇÃO",)) == Promessa(15 * MINUTO, 10 * MINUTO)
    assert promessas.de(ANA, ("Padaria Ação",)) == Promessa(HORA, HORA)  # o id vale mais


def test_o_cofre_toml_diz_a_de_algumas(tmp_path: Path) -> None:
    arquivo = tmp_path / "cofre.toml"
    arquivo.write_text('[empresas."Padaria Ação"]\nperder_no_maximo = "15min"\n', "utf-8")
    assert ler_regras(arquivo).promessas == {"Padaria Ação": Promessa(15 * MINUTO)}
    for errado in ('perder_no_maximo = "15"', "perder_no_maximo = 15", 'perder = "1h"'):
        arquivo.write_text(f"[empresas.x]\n{errado}\n", "utf-8")
        with pytest.raises(ConfiguracaoInvalida):
            ler_regras(arquivo)


@pytest.mark.parametrize(
    ("lacuna", "idade", "volta", "quebradas"),
    [
        (60, 60, 600, ()),
        (60.9, 60.9, 600, ()),  # minutos inteiros
        (61, 3, 600, ("lacuna",)),
        (3, 61, 600, ("idade",)),
        (3, 3, 601, ("volta",)),
        (61, 61, 601, ("idade", "volta", "lacuna")),
        (None, 3, None, ()),  # por medir
    ],
)
def test_o_que_quebra(
    tmp_path: Path,
    lacuna: float | None,
    idade: float,
    volta: float | None,
    quebradas: tuple[str, ...],
) -> None:
    ultimo = publicar(Deposito(tmp_path), f"{AGORA - idade * MINUTO:%Y%m%d_%H%M%S}")
    medida = Medida(
        Promessa(HORA, 10 * MINUTO),
        lacuna * MINUTO if lacuna is not None else None,
        idade_de(ultimo, 36 * HORA, ultimo.quando + idade * MINUTO),
        Volta(AGORA, 9, volta, "ensaio") if volta is not None else None,
    )
    assert tuple(q for q, _ in medida.quebras) == quebradas
    linhas = list(medida.linhas())
    assert linhas[0].startswith("❌" if {"idade", "lacuna"} & {*quebradas} else "✅")
    assert linhas[1].startswith("⚠️" if volta is None else "❌" if "volta" in quebradas else "✅")


def test_sem_backup_inteiro_nao_ha_promessa_que_se_cumpra() -> None:
    medida = Medida(Promessa(HORA), None, idade_de(None, HORA, AGORA), None)
    assert medida.quebras == (
        ("idade", "não há backup inteiro (a promessa é perder no máximo 60 min)"),
    )
    assert Medida(Promessa(), None, idade_de(None, HORA, AGORA), None).quebras == ()


def test_de_varios_codigos() -> None:
    assert [primeiro_codigo(*c) for c in ((14, 10), (13, 14), (14, 4), (14, 6, 13), (0, 14))] == [
        10,
        13,
        4,
        6,
        14,
    ]


# -- o que se mostra ---------------------------------------------------------------------------


def com_promessa(tmp_path: Path, *linhas: str) -> Path:
    """O script, num projeto que promete isto no cofre.toml."""
    script = copiar_scripts(tmp_path / "loja")
    (tmp_path / "loja" / "cofre.toml").write_text("\n".join(linhas), "utf-8")
    return script


def test_listar_e_a_pagina_dizem_o_que_e(tmp_path: Path) -> None:
    deposito = Deposito(tmp_path / "b")
    for horas in (50, 48, 2):
        publicar(deposito, f"{AGORA - horas * HORA:%Y%m%d_%H%M%S}", dono=ANA)
        publicar(deposito, f"{AGORA - horas * HORA:%Y%m%d_%H%M%S}", dono=BIA)
    ensaio = Ensaio(AGORA, "x", RESTAURADO, 1962, segundos=75.0)
    ensaios.anotar(deposito.pasta_da_empresa(ANA), ANA, ensaio)
    script = com_promessa(tmp_path, '[empresas."Ana Doces"]', 'perder_no_maximo = "3d"')
    mais = {"BACKUP_PERDER_NO_MAXIMO": "3h", "BACKUP_VOLTAR_EM": "1min"}

    def rodar(*acao: str, mais: dict[str, str] = mais) -> Saida:
        return executar(None, deposito.raiz, *acao, mais=mais, script=script, novo=False)

    fim = rodar("listar")
    assert fim.codigo == 14, fim.tudo
    ana, bia = fim.saida.split("🏢 Bia Peças")
    agora = "agora, há 2 h; o maior tempo em 30 dias, 46 h"
    assert f"   ✅ perder no máximo 3 dias: {agora}\n" in ana
    assert "   ❌ voltar em 1 min: 1.962 registros em 1 min 15 s (ensaio)\n" in ana
    assert f"   ❌ perder no máximo 3 h: {agora}\n" in bia
    assert "   ⚠️ voltar em 1 min: por medir, com «ensaiar»\n" in bia

    documento = executar(
        None, deposito.raiz, "listar", "--json", mais=mais, script=script, novo=False
    ).json()
    medidas = {e["nome"]: e["promessa"] for e in documento["empresas"]}
    assert documento["codigo"] == 14
    assert medidas["Ana Doces"]["quebradas"] == ["volta"]
    assert medidas["Ana Doces"]["volta"]["segundos"] == 75.0
    assert medidas["Bia Peças"] == {
        "perder_no_maximo": 10800.0,
        "voltar_em": 60.0,
        "maior_sem_backup": 46 * 3600.0,
        "volta": None,
        "quebradas": ["lacuna"],
    }
    cumpridas = {"BACKUP_PERDER_NO_MAXIMO": "3d", "BACKUP_VOLTAR_EM": "2min"}
    assert rodar("listar", mais=cumpridas).codigo == 0
    assert executar(None, deposito.raiz, "listar").codigo == 0

    assert rodar("painel").codigo == 0
    pagina = (deposito.raiz / "painel.html").read_text("utf-8")
    assert pagina.count('<span class="selo quebrada">promessa por cumprir</span>') == 2
    assert '<dd class="mau">❌ voltar em 1 min: 1.962 registros em 1 min 15 s (ensaio)' in pagina
    assert "<dt>Maior tempo sem backup em 30 dias</dt><dd>46 h</dd>" in pagina
    assert pagina.count("agendar 15min</code>") == 1


def test_uma_promessa_de_ninguem_e_dita(projeto: SupabaseLocal, tmp_path: Path) -> None:  # noqa: F811
    """Um nome mal escrito no cofre.toml não pode passar por uma promessa que se confere."""
    linhas = [
        f'[empresas."{nome}"]\nperder_no_maximo = "1h"'
        for nome in ("Padaira Ação", "PADARIA AÇÃO", VIZINHA.upper())
    ]
    script = com_promessa(tmp_path, *linhas)
    fim = executar(projeto, tmp_path / "b", script=script, novo=False)
    assert fim.codigo == 0, fim.tudo
    dito = "O cofre.toml promete algo de «{}», e nenhuma empresa tem esse nome, nem esse id."
    assert fim.tudo.count("O cofre.toml promete") == 1
    assert dito.format("Padaira Ação") in fim.tudo


# -- o que se mede e avisa ---------------------------------------------------------------------


@pytest.fixture
def avisos() -> Iterator[ServidorDeAvisos]:
    with servidor_de_avisos() as servidor:
        yield servidor


def test_o_backup_avisa_da_promessa_que_nao_se_cumpriu(
    projeto: SupabaseLocal,  # noqa: F811
    tmp_path: Path,
    avisos: ServidorDeAvisos,
) -> None:
    """Uma vez, quando acaba o tempo a mais; e o que falta a uma empresa, sempre."""
    mais = {"BACKUP_PERDER_NO_MAXIMO": "2h", "BACKUP_WEBHOOK_URL": avisos.url("gancho")}

    def rodar(horas: float, codigo: int) -> dict[str, Any]:
        fim = executar_em(AGORA + horas * HORA, projeto, tmp_path / "b", "--json", mais=mais)
        assert fim.codigo == codigo, fim.tudo
        documento: dict[str, Any] = fim.json()
        return documento

    assert rodar(0, 0)["promessas"] == []
    assert rodar(2, 0)["promessas"] == []
    quebradas = rodar(7.1, 14)["promessas"]
    assert {p["id"] for p in quebradas} == {DONO, VIZINHA}
    assert {tuple(p["quebradas"]) for p in quebradas} == {("lacuna",)}
    assert rodar(8, 0)["promessas"] == []
    eventos = [json.loads(a.corpo) for a in avisos.recebidos if a.caminho.endswith("gancho")]
    assert [e["evento"] for e in eventos] == ["promessa", "normal"]
    assert "Padaria Ação: esteve 5 h sem backup inteiro (a promessa é perder" in eventos[0]["text"]


def test_a_volta_de_verdade_e_a_do_ensaio_medem_se(
    projeto: SupabaseLocal,  # noqa: F811
    criar_supabase: FabricaDeSupabase,
    tmp_path: Path,
) -> None:
    destino = tmp_path / "b"
    assert executar(projeto, destino, "--empresa", DONO).codigo == 0
    executar_sql(projeto, f"UPDATE produtos SET nome = 'x' WHERE user_id = '{DONO}'")
    feita = restaurar(
        projeto, destino, "--empresa", DONO, "--efeitos", "manter", "--confirmar", "RESTAURAR"
    )
    assert feita.codigo == 0, feita.tudo
    (dela,) = executar(None, destino, "listar", "--json").json()["empresas"]
    volta = dela["promessa"]["volta"]
    assert (volta["como"], volta["registros"]) == ("restauração", 521)
    assert volta["segundos"] > 0
    vazio = projeto.cluster.uri(criar_supabase.banco(VAZIO))
    de_teste = {NOME_DA_URL_DE_ENSAIO: vazio}
    ensaio = executar(None, destino, "ensaiar", "--json", mais=de_teste)
    assert ensaio.codigo == 0, ensaio.tudo
    (dela,) = executar(None, destino, "listar", "--json").json()["empresas"]
    volta = dela["promessa"]["volta"]
    assert (volta["como"], volta["registros"]) == ("ensaio", 521)
    assert volta["segundos"] == ensaio.json()["segundos"] > 0


def test_o_ensaio_que_leva_mais_do_que_se_prometeu(tmp_path: Path) -> None:
    publicar(Deposito(tmp_path), "20260301_030000")
    (guardada,) = inventario.guardadas(Deposito(tmp_path))

    @contextlib.contextmanager
    def abrir() -> Iterator[Restaurar]:
        yield lambda _backup, meta: rodizio.Volta(meta.total)

    for voltar, codigo in ((None, 0), (HORA, 0), (timedelta(microseconds=1), 14)):
        saida = StringIO()
        relato = RelatoTexto(saida, saida)
        assert rodizio.ensaiar(rodizio.da_vez([guardada]), abrir, relato, voltar) == codigo
        assert ("❌ A promessa é voltar em" in saida.getvalue()) is bool(codigo)
        assert "⏱️ a volta inteira levou" in saida.getvalue()
