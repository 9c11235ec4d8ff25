"""As linhas de uma empresa por COPY, numa transação já aberta: nada aqui começa nem termina uma.

Quem fotografa para um backup abre um instante só de leitura; quem restaura pode ler de novo dentro
da sua própria transação, e vê o que acabou de escrever.
"""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import IO

import msgspec
import psycopg
from psycopg import sql

from cofre.direto.consulta import Catalogadas, ConsultaDeLinhas, linhas_da_empresa, tabelas_citadas
from cofre.direto.traducao import SemConexao, na_consulta
from cofre.erros import FalhaDeLeitura, Interrompido, LinhaDeOutraEmpresa, RespostaInvalida
from cofre.escopo import Donos, TabelaNoEscopo
from cofre.formato import Gravador, juntar
from cofre.modelo import Empresa, Tabela
from cofre.via import Avanco

BLOCO = 256 * 1024
"""Bytes que se juntam na memória antes de ir ao rascunho."""

PONTO = "cofre_leitura"
"""O ponto de retorno: uma tabela que falha não derruba a transação. Um só basta, pois a leitura não
tem o que desfazer."""

Tuplas = Generator[tuple[memoryview, bytes], None, None]
_ASSINATURA = b"PGCOPY\n\xff\r\n\0"
_FIM = b"\xff\xff"
_COMECO = struct.Struct("!hi")
_SEPARADAS = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(slots=True)
class TabelaDireta:
    """O que se leu de uma tabela de uma empresa, já em ordem; `falha` diz por que não deu."""

    tabela: Tabela
    rascunho: IO[bytes]
    falha: FalhaDeLeitura | None = None
    registros: int = 0
    _tamanhos: list[int] = field(default_factory=list)

    def acrescentar(self, linhas: list[memoryview]) -> None:
        """Guarda mais linhas, na ordem. Levanta RespostaInvalida se não são JSON que se leia."""
        bloco = juntar(linhas)
        _conferir_json(bloco, len(linhas))
        self.rascunho.write(bloco)
        self._tamanhos.append(len(bloco))
        self.registros += len(linhas)

    def gravar(self, gravador: Gravador) -> tuple[int, str]:
        """Escreve todas as linhas; devolve quantas e o sha256."""
        for bloco in self.blocos():
            gravador.bloco(bloco)
        return self.registros, gravador.terminar()

    def blocos(self) -> Iterator[bytes]:
        """As linhas, já juntadas, na ordem da chave."""
        self.rascunho.seek(0)
        for tamanho in self._tamanhos:
            yield self.rascunho.read(tamanho)


@dataclass(frozen=True, slots=True)
class Leitura:
    """Uma leitura da empresa na transação aberta em `conexao`."""

    conexao: psycopg.Connection
    empresa: Empresa
    donos: Donos
    catalogadas: Catalogadas
    rascunho: Callable[[], IO[bytes]]
    avanco: Avanco
    parar: threading.Event

    def ler(self, tabelas: Mapping[str, TabelaNoEscopo]) -> list[TabelaDireta]:
        """Todas as tabelas. Levanta SemConexao ou Interrompido; o que é de uma tabela só fica na
        `falha` dela."""
        lidas = [TabelaDireta(t.tabela, self.rascunho()) for t in tabelas.values()]
        self.conexao.execute(f"SAVEPOINT {PONTO}".encode())
        travadas = self._travar(tabelas, lidas)
        # Só agora se fixa o instante: depois da trava, nenhum TRUNCATE esvazia o que ele mostra.
        self.conexao.execute(f"SELECT pg_catalog.now(); SAVEPOINT {PONTO}".encode())
        for lida in travadas:
            self._tentar(lida, partial(self._copiar, lida, tabelas[lida.tabela.nome]))
        return lidas

    def _travar(
        self, tabelas: Mapping[str, TabelaNoEscopo], lidas: list[TabelaDireta]
    ) -> list[TabelaDireta]:
        """Segura as tabelas contra ALTER e TRUNCATE (não contra escritas) até a transação acabar.
        Todas de uma vez; se alguma não deixa, uma a uma, para se saber qual."""
        todas = list(dict.fromkeys(n for t in tabelas.values() for n in tabelas_citadas(t)))
        try:
            self._executar_trava(todas)
            return lidas
        except psycopg.Error as e:
            self._voltar(na_consulta(e, "uma tabela"))
        for lida in lidas:
            nomes = list(tabelas_citadas(tabelas[lida.tabela.nome]))
            self._tentar(lida, partial(self._executar_trava, nomes))
            if lida.falha is None:
                self.conexao.execute(f"SAVEPOINT {PONTO}".encode())
        return [lida for lida in lidas if lida.falha is None]

    def _executar_trava(self, nomes: list[str]) -> None:
        quais = sql.SQL(", ").join(sql.Identifier("public", n) for n in nomes)
        self.conexao.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(quais))

    def _tentar(self, lida: TabelaDireta, fazer: Callable[[], None]) -> None:
        try:
            fazer()
        except psycopg.Error as e:
            lida.falha = na_consulta(e, lida.tabela.nome)
        except FalhaDeLeitura as e:
            lida.falha = e
        if lida.falha is not None:
            self._voltar(lida.falha)

    def _voltar(self, falha: FalhaDeLeitura) -> None:
        """Volta ao ponto, se ainda há conexão e ninguém pediu para parar."""
        if self.parar.is_set():
            raise Interrompido("Interrompido.")
        if isinstance(falha, SemConexao) or self.conexao.closed:
            raise falha
        self.conexao.execute(f"ROLLBACK TO SAVEPOINT {PONTO}".encode())

    def _copiar(self, lida: TabelaDireta, no_escopo: TabelaNoEscopo) -> None:
        consulta = linhas_da_empresa(no_escopo, self.empresa, self.catalogadas)
        if consulta is None:
            return
        conferir = _Conferencia(no_escopo, self.empresa.id, self.donos, consulta.campos)
        acumuladas: list[memoryview] = []
        tamanho = 0
        with contextlib.closing(self._tuplas(consulta)) as tuplas:
            for linha, resto in tuplas:
                if conferir.e_da_empresa(resto):
                    acumuladas.append(linha)
                    tamanho += len(linha)
                if tamanho >= BLOCO:
                    self._guardar(lida, acumuladas)
                    acumuladas, tamanho = [], 0
        if acumuladas:
            self._guardar(lida, acumuladas)

    def _guardar(self, lida: TabelaDireta, linhas: list[memoryview]) -> None:
        if self.parar.is_set():
            raise Interrompido("Interrompido.")
        lida.acrescentar(linhas)
        self.avanco(lida.tabela.nome, lida.registros, None)

    def _tuplas(self, consulta: ConsultaDeLinhas) -> Tuplas:
        """(a linha, os bytes dos outros campos) de cada tupla. O servidor manda uma por mensagem
        («COPY Operations», no capítulo do protocolo); qualquer outra coisa é recusada."""
        copiar = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(consulta.texto)
        terminou = comecou = False
        with self.conexao.cursor() as cursor, cursor.copy(copiar) as copia:
            for mensagem in copia:
                vista = memoryview(mensagem)
                if not comecou:
                    comecou, vista = True, _sem_cabecalho(vista)
                    if not vista:
                        continue
                if terminou:
                    raise _estragada()
                if vista == _FIM:
                    terminou = True
                    continue
                fim = _fim_da_linha(vista, consulta.campos)
                yield vista[_COMECO.size : fim], bytes(vista[fim:])
        if not terminou:
            raise _estragada()


class _Conferencia:
    """De quem é cada linha, pelo ramo e pelos elos que vêm depois dela. As mesmas respostas se
    repetem: cada sequência de bytes é entendida e conferida uma vez só."""

    def __init__(self, no_escopo: TabelaNoEscopo, empresa: str, donos: Donos, campos: int) -> None:
        self._no_escopo = no_escopo
        self._empresa = empresa
        self._donos = donos
        self._campos = campos
        self._sabidas: dict[bytes, bool] = {}

    def e_da_empresa(self, resto: bytes) -> bool:
        """Falso se um elo que vem antes dá a linha a outra. Levanta LinhaDeOutraEmpresa."""
        sabida = self._sabidas.get(resto)
        if sabida is None:
            sabida = self._entender(resto)
            if len(self._sabidas) < 10_000:
                self._sabidas[resto] = sabida
        return sabida

    def _entender(self, resto: bytes) -> bool:
        numero, *valores = _campos(resto, self._campos - 1)
        elos = self._no_escopo.ramos[int(numero or 0)].elos
        minha = self._donos.e_da_empresa(self._empresa, elos, valores[: len(elos)])
        if minha is None:
            raise LinhaDeOutraEmpresa(
                f"O servidor mandou, em {self._no_escopo.tabela.nome}, uma linha de outra empresa."
            )
        return minha


def _sem_cabecalho(mensagem: memoryview) -> memoryview:
    """O que vem depois da assinatura, das opções (nenhuma) e da extensão."""
    inicio = len(_ASSINATURA)
    if mensagem[:inicio] != _ASSINATURA or len(mensagem) < inicio + 8:
        raise _estragada()
    opcoes, extensao = struct.unpack_from("!II", mensagem, inicio)
    if opcoes or len(mensagem) < inicio + 8 + extensao:
        raise _estragada()
    return mensagem[inicio + 8 + extensao :]


def _fim_da_linha(tupla: memoryview, campos: int) -> int:
    if len(tupla) < _COMECO.size:
        raise _estragada()
    quantos, tamanho = _COMECO.unpack_from(tupla)
    fim = _COMECO.size + int(tamanho)
    if quantos != campos or tamanho < 2 or fim > len(tupla):
        raise _estragada()
    return fim


def _campos(resto: bytes, quantos: int) -> list[str | None]:
    """Os valores dos campos, que têm de ocupar exatamente estes bytes."""
    valores: list[str | None] = []
    posicao = 0
    for _ in range(quantos):
        if len(resto) < posicao + 4:
            raise _estragada()
        (tamanho,) = struct.unpack_from("!i", resto, posicao)
        posicao += 4
        valores.append(resto[posicao : posicao + tamanho].decode() if tamanho >= 0 else None)
        posicao += max(tamanho, 0)
    if posicao != len(resto):
        raise _estragada()
    return valores


def _conferir_json(bloco: bytes, linhas: int) -> None:
    try:
        achadas = len(_SEPARADAS.decode(b"[" + bloco + b"]"))
    except RecursionError:
        raise RespostaInvalida(
            "Um valor json tem níveis demais, um dentro do outro, para ser lido.",
            "Deixe-o com menos de 1.000 níveis e tente de novo.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _estragada() from None
    if achadas != linhas:
        raise _estragada()


def _estragada() -> RespostaInvalida:
    return RespostaInvalida(
        "O servidor mandou as linhas num formato que não entendo.",
        "Há um proxy ou pooler no caminho? Tente pela API: --via api",
    )
