"""`comparar --quando`: os backups em que uma coluna, uma tabela ou um registro mudou."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from cofre.base.erros import HA_DIFERENCAS, TUDO_CERTO, ErroDeUso, NadaEncontrado
from cofre.base.palavras import como_se_diz, na_tela, plural, visivel
from cofre.base.relato import Relato
from cofre.busca.chaves import ler_chave
from cofre.busca.comparacao import palavras
from cofre.busca.comparacao.palavras import Frase
from cofre.busca.comparacao.quando import Assunto, ler_assunto, mudancas
from cofre.busca.deste_projeto import so_deste
from cofre.busca.historico import Registro, historias
from cofre.busca.palavras import mudancas_de, nome
from cofre.deposito.inventario import EmpresaComBackups


def executar(opcoes: Namespace, guardada: EmpresaComBackups, relato: Relato) -> int:
    guardada = so_deste(guardada)
    assunto = ler_assunto(opcoes.quando, guardada.backups)
    if assunto is None:
        raise ErroDeUso(
            f"Nenhum backup tem a tabela, ou a coluna, de «{visivel(opcoes.quando)}».",
            "Por exemplo: --quando produtos.preco",
        )
    if opcoes.chave:
        registro = _registro(opcoes, guardada, assunto, relato)
        vezes = list(_do_registro(registro, assunto))
        titulo = f"{visivel(como_se_diz(registro.tabela))}  {nome(registro)}"
    else:
        with relato.acompanhando("Comparando os backups"):
            vezes = list(_da_tabela(guardada, assunto, relato))
        tabela = como_se_diz(assunto.tabela)
        titulo = visivel(f"{tabela}.{assunto.coluna}" if assunto.coluna else tabela)
    relato.linha(f"📅 {titulo}")
    for vez in vezes:
        for n, (frase, cita) in enumerate(vez["frases"]):
            quando = vez["quando"] if n == 0 else " " * len(vez["quando"])
            (relato.reservado if cita else relato.linha)(f"   {quando}  {frase}")
    mudou = len(vezes) - 1
    olhados = sum(1 for b in guardada.backups if b.meta and assunto.tabela in b.meta.tabelas)
    em = plural(olhados, "backup", "backups")
    vez_ou = plural(mudou, "vez", "vezes")
    relato.linha(f"   mudou {vez_ou} em {em}" if mudou else f"   ✅ Nada mudou em {em}.")
    codigo = HA_DIFERENCAS if mudou else TUDO_CERTO
    relato.documento(
        {
            "acao": "comparar",
            "codigo": codigo,
            "empresa": {"id": guardada.empresa.id, "nome": guardada.empresa.nome},
            "tabela": como_se_diz(assunto.tabela),
            "coluna": assunto.coluna,
            "quando": [v["documento"] for v in vezes],
        }
    )
    return codigo


def _registro(
    opcoes: Namespace, guardada: EmpresaComBackups, assunto: Assunto, relato: Relato
) -> Registro:
    chave = ler_chave(opcoes.chave)
    achados = historias(guardada.backups, assunto.tabela, (chave,), relato.aviso)
    if not achados:
        raise NadaEncontrado(
            f"Nenhum backup tem em {visivel(como_se_diz(assunto.tabela))} o registro"
            f" {visivel(opcoes.chave)}.",
            "A chave inteira vem com «procurar»; a de várias colunas é a,b.",
        )
    return achados[0]


def _do_registro(registro: Registro, assunto: Assunto) -> Iterator[dict[str, Any]]:
    """As versões em que mudou (ou a coluna dele), e as vezes em que faltou."""
    anterior = None
    for versao in registro.versoes:
        frases = ["aparece pela primeira vez"]
        if anterior is not None:
            de_volta = any(com is anterior.ate for com, _ in registro.ausencias)
            frases = ["está de volta"] if de_volta else []
            frases += mudancas_de(anterior.linha, versao.linha, assunto.coluna)
        if frases:
            yield _vez(versao.desde, [(frase, True) for frase in frases])
        sumiu = next((sem for com, sem in registro.ausencias if com is versao.ate), None)
        if sumiu is not None:
            yield _vez(sumiu, [("já não está", False)])
        anterior = versao


def _da_tabela(
    guardada: EmpresaComBackups, assunto: Assunto, relato: Relato
) -> Iterator[dict[str, Any]]:
    for mudanca in mudancas(guardada.backups, assunto, relato.aviso):
        if mudanca.comparada is None:
            yield _vez(mudanca.backup, [("o primeiro que a tem", False)])
        else:
            frases = [*palavras.quando(mudanca.comparada, assunto.coluna)]
            yield _vez(
                mudanca.backup, frases, palavras.quando_em_json(mudanca.comparada, assunto.coluna)
            )


def _vez(backup: Any, frases: list[Frase], mais: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "quando": na_tela(backup.quando, "minuto"),
        "frases": frases,
        "documento": {"backup": backup.carimbo, **(mais or {"o_que": [f for f, _ in frases]})},
    }
