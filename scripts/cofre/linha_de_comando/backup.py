"""As ações de backup-por-empresa.py."""

from __future__ import annotations

import threading
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from cofre.erros import INSTALACAO_DIRETA, DependenciaAusente, ErroDeUso, Interrompido
from cofre.linha_de_comando import deposito, poda
from cofre.linha_de_comando.argumentos import (
    Analisador,
    Executar,
    acrescentar_acoes,
    analisador_de,
    opcao_de_empresa,
    opcao_de_tabelas,
    opcoes_de_conexao,
    opcoes_de_saida,
)
from cofre.relato import Relato

if TYPE_CHECKING:
    from cofre.config import Acesso, Configuracao
    from cofre.portal.api import Portal
    from cofre.via import AoTentarDeNovo, Via

DESCRICAO = """\
Backup isolado por empresa de um projeto Supabase.

Sem ação, faz o backup de todas as empresas, cada uma na sua pasta.
"""

ACOES = (deposito.LISTAR, deposito.VERIFICAR, poda.PODAR)
"""As ações, na ordem da ajuda; cada uma vem do módulo que a executa."""


def ler_argumentos(argumentos: list[str]) -> tuple[Namespace, Executar]:
    """As opções e a ação pedida. Levanta ErroDeUso."""
    opcoes = _analisador().parse_args(argumentos)
    acoes = {acao.nome: acao.executar for acao in ACOES}
    return opcoes, acoes[opcoes.acao] if opcoes.acao else _copiar


def _analisador() -> Analisador:
    analisador = analisador_de("backup-por-empresa.py", DESCRICAO)
    opcao_de_empresa(analisador, None)
    opcao_de_tabelas(analisador, None)
    opcoes_de_saida(analisador, None)
    opcoes_de_conexao(analisador, None)
    acrescentar_acoes(analisador, ACOES)
    return analisador


def _copiar(opcoes: Namespace, relato: Relato) -> int:
    # As importações pesadas (httpx, supabase) esperam até serem precisas: --help é instantâneo.
    from cofre import config
    from cofre.copia import Copiadora
    from cofre.deposito import Deposito
    from cofre.diario import avisos_de_pendentes
    from cofre.equipe import Equipe
    from cofre.resultado import Pedido, Resumo
    from cofre.trava import travar

    configuracao = config.carregar(destino=opcoes.destino)
    parar = threading.Event()
    equipe = Equipe(opcoes.conexoes, parar, "empresa")
    prontas: list[dict[str, Any]] = []
    feitas = 0
    resumo = Resumo()
    with travar(configuracao.destino, "backup"):
        deposito = Deposito(configuracao.destino, compactar=configuracao.compactar)
        deposito.preparar()
        for aviso in avisos_de_pendentes(deposito.pastas()):
            relato.aviso(aviso)
        via = abrir_via(opcoes, configuracao, parar, relato)
        copiadora = Copiadora(configuracao, via, deposito, equipe, relato)
        pedido = Pedido(tuple(opcoes.empresa or ()), tuple(opcoes.tabelas or ()))
        try:
            for parte in copiadora.copiar(pedido):
                if isinstance(parte, Resumo):
                    resumo = parte
                else:
                    feitas += parte.inteira
                    if opcoes.json:
                        prontas.append(parte.documento())
        except KeyboardInterrupt:
            raise Interrompido(
                f"Interrompido. Backups concluídos nesta execução: {feitas}.",
                "O que estava pela metade foi descartado; os anteriores continuam.",
            ) from None
        finally:
            parar.set()
            equipe.encerrar()
            via.fechar()
        documento, codigo = resumo.documento(prontas), resumo.codigo
        de_tudo = not (pedido.empresas or pedido.tabelas)
        if codigo == 0 and de_tudo and not configuracao.guardar.vazia:
            codigo, podado = poda.podar_depois_do_backup(deposito, configuracao.guardar, relato)
            documento |= {"codigo": codigo, "poda": podado}
    relato.documento(documento)
    return codigo


def abrir_via(
    opcoes: Namespace, configuracao: Configuracao, parar: threading.Event, relato: Relato
) -> Via:
    """A via pedida: sem --via, a direta se está configurada. Nunca se troca uma pela outra em
    silêncio. Levanta ErroDeUso, ConfiguracaoInvalida ou DependenciaAusente."""
    from cofre.config import ONDE_PEGAR_BANCO

    direto = configuracao.direto
    if opcoes.via == "direta" and direto is None:
        raise ErroDeUso(
            "--via direta precisa da SUPABASE_DB_URL, que não está no .env nem no ambiente.",
            ONDE_PEGAR_BANCO,
        )
    if direto is None or opcoes.via == "api":
        return abrir_portal(opcoes, configuracao.acesso, parar, relato)
    try:
        from cofre.direto.api import Direto
    except ImportError as e:
        if (e.name or "psycopg").partition(".")[0] != "psycopg":
            raise
        raise DependenciaAusente("Falta o pacote psycopg.", INSTALACAO_DIRETA) from e
    limites = (opcoes.conexoes, opcoes.tentativas, parar, _contar_tentativas(relato))
    return Direto(direto, configuracao.acesso, *limites)


def abrir_portal(
    opcoes: Namespace, acesso: Acesso, parar: threading.Event, relato: Relato
) -> Portal:
    """O portal com as opções de conexão; as novas tentativas aparecem no relato."""
    from cofre.portal.api import Portal

    contar = _contar_tentativas(relato)
    return Portal(acesso, opcoes.conexoes, opcoes.tentativas, parar, contar)


def _contar_tentativas(relato: Relato) -> AoTentarDeNovo:
    from cofre.relato import duracao

    def ao_tentar_de_novo(causa: str, espera: float, tentativa: int, tentativas: int) -> None:
        relato.linha(
            f"   ⏳ {causa} Nova tentativa em {duracao(espera)} ({tentativa} de {tentativas})."
        )

    return ao_tentar_de_novo
