"""O backup em palavras: os textos e a ordem do manual, que os usuários já conhecem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cofre.backup.resumo import Resultado, Resumo
from cofre.base.comandos import BACKUP, comando
from cofre.base.config.valores import Regras
from cofre.base.erros import ErroCofre
from cofre.base.modelo import ARQUIVOS, JSON, JSONB, LISTAS, ordem_de_exibicao
from cofre.base.palavras import (
    como_se_diz,
    duracao,
    na_tela,
    numero,
    plural,
    tamanho,
    visivel,
)
from cofre.base.relato import Relato
from cofre.deposito.carimbo import momento
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.foto.divergencias import divergencias
from cofre.foto.storage.relacao import DeNinguem
from cofre.via.contrato import API, Inspecao
from cofre.via.leitura import EM_PARTE, IGUAL, INTEIRA

DITOS = 5
"""Empresas de que se dizem os comandos."""


@dataclass(frozen=True, slots=True)
class Narracao:
    """Conta uma execução do backup a um relato; a `via` é o nome dela."""

    relato: Relato
    via: str

    def comeco(self, avisos: Sequence[str]) -> None:
        """Antes do primeiro pedido; `avisos` são os da configuração."""
        self.relato.linha("🚀 Iniciando backup isolado por empresa...")
        for aviso in avisos:
            self.relato.aviso(aviso)

    def projeto(self, inspecao: Inspecao, regras: Regras, total: int) -> None:
        """O que se achou no projeto e o que fica de fora, uma vez só."""
        linha, catalogo, empresas = self.relato.linha, inspecao.catalogo, inspecao.empresas
        self.relato.detalhe(f"ℹ️ Servidor: {catalogo.servidor or 'não diz a versão'}")
        linha(f"📊 Total de empresas: {numero(total)}")
        existem = {*catalogo.tabelas, *catalogo.visoes, *catalogo.ocultas}
        for nome in sorted({*regras.ignorar, *regras.tabelas} - existem):
            self.relato.aviso(f"O cofre.toml cita «{visivel(nome)}», que este banco não mostra.")
        for nome in sorted(regras.promessas):
            if not any(nome.casefold() == e.id.casefold() or e.chama_se(nome) for e in empresas):
                self.relato.aviso(
                    f"O cofre.toml promete algo de «{visivel(nome)}», e nenhuma empresa tem esse"
                    " nome, nem esse id."
                )
        if not catalogo.completo:
            self.relato.aviso(
                "A API não descreve as suas tabelas: só as 13 conhecidas foram procuradas, pelo"
                " nome, com a chave «id»."
            )
        if catalogo.ausentes:
            linha(f"ℹ️ Este banco não tem: {', '.join(catalogo.ausentes)}")
        if inspecao.escopo.de_fora:
            linha("ℹ️ Ficam de fora do backup:")
        for fora in inspecao.escopo.de_fora:
            linha(f"   • {visivel(fora.tabela)}: {_recuado(fora.motivo, 5)}")
            if fora.sugestao:
                linha("     se for de uma empresa, no cofre.toml:")
                linha(f"       {_recuado(fora.sugestao, 7)}")

    def ja_copiadas(self, quantas: int) -> None:
        """Quantas empresas a execução que continua já tinha copiado."""
        if quantas:
            ja = plural(quantas, "empresa já estava copiada", "empresas já estavam copiadas")
            self.relato.linha(f"⏭️ {ja} quando o backup parou")

    def empresa(self, resultado: Resultado) -> None:
        """O bloco de uma empresa na tela."""
        linha = self.relato.linha
        if resultado.igual_a and not resultado.encolhimentos:
            desde = na_tela(momento(resultado.igual_a), "minuto")
            linha(f"💤 {visivel(resultado.empresa.nome)}: nada mudou desde o backup de {desde}")
            return
        tudo_bem = resultado.inteira and not (
            resultado.encolhimentos or resultado.mudancas or resultado.divergiram
        )
        cabecalho = linha if tudo_bem else self.relato.falha
        linha()
        cabecalho(f"🏢 Empresa: {visivel(resultado.empresa.nome)}")
        for nome in sorted({*resultado.tabelas, *resultado.falhas}, key=ordem_de_exibicao):
            if nome in resultado.falhas:
                self._falha(f"{visivel(como_se_diz(nome))}:", resultado.falhas[nome])
            elif nome == ARQUIVOS:
                self._arquivos(resultado.tabelas[nome])
            elif nome in LISTAS:
                linha(f"   ✅ {como_se_diz(nome)}: {numero(resultado.tabelas[nome].registros)}")
            else:
                quantos = plural(resultado.tabelas[nome].registros, "registro", "registros")
                linha(f"   ✅ {visivel(como_se_diz(nome))}: {quantos}")
                self._inexata(resultado.tabelas[nome])
        for c in resultado.contradicoes:
            quantos = plural(c.quantidade, "registro aponta", "registros apontam")
            exemplos = visivel(", ".join(c.exemplos))
            linha(
                f"   ⚠️ {visivel(c.tabela)}: {quantos} para fora da empresa"
                f" ({visivel(c.por)}; {exemplos})"
            )
        if not resultado.instantanea:
            linha("   ⚠️ Consistência parcial: os dados mudavam sem parar durante a leitura.")
        if resultado.notado.restauracao_por_concluir:
            linha(
                "   ⏸️ Feito com uma restauração por concluir: não é o que se oferece ao restaurar."
            )
        for encolhimento in resultado.encolhimentos:
            self.relato.falha(f"   📉 {encolhimento.em_palavras}")
        for mudanca in resultado.mudancas:
            self.relato.falha(f"   🔁 {mudanca.em_palavras}")
        for divergencia in divergencias(resultado.divergiram):
            self.relato.falha(f"   ❌ {divergencia}")
        self._lidas(resultado)
        self._desfecho(resultado)

    def _arquivos(self, lista: TabelaSalva) -> None:
        """Os arquivos do Storage, e os que ficaram de fora."""
        notas = lista.notas
        novos = plural(int(notas.get("novos", 0)), "novo", "novos")
        quantos = f"{numero(lista.registros)} ({tamanho(int(notas.get('bytes', 0)))}, {novos})"
        self.relato.linha(f"   ✅ {como_se_diz(ARQUIVOS)}: {quantos}")
        for motivo, quantas in notas.get("de_fora", {}).items():
            fora = plural(quantas, "fica de fora", "ficam de fora")
            self.relato.linha(f"   ⚠️ {como_se_diz(ARQUIVOS)}: {fora}: {visivel(motivo)}")
        for dito in notas.get("de_fora_exemplos", ()):
            self.relato.reservado(f"      {visivel(dito['balde'])}/{visivel(dito['nome'])}")

    def _lidas(self, resultado: Resultado) -> None:
        """Para o log: de quantas tabelas se leu tudo."""
        como = Counter(t.leitura.get("como", INTEIRA) for t in resultado.tabelas.values())
        if como[IGUAL] or como[EM_PARTE]:
            self.relato.detalhe(
                f"   ℹ️ Tabelas iguais às de antes: {como[IGUAL]}; lidas em parte:"
                f" {como[EM_PARTE]}; inteiras: {como[INTEIRA]}"
            )

    def _inexata(self, tabela: TabelaSalva) -> None:
        """O que já se sabe que pode não voltar como era."""
        if tabela.registros and not tabela.exata:
            quais = visivel(", ".join(tabela.sem_prova)) or "o que tem"
            self.relato.linha(
                f"   ⚠️ {visivel(tabela.nome)}: não se prova que guarda tudo de {quais}"
            )
        por_coluna = tabela.textos.por_coluna if tabela.textos and self.via == API else {}
        json = {c: n for c, n in por_coluna.items() if tabela.tipos.get(c) in (JSON, JSONB)}
        if json:
            quais = visivel(", ".join(f"{coluna} ({numero(n)})" for coluna, n in json.items()))
            self.relato.linha(
                f"   ⚠️ {visivel(tabela.nome)}: guarda valores de {quais} que a API não grava como"
                " eram; a conexão direta grava"
            )

    def _desfecho(self, resultado: Resultado) -> None:
        linha = self.relato.linha
        if resultado.impedida:
            self._falha("Backup não concluído:", resultado.impedida)
        elif resultado.igual_a:
            desde = na_tela(momento(resultado.igual_a), "minuto")
            linha(f"   💤 Nada mudou desde o backup de {desde}")
        elif not resultado.carimbo:
            self.relato.falha("   ❌ Backup não concluído: nenhuma tabela pôde ser lida")
        elif resultado.inteira:
            linha(f"   ✅ Backup concluído: {resultado.pasta}/")
        else:
            self.relato.falha(f"   ⚠️ Backup incompleto: {resultado.pasta}/")
        if resultado.lacre:
            linha(f"   🔏 Lacre nº {numero(resultado.lacre)}")

    def _falha(self, o_que: str, erro: ErroCofre) -> None:
        self.relato.falha(f"   ❌ {o_que} {visivel(str(erro))}")
        for cura in erro.dica.splitlines():
            self.relato.falha(f"      {cura}")

    def fim(self, resumo: Resumo) -> None:
        linha = self.relato.linha
        linha()
        linha("📦 Resumo")
        qual = "das tabelas pedidas" if resumo.so_algumas else "completo"
        inteiras = f"{numero(resumo.inteiras)} de {numero(resumo.empresas)} com backup {qual}"
        linha(f"   Empresas: {inteiras}")
        if resumo.iguais:
            linha(f"   Sem mudança desde o último backup: {numero(resumo.iguais)}")
        linha(f"   Registros: {numero(resumo.registros)}")
        linha(f"   Tamanho: {tamanho(resumo.bytes)}")
        linha(f"   Tempo: {duracao(resumo.segundos)}")
        if resumo.instante is not None:
            linha(f"   De um só instante: {na_tela(resumo.instante.em, 'segundo')}")
        if resumo.lacres:
            linha(f"   Lacres: {numero(len(resumo.lacres))}, código {resumo.codigo_dos_lacres}")
        for nome, quantas in resumo.sem_dono.items():
            quantos = plural(quantas, "registro", "registros")
            linha(
                f"   ⚠️ {visivel(nome)}: {quantos} sem empresa (dono nulo ou desconhecido), fora de"
                " todos os backups"
            )
        for balde, sobra in resumo.arquivos_sem_dono.items():
            self._sem_dono(balde, sobra)
        self._falhas(resumo.falhas)
        self._parece_ter_sumido(resumo)

    def _sem_dono(self, balde: str, sobra: DeNinguem) -> None:
        quantos = plural(sobra.quantos, "arquivo", "arquivos")
        disputa = f", {numero(sobra.disputados)} de mais de uma" if sobra.disputados else ""
        self.relato.linha(
            f"   ⚠️ balde {visivel(balde)}: {quantos} ({tamanho(sobra.bytes)}) sem empresa{disputa},"
            " fora de todos os backups"
        )
        mais = "..." if sobra.quantos > len(sobra.exemplos) else ""
        self.relato.reservado(f"      {visivel(', '.join(sobra.exemplos))}{mais}")

    def _falhas(self, falhas: Sequence[str]) -> None:
        linha = self.relato.linha
        if not falhas:
            linha("   Falhas: nenhuma")
            return
        linha(f"   Falhas: {numero(len(falhas))}")
        for falha in falhas:
            linha(f"   ❌ {falha}")

    def _parece_ter_sumido(self, resumo: Resumo) -> None:
        """O que encolheu, desapareceu ou mudou muito, e o que fazer: primeiro, o que traz de
        volta."""
        falha = self.relato.falha
        for resultado in resumo.encolhidas:
            oque = [
                visivel(como_se_diz(e.tabela)) or "a empresa inteira"
                for e in resultado.encolhimentos
            ]
            falha(f"   📉 {visivel(resultado.empresa.nome)}: encolheu ({', '.join(oque)})")
        for sumida in resumo.sumidas:
            quando = na_tela(momento(sumida.ultimo), "minuto")
            nome = visivel(sumida.empresa.nome)
            falha(f"   📉 {nome}: não está mais entre as empresas; último backup em {quando}")
        for resultado in resumo.mudadas:
            tabelas = ", ".join(m.em_resumo for m in resultado.mudancas)
            falha(f"   🔁 {visivel(resultado.empresa.nome)}: mudou muito ({tabelas})")
        retornos = resumo.retornos()
        if not retornos:
            return
        falha("   Se foi um acidente, os backups de antes continuam guardados. Volta com:")
        for de_volta in (c for r in retornos[:DITOS] for c in r.comandos):
            falha(f"   {de_volta}")
        reconhecer = [r.reconhecer for r in retornos[:DITOS] if r.reconhecer]
        if reconhecer:
            falha("   Se foi de propósito, diga que sim, e o aviso para:")
        for de_proposito in reconhecer:
            falha(f"   {de_proposito}")
        if len(retornos) > DITOS:
            mais = plural(len(retornos) - DITOS, "outra empresa", "outras empresas")
            falha(f"   O mesmo para {mais}: os backups de todas veem-se com")
            falha(f"   {comando(BACKUP, 'listar')}")


def _recuado(texto: str, espacos: int) -> str:
    return texto.replace("\n", "\n" + " " * espacos)
