"""De quem é cada linha. A promessa de isolamento mora aqui, e só aqui.

Entra: o catálogo, as regras do dono e o que as sondas respondem. Sai: `escopo.Escopo`, os
caminhos de cada tabela até a empresa, e `donos.Donos`, de quem é um valor. Não fala com servidor
nenhum. Levanta ConfiguracaoInvalida por uma regra impossível.
"""
