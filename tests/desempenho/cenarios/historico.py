"""Uma empresa com milhares de backups: listar, a página, procurar e o menu de quem restaura."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from apoio.acervo import guardar
from apoio.execucao import BACKUP, RESTAURACAO, ambiente
from cofre.base.linha import juntar
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO, METADADOS
from cofre.deposito.deposito import Deposito
from cofre.deposito.formato import Gravador
from desempenho.corrida import Comando, Corredor, Corrida, MedicaoFalhou
from desempenho.dados import DONO
from desempenho.projeto import Banca
from desempenho.quadro import Linha, decimal, inteiro, tempo_e_cpu

META = 1.0
TABELAS = 28
LINHAS = 100
"""De cada tabela; na que muda, de cada vez outra delas."""
QUE_MUDA: Final = "vendas"
QUARTO: Final = timedelta(minutes=15)
COLUNAS: Final = {
    "id": "bigint",
    "user_id": "uuid",
    "nome": "text",
    "valor": "numeric",
    "criado_em": "timestamp with time zone",
}
AGORA: Final = datetime.now().astimezone().replace(minute=0, second=0, microsecond=0)
A_PARAR: Final = 130
"""Sem mais resposta, a restauração para."""
SEM_SERVIDOR: Final = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_SERVICE_ROLE_KEY": f"sb_secret_{'x' * 30}",
}
NOTA = (
    f"Um a cada quinze minutos, de {TABELAS} tabelas de que muda uma, um registro de cada vez; as"
    " outras são o mesmo arquivo. Comandos inteiros, depois de um primeiro que os viu todos; a meta"
    " é do processador, que é o que se gasta quando os nomes da pasta já estão na memória."
)


def historico(banca: Banca) -> Iterator[Linha]:
    """milhares de backups de uma empresa só: listar, a página, procurar e o menu."""
    with tempfile.TemporaryDirectory(dir=banca.pasta) as pasta:
        destino = Path(pasta) / "backups"
        quantos = banca.opcoes.backups
        banca.dizer(f"{inteiro(quantos)} backups")
        _encher(destino, quantos)
        medida = _Medida(banca, destino, quantos)
        yield medida.linha("listar, a primeira vez", _listar, vezes=1)
        yield medida.linha("listar", _listar, meta=True)
        yield medida.linha("listar tudo, em JSON", _listar_tudo, vezes=1)
        yield medida.linha("a página", _pagina, meta=True)
        yield medida.linha("procurar", _procurar)
        yield medida.linha("procurar numa tabela que muda sempre", _procurar_na_que_muda, vezes=1)
        yield medida.linha("o menu de quem restaura", _menu, meta=True)


@dataclass(frozen=True, slots=True)
class _Uso:
    """O que se roda, o que se responde, e o que tem de aparecer."""

    script: Path
    argumentos: Sequence[str]
    esperado: Sequence[str]
    digitado: str = ""
    codigo: int = 0


def _listar(quantos: int) -> _Uso:
    return _Uso(BACKUP, ("listar",), (f"e mais {inteiro(quantos - 100)} por somar",))


def _listar_tudo(quantos: int) -> _Uso:
    return _Uso(BACKUP, ("listar", "--json"), ('"bytes_no_disco"', _carimbo(quantos, 0)))


def _pagina(_quantos: int) -> _Uso:
    return _Uso(BACKUP, ("painel",), ("Página",))


def _procurar(_quantos: int) -> _Uso:
    return _Uso(BACKUP, ("procurar", DONO, "clientes 7"), ("clientes 7",))


def _procurar_na_que_muda(quantos: int) -> _Uso:
    vista = f"versão {_versao(quantos - 1)}"
    return _Uso(BACKUP, ("procurar", DONO, vista, "--tabela", QUE_MUDA), (vista,))


def _menu(quantos: int) -> _Uso:
    esperado = ("TABELAS DISPONÍVEIS", f"({inteiro(quantos)} backups)")
    return _Uso(RESTAURACAO, (), esperado, "1\n", A_PARAR)


@dataclass(frozen=True, slots=True)
class _Medida:
    banca: Banca
    destino: Path
    quantos: int

    def linha(
        self, oque: str, uso: Callable[[int], _Uso], *, vezes: int = 0, meta: bool = False
    ) -> Linha:
        """Uma linha do quadro. Levanta MedicaoFalhou."""
        corridas = [
            self._correr(uso(self.quantos)) for _ in range(vezes or self.banca.opcoes.repeticoes)
        ]
        cpu = min(c.cpu for c in corridas)
        pico = max(c.pico_mb for c in corridas)
        return Linha(
            medida=f"{inteiro(self.quantos)} backups de uma empresa: {oque}",
            nosso=f"{tempo_e_cpu(corridas)}, {decimal(pico, 0)} MB",
            meta=f"≤ {decimal(META, 0)} s de CPU" if meta else "—",
            cumprida=cpu <= META if meta else None,
            nota=NOTA,
        )

    def _correr(self, uso: _Uso) -> Corrida:
        comando: Comando = (sys.executable, uso.script, *uso.argumentos)
        onde = ambiente(None, self.destino, SEM_SERVIDOR)
        corrida = Corredor(self.banca.pasta).correr(
            comando, onde, esperados=(uso.codigo,), digitado=uso.digitado
        )
        dito = corrida.saida.decode()
        for esperado in uso.esperado:
            if esperado not in dito:
                raise MedicaoFalhou(f"{uso.argumentos}: não se disse {esperado!r}")
        return corrida


# -- os backups ------------------------------------------------------------------------------


def _encher(destino: Path, quantos: int) -> None:
    """Publica o primeiro; os outros são iguais, menos na tabela que muda: são os bytes que o
    depósito gravaria, e publicá-los um a um levaria uma hora."""
    destino.mkdir()
    primeiro = _publicar(Deposito(destino), _quando(quantos, 0))
    assert primeiro.meta is not None
    parados = [t.arquivo for t in primeiro.meta.tabelas.values() if t.nome != QUE_MUDA]
    modelo = (primeiro.pasta / f"{METADADOS}{primeiro.carimbo}.json").read_text(encoding="utf-8")
    soma = primeiro.meta.tabelas[QUE_MUDA].sha256
    for n in range(1, quantos):
        carimbo = _carimbo(quantos, n)
        for nome in parados:
            os.link(primeiro.pasta / nome, primeiro.pasta / nome.replace(primeiro.carimbo, carimbo))
        arquivo = primeiro.meta.tabelas[QUE_MUDA].arquivo.replace(primeiro.carimbo, carimbo)
        with (primeiro.pasta / arquivo).open("wb") as saida:
            gravador = Gravador(saida)
            gravador.bloco(juntar(_linhas(QUE_MUDA, n)))
            nova = gravador.terminar()
        ficha = modelo.replace(primeiro.carimbo, carimbo).replace(soma, nova)
        ficha = ficha.replace(
            json.dumps(_quando(quantos, 0).isoformat()), json.dumps(_quando(quantos, n).isoformat())
        )
        (primeiro.pasta / f"{METADADOS}{carimbo}.json").write_text(ficha, encoding="utf-8")


def _publicar(deposito: Deposito, quando: datetime) -> Backup:
    nomes = ["clientes", QUE_MUDA, *(f"tabela_{n:02}" for n in range(3, TABELAS + 1))]
    return guardar(
        deposito,
        DONO,
        "Loja",
        quando,
        {nome: _linhas(nome, 0) for nome in nomes},
        colunas=dict.fromkeys(nomes, COLUNAS),
        chaves=dict.fromkeys(nomes, ("id",)),
        consistencia="instantanea",
        tipo="agendado",
    )


def _linhas(tabela: str, vez: int) -> list[bytes]:
    """Na `vez`, a linha que lhe cabe já é outra, e as que mudaram antes continuam mudadas."""
    muda = tabela == QUE_MUDA
    versoes = (vez - (vez - n) % LINHAS if muda and vez >= n else 0 for n in range(LINHAS))
    return [
        (
            f'{{"id":{n},"user_id":"{DONO}","nome":"{tabela} {n}, versão {_versao(versao)}",'
            f'"valor":{n * 7}.50,"criado_em":"2026-01-16T18:29:44.123456+00:00"}}'
        ).encode()
        for n, versao in enumerate(versoes)
    ]


def _versao(vez: int) -> str:
    return f"{vez:06}"


def _quando(quantos: int, n: int) -> datetime:
    """O último é o de há pouco."""
    return AGORA - QUARTO * (quantos - n)


def _carimbo(quantos: int, n: int) -> str:
    return _quando(quantos, n).strftime(FORMATO_DO_CARIMBO)
