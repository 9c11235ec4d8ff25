"""A tarefa de quarto em quarto de hora quando nada mudou em nenhuma de muitas empresas, pela direta
e com a rede no meio."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from apoio.procurador import Destino, procurador
from desempenho.conferencia import conferir_backup
from desempenho.corrida import Corrida, MedicaoFalhou
from desempenho.dados import muitas_pequenas, tabelas_pequenas
from desempenho.projeto import Banca
from desempenho.quadro import Linha, decimal, inteiro, tempo_e_cpu

META = 0.3
IDA_E_VOLTA = 0.030
"""Segundos que cada ida e volta leva a mais."""
TAREFA = ("--tipo", "agendado", "--cada", "15min", "--json")
NOTA = (
    "Comandos inteiros, pela direta, contra o primeiro backup de todas; um procurador segura 30 ms"
    " o que cada conexão manda ao PostgreSQL."
)


def quietas(banca: Banca) -> Iterator[Linha]:
    """muitas empresas em que nada mudou, de quarto em quarto de hora, pela direta."""
    o = banca.opcoes
    with banca.projeto(muitas_pequenas(o.empresas, o.tabelas)) as projeto:
        destino = projeto.novo_destino()
        uri = projeto.cluster.uri(projeto.banco)
        porta = urlsplit(uri).port or 0
        with procurador(porta, _segurar) as outra:
            # Só a direta: com a API noutro endereço, conferia-se que são do mesmo projeto.
            pela_rede = dict.fromkeys(("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"), "")
            pela_rede |= {"SUPABASE_DB_URL": uri.replace(f":{porta}/", f":{outra}/")}

            def tarefa() -> Corrida:
                return projeto.copiar(destino, *TAREFA, mais=pela_rede)

            def do_zero() -> Corrida:
                return projeto.copiar(projeto.novo_destino(), *TAREFA, mais=pela_rede)

            inteiras = [do_zero() for _ in range(o.repeticoes)]
            tarefa()
            conferir_backup(projeto, destino, "empresas", *tabelas_pequenas(o.tabelas))
            quietas_ = [_quieta(tarefa, o.empresas) for _ in range(o.repeticoes)]
    razao = statistics.median(c.segundos for c in quietas_) / statistics.median(
        c.segundos for c in inteiras
    )
    yield Linha(
        medida=f"{inteiro(o.empresas)} empresas × {o.tabelas} tabelas, 30 ms de ida e volta, nada"
        " mudou: a tarefa de quarto em quarto de hora",
        nosso=tempo_e_cpu(quietas_),
        referencia=tempo_e_cpu(inteiras),
        razao=razao,
        meta=f"≤ {decimal(META, 1)}",
        cumprida=razao <= META,
        nota=NOTA,
    )


def _segurar(_dados: bytes) -> Destino:
    time.sleep(IDA_E_VOLTA)
    return Destino.PASSAR


def _quieta(tarefa: Callable[[], Corrida], empresas: int) -> Corrida:
    """Uma vez da tarefa, em que nenhuma ganhou backup. Levanta MedicaoFalhou."""
    corrida = tarefa()
    iguais = json.loads(corrida.saida)["empresas_iguais"]
    if iguais != empresas:
        raise MedicaoFalhou(f"só {iguais} de {empresas} se viram iguais")
    return corrida
