"""O que gatilhos mudaram em tabelas não escolhidas: dizê-lo, e perguntar o que fazer disso."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cofre.base.erros import Interrompido
from cofre.base.perguntas import NAO, SIM, Perguntas
from cofre.base.relato import Relato
from cofre.plano.tabela import Contagem
from cofre.restauracao import ajudas, telas
from cofre.restauracao.convergencia import DESFAZER, MANTER


def contar_efeitos(relato: Relato, mudou: Mapping[str, Contagem], *, ficam: bool = False) -> None:
    """As tabelas que mudaram; e, se `ficam` assim, porquê."""
    _mostrar(relato, telas.efeitos(mudou))
    if ficam:
        _mostrar(relato, telas.efeitos_que_ficam(relato.largura))


def perguntar_dos_efeitos(relato: Relato, mudou: Mapping[str, Contagem]) -> str:
    """MANTER ou DESFAZER. Levanta Interrompido, se a decisão fica para depois."""
    contar_efeitos(relato, mudou)
    _mostrar(relato, telas.ajuda_dos_efeitos(relato.largura))
    perguntas = Perguntas(relato, "Você saiu sem decidir.", "")
    while True:
        resposta = relato.perguntar("Desfazer esses efeitos? (s/n): ")
        if resposta is None:
            relato.linha("   Sem resposta: mantidos como estão.")
            return MANTER
        if resposta.lower() in SIM:
            return DESFAZER
        if resposta.lower() in NAO:
            return MANTER
        if resposta.lower() == "q":
            raise Interrompido("Você saiu sem decidir o que fazer desses efeitos.")
        perguntas.explicar(ajudas.EFEITOS)


def _mostrar(relato: Relato, linhas: Iterable[str]) -> None:
    for linha in linhas:
        relato.linha(linha)
