"""Comparar uma empresa com o estado pedido: o alvo de uma restauração, e o plano que leva a ele."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cofre.base.modelo import Empresa, Tabela, ordem_de_exibicao
from cofre.deposito.backup import Backup
from cofre.deposito.ligacoes import Arquivo
from cofre.deposito.metadados import TabelaSalva
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano.plano import Plano, TabelaDoPlano, comparar

VOLTAR, RECUPERAR = "voltar", "recuperar"
Arquivos = Mapping[str, Arquivo]


@dataclass(frozen=True, slots=True)
class Alvo:
    """O estado pedido: as `tabelas` da empresa como estão no `backup`. Em RECUPERAR, só se repõe o
    que falta: o que existe hoje fica como está."""

    empresa: Empresa
    backup: Backup
    tabelas: tuple[str, ...]
    modo: str = VOLTAR


@dataclass(frozen=True, slots=True)
class Comparacao:
    """O `alvo` de uma restauração e as tabelas do projeto, como são hoje (`escopo`).
    `colunas_gravaveis`: as colunas de uma tabela que se podem escrever."""

    colunas_gravaveis: Callable[[Tabela], tuple[str, ...]]
    escopo: Mapping[str, TabelaNoEscopo]
    alvo: Alvo

    @property
    def fora(self) -> tuple[str, ...]:
        """As tabelas não escolhidas."""
        return tuple(n for n in self.escopo if n not in self.alvo.tabelas)

    def escolhidas(self, mais: Sequence[str] = ()) -> dict[str, TabelaNoEscopo]:
        """As tabelas em que se pode escrever."""
        return {n: self.escopo[n] for n in (*self.alvo.tabelas, *mais)}

    def arquivos(self, backup: Backup, nomes: Sequence[str] | None = None) -> dict[str, Arquivo]:
        """As tabelas de um backup que ainda existem (só as `nomes`, se ditas)."""
        assert backup.meta is not None
        return {
            n: Arquivo(_como_hoje(self.escopo[n], t), backup.caminho(t))
            for n, t in backup.meta.tabelas.items()
            if n in (self.escopo if nomes is None else nomes)
        }

    def plano(self, foto: Arquivos, de_antes: Arquivos, desfazer: Sequence[str] = ()) -> Plano:
        """O plano para as tabelas escolhidas (e as que se quer `desfazer`, como eram antes). As
        outras também são comparadas com o que eram, sem contar: são os efeitos. Levanta
        BackupDanificado se um arquivo não se lê."""
        alvo = self.alvo
        nomes = sorted({*alvo.tabelas, *desfazer}, key=ordem_de_exibicao)
        plano = comparar([self._tabela(n, self._fontes(n, de_antes), foto) for n in nomes])
        outras = [n for n in self.fora if n not in desfazer]
        with comparar([self._tabela(n, (de_antes[n],), foto) for n in outras]) as outro:
            plano.efeitos = {n: c for n, c in outro.contagens.items() if c.diferencas}
        return plano

    def final(self, foto: Arquivos) -> dict[str, Sequence[Arquivo]]:
        """Os arquivos que, juntos, dão cada tabela como ficará depois do plano."""
        final: dict[str, Sequence[Arquivo]] = {n: [a] for n, a in foto.items()}
        for nome, arquivo in self.arquivos(self.alvo.backup, self.alvo.tabelas).items():
            juntas = self.alvo.modo == RECUPERAR and nome in foto
            final[nome] = [foto[nome], arquivo] if juntas else [arquivo]
        return final

    def _fontes(self, nome: str, de_antes: Arquivos) -> tuple[Arquivo, ...]:
        if nome not in self.alvo.tabelas:
            return (de_antes[nome],)
        meta = self.alvo.backup.meta
        assert meta is not None
        salva = meta.tabelas[nome]
        do_alvo = Arquivo(salva, self.alvo.backup.caminho(salva))
        if self.alvo.modo == RECUPERAR and nome in de_antes:
            return (de_antes[nome], do_alvo)
        return (do_alvo,)

    def _tabela(self, nome: str, fontes: tuple[Arquivo, ...], foto: Arquivos) -> TabelaDoPlano:
        # A primeira versão passava os números por float, e as linhas não estavam em ordem.
        meta = self.alvo.backup.meta if nome in self.alvo.tabelas else None
        antiga = meta is not None and meta.da_primeira_versao
        tabela = self.escopo[nome].tabela
        chave = tabela.coluna(tabela.chave[0]) if len(tabela.chave) == 1 else None
        return TabelaDoPlano(
            nome,
            tabela.chave,
            self.colunas_gravaveis(tabela),
            tuple(f.caminho for f in fontes),
            foto[nome].caminho if nome in foto else None,
            chave.tipo if chave and not antiga else "",
            antiga,
            _linhas_se_e_o_mesmo(fontes, foto.get(nome)),
        )


def _linhas_se_e_o_mesmo(fontes: Sequence[Arquivo], atual: Arquivo | None) -> int | None:
    """Quantas linhas têm, se o alvo e a foto são o mesmo arquivo, pela soma e pelo tamanho que os
    dois tinham ao serem gravados (os do alvo já foram relidos e conferidos)."""
    if atual is None:
        return None
    nela = atual.tabela
    mesmos = all(f.tabela.sha256 == nela.sha256 and f.tabela.bytes == nela.bytes for f in fontes)
    return nela.registros if mesmos and nela.sha256 else None


def _como_hoje(no_escopo: TabelaNoEscopo, salva: TabelaSalva) -> TabelaSalva:
    """A tabela do backup com a chave e as ligações que o banco tem hoje: são as que valem."""
    tabela = no_escopo.tabela
    return replace(salva, chave=tabela.chave, estrangeiras=tabela.estrangeiras)
