"""Uma tabela dentro de um backup: o que se sabe dela, e como os metadados a dizem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cofre.base.modelo import ChaveEstrangeira, nome_do_tipo

SEM_CONTAGEM = -1
"""Em `registros`: a primeira versão não contava por tabela."""


@dataclass(frozen=True, slots=True)
class TabelaSalva:
    """Uma tabela dentro de um backup. `sha256` vazio: backup da primeira versão, sem somas.

    `elos` são as colunas que dizem a empresa (coluna, coluna de `empresas` ou vazio para o id do
    dono); `maes`, as chaves por onde se chega à empresa quando os elos são nulos.

    `bytes` e `sha256` são do JSON; de um arquivo `compactado`, `bytes_no_disco` é o tamanho dele.

    `exata`: está provado que o JSON das linhas, com os `textos` (o arquivo deles, se alguma linha
    os tem; ver `cofre.base.textos`), as refaz como eram. Falso: não se sabe das colunas
    `sem_prova`, ou, se não se diz quais, de nenhuma. `sempre_com_texto`: ver `Tabela`.

    `por_coluna`, de um arquivo de textos: quantos há de cada coluna.

    De um arquivo `cifrado` (compactado antes disso), `sha256_cifrado` é a soma do que está no
    disco, e `marca` diz que tem o mesmo conteúdo de outro (ver `cifra.Cifra.marca`). Sem a chave
    que abre, é tudo o que se sabe dele, com as contagens e os tamanhos.

    Uma das LISTAS (os arquivos da empresa, os logins dela) é salva como uma tabela. `conteudos`, o
    arquivo que diz, sempre em claro, que conteúdos (ver `deposito.conteudos`) a dos arquivos cita;
    `notas`, o que a fonte da lista diz dela.

    `leitura`: de uma tabela que não se leu toda, como se leu (`como`: «igual» ou «em_parte»),
    contra que backup (`contra`), e quando foi lida toda (`inteira_em`).
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
    exata: bool = False
    textos: TabelaSalva | None = None
    sem_prova: tuple[str, ...] = ()
    sempre_com_texto: tuple[str, ...] = ()
    por_coluna: Mapping[str, int] = field(default_factory=dict)
    cifrado: bool = False
    sha256_cifrado: str = ""
    marca: str = ""
    conteudos: TabelaSalva | None = None
    notas: Mapping[str, Any] = field(default_factory=dict)
    leitura: Mapping[str, str] = field(default_factory=dict)

    @property
    def todos(self) -> tuple[TabelaSalva, ...]:
        """O arquivo dela, e os dos textos e dos conteúdos, se os há."""
        return (self, *(a for a in (self.textos, self.conteudos) if a is not None))

    @property
    def tipos(self) -> dict[str, str]:
        """O tipo de cada coluna."""
        return {str(c.get("nome")): str(c.get("tipo") or "") for c in self.colunas}

    @property
    def somas(self) -> tuple[str, str]:
        """Iguais em duas fotos, o conteúdo é o mesmo."""
        return _soma(self), _soma(self.textos) if self.textos else ""

    @property
    def de_quem(self) -> frozenset[str]:
        """As colunas que dizem qual é a linha e de quem ela é."""
        das_maes = (c for fk in (*self.maes, *self.estrangeiras) for c in fk.colunas)
        return frozenset((*self.chave, *(c for c, _ in self.elos), *das_maes))

    @property
    def tamanho_do_arquivo(self) -> int:
        """Quantos bytes o arquivo deve ter."""
        return self.bytes_no_disco if self.compactado else self.bytes


def _soma(arquivo: TabelaSalva) -> str:
    return arquivo.sha256 or arquivo.marca


# -- a entrada dela nos metadados ------------------------------------------------------------


class _Elo(msgspec.Struct):
    coluna: str
    de_empresas: str = ""


class _Dono(msgspec.Struct):
    elos: tuple[_Elo, ...] = ()
    maes: tuple[ChaveEstrangeira, ...] = ()


class _Arquivo(msgspec.Struct):
    arquivo: str
    registros: int
    bytes: int
    sha256: str | msgspec.UnsetType = msgspec.UNSET
    compactado: bool = False
    bytes_no_disco: int = 0
    por_coluna: dict[str, int] = {}
    cifrado: bool = False
    sha256_cifrado: str = ""
    marca: str = ""

    def __post_init__(self) -> None:
        falta = "sha256_cifrado" if self.cifrado else "sha256"
        if getattr(self, falta) in (msgspec.UNSET, "" if self.cifrado else msgspec.UNSET):
            raise ValueError(f"falta {falta!r}")

    def salvo(self, nome: str, **da_tabela: Any) -> TabelaSalva:
        """Um arquivo da tabela com este nome, e o que só se diz da tabela."""
        # Montam-se às centenas de milhares, e um `replace` a seguir custaria outro tanto.
        return TabelaSalva(
            nome,
            self.arquivo,
            self.registros,
            self.bytes,
            self.sha256 or "",
            compactado=self.compactado,
            bytes_no_disco=self.bytes_no_disco,
            por_coluna=self.por_coluna,
            cifrado=self.cifrado,
            sha256_cifrado=self.sha256_cifrado,
            marca=self.marca,
            **da_tabela,
        )


class Entrada(_Arquivo):
    """Como os metadados dizem uma tabela; o que falta é ValueError."""

    colunas: tuple[dict[str, Any], ...] = ()
    chave: tuple[str, ...] = ()
    chaves_estrangeiras: tuple[ChaveEstrangeira, ...] = ()
    nao_gravaveis: tuple[str, ...] = ()
    dono: _Dono = msgspec.field(default_factory=_Dono)
    exata: bool = False
    sem_prova: tuple[str, ...] = ()
    sempre_com_texto: tuple[str, ...] = ()
    textos: _Arquivo | None = None
    leitura: dict[str, str] = {}

    def __post_init__(self) -> None:
        _Arquivo.__post_init__(self)
        for coluna in self.colunas:  # por cada tabela de cada backup: sem mais um conjunto
            if type(coluna.get("nome")) is not str:
                raise ValueError("há uma coluna sem nome")

    def salva(self, nome: str, **da_lista: Any) -> TabelaSalva:
        """A mesma, com os tipos das colunas chamados como hoje."""
        return self.salvo(
            nome,
            colunas=_com_os_tipos_de_hoje(self.colunas),
            chave=self.chave,
            estrangeiras=self.chaves_estrangeiras,
            nao_gravaveis=self.nao_gravaveis,
            elos=tuple((e.coluna, e.de_empresas) for e in self.dono.elos),
            maes=self.dono.maes,
            exata=self.exata,
            sem_prova=self.sem_prova,
            sempre_com_texto=self.sempre_com_texto,
            textos=self.textos.salvo(nome) if self.textos else None,
            leitura=self.leitura,
            **da_lista,
        )

    def repartir(self, outra: Entrada) -> None:
        """Do que é igual na outra, fica só uma cópia: entre milhares de backups, quase tudo."""
        for campo in ("colunas", "chave", "chaves_estrangeiras", "dono"):
            if (dela := getattr(outra, campo)) == getattr(self, campo):
                setattr(self, campo, dela)


def _com_os_tipos_de_hoje(colunas: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    tipos = [nome_do_tipo(str(c.get("tipo") or "")) for c in colunas]
    if all(c.get("tipo") == tipo for c, tipo in zip(colunas, tipos, strict=True)):
        return colunas
    return tuple({**c, "tipo": tipo} for c, tipo in zip(colunas, tipos, strict=True))


class EntradaDeLista(Entrada):
    """A de uma das LISTAS."""

    conteudos: _Arquivo | None = None
    notas: dict[str, Any] = {}

    def salva(self, nome: str, **da_lista: Any) -> TabelaSalva:
        """A mesma lista, com o que só ela tem."""
        conteudos = self.conteudos.salvo(nome) if self.conteudos else None
        return Entrada.salva(self, nome, conteudos=conteudos, notas=self.notas, **da_lista)


class Salvas(Mapping[str, TabelaSalva]):
    """As tabelas, cada uma montada quando se pede: de um histórico de anos, quem procura numa não
    espera pelas outras."""

    __slots__ = ("_lidas", "_montadas")

    def __init__(self, lidas: Mapping[str, Entrada]) -> None:
        self._lidas = lidas
        self._montadas: dict[str, TabelaSalva] = {}

    def __getitem__(self, nome: str) -> TabelaSalva:
        if nome not in self._montadas:
            self._montadas[nome] = self._lidas[nome].salva(nome)
        return self._montadas[nome]

    def __contains__(self, nome: object) -> bool:
        return nome in self._lidas

    def entrada(self, nome: str) -> Entrada:
        """A mesma, sem a montar."""
        return self._lidas[nome]

    def repartir(self, outras: Mapping[str, TabelaSalva]) -> None:
        """Do que é igual nestas, as de outro backup da mesma empresa, fica só uma cópia."""
        if isinstance(outras, Salvas):
            for nome, lida in self._lidas.items():
                if (outra := outras._lidas.get(nome)) is not None:
                    lida.repartir(outra)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lidas)

    def __len__(self) -> int:
        return len(self._lidas)


def tabela_em_json(tabela: TabelaSalva) -> dict[str, Any]:
    """A entrada de uma tabela em `tabelas`."""
    return {
        **_arquivo_em_json(tabela),
        **({"exata": True} if tabela.exata else {}),
        **_se_ha("sem_prova", tabela.sem_prova),
        **_se_ha("sempre_com_texto", tabela.sempre_com_texto),
        **({"textos": _arquivo_em_json(tabela.textos)} if tabela.textos else {}),
        **({"conteudos": _arquivo_em_json(tabela.conteudos)} if tabela.conteudos else {}),
        **({"notas": dict(tabela.notas)} if tabela.notas else {}),
        **({"leitura": dict(tabela.leitura)} if tabela.leitura else {}),
        "colunas": list(tabela.colunas),
        "chave": list(tabela.chave),
        "chaves_estrangeiras": [_chave_em_json(fk) for fk in tabela.estrangeiras],
        "nao_gravaveis": list(tabela.nao_gravaveis),
        "dono": {
            "elos": [{"coluna": c, "de_empresas": r} for c, r in tabela.elos],
            "maes": [_chave_em_json(fk) for fk in tabela.maes],
        },
    }


def _arquivo_em_json(arquivo: TabelaSalva) -> dict[str, Any]:
    compactado = {"compactado": True, "bytes_no_disco": arquivo.bytes_no_disco}
    return {
        "arquivo": arquivo.arquivo,
        "registros": arquivo.registros,
        "bytes": arquivo.bytes,
        "sha256": arquivo.sha256,
        **(compactado if arquivo.compactado else {}),
        **cifrado_em_json(arquivo),
        **({"por_coluna": dict(arquivo.por_coluna)} if arquivo.por_coluna else {}),
    }


def cifrado_em_json(arquivo: TabelaSalva) -> dict[str, Any]:
    """O que se diz a mais de um arquivo cifrado."""
    if not arquivo.cifrado:
        return {}
    return {"cifrado": True, "sha256_cifrado": arquivo.sha256_cifrado, "marca": arquivo.marca}


def _se_ha(nome: str, colunas: tuple[str, ...]) -> dict[str, list[str]]:
    return {nome: list(colunas)} if colunas else {}


def _chave_em_json(fk: ChaveEstrangeira) -> dict[str, Any]:
    return {
        "colunas": list(fk.colunas),
        "tabela": fk.tabela,
        "referencias": list(fk.referencias),
    }
