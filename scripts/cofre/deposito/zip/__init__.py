"""Um backup num só .zip, e de volta.

Entra: um backup, ou um .zip que alguém trouxe. Sai: o contrário. Um .zip é conferido antes de
tocar na pasta. Levanta ZipRecusado e FalhaDeDisco.
"""
