"""As linhas de uma empresa, com outra gente.

Duas passadas. Na primeira (`aprender`) vê-se quem há, em todas as tabelas; na segunda (`trocar`)
cada linha sai com os substitutos. As chaves, os valores e as datas não mudam, e o que aponta para
quê também não: o mesmo e-mail é outro, mas o mesmo outro, em toda parte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from cofre.base import textos
from cofre.base.config.valores import RegrasDeAnonimizar
from cofre.base.linha import NULO, abrir_linha
from cofre.base.modelo import LOGINS
from cofre.clone.anonimo.classes import LIVRES, Classe, Especie
from cofre.clone.anonimo.colunas_da_copia import ColunaDaCopia, ColunasDaCopia
from cofre.clone.anonimo.estruturas import Estruturas
from cofre.clone.anonimo.feitio import vestir
from cofre.clone.anonimo.opacos import refazer
from cofre.clone.anonimo.relatorio import Relatorio
from cofre.clone.anonimo.trocas import Trocas
from cofre.clone.anonimo.valores import Tratamento
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.via.logins.login import FATORES, SENHA

_LEMBRADOS = 5_000
"""Valores de uma coluna que se lembram, enquanto se passa pela tabela dela: os que se repetem
custam uma consulta."""


@dataclass(frozen=True, slots=True)
class _Feito:
    """Um valor já trocado, o que nele se trocou, e se ficou algum texto (e nele alguém)."""

    valor: msgspec.Raw
    trocas: tuple[tuple[Especie, int], ...]
    ficou: bool
    achado: bool


class Anonimizador:
    """Troca os dados de uma empresa. `segredo` é o desta máquina: com outro, os substitutos são
    outros. `pedidas`: o que o cofre.toml diz das colunas."""

    def __init__(
        self,
        tabelas: Mapping[str, TabelaSalva],
        segredo: bytes,
        pedidas: RegrasDeAnonimizar | None = None,
    ) -> None:
        self._colunas = ColunasDaCopia(tabelas, pedidas or RegrasDeAnonimizar())
        cidades: set[str] = set()
        self._trocas = Trocas(segredo, cidades)
        self._feitas: Counter[Especie] = Counter()
        self._pares: list[tuple[str, str]] = []
        self._ficou = self._achado = False
        self._vistos: dict[tuple[str, str], set[bytes]] = {}
        self._prontos: dict[tuple[str, str], dict[bytes, _Feito]] = {}
        self._fechado = False
        a_ver = Tratamento(self._ver, _ninguem_conhece, _sem_nomes, _sem_base, cidades, segredo)
        a_trocar = Tratamento(
            self._trocar_um,
            self._trocas.conhece,
            self._trocas.nomes.onde,
            self._nome,
            cidades,
            segredo,
        )
        self._a_ver = Estruturas(a_ver)
        self._a_trocar = Estruturas(a_trocar, self._anotar)
        self.relatorio = Relatorio()
        """O que se trocou, até agora, e o que ficou."""

    # -- primeira passada ----------------------------------------------------------------------

    def aprender(self, tabela: str, linhas: Iterable[bytes]) -> None:
        """Vê as linhas (objetos JSON) de uma tabela; todas as de todas, antes de trocar alguma.
        Levanta msgspec.DecodeError."""
        self._vistos.clear()
        for linha in linhas:
            for nome, bruto in abrir_linha(linha).items():
                coluna = self._colunas.de(tabela, nome) if nome != textos.CAMPO else None
                if coluna is not None and bytes(bruto) != NULO:
                    self._aprender_um(tabela, coluna, bytes(bruto))

    def _aprender_um(self, tabela: str, coluna: ColunaDaCopia, bruto: bytes) -> None:
        vistos = self._vistos.setdefault((tabela, coluna.nome), set())
        if bruto in vistos or coluna.classe is Classe.VAZIA:
            return
        if len(vistos) >= _LEMBRADOS:
            vistos.clear()
        vistos.add(bruto)
        if coluna.por_conteudo:
            self._a_ver.mostrar(bruto, coluna.conteudo)
        self._a_ver.trocar(bruto, coluna.certa, (tabela, coluna.nome))

    def _ver(self, especie: Especie, texto: str) -> str:
        if especie not in (Especie.NASCIMENTO, Especie.COORDENADA):
            self._trocas.ver(especie, texto)
        return texto

    def _fechar(self) -> None:
        if self._fechado:
            return
        self._fechado = True
        self._vistos.clear()
        self._colunas.decidir()
        for _tabela, coluna in self._colunas.todas():
            if coluna.classe is Classe.NOME:
                for texto in coluna.conteudo.de_gente:
                    self._trocas.ver(Especie.NOME, texto)
            coluna.conteudo.de_gente.clear()
        self._trocas.fechar()

    # -- segunda passada -----------------------------------------------------------------------

    def trocar(self, tabela: str, linhas: Iterable[bytes]) -> Iterator[bytes]:
        """As mesmas linhas, trocadas, na mesma ordem. Levanta msgspec.DecodeError."""
        self._fechar()
        self._prontos.clear()
        for linha in linhas:
            campos = abrir_linha(linha)
            novos = dict(self._novos(tabela, campos))
            if tabela == LOGINS:
                novos |= _sem_como_entrar(campos)
            if not novos and textos.CAMPO not in campos:
                yield linha
                continue
            juntos = {c: novos.get(c, v) for c, v in campos.items() if c != textos.CAMPO}
            juntos.pop(SENHA if tabela == LOGINS else "", None)
            yield msgspec.json.encode({**juntos, **self._textos(tabela, campos, novos)})

    def _novos(
        self, tabela: str, campos: Mapping[str, msgspec.Raw]
    ) -> Iterator[tuple[str, msgspec.Raw]]:
        """As colunas cujo valor muda."""
        for nome, bruto in campos.items():
            coluna = self._colunas.de(tabela, nome) if nome != textos.CAMPO else None
            valor = bytes(bruto)
            if coluna is None or valor == NULO:
                continue
            feito = self._feito(tabela, coluna, valor)
            if feito.ficou:
                deixada = self.relatorio.deixadas[tabela][nome]
                deixada.valores += 1
                deixada.achados += feito.achado
                deixada.motivo = coluna.motivo
            if feito.trocas:
                self.relatorio.trocadas[tabela][nome].update(dict(feito.trocas))
            if bytes(feito.valor) != valor:
                yield nome, feito.valor

    def _feito(self, tabela: str, coluna: ColunaDaCopia, valor: bytes) -> _Feito:
        prontos = self._prontos.setdefault((tabela, coluna.nome), {})
        feito = prontos.get(valor)
        if feito is None:
            if len(prontos) >= _LEMBRADOS:
                prontos.clear()
            feito = prontos[valor] = self._fazer(tabela, coluna, valor)
        return feito

    def _fazer(self, tabela: str, coluna: ColunaDaCopia, valor: bytes) -> _Feito:
        if coluna.classe is Classe.VAZIA:
            return _Feito(msgspec.Raw(coluna.vazio), ((Especie.CALCULADO, 1),), False, False)
        self._feitas, self._pares, self._ficou, self._achado = Counter(), [], False, False
        novo = self._a_trocar.trocar(valor, coluna.certa, (tabela, coluna.nome))
        feitas = tuple(self._feitas.items())
        return _Feito(msgspec.Raw(novo), feitas, self._ficou, self._achado)

    def _trocar_um(self, especie: Especie, texto: str) -> str:
        self._feitas[especie] += 1
        if especie in (Especie.NASCIMENTO, Especie.COORDENADA):
            return texto
        return self._trocas.trocar(especie, texto)

    def _nome(self, chave: str, texto: str) -> str:
        self._feitas[Especie.NOME] += 1
        return vestir(self._trocas.base(chave), texto)

    def _anotar(self, classe: Classe, velho: str, novo: str) -> None:
        """Um texto de dentro de um valor, e o que ficou no lugar dele."""
        if velho != novo:
            self._pares.append((velho, novo))
        if classe in LIVRES and velho and not velho.isspace():
            self._ficou = True
            por_trocar = classe is Classe.FICA
            self._achado |= self._trocas.ha_alguem(novo, por_trocar=por_trocar)

    def _textos(
        self,
        tabela: str,
        campos: Mapping[str, msgspec.Raw],
        novos: Mapping[str, msgspec.Raw],
    ) -> dict[str, msgspec.Raw]:
        """Os textos da linha (ver `base.textos`), com o mesmo que se trocou nos valores; o que não
        se consegue refazer não vai, e fica o JSON."""
        ficam = {}
        for nome, texto in textos.textos_de(campos).items():
            coluna = self._colunas.de(tabela, nome)
            if coluna is None or nome not in novos:
                ficam[nome] = texto
            elif coluna.classe is not Classe.VAZIA:
                self._fazer(tabela, coluna, bytes(campos[nome]))
                refeito = refazer(texto, self._pares)
                if refeito is not None:
                    ficam[nome] = refeito
        return textos.em_campo(ficam)


def _sem_como_entrar(campos: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Nem a senha (que sai) nem os segundos fatores vão para onde outros os vejam."""
    fora = {SENHA: msgspec.Raw(NULO), FATORES: msgspec.Raw(b"[]")}
    return {nome: valor for nome, valor in fora.items() if nome in campos}


def _ninguem_conhece(_especie: Especie, _caracteres: str) -> bool:
    return False


def _sem_nomes(_texto: str) -> Iterator[tuple[int, int, str]]:
    return iter(())


def _sem_base(_chave: str, texto: str) -> str:
    return texto
