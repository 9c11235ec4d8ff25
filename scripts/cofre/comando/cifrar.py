"""A ação `cifrar`: os backups que ficaram em claro passam a cifrados."""

from __future__ import annotations

import argparse
from argparse import Namespace
from dataclasses import dataclass, field
from typing import Any

from cofre.base.comandos import BACKUP, comando
from cofre.base.config import ambiente
from cofre.base.config.cifragem import NOME_DAS_QUE_FECHAM
from cofre.base.disco import erros_de_disco
from cofre.base.erros import TUDO_CERTO, BackupDanificado, ConfiguracaoInvalida, TravaOcupada
from cofre.base.palavras import na_tela, plural, visivel
from cofre.base.relato import Relato
from cofre.comando.argumentos import (
    minutos_de,
    opcao_de_empresa,
    opcao_de_esperar,
    opcoes_de_saida,
)
from cofre.comando.execucao import registrada
from cofre.deposito.backup import Backup
from cofre.deposito.cifra.cifra import de_configuracao
from cofre.deposito.conteudos.lugar import em_claro
from cofre.deposito.conteudos.orfaos import NaoSeSabe, apagar_os_de_ninguem
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import EmpresaComBackups, uma_a_uma
from cofre.deposito.recifrar import JaCifrados, cifrar_de_novo, serve
from cofre.deposito.recifrar_arquivos import ConteudosCifrados
from cofre.deposito.trava import Espera, esperar
from cofre.rotina.painel.pagina import atualizar_painel


@dataclass(slots=True)
class _Conta:
    """O que se fez: os carimbos por empresa, e o pior código."""

    codigo: int = TUDO_CERTO
    cifrados: int = 0
    em_claro: int = 0
    empresas: list[dict[str, Any]] = field(default_factory=list)


@registrada("cifrar")
def executar(opcoes: Namespace, relato: Relato) -> int:
    cifra = de_configuracao(ambiente.cifragem())
    if cifra is None:
        raise ConfiguracaoInvalida(
            f"Não se sabe para quem cifrar: {NOME_DAS_QUE_FECHAM} não está no .env.",
            f"Crie as chaves, que isto a põe lá:\n{comando(BACKUP, 'chaves', 'criar')}",
        )
    pasta = ambiente.pasta_de_backups(destino=opcoes.destino)
    deposito = Deposito(pasta, cifra=cifra, acao="cifra")
    espera, conta = esperar(minutos_de(opcoes), relato), _Conta()
    with deposito.trabalhando():
        for guardada in uma_a_uma(deposito, tuple(opcoes.empresa or ())):
            _da_empresa(deposito, guardada, espera, conta, relato)
        limites = ambiente.limites()
        atualizar_painel(deposito, relato, limites.idade, limites.promessas)
    _concluir(conta, relato)
    relato.documento(
        {
            "acao": "cifrar",
            "codigo": conta.codigo,
            "cifrados": conta.cifrados,
            "em_claro": conta.em_claro,
            "empresas": conta.empresas,
        }
    )
    return conta.codigo


def _da_empresa(
    deposito: Deposito, guardada: EmpresaComBackups, espera: Espera, conta: _Conta, relato: Relato
) -> None:
    """Do mais antigo ao mais novo; o que não se puder cifrar fica como está."""
    if all(b.cifrado for b in guardada.backups) and not em_claro(guardada.pasta):
        return
    relato.linha(f"\n🏢 Empresa: {visivel(guardada.empresa.nome)}")
    feitos: list[str] = []
    try:
        with deposito.trava_da_empresa(guardada.empresa, espera):
            assert deposito.cifra is not None
            ja = JaCifrados(ConteudosCifrados(guardada.pasta, deposito.cifra))
            for visto in guardada.backups:
                backup = deposito.abrir(visto.pasta, visto.carimbo)
                if not backup.cifrado and _um(deposito, backup, ja, conta, relato):
                    feitos.append(backup.carimbo)
            _largar_os_em_claro(deposito, guardada, relato)
    except TravaOcupada as e:
        relato.falha(f"   ❌ {e}")
        conta.codigo = conta.codigo or e.codigo
    conta.cifrados += len(feitos)
    conta.empresas.append({"empresa": guardada.empresa.id, "cifrados": feitos})


def _largar_os_em_claro(deposito: Deposito, guardada: EmpresaComBackups, relato: Relato) -> None:
    """Os conteúdos de arquivos que só os backups em claro citavam. Levanta FalhaDeDisco."""
    pasta = guardada.pasta
    with erros_de_disco(pasta):
        try:
            apagar_os_de_ninguem(pasta, deposito.backups(pasta), em_claro(pasta))
        except NaoSeSabe as e:
            relato.aviso(f"Não se sabe que conteúdos de arquivos ainda fazem falta: {e}")
        if ficam := len(em_claro(pasta)):
            quantos = plural(ficam, "conteúdo de arquivo fica", "conteúdos de arquivos ficam")
            relato.aviso(f"{quantos} em claro: há um backup em claro que os cita")


def _um(deposito: Deposito, backup: Backup, ja: JaCifrados, conta: _Conta, relato: Relato) -> bool:
    """Se este backup passou a cifrado; o que não passa é dito, e fica em claro."""
    quando = na_tela(backup.quando)
    try:
        if backup.meta is None:
            raise BackupDanificado(backup.dano)
        if not serve(backup):
            relato.aviso(f"{quando}: é da primeira versão, sem somas; fica em claro")
            conta.em_claro += 1
            return False
        cifrar_de_novo(deposito, backup, ja)
    except BackupDanificado as e:
        relato.falha(f"   ❌ {quando}: {visivel(str(e))} Fica como está.")
        conta.em_claro += 1
        conta.codigo = e.codigo
        return False
    relato.linha(f"   🔒 {quando}: cifrado")
    return True


def _concluir(conta: _Conta, relato: Relato) -> None:
    relato.linha()
    if not conta.cifrados and not conta.em_claro and conta.codigo == TUDO_CERTO:
        relato.linha("✅ Nada em claro: todos os backups já estão cifrados")
        return
    relato.linha(f"🔒 {plural(conta.cifrados, 'backup cifrado', 'backups cifrados')} agora")
    if conta.em_claro:
        quantos = plural(conta.em_claro, "backup fica", "backups ficam")
        relato.erro(f"🔓 {quantos} em claro: veja a causa acima")
    if conta.cifrados:
        relato.linha(
            "ℹ️ Os arquivos em claro foram apagados, mas num SSD, e em cópias que já tenha feito, o"
            " que se apaga pode ainda ser recuperado."
        )


def acrescentar_opcoes(analisador: argparse.ArgumentParser) -> None:
    opcao_de_empresa(analisador, argparse.SUPPRESS)
    opcao_de_esperar(analisador, argparse.SUPPRESS)
    opcoes_de_saida(analisador, argparse.SUPPRESS)
