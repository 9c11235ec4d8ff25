"""O que se promete de uma empresa, ao lado do que de facto é: quanto tempo se passou sem backup
inteiro, há quanto tempo é o último, e quanto levou a última volta inteira dela.

Contam-se minutos inteiros: quem promete 15 min e faz um a cada 15 min cumpre o que promete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cofre.base.config.promessas import Promessa, Promessas
from cofre.base.modelo import LISTAS, Empresa
from cofre.base.palavras import duracao, plural
from cofre.deposito import cobertura, ensaios
from cofre.deposito.ausencia import ausente
from cofre.deposito.backup import abrir_backup
from cofre.deposito.cobertura import DIAS
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import CONCLUIDA, Diario, diarios
from cofre.deposito.idade import Idade, ha_quanto, idades
from cofre.plano.alvo import VOLTAR

IDADE, LACUNA, VOLTA = "idade", "lacuna", "volta"
"""O que pode quebrar uma promessa."""


@dataclass(frozen=True, slots=True)
class Volta:
    """A última vez que a empresa inteira voltou, num ensaio ou de verdade: quantos registros, e em
    quantos segundos."""

    em: datetime
    registros: int
    segundos: float
    como: str

    @property
    def em_palavras(self) -> str:
        """«1.962 registros em 1,2 s (ensaio)»."""
        registros = plural(self.registros, "registro", "registros")
        return f"{registros} em {duracao(self.segundos)} ({self.como})"


@dataclass(frozen=True, slots=True)
class Medida:
    """De uma empresa: o que se promete, o maior tempo sem backup inteiro que acabou nos últimos
    dias (None: só houve um backup), a idade do último, e a última volta (None: nunca se mediu)."""

    promessa: Promessa
    lacuna: timedelta | None
    idade: Idade
    volta: Volta | None

    @property
    def quebras(self) -> tuple[tuple[str, str], ...]:
        """O que não se cumpre: o quê, e em palavras."""
        return (*self.quebras_de_agora, *_de_perder(self.promessa, LACUNA, self.lacuna))

    @property
    def quebras_de_agora(self) -> tuple[tuple[str, str], ...]:
        """O mesmo, sem o que já passou."""
        idade = _de_perder(self.promessa, IDADE, self.idade.tempo or timedelta.max)
        return (*idade, *_de_voltar(self.promessa, self.volta))

    def linhas(self) -> Iterator[str]:
        """O que é, para a tela."""
        quebradas = {q for q, _ in self.quebras}
        if self.promessa.perder is not None:
            houve = ha_quanto(self.lacuna) if self.lacuna is not None else "ainda não se sabe"
            certo = not quebradas & {IDADE, LACUNA}
            yield (
                f"{'✅' if certo else '❌'} perder no máximo {ha_quanto(self.promessa.perder)}:"
                f" agora, {self.idade.em_palavras}; o maior tempo em {DIAS} dias, {houve}"
            )
        if self.promessa.voltar is not None:
            sinal = "⚠️" if self.volta is None else "❌" if VOLTA in quebradas else "✅"
            medida = self.volta.em_palavras if self.volta else "por medir, com «ensaiar»"
            yield f"{sinal} voltar em {ha_quanto(self.promessa.voltar)}: {medida}"

    def documento(self) -> dict[str, Any]:
        """Para a saída --json, em segundos."""
        return {
            "perder_no_maximo": _segundos(self.promessa.perder),
            "voltar_em": _segundos(self.promessa.voltar),
            "maior_sem_backup": _segundos(self.lacuna),
            "volta": {
                "em": self.volta.em.isoformat(),
                "registros": self.volta.registros,
                "segundos": self.volta.segundos,
                "como": self.volta.como,
            }
            if self.volta
            else None,
            "quebradas": [q for q, _ in self.quebras],
        }


def medir(
    pasta: Path, empresa: Empresa, idade: Idade, promessas: Promessas, *, com_volta: bool = True
) -> Medida:
    """A medida desta empresa, pelo que está na pasta dela; o que só os backups todos dizem, e a
    volta, se não `com_volta`, só se procuram se algo se prometeu."""
    agora = datetime.now().astimezone()
    promessa = promessas.de(empresa.id, (empresa.nome, *empresa.nomes))
    coberta = (cobertura.anotada if promessa.vazia else cobertura.ler)(pasta, empresa.id)
    return Medida(
        promessa,
        coberta.maior(agora) if coberta else None,
        idade,
        volta_de(pasta, empresa.id) if com_volta or promessa.voltar is not None else None,
    )


def volta_de(pasta: Path, user_id: str) -> Volta | None:
    """A última que se mediu: do último ensaio e da última restauração, a de mais registros."""
    ensaio = ensaios.ler(pasta, user_id).ultimo_sucesso
    voltas = [v for d in diarios(pasta) if (v := _restaurada(d, user_id))][-1:]
    if ensaio is not None and ensaio.segundos:
        voltas.append(Volta(ensaio.em, ensaio.registros, ensaio.segundos, "ensaio"))
    return max(voltas, key=lambda v: (v.registros, v.em), default=None)


def _restaurada(diario: Diario, user_id: str) -> Volta | None:
    """Só uma da empresa inteira diz quanto ela leva a voltar."""
    dados, desfecho = diario.dados, diario.dados.get("desfecho")
    if diario.estado != CONCLUIDA or not isinstance(desfecho, dict) or dados.get("recorte"):
        return None
    segundos, registros = desfecho.get("segundos"), desfecho.get("registros")
    if not isinstance(segundos, int | float) or not isinstance(registros, int):
        return None
    if dados.get("user_id") != user_id or dados.get("modo", VOLTAR) != VOLTAR:
        return None
    alvo = abrir_backup(diario.caminho.parent, str(dados.get("backup")))
    if alvo.meta is not None and alvo.meta.clone_de:
        return None  # veio de outro projeto: não é um backup deste que voltou
    todas = set(alvo.meta.tabelas) - {*LISTAS} if alvo.meta else None
    if todas is None or not todas <= set(dados.get("tabelas", ())):
        return None
    return Volta(diario.comecada_em, registros, float(segundos), "restauração")


def quebradas(
    deposito: Deposito, promessas: Promessas, limite: timedelta, lacunas: Mapping[str, timedelta]
) -> list[dict[str, Any]]:
    """Depois de um backup: as promessas que agora não se cumprem, e as que se deixaram de cumprir
    até ele se fazer (`lacunas`: id → quanto tempo se passou desde a vez anterior). A de uma empresa
    que sumiu do banco é outro alarme."""
    agora, achadas = datetime.now().astimezone(), []
    for empresa, idade in idades(deposito, limite, agora):
        pasta = idade.ultimo.pasta if idade.ultimo else deposito.pasta_da_empresa(empresa.id)
        quando = [idade.ultimo.quando] if idade.ultimo else []
        if ausente(pasta, empresa.id, quando):
            continue
        medida = medir(pasta, empresa, idade, promessas)
        quebras = (
            *medida.quebras_de_agora,
            *_de_perder(medida.promessa, LACUNA, lacunas.get(empresa.id)),
        )
        if quebras:
            achadas.append(_documento(empresa, quebras))
    return achadas


def _documento(empresa: Empresa, quebras: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "id": empresa.id,
        "nome": empresa.nome,
        "quebradas": [q for q, _ in quebras],
        "ditas": [dita for _, dita in quebras],
    }


def _de_perder(
    promessa: Promessa, qual: str, tempo: timedelta | None
) -> tuple[tuple[str, str], ...]:
    if promessa.perder is None or tempo is None or _minutos(tempo) <= _minutos(promessa.perder):
        return ()
    if tempo == timedelta.max:
        dito = "não há backup inteiro"
    elif qual == IDADE:
        dito = f"o último backup inteiro é de há {ha_quanto(tempo)}"
    else:
        dito = f"esteve {ha_quanto(tempo)} sem backup inteiro"
    return ((qual, f"{dito} (a promessa é perder no máximo {ha_quanto(promessa.perder)})"),)


def _de_voltar(promessa: Promessa, volta: Volta | None) -> tuple[tuple[str, str], ...]:
    if promessa.voltar is None or volta is None:
        return ()
    if volta.segundos <= promessa.voltar.total_seconds():
        return ()
    dito = f"a última volta levou mais que {ha_quanto(promessa.voltar)}: {volta.em_palavras}"
    return ((VOLTA, dito),)


def _minutos(tempo: timedelta) -> int:
    return tempo // timedelta(minutes=1)


def _segundos(tempo: timedelta | None) -> float | None:
    return tempo.total_seconds() if tempo is not None else None
