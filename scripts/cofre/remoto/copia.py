"""A cópia de tudo o que está aqui, em todos os destinos: um de cada vez, e o que dá errado num fica
nele. O que se soube de cada um fica anotado em `situacao`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from cofre.base.erros import DefeitoInterno, ErroCofre
from cofre.base.palavras import plural, tamanho, visivel
from cofre.base.relato import Relato
from cofre.deposito.deposito import Deposito
from cofre.remoto import marco, situacao
from cofre.remoto.daqui import Daqui, Inventariados, inventariar
from cofre.remoto.destino import Destino
from cofre.remoto.envio import Envio, enviar
from cofre.remoto.erros import FalhaDaCopia
from cofre.remoto.marco import JaUsado, Marco
from cofre.remoto.protecao import protecao_de
from cofre.remoto.situacao import Copia, NaCopia

BARRA = 512
"""KB a partir dos quais o envio tem barra."""
MOSTRADOS = 5


@dataclass(frozen=True, slots=True)
class Remetente:
    """O que se leva e como: de que depósito, que chaves se anunciam no destino (`nosso`), se o que
    está em claro também vai (só para pastas), se um lugar já usado, e vazio, se começa outra vez,
    se os destinos são todos os que há, e quantos dias o dono diz que dura a trava."""

    deposito: Deposito
    nosso: Marco
    relato: Relato
    em_claro: bool = False
    comecar: bool = False
    sao_todos: bool = True
    trava_dias: int = 0


@dataclass(frozen=True, slots=True)
class Copiado:
    """Como foi num destino. `problemas`: os backups que não puderam ir, em palavras."""

    destino: str
    envio: Envio | None = None
    problemas: tuple[str, ...] = ()
    erro: ErroCofre | None = field(default=None, compare=False)

    @property
    def codigo(self) -> int:
        """Zero, ou o de uma cópia que não se fez inteira."""
        return FalhaDaCopia.codigo if self.erro or self.problemas else 0

    @property
    def falhas(self) -> list[str]:
        """O que deu errado, para os avisos."""
        ditas = [str(self.erro)] if self.erro else list(self.problemas)
        return [f"cópia em {self.destino}: {dita}" for dita in ditas]

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "destino": self.destino,
            "codigo": self.codigo,
            "conteudos": self.envio.conteudos if self.envio else 0,
            "bytes": self.envio.bytes if self.envio else 0,
            "backups": self.envio.lacres if self.envio else 0,
            "problemas": list(self.problemas),
            "erro": str(self.erro) if self.erro else None,
            "dica": self.erro.dica if self.erro else None,
        }


def copiar(remetente: Remetente, destinos: Iterable[Destino]) -> list[Copiado]:
    """Leva a cada destino o que lhe falta, e anota. Levanta FalhaDeDisco se não se lê o que está
    aqui; o que der errado num destino vai no resultado dele."""
    todos = inventariar(remetente.deposito)
    destinos = tuple(destinos)
    if remetente.sao_todos:
        _dizer_quais(remetente, destinos)
    feitos = []
    remetente.relato.linha()
    remetente.relato.linha("📤 CÓPIA FORA")
    for destino in destinos:
        antes = situacao.ler(remetente.deposito.raiz).get(destino.nome, Copia())
        feito = _num(remetente, destino, todos, antes)
        _contar(feito, remetente.relato)
        if feito.envio and feito.envio.lacres and antes.enviada is None:
            _mostrar_a_protecao(remetente, destino, todos)
        feitos.append(feito)
    return feitos


def nao_abriu(remetente: Remetente, destino: str, erro: ErroCofre) -> Copiado:
    """O destino com este nome, que nem se abriu (falta um pacote, ou o rclone): dito e anotado."""
    feito = Copiado(destino, erro=erro)
    _anotar(remetente, feito, ())
    _contar(feito, remetente.relato)
    return feito


def _dizer_quais(remetente: Remetente, destinos: Sequence[Destino]) -> None:
    try:
        situacao.so_estes(remetente.deposito.raiz, {d.nome for d in destinos})
    except ErroCofre as e:
        remetente.relato.aviso(f"{situacao.ARQUIVO} não pôde ser escrito. {e}")


def _mostrar_a_protecao(remetente: Remetente, destino: Destino, todos: Inventariados) -> None:
    """Na primeira vez: o que segura, ali, quem quiser apagar a cópia."""
    amostra = todos.backups[0].endereco.nome
    with contextlib.suppress(ErroCofre):  # a cópia está feita; `verificar --copia` o dirá
        for frase in protecao_de(destino, amostra, remetente.trava_dias):
            remetente.relato.linha(f"      {frase}")


def _num(remetente: Remetente, destino: Destino, todos: Inventariados, antes: Copia) -> Copiado:
    """Envia a um destino o que lhe falta, e anota como foi. Uma falha fica no que se devolve."""
    vao, problemas = _os_que_vao(remetente, destino, todos)
    try:
        usado = JaUsado(antes.usada, remetente.comecar)
        marco.preparar(destino, remetente.nosso, usado, remetente.deposito.raiz)
        envio = enviar(destino, vao, _avanco(remetente.relato, destino), antes.podres)
    except ErroCofre as e:
        erro = e
    except Exception as e:
        erro = DefeitoInterno(e)
    else:
        feito = Copiado(destino.nome, envio, (*problemas, *envio.problemas))
        _anotar(remetente, feito, vao)
        return feito
    feito = Copiado(destino.nome, None, tuple(problemas), erro)
    _anotar(remetente, feito, ())
    return feito


def _os_que_vao(
    remetente: Remetente, destino: Destino, todos: Inventariados
) -> tuple[list[Daqui], list[str]]:
    """Os backups que este destino aceita, e o que impede o mais novo de alguma empresa de ir."""
    em_claro = remetente.em_claro and destino.de_pasta
    vao = [d for d in todos.backups if em_claro or d.lacre.detalhes]
    problemas = [f"o lacre não se lê: {i}" for i in todos.ilegiveis]
    novos = {d.pasta: d for d in reversed(todos.backups)}
    for pasta in (p for p, d in novos.items() if d not in vao):
        problemas.append(f"{pasta.name}: o backup mais novo não está cifrado, e em claro não vai")
    if todos.sem_lacre and not todos.backups:
        problemas.append(
            f"{plural(todos.sem_lacre, 'backup não tem', 'backups não têm')} lacre: faça um backup"
            " novo"
        )
    return vao, problemas


def _anotar(remetente: Remetente, feito: Copiado, vao: Sequence[Daqui]) -> None:
    """O que se ficou a saber do destino; não o poder escrever não desfaz a cópia."""

    def mudar(antes: Copia) -> Copia:
        falha = next(iter(feito.falhas), "")
        if feito.envio is None:
            return msgspec.structs.replace(antes, em_uso=True, falha=falha)
        return msgspec.structs.replace(
            antes,
            em_uso=True,
            enviada=datetime.now().astimezone(),
            falha=falha,
            empresas={**antes.empresas, **dict(_mais_novos(feito.envio, vao))},
            podres=tuple(sorted(feito.envio.travados & {*antes.podres})),
        )

    try:
        situacao.anotar(remetente.deposito.raiz, feito.destino, mudar)
    except ErroCofre as e:
        remetente.relato.aviso(f"{situacao.ARQUIVO} não pôde ser escrito. {e}")


def _mais_novos(envio: Envio, vao: Sequence[Daqui]) -> Iterator[tuple[str, NaCopia]]:
    """O mais novo de cada empresa que foi inteiro."""
    for daqui in reversed(vao):  # do mais antigo ao mais novo: o último vale
        if daqui.endereco not in envio.ficaram:
            x = daqui.lacre
            yield x.empresa, NaCopia(carimbo=x.carimbo, escritor=x.escritor, inicio=x.inicio)


def _avanco(relato: Relato, destino: Destino) -> Callable[[int, int], None]:
    def dizer(foram: int, total: int) -> None:
        relato.avanco(destino.nome, "KB", foram // 1024, total // 1024, BARRA)

    return dizer


def _contar(feito: Copiado, relato: Relato) -> None:
    """Como foi num destino, na tela."""
    nome = visivel(feito.destino)
    if feito.erro is not None:
        # Umas falhas dizem de que destino são, outras não.
        causa = visivel(str(feito.erro)).removeprefix(f"{nome}: ")
        relato.falha(f"   ❌ {nome}: {causa}")
        for cura in feito.erro.dica.splitlines():
            relato.falha(f"      {cura}")
        return
    envio = feito.envio
    if envio is not None and (envio.lacres or envio.conteudos):
        backups = plural(envio.lacres, "backup", "backups")
        conteudos = plural(envio.conteudos, "arquivo", "arquivos")
        relato.linha(f"   ✅ {nome}: {backups} ({conteudos}, {tamanho(envio.bytes)})")
    elif not feito.problemas:
        relato.linha(f"   ✅ {nome}: já estava tudo lá")
    for problema in feito.problemas[:MOSTRADOS]:
        relato.falha(f"   ❌ {nome}: {visivel(problema)}")
    if len(feito.problemas) > MOSTRADOS:
        relato.falha(f"      … e mais {len(feito.problemas) - MOSTRADOS}")
