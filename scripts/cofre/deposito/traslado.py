"""Levar um backup ao depósito de outro projeto, tal como está ou com as linhas trocadas no caminho.

O que lá chega não é um backup daquele projeto: é o alvo de uma restauração nele, e o tipo di-lo
(ver `metadados.CLONE`). Um arquivo só vale se o que se leu tem a soma que os metadados da origem
dizem; o que lá fica, quem restaura relê.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cofre import VERSAO
from cofre.base.disco import erros_de_disco, ler_ficha
from cofre.base.erros import BackupDanificado
from cofre.base.linha import valores_da_linha
from cofre.base.modelo import ARQUIVOS, LISTAS, ordem_de_exibicao
from cofre.deposito import metadados
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.deposito import Deposito
from cofre.deposito.detalhes import bruto_com_a_chave
from cofre.deposito.formato import PEDACO, Gravador, abrir
from cofre.deposito.linhas import em_blocos, ler_linhas
from cofre.deposito.metadados import CLONE, VERSAO_DO_FORMATO
from cofre.deposito.nomes import dos_textos
from cofre.deposito.publicacao import Montagem
from cofre.deposito.tabela_salva import TabelaSalva, tabela_em_json
from cofre.deposito.textos import Separador, Textos, com_textos
from cofre.deposito.traslado_arquivos import ArquivosLevados

EMPRESAS = "empresas"
Trocar = Callable[[str, Iterable[bytes]], Iterator[bytes]]
"""Recebe o nome de uma tabela e as linhas dela (com os textos; ver `cofre.base.textos`); devolve
outras tantas, na mesma ordem."""

_CHAVE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,8}", re.ASCII)

_SO_DE_LA = (
    "execucao",
    "encolhimentos",
    "mudancas",
    "alteradas",
    "restauracao_por_concluir",
    "cifrado",
)
"""Dos metadados, o que só diz respeito ao depósito de origem."""


@dataclass(slots=True)
class Traslado:
    """Um backup (aberto, se cifrado) a levar, só com estas tabelas e listas. `trocar`: o que se faz
    às linhas; sem ele, os bytes do JSON são os mesmos."""

    backup: Backup
    tabelas: Collection[str]
    trocar: Trocar | None = None
    _registros: list[dict[str, str]] = field(default_factory=list)

    def para(
        self, deposito: Deposito, marca: Mapping[str, Any], iguais: Iterable[Backup]
    ) -> Backup:
        """Publica-o no depósito, com a trava da empresa na mão e esta `marca` do que é; ou devolve
        o dos `iguais` que já tem os mesmos conteúdos. Levanta BackupDanificado e FalhaDeDisco."""
        meta = self.backup.meta
        assert meta is not None
        with (
            erros_de_disco(deposito.raiz),
            deposito.montar(meta.user_id, datetime.now()) as montagem,  # noqa: DTZ005 (hora local)
        ):
            montagem.reservar([n for n in self.tabelas if n not in LISTAS])
            salvas = {nome: self._tabela(nome, montagem) for nome in self._em_ordem()}
            for igual in iguais:
                if _mesmos(igual, salvas):
                    return igual
            return montagem.publicar(self._bruto(salvas, marca))

    def _em_ordem(self) -> list[str]:
        return sorted(self.tabelas, key=ordem_de_exibicao)

    def _tabela(self, nome: str, montagem: Montagem) -> TabelaSalva:
        assert self.backup.meta is not None
        salva = self.backup.meta.tabelas[nome]
        if nome == ARQUIVOS:
            levados = ArquivosLevados(self.backup, montagem)
            nova = levados.levar(salva, linhas_de(self.backup, salva))
            nova = _no_disco(nova, nome, montagem)
        elif self.trocar is not None:
            nova = self._trocada(salva, montagem, self.trocar)
        else:
            nova = self._tal_como_esta(salva, nome, montagem)
            if salva.textos is not None:
                textos = self._tal_como_esta(salva.textos, dos_textos(nome), montagem)
                nova = replace(nova, textos=textos)
        return replace(nova, leitura={}, marca="")

    def _tal_como_esta(self, salva: TabelaSalva, quem: str, montagem: Montagem) -> TabelaSalva:
        """O mesmo JSON, na forma deste depósito. Levanta BackupDanificado."""
        resumo, caminho = hashlib.sha256(), self.backup.caminho(salva)
        with abrir(caminho) as de, montagem.criar(quem) as para:
            while pedaco := de.read(PEDACO):
                resumo.update(pedaco)
                para.write(pedaco)
        if resumo.hexdigest() != salva.sha256:
            raise BackupDanificado(f"{salva.arquivo} não é mais o que foi gravado.")
        return _no_disco(salva, quem, montagem)

    def _trocada(self, salva: TabelaSalva, montagem: Montagem, trocar: Trocar) -> TabelaSalva:
        """A tabela com as linhas trocadas, escrita na montagem, e o que dela se diz."""
        nome, separador = salva.nome, Separador()
        trocadas = self._vistas(nome, trocar(nome, linhas_de(self.backup, salva)))
        with ExitStack() as pilha:
            linhas = Gravador(pilha.enter_context(montagem.criar(nome)))
            textos: Gravador | None = None
            for bloco in em_blocos(trocadas):
                limpo, dos_seus = separador.separar(bloco)
                linhas.bloco(limpo)
                if dos_seus and textos is None:
                    textos = Gravador(pilha.enter_context(montagem.criar(dos_textos(nome))))
                if textos is not None:
                    textos.bloco(dos_seus)
            somas = linhas.terminar(), textos.terminar() if textos else ""
        nova = replace(salva, bytes=linhas.bytes, sha256=somas[0], textos=None)
        nova = _no_disco(nova, nome, montagem)
        if textos is None:
            return nova
        dos_textos_dela = TabelaSalva(
            nome,
            "",
            separador.quantas,
            bytes=textos.bytes,
            sha256=somas[1],
            por_coluna=separador.por_coluna,
        )
        return replace(nova, textos=_no_disco(dos_textos_dela, dos_textos(nome), montagem))

    def _vistas(self, nome: str, linhas: Iterator[bytes]) -> Iterator[bytes]:
        """As mesmas; das de `empresas`, lembra o que as outras tabelas referem."""
        meta = self.backup.meta
        colunas = {c for r in meta.registros_da_empresa for c in r} if meta else set()
        for linha in linhas:
            if nome == EMPRESAS and colunas:
                valores = valores_da_linha(linha)
                self._registros.append({c: str(valores[c]) for c in colunas if valores.get(c)})
            yield linha

    def _bruto(self, salvas: Mapping[str, TabelaSalva], marca: Mapping[str, Any]) -> dict[str, Any]:
        """Os metadados da cópia: os do backup, sem o que só vale lá, com a `marca` de onde veio."""
        bruto = {c: v for c, v in bruto_de(self.backup).items() if c not in _SO_DE_LA}
        meta = self.backup.meta
        assert meta is not None
        das_linhas = {n: t for n, t in salvas.items() if n not in LISTAS}
        faltam = {*meta.parcial_de, *meta.tabelas} - {*salvas, *LISTAS}
        return {
            **bruto,
            **(self._sem_os_originais() if self.trocar is not None else {}),
            "versao_formato": VERSAO_DO_FORMATO,
            "versao_ferramenta": VERSAO,
            "tipo": CLONE,
            "clone_de": dict(marca),
            "tabelas_backup": sorted(das_linhas, key=ordem_de_exibicao),
            "tabelas_nao_pedidas": sorted(faltam, key=ordem_de_exibicao),
            "total_registros": sum(t.registros for t in das_linhas.values()),
            "total_bytes": sum(t.bytes for t in das_linhas.values()),
            "tabelas": {n: tabela_em_json(t) for n, t in salvas.items()},
        }

    def _sem_os_originais(self) -> dict[str, Any]:
        """O que os metadados diriam dos valores que se trocaram."""
        meta = self.backup.meta
        assert meta is not None
        nome = nome_sem_dizer(meta.user_id)
        # Sem as linhas de `empresas`, só o que nunca se troca: um endereço ou um CNPJ diria quem é.
        registros = self._registros or [_so_as_chaves(r) for r in meta.registros_da_empresa]
        return {
            "nome": nome,
            "nomes": [nome],
            "empresa_id": next((r["id"] for r in registros if "id" in r), None),
            "registros_da_empresa": registros,
            "contradicoes": [],
            "falhas": dict.fromkeys(meta.falhas, "a causa está no backup de origem"),
        }


def linhas_de(backup: Backup, salva: TabelaSalva) -> Iterator[bytes]:
    """As linhas de uma tabela, na ordem do arquivo, cada uma com os seus textos. Levanta
    BackupDanificado; OSError passa."""
    resumo = hashlib.sha256()
    grupos = ler_linhas(backup.caminho(salva), resumo.update)
    if salva.textos is not None:
        grupos = com_textos(
            grupos, Textos(backup.caminho(salva.textos), sha256=salva.textos.sha256)
        )
    for grupo in grupos:
        yield from (bytes(linha) for linha in grupo)
    if resumo.hexdigest() != salva.sha256:
        raise BackupDanificado(f"{salva.arquivo} não é mais o que foi gravado.")


def _so_as_chaves(registro: Mapping[str, str]) -> dict[str, str]:
    """Os valores que o anonimizar deixa: uuids, e inteiros curtos demais para um documento."""
    return {c: v for c, v in registro.items() if _CHAVE.fullmatch(v)}


def nome_sem_dizer(user_id: str) -> str:
    """O nome que se dá à empresa de um backup de que se trocaram os nomes."""
    return f"Empresa {user_id[:8]}"


def bruto_de(backup: Backup) -> dict[str, Any]:
    """O JSON dos metadados, inteiro; de um cifrado, o dos detalhes. Levanta FaltaChave e
    BackupDanificado; OSError passa."""
    meta = backup.meta
    if meta is not None and meta.dos_detalhes:
        return bruto_com_a_chave(backup.caminho(meta.dos_detalhes[0]))
    return metadados.bruto_de(ler_ficha(arquivo_de_metadados(backup.pasta, backup.carimbo)))


def _no_disco(salva: TabelaSalva, quem: str, montagem: Montagem) -> TabelaSalva:
    """O mesmo arquivo, como a montagem o gravou."""
    cifrado, compactado = montagem.cifrados.get(quem), montagem.compactar
    return replace(
        salva,
        arquivo=montagem.nome(quem),
        compactado=compactado,
        bytes_no_disco=montagem.caminho(quem).stat().st_size if compactado else 0,
        cifrado=cifrado is not None,
        sha256_cifrado=cifrado.sha256 if cifrado else "",
    )


def _mesmos(backup: Backup, salvas: Mapping[str, TabelaSalva]) -> bool:
    meta = backup.meta
    if meta is None or backup.fechado or meta.tabelas.keys() != salvas.keys():
        return False
    return all(meta.tabelas[n].somas == t.somas for n, t in salvas.items())
