"""Duas chaves novas, do nascimento ao .env: gravadas em folhas, devolvidas e provadas.

Nada se cifra para uma chave que ninguém mostrou que tem: o .env só muda depois de cada uma ser
devolvida, do arquivo ou do papel, e abrir um arquivo de prova.
"""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente, variaveis
from cofre.base.config.cifragem import NOME_DAS_QUE_FECHAM
from cofre.base.config.gravacao import gravar_variavel
from cofre.base.disco import criar_privado, erros_de_disco, ler_ficha, para_o_disco, sincronizar
from cofre.base.erros import ConfiguracaoInvalida, ErroDeUso, Interrompido
from cofre.base.interprete import RAIZ
from cofre.base.palavras import visivel
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.comando.argumentos import caminho_de
from cofre.comando.chave import recusar_lugar
from cofre.comando.chaves_devolvidas import Devolucao
from cofre.deposito.cifra import folha as folhas
from cofre.deposito.cifra import provas
from cofre.deposito.cifra.chaves import ChaveQueAbre, ChaveQueFecha, gerar, ler_que_abre
from cofre.deposito.cifra.folha import DONO, RESERVA, Folha
from cofre.deposito.cifra.linhas import em_linhas
from cofre.deposito.cifra.novas import provar
from cofre.deposito.lacre import conhecidos
from cofre.deposito.lacre.assinatura import codigo

NADA_MUDOU = (
    "O .env e os backups continuam como estavam. As folhas já gravadas não abrem nada: apague-as."
)
_DE_QUEM = {DONO: "do dono", RESERVA: "de reserva"}
_AJUDA_DO_LUGAR = (
    "Uma pasta num pendrive, ou de onde se possa imprimir: cada folha é uma página para imprimir\n"
    "(.html) e o mesmo em texto (.txt), que é também o arquivo da chave. Nunca no projeto, nem na\n"
    "pasta dos backups. As duas folhas devem acabar em lugares diferentes."
)


@dataclass(frozen=True, slots=True)
class Novas:
    """As duas chaves desta execução, e onde ficaram as folhas delas."""

    fecham: tuple[ChaveQueFecha, ...]
    arquivos: tuple[Path, ...]
    assinatura: str

    def documento(self, pedido: str) -> dict[str, object]:
        """Para a saída --json: nada que abra."""
        return {
            "acao": "chaves",
            "codigo": 0,
            "pedido": pedido,
            "fecham": [chave.texto for chave in self.fecham],
            "folhas": [str(arquivo) for arquivo in self.arquivos],
            "lacre": codigo(self.assinatura),
            "env": str(RAIZ / ".env"),
        }


def por_no_lugar(opcoes: Namespace, relato: Relato) -> Novas:
    """Faz as duas, grava as folhas, pede-as de volta, prova-as e põe as que fecham no .env. Levanta
    ErroDeUso, Cancelada, ConfiguracaoInvalida, DependenciaAusente ou FalhaDeDisco."""
    _recusar_variavel_de_fora()
    chaves = {DONO: gerar(), RESERVA: gerar()}
    fecham = tuple(chave.publica for chave in chaves.values())
    assinatura = conhecidos.minha().publica
    arquivos: list[Path] = []
    with _sem_mudar_nada():
        onde = {papel: _pasta(papel, opcoes, relato) for papel in chaves}
        if onde[DONO] == onde[RESERVA]:
            relato.aviso("As duas folhas vão para a mesma pasta: leve depois uma para outro lugar.")
        for papel, outro in ((DONO, RESERVA), (RESERVA, DONO)):
            outra = chaves[outro].publica.texto
            feita = _folha(papel, chaves[papel], outra, assinatura, onde[papel])
            arquivos += _gravar(feita, onde[papel])
            _mostrar(feita, relato)
        for papel, chave in chaves.items():
            devolvida = _devolvida(papel, chave, arquivos, opcoes, relato)
            provar(devolvida, fecham)
            relato.linha(f"✅ A chave {_DE_QUEM[papel]} foi devolvida e abriu o arquivo de prova.")
    _por_no_env(fecham)
    provas.anotar(fecham, datetime.now().astimezone())
    return Novas(fecham, tuple(arquivos), assinatura)


@contextlib.contextmanager
def _sem_mudar_nada() -> Iterator[None]:
    """Até aqui, um Ctrl+C é uma desistência, e diz-se o mesmo. Levanta Interrompido."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrompido("Interrompido.", NADA_MUDOU) from None


def contar(novas: Novas, relato: Relato) -> None:
    """As últimas palavras."""
    relato.linha(f"🔒 {NOME_DAS_QUE_FECHAM} está no .env: o próximo backup sai cifrado.")
    relato.linha(f"🔏 Código do lacre, que está nas folhas: {codigo(novas.assinatura)}")
    relato.linha("ℹ️ Imprima as folhas e guarde-as em dois lugares, longe deste computador.")
    relato.linha("   Daqui a 90 dias será pedido que prove de novo que as tem, com:")
    relato.linha(f"   {comando(BACKUP, 'chaves', 'testar')}")


def _recusar_variavel_de_fora() -> None:
    """Uma variável do sistema vale mais do que o .env: o que se escrevesse nele não se veria."""
    if variaveis.de_fora(NOME_DAS_QUE_FECHAM):
        raise ConfiguracaoInvalida(
            f"{NOME_DAS_QUE_FECHAM} está numa variável de ambiente, que vale mais do que o .env.",
            "Tire-a de lá e repita. Nada mudou.",
        )


def _pasta(papel: str, opcoes: Namespace, relato: Relato) -> Path:
    """A pasta onde gravar a folha deste `papel`, dita ou perguntada. Levanta ErroDeUso ou
    Cancelada."""
    dita = getattr(opcoes, f"folha_{papel}")
    if dita is None:
        if opcoes.confirmar:
            raise ErroDeUso(
                f"Falta dizer onde gravar a folha {_DE_QUEM[papel]}: --folha-{papel} PASTA.",
                f"{_AJUDA_DO_LUGAR}\nNada mudou.",
            )
        perguntas = Perguntas(relato, "Cancelado.", NADA_MUDOU)
        dita = perguntas.resposta(f"Onde gravar a folha {_DE_QUEM[papel]}: ", _AJUDA_DO_LUGAR)
    pasta = caminho_de(dita)
    recusar_lugar(pasta, opcoes)
    if not dita or not pasta.is_dir():
        raise ErroDeUso(
            f"Não há a pasta {visivel(str(pasta))}.", f"O pendrive está no lugar? {NADA_MUDOU}"
        )
    return pasta


def _folha(papel: str, chave: ChaveQueAbre, outra: str, assinatura: str, pasta: Path) -> Folha:
    agora = datetime.now().astimezone()
    # Nunca por cima de outra: uma folha antiga ainda abre os backups antigos.
    base, n = f"folha-{papel}-{agora.date().isoformat()}", 1
    nome = base
    while (pasta / f"{nome}.txt").exists() or (pasta / f"{nome}.html").exists():
        n += 1
        nome = f"{base}-{n}"
    destinos = tuple(d.texto for d in ambiente.copia().destinos)
    return Folha(nome, papel, chave, outra, assinatura, destinos, agora)


def _gravar(feita: Folha, pasta: Path) -> list[Path]:
    versoes = {".html": folhas.em_pagina(feita), ".txt": folhas.em_texto(feita)}
    arquivos = []
    with erros_de_disco(pasta, NADA_MUDOU):
        for fim, texto in versoes.items():
            arquivos.append(pasta / f"{feita.nome}{fim}")
            with criar_privado(arquivos[-1]) as arquivo:
                arquivo.write(texto.encode("utf-8"))
                para_o_disco(arquivo)
        sincronizar(pasta)
    return arquivos


def _mostrar(feita: Folha, relato: Relato) -> None:
    relato.linha()
    relato.linha(f"📄 {feita.titulo}: {feita.nome}.html e {feita.nome}.txt")
    for n, (linha, conferencia) in enumerate(em_linhas(feita.chave.texto()), 1):
        relato.reservado(f"   {n}  {linha:<26}  {conferencia}")


def _devolvida(
    papel: str, chave: ChaveQueAbre, arquivos: list[Path], opcoes: Namespace, relato: Relato
) -> ChaveQueAbre:
    """A chave como voltou: do arquivo gravado, relido agora, ou de quem a digita."""
    if not opcoes.confirmar:
        return Devolucao(relato, Perguntas(relato, "Cancelado.", NADA_MUDOU)).pedir(
            _DE_QUEM[papel], chave.publica
        )
    textos = [a for a in arquivos if a.suffix == ".txt"]
    arquivo = next(a for a in textos if a.name.startswith(f"folha-{papel}-"))
    with erros_de_disco(arquivo, NADA_MUDOU):
        return ler_que_abre(ler_ficha(arquivo).decode("utf-8"))


def _por_no_env(fecham: tuple[ChaveQueFecha, ...]) -> None:
    valor = ",".join(chave.texto for chave in fecham)
    gravar_variavel(RAIZ / ".env", NOME_DAS_QUE_FECHAM, valor)
    if ambiente.cifragem().para != valor:
        raise ConfiguracaoInvalida(
            f"Escrevi {NOME_DAS_QUE_FECHAM} no .env, e não é o que se lê dele.",
            f"Veja se há outra linha com esse nome em {RAIZ / '.env'}. O valor certo é:\n  {valor}",
        )
