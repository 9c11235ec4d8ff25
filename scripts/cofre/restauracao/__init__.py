"""Trazer UMA empresa de volta: planejar, perguntar, combinar, convergir, desfazer, retomar.

Entra: um backup e a escolha de tabelas. Sai: a empresa como era, conferida, e um diário do que se
fez. Levanta RestauracaoRecusada antes da primeira escrita, RestauracaoIncompleta depois dela,
Interrompido.
"""
