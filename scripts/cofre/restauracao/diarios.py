"""Os diários das restaurações que uma empresa já teve: a que não acabou, e a que se desfaz."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cofre.base.comandos import RESTAURACAO, comando
from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.base.palavras import visivel
from cofre.base.relato import Relato
from cofre.deposito.diario import Diario, diarios
from cofre.deposito.inventario import EmpresaComBackups
from cofre.deposito.retrato import um_retrato
from cofre.deposito.trava import Trava
from cofre.restauracao.guarda import Marcas, marcas


@dataclass(slots=True)
class Diarios:
    """Os das empresas de um depósito. `guardadas` dá as que têm backup (a pedida, se dita), e
    `trava`, a de uma, por tomar; `vistas`: como estava a pasta da última que se leu."""

    relato: Relato
    guardadas: Callable[[str | None], list[EmpresaComBackups]]
    trava: Callable[[EmpresaComBackups], Trava]
    vistas: Marcas = field(default_factory=dict)

    def pendente(self, guardada: EmpresaComBackups) -> Diario | None:
        """A restauração desta empresa que não acabou, se há."""
        return next((d for d in reversed(self._de(guardada)) if d.aberto), None)

    def a_unica(
        self,
        empresa: str | None,
        acao: str,
        qual: Callable[[Sequence[Diario]], Diario | None],
    ) -> tuple[EmpresaComBackups, Diario]:
        """A empresa pedida, ou a única com uma restauração que sirva para a `acao` (dos diários de
        uma empresa, a que `qual` devolve), com ela. Levanta NadaEncontrado, ou ErroDeUso se são
        várias, com o comando de cada uma."""
        guardadas = self.guardadas(empresa)
        achadas = [(g, d) for g in guardadas if (d := qual(self._ler(g))) is not None]
        if len(achadas) > 1:
            linhas = "\n".join(
                f"{visivel(g.empresa.nome)}, a de {d.quando}:\n"
                f"  {comando(RESTAURACAO, acao, '--empresa', g.empresa.id)}"
                for g, d in achadas
            )
            raise ErroDeUso(f"Há mais de uma restauração para {acao}.", f"Escolha:\n{linhas}")
        guardada = achadas[0][0] if achadas else guardadas[0]
        if (diario := qual(self._de(guardada))) is None:
            desta = " desta empresa" if empresa else ""
            raise NadaEncontrado(f"Não há restauração{desta} para {acao}.", "")
        if not empresa:
            self.relato.linha(f"🏢 Empresa: {visivel(guardada.empresa.nome)}")
        return guardada, diario

    def _de(self, guardada: EmpresaComBackups) -> list[Diario]:
        lidos = self._ler(guardada)
        if any(d.aberto for d in lidos):
            # Por concluir, ou outra execução a está fazendo agora: espera-se por ela.
            with self.trava(guardada):
                lidos = self._ler(guardada)
        return lidos

    def _ler(self, guardada: EmpresaComBackups) -> list[Diario]:
        with um_retrato():
            self.vistas = marcas(guardada.pasta)
            todos = diarios(guardada.pasta)
        return [d for d in todos if d.dados.get("user_id") == guardada.empresa.id]
