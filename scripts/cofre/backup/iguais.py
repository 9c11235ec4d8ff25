"""A empresa em que nada mudou desde o último backup de hoje: outro igual não diria nada a mais.

Só a tarefa que roda mais de uma vez por dia o pergunta. Igual é ter as mesmas somas em cada tabela,
descritas do mesmo modo; à menor dúvida faz-se o backup.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from cofre.backup.notado import Notado
from cofre.backup.resumo import Resultado
from cofre.base.disco import erros_de_disco, ler_ficha
from cofre.base.erros import FalhaDeDisco
from cofre.base.modelo import Empresa
from cofre.base.palavras import exibir_pasta
from cofre.base.relato import Relato
from cofre.deposito import cobertura
from cofre.deposito.backup import Backup, arquivo_de_metadados
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import diarios, pendentes
from cofre.deposito.lacre import conferencia
from cofre.deposito.metadados import Metadados, bruto_de
from cofre.deposito.no_disco import estado_de
from cofre.deposito.nomes import CONTEUDOS, dos_textos
from cofre.deposito.tabela_salva import TabelaSalva, tabela_em_json
from cofre.escopo.escopo import Escopo
from cofre.foto.arquivos import FotoMontada, com_descricao, nome_de
from cofre.foto.contradicoes import dependem_so_das_linhas
from cofre.foto.foto import Contexto, Foto
from cofre.rotina.encolhimento import reconhecido_ate
from cofre.rotina.marcas import Estragos
from cofre.via.leitura import IGUAL, TabelaLida

DESCRICAO = (
    "colunas",
    "chave",
    "chaves_estrangeiras",
    "nao_gravaveis",
    "dono",
    "exata",
    "sem_prova",
    "sempre_com_texto",
    "notas",
)
"""O que os metadados dizem de uma tabela além das linhas dela."""
A_VOLTA = ("nome", "contradicoes", "deixadas_de_fora", "tabelas_ausentes")
"""O que dizem da empresa e do banco."""


def vista_igual(foto: FotoMontada, deposito: Deposito) -> Resultado | None:
    """O resultado de uma empresa de que nada mudou desde o backup de hoje, com isso anotado; None
    se há que fazer outro. Com a trava da empresa na mão. Levanta FalhaDeDisco."""
    with erros_de_disco(foto.pasta):
        igual = o_mesmo(foto, deposito)
    if igual is None:
        return None
    foto.e_a_mesma(igual)
    return _resultado(foto.empresa, foto.pasta, foto.salvas, igual, foto.inicio)


def _resultado(
    empresa: Empresa,
    pasta: Path,
    tabelas: Mapping[str, TabelaSalva],
    igual: Backup,
    quando: datetime,
) -> Resultado:
    return Resultado(
        empresa,
        exibir_pasta(pasta),
        tabelas=tabelas,
        notado=ainda_notado(igual),
        igual_a=igual.carimbo,
        sem_cobertura=cobertura.anotar(igual, empresa.id, quando),
    )


def vista_sem_gravar(
    foto: Foto, deposito: Deposito, contexto: Contexto, descricoes: Descricoes
) -> Resultado | None:
    """O mesmo que `vista_igual`, quando o banco diz de todas as tabelas que são as do backup de
    hoje: então nem se gravam, nem se leem. None: não se sabe. Com a trava da empresa na mão.
    Levanta FalhaDeDisco."""
    if foto.colheitas or foto.perdidas or not dependem_so_das_linhas(contexto.escopo.tabelas):
        return None
    pasta = deposito.pasta_da_empresa(foto.empresa.id)
    with erros_de_disco(pasta):
        ultimo = _de_hoje(foto.empresa.id, foto.inicio, deposito)
        if ultimo is None or ultimo.meta is None or not _todas_dele(foto, ultimo):
            return None
        meta = ultimo.meta
        for lida in foto.lida.tabelas:
            if descricoes.de(lida) != _descrita(meta.tabelas[lida.tabela.nome]):
                return None
        dito, inspecao = _bruto(ultimo), contexto.inspecao
        agora = {
            "nome": nome_de(foto.empresa),
            "contradicoes": dito.get("contradicoes"),  # com as mesmas linhas, são as mesmas
            "deixadas_de_fora": [asdict(d) for d in inspecao.escopo.de_fora],
            "tabelas_ausentes": list(inspecao.catalogo.ausentes),
        }
        if _a_volta(dito) != _a_volta(agora) or not _como_se_gravou(ultimo):
            return None
    return _resultado(foto.empresa, pasta, dict(meta.tabelas), ultimo, foto.inicio)


def _todas_dele(foto: Foto, ultimo: Backup) -> bool:
    """Se o que se leu foi que nada mudou desde este backup, e dele é tudo."""
    lidas, meta = foto.lida.tabelas, ultimo.meta
    return (
        meta is not None
        and foto.lida.instantanea
        and not ultimo.cifrado
        and {t.tabela.nome for t in lidas} == set(meta.tabelas)
        and all(t.falha is None and t.reuso.divergiu is None for t in lidas)
        and all(t.reuso.como == IGUAL and t.reuso.anterior is not None for t in lidas)
        and {t.reuso.anterior.carimbo for t in lidas if t.reuso.anterior} == {ultimo.carimbo}
    )


@dataclass(slots=True)
class Descricoes:
    """O que se diz de cada tabela além das linhas: de uma empresa para a outra, quase sempre o
    mesmo."""

    escopo: Escopo
    _feitas: dict[tuple[str, object], Any] = field(default_factory=dict)

    def de(self, lida: TabelaLida) -> Any:
        """O da tabela que se leu."""
        qual = (lida.tabela.nome, lida.sem_prova)
        if qual not in self._feitas:
            salva = com_descricao(TabelaSalva(lida.tabela.nome, "", 0), lida, self.escopo)
            self._feitas[qual] = _descrita(salva)
        return self._feitas[qual]


def coberta(publicado: Backup, relato: Relato, *, sempre: bool) -> timedelta:
    """Quanto tempo se passou sem backup inteiro até este, que se anota; o que não se pôde anotar
    não o desfaz, que está feito. A quem faz backups à mão e nada prometeu (`sempre`: prometeu), não
    aparece na pasta um arquivo a mais: as datas dos backups bastam."""
    meta = publicado.meta
    if meta is None or not (sempre or meta.tipo == "agendado" or cobertura.ha(publicado.pasta)):
        return timedelta()
    if meta.inteiro and meta.de_rotina:
        try:
            return cobertura.anotar(publicado, meta.user_id, publicado.quando)
        except FalhaDeDisco as e:
            relato.aviso(f"{cobertura.ARQUIVO} não pôde ser escrito. {e}")
    return timedelta()


def o_mesmo(foto: FotoMontada, deposito: Deposito) -> Backup | None:
    """O backup mais novo da empresa, se é de hoje, está inteiro e no lugar, e é o que a foto é.
    Levanta FalhaDeDisco; OSError passa."""
    if not foto.instantanea or foto.falhas or foto.divergiram:
        return None
    ultimo = _de_hoje(foto.empresa.id, foto.inicio, deposito)
    if ultimo is None or ultimo.meta is None:
        return None
    # Por último o que mais custa: se já não está como foi gravado, faz-se outro.
    e_o_mesmo = _igual(ultimo, ultimo.meta, foto, deposito.cifra) and _como_se_gravou(ultimo)
    return ultimo if e_o_mesmo else None


def _de_hoje(user_id: str, inicio: datetime, deposito: Deposito) -> Backup | None:
    """O backup mais novo da empresa, se é de hoje e de confiança."""
    ultimo = deposito.ultimo(user_id)
    if ultimo is None or ultimo.meta is None:
        return None
    agora = inicio.astimezone()
    de_hoje = ultimo.quando.date() == agora.date() and ultimo.quando <= agora
    meta = ultimo.meta
    de_confianca = meta.de_rotina and meta.inteiro and meta.consistencia == "instantanea"
    if not de_hoje or not de_confianca or meta.restauracao_por_concluir:
        return None
    return None if pendentes(diarios(ultimo.pasta)) else ultimo


def _como_se_gravou(backup: Backup) -> bool:
    """Se os arquivos estão no lugar, e o lacre é o dele."""
    return estado_de(backup)[0] == "completo" and not conferencia.causa(backup)


def ainda_notado(backup: Backup) -> Notado:
    """O que se notou neste backup e ninguém reconheceu: continua a ser assim, que nada mudou. O que
    mudou fora do comum já se disse quando ele se fez."""
    if backup.meta is None:
        return Notado()
    estragos = Estragos(reconhecido_ate(backup.pasta, backup.meta.user_id))
    return Notado(estragos.encolhimentos(backup.meta, backup.ordem))


def _igual(ultimo: Backup, meta: Metadados, foto: FotoMontada, cifra: Cifra | None) -> bool:
    """De um cifrado só se sabe o conteúdo dos arquivos, pela marca."""
    if set(meta.tabelas) != set(foto.salvas) or ultimo.cifrado != (cifra is not None):
        return False
    if meta.origem.get("url") != foto.metadados["origem"]["url"]:
        return False
    for nome, nova in foto.salvas.items():
        antiga = meta.tabelas[nome]
        if not all(_mesmo_arquivo(*par, cifra) for par in _arquivos(nome, antiga, nova)):
            return False
        if not ultimo.cifrado and _descrita(antiga) != _descrita(nova):
            return False
    return ultimo.cifrado or _a_volta(_bruto(ultimo)) == _a_volta(foto.metadados)


def _arquivos(
    nome: str, antiga: TabelaSalva, nova: TabelaSalva
) -> Iterator[tuple[str, TabelaSalva | None, TabelaSalva | None]]:
    """Os arquivos de uma tabela, antes e agora, com o nome por que a montagem os chama."""
    yield nome, antiga, nova
    yield dos_textos(nome), antiga.textos, nova.textos
    yield CONTEUDOS, antiga.conteudos, nova.conteudos


def _mesmo_arquivo(
    quem: str, antiga: TabelaSalva | None, nova: TabelaSalva | None, cifra: Cifra | None
) -> bool:
    if antiga is None or nova is None:
        return antiga is nova
    if (antiga.registros, antiga.bytes) != (nova.registros, nova.bytes):
        return False
    if antiga.cifrado and cifra is not None:
        if nova.sha256_cifrado and nova.sha256_cifrado == antiga.sha256_cifrado:
            return True  # já é o de então, aproveitado sem se ler
        marca = cifra.marca(quem, nova.sha256, antiga.sha256_cifrado)
        return hmac.compare_digest(marca, antiga.marca)
    return bool(nova.sha256) and antiga.sha256 == nova.sha256


def _bruto(backup: Backup) -> dict[str, Any]:
    return bruto_de(ler_ficha(arquivo_de_metadados(backup.pasta, backup.carimbo)))


def _descrita(tabela: TabelaSalva) -> Any:
    """Em listas e textos, como se lê de um arquivo."""
    dita = tabela_em_json(tabela)
    if notas := dita.get("notas"):  # quantos arquivos desceram é da execução, e não do que há
        dita["notas"] = {nome: nota for nome, nota in notas.items() if nome != "novos"}
    return msgspec.to_builtins({c: dita[c] for c in DESCRICAO if c in dita})


def _a_volta(dito: Mapping[str, Any]) -> Any:
    return msgspec.to_builtins({c: dito.get(c) for c in A_VOLTA})
