"""A linha de comando: argumentos, montagem das peças, erros em palavras e código de saída."""
