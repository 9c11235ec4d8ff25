"""O arquivo backup_metadata_<carimbo>.json: o que um backup diz de si mesmo.

Contrato público. As chaves da primeira versão continuam (empresa_id, user_id, nome, data_backup,
tabelas_backup, tabelas_falha, total_registros, tabelas); `versao_formato` 2 acrescenta as outras.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ChaveEstrangeira, nome_do_tipo

METADADOS = "backup_metadata_"
CARIMBO = r"\d{8}_\d{6}"
"""A forma de um carimbo, como expressão regular."""
VERSAO_DO_FORMATO = 2
SEM_CONTAGEM = -1
"""Em `registros`: a primeira versão não contava por tabela."""
TIPOS_DE_ROTINA = ("manual", "agendado")


@dataclass(frozen=True, slots=True)
class TabelaSalva:
    """Uma tabela dentro de um backup. `sha256` vazio: backup da primeira versão, sem somas.

    `elos` são as colunas que dizem a empresa (coluna, coluna de `empresas` ou vazio para o id do
    dono); `maes`, as chaves por onde se chega à empresa quando os elos são nulos.

    `bytes` e `sha256` são do JSON; de um arquivo `compactado`, `bytes_no_disco` é o tamanho dele.
    """

    nome: str
    arquivo: str
    registros: int
    bytes: int = 0
    sha256: str = ""
    colunas: tuple[Mapping[str, Any], ...] = ()
    chave: tuple[str, ...] = ()
    estrangeiras: tuple[ChaveEstrangeira, ...] = ()
    nao_gravaveis: tuple[str, ...] = ()
    elos: tuple[tuple[str, str], ...] = ()
    maes: tuple[ChaveEstrangeira, ...] = ()
    compactado: bool = False
    bytes_no_disco: int = 0

    @property
    def tamanho_do_arquivo(self) -> int:
        """Quantos bytes o arquivo deve ter."""
        return self.bytes_no_disco if self.compactado else self.bytes


@dataclass(frozen=True, slots=True)
class Metadados:
    """Os metadados de um backup; `bruto` é o JSON inteiro, como está ou vai para o disco."""

    user_id: str
    nome: str
    data: str
    tabelas: Mapping[str, TabelaSalva]
    falhas: Mapping[str, str] = field(default_factory=dict)
    total: int = 0
    versao: int = VERSAO_DO_FORMATO
    tipo: str = "manual"
    consistencia: str = ""
    parcial_de: tuple[str, ...] = ()
    bruto: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inteiro(self) -> bool:
        """Se nenhuma tabela falhou e nenhuma foi deixada de lado por escolha."""
        return not self.falhas and not self.parcial_de

    @property
    def de_rotina(self) -> bool:
        """Se foi feito por alguém ou pela tarefa agendada, e não por uma restauração."""
        return self.tipo in TIPOS_DE_ROTINA


def tabela_em_json(tabela: TabelaSalva) -> dict[str, Any]:
    """A entrada de uma tabela em `tabelas`."""
    gz = {"compactado": True, "bytes_no_disco": tabela.bytes_no_disco} if tabela.compactado else {}
    return {
        "arquivo": tabela.arquivo,
        "registros": tabela.registros,
        "bytes": tabela.bytes,
        "sha256": tabela.sha256,
        **gz,
        "colunas": list(tabela.colunas),
        "chave": list(tabela.chave),
        "chaves_estrangeiras": [_chave_em_json(fk) for fk in tabela.estrangeiras],
        "nao_gravaveis": list(tabela.nao_gravaveis),
        "dono": {
            "elos": [{"coluna": c, "de_empresas": r} for c, r in tabela.elos],
            "maes": [_chave_em_json(fk) for fk in tabela.maes],
        },
    }


def em_bytes(bruto: Mapping[str, Any]) -> bytes:
    """O JSON indentado em UTF-8; um texto que não cabe em UTF-8 vai escapado."""
    texto = json.dumps(bruto, ensure_ascii=False, indent=2)
    try:
        return (texto + "\n").encode("utf-8")
    except UnicodeEncodeError:
        return (json.dumps(bruto, indent=2) + "\n").encode("ascii")


def ler(caminho: Path) -> Metadados:
    """Lê e confere a forma. Levanta BackupDanificado; OSError passa."""
    return de_bytes(caminho.read_bytes(), caminho.name)


def de_bytes(dados: bytes, nome: str) -> Metadados:
    """Os metadados a partir do conteúdo do arquivo; `nome` é para a mensagem. Levanta
    BackupDanificado."""
    try:
        bruto = json.loads(dados.decode("utf-8-sig"))
        if not isinstance(bruto, dict):
            raise TypeError("não é um objeto JSON")
        return _interpretar(bruto)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise BackupDanificado(f"{nome} está danificado: {_resumir(e)}") from e


def _resumir(erro: Exception) -> str:
    if isinstance(erro, json.JSONDecodeError):
        return f"não é JSON válido (linha {erro.lineno})"
    if isinstance(erro, UnicodeDecodeError):
        return "não está em UTF-8"
    return f"falta {erro}" if isinstance(erro, KeyError) else str(erro)


def _interpretar(bruto: dict[str, Any]) -> Metadados:
    versao = int(bruto.get("versao_formato", 1))
    if versao > VERSAO_DO_FORMATO:
        raise ValueError(f"é do formato {versao}, mais novo que este programa")
    tabelas = bruto.get("tabelas", {})
    falhas = bruto.get("falhas", {})
    if versao == 1:
        # A primeira versão não dizia os arquivos: o depósito os acha pelos nomes.
        tabelas, falhas = {}, {str(t): "" for t in _lista(bruto.get("tabelas_falha"))}
    return Metadados(
        user_id=str(bruto["user_id"]),
        nome=str(bruto.get("nome") or ""),
        data=str(bruto.get("data_backup") or ""),
        tabelas={str(n): _tabela(str(n), t) for n, t in tabelas.items()},
        falhas={str(n): str(m) for n, m in falhas.items()},
        total=int(bruto.get("total_registros") or 0),
        versao=versao,
        tipo=str(bruto.get("tipo") or "manual"),
        consistencia=str(bruto.get("consistencia") or ""),
        parcial_de=tuple(_lista(bruto.get("tabelas_nao_pedidas"))),
        bruto=bruto,
    )


def _tabela(nome: str, t: Mapping[str, Any]) -> TabelaSalva:
    dono = t.get("dono") or {}
    return TabelaSalva(
        nome=nome,
        arquivo=str(t["arquivo"]),
        registros=int(t["registros"]),
        bytes=int(t["bytes"]),
        sha256=str(t["sha256"]),
        colunas=tuple(map(_coluna, t.get("colunas", ()))),
        chave=tuple(t.get("chave", ())),
        estrangeiras=tuple(_chave(fk) for fk in t.get("chaves_estrangeiras", ())),
        nao_gravaveis=tuple(t.get("nao_gravaveis", ())),
        elos=tuple((e["coluna"], e.get("de_empresas", "")) for e in dono.get("elos", ())),
        maes=tuple(_chave(fk) for fk in dono.get("maes", ())),
        compactado=bool(t.get("compactado")),
        bytes_no_disco=int(t.get("bytes_no_disco", 0)),
    )


def _coluna(coluna: Mapping[str, Any]) -> Mapping[str, Any]:
    """A coluna com o nome que o tipo dela tem hoje, seja qual for o de quando se copiou."""
    return {**coluna, "tipo": nome_do_tipo(str(coluna.get("tipo") or ""))}


def _chave_em_json(fk: ChaveEstrangeira) -> dict[str, Any]:
    return {
        "colunas": list(fk.colunas),
        "tabela": fk.tabela,
        "referencias": list(fk.referencias),
    }


def _chave(fk: Mapping[str, Any]) -> ChaveEstrangeira:
    return ChaveEstrangeira(tuple(fk["colunas"]), str(fk["tabela"]), tuple(fk["referencias"]))


def _lista(valor: object) -> Sequence[Any]:
    return valor if isinstance(valor, list) else ()


# -- só o começo -----------------------------------------------------------------------------


class Cabecalho(msgspec.Struct, frozen=True, gc=False):
    """O que um backup diz em poucas palavras: sem as colunas e as somas, que são quase todo o
    arquivo, lê-se um histórico de anos num instante. Chaves com os nomes que têm no arquivo."""

    user_id: str
    nome: str | None = None
    tipo: str | None = None
    total_registros: int = 0
    total_bytes: int = 0
    falhas: dict[str, str] = {}
    tabelas_falha: list[str] = []
    tabelas_nao_pedidas: list[str] = []
    deixadas_de_fora: list[dict[str, str]] = []
    encolhimentos: list[dict[str, Any]] = []

    @property
    def causas(self) -> dict[str, str]:
        """Cada tabela que falhou e por quê (a primeira versão não dizia por quê)."""
        return {**dict.fromkeys(self.tabelas_falha, ""), **self.falhas}

    @property
    def inteiro(self) -> bool:
        """O mesmo que `Metadados.inteiro`."""
        return not self.causas and not self.tabelas_nao_pedidas


_CABECALHO = msgspec.json.Decoder(Cabecalho)


def ler_cabecalho(caminho: Path) -> Cabecalho:
    """Levanta BackupDanificado; OSError passa."""
    try:
        return _CABECALHO.decode(caminho.read_bytes().removeprefix(codecs.BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BackupDanificado(f"{caminho.name} está danificado: {e}") from e


CHAVE = "encolhimentos"
"""Nos metadados."""


def marcas(meta: Metadados) -> frozenset[str]:
    """As tabelas que o backup diz que encolheram (vazio: a empresa inteira)."""
    lista = meta.bruto.get(CHAVE)
    itens = lista if isinstance(lista, list) else []
    return frozenset(str(i.get("tabela", "")) for i in itens if isinstance(i, dict))
