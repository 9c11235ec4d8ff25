"""O alvo: o estado que se quer de uma empresa, e o plano que leva a ele."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cofre.base.erros import BackupDanificado, RestauracaoRecusada
from cofre.base.linha import Linha
from cofre.base.modelo import ARQUIVOS, LISTAS, OPACA, Empresa, Forma, Tabela, ordem_de_exibicao
from cofre.base.palavras import visivel
from cofre.deposito.backup import Backup
from cofre.deposito.ligacoes import Arquivo, chaves_repetidas
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.escopo.donos import Donos
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.plano import alheias, dos_arquivos
from cofre.plano.herdadas import NENHUMA, Herdadas
from cofre.plano.mesmas import Existentes, casar
from cofre.plano.plano import Plano, Querida, comparar
from cofre.plano.recorte import Fatia, Recorte
from cofre.plano.tabela import Contagem, TabelaDoPlano, entre_arquivos

VOLTAR, RECUPERAR = "voltar", "recuperar"
Arquivos = Mapping[str, Arquivo]
ColunasGravaveis = Callable[[Tabela], tuple[str, ...]]
"""As colunas de uma tabela que se podem escrever."""


@dataclass(frozen=True, slots=True)
class Alvo:
    """O estado pedido: as `tabelas` da empresa como estão no `backup`. Em RECUPERAR, só se repõe o
    que falta: o que existe hoje fica como está. `escopo` são as tabelas do projeto, como são hoje.
    """

    empresa: Empresa
    backup: Backup
    tabelas: tuple[str, ...]
    modo: str
    escopo: Mapping[str, TabelaNoEscopo] = field(compare=False, repr=False)
    colunas_gravaveis: ColunasGravaveis = field(compare=False, repr=False)
    herdadas: Herdadas = field(default=NENHUMA, compare=False, repr=False)
    recorte: Recorte | None = field(default=None, repr=False)
    donos: Donos | None = field(default=None, compare=False, repr=False)
    """De que empresa é cada valor, hoje."""
    nao_via: dos_arquivos.NaoVia = field(default=lambda _linha: False, compare=False, repr=False)
    logins: tuple[str, ...] = ()
    """Os ids dos que se criam antes das linhas."""

    @property
    def fora(self) -> tuple[str, ...]:
        """As tabelas de que algo não foi escolhido: a tabela toda, ou o que não é do recorte. As
        listas não contam: o que se escreve nas tabelas não mexe nelas."""
        das_tabelas = (n for n in self.escopo if n not in LISTAS)
        return tuple(n for n in das_tabelas if n not in self.tabelas or n in self.fatias)

    @property
    def fatias(self) -> Mapping[str, Fatia]:
        """Das tabelas escolhidas, as de que só se quer uma parte."""
        fatias = self.recorte.fatias if self.recorte else {}
        return {n: f for n, f in fatias.items() if n in self.tabelas}

    def escolhidas(self, mais: Sequence[str] = ()) -> dict[str, TabelaNoEscopo]:
        """As tabelas em que se pode escrever."""
        return {n: self.escopo[n] for n in (*self.tabelas, *mais)}

    def do_que_se_quer(self, nome: str, contagem: Contagem) -> Contagem:
        """A contagem de uma tabela, só das linhas que se escolheram."""
        quantas = self.fatias[nome].quantas if nome in self.fatias else None
        if quantas is None:
            return contagem
        return replace(contagem, iguais=max(quantas - contagem.diferencas, 0))

    def conferir(self) -> None:
        """As escolhidas estão no backup e ainda na API, e com a chave que têm hoje nenhuma linha
        se repete. Levanta RestauracaoRecusada ou BackupDanificado."""
        meta = self.backup.meta
        for nome in self.tabelas:
            if meta is None or nome not in meta.tabelas:
                raise RestauracaoRecusada(
                    f"O backup escolhido não tem a tabela {visivel(nome)}.", "Escolha outra data."
                )
            if nome not in self.escopo:
                raise RestauracaoRecusada(
                    f"A tabela {visivel(nome)} não existe mais na API (apagada ou sem permissão).",
                    f"Recrie {visivel(nome)} no banco, ou escolha as outras tabelas.",
                )
        assert meta is not None
        for nome, arquivo in self.arquivos(self.backup, self.tabelas).items():
            # Com a chave que a tabela tinha, o backup já foi conferido.
            e_outra = arquivo.tabela.chave != meta.tabelas[nome].chave
            if e_outra and chaves_repetidas(arquivo):
                raise BackupDanificado(
                    f"No backup, há registros de {visivel(nome)} com a mesma chave. Nada foi"
                    " alterado."
                )

    def colunas_perdidas(self) -> dict[str, tuple[str, ...]]:
        """Colunas do backup que o banco não tem, por tabela; ou que agora gera ele, e então o valor
        que tinham não se escreve."""
        assert self.backup.meta is not None
        perdidas = {}
        for nome in self.tabelas:
            salva = self.backup.meta.tabelas[nome]
            hoje = {c.nome for c in self.escopo[nome].tabela.colunas} - self._geradas(salva)
            antes = [str(c["nome"]) for c in salva.colunas]
            so_estas = self.fatias[nome].colunas() if nome in self.fatias else None
            pedidas = antes if so_estas is None else [c for c in antes if c in so_estas]
            if sumidas := tuple(c for c in pedidas if c not in hoje):
                perdidas[nome] = sumidas
        return perdidas

    def _geradas(self, salva: TabelaSalva) -> set[str]:
        """As colunas que hoje não se escrevem, e ao fazer o backup se escreviam; da chave, quem
        prova o diz."""
        if salva.nome in LISTAS or not salva.registros:
            return set()
        tabela = self.escopo[salva.nome].tabela
        fora = {c.nome for c in tabela.colunas} - set(self.colunas_gravaveis(tabela))
        return fora - {*salva.nao_gravaveis, *tabela.chave}

    def arquivos(self, backup: Backup, nomes: Sequence[str] | None = None) -> dict[str, Arquivo]:
        """As tabelas de um backup que ainda existem (só as `nomes`, se ditas)."""
        assert backup.meta is not None
        arquivos = {
            n: self._arquivo(n) if backup == self.backup else backup.arquivo(t)
            for n, t in backup.meta.tabelas.items()
            if n in (self.escopo if nomes is None else nomes)
        }
        return {
            n: replace(a, tabela=_como_hoje(self.escopo[n], a.tabela)) for n, a in arquivos.items()
        }

    def _arquivo(self, nome: str) -> Arquivo:
        """O da tabela no backup pedido, só com as linhas dela."""
        assert self.backup.meta is not None
        separado = self.herdadas.separadas.get(nome)
        return separado or self.backup.arquivo(self.backup.meta.tabelas[nome])

    def plano(
        self,
        foto: Arquivos,
        de_antes: Arquivos,
        existentes: Existentes,
        desfazer: Sequence[str] = (),
    ) -> Plano:
        """O plano para as tabelas escolhidas (e as que se quer `desfazer`, como eram antes), com os
        seus efeitos. Levanta BackupDanificado se um arquivo não se lê ou traz linhas de outra
        empresa, e FalhaDoServidor."""
        nomes = sorted({*self.tabelas, *desfazer}, key=ordem_de_exibicao)
        plano = comparar([self._tabela(n, self._fontes(n, de_antes), foto) for n in nomes])
        for nome in nomes:
            casar(plano, self.escopo[nome], existentes)
            if self.donos is not None:
                alheias.conferir(plano, self.escopo[nome], self.empresa.id, self.donos)
        de_volta = self._que_mudou([n for n in self.fatias if n in desfazer], foto, de_antes)
        with de_volta:
            for nome, fatia in self.fatias.items():
                mais = de_volta if nome in desfazer else None
                desta = fatia.diante_de(plano.pares(nome))
                plano.recortar(nome, self._querida(nome, desta), mais, _conflita(desta))
        if ARQUIVOS in nomes and ARQUIVOS not in self.fatias:
            plano.recortar(ARQUIVOS, dos_arquivos.so_os_guardados(self.nao_via))
        plano.efeitos = self.efeitos(foto, de_antes, desfazer)
        return plano

    def efeitos(
        self, foto: Arquivos, de_antes: Arquivos, desfazer: Sequence[str] = ()
    ) -> dict[str, Contagem]:
        """O que mudou desde `de_antes` no que não foi escolhido, se algo mudou."""
        outras = [n for n in self.fora if n not in desfazer]
        with self._que_mudou(outras, foto, de_antes) as outro:
            return {n: c for n, c in outro.contagens.items() if c.diferencas}

    def ate_como_eram(self, nomes: Sequence[str], foto: Arquivos, de_antes: Arquivos) -> Plano:
        """O plano que leva o que destas tabelas não se escolheu ao que era antes."""
        return self._que_mudou(nomes, foto, de_antes)

    def _que_mudou(self, nomes: Sequence[str], foto: Arquivos, de_antes: Arquivos) -> Plano:
        """O que levaria estas tabelas ao que eram antes, fora o que delas foi escolhido."""
        inteiras = replace(self, tabelas=())
        outro = comparar([inteiras._tabela(n, (de_antes[n],), foto) for n in nomes])
        for nome in self.fatias.keys() & set(nomes):
            outro.recortar(nome, self._do_resto(nome))
        return outro

    def _querida(self, nome: str, fatia: Fatia) -> Querida:
        """O que cada linha deve ser: só muda a do recorte."""
        chave = self.escopo[nome].tabela.chave
        if nome == ARQUIVOS:
            return dos_arquivos.com_o_conteudo(
                lambda um, outro: fatia.querida(um, outro, chave),
                dos_arquivos.so_os_guardados(self.nao_via),
            )
        return lambda atual, alvo: fatia.querida(atual, alvo, chave)

    def _do_resto(self, nome: str) -> Querida:
        """O mesmo, do que não é do recorte."""
        fatia, chave = self.fatias[nome], self.escopo[nome].tabela.chave
        return lambda atual, alvo: atual if fatia.escolhe(atual, alvo, chave) else alvo

    def ate_o_backup(self, nomes: Sequence[str], foto: Arquivos) -> Plano:
        """O que levaria estas tabelas, escolhidas ou não, ao que são no backup: só para se dizer.
        Levanta BackupDanificado se um arquivo não se lê."""
        inteiro = replace(self, tabelas=tuple(nomes), modo=VOLTAR)
        plano = comparar([inteiro._tabela(n, inteiro._fontes(n, {}), foto) for n in nomes])
        for nome, fatia in inteiro.fatias.items():
            plano.recortar(nome, inteiro._querida(nome, fatia.diante_de(plano.pares(nome))))
        return plano

    def desde(self, outro: Backup) -> Plano:
        """O que levaria as tabelas escolhidas do que são noutro backup ao que são neste. Levanta
        BackupDanificado se um arquivo não se lê."""
        foto = self.arquivos(outro, self.tabelas)
        tabelas = [self._tabela(n, self._fontes(n, {}), foto) for n in self.tabelas]
        if outro.meta is not None and outro.meta.da_primeira_versao:
            tabelas = [replace(t, tipo_da_chave="", pelo_valor=True) for t in tabelas]
        return comparar(tabelas)

    def _fontes(self, nome: str, de_antes: Arquivos) -> tuple[Arquivo, ...]:
        if nome not in self.tabelas:
            return (de_antes[nome],)
        do_alvo = self._arquivo(nome)
        if self.modo == RECUPERAR and nome in de_antes:
            return (de_antes[nome], do_alvo)
        return (do_alvo,)

    def _tabela(self, nome: str, fontes: tuple[Arquivo, ...], foto: Arquivos) -> TabelaDoPlano:
        meta = self.backup.meta if nome in self.tabelas else None
        antiga = meta is not None and meta.da_primeira_versao
        no_escopo = self.escopo[nome]
        colunas = self.colunas_gravaveis(no_escopo.tabela)
        return entre_arquivos(no_escopo, colunas, fontes, foto.get(nome), antiga=antiga)


def _conflita(fatia: Fatia) -> Callable[[Linha | None, Linha | None], bool]:
    return lambda atual, alvo: any(True for _ in fatia.conflitos(atual, alvo))


def com_textos_de(
    escopo: Mapping[str, TabelaNoEscopo], backups: Sequence[Backup]
) -> dict[str, TabelaNoEscopo]:
    """As mesmas tabelas, guardando o texto das colunas de que um destes backups o guarda sempre:
    lidos do mesmo modo, comparam-se."""
    return {n: replace(t, tabela=_com_opacas(t.tabela, backups)) for n, t in escopo.items()}


def _com_opacas(tabela: Tabela, backups: Sequence[Backup]) -> Tabela:
    salvas = (
        b.meta.tabelas[tabela.nome] for b in backups if b.meta if tabela.nome in b.meta.tabelas
    )
    sempre = {coluna for salva in salvas for coluna in salva.sempre_com_texto}
    faltam = {c.nome for c in tabela.colunas} & sempre - {*tabela.sempre_com_texto}
    formas = dict(tabela.formas) | dict.fromkeys(sorted(faltam), Forma(OPACA))
    return replace(tabela, formas=tuple(formas.items()))


def _como_hoje(no_escopo: TabelaNoEscopo, salva: TabelaSalva) -> TabelaSalva:
    """A tabela do backup com a chave e as ligações que o banco tem hoje: são as que valem."""
    tabela = no_escopo.tabela
    return replace(salva, chave=tabela.chave, estrangeiras=tabela.estrangeiras)
