"""A restauração em palavras: o plano, os riscos e o desfecho, como o manual os diz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.apelido import com_mais
from cofre.base.linha import NULO, texto
from cofre.base.palavras import em_linhas, na_tela, numero, plural, visivel
from cofre.base.relato import Relato
from cofre.plano.alvo import VOLTAR, Alvo
from cofre.restauracao import confirmacao
from cofre.restauracao.confirmacao import PELO_M, ficam_diferentes
from cofre.restauracao.convergencia import Desfecho
from cofre.restauracao.fim import Fim, Fora
from cofre.restauracao.inexatas import NAO_CONFERE, SEM_PROVA, Inexata
from cofre.restauracao.pendentes import em_palavras, o_que_se_segue
from cofre.restauracao.quadro import Quadro
from cofre.restauracao.recusas import Grupo, em_grupos
from cofre.restauracao.reescritas import Reescrita
from cofre.restauracao.resumo import Resumo, TabelaResumida
from cofre.restauracao.risco import Risco
from cofre.via.contrato import NULO_DE_JSON, OUTRA_ESCRITA

COLUNAS = 4
"""Quantas das que mudam se dizem."""
NOVOS = "mais novos que o backup, seriam removidos"
REPOSTOS = "repostos pela restauração (ou criados depois dela), seriam removidos"


@dataclass(frozen=True, slots=True)
class Narrador:
    """Conta o plano e o desfecho."""

    relato: Relato

    def confirmacao(self, quadro: Quadro, acao: str) -> None:
        """A empresa, as tabelas, o que acontece; e por último, junto da pergunta, o plano."""
        for linha in confirmacao.pedido(quadro.alvo, quadro.resumo, self.relato.largura):
            self.relato.linha(linha)
        self.plano(quadro, acao)

    def plano(self, quadro: Quadro, acao: str, como_voltar: str = PELO_M) -> None:
        """O que vai acontecer: uma linha por tabela que difere, com o que nela volta, muda e sai,
        as iguais somadas numa só, e o que não voltaria como era. `como_voltar`: o que se faz para
        que o que só difere também volte."""
        linha, desfazer = self.relato.linha, acao == "desfazer"
        alvo, resumo = quadro.alvo, quadro.resumo
        linha()
        alvo_em_palavras = "como era em" if desfazer else "backup de"
        linha(f"🔎 PLANO ({alvo_em_palavras} {na_tela(alvo.backup.quando)})")
        if alvo.backup.meta and alvo.backup.meta.da_primeira_versao:
            linha("   ⚠️ Backup da primeira versão: não tem somas para conferir os arquivos.")
        for tabela in resumo.tabelas:
            if tabela.contagem.diferencas:
                self._tabela(tabela, REPOSTOS if desfazer else NOVOS)
            if tabela.diferem:
                self._diferem(tabela, como_voltar)
        self._iguais([t for t in resumo.tabelas if not t.contagem.diferencas and not t.diferem])
        if resumo.total.diferencas:
            linha("   (+ repor, ~ alterar, − remover, = já iguais)")
        for nome, colunas in quadro.perdidas.items():
            self._em_linhas(
                f"   ⚠️ {visivel(nome)}: o banco não tem mais {', '.join(map(visivel, colunas))};"
                " esses valores serão ignorados.",
                6,
            )
        if quadro.pendentes:
            somar = "" if como_voltar == PELO_M else " (--somar soma essas tabelas)"
            self._em_linhas(f"   ⚠️ {em_palavras(quadro.pendentes)}{somar}", 6)
        self._do_que_faltava(alvo, resumo)
        self._inexatas(quadro.inexatas)
        for frase in quadro.avisos:
            self._em_linhas(f"   {frase}", 6)

    def _tabela(self, tabela: TabelaResumida, saem: str) -> None:
        """Os números, e de cada ação os primeiros apelidos."""
        c = tabela.contagem
        self._em_linhas(
            f"   {visivel(tabela.nome)}: +{numero(c.repor)} ~{numero(c.alterar)}"
            f" −{numero(c.remover)} ={numero(c.iguais)}"
            f" (no backup {numero(tabela.no_backup)}, agora {numero(tabela.agora)})",
            6,
        )
        if tabela.colunas:
            ditas = [f"{visivel(n)} em {numero(q)}" for n, q in tabela.colunas.items()]
            colunas = com_mais(ditas[:COLUNAS], len(ditas), ", ")
            self._em_linhas(f"      ~ {colunas}", 8)
        for sinal, apelidos, quantos in (
            ("+", tabela.voltam, c.repor),
            ("~", tabela.mudam, c.alterar),
            (f"{saem}:", tabela.saem, c.remover),
        ):
            if apelidos:
                self._reservado(f"      {sinal} {com_mais(apelidos, quantos)}", 8)

    def _diferem(self, tabela: TabelaResumida, como_voltar: str) -> None:
        onde = "     " if tabela.contagem.diferencas else f"   {visivel(tabela.nome)}: nada falta;"
        self._em_linhas(f"{onde} {ficam_diferentes(tabela.diferem)} ({como_voltar})", 6)

    def _iguais(self, iguais: Sequence[TabelaResumida]) -> None:
        if iguais:
            quantas = plural(len(iguais), "tabela já igual", "tabelas já iguais")
            registros = plural(sum(t.contagem.iguais for t in iguais), "registro", "registros")
            self.relato.linha(f"   {quantas} ({registros})")

    def _inexatas(self, inexatas: Sequence[Inexata]) -> None:
        """O que não voltará como era, e o que fica no lugar; e as colunas, por tabela, de que não
        se sabe."""
        colunas: dict[tuple[str, str], list[str]] = {}
        for i in (i for i in inexatas if i.causa in DE_COLUNAS):
            colunas.setdefault((i.tabela, i.causa), []).append(i.coluna)
        for (tabela, causa), nomes in colunas.items():
            dito = DE_COLUNAS[causa].format(quais=", ".join(map(visivel, nomes)))
            self._em_linhas(f"   ⚠️ {visivel(tabela)}: {dito}", 6)
        for i in (i for i in inexatas if i.causa in DE_REGISTROS):
            quais = plural(i.registros, "registro", "registros")
            chaves = f"; {visivel('; '.join(i.exemplos))}" if i.exemplos else ""
            onde = f"{visivel(i.tabela)}.{visivel(i.coluna)}"
            dito = DE_REGISTROS[i.causa].format(quais=f"{quais}{chaves}")
            self._em_linhas(f"   ⚠️ {onde}: {dito}", 6)

    def _do_que_faltava(self, alvo: Alvo, resumo: Resumo) -> None:
        """A primeira versão parava em 1.000 registros por tabela, e o resto parece a mais."""
        antiga = alvo.backup.meta is not None and alvo.backup.meta.da_primeira_versao
        if antiga and resumo.total.remover and alvo.modo == VOLTAR:
            self.relato.aviso(
                "A primeira versão salvava no máximo 1.000 registros por tabela: os que seriam"
                " removidos podem só não estar no backup. O modo recuperar (m, ou --modo recuperar)"
                " repõe o que falta e não remove nada."
            )

    def riscos(self, quadro: Quadro, riscos: Sequence[Risco]) -> None:
        """Por que não dá, de quem se trata, o que se seguiria, e o que fazer."""
        for risco in riscos:
            self.relato.linha(f"   ❌ {visivel(risco.causa)}")
            self._quem(risco.quantos, risco.apelidos, risco.dito, "      ")
            self._cura(risco.cura, "      ")
        self._seguem(quadro, riscos)

    def perdas(self, quadro: Quadro, riscos: Sequence[Risco], fora: Sequence[Fora]) -> None:
        """O que se concordou em perder, com tudo o que se segue."""
        if not riscos and not fora:
            return
        self.relato.linha()
        self.relato.linha("⚠️ NÃO VOLTAM, com o seu acordo:")
        for risco in riscos:
            self.relato.linha(f"   • {visivel(risco.causa)}")
            self._quem(risco.quantos, risco.apelidos, "", "     ")
        for tabela in fora:
            self.relato.linha(f"   • {visivel(tabela.tabela)} inteira: {visivel(tabela.causa)}")
        self._seguem(quadro, riscos)

    def _seguem(self, quadro: Quadro, riscos: Sequence[Risco]) -> None:
        if quadro.seguem and any(r.linhas for r in riscos):
            self.relato.linha(f"   ⚠️ Sem eles, {o_que_se_segue(quadro.seguem)}.")

    def fim(self, fim: Fim, seguir: str) -> None:
        """As linhas finais: só diz «concluída» quando a última foto confirmou, e «em parte» se algo
        não voltou. `seguir`: o comando que desfaz isto, se há o que desfazer."""
        linha, nome = self.relato.linha, visivel(fim.alvo.empresa.nome)
        linha()
        if fim.em_parte:
            linha("⚠️ DESFEITA EM PARTE" if fim.desfazendo else "⚠️ CONCLUÍDA EM PARTE")
        else:
            linha("↩️ RESTAURAÇÃO DESFEITA!" if fim.desfazendo else "✅ RESTAURAÇÃO CONCLUÍDA!")
        linha(f"Empresa: {nome}")
        linha(f"Tabelas restauradas: {len(fim.alvo.tabelas)}")
        linha(f"Total de registros: {numero(fim.desfecho.registros)}")
        if fim.o_que_mudou:
            linha(f"O que mudou: {fim.o_que_mudou}")
        self._grupos(fim.grupos, "⚠️", "")
        for fora in fim.fora:
            linha(f"⚠️ {visivel(fora.tabela)} ficou de fora: {visivel(fora.causa)}")
            self._cura(fora.cura, "   ")
        self._reescritas(fim.desfecho.reescritas, atomica=fim.desfecho.atomica)
        self._de_novo(fim.desfecho)
        linha()
        como = "voltou ao que era antes" if fim.desfazendo else "foi restaurada"
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
            "Com ℹ️, datas que o banco põe sozinho ao gravar: só a conexão direta (SUPABASE_DB_URL)"
            " as repõe. "
        )
        self.relato.linha(
            f"   {que_sao if datas else ''}Um novo plano mostra de novo o que o banco reescreve."
        )

    def _grupos(self, grupos: Sequence[Grupo], sinal: str, recuo: str) -> None:
        """Cada causa, os registros dela e a cura."""
        for grupo in grupos:
            self.relato.linha(f"{recuo}{sinal} {grupo.titulo}")
            self._quem(grupo.quantos, grupo.apelidos, grupo.dito, f"{recuo}   ")
            self._cura(grupo.cura, f"{recuo}   ")

    def _quem(self, quantos: int, apelidos: Sequence[str], dito: str, recuo: str) -> None:
        """Os registros, pelo nome, e o que o banco disse do primeiro."""
        if any(apelidos):
            self.relato.reservado(f"{recuo}• {com_mais(apelidos, quantos)}")
        if dito:
            self.relato.reservado(f"{recuo}• {dito}")

    def _cura(self, cura: str, recuo: str) -> None:
        for linha in cura.splitlines():
            self.relato.linha(f"{recuo}{linha}")

    def _reescritas(self, reescritas: Sequence[Reescrita], *, atomica: bool) -> None:
        for r in reescritas:
            registros = plural(r.registros, "registro", "registros")
            onde = f"{visivel(r.tabela)}.{visivel(r.coluna)}"
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
            self._em_linhas(f"⚠️ Nem tudo voltou como era. {' '.join(curas)}", 3)

    def _em_linhas(self, texto: str, recuo: int) -> None:
        self.relato.linha(em_linhas(texto, self.relato.largura, recuo))

    def _reservado(self, texto: str, recuo: int) -> None:
        self.relato.reservado(em_linhas(texto, self.relato.largura, recuo))

    def incompleta(self, desfecho: Desfecho) -> None:
        """Não chegou ao alvo: o que ainda difere, e o que o banco recusou."""
        linha = self.relato.linha
        linha()
        linha("❌ RESTAURAÇÃO INCOMPLETA")
        for nome, c in desfecho.restantes.items():
            linha(
                f"   {visivel(nome)}: ainda faltam {numero(c.repor)}, diferem"
                f" {numero(c.alterar)}, sobram {numero(c.remover)}"
            )
        self._grupos(em_grupos(desfecho.impedimentos), "❌", "   ")


DE_COLUNAS = {
    SEM_PROVA: "o backup não prova {quais}: só volta o que o JSON diz (não um null de JSON, nem os"
    " limites de um vetor, que houvesse ali).",
    NAO_CONFERE: "não se confere o que o JSON não diga de {quais}: o que se repõe e o que difere"
    " nele, volta como era.",
}
DE_REGISTROS = {
    NULO_DE_JSON: "um null de JSON, que a API não grava ({quais}). Onde a linha falta, fica o"
    " padrão da coluna, ou nulo; onde existe, o valor de hoje. A conexão direta (SUPABASE_DB_URL) o"
    " grava.",
    OUTRA_ESCRITA: "um JSON que a API escreve de outro modo ({quais}): o valor é o mesmo, e os"
    " escapes, ou os espaços em volta, não. A conexão direta (SUPABASE_DB_URL) o repõe como era.",
}
"""Por causa, o que se diz de uma coluna inteira, e de alguns registros."""
TAMANHO_DO_APELIDO = 40
NAO_GRAVOU = {
    NULO_DE_JSON: "a API não grava um null de JSON",
    OUTRA_ESCRITA: "a API escreve este JSON de outro modo, com o mesmo valor",
}
SO_PELA_DIRETA = (
    "O que a API não grava, a conexão direta (SUPABASE_DB_URL) grava: restaure de novo por ela."
)
PELA_API = (
    "Quem reescreve é um gatilho, e a conexão direta (SUPABASE_DB_URL) grava sem eles: restaure de"
    " novo por ela."
)
DIRETO = (
    "Quem reescreve é um gatilho que este papel não pode desligar: desative-o (ALTER TABLE …"
    " DISABLE TRIGGER …), restaure de novo e reative-o."
)
"""O que fazer do que o banco reescreve."""


def _citado(valor: bytes) -> str:
    """Um valor em JSON, para a tela."""
    dito = visivel(texto(valor) or "nulo")
    curto = dito if len(dito) <= TAMANHO_DO_APELIDO else f"{dito[:TAMANHO_DO_APELIDO]}…"
    return f"«{curto}»" if valor != NULO else curto
