"""A foto de uma empresa em arquivos: as tabelas, a conferência das ligações e os metadados."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from cofre.base.config.valores import Regras
from cofre.base.disco import erros_de_disco
from cofre.base.erros import FalhaDeDisco, FalhaDoServidor
from cofre.base.modelo import Empresa
from cofre.base.palavras import visivel
from cofre.base.rascunho import Rascunho
from cofre.base.relato import Relato
from cofre.deposito import resumos, resumos_guardados
from cofre.deposito.deposito import Deposito
from cofre.deposito.resumos import Anterior
from cofre.escopo.escopo import Escopo
from cofre.foto.arquivos import FotoMontada, montar
from cofre.foto.empresa import EMPRESAS, empresa_na_foto
from cofre.foto.foto import Contexto, Fonte, Foto
from cofre.foto.gravacao import Gravacao, colunas_por_ver
from cofre.foto.listas import Colheita, ListasMudaram, NoInstante
from cofre.foto.perdidas import tabelas_perdidas
from cofre.via.contrato import API, DIRETA, ViaDeFotos
from cofre.via.leitura import Bases, EmpresaLida, PedidoDeFoto
from cofre.via.logins.contrato import Logins

FOTOS_DE_UMA_EMPRESA = 3
"""Quantas vezes recomeçar quando as próprias linhas de `empresas`, ou as listas, mudam durante a
foto."""


@dataclass(frozen=True, slots=True)
class Fotografo:
    """Tira fotos de empresas e as monta em arquivos; `listas` são as fontes do que vai além das
    linhas."""

    via: ViaDeFotos
    deposito: Deposito
    regras: Regras
    relato: Relato
    listas: Sequence[Fonte] = ()
    ler_tudo: bool = False
    """Se nada se aproveita do último backup."""
    seguidas: bool = False
    """Se as fotos são todas da mesma empresa: pela API, cada uma parte da anterior."""

    @contextlib.contextmanager
    def montar(self, empresa: Empresa, contexto: Contexto) -> Iterator[FotoMontada]:
        """A foto da empresa; o que não for publicado dentro do contexto some ao sair.
        Levanta FalhaDoServidor ou FalhaDeDisco."""
        for faltam in reversed(range(FOTOS_DE_UMA_EMPRESA)):
            inicio = contexto.inicio
            colheitas = self._comecar(empresa, contexto)
            with self._gravando(empresa, inicio, contexto, colheitas) as gravacao:
                with (
                    erros_de_disco(self.deposito.raiz),
                    self._lendo([empresa], contexto, gravacao, colheitas) as lidas,
                ):
                    lida = lidas[empresa.id]
                    gravacao.gravar(lida)
                vista = gravacao.empresa()
                if vista == empresa:
                    if gravacao.colher(vista) and faltam:
                        gravacao.montagem.vai_recomecar = True
                        continue
                    foto = self._foto(vista, lida, contexto, inicio)
                    yield self._montada(foto, gravacao, contexto)
                    return
            empresa = vista  # recomeça sabendo das novas linhas de `empresas`
            contexto.inspecao.donos.lembrar(empresa)
        raise FalhaDoServidor("As linhas da empresa em «empresas» não param de mudar.")

    @contextlib.contextmanager
    def fotografar(self, empresas: Sequence[Empresa], contexto: Contexto) -> Iterator[list[Foto]]:
        """As fotos de várias empresas, lidas juntas; sem as que mudaram enquanto isso. Dentro do
        contexto, `arquivos` as monta. Levanta FalhaDoServidor ou FalhaDeDisco."""
        inicio = contexto.inicio
        colheitas = {e.id: self._comecar(e, contexto) for e in empresas}
        todas = [c for da_empresa in colheitas.values() for c in da_empresa]
        lendo = self._lendo(empresas, contexto, colheitas=todas)
        with erros_de_disco(self.deposito.raiz), lendo as lidas:
            yield [
                replace(self._foto(e, lidas[e.id], contexto, inicio), colheitas=colheitas[e.id])
                for e in empresas
                if e.id in lidas and e == empresa_na_foto(e, lidas[e.id], contexto.escopo)
            ]

    @contextlib.contextmanager
    def arquivos(self, foto: Foto, contexto: Contexto) -> Iterator[FotoMontada]:
        """Uma foto em arquivos: somem ao sair, se não forem publicados. Levanta FalhaDeDisco, ou
        ListasMudaram se as linhas já não se podem ler outra vez e algo fora delas se moveu."""
        with self._gravando(foto.empresa, foto.inicio, contexto, foto.colheitas) as gravacao:
            with erros_de_disco(gravacao.montagem.pasta):
                gravacao.gravar(foto.lida)
            if gravacao.colher(foto.empresa):
                gravacao.montagem.vai_recomecar = True
                raise ListasMudaram("Os arquivos ou os logins mudaram durante a foto.")
            yield self._montada(foto, gravacao, contexto)

    def _montada(self, foto: Foto, gravacao: Gravacao, contexto: Contexto) -> FotoMontada:
        with erros_de_disco(gravacao.montagem.pasta):
            return montar(foto, gravacao, contexto, self.via)

    @contextlib.contextmanager
    def _gravando(
        self,
        empresa: Empresa,
        inicio: datetime,
        contexto: Contexto,
        colheitas: Sequence[Colheita],
    ) -> Iterator[Gravacao]:
        with (
            self.deposito.montar(empresa.id, inicio) as montagem,
            contextlib.closing(Gravacao(montagem, empresa, contexto, colheitas)) as gravacao,
        ):
            yield gravacao

    def _comecar(self, empresa: Empresa, contexto: Contexto) -> list[Colheita]:
        return [fonte.comecar(empresa, contexto) for fonte in self.listas]

    @contextlib.contextmanager
    def _lendo(
        self,
        empresas: Sequence[Empresa],
        contexto: Contexto,
        gravacao: Gravacao | None = None,
        colheitas: Sequence[Colheita] = (),
    ) -> Iterator[Mapping[str, EmpresaLida]]:
        """O que se leu das empresas, enquanto há os rascunhos."""
        seguida = self.seguidas and self.via.nome == API
        with contextlib.ExitStack() as pilha:

            def rascunho() -> Rascunho:
                arquivo = self.deposito.rascunho()
                return Rascunho(arquivo if seguida else pilha.enter_context(arquivo))

            pedido = PedidoDeFoto(
                empresas,
                contexto.escopo.tabelas,
                contexto.inspecao.donos,
                rascunho,
                partial(self.relato.avanco, _de_quem(empresas)),
                gravacao.recomecar if gravacao else None,
                self._bases(empresas, contexto, gravacao, colheitas),
                partial(_no_instante, [c for c in colheitas if isinstance(c, NoInstante)]),
                contexto.instante,
                seguida,
            )
            lidas = self.via.fotografar(pedido)
            yield {e: _com_as_falhas(lida, contexto.escopo) for e, lida in lidas.items()}

    def _bases(
        self,
        empresas: Sequence[Empresa],
        contexto: Contexto,
        gravacao: Gravacao | None,
        colheitas: Sequence[Colheita],
    ) -> Bases | None:
        """O que há de antes destas empresas, para a via que sabe dizer o que mudou."""
        cifra = self.deposito.cifra
        if self.via.nome != DIRETA:
            return None
        agora = datetime.now().astimezone()

        def dizer(texto: str) -> None:
            self.relato.detalhe(visivel(texto))

        por_empresa = {}
        try:
            for empresa in empresas:
                pasta = self.deposito.pasta_da_empresa(empresa.id)
                achadas = resumos_guardados.anteriores(
                    pasta, empresa.id, self.via.origem, agora, cifra
                )
                por_empresa[empresa.id] = self._que_servem(achadas.tabelas, gravacao)
                if achadas.porque:
                    dizer(f"{empresa.nome}: lê-se tudo: {achadas.porque}")
            sementes = resumos.sementes()
        except FalhaDeDisco as e:
            dizer(f"Lê-se tudo: {e}")
            return None
        return Bases(
            por_empresa,
            sementes,
            agora,
            dizer,
            gravacao.usar if gravacao else None,
            gravacao.por_ver if gravacao and cifra is not None else None,
            # Das lidas juntas, quando se grava já não há a quem perguntar o que não se pode ler.
            colunas_por_ver(contexto, colheitas) if not gravacao and cifra is not None else {},
            selado=cifra is not None,
            ler_tudo=self.ler_tudo,
        )

    def _que_servem(
        self, tabelas: Mapping[str, Anterior], gravacao: Gravacao | None
    ) -> Mapping[str, Anterior]:
        """Das lidas juntas, as próprias linhas de `empresas` leem-se antes de se gravar."""
        if gravacao is not None or self.deposito.cifra is None:
            return tabelas
        return {nome: anterior for nome, anterior in tabelas.items() if nome != EMPRESAS}

    def _foto(
        self, empresa: Empresa, lida: EmpresaLida, contexto: Contexto, inicio: datetime
    ) -> Foto:
        """A foto, e o que o último backup diz que devia estar nela."""
        ultimo = next(self.deposito.da_empresa_do_mais_novo(empresa.id), None)
        pedidas = contexto.pedido.tabelas
        perdidas = tabelas_perdidas(ultimo, contexto.inspecao, self.regras, pedidas)
        return Foto(empresa, lida, perdidas, inicio)


def _no_instante(colheitas: Sequence[NoInstante], logins: Logins) -> None:
    for colheita in colheitas:
        colheita.no_instante(logins)


def _com_as_falhas(lida: EmpresaLida, escopo: Escopo) -> EmpresaLida:
    """O mesmo, com a falha das tabelas de que não se soube o que não se grava: os metadados diriam
    que se grava tudo. A que não se deixou ler já tem a sua."""
    if not escopo.sem_resposta:
        return lida
    tabelas = [
        replace(t, falha=t.falha or escopo.sem_resposta.get(t.tabela.nome)) for t in lida.tabelas
    ]
    return replace(lida, tabelas=tabelas)


def _de_quem(empresas: Sequence[Empresa]) -> str:
    outras = len(empresas) - 1
    return f"{empresas[0].nome} e mais {outras}" if outras else empresas[0].nome
