"""A ação `ensaiar`: o backup mais novo de uma empresa, restaurado num banco de teste."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace
from collections.abc import Iterator
from functools import partial

from cofre.base.comandos import DO_BANCO, como_instalar
from cofre.base.config import ambiente
from cofre.base.config.valores import AcessosDeEnsaio
from cofre.base.erros import DependenciaAusente, ErroDeUso, Interrompido
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    minutos_de,
    opcao_de_empresa,
    opcao_de_esperar,
    opcoes_de_saida,
)
from cofre.comando.chave import opcao_de_chave, ter_chave
from cofre.comando.execucao import registrada
from cofre.deposito import inventario, trava
from cofre.deposito.deposito import Deposito
from cofre.deposito.trava import esperar
from cofre.rotina.ensaio import rodizio
from cofre.rotina.ensaio.embutido import postgres_embutido
from cofre.rotina.ensaio.rodizio import Restaurar
from cofre.rotina.painel.pagina import atualizar_painel


@registrada("ensaiar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    empresas = tuple(opcoes.empresa or ())
    if len(empresas) > 1:
        raise ErroDeUso("Um ensaio é de uma empresa por vez.", "Use --empresa uma vez só.")
    acessos, limites = ambiente.acessos_de_ensaio(), ambiente.limites()
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino), acao="ensaio")
    espera = esperar(minutos_de(opcoes), relato)
    with trava.de_um_trabalho(deposito.raiz, "ensaio"):
        try:
            escolhida = rodizio.da_vez(inventario.guardadas(deposito, empresas)).guardada.empresa
            with deposito.trava_da_empresa(escolhida, espera):
                # Enquanto se esperava, o backup pode ter saído numa poda.
                vez = rodizio.da_vez(inventario.guardadas(deposito, (escolhida.id,)))
                if vez.backup.fechado:
                    ter_chave(opcoes, relato, vez.backup.para)
                    vez = rodizio.da_vez(inventario.guardadas(deposito, (escolhida.id,)))
                abrir = partial(_banco_de_teste, acessos, opcoes.embutido)
                promessa = limites.promessas.de(escolhida.id, (escolhida.nome, *escolhida.nomes))
                return rodizio.ensaiar(vez, abrir, relato, promessa.voltar)
        except KeyboardInterrupt:
            raise Interrompido("Interrompido.", "Nada ficou no banco de teste.") from None
        finally:
            atualizar_painel(deposito, relato, limites.idade, limites.promessas)


@contextlib.contextmanager
def _banco_de_teste(acessos: AcessosDeEnsaio, embutido: bool) -> Iterator[Restaurar | None]:
    """Quem restaura no banco de teste, aberto; None se não há nenhum. Levanta DependenciaAusente,
    ConfiguracaoInvalida ou FalhaDoServidor."""
    if acessos.teste is None and not embutido:
        yield None
        return
    try:
        from cofre.rotina.ensaio import banco, volta
    except ImportError as e:
        if (e.name or "psycopg").partition(".")[0] != "psycopg":
            raise
        raise DependenciaAusente(
            "Falta o pacote psycopg.",
            f"Restaurar num banco de teste precisa de mais um pacote. {como_instalar(DO_BANCO)}",
        ) from e
    with contextlib.ExitStack() as pilha:
        teste = acessos.teste
        if embutido or teste is None:
            teste = pilha.enter_context(postgres_embutido())
        onde = banco.endereco_de_teste(teste, acessos.producao)
        conexao = pilha.enter_context(banco.transacao_sem_volta(onde))
        yield partial(volta.restaurar, conexao)


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    analisador.add_argument(
        "--embutido",
        action="store_true",
        help="restaura num PostgreSQL embutido, ligado só para isso, em vez do da ENSAIO_DB_URL",
    )
    opcao_de_esperar(analisador, argparse.SUPPRESS)
    opcao_de_chave(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
