"""Os arquivos do Storage: pelo servidor dele (HTTP) e, onde há conexão direta, também por SQL.

Entra: o projeto, um balde, um objeto. Sai: a lista inteira do que há (ou um erro, nunca uma lista
a que falta algo) e os bytes de cada conteúdo, como estão guardados. Nada fica na memória além de um
pedaço. Levanta FalhaDoServidor e as filhas que estão em `erros`.
"""
