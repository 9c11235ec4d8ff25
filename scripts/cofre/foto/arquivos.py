"""A foto de uma empresa em arquivos: as tabelas e os metadados que a publicariam."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cofre import VERSAO
from cofre.base.erros import ErroCofre
from cofre.base.modelo import LISTAS, Contradicao, DeixadaDeFora, Empresa, ordem_de_exibicao
from cofre.base.palavras import como_se_diz
from cofre.deposito import resumos_guardados
from cofre.deposito.backup import Backup
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.metadados import VERSAO_DO_FORMATO
from cofre.deposito.nomes import CONTEUDOS, dos_textos
from cofre.deposito.publicacao import Montagem
from cofre.deposito.resumos_por_linha import PorLinha
from cofre.deposito.tabela_salva import TabelaSalva, tabela_em_json
from cofre.escopo.escopo import Escopo
from cofre.foto.contradicoes import elos_da_tabela
from cofre.foto.foto import Contexto, Foto
from cofre.foto.gravacao import Gravacao, Gravada
from cofre.via.contrato import ViaDeFotos
from cofre.via.leitura import IGUAL, INTEIRA, Reuso, TabelaLida, Trocadas


@dataclass(frozen=True, slots=True)
class FotoMontada:
    """Uma foto já em arquivos, na pasta de montagem: some se não for publicada. `falhas`: por que
    cada tabela que devia estar não está. As listas estão entre as tabelas. `divergiram`: as tabelas
    que, lidas por inteiro, não eram o que se aproveitaria sem as ler, e quando tinham sido lidas
    assim."""

    empresa: Empresa
    pasta: Path
    carimbo: str
    salvas: Mapping[str, TabelaSalva]
    falhas: Mapping[str, ErroCofre]
    instantanea: bool
    contradicoes: tuple[Contradicao, ...]
    arquivos: Mapping[str, Arquivo]
    divergiram: Mapping[str, datetime]
    _montagem: Montagem
    _metadados: Mapping[str, Any]
    _lidas: Mapping[str, Reuso]

    @property
    def metadados(self) -> Mapping[str, Any]:
        """Os que a publicariam."""
        return self._metadados

    @property
    def inicio(self) -> datetime:
        """Quando se começou a tirar, com fuso."""
        return datetime.fromisoformat(self._metadados["inicio"])

    def publicar(self, notado: Mapping[str, Any] | None = None) -> Backup:
        """Faz dela um backup, com o que se notou nela (chaves dos metadados). Levanta
        FalhaDeDisco."""
        backup = self._montagem.publicar({**self._metadados, **(notado or {})})
        self._lembrar(backup)
        return backup

    def e_a_mesma(self, backup: Backup) -> None:
        """Este backup tem o que ela tem, e não se publica: o que o servidor disse do que se leu
        fica ao lado dele, para que a próxima vez não o leia outra vez."""
        if any(r.como != IGUAL for r in self._lidas.values()):
            self._lembrar(backup)

    def _lembrar(self, backup: Backup) -> None:
        if self.instantanea:
            resumos = {n: r.resumo for n, r in self._lidas.items() if r.resumo is not None}
            por_linha = {n: _lidos(r) for n, r in self._lidas.items() if n in resumos}
            resumos_guardados.guardar(backup, resumos, self.salvas, por_linha)

    @property
    def trocadas(self) -> Mapping[str, Trocadas]:
        """Das tabelas que se leram em parte, quanto mudou."""
        return {n: r.trocadas for n, r in self._lidas.items() if r.trocadas is not None}


def _lidos(reuso: Reuso) -> bytes:
    """Os resumos de cada linha, se os há."""
    if isinstance(reuso.por_linha, PorLinha):
        return reuso.por_linha.ler()
    return reuso.por_linha or b""


def montar(foto: Foto, gravacao: Gravacao, contexto: Contexto, via: ViaDeFotos) -> FotoMontada:
    """A foto gravada, com os metadados que a publicariam."""
    montagem = gravacao.montagem
    boas = [t for t in foto.lida.tabelas if t.falha is None]
    falhas: dict[str, ErroCofre] = dict(foto.perdidas)
    falhas |= {t.tabela.nome: t.falha for t in foto.lida.tabelas if t.falha is not None}
    salvas = {t.tabela.nome: _salva(t, gravacao, contexto.escopo) for t in boas}
    salvas |= {s.nome: s for s in _listas(gravacao)}
    falhas |= {c.tabela.nome: f for c in gravacao.colhidas if (f := c.falha or c.incompleta)}
    arquivos = {
        n: Arquivo(s, montagem.caminho(n), montagem.caminho(dos_textos(n)) if s.textos else None)
        for n, s in salvas.items()
    }
    montada = FotoMontada(
        foto.empresa,
        montagem.pasta,
        montagem.carimbo if salvas else "",
        salvas,
        falhas,
        foto.lida.instantanea and not any(c.mudou for c in gravacao.colhidas),
        tuple(gravacao.contradicoes()),
        arquivos,
        {t.tabela.nome: d for t in boas if (d := t.reuso.divergiu) is not None},
        montagem,
        {},
        {t.tabela.nome: t.reuso for t in boas},
    )
    de_fora = (
        DeixadaDeFora(como_se_diz(c.tabela.nome), c.ausente)
        for c in gravacao.colhidas
        if c.ausente.strip("-")
    )
    metadados = _metadados(montada, foto, contexto, via, tuple(de_fora))
    return replace(montada, _metadados=metadados)


def _listas(gravacao: Gravacao) -> Iterator[TabelaSalva]:
    """As listas gravadas, como se salvam."""
    montagem = gravacao.montagem
    for colhida in gravacao.colhidas:
        nome = colhida.tabela.nome
        if (gravada := gravacao.gravadas.get(nome)) is None:
            continue
        citados = gravada.conteudos
        yield replace(
            _arquivo(nome, nome, gravada, montagem),
            colunas=tuple(asdict(c) for c in colhida.tabela.colunas),
            chave=colhida.tabela.chave,
            exata=True,
            conteudos=_arquivo(nome, CONTEUDOS, citados, montagem) if citados else None,
            notas=colhida.notas,
        )


def _salva(lida: TabelaLida, gravacao: Gravacao, escopo: Escopo) -> TabelaSalva:
    nome, montagem = lida.tabela.nome, gravacao.montagem
    gravada = gravacao.gravadas[nome]
    textos = gravada.textos
    return replace(
        com_descricao(_arquivo(nome, nome, gravada, montagem), lida, escopo),
        registros=lida.registros,
        textos=_arquivo(nome, dos_textos(nome), textos, montagem) if textos else None,
        leitura=_leitura(lida.reuso),
    )


def com_descricao(salva: TabelaSalva, lida: TabelaLida, escopo: Escopo) -> TabelaSalva:
    """Os arquivos de uma tabela, com o que se diz dela além das linhas."""
    no_escopo = escopo.tabelas[lida.tabela.nome]
    return replace(
        salva,
        colunas=tuple(asdict(c) for c in lida.tabela.colunas),
        chave=lida.tabela.chave,
        estrangeiras=lida.tabela.estrangeiras,
        nao_gravaveis=lida.tabela.nao_gravaveis,
        elos=tuple((e.coluna, e.referencia) for e in elos_da_tabela(no_escopo)),
        maes=tuple(dict.fromkeys(r.passos[0] for r in no_escopo.ramos if r.passos)),
        exata=lida.sem_prova == (),
        sem_prova=lida.sem_prova or (),
        sempre_com_texto=lida.tabela.sempre_com_texto,
    )


def _leitura(reuso: Reuso) -> dict[str, str]:
    """Como se leu uma tabela que não se leu toda."""
    if reuso.divergiu is not None:
        return {"como": INTEIRA, "divergiu_desde": reuso.divergiu.isoformat(timespec="seconds")}
    if reuso.anterior is None:
        return {}
    inteira_em = reuso.anterior.resumo.inteira_em.isoformat(timespec="seconds")
    return {"como": reuso.como, "contra": reuso.anterior.carimbo, "inteira_em": inteira_em}


def _arquivo(nome: str, quem: str, gravada: Gravada, montagem: Montagem) -> TabelaSalva:
    """O arquivo que a montagem chama `quem`, da tabela com este nome."""
    cifrado = montagem.cifrados.get(quem)
    compactado = montagem.compactar and quem != CONTEUDOS
    return TabelaSalva(
        nome=nome,
        arquivo=montagem.nome(quem),
        registros=gravada.registros,
        por_coluna=gravada.por_coluna,
        bytes=gravada.bytes,
        sha256=gravada.sha256,
        compactado=compactado,
        bytes_no_disco=montagem.caminho(quem).stat().st_size if compactado else 0,
        cifrado=cifrado is not None,
        sha256_cifrado=cifrado.sha256 if cifrado else "",
    )


def nome_de(empresa: Empresa) -> str:
    """Como os metadados a chamam."""
    return next(iter(empresa.nomes), empresa.nome)


def _metadados(
    montada: FotoMontada,
    foto: Foto,
    contexto: Contexto,
    via: ViaDeFotos,
    listas_de_fora: Sequence[DeixadaDeFora],
) -> dict[str, Any]:
    """O que o backup dirá de si: ver o manual, arquivos.md."""
    inspecao = contexto.inspecao
    tabelas = {n: t for n, t in montada.salvas.items() if n not in LISTAS}
    nao_pedidas = set(inspecao.escopo.tabelas) - set(contexto.escopo.tabelas)
    return {
        "versao_formato": VERSAO_DO_FORMATO,
        "versao_ferramenta": VERSAO,
        **_da_empresa(montada.empresa),
        "data_backup": foto.inicio.isoformat(timespec="seconds"),
        "inicio": foto.inicio.isoformat(),
        "fim": datetime.now().astimezone().isoformat(),
        "origem": {
            "via": via.nome,
            "url": via.origem,
            "maquina": socket.gethostname(),
            "servidor": inspecao.catalogo.servidor,
        },
        "tipo": contexto.pedido.tipo,
        "execucao": contexto.pedido.execucao,
        "estado": "completo" if not montada.falhas else "incompleto",
        "consistencia": "instantanea" if montada.instantanea else "parcial",
        "consistencia_como": foto.lida.metodo,
        "consistencia_passadas": foto.lida.passadas,
        **({"instante": contexto.instante.em.isoformat()} if contexto.instante else {}),
        "tabelas_backup": sorted(tabelas, key=ordem_de_exibicao),
        "tabelas_falha": sorted({*montada.falhas} - {*LISTAS}, key=ordem_de_exibicao),
        "tabelas_nao_pedidas": sorted(nao_pedidas, key=ordem_de_exibicao),
        "falhas": {t: str(e) for t, e in montada.falhas.items()},
        "total_registros": sum(t.registros for t in tabelas.values()),
        "total_bytes": sum(t.bytes for t in tabelas.values()),
        "tabelas": {n: tabela_em_json(t) for n, t in montada.salvas.items()},
        "registros_da_empresa": [dict(r) for r in montada.empresa.registros],
        "contradicoes": [asdict(c) for c in montada.contradicoes],
        "encolhimentos": [],
        "deixadas_de_fora": [asdict(d) for d in (*inspecao.escopo.de_fora, *listas_de_fora)],
        "tabelas_ausentes": list(inspecao.catalogo.ausentes),
    }


def _da_empresa(empresa: Empresa) -> dict[str, Any]:
    """De quem é o backup, e como se chama."""
    return {
        "empresa_id": next((r["id"] for r in empresa.registros if "id" in r), None),
        "user_id": empresa.id,
        "nome": nome_de(empresa),
        **({"nomes": list(empresa.nomes)} if empresa.nomes else {}),
    }
