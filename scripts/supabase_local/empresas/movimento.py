"""As linhas que o dia a dia de uma empresa produz: vendas, caixa, serviços, e as difíceis."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from psycopg.types.json import Jsonb

from supabase_local.empresas.invencao import AGORA, DEFEITOS, MODELOS, Inventor
from supabase_local.empresas.linhas import Linha, Linhas, Perfil

CENTAVO = Decimal("0.01")
VENDAS_POR_CAIXA = 8
# Textos que complicam uma URL, um filtro da API ou o nome de um arquivo.
CODIGOS = (
    "10% OFF", "a,b", 'aspas "duplas"', "(parênteses)", "barra\\invertida", "ponto.final",
    "d'água", "*", " espaço ", "🛍️", "linha\nnova", "a&b=c#d?e", "1+1", "null", "{chave}",
)  # fmt: skip


def movimento(perfil: Perfil, inventor: Inventor, codigo: str, base: Linhas) -> Linhas:
    """`base` são os cadastros da mesma empresa, a que estas linhas se ligam."""
    linhas: Linhas = {"caixa": [], "vendas": [], "vendas_itens": [], "movimentacoes_estoque": []}
    linhas.update({"movimentacoes_caixa": [], "vendas_pagamentos": [], "recibos": []})
    for n in range(perfil.vendas):
        if n % VENDAS_POR_CAIXA == 0:
            linhas["caixa"].append(_caixa(perfil, inventor))
        _venda(perfil, inventor, base, linhas)
    _despesas(perfil, inventor, base, linhas)
    linhas["ordens_servico"] = [_ordem(perfil, inventor, base) for _ in range(perfil.vendas // 2)]
    _formas_dificeis(perfil, inventor, codigo, base, linhas)
    return linhas


def _caixa(perfil: Perfil, inventor: Inventor) -> Linha:
    abertura, inicial = inventor.momento(), inventor.dinheiro(50, 200)
    return {
        "id": inventor.uuid(),
        "user_id": perfil.user_id,
        "aberto_em": abertura,
        "fechado_em": abertura + timedelta(hours=9) if inventor.as_vezes(0.8) else None,
        "saldo_inicial": inicial,
        "saldo_atual": inicial,
        "valor_contado": None,
        "diferenca": None,
    }


def _venda(perfil: Perfil, inventor: Inventor, base: Linhas, linhas: Linhas) -> None:
    caixa = linhas["caixa"][-1]
    equipe = base.get("funcionarios") or []
    venda: Linha = {
        "id": inventor.uuid(),
        "user_id": perfil.user_id,
        "cliente_id": _id_de_um(base["clientes"], inventor, 0.8),
        "caixa_id": caixa["id"],
        "vendedor_id": _id_de_um(equipe, inventor, 0.5),
        "total": Decimal(0),
        "desconto": inventor.um_de((Decimal(0), Decimal("1.50"))),
        "forma_pagamento": inventor.um_de(("dinheiro", "pix", "cartão de crédito")),
        "data_venda": inventor.momento(),
    }
    itens = [_item(venda, inventor, base) for _ in range(inventor.inteiro(1, 5))]
    total = sum((_subtotal(item) for item in itens), Decimal(0)) - _decimal(venda["desconto"])
    venda["total"] = total
    linhas["vendas"].append(venda)
    linhas["vendas_itens"].extend(itens)
    for item in itens:
        linhas["movimentacoes_estoque"].append(
            {
                "user_id": perfil.user_id,
                "produto_id": item["produto_id"],
                "quantidade": -_decimal(item["quantidade"]),
                "motivo": "venda",
            }
        )
    linhas["movimentacoes_caixa"].append(
        {
            "caixa_id": caixa["id"],
            "tipo": "entrada",
            "valor": total,
            "descricao": f"Venda {venda['id']}",
        }
    )
    caixa["saldo_atual"] = _decimal(caixa["saldo_atual"]) + total
    if caixa["fechado_em"] is not None:
        caixa["valor_contado"] = caixa["saldo_atual"]
        caixa["diferenca"] = Decimal(0)
    _parcelas(venda, total, inventor, linhas)


def _item(venda: Linha, inventor: Inventor, base: Linhas) -> Linha:
    """Uma em cada seis é antiga e não tem dono: pertence pela venda."""
    produto = inventor.um_de(base["produtos"])
    return {
        "id": inventor.uuid(),
        "user_id": None if inventor.as_vezes(1 / 6) else venda["user_id"],
        "venda_id": venda["id"],
        "produto_id": produto["id"],
        "quantidade": Decimal(inventor.um_de((1, 1, 2, 3))),
        "preco_unitario": produto["preco"],
    }


def _parcelas(venda: Linha, total: Decimal, inventor: Inventor, linhas: Linhas) -> None:
    if not inventor.as_vezes(0.2):
        return
    for parcela in (1, 2):
        linhas["vendas_pagamentos"].append(
            {
                "venda_id": venda["id"],
                "parcela": parcela,
                "vencimento": (AGORA + timedelta(days=30 * parcela)).date(),
                "valor": (total / 2).quantize(CENTAVO),
            }
        )
    linhas["recibos"].append({"id": inventor.uuid(), "venda_id": venda["id"], "parcela": 1})


def _despesas(perfil: Perfil, inventor: Inventor, base: Linhas, linhas: Linhas) -> None:
    linhas["despesas"] = [
        {
            "id": inventor.uuid(),
            "user_id": perfil.user_id,
            "descricao": inventor.um_de(("Aluguel", "Energia elétrica", "Água", "Contador")),
            "valor": inventor.dinheiro(80, 2500),
            "vencimento": inventor.momento().date(),
            "paga": inventor.as_vezes(0.6),
        }
        for _ in range(max(3, perfil.vendas // 4))
    ]
    linhas["contas_pagar"] = [
        {
            "id": inventor.uuid(),
            "user_id": perfil.user_id,
            "fornecedor_id": _id_de_um(base["fornecedores"], inventor, 0.5),
            "despesa_id": despesa["id"],
            "valor": despesa["valor"],
            "vencimento": despesa["vencimento"],
        }
        for despesa in linhas["despesas"]
        if not despesa["paga"]
    ]


def _ordem(perfil: Perfil, inventor: Inventor, base: Linhas) -> Linha:
    equipe = base.get("funcionarios") or []
    situacao = inventor.um_de(("aberta", "em andamento", "pronta", "entregue"))
    return {
        "id": inventor.uuid(),
        "user_id": perfil.user_id,
        "cliente_id": _id_de_um(base["clientes"], inventor, 0.95),
        "tecnico_id": _id_de_um(equipe, inventor, 0.7),
        "atendente_id": _id_de_um(equipe, inventor, 0.7),
        "equipamento": inventor.um_de(MODELOS),
        "defeito": inventor.um_de(DEFEITOS),
        "situacao": situacao,
        "valor": inventor.dinheiro(50, 700),
        "entregue_em": inventor.momento() if situacao == "entregue" else None,
    }


def _formas_dificeis(
    perfil: Perfil, inventor: Inventor, codigo: str, base: Linhas, linhas: Linhas
) -> None:
    dono = perfil.user_id
    linhas["registro_acessos"] = [
        {"user_id": dono, "pagina": pagina, "ip": "192.0.2.7", "quando": inventor.momento()}
        for pagina in ("/vendas", "/vendas", "/caixa?dia=1", "/relatórios")
    ]
    linhas["Pedido Item"] = [
        {
            "Código": inventor.uuid(),
            "user_id": dono,
            "Descrição do item": produto["nome"],
            "Preço Unitário": produto["custo"],
            "ordem.linha": n,
            "a,b (c)": 'texto com "aspas" e \\ barra',
        }
        for n, produto in enumerate(base["produtos"][:6])
    ]
    linhas["auditoria"] = [
        {
            "user_id": dono,
            "tabela": "produtos",
            "registro": Jsonb({"preco": 10, "n": n}),
            "criado_em": inventor.momento(),
        }
        for n in range(6)
    ]
    linhas["notas_fiscais"] = [
        {
            "user_id": dono,
            "venda_id": venda["id"],
            "chave_acesso": f"{inventor.acaso.randrange(10**43):044d}",
            "xml": "<nfe>\r\n\t<total>1</total>\n</nfe>",
        }
        for venda in linhas["vendas"][:5]
    ]
    linhas["codigos_promocionais"] = [
        {"codigo": f"{texto}·{codigo}", "user_id": dono, "percentual": inventor.inteiro(1, 50)}
        for texto in CODIGOS
    ]
    linhas["anotacoes"] = [{"usuario_id": dono, "texto": f"Lembrete {n}"} for n in range(4)]
    linhas["tipos_dificeis"] = tipos_dificeis(perfil, inventor)


def tipos_dificeis(perfil: Perfil, inventor: Inventor) -> list[Linha]:
    """Três linhas: valores que se perdem num float, valores extremos, e só nulos."""
    exatos: Linha = {
        "id": 2**53 + 1 + inventor.acaso.getrandbits(60),
        "user_id": perfil.user_id,
        "largo": "1234567890123456789012345.123456789012345",
        "fino": "0.10000000",
        "livre": "1e-30",
        "grande": 9_223_372_036_854_775_807,
        "pequeno": -32768,
        "simples": "0.1",
        "duplo": "0.30000000000000004",
        "logico": True,
        "texto": 'acentuação, "aspas", \\barra, \t tab, \r\n linha, 🛠️ 𝄞 \u2028',
        "fixo": "abc",
        "bruto": '{"b" : 1.0, "a":2,\n  "b": 1.10e5}',
        "binario": '{"n": 12345678901234567890.12345678901234567890}',
        "bytes": bytes(range(256)),
        "lista": ["", "NULL", 'com "aspas"', "vírgula, aqui", None],
        "matriz": "{{1,2},{3,4}}",
        "planos": "{teste,anual}",
        "duracao": "1 year 2 mons -3 days 04:05:06.789012",
        "dia": "2024-02-29",
        "hora": "23:59:59.999999",
        "hora_local": "08:30:00.000001-03",
        "momento": "2026-01-16 18:29:44.123456-03",
        "momento_sem_zona": "1999-12-31 23:59:59.000001",
        "identificador": inventor.uuid(),
        "rede": "2001:db8::/32",
        "periodo": "[2026-01-01 00:00:00-03,)",
        "ponto": "(1.5,-2.25)",
        "mascara": "10110001",
        "busca": "'loja':1A 'preço':2",
        "tamanho": "(1.50,2.000)",
        "situacao": "em andamento",
    }
    extremos = dict(exatos, id=-1 - inventor.acaso.getrandbits(60))
    extremos.update(largo="NaN", livre="-Infinity", grande=-(2**63), simples="Infinity")
    extremos.update(duplo="NaN", dia="-infinity", momento="infinity", momento_sem_zona="infinity")
    extremos.update(texto="", bytes=b"", lista="{}", bruto="[ ]", binario="[]", periodo="empty")
    extremos.update(hora="24:00:00", duracao="00:00:00", tamanho="(,)")
    nulos: Linha = dict.fromkeys(exatos)
    nulos.update(id=inventor.acaso.getrandbits(31), user_id=perfil.user_id)
    return [exatos, extremos, nulos]


def _id_de_um(linhas: list[Linha], inventor: Inventor, probabilidade: float) -> object:
    return inventor.um_de(linhas)["id"] if linhas and inventor.as_vezes(probabilidade) else None


def _decimal(valor: object) -> Decimal:
    assert isinstance(valor, Decimal)
    return valor


def _subtotal(item: Linha) -> Decimal:
    valor = _decimal(item["quantidade"]) * _decimal(item["preco_unitario"])
    return valor.quantize(CENTAVO, ROUND_HALF_UP)
