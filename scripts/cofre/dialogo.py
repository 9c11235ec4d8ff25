"""O diálogo da restauração: as perguntas e as palavras do manual, que os usuários conhecem."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cofre.deposito import Backup
from cofre.erros import Interrompido
from cofre.inventario import EmpresaGuardada, estado_de
from cofre.modelo import ordem_de_exibicao
from cofre.plano import REMOVER, Contagem, Plano
from cofre.relato import Relato, limpo, numero, plural
from cofre.restauracao import DESFAZER, MANTER, RECUPERAR, Alvo, Desfecho, Planejada

PALAVRA = "RESTAURAR"
EXEMPLOS = 3
TIPOS_DE_ROTINA = ("manual", "agendado")


class Cancelada(Interrompido):
    """O usuário desistiu, ou a entrada acabou: nada foi escrito."""

    dica = "Nada foi alterado."


@dataclass(frozen=True, slots=True)
class Dialogo:
    """As perguntas, feitas a um relato."""

    relato: Relato

    def empresa(self, guardadas: Sequence[EmpresaGuardada]) -> EmpresaGuardada:
        """Qual empresa. Levanta Cancelada."""
        linha = self.relato.linha
        linha("🏢 EMPRESAS COM BACKUP DISPONÍVEL")
        for i, g in enumerate(guardadas, 1):
            ultimo = mais_novo(g.backups)
            quando = f"{ultimo.quando:%Y-%m-%d %H:%M}" if ultimo else "nenhum inteiro"
            linha(f"{i}. {limpo(g.empresa.nome)} (último backup: {quando})")
        linha()
        while True:
            resposta = self._perguntar("Escolha a empresa: ")
            if resposta.isdigit() and 1 <= int(resposta) <= len(guardadas):
                return guardadas[int(resposta) - 1]
            iguais = [g for g in guardadas if g.empresa.nome.casefold() == resposta.casefold()]
            if len(iguais) == 1:
                return iguais[0]
            linha(f"   Responda um número de 1 a {len(guardadas)}, ou q para sair.")

    def tabelas(self, guardada: EmpresaGuardada, backup: Backup) -> tuple[Backup, tuple[str, ...]]:
        """De que data e quais tabelas. Levanta Cancelada."""
        linha = self.relato.linha
        while True:
            disponiveis = tabelas_de(backup)
            linha()
            linha("📋 TABELAS DISPONÍVEIS")
            linha("0. [TODAS AS TABELAS]")
            for i, nome in enumerate(disponiveis, 1):
                quantos = sum(1 for b in guardada.backups if nome in tabelas_de(b))
                linha(f"{i}. {limpo(nome)} ({plural(quantos, 'backup', 'backups')})")
            linha(f"   (backup de {backup.quando:%Y-%m-%d %H:%M:%S}; d escolhe outra data)")
            linha()
            resposta = self._perguntar("Escolha as tabelas (ex: 1,3 ou 0 para todas): ")
            if resposta.lower() == "d":
                backup = self._data(guardada, backup)
                continue
            escolhidas = interpretar_tabelas(resposta, disponiveis)
            if escolhidas:
                return backup, escolhidas
            linha("   Não entendi. Exemplos: 0 (todas); 1,3; 2-5; produtos,clientes; q para sair.")

    def _data(self, guardada: EmpresaGuardada, atual: Backup) -> Backup:
        linha = self.relato.linha
        linha()
        linha("📅 BACKUPS DESTA EMPRESA")
        usaveis = [b for b in reversed(guardada.backups) if b.meta is not None]
        for i, b in enumerate(usaveis, 1):
            total = plural(b.meta.total if b.meta else 0, "registro", "registros")
            tipo = b.meta.tipo if b.meta else ""
            linha(f"{i}. {b.quando:%Y-%m-%d %H:%M:%S}  {tipo}  {total}  {estado_de(b)[0]}")
        linha()
        while True:
            resposta = self._perguntar("Escolha a data (Enter mantém a atual): ")
            if not resposta:
                return atual
            if resposta.isdigit() and 1 <= int(resposta) <= len(usaveis):
                return usaveis[int(resposta) - 1]
            linha(f"   Responda um número de 1 a {len(usaveis)}.")

    def confirmar(self, alvo: Alvo, *, trocavel: bool = True) -> str:
        """«RESTAURAR», «m» (trocar o modo, se `trocavel`) ou qualquer outra coisa, que cancela."""
        linha, nome = self.relato.linha, limpo(alvo.empresa.nome)
        linha()
        linha("⚠️ CONFIRMAÇÃO")
        linha(f"Empresa: {nome}")
        linha(f"Tabelas: {', '.join(limpo(t) for t in alvo.tabelas)}")
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

    def contar_efeitos(self, mudou: Mapping[str, Contagem]) -> None:
        """As tabelas não escolhidas que mudaram."""
        self.relato.linha()
        self.relato.linha(
            "⚠️ TABELAS NÃO ESCOLHIDAS QUE MUDARAM (gatilhos do banco, ou alguém usando)"
        )
        for nome, c in mudou.items():
            self.relato.linha(
                f"   {limpo(nome)}: {numero(c.remover)} a mais, {numero(c.alterar)} mudadas,"
                f" {numero(c.repor)} a menos"
            )

    def sim(self, pergunta: str) -> bool:
        """Uma pergunta de sim ou não; sem resposta é não."""
        resposta = self.relato.perguntar(f"{pergunta} (s/n): ")
        return (resposta or "").lower() in ("s", "sim")

    def seguir(self, desfazendo: bool = False) -> str | None:
        """Depois de uma parada: «1» concluir, «2» desfazer (se já não é o que se fazia), «3» deixar
        como está; None se saiu sem escolher."""
        desfazer = "" if desfazendo else "2. desfazer   "
        self.relato.linha(f"   1. concluir   {desfazer}3. deixar como está e sair")
        validas = ("1", "3") if desfazendo else ("1", "2", "3")
        while True:
            resposta = self.relato.perguntar("Escolha: ")
            if resposta is None or resposta.lower() == "q":
                return None
            if resposta in validas:
                return resposta
            self.relato.linha(f"   Responda {', '.join(validas)}, ou q para decidir depois.")

    def _perguntar(self, pergunta: str) -> str:
        resposta = self.relato.perguntar(pergunta)
        if resposta is None or resposta.lower() == "q":
            raise Cancelada("Restauração cancelada.")
        return resposta


def mais_novo(backups: Sequence[Backup]) -> Backup | None:
    """O backup inteiro mais novo de rotina (as fotos que a própria restauração tira não contam)."""
    inteiros = [b for b in backups if b.meta and estado_de(b)[0] == "completo"]
    rotina = [b for b in inteiros if b.meta and b.meta.tipo in TIPOS_DE_ROTINA]
    return rotina[-1] if rotina else None


def tabelas_de(backup: Backup) -> list[str]:
    """As tabelas de um backup, na ordem do manual."""
    return sorted(backup.meta.tabelas, key=ordem_de_exibicao) if backup.meta else []


def interpretar_tabelas(resposta: str, disponiveis: Sequence[str]) -> tuple[str, ...]:
    """«0», «1,3», «2-5», nomes, ou uma mistura; vazio se qualquer parte não se entende."""
    if resposta.strip() == "0":
        return tuple(disponiveis)
    escolhidas: set[str] = set()
    for parte in (p.strip() for p in resposta.split(",")):
        faixa = re.fullmatch(r"(\d+)\s*-\s*(\d+)", parte)
        if faixa:
            inicio, fim = int(faixa[1]), int(faixa[2])
            if not 1 <= inicio <= fim <= len(disponiveis):
                return ()
            escolhidas.update(disponiveis[inicio - 1 : fim])
        elif parte.isdigit() and 1 <= int(parte) <= len(disponiveis):
            escolhidas.add(disponiveis[int(parte) - 1])
        elif parte in disponiveis:
            escolhidas.add(parte)
        else:
            return ()
    return tuple(sorted(escolhidas, key=ordem_de_exibicao))


@dataclass(frozen=True, slots=True)
class Narrador:
    """Conta o plano e o desfecho."""

    relato: Relato

    def plano(self, alvo: Alvo, planejada: Planejada) -> None:
        """O que vai acontecer, tabela por tabela, e os riscos."""
        linha = self.relato.linha
        linha()
        linha(f"🔎 PLANO (backup de {alvo.backup.quando:%Y-%m-%d %H:%M:%S})")
        if alvo.backup.meta and alvo.backup.meta.versao == 1:
            linha("   ⚠️ Backup da primeira versão: não tem somas para conferir os arquivos.")
        for nome, c in planejada.plano.contagens.items():
            linha(
                f"   {limpo(nome)}: +{numero(c.repor)} ~{numero(c.alterar)}"
                f" −{numero(c.remover)} ={numero(c.iguais)}"
            )
            if c.remover:
                self._removidas(planejada.plano, nome, c)
        linha("   (+ repor, ~ alterar, − remover, = já iguais)")
        for nome, colunas in planejada.colunas_perdidas.items():
            linha(
                f"   ⚠️ {limpo(nome)}: o banco não tem mais {', '.join(map(limpo, colunas))};"
                " esses valores serão ignorados."
            )

    def _removidas(self, plano: Plano, nome: str, contagem: Contagem) -> None:
        exemplos = []
        for acao in plano.acoes(nome, REMOVER):
            exemplos.append(_apelido(acao.atual or b"{}"))
            if len(exemplos) == EXEMPLOS:
                break
        mais = contagem.remover - len(exemplos)
        e_mais = f" e mais {numero(mais)}" if mais else ""
        self.relato.linha(
            f"      mais novos que o backup, seriam removidos: {'; '.join(exemplos)}{e_mais}"
        )

    def riscos(self, planejada: Planejada) -> None:
        """Por que não dá, e o que fazer."""
        for risco in planejada.riscos:
            self.relato.linha(f"   ❌ {limpo(risco.causa)}")
            for cura in risco.cura.splitlines():
                self.relato.linha(f"      {cura}")

    def desfecho(self, alvo: Alvo, desfecho: Desfecho, acao: str) -> None:
        """As linhas finais: só diz «concluída» quando a última foto confirmou."""
        linha, nome = self.relato.linha, limpo(alvo.empresa.nome)
        linha()
        if not desfecho.completa:
            self._incompleta(desfecho)
            return
        desfeita = acao == "desfazer"
        linha("↩️ RESTAURAÇÃO DESFEITA!" if desfeita else "✅ RESTAURAÇÃO CONCLUÍDA!")
        linha(f"Empresa: {nome}")
        linha(f"Tabelas restauradas: {len(alvo.tabelas)}")
        linha(f"Total de registros: {numero(desfecho.registros)}")
        for i in desfecho.impedimentos:
            chave = ", ".join(i.chave)
            linha(f"⚠️ {limpo(i.tabela)} {limpo(chave)}: não voltou; {limpo(str(i.erro))}")
        for tabela, colunas in desfecho.reescritas.items():
            for coluna, quantas in colunas.items():
                linha(
                    f"ℹ️ {limpo(tabela)}.{limpo(coluna)}: o próprio banco reescreve"
                    f" ({plural(quantas, 'registro', 'registros')})"
                )
        linha()
        fim = "voltou ao que era antes" if desfeita else "foi restaurada"
        linha(f"✅ Apenas a empresa {nome} {fim}")
        linha("✅ Outras empresas permanecem intactas")

    def _incompleta(self, desfecho: Desfecho) -> None:
        linha = self.relato.linha
        linha("❌ RESTAURAÇÃO INCOMPLETA")
        for nome, c in desfecho.restantes.items():
            linha(
                f"   {limpo(nome)}: ainda faltam {numero(c.repor)}, diferem"
                f" {numero(c.alterar)}, sobram {numero(c.remover)}"
            )
        vistos: set[str] = set()
        for i in desfecho.impedimentos:
            if str(i.erro) not in vistos:
                vistos.add(str(i.erro))
                linha(f"   ❌ {limpo(i.tabela)}: {limpo(str(i.erro))} {limpo(i.erro.detalhes)}")


NOMES = ("nome", "name", "descricao", "razao_social", "full_name", "email", "numero_os", "id")


def _apelido(linha: bytes) -> str:
    """Algo que um humano reconheça numa linha."""
    import msgspec

    campos = msgspec.json.decode(linha, type=dict[str, object])
    achado = next((campos[n] for n in NOMES if campos.get(n)), next(iter(campos.values()), ""))
    return limpo(str(achado))[:40]
