"""A impressão digital de um trabalhador: o programa que ele tem e o `.env` que ele lê.

Dois processos com a mesma copiam a mesma coisa do mesmo modo. Ela não mostra nada: da configuração,
que tem segredos, só anda na rede uma derivação lenta (scrypt), que custa a quem a quisesse
adivinhar valor a valor.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import cofre
from cofre.base.config.valores import Configuracao
from cofre.deposito.lacre import conhecidos, serie

DE_CADA_MAQUINA = frozenset({"destino", "avisos", "sem_api", "guardar", "ca"})
"""O que pode ser outro: a pasta prova-se de outro modo, e podar é de quem começa."""
PREFIXO = "cofre"


@dataclasses.dataclass(frozen=True, slots=True)
class Digital:
    """`programa` e `ambiente` em hexadecimal; iguais os dois, é o mesmo trabalho."""

    programa: str
    ambiente: str

    @property
    def recurso(self) -> str:
        """O nome do recurso que o Dask só deixa gastar a quem o tem: o agendador não dá uma tarefa
        a um trabalhador com outra digital."""
        return f"{PREFIXO}-{self.programa}-{self.ambiente}"


def do_recurso(nome: str) -> Digital | None:
    """A digital que um recurso diz; None se é de outra coisa."""
    partes = nome.split("-")
    return Digital(*partes[1:]) if len(partes) == 3 and partes[0] == PREFIXO else None


def de(configuracao: Configuracao) -> Digital:
    """A deste processo, com esta configuração. Levanta FalhaDeDisco, DependenciaAusente ou
    ConfiguracaoInvalida se se lacra e não há com quê; OSError passa."""
    dito: dict[str, Any] = {"configuracao": _canonico(configuracao)}
    if configuracao.lacrar:
        dito["lacres"] = [conhecidos.meu_codigo(), serie.escritor()]
    if configuracao.direto is not None and configuracao.direto.ca is not None:
        dito["ca"] = configuracao.direto.ca.read_bytes().hex()
    tudo = json.dumps(dito, sort_keys=True).encode()
    resumo = hashlib.scrypt(tudo, salt=b"cofre frota", n=2**14, r=8, p=1, dklen=12)
    return Digital(programa(), resumo.hex())


@functools.cache
def programa() -> str:
    """O resumo do código, como estava quando este processo começou a usá-lo."""
    raiz = Path(cofre.__file__).parent
    resumo = hashlib.sha256()
    for arquivo in sorted(raiz.rglob("*.py"), key=lambda a: a.relative_to(raiz).as_posix()):
        # Um checkout no Windows pode ter outros fins de linha.
        conteudo = arquivo.read_bytes().replace(b"\r\n", b"\n")
        resumo.update(arquivo.relative_to(raiz).as_posix().encode() + b"\0" + conteudo + b"\0")
    return resumo.hexdigest()[:16]


def _canonico(valor: Any) -> Any:
    """O mesmo valor em qualquer processo: conjuntos e mapas por ordem, sem o de cada máquina."""
    if dataclasses.is_dataclass(valor) and not isinstance(valor, type):
        campos = [f.name for f in dataclasses.fields(valor) if f.name not in DE_CADA_MAQUINA]
        return {nome: _canonico(getattr(valor, nome)) for nome in campos}
    if isinstance(valor, Mapping):
        return {str(k): _canonico(valor[k]) for k in sorted(valor, key=str)}
    if isinstance(valor, Set):
        return sorted(json.dumps(_canonico(v), sort_keys=True) for v in valor)
    if isinstance(valor, (list, tuple)):
        return [_canonico(v) for v in valor]
    if isinstance(valor, (bool, int, float, str)) or valor is None:
        return valor
    return str(valor)
