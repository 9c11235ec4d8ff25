"""Dois caminhos até os dados, um contrato: `api` (o PostgREST) e `direta` (o PostgreSQL).

Entra: o que se quer ler de quais empresas, ou um plano. Sai: o catálogo, as linhas de cada
empresa em bytes, ou o que o banco recusou. Quem está acima conhece só `contrato`. Um arquivo de
mesmo nome faz o mesmo trabalho nas duas; o que só uma tem não tem par. Levanta FalhaDoServidor e
EscritaRecusada.
"""
