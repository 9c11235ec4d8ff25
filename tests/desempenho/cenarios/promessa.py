"""O que se promete, medido: quanto se pode perder, e quanto leva a volta de uma empresa inteira."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from apoio.execucao import BACKUP, RESTAURACAO, metadados
from desempenho.corrida import Comando, Corrida, MedicaoFalhou
from desempenho.dados import DONO, encher_a_grande, esquema_da_grande
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, inteiro, segundos
from supabase_local.empresas.dados import ARQUIVOS_ANTES, DEMONSTRACAO, ler_sql, semear
from supabase_local.servidores.postgres import ADMINISTRADOR

MODELO = "modelo_da_promessa"
DA_DEMONSTRACAO = str(DEMONSTRACAO[0].user_id)
TAREFA = ("--tipo", "agendado", "--cada", "15min", "--json")
FICA = frozenset({"empresas", "notas_fiscais"})
"""O que não se apaga: uma empresa que já não está no banco é outra história; e a chave que o banco
gera (identity ALWAYS) não volta pela API."""
NOTA = (
    "De quinze em quinze minutos perde-se, no máximo, o que se gravou nesses minutos: o backup é do"
    " instante em que começou. A volta: apagam-se as linhas da empresa (fora `empresas`, e as notas"
    " fiscais, que a API não pode repor) e corre-se a restauração inteira, com as fotos; no fim o"
    " banco é o que era, linha a linha, nas outras também. O ensaio é o que `ensaiar` diz, num"
    " banco à parte. A demonstração vai sem as regras que recusam o que já lá está, de propósito."
)


def promessa(banca: Banca) -> Iterator[Linha]:
    """o que se pode perder e quanto leva a volta, para a demonstração e para a tabela grande."""
    banca.cluster.criar_banco(MODELO, sql=[ler_sql(arquivo) for arquivo in ARQUIVOS_ANTES])
    with banca.cluster.conectar(MODELO) as conexao:
        semear(conexao, DEMONSTRACAO)
    try:
        with banca.projeto(modelo=MODELO) as projeto:
            yield from _das_duas_vias(projeto, DA_DEMONSTRACAO, "a loja da demonstração")
    finally:
        banca.cluster.apagar_banco(MODELO)
    linhas = banca.opcoes.linhas
    grande = (esquema_da_grande(), encher_a_grande(linhas, aos_poucos=True))
    with banca.projeto(*grande) as projeto:
        yield from _das_duas_vias(projeto, DONO, f"{inteiro(linhas)} linhas")


def _das_duas_vias(projeto: Projeto, dono: str, de_que: str) -> Iterator[Linha]:
    for direta in (False, True):
        yield from _Medida(projeto, dono, de_que, direta, projeto.novo_destino()).linhas()


@dataclass(frozen=True, slots=True)
class _Medida:
    projeto: Projeto
    dono: str
    de_que: str
    direta: bool
    destino: Path

    def linhas(self) -> Iterator[Linha]:
        """As do quadro. Levanta MedicaoFalhou."""
        primeiro, quieta = self._tarefa(), self._tarefa()
        if json.loads(quieta.saida)["empresas_iguais"] == 0:
            raise MedicaoFalhou("Nada mudou, e fez-se outro backup")
        copia = self.projeto.novo_destino()
        shutil.copytree(self.destino, copia)
        volta, registros = self._volta(copia)
        ensaio = self._ensaio()
        yield self._linha(
            "o que se pode perder, de quinze em quinze minutos",
            f"15 min (um backup de todas leva {segundos(primeiro.segundos)};"
            f" sem mudança, {segundos(quieta.segundos)})",
        )
        yield self._linha(
            "a volta de tudo", f"{segundos(volta.segundos)}, {inteiro(registros)} registros"
        )
        yield self._linha(
            "ensaiar",
            f"{segundos(ensaio['segundos'])}, {inteiro(int(ensaio['registros']))} registros",
        )

    def _linha(self, oque: str, nosso: str) -> Linha:
        via = "direta" if self.direta else "API"
        return Linha(medida=f"{self.de_que}, pela {via}: {oque}", nosso=nosso, nota=NOTA)

    def _tarefa(self) -> Corrida:
        return self.projeto.copiar(self.destino, *TAREFA, direta=self.direta)

    def _volta(self, destino: Path) -> tuple[Corrida, int]:
        """A restauração, e quantas linhas trouxe, depois de conferido o banco todo."""
        antes = _tudo(self.projeto)
        registros = self._apagar()
        comando: Comando = (
            sys.executable,
            RESTAURACAO,
            "--empresa",
            self.dono,
            "--efeitos",
            "desfazer",
            "--confirmar",
            "RESTAURAR",
        )
        onde = self.projeto.ambiente(destino, direta=self.direta)
        corrida = self.projeto.corredor.correr(comando, onde)
        if _tudo(self.projeto) != antes:
            raise MedicaoFalhou("Depois da restauração, o banco não é o que era antes")
        return corrida, registros

    def _apagar(self) -> int:
        """As linhas que o backup tem, pela chave, sem chaves estrangeiras nem gatilhos."""
        (backup,) = (m for m in metadados(self.destino) if m["user_id"] == self.dono)
        registros = 0
        with self._administrando() as executar:
            for nome, salva in backup["tabelas"].items():
                if nome in FICA:
                    continue
                linhas = json.loads((backup["pasta"] / salva["arquivo"]).read_bytes())
                colunas = salva["chave"] or ("user_id",)  # sem chave, todas as da empresa
                chaves = [json.dumps([li[c] for c in colunas], ensure_ascii=False) for li in linhas]
                quais = sql.SQL(", ").join(map(sql.Identifier, colunas))
                apagar = sql.SQL("DELETE FROM {} WHERE json_build_array({})::text = ANY(%s)")
                apagadas = executar(apagar.format(sql.Identifier(nome), quais), chaves)
                if apagadas != salva["registros"]:
                    raise MedicaoFalhou(f"{nome}: só se apagaram {apagadas} registros")
                registros += apagadas
        return registros

    @contextlib.contextmanager
    def _administrando(self) -> Iterator[Callable[[sql.Composed, list[str]], int]]:
        with self.projeto.cluster.conectar(self.projeto.banco, ADMINISTRADOR) as conexao:
            conexao.execute("SET session_replication_role = replica")
            yield lambda comando, linhas: conexao.execute(comando, [linhas]).rowcount

    def _ensaio(self) -> Mapping[str, float]:
        """O documento de `ensaiar`, num banco vazio do mesmo servidor."""
        cluster, nome = self.projeto.cluster, f"ensaio_{self.projeto.banco}"
        cluster.criar_banco(nome)
        try:
            mais = {"ENSAIO_DB_URL": cluster.uri(nome)}
            onde = self.projeto.ambiente(self.destino, direta=self.direta, mais=mais)
            comando: Comando = (sys.executable, BACKUP, "ensaiar", "--empresa", self.dono, "--json")
            documento: dict[str, float] = json.loads(
                self.projeto.corredor.correr(comando, onde).saida
            )
        finally:
            cluster.apagar_banco(nome)
        return documento


def _tudo(projeto: Projeto) -> dict[str, str]:
    """O resumo das linhas de cada tabela, de todas as empresas, sem contar a ordem."""
    tabelas = (
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    resumo = sql.SQL(
        "SELECT md5(string_agg(m, '' ORDER BY m))"
        " FROM (SELECT md5(row_to_json(t)::text) AS m FROM {} t) x"
    )
    with projeto.cluster.conectar(projeto.banco, ADMINISTRADOR) as conexao:
        nomes = [str(nome) for (nome,) in conexao.execute(tabelas.encode()).fetchall()]
        return {
            nome: str((conexao.execute(resumo.format(sql.Identifier(nome))).fetchone() or ("",))[0])
            for nome in nomes
        }
