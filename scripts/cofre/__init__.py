"""Cofre: backup e restauração de cada empresa de um projeto Supabase, isolada das outras.

As importações só descem, nesta ordem: linha_de_comando → dialogo → narrador, poda, importacao →
painel, ensaio, exportacao → copia, restauracao, verificacao, protecao → convergencia → andamento,
comparacao, fotografia, inventario, riscos → narracao, perdidas, diario, ensaiado → alarme, boletim
→ resultado, selecao → direto → portal → via → executor → escritor → escopo → equipe, trava,
conferencia, ordem, unicos, registro, ultima, idade, encolhimento, reconhecimento, agenda, planilha
→ deposito, plano → confronto, espaco, remocao → formato, metadados, disco → config → limites →
campos, rascunho, relato, modelo, retencao, erros.
Quem está na mesma altura não se importa.
"""

VERSAO = "0.1.0"
