"""O que devia estar no backup e não está: nunca em silêncio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cofre.base.config.valores import Regras
from cofre.base.erros import ErroCofre, FalhaDeLeitura
from cofre.base.modelo import TABELAS_CONHECIDAS, Empresa, ordem_de_exibicao
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.resultado import Sumida
from cofre.rotina.encolhimento import ponto_de_partida, reconhecido_ate
from cofre.via.contrato import Inspecao


def tabelas_perdidas(
    ultimo: Backup | None, inspecao: Inspecao, regras: Regras, pedidas: Sequence[str]
) -> dict[str, ErroCofre]:
    """As conhecidas que o servidor recusa, e as que o último backup da empresa tinha e que não
    dão mais para ler. O que está em «ignorar», ou não foi pedido, não conta."""
    perdidas: dict[str, ErroCofre] = {
        t: _recusada(inspecao, t) for t in TABELAS_CONHECIDAS if t in inspecao.catalogo.ocultas
    }
    if ultimo is not None:
        for tabela in _tabelas_de(ultimo):
            if tabela not in inspecao.escopo.tabelas:
                perdidas.setdefault(tabela, _sumiu(tabela, ultimo, inspecao))
    return {
        t: e
        for t, e in perdidas.items()
        if t not in regras.ignorar and (not pedidas or t in pedidas)
    }


def _tabelas_de(backup: Backup) -> Iterable[str]:
    """Tudo o que aquele backup tinha ou devia ter."""
    meta = backup.meta
    if meta is None:
        return ()
    return sorted({*meta.tabelas, *meta.falhas, *meta.parcial_de}, key=ordem_de_exibicao)


def _recusada(inspecao: Inspecao, tabela: str) -> ErroCofre:
    causa, _quebra, dica = inspecao.catalogo.ocultas[tabela].partition("\n")
    return FalhaDeLeitura(causa, dica)


def _sumiu(tabela: str, ultimo: Backup, inspecao: Inspecao) -> ErroCofre:
    if tabela in inspecao.catalogo.ocultas:
        return _recusada(inspecao, tabela)
    quando = ultimo.quando.strftime("%d/%m/%Y %H:%M")
    fora = next((d for d in inspecao.escopo.de_fora if d.tabela == tabela), None)
    if fora:
        return FalhaDeLeitura(f"estava no backup de {quando} e agora fica de fora: {fora.motivo}")
    return FalhaDeLeitura(
        f"estava no backup de {quando} e não aparece mais na API",
        "Se perdeu a permissão, no SQL Editor do Supabase:\n"
        f'  GRANT SELECT, INSERT, UPDATE, DELETE ON public."{tabela}" TO service_role;\n'
        f"Se foi apagada de propósito, ponha {tabela} em «ignorar» no cofre.toml.",
    )


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
        origem = meta.bruto.get("origem")
        daqui = isinstance(origem, dict) and origem.get("url") == url
        if daqui and ultimo.carimbo > reconhecido_ate(pasta, meta.user_id):
            yield Sumida(Empresa(meta.user_id, meta.nome), ultimo.carimbo)
