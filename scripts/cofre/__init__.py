"""Cofre: backup e restauração de cada empresa de um projeto Supabase, isolada das outras.

As importações só descem, nesta ordem: linha_de_comando → copia, inventario, verificacao →
portal → escopo → deposito, formato, metadados → relato → config → modelo, erros.
"""

VERSAO = "0.1.0"
