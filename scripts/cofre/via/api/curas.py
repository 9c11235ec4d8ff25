"""O que fazer quando o servidor recusa, em palavras: as curas de `erros`, e as causas que são do
projeto inteiro."""

from __future__ import annotations

from collections.abc import Mapping

from cofre.base.config.valores import ONDE_PEGAR

SO_LEITURA = "25006"
"""read_only_sql_transaction (PostgreSQL, apêndice A)."""

PELA_DIRETA = "Ou use a conexão direta (SUPABASE_DB_URL), que não passa pela API."

RECARREGAR = (
    "Se ela existe, a API ainda não a viu. No SQL Editor do Supabase:\n"
    "  NOTIFY pgrst, 'reload schema';"
)
SEM_ESQUEMA = (
    "A Data API está desligada, ou um dos esquemas que ela mostra não existe. No painel:\n"
    f"Project Settings → Data API → Exposed schemas. {PELA_DIRETA}"
)
BANCO_FORA = (
    "O banco não atendeu: pode estar reiniciando, ou sem conexões, memória ou disco. Veja o\n"
    "painel do Supabase e tente de novo em alguns minutos."
)
PLATAFORMA = "Veja o painel do Supabase e https://status.supabase.com, e tente de novo mais tarde."
CHAVES_ANTIGAS = (
    "As chaves antigas (anon e service_role) foram desligadas neste projeto.",
    ONDE_PEGAR,
)
SEM_XMIN = (
    "As tabelas deste projeto são do OrioleDB, que não dá a versão (xmin) dos registros.",
    "Pela API não se sabe o que mudou enquanto se lia. Use a conexão direta (SUPABASE_DB_URL).",
)
DO_PROJETO: Mapping[str | int, tuple[str, str]] = {
    402: (
        "O Supabase restringiu este projeto (402).",
        "A cota acabou ou há uma fatura em aberto. No painel: Organization → Billing e Usage.",
    ),
    SO_LEITURA: (
        f"O banco só aceita leitura ({SO_LEITURA}).",
        "Ou o disco do projeto encheu (no painel: Database → Disk), ou SUPABASE_URL é o endereço\n"
        "de uma réplica, e deve ser a «Project URL» do painel.",
    ),
    "PGRST106": (
        "A API deste projeto não mostra o esquema public (PGRST106).",
        "No painel: Project Settings → Data API → Exposed schemas, ponha public. Se a Data API\n"
        f"está desligada, ligue-a. {PELA_DIRETA}",
    ),
}

DE_RELOGIO = (
    "A chave pode estar certa: em algumas versões do PostgREST o relógio, ou a lista de chaves,\n"
    "se atrasa. Tente de novo em alguns minutos. Se continuar, no painel do Supabase, reinicie o\n"
    "projeto (Project Settings → General → Restart project) ou atualize-o (Infrastructure →\n"
    "Upgrade): o PostgREST 14.18 e o 16.3 corrigem isso."
)
CHAVE_TROCADA = (
    "Ela pode ter sido trocada ou desativada no painel enquanto se trabalhava. Tente de novo; se\n"
    f"continuar, copie-a outra vez.\n{ONDE_PEGAR}"
)
