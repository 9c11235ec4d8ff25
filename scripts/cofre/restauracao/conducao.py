"""Conduzir uma restauração: mostrar o plano, combinar o que se perde, confirmar, executar, e o que
fazer quando ela para no meio.

As importações pesadas ficam dentro das funções: o menu aparece antes delas.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cofre.base.erros import (
    DefeitoInterno,
    DesfechoIncerto,
    EmpresaMudou,
    ErroCofre,
    Interrompido,
    RestauracaoIncompleta,
    RestauracaoRecusada,
)

if TYPE_CHECKING:
    from cofre.deposito.backup import Backup
    from cofre.deposito.diario import Diario
    from cofre.deposito.inventario import EmpresaComBackups
    from cofre.plano.alvo import Alvo
    from cofre.plano.plano import Contagem, Plano
    from cofre.restauracao.restauracao import Planejada
    from cofre.restauracao.riscos import Risco
    from cofre.restauracao.sessao import Sessao


HA_DIFERENCAS = 9
"""Código de saída de --simular quando o plano não é vazio."""

COLUNAS, REGISTROS, TABELAS = "colunas", "registros", "tabelas"
PERDAS = (COLUNAS, REGISTROS, TABELAS)
"""O que se pode aceitar perder: colunas que o banco não tem mais, registros que ele recusa, tabelas
que não podem voltar."""


@dataclass(frozen=True, slots=True)
class Acordo:
    """O que o usuário já aceitou deste alvo. `confirmado` é a assinatura do plano que ele leu e
    confirmou; `perdas`, os riscos e as colunas com que concordou."""

    alvo: Alvo
    confirmado: bytes = b""
    perdas: frozenset[Any] = frozenset()


TENTATIVAS = 5
"""Quantas vezes replanejar, se alguém mexe na empresa entre a foto e a escrita."""

JA_E_IGUAL = (
    "Os dados atuais já são iguais ao backup.",
    "A empresa já está como era antes da restauração.",
)
INTERROMPIDA = "você a interrompeu (Ctrl+C)."
NADA_MUDOU = "A transação foi desfeita: nada foi alterado."


class _EfeitosPorDecidir(Exception):
    """Há efeitos em tabelas não escolhidas, e a transação foi desfeita para perguntar."""

    def __init__(self, mudou: Mapping[str, Contagem]) -> None:
        super().__init__()
        self.mudou = mudou


class Conducao:
    """Uma restauração, do plano ao desfecho, numa sessão já conectada."""

    def __init__(self, sessao: Sessao) -> None:
        from cofre.restauracao.dialogo import Dialogo
        from cofre.restauracao.palavras import Narrador

        self._sessao = sessao
        self._opcoes = sessao.opcoes
        self._relato = sessao.relato
        self._dialogo = Dialogo(sessao.relato)
        self._narrador = Narrador(sessao.relato)
        self._continuando = False
        self._tabelas: Mapping[str, Contagem] = {}
        """O que o documento final diz das tabelas: o plano, ou o que ainda difere."""

    # -- as três entradas ------------------------------------------------------------------

    def levar(self, alvo: Alvo, acao: str, desfaz: Diario | None = None) -> int:
        """Planeja, confirma, executa e conta. Devolve o código de saída."""
        acordo, visto, tentativas = Acordo(alvo), b"", 0
        while True:
            with self._planejar(acordo.alvo) as planejada:
                plano = planejada.plano
                if plano.assinatura() != visto:
                    self._narrador.plano(acordo.alvo, planejada, acao)
                    self._avisar_do_que_faltava(acordo.alvo, planejada)
                    self._dizer_como_se_escreve(acordo.alvo, planejada)
                    visto = plano.assinatura()
                if plano.vazio:
                    self._relato.linha()
                    self._relato.linha(f"✅ {JA_E_IGUAL[desfaz is not None]}")
                    return self._fim(acao, 0)
                if self._opcoes.acao is None and self._opcoes.simular:
                    self._narrador.riscos(planejada)
                    self._tabelas = plano.contagens
                    return self._fim(acao, HA_DIFERENCAS)
                novo = self._combinar(acordo, planejada)
                if novo == acordo and plano.assinatura() != acordo.confirmado:
                    novo = self._confirmar(acordo, plano.assinatura(), trocavel=desfaz is None)
                if novo != acordo:
                    # Outro alvo, ou alguém pode ter mexido enquanto se lia: fotografa de novo.
                    acordo = novo
                    continue
                antes = planejada.foto.publicar()
                plano = planejada.levar_plano()
            try:
                with plano:
                    codigo = self._executar(acordo, antes, acao, desfaz, plano)
            except EmpresaMudou as e:
                tentativas += 1
                if tentativas == TENTATIVAS:
                    raise
                self._relato.aviso(f"{e} Novo plano:")
                acordo, visto = replace(acordo, confirmado=b""), b""
                continue
            return self._fim(acao, codigo)

    @contextlib.contextmanager
    def _planejar(self, alvo: Alvo) -> Iterator[Planejada]:
        with contextlib.ExitStack() as pilha:
            with self._relato.acompanhando("Comparando a empresa com o backup"):
                planejada = pilha.enter_context(self._sessao.restauradora.planejar(alvo))
            yield planejada

    def concluir(self, guardada: EmpresaComBackups, pendente: Diario) -> int:
        """Continua até o mesmo alvo; o ponto de partida para desfazer continua o primeiro."""
        from cofre.deposito.diario import EM_ANDAMENTO
        from cofre.plano.alvo import Alvo

        dados = pendente.dados
        backup = self._sessao.backup(guardada, str(dados["backup"]))
        antes = self._sessao.backup(guardada, str(dados["antes"]))
        self._sessao.conectar(guardada, backup)
        alvo = Alvo(self._sessao.empresa, backup, tuple(dados["tabelas"]), str(dados["modo"]))
        pendente.anotar(estado=EM_ANDAMENTO)
        self._continuando = True
        return self._fim(str(dados["acao"]), self._convergir(alvo, antes, pendente))

    def desfazer(self, guardada: EmpresaComBackups, qual: Diario) -> int:
        """Converge para a foto de antes daquela restauração; a um desfazer que parou, conclui."""
        from cofre.deposito.diario import DESFEITA
        from cofre.plano.alvo import Alvo

        if qual.desfazendo and qual.por_concluir:
            return self.concluir(guardada, qual)
        quando = str(qual.dados.get("comecada_em"))[:16].replace("T", " ")
        self._relato.linha(f"↩️ Desfazendo a restauração de {quando}")
        antes = self._sessao.backup(guardada, str(qual.dados["antes"]))
        self._sessao.conectar(guardada, antes)
        alvo = Alvo(self._sessao.empresa, antes, tuple(qual.dados["tabelas"]))
        codigo = self.levar(alvo, "desfazer", desfaz=qual)
        if codigo == 0:
            qual.anotar(estado=DESFEITA)  # também quando já não havia o que mudar
        return codigo

    def _avisar_do_que_faltava(self, alvo: Alvo, planejada: Planejada) -> None:
        """A primeira versão parava em 1.000 registros por tabela, e o resto parece a mais."""
        from cofre.plano.alvo import VOLTAR

        antiga = alvo.backup.meta is not None and alvo.backup.meta.da_primeira_versao
        removeria = any(c.remover for c in planejada.plano.contagens.values())
        if antiga and removeria and alvo.modo == VOLTAR:
            self._relato.aviso(
                "A primeira versão salvava no máximo 1.000 registros por tabela: os que seriam"
                " removidos podem só não estar no backup. O modo recuperar (m, ou --modo recuperar)"
                " repõe o que falta e não remove nada."
            )

    def _dizer_como_se_escreve(self, alvo: Alvo, planejada: Planejada) -> None:
        from cofre.base.palavras import em_linhas

        if not planejada.plano.vazio:
            for frase in self._sessao.restauradora.como_escreve(alvo):
                self._relato.linha(em_linhas(f"   {frase}", self._relato.largura, 6))

    # -- combinar e confirmar --------------------------------------------------------------

    def _combinar(self, acordo: Acordo, planejada: Planejada) -> Acordo:
        """O que não tem como voltar: some tabelas, tire tabelas ou siga sem, se o usuário quer.
        Devolve o mesmo acordo se não há nada novo. Levanta RestauracaoRecusada."""
        colunas = {(t, c) for t, nomes in planejada.colunas_perdidas.items() for c in nomes}
        novas = colunas - acordo.perdas
        if novas and not self._aceita(COLUNAS, "Restaurar sem essas colunas?"):
            raise RestauracaoRecusada(
                "A restauração foi recusada antes de começar: nada foi alterado.",
                "Crie de novo no banco as colunas que faltam, ou aceite perdê-las"
                " (--aceitar colunas).",
            )
        acordo = replace(acordo, perdas=acordo.perdas | colunas)
        riscos = [r for r in planejada.riscos if r not in acordo.perdas]
        if not riscos:
            return acordo
        self._narrador.riscos(replace(planejada, riscos=tuple(riscos)))
        return self._somar(acordo, riscos) or self._tirar(acordo, riscos)

    def _somar(self, acordo: Acordo, riscos: Sequence[Risco]) -> Acordo | None:
        """Somar as tabelas que resolveriam, se todos os riscos são disso e o usuário quer."""
        alvo = acordo.alvo
        meta = alvo.backup.meta
        somar = sorted({r.somar for r in riscos if r.somar and meta and r.somar in meta.tabelas})
        if not somar or not all(r.somar for r in riscos) or self._opcoes.confirmar:
            return None
        if not self._dialogo.sim(f"Restaurar também {', '.join(somar)}?"):
            return None
        return replace(acordo, alvo=replace(alvo, tabelas=(*alvo.tabelas, *somar)))

    def _tirar(self, acordo: Acordo, riscos: Sequence[Risco]) -> Acordo:
        """Seguir sem as tabelas, ou sem as linhas, que não podem voltar."""
        alvo = acordo.alvo
        tirar = tuple(dict.fromkeys(r.tabela for r in riscos if r.tirar))
        sobram = tuple(t for t in alvo.tabelas if t not in tirar)
        nomes = ", ".join(tirar)
        if tirar and sobram and self._aceita(TABELAS, f"Deixar {nomes} de fora e seguir?"):
            return replace(acordo, alvo=replace(alvo, tabelas=sobram))
        so_linhas = all(r.so_linhas for r in riscos)
        if so_linhas and self._aceita(REGISTROS, "Restaurar o resto, sem esses registros?"):
            return replace(acordo, perdas=acordo.perdas | frozenset(riscos))
        raise RestauracaoRecusada(
            "A restauração foi recusada antes de começar: nada foi alterado.", riscos[0].cura
        )

    def _aceita(self, perda: str, pergunta: str) -> bool:
        """Se o usuário concorda em perder isto: pela opção, ou perguntando."""
        if perda in (self._opcoes.aceitar or ()):
            return True
        return not self._opcoes.confirmar and self._dialogo.sim(pergunta)

    def _confirmar(self, acordo: Acordo, assinatura: bytes, *, trocavel: bool) -> Acordo:
        """Pede a palavra. Devolve o acordo confirmado, ou com o outro modo. Levanta Cancelada."""
        from cofre.plano.alvo import RECUPERAR, VOLTAR
        from cofre.restauracao.dialogo import PALAVRA, Cancelada

        if self._opcoes.confirmar == PALAVRA:
            return acordo
        if self._opcoes.confirmar:
            raise Cancelada(f"--confirmar precisa ser {PALAVRA}.")
        resposta = self._dialogo.confirmar(acordo.alvo, trocavel=trocavel)
        if trocavel and resposta.lower() == "m":
            outro = VOLTAR if acordo.alvo.modo == RECUPERAR else RECUPERAR
            return Acordo(replace(acordo.alvo, modo=outro))
        if resposta != PALAVRA:
            raise Cancelada("Restauração cancelada.")
        return replace(acordo, confirmado=assinatura)

    # -- executar --------------------------------------------------------------------------

    def _executar(
        self, acordo: Acordo, antes: Backup, acao: str, desfaz: Diario | None, plano: Plano | None
    ) -> int:
        """`plano`: o da foto de `antes`, se ela acabou de ser tirada."""
        from cofre.deposito import diario

        alvo = acordo.alvo
        aberto = diario.abrir_novo(
            antes.pasta,
            {
                "acao": acao,
                "user_id": alvo.empresa.id,
                "nome": alvo.empresa.nome,
                "backup": alvo.backup.carimbo,
                "antes": antes.carimbo,
                "tabelas": list(alvo.tabelas),
                "modo": alvo.modo,
                "efeitos": self._opcoes.efeitos,
                "via": self._sessao.restauradora.via.nome,
                "sem_recusadas": bool(acordo.perdas),
                **({"desfaz": desfaz.caminho.name} if desfaz else {}),
            },
        )
        agora = antes if plano is not None else None
        return self._convergir(alvo, antes, aberto, agora, plano)

    def _convergir(
        self,
        alvo: Alvo,
        antes: Backup,
        diario: Diario,
        agora: Backup | None = None,
        plano: Plano | None = None,
    ) -> int:
        try:
            with self._relato.acompanhando("Restaurando e conferindo"):
                # Ao desfazer, as outras tabelas se comparam com o que eram antes de restaurar.
                desfecho = self._sessao.restauradora.convergir(
                    alvo,
                    alvo.backup if diario.desfazendo else antes,
                    diario,
                    self._perguntar_efeitos,
                    self._opcoes.efeitos or diario.dados.get("efeitos"),
                    agora,
                    plano=plano,
                    sem_recusadas=bool(diario.dados.get("sem_recusadas")),
                )
        except (KeyboardInterrupt, Interrompido):
            raise self._interrompida(diario) from None
        except _EfeitosPorDecidir as e:
            diario.anotar(efeitos=self._dialogo.efeitos(e.mudou))
            return self._convergir(alvo, antes, diario, agora)
        except ErroCofre as e:
            return self._depois_de_parada(alvo, antes, diario, e)
        except Exception as e:
            # Um defeito nosso: a empresa pode estar pela metade, e é isso que se tem de dizer.
            return self._depois_de_parada(alvo, antes, diario, DefeitoInterno(e))
        if desfecho.efeitos and self._opcoes.efeitos:
            self._dialogo.contar_efeitos(desfecho.efeitos)
        self._tabelas = desfecho.restantes
        self._narrador.desfecho(alvo, desfecho, str(diario.dados["acao"]))
        if desfecho.desfeita:
            self._como_se_nada(diario)
            raise RestauracaoRecusada(NADA_MUDOU, "Resolva o que o banco recusou e tente de novo.")
        if not desfecho.completa:
            efeitos = tuple(desfecho.efeitos)
            return self._escolher(alvo, antes, diario, efeitos, sem_resposta="2")
        self._fechar_desfeita(antes, diario)
        return 0

    def _perguntar_efeitos(self, mudou: Mapping[str, Contagem]) -> str:
        from cofre.restauracao.convergencia import MANTER

        if self._opcoes.confirmar:
            self._dialogo.contar_efeitos(mudou)
            return MANTER
        if self._sessao.restauradora.via.atomica:
            raise _EfeitosPorDecidir(mudou)  # ninguém espera uma resposta com linhas travadas
        return self._dialogo.efeitos(mudou)

    # -- quando não acaba --------------------------------------------------------------------

    def _como_se_nada(self, diario: Diario) -> None:
        """A transação voltou atrás. Se a restauração começou agora, é como se não tivesse havido;
        uma que se continuava segue por concluir."""
        from cofre.deposito.diario import DESFEITA

        if not self._continuando:
            diario.anotar(estado=DESFEITA)

    def _parada(self, diario: Diario, causa: str) -> RestauracaoIncompleta:
        oque = "O desfazer" if diario.desfazendo else "A restauração"
        if self._sessao.restauradora.via.atomica:
            causa += " Numa transação, ou tudo valeu, ou nada mudou: concluir confere."
        return RestauracaoIncompleta(
            f"{oque} parou no meio: {causa}", como_seguir(diario, self._opcoes.destino)
        )

    def _interrompida(self, diario: Diario) -> ErroCofre:
        if not self._sessao.restauradora.via.atomica:
            return self._parada(diario, INTERROMPIDA)
        self._como_se_nada(diario)
        return Interrompido(f"Interrompido. {NADA_MUDOU}")

    def _depois_de_parada(self, alvo: Alvo, antes: Backup, diario: Diario, erro: ErroCofre) -> int:
        """Um erro que não se venceu: as três escolhas, ali mesmo, se há quem responda. Numa
        transação não há o que escolher: nada mudou."""
        if self._sessao.restauradora.via.atomica and not isinstance(erro, DesfechoIncerto):
            self._como_se_nada(diario)
            if not isinstance(erro, EmpresaMudou | RestauracaoRecusada):
                self._relato.linha(f"↩️ {NADA_MUDOU}")
            raise erro
        parada = self._parada(diario, str(erro))
        if self._opcoes.confirmar:
            raise parada from erro
        self._relato.linha()
        self._relato.linha(f"❌ {parada}")
        for linha in erro.dica.splitlines():
            self._relato.linha(f"   {linha}")
        return self._escolher(alvo, antes, diario, (), sem_resposta="3")

    def _escolher(
        self, alvo: Alvo, antes: Backup, diario: Diario, efeitos: tuple[str, ...], sem_resposta: str
    ) -> int:
        """Concluir, desfazer ou deixar. Devolve o código de saída: depois de desfeita, ainda é o da
        restauração que não se completou."""
        try:
            resposta = None if self._opcoes.confirmar else self._dialogo.seguir(diario.desfazendo)
        except KeyboardInterrupt:
            raise self._parada(diario, INTERROMPIDA) from None
        escolha = resposta or sem_resposta
        if escolha == "1":
            return self._convergir(alvo, antes, diario)
        if escolha == "2" and not diario.desfazendo:
            self._relato.linha("↩️ Voltando ao que era antes da restauração...")
            tabelas = tuple(dict.fromkeys((*alvo.tabelas, *efeitos)))
            self._voltar(replace(alvo, tabelas=tabelas), antes, diario)
            return RestauracaoIncompleta.codigo
        if resposta == "3":
            diario.deixar()
        self._relato.erro(como_seguir(diario, self._opcoes.destino))
        return RestauracaoIncompleta.codigo

    def _voltar(self, alvo: Alvo, antes: Backup, diario: Diario) -> None:
        from cofre.plano.alvo import VOLTAR

        restantes = self._tabelas
        volta = replace(alvo, backup=antes, modo=VOLTAR)
        self._executar(Acordo(volta), antes, "desfazer", diario, None)
        self._tabelas = restantes

    def _fechar_desfeita(self, antes: Backup, diario: Diario) -> None:
        """Ao concluir um desfazer, a restauração desfeita deixa de estar aberta."""
        from cofre.deposito.diario import DESFEITA, diarios

        for outro in diarios(antes.pasta):
            if outro.caminho.name == diario.dados.get("desfaz"):
                outro.anotar(estado=DESFEITA)

    def _fim(self, acao: str, codigo: int) -> int:
        empresa = self._sessao.empresa
        self._relato.documento(
            {
                "acao": acao,
                "codigo": codigo,
                "empresa": {"id": empresa.id, "nome": empresa.nome},
                "tabelas": contagens(self._tabelas),
            }
        )
        return codigo


def como_seguir(diario: Diario, destino: str | None = None) -> str:
    """Os comandos que concluem ou desfazem esta restauração."""
    onde = f' --destino "{destino}"' if destino else ""
    empresa = diario.dados.get("user_id")
    comandos = {"concluir": "continuar", "desfazer": "desfazer"}
    if diario.desfazendo:
        del comandos["desfazer"]
    linhas = [
        f"  {verbo}:  python scripts/restaurar-empresa.py {acao} --empresa {empresa}{onde}"
        for verbo, acao in comandos.items()
    ]
    return "\n".join(["Nada se perdeu: a foto de antes está guardada. Para seguir:", *linhas])


def contagens(de: Mapping[str, Contagem]) -> dict[str, dict[str, int]]:
    """As contagens de um plano, para o documento JSON."""
    return {
        n: {"repor": c.repor, "alterar": c.alterar, "remover": c.remover, "iguais": c.iguais}
        for n, c in de.items()
    }
