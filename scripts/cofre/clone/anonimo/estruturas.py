"""Um valor de JSON inteiro: um texto, um número, ou tudo o que há dentro de um objeto ou vetor.

Os números e o que não se troca saem com os bytes que tinham.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from cofre.base.linha import abrir_linha, separar, texto
from cofre.base.modelo import LOGINS
from cofre.clone.anonimo.classes import Classe
from cofre.clone.anonimo.colunas import classe_do_nome
from cofre.clone.anonimo.conteudo import Conteudo
from cofre.clone.anonimo.falsos import UUID
from cofre.clone.anonimo.valores import Tratamento

Anotar = Callable[[Classe, str, str], None]
_DE_FORA = frozenset({"sub", "provider_id"})
"""Num login, o número por que o Google (ou outro) conhece a pessoa."""
VAZIO = b'""'
CHAVE_COMPRIDA = 8


class Estruturas:
    """Leva um `Tratamento` a cada texto de um valor. `anotar` recebe cada um, e o que saiu."""

    def __init__(self, tratamento: Tratamento, anotar: Anotar | None = None) -> None:
        self._tratamento, self._anotar = tratamento, anotar

    def trocar(self, bruto: bytes, classe: Classe, contexto: tuple[str, ...]) -> bytes:
        """O valor, trocado. `classe`: a da coluna, que vale para os itens de um vetor; dentro de um
        objeto vale a de cada chave, menos a de um segredo, que vale para tudo."""
        try:
            return self._valor(bruto, classe, contexto)
        except RecursionError:  # níveis demais: como o texto que é
            dito = bruto.decode("utf-8", "surrogatepass")
            return self._texto(Classe.TEXTO, dito).encode("utf-8", "surrogatepass")

    def mostrar(self, bruto: bytes, conteudo: Conteudo) -> None:
        """Os textos do primeiro nível, ou de um vetor, a quem conta de que feitio são."""
        comeco = bruto[:1]
        if comeco == b'"':
            conteudo.ver(texto(bruto) or "")
        elif comeco == b"[":
            for item in separar(bruto):
                if (dito := bytes(item)).startswith(b'"'):
                    conteudo.ver(texto(dito) or "")

    def _valor(self, bruto: bytes, classe: Classe, contexto: tuple[str, ...]) -> bytes:
        comeco = bruto.lstrip()[:1]
        if comeco == b'"':
            return self._escalar(bruto, classe, contexto)
        if comeco == b"{":
            return self._objeto(bruto, classe, contexto)
        if comeco == b"[":
            return self._vetor(bruto, classe, contexto)
        if comeco in b"-0123456789":
            return self._tratamento.numero(classe, bruto.decode("ascii")).encode("ascii")
        return bruto

    def _escalar(self, bruto: bytes, classe: Classe, contexto: tuple[str, ...]) -> bytes:
        try:
            dito = msgspec.json.decode(bruto, type=str)
        except msgspec.DecodeError:
            return VAZIO  # meio par substituto: não se sabe o que diz
        novo = self._json_em_texto(classe, dito, contexto)
        if novo is None:
            novo = self._texto(classe, dito)
        return bruto if novo == dito else msgspec.json.encode(novo)

    def _json_em_texto(self, classe: Classe, dito: str, contexto: tuple[str, ...]) -> str | None:
        """Um JSON guardado num texto vale como um json; None se não é um."""
        if classe is not Classe.TEXTO or dito[:1] not in ("{", "["):
            return None
        try:
            msgspec.json.decode(dito)
            return self._valor(dito.encode(), classe, contexto).decode()
        except (msgspec.DecodeError, UnicodeEncodeError):
            return None

    def _texto(self, classe: Classe, dito: str) -> str:
        novo = self._tratamento.texto(classe, dito)
        if self._anotar is not None and not UUID.fullmatch(dito):
            self._anotar(classe, dito, novo)
        return novo

    def _vetor(self, bruto: bytes, classe: Classe, contexto: tuple[str, ...]) -> bytes:
        itens = [bytes(item) for item in separar(bruto)]
        novos = [self._valor(item, classe, contexto) for item in itens]
        if novos == itens:
            return bruto
        de_jsonb = bruto.startswith(b", ", 1 + len(itens[0]))
        return b"[" + (b", " if de_jsonb else b",").join(novos) + b"]"

    def _objeto(self, bruto: bytes, classe: Classe, contexto: tuple[str, ...]) -> bytes:
        campos = {chave: bytes(valor) for chave, valor in abrir_linha(bruto).items()}
        de_tudo = classe in (Classe.SEGREDO, Classe.FICA)
        ao_lado = frozenset(campos)
        novos: dict[str, bytes] = {}
        for chave, valor in campos.items():
            sua = classe if de_tudo else _da_chave(chave, contexto, ao_lado)
            # Há quem use um e-mail como chave.
            nova = self._tratamento.livre(chave) if len(chave) >= CHAVE_COMPRIDA else chave
            novos[nova] = self._valor(valor, sua, (*contexto, chave))
        return bruto if novos == campos else _escrito_como(bruto, campos, novos)


def _escrito_como(bruto: bytes, campos: Mapping[str, bytes], novos: Mapping[str, bytes]) -> bytes:
    """O objeto como o PostgreSQL o escreveria: o de um jsonb com espaços, e as chaves da mais curta
    à mais comprida (documentação, «JSON Types»; jsonb_util.c, lengthCompareJsonbStringValue)."""
    escritos = {msgspec.json.encode(chave): valor for chave, valor in novos.items()}
    primeira = msgspec.json.encode(next(iter(campos)))
    de_jsonb = bruto.startswith(b": ", 1 + len(primeira))
    if de_jsonb and novos.keys() != campos.keys():
        escritos = dict(sorted(escritos.items(), key=lambda par: (len(par[0]), par[0])))
    entre, depois = (b": ", b", ") if de_jsonb else (b":", b",")
    return b"{" + depois.join(c + entre + v for c, v in escritos.items()) + b"}"


@lru_cache(maxsize=4096)
def _da_chave(chave: str, contexto: tuple[str, ...], ao_lado: frozenset[str]) -> Classe:
    if chave in _DE_FORA and LOGINS in contexto:
        return Classe.DOCUMENTO
    return classe_do_nome(chave, contexto, ao_lado) or Classe.TEXTO
