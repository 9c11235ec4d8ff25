"""O que a restauração recusa antes da primeira escrita: causa e cura na tela, e nada muda."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apoio.campanha import CAMPANHA
from apoio.danos import (
    arquivo_de,
    metadados_de,
    trocar_bytes,
    trocar_linhas,
    trocar_metadados,
)
from apoio.impressoes import diferencas
from apoio.loja import (
    A_VIA_TANTO_FAZ,
    GRUPO,
    INTEIRA,
    LOJA_X,
    PELAS_DUAS_VIAS,
    PRE,
    TANTO_FAZ,
    Antes,
    Loja,
    antes_de,
    concluiu,
    copiar_deposito,
)
from apoio.lojinha import DONO
from cofre.via.contrato import API, DIRETA
from supabase_local.empresas.dados import ler_sql

Backup = dict[str, Any]

DA_PRIMEIRA_VERSAO = ("produtos", "clientes", "vendas", "fornecedores")
CARIMBO = re.compile(r"\d{8}_\d{6}")


@pytest.fixture(scope="module")
def estragada(loja_do_modulo: Loja) -> Antes:
    """Uma loja com o que restaurar, que nenhum teste chega a mudar."""
    loja_do_modulo.sql(
        f"UPDATE fornecedores SET nome = 'Estragado' WHERE user_id = '{LOJA_X}'",
        f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno = 'C-0002'",
    )
    return antes_de(loja_do_modulo)


@pytest.fixture
def parada(estragada: Antes, backup_da_menor: Path, tmp_path: Path) -> Iterator[Loja]:
    """A mesma loja, com um depósito só deste teste; no fim, nada mudou no banco."""
    yield Loja(estragada.loja.projeto, copiar_deposito(backup_da_menor, tmp_path), TANTO_FAZ)
    estragada.conferir_intacto()


def _cortado(b: Backup) -> None:
    dados = arquivo_de(b, "produtos").read_bytes()
    arquivo_de(b, "produtos").write_bytes(dados[: len(dados) // 2])


def _byte_trocado(b: Backup) -> None:
    dados = bytearray(arquivo_de(b, "produtos").read_bytes())
    onde = dados.index(b'"nome":"') + 10
    dados[onde] ^= 1
    arquivo_de(b, "produtos").write_bytes(bytes(dados))


def _soma_errada(b: Backup) -> None:
    trocar_metadados(b, lambda m: m["tabelas"]["produtos"].update(sha256="0" * 64))


def _contagem_errada(b: Backup) -> None:
    trocar_metadados(b, lambda m: m["tabelas"]["produtos"].update(registros=61))


def _arquivo_sumiu(b: Backup) -> None:
    arquivo_de(b, "produtos").unlink()


def _fora_da_pasta(b: Backup) -> None:
    fora = b["pasta"].parent / "fora.json"
    arquivo_de(b, "produtos").rename(fora)
    trocar_metadados(b, lambda m: m["tabelas"]["produtos"].update(arquivo="../fora.json"))


def _caminho_inteiro(b: Backup) -> None:
    inteiro = str(arquivo_de(b, "produtos").resolve())
    trocar_metadados(b, lambda m: m["tabelas"]["produtos"].update(arquivo=inteiro))


def _por_um_atalho(b: Backup) -> None:
    fora = b["pasta"].parent / "fora.json"
    caminho = arquivo_de(b, "produtos")
    caminho.rename(fora)
    caminho.symlink_to(fora)


def _do_grupo(linha: dict[str, Any]) -> dict[str, Any]:
    return {**linha, "user_id": GRUPO}


def _alheia_no_comeco(b: Backup) -> None:
    trocar_linhas(b, "produtos", lambda ls: [_do_grupo(ls[0]), *ls[1:]])


def _alheia_no_meio(b: Backup) -> None:
    trocar_linhas(b, "produtos", lambda ls: [*ls[:30], _do_grupo(ls[30]), *ls[31:]])


def _alheia_no_fim(b: Backup) -> None:
    trocar_linhas(b, "produtos", lambda ls: [*ls[:-1], _do_grupo(ls[-1])])


def _funcionario_alheio(b: Backup) -> None:
    trocar_linhas(b, "funcionarios", lambda ls: [*ls[:-1], {**ls[-1], "empresa_id": ls[-1]["id"]}])


def _filha_alheia(b: Backup) -> None:
    """Uma movimentação de um caixa que não está no backup: é de outra empresa, ou de nenhuma."""
    outro = "00000000-0000-4000-8000-000000000000"
    trocar_linhas(b, "movimentacoes_caixa", lambda ls: [*ls[:-1], {**ls[-1], "caixa_id": outro}])


def _sem_dono(b: Backup) -> None:
    trocar_linhas(b, "produtos", lambda ls: [*ls[:5], {**ls[5], "user_id": None}, *ls[6:]])


def _sem_coluna_de_dono(b: Backup) -> None:
    def tirar(linhas: list[dict[str, Any]]) -> list[dict[str, Any]]:
        sem = {c: v for c, v in linhas[5].items() if c != "user_id"}
        return [*linhas[:5], sem, *linhas[6:]]

    trocar_linhas(b, "produtos", tirar)


def _sem_chave(b: Backup) -> None:
    def tirar(linhas: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{c: v for c, v in linhas[0].items() if c != "id"}, *linhas[1:]]

    trocar_linhas(b, "produtos", tirar)


def _chave_repetida(b: Backup) -> None:
    trocar_linhas(b, "produtos", lambda ls: [*ls, {**ls[20], "nome": "outra"}])


def _nao_utf8(b: Backup) -> None:
    dados = arquivo_de(b, "produtos").read_bytes().replace(b'"nome":"', b'"nome":"\xff', 1)
    trocar_bytes(b, "produtos", dados, 60)


def _nao_e_vetor(b: Backup) -> None:
    dados = b'{"linhas":' + arquivo_de(b, "produtos").read_bytes() + b"}"
    trocar_bytes(b, "produtos", dados, 60)


def _nao_e_objeto(b: Backup) -> None:
    dados = arquivo_de(b, "produtos").read_bytes().replace(b"[\n", b"[\n1,\n", 1)
    trocar_bytes(b, "produtos", dados, 61)


def _vazio(b: Backup) -> None:
    trocar_bytes(b, "produtos", b"", 0)


def _metadados_cortados(b: Backup) -> None:
    caminho = metadados_de(b)
    caminho.write_bytes(caminho.read_bytes()[:-200])


def _formato_mais_novo(b: Backup) -> None:
    trocar_metadados(b, lambda m: m.update(versao_formato=3))


DANOS: dict[Callable[[Backup], None], str] = {
    _cortado: r"produtos: o arquivo tem [\d.]+ bytes; tinha [\d.]+ bytes",
    _byte_trocado: r"produtos: o conteúdo mudou: a soma sha256 não confere",
    _soma_errada: r"produtos: o conteúdo mudou: a soma sha256 não confere",
    _contagem_errada: r"produtos: o arquivo tem 60 registros; tinha 61",
    _arquivo_sumiu: r"produtos: o arquivo produtos_\d+_\d+\.json não existe",
    _fora_da_pasta: r"produtos: Os metadados citam um arquivo fora da pasta: '\.\./fora\.json'",
    _caminho_inteiro: r"produtos: Os metadados citam um arquivo fora da pasta",
    _por_um_atalho: r"produtos: Os metadados citam um arquivo fora da pasta",
    _alheia_no_comeco: r"produtos: 1 registro de outra empresa",
    _alheia_no_meio: r"produtos: 1 registro de outra empresa",
    _alheia_no_fim: r"produtos: 1 registro de outra empresa",
    _funcionario_alheio: r"funcionarios: 1 registro de outra empresa",
    _filha_alheia: r"movimentacoes_caixa: 1 registro aponta para fora do backup",
    _sem_dono: r"produtos: 1 registro de outra empresa",
    _sem_coluna_de_dono: r"produtos: 1 registro de outra empresa",
    _sem_chave: r"há um registro de produtos sem a chave \(id\)",
    _chave_repetida: r"produtos: 1 registro repete a chave de outro",
    _nao_utf8: r"produtos: produtos_\d+_\d+\.json não é um vetor JSON em UTF-8",
    _nao_e_vetor: r"produtos: .* não é um vetor JSON em UTF-8: não começa com \[",
    _nao_e_objeto: r"produtos: .* não é um vetor JSON em UTF-8: há uma posição que não é um objeto",
    _vazio: r"produtos: .* não é um vetor JSON em UTF-8: está vazio",
    _metadados_cortados: r"backup_metadata_\d+_\d+\.json está danificado",
    _formato_mais_novo: r"é do formato 3, mais novo que este programa",
}


def _nome_da(backup: Backup) -> str:
    """Como a empresa se chama na lista: sem metadados legíveis, pela pasta."""
    try:
        legivel = json.loads(metadados_de(backup).read_bytes())["versao_formato"] == 2
    except ValueError:
        legivel = False
    return LOJA_X if legivel else str(backup["pasta"].name)


@pytest.mark.parametrize("estragar", DANOS, ids=lambda e: e.__name__.strip("_"))
def test_backup_danificado(parada: Loja, estragar: Callable[[Backup], None]) -> None:
    (backup,) = parada.backups("manual")
    carimbo = CARIMBO.search(metadados_de(backup).name)
    assert carimbo is not None
    estragar(backup)
    arquivos = parada.arquivos()
    saida = parada.direto("--backup", carimbo.group(), dono=_nome_da(backup))
    assert saida.codigo == 6, saida.tudo
    assert re.search(DANOS[estragar], saida.erros), saida.tudo
    assert parada.arquivos() == arquivos


@pytest.mark.parametrize("estragar", [_metadados_cortados, _formato_mais_novo])
def test_sem_um_backup_inteiro_nao_ha_o_que_escolher(
    parada: Loja, estragar: Callable[[Backup], None]
) -> None:
    (backup,) = parada.backups("manual")
    estragar(backup)
    arquivos = parada.arquivos()
    saida = parada.direto(dono=_nome_da(backup))
    assert saida.codigo == 3, saida.tudo
    assert "Esta empresa não tem backup inteiro." in saida.erros
    assert parada.arquivos() == arquivos


def test_metadados_ausentes(parada: Loja) -> None:
    """Sem metadados não há backup; o da empresa vizinha, de pasta parecida, não serve."""
    metadados_de(parada.backups("manual")[0]).unlink()
    arquivos = parada.arquivos()
    saida = parada.direto()
    assert saida.codigo == 3, saida.tudo
    assert f"Nenhuma empresa com id ou nome «{LOJA_X}»." in saida.erros
    assert parada.arquivos() == arquivos


def test_metadados_de_outra_empresa(parada: Loja) -> None:
    """As linhas da Loja X, dizendo ser o backup mais novo do Grupo Raval."""
    (backup,) = parada.backups("manual")
    trocar_metadados(backup, lambda m: m.update(user_id=GRUPO, nome="Grupo Raval"))
    arquivos = parada.arquivos()
    assert parada.direto().codigo == 3
    carimbo = CARIMBO.search(metadados_de(backup).name)
    assert carimbo is not None
    saida = parada.direto("--backup", carimbo.group(), dono=GRUPO)
    assert saida.codigo in (2, 6), saida.tudo
    assert parada.arquivos() == arquivos


@A_VIA_TANTO_FAZ
def test_bom_de_editor_do_windows_e_aceito(loja: Loja) -> None:
    antes = antes_de(loja)
    (backup,) = loja.backups("manual")
    caminhos = [arquivo_de(backup, t) for t in backup["tabelas"]]
    for caminho in (metadados_de(backup), *caminhos):
        caminho.write_bytes(codecs.BOM_UTF8 + caminho.read_bytes())
    loja.sql(f"UPDATE fornecedores SET nome = 'x' WHERE user_id = '{LOJA_X}'")
    saida = loja.direto()
    assert saida.codigo == 0, saida.tudo
    antes.conferir()


def _primeira_versao(loja: Loja) -> None:
    """Reescreve o backup como a primeira versão o deixava: indentado, um carimbo por arquivo."""
    (backup,) = loja.backups("manual")
    metadados = metadados_de(backup)
    for n, tabela in enumerate(DA_PRIMEIRA_VERSAO):
        bruto = arquivo_de(backup, tabela).read_text("utf-8")
        linhas = json.loads(bruto)[::-1]  # sem ORDER BY, e cada número passava por um float
        texto = json.dumps(linhas, ensure_ascii=False, indent=2, default=str)
        (backup["pasta"] / f"{tabela}_20260116_1829{n:02d}.json").write_text(texto, "utf-8")
    for tabela in backup["tabelas"]:
        arquivo_de(backup, tabela).unlink()
    metadados.unlink()
    velho = {
        "empresa_id": backup["empresa_id"],
        "user_id": LOJA_X,
        "nome": "Loja X",
        "data_backup": "2026-01-16T18:29:47.123456",
        "tabelas_backup": list(DA_PRIMEIRA_VERSAO),
        "tabelas_falha": [],
        "total_registros": 99,
        "tabelas": {"produtos": 60},
    }
    destino = backup["pasta"] / "backup_metadata_20260116_182947.json"
    destino.write_text(json.dumps(velho, indent=2), "utf-8")


@A_VIA_TANTO_FAZ
def test_backup_da_primeira_versao(loja: Loja) -> None:
    antes = antes_de(loja)
    _primeira_versao(loja)
    loja.sql(
        f"UPDATE fornecedores SET nome = 'x' WHERE user_id = '{LOJA_X}'",
        f"DELETE FROM clientes WHERE user_id = '{LOJA_X}' AND codigo_interno = 'C-0004'",
    )
    saida = loja.direto("--efeitos", "desfazer")
    assert concluiu(saida), saida.tudo
    assert "Backup da primeira versão: não tem somas para conferir os arquivos." in saida.saida
    agora = diferencas(loja.estado(), antes.estado)
    assert {t for t in agora if t in ("fornecedores", "clientes", "produtos", "vendas")} == set()
    antes.conferir_outras()


# -- o banco mudou desde o backup -------------------------------------------------------------


def _recusada(loja: Loja, *textos: str, opcoes: tuple[str, ...] = (), codigo: int = 8) -> None:
    """Recusada, estes textos na tela, e nada mudou: nem o banco, nem o depósito."""
    antes, arquivos = antes_de(loja), loja.arquivos()
    saida = loja.direto(*opcoes)
    assert saida.codigo == codigo, saida.tudo
    for texto in textos:
        assert texto in saida.tudo, saida.tudo
    antes.conferir_intacto()
    assert loja.arquivos() == arquivos


def _ordem(numero: int) -> str:
    """Uma ordem de serviço da empresa, por ordem do id."""
    return (
        "(SELECT id FROM ordens_servico"
        f" WHERE user_id = '{LOJA_X}' ORDER BY id LIMIT 1 OFFSET {numero})"
    )


CHAVES_TOMADAS = (
    f"UPDATE clientes SET user_id = '{GRUPO}', codigo_interno = NULL"
    f" WHERE user_id = '{LOJA_X}' AND codigo_interno = 'C-0004'",
    # Esta linha não diz a empresa: é de outra porque o caixa dela é de outra.
    "UPDATE movimentacoes_caixa SET caixa_id = (SELECT id FROM caixa"
    f" WHERE user_id = '{GRUPO}' LIMIT 1) WHERE id = (SELECT max(m.id) FROM"
    " movimentacoes_caixa m JOIN caixa c ON c.id = m.caixa_id"
    f" WHERE c.user_id = '{LOJA_X}')",
)
VALORES_TOMADOS = (
    f"CREATE TEMP TABLE eram ON COMMIT DROP AS SELECT id, numero_os FROM ordens_servico"
    f" WHERE id IN ({_ordem(0)}, {_ordem(1)})",
    f"UPDATE ordens_servico SET numero_os = 'mudado' WHERE id = {_ordem(1)}",
    f"DELETE FROM ordens_servico WHERE id = {_ordem(0)}",
    "UPDATE ordens_servico o SET numero_os = (SELECT numero_os FROM eram ORDER BY id LIMIT 1"
    " OFFSET n.n - 1) FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM ordens_servico"
    f" WHERE user_id = '{GRUPO}' LIMIT 2) n WHERE n.id = o.id",
    f"CREATE TEMP TABLE era ON COMMIT DROP AS SELECT cnpj FROM empresas WHERE user_id = '{LOJA_X}'",
    f"UPDATE empresas SET cnpj = 'novo' WHERE user_id = '{LOJA_X}'",
    f"UPDATE empresas SET cnpj = (SELECT cnpj FROM era) WHERE user_id = '{GRUPO}'",
)
"""Uma ordem mudou de número, outra foi apagada, a empresa mudou de CNPJ; e outra empresa ficou com
os três."""


@PELAS_DUAS_VIAS
def test_o_que_hoje_e_de_outra_empresa_nao_se_toma(loja: Loja) -> None:
    numeros = [
        loja.valor(f"SELECT numero_os FROM ordens_servico WHERE id = {_ordem(n)}") for n in range(2)
    ]
    cnpj = loja.valor(f"SELECT cnpj FROM empresas WHERE user_id = '{LOJA_X}'")
    loja.sql(*VALORES_TOMADOS)
    _recusada(
        loja,
        *(f"• numero_os: {numero}\n" for numero in numeros),
        f"• cnpj: {cnpj}\n",
        "O valor hoje é de outra empresa.",
    )
    loja.sql(*CHAVES_TOMADAS, sem_gatilhos=True)
    _recusada(
        loja,
        "1 chave de clientes hoje são de outra empresa",
        "1 chave de movimentacoes_caixa hoje",
        "Nada é tomado de outra",
    )


ORDEM_SEM_CLIENTE = (
    f"DELETE FROM ordens_servico WHERE user_id = '{LOJA_X}' AND cliente_id IS NOT NULL",
    "DELETE FROM clientes WHERE id IN (SELECT id FROM clientes c"
    f" WHERE user_id = '{LOJA_X}' AND codigo_interno IS DISTINCT FROM 'C-0001')",
)


@A_VIA_TANTO_FAZ
def test_mae_que_nao_existe_mais_e_oferecida(loja: Loja) -> None:
    antes = antes_de(loja)
    loja.sql(*ORDEM_SEM_CLIENTE)
    _recusada(
        loja,
        "de ordens_servico apontam para clientes que não existem mais",
        "Escolha também clientes.",
        opcoes=("--tabelas", "ordens_servico"),
    )
    recusou = loja.restaurar(respostas=("2", "ordens_servico", "n"))
    assert recusou.codigo == 8, recusou.tudo
    saida = loja.restaurar(
        "--efeitos", "desfazer", respostas=("2", "ordens_servico", "s", "n", "RESTAURAR")
    )
    assert saida.saida.count("Restaurar também clientes? (s/n): ") == 1
    assert saida.saida.count("Somar essas tabelas? (s/n): ") == 1
    assert saida.saida.count("   ⚠️ 10 vendas perderam a ligação com clientes\n") == 2
    assert concluiu(saida), saida.tudo
    assert "Tabelas: clientes, ordens_servico\n" in saida.saida
    agora = diferencas(loja.estado(), antes.estado)
    assert set(agora) <= {"vendas", "auditoria"}  # não escolhidas
    antes.conferir_outras()


@PELAS_DUAS_VIAS
def test_filhas_de_tabelas_nao_escolhidas_sao_oferecidas(loja: Loja) -> None:
    """Um produto novo já foi vendido: removê-lo deixaria a venda sem produto."""
    antes = antes_de(loja)
    loja.sql(
        "INSERT INTO produtos (id, user_id, nome, preco) VALUES"
        f" ('11111111-0000-4000-8000-000000000000', '{LOJA_X}', 'Novo', 5)",
        "INSERT INTO vendas_itens (venda_id, produto_id, quantidade, preco_unitario)"
        " SELECT id, '11111111-0000-4000-8000-000000000000', 1, 5 FROM vendas"
        f" WHERE user_id = '{LOJA_X}' ORDER BY id LIMIT 1",
    )
    _recusada(
        loja,
        "1 registro de vendas_itens dependem de produtos que seriam removidos",
        "Escolha também vendas_itens.",
        opcoes=("--tabelas", "produtos"),
    )
    if loja.via == API and not CAMPANHA:
        return  # o que se oferece não sabe por que via se vai
    saida = loja.restaurar(respostas=("2", "produtos", "s", "RESTAURAR", "s"))
    assert "Tabelas: produtos, vendas_itens, movimentacoes_estoque\n" in saida.saida
    assert saida.codigo == 0, saida.tudo
    diferem = diferencas(loja.estado(), antes.estado)
    assert not {"produtos", "vendas_itens", "movimentacoes_estoque"} & set(diferem), saida.tudo
    antes.conferir_outras()


@PELAS_DUAS_VIAS
def test_usuario_dono_apagado_do_auth(loja: Loja) -> None:
    loja.sql(
        f"DELETE FROM auth.users WHERE id = '{LOJA_X}'",
        f"DELETE FROM \"Pedido Item\" WHERE user_id = '{LOJA_X}'",
        sem_gatilhos=True,
    )
    _recusada(
        loja,
        "o usuário dono da empresa não existe mais em auth.users",
        "Authentication → Users",
    )


SEM_COLUNA = ("--empresa", LOJA_X, "--tabelas", "fornecedores")


COM_ACORDO = ("--confirmar", "RESTAURAR", "--aceitar", "colunas")


@PELAS_DUAS_VIAS
def test_coluna_que_nao_existe_mais_so_se_ignora_com_acordo(loja: Loja) -> None:
    """O acordo por opção, pelas duas vias; o diálogo não sabe por qual se vai."""
    antes = antes_de(loja)
    loja.sql("ALTER TABLE fornecedores DROP COLUMN contatos")
    loja.projeto.recarregar_esquema()
    sem = [{c: v for c, v in f.items() if c != "contatos"} for f in antes.estado["fornecedores"]]

    def ditas(*opcoes: str, respostas: tuple[str, ...] = (), codigo: int) -> None:
        saida = loja.restaurar(*SEM_COLUNA, *opcoes, respostas=respostas)
        assert saida.codigo == codigo, saida.tudo
        assert "fornecedores: o banco não tem mais contatos" in saida.saida
        assert saida.saida.count("Restaurar sem essas colunas? (s/n)") == (not opcoes)

    def com_acordo(*opcoes: str, respostas: tuple[str, ...] = ()) -> None:
        loja.sql(f"UPDATE fornecedores SET nome = 'x' WHERE user_id = '{LOJA_X}'")
        ditas(*opcoes, respostas=respostas, codigo=0)
        assert loja.estado()["fornecedores"] == sorted(sem, key=json.dumps)

    com_acordo(*COM_ACORDO)
    if loja.via == API and not CAMPANHA:
        return
    com_acordo(respostas=("s", "RESTAURAR"))
    loja.sql(f"UPDATE fornecedores SET nome = 'x' WHERE user_id = '{LOJA_X}'")
    estragado, arquivos = antes_de(loja), loja.arquivos()
    ditas("--confirmar", "RESTAURAR", codigo=8)
    ditas(respostas=("n", "RESTAURAR"), codigo=8)
    ditas(codigo=8)
    estragado.conferir_intacto()
    assert loja.arquivos() == arquivos


ESQUEMA_DE_HOJE = (
    "ALTER TABLE despesas ADD COLUMN centro text NOT NULL DEFAULT 'x'",
    "ALTER TABLE despesas ALTER COLUMN centro DROP DEFAULT",
    "DELETE FROM contas_pagar",
    f"DELETE FROM despesas WHERE user_id = '{LOJA_X}'",
    "ALTER TYPE plano RENAME VALUE 'teste' TO 'gratis'",
)
LOGIN_TOMADO = (
    "UPDATE login_funcionarios SET usuario = 'mudado' WHERE id = {deste}",
    "UPDATE login_funcionarios SET usuario = '{era}' WHERE id = {daquele}",
)


def _login_de(dono: str) -> str:
    return (
        "(SELECT l.id FROM login_funcionarios l JOIN funcionarios f ON f.id = l.funcionario_id"
        f" JOIN empresas e ON e.id = f.empresa_id WHERE e.user_id = '{dono}'"
        " ORDER BY l.id LIMIT 1)"
    )


@INTEIRA
@PELAS_DUAS_VIAS
def test_o_que_o_esquema_de_hoje_nao_aceita(loja: Loja) -> None:
    """Uma coluna nova obrigatória; um valor de enum que não existe mais, numa linha apagada (pela
    API) ou alterada; as chaves que só o banco gera (pela API); um valor único de uma tabela que não
    diz a empresa."""
    loja.sql(*ESQUEMA_DE_HOJE)
    loja.sql(f"UPDATE subscriptions SET plano = 'gratis' WHERE user_id = '{LOJA_X}'")
    (backup,) = loja.backups("manual")
    trocar_linhas(backup, "subscriptions", lambda ls: [{**ls[0], "plano": "teste"}])
    tabelas = "despesas,subscriptions,notas_fiscais"
    textos = ["(23502)", "coluna obrigatória sem valor padrão", "(22P02)"]
    textos.append("ALTER TYPE ... ADD VALUE")
    if loja.via == API:
        loja.sql(
            f"DELETE FROM subscriptions WHERE user_id = '{LOJA_X}'",
            f"DELETE FROM notas_fiscais WHERE numero = (SELECT max(numero) FROM notas_fiscais"
            f" WHERE user_id = '{LOJA_X}')",
        )
        textos.append("a chave de notas_fiscais é gerada pelo banco (identity ALWAYS): 1 registro")
        textos.append("A conexão direta com o PostgreSQL pode")
    loja.projeto.recarregar_esquema()
    _recusada(loja, *textos, opcoes=("--tabelas", tabelas))
    if loja.via == DIRETA:
        deste, daquele = _login_de(LOJA_X), _login_de(GRUPO)
        era = loja.valor(f"SELECT usuario FROM login_funcionarios WHERE id = {deste}")
        loja.sql(*(c.format(deste=deste, era=era, daquele=daquele) for c in LOGIN_TOMADO))
        _recusada(
            loja,
            f"• usuario: {era}\n",
            "O valor hoje é de outra empresa.",
            opcoes=("--tabelas", "login_funcionarios"),
        )


@A_VIA_TANTO_FAZ
def test_tabela_que_nao_existe_mais(loja: Loja) -> None:
    antes = antes_de(loja)
    loja.sql(
        'DROP TABLE "Pedido Item"',
        f"UPDATE fornecedores SET nome = 'x' WHERE user_id = '{LOJA_X}'",
    )
    loja.projeto.recarregar_esquema()
    _recusada(loja, "A tabela Pedido Item não existe mais na API")
    saida = loja.direto("--tabelas", "fornecedores")
    assert saida.codigo == 0, saida.tudo
    assert loja.estado()["fornecedores"] == antes.estado["fornecedores"]


def test_tabela_que_o_backup_nao_tem(parada: Loja) -> None:
    _recusada(
        parada,
        "O backup escolhido não tem a tabela permissoes.",
        "Tabelas: user_approvals, empresas,",
        opcoes=("--tabelas", "permissoes"),
        codigo=2,
    )


# -- gatilhos com que ninguém pode ------------------------------------------------------------


def test_gatilho_que_impede_excluir(oficina: Loja) -> None:
    """Dito como é, depois de voltar ao que era."""
    oficina.sql(ler_sql("gatilhos_extremos.sql"), "DROP TRIGGER dono_forcado ON clientes")
    oficina.sql(
        f"INSERT INTO vendas VALUES (9001, '{DONO}')", "UPDATE produtos SET nome = 'x' WHERE id = 1"
    )
    antes = antes_de(oficina, DONO)
    saida = oficina.direto(dono=DONO)
    assert saida.codigo == 7, saida.tudo
    assert "vendas: ainda faltam 0, diferem 0, sobram 1" in saida.saida
    assert "Vendas não podem ser excluídas" in saida.saida
    assert "Voltando ao que era antes" in saida.saida
    antes.conferir()
    assert [d["estado"] for d in oficina.diarios()] == ["desfeita", "concluida"]
    assert len(oficina.backups(PRE, DONO)) == 1


DONO_PODE_SER_NULO = "ALTER TABLE clientes ALTER user_id DROP NOT NULL"


def test_gatilho_que_forca_o_dono_a_nulo_ao_repor(oficina: Loja) -> None:
    """A linha inserida ficaria sem dono: é tirada, e tudo volta ao que era."""
    oficina.sql(
        "UPDATE vendas SET cliente_id = NULL WHERE cliente_id = md5('c4')::uuid",
        "DELETE FROM clientes WHERE id = md5('c4')::uuid",
        "UPDATE produtos SET nome = 'x' WHERE id = 1",
        DONO_PODE_SER_NULO,
        ler_sql("gatilhos_extremos.sql"),
    )
    antes = antes_de(oficina, DONO)
    saida = oficina.direto(dono=DONO)
    assert saida.codigo == 7, saida.tudo
    assert "um gatilho de clientes troca user_id a cada escrita" in saida.saida
    assert "✅ RESTAURAÇÃO CONCLUÍDA!" not in saida.saida
    assert diferencas(oficina.estado(DONO), antes.estado) == {}, saida.tudo
    assert oficina.valor("SELECT count(*) FROM clientes WHERE user_id IS NULL") == 0
    antes.conferir_outras()


def test_gatilho_que_forca_o_dono_a_nulo_ao_alterar(oficina: Loja) -> None:
    """Só uma linha chega a perder o dono; as outras ficam como estavam, e a tela diz por quê."""
    oficina.sql(
        f"UPDATE clientes SET nome = 'x' WHERE user_id = '{DONO}' AND nome > 'Cliente 2'",
        DONO_PODE_SER_NULO,
        ler_sql("gatilhos_extremos.sql"),
    )
    antes = antes_de(oficina, DONO)
    saida = oficina.direto(dono=DONO)
    assert saida.codigo == 7, saida.tudo
    assert "um gatilho de clientes troca user_id a cada escrita" in saida.saida
    assert "✅ RESTAURAÇÃO CONCLUÍDA!" not in saida.saida
    (so_agora, so_antes) = diferencas(oficina.estado(DONO), antes.estado)["clientes"]
    assert so_agora == []
    assert len(so_antes) == 1
    assert oficina.valor("SELECT count(*) FROM clientes WHERE user_id IS NULL") == 1
