"""O que tem de particular, num plano, a lista dos arquivos: a linha só diz onde está o conteúdo."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cofre.base.linha import NULO, Linha, abrir_linha
from cofre.base.textos import com_valores
from cofre.plano.plano import Querida

_NULA = msgspec.Raw(NULO)
DO_CONTEUDO = ("tamanho", "guardado")
"""O que, numa linha, é do conteúdo que a soma diz, e não se compara."""


NaoVia = Callable[[Linha], bool]
"""Se o backup não podia ver este arquivo de hoje: não o trazer não diz que ele não existia."""


def so_os_guardados(nao_via: NaoVia) -> Querida:
    """De um arquivo cujo conteúdo um dos lados não guardou (a linha não tem soma), nada se faz: não
    há o que pôr, ou não haveria como desfazer. O que o backup `nao_via` também não sai."""

    def querida(atual: Linha | None, alvo: Linha | None) -> Linha | None:
        dos_dois = (linha for linha in (atual, alvo) if linha is not None)
        if any(_valor(linha, "soma") == NULO for linha in dos_dois):
            return atual
        return atual if alvo is None and atual is not None and nao_via(atual) else alvo

    return querida


def com_o_conteudo(querida: Querida, guardados: Querida) -> Querida:
    """O mesmo que a `querida`, só dos `guardados`; da linha que mistura a da foto com a do alvo, o
    tamanho e o lugar do conteúdo são os da que tem a soma dele."""

    def com_o_seu(atual: Linha | None, alvo: Linha | None) -> Linha | None:
        quer = querida(atual, guardados(atual, alvo))
        if quer is None or quer is atual or quer is alvo or alvo is None:
            return quer
        if _valor(quer, "soma") != _valor(alvo, "soma"):
            return quer
        do_alvo = abrir_linha(alvo)
        valores = {c: do_alvo.get(c, _NULA) for c in DO_CONTEUDO}
        return msgspec.Raw(com_valores(bytes(quer), valores))

    return com_o_seu


def _valor(linha: Linha, coluna: str) -> bytes:
    return bytes(abrir_linha(linha).get(coluna, _NULA))
