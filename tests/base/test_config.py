"""A configuração: achada do lugar do script, conferida antes de pedir, sem vazar a chave."""

from __future__ import annotations

import base64
import json
import os
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apoio.campanha import amostra
from apoio.execucao import Saida, copiar_scripts, executar
from apoio.servidores import VAZIO, FabricaDeSupabase
from cofre.base.config import ambiente, regras, valores
from cofre.base.config.arquivos import ler_arquivos
from cofre.base.config.chave import conferir_chave, conferir_url
from cofre.base.config.valores import (
    Arquivos,
    Cifragem,
    Politica,
    RegraDeBalde,
    RegraDeTabela,
    Regras,
    RegrasDeAnonimizar,
)
from cofre.base.erros import ConfiguracaoInvalida
from cofre.deposito.cifra.cifra import de_configuracao
from supabase_local.servidores.servidor import SupabaseLocal

DONO = "11111111-0000-4000-8000-000000000001"
ESQUEMA = f"""
    CREATE TABLE empresas (id uuid PRIMARY KEY, user_id uuid, nome text);
    CREATE TABLE anotacoes (id bigint PRIMARY KEY, usuario_id uuid, texto text);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
    INSERT INTO empresas VALUES ('eeee1111-0000-4000-8000-000000000001', '{DONO}', 'Padaria');
    INSERT INTO anotacoes VALUES (1, '{DONO}', 'um'), (2, '{DONO}', 'dois');
"""
PUBLICOS = ("sb_secret_", "sb_publishable_")
URL, SECRETA = "https://abcdefgh.supabase.co", "sb_secret_Zk3vQw9xLmTt81Ab_Cd"


@pytest.fixture(scope="module")
def servidor(criar_supabase_do_modulo: FabricaDeSupabase) -> SupabaseLocal:
    """Um projeto mínimo, que os testes deste módulo só leem."""
    return criar_supabase_do_modulo(VAZIO, sql=(ESQUEMA,))


@dataclass(frozen=True)
class Copia:
    """Uma cópia dos scripts noutra pasta, com o seu próprio .env: nada do projeto real entra."""

    raiz: Path
    longe: Path

    def env(self, texto: str | bytes, modo: int = 0o600) -> None:
        arquivo = self.raiz / ".env"
        arquivo.write_bytes(texto if isinstance(texto, bytes) else texto.encode())
        arquivo.chmod(modo)

    def toml(self, texto: str | bytes) -> None:
        conteudo = texto if isinstance(texto, bytes) else texto.encode()
        (self.raiz / "cofre.toml").write_bytes(conteudo)

    def rodar(
        self, *argumentos: str, mais: Mapping[str, str] | None = None, novo: bool = False
    ) -> Saida:
        """O script da cópia, começado de outra pasta; BACKUP_DIR vazia conta como ausente."""
        return executar(
            None,
            self.raiz,
            *argumentos,
            mais={"BACKUP_DIR": "", **(mais or {})},
            script=self.raiz / "scripts" / "backup-por-empresa.py",
            pasta=self.longe,
            novo=novo,
        )

    def textos_salvos(self) -> list[str]:
        """O conteúdo de tudo o que o script deixou em backups/."""
        pasta = self.raiz / "backups"
        return [p.read_text("utf-8") for p in sorted(pasta.rglob("*")) if p.is_file()]


@pytest.fixture
def copia(tmp_path: Path) -> Copia:
    raiz, longe = tmp_path / "projeto", tmp_path / "longe"
    longe.mkdir()
    copiar_scripts(raiz)
    return Copia(raiz, longe)


def jwt(conteudo: object, assinatura: str = "QXNzaW5hdHVyYVNlY3JldGE") -> str:
    """Um JWT que nenhum servidor aceitaria, mas bem formado."""
    partes = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps(conteudo)]
    codificadas = [base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in partes]
    return ".".join([*codificadas, assinatura])


def sem_pedacos(chave: str, *textos: str) -> None:
    """Nenhum trecho de 8 caracteres da chave aparece nos textos (o prefixo é público)."""
    segredo = chave
    for prefixo in PUBLICOS:
        segredo = segredo.removeprefix(prefixo)
    trechos = {segredo[i : i + 8] for i in range(max(len(segredo) - 7, 1))}
    vazados = [t for t in trechos for texto in textos if t in texto]
    assert vazados == []


def env_de(servidor: SupabaseLocal, chave: str | None = None) -> str:
    chave = servidor.chave_service_role if chave is None else chave
    return f"SUPABASE_URL={servidor.url}\nSUPABASE_SERVICE_ROLE_KEY={chave}\n"


def feito(saida: Saida, copia: Copia) -> None:
    """O backup da Padaria foi feito em backups/, ao lado dos scripts."""
    assert saida.codigo == 0, saida.tudo
    [arquivo] = (copia.raiz / "backups").glob("empresa_11111111/empresas_*.json")
    assert json.loads(arquivo.read_text("utf-8")) == [
        {"id": "eeee1111-0000-4000-8000-000000000001", "user_id": DONO, "nome": "Padaria"}
    ]
    assert list(copia.longe.iterdir()) == []


# -- chaves ----------------------------------------------------------------------------------

VENCIDA = jwt({"role": "service_role", "exp": 1_600_000_000})
CHAVES_RECUSADAS = {
    "anon": (jwt({"role": "anon", "exp": 4_000_000_000}), "tem o papel «anon»"),
    "authenticated": (jwt({"role": "authenticated"}), "tem o papel «authenticated»"),
    "outro papel": (jwt({"role": "chefe_da_padaria_qualquer"}), "papel"),
    "sem papel": (jwt({"iss": "supabase", "ref": "abcdefghij"}), "papel"),
    "publicável": ("sb_publishable_Zk3vQw9xLmTt81Ab_Cd", "é uma chave pública (publishable)"),
    "vencida": (VENCIDA, "venceu em 2020-09-13"),
    "JWT sem assinatura": (VENCIDA.rpartition(".")[0], "malformada"),
    "JWT de carga cortada": ("eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2Vydml.QXNzaW5h", "malformada"),
    "JWT que não é objeto": (jwt(["service_role"]), "malformada"),
    "espaço no meio": ("eyJhbGciOiJIUzI1 NiJ9.eyJyb2xlIjoiMSJ9.QXNzaW5hdHVy", "malformada"),
    "acento no meio": ("sb_secret_çZk3vQw9xLmTt81Ab", "malformada"),
    "secreta cortada": ("sb_secret_Zk3v", "malformada ou incompleta"),
    "exemplo por preencher": ("<COLE_AQUI_A_SUA_CHAVE>", "malformada"),
}


@pytest.mark.parametrize("qual", amostra(list(CHAVES_RECUSADAS), 2))
def test_uma_chave_que_nao_serve_e_recusada_antes_de_qualquer_pedido(
    servidor: SupabaseLocal, copia: Copia, qual: str
) -> None:
    chave, achado = CHAVES_RECUSADAS[qual]
    copia.env(env_de(servidor, f"'{chave}'"))
    servidor.gateway.esquecer_pedidos()
    saida = copia.rodar()
    assert (saida.codigo, saida.saida) == (2, "")
    assert saida.erros.startswith("❌ SUPABASE_SERVICE_ROLE_KEY ")
    assert achado in saida.erros.splitlines()[0]
    assert "Project Settings → API Keys" in saida.erros
    assert servidor.gateway.pedidos == []
    sem_pedacos(chave, saida.erros)
    assert sorted(p.name for p in copia.raiz.iterdir()) == [".env", "backups", "scripts"]
    textos = "".join(copia.textos_salvos())
    assert achado in textos  # no log e no registro da última execução
    sem_pedacos(chave, textos)


@pytest.mark.parametrize("qual", CHAVES_RECUSADAS)
def test_o_erro_de_uma_chave_nao_a_mostra_nem_no_rastro(qual: str) -> None:
    chave, achado = CHAVES_RECUSADAS[qual]
    with pytest.raises(ConfiguracaoInvalida) as erro:
        conferir_chave("SUPABASE_SERVICE_ROLE_KEY", chave)
    assert str(erro.value).startswith("SUPABASE_SERVICE_ROLE_KEY ")
    assert achado in str(erro.value)
    assert "Project Settings → API Keys" in erro.value.dica
    rastro = "".join(traceback.format_exception(erro.value))
    sem_pedacos(chave, rastro, repr(erro.value), erro.value.dica)


def test_uma_chave_vence_no_segundo_que_diz() -> None:
    agora = datetime(2026, 1, 16, 18, 29, tzinfo=UTC)
    chave = jwt({"role": "service_role", "exp": int(agora.timestamp())})
    conferir_chave("X", chave, agora - timedelta(seconds=1))
    with pytest.raises(ConfiguracaoInvalida, match=r"^X venceu em 2026-01-16\.$"):
        conferir_chave("X", chave, agora)


def test_sem_chave_de_servico_diz_que_a_publica_nao_serve(
    servidor: SupabaseLocal, copia: Copia
) -> None:
    copia.env(f"SUPABASE_URL={servidor.url}\nVITE_SUPABASE_ANON_KEY={servidor.chave_anon}\n")
    servidor.gateway.esquecer_pedidos()
    saida = copia.rodar()
    assert saida.codigo == 2
    assert saida.erros.splitlines()[0] == (
        "❌ Falta a chave de serviço: nem SUPABASE_SERVICE_ROLE_KEY nem SUPABASE_SECRET_KEY estão"
        " no .env. Só encontrei VITE_SUPABASE_ANON_KEY, que é pública e não serve."
    )
    sem_pedacos(servidor.chave_anon, saida.tudo)
    assert servidor.gateway.pedidos == []


def nada_da_chave(chave: str, saida: Saida, copia: Copia) -> None:
    """Nenhuma parte dela ficou na tela nem nos arquivos, que os há."""
    salvos = copia.textos_salvos()
    assert any('"versao_formato": 2' in texto for texto in salvos)
    sem_pedacos(chave, saida.tudo, *salvos)


def test_uma_chave_que_o_servidor_recusa_nao_e_mostrada(
    servidor: SupabaseLocal, copia: Copia
) -> None:
    alheia = jwt({"role": "service_role", "exp": 4_000_000_000})
    copia.env(env_de(servidor, alheia))
    saida = copia.rodar("--tentativas", "1")
    assert saida.codigo == 4
    assert "recusou a chave (401)" in saida.erros
    sem_pedacos(alheia, saida.tudo)


def test_o_repr_da_configuracao_nao_tem_a_chave(
    servidor: SupabaseLocal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_URL", servidor.url)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", servidor.chave_service_role)
    lida = ambiente.carregar(tmp_path)
    assert lida.acesso_da_api().chave == servidor.chave_service_role
    sem_pedacos(servidor.chave_service_role, repr(lida), str(lida))


# -- endereços -------------------------------------------------------------------------------

URLS_RECUSADAS = {
    "nenhuma": ("", "Falta o endereço do projeto"),
    "postgres": (
        "postgresql://postgres:SenhaMuitoSecreta@db.abcdefgh.supabase.co:5432/postgres",
        "SUPABASE_URL é a conexão direta com o PostgreSQL, não o endereço da API.",
    ),
    "postgres curto": (
        "postgres://postgres.abcdefgh:SenhaMuitoSecreta@aws-0.pooler.supabase.com/postgres",
        "SUPABASE_URL é a conexão direta com o PostgreSQL, não o endereço da API.",
    ),
    "painel": (
        "https://supabase.com/dashboard/project/abcdefghijklmnop",
        "SUPABASE_URL é o endereço do painel, não o do projeto.",
    ),
    "sem esquema": ("abcdefgh.supabase.co", "não é um endereço que comece com https://."),
    "só o esquema": ("https://", "não é um endereço que comece com https://."),
    "outro esquema": ("ftp://abcdefgh.supabase.co", "não é um endereço que comece com https://."),
    "espaço": ("https://abcdefgh .supabase.co", "não é um endereço que comece com https://."),
    "exemplo": ("https://<SEU-PROJETO>.supabase.co", "não é um endereço que comece com https://."),
    "com senha": ("https://eu:SenhaMuitoSecreta@abc.supabase.co", "tem mais do que o endereço"),
    "com consulta": ("https://abc.supabase.co/?apikey=SenhaMuitoSecreta", "tem mais do que"),
    "porta": ("https://abc.supabase.co:SenhaMuitoSecreta", "SUPABASE_URL não é um endereço válido"),
    "colchete": ("https://[abc.supabase.co", "SUPABASE_URL não é um endereço válido."),
}


@pytest.mark.parametrize("qual", URLS_RECUSADAS)
def test_um_endereco_que_nao_serve_e_recusado_dizendo_o_que_e(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qual: str
) -> None:
    url, achado = URLS_RECUSADAS[qual]
    chave = "sb_secret_Zk3vQw9xLmTt81Ab_Cd"
    monkeypatch.setenv("VITE_SUPABASE_URL", "")
    monkeypatch.setenv("SUPABASE_URL", url)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", chave)
    with pytest.raises(ConfiguracaoInvalida) as erro:
        ambiente.carregar(tmp_path)
    assert achado in str(erro.value)
    assert "SUPABASE_URL=https://SEU-PROJETO.supabase.co" in erro.value.dica
    rastro = "".join(traceback.format_exception(erro.value))
    assert "SenhaMuitoSecreta" not in rastro
    sem_pedacos(chave, rastro)


def test_uma_url_de_conexao_direta_e_recusada_pelo_script(copia: Copia) -> None:
    url, achado = URLS_RECUSADAS["postgres"]
    copia.env(f"SUPABASE_URL={url}\nSUPABASE_SERVICE_ROLE_KEY=sb_secret_Zk3vQw9xLmTt81Ab\n")
    saida = copia.rodar()
    assert (saida.codigo, saida.saida) == (2, "")
    assert saida.erros.splitlines()[0] == f"❌ {achado}"
    assert "SenhaMuitoSecreta" not in saida.tudo


@pytest.mark.parametrize("resto", ["", "/", "///", "/rest/v1", "/rest/v1/", "/rest/v1//"])
def test_a_url_pode_vir_com_barras_e_com_o_caminho_da_api(resto: str) -> None:
    url = "https://abcdefgh.supabase.co"
    assert conferir_url("SUPABASE_URL", url + resto) == url


def test_http_sem_s_so_e_avisado_fora_da_maquina(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_Zk3vQw9xLmTt81Ab_Cd")
    avisos = {}
    for url in ("http://loja.example", "http://127.0.0.1:8000", "http://localhost", "https://a.b"):
        monkeypatch.setenv("SUPABASE_URL", url)
        avisos[url] = ambiente.carregar(tmp_path).avisos
    aviso = "SUPABASE_URL usa http://: a chave viaja sem criptografia. Use https://."
    assert avisos == {
        "http://loja.example": (aviso,),
        "http://127.0.0.1:8000": (),
        "http://localhost": (),
        "https://a.b": (),
    }


# -- de onde vem cada valor ------------------------------------------------------------------


def test_o_env_e_achado_do_lugar_do_script_e_os_backups_ficam_ao_lado(
    servidor: SupabaseLocal, copia: Copia
) -> None:
    """Num processo novo, que o acha sozinho. Se outros o podem ler, avisa-se; da chave nada fica na
    tela nem nos arquivos."""
    # Um .env na pasta corrente não conta.
    (copia.longe / ".env").write_text("SUPABASE_URL=https://errado.example\n", "utf-8")
    copia.env(env_de(servidor), 0o604)
    saida = copia.rodar(novo=True)
    assert saida.codigo == 0, saida.tudo
    linhas = saida.saida.splitlines()
    assert "   ✅ Backup concluído: ./backups/empresa_11111111/" in linhas
    assert "⚠️ " + DE_TODOS.format(copia.raiz / ".env") in linhas
    assert [p.name for p in copia.longe.iterdir()] == [".env"]
    (copia.longe / ".env").unlink()
    feito(saida, copia)
    nada_da_chave(servidor.chave_service_role, saida, copia)


@pytest.fixture
def lugar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lugar:
    for nome in [n for n in os.environ if n.startswith(("SUPABASE_", "VITE_", "BACKUP_"))]:
        monkeypatch.delenv(nome)
    return Lugar(tmp_path, monkeypatch)


@dataclass(frozen=True)
class Lugar:
    """Uma pasta com o seu `.env`, e o que este processo lê dele e do ambiente."""

    raiz: Path
    monkeypatch: pytest.MonkeyPatch

    def acesso(self, env: str | bytes, **do_ambiente: str) -> valores.Acesso:
        """O que o script usaria para falar com a API."""
        arquivo = self.raiz / ".env"
        arquivo.write_bytes(env if isinstance(env, bytes) else env.encode())
        arquivo.chmod(0o600)
        for nome, valor in do_ambiente.items():
            self.monkeypatch.setenv(nome, valor)
        return ambiente.carregar(self.raiz).acesso_da_api()


def test_o_ambiente_vence_o_env(lugar: Lugar) -> None:
    acesso = lugar.acesso(
        "SUPABASE_URL=https://errado.example\nSUPABASE_SERVICE_ROLE_KEY=errada\n",
        SUPABASE_URL=URL,
        SUPABASE_SERVICE_ROLE_KEY=SECRETA,
    )
    assert acesso == valores.Acesso(URL, SECRETA)


@pytest.mark.parametrize("vazio", ["", "   "])
def test_uma_variavel_vazia_no_ambiente_apaga_a_do_env(lugar: Lugar, vazio: str) -> None:
    env = f"SUPABASE_URL={URL}\nSUPABASE_SERVICE_ROLE_KEY={SECRETA}\n"
    with pytest.raises(ConfiguracaoInvalida, match=r"^Falta a chave de serviço: "):
        lugar.acesso(env, SUPABASE_SERVICE_ROLE_KEY=vazio)


def test_vazia_no_ambiente_da_lugar_ao_outro_nome(lugar: Lugar) -> None:
    acesso = lugar.acesso(
        f"SUPABASE_URL=https://errado.example\nVITE_SUPABASE_URL={URL}\n"
        f"SUPABASE_SERVICE_ROLE_KEY=errada\nSUPABASE_SECRET_KEY={SECRETA}\n",
        SUPABASE_URL="",
        SUPABASE_SERVICE_ROLE_KEY="",
    )
    assert acesso == valores.Acesso(URL, SECRETA)


def test_os_nomes_que_o_aplicativo_usa_tambem_servem(servidor: SupabaseLocal, copia: Copia) -> None:
    """Ponta a ponta, num .env que o Bloco de Notas gravou, com o caminho da API na URL; e nada da
    chave secreta fica na tela nem nos arquivos."""
    assert servidor.chave_secreta.startswith("sb_secret_")
    texto = f'VITE_SUPABASE_URL="{servidor.url}/rest/v1/"\n# acentuação\n'
    texto += f"export SUPABASE_SECRET_KEY = {servidor.chave_secreta}\n"
    copia.env(b"\xef\xbb\xbf" + texto.replace("\n", "\r\n").encode())
    saida = copia.rodar()
    feito(saida, copia)
    nada_da_chave(servidor.chave_secreta, saida, copia)


def test_um_env_do_bloco_de_notas_com_bom_e_crlf(lugar: Lugar) -> None:
    texto = f'SUPABASE_URL="{URL}/rest/v1/"\n# acentuação\n'
    texto += f"export SUPABASE_SERVICE_ROLE_KEY = {SECRETA}\n"
    acesso = lugar.acesso(b"\xef\xbb\xbf" + texto.replace("\n", "\r\n").encode())
    assert acesso == valores.Acesso(URL, SECRETA)


@pytest.mark.parametrize("codificacao", ["latin-1", "utf-16"])
def test_um_env_que_nao_e_utf8_e_recusado(lugar: Lugar, codificacao: str) -> None:
    with pytest.raises(ConfiguracaoInvalida, match=r"\.env não está em UTF-8\.$"):
        lugar.acesso(f"# configuração\nSUPABASE_URL={URL}\n".encode(codificacao))


def test_o_script_recusa_um_env_que_nao_e_utf8_com_a_cura(
    servidor: SupabaseLocal, copia: Copia
) -> None:
    copia.env(("# configuração\n" + env_de(servidor)).encode("utf-16"))
    servidor.gateway.esquecer_pedidos()
    saida = copia.rodar()
    assert saida.codigo == 2
    assert saida.erros == (
        f"❌ O arquivo {copia.raiz / '.env'} não está em UTF-8.\n"
        "   Abra-o no editor e salve de novo escolhendo a codificação UTF-8.\n"
    )
    assert servidor.gateway.pedidos == []


DE_TODOS = "O arquivo {} pode ser lido por outros usuários. Corrija: chmod 600 .env"


@pytest.mark.parametrize("modo", [0o600, 0o640, 0o604])
def test_um_env_que_outros_podem_ler_e_notado(lugar: Lugar, modo: int) -> None:
    assert os.name == "posix"
    lugar.acesso(f"SUPABASE_URL={URL}\nSUPABASE_SERVICE_ROLE_KEY={SECRETA}\n")
    (lugar.raiz / ".env").chmod(modo)
    esperados = (DE_TODOS.format(lugar.raiz / ".env"),) if modo & 0o077 else ()
    assert ambiente.carregar(lugar.raiz).avisos == esperados


def test_o_destino_e_da_opcao_senao_do_backup_dir_senao_da_raiz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raiz, corrente = tmp_path / "projeto", tmp_path / "corrente"
    raiz.mkdir()
    corrente.mkdir()
    monkeypatch.chdir(corrente)
    monkeypatch.delenv("BACKUP_DIR", raising=False)
    assert ambiente.pasta_de_backups(raiz) == raiz / "backups"
    (raiz / ".env").write_text("BACKUP_DIR=guardados\n", "utf-8")
    assert ambiente.pasta_de_backups(raiz) == raiz / "guardados"
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path / "outro"))
    assert ambiente.pasta_de_backups(raiz) == tmp_path / "outro"
    assert ambiente.pasta_de_backups(raiz, "aqui") == corrente / "aqui"


# -- cofre.toml ------------------------------------------------------------------------------


def test_o_cofre_toml_diz_ignorar_dono_e_pai(tmp_path: Path) -> None:
    arquivo = tmp_path / "cofre.toml"
    arquivo.write_bytes(
        b"\xef\xbb\xbf"
        + """ignorar = ["registros", "Coisas Velhas"]\r
[tabelas.notas]\r
dono = "usuario_id"\r
[tabelas."Anexo Nº 1"]\r
pai = " nota_id->notas "\r
""".encode()
    )
    assert regras.ler_regras(arquivo) == Regras(
        ignorar=frozenset({"registros", "Coisas Velhas"}),
        tabelas={
            "notas": RegraDeTabela(dono="usuario_id"),
            "Anexo Nº 1": RegraDeTabela(pai="nota_id", tabela_pai="notas"),
        },
    )


def test_o_cofre_toml_diz_de_quem_sao_os_arquivos_de_um_balde(tmp_path: Path) -> None:
    arquivo = tmp_path / "cofre.toml"
    arquivo.write_text(
        """[arquivos.fotos]
dono = "pasta"
[arquivos."notas fiscais"]
coluna = " contratos . arquivo.pdf "
[arquivos.site]
dono = "nenhum"
""",
        encoding="utf-8",
    )
    assert regras.ler_regras(arquivo).arquivos == {
        "fotos": RegraDeBalde("pasta"),
        "notas fiscais": RegraDeBalde("coluna", "contratos", "arquivo.pdf"),
        "site": RegraDeBalde("nenhum"),
    }


@pytest.mark.parametrize(
    ("valores", "lido"),
    [
        ({}, Arquivos()),
        ({"BACKUP_ARQUIVOS": "sim"}, Arquivos(quer=True)),
        ({"BACKUP_ARQUIVOS": "nao"}, Arquivos(quer=False)),
        ({"BACKUP_ARQUIVOS_MAXIMO": "50MB"}, Arquivos(maximo=50 * 1024**2)),
        ({"BACKUP_ARQUIVOS_MAXIMO": "1,5 gb"}, Arquivos(maximo=1536 * 1024**2)),
    ],
)
def test_o_env_diz_se_se_querem_os_arquivos(valores: dict[str, str], lido: Arquivos) -> None:
    assert ler_arquivos(valores) == lido


@pytest.mark.parametrize(
    "valores",
    [
        {"BACKUP_ARQUIVOS": "talvez"},
        {"BACKUP_ARQUIVOS_MAXIMO": "50"},
        {"BACKUP_ARQUIVOS_MAXIMO": "0MB"},
        {"BACKUP_ARQUIVOS_MAXIMO": "muito"},
    ],
)
def test_o_que_nao_se_entende_dos_arquivos_e_recusado(valores: dict[str, str]) -> None:
    with pytest.raises(ConfiguracaoInvalida, match=next(iter(valores))):
        ler_arquivos(valores)


def test_o_cofre_toml_diz_o_que_se_anonimiza_e_o_que_fica(tmp_path: Path) -> None:
    arquivo = tmp_path / "cofre.toml"
    arquivo.write_text(
        "[anonimizar]\n"
        'trocar = ["clientes.apelido: nome", "Pedido Item.obs: Texto"]\n'
        'manter = ["produtos.nome"]\n',
        encoding="utf-8",
    )
    assert regras.ler_regras(arquivo).anonimizar == RegrasDeAnonimizar(
        {("clientes", "apelido"): "nome", ("Pedido Item", "obs"): "texto"},
        frozenset({("produtos", "nome")}),
    )


def test_sem_cofre_toml_nao_ha_regras(tmp_path: Path) -> None:
    assert regras.ler_regras(tmp_path / "cofre.toml") == Regras()


TOMLS_RECUSADOS: dict[str, tuple[str | bytes, str]] = {
    "quebrado": ('ignorar = ["x"', "Não entendi "),
    "não UTF-8": ("ignorar = ['ç']".encode("latin-1"), "Não entendi "),
    "chave desconhecida": (
        'inorar = ["x"]',
        "não conheço «inorar» (só anonimizar, arquivos, empresas, ignorar, logins, podem_encolher,"
        " tabelas).",
    ),
    "regra desconhecida": ('[tabelas.x]\ndona = "y"', "não conheço «dona» (só dono, pai)."),
    "ignorar não é lista": ('ignorar = "x"', "«ignorar» é uma lista de nomes."),
    "ignorar não tem nomes": ("ignorar = [1]", "«ignorar» é uma lista de nomes."),
    "tabelas não é seção": ('tabelas = "x"', "«tabelas» é uma seção."),
    "tabela não é seção": ('[tabelas]\nx = "y"', "não entendi [tabelas.x]."),
    "dono não é texto": ("[tabelas.x]\ndono = 1", "não entendi [tabelas.x]."),
    "pai sem tabela": ('[tabelas.x]\npai = "y"', "em [tabelas.x], pai se escreve"),
    "arquivos não é seção": ('arquivos = "x"', "«arquivos» é uma seção."),
    "balde não é seção": ('[arquivos]\nx = "pasta"', "não entendi [arquivos.x]."),
    "balde sem regra": ("[arquivos.x]", "em [arquivos.x], diga «dono» ou «coluna», um dos dois."),
    "balde com as duas": (
        '[arquivos.x]\ndono = "pasta"\ncoluna = "a.b"',
        "em [arquivos.x], diga «dono» ou «coluna», um dos dois.",
    ),
    "dono de balde que não há": (
        '[arquivos.x]\ndono = "coluna"',
        "em [arquivos.x], dono é «pasta», «dono_do_objeto» ou «nenhum».",
    ),
    "coluna sem tabela": ('[arquivos.x]\ncoluna = "foto"', "coluna se escreve «tabela.coluna»."),
    "regra de balde desconhecida": ('[arquivos.x]\npasta = "y"', "não conheço «pasta»"),
    "anonimizar sem o quê": (
        '[anonimizar]\ntrocar = ["clientes.apelido"]',
        "trocar se escreve «tabela.coluna: nome».",
    ),
    "manter sem a tabela": (
        '[anonimizar]\nmanter = ["apelido"]',
        "em [anonimizar], uma coluna se escreve «tabela.coluna».",
    ),
    "anonimizar outra coisa": ("[anonimizar]\ntirar = []", "não conheço «tirar»"),
    "pai vazio": ('[tabelas.x]\npai = " -> y"', "em [tabelas.x], pai se escreve"),
}


@pytest.mark.parametrize("qual", TOMLS_RECUSADOS)
def test_um_cofre_toml_errado_e_recusado_com_um_exemplo(tmp_path: Path, qual: str) -> None:
    texto, achado = TOMLS_RECUSADOS[qual]
    arquivo = tmp_path / "cofre.toml"
    arquivo.write_bytes(texto if isinstance(texto, bytes) else texto.encode())
    with pytest.raises(ConfiguracaoInvalida) as erro:
        regras.ler_regras(arquivo)
    assert achado in str(erro.value)
    assert str(arquivo) in str(erro.value)
    assert erro.value.dica.startswith("Exemplo de cofre.toml:\n")


def test_um_cofre_toml_errado_e_recusado_antes_de_qualquer_pedido(
    servidor: SupabaseLocal, copia: Copia
) -> None:
    copia.env(env_de(servidor))
    copia.toml('inorar = ["anotacoes"]\n')
    servidor.gateway.esquecer_pedidos()
    saida = copia.rodar()
    assert (saida.codigo, saida.saida) == (2, "")
    assert saida.erros.splitlines()[0] == (
        f"❌ {copia.raiz / 'cofre.toml'}:"
        " não conheço «inorar» (só anonimizar, arquivos, empresas, ignorar, logins, podem_encolher,"
        " tabelas)."
    )
    assert servidor.gateway.pedidos == []


def test_o_cofre_toml_ao_lado_do_env_vale_para_o_script(
    servidor: SupabaseLocal, copia: Copia
) -> None:
    copia.env(env_de(servidor))
    copia.toml('[tabelas.anotacoes]\ndono = "usuario_id"\n')
    saida = copia.rodar()
    feito(saida, copia)
    [arquivo] = (copia.raiz / "backups").glob("empresa_11111111/anotacoes_*.json")
    assert json.loads(arquivo.read_text("utf-8")) == [
        {"id": 1, "usuario_id": DONO, "texto": "um"},
        {"id": 2, "usuario_id": DONO, "texto": "dois"},
    ]
    copia.toml('ignorar = ["anotacoes"]\n')
    saida = copia.rodar()
    assert saida.codigo == 0, saida.tudo
    assert "   • anotacoes: está em «ignorar» no cofre.toml" in saida.saida.splitlines()
    assert not re.search(r"✅ anotacoes", saida.saida)


# -- guardar e compactar -------------------------------------------------------------------------


def _carregada(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str) -> valores.Configuracao:
    for nome in [n for n in os.environ if n.startswith(("BACKUP_", "SUPABASE_", "VITE_"))]:
        monkeypatch.delenv(nome)
    chave = "sb_secret_" + "x" * 20
    (tmp_path / ".env").write_text(
        f"SUPABASE_URL=http://localhost:1\nSUPABASE_SERVICE_ROLE_KEY={chave}\n{env}", "utf-8"
    )
    return ambiente.carregar(tmp_path)


def test_o_que_guardar_vem_do_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vazia = _carregada(tmp_path, monkeypatch, "BACKUP_MANTER_DIARIOS=\nBACKUP_MANTER_ANUAIS=0\n")
    assert (vazia.guardar, vazia.guardar.vazia, vazia.compactar) == (Politica(), True, False)
    cheia = _carregada(
        tmp_path,
        monkeypatch,
        "BACKUP_MANTER_ULTIMOS=1\nBACKUP_MANTER_DIARIOS=2\nBACKUP_MANTER_SEMANAIS=3\n"
        "BACKUP_MANTER_MENSAIS=4\nBACKUP_MANTER_ANUAIS=5\nBACKUP_MANTER_HORARIOS=6\n"
        "BACKUP_COMPACTAR=Sim\n",
    )
    assert (cheia.guardar, cheia.compactar) == (Politica(1, 2, 3, 4, 5, 6), True)
    assert cheia.guardar.em_palavras() == (
        "1 último, 6 horários, 2 diários, 3 semanais, 4 mensais, 5 anuais"
    )
    assert ambiente.politica_de_poda(tmp_path) == cheia.guardar


@pytest.mark.parametrize(
    "linha",
    [
        *(f"BACKUP_MANTER_{n}={v}" for n in ("DIARIOS", "ANUAIS") for v in ("-1", "sete", "1.5")),
        "BACKUP_MANTER_ULTIMOS=10000",
        "BACKUP_COMPACTAR=talvez",
    ],
)
def test_o_que_guardar_mal_escrito_e_recusado(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linha: str
) -> None:
    """Um engano de digitação não pode virar «guardar nada»."""
    with pytest.raises(ConfiguracaoInvalida, match=linha.partition("=")[0]):
        _carregada(tmp_path, monkeypatch, linha + "\n")


CHAVES = (
    "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
)
"""As dos exemplos do age (https://github.com/FiloSottile/age)."""


def test_cifrar_le_se_do_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nada = _carregada(tmp_path, monkeypatch, "")
    assert (nada.cifragem, de_configuracao(nada.cifragem)) == (Cifragem(), None)
    tudo = _carregada(
        tmp_path,
        monkeypatch,
        f"BACKUP_CIFRAR_PARA={', '.join(CHAVES)}\nBACKUP_CHAVE_ARQUIVO=../chave.txt\n"
        "COPIA_TRAVA_DIAS=61\n",
    ).cifragem
    assert tudo.chave == (tmp_path / "../chave.txt").absolute()
    assert ambiente.cifragem(tmp_path) == tudo
    cifra = de_configuracao(tudo)
    assert cifra is not None
    assert [c.texto for c in cifra.para] == list(CHAVES)
    assert cifra.reusar_por == timedelta(days=30)


@pytest.mark.parametrize(
    ("linhas", "dito"),
    [
        (f"BACKUP_CIFRAR_PARA={CHAVES[0]}", "uma chave só"),
        (f"BACKUP_CIFRAR_PARA={CHAVES[0]},{CHAVES[0]}", "uma chave só"),
        (f"BACKUP_CIFRAR_PARA={CHAVES[0]},{CHAVES[1][:-1]}q", "letra trocada"),
        (f"BACKUP_CIFRAR_PARA={CHAVES[0]},ssh-ed25519", "2ª chave"),
        ("BACKUP_CIFRAR_PARA=,", "nenhuma chave"),
        ("BACKUP_UMA_CHAVE_SO=talvez", "BACKUP_UMA_CHAVE_SO"),
        ("# guardada aqui: AGE-SECRET-KEY-1QQQQSEGREDO", "ABRE"),
        ("OUTRA=age-secret-key-1qqqqsegredo", "ABRE"),
        ("BACKUP_CIFRAR_PARA=age-secret-key-1qqqqsegredo", "ABRE"),
    ],
)
def test_cifrar_mal_dito_e_recusado_sem_repetir_segredo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linhas: str, dito: str
) -> None:
    with pytest.raises(ConfiguracaoInvalida, match=dito) as erro:
        de_configuracao(_carregada(tmp_path, monkeypatch, linhas + "\n").cifragem)
    assert "segredo" not in f"{erro.value} {erro.value.dica}".lower().replace("o segredo", "")


def test_a_chave_de_outro_programa_no_ambiente_nao_e_connosco(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY", "AGE-SECRET-KEY-1QQQQSEGREDO")
    assert ambiente.cifragem(tmp_path) == Cifragem()
    monkeypatch.setenv("BACKUP_CIFRAR_PARA", "AGE-SECRET-KEY-1QQQQSEGREDO")
    with pytest.raises(ConfiguracaoInvalida, match="na variável BACKUP_CIFRAR_PARA"):
        ambiente.cifragem(tmp_path)


def test_uma_chave_so_serve_a_quem_insiste(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dito = f"BACKUP_CIFRAR_PARA={CHAVES[0]}\nBACKUP_UMA_CHAVE_SO=sim\n"
    cifra = de_configuracao(_carregada(tmp_path, monkeypatch, dito).cifragem)
    assert cifra is not None
    assert len(cifra.para) == 1
