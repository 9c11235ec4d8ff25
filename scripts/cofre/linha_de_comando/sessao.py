"""Uma execução da restauração: o que foi aberto, escolhido e confirmado.

As importações pesadas ficam dentro das funções: o menu aparece antes delas.
"""

from __future__ import annotations

import contextlib
import threading
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cofre.erros import (
    BackupDanificado,
    DefeitoInterno,
    ErroCofre,
    ErroDeUso,
    Interrompido,
    NadaEncontrado,
    RestauracaoIncompleta,
    RestauracaoRecusada,
)
from cofre.relato import Relato

if TYPE_CHECKING:
    from cofre.config import Configuracao
    from cofre.deposito import Backup, Deposito
    from cofre.dialogo import Dialogo
    from cofre.diario import Diario
    from cofre.inventario import EmpresaGuardada
    from cofre.plano import Contagem
    from cofre.restauracao import Alvo, Desfecho, Restauradora
    from cofre.riscos import Risco

HA_DIFERENCAS = 9
"""Código de saída de --simular quando o plano não é vazio."""


@contextlib.contextmanager
def abrir_sessao(opcoes: Namespace, relato: Relato) -> Iterator[Sessao]:
    """Configuração, trava e depósito prontos; o servidor só é procurado em `conectar`."""
    from cofre import config
    from cofre.deposito import Deposito
    from cofre.diario import avisos_de_pendentes
    from cofre.trava import travar

    configuracao = config.carregar(destino=opcoes.destino)
    with travar(configuracao.destino, "restauração"):
        deposito = Deposito(configuracao.destino)
        deposito.preparar()
        for aviso in avisos_de_pendentes(deposito.pastas()):
            relato.aviso(aviso)
        sessao = Sessao(opcoes, relato, configuracao, deposito)
        try:
            yield sessao
        except KeyboardInterrupt:
            # Depois da primeira escrita, quem executa já disse como seguir.
            raise Interrompido("Interrompido.", "Nada foi alterado.") from None
        finally:
            sessao.fechar()


class Sessao:
    """Uma execução da restauração: o que foi aberto e escolhido."""

    def __init__(
        self, opcoes: Namespace, relato: Relato, configuracao: Configuracao, deposito: Deposito
    ) -> None:
        self.opcoes = opcoes
        self.relato = relato
        self._configuracao = configuracao
        self._deposito = deposito
        self._parar = threading.Event()
        self._portal: Any = None
        self._restauradora: Restauradora
        self.empresa: Any = None
        self._sem_recusadas = False

    def fechar(self) -> None:
        """Encerra conexões e fios."""
        self._parar.set()
        if self._portal is not None:
            self._portal.fechar()

    def guardadas(self, empresa: str | None) -> list[EmpresaGuardada]:
        """As empresas com backup (a pedida, se dita)."""
        from cofre import inventario

        return inventario.guardadas(self._deposito, (empresa,) if empresa else ())

    def tabelas_de(self, backup: Backup) -> list[str]:
        """As tabelas de um backup."""
        from cofre.dialogo import tabelas_de

        return tabelas_de(backup)

    def backup(self, guardada: EmpresaGuardada, pedido: str | None) -> Backup:
        """O pedido, ou o mais novo inteiro. Levanta NadaEncontrado ou ErroDeUso."""
        from cofre.dialogo import mais_novo

        if not pedido:
            achado = mais_novo(guardada.backups)
            if achado is None:
                raise NadaEncontrado(
                    "Esta empresa não tem backup inteiro.",
                    "Veja os que há com: python scripts/backup-por-empresa.py listar\n"
                    "e escolha um com --backup.",
                )
            return achado
        achados = [b for b in guardada.backups if b.carimbo.startswith(pedido)]
        if len(achados) != 1:
            lista = "\n".join(f"  {b.carimbo}  {b.estado}" for b in guardada.backups)
            raise ErroDeUso(f"«{pedido}» não é um só backup.", f"Backups:\n{lista}")
        return achados[0]

    def pendente(self, guardada: EmpresaGuardada) -> Diario | None:
        """A restauração não concluída desta empresa, se há."""
        abertos = [d for d in self._diarios(guardada) if d.aberto]
        return abertos[-1] if abertos else None

    def ultimo_diario(self, guardada: EmpresaGuardada) -> Diario:
        """A última restauração que pode ser desfeita. Levanta NadaEncontrado."""
        from cofre.diario import DESFEITA

        desfaziveis = [d for d in self._diarios(guardada) if d.estado != DESFEITA]
        if not desfaziveis:
            raise NadaEncontrado("Não há restauração desta empresa para desfazer.", "")
        return desfaziveis[-1]

    def _diarios(self, guardada: EmpresaGuardada) -> list[Diario]:
        from cofre.diario import diarios

        todos = diarios(guardada.pasta)
        return [d for d in todos if d.dados.get("user_id") == guardada.empresa.id]

    def conectar(self, guardada: EmpresaGuardada, backup: Backup) -> None:
        """Confere o backup, abre o portal e inspeciona o projeto."""
        from cofre.fotografia import Execucao, Fotografo
        from cofre.linha_de_comando.backup import abrir_portal
        from cofre.restauracao import Restauradora
        from cofre.resultado import Pedido
        from cofre.verificacao import danos_de

        if backup.meta is None:
            raise BackupDanificado(backup.dano)
        danos = list(danos_de(backup))
        if danos:
            lista = "\n".join(f"{d.tabela}: {d.causa}" for d in danos)
            raise BackupDanificado(
                f"O backup de {backup.quando:%Y-%m-%d %H:%M:%S} está danificado.",
                f"{lista}\nNada foi alterado. Escolha outro backup (d no menu, ou --backup).",
            )
        for aviso in self._configuracao.avisos:
            self.relato.aviso(aviso)
        acesso = self._configuracao.acesso
        self._portal = abrir_portal(self.opcoes, acesso, self._parar, self.relato)
        inspecao = self._portal.inspecionar(self._configuracao.regras)
        escopo = self._portal.com_nao_gravaveis(inspecao.escopo)
        self.empresa = _empresa(guardada, backup, inspecao)
        inspecao.donos.lembrar(self.empresa)
        execucao = Execucao(Pedido(tipo="pre_restauracao"), inspecao, escopo, self._configuracao)
        fotografo = Fotografo(self._portal, self._deposito, self._configuracao.regras, self.relato)
        self._restauradora = Restauradora(self._portal, fotografo, execucao, self.relato)

    def levar(self, alvo: Alvo, acao: str, desfaz: Diario | None = None) -> int:
        """Planeja, confirma, executa e conta. Devolve o código de saída."""

        from cofre.dialogo import PALAVRA, Cancelada, Dialogo, Narrador
        from cofre.restauracao import RECUPERAR, VOLTAR

        narrador, dialogo = Narrador(self.relato), Dialogo(self.relato)
        visto, seguir = b"", False
        while True:
            with self._restauradora.planejar(alvo) as planejada:
                plano = planejada.plano
                if plano.assinatura() != visto:
                    narrador.plano(alvo, planejada)
                if plano.vazio:
                    self.relato.linha()
                    self.relato.linha("✅ Os dados atuais já são iguais ao backup.")
                    self._documento(acao, 0, {})
                    return 0
                if self.opcoes.acao is None and self.opcoes.simular:
                    narrador.riscos(planejada)
                    self._documento(acao, HA_DIFERENCAS, _contagens(plano.contagens))
                    return HA_DIFERENCAS
                if planejada.riscos and not seguir:
                    narrador.riscos(planejada)
                    somadas = self._oferecer(alvo, planejada.riscos)
                    if somadas is not None:
                        alvo = somadas
                        continue
                    menos = self._oferecer_tirar(dialogo, alvo, planejada.riscos)
                    if menos is not None:
                        alvo = menos
                        continue
                    if not (seguir or self._so_linhas(dialogo, planejada.riscos)):
                        raise RestauracaoRecusada(
                            "A restauração foi recusada antes de começar: nada foi alterado.",
                            planejada.riscos[0].cura,
                        )
                    seguir = True
                if plano.assinatura() != visto and self.opcoes.confirmar != PALAVRA:
                    if self.opcoes.confirmar:
                        raise Cancelada(f"--confirmar precisa ser {PALAVRA}.")
                    trocavel = acao == "restaurar"
                    resposta = dialogo.confirmar(alvo, trocavel=trocavel)
                    if trocavel and resposta.lower() == "m":
                        outro = VOLTAR if alvo.modo == RECUPERAR else RECUPERAR
                        alvo, visto = replace(alvo, modo=outro), b""
                        continue
                    if resposta != PALAVRA:
                        raise Cancelada("Restauração cancelada.")
                    # Alguém pode ter mexido enquanto se lia o plano: fotografa de novo.
                    visto = plano.assinatura()
                    continue
                antes = planejada.foto.publicar()
            self._sem_recusadas = seguir
            return self._executar(alvo, antes, acao, desfaz, antes)

    def _oferecer(self, alvo: Alvo, riscos: Sequence[Risco]) -> Alvo | None:
        """Somar as tabelas que resolveriam, se todos os riscos são disso e o usuário quer."""

        meta = alvo.backup.meta
        somar = {r.somar for r in riscos if r.somar and meta and r.somar in meta.tabelas}
        if len(somar) == 0 or not all(r.somar for r in riscos) or self.opcoes.confirmar:
            return None
        nomes = ", ".join(sorted(somar))
        resposta = self.relato.perguntar(f"Restaurar também {nomes}? (s/n): ")
        if (resposta or "").lower() not in ("s", "sim"):
            return None
        return replace(alvo, tabelas=(*alvo.tabelas, *sorted(somar)))

    def _oferecer_tirar(self, dialogo: Dialogo, alvo: Alvo, riscos: Sequence[Risco]) -> Alvo | None:
        """Seguir sem as tabelas que não podem voltar, se o usuário quer."""
        tirar = tuple(dict.fromkeys(r.tabela for r in riscos if r.tirar))
        sobram = tuple(t for t in alvo.tabelas if t not in tirar)
        if not tirar or not sobram or self.opcoes.confirmar:
            return None
        return replace(alvo, tabelas=sobram) if dialogo.sem_as_tabelas(tirar) else None

    def _so_linhas(self, dialogo: Dialogo, riscos: Sequence[Risco]) -> bool:
        """Seguir sem as linhas que o banco recusa, se é só isso e o usuário quer."""
        so_isso = all(r.so_linhas for r in riscos)
        return so_isso and not self.opcoes.confirmar and dialogo.sem_as_recusadas()

    def _executar(
        self,
        alvo: Alvo,
        antes: Backup,
        acao: str,
        desfaz: Diario | None = None,
        agora: Backup | None = None,
    ) -> int:
        from cofre import diario

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
                "efeitos": self.opcoes.efeitos,
                **({"desfaz": desfaz.caminho.name} if desfaz else {}),
            },
        )
        return self._convergir(alvo, antes, aberto, acao, agora)

    def _convergir(
        self, alvo: Alvo, antes: Backup, diario: Diario, acao: str, agora: Backup | None = None
    ) -> int:
        from cofre.dialogo import Dialogo, Narrador
        from cofre.restauracao import MANTER

        dialogo = Dialogo(self.relato)

        def perguntar(mudou: Mapping[str, Contagem]) -> str:
            if self.opcoes.confirmar:
                dialogo.contar_efeitos(mudou)
                return MANTER
            return dialogo.efeitos(mudou)

        try:
            with self.relato.acompanhando():
                # Ao desfazer, as outras tabelas se comparam com o que eram antes de restaurar.
                desfecho = self._restauradora.convergir(
                    alvo,
                    alvo.backup if "desfaz" in diario.dados else antes,
                    diario,
                    perguntar,
                    self.opcoes.efeitos or diario.dados.get("efeitos"),
                    agora,
                    sem_recusadas=self._sem_recusadas,
                )
        except (ErroCofre, KeyboardInterrupt) as e:
            causa = str(e) or "interrompida"
            raise RestauracaoIncompleta(f"A restauração parou no meio: {causa}", COMO_SEGUIR) from e
        except Exception as e:
            # Um defeito nosso: a empresa pode estar pela metade, e é isso que se tem de dizer.
            causa = str(DefeitoInterno(e))
            raise RestauracaoIncompleta(f"A restauração parou no meio: {causa}", COMO_SEGUIR) from e
        if desfecho.efeitos and self.opcoes.efeitos:
            dialogo.contar_efeitos(desfecho.efeitos)
        Narrador(self.relato).desfecho(alvo, desfecho, acao)
        if not desfecho.completa:
            return self._depois_de_incompleta(alvo, antes, diario, desfecho)
        self._fechar_desfeita(antes, diario)
        self._documento(acao, 0, _contagens(desfecho.restantes))
        return 0

    def _depois_de_incompleta(
        self, alvo: Alvo, antes: Backup, diario: Diario, desfecho: Desfecho
    ) -> int:
        """Concluir, desfazer ou deixar; sem quem responda, volta ao que era."""
        from cofre.dialogo import Dialogo
        from cofre.restauracao import VOLTAR

        codigo = RestauracaoIncompleta.codigo
        desfazendo = "desfaz" in diario.dados
        escolha = "2" if self.opcoes.confirmar else Dialogo(self.relato).seguir(sem_resposta="2")
        if escolha == "1":
            return self._convergir(alvo, antes, diario, str(diario.dados["acao"]))
        if escolha == "2" and not desfazendo:
            self.relato.linha("↩️ Voltando ao que era antes da restauração...")
            tabelas = tuple(dict.fromkeys((*alvo.tabelas, *desfecho.efeitos)))
            volta = replace(alvo, backup=antes, tabelas=tabelas, modo=VOLTAR)
            if self._executar(volta, antes, "desfazer", desfaz=diario) == 0:
                self._documento(str(diario.dados["acao"]), codigo, _contagens(desfecho.restantes))
                return codigo
        self.relato.erro(COMO_SEGUIR)
        self._documento(str(diario.dados["acao"]), codigo, _contagens(desfecho.restantes))
        return codigo

    def _fechar_desfeita(self, antes: Backup, diario: Diario) -> None:
        """Ao concluir um desfazer, a restauração desfeita deixa de estar aberta."""
        from cofre.diario import DESFEITA, diarios

        for outro in diarios(antes.pasta):
            if outro.caminho.name == diario.dados.get("desfaz"):
                outro.anotar(estado=DESFEITA)

    def concluir(self, guardada: EmpresaGuardada, pendente: Diario) -> int:
        """Continua até o mesmo alvo; o ponto de partida para desfazer continua o primeiro."""
        from cofre.restauracao import Alvo

        backup = self.backup(guardada, str(pendente.dados["backup"]))
        antes = self.backup(guardada, str(pendente.dados["antes"]))
        self.conectar(guardada, backup)
        tabelas = tuple(pendente.dados["tabelas"])
        alvo = Alvo(self.empresa, backup, tabelas, str(pendente.dados["modo"]))
        return self._convergir(alvo, antes, pendente, str(pendente.dados["acao"]))

    def desfazer(self, guardada: EmpresaGuardada, qual: Diario) -> int:
        """Converge para a foto de antes daquela restauração."""
        from cofre.diario import DESFEITA
        from cofre.restauracao import Alvo

        quando = str(qual.dados.get("comecada_em"))[:16].replace("T", " ")
        self.relato.linha(f"↩️ Desfazendo a restauração de {quando}")
        antes = self.backup(guardada, str(qual.dados["antes"]))
        self.conectar(guardada, antes)
        alvo = Alvo(self.empresa, antes, tuple(qual.dados["tabelas"]))
        codigo = self.levar(alvo, "desfazer", desfaz=qual)
        if codigo == 0:
            qual.anotar(estado=DESFEITA)  # também quando já não havia o que mudar
        return codigo

    def _documento(self, acao: str, codigo: int, tabelas: Mapping[str, Any]) -> None:
        self.relato.documento(
            {
                "acao": acao,
                "codigo": codigo,
                "empresa": {"id": self.empresa.id, "nome": self.empresa.nome},
                "tabelas": tabelas,
            }
        )


COMO_SEGUIR = (
    "   A foto de antes está guardada. Para seguir:\n"
    "   concluir:  python scripts/restaurar-empresa.py continuar --empresa QUAL\n"
    "   desfazer:  python scripts/restaurar-empresa.py desfazer --empresa QUAL"
)


def _contagens(contagens: Mapping[str, Contagem]) -> dict[str, dict[str, int]]:
    return {
        n: {"repor": c.repor, "alterar": c.alterar, "remover": c.remover, "iguais": c.iguais}
        for n, c in contagens.items()
    }


def _empresa(guardada: EmpresaGuardada, backup: Backup, inspecao: Any) -> Any:
    """A empresa com as linhas de `empresas` de hoje e as do backup: as duas contam para achar o que
    é dela, mesmo que a própria linha de `empresas` tenha sido apagada."""

    hoje = next((e for e in inspecao.empresas if e.id == guardada.empresa.id), None)
    registros = list(hoje.registros) if hoje else []
    bruto = backup.meta.bruto if backup.meta else {}
    for registro in bruto.get("registros_da_empresa") or []:
        if registro not in [dict(r) for r in registros]:
            registros.append({str(c): str(v) for c, v in registro.items()})
    return replace(guardada.empresa, registros=tuple(registros))
