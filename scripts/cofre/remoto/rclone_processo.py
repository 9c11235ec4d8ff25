"""O programa rclone: como se chama, e o que ele recusou em palavras.

O que o rclone escreve não se mostra: pode ter endereços com senha. Do texto dele só se tira o que
houve, e quem quer o resto roda o rclone à mão.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from cofre.base.config.processo import ambiente_do_rclone
from cofre.base.erros import DependenciaAusente
from cofre.remoto.erros import (
    AcessoRecusado,
    DestinoErrado,
    DestinoFora,
    FalhaDaCopia,
    SemEspaco,
    Travado,
)

SEMPRE = (
    *("--ask-password=false", "--retries", "3", "--low-level-retries", "5"),
    *("--contimeout", "20s", "--timeout", "2m"),
)
"""Nunca perguntar (ninguém responderia), e desistir do que não anda."""
_SEM_JANELA: dict[str, Any]
if sys.platform == "win32":
    _SEM_JANELA = {"creationflags": subprocess.CREATE_NO_WINDOW}
else:
    _SEM_JANELA = {}
_NAO_HA = (3, 4)
"""Os códigos de saída do rclone para uma pasta e um arquivo que não há. Fonte: «Exit code», na
documentação dele."""


class NaoHa(FalhaDaCopia):
    """O rclone não achou a pasta ou o arquivo."""


class AlemDoFim(FalhaDaCopia):
    """Pediu-se o que vem depois do último byte: não há nada."""


_Sentido = tuple[type[FalhaDaCopia], str, str]
_SENTIDOS: tuple[tuple[re.Pattern[str], _Sentido], ...] = (
    (
        re.compile(r"\b416\b|range not satisfiable", re.I),
        (AlemDoFim, "não há mais bytes neste arquivo", "Confira a cópia."),
    ),
    (
        re.compile(r"is a directory or doesn't exist"),  # o rclone 1.60 sai com 1
        (NaoHa, "não há lá o que se procurou", "Confira a cópia."),
    ),
    (
        re.compile(r"didn't find section in config|not found in config", re.I),
        (
            DestinoErrado,
            "o rclone não conhece este remoto",
            "Veja os que há com «rclone listremotes»; crie-o com «rclone config», com o mesmo"
            " usuário que faz os backups.",
        ),
    ),
    (
        re.compile(r"decrypt config|RCLONE_CONFIG_PASS", re.I),
        (
            AcessoRecusado,
            "a configuração do rclone está fechada com senha",
            "Ponha a senha em RCLONE_CONFIG_PASS, no ambiente de quem faz os backups.",
        ),
    ),
    (
        re.compile(r"object.?lock|retention|compliance|\bworm\b", re.I),
        (Travado, "a trava do lugar não deixa", Travado.dica),
    ),
    (
        re.compile(r"no space left|disk full|quota|insufficient.?storage|\b507\b", re.I),
        (SemEspaco, "não cabe mais lá", "Libere espaço, ou aumente o plano."),
    ),
    (
        re.compile(r"x509|certificate", re.I),
        (
            DestinoFora,
            "o certificado do lugar não é de confiança neste computador",
            "Um antivírus ou o proxy da rede pode estar no meio.",
        ),
    ),
    (
        re.compile(
            r"\b40[13]\b|unauthorized|forbidden|access.?denied|permission denied"
            r"|unable to authenticate|invalid_grant|token.{0,40}(?:expired|invalid|revoked)"
            r"|couldn't fetch token|InvalidAccessKeyId|SignatureDoesNotMatch|read-only file system",
            re.I,
        ),
        (
            AcessoRecusado,
            "o lugar não aceitou a credencial do rclone, ou ela não pode isto",
            "Entre de novo com «rclone config reconnect NOME:», ou corrija-a com «rclone config».",
        ),
    ),
    (
        re.compile(
            r"no such host|dial tcp|connection (?:refused|reset|timed out)|i/o timeout|timed? ?out"
            r"|network is unreachable|unexpected EOF|handshake|\b50[234]\b|deadline exceeded",
            re.I,
        ),
        (DestinoFora, "não consigo chegar ao lugar", "Confira a internet, ou se ele está ligado."),
    ),
)
_OUTRO: _Sentido = (FalhaDaCopia, "o rclone não conseguiu", "Veja por que, rodando-o à mão.")


@dataclass(frozen=True, slots=True)
class Rclone:
    """O `programa`, e o `remoto` em que ele trabalha; `nome` é o do destino, para os erros."""

    programa: str
    remoto: str
    nome: str

    def rodar(self, *argumentos: str) -> None:
        """Roda até o fim. Levanta NaoHa, ou o que o rclone recusou."""
        with self.lendo(*argumentos) as saida:
            saida.read()

    @contextlib.contextmanager
    def lendo(self, *argumentos: str) -> Iterator[IO[bytes]]:
        """O que o rclone escreve, aos poucos; ao sair, o que ele recusou. Quem não lê até o fim o
        interrompe."""
        with tempfile.TemporaryFile() as erros, self._processo(argumentos, erros) as processo:
            saida = cast("IO[bytes]", processo.stdout)
            yield saida
            if saida.read(1):
                return
            codigo = processo.wait()
            erros.seek(0)
            self._conferir(codigo, erros.read().decode("utf-8", "replace"))

    def registrando(self, *argumentos: str) -> Iterator[dict[str, Any]]:
        """Cada linha do registro do rclone, que é JSON; no fim, o que ele recusou."""
        opcoes = ("-v", "--use-json-log", "--stats", "1s")
        ditos: list[str] = []
        with self._processo((*argumentos, *opcoes), subprocess.STDOUT) as processo:
            for linha in cast("IO[bytes]", processo.stdout):
                texto = linha.decode("utf-8", "replace")
                try:
                    lido = json.loads(texto)
                except ValueError:
                    lido = {"level": "error", "msg": texto}
                if lido.get("level") in ("error", "critical", "fatal", "emergency"):
                    ditos.append(str(lido.get("msg", "")))
                yield lido
            self._conferir(processo.wait(), "\n".join(ditos))

    @contextlib.contextmanager
    def _processo(
        self, argumentos: tuple[str, ...], erros: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        """O rclone em execução, que não sobrevive a este contexto."""
        comando = [self.programa, *argumentos, *SEMPRE]
        try:
            processo = subprocess.Popen(
                comando,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=erros,
                env=ambiente_do_rclone(),
                **_SEM_JANELA,
            )
        except OSError as e:
            motivo = e.strerror or type(e).__name__
            raise FalhaDaCopia(f"{self.nome}: o rclone não começa ({motivo}).", INSTALAR) from e
        with processo:
            try:
                yield processo
            finally:
                if processo.poll() is None:
                    processo.kill()

    def _conferir(self, codigo: int, texto: str) -> None:
        if codigo == 0:
            return
        if codigo in _NAO_HA:
            raise NaoHa(f"{self.nome}: não há lá o que se procurou.")
        tipo, causa, cura = next((s for p, s in _SENTIDOS if p.search(texto)), _OUTRO)
        a_mao = f"Para ver o que ele diz: rclone lsd {self.remoto}:"
        raise tipo(f"{self.nome}: {causa} (rclone: {codigo}).", f"{cura}\n{a_mao}")


INSTALAR = (
    "Instale-o de rclone.org/downloads (no Windows: winget install Rclone.Rclone) e confira que\n"
    "«rclone version» responde com o usuário que faz os backups."
)


def achar() -> str:
    """O programa: o do caminho do sistema, ou o que um pacote pôs ao lado deste Python. Levanta
    DependenciaAusente."""
    ao_lado = str(Path(sys.executable).parent)
    achado = shutil.which("rclone") or shutil.which("rclone", path=ao_lado)
    if achado is None:
        raise DependenciaAusente("Falta o programa rclone.", INSTALAR)
    return achado
