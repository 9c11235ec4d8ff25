"""Fotos em que só se lê o que mudou, cada uma conferida com uma que lê tudo."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from cofre.base.config.valores import Acesso, AcessoDireto, Configuracao, Regras
from cofre.base.modelo import Empresa
from cofre.base.relato import Nivel
from cofre.base.tela import RelatoTexto
from cofre.deposito.backup import Backup
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.linhas import ler_linhas
from cofre.foto.foto import Contexto, Pedido
from cofre.foto.fotografo import Fotografo
from cofre.via.direta import linhas as do_copy
from cofre.via.direta.via import ViaDireta
from cofre.via.leitura import EM_PARTE, IGUAL, INTEIRA, Trocadas

LIDA = {"i": INTEIRA, "p": EM_PARTE, "=": IGUAL}
BLOCO_PEQUENO = 4 * 1024
_numeros = itertools.count(1)


class _Ouvinte(RelatoTexto):
    """Guarda os detalhes."""

    def __init__(self) -> None:
        super().__init__(None, None)
        self.detalhes: list[str] = []

    def dizer(self, nivel: Nivel, texto: str) -> None:
        if nivel == Nivel.DETALHE:
            self.detalhes.append(texto)


class UmProjeto(Protocol):
    """O que se pede de um projeto."""

    @property
    def banco(self) -> str: ...

    @property
    def uri_banco(self) -> str: ...

    @property
    def uri_admin(self) -> str: ...


@dataclass(slots=True)
class Aproveitado:
    """Um projeto e o depósito em que as fotos se seguem umas às outras."""

    projeto: UmProjeto
    pasta: Path
    empresas: tuple[str, ...]
    compactar: bool = False
    cifra: Cifra | None = None
    origem: str = ""
    """A SUPABASE_URL, se o .env a diz."""
    deposito: Deposito = field(init=False)
    dito: list[str] = field(init=False, default_factory=list)
    divergiram: Mapping[str, object] = field(init=False, default_factory=dict)
    trocadas: Mapping[str, Trocadas] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.deposito = self._novo_deposito()

    def _novo_deposito(self) -> Deposito:
        pasta = self.pasta / f"backups_{next(_numeros)}"
        pasta.mkdir()
        return Deposito(pasta, compactar=self.compactar, cifra=self.cifra)

    def sql(self, *comandos: str) -> None:
        """Cada um na sua transação."""
        with psycopg.connect(self.projeto.uri_admin, autocommit=True) as banco:
            for comando in comandos:
                banco.execute(comando.encode())

    def foto(self, *, ler_tudo: bool = False, tabelas: tuple[str, ...] = ()) -> Backup:
        """Uma foto nova da primeira empresa, sozinha, contra a última."""
        return self._tirar(self.deposito, ler_tudo=ler_tudo, tabelas=tabelas)[self.empresas[0]]

    def foto_a_parte(self) -> Backup:
        """A mesma, noutro depósito, sem nada de antes."""
        return self._tirar(self._novo_deposito())[self.empresas[0]]

    def juntas(self) -> dict[str, Backup]:
        """Uma foto nova de todas, lidas juntas."""
        return self._tirar(self.deposito, juntas=True)

    def leituras(self, backup: Backup) -> dict[str, str]:
        """Como se leu cada tabela."""
        assert backup.meta is not None
        return {n: t.leitura.get("como", INTEIRA) for n, t in backup.meta.tabelas.items()}

    def conferir(self, backup: Backup) -> None:
        """Que o backup é, byte a byte, o que uma leitura inteira dá agora."""
        assert backup.meta is not None
        inteiro = self._tirar(self._novo_deposito(), de=backup.meta.user_id)[backup.meta.user_id]
        assert inteiro.meta is not None
        assert set(self.leituras(inteiro).values()) <= {INTEIRA}
        assert backup.meta.falhas == inteiro.meta.falhas == {}
        assert conteudo(backup) == conteudo(inteiro)
        assert backup.meta.contradicoes == inteiro.meta.contradicoes
        for nome, salva in backup.meta.tabelas.items():
            outra = inteiro.meta.tabelas[nome]
            assert (salva.registros, salva.bytes, salva.somas, salva.exata, salva.sem_prova) == (
                outra.registros,
                outra.bytes,
                outra.somas,
                outra.exata,
                outra.sem_prova,
            ), nome

    def _tirar(
        self,
        deposito: Deposito,
        *,
        de: str = "",
        ler_tudo: bool = False,
        juntas: bool = False,
        tabelas: tuple[str, ...] = (),
    ) -> dict[str, Backup]:
        ouvinte = _Ouvinte()
        api = Acesso(self.origem, "") if self.origem else None
        acesso = AcessoDireto(self.projeto.uri_banco)
        via = ViaDireta(acesso, api, 1, 1, threading.Event(), _nada)
        try:
            inspecao = via.inspecionar(Regras())
            configuracao = Configuracao(None, deposito.raiz, Regras())
            escopo = inspecao.escopo
            if tabelas:
                escopo = replace(escopo, tabelas={n: escopo.tabelas[n] for n in tabelas})
            contexto = Contexto(Pedido(tabelas=tabelas), inspecao, escopo, configuracao)
            fotografo = Fotografo(via, deposito, Regras(), ouvinte, ler_tudo=ler_tudo)
            if juntas:
                with fotografo.fotografar(_de(inspecao.empresas, self.empresas), contexto) as fotos:
                    return {f.empresa.id: _publicar(fotografo, f, contexto) for f in fotos}
            quem = de or self.empresas[0]
            (empresa,) = _de(inspecao.empresas, [quem])
            with fotografo.montar(empresa, contexto) as foto:
                assert foto.falhas == {}, foto.falhas
                self.divergiram, self.trocadas = foto.divergiram, foto.trocadas
                return {quem: foto.publicar()}
        finally:
            self.dito = ouvinte.detalhes
            via.fechar()


def _publicar(fotografo: Fotografo, foto: object, contexto: Contexto) -> Backup:
    with fotografo.arquivos(foto, contexto) as montada:  # type: ignore[arg-type]
        assert montada.falhas == {}
        return montada.publicar()


def _de(todas: Iterable[Empresa], ids: Iterable[str]) -> list[Empresa]:
    por_id = {e.id: e for e in todas}
    return [por_id[i] for i in ids]


def conteudo(backup: Backup) -> Mapping[str, tuple[list[bytes], list[bytes]]]:
    """De cada tabela, as linhas do arquivo e as do dos textos, com os bytes que têm."""
    assert backup.meta is not None
    return {
        nome: (
            [bytes(li) for grupo in ler_linhas(backup.caminho(salva)) for li in grupo],
            [
                bytes(li)
                for grupo in (ler_linhas(backup.caminho(salva.textos)) if salva.textos else ())
                for li in grupo
            ],
        )
        for nome, salva in backup.meta.tabelas.items()
    }


def blocos_pequenos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Para que umas poucas linhas encham vários."""
    monkeypatch.setattr(do_copy, "BLOCO", BLOCO_PEQUENO)


def _nada(*_tudo: object) -> None:
    """Ninguém conta as tentativas."""
