"""O banco de provas funciona inteiro, conta certo, e percebe o que volta diferente."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from apoio.campanha import CAMPANHA
from desempenho.cenarios import CENARIOS, descricoes
from desempenho.cenarios.restauracao import APAGAR, ESTRAGAR, palco
from desempenho.conferencia import conferir_backup, conferir_leitura
from desempenho.corrida import Corrida, MedicaoFalhou, alternar
from desempenho.dados import DONO, VIZINHA, encher_a_grande, esquema_da_grande
from desempenho.medicao import Resultado
from desempenho.nginx import DO_PACOTE, Nginx, comando_do_nginx
from desempenho.opcoes import COMPLETO, PADRAO, RAPIDO, ler_opcoes
from desempenho.principal import rodar
from desempenho.projeto import Banca, Projeto
from desempenho.quadro import Linha, em_markdown, segundos
from desempenho.referencias import Referencias
from supabase_local.servidores.chaves import assinar
from supabase_local.servidores.postgres import ClusterPostgres

MEDIDAS = {
    "partida": [
        "backup-por-empresa.py --help",
        "restaurar-empresa.py --help",
        "o primeiro menu da restauração",
    ],
    "backup-api": [
        "backup pela API, 60 linhas, todas gravadas por uma transação",
        "backup pela API, 60 linhas, gravadas aos poucos, dez por transação",
    ],
    "backup-internet": [
        "backup pela API, 60 linhas, gravadas aos poucos, dez por transação, 30 ms a mais em cada"
        " pedido",
    ],
    "backup-direta": [
        "backup pela direta, 60 linhas, todas gravadas por uma transação",
        "backup pela direta, 60 linhas, gravadas aos poucos, dez por transação",
    ],
    "mudou": [
        f"{medida}{quanto}{lenta}"
        for de_cada in ("211 B por linha", "865 B por linha")
        for quanto in ("nada mudou", "1 % mudado ao acaso")
        for medida, lenta in (
            (f"backup pela direta, 60 linhas de {de_cada}, ", ""),
            ("o mesmo, ", ", a 20 Mbit/s"),
        )
    ],
    "cifrado": ["backup cifrado pela direta, 60 linhas, contra o compactado"],
    "verificar": [
        "verificar, 60 linhas: bytes lidos",
        "verificar, 60 linhas, e 60 que apontam para elas: bytes lidos",
    ],
    "comparar": [
        "comparar dois backups de 60 linhas, 1 % mudadas",
        "comparar dois backups de 60 linhas, 100 % mudadas",
    ],
    "restaurar-api": [
        "restauração pela API, 60 linhas, todas faltam: comando inteiro",
        "restauração pela API, 60 linhas, todas faltam: fora as fotos",
        "restauração pela API com o diálogo, 60 linhas: bytes mandados",
    ],
    "uma-linha": [
        "restauração pela API, 1 linha de 60 difere: depois da foto de antes",
        "restauração pela API, 1 linha de 60 difere: escritas",
    ],
    "restaurar-direta": [
        "restauração pela direta, 60 linhas, todas faltam: comando inteiro",
        "restauração pela direta, 60 linhas, todas faltam: fora as fotos",
    ],
    "tamanhos": [
        "memória, backup pela API: 60 contra 60 linhas",
        "memória, backup pela direta: 60 contra 60 linhas",
        "memória, restauração pela API: 60 contra 60 linhas",
        "memória, restauração pela direta: 60 contra 60 linhas",
        "custo por linha, backup pela API: 60",
        "custo por linha, backup pela direta: 60",
        "custo por linha, restauração pela API: 60",
        "custo por linha, restauração pela direta: 60",
    ],
    "pedidos": [
        "pedidos da foto, por tabela, uma empresa sozinha",
        "pedidos da foto, na tabela com mais, uma empresa sozinha",
        "pedidos a mais por tabela de cada outra empresa",
        "pedidos da descoberta",
    ],
    "muitas": [
        "3 empresas × 2 tabelas, 5 ms, 8 conexões: os nossos N pedidos",
        "3 empresas × 2 tabelas, 5 ms, 8 conexões: 12 pedidos, dois por tabela",
    ],
    "carga": [
        "carga, backup de 12 empresas contra 10: memória",
        "carga, listar 12 empresas contra 10: memória",
        "carga, backup de 12 empresas contra 10: descritores abertos",
        "carga, backup de 12 empresas contra 10: escrito na tela, por empresa",
        "carga, backup de 12 empresas contra 10: tempo",
    ],
    "frota": [
        "12 empresas × 2 tabelas, 5 ms: 4 trabalhadores contra um",
        "12 empresas × 2 tabelas, 5 ms: 8 trabalhadores contra um",
        "12 empresas × 2 tabelas, 5 ms: --frota local:1 contra nenhuma",
    ],
    "frota-memoria": ["memória de quem começa, 12 empresas, dois trabalhadores"],
    "quietas": [
        "3 empresas × 2 tabelas, 30 ms de ida e volta, nada mudou: a tarefa de quarto em quarto de"
        " hora",
    ],
    "historico": [
        f"120 backups de uma empresa: {oque}"
        for oque in (
            "listar, a primeira vez",
            "listar",
            "listar tudo, em JSON",
            "a página",
            "procurar",
            "procurar numa tabela que muda sempre",
            "o menu de quem restaura",
        )
    ],
    "promessa": [
        f"{de_que}, pela {via}: {oque}"
        for de_que in ("a loja da demonstração", "60 linhas")
        for via in ("API", "direta")
        for oque in (
            "o que se pode perder, de quinze em quinze minutos",
            "a volta de tudo",
            "ensaiar",
        )
    ],
}
"""O cenário → o que ele mede."""
DE_CADA_JEITO = ("backup-internet",)
"""A amostra da suíte: um backup, uma referência e o atraso. Os outros cenários são feitos destas
peças e das que os testes a seguir provam: as referências das duas vias, e a restauração."""


PEQUENO = (
    "--rapido --linhas 60 --linhas-demais 60 --linhas-poucas 60 --empresas 3 --tabelas 2"
    " --multidao 12 --backups 120 --atraso 5 --repeticoes 1 --frota 12 --atraso-da-frota 5"
).split()
"""Não mede nada que se aproveite, mas passa por tudo."""


def medidas_em(quadro: str) -> list[str]:
    """A primeira coluna, sem os números das notas e sem quantos pedidos fizemos."""
    celulas = re.findall(r"^\| (.*?) +\|", quadro, re.MULTILINE)[1:]
    sem_nota = [re.sub(r" \(\d+\)$", "", celula) for celula in celulas]
    return [re.sub("nossos [0-9]+", "nossos N", celula) for celula in sem_nota]


def boa(_: Banca) -> Iterator[Linha]:
    """uma que dá certo. E mais."""
    yield Linha("a que deu certo", "1", razao=99.0, meta="≤ 1", cumprida=False)


def quebrada(banca: Banca) -> Iterator[Linha]:
    yield Linha("antes de quebrar", "2")
    with banca.projeto("SELECT 1 / 0"):
        yield Linha("nunca", "3")


def interrompida(_: Banca) -> Iterator[Linha]:
    yield Linha("antes do Ctrl+C", "4")
    raise KeyboardInterrupt


@pytest.mark.demorado
def test_tudo_se_mede_e_volta_igual_e_o_que_falha_nao_impede_o_resto(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Cada cenário confere, ele mesmo, o que o backup tem e o que a restauração trouxe (nas
    campanhas, todos). Um que falha é dito no fim, e o Ctrl+C guarda o que já há."""
    assert list(MEDIDAS) == list(CENARIOS)
    assert descricoes({"boa": boa}) == {"boa": "uma que dá certo"}
    escolhidos = list(CENARIOS) if CAMPANHA else [n for n in CENARIOS if n in DE_CADA_JEITO]
    nossos = {"quebrada": quebrada, "boa": boa, "interrompida": interrompida, "outra": quebrada}
    pedidos = ["quebrada", *escolhidos, "boa", "interrompida", "outra"]
    codigo = rodar([*PEQUENO, "--so", ",".join(pedidos)], {**CENARIOS, **nossos})
    dito = capsys.readouterr()
    assert codigo == 1, dito.err
    assert re.findall("^❌ (.*)", dito.err, re.MULTILINE) == [
        "quebrada: division by zero",
        "interrompida: interrompido",
    ]
    maquina, _, quadro = dito.out.partition("\n\n")
    for versao in ("PostgreSQL 1", "PostgREST 1", "nginx 1.", "psql 1", "processadores"):
        assert versao in maquina
    medidas = [medida for nome in escolhidos for medida in MEDIDAS[nome]]
    assert medidas_em(quadro) == [
        "antes de quebrar",
        *medidas,
        "a que deu certo",
        "antes do Ctrl+C",
    ]
    assert re.findall("^▶️ (.*)", dito.err, re.MULTILINE) == pedidos[:-1]


def test_sem_falhas_o_codigo_e_zero(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    feito = Resultado("máquina", [Linha("uma", "1")])
    monkeypatch.setattr("desempenho.principal.medir", lambda *_: feito)
    assert rodar([], {"boa": boa}) == 0
    assert medidas_em(capsys.readouterr().out) == ["uma"]


@pytest.fixture
def banca(cluster: ClusterPostgres, tmp_path: Path) -> Banca:
    return Banca(cluster, tmp_path, ler_opcoes(PEQUENO, {}), lambda _: None)


@pytest.fixture(scope="module")
def projeto(
    cluster: ClusterPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Projeto]:
    """Uma empresa de vinte linhas e a vizinha com duas, que os testes mudam por esta ordem."""
    pasta = tmp_path_factory.mktemp("projeto")
    banca = Banca(cluster, pasta, ler_opcoes(PEQUENO, {}), lambda _: None)
    dados = encher_a_grande(20, aos_poucos=True)
    with banca.projeto(esquema_da_grande(), dados) as projeto:
        yield projeto


# -- o gateway -------------------------------------------------------------------------------


def pedir(
    projeto: Projeto, caminho: str, chave: str, corpo: bytes | None = None, autor: str = ""
) -> tuple[int, bytes]:
    """O status e o corpo da resposta."""
    cabecalhos = {"Content-Type": "application/json"}
    cabecalhos |= {"apikey": chave} if chave else {}
    cabecalhos |= {"Authorization": f"Bearer {autor}"} if autor else {}
    pedido = urllib.request.Request(projeto.gateway.url + caminho, corpo, cabecalhos)
    try:
        with urllib.request.urlopen(pedido, timeout=10) as resposta:
            return resposta.status, resposta.read()
    except urllib.error.HTTPError as recusa:
        return recusa.code, recusa.read()


def test_o_gateway_confere_as_chaves_e_registra_cada_pedido(projeto: Projeto) -> None:
    chaves = projeto.chaves
    nova = json.dumps({"id": VIZINHA, "user_id": VIZINHA, "nome": "Nova"}).encode()
    vizinhas = f"/rest/v1/produtos?select=codigo&user_id=eq.{VIZINHA}&order=codigo"
    esperadas = (200, b'[{"codigo":20000000000030}, \n {"codigo":40000000000060}]')
    pessoa = assinar(chaves.segredo, "authenticated")
    with projeto.gateway.contando() as pedidos:
        assert pedir(projeto, vizinhas, chaves.service_role) == esperadas
        assert pedir(projeto, vizinhas, chaves.secreta, autor=chaves.secreta) == esperadas
        for sem_permissao in (chaves.anon, chaves.publicavel):
            assert pedir(projeto, vizinhas, sem_permissao)[0] == 401
        assert pedir(projeto, vizinhas, chaves.service_role, autor=pessoa)[0] == 403
        for desconhecida in ("", "outra"):
            assert pedir(projeto, vizinhas, desconhecida) == (401, b'{"message":"Invalid API key"}')
        assert pedir(projeto, "/rest/v1/empresas", chaves.service_role, nova) == (201, b"")
        assert pedir(projeto, "/rest/v1/", chaves.service_role)[0] == 200
        assert pedir(projeto, "/auth/v1/", chaves.service_role)[0] == 404
    ler = ("GET", "produtos", vizinhas.partition("?")[2])
    vistos = [(p.metodo, p.tabela, p.consulta, p.status) for p in pedidos]
    assert vistos == [
        *((*ler, status) for status in (200, 200, 401, 401, 403, 401, 401)),
        ("POST", "empresas", "", 201),
        ("GET", "", "", 200),
        ("GET", "/auth/v1/", "", 404),
    ]
    assert [p.gravou for p in pedidos].index(True) == 7
    assert sum(p.gravou for p in pedidos) == 1
    assert all(p.inicio <= p.fim and p.recebidos > len(ler[2]) - 60 for p in pedidos)
    with projeto.gateway.contando() as nenhum:
        pass
    assert nenhum == []


@pytest.mark.parametrize("comando", [comando_do_nginx(), DO_PACOTE])
def test_o_atraso_vale_para_cada_pedido_e_o_nginx_do_pacote_serve(
    projeto: Projeto, tmp_path: Path, comando: tuple[str, ...]
) -> None:
    """O que um backup copia através dele, confere-o o cenário `backup-internet`."""
    destino = projeto.gateway.destino
    chave = projeto.chaves.service_role
    with Nginx(destino, projeto.chaves, tmp_path / "outro", atraso=1, comando=comando) as outro:
        assert outro.atraso is not None
        com_atraso = replace(projeto, gateway=outro)
        with outro.contando() as pedidos:
            for _ in range(3):
                assert pedir(com_atraso, "/rest/v1/", chave)[0] == 200
        assert outro.atraso.esperas == len(pedidos) == 3
        corpo = b"[" + b" " * 5_000_000 + b"]"  # maior do que o nginx guarda na memória
        assert pedir(com_atraso, "/rest/v1/empresas", chave, corpo) == (201, b"")


# -- o que se confere ------------------------------------------------------------------------


def test_o_que_volta_diferente_e_visto(projeto: Projeto) -> None:
    destino = projeto.novo_destino()
    projeto.copiar(destino)
    conferir_backup(projeto, destino, "produtos", "empresas")
    projeto.sql(f"UPDATE produtos SET nome = nome || '.' WHERE user_id = '{VIZINHA}'")
    with pytest.raises(MedicaoFalhou, match="não é igual"):
        conferir_backup(projeto, destino, "produtos")
    conferir_backup(projeto, destino, "empresas")


def test_as_referencias_leem_e_gravam_tudo_e_a_restauracao_e_conferida(banca: Banca) -> None:
    with palco(banca, 2_500) as cena:
        referencias = Referencias(cena.projeto)
        lido = cena.projeto.pasta / "lido"
        for ler in (referencias.ler_pela_api, referencias.ler_pelo_psql):
            ler("produtos", DONO, lido)
            conferir_leitura(cena.projeto, lido, "produtos", DONO)
        with pytest.raises(MedicaoFalhou, match="não leu"):
            conferir_leitura(cena.projeto, lido, "produtos", VIZINHA)

        cena.projeto.sql(APAGAR)
        with pytest.raises(MedicaoFalhou, match="não é o que era antes"):
            cena.conferir()
        with cena.projeto.gateway.contando() as pedidos:
            referencias.gravar_pela_api("produtos", cena.arquivo, 1_000)
        assert [(p.metodo, p.status) for p in pedidos] == [("POST", 201)] * 3
        cena.conferir()

        copia = cena.projeto.pasta / "copy"
        referencias.tirar_para_copy("produtos", DONO, copia)
        cena.projeto.sql(APAGAR)
        referencias.gravar_pelo_psql("produtos", copia)
        cena.conferir()

        cena.restaurar(ESTRAGAR, direta=True)
        # Nem a restauração mexe na vizinha, nem o que houver nela passa despercebido.
        da_vizinha = f"DELETE FROM produtos WHERE user_id = '{VIZINHA}'"
        with pytest.raises(MedicaoFalhou, match="não é o que era antes"):
            cena.restaurar(da_vizinha, direta=True)


def test_um_script_que_falha_e_uma_falha(projeto: Projeto) -> None:
    with pytest.raises(MedicaoFalhou, match="saiu com 3") as falha:
        projeto.copiar(projeto.novo_destino(), "--empresa", "ninguem")
    assert projeto.chaves.service_role not in str(falha.value)


def test_os_dados_tem_as_linhas_ditas_dos_dois_modos(projeto: Projeto) -> None:
    for linhas in (1, 9, 10, 18, 60):
        conteudos = []
        for aos_poucos in (False, True):
            projeto.sql("TRUNCATE produtos", encher_a_grande(linhas, aos_poucos=aos_poucos))
            with projeto.cluster.conectar(projeto.banco) as banco:
                da_empresa = f"FROM produtos WHERE user_id = '{DONO}'"
                conteudos.append(banco.execute("SELECT * FROM produtos ORDER BY id").fetchall())
                contadas = banco.execute(
                    f"SELECT count(*), count(DISTINCT xmin::text) {da_empresa}".encode()
                )
                assert contadas.fetchone() == (linhas, -(-linhas // 9) if aos_poucos else 1)
        assert conteudos[0] == conteudos[1]


# -- contas e quadro ---------------------------------------------------------------------------


def corrida(segundos: float) -> Corrida:
    return Corrida(0, segundos, 0.0, 0.0, b"", b"")


def test_os_pares_se_alternam_e_a_razao_e_a_mediana_delas() -> None:
    ordem: list[str] = []

    def uma(de_quem: str, tempos: Sequence[float]) -> Callable[[], Corrida]:
        restam = iter(tempos)

        def correr() -> Corrida:
            ordem.append(de_quem)
            return corrida(next(restam))

        return correr

    pares = alternar(uma("nossa", [2, 9, 6]), uma("referência", [1, 3, 4]), 3)
    assert ordem == ["nossa", "referência", "referência", "nossa", "nossa", "referência"]
    assert (pares.nosso, pares.referencia, pares.razao) == (6, 3, 2)


def test_as_opcoes_mudam_so_o_que_dizem() -> None:
    assert ler_opcoes([], {}) == PADRAO
    assert ler_opcoes(["--rapido"], {}) == RAPIDO
    pedidas = ler_opcoes(["--completo", "--linhas", "7", "--so", "b,a"], {"a": "", "b": ""})
    assert pedidas == replace(COMPLETO, linhas=7, so=("b", "a"))


@pytest.mark.parametrize(
    "errados", [["--so", "nada"], ["--linhas", "0"], ["--rapido", "--completo"]]
)
def test_opcoes_erradas_sao_recusadas(
    errados: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as saida:
        ler_opcoes(errados, {"partida": "o começo"})
    assert saida.value.code == 2
    assert "uso:" in capsys.readouterr().err.replace("usage:", "uso:")


def test_o_quadro_sai_alinhado_e_com_as_notas() -> None:
    linhas = [
        Linha("começo", segundos(0.0812), segundos(1.5), 0.054, "≤ 150 ms", True, "Uma nota."),
        Linha("mil", segundos(1234.5), cumprida=False, nota="Outra."),
        Linha("três", "3", nota="Uma nota."),
    ]
    assert em_markdown(linhas) == (
        "| medida     | nosso      | referência | razão | meta     |    |\n"
        "|------------|------------|------------|-------|----------|----|\n"
        "| começo (1) | 81 ms      | 1,50 s     | 0,05  | ≤ 150 ms | ✅ |\n"
        "| mil (2)    | 1.234,50 s | —          | —     | —        | ⚠️ |\n"
        "| três (1)   | 3          | —          | —     | —        |    |\n"
        "\n"
        "1. Uma nota.\n"
        "2. Outra."
    )
