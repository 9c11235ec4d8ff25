"""O lacre de um backup que está numa montagem, logo antes de se publicar."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cofre.base.modelo import ARQUIVOS
from cofre.deposito import metadados
from cofre.deposito.carimbo import nome_dos_metadados
from cofre.deposito.conteudos.citados import citados_por
from cofre.deposito.lacre import conhecidos
from cofre.deposito.lacre.lacre import Corpo, Lacre, em_ordem, fechar, ler, pseudonimo
from cofre.deposito.lacre.serie import da_casa, escritor, maior_numero
from cofre.deposito.metadados import Metadados
from cofre.deposito.ordem import instante
from cofre.deposito.tabela_salva import TabelaSalva


def lacrar(pasta: Path, montagem: Path, carimbo: str, ficha: bytes) -> Lacre:
    """O próximo lacre da empresa desta pasta, por gravar, com a trava dela na mão: assina os
    arquivos que estão na montagem e estes metadados. Levanta FalhaDeDisco, DependenciaAusente ou
    ConfiguracaoInvalida; OSError passa."""
    meta = metadados.de_bytes(ficha, nome_dos_metadados(carimbo))
    empresa, soma = pseudonimo(meta.user_id), hashlib.sha256(ficha).hexdigest()
    chave = conhecidos.minha()
    serie = da_casa(pasta, empresa)
    conteudos = _conteudos(montagem, meta)
    em_claro = [] if meta.cifrado else [(soma, len(ficha))]  # de um cifrado, refaz-se dos detalhes
    dos_arquivos = [_no_disco(montagem, a) for a in meta.arquivos]
    corpo = Corpo(
        empresa=empresa,
        carimbo=carimbo,
        inicio=instante(meta, carimbo),
        feito=datetime.now(UTC).replace(microsecond=0),
        escritor=escritor(),
        numero=1 + maior_numero(serie, empresa),
        # O mesmo backup pode já ter um: cifrado depois, leva outro.
        anteriores=tuple(v for v in serie.vivos if v.carimbo != carimbo),
        ficha=soma,
        detalhes=meta.cifrado.detalhes.sha256 if meta.cifrado and meta.cifrado.detalhes else "",
        blobs=em_ordem([*dos_arquivos, *em_claro, *conteudos.items()]),
        conteudos=len(conteudos),
        bytes_dos_conteudos=sum(conteudos.values()),
    )
    return ler(fechar(corpo, chave))


def _conteudos(montagem: Path, meta: Metadados) -> Mapping[str, int]:
    """Os conteúdos dos arquivos da empresa que o backup cita. OSError passa."""
    lista = meta.tabelas.get(ARQUIVOS)
    if lista is None or lista.conteudos is None:
        return {}
    return citados_por(montagem / lista.conteudos.arquivo, lista.conteudos.sha256)


def _no_disco(montagem: Path, arquivo: TabelaSalva) -> tuple[str, int]:
    """A soma e o tamanho dos bytes de um arquivo, como estão no disco. OSError passa."""
    if arquivo.cifrado:
        return arquivo.sha256_cifrado, arquivo.bytes_no_disco
    if not arquivo.compactado:
        return arquivo.sha256, arquivo.bytes
    caminho = montagem / arquivo.arquivo
    with caminho.open("rb") as aberto:
        return hashlib.file_digest(aberto, "sha256").hexdigest(), caminho.stat().st_size
