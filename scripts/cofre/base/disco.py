"""As operações de disco que não deixam meio-termo, e os erros do disco em palavras."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from cofre.base.erros import FalhaDeDisco

MONTAGEM, PODANDO = ".em_andamento_", ".podando_"
"""O começo dos nomes das pastas de trabalho, dentro da pasta da empresa: onde um backup é montado,
e de onde ele é apagado."""


def criar_privado(caminho: Path) -> BinaryIO:
    """Um arquivo novo, para escrever bytes, que só o dono lê. OSError passa (já existir é um)."""

    def privado(nome: str, flags: int) -> int:
        return os.open(nome, flags | os.O_EXCL, 0o600)

    return open(caminho, "wb", opener=privado)


MAIOR_FICHA = 64 * 1024 * 1024
"""Bytes: mais do que qualquer arquivo pequeno nosso (os metadados de vinte mil tabelas)."""


def ler_ficha(caminho: Path) -> bytes:
    """O conteúdo de um arquivo pequeno. OSError passa, e é também o que se levanta do que não é um
    arquivo comum (abrir um cano sem ninguém na outra ponta não voltaria) ou passa de MAIOR_FICHA.
    """
    info = os.stat(caminho)  # noqa: PTH116 (lê-se uma dúzia por empresa)
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "não é um arquivo comum", str(caminho))
    if info.st_size > MAIOR_FICHA:
        raise OSError(errno.EFBIG, "é grande demais", str(caminho))
    with caminho.open("rb", buffering=0) as arquivo:
        return arquivo.readall()


def para_o_disco(arquivo: BinaryIO) -> None:
    """Só volta com os bytes no disco. OSError passa."""
    arquivo.flush()
    os.fsync(arquivo.fileno())


def sincronizar(pasta: Path) -> None:
    """Só volta com os nomes da pasta no disco. OSError passa."""
    if os.name != "posix":
        return  # o Windows não abre pastas; o NTFS registra as renomeações no seu diário
    descritor = os.open(pasta, os.O_RDONLY)
    try:
        os.fsync(descritor)
    finally:
        os.close(descritor)


def com_paciencia(fazer: Callable[[], object]) -> None:
    """No Windows, um antivírus pode segurar um arquivo recém-escrito por um instante."""
    if os.name != "nt":
        fazer()
        return
    import tenacity  # leva 10 ms a importar; com o Dask instalado, 40

    for tentativa in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PermissionError),
        stop=tenacity.stop_after_attempt(10),
        wait=tenacity.wait_random_exponential(multiplier=0.05, max=1),
        reraise=True,
    ):
        with tentativa:
            fazer()


def gravar_inteiro(caminho: Path, dados: bytes, *, esperar: bool = True) -> None:
    """Troca o conteúdo de um arquivo de uma vez: quem lê vê o antigo ou o novo. `esperar`: até que
    esteja no disco. OSError passa."""
    with gravando_inteiro(caminho, esperar=esperar) as arquivo:
        arquivo.write(dados)


@contextlib.contextmanager
def gravando_inteiro(caminho: Path, *, esperar: bool = True) -> Iterator[BinaryIO]:
    """O mesmo, do que se escreve aos poucos: o novo só toma o lugar do antigo se se chega ao fim do
    contexto sem erro nenhum. OSError passa."""
    novo = caminho.with_name(f".{caminho.name}.novo")
    novo.unlink(missing_ok=True)
    try:
        with criar_privado(novo) as arquivo:
            yield arquivo
            if esperar:
                para_o_disco(arquivo)
        mover(novo, caminho)
    except BaseException:
        novo.unlink(missing_ok=True)
        raise
    if esperar:
        sincronizar(caminho.parent)


def mover(de: Path, para: Path) -> None:
    """Dá outro nome ao arquivo, por cima de um que já o tenha. OSError passa."""
    com_paciencia(lambda: de.replace(para))


ABERTOS = (32, 33)
"""Os códigos do Windows para um arquivo, ou um trecho dele, que outro programa segura."""
_ABERTO = (
    "O arquivo está aberto em outro programa",
    "Feche-o nesse programa (uma planilha, um editor, o antivírus) e tente de novo.",
)
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
def erros_de_disco(
    caminho: Path, consolo: str = "Os backups anteriores continuam como estavam."
) -> Iterator[None]:
    """Traduz OSError em FalhaDeDisco, com causa e cura; o `consolo` diz o que não se perdeu."""
    try:
        yield
    except OSError as e:
        causa, cura = _causa(e)
        raise FalhaDeDisco(f"{causa}: {_que_se_conhece(caminho)}", f"{cura}\n{consolo}") from e


def _que_se_conhece(caminho: Path) -> Path:
    """O usuário conhece a pasta da empresa, não a de trabalho dentro dela."""
    nossas = (p for p in (caminho, *caminho.parents) if p.name.startswith((MONTAGEM, PODANDO)))
    de_trabalho = next(nossas, None)
    return de_trabalho.parent if de_trabalho else caminho


def aberto_em_outro(e: OSError) -> bool:
    """Se algum dos arquivos do erro está aberto noutro programa: fechado, volta a ser o que era."""
    if getattr(e, "winerror", None) in ABERTOS:
        return True
    if not isinstance(e, PermissionError):
        return False
    nomes = (e.filename, e.filename2)
    return any(_segurado(nome) for nome in nomes if isinstance(nome, str))


if sys.platform == "win32":
    import _winapi

    _APAGAR, _TUDO, _TAMBEM_PASTAS = 0x10000, 7, 0x02000000

    def _segurado(nome: str) -> bool:
        """O `open` perde o código do Windows, e trocar um arquivo aberto dá o mesmo da falta de
        permissão. Pedir o direito de apagá-lo, deixando tudo aos outros, distingue os dois."""
        try:
            aberto = _winapi.CreateFile(
                nome, _APAGAR, _TUDO, 0, _winapi.OPEN_EXISTING, _TAMBEM_PASTAS, 0
            )
        except OSError as e:
            return e.winerror in ABERTOS
        _winapi.CloseHandle(aberto)
        return False

else:

    def _segurado(nome: str) -> bool:
        """Só o Windows recusa um arquivo porque outro programa o tem aberto."""
        return False


def _causa(e: OSError) -> tuple[str, str]:
    """O que houve, e o que fazer."""
    no_windows = getattr(e, "winerror", None)
    if aberto_em_outro(e):
        return _ABERTO
    codigo = errno.ENAMETOOLONG if no_windows == 206 else e.errno
    desconhecido = (f"Erro de disco ({e.strerror or e})", "Confira o disco e a pasta.")
    return _CAUSAS.get(codigo or 0, desconhecido)


def guardar_uma_vez(novo: Path, antigo: Path) -> bool:
    """Faz de `novo` mais um nome do arquivo `antigo`, e diz se fez.

    Só se os dois têm os mesmos bytes no disco, relidos agora: a soma que os metadados dizem de um
    arquivo que se estragou continua a mesma. Onde não dá (FAT, algumas pastas de rede, 1.023 nomes
    no NTFS, 65.000 no ext4), `novo` fica como está.
    """
    with contextlib.suppress(OSError):
        if novo.samefile(antigo):
            return True
        return _parecidos(novo, antigo) and ligar_se(
            novo, antigo, lambda igual: filecmp.cmp(novo, igual, shallow=False)
        )
    return False


def ligar_se(novo: Path, antigo: Path, confere: Callable[[Path], bool]) -> bool:
    """Faz de `novo` mais um nome do arquivo `antigo`, e diz se fez. `confere` olha o que vai ficar,
    já com um nome provisório: o nome antigo pode passar a ser de outro arquivo. Se o recusa, ou
    onde não dá, `novo` fica como está."""
    provisorio = novo.with_name(f".{novo.name}.igual")
    try:
        os.link(antigo, provisorio)
        if confere(provisorio):
            mover(provisorio, novo)
            return True
    except OSError:
        pass  # o arquivo novo está inteiro: só não se poupou espaço
    with contextlib.suppress(OSError):
        provisorio.unlink(missing_ok=True)
    return False


def _parecidos(novo: Path, antigo: Path) -> bool:
    """Se são arquivos comuns do mesmo tamanho, dono e permissões."""
    a, b = novo.lstat(), antigo.lstat()
    iguais = (a.st_size, a.st_mode, a.st_uid) == (b.st_size, b.st_mode, b.st_uid)
    return iguais and stat.S_ISREG(a.st_mode)


def ocupado(caminhos: Iterable[Path]) -> int:
    """Quantos bytes estes arquivos ocupam, contando uma vez só o que é compartilhado. Os que não
    existem não contam. OSError passa."""
    return sum(tamanho for tamanho, _nomes, _aqui in _arquivos(caminhos))


def liberado(caminhos: Iterable[Path]) -> int:
    """Quantos bytes voltam se estes nomes forem apagados: só os dos arquivos que não têm outro."""
    return sum(tamanho for tamanho, nomes, aqui in _arquivos(caminhos) if aqui >= nomes)


def _arquivos(caminhos: Iterable[Path]) -> list[tuple[int, int, int]]:
    """De cada arquivo: o tamanho, quantos nomes tem ao todo, e quantos estão entre estes."""
    aqui: Counter[tuple[int, int]] = Counter()
    vistos: dict[tuple[int, int], tuple[int, int]] = {}
    for n, caminho in enumerate(caminhos):
        try:
            info = caminho.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISREG(info.st_mode):
            continue
        # Sem número de arquivo (algumas pastas de rede), cada nome conta por si.
        chave = (info.st_dev, info.st_ino) if info.st_ino else (-1, n)
        aqui[chave] += 1
        vistos[chave] = (info.st_size, info.st_nlink)
    return [(tamanho, nomes, aqui[chave]) for chave, (tamanho, nomes) in vistos.items()]
