"""O que se liga e se desliga: usado como contexto, está no ar enquanto ele dura."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Ligado(ABC):
    """Um servidor, ou o que o põe no ar."""

    @abstractmethod
    def iniciar(self) -> None:
        """Põe-no no ar; se não dá, não deixa nada ligado."""

    @abstractmethod
    def parar(self) -> None:
        """Desliga-o, esteja como estiver."""

    def __enter__(self) -> Self:
        self.iniciar()
        return self

    def __exit__(
        self,
        tipo: type[BaseException] | None,
        valor: BaseException | None,
        rastro: TracebackType | None,
    ) -> None:
        self.parar()
