"""A pasta dos backups: publicar, listar, ler, verificar, travar, exportar.

Entra: linhas em bytes e metadados. Sai: um `backup.Backup` inteiro no disco, ou nada. Ninguém
mais conhece nomes de arquivo. Levanta FalhaDeDisco, BackupDanificado, TravaOcupada e
NadaEncontrado.
"""
