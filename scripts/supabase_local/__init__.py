"""O Supabase embutido da demonstração e dos testes: PostgreSQL, PostgREST e um gateway.

Este arquivo nada importa de propósito: `ambiente` roda num Python sem dependência alguma.
O ponto de entrada dos servidores é `supabase_local.servidor`.
"""
