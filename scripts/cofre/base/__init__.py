"""O que todos usam e que não usa ninguém: erros, valores, linhas, disco, palavras, configuração.

Entra: nada do programa; só a biblioteca padrão e os pacotes. Sai: os valores que passam de uma
sala a outra. Levanta ErroCofre e as suas filhas, todas em `erros`; o que falha ao ler a
configuração é ConfiguracaoInvalida, e o que falha no disco, FalhaDeDisco.
"""
