"""Cifrar um backup que ficou em claro: o mesmo conteúdo e o mesmo carimbo, e os arquivos em claro
só saem depois de os cifrados se terem aberto.

Quem cifra não tem a chave que abre. Por isso cada arquivo se fecha também para uma de passagem, que
só existe na memória deste processo: com ela abre-se o que ficou no disco, e compara-se a soma com a
do original. Morto a meio, o backup é o que era ou já é o cifrado, e a próxima execução acaba.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cofre.base.disco import criar_privado, erros_de_disco, ler_ficha, para_o_disco
from cofre.base.erros import BackupDanificado, FalhaDeDisco
from cofre.base.modelo import ARQUIVOS
from cofre.deposito import metadados
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.carimbo import nossos
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import CIFRADO, COMPACTADO, PEDACO, abrir, sha256_do_arquivo
from cofre.deposito.nomes import CONTEUDOS, dos_textos
from cofre.deposito.publicacao import Montagem, SomaCifrada
from cofre.deposito.reaproveitamento import DeOntem, ligar
from cofre.deposito.recifrar_arquivos import ConteudosCifrados
from cofre.deposito.recolha import EM_CLARO
from cofre.deposito.tabela_salva import TabelaSalva


@dataclass(slots=True)
class JaCifrados:
    """O que já se cifrou nesta execução, numa pasta: (quem, sha256 do conteúdo) → o arquivo; e os
    conteúdos dos arquivos da empresa."""

    conteudos: ConteudosCifrados
    arquivos: dict[tuple[str, str], DeOntem] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Original:
    """Um arquivo em claro do backup, e como a montagem chama o cifrado."""

    quem: str
    salvo: TabelaSalva


def cifrar_de_novo(deposito: Deposito, backup: Backup, ja: JaCifrados) -> Backup:
    """Publica cifrado este backup em claro, com a trava da empresa na mão; o que outro já cifrou
    nesta execução (`ja`) liga-se. Levanta BackupDanificado se um arquivo não é o que foi gravado, e
    FalhaDeDisco: em ambos, o backup fica como estava."""
    ficha = ler_ficha(arquivo_de_metadados(backup.pasta, backup.carimbo))
    originais = _originais(backup)
    with erros_de_disco(backup.pasta), deposito.remontar(backup) as montagem:
        montagem.adotar(_nomes(originais, backup.carimbo))
        with criar_privado(montagem.lugar(EM_CLARO)) as arquivo:
            arquivo.write(ficha)
            para_o_disco(arquivo)
        mudam: dict[str, Any] = {}
        for original in originais:
            if original.quem == ARQUIVOS:
                mudam = ja.conteudos.cifrar(backup, original.salvo, montagem)
            else:
                _cifrar(deposito, backup, original, montagem, ja)
        publicado = montagem.publicar(_bruto(metadados.bruto_de(ficha), montagem, mudam))
        if montagem.lugar(EM_CLARO).exists():
            raise FalhaDeDisco(
                f"O backup {backup.carimbo} está cifrado, mas não consegui apagar os arquivos em"
                f" claro: {backup.pasta}",
                "Se algum está aberto em outro programa, feche-o. A próxima execução apaga-os.",
            )
    assert publicado.meta is not None
    for quem, salva in _por_quem(publicado):
        ja.arquivos[quem, _soma_de(originais, quem)] = DeOntem(salva, publicado.caminho(salva))
    return publicado


def _originais(backup: Backup) -> list[_Original]:
    assert backup.meta is not None
    return [_Original(quem, salva) for quem, salva in _por_quem(backup)]


def _por_quem(backup: Backup) -> list[tuple[str, TabelaSalva]]:
    tabelas = backup.meta.tabelas if backup.meta else {}
    textos = [(dos_textos(n), t.textos) for n, t in tabelas.items() if t.textos]
    return [*tabelas.items(), *textos]


def _soma_de(originais: list[_Original], quem: str) -> str:
    return next(o.salvo.sha256 for o in originais if o.quem == quem)


def _nomes(originais: list[_Original], carimbo: str) -> dict[str, str]:
    """O nome de cada cifrado: o do original, sem tomar o de nenhum arquivo que não é de tabela."""
    tomados = {nome.lower() for nome in nossos(carimbo)}
    nomes: dict[str, str] = {}
    for original in originais:
        base = original.salvo.arquivo.removesuffix(COMPACTADO).removesuffix(f"_{carimbo}.json")
        fim, n = f"_{carimbo}.json{COMPACTADO}{CIFRADO}", 1
        nome = base + fim
        while nome.lower() in tomados:
            n += 1
            nome = f"{base}~{n}{fim}"
        tomados.add(nome.lower())
        nomes[original.quem] = nome
    # Não por cima do que está em claro: até ao fim, ele é que vale.
    tomados |= {original.salvo.arquivo.lower() for original in originais}
    candidatos = (f"conteudos~{n}_{carimbo}.json" for n in itertools.count(2))
    nomes[CONTEUDOS] = next(c for c in candidatos if c not in tomados)
    return nomes


def _cifrar(
    deposito: Deposito, backup: Backup, original: _Original, montagem: Montagem, ja: JaCifrados
) -> None:
    """Põe na montagem, cifrado, este arquivo do backup; o que outro backup `ja` cifrou igual só se
    liga. Levanta BackupDanificado, se o que ficou não dá o que havia."""
    quem, salvo = original.quem, original.salvo
    assert deposito.cifra is not None
    caminho, certo = backup.caminho(salvo), (salvo.sha256, salvo.bytes)
    antigo = ja.arquivos.get((quem, salvo.sha256))
    if (
        antigo is not None
        and sha256_do_arquivo(caminho) == certo
        and ligar(deposito.cifra, montagem.caminho(quem), antigo)
    ):
        soma = SomaCifrada(antigo.salvo.sha256_cifrado, antigo.salvo.bytes_no_disco)
        montagem.cifrados[quem] = soma
        return
    with abrir(caminho) as de, montagem.criar(quem) as para:
        while pedaco := de.read(PEDACO):
            para.write(pedaco)
    # Do disco, e com a chave de passagem: o que se vai apagar é o que este arquivo dá.
    if sha256_do_arquivo(montagem.caminho(quem)) != certo:
        raise BackupDanificado(
            f"{salvo.arquivo} não é mais o que foi gravado.", "Ficou em claro, como estava."
        )


def _bruto(
    bruto: Mapping[str, Any], montagem: Montagem, da_lista: Mapping[str, Any]
) -> dict[str, Any]:
    """Os metadados, com os arquivos como cifrados; `da_lista`: o que muda na dos arquivos."""
    tabelas = {}
    for nome, tabela in bruto["tabelas"].items():
        mudam = da_lista if nome == ARQUIVOS else {}
        tabelas[nome] = {**tabela, **mudam, **_cifrado(montagem, nome)}
        if textos := tabela.get("textos"):
            tabelas[nome]["textos"] = {**textos, **_cifrado(montagem, dos_textos(nome))}
    return {**bruto, "tabelas": tabelas}


def _cifrado(montagem: Montagem, quem: str) -> dict[str, Any]:
    soma = montagem.cifrados[quem]
    return {
        "arquivo": montagem.nome(quem),
        "compactado": True,
        "bytes_no_disco": soma.bytes,
        "cifrado": True,
        "sha256_cifrado": soma.sha256,
    }


def serve(backup: Backup) -> bool:
    """Se se pode cifrar: está em claro, lê-se, e os metadados dizem as somas."""
    meta = backup.meta
    return meta is not None and meta.cifrado is None and not meta.da_primeira_versao
