"""A restauração em palavras: o plano, os riscos e o desfecho, como o manual os diz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cofre.base.linha import NULO, abrir_linha, texto
from cofre.base.palavras import em_linhas, na_tela, numero, plural, visivel
from cofre.base.relato import Relato
from cofre.base.textos import CAMPO
from cofre.plano.alvo import VOLTAR, Alvo
from cofre.plano.impedimentos import Impedimento
from cofre.plano.plano import REMOVER, Contagem, Plano
from cofre.restauracao.convergencia import Desfecho
from cofre.restauracao.inexatas import NAO_CONFERE, SEM_PROVA, Inexata
from cofre.restauracao.provas import Risco
from cofre.restauracao.reescritas import Reescrita
from cofre.via.contrato import NULO_DE_JSON, OUTRA_ESCRITA

EXEMPLOS = 3
NOVOS = "mais novos que o backup, seriam removidos"
REPOSTOS = "repostos pela restauração (ou criados depois dela), seriam removidos"


@dataclass(frozen=True, slots=True)
class Narrador:
    """Conta o plano e o desfecho."""

    relato: Relato

    def plano(
        self, alvo: Alvo, plano: Plano, perdidas: Mapping[str, Sequence[str]], acao: str
    ) -> None:
        """O que vai acontecer: uma linha por tabela que difere, as iguais somadas numa só, e as
        colunas que o banco não tem mais."""
        linha, desfazer = self.relato.linha, acao == "desfazer"
        linha()
        alvo_em_palavras = "como era em" if desfazer else "backup de"
        linha(f"🔎 PLANO ({alvo_em_palavras} {na_tela(alvo.backup.quando)})")
        if alvo.backup.meta and alvo.backup.meta.da_primeira_versao:
            linha("   ⚠️ Backup da primeira versão: não tem somas para conferir os arquivos.")
        contagens = plano.contagens
        for nome, c in contagens.items():
            if c.diferencas:
                linha(
                    f"   {visivel(nome)}: +{numero(c.repor)} ~{numero(c.alterar)}"
                    f" −{numero(c.remover)} ={numero(c.iguais)}"
                )
            if c.remover:
                quais = REPOSTOS if desfazer else NOVOS
                self._removidas(plano, nome, c, quais)
        self._iguais([c for c in contagens.values() if not c.diferencas])
        if not plano.vazio:
            linha("   (+ repor, ~ alterar, − remover, = já iguais)")
        for nome, colunas in perdidas.items():
            linha(
                f"   ⚠️ {visivel(nome)}: o banco não tem mais {', '.join(map(visivel, colunas))};"
                " esses valores serão ignorados."
            )

    def _iguais(self, iguais: Sequence[Contagem]) -> None:
        if iguais:
            quantas = plural(len(iguais), "tabela já igual", "tabelas já iguais")
            registros = plural(sum(c.iguais for c in iguais), "registro", "registros")
            self.relato.linha(f"   {quantas} ({registros})")

    def _removidas(self, plano: Plano, nome: str, contagem: Contagem, quais: str) -> None:
        exemplos = []
        for acao in plano.acoes(nome, REMOVER):
            exemplos.append(_apelido(acao.atual or b"{}"))
            if len(exemplos) == EXEMPLOS:
                break
        mais = contagem.remover - len(exemplos)
        e_mais = f" e mais {numero(mais)}" if mais else ""
        self._em_linhas(f"      {quais}: {'; '.join(exemplos)}{e_mais}", 6)

    def inexatas(self, inexatas: Sequence[Inexata]) -> None:
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

    def do_que_faltava(self, alvo: Alvo, plano: Plano) -> None:
        """A primeira versão parava em 1.000 registros por tabela, e o resto parece a mais."""
        antiga = alvo.backup.meta is not None and alvo.backup.meta.da_primeira_versao
        removeria = any(c.remover for c in plano.contagens.values())
        if antiga and removeria and alvo.modo == VOLTAR:
            self.relato.aviso(
                "A primeira versão salvava no máximo 1.000 registros por tabela: os que seriam"
                " removidos podem só não estar no backup. O modo recuperar (m, ou --modo recuperar)"
                " repõe o que falta e não remove nada."
            )

    def riscos(self, riscos: Sequence[Risco]) -> None:
        """Por que não dá, e o que fazer."""
        for risco in riscos:
            self.relato.linha(f"   ❌ {visivel(risco.causa)}")
            for cura in risco.cura.splitlines():
                self.relato.linha(f"      {cura}")

    def desfecho(self, alvo: Alvo, desfecho: Desfecho, acao: str) -> None:
        """As linhas finais: só diz «concluída» quando a última foto confirmou."""
        linha, nome = self.relato.linha, visivel(alvo.empresa.nome)
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
            linha(f"⚠️ {visivel(i.tabela)} {visivel(chave)}: não voltou; {visivel(str(i.erro))}")
        self._reescritas(desfecho.reescritas, atomica=desfecho.atomica)
        linha()
        fim = "voltou ao que era antes" if desfeita else "foi restaurada"
        linha(f"✅ Apenas a empresa {nome} {fim}")
        linha("✅ Outras empresas permanecem intactas")

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
                self.relato.so_na_tela(f"   era {era}, ficou {ficou}")
        causas = {bool(r.causa) for r in reescritas if not r.avancou}
        curas = [SO_PELA_DIRETA] if True in causas else []
        if False in causas:
            curas.append(DIRETO if atomica else PELA_API)
        if curas:
            self._em_linhas(f"⚠️ Nem tudo voltou como era. {' '.join(curas)}", 3)

    def _em_linhas(self, texto: str, recuo: int) -> None:
        self.relato.linha(em_linhas(texto, self.relato.largura, recuo))

    def _incompleta(self, desfecho: Desfecho) -> None:
        linha = self.relato.linha
        linha("❌ RESTAURAÇÃO INCOMPLETA")
        for nome, c in desfecho.restantes.items():
            linha(
                f"   {visivel(nome)}: ainda faltam {numero(c.repor)}, diferem"
                f" {numero(c.alterar)}, sobram {numero(c.remover)}"
            )
        por_causa: dict[tuple[str, str], list[Impedimento]] = {}
        for i in desfecho.impedimentos:
            por_causa.setdefault((i.tabela, str(i.erro)), []).append(i)
        for (tabela, causa), iguais in por_causa.items():
            detalhes = visivel(iguais[0].erro.detalhes)
            linha(f"   ❌ {visivel(tabela)}: {visivel(causa)} {detalhes}".rstrip())
            linha(f"      {_quais(iguais)}")


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
NOMES = ("nome", "name", "descricao", "razao_social", "full_name", "email", "numero_os")
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


def _quais(impedimentos: Sequence[Impedimento]) -> str:
    """As chaves das primeiras linhas, e quantas mais há."""
    chaves = [visivel(", ".join(i.chave))[:TAMANHO_DO_APELIDO] for i in impedimentos]
    mais = f" e mais {numero(n)}" if (n := len(chaves) - EXEMPLOS) > 0 else ""
    titulo = "registro" if len(chaves) == 1 else "registros"
    return f"{titulo}: {'; '.join(chaves[:EXEMPLOS])}{mais}"


def _apelido(linha: bytes) -> str:
    """Algo que um humano reconheça numa linha."""
    # Cada valor com os seus bytes: um número pode ser maior do que o Python sabe ler.
    campos = {c: bytes(v) for c, v in abrir_linha(linha).items() if c != CAMPO}
    achado = next((t for n in NOMES if n in campos and (t := texto(campos[n]))), "")
    if not achado:  # um número solto não diria o que é
        coluna = "id" if "id" in campos else next(iter(campos), "")
        achado = f"{coluna} {texto(campos.get(coluna, NULO)) or ''}"
    achado = visivel(achado)
    return achado if len(achado) <= TAMANHO_DO_APELIDO else f"{achado[:TAMANHO_DO_APELIDO]}…"
