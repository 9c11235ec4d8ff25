"""O diálogo da restauração: as perguntas e as palavras do manual, que os usuários conhecem."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cofre.base.erros import Cancelada, ErroDeUso
from cofre.base.palavras import em_linhas, na_tela
from cofre.base.perguntas import NAO, SIM, Perguntas, Voltar
from cofre.base.relato import Relato
from cofre.base.selecao import (
    empresas_como,
    indice,
    interpretar_numeros,
    interpretar_tabelas,
)
from cofre.deposito.backup import Backup
from cofre.deposito.guardados import lembrados_de
from cofre.deposito.inventario import (
    EmpresaComBackups,
    por_data,
)
from cofre.deposito.quando import de_quando
from cofre.restauracao import ajudas, telas
from cofre.restauracao.exame import Exame, Exames
from cofre.restauracao.logins.faltam import Faltam
from cofre.restauracao.oferta import Oferta, alguma, melhor_que
from cofre.restauracao.vocabulario import RESTAURAR, Vocabulario

PALAVRA, PALAVRA_DE_DESFAZER = "RESTAURAR", "DESFAZER"
EXEMPLOS_DE_RESPOSTA = "   Exemplos: 0 (todas); 1,3; 2-5; produtos,clientes; ? explica, q sai."
DATAS_MOSTRADAS = 15
"""Um backup por dia enche a tela; os mais novos bastam a quase todos."""


class QuerUmRegistro(Exception):
    """Quem responde não quer tabelas: quer um registro só."""


class QuerLevar(Exception):
    """Quem responde quer levar a empresa a outro projeto."""


@dataclass(frozen=True, slots=True)
class Dialogo:
    """As perguntas, feitas a um relato. `volta`: se, antes da primeira escrita, se pode voltar às
    escolhas de antes (as que vieram por opção não se perguntam)."""

    relato: Relato
    exames: Exames = field(default_factory=Exames)
    volta: bool = False
    vocabulario: Vocabulario = RESTAURAR

    @property
    def perguntas(self) -> Perguntas:
        """As que se fazem antes da primeira escrita."""
        return Perguntas(self.relato, self.vocabulario.cancelada, "Nada foi alterado.")

    def empresa(self, guardadas: Sequence[EmpresaComBackups]) -> EmpresaComBackups:
        """Qual empresa. Levanta Cancelada."""
        self._mostrar(telas.empresas(guardadas, self.relato.largura))
        todas = [g.empresa for g in guardadas]
        while True:
            resposta = self.perguntas.resposta("Escolha a empresa: ", self.vocabulario.empresa)
            posicao = indice(resposta, len(guardadas))
            achadas = [todas[posicao]] if posicao is not None else empresas_como(todas, resposta)
            if len(achadas) == 1:
                return guardadas[todas.index(achadas[0])]
            self._mostrar(telas.sem_empresa(resposta, todas, achadas))

    def tabelas_do_melhor(self, guardada: EmpresaComBackups) -> tuple[Backup, tuple[str, ...]]:
        """De que data e quais tabelas, a começar pelo backup completo mais novo; sem um, pelo mais
        novo que tem alguma. O que é mais novo do que o escolhido e tem inteiras as tabelas dele se
        oferece, com o que lhe falta. Levanta Cancelada ou NadaEncontrado."""
        oferta = alguma(guardada)
        primeiro = oferta.backup
        if oferta.anterior is not None:
            primeiro = self.antes_do_estrago(oferta, oferta.anterior)
        backup, escolhidas = self.tabelas(guardada, primeiro)
        outro = melhor_que(backup, guardada, escolhidas)
        if backup is not oferta.backup or outro is None:
            return backup, escolhidas
        exame = self.exames.de(outro)
        return (outro if self._quer_o_mais_novo(exame, escolhidas) else backup), escolhidas

    def antes_do_estrago(self, oferta: Oferta, anterior: Backup) -> Backup:
        """O último de antes do estrago, a não ser que se queira o mais novo assim mesmo. Levanta
        Cancelada ou Voltar."""
        self.relato.linha(em_linhas(f"⚠️ {oferta.em_palavras}", self.relato.largura, 3))
        pergunta = f"Usar o de {na_tela(anterior.quando, 'minuto')}, o último antes? [Enter]"
        while True:
            resposta = self.perguntas.resposta(
                em_linhas(pergunta, self.relato.largura, 3) + " ", ajudas.ESTRAGO, volta=self.volta
            )
            if resposta.lower() in ("", *SIM):
                return anterior
            if resposta.lower() in NAO:
                return oferta.backup
            self.perguntas.explicar("Responda Enter (ou s) ou n; ? explica, q sai.")

    def _quer_o_mais_novo(self, exame: Exame, escolhidas: Sequence[str]) -> bool:
        if not set(escolhidas) <= set(exame.sadias):
            return False
        self._mostrar(telas.mais_novo_com(exame, escolhidas, self.relato.largura))
        return self.sim("Usar esse?", ajudas.MAIS_NOVO)

    def tabelas(
        self, guardada: EmpresaComBackups, backup: Backup
    ) -> tuple[Backup, tuple[str, ...]]:
        """De que data e quais tabelas. Levanta Cancelada."""
        oferecidas = self.exames.sadias(backup)
        self._mostrar(self._menu(guardada, backup, oferecidas))
        while not (escolhidas := self._escolher_tabelas(oferecidas)):
            antes = (backup.carimbo, oferecidas)
            backup = self._data(guardada, backup)
            oferecidas = self.exames.sadias(backup)  # o mesmo, já relido, pode oferecer menos
            if (backup.carimbo, oferecidas) != antes:
                self._mostrar(self._menu(guardada, backup, oferecidas))
        return backup, escolhidas

    def _menu(
        self, guardada: EmpresaComBackups, backup: Backup, oferecidas: Sequence[str]
    ) -> Iterable[str]:
        escolhas = self.vocabulario.escolhas
        return telas.tabelas(guardada, backup, oferecidas, escolhas, self.relato.largura)

    def _escolher_tabelas(self, disponiveis: Sequence[str]) -> tuple[str, ...]:
        """As tabelas; vazio, se pediram outra data. Levanta QuerUmRegistro ou QuerLevar."""
        pergunta = "Escolha as tabelas (ex: 1,3 ou 0 para todas): "
        while True:
            resposta = self.perguntas.resposta(pergunta, self.vocabulario.tabelas, volta=self.volta)
            if resposta.lower() == "d":
                return ()
            if resposta.lower() == "p":
                raise QuerUmRegistro
            if resposta.lower() == "l":
                raise QuerLevar
            try:
                return interpretar_tabelas(resposta, disponiveis)
            except ErroDeUso as e:
                self.relato.linha(f"   {e} {e.dica}".rstrip())
                self.relato.linha(EXEMPLOS_DE_RESPOSTA)

    def _data(self, guardada: EmpresaComBackups, atual: Backup) -> Backup:
        """Outra data, ou a atual. Levanta Cancelada."""
        escolhida = self._escolher_data(guardada, atual, "Escolha a data (Enter mantém a atual): ")
        return escolhida or atual

    def outra_data(
        self, guardada: EmpresaComBackups, atual: Backup, tabelas: Sequence[str]
    ) -> tuple[Backup, tuple[str, ...]] | None:
        """Outro backup, para quem já está como no `atual`: dele, as mesmas `tabelas`, se as tem;
        None se não há outro, ou não se quer nenhum."""
        outros = (b for b in lembrados_de(guardada.backups) if b.carimbo != atual.carimbo)
        if not any(b.de_rotina for b in outros):
            return None
        with contextlib.suppress(Cancelada, QuerUmRegistro, QuerLevar):
            outro = self._escolher_data(guardada, atual, "Escolha outra data (Enter termina): ")
            if outro is None or outro.carimbo == atual.carimbo:
                return None
            sadias = self.exames.sadias(outro)
            if set(tabelas) <= set(sadias):
                return outro, tuple(tabelas)
            return self.tabelas(guardada, outro)
        return None

    def data_da_mudanca(self, guardada: EmpresaComBackups, atual: Backup, qual: str) -> Backup:
        """O backup de antes, ou de depois, da mudança que se desfaz. Levanta Cancelada."""
        pergunta = f"O backup de {qual} da mudança (Enter usa o escolhido): "
        return self._escolher_data(guardada, atual, pergunta) or atual

    def _escolher_data(
        self, guardada: EmpresaComBackups, atual: Backup, pergunta: str
    ) -> Backup | None:
        """Um dos backups da empresa, que preste; None se só se deu Enter. Levanta Cancelada."""
        todos = por_data(guardada.backups)
        quantos = min(sum(b.de_rotina for b in lembrados_de(todos)), DATAS_MOSTRADAS)
        if atual.carimbo not in {b.carimbo for b in lembrados_de(todos[:quantos])}:
            quantos = len(todos)
        self._mostrar(telas.datas(guardada, quantos, atual, self.relato.largura))
        while resposta := self._uma_data(pergunta):
            if resposta.lower() == "t":
                quantos = len(todos)
                self._mostrar(telas.datas(guardada, quantos, atual, self.relato.largura))
                continue
            posicao = indice(resposta, quantos)
            agora = datetime.now().astimezone()
            sao = [todos[posicao]] if posicao is not None else de_quando(resposta, todos, agora)
            if len(sao) != 1:
                self._mostrar(telas.sem_data(resposta, quantos, sao))
            elif self._presta(sao[0]):
                return sao[0]
        return None

    def _uma_data(self, pergunta: str) -> str:
        """O que se respondeu; voltar é ficar como se está. Levanta Cancelada."""
        with contextlib.suppress(Voltar):
            return self.perguntas.resposta(pergunta, self.vocabulario.data, volta=True)
        return ""

    def _presta(self, backup: Backup) -> bool:
        """Relê o backup, diz o que está danificado, e se sobra alguma tabela que possa voltar."""
        exame = self.exames.de(backup)
        if exame.danos:
            self._mostrar(telas.danos(exame.danos, presta=bool(exame.sadias)))
        return bool(exame.sadias)

    def logins(self, faltam: Faltam) -> tuple[str, ...]:
        """Quais dos que podem voltar voltam. Levanta Cancelada ou Voltar."""
        podem = faltam.podem
        padrao = faltam.de_costume()
        enter = "só o do dono" if padrao else "nenhum"
        pergunta = f"{self.vocabulario.logins} (ex: 1,2; 0 nenhum; Enter: {enter}): "
        while True:
            dita = self.perguntas.resposta(
                pergunta, self.vocabulario.explica_logins, volta=self.volta
            )
            if dita.strip() in ("", "0"):
                return () if dita.strip() else padrao
            try:
                return tuple(podem[i].login.id for i in interpretar_numeros(dita, len(podem)))
            except ErroDeUso as e:
                self.perguntas.explicar(str(e))

    def confirmar(self, palavras: Sequence[str], outras: Mapping[str, str]) -> str:
        """Uma das `palavras` (a primeira é a que se pede), ou uma das `outras` respostas (o que se
        diz de cada uma). Levanta Cancelada ou Voltar."""
        self._mostrar(["", f"({'; '.join(outras.values())})"])
        ajuda = self.vocabulario.confirmacao + "".join(
            ajudas.AO_CONFIRMAR[outra] for outra in outras
        )
        pergunta = f"Digite '{palavras[0]}' para confirmar: "
        return self.perguntas.palavra(pergunta, palavras, ajuda, outras=outras, volta=self.volta)

    def ler(self, linhas: Iterable[str]) -> None:
        """O que é comprido e reservado, uma tela de cada vez."""
        self.perguntas.aos_poucos(linhas, ajudas.AOS_POUCOS)

    def voltar_tudo(self) -> bool:
        """Se o que só difere também volta; qualquer coisa que não seja «m» o deixa como está.
        Levanta Voltar."""
        pergunta = f"Digite m para {self.vocabulario.tudo} (Enter deixa como está): "
        try:
            resposta = self.perguntas.resposta(
                pergunta, ajudas.AO_CONFIRMAR["m"].strip(), volta=self.volta
            )
        except Cancelada:
            return False
        return resposta.lower() == "m"

    def sim(self, pergunta: str, ajuda: str) -> bool:
        """Uma pergunta de sim ou não, antes da primeira escrita; sem resposta é não. Levanta
        Cancelada ou Voltar."""
        return self.perguntas.sim(pergunta, ajuda, volta=self.volta)

    def seguir(self, desfazendo: bool = False, *, volta: bool = False) -> str | None:
        """Depois de uma parada: «1» concluir, «2» desfazer (se já não é o que se fazia), «3» deixar
        como está; None se saiu sem escolher. Levanta Voltar, se `volta` e é o que se quer."""
        escolhas = {"1": "concluir (seguir até o fim)", "3": "deixar como está e sair"}
        if not desfazendo:
            escolhas = {**escolhas, "2": "desfazer (voltar ao que era antes)"}
        em_ordem = sorted(escolhas)
        for numero, escolha in enumerate(em_ordem, 1):
            self.relato.linha(f"   {numero}. {escolhas[escolha]}")
        # O 3 também deixa, num menu de dois: é o número que sempre teve.
        validas = {"3": "3", **{str(n): escolha for n, escolha in enumerate(em_ordem, 1)}}
        ditas = "1 ou 2" if desfazendo else "1, 2 ou 3"
        while True:
            resposta = self.relato.perguntar("Escolha: ")
            if resposta is None or resposta.lower() == "q":
                return None
            if resposta in validas:
                return validas[resposta]
            if resposta.lower() == "v" and volta:
                raise Voltar
            if resposta == "?":
                self.perguntas.explicar(ajudas.SEGUIR)
            else:
                self.relato.linha(f"   Responda {ditas}; ? explica; q, para decidir depois.")

    def _mostrar(self, linhas: Iterable[str]) -> None:
        for linha in linhas:
            self.relato.linha(linha)
