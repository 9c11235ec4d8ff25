"""A ação `historia`: o que um registro foi, backup a backup, sem falar com o servidor."""

from __future__ import annotations

import argparse
from argparse import Namespace

from cofre.base.config import ambiente
from cofre.base.erros import NadaEncontrado
from cofre.base.palavras import como_se_diz, na_tela, visivel
from cofre.base.relato import Relato
from cofre.base.selecao import achar_tabela
from cofre.busca import palavras
from cofre.busca.chaves import ler_chave
from cofre.busca.deste_projeto import so_deste, tambem
from cofre.busca.historico import Registro, historias
from cofre.busca.relacionados import Relacao, relacionados
from cofre.comando.argumentos import opcoes_de_saida, uso_com
from cofre.comando.chave import com_chave, opcao_de_chave
from cofre.deposito.deposito import Deposito
from cofre.deposito.guardados import tabelas_em
from cofre.deposito.inventario import guardadas

A_CHAVE = "A chave inteira vem com «procurar»; a de várias colunas é a,b."


def executar(opcoes: Namespace, relato: Relato) -> int:
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    (guardada,) = guardadas(deposito, (opcoes.qual,))
    todos = com_chave(opcoes, relato, guardada)
    guardada = so_deste(todos)
    disponiveis = set(tabelas_em(guardada.backups))
    causa = f"Nenhum backup tem a tabela {visivel(opcoes.tabela)}."
    tabela = achar_tabela(opcoes.tabela, disponiveis, causa)
    achados = historias(guardada.backups, tabela, (ler_chave(opcoes.chave),), relato.aviso)
    if not achados:
        raise NadaEncontrado(
            f"Nenhum backup tem em {visivel(como_se_diz(tabela))} o registro"
            f" {visivel(opcoes.chave)}.",
            tambem(A_CHAVE, todos, guardada),
        )
    (registro,) = achados
    ligados = _relacionados(registro) if opcoes.relacionados else []
    _mostrar(registro, ligados, relato)
    relato.documento(
        {
            "acao": "historia",
            "codigo": 0,
            "empresa": {"id": guardada.empresa.id, "nome": guardada.empresa.nome},
            **palavras.documento(registro, com_linhas=True),
            "relacionados": [
                {"tabela": como_se_diz(r.tabela), "colunas": list(r.colunas), "aponta": r.aponta}
                | {"registros": len(r.linhas)}
                for r in ligados
            ],
        }
    )
    return 0


def _relacionados(registro: Registro) -> list[Relacao]:
    ultima = registro.versoes[-1]
    return list(relacionados(ultima.ate, registro.tabela, ultima.linha))


def _mostrar(registro: Registro, ligados: list[Relacao], relato: Relato) -> None:
    relato.linha(f"📜 {visivel(como_se_diz(registro.tabela))}  {palavras.nome(registro)}")
    for quando, mudou in palavras.historia(registro):
        for n, frase in enumerate(mudou):
            relato.linha(f"   {quando if n == 0 else ' ' * len(quando)}  {frase}")
    for frase in palavras.o_que_foi_dele(registro):
        relato.linha(f"   {frase}")
    if ligados:
        quando = na_tela(registro.versoes[-1].ate.quando, "minuto")
        relato.linha(f"   No backup de {quando}:")
        for achada in ligados:
            relato.linha(f"   • {palavras.relacao(achada)}")


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    uso_com(analisador, "EMPRESA TABELA CHAVE")
    analisador.add_argument("qual", metavar="EMPRESA", help="id, começo do id ou nome")
    analisador.add_argument("tabela", metavar="TABELA", help="a tabela do registro")
    analisador.add_argument("chave", metavar="CHAVE", help="a chave dele (a,b: de duas colunas)")
    analisador.add_argument(
        "--relacionados",
        action="store_true",
        help="também o que apontava para ele, e a que ele apontava, na última vez em que se viu",
    )
    opcao_de_chave(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
