"""A empresa como está no banco, para se comparar: uma foto que nunca se publica."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from cofre.base.config.valores import Configuracao
from cofre.base.modelo import LISTAS, Empresa
from cofre.base.relato import Relato
from cofre.base.selecao import tabela_de_nome
from cofre.busca.comparacao.agora_listas import NAO_SE_LE
from cofre.busca.comparacao.estado import AGORA, Estado
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.escopo.escopo import Escopo
from cofre.foto.empresa import de_hoje_e_do_backup
from cofre.foto.foto import Contexto, Fonte, Pedido
from cofre.foto.fotografo import Fotografo
from cofre.plano.alvo import com_textos_de
from cofre.via.contrato import Inspecao, ViaDeLeitura


@contextlib.contextmanager
def fotografando(
    via: ViaDeLeitura,
    configuracao: Configuracao,
    deposito: Deposito,
    relato: Relato,
    empresa: Empresa,
    backup: Backup,
    tabelas: Sequence[str],
    fontes: Sequence[Fonte] = (),
) -> Iterator[Estado]:
    """A empresa agora, lida como este `backup` a leu, com as listas destas `fontes`; só estas
    `tabelas`, se alguma. O que se grava para isso some ao sair. Levanta FalhaDoServidor ou
    FalhaDeDisco."""
    inspecao = via.inspecionar(configuracao.regras)
    empresa = de_hoje_e_do_backup(empresa, backup, inspecao)
    inspecao.donos.lembrar(empresa)
    escopo = inspecao.escopo
    pedidas = [tabela_de_nome(nome, escopo.tabelas) or nome for nome in tabelas]
    escolhidas = {n: t for n, t in escopo.tabelas.items() if not tabelas or n in pedidas}
    escopo = Escopo(com_textos_de(escolhidas, [backup]), escopo.de_fora)
    contexto = Contexto(Pedido(tabelas=tuple(pedidas)), inspecao, escopo, configuracao)
    fotografo = Fotografo(via, deposito, configuracao.regras, relato, fontes)
    quando = datetime.now().astimezone()
    with contextlib.ExitStack() as pilha:
        with relato.acompanhando("Lendo a empresa"):
            foto = pilha.enter_context(fotografo.montar(empresa, contexto))
        ha = {*_que_ha(inspecao), *LISTAS}
        falhas = {n: str(e) for n, e in foto.falhas.items() if n in ha}
        ignoradas = dict.fromkeys(configuracao.regras.ignorar, "está em «ignorar»")
        lidas = {fonte.nome for fonte in fontes}
        ignoradas |= {n: NAO_SE_LE for n in LISTAS if n not in lidas}
        yield Estado(quando, AGORA, foto.arquivos, ignoradas, falhas)


def _que_ha(inspecao: Inspecao) -> set[str]:
    """As tabelas do banco, lidas ou não: a que não está entre elas já não existe."""
    de_fora = (d.tabela for d in inspecao.escopo.de_fora)
    return {*inspecao.escopo.tabelas, *inspecao.catalogo.ocultas, *de_fora}
