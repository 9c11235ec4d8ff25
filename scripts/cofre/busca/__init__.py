"""Achar um registro em todos os backups de uma empresa, e contar a história dele.

Entra: uma empresa do depósito e o que se procura. Sai: os registros, cada um com as suas versões e
as datas delas. Nada se escreve, e nenhum servidor se chama. Levanta NadaEncontrado e ErroDeUso.
"""
