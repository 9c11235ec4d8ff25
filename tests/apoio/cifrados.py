"""Backups cifrados: as chaves de um teste, e o que há neles, aberto pelo `age` de fora."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from apoio import age
from cofre.deposito.cifra.chaves import ChaveQueAbre


def cifrando_para(*chaves: ChaveQueAbre) -> dict[str, str]:
    """As variáveis de quem cifra para estas chaves."""
    return {"BACKUP_CIFRAR_PARA": ",".join(c.publica.texto for c in chaves)}


def guardada_em(pasta: Path, chave: ChaveQueAbre, nome: str = "chave.txt") -> str:
    """O caminho do arquivo da chave, como o `age-keygen` o escreveria."""
    caminho = pasta / nome
    caminho.write_text(f"# a chave do dono\n{chave.texto()}\n", encoding="ascii")
    return str(caminho)


def abrindo_com(pasta: Path, chave: ChaveQueAbre, nome: str = "chave.txt") -> dict[str, str]:
    """As variáveis de quem tem esta chave num arquivo."""
    return {"BACKUP_CHAVE_ARQUIVO": guardada_em(pasta, chave, nome)}


def conteudo_cifrado(backup: Mapping[str, Any], chave: ChaveQueAbre) -> dict[str, bytes]:
    """O JSON de cada tabela de um backup cifrado, por `age -d` e gzip."""
    return {
        nome: a_mao(backup["pasta"] / tabela["arquivo"], chave)
        for nome, tabela in backup["tabelas"].items()
    }


def a_mao(arquivo: Path, chave: ChaveQueAbre) -> bytes:
    """Um arquivo cifrado, aberto sem o nosso código."""
    return gzip.decompress(age.decifrar(arquivo.read_bytes(), chave.texto()))


def sem_nada_em_claro(pastas: Iterable[Path], segredos: Iterable[str]) -> list[str]:
    """Onde se acha algum destes textos: o arquivo e o texto. Um .json.gz também se abre."""
    procurados = [s.encode("utf-8") for s in segredos]
    achados = []
    for arquivo in (a for pasta in pastas for a in sorted(pasta.rglob("*")) if a.is_file()):
        bruto = arquivo.read_bytes()
        dentro = gzip.decompress(bruto) if arquivo.suffix == ".gz" else b""
        achados += [
            f"{arquivo.name}: {s.decode()}" for s in procurados if s in bruto or s in dentro
        ]
    return achados
