"""Clonar com os arquivos e os logins da empresa, e com os backups cifrados de um lado, do outro ou
dos dois."""

from __future__ import annotations

from pathlib import Path

import pytest

from apoio.baldes import conteudos_de, criar_balde, por_arquivo
from apoio.campanha import amostra
from apoio.cifrados import abrindo_com, cifrando_para, sem_nada_em_claro
from apoio.dois_projetos import DONO, MORADORA, DoisProjetos, Ponto, montar
from apoio.execucao import metadados
from apoio.logins import criar_login, linha_do_login
from apoio.servidores import FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA, RestauracaoRecusada
from cofre.deposito.cifra.chaves import gerar

COM_LISTAS = {"BACKUP_ARQUIVOS": "sim", "BACKUP_LOGINS": "sim"}
CONTEUDO = b"o contrato da padaria " * 40


def _com_listas(criar: FabricaDeSupabase, pasta: Path, **do_env: str) -> DoisProjetos:
    """Os donos são logins dos dois lados; o DONO só existe na origem."""
    dois = montar(criar, pasta, "donos_com_login", com_backup=False, **COM_LISTAS)
    for projeto, dono in ((dois.origem, DONO), (dois.destino, MORADORA)):
        criar_balde(projeto, "papeis")
        por_arquivo(projeto, "papeis", f"{dono}/contrato.pdf", CONTEUDO)
        por_arquivo(projeto, "papeis", f"{dono}/vazio", b"")
    criar_login(dois.origem, "dona@padaria.example", id=DONO)
    dois.escrever_env(**COM_LISTAS, **do_env)
    return dois


def _do_dono(dois: DoisProjetos) -> dict[str, bytes | None]:
    de_la = conteudos_de(dois.destino, lambda _balde, nome: nome.startswith(DONO))
    return {nome: dados for (_balde, nome), dados in de_la.items()}


def test_num_destino_sem_balde_nenhum_os_arquivos_vao_se_se_concorda_em_criar(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """A cópia que se acaba de trazer tem arquivos; não é por ela que os de lá sumiram."""
    dois = montar(criar_supabase, tmp_path, com_backup=False, **COM_LISTAS)
    criar_balde(dois.origem, "papeis")
    por_arquivo(dois.origem, "papeis", f"{DONO}/contrato.pdf", CONTEUDO)
    dois.escrever_env(**COM_LISTAS)
    dois.copiar()
    antes = dois.ponto()
    saida = dois.clonar()
    assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
    assert "balde papeis" in saida.tudo, saida.tudo
    dois.conferir_intacto(antes)
    saida = dois.clonar("--aceitar", "baldes")
    assert saida.codigo in (0, NEM_TUDO_COMO_ERA), saida.tudo
    assert _do_dono(dois) == {f"{DONO}/contrato.pdf": CONTEUDO}
    assert dois.diferem() == {}


def test_sem_arquivos_e_sem_logins_nada_deles_sai_daqui(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    dois = _com_listas(criar_supabase, tmp_path)
    criar_login(dois.destino, "dona@padaria.example", id=DONO)
    dois.copiar()
    antes = dois.ponto()
    saida = dois.clonar("--sem-arquivos", "--logins", "nenhum")
    assert saida.codigo == 0, saida.tudo
    assert dois.diferem() == {}
    depois = dois.ponto()
    assert (depois.do_storage, depois.do_auth) == (antes.do_storage, antes.do_auth)
    (copia,) = [m for m in metadados(dois.backups_de_la) if m["tipo"] == "clone"]
    assert not copia.get("listas")
    assert not list(dois.backups_de_la.rglob("arquivos/*/*"))


@pytest.mark.parametrize(
    ("na_origem", "no_destino"), amostra([(True, True), (False, True), (True, False)], 2)
)
def test_os_arquivos_e_o_login_do_dono_vao_junto_e_o_cifrado_nao_fica_em_claro(
    criar_supabase: FabricaDeSupabase, tmp_path: Path, na_origem: bool, no_destino: bool
) -> None:
    """Cifrado de um lado, do outro ou dos dois: vai tudo, e o depósito do destino não o mostra."""
    daqui, de_la = (gerar(), gerar()), (gerar(), gerar())
    cofre = tmp_path / "chaves"
    cofre.mkdir()
    do_env = {**cifrando_para(*de_la), **abrindo_com(cofre, de_la[0], "la.txt")}
    dois = _com_listas(criar_supabase, tmp_path / "d", **(do_env if no_destino else {}))
    mais = {**cifrando_para(*daqui), **abrindo_com(cofre, daqui[0], "aqui.txt")}
    mais = mais if na_origem else {}
    dois.copiar(mais=mais)
    antes = dois.ponto()
    saida = dois.clonar(mais=mais)
    assert saida.codigo == NEM_TUDO_COMO_ERA, saida.tudo  # as datas do login
    assert dois.diferem() == {}
    assert _do_dono(dois) == {f"{DONO}/contrato.pdf": CONTEUDO, f"{DONO}/vazio": b""}
    login = linha_do_login(dois.destino, DONO)
    assert login is not None
    assert login["email"] == "dona@padaria.example"
    segredos = ("Pão nº 7", "o contrato da padaria", "dona@padaria.example")
    assert sem_nada_em_claro([dois.backups_de_la], segredos) == []
    depois = dois.ponto()
    assert depois.origem == antes.origem
    assert antes.do_storage.items() <= depois.do_storage.items()
    assert antes.do_auth.items() <= depois.do_auth.items()
    if na_origem and no_destino:
        _outra_vez_e_desfazer(dois, antes, depois, mais)


def _outra_vez_e_desfazer(
    dois: DoisProjetos, antes: Ponto, depois: Ponto, mais: dict[str, str]
) -> None:
    """Clonar outra vez não muda nada; desfazer tira tudo, menos o login."""
    saida = dois.clonar(mais=mais)
    assert saida.codigo == 0, saida.tudo
    assert dois.ponto() == depois
    saida = dois.acao("desfazer", "--confirmar", "DESFAZER", mais=mais)
    assert saida.codigo == 0, saida.tudo
    desfeito = dois.ponto()
    # O login fica, e diz-se: apagá-lo levaria em cascata o que já dependesse dele.
    mudou = dict(desfeito.destino.items() ^ antes.destino.items())
    assert set(mudou) <= {("users", ""), ("auth.users", ""), ("users", DONO), ("auth.users", DONO)}
    assert desfeito.do_storage == antes.do_storage
