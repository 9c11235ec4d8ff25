"""O conteúdo de um objeto, em pedaços, do servidor para quem o guarda.

Uma conexão que cai continua de onde parou, por Range: o servidor ignora If-Range e If-Match
(medido), e por isso o eTag de cada resposta se compara aqui. O que a CDN ainda tem de uma versão
anterior (até uns 60 s, Supabase «Smart CDN») não é aceito: espera-se, e pede-se de novo.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from cofre.base.erros import Interrompido
from cofre.base.palavras import visivel
from cofre.via.api.insistir import Passageiro
from cofre.via.api.pagina import estragada
from cofre.via.arquivos.cliente import Cliente, no_caminho
from cofre.via.arquivos.erros import Mudou, ObjetoAusente, RecusaDoArmazem, SemConteudo
from cofre.via.arquivos.lista import sem_aspas
from cofre.via.arquivos.objetos import Objeto

PEDACO = 256 * 1024
ESPERAS = (2.0, 5.0, 10.0, 20.0, 33.0)
"""Segundos entre uma resposta velha da CDN e o próximo pedido: 70 ao todo."""

FALHAS_DO_CONTEUDO = 3
"""Quantas vezes o servidor pode dizer que não conseguiu, até se concluir que o conteúdo não há."""

Receber = Callable[[bytes], object]
Completar = Callable[[Objeto], Objeto]
"""O objeto como o servidor o tem agora. Levanta ObjetoAusente."""


class _Velho(Exception):
    """A resposta tem outro eTag: nada dela foi entregue."""


@dataclass(slots=True)
class Descida:
    """Um objeto que desce: o que já veio, e o que se confere no fim."""

    cliente: Cliente
    objeto: Objeto
    receber: Receber
    completar: Completar
    ao_esperar: Callable[[Objeto, float], object]
    ao_receber: Callable[[int], object]
    _vieram: int = field(init=False, default=0)
    _etag: str | None = field(init=False, default=None)
    _total: int | None = field(init=False, default=None)
    _fim: bool = field(init=False, default=False)
    _falhas: int = field(init=False, default=0)
    _md5: hashlib._Hash = field(
        init=False, default_factory=lambda: hashlib.md5(usedforsecurity=False)
    )

    def descer(self) -> bool | None:
        """Entrega o conteúdo inteiro. Devolve se ele tem o MD5 que o eTag diz (None: o eTag não é
        um MD5, como o de um envio em partes). Levanta Mudou se o que se recebeu não vale,
        SemConteudo, ObjetoAusente, NomeRecusado e FalhaDoServidor."""
        self._esperar_que_seja_este()
        while not self._inteiro():
            self._continuar()
        etag = self.objeto.etag or self._etag or ""
        return self._md5.hexdigest() == etag if re.fullmatch(r"[0-9a-f]{32}", etag) else None

    def _esperar_que_seja_este(self) -> None:
        """O começo do conteúdo, com o eTag da linha."""
        for espera in (*ESPERAS, None):
            try:
                return self._continuar()
            except _Velho:
                self._se_e_a_cdn()
                if espera is None:
                    raise Mudou(
                        f"O conteúdo de {self._qual} continua sendo o de outra versão.",
                        "A CDN do Supabase demora até um minuto a ver uma mudança: tente de novo.",
                    ) from None
                self.ao_esperar(self.objeto, espera)
                _dormir(self.cliente.parar, espera)
        raise AssertionError("a última volta devolve ou levanta")

    def _se_e_a_cdn(self) -> None:
        """Levanta Mudou se quem mudou foi o objeto, e não a resposta que está atrasada."""
        if self.completar(self.objeto).etag != self.objeto.etag:
            raise Mudou(f"Mudou, depois de listado, {self._qual}.", "")

    def _continuar(self) -> None:
        """Mais um pedido, a partir do que já veio; insiste enquanto nada vem."""
        try:
            self.cliente.insistencia.fazer(self._pedir)
        except ObjetoAusente as e:
            raise self._sem_conteudo(e) from None
        except RecusaDoArmazem as e:
            # Sem o conteúdo, um servidor que guarda em arquivos responde 500 (medido).
            if e.status == 500 and e.code:
                raise self._sem_conteudo(e) from None
            raise

    def _sem_conteudo(self, erro: RecusaDoArmazem) -> RecusaDoArmazem | SemConteudo:
        """O erro de um conteúdo que não vem: a linha ainda está lá, ou o objeto foi apagado."""
        try:
            self.completar(self.objeto)
        except ObjetoAusente as e:
            return e
        return SemConteudo(
            f"O Storage tem a linha de {self._qual}, mas não o conteúdo ({erro.code}).", ""
        )

    def _pedir(self) -> None:
        """Uma tentativa. Se a conexão cai depois de vir algo, volta sem erro: é só continuar."""
        ja_veio, inicio = self._vieram, self._vieram
        pedido = {"cache-control": "no-cache"}
        if ja_veio:
            pedido["range"] = f"bytes={ja_veio}-"
        balde, nome = no_caminho(self.objeto.balde), no_caminho(self.objeto.nome)
        caminho = f"object/authenticated/{balde}/{nome}"
        try:
            with self.cliente.abrir("GET", caminho, de_que=self._qual, cabecalhos=pedido) as r:
                pular = self._conferir(r)
                for parte in r.iter_raw(PEDACO):
                    novo = parte[pular:] if pular else parte
                    pular = max(0, pular - len(parte))
                    self._entregar(novo)
        except Passageiro as e:
            if self._vieram == inicio:
                raise self._se_e_de_vez(e) from e.__cause__
        else:
            self._fim = self._total is None or self._vieram >= self._total
            if not self._fim and self._vieram == inicio:
                raise estragada(f"o conteúdo de {self._qual} acabou antes do fim")

    def _se_e_de_vez(self, erro: Passageiro) -> Exception:
        """Uma falha do servidor em dar este conteúdo raramente passa: poucas vezes bastam."""
        definitivo = erro.definitivo
        if isinstance(definitivo, RecusaDoArmazem) and definitivo.status == 500 and definitivo.code:
            self._falhas += 1
        return definitivo if self._falhas >= FALHAS_DO_CONTEUDO else erro

    def _conferir(self, resposta: httpx.Response) -> int:
        """Se é a versão que se espera e o pedaço que se pediu; devolve quantos bytes já se têm
        dela. Levanta _Velho, Mudou, ou Passageiro pelo que não faz sentido."""
        etag = sem_aspas(resposta.headers.get("etag"))
        if self._vieram and etag != self._etag:
            raise Mudou(f"Mudou, enquanto descia, {self._qual}.", "")
        if self.objeto.etag and etag and etag != self.objeto.etag:
            raise _Velho
        self._etag = etag
        if resposta.status_code == 206:
            faixa = re.fullmatch(
                r"bytes (\d+)-\d+/(\d+)", resposta.headers.get("content-range", "").strip()
            )
            if faixa is None or int(faixa[1]) != self._vieram:
                raise estragada("o pedaço que veio não é o que se pediu")
            self._total = int(faixa[2])
            return 0
        anunciado = resposta.headers.get("content-length", "")
        self._total = int(anunciado) if anunciado.isdigit() else self.objeto.tamanho
        return self._vieram

    def _entregar(self, parte: bytes) -> None:
        if not parte:
            return
        if self.cliente.parar.is_set():
            raise Interrompido("Interrompido.")
        self._vieram += len(parte)
        self._md5.update(parte)
        self.receber(parte)
        self.ao_receber(len(parte))

    def _inteiro(self) -> bool:
        """Se veio tudo. Levanta Mudou se o que veio não tem o tamanho da linha."""
        if not self._fim:
            return False
        esperado = self.objeto.tamanho if self.objeto.tamanho is not None else self._total
        if self._vieram != esperado and esperado is not None:
            raise Mudou(
                f"De {self._qual} vieram {self._vieram} bytes, e a linha dele diz {esperado}.", ""
            )
        return True

    @property
    def _qual(self) -> str:
        return um_do_balde(self.objeto.balde)


def um_do_balde(balde: str) -> str:
    """Um arquivo, nos erros, que vão para o log: o nome dele é da empresa, e não se diz."""
    return f"um arquivo do balde {visivel(balde)}"


def _dormir(parar: threading.Event, segundos: float) -> None:
    if parar.wait(segundos):
        raise Interrompido("Interrompido.")
