"""O que se confere do destino depois de o conhecer, e antes de planejar qualquer coisa: se não é o
mesmo banco, de quem é lá o id da empresa, e se parece um projeto em que alguém trabalha.

Parece produção, e pede o nome escrito, o projeto em que: outra empresa, que não foi trazida por
aqui, tem linhas destes últimos RECENTES; ou outra empresa é também uma das que têm backup cá (pode
ser o mesmo projeto por outro endereço); ou esta empresa já lá mora sem que daqui a levassem, ou
levou-se a de verdade, e agora vai uma anonimizada. E, feito o plano, o projeto em que se trabalhou
nesta empresa depois da última cópia, se a que se leva desfaz esse trabalho.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cofre.base.config.valores import Configuracao
from cofre.base.erros import RestauracaoRecusada
from cofre.base.modelo import Empresa, ordem_de_exibicao
from cofre.base.palavras import em_linhas, plural, visivel
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.clone.destino import Destino, mesmo_projeto
from cofre.clone.feito_la import feito_la, ultimas
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import e_carimbo
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import DESFEITA, Diario, diarios
from cofre.deposito.metadados import Metadados
from cofre.foto.arquivos import FotoMontada
from cofre.plano.alvo import Alvo
from cofre.plano.plano import Plano
from cofre.restauracao import ajudas
from cofre.restauracao.restauracao import Restauracao
from cofre.restauracao.trabalho import Trabalho, em_poucas_palavras
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
    consentiu: bool = field(default=False)
    """Se já se disse o nome do projeto (ou se só se simula, e se avisou)."""
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
            self.consentiu = True
        self._feita = True

    def _outro_banco(self, restauracao: Restauracao) -> None:
        """Pelos bancos, onde os dois se alcançam: um endereço pode não dizer que é o mesmo."""
        la, aqui = self.destino.configuracao.direto, self.origem.direto
        if restauracao.via.nome != DIRETA or la is None or aqui is None:
            return
        from cofre.via.direta.identidade import identidade

        de_la, daqui = identidade(la), identidade(aqui)
        if de_la is not None and de_la == daqui:
            raise mesmo_projeto(self.destino.env.name, "é o mesmo banco")
        calado = "daqui" if daqui is None else "do destino" if de_la is None else ""
        if calado:
            self.relato.aviso(
                f"O banco {calado} não disse que banco é (não respondeu, ou o papel não o pode"
                " perguntar): que são dois, só se sabe pelos endereços."
            )

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
        return (copia.meta.clone_de for _, copia in self._postas(empresa) if copia.meta)

    def _postas(self, empresa: Empresa) -> Iterator[tuple[Diario, Backup]]:
        """O diário e a cópia de cada vez que lá se pôs, e não se desfez, da primeira à última; a
        cópia que já não se lê vem com o `dano`, e pode não ser uma."""
        pasta = self.depositado.pasta_da_empresa(empresa.id)
        if not pasta.is_dir():
            return
        for diario in (d for d in diarios(pasta) if d.estado != DESFEITA):
            carimbo = diario.dados.get("backup")
            if not (isinstance(carimbo, str) and e_carimbo(carimbo)):
                continue
            copia = self.depositado.abrir(pasta, carimbo)
            if copia.meta is not None and (
                copia.meta.user_id != empresa.id
                or not trazida_para(copia.meta.clone_de, self.destino.configuracao)
            ):
                continue
            yield diario, copia

    # -- o que lá se fez (ver `cofre.restauracao.trabalho`) -----------------------------------

    def trabalho(self, alvo: Alvo, foto: FotoMontada, plano: Plano) -> tuple[Trabalho, ...]:
        """O que este plano desfaz do que lá se fez depois da última cópia. De uma empresa que não
        se levou daqui, já se perguntou ao conhecê-la."""
        if not self._trazida(alvo.empresa):
            return ()
        trazidas = ultimas(self._postas(alvo.empresa), self.depositado)
        return feito_la(alvo, foto, plano, trazidas)

    def consentir(self, trabalho: Sequence[Trabalho]) -> None:
        """Pede o nome do projeto. Levanta como `conferir`."""
        quais = em_poucas_palavras(trabalho)
        self._pedir_o_nome([f"trabalhou-se lá depois da última cópia, e esta desfaz isso: {quais}"])

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
        dito = "\n".join(f"   • {motivo}" for motivo in motivos)
        causa = f"O destino, {visivel(nome)}, parece um projeto em uso:\n{dito}"
        if self.nome is not None:
            self._conferir_o_nome(self.nome)
        elif self.so_simula:
            self.relato.aviso(f"{causa}\nPara clonar, será preciso dizê-lo: --projeto {nome}")
        elif not self.pergunta:
            raise RestauracaoRecusada(causa, f"Se é mesmo nele: --projeto {nome}")
        else:
            self._perguntar_o_nome(causa)
        self.consentiu = True

    def _perguntar_o_nome(self, causa: str) -> None:
        largura, nome = self.relato.largura, self.destino.nome
        self.relato.linha(em_linhas(f"⚠️ {causa}", largura))
        perguntas = Perguntas(self.relato, "Clonagem cancelada.", "Nada foi alterado.")
        pergunta = em_linhas(f"Digite o nome do projeto ({visivel(nome)}) para seguir:", largura, 3)
        perguntas.palavra(f"{pergunta} ", [nome], ajudas.PROJETO)

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
