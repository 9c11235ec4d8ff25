"""A tabela de trocas: de cada valor que se viu, o substituto dele, e nenhum outro tem o mesmo.

Primeiro veem-se todos os valores (`ver`); depois `fechar` dá a cada um o primeiro candidato que não
é de ninguém: nem outro substituto, nem um valor que exista na empresa. Os candidatos dependem só do
segredo e do valor: o mesmo valor tem o mesmo substituto em todas as execuções, a não ser que outro,
novo, seja esse substituto.

Na memória: a chave de cada valor distinto e o substituto (uns 400 MB por milhão).
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections import defaultdict
from collections.abc import Collection, Iterator

from cofre.clone.anonimo import documentos
from cofre.clone.anonimo.classes import Especie
from cofre.clone.anonimo.enderecos import fica
from cofre.clone.anonimo.falsos import CANDIDATOS
from cofre.clone.anonimo.feitio import chave_do_texto, mascarar, moldura, vestir
from cofre.clone.anonimo.indice import Indice
from cofre.clone.anonimo.padroes import reconhecer
from cofre.clone.anonimo.sorteio import Sorteador

DE_TEXTO = frozenset({Especie.NOME, Especie.USUARIO, Especie.EMAIL, Especie.RUA, Especie.BAIRRO})
"""As que se vestem; as outras têm máscara."""
DE_LUGAR = frozenset({Especie.RUA, Especie.BAIRRO})
"""As que podem estar ao lado do que, num endereço, fica (ver `enderecos.fica`)."""
DO_FONE = 8
"""Algarismos de um telefone que dizem de quem é: antes deles vêm o país, o DDD e o 9."""
LONGO = 20
"""Um segredo com mais caracteres não precisa da tabela: dois não saem iguais."""
_DIZ_ALGO, _ALGARISMO = re.compile(r"[^\W_]"), re.compile(r"[0-9]")
_TAMANHOS = {
    Especie.CPF: (documentos.TAMANHO_DO_CPF,),
    Especie.CNPJ: (documentos.TAMANHO_DO_CNPJ,),
    Especie.TELEFONE: (10, 11, 12, 13),
}
_TENTATIVAS_PARA_AS_FORMAS = 40
_TENTATIVAS_SEM_NOMES = 200
"""Daí em diante, é que há quem se chame como o que todo substituto tem («Ltda»)."""


class Trocas:
    """Os substitutos de tudo o que se viu de uma empresa. `cidades`: as que se sabe que o são."""

    def __init__(self, segredo: bytes, cidades: Collection[str] = ()) -> None:
        self._cidades = cidades
        self._sorteador = Sorteador(segredo)
        self._vistos: dict[Especie, dict[str, str | tuple[str, ...]]] = defaultdict(dict)
        self._falsos: dict[Especie, dict[str, str]] = defaultdict(dict)
        self._usados: dict[Especie, set[str]] = defaultdict(set)
        self.nomes = Indice()

    # -- primeiro: o que há --------------------------------------------------------------------

    def ver(self, especie: Especie, texto: str) -> None:
        """Mais um valor que há na empresa."""
        if especie is Especie.NOTA:
            self.ver(Especie.CNPJ, documentos.so_os_caracteres(texto)[documentos.NA_NOTA])
            return
        chave = chave_de(especie, texto)
        if not chave or (especie is Especie.SEGREDO and len(chave) >= LONGO):
            return
        vistos = self._vistos[especie]
        forma = texto if especie in DE_TEXTO else chave
        sabidas = vistos.setdefault(chave, forma)
        if sabidas is forma or sabidas == forma:
            return
        formas = sabidas if isinstance(sabidas, tuple) else (sabidas,)
        if forma not in formas:
            vistos[chave] = (*formas, forma)

    def fechar(self) -> None:
        """Já se viu tudo: dá um substituto a cada um."""
        for chave in self._vistos[Especie.NOME]:
            self.nomes.incluir(chave)
        for especie, vistos in self._vistos.items():
            for chave in sorted(vistos):
                formas = vistos[chave]
                self._dar(especie, chave, formas if isinstance(formas, tuple) else (formas,))

    def _dar(self, especie: Especie, chave: str, formas: tuple[str, ...]) -> str:
        falso = self._escolher(especie, chave, formas)
        self._falsos[especie][chave] = falso
        if especie in DE_TEXTO and len(formas) > 1:
            prontas: set[str] = set()
            for forma in sorted(formas):
                pronta = vestir(falso, forma)
                if pronta in prontas:  # só diferem no que o feitio não guarda
                    proprio = f"{chave}\0{forma}"
                    self._falsos[especie][proprio] = self._escolher(especie, proprio, (forma,))
                prontas.add(pronta)
        return falso

    def _escolher(self, especie: Especie, chave: str, formas: tuple[str, ...]) -> str:
        de_texto = especie in DE_TEXTO
        maior = min(len(moldura(f)[1]) for f in formas) if de_texto else 0
        usados, vistos = self._usados[especie], self._vistos[especie]
        for tentativa, candidato in self._candidatos(especie, chave, maior):
            marca = chave_do_texto(candidato) if de_texto else candidato
            if not candidato or marca in usados or marca in vistos:
                continue
            if especie in DE_LUGAR and fica(candidato, self._cidades):
                continue
            if de_texto and tentativa < _TENTATIVAS_SEM_NOMES and self._tem_nome(especie, marca):
                continue
            muitas = len(formas) > 1 and tentativa < _TENTATIVAS_PARA_AS_FORMAS and de_texto
            if muitas and len({vestir(candidato, f) for f in formas}) < len(formas):
                continue
            usados.add(marca)
            return candidato
        raise AssertionError("os candidatos não acabam")

    def _candidatos(self, especie: Especie, chave: str, maior: int) -> Iterator[tuple[int, str]]:
        um = CANDIDATOS[especie]
        sem_a_forma = chave.partition("\0")[0] if especie in DE_TEXTO else chave
        tentativa = 0
        while True:
            sorteio = self._sorteador.de(especie, chave, tentativa)
            yield tentativa, um(sem_a_forma, maior, sorteio, tentativa)
            tentativa += 1

    def _tem_nome(self, especie: Especie, marca: str) -> bool:
        """Se tem dentro o nome de alguém; de um e-mail, o domínio é sempre o mesmo."""
        return self.nomes.tem(marca.partition("@")[0] if especie is Especie.EMAIL else marca)

    # -- depois: o substituto ------------------------------------------------------------------

    def trocar(self, especie: Especie, texto: str) -> str:
        """O substituto deste valor, com o feitio dele; um que não se tinha visto ganha um agora."""
        if especie is Especie.NOTA:
            return self._nota(texto)
        chave = chave_de(especie, texto)
        if not chave:
            return texto
        if especie in DE_TEXTO:
            falsos = self._falsos[especie]
            falso = falsos.get(f"{chave}\0{texto}") or falsos.get(chave)
            return vestir(falso or self._dar(especie, chave, (texto,)), texto)
        return self._com_mascara(especie, chave, texto)

    def _com_mascara(self, especie: Especie, chave: str, texto: str) -> str:
        if especie is Especie.SEGREDO and len(chave) >= LONGO:
            falso = next(self._candidatos(especie, chave, 0))[1]
        else:
            falso = self._falsos[especie].get(chave) or self._dar(especie, chave, (chave,))
        if especie in (Especie.SEGREDO, Especie.IP):
            antes, miolo, depois = moldura(texto)
            mascara = miolo.partition("/")[2] if especie is Especie.IP else ""
            return f"{antes}{falso}{f'/{mascara}' if mascara else ''}{depois}"
        caracteres = documentos.so_os_caracteres(texto)
        if especie is Especie.TELEFONE:
            caracteres = documentos.so_os_algarismos(texto)
            return _so_os_algarismos(caracteres[: -len(chave)] + falso, texto)
        if especie is Especie.CNPJ:
            falso = documentos.cnpj_de(falso + caracteres[documentos.RAIZ : documentos.BASE])
        return mascarar(falso, texto)

    def _nota(self, texto: str) -> str:
        """A mesma nota, de outro emitente."""
        caracteres = documentos.so_os_caracteres(texto)
        onde = documentos.NA_NOTA
        emitente = self.trocar(Especie.CNPJ, caracteres[onde])
        base = f"{caracteres[: onde.start]}{emitente}{caracteres[onde.stop : -1]}"
        return mascarar(documentos.nota_de(base), texto)

    def base(self, chave: str) -> str:
        """O substituto de um nome, por vestir."""
        return self._falsos[Especie.NOME][chave]

    def conhece(self, especie: Especie, caracteres: str) -> bool:
        """Se este e-mail, CPF, CNPJ ou telefone (com o DDD), sem máscara, se viu numa coluna."""
        certo = especie is Especie.EMAIL or len(caracteres) in _TAMANHOS[especie]
        return certo and chave_de(especie, caracteres) in self._vistos.get(especie, ())

    def ha_alguem(self, texto: str, *, por_trocar: bool) -> bool:
        """Se neste texto está o nome de alguém, ou um e-mail, documento ou telefone que se viu (se
        nele não se mexeu, `por_trocar`, um qualquer)."""
        if self.nomes.tem(texto):
            return True
        achados = reconhecer(texto, self.conhece)
        return any(
            por_trocar or chave_de(especie, texto[i:f]) in self._vistos.get(especie, ())
            for i, f, especie in achados
        )

    def quantos(self) -> dict[Especie, int]:
        """Valores distintos de cada espécie."""
        return {e: len(v) for e, v in self._vistos.items()}


def chave_de(especie: Especie, texto: str) -> str:
    """O que diz que dois textos são o mesmo valor; vazio, se não é valor nenhum."""
    if especie in DE_TEXTO:
        return chave_do_texto(texto) if _DIZ_ALGO.search(texto) else ""
    if especie is Especie.SEGREDO:
        return texto.strip() if _DIZ_ALGO.search(texto) else ""
    if especie is Especie.IP:
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(texto.strip().partition("/")[0]))
        return ""
    if especie is Especie.TELEFONE:
        return documentos.so_os_algarismos(texto)[-DO_FONE:]
    caracteres = documentos.so_os_caracteres(texto)
    if especie is Especie.CNPJ and documentos.e_cnpj(caracteres):
        return caracteres[: documentos.RAIZ]
    return caracteres if _ALGARISMO.search(caracteres) else ""


def _so_os_algarismos(caracteres: str, original: str) -> str:
    """Como `mascarar`, mas as letras do original ficam."""
    saida, seguintes = [], iter(caracteres)
    ultimo = 0
    for c in original:
        algarismo = c.isascii() and c.isdecimal()
        saida.append(next(seguintes, "") if algarismo else c)
        ultimo = len(saida) if algarismo else ultimo
    saida.insert(ultimo, "".join(seguintes))
    return "".join(saida)
