"""As variáveis COPIA_* do .env, conferidas: para onde vai a segunda cópia, e com que credencial.

Nenhum texto daqui leva uma credencial, inteira ou em parte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cofre.base.config.chave import endereco_local
from cofre.base.config.limites import sim_ou_nao
from cofre.base.erros import ConfiguracaoInvalida

NOME_DO_DESTINO = "COPIA_DESTINO"
NOME_DO_ENDERECO, NOME_DA_REGIAO = "COPIA_S3_ENDERECO", "COPIA_S3_REGIAO"
NOME_DA_CHAVE_S3, NOME_DO_SEGREDO_S3 = "COPIA_S3_CHAVE", "COPIA_S3_SEGREDO"
NOME_DA_TRAVA = "COPIA_TRAVA_DIAS"
NOME_DE_EM_CLARO = "COPIA_EM_CLARO"

EXEMPLO = (
    "Um ou mais destes, separados por vírgulas:\n"
    "  s3://balde/pasta            um serviço S3 (AWS, R2, B2, Magalu, Wasabi)\n"
    r"  pasta:E:\Cofre              um disco externo, um NAS, uma pasta sincronizada"
    "\n"
    "  rclone:meudrive:Cofre       um lugar já configurado no rclone"
)
_TIPOS = ("s3://", "pasta:", "rclone:")
_ENTRE_DESTINOS = re.compile(r"\s*,\s*(?=(?:s3://|pasta:|rclone:))", re.IGNORECASE)
_OUTRO_TIPO = re.compile(r",\s*([a-z][a-z0-9+]*)://", re.IGNORECASE)
_BALDE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_SEGMENTO = re.compile(r"(?!\.+$)[A-Za-z0-9._-]+")
_REMOTO = re.compile(r"[\w.+@][\w.+@ -]*")
_UNIDADE_DO_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_REGIOES = (
    (re.compile(r"s3\.([a-z0-9-]+)\.backblazeb2\.com"), None),
    (re.compile(r"s3\.([a-z0-9-]+)\.wasabisys\.com"), None),
    (re.compile(r"s3\.([a-z0-9-]+)\.amazonaws\.com"), None),
    (re.compile(r"([a-z0-9-]+)\.magaluobjects\.com"), None),
    (re.compile(r"[a-z0-9]+(?:\.(?:eu|fedramp))?\.r2\.cloudflarestorage\.com"), "auto"),
)
"""O nome do servidor → a região que ele diz, ou a única que há. Fonte: a documentação de cada
serviço, sobre os endereços S3 dele."""
_DO_SUPABASE = re.compile(r"([a-z0-9]+)\.(?:storage\.)?supabase\.(?:co|in|net|red)")


@dataclass(frozen=True, slots=True)
class PastaDita:
    """`texto` é como foi escrito, para a tela."""

    texto: str
    caminho: Path


@dataclass(frozen=True, slots=True)
class S3Dito:
    """`prefixo` é a pasta dentro do balde (vazio: a raiz). A credencial nunca aparece no repr."""

    texto: str
    balde: str
    prefixo: str
    endereco: str
    regiao: str
    chave: str = field(repr=False)
    segredo: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RcloneDito:
    """`remoto` é o nome dado no `rclone config`; `caminho`, a pasta dentro dele (vazio: a raiz)."""

    texto: str
    remoto: str
    caminho: str


DestinoDito = PastaDita | S3Dito | RcloneDito


@dataclass(frozen=True, slots=True)
class Copia:
    """Para onde vão as cópias, na ordem escrita (nenhum: não há cópia). `trava_dias` é quanto o
    dono diz que dura a trava do lugar (0: não disse); `em_claro`, se ele insiste em levar também o
    que não está cifrado, às pastas."""

    destinos: tuple[DestinoDito, ...] = ()
    trava_dias: int = 0
    avisos: tuple[str, ...] = ()
    em_claro: bool = False


def ler_copia(valores: Mapping[str, str], backups: Path, projeto: str = "") -> Copia:
    """`valores` são as variáveis; `backups`, a pasta dos backups daqui, que não pode ser também o
    destino; `projeto`, o endereço do Supabase. Levanta ConfiguracaoInvalida."""
    texto = valores.get(NOME_DO_DESTINO, "")
    partes = [p for p in _ENTRE_DESTINOS.split(texto) if p]
    destinos = tuple(_destino(p.strip(), valores, backups) for p in partes)
    if len({_chave_de(d) for d in destinos}) < len(destinos):
        raise ConfiguracaoInvalida(f"{NOME_DO_DESTINO} repete um destino.", EXEMPLO)
    no_s3 = [d for d in destinos if isinstance(d, S3Dito)]
    if len(no_s3) > 1:
        raise ConfiguracaoInvalida(
            f"{NOME_DO_DESTINO} tem mais de um s3://, e a credencial S3 é uma só.",
            "Deixe um; o outro pode ir pelo rclone: rclone:NOME:balde/pasta.",
        )
    avisos = tuple(a for d in no_s3 for a in _avisos_do_s3(d, projeto))
    em_claro = sim_ou_nao(valores, NOME_DE_EM_CLARO)
    return Copia(destinos, ler_trava(valores), avisos, em_claro)


def _chave_de(destino: DestinoDito) -> object:
    if isinstance(destino, PastaDita):
        return destino.caminho
    if isinstance(destino, S3Dito):
        return ("s3", destino.balde, destino.prefixo)
    return ("rclone", destino.remoto, destino.caminho)


def _destino(texto: str, valores: Mapping[str, str], backups: Path) -> DestinoDito:
    tipo = next((t for t in _TIPOS if texto.lower().startswith(t)), None)
    if (outro := _OUTRO_TIPO.search(texto)) is not None:
        raise ConfiguracaoInvalida(f"{NOME_DO_DESTINO}: não conheço «{outro[1]}://».", EXEMPLO)
    if tipo is None:
        # Não se repete o que foi escrito: pode ser uma URL com senha.
        raise ConfiguracaoInvalida(
            f"{NOME_DO_DESTINO} não começa por s3://, pasta: ou rclone:.", EXEMPLO
        )
    resto = texto[len(tipo) :].strip()
    if tipo == "pasta:":
        return _pasta(texto, resto, backups)
    if tipo == "rclone:":
        return _rclone(texto, resto)
    return _s3(texto, resto, valores)


def _pasta(texto: str, resto: str, backups: Path) -> PastaDita:
    caminho = Path(resto).expanduser()
    if not resto or not caminho.is_absolute():
        do_windows = _UNIDADE_DO_WINDOWS.match(resto) is not None
        causa = "é um caminho do Windows" if do_windows else "não é um caminho inteiro"
        raise ConfiguracaoInvalida(
            f"{NOME_DO_DESTINO}: «{texto}» {causa}.",
            r"Escreva-o desde o começo: pasta:E:\Cofre (Windows), pasta:/mnt/hd/Cofre (Linux).",
        )
    if _um_no_outro(caminho, backups):
        raise ConfiguracaoInvalida(
            f"{NOME_DO_DESTINO}: «{texto}» e a pasta dos backups estão uma na outra.",
            "Uma cópia que se perde com os backups não é cópia: escolha outro disco.",
        )
    return PastaDita(texto, caminho)


def _um_no_outro(a: Path, b: Path) -> bool:
    a, b = a.resolve(), b.resolve()
    return a == b or a in b.parents or b in a.parents


def _rclone(texto: str, resto: str) -> RcloneDito:
    remoto, dois_pontos, caminho = resto.partition(":")
    if not dois_pontos or not _REMOTO.fullmatch(remoto) or re.search(r"[\x00-\x1f]", caminho):
        raise ConfiguracaoInvalida(
            f"{NOME_DO_DESTINO}: depois de «rclone:» vem o nome que o remoto tem no rclone, «:», e"
            " a pasta.",
            "Veja os nomes com: rclone listremotes",
        )
    # A barra do começo fica: num SFTP, «/srv» e «srv» são lugares diferentes.
    return RcloneDito(texto, remoto, caminho.rstrip("/") or caminho[:1])


def _s3(texto: str, resto: str, valores: Mapping[str, str]) -> S3Dito:
    """O S3 que `texto` diz («s3://» e o `resto`), com a credencial dele. Levanta
    ConfiguracaoInvalida."""
    balde, *pastas = resto.rstrip("/").split("/")
    if not _BALDE.fullmatch(balde) or not all(_SEGMENTO.fullmatch(p) for p in pastas):
        raise ConfiguracaoInvalida(
            f"{NOME_DO_DESTINO}: depois de «s3://» vem o nome do balde, e uma pasta se quiser.",
            "Letras sem acento, números, ponto, hífen e sublinhado: s3://meu-balde/cofre",
        )
    faltam = [n for n in (NOME_DA_CHAVE_S3, NOME_DO_SEGREDO_S3) if n not in valores]
    if faltam:
        raise ConfiguracaoInvalida(
            f"Falta a credencial do S3: {' e '.join(faltam)}.",
            "Crie no painel do serviço uma chave de acesso só para este balde, sem poder apagar.",
        )
    for nome in (NOME_DA_CHAVE_S3, NOME_DO_SEGREDO_S3):
        if re.search(r"[^\x21-\x7e]", valores[nome]):
            raise ConfiguracaoInvalida(
                f"{nome} está malformada: tem espaços, quebras de linha ou acentos no meio.",
                "Copie-a de novo do painel do serviço.",
            )
    endereco, regiao = _endereco_e_regiao(valores)
    credencial = valores[NOME_DA_CHAVE_S3], valores[NOME_DO_SEGREDO_S3]
    return S3Dito(texto, balde, "/".join(pastas), endereco, regiao, *credencial)


def _endereco_e_regiao(valores: Mapping[str, str]) -> tuple[str, str]:
    """O endereço do serviço e a região, que muitos dizem no próprio endereço. Levanta
    ConfiguracaoInvalida."""
    regiao = valores.get(NOME_DA_REGIAO, "")
    if regiao and not re.fullmatch(r"[A-Za-z0-9-]+", regiao):
        raise ConfiguracaoInvalida(
            f"{NOME_DA_REGIAO} não é o nome de uma região.", "Por exemplo: us-east-1, sa-east-1."
        )
    if NOME_DO_ENDERECO not in valores:
        if not regiao:
            raise ConfiguracaoInvalida(
                f"Falta {NOME_DO_ENDERECO}, ou só {NOME_DA_REGIAO}, se o balde é da AWS.",
                "O endereço está no painel do serviço. Na AWS basta a região, como sa-east-1.",
            )
        return f"https://s3.{regiao}.amazonaws.com", regiao
    endereco = valores[NOME_DO_ENDERECO].rstrip("/")
    casa = _conferir_endereco(endereco)
    for padrao, unica in _REGIOES:
        if not regiao and (dita := padrao.fullmatch(casa)):
            regiao = unica or dita[1]
    if not regiao:
        raise ConfiguracaoInvalida(
            f"Falta {NOME_DA_REGIAO}: o endereço deste serviço não a diz.",
            "Está no painel do serviço. Se ele não tem regiões: us-east-1",
        )
    return endereco, regiao


def _conferir_endereco(endereco: str) -> str:
    """O nome do servidor. Levanta ConfiguracaoInvalida, sem repetir o que pode ter uma senha."""
    problema = ""
    try:
        partes = urlsplit(endereco)
        casa, _porta = partes.hostname or "", partes.port
    except ValueError:
        casa, problema = "", "não é um endereço válido"
    else:
        if partes.scheme not in ("http", "https") or not casa or re.search(r"[\s<>]", endereco):
            problema = "não é um endereço que comece com https://"
        elif partes.username or partes.password or partes.query or partes.fragment:
            problema = "tem mais do que o endereço do serviço"
        elif partes.scheme == "http" and not endereco_local(casa):
            problema = "usa http://, e a cópia viajaria à vista"
    if problema:
        raise ConfiguracaoInvalida(
            f"{NOME_DO_ENDERECO} {problema}.",
            "Por exemplo: https://s3.us-east-005.backblazeb2.com",
        )
    return casa


def _avisos_do_s3(dito: S3Dito, projeto: str) -> list[str]:
    achado = _DO_SUPABASE.fullmatch(urlsplit(dito.endereco).hostname or "")
    if achado is None:
        return []
    mesmo = (urlsplit(projeto).hostname or "").startswith(f"{achado[1]}.")
    de_quem = "deste mesmo projeto do Supabase" if mesmo else "de um projeto do Supabase"
    return [
        f"{NOME_DO_ENDERECO} é o armazenamento {de_quem}: o que perder o projeto perde a cópia, e"
        " lá não há versões nem trava. Escolha outro serviço."
    ]


def ler_trava(valores: Mapping[str, str]) -> int:
    """Quantos dias dura a trava da cópia; 0: não há. Levanta ConfiguracaoInvalida."""
    texto = valores.get(NOME_DA_TRAVA, "0")
    if not re.fullmatch(r"[0-9]{1,4}", texto):
        raise ConfiguracaoInvalida(
            f"{NOME_DA_TRAVA} é um número de dias, de 0 a 9999, não «{texto}».",
            "É quanto dura a trava que você ligou no serviço. Vazio ou 0: não há.",
        )
    return int(texto)
