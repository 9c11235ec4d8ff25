"""A foto de uma empresa em arquivos: as tabelas, a conferência das ligações e os metadados."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import msgspec

from cofre.base.config.valores import Regras
from cofre.base.disco import erros_de_disco
from cofre.base.erros import FalhaDoServidor
from cofre.base.linha import texto, tipo_com
from cofre.base.modelo import Empresa
from cofre.base.rascunho import Rascunho
from cofre.base.relato import Relato
from cofre.deposito.deposito import Deposito
from cofre.foto.arquivos import FotoMontada, montar
from cofre.foto.foto import Contexto, Foto
from cofre.foto.perdidas import tabelas_perdidas
from cofre.via.contrato import EmpresaLida, PedidoDeFoto, ViaDeFotos

FOTOS_DE_UMA_EMPRESA = 3
"""Quantas vezes recomeçar quando as próprias linhas de `empresas` mudam durante a foto."""


@dataclass(frozen=True, slots=True)
class Fotografo:
    """Tira fotos de empresas e as monta em arquivos."""

    via: ViaDeFotos
    deposito: Deposito
    regras: Regras
    relato: Relato

    @contextlib.contextmanager
    def montar(self, empresa: Empresa, contexto: Contexto) -> Iterator[FotoMontada]:
        """A foto da empresa; o que não for publicado dentro do contexto some ao sair.
        Levanta FalhaDoServidor ou FalhaDeDisco."""
        for _ in range(FOTOS_DE_UMA_EMPRESA):
            with self._fotografar([empresa], contexto) as fotos:
                (foto,) = fotos
                if foto.empresa == empresa:
                    with self.arquivos(foto, contexto) as montada:
                        yield montada
                    return
            empresa = foto.empresa  # recomeça sabendo das novas linhas de `empresas`
            contexto.inspecao.donos.lembrar(empresa)
        raise FalhaDoServidor("As linhas da empresa em «empresas» não param de mudar.")

    @contextlib.contextmanager
    def fotografar(self, empresas: Sequence[Empresa], contexto: Contexto) -> Iterator[list[Foto]]:
        """As fotos de várias empresas, lidas juntas; sem as que mudaram enquanto isso. Dentro do
        contexto, `arquivos` as monta. Levanta FalhaDoServidor ou FalhaDeDisco."""
        with self._fotografar(empresas, contexto) as fotos:
            yield [foto for foto in fotos if foto.empresa in empresas]

    @contextlib.contextmanager
    def arquivos(self, foto: Foto, contexto: Contexto) -> Iterator[FotoMontada]:
        """Uma foto em arquivos: somem ao sair, se não forem publicados. Levanta FalhaDeDisco."""
        with self.deposito.montar(foto.empresa.id, foto.inicio) as montagem:
            with erros_de_disco(montagem.pasta):
                montada = montar(foto, montagem, contexto, self.via)
            yield montada

    @contextlib.contextmanager
    def _fotografar(self, empresas: Sequence[Empresa], contexto: Contexto) -> Iterator[list[Foto]]:
        inicio = datetime.now().astimezone()
        with contextlib.ExitStack() as pilha, erros_de_disco(self.deposito.raiz):
            pedido = PedidoDeFoto(
                empresas,
                contexto.escopo.tabelas,
                contexto.inspecao.donos,
                lambda: Rascunho(pilha.enter_context(self.deposito.rascunho())),
                partial(self.relato.avanco, _de_quem(empresas)),
            )
            lidas = self.via.fotografar(pedido)
            yield [
                self._foto(empresa, lidas[empresa.id], contexto, inicio)
                for empresa in empresas
                if empresa.id in lidas
            ]

    def _foto(
        self, empresa: Empresa, lida: EmpresaLida, contexto: Contexto, inicio: datetime
    ) -> Foto:
        """A foto, e o que o último backup diz que devia estar nela."""
        ultimo = next(self.deposito.da_empresa_do_mais_novo(empresa.id), None)
        pedidas = contexto.pedido.tabelas
        return Foto(
            _empresa_na_foto(empresa, lida),
            lida,
            tabelas_perdidas(ultimo, contexto.inspecao, self.regras, pedidas),
            inicio,
        )


def _de_quem(empresas: Sequence[Empresa]) -> str:
    outras = len(empresas) - 1
    return f"{empresas[0].nome} e mais {outras}" if outras else empresas[0].nome


def _empresa_na_foto(empresa: Empresa, lida: EmpresaLida) -> Empresa:
    """A empresa como a foto a viu. A busca foi feita com as linhas de `empresas` conhecidas no
    começo; se a foto achou outras, o que depende delas pode ter ficado de fora."""
    colunas = sorted({coluna for registro in empresa.registros for coluna in registro})
    tabela = next((t for t in lida.tabelas if t.tabela.nome == "empresas"), None)
    if tabela is None or tabela.falha is not None or (empresa.registros and not colunas):
        return empresa
    colunas = colunas or (["id"] if tabela.tabela.coluna("id") else [])
    ler = msgspec.json.Decoder(list[tipo_com(colunas)])  # type: ignore[misc]
    vistos = [
        {c: valor for c in colunas if (valor := texto(linha[c])) is not None}
        for bloco in tabela.em_ordem()
        for linha in ler.decode(b"[" + bloco + b"]")
    ]
    novos = [v for v in vistos if v not in [dict(r) for r in empresa.registros]]
    return replace(empresa, registros=(*empresa.registros, *novos)) if novos else empresa
