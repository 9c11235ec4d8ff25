"""O que uma coluna guarda, para quem a vai trocar, e em que tabela de trocas entra cada valor."""

from __future__ import annotations

from enum import StrEnum


class Classe(StrEnum):
    """O que se faz de cada valor de uma coluna; o texto é o que se diz na tela e no cofre.toml."""

    NOME = "nome"
    USUARIO = "usuario"
    DOCUMENTO = "documento"
    PIS = "pis"
    CNH = "cnh"
    EMAIL = "email"
    TELEFONE = "telefone"
    ENDERECO = "endereco"
    BAIRRO = "bairro"
    COMPLEMENTO = "complemento"
    CEP = "cep"
    IP = "ip"
    PIX = "pix"
    SEGREDO = "segredo"
    NASCIMENTO = "nascimento"
    COORDENADA = "coordenada"
    TEXTO = "texto"
    """Livre: só sai o que nele se reconhece."""
    CODIGO = "codigo"
    """Um código do aplicativo: só sai se é, inteiro, um documento, e-mail ou telefone."""
    FICA = "fica"
    """Não se mexe."""
    VAZIA = "calculado"
    """O banco o refaz a partir das outras colunas: aqui vai vazio."""


QUE_SE_PEDEM = tuple(c.value for c in Classe if c not in (Classe.FICA, Classe.VAZIA, Classe.CODIGO))
"""As que se podem dizer em `trocar`, no cofre.toml."""

LIVRES = frozenset({Classe.TEXTO, Classe.CODIGO, Classe.FICA})
"""As que, depois de tudo, ficam na lista do que não se trocou."""


class Especie(StrEnum):
    """Cada tabela de trocas: o mesmo valor, venha de onde vier, tem nela um substituto só."""

    NOME = "nome"
    USUARIO = "usuário"
    CPF = "CPF"
    CNPJ = "CNPJ"
    PIS = "PIS"
    CNH = "CNH"
    NOTA = "chave de nota"
    DOCUMENTO = "documento"
    EMAIL = "e-mail"
    TELEFONE = "telefone"
    RUA = "rua"
    BAIRRO = "bairro"
    CEP = "CEP"
    IP = "IP"
    SEGREDO = "segredo"
    NASCIMENTO = "nascimento"
    COORDENADA = "coordenada"
    CALCULADO = "calculado"
