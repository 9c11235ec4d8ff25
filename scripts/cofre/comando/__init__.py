"""O que se digita: um verbo por arquivo, argumentos que entram e código que sai.

Entra: argv. Sai: palavras na tela ou um JSON, e o código de saída de um `base.erros.ErroCofre`.
Nada sobre dados se decide aqui. Levanta ErroDeUso; o resto é contado por `execucao`.
"""
