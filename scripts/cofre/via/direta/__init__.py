"""A via direta: o próprio PostgreSQL, pelo psycopg, numa transação.

Entra: o que o contrato pede. Sai: o que ele promete. Só `escrita` e `carga` gravam no banco.
Levanta FalhaDoServidor e EscritaRecusada, traduzidas em `erros`.
"""
