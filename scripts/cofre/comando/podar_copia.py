"""`podar --copia`: apaga da cópia fora o que nenhuma regra manda guardar.

Pede outra credencial, que possa apagar: a de COPIA_S3_CHAVE e COPIA_S3_SEGREDO, postas só nesse
terminal, vence a do .env.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cofre.base.config.valores import Politica
from cofre.base.erros import ErroCofre, ErroDeUso, primeiro_codigo
from cofre.base.palavras import na_tela, numero, plural, tamanho, visivel
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.comando.copia import destinos_de, nomes_daqui
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conhecidos
from cofre.remoto import marco, poda
from cofre.remoto.destino import Destino
from cofre.remoto.erros import FalhaDaCopia
from cofre.rotina.poda.fora import PlanoDeFora, planejar_fora

PALAVRA, PALAVRA_DE_MUITOS = "PODAR A COPIA", "PODAR MAIS DE UM TERCO"
AJUDA = """\
Os backups em que a lista diz «sai» são apagados da cópia de vez; os daqui ficam.
A frase tem de ser escrita inteira, em maiúsculas; qualquer outra resposta não apaga nada."""
DE_MUITOS = (
    "Sai mais de um terço do que há em {}: só a frase escrita num terminal o confirma, e não --sim."
)
PELA_METADE = "Cada backup da cópia está inteiro ou saiu; o que sobrou, a próxima poda apaga."


def podar_copia(opcoes: Namespace, deposito: Deposito, politica: Politica, relato: Relato) -> int:
    """Poda cada destino por si; o que der errado num fica nele."""
    nomes = nomes_daqui(deposito)
    documentos = [
        _podar(destino, opcoes, politica, nomes, relato) for destino in destinos_de(opcoes, relato)
    ]
    codigo = primeiro_codigo(*(d["codigo"] for d in documentos))
    documento = {"acao": "podar", "codigo": codigo, "copia": True, "guardar": asdict(politica)}
    relato.documento({**documento, "destinos": documentos})
    return codigo


def _podar(
    destino: Destino,
    opcoes: Namespace,
    politica: Politica,
    nomes: Mapping[str, str],
    relato: Relato,
) -> dict[str, Any]:
    try:
        conhecidas = conhecidos.conhecidas()
        marco.exigir(destino)
        agora = datetime.now().astimezone()
        plano = planejar_fora(
            destino.nome,
            poda.reunir(destino, conhecidas),
            politica,
            agora,
            apesar_do_encolhimento=bool(opcoes.apesar_do_encolhimento),
        )
        _mostrar(plano, politica, nomes, relato)
        if opcoes.simular:
            return {**_documento(plano), "codigo": 0}
        _confirmar(plano, opcoes, relato)
        feito = poda.apagar(destino, plano.saem, conhecidas, agora)
    except FalhaDaCopia as e:
        return _falhou(destino, e, relato)
    conteudos = plural(feito.conteudos, "arquivo", "arquivos")
    relato.linha(
        f"✅ {plural(feito.backups, 'backup apagado', 'backups apagados')} da cópia;"
        f" {conteudos}, {tamanho(feito.bytes)}"
    )
    if feito.travados:
        quantos = plural(feito.travados, "objeto", "objetos")
        relato.linha(f"🔒 {quantos} que a trava do lugar ainda segura: saem quando ela vencer")
    return {**_documento(plano), "codigo": 0, **asdict(feito)}


def _mostrar(
    plano: PlanoDeFora, politica: Politica, nomes: Mapping[str, str], relato: Relato
) -> None:
    relato.linha(
        f"🧹 PODA DA CÓPIA em {visivel(plano.destino)} (guardar: {politica.em_palavras()})"
    )
    for empresa, backups in plano.decididos.items():
        relato.linha()
        relato.linha(f"🏢 {nomes.get(empresa, f'empresa {empresa[:8]}…')}")
        for b in reversed(backups):
            porque = f"  ({', '.join(b.motivos)})" if b.motivos else ""
            quando = na_tela(b.quando)
            relato.linha(
                f"   {'sai ' if b.sai else 'fica'}  enviado em {quando}  {tamanho(b.bytes)}{porque}"
            )
    relato.linha()
    relato.linha(f"📦 Saem {numero(len(plano.saem))} de {numero(plano.todos)}")


def _confirmar(plano: PlanoDeFora, opcoes: Namespace, relato: Relato) -> None:
    """Levanta Cancelada se a frase não vem, e ErroDeUso se --sim não basta."""
    if not plano.saem or (opcoes.sim and not plano.demais):
        return
    if opcoes.sim:
        raise ErroDeUso(DE_MUITOS.format(plano.destino), "Nada foi apagado. Rode sem --sim.")
    frase = PALAVRA_DE_MUITOS if plano.demais else PALAVRA
    if plano.demais:
        relato.aviso(f"Sai mais de um terço do que há em {plano.destino}.")
    perguntas = Perguntas(relato, "Poda cancelada.", "Nada foi apagado.")
    perguntas.palavra(f"Digite '{frase}' para confirmar: ", (frase,), AJUDA)


def _falhou(destino: Destino, erro: ErroCofre, relato: Relato) -> dict[str, Any]:
    relato.falha(f"❌ {visivel(str(erro))}")
    for cura in erro.dica.splitlines():
        relato.falha(f"   {cura}")
    return {"destino": destino.nome, "codigo": erro.codigo, "erro": str(erro), "dica": erro.dica}


def _documento(plano: PlanoDeFora) -> dict[str, Any]:
    return {
        "destino": plano.destino,
        "todos": plano.todos,
        "saem": [b.endereco.nome for b in plano.saem],
        "empresas": [
            {
                "empresa": empresa,
                "backups": [
                    {"lacre": b.carimbo, "sai": b.sai, "motivos": list(b.motivos), "bytes": b.bytes}
                    for b in backups
                ],
            }
            for empresa, backups in plano.decididos.items()
        ],
    }
