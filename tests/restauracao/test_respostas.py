"""O que se pode responder a cada pergunta da restauração: por partes, por datas, voltando atrás,
pedindo explicação, desistindo; e o que um deslize faz."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from apoio.execucao import executar, fotografia_do_disco, restaurar, ultimo_backup
from apoio.impressoes import executar_sql
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from apoio.terminal import num_terminal
from cofre.base.erros import Cancelada
from cofre.base.perguntas import Perguntas, Voltar
from cofre.base.tela import RelatoTexto
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import abrir_novo
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

SAIU = "👋 Restauração cancelada.\n   Nada foi alterado.\n"


@pytest.fixture(scope="module")
def modelo(projeto: SupabaseLocal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    destino = tmp_path_factory.mktemp("respostas") / "b"
    assert executar(projeto, destino).codigo == 0
    return destino


@pytest.fixture
def destino(modelo: Path, tmp_path: Path) -> Path:
    shutil.copytree(modelo, tmp_path / "b")
    return tmp_path / "b"


def perguntas_e_depois(texto: str) -> list[str]:
    """As linhas a partir da primeira pergunta de que empresa."""
    return texto[texto.index("Escolha a empresa: ") :].splitlines()


def test_a_empresa_por_parte_do_nome(projeto: SupabaseLocal, destino: Path) -> None:
    """Sem acento, sem maiúscula; uma parte de duas se pergunta; o que não é de nenhuma se diz."""
    respostas = ("?", "padariax", "a", "v", "acao", "q")
    saida = restaurar(projeto, destino, respostas=respostas)
    assert (saida.codigo, saida.erros) == (130, ""), saida.tudo
    assert perguntas_e_depois(saida.saida)[:16] == [
        "Escolha a empresa:    Qual empresa volta: o número da lista, o nome, ou uma parte dele."
        " As outras não são tocadas.",
        "   Nada muda antes de você ler o plano e escrever a palavra que se pede no fim.",
        "Escolha a empresa:    Nenhuma empresa com «padariax» no nome.",
        "   Responda um número de 1 a 2; ? explica, q sai.",
        "Escolha a empresa:    «a» pode ser mais de uma:",
        "      1. Padaria Ação",
        "      2. Vizinha",
        "   Responda um número de 1 a 2; ? explica, q sai.",
        "Escolha a empresa:    Daqui não se volta a outra pergunta; q sai.",
        "Escolha a empresa: ",
        "📋 TABELAS DISPONÍVEIS",
        "0. [TODAS AS TABELAS]",
        "1. empresas (1 backup)",
        "2. produtos (1 backup)",
        "3. clientes (1 backup)",
        "4. vendas (1 backup)",
    ]
    assert saida.saida.endswith(SAIU)


def test_v_volta_um_passo_em_cada_pergunta(projeto: SupabaseLocal, destino: Path) -> None:
    """Da data às tabelas, das tabelas à empresa, da confirmação às tabelas; e o que se decide
    depois vale: outra empresa, outras tabelas."""
    executar_sql(projeto, f"DELETE FROM vendas_itens WHERE user_id = '{VIZINHA}'")
    antes = fotografia_do_disco(destino)
    respostas = ("1", "d", "v", "v", "2", "todas", "v", "vendas_itens produtos", "v", "q")
    saida = restaurar(projeto, destino, respostas=respostas)
    assert (saida.codigo, saida.erros) == (130, ""), saida.tudo
    titulos = [
        linha
        for linha in saida.saida.splitlines()
        if linha.startswith(("🏢", "📋", "📅", "⚠️ CONF", "Empresa:", "Tabelas:", "👋"))
    ]
    todas = "empresas, produtos, clientes, vendas, vendas_itens, vazia"
    assert titulos == [
        "🏢 EMPRESAS COM BACKUP DISPONÍVEL",
        "📋 TABELAS DISPONÍVEIS",
        "📅 BACKUPS DESTA EMPRESA",
        "🏢 EMPRESAS COM BACKUP DISPONÍVEL",
        "📋 TABELAS DISPONÍVEIS",
        "⚠️ CONFIRMAÇÃO",
        "Empresa: Vizinha",
        f"Tabelas: {todas}",
        "📋 TABELAS DISPONÍVEIS",
        "⚠️ CONFIRMAÇÃO",
        "Empresa: Vizinha",
        "Tabelas: produtos, vendas_itens",
        "📋 TABELAS DISPONÍVEIS",
    ]
    assert saida.saida.endswith(SAIU)
    assert fotografia_do_disco(destino) == antes


@pytest.mark.parametrize(
    ("palavras", "codigo"),
    [
        (("restaurar", "RESTAURAR"), 0),
        (("RESTUARAR", "RESTAURAR"), 0),
        (("restaurar", "restaurar"), 130),
        (("sim", "RESTAURAR"), 130),
        (("?", "v", "RESTAURAR"), 0),
    ],
)
def test_so_a_palavra_exata_confirma(
    projeto: SupabaseLocal, destino: Path, palavras: tuple[str, ...], codigo: int
) -> None:
    """Um deslize se pergunta mais uma vez, e só mais uma. O que veio por opção não se volta a
    perguntar."""
    executar_sql(projeto, f"DELETE FROM vendas_itens WHERE user_id = '{DONO}'")
    saida = restaurar(projeto, destino, "--empresa", DONO, respostas=palavras)
    assert saida.codigo == codigo, saida.tudo
    quase = "   Quase. Só a palavra exata confirma: RESTAURAR."
    assert saida.saida.count(quase) == (palavras[0] not in ("sim", "?"))
    if palavras[0] == "?":
        assert "Daqui não se volta a outra pergunta; q sai." in saida.saida
        assert "   m troca entre voltar tudo" in saida.saida
    if codigo:
        assert saida.saida.endswith(SAIU)
    restaurar(projeto, destino, "--empresa", DONO, "--confirmar", "RESTAURAR")


def test_a_data_como_se_fala(projeto: SupabaseLocal, destino: Path) -> None:
    """Na lista e em --backup; a que não há, ou que são várias, diz quais são."""
    backup = ultimo_backup(destino, DONO)
    quando = str(backup["inicio"])
    dia, hora = quando[:10], quando[11:19]
    falada = f"{dia[8:10]}/{dia[5:7]}"
    respostas = ("1", "d", "31/02", falada, "q")
    saida = restaurar(projeto, destino, respostas=respostas)
    assert "   Não há backup de 31/02.\n   Responda 1, uma data (" in saida.saida
    assert saida.codigo == 130
    for dita in (falada, f"{falada} {hora[:5]}", f"{dia} {hora}"):
        plano = restaurar(projeto, destino, "--empresa", DONO, "--backup", dita, "--simular")
        assert plano.codigo == 0, plano.tudo
    errada = restaurar(projeto, destino, "--empresa", DONO, "--backup", "01/01", "--simular")
    assert (errada.codigo, errada.saida) == (2, "")
    assert errada.erros.splitlines() == [
        "❌ --backup: não há backup de 01/01.",
        "   Diga qual, pela data e a hora, ou pelo carimbo:",
        f"     {dia} {hora}  {quando[:10].replace('-', '')}_{hora.replace(':', '')}  completo",
    ]


class _Respondendo(RelatoTexto):
    def __init__(self, *respostas: str | None) -> None:
        super().__init__(None, None)
        self._respostas = list(respostas)
        self.ditas: list[str] = []

    def perguntar(self, pergunta: str) -> str | None:
        return self._respostas.pop(0)

    def linha(self, texto: str = "") -> None:
        self.ditas.append(texto)


@pytest.mark.parametrize(
    ("respostas", "quer"),
    [
        (("s",), True),
        (("SIM",), True),
        (("n",), False),
        (("Não",), False),
        (("nao",), False),
        (("", "talvez", "s"), True),
        (("?", "n"), False),
        ((None,), False),
    ],
)
def test_uma_so_regra_para_sim_ou_nao(respostas: tuple[str | None, ...], quer: bool) -> None:
    relato = _Respondendo(*respostas)
    perguntas = Perguntas(relato, "Saiu.", "Nada mudou.")
    assert perguntas.sim("Quer?", "É isto.", volta=True) is quer
    sem_nexo = sum(r in ("", "talvez") for r in respostas)
    assert relato.ditas == [
        *["   Responda s (sim) ou n (não); ? explica, q sai."] * sem_nexo,
        *(["   É isto.", "   v volta à pergunta de antes; q sai."] if "?" in respostas else []),
    ]
    with pytest.raises(Cancelada, match=r"Saiu\."):
        Perguntas(_Respondendo("q"), "Saiu.", "").sim("Quer?", "")
    with pytest.raises(Voltar):
        Perguntas(_Respondendo("v"), "Saiu.", "").sim("Quer?", "", volta=True)


def test_desfazer_e_continuar_sem_empresa(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path: Path
) -> None:
    """A única que há; de várias, o comando de cada uma; e quem desfaz escreve DESFAZER."""
    projeto = criar_supabase_do_modulo(VAZIO, sql=(LOJINHA,))
    destino = tmp_path / "b"
    assert executar(projeto, destino).codigo == 0
    for acao in ("desfazer", "continuar"):
        nada = restaurar(projeto, destino, acao)
        assert (nada.codigo, nada.erros) == (3, f"❌ Não há restauração para {acao}.\n")
    executar_sql(projeto, f"DELETE FROM vendas_itens WHERE user_id = '{DONO}'")
    volta = restaurar(projeto, destino, "--empresa", DONO, "--confirmar", "RESTAURAR")
    assert volta.codigo == 0, volta.tudo
    desfeita = restaurar(projeto, destino, "desfazer", respostas=("desfazer", "DESFAZER"))
    assert desfeita.codigo == 0, desfeita.tudo
    assert desfeita.saida.startswith("🏢 Empresa: Padaria Ação\n↩️ Desfazendo")
    assert "   Quase. Só a palavra exata confirma: DESFAZER ou RESTAURAR." in desfeita.saida
    de_novo = restaurar(projeto, destino, "desfazer", "--confirmar", "DESFAZER")
    assert de_novo.codigo == 0, de_novo.tudo
    outra = Deposito(destino)
    (pasta,) = (p for p in outra.pastas() if "bbbb2222" in p.name)
    abrir_novo(pasta, {"user_id": VIZINHA, "nome": "Vizinha", "estado": "incompleta"})
    varias = restaurar(projeto, destino, "desfazer")
    assert varias.codigo == 2, varias.tudo
    comandos = [c.strip() for c in varias.erros.splitlines() if "-empresa.py" in c]
    assert varias.erros.startswith("❌ Há mais de uma restauração para desfazer.\n   Escolha:\n")
    prefixo = ".venv/bin/python scripts/restaurar-empresa.py desfazer --empresa"
    assert comandos == [f"{prefixo} {DONO}", f"{prefixo} {VIZINHA}"]


NO_TERMINAL = {
    80: """\
🏢 EMPRESAS COM BACKUP DISPONÍVEL
1. Padaria Ação (último backup: {minuto})
2. Vizinha (último backup: {minuto})

Escolha a empresa:    Qual empresa volta: o número da lista, o nome, ou uma parte dele. As outras
   não são tocadas.
   Nada muda antes de você ler o plano e escrever a palavra que se pede no fim.
Escolha a empresa:    Nenhuma empresa com «padariax» no nome.
   Responda um número de 1 a 2; ? explica, q sai.
Escolha a empresa:\x20
📋 TABELAS DISPONÍVEIS
0. [TODAS AS TABELAS]
1. empresas (1 backup)  1
2. produtos (1 backup)  300
3. clientes (1 backup)  40
4. vendas (1 backup)  60
5. vendas_itens (1 backup)  120
6. vazia (1 backup)  0
   (backup de {segundo}; d outra data, p um registro, l outro projeto)

Escolha as tabelas (ex: 1,3 ou 0 para todas):\x20
📅 BACKUPS DESTA EMPRESA
1. {segundo}  manual  521 registros  completo  ← escolhido

Escolha a data (Enter mantém a atual):    Não há backup de 31/02.
   Responda 1, uma data (2026-11-26 03:00; 26/11; 26/11 03:00; ontem); ?
   explica, q sai.
Escolha a data (Enter mantém a atual): Escolha as tabelas (ex: 1,3 ou 0 para todas): \
   Não entendi «produtso». Você quis dizer produtos?
   Exemplos: 0 (todas); 1,3; 2-5; produtos,clientes; ? explica, q sai.
Escolha as tabelas (ex: 1,3 ou 0 para todas):\x20
🏢 EMPRESAS COM BACKUP DISPONÍVEL
1. Padaria Ação (último backup: {minuto})
2. Vizinha (último backup: {minuto})

Escolha a empresa: 👋 Restauração cancelada.
   Nada foi alterado.
""",
    50: """\
🏢 EMPRESAS COM BACKUP DISPONÍVEL
1. Padaria Ação (último backup: {minuto})
2. Vizinha (último backup: {minuto})

Escolha a empresa:    Qual empresa volta: o número da lista, o nome,
   ou uma parte dele. As outras não são tocadas.
   Nada muda antes de você ler o plano e escrever
   a palavra que se pede no fim.
Escolha a empresa:    Nenhuma empresa com «padariax» no nome.
   Responda um número de 1 a 2; ? explica, q sai.
Escolha a empresa:\x20
📋 TABELAS DISPONÍVEIS
0. [TODAS AS TABELAS]
1. empresas (1 backup)  1
2. produtos (1 backup)  300
3. clientes (1 backup)  40
4. vendas (1 backup)  60
5. vendas_itens (1 backup)  120
6. vazia (1 backup)  0
   (backup de {segundo}; d outra data, p
   um registro, l outro projeto)

Escolha as tabelas (ex: 1,3 ou 0 para todas):\x20
📅 BACKUPS DESTA EMPRESA
1. {segundo}  ← escolhido
   manual, 521 registros, completo

Escolha a data (Enter mantém a atual):    Não há backup de 31/02.
   Responda 1, uma data (2026-11-26 03:00; 26/11;
   26/11 03:00; ontem); ? explica, q sai.
Escolha a data (Enter mantém a atual): Escolha as tabelas (ex: 1,3 ou 0 para todas): \
   Não entendi «produtso». Você quis dizer
   produtos?
   Exemplos: 0 (todas); 1,3; 2-5;
   produtos,clientes; ? explica, q sai.
Escolha as tabelas (ex: 1,3 ou 0 para todas):\x20
🏢 EMPRESAS COM BACKUP DISPONÍVEL
1. Padaria Ação (último backup: {minuto})
2. Vizinha (último backup: {minuto})

Escolha a empresa: 👋 Restauração cancelada.
   Nada foi alterado.
""",
}
"""O que se lê, de cada largura. O eco do que se digita, que o terminal põe depois de cada pergunta,
vem aqui todo antes: digitou-se tudo de uma vez."""


@pytest.mark.parametrize("colunas", NO_TERMINAL)
def test_num_terminal_de_verdade(projeto: SupabaseLocal, destino: Path, colunas: int) -> None:
    respostas = ("?", "padariax", "ação", "d", "31/02", "v", "1 produtso", "v", "q")
    tela = num_terminal(projeto, destino, colunas, "\n".join((*respostas, "")))
    segundo = str(ultimo_backup(destino, DONO)["inicio"])[:19].replace("T", " ")
    esperada = NO_TERMINAL[colunas].format(segundo=segundo, minuto=segundo[:16])
    assert tela[tela.index("🏢") :] == esperada
