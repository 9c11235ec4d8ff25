"""O backup seguido de outro pela direta: quando nada mudou, e quando mudou 1 % ao acaso."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from apoio.execucao import metadados
from apoio.procurador import Destino, passar, procurador
from desempenho.conferencia import conferir_backup, resumo_do_arquivo, resumos_do_banco
from desempenho.corrida import Corrida, MedicaoFalhou
from desempenho.dados import DONO, PERMISSOES, VIZINHA
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, decimal, inteiro, segundos

META_SEM_MUDANCA, META_UM_POR_CENTO, META_DO_SERVIDOR = 0.7, 0.9, 1.0
BYTES_SEM_MUDANCA = 100_000
PARTE_DOS_BYTES = 0.1
LINHA_LENTA = 20_000_000 / 8
"""Bytes por segundo: 20 Mbit/s."""
NOTA = (
    "Comandos inteiros, contra o primeiro backup, que lê tudo. Os bytes são os que o PostgreSQL"
    " mandou, contados por um procurador numa corrida à parte; a CPU do servidor é a de todos os"
    " processos dele. «1 %»: UPDATE em linhas ao acaso, pela tabela toda."
)
TABELAS = {
    "211 B por linha": f"""
        CREATE TABLE produtos (
            id uuid PRIMARY KEY, user_id uuid NOT NULL, codigo bigint, nome text,
            preco numeric(18,8), ativo boolean
        );
        CREATE INDEX ON produtos (user_id);
        INSERT INTO produtos SELECT md5('p' || n)::uuid, '{DONO}', n, 'Produto nº ' || n,
            n / 7.0, n % 7 > 0 FROM generate_series(1, {{linhas}}) n;
        INSERT INTO produtos SELECT md5('v' || n)::uuid, '{VIZINHA}', n, 'Dela', 1, true
            FROM generate_series(1, 1 + {{linhas}} / 10) n;
    """,
    "865 B por linha": f"""
        CREATE TABLE produtos (
            id bigint PRIMARY KEY, user_id uuid NOT NULL, nome text, obs text, criado timestamptz
        );
        CREATE INDEX ON produtos (user_id);
        INSERT INTO produtos SELECT n, '{DONO}', 'Produto nº ' || n,
            (SELECT string_agg(md5(n || '-' || k), '') FROM generate_series(1, 21) k),
            '2026-01-16 18:29:44Z'::timestamptz + n * interval '1 second'
            FROM generate_series(1, {{linhas}}) n;
    """,
}
EMPRESAS = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES
        ('{DONO}', '{DONO}', 'Medida'), ('{VIZINHA}', '{VIZINHA}', 'Outra');
"""
UM_POR_CENTO = (
    "UPDATE produtos SET nome = nome || '.' WHERE hashtext(id::text || '{vez}') % 100 = 0"
)


def so_o_que_mudou(banca: Banca) -> Iterator[Linha]:
    """o backup seguido de outro pela direta, contra a leitura inteira."""
    for nome, esquema in TABELAS.items():
        linhas = banca.opcoes.linhas
        dados = EMPRESAS + esquema.format(linhas=linhas) + PERMISSOES
        with banca.projeto(dados) as projeto:
            yield from _Medida(banca, projeto, f"{inteiro(linhas)} linhas de {nome}").linhas()


@dataclass(frozen=True, slots=True)
class _Custo:
    """De um comando: segundos, CPU dele e do servidor, MB no pico."""

    segundos: float
    cpu: float
    servidor: float
    pico: float


@dataclass(slots=True)
class _Medida:
    banca: Banca
    projeto: Projeto
    de_que: str
    _vez: int = field(default=0)

    def linhas(self) -> Iterator[Linha]:
        """As do quadro. Levanta MedicaoFalhou."""
        destino = self.projeto.novo_destino()
        self.projeto.copiar(destino, "--empresa", DONO, direta=True)
        conferir_backup(self.projeto, destino, "produtos")
        inteira = [self._correr(self._do_zero) for _ in range(self.banca.opcoes.repeticoes)]
        todos = self._bytes(self._do_zero)
        for mudar, meta, meta_bytes in (
            (False, META_SEM_MUDANCA, BYTES_SEM_MUDANCA),
            (True, META_UM_POR_CENTO, todos * PARTE_DOS_BYTES),
        ):
            yield self._linha(destino, inteira, todos, meta, meta_bytes, mudar=mudar)
            yield self._pela_linha_lenta(destino, mudar=mudar)
            _conferir(self.projeto, destino)

    def _linha(
        self,
        destino: Path,
        inteira: list[_Custo],
        todos: int,
        meta: float,
        meta_bytes: float,
        *,
        mudar: bool,
    ) -> Linha:
        def seguinte(mais: dict[str, str]) -> Corrida:
            return self._copiar(destino, mais)

        feitas = []
        for _ in range(self.banca.opcoes.repeticoes):
            self._mudar(mudar)
            feitas.append(self._correr(seguinte))
        self._mudar(mudar)
        vieram = self._bytes(seguinte)
        razao = _mediana(feitas, "segundos") / _mediana(inteira, "segundos")
        do_servidor = _mediana(feitas, "servidor") / _mediana(inteira, "servidor")
        return Linha(
            medida=f"backup pela direta, {self.de_que}, {_quanto(mudar)}",
            nosso=f"{_dito(feitas)}, {_mb(vieram)}",
            referencia=f"{_dito(inteira)}, {_mb(todos)}",
            razao=razao,
            meta=f"≤ {decimal(meta)}; CPU do servidor ≤ {decimal(META_DO_SERVIDOR)}"
            f" (foi {decimal(do_servidor)}); ≤ {_mb(int(meta_bytes))}",
            cumprida=razao <= meta
            and vieram <= meta_bytes
            and (mudar or do_servidor <= META_DO_SERVIDOR),
            nota=NOTA,
        )

    def _pela_linha_lenta(self, destino: Path, *, mudar: bool) -> Linha:
        self._mudar(mudar)
        with self._por(_Torneira(LINHA_LENTA)) as mais:
            corrida = self._copiar(destino, mais)
        meta = 8 if mudar else 3
        return Linha(
            medida=f"o mesmo, {_quanto(mudar)}, a 20 Mbit/s",
            nosso=f"{segundos(corrida.segundos)}, {decimal(corrida.pico_mb, 1)} MB de memória",
            meta=f"≤ {meta} s",
            cumprida=corrida.segundos <= meta,
        )

    def _mudar(self, mudar: bool) -> None:
        if mudar:
            self._vez += 1
            self.projeto.sql(UM_POR_CENTO.format(vez=self._vez))

    def _do_zero(self, mais: dict[str, str]) -> Corrida:
        destino = self.projeto.novo_destino()
        try:
            return self._copiar(destino, mais)
        finally:
            shutil.rmtree(destino)

    def _copiar(self, destino: Path, mais: dict[str, str]) -> Corrida:
        return self.projeto.copiar(destino, "--empresa", DONO, direta=not mais, mais=mais)

    def _correr(self, fazer: Callable[[dict[str, str]], Corrida]) -> _Custo:
        antes = _cpu_do_servidor(self.projeto)
        corrida = fazer({})
        time.sleep(0.2)  # o processo do servidor que serviu a conexão acaba depois dela
        depois = _cpu_do_servidor(self.projeto)
        return _Custo(corrida.segundos, corrida.cpu, depois - antes, corrida.pico_mb)

    def _bytes(self, fazer: Callable[[dict[str, str]], Corrida]) -> int:
        torneira = _Torneira(0)
        with self._por(torneira) as mais:
            fazer(mais)
        return torneira.passaram

    @contextlib.contextmanager
    def _por(self, torneira: _Torneira) -> Iterator[dict[str, str]]:
        """O ambiente em que o banco se alcança passando pela torneira."""
        uri = self.projeto.cluster.uri(self.projeto.banco)
        porta = urlsplit(uri).port
        assert porta is not None
        with procurador(porta, passar, torneira) as outra:
            yield {"SUPABASE_DB_URL": uri.replace(f":{porta}/", f":{outra}/")}


@dataclass(slots=True)
class _Torneira:
    """Conta o que o servidor manda e, com `por_segundo` (bytes), não deixa passar mais."""

    por_segundo: float
    passaram: int = 0

    def __call__(self, dados: bytes) -> Destino:
        self.passaram += len(dados)
        if self.por_segundo:
            time.sleep(len(dados) / self.por_segundo)
        return Destino.PASSAR


def _cpu_do_servidor(projeto: Projeto) -> float:
    """Segundos de todos os processos do PostgreSQL, os que já acabaram também."""
    with projeto.cluster.conectar(projeto.banco) as conexao:
        (pid,) = conexao.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        chefe = psutil.Process(pid).parent()
    assert chefe is not None
    tempos = chefe.cpu_times()
    total = tempos.user + tempos.system + tempos.children_user + tempos.children_system
    for filho in chefe.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            do_filho = filho.cpu_times()
            total += do_filho.user + do_filho.system
    return total


def _conferir(projeto: Projeto, destino: Path) -> None:
    """O último backup tem o que o banco tem. Levanta MedicaoFalhou."""
    ultimo = max(metadados(destino), key=lambda m: str(m["inicio"]))
    arquivo = ultimo["pasta"] / ultimo["tabelas"]["produtos"]["arquivo"]
    if resumo_do_arquivo(arquivo) != resumos_do_banco(projeto, "produtos")[DONO]:
        raise MedicaoFalhou(f"{arquivo} não é igual ao que está no banco")


def _quanto(mudar: bool) -> str:
    return "1 % mudado ao acaso" if mudar else "nada mudou"


def _dito(custos: Sequence[_Custo]) -> str:
    nossa, servidor = (segundos(_mediana(custos, qual)) for qual in ("cpu", "servidor"))
    pico = max(c.pico for c in custos)
    do_servidor = f"CPU {nossa}, do servidor {servidor}, {decimal(pico, 1)} MB"
    return f"{segundos(_mediana(custos, 'segundos'))} ({do_servidor})"


def _mediana(custos: Sequence[_Custo], qual: str) -> float:
    return statistics.median(float(getattr(c, qual)) for c in custos)


def _mb(quantos: int) -> str:
    return f"{decimal(quantos / 1_000_000)} MB do servidor"
