"""Uma semana de quarto em quarto de hora na demonstração, com acidentes: cada um desfaz-se até ao
que a empresa era, no máximo, quinze minutos antes, sem tocar nas outras.

Na suíte, umas poucas horas à volta da meia-noite; inteira, em `python3 tests/campanhas semana`.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from apoio.campanha import CAMPANHA
from apoio.execucao import RESTAURACAO, Saida, executar
from apoio.impressoes import alheias, estado, executar_sql, impressoes
from apoio.relogio import executar_em
from supabase_local.empresas.dados import DEMONSTRACAO
from supabase_local.servidores.servidor import SupabaseLocal

QUARTO: Final = timedelta(minutes=15)
DONOS: Final = tuple(str(perfil.user_id) for perfil in DEMONSTRACAO)
TAREFA: Final = ("--tipo", "agendado", "--cada", "15min", "--json")
COMECO: Final = datetime(2026, 3, 9, 23, 0).astimezone()
"""Uma segunda-feira, uma hora antes da meia-noite."""
VEZES: Final = 7 * 96 if CAMPANHA else 6
ABERTA: Final = range(8, 20)
"""As horas em que as lojas trabalham; na amostra, todas."""
DE_QUANTO_EM_QUANTO: Final = 24 if CAMPANHA else 4
"""Quartos de hora entre um acidente e outro, em média."""
GUARDAR: Final = {
    "BACKUP_MANTER_ULTIMOS": "96",
    "BACKUP_MANTER_HORARIOS": "48",
    "BACKUP_MANTER_DIARIOS": "30",
}
DO_DIA: Final = (
    "UPDATE produtos SET preco = preco + 1 WHERE id IN"
    " (SELECT id FROM produtos WHERE user_id = '{0}' AND preco > 0 ORDER BY random() LIMIT 2)",
    "UPDATE produtos SET nome = nome || '.' WHERE id IN"
    " (SELECT id FROM produtos WHERE user_id = '{0}' AND preco > 0 ORDER BY random() LIMIT 1)",
    "INSERT INTO categorias SELECT (jsonb_populate_record(c, jsonb_build_object("
    "'id', gen_random_uuid(), 'nome', 'Nova ' || gen_random_uuid()))).*"
    " FROM categorias c WHERE user_id = '{0}' LIMIT 1",
)
ACIDENTES: Final = (
    "DELETE FROM clientes WHERE user_id = '{0}'",
    "UPDATE produtos SET preco = 0.01 WHERE user_id = '{0}'",
    "DELETE FROM ordens_servico WHERE user_id = '{0}'",
    "UPDATE produtos SET nome = 'x' WHERE user_id = '{0}' AND preco > 0",
    "DELETE FROM clientes WHERE id IN (SELECT id FROM clientes WHERE user_id = '{0}' LIMIT 1)",
)
QUE_A_API_NAO_TRAZ: Final = (
    "UPDATE produtos SET preco = 1 WHERE preco < 0",
    "UPDATE clientes SET cpf = NULL WHERE length(cpf) <> 14",
    "UPDATE clientes SET endereco = endereco",
)
"""O que põe direitas as linhas que pela API não voltariam, ou não como eram: as de antes de uma
regra que não as aceita, e as que um gatilho ainda não tinha refeito (ver as garantias)."""


@dataclass(slots=True)
class Semana:
    """A demonstração, os backups dela, e as horas que passam."""

    projeto: SupabaseLocal
    destino: Path
    mais: dict[str, str]
    acaso: random.Random = field(default_factory=lambda: random.Random(18))
    agora: datetime = COMECO
    contas: Counter[str] = field(default_factory=Counter)

    def rodar(self, *argumentos: str, codigos: tuple[int, ...] = (0,), **mais: Any) -> Saida:
        saida = executar_em(
            self.agora, self.projeto, self.destino, *argumentos, mais=self.mais, **mais
        )
        assert saida.codigo in codigos, saida.tudo
        return saida

    def tarefa(self) -> None:
        """Uma vez da tarefa; com um estrago por desfazer, ou acabado de desfazer, há alarmes."""
        documento = self.rodar(*TAREFA, codigos=(0, 10)).json()
        assert documento["empresas_completas"] == len(DONOS)
        self.contas["vezes"] += 1
        self.contas["sem mudança"] += documento["empresas_iguais"]
        self.contas["podados"] += documento.get("poda", {}).get("apagados", 0)

    def de_antes(self, dono: str, quando: datetime) -> str:
        """O carimbo do backup mais novo que havia então: se nada mudara, o de antes disso."""
        listado = self.rodar("listar", "--json", "--empresa", dono).json()
        (dela,) = listado["empresas"]
        ate = (quando + timedelta(minutes=1)).isoformat()
        return max(
            str(b["carimbo"])
            for b in dela["backups"]
            if b["tipo"] == "agendado" and b["quando"] < ate
        )

    def trabalhar(self) -> None:
        """O que as lojas fazem num quarto de hora, se estão abertas."""
        if CAMPANHA and self.agora.hour not in ABERTA:
            return
        for dono in self.acaso.sample(DONOS, self.acaso.randint(0, len(DONOS))):
            executar_sql(self.projeto, self.acaso.choice(DO_DIA).format(dono))

    def acidente(self) -> None:
        """Alguém estraga uma empresa; passa a vez da tarefa, que copia o estrago; e volta-se."""
        dono = self.acaso.choice(DONOS)
        era, de_outras = estado(self.projeto, dono), alheias(impressoes(self.projeto), dono)
        vista = self.agora
        self.agora += timedelta(minutes=self.acaso.randint(1, 14))
        executar_sql(self.projeto, self.acaso.choice(ACIDENTES).format(dono))
        assert estado(self.projeto, dono) != era
        self.agora = vista + QUARTO
        self.tarefa()
        carimbo = self.de_antes(dono, vista)
        self.agora += timedelta(minutes=3)
        volta = ("--backup", carimbo, "--efeitos", "desfazer", "--confirmar", "RESTAURAR")
        self.rodar("--empresa", dono, *volta, script=RESTAURACAO)
        assert estado(self.projeto, dono) == era
        assert alheias(impressoes(self.projeto), dono) == de_outras
        # Enquanto ninguém diz que o estrago está resolvido, a poda não tira nada de antes dele.
        self.rodar("reconhecer", "--empresa", dono)
        self.contas["acidentes"] += 1


@pytest.mark.parametrize("via", ["direta", "api"] if CAMPANHA else ["direta"])
def test_uma_semana_de_quarto_em_quarto_de_hora(
    supabase: SupabaseLocal, tmp_path: Path, via: str
) -> None:
    mais = {"SUPABASE_DB_URL": supabase.uri_banco} if via == "direta" else {}
    if via == "api":
        executar_sql(supabase, *QUE_A_API_NAO_TRAZ)
    semana = Semana(supabase, tmp_path / "b", {**mais, **GUARDAR})
    proximo = DE_QUANTO_EM_QUANTO // 2
    for vez in range(VEZES):
        semana.agora = COMECO + vez * QUARTO
        semana.tarefa()
        if vez >= proximo and vez + 2 < VEZES:
            semana.acidente()
            proximo = vez + semana.acaso.randint(2, 2 * DE_QUANTO_EM_QUANTO)
        semana.trabalhar()
    print(via, dict(semana.contas))
    assert semana.contas["acidentes"] >= VEZES // (2 * DE_QUANTO_EM_QUANTO)
    listado = semana.rodar("listar", "--json").json()
    for empresa in listado["empresas"]:
        assert empresa["promessa"]["maior_sem_backup"] < 16 * 60
    assert executar(None, semana.destino, "verificar").codigo == 0
