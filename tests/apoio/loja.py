"""A loja dos testes da restauração: as três empresas, os gatilhos hostis e um backup de antes."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from apoio.execucao import (
    Saida,
    acesso,
    executar,
    fotografia_do_disco,
    metadados,
    pela_via,
    restaurar,
    via_da_vez,
)
from apoio.impressoes import (
    REESCRITAS,
    Impressoes,
    Linha,
    alheias,
    diferencas,
    estado,
    executar_sql,
    impressoes,
    sequencias_atras,
    valor,
)
from apoio.lojinha import LOJINHA
from apoio.reposicao import LOJA_MENOR
from apoio.servidores import LOJA, VAZIO, FabricaDeSupabase
from cofre.base.erros import NEM_TUDO_COMO_ERA
from cofre.via.contrato import API, DIRETA
from supabase_local.servidores.falhas import Pedido
from supabase_local.servidores.postgres import ClusterPostgres
from supabase_local.servidores.servidor import SupabaseLocal

GRUPO: Final = "abc12345-6789-4abc-8def-0123456789ab"
DIFICIL: Final = "def67890-1234-4def-9abc-ba9876543210"
LOJA_X: Final = "abc12345-ffff-4000-8000-00000000abcd"
"""A menor das três; a pasta dela tem o mesmo começo que a do Grupo Raval."""

MENOR: Final = LOJA_MENOR
"""A loja com 16 das suas 28 tabelas: as do cadastro, da equipe, do estoque e das vendas."""
SO_NA_INTEIRA: Final = (
    "DROP TRIGGER login ON funcionarios",
    "DROP TRIGGER permissoes_padrao ON funcoes",
    "DROP TRIGGER periodo_de_teste ON user_approvals",
    "DROP TABLE recibos, vendas_pagamentos, notas_fiscais, registro_acessos, tipos_dificeis,"
    " codigos_promocionais, payments, anotacoes, configuracoes, contas_pagar, despesas,"
    " funcao_permissoes, login_funcionarios, subscriptions",
)

PRE, DURANTE = "pre_restauracao", "durante_restauracao"
ESCRITAS: Final = frozenset({"POST", "PATCH", "DELETE"})


def e_ensaio(pedido: Pedido) -> bool:
    """Se pede a resposta como um só objeto: o servidor desfaz o que escreveu."""
    return "pgrst.object" in pedido.cabecalhos.get("accept", "")


def quer_gravar(pedido: Pedido) -> bool:
    """Se é uma escrita para ficar: nem um ensaio, nem a sonda que pergunta pelas colunas."""
    sonda = pedido.metodo == "POST" and pedido.cabecalhos.get("content-length") == "1"
    return pedido.metodo in ESCRITAS and not e_ensaio(pedido) and not sonda


@dataclass(frozen=True, slots=True)
class Loja:
    """Um projeto com as três empresas e o depósito com um backup de cada uma."""

    projeto: SupabaseLocal
    destino: Path
    via: str = field(default_factory=via_da_vez)

    @property
    def ambiente(self) -> dict[str, str]:
        """O que o .env teria a mais, para que os scripts usem esta via."""
        return acesso(self.projeto, self.via)

    def restaurar(self, *argumentos: str, respostas: tuple[str, ...] = ()) -> Saida:
        return restaurar(
            self.projeto, self.destino, *argumentos, respostas=respostas, mais=self.ambiente
        )

    def direto(self, *argumentos: str, dono: str = LOJA_X) -> Saida:
        """Sem diálogo: confirma por opção."""
        return self.restaurar("--empresa", dono, "--confirmar", "RESTAURAR", *argumentos)

    def copiar(self, *argumentos: str) -> Saida:
        return executar(self.projeto, self.destino, *argumentos, mais=self.ambiente)

    def sql(self, *comandos: str, sem_gatilhos: bool = False) -> None:
        executar_sql(self.projeto, *comandos, sem_gatilhos=sem_gatilhos)

    def valor(self, consulta: str) -> Any:
        return valor(self.projeto, consulta)

    def impressoes(self) -> Impressoes:
        return impressoes(self.projeto)

    def estado(
        self, dono: str = LOJA_X, sem: frozenset[tuple[str, str]] | None = None
    ) -> dict[str, list[Linha]]:
        """Sem as colunas que o banco reescreve; pela via direta, que as repõe, com todas."""
        if sem is None:
            sem = REESCRITAS if self.via == API else frozenset()
        return estado(self.projeto, dono, sem)

    def backups(self, tipo: str, dono: str = LOJA_X) -> list[dict[str, Any]]:
        """Os metadados dos backups deste tipo, do mais antigo ao mais novo."""
        seus = [m for m in metadados(self.destino) if m["user_id"] == dono and m["tipo"] == tipo]
        return sorted(seus, key=lambda m: str(m["inicio"]))

    def diarios(self) -> list[dict[str, Any]]:
        """Os registros de restauração, do mais antigo ao mais novo."""
        caminhos = self.destino.glob("empresa_*/restauracao_*.json")
        lidos = [json.loads(c.read_text("utf-8")) for c in caminhos]
        return sorted(lidos, key=lambda d: str(d["comecada_em"]))

    def arquivos(self) -> dict[str, bytes]:
        """Tudo o que está no depósito, fora a trava."""
        disco = fotografia_do_disco(self.destino)
        return {n: b for n, b in disco.items() if not n.startswith(".trava")}

    def escritas(self) -> list[tuple[str, str]]:
        """(método, tabela) dos pedidos que gravaram algo desde que foram esquecidos."""
        return [
            (p.pedido.metodo, p.pedido.tabela)
            for p in self.projeto.gateway.pedidos
            if p.pedido.metodo in ESCRITAS and p.status in (200, 201, 204)
        ]


@dataclass(frozen=True, slots=True)
class Antes:
    """Como tudo era num momento, para conferir depois."""

    loja: Loja
    impressoes: Impressoes
    estado: dict[str, list[Linha]]
    dono: str

    def conferir_empresa(self) -> None:
        """A empresa voltou a ser o que era, linha a linha, fora as colunas reescritas."""
        assert diferencas(self.loja.estado(self.dono), self.estado) == {}

    def conferir_outras(self) -> None:
        """As outras empresas e o que é global estão byte a byte como eram."""
        assert alheias(self.loja.impressoes(), self.dono) == alheias(self.impressoes, self.dono)
        assert sequencias_atras(self.loja.projeto) == []

    def conferir(self) -> None:
        self.conferir_empresa()
        self.conferir_outras()

    def conferir_intacto(self) -> None:
        """Nada mudou no banco inteiro, nem uma coluna reescrita."""
        assert self.loja.impressoes() == self.impressoes


def com_backup(projeto: SupabaseLocal, pasta: Path) -> Loja:
    """Uma loja nesta pasta, com um backup completo de todas as empresas do projeto."""
    loja = Loja(projeto, pasta)
    saida = loja.copiar()
    assert saida.codigo == 0, saida.tudo
    return loja


def antes_de(loja: Loja, dono: str = LOJA_X) -> Antes:
    return Antes(loja, loja.impressoes(), loja.estado(dono), dono)


@pytest.fixture(scope="session")
def backup_da_loja(cluster: ClusterPostgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Um depósito com um backup inteiro de cada empresa do modelo LOJA. O de outro trabalhador não
    serve: nem todo valor do modelo é o mesmo nos dois clusters (chaves e horas que o banco dá)."""
    return _backup_do_modelo(cluster, LOJA, tmp_path_factory.mktemp("backup_da_loja"))


@pytest.fixture(scope="session")
def modelo_menor(cluster: ClusterPostgres) -> str:
    """O nome do modelo MENOR, que passa a existir."""
    cluster.criar_banco(MENOR, modelo=LOJA, sql=SO_NA_INTEIRA)
    return MENOR


@pytest.fixture(scope="session")
def backup_da_menor(
    cluster: ClusterPostgres, modelo_menor: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Um depósito como o `backup_da_loja`, do modelo MENOR."""
    return _backup_do_modelo(cluster, modelo_menor, tmp_path_factory.mktemp("backup_da_menor"))


@pytest.fixture(scope="session")
def backup_da_lojinha(cluster: ClusterPostgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Um depósito como o `backup_da_loja`, da lojinha."""
    pasta = tmp_path_factory.mktemp("backup_da_lojinha")
    return _backup_do_modelo(cluster, VAZIO, pasta, sql=(LOJINHA,))


def _backup_do_modelo(
    cluster: ClusterPostgres, modelo: str, destino: Path, sql: tuple[str, ...] = ()
) -> Path:
    cluster.criar_banco("para_o_backup", modelo=modelo, sql=sql)
    with SupabaseLocal(cluster, banco="para_o_backup") as projeto:
        saida = executar(projeto, destino, mais=acesso(projeto, API))
    assert saida.codigo == 0, saida.tudo
    cluster.apagar_banco("para_o_backup")
    return destino


def concluiu(saida: Saida) -> bool:
    """Se uma restauração da loja chegou ao fim: com 0 ou, se a tela diz que o banco pôs outro
    conteúdo em colunas, com 12; e então só nas que os gatilhos dela reescrevem."""
    dito = re.findall(r"⚠️ (\w+)\.(\w+): o banco pôs outro conteúdo", saida.saida + saida.erros)
    return saida.codigo == (NEM_TUDO_COMO_ERA if dito else 0) and set(dito) <= REESCRITAS


TANTO_FAZ: Final = os.environ.get("VIA_DOS_TESTES", DIRETA)
"""A `VIA` de um arquivo que só olha o que se decide acima das vias (o que se pergunta, o que se
mostra): na suíte a direta, em que uma restauração custa um quinto do processador; na campanha
`vias`, a API. O que cada via faz, dizem-no os testes que passam pelas duas."""

PELAS_DUAS_VIAS: Final = pytest.mark.parametrize("via", [API, DIRETA], indirect=True)
"""Os testes de contrato: o mesmo teste passa pela API e pela conexão direta."""
A_VIA_TANTO_FAZ: Final = pytest.mark.parametrize("via", [TANTO_FAZ], indirect=True)
"""O mesmo, de um teste só."""

PELA_API: Final = pytest.mark.parametrize("via", [API], indirect=True)
"""Os que só a API tem que fazer, num arquivo que anda pela direta."""

PELA_DIRETA: Final = pytest.mark.parametrize("via", [DIRETA], indirect=True)
"""Os do que só a conexão direta faz ou diz."""


@pytest.fixture(autouse=True, scope="module")
def via_do_arquivo(request: pytest.FixtureRequest) -> Iterator[str]:
    """A `VIA` do arquivo, se ele diz uma, ou a API: por ela vai o que ele não diz por onde vai."""
    via = str(getattr(request.module, "VIA", API))
    with pela_via(via):
        yield via


@pytest.fixture(autouse=True)
def via(request: pytest.FixtureRequest, via_do_arquivo: str) -> Iterator[str]:
    """A via deste teste: a que ele diz, ou a do arquivo."""
    dele = str(getattr(request, "param", via_do_arquivo))
    with pela_via(dele):
        yield dele


INTEIRA: Final = pytest.mark.loja_inteira
"""A loja deste teste tem todas as tabelas, e custa o dobro: para o que só existe numa das que a
menor não tem, e para o que tem de valer em qualquer tabela."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{INTEIRA.name}: a loja com todas as tabelas")


@pytest.fixture
def loja(
    request: pytest.FixtureRequest, criar_supabase: FabricaDeSupabase, tmp_path: Path, via: str
) -> Loja:
    """Uma loja como no backup, para um teste só: a menor, se ele não tem a marca INTEIRA."""
    inteira = request.node.get_closest_marker(INTEIRA.name)
    modelo, backup = (LOJA, "backup_da_loja") if inteira else (MENOR, "backup_da_menor")
    destino = copiar_deposito(request.getfixturevalue(backup), tmp_path)
    return Loja(criar_supabase(modelo, com_api=via == API), destino, via)


@pytest.fixture
def oficina(
    criar_supabase: FabricaDeSupabase, backup_da_lojinha: Path, tmp_path: Path, via: str
) -> Loja:
    """A lojinha como no backup, para um teste só: quando não importam as tabelas da loja nem os
    gatilhos dela, que custam o triplo."""
    destino = copiar_deposito(backup_da_lojinha, tmp_path)
    return Loja(criar_supabase(VAZIO, sql=(LOJINHA,), com_api=via == API), destino, via)


@pytest.fixture(scope="module")
def loja_do_modulo(
    criar_supabase_do_modulo: FabricaDeSupabase,
    backup_da_menor: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Loja:
    """A loja menor como no backup, para os testes do módulo em que nada muda: recusas,
    desistências."""
    pasta = tmp_path_factory.mktemp("loja_do_modulo")
    return Loja(criar_supabase_do_modulo(MENOR), copiar_deposito(backup_da_menor, pasta))


def copiar_deposito(de: Path, tmp_path: Path) -> Path:
    """Uma cópia do depósito, para se mexer nela."""
    destino = tmp_path / "backups"
    shutil.copytree(de, destino)
    return destino
