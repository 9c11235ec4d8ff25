"""A empresa como a foto a viu: as suas linhas de `empresas` podem ter mudado desde o começo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cofre.base.linha import texto
from cofre.base.modelo import Empresa
from cofre.deposito.backup import Backup
from cofre.deposito.passada import Grupo, Passada
from cofre.escopo.escopo import Escopo
from cofre.via.contrato import Inspecao
from cofre.via.leitura import EmpresaLida

EMPRESAS = "empresas"


@dataclass(slots=True)
class RegistrosVistos:
    """As linhas de `empresas` que passaram: o texto das colunas que outras tabelas referenciam."""

    colunas: Sequence[str]
    _vistos: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def de(cls, empresa: Empresa, escopo: Escopo) -> RegistrosVistos | None:
        """Os que interessam desta empresa; None se não há o que ver."""
        colunas = sorted({coluna for registro in empresa.registros for coluna in registro})
        no_escopo = escopo.tabelas.get(EMPRESAS)
        if no_escopo is None or (empresa.registros and not colunas):
            return None
        return cls(colunas or (["id"] if no_escopo.tabela.coluna("id") else []))

    def ver(self, grupo: Grupo) -> None:
        for linha in grupo.valores(self.colunas):
            textos = zip(self.colunas, map(texto, linha), strict=True)
            self._vistos.append({c: valor for c, valor in textos if valor is not None})

    def na_foto(self, empresa: Empresa) -> Empresa:
        """A busca foi feita com as linhas conhecidas no começo; se a foto achou outras, o que
        depende delas pode ter ficado de fora."""
        conhecidos = [dict(r) for r in empresa.registros]
        novos = [v for v in self._vistos if v not in conhecidos]
        return replace(empresa, registros=(*empresa.registros, *novos)) if novos else empresa


def empresa_na_foto(empresa: Empresa, lida: EmpresaLida, escopo: Escopo) -> Empresa:
    """A empresa como a viu uma leitura que ainda está no rascunho."""
    vistos = RegistrosVistos.de(empresa, escopo)
    tabela = next((t for t in lida.tabelas if t.tabela.nome == EMPRESAS), None)
    if vistos is None or tabela is None or tabela.falha is not None:
        return empresa
    passada = Passada([vistos])
    for bloco in tabela.em_ordem():
        passada.bloco(bloco)
    return vistos.na_foto(empresa)


def de_hoje_e_do_backup(empresa: Empresa, backup: Backup, inspecao: Inspecao) -> Empresa:
    """A empresa com as linhas de `empresas` de hoje e as do backup: as duas contam para achar o que
    é dela, mesmo que a própria linha de `empresas` tenha sido apagada."""
    hoje = next((e for e in inspecao.empresas if e.id == empresa.id), None)
    registros = list(hoje.registros) if hoje else []
    # A linha de `empresas` que hoje é de outra não faz dela o que aponta para essa linha.
    de_outras = {v for e in inspecao.empresas if e.id != empresa.id for v in _valores(e.registros)}
    for registro in backup.meta.registros_da_empresa if backup.meta else ():
        e_de_outra = not de_outras.isdisjoint(registro.items())
        if not e_de_outra and registro not in [dict(r) for r in registros]:
            registros.append(registro)
    return replace(empresa, registros=tuple(registros))


def _valores(registros: Iterable[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    return (item for registro in registros for item in registro.items())
