"""A página: o estado de cada empresa num arquivo só, que se abre sem servidor e sem internet.

Entra: o depósito. Sai: `painel.html` na raiz dele. Levanta FalhaDeDisco.
"""
