"""Trazer de volta um registro: achá-lo, escolher a versão e o que vem junto; daí em diante, a
conversa de toda restauração."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.base.palavras import como_se_diz, em_linhas, na_tela, numero, plural, visivel
from cofre.base.perguntas import NAO, SIM, Voltar
from cofre.base.selecao import interpretar_numeros
from cofre.busca import palavras
from cofre.busca.chaves import escrever_chave
from cofre.busca.historico import Registro
from cofre.busca.procura import Achados
from cofre.deposito.backup import Backup
from cofre.deposito.guardados import lembrados_de
from cofre.deposito.inventario import EmpresaComBackups
from cofre.plano.alvo import VOLTAR, Alvo
from cofre.plano.recorte import Parte, PorChave, Registros, chave_escrita
from cofre.restauracao import ajudas, telas
from cofre.restauracao.conversa import Conversa
from cofre.restauracao.ligados import Ligados, ligados_a
from cofre.restauracao.restauracao import Restauracao
from cofre.restauracao.sessao import Sessao
from cofre.restauracao.versoes import Juntos, a_melhor, versoes_de

MOSTRADOS = 12
"""Registros, e versões, que deixam ver a pergunta num terminal de 24 linhas."""

Achar = Callable[[EmpresaComBackups, Sequence[str]], Achados]
"""Procura palavras nos backups de uma empresa. Levanta ErroDeUso."""


@dataclass(frozen=True, slots=True)
class PorRegistro:
    """Uma ida por este caminho. `volta`: se há pergunta antes da primeira, a que se volte."""

    sessao: Sessao
    conversa: Conversa
    achar: Achar
    volta: bool = False

    @property
    def pergunta(self) -> bool:
        """Se há quem responda."""
        return not (self.sessao.opcoes.confirmar or self.sessao.opcoes.simular)

    def restaurar(self, guardada: EmpresaComBackups, ditas: Sequence[str]) -> int:
        """Do que se procura (as palavras `ditas`; nenhuma: pergunta-se) ao fim. Devolve o código de
        saída. Levanta Voltar, NadaEncontrado, ErroDeUso, Cancelada e o que a conversa levanta."""
        perguntadas = not ditas and self.pergunta and not self._ha_filtro
        while True:
            achados = self._perguntar(guardada) if perguntadas else self._achados(guardada, ditas)
            try:
                return self._dos_achados(guardada, achados, volta=perguntadas or self.volta)
            except Voltar:
                if not perguntadas:
                    raise

    @property
    def _ha_filtro(self) -> bool:
        opcoes = self.sessao.opcoes
        return bool(opcoes.campo or opcoes.chave)

    def _dos_achados(self, guardada: EmpresaComBackups, achados: Achados, *, volta: bool) -> int:
        while True:
            registros = self._quais(achados, volta=volta)
            try:
                return self._de_uma_versao(guardada, registros)
            except Voltar:
                if not self.pergunta:
                    raise

    def _de_uma_versao(self, guardada: EmpresaComBackups, registros: Sequence[Registro]) -> int:
        while True:
            versao = self._versao(guardada, registros)
            tabelas = tuple(dict.fromkeys(r.tabela for r in registros))
            try:
                return self.conversa.restaurar(
                    guardada, versao.ate, tabelas, VOLTAR, self._recortar(registros, versao)
                )
            except Voltar:
                self.sessao.desconectar()
                if self.sessao.opcoes.backup:
                    raise  # a versão veio por opção: a pergunta de antes é a dos registros

    # -- quais -------------------------------------------------------------------------------

    def _perguntar(self, guardada: EmpresaComBackups) -> Achados:
        """Pergunta o que procurar, até achar algo. Levanta Cancelada ou Voltar."""
        relato, perguntas = self.sessao.relato, self.sessao.dialogo.perguntas
        while True:
            dita = perguntas.resposta(
                "O que procurar (nome, telefone, CPF…): ", ajudas.PROCURAR, volta=self.volta
            )
            if dita:
                try:
                    return self._achados(guardada, [dita])
                except NadaEncontrado as e:
                    relato.linha(f"   {e}")
            perguntas.explicar("Um pedaço do nome, ou os últimos números do telefone, bastam.")

    def _achados(self, guardada: EmpresaComBackups, ditas: Sequence[str]) -> Achados:
        """O que se acha, a começar pelo que sumiu. Levanta NadaEncontrado."""
        with self.sessao.relato.acompanhando("Procurando nos backups"):
            achados = self.achar(guardada, ditas)
        if not achados.registros:
            raise NadaEncontrado(
                f"Nada encontrado nos backups de {visivel(guardada.empresa.nome)}.",
                "Procure por menos palavras, ou por outra: um pedaço do nome, os últimos números"
                " do telefone.",
            )
        em_ordem = sorted(achados.registros, key=lambda r: r.existe)
        return replace(achados, registros=tuple(em_ordem))

    def _quais(self, achados: Achados, *, volta: bool) -> list[Registro]:
        """Os escolhidos. Levanta ErroDeUso, se não há quem responda e são vários; Cancelada ou
        Voltar."""
        todos = achados.registros
        if not self.pergunta:
            if len(todos) > 1:
                raise ErroDeUso(
                    f"{plural(len(todos), 'registro', 'registros')} assim, e só pode ser um.",
                    "\n".join(map(_como_dizer, todos[:MOSTRADOS])),
                )
            return list(todos)
        self._mostrar(achados)
        perguntas = self.sessao.dialogo.perguntas
        unico = len(todos) == 1
        pergunta = "É este? [Enter] " if unico else "Qual deles (ex: 1 ou 1,3-5)? "
        while True:
            resposta = perguntas.resposta(pergunta, ajudas.REGISTRO, volta=volta)
            if unico and resposta.lower() in ("", *SIM):
                return list(todos)
            try:
                escolhidos = interpretar_numeros(resposta, min(len(todos), MOSTRADOS))
                return [todos[n] for n in escolhidos]
            except ErroDeUso as e:
                perguntas.explicar(f"{e} ? explica, q sai.")

    def _mostrar(self, achados: Achados) -> None:
        relato, largura = self.sessao.relato, self.sessao.relato.largura
        relato.linha()
        relato.linha("🔎 ENCONTRADOS NOS BACKUPS")
        for n, registro in enumerate(achados.registros[:MOSTRADOS], 1):
            relato.reservado(em_linhas(f"{n}. {palavras.em_uma_linha(registro)}", largura, 3))
            for frase in palavras.o_que_foi_dele(registro):
                relato.linha(em_linhas(f"   {frase}", largura, 3))
        if (mais := len(achados.registros) - MOSTRADOS) > 0 or achados.ha_mais:
            ao_menos = "ao menos " if achados.ha_mais else ""
            relato.linha(
                f"   (e {ao_menos}mais {numero(mais)}: diga mais uma palavra, ou --tabela)"
            )
        relato.linha()

    # -- quando ------------------------------------------------------------------------------

    def _versao(self, guardada: EmpresaComBackups, registros: Sequence[Registro]) -> Juntos:
        """A escolhida. Levanta NadaEncontrado, Cancelada ou Voltar."""
        backups = guardada.backups
        versoes = versoes_de(backups, registros)
        if not versoes:
            raise NadaEncontrado(
                "Nenhum backup tem todos esses registros.", "Traga de volta um de cada vez."
            )
        if self.sessao.opcoes.backup:
            return self._a_do_backup(guardada, versoes)
        melhor = a_melhor(backups, registros, versoes)
        if not self.pergunta:
            return versoes[melhor]
        # Da mais nova à mais antiga, a começar pela que se oferece.
        oferecidas = list(reversed(versoes))
        melhor = len(versoes) - 1 - melhor
        self._mostrar_versoes(registros, oferecidas, melhor)
        return self._escolher_versao(registros, oferecidas, melhor)

    def _a_do_backup(self, guardada: EmpresaComBackups, versoes: Sequence[Juntos]) -> Juntos:
        backup = self.sessao.backup(guardada, self.sessao.opcoes.backup)
        ordem = {b.carimbo: n for n, b in enumerate(lembrados_de(guardada.backups))}
        n = ordem[backup.carimbo]
        for versao in versoes:
            if ordem[versao.desde.carimbo] <= n <= ordem[versao.ate.carimbo]:
                return Juntos(versao.linhas, versao.desde, backup)
        raise NadaEncontrado(
            f"O backup de {na_tela(backup.quando)} não tem o que se procura.",
            "Sem --backup, vale a última versão de antes de sumir ou de mudar.",
        )

    def _mostrar_versoes(
        self, registros: Sequence[Registro], oferecidas: Sequence[Juntos], melhor: int
    ) -> None:
        relato, largura = self.sessao.relato, self.sessao.relato.largura
        quais = palavras.nome(registros[0], curta=True)
        de_quem = quais if len(registros) == 1 else f"{numero(len(registros))} registros"
        relato.linha()
        relato.reservado(em_linhas(f"📜 VERSÕES DE {de_quem}", largura, 3))
        for n, versao in enumerate(oferecidas[:MOSTRADOS]):
            marca = "  ← a que se oferece" if n == melhor else ""
            relato.linha(f"{n + 1}. {versao.datas}{marca}")
            if n + 1 < len(oferecidas) and len(registros) == 1:
                mudou = versao.o_que_mudou(oferecidas[n + 1])
                relato.reservado(em_linhas(f"   {mudou}", largura, 3))
        if (mais := len(oferecidas) - MOSTRADOS) > 0:
            relato.linha(f"   (e mais {numero(mais)}, de antes: --backup diz a data)")
        relato.linha()

    def _escolher_versao(
        self, registros: Sequence[Registro], oferecidas: Sequence[Juntos], melhor: int
    ) -> Juntos:
        perguntas = self.sessao.dialogo.perguntas
        quantas = min(len(oferecidas), MOSTRADOS)
        while True:
            resposta = perguntas.resposta(
                f"Qual versão? [Enter: {melhor + 1}] ", ajudas.VERSAO, volta=True
            )
            posicoes = [melhor]
            if resposta:
                try:
                    posicoes = list(interpretar_numeros(resposta, quantas))
                except ErroDeUso as e:
                    perguntas.explicar(f"{e} ? explica, q sai.")
                    continue
            if len(posicoes) > 1:
                perguntas.explicar("Só uma versão pode voltar; ? explica, q sai.")
            elif self._presta(oferecidas[posicoes[0]].ate, registros):
                return oferecidas[posicoes[0]]

    def _presta(self, backup: Backup, registros: Sequence[Registro]) -> bool:
        exame = self.sessao.dialogo.exames.de(backup)
        danos = exame.danos_em([r.tabela for r in registros])
        for linha in telas.danos(danos, presta=False) if danos else ():
            self.sessao.relato.linha(linha)
        return not danos

    # -- o que vem junto ---------------------------------------------------------------------

    def _recortar(
        self, registros: Sequence[Registro], versao: Juntos
    ) -> Callable[[Restauracao, Alvo], Alvo]:
        """Quem faz, do alvo inteiro, o recorte destes registros e do que vem junto."""

        def recortar(restauracao: Restauracao, alvo: Alvo) -> Alvo:
            chaves: dict[str, set[tuple[str, ...]]] = {}
            for registro, linha in zip(registros, versao.linhas, strict=True):
                chave = alvo.escopo[registro.tabela].tabela.chave
                chaves.setdefault(registro.tabela, set()).add(chave_escrita(linha, chave))
            fatias = {n: PorChave((Parte(frozenset(suas)),)) for n, suas in chaves.items()}
            so_eles = replace(alvo, recorte=Registros(fatias))
            if self.sessao.opcoes.sem_ligados:
                return so_eles
            return self._com_ligados(restauracao, so_eles, de_varios=len(registros) > 1)

        return recortar

    def _com_ligados(self, restauracao: Restauracao, alvo: Alvo, *, de_varios: bool) -> Alvo:
        relato, sadias = self.sessao.relato, self.sessao.usado.sadias
        with (
            relato.acompanhando("Procurando o que vem junto"),
            restauracao.fotografando(alvo) as (foto, _plano),
        ):
            ligados = ligados_a(alvo, foto.arquivos, sadias, restauracao.via.existentes)
        self.conversa.juntar_ao_documento(ligados=ligados.documento())
        if not ligados.juntos:
            return alvo
        self._dizer_ligados(ligados, de_varios=de_varios)
        return ligados.alvo if self._quer(de_varios=de_varios) else alvo

    def _dizer_ligados(self, ligados: Ligados, *, de_varios: bool) -> None:
        relato = self.sessao.relato
        relato.linha()
        relato.linha(f"🔗 JUNTO COM {'ELES' if de_varios else 'ELE'}, no backup (e hoje não)")
        for junto in ligados.juntos:
            dito = f"   • {junto.em_palavras(de_varios=de_varios)}"
            relato.reservado(em_linhas(dito, relato.largura, 5))

    def _quer(self, *, de_varios: bool) -> bool:
        """Se vem junto: pela opção, ou perguntando; sem quem responda, só se a opção o diz."""
        if self.sessao.opcoes.com_ligados:
            return True
        if not self.pergunta:
            self.sessao.relato.linha("   (--com-ligados traz também isso)")
            return False
        perguntas = self.sessao.dialogo.perguntas
        so = "só eles" if de_varios else "só ele"
        while True:
            resposta = perguntas.resposta(
                f"Trazer tudo isso junto? [Enter; n traz {so}] ", ajudas.LIGADOS, volta=True
            )
            if resposta.lower() in ("", *SIM):
                return True
            if resposta.lower() in NAO:
                return False
            perguntas.explicar("Responda Enter (ou s) ou n; ? explica, q sai.")


def _como_dizer(registro: Registro) -> str:
    """As opções que dizem este registro, e só ele."""
    chave = f" --chave {escrever_chave(registro.chave)}" if registro.colunas else ""
    return f"--tabela {visivel(como_se_diz(registro.tabela))}{visivel(chave)}"
