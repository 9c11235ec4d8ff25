"""A ação `agendar`: o backup de todo dia, ou de tanto em tanto, na agenda desta máquina."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from datetime import datetime, time, timedelta
from pathlib import Path

from cofre.base.comandos import BACKUP, em_linha
from cofre.base.config import ambiente
from cofre.base.config.cifragem import NOME_DAS_QUE_FECHAM
from cofre.base.erros import Cancelada, ConfiguracaoInvalida, DependenciaAusente, ErroDeUso
from cofre.base.interprete import RAIZ
from cofre.base.palavras import tamanho, visivel
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.comando.argumentos import AGENDADO, opcoes_de_saida, uso_com
from cofre.deposito.cifra.cifra import de_configuracao
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import mais_novo
from cofre.rotina.agenda import sistemas
from cofre.rotina.agenda.sistemas import Sistema
from cofre.rotina.agenda.tarefa import (
    DIA,
    Receita,
    Tarefa,
    a_cada,
    escrito,
    ler_ritmo,
)

MOSTRAR, REMOVER = "mostrar", "remover"
HORA = "03:00"
NADA_MUDOU = "A agenda continua como estava."
AJUDA = """\
Pela API, cada backup lê outra vez todas as linhas, e o Supabase cobra o que passa da franquia de
tráfego. O que custa, e o que a conexão direta poupa: «De quinze em quinze minutos», no manual.
Sem terminal, agende com --sim."""


def executar(opcoes: Namespace, relato: Relato) -> int:
    if opcoes.pedido == REMOVER:
        return _remover(opcoes, relato)
    if opcoes.pedido == MOSTRAR:
        return _mostrar(opcoes, relato)
    return _instalar(opcoes, relato)


def _instalar(opcoes: Namespace, relato: Relato) -> int:
    """Agenda a tarefa nesta máquina e diz como a experimentar. Devolve o código de saída."""
    _sem_outra_hora(opcoes)
    agora = datetime.now().astimezone()
    ler_ritmo(opcoes.pedido)  # uma hora errada se diz antes de procurar a agenda
    sistema = sistemas.desta_maquina(opcoes.sistema)
    tarefa = tarefa_desta_maquina(opcoes, opcoes.pedido, sistemas.usuario(sistema))
    por_dia = _por_dia(opcoes, tarefa, relato)
    agendada = sistemas.agendar(tarefa, sistema, agora)
    receita = sistema.receita(tarefa, agora)
    relato.linha(f"🗓️ Backup agendado: {tarefa.quando} ({sistema.NOME}, tarefa {tarefa.nome})")
    if agendada.substituiu:
        relato.linha("   No lugar da tarefa que já havia.")
    avisos = (*agendada.avisos, *_avisos_da_configuracao(opcoes))
    for aviso in avisos:
        relato.aviso(aviso)
    relato.linha("ℹ️ Experimente agora, como a tarefa faria, e depois veja com «listar»:")
    relato.linha(f"   {em_linha(receita.experimentar)}")
    relato.documento(
        {
            **_documento(sistema, tarefa, receita),
            "substituiu": agendada.substituiu,
            "bytes_por_dia": por_dia,
            "avisos": list(avisos),
        }
    )
    return 0


def _remover(opcoes: Namespace, relato: Relato) -> int:
    _sem_outra_hora(opcoes)
    nome = tarefa_desta_maquina(opcoes, HORA, "").nome
    de_onde = sistemas.remover(nome)
    if de_onde:
        relato.linha(f"🗓️ A tarefa {nome} foi removida ({', '.join(de_onde)}).")
        relato.linha("   Os backups já feitos continuam.")
    else:
        relato.linha(f"Não havia tarefa agendada deste projeto ({nome}).")
    relato.documento({"acao": "agendar", "codigo": 0, "tarefa": nome, "removida_de": de_onde})
    return 0


def _mostrar(opcoes: Namespace, relato: Relato) -> int:
    nome = opcoes.sistema
    sistema = sistemas.SISTEMAS[nome] if nome else sistemas.desta_maquina()
    tarefa = tarefa_desta_maquina(opcoes, opcoes.hora or HORA, sistemas.usuario(sistema))
    receita = sistema.receita(tarefa, datetime.now().astimezone())
    relato.linha(f"🗓️ {sistema.NOME}: {tarefa.quando}, tarefa {tarefa.nome}")
    for onde, texto in receita.textos.items():
        relato.linha()
        relato.linha(f"📄 {onde}")
        relato.linha(texto.rstrip("\n"))
    relato.linha()
    for comando in receita.comandos:
        relato.linha(f"▶️ {em_linha(comando)}")
    relato.documento(_documento(sistema, tarefa, receita))
    return 0


def tarefa_desta_maquina(opcoes: Namespace, hora: str, usuario: str) -> Tarefa:
    """A tarefa com os caminhos de verdade. Levanta ErroDeUso."""
    script = RAIZ / "scripts" / BACKUP
    destino = ("--destino", str(Path(opcoes.destino).absolute())) if opcoes.destino else ()
    ritmo = ler_ritmo(hora)
    cada = () if isinstance(ritmo, time) else ("--cada", escrito(ritmo))
    comando = (sys.executable, str(script), "--tipo", AGENDADO, *cada, *destino)
    return Tarefa(ritmo, comando, str(RAIZ), usuario)


def _por_dia(opcoes: Namespace, tarefa: Tarefa, relato: Relato) -> int | None:
    """Quantos bytes por dia a tarefa trará pela API, pelo último backup de cada empresa, depois de
    se aceitar; None pela conexão direta, uma vez por dia ou sem backup por que medir. Levanta
    Cancelada."""
    if isinstance(tarefa.ritmo, time) or _pela_direta(opcoes):
        return None
    destino = ambiente.pasta_de_backups(destino=opcoes.destino)
    vezes, por_vez = DIA // tarefa.ritmo, _de_uma_vez(Deposito(destino))
    quanto = f"pela API, cada backup traz tudo: {a_cada(tarefa.ritmo)} são {vezes} por dia"
    if por_vez:
        quanto += f" de {tamanho(por_vez)} cada, {tamanho(vezes * por_vez)} por dia"
    else:
        quanto += ", e ainda não há backup que diga de que tamanho"
    relato.linha(f"📡 {quanto[0].upper()}{quanto[1:]}.")
    relato.linha("   A conexão direta (SUPABASE_DB_URL no .env) só traz o que mudou.")
    perguntas = Perguntas(relato, "Nada foi agendado.", NADA_MUDOU)
    if not opcoes.sim and not perguntas.sim("Agendar assim mesmo?", AJUDA):
        raise Cancelada("Nada foi agendado.", f"{NADA_MUDOU} Sem terminal: --sim.")
    return vezes * por_vez if por_vez else None


def _pela_direta(opcoes: Namespace) -> bool:
    """Se a tarefa usará a conexão direta; um .env que não se lê, os avisos dizem."""
    try:
        return ambiente.carregar(destino=opcoes.destino, so_o_env=True).direto is not None
    except (ConfiguracaoInvalida, DependenciaAusente):
        return False


def _de_uma_vez(deposito: Deposito) -> int:
    """Bytes do último backup inteiro de cada empresa, somados."""
    ultimos = (mais_novo(deposito.do_mais_novo(pasta)) for pasta in deposito.pastas())
    return sum(b.meta.total_bytes for b in ultimos if b and b.meta)


def _avisos_da_configuracao(opcoes: Namespace) -> tuple[str, ...]:
    """A tarefa não vê as variáveis deste terminal: só o .env (e as do sistema)."""
    try:
        configuracao = ambiente.carregar(destino=opcoes.destino, so_o_env=True)
        de_configuracao(configuracao.cifragem)
    except (ConfiguracaoInvalida, DependenciaAusente) as e:
        return (f"Com o .env de hoje a tarefa falharia. {e}",)
    if ambiente.cifragem().para and not configuracao.cifragem.para:
        return (
            f"A tarefa gravará em claro: o {NOME_DAS_QUE_FECHAM} deste terminal não está no .env.",
        )
    if configuracao.destino != ambiente.pasta_de_backups(destino=opcoes.destino):
        return (
            f"A tarefa gravará em {configuracao.destino}: o BACKUP_DIR deste terminal não está no"
            " .env.",
        )
    return ()


def _sem_outra_hora(opcoes: Namespace) -> None:
    if opcoes.hora:
        raise ErroDeUso(f"Não entendi o comando: sobra «{visivel(opcoes.hora)}».")


def _documento(sistema: Sistema, tarefa: Tarefa, receita: Receita) -> dict[str, object]:
    return {
        "acao": "agendar",
        "codigo": 0,
        "sistema": sistema.NOME,
        "tarefa": tarefa.nome,
        "hora": f"{tarefa.ritmo:%H:%M}" if isinstance(tarefa.ritmo, time) else None,
        "cada": escrito(tarefa.ritmo) if isinstance(tarefa.ritmo, timedelta) else None,
        "comando": list(tarefa.comando),
        "textos": dict(receita.textos),
        "comandos": [list(comando) for comando in receita.comandos],
    }


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "HH:MM | 15min | mostrar [HH:MM | 15min] | remover")
    analisador.add_argument(
        "pedido",
        metavar="O_QUE",
        help="a hora do dia (HH:MM), de quanto em quanto tempo (15min, 1h), mostrar ou remover",
    )
    analisador.add_argument(
        "hora",
        metavar="QUANDO",
        nargs="?",
        help=f"com mostrar: a hora, ou o intervalo (padrão {HORA})",
    )
    analisador.add_argument(
        "--sistema",
        metavar="NOME",
        choices=tuple(sistemas.SISTEMAS),
        help="windows, systemd ou cron (padrão: o desta máquina)",
    )
    analisador.add_argument(
        "--sim",
        action="store_true",
        help="não pergunta: aceita o que a tarefa trará por dia pela API",
    )
    opcoes_de_saida(analisador, argparse.SUPPRESS)
