"""A cópia fora daqui: cinco verbos sobre um lugar que não é este computador.

Entra: arquivos já fechados e os nomes que têm lá. Sai: o que há lá, os bytes de volta, e o que se
sabe do lugar. Quem usa um destino conhece só `destino`: `pasta`, `s3` e `rclone` fazem o mesmo, e
uma suíte só prova as três. Levanta FalhaDaCopia, que nunca leva um segredo.
"""
