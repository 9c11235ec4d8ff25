"""Gente, produtos e documentos inventados: sempre os mesmos para a mesma semente.

CPFs e CNPJs saem com o dígito verificador errado de propósito, para não serem de ninguém.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

NOMES = (
    "Ana João Márcia Zé Antônia Luís Conceição Raimundo Íris Otávio Úrsula Bruno Cássia Davi "
    "Eloá Fábio Graça Heitor Inês Jandira Kauã Lívia Mateus Núbia Osório Patrícia Ruy Sônia"
).split()
SOBRENOMES = (
    "Silva Souza Gonçalves D'Ávila Araújo Brandão Conceição Falcão Guimarães Leão Magalhães "
    "Nóbrega Ó Paixão Queirós Sant'Ana Teles Vilaça Ximenes Zanella"
).split()
RUAS = (
    "Rua das Acácias",
    "Av. Brasil",
    "Rua São João",
    "Travessa do Cajá",
    "Alameda Ipê-Roxo",
    "Praça da Sé",
)
CIDADES = ("Guaíra", "São Luís", "Maceió", "Belém", "Niterói", "Jundiaí", "Poços de Caldas")
PECAS = (
    "Película 3D",
    "Capa anti-impacto",
    "Cabo USB-C 1 m",
    "Carregador turbo 20 W",
    "Fone Bluetooth",
    "Bateria",
    "Tela com aro",
    "Conector de carga",
    "Suporte veicular",
    "Caixa de som à prova d'água",
)
MODELOS = (
    "Galaxy A54",
    "Galaxy S21 FE",
    "iPhone 11",
    "iPhone 13 Pro",
    "Moto G84",
    'Redmi Note 12 (6,67")',
    "Zenfone 9",
    "universal",
)
CORES = ("preto", "branco", "azul-petróleo", "rosé", "verde-água", "prata")
CATEGORIAS = ("Acessórios", "Películas", "Capas", "Peças", "Áudio", "Serviços", "Informática")
DEFEITOS = (
    "Não liga",
    "Tela trincada",
    "Não carrega",
    "Caiu na água",
    "Trava na inicialização",
    "Câmera embaçada",
)
AGORA = datetime(2026, 1, 16, 18, 0, tzinfo=UTC)


class Inventor:
    """Uma fonte de coisas inventadas, determinada pela semente."""

    def __init__(self, semente: str) -> None:
        self.acaso = random.Random(semente)

    def uuid(self) -> UUID:
        return UUID(int=self.acaso.getrandbits(128), version=4)

    def um_de(self, opcoes: Sequence[T]) -> T:
        return self.acaso.choice(opcoes)

    def as_vezes(self, probabilidade: float) -> bool:
        return self.acaso.random() < probabilidade

    def inteiro(self, de: int, ate: int) -> int:
        return self.acaso.randint(de, ate)

    def dinheiro(self, de: int, ate: int) -> Decimal:
        return Decimal(self.acaso.randint(de * 100, ate * 100)) / 100

    def momento(self, dias: int = 400) -> datetime:
        """Um instante recente, com microssegundos."""
        return AGORA - timedelta(microseconds=self.acaso.randrange(dias * 86_400_000_000))

    def pessoa(self) -> str:
        return f"{self.um_de(NOMES)} {self.um_de(SOBRENOMES)} {self.um_de(SOBRENOMES)}"

    def produto(self) -> str:
        return f"{self.um_de(PECAS)} {self.um_de(MODELOS)} {self.um_de(CORES)}"

    def telefone(self) -> str:
        return f"({self.inteiro(11, 99)}) 9{self.inteiro(1000, 9999)}-{self.inteiro(0, 9999):04d}"

    def cpf(self) -> str:
        base = [self.inteiro(0, 9) for _ in range(9)]
        errado = (_digito(base, range(10, 1, -1)) + 1) % 10
        n = "".join(map(str, base))
        return f"{n[:3]}.{n[3:6]}.{n[6:]}-{errado}{self.inteiro(0, 9)}"

    def cnpj(self) -> str:
        base = [self.inteiro(0, 9) for _ in range(8)] + [0, 0, 0, 1]
        errado = (_digito(base, (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) + 1) % 10
        n = "".join(map(str, base))
        return f"{n[:2]}.{n[2:5]}.{n[5:8]}/{n[8:]}-{errado}{self.inteiro(0, 9)}"


def _digito(numeros: list[int], pesos: range | tuple[int, ...]) -> int:
    resto = sum(n * p for n, p in zip(numeros, pesos, strict=True)) % 11
    return 0 if resto < 2 else 11 - resto


def sem_acento(texto: str) -> str:
    """Só letras e números simples, para compor e-mails e usuários."""
    decomposto = unicodedata.normalize("NFKD", texto.lower())
    return "".join(letra for letra in decomposto if letra.isascii() and letra.isalnum())
