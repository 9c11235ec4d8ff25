"""O que há no depósito: a ação `listar` (as empresas, e cada backup com data, tipo, tamanho e
estado) e a lista de datas de uma empresa."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cofre import ensaiado
from cofre.base.disco import ocupado
from cofre.base.erros import NadaEncontrado
from cofre.base.modelo import Empresa
from cofre.base.palavras import limpo, plural, tamanho
from cofre.base.relato import Relato
from cofre.base.selecao import escolher_empresas
from cofre.deposito import Backup, Deposito
from cofre.diario import avisos_de_pendentes
from cofre.encolhimento import CHAVE, marcas
from cofre.idade import Idade, avisos_de_velhos, ha_quanto, idade_de
from cofre.metadados import METADADOS, TabelaSalva
from cofre.narracao import exibir_pasta

EM_PALAVRAS = {"pre_restauracao": "foto de antes", "durante_restauracao": "foto do meio"}


@dataclass(frozen=True, slots=True)
class EmpresaGuardada:
    """Uma empresa no depósito, com os seus backups do mais antigo ao mais novo."""

    empresa: Empresa
    pasta: Path
    backups: tuple[Backup, ...]

    def idade(self, limite: timedelta, agora: datetime) -> Idade:
        """A idade em `agora` do último backup inteiro."""
        return idade_de(mais_novo(reversed(self.backups)), limite, agora)


def guardadas(deposito: Deposito, pedidas: Sequence[str] = ()) -> list[EmpresaGuardada]:
    """As empresas do depósito (as pedidas, ou todas), por nome. O nome é o do backup mais novo.

    Levanta NadaEncontrado se não há nenhum backup, e o que `escolher_empresas` levanta.
    """
    achadas = {g.empresa.id: g for g in _de_cada_pasta(deposito)}
    empresas = _escolher(deposito, [g.empresa for g in achadas.values()], pedidas)
    return [achadas[e.id] for e in empresas]


def uma_a_uma(deposito: Deposito, pedidas: Sequence[str] = ()) -> Iterator[EmpresaGuardada]:
    """As mesmas, sem guardar na memória os backups de mais de uma: cada pasta é lida duas vezes,
    e milhares de empresas não pesam mais que uma. Levanta como `guardadas`."""
    achadas = {g.empresa.id: (g.empresa, g.pasta) for g in _de_cada_pasta(deposito)}
    for empresa in _escolher(deposito, [e for e, _ in achadas.values()], pedidas):
        pasta = achadas[empresa.id][1]
        yield from (g for g in da_pasta(pasta, deposito.backups(pasta)) if g.empresa == empresa)


def _de_cada_pasta(deposito: Deposito) -> Iterator[EmpresaGuardada]:
    for pasta in deposito.pastas():
        yield from da_pasta(pasta, deposito.backups(pasta))


def _escolher(
    deposito: Deposito, empresas: Sequence[Empresa], pedidas: Sequence[str]
) -> list[Empresa]:
    if not empresas:
        raise nenhum_backup(deposito)
    todas = sorted(empresas, key=lambda e: (e.nome.casefold(), e.id))
    return escolher_empresas(todas, pedidas)


def da_pasta(pasta: Path, backups: Sequence[Backup]) -> Iterator[EmpresaGuardada]:
    """As empresas que têm `backups` nesta pasta: uma só, a não ser que alguém tenha mexido nela. Os
    ilegíveis vão com cada uma."""
    donos = list(dict.fromkeys(b.meta.user_id for b in reversed(backups) if b.meta))
    for dono in donos or ([""] if backups else []):
        seus = tuple(b for b in backups if b.meta is None or b.meta.user_id == dono)
        nome = next((b.meta.nome for b in reversed(seus) if b.meta), f"({pasta.name})")
        yield EmpresaGuardada(Empresa(dono or pasta.name, nome), pasta, seus)


def nenhum_backup(deposito: Deposito) -> NadaEncontrado:
    """O erro a levantar quando o depósito está vazio."""
    return NadaEncontrado(
        f"Nenhum backup em {exibir_pasta(deposito.raiz)}/.",
        "Faça o primeiro: python scripts/backup-por-empresa.py\n"
        "Se eles estão em outra pasta, diga qual com --destino ou BACKUP_DIR.",
    )


def idades(
    deposito: Deposito, limite: timedelta, agora: datetime
) -> Iterator[tuple[Empresa, Idade]]:
    """Cada empresa do depósito e a idade do último backup inteiro dela. De cada pasta só se leem
    os backups mais novos, até achar um inteiro."""
    for pasta in deposito.pastas():
        do_mais_novo, para_o_nome = itertools.tee(deposito.do_mais_novo(pasta))
        ultimo = mais_novo(do_mais_novo)
        legivel = next((b.meta for b in para_o_nome if b.meta), None)
        if legivel or any(pasta.glob(f"{METADADOS}*.json")):
            empresa = Empresa(
                legivel.user_id if legivel else pasta.name,
                legivel.nome if legivel else f"({pasta.name})",
            )
            yield empresa, idade_de(ultimo, limite, agora)


def avisar_das_velhas(deposito: Deposito, limite: timedelta, relato: Relato) -> None:
    """Diz, ao começar, que empresas não têm backup inteiro há mais que o `limite`."""
    todas = list(idades(deposito, limite, datetime.now().astimezone()))
    for aviso in avisos_de_velhos(todas, limite):
        relato.aviso(aviso)


def listar(
    deposito: Deposito,
    pedidas: Sequence[str],
    limite: timedelta,
    relato: Relato,
    *,
    com_documento: bool,
) -> int:
    """Mostra tudo, com o que passou do `limite` de idade marcado; devolve 0. `com_documento`: se
    alguém vai ler o documento, que é do tamanho do depósito."""
    agora = datetime.now().astimezone()
    empresas = uma_a_uma(deposito, pedidas)
    primeira = next(empresas)  # sem nenhuma, nem os avisos
    avisos = list(avisos_de_pendentes(_pastas_de(deposito, pedidas)))
    for aviso in avisos:
        relato.aviso(aviso)
    relato.linha("🏢 EMPRESAS COM BACKUP")
    espaco = Espaco()
    documentos = []
    for guardada in itertools.chain([primeira], empresas):
        idade = guardada.idade(limite, agora)
        _mostrar(guardada, idade, limite, relato)
        espaco = espaco.com(guardada.backups)
        if com_documento:
            documentos.append(_documento(guardada, idade))
    relato.linha()
    relato.linha(espaco.em_palavras)
    documento = {"acao": "listar", "codigo": 0, "avisos": avisos}
    relato.documento({**documento, "bytes_no_disco": espaco.no_disco, "empresas": documentos})
    return 0


def _pastas_de(deposito: Deposito, pedidas: Sequence[str]) -> Iterable[Path]:
    if not pedidas:
        return deposito.pastas()
    return dict.fromkeys(g.pasta for g in uma_a_uma(deposito, pedidas))


def _mostrar(guardada: EmpresaGuardada, idade: Idade, limite: timedelta, relato: Relato) -> None:
    relato.linha()
    relato.linha(f"🏢 {limpo(guardada.empresa.nome)}  ({limpo(guardada.empresa.id)})")
    relato.linha(f"   📁 {exibir_pasta(guardada.pasta)}/")
    ensaio = ensaiado.ler(guardada.pasta, guardada.empresa.id).ultimo_sucesso
    if ensaio is not None:
        como = ensaiado.EM_PALAVRAS.get(ensaio.como, limpo(ensaio.como))
        relato.linha(f"   🎯 último ensaio: {ensaio.em:%Y-%m-%d %H:%M:%S}, {como}")
    if idade.velho:
        relato.linha(
            f"   ⏰ último backup inteiro: {idade.em_palavras} (o limite é {ha_quanto(limite)})"
        )
    for backup in guardada.backups:
        relato.linha(f"   {_linha(backup)}")


@dataclass(frozen=True, slots=True)
class Espaco:
    """Quantos backups, e o que ocupam em bytes: um arquivo que vários têm em comum (só os de uma
    mesma empresa têm) conta uma vez em `no_disco`, e uma por backup em `somados`."""

    backups: int = 0
    no_disco: int = 0
    somados: int = 0

    def com(self, backups: Sequence[Backup]) -> Espaco:
        """Com os de mais uma empresa."""
        return Espaco(
            self.backups + len(backups),
            self.no_disco + ocupado(arquivo for b in backups for arquivo in arquivos_de(b)),
            self.somados + sum(bytes_de(b) for b in backups),
        )

    @property
    def em_palavras(self) -> str:
        seriam = f" (seriam {tamanho(self.somados)} sem guardar uma vez só o que não mudou)"
        return (
            f"💾 {plural(self.backups, 'backup', 'backups')} em {tamanho(self.no_disco)} de disco"
            f"{seriam if self.somados > self.no_disco else ''}"
        )


SINAIS = {"completo": "✅", "danificado": "❌"}


def _linha(backup: Backup) -> str:
    quando = f"{backup.quando:%Y-%m-%d %H:%M:%S}"
    estado, causa = estado_de(backup)
    sinal = SINAIS.get(estado, "⚠️")
    if backup.meta is None:
        return f"{sinal} {quando}  {estado}: {limpo(causa)}"
    registros = plural(backup.meta.total, "registro", "registros")
    parcial = ", consistência parcial" if backup.meta.consistencia == "parcial" else ""
    encolheu = ", dados encolheram" if marcas(backup.meta) else ""
    v1 = ", sem somas (primeira versão)" if backup.meta.versao == 1 else ""
    return (
        f"{sinal} {quando}  {backup.meta.tipo}  {registros}  {tamanho(bytes_de(backup))}"
        f"  {estado}{f' ({limpo(causa)})' if causa else ''}{parcial}{encolheu}{v1}"
    )


def estado_de(backup: Backup) -> tuple[str, str]:
    """O estado e a causa dele, vendo também se os arquivos estão lá com o tamanho que tinham (o
    conteúdo, só `verificar` relê)."""
    if backup.meta is None:
        return "danificado", backup.dano
    for nome, tabela in backup.meta.tabelas.items():
        arquivo = backup.pasta / tabela.arquivo
        tamanho_certo = not tabela.sha256 or (
            arquivo.is_file() and arquivo.stat().st_size in _tamanhos(tabela)
        )
        if not arquivo.is_file() or not tamanho_certo:
            return "danificado", f"{nome}: o arquivo sumiu ou mudou de tamanho"
    if backup.meta.falhas:
        return backup.estado, f"sem {', '.join(sorted(backup.meta.falhas))}"
    return backup.estado, ""


def _tamanhos(tabela: TabelaSalva) -> tuple[int, ...]:
    """Os tamanhos que o arquivo pode ter: um editor do Windows pode ter posto um BOM."""
    certo = tabela.tamanho_do_arquivo
    return (certo,) if tabela.compactado else (certo, certo + 3)


def arquivos_de(backup: Backup) -> list[Path]:
    """Onde devem estar os arquivos das tabelas."""
    tabelas = backup.meta.tabelas.values() if backup.meta else ()
    return [backup.pasta / t.arquivo for t in tabelas]


def bytes_de(backup: Backup) -> int:
    """O tamanho das tabelas do backup, em bytes, como está no disco."""
    return sum(c.stat().st_size for c in arquivos_de(backup) if c.is_file())


def _documento(guardada: EmpresaGuardada, idade: Idade) -> dict[str, Any]:
    ensaio = ensaiado.ler(guardada.pasta, guardada.empresa.id).ultimo_sucesso
    return {
        "id": guardada.empresa.id,
        "nome": guardada.empresa.nome,
        "pasta": str(guardada.pasta),
        "ultimo_ensaio": ensaio.em.isoformat() if ensaio else None,
        "ultimo_inteiro": idade.documento(),
        "backups": [
            {
                "carimbo": b.carimbo,
                "quando": b.quando.isoformat(),
                "tipo": b.meta.tipo if b.meta else None,
                "estado": estado_de(b)[0],
                "consistencia": b.meta.consistencia if b.meta else None,
                "registros": b.meta.total if b.meta else None,
                "bytes": bytes_de(b),
                "tabelas": {n: t.registros for n, t in b.meta.tabelas.items()} if b.meta else {},
                "encolhimentos": list(b.meta.bruto.get(CHAVE) or ()) if b.meta else [],
                "dano": b.dano,
            }
            for b in guardada.backups
        ],
    }


# -- a lista de datas de uma empresa ---------------------------------------------------------


def de_rotina(backup: Backup) -> bool:
    """Se foi feito por alguém ou pela tarefa agendada (um ilegível também conta: ninguém sabe)."""
    return backup.meta is None or backup.meta.de_rotina


def mais_novo(backups: Iterable[Backup]) -> Backup | None:
    """O primeiro inteiro e de rotina: o mais novo, se vêm do mais novo ao mais antigo (as fotos que
    a própria restauração tira não contam)."""
    rotina = (b for b in backups if b.meta and b.meta.de_rotina)
    return next((b for b in rotina if estado_de(b)[0] == "completo"), None)


def por_data(backups: Sequence[Backup]) -> list[Backup]:
    """Os de rotina, do mais novo ao mais antigo; depois, as fotos que restaurações tiraram."""
    novos = sorted(backups, key=lambda b: b.carimbo, reverse=True)
    return sorted(novos, key=lambda b: not de_rotina(b))


def linhas_de_datas(backups: Sequence[Backup], escolhido: Backup, largura: int | None) -> list[str]:
    """Uma linha por backup, numerada, com as colunas alinhadas; duas, se não cabem na `largura`
    (em colunas; None: cabe tudo)."""
    celulas = [_celulas(b) for b in backups]
    tipo, registros = (max((len(c[n]) for c in celulas), default=0) for n in (1, 2))
    casas = len(str(len(backups)))
    linhas = []
    for n, (backup, (quando, qual, quantos, estado)) in enumerate(
        zip(backups, celulas, strict=True), 1
    ):
        if not de_rotina(backup) and (n == 1 or de_rotina(backups[n - 2])):
            linhas.append("   Fotos tiradas ao restaurar:")
        comeco = f"{n:>{casas}}. {quando}"
        marca = "  ← escolhido" if backup.carimbo == escolhido.carimbo else ""
        inteira = f"{comeco}  {qual:<{tipo}}  {quantos:>{registros}}  {estado}"
        if largura is None or len(inteira) + len("  ← escolhido") <= largura:
            linhas.append(inteira + marca)
        else:
            detalhes = ", ".join(parte for parte in (qual, quantos, estado) if parte)
            linhas += [comeco + marca, f"{'':{casas + 2}}{detalhes}"]
    return linhas


def _celulas(backup: Backup) -> tuple[str, str, str, str]:
    """Quando, tipo, registros e estado, em palavras."""
    quando = f"{backup.quando:%Y-%m-%d %H:%M:%S}"
    estado = estado_de(backup)[0]
    if backup.meta is None:
        return quando, "", "", estado
    tipo = EM_PALAVRAS.get(backup.meta.tipo, limpo(backup.meta.tipo))
    return quando, tipo, plural(backup.meta.total, "registro", "registros"), estado
