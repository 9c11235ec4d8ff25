"""O Supabase embutido da demonstração e dos testes: servidores de verdade, empresas inventadas.

`servidores` põe um projeto do Supabase no ar; `empresas` inventa quem mora nele; `demonstracao` faz
sobre os dois um backup e uma restauração de verdade. Daqui, só ela conhece os scripts do cofre.

Nem este arquivo nem o de `servidores` importam nada, de propósito: `servidores.ambiente` roda num
Python sem dependência alguma.
"""
