"""As contas da vigilância: o que encolheu, o que envelheceu, o que o .env aceita, e os logs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apoio.execucao import fotografia_do_disco
from cofre.base.config.limites import (
    Destinatarios,
    ler_dias,
    ler_idade,
    ler_parcela,
    serve_de_endereco,
)
from cofre.base.erros import ConfiguracaoInvalida
from cofre.base.modelo import Empresa
from cofre.base.relato import RelatoSilencioso
from cofre.base.tela import RelatoTexto
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import momento
from cofre.deposito.cifra.linhas import _LETRAS, em_linhas
from cofre.deposito.idade import avisos_de_velhos, ha_quanto, idade_de
from cofre.deposito.metadados import Metadados
from cofre.deposito.ordem import PRIMEIRA
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.rotina import ultima
from cofre.rotina.encolhimento import (
    ARQUIVO,
    DIAS_DE_AVISO,
    Encolhimento,
    encolhimentos,
    ponto_de_partida,
    reconhecer,
    reconhecido_ate,
    referencias,
)
from cofre.rotina.log import Log, RelatoComLog, girar

DONO = "aaaa1111-0000-4000-8000-000000000001"


def tabelas(contagens: Mapping[str, int]) -> dict[str, TabelaSalva]:
    return {n: TabelaSalva(n, f"{n}.json", registros) for n, registros in contagens.items()}


def backup(carimbo: str, contagens: Mapping[str, int], *marcadas: str, **mais: Any) -> Backup:
    meta = Metadados(
        user_id=DONO,
        nome="Padaria",
        versao=2,
        tabelas=tabelas(contagens),
        encolhimentos=tuple({"tabela": t} for t in marcadas),
        **mais,
    )
    return Backup(Path(), carimbo, meta)


def comparar(
    anteriores: list[Backup], agora: Mapping[str, int], reconhecido: str = "", **mais: Any
) -> list[tuple[str, int, int, str]]:
    opcoes = {"parcela": 30.0, "inteira": True, **mais}
    desde = (momento(reconhecido), reconhecido) if reconhecido else PRIMEIRA
    achados = encolhimentos(referencias(anteriores[::-1], desde), tabelas(agora), **opcoes)
    return [(e.tabela, e.antes, e.agora, e.referencia) for e in achados]


ONTEM = "20261123_030000"


# -- o que encolheu --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("antes", "agora", "encolheu"),
    [
        (100, 70, False),  # 30 %, e não mais
        (100, 69, True),
        (1000, 699, True),
        (1000, 701, False),
        (30, 11, False),  # 63 %, mas só 19 linhas
        (30, 10, True),
        (1, 0, True),  # esvaziou: basta uma
        (0, 0, False),
        (0, 50, False),
        (50, 50, False),
    ],
)
def test_uma_tabela_encolhe(antes: int, agora: int, encolheu: bool) -> None:
    # A outra tabela segura o total da empresa.
    achados = comparar([backup(ONTEM, {"a": antes, "b": 9000})], {"a": agora, "b": 9000})
    assert achados == ([("a", antes, agora, ONTEM)] if encolheu else [])


def test_a_empresa_inteira_encolhe_mesmo_que_nenhuma_tabela_passe() -> None:
    antes = {f"t{n}": 19 for n in range(10)}
    agora = {f"t{n}": 1 for n in range(10)}
    assert comparar([backup(ONTEM, antes)], agora) == [("", 190, 10, ONTEM)]
    assert comparar([backup(ONTEM, antes)], agora, inteira=False) == []


def test_a_ordem_e_a_da_tela_com_a_empresa_na_frente() -> None:
    antes = {"zebras": 50, "vendas": 50, "produtos": 50}
    achados = comparar([backup(ONTEM, antes)], dict.fromkeys(antes, 0))
    assert [a[0] for a in achados] == ["", "produtos", "vendas", "zebras"]


def test_so_se_compara_o_que_esta_nas_duas_e_foi_contado() -> None:
    anterior = backup(ONTEM, {"a": -1, "sumiu": 500, "b": 100})
    assert comparar([anterior], {"a": 0, "nova": 0, "b": 100}) == []


def test_a_que_pode_encolher_nao_conta_nem_no_total() -> None:
    anterior = backup(ONTEM, {"fila": 900, "clientes": 100})
    agora = {"fila": 0, "clientes": 100}
    assert comparar([anterior], agora, podem=frozenset({"fila"})) == []
    assert [a[0] for a in comparar([anterior], agora)] == ["", "fila"]


def test_a_parcela_e_a_do_env() -> None:
    anterior = [backup(ONTEM, {"a": 1000})]
    assert comparar(anterior, {"a": 899}, parcela=10.0) != []
    assert comparar(anterior, {"a": 900}, parcela=10.0) == []
    assert comparar(anterior, {"a": 1}, parcela=100.0) == []


@pytest.mark.parametrize(
    "outro",
    [
        {"falhas": {"b": "x"}},
        {"parcial_de": ("b",)},
        {"tipo": "pre_restauracao"},
    ],
)
def test_so_um_backup_inteiro_de_rotina_serve_de_referencia(outro: dict[str, Any]) -> None:
    bom = backup("20261122_030000", {"a": 100})
    assert comparar([bom, backup(ONTEM, {"a": 5}, **outro)], {"a": 5}) == [
        ("", 100, 5, "20261122_030000"),
        ("a", 100, 5, "20261122_030000"),
    ]
    assert comparar([backup(ONTEM, {"a": 500}, **outro)], {"a": 5}) == []
    assert comparar([Backup(Path(), ONTEM, None, "danificado")], {"a": 5}) == []


# -- o dia seguinte --------------------------------------------------------------------------


def noites(primeira: int, quantas: int) -> list[str]:
    dia = datetime(2026, 1, primeira, 3, tzinfo=UTC)
    return [f"{dia + timedelta(days=n):%Y%m%d_%H%M%S}" for n in range(quantas)]


def viver(historia: list[Backup], carimbos: list[str], contagens: Mapping[str, int]) -> list[bool]:
    """Uma noite por carimbo, cada uma marcada como o programa a marcaria; diz quais avisaram."""
    avisaram = []
    for carimbo in carimbos:
        marcadas = [a[0] for a in comparar(historia, contagens)]
        historia.append(backup(carimbo, contagens, *marcadas))
        avisaram.append(bool(marcadas))
    return avisaram


def test_o_acidente_e_dito_por_muitos_dias_e_depois_vira_o_normal() -> None:
    historia = [backup("20260101_030000", {"a": 100, "b": 1000})]
    dias = noites(2, DIAS_DE_AVISO + 3)
    avisaram = viver(historia, dias, {"a": 0, "b": 1000})
    assert avisaram == [True] * DIAS_DE_AVISO + [False] * 3
    # O novo normal vale: outro acidente é visto.
    assert comparar(historia, {"a": 0, "b": 500})[-1] == ("b", 1000, 500, dias[-1])


def test_varias_execucoes_num_dia_gastam_um_dia_so() -> None:
    historia = [backup("20260101_030000", {"a": 100})]
    no_mesmo_dia = [f"20260102_{h:02}0000" for h in range(24)]
    assert all(viver(historia, no_mesmo_dia, {"a": 0}))
    assert all(viver(historia, noites(3, DIAS_DE_AVISO - 1), {"a": 0}))
    assert viver(historia, noites(28, 1), {"a": 0}) == [False]


def test_um_segundo_acidente_tem_os_seus_proprios_dias() -> None:
    historia = [backup("20260101_030000", {"a": 100, "b": 1000})]
    viver(historia, noites(2, DIAS_DE_AVISO - 1), {"a": 0, "b": 1000})
    for n, carimbo in enumerate(noites(16, DIAS_DE_AVISO)):
        achados = {a[0] for a in comparar(historia, {"a": 0, "b": 100})}
        assert "b" in achados, n
        historia.append(backup(carimbo, {"a": 0, "b": 100}, *achados))
    assert comparar(historia, {"a": 0, "b": 100}) == []


def test_restaurado_o_aviso_para_e_nada_do_estrago_fica_de_referencia() -> None:
    historia = [backup("20260101_030000", {"a": 100})]
    assert viver(historia, noites(2, 3), {"a": 0}) == [True] * 3
    assert viver(historia, noites(5, 1), {"a": 98}) == [False]
    assert comparar(historia, {"a": 20}) == [
        ("", 98, 20, "20260105_030000"),
        ("a", 98, 20, "20260105_030000"),
    ]


def test_encolher_de_novo_depois_de_crescer_tambem_se_ve() -> None:
    historia = [backup("20260101_030000", {"a": 100, "b": 9000})]
    viver(historia, noites(2, 1), {"a": 0, "b": 9000})
    viver(historia, noites(3, 1), {"a": 500, "b": 9000})
    assert comparar(historia, {"a": 200, "b": 9000}) == [("a", 500, 200, "20260103_030000")]


def test_reconhecido_as_contas_recomecam_ali() -> None:
    historia = [backup("20260101_030000", {"a": 100})]
    viver(historia, noites(2, 2), {"a": 10})
    assert comparar(historia, {"a": 10}) != []
    ate = historia[-1].carimbo
    assert comparar(historia, {"a": 10}, ate) == []
    assert comparar(historia, {"a": 0}, ate) == [("", 10, 0, ate), ("a", 10, 0, ate)]


@given(
    antes=st.dictionaries(st.sampled_from("abcde"), st.integers(0, 10**6), min_size=1),
    agora=st.dictionaries(st.sampled_from("abcde"), st.integers(0, 10**6), min_size=1),
)
def test_nunca_se_acusa_quem_cresceu(antes: dict[str, int], agora: dict[str, int]) -> None:
    for tabela, tinha, tem, referencia in comparar([backup(ONTEM, antes)], agora):
        assert tem < tinha
        assert referencia == ONTEM
        if tabela:
            assert (tinha, tem) == (antes[tabela], agora[tabela])


def test_em_palavras() -> None:
    assert Encolhimento("a\x1b[2J", 1, 0, ONTEM).em_palavras == (
        "a\ufffd[2J: era 1 registro em 2026-11-23 03:00; agora, nenhum"
    )
    assert Encolhimento("", 1962, 350, ONTEM).em_palavras == (
        "a empresa inteira: eram 1.962 registros em 2026-11-23 03:00; agora, 350"
    )


# -- reconhecer ------------------------------------------------------------------------------


def test_o_reconhecido_se_le_de_volta_e_e_de_uma_empresa_so(tmp_path: Path) -> None:
    assert reconhecido_ate(tmp_path, DONO) == PRIMEIRA
    reconhecer(tmp_path, DONO, backup(ONTEM, {}))
    assert reconhecido_ate(tmp_path, DONO) == (momento(ONTEM), ONTEM)
    assert reconhecido_ate(tmp_path, "outra") == PRIMEIRA
    for ruim in (b"", b"{", b"[]", b'"x"', b"{}", b"\xff"):
        (tmp_path / ARQUIVO).write_bytes(ruim)
        assert reconhecido_ate(tmp_path, DONO) == PRIMEIRA


def test_recomeca_se_no_ultimo_inteiro_de_rotina() -> None:
    inteiro = backup("1", {})
    incompleto = backup("2", {}, falhas={"a": "x"})
    foto = backup("3", {}, tipo="pre_restauracao")
    assert ponto_de_partida([foto, incompleto, inteiro]) is inteiro
    assert ponto_de_partida([foto, incompleto]) is incompleto
    assert ponto_de_partida([foto]) is None


# -- o que envelheceu ------------------------------------------------------------------------

AGORA = datetime(2026, 11, 24, 12, tzinfo=UTC).astimezone()
LIMITE = timedelta(hours=36)


def de_ha(tempo: timedelta) -> Backup:
    return backup(f"{AGORA - tempo:%Y%m%d_%H%M%S}", {})


def test_velho_e_mais_que_o_limite() -> None:
    assert not idade_de(de_ha(LIMITE), LIMITE, AGORA).velho
    assert idade_de(de_ha(LIMITE + timedelta(seconds=1)), LIMITE, AGORA).velho
    nenhum = idade_de(None, LIMITE, AGORA)
    assert (nenhum.velho, nenhum.tempo, nenhum.em_palavras) == (True, None, "nenhum")
    do_futuro = idade_de(de_ha(timedelta(hours=-5)), LIMITE, AGORA)
    assert (do_futuro.velho, do_futuro.tempo) == (False, timedelta())


@pytest.mark.parametrize(
    ("tempo", "dito"),
    [
        (timedelta(minutes=90, seconds=59), "90 min"),
        (timedelta(hours=36), "36 h"),
        (timedelta(hours=71, minutes=59), "71 h"),
        (timedelta(days=3, hours=23), "3 dias"),
    ],
)
def test_ha_quanto(tempo: timedelta, dito: str) -> None:
    assert ha_quanto(tempo) == dito


def test_poucas_velhas_se_dizem_uma_a_uma_e_muitas_numa_linha() -> None:
    idades = [
        (Empresa(str(n), f"Loja {n}"), idade_de(de_ha(timedelta(days=n)), LIMITE, AGORA))
        for n in range(9)
    ]
    assert list(avisos_de_velhos(idades[:4], LIMITE)) == [
        "Loja 2: último backup inteiro há 48 h (o limite é 36 h).",
        "Loja 3: último backup inteiro há 3 dias (o limite é 36 h).",
    ]
    assert list(avisos_de_velhos(idades, LIMITE)) == [
        "7 empresas sem backup inteiro há mais de 36 h. A pior é Loja 8: último backup inteiro há"
        " 8 dias. Veja todas com:\n.venv/bin/python scripts/backup-por-empresa.py listar"
    ]
    sem = (Empresa("x", "Sem\nnenhum"), idade_de(None, LIMITE, AGORA))
    assert list(avisos_de_velhos([sem], LIMITE)) == [
        "Sem\ufffdnenhum: nenhum backup inteiro (o limite é 36 h)."
    ]


# -- o que o .env aceita ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texto", "idade"),
    [
        ("36h", timedelta(hours=36)),
        ("2d", timedelta(days=2)),
        ("90min", timedelta(minutes=90)),
        (" 7 D ", timedelta(days=7)),
    ],
)
def test_idades(texto: str, idade: timedelta) -> None:
    assert ler_idade("X", texto) == idade


@pytest.mark.parametrize("texto", ["36", "h", "0h", "-2d", "1,5d", "2 dias", "99999d", "٣h", "1h1"])
def test_o_que_nao_e_idade_e_recusado(texto: str) -> None:
    with pytest.raises(ConfiguracaoInvalida) as erro:
        ler_idade("BACKUP_IDADE_MAXIMA", texto)
    assert str(erro.value) == f"BACKUP_IDADE_MAXIMA não é uma idade: «{texto}»."
    assert erro.value.dica == "Escreva como 36h, 2d ou 90min."


def test_parcelas() -> None:
    lidas = [ler_parcela("X", t) for t in ("30", "30%", "0,5 %", "12.5", "100")]
    assert lidas == [30.0, 30.0, 0.5, 12.5, 100.0]
    for ruim in ("", "0", "101", "-5", "trinta", "30%%", "nan", "1e2"):
        with pytest.raises(ConfiguracaoInvalida, match="não é uma porcentagem"):
            ler_parcela("X", ruim)


def test_os_dias_em_que_se_soma() -> None:
    assert [ler_dias("X", t) for t in ("0", "7", " 365 ")] == [0, 7, 365]
    for ruim in ("366", "-1", "7d", "1.5", ""):
        with pytest.raises(ConfiguracaoInvalida, match="X é um número de dias"):
            ler_dias("X", ruim)


def test_enderecos() -> None:
    assert serve_de_endereco("https://hc-ping.com/uuid?create=1")
    assert serve_de_endereco("http://127.0.0.1:8000/x")
    for ruim in ("hc-ping.com/x", "ftp://a/b", "https://", "http://a:b:c/", "https://a/b c", "x"):
        assert not serve_de_endereco(ruim), ruim
    assert "segredo" not in repr(Destinatarios("https://a/segredo", "https://b/segredo"))


# -- o log -----------------------------------------------------------------------------------

QUANDO = datetime(2026, 11, 24, 3, 0, 1, tzinfo=UTC)
HORA = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def sem_hora(texto: str) -> list[str]:
    linhas = texto.splitlines()
    assert all(re.match(rf"{HORA}(  |$)", linha) for linha in linhas), linhas
    return [linha[21:] for linha in linhas]


def test_o_log_tem_as_palavras_da_tela_tambem_as_caladas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "tela").open("w+", encoding="utf-8") as tela:
        registro = Log(tmp_path, "backup", QUANDO)
        relato = RelatoComLog(RelatoSilencioso(RelatoTexto(tela, tela)), registro)
        relato.linha("🚀 começou\ne seguiu")
        relato.linha()
        relato.aviso("cuidado")
        relato.falha("   ❌ Ação: não deu")
        relato.avanco("Padaria", "produtos", 5000, 9000)
        with relato.acompanhando():
            relato.erro("❌ parou")
        relato.documento({"codigo": 4})
        with (tmp_path / "respostas").open("w+", encoding="utf-8") as respostas:
            respostas.write("RESTAURAR\x1b\n")
            respostas.seek(0)
            monkeypatch.setattr("sys.stdin", respostas)
            assert relato.perguntar("Digite: ") == "RESTAURAR\x1b"
            assert relato.perguntar("Digite: ") is None
        log = tmp_path / "logs" / "20261124_030001_backup.log"
        # Ainda aberto: cada linha já está no disco.
        assert sem_hora(log.read_text("utf-8")) == [
            "🚀 começou",
            "e seguiu",
            "",
            "⚠️ cuidado",
            "   ❌ Ação: não deu",
            "❌ parou",
            "Digite: RESTAURAR\ufffd",
            "Digite: (sem resposta)",
        ]
        assert relato.ultimo_documento == {"codigo": 4}
        registro.fechar()
        relato.linha("tarde demais")
        assert "tarde" not in log.read_text("utf-8")
        tela.seek(0)
        assert tela.read() == "   ❌ Ação: não deu\n❌ parou\nDigite: Digite: \n"
        assert (registro.nome, registro.problema) == (log.name, "")


def test_dois_logs_no_mesmo_segundo(tmp_path: Path) -> None:
    registros = [Log(tmp_path, "backup", QUANDO) for _ in range(3)]
    for n, registro in enumerate(registros):
        registro.escrever(f"o {n}")
        registro.fechar()
    assert [r.nome for r in registros] == [
        "20261124_030001_backup.log",
        "20261124_030001-2_backup.log",
        "20261124_030001-3_backup.log",
    ]
    ditos = [sem_hora((tmp_path / "logs" / r.nome).read_text("utf-8")) for r in registros]
    assert ditos == [["o 0"], ["o 1"], ["o 2"]]


def test_a_rotacao_tira_os_mais_antigos_e_so_o_que_e_log(tmp_path: Path) -> None:
    nomes = [f"2026112{n}_030000_backup.log" for n in range(1, 7)]
    alheios = {"notas.txt": b"x" * 100, "20200101_000000_backup.json": b"x", "leia.log": b"x"}
    for nome in nomes:
        (tmp_path / nome).write_bytes(b"x" * 10)
    for nome, dados in alheios.items():
        (tmp_path / nome).write_bytes(dados)
    girar(tmp_path, nomes[5], quantos=4)
    ficaram = dict.fromkeys(nomes[2:], b"x" * 10)
    assert fotografia_do_disco(tmp_path) == {**ficaram, **alheios}
    girar(tmp_path, nomes[5], bytes_=25)
    assert fotografia_do_disco(tmp_path) == {**dict.fromkeys(nomes[4:], b"x" * 10), **alheios}
    # O atual fica, maior que o limite e com o relógio atrasado.
    (tmp_path / nomes[4]).write_bytes(b"x" * 99)
    girar(tmp_path, nomes[4], bytes_=25)
    assert fotografia_do_disco(tmp_path) == {nomes[4]: b"x" * 99, **alheios}


def test_um_log_que_nao_se_pode_abrir_nao_impede_nada(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("sou um arquivo")
    registro = Log(tmp_path, "backup", QUANDO)
    registro.escrever("nada")
    registro.fechar()
    assert registro.nome == ""
    pasta = tmp_path / "logs"
    assert registro.problema == f"Há um arquivo onde devia haver uma pasta: {pasta}"


# -- a última execução -----------------------------------------------------------------------


def test_a_ultima_execucao_se_le_em_qualquer_programa(tmp_path: Path) -> None:
    documento = {
        "acao": "backup",
        "codigo": 10,
        "total_empresas": 2,
        "falhas": [],
        "encolhimentos": [{"id": "a", "nome": "Pão\udc80"}],
        "sumidas": [{"id": "b"}],
        "mudancas": [{"id": "c"}],
        "para_voltar": [{"id": "a"}],
        "empresas": ["grande demais"],
    }
    execucao = ultima.de_documento("backup", QUANDO, 10, documento, "x.log")
    ultima.gravar(tmp_path, execucao)
    lida = json.loads((tmp_path / "ultima_execucao.json").read_text("utf-8"))
    assert datetime.fromisoformat(lida.pop("fim")) >= QUANDO
    assert lida == {
        "acao": "backup",
        "inicio": "2026-11-24T03:00:01+00:00",
        "codigo": 10,
        "resumo": {"total_empresas": 2},
        "erro": "",
        "falhas": [],
        "encolhimentos": [{"id": "a", "nome": "Pão\udc80"}],
        "sumidas": [{"id": "b"}],
        "mudancas": [{"id": "c"}],
        "para_voltar": [{"id": "a"}],
        "log": "x.log",
        "alarme": False,
        "avisada": False,
        "versao_ferramenta": "0.1.0",
    }


def test_o_alarme_pendente_se_le_e_na_duvida_nao_ha(tmp_path: Path) -> None:
    assert not ultima.havia_alarme(tmp_path)
    for conteudo, ha in (
        (b'{"alarme": true}', True),
        (b"{", False),
        (b"[1]", False),
        (b"\xff", False),
    ):
        (tmp_path / "ultima_execucao.json").write_bytes(conteudo)
        assert ultima.havia_alarme(tmp_path) is ha


def test_uma_chave_digitada_na_pergunta_errada_nao_fica_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inteira ou uma linha da folha, também com uma letra trocada, e também quando a recusa a cita;
    o resto do que se responde fica."""
    chave = "AGE-SECRET-KEY-1" + (_LETRAS * 2)[:58]
    _, (segunda, conferencia), *_ = em_linhas(chave)
    trocada = segunda[:-1] + ("A" if segunda[-1] != "A" else "C")
    sem_algarismo = "FTSD RGUL TMCQ VCXJ KDAL"
    da_chave = [chave, chave.lower(), f"{segunda} {conferencia}", trocada, sem_algarismo]
    ficam = ["2026-01-16 18:29", "todas", "Restaurante da Praça"]
    ditas = [*da_chave, *ficam]
    with (tmp_path / "tela").open("w+", encoding="utf-8") as tela:
        registro = Log(tmp_path, "trazer", QUANDO)
        relato = RelatoComLog(RelatoTexto(tela, tela), registro)
        (tmp_path / "respostas").write_text("".join(f"{d}\n" for d in ditas), encoding="utf-8")
        with (tmp_path / "respostas").open(encoding="utf-8") as respostas:
            monkeypatch.setattr("sys.stdin", respostas)
            for dita in ditas:
                assert relato.perguntar("De quando? ") == dita
                relato.falha(f"❌ «{dita}» não é uma data")
    log = (tmp_path / "logs" / "20261124_030001_trazer.log").read_text("utf-8")
    assert [dita for dita in ditas if dita in log] == ficam
    escondidas = log.count("De quando? (escondida)"), log.count("«(escondida)» não é uma data")
    assert escondidas == (len(da_chave), len(da_chave))
