"""O banco de provas: quanto os nossos scripts demoram, gastam e pedem, ao lado de uma referência.

`python3 tests/desempenho` sobe os seus servidores (PostgreSQL, PostgREST e nginx), mede os scripts
como processos inteiros e a referência alternada com eles, e mostra uma tabela. Nada aqui reprova
por tempo: só falha o que não funcionou, ou o que voltou diferente do que era.
"""
