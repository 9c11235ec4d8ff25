"""As colunas das tabelas de uma cópia: a classe de cada uma, e quem a disse.

Pela ordem: o cofre.toml; o tipo (um uuid, um valor ou uma data não são de ninguém); o nome; o
conteúdo, que só se sabe depois de ver tudo; e as ligações: o que aponta para uma coluna que se
troca, troca-se igual.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cofre.base.config.valores import RegrasDeAnonimizar
from cofre.base.modelo import ARQUIVOS, LOGINS
from cofre.clone.anonimo.classes import LIVRES, Classe
from cofre.clone.anonimo.colunas import classe_do_nome
from cofre.clone.anonimo.conteudo import Conteudo
from cofre.deposito.tabela_salva import TabelaSalva

_NUMEROS = frozenset({"integer", "bigint", "smallint", "numeric", "real", "double precision"})
_DE_NUMEROS = frozenset(
    {
        *(Classe.DOCUMENTO, Classe.PIS, Classe.CNH, Classe.TELEFONE, Classe.CEP),
        Classe.COORDENADA,
    }
)
_DATAS = frozenset({"date", "timestamp without time zone", "timestamp with time zone"})
_SEM_TEXTO = frozenset(
    {
        *("uuid", "boolean", "interval", "time without time zone", "time with time zone"),
        *(
            "int4range",
            "int8range",
            "numrange",
            "tsrange",
            "tstzrange",
            "daterange",
            "money",
            "oid",
        ),
        *("bit", "bit varying", "point", "line", "lseg", "box", "path", "polygon", "circle"),
    }
)
_DO_LOGIN = {
    "email": Classe.EMAIL,
    "phone": Classe.TELEFONE,
    "raw_app_meta_data": Classe.TEXTO,
    "raw_user_meta_data": Classe.TEXTO,
    "identidades": Classe.TEXTO,
}
BINARIO = "binário: não se olha dentro"
DE_ARQUIVO = "o nome do arquivo no Storage"
_TEXTOS = frozenset(
    {*("text", "character varying", "character", "citext", "name", "xml", "json", "jsonb"), ""}
)
_MOTIVOS = {
    Classe.FICA: "cidade, UF ou país: fica",
    Classe.CODIGO: "número ou código: fica",
}
PEDIDO = "«manter», no cofre.toml"


@dataclass(slots=True)
class ColunaDaCopia:
    """Uma coluna. `classe` None: ainda não se sabe (enquanto se aprende, é texto); `pedida`: foi o
    cofre.toml que a disse; `vazio`: o que vai no lugar de um valor calculado; `enumerada`: o tipo é
    um que o banco inventou, e pode só aceitar uns poucos valores."""

    nome: str
    classe: Classe | None
    pedida: bool = False
    motivo: str = ""
    vazio: bytes = b"null"
    enumerada: bool = False
    conteudo: Conteudo = field(default_factory=Conteudo)

    @property
    def certa(self) -> Classe:
        """A que se usa."""
        return self.classe or Classe.TEXTO

    @property
    def por_conteudo(self) -> bool:
        """Se o que está nela ainda pode dizer outra coisa."""
        livre = self.classe in (None, Classe.TEXTO, Classe.CODIGO)
        return not self.pedida and (livre or self.enumerada)

    def decidir(self) -> None:
        """Já se viu tudo: a classe, se não a dizia o nome; um código, ou o texto de uma coisa,
        podem ser documentos, mas não o nome de alguém."""
        if self.por_conteudo:
            pelo_conteudo = self.conteudo.classe
            if self.enumerada and self.conteudo.de_uma_lista:
                self.classe, self.motivo = Classe.CODIGO, _MOTIVOS[Classe.CODIGO]
            if pelo_conteudo is not None and (self.classe is None or pelo_conteudo != Classe.NOME):
                self.classe = pelo_conteudo
        self.classe = self.certa


class ColunasDaCopia:
    """As de todas as tabelas. As que não se olham (uuid, valores, datas) não estão nelas."""

    def __init__(self, tabelas: Mapping[str, TabelaSalva], pedidas: RegrasDeAnonimizar) -> None:
        self._salvas, self._pedidas = tabelas, pedidas
        self._por_tabela: dict[str, dict[str, ColunaDaCopia | None]] = {
            nome: {
                coluna: self._primeira(nome, coluna, tipo) for coluna, tipo in salva.tipos.items()
            }
            for nome, salva in tabelas.items()
        }

    def de(self, tabela: str, coluna: str) -> ColunaDaCopia | None:
        """A coluna; None se não se olha. A primeira versão não descrevia as colunas: aí vale o nome
        da que aparece."""
        suas = self._por_tabela.setdefault(tabela, {})
        if coluna not in suas:
            suas[coluna] = self._primeira(tabela, coluna, "")
        return suas[coluna]

    def todas(self) -> Iterator[tuple[str, ColunaDaCopia]]:
        """(tabela, coluna) das que se olham."""
        for tabela, suas in self._por_tabela.items():
            yield from ((tabela, c) for c in suas.values() if c is not None)

    def _primeira(self, tabela: str, coluna: str, tipo: str) -> ColunaDaCopia | None:
        qual = (tabela, coluna)
        if qual in self._pedidas.manter:
            return ColunaDaCopia(coluna, Classe.FICA, pedida=True, motivo=PEDIDO)
        if qual in self._pedidas.trocar:
            return ColunaDaCopia(coluna, Classe(self._pedidas.trocar[qual]), pedida=True)
        if tabela == LOGINS:
            do_login = _DO_LOGIN.get(coluna)
            return ColunaDaCopia(coluna, do_login, pedida=True) if do_login else None
        if tabela == ARQUIVOS:
            e_nome = coluna == "nome"
            return ColunaDaCopia(coluna, Classe.FICA, motivo=DE_ARQUIVO) if e_nome else None
        return self._do_tipo(tabela, coluna, tipo.removesuffix("[]"))

    def _do_tipo(self, tabela: str, coluna: str, tipo: str) -> ColunaDaCopia | None:
        salva = self._salvas.get(tabela)
        if tipo == "uuid" and not (salva is not None and coluna in salva.de_quem):
            token = classe_do_nome(coluna, (tabela,)) is Classe.SEGREDO
            return ColunaDaCopia(coluna, Classe.SEGREDO) if token else None
        if tipo in _SEM_TEXTO:
            return None
        if tipo == "bytea":
            return ColunaDaCopia(coluna, Classe.FICA, motivo=BINARIO)
        if tipo == "tsvector":
            return ColunaDaCopia(coluna, Classe.VAZIA, vazio=b'""')
        classe = classe_do_nome(coluna, (tabela,), frozenset(salva.tipos) if salva else ())
        if tipo in _NUMEROS:
            ligada = salva is not None and coluna in salva.de_quem
            return ColunaDaCopia(coluna, classe) if classe in _DE_NUMEROS and not ligada else None
        if tipo in _DATAS:
            return ColunaDaCopia(coluna, classe) if classe is Classe.NASCIMENTO else None
        if salva is not None and coluna in salva.nao_gravaveis:
            return ColunaDaCopia(coluna, Classe.VAZIA)
        if tipo in ("inet", "cidr"):
            return ColunaDaCopia(coluna, Classe.IP)
        motivo = _MOTIVOS.get(classe, "") if classe else ""
        return ColunaDaCopia(coluna, classe, motivo=motivo, enumerada=tipo not in _TEXTOS)

    def decidir(self) -> None:
        """Já se viu tudo."""
        for _tabela, coluna in self.todas():
            coluna.decidir()
        ligadas = list(self._ligadas())
        for _ in range(len(ligadas)):  # uma corrente de chaves não é mais comprida do que isto
            if not sum(_igualar(uma, outra) for uma, outra in ligadas):
                break

    def _ligadas(self) -> Iterator[tuple[ColunaDaCopia, ColunaDaCopia]]:
        """A que aponta, e a apontada."""
        for tabela, salva in self._salvas.items():
            pares = [
                (de, fk.tabela, para)
                for fk in (*salva.estrangeiras, *salva.maes)
                for de, para in zip(fk.colunas, fk.referencias, strict=False)
            ]
            pares += [(de, "empresas", para) for de, para in salva.elos if para]
            for de, outra, para in pares:
                if outra in self._salvas:
                    uma, apontada = self.de(tabela, de), self.de(outra, para)
                    if uma is not None and apontada is not None:
                        yield uma, apontada


def _igualar(uma: ColunaDaCopia, apontada: ColunaDaCopia) -> bool:
    """Dá às duas a mesma classe; se alguma mudou."""
    if uma.certa == apontada.certa:
        return False
    ha_mais_em_uma = apontada.certa in LIVRES and uma.certa not in LIVRES
    manda = uma if not apontada.pedida and (uma.pedida or ha_mais_em_uma) else apontada
    uma.classe = apontada.classe = manda.certa
    return True
