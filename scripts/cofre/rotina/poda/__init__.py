"""O que fica e o que sai, e por quê: as regras de retenção, o que não pode sair, e apagar.

Entra: o depósito e a política. Sai: o plano da poda e, se pedido, backups a menos. Levanta
FalhaDeDisco e BackupDanificado.
"""
