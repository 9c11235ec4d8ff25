"""A ordem dos backups é a dos instantes que os metadados dizem, e não a das horas dos nomes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.acervo import guardar
from apoio.campanha import exemplos
from apoio.execucao import conteudo, executar, metadados, restaurar
from apoio.impressoes import executar_sql
from apoio.lojinha import DONO
from cofre.deposito import diario, ordem
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import momento
from cofre.deposito.deposito import Deposito
from cofre.deposito.idade import idades
from cofre.deposito.inventario import backup_pedido, guardadas, mais_novo
from cofre.deposito.lembranca import ARQUIVO
from cofre.deposito.metadados import ler
from cofre.rotina.encolhimento import reconhecer, reconhecido_ate, referencias
from cofre.rotina.painel import dados
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.servidor import SupabaseLocal

ANA: Final = "aaaa1111-0000-4000-8000-00000000000a"
SAO_PAULO, NOVA_YORK, AUCKLAND = "America/Sao_Paulo", "America/New_York", "Pacific/Auckland"
AO_MEIO_DIA: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)

INICIO: Final = datetime(2020, 1, 1)  # noqa: DTZ001 (o fuso se sorteia à parte)
Fuso = Callable[[str], None]


@pytest.fixture
def fuso(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fuso]:
    """Muda o fuso desta máquina, até ao fim do teste."""

    def mudar(nome: str) -> None:
        monkeypatch.setenv("TZ", nome)
        time.tzset()

    mudar("UTC")
    yield mudar
    monkeypatch.undo()
    time.tzset()


def guardar_em(deposito: Deposito, quando: datetime, produtos: int = 1, **mais: Any) -> Backup:
    """Um backup da Ana começado neste instante, no fuso de agora."""
    aqui = quando.astimezone()
    linhas = [{"id": n} for n in range(produtos)]
    return guardar(
        deposito, ANA, "Ana", aqui, {"produtos": linhas}, inicio=aqui.isoformat(), **mais
    )


@pytest.fixture
def mudado(tmp_path: Path, fuso: Fuso) -> tuple[Deposito, list[str]]:
    """Dois backups em UTC e, duas horas depois, um em São Paulo, de nome menor que o deles. Com os
    carimbos, do mais antigo ao mais novo."""
    deposito = Deposito(tmp_path)
    feitos = [guardar_em(deposito, AO_MEIO_DIA + timedelta(hours=n), 10 + n) for n in range(2)]
    fuso(SAO_PAULO)
    feitos.append(guardar_em(deposito, AO_MEIO_DIA + timedelta(hours=2), 12))
    carimbos = [b.carimbo for b in feitos]
    assert carimbos == ["20260310_120000", "20260310_130000", "20260310_110000"]
    return deposito, carimbos


def test_tudo_o_que_ordena_ou_escolhe(mudado: tuple[Deposito, list[str]]) -> None:
    deposito, carimbos = mudado
    (pasta,) = deposito.pastas()
    assert deposito.carimbos(pasta) == carimbos
    assert [b.carimbo for b in deposito.backups(pasta)] == carimbos
    assert [b.carimbo for b in deposito.da_empresa(ANA)] == carimbos
    assert [b.carimbo for b in deposito.do_mais_novo(pasta)] == carimbos[::-1]
    ultimo = deposito.ultimo(ANA)
    assert ultimo is not None
    assert ultimo.carimbo == carimbos[-1]

    (guardada,) = guardadas(deposito)
    assert [b.carimbo for b in guardada.backups] == carimbos
    assert mais_novo(reversed(guardada.backups)) == ultimo
    assert backup_pedido(guardada, None) == ultimo
    assert [f"{b.quando:%H:%M}" for b in guardada.backups] == ["09:00", "10:00", "11:00"]

    agora = AO_MEIO_DIA + timedelta(hours=5)
    ((_, idade),) = idades(deposito, timedelta(hours=1), agora)
    assert idade.tempo == timedelta(hours=3)
    (na_pagina,) = dados.reunir(deposito, agora, timedelta(hours=1)).empresas
    assert na_pagina.inteiro is not None
    assert (na_pagina.inteiro.carimbo, na_pagina.inteiro.registros) == (carimbos[-1], 12)
    assert [p.registros for p in na_pagina.pontos] == [10, 11, 12]

    (referencia, *_) = referencias(deposito.da_empresa_do_mais_novo(ANA))
    assert referencia.carimbo == carimbos[-1]


def test_a_poda_guarda_o_mais_novo(mudado: tuple[Deposito, list[str]]) -> None:
    deposito, carimbos = mudado
    fim = executar(
        None, deposito.raiz, "podar", "--manter-ultimos", "1", "--sim", mais={"TZ": SAO_PAULO}
    )
    assert fim.codigo == 0, fim.tudo
    assert [b.carimbo for b in deposito.da_empresa(ANA)] == carimbos[-1:]


def test_o_que_nao_mudou_se_liga_ao_mais_novo(mudado: tuple[Deposito, list[str]]) -> None:
    """Onze, depois doze: o arquivo que se repete é o do último instante."""
    deposito, _ = mudado
    novo = guardar_em(deposito, AO_MEIO_DIA + timedelta(hours=3), 12)
    da_pasta = deposito.da_empresa(ANA)
    assert da_pasta[-1] == novo
    arquivos = [b.caminho(b.meta.tabelas["produtos"]) for b in da_pasta if b.meta]
    assert [arquivos[-1].samefile(a) for a in arquivos] == [False, False, True, True]


def test_o_que_se_reconheceu(mudado: tuple[Deposito, list[str]]) -> None:
    deposito, carimbos = mudado
    (pasta,) = deposito.pastas()
    ultimo = deposito.ultimo(ANA)
    assert ultimo is not None
    reconhecer(pasta, ANA, ultimo)
    assert reconhecido_ate(pasta, ANA) == ultimo.ordem
    daqui = referencias(deposito.da_empresa_do_mais_novo(ANA), reconhecido_ate(pasta, ANA))
    assert [r.carimbo for r in daqui] == carimbos[-1:]


def test_pelo_nome_ou_pela_hora_que_a_tela_mostra(mudado: tuple[Deposito, list[str]]) -> None:
    """O carimbo é um nome, e vale sempre; a hora da tela também, se nenhum se chama assim."""
    deposito, carimbos = mudado
    (guardada,) = guardadas(deposito)
    for carimbo in carimbos:
        assert backup_pedido(guardada, carimbo).carimbo == carimbo
    assert backup_pedido(guardada, "20260310_09").carimbo == carimbos[0]
    assert backup_pedido(guardada, "20260310_10").carimbo == carimbos[1]


@pytest.mark.parametrize("via", [API, DIRETA])
def test_o_que_a_restauracao_oferece(projeto: SupabaseLocal, tmp_path: Path, via: str) -> None:
    """O relógio do computador passou de UTC a São Paulo entre um backup e outro: o que se oferece,
    e com que se compara, é o segundo."""
    mais = {"SUPABASE_DB_URL": projeto.uri_banco} if via == DIRETA else {}
    so_dele = ("--empresa", DONO)
    executar_sql(projeto, "UPDATE produtos SET nome = 'antes' WHERE id = 1")
    um = executar(projeto, tmp_path, *so_dele, mais={**mais, "TZ": "UTC"})
    assert um.codigo == 0, um.tudo
    executar_sql(projeto, "UPDATE produtos SET nome = 'Pão 1' WHERE id = 1")
    la = {**mais, "TZ": SAO_PAULO}
    for _ in range(2):
        outro = executar(projeto, tmp_path, *so_dele, mais=la)
        assert outro.codigo == 0, outro.tudo
    # O de UTC primeiro, a qualquer hora do dia a que o teste corra.
    em_utc = lambda m: str(m["inicio"]).endswith("+00:00")  # noqa: E731
    primeiro, *dois = sorted(metadados(tmp_path), key=em_utc, reverse=True)
    arquivos = [m["pasta"] / m["tabelas"]["produtos"]["arquivo"] for m in dois]
    assert arquivos[0].samefile(arquivos[1])
    assert conteudo(primeiro)["produtos"] != conteudo(dois[0])["produtos"]
    igual = restaurar(projeto, tmp_path, *so_dele, "--simular", mais=la)
    assert igual.codigo == 0, igual.tudo
    assert "Os dados atuais já são iguais ao backup." in igual.saida


def test_a_hora_que_volta_a_passar(tmp_path: Path, fuso: Fuso) -> None:
    """Em Nova York, no dia 1 de novembro de 2026, depois da 1:59 vem a 1:00 outra vez."""
    fuso(NOVA_YORK)
    deposito = Deposito(tmp_path)
    antes = datetime(2026, 11, 1, 5, 50, tzinfo=UTC)
    for minutos in (0, 20, 80):
        guardar_em(deposito, antes + timedelta(minutes=minutos))
    (pasta,) = deposito.pastas()
    assert deposito.carimbos(pasta) == ["20261101_015000", "20261101_011000", "20261101_021000"]


def test_dois_computadores_em_dois_fusos(tmp_path: Path, fuso: Fuso) -> None:
    """Alternados na mesma pasta, um a cada hora."""
    deposito = Deposito(tmp_path)
    esperados = []
    for n in range(6):
        fuso((AUCKLAND, SAO_PAULO)[n % 2])
        esperados.append(guardar_em(deposito, AO_MEIO_DIA + timedelta(hours=n)).carimbo)
    (pasta,) = deposito.pastas()
    assert deposito.carimbos(pasta) == esperados
    assert sorted(esperados) != esperados


def test_o_relogio_que_se_acertou(tmp_path: Path, fuso: Fuso) -> None:
    """Os de antes de o acertar dizem a hora errada, e é por ela que se ordenam, em toda a parte."""
    deposito = Deposito(tmp_path)
    adiantado = guardar_em(deposito, AO_MEIO_DIA + timedelta(days=30))
    certo = guardar_em(deposito, AO_MEIO_DIA)
    (pasta,) = deposito.pastas()
    ordem_certa = [certo.carimbo, adiantado.carimbo]
    assert deposito.carimbos(pasta) == [b.carimbo for b in deposito.backups(pasta)] == ordem_certa


@pytest.mark.parametrize("dita", ["2026-03-10T12:00:00", "2020-01-01T00:00:00+00:00"])
def test_da_primeira_versao_vale_o_nome(tmp_path: Path, fuso: Fuso, dita: str) -> None:
    fuso(SAO_PAULO)
    deposito = Deposito(tmp_path)
    hoje = guardar_em(deposito, AO_MEIO_DIA)
    antigo = {"user_id": ANA, "nome": "Ana", "data_backup": dita, "tabelas": ["produtos"]}
    arquivo = hoje.pasta / "backup_metadata_20260310_100000.json"
    arquivo.write_text(json.dumps(antigo), encoding="utf-8")
    primeiro, segundo = deposito.backups(hoje.pasta)
    assert (primeiro.carimbo, segundo.carimbo) == (hoje.carimbo, "20260310_100000")
    assert segundo.quando == momento("20260310_100000")
    assert deposito.carimbos(hoje.pasta) == [primeiro.carimbo, segundo.carimbo]


@pytest.mark.parametrize(
    "inicio", ["", None, 7, "ontem", "2026-03-10T12:00:00", "0001-01-01T00:00:00+00:00", ["x"]]
)
def test_metadados_que_nao_dizem_o_instante(tmp_path: Path, fuso: Fuso, inicio: object) -> None:
    """Sem fuso, ou sem sentido: vale o nome, e o backup não deixa de se ler por isso."""
    deposito = Deposito(tmp_path)
    backup = guardar(deposito, ANA, "Ana", AO_MEIO_DIA, inicio=inicio, data_backup=inicio)
    assert backup.dano == ""
    assert backup.quando == momento(backup.carimbo)
    assert deposito.carimbos(backup.pasta) == [backup.carimbo]


def test_a_ultima_restauracao_e_a_do_instante(tmp_path: Path) -> None:
    """O que `desfazer` desfaz."""
    for nome, quando in (
        ("restauracao_20260310_120000.json", "2026-03-10T12:00:00+00:00"),
        ("restauracao_20260310_100000.json", "2026-03-10T10:00:00-03:00"),
        ("restauracao_20260310_110000.json", ""),
    ):
        texto = json.dumps({"estado": "concluida", "comecada_em": quando})
        (tmp_path / nome).write_text(texto, encoding="utf-8")
    assert [d.caminho.name[21:23] for d in diario.diarios(tmp_path)] == ["11", "12", "10"]


# -- a lembrança ---------------------------------------------------------------------------------


@pytest.fixture
def lidos(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Os metadados que a ordem foi ler, por nome de arquivo."""
    nomes: list[str] = []

    def contar(caminho: Path) -> Any:
        nomes.append(caminho.name)
        return ler(caminho)

    monkeypatch.setattr(ordem, "ler", contar)
    return nomes


def muitos(deposito: Deposito, quantos: int) -> Path:
    """Uma pasta com tantos backups, um por dia."""
    for n in range(quantos):
        pasta = guardar_em(deposito, AO_MEIO_DIA + timedelta(days=n)).pasta
    return pasta


def test_so_se_le_o_que_mudou(tmp_path: Path, fuso: Fuso, lidos: list[str]) -> None:
    deposito = Deposito(tmp_path)
    pasta = muitos(deposito, ordem.POR_LEMBRAR)
    certos = deposito.carimbos(pasta)
    lidos.clear()
    assert deposito.carimbos(pasta) == certos
    assert lidos == []

    mexido = pasta / f"backup_metadata_{certos[0]}.json"
    texto = mexido.read_text("utf-8").replace("2026-03-10T12", "2027-03-10T12")
    mexido.write_text(texto, encoding="utf-8")
    assert deposito.carimbos(pasta) == [*certos[1:], certos[0]]
    assert lidos == [mexido.name]
    lidos.clear()
    novo = guardar_em(deposito, AO_MEIO_DIA + timedelta(days=900)).carimbo
    lidos.clear()
    assert deposito.carimbos(pasta) == [*certos[1:], certos[0], novo]
    assert sorted(lidos) == sorted([mexido.name, f"backup_metadata_{novo}.json"])


@pytest.mark.parametrize(
    "estrago",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"20260310_120000": 3}',
        b'{"20260310_120000": [1, 2]}',
        b'{"donos": [], "tabelas": [], "backups": {"20260310_120000": [1, 2, 3, "i", 7, 0]}}',
        "ñ".encode("latin-1"),
    ],
)
def test_a_lembranca_pode_apagar_se_ou_estragar_se(
    tmp_path: Path, fuso: Fuso, estrago: bytes
) -> None:
    deposito = Deposito(tmp_path)
    pasta = muitos(deposito, ordem.POR_LEMBRAR)
    certos = deposito.carimbos(pasta)
    lembranca = pasta / ARQUIVO
    boa = lembranca.read_bytes()
    lembranca.write_bytes(estrago)
    assert deposito.carimbos(pasta) == certos
    assert json.loads(lembranca.read_bytes()) == json.loads(boa)
    lembranca.unlink()
    lembranca.mkdir()
    assert deposito.carimbos(pasta) == certos
    assert [p.name for p in pasta.glob(f"{ARQUIVO}*")] == [ARQUIVO]


def test_uma_pasta_nova_nao_tem_lembranca(tmp_path: Path, fuso: Fuso) -> None:
    deposito = Deposito(tmp_path)
    pasta = muitos(deposito, ordem.POR_LEMBRAR - 1)
    assert len(deposito.carimbos(pasta)) == ordem.POR_LEMBRAR - 1
    assert not (pasta / ARQUIVO).exists()


@settings(max_examples=exemplos(40))
@given(
    st.lists(
        st.tuples(
            st.datetimes(INICIO, INICIO.replace(year=2030)),
            st.integers(-14 * 60, 14 * 60),
        ),
        min_size=1,
        max_size=25,
        unique_by=lambda par: f"{par[0]:%Y%m%d%H%M%S}",
    )
)
def test_com_lembranca_ou_sem_ela(
    tmp_path_factory: pytest.TempPathFactory, casos: list[tuple[datetime, int]]
) -> None:
    """Horas de nome e fusos quaisquer: a ordem é a dos instantes, lida dos metadados, da lembrança
    ou dos backups abertos."""
    pasta = tmp_path_factory.mktemp("ordem") / "empresa_aaaa1111"
    pasta.mkdir()
    esperados = []
    for hora, minutos in casos:
        carimbo = f"{hora:%Y%m%d_%H%M%S}"
        fuso_ = timedelta(minutes=minutos)
        sinal = "-" if minutos < 0 else "+"
        offset = f"{sinal}{abs(minutos) // 60:02d}:{abs(minutos) % 60:02d}"
        meta = {
            "versao_formato": 2,
            "user_id": ANA,
            "inicio": f"{hora.isoformat()}{offset}",
            "tabelas": {},
        }
        (pasta / f"backup_metadata_{carimbo}.json").write_text(json.dumps(meta), encoding="utf-8")
        esperados.append((hora - fuso_, carimbo))
    esperados.sort()
    certos = [carimbo for _, carimbo in esperados]
    deposito = Deposito(pasta.parent)
    for _ in range(2):
        assert deposito.carimbos(pasta) == certos
    assert [b.carimbo for b in deposito.backups(pasta)] == certos
    assert [b.carimbo for b in deposito.do_mais_novo(pasta)] == certos[::-1]
