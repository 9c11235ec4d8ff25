"""A tabela que muda de cada vez: o servidor passa por ela uma vez só, e o que se grava é, byte a
byte, o que uma leitura inteira daria."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from apoio.aproveitado import Aproveitado, blocos_pequenos, conteudo
from apoio.danos import virar_um_bit
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.linha import abrir_linha
from cofre.deposito import resumos_por_linha
from cofre.deposito.backup import Backup
from cofre.deposito.carimbo import nome_dos_resumos_por_linha
from cofre.via.direta import resumos, reuso
from cofre.via.direta.segunda_passada import SegundaPassada
from cofre.via.leitura import EM_PARTE, IGUAL, INTEIRA, Trocadas
from supabase_local.servidores.servidor import SupabaseLocal

DONO = "aaaa1111-0000-4000-8000-000000000001"
VIZINHA = "bbbb2222-0000-4000-8000-000000000002"
TABELAS = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES
        ('aaaa1111-eeee-4000-8000-000000000001', '{DONO}', 'Padaria'),
        ('bbbb2222-eeee-4000-8000-000000000002', '{VIZINHA}', 'Vizinha');
    CREATE TABLE por_uuid (id uuid PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE por_inteiro (id bigint PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE por_dois (user_id uuid, n integer, nome text, PRIMARY KEY (user_id, n));
    CREATE TABLE por_partes (n bigint PRIMARY KEY, user_id uuid, nome text)
        PARTITION BY RANGE (n);
    CREATE TABLE por_partes_a PARTITION OF por_partes FOR VALUES FROM (MINVALUE) TO (150);
    CREATE TABLE por_partes_b PARTITION OF por_partes FOR VALUES FROM (150) TO (MAXVALUE);
    CREATE TABLE por_texto (codigo text PRIMARY KEY, user_id uuid, nome text);
"""
LINHAS = f"""
    TRUNCATE por_uuid, por_inteiro, por_dois, por_partes, por_texto;
    INSERT INTO por_uuid SELECT md5('u' || n)::uuid, '{DONO}', repeat('x', 40) || n
        FROM generate_series(1, 300) n;
    INSERT INTO por_inteiro SELECT n * 10 - 1500, '{DONO}', repeat('y', 40) || n
        FROM generate_series(1, 300) n;
    INSERT INTO por_dois SELECT '{DONO}', n * 10, repeat('w', 40) FROM generate_series(1, 300) n;
    INSERT INTO por_partes SELECT n * 10 - 1500, '{DONO}', repeat('p', 40)
        FROM generate_series(1, 300) n;
    INSERT INTO por_texto SELECT 'c' || n, '{DONO}', repeat('t', 40)
        FROM generate_series(1, 300) n;
    INSERT INTO por_uuid SELECT md5('v' || n)::uuid, '{VIZINHA}', 'dela'
        FROM generate_series(1, 50) n;
    INSERT INTO por_inteiro SELECT n * 10 - 1499, '{VIZINHA}', 'dela'
        FROM generate_series(1, 50) n;
"""
NUMA_SO = {"por_uuid": "id", "por_inteiro": "id", "por_dois": "n", "por_partes": "n"}
"""As tabelas que se percorrem uma vez só, e a coluna que diz qual é a linha."""
ESPALHADA = tuple(
    f"UPDATE {t} SET nome = nome || '{{}}' WHERE user_id = '{DONO}'"
    f" AND pg_catalog.hashtext({c}::text) % 9 = 0"
    for t, c in NUMA_SO.items()
)
"""Uma mudança em linhas de quase todos os blocos."""


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(TABELAS, LINHAS))


@pytest.fixture
def fotos(
    projeto: SupabaseLocal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    perfil_proprio: None,
) -> Aproveitado:
    """Já com uma foto em que se guardou o resumo de cada linha das tabelas que mudaram."""
    blocos_pequenos(monkeypatch)
    fotos = Aproveitado(projeto, tmp_path, (DONO, VIZINHA))
    fotos.sql(*LINHAS.split(";")[:-1])
    fotos.foto()
    espalhar(fotos, "!")
    mudada = fotos.foto()
    assert _em_parte(fotos, mudada) == {*NUMA_SO}, fotos.dito
    assert _por_linha(mudada).stat().st_size == 4 * 300 * resumos_por_linha.DE_CADA
    return fotos


def espalhar(fotos: Aproveitado, que: str) -> None:
    fotos.sql(*(comando.format(que) for comando in ESPALHADA))


def _em_parte(fotos: Aproveitado, backup: Backup) -> set[str]:
    return {n for n, como in fotos.leituras(backup).items() if como == EM_PARTE}


def _por_linha(backup: Backup) -> Path:
    return backup.pasta / nome_dos_resumos_por_linha(backup.carimbo)


def _sem_segunda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quem passasse outra vez pela tabela falharia."""

    def falhar(esta: SegundaPassada) -> None:
        raise AssertionError(f"passou-se duas vezes por {esta.no_escopo.tabela.nome}")

    monkeypatch.setattr(SegundaPassada, "fazer", falhar)


def _trocadas(antes: Backup, agora: Backup) -> dict[str, Trocadas]:
    """O mesmo que a leitura em parte diz, contado nos arquivos."""
    duas = [
        {t: {_chave(li, NUMA_SO[t]): li for li in conteudo(b)[t][0]} for t in NUMA_SO}
        for b in (antes, agora)
    ]
    return {
        t: Trocadas(
            antes.carimbo,
            sum(c in era and era[c] != li for c, li in e.items()),
            len(e.keys() - era.keys()),
        )
        for t in NUMA_SO
        for era, e in [(duas[0][t], duas[1][t])]
        if era != e
    }


def _chave(linha: bytes, coluna: str) -> bytes:
    return bytes(abrir_linha(linha)[coluna])


def test_o_que_nasce_sai_e_muda_numa_passada_so(
    fotos: Aproveitado, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sem_segunda(monkeypatch)
    da_vizinha = conteudo(fotos.juntas()[VIZINHA])
    anterior = fotos.foto()
    mudancas: tuple[tuple[str, ...], ...] = (
        tuple(comando.format("?") for comando in ESPALHADA),
        (  # no meio, no começo e no fim, e quem muda de chave ou de empresa
            f"INSERT INTO por_uuid SELECT md5('n' || n)::uuid, '{DONO}', 'nova'"
            " FROM generate_series(1, 40) n",
            f"INSERT INTO por_inteiro SELECT n * 10 - 1497, '{DONO}', 'nova'"
            " FROM generate_series(-5, 310) n WHERE n % 7 = 0",
            "UPDATE por_dois SET n = n + 5 WHERE n % 300 = 0",
            "UPDATE por_partes SET n = n + 1501 WHERE n % 400 = 0",
            f"UPDATE por_uuid SET user_id = '{VIZINHA}' WHERE nome LIKE '%44%'",
        ),
        (
            "DELETE FROM por_dois WHERE n BETWEEN 500 AND 1400",
            "DELETE FROM por_partes WHERE n < -1000 OR n % 700 = 0",
            f"DELETE FROM por_inteiro WHERE id % 3 = 0 AND user_id = '{DONO}'",
            f"UPDATE por_uuid SET user_id = '{DONO}' WHERE nome LIKE '%44%'",
        ),
    )
    for mudanca in mudancas:
        fotos.sql(*mudanca)
        foto = fotos.foto()
        assert _em_parte(fotos, foto) == {*NUMA_SO}, (mudanca, fotos.dito)
        assert fotos.trocadas == _trocadas(anterior, foto)
        fotos.conferir(foto)
        anterior = fotos.foto()  # igual, e leva consigo os resumos das linhas
        assert set(fotos.leituras(anterior).values()) == {IGUAL}, (mudanca, fotos.dito)
    assert conteudo(fotos.juntas()[VIZINHA]) == da_vizinha


def test_os_blocos_podem_vir_por_qualquer_ordem(
    fotos: Aproveitado, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A de um GROUP BY é a que o servidor quiser."""
    _sem_segunda(monkeypatch)
    perguntar = resumos.Perguntas._respostas

    def ao_contrario(
        destas: resumos.Perguntas, partes: Sequence[sql.Composable], *, com_itens: bool
    ) -> Generator[tuple[Any, ...]]:
        yield from reversed(list(perguntar(destas, partes, com_itens=com_itens)))

    monkeypatch.setattr(resumos.Perguntas, "_respostas", ao_contrario)
    espalhar(fotos, "%")
    foto = fotos.foto()
    assert _em_parte(fotos, foto) == {*NUMA_SO}, fotos.dito
    fotos.conferir(foto)


def test_so_vem_o_que_mudou_de_um_bloco_so(
    fotos: Aproveitado, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dos outros blocos, o servidor nada manda."""
    recebidos: list[tuple[str, int]] = []
    receber = reuso.Reusos._receber

    def contar(estes: reuso.Reusos, nome: str, bloco: int, linhas: int, itens: bytes) -> None:
        recebidos.append((nome, bloco))
        receber(estes, nome, bloco, linhas, itens)

    monkeypatch.setattr(reuso.Reusos, "_receber", contar)
    _sem_segunda(monkeypatch)
    antes = fotos.foto()
    assert recebidos == []
    fotos.sql("UPDATE por_inteiro SET nome = 'só esta' WHERE id = 500")
    foto = fotos.foto()
    assert [nome for nome, _ in recebidos] == ["por_inteiro"]
    assert fotos.trocadas == {"por_inteiro": Trocadas(antes.carimbo, 1, 0)}
    fotos.conferir(foto)


@pytest.mark.parametrize(
    "estragar",
    [virar_um_bit, Path.unlink, lambda caminho: caminho.write_bytes(caminho.read_bytes()[:-9])],
    ids=["um bit", "sumiu", "cortado"],
)
def test_sem_os_resumos_das_linhas_passa_se_duas_vezes_e_da_o_mesmo(
    fotos: Aproveitado, estragar: Callable[[Path], None]
) -> None:
    da_vizinha = conteudo(fotos.juntas()[VIZINHA])
    estragar(_por_linha(fotos.foto()))
    espalhar(fotos, "%")
    foto = fotos.foto()
    assert _em_parte(fotos, foto) == {*NUMA_SO}, fotos.dito
    fotos.conferir(foto)
    espalhar(fotos, "#")
    fotos.conferir(fotos.foto())
    assert conteudo(fotos.juntas()[VIZINHA]) == da_vizinha


def test_muda_coisa_demais_ou_nao_cabe_e_le_se_como_antes(
    fotos: Aproveitado, monkeypatch: pytest.MonkeyPatch
) -> None:
    fotos.sql(*(f"UPDATE {t} SET nome = 'tudo outro'" for t in ("por_uuid", "por_dois")))
    foto = fotos.foto()
    leituras: Mapping[str, str] = fotos.leituras(foto)
    assert {leituras["por_uuid"], leituras["por_dois"]} == {INTEIRA}
    fotos.conferir(foto)
    monkeypatch.setattr(reuso, "MAIS_LINHAS", 400)
    espalhar(fotos, "%")
    fotos.foto()
    espalhar(fotos, "#")
    cabe_uma = fotos.foto()
    fotos.conferir(cabe_uma)
    assert 0 < _por_linha(cabe_uma).stat().st_size <= 400 * resumos_por_linha.DE_CADA


def test_ao_sair_o_backup_saem_os_resumos_das_linhas(fotos: Aproveitado) -> None:
    antes = fotos.foto()
    espalhar(fotos, "%")
    depois = fotos.foto()
    assert not _por_linha(antes).exists()  # só ficam os do último
    assert _por_linha(depois).exists()
    with fotos.deposito.trabalhando():
        fotos.deposito.apagar(depois)
    assert not list(depois.pasta.glob(".resumo*"))
