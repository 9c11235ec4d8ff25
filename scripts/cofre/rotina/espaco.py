"""Quantos backups se listam, e quanto ocupam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofre.base.disco import ocupado
from cofre.base.palavras import numero, plural, tamanho
from cofre.deposito.backup import Backup
from cofre.deposito.conteudos.lugar import bytes_em
from cofre.deposito.no_disco import arquivos_de, em_arquivos


@dataclass(frozen=True, slots=True)
class Espaco:
    """Quantos backups, e o que ocupam em bytes: um arquivo que vários têm em comum (só os de uma
    mesma empresa têm) conta uma vez em `no_disco`, e uma por backup em `somados`."""

    backups: int = 0
    no_disco: int = 0
    somados: int = 0
    antigos: int = 0

    def com(self, backups: Sequence[Backup], somados: int, antigos: int = 0) -> Espaco:
        """Com os de mais uma empresa, de tabelas que ocupam `somados` bytes, e quantos `antigos`,
        que não se somam."""
        return Espaco(
            self.backups + len(backups),
            self.no_disco
            + ocupado(arquivo for b in backups for arquivo in arquivos_de(b))
            + sum(bytes_em(pasta) for pasta in {b.pasta for b in backups}),
            self.somados + somados + sum(map(em_arquivos, backups)),
            self.antigos + antigos,
        )

    @property
    def em_palavras(self) -> str:
        mais = f", e mais {numero(self.antigos)} por somar (--todos)" if self.antigos else ""
        seriam = f" (seriam {tamanho(self.somados)} sem guardar uma vez só o que não mudou)"
        return (
            f"💾 {plural(self.backups, 'backup', 'backups')} em {tamanho(self.no_disco)} de disco"
            f"{seriam if self.somados > self.no_disco else ''}{mais}"
        )
