"""Abrir a sessão de uma restauração: de que projeto, com que depósito, e o que se diz antes."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Iterator

from cofre.base.comandos import de_outro_env, noutro_projeto
from cofre.base.config import ambiente
from cofre.base.config.valores import Configuracao
from cofre.base.erros import ErroCofre, ErroDeUso, Interrompido
from cofre.base.relato import Relato
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import avisos_de_pendentes
from cofre.deposito.estranhos import avisos_de_estranhos
from cofre.deposito.idade import avisar_das_velhas
from cofre.deposito.retrato import um_retrato
from cofre.restauracao.guarda import RelatoComGuarda
from cofre.restauracao.sessao import Sessao


def configuracao_de(opcoes: Namespace) -> Configuracao:
    """A do projeto em que se mexe: o do .env ou, com --para, o do outro. Levanta ErroDeUso,
    ConfiguracaoInvalida ou DependenciaAusente."""
    outro = getattr(opcoes, "para", None)
    if outro is None:
        return ambiente.carregar(destino=opcoes.destino)
    if opcoes.destino:
        raise ErroDeUso(
            "--destino não vai com --para: a pasta dos backups do outro projeto é a BACKUP_DIR do"
            " .env dele."
        )
    return ambiente.carregar_outro(outro)


@contextlib.contextmanager
def abrir_sessao(
    opcoes: Namespace, relato: Relato, configuracao: Configuracao | None = None
) -> Iterator[Sessao]:
    """Configuração (a das opções, se não se dá outra) e depósito prontos; o servidor só é procurado
    em `conectar`, e só aí a empresa fica presa."""
    from cofre.rotina.painel.pagina import atualizar_painel  # o jinja2 pesa

    if configuracao is None:
        configuracao = configuracao_de(opcoes)
    deposito = Deposito.da_configuracao(configuracao, "restauração")
    outro = getattr(opcoes, "para", None)
    with contextlib.ExitStack() as pilha:
        if outro is not None:
            pilha.enter_context(noutro_projeto(outro, configuracao.destino))
        with um_retrato() as retrato:
            pilha.enter_context(deposito.trabalhando())
            _avisar(deposito, configuracao, relato)
        sessao = Sessao(opcoes, RelatoComGuarda(relato), configuracao, deposito, retrato)
        try:
            yield sessao
        except ErroCofre as e:
            if outro is not None:
                e.args = (de_outro_env(str(e), outro.name), *e.args[1:])
                e.dica = de_outro_env(e.dica, outro.name)
            raise
        except KeyboardInterrupt:
            # Depois da primeira escrita, quem executa já disse como seguir.
            raise Interrompido("Interrompido.", "Nada foi alterado.") from None
        finally:
            sessao.fechar()
            if sessao.restaurou:
                limites = configuracao.limites
                atualizar_painel(deposito, relato, limites.idade, limites.promessas)


def _avisar(deposito: Deposito, configuracao: Configuracao, relato: Relato) -> None:
    """O que há a saber da pasta, antes de tudo."""
    pastas = deposito.pastas()
    for aviso in (
        *avisos_de_pendentes(pastas, deposito.em_uso),
        *avisos_de_estranhos(deposito.raiz, pastas),
    ):
        relato.aviso(aviso)
    avisar_das_velhas(deposito, configuracao.limites.idade, relato)
