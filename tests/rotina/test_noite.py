"""Como de noite: ninguém olhando, sem terminal, entrada fechada, pasta qualquer, cp1252. O que fica
escrito, quem é avisado, e o que se diz do que encolheu, sumiu ou envelheceu."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apoio.avisos import SEGREDO, ServidorDeAvisos, servidor_de_avisos
from apoio.execucao import (
    BACKUP,
    RAIZ,
    RESTAURACAO,
    Saida,
    conteudo,
    executar,
    fotografia_do_disco,
    metadados,
    restaurar,
    ultimo_backup,
)
from apoio.impressoes import executar_sql
from apoio.loja import PELA_API, TANTO_FAZ
from apoio.lojinha import DONO, LOJINHA, VIZINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.deposito.deposito import Deposito
from cofre.deposito.idade import idades
from supabase_local.servidores.falhas import Pedido, RespostaForcada
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ


@pytest.fixture
def projeto(criar_supabase: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase(VAZIO, sql=(LOJINHA,))


@pytest.fixture
def avisos() -> Iterator[ServidorDeAvisos]:
    with servidor_de_avisos() as servidor:
        yield servidor


@dataclass(frozen=True, slots=True)
class Noite:
    """As execuções agendadas de um projeto, com alguém para ser avisado; `nova`, se cada uma é um
    processo que nasce, e com a página de código do Windows."""

    projeto: SupabaseLocal
    destino: Path
    avisos: ServidorDeAvisos
    nova: bool = False

    def rodar(self, *argumentos: str, mais: Mapping[str, str] | None = None) -> Saida:
        """Sem entrada, sem terminal, numa pasta qualquer."""
        noturno = {
            "BACKUP_PING_URL": self.avisos.url("ping?create=1"),
            "BACKUP_WEBHOOK_URL": self.avisos.url("gancho"),
            **(COMO_NO_WINDOWS if self.nova else {}),
            **(mais or {}),
        }
        saida = executar(
            self.projeto,
            self.destino,
            *argumentos,
            mais=noturno,
            pasta=Path("/"),
            programa=SEM_ENTRADA,
            novo=self.nova,
        )
        self.sem_segredos(saida)
        return saida

    def sem_segredos(self, saida: Saida) -> None:
        """Nem na tela, nem em arquivo nenhum."""
        disco = fotografia_do_disco(self.destino, com_registros=True)
        textos = b"\n".join([saida.saida.encode(), saida.erros.encode(), *disco.values()])
        for segredo in (SEGREDO, self.projeto.chave_service_role, self.projeto.chave_secreta):
            assert segredo.encode() not in textos
        assert b"Traceback" not in textos

    def ultima(self) -> dict[str, Any]:
        """O que ficou escrito da última execução."""
        lida: dict[str, Any] = json.loads(
            (self.destino / "ultima_execucao.json").read_text("utf-8")
        )
        return lida

    def log(self) -> str:
        """O log da última execução, sem as horas."""
        texto = (self.destino / "logs" / self.ultima()["log"]).read_text("utf-8")
        return re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:  )?", "", texto, flags=re.MULTILINE)

    def mensagens(self) -> list[str]:
        """Os eventos que chegaram ao webhook."""
        recebidos = [a for a in self.avisos.recebidos if a.caminho.endswith("gancho")]
        return [json.loads(a.corpo)["evento"] for a in recebidos]

    def esquecer(self) -> None:
        self.avisos.recebidos.clear()


COMO_NO_WINDOWS = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "LC_ALL": "C"}
PYTHON = RAIZ / ".venv" / "bin" / "python"
RESTAURAR = f"{PYTHON} {RESTAURACAO}"
RECONHECER = f"{PYTHON} {BACKUP} reconhecer"
"""De outra pasta, os comandos que se mandam colar têm os caminhos inteiros."""

SEM_ENTRADA = """
import os, runpy, sys
os.close(0)
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def noite(projeto: SupabaseLocal, avisos: ServidorDeAvisos, tmp_path: Path) -> Noite:
    return Noite(projeto, tmp_path / "b", avisos)


# -- uma noite boa ---------------------------------------------------------------------------


def sem_a_versao(log: list[str]) -> list[str]:
    """O log sem a versão do servidor, que é só dele: na tela não é assunto de ninguém."""
    primeira, versao, *resto = log
    assert versao.startswith("ℹ️ Servidor: PostgREST ")
    return [primeira, *resto]


@PELA_API
def test_uma_noite_boa(noite: Noite) -> None:
    """A primeira, num processo que nasce como no Windows."""
    antes = datetime.now().astimezone()
    saida = replace(noite, nova=True).rodar()
    assert (saida.codigo, saida.erros) == (0, ""), saida.tudo
    assert noite.avisos.caminhos == ["ping/start?create=1", "ping?create=1"]
    cabecalho, comando, *palavras, fim = noite.log().splitlines()
    assert cabecalho.startswith("Cofre 0.1.0, em ")
    assert comando == "backup-por-empresa.py"
    assert sem_a_versao(palavras) == saida.saida.splitlines()
    assert re.fullmatch(r"Fim: código 0, em \d+,\d s\.", fim)
    ultima = noite.ultima()
    assert antes <= datetime.fromisoformat(ultima["inicio"])
    assert datetime.fromisoformat(ultima["inicio"]) < datetime.fromisoformat(ultima["fim"])
    assert re.fullmatch(r"\d{8}_\d{6}_backup\.log", ultima["log"])
    assert {n: ultima[n] for n in ("acao", "codigo", "erro", "falhas", "alarme")} == {
        "acao": "backup",
        "codigo": 0,
        "erro": "",
        "falhas": [],
        "alarme": False,
    }
    assert ultima["resumo"]["total_registros"] == sum(
        m["total_registros"] for m in metadados(noite.destino)
    )

    # Calado na tela, inteiro no log; e a de uma empresa só não diz que está tudo bem.
    noite.esquecer()
    calada = noite.rodar("--silencioso", "--empresa", DONO)
    assert (calada.codigo, calada.saida, calada.erros) == (0, "", "")
    assert noite.avisos.caminhos == []
    assert "\n🏢 Empresa: Padaria Ação\n" in noite.log()
    assert "\nbackup-por-empresa.py --silencioso --empresa " in noite.log()
    em_json = noite.rodar("--json")
    assert em_json.json()["codigo"] == 0
    assert sem_a_versao(noite.log().splitlines()[2:-1]) == em_json.erros.splitlines()
    assert len(list((noite.destino / "logs").iterdir())) == 3

    # Só olhar não é uma execução.
    assert executar(None, noite.destino, "listar").codigo == 0
    assert executar(None, noite.destino, "verificar").codigo == 0
    assert len(list((noite.destino / "logs").iterdir())) == 3


# -- noites ruins ----------------------------------------------------------------------------


def das_linhas(pedido: Pedido) -> bool:
    return "order" in pedido.parametros


@PELA_API
def test_uma_falha_avisa_toda_noite_e_a_volta_ao_normal_uma_vez(noite: Noite) -> None:
    de_produtos = noite.projeto.gateway.com_falha(
        RespostaForcada(403), tabela="produtos", se=das_linhas, vezes=None
    )
    with de_produtos:
        saida = noite.rodar("--tentativas", "1")
    assert saida.codigo == 4, saida.tudo
    assert noite.avisos.caminhos == ["ping/start?create=1", "ping/fail?create=1", "gancho"]
    ultima = noite.ultima()
    assert (ultima["codigo"], ultima["alarme"]) == (4, True)
    assert ultima["falhas"] == ["Padaria Ação: produtos", "Vizinha: produtos"]
    corpo = noite.avisos.recebidos[1].corpo.splitlines()
    assert corpo[0].startswith("❌ Backup com falhas (código 4), em ")
    assert corpo[-4:] == [
        "Falhas: 2",
        "  Padaria Ação: produtos",
        "  Vizinha: produtos",
        f"Log: {ultima['log']}",
    ]
    mensagem = json.loads(noite.avisos.recebidos[2].corpo)
    assert mensagem["text"] == noite.avisos.recebidos[1].corpo
    assert (mensagem["evento"], mensagem["falhas"]) == ("falha", ultima["falhas"])

    # Uma restauração que dá certo, no meio, não apaga o problema.
    noite.esquecer()
    fim = restaurar(noite.projeto, noite.destino, "--empresa", DONO, "--simular")
    assert fim.codigo == 3, fim.tudo
    assert (noite.ultima()["acao"], noite.ultima()["alarme"]) == ("restaurar", True)
    # Nem uma cópia de uma empresa só.
    assert noite.rodar("--empresa", DONO).codigo == 0
    assert noite.ultima()["alarme"] is True
    assert noite.avisos.caminhos == []

    # A boa notícia que não chega é tentada na noite seguinte.
    noite.avisos.respostas += [200, 200, 404]
    saida = noite.rodar()
    assert saida.codigo == 0, saida.tudo
    problema = "⚠️ Não foi entregue a mensagem do webhook: o servidor respondeu 404."
    assert saida.saida.splitlines()[-1] == problema
    assert noite.log().splitlines()[-1] == problema
    assert noite.ultima()["alarme"] is True
    assert noite.rodar().codigo == 0
    assert noite.ultima()["alarme"] is False
    assert noite.rodar().codigo == 0
    assert noite.mensagens() == ["normal", "normal"]


@PELA_API
def test_a_que_nem_comecou_tambem_se_registra_e_avisa(noite: Noite) -> None:
    """Chave errada (num processo que nasce como no Windows), limite que não se entende, ninguém a
    quem avisar."""
    saida = replace(noite, nova=True).rodar(mais={"SUPABASE_SERVICE_ROLE_KEY": "chave-pela-metade"})
    assert (saida.codigo, saida.saida) == (2, "")
    assert noite.log().splitlines()[2:-1] == saida.erros.splitlines()
    assert noite.ultima()["erro"] == saida.erros.splitlines()[0].removeprefix("❌ ")
    assert noite.avisos.caminhos == ["ping/start?create=1", "ping/fail?create=1", "gancho"]
    assert "chave-pela-metade" not in str(noite.ultima()) + noite.log()

    for nome, causa in (
        ("BACKUP_IDADE_MAXIMA", "BACKUP_IDADE_MAXIMA não é uma idade: «amanha»."),
        ("BACKUP_ENCOLHER_MAXIMO", "BACKUP_ENCOLHER_MAXIMO não é uma porcentagem: «amanha»."),
    ):
        saida = noite.rodar(mais={nome: "amanha"})
        assert (saida.codigo, saida.erros.splitlines()[0]) == (2, f"❌ {causa}")
        assert noite.ultima()["erro"] == causa

    # Um endereço que não serve não impede o backup, e não se mostra.
    noite.esquecer()
    mais = {"BACKUP_PING_URL": f"hc-ping/{SEGREDO}", "BACKUP_WEBHOOK_URL": ""}
    saida = noite.rodar(mais=mais)
    assert saida.codigo == 0, saida.tudo
    aviso = "BACKUP_PING_URL não é um endereço http:// ou https://: ninguém será avisado."
    assert saida.saida.splitlines()[0] == f"⚠️ {aviso}"
    assert noite.avisos.caminhos == []


# -- o que encolhe ---------------------------------------------------------------------------


def test_um_acidente_e_dito_ate_ser_reconhecido(noite: Noite) -> None:
    assert noite.rodar().codigo == 0
    bom = ultimo_backup(noite.destino, DONO)
    da_vizinha = conteudo(ultimo_backup(noite.destino, VIZINHA))
    noite.esquecer()
    executar_sql(
        noite.projeto,
        f"DELETE FROM vendas_itens WHERE user_id = '{DONO}' OR user_id IS NULL",
        f"DELETE FROM vendas WHERE user_id = '{DONO}'",
        f"DELETE FROM produtos WHERE user_id = '{DONO}' AND id > 200",
    )
    saida = noite.rodar("--silencioso")
    quando = datetime.strptime(bom["tabelas"]["vendas"]["arquivo"][7:22], "%Y%m%d_%H%M%S")  # noqa: DTZ007
    em = f"em {quando:%Y-%m-%d %H:%M}"
    de_volta = (
        f"{RESTAURAR} --empresa {DONO} --backup {quando:%Y%m%d_%H%M%S}"
        " --tabelas produtos,vendas,vendas_itens"
    )
    assert saida.codigo == 10, saida.tudo
    assert saida.saida == ""
    assert saida.erros.splitlines() == [
        "🏢 Empresa: Padaria Ação",
        f"   📉 a empresa inteira: eram 521 registros {em}; agora, 241",
        f"   📉 produtos: eram 300 registros {em}; agora, 200",
        f"   📉 vendas: eram 60 registros {em}; agora, nenhum",
        f"   📉 vendas_itens: eram 120 registros {em}; agora, nenhum",
        "   📉 Padaria Ação: encolheu (a empresa inteira, produtos, vendas, vendas_itens)",
        "   Se foi um acidente, os backups de antes continuam guardados. Volta com:",
        f"   {de_volta}",
        "   Se foi de propósito, diga que sim, e o aviso para:",
        f"   {RECONHECER} --empresa {DONO}",
    ]
    carimbo_bom = f"{quando:%Y%m%d_%H%M%S}"
    esperados = [
        {"tabela": t, "antes": a, "agora": d, "referencia": carimbo_bom}
        for t, a, d in (("", 521, 241), ("produtos", 300, 200), ("vendas", 60, 0))
    ]
    esperados.append(
        {"tabela": "vendas_itens", "antes": 120, "agora": 0, "referencia": carimbo_bom}
    )
    assert ultimo_backup(noite.destino, DONO)["encolhimentos"] == esperados
    da_padaria = [{"id": DONO, "nome": "Padaria Ação", **e} for e in esperados]
    assert noite.ultima()["encolhimentos"] == da_padaria
    assert noite.ultima()["codigo"] == 10
    assert noite.avisos.caminhos == ["ping/start?create=1", "ping/fail?create=1", "gancho"]
    mensagem = json.loads(noite.avisos.recebidos[2].corpo)
    assert mensagem["encolhimentos"] == da_padaria
    reconhecer = f"{RECONHECER} --empresa {DONO}"
    assert (
        mensagem["para_voltar"]
        == noite.ultima()["para_voltar"]
        == [{"id": DONO, "nome": "Padaria Ação", "comandos": [de_volta], "reconhecer": reconhecer}]
    )
    assert mensagem["text"].splitlines()[1:5] == [
        "Para trazer de volta:",
        de_volta,
        "Se foi de propósito:",
        reconhecer,
    ]
    # O backup foi feito inteiro, o de antes está como estava, e a vizinha não tem nada com isso.
    assert ultimo_backup(noite.destino, DONO)["estado"] == "completo"
    assert ultimo_backup(noite.destino, VIZINHA)["encolhimentos"] == []
    assert conteudo(ultimo_backup(noite.destino, VIZINHA)) == da_vizinha

    # No dia seguinte o último backup é o do estrago, e o aviso continua; com --json também.
    em_json = noite.rodar("--json")
    assert em_json.codigo == em_json.json()["codigo"] == 10
    assert em_json.json()["encolhimentos"] == da_padaria
    padaria, vizinha = em_json.json()["empresas"]
    assert (padaria["encolhimentos"], vizinha["encolhimentos"]) == (esperados, [])
    listadas = executar(None, noite.destino, "listar")
    assert listadas.saida.count("completo  📉 dados encolheram") == 2

    as_duas = ("reconhecer", "--todas", "--empresa", DONO)
    assert executar(None, noite.destino, *as_duas).codigo == 2
    antes = fotografia_do_disco(noite.destino)
    feito = executar(None, noite.destino, "reconhecer", "--empresa", DONO)
    assert feito.codigo == 0, feito.tudo
    assert feito.saida.startswith("✅ Padaria Ação: daqui em diante, compara-se com o backup de ")
    agora = fotografia_do_disco(noite.destino)
    assert set(agora) - set(antes) == {"empresa_aaaa1111/encolhimento_reconhecido.json"}
    assert {n: agora[n] for n in antes} == antes
    noite.esquecer()
    saida = noite.rodar()
    assert saida.codigo == 0, saida.tudo
    assert noite.avisos.caminhos == ["ping/start?create=1", "ping?create=1", "gancho"]
    assert noite.mensagens() == ["normal"]
    assert executar(None, noite.destino, "verificar").codigo == 0


def test_a_foto_de_uma_restauracao_nao_e_alarme(
    noite: Noite,
) -> None:
    """O limite do .env vale; a foto de antes não se marca; restaurado, silêncio."""
    assert noite.rodar().codigo == 0
    executar_sql(noite.projeto, f"DELETE FROM produtos WHERE user_id = '{DONO}' AND id > 270")
    assert noite.rodar().codigo == 0  # 10 %
    executar_sql(noite.projeto, f"DELETE FROM produtos WHERE user_id = '{DONO}' AND id > 240")
    assert noite.rodar(mais={"BACKUP_ENCOLHER_MAXIMO": "5%"}).codigo == 10
    primeiro = min(m["inicio"] for m in metadados(noite.destino) if m["user_id"] == DONO)
    carimbo = datetime.fromisoformat(primeiro).strftime("%Y%m%d_%H%M%S")
    respostas = ("1", "0", "RESTAURAR")
    fim = restaurar(noite.projeto, noite.destino, "--backup", carimbo, respostas=respostas)
    assert fim.codigo == 0, fim.tudo
    # As respostas ficam escritas: numa auditoria, são o que importa.
    log = noite.log()
    assert "\nEscolha a empresa: 1\n" in log
    assert "\nDigite 'RESTAURAR' para confirmar: RESTAURAR\n" in log
    assert noite.ultima()["acao"] == "restaurar"
    fotos = [m for m in metadados(noite.destino) if m["tipo"] == "pre_restauracao"]
    assert [f["encolhimentos"] for f in fotos] == [[]]
    assert noite.rodar(mais={"BACKUP_ENCOLHER_MAXIMO": "5%"}).codigo == 0


def test_uma_empresa_que_desaparece_e_dita_ate_ser_reconhecida(noite: Noite) -> None:
    assert noite.rodar().codigo == 0
    deles = {n: b for n, b in fotografia_do_disco(noite.destino).items() if "bbbb2222" in n}
    da_vizinha = ultimo_backup(noite.destino, VIZINHA)["tabelas"]["vendas"]["arquivo"]
    noite_da_vizinha = da_vizinha.removeprefix("vendas_").removesuffix(".json")
    executar_sql(
        noite.projeto,
        f"DELETE FROM vendas_itens WHERE user_id = '{VIZINHA}'",
        *(
            f"DELETE FROM {t} WHERE user_id = '{VIZINHA}'"
            for t in ("vendas", "clientes", "produtos", "empresas")
        ),
    )
    saida = noite.rodar()
    assert saida.codigo == 10, saida.tudo
    em = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    dito = rf"^   📉 Vizinha: não está mais entre as empresas; último backup em {em}$"
    assert re.search(dito, saida.saida, re.MULTILINE)
    assert [s["id"] for s in noite.ultima()["sumidas"]] == [VIZINHA]
    assert noite.rodar("--empresa", DONO).codigo == 0  # quem copia uma não olha as outras
    assert executar(None, noite.destino, "reconhecer", "--empresa", VIZINHA).codigo == 0
    assert noite.rodar().codigo == 0
    assert saida.saida.splitlines()[-4:] == [
        "   Se foi um acidente, os backups de antes continuam guardados. Volta com:",
        f"   {RESTAURAR} --empresa {VIZINHA} --backup {noite_da_vizinha}",
        "   Se foi de propósito, diga que sim, e o aviso para:",
        f"   {RECONHECER} --empresa {VIZINHA}",
    ]
    agora = fotografia_do_disco(noite.destino)
    assert {n: agora[n] for n in deles} == deles


# -- o que envelhece -------------------------------------------------------------------------


def envelhecer(pasta: Path, dias: int) -> None:
    """Dá aos backups da pasta um carimbo de dias atrás, no nome e nos metadados."""
    for arquivo in list(pasta.iterdir()):
        casa = re.search(r"\d{8}_\d{6}", arquivo.name)
        assert casa
        quando = datetime.strptime(casa.group(), "%Y%m%d_%H%M%S") - timedelta(days=dias)  # noqa: DTZ007
        novo = f"{quando:%Y%m%d_%H%M%S}"
        if arquivo.name.startswith("backup_metadata_"):
            meta = json.loads(arquivo.read_text("utf-8").replace(casa.group(), novo))
            for chave in ("inicio", "data_backup"):
                feito = datetime.fromisoformat(meta[chave]) - timedelta(days=dias)
                meta[chave] = feito.isoformat()
            arquivo.write_text(json.dumps(meta), "utf-8")
        arquivo.rename(pasta / arquivo.name.replace(casa.group(), novo))


def test_o_que_envelheceu_se_diz_ao_abrir_e_ao_listar(noite: Noite) -> None:
    assert noite.rodar().codigo == 0
    envelhecer(noite.destino / "empresa_bbbb2222", 4)
    velha = "Vizinha: último backup inteiro há 4 dias (o limite é 36 h)."
    # Um backup mais novo, mas só de algumas tabelas, não conta.
    parcial = executar(noite.projeto, noite.destino, "--empresa", "Vizinha", "--tabelas", "vazia")
    assert parcial.saida.splitlines()[0] == f"⚠️ {velha}"
    listadas = executar(None, noite.destino, "listar").saida.splitlines()
    marca = "   ⏰ último backup inteiro: há 4 dias (o limite é 36 h)"
    assert [n for n, linha in enumerate(listadas) if "⏰" in linha] == [listadas.index(marca)]
    assert listadas[listadas.index(marca) - 2].startswith("🏢 Vizinha")
    mais = {"BACKUP_IDADE_MAXIMA": "5d"}
    assert "⏰" not in executar(None, noite.destino, "listar", mais=mais).saida
    padaria, vizinha = executar(None, noite.destino, "listar", "--json").json()["empresas"]
    assert padaria["ultimo_inteiro"]["velho"] is False
    assert vizinha["ultimo_inteiro"]["velho"] is True
    ultimo = vizinha["ultimo_inteiro"]
    quando = datetime.fromisoformat(ultimo["quando"])
    assert quando.strftime("%Y%m%d_%H%M%S") == ultimo["carimbo"]
    assert quando.utcoffset() is not None
    assert vizinha["ultimo_inteiro"]["carimbo"] == min(b["carimbo"] for b in vizinha["backups"])
    saida = executar(None, noite.destino, "listar", mais={"BACKUP_IDADE_MAXIMA": "amanha"})
    assert (saida.codigo, saida.erros.splitlines()[1]) == (2, "   Escreva como 36h, 2d ou 90min.")

    menu = restaurar(noite.projeto, noite.destino, respostas=("q",))
    assert menu.saida.splitlines()[:2] == [f"⚠️ {velha}", "🏢 EMPRESAS COM BACKUP DISPONÍVEL"]
    agora = datetime.now().astimezone()
    calculadas = list(idades(Deposito(noite.destino), timedelta(hours=36), agora))
    assert [(e.nome, i.velho) for e, i in calculadas] == [
        ("Padaria Ação", False),
        ("Vizinha", True),
    ]
    assert noite.rodar().codigo == 0
    assert not any(i.velho for _, i in idades(Deposito(noite.destino), timedelta(hours=36), agora))
