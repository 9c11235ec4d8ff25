"""Cofre: backup e restauração de cada empresa de um projeto Supabase, isolada das outras.

As importações só descem, nesta ordem: linha_de_comando → dialogo → narrador, poda → painel, ensaio
→ copia, restauracao, verificacao, protecao → convergencia → andamento, comparacao, fotografia,
inventario, riscos → narracao, perdidas, diario, ensaiado → resultado, selecao → direto → portal →
via → executor → escritor → escopo → equipe, trava, conferencia, ordem, unicos → deposito, plano →
confronto, espaco, remocao → formato, metadados, disco → config → campos, rascunho, relato, modelo,
retencao, erros.
Quem está na mesma altura não se importa.
"""

VERSAO = "0.1.0"
