"""O portal: o caminho até os dados pela API do Supabase, com a chave de serviço.

`transporte` faz os pedidos (novas tentativas, erros traduzidos); `consulta` escreve as URLs;
`descoberta` monta o catálogo; `leitura` separa e confere as linhas de uma página; `coleta` tira a
foto consistente de uma empresa.
"""
