"""As tabelas como ficarão depois de um plano, em arquivos: conferem-se antes de o executar."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cofre.base import textos
from cofre.base.disco import erros_de_disco
from cofre.base.linha import juntar
from cofre.deposito.formato import Gravador, de_passagem
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.linhas import ler_linhas
from cofre.plano.alvo import RECUPERAR, Alvo, Arquivos
from cofre.plano.lotes import em_lotes
from cofre.plano.plano import Plano
from cofre.plano.tabela import ALTERAR, REMOVER, REPOR

LINHAS_POR_BLOCO = 1000


def depois(alvo: Alvo, plano: Plano, foto: Arquivos, pasta: Path) -> dict[str, Sequence[Arquivo]]:
    """Os arquivos que, juntos, dão cada tabela como ficará. Só as de que se quer uma parte se
    escrevem, na `pasta`. Levanta BackupDanificado ou FalhaDeDisco."""
    ficam: dict[str, Sequence[Arquivo]] = {n: [a] for n, a in foto.items()}
    for nome, arquivo in alvo.arquivos(alvo.backup, alvo.tabelas).items():
        if nome in alvo.fatias and nome in foto:
            if plano.contagens[nome].diferencas:
                ficam[nome] = [_escrita(plano, nome, foto[nome], pasta)]
        elif alvo.modo == RECUPERAR and nome in foto:
            ficam[nome] = [foto[nome], arquivo]
        else:
            ficam[nome] = [arquivo]
    return ficam


def _escrita(plano: Plano, nome: str, foto: Arquivo, pasta: Path) -> Arquivo:
    """A tabela da foto sem o que sai e com o que entra: de uma alteração, as duas coisas."""
    saem = Counter(
        _marca(textos.separar(acao.atual or b"{}")[0])
        for tipo in (ALTERAR, REMOVER)
        for acao in plano.acoes(nome, tipo)
    )
    with erros_de_disco(pasta):
        numero = str(len(list(pasta.iterdir())))
        with de_passagem(pasta, numero) as (caminho, saida):
            gravador = Gravador(saida)
            for grupo in ler_linhas(foto.caminho):
                gravador.bloco(juntar([ln for ln in grupo if not _sai(bytes(ln), saem)]))
            for lote in em_lotes(_que_entram(plano, nome), LINHAS_POR_BLOCO):
                gravador.bloco(juntar(lote))
            gravador.terminar()
    return replace(foto, caminho=caminho, textos=None)


def _sai(linha: bytes, saem: Counter[bytes]) -> bool:
    if not saem:
        return False
    marca = _marca(linha)
    if not saem[marca]:
        return False
    saem[marca] -= 1
    return True


def _que_entram(plano: Plano, nome: str) -> Iterator[bytes]:
    for tipo in (ALTERAR, REPOR):
        for acao in plano.acoes(nome, tipo):
            yield textos.separar(acao.alvo or b"{}")[0]


def _marca(linha: bytes) -> bytes:
    """O que basta para reconhecer a linha: por milhões delas, a memória é pouca."""
    return hashlib.blake2b(linha, digest_size=16).digest()
