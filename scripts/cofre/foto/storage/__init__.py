"""Os arquivos do Storage de uma empresa, numa foto: o que há, de quem é, e o conteúdo guardado.

Entra: o Storage de um projeto, as regras de quem é quem e a pasta da empresa. Sai: as linhas da
lista dela e os conteúdos, cada um uma vez. Levanta FalhaDoServidor e FalhaDeDisco.
"""
