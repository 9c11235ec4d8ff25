"""Os danos de um backup: relido, o que não é mais o que foi gravado."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cofre.base.disco import aberto_em_outro, erros_de_disco
from cofre.base.erros import BackupDanificado
from cofre.base.modelo import ARQUIVOS, Contradicao, ordem_de_exibicao
from cofre.base.palavras import como_se_diz, na_tela, numero, plural
from cofre.deposito import textos
from cofre.deposito.alheias import Alheias
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.citados import dos_conteudos
from cofre.deposito.conteudos.conferencia import Conferencia
from cofre.deposito.formato import sha256_do_arquivo, sha256_no_disco
from cofre.deposito.inventario import EmpresaComBackups, de_rotina
from cofre.deposito.lacre import conferencia
from cofre.deposito.ligacoes import Arquivo, Chaves, Ligacoes, contar_repetidas
from cofre.deposito.metadados import DETALHES, Metadados
from cofre.deposito.no_disco import estado_de
from cofre.deposito.passada import Observador, Somas, passar
from cofre.deposito.tabela_salva import SEM_CONTAGEM, TabelaSalva


@dataclass(frozen=True, slots=True)
class Dano:
    """Um problema de um backup; `tabela` vazia: o backup inteiro."""

    tabela: str
    causa: str

    @property
    def em_palavras(self) -> str:
        """«clientes: o arquivo sumiu», ou só a causa."""
        return f"{como_se_diz(self.tabela)}: {self.causa}" if self.tabela else self.causa


def anterior_inteiro(guardada: EmpresaComBackups, backup: Backup) -> Backup | None:
    """O backup de rotina completo mais novo, anterior a este, cujo conteúdo está como foi gravado.
    Relê os arquivos dos que examina."""
    anteriores = (b for b in reversed(guardada.backups) if b.ordem < backup.ordem)
    for anterior in anteriores:
        inteiro = de_rotina(anterior) and estado_de(anterior)[0] == "completo"
        if inteiro and not any(danos_de(anterior)):
            return anterior
    return None


def danos_de(
    backup: Backup, tabelas: Sequence[str] = (), conteudos: Conferencia | None = None
) -> Iterator[Dano]:
    """Os danos de um backup (só destas tabelas, se ditas). Cada arquivo se lê uma vez, e o dano de
    um não esconde os dos outros. `conteudos`: quem se lembra dos que já conferiu noutros backups da
    mesma pasta. Levanta FalhaDeDisco se outro programa segura um arquivo."""
    meta = backup.meta
    if meta is None:
        yield Dano("", backup.dano)
        return
    yield from danos_do_lacre(backup)
    yield from danos_do_conteudo(backup, meta, tabelas, conteudos)


def danos_do_conteudo(
    backup: Backup,
    meta: Metadados,
    tabelas: Sequence[str] = (),
    conteudos: Conferencia | None = None,
) -> Iterator[Dano]:
    """Os mesmos, menos os do lacre; `meta` são os metadados dele."""
    conteudos = conteudos or Conferencia(backup.pasta)
    if backup.fechado:
        yield from _danos_por_fora(backup, meta, tabelas)
        if not tabelas or ARQUIVOS in tabelas:
            yield from (Dano(ARQUIVOS, causa) for causa in conteudos.danos(backup))
        return
    nomes = sorted(meta.tabelas, key=ordem_de_exibicao)
    escolhidas = [n for n in nomes if not tabelas or n in tabelas]
    alheias = {n: a for n in escolhidas if (a := Alheias.de(meta, n))}
    sadias: list[str] = []
    estrangeiras = {n: meta.tabelas[n].estrangeiras for n in escolhidas}
    tipos = {n: meta.tabelas[n].tipos for n in escolhidas}
    with closing(Ligacoes(estrangeiras, tipos=tipos)) as ligacoes:
        for nome in escolhidas:
            salva = meta.tabelas[nome]
            dono: list[Observador] = [alheias[nome]] if nome in alheias else []
            observadores = [*dono, *ligacoes.observadores(nome, salva.chave)]
            try:
                conferir_arquivo(backup.arquivo(salva), observadores)
            except BackupDanificado as e:
                yield Dano(nome, f"{e}{_tambem_em_outros(backup.pasta / salva.arquivo)}")
            except OSError as e:
                yield _dano_do_disco(backup, salva, e)
            else:
                sadias.append(nome)
        # Do que não se lê nada se conclui; das outras, o que for delas.
        for nome in sadias:
            if nome in alheias and (quantas := alheias[nome].quantas):
                yield Dano(nome, plural(quantas, "registro", "registros") + " de outra empresa")
        yield from _fora_do_backup(meta, ligacoes.abertas(sadias))
    if ARQUIVOS in sadias:
        yield from (Dano(ARQUIVOS, causa) for causa in conteudos.danos(backup))


def _danos_por_fora(backup: Backup, meta: Metadados, tabelas: Sequence[str]) -> Iterator[Dano]:
    """O que se sabe de um cifrado sem a chave: cada arquivo tem os bytes que tinha."""
    for salva in meta.arquivos:
        if salva == dos_conteudos(backup):
            continue  # conferem-se com o que ele cita
        if tabelas and salva.nome not in (*tabelas, DETALHES):
            continue
        try:
            conferir_no_disco(salva, backup.caminho(salva))
        except BackupDanificado as e:
            yield Dano(salva.nome, f"{e}{_tambem_em_outros(backup.pasta / salva.arquivo)}")
        except OSError as e:
            yield _dano_do_disco(backup, salva, e)


def _dano_do_disco(backup: Backup, salva: TabelaSalva, e: OSError) -> Dano:
    """Levanta FalhaDeDisco se outro programa segura o arquivo: não é um dano."""
    if aberto_em_outro(e):
        with erros_de_disco(backup.pasta / salva.arquivo):
            raise e
    return Dano(salva.nome, f"o arquivo {salva.arquivo} não se lê ({e.strerror or e})")


def danos_do_lacre(backup: Backup) -> list[Dano]:
    """O que há de errado com o lacre: nada, ou um dano do backup inteiro. Levanta FalhaDeDisco."""
    causa = conferencia.causa(backup)
    return [Dano("", causa)] if causa else []


def _tambem_em_outros(arquivo: Path) -> str:
    """O que não mudou se guarda uma vez só, e um dano nele é o mesmo em cada backup."""
    try:
        outros = arquivo.stat().st_nlink - 1
    except (OSError, ValueError):
        return ""
    if outros < 1:
        return ""
    quais = plural(outros, "outro backup", "outros backups")
    return f" (é o mesmo arquivo em {quais}: o dano também)"


def conferir_bytes(arquivo: Arquivo) -> None:
    """Existência, tamanho e soma. Levanta BackupDanificado; OSError passa."""
    conferir_no_disco(arquivo.tabela, arquivo.caminho)
    if arquivo.tabela.sha256:
        _conferir_somas(arquivo.tabela, *sha256_do_arquivo(arquivo.caminho))


def conferir_arquivo(arquivo: Arquivo, observadores: Sequence[Observador] = ()) -> None:
    """Existência, tamanho, soma, JSON, contagem e chaves sem repetição, mostrando as linhas também
    a estes observadores. Levanta BackupDanificado; OSError passa."""
    salva = arquivo.tabela
    conferir_no_disco(salva, arquivo.caminho)
    somas = Somas()
    with closing(Chaves(salva)) as chaves:
        try:
            quantas = passar(arquivo.caminho, [chaves, *observadores], somas)
        finally:
            # Antes do JSON: o que mudou depois de gravado é isso, seja o que for que lá esteja.
            if salva.sha256 and somas.inteiras:
                _conferir_somas(salva, somas.sha256, somas.tamanho)
        if salva.registros not in (SEM_CONTAGEM, quantas):
            raise BackupDanificado(
                f"o arquivo tem {numero(quantas)} registros; tinha {numero(salva.registros)}"
            )
        repetidas = contar_repetidas(chaves, arquivo)
    if repetidas:
        raise BackupDanificado(
            plural(repetidas, "registro repete", "registros repetem") + " a chave de outro"
        )
    if salva.textos is not None and arquivo.textos is not None:
        conferir_arquivo(Arquivo(salva.textos, arquivo.textos))
        textos.conferir(textos.Textos(arquivo.textos, salva.de_quem), quantas)


def conferir_no_disco(salva: TabelaSalva, caminho: Path) -> None:
    """Existência e tamanho e, de um cifrado, a soma do que está no disco: para isso não é precisa
    chave nenhuma. Levanta BackupDanificado; OSError passa."""
    if not caminho.is_file():
        raise BackupDanificado(f"o arquivo {salva.arquivo} não existe")
    no_disco = caminho.stat().st_size
    if salva.compactado and no_disco != salva.bytes_no_disco:
        esperado = f"{numero(salva.bytes_no_disco)} bytes"
        raise BackupDanificado(f"o arquivo tem {numero(no_disco)} bytes; tinha {esperado}")
    if salva.cifrado and sha256_no_disco(caminho)[0] != salva.sha256_cifrado:
        raise BackupDanificado("o arquivo cifrado mudou: a soma sha256 não confere")


def _conferir_somas(salva: TabelaSalva, soma: str, tamanho: int) -> None:
    if tamanho != salva.bytes:
        esperado = f"{numero(salva.bytes)} bytes"
        raise BackupDanificado(f"o arquivo tem {numero(tamanho)} bytes; tinha {esperado}")
    if soma != salva.sha256:
        raise BackupDanificado("o conteúdo mudou: a soma sha256 não confere")


def _fora_do_backup(meta: Metadados, abertas: Sequence[Contradicao]) -> Iterator[Dano]:
    """Chaves estrangeiras abertas além das que o próprio backup já declarou."""
    declaradas = {(c.tabela, c.por): c.quantidade for c in meta.contradicoes}
    for aberta in abertas:
        a_mais = aberta.quantidade - declaradas.get((aberta.tabela, aberta.por), 0)
        if a_mais > 0:
            quantas = plural(a_mais, "registro aponta", "registros apontam")
            yield Dano(aberta.tabela, f"{quantas} para fora do backup ({aberta.por})")


def recusar_danificado(
    guardada: EmpresaComBackups,
    backup: Backup,
    danos: Sequence[Dano],
    outra_escolha: str,
    sadias: Sequence[str] = (),
) -> None:
    """Levanta BackupDanificado se há algum destes danos, com o anterior que presta; sem um,
    `outra_escolha` diz como escolher. `sadias`: as tabelas que se podem tirar deste."""
    if backup.meta is None:
        raise BackupDanificado(backup.dano)
    if danos:
        lista = "\n".join(d.em_palavras for d in danos)
        anterior = anterior_inteiro(guardada, backup)
        outro = f"--backup {anterior.carimbo}" if anterior else outra_escolha
        raise BackupDanificado(
            f"O backup de {na_tela(backup.quando)} está danificado.",
            f"{lista}\nNada foi alterado. Escolha um backup anterior inteiro: {outro}"
            + (
                f"\nou só o que está inteiro neste: --tabelas {','.join(map(como_se_diz, sadias))}"
                if sadias
                else ""
            ),
        )
