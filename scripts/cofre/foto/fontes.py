"""As fontes das listas de uma execução: os arquivos e os logins, se se querem."""

from __future__ import annotations

import threading
from argparse import Namespace
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from cofre.base.config.valores import Configuracao
from cofre.base.equipe import Equipe
from cofre.base.modelo import ARQUIVOS, Empresa, Tabela
from cofre.base.palavras import duracao, visivel
from cofre.base.relato import Relato
from cofre.deposito.passada import Observador
from cofre.deposito.publicacao import Montagem
from cofre.foto.foto import Contexto, Fonte
from cofre.foto.listas import Colhida
from cofre.foto.storage import linha
from cofre.via.contrato import DIRETA, ViaDeLeitura

if TYPE_CHECKING:  # só se carregam se se querem
    from cofre.foto.arquivos_da_empresa import FonteDeArquivos
    from cofre.via.arquivos.armazem import Armazem
    from cofre.via.arquivos.objetos import Objeto


class SemArquivos:
    """Os arquivos que desta vez não se quiseram: o backup diz que ficaram de fora."""

    nome = ARQUIVOS

    def comecar(self, _empresa: Empresa, _contexto: Contexto) -> SemArquivos:
        """Não há o que listar."""
        return self

    def observadores(self, _tabela: Tabela) -> Sequence[Observador]:
        """Ninguém."""
        return ()

    def colher(self, _empresa: Empresa, montagem: Montagem) -> Colhida:
        """Nada, e por quê."""
        tabela = linha.tabela(cifrado=montagem.cifra is not None)
        return Colhida(tabela, ausente="pediu-se --sem-arquivos")


def fontes_de(
    opcoes: Namespace,
    configuracao: Configuracao,
    via: ViaDeLeitura,
    parar: threading.Event,
    relato: Relato,
    *,
    so_listar: bool = False,
) -> tuple[Fonte, ...]:
    """As que se fotografam nesta execução, por esta via; `so_listar`, se dos arquivos não desce
    nada."""
    fontes: list[Fonte] = []
    if getattr(opcoes, "sem_arquivos", False):
        fontes.append(SemArquivos())
    elif configuracao.arquivos.quer is not False:
        from cofre.foto.arquivos_da_empresa import FonteDeArquivos

        armazem = armazem_de(opcoes, configuracao, via, parar, relato)
        # Enquanto um conteúdo vai para o disco, outro usa a conexão.
        equipe = Equipe(2 * opcoes.conexoes, parar, "arquivo")
        fonte = FonteDeArquivos(armazem, via, configuracao, equipe, relato, so_listar=so_listar)
        fontes.append(fonte)
    if configuracao.logins and not getattr(opcoes, "sem_logins", False):
        from cofre.foto.logins_da_empresa import FonteDeLogins

        fontes.append(
            FonteDeLogins(via, configuracao.regras, configuracao.segundos_fatores, relato)
        )
    return tuple(fontes)


def dos_arquivos(fontes: Iterable[Fonte]) -> FonteDeArquivos | None:
    """A dos arquivos, se se fotografam."""
    dos_arquivos_ = (f for f in fontes if f.nome == ARQUIVOS and not isinstance(f, SemArquivos))
    return cast("FonteDeArquivos | None", next(dos_arquivos_, None))


def fechar(fontes: Iterable[Fonte]) -> None:
    """Encerra as conexões e os fios delas."""
    if fonte := dos_arquivos(fontes):
        fonte.fechar()


def armazem_de(
    opcoes: Namespace,
    configuracao: Configuracao,
    via: ViaDeLeitura,
    parar: threading.Event,
    relato: Relato,
) -> Armazem:
    """O Storage do projeto: com a chave, os conteúdos; com a conexão direta, a lista por SQL. Quem
    o pede, fecha-o."""
    from cofre.via.arquivos.armazem import Armazem
    from cofre.via.arquivos.cliente import Cliente

    def ao_tentar_de_novo(causa: str, espera: float, tentativa: int, tentativas: int) -> None:
        relato.linha(
            f"   ⏳ {causa} Nova tentativa em {duracao(espera)} ({tentativa} de {tentativas})."
        )

    def ao_esperar(objeto: Objeto, segundos: float) -> None:
        nome = f"{visivel(objeto.balde)}/{visivel(objeto.nome)}"
        relato.reservado(
            f"   ⏳ {nome}: a CDN ainda dá a versão anterior. De novo em {duracao(segundos)}."
        )

    acesso = configuracao.acesso if configuracao.sem_api is None else None
    tabelas = None
    # A via pode vir embrulhada; só a direta sabe abrir uma conexão.
    if via.nome == DIRETA and (conectar := getattr(via, "conectar", None)) is not None:
        from cofre.via.arquivos.sql import Tabelas

        tabelas = Tabelas(conectar)
    cliente = None
    if acesso is not None:
        # Sem o banco, de cada arquivo que desce pergunta-se também o que a lista não diz.
        conexoes = opcoes.conexoes * (1 if tabelas else 2)
        limites = (conexoes, opcoes.tentativas, parar, ao_tentar_de_novo)
        cliente = Cliente(acesso, *limites, getattr(via, "cadencia", None))
    return Armazem(cliente, tabelas, ao_esperar)
