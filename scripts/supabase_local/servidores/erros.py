"""Os erros deste pacote: todos dizem, em português, a causa e o que fazer."""


class ErroSupabaseLocal(Exception):
    """Algo impediu o Supabase embutido de funcionar."""
