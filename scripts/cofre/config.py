"""O único leitor do ambiente: .env, variáveis de ambiente e cofre.toml, conferidos antes de usar.

Nenhum texto daqui (erro, aviso, repr) leva qualquer parte de uma chave.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cofre.erros import INSTALACAO, ConfiguracaoInvalida, DependenciaAusente
from cofre.limites import Destinatarios, Limites, ler_idade, ler_parcela, serve_de_endereco
from cofre.retencao import Politica

RAIZ = Path(__file__).resolve().parents[2]
"""A raiz do projeto: onde estão .env, cofre.toml e backups/, seja qual for a pasta corrente."""

NOMES_DA_URL = ("SUPABASE_URL", "VITE_SUPABASE_URL")
NOMES_DA_CHAVE = ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY")
NOMES_DA_CHAVE_PUBLICA = (
    "SUPABASE_ANON_KEY",
    "VITE_SUPABASE_ANON_KEY",
    "SUPABASE_PUBLISHABLE_KEY",
    "VITE_SUPABASE_PUBLISHABLE_KEY",
)
NOME_DA_URL_DO_BANCO = "SUPABASE_DB_URL"
NOME_DA_CA = "SUPABASE_DB_CA"
NOMES_DA_POLITICA = {
    "BACKUP_MANTER_ULTIMOS": "ultimos",
    "BACKUP_MANTER_DIARIOS": "diarios",
    "BACKUP_MANTER_SEMANAIS": "semanais",
    "BACKUP_MANTER_MENSAIS": "mensais",
    "BACKUP_MANTER_ANUAIS": "anuais",
}
NOME_DA_URL_DE_ENSAIO = "ENSAIO_DB_URL"
NOME_DO_PING = "BACKUP_PING_URL"
NOME_DO_WEBHOOK = "BACKUP_WEBHOOK_URL"
NOME_DA_IDADE = "BACKUP_IDADE_MAXIMA"
NOME_DA_PARCELA = "BACKUP_ENCOLHER_MAXIMO"
ONDE_PEGAR = (
    "Painel do Supabase → Project Settings → API Keys: copie a chave service_role (JWT) ou\n"
    "uma «secret key» (sb_secret_...) e ponha no .env:\n"
    "SUPABASE_SERVICE_ROLE_KEY=..."
)
ONDE_PEGAR_URL = (
    "Painel do Supabase → Project Settings → Data API → Project URL. No .env:\n"
    "SUPABASE_URL=https://SEU-PROJETO.supabase.co"
)

ONDE_PEGAR_BANCO = (
    "Painel do Supabase → Connect → Session pooler: copie a URL, ponha nela a senha do banco e\n"
    "guarde-a no .env:\n"
    f"{NOME_DA_URL_DO_BANCO}="
    "postgresql://postgres.SEU-PROJETO:SENHA@aws-0-REGIAO.pooler.supabase.com:5432/postgres"
)


@dataclass(frozen=True, slots=True)
class Acesso:
    """Para onde e com que chave; a chave nunca aparece no repr."""

    url: str
    chave: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AcessoDireto:
    """A conexão direta como está no .env, por conferir; a URL (com a senha) nunca aparece no repr.
    `ca` é o certificado do Supabase, se dado; `nome`, a variável de onde a URL veio."""

    url: str = field(repr=False)
    ca: Path | None = None
    nome: str = NOME_DA_URL_DO_BANCO


@dataclass(frozen=True, slots=True)
class AcessosDeEnsaio:
    """O banco de teste (None: não há) e o de produção, que não pode ser o mesmo."""

    teste: AcessoDireto | None
    producao: AcessoDireto | None


@dataclass(frozen=True, slots=True)
class RegraDeTabela:
    """O que o cofre.toml diz de uma tabela: `dono` é a coluna com o id do dono da empresa;
    `pai`, a coluna que aponta para a linha de outra tabela (`tabela_pai`)."""

    dono: str = ""
    pai: str = ""
    tabela_pai: str = ""


@dataclass(frozen=True, slots=True)
class Regras:
    """O cofre.toml: tabelas a ignorar, as que podem encolher sem alarme, e regras por tabela."""

    ignorar: frozenset[str] = frozenset()
    tabelas: Mapping[str, RegraDeTabela] = field(default_factory=dict)
    podem_encolher: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Configuracao:
    """Tudo o que vem de fora, já conferido; `avisos` são para mostrar ao usuário. `guardar` é o que
    a execução diária guarda ao podar (vazia: não poda)."""

    acesso: Acesso
    destino: Path
    regras: Regras
    avisos: tuple[str, ...] = ()
    direto: AcessoDireto | None = None
    guardar: Politica = field(default_factory=Politica)
    compactar: bool = False
    limites: Limites = field(default_factory=Limites)


def carregar(
    raiz: Path = RAIZ, destino: str | None = None, *, so_o_env: bool = False
) -> Configuracao:
    """Lê e confere toda a configuração. `destino` é o da linha de comando (relativo à pasta
    corrente); `so_o_env`: sem as variáveis deste terminal, como a tarefa agendada a vê. Levanta
    ConfiguracaoInvalida ou DependenciaAusente."""
    valores = _ambiente(raiz, so_o_env=so_o_env)
    avisos = list(_avisos_do_env(raiz / ".env"))
    acesso = _acesso(valores)
    avisos.extend(_avisos_da_url(acesso.url))
    return Configuracao(
        acesso=acesso,
        destino=_destino(valores, raiz, destino),
        regras=ler_regras(raiz / "cofre.toml"),
        avisos=tuple(avisos),
        direto=_acesso_direto(valores, raiz),
        guardar=_politica(valores),
        compactar=_sim_ou_nao(valores, "BACKUP_COMPACTAR"),
        limites=_limites(valores),
    )


def limites(raiz: Path = RAIZ) -> Limites:
    """Só os limites da vigilância. Levanta ConfiguracaoInvalida ou DependenciaAusente."""
    return _limites(_ambiente(raiz))


def destinatarios(raiz: Path = RAIZ) -> Destinatarios:
    """A quem avisar. Um endereço que não serve vira um aviso: avisar nunca impede um backup.
    Levanta ConfiguracaoInvalida (o .env não se lê) ou DependenciaAusente."""
    valores = _ambiente(raiz)
    nomes = (NOME_DO_PING, NOME_DO_WEBHOOK)
    urls = {n: valores.get(n, "") for n in nomes}
    ruins = [n for n, url in urls.items() if url and not serve_de_endereco(url)]
    ping, webhook = ("" if n in ruins else urls[n] for n in nomes)
    avisos = (f"{n} não é um endereço http:// ou https://: ninguém será avisado." for n in ruins)
    return Destinatarios(ping, webhook, tuple(avisos))


def _limites(valores: Mapping[str, str]) -> Limites:
    padrao = Limites()
    idade, parcela = valores.get(NOME_DA_IDADE), valores.get(NOME_DA_PARCELA)
    return Limites(
        idade=ler_idade(NOME_DA_IDADE, idade) if idade else padrao.idade,
        parcela=ler_parcela(NOME_DA_PARCELA, parcela) if parcela else padrao.parcela,
    )


def pasta_de_backups(raiz: Path = RAIZ, destino: str | None = None) -> Path:
    """Só o destino, para as ações que não falam com o servidor."""
    return _destino(_ambiente(raiz), raiz, destino)


def pasta_de_configuracao() -> Path:
    """Onde os programas deste usuário guardam a sua configuração (XDG)."""
    dita = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(dita) if Path(dita).is_absolute() else Path.home() / ".config"


def politica_de_poda(raiz: Path = RAIZ) -> Politica:
    """Só o que o .env manda guardar. Levanta ConfiguracaoInvalida."""
    return _politica(_ambiente(raiz))


def _politica(valores: Mapping[str, str]) -> Politica:
    quantos = {}
    for nome, regra in NOMES_DA_POLITICA.items():
        valor = valores.get(nome, "0")
        if not re.fullmatch(r"[0-9]{1,4}", valor):
            raise ConfiguracaoInvalida(
                f"{nome} é um número de 0 a 9999, não «{valor}».",
                "Vazio ou 0: a regra não é usada.",
            )
        quantos[regra] = int(valor)
    return Politica(**quantos)


def _sim_ou_nao(valores: Mapping[str, str], nome: str) -> bool:
    valor = valores.get(nome, "não").casefold()
    if valor not in ("sim", "não", "nao"):
        raise ConfiguracaoInvalida(f"{nome} é «sim» ou «não».", "Vazio vale por «não».")
    return valor == "sim"


def acessos_de_ensaio(raiz: Path = RAIZ) -> AcessosDeEnsaio:
    """Só os bancos, por conferir: um ensaio não fala com a API nem precisa da chave."""
    valores = _ambiente(raiz)
    url = valores.get(NOME_DA_URL_DE_ENSAIO)
    teste = AcessoDireto(url, nome=NOME_DA_URL_DE_ENSAIO) if url else None
    return AcessosDeEnsaio(teste, _acesso_direto(valores, raiz))


def _ambiente(raiz: Path, *, so_o_env: bool = False) -> dict[str, str]:
    """.env por baixo, ambiente de verdade por cima; vazio conta como ausente."""
    try:
        from dotenv import dotenv_values
    except ModuleNotFoundError as e:
        raise DependenciaAusente(f"No module named '{e.name}'.", INSTALACAO) from e
    caminho = raiz / ".env"
    do_arquivo: Mapping[str, str | None] = {}
    if caminho.is_file():
        try:
            # utf-8-sig: o Bloco de Notas do Windows põe um BOM na frente.
            do_arquivo = dotenv_values(caminho, encoding="utf-8-sig")
        except UnicodeDecodeError as e:
            raise ConfiguracaoInvalida(
                f"O arquivo {caminho} não está em UTF-8.",
                "Abra-o no editor e salve de novo escolhendo a codificação UTF-8.",
            ) from e
        except OSError as e:
            raise ConfiguracaoInvalida(
                f"Não consegui ler {caminho}: {e.strerror}.", "Confira as permissões do arquivo."
            ) from e
    juntos = {**do_arquivo, **({} if so_o_env else os.environ)}
    return {nome: valor.strip() for nome, valor in juntos.items() if valor and valor.strip()}


def _primeiro(valores: Mapping[str, str], nomes: Iterable[str]) -> tuple[str, str] | None:
    return next(((nome, valores[nome]) for nome in nomes if nome in valores), None)


def _acesso(valores: Mapping[str, str]) -> Acesso:
    url = _primeiro(valores, NOMES_DA_URL)
    if url is None:
        raise ConfiguracaoInvalida(
            "Falta o endereço do projeto: SUPABASE_URL não está no .env nem no ambiente.",
            ONDE_PEGAR_URL,
        )
    chave = _primeiro(valores, NOMES_DA_CHAVE)
    if chave is None:
        publica = _primeiro(valores, NOMES_DA_CHAVE_PUBLICA)
        achado = f" Só encontrei {publica[0]}, que é pública e não serve." if publica else ""
        raise ConfiguracaoInvalida(
            f"Falta a chave de serviço: nem {' nem '.join(NOMES_DA_CHAVE)} estão no .env.{achado}",
            ONDE_PEGAR,
        )
    acesso = Acesso(conferir_url(*url), chave[1])
    conferir_chave(*chave)
    return acesso


def _acesso_direto(valores: Mapping[str, str], raiz: Path) -> AcessoDireto | None:
    """A conexão direta, se está configurada. Só quem a usa a confere."""
    url = valores.get(NOME_DA_URL_DO_BANCO)
    if url is None:
        return None
    ca = valores.get(NOME_DA_CA)
    return AcessoDireto(url, (raiz / Path(ca).expanduser()).absolute() if ca else None)


def sem_variaveis_da_libpq() -> None:
    """Tira deste processo as variáveis que a libpq leria (PGTZ, PGSSLMODE, PGOPTIONS...): só o .env
    diz como conectar."""
    for nome in [n for n in os.environ if re.fullmatch(r"PG[A-Z]+", n)]:
        del os.environ[nome]


def conferir_url(nome: str, url: str) -> str:
    """Devolve a URL do projeto sem barra final nem `/rest/v1`. Levanta ConfiguracaoInvalida."""
    problema = ""
    try:
        partes = urlsplit(url)
        host, _porta = partes.hostname or "", partes.port
    except ValueError:
        raise ConfiguracaoInvalida(f"{nome} não é um endereço válido.", ONDE_PEGAR_URL) from None
    if partes.scheme in ("postgres", "postgresql"):
        problema = "é a conexão direta com o PostgreSQL, não o endereço da API"
    elif partes.scheme not in ("http", "https") or not host or re.search(r"[\s<>]", url):
        problema = "não é um endereço que comece com https://"
    elif host in ("supabase.com", "www.supabase.com", "app.supabase.com"):
        problema = "é o endereço do painel, não o do projeto"
    elif partes.username or partes.password or partes.query or partes.fragment:
        problema = "tem mais do que o endereço do projeto"
    if problema:
        raise ConfiguracaoInvalida(f"{nome} {problema}.", ONDE_PEGAR_URL)
    return re.sub(r"/+$", "", re.sub(r"/rest/v1/?$", "", url.rstrip("/")))


def conferir_chave(nome: str, chave: str, agora: datetime | None = None) -> None:
    """Recusa o que não é chave de serviço, dizendo o que é sem mostrar nada dela."""
    if re.search(r"[^\x21-\x7e]", chave):
        raise ConfiguracaoInvalida(
            f"{nome} está malformada: tem espaços, quebras de linha ou acentos no meio.", ONDE_PEGAR
        )
    if chave.startswith("sb_publishable_"):
        raise ConfiguracaoInvalida(
            f"{nome} é uma chave pública (publishable); o backup precisa da secreta.", ONDE_PEGAR
        )
    if chave.startswith("sb_secret_"):
        if not re.fullmatch(r"sb_secret_[A-Za-z0-9_-]{8,}", chave):
            raise ConfiguracaoInvalida(f"{nome} está malformada ou incompleta.", ONDE_PEGAR)
        return
    _conferir_jwt(nome, _conteudo_do_jwt(nome, chave), agora or datetime.now(UTC))


def _conteudo_do_jwt(nome: str, chave: str) -> Mapping[str, Any]:
    partes = chave.split(".")
    try:
        if len(partes) != 3 or not all(partes):
            raise ValueError
        corpo = base64.urlsafe_b64decode(partes[1] + "=" * (-len(partes[1]) % 4))
        conteudo = json.loads(corpo)
        if not isinstance(conteudo, dict):
            raise ValueError
    except (ValueError, binascii.Error):
        # `from None`: a exceção original citaria pedaços da chave.
        raise ConfiguracaoInvalida(
            f"{nome} está malformada: não é um JWT nem começa com sb_secret_.", ONDE_PEGAR
        ) from None
    return conteudo


def _conferir_jwt(nome: str, conteudo: Mapping[str, Any], agora: datetime) -> None:
    papel = conteudo.get("role")
    if papel != "service_role":
        achado = f"o papel «{papel}»" if papel in ("anon", "authenticated") else "outro papel"
        raise ConfiguracaoInvalida(
            f"{nome} tem {achado}; o backup precisa da service_role.", ONDE_PEGAR
        )
    validade = conteudo.get("exp")
    if isinstance(validade, int | float) and validade <= agora.timestamp():
        quando = datetime.fromtimestamp(validade, UTC).strftime("%d/%m/%Y")
        raise ConfiguracaoInvalida(f"{nome} venceu em {quando}.", ONDE_PEGAR)


def _destino(valores: Mapping[str, str], raiz: Path, pedido: str | None) -> Path:
    if pedido:
        return Path(pedido).expanduser().absolute()
    # Um BACKUP_DIR relativo é relativo à raiz: a tarefa agendada não tem pasta corrente certa.
    return (raiz / Path(valores.get("BACKUP_DIR", "backups")).expanduser()).absolute()


def _avisos_do_env(caminho: Path) -> Iterable[str]:
    if os.name != "posix" or not caminho.is_file():
        return
    if stat.S_IMODE(caminho.stat().st_mode) & 0o077:
        yield f"O arquivo {caminho} pode ser lido por outros usuários. Corrija: chmod 600 .env"


def _avisos_da_url(url: str) -> Iterable[str]:
    partes = urlsplit(url)
    if partes.scheme == "http" and not endereco_local(partes.hostname or ""):
        yield "SUPABASE_URL usa http://: a chave viaja sem criptografia. Use https://."


def endereco_local(host: str) -> bool:
    """Se o nome ou IP é desta máquina ou de uma rede privada."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host


def ler_regras(caminho: Path) -> Regras:
    """Lê o cofre.toml (ausente: nenhuma regra). Levanta ConfiguracaoInvalida."""
    if not caminho.is_file():
        return Regras()
    try:
        bruto = tomllib.loads(caminho.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ConfiguracaoInvalida(f"Não entendi {caminho}: {e}", EXEMPLO_TOML) from e
    _so_conhece(bruto, {"ignorar", "tabelas", "podem_encolher"}, caminho)
    tabelas = bruto.get("tabelas", {})
    if not isinstance(tabelas, dict):
        raise ConfiguracaoInvalida(f"{caminho}: «tabelas» é uma seção.", EXEMPLO_TOML)
    return Regras(
        ignorar=_nomes(bruto, "ignorar", caminho),
        tabelas={nome: _regra(caminho, nome, valor) for nome, valor in tabelas.items()},
        podem_encolher=_nomes(bruto, "podem_encolher", caminho),
    )


def _nomes(bruto: Mapping[str, Any], chave: str, caminho: Path) -> frozenset[str]:
    nomes = bruto.get(chave, [])
    if not isinstance(nomes, list) or not all(isinstance(t, str) for t in nomes):
        raise ConfiguracaoInvalida(f"{caminho}: «{chave}» é uma lista de nomes.", EXEMPLO_TOML)
    return frozenset(nomes)


EXEMPLO_TOML = (
    "Exemplo de cofre.toml:\n"
    'ignorar = ["logs_antigos"]\n'
    'podem_encolher = ["fila_de_envio"]\n'
    "[tabelas.notas]\n"
    'dono = "usuario_id"            # coluna com o id do dono da empresa\n'
    "[tabelas.anexos]\n"
    'pai = "nota_id -> notas"       # coluna que aponta para a linha-mãe'
)


def _regra(caminho: Path, nome: str, valor: object) -> RegraDeTabela:
    if not isinstance(valor, dict) or not all(isinstance(v, str) for v in valor.values()):
        raise ConfiguracaoInvalida(f"{caminho}: não entendi [tabelas.{nome}].", EXEMPLO_TOML)
    _so_conhece(valor, {"dono", "pai"}, caminho)
    pai, seta, tabela_pai = (p.strip() for p in valor.get("pai", "").partition("->"))
    if "pai" in valor and not (pai and seta and tabela_pai):
        raise ConfiguracaoInvalida(
            f"{caminho}: em [tabelas.{nome}], pai se escreve «coluna -> tabela».", EXEMPLO_TOML
        )
    return RegraDeTabela(dono=valor.get("dono", ""), pai=pai, tabela_pai=tabela_pai)


def _so_conhece(secao: Mapping[str, object], nomes: set[str], caminho: Path) -> None:
    estranhos = sorted(set(secao) - nomes)
    if estranhos:
        raise ConfiguracaoInvalida(
            f"{caminho}: não conheço «{estranhos[0]}» (só {', '.join(sorted(nomes))}).",
            EXEMPLO_TOML,
        )
