"""Os arquivos de uma empresa de volta ao Storage: os mesmos bytes, e nada das outras."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from pathlib import Path

import pytest

from apoio.baldes import arquivos_de, por_arquivo, tirar_arquivos
from apoio.campanha import CAMPANHA
from apoio.cifrados import abrindo_com, cifrando_para
from apoio.execucao import RESTAURACAO, Saida, executar
from apoio.execucao import restaurar as conversar
from apoio.impressoes import executar_sql, impressoes, valor
from apoio.lojinha import DONO, VIZINHA
from apoio.vitrine import (
    API,
    DIRETA,
    EMPRESA,
    SO_ARQUIVOS,
    ambiente_de,
    armazem,
    baldes,
    copiar,
    dos_outros,
    estragar,
    projeto,
    restaurar,
    seus,
)
from cofre.base.erros import (
    HA_DIFERENCAS,
    NEM_TUDO_COMO_ERA,
    BackupDanificado,
    RestauracaoRecusada,
)
from cofre.deposito.cifra.chaves import gerar
from supabase_local.servidores.falhas import Pedido, RespostaForcada
from supabase_local.servidores.servidor import SupabaseLocal

__all__ = ("armazem", "projeto")
A_DO_ENVIO = 2
"""A vez em que se pergunta pelo arquivo logo antes de o mandar: a primeira é da foto."""


@pytest.mark.parametrize("via", [API, DIRETA])
def test_os_arquivos_voltam_como_eram_e_o_desfazer_da_o_que_havia(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path, via: str
) -> None:
    """Pela API, de um backup cifrado: nada do que se guarda fica em claro."""
    direta, destino = via == DIRETA, tmp_path / "backups"
    chave, reserva = gerar(), gerar()
    chaves = {**cifrando_para(chave, reserva), **abrindo_com(tmp_path, chave)}
    mais = {**ambiente_de(projeto, via), **({} if direta else chaves)}

    def levar(*acao: str) -> Saida:
        args = (*acao, "--empresa", EMPRESA, "--confirmar", "DESFAZER" if acao else "RESTAURAR")
        return executar(projeto, destino, *args, mais=mais, script=RESTAURACAO)

    antes = seus(projeto, identidade=direta)
    copiar(projeto, destino, via, **mais)
    estragar(projeto)
    estragados, alheios = seus(projeto), dos_outros(projeto)
    saida = levar()
    assert saida.codigo == (0 if direta else NEM_TUDO_COMO_ERA), saida.tudo
    assert ("3 arquivos voltaram com outro id" in saida.saida) == (not direta)
    assert "arquivos: +3 ~1 −1 =10 (no backup 14, agora 12)" in saida.saida
    assert "Total de registros: 521\nTotal de arquivos: 14\n" in saida.saida
    assert "✅ Apenas a empresa Padaria Ação foi restaurada" in saida.saida
    assert ("sem dono (owner_id)" in saida.saida) == (not direta)
    assert seus(projeto, identidade=direta) == antes, saida.tudo
    assert dos_outros(projeto) == alheios
    saida = levar("desfazer")
    assert saida.codigo == (0 if direta else NEM_TUDO_COMO_ERA), saida.tudo
    assert ("1 arquivo voltou com outro id" in saida.saida) == (not direta)
    assert seus(projeto) == estragados
    assert dos_outros(projeto) == alheios
    claros = [dados for dados, *_ in (*antes.values(), *estragados.values()) if dados]
    guardados = [a.read_bytes() for a in destino.rglob("arquivos/*/*")]
    assert len(guardados) == len({*claros, b""})
    a_mostra = [g for g in guardados if any(c in g for c in claros)]
    assert bool(a_mostra) == direta


def test_so_os_arquivos_so_o_que_falta_e_so_um_deles(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    antes = seus(projeto)
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    executar_sql(projeto, f"UPDATE produtos SET foto = 'mudou' WHERE user_id = '{DONO}' AND id = 3")
    estragados, linhas = seus(projeto), impressoes(projeto)
    simulada = restaurar(projeto, tmp_path, API, "--simular", "--tabelas", "arquivos", "--json")
    assert simulada.codigo == HA_DIFERENCAS, simulada.tudo
    dito = simulada.json()
    assert dito["tabelas"] == {"arquivos": {"repor": 3, "alterar": 1, "remover": 1, "iguais": 10}}
    assert (dito["arquivos"]["sobem"], dito["arquivos"]["saem"]) == (4, 1)
    assert dito["arquivos"]["arquivos_sem_linha"] == 11
    assert seus(projeto) == estragados

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
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert seus(projeto) == {**estragados, um: antes[um]}

    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS, "--modo", "recuperar")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert seus(projeto) == {**antes, **estragados, um: antes[um]}
    assert impressoes(projeto) == linhas
    executar_sql(projeto, "UPDATE produtos SET foto = NULL WHERE id = 3")


@pytest.mark.parametrize("via", [API, DIRETA] if CAMPANHA else [DIRETA])
def test_so_as_linhas_dizem_que_arquivos_lhes_faltam_e_o_comando_que_os_traz(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path, via: str
) -> None:
    """Um pelo endereço, que se apagou, e outro pelo caminho, que lá está; e só dos que voltam."""
    antes = seus(projeto)
    copiar(projeto, tmp_path, via)
    so_linhas = ("--tabelas", "produtos", "--confirmar", "RESTAURAR")
    perdido = f"{DONO}/a"
    mexido = f"UPDATE produtos SET nome = 'mexido' WHERE user_id = '{DONO}' AND id IN (1, 2)"
    executar_sql(projeto, mexido)
    nada = restaurar(projeto, tmp_path, via, *so_linhas, "--json")
    assert "arquivos_por_trazer" not in nada.json(), "os que elas nomeiam estão lá"

    tirar_arquivos(projeto, "fotos", perdido, f"{DONO}/A")  # A, nenhuma linha o nomeia
    executar_sql(projeto, mexido)
    simulada = restaurar(projeto, tmp_path, via, "--tabelas", "produtos", "--simular", "--json")
    assert simulada.json()["arquivos_por_trazer"] == 1
    saida = restaurar(projeto, tmp_path, via, *so_linhas)
    assert saida.codigo == 0, saida.tudo
    dito = "Os registros que voltam nomeiam 1 arquivo que já não está no Storage"
    assert saida.saida.count(dito) == 2, "no plano e no fim"
    tirados = {("fotos", perdido), ("fotos", f"{DONO}/A")}
    assert seus(projeto) == {qual: como for qual, como in antes.items() if qual not in tirados}

    comando = shlex.split(saida.saida.splitlines()[-1])
    pedido = comando[comando.index("--backup") :]
    alheios = dos_outros(projeto)
    saida = restaurar(projeto, tmp_path, via, *pedido, "--confirmar", "RESTAURAR")
    assert saida.codigo in (0, NEM_TUDO_COMO_ERA), saida.tudo
    assert seus(projeto) == antes
    assert dos_outros(projeto) == alheios

    tirar_arquivos(projeto, "fotos", perdido)
    executar_sql(projeto, mexido)
    with projeto.gateway.com_falha(
        RespostaForcada(503), se=lambda p: p.caminho.startswith("/storage/v1/"), vezes=None
    ):
        calado = restaurar(projeto, tmp_path, API, *so_linhas, "--tentativas", "1")
    assert calado.codigo == 0, calado.tudo
    # O caminho sem balde nomeia o de cada um dos dois.
    assert "O Storage não disse se tem 3 arquivos que os registros" in calado.saida
    executar_sql(projeto, mexido)
    mais = {**ambiente_de(projeto, via), "BACKUP_ARQUIVOS": "nao"}
    pedida = (*so_linhas, "--empresa", EMPRESA)
    sem = executar(projeto, tmp_path, *pedida, mais=mais, script=RESTAURACAO)
    assert (sem.codigo, "Storage" in sem.tudo) == (0, False), sem.tudo


def test_um_balde_que_nao_existe_mais_cria_se_como_era_se_se_concorda(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    limites = "file_size_limit = 100, allowed_mime_types = '{text/html}'"
    with projeto.cluster.conectar(projeto.banco) as banco:
        banco.execute(f"UPDATE storage.buckets SET {limites} WHERE id = 'fotos'".encode())
    antes = seus(projeto)
    opcoes = baldes(projeto)
    copiar(projeto, tmp_path, API)
    with projeto.cluster.conectar(projeto.banco) as banco:
        banco.execute("SET session_replication_role = replica")
        banco.execute("DELETE FROM storage.objects WHERE bucket_id = 'fotos'")
        banco.execute("DELETE FROM storage.buckets WHERE id = 'fotos'")
    sem_balde = seus(projeto)
    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS)
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert (
        "7 arquivos são do balde fotos, que não existe mais (era público, até 100 B" in saida.tudo
    )
    assert "--aceitar baldes" in saida.tudo
    assert seus(projeto) == sem_balde
    perguntado = conversar(
        projeto,
        tmp_path,
        "--empresa",
        EMPRESA,
        *SO_ARQUIVOS[:2],
        respostas=("?", "n"),
        mais=ambiente_de(projeto, API),
    )
    assert perguntado.codigo == RestauracaoRecusada.codigo, perguntado.tudo
    assert "Criar de novo o que falta? (s/n): " in perguntado.saida
    assert "s cria de novo o balde, como era" in perguntado.saida
    assert seus(projeto) == sem_balde
    saida = restaurar(projeto, tmp_path, API, *SO_ARQUIVOS, "--aceitar", "baldes")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert seus(projeto) == antes
    assert baldes(projeto) == opcoes
    saida = restaurar(projeto, tmp_path, API, "desfazer", "--confirmar", "DESFAZER")
    assert saida.codigo == 0, saida.tudo
    assert seus(projeto) == sem_balde
    assert [balde for balde, *_ in baldes(projeto)] == ["papeis"]


def test_o_que_o_balde_nao_aceita_diz_se_antes_e_o_que_alguem_muda_no_meio_nao_se_perde(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    """Recusa-se; com acordo, volta o resto; e quando o balde aceita, o que faltava, ainda que
    alguém lhe mexa no último momento."""
    antes, destino = seus(projeto), tmp_path / "backups"
    copiar(projeto, destino, API)
    estragar(projeto)
    _adulterado_nao_poe_nada_na_pasta_de_outra(projeto, destino)
    _limitar(projeto, "100")
    estragados = seus(projeto)
    saida = restaurar(projeto, destino, API, *SO_ARQUIVOS)
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "3 arquivos do balde fotos: acima do limite do balde (100 B)" in saida.tudo
    assert seus(projeto) == estragados
    saida = restaurar(projeto, destino, API, *SO_ARQUIVOS, "--aceitar", "registros", "--json")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    vazio, novo = ("fotos", f"{DONO}/.emptyFolderPlaceholder"), ("papeis", f"{DONO}/novo")
    quer = {**estragados, vazio: antes[vazio]}
    del quer[novo]
    assert seus(projeto) == quer
    assert [(g["tabela"], g["registros"]) for g in saida.json()["nao_voltaram"]] == [
        ("arquivos", 2),
        ("arquivos", 1),
    ]
    _limitar(projeto, "NULL")
    alvo = f"{DONO}/a/b"

    def intrometer(_pedido: Pedido, vez: int) -> None:
        if vez == A_DO_ENVIO:
            por_arquivo(projeto, "fotos", alvo, b"posto enquanto se restaurava")

    def pergunta_por_ele(pedido: Pedido) -> bool:
        return pedido.metodo == "GET" and pedido.caminho.endswith(f"info/fotos/{alvo}")

    with projeto.gateway.ao_pedir(antes=intrometer, se=pergunta_por_ele) as regra:
        saida = restaurar(projeto, destino, API, *SO_ARQUIVOS)
    assert regra.disparos >= A_DO_ENVIO
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert seus(projeto) == antes
    guardados = {p.read_bytes() for p in destino.rglob("arquivos/*/*")}
    assert {b"outra coisa", b"posto enquanto se restaurava"} <= guardados


def _limitar(projeto: SupabaseLocal, bytes_: str) -> None:
    """O maior arquivo que o balde fotos aceita."""
    with projeto.cluster.conectar(projeto.banco) as banco:
        consulta = f"UPDATE storage.buckets SET file_size_limit = {bytes_} WHERE id = 'fotos'"
        banco.execute(consulta.encode())


def _adulterado_nao_poe_nada_na_pasta_de_outra(projeto: SupabaseLocal, backups: Path) -> None:
    """Nem com as somas refeitas; o que se adultera é uma cópia."""
    destino = shutil.copytree(backups, backups.with_name("adulterado"))
    (lista,) = destino.rglob("storage.objects_*.json")
    (ficha,) = destino.rglob("backup_metadata_*.json")
    novo = lista.read_bytes().replace(f"{DONO}/a/b".encode(), f"{VIZINHA}/X".encode())
    lista.write_bytes(novo)
    dito = json.loads(ficha.read_text("utf-8"))
    dito["listas"]["storage.objects"] |= {
        "sha256": hashlib.sha256(novo).hexdigest(),
        "bytes": len(novo),
    }
    ficha.write_text(json.dumps(dito), "utf-8")
    antes = arquivos_de(projeto)
    saida = restaurar(projeto, destino, API, *SO_ARQUIVOS)
    assert saida.codigo == BackupDanificado.codigo, saida.tudo
    assert "2 arquivos de outra empresa" in saida.tudo
    assert arquivos_de(projeto) == antes


def test_so_com_a_conexao_direta_os_arquivos_ficam_de_fora_e_isso_se_diz(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    so_banco = {"SUPABASE_DB_URL": projeto.uri_banco, "SUPABASE_URL": projeto.url}
    args = ("--empresa", EMPRESA, "--confirmar", "RESTAURAR")
    sem_conteudo = executar(
        projeto,
        tmp_path / "dele",
        "--empresa",
        EMPRESA,
        mais={**so_banco, "BACKUP_ARQUIVOS": "sim"},
    )
    assert sem_conteudo.codigo == 0, sem_conteudo.tudo
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    executar_sql(projeto, "DELETE FROM vendas_itens WHERE venda_id <= 60")
    estragados = seus(projeto)
    # O que ele próprio copia não tem conteúdos: nada ficou por voltar.
    saida = executar(projeto, tmp_path / "dele", *args, mais=so_banco, script=RESTAURACAO)
    assert saida.codigo == 0, saida.tudo
    executar_sql(projeto, "DELETE FROM vendas_itens WHERE venda_id <= 60")
    saida = executar(projeto, tmp_path, *args, mais=so_banco, script=RESTAURACAO)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert "arquivos: só a API escreve os arquivos" in saida.tudo
    assert seus(projeto) == estragados
    assert valor(projeto, "SELECT count(*) FROM vendas_itens WHERE venda_id <= 60") == 120
    saida = executar(
        projeto, tmp_path, *args, "--tabelas", "arquivos", mais=so_banco, script=RESTAURACAO
    )
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo


def test_o_id_que_ja_e_de_outro_nao_impede_o_arquivo_de_voltar(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    antes = seus(projeto, identidade=True)
    copiar(projeto, tmp_path, DIRETA)
    onde = ("fotos", f"{DONO}/a")
    tirar_arquivos(projeto, *onde)
    id_ = antes[onde][4]
    executar_sql(projeto, f"UPDATE storage.objects SET id = '{id_}' WHERE name = 'logo.png'")
    alheios = dos_outros(projeto)
    saida = restaurar(projeto, tmp_path, DIRETA, *SO_ARQUIVOS)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert (
        "O banco não devolve o id, o dono e a data de um arquivo: o valor de id já é" in saida.tudo
    )
    assert {o: a[:4] for o, a in antes.items()} == seus(projeto)
    assert dos_outros(projeto) == alheios


def test_desfazer_uma_mudanca_so_mexe_no_que_ela_mudou(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    antes = seus(projeto)
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    copiar(projeto, tmp_path, API)
    depois = seus(projeto)
    # Depois da mudança: um que ela mudou muda outra vez, só no tipo; e outro, em que não mexeu.
    por_arquivo(projeto, "fotos", f"{DONO}/a/b", b"outra coisa", tipo="image/webp")
    por_arquivo(projeto, "papeis", f"{DONO}/a", b"de depois", tipo="image/gif")
    agora, alheios = seus(projeto), dos_outros(projeto)
    saida = restaurar(
        projeto,
        tmp_path,
        API,
        "desfazer-mudanca",
        "--antes",
        carimbos(tmp_path)[0],
        "--depois",
        carimbos(tmp_path)[1],
        "--tabelas",
        "arquivos",
        "--confirmar",
        "RESTAURAR",
    )
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    mudado = ("fotos", f"{DONO}/a/b")
    quer = {**agora, **{onde: a for onde, a in antes.items() if onde not in depois}}
    del quer["papeis", f"{DONO}/novo"]
    dados, _tipo, cache, metadados = antes[mudado]
    quer[mudado] = (dados, "image/webp", cache, metadados)
    assert seus(projeto) == quer
    assert dos_outros(projeto) == alheios


def carimbos(destino: Path) -> list[str]:
    fichas = sorted(destino.rglob("backup_metadata_*.json"))
    return [f.stem.removeprefix("backup_metadata_") for f in fichas]


def test_de_um_backup_pela_api_nao_se_tira_o_que_so_o_owner_id_da(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    """Pela API não se sabe quem enviou: o backup não o viu, e não que ele não existia."""
    por_arquivo(projeto, "papeis", "so-do-dono.pdf", b"existia ao fazer-se o backup", dono=DONO)
    antes, de_dono = seus(projeto), arquivos_de(projeto, lambda _b, nome: nome == "so-do-dono.pdf")
    assert len(de_dono) == 1
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    estragados, alheios = seus(projeto), dos_outros(projeto)
    voltas: tuple[tuple[str, tuple[str, ...], object], ...] = (
        (API, (), antes),
        (DIRETA, ("desfazer",), estragados),  # a foto de antes, que a API tirou, também não o viu
        (DIRETA, (), antes),
    )
    for via, acao, queria in voltas:
        confirmar = ("--confirmar", "DESFAZER" if acao else "RESTAURAR")
        saida = restaurar(projeto, tmp_path, via, *acao, *confirmar)
        # O que a API copiou não diz de quem era: também pela direta volta sem dono.
        assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
        dito = "1 arquivo de hoje que o backup não traz fica como está" in saida.tudo
        assert dito == (via == DIRETA)
        assert seus(projeto) == queria
        assert dos_outros(projeto) == alheios


def test_uma_linha_que_nomeia_o_arquivo_de_outra_nao_o_tira_do_storage(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path
) -> None:
    """Pela API o owner_id não se sabe, e um arquivo sem pasta passa por ser de quem o nomeia."""
    por_arquivo(projeto, "papeis", "contrato.pdf", b"da vizinha", dono=VIZINHA)
    antes = seus(projeto)
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    executar_sql(projeto, "UPDATE produtos SET foto = 'papeis/contrato.pdf' WHERE id = 3")
    alheios = dos_outros(projeto)
    saida = restaurar(projeto, tmp_path, API, "--confirmar", "RESTAURAR")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert seus(projeto) == antes
    assert dos_outros(projeto) == alheios
    assert "1 arquivo de hoje que o backup não traz fica como está" in saida.tudo
    executar_sql(projeto, "UPDATE produtos SET foto = NULL WHERE id = 3")


@pytest.mark.parametrize("via", [API, DIRETA])
def test_o_que_se_restaurou_pela_api_se_desfaz_sem_o_repor_em_outra(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path, via: str
) -> None:
    """Pela API não se sabe quem o enviou, e a foto de antes toma-o por dela. Pela direta sabe-se, e
    não se mexe nele: desfaz-se o resto, com a sua licença."""
    por_arquivo(projeto, "papeis", "contrato.pdf", b"da vizinha", dono=VIZINHA)
    copiar(projeto, tmp_path, API)
    estragar(projeto)
    executar_sql(projeto, "UPDATE produtos SET foto = 'papeis/contrato.pdf' WHERE id = 3")
    estragados, linhas, alheios = seus(projeto), impressoes(projeto), dos_outros(projeto)
    saida = restaurar(projeto, tmp_path, API, "--confirmar", "RESTAURAR")
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert dos_outros(projeto) == alheios

    desfazer = ["desfazer", "--confirmar", "DESFAZER"]
    if via == DIRETA:
        restaurada, de_volta = seus(projeto), impressoes(projeto)
        saida = restaurar(projeto, tmp_path, via, *desfazer)
        assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
        assert "1 arquivo do balde papeis: de outro dono" in saida.tudo
        assert (seus(projeto), impressoes(projeto)) == (restaurada, de_volta)
        desfazer += ["--aceitar", "registros"]
    saida = restaurar(projeto, tmp_path, via, *desfazer)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo
    assert seus(projeto) == estragados
    assert impressoes(projeto) == linhas
    assert dos_outros(projeto) == alheios
    executar_sql(projeto, "UPDATE produtos SET foto = NULL WHERE id = 3")


@pytest.mark.parametrize("via", [API, DIRETA] if CAMPANHA else [DIRETA])
def test_um_que_ja_existia_sem_que_nada_o_nomeasse_fica_ao_restaurar_e_ao_desfazer(
    projeto: SupabaseLocal, armazem: None, tmp_path: Path, via: str
) -> None:
    """A linha que o nomeava sumiu, e ele não: de ninguém, para a foto de antes."""
    por_arquivo(projeto, "papeis", "avulso.png", b"sem pasta nem dono")
    executar_sql(projeto, "UPDATE produtos SET foto = 'papeis/avulso.png' WHERE id = 3")
    copiar(projeto, tmp_path, via)
    executar_sql(projeto, "UPDATE produtos SET foto = NULL WHERE id = 3")
    era = dos_outros(projeto)
    saida = restaurar(projeto, tmp_path, via, "--confirmar", "RESTAURAR")
    assert saida.codigo == 0, saida.tudo
    assert dos_outros(projeto) == era
    saida = restaurar(projeto, tmp_path, via, "desfazer", "--confirmar", "DESFAZER")
    assert saida.codigo == 0, saida.tudo
    assert dos_outros(projeto) == era
