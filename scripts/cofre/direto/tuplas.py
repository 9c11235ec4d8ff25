"""O formato binário do COPY: as linhas de uma empresa, sem interpretar o que não é preciso.

Formato: documentação do PostgreSQL, «COPY», «Binary Format». O servidor manda uma tupla por
mensagem («COPY Operations», no capítulo do protocolo); outra coisa é recusada, nunca adivinhada.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence

from cofre.erros import RespostaInvalida

BLOCO = 256 * 1024
"""Bytes de linhas que se juntam na memória de cada vez."""

MAIS_LEMBRADAS = 10_000
_ASSINATURA = b"PGCOPY\n\xff\r\n\0"
_FIM = b"\xff\xff"
_COMECO = struct.Struct("!hi")
_TAMANHO = struct.Struct("!i")

Mensagem = bytes | bytearray | memoryview
Conferir = Callable[[Sequence[str | None]], bool]


def linhas_em_blocos(
    mensagens: Iterable[Mensagem], campos: int, conferir: Conferir
) -> Iterator[list[memoryview]]:
    """O primeiro campo de cada tupla que `conferir` aceita, em blocos de uns BLOCO bytes.

    `conferir` recebe o texto dos outros campos e pode levantar; os mesmos valores se repetem, e só
    são entendidos e conferidos uma vez. Levanta RespostaInvalida.
    """
    sabidas: dict[bytes, bool] = {}
    linhas: list[memoryview] = []
    acumulado = 0
    restantes = iter(mensagens)
    for mensagem in _sem_cabecalho(restantes):
        if len(mensagem) < _COMECO.size:
            break
        quantos, largura = _COMECO.unpack_from(mensagem)
        fim = _COMECO.size + largura
        outros = bytes(mensagem[fim:])
        aceita = sabidas.get(outros)
        if aceita is None or quantos != campos:
            if quantos != campos or largura < 2:
                raise estragada()
            aceita = conferir(_campos(outros, campos - 1))
            if len(sabidas) < MAIS_LEMBRADAS:
                sabidas[outros] = aceita
        if aceita:
            linhas.append(mensagem[_COMECO.size : fim])
            acumulado += largura
            if acumulado >= BLOCO:
                yield linhas
                linhas, acumulado = [], 0
    else:
        mensagem = memoryview(b"")
    # Ler até o fim é também o que deixa a conexão livre para o próximo comando.
    if mensagem != _FIM or any(True for _ in restantes):
        raise estragada()
    if linhas:
        yield linhas


def _sem_cabecalho(mensagens: Iterator[Mensagem]) -> Iterator[memoryview]:
    """As mensagens, sem a assinatura, as opções (nenhuma) e a extensão que vêm antes da primeira
    tupla."""
    primeira: memoryview = memoryview(next(mensagens, b""))
    inicio = len(_ASSINATURA)
    if primeira[:inicio] != _ASSINATURA or len(primeira) < inicio + 8:
        raise estragada()
    opcoes, extensao = struct.unpack_from("!II", primeira, inicio)
    if opcoes or len(primeira) < inicio + 8 + extensao:
        raise estragada()
    if len(primeira) > inicio + 8 + extensao:
        yield primeira[inicio + 8 + extensao :]
    for mensagem in mensagens:
        yield memoryview(mensagem)


def _campos(outros: bytes, quantos: int) -> list[str | None]:
    """Os valores dos campos, que têm de ocupar exatamente estes bytes."""
    valores: list[str | None] = []
    posicao = 0
    for _ in range(quantos):
        if len(outros) < posicao + _TAMANHO.size:
            raise estragada()
        (tamanho,) = _TAMANHO.unpack_from(outros, posicao)
        posicao += _TAMANHO.size
        valores.append(outros[posicao : posicao + tamanho].decode() if tamanho >= 0 else None)
        posicao += max(tamanho, 0)
    if posicao != len(outros):
        raise estragada()
    return valores


def estragada() -> RespostaInvalida:
    """O erro de quem recebeu o que não é o formato combinado."""
    return RespostaInvalida(
        "O servidor mandou as linhas num formato que não entendo.",
        "Há um proxy ou pooler no caminho? Tente pela API: --via api",
    )
