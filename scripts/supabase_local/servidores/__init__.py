"""PostgreSQL, PostgREST e o gateway, em processos que não sobrevivem a quem os iniciou.

Entra: uma pasta para o cluster. Sai: `servidor.SupabaseLocal`, com a URL, as chaves e o banco de um
projeto. Levanta ErroSupabaseLocal, ou, antes de haver dependências, ErroDeAmbiente.
"""
