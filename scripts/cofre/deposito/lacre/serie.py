"""Os lacres de uma empresa, um depois do outro: que número tem o último, e quais deviam estar aqui.

O que uma pasta não diz sozinha (se lhe tiraram os mais novos) sabe-o o perfil, que guarda uma cópia
do último lacre que esta máquina fez de cada empresa, em cada pasta. O que a poda tirou não falta a
ninguém: antes de apagar, ela deixa na pasta, assinado, o rol dos que ficam.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cofre.base import perfil
from cofre.base.disco import gravar_inteiro, ler_ficha
from cofre.base.erros import ConfiguracaoInvalida
from cofre.deposito.carimbo import CARIMBO, nome_do_lacre, nome_dos_metadados
from cofre.deposito.lacre import conhecidos
from cofre.deposito.lacre.lacre import (
    FORMATO,
    Anterior,
    Escritor,
    Lacre,
    LacreRecusado,
    Marca,
    Numero,
    abrir,
    fechar,
    ler,
    pseudonimo,
)

ROL = "lacres_que_ficam.json"
_COMECO_DO_NOME = len("empresa_") + 8
ESCRITOR = "escritor"
_NO_PERFIL = "lacres"
_NOME = re.compile(rf"lacre_({CARIMBO})\.json")


class Rol(msgspec.Struct, frozen=True, kw_only=True):
    """O que a poda deixou, dos lacres deste escritor, quando o último tinha este `numero`."""

    rol: int = FORMATO
    empresa: Marca
    escritor: Escritor
    numero: Numero
    ficam: tuple[Anterior, ...]


@dataclass(frozen=True, slots=True)
class Serie:
    """Os lacres de um escritor, de uma empresa, numa pasta. `ultimo` é o de maior número que se
    conhece, esteja lá ou não (None: nenhum); `vivos`, os que deviam estar, com ele. `do_perfil`: se
    é esta máquina que sabe qual é o último, e não só a pasta."""

    ultimo: Lacre | None = None
    vivos: tuple[Anterior, ...] = ()
    do_perfil: bool = False

    def faltam(self, pasta: Path) -> list[Anterior]:
        """Os que deviam estar na pasta e não estão, ou não são os mesmos bytes."""
        return [v for v in self.vivos if _soma_em(pasta, v.carimbo) != v.sha256]


def lembrar(pasta: Path, lacre: Lacre) -> None:
    """Guarda no perfil que este é o último, já publicado o backup dele; e, uma vez, o primeiro.
    Levanta FalhaDeDisco."""
    if not (onde := _desde_no_perfil(lacre.empresa, pasta)).exists():
        meus = [x for x in na_pasta(pasta).values() if _do_mesmo(x, lacre)]
        perfil.gravar(_relativo(onde), min((lacre, *meus), key=lambda x: x.numero).dados)
    perfil.gravar(_relativo(_no_perfil(lacre.empresa, pasta)), lacre.dados)


def primeiro(pasta: Path, empresa: str) -> Lacre | None:
    """O primeiro que esta máquina fez da empresa nesta raiz (em qualquer pasta dela), que se sabe
    mesmo que o tirem de lá; None se não fez."""
    with contextlib.suppress(OSError, LacreRecusado):
        lacre = ler(ler_ficha(_desde_no_perfil(empresa, pasta)))
        return lacre if lacre.empresa == empresa else None
    return None


def vai_sair(pasta: Path, user_id: str, carimbo: str) -> None:
    """A poda vai apagar este backup: o rol dos que ficam é posto na pasta antes. Um de outro
    escritor sai sem rol: só ele o poderia assinar. OSError passa; levanta como `da_casa`."""
    if not (pasta / nome_do_lacre(carimbo)).exists() or not conhecidos.a_minha_publica():
        return
    serie = da_casa(pasta, pseudonimo(user_id))
    if any(v.carimbo == carimbo for v in serie.vivos):
        deixar_so(pasta, serie, fora={carimbo})


def deixar_so(pasta: Path, serie: Serie, fora: Collection[str]) -> None:
    """Põe na pasta o rol da série, menos estes carimbos. OSError passa; levanta como `da_casa`."""
    ultimo = serie.ultimo
    assert ultimo is not None
    ficam = tuple(v for v in serie.vivos if v.carimbo not in fora)
    rol = Rol(empresa=ultimo.empresa, escritor=ultimo.escritor, numero=ultimo.numero, ficam=ficam)
    gravar_inteiro(pasta / ROL, fechar(rol, conhecidos.minha()))


def escritor() -> str:
    """Quem escreve os lacres desta máquina: um nome ao acaso, feito uma vez. Levanta FalhaDeDisco
    ou ConfiguracaoInvalida."""
    nome = perfil.segredo(ESCRITOR, lambda: secrets.token_hex(8).encode()).decode(
        "ascii", "replace"
    )
    if not re.fullmatch(r"[0-9a-f]{16}", nome):
        raise ConfiguracaoInvalida(
            f"{perfil.pasta() / ESCRITOR} não é um nome de escritor.",
            "Apague o arquivo: nasce outro, e a contagem dos lacres recomeça.",
        )
    return nome


def da_casa(pasta: Path, empresa: str) -> Serie:
    """A série desta máquina, da empresa (ver `pseudonimo`) nesta pasta. Levanta FalhaDeDisco,
    DependenciaAusente ou ConfiguracaoInvalida."""
    if not (publica := conhecidos.a_minha_publica()):
        return Serie()
    meu = escritor()

    def meus(lacres: Iterable[Lacre]) -> list[Lacre]:
        return [x for x in lacres if (x.chave, x.escritor, x.empresa) == (publica, meu, empresa)]

    sabido = next(iter(meus(_do_perfil(empresa, pasta))), None)
    contados = {a.carimbo for a in (*sabido.anteriores, sabido.como_anterior)} if sabido else set()
    novos = meus(na_pasta(pasta, fora=contados).values())
    todos = [*([sabido] if sabido else []), *novos]
    if not todos:
        return Serie()
    ultimo = max(todos, key=lambda x: x.numero)
    ficam = _ficam(pasta, ultimo)
    # Um publicado por quem morreu antes de o dizer ao perfil, ou uma pasta que mudou de lugar.
    vivos = sorted({*ficam, *(n.como_anterior for n in novos if _publicado(pasta, n))})
    return Serie(ultimo, tuple(vivos), do_perfil=ultimo is sabido)


def de_outros(pasta: Path, empresa: str) -> list[Serie]:
    """As séries que outras máquinas fizeram desta empresa, pelo que há na pasta. Levanta como
    `da_casa`."""
    publica = conhecidos.a_minha_publica()
    meu = escritor() if publica else ""
    por_escritor: dict[tuple[str, str], list[Lacre]] = {}
    for lacre in na_pasta(pasta).values():
        if lacre.empresa == empresa and (lacre.chave, lacre.escritor) != (publica, meu):
            por_escritor.setdefault((lacre.chave, lacre.escritor), []).append(lacre)
    ultimos = [max(lacres, key=lambda x: x.numero) for lacres in por_escritor.values()]
    return [Serie(u, _ficam(pasta, u)) for u in ultimos]


def ha_o_que_ver(pasta: Path, empresa: str) -> bool:
    """Se esta pasta tem lacres, ou o perfil diz que os devia ter ela, ou a raiz, ou os há noutra
    pasta da mesma empresa."""
    try:
        nossos = (_no_perfil(empresa, pasta), _desde_no_perfil(empresa, pasta))
        aqui = tem_lacres(pasta) or any(a.exists() for a in nossos)
        return aqui or bool(das_irmas(pasta, empresa))
    except OSError:
        return False


def irmas(pasta: Path) -> list[Path]:
    """As outras pastas desta raiz que podem ser da mesma empresa: o nome começa igual, e o que se
    pôs numa e se tirou da outra é da mesma história."""
    with contextlib.suppress(OSError):
        raiz = pasta.parent
        com_ela = _por_comeco(raiz, raiz.stat().st_mtime_ns).get(_comeco(pasta.name), ())
        return [p for p in com_ela if p != pasta and p.is_dir()]
    return []


@functools.lru_cache(maxsize=4)
def _por_comeco(raiz: Path, _mudou_em: int) -> Mapping[str, Sequence[Path]]:
    """O que há na raiz, em ordem, pelo começo do nome. Só se lê de novo se algo mudou: são tantos
    como as empresas, e pergunta-se por cada uma. OSError passa."""
    achados: dict[str, list[Path]] = {}
    for nome in sorted(item.name for item in os.scandir(raiz)):
        achados.setdefault(_comeco(nome), []).append(raiz / nome)
    return achados


def _comeco(nome: str) -> str:
    return nome[:_COMECO_DO_NOME].lower()


def das_irmas(pasta: Path, empresa: str) -> list[Lacre]:
    """Os lacres desta empresa que estão nas `irmas`."""
    lidos = (x for irma in irmas(pasta) for x in na_pasta(irma).values())
    return [x for x in lidos if x.empresa == empresa]


def tem_lacres(pasta: Path) -> bool:
    """Se há na pasta algo com o nome de um lacre. OSError passa."""
    with os.scandir(pasta) as itens:
        return any(_NOME.fullmatch(item.name) for item in itens)


def na_pasta(pasta: Path, fora: Iterable[str] = ()) -> dict[str, Lacre]:
    """Os lacres que se leem na pasta, pelo carimbo do nome; menos os destes carimbos."""
    lidos: dict[str, Lacre] = {}
    with contextlib.suppress(OSError):
        for nome in sorted(item.name for item in os.scandir(pasta)):
            achado = _NOME.fullmatch(nome)
            if achado and achado[1] not in fora:
                with contextlib.suppress(OSError, LacreRecusado):
                    lidos[achado[1]] = ler(ler_ficha(pasta / nome))
    return lidos


def _ficam(pasta: Path, ultimo: Lacre) -> tuple[Anterior, ...]:
    """O que o último lacre diz que havia, ou o rol que a poda deixou depois dele."""
    with contextlib.suppress(OSError, LacreRecusado):
        rol, chave = abrir(ler_ficha(pasta / ROL), Rol)
        seu = (ultimo.chave, ultimo.empresa, ultimo.escritor, ultimo.numero)
        if (chave, rol.empresa, rol.escritor, rol.numero) == seu:
            return rol.ficam
    return (*ultimo.anteriores, ultimo.como_anterior)


def maior_numero(serie: Serie, empresa: str) -> int:
    """O maior número já dado à empresa por esta máquina, em qualquer pasta."""
    dados = [x.numero for x in _do_perfil(empresa) if x.escritor == escritor()]
    return max([*dados, serie.ultimo.numero if serie.ultimo else 0])


def _do_perfil(empresa: str, pasta: Path | None = None) -> Iterator[Lacre]:
    """Os últimos lacres da empresa que o perfil guarda (só o desta pasta, se dita)."""
    todos = (perfil.pasta() / _NO_PERFIL / empresa).glob("*.json")
    for arquivo in [_no_perfil(empresa, pasta)] if pasta else sorted(todos):
        with contextlib.suppress(OSError, LacreRecusado):
            yield ler(ler_ficha(arquivo))


def _no_perfil(empresa: str, pasta: Path) -> Path:
    """Onde o perfil guarda o último lacre da empresa nesta pasta."""
    return perfil.pasta() / _NO_PERFIL / empresa / f"{_lugar(pasta)}.json"


def _desde_no_perfil(empresa: str, pasta: Path) -> Path:
    """Onde o perfil guarda o primeiro lacre da empresa nesta raiz: quem escreve nela pode tirar os
    que lá estão, ou pôr ao lado outra pasta da mesma empresa."""
    return perfil.pasta() / _NO_PERFIL / empresa / f"{_lugar(pasta.parent)}.desde"


def _lugar(pasta: Path) -> str:
    onde = os.path.normcase(os.path.realpath(pasta)).encode("utf-8", "surrogateescape")
    return hashlib.sha256(onde).hexdigest()[:16]


def _relativo(no_perfil: Path) -> str:
    return no_perfil.relative_to(perfil.pasta()).as_posix()


def _do_mesmo(um: Lacre, outro: Lacre) -> bool:
    """Se são da mesma empresa, e de quem os dois assinam."""
    return (um.chave, um.escritor, um.empresa) == (outro.chave, outro.escritor, outro.empresa)


def _publicado(pasta: Path, lacre: Lacre) -> bool:
    return (pasta / nome_dos_metadados(lacre.carimbo)).exists()


def _soma_em(pasta: Path, carimbo: str) -> str:
    try:
        return hashlib.sha256(ler_ficha(pasta / nome_do_lacre(carimbo))).hexdigest()
    except OSError:
        return ""
