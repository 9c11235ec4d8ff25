"""A chave devolvida por quem a guardou: o arquivo dela, ou as linhas da folha, uma a uma."""

from __future__ import annotations

from dataclasses import dataclass

from cofre.base.disco import ler_ficha
from cofre.base.erros import ErroDeUso
from cofre.base.palavras import em_linhas, visivel
from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.comando.argumentos import caminho_de
from cofre.deposito.cifra.chaves import COMECO, ChaveQueAbre, ChaveQueFecha, ler_que_abre
from cofre.deposito.cifra.linhas import completar, e_a_primeira, so_letras

_AJUDA = (
    "Para ter a certeza de que a chave se lê de onde ficou. O caminho do arquivo .txt que está no\n"
    "pendrive; ou as quatro linhas da folha, uma por vez, com as duas letras do fim de cada uma.\n"
    "Maiúsculas, espaços e hífens não importam."
)


@dataclass(frozen=True, slots=True)
class Devolucao:
    """Pede uma chave de volta, até vir a certa ou se desistir."""

    relato: Relato
    perguntas: Perguntas

    def pedir(self, de_quem: str, certa: ChaveQueFecha) -> ChaveQueAbre:
        """A chave que abre o que a `certa` fecha. Levanta Cancelada."""
        self.relato.linha()
        self.relato.linha(f"🔑 Devolva a chave {de_quem}: o arquivo .txt dela, ou a folha.")
        while True:
            dita = self.perguntas.resposta("Arquivo, ou linha 1: ", _AJUDA)
            try:
                chave = self._lida(dita)
            except ErroDeUso as e:
                self._recusar(e)
                continue
            if chave.publica == certa:
                return chave
            self.relato.linha(
                f"   ❌ É uma chave, mas não a {de_quem}: abre {chave.publica.texto}."
            )

    def _recusar(self, erro: ErroDeUso) -> None:
        """A causa e a cura: quem digita do papel precisa de saber o que conferir."""
        for texto in (f"❌ {erro}", erro.dica):
            if texto:
                self.relato.linha(em_linhas(f"   {texto}", self.relato.largura))

    def _lida(self, dita: str) -> ChaveQueAbre:
        if e_a_primeira(dita):
            return ler_que_abre(completar(self._outra_linha, self._recusar))
        if so_letras(dita).startswith(so_letras(COMECO)):
            return ler_que_abre(dita)
        return self._do_arquivo(dita)

    def _outra_linha(self, qual: str) -> str:
        return self.perguntas.resposta(f"{qual}: ", _AJUDA)

    def _do_arquivo(self, dita: str) -> ChaveQueAbre:
        try:
            return ler_que_abre(ler_ficha(caminho_de(dita)).decode("utf-8-sig", "replace"))
        except OSError as e:
            causa = e.strerror or str(e)
            raise ErroDeUso(
                f"Não consegui ler {visivel(dita) or 'o arquivo'}: {causa}.",
                "O pendrive está no lugar? As linhas da folha começam por AGE-SECRET-KEY-1.",
            ) from e
