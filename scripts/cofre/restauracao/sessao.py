"""Uma execução da restauração: o que foi aberto e escolhido."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cofre.base.config.chave import conferir_que_escreve
from cofre.base.config.valores import Configuracao
from cofre.base.disco import erros_de_disco
from cofre.base.modelo import ARQUIVOS
from cofre.deposito import inventario
from cofre.deposito.backup import Backup, completo
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import EmpresaComBackups
from cofre.deposito.lacre.faltas import Faltas
from cofre.deposito.retrato import Retrato, um_retrato
from cofre.deposito.trava import Trava, esperar
from cofre.deposito.verificacao import danos_do_lacre, recusar_danificado
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.foto.empresa import de_hoje_e_do_backup
from cofre.foto.fontes import armazem_de, fontes_de
from cofre.foto.fontes import fechar as fechar_fontes
from cofre.foto.foto import Contexto, Fonte, Pedido
from cofre.foto.fotografo import Fotografo
from cofre.plano import herdadas
from cofre.plano.alvo import com_textos_de
from cofre.plano.herdadas import Herdadas
from cofre.restauracao.apresentacao import Apresentacao
from cofre.restauracao.arquivos.lista import DoStorage, ListaDeArquivos
from cofre.restauracao.dialogo import Dialogo
from cofre.restauracao.diarios import Diarios
from cofre.restauracao.escolha import Escolha, tabelas_pedidas
from cofre.restauracao.exame import Exame, Exames
from cofre.restauracao.guarda import Guarda, Marcas, RelatoComGuarda, marcas
from cofre.restauracao.listas import Lista, com_listas
from cofre.restauracao.oferta import oferecer
from cofre.restauracao.restauracao import Restauracao
from cofre.restauracao.trabalho import Ninguem, Vigia
from cofre.restauracao.trazidas import recusar_anonimizadas
from cofre.restauracao.vocabulario import CLONAR, RESTAURAR
from cofre.via.abrir import abrir_via
from cofre.via.arquivos.armazem import Armazem
from cofre.via.contrato import API, Via


class Sessao:
    """Uma execução da restauração: o que foi aberto e escolhido."""

    def __init__(
        self,
        opcoes: Namespace,
        relato: RelatoComGuarda,
        configuracao: Configuracao,
        deposito: Deposito,
        retrato: Retrato,
    ) -> None:
        """`retrato`: o da pasta, de há pouco: para a primeira vez que se perguntam as empresas."""
        self.opcoes = opcoes
        self.relato = relato
        self.deposito = deposito
        self.ao_conectar: Callable[[Restauracao], None] = lambda _restauracao: None
        """O que ainda se confere depois de se conhecer o projeto, antes de se planejar."""
        self.vigia: Vigia = Ninguem()
        self.configuracao = configuracao
        self._retrato: Retrato | None = retrato
        self._parar = threading.Event()
        self._pilha = contextlib.ExitStack()
        self._via: Via | None = None
        self._abertas: tuple[Fonte, ...] = ()
        self._armazem: Armazem | None = None
        self._pasta: Path | None = None
        self._diarios_de_antes: Marcas = {}
        self.diarios = Diarios(relato, self.guardadas, self.trava)
        escolhe = opcoes.acao == "registro" or (opcoes.acao is None and not opcoes.empresa)
        pergunta = not (opcoes.confirmar or opcoes.simular)
        quem = Apresentacao(relato, opcoes.codigo_do_lacre or "", pergunta)
        palavras = CLONAR if getattr(opcoes, "para", None) else RESTAURAR
        self.dialogo = Dialogo(relato, Exames(quem.apresentar), escolhe, palavras)
        self.restauracao: Restauracao
        self.usado: Exame

    def fechar(self) -> None:
        """Encerra conexões e fios, e solta a empresa."""
        self._parar.set()
        self._pilha.close()
        self.desconectar()

    def desconectar(self) -> None:
        """Fecha a via e solta a empresa, se se conectou: pode-se conectar outra vez."""
        via, self._via = self._via, None
        fontes, self._abertas = self._abertas, ()
        fechar_fontes(fontes)
        armazem, self._armazem = self._armazem, None
        if armazem is not None:
            armazem.fechar()
        guarda, self.relato.guarda = self.relato.guarda, None
        if via is not None:
            via.fechar()
        if guarda is not None:
            guarda.soltar()

    @property
    def restaurou(self) -> bool:
        """Se algum diário nasceu ou mudou nesta execução."""
        return self._pasta is not None and marcas(self._pasta) != self._diarios_de_antes

    def guardadas(self, empresa: str | None) -> list[EmpresaComBackups]:
        """As empresas com backup (a pedida, se dita)."""
        retrato, self._retrato = self._retrato, None
        with um_retrato(retrato):
            return inventario.guardadas(self.deposito, (empresa,) if empresa else ())

    def escolher(
        self,
        guardada: EmpresaComBackups,
        carimbo: str | None,
        nomes: tuple[str, ...] | None,
        escolha: Escolha | None = None,
    ) -> tuple[Backup, tuple[str, ...]]:
        """De que backup e quais tabelas: pelas opções (a `escolha`, se é de uma parte delas), ou
        perguntando. Levanta NadaEncontrado, ErroDeUso ou Cancelada."""
        if escolha is None:
            return self._escolher(guardada, carimbo, nomes)
        backup, tabelas = self._escolher(guardada, carimbo, nomes or escolha.nomes)
        return backup, escolha.tabelas(backup, tabelas)

    def _escolher(
        self, guardada: EmpresaComBackups, carimbo: str | None, nomes: tuple[str, ...] | None
    ) -> tuple[Backup, tuple[str, ...]]:
        if nomes or self.opcoes.empresa:
            pedidas = nomes or ()
            pedido = self.backup(guardada, carimbo) if carimbo else None
            backup = pedido or self._oferecido(guardada, pedidas)
            return backup, tabelas_pedidas(pedidas, backup)
        if carimbo:
            return self.dialogo.tabelas(guardada, self.backup(guardada, carimbo))
        return self.dialogo.tabelas_do_melhor(guardada)

    def _oferecido(self, guardada: EmpresaComBackups, nomes: tuple[str, ...]) -> Backup:
        """O que se usa sem --backup. Com a palavra já dada (ou a simular) não há a quem perguntar:
        é sempre o mais novo, como quem escreveu o comando espera, e do estrago se avisa."""
        oferta = oferecer(guardada, nomes)
        if oferta.anterior and not (self.opcoes.confirmar or self.opcoes.simular):
            return self.dialogo.antes_do_estrago(oferta, oferta.anterior)
        if oferta.estrago:
            self.relato.aviso(oferta.aviso)
        return oferta.backup

    def backup(self, guardada: EmpresaComBackups, carimbo: str) -> Backup:
        """O deste carimbo. Levanta ErroDeUso."""
        return inventario.backup_pedido(guardada, carimbo)

    def trava(self, guardada: EmpresaComBackups) -> Trava:
        """A da empresa, por tomar, esperando o que se disse."""
        espera = esperar(self.opcoes.esperar, self.relato, self._parar)
        return self.deposito.trava_da_empresa(guardada.empresa, espera)

    def prender(self, guardada: EmpresaComBackups, *backups: Backup) -> None:
        """Prende a empresa, se ela ainda está como se leu e os backups são os que se escolheram.
        Levanta o que `Guarda.prender` levanta."""
        trava = self.trava(guardada)
        self.relato.guarda = Guarda(trava, guardada.pasta, self.diarios.vistas, backups)
        self.relato.guarda.prender()

    def conectar(
        self,
        guardada: EmpresaComBackups,
        backup: Backup,
        tabelas: Sequence[str],
        *outros: Backup,
    ) -> Restauracao:
        """Prende a empresa, confere no backup estas tabelas e diz o que há de errado com as outras,
        abre a via e inspeciona o projeto. Os `outros` são os de que também se vai precisar. Levanta
        BackupDanificado, FalhaDoServidor, ConfiguracaoInvalida, RestauracaoRecusada ou como
        `prender`."""
        recusar_anonimizadas(self.configuracao, (backup, *outros))
        self.cifrar_como(*map(completo, (backup, *outros)))
        self.prender(guardada, backup, *outros)
        self._conferir(guardada, backup, tabelas)
        for outro in outros:
            self.dialogo.exames.conhecer(outro)
            recusar_danificado(guardada, outro, danos_do_lacre(outro), "outra data")
        self._pasta, self._diarios_de_antes = guardada.pasta, marcas(guardada.pasta)
        for aviso in self.configuracao.avisos:
            self.relato.aviso(aviso)
        via = self._via = abrir_via(self.opcoes, self.configuracao, self._parar, self.relato)
        if via.nome == API:
            conferir_que_escreve(via.origem)
        inspecao = via.inspecionar(self.configuracao.regras)
        self.relato.detalhe(f"ℹ️ Servidor: {inspecao.catalogo.servidor or 'não diz a versão'}")
        escopo = via.com_nao_gravaveis(inspecao.escopo)
        for falha in escopo.sem_resposta.values():
            raise falha  # sem o saber, o plano quereria gravar o que o banco gera
        escopo = replace(escopo, tabelas=com_textos_de(escopo.tabelas, (backup, *outros)))
        empresa = de_hoje_e_do_backup(guardada.empresa, backup, inspecao)
        inspecao.donos.lembrar(empresa)
        contexto = Contexto(Pedido(tipo="pre_restauracao"), inspecao, escopo, self.configuracao)
        fontes, listas = self._fontes(via, tabelas)
        com_elas = com_listas(via, listas)
        regras = self.configuracao.regras
        fotografo = Fotografo(com_elas, self.deposito, regras, self.relato, fontes, seguidas=True)
        das_filhas = self._herdadas(backup, escopo.tabelas)
        self.restauracao = Restauracao(
            com_elas, fotografo, contexto, self.relato, empresa, das_filhas, listas
        )
        self.ao_conectar(self.restauracao)
        return self.restauracao

    def armazem(self) -> Armazem | None:
        """O Storage do projeto com que se conectou, para olhar o que nele há; None se não se quer
        (BACKUP_ARQUIVOS=nao)."""
        if self.configuracao.arquivos.quer is False or self._via is None:
            return None
        if self._armazem is None:
            self._armazem = armazem_de(
                self.opcoes, self.configuracao, self._via, self._parar, self.relato
            )
        return self._armazem

    def _fontes(
        self, via: Via, tabelas: Sequence[str]
    ) -> tuple[tuple[Fonte, ...], dict[str, Lista]]:
        """As fontes das listas, e quem as escreve. Os arquivos só se leem se se querem de volta: e
        então pediram-se pelo nome, e o BACKUP_ARQUIVOS não conta."""
        querem = ARQUIVOS in tabelas
        arquivos = replace(self.configuracao.arquivos, quer=querem)
        configuracao = replace(self.configuracao, arquivos=arquivos)
        todas = fontes_de(self.opcoes, configuracao, via, self._parar, self.relato)
        fontes = self._abertas = tuple(f for f in todas if f.nome != ARQUIVOS or querem)
        listas: dict[str, Lista] = {}
        for fonte in fontes:
            if isinstance(fonte, DoStorage) and fonte.armazem.cliente is not None:
                lista = ListaDeArquivos(fonte, self.relato, self.opcoes.conexoes, self._parar)
                listas[ARQUIVOS] = lista
        return fontes, listas

    @property
    def para_as_fotos(self) -> tuple[ChaveQueFecha, ...]:
        """As chaves que fecham as fotos desta restauração; nenhuma, se não se cifra."""
        return self.deposito.cifra.para if self.deposito.cifra else ()

    def cifrar_como(self, *backups: Backup) -> None:
        """O que sai de um cifrado não fica em claro: sem chaves no .env, as fotos desta restauração
        vão para as dele."""
        para = next((b.para for b in backups if b.cifrado), ())
        if para and self.deposito.cifra is None:
            self.deposito.cifra = Cifra(para)

    def conferir_outro(
        self, guardada: EmpresaComBackups, backup: Backup, tabelas: Sequence[str]
    ) -> None:
        """Confere estas tabelas de um backup de que também se precisa. Levanta BackupDanificado."""
        exame = self.dialogo.exames.de(backup)
        danos = exame.danos_em(tabelas)
        recusar_danificado(guardada, backup, danos, "outra data", exame.sadias)

    def _herdadas(self, backup: Backup, escopo: Mapping[str, TabelaNoEscopo]) -> Herdadas:
        """As linhas de cada tabela que herda, só na sua; o que se escreve para isso some ao fechar.
        Levanta BackupDanificado ou FalhaDeDisco."""
        if not herdadas.ha(backup, escopo):
            return herdadas.NENHUMA
        pasta = Path(self._pilha.enter_context(tempfile.TemporaryDirectory(prefix="cofre_")))
        with erros_de_disco(pasta):
            return herdadas.separar(backup, escopo, pasta)

    def _conferir(
        self, guardada: EmpresaComBackups, backup: Backup, tabelas: Sequence[str]
    ) -> None:
        exame = self.usado = self.dialogo.exames.de(backup)
        danos, escolher = exame.danos_em(tabelas), "d no menu, ou --backup"
        recusar_danificado(guardada, backup, danos, escolher, exame.sadias)
        faltas = Faltas.de(guardada.pasta, guardada.empresa.id)
        for aviso in (*exame.avisos(tabelas), *filter(None, [faltas.aviso])):
            self.relato.aviso(aviso)
