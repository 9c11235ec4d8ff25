"""`verificar --copia`: a cópia fora, conferida sem chave nenhuma."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from cofre.base.config import ambiente
from cofre.base.erros import ErroCofre
from cofre.base.palavras import na_tela, numero, plural, tamanho, visivel
from cofre.base.relato import Relato
from cofre.comando.copia import destinos_de, nomes_daqui
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conhecidos, serie
from cofre.remoto import marco, situacao
from cofre.remoto.conferencia import Achado, Conferencia, Parte, Sabido, conferir
from cofre.remoto.copia import BARRA
from cofre.remoto.daqui import inventariar
from cofre.remoto.destino import Destino
from cofre.remoto.erros import FalhaDaCopia
from cofre.remoto.protecao import protecao_de
from cofre.remoto.situacao import Conferida, Copia

MOSTRADOS = 20


def parte_de(texto: str) -> Parte:
    """«1/30» → a parte. Um tipo do argparse."""
    casa = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", texto.strip())
    n, t = (int(casa[1]), int(casa[2])) if casa else (0, 0)
    if not 1 <= n <= t:
        raise ArgumentTypeError(f"é uma fração, como 1/30 ou 1/1, não «{visivel(texto)}»")
    return Parte(n, t)


def verificar_copia(opcoes: Namespace, deposito: Deposito, relato: Relato) -> int:
    """Confere cada destino; devolve 0, ou 13 se algum não está como devia."""
    destinos = destinos_de(opcoes, relato)
    nomes = nomes_daqui(deposito)
    documentos: list[dict[str, Any]] = []
    relato.linha("🔎 CÓPIA FORA")
    for destino in destinos:
        sabido = _sabido(deposito, destino)
        try:
            visto = _conferir(destino, sabido, opcoes.parte, relato)
        except ErroCofre as e:
            documentos.append(_falhou(destino, e, relato))
            continue
        if not opcoes.copia_em or destino.nome in situacao.ler(deposito.raiz):
            _anotar(deposito, destino, visto, opcoes.parte, relato)
        _contar(destino, visto, nomes, relato)
        protecao = _protecao(destino, visto, opcoes)
        for frase in protecao:
            relato.linha(f"      {frase}")
        documentos.append(_documento(destino, visto, nomes) | {"protecao": protecao})
    codigo = max((d["codigo"] for d in documentos), default=0)
    relato.documento({"acao": "verificar", "codigo": codigo, "copia": True, "destinos": documentos})
    return codigo


def _conferir(destino: Destino, sabido: Sabido, parte: Parte | None, relato: Relato) -> Conferencia:
    def avancar(foram: int, total: int) -> None:
        relato.avanco(destino.nome, "KB", foram // 1024, total // 1024, BARRA)

    with relato.acompanhando(destino.nome):
        marco.exigir(destino)
        return conferir(destino, sabido, parte, avancar)


def _protecao(destino: Destino, visto: Conferencia, opcoes: Namespace) -> list[str]:
    if visto.ultimo is None:
        return []
    try:
        dias = ambiente.copia(destino=opcoes.destino, so=opcoes.copia_em).trava_dias
        return protecao_de(destino, visto.ultimo.nome, dias)
    except ErroCofre as e:
        return [f"⚠️ não se soube da trava nem das versões: {e}"]


def _sabido(deposito: Deposito, destino: Destino) -> Sabido:
    copia = situacao.ler(deposito.raiz).get(destino.nome, Copia())
    vivos: dict[str, set[str]] = {}
    meu = serie.escritor()
    for daqui in inventariar(deposito).backups:
        if daqui.lacre.escritor == meu:
            vivos.setdefault(daqui.lacre.empresa, set()).add(daqui.lacre.carimbo)
    agora = datetime.now().astimezone()
    return Sabido(conhecidos.conhecidas(), meu, copia.esperados, agora, vivos)


def _anotar(
    deposito: Deposito, destino: Destino, visto: Conferencia, parte: Parte | None, relato: Relato
) -> None:
    """Guarda quando se conferiu este destino, e o que nele está podre. Uma falha é só um aviso."""
    conferida = Conferida(em=datetime.now().astimezone(), achados=len(visto.achados))

    def mudar(antes: Copia) -> Copia:
        depois = msgspec.structs.replace(
            antes, conferida=conferida, podres=tuple({*antes.podres, *visto.podres})
        )
        if parte is None:
            return depois
        somada = msgspec.structs.replace(conferida, parte=f"{parte.n}/{parte.t}")
        return msgspec.structs.replace(depois, somada=somada)

    try:
        situacao.anotar(deposito.raiz, destino.nome, mudar)
    except ErroCofre as e:
        relato.aviso(f"{situacao.ARQUIVO} não pôde ser escrito. {e}")


def _falhou(destino: Destino, erro: ErroCofre, relato: Relato) -> dict[str, Any]:
    relato.falha(f"   ❌ {visivel(str(erro))}")
    for cura in erro.dica.splitlines():
        relato.falha(f"      {cura}")
    return {
        "destino": destino.nome,
        "codigo": FalhaDaCopia.codigo,
        "erro": str(erro),
        "dica": erro.dica,
    }


def _contar(destino: Destino, visto: Conferencia, nomes: Mapping[str, str], relato: Relato) -> None:
    """O que se viu neste destino, na tela: `nomes` são os das empresas, por pseudônimo."""
    quantos = sum(e.backups for e in visto.empresas.values())
    conta = f"{plural(quantos, 'backup', 'backups')} de"
    conta += f" {plural(len(visto.empresas), 'empresa', 'empresas')}"
    conta += f", {plural(visto.conteudos, 'arquivo', 'arquivos')} ({tamanho(visto.bytes)})"
    sinal = "❌" if visto.achados else "⏳" if visto.chegando else "✅"
    relato.linha(f"   {sinal} {visivel(destino.nome)}: {conta}")
    if visto.somados:
        somados = plural(visto.somados, "arquivo baixado", "arquivos baixados")
        relato.linha(f"      {somados} e somados ({tamanho(visto.bytes_somados)})")
    for empresa, dela in sorted(visto.empresas.items(), key=lambda par: _quem(par[0], nomes)):
        quando = na_tela(dela.ultimo.astimezone(), "minuto")
        relato.linha(f"      {_quem(empresa, nomes)}: o último é de {quando} (nº {dela.numero})")
    _listar(visto.achados, nomes, relato.falha)
    if visto.chegando:
        backups = len({(a.empresa, a.carimbo) for a in visto.chegando})
        relato.aviso(
            f"{destino.nome}: {plural(backups, 'backup ainda está', 'backups ainda estão')} a"
            " chegar, de outro computador. Se amanhã ainda faltar algo, é dano."
        )
    if visto.podres:
        relato.linha("      O próximo envio leva de novo o que está estragado lá e são aqui.")


def _listar(achados: Sequence[Achado], nomes: Mapping[str, str], dizer: Any) -> None:
    for achado in achados[:MOSTRADOS]:
        quem = _quem(achado.empresa, nomes)
        dizer(f"      ❌ {quem}, {achado.carimbo}: {visivel(achado.causa)}")
    if len(achados) > MOSTRADOS:
        dizer(f"      … e mais {numero(len(achados) - MOSTRADOS)}")


def _quem(empresa: str, nomes: Mapping[str, str]) -> str:
    return nomes.get(empresa, f"empresa {empresa[:8]}…")


def _documento(destino: Destino, visto: Conferencia, nomes: Mapping[str, str]) -> dict[str, Any]:
    """O mesmo, para o --json."""

    def lista(achados: Sequence[Achado]) -> list[dict[str, str]]:
        return [
            {"empresa": a.empresa, "nome": nomes.get(a.empresa, ""), "carimbo": a.carimbo}
            | {"causa": a.causa}
            for a in achados
        ]

    return {
        "destino": destino.nome,
        "codigo": FalhaDaCopia.codigo if visto.achados else 0,
        "empresas": [
            {
                "empresa": e,
                "nome": nomes.get(e, ""),
                "backups": x.backups,
                "ultimo": x.ultimo.isoformat(),
                "carimbo": x.carimbo,
                "numero": x.numero,
            }
            for e, x in sorted(visto.empresas.items())
        ],
        "achados": lista(visto.achados),
        "chegando": lista(visto.chegando),
        "conteudos": visto.conteudos,
        "bytes": visto.bytes,
        "orfaos": visto.orfaos,
        "somados": visto.somados,
        "bytes_somados": visto.bytes_somados,
    }
