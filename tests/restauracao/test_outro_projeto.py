"""Uma restauração começada num projeto, com um `.env` que passou a dizer outro: nem se continua nem
se desfaz lá. No mesmo projeto, por outra chave, outra via ou outro endereço, sim."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apoio.balcao import DONO, LINHAS, TABELAS
from apoio.execucao import Saida, acesso, da_api, executar, restaurar
from apoio.impressoes import executar_sql, impressoes
from apoio.loja import copiar_deposito
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.erros import Cancelada, RestauracaoRecusada
from cofre.via.contrato import API, DIRETA
from cofre.via.projeto import do_endereco
from supabase_local.servidores.servidor import SupabaseLocal

ESTRAGO = f"DELETE FROM clientes WHERE user_id = '{DONO}'"
DE_LA = f"INSERT INTO clientes VALUES (gen_random_uuid(), '{DONO}', 'Trabalho de lá')"
UMA, OUTRA = "a" * 20, "b" * 20
CONFIRMADA = ("--confirmar", "DESFAZER")


@dataclass(frozen=True, slots=True)
class Dois:
    """O `primeiro`, em que se restaurou a empresa, com os backups em `pasta`; e o `outro`, em que a
    mesma empresa mora e trabalhou."""

    primeiro: SupabaseLocal
    outro: SupabaseLocal
    pasta: Path

    @property
    def diario(self) -> Path:
        (diario,) = self.pasta.rglob("restauracao_*.json")
        return diario

    def anotado(self) -> dict[str, Any]:
        dados: dict[str, Any] = json.loads(self.diario.read_bytes())
        return dados

    def reescrever(self, **mudancas: object) -> None:
        """O diário com outro conteúdo; None tira."""
        dados = {c: v for c, v in (self.anotado() | mudancas).items() if v is not None}
        self.diario.write_text(json.dumps(dados), encoding="utf-8")

    def esquecer_o_projeto(self) -> None:
        """Todos os diários, como os de antes de se anotar o projeto."""
        for diario in self.pasta.rglob("restauracao_*.json"):
            dados = json.loads(diario.read_bytes())
            dados.pop("projeto", None)
            diario.write_text(json.dumps(dados), encoding="utf-8")

    def vir_de(self, endereco: str) -> None:
        """Os backups e as fotos passam a dizer que se leram deste endereço."""
        for meta in self.pasta.glob("empresa_*/backup_metadata_*.json"):
            dados = json.loads(meta.read_bytes())
            dados["origem"]["url"] = endereco
            meta.write_text(json.dumps(dados), encoding="utf-8")

    def em(self, mais: dict[str, str], *argumentos: str, respostas: tuple[str, ...] = ()) -> Saida:
        return restaurar(None, self.pasta, *argumentos, respostas=respostas, mais=mais)


@pytest.fixture(scope="module")
def projetos(
    criar_supabase_do_modulo: FabricaDeSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Dois:
    """Com uma restauração no primeiro, pela API, dada por concluir."""
    primeiro = criar_supabase_do_modulo(VAZIO, sql=(TABELAS, LINHAS))
    outro = criar_supabase_do_modulo(VAZIO, sql=(TABELAS, LINHAS))
    dois = Dois(primeiro, outro, tmp_path_factory.mktemp("dois") / "backups")
    assert executar(primeiro, dois.pasta).codigo == 0
    executar_sql(primeiro, ESTRAGO)
    pedida = ("--empresa", DONO, "--confirmar", "RESTAURAR")
    assert dois.em(_com_referencia(primeiro, UMA), *pedida).codigo == 0
    dois.reescrever(estado="em_andamento")
    return dois


@pytest.fixture
def dois(projetos: Dois, tmp_path: Path) -> Dois:
    """Uma cópia dos backups desse momento, e as linhas dos dois bancos como então eram."""
    executar_sql(projetos.primeiro, LINHAS)
    executar_sql(projetos.outro, LINHAS, DE_LA)
    return Dois(projetos.primeiro, projetos.outro, copiar_deposito(projetos.pasta, tmp_path))


def _com_referencia(projeto: SupabaseLocal, referencia: str) -> dict[str, str]:
    """A service_role como a do Supabase de verdade, que diz de que projeto é."""
    chave = projeto.jwt("service_role", ref=referencia)
    return {"SUPABASE_URL": projeto.url, "SUPABASE_SERVICE_ROLE_KEY": chave}


@pytest.mark.parametrize("via", [API, DIRETA])
def test_nada_se_conclui_nem_desfaz_noutro_projeto(dois: Dois, via: str) -> None:
    """O diário de quem é de antes de se anotar o projeto também não: diz-lo a foto de antes."""
    antes = impressoes(dois.outro)
    la = acesso(dois.outro, via)
    for antigo in (False, True):
        if antigo:
            dois.reescrever(projeto=None)
            dois.vir_de("https://api.loja.com.br")
        no_disco = dois.anotado()
        for acao in ("continuar", "desfazer"):
            _recusada_la(dois, la, acao)
        for escolha in ("1", "2"):
            saida = dois.em(la, "--empresa", DONO, respostas=(escolha, "q"))
            assert saida.codigo == Cancelada.codigo, saida.tudo
        dois.reescrever(estado="concluida")
        assert dois.em(la, "desfazer", *CONFIRMADA).codigo == RestauracaoRecusada.codigo
        assert impressoes(dois.outro) == antes
        dois.reescrever(estado="em_andamento")
        assert dois.anotado() == no_disco


def _recusada_la(dois: Dois, la: dict[str, str], acao: str) -> None:
    """Sem nome ou com outro. Quem está a olhar pode dizer que é o mesmo; sem resposta, ou com
    outra, nada se faz."""
    for mais in (CONFIRMADA, (*CONFIRMADA, "--projeto", "outro-nome")):
        saida = dois.em(la, acao, *mais)
        assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
        if mais == CONFIRMADA:
            assert "não se fez no projeto deste .env" in saida.erros, saida.tudo
            assert do_endereco(next(iter(la.values()))).pop() in saida.erros
    for resposta in ((), ("RESTAURAR",), ("q",)):
        saida = dois.em(la, acao, respostas=resposta)
        assert saida.codigo == Cancelada.codigo, saida.tudo


def test_de_dois_projetos_com_referencia_nao_ha_nome_que_valha(dois: Dois) -> None:
    antes = impressoes(dois.outro)
    la = _com_referencia(dois.outro, OUTRA)
    for mais in ((), ("--projeto", OUTRA)):
        saida = dois.em(la, "continuar", *mais, respostas=(OUTRA,))
        assert saida.codigo == RestauracaoRecusada.codigo, saida.tudo
        assert f"foi em {UMA}, e este é {OUTRA}" in saida.erros, saida.tudo
    assert impressoes(dois.outro) == antes
    # Deixa-se a de lá como está, e no outro restaura-se como sempre.
    assert dois.em(la, "--empresa", DONO, respostas=("3",)).codigo == 7
    assert dois.anotado()["estado"] == "deixada"
    pedida = ("--empresa", DONO, "--confirmar", "RESTAURAR")
    saida = dois.em(la, *pedida)
    assert saida.codigo == 0, saida.tudo


@pytest.mark.parametrize("antigo", [False, True])
def test_no_mesmo_projeto_por_outra_chave_ou_outra_via(dois: Dois, antigo: bool) -> None:
    """Cada uma desfaz o que a anterior deixou: a restauração, e depois o desfazer dela."""
    so_api = da_api(dois.primeiro)
    for mais in (
        so_api,
        so_api | acesso(dois.primeiro, DIRETA),
        _com_referencia(dois.primeiro, UMA),
    ):
        if antigo:
            dois.esquecer_o_projeto()
        saida = dois.em(mais, "desfazer", *CONFIRMADA)
        assert saida.codigo == 0, saida.tudo


def test_no_mesmo_projeto_por_um_endereco_que_nada_diz(dois: Dois) -> None:
    """Só pela conexão direta, de quem só tinha a API: diz-se o nome uma vez, respondendo ou por
    opção, e fica anotado."""
    executar_sql(dois.primeiro, ESTRAGO)
    sozinha = acesso(dois.primeiro, DIRETA)
    nome, era = do_endereco(dois.primeiro.uri_banco).pop(), dois.anotado()["projeto"]
    saida = dois.em(sozinha, "continuar", respostas=("?", nome))
    assert "ela tem aqui perde-se" in saida.saida, saida.tudo
    assert saida.codigo == 0, saida.tudo
    assert nome in dois.anotado()["projeto"]
    dois.reescrever(projeto=era, estado="em_andamento")
    executar_sql(dois.primeiro, ESTRAGO)
    saida = dois.em(sozinha, "continuar", *CONFIRMADA, "--projeto", nome)
    assert saida.codigo == 0, saida.tudo
    assert nome in dois.anotado()["projeto"]
    saida = dois.em(sozinha, "desfazer", *CONFIRMADA)
    assert saida.codigo == 0, saida.tudo


def test_entre_portas_desta_maquina_avisa_se_e_segue_se(dois: Dois) -> None:
    """Um túnel, ou o servidor daqui, que se abriu noutra porta: é o mesmo projeto, e nada o diz."""
    executar_sql(dois.primeiro, ESTRAGO)
    dois.reescrever(projeto=["localhost:1"])
    saida = dois.em(da_api(dois.primeiro), "continuar", *CONFIRMADA)
    assert saida.codigo == 0, saida.tudo
    agora = do_endereco(dois.primeiro.url).pop()
    dito = f"foi em localhost:1, e este é {agora}. Uma porta desta máquina não diz qual é"
    assert dito in " ".join(saida.tudo.split()), saida.tudo
    assert dois.anotado()["projeto"] == sorted(["localhost:1", agora])
    saida = dois.em(da_api(dois.primeiro), "desfazer", *CONFIRMADA)
    assert saida.codigo == 0, saida.tudo
    assert "não diz qual é" not in saida.tudo, saida.tudo


def test_um_backup_de_outro_projeto_diz_se_antes_do_plano(dois: Dois) -> None:
    """Restaurá-lo num projeto novo é legítimo; com o .env trocado, é a última hora de o ver."""
    dois.reescrever(estado="concluida")
    dois.vir_de(f"https://{UMA}.supabase.co")
    dito = f"é do projeto {UMA}, e o .env é do projeto {OUTRA}"
    simular = ("--empresa", DONO, "--simular")
    saida = dois.em(_com_referencia(dois.outro, OUTRA), *simular)
    assert dito in " ".join(saida.tudo.split()), saida.tudo
    for calado in (_com_referencia(dois.outro, UMA), da_api(dois.outro)):
        assert "é do projeto" not in dois.em(calado, *simular).tudo
