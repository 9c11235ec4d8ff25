"""As empresas inventadas: o esquema, as linhas de cada uma e o acidente que uma delas sofre.

Entra: o `linhas.Perfil` de cada empresa. Sai: um banco com elas (`dados.criar_modelo`), sempre as
mesmas linhas. Levanta o que o banco levantar.
"""
