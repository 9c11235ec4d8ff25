-- Restrições que chegaram depois dos dados (NOT VALID): há linhas gravadas que as furam, e que
-- não podem mais ser inseridas nem alteradas como estão.

UPDATE produtos SET preco = -0.01 WHERE codigo_interno = 'AVULSO';
ALTER TABLE produtos ADD CONSTRAINT produtos_preco_nao_negativo CHECK (preco >= 0) NOT VALID;

UPDATE clientes SET cpf = '123' WHERE codigo_interno = 'C-0001';
ALTER TABLE clientes ADD CONSTRAINT clientes_cpf_inteiro
    CHECK (cpf IS NULL OR length(cpf) = 14) NOT VALID;
