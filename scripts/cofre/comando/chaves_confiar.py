"""`chaves confiar`: de quem são os lacres que esta máquina não fez, diz quem tem a folha."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from cofre.base.config import ambiente
from cofre.base.erros import TUDO_CERTO, NadaEncontrado
from cofre.base.palavras import plural
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import confianca
from cofre.deposito.lacre.confianca import PorConhecer

AJUDA = (
    "Cada backup lacrado leva a assinatura da máquina que o fez, e o código dela está na sua\n"
    "folha de recuperação. Se é um dos que a tela diz, digite-o. Se não é, não aceite nenhum:\n"
    "quem escreve na pasta dos backups pode pôr nela um backup falso, mas não com esse código."
)


def executar(opcoes: Namespace, relato: Relato) -> int:
    """Passa a confiar na chave com o código dito (ou digitado). Levanta ErroDeUso, NadaEncontrado
    ou Cancelada."""
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    achadas = confianca.por_conhecer(deposito.pastas())
    digitado = opcoes.codigo or _perguntar(achadas, relato)
    qual, nova = confianca.aceitar(digitado, achadas)
    passa = "passa a confiar" if nova else "já confiava"
    relato.linha(f"✅ Esta máquina {passa} nos lacres de código {qual}.")
    relato.documento(
        {"acao": "chaves", "codigo": TUDO_CERTO, "pedido": "confiar", "lacre": qual, "nova": nova}
    )
    return TUDO_CERTO


def _perguntar(achadas: Sequence[PorConhecer], relato: Relato) -> str:
    if not achadas:
        raise NadaEncontrado("Todos os lacres desta pasta são de quem esta máquina já conhece.", "")
    relato.linha("🔏 Há lacres de máquinas que esta não conhece:")
    for achada in achadas:
        relato.linha(f"   • {achada.codigo}: {plural(achada.backups, 'backup', 'backups')}")
    perguntas = Perguntas(relato, "Nada mudou.", "Sem o código da folha, não aceite nenhum.")
    return perguntas.resposta("O código que está na sua folha: ", AJUDA)
