"""O que vai para o disco cifrado, e volta: o formato age, com chaves X25519.

Entra: bytes e «chaves que fecham» (públicas, `age1…`), que é só o que o PC dos backups tem. Sai: um
arquivo que qualquer `age -d` abre, e que aqui só uma «chave que abre» (privada) abre. Levanta
DependenciaAusente, BackupDanificado e FaltaChave. Formato: https://age-encryption.org/v1
"""
