"""O que se pode aceitar ao restaurar, como se diz em --aceitar."""

COLUNAS, REGISTROS, TABELAS, BALDES = "colunas", "registros", "tabelas", "baldes"
PERDAS = (COLUNAS, REGISTROS, TABELAS, BALDES)
"""Perder colunas que o banco não tem mais, registros que ele recusa, tabelas que não podem voltar;
e criar de novo baldes que não existem mais."""
