"""Desfazer uma mudança: entre que backups ela está, e o recorte que a desfaz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cofre.base.erros import BackupDanificado, ErroDeUso, NadaEncontrado, RestauracaoRecusada
from cofre.base.palavras import na_tela, visivel
from cofre.base.relato import Relato
from cofre.deposito import inventario
from cofre.deposito.backup import Backup
from cofre.deposito.diario import Diario
from cofre.deposito.guardados import que
from cofre.deposito.inventario import EmpresaComBackups
from cofre.deposito.no_disco import no_lugar
from cofre.plano import mudanca, recorte
from cofre.plano.alvo import Alvo
from cofre.plano.mudanca import Mudanca, Pedida
from cofre.plano.recorte import Recorte
from cofre.restauracao.escolha import tabelas_pedidas
from cofre.restauracao.exame import quais
from cofre.restauracao.sessao import Sessao


def escolher(sessao: Sessao, guardada: EmpresaComBackups) -> tuple[Backup, Backup]:
    """O último backup de antes da mudança e o primeiro de depois dela: pelas opções, ou
    perguntando. Sem se dizer o de depois, é o que vem logo a seguir. Levanta ErroDeUso,
    NadaEncontrado ou Cancelada."""
    opcoes = sessao.opcoes
    servem = que(guardada.backups, lambda b: b.legivel)
    if len(servem) < 2:
        raise NadaEncontrado(
            "Esta empresa tem menos de dois backups.",
            "Uma mudança desfaz-se entre um de antes e um de depois dela.",
        )
    sem_perguntar = bool(opcoes.confirmar or opcoes.simular)
    if opcoes.antes:
        antes = inventario.backup_pedido(guardada, opcoes.antes, opcao="--antes")
    elif sem_perguntar:
        raise ErroDeUso(
            "Falta --antes: o último backup de antes da mudança.",
            "Por exemplo: --antes '2026-11-24 03:00' --depois '2026-11-25 03:00'.",
        )
    else:
        comuns = que(servem, lambda b: b.de_rotina)
        penultimo = (comuns if len(comuns) > 1 else servem)[-2]
        antes = sessao.dialogo.data_da_mudanca(guardada, penultimo, "antes")
    if opcoes.depois:
        depois = inventario.backup_pedido(guardada, opcoes.depois, opcao="--depois")
    else:
        depois = _seguinte(antes, servem)
        if not (sem_perguntar or opcoes.antes):
            depois = sessao.dialogo.data_da_mudanca(guardada, depois, "depois")
    if antes.ordem >= depois.ordem:
        raise ErroDeUso(
            f"O backup de antes ({na_tela(antes.quando)}) não é anterior ao de depois"
            f" ({na_tela(depois.quando)}).",
            "--antes é o último em que os dados ainda estavam certos; --depois, o primeiro em que"
            " já não estavam.",
        )
    return antes, depois


def _seguinte(antes: Backup, em_ordem: Sequence[Backup]) -> Backup:
    """O backup que se fez logo depois. Levanta NadaEncontrado."""
    depois = que(em_ordem, lambda b: b.ordem > antes.ordem and b.de_rotina)
    if not depois:
        raise NadaEncontrado(
            f"Não há backup depois do de {na_tela(antes.quando)}.",
            "Para voltar tudo ao que era nele, restaure-o; para desfazer só o que mudou, faça"
            " primeiro um backup de como está.",
        )
    return depois[0]


def tabelas_dos_dois(
    antes: Backup, depois: Backup, pedidas: Sequence[str], relato: Relato
) -> tuple[str, ...]:
    """As tabelas que estão nos dois (as pedidas, se ditas); das outras, diz-se. Levanta ErroDeUso
    por uma pedida que um deles não tem."""
    if pedidas:
        do_de_depois = tabelas_pedidas(pedidas, depois)
        return tuple(t for t in tabelas_pedidas(pedidas, antes) if t in do_de_depois)
    de_um, do_outro = no_lugar(antes), no_lugar(depois)
    if so_num := sorted(set(de_um) ^ set(do_outro)):
        relato.aviso(f"Só num dos backups, e por isso de fora: {quais(so_num)}.")
    return tuple(t for t in de_um if t in do_outro)


def pedida_de(diario: Diario) -> Pedida | None:
    """A mudança que uma restauração desfazia. Levanta BackupDanificado se não se entende."""
    try:
        return mudanca.ler(diario.recorte)
    except ValueError as e:
        raise _ilegivel(diario) from e


def backups_da(sessao: Sessao, guardada: EmpresaComBackups, pedida: Pedida | None) -> list[Backup]:
    """O de antes e o de depois; nenhum, se não é uma mudança. Levanta ErroDeUso."""
    if pedida is None:
        return []
    return [sessao.backup(guardada, carimbo) for carimbo in (pedida.antes, pedida.depois)]


def recorte_da(
    sessao: Sessao, guardada: EmpresaComBackups, pedida: Pedida, tabelas: Sequence[str]
) -> Mudanca:
    """O que desfaz a mudança destas tabelas; já se está ligado ao banco. Levanta BackupDanificado
    ou RestauracaoRecusada."""
    antes, depois = backups_da(sessao, guardada, pedida)
    for backup in (antes, depois):
        sessao.conferir_outro(guardada, backup, tabelas)
    alvo = sessao.restauracao.alvo(antes, tabelas)
    alvo.conferir()
    _conferir_campos(pedida, [c.nome for t in tabelas for c in alvo.escopo[t].tabela.colunas])
    achada = mudanca.entre(alvo, depois, pedida)
    for nome in achada.fatias:
        _conferir_que_se_reconhecem(nome, alvo, (antes, depois))
    return achada


def _conferir_que_se_reconhecem(nome: str, alvo: Alvo, backups: Sequence[Backup]) -> None:
    """De uma tabela sem chave, uma linha só se reconhece pelas mesmas colunas."""
    tabela = alvo.escopo[nome].tabela
    hoje = {c.nome for c in tabela.colunas}
    salvas = (b.meta.tabelas[nome].colunas for b in backups if b.meta)
    antes = [{str(c["nome"]) for c in colunas} for colunas in salvas if colunas]
    if not tabela.chave and any(colunas != hoje for colunas in antes):
        raise RestauracaoRecusada(
            f"{nome} não tem chave, e as colunas dela já não são as desses backups: as linhas de"
            " hoje não se reconhecem neles.",
            "Deixe-a de fora, com as outras em --tabelas.",
        )


def _conferir_campos(pedida: Pedida, existem: Sequence[str]) -> None:
    for campo in pedida.campos:
        if campo not in existem:
            raise ErroDeUso(f"--campos: nenhuma das tabelas tem a coluna {visivel(campo)}.", "")


def recorte_de(
    sessao: Sessao,
    guardada: EmpresaComBackups,
    diario: Diario,
    ate: Backup,
    *,
    ao_contrario: bool,
) -> Recorte | None:
    """O de uma restauração que já começou, para a concluir ou, `ao_contrario`, a desfazer, `ate`
    este backup. Levanta BackupDanificado se não se entende: sem ele, voltariam tabelas inteiras."""
    if (pedida := pedida_de(diario)) is not None:
        sentido = pedida.ao_contrario != ao_contrario
        tabelas = tuple(diario.dados["tabelas"])
        achada = recorte_da(sessao, guardada, replace(pedida, ao_contrario=sentido), tabelas)
        antes, _ = backups_da(sessao, guardada, pedida)
        return mudanca.ate_a_foto(achada, sessao.restauracao.alvo(ate, tabelas), antes)
    try:
        lido = recorte.ler(diario.recorte)
    except ValueError as e:
        raise _ilegivel(diario) from e
    return lido.ao_contrario() if lido is not None and ao_contrario else lido


def _ilegivel(diario: Diario) -> BackupDanificado:
    return BackupDanificado(
        f"O diário {diario.caminho.name} não diz que registros se restauravam.",
        "Nada foi alterado. Deixe essa restauração como está (3, no diálogo) e restaure de novo.",
    )
