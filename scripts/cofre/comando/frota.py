"""A ação `frota`: os processos que copiam, noutras máquinas, o que um `--frota` daqui manda."""

from __future__ import annotations

import argparse
from argparse import Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.erros import TUDO_CERTO, ErroDeUso, FalhaDeDisco
from cofre.base.palavras import na_tela
from cofre.base.relato import Relato
from cofre.comando.argumentos import CONEXOES, inteiro_entre, opcoes_de_saida, uso_com
from cofre.frota.endereco import PORTA, ler_onde
from cofre.frota.erros import falta_o_dask

if TYPE_CHECKING:
    from distributed.security import Security

CRIAR = "criar"
TODAS = "0.0.0.0"
DAQUI = "127.0.0.1"


def executar(opcoes: Namespace, relato: Relato) -> int:
    """Cria os certificados, ou serve até ser interrompida."""
    if opcoes.pedido == CRIAR:
        return criar(relato)
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError as e:
        raise falta_o_dask(e) from e
    return (
        _agendador(opcoes, relato) if opcoes.pedido == "agendador" else _trabalhar(opcoes, relato)
    )


def criar(relato: Relato) -> int:
    """Os certificados, e o que fazer com eles. Levanta DependenciaAusente ou FalhaDeDisco."""
    try:
        from cofre.frota import certificados
    except ModuleNotFoundError as e:
        raise falta_o_dask(e) from e
    ate = certificados.criar(datetime.now(UTC))
    onde = certificados.pasta()
    relato.linha(f"🔐 Certificados da frota, que valem até {na_tela(ate, 'dia')}, em {onde}:")
    papeis = {
        certificados.AUTORIDADE: "em todas as máquinas",
        certificados.AGENDADOR: "só na do agendador",
        certificados.TRABALHADOR: "nas que copiam",
        certificados.QUEM_COMECA: "na que começa o backup",
    }
    for nome, de_quem in papeis.items():
        relato.linha(f"   • {nome}: {de_quem}")
    relato.linha(
        "   Quem tem um deles roda código ao lado da chave de serviço: guarde-os como a ela."
    )
    relato.linha("   Copie cada um para a mesma pasta do perfil da outra máquina. Depois:")
    relato.linha(f"   1. numa máquina:   {comando(BACKUP, 'frota', 'agendador')}")
    relato.linha(
        f"   2. nas que copiam: {comando(BACKUP, 'frota', 'trabalhar', f'tls://AGENDADOR:{PORTA}')}"
    )
    relato.linha(f"   3. na que começa:  {comando(BACKUP, '--frota', f'tls://AGENDADOR:{PORTA}')}")
    relato.documento(
        {
            "acao": "frota",
            "codigo": TUDO_CERTO,
            "pasta": str(onde),
            "arquivos": list(papeis),
            "valem_ate": ate.isoformat(),
        }
    )
    return TUDO_CERTO


def _agendador(opcoes: Namespace, relato: Relato) -> int:
    from cofre.frota import certificados, servir

    if opcoes.onde:
        raise ErroDeUso("«frota agendador» não leva endereço: --porta e --so-aqui dizem onde.")
    seguranca = None if opcoes.so_aqui else _seguranca(certificados.AGENDADOR)

    def dizer(endereco: str) -> None:
        relato.linha(f"🗓️ Agendador à espera em {endereco}. Ctrl+C acaba.")

    try:
        servir.agendador(DAQUI if opcoes.so_aqui else TODAS, opcoes.porta, seguranca, dizer)
    except OSError as e:
        raise FalhaDeDisco(f"Não consegui abrir a porta {opcoes.porta}: {e.strerror}.") from e
    return TUDO_CERTO


def _trabalhar(opcoes: Namespace, relato: Relato) -> int:
    from cofre.frota import certificados, digital, servir

    onde = ler_onde(opcoes.onde or "")
    if onde.local:
        raise ErroDeUso(
            "«frota trabalhar» liga-se a um agendador: tls://AGENDADOR:8786.",
            "Para trabalhadores só desta máquina, basta o backup com --frota local:4.",
        )
    if opcoes.destino:
        raise ErroDeUso("«frota trabalhar» copia para o BACKUP_DIR do seu .env: sem --destino.")
    configuracao = ambiente.carregar()
    for aviso in configuracao.avisos:
        relato.aviso(aviso)
    seguranca = _seguranca(certificados.TRABALHADOR) if onde.cifrado else None

    def dizer(nome: str) -> None:
        relato.linha(f"👷 Trabalhador {nome} ligado a {onde.agendador}. Ctrl+C acaba.")
        relato.linha(f"   Copia para {configuracao.destino}")

    servir.trabalhar(onde, digital.de(configuracao), opcoes.conexoes, seguranca, dizer)
    return TUDO_CERTO


def _seguranca(papel: str) -> Security:
    from cofre.frota import certificados

    return certificados.seguranca(papel, datetime.now(UTC))


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "criar | agendador | trabalhar tls://AGENDADOR:8786")
    analisador.add_argument(
        "pedido",
        metavar="O_QUE",
        choices=(CRIAR, "agendador", "trabalhar"),
        help="criar: os certificados; agendador: o processo a que todos se ligam; trabalhar: o que"
        " copia, em cada máquina",
    )
    analisador.add_argument(
        "onde", metavar="ENDERECO", nargs="?", help="com trabalhar: onde está o agendador"
    )
    analisador.add_argument(
        "--porta",
        metavar="N",
        type=inteiro_entre(0, 65535),  # type: ignore[arg-type]
        default=PORTA,
        help=f"com agendador: em que porta (padrão {PORTA})",
    )
    analisador.add_argument(
        "--so-aqui",
        action="store_true",
        help="com agendador: sem certificados, só para processos desta máquina (tcp://127.0.0.1)",
    )
    analisador.add_argument(
        "--conexoes",
        metavar="N",
        type=inteiro_entre(1, 32),  # type: ignore[arg-type]
        default=CONEXOES,
        help=f"com trabalhar: quantas tarefas ao mesmo tempo (padrão {CONEXOES})",
    )
    opcoes_de_saida(analisador, argparse.SUPPRESS)
