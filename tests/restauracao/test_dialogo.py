"""As telas da restauração: o que se pergunta, o que se entende e como se diz o plano."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from apoio.danos import arquivo_de, trocar_bytes, trocar_linhas, virar_um_bit
from apoio.execucao import (
    PACIENCIA,
    RESTAURACAO,
    Saida,
    abrir,
    abrir_restauracao,
    ate_o_fim,
    executar,
    fotografia_do_disco,
    restaurar,
    ultimo_backup,
)
from apoio.impressoes import executar_sql
from apoio.loja import LOJA_X, PELA_API, PELA_DIRETA, TANTO_FAZ, Loja
from apoio.lojinha import DONO, LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.terminal import num_terminal
from cofre.base.erros import ErroDeUso
from cofre.base.modelo import Empresa
from cofre.base.palavras import em_linhas
from cofre.base.selecao import interpretar_tabelas
from cofre.base.tela import RelatoTexto
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import abrir_novo
from cofre.deposito.inventario import EmpresaComBackups, guardadas
from cofre.deposito.verificacao import anterior_inteiro
from cofre.plano.alvo import VOLTAR, Alvo
from cofre.plano.plano import comparar
from cofre.plano.tabela import TabelaDoPlano
from cofre.restauracao.escolha import tabelas_pedidas
from cofre.restauracao.palavras import Narrador
from cofre.restauracao.quadro import Quadro
from cofre.restauracao.resumo import resumir
from cofre.via.direta.gatilhos import Gatilho, dizer
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

Metadados = Mapping[str, Any]
PRE, DURANTE = "pre_restauracao", "durante_restauracao"


@pytest.fixture(scope="module")
def modelo(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    destino = tmp_path_factory.mktemp("modelo") / "b"
    assert executar(projeto, destino).codigo == 0
    return destino


@pytest.fixture
def destino(modelo: Path, tmp_path: Path) -> Path:
    """Um depósito com um backup de cada uma das duas empresas, para se mexer nele."""
    shutil.copytree(modelo, tmp_path / "b")
    return tmp_path / "b"


def outro_backup(destino: Path, carimbo: str, tipo: str = "manual") -> Metadados:
    """O backup do DONO, copiado como se fosse de outra hora e deste tipo."""
    original = ultimo_backup(destino, DONO)
    pasta: Path = original["pasta"]
    quando = datetime.strptime(carimbo, "%Y%m%d_%H%M%S").astimezone().isoformat()
    hora = {"inicio": quando, "data_backup": quando}
    bruto = {c: v for c, v in original.items() if c != "pasta"} | {"tipo": tipo, **hora}
    bruto = json.loads(json.dumps(bruto))
    for tabela in bruto["tabelas"].values():
        novo = re.sub(r"_\d{8}_\d{6}\.json$", f"_{carimbo}.json", tabela["arquivo"])
        shutil.copy2(pasta / tabela["arquivo"], pasta / novo)
        tabela["arquivo"] = novo
    meta = pasta / f"backup_metadata_{carimbo}.json"
    meta.write_text(json.dumps(bruto, ensure_ascii=False), encoding="utf-8")
    return {**bruto, "pasta": pasta}


def virar_um_byte(backup: Metadados, tabela: str = "produtos") -> None:
    """O tamanho continua o mesmo: só a releitura acusa."""
    virar_um_bit(arquivo_de(backup, tabela))


def quando(backup: Metadados) -> str:
    """A hora do backup como a tela a mostra: a do nome pode ser a seguinte, se a dela já era de
    outro."""
    return f"{datetime.fromisoformat(backup['inicio']).astimezone():%Y-%m-%d %H:%M:%S}"


def depois_de(texto: str, saida: Saida) -> list[str]:
    """As linhas da saída a partir da primeira que começa com o texto."""
    linhas = saida.saida.splitlines()
    return linhas[next(n for n, linha in enumerate(linhas) if linha.startswith(texto)) :]


# -- as tabelas --------------------------------------------------------------------------------

NO_BANCO = ("produtos", "clientes", "Pedido Item", "a/b", "Notas", "notas", "x, y", "2024")


@pytest.mark.parametrize(
    ("resposta", "tabelas"),
    [
        ("0", NO_BANCO),
        ("PRODUTOS", ("produtos",)),
        ("pedido item, A/B", ("Pedido Item", "a/b")),
        ("Notas", ("Notas",)),
        ("notas", ("notas",)),
        ("X, Y", ("x, y",)),
        ("2024,1", ("produtos", "2024")),
        ("todas", NO_BANCO),
        ("Tudo", NO_BANCO),
        ("1 2", ("produtos", "clientes")),
        ("2 - 3  1", ("produtos", "clientes", "Pedido Item")),
        ("clientes produtos, pedido item", ("produtos", "clientes", "Pedido Item")),
        ("1-2,CLIENTES", ("produtos", "clientes")),
    ],
)
def test_nomes_em_qualquer_caixa(resposta: str, tabelas: tuple[str, ...]) -> None:
    assert set(interpretar_tabelas(resposta, NO_BANCO)) == set(tabelas)


@pytest.mark.parametrize(
    ("resposta", "causa", "dica"),
    [
        ("1,99", "Não entendi «99»: as tabelas vão de 1 a 8.", ""),
        ("5-2,1", "Não entendi «5-2»: as tabelas vão de 1 a 8.", ""),
        ("²", "Não entendi «²».", ""),
        ("9" * 5000, f"Não entendi «{'9' * 5000}»: as tabelas vão de 1 a 8.", ""),
        ("produtos,cliente", "Não entendi «cliente».", "Você quis dizer clientes?"),
        ("NOTAS", "Não entendi «NOTAS».", "Você quis dizer Notas ou notas?"),
        ("0,1", "«0» já são todas as tabelas: responda só 0.", ""),
        ("produtos todas", "«todas» já são todas as tabelas: responda só todas.", ""),
        ("1 produtso", "Não entendi «produtso».", "Você quis dizer produtos?"),
        ("nada disto", "Não entendi «nada disto».", ""),
        ("1,,2", "Falta um número ou um nome (ou sobra uma vírgula).", ""),
        ("\x1b[2J", "Não entendi «\ufffd[2J».", ""),
    ],
)
def test_diz_a_parte_que_nao_entendeu(resposta: str, causa: str, dica: str) -> None:
    with pytest.raises(ErroDeUso) as erro:
        interpretar_tabelas(resposta, NO_BANCO)
    assert (str(erro.value), erro.value.dica) == (causa, dica)


def test_depois_de_uma_resposta_errada_a_lista_nao_se_repete(
    projeto: SupabaseLocal, destino: Path
) -> None:
    saida = restaurar(projeto, destino, respostas=("1", "1,99", "produtso", "q"))
    assert saida.codigo == 130, saida.tudo
    assert saida.saida.count("📋 TABELAS DISPONÍVEIS") == 1
    exemplos = "   Exemplos: 0 (todas); 1,3; 2-5; produtos,clientes; ? explica, q sai."
    assert depois_de("Escolha as tabelas", saida) == [
        "Escolha as tabelas (ex: 1,3 ou 0 para todas):    Não entendi «99»: as tabelas vão de 1 a"
        " 6.",
        exemplos,
        "Escolha as tabelas (ex: 1,3 ou 0 para todas):    Não entendi «produtso». Você quis dizer"
        " produtos?",
        exemplos,
        "Escolha as tabelas (ex: 1,3 ou 0 para todas): 👋 Restauração cancelada.",
        "   Nada foi alterado.",
    ]


def _do_disco(destino: Path) -> EmpresaComBackups:
    (guardada,) = guardadas(Deposito(destino), (DONO,))
    return guardada


def test_tabelas_pedidas_por_opcao(destino: Path) -> None:
    backup = _do_disco(destino).backups[-1]
    todas = ("empresas", "produtos", "clientes", "vendas", "vendas_itens", "vazia")
    assert tabelas_pedidas((), backup) == todas
    assert tabelas_pedidas(("VENDAS", "produtos", "Vendas"), backup) == ("produtos", "vendas")
    with pytest.raises(ErroDeUso) as erro:
        tabelas_pedidas(("produtos", "cliente"), backup)
    assert str(erro.value) == "O backup escolhido não tem a tabela cliente."
    assert erro.value.dica == f"Você quis dizer clientes?\nTabelas: {', '.join(todas)}"
    with pytest.raises(ErroDeUso) as erro:
        tabelas_pedidas(("xyz",), backup)
    assert erro.value.dica == f"Tabelas: {', '.join(todas)}"


NOMES_EM_BYTES = (
    "padaria ação".encode(),
    b"\xef\xbb\xbf" + "padaria ação".encode(),  # com BOM
    "padaria ação".encode("cp1252"),
    "padaria ação\r".encode(),  # do Windows
)


def test_respostas_com_acento_num_console_cp1252(projeto: SupabaseLocal, destino: Path) -> None:
    """Um «Í» em UTF-8 tem um byte que o cp1252 não conhece: não pode valer por fim da entrada. O
    nome entende-se de todas as maneiras."""
    processo = abrir_restauracao(projeto, destino, mais={"PYTHONIOENCODING": "cp1252"})
    respostas = "Índia\n".encode() + b"\nv\n".join(NOMES_EM_BYTES) + b"\nq\n"
    saida, erros = processo.communicate(respostas, PACIENCIA)
    assert processo.returncode == 130, erros.decode()
    assert saida.decode().count("Escolha a empresa:    Nenhuma empresa com «") == 1
    assert "Escolha a empresa:    Nenhuma empresa com «Índia» no nome.\n" in saida.decode()
    assert saida.decode().count("📋 TABELAS DISPONÍVEIS") == len(NOMES_EM_BYTES)


# -- as datas ----------------------------------------------------------------------------------


def test_a_lista_de_datas(projeto: SupabaseLocal, destino: Path) -> None:
    """Os de rotina primeiro, com o atual marcado; as fotos só com t; o que não presta, recusado;
    de um danificado em parte, só se oferece o resto."""
    atual = quando(ultimo_backup(destino, DONO))
    outro_backup(destino, "20200103_030000", "agendado")
    virar_um_byte(outro_backup(destino, "20200102_030000"))
    cortado = outro_backup(destino, "20200101_030000")
    arquivo_de(cortado, "clientes").unlink()
    outro_backup(destino, "20200104_101010", PRE)
    outro_backup(destino, "20200104_101020", DURANTE)
    (cortado["pasta"] / "backup_metadata_20191231_030000.json").write_bytes(b"{oi")
    antes = fotografia_do_disco(destino)
    respostas = ("1", "d", "t", "5", "8", "3", "d", "t", "4", "d", "2", "q")
    saida = restaurar(projeto, destino, respostas=respostas)
    assert saida.codigo == 130, saida.tudo
    rotina = [
        f"1. {atual}  manual         521 registros  completo  ← escolhido",
        "2. 2020-01-03 03:00:00  agendado       521 registros  completo",
        "3. 2020-01-02 03:00:00  manual         521 registros  completo",
        "4. 2020-01-01 03:00:00  manual         521 registros  danificado",
        "5. 2019-12-31 03:00:00                                danificado",
    ]
    recusado = "   ❌ Esse backup está danificado e não serve para restaurar:"
    em_parte = "   ⚠️ Esse backup está danificado; só voltam dele as outras tabelas:"
    pergunta = "Escolha a data (Enter mantém a atual): "
    visto = depois_de("📅", saida)
    assert visto[:16] == [
        "📅 BACKUPS DESTA EMPRESA",
        *(linha[:32] + linha[37:] for linha in rotina),  # sem fotos, o tipo é mais curto
        "   (t mostra também: 2 fotos tiradas ao restaurar)",
        "",
        pergunta,
        "📅 BACKUPS DESTA EMPRESA",
        *rotina,
        "   Fotos tiradas ao restaurar:",
    ]
    assert visto[16:25] == [
        "6. 2020-01-04 10:10:20  foto do meio   521 registros  completo",
        "7. 2020-01-04 10:10:10  foto de antes  521 registros  completo",
        "",
        pergunta + recusado,
        visto[20],
        "   Escolha outro; nada foi alterado.",
        f"{pergunta}   Responda um número de 1 a 7, uma data (2026-11-26 03:00; 26/11; 26/11 03:00;"
        " ontem); ? explica, q sai.",
        pergunta + em_parte,
        "      • produtos: o conteúdo mudou: a soma sha256 não confere",
    ]
    assert visto[20].startswith("      • backup_metadata_20191231_030000.json está danificado: ")
    depois = [parte.splitlines() for parte in saida.saida.split("📋 TABELAS DISPONÍVEIS\n")[1:]]
    todas = ["empresas", "produtos", "clientes", "vendas", "vendas_itens", "vazia"]
    assert [_oferecidas(tela) for tela in depois] == [
        todas,
        [t for t in todas if t != "produtos"],
        [t for t in todas if t != "clientes"],
        todas,
    ]
    assert "   ⚠️ danificado: não voltam dele produtos" in depois[1]
    assert "   ⚠️ danificado: não voltam dele clientes" in depois[2]
    assert (
        f"      • clientes: o arquivo {arquivo_de(cortado, 'clientes').name} não existe"
        in (depois[1])
    )
    assert (
        "   (backup de 2020-01-03 03:00:00; d outra data, p um registro, l outro projeto)"
        in depois[3]
    )
    assert fotografia_do_disco(destino) == antes


def _oferecidas(tela: list[str]) -> list[str]:
    """As tabelas da pergunta, sem a linha de todas."""
    achadas = (re.match(r"[1-9]\. (\S+) \(\d+ backups?\)$", linha) for linha in tela)
    return [achada[1] for achada in achadas if achada]


def test_muitas_datas_e_a_escolha_antiga(projeto: SupabaseLocal, destino: Path) -> None:
    """Um backup por dia: os quinze mais novos; os outros com t, na mesma numeração."""
    for dia in range(1, 21):
        outro_backup(destino, f"202001{dia:02}_030000", "agendado")
    saida = restaurar(projeto, destino, respostas=("1", "d", "16", "t", "16", "d", "", "q"))
    assert saida.codigo == 130, saida.tudo
    primeira, segunda, terceira = saida.saida.split("📅 BACKUPS DESTA EMPRESA\n")[1:]
    assert re.findall(r"^ *(\d+)\. ", primeira.partition("\n\n")[0], re.M) == [
        str(n) for n in range(1, 16)
    ]
    assert "   (t mostra também: 6 backups mais antigos)\n" in primeira
    assert "   Responda um número de 1 a 15, uma data (2026-11-26 03:00; " in primeira
    escolhida = "16. 2020-01-06 03:00:00  agendado  521 registros  completo"
    assert f"\n{escolhida}\n" in segunda
    # O escolhido agora é antigo: a lista já vem inteira, e ele marcado. Enter o mantém.
    assert f"\n{escolhida}  ← escolhido\n" in terceira
    assert terceira.count("registros") == 21
    assert "📋 TABELAS DISPONÍVEIS" in segunda
    assert "📋 TABELAS DISPONÍVEIS" not in terceira


def test_as_fotos_de_restauracoes_nao_contam_como_backups(
    projeto: SupabaseLocal, destino: Path
) -> None:
    outro_backup(destino, "20200103_030000", "agendado")
    outro_backup(destino, "20200104_101010", PRE)
    saida = restaurar(projeto, destino, respostas=("1", "q"))
    assert "2. produtos (2 backups)\n" in saida.saida


SEGREDO = "segredo-da-ana"
SENHAS = f"""
    CREATE TABLE usuarios (id int PRIMARY KEY, user_id uuid, nome text, senha text);
    INSERT INTO usuarios VALUES (7, '{DONO}', 'ana maria', '{SEGREDO}');
    GRANT ALL ON usuarios TO service_role;
    CREATE FUNCTION reescrever() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.senha := md5(NEW.senha); NEW.nome := upper(NEW.nome); RETURN NEW; END $$;
    CREATE TRIGGER reescrever BEFORE INSERT OR UPDATE ON usuarios
        FOR EACH ROW EXECUTE FUNCTION reescrever();
"""


@PELA_API
def test_so_num_terminal_se_ve_o_que_o_banco_reescreveu(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """O que era e o que ficou; e nem ali o de uma coluna que parece um segredo."""
    projeto = criar_supabase(VAZIO, sql=(LOJINHA, SENHAS))
    assert executar(projeto, tmp_path, "--empresa", DONO).codigo == 0
    executar_sql(projeto, "DELETE FROM usuarios")
    visto = num_terminal(projeto, tmp_path, 200, "1\nusuarios\nRESTAURAR\n")
    assert "⚠️ usuarios.nome: o banco pôs outro conteúdo (1 registro; 7)\n" in visto
    assert "   era «ana maria», ficou «ANA MARIA» (ana maria)\n" in visto
    assert "⚠️ usuarios.senha: o banco pôs outro conteúdo (1 registro; 7)\n" in visto
    assert visto.count("   era «") == 1
    assert SEGREDO not in visto


@pytest.mark.parametrize("colunas", [80, 50])
def test_as_datas_cabem_no_terminal(projeto: SupabaseLocal, destino: Path, colunas: int) -> None:
    """Num terminal estreito os detalhes vão para a linha de baixo; nada se perde."""
    outro_backup(destino, "20200103_030000", "agendado")
    outro_backup(destino, "20200104_101010", PRE)
    visto = num_terminal(projeto, destino, colunas, "1\nd\nt\nq\n")
    lista = visto.rpartition("📅 BACKUPS DESTA EMPRESA\n")[2].partition("\n\n")[0].splitlines()
    assert all(len(linha) <= colunas for linha in lista), lista
    atual = quando(ultimo_backup(destino, DONO))
    if colunas == 80:
        assert lista == [
            f"1. {atual}  manual         521 registros  completo  ← escolhido",
            "2. 2020-01-03 03:00:00  agendado       521 registros  completo",
            "   Fotos tiradas ao restaurar:",
            "3. 2020-01-04 10:10:10  foto de antes  521 registros  completo",
        ]
    else:
        assert lista == [
            f"1. {atual}  ← escolhido",
            "   manual, 521 registros, completo",
            "2. 2020-01-03 03:00:00",
            "   agendado, 521 registros, completo",
            "   Fotos tiradas ao restaurar:",
            "3. 2020-01-04 10:10:10",
            "   foto de antes, 521 registros, completo",
        ]


@pytest.mark.parametrize(
    ("resposta", "ditas"),
    [
        ("0", ["Tabelas: todas (6)"]),
        ("2-6", ["Tabelas: produtos, clientes, vendas, vendas_itens,", "         vazia"]),
    ],
)
def test_no_terminal_estreito_as_tabelas_da_confirmacao_nao_se_partem(
    projeto: SupabaseLocal, destino: Path, resposta: str, ditas: list[str]
) -> None:
    menos = ultimo_backup(destino, DONO)
    trocar_bytes(menos, "vazia", b'[\n{"id":1,"user_id":"' + DONO.encode() + b'"}\n]\n', 1)
    visto = num_terminal(projeto, destino, 50, f"1\n{resposta}\nnão\n")
    confirmacao = visto.partition("⚠️ CONFIRMAÇÃO\n")[2].partition("\n\n")[0]
    assert confirmacao.splitlines() == ["Empresa: Padaria Ação", *ditas]


@PELA_DIRETA
@pytest.mark.parametrize("colunas", [80, 50])
def test_como_se_escreve_cabe_no_terminal(loja: Loja, colunas: int) -> None:
    """O que a conexão direta trava é dito antes da confirmação, sem partir palavras."""
    loja.sql(f"DELETE FROM clientes WHERE user_id = '{LOJA_X}'")
    digitado = "loja x\nclientes\nn\nnão\n"
    visto = num_terminal(loja.projeto, loja.destino, colunas, digitado, loja.ambiente)
    aviso = visto.rpartition("= já iguais)\n")[2].partition("\n\n")[0]
    if colunas == 80:
        assert aviso.splitlines() == [
            "   ⚠️ 11 vendas e 7 ordens de serviço perderam a ligação com clientes",
            "   ℹ️ Conexão direta: uma transação só. Ou tudo vale, ou nada muda.",
            "   ℹ️ Os gatilhos ficam suspensos só nela. Nenhuma tabela é travada: só as",
            "      linhas que mudam, até o fim.",
            "   ⚠️ clientes: há registros que furam a regra clientes_cpf_inteiro (NOT VALID).",
            "      Ela é solta e volta na transação; até o fim, ninguém lê nem grava nesta",
            "      tabela.",
        ]
    else:
        assert aviso.splitlines() == [
            "   ⚠️ 11 vendas e 7 ordens de serviço perderam a",
            "      ligação com clientes",
            "   ℹ️ Conexão direta: uma transação só. Ou tudo",
            "      vale, ou nada muda.",
            "   ℹ️ Os gatilhos ficam suspensos só nela. Nenhuma",
            "      tabela é travada: só as linhas que mudam,",
            "      até o fim.",
            "   ⚠️ clientes: há registros que furam a regra",
            "      clientes_cpf_inteiro (NOT VALID). Ela é",
            "      solta e volta na transação; até o fim,",
            "      ninguém lê nem grava nesta tabela.",
        ]


TROCA = Gatilho("public", "produtos", "atualiza_data", "O")


@pytest.mark.parametrize("desligados", [(), (TROCA,)])
@pytest.mark.parametrize("restam", [(), (TROCA,)])
@pytest.mark.parametrize("colunas", [80, 50])
def test_cada_modo_de_escrever_se_diz_em_poucas_linhas(
    desligados: tuple[Gatilho, ...], restam: tuple[Gatilho, ...], colunas: int
) -> None:
    ditas = dizer(desligados, restam)
    frases = [em_linhas(f"   {frase}", colunas, 6).splitlines() for frase in ditas]
    assert all(len(linha) <= colunas for linhas in frases for linha in linhas), frases
    assert sum(map(len, frases)) <= (5 if colunas == 80 else 8)


# -- concluir, desfazer, deixar ----------------------------------------------------------------


def test_a_escolha_sem_sentido_diz_quais_ha(projeto: SupabaseLocal, destino: Path) -> None:
    pasta = ultimo_backup(destino, DONO)["pasta"]
    abrir_novo(pasta, {"user_id": DONO, "nome": "Padaria Ação"})
    saida = restaurar(projeto, destino, respostas=("1", "x", "Q"))
    assert saida.codigo == 7, saida.tudo
    assert depois_de("Escolha: ", saida) == [
        "Escolha:    Responda 1, 2 ou 3; ? explica; q, para decidir depois.",
        "Escolha: ",
    ]


# -- o backup danificado -----------------------------------------------------------------------


def test_o_anterior_inteiro_e_o_mais_novo_que_presta(destino: Path) -> None:
    """Relê o conteúdo: um byte virado não se vê pelo tamanho. As fotos não contam."""
    outro_backup(destino, "20200101_030000")
    outro_backup(destino, "20200102_030000", "agendado")
    virar_um_byte(outro_backup(destino, "20200103_030000"))
    outro_backup(destino, "20200104_101010", PRE)
    cortado = outro_backup(destino, "20200105_030000")
    arquivo_de(cortado, "vazia").unlink()

    def anterior(de: str) -> str | None:
        guardada = _do_disco(destino)
        (backup,) = (b for b in guardada.backups if b.carimbo.startswith(de))
        achado = anterior_inteiro(guardada, backup)
        return achado.carimbo if achado else None

    mais_novo = _do_disco(destino).backups[-1].carimbo
    assert anterior(mais_novo) == "20200102_030000"
    assert anterior("20200102") == "20200101_030000"
    assert anterior("20200101") is None


# -- o plano -----------------------------------------------------------------------------------


QUE_CONTA = """
import os, runpy, sys

def ver(evento, argumentos):
    if evento == "open" and "produtos_" in str(argumentos[0]):
        os.write(onde, f"{argumentos[0]}\\n".encode())

onde = os.open(os.environ["ANOTADAS"], os.O_WRONLY | os.O_CREAT)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
sys.addaudithook(ver)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _vezes_que_se_abriu(
    projeto: SupabaseLocal, destino: Path, arquivo: Path, *argumentos: str, respostas: str
) -> int:
    """Quantas vezes uma restauração cancelada na confirmação abriu este arquivo."""
    anotadas = destino / "abertos.txt"
    processo = abrir(
        projeto,
        destino,
        *argumentos,
        mais={"ANOTADAS": str(anotadas)},
        script=RESTAURACAO,
        programa=QUE_CONTA,
        novo=False,
        com_entrada=True,
    )
    saida = ate_o_fim(processo, respostas.encode())
    assert saida.codigo == 130, saida.tudo
    assert "Digite 'RESTAURAR'" in saida.saida
    abertos = anotadas.read_text(encoding="utf-8").splitlines()
    anotadas.unlink()
    return abertos.count(str(arquivo))


def test_a_data_escolhida_na_conversa_se_rele_uma_vez(
    projeto: SupabaseLocal, destino: Path
) -> None:
    """Quem a escolhe no menu espera pela releitura uma vez, como quem a diz por opção."""
    antigo = outro_backup(destino, "20200101_030000")
    trocar_linhas(antigo, "produtos", lambda todas: [{**todas[0], "nome": "Outro"}, *todas[1:]])
    arquivo = arquivo_de(antigo, "produtos")
    opcoes = ("--empresa", DONO, "--backup", "20200101_030000")
    por_opcao = _vezes_que_se_abriu(projeto, destino, arquivo, *opcoes, respostas="q\n")
    no_menu = _vezes_que_se_abriu(projeto, destino, arquivo, respostas="1\nd\n2\n0\nq\n")
    assert no_menu == por_opcao > 0


def _plano_contado(destino: Path, acao: str) -> list[str]:
    """O que a tela diz de um plano em que só duas de quarenta tabelas diferem."""
    deposito = Deposito(destino)
    backup: Backup = deposito.backups(ultimo_backup(destino, DONO)["pasta"])[0]
    empresa = Empresa(DONO, "Padaria Ação")

    def arquivo(nome: str, *linhas: str) -> Path:
        caminho = destino / f"{nome}.json"
        caminho.write_text("[\n" + ",\n".join(linhas) + "\n]\n", encoding="utf-8")
        return caminho

    igual = arquivo("igual", *(f'{{"id":{n},"nome":"a"}}' for n in range(10, 60)))
    tabelas = [
        TabelaDoPlano(f"t{n:02}", ("id",), ("id", "nome"), (igual,), igual, "bigint")
        for n in range(38)
    ]
    alvo = arquivo("alvo", '{"id":1,"nome":"a"}', '{"id":2,"nome":"b"}')
    foto = arquivo("foto", *(f'{{"id":{n},"nome":"Nome {n}"}}' for n in range(2, 7)))
    tabelas.append(TabelaDoPlano("produtos", ("id",), ("id", "nome"), (alvo,), foto, "bigint"))
    longo = "n" * 60
    sem_nome = arquivo("sem_nome", '{"id":7,"valor":1}', f'{{"id":8,"nome":"{longo}"}}')
    vazio = arquivo("vazio")
    vazio.write_text("[]\n")
    tabelas.append(TabelaDoPlano("caixa", ("id",), ("id",), (vazio,), sem_nome, "bigint"))
    tela = io.StringIO()
    nomes = tuple(t.nome for t in tabelas)
    alvo_dele = Alvo(empresa, backup, nomes, VOLTAR, {}, lambda _tabela: ())
    with comparar(tabelas) as plano:
        quadro = Quadro(alvo_dele, b"", resumir(alvo_dele, plano), {"produtos": ("cor",)})
    Narrador(RelatoTexto(tela, tela)).plano(quadro, acao)
    return tela.getvalue().splitlines()


@pytest.mark.parametrize(
    ("acao", "titulo", "saem"),
    [
        ("restaurar", "backup de", "mais novos que o backup, seriam removidos"),
        (
            "desfazer",
            "como era em",
            "repostos pela restauração (ou criados depois dela), seriam removidos",
        ),
    ],
)
def test_o_plano_mostra_o_que_difere_e_soma_o_que_e_igual(
    destino: Path, acao: str, titulo: str, saem: str
) -> None:
    assert _plano_contado(destino, acao) == [
        "",
        f"🔎 PLANO ({titulo} {quando(ultimo_backup(destino, DONO))})",
        "   produtos: +1 ~1 −4 =0 (no backup 2, agora 5)",
        "      ~ nome em 1",
        "      + a",
        "      ~ b",
        f"      {saem}: Nome 3; Nome 4; Nome 5 e mais 1",
        "   caixa: +0 ~0 −2 =0 (no backup 0, agora 2)",
        f"      {saem}: id 7; {'n' * 40}…",
        "   38 tabelas já iguais (1.900 registros)",
        "   (+ repor, ~ alterar, − remover, = já iguais)",
        "   ⚠️ produtos: o banco não tem mais cor; esses valores serão ignorados.",
    ]


def test_um_plano_vazio_e_uma_linha_so(projeto: SupabaseLocal, destino: Path) -> None:
    saida = restaurar(projeto, destino, "--empresa", DONO, "--simular")
    assert saida.codigo == 0, saida.tudo
    assert depois_de("🔎", saida)[1:] == [
        "   6 tabelas já iguais (521 registros)",
        "",
        "✅ Os dados atuais já são iguais ao backup.",
    ]
    uma = restaurar(projeto, destino, "--empresa", DONO, "--simular", "--tabelas", "empresas")
    assert depois_de("🔎", uma)[1] == "   1 tabela já igual (1 registro)"
