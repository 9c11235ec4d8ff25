"""Uma corrida: um processo inteiro, rodado até o fim e medido."""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

MEDIDOR = Path(__file__).with_name("medidor.py")
FIM_DA_SAIDA = 3000
INTERVALO = 0.05
"""Segundos entre duas olhadas num processo em andamento."""

Comando = Sequence[str | Path]

_numeros = itertools.count(1)


class MedicaoFalhou(Exception):
    """Algo não funcionou: um script falhou, ou o que voltou não é o que era."""


@dataclass(frozen=True, slots=True)
class Corrida:
    """O que um processo gastou (segundos de relógio e de CPU, MB no pico) e o que ele disse;
    `lidos` são bytes, ou -1 onde não se contam."""

    codigo: int
    segundos: float
    cpu: float
    pico_mb: float
    saida: bytes
    erros: bytes
    descritores: int = 0
    lidos: int = -1


@dataclass(frozen=True, slots=True)
class Corredor:
    """Roda processos e os mede; os arquivos de cada corrida ficam na pasta."""

    pasta: Path

    def correr(
        self,
        comando: Comando,
        ambiente: Mapping[str, str],
        *,
        onde: Path | None = None,
        esperados: Sequence[int] = (0,),
        vigiar: bool = False,
        digitado: str = "",
    ) -> Corrida:
        """Roda até o fim, com o `digitado` na entrada. Com `vigiar`, olha de tempos em tempos
        quantos descritores estão abertos. Levanta MedicaoFalhou se o código não é dos esperados."""
        base = self.pasta / f"corrida_{next(_numeros)}"
        _ao_lado(base, "entrada").write_text(digitado, encoding="utf-8")
        with (
            _ao_lado(base, "entrada").open("rb") as entrada,
            _ao_lado(base, "saida").open("wb") as saida,
            _ao_lado(base, "erros").open("wb") as erros,
        ):
            processo = subprocess.Popen(
                [sys.executable, "-I", "-S", MEDIDOR, base, *comando],
                cwd=onde,
                env=dict(ambiente),
                stdin=entrada,
                stdout=saida,
                stderr=erros,
            )
            descritores = _vigiar(processo, base) if vigiar else 0
            if processo.wait() != 0:
                raise MedicaoFalhou(f"O medidor não rodou: {_fim(base, 'erros')}")
        corrida = _ler(base, descritores)
        if corrida.codigo not in esperados:
            programa = next((c.name for c in comando if isinstance(c, Path)), comando[0])
            dito = f"{_fim(base, 'saida')}\n{_fim(base, 'erros')}"
            raise MedicaoFalhou(f"{programa} saiu com {corrida.codigo}:\n{dito}")
        return corrida


def _ler(base: Path, descritores: int) -> Corrida:
    medido = json.loads(base.read_text(encoding="utf-8"))
    return Corrida(
        **medido,
        saida=_ao_lado(base, "saida").read_bytes(),
        erros=_ao_lado(base, "erros").read_bytes(),
        descritores=descritores,
    )


def _fim(base: Path, qual: str) -> str:
    return _ao_lado(base, qual).read_text(encoding="utf-8", errors="replace")[-FIM_DA_SAIDA:]


def _ao_lado(base: Path, qual: str) -> Path:
    return base.with_suffix(f".{qual}")


def _vigiar(processo: subprocess.Popen[bytes], base: Path) -> int:
    """O maior número de descritores abertos que se viu no processo medido."""
    maior = 0
    while True:
        with contextlib.suppress(psutil.Error, FileNotFoundError, ValueError):
            medido = psutil.Process(int(_ao_lado(base, "pid").read_text(encoding="utf-8")))
            maior = max(maior, medido.num_fds())
        try:
            processo.wait(INTERVALO)
        except subprocess.TimeoutExpired:
            continue
        return maior


@dataclass(frozen=True, slots=True)
class Pares:
    """Corridas nossas e da referência, alternadas: cada par rodou em seguida."""

    nossas: tuple[Corrida, ...]
    referencias: tuple[Corrida, ...]

    @property
    def nosso(self) -> float:
        """A mediana dos nossos segundos."""
        return mediana(self.nossas)

    @property
    def referencia(self) -> float:
        """A mediana dos segundos da referência."""
        return mediana(self.referencias)

    @property
    def razao(self) -> float:
        """A mediana das razões de cada par."""
        pares = zip(self.nossas, self.referencias, strict=True)
        return statistics.median(a.segundos / b.segundos for a, b in pares)


def alternar(nossa: Callable[[], Corrida], referencia: Callable[[], Corrida], vezes: int) -> Pares:
    """Mede os dois, um depois do outro, tantas vezes; quem vai antes se reveza."""
    nossas, referencias = [], []
    for vez in range(vezes):
        if vez % 2:
            referencias.append(referencia())
            nossas.append(nossa())
        else:
            nossas.append(nossa())
            referencias.append(referencia())
    return Pares(tuple(nossas), tuple(referencias))


def mediana(corridas: Sequence[Corrida]) -> float:
    """A mediana dos segundos."""
    return statistics.median(c.segundos for c in corridas)
