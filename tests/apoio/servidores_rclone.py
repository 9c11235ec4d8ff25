"""O rclone, em três remotos: um WebDAV e um SFTP, que outro rclone serve, e uma pasta local."""

from __future__ import annotations

import itertools
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from apoio.destinos import SEGREDO, conteudo_da_pasta, por_na_pasta
from apoio.portas import porta_presa
from apoio.servidores_s3 import PRAZO, esperar_porta, programa
from cofre.remoto.rclone import DestinoRclone
from cofre.remoto.rclone_processo import Rclone
from supabase_local.servidores.processos import Processo

RCLONE: Final = ("rclone-webdav", "rclone-sftp", "rclone-local")
USUARIO: Final = "ana"
_numeros = itertools.count(1)


@dataclass(frozen=True, slots=True)
class RemotoRclone:
    """Um remoto: o `nome` e as `variaveis` com que o rclone o conhece; o que ele guarda está em
    `raiz`. `controle` é a porta por onde se diz ao servidor que os arquivos mudaram (0: não há)."""

    nome: str
    raiz: Path
    variaveis: dict[str, str]
    controle: int = 0

    def nova_pasta(self) -> LugarRclone:
        pasta = f"Cofre {next(_numeros)}"
        return LugarRclone(self, pasta)


@dataclass(frozen=True, slots=True)
class LugarRclone:
    """Uma pasta que ainda não existe num remoto: enviar a cria."""

    remoto: RemotoRclone
    pasta: str

    @property
    def destino(self) -> DestinoRclone:
        return self.para(self.remoto.nome)

    @property
    def inexistente(self) -> DestinoRclone:
        return self.para("naoha")

    def para(self, remoto: str) -> DestinoRclone:
        nome = f"rclone:{remoto}:{self.pasta}"
        caminho = self.pasta if self.remoto.controle else str(self.remoto.raiz / self.pasta)
        return DestinoRclone(nome, Rclone(programa("rclone"), remoto, nome), caminho)

    def conteudo(self) -> dict[str, bytes]:
        return conteudo_da_pasta(self.remoto.raiz / self.pasta)

    def por(self, nome: str, dados: bytes) -> None:
        por_na_pasta(self.remoto.raiz / self.pasta, nome, dados)
        if self.remoto.controle:
            url = f"http://127.0.0.1:{self.remoto.controle}/vfs/forget"
            pedido = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"})
            urllib.request.urlopen(pedido, timeout=PRAZO).close()


@dataclass(slots=True)
class RemotosRclone:
    """Os da sessão: cada servidor só sobe quando um teste o pede."""

    pasta: Path
    _vivos: dict[str, RemotoRclone] = field(default_factory=dict)
    _processos: list[Processo] = field(default_factory=list)

    def __getitem__(self, nome: str) -> RemotoRclone:
        if nome not in self._vivos:
            raiz = self.pasta / nome
            raiz.mkdir()
            if nome == "rclone-local":
                variaveis = {"RCLONE_CONFIG_DISCO_TYPE": "local"}
                self._vivos[nome] = RemotoRclone("disco", raiz, variaveis)
            else:
                self._vivos[nome] = self._servir(nome.removeprefix("rclone-"), raiz)
        return self._vivos[nome]

    def _servir(self, como: str, raiz: Path) -> RemotoRclone:
        with porta_presa() as porta, porta_presa() as controle:
            comando = [programa("rclone"), "serve", como, str(raiz), "--addr", f"127.0.0.1:{porta}"]
            comando += ["--rc", "--rc-no-auth", "--rc-addr", f"127.0.0.1:{controle}"]
            credencial = {"RCLONE_USER": USUARIO, "RCLONE_PASS": SEGREDO}
            # O servidor SFTP guarda a sua chave na pasta de cache: que não seja a da máquina.
            pasta = str(self.pasta)
            cache = {"RCLONE_CACHE_DIR": f"{pasta}/cache", "XDG_CACHE_HOME": pasta}
            ambiente = {**os.environ, **credencial, **cache}
            processo = Processo(comando, self.pasta / f"{como}.log", ambiente=ambiente)
            self._processos.append(processo)
            esperar_porta(processo, porta)
            esperar_porta(processo, controle)
        opcoes = {"TYPE": como, "USER": USUARIO, "PASS": obscura(SEGREDO)}
        if como == "webdav":
            opcoes |= {"URL": f"http://127.0.0.1:{porta}", "VENDOR": "other"}
        else:
            opcoes |= {"HOST": "127.0.0.1", "PORT": str(porta)}
        variaveis = {f"RCLONE_CONFIG_{como.upper()}_{n}": v for n, v in opcoes.items()}
        return RemotoRclone(como, raiz, variaveis, controle)

    def parar(self) -> None:
        for processo in self._processos:
            processo.parar()


def obscura(senha: str) -> str:
    """A senha como o rclone a quer numa configuração."""
    feito = subprocess.run(
        [programa("rclone"), "obscure", "-"],
        input=senha,
        capture_output=True,
        encoding="utf-8",
        timeout=PRAZO,
        check=True,
    )
    return feito.stdout.strip()


@pytest.fixture(scope="session")
def remotos_rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemotosRclone]:
    """Os remotos da sessão, pelo nome (`RCLONE`)."""
    remotos = RemotosRclone(tmp_path_factory.mktemp("rclone"))
    yield remotos
    remotos.parar()


@pytest.fixture
def sem_rclone_da_maquina(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """O rclone não vê a configuração de quem roda os testes."""
    monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "rclone.conf"))
