"""A restauração em palavras: o plano, os riscos e o desfecho, como o manual os diz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.apelido import com_mais
from cofre.base.palavras import como_se_diz, na_tela, numero, plural, visivel
from cofre.plano.alvo import VOLTAR, Alvo
from cofre.plano.mudanca import Mudanca
from cofre.plano.plano import Plano
from cofre.restauracao import confirmacao
from cofre.restauracao.campos import por_inteiro
from cofre.restauracao.confirmacao import PELO_M, ficam_diferentes
from cofre.restauracao.conflitos import em_uma_frase
from cofre.restauracao.fala import Fala
from cofre.restauracao.fim import Fora
from cofre.restauracao.inexatas import NAO_CONFERE, SEM_PROVA, Inexata
from cofre.restauracao.logins.palavras import NarradorDeLogins
from cofre.restauracao.pendentes import em_palavras, o_que_se_segue
from cofre.restauracao.quadro import Quadro
from cofre.restauracao.resumo import Resumo, TabelaResumida
from cofre.restauracao.risco import Risco
from cofre.restauracao.trabalho import Trabalho
from cofre.restauracao.vocabulario import RESTAURAR, Vocabulario
from cofre.via.contrato import NULO_DE_JSON, OUTRA_ESCRITA

COLUNAS = 4
"""Quantas das que mudam se dizem."""
NOVOS = "mais novos que o backup, seriam removidos"
CRIADOS = "criados pela mudança, seriam removidos"

JA_ESTA = "O que se escolheu já está como no backup."

NAO_PARA = (
    "A empresa não para de gravar. Desta vez, o que mudar depois do plano entra nele,\n"
    "e como estava fica numa foto. Novo plano:"
)


@dataclass(frozen=True, slots=True)
class Narrador(Fala):
    """Conta o plano, e o que o impediria."""

    vocabulario: Vocabulario = RESTAURAR

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
        da_mudanca = isinstance(alvo.recorte, Mudanca) and not desfazer
        linha(f"🔎 PLANO ({_que_alvo(alvo, desfazer=desfazer)})")
        if alvo.backup.meta and alvo.backup.meta.da_primeira_versao:
            linha("   ⚠️ Backup da primeira versão: não tem somas para conferir os arquivos.")
        for tabela in resumo.tabelas:
            if tabela.contagem.diferencas:
                saem = CRIADOS if da_mudanca else self.vocabulario.a_mais if desfazer else NOVOS
                self._tabela(tabela, saem)
            if tabela.diferem:
                self._diferem(tabela, como_voltar)
        self._iguais([t for t in resumo.tabelas if not t.contagem.diferencas and not t.diferem])
        if resumo.total.diferencas:
            linha(f"   (+ {self.vocabulario.repor}, ~ alterar, − remover, = já iguais)")
        for nome, colunas in quadro.perdidas.items():
            self._perdidas(alvo, nome, colunas)
        if quadro.pendentes:
            somar = "" if como_voltar == PELO_M else " (--somar soma essas tabelas)"
            self._em_linhas(f"   ⚠️ {em_palavras(quadro.pendentes)}{somar}", 6)
        self._conflitos(quadro.conflitos, "   ")
        self._trabalho(quadro.trabalho)
        NarradorDeLogins(self.relato, self.vocabulario).citacoes(quadro.citam)
        self._do_que_faltava(alvo, resumo)
        self._inexatas(quadro.inexatas)
        if frase := quadro.por_trazer.em_palavras:
            self._em_linhas(f"   ⚠️ {frase} (no fim, o comando que os traz)", 6)
        for frase in quadro.avisos:
            self._em_linhas(f"   {frase}", 6)

    def nada_a_mudar(
        self, quadro: Quadro, acao: str, fora: Sequence[Fora], *, sem_dialogo: bool
    ) -> None:
        """O fim de um plano vazio; `fora`: o que se concordou em deixar."""
        igual = JA_ESTA if quadro.alvo.fatias else self.vocabulario.ja_e_igual
        dito = self.vocabulario.ja_como_era if acao == "desfazer" else igual
        if quadro.resumo.diferem:
            por_opcao = confirmacao.PELA_OPCAO if sem_dialogo else ""
            dito = confirmacao.nada_falta(quadro.resumo, por_opcao)
        self.relato.linha()
        if fora:
            self.relato.linha(f"⚠️ {self.vocabulario.resto_igual}")
            self.de_fora(fora)
        elif frase := em_uma_frase(quadro.conflitos):
            self.relato.linha(f"⚠️ Nada a mudar: {frase}.")
        else:
            self.relato.linha(f"✅ {dito}")

    def por_trazer(self, quadro: Quadro) -> None:
        """Depois do fim: o que as linhas que voltaram nomeiam e não há, e o comando que o traz."""
        if frase := quadro.por_trazer.em_palavras:
            self.relato.linha()
            self._em_linhas(f"⚠️ {frase}. Para os trazer:", 3)
            self.relato.linha(f"  {quadro.por_trazer.comando(quadro.alvo)}")

    def campos(self, alvo: Alvo, plano: Plano) -> None:
        """O plano campo a campo, com os nomes de tudo o que volta, sai, ou mudou outra vez."""
        for linha in por_inteiro(alvo, plano):
            self.relato.reservado(linha)

    def _tabela(self, tabela: TabelaResumida, saem: str) -> None:
        """Os números, e de cada ação os primeiros apelidos."""
        c = tabela.contagem
        self._em_linhas(
            f"   {visivel(como_se_diz(tabela.nome))}: +{numero(c.repor)} ~{numero(c.alterar)}"
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

    def _perdidas(self, alvo: Alvo, nome: str, colunas: Sequence[str]) -> None:
        """As que o banco não tem, e as que agora gera ele."""
        de_hoje = alvo.escopo.get(nome)
        nao_tem = "o destino não tem" if alvo.backup.de_outro_projeto else "o banco não tem mais"
        quem = "o destino" if alvo.backup.de_outro_projeto else "o banco agora"
        geradas = [c for c in colunas if de_hoje and de_hoje.tabela.coluna(c)]
        sumidas = [c for c in colunas if c not in geradas]
        for causa, quais in ((nao_tem, sumidas), (f"{quem} gera", geradas)):
            if quais:
                self._em_linhas(
                    f"   ⚠️ {visivel(como_se_diz(nome))}: {causa}"
                    f" {', '.join(map(visivel, quais))}; esses valores serão ignorados.",
                    6,
                )

    def _diferem(self, tabela: TabelaResumida, como_voltar: str) -> None:
        onde = (
            "     "
            if tabela.contagem.diferencas
            else f"   {visivel(como_se_diz(tabela.nome))}: nada falta;"
        )
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
            self._em_linhas(f"   ⚠️ {visivel(como_se_diz(tabela))}: {dito}", 6)
        for i in (i for i in inexatas if i.causa in DE_REGISTROS):
            quais = plural(i.registros, "registro", "registros")
            chaves = f"; {visivel('; '.join(i.exemplos))}" if i.exemplos else ""
            onde = f"{visivel(como_se_diz(i.tabela))}.{visivel(i.coluna)}"
            dito = DE_REGISTROS[i.causa].format(quais=f"{quais}{chaves}")
            self._em_linhas(f"   ⚠️ {onde}: {dito}", 6)

    def _trabalho(self, trabalho: Sequence[Trabalho]) -> None:
        """O que se fez lá, e esta cópia desfaz: quanto de cada tabela, e os primeiros."""
        if trabalho:
            self._em_linhas("   ⚠️ Feito lá depois da última cópia, e que esta desfaz:", 6)
        for feito in trabalho:
            self._em_linhas(f"      {feito.em_palavras}", 8)
            self._reservado(f"        • {com_mais(feito.exemplos, feito.registros)}", 10)

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
            self._quem(
                risco.quantos, risco.apelidos, risco.dito, "      ", so_alguns=risco.so_alguns
            )
            self._cura(risco.cura, "      ")
        self._seguem(quadro, riscos)

    def perdas(self, quadro: Quadro, riscos: Sequence[Risco], fora: Sequence[Fora]) -> None:
        """O que se concordou em perder, com tudo o que se segue."""
        if not riscos and not fora:
            return
        self.relato.linha()
        vao = self.vocabulario.vao[1].upper()
        self.relato.linha(f"⚠️ NÃO {vao}, com o seu acordo:")
        for risco in riscos:
            self.relato.linha(f"   • {visivel(risco.causa)}")
            self._quem(risco.quantos, risco.apelidos, "", "     ", so_alguns=risco.so_alguns)
        for tabela in fora:
            self.relato.linha(
                f"   • {visivel(como_se_diz(tabela.tabela))} inteira: {visivel(tabela.causa)}"
            )
        self._seguem(quadro, riscos)

    def _seguem(self, quadro: Quadro, riscos: Sequence[Risco]) -> None:
        if quadro.seguem and any(r.linhas for r in riscos):
            ao_menos = "ao menos: " if any(r.so_alguns for r in riscos) else ""
            self.relato.linha(f"   ⚠️ Sem eles, {ao_menos}{o_que_se_segue(quadro.seguem)}.")


def _que_alvo(alvo: Alvo, *, desfazer: bool) -> str:
    """«backup de 2026-11-26 03:00:00», ou o que se desfaz."""
    quando = na_tela(alvo.backup.quando)
    if desfazer:
        return f"como era em {quando}"
    if isinstance(alvo.recorte, Mudanca):
        return f"desfaz o que mudou de {quando} a {na_tela(alvo.recorte.depois.quando)}"
    return f"backup de {quando}"


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
