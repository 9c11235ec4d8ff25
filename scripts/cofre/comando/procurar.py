"""A ação `procurar`: achar um registro em todos os backups de uma empresa, sem servidor."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime, timedelta

from cofre.base.comandos import BACKUP, RESTAURACAO, comando
from cofre.base.config import ambiente
from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.base.modelo import LISTAS
from cofre.base.palavras import como_se_diz, numero, visivel
from cofre.base.relato import Relato
from cofre.base.selecao import achar_tabela
from cofre.busca import palavras
from cofre.busca.chaves import escrever_chave, ler_chave
from cofre.busca.deste_projeto import so_deste, tambem
from cofre.busca.historico import Registro
from cofre.busca.procura import LIMITE, Achados, Procura, procurar
from cofre.busca.termos import ler_termos
from cofre.comando.argumentos import lista_de_nomes, opcoes_de_saida, uso_com
from cofre.comando.chave import com_chave, opcao_de_chave
from cofre.deposito.deposito import Deposito
from cofre.deposito.guardados import tabelas_em
from cofre.deposito.inventario import EmpresaComBackups, guardadas
from cofre.deposito.quando import EXEMPLOS_DE_DATA, ler_dia


def executar(opcoes: Namespace, relato: Relato) -> int:
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    (guardada,) = guardadas(deposito, (opcoes.qual,))
    todos = com_chave(opcoes, relato, guardada)
    guardada = so_deste(todos)
    procura = procura_de(opcoes, guardada, opcoes.palavras)
    with relato.acompanhando("Procurando nos backups"):
        achados = procurar(guardada.backups, procura, relato.aviso)
    if not achados.registros:
        raise NadaEncontrado(
            f"Nada encontrado nos backups de {visivel(guardada.empresa.nome)}.",
            tambem(
                "Procure por menos palavras, ou por outra: um pedaço do nome, os últimos números do"
                " telefone.",
                todos,
                guardada,
            ),
        )
    _mostrar(guardada, achados, relato)
    relato.documento(
        {
            "acao": "procurar",
            "codigo": 0,
            "empresa": {"id": guardada.empresa.id, "nome": guardada.empresa.nome},
            "ha_mais": achados.ha_mais,
            "registros": [palavras.documento(r) for r in achados.registros],
        }
    )
    return 0


def _mostrar(guardada: EmpresaComBackups, achados: Achados, relato: Relato) -> None:
    for registro in achados.registros:
        relato.linha(palavras.em_uma_linha(registro))
        for frase in palavras.o_que_foi_dele(registro):
            relato.linha(f"  {frase}")
    if achados.ha_mais:
        relato.aviso(f"Há mais que estes {numero(LIMITE)}: diga mais uma palavra, ou a --tabela.")
    primeiro = next((r for r in achados.registros if r.colunas), None)
    if primeiro is not None:
        relato.linha()
        relato.linha("ℹ️ Para ver o que mudou em cada versão:")
        relato.linha(f"   {_historia(guardada, primeiro)}")
    de_tabela = next((r for r in achados.registros if r.colunas and r.tabela not in LISTAS), None)
    if de_tabela is not None:
        relato.linha("↩️ Para trazer de volta só ele, com o que foi com ele:")
        relato.linha(f"   {_volta(guardada, de_tabela)}")


def _historia(guardada: EmpresaComBackups, registro: Registro) -> str:
    chave = escrever_chave(registro.chave)
    return comando(BACKUP, "historia", guardada.empresa.id, como_se_diz(registro.tabela), chave)


def _volta(guardada: EmpresaComBackups, registro: Registro) -> str:
    qual = ("--tabela", como_se_diz(registro.tabela), "--chave", escrever_chave(registro.chave))
    return comando(RESTAURACAO, "registro", "--empresa", guardada.empresa.id, *qual)


def procura_de(opcoes: Namespace, guardada: EmpresaComBackups, ditas: Sequence[str]) -> Procura:
    """O que se procura: as palavras `ditas`, e as opções. Levanta ErroDeUso."""
    disponiveis = set(tabelas_em(guardada.backups))
    tabelas = [
        achar_tabela(pedida, disponiveis, f"Nenhum backup tem a tabela {visivel(pedida)}.")
        for pedida in opcoes.tabela or ()
    ]
    termos = ler_termos(ditas, opcoes.campo or ())
    chave = ler_chave(opcoes.chave) if opcoes.chave else ()
    if termos.vazio and not chave:
        raise ErroDeUso("Diga o que procurar.", "Uma ou mais palavras, --campo ou --chave.")
    ate = _dia(opcoes.ate)
    return Procura(
        termos,
        tuple(tabelas),
        chave,
        _dia(opcoes.de),
        ate + timedelta(days=1) if ate else None,
    )


def _dia(dito: str | None) -> datetime | None:
    if dito is None:
        return None
    dia = ler_dia(dito, datetime.now().astimezone())
    if dia is None:
        raise ErroDeUso(f"«{visivel(dito)}» não é uma data.", f"Por exemplo: {EXEMPLOS_DE_DATA}")
    return dia


def _campo(dito: str) -> tuple[str, str]:
    coluna, igual, valor = dito.partition("=")
    if not (coluna and igual and valor.strip()):
        raise argparse.ArgumentTypeError("use coluna=palavra, como nome=maria")
    return coluna.strip(), valor


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "EMPRESA PALAVRAS...")
    analisador.add_argument("qual", metavar="EMPRESA", help="id, começo do id ou nome")
    opcoes_de_procura(analisador)
    opcao_de_chave(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)


def opcoes_de_procura(analisador: argparse.ArgumentParser) -> None:
    """As que dizem o que se procura."""
    analisador.add_argument(
        "palavras",
        metavar="PALAVRAS",
        nargs="*",
        help="em qualquer coluna, todas no mesmo registro; acentos, maiúsculas e pontuação não"
        " contam",
    )
    analisador.add_argument(
        "--tabela", metavar="A,B", type=lista_de_nomes, help="só nestas tabelas"
    )
    analisador.add_argument(
        "--campo",
        metavar="COLUNA=PALAVRA",
        type=_campo,
        action="append",
        help="a palavra nesta coluna (pode repetir)",
    )
    analisador.add_argument("--chave", metavar="CHAVE", help="o registro desta chave (ou a,b)")
    analisador.add_argument("--de", metavar="DIA", help="só nos backups desde este dia")
    analisador.add_argument("--ate", metavar="DIA", help="só nos backups até este dia")
