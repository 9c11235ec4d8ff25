"""Só se lê o que mudou, e o que se grava é byte a byte o que uma leitura inteira daria."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from apoio.aproveitado import Aproveitado, blocos_pequenos, conteudo
from apoio.bancada import Bancada, Montador
from apoio.campanha import CAMPANHA
from apoio.lojinha import DONO as DA_LOJINHA
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.backup.resumo import Resultado, Resumo
from cofre.base.erros import FalhaDoServidor
from cofre.base.modelo import Empresa
from cofre.deposito.backup import Backup, completo
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra, segredo
from cofre.deposito.deposito import Deposito
from cofre.deposito.recifrar import JaCifrados, cifrar_de_novo
from cofre.deposito.recifrar_arquivos import ConteudosCifrados
from cofre.foto import fotografo
from cofre.via.leitura import EM_PARTE, IGUAL, INTEIRA
from supabase_local.servidores.postgres import ADMINISTRADOR
from supabase_local.servidores.servidor import SupabaseLocal

DONO = "aaaa1111-0000-4000-8000-000000000001"
VIZINHA = "bbbb2222-0000-4000-8000-000000000002"
CHAVES = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid NOT NULL, nome text NOT NULL);
    INSERT INTO empresas VALUES
        ('aaaa1111-eeee-4000-8000-000000000001', '{DONO}', 'Padaria'),
        ('bbbb2222-eeee-4000-8000-000000000002', '{VIZINHA}', 'Vizinha');
    CREATE TYPE cor AS ENUM ('azul', 'verde');

    CREATE TABLE por_uuid (id uuid PRIMARY KEY, user_id uuid, nome text, quando timestamptz);
    CREATE TABLE por_inteiro (id bigint PRIMARY KEY, user_id uuid, nome text, cor cor);
    CREATE TABLE por_texto (codigo text PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE por_dois (user_id uuid, n integer, nome text, PRIMARY KEY (user_id, n));
    CREATE TABLE por_dois_textos (
        user_id uuid, a text, b date, nome text, PRIMARY KEY (user_id, a, b)
    );
    CREATE TABLE sem_chave (user_id uuid, n int, nome text);
    CREATE TABLE por_partes (n bigint PRIMARY KEY, user_id uuid, nome text)
        PARTITION BY RANGE (n);
    CREATE TABLE por_partes_a PARTITION OF por_partes FOR VALUES FROM (MINVALUE) TO (150);
    CREATE TABLE por_partes_b PARTITION OF por_partes FOR VALUES FROM (150) TO (MAXVALUE);
    -- De vários ramos: sem dono próprio, é da linha-mãe.
    CREATE TABLE filhas (
        id bigint PRIMARY KEY, user_id uuid, mae bigint REFERENCES por_inteiro, nome text
    );
    CREATE TABLE netas_de_texto (
        id text PRIMARY KEY, user_id uuid, mae bigint REFERENCES filhas, nome text
    );
    CREATE TABLE com_json (id bigint PRIMARY KEY, user_id uuid, j jsonb, v int[]);
    CREATE TABLE vazia (id bigint PRIMARY KEY, user_id uuid);

    INSERT INTO por_uuid SELECT md5('u' || n)::uuid, '{DONO}', repeat('x', n % 30) || n, now()
        FROM generate_series(1, 300) n;
    INSERT INTO por_inteiro SELECT n, '{DONO}', 'nome ' || repeat('y', 30) || n, 'azul'
        FROM generate_series(1, 300) n;
    INSERT INTO por_texto SELECT 'Ç' || n || CASE WHEN n % 2 = 0 THEN 'a' ELSE 'B' END, '{DONO}',
        repeat('z', 40) FROM generate_series(1, 300) n;
    INSERT INTO por_dois SELECT '{DONO}', n, repeat('w', 40) FROM generate_series(1, 300) n;
    INSERT INTO por_dois_textos
        SELECT '{DONO}', 'a' || n % 7, date '2026-01-01' + n, repeat('v', 40)
        FROM generate_series(1, 300) n;
    INSERT INTO sem_chave SELECT '{DONO}', n, repeat('s', 40) FROM generate_series(1, 300) n;
    INSERT INTO por_partes SELECT n, '{DONO}', repeat('p', 40) FROM generate_series(1, 300) n;
    INSERT INTO filhas SELECT n, CASE WHEN n % 2 = 0 THEN '{DONO}'::uuid END, n, repeat('f', 40)
        FROM generate_series(1, 300) n;
    INSERT INTO netas_de_texto SELECT 'n' || n, CASE WHEN n % 2 = 0 THEN '{DONO}'::uuid END, n,
        repeat('g', 40) FROM generate_series(1, 300) n;
    INSERT INTO com_json
        SELECT n, '{DONO}', CASE WHEN n % 50 = 0 THEN 'null' ELSE '{{}}' END::jsonb, ARRAY[n, n]
        FROM generate_series(1, 300) n;

    INSERT INTO por_uuid SELECT md5('v' || n)::uuid, '{VIZINHA}', 'dela', now()
        FROM generate_series(1, 50) n;
    INSERT INTO por_inteiro SELECT -n, '{VIZINHA}', 'dela', 'verde' FROM generate_series(1, 50) n;
    INSERT INTO por_texto SELECT 'v' || n, '{VIZINHA}', 'dela' FROM generate_series(1, 50) n;
    INSERT INTO filhas SELECT -n, NULL, -n, 'dela' FROM generate_series(1, 50) n;
    -- Uma contradição: a linha é do dono, e a mãe dela, da vizinha.
    INSERT INTO filhas VALUES (5000, '{DONO}', -5, 'contradiz');
    INSERT INTO sem_chave SELECT '{VIZINHA}', n, 'dela' FROM generate_series(1, 50) n;
"""
EM_BLOCOS = (
    "por_uuid",
    "por_inteiro",
    "por_texto",
    "por_dois",
    "por_dois_textos",
    "por_partes",
    "filhas",
)
"""As que se leem em parte; das outras, ou se lê tudo ou nada."""
MEXIDAS = (
    *EM_BLOCOS,
    "sem_chave",
    "netas_de_texto",
    "com_json",
)


@pytest.fixture(scope="module")
def projeto(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    return criar_supabase_do_modulo(VAZIO, sql=(CHAVES,))


@pytest.fixture
def fotos(
    projeto: SupabaseLocal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    perfil_proprio: None,
) -> Aproveitado:
    blocos_pequenos(monkeypatch)
    return Aproveitado(projeto, tmp_path, (DONO, VIZINHA))


def _mexer(tabela: str, onde: str) -> str:
    novo = "v = ARRAY[7]" if tabela == "com_json" else "nome = nome || '!'"
    return f"UPDATE {tabela} SET {novo} WHERE ctid IN (SELECT ctid FROM {tabela} {onde})"


def _lidas(fotos: Aproveitado, backup: Backup, como: str) -> set[str]:
    return {n for n, lida in fotos.leituras(backup).items() if lida == como}


def test_o_que_nao_mudou_e_o_mesmo_arquivo_e_o_que_mudou_le_se_em_parte(
    fotos: Aproveitado,
) -> None:
    primeira = fotos.foto()
    assert set(fotos.leituras(primeira).values()) == {INTEIRA}
    fotos.conferir(primeira)
    igual = fotos.foto()
    assert set(fotos.leituras(igual).values()) == {IGUAL}, fotos.dito
    fotos.conferir(igual)
    assert primeira.meta is not None
    assert igual.meta is not None
    for nome, salva in igual.meta.tabelas.items():
        assert igual.caminho(salva).samefile(primeira.caminho(primeira.meta.tabelas[nome]))
    fotos.sql(*(_mexer(t, f"WHERE user_id = '{DONO}' LIMIT 3") for t in MEXIDAS))
    antes = conteudo(igual)
    parte = fotos.foto()
    assert _lidas(fotos, parte, EM_PARTE) == {*EM_BLOCOS}, fotos.dito
    assert _lidas(fotos, parte, INTEIRA) == {*MEXIDAS} - {*EM_BLOCOS}
    fotos.conferir(parte)
    assert conteudo(igual) == antes  # o backup de antes continua como era
    assert set(fotos.leituras(fotos.foto()).values()) == {IGUAL}, fotos.dito


@pytest.mark.parametrize("compactar", [False, True] if CAMPANHA else [True])
def test_o_que_nasce_sai_e_muda_de_lugar(
    fotos: Aproveitado, compactar: bool, criar_supabase: FabricaDeSupabase
) -> None:
    projeto = criar_supabase(VAZIO, sql=(CHAVES,))
    fotos = Aproveitado(projeto, fotos.pasta, (DONO,), compactar=compactar)
    fotos.foto()
    # Cada tabela lê-se por si: mudam todas de uma vez.
    primeiras = (
        # No meio, no começo, no fim; e quem sai de um bloco, ou de um bloco inteiro.
        f"INSERT INTO por_uuid SELECT md5('n' || n)::uuid, '{DONO}', 'novo', now()"
        " FROM generate_series(1, 9) n",
        f"INSERT INTO por_inteiro SELECT n, '{DONO}', 'novo', 'verde'"
        " FROM generate_series(1001, 1400) n",
        "DELETE FROM por_dois WHERE n BETWEEN 20 AND 220",
        f"INSERT INTO por_texto VALUES ('', '{DONO}', ''), ('zzz', '{DONO}', ''),"
        f" ('ç1', '{DONO}', E'com\\ttab, \"aspas\" e \\\\')",
        "DELETE FROM por_dois_textos WHERE a = 'a3'",
        "UPDATE por_partes SET n = n + 1000 WHERE n IN (3, 140)",
        "DELETE FROM netas_de_texto WHERE mae = 7; DELETE FROM filhas WHERE id = 7;"
        " UPDATE filhas SET user_id = NULL WHERE id = 8",
        f"INSERT INTO vazia VALUES (1, '{DONO}')",
    )
    depois = (
        f"INSERT INTO por_inteiro VALUES (-1000, '{DONO}', 'o primeiro', 'azul')",
        f"UPDATE por_uuid SET user_id = '{VIZINHA}' WHERE nome LIKE '%44'",
    )
    for mudancas in (primeiras, depois):
        fotos.sql(*mudancas)
        fotos.conferir(fotos.foto())
        assert set(fotos.leituras(fotos.foto()).values()) == {IGUAL}, fotos.dito
    fotos.sql("DELETE FROM vazia", "DELETE FROM por_dois", "DELETE FROM com_json")
    fotos.conferir(fotos.foto())


def test_o_que_mexe_nas_linhas_sem_as_mudar(fotos: Aproveitado) -> None:
    """O que um xmin diria mudado, e o que mudou e ele diz; sem chave, a ordem é a do disco."""
    fotos.foto()
    for mudancas in (
        (
            "VACUUM (FREEZE) por_uuid",
            "VACUUM FULL por_inteiro",
            "CLUSTER por_texto USING por_texto_pkey",
            "UPDATE por_dois SET nome = nome; UPDATE por_dois SET nome = nome",
            "ALTER TABLE por_dois_textos SET UNLOGGED",
        ),
        (
            "CREATE TABLE c AS SELECT * FROM por_texto; TRUNCATE por_texto;"
            " INSERT INTO por_texto SELECT * FROM c ORDER BY random(); DROP TABLE c",
            *("BEGIN", "UPDATE por_uuid SET nome = 'x'", "ROLLBACK"),
            "SELECT * FROM por_inteiro FOR UPDATE",
        ),
    ):
        fotos.sql(*mudancas)
        foto = fotos.foto()
        assert set(fotos.leituras(foto).values()) == {IGUAL}, fotos.dito
        fotos.conferir(foto)
    fotos.sql(
        "DELETE FROM sem_chave WHERE n < 100",
        "VACUUM FULL sem_chave",
        f"INSERT INTO sem_chave SELECT '{DONO}', n, 'volta' FROM generate_series(1, 9) n",
    )
    fotos.conferir(foto := fotos.foto())
    assert _lidas(fotos, foto, INTEIRA) == {"sem_chave"}
    # Só a ordem muda: as linhas são as mesmas, noutro lugar.
    fotos.sql("UPDATE sem_chave SET nome = nome WHERE n < 5")
    fotos.conferir(foto := fotos.foto())
    assert _lidas(fotos, foto, INTEIRA) == {"sem_chave"}


def test_varias_empresas_lidas_juntas(fotos: Aproveitado) -> None:
    for backup in fotos.juntas().values():
        assert set(fotos.leituras(backup).values()) == {INTEIRA}
    for backup in fotos.juntas().values():
        assert set(fotos.leituras(backup).values()) == {IGUAL}, fotos.dito
        fotos.conferir(backup)
    fotos.sql(*(_mexer(t, f"WHERE user_id = '{DONO}' LIMIT 3") for t in MEXIDAS))
    depois = fotos.juntas()
    assert _lidas(fotos, depois[DONO], INTEIRA) == {*MEXIDAS}
    assert set(fotos.leituras(depois[VIZINHA]).values()) == {IGUAL}
    for backup in depois.values():
        fotos.conferir(backup)
    # Sozinha depois de junta, e o contrário: os blocos são outros, as linhas não.
    sozinha = fotos.foto()
    assert set(fotos.leituras(sozinha).values()) == {IGUAL}, fotos.dito
    fotos.sql("UPDATE por_inteiro SET nome = 'x' WHERE id = 9")
    assert _lidas(fotos, fotos.foto(), INTEIRA) == {"por_inteiro"}
    assert set(fotos.leituras(fotos.juntas()[DONO]).values()) == {IGUAL}, fotos.dito


def test_a_linha_que_muda_de_empresa_passa_de_uma_para_a_outra(fotos: Aproveitado) -> None:
    fotos.juntas()
    fotos.sql(f"UPDATE por_texto SET user_id = '{VIZINHA}' WHERE codigo LIKE '%77%'")
    for backup in fotos.juntas().values():
        assert _lidas(fotos, backup, INTEIRA) == {"por_texto"}
        fotos.conferir(backup)


# -- o que não serve -------------------------------------------------------------------------


def _resumo(backup: Backup) -> Path:
    return backup.pasta / f".resumo.{backup.carimbo}"


def test_sem_um_resumo_que_sirva_le_se_tudo_e_o_log_diz_porque(
    fotos: Aproveitado, monkeypatch: pytest.MonkeyPatch
) -> None:
    ultima = fotos.foto()

    def estragar(como: Callable[[Path], object], porque: str) -> None:
        nonlocal ultima
        como(_resumo(ultima))
        ultima = fotos.foto()
        assert set(fotos.leituras(ultima).values()) == {INTEIRA}
        assert any(porque in dito for dito in fotos.dito), fotos.dito

    def trocar(de: bytes, por: bytes) -> Callable[[Path], object]:
        def escrever(caminho: Path) -> None:
            antes = caminho.read_bytes()
            assert de in antes
            caminho.write_bytes(antes.replace(de, por, 1))

        return escrever

    def outro_pc(_caminho: Path) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(fotos.pasta / "outro perfil"))
        segredo.cache_clear()

    estragar(lambda caminho: caminho.unlink(), "não há resumos ao lado de um backup")
    estragar(lambda caminho: caminho.write_bytes(b"{"), "os resumos não se leem")
    estragar(trocar(b'"versao":1', b'"versao":9'), "os resumos não se leem")
    estragar(trocar(b'"ficha":"', b'"ficha":"0'), "o backup dos resumos mudou")
    estragar(outro_pc, "os resumos são de outro PC")
    fotos.conferir(ultima)


def test_so_um_backup_inteiro_deste_projeto_serve(
    fotos: Aproveitado, tmp_path: Path, criar_supabase: FabricaDeSupabase
) -> None:
    primeira = fotos.foto()
    outro = Aproveitado(criar_supabase(VAZIO, sql=(CHAVES,)), tmp_path, (DONO,))
    outro.deposito = fotos.deposito
    assert set(outro.leituras(outro.foto()).values()) == {INTEIRA}
    assert any("de outro projeto" in dito for dito in outro.dito), outro.dito
    assert not _resumo(primeira).exists()  # só fica o do último
    so_uma = fotos.foto(tabelas=("por_uuid",))
    assert not _resumo(so_uma).exists()


def test_um_arquivo_de_antes_que_se_estragou_nao_se_aproveita(fotos: Aproveitado) -> None:
    primeira = fotos.foto()
    assert primeira.meta is not None
    for nome, mudar in (("por_uuid", ""), ("por_inteiro", _mexer("por_inteiro", "LIMIT 1"))):
        caminho = primeira.caminho(primeira.meta.tabelas[nome])
        bom = caminho.read_bytes()
        caminho.write_bytes(bom.replace(b'"nome":"', b'"nome":"%', 1)[: len(bom)])
        if mudar:
            fotos.sql(mudar)
    segunda = fotos.foto()
    assert _lidas(fotos, segunda, INTEIRA) >= {"por_uuid", "por_inteiro"}
    fotos.conferir(segunda)


# -- a leitura inteira, de quando em quando --------------------------------------------------


def test_de_quando_em_quando_cada_tabela_le_se_inteira(
    fotos: Aproveitado, monkeypatch: pytest.MonkeyPatch
) -> None:
    fotos.foto()
    inicio = datetime.now().astimezone()
    em: dict[str, int] = {}
    for dia in range(1, 15):
        monkeypatch.setattr(fotografo, "datetime", _Relogio(inicio + timedelta(days=dia)))
        for nome in _lidas(fotos, fotos.foto(), INTEIRA):
            em.setdefault(nome, dia)
    assert set(em) == {*MEXIDAS, "empresas", "vazia"}
    assert all(7 <= dia <= 14 for dia in em.values()), em
    assert len(set(em.values())) > 2  # espalhadas


def test_ler_tudo_confere_e_o_que_diverge_diz_se(fotos: Aproveitado) -> None:
    primeira = fotos.foto()
    inteira = fotos.foto(ler_tudo=True)
    assert set(fotos.leituras(inteira).values()) == {INTEIRA}
    assert fotos.divergiram == {}
    # Um resumo que mente: diz de um bloco o que outro conteúdo daria.
    _mentir(fotos, inteira, "por_inteiro")
    assert fotos.leituras(fotos.foto())["por_inteiro"] == IGUAL
    assert primeira.meta is not None
    certa = fotos.foto(ler_tudo=True)
    assert set(fotos.divergiram) == {"por_inteiro"}
    fotos.conferir(certa)
    assert certa.meta is not None
    assert "divergiu_desde" in certa.meta.tabelas["por_inteiro"].leitura
    # Da que divergiu não fica resumo: a seguinte lê-a toda outra vez, e já bate.
    assert _lidas(fotos, fotos.foto(), INTEIRA) == {"por_inteiro"}
    assert fotos.divergiram == {}


def test_o_que_diverge_acaba_com_o_codigo_de_uma_falha() -> None:
    """E com ele vêm o ping, a mensagem e a página: são os de uma falha."""
    desde = datetime(2026, 11, 20, 10, 30).astimezone()
    resultado = Resultado(Empresa(DONO, "Padaria"), "p", "c", divergiram={"por_inteiro": desde})
    resumo = Resumo()
    resumo.somar(resultado)
    assert resultado.inteira  # o backup tem tudo
    assert resumo.codigo == FalhaDoServidor.codigo
    (falha,) = resumo.documento([])["falhas"]
    assert falha.startswith("Padaria: por_inteiro: o que o banco tem não é o que os resumos diziam")
    assert "2026-11-20 10:30" in falha
    assert resultado.documento()["divergiram"] == [falha.removeprefix("Padaria: ")]


def _mentir(fotos: Aproveitado, backup: Backup, tabela: str) -> None:
    """Muda uma linha no banco e faz o resumo guardado dizer que é a que está no backup: o que um
    esquema menos certo faria."""
    fotos.sql(f"UPDATE {tabela} SET nome = 'outro' WHERE id = 5")
    de_agora = fotos.foto_a_parte()
    mentira, verdade = (msgspec.json.decode(_resumo(b).read_bytes()) for b in (backup, de_agora))
    pares = zip(
        mentira["tabelas"][tabela]["resumo"]["blocos"],
        verdade["tabelas"][tabela]["resumo"]["blocos"],
        strict=True,
    )
    for bloco, de_hoje in pares:
        bloco[3] = de_hoje[3]
    _resumo(backup).write_bytes(msgspec.json.encode(mentira))


class _Relogio:
    def __init__(self, agora: datetime) -> None:
        self._agora = agora

    def now(self) -> datetime:
        return self._agora


# -- os cifrados -----------------------------------------------------------------------------


def test_cifrado_sem_a_chave_o_que_nao_mudou_liga_se_e_o_que_mudou_le_se_todo(
    fotos: Aproveitado,
) -> None:
    chave = gerar()
    claro = fotos
    fotos = Aproveitado(claro.projeto, claro.pasta, (DONO,), cifra=Cifra((chave.publica,)))
    primeira = fotos.foto()
    igual = fotos.foto()
    com_textos = {"com_json"}
    for backup in (igual, fotos.foto(ler_tudo=True)):
        assert fotos.divergiram == {}
        assert primeira.meta is not None
        assert backup.meta is not None
        for nome, salva in backup.meta.tabelas.items():
            antes = primeira.caminho(primeira.meta.tabelas[nome])
            assert backup.caminho(salva).samefile(antes)
    fotos.sql(*(_mexer(t, f"WHERE user_id = '{DONO}' LIMIT 3") for t in MEXIDAS))
    depois = fotos.foto()
    chaveiro.guardar(chave)
    try:
        for backup in (igual, depois):
            aberto = completo(backup)
            leituras = fotos.leituras(aberto)
            mudadas = {*MEXIDAS} if backup is depois else com_textos
            assert {n for n, como in leituras.items() if como == INTEIRA} == mudadas
        claro.conferir(completo(depois))
        sem_nada = _resumo(depois).read_bytes()
    finally:
        chaveiro.esquecer()
    assert DONO.encode() not in sem_nada
    assert b"sha256_cifrado" not in sem_nada
    assert completo_claro(claro) not in sem_nada


def test_cifradas_e_lidas_juntas_o_que_nao_mudou_liga_se(fotos: Aproveitado) -> None:
    """Sem a chave, do que se liga vêm só as colunas por que se acham as contradições."""
    chave, claro = gerar(), fotos
    fotos = Aproveitado(claro.projeto, claro.pasta, (DONO, VIZINHA), cifra=Cifra((chave.publica,)))
    fotos.juntas()
    fotos.sql(*(_mexer(t, f"WHERE user_id = '{DONO}' LIMIT 3") for t in ("por_texto", "filhas")))
    for mudadas in ({"por_texto", "filhas"}, set()):
        backups = fotos.juntas()
        chaveiro.guardar(chave)
        try:
            for dono, backup in backups.items():
                aberto = completo(backup)
                # De `empresas` lê-se sempre, e as linhas com textos à parte não se aproveitam.
                lidas = {"empresas", *({"com_json"} & _com_textos(aberto))}
                lidas |= mudadas if dono == DONO else set()
                assert _lidas(fotos, aberto, INTEIRA) == lidas, fotos.dito
                assert _lidas(fotos, aberto, IGUAL) == {*fotos.leituras(aberto)} - lidas
                claro.conferir(aberto)
                assert dono != DONO or aberto.meta is None or aberto.meta.contradicoes
        finally:
            chaveiro.esquecer()


def _com_textos(backup: Backup) -> set[str]:
    assert backup.meta is not None
    return {nome for nome, salva in backup.meta.tabelas.items() if salva.textos is not None}


def test_ao_cifrar_o_que_havia_os_resumos_em_claro_saem(fotos: Aproveitado) -> None:
    """Dizem chaves de linhas."""
    backup = fotos.foto()
    assert b"por_texto" in _resumo(backup).read_bytes()
    chave = gerar()
    cifra = Cifra((chave.publica,))
    cifrado = Deposito(fotos.deposito.raiz, cifra=cifra)
    with cifrado.trabalhando():
        ja = JaCifrados(ConteudosCifrados(backup.pasta, cifra))
        cifrar_de_novo(cifrado, backup, ja)
    assert not _resumo(backup).exists()
    assert not list(backup.pasta.glob(".resumo*"))


def completo_claro(fotos: Aproveitado) -> bytes:
    """A soma do conteúdo de uma tabela, que um cifrado não diz em claro."""
    foto = fotos.foto_a_parte()
    assert foto.meta is not None
    return foto.meta.tabelas["por_uuid"].sha256.encode()


# -- numa restauração ------------------------------------------------------------------------


def test_as_fotos_de_uma_restauracao_tambem_so_leem_o_que_mudou(montar: Montador) -> None:
    # Com o seu backup: de um tirado a outro projeto, nada se aproveita.
    bancada = montar("SELECT 1")
    bancada.sql(
        "DELETE FROM vendas_itens WHERE venda_id < 9",
        f"UPDATE clientes SET nome = 'estragado' WHERE user_id = '{DA_LOJINHA}'",
    )
    lidas = _copias(bancada)
    bancada.conferir(bancada.restaurar())
    # Nem na foto de antes, nem ao ler de novo dentro da transação, nem no fim dela.
    assert {t for t in lidas() if t in ("produtos", "empresas", "vendas", "vazia")} == set()
    assert {"clientes", "vendas_itens"} <= lidas()
    (de_antes,) = bancada.loja.backups("pre_restauracao", DA_LOJINHA)
    como = {n: t.get("leitura", {}).get("como") for n, t in de_antes["tabelas"].items()}
    assert como == {
        **dict.fromkeys(("empresas", "produtos", "vazia", "vendas"), IGUAL),
        **dict.fromkeys(("clientes", "vendas_itens")),
    }
    # O backup seguinte é contra a foto, que é agora o último inteiro: só o que voltou se lê.
    assert bancada.loja.copiar("--empresa", DA_LOJINHA).codigo == 0
    seguinte = bancada.loja.backups("manual", DA_LOJINHA)[-1]["tabelas"]
    assert {n for n, t in seguinte.items() if "leitura" not in t} == {"clientes", "vendas_itens"}
    assert bancada.loja.copiar("--empresa", DA_LOJINHA, "--ler-tudo").codigo == 0
    inteiro = bancada.loja.backups("manual", DA_LOJINHA)[-1]["tabelas"]
    assert not any("leitura" in t for t in inteiro.values())


def _copias(bancada: Bancada) -> Callable[[], set[str]]:
    """As tabelas que se leram por COPY daqui em diante, pelo que o PostgreSQL registou."""
    projeto = bancada.loja.projeto
    comando = f"ALTER DATABASE {projeto.banco} SET log_statement = 'all'"
    projeto.cluster.executar(projeto.banco, comando, ADMINISTRADOR)
    registo = projeto.cluster.pasta / "postgres.log"
    inicio = registo.stat().st_size

    def lidas() -> set[str]:
        dito = registo.read_bytes()[inicio:].decode("utf-8", "replace")
        return set(re.findall(r'COPY \(SELECT .*?FROM ONLY "public"\."(\w+)" AS "p0"', dito))

    return lidas
