"""A mesma tabela em dois estados: como se casam as linhas, e o que difere entre elas.

Os arquivos leem-se lado a lado, na ordem da chave, e somam-se enquanto se leem: um que não é mais o
que foi gravado não passa por diferença.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from cofre.base.erros import BackupDanificado
from cofre.base.linha import ORDENS, Linha, abrir_linha, mesmo_valor, que_diferem
from cofre.base.textos import CAMPO, MARCA, textos_de
from cofre.busca.bissecao import DE_UMA_LINHA_SO
from cofre.deposito.formato import sha256_do_arquivo
from cofre.deposito.ligacoes import Arquivo, chaves_repetidas
from cofre.deposito.linhas import NaoESolto, ler_linhas, ler_soltas
from cofre.deposito.passada import Somas
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.deposito.textos import Textos, com_textos
from cofre.plano.chaves import pela_chave, por_tudo
from cofre.plano.lados import Lado, Ordem, Par, em_blocos, pelo_indice

PARES_POR_VEZ = 1000
BLOCOS_POR_VEZ = 16
"""Uma linha prende na memória o pedaço do arquivo em que veio: com poucas diferenças, mil pares
prenderiam centenas deles."""

Mudancas = Mapping[str, Sequence[int]]
"""Por coluna, as posições das linhas em que ela mudou."""


@dataclass(frozen=True, slots=True)
class Duas:
    """A tabela `antes` e `depois`, e como se comparam: pela `chave` (nenhuma: um registro é a linha
    inteira), nas `colunas` que há dos dois lados. Sem `ordem`, os arquivos podem não estar na da
    chave. `pelo_valor`: 1.50 é 1.5, porque um dos dois não guardou os bytes do banco. `com_texto`:
    as colunas em que também contam os textos (ver `cofre.base.textos`). `soltas`: se as linhas se
    separam sem as ler, porque nenhuma tem quebras próprias."""

    nome: str
    antes: Arquivo
    depois: Arquivo
    chave: tuple[str, ...]
    colunas: tuple[str, ...]
    novas: tuple[str, ...] = ()
    sumidas: tuple[str, ...] = ()
    ordem: Ordem | None = None
    pelo_valor: bool = False
    com_texto: frozenset[str] = frozenset()
    soltas: bool = False
    caladas: frozenset[str] = frozenset()
    """As colunas que não se comparam, ainda que as haja dos dois lados."""

    @property
    def iguais(self) -> bool:
        """Se já se sabe que são o mesmo, byte a byte: não há o que ler."""
        um, outro = self.antes.tabela, self.depois.tabela
        return bool(um.sha256) and (um.somas, um.bytes) == (outro.somas, outro.bytes)

    def sem_ordem(self) -> Duas:
        """As mesmas, de arquivos que não estão na ordem da chave: se ela se repete num deles, não
        diz qual é a linha. Levanta BackupDanificado; OSError passa."""
        repete = any(chaves_repetidas(arquivo) for arquivo in (self.antes, self.depois))
        return replace(self, ordem=None, soltas=False, chave=() if repete else self.chave)

    def mudancas(self, umas: Sequence[bytes], outras: Sequence[bytes]) -> Mudancas:
        """O que mudou de cada uma para a outra da mesma posição, que não tem os mesmos bytes."""
        if self.pelo_valor:
            return _uma_a_uma(self, range(len(umas)), umas, outras)
        mudaram = que_diferem(umas, outras, self.colunas)
        faltam = self._por_olhar(mudaram, umas, outras)
        if not faltam:
            return mudaram
        devagar = _uma_a_uma(self, faltam, umas, outras)
        return {
            c: sorted({*mudaram.get(c, ()), *devagar.get(c, ())})
            for c in dict.fromkeys((*mudaram, *devagar))
        }

    def _por_olhar(
        self, mudaram: Mudancas, umas: Sequence[bytes], outras: Sequence[bytes]
    ) -> list[int]:
        """As que se olham com vagar: têm textos, ou nada se achou nelas e os metadados não explicam
        por que os bytes são outros (há uma coluna que não dizem, ou é o mesmo escrito de outro
        modo)."""
        posicoes = range(len(umas))
        faltam = set[int]()
        todas = any(len(quais) == len(umas) for quais in mudaram.values())
        if not (todas or self.novas or self.sumidas):
            faltam |= {*posicoes}.difference(*mudaram.values())
        if self.antes.textos or self.depois.textos:
            faltam |= {n for n in posicoes if MARCA in bytes(umas[n]) + bytes(outras[n])}
        return sorted(faltam)


def _uma_a_uma(
    duas: Duas, quais: Sequence[int], umas: Sequence[bytes], outras: Sequence[bytes]
) -> dict[str, list[int]]:
    mudaram: dict[str, list[int]] = {}
    fora = {*duas.novas, *duas.sumidas, *duas.caladas, CAMPO}
    for n in quais:
        um, outro = abrir_linha(umas[n]), abrir_linha(outras[n])
        seus, dele = textos_de(um), textos_de(outro)
        for coluna in dict.fromkeys((*um, *outro)):
            if coluna in fora:
                continue
            este, aquele = (bytes(x.get(coluna, _NULO)) for x in (um, outro))
            mesmo = mesmo_valor(este, aquele) if duas.pelo_valor else este == aquele
            texto_mudou = coluna in duas.com_texto and seus.get(coluna) != dele.get(coluna)
            if not mesmo or texto_mudou:
                mudaram.setdefault(coluna, []).append(n)
    return mudaram


_NULO = Linha(b"null")


class Confronto:
    """Uma leitura das duas, que entrega os pares que não têm os mesmos bytes, aos grupos; depois do
    último, `registros` diz quantos há de cada lado."""

    def __init__(self, duas: Duas) -> None:
        self._duas = duas
        self._somas = (Somas(), Somas())
        self._lados = tuple(
            _lado(duas, arquivo, somas)
            for arquivo, somas in zip((duas.antes, duas.depois), self._somas, strict=True)
        )

    @property
    def registros(self) -> tuple[int, int]:
        """Antes e depois."""
        um, outro = self._lados
        return um.lidas, outro.lidas

    def __iter__(self) -> Iterator[list[Par]]:
        """Levanta ForaDeOrdem se se esperava uma ordem, BackupDanificado; OSError passa."""
        juntos: list[Par] = []
        for n, pares in enumerate(self._aos_poucos(), 1):
            juntos += pares
            if len(juntos) >= PARES_POR_VEZ or n % BLOCOS_POR_VEZ == 0:
                yield juntos
                juntos = []
        if juntos:
            yield juntos
        lidos = zip((self._duas.antes, self._duas.depois), self._somas, self._lados, strict=True)
        for arquivo, somas, lado in lidos:
            if self._duas.soltas and lado.lidas != arquivo.tabela.registros:
                raise NaoESolto(f"{arquivo.caminho.name} tem linhas com quebras de linha")
            _conferir(arquivo, somas)

    def _aos_poucos(self) -> Iterator[list[Par]]:
        um, outro = self._lados
        if self._duas.ordem is None:
            for par in pelo_indice(um, [outro], com_chave=bool(self._duas.chave)):
                yield [par]
            return
        yield from (pares for _, pares in em_blocos(um, outro) if pares)
        for chaves, linhas in um.resto_em_grupos():
            yield [(c, linha, None) for c, linha in zip(chaves, linhas, strict=True)]
        for chaves, linhas in outro.resto_em_grupos():
            yield [(c, None, linha) for c, linha in zip(chaves, linhas, strict=True)]


def _lado(duas: Duas, arquivo: Arquivo, somas: Somas) -> Lado:
    caminho, salva = arquivo.caminho, arquivo.tabela
    ler = pela_chave(caminho, duas.nome, duas.chave) if duas.chave else por_tudo(duas.com_texto)
    if duas.soltas:
        return Lado(cast(Grupos, ler_soltas(caminho, somas.somar)), ler, duas.ordem)
    linhas = ler_linhas(caminho, somas.somar)
    if arquivo.textos is not None:
        linhas = com_textos(linhas, Textos(arquivo.textos, salva.de_quem))
    return Lado(linhas, ler, duas.ordem)


Grupos = Iterator[list[Linha]]


def _conferir(arquivo: Arquivo, somas: Somas) -> None:
    salva = arquivo.tabela
    achadas = [(arquivo.caminho, salva.sha256, somas.sha256)]
    if arquivo.textos is not None and salva.textos is not None:
        dos_textos, _ = sha256_do_arquivo(arquivo.textos)
        achadas.append((arquivo.textos, salva.textos.sha256, dos_textos))
    for caminho, era, e in achadas:
        if era and era != e:
            raise BackupDanificado(f"{caminho.name} não é mais o que foi gravado (sha256).")


def juntar(nome: str, antes: Arquivo, depois: Arquivo, chave: Sequence[str] = ()) -> Duas:
    """Como comparar estes dois arquivos de uma tabela; `chave`: a que outro backup diz, para quando
    nenhum dos dois a diz (a primeira versão não a guardava). Levanta BackupDanificado; OSError
    passa."""
    um, outro = antes.tabela, depois.tabela
    tinha = _colunas(antes) or _colunas(depois)
    tem = _colunas(depois) or tinha
    duas = Duas(
        nome,
        antes,
        depois,
        (),
        tuple(c for c in tem if c in tinha),
        tuple(c for c in tem if c not in tinha),
        tuple(c for c in tinha if c not in tem),
        pelo_valor=not (um.sha256 and outro.sha256),
        com_texto=_com_texto(um, outro, tem),
    )
    if duas.iguais or not (escolhida := _chave(duas, chave)):
        return duas
    ordem = _ordem(duas, escolhida)
    soltas = ordem is not None and all(map(_de_uma_linha_so, (antes, depois)))
    return replace(duas, chave=escolhida, ordem=ordem, soltas=soltas)


def _de_uma_linha_so(arquivo: Arquivo) -> bool:
    """Se o JSON que o PostgreSQL escreve destas colunas não tem quebras de linha."""
    tipos = arquivo.tabela.tipos.values()
    return arquivo.textos is None and all(map(DE_UMA_LINHA_SO.fullmatch, tipos))


def _colunas(arquivo: Arquivo) -> tuple[str, ...]:
    """As que os metadados dizem (a primeira versão não as dizia) e as que a primeira linha tem."""
    primeira = next((grupo[0] for grupo in ler_linhas(arquivo.caminho) if grupo), b"{}")
    das_linhas = (c for c in abrir_linha(primeira) if c != CAMPO)
    return tuple(dict.fromkeys((*arquivo.tabela.tipos, *das_linhas)))


def _chave(duas: Duas, de_outro: Sequence[str]) -> tuple[str, ...]:
    """A dos dois, ou a de um que sirva no outro, sem repetir nele; nenhuma, se nenhuma serve."""
    lados = (duas.depois, duas.antes)
    for chave in dict.fromkeys((*(x.tabela.chave for x in lados), tuple(de_outro))):
        tem = bool(chave) and set(chave) <= set(duas.colunas)
        if tem and not any(_se_repete(x, chave) for x in lados):
            return chave
    return ()


def _se_repete(arquivo: Arquivo, chave: tuple[str, ...]) -> bool:
    """Se há duas linhas com a mesma: a que era a da tabela já se conferiu."""
    if arquivo.tabela.chave == chave:
        return False
    return chaves_repetidas(replace(arquivo, tabela=replace(arquivo.tabela, chave=chave))) > 0


def _ordem(duas: Duas, chave: tuple[str, ...]) -> Ordem | None:
    """A que os dois arquivos têm, se se sabe."""
    salvas = (duas.antes.tabela, duas.depois.tabela)
    if len(chave) != 1 or any(s.chave != chave or not s.sha256 for s in salvas):
        return None
    um, outro = (s.tipos.get(chave[0], "") for s in salvas)
    return ORDENS.get(um) if ORDENS.get(um) is ORDENS.get(outro) else None


def _com_texto(um: TabelaSalva, outro: TabelaSalva, colunas: Sequence[str]) -> frozenset[str]:
    """As colunas de que os dois guardam os textos, e do mesmo modo: das outras, do que um não diz
    não se sabe se mudou."""
    if not all(s.exata or s.sem_prova for s in (um, outro)):
        return frozenset()
    de_um_so = set(um.sempre_com_texto) ^ set(outro.sempre_com_texto)
    return frozenset({*colunas} - {*um.sem_prova, *outro.sem_prova} - de_um_so)
