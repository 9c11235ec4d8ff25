"""O que está aqui está lá: leva a um destino o que lhe falta, o lacre de cada backup por último.

Não se guarda o que já foi: pergunta-se ao destino. Por isso um envio cortado continua de onde
parou, e o que alguém apagou de lá volta na vez seguinte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cofre.base.disco import erros_de_disco
from cofre.remoto.daqui import Daqui
from cofre.remoto.destino import Destino
from cofre.remoto.disposicao import BLOBS, Conteudo, Endereco, blobs_de, nome_do_blob, olhar
from cofre.remoto.erros import Travado

GRUPO = 32 * 1024 * 1024
"""Bytes, mais ou menos, entre um punhado de lacres e o seguinte: numa linha de 1 Mbit/s são uns
quatro minutos, o mais que um corte faz esperar por um backup inteiro lá."""

Avanco = Callable[[int, int], None]
"""Recebe quantos bytes já foram, e quantos são ao todo."""


@dataclass(slots=True)
class Envio:
    """O que um envio fez: quantos conteúdos e bytes foram, quantos lacres, e o que não pôde ir, em
    palavras. `la`: o que havia no destino antes; `ficaram`: os backups que não foram inteiros;
    `travados`: as somas do que está estragado lá e a trava não deixa trocar."""

    la: Conteudo
    conteudos: int = 0
    bytes: int = 0
    lacres: int = 0
    problemas: list[str] = field(default_factory=list)
    ficaram: set[Endereco] = field(default_factory=set)
    travados: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Remessa:
    """Um backup a que falta algo lá: os conteúdos (soma → bytes) que nenhum outro antes leva."""

    daqui: Daqui
    faltam: dict[str, int]
    lacre: bool

    @property
    def bytes(self) -> int:
        return sum(self.faltam.values())


def enviar(
    destino: Destino, backups: Sequence[Daqui], avanco: Avanco, podres: Collection[str] = ()
) -> Envio:
    """Leva o que falta destes backups, na ordem dada, e de novo o que se sabe estar podre lá (as
    somas, e os nomes de lacres). Levanta FalhaDaCopia ou FalhaDeDisco; o que já foi, fica, e o
    próximo envio continua."""
    ha = olhar(destino)
    envio = Envio(_sem(podres, ha))
    remessas = list(_o_que_falta(backups, envio.la))
    carteiro = _Carteiro(destino, ha, envio, avanco, sum(r.bytes for r in remessas))
    for grupo in _grupos(remessas):
        carteiro.levar(grupo)
    if envio.lacres:
        # Quem poda não sabia destes lacres: o que eles aproveitam pode ter saído no meio.
        agora = Conteudo(envio.la.lacres, blobs_de(destino))
        carteiro.levar_de_novo(r for r in _o_que_falta(backups, agora) if r.faltam)
    return envio


def _sem(podres: Collection[str], la: Conteudo) -> Conteudo:
    lacres = {e: o for e, o in la.lacres.items() if e.nome not in podres}
    return Conteudo(lacres, {s: o for s, o in la.blobs.items() if s not in podres})


def _o_que_falta(backups: Iterable[Daqui], la: Conteudo) -> Iterator[_Remessa]:
    vistos: set[str] = set()
    for daqui in backups:
        faltam = {s: n for s, n in daqui.lacre.blobs if s not in vistos and not la.tem(s, n)}
        vistos |= faltam.keys()
        lacre = la.lacres.get(daqui.endereco)
        falta_lacre = lacre is None or lacre.bytes != len(daqui.lacre.dados)
        if faltam or falta_lacre:
            yield _Remessa(daqui, faltam, falta_lacre)


def _grupos(remessas: Iterable[_Remessa]) -> Iterator[list[_Remessa]]:
    grupo: list[_Remessa] = []
    for remessa in remessas:
        grupo.append(remessa)
        if sum(r.bytes for r in grupo) >= GRUPO:
            yield grupo
            grupo = []
    if grupo:
        yield grupo


class _Carteiro:
    """Quem leva, e sabe o que não achou."""

    def __init__(
        self, destino: Destino, ha: Conteudo, envio: Envio, avanco: Avanco, total: int
    ) -> None:
        self._destino = destino
        self._ha = ha
        self._envio = envio
        self._avanco = avanco
        self._total = total
        self._perdidos: set[str] = set()
        self._foram: dict[str, int] = {}
        self._trocas: list[tuple[str, str, Path]] = []

    def levar_de_novo(self, sumiram: Iterable[_Remessa]) -> None:
        """O que havia lá, e deixou de haver; o que não se achou aqui não se procura outra vez."""
        restos = (
            replace(r, faltam={s: n for s, n in r.faltam.items() if s not in self._perdidos})
            for r in sumiram
        )
        self._levar_conteudos([r for r in restos if r.faltam])

    def levar(self, grupo: Sequence[_Remessa]) -> None:
        """Os conteúdos do grupo, e só depois os lacres dos que foram inteiros."""
        self._levar_conteudos(grupo)
        inteiras = [r for r in grupo if not self._perdidos & {s for s, _ in r.daqui.lacre.blobs}]
        self._envio.ficaram |= {r.daqui.endereco for r in grupo if r not in inteiras}
        lacres = {r.daqui.endereco: r.daqui.arquivo for r in inteiras if r.lacre}
        novos = {e: a for e, a in lacres.items() if e not in self._ha.lacres}
        if novos:
            self._destino.enviar([(e.nome, a) for e, a in novos.items()], _calado)
        trocados = [e for e, a in lacres.items() if e not in novos and self._trocar(e.nome, a)]
        self._envio.lacres += len(novos) + len(trocados)

    def _levar_conteudos(self, grupo: Sequence[_Remessa]) -> None:
        if not grupo:
            return
        self._destino.enviar(self._conteudos(grupo), self._foi)
        for soma, nome, arquivo in self._trocas:
            if not self._trocar(nome, arquivo):
                self._perdidos.add(soma)
                self._envio.travados.add(soma)
        self._trocas.clear()

    def _conteudos(self, grupo: Sequence[_Remessa]) -> Iterator[tuple[str, Path]]:
        """Procurados, e somados, só quando se chega a eles."""
        for remessa in (r for r in grupo if r.faltam):
            daqui = remessa.daqui
            with erros_de_disco(daqui.pasta):
                achados = daqui.achar(remessa.faltam.keys())
            for soma, arquivo in achados.items():
                nome = nome_do_blob(soma, cifrado=bool(daqui.lacre.detalhes))
                if soma in self._ha.blobs:
                    self._trocas.append((soma, nome, arquivo))
                else:
                    yield nome, arquivo
            if perdidos := remessa.faltam.keys() - achados.keys():
                self._perdidos |= perdidos
                if not daqui.saiu:
                    self._envio.problemas.append(_nao_se_acha(daqui, len(perdidos)))

    def _trocar(self, nome: str, arquivo: Path) -> bool:
        """Põe o bom por cima do que lá está cortado ou podre. Onde a trava do lugar também impede
        trocar, isso é dito, e o resto segue."""
        ao_enviar = self._foi if nome.startswith(BLOBS) else _calado
        try:
            self._destino.enviar([(nome, arquivo)], ao_enviar)
        except Travado:
            self._envio.problemas.append(f"{nome}: está estragado lá, e a trava não deixa trocá-lo")
            return False
        return True

    def _foi(self, nome: str, bytes_dele: int) -> None:
        self._envio.bytes += bytes_dele - self._foram.get(nome, 0)
        self._foram[nome] = bytes_dele
        self._envio.conteudos = len(self._foram)
        self._avanco(self._envio.bytes, self._total)


def _calado(_nome: str, _bytes: int) -> None:
    """O avanço conta os conteúdos; um lacre é pouco."""


def _nao_se_acha(daqui: Daqui, quantos: int) -> str:
    arquivos = "1 arquivo não está" if quantos == 1 else f"{quantos} arquivos não estão"
    return f"{daqui.pasta.name}, {daqui.lacre.carimbo}: {arquivos} mais como foi lacrado"
