-- Dois gatilhos com que nenhuma restauração pela API consegue: carregue só onde é isso o teste.

-- Sob a chave de serviço não há usuário, e o dono vira nulo.
CREATE FUNCTION forcar_dono() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.user_id := auth.uid();
    RETURN NEW;
END $$;
CREATE TRIGGER dono_forcado BEFORE INSERT OR UPDATE ON clientes
    FOR EACH ROW EXECUTE FUNCTION forcar_dono();

CREATE FUNCTION proibir_exclusao() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Vendas não podem ser excluídas' USING ERRCODE = 'P0001';
END $$;
CREATE TRIGGER sem_exclusao BEFORE DELETE ON vendas
    FOR EACH ROW EXECUTE FUNCTION proibir_exclusao();
