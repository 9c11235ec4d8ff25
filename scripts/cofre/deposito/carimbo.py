"""O carimbo de um backup: a hora local em que foi feito, no nome de cada arquivo dele."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from cofre.deposito.retrato import que_comecam, uma_vez

METADADOS = "backup_metadata_"
CARIMBO = r"[0-9]{8}_[0-9]{6}"
"""A forma de um carimbo, como expressão regular."""
FORMATO_DO_CARIMBO = "%Y%m%d_%H%M%S"
_CARIMBO = re.compile(CARIMBO)
_PARTES = ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15))


ANOS = range(1971, 2999)
"""Fora deles, nem todo sistema sabe a hora local de um instante."""


def momento(carimbo: str) -> datetime:
    """A hora local de um carimbo. Levanta ValueError se não é uma data, destes ANOS."""
    quando = datetime.strptime(carimbo, FORMATO_DO_CARIMBO)  # noqa: DTZ007 (é a hora local)
    if quando.year not in ANOS:
        raise ValueError(f"{carimbo} não é a data de um backup")
    return quando.astimezone()


def e_carimbo(texto: str) -> bool:
    """Se o texto tem a forma de um carimbo e é uma data que existe."""
    if not _CARIMBO.fullmatch(texto):
        return False
    partes = (int(texto[a:b]) for a, b in _PARTES)
    # De uma pasta que não se deixa ler nada se sabe: quem lista diz que ela está lá. E a de uma
    # empresa nova some com a foto que se recomeça.
    try:
        return datetime(*partes).year in ANOS  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return False


def nome_dos_metadados(carimbo: str) -> str:
    """O arquivo que diz que há um backup com este carimbo."""
    return f"{METADADOS}{carimbo}.json"


def nome_dos_detalhes(carimbo: str) -> str:
    """O arquivo cifrado com o resto dos metadados de um backup cifrado."""
    return f"detalhes_{carimbo}.json.gz.age"


def nome_do_lacre(carimbo: str) -> str:
    """O arquivo assinado que diz o que há no backup."""
    return f"lacre_{carimbo}.json"


def nome_dos_conteudos(carimbo: str) -> str:
    """O arquivo que diz que conteúdos (dos arquivos da empresa) o backup cita."""
    return f"conteudos_{carimbo}.json"


def nome_do_resumo(carimbo: str) -> str:
    """O arquivo com o que o servidor disse das linhas do backup (ver `resumos`)."""
    return f".resumo.{carimbo}"


def nome_dos_resumos_por_linha(carimbo: str) -> str:
    """O arquivo com o resumo de cada linha de algumas tabelas do backup."""
    return f".resumo_linhas.{carimbo}"


def lembrancas(carimbo: str) -> tuple[str, ...]:
    """Os arquivos ao lado de um backup que se podem apagar."""
    return nome_do_resumo(carimbo), nome_dos_resumos_por_linha(carimbo)


def nossos(carimbo: str) -> tuple[str, ...]:
    """Os arquivos de um backup que não são de tabela nenhuma."""
    return (
        nome_dos_metadados(carimbo),
        nome_dos_detalhes(carimbo),
        nome_do_lacre(carimbo),
        nome_dos_conteudos(carimbo),
    )


def carimbo_de(arquivo: str) -> str | None:
    """O carimbo no nome de um arquivo de metadados; None se o nome não é o de um."""
    carimbo = arquivo.removeprefix(METADADOS).removesuffix(".json")
    return carimbo if arquivo == nome_dos_metadados(carimbo) and e_carimbo(carimbo) else None


def carimbos_em(pasta: Path) -> list[str]:
    """Os carimbos dos backups de uma pasta, do mais antigo ao mais novo, sem abrir nenhum."""

    def procurar() -> list[str]:
        achados = map(carimbo_de, que_comecam(pasta, METADADOS))
        return sorted(carimbo for carimbo in achados if carimbo)

    try:
        return list(uma_vez((carimbos_em, pasta), procurar))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
