"""O que se nota numa empresa ao copiá-la, e que vai nos metadados do backup dela."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cofre.base.config.valores import Configuracao
from cofre.deposito.deposito import Deposito
from cofre.deposito.diario import diarios, pendentes
from cofre.deposito.metadados import Cabecalho
from cofre.foto.arquivos import FotoMontada
from cofre.foto.foto import Pedido
from cofre.rotina.encolhimento import Encolhimento, encolhimentos, reconhecido_ate, referencias
from cofre.rotina.restauradas import restauradas


@dataclass(frozen=True, slots=True)
class Notado:
    """O que parece ter sumido, e se os dados são os de uma restauração que não acabou."""

    encolhimentos: tuple[Encolhimento, ...] = ()
    restauracao_por_concluir: bool = False

    @classmethod
    def de_metadados(cls, meta: Cabecalho) -> Notado:
        """O que já se notou num backup publicado."""
        encolheram = tuple(map(Encolhimento.de_documento, meta.encolhimentos))
        return cls(encolheram, meta.restauracao_por_concluir)

    def documento(self) -> dict[str, Any]:
        """As chaves dos metadados."""
        por_concluir = {"restauracao_por_concluir": True} if self.restauracao_por_concluir else {}
        return {"encolhimentos": [e.documento() for e in self.encolhimentos], **por_concluir}


def notar(
    foto: FotoMontada, deposito: Deposito, configuracao: Configuracao, pedido: Pedido
) -> Notado:
    """O que há a notar nesta foto, contra os backups anteriores da empresa e o que as restaurações
    dela fizeram."""
    empresa = foto.empresa.id
    pasta = deposito.pasta_da_empresa(empresa)
    suas = [d for d in diarios(pasta) if d.dados.get("user_id") == empresa]
    de_antes = referencias(
        deposito.da_empresa_do_mais_novo(empresa),
        reconhecido_ate(pasta, empresa),
        list(restauradas(suas)),
    )
    encolheram = encolhimentos(
        de_antes,
        foto.salvas,
        configuracao.limites.parcela,
        configuracao.regras.podem_encolher,
        inteira=not foto.falhas and not pedido.tabelas,
    )
    return Notado(encolheram, restauracao_por_concluir=bool(pendentes(suas)))
