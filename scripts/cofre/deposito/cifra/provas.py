"""Quando cada chave que abre provou que abre: `chaves.json`, no perfil deste usuário.

Um backup cifrado só vale enquanto alguém tem a chave, e só se sabe que a tem quem a usou. Não
guarda segredo algum: só a chave que fecha e a data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cofre.base import perfil
from cofre.base.comandos import BACKUP, comando
from cofre.base.config.cifragem import NOME_DAS_QUE_FECHAM
from cofre.base.palavras import na_tela
from cofre.deposito.carimbo import nome_dos_detalhes
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.retrato import ha_que_comece

if TYPE_CHECKING:
    from cofre.deposito.deposito import Deposito

ARQUIVO = "chaves.json"
VALIDADE = timedelta(days=90)
LETRAS = 12
"""Do começo de uma chave que fecha, quantas bastam para a reconhecer."""


def ler() -> dict[str, datetime]:
    """Por chave que fecha, quando a que abre foi usada pela última vez numa prova. Um arquivo que
    não se lê vale como nenhum: uma prova a mais não faz mal. Levanta FalhaDeDisco."""
    try:
        lidas = msgspec.json.decode(perfil.ler(ARQUIVO) or b"{}", type=dict[str, datetime])
    except msgspec.DecodeError:
        return {}
    return {chave: quando for chave, quando in lidas.items() if quando.tzinfo is not None}


def anotar(chaves: Sequence[ChaveQueFecha], quando: datetime) -> None:
    """Que as que abrem o que estas fecham acabam de abrir. Levanta FalhaDeDisco."""
    todas = {**ler(), **{chave.texto: quando for chave in chaves}}
    perfil.gravar(ARQUIVO, msgspec.json.format(msgspec.json.encode(todas)) + b"\n")


def do_deposito(deposito: Deposito, agora: datetime) -> list[str]:
    """Os das chaves que fecharam o backup mais novo de cada empresa. Levanta FalhaDeDisco."""
    para: dict[str, ChaveQueFecha] = {}
    for pasta in deposito.pastas():
        for backup in deposito.do_mais_novo(pasta):
            para |= {chave.texto: chave for chave in backup.para}
            break
    return lembretes(list(para.values()), agora) if para else []


def se_deixou_de_cifrar(deposito: Deposito) -> list[str]:
    """O que dizer quando há cifrados e o próximo sairia em claro: quem perde a linha do .env, ou
    vem de outro computador, não o nota. Só se lê um backup de uma empresa que os tem."""
    if deposito.cifra is not None:
        return []
    for pasta in deposito.pastas():
        if ha_que_comece(pasta, nome_dos_detalhes("").partition(".")[0]):
            for backup in deposito.do_mais_novo(pasta):
                if backup.para:
                    valor = ",".join(chave.texto for chave in backup.para)
                    return [
                        f"Aqui há backups cifrados, mas {NOME_DAS_QUE_FECHAM} não está no .env: o"
                        " que se gravar agora fica em claro, e quem levar o disco o lê. Se não é o"
                        f" que quer, ponha lá esta linha e use «cifrar»:\n"
                        f"{NOME_DAS_QUE_FECHAM}={valor}"
                    ]
    return []


def lembretes(para: Sequence[ChaveQueFecha], agora: datetime) -> list[str]:
    """O que dizer a quem cifra para estas chaves: as que nunca se provaram; ou, se há mais de 90
    dias não se prova nenhuma, isso. Levanta FalhaDeDisco."""
    provadas = ler()
    como = f"Para provar que se tem:\n{comando(BACKUP, 'chaves', 'testar')}"
    nunca = [chave.texto for chave in para if chave.texto not in provadas]
    if nunca:
        quais = " e ".join(f"{texto[:LETRAS]}…" for texto in nunca)
        dito = (
            f"A chave que abre o que {quais} fecha nunca foi testada: se não a tiver"
            if len(nunca) == 1
            else f"As chaves que abrem o que {quais} fecham nunca foram testadas: se não as tiver"
        )
        return [f"{dito}, os backups não se leem. {como}"]
    ultima = max((provadas[chave.texto] for chave in para), default=agora)
    if agora - ultima <= VALIDADE:
        return []
    dias = (agora - ultima).days
    return [f"Há {dias} dias, desde {na_tela(ultima, 'dia')}, não se testa uma chave. {como}"]
