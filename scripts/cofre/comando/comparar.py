"""A ação `comparar`: o que mudou numa empresa de um backup para outro, ou para o banco agora."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import threading
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from cofre.base import derrame
from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.base.palavras import como_se_diz, numero, visivel
from cofre.base.relato import Relato
from cofre.base.selecao import achar_tabela
from cofre.busca.comparacao import palavras
from cofre.busca.comparacao.comparacao import (
    Comparacao,
    Comparada,
    chaves_sabidas,
    codigo_de,
)
from cofre.busca.comparacao.estado import AGORA, Estado, do_backup
from cofre.busca.comparacao.resumo import TabelaComparada, registros
from cofre.comando import comparar_quando
from cofre.comando.argumentos import (
    caminho_de,
    lista_de_nomes,
    opcoes_de_conexao,
    opcoes_de_saida,
    uso_com,
)
from cofre.comando.chave import com_chave, opcao_de_chave
from cofre.deposito.backup import Backup
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import EmpresaComBackups, backup_pedido, guardadas
from cofre.deposito.no_disco import estado_de
from cofre.deposito.zip.planilha import LINHAS_DO_EXCEL
from cofre.deposito.zip.saida import ZIP, conferir_saida

HTML = ".html"


def executar(opcoes: Namespace, relato: Relato) -> int:
    _conferir_opcoes(opcoes)
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    (guardada,) = guardadas(deposito, (opcoes.qual,))
    guardada = com_chave(opcoes, relato, guardada)
    if opcoes.quando:
        return comparar_quando.executar(opcoes, guardada, relato)
    um, outro = _os_dois(guardada, opcoes.instantes, tuple(opcoes.tabela or ()))
    with contextlib.ExitStack() as pilha:

        def estado(qual: Backup | None, do_outro: Backup | None) -> Estado:
            if qual is not None:
                return do_backup(qual)
            assert do_outro is not None
            return pilha.enter_context(_agora(opcoes, relato, guardada, do_outro))

        antes, depois = estado(um, outro), estado(outro, um)
        chaves = chaves_sabidas(guardada.backups)
        return _comparar(opcoes, guardada, Comparacao(antes, depois, chaves), relato)


def _conferir_opcoes(opcoes: Namespace) -> None:
    """Antes de qualquer trabalho. Levanta ErroDeUso."""
    if opcoes.chave and not opcoes.quando:
        raise ErroDeUso("--chave é de --quando.", "Por exemplo: --quando produtos --chave 12")
    if len(opcoes.instantes) > 2:
        demais = visivel(opcoes.instantes[2])
        raise ErroDeUso(f"Comparam-se dois instantes, e «{demais}» seria o terceiro.")
    sem_quando = (opcoes.instantes, opcoes.tabela, opcoes.csv, opcoes.pagina, opcoes.registros)
    if opcoes.quando and any(sem_quando):
        raise ErroDeUso(
            "--quando olha todos os backups: não leva instantes, --tabela, --registros, --csv nem"
            " --pagina."
        )
    for arquivo, fim in ((opcoes.csv, ZIP), (opcoes.pagina, HTML)):
        if arquivo:
            conferir_saida(caminho_de(arquivo), sobrescrever=opcoes.sobrescrever, fim=fim)


def _os_dois(
    guardada: EmpresaComBackups, pedidos: Sequence[str], tabelas: Sequence[str]
) -> tuple[Backup | None, Backup | None]:
    """Antes e depois; None: agora. Levanta NadaEncontrado ou ErroDeUso."""
    if not pedidos:
        return _os_mais_novos(guardada)
    achados = [
        None if p.strip().casefold() == AGORA else backup_pedido(guardada, p, opcao="comparar")
        for p in pedidos
    ]
    if len(achados) == 1:
        mais_novo = backup_pedido(guardada, None, tabelas)
        achados = [mais_novo, None] if achados[0] is None else [achados[0], mais_novo]
    um, outro = achados
    if um == outro:
        raise ErroDeUso(
            "São o mesmo instante: não há o que comparar.",
            "Diga duas datas, ou uma data e «agora».",
        )
    return um, outro


def _os_mais_novos(guardada: EmpresaComBackups) -> tuple[Backup, Backup]:
    de_rotina = (b for b in reversed(guardada.backups) if b.meta and b.meta.de_rotina)
    inteiros = (b for b in de_rotina if estado_de(b)[0] == "completo")
    dois = list(itertools.islice(inteiros, 2))
    if len(dois) < 2:
        raise NadaEncontrado(
            "Esta empresa não tem dois backups inteiros para comparar.",
            "Compare o que há com o banco:\n"
            f"  {comando(BACKUP, 'comparar', guardada.empresa.id, AGORA)}\n"
            f"ou diga as datas de dois, dos que se veem com:\n  {comando(BACKUP, 'listar')}",
        )
    depois, antes = dois
    return antes, depois


@contextlib.contextmanager
def _agora(
    opcoes: Namespace, relato: Relato, guardada: EmpresaComBackups, backup: Backup
) -> Iterator[Estado]:
    """A empresa como está no banco. Levanta ConfiguracaoInvalida, FalhaDoServidor, FalhaDeDisco."""
    from cofre.busca.comparacao.agora import fotografando  # só quem fala com o banco o carrega
    from cofre.busca.comparacao.agora_listas import que_se_pedem
    from cofre.foto.fontes import fechar, fontes_de
    from cofre.via.abrir import abrir_via

    configuracao = ambiente.carregar(destino=opcoes.destino)
    em_cifra = derrame.cifrando() or bool(configuracao.cifragem.para)
    # A foto nunca se publica: basta uma chave que morra com este processo.
    cifra = Cifra((chaveiro.de_passagem().publica,)) if em_cifra else None
    deposito = Deposito(configuracao.destino, cifra=cifra, acao="comparação")
    for aviso in configuracao.avisos:
        relato.aviso(aviso)
    parar = threading.Event()
    tabelas = tuple(opcoes.tabela or ())
    with deposito.trabalhando():
        via = abrir_via(opcoes, configuracao, parar, relato)
        todas = fontes_de(opcoes, configuracao, via, parar, relato, so_listar=True)
        fontes = que_se_pedem(todas, backup, tabelas)
        try:
            with fotografando(
                via, configuracao, deposito, relato, guardada.empresa, backup, tabelas, fontes
            ) as estado:
                yield estado
        finally:
            parar.set()
            fechar(todas)
            via.fechar()


def _comparar(
    opcoes: Namespace, guardada: EmpresaComBackups, comparacao: Comparacao, relato: Relato
) -> int:
    nomes = _tabelas(comparacao, opcoes.tabela or ())
    nome = guardada.empresa.nome
    antes, depois = comparacao.antes, comparacao.depois
    relato.linha(f"🔎 {visivel(nome)}: o que mudou")
    relato.linha(f"   de   {antes.em_palavras}\n   para {depois.em_palavras}")
    _avisar_da_primeira_versao(comparacao, relato)
    with relato.acompanhando("Comparando"):
        comparadas = list(comparacao.comparadas(nomes))
    _mostrar(comparadas, relato, com_registros=opcoes.registros)
    codigo = codigo_de(comparadas)
    gravados = dict(_gravar(opcoes, nome, comparacao, comparadas, relato))
    relato.documento(
        {
            "acao": "comparar",
            "codigo": codigo,
            "empresa": {"id": guardada.empresa.id, "nome": nome},
            "antes": antes.documento(),
            "depois": depois.documento(),
            **palavras.documento(comparadas),
            **gravados,
            **({"registros": _registros(comparadas)} if opcoes.registros else {}),
        }
    )
    return codigo


def _tabelas(comparacao: Comparacao, pedidas: Sequence[str]) -> list[str]:
    """As pedidas, ou todas. Levanta ErroDeUso."""
    todas = comparacao.tabelas
    achadas = {
        achar_tabela(pedida, todas, f"Nenhum dos dois tem a tabela {visivel(pedida)}.")
        for pedida in pedidas
    }
    return [nome for nome in todas if nome in achadas or not pedidas]


def _avisar_da_primeira_versao(comparacao: Comparacao, relato: Relato) -> None:
    if comparacao.antes.da_primeira_versao or comparacao.depois.da_primeira_versao:
        relato.aviso(
            "Um backup da primeira versão tem no máximo 1.000 registros por tabela: os outros"
            " parecem ter aparecido, ou sumido. Não tem somas, e os números comparam-se pelo valor."
        )


def _mostrar(comparadas: Sequence[Comparada], relato: Relato, *, com_registros: bool) -> None:
    lidas = [c for c in comparadas if isinstance(c, TabelaComparada)]
    iguais = [c for c in lidas if c.igual]
    relato.linha()
    for comparada in (c for c in lidas if not c.igual):
        for frase, cita in palavras.tabela(comparada, com_exemplos=not com_registros):
            (relato.reservado if cita else relato.linha)(f"   {frase}")
        for mudado in registros(comparada.duas) if com_registros else ():
            relato.reservado(f"      {palavras.registro(comparada.duas, mudado)}")
    for frase in palavras.resto(comparadas):
        relato.aviso(frase)
    if len(iguais) == len(comparadas):
        relato.linha(f"✅ Nada mudou: {palavras.iguais(iguais)}.")
        return
    if iguais:
        relato.linha(f"   {palavras.iguais(iguais)}")
    if len(iguais) < len(lidas):
        relato.linha(f"   {palavras.LEGENDA}")


def _gravar(
    opcoes: Namespace,
    nome: str,
    comparacao: Comparacao,
    comparadas: Sequence[Comparada],
    relato: Relato,
) -> Iterator[tuple[str, str]]:
    """A planilha e a página, se se pediram: o nome de cada uma no documento, e onde está."""
    if opcoes.csv:
        from cofre.busca.comparacao import planilha

        arquivo = caminho_de(opcoes.csv)
        planilha.gravar(arquivo, nome, comparacao, comparadas, sobrescrever=opcoes.sobrescrever)
        relato.linha(f"📦 Planilha: {visivel(str(arquivo))}")
        for c in comparadas:
            if isinstance(c, TabelaComparada) and palavras.nao_cabe_no_excel(c):
                tabela = visivel(como_se_diz(c.duas.nome))
                relato.aviso(f"{tabela}: o Excel só mostra {numero(LINHAS_DO_EXCEL)} linhas.")
        yield "csv", str(arquivo)
    if opcoes.pagina:
        from cofre.busca.comparacao import pagina

        arquivo = caminho_de(opcoes.pagina)
        pagina.gravar(arquivo, nome, comparacao, comparadas, sobrescrever=opcoes.sobrescrever)
        relato.linha(f"📄 Página: {visivel(str(arquivo))}")
        yield "pagina", str(arquivo)


def _registros(comparadas: Sequence[Comparada]) -> Iterator[dict[str, Any]]:
    for c in comparadas:
        if isinstance(c, TabelaComparada):
            yield from (palavras.registro_em_json(c.duas, r) for r in registros(c.duas))


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "EMPRESA [A] [B]")
    analisador.add_argument("qual", metavar="EMPRESA", help="id, começo do id ou nome")
    analisador.add_argument(
        "instantes",
        metavar="A B",
        nargs="*",
        help="as datas de dois backups, ou uma e «agora»; só uma: com o mais novo inteiro; nenhuma:"
        " os dois inteiros mais novos",
    )
    analisador.add_argument("--tabela", metavar="A,B", type=lista_de_nomes, help="só estas tabelas")
    analisador.add_argument(
        "--registros", action="store_true", help="mostra cada registro que apareceu, mudou ou sumiu"
    )
    analisador.add_argument(
        "--csv",
        metavar="ARQUIVO.zip",
        help="grava os registros que não são iguais em CSV, para planilhas",
    )
    analisador.add_argument(
        "--pagina", metavar="ARQUIVO.html", help="grava uma página para ver, buscar e imprimir"
    )
    analisador.add_argument(
        "--sobrescrever", action="store_true", help="troca o arquivo, se ele já existe"
    )
    analisador.add_argument(
        "--quando",
        metavar="TABELA.COLUNA",
        help="em vez disso, os backups em que a coluna (ou a tabela) mudou",
    )
    analisador.add_argument(
        "--chave", metavar="CHAVE", help="com --quando: só no registro desta chave (ou a,b)"
    )
    opcao_de_chave(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
    opcoes_de_conexao(analisador, argparse.SUPPRESS)
