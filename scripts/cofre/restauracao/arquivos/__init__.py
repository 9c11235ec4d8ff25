"""Os arquivos da empresa, de volta ao Storage.

Entra: a parte do plano que é da lista dos arquivos, e os conteúdos do backup. Sai: o que não se
fez, e por quê. Levanta FalhaDoServidor e BackupDanificado.
"""
