"""A foto de uma empresa tirada neste processo, sem o script: para os testes que tiram muitas."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from cofre.base.config.valores import Acesso, AcessoDireto, Regras
from cofre.base.modelo import Empresa
from cofre.base.rascunho import Rascunho
from cofre.deposito.formato import Gravador
from cofre.deposito.textos import Separador
from cofre.via.api.via import ViaDaApi
from cofre.via.contrato import Inspecao, ViaDeLeitura
from cofre.via.direta.via import ViaDireta
from cofre.via.leitura import EmpresaLida, PedidoDeFoto
from supabase_local.servidores.servidor import SupabaseLocal


@dataclass(frozen=True, slots=True)
class Retrato:
    """Uma foto e os arquivos em que ficou, um por tabela."""

    coleta: EmpresaLida
    arquivos: dict[str, Path]

    def linhas(self, tabela: str) -> list[bytes]:
        """Os bytes de cada linha, separados por um leitor que não é o do cofre."""
        bruto = self.arquivos[tabela].read_bytes()
        return [bytes(linha) for linha in msgspec.json.decode(bruto, type=list[msgspec.Raw])]

    def objetos(self, tabela: str) -> list[dict[str, Any]]:
        return [msgspec.json.decode(linha) for linha in self.linhas(tabela)]


@dataclass(frozen=True, slots=True)
class Fotografo:
    """Uma via aberta, que já conhece o projeto."""

    via: ViaDeLeitura
    inspecao: Inspecao
    pasta: Path

    def empresa(self, user_id: str) -> Empresa:
        return next(e for e in self.inspecao.empresas if e.id == user_id)

    def fotografar(
        self, user_id: str, tabelas: Sequence[str] = (), *, seguida: bool = False
    ) -> Retrato:
        """Fotografa estas tabelas (todas, se nenhuma), a partir da anterior se é uma `seguida`.
        Levanta a falha da primeira que falhou."""
        return self.fotografar_juntas([user_id], tabelas, seguida=seguida)[user_id]

    def fotografar_juntas(
        self, ids: Sequence[str], tabelas: Sequence[str] = (), *, seguida: bool = False
    ) -> dict[str, Retrato]:
        """O mesmo, de várias empresas numa leitura só."""
        no_escopo = self.inspecao.escopo.tabelas
        pasta = Path(tempfile.mkdtemp(dir=self.pasta))
        with contextlib.ExitStack() as pilha:

            def rascunho() -> Rascunho:
                arquivo = _sem_nome(pasta)
                return Rascunho(arquivo if seguida else pilha.enter_context(arquivo))

            pedido = PedidoDeFoto(
                [self.empresa(user_id) for user_id in ids],
                {nome: no_escopo[nome] for nome in tabelas or no_escopo},
                self.inspecao.donos,
                rascunho,
                lambda _tabela, _lidas, _total: None,
                seguida=seguida,
            )
            fotos = self.via.fotografar(pedido)
            return {
                user_id: Retrato(coleta, _gravar(coleta, pasta / user_id))
                for user_id, coleta in fotos.items()
            }


def _sem_nome(pasta: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=pasta)


def _gravar(coleta: EmpresaLida, pasta: Path) -> dict[str, Path]:
    pasta.mkdir()
    arquivos = {}
    for n, tabela in enumerate(coleta.tabelas):
        if tabela.falha is not None:
            raise tabela.falha
        arquivos[tabela.tabela.nome] = pasta / f"{n}.json"
        with arquivos[tabela.tabela.nome].open("wb") as saida:
            gravador, separador = Gravador(saida), Separador()
            for bloco in tabela.em_ordem():
                gravador.bloco(separador.separar(bloco)[0])
            gravador.terminar()
    return arquivos


@contextlib.contextmanager
def fotografo(projeto: SupabaseLocal, pasta: Path, conexoes: int = 4) -> Iterator[Fotografo]:
    """Abre a via e inspeciona o projeto."""
    acesso = Acesso(projeto.url, projeto.chave_service_role)
    via = ViaDaApi(acesso, conexoes, 3, threading.Event(), lambda *_: None)
    try:
        yield Fotografo(via, via.inspecionar(Regras()), pasta)
    finally:
        via.fechar()


@contextlib.contextmanager
def fotografo_direto(
    projeto: SupabaseLocal, pasta: Path, regras: Regras | None = None
) -> Iterator[Fotografo]:
    """O mesmo, pela conexão direta."""
    acessos = (AcessoDireto(projeto.uri_banco), Acesso(projeto.url, projeto.chave_service_role))
    via = ViaDireta(*acessos, 4, 3, threading.Event(), lambda *_: None)
    try:
        yield Fotografo(via, via.inspecionar(regras or Regras()), pasta)
    finally:
        via.fechar()
