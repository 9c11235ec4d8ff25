"""O backup: o que backup-por-empresa.py faz sem ação nenhuma."""

from __future__ import annotations

import contextlib
import threading
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from cofre.backup import andamento
from cofre.backup.resumo import Resultado, Resumo
from cofre.backup.rodada import Rodada
from cofre.backup.tarefa import Fios, Jeito, Motor, Oficina
from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.config.limites import Limites
from cofre.base.config.valores import Configuracao
from cofre.base.equipe import Equipe
from cofre.base.erros import (
    PROMESSA_QUEBRADA,
    TUDO_CERTO,
    ErroCofre,
    ErroDeUso,
    Interrompido,
    primeiro_codigo,
)
from cofre.base.fardo import Fardo
from cofre.base.palavras import como_se_diz, visivel
from cofre.base.relato import Relato
from cofre.comando.argumentos import cada_de, conexoes_ditas, minutos_de
from cofre.comando.copia import copiar_depois_do_backup
from cofre.comando.execucao import registrada
from cofre.comando.frota import CRIAR, criar
from cofre.comando.obra import obra
from cofre.deposito.cifra import provas
from cofre.deposito.deposito import Deposito
from cofre.deposito.trava import de_um_trabalho, esperar
from cofre.foto.fontes import fechar, fontes_de
from cofre.foto.foto import Pedido
from cofre.frota.endereco import ler_onde
from cofre.frota.erros import falta_o_dask
from cofre.rotina import diaria
from cofre.rotina.agenda.tarefa import LIMITE_EM_HORAS
from cofre.rotina.painel.pagina import atualizar_painel
from cofre.rotina.poda.poda import podar_depois_do_backup
from cofre.rotina.promessa import quebradas
from cofre.via.abrir import abrir_via

if TYPE_CHECKING:
    from cofre.frota.motor import Frota


def executar(opcoes: Namespace, relato: Relato) -> int:
    """Um backup novo, do que as opções pedem. A tarefa que roda de tanto em tanto não começa outra
    vez enquanto a anterior não acaba, e isso não é uma execução: nem log, nem aviso."""
    if opcoes.frota == CRIAR:
        return criar(relato)
    if cada_de(opcoes) is None:
        return _executar(opcoes, relato)
    with _uma_vez_por_vez(opcoes) as livre:
        if livre:
            return _executar(opcoes, relato)
    relato.linha("⏭️ A vez anterior desta tarefa ainda não acabou: fica para a próxima.")
    relato.documento({"acao": "backup", "codigo": 0, "saltada": True})
    return 0


@contextlib.contextmanager
def _uma_vez_por_vez(opcoes: Namespace) -> Iterator[bool]:
    """Se esta é a única vez da tarefa a correr. A que corre há mais do que uma tarefa pode durar
    está presa, e a própria execução, que não a espera, é que o dirá: `_executar` começa na mesma.
    """
    try:
        trava = de_um_trabalho(ambiente.pasta_de_backups(destino=opcoes.destino), "tarefa")
        livre = trava.tentar() or trava.ha_quanto() > timedelta(hours=LIMITE_EM_HORAS)
    except (ErroCofre, ImportError):
        yield True  # a própria execução o diz
        return
    try:
        yield livre
    finally:
        trava.soltar()


@registrada("backup", avisa=True)
def _executar(opcoes: Namespace, relato: Relato) -> int:
    return rodar(opcoes, relato, continuando=False)


def rodar(opcoes: Namespace, relato: Relato, *, continuando: bool) -> int:
    """Um backup novo ou, `continuando`, o resto do que parou. Devolve o código de saída."""
    um_instante = _um_instante(opcoes, continuando=continuando)
    configuracao = ambiente.carregar(destino=opcoes.destino)
    cada, hoje = getattr(opcoes, "cada", None), datetime.now().astimezone().date()
    do_dia = cada is None or diaria.por_fazer(configuracao.destino, hoje)
    with obra("backup", configuracao, relato) as deposito:
        pedido = _pedido(opcoes, deposito, relato, continuando=continuando)
        feitas = _Feitas(com_documentos=opcoes.json)
        repetivel = continuando or bool(opcoes.frota) or um_instante
        jeito = Jeito(cada is not None, bool(opcoes.ler_tudo), repetivel)
        with _rodada(opcoes, configuracao, deposito, relato, pedido, jeito) as rodada:
            rodada = replace(rodada, com_sem_dono=do_dia, um_instante=um_instante)
            resumo = _fazer(rodada, pedido, feitas, continuando=continuando)
        andamento.acabar(configuracao.destino, pedido.execucao)
        documento = resumo.documento(feitas.documentos.tirar()) | _lembretes(deposito)
        # Antes da poda: o que ela tira daqui já está lá.
        so_se_falta = not do_dia and not resumo.novos
        if copia := copiar_depois_do_backup(opcoes, deposito, relato, so_se_falta=so_se_falta):
            documento |= {"copia": copia, "falhas": [*documento["falhas"], *copia["falhas"]]}
            documento["codigo"] = primeiro_codigo(resumo.codigo, copia["codigo"])
        de_tudo = not (pedido.empresas or pedido.tabelas)
        if resumo.codigo == 0 and de_tudo and do_dia and not configuracao.guardar.vazia:
            codigo, podado = podar_depois_do_backup(deposito, configuracao.guardar, relato)
            documento |= {"codigo": primeiro_codigo(codigo, documento["codigo"]), "poda": podado}
        if cada is not None and do_dia and not resumo.falhas:
            diaria.feita(configuracao.destino, hoje)
        limites = configuracao.limites
        if not limites.promessas.vazias:
            documento |= _promessas(deposito, limites, resumo, relato)
            documento["codigo"] = primeiro_codigo(
                documento["codigo"], PROMESSA_QUEBRADA if documento["promessas"] else TUDO_CERTO
            )
        atualizar_painel(deposito, relato, limites.idade, limites.promessas, com_todas=do_dia)
    relato.documento(documento)
    return int(documento["codigo"])


def _um_instante(opcoes: Namespace, *, continuando: bool) -> bool:
    """Se se pediu. Levanta ErroDeUso com o que não combina."""
    pedido = bool(opcoes.um_instante)
    if pedido and continuando:
        raise ErroDeUso(
            "--um-instante não combina com continuar: o instante do que já se copiou passou.",
            "Para ter tudo de um só instante, comece outro backup.",
        )
    if pedido and cada_de(opcoes) is not None:
        raise ErroDeUso(
            "--um-instante não combina com --cada: quem não mudou não ganha outro backup."
        )
    return pedido


def _promessas(
    deposito: Deposito, limites: Limites, resumo: Resumo, relato: Relato
) -> dict[str, list[dict[str, Any]]]:
    """As promessas que não se cumprem, já ditas."""
    achadas = quebradas(deposito, limites.promessas, limites.idade, resumo.lacunas)
    for achada in achadas:
        for dita in achada["ditas"]:
            relato.falha(f"   ❌ {visivel(achada['nome'])}: {dita}")
    return {"promessas": achadas}


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
    documentos: Fardo = field(default_factory=Fardo)

    def somar(self, resultado: Resultado) -> None:
        self.inteiras += resultado.inteira
        if self.com_documentos:
            self.documentos.por(resultado.documento())


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
    opcoes: Namespace,
    configuracao: Configuracao,
    deposito: Deposito,
    relato: Relato,
    pedido: Pedido,
    jeito: Jeito,
) -> Iterator[Rodada]:
    """Os fios, a via e quem faz as tarefas abertos; ao sair, fechados. Com uma frota, quem começa
    pergunta ao banco quando os trabalhadores não o fazem: usa as conexões de todos."""
    parar = threading.Event()
    with contextlib.ExitStack() as pilha:
        frota = None
        if opcoes.frota:
            frota = pilha.enter_context(_frota(opcoes, configuracao, deposito, relato, jeito))
            opcoes = Namespace(**vars(opcoes) | {"conexoes": frota.conexoes})
        equipe = Equipe(opcoes.conexoes, parar, "empresa")
        via = abrir_via(opcoes, configuracao, parar, relato)
        listas = fontes_de(opcoes, configuracao, via, parar, relato)
        try:
            espera = esperar(minutos_de(opcoes), relato, parar)
            nomes = pedido.tabelas
            quais = [f for f in listas if not nomes or como_se_diz(f.nome) in nomes]
            oficina = partial(
                Oficina,
                via=via,
                deposito=deposito,
                relato=relato,
                listas=quais,
                jeito=jeito,
                espera=espera,
            )
            if frota is not None:
                frota.listas = quais
            motor: Motor = frota or Fios(equipe, oficina)
            yield Rodada(configuracao, via, deposito, equipe, motor, relato, espera, quais)
        finally:
            parar.set()
            equipe.encerrar()
            fechar(listas)
            via.fechar()


def _frota(
    opcoes: Namespace,
    configuracao: Configuracao,
    deposito: Deposito,
    relato: Relato,
    jeito: Jeito,
) -> contextlib.AbstractContextManager[Frota]:
    """O motor que `--frota` pede. Levanta ErroDeUso, DependenciaAusente ou o que `aberta` levanta
    ao entrar."""
    onde = ler_onde(opcoes.frota)
    try:
        from cofre.frota.abrir import aberta
    except ModuleNotFoundError as e:
        raise falta_o_dask(e) from e
    paciencia = 60.0 * minutos_de(opcoes)
    ditas = conexoes_ditas(opcoes)
    return aberta(onde, opcoes, configuracao, deposito, relato, jeito, paciencia, ditas)


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
