"""O que se procura numa linha: palavras, sem olhar acento, maiúscula nem pontuação."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from cofre.base.linha import abrir_linha, texto
from cofre.base.selecao import sem_acentos

_SEPARA = re.compile(r"[\W_]+")


def simples(dito: str) -> str:
    """Só as letras e os dígitos: «D'Ávila» → «davila», «123.456.789-09» → «12345678909»."""
    return _SEPARA.sub("", sem_acentos(dito).casefold())


@dataclass(frozen=True, slots=True)
class Termos:
    """As `palavras`, que têm de estar todas na linha, cada uma em qualquer coluna; e os `campos`
    (coluna, palavra), cada palavra na sua coluna. Tudo já `simples`, menos o nome das colunas."""

    palavras: tuple[str, ...] = ()
    campos: tuple[tuple[str, str], ...] = ()

    @property
    def vazio(self) -> bool:
        """Se nada se procura."""
        return not (self.palavras or self.campos)

    def nas_linhas(self, linhas: Sequence[bytes]) -> Iterator[bytes]:
        """As que têm o que se procura. Um grupo inteiro sem ele nem se abre."""
        if self._pode(b"\n".join(linhas)):
            for linha in linhas:
                if self._pode(linha) and self._tem(linha):
                    yield linha

    def _pode(self, bruto: bytes) -> bool:
        """Se o texto, com os nomes das colunas e tudo, tem as palavras. Um caractere escapado (só
        há numa coluna json) pode esconder uma."""
        if b"\\u" in bruto:
            return True
        dito = simples(bruto.decode("utf-8"))
        return all(p in dito for p in (*self.palavras, *(p for _, p in self.campos)))

    def _tem(self, linha: bytes) -> bool:
        valores = [(coluna, _dito(bytes(valor))) for coluna, valor in abrir_linha(linha).items()]
        return all(any(dito.tem(p) for _, dito in valores) for p in self.palavras) and all(
            any(coluna.casefold() == c.casefold() and p in dito.inteiro for c, dito in valores)
            for coluna, p in self.campos
        )


@dataclass(frozen=True, slots=True)
class _Dito:
    """Um valor como se procura nele: `inteiro`, e sem o que são somas e senhas embaralhadas."""

    inteiro: str
    sem_somas: str

    def tem(self, palavra: str) -> bool:
        """Numa soma, umas poucas letras ou algarismos calham: só conta o que é comprido."""
        return palavra in (self.inteiro if len(palavra) >= DE_UMA_SOMA else self.sem_somas)


DE_UMA_SOMA = 12
"""Caracteres: de menos do que isto, achar-se dentro de uma soma é acaso (12
algarismos hexadecimais dados calham numa soma de 64 uma vez em cinco biliões)."""
_SOMA = re.compile(
    r"(?=[0-9]*[a-fA-F])[0-9a-fA-F]{32,}(?:-\d+)?|\$(?:2[abxy]|argon2\w+|fbscrypt|scrypt)\$.+"
)
"""Um resumo em hexadecimal (com as partes de um eTag), ou a senha embaralhada de um login. Só de
algarismos não é um: a chave de uma nota fiscal tem 44, e dentro dela procura-se o CNPJ."""


def _dito(valor: bytes) -> _Dito:
    """Um valor como se procura nele; de um json, tudo o que há dentro."""
    if valor[:1] not in (b"{", b"["):
        return _de_textos([texto(valor) or ""])
    try:
        return _de_textos([*_folhas(msgspec.json.decode(valor))])
    except (msgspec.DecodeError, RecursionError):  # meio par substituto, mil níveis
        return _de_textos([valor.decode("utf-8")])


def _de_textos(textos: Sequence[str]) -> _Dito:
    inteiro = simples(" ".join(textos))
    sem = [t for t in textos if not _SOMA.fullmatch(t)]
    return _Dito(inteiro, inteiro if len(sem) == len(textos) else simples(" ".join(sem)))


def _folhas(valor: object) -> Iterator[str]:
    if isinstance(valor, dict):
        for nome, de_dentro in valor.items():
            yield str(nome)
            yield from _folhas(de_dentro)
    elif isinstance(valor, list):
        for de_dentro in valor:
            yield from _folhas(de_dentro)
    elif valor is not None:
        yield str(valor)


def ler_termos(ditas: Sequence[str], campos: Sequence[tuple[str, str]] = ()) -> Termos:
    """Os termos do que se digitou; o que só tem pontuação não conta."""
    palavras = (simples(p) for dita in ditas for p in dita.split())
    nos_campos = ((c, simples(p)) for c, dita in campos for p in dita.split())
    return Termos(
        tuple(dict.fromkeys(p for p in palavras if p)),
        tuple(dict.fromkeys((c, p) for c, p in nos_campos if p)),
    )
