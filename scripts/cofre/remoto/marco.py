"""O `cofre.json` de um destino: diz de quem é a cópia, e que este é o disco certo.

Escreve-se uma vez. Quando as chaves mudam, ou outro computador passa a escrever ali, o que mudou
vai num arquivo ao lado (`cofre/<soma>.json`), e o que vale é a união. Não tem segredo nenhum, nem é
prova de nada: quem assina, di-lo a folha de recuperação.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cofre.base import estado
from cofre.base.disco import erros_de_disco
from cofre.base.moldes import leitor_de
from cofre.remoto.destino import MARCA, Destino
from cofre.remoto.erros import DestinoErrado, FalhaDaCopia

FORMATO = 1
MUDANCAS = "cofre"
MAIOR = 64 * 1024
"""Bytes: muito mais do que mil chaves."""


class Marco(msgspec.Struct, frozen=True, kw_only=True):
    """Com que chaves se fecha ali (`age1…`), e que chaves assinam (`ssh-ed25519 …`)."""

    formato: int = FORMATO
    para: tuple[str, ...] = ()
    confere: tuple[str, ...] = ()

    def com(self, outros: Iterable[Marco]) -> Marco:
        """A união, na ordem em que se leram."""
        todos = (self, *outros)
        return Marco(
            formato=max(m.formato for m in todos),
            para=tuple(dict.fromkeys(c for m in todos for c in m.para)),
            confere=tuple(dict.fromkeys(c for m in todos for c in m.confere)),
        )

    def tem(self, outro: Marco) -> bool:
        """Se tudo o que o outro diz já está dito aqui."""
        return {*outro.para} <= {*self.para} and {*outro.confere} <= {*self.confere}

    def parente(self, outro: Marco) -> bool:
        """Se têm alguma chave em comum; em claro, sem chave nenhuma, basta não haver outras."""
        comuns = {*self.para} & {*outro.para} or {*self.confere} & {*outro.confere}
        return bool(comuns) or not (self.para or self.confere)


@dataclass(frozen=True, slots=True)
class JaUsado:
    """O que este computador sabe do destino: se já escreveu nele, e se quem pede quer começar de
    novo num lugar vazio (outro disco, no mesmo lugar)."""

    antes: bool = False
    comecar: bool = False


def ler(destino: Destino) -> Marco | None:
    """De quem é a cópia que lá está; None se não há marco. Levanta FalhaDaCopia."""
    bytes_ = destino.sondar().marca
    return _com_as_mudancas(destino, bytes_) if bytes_ is not None else None


def exigir(destino: Destino) -> Marco:
    """O mesmo, para quem vai ler ou podar. Levanta FalhaDaCopia (DestinoErrado se não há)."""
    marco = ler(destino)
    if marco is None:
        raise DestinoErrado(
            f"{destino.nome}: não há {MARCA}: não é o lugar de uma cópia.",
            "Confira o nome do destino; se é um disco, ligue o certo.",
        )
    return marco


def preparar(destino: Destino, nosso: Marco, usado: JaUsado, rascunhos: Path) -> Marco:
    """Confere que é o lugar certo, e toma em uso um que esteja vazio e que este computador nunca
    tenha usado; `rascunhos` é uma pasta daqui onde pôr o que se vai enviar. Levanta FalhaDaCopia
    (DestinoErrado, sem ter gravado nada) ou FalhaDeDisco."""
    situacao = destino.sondar()
    if situacao.marca is None:
        _conferir_vazio(destino, usado, vazio=situacao.vazio)
        _gravar(destino, MARCA, nosso, rascunhos)
        return nosso
    achado = _com_as_mudancas(destino, situacao.marca)
    if not achado.parente(nosso):
        raise DestinoErrado(
            f"{destino.nome}: a cópia que está lá é de outras chaves.",
            "Nada foi gravado nela. Use um lugar vazio, ou as chaves com que essa foi feita.",
        )
    if achado.tem(nosso):
        return achado
    soma = hashlib.sha256(estado.em_bytes(nosso)).hexdigest()[:16]
    _gravar(destino, f"{MUDANCAS}/{soma}.json", nosso, rascunhos)
    return achado.com([nosso])


def _conferir_vazio(destino: Destino, usado: JaUsado, *, vazio: bool) -> None:
    """Levanta DestinoErrado se não é um lugar que se possa tomar em uso."""
    if not vazio:
        raise DestinoErrado(
            f"{destino.nome}: há lá outras coisas, e não há {MARCA}: não é o lugar da cópia.",
            "Nada foi gravado. Escolha um lugar vazio (uma pasta nova), ou o disco certo.",
        )
    if usado.antes and not usado.comecar:
        raise DestinoErrado(
            f"{destino.nome}: está vazio, e este computador já tinha uma cópia lá.",
            "Se é um disco, ligue o certo. Se a cópia sumiu, descubra por quê antes de mais nada.\n"
            "Para começar outra nesse lugar vazio (outro disco, por exemplo): enviar --comecar",
        )


def _com_as_mudancas(destino: Destino, do_marco: bytes) -> Marco:
    nomes = sorted(o.nome for o in destino.listar(MUDANCAS) if o.bytes <= MAIOR)
    mudancas = []
    for nome in nomes:
        lido = io.BytesIO()
        destino.ler(nome, lido)
        mudancas.append(_de_bytes(destino, nome, lido.getvalue()))
    return _de_bytes(destino, MARCA, do_marco).com(mudancas)


def _de_bytes(destino: Destino, nome: str, dados: bytes) -> Marco:
    try:
        marco: Marco = leitor_de(Marco).decode(dados)
    except msgspec.DecodeError as e:
        raise FalhaDaCopia(
            f"{destino.nome}: {nome} não se lê.",
            "Alguém mexeu nele. Nada foi gravado. Traga de volta a versão anterior dele, se o"
            " lugar a guarda, ou comece noutro lugar.",
        ) from e
    if marco.formato > FORMATO:
        raise FalhaDaCopia(
            f"{destino.nome}: a cópia é do formato {marco.formato}, mais novo que este programa.",
            "Atualize o programa.",
        )
    return marco


def _gravar(destino: Destino, nome: str, marco: Marco, rascunhos: Path) -> None:
    with erros_de_disco(rascunhos), tempfile.TemporaryDirectory(dir=rascunhos) as pasta:
        arquivo = Path(pasta) / "marco.json"
        arquivo.write_bytes(estado.em_bytes(marco))
        destino.enviar([(nome, arquivo)], lambda _nome, _bytes: None)
