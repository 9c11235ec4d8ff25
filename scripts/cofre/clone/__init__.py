"""Levar UMA empresa a outro projeto: o backup dela, posto no depósito de lá, e uma restauração.

Entra: uma empresa e um backup deste projeto, e o .env do outro. Sai: a empresa no outro projeto,
com diário e desfazer na pasta de backups dele. Levanta ErroDeUso e RestauracaoRecusada antes da
primeira escrita, e o que uma restauração levanta.
"""
