"""As linhas que uma empresa cadastra: conta, equipe, produtos, clientes."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from psycopg.types.json import Jsonb

from supabase_local.empresas.invencao import (
    CATEGORIAS,
    CIDADES,
    CORES,
    RUAS,
    Inventor,
    sem_acento,
)
from supabase_local.empresas.linhas import Linha, Linhas, Perfil
from supabase_local.empresas.logins import login


def cadastros(perfil: Perfil, inventor: Inventor, codigo: str) -> Linhas:
    linhas: Linhas = {"auth.users": [], "auth.identities": [], "user_approvals": []}
    _conta(perfil, inventor, codigo, linhas)
    if perfil.com_empresa:
        linhas["empresas"] = [_empresa(perfil, inventor, codigo)]
        _equipe(perfil, inventor, codigo, linhas)
    linhas["categorias"] = _categorias(perfil, inventor)
    linhas["fornecedores"] = _fornecedores(perfil, inventor)
    linhas["produtos"] = [_produto(n, perfil, inventor, linhas) for n in range(perfil.produtos)]
    linhas["clientes"] = [_cliente(n, perfil, inventor) for n in range(perfil.clientes)]
    return linhas


def _conta(perfil: Perfil, inventor: Inventor, codigo: str, linhas: Linhas) -> None:
    email = f"Dono@{codigo}.example"
    _pessoa(linhas, perfil.user_id, email, inventor.pessoa(), perfil.nome, None, inventor)
    inicio = inventor.momento()
    linhas["subscriptions"] = [
        {
            "id": inventor.uuid(),
            "user_id": perfil.user_id,
            "plano": inventor.um_de(("teste", "mensal", "anual")),
            "status": "active",
            "valor": inventor.dinheiro(39, 99),
            "inicio": inicio,
            "fim": "infinity",
        }
    ]
    linhas["payments"] = [
        {
            "payer_email": email.lower(),
            "mp_payment_id": 9_007_199_254_740_993 + inventor.acaso.getrandbits(50),
            "amount": inventor.dinheiro(39, 99),
        }
        for _ in range(3)
    ]
    linhas["configuracoes"] = [
        {
            "user_id": perfil.user_id,
            "preferencias": Jsonb({"tema": "escuro", "impressora": {"colunas": 48, "corte": True}}),
            "cabecalho_recibo": f"{perfil.nome}\nObrigado pela preferência!",
        }
    ]


def _pessoa(
    linhas: Linhas,
    identidade: UUID,
    email: str,
    nome: str,
    empresa: str | None,
    dono: UUID | None,
    inventor: Inventor,
) -> None:
    usuario, chegada = login(identidade, email, nome)
    linhas["auth.users"].append(usuario)
    linhas["auth.identities"].append(chegada)
    linhas["user_approvals"].append(
        {
            "id": inventor.uuid(),
            "user_id": identidade,
            "email": email,
            "full_name": nome,
            "company_name": empresa,
            "parent_user_id": dono,
            "user_role": "owner" if dono is None else "employee",
            "status": "approved",
            "approved_at": inventor.momento(),
        }
    )


def _empresa(perfil: Perfil, inventor: Inventor, codigo: str) -> Linha:
    rua, numero = inventor.um_de(RUAS), str(inventor.inteiro(1, 4000))
    cidade = inventor.um_de(CIDADES)
    return {
        "id": inventor.uuid(),
        "user_id": perfil.user_id,
        "nome": perfil.nome,
        "razao_social": f"{perfil.nome} Comércio e Serviços Ltda.",
        "cnpj": inventor.cnpj(),
        "email": f"contato@{codigo}.example",
        "telefone": inventor.telefone(),
        "logradouro": rua,
        "numero": numero,
        "cidade": cidade,
        "uf": "SP",
        "endereco_completo": f"{rua}, {numero}, {cidade}, SP",
        "responsavel_id": None,
        "logo": inventor.acaso.randbytes(64),
    }


def _equipe(perfil: Perfil, inventor: Inventor, codigo: str, linhas: Linhas) -> None:
    empresa = linhas["empresas"][0]
    linhas["funcoes"] = [
        {"id": inventor.uuid(), "empresa_id": empresa["id"], "nome": nome}
        for nome in ("Administrador", "Vendedor", "Caixa", "Técnico")
    ]
    linhas["funcao_permissoes"] = [
        {"funcao_id": funcao["id"], "permissao_id": permissao}
        for posicao, funcao in enumerate(linhas["funcoes"])
        for permissao in range(1, 21, 1 + posicao)
    ]
    linhas["funcionarios"] = []
    linhas["login_funcionarios"] = []
    for n in range(perfil.funcionarios):
        _funcionario(n, perfil, inventor, codigo, linhas)
    if linhas["funcionarios"]:
        empresa["responsavel_id"] = linhas["funcionarios"][0]["id"]


def _funcionario(n: int, perfil: Perfil, inventor: Inventor, codigo: str, linhas: Linhas) -> None:
    nome = inventor.pessoa()
    usuario = f"{sem_acento(nome)}.{n}.{codigo}"
    login = inventor.uuid() if n < 2 else None
    if login is not None:
        _pessoa(linhas, login, f"{usuario}@example.com", nome, None, perfil.user_id, inventor)
    funcionario: Linha = {
        "id": inventor.uuid(),
        "empresa_id": linhas["empresas"][0]["id"],
        "user_id": login,
        "funcao_id": inventor.um_de(linhas["funcoes"])["id"],
        "nome": nome,
        "salario": inventor.dinheiro(1500, 6000),
        "admissao": inventor.momento(2000).date(),
        "dias_de_folga": ["domingo", "terça, à tarde"][: inventor.inteiro(0, 2)],
        "jornada": inventor.um_de(("08:00:00", "06:20:00", "1 day -02:00:00.000001")),
    }
    linhas["funcionarios"].append(funcionario)
    linhas["login_funcionarios"].append(
        {
            "id": inventor.uuid(),
            "funcionario_id": funcionario["id"],
            "usuario": usuario,
            "senha_hash": f"$2b$12${inventor.acaso.getrandbits(200):x}",
        }
    )


def _categorias(perfil: Perfil, inventor: Inventor) -> list[Linha]:
    """Cada uma depende, às vezes, de uma anterior."""
    linhas: list[Linha] = []
    for nome in CATEGORIAS:
        pai = inventor.um_de(linhas)["id"] if linhas and inventor.as_vezes(0.5) else None
        linhas.append(
            {"id": inventor.uuid(), "user_id": perfil.user_id, "pai_id": pai, "nome": nome}
        )
    return linhas


def _fornecedores(perfil: Perfil, inventor: Inventor) -> list[Linha]:
    return [
        {
            "id": inventor.uuid(),
            "user_id": perfil.user_id,
            "nome": f"{inventor.pessoa()} Distribuidora",
            "cnpj": inventor.cnpj(),
            "contatos": Jsonb([{"nome": inventor.pessoa(), "telefone": inventor.telefone()}]),
        }
        for _ in range(4)
    ]


def _produto(n: int, perfil: Perfil, inventor: Inventor, linhas: Linhas) -> Linha:
    """O primeiro é o que a restrição NOT VALID vai encontrar já gravado."""
    preco = inventor.dinheiro(5, 900)
    return {
        "id": inventor.uuid(),
        "user_id": perfil.user_id,
        "codigo_interno": "AVULSO" if n == 0 else None if n % 7 == 0 else f"P-{n:05d}",
        "codigo_barras": f"789{inventor.inteiro(0, 9_999_999_999):010d}",
        "nome": inventor.produto(),
        "categoria_id": inventor.um_de(linhas["categorias"])["id"],
        "fornecedor_id": inventor.um_de(linhas["fornecedores"])["id"]
        if inventor.as_vezes(0.7)
        else None,
        "preco": preco,
        "custo": (preco / 3).quantize(Decimal("0.00000001")),
        "estoque": Decimal(inventor.inteiro(0, 90_000)) / 1000,
        "estoque_minimo": inventor.inteiro(0, 5),
        "etiquetas": [inventor.um_de(CORES), 'com "aspas"', "vírgula, aqui"]
        if n % 5 == 0
        else None,
        "atributos": Jsonb({"cor": inventor.um_de(CORES), "garantia": {"meses": 3}}),
        "created_at": inventor.momento(),
    }


def _cliente(n: int, perfil: Perfil, inventor: Inventor) -> Linha:
    """O primeiro fura a restrição NOT VALID; de dez em dez, um endereço que o gatilho não refez."""
    rua, numero = inventor.um_de(RUAS), str(inventor.inteiro(1, 4000))
    cidade = inventor.um_de(CIDADES)
    return {
        "id": inventor.uuid(),
        "user_id": perfil.user_id,
        "codigo_interno": None if n % 9 == 5 else f"C-{n + 1:04d}",
        "nome": inventor.pessoa(),
        "cpf": inventor.cpf() if inventor.as_vezes(0.8) else None,
        "telefone": inventor.telefone(),
        "logradouro": rua,
        "numero": numero,
        "cidade": cidade,
        "endereco": "endereço antigo" if n % 10 == 3 else f"{rua}, {numero}, {cidade}",
        "limite_credito": inventor.dinheiro(0, 3000),
        "nascimento": inventor.momento(25_000).date() if n % 11 else "-infinity",
        "created_at": inventor.momento(),
    }
