"""As chaves que o banco numera: depois de virem linhas com as chaves de outro projeto, a numeração
do destino tem de continuar depois da maior.

A conexão direta adianta as sequências na própria transação. Pela API não há como: o PostgREST só
escreve linhas. Diz-se então que SQL o faz, colado no painel do destino.
"""

from __future__ import annotations

from collections.abc import Iterator

from cofre.base.palavras import visivel
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.restauracao.restauracao import Restauracao
from cofre.via.contrato import API

INTEIROS = frozenset({"smallint", "integer", "bigint"})


def comandos(restauracao: Restauracao, copia: Backup) -> Iterator[str]:
    """O SQL que põe a numeração de cada tabela depois da maior chave; se a tabela não é numerada,
    não faz nada. Nenhum, se a via já o fez."""
    if restauracao.via.nome != API or copia.meta is None:
        return
    for nome, no_escopo in restauracao.contexto.escopo.tabelas.items():
        tabela, salva = no_escopo.tabela, copia.meta.tabelas.get(nome)
        chave = tabela.chave[0] if len(tabela.chave) == 1 else ""
        if salva is not None and salva.registros and tabela.tipo_de(chave) in INTEIROS:
            onde = f"public.{_nome(nome)}"
            seq = f"pg_get_serial_sequence({_texto(onde)}, {_texto(chave)})"
            # Nunca para trás: o que se apagou também já foi numerado.
            maior = f"greatest((SELECT max({_nome(chave)}) FROM {onde}), nextval({seq}))"
            yield f"SELECT setval({seq}, {maior});"


def dizer(relato: Relato, linhas: list[str]) -> None:
    """O que falta fazer à mão, se algo."""
    if not linhas:
        return
    relato.linha()
    relato.linha("⚠️ Pela API não se adianta a numeração das chaves: um registro novo lá pode")
    relato.linha("   pedir uma que já veio. Cole no SQL Editor do destino:")
    for linha in linhas:
        relato.linha(f"   {visivel(linha)}")


def _nome(nome: str) -> str:
    return '"' + nome.replace('"', '""') + '"'


def _texto(texto: str) -> str:
    return "'" + texto.replace("'", "''") + "'"
