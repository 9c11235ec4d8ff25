"""O que se confere do destino depois de o conhecer, e antes de planejar qualquer coisa: se não é o
mesmo banco, de quem é lá o id da empresa, e se parece um projeto em que alguém trabalha.

Parece produção, e pede o nome escrito, o projeto em que: outra empresa, que não foi trazida por
aqui, tem linhas destes últimos RECENTES; ou outra empresa é também uma das que têm backup cá (pode
ser o mesmo projeto por outro endereço); ou esta empresa já lá mora sem que daqui a levassem, ou
levou-se a de verdade, e agora vai uma anonimizada.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cofre.base.config.valores import Configuracao
from cofre.base.erros import RestauracaoRecusada
from cofre.base.modelo import Empresa, ordem_de_exibicao
from cofre.base.palavras import plural, visivel
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.clone.destino import Destino, mesmo_projeto
from cofre.deposito.carimbo import e_carimbo
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import DESFEITA, diarios
from cofre.deposito.metadados import Metadados
from cofre.restauracao import ajudas
from cofre.restauracao.restauracao import Restauracao
from cofre.via.contrato import DIRETA
from cofre.via.projeto import trazida_para

RECENTES = timedelta(days=30)
FOLGA = timedelta(days=1)
"""Uma data além disto no futuro é de um vencimento, e não de quando a linha se escreveu."""
DITAS = 3


@dataclass(slots=True)
class Conferencia:
    """As conferências de uma clonagem. `origem` é a configuração daqui, `meta`, o que o backup diz
    de si, e `de_ca` acha os ids que têm backup aqui; `depositado`, o depósito do destino; `nome`, o
    do projeto, se veio por opção; `pergunta`, se há a quem perguntar; `anonimizada`, se
    a cópia que se leva o é."""

    destino: Destino
    origem: Configuracao
    meta: Metadados
    de_ca: Callable[[], Collection[str]]
    depositado: Deposito
    relato: Relato
    nome: str | None
    pergunta: bool
    so_simula: bool
    anonimizada: bool
    _feita: bool = field(default=False)

    def conferir(self, restauracao: Restauracao) -> None:
        """Levanta RestauracaoRecusada, ou Cancelada se quem responde desiste."""
        if self._feita:
            return
        self._outro_banco(restauracao)
        self._mesma_empresa(restauracao)
        motivos = list(self._motivos(restauracao))
        if motivos:
            self._pedir_o_nome(motivos)
        elif self.nome is not None:
            self._conferir_o_nome(self.nome)
        self._feita = True

    def _outro_banco(self, restauracao: Restauracao) -> None:
        """Pelos bancos, onde os dois se alcançam: um endereço pode não dizer que é o mesmo."""
        la, aqui = self.destino.configuracao.direto, self.origem.direto
        if restauracao.via.nome != DIRETA or la is None or aqui is None:
            return
        from cofre.via.direta.identidade import identidade

        qual = identidade(la)
        if qual is not None and qual == identidade(aqui):
            raise mesmo_projeto(self.destino.env.name, "é o mesmo banco")

    def _mesma_empresa(self, restauracao: Restauracao) -> None:
        """O id é o de quem a empresa é: se lá é de outra, nada dela se toca."""
        la, daqui = self._que_mora_la(restauracao), self.meta
        if la is None or self._trazida(la):
            return
        ha_registros = bool(la.registros and daqui.registros_da_empresa)
        comuns = [r for r in daqui.registros_da_empresa if r in [dict(x) for x in la.registros]]
        if not ha_registros or comuns or la.chama_se(daqui.nome):
            return
        raise RestauracaoRecusada(
            f"O id {la.id}, no destino, é de outra empresa: {visivel(la.nome)}.",
            "Nada é tomado de outra empresa: lá, esse id tem outro nome e outro registro.",
        )

    def _que_mora_la(self, restauracao: Restauracao) -> Empresa | None:
        todas = restauracao.contexto.inspecao.empresas
        return next((e for e in todas if e.id == restauracao.empresa.id), None)

    def _trazida(self, empresa: Empresa) -> bool:
        """Se uma cópia dela já foi trazida por aqui, e restaurada: a que se acabou de trazer, e
        ainda não tem diário, não conta."""
        return any(self._trazidas(empresa))

    def _trazidas(self, empresa: Empresa) -> Iterator[dict[str, Any]]:
        """O `clone_de` de cada cópia dela que lá se pôs, e não se desfez, da primeira à última."""
        pasta = self.depositado.pasta_da_empresa(empresa.id)
        if not pasta.is_dir():
            return
        ditos = [d.dados.get("backup") for d in diarios(pasta) if d.estado != DESFEITA]
        for carimbo in (c for c in ditos if isinstance(c, str) and e_carimbo(c)):
            meta = self.depositado.abrir(pasta, carimbo).meta
            if meta is None or meta.user_id != empresa.id:
                continue
            if trazida_para(meta.clone_de, self.destino.configuracao):
                yield meta.clone_de

    # -- parece produção? --------------------------------------------------------------------

    def _motivos(self, restauracao: Restauracao) -> Iterator[str]:
        empresas = restauracao.contexto.inspecao.empresas
        daqui = restauracao.empresa.id
        la = self._que_mora_la(restauracao)
        if la is not None and not self._trazida(la):
            yield "esta empresa já mora lá, e não foi daqui que a levaram"
        elif la is not None and self.anonimizada:
            *_, ultima = self._trazidas(la)
            if not ultima.get("anonimizado"):
                yield "a empresa que lá está é a de verdade, e esta cópia é anonimizada"
        moradoras = [e for e in empresas if e.id != daqui and not self._trazida(e)]
        de_ca = self.de_ca() if moradoras else ()
        if comuns := [e.nome for e in moradoras if e.id in de_ca]:
            yield (
                f"tem empresas que também têm backup aqui ({_alguns(comuns)}): pode ser este mesmo"
                " projeto, por outro endereço"
            )
        if moradoras and self._com_movimento(restauracao, [e.id for e in moradoras]):
            quantas = plural(len(moradoras), "outra empresa", "outras empresas")
            yield f"tem {quantas}, com registros dos últimos {RECENTES.days} dias"

    def _com_movimento(self, restauracao: Restauracao, moradoras: list[str]) -> bool:
        """Se alguém que não é das trazidas escreveu há pouco, pelas datas das linhas."""
        agora = datetime.now().astimezone()
        entre = (agora - RECENTES, agora + FOLGA)
        todas = {e.id for e in restauracao.contexto.inspecao.empresas} - {*moradoras}
        fora = sorted({*todas, restauracao.empresa.id})
        escopo = restauracao.contexto.escopo.tabelas
        for nome in sorted(escopo, key=ordem_de_exibicao):
            tabela, ramos = escopo[nome].tabela, escopo[nome].ramos
            donos = [e.coluna for r in ramos if not r.passos for e in r.elos if not e.referencia]
            datas = [c.nome for c in tabela.colunas if c.tipo.startswith("timestamp")]
            datas = [d for d in datas if not d.endswith("[]")]
            if (
                donos
                and datas
                and restauracao.via.ha_recentes(tabela, donos[0], fora, datas, entre)
            ):
                return True
        return False

    def _pedir_o_nome(self, motivos: list[str]) -> None:
        nome = self.destino.nome
        if self.nome is not None:
            self._conferir_o_nome(self.nome)
            return
        dito = "\n".join(f"   • {motivo}" for motivo in motivos)
        causa = f"O destino, {visivel(nome)}, parece um projeto em uso:\n{dito}"
        if self.so_simula:
            self.relato.aviso(f"{causa}\nPara clonar, será preciso dizê-lo: --projeto {nome}")
            return
        if not self.pergunta:
            raise RestauracaoRecusada(causa, f"Se é mesmo nele: --projeto {nome}")
        self.relato.linha(f"⚠️ {causa}")
        perguntas = Perguntas(self.relato, "Clonagem cancelada.", "Nada foi alterado.")
        perguntas.palavra(
            f"Digite o nome do projeto ({visivel(nome)}) para seguir: ", [nome], ajudas.PROJETO
        )

    def _conferir_o_nome(self, dito: str) -> None:
        if dito != self.destino.nome:
            raise RestauracaoRecusada(
                f"--projeto diz {visivel(dito)}, e {self.destino.env.name} é de"
                f" {visivel(self.destino.nome)}.",
                "Nada foi alterado. Confira o arquivo do destino.",
            )


def _alguns(nomes: list[str]) -> str:
    mais = f" e mais {len(nomes) - DITAS}" if len(nomes) > DITAS else ""
    return visivel(", ".join(nomes[:DITAS])) + mais
