"""O arquivo backup_metadata_<carimbo>.json: o que um backup diz de si mesmo.

Contrato público. As chaves da primeira versão continuam (empresa_id, user_id, nome, data_backup,
tabelas_backup, tabelas_falha, total_registros, tabelas); `versao_formato` 2 acrescenta as outras.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cofre.base import estado
from cofre.base.disco import ler_ficha
from cofre.base.erros import BackupDanificado
from cofre.base.modelo import NO_DISCO, Empresa, juntar_nomes
from cofre.base.moldes import leitor_de
from cofre.base.palavras import do_que_se_diz
from cofre.deposito import versao1
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.tabela_salva import SEM_CONTAGEM, Entrada, EntradaDeLista, Salvas, TabelaSalva

VERSAO_DO_FORMATO = 2
VERSAO_CIFRADA = 3
"""A de um backup cifrado: quem é de antes recusa-o pelo nome."""
TIPOS_DE_ROTINA = ("manual", "agendado")
CLONE = "clone"
"""O tipo de um que veio do depósito de outro projeto, para se restaurar neste."""
DETALHES = "(detalhes)"
"""Como se chama, na tela, o arquivo deles."""


# -- o que se lê -----------------------------------------------------------------------------


class DetalhesSalvos(msgspec.Struct, frozen=True, gc=False):
    """O arquivo cifrado com o que os metadados legíveis não dizem: a soma e o tamanho dele."""

    arquivo: str
    sha256: str
    bytes: int


class Cifrado(msgspec.Struct, frozen=True, gc=False):
    """De um backup cifrado: as chaves que fecham, e onde está o resto dos metadados."""

    para: tuple[str, ...]
    detalhes: DetalhesSalvos | None = None

    def __post_init__(self) -> None:
        for chave in self.para:
            ChaveQueFecha(chave)


class ContradicaoSalva(msgspec.Struct, frozen=True, gc=False):
    """Quantas linhas da tabela levavam para fora da empresa, e por onde."""

    tabela: str = ""
    por: str = ""
    quantidade: int = 0


class Cabecalho(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """O que um backup diz em poucas palavras: sem as tabelas, que são quase todo o arquivo, lê-se
    um histórico de anos num instante. O que falta numa versão antiga tem um valor aqui."""

    user_id: str
    nome: str = ""
    nomes: tuple[str, ...] = ()
    tipo: str = "manual"
    versao: int = msgspec.field(default=1, name="versao_formato")
    execucao: str = ""
    inicio: Any = ""
    data_backup: Any = ""
    consistencia: str = ""
    instante: str = ""
    """O de todas as empresas da execução, se se leram num só."""
    falhas: dict[str, str] = {}
    listas_falha: dict[str, str] = {}
    total: int = msgspec.field(default=0, name="total_registros")
    total_bytes: int = 0
    parcial_de: tuple[str, ...] = msgspec.field(default=(), name="tabelas_nao_pedidas")
    origem: dict[str, Any] = {}
    registros_da_empresa: tuple[dict[str, str], ...] = ()
    contradicoes: tuple[ContradicaoSalva, ...] = ()
    encolhimentos: tuple[dict[str, Any], ...] = ()
    restauracao_por_concluir: bool = False
    alteradas: dict[str, int] = {}
    mudancas: tuple[dict[str, Any], ...] = ()
    deixadas_de_fora: tuple[dict[str, str], ...] = ()
    cifrado: Cifrado | None = None
    clone_de: dict[str, Any] = {}
    """De um CLONE: de que projeto e de que backup dele veio, e o que lhe fizeram no caminho."""

    def __post_init__(self) -> None:
        if self.versao > (VERSAO_CIFRADA if self.cifrado else VERSAO_DO_FORMATO):
            raise ValueError(f"é do formato {self.versao}, mais novo que este programa")
        self.falhas.update(
            (lista, self.listas_falha[nome])
            for lista, nome in NO_DISCO.items()
            if nome in self.listas_falha
        )

    @property
    def empresa(self) -> Empresa:
        """De quem é, com o nome que se mostra."""
        return Empresa(self.user_id, juntar_nomes(self.nomes) or self.nome, nomes=self.nomes)

    @property
    def da_primeira_versao(self) -> bool:
        """Se foi feito por ela: sem somas, sem contagens e sem dizer os arquivos."""
        return self.versao == 1

    @property
    def inteiro(self) -> bool:
        """Se nenhuma tabela falhou e nenhuma foi deixada de lado por escolha."""
        return not self.falhas and not self.parcial_de

    @property
    def de_rotina(self) -> bool:
        """Se foi feito por alguém ou pela tarefa agendada, e não por uma restauração."""
        return self.tipo in TIPOS_DE_ROTINA

    @property
    def encolhidas(self) -> frozenset[str]:
        """As tabelas que o backup diz que encolheram (vazio: a empresa inteira)."""
        return frozenset(do_que_se_diz(str(e.get("tabela", ""))) for e in self.encolhimentos)


class Metadados(Cabecalho, frozen=True, kw_only=True):
    """Os metadados de um backup, com as tabelas."""

    tabelas: Mapping[str, TabelaSalva]

    def soma_de(self, tabela: str) -> str:
        """O sha256 do conteúdo dela; vazio se não se sabe."""
        tabelas = self.tabelas
        salva = tabelas.entrada(tabela) if isinstance(tabelas, Salvas) else tabelas[tabela]
        return salva.sha256 or ""

    def repartir(self, outros: Metadados) -> None:
        """Do que as tabelas têm igual nas dos outros, fica na memória só uma cópia."""
        if isinstance(self.tabelas, Salvas):
            self.tabelas.repartir(outros.tabelas)

    @property
    def arquivos(self) -> tuple[TabelaSalva, ...]:
        """Cada arquivo do backup: os das tabelas e das listas, os dos textos e dos conteúdos delas
        e, num cifrado, o dos detalhes."""
        tabelas = tuple(self.tabelas.values())
        textos = (t.textos for t in tabelas if t.textos is not None)
        conteudos = (t.conteudos for t in tabelas if t.conteudos is not None)
        return (*tabelas, *textos, *conteudos, *self.dos_detalhes)

    @property
    def dos_detalhes(self) -> tuple[TabelaSalva, ...]:
        """O arquivo dos detalhes, se há um, como se fosse o de uma tabela."""
        salvos = self.cifrado.detalhes if self.cifrado else None
        if salvos is None:
            return ()
        return (
            TabelaSalva(
                DETALHES,
                salvos.arquivo,
                SEM_CONTAGEM,
                compactado=True,
                bytes_no_disco=salvos.bytes,
                cifrado=True,
                sha256_cifrado=salvos.sha256,
            ),
        )


LEMBRADOS = 512
"""O último backup de cada empresa abre-se uma meia dúzia de vezes numa tarefa, do começo dela à
página do fim. Lembrar os de algumas centenas não se nota na memória, e lê-los outra vez, sim."""


def ler(caminho: Path) -> Metadados:
    """Lê e confere a forma. Levanta BackupDanificado; OSError passa."""
    return de_bytes(ler_ficha(caminho), caminho.name)


@functools.lru_cache(maxsize=LEMBRADOS)
def de_bytes(dados: bytes, nome: str) -> Metadados:
    """Os metadados a partir do conteúdo do arquivo; `nome` é para a mensagem. Os dos mesmos bytes
    são os mesmos, e não se leem outra vez. Levanta BackupDanificado."""
    lido = _decodificar(dados, _NoDisco, nome)
    comum = {campo: getattr(lido, campo) for campo in Cabecalho.__struct_fields__}
    listas = {lista: lido.listas[n] for lista, n in NO_DISCO.items() if n in lido.listas}
    return Metadados(**comum, tabelas=Salvas({**lido.tabelas, **listas}))


def bruto_de(dados: bytes) -> dict[str, Any]:
    """O JSON inteiro, para o levar adiante como está, com as listas entre as `tabelas`; só de um
    que já se leu."""
    bruto = dict(json.loads(dados.decode("utf-8-sig")))
    listas = bruto.pop("listas", {})
    if "tabelas" in bruto:
        suas = {lista: listas[nome] for lista, nome in NO_DISCO.items() if nome in listas}
        bruto["tabelas"] = {**bruto["tabelas"], **suas}
    return bruto


def ler_cabecalho(caminho: Path) -> Cabecalho:
    """Só o começo. Levanta BackupDanificado; OSError passa."""
    return _decodificar(ler_ficha(caminho), Cabecalho, caminho.name)


# -- como está no arquivo --------------------------------------------------------------------


class _NoDisco(Cabecalho, frozen=True, kw_only=True):
    tabelas: dict[str, Entrada] = {}
    listas: dict[str, EntradaDeLista] = {}


C = TypeVar("C", bound=Cabecalho)


def _decodificar(dados: bytes, tipo: type[C], nome: str) -> C:
    """Levanta BackupDanificado, com a causa em palavras."""
    try:
        with contextlib.suppress(msgspec.DecodeError):
            lido: C = leitor_de(tipo).decode(dados.removeprefix(codecs.BOM_UTF8))
            if not lido.da_primeira_versao:
                return lido
        # Mais devagar: a primeira versão, um texto que não cabe em UTF-8, um nulo onde devia haver
        # um valor, ou a causa da recusa.
        bruto = _sem_nulos(json.loads(dados.decode("utf-8-sig")))
        if isinstance(bruto, dict) and "versao_formato" not in bruto:
            bruto = versao1.em_dia(bruto)
        return msgspec.convert(bruto, tipo, strict=False)
    except (ValueError, TypeError, RecursionError) as e:
        raise BackupDanificado(f"{nome} está danificado: {_resumir(e)}") from e


def _sem_nulos(valor: object) -> object:
    if isinstance(valor, dict):
        return {c: _sem_nulos(v) for c, v in valor.items() if v is not None}
    return [_sem_nulos(v) for v in valor] if isinstance(valor, list) else valor


def _resumir(erro: Exception) -> str:
    if isinstance(erro, json.JSONDecodeError):
        return f"não é JSON válido (linha {erro.lineno})"
    if isinstance(erro, UnicodeDecodeError):
        return "não está em UTF-8"
    if not isinstance(erro, msgspec.ValidationError) or isinstance(erro.__cause__, ValueError):
        return str(erro.__cause__ or erro)
    if falta := re.search(r"missing required field `(.+?)`", str(erro)):
        return f"falta {falta[1]!r}"
    onde = re.search(r"at `\$\.?(.*?)`$", str(erro))
    return f"não entendi {onde[1]!r}" if onde else "não é um objeto JSON"


# -- o que se escreve ------------------------------------------------------------------------


def em_bytes(bruto: Mapping[str, Any]) -> bytes:
    """O JSON indentado em UTF-8; um texto que não cabe em UTF-8 vai escapado. As listas, que aqui
    andam entre as `tabelas` e as `falhas`, vão à parte: quem é de antes delas não as vê."""
    tabelas, listas = _separadas(bruto.get("tabelas", {}))
    falhas, de_listas = _separadas(bruto.get("falhas", {}))
    return estado.em_bytes(
        {
            **bruto,
            **({"tabelas": tabelas} if "tabelas" in bruto else {}),
            **({"falhas": falhas} if "falhas" in bruto else {}),
            **({"listas": listas} if listas else {}),
            **({"listas_falha": de_listas} if de_listas else {}),
        }
    )


def _separadas(por_nome: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """O que é de tabelas, e o que é de listas, com o nome que elas têm no disco."""
    tabelas = {n: valor for n, valor in por_nome.items() if n not in NO_DISCO}
    return tabelas, {NO_DISCO[n]: valor for n, valor in por_nome.items() if n in NO_DISCO}
