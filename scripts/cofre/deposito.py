"""A pasta dos backups: quem é de quem, o que está inteiro, e como se publica sem meio-termo.

Um backup é montado numa pasta de montagem (`.em_andamento_<carimbo>`) dentro da pasta da empresa,
com os nomes definitivos, e gravado no disco (fsync). Os metadados são escritos nela por último:
a partir daí o backup está pronto e publicar é só mover, os metadados por último. Um processo morto
antes disso não deixa backup; morto depois, a próxima execução termina de mover. Só pastas de
montagem são recolhidas: elas são certamente nossas.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO

from cofre import metadados, remocao
from cofre.base.disco import (
    MONTAGEM,
    PODANDO,
    criar_privado,
    erros_de_disco,
    guardar_uma_vez,
    mover,
    para_o_disco,
    sincronizar,
)
from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ordem_de_exibicao
from cofre.formato import compactando
from cofre.metadados import CARIMBO, METADADOS, SEM_CONTAGEM, Metadados, TabelaSalva

PREFIXO = "empresa_"
FORMATO_DO_CARIMBO = "%Y%m%d_%H%M%S"
MEMORIA_DO_RASCUNHO = 64 * 1024
"""Bytes; uma empresa tem dezenas de tabelas abertas ao mesmo tempo, quase todas menores."""
ANTERIORES = 3
"""Em quantos dos backups anteriores se procura o arquivo que não mudou: o último pode ser só de
algumas tabelas, ou estar danificado."""


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
        return momento(self.carimbo)

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


def momento(carimbo: str) -> datetime:
    """A hora local de um carimbo."""
    return datetime.strptime(carimbo, FORMATO_DO_CARIMBO).astimezone()


class Deposito:
    """Uma pasta de backups (`raiz`). `compactar`: os novos levam as tabelas em .json.gz."""

    def __init__(self, raiz: Path, *, compactar: bool = False) -> None:
        self.raiz = raiz
        self.compactar = compactar
        self._trinco = threading.Lock()
        self._pastas: dict[str, Path] = {}
        self._por_comeco: dict[str, list[Path]] | None = None

    def preparar(self) -> None:
        """Cria a raiz e recolhe o que execuções mortas deixaram. Só com a trava na mão.
        Levanta FalhaDeDisco."""
        with erros_de_disco(self.raiz):
            self.raiz.mkdir(parents=True, exist_ok=True, mode=0o700)
            for montagem in sorted(self.raiz.glob(f"{PREFIXO}*/{MONTAGEM}*")):
                _recolher(montagem)
            for poda in sorted(self.raiz.glob(f"{PREFIXO}*/{PODANDO}*")):
                remocao.recolher(poda)
        # Com a trava na mão, pastas novas só nascem aqui: com dez mil empresas, procurar a de cada
        # uma no disco seria ler dez mil nomes dez mil vezes.
        self._por_comeco = {}
        for pasta in self.pastas():
            self._lembrar(pasta)

    def pastas(self) -> list[Path]:
        """As pastas de empresas, em ordem de nome."""
        with erros_de_disco(self.raiz):
            if not self.raiz.is_dir():
                return []
            return sorted(p for p in self.raiz.glob(f"{PREFIXO}*") if p.is_dir())

    def backups(self, pasta: Path) -> list[Backup]:
        """Os backups de uma pasta, do mais antigo ao mais novo (pelo carimbo, nunca pelo mtime)."""
        return [self.abrir(pasta, carimbo) for carimbo in self.carimbos(pasta)]

    def carimbos(self, pasta: Path) -> list[str]:
        """Os carimbos dos backups de uma pasta, em ordem, sem abrir nenhum."""
        nomes = (arquivo.name for arquivo in pasta.glob(f"{METADADOS}*.json"))
        casam = (re.fullmatch(rf"{METADADOS}({CARIMBO})\.json", nome) for nome in nomes)
        return sorted(casa[1] for casa in casam if casa)

    def abrir(self, pasta: Path, carimbo: str) -> Backup:
        """O backup com este carimbo; o que não se lê vem com o `dano`."""
        return _abrir(pasta, arquivo_de_metadados(pasta, carimbo), carimbo)

    def do_mais_novo(self, pasta: Path) -> Iterator[Backup]:
        """Os backups de uma pasta, do mais novo ao mais antigo, abertos só quando se pedem."""
        return (self.abrir(pasta, carimbo) for carimbo in reversed(self.carimbos(pasta)))

    def da_empresa(self, user_id: str) -> list[Backup]:
        """Os backups legíveis desta empresa, do mais antigo ao mais novo."""
        return list(self.da_empresa_do_mais_novo(user_id))[::-1]

    def da_empresa_do_mais_novo(self, user_id: str) -> Iterator[Backup]:
        """Os mesmos, do mais novo ao mais antigo, cada um só lido quando se chega a ele."""
        todos = heapq.merge(
            *(self.do_mais_novo(pasta) for pasta in self._candidatas(user_id)),
            key=lambda b: b.carimbo,
            reverse=True,
        )
        return (b for b in todos if b.meta and b.meta.user_id == user_id)

    def ultimo(self, user_id: str) -> Backup | None:
        """O backup legível mais novo desta empresa, de qualquer tipo."""
        return next(self.da_empresa_do_mais_novo(user_id), None)

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
        escolhidas = self._pastas.values() if self._por_comeco is None else ()
        tomadas = {p.name.lower() for p in (*candidatas, *escolhidas)}
        nome = next(n for n in _nomes_possiveis(user_id) if n.lower() not in tomadas)
        self._lembrar(self.raiz / nome)
        return self.raiz / nome

    def _candidatas(self, user_id: str) -> list[Path]:
        comeco = next(_nomes_possiveis(user_id)).lower()
        lembradas = self._por_comeco
        perto = self.pastas() if lembradas is None else lembradas.get(_comeco(comeco), [])
        return [p for p in perto if p.name.lower().startswith(comeco)]

    def _lembrar(self, pasta: Path) -> None:
        if self._por_comeco is not None:
            self._por_comeco.setdefault(_comeco(pasta.name), []).append(pasta)

    def _dono(self, pasta: Path) -> str | None:
        legiveis = (b.meta for b in self.do_mais_novo(pasta))
        return next((m.user_id for m in legiveis if m), None)

    def rascunho(self) -> IO[bytes]:
        """Um arquivo de trabalho sem nome: na memória enquanto é pequeno, depois no disco."""
        return tempfile.SpooledTemporaryFile(MEMORIA_DO_RASCUNHO, "w+b", dir=str(self.raiz))

    def montar(self, user_id: str, agora: datetime) -> Montagem:
        """Abre a montagem de um backup novo. Levanta FalhaDeDisco."""
        pasta = self.pasta_da_empresa(user_id)
        with erros_de_disco(pasta):
            pasta.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.name == "posix":
                pasta.chmod(0o700)
            usados = {m.group() for p in pasta.iterdir() if (m := re.search(CARIMBO, p.name))}
            momento = agora.replace(microsecond=0)
            while momento.strftime(FORMATO_DO_CARIMBO) in usados:
                momento += timedelta(seconds=1)
            carimbo = momento.strftime(FORMATO_DO_CARIMBO)
            montagem = pasta / f"{MONTAGEM}{carimbo}"
            montagem.mkdir(mode=0o700)
        return Montagem(pasta, montagem, carimbo, compactar=self.compactar)


class Montagem:
    """Um backup sendo montado. Use como contexto: sem `publicar`, tudo some."""

    def __init__(self, pasta: Path, montagem: Path, carimbo: str, *, compactar: bool) -> None:
        self.pasta = pasta
        self.carimbo = carimbo
        self.compactar = compactar
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
        fim = f"{self.carimbo}.json.gz" if self.compactar else f"{self.carimbo}.json"
        for tabela in sorted(tabelas, key=ordem_de_exibicao):
            base, n = _nome_seguro(tabela), 1
            nome = f"{base}_{fim}"
            while nome.lower() in usados:
                n += 1
                nome = f"{base}~{n}_{fim}"
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
        """Abre o arquivo definitivo da tabela, para escrever o JSON dela; ao sair, está no disco,
        compactado se for o caso. Levanta FalhaDeDisco."""
        with erros_de_disco(self.caminho(tabela)), criar_privado(self.caminho(tabela)) as arquivo:
            if self.compactar:
                with compactando(arquivo) as saida:
                    yield saida
            else:
                yield arquivo
            para_o_disco(arquivo)

    def publicar(self, bruto: Mapping[str, Any]) -> Backup:
        """Grava os metadados e move tudo para a pasta da empresa. Levanta FalhaDeDisco."""
        nome = f"{METADADOS}{self.carimbo}.json"
        with erros_de_disco(self.pasta):
            self._guardar_uma_vez(bruto)
            rascunho = self._montagem / f"{nome}.novo"
            with criar_privado(rascunho) as arquivo:
                arquivo.write(metadados.em_bytes(bruto))
                para_o_disco(arquivo)
            mover(rascunho, self._montagem / nome)
            sincronizar(self._montagem)
            _terminar(self._montagem)
        return _abrir(self.pasta, self.pasta / nome, self.carimbo)

    def _guardar_uma_vez(self, bruto: Mapping[str, Any]) -> None:
        """A tabela que não mudou desde um dos backups anteriores não ocupa o disco de novo."""
        anteriores = _ultimos(self.pasta, str(bruto["user_id"]))
        for nome, nova in bruto["tabelas"].items():
            for anterior in anteriores:
                antiga = _mesma(anterior, nome, nova)
                if antiga and guardar_uma_vez(self.caminho(nome), antiga):
                    break


def _ultimos(pasta: Path, user_id: str) -> list[Backup]:
    """Os últimos backups desta empresa, do mais novo ao mais antigo, sem abrir os outros."""
    nomes = sorted((p.name for p in pasta.glob(f"{METADADOS}*.json")), reverse=True)
    casados = (re.fullmatch(rf"{METADADOS}({CARIMBO})\.json", nome) for nome in nomes)
    ultimos = itertools.islice((c for c in casados if c), ANTERIORES)
    abertos = (_abrir(pasta, pasta / c.group(), c[1]) for c in ultimos)
    return [b for b in abertos if b.meta and b.meta.user_id == user_id]


def _mesma(anterior: Backup, nome: str, nova: Mapping[str, Any]) -> Path | None:
    """O arquivo da tabela naquele backup, se os metadados dizem que é igual ao da nova."""
    antiga = anterior.meta.tabelas.get(nome) if anterior.meta else None
    if antiga is None or antiga.compactado != bool(nova.get("compactado")):
        return None
    if (antiga.sha256, antiga.bytes) != (nova["sha256"], nova["bytes"]):
        return None
    try:
        return anterior.caminho(antiga)
    except BackupDanificado:
        return None


def arquivo_de_metadados(pasta: Path, carimbo: str) -> Path:
    """Onde estão os metadados de um backup publicado."""
    return pasta / f"{METADADOS}{carimbo}.json"


def _recolher(montagem: Path) -> None:
    """Termina o que já estava pronto; apaga o que não estava."""
    carimbo = montagem.name.removeprefix(MONTAGEM)
    if not re.fullmatch(CARIMBO, carimbo) or montagem.is_symlink() or not montagem.is_dir():
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
            mover(arquivo, pasta / arquivo.name)
    sincronizar(pasta)
    mover(montagem / ultimo, pasta / ultimo)
    sincronizar(pasta)
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
        casa = re.fullmatch(rf"(.+)_({CARIMBO})\.json", arquivo.name)
        if casa and arquivo != metadados_ and anterior < casa[2] <= carimbo:
            tabelas[casa[1]] = TabelaSalva(casa[1], arquivo.name, SEM_CONTAGEM)
    return tabelas


def _comeco(nome: str) -> str:
    """O começo que o nome de uma pasta tem em comum com os outros que a empresa poderia ter."""
    return nome[: len(PREFIXO) + 8].lower()


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
