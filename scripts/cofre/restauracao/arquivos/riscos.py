"""O que impediria os arquivos de voltarem, e o que deles se diz, antes da primeira escrita."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cofre.base.apelido import apelido
from cofre.base.linha import Linha
from cofre.base.modelo import ARQUIVOS
from cofre.base.palavras import como_se_diz, plural, registros_de, tamanho, visivel
from cofre.deposito.backup import Backup
from cofre.deposito.linhas import ler_linhas
from cofre.escopo.arquivos import Decisao
from cofre.foto.storage.relacao import marca_de
from cofre.plano.alvo import Arquivos
from cofre.plano.plano import Plano
from cofre.plano.recusas import EXEMPLOS
from cofre.plano.tabela import ALTERAR, REPOR, Acao, mudancas
from cofre.restauracao.arquivos.execucao import ALHEIO, CURA_DA_REGRA, CURAS, POR_QUE_NAO, citados
from cofre.restauracao.arquivos.linha import DA_IDENTIDADE, Arquivo, ler
from cofre.restauracao.arquivos.nomeados import Nomeados
from cofre.restauracao.listas import Caso, Dito
from cofre.restauracao.risco import Risco
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.objetos import Balde, Objeto
from cofre.via.arquivos.subida import DE_UM_PEDIDO, perde_o_cache, por_que, recusa_do_balde


class DaLista(Protocol):
    """O que se pergunta a quem restaura a lista."""

    @property
    def armazem(self) -> Armazem:
        """O Storage do projeto."""

    @property
    def direta(self) -> bool:
        """Se há conexão direta."""

    @property
    def com_identidade(self) -> bool:
        """Se o dono, o id e a data se devolvem."""

    @property
    def baldes_salvos(self) -> Mapping[str, Balde]:
        """Como eram os baldes quando se fez o backup."""

    def decidir(self, objeto: Objeto) -> Decisao:
        """De quem o arquivo é, ou será."""

    def e_desta(self, objeto: Objeto) -> bool:
        """Se pode ser da empresa que se restaura."""

    def nao_via(self, backup: Backup, linha: Linha) -> bool:
        """Se o backup não podia ver este arquivo de hoje."""

    def nomeados(self, caso: Caso) -> Nomeados:
        """O que as linhas nomeiam depois do plano."""


@dataclass(slots=True)
class _Achados:
    """Quantos arquivos, e os apelidos dos primeiros."""

    quantos: int = 0
    apelidos: list[str] = field(default_factory=list)

    def somar(self, acao: Acao) -> None:
        self.quantos += 1
        if len(self.apelidos) < EXEMPLOS:
            self.apelidos.append(apelido(acao.alvo or b"{}"))


def a_subir(plano: Plano) -> Iterator[tuple[Acao, Arquivo]]:
    """Os arquivos de que se manda o conteúdo. Levanta BackupDanificado."""
    tabela = plano.tabelas[ARQUIVOS]
    for acao, arquivo in citados(plano, (REPOR, ALTERAR)):
        if acao.atual is None or not mudancas(acao, tabela).keys() <= {*DA_IDENTIDADE}:
            yield acao, arquivo


def riscos(caso: Caso, lista: DaLista) -> Iterator[Risco]:
    """Os baldes que faltam, o que os limites deles não deixam, e o que a regra não daria a esta
    empresa. Levanta FalhaDoServidor ou BackupDanificado."""
    baldes = {b.id: b for b in lista.armazem.baldes()}
    sem_balde: dict[str, _Achados] = {}
    recusados: dict[tuple[str, str], _Achados] = {}
    ha_linhas = lista.nomeados(caso)
    for acao, arquivo in a_subir(caso.plano):
        balde = baldes.get(arquivo.balde)
        decisao = lista.decidir(arquivo.objeto)
        nomeado = ha_linhas.cita(arquivo.balde, arquivo.nome)
        if not lista.e_desta(arquivo.objeto) or (decisao.solto and not nomeado):
            recusados.setdefault((arquivo.balde, ALHEIO), _Achados()).somar(acao)
        elif balde is None:
            sem_balde.setdefault(arquivo.balde, _Achados()).somar(acao)
            if recusa := recusa_do_balde(arquivo.objeto, None, None):
                recusados.setdefault((arquivo.balde, recusa), _Achados()).somar(acao)
        elif recusa := recusa_do_balde(arquivo.objeto, balde.limite, balde.tipos):
            recusados.setdefault((arquivo.balde, recusa), _Achados()).somar(acao)
    for id_, achados in sem_balde.items():
        yield _sem_balde(id_, achados, lista.baldes_salvos.get(id_))
    for (id_, recusa), achados in recusados.items():
        yield _recusado(baldes.get(id_), id_, recusa, achados)


def _sem_balde(id_: str, achados: _Achados, era: Balde | None) -> Risco:
    quantos = plural(achados.quantos, "arquivo é", "arquivos são")
    como = f" (era {_opcoes(era)})" if era else " (o backup não diz as opções dele: seria privado)"
    return Risco(
        ARQUIVOS,
        f"{quantos} do balde {id_}, que não existe mais{como}",
        f"Crie o balde {id_} no painel (Storage, New bucket), ou deixe que se crie como era"
        " (--aceitar baldes).",
        criar=True,
    )


def _opcoes(balde: Balde) -> str:
    """«público, até 5,0 MB, só image/png»."""
    partes = ["público" if balde.publico else "privado"]
    if balde.limite is not None:
        partes.append(f"até {tamanho(balde.limite)}")
    if balde.tipos:
        partes.append(f"só {', '.join(balde.tipos)}")
    return ", ".join(partes)


def _recusado(balde: Balde | None, id_: str, recusa: str, achados: _Achados) -> Risco:
    um, varios = ("arquivo", "arquivos")
    if recusa == ALHEIO:
        causa = POR_QUE_NAO
        cura = CURA_DA_REGRA
    else:
        causa, cura = por_que(recusa, balde.limite if balde else None), CURAS[recusa]
    return Risco(
        ARQUIVOS,
        f"{plural(achados.quantos, um, varios)} do balde {id_}: {causa}",
        cura,
        so_linhas=True,
        quantos=achados.quantos,
        apelidos=tuple(achados.apelidos),
    )


# -- o que só se diz -------------------------------------------------------------------------


def ditos(caso: Caso, lista: DaLista) -> Dito:
    """Quanto sobe, o que não volta como era, e o que fica de fora. Levanta FalhaDoServidor ou
    BackupDanificado."""
    partes = (_que_sobe(caso, lista), _que_se_nomeia(caso, lista), _que_fica_de_fora(caso, lista))
    return Dito(
        tuple(frase for parte in partes for frase in parte.frases),
        {campo: conta for parte in partes for campo, conta in parte.documento.items()},
    )


def _que_sobe(caso: Caso, lista: DaLista) -> Dito:
    sobem = bytes_ = sem_identidade = outro_cache = 0
    for acao, arquivo in a_subir(caso.plano):
        sobem += 1
        bytes_ += arquivo.tamanho or 0
        outro_cache += perde_o_cache(arquivo.objeto)
        sem_identidade += acao.atual is None and not lista.com_identidade
    frases = []
    if sobem:
        frases.append(f"⬆️ {plural(sobem, 'arquivo sobe', 'arquivos sobem')}: {tamanho(bytes_)}")
    if lista.direta:
        frases.append("ℹ️ Os arquivos vêm depois de as linhas valerem, e fora da transação delas.")
    if sem_identidade:
        quantos = plural(sem_identidade, "arquivo volta", "arquivos voltam")
        frases.append(
            f"⚠️ {quantos} com outro id, a data de agora e sem dono (owner_id): pela API não se"
            " escrevem. O conteúdo, o tipo, o cache e os metadados são os mesmos."
        )
    if outro_cache:
        quantos = plural(outro_cache, "arquivo volta", "arquivos voltam")
        frases.append(
            f"⚠️ {quantos} com outro cache: com metadados tão grandes, ou com mais de"
            f" {tamanho(DE_UM_PEDIDO)}, o Storage só o aceita em segundos."
        )
    contas = {"sobem": sobem, "bytes": bytes_, "saem": caso.plano.contagens[ARQUIVOS].remover}
    contas |= {"sem_identidade": sem_identidade, "outro_cache": outro_cache}
    return Dito(tuple(frases), contas)


def _que_se_nomeia(caso: Caso, lista: DaLista) -> Dito:
    """As linhas que nomeiam o que não há, e os arquivos que nenhuma nomeia."""
    ha_linhas = lista.nomeados(caso)
    perdidas = ha_linhas.perdidas.items()
    frases = [f"⚠️ {registros_de(n, nome)} {NOMEIA[n > 1]}" for nome, n in perdidas]
    if n := ha_linhas.sem_linha:
        frases.append(f"ℹ️ {plural(n, 'arquivo', 'arquivos')} que nenhuma linha nomeia")
    contas = {"linhas_sem_arquivo": {como_se_diz(nome): n for nome, n in perdidas}}
    return Dito(tuple(frases), {**contas, "arquivos_sem_linha": ha_linhas.sem_linha})


def _que_fica_de_fora(caso: Caso, lista: DaLista) -> Dito:
    """Do backup, da foto de agora, e do que o backup não podia ver."""
    do_backup = _de_fora(caso.alvo.arquivos(caso.alvo.backup, (ARQUIVOS,)))
    da_foto = _de_fora(caso.foto.arquivos)
    frases = []
    if n := sum(do_backup.values()):
        frases.append(
            f"⚠️ {plural(n, 'arquivo', 'arquivos')} o backup não guardou{_porque(do_backup)}"
        )
    if n := sum(da_foto.values()):
        frases.append(
            f"⚠️ {plural(n, 'arquivo', 'arquivos')} de hoje não se fotografam, e por isso ficam como"
            f" estão{_porque(da_foto)}"
        )
    nao_vistos = _que_nao_se_viam(caso, lista)
    if nao_vistos:
        quantos = plural(nao_vistos, "arquivo", "arquivos")
        frases.append(
            f"⚠️ {quantos} de hoje que o backup não traz {FICA[nao_vistos > 1]}: sem pasta da"
            " empresa, só uma linha de hoje, ou quem enviou (owner_id, que a API não diz), os dá a"
            " ela"
        )
    contas = {"fora_do_backup": sum(do_backup.values()), "fora_da_foto": sum(da_foto.values())}
    return Dito(tuple(frases), {**contas, "que_o_backup_nao_via": nao_vistos})


NOMEIA = (
    "nomeia um arquivo que não existe nem volta",
    "nomeiam arquivos que não existem nem voltam",
)
FICA = ("fica como está", "ficam como estão")


def _que_nao_se_viam(caso: Caso, lista: DaLista) -> int:
    """Quantos arquivos de hoje o backup não podia ver, nem traz."""
    de_hoje = caso.foto.arquivos.get(ARQUIVOS)
    nao_vistos = {
        marca_de(a.balde, a.nome)
        for grupo in (ler_linhas(de_hoje.caminho) if de_hoje is not None else ())
        for linha in grupo
        if lista.nao_via(caso.alvo.backup, linha) and (a := ler(bytes(linha)))
    }
    do_backup = caso.alvo.arquivos(caso.alvo.backup, (ARQUIVOS,)).get(ARQUIVOS)
    for grupo in ler_linhas(do_backup.caminho) if nao_vistos and do_backup is not None else ():
        lidas = (ler(bytes(linha)) for linha in grupo)
        nao_vistos -= {marca_de(a.balde, a.nome) for a in lidas if a is not None}
    return len(nao_vistos)


def _de_fora(arquivos: Arquivos) -> Counter[str]:
    """Porque alguns não estão guardados, e quantos."""
    quantos: Counter[str] = Counter()
    lista = arquivos.get(ARQUIVOS)
    for grupo in ler_linhas(lista.caminho) if lista is not None else ():
        lidas = (ler(bytes(linha)) for linha in grupo)
        quantos.update(a.fora or "" for a in lidas if a is not None and a.soma is None)
    return quantos


def _porque(quantos: Counter[str]) -> str:
    ditos = [visivel(porque) for porque in quantos if porque]
    return f": {'; '.join(ditos)}" if ditos else ""
