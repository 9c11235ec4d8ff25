"""A poda em palavras: o plano, o que se apagou, e o documento da saída --json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cofre.base.comandos import BACKUP, comando
from cofre.base.config.valores import Politica
from cofre.base.palavras import na_tela, numero, plural, tamanho, visivel
from cofre.base.relato import Relato
from cofre.deposito.inventario import EM_PALAVRAS, dobrados, fotos_em_palavras
from cofre.rotina.poda.plano import PodaDeEmpresa, ResumoDaPoda
from cofre.rotina.poda.retencao import BackupNaPoda


def mostrar(
    planos: Sequence[PodaDeEmpresa],
    politica: Politica,
    relato: Relato,
    *,
    so_o_que_sai: bool = False,
    com_fotos: bool = False,
) -> None:
    """O plano: cada empresa, o que sai e o que fica, e por quê, do mais novo ao mais antigo.
    `com_fotos`: se as fotos das restaurações se mostram uma a uma."""
    relato.linha(f"🧹 PODA (guardar: {politica.em_palavras()})")
    for plano in planos:
        if so_o_que_sai and not plano.ha_o_que_apagar:
            continue
        relato.linha()
        relato.linha(f"🏢 {visivel(plano.empresa.nome)}: {_conta(plano)}")
        ditos = (b for b in reversed(plano.backups) if b.sai or not so_o_que_sai)
        em_que = _sozinho if com_fotos else _com_as_do_dia
        for juntos in dobrados(ditos, em_que):
            linha = _das_fotos(juntos) if em_que(juntos[0]) else _em_uma_linha(juntos[0])
            relato.linha(f"   {linha}")
        if plano.presos:
            conteudos_presos(plano.presos, relato)
    relato.linha()
    saem = sum(len(p.saem) for p in planos)
    todos = sum(len(p.backups) for p in planos)
    if any(p.ha_o_que_apagar for p in planos):
        libera = tamanho(sum(p.libera for p in planos))
        conteudos = _conteudos(sum(len(p.conteudos) for p in planos))
        relato.linha(
            f"📦 Saem {numero(saem)} de {_backups(todos)}{conteudos}; o disco ganha {libera}"
        )
    else:
        relato.linha(f"✅ Nada a apagar ({_backups(todos)})")


def recusada(plano: PodaDeEmpresa, causa: str, relato: Relato) -> None:
    """A empresa de que nada se apagou."""
    relato.falha(f"❌ {visivel(plano.empresa.nome)}: {visivel(causa)}")
    relato.falha("   Nada desta empresa foi apagado. Faça um backup novo e confira com:")
    relato.falha(f"   {comando(BACKUP, 'verificar')}")


def ocupada(plano: PodaDeEmpresa, causa: str, relato: Relato) -> None:
    """A empresa de que nada se apagou porque outra execução a usa."""
    relato.falha(f"⏭️ {causa}")
    relato.falha(f"   Nada de {visivel(plano.empresa.nome)} foi apagado: fica para a próxima poda.")


def conteudos_presos(causa: str, relato: Relato) -> None:
    """Os conteúdos de arquivos que ninguém cita, se os há, ficam."""
    relato.aviso(f"Os conteúdos de arquivos que ninguém cita ficam: {visivel(causa)}.")


def fim(resumo: ResumoDaPoda, relato: Relato) -> None:
    """O que se apagou, se algo se apagou."""
    if resumo.apagados or resumo.conteudos:
        apagados = plural(resumo.apagados, "backup apagado", "backups apagados")
        conteudos = _conteudos(resumo.conteudos)
        relato.linha(f"✅ {apagados}{conteudos}; o disco ganhou {tamanho(resumo.liberados)}")


def documento(
    politica: Politica, planos: Sequence[PodaDeEmpresa], resumo: ResumoDaPoda
) -> dict[str, Any]:
    """Para a saída --json."""
    return {
        "acao": "podar",
        "codigo": resumo.codigo,
        "guardar": asdict(politica),
        "apagados": resumo.apagados,
        "conteudos_apagados": resumo.conteudos,
        "bytes_liberados": resumo.liberados,
        "recusadas": dict(resumo.recusadas),
        "ocupadas": dict(resumo.ocupadas),
        "empresas": [
            {
                "id": p.empresa.id,
                "nome": p.empresa.nome,
                "libera": p.libera,
                "conteudos": len(p.conteudos),
                "conteudos_presos": p.presos,
                "backups": [_do_backup(b) for b in p.backups],
            }
            for p in planos
        ],
    }


def _do_backup(b: BackupNaPoda) -> dict[str, Any]:
    return {
        "carimbo": b.carimbo,
        "sai": b.sai,
        "motivos": list(b.motivos),
        "estado": b.estado,
        "bytes": b.bytes,
    }


def _sozinho(_b: BackupNaPoda) -> None:
    """Cada backup na sua linha."""


def _com_as_do_dia(b: BackupNaPoda) -> tuple[object, ...] | None:
    """As fotos do mesmo dia com o mesmo destino, e pelas mesmas razões, vão numa linha só."""
    foto = b.tipo in EM_PALAVRAS and b.estado == "completo"
    return (na_tela(b.quando, "dia"), b.sai, b.motivos) if foto else None


def _das_fotos(fotos: Sequence[BackupNaPoda]) -> str:
    primeira = fotos[0]
    bytes_ = tamanho(sum(b.bytes for b in fotos))
    partes = (na_tela(primeira.quando, "dia"), fotos_em_palavras(len(fotos)), bytes_)
    return _com_o_destino(primeira, partes)


def _em_uma_linha(b: BackupNaPoda) -> str:
    tipo = EM_PALAVRAS.get(b.tipo, visivel(b.tipo))
    return _com_o_destino(b, (na_tela(b.quando), tipo, b.estado, tamanho(b.bytes)))


def _com_o_destino(b: BackupNaPoda, partes: Sequence[str]) -> str:
    porque = f"  ({visivel(', '.join(b.motivos))})" if b.motivos else ""
    return f"{'sai ' if b.sai else 'fica'}  {'  '.join(p for p in partes if p)}{porque}"


def _conta(plano: PodaDeEmpresa) -> str:
    if not plano.ha_o_que_apagar:
        return f"nada sai de {_backups(len(plano.backups))}"
    quantos = f"saem {numero(len(plano.saem))} de {_backups(len(plano.backups))}"
    conteudos = _conteudos(len(plano.conteudos))
    return f"{quantos}{conteudos}; o disco ganha {tamanho(plano.libera)}"


def _conteudos(quantos: int) -> str:
    """« e 40 conteúdos de arquivos»; vazio se nenhum."""
    ditos = plural(quantos, "conteúdo de arquivo", "conteúdos de arquivos")
    return f" e {ditos}" if quantos else ""


def _backups(quantos: int) -> str:
    return plural(quantos, "backup", "backups")
