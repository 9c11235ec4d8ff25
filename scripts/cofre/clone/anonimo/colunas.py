"""O que uma coluna guarda, pelo nome dela: em português e em inglês, com ou sem acentos.

Só «nome» não basta: o de um cliente é uma pessoa, o de um produto não. Aí dizem-no a tabela (ou,
dentro de um json, o objeto que o contém) e as colunas ao lado; se nada o diz, decide-o o conteúdo.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from cofre.base.apelido import SEGREDOS, palavras_de
from cofre.clone.anonimo.classes import Classe


def _palavras(ditas: str) -> frozenset[str]:
    return frozenset(ditas.split())


_PESSOAS = _palavras(
    "cliente login fornecedor funcionario colaborador empregado usuario user profile perfil"
    " contato contact empresa company pessoa person people tecnico vendedor motorista membro"
    " member customer"
    " employee supplier vendor lead dependente responsavel socio associado profissional medico"
    " paciente patient aluno student professor teacher tutor hospede guest inquilino locatario"
    " proprietario parceiro partner entregador atendente representante transportadora clinica"
    " advogado corretor passageiro participante candidato doador pai mae conjuge filho familiar"
    " titular favorecido beneficiario remetente destinatario sacado pagador comprador emitente"
    " full first last middle completo social fantasia razao display approval destinatary billing"
    " shipping customer owner dono gerente manager loja filial filiais"
)
_COISAS = _palavras(
    "produto product item servico service categoria category arquivo file tabela table campo field"
    " plano plan funcao role cargo permissao permission marca brand modelo model cor banco bank"
    " cidade city estado state pais country evento event curso turma projeto project grupo group"
    " tag etiqueta setor departamento unidade imposto fonte status tipo type equipamento peca"
    " objeto bucket balde template regra rule canal campanha tema menu pagina page rota coluna"
    " column feature kit material insumo ingrediente receita prato tamanho forma metodo pagamento"
    " payment moeda conta centro classe nivel label impressora dispositivo device app"
)
_DE_NOME = _palavras("nome name nomes")
_SEMPRE_NOME = _palavras(
    "sobrenome surname lastname firstname fullname fantasia responsavel titular favorecido"
    " beneficiario remetente destinatario sacado pagador vendedor tecnico atendente motorista"
    " paciente aluno cliente fornecedor funcionario contato mae pai filiacao conjuge socio"
    " comprador entregador customer supplier employee razao signatario testemunha apelido"
)
_DE_USUARIO = _palavras(
    "usuario username login nickname nick handle instagram facebook twitter linkedin telegram skype"
    " tiktok"
)
_DOCUMENTOS = _palavras(
    "cpf cnpj cpfcnpj cnpjcpf rg ie ctps passaporte passport documento document doc ssn crm cro oab"
    " creci crea placa renavam chassi cns rne cin iban taxid"
)
_CONTAS = _palavras("corrente bancaria poupanca banco")
_TELEFONES = _palavras(
    "telefone telefones tel fone celular cel whatsapp whats wpp zap phone phones mobile cellphone"
    " fax telephone"
)
_CEPS = _palavras("cep zip zipcode postal postcode")
_ENDERECOS = _palavras("logradouro rua street endereco enderecos address addresses addr avenida")
_BAIRROS = _palavras("bairro neighborhood neighbourhood district")
_COMPLEMENTOS = _palavras("complemento complement")
_DO_LUGAR_QUE_FICAM = _palavras("numero number cidade city municipio uf estado state pais country")
_IPS = _palavras("ip ips ipaddress remoteaddr")
_NASCIMENTOS = _palavras(
    "nascimento nasc nascido nascida nascidos born birth birthday birthdate dob aniversario"
)
_COORDENADAS = _palavras("latitude longitude lat lng lon")
_DE_UM_ARQUIVO = _palavras(
    "url urls link path arquivo file foto photo imagem image avatar tipo type status template"
    " assunto subject corpo body html titulo mensagem formato mime"
)
_CODIGOS = _palavras(
    "codigo code cod sku ean gtin barras barcode ncm cfop cest cst id uuid slug numero number num"
    " nr versao version protocolo serie chave key referencia ref"
)
_CHAVE_SO = re.compile(r"chave", re.IGNORECASE)
_QUE_PROVAM = frozenset({Classe.DOCUMENTO, Classe.EMAIL, Classe.TELEFONE, Classe.NASCIMENTO})
"""Ao lado de um nome, dizem que ele é de alguém."""


def classe_do_nome(
    coluna: str, contexto: Sequence[str] = (), ao_lado: Collection[str] = ()
) -> Classe | None:
    """A classe de uma coluna (ou de uma chave de um json) por como se chama; None se o nome não o
    diz. `contexto`: a tabela e os objetos que a contêm; `ao_lado`: as outras da mesma linha."""
    palavras = frozenset(map(singular, palavras_de(coluna)))
    return (
        _certa(coluna, palavras)
        or _de_nome(palavras, contexto, ao_lado)
        or (Classe.CODIGO if palavras & _CODIGOS else None)
    )


def _certa(coluna: str, palavras: frozenset[str]) -> Classe | None:
    """A que as palavras dizem sem mais nada."""
    juntas = "".join(palavras_de(coluna))
    if palavras & {"id", "uuid"} and "tax" not in palavras:
        return None
    if palavras & _DE_UM_ARQUIVO and "eleitor" not in palavras:
        return Classe.TEXTO
    if "pix" in palavras:
        return Classe.PIX
    if "email" in juntas or "mail" in palavras:
        return Classe.EMAIL
    if palavras & _palavras("chave key") and palavras & _palavras("acesso nfe nf nota cte nfce"):
        return Classe.DOCUMENTO
    if SEGREDOS.search(_CHAVE_SO.sub("", coluna)) or _e_chave_secreta(palavras):
        return Classe.SEGREDO
    if palavras & _palavras("pis pasep nis nit"):
        return Classe.PIS
    if "cnh" in palavras:
        return Classe.CNH
    if _e_documento(palavras, juntas):
        return Classe.DOCUMENTO
    return _de_contato(palavras)


def _e_documento(palavras: frozenset[str], juntas: str) -> bool:
    if palavras & _DOCUMENTOS or "cpf" in juntas or "cnpj" in juntas:
        return True
    de_conta = "conta" in palavras and bool(palavras & (_CONTAS | {"numero"}))
    de_cartao = bool(palavras & {"cartao", "card"}) and bool(palavras & {"numero", "number"})
    inscricao = "inscricao" in palavras and bool(palavras & {"estadual", "municipal"})
    return de_conta or de_cartao or inscricao or bool(palavras & {"identidade", "eleitor"})


def _e_chave_secreta(palavras: frozenset[str]) -> bool:
    """Só «chave» não basta: a de uma tabela de configurações diz o que o `valor` é."""
    return "chave" in palavras and bool(palavras & {"api", "secreta", "privada", "licenca"})


def _de_contato(palavras: frozenset[str]) -> Classe | None:
    """Onde alguém se acha: por palavras que não dizem outra coisa."""
    if palavras & _IPS:
        return Classe.IP
    if palavras & _TELEFONES:
        return Classe.TELEFONE
    if palavras & _CEPS:
        return Classe.CEP
    if palavras & _NASCIMENTOS:
        return Classe.NASCIMENTO
    if palavras & _COORDENADAS:
        return Classe.COORDENADA
    if palavras & _BAIRROS:
        return Classe.BAIRRO
    if palavras & _COMPLEMENTOS:
        return Classe.COMPLEMENTO
    if palavras & _DO_LUGAR_QUE_FICAM and not palavras & (_DE_NOME | _CODIGOS):
        return Classe.FICA
    if palavras & _ENDERECOS and "mac" not in palavras:
        return Classe.FICA if palavras & _DO_LUGAR_QUE_FICAM else Classe.ENDERECO
    return Classe.USUARIO if palavras & _DE_USUARIO else None


def _de_nome(
    palavras: frozenset[str], contexto: Sequence[str], ao_lado: Collection[str]
) -> Classe | None:
    if not palavras & _DE_NOME:
        outra_coisa = palavras & (_COISAS | _palavras("id uuid codigo cod code numero"))
        return Classe.NOME if palavras & _SEMPRE_NOME and not outra_coisa else None
    if palavras & _COISAS:
        return Classe.TEXTO
    if palavras & _PESSOAS:
        return Classe.NOME
    for de_fora in reversed(contexto):  # do objeto mais próximo à tabela
        suas = frozenset(map(singular, palavras_de(de_fora)))
        if suas & _COISAS:
            return Classe.TEXTO
        if suas & _PESSOAS:
            return Classe.NOME
    return Classe.NOME if _de_alguem(ao_lado) else None


def _de_alguem(colunas: Iterable[str]) -> bool:
    return any(_certa(c, frozenset(map(singular, palavras_de(c)))) in _QUE_PROVAM for c in colunas)


def singular(palavra: str) -> str:
    """«fornecedores» → «fornecedor», «funcoes» → «funcao», «itens» → «item»."""
    for varios, um in (("oes", "ao"), ("ens", "em")):
        if palavra.endswith(varios):
            return palavra.removesuffix(varios) + um
    if palavra.endswith("res"):
        return palavra[:-2]
    curta = len(palavra) < 4 or palavra.endswith(("ss", "us", "is"))
    return palavra if curta or not palavra.endswith("s") else palavra[:-1]
