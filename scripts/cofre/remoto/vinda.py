"""O que há num destino, para quem vai trazer: de que empresas, de quando, e o que cada backup diz
de si mesmo, aberto com a chave.

Nada do computador antigo é preciso: nem a pasta dele, nem o perfil. Os metadados legíveis, que lá
não estão, refazem-se dos detalhes cifrados, e têm de ser, byte a byte, os que o lacre assinou.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Collection
from dataclasses import dataclass

from cofre.base.erros import BackupDanificado
from cofre.deposito import metadados
from cofre.deposito.carimbo import nome_dos_detalhes, nome_dos_metadados
from cofre.deposito.cifra.chaveiro import que_abrem
from cofre.deposito.cifra.leitura import abrindo
from cofre.deposito.lacre.conhecidos import AssinanteDesconhecido
from cofre.deposito.lacre.lacre import Lacre, pseudonimo
from cofre.deposito.legivel import legivel
from cofre.deposito.metadados import Metadados
from cofre.deposito.remocao import so_cita_os_seus
from cofre.remoto.destino import Destino
from cofre.remoto.disposicao import Conteudo, Endereco, olhar
from cofre.remoto.lacres import Lidos, ler_lacre, ler_lacres

MAIORES_DETALHES = 512 * 1024 * 1024
"""Bytes em claro: mais do que os metadados de qualquer backup."""


class CopiaDanificada(BackupDanificado):
    """O que está na cópia não é o que foi assinado; nada foi guardado aqui."""

    dica = (
        "Nada foi guardado aqui. Escolha outra data com --backup, ou outro destino.\n"
        "O que há de errado na cópia, «verificar --copia --parte 1/1» diz por inteiro."
    )


@dataclass(frozen=True, slots=True)
class NaCopia:
    """Um backup de um destino, aberto: o lacre, os metadados, e os bytes dos legíveis (`ficha`)."""

    endereco: Endereco
    lacre: Lacre
    meta: Metadados
    ficha: bytes


class Fora:
    """Um destino, listado uma vez."""

    def __init__(self, destino: Destino) -> None:
        self.destino = destino
        self.la: Conteudo = olhar(destino)

    def mais_novos(self) -> Lidos:
        """O lacre mais novo de cada empresa e de cada computador, pela data do nome."""
        novos: dict[tuple[str, str], Endereco] = {}
        for endereco in sorted(self.la.lacres):
            novos[endereco.empresa, endereco.escritor] = endereco
        return ler_lacres(self.destino, {e: self.la.lacres[e] for e in novos.values()})

    def da_empresa(self, empresa: str) -> list[Endereco]:
        """Os backups dela, do mais novo ao mais antigo."""
        return sorted((e for e in self.la.lacres if e.empresa == empresa), reverse=True)

    def faltam(self, lacre: Lacre) -> int:
        """Quantos conteúdos do backup não estão lá inteiros."""
        return sum(not self.la.tem(soma, n) for soma, n in lacre.blobs)

    def lacre(self, endereco: Endereco, conhecidas: Collection[str]) -> Lacre:
        """O lacre, de quem se conhece. Levanta LacreRecusado ou FalhaDaCopia."""
        lacre = ler_lacre(self.destino, endereco, self.la.lacres[endereco])
        if lacre.chave not in conhecidas:
            raise AssinanteDesconhecido(lacre)
        return lacre

    def abrir(self, endereco: Endereco, lacre: Lacre) -> NaCopia:
        """Os metadados de um backup, com as chaves dadas a este processo. Levanta FaltaChave,
        CopiaDanificada ou FalhaDaCopia."""
        soma = lacre.detalhes or lacre.ficha
        if soma not in self.la.blobs:
            raise CopiaDanificada(f"{endereco.nome}: faltam na cópia os metadados dele.")
        fechados = io.BytesIO()
        self.destino.ler(self.la.blobs[soma].nome, fechados)
        dados = fechados.getvalue()
        if hashlib.sha256(dados).hexdigest() != soma:
            raise CopiaDanificada(f"{endereco.nome}: os metadados dele mudaram na cópia.")
        ficha = _legiveis(dados, lacre) if lacre.detalhes else dados
        nome = nome_dos_metadados(lacre.carimbo)
        if hashlib.sha256(ficha).hexdigest() != lacre.ficha:
            raise CopiaDanificada(f"{endereco.nome}: os metadados não são os que foram assinados.")
        meta = metadados.de_bytes(ficha, nome)
        if pseudonimo(meta.user_id) != lacre.empresa or not so_cita_os_seus(meta, lacre.carimbo):
            raise CopiaDanificada(f"{endereco.nome}: os metadados não são deste backup.")
        return NaCopia(endereco, lacre, meta, ficha)


def _legiveis(dados: bytes, lacre: Lacre) -> bytes:
    """Os metadados legíveis, refeitos dos detalhes."""
    try:
        with (
            abrindo(io.BytesIO(dados), que_abrem()) as aberto,
            gzip.GzipFile(fileobj=aberto) as claro,
        ):
            lidos = claro.read(MAIORES_DETALHES + 1)
        if len(lidos) > MAIORES_DETALHES:
            raise ValueError("são grandes demais")
        bruto = metadados.bruto_de(lidos)
        return legivel(bruto, nome_dos_detalhes(lacre.carimbo), lacre.detalhes, len(dados))
    except (ValueError, KeyError, TypeError, EOFError, zlib.error, gzip.BadGzipFile) as e:
        raise CopiaDanificada(f"os metadados de {lacre.carimbo} não se leem ({e}).") from e
