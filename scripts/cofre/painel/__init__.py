"""A página: o estado de cada empresa num arquivo só, que abre com dois cliques e sem rede.

`dados` lê o depósito (e `lembranca` poupa de relê-lo); `pagina` põe o que foi lido no modelo e
grava o arquivo.
"""
