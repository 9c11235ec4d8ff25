"""Gente inventada, espalhada ao acaso por colunas, json, vetores e textos livres."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apoio.anonimo import EmpresaInventada, em_json, tabela
from cofre.clone.anonimo.documentos import cnpj_de, cpf_de
from supabase_local.empresas.invencao import NOMES, SOBRENOMES

_MODELOS = (
    *("pedido de {nome}", "{nome}", "ligar p/ {fone} ({nome})", "CPF: {documento}.", "tel {fone}"),
    *("email {email};", "{nome} - {documento}", "fulano", "{email}", '"{nome}"'),
    *("<xNome>{nome}</xNome><CPF>{documento}</CPF>", "{nome},{documento},{fone},{email}"),
)
_CHAVES = ("cliente", "dados", "x", "nome", "cpf", "email", "telefone", "obs", "itens")
_FIM = (" ME", " Ltda", " Comércio Ltda.", " S/A")


@dataclass(frozen=True, slots=True)
class Pessoa:
    """Uma delas; o documento e o telefone sem máscara."""

    nome: str
    documento: str
    fone: str
    email: str


class Multidao:
    """Até 25 pessoas, e as linhas em que aparecem, sempre as mesmas para a mesma semente."""

    def __init__(self, semente: int) -> None:
        self._acaso = random.Random(semente)
        self.pessoas = [self._pessoa(n) for n in range(self._acaso.randint(3, 25))]

    def empresa(self) -> EmpresaInventada:
        """Duas tabelas com elas."""
        textos = dict.fromkeys(("nome", "cpf_cnpj", "celular", "email", "obs"), "text")
        de_venda = dict.fromkeys(("cliente", "descricao", "codigo"), "text")
        mais = {"extra": "jsonb", "tags": "text[]"}
        return EmpresaInventada(
            {
                "clientes": tabela("clientes", {"id": "integer", **textos, **mais}),
                "vendas": tabela("vendas", {"id": "integer", **de_venda, "dados": "jsonb"}),
            },
            {
                "clientes": [self._cliente(n, p) for n, p in enumerate(self.pessoas)],
                "vendas": [self._venda(n) for n in range(20)],
            },
        )

    def que_se_acham(self, linhas: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
        """O que destas pessoas está nestas linhas, em qualquer caixa e com qualquer máscara."""
        tudo = b"\n".join(em_json(x) for suas in linhas.values() for x in suas).decode()
        sem_caixa, sem_mascara = tudo.casefold(), re.sub(r"[^0-9A-Z]+", "", tudo.upper())
        for pessoa in self.pessoas:
            yield from (v for v in (pessoa.nome, pessoa.email) if v.casefold() in sem_caixa)
            yield from (v for v in (pessoa.documento, pessoa.fone[3:]) if v in sem_mascara)

    def _pessoa(self, n: int) -> Pessoa:
        acaso = self._acaso
        palavras = [acaso.choice(NOMES), *acaso.choices(SOBRENOMES, k=acaso.randint(1, 3))]
        nome = " ".join(palavras) + (acaso.choice(_FIM) if acaso.random() < 0.2 else "")
        documento = cpf_de(f"{acaso.randrange(10**9):09d}")
        if acaso.random() < 0.3:  # com os dígitos errados, como há muitos
            documento = f"{documento[:9]}{acaso.randrange(100):02d}"
        elif acaso.random() < 0.4:
            documento = cnpj_de("".join(acaso.choices("01234567890123456789ABCDEFGH", k=12)))
        fone = f"{acaso.randint(11, 99)}9{acaso.randrange(60_000_000, 10**8)}"
        dominio = acaso.choice(("loja.com.br", "GMAIL.com", "x.io"))
        return Pessoa(nome, documento, fone, f"{acaso.choice('abcdef')}{n}.z@{dominio}")

    def _cliente(self, n: int, quem: Pessoa) -> dict[str, Any]:
        return {
            "id": n,
            "nome": self._caixa(quem.nome),
            "cpf_cnpj": self._mascara(quem.documento),
            "celular": self._do_fone(quem.fone),
            "email": self._caixa(quem.email),
            "obs": self._acaso.choice((None, self._texto())),
            "extra": self._json(),
            "tags": [self._texto() for _ in range(self._acaso.randint(0, 2))],
        }

    def _venda(self, n: int) -> dict[str, Any]:
        quem = self._acaso.choice(self.pessoas)
        codigos = (f"P-{n}", self._mascara(quem.documento), "7891234567895")
        return {
            "id": n,
            "cliente": self._caixa(quem.nome),
            "descricao": self._texto(),
            "codigo": self._acaso.choice(codigos),
            "dados": self._json(),
        }

    def _json(self, fundo: int = 0) -> Any:
        sorte, quem = self._acaso.random(), self._acaso.choice(self.pessoas)
        if fundo < 3 and sorte < 0.4:
            chaves = self._acaso.choices(_CHAVES, k=self._acaso.randint(1, 4))
            return {chave: self._json(fundo + 1) for chave in chaves}
        if fundo < 3 and sorte < 0.55:
            return [self._json(fundo + 1) for _ in range(self._acaso.randint(0, 3))]
        ditos = (self._texto(), quem.nome, self._mascara(quem.documento), quem.email, 1.5, None)
        return self._acaso.choice((*ditos, self._do_fone(quem.fone), True))

    def _texto(self) -> str:
        quem = self._acaso.choice(self.pessoas)
        return self._acaso.choice(_MODELOS).format(
            nome=self._caixa(quem.nome),
            documento=self._mascara(quem.documento),
            fone=self._do_fone(quem.fone),
            email=self._caixa(quem.email),
        )

    def _caixa(self, texto: str) -> str:
        return self._acaso.choice((texto, texto, texto.upper(), texto.lower()))

    def _mascara(self, d: str) -> str:
        if self._acaso.random() < 0.4:
            return d
        cnpj = f"{d[:2]}.{d[2:5]}.{d[5:8]}/{d[8:12]}-{d[12:]}"
        return cnpj if len(d) == 14 else f"{d[:3]}.{d[3:6]}.{d[6:9]}-{d[9:]}"

    def _do_fone(self, f: str) -> str:
        ddd, antes, depois = f[:2], f[2:7], f[7:]
        modos = (
            f"({ddd}) {antes}-{depois}",
            f"+55 {ddd} {antes}-{depois}",
            f"{ddd} {antes} {depois}",
        )
        return self._acaso.choice((f, *modos))
