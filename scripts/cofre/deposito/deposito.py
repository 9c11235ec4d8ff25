"""A pasta dos backups: quem é de quem, o que está inteiro, e como se publica sem meio-termo.

Um backup é montado numa pasta de montagem (`.em_andamento_<carimbo>`) dentro da pasta da empresa,
com os nomes definitivos, e gravado no disco (fsync). Os metadados são escritos nela por último:
a partir daí o backup está pronto e publicar é só mover, os metadados por último. Um processo morto
antes disso não deixa backup; morto depois, a próxima execução termina de mover. Só pastas de
trabalho de processos mortos são recolhidas: elas são certamente nossas (ver `presenca`, e `trava`
para o que cada execução pode fazer ao lado das outras).
"""

from __future__ import annotations

import contextlib
import heapq
import os
import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import IO

from cofre.base import derrame
from cofre.base.config.valores import Configuracao
from cofre.base.disco import MONTAGEM, PODANDO, erros_de_disco
from cofre.base.erros import FalhaDeDisco, TravaOcupada
from cofre.base.modelo import Empresa
from cofre.deposito import presenca, recolha, remocao, trava
from cofre.deposito.backup import Backup, abrir_backup, do_mais_novo
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO, carimbos_em
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.cifra import Cifra, de_configuracao
from cofre.deposito.conteudos import lugar
from cofre.deposito.lacre import serie
from cofre.deposito.ordem import carimbos_em_ordem
from cofre.deposito.pastas import Pastas
from cofre.deposito.presenca import Presenca
from cofre.deposito.publicacao import Montagem
from cofre.deposito.retrato import esquecer, nomes_em, que_comecam
from cofre.deposito.trava import JA, Espera, Trava

MEMORIA_DO_RASCUNHO = 64 * 1024
"""Bytes; uma empresa tem dezenas de tabelas abertas ao mesmo tempo, quase todas menores."""


class Deposito:
    """Uma pasta de backups (`raiz`). `compactar`: os novos levam as tabelas em .json.gz; `cifra`,
    cifradas; `lacrar`: levam um lacre; `acao`: o que se diz a quem espera por uma trava nossa."""

    def __init__(
        self,
        raiz: Path,
        *,
        compactar: bool = False,
        cifra: Cifra | None = None,
        lacrar: bool = False,
        acao: str = "outra execução",
    ) -> None:
        self.raiz = raiz
        self.compactar = compactar
        self.cifra = cifra
        if cifra is not None:
            derrame.cifrar()
        self.lacrar = lacrar
        self._acao = acao
        self._trinco = threading.RLock()
        self._presenca: Presenca | None = None
        self._pastas = Pastas(raiz, lambda: self.presente)

    @classmethod
    def da_configuracao(cls, configuracao: Configuracao, acao: str) -> Deposito:
        """O da pasta e do jeito de gravar que o .env diz. Levanta ConfiguracaoInvalida se não se
        pode cifrar como se pede, e DependenciaAusente."""
        return cls(
            configuracao.destino,
            compactar=configuracao.compactar,
            cifra=de_configuracao(configuracao.cifragem),
            lacrar=configuracao.lacrar,
            acao=acao,
        )

    @contextlib.contextmanager
    def trabalhando(self) -> Iterator[None]:
        """Para quem vai mudar algo: cria a raiz e recolhe o que execuções mortas deixaram. Nada
        fica preso. Levanta TravaOcupada ou FalhaDeDisco."""
        self.preparar()
        try:
            yield
        finally:
            if self._presenca is not None:
                self._presenca.fechar()
                self._presenca = None

    def preparar(self) -> None:
        """O começo de `trabalhando`."""
        with erros_de_disco(self.raiz):
            self.raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Percorrer as pastas demora; só o que parece sobra se olha com a trava na mão.
            sobras = list(self._pastas.de_trabalho())
        with self._trinco, self._breve(), erros_de_disco(self.raiz):
            self._presente()
            for sobra in sobras:
                if presenca.sem_dono(self.raiz, sobra):
                    recolha.recolher(sobra)
                    esquecer()
            presenca.recolher_mortos(self.raiz)
            self._pastas.reler()

    def acabar_o_que_ficou(self) -> None:
        """Para quem só lê, mas julga: um backup que um processo morto deixou a meio de se trocar
        pelo cifrado parece danificado, e não está. O que não se deixa ler ou escrever fica como
        está."""
        with contextlib.suppress(FalhaDeDisco, TravaOcupada, OSError):
            if any(presenca.sem_dono(self.raiz, s) for s in self._pastas.de_trabalho()):
                with self.trabalhando():
                    pass

    def retomar(self, user_id: str) -> None:
        """Com a trava da empresa na mão, se outro processo pode ter trabalhado nela depois de nos
        prepararmos: vê a pasta que ele criou, e acaba o que, morto, deixou a meio. Levanta
        FalhaDeDisco ou TravaOcupada."""
        with self._trinco, erros_de_disco(self.raiz):
            for pasta in filter(Path.is_dir, self._pastas.rever(user_id)):
                sobras = [pasta / nome for nome in que_comecam(pasta, MONTAGEM, PODANDO)]
                for sobra in (p for p in sobras if presenca.sem_dono(self.raiz, p)):
                    with self._breve():
                        recolha.recolher(sobra)

    def trava_da_empresa(self, empresa: Empresa, espera: Espera = JA) -> Trava:
        """A trava da empresa, por tomar."""
        return trava.da_empresa(self.raiz, empresa.id, empresa.nome, self._acao, espera)

    def em_uso(self, user_id: str) -> bool:
        """Se outra execução tem agora a trava desta empresa; na dúvida, não."""
        return trava.ocupada(self.raiz, user_id)

    def _breve(self) -> Trava:
        return trava.breve(self.raiz)

    @property
    def presente(self) -> str:
        """O nome deste processo, enquanto está a trabalhar (ver `presenca`)."""
        return self._presenca.nome if self._presenca is not None else ""

    def _presente(self) -> Presenca:
        """Só com a trava breve na mão."""
        if self._presenca is None:
            self._presenca = Presenca(self.raiz)
        return self._presenca

    def pastas(self) -> list[Path]:
        """As pastas de empresas, em ordem de nome."""
        return self._pastas.todas()

    def backups(self, pasta: Path) -> list[Backup]:
        """Os backups de uma pasta, do mais antigo ao mais novo (ver `ordem`)."""
        abertos = [self.abrir(pasta, carimbo) for carimbo in carimbos_em(pasta)]
        return sorted(abertos, key=attrgetter("ordem"))

    def carimbos(self, pasta: Path) -> list[str]:
        """Os carimbos dos backups de uma pasta, na mesma ordem, quase sem abrir nenhum."""
        with erros_de_disco(pasta):
            return carimbos_em_ordem(pasta)

    def abrir(self, pasta: Path, carimbo: str) -> Backup:
        """O backup com este carimbo; o que não se lê vem com o `dano`."""
        return abrir_backup(pasta, carimbo)

    def do_mais_novo(self, pasta: Path) -> Iterator[Backup]:
        """Os backups de uma pasta, do mais novo ao mais antigo, abertos só quando se pedem."""
        with erros_de_disco(pasta):
            return do_mais_novo(pasta)

    def da_empresa(self, user_id: str) -> list[Backup]:
        """Os backups legíveis desta empresa, do mais antigo ao mais novo, sem os que vieram de
        outro projeto: nenhum diz como ela estava neste."""
        return list(self.da_empresa_do_mais_novo(user_id))[::-1]

    def da_empresa_do_mais_novo(self, user_id: str) -> Iterator[Backup]:
        """Os mesmos, do mais novo ao mais antigo, cada um só lido quando se chega a ele."""
        todos = heapq.merge(
            *(self.do_mais_novo(pasta) for pasta in self._pastas.candidatas(user_id)),
            key=attrgetter("ordem"),
            reverse=True,
        )
        return (b for b in todos if b.meta and b.meta.user_id == user_id and not b.meta.clone_de)

    def ultimo(self, user_id: str) -> Backup | None:
        """O backup legível mais novo desta empresa, de qualquer tipo."""
        return next(self.da_empresa_do_mais_novo(user_id), None)

    def pasta_da_empresa(self, user_id: str) -> Path:
        """A pasta da empresa, existente ou a que seria dela agora: os 8 primeiros caracteres do id,
        ou mais, até não ser de outra. O que conta é o id inteiro nos metadados, nunca o nome."""
        return self._pastas.da_empresa(user_id)

    def rascunho(self) -> IO[bytes]:
        """Um arquivo de trabalho sem nome: na memória enquanto é pequeno, depois no disco."""
        return tempfile.SpooledTemporaryFile(MEMORIA_DO_RASCUNHO, "w+b", dir=str(self.raiz))

    def montar(self, user_id: str, agora: datetime) -> Montagem:
        """Abre a montagem de um backup novo. Levanta FalhaDeDisco ou TravaOcupada."""
        with erros_de_disco(self.raiz):
            self.raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._trinco, self._breve(), erros_de_disco(self.pasta_da_empresa(user_id)):
            pasta = self._pastas.criar(user_id)
            if os.name == "posix":
                pasta.chmod(0o700)
            lugar.recolher(pasta)
            nomes, momento = nomes_em(pasta), agora.replace(microsecond=0)
            while any((carimbo := momento.strftime(FORMATO_DO_CARIMBO)) in nome for nome in nomes):
                momento += timedelta(seconds=1)
            carimbo = momento.strftime(FORMATO_DO_CARIMBO)
            montagem = self._abrir_trabalho(pasta / f"{MONTAGEM}{carimbo}")
        return Montagem(
            pasta,
            montagem,
            carimbo,
            compactar=self.compactar,
            cifra=self.cifra,
            lacrar=self.lacrar,
        )

    def remontar(self, backup: Backup) -> Montagem:
        """Abre a montagem de um backup que já há, para o publicar cifrado com o mesmo carimbo. Com
        a trava da empresa na mão. OSError passa."""
        with self._trinco, self._breve():
            trabalho = self._abrir_trabalho(backup.pasta / f"{MONTAGEM}{backup.carimbo}")
        montagem = Montagem(
            backup.pasta, trabalho, backup.carimbo, compactar=True, cifra=self.cifra
        )
        montagem.testemunhas = (chaveiro.de_passagem().publica,)
        return montagem

    def apagar(self, backup: Backup) -> None:
        """Apaga um backup inteiro, com a trava da empresa na mão. OSError passa: o que faltar, a
        próxima execução termina."""
        if backup.meta is not None:
            serie.vai_sair(backup.pasta, backup.meta.user_id, backup.carimbo)
        with self._trinco, self._breve():
            poda = self._abrir_trabalho(backup.pasta / f"{PODANDO}{backup.carimbo}")
            remocao.comecar_a_apagar(poda, backup.carimbo)
        remocao.terminar_de_apagar(poda, backup.carimbo)

    def _abrir_trabalho(self, pasta: Path) -> Path:
        """Uma pasta de trabalho deste processo. Só com a trava breve na mão. OSError passa."""
        presente = self._presente()
        pasta.mkdir(mode=0o700, exist_ok=True)
        presente.marcar(pasta)
        return pasta
