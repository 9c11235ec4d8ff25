"""Clonar: o backup levado ao depósito do destino, e a restauração que o põe no projeto dele."""

from __future__ import annotations

import contextlib
import tempfile
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cofre.base.config.valores import Configuracao
from cofre.base.modelo import ARQUIVOS, LISTAS, LOGINS
from cofre.base.palavras import na_tela, visivel
from cofre.clone import numeracao
from cofre.clone.conferencia import Conferencia
from cofre.clone.destino import Destino, de_um_backup, identidades, mesmo_projeto
from cofre.deposito.backup import Backup, completo
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import EmpresaComBackups
from cofre.deposito.metadados import CLONE
from cofre.deposito.traslado import Traslado, Trocar
from cofre.deposito.trava import Trava
from cofre.deposito.verificacao import recusar_danificado
from cofre.restauracao.conversa import Conversa
from cofre.restauracao.exame import Exame
from cofre.restauracao.restauracao import Restauracao
from cofre.restauracao.sessao import Sessao


@dataclass(slots=True)
class Clonagem:
    """Uma empresa que se leva da sessão `daqui` (a do projeto de `origem`) à do destino, `la`.
    `trocar`: o que se faz às linhas no caminho, e `feito`, o que disso se diz nos metadados da
    cópia."""

    daqui: Sessao
    la: Sessao
    destino: Destino
    origem: Configuracao
    trocar: Trocar | None = None
    feito: dict[str, Any] = field(default_factory=dict)
    _pilha: ExitStack = field(default_factory=ExitStack)

    @property
    def opcoes(self) -> Namespace:
        """As do destino."""
        return self.la.opcoes

    def clonar(self, guardada: EmpresaComBackups, backup: Backup, tabelas: tuple[str, ...]) -> int:
        """Leva estas tabelas da empresa, como estão neste backup. Devolve o código de saída.
        Levanta como uma restauração, e BackupDanificado."""
        conversa = Conversa(self.la)
        esta_la = self._no_destino(guardada)
        pendente = self.la.pendente(esta_la)
        if pendente is not None and not self.opcoes.simular:
            return conversa.resolver(esta_la, pendente)
        backup = completo(backup)
        self._conferir_origem(backup)
        self._apresentar(guardada, backup)
        assert backup.meta is not None
        conferencia = Conferencia(
            self.destino,
            self.origem,
            backup.meta,
            frozenset(g.empresa.id for g in self.daqui.guardadas(None)),
            self.la.deposito,
            self.la.relato,
            self.opcoes.projeto,
            not self.opcoes.confirmar,
            self.opcoes.simular,
        )
        exame = self.daqui.dialogo.exames.de(backup)
        recusar_danificado(guardada, backup, exame.danos_em(tabelas), "--backup", exame.sadias)
        with self._pilha:
            copia, nova = self._trazer(guardada, exame)
            if nova:
                self._pilha.callback(self._largar_se_sobra, copia)
            esta_la = replace(esta_la, backups=(copia,))
            conversa.juntar_ao_documento(**self._documento(backup))

            def ao_conectar(restauracao: Restauracao) -> None:
                conferencia.conferir(restauracao)
                numerar = list(numeracao.comandos(restauracao, copia))
                conversa.juntar_ao_documento(numerar=numerar)

            self.la.ao_conectar = ao_conectar
            codigo = conversa.restaurar(esta_la, copia, tabelas, self.opcoes.modo)
            if self.la.restaurou:
                numerar = numeracao.comandos(self.la.restauracao, copia)
                numeracao.dizer(self.la.relato, list(numerar))
            return codigo

    # -- a cópia no destino ------------------------------------------------------------------

    def _no_destino(self, guardada: EmpresaComBackups) -> EmpresaComBackups:
        """A empresa como o depósito do destino a tem."""
        deposito, empresa = self.la.deposito, guardada.empresa
        pasta = deposito.pasta_da_empresa(empresa.id)
        todos = deposito.backups(pasta) if pasta.is_dir() else ()
        seus = tuple(b for b in todos if b.meta and b.meta.user_id == empresa.id)
        return EmpresaComBackups(empresa, pasta, seus)

    def _trazer(self, guardada: EmpresaComBackups, exame: Exame) -> tuple[Backup, bool]:
        """A cópia do backup no depósito do destino, e se se fez agora. Só a simular, fica numa
        pasta que some."""
        backup = exame.backup
        self.la.cifrar_como(*([] if self.trocar else [backup]))
        esta_la = self._no_destino(guardada)
        with contextlib.ExitStack() as presas:
            presas.enter_context(self.daqui.trava(guardada))
            trava_de_la: Trava = presas.enter_context(self.la.trava(esta_la))
            assert trava_de_la.presa
            trazidas = [b for b in reversed(esta_la.backups) if self._e_desta(b, backup)]
            traslado = Traslado(backup, self._que_vao(exame), self.trocar)
            deposito = self._onde()
            copia = traslado.para(deposito, self._marca(backup), trazidas)
        return copia, not any(copia.carimbo == t.carimbo for t in trazidas)

    def _onde(self) -> Deposito:
        if not self.opcoes.simular:
            return self.la.deposito
        pasta = self._pilha.enter_context(tempfile.TemporaryDirectory(prefix="cofre_"))
        deposito = Deposito(Path(pasta), cifra=self.la.deposito.cifra, compactar=True)
        self._pilha.enter_context(deposito.trabalhando())
        return deposito

    def _que_vao(self, exame: Exame) -> list[str]:
        """As tabelas, todas as sadias: as que não se escolheram ainda se podem somar. Das listas,
        só as que se querem."""
        querem = {LOGINS: not self.trocar, ARQUIVOS: False}
        return [n for n in exame.sadias if n not in LISTAS or querem[n]]

    def _marca(self, backup: Backup) -> dict[str, Any]:
        meta = backup.meta
        assert meta is not None
        return {
            "url": str(meta.origem.get("url") or ""),
            "backup": backup.carimbo,
            "ficha": backup.ficha,
            "em": datetime.now().astimezone().isoformat(timespec="seconds"),
            **self.feito,
        }

    def _e_desta(self, copia: Backup, backup: Backup) -> bool:
        meta = copia.meta
        if meta is None or meta.tipo != CLONE:
            return False
        return meta.clone_de.get("ficha") == backup.ficha

    def _largar_se_sobra(self, copia: Backup) -> None:
        """A cópia que nenhuma restauração chegou a usar: ninguém a pediu para guardar."""
        if self.opcoes.simular or self.la.restaurou or copia.meta is None:
            return
        guardada = EmpresaComBackups(copia.meta.empresa, copia.pasta, (copia,))
        self.la.desconectar()
        with self.la.trava(guardada):
            self.la.deposito.apagar(copia)
        with contextlib.suppress(OSError):
            copia.pasta.rmdir()  # só se ficou vazia: nunca lá houve esta empresa

    # -- o que se confere e se diz -----------------------------------------------------------

    def _conferir_origem(self, backup: Backup) -> None:
        """Um backup daquele projeto restaura-se nele, sem clonar. Levanta RestauracaoRecusada."""
        meta = backup.meta
        deste = de_um_backup(meta.origem) if meta else set()
        if comuns := deste & identidades(self.destino.configuracao):
            raise mesmo_projeto(self.destino.env.name, min(comuns))

    def _apresentar(self, guardada: EmpresaComBackups, backup: Backup) -> None:
        relato = self.la.relato
        relato.linha(f"🚚 {visivel(guardada.empresa.nome)}, como em {na_tela(backup.quando)}")
        relato.linha(f"   para o projeto {visivel(self.destino.nome)} ({self.destino.env.name})")
        relato.linha(f"   com as fotos e os diários em {visivel(str(self.la.deposito.raiz))}")

    def _documento(self, backup: Backup) -> dict[str, Any]:
        return {
            "acao": "clonar",
            "origem": {"backup": backup.carimbo, **self.feito},
            "destino": {"projeto": self.destino.nome, "pasta": str(self.la.deposito.raiz)},
        }


def separadas(opcoes: Namespace) -> tuple[Namespace, Namespace]:
    """As mesmas, para a sessão daqui e para a do destino: o --para é dela, e o --destino, daqui."""
    daqui = Namespace(**{**vars(opcoes), "para": None})
    return daqui, Namespace(**{**vars(opcoes), "destino": None})
