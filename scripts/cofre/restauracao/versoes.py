"""As versões de um registro, ou de vários juntos, entre as quais se escolhe a que volta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.apelido import com_mais
from cofre.base.palavras import na_tela
from cofre.busca import palavras
from cofre.busca.historico import Registro, Versao
from cofre.deposito.backup import Backup


@dataclass(frozen=True, slots=True)
class Juntos:
    """Os registros, todos, foram assim (a linha de cada um) de um backup a outro, inclusive."""

    linhas: tuple[bytes, ...]
    desde: Backup
    ate: Backup

    @property
    def datas(self) -> str:
        """«2026-11-16 03:00 a 2026-11-21 03:00», para a tela."""
        desde, ate = (na_tela(b.quando, "minuto") for b in (self.desde, self.ate))
        return ate if desde == ate else f"{desde} a {ate}"

    def o_que_mudou(self, anterior: Juntos) -> str:
        """De um registro só, as primeiras colunas que mudaram desde a versão anterior; tem dados da
        empresa."""
        mudou = list(palavras.mudancas_de(anterior.linhas[0], self.linhas[0]))
        return com_mais(mudou[: palavras.EXEMPLOS], len(mudou))


def versoes_de(backups: Sequence[Backup], registros: Sequence[Registro]) -> list[Juntos]:
    """As versões em que todos existem, da mais antiga à mais nova. Um backup que não tem a tabela
    de algum não diz nada dele, e não conta."""
    ordem = {b.carimbo: n for n, b in enumerate(backups)}
    tabelas = {r.tabela for r in registros}
    achadas: list[Juntos] = []
    seguida = False
    for n, backup in enumerate(backups):
        if backup.meta is None or not tabelas <= backup.meta.tabelas.keys():
            continue
        versoes = [_a_de(n, r.versoes, ordem) for r in registros]
        linhas = tuple(v.linha for v in versoes if v is not None)
        if len(linhas) < len(registros):
            seguida = False
        elif seguida and achadas[-1].linhas == linhas:
            achadas[-1] = Juntos(linhas, achadas[-1].desde, backup)
        else:
            achadas.append(Juntos(linhas, backup, backup))
            seguida = True
    return achadas


def _a_de(n: int, versoes: Sequence[Versao], ordem: dict[str, int]) -> Versao | None:
    dela = (v for v in versoes if ordem[v.desde.carimbo] <= n <= ordem[v.ate.carimbo])
    return next(dela, None)


def a_melhor(
    backups: Sequence[Backup], registros: Sequence[Registro], versoes: Sequence[Juntos]
) -> int:
    """A posição da última de antes de algum deles sumir; ou, se todos existem ainda, de antes de
    algum mudar pela última vez."""
    ordem = {b.carimbo: n for n, b in enumerate(backups)}
    sumidos = [r for r in registros if not r.existe]
    if sumidos:
        limite = min(ordem[r.versoes[-1].ate.carimbo] for r in sumidos)
    else:
        mudados = [r for r in registros if len(r.versoes) > 1]
        limite = max((ordem[r.versoes[-2].ate.carimbo] for r in mudados), default=len(backups))
    antes = [i for i, v in enumerate(versoes) if ordem[v.desde.carimbo] <= limite]
    return antes[-1] if antes else len(versoes) - 1
