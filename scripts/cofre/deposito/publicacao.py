"""Um backup nasce inteiro ou não nasce."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cofre.base.disco import (
    MONTAGEM,
    criar_privado,
    erros_de_disco,
    guardar_uma_vez,
    ligar_se,
    mover,
    para_o_disco,
    sincronizar,
)
from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ARQUIVOS, LISTAS, NO_DISCO, ordem_de_exibicao
from cofre.deposito import detalhes, metadados
from cofre.deposito.backup import Backup, abrir_backup
from cofre.deposito.carimbo import (
    CARIMBO,
    nome_do_lacre,
    nome_do_resumo,
    nome_dos_conteudos,
    nome_dos_detalhes,
    nome_dos_metadados,
    nossos,
)
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos import lugar
from cofre.deposito.conteudos.citados import dos_conteudos
from cofre.deposito.formato import abrir, compactando, gravando_cifrado, sha256_do_arquivo
from cofre.deposito.lacre.feitura import lacrar
from cofre.deposito.lacre.lacre import Lacre, pseudonimo
from cofre.deposito.lacre.serie import ha_o_que_ver, lembrar
from cofre.deposito.legivel import legivel
from cofre.deposito.metadados import VERSAO_CIFRADA
from cofre.deposito.ordem import carimbos_em_ordem
from cofre.deposito.reaproveitamento import DeOntem, ligar, marcado
from cofre.deposito.remocao import apagar, leva_o_carimbo, recolher_poda
from cofre.deposito.tabela_salva import TabelaSalva

ANTERIORES = 3
"""Em quantos dos backups anteriores se procura o arquivo que não mudou: o último pode ser só de
algumas tabelas, ou estar danificado."""


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
        usados = {nome.lower() for nome in nossos(self.carimbo)}
        fim = f"{self.carimbo}.json{'.gz' * self.compactar}{'.age' * (self.cifra is not None)}"
        self._nomes = {lista: f"{NO_DISCO[lista]}_{fim}" for lista in LISTAS}
        usados |= {nome.lower() for nome in self._nomes.values()}
        self._nomes[CONTEUDOS] = nome_dos_conteudos(self.carimbo)
        em_ordem = sorted(tabelas, key=ordem_de_exibicao)
        # Os das tabelas primeiro: o nome de um arquivo de textos nunca muda o de uma tabela.
        for quem in (*em_ordem, *map(dos_textos, em_ordem)):
            tabela = quem.removesuffix(dos_textos(""))
            base, n = _nome_seguro(tabela) + (".textos" if quem != tabela else ""), 1
            nome = f"{base}_{fim}"
            while nome.lower() in usados:
                n += 1
                nome = f"{base}~{n}_{fim}"
            usados.add(nome.lower())
            self._nomes[quem] = nome

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
            self._guardar_uma_vez(bruto)
            return metadados.em_bytes(bruto)
        cifrado = {"para": [c.texto for c in self.cifra.para]}
        bruto = {**bruto, "versao_formato": VERSAO_CIFRADA, "cifrado": cifrado}
        bruto["tabelas"] = self._marcadas(self.cifra, bruto)
        salvos = detalhes.gravar(self.lugar(nome_dos_detalhes(self.carimbo)), bruto, self.cifra)
        return legivel(bruto, salvos.arquivo, salvos.sha256, salvos.bytes)

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

    def _ultimos(self, bruto: Mapping[str, Any]) -> list[Backup]:
        return _ultimos(self.pasta, str(bruto["user_id"]))

    def _guardar_uma_vez(self, bruto: Mapping[str, Any]) -> None:
        """A tabela que não mudou desde um dos backups anteriores não ocupa o disco de novo."""
        anteriores = self._ultimos(bruto)
        for nome, nova in bruto["tabelas"].items():
            self._ligar(anteriores, nome, nova, textos=False)
            if nova.get("textos"):
                self._ligar(anteriores, nome, nova["textos"], textos=True)
        self._ligar_os_conteudos(anteriores, bruto)

    def _marcadas(self, cifra: Cifra, bruto: Mapping[str, Any]) -> dict[str, Any]:
        """As tabelas dos metadados, com a marca de cada arquivo; a que não mudou é o de ontem."""
        anteriores = self._ultimos(bruto)
        marcadas: dict[str, Any] = {}
        for nome, nova in bruto["tabelas"].items():
            quem, de_ontem = nome, _cifrados(anteriores, nome, textos=False)
            salva = marcado(cifra, quem, nova, self.caminho(quem), de_ontem)
            if dos_seus := nova.get("textos"):
                quem, de_ontem = dos_textos(nome), _cifrados(anteriores, nome, textos=True)
                salva["textos"] = marcado(cifra, quem, dos_seus, self.caminho(quem), de_ontem)
            marcadas[nome] = salva
        self._ligar_os_conteudos(anteriores, bruto)
        return marcadas

    def _ligar_os_conteudos(self, anteriores: Sequence[Backup], bruto: Mapping[str, Any]) -> None:
        """O mesmo, do arquivo que diz que conteúdos se citam: está sempre em claro."""
        novos = bruto["tabelas"].get(ARQUIVOS, {}).get("conteudos")
        for anterior in anteriores if novos else ():
            antigos = dos_conteudos(anterior)
            if antigos and (antigos.sha256, antigos.bytes) == (novos["sha256"], novos["bytes"]):
                with contextlib.suppress(BackupDanificado):
                    if guardar_uma_vez(self.caminho(CONTEUDOS), anterior.caminho(antigos)):
                        return

    def _ligar(
        self, anteriores: Sequence[Backup], nome: str, nova: Mapping[str, Any], *, textos: bool
    ) -> None:
        for anterior in anteriores:
            antiga = _mesma(anterior, nome, nova, textos=textos)
            caminho = self.caminho(dos_textos(nome) if textos else nome)
            if antiga and guardar_uma_vez(caminho, antiga):
                return


def _ultimos(pasta: Path, user_id: str) -> list[Backup]:
    """Os últimos backups desta empresa, do mais novo ao mais antigo, sem abrir os outros."""
    ultimos = carimbos_em_ordem(pasta)[: -ANTERIORES - 1 : -1]
    abertos = (abrir_backup(pasta, carimbo) for carimbo in ultimos)
    return [b for b in abertos if b.meta and b.meta.user_id == user_id]


def _cifrados(anteriores: Sequence[Backup], nome: str, *, textos: bool) -> Iterator[DeOntem]:
    """O arquivo cifrado da tabela (ou dos textos dela) em cada um destes backups."""
    for anterior in anteriores:
        salva = anterior.meta.tabelas.get(nome) if anterior.meta else None
        salva = salva.textos if textos and salva else salva
        if salva is not None and salva.cifrado:
            with contextlib.suppress(BackupDanificado):
                yield DeOntem(salva, anterior.caminho(salva))


CONTEUDOS = "\0conteudos"
"""Como a montagem chama o arquivo que diz que conteúdos o backup cita: sempre em claro."""


def dos_textos(tabela: str) -> str:
    """Como a montagem chama o arquivo dos textos desta tabela; nenhuma tem um nulo no nome."""
    return f"{tabela}\0"


def _mesma(anterior: Backup, nome: str, nova: Mapping[str, Any], *, textos: bool) -> Path | None:
    """O arquivo da tabela (ou dos textos dela) naquele backup, se os metadados o dizem igual."""
    antiga = anterior.meta.tabelas.get(nome) if anterior.meta else None
    antiga = antiga.textos if textos and antiga else antiga
    if antiga is None or antiga.cifrado or antiga.compactado != bool(nova.get("compactado")):
        return None
    if (antiga.sha256, antiga.bytes) != (nova["sha256"], nova["bytes"]):
        return None
    try:
        return anterior.caminho(antiga)
    except BackupDanificado:
        return None


def recolher(trabalho: Path) -> None:
    """Acaba o que um processo morto deixou nesta pasta de trabalho. OSError passa."""
    if trabalho.name.startswith(MONTAGEM):
        recolher_montagem(trabalho)
    else:
        recolher_poda(trabalho)


def recolher_montagem(montagem: Path) -> None:
    """Termina o que já estava pronto; apaga o que não estava. O que estava pronto e não se lê fica
    onde está: pode ser de um backup bom."""
    carimbo = montagem.name.removeprefix(MONTAGEM)
    if not re.fullmatch(CARIMBO, carimbo) or montagem.is_symlink() or not montagem.is_dir():
        return
    ficha = montagem / nome_dos_metadados(carimbo)
    if os.path.lexists(ficha):
        with contextlib.suppress(BackupDanificado, OSError):
            metadados.ler(ficha)
            terminar(montagem)
        return
    try:
        _largar_os_em_claro(montagem)
    except (BackupDanificado, OSError):
        return  # fica para a próxima: sem a lista, os em claro ficavam para sempre
    with contextlib.suppress(OSError):
        lugar.largar_os_de_ninguem(montagem.parent, montagem)
    shutil.rmtree(montagem)
    with contextlib.suppress(OSError):
        montagem.parent.rmdir()


def terminar(montagem: Path) -> None:
    """Move os arquivos, os metadados por último. Pode ser repetido até o fim."""
    pasta = montagem.parent
    carimbo = montagem.name.removeprefix(MONTAGEM)
    ultimo = nome_dos_metadados(carimbo)
    citados = {a.arquivo for a in metadados.ler(montagem / ultimo).arquivos}
    citados.add(nome_do_lacre(carimbo))
    for arquivo in sorted(montagem.iterdir()):
        if arquivo.name in citados:
            mover(arquivo, pasta / arquivo.name)
    sincronizar(pasta)
    mover(montagem / ultimo, pasta / ultimo)
    sincronizar(pasta)
    try:
        _largar_os_em_claro(montagem)
    except OSError:
        return  # um aberto noutro programa: com a lista que fica, a próxima execução acaba
    shutil.rmtree(montagem)


EM_CLARO = "em_claro.json"
"""Na montagem de quem cifra um backup que já há: os metadados que ele tinha em claro."""


def _largar_os_em_claro(montagem: Path) -> None:
    """Apaga os arquivos em claro de um backup que esta montagem cifrou; só se os metadados que
    estão na pasta já são os dos cifrados. OSError passa."""
    pasta, carimbo = montagem.parent, montagem.name.removeprefix(MONTAGEM)
    antiga, atual = montagem / EM_CLARO, pasta / nome_dos_metadados(carimbo)
    if not antiga.is_file() or not atual.is_file():
        return
    meta = metadados.ler(atual)
    if meta.cifrado is None:
        return
    apagar(pasta / nome_do_resumo(carimbo))
    ficam = {nome_do_lacre(carimbo), *(a.arquivo for a in meta.arquivos)}
    for salva in metadados.ler(antiga).arquivos:
        if salva.arquivo not in ficam and leva_o_carimbo(salva.arquivo, carimbo):
            apagar(pasta / salva.arquivo)
    sincronizar(pasta)


def _nome_seguro(tabela: str) -> str:
    """O nome da tabela com o que o NTFS não aceita trocado por %XX, em até 100 bytes."""
    seguro = re.sub(r'[<>:"/\\|?*%\x00-\x1f\x7f]', lambda m: f"%{ord(m.group()):02X}", tabela)
    if len(seguro.encode()) > 100:
        seguro = seguro.encode()[:100].decode(errors="ignore")
    return "_" + seguro if seguro.startswith(".") else seguro
