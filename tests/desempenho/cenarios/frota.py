"""O mesmo backup por mais trabalhadores, quando o que se espera é o servidor."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil

from apoio.execucao import BACKUP
from desempenho.conferencia import conferir_backup
from desempenho.dados import DONO, muitas_pequenas, tabelas_pequenas
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, inteiro, segundos

METAS: Mapping[int, float] = {4: 3.4, 8: 6.0}
"""Quantas vezes mais depressa do que um, com tantos trabalhadores."""
META_DE_UM_LOCAL = 1.1
META_DA_MEMORIA = 250
TABELAS_DA_CARGA = 2
NOTA = (
    "Trabalhadores de pé, que já copiaram uma vez (o que se mede é o backup, e não o começo do"
    " Python), quatro conexões cada um, o atraso em cada pedido. A CPU é a de todos os processos."
)


@dataclass(frozen=True, slots=True)
class _Medida:
    segundos: float
    cpu: float
    pico_mb: float


def mais_trabalhadores(banca: Banca) -> Iterator[Linha]:
    """o mesmo backup por um, quatro e oito trabalhadores, pela internet."""
    o = banca.opcoes
    nome = f"{inteiro(o.frota)} empresas × {o.tabelas} tabelas, {o.atraso_da_frota} ms"
    with banca.projeto(muitas_pequenas(o.frota, o.tabelas), atraso=o.atraso_da_frota) as projeto:
        um = _medir(projeto, 1, o.tabelas)
        for quantos, meta in METAS.items():
            muitos = _medir(projeto, quantos, o.tabelas)
            vezes = um.segundos / muitos.segundos
            yield Linha(
                medida=f"{nome}: {quantos} trabalhadores contra um",
                nosso=f"{segundos(muitos.segundos)} (CPU {segundos(muitos.cpu)})",
                referencia=f"{segundos(um.segundos)} (CPU {segundos(um.cpu)})",
                razao=vezes,
                meta=f"≥ {str(meta).replace('.', ',')}",
                cumprida=vezes >= meta,
                nota=NOTA,
            )
        local = projeto.copiar(projeto.novo_destino(), "--frota", "local:1")
        so = projeto.copiar(projeto.novo_destino())
        razao = local.segundos / so.segundos
        yield Linha(
            medida=f"{nome}: --frota local:1 contra nenhuma",
            nosso=segundos(local.segundos),
            referencia=segundos(so.segundos),
            razao=razao,
            meta="≤ 1,1",
            cumprida=razao <= META_DE_UM_LOCAL,
            nota="Com o começo do outro processo.",
        )


def memoria_de_quem_comeca(banca: Banca) -> Iterator[Linha]:
    """a memória de quem começa um backup de muitas empresas numa frota."""
    quantas = banca.opcoes.multidao
    with banca.projeto(muitas_pequenas(quantas, TABELAS_DA_CARGA)) as projeto:
        destino = projeto.novo_destino()
        with _de_pe(projeto.ambiente(destino, direta=True), 2) as (onde, _processos):
            corrida = projeto.copiar(destino, "--frota", onde, "--silencioso", direta=True)
    yield Linha(
        medida=f"memória de quem começa, {inteiro(quantas)} empresas, dois trabalhadores",
        nosso=f"{corrida.pico_mb:.0f} MB",
        meta=f"< {META_DA_MEMORIA} MB",
        cumprida=corrida.pico_mb < META_DA_MEMORIA,
        nota="Pela conexão direta. A meta é de cinquenta mil empresas: --multidao 50000.",
    )


def _medir(projeto: Projeto, quantos: int, tabelas: int) -> _Medida:
    destino = projeto.novo_destino()
    with _de_pe(projeto.ambiente(destino), quantos) as (onde, processos):
        projeto.copiar(destino, "--frota", onde, "--empresa", DONO)
        antes = _cpu(processos)
        corrida = projeto.copiar(destino, "--frota", onde)
        cpu = _cpu(processos) - antes + corrida.cpu
    conferir_backup(projeto, destino, "empresas", *tabelas_pequenas(tabelas))
    return _Medida(corrida.segundos, cpu, corrida.pico_mb)


@contextlib.contextmanager
def _de_pe(
    ambiente: Mapping[str, str], quantos: int
) -> Iterator[tuple[str, Sequence[psutil.Process]]]:
    """Um agendador e tantos trabalhadores; e os processos todos."""
    with socket.create_server(("127.0.0.1", 0)) as livre:
        porta = livre.getsockname()[1]
    onde = f"tcp://127.0.0.1:{porta}"
    comandos = [["agendador", "--so-aqui", "--porta", str(porta)], *[["trabalhar", onde]] * quantos]
    with contextlib.ExitStack() as pilha:
        abertos = []
        for comando in comandos:
            processo = subprocess.Popen(
                [sys.executable, str(BACKUP), "frota", *comando],
                env=dict(ambiente),
                stdout=subprocess.PIPE,
            )
            pilha.callback(_acabar, processo)
            abertos.append(processo)
            if len(abertos) == 1:
                _uma_linha(processo)
        for processo in abertos[1:]:
            _uma_linha(processo)
        yield onde, [psutil.Process(p.pid) for p in abertos]


def _uma_linha(processo: subprocess.Popen[bytes]) -> None:
    assert processo.stdout is not None
    processo.stdout.readline()


def _acabar(processo: subprocess.Popen[bytes]) -> None:
    pai = psutil.Process(processo.pid)
    for um in (*pai.children(recursive=True), pai):
        with contextlib.suppress(psutil.NoSuchProcess):
            um.kill()
    processo.wait()


def _cpu(processos: Sequence[psutil.Process]) -> float:
    todos = [f for p in processos for f in (p, *p.children(recursive=True))]
    return sum(t.user + t.system for t in (p.cpu_times() for p in todos))
