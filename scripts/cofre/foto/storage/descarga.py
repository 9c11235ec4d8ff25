"""Os conteúdos de uma empresa, descidos lado a lado: só o que os últimos backups não têm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from cofre.base.equipe import Equipe
from cofre.base.erros import (
    ChaveRecusada,
    FalhaDoServidor,
    Interrompido,
    ProjetoFechado,
)
from cofre.base.palavras import visivel
from cofre.base.relato import Relato
from cofre.deposito.conteudos.guarda import Guardado
from cofre.foto.storage.franquia import Franquia
from cofre.foto.storage.sabido import Sabido
from cofre.plano.lotes import em_lotes
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.descida import um_do_balde
from cofre.via.arquivos.erros import Mudou, NomeRecusado, ObjetoAusente, SemConteudo
from cofre.via.arquivos.objetos import Objeto

POR_LOTE, BYTES_POR_LOTE = 8, 1024**2
"""Quantos arquivos um fio toma de cada vez: os pequenos, que quase nunca descem, e um só dos
grandes."""
VEZES = 3
"""Quantas vezes se olha de novo para um objeto que muda enquanto desce."""
DESISTIR = 10
"""Quantos arquivos podem falhar até se deixar de tentar os outros: cada um espera muito."""

SO_O_BANCO = "só há a conexão direta: descer conteúdos pede SUPABASE_URL e a chave no .env"
NOME_QUE_NAO_SERVE = "o Storage já não aceita este nome, nem para o ler"
CONTEUDO_PERDIDO = "o Storage tem a linha dele, mas perdeu o conteúdo"


class Descido(NamedTuple):
    """Um arquivo, com o conteúdo guardado ou por que ficou de `fora`. `mudou`: já não é o da lista;
    `sumiu`: nem existe mais. `falhou`: é a rede, ou o servidor, e não o arquivo."""

    objeto: Objeto
    guardado: Guardado | None = None
    fora: str = ""
    mudou: bool = False
    sumiu: bool = False
    falhou: bool = False
    novo: bool = False


@dataclass(slots=True)
class Descarga:
    """O que desce de uma empresa, numa foto. `ditos`: os metadados que se sabem de ontem."""

    armazem: Armazem
    equipe: Equipe
    sabido: Sabido
    franquia: Franquia
    recusa: str
    """Por que não se desce nada de novo; vazio se se desce."""
    relato: Relato
    ao_receber: Callable[[int], object] = field(default=lambda _bytes: None)
    _falhas: int = 0
    _trinco: threading.Lock = field(default_factory=threading.Lock)

    def descer(self, objetos: Iterable[Objeto]) -> Iterator[Descido]:
        """Todos, na ordem. Levanta FalhaDoServidor se é o projeto que não atende, FalhaDeDisco e
        Interrompido."""
        lotes = em_lotes(objetos, POR_LOTE, (lambda o: o.tamanho or 0, BYTES_POR_LOTE))
        ao_lado = ThreadPoolExecutor(self.equipe.tamanho, "arquivo-info")

        def fazer(lote: Sequence[Objeto]) -> list[Descido]:
            return [self._um(objeto, ao_lado) for objeto in lote]

        try:
            for feitos in self.equipe.em_ordem(fazer, lotes):
                yield from feitos
        finally:
            ao_lado.shutdown(wait=False, cancel_futures=True)  # quem não responde não se espera

    def _um(self, objeto: Objeto, ao_lado: ThreadPoolExecutor) -> Descido:
        if por_que := self.franquia.grande_demais(objeto.tamanho):
            return Descido(objeto, None, por_que)
        ja = self.sabido.conteudo(objeto)
        if ja is not None and (completo := self._ja_completo(objeto)) is not None:
            return Descido(completo, ja)
        if por_que := self._sem_descer(ja):
            return Descido(objeto, None, por_que)
        try:
            return self._insistindo(objeto, ja, ao_lado)
        except (ChaveRecusada, ProjetoFechado, Interrompido):
            raise
        except FalhaDoServidor as e:
            with self._trinco:
                self._falhas += 1
            return Descido(objeto, None, f"não desceu: {visivel(str(e))}", falhou=True)

    def _sem_descer(self, ja: Guardado | None) -> str:
        if self.armazem.cliente is None:
            return SO_O_BANCO
        return "" if ja is not None else self.recusa

    def _ja_completo(self, objeto: Objeto) -> Objeto | None:
        """O objeto com os metadados dele, sem perguntar ao servidor; None se só ele os sabe."""
        if self.armazem.tabelas is not None:
            return objeto
        return self.sabido.completo(objeto)

    def _insistindo(
        self, objeto: Objeto, ja: Guardado | None, ao_lado: ThreadPoolExecutor
    ) -> Descido:
        """Levanta FalhaDoServidor."""
        if self._falhas >= DESISTIR:
            raise FalhaDoServidor("muitos outros já falharam, e este não se tentou", "")
        agora, mudou = objeto, False
        for _ in range(VEZES):
            try:
                completo, guardado = self._com_o_conteudo(agora, ja, ao_lado)
                return Descido(completo, guardado, mudou=mudou, novo=ja is None)
            except NomeRecusado:
                return Descido(objeto, None, NOME_QUE_NAO_SERVE)
            except SemConteudo:
                return Descido(agora, None, CONTEUDO_PERDIDO)
            except (Mudou, ObjetoAusente):
                achado = self.armazem.info(objeto.balde, objeto.nome)
                if achado is None:
                    return Descido(objeto, mudou=True, sumiu=True)
                if achado.etag == agora.etag:
                    raise  # o que muda não é ele: é quem responde
                agora, ja, mudou = replace(achado, dono=objeto.dono), None, True
        raise FalhaDoServidor("mudava sem parar enquanto se lia", "")

    def _com_o_conteudo(
        self, objeto: Objeto, ja: Guardado | None, ao_lado: ThreadPoolExecutor
    ) -> tuple[Objeto, Guardado]:
        """Pela API, o que se diz do objeto pergunta-se enquanto o conteúdo desce."""
        if self.armazem.tabelas is not None and ja is None and objeto.versao is not None:
            return objeto, self._conteudo(objeto)
        pergunta: Future[Objeto] = ao_lado.submit(self.armazem.completar, objeto)
        try:
            guardado = ja or self._conteudo(objeto)
            dito = pergunta.result()
        finally:
            pergunta.cancel()
        if dito.etag != objeto.etag and objeto.etag is not None:
            raise Mudou(f"Mudou, enquanto se lia, {um_do_balde(objeto.balde)}.", "")
        # Só o que a lista não diz: o resto é dela, que é a de um instante.
        return replace(objeto, metadados=dito.metadados), guardado

    def _conteudo(self, objeto: Objeto) -> Guardado:
        """Desce, e guarda. Um eTag que parece um MD5 e não é o do conteúdo pede outra leitura: se
        vem o mesmo, é o servidor que cifra o que guarda (KMS), e o conteúdo é este."""
        guardado, confere = self._descer(objeto)
        if confere is False:
            outra, _ = self._descer(objeto)
            if outra.soma != guardado.soma:
                raise Mudou(f"Veio de dois modos {um_do_balde(objeto.balde)}.", "")
        return guardado

    def _descer(self, objeto: Objeto) -> tuple[Guardado, bool | None]:
        with self.sabido.conteudos.guardando() as recebedor:
            confere = self.armazem.descer(objeto, recebedor.escrever, self.ao_receber)
        return recebedor.guardado, confere
