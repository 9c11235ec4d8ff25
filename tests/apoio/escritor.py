"""Um escritor que não para, e o que vale em todo instante das tabelas em que ele mexe."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from apoio.execucao import linhas_do_arquivo
from apoio.retrato import Retrato
from supabase_local.servidores.servidor import SupabaseLocal

DONO = "ad000000-0000-4000-8000-000000000000"
VIZINHA = "ae000000-0000-4000-8000-000000000000"
CONTAS = 40
SALDO = Decimal(100)
ESQUEMA = """
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE contas (id int PRIMARY KEY, user_id uuid, saldo numeric(12,2));
    CREATE TABLE cofres (id int PRIMARY KEY, user_id uuid, saldo numeric(12,2));
    CREATE TABLE vendas (id bigint PRIMARY KEY, user_id uuid, total numeric(12,2));
    CREATE TABLE vendas_itens (
        venda_id bigint REFERENCES vendas ON DELETE CASCADE, n int, user_id uuid,
        valor numeric(12,2), PRIMARY KEY (venda_id, n)
    );
    CREATE TABLE funcionarios (id int PRIMARY KEY, empresa_id uuid NOT NULL REFERENCES empresas);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
"""
LINHAS = f"""
    TRUNCATE empresas, contas, cofres, vendas, vendas_itens, funcionarios;
    INSERT INTO empresas VALUES
        ('{DONO}', '{DONO}', 'Padaria'), ('{VIZINHA}', '{VIZINHA}', 'Outra');
    INSERT INTO contas SELECT n, '{DONO}', {SALDO} FROM generate_series(1, {CONTAS}) n;
    INSERT INTO cofres SELECT n, '{DONO}', {SALDO} FROM generate_series(1, {CONTAS}) n;
    INSERT INTO contas SELECT 1000 + n, '{VIZINHA}', 1 FROM generate_series(1, 10) n;
    INSERT INTO vendas SELECT n * 10, '{DONO}', 3 FROM generate_series(1, 30) n;
    INSERT INTO vendas VALUES (7777, '{VIZINHA}', 1);
    -- Metade dos itens pertence só pela venda.
    INSERT INTO vendas_itens SELECT n * 10, i, CASE WHEN i = 1 THEN '{DONO}'::uuid END, 1
        FROM generate_series(1, 30) n, generate_series(1, 3) i;
    INSERT INTO vendas_itens VALUES (7777, 1, NULL, 1);
    INSERT INTO funcionarios VALUES (1, '{DONO}'), (2, '{DONO}'), (3, '{VIZINHA}');
"""
"""O que há nelas, seja o que for que já haja."""
MEXIDAS = ("contas", "cofres", "vendas", "vendas_itens")
"""As tabelas em que o escritor mexe."""
TABELAS = ("empresas", "contas", "cofres", "vendas", "vendas_itens", "funcionarios")


@dataclass
class Escritor:
    """Um caixa que não para: cada transação move valores entre duas tabelas, vende ou desfaz. Entre
    umas e outras deixa passar até `a_cada` pedidos de quem lê, e não tanto tempo: quantas caem no
    meio de uma foto não depende da velocidade da máquina."""

    banco: psycopg.Connection
    acaso: random.Random
    a_cada: int
    transacoes: int = 0
    _passados: int = 0
    _parou: bool = False
    _mudou: threading.Condition = field(default_factory=threading.Condition)

    def trabalhar(self) -> None:
        while self._e_a_vez():
            for _ in range(self.acaso.randint(1, 3)):
                with self.banco.transaction():
                    self._uma()
                self.transacoes += 1

    def passou(self) -> None:
        """Mais um pedido de quem lê."""
        with self._mudou:
            self._passados += 1
            self._mudou.notify()

    def parar(self) -> None:
        with self._mudou:
            self._parou = True
            self._mudou.notify()

    def _e_a_vez(self) -> bool:
        """Espera que seja; falso, se é para parar."""
        with self._mudou:
            ate = self._passados + self.acaso.randint(0, self.a_cada)
            self._mudou.wait_for(lambda: self._parou or self._passados >= ate)
            return not self._parou

    def _uma(self) -> None:
        self._mover()
        if self.acaso.random() < 0.5:
            self._vender()
        if self.acaso.random() < 0.5:
            apagar = "SELECT id FROM vendas WHERE user_id = %s ORDER BY random() LIMIT 1"
            self.banco.execute(f"DELETE FROM vendas WHERE id = ({apagar})".encode(), [DONO])

    def _mover(self) -> None:
        valor = Decimal(self.acaso.randint(1, 5000)) / 100
        de, para = self.acaso.sample(("contas", "cofres"), 2)
        mudar = "UPDATE {} SET saldo = saldo + %s WHERE id = %s"
        for tabela, quanto in ((de, -valor), (para, valor)):
            alvo = [quanto, self.acaso.randint(1, CONTAS)]
            self.banco.execute(mudar.format(tabela).encode(), alvo)

    def _vender(self) -> None:
        venda = self.acaso.randint(1, 100_000) * 10 + 1
        valores = [Decimal(self.acaso.randint(1, 9999)) / 100 for _ in range(3)]
        feita = self.banco.execute(
            "INSERT INTO vendas VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [venda, DONO, sum(valores)],
        )
        for n, valor in enumerate(valores[: 3 * feita.rowcount]):
            dono = self.acaso.choice([DONO, None])
            self.banco.execute(
                "INSERT INTO vendas_itens VALUES (%s, %s, %s, %s)", [venda, n, dono, valor]
            )


@contextlib.contextmanager
def escrevendo(projeto: SupabaseLocal, a_cada: int = 0) -> Iterator[Escritor]:
    """Enquanto durar; sem `a_cada`, sem pausas."""
    with psycopg.connect(projeto.uri_banco, autocommit=True) as banco:
        escritor = Escritor(banco, random.Random(42), a_cada)
        fio = threading.Thread(target=escritor.trabalhar)
        fio.start()
        try:
            yield escritor
        finally:
            escritor.parar()
            fio.join()


def conferir_instante(tabelas: dict[str, list[dict[str, Any]]]) -> None:
    """O que vale em todo instante do banco vale na foto."""
    contas, cofres = tabelas["contas"], tabelas["cofres"]
    assert [c["id"] for c in contas] == [c["id"] for c in cofres] == list(range(1, CONTAS + 1))
    assert sum(c["saldo"] for c in contas + cofres) == 2 * CONTAS * SALDO
    soma: Counter[int] = Counter()
    for item in tabelas["vendas_itens"]:
        soma[item["venda_id"]] += item["valor"]
    # Nenhum item órfão, nenhuma venda sem itens, nenhum total diferente.
    assert soma == {venda["id"]: venda["total"] for venda in tabelas["vendas"]}
    chaves = [(i["venda_id"], i["n"]) for i in tabelas["vendas_itens"]]
    assert chaves == sorted(set(chaves))


def conferir_donos(tabelas: dict[str, list[dict[str, Any]]]) -> None:
    """Toda linha é da Padaria."""
    com_dono = tabelas.keys() - {"vendas_itens", "funcionarios"}
    donos = {tabela: {linha["user_id"] for linha in tabelas[tabela]} for tabela in com_dono}
    assert donos == {tabela: {DONO} for tabela in com_dono}
    assert {item["user_id"] for item in tabelas["vendas_itens"]} <= {DONO, None}
    assert 7777 not in {item["venda_id"] for item in tabelas["vendas_itens"]}
    assert {f["empresa_id"] for f in tabelas.get("funcionarios", [])} <= {DONO}


def exatas(linhas: list[bytes]) -> list[dict[str, Any]]:
    """As linhas com os números em decimal, sem arredondar."""
    return [
        {c: _valor(v) for c, v in msgspec.json.decode(linha, type=dict[str, msgspec.Raw]).items()}
        for linha in linhas
    ]


def _valor(bruto: msgspec.Raw) -> Any:
    texto = bytes(bruto).decode()
    numero = texto.replace(".", "").replace("-", "").isdigit()
    return Decimal(texto) if numero and "." in texto else msgspec.json.decode(bruto)


def do_retrato(retrato: Retrato) -> dict[str, list[dict[str, Any]]]:
    return {tabela: exatas(retrato.linhas(tabela)) for tabela in retrato.arquivos}


def do_backup(backup: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {tabela: exatas(linhas_do_arquivo(backup, tabela)) for tabela in TABELAS}
