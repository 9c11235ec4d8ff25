"""As ações de backup-por-empresa.py."""

from __future__ import annotations

import argparse
import threading
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofre.base.erros import Interrompido
from cofre.base.relato import Relato
from cofre.comando import (
    agendar,
    ensaiar,
    exportar,
    importar,
    listar,
    painel,
    podar,
    reconhecer,
    verificar,
)
from cofre.comando.argumentos import (
    Acao,
    Analisador,
    Fazer,
    acrescentar_acoes,
    analisador_de,
    opcao_de_empresa,
    opcao_de_tabelas,
    opcao_de_tipo,
    opcoes_de_conexao,
    opcoes_de_saida,
)
from cofre.comando.execucao import registrada
from cofre.rotina.painel import pagina
from cofre.rotina.poda.poda import podar_depois_do_backup

if TYPE_CHECKING:
    from cofre.foto.foto import Pedido
from cofre.via.abrir import abrir_via

DESCRICAO = """\
Backup isolado por empresa de um projeto Supabase.

Sem ação, faz o backup de todas as empresas, cada uma na sua pasta.
"""


def ler_argumentos(argumentos: list[str]) -> tuple[Namespace, Fazer]:
    """As opções e a ação pedida. Levanta ErroDeUso."""
    opcoes = _analisador().parse_args(argumentos)
    acoes = {acao.nome: acao.executar for acao in ACOES}
    return opcoes, acoes[opcoes.acao] if opcoes.acao else _copiar


def _analisador() -> Analisador:
    analisador = analisador_de("backup-por-empresa.py", DESCRICAO)
    opcao_de_empresa(analisador, None)
    opcao_de_tabelas(analisador, None)
    opcao_de_tipo(analisador)
    opcoes_de_saida(analisador, None)
    opcoes_de_conexao(analisador, None)
    acrescentar_acoes(analisador, ACOES)
    return analisador


@registrada("backup", avisa=True)
def _copiar(opcoes: Namespace, relato: Relato) -> int:
    return _executar(opcoes, relato, continuar=False)


@registrada("backup", avisa=True)
def _continuar(opcoes: Namespace, relato: Relato) -> int:
    return _executar(opcoes, relato, continuar=True)


def _opcoes_de_continuar(analisador: argparse.ArgumentParser) -> None:
    opcoes_de_saida(analisador, argparse.SUPPRESS)
    opcoes_de_conexao(analisador, argparse.SUPPRESS)


def _executar(opcoes: Namespace, relato: Relato, *, continuar: bool) -> int:
    # As importações pesadas (httpx, supabase) esperam até serem precisas: --help é instantâneo.
    from cofre.backup import andamento
    from cofre.backup.resumo import Resumo
    from cofre.backup.rodada import Rodada
    from cofre.base.config import ambiente
    from cofre.base.equipe import Equipe
    from cofre.deposito.deposito import Deposito
    from cofre.deposito.diario import avisos_de_pendentes
    from cofre.deposito.idade import avisar_das_velhas
    from cofre.deposito.trava import travar

    configuracao = ambiente.carregar(destino=opcoes.destino)
    parar = threading.Event()
    equipe = Equipe(opcoes.conexoes, parar, "empresa")
    prontas: list[dict[str, Any]] = []
    feitas = 0
    resumo = Resumo()
    with travar(configuracao.destino, "backup"):
        listar = Deposito(configuracao.destino, compactar=configuracao.compactar)
        listar.preparar()
        for aviso in avisos_de_pendentes(listar.pastas()):
            relato.aviso(aviso)
        avisar_das_velhas(listar, configuracao.limites.idade, relato)
        pedido = _pedido(opcoes, configuracao.destino, relato, continuar=continuar)
        via = abrir_via(opcoes, configuracao, parar, relato)
        rodada = Rodada(configuracao, via, listar, equipe, relato)
        try:
            for parte in rodada.copiar(pedido, continuando=continuar):
                if isinstance(parte, Resumo):
                    resumo = parte
                else:
                    feitas += parte.inteira
                    if opcoes.json:
                        prontas.append(parte.documento())
        except KeyboardInterrupt:
            raise Interrompido(
                f"Interrompido. Backups concluídos nesta execução: {feitas}.",
                "O que estava pela metade foi descartado; os anteriores continuam.\n"
                "Para retomar de onde parou: python scripts/backup-por-empresa.py continuar",
            ) from None
        finally:
            parar.set()
            equipe.encerrar()
            via.fechar()
        andamento.acabar(configuracao.destino)
        documento, codigo = resumo.documento(prontas), resumo.codigo
        de_tudo = not (pedido.empresas or pedido.tabelas)
        if codigo == 0 and de_tudo and not configuracao.guardar.vazia:
            codigo, podado = podar_depois_do_backup(listar, configuracao.guardar, relato)
            documento |= {"codigo": codigo, "poda": podado}
        pagina.atualizar_painel(listar, relato, configuracao.limites.idade)
    relato.documento(documento)
    return codigo


def _pedido(opcoes: Namespace, destino: Path, relato: Relato, *, continuar: bool) -> Pedido:
    """O que copiar: o das opções ou, ao continuar, o da execução que parou."""
    from cofre.backup import andamento
    from cofre.foto.foto import Pedido

    if continuar:
        parada = andamento.por_continuar(destino)
        relato.linha(f"⏭️ Continuando o backup começado em {parada.quando}")
        return parada.pedido
    return andamento.comecar(
        destino, Pedido(tuple(opcoes.empresa or ()), tuple(opcoes.tabelas or ()), opcoes.tipo)
    )


CONTINUAR = Acao(
    "continuar",
    "retoma o último backup, se parou antes do fim: só resultado o que falta",
    _opcoes_de_continuar,
    _continuar,
)
ACOES = (
    CONTINUAR,
    listar.LISTAR,
    verificar.VERIFICAR,
    painel.PAINEL,
    ensaiar.ENSAIAR,
    podar.PODAR,
    reconhecer.RECONHECER,
    agendar.AGENDAR,
    exportar.EXPORTAR,
    importar.IMPORTAR,
)
"""As ações, na ordem da ajuda; cada uma vem do módulo que a executa."""
