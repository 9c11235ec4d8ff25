"""O caso de uso principal: uma foto de cada empresa, publicada como backup."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from cofre.config import Configuracao
from cofre.deposito import Deposito
from cofre.equipe import Equipe
from cofre.erros import (
    DefeitoInterno,
    ErroCofre,
    ErroDeUso,
    Interrompido,
    NadaEncontrado,
)
from cofre.escopo import Escopo, TabelaNoEscopo
from cofre.fotografia import Execucao, Fotografo
from cofre.modelo import Empresa, ordem_de_exibicao
from cofre.narracao import Narracao, exibir_pasta
from cofre.perdidas import empresas_sumidas
from cofre.relato import Relato
from cofre.resultado import CopiaDeEmpresa, Pedido, Resumo
from cofre.selecao import escolher_empresas, tabela_desconhecida
from cofre.via import Inspecao, ViaDeLeitura

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

    def copiar(self, pedido: Pedido) -> Iterator[CopiaDeEmpresa | Resumo]:
        """Copia e publica; entrega cada empresa quando acaba, e por último o resumo.

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
        with self.relato.acompanhando():
            for copia in self.empresas_lado_a_lado.em_ordem(
                lambda empresa: self._copiar_empresa(empresa, execucao), escolhidas
            ):
                resumo.somar(copia)
                narracao.empresa(copia)
                yield copia
        if not pedido.empresas and not resumo.falhas:
            resumo.sem_dono = self._contar_sem_dono(resumo, escopo)
        if not pedido.empresas:
            url = self.configuracao.acesso.url
            resumo.sumidas = tuple(empresas_sumidas(self.deposito, inspecao.empresas, url))
        resumo.segundos = time.monotonic() - inicio
        narracao.fim(resumo)
        yield resumo

    def _copiar_empresa(self, empresa: Empresa, execucao: Execucao) -> CopiaDeEmpresa:
        """Uma empresa do começo ao fim. O que der errado fica nela: as outras continuam."""
        try:
            with self.fotografo.montar(empresa, execucao) as foto:
                if foto.copia.tabelas:
                    foto.publicar()
                return foto.copia
        except Interrompido:
            raise
        except ErroCofre as e:
            erro = e
        except Exception as e:
            erro = DefeitoInterno(e)
        pasta = exibir_pasta(self.deposito.pasta_da_empresa(empresa.id))
        return CopiaDeEmpresa(empresa, pasta, impedida=erro)

    def _contar_sem_dono(self, resumo: Resumo, escopo: Escopo) -> dict[str, int]:
        """Quantas linhas de cada tabela não são de empresa nenhuma: não estão em backup algum."""
        sobras: dict[str, int] = {}
        for nome in escopo.tabelas:
            total = self.via.contar(nome)
            sobra = (total or 0) - resumo.por_tabela[nome]
            if sobra > 0:
                sobras[nome] = sobra
        return sobras


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
