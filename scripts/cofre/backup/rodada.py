"""O caso de uso principal: uma foto de cada empresa, publicada como backup."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cofre.backup.andamento import separar
from cofre.backup.palavras import Narracao
from cofre.backup.resumo import CopiaDeEmpresa, Resumo
from cofre.backup.sumidas import empresas_sumidas
from cofre.base.config.valores import Configuracao
from cofre.base.equipe import Equipe
from cofre.base.erros import (
    DefeitoInterno,
    ErroCofre,
    ErroDeUso,
    FalhaDeDisco,
    FalhaDeLeitura,
    Interrompido,
    NadaEncontrado,
)
from cofre.base.modelo import Empresa, ordem_de_exibicao
from cofre.base.palavras import exibir_pasta
from cofre.base.relato import Relato
from cofre.base.selecao import escolher_empresas, tabela_desconhecida
from cofre.deposito.deposito import Deposito
from cofre.escopo.escopo import Escopo, TabelaNoEscopo
from cofre.foto.arquivos import FotoMontada
from cofre.foto.foto import Execucao, Foto, Pedido
from cofre.foto.fotografo import Fotografo
from cofre.rotina.encolhimento import Encolhimento, encolhimentos, reconhecido_ate, referencias
from cofre.via.contrato import EMPRESAS_JUNTAS, Inspecao, ViaDeLeitura

REGISTROS_DE_UMA_GRANDE = 20_000

CAUSAS_SEM_EMPRESA = (
    "Causas possíveis:\n"
    "  1. As tabelas empresas e user_approvals estão vazias: cadastre ao menos uma empresa.\n"
    "  2. A chave não é a service_role, ou é de outro projeto: confira o .env.\n"
    "  3. A service_role não tem permissão nessas tabelas. No SQL Editor do Supabase:\n"
    "     GRANT SELECT ON public.empresas, public.user_approvals TO service_role;"
)


@dataclass(frozen=True, slots=True)
class Copiadora:
    """Uma execução do backup: reúne o que ela usa."""

    configuracao: Configuracao
    via: ViaDeLeitura
    deposito: Deposito
    empresas_lado_a_lado: Equipe
    relato: Relato

    @property
    def fotografo(self) -> Fotografo:
        """Quem tira e monta as fotos desta execução."""
        return Fotografo(self.via, self.deposito, self.configuracao.regras, self.relato)

    def copiar(
        self, pedido: Pedido, *, continuando: bool = False
    ) -> Iterator[CopiaDeEmpresa | Resumo]:
        """Copia e publica; entrega cada empresa quando acaba, e por último o resumo. `continuando`:
        o que esta execução já tinha feito não se repete.

        Levanta ErroCofre pelo que impede a execução inteira; o que impede só uma empresa ou uma
        tabela vai no resultado dela.
        """
        inicio = time.monotonic()
        narracao = Narracao(self.relato)
        narracao.comeco(self.configuracao.avisos)
        inspecao = self.via.inspecionar(self.configuracao.regras)
        if not inspecao.empresas:
            raise _sem_empresas(inspecao)
        escolhidas = escolher_empresas(inspecao.empresas, pedido.empresas)
        pedidas = _tabelas(inspecao, pedido.tabelas)
        escopo = self.via.com_nao_gravaveis(Escopo(pedidas, inspecao.escopo.de_fora))
        execucao = Execucao(pedido, inspecao, escopo, self.configuracao)
        narracao.projeto(inspecao, self.configuracao.regras, len(escolhidas))
        resumo = Resumo(so_algumas=bool(pedido.tabelas))
        prontas, faltam = (
            separar(self.deposito, escolhidas, pedido) if continuando else ([], escolhidas)
        )
        narracao.ja_copiadas(len(prontas))
        for copia in prontas:
            resumo.somar(copia)
            yield copia
        with self.relato.acompanhando():
            for copias in self.empresas_lado_a_lado.em_ordem(
                lambda juntas: self._copiar_juntas(juntas, execucao), self._juntas(faltam)
            ):
                for copia in copias:
                    resumo.somar(copia)
                    yield copia
                    narracao.empresa(copia)
        if not pedido.empresas and not resumo.falhas:
            resumo.sem_dono = self._contar_sem_dono(resumo, escopo)
        if not pedido.empresas:
            url = self.configuracao.acesso.url
            resumo.sumidas = tuple(empresas_sumidas(self.deposito, inspecao.empresas, url))
        resumo.segundos = time.monotonic() - inicio
        narracao.fim(resumo)
        yield resumo

    def _juntas(self, empresas: Sequence[Empresa]) -> Iterator[list[Empresa]]:
        """As empresas, na ordem, em grupos que se leem de uma vez. As que eram grandes no último
        backup vão sozinhas: as outras do grupo esperariam por elas."""
        grupo: list[Empresa] = []
        for empresa in empresas:
            sozinha = self._e_grande(empresa)
            if grupo and (sozinha or _peso([*grupo, empresa]) > EMPRESAS_JUNTAS):
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

    def _copiar_juntas(
        self, empresas: Sequence[Empresa], execucao: Execucao
    ) -> list[CopiaDeEmpresa]:
        """Lê todas de uma vez; as que não deram certo assim, uma a uma."""
        prontas: dict[str, CopiaDeEmpresa] = {}
        if len(empresas) > 1:
            # O que der errado aqui há de se repetir com a empresa a que diz respeito, e só com ela.
            with (
                contextlib.suppress(FalhaDeLeitura, FalhaDeDisco),
                self.fotografo.fotografar(empresas, execucao) as fotos,
            ):
                prontas = {f.empresa.id: self._guardar(f, execucao) for f in fotos}
        return [prontas.get(e.id) or self._copiar_sozinha(e, execucao) for e in empresas]

    def _guardar(self, foto: Foto, execucao: Execucao) -> CopiaDeEmpresa:
        return self._publicar(foto.empresa, self.fotografo.arquivos(foto, execucao), execucao)

    def _copiar_sozinha(self, empresa: Empresa, execucao: Execucao) -> CopiaDeEmpresa:
        return self._publicar(empresa, self.fotografo.montar(empresa, execucao), execucao)

    def _publicar(
        self,
        empresa: Empresa,
        montando: contextlib.AbstractContextManager[FotoMontada],
        execucao: Execucao,
    ) -> CopiaDeEmpresa:
        """Uma empresa até o fim. O que der errado fica nela: as outras continuam."""
        try:
            with montando as foto:
                copia = self._resultado(foto, execucao)
                if foto.salvas:
                    foto.publicar([e.documento() for e in copia.encolhimentos])
                return copia
        except Interrompido:
            raise
        except ErroCofre as e:
            erro = e
        except Exception as e:
            erro = DefeitoInterno(e)
        pasta = exibir_pasta(self.deposito.pasta_da_empresa(empresa.id))
        return CopiaDeEmpresa(empresa, pasta, impedida=erro)

    def _resultado(self, foto: FotoMontada, execucao: Execucao) -> CopiaDeEmpresa:
        return CopiaDeEmpresa(
            foto.empresa,
            exibir_pasta(foto.pasta),
            foto.carimbo,
            foto.salvas,
            foto.falhas,
            foto.instantanea,
            foto.contradicoes,
            encolhimentos=self._encolhimentos(foto, execucao),
        )

    def _encolhimentos(self, foto: FotoMontada, execucao: Execucao) -> tuple[Encolhimento, ...]:
        """O que parece ter sumido desta empresa, contra os backups anteriores dela."""
        empresa = foto.empresa.id
        anteriores = self.deposito.da_empresa_do_mais_novo(empresa)
        reconhecido = reconhecido_ate(self.deposito.pasta_da_empresa(empresa), empresa)
        return encolhimentos(
            referencias(anteriores, reconhecido),
            foto.salvas,
            self.configuracao.limites.parcela,
            self.configuracao.regras.podem_encolher,
            inteira=not foto.falhas and not execucao.pedido.tabelas,
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


def _tabelas(inspecao: Inspecao, nomes: tuple[str, ...]) -> dict[str, TabelaNoEscopo]:
    """As tabelas pedidas (todas, se nenhuma), em ordem. Levanta ErroDeUso."""
    dentro = inspecao.escopo.tabelas
    motivos = {d.tabela: d.motivo for d in inspecao.escopo.de_fora}
    for nome in nomes:
        if nome in motivos:
            raise ErroDeUso(f"A tabela {nome} fica de fora: {motivos[nome]}", "")
        if nome not in dentro:
            raise tabela_desconhecida(f"Não há tabela {nome}.", nome, dentro)
    return {nome: dentro[nome] for nome in sorted(nomes or dentro, key=ordem_de_exibicao)}


def _sem_empresas(inspecao: Inspecao) -> NadaEncontrado:
    ocultas = inspecao.catalogo.ocultas
    recusas = [ocultas[t] for t in ("empresas", "user_approvals") if t in ocultas]
    disse = f"\nO servidor disse: {recusas[0]}" if recusas else ""
    return NadaEncontrado("Nenhuma empresa encontrada", CAUSAS_SEM_EMPRESA + disse)
