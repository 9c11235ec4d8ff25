"""A empresa em que nada mudou desde o último backup de hoje: outro igual não diria nada a mais.

Só a tarefa que roda mais de uma vez por dia o pergunta. Igual é ter as mesmas somas em cada tabela,
descritas do mesmo modo; à menor dúvida faz-se o backup.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from cofre.backup.notado import Notado
from cofre.backup.resumo import Resultado
from cofre.base.disco import erros_de_disco, ler_ficha
from cofre.base.erros import FalhaDeDisco
from cofre.base.palavras import exibir_pasta
from cofre.base.relato import Relato
from cofre.deposito import cobertura
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import diarios, pendentes
from cofre.deposito.inventario import estado_de
from cofre.deposito.lacre import conferencia
from cofre.deposito.metadados import Metadados, bruto_de
from cofre.deposito.nomes import CONTEUDOS, dos_textos
from cofre.deposito.tabela_salva import TabelaSalva, tabela_em_json
from cofre.foto.arquivos import FotoMontada
from cofre.rotina.encolhimento import reconhecido_ate
from cofre.rotina.marcas import Estragos

DESCRICAO = (
    "colunas",
    "chave",
    "chaves_estrangeiras",
    "nao_gravaveis",
    "dono",
    "exata",
    "sem_prova",
    "sempre_com_texto",
    "notas",
)
"""O que os metadados dizem de uma tabela além das linhas dela."""
A_VOLTA = ("nome", "contradicoes", "deixadas_de_fora", "tabelas_ausentes")
"""O que dizem da empresa e do banco."""


def vista_igual(foto: FotoMontada, deposito: Deposito) -> Resultado | None:
    """O resultado de uma empresa de que nada mudou desde o backup de hoje, com isso anotado; None
    se há que fazer outro. Com a trava da empresa na mão. Levanta FalhaDeDisco."""
    with erros_de_disco(foto.pasta):
        igual = o_mesmo(foto, deposito)
    if igual is None:
        return None
    return Resultado(
        foto.empresa,
        exibir_pasta(foto.pasta),
        tabelas=foto.salvas,
        notado=ainda_notado(igual),
        igual_a=igual.carimbo,
        sem_cobertura=cobertura.anotar(igual, foto.empresa.id, foto.inicio),
    )


def coberta(publicado: Backup, relato: Relato, *, sempre: bool) -> timedelta:
    """Quanto tempo se passou sem backup inteiro até este, que se anota; o que não se pôde anotar
    não o desfaz, que está feito. A quem faz backups à mão e nada prometeu (`sempre`: prometeu), não
    aparece na pasta um arquivo a mais: as datas dos backups bastam."""
    meta = publicado.meta
    if meta is None or not (sempre or meta.tipo == "agendado" or cobertura.ha(publicado.pasta)):
        return timedelta()
    if meta.inteiro and meta.de_rotina:
        try:
            return cobertura.anotar(publicado, meta.user_id, publicado.quando)
        except FalhaDeDisco as e:
            relato.aviso(f"{cobertura.ARQUIVO} não pôde ser escrito. {e}")
    return timedelta()


def o_mesmo(foto: FotoMontada, deposito: Deposito) -> Backup | None:
    """O backup mais novo da empresa, se é de hoje, está inteiro e no lugar, e é o que a foto é.
    Levanta FalhaDeDisco; OSError passa."""
    ultimo = deposito.ultimo(foto.empresa.id)
    if ultimo is None or ultimo.meta is None or not foto.instantanea:
        return None
    if foto.falhas or foto.divergiram:
        return None
    inicio = foto.inicio.astimezone()
    de_hoje = ultimo.quando.date() == inicio.date() and ultimo.quando <= inicio
    meta = ultimo.meta
    de_confianca = meta.de_rotina and meta.inteiro and meta.consistencia == "instantanea"
    if not de_hoje or not de_confianca or meta.restauracao_por_concluir:
        return None
    if pendentes(diarios(ultimo.pasta)) or not _igual(ultimo, meta, foto, deposito.cifra):
        return None
    # Por último, que é o que mais custa: se já não está como foi gravado, faz-se outro.
    return None if estado_de(ultimo)[0] != "completo" or conferencia.causa(ultimo) else ultimo


def ainda_notado(backup: Backup) -> Notado:
    """O que se notou neste backup e ninguém reconheceu: continua a ser assim, que nada mudou. O que
    mudou fora do comum já se disse quando ele se fez."""
    if backup.meta is None:
        return Notado()
    estragos = Estragos(reconhecido_ate(backup.pasta, backup.meta.user_id))
    return Notado(estragos.encolhimentos(backup.meta, backup.ordem))


def _igual(ultimo: Backup, meta: Metadados, foto: FotoMontada, cifra: Cifra | None) -> bool:
    """De um cifrado só se sabe o conteúdo dos arquivos, pela marca."""
    if set(meta.tabelas) != set(foto.salvas) or ultimo.cifrado != (cifra is not None):
        return False
    if meta.origem.get("url") != foto.metadados["origem"]["url"]:
        return False
    for nome, nova in foto.salvas.items():
        antiga = meta.tabelas[nome]
        if not all(_mesmo_arquivo(*par, cifra) for par in _arquivos(nome, antiga, nova)):
            return False
        if not ultimo.cifrado and _descrita(antiga) != _descrita(nova):
            return False
    return ultimo.cifrado or _a_volta(_bruto(ultimo)) == _a_volta(foto.metadados)


def _arquivos(
    nome: str, antiga: TabelaSalva, nova: TabelaSalva
) -> Iterator[tuple[str, TabelaSalva | None, TabelaSalva | None]]:
    """Os arquivos de uma tabela, antes e agora, com o nome por que a montagem os chama."""
    yield nome, antiga, nova
    yield dos_textos(nome), antiga.textos, nova.textos
    yield CONTEUDOS, antiga.conteudos, nova.conteudos


def _mesmo_arquivo(
    quem: str, antiga: TabelaSalva | None, nova: TabelaSalva | None, cifra: Cifra | None
) -> bool:
    if antiga is None or nova is None:
        return antiga is nova
    if (antiga.registros, antiga.bytes) != (nova.registros, nova.bytes):
        return False
    if antiga.cifrado and cifra is not None:
        if nova.sha256_cifrado and nova.sha256_cifrado == antiga.sha256_cifrado:
            return True  # já é o de então, aproveitado sem se ler
        marca = cifra.marca(quem, nova.sha256, antiga.sha256_cifrado)
        return hmac.compare_digest(marca, antiga.marca)
    return bool(nova.sha256) and antiga.sha256 == nova.sha256


def _bruto(backup: Backup) -> dict[str, Any]:
    return bruto_de(ler_ficha(arquivo_de_metadados(backup.pasta, backup.carimbo)))


def _descrita(tabela: TabelaSalva) -> Any:
    """Em listas e textos, como se lê de um arquivo."""
    dita = tabela_em_json(tabela)
    if notas := dita.get("notas"):  # quantos arquivos desceram é da execução, e não do que há
        dita["notas"] = {nome: nota for nome, nota in notas.items() if nome != "novos"}
    return msgspec.to_builtins({c: dita[c] for c in DESCRICAO if c in dita})


def _a_volta(dito: Mapping[str, Any]) -> Any:
    return msgspec.to_builtins({c: dito.get(c) for c in A_VOLTA})
