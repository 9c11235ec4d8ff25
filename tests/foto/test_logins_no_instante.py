"""Pela conexão direta, os logins são os do instante das linhas."""

from __future__ import annotations

import contextlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from apoio.escritorio import CAIXA, DE_DUAS, DONA, GERENTE, Escritorio, montar
from apoio.retrato import fotografo_direto
from apoio.servidores import FabricaDeSupabase
from cofre.base.config.valores import Configuracao, Regras
from cofre.base.rascunho import Rascunho
from cofre.deposito.deposito import Deposito
from cofre.deposito.passada import Passada
from cofre.foto.foto import Contexto, Pedido
from cofre.foto.logins_da_empresa import FonteDeLogins
from cofre.via.contrato import DIRETA
from cofre.via.leitura import PedidoDeFoto


def test_um_login_apagado_enquanto_se_leem_as_linhas_esta_na_lista(
    criar_supabase: FabricaDeSupabase, tmp_path: Path
) -> None:
    """Apagado depois de fixado o instante: as linhas ainda o citam, e ele ainda lá está."""
    e = montar(criar_supabase, tmp_path, DIRETA)
    with fotografo_direto(e.projeto, tmp_path) as retrato, contextlib.ExitStack() as pilha:
        via, inspecao = retrato.via, retrato.inspecao
        configuracao = Configuracao(None, tmp_path / "backups", Regras())
        contexto = Contexto(Pedido(), inspecao, inspecao.escopo, configuracao)
        empresa = retrato.empresa(str(DONA))
        colheita = FonteDeLogins(via, Regras()).comecar(empresa, contexto)
        lidas = via.fotografar(
            PedidoDeFoto(
                [empresa],
                inspecao.escopo.tabelas,
                inspecao.donos,
                lambda: Rascunho(pilha.enter_context(tempfile.TemporaryFile())),
                lambda *_: _apagar(e),
                no_instante=colheita.no_instante,
            )
        )
        assert e.valores(f"SELECT 1 FROM auth.users WHERE id = '{CAIXA}'") == []
        for tabela in lidas[str(DONA)].tabelas:
            passada = Passada(colheita.observadores(tabela.tabela))
            for bloco in tabela.em_ordem():
                passada.bloco(bloco)
        deposito = Deposito(tmp_path / "backups")
        with deposito.trabalhando(), deposito.montar(str(DONA), datetime.now(UTC)) as montagem:
            colhida = colheita.colher(empresa, montagem)
    linhas = msgspec.json.decode(b"[" + b",".join(colhida.linhas) + b"]")
    assert {DONA, CAIXA, GERENTE, DE_DUAS} <= {UUID(linha["id"]) for linha in linhas}
    assert colhida.notas["instante"] is True
    assert colhida.notas["sem_login"] == 0


def _apagar(e: Escritorio) -> None:
    if e.valores(f"SELECT 1 FROM auth.users WHERE id = '{CAIXA}'"):
        e.apagar(CAIXA)
