"""Quais dos logins que faltam voltam: pelas opções, perguntando, ou só o do dono."""

from __future__ import annotations

from cofre.base.erros import BackupDanificado, FalhaDoServidor
from cofre.base.modelo import LOGINS
from cofre.deposito.backup import Backup
from cofre.deposito.diario import Diario
from cofre.restauracao.exame import Exame
from cofre.restauracao.logins.faltam import NENHUM, Faltam, que_faltam
from cofre.restauracao.logins.palavras import NarradorDeLogins
from cofre.restauracao.logins.volta import PEDIDOS
from cofre.restauracao.sessao import Sessao

NENHUM_SE_SABE: tuple[Faltam, tuple[str, ...]] = (Faltam(), ())


def escolher(sessao: Sessao, backup: Backup, *, inteiro: bool) -> tuple[Faltam, tuple[str, ...]]:
    """Os que faltam e, deles, os ids dos que voltam: os da opção; senão, os que se respondem; sem a
    quem perguntar, só o do dono. De uma parte da empresa (que não é `inteiro`), só os da opção. O
    que não se souber, se não se pediu nenhum, só se diz. Levanta ErroDeUso, Cancelada ou Voltar."""
    opcoes, relato = sessao.opcoes, sessao.relato
    pedidos = getattr(opcoes, "logins", None) or ()
    if not (inteiro or pedidos) or pedidos == (NENHUM,):
        return NENHUM_SE_SABE
    try:
        _conferir(sessao.usado)
        faltam = que_faltam(sessao.restauracao, backup)
    except (FalhaDoServidor, BackupDanificado) as e:
        if pedidos:
            raise
        relato.aviso(
            f"Não sei que logins faltam, e nenhum {sessao.dialogo.vocabulario.vao[0]}: {e}"
        )
        return NENHUM_SE_SABE
    if not faltam.todos:
        return faltam, faltam.pedidos(pedidos)
    narrador = NarradorDeLogins(relato, sessao.dialogo.vocabulario)
    narrador.faltam(faltam)
    if not (pedidos or opcoes.confirmar or opcoes.simular or not faltam.podem):
        return faltam, sessao.dialogo.logins(faltam)
    ids = faltam.pedidos(pedidos) if pedidos else faltam.de_costume()
    narrador.escolhidos(faltam, ids)
    return faltam, ids


def pedidos_antes(usado: Exame, diario: Diario) -> tuple[str, ...]:
    """Os ids que se pediram numa restauração que parou. Levanta BackupDanificado se a lista em que
    estão já não é a que foi gravada."""
    ids: tuple[str, ...] = tuple(diario.dados.get(PEDIDOS, ()))
    if ids:
        _conferir(usado)
    return ids


def _conferir(usado: Exame) -> None:
    if usado.danos_em([LOGINS]):
        raise BackupDanificado(
            "A lista de logins deste backup está danificada.",
            "Escolha um backup anterior, ou siga sem logins: --logins nenhum.",
        )
