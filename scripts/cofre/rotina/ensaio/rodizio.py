"""De que empresa é a vez, e o ensaio dela do começo ao registro."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cofre.base.comandos import BACKUP, comando
from cofre.base.erros import (
    PROMESSA_QUEBRADA,
    TUDO_CERTO,
    BackupDanificado,
    EnsaioReprovado,
    NadaEncontrado,
)
from cofre.base.modelo import ARQUIVOS, LISTAS, LOGINS
from cofre.base.palavras import duracao, na_tela, plural, tamanho, visivel
from cofre.base.relato import Relato
from cofre.deposito import ensaios
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.releitura import Lidos, reler
from cofre.deposito.ensaios import CONFERIDO, RESTAURADO, Ensaio
from cofre.deposito.idade import ha_quanto
from cofre.deposito.inventario import EmpresaComBackups, de_rotina
from cofre.deposito.metadados import Metadados
from cofre.deposito.verificacao import danos_de

NUNCA = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Volta:
    """O que se viu ao restaurar: as linhas que voltaram iguais, o que se fez de outro modo
    (`ressalvas`), e por que não foi igual (`diferencas`; nenhuma: foi); em quantos `segundos`, com
    o tempo de reler e conferir o backup."""

    registros: int
    ressalvas: tuple[str, ...] = ()
    diferencas: tuple[str, ...] = ()
    segundos: float = 0.0


Restaurar = Callable[[Backup, Metadados], Volta]
"""Restaura um backup no banco de teste, compara e não deixa nada lá."""

Abrir = Callable[[], AbstractContextManager[Restaurar | None]]
"""Abre o banco de teste; None: não há nenhum configurado."""


@dataclass(frozen=True, slots=True)
class Vez:
    """Uma empresa e o backup inteiro mais novo dela."""

    guardada: EmpresaComBackups
    backup: Backup
    meta: Metadados


def da_vez(guardadas: Iterable[EmpresaComBackups]) -> Vez:
    """A empresa que há mais tempo não é ensaiada (a que nunca foi, antes de todas); entre as que só
    se conferiram, a que há mais tempo. Levanta NadaEncontrado se nenhuma tem backup inteiro."""
    vezes = [vez for guardada in guardadas if (vez := _vez(guardada))]
    if not vezes:
        raise NadaEncontrado(
            "Nenhuma empresa com backup inteiro para ensaiar.",
            f"Veja os que há com:\n  {comando(BACKUP, 'listar')}",
        )
    return min(vezes, key=lambda v: (*_ha_quanto(v), v.guardada.empresa.id))


def _vez(guardada: EmpresaComBackups) -> Vez | None:
    """Um backup com arquivos sumidos também é ensaiado: é para achar isso que se ensaia."""
    for backup in reversed(guardada.backups):
        if backup.meta is not None and backup.estado == "completo" and de_rotina(backup):
            return Vez(guardada, backup, backup.meta)
    return None


def _ha_quanto(vez: Vez) -> tuple[datetime, datetime]:
    """Quando foi o último ensaio que conta, e quando foi a última tentativa. Uma que achou um dano
    conta, ou a mesma empresa teria sempre a vez; a de um backup da primeira versão também, que não
    há outra."""
    lidos = ensaios.ler(vez.guardada.pasta, vez.guardada.empresa.id)
    tentativa, sucesso = lidos.ultima_tentativa, lidos.ultimo_sucesso
    so_conferiu = lidos.so_conferido and not vez.meta.da_primeira_versao
    conta = sucesso if so_conferiu else tentativa
    return (conta.em if conta else NUNCA, tentativa.em if tentativa else NUNCA)


def ensaiar(vez: Vez, abrir: Abrir, relato: Relato, voltar: timedelta | None = None) -> int:
    """O ensaio inteiro; devolve 0, ou 14 se a empresa leva mais do que se prometeu a `voltar`.
    Levanta BackupDanificado ou EnsaioReprovado, já registrados, e o
    que impediu de ensaiar (que não diz nada do backup, e não se registra)."""
    quando = na_tela(vez.backup.quando)
    relato.linha(f"🎯 ENSAIO: {visivel(vez.guardada.empresa.nome)} (backup de {quando})")
    inicio = time.monotonic()
    _conferir(vez, quando)
    tabelas = plural(len({*vez.meta.tabelas} - {*LISTAS}), "tabela", "tabelas")
    registros = plural(vez.meta.total, "registro", "registros")
    relato.linha(f"   ✅ conferido: {registros} em {tabelas}, com as somas e as ligações certas")
    _conferir_arquivos(vez, quando, relato)
    conferido = time.monotonic() - inicio
    volta, codigo = _restaurar(vez, abrir, relato), TUDO_CERTO
    if volta is None:
        _registrar(vez, CONFERIDO, vez.meta.total)
        relato.linha("✅ Só conferido: nada foi restaurado, e não conta como o ensaio da empresa")
    else:
        volta = replace(volta, segundos=conferido + volta.segundos)
        _contar_volta(vez, volta, quando, relato)
        if voltar is not None and volta.segundos > voltar.total_seconds():
            codigo = PROMESSA_QUEBRADA
            relato.falha(f"❌ A promessa é voltar em {ha_quanto(voltar)}")
    relato.documento({**_documento(vez, volta), "codigo": codigo})
    return codigo


def _conferir(vez: Vez, quando: str) -> None:
    danos = [d.em_palavras for d in danos_de(vez.backup)]
    if danos:
        _registrar(vez, CONFERIDO, 0, "; ".join(danos))
        raise BackupDanificado(
            f"O backup de {quando} está danificado.",
            "\n".join([*map(visivel, danos), "Faça outro agora e veja os anteriores: verificar"]),
        )


def _conferir_arquivos(vez: Vez, quando: str, relato: Relato) -> None:
    """Cada conteúdo, aberto e lido até o fim: tem de ser o que a lista diz. Levanta
    BackupDanificado."""
    if ARQUIVOS in vez.meta.tabelas:
        lidos = Lidos()
        if danos := list(reler(vez.backup, lidos)):
            _registrar(vez, CONFERIDO, 0, "; ".join(danos))
            raise BackupDanificado(
                f"Os arquivos do backup de {quando} não se leem como eram.",
                "\n".join(map(visivel, danos)),
            )
        arquivos = plural(lidos.arquivos, "arquivo relido", "arquivos relidos")
        relato.linha(f"   ✅ {arquivos} ({tamanho(lidos.bytes)}), iguais aos guardados")
        relato.linha("   ℹ️ Num ensaio os arquivos não se enviam a Storage nenhum")
    if LOGINS in vez.meta.tabelas:
        logins = plural(vez.meta.tabelas[LOGINS].registros, "login conferido", "logins conferidos")
        relato.linha(f"   ✅ {logins}; num ensaio não se cria nenhum")


def _restaurar(vez: Vez, abrir: Abrir, relato: Relato) -> Volta | None:
    """None se não há onde, ou como, restaurar."""
    if vez.meta.da_primeira_versao:
        relato.linha("   ℹ️ É da primeira versão: sem as colunas, não se restaura num banco vazio")
        return None
    with abrir() as restaurar:
        if restaurar is not None:
            inicio = time.monotonic()
            volta = restaurar(vez.backup, vez.meta)
            return replace(volta, segundos=time.monotonic() - inicio)
    relato.linha("   ℹ️ Sem banco de teste, o ensaio para aqui. Com a ENSAIO_DB_URL no .env, ou com")
    relato.linha("      --embutido, o backup é restaurado de verdade")
    return None


def _contar_volta(vez: Vez, volta: Volta, quando: str, relato: Relato) -> None:
    for ressalva in volta.ressalvas:
        relato.linha(f"   ℹ️ {visivel(ressalva)}")
    if volta.diferencas:
        _registrar(vez, RESTAURADO, volta.registros, "; ".join(volta.diferencas))
        raise EnsaioReprovado(
            f"O backup de {quando} não voltou como era no banco de teste.",
            "\n".join(map(visivel, volta.diferencas)),
        )
    _registrar(vez, RESTAURADO, volta.registros, segundos=volta.segundos)
    registros = plural(volta.registros, "registro", "registros")
    relato.linha(f"   ✅ restaurado: {registros} no banco de teste, lidos de volta e iguais")
    relato.linha(f"   ⏱️ a volta inteira levou {duracao(volta.segundos)}")
    relato.linha("   🧹 nada ficou no banco de teste")
    relato.linha("✅ Ensaio bem-sucedido")


def _registrar(vez: Vez, como: str, registros: int, causa: str = "", segundos: float = 0.0) -> None:
    agora = datetime.now().astimezone()
    ensaio = Ensaio(agora, vez.backup.carimbo, como, registros, causa, round(segundos, 3))
    ensaios.anotar(vez.guardada.pasta, vez.guardada.empresa.id, ensaio)


def _documento(vez: Vez, volta: Volta | None) -> Mapping[str, object]:
    ressalvas: Sequence[str] = volta.ressalvas if volta else ()
    return {
        "acao": "ensaiar",
        "codigo": 0,
        "empresa": vez.guardada.empresa.id,
        "backup": vez.backup.carimbo,
        "como": RESTAURADO if volta else CONFERIDO,
        "registros": volta.registros if volta else vez.meta.total,
        "segundos": round(volta.segundos, 3) if volta else None,
        "ressalvas": list(ressalvas),
    }
