"""O que um caso de uso diz enquanto trabalha, seja quem for que o ouve: a tela, o log, ninguém."""

from __future__ import annotations

import abc
import contextlib
import enum
from collections.abc import Callable, Mapping
from typing import Any

from cofre.base.erros import Cancelada, DefeitoInterno, DependenciaAusente, ErroCofre, Interrompido

LINHAS_PARA_BARRA = 3000
"""Uma tabela menor que isto passa tão rápido que uma barra só piscaria."""


class Nivel(enum.Enum):
    """Quanto importa o que se diz: um DETALHE só o log guarda; um AVISO não impede, mas o usuário
    precisa ver; uma FALHA é algo que deu errado, no meio do relato; um ERRO é o que impediu. O que
    é RESERVADO cita dados de uma empresa: quem lê a saída o vê, e nenhum arquivo o guarda."""

    DETALHE = enum.auto()
    LINHA = enum.auto()
    RESERVADO = enum.auto()
    AVISO = enum.auto()
    FALHA = enum.auto()
    ERRO = enum.auto()


class Relato(abc.ABC):
    """O que os casos de uso dizem enquanto trabalham."""

    @abc.abstractmethod
    def dizer(self, nivel: Nivel, texto: str) -> None:
        """Uma ou mais linhas. As de FALHA e de ERRO aparecem mesmo no modo calado."""

    def linha(self, texto: str = "") -> None:
        """Uma ou mais linhas do relato."""
        self.dizer(Nivel.LINHA, texto)

    def detalhe(self, texto: str) -> None:
        """O que só interessa a quem procura, depois, a causa de algo."""
        self.dizer(Nivel.DETALHE, texto)

    def reservado(self, texto: str) -> None:
        """Uma ou mais linhas com dados de uma empresa: nunca num log, nem ao lado de um --json que
        outro programa lê."""
        self.dizer(Nivel.RESERVADO, texto)

    def aviso(self, texto: str) -> None:
        """Algo que não impede, mas o usuário precisa ver."""
        self.dizer(Nivel.AVISO, texto)

    def falha(self, texto: str) -> None:
        """Algo que deu errado, no meio do relato."""
        self.dizer(Nivel.FALHA, texto)

    def erro(self, texto: str) -> None:
        """O que impediu."""
        self.dizer(Nivel.ERRO, texto)

    @abc.abstractmethod
    def so_na_tela(self, texto: str) -> None:
        """Uma ou mais linhas só para quem está olhando um terminal: nenhum arquivo as guarda."""

    @abc.abstractmethod
    def avanco(
        self,
        empresa: str,
        tabela: str,
        lidas: int,
        total: int | None,
        minimo: int = LINHAS_PARA_BARRA,
    ) -> None:
        """Quantas linhas de uma tabela já vieram (ou foram); menos de `minimo` não se mostra."""

    @abc.abstractmethod
    def documento(self, documento: Mapping[str, Any]) -> None:
        """O resultado da execução, para outro programa. Um campo que seja um iterador é uma lista
        que se escreve aos poucos (e que ninguém percorre, se não há quem a leia)."""

    @abc.abstractmethod
    def acompanhando(self, etapa: str = "") -> contextlib.AbstractContextManager[None]:
        """Enquanto durar, o avanço aparece, se houver onde; a `etapa`, também quando nenhuma tabela
        é grande."""

    @abc.abstractmethod
    def perguntar(self, pergunta: str) -> str | None:
        """Uma linha do usuário, sem espaços em volta; None quando a entrada acabou."""

    @abc.abstractmethod
    def perguntar_escondido(self, pergunta: str) -> str | None:
        """O mesmo, de um segredo: não aparece no terminal nem fica em arquivo nenhum. None também
        quando não há um terminal em que o digitar."""

    @property
    @abc.abstractmethod
    def largura(self) -> int | None:
        """As colunas do terminal; None se a saída não é um."""

    @property
    @abc.abstractmethod
    def altura(self) -> int | None:
        """As linhas do terminal; None se a saída não é um."""


class RelatoSobre(Relato):
    """Um relato que passa tudo a outro, o `por_baixo`; quem herda muda o que for preciso."""

    def __init__(self, por_baixo: Relato) -> None:
        self.por_baixo = por_baixo

    def dizer(self, nivel: Nivel, texto: str) -> None:
        self.por_baixo.dizer(nivel, texto)

    def so_na_tela(self, texto: str) -> None:
        self.por_baixo.so_na_tela(texto)

    def avanco(
        self,
        empresa: str,
        tabela: str,
        lidas: int,
        total: int | None,
        minimo: int = LINHAS_PARA_BARRA,
    ) -> None:
        self.por_baixo.avanco(empresa, tabela, lidas, total, minimo)

    def documento(self, documento: Mapping[str, Any]) -> None:
        self.por_baixo.documento(documento)

    def acompanhando(self, etapa: str = "") -> contextlib.AbstractContextManager[None]:
        return self.por_baixo.acompanhando(etapa)

    def perguntar(self, pergunta: str) -> str | None:
        return self.por_baixo.perguntar(pergunta)

    def perguntar_escondido(self, pergunta: str) -> str | None:
        return self.por_baixo.perguntar_escondido(pergunta)

    @property
    def largura(self) -> int | None:
        return self.por_baixo.largura

    @property
    def altura(self) -> int | None:
        return self.por_baixo.altura


class RelatoSilencioso(RelatoSobre):
    """Só o que deu errado, na saída de erros; do resto, nem uma palavra nem um avanço."""

    def dizer(self, nivel: Nivel, texto: str) -> None:
        if nivel in (Nivel.FALHA, Nivel.ERRO):
            self.por_baixo.dizer(Nivel.ERRO, texto)

    def so_na_tela(self, texto: str) -> None:
        """Não é o que deu errado."""

    def acompanhando(self, etapa: str = "") -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def codigo_de(fazer: Callable[[], int], relato: Relato) -> int:
    """Faz, e devolve o código de saída; o que `fazer` levantar é contado ao relato."""
    try:
        return fazer()
    except (ErroCofre, KeyboardInterrupt) as e:
        return _contar(e if isinstance(e, ErroCofre) else Interrompido("Interrompido."), relato)
    except ModuleNotFoundError as e:
        return _contar(DependenciaAusente.de(e), relato)
    except Exception as e:
        return _contar(DefeitoInterno(e), relato)


def _contar(erro: ErroCofre, relato: Relato) -> int:
    dizer, sinal = (relato.linha, "👋") if isinstance(erro, Cancelada) else (relato.erro, "❌")
    dizer(f"{sinal} {erro}")
    for linha in erro.dica.splitlines():
        dizer(f"   {linha}")
    relato.documento({"codigo": erro.codigo, "erro": str(erro), "dica": erro.dica})
    return erro.codigo
