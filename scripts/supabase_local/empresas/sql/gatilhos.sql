-- Os gatilhos que estragam uma restauração ingênua. São os que se encontram em lojas de verdade:
-- cada um faz sentido num dia comum, e nenhum espera que linhas antigas voltem.

-- ---------------------------------------------------------------- a hora da última mudança

CREATE FUNCTION marcar_mudanca() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER mudanca BEFORE UPDATE ON user_approvals FOR EACH ROW EXECUTE FUNCTION marcar_mudanca();
CREATE TRIGGER mudanca BEFORE UPDATE ON empresas FOR EACH ROW EXECUTE FUNCTION marcar_mudanca();
CREATE TRIGGER mudanca BEFORE UPDATE ON funcionarios FOR EACH ROW EXECUTE FUNCTION marcar_mudanca();
CREATE TRIGGER mudanca BEFORE UPDATE ON configuracoes FOR EACH ROW EXECUTE FUNCTION marcar_mudanca();
CREATE TRIGGER mudanca BEFORE UPDATE ON clientes FOR EACH ROW EXECUTE FUNCTION marcar_mudanca();
CREATE TRIGGER mudanca BEFORE UPDATE ON produtos FOR EACH ROW EXECUTE FUNCTION marcar_mudanca();
CREATE TRIGGER mudanca BEFORE UPDATE ON vendas FOR EACH ROW EXECUTE FUNCTION marcar_mudanca();
CREATE TRIGGER mudanca BEFORE UPDATE ON ordens_servico FOR EACH ROW EXECUTE FUNCTION marcar_mudanca();

-- ---------------------------------------------------------------- valores refeitos

CREATE FUNCTION compor_endereco_empresa() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.endereco_completo := concat_ws(', ', NEW.logradouro, NEW.numero, NEW.cidade, NEW.uf);
    RETURN NEW;
END $$;
CREATE TRIGGER endereco BEFORE INSERT OR UPDATE ON empresas
    FOR EACH ROW EXECUTE FUNCTION compor_endereco_empresa();

CREATE FUNCTION compor_endereco_cliente() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.endereco := concat_ws(', ', NEW.logradouro, NEW.numero, NEW.cidade);
    RETURN NEW;
END $$;
CREATE TRIGGER endereco BEFORE INSERT OR UPDATE ON clientes
    FOR EACH ROW EXECUTE FUNCTION compor_endereco_cliente();

CREATE FUNCTION calcular_diferenca() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.diferenca := NEW.valor_contado - NEW.saldo_atual;
    RETURN NEW;
END $$;
CREATE TRIGGER diferenca BEFORE INSERT OR UPDATE ON caixa
    FOR EACH ROW EXECUTE FUNCTION calcular_diferenca();

CREATE FUNCTION datar_entrega() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.situacao = 'entregue' AND OLD.situacao IS DISTINCT FROM 'entregue' THEN
        NEW.entregue_em := now();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER entrega BEFORE UPDATE ON ordens_servico
    FOR EACH ROW EXECUTE FUNCTION datar_entrega();

-- ---------------------------------------------------------------- donos preenchidos

CREATE FUNCTION preencher_dono() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.user_id := coalesce(NEW.user_id, auth.uid());
    RETURN NEW;
END $$;
CREATE TRIGGER dono BEFORE INSERT ON clientes FOR EACH ROW EXECUTE FUNCTION preencher_dono();
CREATE TRIGGER dono BEFORE INSERT ON produtos FOR EACH ROW EXECUTE FUNCTION preencher_dono();

CREATE FUNCTION preencher_dono_do_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.user_id IS NULL THEN
        SELECT v.user_id INTO NEW.user_id FROM vendas v WHERE v.id = NEW.venda_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dono BEFORE INSERT ON vendas_itens
    FOR EACH ROW EXECUTE FUNCTION preencher_dono_do_item();

-- ---------------------------------------------------------------- linhas que criam linhas

CREATE FUNCTION criar_funcoes_padrao() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO funcoes (empresa_id, nome)
    SELECT NEW.id, nome FROM unnest(ARRAY['Administrador', 'Vendedor', 'Caixa']) AS nome
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER funcoes_padrao AFTER INSERT ON empresas
    FOR EACH ROW EXECUTE FUNCTION criar_funcoes_padrao();

CREATE FUNCTION conceder_permissoes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO funcao_permissoes (funcao_id, permissao_id)
    SELECT NEW.id, p.id FROM permissoes p WHERE NEW.nome = 'Administrador' OR p.acao = 'ver'
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER permissoes_padrao AFTER INSERT ON funcoes
    FOR EACH ROW EXECUTE FUNCTION conceder_permissoes();

CREATE FUNCTION criar_login() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO login_funcionarios (funcionario_id, usuario, senha_hash)
    VALUES (NEW.id, 'usuario_' || left(NEW.id::text, 13), 'provisoria')
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER login AFTER INSERT ON funcionarios FOR EACH ROW EXECUTE FUNCTION criar_login();

CREATE FUNCTION abrir_periodo_de_teste() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.user_role = 'owner' AND NEW.user_id IS NOT NULL THEN
        INSERT INTO subscriptions (user_id, fim) VALUES (NEW.user_id, now() + interval '15 days')
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER periodo_de_teste AFTER INSERT ON user_approvals
    FOR EACH ROW EXECUTE FUNCTION abrir_periodo_de_teste();

CREATE FUNCTION lancar_conta() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT NEW.paga THEN
        INSERT INTO contas_pagar (user_id, despesa_id, valor, vencimento)
        VALUES (NEW.user_id, NEW.id, NEW.valor, NEW.vencimento);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER conta AFTER INSERT ON despesas FOR EACH ROW EXECUTE FUNCTION lancar_conta();

-- ---------------------------------------------------------------- caixa

CREATE FUNCTION lancar_venda_no_caixa() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.caixa_id IS NOT NULL THEN
        INSERT INTO movimentacoes_caixa (caixa_id, tipo, valor, descricao)
        VALUES (NEW.caixa_id, 'entrada', NEW.total, 'Venda ' || NEW.id);
    ELSIF TG_OP = 'DELETE' AND OLD.caixa_id IS NOT NULL THEN
        INSERT INTO movimentacoes_caixa (caixa_id, tipo, valor, descricao)
        VALUES (OLD.caixa_id, 'estorno', OLD.total, 'Estorno da venda ' || OLD.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER no_caixa AFTER INSERT OR DELETE ON vendas
    FOR EACH ROW EXECUTE FUNCTION lancar_venda_no_caixa();

CREATE FUNCTION atualizar_saldo() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    mudanca numeric := 0;
    alvo uuid;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        alvo := NEW.caixa_id;
        mudanca := CASE NEW.tipo WHEN 'entrada' THEN NEW.valor ELSE -NEW.valor END;
    ELSE
        alvo := OLD.caixa_id;
        mudanca := CASE OLD.tipo WHEN 'entrada' THEN -OLD.valor ELSE OLD.valor END;
    END IF;
    UPDATE caixa SET saldo_atual = saldo_atual + mudanca WHERE id = alvo;
    RETURN NULL;
END $$;
CREATE TRIGGER saldo AFTER INSERT OR DELETE ON movimentacoes_caixa
    FOR EACH ROW EXECUTE FUNCTION atualizar_saldo();

-- ---------------------------------------------------------------- estoque e totais

CREATE FUNCTION mover_estoque(dono uuid, produto uuid, quanto numeric, porque text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE produtos SET estoque = estoque + quanto WHERE id = produto;
    IF FOUND THEN
        INSERT INTO movimentacoes_estoque (user_id, produto_id, quantidade, motivo)
        VALUES (dono, produto, quanto, porque);
    END IF;
END $$;

CREATE FUNCTION baixar_estoque() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mover_estoque(NEW.user_id, NEW.produto_id, -NEW.quantidade, 'venda');
    RETURN NULL;
END $$;
CREATE TRIGGER estoque_baixa AFTER INSERT ON vendas_itens
    FOR EACH ROW EXECUTE FUNCTION baixar_estoque();

CREATE FUNCTION devolver_estoque() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mover_estoque(OLD.user_id, OLD.produto_id, OLD.quantidade, 'devolução');
    RETURN NULL;
END $$;
CREATE TRIGGER estoque_devolve AFTER DELETE ON vendas_itens
    FOR EACH ROW EXECUTE FUNCTION devolver_estoque();

CREATE FUNCTION corrigir_estoque() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.quantidade <> OLD.quantidade THEN
        PERFORM mover_estoque(
            NEW.user_id, NEW.produto_id, OLD.quantidade - NEW.quantidade, 'correção'
        );
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER estoque_corrige AFTER UPDATE ON vendas_itens
    FOR EACH ROW EXECUTE FUNCTION corrigir_estoque();

CREATE FUNCTION somar_venda() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    alvo uuid := coalesce(NEW.venda_id, OLD.venda_id);
BEGIN
    UPDATE vendas SET total = (
        SELECT coalesce(sum(i.subtotal), 0) FROM vendas_itens i WHERE i.venda_id = alvo
    ) - desconto WHERE id = alvo;
    RETURN NULL;
END $$;
CREATE TRIGGER total AFTER INSERT OR UPDATE OR DELETE ON vendas_itens
    FOR EACH ROW EXECUTE FUNCTION somar_venda();

-- ---------------------------------------------------------------- rastro

CREATE FUNCTION auditar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO auditoria (user_id, tabela, registro)
    VALUES (OLD.user_id, TG_TABLE_NAME, to_jsonb(OLD));
    RETURN NULL;
END $$;
CREATE TRIGGER rastro_preco AFTER UPDATE OF preco ON produtos FOR EACH ROW
    WHEN (OLD.preco IS DISTINCT FROM NEW.preco) EXECUTE FUNCTION auditar();
CREATE TRIGGER rastro_exclusao AFTER DELETE ON clientes FOR EACH ROW EXECUTE FUNCTION auditar();
