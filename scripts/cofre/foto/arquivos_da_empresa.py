"""A fonte dos arquivos: o Storage listado antes e depois das linhas, e o que é da empresa, descido.

Entre as duas listas leram-se as linhas: o que nelas é igual esteve assim o tempo todo. Cada
conteúdo desce depois, e só vale se tem o eTag da lista.
"""

from __future__ import annotations

import contextlib
import heapq
import tempfile
import threading
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import IO

from cofre.base.config.valores import Configuracao
from cofre.base.disco import erros_de_disco
from cofre.base.equipe import Equipe
from cofre.base.erros import ErroCofre, FalhaDeDisco, FalhaDoServidor
from cofre.base.modelo import ARQUIVOS, Empresa, Tabela
from cofre.base.rascunho import Rascunho
from cofre.base.relato import Relato
from cofre.base.selecao import escolher_empresas
from cofre.deposito.passada import Observador, Passada
from cofre.deposito.publicacao import Montagem
from cofre.escopo.arquivos import DonosDeArquivos
from cofre.escopo.escopo import TabelaNoEscopo
from cofre.foto.foto import Contexto
from cofre.foto.listas import Colhida
from cofre.foto.storage import linha as da_lista
from cofre.foto.storage.caderno import Caderno
from cofre.foto.storage.citacoes import Observadas, Procura
from cofre.foto.storage.descarga import Descarga
from cofre.foto.storage.franquia import Franquia
from cofre.foto.storage.guardados import Guardados
from cofre.foto.storage.listador import Listador, Lote
from cofre.foto.storage.relacao import DeNinguem, Relacao, Soltos
from cofre.foto.storage.sabido import Sabido, tinha_lista
from cofre.via.arquivos.armazem import Armazem
from cofre.via.arquivos.objetos import Objeto
from cofre.via.contrato import ViaDeLeitura
from cofre.via.leitura import PedidoDeFoto

DE_TODAS = ("manual", "agendado")
"""Os tipos de foto que se tiram de muitas empresas: o total é o de todas."""


class FonteDeArquivos:
    """Os arquivos do Storage. Uma por execução, que vários fios usam."""

    nome = ARQUIVOS

    def __init__(
        self,
        armazem: Armazem,
        via: ViaDeLeitura,
        configuracao: Configuracao,
        equipe: Equipe,
        relato: Relato,
        *,
        so_listar: bool = False,
    ) -> None:
        self.armazem = armazem
        self.via = via
        self.equipe = equipe
        self.relato = relato
        self.pasta = configuracao.destino
        self.franquia = Franquia(
            configuracao.arquivos, configuracao.destino, relato, so_listar=so_listar
        )
        self.listador = Listador(armazem, via, configuracao.regras, configuracao.destino, relato)
        self._cadernos: dict[str, Caderno] = {}
        self._soltos = Soltos()
        self._trinco = threading.Lock()

    def fechar(self) -> None:
        """Encerra as conexões ao Storage e os fios."""
        self.equipe.encerrar()
        self.armazem.fechar()

    def comecar(self, empresa: Empresa, contexto: Contexto) -> ColheitaDeArquivos:
        """A de uma foto; o que falhar diz-se ao colher."""
        try:
            with erros_de_disco(self.pasta):
                lote = self.listador.comecar(empresa, contexto)
        except (FalhaDoServidor, FalhaDeDisco) as e:
            return ColheitaDeArquivos(self, empresa, contexto, None, e)
        return ColheitaDeArquivos(self, empresa, contexto, lote, None)

    def rascunho(self) -> IO[bytes]:
        """Um arquivo de trabalho sem nome."""
        return tempfile.SpooledTemporaryFile(64 * 1024, "w+b", dir=str(self.pasta))

    def _caderno_anterior(self, empresa: str) -> Caderno | None:
        """O da foto que recomeçou, uma vez."""
        with self._trinco:
            return self._cadernos.pop(empresa, None)

    def lembrar(self, empresa: str, caderno: Caderno) -> None:
        """Para a foto que vai recomeçar."""
        caderno.indexar(lambda o: da_lista.token_de(o, self.via.origem))
        with self._trinco:
            self._cadernos[empresa] = caderno

    def guardar(self, empresa: Empresa, montagem: Montagem, recusa: str) -> Guardados:
        """Quem guarda os conteúdos de uma empresa. Levanta FalhaDeDisco; OSError passa."""
        sabido = Sabido.da_empresa(
            montagem.pasta,
            montagem.cifra,
            self.via.origem,
            empresa.id,
            self._caderno_anterior(empresa.id),
            com_metadados=self.armazem.tabelas is None,
        )
        descarga = Descarga(self.armazem, self.equipe, sabido, self.franquia, recusa, self.relato)
        return Guardados(descarga, empresa.nome, Caderno(self.pasta), montagem.cifra)

    def reclamar(self, marca: int, *, disputado: bool) -> None:
        """Este solto é de alguém; ou, `disputado`, de ninguém, porque mais de uma o nomeia."""
        with self._trinco:
            (self._soltos.disputados if disputado else self._soltos.reclamados).add(marca)

    def levar_soltos(self) -> Soltos:
        """O que se viu deles desde a última vez, para quem junta o de vários processos."""
        with self._trinco:
            levados, self._soltos = self._soltos, Soltos()
        return levados

    def somar_soltos(self, vistos: Soltos) -> None:
        """O que outro processo viu."""
        with self._trinco:
            self._soltos.somar(vistos)

    def regra(self) -> DonosDeArquivos:
        """De quem é cada arquivo, como a última lista o soube."""
        ultima = self.listador.ultima
        return ultima.donos if ultima is not None else DonosDeArquivos({})

    def de_ninguem(self, contexto: Contexto) -> dict[str, DeNinguem]:
        """Por balde, o que não é de empresa alguma das que se fotografaram. Quem as fotografou
        noutros processos ainda não listou nada: lista-se agora; se não se deixa, nada se diz."""
        try:
            ultima = self.listador.ultima or self.listador.de_todas(contexto)
            return ultima.sobras(self._soltos)
        except (FalhaDoServidor, OSError):
            return {}


@dataclass(slots=True)
class ColheitaDeArquivos:
    """Os arquivos de uma empresa, numa foto dela."""

    fonte: FonteDeArquivos
    empresa: Empresa
    contexto: Contexto
    lote: Lote | None
    falha: ErroCofre | None
    _observadas: dict[str, Observadas] = field(default_factory=dict)

    def observadores(self, tabela: Tabela) -> Sequence[Observador]:
        """Quem vê que arquivos as linhas da empresa nomeiam."""
        procura = self.lote.procura if self.lote is not None else None
        colunas = procura.colunas(tabela) if procura is not None else ()
        if procura is None or not colunas:
            return ()
        self._observadas[tabela.nome] = Observadas(tabela, procura, colunas)
        return (self._observadas[tabela.nome],)

    def colher(self, empresa: Empresa, montagem: Montagem) -> Colhida:
        """A lista, com os conteúdos já guardados. Levanta FalhaDeDisco."""
        cifrado = montagem.cifra is not None
        try:
            if self.falha is not None or self.lote is None:
                return Colhida(da_lista.tabela(cifrado=cifrado), falha=self.falha)
            with erros_de_disco(montagem.pasta):
                return self._colher(self.lote, montagem)
        except FalhaDoServidor as e:
            return Colhida(da_lista.tabela(cifrado=cifrado), falha=e)

    def _colher(self, lote: Lote, montagem: Montagem) -> Colhida:
        """Os arquivos desta empresa, guardados na montagem, e a lista deles."""
        tabela = da_lista.tabela(cifrado=montagem.cifra is not None)
        depois = self.fonte.listador.acabar(lote)
        if not depois.baldes:
            return self._sem_baldes(depois, montagem, tabela)
        nomeados, mudou = self._nomeados(lote, depois)
        mudou |= lote.antes.impressao(self.empresa.id) != depois.impressao(self.empresa.id)
        try:
            recusa = self.fonte.franquia.pedir(*self._total(depois, nomeados))
        except FalhaDeDisco as e:
            return Colhida(tabela, falha=e)
        guardados = self.fonte.guardar(self.empresa, montagem, recusa)
        objetos = heapq.merge(depois.da_empresa(self.empresa.id), nomeados, key=_ordem)
        guardados.guardar(objetos, depois.total(self.empresa.id)[1])
        if mudou := mudou or guardados.mudou:
            self.fonte.lembrar(self.empresa.id, guardados.caderno)
        return Colhida(
            tabela,
            guardados.linhas(),
            guardados.notas(depois.baldes),
            conteudos=guardados.conteudos(),
            mudou=mudou,
            incompleta=guardados.incompleta(),
        )

    def _sem_baldes(self, depois: Relacao, montagem: Montagem, tabela: Tabela) -> Colhida:
        """Não há Storage, ou não há nada nele. Se no último backup havia, não é silêncio: a uma
        chave sem o papel de serviço, o Storage responde 200 e uma lista vazia. Com a conexão
        direta os números já se compararam, e o vazio é verdade."""
        if not tinha_lista(montagem.pasta):
            return Colhida(tabela, ausente="-")
        if not depois.sem_armazem and self.fonte.armazem.conectar is not None:
            return Colhida(tabela, conteudos=())
        agora = "não tem Storage" if depois.sem_armazem else "não há balde nenhum"
        falha = FalhaDoServidor(
            f"O último backup tinha arquivos do Storage, e agora o projeto responde que {agora}.",
            "Confira SUPABASE_URL e a chave no .env: a uma sem o papel de serviço, o Storage\n"
            "mostra-se vazio. Se foi de propósito, ponha BACKUP_ARQUIVOS=nao no .env.",
        )
        return Colhida(tabela, falha=falha)

    def _total(self, depois: Relacao, nomeados: Sequence[Objeto]) -> tuple[int, int]:
        """Quantos arquivos, e quantos bytes, são das empresas que se vão fotografar."""
        pedido = self.contexto.pedido
        quais: Sequence[str] = (self.empresa.id,)
        if pedido.tipo in DE_TODAS and not pedido.empresas:
            quais = depois.empresas
        elif pedido.tipo in DE_TODAS:
            todas = self.contexto.inspecao.empresas
            quais = [e.id for e in escolher_empresas(todas, pedido.empresas)]
        totais = [depois.total(e) for e in quais]
        return (
            sum(n for n, _ in totais) + len(nomeados),
            sum(b for _, b in totais) + sum(o.tamanho or 0 for o in nomeados),
        )

    def _nomeados(self, lote: Lote, depois: Relacao) -> tuple[list[Objeto], bool]:
        """Os soltos que são desta empresa, porque só linhas dela os nomeiam, pela ordem da lista; e
        se algum se moveu. Levanta FalhaDoServidor."""
        if lote.procura is None and not depois.ha_soltos:
            return [], False
        listador = self.fonte.listador
        procura = Procura.de(depois)
        novos = [m for m in depois.marcas_dos_soltos() if not lote.antes.e_solto(m)]
        citacoes = listador.citacoes(procura, de_novo=bool(novos))
        suas = self._linhas_suas(citacoes.tabelas)
        if any(not linhas <= citacoes.de(marca) for marca, linhas in suas.items()):
            citacoes = listador.citacoes(procura, de_novo=True)
        mudou = any(citacoes.de(marca) for marca in novos)
        achados: list[Objeto] = []
        for marca, linhas in suas.items():
            antes, agora = lote.antes.solto(marca), depois.solto(marca)
            mudou |= antes != agora
            if agora is None:
                continue
            citam = [self.empresa.id, *([""] if citacoes.de(marca) - linhas else [])]
            quem = depois.donos.de_quem_nomeia(agora.balde, agora.nome, agora.dono, citam)
            self.fonte.reclamar(marca, disputado=quem.disputado)
            if quem.empresa == self.empresa.id:
                achados.append(agora)
        return sorted(achados, key=_ordem), mudou

    def _linhas_suas(self, com_citacoes: Set[str]) -> dict[int, set[int]]:
        """As linhas desta empresa que nomeiam soltos: as que a foto viu passar e, das tabelas que
        ela não lê, as que se leem agora. Levanta FalhaDoServidor."""
        assert self.lote is not None
        vistas = dict(self._observadas)
        no_escopo = self.contexto.inspecao.escopo.tabelas
        for nome in com_citacoes - self.contexto.escopo.tabelas.keys():
            tabela = no_escopo[nome].tabela
            if (procura := self.lote.procura) is not None:
                vistas[nome] = Observadas(tabela, procura, procura.colunas(tabela))
                self._ler(no_escopo[nome], vistas[nome])
        suas: dict[int, set[int]] = {}
        for observada in vistas.values():
            for marca, linhas in observada.linhas.items():
                suas.setdefault(marca, set()).update(linhas)
        return suas

    def _ler(self, no_escopo: TabelaNoEscopo, observador: Observador) -> None:
        nome = no_escopo.tabela.nome
        with contextlib.ExitStack() as pilha:
            pedido = PedidoDeFoto(
                [self.empresa],
                {nome: no_escopo},
                self.contexto.inspecao.donos,
                lambda: Rascunho(pilha.enter_context(self.fonte.rascunho())),
                lambda *_: None,
            )
            passada = Passada([observador])
            for lida in self.fonte.via.fotografar(pedido)[self.empresa.id].tabelas:
                if lida.falha is not None:
                    raise lida.falha
                for bloco in lida.em_ordem():
                    passada.bloco(bloco)


def _ordem(objeto: Objeto) -> tuple[bytes, bytes]:
    return objeto.ordem
