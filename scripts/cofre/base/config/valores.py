"""Os valores da configuração, já conferidos: imutáveis, e sem segredo no `repr`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cofre.base.config.limites import Limites
from cofre.base.config.promessas import Promessa
from cofre.base.erros import ConfiguracaoInvalida

NOME_DA_URL_DO_BANCO = "SUPABASE_DB_URL"
NOME_DA_CA = "SUPABASE_DB_CA"
NOME_DA_URL_DE_ENSAIO = "ENSAIO_DB_URL"
ONDE_PEGAR = (
    "Painel do Supabase → Project Settings → API Keys → Secret keys: copie uma «secret key»\n"
    "(sb_secret_...); a service_role antiga (JWT) serve enquanto o projeto a aceita. No .env:\n"
    "SUPABASE_SERVICE_ROLE_KEY=sb_secret_..."
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
    """Para onde e com que chave (vazia: não foi dita); a chave nunca aparece no repr."""

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


PASTA, DONO_DO_OBJETO, COLUNA, NENHUM = "pasta", "dono_do_objeto", "coluna", "nenhum"
"""O que pode dizer de quem é um arquivo de um balde."""


@dataclass(frozen=True, slots=True)
class RegraDeBalde:
    """O que o cofre.toml diz dos arquivos de um balde: `dono` é um dos de cima (vazio: a regra
    geral); com COLUNA, a `coluna` da `tabela` que os nomeia."""

    dono: str = ""
    tabela: str = ""
    coluna: str = ""


@dataclass(frozen=True, slots=True)
class RegrasDeAnonimizar:
    """O que o cofre.toml diz das colunas de uma cópia anonimizada, por (tabela, coluna): o que há
    nas que se trocam («nome», «documento»...), e as que ficam."""

    trocar: Mapping[tuple[str, str], str] = field(default_factory=dict)
    manter: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Regras:
    """O cofre.toml: tabelas a ignorar, as que podem encolher sem alarme, e regras por tabela e por
    balde (`arquivos`); o que se promete de algumas empresas; e o que se anonimiza."""

    ignorar: frozenset[str] = frozenset()
    tabelas: Mapping[str, RegraDeTabela] = field(default_factory=dict)
    podem_encolher: frozenset[str] = frozenset()
    arquivos: Mapping[str, RegraDeBalde] = field(default_factory=dict)
    colunas_de_logins: tuple[tuple[str, str], ...] = ()
    """(tabela, coluna) das que dizem o login de quem é da empresa."""
    promessas: Mapping[str, Promessa] = field(default_factory=dict)
    anonimizar: RegrasDeAnonimizar = field(default_factory=RegrasDeAnonimizar)


@dataclass(frozen=True, slots=True)
class Arquivos:
    """O que se disse dos arquivos do Storage: se se querem (None: não se disse, e vêm enquanto não
    são muitos) e de que tamanho é o maior que se guarda, em bytes (None: qualquer)."""

    quer: bool | None = None
    maximo: int | None = None


@dataclass(frozen=True, slots=True)
class Politica:
    """Quantos backups guardar por cada regra; 0 é não a usar."""

    ultimos: int = 0
    diarios: int = 0
    semanais: int = 0
    mensais: int = 0
    anuais: int = 0
    horarios: int = 0

    @property
    def vazia(self) -> bool:
        """Se nenhuma regra é usada: aí nada sai."""
        return self == Politica()

    def em_palavras(self) -> str:
        """«3 últimos, 1 diário»."""
        quantos = [(getattr(self, regra), ditos) for regra, ditos in _NOMES.items()]
        return ", ".join(f"{n} {um if n == 1 else varios}" for n, (um, varios) in quantos if n)


_NOMES = {
    "ultimos": ("último", "últimos"),
    "horarios": ("horário", "horários"),
    "diarios": ("diário", "diários"),
    "semanais": ("semanal", "semanais"),
    "mensais": ("mensal", "mensais"),
    "anuais": ("anual", "anuais"),
}


@dataclass(frozen=True, slots=True)
class Cifragem:
    """O que se disse de cifrar os backups: as chaves que fecham, como estão escritas (vazio: não se
    cifra), se uma chave só basta, o arquivo da chave que abre e, em dias, de há quanto tempo pode
    ser um arquivo cifrado que se usa outra vez (0: de qualquer tempo)."""

    para: str = ""
    uma_so: bool = False
    chave: Path | None = None
    reusar_por: int = 0


@dataclass(frozen=True, slots=True)
class Configuracao:
    """Tudo o que vem de fora, já conferido; `avisos` são para mostrar ao usuário. `guardar` é o que
    a execução diária guarda ao podar (vazia: não poda).

    `lacrar`: se os backups levam lacre, por irem cifrados ou para fora daqui.

    `acesso` é None se nem o endereço da API foi dito, e aí há `direto`; o que falta para usar a API
    está em `sem_api` (None: nada)."""

    acesso: Acesso | None
    destino: Path
    regras: Regras
    avisos: tuple[str, ...] = ()
    direto: AcessoDireto | None = None
    guardar: Politica = field(default_factory=Politica)
    compactar: bool = False
    limites: Limites = field(default_factory=Limites)
    sem_api: ConfiguracaoInvalida | None = None
    cifragem: Cifragem = field(default_factory=Cifragem)
    lacrar: bool = False
    arquivos: Arquivos = field(default_factory=Arquivos)
    logins: bool = True
    """Se os backups guardam os logins de cada empresa."""
    segundos_fatores: bool = False
    """Se, num backup cifrado, também os segredos dos segundos fatores."""

    def acesso_da_api(self) -> Acesso:
        """O endereço e a chave da API. Levanta ConfiguracaoInvalida se algum não foi dito."""
        if self.sem_api is not None:
            raise self.sem_api
        assert self.acesso is not None
        return self.acesso
