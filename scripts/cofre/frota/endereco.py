"""O que se diz em `--frota`: onde estão os trabalhadores."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from cofre.base.erros import ErroDeUso

LOCAL = re.compile(r"local:([1-9][0-9]{0,2})")
PORTA = 8786


@dataclass(frozen=True, slots=True)
class Onde:
    """`trabalhadores` que se começam aqui ou, se 0, o `agendador` que já há (tls:// ou, só nesta
    máquina, tcp://)."""

    trabalhadores: int = 0
    agendador: str = ""

    @property
    def local(self) -> bool:
        """Se a frota nasce e morre com a execução."""
        return bool(self.trabalhadores)

    @property
    def cifrado(self) -> bool:
        """Se é preciso apresentar um certificado."""
        return self.agendador.startswith("tls://")


def ler_onde(texto: str) -> Onde:
    """«local:4» ou «tls://agendador:8786». Levanta ErroDeUso."""
    if achado := LOCAL.fullmatch(texto):
        return Onde(trabalhadores=int(achado[1]))
    try:
        partes = urlsplit(texto)
        porta = partes.port or PORTA
    except ValueError:
        raise _nao_serve(texto) from None
    if partes.scheme not in ("tls", "tcp") or not partes.hostname or partes.path.strip("/"):
        raise _nao_serve(texto)
    if partes.scheme == "tcp" and not desta_maquina(partes.hostname):
        raise ErroDeUso(
            f"{texto} não é cifrado: tcp:// só se aceita nesta máquina (127.0.0.1).",
            "Quem chega a um agendador roda código ao lado da chave de serviço. Use tls://, com\n"
            "os certificados de --frota criar.",
        )
    nome = f"[{partes.hostname}]" if ":" in partes.hostname else partes.hostname
    return Onde(agendador=f"{partes.scheme}://{nome}:{porta}")


def desta_maquina(nome: str) -> bool:
    """Se é um endereço que só esta máquina alcança."""
    try:
        return ipaddress.ip_address(nome).is_loopback
    except ValueError:
        return nome.lower() == "localhost"


def _nao_serve(texto: str) -> ErroDeUso:
    return ErroDeUso(
        f"--frota não é «{texto}».",
        "Diga local:4 (quatro processos desta máquina), tls://AGENDADOR:8786, ou criar (os\n"
        "certificados).",
    )
