"""Uma rodada: todas as empresas fotografadas e publicadas, e o que se conta disso.

Entra: o que copiar. Sai: um backup por empresa no depósito, e o `resumo.Resumo`. Levanta
NadaEncontrado, FalhaDoServidor e FalhaDeDisco; o que falha numa empresa não impede as outras.
"""
