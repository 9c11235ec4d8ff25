"""A conversa de `trazer`: de que destino, assinado por quem, de que empresa e de quando.

Cada pergunta tem uma opção que a responde; sem terminal, o que falta dizer é um erro, e nada se
aceita por aceitar: nem quem assinou, nem uma empresa entre várias.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cofre.base.comandos import RESTAURACAO, comando
from cofre.base.erros import BackupDanificado, ErroDeUso, NadaEncontrado
from cofre.base.modelo import Empresa
from cofre.base.palavras import exibir_pasta, na_tela, plural, tamanho, visivel
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.base.selecao import escolher_empresas, interpretar_numeros
from cofre.comando.argumentos import (
    minutos_de,
)
from cofre.comando.chave import ter_chave
from cofre.comando.copia import destinos_de
from cofre.deposito.backup import Backup
from cofre.deposito.cifra.chaves import ChaveQueFecha
from cofre.deposito.deposito import Deposito
from cofre.deposito.lacre import conhecidos
from cofre.deposito.lacre.assinatura import mesmo_codigo
from cofre.deposito.lacre.lacre import Lacre
from cofre.deposito.quando import EXEMPLOS_DE_DATA, de_quando
from cofre.deposito.trava import esperar
from cofre.remoto import marco
from cofre.remoto.copia import BARRA
from cofre.remoto.descida import Descida, Trazido
from cofre.remoto.destino import Destino
from cofre.remoto.disposicao import Endereco
from cofre.remoto.oferta import oferecer
from cofre.remoto.vinda import Fora, NaCopia

CANCELADO = "Cancelado. O que já veio está inteiro."
DESTINOS = "O número do destino, como está na lista. Os do .env são os de COPIA_DESTINO."
EMPRESAS = "O número da empresa (ou vários: 1,3), ou 0 para trazer todas."
DATAS = (
    f"Enter traz o mais novo que está inteiro. Ou diga outra data ({EXEMPLOS_DE_DATA}), ou o"
    " carimbo."
)
CODIGO = (
    "A folha de recuperação diz o código de quem assina os seus backups. Se não é o mesmo, quem\n"
    "pôs estes backups aqui não foi você: responda n."
)


class AssinadoPorOutro(BackupDanificado):
    """O que está na cópia é de quem não se conhece: nada se baixa."""

    def __init__(self, destino: str, codigo: str) -> None:
        super().__init__(
            f"Os backups de {destino} são assinados por quem este computador não conhece.",
            f"O código de quem assinou é {codigo}. Compare com o da sua folha de recuperação.\n"
            "Se for o mesmo, diga-o com --codigo; se não for, não foi você que os pôs lá.",
        )


@dataclass
class Vinda:
    """Uma conversa: destino, quem assinou, chave, empresa, data."""

    opcoes: Namespace
    deposito: Deposito
    relato: Relato

    @cached_property
    def perguntas(self) -> Perguntas:
        return Perguntas(self.relato, CANCELADO, "Nada mais foi trazido.")

    @cached_property
    def em_dialogo(self) -> bool:
        return not (self.opcoes.json or self.opcoes.confirmar)

    def fazer(self) -> int:
        destino = self._destino()
        anunciado, fora = marco.exigir(destino), Fora(destino)
        novos = self._de_quem_se_conhece(fora)
        if anunciado.para:
            ter_chave(self.opcoes, self.relato, tuple(map(ChaveQueFecha, anunciado.para)))
        trazidos = [(nele, self._trazer(fora, nele)) for nele in self._escolhidos(fora, novos)]
        self._encerrar(destino, trazidos)
        return 0

    def _destino(self) -> Destino:
        todos = destinos_de(self.opcoes, self.relato)
        if len(todos) == 1:
            return todos[0]
        lista = "\n".join(f"  {n}. {visivel(d.nome)}" for n, d in enumerate(todos, 1))
        if not self.em_dialogo:
            raise ErroDeUso("Há mais de um destino.", f"Diga de qual, com --copia-em:\n{lista}")
        self.relato.linha(f"De que cópia?\n{lista}")
        return todos[self._numero("Destino: ", len(todos), DESTINOS)]

    # -- quem assinou ------------------------------------------------------------------------

    def _de_quem_se_conhece(self, fora: Fora) -> dict[Endereco, Lacre]:
        """O mais novo de cada empresa e computador, de quem se passa a conhecer. Levanta
        NadaEncontrado, AssinanteDesconhecido ou o que se disse do código."""
        lidos = fora.mais_novos()
        for endereco, causa in lidos.ruins.items():
            self.relato.aviso(f"{endereco.nome}: {causa}.")
        if not lidos.bons:
            raise NadaEncontrado(f"Não há backup nenhum em {fora.destino.nome}.")
        aceitas, recusados = set(conhecidos.conhecidas()), []
        for lacre in {x.chave: x for x in lidos.bons.values() if x.chave not in aceitas}.values():
            if self._aceita(lacre):
                conhecidos.confiar(lacre.chave)
                aceitas.add(lacre.chave)
            else:
                recusados.append(lacre)
        bons = {e: x for e, x in lidos.bons.items() if x.chave in aceitas}
        if not bons:
            raise AssinadoPorOutro(fora.destino.nome, recusados[0].codigo)
        for lacre in recusados:
            self.relato.aviso(
                f"Há backups assinados por quem não se conhece (código {lacre.codigo}): ficam de"
                " fora."
            )
        return bons

    def _aceita(self, lacre: Lacre) -> bool:
        if ditos := self.opcoes.codigo:
            return any(mesmo_codigo(dito, lacre.codigo) for dito in ditos)
        if not self.em_dialogo:
            return False
        self.relato.linha(f"✍️ Quem assinou estes backups tem o código {lacre.codigo}")
        return self.perguntas.sim("É o código da sua folha de recuperação?", CODIGO)

    # -- que empresas, e de quando -----------------------------------------------------------

    def _escolhidos(self, fora: Fora, novos: dict[Endereco, Lacre]) -> Iterator[NaCopia]:
        oferecidos = oferecer(fora, novos, conhecidos.conhecidas(), self.relato)
        for empresa in self._empresas(oferecidos):
            yield self._de_quando(fora, oferecidos[empresa.id])

    def _empresas(self, oferecidos: dict[str, NaCopia]) -> list[Empresa]:
        """Quais vêm, das oferecidas (por id): pelas opções, ou perguntando. Levanta ErroDeUso ou
        Cancelada."""
        todas = sorted(
            (n.meta.empresa for n in oferecidos.values()), key=lambda e: (e.nome.casefold(), e.id)
        )
        if self.opcoes.empresa or self.opcoes.todas or len(todas) == 1:
            return escolher_empresas(todas, tuple(self.opcoes.empresa or ()))
        linhas = [f"  {n}. {_em_uma_linha(oferecidos[e.id])}" for n, e in enumerate(todas, 1)]
        lista = "\n".join(linhas)
        if not self.em_dialogo:
            raise ErroDeUso(
                "Há mais de uma empresa na cópia.", f"Diga --empresa ou --todas:\n{lista}"
            )
        self.relato.linha(f"🏢 Empresas na cópia:\n{lista}\n  0. todas")
        while True:
            dita = self.perguntas.resposta("Qual? ", EMPRESAS)
            if dita in ("0", "todas"):
                return todas
            try:
                return [todas[n] for n in interpretar_numeros(dita, len(todas))]
            except ErroDeUso as e:
                self.perguntas.explicar(str(e))

    def _de_quando(self, fora: Fora, oferecido: NaCopia) -> NaCopia:
        """De que backup vem esta empresa: o oferecido, ou o da data dita. Levanta ErroDeUso ou
        Cancelada."""
        enderecos = fora.da_empresa(oferecido.endereco.empresa)
        if dito := self.opcoes.backup:
            return self._abrir(fora, _da_data(dito, enderecos))
        if not self.em_dialogo or self.opcoes.todas or len(enderecos) == 1:
            return oferecido
        nome = visivel(oferecido.meta.empresa.nome)
        quando = na_tela(oferecido.lacre.inicio.astimezone(), "minuto")
        quantos = plural(len(enderecos), "backup", "backups")
        self.relato.linha(f"📅 {nome}: {quantos}; o mais novo inteiro é de {quando}")
        while True:
            dita = self.perguntas.resposta("De quando? (Enter: esse) ", DATAS)
            if not dita:
                return oferecido
            try:
                return self._abrir(fora, _da_data(dita, enderecos))
            except ErroDeUso as e:
                self.perguntas.explicar(f"{e}\n{e.dica}")

    def _abrir(self, fora: Fora, endereco: Endereco) -> NaCopia:
        return fora.abrir(endereco, fora.lacre(endereco, conhecidos.conhecidas()))

    # -- trazer ------------------------------------------------------------------------------

    def _trazer(self, fora: Fora, nele: NaCopia) -> Trazido:
        nome = nele.meta.empresa.nome

        def avancar(foram: int, total: int) -> None:
            self.relato.avanco(nome, "KB", foram // 1024, total // 1024, BARRA)

        espera = esperar(minutos_de(self.opcoes), self.relato)
        with self.relato.acompanhando():
            descida = Descida(fora.destino, fora.la, self.deposito, avancar, espera)
            trazido = descida.trazer(nele)
        onde = f"{exibir_pasta(trazido.backup.pasta)}/ ({trazido.backup.carimbo})"
        como = "já estava em" if trazido.ja_estava else f"{tamanho(trazido.bytes)} em"
        self.relato.linha(f"✅ {_em_uma_linha(nele)}: {como} {onde}")
        return trazido

    def _encerrar(self, destino: Destino, trazidos: Sequence[tuple[NaCopia, Trazido]]) -> None:
        self.relato.linha("ℹ️ Para restaurar:")
        for nele, _ in trazidos:
            self.relato.linha(f"   {comando(RESTAURACAO, '--empresa', nele.meta.user_id)}")
        self.relato.documento(
            {
                "acao": "trazer",
                "codigo": 0,
                "destino": destino.nome,
                "trazidos": [_documento(nele, trazido) for nele, trazido in trazidos],
            }
        )

    def _numero(self, pergunta: str, quantos: int, ajuda: str) -> int:
        while True:
            try:
                numeros = interpretar_numeros(self.perguntas.resposta(pergunta, ajuda), quantos)
            except ErroDeUso as e:
                self.perguntas.explicar(str(e))
            else:
                if len(numeros) == 1:
                    return numeros[0]


def _da_data(dita: str, enderecos: Sequence[Endereco]) -> Endereco:
    """O backup desta data. Levanta ErroDeUso se não é um só."""
    por_carimbo = {e.carimbo: e for e in reversed(enderecos)}
    vistos = [Backup(Path(), carimbo, None) for carimbo in por_carimbo]
    achados = de_quando(dita, vistos, datetime.now().astimezone())
    if len(achados) != 1:
        lista = "\n".join(f"  {na_tela(b.quando)}  {b.carimbo}" for b in achados or vistos)
        quantos = "há vários backups de" if achados else "não há backup de"
        raise ErroDeUso(f"{quantos} «{visivel(dita)}».", f"Diga qual:\n{lista}")
    return por_carimbo[achados[0].carimbo]


def _em_uma_linha(nele: NaCopia) -> str:
    registros = plural(nele.meta.total, "registro", "registros")
    quando = na_tela(nele.lacre.inicio.astimezone(), "minuto")
    return f"{visivel(nele.meta.empresa.nome)}, {quando}, {registros}"


def _documento(nele: NaCopia, trazido: Trazido) -> dict[str, Any]:
    return {
        "empresa": nele.meta.user_id,
        "nome": nele.meta.empresa.nome,
        "pasta": str(trazido.backup.pasta),
        "carimbo": trazido.backup.carimbo,
        "ja_estava": trazido.ja_estava,
        "bytes": trazido.bytes,
    }
