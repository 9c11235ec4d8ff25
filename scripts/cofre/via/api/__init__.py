"""A via da API: o PostgREST do Supabase, pelo supabase-py, com os bytes de cada linha como vieram.

Entra: o que o contrato pede. Sai: o que ele promete. Só `escrita` grava no banco. Levanta
FalhaDoServidor e EscritaRecusada, traduzidas em `erros`.
"""
