"""A via direta: o PostgreSQL do projeto, pelo psycopg, quando há SUPABASE_DB_URL.

`endereco` entende e recusa a URL; `conexao` abre e partilha as conexões; `ajustes` faz a sessão
escrever cada valor como a da API; `traducao` explica os erros; `catalogo` lê o esquema; `consulta`
escreve o SQL das linhas de empresas; `leitura` as lê, numa transação, e `tuplas` entende o que o
COPY manda; `escrita` escreve, e `carga` põe linhas novas por COPY; `sondas` faz as perguntas
pequenas; `bloqueio` acha quem segura uma tabela; `api` é a fachada.
"""
