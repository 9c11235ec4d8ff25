"""O que se corta de uma página da API: a linha sai como veio, por qualquer dos caminhos."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apoio.campanha import exemplos
from cofre.base.erros import RespostaInvalida
from cofre.base.linha import juntar, separar
from cofre.base.modelo import (
    DESCONHECIDA,
    JSONB,
    OPACA,
    VETOR,
    Coluna,
    Empresa,
    Forma,
    Tabela,
)
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import Elo, Ramo
from cofre.via.api.consulta import consultas
from cofre.via.api.formas import forma_de, pedidos, sem_prova
from cofre.via.api.insistir import Passageiro
from cofre.via.api.linhas import Leitor
from cofre.via.api.pagina import Pagina, abrir_pagina

SEM_TIPO = Forma(DESCONHECIDA)
DONA, OUTRA = (Empresa(id_, id_) for id_ in ("aaaa", "bbbb"))
TABELA = Tabela("t", tuple(Coluna(n, "bigint") for n in ("id", "user_id", "bruto")), ("id",))
FALSOS = [
    b"null",
    b'[{"a":1,"xmin":"5"}, \n {"b":2}]',
    b'"\\",\\"xmin\\":\\"5\\"}, \\n {"',
    b'{"a":{"c":1,"xmin":"77"}, \n "b":[{"xmin":"3"}, \n {}]}',
    b'[{"z":0,"xmin":"9"}]',
]
LINHAS = st.lists(
    st.tuples(st.sampled_from(FALSOS), st.sampled_from([b"10", b"11"]), st.booleans()),
    min_size=1,
    max_size=6,
)


def _leitor(*empresas: Empresa) -> Leitor:
    (consulta,) = consultas(TABELA, (Ramo((Elo("user_id"),)),), empresas)
    return Leitor(consulta, [e.id for e in empresas], Donos([DONA, OUTRA], []))


def _pagina(leitor: Leitor, corpo: bytes) -> Pagina[Any]:
    return abrir_pagina(leitor.inteiras.abrir, "t", corpo, "")


@given(linhas=LINHAS, entre=st.sampled_from([b", \n ", b",", b",\n"]), juntas=st.booleans())
@settings(max_examples=exemplos(300), deadline=None)
@example(linhas=[(FALSOS[1], b"10", True)] * 3, entre=b",", juntas=False)
@example(linhas=[(FALSOS[0], b"10", True)] * 3, entre=b", \n ", juntas=False)
def test_a_linha_sai_como_veio(
    linhas: list[tuple[bytes, bytes, bool]], entre: bytes, juntas: bool
) -> None:
    inteiras, vindas = [], []
    for n, (bruto, xmin, da_dona) in enumerate(linhas):
        dono = b"aaaa" if da_dona or not juntas else b"bbbb"
        inteira = b'{"id":%d,"user_id":"%s","bruto":%s' % (n, dono, bruto)
        inteiras.append((dono.decode(), inteira + b"}"))
        vindas.append(inteira + b',"xmin":"%s"}' % xmin)
    leitor = _leitor(DONA, OUTRA) if juntas else _leitor(DONA)
    pagina = _pagina(leitor, b"[" + entre.join(vindas) + b"]")
    lidas = leitor.linhas(pagina)
    assert lidas.vieram == len(linhas)
    xmins = {xmin.decode() for _, xmin, _ in linhas}
    assert lidas.versao == (xmins.pop() if len(xmins) == 1 else "")
    for parte in lidas.partes:
        suas = [linha for dono, linha in inteiras if dono == parte.empresa]
        assert (parte.bloco, parte.quantas) == (juntar(suas), len(suas))
    assert sum(p.quantas for p in lidas.partes) == len(linhas)
    assert leitor.ultima(pagina) == (str(len(linhas) - 1),)


COM_TEXTOS = replace(TABELA, formas=(("bruto", Forma(JSONB)), ("v", Forma(VETOR))))
LETRAS = [b"null", b'"n"', b'"{"', b'"\\""', b'"\\\\"', b'"["', b'"\xc3\xa9"']
VETORES = [b"null", b'"{}"', b'"{\\"a\\",\\"xmin\\"}"', b'"[2:3]={7,8}"', b'"{\\"}, \\n {\\"}"']


@given(
    linhas=st.lists(
        st.tuples(st.sampled_from(FALSOS), st.sampled_from(LETRAS), st.sampled_from(VETORES)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=exemplos(300), deadline=None)
def test_o_texto_que_vem_a_mais_so_fica_se_interessa(
    linhas: list[tuple[bytes, bytes, bytes]],
) -> None:
    """Por qualquer dos caminhos: cortando a página toda, ou linha a linha."""
    vindas, esperadas = [], []
    for n, (bruto, letra, vetor) in enumerate(linhas):
        inteira = b'{"id":%d,"user_id":"aaaa","bruto":%s' % (n, bruto)
        a_mais = b',"xmin":"10","cofre_t0":%s,"cofre_t1":%s}' % (letra, vetor)
        vindas.append(inteira + a_mais)
        textos = {"bruto": "null"} if letra == b'"n"' else {}
        textos |= {"v": "[2:3]={7,8}"} if vetor.startswith(b'"[') else {}
        campo = b',"":' + msgspec.json.encode(textos) if textos else b""
        esperadas.append(inteira + campo + b"}")
    (consulta,) = consultas(COM_TEXTOS, (Ramo((Elo("user_id"),)),), [DONA], pedidos(COM_TEXTOS))
    leitor = Leitor(consulta, [DONA.id], Donos([DONA], []))
    (parte,) = leitor.linhas(_pagina(leitor, b"[" + b", \n ".join(vindas) + b"]")).partes
    assert parte.bloco == juntar(esperadas)


@pytest.mark.parametrize(
    ("tipo", "forma"),
    [
        ("text", None),
        ("numeric", None),
        ("jsonb", Forma(JSONB)),
        ("integer[]", Forma(VETOR)),
        ("jsonb[]", Forma(VETOR, Forma(JSONB))),
        ("public.hstore", Forma(OPACA)),
        ("extensions.geometry(Point,4326)", Forma(OPACA)),
        ("public.citext[]", Forma(VETOR)),
        ("public.hstore[]", Forma(VETOR, Forma(OPACA))),
        ("int2vector[]", Forma(VETOR, Forma(OPACA))),
        ("public.ponto", Forma(OPACA)),
        ("public.ponto[]", Forma(OPACA)),
        ("public.cor", None),
        ("public.cor[]", Forma(VETOR)),
        ("public.matiz", Forma(OPACA)),
        ("public.matiz[]", Forma(VETOR, Forma(OPACA))),
        ("", Forma(DESCONHECIDA)),
    ],
)
def test_que_tipos_o_json_pode_nao_refazer(tipo: str, forma: Forma | None) -> None:
    assert forma_de(tipo, {"public.cor": True, "public.matiz": False}) == forma


def test_do_que_nao_cabe_na_url_nada_se_prova() -> None:
    muitas = [f"coluna_{n}" for n in range(80)]
    colunas = tuple(Coluna(n, "jsonb") for n in ("id", *muitas))
    formas = tuple((n, Forma(JSONB)) for n in ("id", *muitas))
    tabela = Tabela("t", (*colunas, Coluna("x")), ("id",), formas=(*formas, ("x", SEM_TIPO)))
    quais = [p.split(":")[1] for p in pedidos(tabela)]
    assert 0 < len(quais) < len(muitas)
    assert quais == muitas[: len(quais)]
    assert set(sem_prova(tabela)) == {"id", "x", *muitas} - set(quais)


def test_um_vetor_de_outra_coisa_nao_se_entende_e_um_corpo_cortado_merece_outra_vez() -> None:
    leitor = _leitor(DONA)
    with pytest.raises(RespostaInvalida, match=re.escape("Não entendi as linhas de t: ")):
        _pagina(leitor, b'[{"id":1,"user_id":"aaaa"}]')
    for cortado in (b'[{"id":1,"user_id":"aaaa","xmin":"1"', b"{}", b""):
        with pytest.raises(Passageiro):
            _pagina(leitor, cortado)
    with pytest.raises(msgspec.DecodeError):
        separar(b"[")
