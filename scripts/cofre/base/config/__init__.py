"""A configuração: o .env, o ambiente e o cofre.toml, lidos só aqui.

Entra: arquivos e variáveis. Sai: `valores.Configuracao`, conferida antes de qualquer pedido.
Levanta ConfiguracaoInvalida, com o nome da variável e sem o valor dela.
"""
