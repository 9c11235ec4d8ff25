"""As tabelas que deviam estar na foto e não estão: nunca em silêncio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cofre.base.config.valores import Regras
from cofre.base.erros import ErroCofre, FalhaDoServidor
from cofre.base.modelo import (
    DE_OUTRO_SERVIDOR,
    DE_UM_MUDO,
    LISTAS,
    TABELAS_CONHECIDAS,
    ordem_de_exibicao,
)
from cofre.base.palavras import na_tela
from cofre.deposito.backup import Backup
from cofre.via.contrato import Inspecao

DE_FORA = (DE_OUTRO_SERVIDOR, DE_UM_MUDO)


def tabelas_perdidas(
    ultimo: Backup | None, inspecao: Inspecao, regras: Regras, pedidas: Sequence[str]
) -> dict[str, ErroCofre]:
    """As conhecidas que o servidor recusa, e as que o último backup da empresa tinha e que não
    dão mais para ler. O que está em «ignorar», o que não foi pedido e o que é de outro servidor não
    contam; a de um que não responde conta, se já esteve num backup: alguma linha dela era daqui (de
    uma partição)."""
    ocultas = inspecao.catalogo.ocultas
    perdidas: dict[str, ErroCofre] = {
        t: _recusada(inspecao, t)
        for t in TABELAS_CONHECIDAS
        if t in ocultas and ocultas[t] not in DE_FORA
    }
    if ultimo is not None:
        for tabela in _tabelas_de(ultimo):
            if tabela not in inspecao.escopo.tabelas and ocultas.get(tabela) != DE_OUTRO_SERVIDOR:
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
    tabelas = {*meta.tabelas, *meta.falhas, *meta.parcial_de} - {*LISTAS}  # delas, a fonte diz
    return sorted(tabelas, key=ordem_de_exibicao)


def _recusada(inspecao: Inspecao, tabela: str) -> ErroCofre:
    causa, _quebra, dica = inspecao.catalogo.ocultas[tabela].partition("\n")
    return FalhaDoServidor(causa, dica)


def _sumiu(tabela: str, ultimo: Backup, inspecao: Inspecao) -> ErroCofre:
    if tabela in inspecao.catalogo.ocultas:
        return _recusada(inspecao, tabela)
    quando = na_tela(ultimo.quando, "minuto")
    fora = next((d for d in inspecao.escopo.de_fora if d.tabela == tabela), None)
    if fora:
        return FalhaDoServidor(f"estava no backup de {quando} e agora fica de fora: {fora.motivo}")
    return FalhaDoServidor(
        f"estava no backup de {quando} e não aparece mais na API",
        "Se perdeu a permissão, no SQL Editor do Supabase:\n"
        f'  GRANT SELECT, INSERT, UPDATE, DELETE ON public."{tabela}" TO service_role;\n'
        f"Se foi apagada de propósito, ponha {tabela} em «ignorar» no cofre.toml.",
    )
