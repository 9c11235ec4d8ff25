"""O que se pode aceitar perder ao restaurar, como se diz em --aceitar."""

COLUNAS, REGISTROS, TABELAS = "colunas", "registros", "tabelas"
PERDAS = (COLUNAS, REGISTROS, TABELAS)
"""Colunas que o banco não tem mais, registros que ele recusa, tabelas que não podem voltar."""
