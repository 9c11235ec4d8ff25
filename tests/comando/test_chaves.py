"""`chaves criar | testar | trocar`: nada se cifra para uma chave que ninguém mostrou que tem."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from apoio import age
from apoio.cifrados import conteudo_cifrado
from apoio.danos import virar_um_bit
from apoio.execucao import RAIZ, Saida, executar, metadados, restaurar, ultimo_backup
from apoio.impressoes import impressoes
from apoio.loja import TANTO_FAZ
from apoio.lojinha import DONO
from apoio.terminal import AoVivo
from cofre.base.config.variaveis import do_ambiente
from cofre.deposito.cifra.chaves import ChaveQueAbre, ler_que_abre
from cofre.rotina.boletim import texto_de
from cofre.rotina.ultima import UltimaExecucao
from supabase_local.servidores.servidor import SupabaseLocal

VIA = TANTO_FAZ

ENV = b"\xef\xbb\xbf# o meu\r\nSUPABASE_URL=\r\nBACKUP_COMPACTAR=n\xc3\xa3o\r\n"
SECRETO = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]{4}", re.IGNORECASE)


class Maquina:
    """Uma cópia do programa, com o seu .env, a sua pasta de backups e dois pendrives."""

    def __init__(self, pasta: Path) -> None:
        self.raiz, self.destino = pasta / "projeto", pasta / "backups"
        shutil.copytree(RAIZ / "scripts", self.raiz / "scripts")
        self.env = self.raiz / ".env"
        self.env.write_bytes(ENV)
        self.env.chmod(0o644)
        self.pendrives = (pasta / "pendrive", pasta / "cofre-do-banco")
        for pendrive in self.pendrives:
            pendrive.mkdir()

    @property
    def script(self) -> Path:
        return self.raiz / "scripts" / "backup-por-empresa.py"

    def rodar(self, *argumentos: str, projeto: SupabaseLocal | None = None) -> Saida:
        return executar(projeto, self.destino, *argumentos, script=self.script, novo=False)

    def chaves(self, *argumentos: str) -> Saida:
        return self.rodar("chaves", *argumentos)

    def sem_perguntas(self, pedido: str, *mais: str) -> Saida:
        dono, reserva = map(str, self.pendrives)
        folhas = ("--folha-dono", dono, "--folha-reserva", reserva)
        return self.chaves(pedido, *folhas, "--confirmar", "CIFRAR", *mais)

    def folhas(self) -> list[Path]:
        """As folhas em texto, da mais antiga à mais nova em cada pendrive."""
        return [f for p in self.pendrives for f in sorted(p.glob("*.txt"))]

    def lidas(self) -> list[ChaveQueAbre]:
        return [ler_que_abre(f.read_text(encoding="utf-8")) for f in self.folhas()]

    def para(self) -> str:
        return do_ambiente(self.raiz, so_o_env=True).get("BACKUP_CIFRAR_PARA", "")


@pytest.fixture
def maquina(tmp_path: Path) -> Maquina:
    return Maquina(tmp_path)


@pytest.fixture(scope="module")
def em_uso(tmp_path_factory: pytest.TempPathFactory, projeto: SupabaseLocal) -> Maquina:
    """Com chaves criadas, e um backup cifrado para elas."""
    maquina = Maquina(tmp_path_factory.mktemp("em-uso"))
    assert maquina.sem_perguntas("criar").codigo == 0
    feito = maquina.rodar(projeto=projeto)
    assert feito.codigo == 0, feito.tudo
    return maquina


def test_criar_sem_perguntas_grava_as_folhas_e_so_uma_linha_do_env(maquina: Maquina) -> None:
    feito = maquina.sem_perguntas("criar", "--json")

    assert feito.codigo == 0, feito.tudo
    documento = feito.json()
    dono, reserva = maquina.lidas()
    fecham = [dono.publica.texto, reserva.publica.texto]
    assert documento["fecham"] == fecham
    assert maquina.env.read_bytes() == ENV + f"BACKUP_CIFRAR_PARA={','.join(fecham)}\r\n".encode()
    assert documento["folhas"] == [
        str(f.with_suffix(fim)) for f in maquina.folhas() for fim in (".html", ".txt")
    ]
    assert not SECRETO.search(feito.tudo)
    cifrado = age.cifrar(b"conteudo", fecham)
    assert {age.decifrar(cifrado, chave.texto()) for chave in (dono, reserva)} == {b"conteudo"}
    if os.name == "posix":
        arquivos = [maquina.env, *map(Path, documento["folhas"])]
        assert {stat.S_IMODE(a.stat().st_mode) for a in arquivos} == {0o600}
    fora_das_folhas = [
        a
        for pasta in (maquina.raiz, Path(f"{maquina.destino}.perfil"))
        for a in pasta.rglob("*")
        if a.is_file() and any(c.texto().encode() in a.read_bytes() for c in (dono, reserva))
    ]
    assert fora_das_folhas == []
    for folha in map(Path, documento["folhas"]):
        assert documento["lacre"] in folha.read_text(encoding="utf-8")


def test_criar_recusa_o_que_poria_a_chave_junto_dos_backups(maquina: Maquina) -> None:
    maquina.destino.mkdir()
    dentro = maquina.raiz / "aqui"
    dentro.mkdir()
    pendrive = str(maquina.pendrives[0])
    for ruim, codigo in ((maquina.destino, 2), (dentro, 2), (maquina.pendrives[0] / "nada", 2)):
        feito = maquina.chaves(
            "criar", "--folha-dono", pendrive, "--folha-reserva", str(ruim), "--confirmar", "CIFRAR"
        )
        assert feito.codigo == codigo, feito.tudo
    assert maquina.chaves("criar", "--confirmar", "CIFRAR").codigo == 2
    assert maquina.chaves("trocar").codigo == 2  # ainda não há o que trocar
    assert maquina.env.read_bytes() == ENV
    assert maquina.folhas() == []


def test_criar_duas_vezes_se_recusa_e_manda_trocar(em_uso: Maquina) -> None:
    antes = em_uso.env.read_bytes()
    feito = em_uso.sem_perguntas("criar")

    assert feito.codigo == 2
    assert "chaves trocar" in feito.erros
    assert em_uso.env.read_bytes() == antes


def _responder_folhas(conversa: AoVivo, maquina: Maquina) -> None:
    for pendrive, de_quem in zip(maquina.pendrives, ("do dono", "de reserva"), strict=True):
        conversa.ate(f"Onde gravar a folha {de_quem}: ")
        conversa.digitar(str(pendrive))


def test_no_terminal_cada_chave_se_devolve_do_arquivo_ou_do_papel(maquina: Maquina) -> None:
    conversa = AoVivo(maquina.destino, maquina.script, "chaves", "criar")
    _responder_folhas(conversa, maquina)
    mostrado = conversa.ate("Arquivo, ou linha 1: ")
    dono, reserva = maquina.lidas()
    assert maquina.env.read_bytes() == ENV

    conversa.digitar(str(maquina.folhas()[1]))  # a outra
    assert "mas não a do dono" in conversa.ate("Arquivo, ou linha 1: ")
    conversa.digitar(str(maquina.folhas()[0]))
    assert "do dono foi devolvida" in conversa.ate("Arquivo, ou linha 1: ")
    assert maquina.env.read_bytes() == ENV
    texto = maquina.folhas()[1].read_text("utf-8")
    no_papel = re.findall(r"^#\s+[1-4]  (.*)$", texto, re.MULTILINE)
    assert len(no_papel) == 4
    conversa.digitar(no_papel[0])
    conversa.ate("Linha 2: ")
    errada = ("Q" if no_papel[1][0] != "Q" else "P") + no_papel[1][1:]
    conversa.digitar(errada)
    recusa = conversa.ate("Linha 2: ")
    assert "A linha 2 da chave não confere" in recusa
    assert "as duas últimas são a conferência" in " ".join(recusa.split())
    for n, linha in enumerate(no_papel[1:], 2):
        conversa.digitar(linha.lower())
        if n < 4:
            conversa.ate(f"Linha {n + 1}: ")
    assert conversa.fim() == 0, conversa.visto

    assert maquina.para() == f"{dono.publica.texto},{reserva.publica.texto}"
    for linha in no_papel:
        assert linha.split()[0] in mostrado
    nossas = [x for x in conversa.visto.splitlines() if str(maquina.raiz.parent) not in x]
    assert max(map(len, nossas)) <= 80


@pytest.mark.parametrize("saida", ["q", "Ctrl+C"])
def test_quem_desiste_no_meio_nao_muda_nada(maquina: Maquina, saida: str) -> None:
    conversa = AoVivo(maquina.destino, maquina.script, "chaves", "criar")
    _responder_folhas(conversa, maquina)
    conversa.ate("Arquivo, ou linha 1: ")
    conversa.digitar(str(maquina.folhas()[0]))
    conversa.ate("Arquivo, ou linha 1: ")
    if saida == "q":
        conversa.digitar("q")
    else:
        conversa.ctrl_c()

    assert conversa.fim() == 130
    assert "apague-as" in conversa.visto
    assert maquina.env.read_bytes() == ENV


def test_testar_abre_o_mais_novo_de_cada_empresa_e_anota(em_uso: Maquina) -> None:
    dono = em_uso.lidas()[0].publica.texto
    feito = em_uso.chaves("testar", "--chave-arquivo", str(em_uso.folhas()[0]), "--json")

    assert feito.codigo == 0, feito.tudo
    documento = feito.json()
    assert documento["chaves"] == [dono]
    provas = {p["empresa"]: (p["tabela"], p["registros"]) for p in documento["provas"]}
    assert provas[DONO] == ("produtos", 300)
    assert len(provas) == 2
    assert not SECRETO.search(feito.tudo)
    anotadas = json.loads(Path(f"{em_uso.destino}.perfil/cofre/chaves.json").read_bytes())
    assert set(anotadas) == {k.publica.texto for k in em_uso.lidas()}


def test_a_chave_digita_se_da_folha_linha_a_linha(em_uso: Maquina) -> None:
    """Uma letra trocada é dita com a linha, e só ela se repete; nada do digitado se vê."""
    texto = em_uso.folhas()[0].read_text("utf-8")
    no_papel = re.findall(r"^#\s+[1-4]  (.*)$", texto, re.MULTILINE)
    conversa = AoVivo(em_uso.destino, em_uso.script, "chaves", "testar")
    pergunta = "q sai): "
    conversa.ate(pergunta)
    conversa.digitar("?")
    assert "uma linha da folha de cada vez" in " ".join(conversa.ate(pergunta).split())
    conversa.digitar("AGE-SECRET-KEY-1")
    assert "Linha 2" in conversa.ate(pergunta)
    conversa.digitar(no_papel[2])
    recusa = " ".join(conversa.ate(pergunta).split())
    assert "❌ A linha 2 da chave não confere. Confira-a com a folha, letra por letra" in recusa
    for n, linha in enumerate(no_papel[1:], 2):
        conversa.digitar(linha.lower())
        if n < 4:
            assert f"Linha {n + 1}" in conversa.ate(pergunta)

    assert conversa.fim() == 0, conversa.visto
    assert "Provada hoje" in conversa.visto
    visto = conversa.visto.lower()
    assert not [linha for linha in no_papel[1:] if linha.split()[0].lower() in visto]


def test_testar_diz_o_que_se_estragou_e_a_chave_que_nao_serve(
    em_uso: Maquina, tmp_path: Path
) -> None:
    alheia = tmp_path / "alheia.txt"
    alheia.write_text(age.nova_chave(), encoding="ascii")
    sem = em_uso.chaves("testar", "--chave-arquivo", str(alheia))
    assert sem.codigo == 2, sem.tudo

    backup = ultimo_backup(em_uso.destino, DONO)
    arquivo = backup["pasta"] / backup["tabelas"]["produtos"]["arquivo"]
    certo = arquivo.read_bytes()
    virar_um_bit(arquivo, -1)
    try:
        estragado = em_uso.chaves("testar", "--chave-arquivo", str(em_uso.folhas()[0]))
    finally:
        arquivo.write_bytes(certo)
    assert estragado.codigo == 6, estragado.tudo
    assert "❌ Padaria Ação" in estragado.tudo
    assert "✅ Vizinha" in estragado.saida


def test_trocar_cifra_de_novo_e_as_antigas_abrem_o_antigo(
    em_uso: Maquina, projeto: SupabaseLocal
) -> None:
    antigas, antes = em_uso.lidas(), impressoes(projeto)
    primeiro = ultimo_backup(em_uso.destino, DONO)
    feito = em_uso.sem_perguntas("trocar", "--json")
    assert feito.codigo == 0, feito.tudo
    assert feito.json()["antigas"] == [c.publica.texto for c in antigas]
    novas = [c for c in em_uso.lidas() if c not in antigas]
    assert feito.json()["fecham"] == [c.publica.texto for c in novas] == em_uso.para().split(",")
    assert len(em_uso.folhas()) == 4  # nenhuma por cima de outra

    assert em_uso.rodar(projeto=projeto).codigo == 0

    segundo = ultimo_backup(em_uso.destino, DONO)
    assert conteudo_cifrado(segundo, novas[1]) == conteudo_cifrado(primeiro, antigas[0])
    for tabela in segundo["tabelas"].values():
        cifrado = (segundo["pasta"] / tabela["arquivo"]).read_bytes()
        assert age.decifrar_se_der(cifrado, antigas[0].texto()).returncode != 0
    folha = next(f for f in em_uso.folhas() if novas[0].texto() in f.read_text("utf-8"))
    provado = em_uso.chaves("testar", "--chave-arquivo", str(folha))
    assert provado.codigo == 0, provado.tudo
    pela_chave = {"BACKUP_CHAVE_ARQUIVO": str(folha)}
    voltou = restaurar(
        projeto, em_uso.destino, "--empresa", DONO, "--confirmar", "RESTAURAR", mais=pela_chave
    )
    assert voltou.codigo == 0, voltou.tudo
    assert impressoes(projeto) == antes


def test_as_postas_a_mao_cifram_ja_e_sao_ditas_por_testar(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    chaves = [age.nova_chave() for _ in range(2)]
    publicas = [ler_que_abre(c).publica.texto for c in chaves]
    destino, para = tmp_path / "b", {"BACKUP_CIFRAR_PARA": ",".join(publicas)}
    arquivo = tmp_path / "chave.txt"
    arquivo.write_text(chaves[1], encoding="ascii")

    def lugares() -> list[str]:
        listado = executar(None, destino, "listar").saida
        assert executar(None, destino, "painel").codigo == 0
        pagina = (destino / "painel.html").read_text("utf-8")
        return [_numa_linha(listado), _numa_linha(pagina)]

    feito = executar(projeto, destino, mais=para)
    assert feito.codigo == 0, feito.tudo
    assert all(b["cifrado"]["para"] == publicas for b in metadados(destino))
    nunca = "fecham nunca foram testadas: se não as tiver, "
    assert nunca in _numa_linha(feito.saida)
    ultima = json.loads((destino / "ultima_execucao.json").read_bytes())
    assert nunca in ultima["resumo"]["lembretes"][0]
    assert nunca in texto_de(msgspec.convert(ultima, UltimaExecucao, strict=False))
    assert [nunca in lugar for lugar in lugares()] == [True, True]

    # Sem a linha do .env, o próximo sairia em claro; é dito, com a linha que falta.
    claro = executar(projeto, destino, "--empresa", DONO, "--json")
    assert "fica em claro, e quem levar o disco o lê" in _numa_linha(claro.erros)
    (dito,) = claro.json()["lembretes"]
    assert dito.endswith(f"\nBACKUP_CIFRAR_PARA={para['BACKUP_CIFRAR_PARA']}")
    assert executar(projeto, destino, "--empresa", DONO, mais=para).codigo == 0

    assert executar(None, destino, "chaves", "testar", "--chave-arquivo", str(arquivo)).codigo == 0
    so_a_outra = f"A chave que abre o que {publicas[0][:12]}… fecha nunca foi testada"
    assert [so_a_outra in lugar for lugar in lugares()] == [True, True]

    provas = Path(f"{destino}.perfil/cofre/chaves.json")
    for dias, lembra in ((89, False), (91, True)):
        quando = (datetime.now(UTC) - timedelta(days=dias)).isoformat()
        provas.write_text(json.dumps(dict.fromkeys(publicas, quando)), encoding="ascii")
        assert ["não se testa uma chave" in lugar for lugar in lugares()] == [lembra, lembra]
        assert nunca not in lugares()[0]
    assert "não se testa uma chave" in _numa_linha(executar(projeto, destino, mais=para).saida)


def _numa_linha(texto: str) -> str:
    return " ".join(texto.split())
