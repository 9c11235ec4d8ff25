"""Backups inventados com as listas: os arquivos da empresa, guardados como a foto os guarda, e os
logins. Sem servidor nenhum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from apoio.inventados import ANA, NOMES, linhas
from cofre.base.linha import juntar
from cofre.base.modelo import ARQUIVOS, LOGINS
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO
from cofre.deposito.conteudos.conferencia import arquivados
from cofre.deposito.conteudos.conhecidos import Conhecidos, conteudos_conhecidos
from cofre.deposito.conteudos.guarda import Conteudos, Guardado
from cofre.deposito.conteudos.marcas import Token, identidade, linha_de_conteudo
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import Gravador
from cofre.deposito.nomes import CONTEUDOS
from cofre.deposito.publicacao import Montagem
from cofre.deposito.tabela_salva import TabelaSalva, tabela_em_json

ORIGEM = "https://inventado.supabase.co"
BALDE = "fotos"
Arquivos = Mapping[str, bytes]
"""Nome → conteúdo, todos no mesmo balde."""


def publicar(
    deposito: Deposito,
    quando: str,
    arquivos: Arquivos | None = None,
    logins: Sequence[Mapping[str, Any]] | None = None,
    dono: str = ANA,
    tabelas: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    **mais: Any,
) -> Backup:
    """Um backup com o carimbo `quando`; sem `arquivos` (ou sem `logins`), sem a lista deles. `mais`
    são outras chaves dos metadados."""
    tabelas = {"produtos": linhas(3, dono)} if tabelas is None else tabelas
    agora = datetime.strptime(quando, FORMATO_DO_CARIMBO).astimezone()
    with deposito.montar(dono, agora) as montagem:
        montagem.reservar(list(tabelas))
        salvas = {n: _gravada(montagem, n, das, ("id",)) for n, das in tabelas.items()}
        if arquivos is not None:
            salvas[ARQUIVOS] = _dos_arquivos(montagem, arquivos, dono)
        if logins is not None:
            salvas[LOGINS] = _gravada(montagem, LOGINS, logins, ("id",))
        return montagem.publicar(
            {
                "versao_formato": 2,
                "user_id": dono,
                "nome": NOMES.get(dono, "Outra"),
                "data_backup": agora.isoformat(),
                "inicio": agora.isoformat(),
                "tipo": "manual",
                "consistencia": "instantanea",
                "origem": {"via": "api", "url": ORIGEM},
                "total_registros": sum(len(das) for das in tabelas.values()),
                "tabelas": {n: tabela_em_json(t) for n, t in salvas.items()},
                **mais,
            }
        )


def fotos_de(backup: Backup) -> dict[str, bytes]:
    """Os arquivos que se leem de um backup, por nome."""
    lidas = {}
    for a in arquivados(backup):
        with Conteudos(backup.pasta, None).abrir(a.onde or "", a.soma or "") as aberto:
            lidas[a.nome] = aberto.read()
    return lidas


def token_de(nome: str, conteudo: bytes) -> Token:
    """O que o Storage diria deste arquivo: outro conteúdo, outra versão."""
    return identidade(ORIGEM, BALDE, nome, f"id-{nome}", _versao(conteudo), None, len(conteudo))


def _dos_arquivos(montagem: Montagem, arquivos: Arquivos, dono: str) -> TabelaSalva:
    conhecidos = conteudos_conhecidos(montagem.pasta, montagem.cifra, ORIGEM, dono)
    conteudos = Conteudos(montagem.pasta, montagem.cifra, conhecidos.com_soma)
    da_lista, citados = [], []
    for nome in sorted(arquivos, key=str.encode):
        g = _guardado(conteudos, conhecidos, nome, arquivos[nome])
        citados.append(linha_de_conteudo(g, token_de(nome, arquivos[nome]), montagem.cifra))
        da_lista.append(_linha(nome, arquivos[nome], g))
    salva = _gravada(montagem, ARQUIVOS, da_lista, ("balde", "nome"))
    unicos = list(dict.fromkeys(citados))
    return _com(salva, _escrita(montagem, CONTEUDOS, unicos), len(unicos), montagem)


def _guardado(conteudos: Conteudos, conhecidos: Conhecidos, nome: str, dados: bytes) -> Guardado:
    return conhecidos.achar(token_de(nome, dados)) or conteudos.guardar([dados])


def _linha(nome: str, dados: bytes, g: Guardado) -> dict[str, Any]:
    return {
        "balde": BALDE,
        "nome": nome,
        "soma": g.soma,
        "tamanho": g.tamanho,
        "tipo": "image/png",
        "cache": "no-cache",
        "metadados": None,
        "dono": None,
        "id": f"id-{nome}",
        "criado": "2026-01-01T00:00:00Z",
        "mudado": "2026-01-01T00:00:00Z",
        "versao": _versao(dados),
        "etag": None,
        **({"guardado": g.guardado} if g.cifrado else {}),
    }


def _versao(dados: bytes) -> str:
    return f"v{hashlib.sha256(dados).hexdigest()[:8]}"


def _gravada(
    montagem: Montagem, nome: str, das: Sequence[Mapping[str, Any]], chave: tuple[str, ...]
) -> TabelaSalva:
    escritas = [json.dumps(x, ensure_ascii=False, separators=(",", ":")).encode() for x in das]
    bytes_, soma = _escrita(montagem, nome, escritas)
    fechado = montagem.cifrados.get(nome)
    return TabelaSalva(
        nome,
        montagem.nome(nome),
        len(das),
        bytes_,
        soma,
        chave=chave,
        compactado=montagem.compactar,
        bytes_no_disco=montagem.caminho(nome).stat().st_size,
        cifrado=fechado is not None,
        sha256_cifrado=fechado.sha256 if fechado else "",
    )


def _escrita(montagem: Montagem, quem: str, escritas: Sequence[bytes]) -> tuple[int, str]:
    with montagem.criar(quem) as saida:
        gravador = Gravador(saida)
        gravador.bloco(juntar(escritas))
        soma = gravador.terminar()
    return gravador.bytes, soma


def _com(
    salva: TabelaSalva, escrita: tuple[int, str], quantos: int, montagem: Montagem
) -> TabelaSalva:
    bytes_, soma = escrita
    citados = TabelaSalva(ARQUIVOS, montagem.nome(CONTEUDOS), quantos, bytes_, soma)
    return replace(salva, conteudos=citados)


def conteudos_em(pasta: Path) -> dict[str, bytes]:
    """O que há em `arquivos/`: nome → bytes."""
    arquivos = (a for a in sorted((pasta / "arquivos").rglob("*")) if a.is_file())
    return {a.name: a.read_bytes() for a in arquivos}
