"""Um backup nasce inteiro ou não nasce."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cofre.base.disco import (
    criar_privado,
    erros_de_disco,
    ligar_se,
    mover,
    para_o_disco,
    sincronizar,
)
from cofre.base.erros import BackupDanificado
from cofre.deposito import detalhes, metadados
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import (
    nome_do_lacre,
    nome_dos_detalhes,
    nome_dos_metadados,
)
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos import lugar
from cofre.deposito.formato import (
    CIFRADO,
    COMPACTADO,
    abrir,
    compactando,
    gravando_cifrado,
    sha256_do_arquivo,
)
from cofre.deposito.lacre.feitura import lacrar
from cofre.deposito.lacre.lacre import Lacre, pseudonimo
from cofre.deposito.lacre.serie import ha_o_que_ver, lembrar
from cofre.deposito.legivel import legivel
from cofre.deposito.metadados import VERSAO_CIFRADA
from cofre.deposito.nomes import CONTEUDOS, dar_nomes
from cofre.deposito.reaproveitamento import DeAntes, DeOntem, ligar
from cofre.deposito.recolha import terminar
from cofre.deposito.tabela_salva import TabelaSalva


class SomaCifrada(NamedTuple):
    """O sha256 e o tamanho de um arquivo cifrado."""

    sha256: str
    bytes: int


class Montagem:
    """Um backup sendo montado. Use como contexto: sem `publicar`, tudo some."""

    def __init__(
        self,
        pasta: Path,
        montagem: Path,
        carimbo: str,
        *,
        compactar: bool,
        cifra: Cifra | None = None,
        lacrar: bool = False,
    ) -> None:
        """`lacrar`: se leva lacre; um cifrado leva sempre, e quem já os tem (ver `serie`)."""
        self.pasta = pasta
        self.carimbo = carimbo
        self.compactar = compactar or cifra is not None  # o cifrado já não se compacta
        self.cifra = cifra
        self.cifrados: dict[str, SomaCifrada] = {}
        self.testemunhas: tuple[ChaveQueFecha, ...] = ()
        self.lacre: Lacre | None = None
        self._lacrar = lacrar or cifra is not None
        self._montagem = montagem
        self._nomes: dict[str, str] = {}
        self._publicada = False
        self.vai_recomecar = False
        """Se outra montagem da mesma empresa vem já a seguir: os conteúdos que se desceram ficam
        para ela."""

    def __enter__(self) -> Montagem:
        return self

    def __exit__(self, *_erro: object) -> None:
        if not self._publicada:
            if not self.vai_recomecar:
                with contextlib.suppress(OSError):
                    lugar.largar_os_de_ninguem(self.pasta, self._montagem)
            shutil.rmtree(self._montagem, ignore_errors=True)
        if self.vai_recomecar:
            return
        with contextlib.suppress(OSError):
            self.pasta.rmdir()  # só se ficou vazia: nunca houve backup desta empresa

    def reservar(self, tabelas: list[str]) -> None:
        """Dá a cada tabela o seu nome de arquivo, válido no NTFS e diferente dos outros; os das
        listas já são delas."""
        extensao = f".json{COMPACTADO * self.compactar}{CIFRADO * (self.cifra is not None)}"
        self._nomes = dar_nomes(self.carimbo, tabelas, extensao)

    def adotar(self, nomes: Mapping[str, str]) -> None:
        """Em vez de `reservar`: os nomes de arquivo que um backup importado já tem, por tabela (e
        por `dos_textos` dela)."""
        self._nomes = dict(nomes)

    def nome(self, quem: str) -> str:
        """O nome do arquivo da tabela (ou de `dos_textos` dela), sem a pasta."""
        return self._nomes[quem]

    def caminho(self, quem: str) -> Path:
        """Onde o arquivo está enquanto o backup é montado."""
        return self._montagem / self._nomes[quem]

    @contextlib.contextmanager
    def criar(self, quem: str) -> Iterator[BinaryIO]:
        """Abre o arquivo definitivo da tabela (ou de `dos_textos` dela), para escrever o JSON; ao
        sair, está no disco, compactado ou cifrado se for o caso (e então `cifrados` diz a soma
        dele). Levanta FalhaDeDisco."""
        with erros_de_disco(self.caminho(quem)), criar_privado(self.caminho(quem)) as arquivo:
            if quem == CONTEUDOS:
                yield arquivo
            elif self.cifra is not None:
                para = (*self.cifra.para, *self.testemunhas)
                with gravando_cifrado(arquivo, para) as (saida, fechado):
                    yield saida
                self.cifrados[quem] = SomaCifrada(fechado.sha256, fechado.bytes)
            elif self.compactar:
                with compactando(arquivo) as saida:
                    yield saida
            else:
                yield arquivo
            para_o_disco(arquivo)

    def aproveitar(self, quem: str, salvo: TabelaSalva, antigo: Path) -> bool:
        """Faz do arquivo da tabela (ou de `dos_textos` dela) mais um nome de um que já há, se este
        ainda tem os bytes que os metadados dizem; onde não dá, copia-o. Diz se deu. Levanta
        FalhaDeDisco."""
        certo, novo = (salvo.sha256, salvo.bytes), self.caminho(quem)
        if self.cifra is not None:
            ligado = salvo.cifrado and ligar(self.cifra, novo, DeOntem(salvo, antigo))
            if ligado:
                self.cifrados[quem] = SomaCifrada(salvo.sha256_cifrado, salvo.bytes_no_disco)
            return ligado

        def confere(caminho: Path) -> bool:
            try:
                return sha256_do_arquivo(caminho) == certo
            except BackupDanificado:
                return False

        mesma_forma = salvo.compactado == self.compactar and not salvo.cifrado
        if mesma_forma and self._so_nosso(antigo) and ligar_se(novo, antigo, confere):
            return True
        try:
            with self.criar(quem) as saida, abrir(antigo) as de:
                shutil.copyfileobj(de, saida)
            if confere(novo):
                return True
        except BackupDanificado:
            pass
        novo.unlink(missing_ok=True)
        return False

    def _so_nosso(self, antigo: Path) -> bool:
        """Se é um arquivo comum que, como os que aqui se criam, só o dono lê."""
        with contextlib.suppress(OSError):
            info = antigo.lstat()
            alheio = os.name == "posix" and bool(info.st_mode & 0o077)
            nosso = info.st_uid == self._montagem.stat().st_uid
            return stat.S_ISREG(info.st_mode) and nosso and not alheio
        return False

    def publicar(self, bruto: Mapping[str, Any]) -> Backup:
        """Grava os metadados e move tudo para a pasta da empresa. Levanta FalhaDeDisco."""
        with erros_de_disco(self.pasta):
            ficha = self._ficha(bruto)
            empresa = pseudonimo(str(bruto["user_id"]))
            if self._lacrar or ha_o_que_ver(self.pasta, empresa):
                self.lacre = lacrar(self.pasta, self._montagem, self.carimbo, ficha)
                self._gravar(nome_do_lacre(self.carimbo), self.lacre.dados)
            self._publicar(ficha)
            if self.lacre is not None:
                lembrar(self.pasta, self.lacre)
        return abrir_backup(self.pasta, self.carimbo)

    def publicar_pronto(self, ficha: bytes, lacre: bytes | None) -> Backup:
        """O mesmo, com os arquivos já na montagem (em `lugar`) e os bytes exatos dos metadados e do
        lacre, se há um. Levanta FalhaDeDisco."""
        with erros_de_disco(self.pasta):
            if lacre is not None:
                self._gravar(nome_do_lacre(self.carimbo), lacre)
            self._publicar(ficha)
        return abrir_backup(self.pasta, self.carimbo)

    def lugar(self, nome: str) -> Path:
        """Onde pôr, na montagem, um arquivo que já vem com o nome com que se publica."""
        return self._montagem / nome

    def _ficha(self, bruto: Mapping[str, Any]) -> bytes:
        """O que vai no arquivo dos metadados; de um cifrado, com os detalhes já no disco."""
        if self.cifra is None:
            self._de_antes(bruto).ligar_iguais(bruto["tabelas"])
            return metadados.em_bytes(bruto)
        cifrado = {"para": [c.texto for c in self.cifra.para]}
        bruto = {**bruto, "versao_formato": VERSAO_CIFRADA, "cifrado": cifrado}
        bruto["tabelas"] = self._de_antes(bruto).marcar(bruto["tabelas"], self.cifra)
        salvos = detalhes.gravar(self.lugar(nome_dos_detalhes(self.carimbo)), bruto, self.cifra)
        return legivel(bruto, salvos.arquivo, salvos.sha256, salvos.bytes)

    def _de_antes(self, bruto: Mapping[str, Any]) -> DeAntes:
        return DeAntes.da_empresa(self.pasta, str(bruto["user_id"]), self.caminho)

    def _publicar(self, ficha: bytes) -> None:
        lugar.assentar(self.pasta)
        self._gravar(nome_dos_metadados(self.carimbo), ficha)
        sincronizar(self._montagem)
        terminar(self._montagem)
        self._publicada = True

    def _gravar(self, nome: str, dados: bytes) -> None:
        rascunho = self.lugar(f"{nome}.novo")
        with criar_privado(rascunho) as arquivo:
            arquivo.write(dados)
            para_o_disco(arquivo)
        mover(rascunho, self.lugar(nome))
