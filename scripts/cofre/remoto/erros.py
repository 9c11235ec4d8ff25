"""O que pode falhar numa cópia fora daqui. Cada erro diz a causa e a cura; nenhum leva segredos.

::

    FalhaDaCopia (13) ─┬─ DestinoFora: não se chega a ele (rede, nome, disco desligado)
                       ├─ DestinoErrado: chega-se, mas não é o lugar certo, ou nele não há cópia
                       ├─ AcessoRecusado: a credencial não entra, ou não pode isto
                       ├─ SemEspaco: lá não cabe mais
                       ├─ ObjetoAusente: não há objeto com esse nome
                       └─ Travado: o lugar ainda não deixa apagar
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from cofre.base.disco import aberto_em_outro
from cofre.base.erros import ErroCofre


class FalhaDaCopia(ErroCofre):
    """A cópia fora daqui não se fez, ou não se leu. Os backups daqui continuam como estavam."""

    codigo = 13
    dica = "Os backups deste computador estão inteiros. Tente de novo com «enviar»."


class DestinoFora(FalhaDaCopia):
    """Não se chega ao destino: a rede, o endereço, um disco que não está ligado."""


class DestinoErrado(FalhaDaCopia):
    """Chega-se a um lugar, mas não ao da cópia."""


class AcessoRecusado(FalhaDaCopia):
    """O lugar existe, e não deixa fazer isto."""


class SemEspaco(FalhaDaCopia):
    """Não cabe mais nada lá."""


class ObjetoAusente(FalhaDaCopia):
    """Não há lá nada com esse nome."""

    dica = "Confira a cópia com «verificar --copia»."


class Travado(FalhaDaCopia):
    """O lugar recusou apagar: a trava dele ainda não venceu. É o que ela promete."""

    dica = "Espere a trava vencer: até lá, ninguém com esta credencial apaga."


_DESLIGADO = frozenset(
    getattr(errno, nome)
    for nome in "EIO ENXIO ENODEV ESTALE ENOTCONN EHOSTDOWN EHOSTUNREACH ENETDOWN ETIMEDOUT".split()
    if hasattr(errno, nome)
)
_DESLIGADO_NO_WINDOWS = frozenset({21, 53, 55, 59, 64, 67, 121, 1117, 1167, 1231})
"""Disco que não está pronto ou saiu (21, 1117, 1167), pasta de rede que não responde (os outros).
Fonte: «System Error Codes», na documentação do Windows."""
_NAO_ENTRA_NO_WINDOWS = frozenset({86, 1219, 1326, 1385, 2202, 2239})
"""A pasta de rede não aceitou o usuário ou a senha. Mesma fonte."""
_CAUSAS: dict[int, tuple[type[FalhaDaCopia], str, str]] = {
    errno.ENOSPC: (SemEspaco, "o disco da cópia está cheio", "Libere espaço nele."),
    errno.EDQUOT: (SemEspaco, "a cota do disco da cópia acabou", "Libere espaço nele."),
    errno.EFBIG: (
        SemEspaco,
        "o disco da cópia não aceita um arquivo deste tamanho",
        "Em FAT32 não cabem arquivos de 4 GB: formate-o em exFAT ou NTFS, ou use outro.",
    ),
    errno.EROFS: (
        AcessoRecusado,
        "o disco da cópia é só de leitura",
        "Destrave-o (há cartões e discos com uma chave) ou use outro.",
    ),
    errno.EACCES: (AcessoRecusado, "sem permissão na pasta da cópia", "Dê permissão de escrita."),
    errno.EPERM: (AcessoRecusado, "sem permissão na pasta da cópia", "Dê permissão de escrita."),
    errno.ENAMETOOLONG: (
        DestinoErrado,
        "o caminho da pasta da cópia é longo demais",
        "Escolha uma pasta de caminho mais curto em COPIA_DESTINO.",
    ),
    errno.ENOENT: (
        DestinoFora,
        "a pasta da cópia não existe",
        "Ligue o disco, ou crie a pasta, ou confira COPIA_DESTINO.",
    ),
    errno.ENOTDIR: (DestinoErrado, "há um arquivo onde devia haver uma pasta", "Tire-o de lá."),
    errno.EEXIST: (DestinoErrado, "há um arquivo onde devia haver uma pasta", "Tire-o de lá."),
}


@contextlib.contextmanager
def erros_da_pasta(nome: str) -> Iterator[None]:
    """Traduz o OSError de um disco que é o destino `nome` em FalhaDaCopia."""
    try:
        yield
    except OSError as e:
        tipo, causa, cura = _da_pasta(e)
        raise tipo(f"{nome}: {causa}.", f"{cura}\n{FalhaDaCopia.dica}") from e


@contextlib.contextmanager
def erros_daqui(arquivo: str) -> Iterator[None]:
    """Traduz o OSError de ler neste computador o arquivo que ia ser enviado, ou de o pôr numa pasta
    provisória."""
    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FalhaDaCopia(
                "A pasta temporária deste computador está cheia.",
                "Libere espaço nela: é por onde os arquivos passam a caminho da cópia.",
            ) from e
        raise FalhaDaCopia(
            f"Não consegui ler {arquivo} neste computador ({e.strerror or type(e).__name__}).",
            "Confira os backups daqui com «verificar».",
        ) from e


def _da_pasta(e: OSError) -> tuple[type[FalhaDaCopia], str, str]:
    """A classe, a causa e a cura."""
    do_windows = getattr(e, "winerror", None)
    if e.errno in _DESLIGADO or do_windows in _DESLIGADO_NO_WINDOWS:
        return DestinoFora, "o disco da cópia deixou de responder", "Ligue-o de novo."
    if do_windows in _NAO_ENTRA_NO_WINDOWS:
        causa = "a pasta de rede não aceitou o usuário ou a senha"
        return AcessoRecusado, causa, "Abra-a uma vez com o usuário que faz os backups."
    if aberto_em_outro(e):
        causa = "um arquivo da cópia está aberto em outro programa"
        return FalhaDaCopia, causa, "Feche-o nesse programa (o antivírus, o sincronizador)."
    desconhecido = (FalhaDaCopia, f"erro de disco ({e.strerror or type(e).__name__})", "Confira-o.")
    return _CAUSAS.get(e.errno or 0, desconhecido)
