"""Clonar: o backup levado ao depósito do destino, e a restauração que o põe no projeto dele."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofre.base.erros import NEM_TUDO_COMO_ERA, TUDO_CERTO, ErroCofre, RestauracaoRecusada
from cofre.base.modelo import ARQUIVOS, LISTAS, LOGINS, Empresa
from cofre.base.palavras import na_tela, visivel
from cofre.clone import esquema, numeracao
from cofre.clone.conferencia import Conferencia
from cofre.clone.destino import Destino, mesmo_projeto
from cofre.deposito.backup import Backup, completo
from cofre.deposito.conteudos import lugar
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import EmpresaComBackups, uma_a_uma
from cofre.deposito.metadados import CLONE
from cofre.deposito.traslado import Traslado, nome_sem_dizer
from cofre.deposito.verificacao import recusar_danificado
from cofre.restauracao.conversa import Conversa
from cofre.restauracao.exame import Exame
from cofre.restauracao.logins.faltam import NENHUM
from cofre.restauracao.restauracao import Restauracao
from cofre.restauracao.sessao import Sessao
from cofre.via.projeto import de_um_backup, identidades, trazida_para

if TYPE_CHECKING:
    from cofre.clone.anonimo.anonimizador import Anonimizador

ComChave = Callable[[Sessao, EmpresaComBackups], EmpresaComBackups]
"""A empresa com os backups cifrados abertos, e a chave das fotos que a sessão tirar."""


@dataclass(slots=True)
class Clonagem:
    """Uma empresa que se leva da sessão `daqui` à do destino, `la`."""

    daqui: Sessao
    la: Sessao
    destino: Destino
    com_chave: ComChave
    _anonimizador: Anonimizador | None = None
    _pilha: ExitStack = field(default_factory=ExitStack)

    @property
    def opcoes(self) -> Namespace:
        """As do destino."""
        return self.la.opcoes

    def clonar(
        self,
        guardada: EmpresaComBackups,
        backup: Backup,
        tabelas: tuple[str, ...],
        *,
        anonimizar: bool,
    ) -> int:
        """Leva estas tabelas da empresa, como estão neste backup ou anonimizadas. Devolve o código
        de saída. Levanta como uma restauração, e BackupDanificado."""
        backup = completo(backup)
        _recusar_da_primeira_versao(backup)
        self._conferir_origem(backup)
        # O que sai de um backup cifrado não fica em claro no destino; o anonimizado já não o é.
        self.la.cifrar_como(*([] if anonimizar else [backup]))
        da_mesma = guardada.empresa
        if anonimizar:
            da_mesma = Empresa(da_mesma.id, nome_sem_dizer(da_mesma.id))
        esta_la = self.com_chave(self.la, self._no_destino(da_mesma))
        conferencia = self._conferencia(backup, anonimizar=anonimizar)
        self.la.vigia = conferencia
        conversa = Conversa(self.la)
        pendente = self.la.diarios.pendente(esta_la)
        if pendente is not None and not self.opcoes.simular:
            return conversa.resolver(esta_la, pendente)
        self._apresentar(esta_la, backup)
        if anonimizar:
            self._avisar_das_verdadeiras(esta_la)
        exame = self.daqui.dialogo.exames.de(backup)
        recusar_danificado(guardada, backup, exame.danos_em(tabelas), "--backup", exame.sadias)
        if anonimizar:
            self._anonimizador = self._preparar(exame, tabelas)
        with self._pilha:
            copia, nova = self._trazer(guardada, esta_la, exame, tabelas)
            pasta = self.la.deposito.pasta_da_empresa(da_mesma.id)
            if nova:
                self._pilha.callback(self._largar_se_sobra, copia)
            self.la.ao_conectar = self._ao_conectar(conferencia, conversa, backup, copia)
            esta_la = replace(esta_la, pasta=pasta, backups=(copia,))
            codigo = conversa.restaurar(esta_la, copia, tabelas, self.opcoes.modo)
            if self.la.restaurou and codigo in (TUDO_CERTO, NEM_TUDO_COMO_ERA):
                self.la.relato.linha(f"✅ Em {visivel(self.destino.nome)}; daqui só se leu")
                numerar = numeracao.comandos(self.la.restauracao, copia)
                numeracao.dizer(self.la.relato, list(numerar))
            return codigo

    def _conferencia(self, backup: Backup, *, anonimizar: bool) -> Conferencia:
        assert backup.meta is not None
        return Conferencia(
            self.destino,
            self.daqui.configuracao,
            backup.meta,
            lambda: {g.empresa.id for g in uma_a_uma(self.daqui.deposito, so=1)},
            self.la.deposito,
            self.la.relato,
            self.opcoes.projeto,
            pergunta=not self.opcoes.confirmar,
            so_simula=self.opcoes.simular,
            anonimizada=anonimizar,
        )

    def _ao_conectar(
        self, conferencia: Conferencia, conversa: Conversa, backup: Backup, copia: Backup
    ) -> Callable[[Restauracao], None]:
        """O que se confere do destino, e o que o documento final diz a mais."""
        conversa.juntar_ao_documento(**self._documento(backup))

        def ao_conectar(restauracao: Restauracao) -> None:
            conferencia.conferir(restauracao)
            outros = list(esquema.diferencas(restauracao, copia))
            esquema.dizer(self.la.relato, outros)
            partilhadas = list(esquema.partilhadas(restauracao, copia))
            esquema.dizer_partilhadas(self.la.relato, partilhadas)
            conversa.juntar_ao_documento(
                esquema=[o.documento() for o in outros],
                partilhadas=partilhadas,
                numerar=list(numeracao.comandos(restauracao, copia)),
            )

        return ao_conectar

    def _preparar(self, exame: Exame, tabelas: Sequence[str]) -> Anonimizador:
        from cofre.clone.anonimo.preparo import preparar  # o Faker pesa

        regras = self.daqui.configuracao.regras.anonimizar
        with self.la.relato.acompanhando("Vendo o que anonimizar"):
            return preparar(exame.backup, self._que_vao(exame, tabelas), regras)

    # -- a cópia no destino ------------------------------------------------------------------

    def _no_destino(self, empresa: Empresa) -> EmpresaComBackups:
        """A empresa como o depósito do destino a tem."""
        pasta = self.la.deposito.pasta_da_empresa(empresa.id)
        todos = self.la.deposito.backups(pasta) if pasta.is_dir() else ()
        seus = tuple(b for b in todos if b.meta and b.meta.user_id == empresa.id)
        return EmpresaComBackups(empresa, pasta, seus)

    def _trazer(
        self,
        guardada: EmpresaComBackups,
        esta_la: EmpresaComBackups,
        exame: Exame,
        tabelas: Sequence[str],
    ) -> tuple[Backup, bool]:
        """A cópia do backup no depósito do destino, e se se fez agora. Só a simular, fica numa
        pasta que some."""
        backup = exame.backup
        with self.daqui.trava(guardada), self.la.trava(esta_la):
            trazidas = [b for b in reversed(esta_la.backups) if self._e_desta(b, backup)]
            trocar = self._anonimizador.trocar if self._anonimizador else None
            if igual := self._ja_trazida(exame, trazidas, tabelas):
                return igual, False
            traslado = Traslado(backup, self._que_vao(exame, tabelas), trocar)
            copia = traslado.para(self._onde(), self._marca(backup), trazidas)
        if self._anonimizador is not None:
            for linha in self._anonimizador.relatorio.linhas():
                self.la.relato.linha(linha)
        return copia, not any(copia.carimbo == t.carimbo for t in trazidas)

    def _ja_trazida(
        self, exame: Exame, trazidas: Sequence[Backup], tabelas: Sequence[str]
    ) -> Backup | None:
        """A que já lá está, inteira, do mesmo backup e com as mesmas tabelas. De uma anonimizada só
        se sabe depois de a refazer: as regras podem ser outras."""
        if self._anonimizador is not None:
            return None
        vao = {*self._que_vao(exame, tabelas)}
        mesmas = (b for b in trazidas if b.meta and b.meta.tabelas.keys() == vao)
        return next((b for b in mesmas if not self.la.dialogo.exames.de(b).danos), None)

    def _onde(self) -> Deposito:
        if not self.opcoes.simular:
            return self.la.deposito
        pasta = self._pilha.enter_context(tempfile.TemporaryDirectory(prefix="cofre_"))
        deposito = Deposito(Path(pasta), cifra=self.la.deposito.cifra, compactar=True)
        self._pilha.enter_context(deposito.trabalhando())
        return deposito

    def _que_vao(self, exame: Exame, tabelas: Sequence[str]) -> list[str]:
        """As tabelas, todas as sadias: as que não se escolheram ainda se podem somar. Das listas,
        só as que se querem."""
        querem = {LOGINS: self.opcoes.logins != (NENHUM,), ARQUIVOS: ARQUIVOS in tabelas}
        return [n for n in exame.sadias if n not in LISTAS or querem[n]]

    def _marca(self, backup: Backup) -> dict[str, Any]:
        meta = backup.meta
        assert meta is not None
        return {
            "url": str(meta.origem.get("url") or ""),
            "backup": backup.carimbo,
            "ficha": backup.ficha,
            "para": sorted(identidades(self.destino.configuracao)),
            "em": datetime.now().astimezone().isoformat(timespec="seconds"),
            **({"anonimizado": True} if self._anonimizador else {}),
        }

    def _e_desta(self, copia: Backup, backup: Backup) -> bool:
        meta = copia.meta
        if meta is None or meta.tipo != CLONE:
            return False
        da_mesma = meta.clone_de.get("ficha") == backup.ficha
        if not da_mesma or not trazida_para(meta.clone_de, self.destino.configuracao):
            return False
        return bool(meta.clone_de.get("anonimizado")) == bool(self._anonimizador)

    def _largar_se_sobra(self, copia: Backup) -> None:
        """A cópia que nenhuma restauração chegou a usar: ninguém a pediu para guardar."""
        if self.opcoes.simular or self.la.restaurou or copia.meta is None:
            return
        guardada = EmpresaComBackups(copia.meta.empresa, copia.pasta, (copia,))
        self.la.desconectar()
        # Se não se consegue agora, fica: serve à próxima vez, e a poda a conhece.
        with contextlib.suppress(ErroCofre, OSError), self.la.trava(guardada):
            self.la.deposito.apagar(copia)
            with contextlib.suppress(OSError):
                # Se nunca lá houve esta empresa: os conteúdos que sobram são só os da cópia.
                if {p.name for p in copia.pasta.iterdir()} <= {lugar.PASTA}:
                    shutil.rmtree(copia.pasta)

    # -- o que se confere e se diz -----------------------------------------------------------

    def _conferir_origem(self, backup: Backup) -> None:
        """Um backup daquele projeto restaura-se nele, sem clonar. Levanta RestauracaoRecusada."""
        meta = backup.meta
        deste = de_um_backup(meta.origem) if meta else set()
        if comuns := deste & identidades(self.destino.configuracao):
            raise mesmo_projeto(self.destino.env.name, min(comuns))

    def _apresentar(self, guardada: EmpresaComBackups, backup: Backup) -> None:
        linha = self.la.relato.linha
        linha(f"🚚 {visivel(guardada.empresa.nome)}, como em {na_tela(backup.quando)}")
        linha(f"   para o projeto {visivel(self.destino.nome)} ({visivel(self.destino.env.name)})")
        linha(f"   com as fotos e os diários em {visivel(str(self.la.deposito.raiz))}")

    def _avisar_das_verdadeiras(self, esta_la: EmpresaComBackups) -> None:
        trazidas = [b.meta.clone_de for b in esta_la.backups if b.meta and b.meta.clone_de]
        if any(not de_onde.get("anonimizado") for de_onde in trazidas):
            self.la.relato.aviso(
                "A pasta do destino já tem esta empresa por anonimizar, de uma clonagem de antes, e"
                " as fotos de quando estava no banco.\nEsta não as troca: se ninguém as pode ver,"
                " use outra BACKUP_DIR, e apague essa."
            )

    def _documento(self, backup: Backup) -> dict[str, Any]:
        return {
            "acao": "clonar",
            "origem": {"backup": backup.carimbo},
            **(
                {"anonimizado": self._anonimizador.relatorio.documento()}
                if self._anonimizador
                else {}
            ),
            "destino": {"projeto": self.destino.nome, "pasta": str(self.la.deposito.raiz)},
        }


def _recusar_da_primeira_versao(backup: Backup) -> None:
    """Não tem somas nem contagens: o que lá chegasse não se podia provar que é o que havia. Levanta
    RestauracaoRecusada."""
    if backup.meta is not None and backup.meta.da_primeira_versao:
        raise RestauracaoRecusada(
            f"O backup de {na_tela(backup.quando)} é da primeira versão, sem as somas que provam o"
            " que se leva: não se clona.",
            "Leve a empresa como está agora (clonar --agora), ou um backup mais novo. Se o que quer"
            " só há\nnesse, restaure-o aqui, faça um backup e clone-o.",
        )


def separadas(opcoes: Namespace) -> tuple[Namespace, Namespace]:
    """As mesmas, para a sessão daqui e para a do destino: o --para é dela, e o --destino, daqui."""
    daqui = Namespace(**{**vars(opcoes), "para": None})
    return daqui, Namespace(**{**vars(opcoes), "destino": None})
