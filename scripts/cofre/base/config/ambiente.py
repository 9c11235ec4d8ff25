"""A configuração: o que o .env, as variáveis e o cofre.toml dizem, conferido antes de usar.

Nenhum texto daqui (erro, aviso, repr) leva qualquer parte de uma chave.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from cofre.base import comandos
from cofre.base.config.arquivos import ler_arquivos
from cofre.base.config.chave import avisos_da_url, conferir_chave, conferir_url
from cofre.base.config.cifragem import NOME_DAS_QUE_FECHAM, ler_cifragem
from cofre.base.config.copia import NOME_DO_DESTINO, Copia, ler_copia
from cofre.base.config.limites import (
    Destinatarios,
    Limites,
    ler_dias,
    ler_idade,
    ler_parcela,
    ler_promessa,
    serve_de_endereco,
    sim_ou_nao,
)
from cofre.base.config.promessas import Promessas
from cofre.base.config.regras import ler_regras
from cofre.base.config.valores import (
    NOME_DA_CA,
    NOME_DA_URL_DE_ENSAIO,
    NOME_DA_URL_DO_BANCO,
    ONDE_PEGAR,
    ONDE_PEGAR_URL,
    Acesso,
    AcessoDireto,
    AcessosDeEnsaio,
    Cifragem,
    Configuracao,
    Politica,
    Regras,
)
from cofre.base.config.variaveis import avisos_do_env, do_ambiente, lidos
from cofre.base.erros import ConfiguracaoInvalida
from cofre.base.interprete import RAIZ

NOMES_DA_URL = ("SUPABASE_URL", "VITE_SUPABASE_URL")
NOMES_DA_CHAVE = ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY")
NOMES_DA_CHAVE_PUBLICA = (
    "SUPABASE_ANON_KEY",
    "VITE_SUPABASE_ANON_KEY",
    "SUPABASE_PUBLISHABLE_KEY",
    "VITE_SUPABASE_PUBLISHABLE_KEY",
)
NOMES_DA_POLITICA = {
    "BACKUP_MANTER_ULTIMOS": "ultimos",
    "BACKUP_MANTER_HORARIOS": "horarios",
    "BACKUP_MANTER_DIARIOS": "diarios",
    "BACKUP_MANTER_SEMANAIS": "semanais",
    "BACKUP_MANTER_MENSAIS": "mensais",
    "BACKUP_MANTER_ANUAIS": "anuais",
}
NOME_DO_PING = "BACKUP_PING_URL"
NOME_DO_WEBHOOK = "BACKUP_WEBHOOK_URL"
NOME_DOS_LOGINS = "BACKUP_LOGINS"
NOME_DOS_FATORES = "BACKUP_SEGUNDOS_FATORES"
NOME_DA_IDADE = "BACKUP_IDADE_MAXIMA"
NOME_DA_PARCELA = "BACKUP_ENCOLHER_MAXIMO"
NOME_DOS_DIAS = "BACKUP_ENCOLHER_EM_DIAS"


def carregar(
    raiz: Path = RAIZ, destino: str | None = None, *, so_o_env: bool = False
) -> Configuracao:
    """Lê e confere toda a configuração. `destino` é o da linha de comando (relativo à pasta
    corrente); `so_o_env`: sem as variáveis deste terminal, como a tarefa agendada a vê. Levanta
    ConfiguracaoInvalida ou DependenciaAusente."""
    valores = do_ambiente(raiz, so_o_env=so_o_env)
    return _configuracao(valores, raiz / ".env", _destino(valores, raiz, destino))


def carregar_outro(arquivo: Path) -> Configuracao:
    """A de outro projeto: só o que este arquivo diz, sem as variáveis deste terminal (a
    SUPABASE_URL dele não pode vencer a do arquivo), e o cofre.toml que estiver ao lado. A pasta dos
    backups tem de estar dita nele. Levanta ConfiguracaoInvalida, que diz de que arquivo é, ou
    DependenciaAusente."""
    if not arquivo.is_file():
        raise ConfiguracaoInvalida(
            f"Não há um arquivo {arquivo}.",
            "É um .env como o daqui, com a SUPABASE_URL e a chave (ou a SUPABASE_DB_URL) do outro"
            " projeto, e a BACKUP_DIR dele.",
        )
    try:
        valores = lidos(arquivo, {})
        if "BACKUP_DIR" not in valores:
            raise ConfiguracaoInvalida(
                "falta a BACKUP_DIR, a pasta das fotos e dos diários daquele projeto.",
                "Escolha uma pasta só para ele. No arquivo:\nBACKUP_DIR=backups-do-destino",
            )
        pasta = _destino(valores, arquivo.parent, None)
        return _configuracao(valores, arquivo, pasta)
    except ConfiguracaoInvalida as e:
        dito, dica = (comandos.de_outro_env(t, arquivo.name) for t in (str(e), e.dica))
        raise ConfiguracaoInvalida(f"Em {arquivo.name}: {dito}", dica) from e


def _configuracao(valores: Mapping[str, str], env: Path, destino: Path) -> Configuracao:
    """O que estes valores, lidos de `env`, dizem. Levanta ConfiguracaoInvalida."""
    raiz, avisos = env.parent, list(avisos_do_env(env))
    direto = _acesso_direto(valores, raiz)
    acesso, sem_api = _acesso(valores), _o_que_falta(valores)
    if sem_api is not None and direto is None:
        raise sem_api
    if acesso is not None and acesso.chave:
        avisos.extend(avisos_da_url(acesso.url))
    if sim_ou_nao(valores, NOME_DOS_FATORES) and NOME_DAS_QUE_FECHAM not in valores:
        avisos.append(f"{NOME_DOS_FATORES} só vale com {NOME_DAS_QUE_FECHAM}: não se guardam.")
    regras = ler_regras(raiz / "cofre.toml")
    return Configuracao(
        acesso=acesso,
        destino=destino,
        regras=regras,
        avisos=tuple(avisos),
        direto=direto,
        guardar=_politica(valores),
        compactar=sim_ou_nao(valores, "BACKUP_COMPACTAR"),
        limites=_limites(valores, regras),
        sem_api=sem_api,
        cifragem=ler_cifragem(valores, raiz),
        lacrar=NOME_DO_DESTINO in valores or NOME_DAS_QUE_FECHAM in valores,
        arquivos=ler_arquivos(valores),
        logins=sim_ou_nao(valores, NOME_DOS_LOGINS, padrao="sim"),
        segundos_fatores=sim_ou_nao(valores, NOME_DOS_FATORES),
    )


def limites(raiz: Path = RAIZ) -> Limites:
    """Só os limites da vigilância; de um cofre.toml que não se lê, quem o usa é que se queixa.
    Levanta ConfiguracaoInvalida ou DependenciaAusente."""
    regras = Regras()
    with contextlib.suppress(ConfiguracaoInvalida):
        regras = ler_regras(raiz / "cofre.toml")
    return _limites(do_ambiente(raiz), regras)


def destinatarios(raiz: Path = RAIZ) -> Destinatarios:
    """A quem avisar. Um endereço que não serve vira um aviso: avisar nunca impede um backup.
    Levanta ConfiguracaoInvalida (o .env não se lê) ou DependenciaAusente."""
    valores = do_ambiente(raiz)
    nomes = (NOME_DO_PING, NOME_DO_WEBHOOK)
    urls = {n: valores.get(n, "") for n in nomes}
    ruins = [n for n, url in urls.items() if url and not serve_de_endereco(url)]
    ping, webhook = ("" if n in ruins else urls[n] for n in nomes)
    avisos = (f"{n} não é um endereço http:// ou https://: ninguém será avisado." for n in ruins)
    return Destinatarios(ping, webhook, tuple(avisos))


def cifragem(raiz: Path = RAIZ, outro: Path | None = None) -> Cifragem:
    """Só o que se disse de cifrar; se há `outro` arquivo, o que ele diz. Levanta
    ConfiguracaoInvalida ou DependenciaAusente."""
    if outro is not None:
        return ler_cifragem(lidos(outro, {}), outro.parent)
    return ler_cifragem(do_ambiente(raiz), raiz)


def _limites(valores: Mapping[str, str], regras: Regras) -> Limites:
    padrao = Limites()
    idade, parcela = valores.get(NOME_DA_IDADE), valores.get(NOME_DA_PARCELA)
    dias = valores.get(NOME_DOS_DIAS)
    return Limites(
        idade=ler_idade(NOME_DA_IDADE, idade) if idade else padrao.idade,
        parcela=ler_parcela(NOME_DA_PARCELA, parcela) if parcela else padrao.parcela,
        promessas=Promessas(ler_promessa(valores), regras.promessas),
        em_dias=ler_dias(NOME_DOS_DIAS, dias) if dias else padrao.em_dias,
    )


def pasta_de_backups(raiz: Path = RAIZ, destino: str | None = None) -> Path:
    """Só o destino, para as ações que não falam com o servidor."""
    return _destino(do_ambiente(raiz), raiz, destino)


def copia(raiz: Path = RAIZ, destino: str | None = None, so: str | None = None) -> Copia:
    """Só para onde vão as cópias. `destino`, o da linha de comando, é a pasta dos backups daqui;
    `so`, um destino da cópia que se disse nela, no lugar dos do .env. Levanta ConfiguracaoInvalida
    ou DependenciaAusente."""
    valores = do_ambiente(raiz)
    if so:
        valores = {**valores, NOME_DO_DESTINO: so}
    projeto = _primeiro(valores, NOMES_DA_URL)
    return ler_copia(valores, _destino(valores, raiz, destino), projeto[1] if projeto else "")


def politica_de_poda(raiz: Path = RAIZ) -> Politica:
    """Só o que o .env manda guardar. Levanta ConfiguracaoInvalida."""
    return _politica(do_ambiente(raiz))


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


def acessos_de_ensaio(raiz: Path = RAIZ) -> AcessosDeEnsaio:
    """Só os bancos, por conferir: um ensaio não fala com a API nem precisa da chave."""
    valores = do_ambiente(raiz)
    url = valores.get(NOME_DA_URL_DE_ENSAIO)
    teste = AcessoDireto(url, nome=NOME_DA_URL_DE_ENSAIO) if url else None
    return AcessosDeEnsaio(teste, _acesso_direto(valores, raiz))


def _primeiro(valores: Mapping[str, str], nomes: Iterable[str]) -> tuple[str, str] | None:
    return next(((nome, valores[nome]) for nome in nomes if nome in valores), None)


def _acesso(valores: Mapping[str, str]) -> Acesso | None:
    """O endereço e a chave ditos, conferidos; sem o endereço, None. Levanta
    ConfiguracaoInvalida."""
    url, chave = _primeiro(valores, NOMES_DA_URL), _primeiro(valores, NOMES_DA_CHAVE)
    endereco = conferir_url(*url) if url else ""
    if url and chave:
        conferir_chave(*chave)
    return Acesso(endereco, chave[1] if chave else "") if url else None


def _o_que_falta(valores: Mapping[str, str]) -> ConfiguracaoInvalida | None:
    """O que falta dizer para que a API se use; None se nada."""
    if _primeiro(valores, NOMES_DA_URL) is None:
        return ConfiguracaoInvalida(
            "Falta o endereço do projeto: SUPABASE_URL não está no .env nem no ambiente.",
            ONDE_PEGAR_URL,
        )
    if _primeiro(valores, NOMES_DA_CHAVE) is None:
        publica = _primeiro(valores, NOMES_DA_CHAVE_PUBLICA)
        achado = f" Só encontrei {publica[0]}, que é pública e não serve." if publica else ""
        return ConfiguracaoInvalida(
            f"Falta a chave de serviço: nem {' nem '.join(NOMES_DA_CHAVE)} estão no .env.{achado}",
            ONDE_PEGAR,
        )
    return None


def _acesso_direto(valores: Mapping[str, str], raiz: Path) -> AcessoDireto | None:
    """A conexão direta, se está configurada. Só quem a usa a confere."""
    url = valores.get(NOME_DA_URL_DO_BANCO)
    if url is None:
        return None
    ca = valores.get(NOME_DA_CA)
    return AcessoDireto(url, (raiz / Path(ca).expanduser()).absolute() if ca else None)


def _destino(valores: Mapping[str, str], raiz: Path, pedido: str | None) -> Path:
    if pedido:
        return Path(pedido).expanduser().absolute()
    # Um BACKUP_DIR relativo é relativo à raiz: a tarefa agendada não tem pasta corrente certa.
    return (raiz / Path(valores.get("BACKUP_DIR", "backups")).expanduser()).absolute()
