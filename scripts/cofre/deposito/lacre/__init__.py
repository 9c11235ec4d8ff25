"""O lacre de um backup: a lista assinada do que ele é, e dos que vieram antes.

Entra: os bytes que estão no disco. Sai: um arquivo que qualquer um confere sem o Cofre, com
`ssh-keygen -Y verify`, ou o que há de errado com ele. Levanta LacreRecusado.
"""
