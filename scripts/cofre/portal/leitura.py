"""As linhas de uma página: separar o que é da linha do que veio só para conferir, e conferir.

Uma linha chega como `{...colunas...,"xmin":"123","_dono":{...}}`. O que se guarda é o trecho até
as colunas, byte por byte; o resto diz a versão da linha e de quem ela é.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import msgspec

from cofre.campos import NULO, Campos, texto, tipo_com
from cofre.erros import LinhaDeOutraEmpresa, RespostaInvalida
from cofre.escopo import Donos
from cofre.modelo import SEM_CHAVE
from cofre.portal.consulta import APELIDO, Consulta
from cofre.portal.transporte import Pagina

Chave = tuple[bytes, ...]
"""Os valores da chave de uma linha, cada um com os bytes do JSON."""


@dataclass(frozen=True, slots=True)
class Lidas:
    """As linhas de uma página que são da empresa, na ordem em que vieram.

    `versoes` resume chave e versão de TODAS as que vieram (também as que a empresa não leva), para
    comparar duas leituras da mesma faixa; `ultima` é a chave da última delas.
    """

    textos: list[bytes]
    chaves: list[Chave]
    vieram: int
    versoes: bytes
    ultima: Chave | None


class Leitor:
    """Sabe ler as páginas de uma consulta. Um por consulta: o formato da linha é compilado."""

    def __init__(self, consulta: Consulta, empresa: str, donos: Donos) -> None:
        self._consulta = consulta
        self._empresa = empresa
        self._donos = donos
        self._ordem = consulta.tabela.ordem
        self._elos = consulta.ramo.elos
        self._passos = len(consulta.ramo.passos)
        self._nulas = consulta.ramo.nulos[0]
        dos_elos = [e.coluna for e in self._elos]
        versao = (*self._ordem, "xmin")
        linha = tipo_com(versao if self._passos else (*versao, *dos_elos))
        if self._passos:
            mae = tipo_com(dos_elos)
            for _ in range(self._passos - 1):
                mae = tipo_com((), pendurada=(APELIDO, mae))
            linha = tipo_com((*versao, *self._nulas), pendurada=(APELIDO, mae))
        self._so_chave = msgspec.json.Decoder(tipo_com(self._ordem))
        self._chaves = _varias(tipo_com(versao))
        self._linhas = _varias(linha)

    def linhas(self, pagina: Pagina) -> Lidas:
        """As linhas inteiras, conferidas uma a uma. Levanta LinhaDeOutraEmpresa."""
        estruturas = self._decodificar(self._linhas, pagina)
        chaves = [self._chave(e) for e in estruturas]
        textos: list[bytes] = []
        minhas: list[Chave] = []
        for bruta, estrutura, chave in zip(pagina.linhas, estruturas, chaves, strict=True):
            if self._e_minha(estrutura):
                textos.append(self._so_a_linha(bytes(bruta)))
                minhas.append(chave)
        versoes = _resumo(chaves, estruturas)
        return Lidas(textos, minhas, len(chaves), versoes, chaves[-1] if chaves else None)

    def versoes(self, pagina: Pagina) -> tuple[list[Chave], list[Campos]]:
        """As chaves e as estruturas com `xmin` de uma página pedida só com elas."""
        estruturas = self._decodificar(self._chaves, pagina)
        return [self._chave(e) for e in estruturas], estruturas

    def ultima(self, pagina: Pagina) -> Chave:
        """A chave da última linha de uma página não vazia."""
        return self._chave(self._so_chave.decode(pagina.linhas[-1]))

    def _decodificar(
        self, decodificador: msgspec.json.Decoder[list[Campos]], pagina: Pagina
    ) -> list[Campos]:
        try:
            return decodificador.decode(pagina.corpo)
        except msgspec.ValidationError as e:
            nome = self._consulta.tabela.nome
            raise RespostaInvalida(f"Não entendi as linhas de {nome}: {e}") from e

    def _chave(self, estrutura: Campos) -> Chave:
        return tuple(estrutura[c] for c in self._ordem)

    def _e_minha(self, estrutura: Campos) -> bool:
        """Verdadeiro se é da empresa; falso se um elo que vem antes a dá a outra empresa.
        Uma linha que nenhum elo liga a esta empresa é um filtro que o servidor não aplicou."""
        if any(estrutura[c] != NULO for c in self._nulas):
            self._recusar()  # é de outro ramo, ou de outra empresa: o filtro não foi aplicado
        for _ in range(self._passos):
            estrutura = estrutura.pendurada
        valores = [texto(estrutura[e.coluna]) for e in self._elos]
        minha = self._donos.e_da_empresa(self._empresa, self._elos, valores)
        if minha is None:
            self._recusar()
        return minha

    def _recusar(self) -> NoReturn:
        raise LinhaDeOutraEmpresa(
            f"O servidor mandou, em {self._consulta.tabela.nome}, uma linha de outra empresa."
        )

    def _so_a_linha(self, bruta: bytes) -> bytes:
        primeiro = "tableoid" if self._ordem == SEM_CHAVE else "xmin"
        corte = bruta.rfind(f',"{primeiro}":"'.encode())
        if corte < 0:
            raise RespostaInvalida(f"Falta o xmin nas linhas de {self._consulta.tabela.nome}.")
        return bruta[:corte] + b"}"


def resumir(chaves: Sequence[Chave], estruturas: Sequence[Campos]) -> bytes:
    """O resumo de chaves e versões, igual ao de `Lidas.versoes` para as mesmas linhas."""
    return _resumo(chaves, estruturas)


def literais(chave: Chave) -> tuple[str, ...]:
    """Os valores da chave como se escrevem num filtro."""
    return tuple(texto(v) or "" for v in chave)


def _varias(tipo: type[Campos]) -> msgspec.json.Decoder[list[Campos]]:
    return msgspec.json.Decoder(list[tipo])  # type: ignore[valid-type]


def _resumo(chaves: Sequence[Chave], estruturas: Sequence[Campos]) -> bytes:
    resumo = hashlib.blake2b(digest_size=16)
    for chave, estrutura in zip(chaves, estruturas, strict=True):
        resumo.update(b",".join(chave) + b" " + estrutura["xmin"] + b"\n")
    return resumo.digest()
