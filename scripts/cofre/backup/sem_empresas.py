"""O projeto em que não se acha empresa nenhuma: as causas, e a cura de cada uma."""

from __future__ import annotations

from cofre.base.erros import NadaEncontrado
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
