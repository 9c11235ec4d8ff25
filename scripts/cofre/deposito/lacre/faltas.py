"""O que falta nas séries de lacres de uma empresa: os backups que houve e não estão na pasta.

Da série desta máquina sabe-se ao certo: o perfil guarda o último lacre, e o que a poda tirou, ela o
disse. Das de outras, só a pasta fala: que lhe falte um do meio, vê-se; se lhe tiraram os últimos,
não se pode saber daqui.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cofre.base.comandos import BACKUP, comando
from cofre.base.palavras import na_tela, numero, plural
from cofre.deposito.carimbo import e_carimbo, momento, nome_dos_metadados
from cofre.deposito.lacre import serie
from cofre.deposito.lacre.lacre import Anterior, pseudonimo
from cofre.deposito.lacre.serie import Serie

DITOS = 5


@dataclass(frozen=True, slots=True)
class Faltas:
    """As séries de uma empresa numa pasta, e os backups que faltam à desta máquina. Os que estão
    lá com o lacre mudado não são daqui: diz-se do próprio backup."""

    pasta: Path
    user_id: str
    da_casa: Serie
    de_outros: tuple[Serie, ...]

    @classmethod
    def de(cls, pasta: Path, user_id: str) -> Faltas:
        """O que há agora. Levanta FalhaDeDisco, DependenciaAusente ou ConfiguracaoInvalida."""
        empresa = pseudonimo(user_id)
        if not serie.ha_o_que_ver(pasta, empresa):
            return cls(pasta, user_id, Serie(), ())
        outros = tuple(serie.de_outros(pasta, empresa))
        return cls(pasta, user_id, serie.da_casa(pasta, empresa), outros)

    @property
    def tirados(self) -> list[Anterior]:
        """Os que esta máquina fez, ninguém podou, e não estão."""
        return _sem_backup(self.pasta, self.da_casa)

    @property
    def linhas(self) -> Iterator[str]:
        """O que se diz de bom, ou do que não se sabe: a última de cada série."""
        if (ultimo := self.da_casa.ultimo) is not None:
            de_onde = "" if self.da_casa.do_perfil else "; se havia outros depois, não se sabe"
            yield f"🔏 Último lacre: nº {numero(ultimo.numero)}, {_de(ultimo.carimbo)}{de_onde}"
        for outra in self.de_outros:
            if (ultimo := outra.ultimo) is not None:
                faltam = len(_sem_backup(self.pasta, outra))
                quais = f"; {plural(faltam, 'anterior não está', 'anteriores não estão')} aqui"
                yield (
                    f"🔏 De outra máquina ({ultimo.codigo}): último lacre nº"
                    f" {numero(ultimo.numero)}, {_de(ultimo.carimbo)}{quais if faltam else ''};"
                    " se havia outros depois, não se sabe"
                )

    @property
    def falhas(self) -> Iterator[str]:
        """O que foi tirado, e o que fazer."""
        tirados = self.tirados
        for falta in tirados[:DITOS]:
            yield f"❌ Falta o backup {_de(falta.carimbo)} (lacre nº {numero(falta.numero)})"
        if (mais := len(tirados) - DITOS) > 0:
            yield f"❌ e {plural(mais, 'outro', 'outros')}"
        if tirados:
            yield "Não foi a poda que os tirou: alguém, ou algum programa, mexeu na pasta."
            yield "Se foi você, diga que sim, e o aviso para:"
            yield f"  {comando(BACKUP, 'reconhecer', '--empresa', self.user_id)}"

    @property
    def aviso(self) -> str:
        """O mesmo numa frase, para quem está a fazer outra coisa; vazio se nada falta."""
        tirados = self.tirados
        if not tirados:
            return ""
        quais = ", ".join(f"o {_de(t.carimbo)}" for t in tirados[:DITOS])
        mais = f" e mais {numero(n)}" if (n := len(tirados) - DITOS) > 0 else ""
        falta = plural(len(tirados), "backup desta empresa", "backups desta empresa")
        return (
            f"Alguém tirou {falta} da pasta, e não foi a poda: {quais}{mais}. Veja com «verificar»."
        )

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "empresa": self.user_id,
            "ultimo": _documento(self.da_casa),
            "de_outros": [_documento(s) for s in self.de_outros],
            "tirados": [{"numero": t.numero, "carimbo": t.carimbo} for t in self.tirados],
        }

    def reconhecer(self) -> int:
        """Quem apagou os que faltam diz que foi de propósito; devolve quantos. OSError passa."""
        tirados = self.tirados
        if tirados:
            serie.deixar_so(self.pasta, self.da_casa, fora={t.carimbo for t in tirados})
        return len(tirados)


def _documento(da_serie: Serie) -> dict[str, Any] | None:
    ultimo = da_serie.ultimo
    if ultimo is None:
        return None
    return {
        "numero": ultimo.numero,
        "carimbo": ultimo.carimbo,
        "codigo": ultimo.codigo,
        "certo": da_serie.do_perfil,
    }


def _sem_backup(pasta: Path, da_serie: Serie) -> list[Anterior]:
    faltam = da_serie.faltam(pasta)
    return [f for f in faltam if not (pasta / nome_dos_metadados(f.carimbo)).exists()]


def _de(carimbo: str) -> str:
    """O de outra máquina pode não ser uma data."""
    return f"de {na_tela(momento(carimbo)) if e_carimbo(carimbo) else carimbo}"
