"""O fim de uma restauração em palavras, como o manual o diz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.linha import NULO, texto
from cofre.base.modelo import LISTAS
from cofre.base.palavras import como_se_diz, numero, plural, visivel
from cofre.plano.recusas import Grupo, em_grupos
from cofre.restauracao.desfecho import Desfecho
from cofre.restauracao.fala import Fala
from cofre.restauracao.fim import Fim
from cofre.restauracao.logins.guardados import do_backup
from cofre.restauracao.logins.palavras import NarradorDeLogins
from cofre.restauracao.reescritas import Reescrita
from cofre.restauracao.vocabulario import RESTAURAR, Vocabulario
from cofre.via.contrato import NULO_DE_JSON, OUTRA_ESCRITA


@dataclass(frozen=True, slots=True)
class Encerramento(Fala):
    """Conta como acabou."""

    vocabulario: Vocabulario

    def fim(self, fim: Fim, seguir: str) -> None:
        """As linhas finais: só diz «concluída» quando a última foto confirmou, e «em parte» se algo
        não voltou. `seguir`: o comando que desfaz isto, se há o que desfazer."""
        linha, nome = self.relato.linha, visivel(fim.alvo.empresa.nome)
        linha()
        if fim.em_parte:
            linha("⚠️ DESFEITA EM PARTE" if fim.desfazendo else "⚠️ CONCLUÍDA EM PARTE")
        else:
            ato = self.vocabulario.ato.upper()
            linha(f"↩️ {ato} DESFEITA!" if fim.desfazendo else f"✅ {ato} CONCLUÍDA!")
        linha(f"Empresa: {nome}")
        if tabelas := [n for n in fim.alvo.tabelas if n not in LISTAS]:
            linha(f"Tabelas {self.vocabulario.feito}: {len(tabelas)}")
            linha(f"Total de registros: {numero(fim.desfecho.registros)}")
        for lista, quantos in fim.desfecho.nas_listas.items():
            linha(f"Total de {como_se_diz(lista)}: {numero(quantos)}")
        repostos = RESTAURAR.repostos if fim.desfazendo else self.vocabulario.repostos
        if mudou := fim.o_que_mudou(repostos):
            linha(f"O que mudou: {mudou}")
        self._grupos(fim.grupos, "⚠️", "")
        self.de_fora(fim.fora)
        if fim.logins:
            guardados = do_backup(fim.alvo.backup)
            NarradorDeLogins(self.relato, self.vocabulario).fim(
                fim.logins, guardados, fim.desfazendo
            )
        if fim.sem_identidade:
            voltaram = plural(fim.sem_identidade, "arquivo voltou", "arquivos voltaram")
            self._em_linhas(f"⚠️ {voltaram} {SEM_IDENTIDADE}", 3)
        self._conflitos(fim.desfecho.conflitos)
        self._reescritas(fim.desfecho.reescritas, atomica=fim.desfecho.atomica)
        self._de_novo(fim.desfecho)
        linha()
        como = "voltou ao que era antes" if fim.desfazendo else self.vocabulario.feita
        linha(f"✅ Apenas a empresa {nome} {como}")
        linha("✅ Outras empresas permanecem intactas")
        if seguir:
            linha()
            linha("Para refazer o que se desfez:" if fim.desfazendo else "Para desfazer:")
            linha(f"  {seguir}")

    def _de_novo(self, desfecho: Desfecho) -> None:
        """O que são as datas que só andaram, e que o próximo plano mostra tudo outra vez."""
        if not desfecho.reescritas:
            return
        datas = any(r.avancou for r in desfecho.reescritas) and not desfecho.atomica
        que_sao = (
            "Com ℹ️, datas que o banco põe sozinho ao gravar: só a conexão direta"
            f" ({self.vocabulario.direta}) as repõe. "
        )
        self.relato.linha(
            f"   {que_sao if datas else ''}Um novo plano mostra de novo o que o banco reescreve."
        )

    def incompleta(self, desfecho: Desfecho) -> None:
        """Não chegou ao alvo: o que ainda difere, e o que o banco recusou."""
        linha = self.relato.linha
        linha()
        linha(f"❌ {self.vocabulario.ato.upper()} INCOMPLETA")
        for nome, c in desfecho.restantes.items():
            linha(
                f"   {visivel(como_se_diz(nome))}: ainda faltam {numero(c.repor)}, diferem"
                f" {numero(c.alterar)}, sobram {numero(c.remover)}"
            )
        self._grupos(em_grupos(desfecho.impedimentos), "❌", "   ")

    def _grupos(self, grupos: Sequence[Grupo], sinal: str, recuo: str) -> None:
        """Cada causa, os registros dela e a cura."""
        for grupo in grupos:
            self.relato.linha(f"{recuo}{sinal} {grupo.titulo_com(self.vocabulario.nao_ficou)}")
            self._quem(grupo.quantos, grupo.apelidos, grupo.dito, f"{recuo}   ")
            self._cura(grupo.cura, f"{recuo}   ")

    def _reescritas(self, reescritas: Sequence[Reescrita], *, atomica: bool) -> None:
        for r in reescritas:
            registros = plural(r.registros, "registro", "registros")
            onde = f"{visivel(como_se_diz(r.tabela))}.{visivel(r.coluna)}"
            if r.avancou:
                self._em_linhas(f"ℹ️ {onde}: o próprio banco reescreve ({registros})", 3)
                continue
            qual = visivel(", ".join(r.chave))
            o_que = NAO_GRAVOU.get(r.causa, "o banco pôs outro conteúdo")
            self._em_linhas(f"⚠️ {onde}: {o_que} ({registros}; {qual})", 3)
            if r.mostravel:
                era, ficou = _citado(r.era), _citado(r.ficou)
                self.relato.so_na_tela(f"   era {era}, ficou {ficou} ({r.apelido})")
        causas = {bool(r.causa) for r in reescritas if not r.avancou}
        curas = [SO_PELA_DIRETA] if True in causas else []
        if False in causas:
            curas.append(DIRETO if atomica else PELA_API)
        if curas:
            palavras = {"direta": self.vocabulario.direta, "de_novo": self.vocabulario.de_novo}
            curas_ = " ".join(cura.format(**palavras) for cura in curas)
            self._em_linhas(f"⚠️ Nem tudo {self.vocabulario.ficou} como era. {curas_}", 3)


TAMANHO_DO_APELIDO = 40
NAO_GRAVOU = {
    NULO_DE_JSON: "a API não grava um null de JSON",
    OUTRA_ESCRITA: "a API escreve este JSON de outro modo, com o mesmo valor",
}
SEM_IDENTIDADE = (
    "com outro id, a data de agora e sem dono (owner_id), que a API não escreve: uma política do"
    " Storage que olhe o dono já não os dá a quem os enviou."
)
SO_PELA_DIRETA = "O que a API não grava, a conexão direta ({direta}) grava: {de_novo} por ela."
PELA_API = (
    "Quem reescreve é um gatilho, e a conexão direta ({direta}) grava sem eles: {de_novo} por ela."
)
DIRETO = (
    "Quem reescreve é um gatilho que este papel não pode desligar: desative-o (ALTER TABLE …"
    " DISABLE TRIGGER …), {de_novo} e reative-o."
)
"""O que fazer do que o banco reescreve."""


def _citado(valor: bytes) -> str:
    """Um valor em JSON, para a tela."""
    dito = visivel(texto(valor) or "nulo")
    curto = dito if len(dito) <= TAMANHO_DO_APELIDO else f"{dito[:TAMANHO_DO_APELIDO]}…"
    return f"«{curto}»" if valor != NULO else curto
