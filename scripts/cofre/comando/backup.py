"""O backup: o que backup-por-empresa.py faz sem ação nenhuma."""

from __future__ import annotations

import contextlib
import threading
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cofre.backup import andamento
from cofre.backup.resumo import Resultado, Resumo
from cofre.backup.rodada import Rodada
from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.config.valores import Configuracao
from cofre.base.equipe import Equipe
from cofre.base.erros import Interrompido, primeiro_codigo
from cofre.base.relato import Relato
from cofre.comando.argumentos import minutos_de
from cofre.comando.copia import copiar_depois_do_backup
from cofre.comando.execucao import registrada
from cofre.comando.obra import obra
from cofre.deposito.cifra import provas
from cofre.deposito.deposito import Deposito
from cofre.deposito.trava import esperar
from cofre.foto.fontes import fontes_de
from cofre.foto.foto import Pedido
from cofre.rotina.painel.pagina import atualizar_painel
from cofre.rotina.poda.poda import podar_depois_do_backup
from cofre.via.abrir import abrir_via


@registrada("backup", avisa=True)
def executar(opcoes: Namespace, relato: Relato) -> int:
    """Um backup novo, do que as opções pedem."""
    return rodar(opcoes, relato, continuando=False)


def rodar(opcoes: Namespace, relato: Relato, *, continuando: bool) -> int:
    """Um backup novo ou, `continuando`, o resto do que parou. Devolve o código de saída."""
    configuracao = ambiente.carregar(destino=opcoes.destino)
    with obra("backup", configuracao, relato) as deposito:
        pedido = _pedido(opcoes, deposito, relato, continuando=continuando)
        feitas = _Feitas(com_documentos=opcoes.json)
        with _rodada(opcoes, configuracao, deposito, relato) as rodada:
            resumo = _fazer(rodada, pedido, feitas, continuando=continuando)
        andamento.acabar(configuracao.destino, pedido.execucao)
        documento = resumo.documento(feitas.documentos) | _lembretes(deposito)
        # Antes da poda: o que ela tira daqui já está lá.
        if copia := copiar_depois_do_backup(opcoes, deposito, relato):
            documento |= {"copia": copia, "falhas": [*documento["falhas"], *copia["falhas"]]}
            documento["codigo"] = primeiro_codigo(resumo.codigo, copia["codigo"])
        de_tudo = not (pedido.empresas or pedido.tabelas)
        if resumo.codigo == 0 and de_tudo and not configuracao.guardar.vazia:
            codigo, podado = podar_depois_do_backup(deposito, configuracao.guardar, relato)
            documento |= {"codigo": primeiro_codigo(codigo, documento["codigo"]), "poda": podado}
        atualizar_painel(deposito, relato, configuracao.limites.idade)
    relato.documento(documento)
    return int(documento["codigo"])


def _lembretes(deposito: Deposito) -> dict[str, list[str]]:
    """O que se pede a quem guarda as chaves, se algo."""
    para = deposito.cifra.para if deposito.cifra else ()
    lembretes = provas.lembretes(para, datetime.now().astimezone()) if para else []
    lembretes += provas.se_deixou_de_cifrar(deposito)
    return {"lembretes": lembretes} if lembretes else {}


@dataclass(slots=True)
class _Feitas:
    """As empresas já copiadas nesta execução; os documentos, só se alguém os vai ler."""

    com_documentos: bool
    inteiras: int = 0
    documentos: list[dict[str, Any]] = field(default_factory=list)

    def somar(self, resultado: Resultado) -> None:
        self.inteiras += resultado.inteira
        if self.com_documentos:
            self.documentos.append(resultado.documento())


def _fazer(rodada: Rodada, pedido: Pedido, feitas: _Feitas, *, continuando: bool) -> Resumo:
    try:
        return rodada.fazer(pedido, feitas.somar, continuando=continuando)
    except KeyboardInterrupt:
        raise Interrompido(
            f"Interrompido. Backups concluídos nesta execução: {feitas.inteiras}.",
            "O que estava pela metade foi descartado; os anteriores continuam.\n"
            f"Para retomar de onde parou:\n  {comando(BACKUP, 'continuar')}",
        ) from None


@contextlib.contextmanager
def _rodada(
    opcoes: Namespace, configuracao: Configuracao, deposito: Deposito, relato: Relato
) -> Iterator[Rodada]:
    """Os fios e a via abertos; ao sair, fechados."""
    parar = threading.Event()
    equipe = Equipe(opcoes.conexoes, parar, "empresa")
    via = abrir_via(opcoes, configuracao, parar, relato)
    try:
        espera = esperar(minutos_de(opcoes), relato, parar)
        listas = fontes_de(opcoes, configuracao, via, parar, relato)
        yield Rodada(configuracao, via, deposito, equipe, relato, espera, listas)
    finally:
        parar.set()
        equipe.encerrar()
        via.fechar()


def _pedido(opcoes: Namespace, deposito: Deposito, relato: Relato, *, continuando: bool) -> Pedido:
    """O que copiar: o das opções ou, ao continuar, o da execução que parou."""
    if continuando:
        parada = andamento.continuar(deposito)
        relato.linha(f"⏭️ Continuando o backup começado em {parada.quando}")
        return parada.pedido
    if andamento.sem_lugar(deposito.raiz):
        relato.aviso(
            f"Há uma pasta onde devia estar {andamento.ARQUIVO}: se este backup parar no meio, não"
            " se poderá continuar. Apague-a."
        )
    return andamento.comecar(
        deposito,
        Pedido(tuple(opcoes.empresa or ()), tuple(opcoes.tabelas or ()), opcoes.tipo),
    )
