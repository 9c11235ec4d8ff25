"""O diálogo da restauração: as perguntas e as palavras do manual, que os usuários conhecem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cofre.base.erros import ErroDeUso, Interrompido
from cofre.base.modelo import ordem_de_exibicao
from cofre.base.palavras import em_linhas, na_tela, numero, plural, visivel
from cofre.base.relato import Relato
from cofre.base.selecao import (
    indice,
    interpretar_tabelas,
    tabela_de_nome,
    tabela_desconhecida,
)
from cofre.deposito.backup import Backup
from cofre.deposito.inventario import (
    EM_PALAVRAS,
    EmpresaComBackups,
    de_rotina,
    estado_de,
    mais_novo,
    por_data,
)
from cofre.deposito.verificacao import danos_de
from cofre.plano.alvo import RECUPERAR, Alvo
from cofre.plano.plano import Contagem
from cofre.restauracao.convergencia import DESFAZER, MANTER

PALAVRA = "RESTAURAR"
EXEMPLOS = 3
EXEMPLOS_DE_RESPOSTA = "   Exemplos: 0 (todas); 1,3; 2-5; produtos,clientes; q para sair."
FOTOS = ("foto tirada ao restaurar", "fotos tiradas ao restaurar")
DATAS_MOSTRADAS = 15
"""Um backup por dia enche a tela; os mais novos bastam a quase todos."""


class Cancelada(Interrompido):
    """O usuário desistiu, ou a entrada acabou: nada foi escrito."""

    dica = "Nada foi alterado."


@dataclass(frozen=True, slots=True)
class Dialogo:
    """As perguntas, feitas a um relato."""

    relato: Relato

    def empresa(self, guardadas: Sequence[EmpresaComBackups]) -> EmpresaComBackups:
        """Qual empresa. Levanta Cancelada."""
        linha = self.relato.linha
        linha("🏢 EMPRESAS COM BACKUP DISPONÍVEL")
        for i, g in enumerate(guardadas, 1):
            ultimo = mais_novo(reversed(g.backups))
            quando = na_tela(ultimo.quando, "minuto") if ultimo else "nenhum inteiro"
            linha(f"{i}. {visivel(g.empresa.nome)} (último backup: {quando})")
        linha()
        while True:
            resposta = self._perguntar("Escolha a empresa: ")
            posicao = indice(resposta, len(guardadas))
            if posicao is not None:
                return guardadas[posicao]
            iguais = [g for g in guardadas if g.empresa.nome.casefold() == resposta.casefold()]
            if len(iguais) == 1:
                return iguais[0]
            linha(f"   {_responda(len(guardadas))}")

    def tabelas(
        self, guardada: EmpresaComBackups, backup: Backup
    ) -> tuple[Backup, tuple[str, ...]]:
        """De que data e quais tabelas. Levanta Cancelada."""
        self._mostrar_tabelas(guardada, backup)
        while not (escolhidas := self._escolher_tabelas(tabelas_de(backup))):
            outro = self._data(guardada, backup)
            if outro.carimbo != backup.carimbo:
                self._mostrar_tabelas(guardada, outro)
            backup = outro
        return backup, escolhidas

    def _mostrar_tabelas(self, guardada: EmpresaComBackups, backup: Backup) -> None:
        linha = self.relato.linha
        contados = [b for b in guardada.backups if de_rotina(b) or b.carimbo == backup.carimbo]
        linha()
        linha("📋 TABELAS DISPONÍVEIS")
        linha("0. [TODAS AS TABELAS]")
        for i, nome in enumerate(tabelas_de(backup), 1):
            quantos = sum(1 for b in contados if b.meta and nome in b.meta.tabelas)
            linha(f"{i}. {visivel(nome)} ({plural(quantos, 'backup', 'backups')})")
        linha(f"   (backup de {na_tela(backup.quando)}; d escolhe outra data)")
        linha()

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
        """Outra data, ou a atual. Um backup danificado é recusado na hora."""
        todos = por_data(guardada.backups)
        mostrados = [b for b in todos if de_rotina(b)][:DATAS_MOSTRADAS]
        if atual.carimbo not in {b.carimbo for b in mostrados}:
            mostrados = todos
        self._mostrar_datas(todos, mostrados, atual)
        while True:
            resposta = self._perguntar("Escolha a data (Enter mantém a atual): ")
            if not resposta:
                return atual
            posicao = indice(resposta, len(mostrados))
            if posicao is not None and self._esta_inteiro(mostrados[posicao]):
                return mostrados[posicao]
            if posicao is None and resposta.lower() == "t":
                mostrados = todos
                self._mostrar_datas(todos, mostrados, atual)
            elif posicao is None:
                self.relato.linha(f"   {_responda(len(mostrados))}")

    def _mostrar_datas(
        self, todos: Sequence[Backup], mostrados: Sequence[Backup], atual: Backup
    ) -> None:
        linha = self.relato.linha
        linha()
        linha("📅 BACKUPS DESTA EMPRESA")
        for texto in linhas_de_datas(mostrados, atual, self.relato.largura):
            linha(texto)
        escondidos = todos[len(mostrados) :]
        fotos = sum(not de_rotina(b) for b in escondidos)
        antigos = len(escondidos) - fotos
        partes = [plural(antigos, "backup mais antigo", "backups mais antigos")] if antigos else []
        partes += [plural(fotos, *FOTOS)] if fotos else []
        if partes:
            linha(f"   (t mostra também: {'; '.join(partes)})")
        linha()

    def _esta_inteiro(self, backup: Backup) -> bool:
        """Relê o backup; se está danificado, diz por quê."""
        danos = list(danos_de(backup))
        if not danos:
            return True
        linha = self.relato.linha
        linha("   ❌ Esse backup está danificado e não serve para restaurar:")
        for dano in danos[:EXEMPLOS]:
            onde = f"{visivel(dano.tabela)}: " if dano.tabela else ""
            linha(f"      • {onde}{visivel(dano.causa)}")
        if len(danos) > EXEMPLOS:
            linha(f"      • e mais {numero(len(danos) - EXEMPLOS)}")
        linha("   Escolha outro; nada foi alterado.")
        return False

    def confirmar(self, alvo: Alvo, *, trocavel: bool = True) -> str:
        """«RESTAURAR», «m» (trocar o modo, se `trocavel`) ou qualquer outra coisa, que cancela."""
        linha, nome = self.relato.linha, visivel(alvo.empresa.nome)
        linha()
        linha("⚠️ CONFIRMAÇÃO")
        linha(f"Empresa: {nome}")
        nomes = ", ".join(visivel(t) for t in alvo.tabelas)
        linha(em_linhas(f"Tabelas: {nomes}", self.relato.largura, len("Tabelas: ")))
        if alvo.modo == RECUPERAR:
            linha("Modo: só repor o que falta (nada é alterado nem removido)")
        linha()
        if alvo.modo == RECUPERAR:
            linha("🚨 ATENÇÃO: Registros que faltam serão repostos!")
        else:
            linha("🚨 ATENÇÃO: Dados atuais serão sobrescritos!")
        linha(f'✅ Apenas a empresa "{nome}" será afetada')
        linha("✅ Outras empresas NÃO serão afetadas")
        linha()
        if trocavel:
            outro = "voltar tudo" if alvo.modo == RECUPERAR else "só repor o que falta"
            linha(f"(m muda para: {outro})")
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
        self.relato.linha()
        self.relato.linha(
            "⚠️ TABELAS NÃO ESCOLHIDAS QUE MUDARAM (gatilhos do banco, ou alguém usando)"
        )
        for nome, c in mudou.items():
            self.relato.linha(
                f"   {visivel(nome)}: {numero(c.remover)} a mais, {numero(c.alterar)} mudadas,"
                f" {numero(c.repor)} a menos"
            )

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

    def _perguntar(self, pergunta: str) -> str:
        resposta = self.relato.perguntar(pergunta)
        if resposta is None or resposta.lower() == "q":
            raise Cancelada("Restauração cancelada.")
        return resposta


def _responda(quantos: int) -> str:
    numeros = f"um número de 1 a {quantos}" if quantos > 1 else "1"
    return f"Responda {numeros}, ou q para sair."


def tabelas_de(backup: Backup) -> list[str]:
    """As tabelas de um backup, na ordem do manual."""
    return sorted(backup.meta.tabelas, key=ordem_de_exibicao) if backup.meta else []


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


def linhas_de_datas(backups: Sequence[Backup], escolhido: Backup, largura: int | None) -> list[str]:
    """Uma linha por backup, numerada, com as colunas alinhadas; duas, se não cabem na `largura`
    (em colunas; None: cabe tudo)."""
    celulas = [_celulas(b) for b in backups]
    tipo, registros = (max((len(c[n]) for c in celulas), default=0) for n in (1, 2))
    casas = len(str(len(backups)))
    linhas = []
    for n, (backup, (quando, qual, quantos, estado)) in enumerate(
        zip(backups, celulas, strict=True), 1
    ):
        if not de_rotina(backup) and (n == 1 or de_rotina(backups[n - 2])):
            linhas.append("   Fotos tiradas ao restaurar:")
        comeco = f"{n:>{casas}}. {quando}"
        marca = "  ← escolhido" if backup.carimbo == escolhido.carimbo else ""
        inteira = f"{comeco}  {qual:<{tipo}}  {quantos:>{registros}}  {estado}"
        if largura is None or len(inteira) + len("  ← escolhido") <= largura:
            linhas.append(inteira + marca)
        else:
            detalhes = ", ".join(parte for parte in (qual, quantos, estado) if parte)
            linhas += [comeco + marca, f"{'':{casas + 2}}{detalhes}"]
    return linhas


def _celulas(backup: Backup) -> tuple[str, str, str, str]:
    """Quando, tipo, registros e estado, em palavras."""
    quando = na_tela(backup.quando)
    estado = estado_de(backup)[0]
    if backup.meta is None:
        return quando, "", "", estado
    tipo = EM_PALAVRAS.get(backup.meta.tipo, visivel(backup.meta.tipo))
    return quando, tipo, plural(backup.meta.total, "registro", "registros"), estado
