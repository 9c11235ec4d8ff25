"""O caso de uso principal: uma foto de cada empresa, publicada como backup."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from cofre.backup.andamento import separar
from cofre.backup.escolha import sem_empresas, tabelas_pedidas
from cofre.backup.iguais import coberta, vista_igual
from cofre.backup.notado import notar
from cofre.backup.palavras import Narracao
from cofre.backup.resumo import Resultado, Resumo
from cofre.backup.sumidas import procurar_sumidas
from cofre.base.config.valores import Configuracao
from cofre.base.equipe import Equipe
from cofre.base.erros import (
    DefeitoInterno,
    ErroCofre,
    FalhaDeDisco,
    FalhaDoServidor,
    Interrompido,
    TravaOcupada,
)
from cofre.base.modelo import Empresa
from cofre.base.palavras import exibir_pasta
from cofre.base.relato import Relato
from cofre.base.selecao import escolher_empresas
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conferencia, conhecidos
from cofre.deposito.trava import JA, Espera
from cofre.escopo.escopo import Escopo
from cofre.foto.arquivos import FotoMontada
from cofre.foto.arquivos_da_empresa import FonteDeArquivos
from cofre.foto.foto import Contexto, Fonte, Foto, Pedido
from cofre.foto.fotografo import Fotografo
from cofre.foto.listas import ListasMudaram
from cofre.foto.storage.relacao import DeNinguem
from cofre.via.contrato import EMPRESAS_JUNTAS, ViaDeLeitura

REGISTROS_DE_UMA_GRANDE = 20_000
TRAVAS = 400
"""Empresas presas ao mesmo tempo, no máximo: cada trava é um arquivo aberto, que têm limite."""


@dataclass(frozen=True, slots=True)
class Rodada:
    """Uma execução do backup: reúne o que ela usa."""

    configuracao: Configuracao
    via: ViaDeLeitura
    deposito: Deposito
    empresas_lado_a_lado: Equipe
    relato: Relato
    espera: Espera = JA
    """Quanto esperar pelas empresas que outra execução está usando, depois de copiar as outras."""
    listas: Sequence[Fonte] = ()
    quieta: bool = False
    """Se a empresa em que nada mudou desde o último backup de hoje não ganha outro."""
    com_sem_dono: bool = True
    """Se se contam as linhas que não são de empresa nenhuma: uma pergunta por tabela."""
    ler_tudo: bool = False
    """Se nada se aproveita dos últimos backups."""

    @property
    def fotografo(self) -> Fotografo:
        """Quem tira e monta as fotos desta execução."""
        regras = self.configuracao.regras
        return Fotografo(self.via, self.deposito, regras, self.relato, self.listas, self.ler_tudo)

    def fazer(
        self,
        pedido: Pedido,
        ao_publicar: Callable[[Resultado], object],
        *,
        continuando: bool = False,
    ) -> Resumo:
        """Fotografa e publica; `ao_publicar` recebe cada empresa quando ela acaba. `continuando`: o
        que esta execução já tinha feito não se repete.

        Levanta ErroCofre pelo que impede a execução inteira; o que impede só uma empresa ou uma
        tabela vai no resultado dela.
        """
        inicio = time.monotonic()
        narracao = Narracao(self.relato, self.via.nome)
        narracao.comeco(self.configuracao.avisos)
        contexto, escolhidas = self._preparar(pedido)
        narracao.projeto(contexto.inspecao, self.configuracao.regras, len(escolhidas))
        servidor = contexto.inspecao.catalogo.servidor
        resumo = Resumo(so_algumas=bool(pedido.tabelas), servidor=servidor)
        prontas, faltam = (
            separar(self.deposito, escolhidas, pedido) if continuando else ([], escolhidas)
        )
        narracao.ja_copiadas(len(prontas))
        for resultado in prontas:
            resumo.somar(resultado)
            ao_publicar(resultado)
        with self.relato.acompanhando():
            for resultado in self._publicadas(faltam, contexto):
                resumo.somar(resultado)
                ao_publicar(resultado)
                narracao.empresa(resultado)
        if not pedido.empresas:
            self._procurar_faltas(resumo, contexto)
        if resumo.lacres:
            resumo.codigo_dos_lacres = conhecidos.meu_codigo()
        resumo.segundos = time.monotonic() - inicio
        narracao.fim(resumo)
        return resumo

    def _preparar(self, pedido: Pedido) -> tuple[Contexto, list[Empresa]]:
        """O que há no projeto e o que se vai copiar dele, e de que empresas."""
        inspecao = self.via.inspecionar(self.configuracao.regras)
        if not inspecao.empresas:
            raise sem_empresas(inspecao, self.via.nome)
        escolhidas = escolher_empresas(inspecao.empresas, pedido.empresas)
        pedidas = tabelas_pedidas(inspecao, pedido.tabelas)
        escopo = self.via.com_nao_gravaveis(Escopo(pedidas, inspecao.escopo.de_fora))
        return Contexto(pedido, inspecao, escopo, self.configuracao), escolhidas

    def _publicadas(self, empresas: Sequence[Empresa], contexto: Contexto) -> Iterator[Resultado]:
        """Cada empresa, na ordem, depois de publicada, e as que outra execução usava no fim; poucos
        grupos à frente. Levanta TravaOcupada se nenhuma ficou livre."""
        lado_a_lado, ocupadas = self.empresas_lado_a_lado, []
        fotografar = partial(self._fotografar_juntas, contexto=contexto)
        for juntas in lado_a_lado.em_ordem(fotografar, self._juntas(empresas)):
            for resultado in juntas:
                if resultado.ocupada:
                    ocupadas.append(resultado.empresa)
                else:
                    yield resultado
        ate = time.monotonic() + self.espera.segundos
        esperar = partial(self._fotografar_ocupada, contexto=contexto, ate=ate)
        finais = list(lado_a_lado.em_ordem(esperar, ocupadas))
        if finais and len(finais) == len(empresas) and all(r.ocupada for r in finais):
            raise finais[0].impedida or AssertionError
        yield from finais

    def _procurar_faltas(self, resumo: Resumo, contexto: Contexto) -> None:
        """Num backup de todas: as linhas de ninguém, e as empresas que não aparecem mais."""
        if not resumo.falhas and self.com_sem_dono:
            resumo.sem_dono = self._contar_sem_dono(resumo, contexto.escopo)
            resumo.arquivos_sem_dono = self._arquivos_sem_dono(contexto.pedido)
        presentes = contexto.inspecao.empresas
        resumo.sumidas = procurar_sumidas(self.deposito, presentes, self.via.origem)

    def _arquivos_sem_dono(self, pedido: Pedido) -> Mapping[str, DeNinguem]:
        """O que não é de ninguém no Storage: só se sabe depois de ver as linhas de todas."""
        fontes = [f for f in self.listas if isinstance(f, FonteDeArquivos)]
        return fontes[0].de_ninguem() if fontes and not pedido.tabelas else {}

    def _juntas(self, empresas: Sequence[Empresa]) -> Iterator[list[Empresa]]:
        """As empresas, na ordem, em grupos que se leem de uma vez. As que eram grandes no último
        backup vão sozinhas: as outras do grupo esperariam por elas."""
        maximo = min(EMPRESAS_JUNTAS, TRAVAS // self.empresas_lado_a_lado.tamanho)
        grupo: list[Empresa] = []
        for empresa in empresas:
            sozinha = self._e_grande(empresa)
            if grupo and (sozinha or _peso([*grupo, empresa]) > maximo):
                yield grupo
                grupo = []
            grupo.append(empresa)
            if sozinha:
                yield grupo
                grupo = []
        if grupo:
            yield grupo

    def _e_grande(self, empresa: Empresa) -> bool:
        ultimo = self.deposito.ultimo(empresa.id)
        return bool(ultimo and ultimo.meta and ultimo.meta.total > REGISTROS_DE_UMA_GRANDE)

    def _fotografar_juntas(
        self, empresas: Sequence[Empresa], contexto: Contexto
    ) -> list[Resultado]:
        """Lê todas de uma vez; as que não deram certo assim, uma a uma. As que outra execução usa
        voltam sem nada: quem já tem umas não espera por outras."""
        with contextlib.ExitStack() as travas:
            prontas = {e.id: ocupada for e in empresas if (ocupada := self._ocupada(e, JA, travas))}
            livres = [e for e in empresas if e.id not in prontas]
            if len(livres) > 1:
                # O que der errado há de se repetir com a empresa a que diz respeito, e só com ela.
                with (
                    contextlib.suppress(FalhaDoServidor, FalhaDeDisco),
                    self.fotografo.fotografar(livres, contexto) as fotos,
                ):
                    for foto in fotos:
                        with contextlib.suppress(ListasMudaram):
                            prontas[foto.empresa.id] = self._guardar(foto, contexto)
            return [prontas.get(e.id) or self._fotografar_sozinha(e, contexto) for e in empresas]

    def _fotografar_ocupada(self, empresa: Empresa, contexto: Contexto, ate: float) -> Resultado:
        """Espera que fique livre, até o instante `ate` (do relógio monotônico)."""
        espera = replace(self.espera, segundos=max(ate - time.monotonic(), 0.0))
        with contextlib.ExitStack() as travas:
            ocupada = self._ocupada(empresa, espera, travas)
            return ocupada or self._fotografar_sozinha(empresa, contexto)

    def _ocupada(
        self, empresa: Empresa, espera: Espera, travas: contextlib.ExitStack
    ) -> Resultado | None:
        """Prende a empresa até se fecharem as `travas`; se não pôde, o resultado diz por quê."""
        try:
            travas.enter_context(self.deposito.trava_da_empresa(empresa, espera))
        except (TravaOcupada, FalhaDeDisco) as e:
            return self._impedida(empresa, e)
        return None

    def _guardar(self, foto: Foto, contexto: Contexto) -> Resultado:
        return self._publicar(foto.empresa, self.fotografo.arquivos(foto, contexto), contexto)

    def _fotografar_sozinha(self, empresa: Empresa, contexto: Contexto) -> Resultado:
        return self._publicar(empresa, self.fotografo.montar(empresa, contexto), contexto)

    def _publicar(
        self,
        empresa: Empresa,
        montando: contextlib.AbstractContextManager[FotoMontada],
        contexto: Contexto,
    ) -> Resultado:
        """Uma empresa até o fim. O que der errado fica nela: as outras continuam. Levanta
        ListasMudaram, se é de fotografar outra vez."""
        try:
            with montando as foto:
                if self.quieta and (igual := vista_igual(foto, self.deposito)):
                    return igual
                resultado = self._resultado(foto, contexto)
                if not foto.salvas:
                    return resultado
                publicado = foto.publicar(resultado.notado.documento())
                return replace(
                    resultado,
                    lacre=conferencia.numero_de(publicado),
                    sem_cobertura=coberta(publicado, self.relato, sempre=self._prometeu),
                )
        except (Interrompido, ListasMudaram):
            raise
        except ErroCofre as e:
            erro = e
        except Exception as e:
            erro = DefeitoInterno(e)
        return self._impedida(empresa, erro)

    @property
    def _prometeu(self) -> bool:
        return not self.configuracao.limites.promessas.vazias

    def _impedida(self, empresa: Empresa, erro: ErroCofre) -> Resultado:
        pasta = exibir_pasta(self.deposito.pasta_da_empresa(empresa.id))
        return Resultado(empresa, pasta, impedida=erro)

    def _resultado(self, foto: FotoMontada, contexto: Contexto) -> Resultado:
        return Resultado(
            foto.empresa,
            exibir_pasta(foto.pasta),
            foto.carimbo,
            foto.salvas,
            foto.falhas,
            foto.instantanea,
            foto.contradicoes,
            divergiram=foto.divergiram,
            notado=notar(foto, self.deposito, self.configuracao, contexto.pedido),
        )

    def _contar_sem_dono(self, resumo: Resumo, escopo: Escopo) -> dict[str, int]:
        """Quantas linhas de cada tabela não são de empresa nenhuma: não estão em backup algum."""
        sobras: dict[str, int] = {}
        totais = self.empresas_lado_a_lado.cada(self.via.contar, escopo.tabelas)
        for nome, total in zip(escopo.tabelas, totais, strict=True):
            sobra = (total or 0) - resumo.por_tabela[nome]
            if sobra > 0:
                sobras[nome] = sobra
        return sobras


def _peso(empresas: Sequence[Empresa]) -> int:
    """Quantos ids é preciso citar para achar o que é delas."""
    return sum(max(1, len(e.registros)) for e in empresas)
