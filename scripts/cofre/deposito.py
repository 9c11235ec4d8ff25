"""A pasta dos backups: quem é de quem, o que está inteiro, e como se publica sem meio-termo.

Um backup é montado numa pasta de montagem (`.em_andamento_<carimbo>`) dentro da pasta da empresa,
com os nomes definitivos, e gravado no disco (fsync). Os metadados são escritos nela por último:
a partir daí o backup está pronto e publicar é só mover, os metadados por último. Um processo morto
antes disso não deixa backup; morto depois, a próxima execução termina de mover. Só pastas de
montagem são recolhidas: elas são certamente nossas.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO

import tenacity

from cofre import metadados
from cofre.erros import BackupDanificado, FalhaDeDisco
from cofre.metadados import SEM_CONTAGEM, Metadados, TabelaSalva
from cofre.modelo import ordem_de_exibicao

PREFIXO = "empresa_"
MONTAGEM = ".em_andamento_"
METADADOS = "backup_metadata_"
FORMATO_DO_CARIMBO = "%Y%m%d_%H%M%S"
MEMORIA_DO_RASCUNHO = 64 * 1024
"""Bytes; uma empresa tem dezenas de tabelas abertas ao mesmo tempo, quase todas menores."""
_CARIMBO = r"\d{8}_\d{6}"


@dataclass(frozen=True, slots=True)
class Backup:
    """Um backup publicado; `dano` diz por que os metadados não se leem (aí não há `meta`)."""

    pasta: Path
    carimbo: str
    meta: Metadados | None
    dano: str = ""

    @property
    def quando(self) -> datetime:
        """A hora local do carimbo."""
        return datetime.strptime(self.carimbo, FORMATO_DO_CARIMBO).astimezone()

    @property
    def estado(self) -> str:
        """«completo», «incompleto», «só algumas tabelas» ou «danificado»."""
        if self.meta is None:
            return "danificado"
        if self.meta.falhas:
            return "incompleto"
        return "completo" if self.meta.inteiro else "só algumas tabelas"

    def caminho(self, tabela: TabelaSalva) -> Path:
        """O arquivo da tabela. Levanta BackupDanificado se o nome sai da pasta."""
        nome = tabela.arquivo
        caminho = self.pasta / nome
        if re.search(r"[/\\:\0]", nome) or nome in ("", ".", "..") or caminho.is_symlink():
            raise BackupDanificado(f"Os metadados citam um arquivo fora da pasta: {nome!r}.")
        return caminho


class Deposito:
    """Uma pasta de backups (`raiz`)."""

    def __init__(self, raiz: Path) -> None:
        self.raiz = raiz
        self._trinco = threading.Lock()
        self._pastas: dict[str, Path] = {}

    def preparar(self) -> None:
        """Cria a raiz e recolhe o que execuções mortas deixaram. Só com a trava na mão.
        Levanta FalhaDeDisco."""
        with erros_de_disco(self.raiz):
            self.raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
            for montagem in sorted(self.raiz.glob(f"{PREFIXO}*/{MONTAGEM}*")):
                _recolher(montagem)

    def pastas(self) -> list[Path]:
        """As pastas de empresas, em ordem de nome."""
        with erros_de_disco(self.raiz):
            if not self.raiz.is_dir():
                return []
            return sorted(p for p in self.raiz.glob(f"{PREFIXO}*") if p.is_dir())

    def backups(self, pasta: Path) -> list[Backup]:
        """Os backups de uma pasta, do mais antigo ao mais novo (pelo carimbo, nunca pelo mtime)."""
        achados = []
        for arquivo in pasta.glob(f"{METADADOS}*.json"):
            casa = re.fullmatch(rf"{METADADOS}({_CARIMBO})\.json", arquivo.name)
            if casa:
                achados.append(_abrir(pasta, arquivo, casa.group(1)))
        return sorted(achados, key=lambda b: b.carimbo)

    def da_empresa(self, user_id: str) -> list[Backup]:
        """Os backups legíveis desta empresa, do mais antigo ao mais novo."""
        todos = [b for pasta in self._candidatas(user_id) for b in self.backups(pasta)]
        meus = [b for b in todos if b.meta and b.meta.user_id == user_id]
        return sorted(meus, key=lambda b: b.carimbo)

    def pasta_da_empresa(self, user_id: str) -> Path:
        """A pasta da empresa, existente ou a que será dela: os 8 primeiros caracteres do id, ou
        mais, até não ser de outra. O que conta é o id inteiro nos metadados, nunca o nome."""
        with self._trinco:
            if user_id not in self._pastas:
                self._pastas[user_id] = self._achar_pasta(user_id)
            return self._pastas[user_id]

    def _achar_pasta(self, user_id: str) -> Path:
        candidatas = self._candidatas(user_id)
        for pasta in candidatas:
            if self._dono(pasta) == user_id:
                return pasta
        # Maiúsculas e minúsculas são o mesmo nome no NTFS.
        tomadas = {p.name.lower() for p in (*candidatas, *self._pastas.values())}
        nome = next(n for n in _nomes_possiveis(user_id) if n.lower() not in tomadas)
        return self.raiz / nome

    def _candidatas(self, user_id: str) -> list[Path]:
        comeco = next(_nomes_possiveis(user_id)).lower()
        return [p for p in self.pastas() if p.name.lower().startswith(comeco)]

    def _dono(self, pasta: Path) -> str | None:
        legiveis = (b.meta for b in reversed(self.backups(pasta)))
        return next((m.user_id for m in legiveis if m), None)

    def montar(self, user_id: str, agora: datetime) -> Montagem:
        """Abre a montagem de um backup novo. Levanta FalhaDeDisco."""
        pasta = self.pasta_da_empresa(user_id)
        with erros_de_disco(pasta):
            pasta.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.name == "posix":
                pasta.chmod(0o700)
            usados = {m.group() for p in pasta.iterdir() if (m := re.search(_CARIMBO, p.name))}
            momento = agora.replace(microsecond=0)
            while momento.strftime(FORMATO_DO_CARIMBO) in usados:
                momento += timedelta(seconds=1)
            carimbo = momento.strftime(FORMATO_DO_CARIMBO)
            montagem = pasta / f"{MONTAGEM}{carimbo}"
            montagem.mkdir(mode=0o700)
        return Montagem(pasta, montagem, carimbo)


class Montagem:
    """Um backup sendo montado. Use como contexto: sem `publicar`, tudo some."""

    def __init__(self, pasta: Path, montagem: Path, carimbo: str) -> None:
        self.pasta = pasta
        self.carimbo = carimbo
        self._montagem = montagem
        self._nomes: dict[str, str] = {}

    def __enter__(self) -> Montagem:
        return self

    def __exit__(self, *_erro: object) -> None:
        shutil.rmtree(self._montagem, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.pasta.rmdir()  # só se ficou vazia: nunca houve backup desta empresa

    def reservar(self, tabelas: list[str]) -> None:
        """Dá a cada tabela o seu nome de arquivo, válido no NTFS e diferente dos outros."""
        usados = {f"{METADADOS}{self.carimbo}.json"}
        for tabela in sorted(tabelas, key=ordem_de_exibicao):
            base, n = _nome_seguro(tabela), 1
            nome = f"{base}_{self.carimbo}.json"
            while nome.lower() in usados:
                n += 1
                nome = f"{base}~{n}_{self.carimbo}.json"
            usados.add(nome.lower())
            self._nomes[tabela] = nome

    def adotar(self, nomes: Mapping[str, str]) -> None:
        """Em vez de `reservar`: os nomes de arquivo que um backup importado já tem, por tabela."""
        self._nomes = dict(nomes)

    def nome(self, tabela: str) -> str:
        """O nome do arquivo da tabela, sem a pasta."""
        return self._nomes[tabela]

    def caminho(self, tabela: str) -> Path:
        """Onde o arquivo está enquanto o backup é montado."""
        return self._montagem / self._nomes[tabela]

    @contextlib.contextmanager
    def criar(self, tabela: str) -> Iterator[BinaryIO]:
        """Abre o arquivo definitivo da tabela; ao sair, está no disco. Levanta FalhaDeDisco."""
        with erros_de_disco(self.caminho(tabela)), _criar(self.caminho(tabela)) as arquivo:
            yield arquivo
            _para_o_disco(arquivo)

    def rascunho(self) -> IO[bytes]:
        """Um arquivo de trabalho sem nome: na memória enquanto é pequeno, depois no disco."""
        return tempfile.SpooledTemporaryFile(MEMORIA_DO_RASCUNHO, "w+b", dir=str(self._montagem))

    def publicar(self, bruto: Mapping[str, Any]) -> Backup:
        """Grava os metadados e move tudo para a pasta da empresa. Levanta FalhaDeDisco."""
        nome = f"{METADADOS}{self.carimbo}.json"
        with erros_de_disco(self.pasta):
            rascunho = self._montagem / f"{nome}.novo"
            with _criar(rascunho) as arquivo:
                arquivo.write(metadados.em_bytes(bruto))
                _para_o_disco(arquivo)
            _mover(rascunho, self._montagem / nome)
            _sincronizar(self._montagem)
            _terminar(self._montagem)
        return _abrir(self.pasta, self.pasta / nome, self.carimbo)


def arquivo_de_metadados(pasta: Path, carimbo: str) -> Path:
    """Onde estão os metadados de um backup publicado."""
    return pasta / f"{METADADOS}{carimbo}.json"


def _recolher(montagem: Path) -> None:
    """Termina o que já estava pronto; apaga o que não estava."""
    carimbo = montagem.name.removeprefix(MONTAGEM)
    if not re.fullmatch(_CARIMBO, carimbo) or montagem.is_symlink() or not montagem.is_dir():
        return
    if (montagem / f"{METADADOS}{carimbo}.json").is_file():
        _terminar(montagem)
        return
    shutil.rmtree(montagem)
    with contextlib.suppress(OSError):
        montagem.parent.rmdir()


def _terminar(montagem: Path) -> None:
    """Move os arquivos, os metadados por último. Pode ser repetido até o fim."""
    pasta = montagem.parent
    ultimo = f"{METADADOS}{montagem.name.removeprefix(MONTAGEM)}.json"
    citados = {t.arquivo for t in metadados.ler(montagem / ultimo).tabelas.values()}
    for arquivo in sorted(montagem.iterdir()):
        if arquivo.name in citados:
            _mover(arquivo, pasta / arquivo.name)
    _sincronizar(pasta)
    _mover(montagem / ultimo, pasta / ultimo)
    _sincronizar(pasta)
    shutil.rmtree(montagem)


def _abrir(pasta: Path, arquivo: Path, carimbo: str) -> Backup:
    try:
        meta = metadados.ler(arquivo)
        if meta.versao == 1:
            meta = replace(meta, tabelas=_tabelas_da_primeira_versao(pasta, arquivo, carimbo))
        return Backup(pasta, carimbo, meta)
    except BackupDanificado as e:
        return Backup(pasta, carimbo, None, str(e))
    except OSError as e:
        return Backup(pasta, carimbo, None, f"{arquivo.name}: {e.strerror}")


def _tabelas_da_primeira_versao(
    pasta: Path, metadados_: Path, carimbo: str
) -> dict[str, TabelaSalva]:
    """A primeira versão não dizia os arquivos, e cada um tinha o seu carimbo: são os gravados
    depois do backup anterior da pasta e até os metadados deste."""
    outros = {p.stem.removeprefix(METADADOS) for p in pasta.glob(f"{METADADOS}*.json")}
    anterior = max((c for c in outros if c < carimbo), default="")
    tabelas: dict[str, TabelaSalva] = {}
    for arquivo in sorted(pasta.glob("*.json")):
        casa = re.fullmatch(rf"(.+)_({_CARIMBO})\.json", arquivo.name)
        if casa and arquivo != metadados_ and anterior < casa[2] <= carimbo:
            tabelas[casa[1]] = TabelaSalva(casa[1], arquivo.name, SEM_CONTAGEM)
    return tabelas


def _nomes_possiveis(user_id: str) -> Iterator[str]:
    limpo = re.sub(r"[^0-9A-Za-z-]", "_", user_id)
    for tamanho in range(8, max(len(limpo), 8) + 1):
        nome = limpo[:tamanho]
        if not nome.endswith("-"):  # «abc12345-» e «abc12345» confundiriam
            yield PREFIXO + nome
    for n in range(2, 1_000_000):
        yield f"{PREFIXO}{limpo}_{n}"


def _nome_seguro(tabela: str) -> str:
    """O nome da tabela com o que o NTFS não aceita trocado por %XX, em até 100 bytes."""
    seguro = re.sub(r'[<>:"/\\|?*%\x00-\x1f\x7f]', lambda m: f"%{ord(m.group()):02X}", tabela)
    if len(seguro.encode()) > 100:
        seguro = seguro.encode()[:100].decode(errors="ignore")
    return "_" + seguro if seguro.startswith(".") else seguro


def _criar(caminho: Path, modo: str = "wb") -> BinaryIO:
    def privado(nome: str, flags: int) -> int:
        return os.open(nome, flags | os.O_EXCL, 0o600)

    return open(caminho, modo, opener=privado)  # type: ignore[return-value]


def _para_o_disco(arquivo: BinaryIO) -> None:
    arquivo.flush()
    os.fsync(arquivo.fileno())


def _sincronizar(pasta: Path) -> None:
    if os.name != "posix":
        return  # o Windows não abre pastas; o NTFS registra as renomeações no seu diário
    descritor = os.open(pasta, os.O_RDONLY)
    try:
        os.fsync(descritor)
    finally:
        os.close(descritor)


def _com_paciencia(fazer: Callable[[], object]) -> None:
    """No Windows, um antivírus pode segurar um arquivo recém-escrito por um instante."""
    for tentativa in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PermissionError),
        stop=tenacity.stop_after_attempt(10 if os.name == "nt" else 1),
        wait=tenacity.wait_random_exponential(multiplier=0.05, max=1),
        reraise=True,
    ):
        with tentativa:
            fazer()


def gravar_inteiro(caminho: Path, dados: bytes) -> None:
    """Troca o conteúdo de um arquivo de uma vez: quem lê vê o antigo ou o novo. OSError passa."""
    novo = caminho.with_name(f".{caminho.name}.novo")
    novo.unlink(missing_ok=True)
    with _criar(novo) as arquivo:
        arquivo.write(dados)
        _para_o_disco(arquivo)
    _mover(novo, caminho)
    _sincronizar(caminho.parent)


def _mover(de: Path, para: Path) -> None:
    _com_paciencia(lambda: de.replace(para))


_CAUSAS = {
    errno.ENOSPC: ("O disco está cheio", "Libere espaço ou escolha outra pasta com --destino."),
    errno.EDQUOT: ("A cota de disco acabou", "Libere espaço ou use outra pasta com --destino."),
    errno.EFBIG: (
        "O arquivo passou do tamanho permitido",
        "O disco (FAT32?) ou uma cota limita o tamanho: escolha outra pasta com --destino.",
    ),
    errno.EROFS: ("O disco é só de leitura", "Escolha outra pasta com --destino ou BACKUP_DIR."),
    errno.EACCES: (
        "Sem permissão para gravar",
        "Dê permissão de escrita na pasta ou escolha outra com --destino.",
    ),
    errno.EPERM: ("Sem permissão para gravar", "Escolha outra pasta com --destino."),
    errno.ENAMETOOLONG: (
        "O caminho é longo demais",
        "Escolha uma pasta de caminho mais curto com --destino ou BACKUP_DIR.",
    ),
    errno.ENOENT: ("A pasta não pode ser criada", "Confira --destino ou BACKUP_DIR."),
    errno.ENOTDIR: ("Há um arquivo onde devia haver uma pasta", "Confira --destino."),
    errno.EEXIST: ("Há um arquivo onde devia haver uma pasta", "Confira --destino."),
}


@contextlib.contextmanager
def erros_de_disco(caminho: Path) -> Iterator[None]:
    """Traduz OSError em FalhaDeDisco, com causa e cura."""
    # O usuário conhece a pasta da empresa, não a de montagem dentro dela.
    montagem = next((p for p in (caminho, *caminho.parents) if p.name.startswith(MONTAGEM)), None)
    caminho = montagem.parent if montagem else caminho
    try:
        yield
    except OSError as e:
        codigo = errno.ENAMETOOLONG if getattr(e, "winerror", None) == 206 else e.errno
        causa, cura = _CAUSAS.get(
            codigo or 0, (f"Erro de disco ({e.strerror or e})", "Confira o disco e a pasta.")
        )
        raise FalhaDeDisco(
            f"{causa}: {caminho}", cura + "\nOs backups anteriores continuam como estavam."
        ) from e
