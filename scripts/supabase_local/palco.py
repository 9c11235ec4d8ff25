"""O palco da demonstração: o Supabase embutido no ar, com três empresas inventadas, e as variáveis
com que os scripts falam com ele.

Pela via direta, a API fica ao lado, para os arquivos e os logins; onde não há o PostgREST, como no
Windows, só o PostgreSQL, sem API nem chave.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from supabase_local.empresas import acidente, fotos
from supabase_local.empresas.dados import DEMONSTRACAO, criar_modelo
from supabase_local.servidores.ambiente import POSTGREST, RAIZ, VENV
from supabase_local.servidores.postgres import ADMINISTRADOR, Banco, ClusterPostgres
from supabase_local.servidores.servidor import SupabaseLocal
from supabase_local.servidores.sistema import ha_postgrest

PASTA = VENV / "supabase_local"
BACKUPS = RAIZ / "backups" / "demonstracao"
PORTA_PREFERIDA = 54321
VIAS = API, DIRETA = "api", "direta"
API_AO_LADO = ha_postgrest() and POSTGREST.exists()
"""Se pela via direta há, ao lado do banco, a API."""

ACERTOS = """
    ALTER TABLE produtos ADD COLUMN foto text;
    -- Um cliente de cada empresa fura uma regra NOT VALID, e de outros um gatilho recompõe o
    -- endereço: apagados, não voltariam iguais pela API. Aqui o acidente é para dar certo.
    SET LOCAL session_replication_role = replica;
    UPDATE clientes SET cpf = NULL WHERE length(cpf) <> 14;
    UPDATE clientes SET endereco = concat_ws(', ', logradouro, numero, cidade)
        WHERE endereco IS DISTINCT FROM concat_ws(', ', logradouro, numero, cidade);
"""
"""O que se muda no esquema e nos dados inventados, sem os gatilhos."""


@dataclass(frozen=True, slots=True)
class Projeto:
    """O que está no ar: o banco, e as variáveis com que os scripts falam com ele, e não com um
    projeto real: o que está no ambiente vence o `.env`, ainda que vazio."""

    banco: Banco
    variaveis: Mapping[str, str]

    def contando_com_o_que_falta(self, codigo: int) -> int:
        """Sem a API, os arquivos não têm como voltar, e isso não é um erro."""
        return codigo if self.variaveis["SUPABASE_URL"] else acidente.sem_o_que_falta(codigo)


@contextlib.contextmanager
def subir(via: str, *, do_zero: bool) -> Iterator[Projeto]:
    """O que está no ar, por uma das VIAS, com os dados da vez anterior se ainda servem."""
    print("🐘 Iniciando o Supabase embutido...")
    if do_zero and BACKUPS.is_dir():
        shutil.rmtree(BACKUPS)
    with ClusterPostgres(PASTA / "cluster") as cluster:
        banco = Banco(cluster, _banco_com_dados(cluster, do_zero=do_zero))
        do_banco = {"SUPABASE_DB_URL": banco.uri} if via == DIRETA else {}
        if via == DIRETA and not API_AO_LADO:
            print(f"   ✅ no ar em 127.0.0.1:{cluster.porta} (só o PostgreSQL, sem API)\n")
            yield Projeto(banco, _configuracao(**do_banco))
            return
        with SupabaseLocal(
            cluster, banco=banco.nome, porta=PORTA_PREFERIDA, segredo=_segredo()
        ) as supabase:
            ao_lado = f" e o PostgreSQL em 127.0.0.1:{cluster.porta}" if via == DIRETA else ""
            print(f"   ✅ no ar em {supabase.url}{ao_lado}\n")
            acesso = {
                "SUPABASE_URL": supabase.url,
                "SUPABASE_SERVICE_ROLE_KEY": supabase.chave_secreta,
            }
            yield Projeto(banco, _configuracao(**acesso, **do_banco))


def _banco_com_dados(cluster: ClusterPostgres, *, do_zero: bool) -> str:
    """O banco leva no nome o resumo do que o define: se isso muda, nasce outro."""
    nome = f"demonstracao_{_resumo_das_fontes()}"
    if cluster.existe_banco(nome) and not do_zero:
        if not acidente.ficou_por_consertar(Banco(cluster, nome)):
            print("   ♻️ com os dados da vez anterior (no menu, r começa do zero)")
            return nome
        print("   ♻️ o acidente da vez anterior ficou por restaurar: os dados nascem de novo")
    print("   🌱 criando três empresas inventadas...")
    rascunho = "demonstracao_rascunho"
    for antigo in _bancos_de_demonstracao(cluster):
        cluster.apagar_banco(antigo)
    criar_modelo(cluster, rascunho, DEMONSTRACAO)
    cluster.executar(rascunho, ACERTOS, ADMINISTRADOR)
    fotos.fotografar(Banco(cluster, rascunho), DEMONSTRACAO)
    cluster.renomear_banco(rascunho, nome)
    return nome


def _bancos_de_demonstracao(cluster: ClusterPostgres) -> list[str]:
    with cluster.conectar("postgres") as conexao:
        linhas = conexao.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'demonstracao%'"
        ).fetchall()
    return [nome for (nome,) in linhas]


def _resumo_das_fontes() -> str:
    pasta = Path(__file__).parent
    empresas = pasta / "empresas"
    fontes = sorted(pasta.glob("*/sql/*.sql"))
    nomes = ("dados", "cadastros", "movimento", "invencao", "logins", "fotos")
    fontes += [empresas / f"{nome}.py" for nome in nomes]
    resumo = hashlib.sha256(ACERTOS.encode())
    for fonte in fontes:
        resumo.update(fonte.read_bytes())
    return resumo.hexdigest()[:12]


def _segredo() -> str:
    """O mesmo a cada começo, para que as chaves já copiadas continuem a valer."""
    arquivo = PASTA / "segredo"
    if not arquivo.exists():
        PASTA.mkdir(parents=True, exist_ok=True)
        arquivo.touch(mode=0o600)
        arquivo.write_text(secrets.token_hex(32), encoding="utf-8")
    return arquivo.read_text(encoding="utf-8")


def _configuracao(**acesso: str) -> dict[str, str]:
    """O acesso dito, e vazio o que um `.env` real poderia dizer a mais: nada daqui vai para a cópia
    dos backups de verdade."""
    nomes = (
        *("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_DB_URL", "SUPABASE_DB_CA"),
        *("BACKUP_CIFRAR_PARA", "COPIA_DESTINO"),
    )
    return {**dict.fromkeys(nomes, ""), **acesso, "BACKUP_DIR": str(BACKUPS)}
