"""O que um backup tem no disco: se os arquivos dele estão no lugar, e quanto ocupam."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ARQUIVOS, LOGINS, ordem_de_exibicao
from cofre.base.palavras import como_se_diz, plural, tamanho
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.citados import bytes_citados, quantos_faltam
from cofre.deposito.tabela_salva import TabelaSalva


def estado_de(backup: Backup) -> tuple[str, str]:
    """O estado e a causa dele, vendo também se os arquivos estão lá com o tamanho que tinham (o
    conteúdo, só `verificar` relê)."""
    if backup.meta is None:
        return "danificado", backup.dano
    for salva in backup.meta.arquivos:
        if not _no_lugar(backup, salva):
            nome = como_se_diz(salva.nome)
            return "danificado", f"{nome}: o arquivo sumiu ou mudou de tamanho"
    if faltam := conteudos_que_faltam(backup):
        return "danificado", faltam
    if backup.meta.falhas:
        quais = ", ".join(como_se_diz(t) for t in sorted(backup.meta.falhas))
        return backup.estado, f"sem {quais}"
    return backup.estado, ""


def no_lugar(backup: Backup) -> list[str]:
    """As tabelas cujos arquivos estão no lugar, com o tamanho que tinham, na ordem do manual."""
    tabelas = backup.meta.tabelas.items() if backup.meta else ()
    achadas = [
        nome
        for nome, salva in tabelas
        if all(_no_lugar(backup, arquivo) for arquivo in salva.todos)
        and not (nome == ARQUIVOS and conteudos_que_faltam(backup))
    ]
    return sorted(achadas, key=ordem_de_exibicao)


def conteudos_que_faltam(backup: Backup) -> str:
    """Se falta algum dos conteúdos que o backup cita, em palavras; vazio: nenhum."""
    try:
        faltam = quantos_faltam(backup)
    except (BackupDanificado, OSError) as e:
        return f"arquivos: {e}"
    return f"arquivos: {plural(faltam, 'conteúdo sumiu', 'conteúdos sumiram')}" if faltam else ""


def em_arquivos(backup: Backup) -> int:
    """Quantos bytes, no disco, guardam os arquivos do backup; zero se não se sabe."""
    try:
        return bytes_citados(backup)
    except (BackupDanificado, OSError):
        return 0


def alem_das_linhas(backup: Backup) -> str:
    """«312 arquivos (48 MB), 5 logins»; vazio se o backup não os leva."""
    tabelas = backup.meta.tabelas if backup.meta else {}
    ditos = []
    if ARQUIVOS in tabelas:
        quantos = plural(tabelas[ARQUIVOS].registros, "arquivo", "arquivos")
        ditos.append(f"{quantos} ({tamanho(em_arquivos(backup))})")
    if LOGINS in tabelas:
        ditos.append(plural(tabelas[LOGINS].registros, "login", "logins"))
    return ", ".join(ditos)


def _no_lugar(backup: Backup, tabela: TabelaSalva) -> bool:
    try:
        info = backup.informacao(tabela)
    except (BackupDanificado, OSError):
        return False
    com_tamanho = tabela.sha256 or tabela.cifrado
    certo = not com_tamanho or info.st_size in _tamanhos(tabela)
    return stat.S_ISREG(info.st_mode) and certo


def _tamanhos(tabela: TabelaSalva) -> tuple[int, ...]:
    """Os tamanhos que o arquivo pode ter: um editor do Windows pode ter posto um BOM."""
    certo = tabela.tamanho_do_arquivo
    return (certo,) if tabela.compactado else (certo, certo + 3)


def arquivos_de(backup: Backup) -> list[Path]:
    """Onde devem estar os arquivos das tabelas, e os dos textos delas."""
    caminhos = []
    for salva in backup.meta.arquivos if backup.meta else ():
        with contextlib.suppress(BackupDanificado):  # um nome que sai da pasta não é de arquivo seu
            caminhos.append(backup.caminho(salva))
    return caminhos


def bytes_de(backup: Backup) -> int:
    """O tamanho das tabelas do backup, em bytes, como está no disco."""
    total = 0
    for salva in backup.meta.arquivos if backup.meta else ():
        with contextlib.suppress(BackupDanificado, OSError):
            info = backup.informacao(salva)
            total += info.st_size if stat.S_ISREG(info.st_mode) else 0
    return total
