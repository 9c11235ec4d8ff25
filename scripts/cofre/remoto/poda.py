"""Podar a cópia: apagar lacres, e depois os conteúdos que nenhum lacre cita mais.

É outro comando, para outra credencial: a deste computador não precisa de apagar nada. As datas são
as do destino, não as que um lacre diz, e só contam lacres de quem se conhece: um que não se leia,
ou de outra chave, e nada sai. O que ainda está vivo no computador que o fez também não sai, e por
isso o que falta nunca parece tirado por alguém.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cofre.base.palavras import plural
from cofre.deposito.lacre.lacre import Lacre
from cofre.remoto.conferencia import mais_novos
from cofre.remoto.destino import Destino, Objeto
from cofre.remoto.disposicao import Endereco, blobs_de, lacres_de, olhar
from cofre.remoto.erros import FalhaDaCopia, Travado
from cofre.remoto.lacres import ler_lacres

CARENCIA = timedelta(days=7)
"""Quanto um conteúdo que ninguém cita espera: pode ser de um envio que está a meio."""
MINIMO = 3
"""Quantos dos mais novos de cada empresa não saem, diga a regra o que disser."""
INTEIRO = 0.9
"""Que parte dos conteúdos do maior backup recente um tem de ter para valer como completo: sem chave
não se sabe se foi só de algumas tabelas."""


class CopiaSuspeita(FalhaDaCopia):
    """Há na cópia um lacre que não se lê, ou de quem não se conhece: nada se apaga."""


@dataclass(frozen=True, slots=True)
class NaPoda:
    """Um backup da cópia. `quando` é a data do destino; `completo`, se os conteúdos dele estão lá e
    são tantos como os dos outros; `citado`, se o lacre mais novo do computador que o fez diz que
    ainda está vivo nele."""

    endereco: Endereco
    lacre: Lacre
    quando: datetime
    completo: bool
    citado: bool
    encolhido: bool


def reunir(destino: Destino, conhecidas: Collection[str]) -> list[NaPoda]:
    """Os backups que há, por empresa e data do destino. Levanta CopiaSuspeita, ou outra
    FalhaDaCopia."""
    la = olhar(destino)
    lacres = _todos_bons(destino, la.lacres, conhecidas)
    citados = {
        Endereco(e.empresa, anterior.carimbo, e.escritor)
        for e, novo in mais_novos(lacres).items()
        for anterior in novo.anteriores
    }
    achados: list[NaPoda] = []
    for empresa in la.empresas:
        datas = {e: (la.lacres[e].modificado, e) for e in lacres if e.empresa == empresa}
        dela = sorted(datas, key=datas.__getitem__)
        tamanhos = [_de_tabelas(lacres[e]) for e in dela]
        for n, e in enumerate(dela):
            lacre, maior = lacres[e], max(tamanhos[: n + 1])
            inteiro = all(la.tem(soma, bytes_) for soma, bytes_ in lacre.blobs)
            grande = _de_tabelas(lacre) >= INTEIRO * maior
            antes = lacres[dela[n - 1]] if n else None
            achados.append(
                NaPoda(
                    e,
                    lacre,
                    la.lacres[e].modificado,
                    completo=inteiro and grande,
                    citado=e in citados,
                    encolhido=grande and antes is not None and _encolheu(antes, lacre),
                )
            )
    return achados


def _de_tabelas(lacre: Lacre) -> int:
    """Quantos conteúdos são das tabelas: uma empresa com menos fotos não é um backup a menos."""
    return len(lacre.blobs) - lacre.conteudos


def _encolheu(antes: Lacre, agora: Lacre) -> bool:
    """Se as tabelas, ou os arquivos, ficaram em menos de metade dos bytes."""
    de_arquivos = (antes.bytes_dos_conteudos, agora.bytes_dos_conteudos)
    de_tudo = tuple(sum(b for _, b in lacre.blobs) for lacre in (antes, agora))
    das_tabelas = (de_tudo[0] - de_arquivos[0], de_tudo[1] - de_arquivos[1])
    return any(2 * hoje < ontem for ontem, hoje in (das_tabelas, de_arquivos))


@dataclass(frozen=True, slots=True)
class Podado:
    """O que saiu: quantos backups, quantos conteúdos e bytes; `travados`: os que a trava do lugar
    segurou."""

    backups: int
    conteudos: int
    bytes: int
    travados: int


def apagar(
    destino: Destino, saem: Sequence[NaPoda], conhecidas: Collection[str], agora: datetime
) -> Podado:
    """Apaga estes backups, e os conteúdos que ficam sem ninguém. Parado no meio, sobram conteúdos
    por citar, que a próxima poda apaga; nunca um lacre sem eles. Levanta FalhaDaCopia."""
    backups = travados = 0
    # De cada computador, do mais novo ao mais antigo: o que fica nunca cita um que já saiu.
    for nele in sorted(saem, key=lambda b: b.lacre.numero, reverse=True):
        if _apagar(destino, nele.endereco.nome):
            backups += 1
        else:
            travados += 1
    conteudos = bytes_ = 0
    for objeto in _sem_ninguem(destino, conhecidas, agora):
        if _apagar(destino, objeto.nome):
            conteudos += 1
            bytes_ += objeto.bytes
        else:
            travados += 1
    return Podado(backups, conteudos, bytes_, travados)


def _sem_ninguem(destino: Destino, conhecidas: Collection[str], agora: datetime) -> list[Objeto]:
    """Os conteúdos que nenhum lacre cita e que já esperaram. Os conteúdos se listam primeiro: um
    lacre que chegue entre as duas listas é visto, e o que ele cita não sai."""
    blobs = blobs_de(destino)
    lacres = lacres_de(destino)
    citados = {
        soma
        for lacre in _todos_bons(destino, lacres, conhecidas).values()
        for soma, _ in lacre.blobs
    }
    limite = _relogio_do_lugar(agora, (*blobs.values(), *lacres.values())) - CARENCIA
    return [o for soma, o in blobs.items() if soma not in citados and o.modificado < limite]


def _relogio_do_lugar(agora: datetime, objetos: Sequence[Objeto]) -> datetime:
    """Um relógio daqui adiantado não encurta a carência: o lugar não viu esse dia."""
    visto = max((o.modificado for o in objetos), default=agora)
    return min(agora, visto + timedelta(days=1))


def _todos_bons(
    destino: Destino, objetos: Mapping[Endereco, Objeto], conhecidas: Collection[str]
) -> Mapping[Endereco, Lacre]:
    """Os lacres que lá estão, se todos se leem e são de chaves conhecidas. Levanta
    CopiaSuspeita."""
    lidos = ler_lacres(destino, objetos)
    estranhos = [x for x in lidos.bons.values() if x.chave not in conhecidas]
    if lidos.ruins:
        endereco, causa = next(iter(sorted(lidos.ruins.items())))
        raise CopiaSuspeita(
            f"{destino.nome}: {plural(len(lidos.ruins), 'lacre', 'lacres')} que não se"
            f" {'lê' if len(lidos.ruins) == 1 else 'leem'} ({endereco.nome}: {causa}).",
            "Nada mais foi apagado. Veja o que houve com «verificar --copia» antes de podar.",
        )
    if estranhos:
        raise CopiaSuspeita(
            f"{destino.nome}: há lacres de quem este computador não conhece"
            f" (código {estranhos[0].codigo}).",
            "Nada mais foi apagado. Se são de outro computador seu, confira o código na folha dele"
            " e aceite-o antes de podar.",
        )
    return lidos.bons


def _apagar(destino: Destino, nome: str) -> bool:
    """Falso se a trava do lugar o segura."""
    try:
        destino.apagar(nome)
    except Travado:
        return False
    return True
