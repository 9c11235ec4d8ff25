"""As listas de uma foto: gravadas como mais uma tabela, e nos metadados à parte delas."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config.valores import AcessoDireto, Configuracao, Regras
from cofre.base.erros import FalhaDoServidor
from cofre.base.modelo import ARQUIVOS, LOGINS, Coluna, Empresa, Tabela
from cofre.base.tela import RelatoTexto
from cofre.deposito.backup import Backup
from cofre.deposito.cifra import chaveiro, chaves
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.linhas import ler_linhas
from cofre.deposito.passada import Grupo, Observador
from cofre.deposito.publicacao import Montagem
from cofre.foto.foto import Contexto, Pedido
from cofre.foto.fotografo import Fotografo
from cofre.foto.listas import Colhida
from cofre.via.direta.via import ViaDireta
from supabase_local.servidores.servidor import SupabaseLocal

DONO = "11111111-1111-4111-8111-111111111111"
ESQUEMA = f"""
CREATE TABLE empresas (user_id uuid PRIMARY KEY, nome text);
CREATE TABLE arquivos (id int PRIMARY KEY, user_id uuid, nota text);
CREATE TABLE "storage.objects" (id int PRIMARY KEY, user_id uuid, nota text);
INSERT INTO empresas VALUES ('{DONO}', 'Loja');
INSERT INTO arquivos VALUES (1, '{DONO}', 'uma tabela que se chama como a lista');
INSERT INTO "storage.objects" VALUES (2, '{DONO}', 'uma tabela que se chama como o arquivo');
"""
LISTA = Tabela(ARQUIVOS, (Coluna("balde"), Coluna("nome")), ("balde", "nome"))
LINHAS = [b'{"balde":"fotos","nome":"a"}', b'{"balde":"fotos","nome":"b"}']
CITADO = b'{"guardado":"%s","bytes":1}' % (b"00" * 32)


@dataclass
class DeMentira:
    """Uma fonte que sabe de cor o que tem: as de verdade leem o Storage e o Auth."""

    mudancas: int = 0
    falha: FalhaDoServidor | None = None
    ausente: str = ""
    vistas: dict[str, list[bytes]] = field(default_factory=dict)
    nome: str = ARQUIVOS

    def comecar(self, empresa: Empresa, contexto: Contexto) -> DeMentira:
        return self

    def observadores(self, tabela: Tabela) -> Sequence[Observador]:
        self.vistas[tabela.nome] = []
        return [_Visto(self.vistas[tabela.nome])] if tabela.nome == "arquivos" else []

    def colher(self, empresa: Empresa, montagem: Montagem) -> Colhida:
        self.mudancas -= 1
        return Colhida(
            LISTA,
            [LINHAS[0], LINHAS[1]],
            {"quantos": 2},
            self.falha,
            self.ausente,
            [CITADO],
            self.mudancas >= 0,
        )


@dataclass
class _Visto:
    notas: list[bytes]
    colunas: Sequence[str] = ("nota",)

    def ver(self, grupo: Grupo) -> None:
        self.notas += grupo.coluna("nota")


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))


def _backup(projeto: SupabaseLocal, deposito: Deposito, fonte: DeMentira) -> Backup:
    via = ViaDireta(AcessoDireto(projeto.uri_banco), None, 1, 1, threading.Event(), _nada)
    try:
        inspecao = via.inspecionar(Regras())
        configuracao = Configuracao(None, deposito.raiz, Regras())
        contexto = Contexto(Pedido(), inspecao, inspecao.escopo, configuracao)
        fotografo = Fotografo(via, deposito, Regras(), RelatoTexto(None, None), [fonte])
        with fotografo.montar(inspecao.empresas[0], contexto) as foto:
            return foto.publicar()
    finally:
        via.fechar()


def _nada(*_tudo: object) -> None:
    """Ninguém conta as tentativas."""


def _linhas(backup: Backup, nome: str) -> list[bytes]:
    assert backup.meta is not None
    grupos: Iterable[list[msgspec.Raw]] = ler_linhas(backup.caminho(backup.meta.tabelas[nome]))
    return [bytes(linha) for grupo in grupos for linha in grupo]


@pytest.mark.parametrize("cifrado", [False, True])
def test_a_lista_e_mais_uma_tabela_a_parte_das_tabelas(
    projeto: SupabaseLocal, tmp_path: Path, cifrado: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "perfil"))
    chave = chaves.gerar()
    deposito = Deposito(tmp_path / "b", cifra=Cifra((chave.publica,)) if cifrado else None)
    chaveiro.guardar(chave)
    backup = _backup(projeto, deposito, fonte := DeMentira())
    assert backup.meta is not None
    assert backup.meta.inteiro
    assert not backup.fechado
    fim = f"_{backup.carimbo}.json{'.gz.age' * cifrado}"
    nomes = {n: t.arquivo for n, t in backup.meta.tabelas.items()}
    assert nomes[ARQUIVOS] == f"storage.objects{fim}"
    assert nomes["storage.objects"] == f"storage.objects~2{fim}"
    assert nomes["arquivos"] == f"arquivos{fim}"
    assert _linhas(backup, ARQUIVOS) == LINHAS
    assert len(_linhas(backup, "storage.objects")) == len(_linhas(backup, "arquivos")) == 1
    salva = backup.meta.tabelas[ARQUIVOS]
    assert (salva.registros, salva.chave, dict(salva.notas)) == (2, LISTA.chave, {"quantos": 2})
    assert salva.conteudos is not None
    citados = (backup.pasta / salva.conteudos.arquivo).read_bytes()
    assert citados == b"[\n" + CITADO + b"\n]\n"
    bruto = json.loads((backup.pasta / f"backup_metadata_{backup.carimbo}.json").read_bytes())
    assert set(bruto["listas"]) == {"storage.objects"}
    assert "arquivos" in bruto["tabelas"]
    assert bruto["total_registros"] == 3
    assert set(bruto["tabelas_backup"]) == set(bruto["tabelas"])
    assert ("quantos" in json.dumps(bruto)) != cifrado
    assert fonte.vistas["arquivos"] == [b'"uma tabela que se chama como a lista"']
    assert backup.meta.dos_detalhes or not cifrado
    soma = [a.arquivo for a in backup.meta.arquivos]
    assert f"conteudos_{backup.carimbo}.json" in soma


def test_o_que_se_move_faz_recomecar_e_tres_vezes_bastam(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    for mudancas in (1, 2, 9):
        fonte = DeMentira(mudancas=mudancas)
        backup = _backup(projeto, Deposito(tmp_path / str(mudancas)), fonte)
        assert fonte.mudancas == mudancas - min(3, mudancas + 1)
        assert _linhas(backup, ARQUIVOS) == LINHAS


def test_a_que_falha_deixa_o_backup_incompleto_e_a_ausente_e_dita(
    projeto: SupabaseLocal, tmp_path: Path
) -> None:
    falhou = _backup(projeto, Deposito(tmp_path / "f"), DeMentira(falha=FalhaDoServidor("caiu")))
    assert falhou.meta is not None
    assert dict(falhou.meta.falhas) == {ARQUIVOS: "caiu"}
    assert falhou.estado == "incompleto"
    assert ARQUIVOS not in falhou.meta.tabelas
    bruto = json.loads((falhou.pasta / f"backup_metadata_{falhou.carimbo}.json").read_bytes())
    assert bruto["listas_falha"] == {"storage.objects": "caiu"}
    assert bruto["falhas"] == {}
    fora = _backup(projeto, Deposito(tmp_path / "a"), DeMentira(ausente="--sem-arquivos"))
    assert fora.meta is not None
    assert fora.meta.inteiro
    assert LOGINS not in fora.meta.tabelas
    assert {"tabela": "arquivos", "motivo": "--sem-arquivos", "sugestao": ""} in [
        dict(d) for d in fora.meta.deixadas_de_fora
    ]
