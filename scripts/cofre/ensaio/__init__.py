"""O ensaio: conferir o backup mais novo de uma empresa como uma restauração faria e, havendo um
banco de teste, pôr as linhas nele, lê-las de volta e comparar.

`rodizio` escolhe a empresa e conduz; `banco` entra no banco de teste e garante que nada fica nele;
`volta` faz as tabelas, carrega as linhas e compara; `embutido` liga um PostgreSQL só para isso.
"""
