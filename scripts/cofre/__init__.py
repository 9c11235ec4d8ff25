"""Cofre: backup e restauração de cada empresa de um projeto Supabase, isolada das outras.

As importações só descem, nesta ordem: linha_de_comando → dialogo → narrador → importacao →
exportacao → copia, restauracao, verificacao → convergencia → comparacao, fotografia, inventario,
riscos → narracao, perdidas, diario → resultado, selecao → direto → portal → via → executor →
escritor → escopo → equipe, trava, conferencia, ordem, agenda, planilha → deposito, plano → formato,
metadados → config → campos, rascunho, relato, modelo, erros.
Quem está na mesma altura não se importa.
"""

VERSAO = "0.1.0"
