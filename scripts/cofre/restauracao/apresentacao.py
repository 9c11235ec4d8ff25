"""Um backup assinado por quem esta máquina não conhece: só quem tem a folha diz que é seu."""

from __future__ import annotations

from dataclasses import dataclass, field

from cofre.base.perguntas import Perguntas
from cofre.base.relato import Relato
from cofre.deposito.lacre import conhecidos
from cofre.deposito.lacre.assinatura import mesmo_codigo
from cofre.deposito.lacre.conhecidos import AssinanteDesconhecido
from cofre.restauracao import ajudas


@dataclass(frozen=True, slots=True)
class Apresentacao:
    """A quem se pergunta. `codigo` é o que veio por opção (vazio: nenhum); `pergunta`, se há a quem
    perguntar: com a palavra já dada, não."""

    relato: Relato
    codigo: str
    pergunta: bool
    _recusadas: set[str] = field(default_factory=set)

    def apresentar(self, quem: AssinanteDesconhecido) -> None:
        """Passa a confiar em quem assinou, se o código dele é o que se disse ou se digita; senão,
        tudo fica como está, e o backup se recusa. Levanta Cancelada."""
        if mesmo_codigo(self.codigo, quem.codigo_da_chave):
            self._confiar(quem)
        elif self.pergunta and quem.chave not in self._recusadas:
            self._perguntar(quem)

    def _perguntar(self, quem: AssinanteDesconhecido) -> None:
        self.relato.linha("🔏 Este backup foi assinado por outra máquina, que esta não conhece.")
        perguntas = Perguntas(self.relato, "Restauração cancelada.", "Nada foi alterado.")
        digitado = perguntas.resposta(
            "Código na sua folha de recuperação (Enter: não o tenho): ",
            ajudas.LACRE.format(codigo=quem.codigo_da_chave),
        )
        if mesmo_codigo(digitado, quem.codigo_da_chave):
            self._confiar(quem)
            return
        self._recusadas.add(quem.chave)
        if digitado:
            self.relato.linha("   ❌ Não é o mesmo: este backup não é de quem fez a folha.")

    def _confiar(self, quem: AssinanteDesconhecido) -> None:
        conhecidos.confiar(quem.chave)
        codigo = quem.codigo_da_chave
        self.relato.linha(f"✅ Esta máquina passa a confiar nos lacres de código {codigo}.")
