"""O que já se sabe de um arquivo sem o descer: dos últimos backups, ou da foto que recomeçou."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from cofre.base.modelo import ARQUIVOS, NO_DISCO
from cofre.deposito.backup import do_mais_novo
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.conteudos.conhecidos import Conhecidos, DaLista, conteudos_conhecidos
from cofre.deposito.conteudos.guarda import Conteudos, Guardado
from cofre.deposito.conteudos.marcas import Token
from cofre.deposito.retrato import ha_que_comece
from cofre.foto.storage.caderno import Caderno, curto
from cofre.foto.storage.linha import token_de
from cofre.via.arquivos.objetos import Objeto


@dataclass(slots=True)
class Sabido:
    """De uma empresa. Usado por vários fios."""

    conhecidos: Conhecidos
    conteudos: Conteudos
    cifra: Cifra | None
    origem: str
    anterior: Caderno | None = None
    """O da tentativa de há pouco, já indexado, se a foto recomeçou."""
    _metadados: dict[bytes, bytes] = field(default_factory=dict)

    @classmethod
    def da_empresa(
        cls,
        pasta: Path,
        cifra: Cifra | None,
        origem: str,
        empresa: str,
        anterior: Caderno | None,
        *,
        com_metadados: bool,
    ) -> Sabido:
        """Lê o que os últimos backups dizem; `com_metadados`, se é preciso saber o `completo`.
        Levanta FalhaDeDisco; OSError passa."""
        metadados: dict[bytes, bytes] = {}

        def ver(token: Token, linha: DaLista) -> None:
            if (ditos := bytes(linha.metadados)) != b"null":
                metadados.setdefault(curto(token), ditos)

        quem_ve = ver if com_metadados and cifra is None else None
        conhecidos = conteudos_conhecidos(pasta, cifra, origem, empresa, quem_ve)
        conteudos = Conteudos(pasta, cifra, conhecidos.com_soma)
        return cls(conhecidos, conteudos, cifra, origem, anterior, metadados)

    def conteudo(self, objeto: Objeto) -> Guardado | None:
        """O que se guardou dele, se ainda está bom. Levanta FalhaDeDisco; OSError passa."""
        token = token_de(objeto, self.origem)
        nota = self.anterior.achar(token) if self.anterior is not None else None
        ja = nota.guardado if nota is not None else None
        if ja is not None and self.conteudos.tem(ja.guardado, ja.no_disco):
            return ja
        return self.conhecidos.achar(token)

    def completo(self, objeto: Objeto) -> Objeto | None:
        """O objeto, que já se guardou, com os metadados que quem o enviou lhe deu; None se é
        preciso perguntar: a lista da API não os diz, e a de um backup cifrado não se lê aqui."""
        token = token_de(objeto, self.origem)
        nota = self.anterior.achar(token) if self.anterior is not None else None
        if nota is not None:
            return replace(objeto, metadados=nota.objeto.metadados)
        if self.cifra is not None:
            return None
        dito = self._metadados.get(curto(token))
        return replace(objeto, metadados=msgspec.json.decode(dito) if dito else None)


def tinha_lista(pasta: Path) -> bool:
    """Se o último backup da empresa que traz a lista tinha arquivos: se agora não há Storage, é
    notícia. Um mais novo em que ela falhou, ou não se pediu, não prova que já não os havia; um que
    veio de outro projeto nada diz deste."""
    if not ha_que_comece(pasta, f"{NO_DISCO[ARQUIVOS]}_"):
        return False
    for backup in do_mais_novo(pasta):
        lista = backup.meta.tabelas.get(ARQUIVOS) if backup.meta else None
        if lista is not None and not backup.de_outro_projeto:
            return lista.registros > 0
    return False
