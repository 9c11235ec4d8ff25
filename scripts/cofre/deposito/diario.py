"""O diário de cada restauração: está no disco antes da primeira escrita e fica como registro.

Um arquivo `restauracao_<carimbo>.json` na pasta da empresa, reescrito inteiro a cada passo.
Enquanto não diz «concluida» nem «desfeita», a restauração pode ser concluída ou desfeita. Não há
nele valor algum de uma linha, a não ser as chaves dos registros que se escolheram um a um: se os
backups são cifrados, essas vão cifradas.
"""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from cofre.base import estado
from cofre.base.comandos import RESTAURACAO, comando
from cofre.base.erros import BackupDanificado
from cofre.base.maquina import maquina, usuario
from cofre.base.moldes import leitor_de
from cofre.base.palavras import visivel
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO, e_carimbo
from cofre.deposito.cifra.chaveiro import que_abrem
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.cifra.escrita import fechando
from cofre.deposito.cifra.leitura import abrindo
from cofre.deposito.ordem import PRIMEIRA
from cofre.deposito.retrato import que_comecam

PREFIXO = "restauracao_"
FECHADO = "fechado"
"""A chave do que vai cifrado: o arquivo do age, em base64."""
EM_ANDAMENTO, CONCLUIDA, DESFEITA, INCOMPLETA, DEIXADA = (
    "em_andamento",
    "concluida",
    "desfeita",
    "incompleta",
    "deixada",
)
BALDES_CRIADOS = "baldes_criados"
"""A chave dos baldes que a restauração criou: ao concluir, ganham os limites que tinham; ao
desfazer, saem."""
PROJETO = "projeto"
"""A chave do que diz em que projeto se escreve (ver `via.projeto.identidades`): só nesse se
continua e se desfaz."""
CLONAGEM = "clonagem"
"""A chave de quem pôs a empresa como num backup de outro projeto: é assim que se diz dela."""
ABERTAS = frozenset({EM_ANDAMENTO, INCOMPLETA})


@dataclass(slots=True)
class Diario:
    """Uma restauração: o arquivo e o que está nele."""

    caminho: Path
    dados: dict[str, Any]

    @property
    def comecada_em(self) -> datetime:
        """Quando começou; se o diário não o diz com o fuso, antes de todas."""
        with contextlib.suppress(ValueError):
            quando = datetime.fromisoformat(str(self.dados.get("comecada_em")))
            if quando.tzinfo is not None:
                return quando
        return PRIMEIRA[0]

    @property
    def aberto(self) -> bool:
        """Se não acabou, e ninguém decidiu ainda o que fazer dela."""
        return self.estado in ABERTAS

    @property
    def por_concluir(self) -> bool:
        """Se não acabou: aberta, ou deixada como estava."""
        return self.aberto or self.estado == DEIXADA

    @property
    def desfazendo(self) -> bool:
        """Se é o desfazer de outra restauração."""
        return "desfaz" in self.dados

    @property
    def em_palavras(self) -> str:
        """O que se diz de uma que está por concluir."""
        if self.desfazendo:
            return "um desfazer não concluído"
        return f"uma {'clonagem' if self.dados.get(CLONAGEM) else 'restauração'} não concluída"

    @property
    def quando(self) -> str:
        """Quando começou, até o minuto, para a tela."""
        return visivel(str(self.dados.get("comecada_em")))[:16].replace("T", " ")

    @property
    def estado(self) -> str:
        """O estado gravado."""
        return str(self.dados.get("estado", ""))

    @property
    def backups(self) -> frozenset[str]:
        """Os carimbos dos backups de que precisa, para se concluir ou desfazer."""
        recorte = self.dados.get("recorte")
        mudanca = recorte.get("mudanca") if isinstance(recorte, dict) else None
        da_mudanca = mudanca if isinstance(mudanca, dict) else {}
        ditos = (
            *(self.dados.get(c) for c in ("backup", "antes")),
            *(da_mudanca.get(c) for c in ("antes", "depois")),
        )
        return frozenset(str(c) for c in ditos if c)

    @property
    def recorte(self) -> object:
        """O que se escolheu dos registros, aberto, se vai cifrado; None se nada. Levanta FaltaChave
        e BackupDanificado."""
        dito = self.dados.get("recorte")
        if not isinstance(dito, dict) or FECHADO not in dito:
            return dito
        try:
            with abrindo(io.BytesIO(base64.b64decode(dito[FECHADO])), que_abrem()) as aberto:
                return msgspec.json.decode(aberto.read())
        except ValueError as e:
            raise BackupDanificado(f"O diário {self.caminho.name} está danificado.") from e

    def conferir(self) -> None:
        """Levanta BackupDanificado se não diz o que é preciso para a concluir ou desfazer."""
        carimbos = [str(self.dados.get(c, "")) for c in ("backup", "antes")]
        if not (all(map(e_carimbo, carimbos)) and {"acao", "modo", "tabelas"} <= self.dados.keys()):
            raise BackupDanificado(
                f"O diário {self.caminho.name} não diz o que se restaurava.",
                "Nada foi alterado. Deixe essa restauração como está (3, no diálogo) e restaure de"
                " novo.",
            )

    def anotar(self, **mudancas: object) -> None:
        """Muda os dados e os põe no disco antes de voltar. Levanta FalhaDeDisco."""
        self.dados.update(mudancas)
        self.dados["atualizado_em"] = datetime.now().astimezone().isoformat()
        estado.gravar(self.caminho, self.dados)

    def deixar(self) -> None:
        """O usuário decidiu deixar como está: ainda se pode concluir ou desfazer, mas outra
        restauração pode vir antes. Levanta FalhaDeDisco."""
        self.anotar(estado=DEIXADA)

    def acrescentar(self, lista: str, item: Mapping[str, Any]) -> None:
        """Põe um item no fim de uma das listas."""
        self.anotar(**{lista: [*self.dados.get(lista, []), dict(item)]})


def fechado(documento: object, para: Sequence[ChaveQueFecha]) -> dict[str, str]:
    """Um documento como vai num diário, se só quem tem a chave o pode ler. Levanta
    DependenciaAusente."""
    saida = io.BytesIO()
    with fechando(saida, para) as onde:
        onde.write(msgspec.json.encode(documento))
    return {FECHADO: base64.b64encode(saida.getvalue()).decode("ascii")}


def abrir_novo(pasta: Path, dados: Mapping[str, Any]) -> Diario:
    """Começa um diário, já no disco. Levanta FalhaDeDisco."""
    agora = datetime.now().astimezone()
    numero = 0
    while True:
        sufixo = f"_{numero}" if numero else ""
        caminho = pasta / f"{PREFIXO}{agora:{FORMATO_DO_CARIMBO}}{sufixo}.json"
        if not caminho.exists():
            break
        numero += 1
    diario = Diario(caminho, {"estado": EM_ANDAMENTO, "comecada_em": agora.isoformat()})
    diario.anotar(maquina=maquina(), usuario=usuario(), **dados)
    return diario


class _Forma(msgspec.Struct):
    """Os tipos do que alguém usa de um diário; o que falta se nota quando se precisa dele."""

    estado: str = ""
    user_id: str = ""
    nome: str = ""
    acao: Literal["restaurar", "desfazer"] = "restaurar"
    backup: str = ""
    antes: str = ""
    tabelas: tuple[str, ...] = ()
    modo: Literal["voltar", "recuperar"] = "voltar"
    passadas: tuple[Any, ...] = ()


def ler(caminho: Path) -> Diario | None:
    """O diário neste arquivo; None se não se lê."""
    dados = estado.ler(caminho, dict[str, Any])
    try:
        leitor_de(_Forma)
        msgspec.convert(dados, _Forma)
    except msgspec.ValidationError:
        return None
    return Diario(caminho, dados) if dados is not None else None


def diarios(pasta: Path) -> list[Diario]:
    """Os diários legíveis de uma pasta, do mais antigo ao mais novo (ver `ordem`)."""
    return sorted(filter(None, map(ler, _arquivos(pasta))), key=lambda d: d.comecada_em)


def ha_ilegivel(pasta: Path) -> bool:
    """Se há na pasta um diário que não se lê."""
    return any(ler(arquivo) is None for arquivo in _arquivos(pasta))


def _arquivos(pasta: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        nomes = que_comecam(pasta, PREFIXO)
        return sorted(pasta / nome for nome in nomes if nome.endswith(".json"))
    return []


def pendentes(em_ordem: Sequence[Diario]) -> list[Diario]:
    """As que pedem uma decisão. Uma que foi deixada como estava só conta enquanto for a última."""
    return [d for d in em_ordem if d.aberto or (d.por_concluir and d is em_ordem[-1])]


def avisos_de_pendentes(pastas: Iterable[Path], em_uso: Callable[[str], bool]) -> Iterator[str]:
    """Uma frase por restauração não concluída nestas pastas; a que outra execução está fazendo
    agora (`em_uso`, do id da empresa) não é uma."""
    for diario in (d for pasta in pastas for d in pendentes(diarios(pasta))):
        if em_uso(str(diario.dados.get("user_id", ""))):
            continue
        nome = visivel(str(diario.dados.get("nome", "")))
        escolha = "concluir" if diario.desfazendo else "concluir ou desfazer"
        yield (
            f"Há {diario.em_palavras} da empresa {nome} (nada se perdeu). Para {escolha}:"
            f"\n{comando(RESTAURACAO)}"
        )


def desfazivel(diarios: Sequence[Diario]) -> Diario | None:
    """A última que pode ser desfeita, se há."""
    return next((d for d in reversed(diarios) if d.estado != DESFEITA), None)


def por_concluir(diarios: Sequence[Diario]) -> Diario | None:
    """A que não acabou, se há; ou a última, se foi deixada como estava."""
    abertos = [d for d in diarios if d.aberto]
    ultimos = [d for d in diarios[-1:] if d.por_concluir]
    return next(reversed(abertos or ultimos), None)
