-- RLS em todas as tabelas, uma política por tabela, e concessões por tabela. Vem depois do
-- esquema porque percorre o que ele criou.

DO $$
DECLARE
    tabela record;
    regra text;
BEGIN
    FOR tabela IN
        SELECT c.oid, c.relname AS nome FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', tabela.nome);
        EXECUTE format(
            'GRANT ALL ON TABLE public.%I TO anon, authenticated, service_role', tabela.nome
        );
        SELECT CASE
            WHEN a.attname = 'empresa_id' THEN
                'empresa_id IN (SELECT e.id FROM public.empresas e WHERE e.user_id = auth.uid())'
            ELSE format('%I = auth.uid()', a.attname)
        END INTO regra
        FROM pg_attribute a
        WHERE a.attrelid = tabela.oid AND a.attname IN ('empresa_id', 'user_id', 'usuario_id')
        ORDER BY a.attname
        LIMIT 1;
        IF regra IS NOT NULL THEN
            EXECUTE format(
                'CREATE POLICY do_dono ON public.%I TO authenticated USING (%s) WITH CHECK (%s)',
                tabela.nome, regra, regra
            );
        END IF;
        regra := NULL;
    END LOOP;
END
$$;

CREATE POLICY leitura ON permissoes FOR SELECT TO authenticated USING (true);
CREATE POLICY do_dono ON vendas_pagamentos TO authenticated
    USING (venda_id IN (SELECT v.id FROM vendas v WHERE v.user_id = auth.uid()));
CREATE POLICY do_dono ON movimentacoes_caixa TO authenticated
    USING (caixa_id IN (SELECT c.id FROM caixa c WHERE c.user_id = auth.uid()));

GRANT SELECT ON produtos_em_falta, resumo_produtos TO anon, authenticated, service_role;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO anon, authenticated, service_role;
