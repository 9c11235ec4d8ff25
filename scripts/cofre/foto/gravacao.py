"""Os arquivos de uma foto enquanto se gravam: cada bloco se olha na memória, e não se relê."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from cofre.base.erros import FalhaDeDisco
from cofre.base.linha import SEPARADOR
from cofre.base.modelo import LISTAS, Contradicao, Empresa, Tabela
from cofre.base.palavras import visivel
from cofre.deposito.formato import Gravador
from cofre.deposito.nomes import CONTEUDOS, dos_textos
from cofre.deposito.passada import Observador, Passada, Somas, passar
from cofre.deposito.publicacao import Montagem
from cofre.deposito.resumos import Anterior
from cofre.deposito.textos import Separador
from cofre.foto.contradicoes import Contradicoes
from cofre.foto.empresa import EMPRESAS, RegistrosVistos
from cofre.foto.foto import Contexto
from cofre.foto.listas import Colheita, Colhida, ListasMudaram
from cofre.via.leitura import EmpresaLida, Entrega, PorVer, Saida


@dataclass(frozen=True, slots=True)
class Gravada:
    """O que só se sabe de um arquivo depois de gravá-lo: o tamanho e a soma do JSON; de uma tabela,
    o mesmo dos textos, se alguma linha os tem, quantas os têm (os `registros` deles), e quantos há
    de cada coluna; de uma lista, quantas linhas, e o mesmo dos `conteudos`."""

    bytes: int
    sha256: str
    textos: Gravada | None = None
    registros: int = 0
    por_coluna: Mapping[str, int] = field(default_factory=dict)
    conteudos: Gravada | None = None


class _Textos:
    """Os textos das linhas que passam: vão para um arquivo deles, criado se há algum."""

    def __init__(self, criar: Callable[[], BinaryIO]) -> None:
        self._criar = criar
        self._separador = Separador()
        self._gravador: Gravador | None = None

    def separar(self, bloco: bytes) -> bytes:
        """O bloco sem os textos. Levanta FalhaDeDisco."""
        limpo, textos = self._separador.separar(bloco)
        if textos:
            self._gravador = self._gravador or Gravador(self._criar())
            self._gravador.bloco(textos)
        return limpo

    def terminar(self) -> Gravada | None:
        """O que se gravou, se algo."""
        if self._gravador is None:
            return None
        sha256 = self._gravador.terminar()
        separador = self._separador
        return Gravada(
            self._gravador.bytes,
            sha256,
            registros=separador.quantas,
            por_coluna=separador.por_coluna,
        )


class Gravacao:
    """As tabelas de uma foto, gravadas na montagem de um backup."""

    def __init__(
        self,
        montagem: Montagem,
        empresa: Empresa,
        contexto: Contexto,
        colheitas: Sequence[Colheita] = (),
    ) -> None:
        self.montagem = montagem
        self.gravadas: dict[str, Gravada] = {}
        self.colhidas: list[Colhida] = []
        self._colheitas = colheitas
        self._empresa = empresa
        self._contexto = contexto
        self._contradicoes = self._novas_contradicoes()
        self._vistos = RegistrosVistos.de(empresa, contexto.escopo)
        montagem.reservar(list(contexto.escopo.tabelas))

    def close(self) -> None:
        """Larga o que guardou para conferir; os arquivos ficam."""
        self._contradicoes.close()

    def recomecar(self) -> Entrega:
        """Esquece e apaga o que já se gravou; devolve `abrir`. OSError passa."""
        for nome in self.gravadas:
            self.montagem.caminho(nome).unlink()
            self.montagem.caminho(dos_textos(nome)).unlink(missing_ok=True)
        self.gravadas.clear()
        self._contradicoes.close()
        self._contradicoes = self._novas_contradicoes()
        self._vistos = RegistrosVistos.de(self._empresa, self._contexto.escopo)
        return self.abrir

    @contextlib.contextmanager
    def abrir(self, tabela: Tabela) -> Iterator[Saida]:
        """Onde pôr as linhas de uma tabela, em blocos, na ordem da chave. Ao sair, o arquivo está
        no disco; se algo falhou, não está. Levanta FalhaDeDisco."""
        passada = Passada(self._observadores(tabela))
        nome, dos_seus = tabela.nome, dos_textos(tabela.nome)
        try:
            with contextlib.ExitStack() as pilha:
                gravador = Gravador(pilha.enter_context(self.montagem.criar(nome)))
                textos = _Textos(lambda: pilha.enter_context(self.montagem.criar(dos_seus)))

                def receber(bloco: bytes) -> None:
                    limpo = textos.separar(bloco) if tabela.formas else bloco
                    gravador.bloco(limpo)
                    passada.bloco(limpo)

                yield receber
                sha256 = gravador.terminar()
                self.gravadas[nome] = Gravada(gravador.bytes, sha256, textos.terminar())
        except BaseException:
            self._largar(nome)
            raise

    def usar(self, tabela: Tabela, anterior: Anterior, vistas: Iterable[bytes] = ()) -> bool:
        """Faz da tabela a de um backup anterior, se ainda tem os bytes que tinha, e diz se deu: o
        mesmo arquivo, com mais um nome ou, onde não dá, copiado. `vistas`: de uma que não se pode
        ler, as linhas só com as colunas que alguém tem de ver. Levanta FalhaDeDisco."""
        arquivos = [(tabela.nome, anterior.salva, anterior.caminho)]
        if anterior.salva.textos is not None and anterior.textos is not None:
            arquivos.append((dos_textos(tabela.nome), anterior.salva.textos, anterior.textos))
        if not all(self.montagem.aproveitar(*um) for um in arquivos):
            self._largar(tabela.nome)
            return False
        observadores = self._observadores(tabela)
        if observadores and not anterior.selada:
            somas = Somas()
            passar(self.montagem.caminho(tabela.nome), observadores, somas)
            if somas.sha256 != anterior.salva.sha256:
                raise FalhaDeDisco(f"O arquivo de {visivel(tabela.nome)} mudou enquanto se lia.")
        elif observadores:
            passada = Passada(observadores)
            for bloco in vistas:
                passada.bloco(bloco)
        salva, textos = anterior.salva, None
        if (seus := salva.textos) is not None:
            textos = Gravada(
                seus.bytes, seus.sha256, registros=seus.registros, por_coluna=seus.por_coluna
            )
        self.gravadas[tabela.nome] = Gravada(salva.bytes, salva.sha256, textos)
        return True

    def por_ver(self, tabela: Tabela) -> PorVer | None:
        """O que há a ver de uma tabela que se usou sem se poder ler."""
        observadores = self._observadores(tabela) if self.montagem.cifra is not None else []
        if not observadores:
            return None
        return PorVer(_colunas_de(observadores), Passada(observadores).bloco)

    def _largar(self, nome: str) -> None:
        self.gravadas.pop(nome, None)
        for quem in (nome, dos_textos(nome)):
            self.montagem.caminho(quem).unlink(missing_ok=True)

    def gravar(self, lida: EmpresaLida) -> None:
        """As tabelas que deram certo e que a via não entregou já. Levanta FalhaDeDisco, ou
        ListasMudaram se uma é a de um backup que já não é o que era, e há que ler outra vez."""
        for da_tabela in lida.tabelas:
            anterior = da_tabela.reuso.anterior
            if da_tabela.falha is None and da_tabela.tabela.nome not in self.gravadas:
                if anterior is not None:
                    if not self.usar(da_tabela.tabela, anterior, da_tabela.vistas()):
                        raise ListasMudaram(f"{visivel(da_tabela.tabela.nome)} não se aproveita.")
                    continue
                with self.abrir(da_tabela.tabela) as receber:
                    for bloco in da_tabela.em_ordem():
                        receber(bloco)

    def colher(self, empresa: Empresa) -> bool:
        """Grava as listas, depois das linhas; diz se alguma se moveu enquanto isso. Levanta
        FalhaDeDisco."""
        self.colhidas = [c.colher(empresa, self.montagem) for c in self._colheitas]
        for colhida in self.colhidas:
            if colhida.falha is None and not colhida.ausente:
                self._gravar_lista(colhida)
        return any(colhida.mudou for colhida in self.colhidas)

    def _gravar_lista(self, colhida: Colhida) -> None:
        nome = colhida.tabela.nome
        with self.abrir(colhida.tabela) as receber:
            registros = _passar(colhida.linhas, receber)
        conteudos = None
        if colhida.conteudos is not None:
            with self.montagem.criar(CONTEUDOS) as arquivo:
                gravador = Gravador(arquivo)
                citados = _passar(colhida.conteudos, gravador.bloco)
                sha256 = gravador.terminar()
            conteudos = Gravada(gravador.bytes, sha256, registros=citados)
        self.gravadas[nome] = replace(self.gravadas[nome], registros=registros, conteudos=conteudos)

    def empresa(self) -> Empresa:
        """A empresa como as linhas gravadas a mostram."""
        if self._vistos is None or EMPRESAS not in self.gravadas:
            return self._empresa
        return self._vistos.na_foto(self._empresa)

    def contradicoes(self) -> Iterator[Contradicao]:
        """O que se notou nas linhas gravadas."""
        return self._contradicoes.achadas([n for n in self.gravadas if n not in LISTAS])

    def _observadores(self, tabela: Tabela) -> list[Observador]:
        if tabela.nome in LISTAS:
            return []
        observadores = self._contradicoes.observadores(tabela)
        for colheita in self._colheitas:
            observadores += colheita.observadores(tabela)
        if tabela.nome == EMPRESAS and self._vistos is not None:
            observadores.append(self._vistos)
        return observadores

    def _novas_contradicoes(self) -> Contradicoes:
        return Contradicoes(self._contexto.escopo.tabelas, self._contexto.inspecao.donos)


def colunas_por_ver(
    contexto: Contexto, colheitas: Sequence[Colheita]
) -> Mapping[str, Sequence[str]]:
    """De cada tabela, as colunas que alguém há de ver quando se gravar, de qualquer empresa; as
    `colheitas` são as de uma."""
    tabelas = contexto.escopo.tabelas
    with contextlib.closing(Contradicoes(tabelas, contexto.inspecao.donos)) as contradicoes:
        return {
            nome: _colunas_de(
                [
                    *contradicoes.observadores(t.tabela),
                    *(o for c in colheitas for o in c.observadores(t.tabela)),
                ]
            )
            for nome, t in tabelas.items()
        }


def _colunas_de(observadores: Sequence[Observador]) -> Sequence[str]:
    return tuple(dict.fromkeys(c for o in observadores for c in o.colunas))


def _passar(blocos: Iterable[bytes], receber: Callable[[bytes], None]) -> int:
    """Passa estes blocos a quem os recebe; devolve quantas linhas levavam (nenhuma tem quebras
    próprias)."""
    linhas = 0
    for bloco in blocos:
        receber(bloco)
        linhas += bloco.count(SEPARADOR) + 1 if bloco else 0
    return linhas
