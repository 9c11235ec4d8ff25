"""O que se diz em --frota, a digital de cada trabalhador, e os limites que se dividem."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apoio.execucao import executar
from cofre.backup.rodada import por_tarefa
from cofre.base.config.valores import Acesso, AcessoDireto, Configuracao, Regras
from cofre.base.erros import DefeitoInterno, ErroDeUso, EscritaRecusada, TravaOcupada
from cofre.frota import digital
from cofre.frota.endereco import Onde, ler_onde
from cofre.frota.partilha import Limites, Parte
from cofre.frota.relogio import diferenca
from cofre.via.contrato import EMPRESAS_JUNTAS


@pytest.mark.parametrize(
    ("texto", "onde"),
    [
        ("local:4", Onde(trabalhadores=4)),
        ("tls://agendador:9000", Onde(agendador="tls://agendador:9000")),
        ("tls://agendador", Onde(agendador="tls://agendador:8786")),
        ("tcp://127.0.0.1:9000", Onde(agendador="tcp://127.0.0.1:9000")),
        ("tcp://localhost", Onde(agendador="tcp://localhost:8786")),
        ("tcp://[::1]:9000", Onde(agendador="tcp://[::1]:9000")),
    ],
)
def test_um_endereco_le_se(texto: str, onde: Onde) -> None:
    assert ler_onde(texto) == onde


@pytest.mark.parametrize("nome", ["192.168.0.7", "agendador", "0.0.0.0", "127.0.0.1.exemplo.br"])
def test_sem_cifra_so_nesta_maquina(nome: str) -> None:
    with pytest.raises(ErroDeUso, match="não é cifrado") as recusa:
        ler_onde(f"tcp://{nome}:8786")
    assert "roda código ao lado da chave de serviço" in recusa.value.dica


@pytest.mark.parametrize(
    "texto", ["", "local:0", "local:", "http://a:1", "tls://", "tls://a:x", "tls://a:1/b", "tres"]
)
def test_o_que_nao_e_um_endereco_diz_se(texto: str) -> None:
    with pytest.raises(ErroDeUso, match="--frota não é"):
        ler_onde(texto)


CONFIGURACAO = Configuracao(
    acesso=Acesso("https://abc.supabase.co", "sb_secret_inventada_1"),
    destino=Path("backups"),
    regras=Regras(ignorar=frozenset({"a", "b", "c"})),
    direto=AcessoDireto("postgresql://u:senha-inventada@h/b"),
)


def test_a_digital_e_do_que_muda_o_backup_e_nao_da_pasta() -> None:
    igual = replace(CONFIGURACAO, destino=Path("outra"), avisos=("um aviso",))
    assert digital.de(igual) == digital.de(CONFIGURACAO)
    assert digital.do_recurso(digital.de(igual).recurso) == digital.de(CONFIGURACAO)


@pytest.mark.parametrize(
    "outra",
    [
        replace(CONFIGURACAO, acesso=Acesso("https://abc.supabase.co", "sb_secret_inventada_2")),
        replace(CONFIGURACAO, acesso=Acesso("https://abd.supabase.co", "sb_secret_inventada_1")),
        replace(CONFIGURACAO, direto=AcessoDireto("postgresql://u:senha-inventadb@h/b")),
        replace(CONFIGURACAO, direto=None),
        replace(CONFIGURACAO, compactar=True),
        replace(CONFIGURACAO, logins=False),
        replace(CONFIGURACAO, regras=Regras(ignorar=frozenset({"a", "b"}))),
    ],
    ids=["chave", "endereço", "senha", "sem direta", "compactar", "logins", "cofre.toml"],
)
def test_a_digital_muda_com_o_que_muda_o_backup(outra: Configuracao) -> None:
    assert digital.de(outra).ambiente != digital.de(CONFIGURACAO).ambiente


def test_a_digital_nao_mostra_nada() -> None:
    recurso = digital.de(CONFIGURACAO).recurso
    for segredo in ("inventada", "senha", "abc", "sb_"):
        assert segredo not in recurso.replace("cofre-", "")


@pytest.mark.parametrize(
    ("limites", "trabalhadores", "parte"),
    [
        (Limites(), 8, Parte(4)),
        (Limites(16), 4, Parte(4, None, 4)),
        (Limites(10), 4, Parte(2, None, 4)),
        (Limites(2), 4, Parte(1, None, 2, todos_cabem=False)),
        (Limites(None, 30), 4, Parte(4, 7.5, 4)),
        (Limites(2, 3), 4, Parte(1, 1.5, 2, todos_cabem=False)),
    ],
)
def test_o_limite_dito_e_de_todos_juntos(
    limites: Limites, trabalhadores: int, parte: Parte
) -> None:
    assert limites.partilhar(trabalhadores) == parte
    lugares = parte.lugares or trabalhadores
    if limites.conexoes:
        assert parte.conexoes * lugares <= limites.conexoes
    if limites.por_segundo:
        assert (parte.por_segundo or 0) * lugares == pytest.approx(limites.por_segundo)


@pytest.mark.parametrize(
    ("de_quem_comecou", "do_trabalhador", "dito"),
    [
        (0.0, 0.0, ""),
        (3600.0, 3600.0, ""),
        (3600.0, 3571.0, ""),
        (0.0, -45.0, "o relógio dele está adiantado 45,0 s em relação ao de quem começou"),
        (-10.0, 120.0, "o relógio dele está atrasado 2 min 10 s em relação ao de quem começou"),
    ],
    ids=["certos", "só o agendador é de outra hora", "com folga", "adiantado", "atrasado"],
)
def test_o_relogio_de_um_trabalhador_e_o_de_quem_comecou(
    de_quem_comecou: float, do_trabalhador: float, dito: str
) -> None:
    """O que o do agendador leva à frente de cada um, em segundos."""
    quem: Any = SimpleNamespace(scheduler_delay=do_trabalhador)
    assert diferenca(quem, de_quem_comecou) == dito


@pytest.mark.parametrize(
    "erro",
    [
        TravaOcupada("a empresa está em uso"),
        EscritaRecusada("23505", "duplicada", "Key (id)=(1)"),
        DefeitoInterno(ValueError("não se mostra")),
    ],
    ids=lambda e: type(e).__name__,
)
def test_um_erro_volta_de_outro_processo_como_era(erro: Exception) -> None:
    volta = pickle.loads(pickle.dumps(erro))
    assert type(volta) is type(erro)
    assert (str(volta), volta.__dict__) == (str(erro), erro.__dict__)
    assert volta.dica == erro.dica  # type: ignore[attr-defined]


def test_os_certificados_sao_so_do_dono_e_a_chave_da_autoridade_nao_fica(tmp_path: Path) -> None:
    saida = executar(None, tmp_path / "backups", "--frota", "criar", "--json")
    assert saida.codigo == 0, saida.tudo
    documento = saida.json()
    pasta = Path(documento["pasta"])
    arquivos = {p.name: p for p in pasta.iterdir()}
    assert sorted(arquivos) == sorted(documento["arquivos"])
    assert {p.stat().st_mode & 0o777 for p in arquivos.values()} == {0o600}
    chaves = {n: p.read_text("ascii").count("PRIVATE KEY-----") for n, p in arquivos.items()}
    assert chaves.pop("autoridade.pem") == 0
    assert set(chaves.values()) == {2}, "um BEGIN e um END de cada papel"


@pytest.mark.parametrize(
    ("empresas", "processos", "num_processo", "numa_tarefa", "tarefas"),
    [
        (1000, 1, 4, 32, 32),  # oito voltas
        (1000, 4, 4, 32, 32),  # duas, e ninguém faz uma terceira
        (1000, 8, 4, 32, 32),  # uma só: um lugar cada
        (1100, 8, 4, 18, 62),  # já não cabem numa: duas iguais, e não uma e um bocado
        (60, 2, 4, 30, 2),  # poucas: uma tarefa por processo
        (3, 4, 4, 1, 3),
        (1, 1, 1, 1, 1),
        (50_000, 8, 32, 12, 4167),  # as travas de um processo
        (0, 1, 4, 1, 0),
    ],
)
def test_as_tarefas_ocupam_todos_por_igual(
    empresas: int, processos: int, num_processo: int, numa_tarefa: int, tarefas: int
) -> None:
    numa = por_tarefa(empresas, EMPRESAS_JUNTAS, processos, num_processo)
    assert (numa, -(-empresas // numa)) == (numa_tarefa, tarefas)
