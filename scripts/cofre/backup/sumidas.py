"""O que devia estar no backup e não está: nunca em silêncio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cofre.backup.resumo import Sumida
from cofre.base.modelo import Empresa
from cofre.deposito import ausencia
from cofre.deposito.deposito import Deposito
from cofre.rotina.encolhimento import ponto_de_partida, reconhecido_ate


def procurar_sumidas(
    deposito: Deposito, presentes: Sequence[Empresa], url: str
) -> tuple[Sumida, ...]:
    """As mesmas que `empresas_sumidas`, anotadas na pasta de cada uma; de outra que se tinha
    anotado, esquece-se. Levanta FalhaDeDisco."""
    sumidas = {s.pasta: s for s in empresas_sumidas(deposito, presentes, url)}
    for pasta in deposito.pastas():
        if pasta in sumidas:
            ausencia.anotar(pasta, sumidas[pasta].empresa.id)
        elif (lida := ausencia.ler(pasta)) and lida.user_id in {e.id for e in presentes}:
            ausencia.esquecer(pasta)
    return tuple(sumidas.values())


def empresas_sumidas(
    deposito: Deposito, presentes: Sequence[Empresa], url: str
) -> Iterator[Sumida]:
    """As empresas deste projeto (de endereço `url`) que têm backup de rotina, não estão entre as
    `presentes` e cuja falta o usuário ainda não reconheceu."""
    ids = {e.id for e in presentes}
    delas = {deposito.pasta_da_empresa(i) for i in ids}
    for pasta in deposito.pastas():
        if pasta in delas:
            continue
        ultimo = ponto_de_partida(deposito.do_mais_novo(pasta))
        if ultimo is None or ultimo.meta is None or ultimo.meta.user_id in ids:
            continue
        meta = ultimo.meta
        if meta.origem.get("url") == url and ultimo.ordem > reconhecido_ate(pasta, meta.user_id):
            yield Sumida(meta.empresa, ultimo.carimbo, pasta)
