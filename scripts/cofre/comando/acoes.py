"""As ações de backup-por-empresa.py: como se chamam, e o que a ajuda diz de cada uma.

Cada uma é um módulo desta pasta, com o nome dela, que sabe `acrescentar_opcoes` e `executar`; só se
importa o da ação pedida, e por isso a ajuda é instantânea.
"""

from __future__ import annotations

import argparse
import importlib
from argparse import Namespace
from types import ModuleType

from cofre.base.comandos import RESTAURACAO, comando
from cofre.comando.analisador import (
    ACHAR,
    CUIDAR,
    FAZER,
    LEVAR,
    VER,
    Analisador,
    Grupos,
    acoes_de,
    analisador_de,
)
from cofre.comando.argumentos import (
    CODIGOS,
    MANUAL,
    Fazer,
    opcao_de_empresa,
    opcao_de_esperar,
    opcao_de_tabelas,
    opcao_de_tipo,
    opcoes_de_conexao,
    opcoes_de_saida,
)

DESCRICAO = """\
Backup isolado por empresa de um projeto Supabase.

Sem ação, faz o backup de todas as empresas, cada uma na sua pasta.
"""
SEM_ACAO = "backup"
ACOES: Grupos = {
    FAZER: {
        SEM_ACAO: "copia todas as empresas, ou só as que se dizem; é o que se faz sem ação",
        "continuar": "retoma o último backup, se parou antes do fim: só copia o que falta",
        "agendar": "põe o backup de todo dia na agenda desta máquina, ou tira dela",
    },
    VER: {
        "listar": "mostra as empresas e os seus backups, sem falar com o servidor",
        "comparar": "mostra o que mudou de um backup para outro, ou para o banco agora",
        "painel": "refaz a página que mostra o estado de cada empresa (painel.html)",
    },
    ACHAR: {
        "procurar": "acha um registro em todos os backups de uma empresa",
        "historia": "mostra o que um registro foi, backup a backup",
    },
    CUIDAR: {
        "verificar": "relê os backups: somas, contagens, dono de cada linha, ligações",
        "ensaiar": "confere o backup mais novo de uma empresa, uma a cada vez, e o restaura num"
        " banco de teste",
        "podar": "apaga os backups antigos que nenhuma regra manda guardar",
        "reconhecer": "diz que o que encolheu foi de propósito: as contas recomeçam no último"
        " backup",
    },
    LEVAR: {
        "exportar": "leva o backup de uma empresa num só arquivo, ou em CSV",
        "importar": "confere um arquivo exportado e o guarda entre os backups",
    },
}
"""Grupo → nome → o que a ajuda diz, na ordem em que ela as mostra. Uma ação nova é uma linha."""
LISTAS = ("palavras", "instantes")
"""Onde uma ação põe os argumentos que são quantos se queira."""


def ler_argumentos(argumentos: list[str]) -> tuple[Namespace, Fazer]:
    """As opções e a ação pedida. Levanta ErroDeUso."""
    analisador = _analisador(argumentos)
    opcoes, sobras = analisador.parse_known_args(argumentos)
    lista = next((nome for nome in LISTAS if nome in opcoes), None)
    if lista and not any(s.startswith("-") for s in sobras):
        getattr(opcoes, lista).extend(sobras)  # as que vêm depois de uma opção
    elif sobras:
        analisador.error(f"unrecognized arguments: {' '.join(sobras)}")
    executar: Fazer = _modulo(opcoes.acao or SEM_ACAO).executar
    return opcoes, executar


def _analisador(argumentos: list[str]) -> Analisador:
    analisador = analisador_de("backup-por-empresa.py", DESCRICAO, SEM_ACAO)
    _opcoes_do_backup(analisador, None)
    for nome, da_acao in acoes_de(analisador, ACOES, _da_restauracao):
        if nome == SEM_ACAO:
            da_acao.epilog = CODIGOS
            _opcoes_do_backup(da_acao, argparse.SUPPRESS)
        elif nome in argumentos:
            _modulo(nome).acrescentar_opcoes(da_acao)
    return analisador


def _opcoes_do_backup(analisador: argparse.ArgumentParser, padrao: object) -> None:
    opcao_de_empresa(analisador, padrao)
    opcao_de_tabelas(analisador, padrao)
    opcao_de_tipo(analisador, MANUAL if padrao is None else padrao)
    opcao_de_esperar(analisador, padrao)
    opcoes_de_saida(analisador, padrao)
    opcoes_de_conexao(analisador, padrao)


def _da_restauracao(acao: str) -> str:
    from cofre.comando.restaurar import ACOES as DA_RESTAURACAO

    existe = any(acao in do_grupo for do_grupo in DA_RESTAURACAO.values())
    return comando(RESTAURACAO, acao) if existe else ""


def _modulo(acao: str) -> ModuleType:
    return importlib.import_module(f"cofre.comando.{acao}")
