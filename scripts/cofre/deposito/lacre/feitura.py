"""O lacre de um backup que está numa montagem, logo antes de se publicar."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from cofre.deposito import metadados
from cofre.deposito.carimbo import nome_dos_metadados
from cofre.deposito.lacre import conhecidos
from cofre.deposito.lacre.lacre import Corpo, Lacre, em_ordem, fechar, ler, pseudonimo
from cofre.deposito.lacre.serie import da_casa, escritor, maior_numero
from cofre.deposito.metadados import TabelaSalva
from cofre.deposito.ordem import instante


def lacrar(pasta: Path, montagem: Path, carimbo: str, ficha: bytes) -> Lacre:
    """O próximo lacre da empresa desta pasta, por gravar, com a trava dela na mão: assina os
    arquivos que estão na montagem e estes metadados. Levanta FalhaDeDisco, DependenciaAusente ou
    ConfiguracaoInvalida; OSError passa."""
    meta = metadados.de_bytes(ficha, nome_dos_metadados(carimbo))
    empresa, soma = pseudonimo(meta.user_id), hashlib.sha256(ficha).hexdigest()
    chave = conhecidos.minha()
    serie = da_casa(pasta, empresa)
    em_claro = [] if meta.cifrado else [(soma, len(ficha))]  # de um cifrado, refaz-se dos detalhes
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
        blobs=em_ordem([*(_no_disco(montagem, a) for a in meta.arquivos), *em_claro]),
    )
    return ler(fechar(corpo, chave))


def _no_disco(montagem: Path, arquivo: TabelaSalva) -> tuple[str, int]:
    """A soma e o tamanho dos bytes de um arquivo, como estão no disco. OSError passa."""
    if arquivo.cifrado:
        return arquivo.sha256_cifrado, arquivo.bytes_no_disco
    if not arquivo.compactado:
        return arquivo.sha256, arquivo.bytes
    caminho = montagem / arquivo.arquivo
    with caminho.open("rb") as aberto:
        return hashlib.file_digest(aberto, "sha256").hexdigest(), caminho.stat().st_size
