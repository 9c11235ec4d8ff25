"""Quanto custa copiar o Storage: `.venv/bin/python tests/campanhas/storage.py [pequenos] [muitos]`.

Mil arquivos pequenos com 50 ms a mais em cada pedido, ao lado do que só essa espera custaria nas
conexões usadas; e cem mil objetos listados, com o pico de memória do processo (só no Linux). Os
números são dos backups inteiros, pelo script, e nada aqui reprova.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RAIZ = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(RAIZ / "scripts"), str(RAIZ / "tests")]

from apoio.execucao import Saida, abrir, ate_o_fim, da_api  # noqa: E402
from apoio.servidores import VAZIO  # noqa: E402
from apoio.storage import Storage  # noqa: E402
from supabase_local.servidores.falhas import Atraso, Pedido  # noqa: E402
from supabase_local.servidores.servidor import ClusterPostgres, SupabaseLocal  # noqa: E402

DONO = "aaaa1111-0000-4000-8000-000000000001"
ESQUEMA = f"""
CREATE TABLE empresas (id int PRIMARY KEY, user_id uuid, nome text);
CREATE TABLE produtos (id int PRIMARY KEY, user_id uuid, foto text);
GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
INSERT INTO empresas VALUES (1, '{DONO}', 'Loja');
"""
PEQUENOS, MUITOS = 1000, 100_000
ATRASO = 0.05
CONEXOES = (4, 8)


@contextmanager
def projeto_novo(cluster: ClusterPostgres, banco: str) -> Iterator[SupabaseLocal]:
    """Um projeto com uma empresa e um balde."""
    cluster.criar_banco(banco, modelo=VAZIO, sql=(ESQUEMA,))
    with SupabaseLocal(cluster, banco=banco) as projeto:
        yield projeto


def copiar(
    projeto: SupabaseLocal, destino: Path, via: str, conexoes: int, **mais: str
) -> tuple[Saida, float, int]:
    """Um backup: o que disse, os segundos e os MB do pico."""
    variaveis = {"BACKUP_ARQUIVOS": "sim", **da_api(projeto), **mais}
    if via == "direta":
        variaveis["SUPABASE_DB_URL"] = projeto.uri_banco
    inicio = time.monotonic()
    processo = abrir(projeto, destino, "--conexoes", str(conexoes), mais=variaveis, novo=True)
    picos = [0]

    def olhar() -> None:
        status = Path(f"/proc/{processo.pid}/status")
        while processo.poll() is None and status.exists():
            for linha in status.read_text(encoding="ascii").splitlines():
                if linha.startswith("VmHWM"):
                    picos.append(int(linha.split()[1]) // 1024)
            time.sleep(0.1)

    fio = threading.Thread(target=olhar)
    fio.start()
    saida = ate_o_fim(processo)
    fio.join()
    assert saida.codigo == 0, saida.tudo
    return saida, time.monotonic() - inicio, max(picos)


def pequenos(cluster: ClusterPostgres, pasta: Path) -> None:
    """Mil arquivos pequenos, por uma linha de 50 ms."""
    with projeto_novo(cluster, "pequenos") as projeto:
        storage = Storage(projeto)
        storage.balde("fotos")
        for i in range(PEQUENOS):
            storage.enviar("fotos", f"{DONO}/{i:05}.bin", f"conteúdo {i} ".encode() * 50)

        def nele(pedido: Pedido) -> bool:
            return "/storage/" in pedido.caminho

        with projeto.gateway.com_falha(Atraso(ATRASO), se=nele, vezes=None):
            for via in ("api", "direta"):
                for conexoes in CONEXOES:
                    destino = pasta / f"{via}{conexoes}"
                    _, segundos, pico = copiar(projeto, destino, via, conexoes)
                    espera = PEQUENOS * ATRASO / conexoes
                    print(
                        f"{PEQUENOS} arquivos, {via}, {conexoes} conexões: {segundos:.1f} s"
                        f" ({segundos / espera:.2f} × a espera), {pico} MB"
                    )
                    _, segundos, pico = copiar(projeto, destino, via, conexoes)
                    print(f"  outra vez, sem nada de novo: {segundos:.1f} s, {pico} MB")


def muitos(cluster: ClusterPostgres, pasta: Path) -> None:
    """Cem mil objetos: os da empresa, que não descem, e os que ninguém diz de quem são."""
    for onde in (DONO, "soltos"):
        with projeto_novo(cluster, f"muitos_{onde[:4]}") as projeto:
            storage = Storage(projeto)
            storage.balde("fotos")
            storage.so_linhas("fotos", f"{onde}/um nome de arquivo comum ", MUITOS)
            for via in ("api", "direta"):
                saida, segundos, pico = copiar(
                    projeto, pasta / f"{onde}{via}", via, 4, BACKUP_ARQUIVOS_MAXIMO="1KB"
                )
                assert "100.000" in saida.saida, saida.tudo
                print(f"{MUITOS} objetos em {onde[:6]}, {via}: {segundos:.1f} s, {pico} MB")


def main() -> None:
    """As medidas pedidas, ou as duas."""
    quais = {"pequenos": pequenos, "muitos": muitos}
    with tempfile.TemporaryDirectory() as temporaria:
        pasta = Path(temporaria)
        with ClusterPostgres(pasta / "pg", efemero=True) as cluster:
            for nome in sys.argv[1:] or quais:
                quais[nome](cluster, pasta / nome)


if __name__ == "__main__":
    main()
