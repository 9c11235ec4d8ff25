"""Em quem esta máquina confia: as chaves que podem ter assinado um lacre.

A desta máquina nasce no perfil, quando se assina pela primeira vez. As outras são aceites uma a uma
por quem compara o código delas com o da folha de recuperação. Nunca se tiram só da pasta dos
backups: quem lá escreve poria a sua.

As duas ficam em arquivos do OpenSSH: `assinatura` (a chave privada) e `autorizados` (as públicas),
que é o `-f` de `ssh-keygen -Y verify`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cofre.base import perfil
from cofre.base.comandos import BACKUP, comando
from cofre.base.erros import ConfiguracaoInvalida
from cofre.deposito.lacre.assinatura import (
    ESPACO,
    ChaveDeAssinar,
    codigo,
    nova_chave,
    publica_em,
)
from cofre.deposito.lacre.lacre import Lacre, LacreRecusado

ASSINATURA, AUTORIZADOS = "assinatura", "autorizados"


class AssinanteDesconhecido(LacreRecusado):
    """A assinatura está certa, mas é de uma chave em que esta máquina não confia."""

    def __init__(self, lacre: Lacre) -> None:
        super().__init__(
            f"foi assinado por uma chave que esta máquina não conhece, de código {lacre.codigo}"
            " (se é o da sua folha de recuperação, diga-o com"
            f" «{comando(BACKUP, 'chaves', 'confiar')}»)"
        )
        self.chave = lacre.chave
        self.codigo_da_chave = lacre.codigo


def minha() -> ChaveDeAssinar:
    """A chave com que esta máquina assina, feita agora se ainda não há. Levanta FalhaDeDisco,
    DependenciaAusente ou ConfiguracaoInvalida."""
    return _ler(perfil.segredo(ASSINATURA, nova_chave))


def a_minha_publica() -> str:
    """A pública dela; vazia se ainda não há. Levanta como `minha`."""
    guardada = perfil.ler(ASSINATURA)
    return _ler(guardada).publica if guardada is not None else ""


def meu_codigo() -> str:
    """O código com que esta máquina assina; vazio se ainda não há. Levanta como `minha`."""
    publica = a_minha_publica()
    return codigo(publica) if publica else ""


def conhecidas() -> frozenset[str]:
    """As chaves públicas em que esta máquina confia, com a dela. Levanta como `minha`."""
    return frozenset((*_autorizadas(), a_minha_publica())) - {""}


def conhecida(chave: str) -> bool:
    """Se esta máquina confia nesta chave pública. Levanta como `minha`."""
    return chave in conhecidas()


def confiar(*chaves: str) -> None:
    """Passa a confiar também nestas chaves públicas. Levanta FalhaDeDisco."""
    espaco = ESPACO.decode()
    todas = dict.fromkeys((*_autorizadas(), *chaves))
    linhas = [f'{espaco} namespaces="{espaco}" {chave}\n' for chave in todas]
    perfil.gravar(AUTORIZADOS, "".join(linhas).encode("ascii"))


def conferir_quem(lacre: Lacre) -> None:
    """Levanta AssinanteDesconhecido se o lacre não é de ninguém em quem se confia."""
    if not conhecida(lacre.chave):
        raise AssinanteDesconhecido(lacre)


def _ler(arquivo: bytes) -> ChaveDeAssinar:
    try:
        return ChaveDeAssinar(arquivo)
    except ValueError as e:
        caminho = perfil.pasta() / ASSINATURA
        raise ConfiguracaoInvalida(
            f"A chave de assinar, em {caminho}, {e}.",
            "Se a tem guardada, ponha-a de volta. Senão, apague o arquivo: nasce outra, de outro\n"
            "código, e esta máquina terá de confiar no código antigo para restaurar o de antes.",
        ) from None


def _autorizadas() -> Iterator[str]:
    for linha in (perfil.ler(AUTORIZADOS) or b"").decode("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError):  # uma linha que alguém escreveu à mão
            yield publica_em(linha)
