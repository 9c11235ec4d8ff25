"""Os arquivos de uma empresa de volta ao Storage: os mesmos bytes, e nada das outras."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from apoio.baldes import (
    arquivos_de,
    criar_balde,
    impressoes_do_storage,
    por_arquivo,
    tirar_arquivos,
)
from apoio.execucao import RESTAURACAO, Saida, da_api, executar
from apoio.impressoes import alheias, executar_sql, impressoes, valor
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import (
    HA_DIFERENCAS,
    NEM_TUDO_COMO_ERA,
    BackupDanificado,
    RestauracaoRecusada,
)
from supabase_local.servidores.falhas import Pedido
from supabase_local.servidores.servidor import SupabaseLocal

EMPRESA = "aaaa1111"
SO_ARQUIVOS = ("--tabelas", "arquivos", "--confirmar", "RESTAURAR")
A_DO_ENVIO = 2
"""A vez em que se pergunta pelo arquivo logo antes de o mandar: a primeira é da foto."""
API, DIRETA = "api", "direta"
IDENTIDADE = ("id", "owner", "owner_id", "created_at")
NOMES = (
    "a",
    "a/b",
    "A",
    " espaços ".replace("ç", "c"),
    "q?x&y+z'",
    "//barras//",
    ".emptyFolderPlaceholder",
)


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(LOJINHA, LINHAS))


LINHAS = f"""
    ALTER TABLE produtos ADD COLUMN foto text;
    UPDATE produtos SET foto = 'https://x.supabase.co/storage/v1/object/public/fotos/{DONO}/a'
    WHERE id = 1;
    UPDATE produtos SET foto = '{DONO}/a/b' WHERE id = 2;
"""


def por_tudo(projeto: SupabaseLocal) -> None:
    """Os mesmos nomes, nos mesmos baldes, nas pastas das duas empresas; e um de ninguém."""
    for balde in ("fotos", "papeis"):
        for dono in (DONO, VIZINHA):
            for nome in NOMES:
                dados = b"" if nome.startswith(".") else f"{balde}{dono}{nome}".encode() * 9
                por_arquivo(
                    projeto,
                    balde,
                    f"{dono}/{nome}",
                    dados,
                    tipo="text/html; charset=utf-8" if nome == "a" else "image/png",
                    cache="public, max-age=3" if nome == "A" else "no-cache",
                    metadados={"cor": ["azul", 2.5, None]} if nome == "a/b" else {},
                    dono=dono if nome == "A" else None,
                )
    por_arquivo(projeto, "fotos", "logo.png", b"de ninguem")


@pytest.fixture
def armazem(projeto: SupabaseLocal) -> None:
    """O Storage como no backup: sempre os mesmos arquivos, de um teste a outro."""
    with projeto.cluster.conectar(projeto.banco) as banco:
        banco.execute("SET session_replication_role = replica")
        banco.execute("DELETE FROM storage.objects")
        banco.execute("DELETE FROM storage.buckets")
    criar_balde(projeto, "fotos", publico=True)
    criar_balde(projeto, "papeis")
    por_tudo(projeto)


def rodar(projeto: SupabaseLocal, destino: Path, via: str, *args: str, **opcoes: Any) -> Saida:
    mais = {"BACKUP_ARQUIVOS": "sim", **da_api(projeto)}
    if via == DIRETA:
        mais["SUPABASE_DB_URL"] = projeto.uri_banco
    return executar(projeto, destino, *args, mais=mais, **opcoes)


def copiar(projeto: SupabaseLocal, destino: Path, via: str) -> None:
    saida = rodar(projeto, destino, via, "--empresa", EMPRESA)
    assert saida.codigo == 0, saida.tudo


def restaurar(projeto: SupabaseLocal, destino: Path, via: str, *args: str) -> Saida:
    return rodar(projeto, destino, via, *args, "--empresa", EMPRESA, script=RESTAURACAO)


def dos_outros(projeto: SupabaseLocal) -> dict[Any, Any]:
    """Tudo o que não é da empresa, no banco e no Storage."""
    return {
        **alheias(impressoes(projeto), DONO),
        **impressoes_do_storage(projeto, lambda _balde, nome: nome.startswith(f"{DONO}/")),
    }


def seus(projeto: SupabaseLocal, *, identidade: bool) -> dict[Any, Any]:
    """Os da empresa: conteúdo, tipo, cache e metadados; com a identidade, id, dono e data."""
    achados = arquivos_de(projeto, lambda _balde, nome: nome.startswith(f"{DONO}/"))
    return {
        onde: (
            a.dados,
            a.tipo,
            a.cache,
            a.metadados or {},  # o servidor guarda {} de quem nada disse
            *(
                (a.linha["id"], a.dono, a.linha["owner"], a.linha["created_at"])
                if identidade
                else ()
            ),
        )
        for onde, a in achados.items()
    }


def estragar(projeto: SupabaseLocal) -> None:
    """Apaga, muda e acrescenta."""
    tirar_arquivos(projeto, "fotos", f"{DONO}/a", f"{DONO}/A", f"{DONO}/.emptyFolderPlaceholder")
    por_arquivo(projeto, "fotos", f"{DONO}/a/b", b"outra coisa", tipo="image/gif")
    por_arquivo(projeto, "papeis", f"{DONO}/novo", b"mais novo que o backup")


@pytest.mark.parametrize("via", [API, DIRETA])
def test_os_arquivos_voltam_como_eram_e_o_desfazer_da_o_que_havia(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path, via: str
) -> None:
    direta = via == DIRETA
    antes = seus(projeto, identidade=direta)
    copiar(projeto, tmp_path, via)
    estragar(projeto)
    estragados, alheios = seus(projeto, identidade=False), dos_outros(projeto)
    saida = restaurar(projeto, tmp_path, via, "--confirmar", "RESTAURAR")
    assert saida.codigo == 0, saida.tudo
    assert "arquivos: +3 ~1 −1 =10 (no backup 14, agora 12)" in saida.saida
    assert "Total de arquivos: 14" in saida.saida
    assert ("sem dono (owner_id)" in saida.saida) == (not direta)
    assert seus(projeto, identidade=direta) == antes, saida.tudo
    assert dos_outros(projeto) == alheios
    saida = restaurar(projeto, tmp_path, via, "desfazer", "--confirmar", "DESFAZER")
    assert saida.codigo == 0, saida.tudo
    assert seus(projeto, identidade=False) == estragados
    assert dos_outros(projeto) == alheios


def test_so_os_arquivos_so_o_que_falta_e_so_um_deles(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    antes = seus(projeto, identidade=False)
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    executar_sql(projeto, f"UPDATE produtos SET foto = 'mudou' WHERE user_id = '{DONO}' AND id = 3")
    estragados, linhas = seus(projeto, identidade=False), impressoes(projeto)
    simulada = restaurar(projeto, tmp_path, API, "--simular", "--tabelas", "arquivos", "--json")
    assert simulada.codigo == HA_DIFERENCAS, simulada.tudo
    dito = simulada.json()
    assert dito["tabelas"] == {"arquivos": {"repor": 3, "alterar": 1, "remover": 1, "iguais": 10}}
    assert (dito["arquivos"]["sobem"], dito["arquivos"]["saem"]) == (4, 1)
    assert dito["arquivos"]["arquivos_sem_linha"] == 11
    assert seus(projeto, identidade=False) == estragados

    um = ("fotos", f"{DONO}/a")
    saida = restaurar(
        projeto,
        tmp_path,
        API,
        "--linhas",
        f"arquivos: balde=fotos, nome={um[1]}",
        "--confirmar",
        "RESTAURAR",
    )
    assert saida.codigo == 0, saida.tudo
    assert seus(projeto, identidade=False) == {**estragados, um: antes[um]}

    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS, "--modo", "recuperar")
    assert saida.codigo == 0, saida.tudo
    assert seus(projeto, identidade=False) == {**antes, **estragados, um: antes[um]}
    assert impressoes(projeto) == linhas
    executar_sql(projeto, "UPDATE produtos SET foto = NULL WHERE id = 3")


def test_um_balde_que_nao_existe_mais_cria_se_como_era_se_se_concorda(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    limites = "file_size_limit = 100, allowed_mime_types = '{text/html}'"
    with projeto.cluster.conectar(projeto.banco) as banco:
        banco.execute(f"UPDATE storage.buckets SET {limites} WHERE id = 'fotos'".encode())
    antes = seus(projeto, identidade=False)
    opcoes = baldes(projeto)
    copiar(projeto, tmp_path, API)
    with projeto.cluster.conectar(projeto.banco) as banco:
        banco.execute("SET session_replication_role = replica")
        banco.execute("DELETE FROM storage.objects WHERE bucket_id = 'fotos'")
        banco.execute("DELETE FROM storage.buckets WHERE id = 'fotos'")
    sem_balde = seus(projeto, identidade=False)
    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS)
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert (
        "7 arquivos são do balde fotos, que não existe mais (era público, até 100 B" in saida.tudo
    )
    assert "--aceitar baldes" in saida.tudo
    assert seus(projeto, identidade=False) == sem_balde
    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS, "--aceitar", "baldes")
    assert saida.codigo == 0, saida.tudo
    assert seus(projeto, identidade=False) == antes
    assert baldes(projeto) == opcoes


def test_o_que_o_balde_nao_aceita_diz_se_antes_e_o_resto_pode_voltar(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    antes = seus(projeto, identidade=False)
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    with projeto.cluster.conectar(projeto.banco) as banco:
        banco.execute("UPDATE storage.buckets SET file_size_limit = 100 WHERE id = 'fotos'")
    estragados = seus(projeto, identidade=False)
    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS)
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "3 arquivos do balde fotos: passa do limite do balde (100 B)" in saida.tudo
    assert seus(projeto, identidade=False) == estragados
    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS, "--aceitar", "registros", "--json")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    vazio, novo = ("fotos", f"{DONO}/.emptyFolderPlaceholder"), ("papeis", f"{DONO}/novo")
    quer = {**estragados, vazio: antes[vazio]}
    del quer[novo]
    assert seus(projeto, identidade=False) == quer
    assert [(g["tabela"], g["registros"]) for g in saida.json()["nao_voltaram"]] == [
        ("arquivos", 2),
        ("arquivos", 1),
    ]


def test_o_que_alguem_muda_no_meio_nao_se_perde(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    antes = seus(projeto, identidade=False)
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    alvo = f"{DONO}/a/b"

    def intrometer(_pedido: Pedido, vez: int) -> None:
        if vez == A_DO_ENVIO:
            por_arquivo(projeto, "fotos", alvo, b"posto enquanto se restaurava")

    def pergunta_por_ele(pedido: Pedido) -> bool:
        return pedido.metodo == "GET" and pedido.caminho.endswith(f"info/fotos/{alvo}")

    with projeto.gateway.ao_pedir(antes=intrometer, se=pergunta_por_ele) as regra:
        saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS)
    assert regra.disparos >= A_DO_ENVIO
    assert saida.codigo == 0, saida.tudo
    assert seus(projeto, identidade=False) == antes
    guardados = {p.read_bytes() for p in tmp_path.rglob("arquivos/*/*")}
    assert {b"outra coisa", b"posto enquanto se restaurava"} <= guardados


def test_so_com_a_conexao_direta_os_arquivos_ficam_de_fora_e_isso_se_diz(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    executar_sql(projeto, "DELETE FROM vendas_itens WHERE venda_id <= 60")
    estragados = seus(projeto, identidade=False)
    so_banco = {"SUPABASE_DB_URL": projeto.uri_banco, "SUPABASE_URL": projeto.url}
    args = ("--empresa", EMPRESA, "--confirmar", "RESTAURAR")
    saida = executar(projeto, tmp_path, *args, mais=so_banco, script=RESTAURACAO)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert "arquivos: só a API escreve os arquivos" in saida.tudo
    assert seus(projeto, identidade=False) == estragados
    assert valor(projeto, "SELECT count(*) FROM vendas_itens WHERE venda_id <= 60") == 120
    saida = executar(
        projeto, tmp_path, *args, "--tabelas", "arquivos", mais=so_banco, script=RESTAURACAO
    )
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo


def test_um_backup_adulterado_nao_poe_nada_na_pasta_de_outra(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    (lista,) = tmp_path.rglob("storage.objects_*.json")
    (ficha,) = tmp_path.rglob("backup_metadata_*.json")
    velho = lista.read_bytes()
    novo = velho.replace(f"{DONO}/a/b".encode(), f"{VIZINHA}/X".encode())
    lista.write_bytes(novo)
    dito = json.loads(ficha.read_text("utf-8"))
    dito["listas"]["storage.objects"] |= {
        "sha256": hashlib.sha256(novo).hexdigest(),
        "bytes": len(novo),
    }
    ficha.write_text(json.dumps(dito), "utf-8")
    antes = arquivos_de(projeto)
    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS)
    assert saida.codigo == BackupDanificado.codigo, saida.tudo
    assert "2 arquivos de outra empresa" in saida.tudo
    assert arquivos_de(projeto) == antes


def baldes(projeto: SupabaseLocal) -> list[Any]:
    consulta = "SELECT id, public, file_size_limit, allowed_mime_types FROM storage.buckets"
    with projeto.cluster.conectar(projeto.banco) as banco:
        return sorted(banco.execute(consulta).fetchall())
