"""Um valor de texto ou de número, pela classe da coluna dele: que pedaços se trocam.

O mesmo caminho serve às duas passadas: na primeira, `trocar` só toma nota do que há e devolve o que
recebeu; na segunda, devolve os substitutos.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from urllib.parse import quote, unquote

from cofre.clone.anonimo.classes import Classe, Especie
from cofre.clone.anonimo.documentos import (
    e_cnpj,
    e_cpf,
    so_os_algarismos,
    so_os_caracteres,
)
from cofre.clone.anonimo.enderecos import complemento, endereco
from cofre.clone.anonimo.falsos import UUID
from cofre.clone.anonimo.feitio import chave_do_texto
from cofre.clone.anonimo.padroes import (
    Conhecido,
    especie_do_documento,
    inteiro,
    reconhecer,
)

Trocar = Callable[[Especie, str], str]
Nomes = Callable[[str], Iterator[tuple[int, int, str]]]
_PALAVRA_DE_GENTE = re.compile(r"[^\W\d_]{3,}")
_COM_ALGARISMO = re.compile(r"(?=[A-Za-z./-]*\d)[0-9A-Za-z]+(?:[./-][0-9A-Za-z]+)*")
_SEM_ESPACOS = re.compile(r"[^\s\"'<>]+")
_CODIFICADO = re.compile(r"%[0-9A-Fa-f]{2}")
_DE_ENDERECO = frozenset(":/?#[]@!$&()*+,;=~")
_COM_MASCARA = frozenset("./-() +")
_DE_DOCUMENTO = frozenset({Especie.CPF, Especie.CNPJ, Especie.NOTA})
_DATA = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_DATA_DAQUI = re.compile(r"(\d\d)([/.-])(\d\d)\2(\d{4})")
_DE_CIDADE, _CIDADES = 40, 20_000


@dataclass(slots=True)
class Tratamento:
    """Como se tratam os valores de uma empresa. `nomes` acha os que se conhecem num texto, e
    `nome_de` dá o substituto de um deles; `cidades`: ver `enderecos`."""

    trocar: Trocar
    conhece: Conhecido
    nomes: Nomes
    nome_de: Callable[[str, str], str]
    cidades: set[str] = field(default_factory=set)
    segredo: bytes = field(default=b"", repr=False)

    def texto(self, classe: Classe, texto: str) -> str:
        """Um texto de uma coluna desta classe, trocado."""
        if not texto or texto.isspace():
            return texto
        if classe is Classe.FICA:
            self._lembrar_cidade(texto)
            return texto
        if classe is Classe.SEGREDO:
            return self.trocar(Especie.SEGREDO, texto)
        if UUID.fullmatch(texto):
            return self.trocar(Especie.SEGREDO, texto) if classe is Classe.PIX else texto
        especie = inteiro(texto)
        if classe is Classe.CODIGO:
            return self._codigo(texto, especie)
        if especie is not None and _manda(especie, classe, texto):
            return self.trocar(especie, texto)
        return self._da_classe(classe, texto)

    def _lembrar_cidade(self, texto: str) -> None:
        """Do que fica, o que num endereço também fica: as cidades são poucas, e curtas."""
        if len(texto) <= _DE_CIDADE and len(self.cidades) < _CIDADES:
            self.cidades.add(chave_do_texto(texto))

    def _da_classe(self, classe: Classe, texto: str) -> str:
        """O que não se reconhece só pelo feitio."""
        if classe is Classe.NOME:
            return self.trocar(Especie.NOME, texto)
        if classe in (Classe.USUARIO, Classe.EMAIL, Classe.PIX):
            solto = self.livre(texto) if "@" in texto[1:] else texto
            return solto if solto != texto else self.trocar(Especie.USUARIO, texto)
        if classe in (Classe.DOCUMENTO, Classe.PIS, Classe.CNH):
            return self._documento(classe, texto)
        if classe is Classe.TELEFONE:
            return self._telefone(texto)
        if classe is Classe.CEP:
            return self.trocar(Especie.CEP, texto) if _algarismos(texto) else self.livre(texto)
        if classe is Classe.ENDERECO:
            return endereco(texto, self.trocar, self.cidades)
        if classe is Classe.BAIRRO:
            return self.trocar(Especie.BAIRRO, texto)
        if classe is Classe.COMPLEMENTO:
            return complemento(texto, self.trocar)
        if classe is Classe.IP:
            trocado = self.trocar(Especie.IP, texto)
            return trocado if trocado != texto else self.livre(texto)
        if classe is Classe.NASCIMENTO:
            return self.nascimento(texto)
        return self.livre(texto)

    def _codigo(self, texto: str, especie: Especie | None) -> str:
        """Um código do aplicativo só sai se é, inteiro, um e-mail, ou um documento com a máscara
        ou que se conhece: um em cem números quaisquer tem os dígitos certos."""
        certo = especie in (Especie.EMAIL, Especie.NOTA) or _mascarado(texto)
        if especie is not None and especie is not Especie.TELEFONE and certo:
            return self.trocar(especie, texto)
        caracteres = so_os_caracteres(texto)
        for conhecida in (Especie.CPF, Especie.CNPJ, Especie.TELEFONE):
            if self.conhece(conhecida, caracteres):
                return self.trocar(conhecida, texto)
        return texto

    def _documento(self, classe: Classe, texto: str) -> str:
        if classe is not Classe.DOCUMENTO and _algarismos(texto) == 11:
            return self.trocar(Especie.PIS if classe is Classe.PIS else Especie.CNH, texto)
        if _algarismos(texto) and not _PALAVRA_DE_GENTE.search(texto):
            return self.trocar(especie_do_documento(so_os_caracteres(texto)), texto)
        caracteres = so_os_caracteres(texto)
        if len(caracteres) == 14 and e_cnpj(caracteres):
            return self.trocar(Especie.CNPJ, texto)
        # «RG 12.345 SSP/SP»: o que tem algarismos
        return self._aos_pedacos(texto, self._sem_algarismos)

    def _telefone(self, texto: str) -> str:
        if not _PALAVRA_DE_GENTE.search(texto) and 8 <= _algarismos(texto) <= 14:
            return self.trocar(Especie.TELEFONE, texto)
        return self._aos_pedacos(texto, self._sem_algarismos)

    def livre(self, texto: str) -> str:
        """Um texto livre, sem os e-mails, documentos e telefones que nele se reconhecem, nem os
        nomes de duas palavras ou mais que se conhecem; também os que um endereço leva codificados
        («Ana%20Silva»)."""
        partes: list[str] = []
        ate = 0
        for achado in _SEM_ESPACOS.finditer(texto) if "%" in texto else ():
            if not _CODIFICADO.search(achado.group()):
                continue
            aberto = unquote(achado.group())
            novo = self._aos_pedacos(aberto, self._sem_nomes)
            if novo != aberto and "\ufffd" not in aberto:
                seguros = "".join(_DE_ENDERECO.intersection(achado.group()))
                partes += (self._solto(texto[ate : achado.start()]), quote(novo, safe=seguros))
                ate = achado.end()
        return "".join((*partes, self._solto(texto[ate:])))

    def _solto(self, texto: str) -> str:
        return self._aos_pedacos(texto, self._sem_nomes)

    def _aos_pedacos(self, texto: str, resto: Callable[[str], str]) -> str:
        partes: list[str] = []
        ate = 0
        for inicio, fim, especie in reconhecer(texto, self.conhece):
            partes += (resto(texto[ate:inicio]), self.trocar(especie, texto[inicio:fim]))
            ate = fim
        return "".join((*partes, resto(texto[ate:])))

    def _sem_algarismos(self, texto: str) -> str:
        """O que, numa coluna de números, não se reconheceu: nem nomes nem algarismos ficam."""
        return _COM_ALGARISMO.sub(
            lambda achado: self.trocar(Especie.DOCUMENTO, achado.group()), self._sem_nomes(texto)
        )

    def _sem_nomes(self, texto: str) -> str:
        partes: list[str] = []
        ate = 0
        for inicio, fim, chave in self.nomes(texto):
            partes += (texto[ate:inicio], self.nome_de(chave, texto[inicio:fim]))
            ate = fim
        return "".join((*partes, texto[ate:])) if partes else texto

    def numero(self, classe: Classe, dito: str) -> str:
        """Um número de JSON: só o de um documento, telefone ou CEP escrito assim, e coordenadas."""
        if classe is Classe.COORDENADA:
            return self.trocar(Especie.COORDENADA, _arredondar(dito))
        if not dito.isdecimal() or len(dito) < 3:
            return dito
        if classe in (Classe.TEXTO, Classe.NOME, Classe.CODIGO):
            return self._numero_conhecido(dito)
        if classe is Classe.TELEFONE:
            return self.trocar(Especie.TELEFONE, dito)
        if classe is Classe.CEP:
            return self.trocar(Especie.CEP, dito.zfill(8)).lstrip("0")
        if classe not in (Classe.DOCUMENTO, Classe.PIS, Classe.CNH):
            return dito
        for tamanho, e_um in ((11, e_cpf), (14, e_cnpj)):
            if len(dito) <= tamanho and (e_um(dito.zfill(tamanho)) or tamanho - len(dito) < 2):
                return self._documento(classe, dito.zfill(tamanho)).lstrip("0") or "0"
        return self._documento(classe, dito).lstrip("0") or "0"

    def _numero_conhecido(self, dito: str) -> str:
        """Num json, um número que é o documento ou o telefone de alguém."""
        for especie, tamanho in ((Especie.CPF, 11), (Especie.CNPJ, 14), (Especie.TELEFONE, 10)):
            if len(dito) > tamanho - 2 and self.conhece(especie, dito.zfill(tamanho)):
                return self.trocar(especie, dito.zfill(tamanho)).lstrip("0")
        return dito

    def nascimento(self, texto: str) -> str:
        """Outro dia do mesmo ano; a hora, se há, fica."""
        for padrao, ordem in ((_DATA, (1, 2, 3)), (_DATA_DAQUI, (4, 3, 1))):
            if achado := padrao.match(texto):
                try:
                    dia = date(*(int(achado[g]) for g in ordem))
                except ValueError:
                    continue
                outro = dias_do_ano(self.segredo, dia.year)[dia.timetuple().tm_yday - 1]
                novo = date(dia.year, 1, 1) + timedelta(outro)
                dito = novo.isoformat()
                if padrao is _DATA_DAQUI:
                    dito = f"{novo:%d}{achado[2]}{novo:%m}{achado[2]}{dito[:4]}"
                self.trocar(Especie.NASCIMENTO, texto)
                return dito + texto[achado.end() :]
        return texto


@lru_cache(maxsize=512)
def dias_do_ano(segredo: bytes, ano: int) -> tuple[int, ...]:
    """De cada dia do ano, o que fica no lugar dele: nenhum em si próprio, nem dois no mesmo."""
    quantos = (date(ano, 12, 31) - date(ano, 1, 1)).days + 1
    chave = hashlib.blake2b(segredo, digest_size=32).digest()
    ordem = sorted(
        range(quantos), key=lambda d: hashlib.blake2b(b"%d %d" % (ano, d), key=chave).digest()
    )
    seguinte = dict(zip(ordem, (*ordem[1:], ordem[0]), strict=True))
    return tuple(seguinte[d] for d in range(quantos))


def _manda(especie: Especie, classe: Classe, texto: str) -> bool:
    """Se o que o valor parece vale mais do que a coluna em que está: um CPF na coluna do nome."""
    if especie is Especie.EMAIL:
        return True
    if classe in (Classe.DOCUMENTO, Classe.PIS, Classe.CNH):
        return especie is Especie.NOTA or (especie in _DE_DOCUMENTO and classe is Classe.DOCUMENTO)
    if classe in (Classe.TELEFONE, Classe.CEP, Classe.NASCIMENTO, Classe.IP):
        return especie in _DE_DOCUMENTO and _mascarado(texto)
    return True


def _mascarado(texto: str) -> bool:
    return not _COM_MASCARA.isdisjoint(texto.strip())


def _algarismos(texto: str) -> int:
    return len(so_os_algarismos(texto))


def _arredondar(dito: str) -> str:
    """«-23.5505199» → «-23.5000000»: uns dez quilômetros, com as mesmas casas."""
    inteira, ponto, decimais = dito.partition(".")
    if not ponto or not re.fullmatch(r"-?\d+\.\d+", dito):
        return dito
    return f"{inteira}.{decimais[0]}{'0' * (len(decimais) - 1)}"
