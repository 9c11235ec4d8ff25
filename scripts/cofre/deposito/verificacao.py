"""A ação `verificar`: relê os backups e diz quais não são mais o que foi gravado."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cofre.base.disco import erros_de_disco
from cofre.base.erros import BackupDanificado
from cofre.base.linha import NULO, texto
from cofre.base.modelo import ordem_de_exibicao
from cofre.base.palavras import na_tela, numero, plural, visivel
from cofre.base.relato import Relato
from cofre.base.selecao import tabela_desconhecida
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import avisos_de_pendentes
from cofre.deposito.formato import ler_linhas, sha256_do_arquivo
from cofre.deposito.inventario import EmpresaComBackups, de_rotina, estado_de, guardadas
from cofre.deposito.ligacoes import Arquivo, campos, chaves_repetidas, ligacoes_abertas
from cofre.deposito.metadados import SEM_CONTAGEM, Metadados

if TYPE_CHECKING:
    from cofre.deposito.backup import Backup
    from cofre.deposito.inventario import EmpresaComBackups


@dataclass(frozen=True, slots=True)
class Dano:
    """Um problema de um backup; `tabela` vazia: o backup inteiro."""

    tabela: str
    causa: str


def verificar(
    deposito: Deposito, empresas: Sequence[str], tabelas: Sequence[str], relato: Relato
) -> int:
    """Confere os backups das empresas (todas, se nenhuma); devolve 0, ou 6 se há dano."""
    documento = []
    total = danificados = 0
    escolhidas = guardadas(deposito, empresas)
    _conferir_nomes(escolhidas, tabelas)
    avisos = list(avisos_de_pendentes(dict.fromkeys(g.pasta for g in escolhidas)))
    for aviso in avisos:
        relato.aviso(aviso)
    for guardada in escolhidas:
        conferidos = [(backup, list(danos_de(backup, tabelas))) for backup in guardada.backups]
        cabecalho = relato.falha if any(danos for _, danos in conferidos) else relato.linha
        relato.linha()
        cabecalho(f"🏢 Empresa: {visivel(guardada.empresa.nome)}")
        for backup, danos in conferidos:
            total += 1
            danificados += bool(danos)
            _contar(backup, danos, relato)
            documento.append(
                {
                    "empresa": guardada.empresa.id,
                    "carimbo": backup.carimbo,
                    "estado": "danificado" if danos else backup.estado,
                    "danos": [{"tabela": d.tabela, "causa": d.causa} for d in danos],
                }
            )
    codigo = BackupDanificado.codigo if danificados else 0
    relato.linha()
    if danificados:
        relato.erro(f"❌ {plural(danificados, 'backup danificado', 'backups danificados')}")
        relato.erro(
            "   Não os use para restaurar: escolha um backup inteiro, anterior ou posterior."
        )
    else:
        relato.linha(f"✅ {plural(total, 'backup conferido', 'backups conferidos')}, nenhum dano")
    relato.documento(
        {"acao": "verificar", "codigo": codigo, "avisos": avisos, "backups": documento}
    )
    return codigo


def _contar(backup: Backup, danos: Sequence[Dano], relato: Relato) -> None:
    quando = na_tela(backup.quando)
    if danos:
        relato.falha(f"   ❌ {quando}: danificado")
        for dano in danos:
            onde = f"{visivel(dano.tabela)}: " if dano.tabela else ""
            relato.falha(f"      • {onde}{visivel(dano.causa)}")
        return
    registros = plural(backup.meta.total if backup.meta else 0, "registro", "registros")
    sinal = "✅" if backup.estado == "completo" else "⚠️"
    sem_somas = " (primeira versão: sem somas)" if backup.meta and backup.meta.versao == 1 else ""
    relato.linha(f"   {sinal} {quando}: {registros}, {backup.estado}{sem_somas}")


def _conferir_nomes(guardadas_: Sequence[EmpresaComBackups], tabelas: Sequence[str]) -> None:
    """Um nome que nenhum backup tem é engano: conferir nada não é conferir. Levanta ErroDeUso."""
    conhecidas = {nome for g in guardadas_ for b in g.backups if b.meta for nome in b.meta.tabelas}
    for nome in tabelas:
        if nome not in conhecidas:
            raise tabela_desconhecida(f"Nenhum backup tem a tabela {nome}.", nome, conhecidas)


def anterior_inteiro(guardada: EmpresaComBackups, backup: Backup) -> Backup | None:
    """O backup de rotina completo mais novo, anterior a este, cujo conteúdo está como foi gravado.
    Relê os arquivos dos que examina. Levanta FalhaDeDisco."""
    anteriores = (b for b in reversed(guardada.backups) if b.carimbo < backup.carimbo)
    for anterior in anteriores:
        inteiro = de_rotina(anterior) and estado_de(anterior)[0] == "completo"
        if inteiro and not any(danos_de(anterior)):
            return anterior
    return None


def danos_de(backup: Backup, tabelas: Sequence[str] = ()) -> Iterator[Dano]:
    """Os danos de um backup (só destas tabelas, se ditas). Levanta FalhaDeDisco."""
    if backup.meta is None:
        yield Dano("", backup.dano)
        return
    sadias: dict[str, Arquivo] = {}
    for nome in sorted(backup.meta.tabelas, key=ordem_de_exibicao):
        if tabelas and nome not in tabelas:
            continue
        salva = backup.meta.tabelas[nome]
        try:
            with erros_de_disco(backup.pasta / salva.arquivo):
                caminho = backup.caminho(salva)
                conferir_arquivo(Arquivo(salva, caminho))
        except BackupDanificado as e:
            yield Dano(nome, f"{e}{_tambem_em_outros(backup.pasta / salva.arquivo)}")
        else:
            sadias[nome] = Arquivo(salva, caminho)
    if set(sadias) == set(backup.meta.tabelas):
        yield from _linhas_alheias(backup.meta, sadias)
        yield from _ligacoes(backup.meta, sadias)


def _tambem_em_outros(arquivo: Path) -> str:
    """O que não mudou se guarda uma vez só, e um dano nele é o mesmo em cada backup."""
    try:
        outros = arquivo.stat().st_nlink - 1
    except OSError:
        return ""
    if outros < 1:
        return ""
    quais = plural(outros, "outro backup", "outros backups")
    return f" (é o mesmo arquivo em {quais}: o dano também)"


def conferir_bytes(arquivo: Arquivo) -> None:
    """Existência, tamanho e soma. Levanta BackupDanificado; OSError passa."""
    salva, caminho = arquivo.tabela, arquivo.caminho
    if not caminho.is_file():
        raise BackupDanificado(f"o arquivo {salva.arquivo} não existe")
    no_disco = caminho.stat().st_size
    if salva.compactado and no_disco != salva.bytes_no_disco:
        esperado = f"{numero(salva.bytes_no_disco)} bytes"
        raise BackupDanificado(f"o arquivo tem {numero(no_disco)} bytes; tinha {esperado}")
    if salva.sha256:
        soma, tamanho = sha256_do_arquivo(caminho)
        if tamanho != salva.bytes:
            esperado = f"{numero(salva.bytes)} bytes"
            raise BackupDanificado(f"o arquivo tem {numero(tamanho)} bytes; tinha {esperado}")
        if soma != salva.sha256:
            raise BackupDanificado("o conteúdo mudou: a soma sha256 não confere")


def conferir_arquivo(arquivo: Arquivo) -> None:
    """Existência, tamanho, soma, JSON, contagem e chaves sem repetição.
    Levanta BackupDanificado."""
    salva, caminho = arquivo.tabela, arquivo.caminho
    conferir_bytes(arquivo)
    quantas = sum(len(grupo) for grupo in ler_linhas(caminho))
    if salva.registros not in (SEM_CONTAGEM, quantas):
        raise BackupDanificado(
            f"o arquivo tem {numero(quantas)} registros; tinha {numero(salva.registros)}"
        )
    repetidas = chaves_repetidas(arquivo)
    if repetidas:
        raise BackupDanificado(
            plural(repetidas, "registro repete", "registros repetem") + " a chave de outro"
        )


def _linhas_alheias(meta: Metadados, arquivos: Mapping[str, Arquivo]) -> Iterator[Dano]:
    """Linhas cujos elos não dão nesta empresa e que nenhuma linha-mãe traz."""
    registros = meta.bruto.get("registros_da_empresa") or []
    for nome, arquivo in arquivos.items():
        elos = arquivo.tabela.elos or _elos_da_primeira_versao(meta, nome)
        if not elos:
            continue
        aceitos = tuple(
            frozenset([meta.user_id] if not ref else [str(r[ref]) for r in registros if ref in r])
            for _coluna, ref in elos
        )

        @functools.lru_cache(maxsize=1000)  # quase todas as linhas dizem o mesmo
        def dizem(
            valores: tuple[bytes, ...], aceitos: tuple[frozenset[str], ...] = aceitos
        ) -> tuple[bool, bool]:
            """Se algum elo dá nesta empresa, e se nenhum dá em empresa alguma."""
            textos = [texto(v) for v in valores]
            e_desta = any(v in a for v, a in zip(textos, aceitos, strict=True))
            return e_desta, all(v is None for v in textos)

        das_maes = [c for fk in arquivo.tabela.maes for c in fk.colunas]
        alheias = 0
        for linha in campos(arquivo.caminho, [*(coluna for coluna, _ in elos), *das_maes]):
            e_desta, nenhuma = dizem(linha[: len(elos)])
            tem_mae = any(v != NULO for v in linha[len(elos) :])
            alheias += not (e_desta or (tem_mae and nenhuma))
        if alheias:
            yield Dano(nome, plural(alheias, "registro", "registros") + " de outra empresa")


def _elos_da_primeira_versao(meta: Metadados, tabela: str) -> tuple[tuple[str, str], ...]:
    # A primeira versão só filtrava por user_id; nela, quem não o tem não se confere.
    return (("user_id", ""),) if meta.versao == 1 else ()


def _ligacoes(meta: Metadados, arquivos: Mapping[str, Arquivo]) -> Iterator[Dano]:
    """Chaves estrangeiras abertas além das que o próprio backup já declarou."""
    declaradas = {
        (c.get("tabela"), c.get("por")): int(c.get("quantidade", 0))
        for c in meta.bruto.get("contradicoes") or []
    }
    for aberta in ligacoes_abertas({n: [a] for n, a in arquivos.items()}):
        a_mais = aberta.quantidade - declaradas.get((aberta.tabela, aberta.por), 0)
        if a_mais > 0:
            quantas = plural(a_mais, "registro aponta", "registros apontam")
            yield Dano(aberta.tabela, f"{quantas} para fora do backup ({aberta.por})")


def recusar_danificado(guardada: EmpresaComBackups, backup: Backup, outra_escolha: str) -> None:
    """Relê o backup inteiro. Levanta BackupDanificado com os danos e o anterior que presta; sem um,
    `outra_escolha` diz como escolher."""

    if backup.meta is None:
        raise BackupDanificado(backup.dano)
    danos = list(danos_de(backup))
    if danos:
        lista = "\n".join(f"{d.tabela}: {d.causa}" for d in danos)
        anterior = anterior_inteiro(guardada, backup)
        outro = f"--backup {anterior.carimbo}" if anterior else outra_escolha
        raise BackupDanificado(
            f"O backup de {na_tela(backup.quando)} está danificado.",
            f"{lista}\nNada foi alterado. Escolha um backup anterior inteiro: {outro}",
        )
