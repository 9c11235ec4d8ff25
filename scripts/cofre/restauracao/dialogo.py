"""O diálogo da restauração: as perguntas e as palavras do manual, que os usuários conhecem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cofre.base.erros import ErroDeUso, Interrompido
from cofre.base.palavras import visivel
from cofre.base.relato import Relato
from cofre.base.selecao import (
    indice,
    interpretar_tabelas,
    tabela_de_nome,
    tabela_desconhecida,
)
from cofre.deposito.backup import Backup
from cofre.deposito.inventario import (
    EmpresaComBackups,
    backup_pedido,
    de_rotina,
    mais_novo,
    mais_novo_com,
    por_data,
)
from cofre.plano.alvo import Alvo
from cofre.plano.plano import Contagem
from cofre.restauracao import telas
from cofre.restauracao.convergencia import DESFAZER, MANTER
from cofre.restauracao.exame import Exame, Exames
from cofre.restauracao.telas import tabelas_de

PALAVRA = "RESTAURAR"
EXEMPLOS_DE_RESPOSTA = "   Exemplos: 0 (todas); 1,3; 2-5; produtos,clientes; q para sair."
DATAS_MOSTRADAS = 15
"""Um backup por dia enche a tela; os mais novos bastam a quase todos."""


class Cancelada(Interrompido):
    """O usuário desistiu, ou a entrada acabou: nada foi escrito."""

    dica = "Nada foi alterado."


@dataclass(frozen=True, slots=True)
class Dialogo:
    """As perguntas, feitas a um relato."""

    relato: Relato
    exames: Exames = field(default_factory=Exames)

    def empresa(self, guardadas: Sequence[EmpresaComBackups]) -> EmpresaComBackups:
        """Qual empresa. Levanta Cancelada."""
        self._mostrar(telas.empresas(guardadas))
        while True:
            resposta = self._perguntar("Escolha a empresa: ")
            posicao = indice(resposta, len(guardadas))
            if posicao is not None:
                return guardadas[posicao]
            iguais = [g for g in guardadas if g.empresa.chama_se(resposta)]
            if len(iguais) == 1:
                return iguais[0]
            self.relato.linha(f"   {_responda(len(guardadas))}")

    def tabelas_do_melhor(self, guardada: EmpresaComBackups) -> tuple[Backup, tuple[str, ...]]:
        """De que data e quais tabelas, a começar pelo backup completo mais novo; sem um, pelo mais
        novo que tem alguma. O que é mais novo do que o escolhido e tem inteiras as tabelas dele se
        oferece, com o que lhe falta. Levanta Cancelada ou NadaEncontrado."""
        do_mais_novo = por_data(guardada.backups)
        backup = mais_novo(do_mais_novo) or mais_novo_com(do_mais_novo, ())
        primeiro = backup or backup_pedido(guardada, None)
        backup, escolhidas = self.tabelas(guardada, primeiro)
        outro = mais_novo_com(do_mais_novo, escolhidas)
        if backup is not primeiro or outro is None or outro is primeiro:
            return backup, escolhidas
        exame = self.exames.de(outro)
        return (outro if self._quer_o_mais_novo(exame, escolhidas) else backup), escolhidas

    def _quer_o_mais_novo(self, exame: Exame, escolhidas: Sequence[str]) -> bool:
        if not set(escolhidas) <= set(exame.sadias):
            return False
        self._mostrar(telas.mais_novo_com(exame, escolhidas, self.relato.largura))
        return self.sim("Usar esse?")

    def tabelas(
        self, guardada: EmpresaComBackups, backup: Backup
    ) -> tuple[Backup, tuple[str, ...]]:
        """De que data e quais tabelas. Levanta Cancelada."""
        oferecidas = self.exames.sadias(backup)
        self._mostrar(telas.tabelas(guardada, backup, oferecidas))
        while not (escolhidas := self._escolher_tabelas(oferecidas)):
            antes = (backup.carimbo, oferecidas)
            backup = self._data(guardada, backup)
            oferecidas = self.exames.sadias(backup)  # o mesmo, já relido, pode oferecer menos
            if (backup.carimbo, oferecidas) != antes:
                self._mostrar(telas.tabelas(guardada, backup, oferecidas))
        return backup, escolhidas

    def _escolher_tabelas(self, disponiveis: Sequence[str]) -> tuple[str, ...]:
        """As tabelas; vazio, se pediram outra data."""
        while True:
            resposta = self._perguntar("Escolha as tabelas (ex: 1,3 ou 0 para todas): ")
            if resposta.lower() == "d":
                return ()
            try:
                return interpretar_tabelas(resposta, disponiveis)
            except ErroDeUso as e:
                self.relato.linha(f"   {e} {e.dica}".rstrip())
                self.relato.linha(EXEMPLOS_DE_RESPOSTA)

    def _data(self, guardada: EmpresaComBackups, atual: Backup) -> Backup:
        """Outra data, ou a atual. Um backup de que nada presta é recusado na hora."""
        todos = por_data(guardada.backups)
        mostrados = [b for b in todos if de_rotina(b)][:DATAS_MOSTRADAS]
        if atual.carimbo not in {b.carimbo for b in mostrados}:
            mostrados = todos
        self._mostrar(telas.datas(todos, mostrados, atual, self.relato.largura))
        while True:
            resposta = self._perguntar("Escolha a data (Enter mantém a atual): ")
            if not resposta:
                return atual
            posicao = indice(resposta, len(mostrados))
            if posicao is not None and self._presta(mostrados[posicao]):
                return mostrados[posicao]
            if posicao is None and resposta.lower() == "t":
                mostrados = todos
                self._mostrar(telas.datas(todos, mostrados, atual, self.relato.largura))
            elif posicao is None:
                self.relato.linha(f"   {_responda(len(mostrados))}")

    def _presta(self, backup: Backup) -> bool:
        """Relê o backup, diz o que está danificado, e se sobra alguma tabela que possa voltar."""
        exame = self.exames.de(backup)
        if exame.danos:
            self._mostrar(telas.danos(exame.danos, presta=bool(exame.sadias)))
        return bool(exame.sadias)

    def confirmar(self, alvo: Alvo, *, trocavel: bool = True) -> str:
        """«RESTAURAR», «m» (trocar o modo, se `trocavel`) ou qualquer outra coisa, que cancela."""
        self._mostrar(telas.confirmacao(alvo, self.relato.largura, trocavel=trocavel))
        return self._perguntar(f"Digite '{PALAVRA}' para confirmar: ")

    def efeitos(self, mudou: Mapping[str, Contagem]) -> str:
        """O que fazer com o que gatilhos mudaram em tabelas não escolhidas."""
        self.contar_efeitos(mudou)
        while True:
            resposta = self.relato.perguntar("Desfazer esses efeitos? (s/n): ")
            if resposta is None:
                self.relato.linha("   Sem resposta: mantidos como estão.")
                return MANTER
            if resposta.lower() in ("s", "sim"):
                return DESFAZER
            if resposta.lower() in ("n", "não", "nao"):
                return MANTER
            self.relato.linha("   Responda s (voltam ao que eram) ou n (ficam como estão).")

    def contar_efeitos(self, mudou: Mapping[str, Contagem]) -> None:
        """As tabelas não escolhidas que mudaram."""
        self._mostrar(telas.efeitos(mudou))

    def sim(self, pergunta: str) -> bool:
        """Uma pergunta de sim ou não; sem resposta é não."""
        resposta = self.relato.perguntar(f"{pergunta} (s/n): ")
        return (resposta or "").lower() in ("s", "sim")

    def seguir(self, desfazendo: bool = False) -> str | None:
        """Depois de uma parada: «1» concluir, «2» desfazer (se já não é o que se fazia), «3» deixar
        como está; None se saiu sem escolher."""
        self.relato.linha("   1. concluir (seguir até o fim)")
        if not desfazendo:
            self.relato.linha("   2. desfazer (voltar ao que era antes)")
        self.relato.linha("   3. deixar como está e sair")
        validas, ditas = ("13", "1 ou 3") if desfazendo else ("123", "1, 2 ou 3")
        while True:
            resposta = self.relato.perguntar("Escolha: ")
            if resposta is None or resposta.lower() == "q":
                return None
            if len(resposta) == 1 and resposta in validas:
                return resposta
            self.relato.linha(f"   Responda {ditas}; ou q, para decidir depois.")

    def _mostrar(self, linhas: Iterable[str]) -> None:
        for linha in linhas:
            self.relato.linha(linha)

    def _perguntar(self, pergunta: str) -> str:
        resposta = self.relato.perguntar(pergunta)
        if resposta is None or resposta.lower() == "q":
            raise Cancelada("Restauração cancelada.")
        return resposta


def _responda(quantos: int) -> str:
    numeros = f"um número de 1 a {quantos}" if quantos > 1 else "1"
    return f"Responda {numeros}, ou q para sair."


def tabelas_pedidas(nomes: Sequence[str], backup: Backup) -> tuple[str, ...]:
    """As tabelas do backup com estes nomes, em qualquer caixa, na ordem do manual e sem repetir;
    todas, se nenhum. Levanta ErroDeUso por um nome que o backup não tem, com os que tem."""
    disponiveis = tabelas_de(backup)
    achadas = set()
    for nome in nomes:
        tabela = tabela_de_nome(nome, disponiveis)
        if tabela is None:
            causa = f"O backup escolhido não tem a tabela {visivel(nome)}."
            raise tabela_desconhecida(causa, nome, disponiveis)
        achadas.add(tabela)
    return tuple(t for t in disponiveis if t in achadas or not nomes)
