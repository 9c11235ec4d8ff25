"""Trocar, numa cópia que outros vão ver, quem é quem: os nomes, os documentos, os endereços.

Entra: as tabelas de um backup e um segredo desta máquina; as linhas, duas vezes. Sai: as mesmas
linhas com outros valores, sempre os mesmos para os mesmos, e o que ficou por trocar. Levanta
DependenciaAusente (o pacote Faker) e msgspec.DecodeError por uma linha que não é JSON.
"""
