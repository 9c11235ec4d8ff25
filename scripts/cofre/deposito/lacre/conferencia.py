"""Um backup e o lacre dele: se é o que foi assinado, desta empresa e data, por quem se conhece.

O lacre assina os metadados, e os metadados dizem a soma de cada arquivo: quem os relê (`verificar`,
e toda restauração) fica a saber que tudo é o que foi assinado.
"""

from __future__ import annotations

import functools
import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from cofre.base.disco import aberto_em_outro, erros_de_disco, ler_ficha
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.carimbo import momento, nome_do_lacre
from cofre.deposito.lacre import serie
from cofre.deposito.lacre.conhecidos import AssinanteDesconhecido, conferir_quem, conhecidas
from cofre.deposito.lacre.lacre import Lacre, LacreRecusado, ler, pseudonimo

FOLGA = timedelta(days=1)
"""O carimbo é uma hora local: noutro fuso, um de antes do primeiro lacre parece de depois."""


def conferir(backup: Backup) -> Lacre | None:
    """O lacre deste backup, que é o que foi assinado por quem esta máquina conhece; None se é de
    antes de haver lacres. Levanta LacreRecusado, AssinanteDesconhecido, DependenciaAusente ou
    FalhaDeDisco; OSError passa."""
    if not tem_lacre(backup):
        _conferir_que_nao_devia_ter(backup)
        return None
    dados = ler_ficha(backup.pasta / nome_do_lacre(backup.carimbo))
    if backup.meta is None:
        raise LacreRecusado("os metadados não se leem")
    ficha = ler_ficha(arquivo_de_metadados(backup.pasta, backup.carimbo))
    lacre = conferir_bytes(dados, ficha, backup.meta.user_id, backup.carimbo)
    if backup.ficha not in ("", lacre.ficha):
        raise LacreRecusado("os metadados que se leram não são os que foram assinados")
    return lacre


def conferir_bytes(dados: bytes, ficha: bytes, user_id: str, carimbo: str) -> Lacre:
    """O lacre que está em `dados`, se é o destes metadados (`ficha`), desta empresa e deste
    carimbo. Levanta LacreRecusado, AssinanteDesconhecido, DependenciaAusente ou FalhaDeDisco."""
    lacre = ler(dados)
    conferir_quem(lacre)
    if lacre.empresa != pseudonimo(user_id):
        raise LacreRecusado("o lacre é de outra empresa")
    if lacre.carimbo != carimbo:
        raise LacreRecusado(f"o lacre é de outro backup, o de {lacre.carimbo}")
    if hashlib.sha256(ficha).hexdigest() != lacre.ficha:
        raise LacreRecusado("os metadados não são os que foram assinados")
    return lacre


def numero_de(backup: Backup) -> int:
    """O número do lacre deste backup; 0 se não tem um que se leia."""
    if not tem_lacre(backup):
        return 0
    try:
        return ler(ler_ficha(backup.pasta / nome_do_lacre(backup.carimbo))).numero
    except (LacreRecusado, OSError):
        return 0


def causa(backup: Backup) -> str:
    """O que há de errado com o lacre; vazio: nada. Levanta DependenciaAusente ou FalhaDeDisco."""
    try:
        conferir(backup)
    except LacreRecusado as e:
        return str(e)
    except OSError as e:
        if aberto_em_outro(e):
            with erros_de_disco(backup.pasta):
                raise
        return f"o lacre não se lê ({e.strerror or e})"
    return ""


def desconhecido(backup: Backup) -> AssinanteDesconhecido | None:
    """Quem assinou o backup, se a assinatura está certa mas não se conhece; None se não é esse o
    caso. Levanta DependenciaAusente ou FalhaDeDisco."""
    try:
        conferir(backup)
    except AssinanteDesconhecido as e:
        return e
    except (LacreRecusado, OSError):
        pass  # quem relê o backup o diz
    return None


def tem_lacre(backup: Backup) -> bool:
    """Se há um arquivo de lacre deste backup. Uma tabela chamada «lacre», num backup de antes
    deles, tem esse nome."""
    nome = nome_do_lacre(backup.carimbo)
    citado = backup.meta is not None and any(a.arquivo == nome for a in backup.meta.arquivos)
    return not citado and (backup.pasta / nome).exists()


def _conferir_que_nao_devia_ter(backup: Backup) -> None:
    """Um cifrado tem sempre um; em claro, é de antes de haver lacres na pasta, ou alguém o pôs lá.
    Levanta LacreRecusado."""
    if backup.cifrado:
        raise LacreRecusado("está cifrado e não tem lacre: qualquer um o podia ter feito")
    empresa = pseudonimo(backup.meta.user_id) if backup.meta else ""
    pastas = (backup.pasta, *serie.irmas(backup.pasta))
    mudou_em = tuple(pasta.stat().st_mtime_ns for pasta in pastas)
    desde, citados = _lacrados(backup.pasta, empresa, mudou_em, conhecidas())
    if backup.carimbo in citados:
        raise LacreRecusado("o lacre dele sumiu")
    if desde is not None and momento(backup.carimbo) > desde + FOLGA:
        raise LacreRecusado(
            "não tem lacre, e os backups desta empresa já os tinham: não foi feito por aqui"
        )


@functools.lru_cache(maxsize=256)
def _lacrados(
    pasta: Path, empresa: str, _mudou_em: tuple[int, ...], confiadas: frozenset[str]
) -> tuple[datetime | None, frozenset[str]]:
    """Quando se lacrou pela primeira vez, por quem se conhece na pasta ou por esta máquina na raiz
    (None: nunca), e os carimbos que as séries dizem ter um lacre. Só se lê de novo se algo mudou.
    """
    if not serie.ha_o_que_ver(pasta, empresa):
        return None, frozenset()
    todas = [serie.da_casa(pasta, empresa), *serie.de_outros(pasta, empresa)]
    boas = [s for s in todas if s.ultimo is not None and s.ultimo.chave in confiadas]
    primeiro = serie.primeiro(pasta, empresa)
    daqui = (*serie.na_pasta(pasta).values(), *serie.das_irmas(pasta, empresa))
    todos = [*daqui, *([primeiro] if primeiro else [])]
    desde = min((x.feito or x.inicio for x in todos if x.chave in confiadas), default=None)
    return desde, frozenset(v.carimbo for s in boas for v in s.vivos)
