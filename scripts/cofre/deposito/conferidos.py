"""A ação `verificar`: o que se achou em cada backup, dito empresa a empresa."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.erros import BackupDanificado
from cofre.base.palavras import como_se_diz, na_tela, plural, visivel
from cofre.base.relato import Relato
from cofre.base.selecao import achar_tabela
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.conferencia import Conferencia
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import avisos_de_pendentes
from cofre.deposito.estranhos import avisos_de_estranhos
from cofre.deposito.inventario import (
    EM_PALAVRAS,
    EmpresaComBackups,
    dobrados,
    e_foto,
    fotos_em_palavras,
    guardadas,
)
from cofre.deposito.lacre.faltas import Faltas
from cofre.deposito.verificacao import Dano, danos_de


@dataclass(frozen=True, slots=True)
class Conferido:
    """Um backup e os danos que se acharam nele."""

    backup: Backup
    danos: Sequence[Dano]


def verificar(
    deposito: Deposito,
    empresas: Sequence[str],
    tabelas: Sequence[str],
    relato: Relato,
    *,
    com_fotos: bool = False,
) -> int:
    """Confere os backups das empresas (todas, se nenhuma); devolve 0, ou 6 se há dano. `com_fotos`:
    se as fotos das restaurações se dizem uma a uma."""
    escolhidas = guardadas(deposito, empresas)
    ditas = _conferir_nomes(escolhidas, tabelas)
    pastas = dict.fromkeys(g.pasta for g in escolhidas) if empresas else deposito.pastas()
    avisos = [
        *avisos_de_pendentes(pastas, deposito.em_uso),
        *avisos_de_estranhos(deposito.raiz, pastas),
    ]
    for aviso in avisos:
        relato.aviso(aviso)
    documento = []
    todos: list[Conferido] = []
    faltas: list[Faltas] = []
    for guardada in escolhidas:
        conteudos = Conferencia(guardada.pasta)
        conferidos = [Conferido(b, list(danos_de(b, ditas, conteudos))) for b in guardada.backups]
        _contar_empresa(guardada, conferidos, relato, com_fotos=com_fotos)
        documento += [_documento(guardada, c) for c in conferidos]
        todos += conferidos
        faltas.append(_contar_faltas(guardada, relato))
    tirados = sum(len(f.tirados) for f in faltas)
    codigo = _concluir(todos, tirados, relato)
    relato.documento(
        {
            "acao": "verificar",
            "codigo": codigo,
            "avisos": avisos,
            "backups": documento,
            "lacres": [f.documento() for f in faltas],
        }
    )
    return codigo


def _contar_faltas(guardada: EmpresaComBackups, relato: Relato) -> Faltas:
    """O último lacre que se conhece da empresa, e os backups que lhe tiraram."""
    faltas = Faltas.de(guardada.pasta, guardada.empresa.id)
    for linha in faltas.linhas:
        relato.linha(f"   {linha}")
    for falha in faltas.falhas:
        relato.falha(f"   {falha}")
    return faltas


def _contar_empresa(
    guardada: EmpresaComBackups,
    conferidos: Sequence[Conferido],
    relato: Relato,
    *,
    com_fotos: bool,
) -> None:
    """Do mais novo ao mais antigo; uma foto danificada se diz sempre."""

    def em_que(c: Conferido) -> str | None:
        dobra = not (com_fotos or c.danos) and e_foto(c.backup) and c.backup.estado == "completo"
        return na_tela(c.backup.quando, "dia") if dobra else None

    cabecalho = relato.falha if any(c.danos for c in conferidos) else relato.linha
    relato.linha()
    cabecalho(f"🏢 Empresa: {visivel(guardada.empresa.nome)}")
    for juntos in dobrados(reversed(conferidos), em_que):
        if dia := em_que(juntos[0]):
            relato.linha(f"   ✅ {dia}: {fotos_em_palavras(len(juntos))}, sem dano")
        else:
            _contar(juntos[0].backup, juntos[0].danos, relato)


def _documento(guardada: EmpresaComBackups, conferido: Conferido) -> dict[str, object]:
    return {
        "empresa": guardada.empresa.id,
        "carimbo": conferido.backup.carimbo,
        "estado": "danificado" if conferido.danos else conferido.backup.estado,
        "danos": [{"tabela": como_se_diz(d.tabela), "causa": d.causa} for d in conferido.danos],
    }


def _concluir(conferidos: Sequence[Conferido], tirados: int, relato: Relato) -> int:
    """As últimas palavras, e o código de saída."""
    danificados = sum(bool(c.danos) for c in conferidos)
    relato.linha()
    if tirados:
        relato.erro(f"❌ {plural(tirados, 'backup foi tirado', 'backups foram tirados')} da pasta")
    if danificados:
        relato.erro(f"❌ {plural(danificados, 'backup danificado', 'backups danificados')}")
        relato.erro("   As tabelas citadas não voltam deles; as outras, que estão inteiras, sim.")
    if danificados or tirados:
        return BackupDanificado.codigo
    quantos = plural(len(conferidos), "backup conferido", "backups conferidos")
    relato.linha(f"✅ {quantos}, nenhum dano")
    return 0


def _contar(backup: Backup, danos: Sequence[Dano], relato: Relato) -> None:
    quando = na_tela(backup.quando)
    if danos:
        relato.falha(f"   ❌ {quando}: danificado")
        for dano in danos:
            relato.falha(f"      • {visivel(dano.em_palavras)}")
        return
    registros = plural(backup.meta.total if backup.meta else 0, "registro", "registros")
    foto = f"{EM_PALAVRAS[backup.meta.tipo]}, " if backup.meta and e_foto(backup) else ""
    sinal = "✅" if backup.estado == "completo" else "⚠️"
    antigo = backup.meta is not None and backup.meta.da_primeira_versao
    sem_somas = " (primeira versão: sem somas)" if antigo else ""
    if backup.fechado:
        sem_somas = " (cifrado: sem a chave, só os bytes)"
    relato.linha(f"   {sinal} {quando}: {foto}{registros}, {backup.estado}{sem_somas}")


def _conferir_nomes(
    guardadas_: Sequence[EmpresaComBackups], tabelas: Sequence[str]
) -> tuple[str, ...]:
    """As tabelas, e as listas, que assim se dizem. Um nome que nenhum backup tem é engano: conferir
    nada não é conferir. Levanta ErroDeUso."""
    conhecidas = {nome for g in guardadas_ for b in g.backups if b.meta for nome in b.meta.tabelas}
    return tuple(
        achar_tabela(dita, conhecidas, f"Nenhum backup tem a tabela {visivel(dita)}.")
        for dita in tabelas
    )
