"""O que as ações da cópia fora têm em comum: que destinos, o que se anuncia neles, e o envio que
vem depois de cada backup."""

from __future__ import annotations

import argparse
import itertools
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.config.copia import Copia
from cofre.base.erros import (
    ConfiguracaoInvalida,
    DefeitoInterno,
    ErroCofre,
    ErroDeUso,
    Interrompido,
)
from cofre.base.palavras import visivel
from cofre.base.relato import Relato
from cofre.deposito.cifra.chaves import ler_que_fecham
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import da_pasta
from cofre.deposito.lacre import conhecidos
from cofre.deposito.lacre.lacre import pseudonimo
from cofre.remoto import situacao
from cofre.remoto.abrir import abrir
from cofre.remoto.copia import Copiado, Remetente, copiar, nao_abriu
from cofre.remoto.destino import Destino
from cofre.remoto.erros import FalhaDaCopia
from cofre.remoto.marco import Marco


def opcao_de_destino(analisador: argparse.ArgumentParser) -> None:
    """--copia-em, que diz um destino só."""
    analisador.add_argument(
        "--copia-em",
        metavar="DESTINO",
        help="só este destino da cópia, como em COPIA_DESTINO (padrão: todos os de lá)",
    )


def destinos_de(opcoes: Namespace, relato: Relato) -> tuple[Destino, ...]:
    """Os do .env, ou só o que se disse, depois de avisar do que há neles. Levanta
    ConfiguracaoInvalida ou DependenciaAusente."""
    copia = ambiente.copia(destino=opcoes.destino, so=getattr(opcoes, "copia_em", None))
    if not copia.destinos:
        raise ConfiguracaoInvalida(
            "Não há destino nenhum para a cópia: COPIA_DESTINO não está no .env.",
            "Diga para onde, por exemplo:\nCOPIA_DESTINO=pasta:E:\\Cofre",
        )
    _avisar(copia, relato)
    return abrir(copia)


def remetente_de(opcoes: Namespace, deposito: Deposito, relato: Relato) -> Remetente:
    """Quem leva o que está neste depósito. Levanta ConfiguracaoInvalida ou DependenciaAusente."""
    copia = ambiente.copia(destino=opcoes.destino)
    em_claro = copia.em_claro or bool(getattr(opcoes, "em_claro", False))
    return Remetente(
        deposito,
        nosso(),
        relato,
        em_claro,
        comecar=bool(getattr(opcoes, "comecar", False)),
        sao_todos=not getattr(opcoes, "copia_em", None),
        trava_dias=copia.trava_dias,
    )


def nosso() -> Marco:
    """O que este computador anuncia num destino. Levanta como `remetente_de`."""
    para = ler_que_fecham(ambiente.cifragem().para)
    publica = conhecidos.a_minha_publica()
    return Marco(para=tuple(c.texto for c in para), confere=(publica,) if publica else ())


def documento_de(copiados: Sequence[Copiado]) -> dict[str, Any]:
    """Para a saída --json."""
    return {
        "codigo": codigo_de(copiados),
        "falhas": [f for c in copiados for f in c.falhas],
        "destinos": [c.documento() for c in copiados],
    }


def codigo_de(copiados: Sequence[Copiado]) -> int:
    """O de uma cópia que falhou em algum destino, ou zero."""
    return max((c.codigo for c in copiados), default=0)


def copiar_depois_do_backup(
    opcoes: Namespace, deposito: Deposito, relato: Relato, *, so_se_falta: bool = False
) -> dict[str, Any] | None:
    """O envio que vem depois do backup, que não o desfaz nem o esconde: o documento dele, ou None
    se não há destinos. `so_se_falta`: nada se pergunta a um destino em que, pelo que daqui se sabe,
    já está tudo. Levanta Interrompido."""
    try:
        copia = ambiente.copia(destino=opcoes.destino)
        if not copia.destinos:
            situacao.so_estes(deposito.raiz, ())
            return None
        if so_se_falta and _ja_la_esta(copia, deposito):
            relato.detalhe("📤 Cópia fora: nada de novo a enviar.")
            return None
        _avisar(copia, relato)
        with relato.acompanhando():
            feitos = _copiar_aos_que_abrem(remetente_de(opcoes, deposito, relato), copia)
    except KeyboardInterrupt:
        raise Interrompido(
            "Interrompido enquanto se enviava a cópia.",
            f"Os backups daqui estão feitos. A cópia continua com:\n  {comando(BACKUP, 'enviar')}",
        ) from None
    except ErroCofre as e:
        return _nem_comecou(e, relato)
    except Exception as e:
        return _nem_comecou(DefeitoInterno(e), relato)
    return documento_de(feitos)


def _ja_la_esta(copia: Copia, deposito: Deposito) -> bool:
    """Se o último envio a cada destino chegou ao fim, com o backup mais novo de cada empresa."""
    sabidas = situacao.ler(deposito.raiz)
    for dito in copia.destinos:
        sabida = sabidas.get(dito.texto)
        if sabida is None or not sabida.em_uso or sabida.enviada is None or sabida.falha:
            return False
        for pasta in deposito.pastas():
            novo = next(deposito.do_mais_novo(pasta), None)
            if novo is None:
                continue
            nela = sabida.empresas.get(pseudonimo(novo.meta.user_id)) if novo.meta else None
            if nela is None or nela.carimbo != novo.carimbo:
                return False
    return True


def _avisar(copia: Copia, relato: Relato) -> None:
    for aviso in copia.avisos:
        relato.aviso(aviso)


def _copiar_aos_que_abrem(remetente: Remetente, copia: Copia) -> list[Copiado]:
    """Sem o rclone, ou sem a obstore, os outros destinos recebem o seu na mesma."""
    abertos: list[Destino] = []
    fechados: list[tuple[str, ErroCofre]] = []
    for dito in copia.destinos:
        try:
            abertos += abrir(replace(copia, destinos=(dito,)))
        except ErroCofre as e:
            fechados.append((dito.texto, e))
    feitos = copiar(remetente, abertos)
    return [*feitos, *(nao_abriu(remetente, nome, erro) for nome, erro in fechados)]


def _nem_comecou(erro: ErroCofre, relato: Relato) -> dict[str, Any]:
    relato.falha(f"❌ Cópia fora: {erro}")
    for cura in erro.dica.splitlines():
        relato.falha(f"   {cura}")
    falhas = [f"cópia fora: {erro}"]
    return {"codigo": FalhaDaCopia.codigo, "falhas": falhas, "destinos": []}


def nomes_daqui(deposito: Deposito) -> dict[str, str]:
    """Como se chama aqui cada empresa da cópia, que lá só tem um pseudônimo."""
    return {
        pseudonimo(g.empresa.id): visivel(g.empresa.nome)
        for pasta in deposito.pastas()
        for g in da_pasta(pasta, list(itertools.islice(deposito.do_mais_novo(pasta), 1)))
    }


def exigir_so_pastas(destinos: Sequence[Destino]) -> None:
    """Em claro só vai para uma pasta. Levanta ErroDeUso."""
    if longe := [d.nome for d in destinos if not d.de_pasta]:
        raise ErroDeUso(
            f"Em claro só se copia para uma pasta, e {longe[0]} não é uma.",
            "Cifre os backups (veja «Cifrar», no manual), ou diga a pasta com --copia-em.",
        )
