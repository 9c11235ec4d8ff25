"""A ação `listar`: as empresas e os seus backups, na tela e em JSON."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cofre.base.comandos import BACKUP, comando
from cofre.base.config.limites import Limites
from cofre.base.erros import PROMESSA_QUEBRADA, TUDO_CERTO
from cofre.base.fardo import Fardo
from cofre.base.palavras import (
    exibir_pasta,
    na_tela,
    plural,
    tamanho,
    visivel,
)
from cofre.base.relato import Relato
from cofre.deposito import ensaios, ordem
from cofre.deposito.backup import Backup
from cofre.deposito.cifra import provas
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import avisos_de_pendentes
from cofre.deposito.estranhos import avisos_de_estranhos
from cofre.deposito.idade import Idade, as_horas, ha_quanto, idade_de
from cofre.deposito.inventario import (
    EM_PALAVRAS,
    EmpresaComBackups,
    de_rotina,
    dobrados,
    e_foto,
    fotos_em_palavras,
    mais_novo,
    uma_a_uma,
)
from cofre.deposito.no_disco import alem_das_linhas
from cofre.deposito.ordem import Lembrado
from cofre.remoto import situacao
from cofre.remoto.situacao import Copia
from cofre.rotina.copias import CopiaDaEmpresa, da_empresa
from cofre.rotina.espaco import Espaco
from cofre.rotina.listada import Listada, Visto, documento_de
from cofre.rotina.marcas import ENCOLHEU, MUDOU, POR_CONCLUIR, SUMIU, Estragos, do_backup
from cofre.rotina.promessa import Medida, medir

MOSTRADOS = 100
"""Os backups de uma empresa que se mostram um a um; de quem tem mais, os outros vão por dia."""

MARCAS = {ordem.ENCOLHEU: ENCOLHEU, ordem.MUDOU: MUDOU, ordem.POR_CONCLUIR: POR_CONCLUIR}


def listar(
    deposito: Deposito,
    pedidas: Sequence[str],
    limites: Limites,
    relato: Relato,
    *,
    com_documento: bool,
    com_fotos: bool = False,
    todos: bool = False,
) -> int:
    """Mostra tudo, do mais novo ao mais antigo, com o que passa dos `limites` marcado; devolve 0,
    ou 14 se alguma promessa não se cumpre. `com_documento`: se alguém vai ler o documento, que é do
    tamanho do depósito; `com_fotos`: se as fotos das restaurações se mostram uma a uma; `todos`: se
    os backups mais antigos de quem tem muitos também."""
    agora = datetime.now().astimezone()
    so = 0 if todos or com_documento or com_fotos else MOSTRADOS
    empresas = uma_a_uma(deposito, pedidas, so)
    primeira = next(empresas)  # sem nenhuma, nem os avisos
    avisos = _avisos(deposito, list(_pastas_de(deposito, pedidas, so)), agora)
    for aviso in avisos:
        relato.aviso(aviso)
    relato.linha("🏢 EMPRESAS COM BACKUP")
    espaco, em_claro = Espaco(), 0
    documentos, codigo = Fardo(), TUDO_CERTO
    copias = situacao.ler(deposito.raiz)
    for guardada in itertools.chain([primeira], empresas):
        ate_agora = _medida(deposito, guardada, limites, agora, com_volta=com_documento)
        listada = Listada(guardada, ate_agora, tuple(_copias(copias, guardada, ate_agora.idade)))
        if listada.em_falta:
            codigo = PROMESSA_QUEBRADA
        for linha in _linhas(listada, limites.idade, com_fotos=com_fotos):
            dizer = relato.falha if linha.startswith("   ❌ ") else relato.linha
            dizer(linha)
        somados = sum(listada.visto(b).bytes for b in guardada.backups)
        espaco = espaco.com(guardada.backups, somados, len(guardada.antigos))
        em_claro += _em_claro(guardada.backups)
        if com_documento:
            documentos.por(documento_de(listada))
    _dizer_o_espaco(relato, espaco, em_claro)
    documento = {"acao": "listar", "codigo": codigo, "avisos": avisos}
    relato.documento(
        {**documento, "bytes_no_disco": espaco.no_disco, "empresas": documentos.tirar()}
    )
    return codigo


def _dizer_o_espaco(relato: Relato, espaco: Espaco, em_claro: int) -> None:
    relato.linha()
    relato.linha(espaco.em_palavras)
    if em_claro:
        quantos = plural(em_claro, "backup de antes de cifrar continua", "backups continuam")
        relato.linha(f"🔓 {quantos} em claro. Para os cifrar:\n   {comando(BACKUP, 'cifrar')}")


def _avisos(deposito: Deposito, pastas: Sequence[Path], agora: datetime) -> list[str]:
    return [
        *avisos_de_pendentes(pastas, deposito.em_uso),
        *avisos_de_estranhos(deposito.raiz, pastas),
        *provas.do_deposito(deposito, agora),
    ]


def _medida(
    deposito: Deposito,
    guardada: EmpresaComBackups,
    limites: Limites,
    agora: datetime,
    *,
    com_volta: bool,
) -> Medida:
    inteiro = mais_novo(_do_mais_novo(deposito, guardada))
    idade = idade_de(inteiro, limites.idade, agora)
    return medir(guardada.pasta, guardada.empresa, idade, limites.promessas, com_volta=com_volta)


def _copias(
    copias: Mapping[str, Copia], guardada: EmpresaComBackups, idade: Idade
) -> Iterator[CopiaDaEmpresa]:
    de_rotinas = (b.carimbo for b in reversed(guardada.backups) if de_rotina(b))
    inteiro = idade.ultimo.carimbo if idade.ultimo else ""
    for copia in da_empresa(copias, guardada.empresa.id, next(de_rotinas, "")):
        yield copia.vista(inteiro, idade.visto)


def _do_mais_novo(deposito: Deposito, guardada: EmpresaComBackups) -> Iterator[Backup]:
    """Os backups da empresa, do mais novo ao mais antigo; os antigos, só se se chega a eles."""
    yield from reversed(guardada.backups)
    for antigo in reversed(guardada.antigos):
        backup = deposito.abrir(guardada.pasta, antigo.carimbo)
        if backup.meta is None or backup.meta.user_id == guardada.empresa.id:
            yield backup


def _pastas_de(deposito: Deposito, pedidas: Sequence[str], so: int) -> Iterable[Path]:
    if not pedidas:
        return deposito.pastas()
    return dict.fromkeys(g.pasta for g in uma_a_uma(deposito, pedidas, so))


def _linhas(listada: Listada, limite: timedelta, *, com_fotos: bool) -> Iterator[str]:
    """Uma empresa na tela."""
    guardada, medida = listada.guardada, listada.medida
    yield ""
    yield f"🏢 {visivel(guardada.empresa.nome)}  ({visivel(guardada.empresa.id)})"
    yield f"   📁 {exibir_pasta(guardada.pasta)}/"
    if guardada.sumiu:
        yield f"   {SUMIU}"
    dela = ensaios.ler(guardada.pasta, guardada.empresa.id)
    if (ensaio := dela.ultimo_sucesso) is not None:
        como = ensaios.EM_PALAVRAS.get(ensaio.como, visivel(ensaio.como))
        yield f"   🎯 último ensaio: {na_tela(ensaio.em)}, {como}"
    elif (conferido := dela.so_conferido) is not None:
        yield f"   🎯 nenhum ensaio; só conferido em {na_tela(conferido.em)}"
    idade = medida.idade
    if idade.visto is not None:
        yield f"   💤 {as_horas(idade.visto)}"
    if idade.velho:
        yield f"   ⏰ último backup inteiro: {idade.em_palavras} (o limite é {ha_quanto(limite)})"
    yield from (f"   {linha}" for linha in medida.linhas())
    for copia in listada.copias:
        yield f"   {'📤' if copia.boa else '⚠️'} {copia.em_palavras}"
    estragos = Estragos.em(guardada)

    def em_que(backup: Backup) -> str | None:
        dobra = not com_fotos and e_foto(backup) and listada.visto(backup).estado == "completo"
        return na_tela(backup.quando, "dia") if dobra else None

    for juntos in dobrados(reversed(guardada.backups), em_que):
        dia = em_que(juntos[0])
        linha = (
            _das_fotos(dia, juntos)
            if dia
            else _linha(juntos[0], listada.visto(juntos[0]), estragos)
        )
        yield f"   {linha}"
    for do_dia in dobrados(reversed(guardada.antigos), lambda a: na_tela(a.quando, "dia")):
        yield f"   {_de_um_dia(do_dia)}"
    if guardada.antigos:
        yield "   (--todos mostra cada um, e vê se os arquivos estão no lugar)"


def _de_um_dia(antigos: Sequence[Lembrado]) -> str:
    """«🗂️ 2026-11-20  96 backups, 2 não inteiros»: pelo que se lembra dos metadados deles."""
    quantos = plural(len(antigos), "backup", "backups")
    faltam = sum(not antigo.inteiro for antigo in antigos)
    mau = f", {plural(faltam, 'não inteiro', 'não inteiros')}" if faltam else ""
    sinais = {sinal for antigo in antigos for sinal in antigo.sinais}
    marcas = "".join(f"  {marca}" for sinal, marca in MARCAS.items() if sinal in sinais)
    return f"🗂️ {na_tela(antigos[0].quando, 'dia')}  {quantos}{mau}{marcas}"


def _em_claro(backups: Sequence[Backup]) -> int:
    """Quantos ficaram em claro, de uma empresa que já tem algum cifrado."""
    legiveis = [b for b in backups if b.meta is not None]
    return sum(not b.cifrado for b in legiveis) if any(b.cifrado for b in legiveis) else 0


def _das_fotos(dia: str, fotos: Sequence[Backup]) -> str:
    return f"📷 {dia}  {fotos_em_palavras(len(fotos))}  (--fotos mostra cada uma)"


SINAIS = {"completo": "✅", "danificado": "❌"}


def _linha(backup: Backup, visto: Visto, estragos: Estragos) -> str:
    quando = na_tela(backup.quando)
    estado, causa, ocupa = visto
    sinal = SINAIS.get(estado, "⚠️")
    if backup.meta is None:
        return f"{sinal} {quando}  {estado}: {visivel(causa)}"
    registros = plural(backup.meta.total, "registro", "registros")
    parcial = ", consistência parcial" if backup.meta.consistencia == "parcial" else ""
    marcado = "".join(f"  {m}" for m in do_backup(backup, estragos))
    tipo = EM_PALAVRAS.get(backup.meta.tipo, visivel(backup.meta.tipo))
    alem = f"  {dito}" if (dito := alem_das_linhas(backup)) else ""
    v1 = ", sem somas (primeira versão)" if backup.meta.da_primeira_versao else ""
    return (
        f"{sinal} {quando}  {tipo}  {registros}  {tamanho(ocupa)}{alem}"
        f"  {estado}{f' ({visivel(causa)})' if causa else ''}{parcial}{v1}{marcado}"
    )
