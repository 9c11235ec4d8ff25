"""Dois backups grandes comparados, sem servidor: quase iguais, e sem uma linha igual."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from apoio.execucao import BACKUP, ambiente
from cofre.base.erros import HA_DIFERENCAS
from cofre.base.linha import juntar
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import Gravador
from cofre.deposito.tabela_salva import TabelaSalva, tabela_em_json
from desempenho.corrida import Comando, Corredor, Corrida, MedicaoFalhou
from desempenho.dados import DONO
from desempenho.projeto import Banca
from desempenho.quadro import Linha, decimal, inteiro, tempo_e_cpu

META_SEGUNDOS, META_MB = 30, 120
POR_BLOCO = 1_000
DIA: Final = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
COLUNAS: Final = {
    "id": "bigint",
    "user_id": "uuid",
    "codigo": "bigint",
    "nome": "text",
    "descricao": "text",
    "preco": "numeric",
    "ativo": "boolean",
    "atributos": "jsonb",
    "criado_em": "timestamp with time zone",
    "updated_at": "timestamp with time zone",
}
NOTA = (
    "Dois backups de uma tabela de dez colunas (300 bytes por linha), em ordem de chave; nas "
    "linhas que mudam, mudam duas colunas. O comando inteiro, com as somas conferidas; a memória é "
    "o pico do processo (`ru_maxrss`)."
)


def comparacao(banca: Banca) -> Iterator[Linha]:
    """dois backups grandes, com 1 % e com 100 % das linhas mudadas."""
    linhas = banca.opcoes.linhas_demais
    for uma_em, quantas in ((100, "1 %"), (1, "100 %")):
        with tempfile.TemporaryDirectory(dir=banca.pasta) as pasta:
            destino = Path(pasta)
            for dia in range(2):
                _publicar(Deposito(destino), dia, linhas, uma_em)
            vezes = range(_vezes(banca))
            corridas = [_comparar(banca, destino, -(-linhas // uma_em)) for _ in vezes]
        pico = max(c.pico_mb for c in corridas)
        segundos = min(c.segundos for c in corridas)
        yield Linha(
            medida=f"comparar dois backups de {inteiro(linhas)} linhas, {quantas} mudadas",
            nosso=f"{tempo_e_cpu(corridas)}, {decimal(pico, 1)} MB",
            meta=f"≤ {META_SEGUNDOS} s e ≤ {META_MB} MB",
            cumprida=segundos <= META_SEGUNDOS and pico <= META_MB,
            nota=NOTA,
        )


def _vezes(banca: Banca) -> int:
    """A maior é cara, e só se mede uma vez."""
    return 1 if banca.opcoes.linhas_demais > banca.opcoes.linhas else banca.opcoes.repeticoes


def _publicar(deposito: Deposito, dia: int, linhas: int, uma_em: int) -> None:
    with deposito.montar(DONO, DIA + timedelta(days=dia)) as montagem:
        montagem.reservar(["produtos"])
        with montagem.criar("produtos") as saida:
            gravador = Gravador(saida)
            for de in range(1, linhas + 1, POR_BLOCO):
                ate = min(de + POR_BLOCO, linhas + 1)
                versoes = ((n, dia if n % uma_em == 1 % uma_em else 0) for n in range(de, ate))
                gravador.bloco(juntar([_linha(n, versao) for n, versao in versoes]))
            soma = gravador.terminar()
        salva = TabelaSalva(
            "produtos",
            montagem.nome("produtos"),
            linhas,
            gravador.bytes,
            soma,
            tuple({"nome": n, "tipo": t, "anulavel": True} for n, t in COLUNAS.items()),
            ("id",),
        )
        meta = {"versao_formato": 2, "user_id": DONO, "nome": "Loja", "total_registros": linhas}
        quando = (DIA + timedelta(days=dia)).isoformat()
        montagem.publicar(
            {**meta, "data_backup": quando, "tabelas": {"produtos": tabela_em_json(salva)}}
        )


def _linha(n: int, versao: int) -> bytes:
    return (
        f'{{"id":{n},"user_id":"{DONO}","codigo":{n * 2000000000003},"nome":"Produto nº {n}",'
        f'"descricao":"{"x" * 40}","preco":{n % 977 + versao}.99,"ativo":true,'
        f'"atributos":{{"cor": "azul"}},"criado_em":"2026-01-16T18:29:44.123456+00:00",'
        f'"updated_at":"2026-11-0{versao + 1}T03:00:00+00:00"}}'
    ).encode()


def _comparar(banca: Banca, destino: Path, mudadas: int) -> Corrida:
    """Roda e confere a conta. Levanta MedicaoFalhou."""
    comando: Comando = (sys.executable, BACKUP, "comparar", DONO, "--json")
    corrida = Corredor(banca.pasta).correr(
        comando, ambiente(None, destino), esperados=(HA_DIFERENCAS,)
    )
    achadas = json.loads(corrida.saida)["tabelas"]["produtos"]["mudaram"]
    if achadas != mudadas:
        raise MedicaoFalhou(f"{achadas} mudadas, e são {mudadas}")
    return corrida
