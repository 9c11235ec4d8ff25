"""Mais um acidente da demonstração: as fotos dos produtos e o login de um funcionário, apagados, e
os dois de volta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.rows import class_row

from supabase_local.empresas.acidente import (
    VITIMA,
    mostrar_vizinhas,
    retrato_das_vizinhas,
    sem_o_que_falta,
)
from supabase_local.empresas.ao_vivo import rodar
from supabase_local.empresas.fotos import BALDE
from supabase_local.servidores.postgres import Banco
from supabase_local.servidores.storage.conteudos import Conteudos
from supabase_local.servidores.storage.plantio import tirar

PASTA = f"{VITIMA.user_id}/"
SALVAS = 5
"""As fotos que ficam."""
TABELAS = ("user_approvals", "funcionarios", "logins")
"""O que o login leva consigo ao sair: a linha que o aprova, e o nome dele na do funcionário."""


@dataclass(frozen=True, slots=True)
class Funcionario:
    """Quem perde o login."""

    login: str
    nome: str
    email: str


@dataclass(frozen=True, slots=True)
class _Estado:
    """O conteúdo de cada arquivo da loja (o nome, o tipo e os bytes), e o que há do login."""

    arquivos: Mapping[str, tuple[str, bytes]]
    login: str | None

    @property
    def em_palavras(self) -> str:
        fotos = sum("/produtos/" in nome for nome in self.arquivos)
        return f"{fotos} fotos; login de funcionário: {self.login or 'não há'}"


def perder_e_trazer(
    onde: Banco, script: Path, ambiente: Mapping[str, str], perguntar: bool
) -> int | None:
    """Apaga quase todas as fotos e um login, e os traz de volta com o script de verdade. Sem a API,
    os arquivos ficam de fora, e a tela diz por quê; e a senha não volta, que só um backup cifrado,
    pela conexão direta, a guarda. Devolve o código dele; None se uma vizinha mudou, ou se algo não
    voltou sem que alguém tenha respondido outra coisa."""
    vizinhas, quem = retrato_das_vizinhas(onde), _escolher(onde)
    antes = _como_esta(onde, quem)
    com_arquivos = bool(ambiente.get("SUPABASE_URL"))
    _apagar(onde, quem, antes, com_arquivos=com_arquivos)
    codigo = _trazer(script, ambiente, quem, perguntar=perguntar, com_arquivos=com_arquivos)
    agora = _como_esta(onde, quem)
    print(f"\n🔍 «{VITIMA.nome}»: {agora.em_palavras}")
    intactas = mostrar_vizinhas(onde, vizinhas)
    return sem_o_que_falta(codigo) if intactas and (perguntar or agora == antes) else None


def _escolher(onde: Banco) -> Funcionario:
    """Um funcionário da primeira empresa que entra no sistema."""
    with onde.conectar() as banco, banco.cursor(row_factory=class_row(Funcionario)) as cursor:
        achado = cursor.execute(
            "SELECT u.id::text AS login, f.nome, u.email FROM funcionarios f"
            " JOIN empresas e ON e.id = f.empresa_id JOIN auth.users u ON u.id = f.user_id"
            " WHERE e.user_id = %s ORDER BY f.nome LIMIT 1",
            (VITIMA.user_id,),
        ).fetchone()
    assert achado is not None
    return achado


def _como_esta(onde: Banco, quem: Funcionario) -> _Estado:
    conteudos = Conteudos(onde.cluster.armazem(onde.nome))
    with onde.conectar() as banco:
        linhas: list[tuple[Any, ...]] = banco.execute(
            "SELECT name, version, metadata ->> 'mimetype' FROM storage.objects"
            " WHERE bucket_id = %s AND starts_with(name, %s)",
            (BALDE, PASTA),
        ).fetchall()
        login = banco.execute(
            "SELECT email FROM auth.users WHERE id = %s", (quem.login,)
        ).fetchone()
    return _Estado(
        {n: (tipo, conteudos.lugar(BALDE, n, v).read_bytes()) for n, v, tipo in linhas},
        str(login[0]) if login else None,
    )


def _apagar(onde: Banco, quem: Funcionario, antes: _Estado, *, com_arquivos: bool) -> None:
    fotos = sorted(nome for nome in antes.arquivos if "/produtos/" in nome)
    perdidas = fotos[SALVAS:] if com_arquivos else []
    conteudos = Conteudos(onde.cluster.armazem(onde.nome))
    with onde.conectar() as banco, banco.transaction():
        tirar(banco, conteudos, BALDE, perdidas)
        banco.execute("DELETE FROM auth.users WHERE id = %s", (quem.login,))
    print(f"\n💥 O ACIDENTE, em «{VITIMA.nome}»: apagaram fotos e o login de um funcionário")
    if not com_arquivos:
        print("   (aqui só o login: sem a API, os arquivos ficam fora do backup)")
    print(f"   {antes.em_palavras}")
    print(f"   → {_como_esta(onde, quem).em_palavras}")


def _trazer(
    script: Path,
    ambiente: Mapping[str, str],
    quem: Funcionario,
    *,
    perguntar: bool,
    com_arquivos: bool,
) -> int:
    """Roda a restauração de verdade: com o diálogo, ou já respondida."""
    argumentos: list[str] = []
    if not perguntar:
        argumentos = ["--empresa", str(VITIMA.user_id)]
        argumentos += ["--tabelas", ",".join((*TABELAS, *(["arquivos"] if com_arquivos else [])))]
        argumentos += ["--logins", quem.email, "--confirmar", "RESTAURAR", "--efeitos", "desfazer"]
    responda = f"a empresa {VITIMA.nome}, 0 para tudo, 1 para o login, RESTAURAR"
    return rodar(script, argumentos, ambiente, perguntar=perguntar, responda=responda)
