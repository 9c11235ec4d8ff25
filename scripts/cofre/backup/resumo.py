"""O pedido de backup e o resultado dele: por empresa e no total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cofre.backup.notado import Notado
from cofre.base.erros import DADOS_ENCOLHERAM, ErroCofre, FalhaDoServidor, TravaOcupada
from cofre.base.modelo import ARQUIVOS, LISTAS, Contradicao, Empresa
from cofre.base.palavras import como_se_diz, plural, visivel
from cofre.deposito.tabela_salva import TabelaSalva
from cofre.foto.divergencias import divergencias
from cofre.foto.storage.relacao import DeNinguem
from cofre.rotina.encolhimento import Encolhimento
from cofre.rotina.mudanca import Mudanca
from cofre.rotina.retorno import Origem, Retorno, de_que_backups, mudado, retorno
from cofre.via.leitura import Instante

JA_PERDIDO = "copiou-as quem já não chegava a ele"
"""Por que não são do instante as que outro processo copiou antes de se perder, se não o disse."""


@dataclass(frozen=True, slots=True)
class Resultado:
    """O resultado de uma empresa. Sem `carimbo`, nada foi publicado."""

    empresa: Empresa
    pasta: str
    carimbo: str = ""
    tabelas: Mapping[str, TabelaSalva] = field(default_factory=dict)
    falhas: Mapping[str, ErroCofre] = field(default_factory=dict)
    instantanea: bool = True
    contradicoes: tuple[Contradicao, ...] = ()
    impedida: ErroCofre | None = None
    notado: Notado = field(default_factory=Notado)
    instante: str = ""
    """O instante de que é, se se leu no de todas as empresas da execução."""
    fora_do_instante: str = ""
    """Por que não é dele, se se pediu."""
    lacre: int = 0
    """O número do lacre do backup; 0: não tem."""
    sem_cobertura: timedelta = timedelta()
    """Quanto tempo se passou, até esta vez, sem se saber que o banco estava num backup."""
    igual_a: str = ""
    """O carimbo do backup de hoje de que nada mudou: por isso não se publicou outro."""
    divergiram: Mapping[str, datetime] = field(default_factory=dict)
    """As tabelas que, lidas por inteiro, não eram o que se aproveitaria sem as ler, e desde quando
    não se liam assim: o backup está certo, e os de antes podem não estar."""

    @property
    def encolhimentos(self) -> tuple[Encolhimento, ...]:
        """O que parece ter sumido dela."""
        return self.notado.encolhimentos

    @property
    def mudancas(self) -> tuple[Mudanca, ...]:
        """O que mudou nela fora do comum."""
        return self.notado.mudancas

    def enxuto(self) -> Resultado:
        """O mesmo, só com o que se conta dele: pode ir a outro processo, e são muitos."""
        return replace(self, tabelas={n: _enxuta(t) for n, t in self.tabelas.items()})

    @property
    def inteira(self) -> bool:
        return not self.falhas and self.impedida is None

    @property
    def ocupada(self) -> bool:
        """Se nada se fez porque outra execução usava a empresa."""
        return isinstance(self.impedida, TravaOcupada)

    @property
    def registros(self) -> int:
        return sum(t.registros for n, t in self.tabelas.items() if n not in LISTAS)

    @property
    def bytes(self) -> int:
        return sum(t.bytes for n, t in self.tabelas.items() if n not in LISTAS)

    def _arquivos(self) -> dict[str, Any] | None:
        """Os números dos arquivos dela; None se não se fotografaram."""
        lista = self.tabelas.get(ARQUIVOS)
        if lista is None:
            return None
        return {n: lista.notas.get(n) for n in ("arquivos", "bytes", "novos", "de_fora")}

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "id": self.empresa.id,
            "nome": self.empresa.nome,
            "pasta": self.pasta,
            "carimbo": self.carimbo,
            "lacre": self.lacre or None,
            "igual_a": self.igual_a or None,
            "completo": self.inteira and bool(self.carimbo or self.igual_a),
            "consistencia": "instantanea" if self.instantanea else "parcial",
            "instante": self.instante or None,
            "registros": self.registros,
            "bytes": self.bytes,
            "tabelas": {como_se_diz(n): t.registros for n, t in self.tabelas.items()},
            "falhas": {como_se_diz(n): str(e) for n, e in self.falhas.items()},
            "arquivos": self._arquivos(),
            "divergiram": list(divergencias(self.divergiram)),
            "encolhimentos": [e.documento() for e in self.encolhimentos],
            "mudancas": [m.documento() for m in self.mudancas],
            "restauracao_por_concluir": self.notado.restauracao_por_concluir,
            "erro": str(self.impedida) if self.impedida else None,
        }


@dataclass(frozen=True, slots=True)
class Sumida:
    """Uma empresa que tem backups e não aparece mais entre as do projeto."""

    empresa: Empresa
    ultimo: str
    """O carimbo do último backup de rotina dela."""
    pasta: Path

    def documento(self) -> dict[str, str]:
        """Para a saída --json."""
        return {"id": self.empresa.id, "nome": self.empresa.nome, "ultimo": self.ultimo}


@dataclass(slots=True)
class Resumo:
    """A execução inteira, em números; `falhas` por empresa, em palavras. `iguais`: as que não
    ganharam outro backup; `encolhidas`: as que têm dados que parecem ter sumido; `sumidas`, as que
    nem aparecem mais; `mudadas`, as que mudaram fora do comum. `instante`, o de todas, se se pediu.
    `servidor`: ver `Catalogo`."""

    empresas: int = 0
    inteiras: int = 0
    iguais: int = 0
    registros: int = 0
    bytes: int = 0
    segundos: float = 0.0
    so_algumas: bool = False
    instante: Instante | None = None
    servidor: str = ""
    falhas: list[str] = field(default_factory=list)
    fora_do_instante: Counter[str] = field(default_factory=Counter)
    """Por porquê, quantas empresas não são do instante que se pediu."""
    sem_dono: Mapping[str, int] = field(default_factory=dict)
    arquivos_sem_dono: Mapping[str, DeNinguem] = field(default_factory=dict)
    """Por balde do Storage, o que não é de empresa alguma."""
    por_tabela: Counter[str] = field(default_factory=Counter)
    encolhidas: list[Resultado] = field(default_factory=list)
    mudadas: list[Resultado] = field(default_factory=list)
    sumidas: tuple[Sumida, ...] = ()
    lacres: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Por id de empresa, o nome dela e o número do lacre: quem o guarda fora daqui sabe se, depois,
    faltar o último."""
    codigo_dos_lacres: str = ""
    lacunas: dict[str, timedelta] = field(default_factory=dict)
    """Por id de empresa, quanto tempo se passou desde a vez anterior."""

    @property
    def novos(self) -> int:
        """Quantas empresas não ficaram como estavam: ganharam um backup, ou deram erro."""
        return self.empresas - self.iguais

    def retornos(self) -> list[Retorno]:
        """Como trazer de volta cada empresa que encolheu, sumiu ou mudou fora do comum. Da que
        encolheu, também o que mudou: o que apontava para o que se apagou perde a ligação."""
        sumidas = [retorno(s.empresa, [Origem(s.ultimo)]) for s in self.sumidas]
        return [
            *(
                retorno(c.empresa, de_que_backups((*c.encolhimentos, *c.mudancas)))
                for c in self.encolhidas
            ),
            *sumidas,
            *(
                mudado(c.empresa, de_que_backups(c.mudancas))
                for c in self.mudadas
                if not c.encolhimentos
            ),
        ]

    def somar(self, resultado: Resultado) -> None:
        self.empresas += 1
        self.inteiras += resultado.inteira
        self.iguais += bool(resultado.igual_a)
        self.registros += resultado.registros
        self.bytes += resultado.bytes
        for nome, tabela in resultado.tabelas.items():
            self.por_tabela[nome] += tabela.registros
        if (
            self.instante is not None
            and resultado.carimbo
            and resultado.instante != self.instante.em.isoformat()
        ):
            self.fora_do_instante[resultado.fora_do_instante or JA_PERDIDO] += 1
        if resultado.lacre:
            self.lacres[resultado.empresa.id] = (resultado.empresa.nome, resultado.lacre)
        if resultado.sem_cobertura:
            self.lacunas[resultado.empresa.id] = resultado.sem_cobertura
        if resultado.encolhimentos:
            self.encolhidas.append(resultado)
        if resultado.mudancas:
            self.mudadas.append(resultado)
        nome = visivel(resultado.empresa.nome)
        if resultado.impedida:
            self.falhas.append(f"{nome}: {resultado.impedida}")
        elif resultado.falhas:
            quais = (visivel(como_se_diz(n)) for n in sorted(resultado.falhas))
            self.falhas.append(f"{nome}: {', '.join(quais)}")
        self.falhas += [f"{nome}: {d}" for d in divergencias(resultado.divergiram)]

    def acabar(self, segundos: float) -> None:
        """Já se somaram todas."""
        self.segundos = segundos
        for porque, quantas in self.fora_do_instante.items():
            sao = plural(quantas, "empresa não é", "empresas não são")
            self.falhas.append(f"{sao} do instante de todas, mas do seu: {visivel(porque)}.")

    def _lacres(self) -> dict[str, Any]:
        numeros = [
            {"id": quem, "nome": nome, "numero": n} for quem, (nome, n) in self.lacres.items()
        ]
        return {"codigo": self.codigo_dos_lacres, "numeros": numeros} if numeros else {}

    @property
    def codigo(self) -> int:
        """O código de saída: 4 se alguma empresa ou tabela falhou; senão, 10 se há dados que
        parecem ter sumido."""
        if self.falhas:
            return FalhaDoServidor.codigo
        return DADOS_ENCOLHERAM if self.encolhidas or self.sumidas else 0

    def documento(self, empresas: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "acao": "backup",
            "codigo": self.codigo,
            "servidor": self.servidor,
            "total_empresas": self.empresas,
            "empresas_completas": self.inteiras,
            "empresas_iguais": self.iguais,
            "total_registros": self.registros,
            "total_bytes": self.bytes,
            "segundos": round(self.segundos, 3),
            "instante": self.instante.em.isoformat() if self.instante else None,
            "fora_do_instante": self.fora_do_instante.total(),
            "falhas": self.falhas,
            "sem_dono": dict(self.sem_dono),
            "arquivos_sem_dono": {
                balde: {"arquivos": s.quantos, "bytes": s.bytes, "disputados": s.disputados}
                for balde, s in self.arquivos_sem_dono.items()
            },
            "encolhimentos": [
                {"id": c.empresa.id, "nome": c.empresa.nome, **e.documento()}
                for c in self.encolhidas
                for e in c.encolhimentos
            ],
            "sumidas": [s.documento() for s in self.sumidas],
            "mudancas": [
                {"id": c.empresa.id, "nome": c.empresa.nome, **m.documento()}
                for c in self.mudadas
                for m in c.mudancas
            ],
            "lacres": self._lacres(),
            "para_voltar": [r.documento() for r in self.retornos()],
            "empresas": empresas,
        }


def _enxuta(tabela: TabelaSalva) -> TabelaSalva:
    """Sem o que só serve a quem restaura."""
    textos = tabela.textos
    com_textos = textos.por_coluna if textos is not None else {}
    return TabelaSalva(
        tabela.nome,
        tabela.arquivo,
        tabela.registros,
        tabela.bytes,
        colunas=tuple(c for c in tabela.colunas if c.get("nome") in com_textos),
        exata=tabela.exata,
        sem_prova=tabela.sem_prova,
        textos=textos,
        notas=tabela.notas,
        leitura=tabela.leitura,
    )
