"""Os logins que um backup guarda."""

from __future__ import annotations

from cofre.base.erros import BackupDanificado
from cofre.base.linha import separar
from cofre.base.modelo import LOGINS
from cofre.deposito.backup import Backup
from cofre.deposito.linhas import ler
from cofre.deposito.passada import Somas
from cofre.escopo.logins import login
from cofre.via.logins.login import Login


def do_backup(backup: Backup) -> dict[str, Login]:
    """Por id. Levanta FaltaChave, e BackupDanificado também se a lista já não é a que se conferiu:
    alguém a podia ter trocado enquanto se esperava uma resposta."""
    salva = backup.meta.tabelas.get(LOGINS) if backup.meta else None
    if salva is None:
        return {}
    somas = Somas()
    grupos = ler(backup.caminho(salva), separar, somas.somar)
    lidos = [Login.de(linha) for grupo in grupos for linha in grupo]
    if somas.sha256 != salva.sha256:
        raise BackupDanificado("A lista de logins deste backup já não é a que foi gravada.")
    if any(login(guardado.id) != guardado.id for guardado in lidos):
        raise BackupDanificado("A lista de logins deste backup tem um id que não é de um login.")
    return {guardado.id: guardado for guardado in lidos}
