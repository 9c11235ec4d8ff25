"""O que se pediu, por opções, de uma restauração que não é de tabelas inteiras: --linhas, --chaves,
--campos. Do pedido e de um backup sai o recorte."""

from __future__ import annotations

import csv
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.base.linha import texto, valores_de_todas
from cofre.base.palavras import como_se_diz, plural, visivel
from cofre.base.selecao import achar_tabela, tabela_de_nome
from cofre.deposito.backup import Backup
from cofre.deposito.linhas import ler_linhas
from cofre.plano.alvo import RECUPERAR, Alvo
from cofre.plano.recorte import ChaveEscrita, Parte, PorChave, Registros, chave_escrita
from cofre.restauracao.restauracao import Restauracao
from cofre.restauracao.telas import tabelas_de

Valor = str | None
"""O texto de um valor; None é o nulo."""
DITAS = 5
"""Quantas das que não se acham se dizem."""


@dataclass(frozen=True, slots=True)
class Condicao:
    """Os registros de uma `tabela` que têm estes valores (por coluna). `dita`: como se pediu;
    `pela_chave`: se as colunas têm de ser as da chave."""

    tabela: str
    valores: Mapping[str, Valor]
    dita: str
    pela_chave: bool = False


@dataclass(frozen=True, slots=True)
class Escolha:
    """Só os registros de alguma destas condições (nenhuma: todos), e deles só estes `campos`
    (nenhum: a linha inteira)."""

    condicoes: tuple[Condicao, ...] = ()
    campos: tuple[str, ...] = ()

    @property
    def nomes(self) -> tuple[str, ...]:
        """As tabelas das condições, como se pediram."""
        return tuple(dict.fromkeys(c.tabela for c in self.condicoes))

    def tabelas(self, backup: Backup, escolhidas: Sequence[str]) -> tuple[str, ...]:
        """As tabelas em que se vai mexer, das `escolhidas` (todas, se nenhuma condição diz quais).
        Levanta ErroDeUso por uma tabela ou coluna que o backup não tem."""
        disponiveis = tabelas_de(backup)
        if self.condicoes:
            pedidas = {_tabela(c.tabela, c.dita, disponiveis) for c in self.condicoes}
            nomes = [n for n in disponiveis if n in pedidas]
        else:
            nomes = [n for n in escolhidas if self._campos_de(backup, n)]
        achados = {c for n in nomes for c in self._campos_de(backup, n)}
        for campo in self.campos:
            if campo not in achados:
                onde = ", ".join(visivel(como_se_diz(n)) for n in nomes) or "nenhuma das tabelas"
                raise ErroDeUso(
                    f"No backup não há a coluna {visivel(campo)} em {onde}.",
                    "Os nomes das colunas são os do banco, como estão no arquivo da tabela.",
                )
        return tuple(nomes)

    def recortar(self, _restauracao: Restauracao, alvo: Alvo) -> Alvo:
        """O alvo, só com o que se pediu dele. Levanta ErroDeUso, NadaEncontrado (um registro que o
        backup não tem) ou BackupDanificado."""
        fatias = {}
        for nome, arquivo in alvo.arquivos(alvo.backup, alvo.tabelas).items():
            suas = [c for c in self.condicoes if _e_a_mesma(c.tabela, nome, alvo.tabelas)]
            campos = self._campos_de(alvo.backup, nome)
            _conferir_que_se_grava(alvo, nome, campos)
            chave, colunas = arquivo.tabela.chave, _colunas_de(alvo.backup, nome)
            chaves = None
            if suas:
                _conferir_colunas(suas, nome, colunas, chave)
                chaves = frozenset(_achadas(arquivo.caminho, chave, suas))
            fatias[nome] = PorChave((Parte(chaves, campos),))
        return replace(alvo, recorte=Registros(fatias))

    def _campos_de(self, backup: Backup, tabela: str) -> tuple[str, ...]:
        return tuple(c for c in self.campos if c in _colunas_de(backup, tabela))


def escolha_de(opcoes: Namespace) -> Escolha | None:
    """O que as opções pedem; None, se são tabelas inteiras. Levanta ErroDeUso."""
    linhas, arquivo, campos = opcoes.linhas or (), opcoes.chaves, opcoes.campos or ()
    if not (linhas or arquivo or campos):
        return None
    if (linhas or arquivo) and opcoes.tabelas:
        raise ErroDeUso("--tabelas não combina com --linhas nem com --chaves: elas já as dizem.")
    if campos and opcoes.modo == RECUPERAR:
        raise ErroDeUso(
            "--campos não combina com --modo recuperar: são colunas de registros que existem, e"
            " recuperar só repõe os que faltam."
        )
    if opcoes.somar:
        raise ErroDeUso(
            "--somar é de tabelas inteiras: não combina com --linhas, --chaves, --campos."
        )
    condicoes = [ler_linha_pedida(dita) for dita in linhas]
    condicoes += ler_chaves(Path(arquivo)) if arquivo else ()
    if arquivo and not condicoes:
        raise ErroDeUso(f"{visivel(arquivo)} não tem nenhuma chave.", "")
    return Escolha(tuple(condicoes), campos)


def ler_linha_pedida(dita: str) -> Condicao:
    """«vendas: cliente_id=12, numero="A,1"». Levanta ErroDeUso."""
    tabela, dois_pontos, resto = dita.partition(":")
    valores: dict[str, Valor] = {}
    for parte in next(csv.reader([resto], skipinitialspace=True), []):
        coluna, igual, valor = parte.partition("=")
        if not igual or not coluna.strip():
            valores.clear()
            break
        valores[coluna.strip()] = valor.strip()
    if not (dois_pontos and tabela.strip() and valores):
        raise ErroDeUso(
            f"Não entendi --linhas «{visivel(dita)}».",
            'É "tabela: coluna=valor", ou "tabela: coluna=valor, outra=valor". Um valor com vírgula'
            " vai entre aspas com o nome dele: 'tabela: \"coluna=a,b\"'.",
        )
    return Condicao(tabela.strip(), valores, f"--linhas «{dita}»")


class _ChaveDita(msgspec.Struct, forbid_unknown_fields=True):
    tabela: str
    chave: dict[str, msgspec.Raw]


def ler_chaves(arquivo: Path) -> list[Condicao]:
    """As de um arquivo: em cada linha, `{"tabela": "vendas", "chave": {"id": 12}}`. Levanta
    ErroDeUso, que diz a linha."""
    try:
        conteudo = arquivo.read_bytes()
    except OSError as e:
        raise ErroDeUso(f"Não consegui ler {visivel(str(arquivo))}: {e.strerror}.") from e
    ler = msgspec.json.Decoder(_ChaveDita).decode
    condicoes = []
    for n, linha in enumerate(conteudo.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not linha.strip():
            continue
        dita = f"{arquivo.name}, linha {n}"
        try:
            lida = ler(linha)
            valores = {c: texto(bytes(v)) for c, v in lida.chave.items()}
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise _mal_dita(dita) from e
        if not valores:
            raise _mal_dita(dita)
        condicoes.append(Condicao(lida.tabela, valores, dita, pela_chave=True))
    return condicoes


def _mal_dita(onde: str) -> ErroDeUso:
    return ErroDeUso(
        f"{visivel(onde)}: não é uma chave.",
        'Cada linha é um objeto JSON, em UTF-8: {"tabela": "vendas", "chave": {"id": 12}}',
    )


def _tabela(pedida: str, dita: str, disponiveis: Collection[str]) -> str:
    causa = f"{visivel(dita)}: o backup escolhido não tem a tabela {visivel(pedida)}."
    return achar_tabela(pedida, disponiveis, causa)


def _e_a_mesma(pedida: str, nome: str, disponiveis: Collection[str]) -> bool:
    return tabela_de_nome(pedida, disponiveis) == nome


def _colunas_de(backup: Backup, tabela: str) -> list[str]:
    """As que o backup diz; sem o dizer (primeira versão), as da primeira linha."""
    assert backup.meta is not None
    salva = backup.meta.tabelas[tabela]
    if salva.colunas:
        return [str(c["nome"]) for c in salva.colunas]
    primeiro = next(ler_linhas(backup.caminho(salva)), [])
    return [*msgspec.json.decode(primeiro[0], type=dict[str, msgspec.Raw])] if primeiro else []


def _conferir_colunas(
    condicoes: Sequence[Condicao], tabela: str, colunas: Sequence[str], chave: Sequence[str]
) -> None:
    """Levanta ErroDeUso."""
    nome = visivel(como_se_diz(tabela))
    for condicao in condicoes:
        for coluna in condicao.valores:
            if coluna not in colunas:
                raise ErroDeUso(
                    f"{visivel(condicao.dita)}: {nome} não tem a coluna {visivel(coluna)}.",
                    f"Colunas de {nome}: {', '.join(map(visivel, colunas))}",
                )
        certas = set(chave or colunas)
        if condicao.pela_chave and set(condicao.valores) != certas:
            quais = ", ".join(map(visivel, chave)) if chave else "a linha inteira"
            raise ErroDeUso(f"{visivel(condicao.dita)}: a chave de {nome} é {quais}.", "")


def _conferir_que_se_grava(alvo: Alvo, nome: str, campos: Sequence[str]) -> None:
    tabela = alvo.escopo[nome].tabela
    gravaveis = alvo.colunas_gravaveis(tabela)
    for campo in campos:
        if tabela.coluna(campo) is not None and campo not in gravaveis:
            raise ErroDeUso(
                f"{visivel(campo)} de {visivel(como_se_diz(nome))} não se restaura: quem a escreve"
                " é o banco.",
                "Deixe-a fora de --campos: com as outras de volta, ele a refaz.",
            )


def _achadas(
    arquivo: Path, chave: Sequence[str], condicoes: Sequence[Condicao]
) -> Iterator[ChaveEscrita]:
    """As chaves das linhas do arquivo que alguma condição quer. Levanta NadaEncontrado se uma não
    quer nenhuma, e BackupDanificado."""
    por_colunas: dict[tuple[str, ...], dict[tuple[Valor, ...], list[Condicao]]] = {}
    for condicao in condicoes:
        colunas, valores = zip(*sorted(condicao.valores.items()), strict=True)
        por_colunas.setdefault(colunas, {}).setdefault(valores, []).append(condicao)
    sem_par = {id(condicao): condicao for condicao in condicoes}
    for grupo in ler_linhas(arquivo):
        linhas = [bytes(linha) for linha in grupo]
        for colunas, procurados in por_colunas.items():
            for linha, brutos in zip(linhas, valores_de_todas(linhas, colunas), strict=True):
                for condicao in procurados.get(tuple(map(texto, brutos)), ()):
                    sem_par.pop(id(condicao), None)
                    yield chave_escrita(linha, chave)
    if sem_par:
        ditas = [visivel(c.dita) for c in sem_par.values()]
        resto = f" e mais {len(ditas) - DITAS}" if len(ditas) > DITAS else ""
        raise NadaEncontrado(
            f"O backup escolhido não tem {plural(len(ditas), 'registro', 'registros')} dos que se"
            f" pediram: {'; '.join(ditas[:DITAS])}{resto}.",
            "Veja em que backup está: backup-por-empresa.py procurar.",
        )


def tabelas_pedidas(nomes: Sequence[str], backup: Backup) -> tuple[str, ...]:
    """As tabelas do backup com estes nomes, em qualquer caixa, na ordem do manual e sem repetir;
    todas, se nenhum. Levanta ErroDeUso por um nome que o backup não tem, com os que tem."""
    disponiveis = tabelas_de(backup)
    achadas = {
        achar_tabela(nome, disponiveis, f"O backup escolhido não tem a tabela {visivel(nome)}.")
        for nome in nomes
    }
    return tuple(t for t in disponiveis if t in achadas or not nomes)
