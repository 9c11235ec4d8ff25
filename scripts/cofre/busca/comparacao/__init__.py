"""O que mudou numa empresa de um instante a outro: dois backups, ou um backup e o banco.

Entram dois estados (ou, em `quando`, todos os backups). Sai, tabela a tabela, quantos registros
apareceram, mudaram e sumiram, e eles próprios, lidos outra vez: nada se guarda. Levanta
BackupDanificado e FalhaDoServidor.
"""
