"""O usuário diz que um encolhimento foi de propósito: as contas recomeçam num backup.

Um arquivo `encolhimento_reconhecido.json` na pasta da empresa, com o carimbo de onde se recomeça.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cofre.base.disco import erros_de_disco, gravar_inteiro
from cofre.deposito.backup import Backup

ARQUIVO = "encolhimento_reconhecido.json"


def ponto_de_partida(backups: Iterable[Backup]) -> Backup | None:
    """Destes (do mais novo ao mais antigo), onde as contas podem recomeçar: o último de rotina
    inteiro; se nenhum é, o último de rotina."""
    primeiro = None
    for backup in backups:
        if backup.meta and backup.meta.de_rotina:
            primeiro = primeiro or backup
            if backup.meta.inteiro:
                return backup
    return primeiro


def reconhecer(pasta: Path, user_id: str, backup: Backup) -> None:
    """Daqui em diante, a empresa só se compara deste backup para a frente. Levanta FalhaDeDisco."""
    dados = {
        "user_id": user_id,
        "a_partir_de": backup.carimbo,
        "reconhecido_em": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    with erros_de_disco(pasta):
        gravar_inteiro(pasta / ARQUIVO, json.dumps(dados, ensure_ascii=False, indent=2).encode())


def reconhecido_ate(pasta: Path, user_id: str) -> str:
    """O carimbo a partir do qual se compara; vazio se nada foi reconhecido, ou se o arquivo não se
    lê: na dúvida, o aviso continua."""
    try:
        dados = json.loads((pasta / ARQUIVO).read_text(encoding="utf-8-sig"))
        return str(dados["a_partir_de"]) if dados["user_id"] == user_id else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
