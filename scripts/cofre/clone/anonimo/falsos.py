"""Um candidato a substituto, para cada espécie: tem o feitio do original e nada dele.

Uma função por espécie, da chave do valor (ver `trocas`), do maior tamanho que pode ter e do
sorteio, ao candidato; vazio, se esta tentativa não serve. As primeiras tentativas saem
das listas; as seguintes, quando as listas não chegam, de sílabas; e, se nem assim, crescem.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping

from cofre.base.selecao import sem_acentos
from cofre.clone.anonimo import documentos
from cofre.clone.anonimo.classes import Especie
from cofre.clone.anonimo.pecas import BAIRROS, NOMES, RAMOS, SOBRENOMES, Lista
from cofre.clone.anonimo.sorteio import Sorteio

SO_LISTAS, COM_LISTAS, SEM_CRESCER = 8, 16, 24
"""Quantas tentativas saem inteiras das listas; quantas, em parte; e quantas cabem no tamanho."""
DOMINIO, DOMINIO_CURTO = "@example.com", ".test"
"""Reservados (RFC 2606): nenhuma mensagem chega a ninguém."""
EMAIL_CURTO = 14
_DE_UM_LOCAL = "abcdefghijklmnopqrstuvwxyz0123456789"
_SUFIXOS = ("ltda.", "ltda", "eireli", "epp", "mei", "me", "s/a", "s.a.", "sa")
_DE_EMPRESA = frozenset(
    "comercio comercial servicos industria distribuidora loja lojas grupo cia associacao igreja"
    " condominio instituto escola colegio oficina clinica mercado supermercado padaria farmacia"
    " transportes transportadora restaurante lanchonete atacado varejo importadora empresa".split()
)
_DE_HASH = re.compile(r"\$[^$]+\$(?:\d+\$)?")
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def nome(chave: str, tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """O de uma empresa, se este parece o de uma; ou o de uma pessoa, com tantas palavras quantas
    este, até quatro."""
    *palavras, ultima = chave.split()
    sufixo = ultima if palavras and ultima in _SUFIXOS else ""
    if sufixo or not _DE_EMPRESA.isdisjoint((*palavras, ultima)):
        return _empresa(sufixo, tamanho, sorteio, tentativa)
    return _pessoa(len(palavras) + 1, tamanho, sorteio, tentativa)


def _pessoa(quantas: int, tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    tamanho += max(0, tentativa - SEM_CRESCER)
    quantas = max(1, min(quantas, 4, (tamanho + 1) // 5))
    ditas: list[str] = []
    for n in range(quantas):
        lugar = tamanho - sum(len(p) + 1 for p in ditas) - 5 * (quantas - n - 1)
        da_lista = tentativa < SO_LISTAS or (tentativa < COM_LISTAS and n < quantas - 1)
        ditas.append(_palavra(NOMES if n == 0 else SOBRENOMES, lugar, sorteio, da_lista))
    return " ".join(ditas)


def _palavra(lista: Lista, tamanho: int, sorteio: Sorteio, da_lista: bool) -> str:
    if da_lista and (ha := lista.ate(tamanho)):
        return lista.palavras[sorteio.ate(ha)]
    maior = max(1, min(tamanho, 9))
    return sorteio.silabas(maior - sorteio.ate(1 + maior // 3)).capitalize()


def _empresa(sufixo: str, tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """«Comercial Leão e Souza Ltda.»"""
    tamanho += max(0, tentativa - SEM_CRESCER)
    lugar = tamanho - (len(sufixo) + 1 if sufixo else 0)
    ramos = RAMOS.ate(lugar - 6)
    if not ramos:
        return _pessoa(1 + lugar // 9, tamanho, sorteio, tentativa)
    ramo = RAMOS.palavras[sorteio.ate(ramos)]
    lugar -= len(ramo) + 1
    donos = [_palavra(SOBRENOMES, min(lugar, 12), sorteio, tentativa < SO_LISTAS)]
    if lugar - len(donos[0]) >= 9:
        outro = _palavra(SOBRENOMES, lugar - len(donos[0]) - 3, sorteio, tentativa < COM_LISTAS)
        donos.append(outro)
    return " ".join((ramo, " e ".join(donos), *([_como_se_escreve(sufixo)] if sufixo else ())))


def _como_se_escreve(sufixo: str) -> str:
    return sufixo.upper() if len(sufixo) < 4 else sufixo.capitalize()


def usuario(chave: str, tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """Uma palavra que se pronuncia e uns algarismos."""
    arroba = "@" if chave.startswith("@") else ""
    maior = max(2, min(tamanho - len(arroba) + max(0, tentativa - SEM_CRESCER), 14))
    do_fim = min(3, maior // 3)
    return f"{arroba}{sorteio.silabas(maior - do_fim)}{sorteio.algarismos(do_fim)}"


def email(_chave: str, tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """O de um nome inventado, num domínio que não é de ninguém. O de um original com menos de 20
    letras pode sair com 20; o de um muito curto, curto sai."""
    mais = max(0, tentativa - SEM_CRESCER)
    lugar = max(8, tamanho - len(DOMINIO)) + mais
    if tamanho < EMAIL_CURTO:
        local = max(1, tamanho - len(DOMINIO_CURTO) - 2) + mais
        letras = "".join(sorteio.um_de(_DE_UM_LOCAL) for _ in range(local))
        return f"{letras}@{sorteio.um_de(_DE_UM_LOCAL[:26])}{DOMINIO_CURTO}"
    if lugar < 15:
        return f"{sorteio.silabas(lugar - 3)}{sorteio.algarismos(3)}{DOMINIO}"
    primeiro = _palavra(NOMES, 7, sorteio, tentativa < COM_LISTAS)
    segundo = _palavra(SOBRENOMES, lugar - len(primeiro) - 4, sorteio, tentativa < SO_LISTAS)
    conta = f"{primeiro}.{segundo}{sorteio.algarismos(3)}"
    return f"{sem_acentos(conta).lower()}{DOMINIO}"


def rua(_chave: str, tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """O nome de uma pessoa, como têm as ruas."""
    return _pessoa(2, tamanho, sorteio, tentativa)


def bairro(_chave: str, tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """Um dos do Faker, enquanto os há."""
    if tentativa < SO_LISTAS and (ha := BAIRROS.ate(tamanho)):
        return BAIRROS.palavras[sorteio.ate(ha)]
    return _pessoa(2, tamanho, sorteio, tentativa)


# -- o que se escreve com letras e algarismos ------------------------------------------------


def mesmo_feitio(chave: str, sorteio: Sorteio, tentativa: int) -> str:
    """Letra por letra, algarismo por algarismo, com os zeros do começo: o mesmo documento escrito
    num número também cabe."""
    sem_zeros = chave.lstrip("0") if tentativa < COM_LISTAS else chave
    zeros = len(chave) - len(sem_zeros)
    ditos = [_igual(c, sorteio) for c in sem_zeros]
    if zeros or not chave.startswith("0"):
        ditos = [
            sorteio.um_de("123456789") if d.isdecimal() and n == 0 else d
            for n, d in enumerate(ditos)
        ]
    return "0" * zeros + "".join(ditos) + sorteio.algarismos(max(0, tentativa - 48))


def _igual(caractere: str, sorteio: Sorteio) -> str:
    for feitio in ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        if caractere in feitio:
            return sorteio.um_de(feitio)
    return caractere


def cpf(chave: str, _tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    return documentos.cpf_de(mesmo_feitio(chave[:9], sorteio, min(tentativa, 48)))


def cnpj(chave: str, _tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """A raiz; o resto é de cada estabelecimento."""
    return mesmo_feitio(chave[: documentos.RAIZ], sorteio, min(tentativa, 48))


def pis(chave: str, _tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    return documentos.pis_de(mesmo_feitio(chave[:10], sorteio, min(tentativa, 48)))


def cnh(chave: str, _tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    return documentos.cnh_de(mesmo_feitio(chave[:9], sorteio, min(tentativa, 48)))


def documento(chave: str, _tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """Os outros, com os algarismos de cada um trocados: o dígito que os confere muda de estado para
    estado, e não se refaz. O X do fim de um RG fica."""
    do_fim = "X" if chave.endswith("X") and chave[:-1].isdecimal() else ""
    miolo = chave.removesuffix(do_fim) if do_fim else chave
    return mesmo_feitio(miolo, sorteio, tentativa) + do_fim


def telefone(chave: str, _tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """Os oito últimos algarismos: o de um fixo começa como o de um fixo."""
    primeiro = next(f for f in ("01", "2345", "6789") if chave[:1] in f)
    return sorteio.um_de(primeiro) + sorteio.algarismos(len(chave) - 1 + max(0, tentativa - 48))


def cep(chave: str, _tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """Da mesma região: o primeiro algarismo fica."""
    return chave[:1] + mesmo_feitio(chave[1:], sorteio, tentativa)


def ip(chave: str, _tamanho: int, sorteio: Sorteio, _tentativa: int) -> str:
    """Um que não é de ninguém: 10.0.0.0/8 (RFC 1918) ou 2001:db8::/32 (RFC 3849)."""
    if ipaddress.ip_address(chave).version == 4:
        return str(ipaddress.IPv4Address((10 << 24) + sorteio.ate(1 << 24)))
    return str(ipaddress.IPv6Address((0x20010DB8 << 96) + sorteio.ate(1 << 64)))


def segredo(chave: str, _tamanho: int, sorteio: Sorteio, tentativa: int) -> str:
    """O mesmo feitio, e o começo que diz que resumo é: com ele ninguém entra."""
    if UUID.fullmatch(chave):
        return str(uuid.UUID(int=sorteio.ate(1 << 128), version=4))
    comeco = achado.group() if (achado := _DE_HASH.match(chave)) else ""
    ditos = "".join(_igual(c, sorteio) for c in chave[len(comeco) :])
    return comeco + ditos + sorteio.algarismos(max(0, tentativa - 48))


Candidato = Callable[[str, int, Sorteio, int], str]
CANDIDATOS: Mapping[Especie, Candidato] = {
    Especie.NOME: nome,
    Especie.USUARIO: usuario,
    Especie.EMAIL: email,
    Especie.RUA: rua,
    Especie.BAIRRO: bairro,
    Especie.CPF: cpf,
    Especie.CNPJ: cnpj,
    Especie.PIS: pis,
    Especie.CNH: cnh,
    Especie.DOCUMENTO: documento,
    Especie.TELEFONE: telefone,
    Especie.CEP: cep,
    Especie.IP: ip,
    Especie.SEGREDO: segredo,
}
