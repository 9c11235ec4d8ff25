"""Uma empresa num instante, em arquivos.

Entra: a via, a empresa e o contexto da execução. Sai: uma `foto.Foto` lida e, montada, os
arquivos que um backup ou uma restauração publicam. Levanta FalhaDoServidor e FalhaDeDisco; uma
tabela que falha não impede as outras: vira uma falha da foto.
"""
