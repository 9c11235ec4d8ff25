"""O ensaio: o backup mais novo de uma empresa, restaurado num banco de teste e comparado.

Entra: um backup e um PostgreSQL à parte. Sai: o que não voltaria igual, anotado em
`deposito.ensaios`. Levanta EnsaioReprovado, FalhaDoServidor e DependenciaAusente.
"""
