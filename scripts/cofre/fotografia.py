"""A foto de uma empresa em arquivos: as tabelas, a conferência das ligações e os metadados."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from cofre import VERSAO
from cofre.base.config.valores import Configuracao, Regras
from cofre.base.disco import erros_de_disco
from cofre.base.erros import ErroCofre, FalhaDeLeitura
from cofre.base.linha import texto, tipo_com
from cofre.base.modelo import Contradicao, Empresa, ordem_de_exibicao
from cofre.base.rascunho import Rascunho
from cofre.base.relato import Relato
from cofre.deposito.backup import Backup
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import Gravador
from cofre.deposito.ligacoes import EXEMPLOS, Arquivo, campos, ligacoes_abertas
from cofre.deposito.metadados import (
    CHAVE,
    TIPOS_DE_ROTINA,
    VERSAO_DO_FORMATO,
    TabelaSalva,
    tabela_em_json,
)
from cofre.deposito.publicacao import Montagem
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import Elo, Escopo
from cofre.narracao import exibir_pasta
from cofre.perdidas import tabelas_perdidas
from cofre.resultado import CopiaDeEmpresa, Pedido
from cofre.rotina.encolhimento import (
    Encolhimento,
    Referencia,
    encolhimentos,
    reconhecido_ate,
    referencias,
)
from cofre.via.contrato import Coleta, Inspecao, TabelaLida, ViaDeFotos

FOTOS_DE_UMA_EMPRESA = 3
"""Quantas vezes recomeçar quando as próprias linhas de `empresas` mudam durante a foto."""


@dataclass(frozen=True, slots=True)
class Execucao:
    """O que é igual para todas as empresas de uma execução. `escopo` só tem as tabelas pedidas."""

    pedido: Pedido
    inspecao: Inspecao
    escopo: Escopo
    configuracao: Configuracao


@dataclass(frozen=True, slots=True)
class Foto:
    """O que se leu de uma empresa, antes de publicar; a `empresa` é como a foto a viu, `perdidas` o
    que devia estar nela e não está, e `referencias` com o que comparar para ver se encolheu."""

    empresa: Empresa
    coleta: Coleta
    perdidas: Mapping[str, ErroCofre]
    inicio: datetime
    referencias: tuple[Referencia, ...] = ()


@dataclass(frozen=True, slots=True)
class FotoMontada:
    """Uma foto já em arquivos, na pasta de montagem: some se não for publicada."""

    copia: CopiaDeEmpresa
    arquivos: Mapping[str, Arquivo]
    _montagem: Montagem
    _metadados: Mapping[str, Any]

    def publicar(self) -> Backup:
        """Faz dela um backup. Levanta FalhaDeDisco."""
        return self._montagem.publicar(self._metadados)


@dataclass(frozen=True, slots=True)
class Fotografo:
    """Tira fotos de empresas e as monta em arquivos."""

    via: ViaDeFotos
    deposito: Deposito
    regras: Regras
    relato: Relato

    @contextlib.contextmanager
    def montar(self, empresa: Empresa, execucao: Execucao) -> Iterator[FotoMontada]:
        """A foto da empresa; o que não for publicado dentro do contexto some ao sair.
        Levanta FalhaDeLeitura ou FalhaDeDisco."""
        for _ in range(FOTOS_DE_UMA_EMPRESA):
            with self._fotografar([empresa], execucao) as fotos:
                (foto,) = fotos
                if foto.empresa == empresa:
                    with self.arquivos(foto, execucao) as montada:
                        yield montada
                    return
            empresa = foto.empresa  # recomeça sabendo das novas linhas de `empresas`
            execucao.inspecao.donos.lembrar(empresa)
        raise FalhaDeLeitura("As linhas da empresa em «empresas» não param de mudar.")

    @contextlib.contextmanager
    def fotografar(self, empresas: Sequence[Empresa], execucao: Execucao) -> Iterator[list[Foto]]:
        """As fotos de várias empresas, lidas juntas; sem as que mudaram enquanto isso. Dentro do
        contexto, `arquivos` as monta. Levanta FalhaDeLeitura ou FalhaDeDisco."""
        with self._fotografar(empresas, execucao) as fotos:
            yield [foto for foto in fotos if foto.empresa in empresas]

    @contextlib.contextmanager
    def arquivos(self, foto: Foto, execucao: Execucao) -> Iterator[FotoMontada]:
        """Uma foto em arquivos: somem ao sair, se não forem publicados. Levanta FalhaDeDisco."""
        with self.deposito.montar(foto.empresa.id, foto.inicio) as montagem:
            with erros_de_disco(montagem.pasta):
                montada = _montar(foto, montagem, execucao, self.via.nome)
            yield montada

    @contextlib.contextmanager
    def _fotografar(self, empresas: Sequence[Empresa], execucao: Execucao) -> Iterator[list[Foto]]:
        inicio = datetime.now().astimezone()
        with contextlib.ExitStack() as pilha, erros_de_disco(self.deposito.raiz):
            coletas = self.via.fotografar(
                empresas,
                execucao.escopo.tabelas,
                execucao.inspecao.donos,
                lambda: Rascunho(pilha.enter_context(self.deposito.rascunho())),
                partial(self.relato.avanco, _de_quem(empresas)),
            )
            yield [
                self._foto(empresa, coletas[empresa.id], execucao, inicio)
                for empresa in empresas
                if empresa.id in coletas
            ]

    def _foto(self, empresa: Empresa, coleta: Coleta, execucao: Execucao, inicio: datetime) -> Foto:
        """A foto com o que os backups anteriores dizem dela. Cada um é lido uma vez, e quase sempre
        só o último."""
        anteriores = self.deposito.da_empresa_do_mais_novo(empresa.id)
        ultimo = next(anteriores, None)
        do_ultimo = itertools.chain([ultimo] if ultimo else [], anteriores)
        pedidas = execucao.pedido.tabelas
        return Foto(
            _empresa_na_foto(empresa, coleta),
            coleta,
            tabelas_perdidas(ultimo, execucao.inspecao, self.regras, pedidas),
            inicio,
            referencias(
                do_ultimo,
                reconhecido_ate(self.deposito.pasta_da_empresa(empresa.id), empresa.id),
            ),
        )


def _de_quem(empresas: Sequence[Empresa]) -> str:
    outras = len(empresas) - 1
    return f"{empresas[0].nome} e mais {outras}" if outras else empresas[0].nome


def _empresa_na_foto(empresa: Empresa, coleta: Coleta) -> Empresa:
    """A empresa como a foto a viu. A busca foi feita com as linhas de `empresas` conhecidas no
    começo; se a foto achou outras, o que depende delas pode ter ficado de fora."""
    colunas = sorted({coluna for registro in empresa.registros for coluna in registro})
    tabela = next((t for t in coleta.tabelas if t.tabela.nome == "empresas"), None)
    if tabela is None or tabela.falha is not None or (empresa.registros and not colunas):
        return empresa
    colunas = colunas or (["id"] if tabela.tabela.coluna("id") else [])
    ler = msgspec.json.Decoder(list[tipo_com(colunas)])  # type: ignore[misc]
    vistos = [
        {c: valor for c in colunas if (valor := texto(linha[c])) is not None}
        for bloco in tabela.blocos()
        for linha in ler.decode(b"[" + bloco + b"]")
    ]
    novos = [v for v in vistos if v not in [dict(r) for r in empresa.registros]]
    return replace(empresa, registros=(*empresa.registros, *novos)) if novos else empresa


def _montar(foto: Foto, montagem: Montagem, execucao: Execucao, via: str) -> FotoMontada:
    """Grava as tabelas que deram certo e escreve os metadados que as publicariam."""
    boas = [t for t in foto.coleta.tabelas if t.falha is None]
    falhas: dict[str, ErroCofre] = dict(foto.perdidas)
    falhas |= {t.tabela.nome: t.falha for t in foto.coleta.tabelas if t.falha is not None}
    montagem.reservar([t.tabela.nome for t in boas])
    salvas = {t.tabela.nome: _gravar(t, execucao.escopo, montagem) for t in boas}
    arquivos = {n: Arquivo(s, montagem.caminho(n)) for n, s in salvas.items()}
    copia = CopiaDeEmpresa(
        foto.empresa,
        exibir_pasta(montagem.pasta),
        montagem.carimbo if boas else "",
        salvas,
        falhas,
        foto.coleta.instantanea,
        tuple(_contradicoes(arquivos, execucao)),
        encolhimentos=_encolhimentos(foto, salvas, execucao, inteira=not falhas),
    )
    return FotoMontada(copia, arquivos, montagem, _metadados(copia, foto, execucao, via))


def _encolhimentos(
    foto: Foto, salvas: Mapping[str, TabelaSalva], execucao: Execucao, *, inteira: bool
) -> tuple[Encolhimento, ...]:
    """O que parece ter sumido desta empresa. Só de um backup de rotina: a foto que uma restauração
    tira é do estrago que ela vai consertar."""
    if execucao.pedido.tipo not in TIPOS_DE_ROTINA:
        return ()
    return encolhimentos(
        foto.referencias,
        salvas,
        execucao.configuracao.limites.parcela,
        execucao.configuracao.regras.podem_encolher,
        inteira=inteira and not execucao.pedido.tabelas,
    )


def _gravar(coleta: TabelaLida, escopo: Escopo, montagem: Montagem) -> TabelaSalva:
    nome = coleta.tabela.nome
    with montagem.criar(nome) as saida:
        gravador = Gravador(saida)
        registros, sha256 = coleta.gravar(gravador)
    ramos = escopo.tabelas[nome].ramos
    da_tabela = next((r for r in ramos if not r.passos), None)
    return TabelaSalva(
        nome=nome,
        arquivo=montagem.nome(nome),
        registros=registros,
        bytes=gravador.bytes,
        sha256=sha256,
        colunas=tuple(asdict(c) for c in coleta.tabela.colunas),
        chave=coleta.tabela.chave,
        estrangeiras=coleta.tabela.estrangeiras,
        nao_gravaveis=coleta.tabela.nao_gravaveis,
        elos=tuple((e.coluna, e.referencia) for e in da_tabela.elos) if da_tabela else (),
        maes=tuple(dict.fromkeys(r.passos[0] for r in ramos if r.passos)),
        compactado=montagem.compactar,
        bytes_no_disco=montagem.caminho(nome).stat().st_size if montagem.compactar else 0,
    )


def _contradicoes(arquivos: Mapping[str, Arquivo], execucao: Execucao) -> Iterator[Contradicao]:
    """Linhas desta empresa com uma ligação que leva para fora dela: as chaves estrangeiras que não
    fecham e os elos que dão em empresas diferentes."""
    abertas = ligacoes_abertas({n: [a] for n, a in arquivos.items()})
    yield from abertas
    for nome, arquivo in arquivos.items():
        if nome in ("user_approvals", "funcionarios"):
            continue  # a linha do empregado tem, de propósito, o login dele e a empresa
        divididas = _elos_divididos(arquivo, execucao.inspecao.donos)
        ja_ditas = {c.por.partition(" → ")[0] for c in abertas if c.tabela == nome}
        if divididas and not ja_ditas & {coluna for coluna, _ in arquivo.tabela.elos}:
            yield divididas


def _elos_divididos(arquivo: Arquivo, donos: Donos) -> Contradicao | None:
    """As linhas cujos elos dizem mais de uma empresa, ou None."""
    elos = [Elo(*e) for e in arquivo.tabela.elos]
    if len(elos) < 2:
        return None
    colunas = [e.coluna for e in elos]
    quantas, exemplos = 0, []
    for linha in campos(arquivo.caminho, (*colunas, *arquivo.tabela.chave)):
        pares = zip(elos, linha, strict=False)
        ditas = {donos.dono([elo], [texto(valor)]) for elo, valor in pares} - {None}
        if len(ditas) > 1:
            quantas += 1
            if quantas <= EXEMPLOS:
                exemplos.append(", ".join(texto(v) or "" for v in linha[len(elos) :]))
    if not quantas:
        return None
    return Contradicao(arquivo.tabela.nome, " ≠ ".join(colunas), quantas, tuple(exemplos))


def _metadados(copia: CopiaDeEmpresa, foto: Foto, execucao: Execucao, via: str) -> dict[str, Any]:
    inspecao = execucao.inspecao
    registros = copia.empresa.registros
    nao_pedidas = set(inspecao.escopo.tabelas) - set(execucao.escopo.tabelas)
    return {
        "versao_formato": VERSAO_DO_FORMATO,
        "versao_ferramenta": VERSAO,
        "empresa_id": next((r["id"] for r in registros if "id" in r), None),
        "user_id": copia.empresa.id,
        "nome": copia.empresa.nome,
        "data_backup": foto.inicio.isoformat(timespec="seconds"),
        "inicio": foto.inicio.isoformat(),
        "fim": datetime.now().astimezone().isoformat(),
        "origem": {
            "via": via,
            "url": execucao.configuracao.acesso.url,
            "maquina": socket.gethostname(),
        },
        "tipo": execucao.pedido.tipo,
        "execucao": execucao.pedido.execucao,
        "estado": "completo" if copia.inteira else "incompleto",
        "consistencia": "instantanea" if copia.instantanea else "parcial",
        "consistencia_como": foto.coleta.metodo,
        "consistencia_passadas": foto.coleta.passadas,
        "tabelas_backup": sorted(copia.tabelas, key=ordem_de_exibicao),
        "tabelas_falha": sorted(copia.falhas, key=ordem_de_exibicao),
        "tabelas_nao_pedidas": sorted(nao_pedidas, key=ordem_de_exibicao),
        "falhas": {t: str(e) for t, e in copia.falhas.items()},
        "total_registros": copia.registros,
        "total_bytes": copia.bytes,
        "tabelas": {n: tabela_em_json(t) for n, t in copia.tabelas.items()},
        "registros_da_empresa": [dict(r) for r in registros],
        "contradicoes": [asdict(c) for c in copia.contradicoes],
        CHAVE: [e.documento() for e in copia.encolhimentos],
        "deixadas_de_fora": [asdict(d) for d in inspecao.escopo.de_fora],
        "tabelas_ausentes": list(inspecao.catalogo.ausentes),
    }
