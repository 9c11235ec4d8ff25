"""O que se copia do projeto: as tabelas pedidas; e o projeto em que não se acha empresa nenhuma."""

from __future__ import annotations

from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.base.modelo import LISTAS, ordem_de_exibicao
from cofre.base.palavras import visivel
from cofre.base.selecao import tabela_desconhecida
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.via.contrato import DIRETA, Inspecao

CAUSAS_SEM_EMPRESA = (
    "Causas possíveis:\n"
    "  1. As tabelas empresas e user_approvals estão vazias: cadastre ao menos uma empresa.\n"
    "  2. A chave não é a service_role, ou é de outro projeto: confira o .env.\n"
    "  3. A service_role não tem permissão nessas tabelas. No SQL Editor do Supabase:\n"
    "     GRANT SELECT ON public.empresas, public.user_approvals TO service_role;"
)
CAUSAS_PELA_DIRETA = (
    "Causas possíveis:\n"
    "  1. As tabelas empresas e user_approvals não existem ou estão vazias: cadastre ao menos uma"
    " empresa.\n"
    "  2. A SUPABASE_DB_URL é de outro projeto, ou de outro banco dele: confira o .env."
)


def sem_empresas(inspecao: Inspecao, via: str) -> NadaEncontrado:
    """O erro a levantar, pela via com este nome."""
    if via == DIRETA:
        return NadaEncontrado("Nenhuma empresa encontrada", CAUSAS_PELA_DIRETA)
    ocultas = inspecao.catalogo.ocultas
    recusas = [ocultas[t] for t in ("empresas", "user_approvals") if t in ocultas]
    disse = f"\nO servidor disse: {recusas[0]}" if recusas else ""
    return NadaEncontrado("Nenhuma empresa encontrada", CAUSAS_SEM_EMPRESA + disse)


def tabelas_pedidas(inspecao: Inspecao, nomes: tuple[str, ...]) -> dict[str, TabelaNoEscopo]:
    """As tabelas pedidas (todas, se nenhuma), em ordem. Levanta ErroDeUso.

    «arquivos» e «logins» são as listas e, se há uma tabela que se chama assim, também ela, que
    tarefas antigas já pediam; «public.arquivos» é só a tabela.
    """
    dentro = inspecao.escopo.tabelas
    motivos = {d.tabela: d.motivo for d in inspecao.escopo.de_fora}
    pedidas = []
    for dito in nomes:
        nome = dito if dito in dentro or dito in motivos else dito.removeprefix("public.")
        if nome in motivos:
            raise ErroDeUso(f"A tabela {visivel(nome)} fica de fora: {motivos[nome]}", "")
        if nome in dentro:
            pedidas.append(nome)
        elif f"\0{dito}" not in LISTAS:
            raise tabela_desconhecida(f"Não há tabela {visivel(dito)}.", dito, dentro)
    quais = dict.fromkeys(pedidas if nomes else dentro)
    return {nome: dentro[nome] for nome in sorted(quais, key=ordem_de_exibicao)}
