"""Cofre: backup e restauração de cada empresa de um projeto Supabase, isolada das outras.

banco → via → foto → deposito → plano → via → banco

As salas, de cima para baixo; cada uma só importa as que vêm depois:
comando → frota, clone → restauracao, backup → busca → foto, rotina → remoto → via → plano →
escopo, deposito → base.
"""

VERSAO = "0.1.0"
