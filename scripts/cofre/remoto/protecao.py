"""O que impede, num destino, que se apague a cópia: a trava e as versões, se ele as mostra."""

from __future__ import annotations

from collections.abc import Iterator

from cofre.base.palavras import na_tela, plural
from cofre.remoto.destino import Destino, Situacao


def protecao_de(destino: Destino, amostra: str, dias_ditos: int) -> list[str]:
    """Frases sobre a trava e as versões, vistas no objeto `amostra` (um lacre); nenhuma de uma
    pasta, que não as tem. `dias_ditos` é COPIA_TRAVA_DIAS. Levanta FalhaDaCopia."""
    if destino.de_pasta:
        return []
    return list(_frases(destino.sondar(amostra), dias_ditos))


def _frases(vista: Situacao, dias_ditos: int) -> Iterator[str]:
    trava = vista.trava
    if trava is not None:
        dias = plural(trava.dias, "dia", "dias")
        ate = na_tela(trava.ate.astimezone(), "minuto")
        yield f"🔒 trava de {dias} ({trava.modo}): o que foi agora ninguém apaga até {ate}"
        if trava.dias < dias_ditos:
            yield f"⚠️ COPIA_TRAVA_DIAS diz {dias_ditos}, e a trava é de {dias}: acerte um dos dois"
    elif dias_ditos:
        yield (
            f"⚠️ COPIA_TRAVA_DIAS diz {dias_ditos}, e daqui não se vê trava nenhuma (a do R2 não se"
            " mostra): confira no painel do serviço"
        )
    if vista.versoes:
        yield "↩️ guarda versões: o que se apaga ou se troca ainda volta"
    elif trava is None and not dias_ditos:
        yield (
            "⚠️ daqui não se vê trava nem versões: se o serviço tem uma trava, diga-a em"
            " COPIA_TRAVA_DIAS; se não tem, quem tiver esta credencial pode apagar a cópia"
        )
