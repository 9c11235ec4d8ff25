"""Restaurar é convergir: fotografar, comparar com o alvo, executar o plano, fotografar de novo, até
nada diferir.

Desfazer é o mesmo com outro alvo (a foto de antes); continuar depois de uma queda é o mesmo com o
mesmo alvo. A foto de antes é um backup comum, publicado antes da primeira escrita, e o diário está
no disco antes dela.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cofre.conferencia import Arquivo, chaves_repetidas
from cofre.deposito import Backup
from cofre.diario import CONCLUIDA, DESFEITA, INCOMPLETA, Diario
from cofre.erros import BackupDanificado, EmpresaMudou, FalhaDeLeitura, RestauracaoRecusada
from cofre.escopo import TabelaNoEscopo
from cofre.escritor import DONO_TROCADO, MUDOU
from cofre.executor import Impedimento
from cofre.fotografia import Execucao, Fotografo, FotoMontada
from cofre.metadados import TabelaSalva
from cofre.modelo import Empresa, ordem_de_exibicao
from cofre.plano import Contagem, Plano, TabelaDoPlano, comparar
from cofre.relato import Relato
from cofre.riscos import DE_UMA_LINHA, Avaliacao, Risco
from cofre.via import Escrita, Via

VOLTAR, RECUPERAR = "voltar", "recuperar"
MANTER, DESFAZER = "manter", "desfazer"
PASSADAS = 8
"""Depois de tantas, o banco e o alvo não vão se encontrar."""

ESCRITAS_PARA_BARRA = 100
"""Cada alteração é um pedido: cem já demoram, pela internet."""

ACEITAVEIS = DE_UMA_LINHA | {"23503"}
"""Recusas com que o usuário pode concordar: as de uma linha, e as das que apontam para ela."""

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
class Planejada:
    """Uma restauração pronta para confirmar; nada foi escrito."""

    foto: FotoMontada
    plano: Plano
    riscos: tuple[Risco, ...]
    colunas_perdidas: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Desfecho:
    """Como acabou. `desfeita`: a transação inteira voltou atrás, e nada mudou; `reescritas`:
    colunas que o banco muda sozinho, por tabela, com quantas linhas; `restantes`: o que ainda
    difere; `efeitos`: o que mudou em tabelas não escolhidas."""

    completa: bool
    desfeita: bool
    passadas: int
    registros: int
    reescritas: Mapping[str, Counter[str]]
    restantes: Mapping[str, Contagem]
    impedimentos: Sequence[Impedimento]
    efeitos: Mapping[str, Contagem]


PerguntarEfeitos = Callable[[Mapping[str, Contagem]], str]


@dataclass(frozen=True, slots=True)
class Restauradora:
    """Planeja e executa restaurações de um projeto."""

    via: Via
    fotografo: Fotografo
    execucao: Execucao
    relato: Relato

    @contextlib.contextmanager
    def planejar(self, alvo: Alvo) -> Iterator[Planejada]:
        """Fotografa, compara e avalia os riscos. A foto some ao sair, se não for publicada."""
        self._conferir_tabelas(alvo)
        self._conferir_chaves(alvo)
        with self.fotografo.montar(alvo.empresa, self._de_agora("pre_restauracao")) as foto:
            falhas = self._ilegiveis(foto)
            if falhas:
                raise RestauracaoRecusada(
                    f"Não consegui fotografar a empresa inteira antes de mexer.\n{falhas}",
                    "Sem a foto de agora não há como desfazer. Faça um backup e veja a causa:\n"
                    "python scripts/backup-por-empresa.py",
                )
            with self._plano(alvo, foto.arquivos, foto.arquivos, ()) as plano:
                riscos = tuple(self._avaliacao(alvo, plano, foto.arquivos).riscos())
                yield Planejada(foto, plano, riscos, self._colunas_perdidas(alvo))

    def como_escreve(self, alvo: Alvo) -> Sequence[str]:
        """O que o usuário precisa saber antes de confirmar. Levanta FalhaDeLeitura."""
        return self.via.como_escreve(self._escolhidas(alvo, ()))

    def convergir(
        self,
        alvo: Alvo,
        antes: Backup,
        diario: Diario,
        perguntar_efeitos: PerguntarEfeitos,
        efeitos: str | None = None,
        agora: Backup | None = None,
        *,
        sem_recusadas: bool = False,
    ) -> Desfecho:
        """Executa até a empresa ser o alvo, ou não haver mais progresso. `antes` é o estado com que
        se comparam as tabelas não escolhidas; `agora`, a foto de como a empresa está, se acabou de
        ser tirada. Levanta FalhaDeLeitura ou Interrompido se o servidor some ou pedem para parar: o
        diário fica aberto."""
        de_antes = self._arquivos(antes, set(self.execucao.escopo.tabelas))
        desfazer = self._fora(alvo) if efeitos == DESFAZER else ()
        # O que a transação ainda pode desfazer nunca existiu: não vira backup.
        do_meio: list[FotoMontada] = []
        guardar = do_meio.append if self.via.atomica else FotoMontada.publicar
        with contextlib.ExitStack() as pilha:
            escrita = pilha.enter_context(self.via.escrevendo(self._escolhidas(alvo, desfazer)))
            por_ela = replace(self, fotografo=replace(self.fotografo, via=escrita))
            if agora is None:
                plano = pilha.enter_context(por_ela._nova_foto(alvo, de_antes, desfazer, guardar))
            elif self.via.atomica:
                plano = pilha.enter_context(por_ela._a_mesma(alvo, agora, de_antes, desfazer))
            else:
                de_agora = self._arquivos(agora, set(self.execucao.escopo.tabelas))
                plano = pilha.enter_context(self._plano(alvo, de_agora, de_antes, desfazer))
            impedimentos: list[Impedimento] = []
            vistas: set[bytes] = set()
            passadas = 0
            while passadas < PASSADAS:
                assinatura = plano.assinatura()
                if plano.vazio or assinatura in vistas:
                    if efeitos is not None or not plano.efeitos:
                        break
                    efeitos = perguntar_efeitos(plano.efeitos)
                    diario.anotar(efeitos=efeitos)
                    if efeitos != DESFAZER:
                        break
                    desfazer = self._fora(alvo)
                    vistas.clear()
                    plano = pilha.enter_context(
                        por_ela._nova_foto(alvo, de_antes, desfazer, guardar)
                    )
                    continue
                vistas.add(assinatura)
                passadas += 1
                impedimentos = self._executar(escrita, alvo, plano, diario, passadas)
                if any(i.erro.codigo_sql == MUDOU for i in impedimentos):
                    vistas.discard(assinatura)  # alguém chegou antes: com a foto nova pode ir
                plano = pilha.enter_context(por_ela._nova_foto(alvo, de_antes, desfazer, guardar))
                if any(i.erro.codigo_sql == DONO_TROCADO for i in impedimentos):
                    break  # cada passada a mais soltaria mais uma linha da empresa
            parou = plano.vazio or plano.assinatura() in vistas
            aceitos = ACEITAVEIS if sem_recusadas else frozenset()
            desfecho = self._desfecho(alvo, plano, impedimentos, passadas, parou, aceitos)
            if desfecho.completa:
                for foto in do_meio:
                    foto.publicar()
                escrita.confirmar()
            self._encerrar(plano, desfecho, diario)
            return desfecho

    # -- peças -----------------------------------------------------------------------------

    def _executar(
        self, escrita: Escrita, alvo: Alvo, plano: Plano, diario: Diario, passada: int
    ) -> list[Impedimento]:
        diario.acrescentar("passadas", {"passada": passada, "plano": contagens_em_json(plano)})
        feitas: Counter[str] = Counter()

        def ao_avancar(tabela: str, _acao: str, linhas: int) -> None:
            feitas[tabela] += linhas
            total = plano.contagens[tabela].diferencas
            self.relato.avanco(
                alvo.empresa.nome, tabela, feitas[tabela], total, ESCRITAS_PARA_BARRA
            )

        return escrita.executar(plano, self.execucao.escopo.tabelas, ao_avancar)

    def _ilegiveis(self, foto: FotoMontada) -> str:
        """As tabelas que não se deixaram fotografar, e por quê. Uma que o banco não tem mais não
        conta: não há nela o que fotografar."""
        falhas = foto.copia.falhas
        nomes = sorted(set(falhas) & set(self.execucao.escopo.tabelas))
        return "\n".join(f"{nome}: {falhas[nome]}" for nome in nomes)

    @contextlib.contextmanager
    def _nova_foto(
        self,
        alvo: Alvo,
        de_antes: Arquivos,
        desfazer: Sequence[str],
        guardar: Callable[[FotoMontada], object],
    ) -> Iterator[Plano]:
        """Fotografa de novo e compara. A foto é guardada se o plano vai tirar ou mudar linhas: o
        que apareceu enquanto se restaurava está nela."""
        execucao = self._de_agora("durante_restauracao")
        with self.fotografo.montar(alvo.empresa, execucao) as foto:
            falhas = self._ilegiveis(foto)
            if falhas:
                raise FalhaDeLeitura(f"Não consegui fotografar de novo a empresa.\n{falhas}")
            with self._plano(alvo, foto.arquivos, de_antes, desfazer) as plano:
                if any(c.remover or c.alterar for c in plano.contagens.values()):
                    guardar(foto)
                yield plano

    def _de_agora(self, tipo: str) -> Execucao:
        """A execução para uma foto: as linhas que acabaram de voltar, ou que um gatilho criou,
        podem ser as primeiras sem dono da sua tabela."""
        escopo = self.fotografo.via.com_ramos_de_agora(
            self.execucao.escopo, self.execucao.inspecao, self.fotografo.regras
        )
        pedido = replace(self.execucao.pedido, tipo=tipo)
        return replace(self.execucao, escopo=escopo, pedido=pedido)

    @contextlib.contextmanager
    def _a_mesma(
        self, alvo: Alvo, agora: Backup, de_antes: Arquivos, desfazer: Sequence[str]
    ) -> Iterator[Plano]:
        """O plano pela foto de dentro da transação, se as tabelas que se escrevem são byte a byte
        as da foto que o usuário viu. Levanta EmpresaMudou se não são."""
        assert agora.meta is not None
        with self.fotografo.montar(alvo.empresa, self._de_agora("durante_restauracao")) as foto:
            for nome in (*alvo.tabelas, *desfazer):
                antes, ve = agora.meta.tabelas.get(nome), foto.arquivos.get(nome)
                if antes is None or ve is None or antes.sha256 != ve.tabela.sha256:
                    raise EmpresaMudou(
                        f"Alguém mexeu em {nome} depois da foto: nada foi escrito.",
                        "Veja o novo plano e confirme de novo.",
                    )
            with self._plano(alvo, foto.arquivos, de_antes, desfazer) as plano:
                yield plano

    def _plano(
        self, alvo: Alvo, foto: Arquivos, de_antes: Arquivos, desfazer: Sequence[str]
    ) -> Plano:
        """O plano para as tabelas escolhidas (e as que se quer desfazer). As outras também são
        comparadas com o que eram, sem contar: são os efeitos."""
        tabelas = [
            self._tabela(nome, self._fontes(alvo, nome, de_antes), foto, alvo)
            for nome in sorted({*alvo.tabelas, *desfazer}, key=ordem_de_exibicao)
        ]
        plano = comparar(tabelas)
        fora = [n for n in self._fora(alvo) if n not in desfazer]
        with comparar([self._tabela(n, (de_antes[n].caminho,), foto) for n in fora]) as outro:
            plano.efeitos = {n: c for n, c in outro.contagens.items() if c.diferencas}
        return plano

    def _fontes(self, alvo: Alvo, nome: str, de_antes: Arquivos) -> tuple[Path, ...]:
        if nome not in alvo.tabelas:
            return (de_antes[nome].caminho,)
        meta = alvo.backup.meta
        assert meta is not None
        do_alvo = alvo.backup.caminho(meta.tabelas[nome])
        if alvo.modo == RECUPERAR and nome in de_antes:
            return (de_antes[nome].caminho, do_alvo)
        return (do_alvo,)

    def _tabela(
        self, nome: str, arquivos: tuple[Path, ...], foto: Arquivos, alvo: Alvo | None = None
    ) -> TabelaDoPlano:
        # A primeira versão passava os números por float, e as linhas não estavam em ordem.
        meta = alvo.backup.meta if alvo and nome in alvo.tabelas else None
        antiga = meta is not None and meta.versao == 1
        tabela = self.execucao.escopo.tabelas[nome].tabela
        colunas = self.via.colunas_gravaveis(tabela)
        chave = tabela.coluna(tabela.chave[0]) if len(tabela.chave) == 1 else None
        atual = foto[nome].caminho if nome in foto else None
        tipo = chave.tipo if chave and not antiga else ""
        return TabelaDoPlano(nome, tabela.chave, colunas, arquivos, atual, tipo, antiga)

    def _fora(self, alvo: Alvo) -> tuple[str, ...]:
        return tuple(n for n in self.execucao.escopo.tabelas if n not in alvo.tabelas)

    def _escolhidas(self, alvo: Alvo, mais: Sequence[str]) -> dict[str, TabelaNoEscopo]:
        return {n: self.execucao.escopo.tabelas[n] for n in (*alvo.tabelas, *mais)}

    def _arquivos(self, backup: Backup, nomes: set[str]) -> dict[str, Arquivo]:
        assert backup.meta is not None
        return {
            n: Arquivo(_como_hoje(self.execucao.escopo.tabelas[n], t), backup.caminho(t))
            for n, t in backup.meta.tabelas.items()
            if n in nomes
        }

    def _avaliacao(self, alvo: Alvo, plano: Plano, foto: Arquivos) -> Avaliacao:
        do_alvo = self._arquivos(alvo.backup, set(alvo.tabelas))
        final: dict[str, Sequence[Arquivo]] = {n: [a] for n, a in foto.items()}
        for nome, arquivo in do_alvo.items():
            juntas = alvo.modo == RECUPERAR and nome in foto
            final[nome] = [foto[nome], arquivo] if juntas else [arquivo]
        tabelas = self.execucao.escopo.tabelas
        return Avaliacao(self.via, plano, tabelas, alvo.tabelas, final, foto)

    def _conferir_tabelas(self, alvo: Alvo) -> None:
        """As escolhidas estão no backup e ainda na API. Levanta RestauracaoRecusada."""
        meta = alvo.backup.meta
        for nome in alvo.tabelas:
            if meta is None or nome not in meta.tabelas:
                raise RestauracaoRecusada(
                    f"O backup escolhido não tem a tabela {nome}.", "Escolha outra data."
                )
            if nome not in self.execucao.escopo.tabelas:
                raise RestauracaoRecusada(
                    f"A tabela {nome} não existe mais na API (apagada ou sem permissão).",
                    f"Recrie {nome} no banco, ou escolha as outras tabelas.",
                )

    def _conferir_chaves(self, alvo: Alvo) -> None:
        """Com a chave que a tabela tem hoje, nenhuma se repete no backup."""
        for nome, arquivo in self._arquivos(alvo.backup, set(alvo.tabelas)).items():
            if chaves_repetidas(arquivo):
                raise BackupDanificado(
                    f"No backup, há registros de {nome} com a mesma chave. Nada foi alterado."
                )

    def _colunas_perdidas(self, alvo: Alvo) -> dict[str, tuple[str, ...]]:
        """Colunas do backup que o banco não tem mais, por tabela."""
        assert alvo.backup.meta is not None
        perdidas = {}
        for nome in alvo.tabelas:
            hoje = {c.nome for c in self.execucao.escopo.tabelas[nome].tabela.colunas}
            antes = [str(c["nome"]) for c in alvo.backup.meta.tabelas[nome].colunas]
            if sumidas := tuple(c for c in antes if c not in hoje):
                perdidas[nome] = sumidas
        return perdidas

    def _desfecho(
        self,
        alvo: Alvo,
        plano: Plano,
        impedimentos: Sequence[Impedimento],
        passadas: int,
        parou: bool,
        aceitos: frozenset[str],
    ) -> Desfecho:
        """Só está completa se o que difere é o que o banco repõe a cada vez: uma passada inteira,
        sem recusas (fora as `aceitos`), que não mudou nada do que falta (`parou`)."""
        restantes = {n: c for n, c in plano.contagens.items() if c.diferencas}
        graves = {i.tabela for i in impedimentos if i.erro.codigo_sql not in aceitos}
        aceitas = Counter(i.tabela for i in impedimentos if i.tabela not in graves)
        so_reescritas = parou and all(
            c.repor <= aceitas[n] and not c.remover and n not in graves
            for n, c in restantes.items()
        )
        assert alvo.backup.meta is not None
        registros = sum(
            c.iguais + c.alterar for n, c in plano.contagens.items() if n in alvo.tabelas
        )
        return Desfecho(
            completa=so_reescritas,
            desfeita=self.via.atomica and not so_reescritas,
            passadas=passadas,
            registros=registros,
            reescritas={n: plano.colunas_diferentes(n) for n in restantes} if so_reescritas else {},
            restantes=restantes,
            impedimentos=impedimentos,
            efeitos=plano.efeitos,
        )

    def _encerrar(self, plano: Plano, desfecho: Desfecho, diario: Diario) -> None:
        estado = DESFEITA if desfecho.desfeita else INCOMPLETA
        diario.anotar(
            estado=CONCLUIDA if desfecho.completa else estado,
            desfecho={
                "passadas": desfecho.passadas,
                "registros": desfecho.registros,
                "reescritas": {n: dict(c) for n, c in desfecho.reescritas.items()},
                "restantes": contagens_em_json(plano),
                "recusas": [
                    {"tabela": i.tabela, "acao": i.acao, "chave": i.chave, "erro": str(i.erro)}
                    for i in desfecho.impedimentos
                ],
            },
        )


def _como_hoje(no_escopo: TabelaNoEscopo, salva: TabelaSalva) -> TabelaSalva:
    """A tabela do backup com a chave e as ligações que o banco tem hoje: são as que valem."""
    tabela = no_escopo.tabela
    return replace(salva, chave=tabela.chave, estrangeiras=tabela.estrangeiras)


def contagens_em_json(plano: Plano) -> dict[str, dict[str, int]]:
    """As contagens de um plano, só das tabelas que diferem."""
    return {
        n: {"repor": c.repor, "alterar": c.alterar, "remover": c.remover, "iguais": c.iguais}
        for n, c in plano.contagens.items()
        if c.diferencas
    }
