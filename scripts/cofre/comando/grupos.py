"""As ações dos dois scripts, em grupos que têm o nome do que se quer. Uma ação nova é uma linha.

Grupo → nome → o que a ajuda diz, na ordem em que ela as mostra.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from cofre.comando.analisador import ACHAR, CUIDAR, FAZER, LEVAR, VER, Grupos

BACKUP, RESTAURAR = "backup", "restaurar"
"""O que cada script faz sem ação."""

DO_BACKUP: Grupos = {
    FAZER: {
        BACKUP: "copia todas as empresas, ou só as que se dizem; é o que se faz sem ação",
        "continuar": "retoma o último backup, se parou no meio: só copia o resto",
        "frota": "os processos que copiam noutras máquinas",
        "agendar": "põe o backup de todo dia na agenda desta máquina, ou tira dela",
    },
    VER: {
        "listar": "mostra as empresas e os seus backups, sem falar com o servidor",
        "comparar": "mostra o que mudou entre dois backups, ou até o banco agora",
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
        "cifrar": "cifra os backups que ficaram em claro",
        "reconhecer": "diz que o que encolheu, ou falta, foi de propósito",
        "chaves": "cria, testa e troca as chaves dos backups cifrados",
    },
    LEVAR: {
        "exportar": "leva o backup de uma empresa num só arquivo, ou em CSV",
        "importar": "confere um arquivo exportado e o guarda entre os backups",
        "enviar": "leva à cópia fora daqui o que ainda lhe falta",
        "trazer": "traz um backup da cópia, também num computador novo",
    },
}
DA_RESTAURACAO: Grupos = {
    FAZER: {
        RESTAURAR: "traz de volta tabelas de um backup; é o que se faz sem ação",
        "desfazer": "volta a empresa ao que era antes da última restauração",
        "continuar": "conclui uma restauração que não terminou",
    },
    ACHAR: {
        "registro": "acha um registro nos backups e traz só ele de volta, com o que vem junto",
        "desfazer-mudanca": "desfaz só o que mudou entre dois backups, e não o que veio depois",
    },
    LEVAR: {
        "clonar": "põe uma empresa no projeto de outro .env, a partir de um backup daqui",
    },
}


def existe(grupos: Grupos, acao: str) -> bool:
    """Se é uma das ações destes grupos."""
    return any(acao in do_grupo for do_grupo in grupos.values())


def modulo_de(acao: str) -> ModuleType:
    """O de uma ação que tem o seu: só se carrega quando ela se pede."""
    return importlib.import_module(f"cofre.comando.{acao.replace('-', '_')}")
