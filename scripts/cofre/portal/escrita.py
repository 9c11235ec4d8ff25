"""O único que escreve no banco, e só sabe executar um plano.

Mães antes das filhas ao repor, filhas antes das mães ao remover. Repor é um INSERT simples: nunca
toma a linha de outra empresa. Alterar e remover levam no filtro a chave e as colunas de dono como
acabaram de ser lidas: uma linha que mudou de dono no meio do caminho não é tocada. O que o banco
recusa é anotado e não impede o resto; quem chama fotografa de novo e compara.
"""

from __future__ import annotations

import contextlib
import graphlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from cofre.campos import NULO, texto
from cofre.erros import ConsultaDemorada, EscritaRecusada
from cofre.escopo import TabelaNoEscopo
from cofre.modelo import ChaveEstrangeira, Tabela
from cofre.plano import ALTERAR, REMOVER, REPOR, Acao, Plano, abrir_linha, mudancas
from cofre.portal.consulta import Parametros, citar, valor_citado
from cofre.portal.transporte import Transporte
from cofre.via import Impedimento

LINHAS_POR_INSERCAO = 500
BYTES_POR_INSERCAO = 512 * 1024
CHAVES_POR_REMOCAO = 40
RECUSAS_POR_TABELA = 20
"""Depois de tantas recusas com o mesmo código, o resto da tabela teria o mesmo fim."""

COMPARAVEIS = frozenset(
    {
        *"uuid text integer bigint smallint numeric boolean date".split(),
        "character varying",
        "timestamp with time zone",
        "timestamp without time zone",
    }
)
"""Tipos cujo texto JSON, comparado com `eq`, é sempre o próprio valor."""
MAIOR_COMPARADO = 200
MAXIMO_DE_COMPARADOS = 8
"""Para a URL ficar abaixo de 3 KB."""

DONO_TROCADO = "dono trocado"
MUDOU = "mudou"
"""Códigos nossos, no lugar dos do PostgreSQL: a linha não é mais como a foto a viu."""
UNICO_VIOLADO = "23505"
NULO_PROIBIDO = "23502"
UM_SO_OBJETO = "application/vnd.pgrst.object+json"


@dataclass(slots=True)
class Execucao:
    """Uma passada: executa um plano uma vez. `ao_avancar` recebe (tabela, ação, linhas)."""

    transporte: Transporte
    escopo: Mapping[str, TabelaNoEscopo]
    ao_avancar: Callable[[str, str, int], None]
    impedimentos: list[Impedimento] = field(default_factory=list)

    def executar(self, plano: Plano) -> list[Impedimento]:
        """Repõe, religa, altera e remove. Levanta FalhaDeLeitura se o servidor some."""
        ordem, soltas = ordenar([self.escopo[t].tabela for t in plano.tabelas])
        for nome in ordem:
            self._repor(plano, nome, soltas.get(nome, ()))
        for nome in ordem:
            self._religar(plano, nome, soltas.get(nome, ()))
        for nome in ordem:
            self._alterar(plano, nome)
        for nome in reversed(ordem):
            self._remover(plano, nome)
        return self.impedimentos

    # -- repor -----------------------------------------------------------------------------

    def _repor(self, plano: Plano, nome: str, soltas: Sequence[ChaveEstrangeira]) -> None:
        if not plano.contagens[nome].repor:
            return
        tabela = self.escopo[nome].tabela
        anular = [c for fk in soltas if fk.tabela != nome for c in fk.colunas]
        acoes = self._maes_antes(plano, tabela)
        for lote in _lotes(acoes):
            if self._desistiu(nome, REPOR):
                break
            self._inserir(plano, tabela, lote, anular)

    def _maes_antes(self, plano: Plano, tabela: Tabela) -> Iterator[Acao]:
        """As linhas a repor; numa tabela que aponta para si, cada linha depois da sua mãe."""
        proprias = [
            fk for fk in tabela.estrangeiras if fk.tabela == tabela.nome and len(fk.colunas) == 1
        ]
        acoes = plano.acoes(tabela.nome, REPOR)
        if not proprias or not tabela.chave:
            return acoes
        todas = {a.chave: a for a in acoes}
        grafo = {}
        for chave, acao in todas.items():
            linha = abrir_linha(acao.alvo or b"{}")
            maes = {(bytes(linha[fk.colunas[0]]),) for fk in proprias if fk.colunas[0] in linha}
            grafo[chave] = {m for m in maes if m in todas and m != chave}
        try:
            return iter([todas[c] for c in graphlib.TopologicalSorter(grafo).static_order()])
        except graphlib.CycleError:
            return iter(todas.values())  # um ciclo cabe num só INSERT, conferido no fim dele

    def _inserir(
        self, plano: Plano, tabela: Tabela, lote: Sequence[Acao], anular: Sequence[str]
    ) -> None:
        colunas = plano.tabelas[tabela.nome].colunas
        corpo = _vetor([_sem(a.alvo or b"{}", anular) for a in lote])
        tem = abrir_linha(lote[0].alvo or b"{}")
        nomes = ",".join(citar_sempre(c) for c in colunas if c in tem)
        parametros: Parametros = (("columns", nomes), *self._conferindo(tabela))
        try:
            gravadas = self.transporte.escrever(
                "POST",
                tabela.nome,
                parametros,
                corpo,
                "return=representation",
                "return=representation,resolution=ignore-duplicates",
            )
            self.ao_avancar(tabela.nome, REPOR, len(lote))
            trocadas = self._trocadas(tabela, {a.chave: a.alvo or b"{}" for a in lote}, gravadas)
            if trocadas:
                self._apagar_trocadas(tabela, trocadas)
                self._anotar_gatilho(tabela, REPOR, lote[0])
        except (EscritaRecusada, ConsultaDemorada) as e:
            self._repartir(plano, tabela, lote, anular, e)

    def _repartir(
        self,
        plano: Plano,
        tabela: Tabela,
        lote: Sequence[Acao],
        anular: Sequence[str],
        erro: EscritaRecusada | ConsultaDemorada,
    ) -> None:
        if len(lote) > 1:
            meio = len(lote) // 2
            for parte in (lote[:meio], lote[meio:]):
                if not self._desistiu(tabela.nome, REPOR):
                    self._inserir(plano, tabela, parte, anular)
            return
        if isinstance(erro, ConsultaDemorada):
            raise erro
        if erro.codigo_sql == UNICO_VIOLADO and self._liberar(plano, tabela, lote[0].chave, erro):
            self._inserir(plano, tabela, lote, anular)
            return
        self._anotar(tabela.nome, REPOR, lote[0], erro)

    def _religar(self, plano: Plano, nome: str, soltas: Sequence[ChaveEstrangeira]) -> None:
        """As colunas que foram nulas na reposição, para fechar um ciclo entre tabelas."""
        colunas = [c for fk in soltas if fk.tabela != nome for c in fk.colunas]
        if not colunas or not plano.contagens[nome].repor:
            return
        for acao in plano.acoes(nome, REPOR):
            linha = abrir_linha(acao.alvo or b"{}")
            valores = {c: linha[c] for c in colunas if c in linha and bytes(linha[c]) != NULO}
            if valores:
                self._mudar(plano, self.escopo[nome].tabela, acao, valores, acao.alvo or b"{}")

    # -- alterar ---------------------------------------------------------------------------

    def _alterar(self, plano: Plano, nome: str) -> None:
        tabela, no_plano = self.escopo[nome].tabela, plano.tabelas[nome]
        for acao in plano.acoes(nome, ALTERAR):
            if self._desistiu(nome, ALTERAR):
                break
            self._mudar(plano, tabela, acao, mudancas(acao, no_plano), acao.atual or b"{}")

    def _mudar(
        self,
        plano: Plano,
        tabela: Tabela,
        acao: Acao,
        valores: Mapping[str, msgspec.Raw],
        como_esta: bytes,
    ) -> None:
        filtro = (
            *_por_chave(tabela, [acao.chave]),
            *self._como_lida(tabela, como_esta),
            *_se_ainda_for(tabela, acao.atual, valores),
        )
        corpo = msgspec.json.encode(dict(valores))
        parametros = (*filtro, *self._conferindo(tabela))
        for tentativa in range(3):
            try:
                gravadas = self.transporte.escrever(
                    "PATCH", tabela.nome, parametros, corpo, "return=representation"
                )
                self.ao_avancar(tabela.nome, ALTERAR, 1)
                if tabela.chave and acao.atual is not None and gravadas == b"[]":
                    mudou = f"um registro de {tabela.nome} mudou enquanto se restaurava"
                    self._anotar(tabela.nome, ALTERAR, acao, EscritaRecusada(MUDOU, mudou, ""))
                if self._trocadas(tabela, {acao.chave: acao.alvo or b"{}"}, gravadas):
                    self._anotar_gatilho(tabela, ALTERAR, acao)
                return
            except EscritaRecusada as e:
                tomado = e.codigo_sql == UNICO_VIOLADO and tentativa < 2
                if not (tomado and self._liberar(plano, tabela, acao.chave, e)):
                    self._anotar(tabela.nome, ALTERAR, acao, e)
                    return

    # -- remover ---------------------------------------------------------------------------

    def _remover(self, plano: Plano, nome: str) -> None:
        tabela = self.escopo[nome].tabela
        lote: list[Acao] = []
        dono: Parametros = ()
        for acao in plano.acoes(nome, REMOVER):
            deste = self._como_lida(tabela, acao.atual or b"{}")
            if lote and (deste != dono or len(lote) == CHAVES_POR_REMOCAO or not tabela.chave):
                self._apagar(tabela, lote, dono)
                lote = []
            lote.append(acao)
            dono = deste
        if lote:
            self._apagar(tabela, lote, dono)

    def _apagar(self, tabela: Tabela, lote: Sequence[Acao], dono: Parametros) -> None:
        if self._desistiu(tabela.nome, REMOVER):
            return
        if tabela.chave:
            filtro = (*_por_chave(tabela, [a.chave for a in lote]), *dono)
        else:
            filtro = _por_tudo(lote[0].atual or b"{}")
        try:
            self.transporte.escrever(
                "DELETE", tabela.nome, filtro, b"", "return=minimal,count=exact"
            )
            self.ao_avancar(tabela.nome, REMOVER, len(lote))
        except EscritaRecusada as e:
            if len(lote) == 1:
                self._anotar(tabela.nome, REMOVER, lote[0], e)
                return
            meio = len(lote) // 2
            self._apagar(tabela, lote[:meio], dono)
            self._apagar(tabela, lote[meio:], dono)

    # -- gatilhos que trocam o dono ----------------------------------------------------------

    def _conferindo(self, tabela: Tabela) -> Parametros:
        """O `select` do que a resposta de uma escrita traz: a chave e as colunas de dono."""
        colunas = dict.fromkeys((*tabela.chave, *self._colunas_de_dono(tabela)))
        return (("select", ",".join(citar(c) for c in colunas)),) if tabela.chave else ()

    def _colunas_de_dono(self, tabela: Tabela) -> list[str]:
        da_tabela = next((r for r in self.escopo[tabela.nome].ramos if not r.passos), None)
        return [e.coluna for e in da_tabela.elos] if da_tabela else []

    def _trocadas(
        self, tabela: Tabela, mandadas: Mapping[tuple[bytes, ...], bytes], gravadas: bytes
    ) -> list[bytes]:
        """As linhas que ficaram no banco com outro dono que o mandado: um gatilho o troca."""
        if not tabela.chave or not gravadas:
            return []
        trocadas = []
        for bruta in msgspec.json.decode(gravadas, type=list[msgspec.Raw]):
            ficou = abrir_linha(bytes(bruta))
            mandada = mandadas.get(tuple(bytes(ficou[c]) for c in tabela.chave))
            quis = abrir_linha(mandada) if mandada is not None else ficou
            donos = self._colunas_de_dono(tabela)
            # Um dono nulo que o banco preenche fica na empresa: a próxima passada o devolve.
            if any(bytes(quis.get(c, ficou[c])) not in (NULO, bytes(ficou[c])) for c in donos):
                trocadas.append(bytes(bruta))
        return trocadas

    def _apagar_trocadas(self, tabela: Tabela, linhas: Sequence[bytes]) -> None:
        """Tira as linhas que acabaram de ser inseridas e que um gatilho deu a outro dono."""
        for linha in linhas:
            campos = abrir_linha(linha)
            chave = tuple(bytes(campos[c]) for c in tabela.chave)
            filtro = (*_por_chave(tabela, [chave]), *self._como_lida(tabela, linha))
            with contextlib.suppress(EscritaRecusada):  # o impedimento já diz o que houve
                self.transporte.escrever("DELETE", tabela.nome, filtro, b"", "return=minimal")

    def _anotar_gatilho(self, tabela: Tabela, tipo: str, acao: Acao) -> None:
        """Uma só vez basta para desistir da tabela: cada nova escrita soltaria mais uma linha."""
        donos = ", ".join(self._colunas_de_dono(tabela))
        erro = EscritaRecusada(
            DONO_TROCADO, f"um gatilho de {tabela.nome} troca {donos} a cada escrita", ""
        )
        self._anotar(tabela.nome, tipo, acao, erro)

    # -- valores únicos tomados ------------------------------------------------------------

    def _liberar(
        self, plano: Plano, tabela: Tabela, chave: tuple[bytes, ...], erro: EscritaRecusada
    ) -> bool:
        """Tira o valor único de uma linha DESTA empresa que o plano vai mudar ou remover."""
        achado = coluna_e_valor(erro.detalhes, tabela)
        if achado is None:
            return False
        coluna, valor = achado
        for tipo in (ALTERAR, REMOVER):
            for acao in plano.acoes(tabela.nome, tipo):
                atual = abrir_linha(acao.atual or b"{}")
                tem = texto(bytes(atual[coluna])) if coluna in atual else None
                if acao.chave == chave or tem is None or tem.casefold() != valor.casefold():
                    continue
                provisorio = _provisorio(tabela, coluna)
                filtro = (
                    *_por_chave(tabela, [acao.chave]),
                    *self._como_lida(tabela, acao.atual or b"{}"),
                )
                corpo = msgspec.json.encode({coluna: provisorio})
                try:
                    self.transporte.escrever(
                        "PATCH", tabela.nome, filtro, corpo, "return=minimal,count=exact"
                    )
                except EscritaRecusada:
                    return False
                return True
        return False

    def _como_lida(self, tabela: Tabela, linha: bytes) -> Parametros:
        """O filtro com as colunas de dono como estão na linha: se mudaram, não se toca nela."""
        campos = abrir_linha(linha)
        da_tabela = next((r for r in self.escopo[tabela.nome].ramos if not r.passos), None)
        parametros = []
        for elo in da_tabela.elos if da_tabela else ():
            if elo.coluna in tabela.chave or elo.coluna not in campos:
                continue
            valor = texto(bytes(campos[elo.coluna]))
            parametros.append((citar(elo.coluna), "is.null" if valor is None else f"eq.{valor}"))
        return tuple(parametros)

    def _desistiu(self, tabela: str, acao: str) -> bool:
        codigos = [i.erro.codigo_sql for i in self.impedimentos if i.tabela == tabela]
        if DONO_TROCADO in codigos:
            return acao != REMOVER
        return any(codigos.count(c) >= RECUSAS_POR_TABELA for c in set(codigos) - {MUDOU})

    def _anotar(self, tabela: str, tipo: str, acao: Acao, erro: EscritaRecusada) -> None:
        chave = tuple(texto(v) or "" for v in acao.chave)
        self.impedimentos.append(Impedimento(tabela, tipo, chave, erro))


def ordenar(
    tabelas: Sequence[Tabela],
) -> tuple[list[str], dict[str, list[ChaveEstrangeira]]]:
    """As tabelas, mães antes, e as chaves que tiveram de ser ignoradas para desfazer ciclos."""
    nomes = {t.nome for t in tabelas}
    soltas: dict[str, list[ChaveEstrangeira]] = {}
    ligacoes = {
        t.nome: [fk for fk in t.estrangeiras if fk.tabela in nomes and fk.tabela != t.nome]
        for t in tabelas
    }
    por_nome = {t.nome: t for t in tabelas}
    while True:
        grafo = {n: {fk.tabela for fk in fks} for n, fks in ligacoes.items()}
        try:
            return list(graphlib.TopologicalSorter(grafo).static_order()), soltas
        except graphlib.CycleError as e:
            ciclo: list[str] = e.args[1]
            nome, fk = _mais_frouxa(ciclo, ligacoes, por_nome)
            ligacoes[nome].remove(fk)
            soltas.setdefault(nome, []).append(fk)


def _mais_frouxa(
    ciclo: Sequence[str],
    ligacoes: Mapping[str, list[ChaveEstrangeira]],
    tabelas: Mapping[str, Tabela],
) -> tuple[str, ChaveEstrangeira]:
    """Uma chave do ciclo que possa ser nula (a que não pode só se solta se não há outra)."""
    pares = [(n, fk) for n in ciclo for fk in ligacoes[n] if fk.tabela in ciclo]

    def obrigatoria(par: tuple[str, ChaveEstrangeira]) -> bool:
        achadas = [tabelas[par[0]].coluna(c) for c in par[1].colunas]
        return not all(c is not None and c.anulavel for c in achadas)

    return min(pares, key=obrigatoria)


def coluna_e_valor(detalhes: str, tabela: Tabela) -> tuple[str, str] | None:
    """«Key (numero_os)=(12) already exists.» → (numero_os, 12); de uma chave composta ou de uma
    expressão, a última coluna da tabela que aparece e o último valor."""
    casa = re.match(r"Key \((.*)\)=\((.*)\) already exists", detalhes, re.DOTALL)
    if not casa:
        return None
    nomes = [c.nome for c in tabela.colunas if re.search(rf"\b{re.escape(c.nome)}\b", casa[1])]
    nomes = [n for n in nomes if n not in tabela.chave and n != "user_id"]
    return (nomes[-1], casa[2].rpartition(", ")[2]) if nomes else None


def _provisorio(tabela: Tabela, coluna: str) -> str | int | None:
    achada = tabela.coluna(coluna)
    if achada is None or achada.anulavel:
        return None
    if achada.tipo in ("integer", "bigint", "smallint", "numeric"):
        return -(uuid.uuid4().int % 30_000) - 1
    return f"cofre-{uuid.uuid4()}"


def _lotes(acoes: Iterator[Acao]) -> Iterator[list[Acao]]:
    lote: list[Acao] = []
    tamanho = 0
    for acao in acoes:
        peso = len(acao.alvo or b"")
        if lote and (len(lote) == LINHAS_POR_INSERCAO or tamanho + peso > BYTES_POR_INSERCAO):
            yield lote
            lote, tamanho = [], 0
        lote.append(acao)
        tamanho += peso
    if lote:
        yield lote


def _vetor(linhas: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(linhas) + b"]"


def _sem(linha: bytes, anular: Sequence[str]) -> bytes:
    """A linha com estas colunas nulas; sem nenhuma, os mesmos bytes."""
    if not anular:
        return linha
    nulo = msgspec.Raw(NULO)
    campos = abrir_linha(linha)
    return msgspec.json.encode({c: nulo if c in anular else v for c, v in campos.items()})


def citar_sempre(nome: str) -> str:
    """Um nome na lista `columns`, que aceita aspas para qualquer um."""
    return '"' + nome.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _por_chave(tabela: Tabela, chaves: Sequence[tuple[bytes, ...]]) -> Parametros:
    valores = [[texto(v) or "" for v in chave] for chave in chaves]
    if len(tabela.chave) == 1:
        coluna = citar(tabela.chave[0])
        if len(valores) == 1:
            return ((coluna, f"eq.{valores[0][0]}"),)
        return ((coluna, f"in.({','.join(valor_citado(v[0]) for v in valores)})"),)
    if len(valores) == 1:
        pares = zip(tabela.chave, valores[0], strict=True)
        return tuple((citar(c), f"eq.{v}") for c, v in pares)
    termos = [
        "and("
        + ",".join(
            f"{citar(c)}.eq.{valor_citado(v)}" for c, v in zip(tabela.chave, valor, strict=True)
        )
        + ")"
        for valor in valores
    ]
    return (("or", f"({','.join(termos)})"),)


def _se_ainda_for(
    tabela: Tabela, atual: bytes | None, valores: Mapping[str, msgspec.Raw]
) -> Parametros:
    """Só altera se as colunas ainda têm o que a foto viu: a mudança de outra pessoa, feita depois
    da foto, não se perde (a próxima foto a verá)."""
    if atual is None:
        return ()
    campos = abrir_linha(atual)
    parametros = []
    for nome in valores:
        coluna = tabela.coluna(nome)
        bruto = bytes(campos.get(nome, msgspec.Raw(NULO)))
        if coluna is None or coluna.tipo not in COMPARAVEIS or len(bruto) > MAIOR_COMPARADO:
            continue
        valor = texto(bruto)
        parametros.append((citar(nome), "is.null" if valor is None else f"eq.{valor}"))
    return tuple(parametros[:MAXIMO_DE_COMPARADOS])


def _por_tudo(linha: bytes) -> Parametros:
    """Sem chave, a linha é o conjunto dos seus valores."""
    parametros = []
    for coluna, bruto in abrir_linha(linha).items():
        if bytes(bruto)[:1] in (b"{", b"["):
            continue  # json não se compara; vetores se escrevem de outro jeito
        valor = texto(bytes(bruto))
        parametros.append((citar(coluna), "is.null" if valor is None else f"eq.{valor}"))
    return tuple(parametros)


def existentes(
    transporte: Transporte, tabela: Tabela, chaves: Sequence[tuple[bytes, ...]]
) -> list[tuple[str, ...]]:
    """Quais destas chaves existem na tabela, seja de quem for."""
    achadas: list[tuple[str, ...]] = []
    selecao = ",".join(citar(c) for c in tabela.chave)
    for i in range(0, len(chaves), CHAVES_POR_REMOCAO):
        filtro = _por_chave(tabela, chaves[i : i + CHAVES_POR_REMOCAO])
        for linha in transporte.ler(tabela.nome, selecao, filtro).linhas:
            campos = abrir_linha(bytes(linha))
            achadas.append(tuple(texto(bytes(campos[c])) or "" for c in tabela.chave))
    return achadas


def ensaiar_insercao(
    transporte: Transporte, tabela: Tabela, linhas: Sequence[bytes], colunas: Sequence[str]
) -> EscritaRecusada | None:
    """O que o banco recusaria destas linhas, sem gravá-las; None se aceitaria todas.

    Pede-se a resposta como um só objeto: com duas linhas ou mais, o PostgREST responde PGRST116 e
    desfaz a transação, depois de o banco ter conferido tudo (gatilhos e chaves estrangeiras
    inclusive; com uma linha só, as chaves estrangeiras não se veem).
    """
    return _ensaiar(transporte, tabela, linhas, colunas, (), "return=representation")


def ensaiar_alteracao(
    transporte: Transporte, tabela: Tabela, linhas: Sequence[bytes], colunas: Sequence[str]
) -> EscritaRecusada | None:
    """O que o banco recusaria se estas linhas, que existem, ficassem assim; None se nada.

    É um upsert pela chave, desfeito como em `ensaiar_insercao`. Os gatilhos de inserção também
    rodam: quem chama só deve crer nas recusas que são do valor.
    """
    por_chave = ("on_conflict", ",".join(citar_sempre(c) for c in tabela.chave))
    prefer = "return=representation,resolution=merge-duplicates"
    return _ensaiar(transporte, tabela, linhas, colunas, (por_chave,), prefer)


def _ensaiar(
    transporte: Transporte,
    tabela: Tabela,
    linhas: Sequence[bytes],
    colunas: Sequence[str],
    parametros: Parametros,
    prefer: str,
) -> EscritaRecusada | None:
    """Um POST que nunca fica: com duas linhas ou mais, a resposta de um só objeto o desfaz; uma
    linha sozinha vai com outra de chave nula, que o banco sempre recusa."""
    so_uma = len(linhas) == 1
    tem = abrir_linha(linhas[0])
    nomes = ("columns", ",".join(citar_sempre(c) for c in colunas if c in tem))
    corpo = _vetor([linhas[0], _sem(linhas[0], tabela.chave)] if so_uma else linhas)
    try:
        transporte.escrever(
            "POST", tabela.nome, (nomes, *parametros), corpo, prefer, aceitar=UM_SO_OBJETO
        )
    except EscritaRecusada as e:
        da_sentinela = e.codigo_sql == NULO_PROIBIDO and any(
            f'column "{c}"' in str(e) for c in tabela.chave
        )
        return None if e.codigo_sql == "PGRST116" or (so_uma and da_sentinela) else e
    # Só se gatilhos descartaram todas as linhas menos uma: a que ficou é desta empresa, e a próxima
    # foto a verá.
    return None
