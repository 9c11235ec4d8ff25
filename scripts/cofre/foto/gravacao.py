"""Os arquivos de uma foto enquanto se gravam: cada bloco se olha na memória, e não se relê."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from cofre.base.modelo import Contradicao, Empresa, Tabela
from cofre.deposito.formato import Gravador
from cofre.deposito.passada import Observador, Passada
from cofre.deposito.publicacao import Montagem, dos_textos
from cofre.deposito.textos import Separador
from cofre.foto.contradicoes import Contradicoes
from cofre.foto.empresa import EMPRESAS, RegistrosVistos
from cofre.foto.foto import Contexto
from cofre.via.contrato import EmpresaLida, Entrega, Saida


@dataclass(frozen=True, slots=True)
class Gravada:
    """O que só se sabe de um arquivo depois de gravá-lo: o tamanho e a soma do JSON; de uma tabela,
    o mesmo dos textos, se alguma linha os tem, quantas os têm (os `registros` deles), e quantos há
    de cada coluna."""

    bytes: int
    sha256: str
    textos: Gravada | None = None
    registros: int = 0
    por_coluna: Mapping[str, int] = field(default_factory=dict)


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

    def __init__(self, montagem: Montagem, empresa: Empresa, contexto: Contexto) -> None:
        self.montagem = montagem
        self.gravadas: dict[str, Gravada] = {}
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
            self.gravadas.pop(nome, None)
            for quem in (nome, dos_seus):
                self.montagem.caminho(quem).unlink(missing_ok=True)
            raise

    def gravar(self, lida: EmpresaLida) -> None:
        """As tabelas que deram certo e que a via não entregou já. Levanta FalhaDeDisco."""
        for da_tabela in lida.tabelas:
            if da_tabela.falha is None and da_tabela.tabela.nome not in self.gravadas:
                with self.abrir(da_tabela.tabela) as receber:
                    for bloco in da_tabela.em_ordem():
                        receber(bloco)

    def empresa(self) -> Empresa:
        """A empresa como as linhas gravadas a mostram."""
        if self._vistos is None or EMPRESAS not in self.gravadas:
            return self._empresa
        return self._vistos.na_foto(self._empresa)

    def contradicoes(self) -> Iterator[Contradicao]:
        """O que se notou nas linhas gravadas."""
        return self._contradicoes.achadas(self.gravadas)

    def _observadores(self, tabela: Tabela) -> list[Observador]:
        observadores = self._contradicoes.observadores(tabela)
        if tabela.nome == EMPRESAS and self._vistos is not None:
            observadores.append(self._vistos)
        return observadores

    def _novas_contradicoes(self) -> Contradicoes:
        return Contradicoes(self._contexto.escopo.tabelas, self._contexto.inspecao.donos)
