"""As variáveis deste processo que não são configuração nossa: as que se escondem de outros
programas, e as que dizem onde cada usuário guarda a sua."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

_TRANCA = threading.Lock()


def pasta_de_configuracao() -> Path:
    """Onde os programas deste usuário guardam a sua configuração (XDG; no Windows, %APPDATA%)."""
    dita = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME", "")
    return Path(dita) if Path(dita).is_absolute() else Path.home() / ".config"


@contextlib.contextmanager
def sem_variaveis_da_aws() -> Iterator[None]:
    """Tira deste processo, enquanto dura, as variáveis que a obstore leria (AWS_ENDPOINT_URL_S3
    vence até um argumento, e mandaria a cópia a outro servidor): só o .env diz para onde. O
    ambiente é do processo: um fio de cada vez."""
    with _TRANCA:
        tiradas = {n: v for n, v in os.environ.items() if n.startswith("AWS_")}
        for nome in tiradas:
            del os.environ[nome]
        try:
            yield
        finally:
            os.environ.update(tiradas)


def ambiente_do_rclone() -> dict[str, str]:
    """As variáveis para um rclone: as de quem usa (é com elas que ele se configura), menos as
    nossas, que têm segredos; as que o fariam não enviar tudo, ou calar; e AWS_CA_BUNDLE, com que o
    S3 do rclone 1.60 não começa."""
    fora = re.compile(
        r"AWS_CA_BUNDLE|(?:VITE_)?SUPABASE_.*|(?:BACKUP|COPIA|ENSAIO)_.*"
        r"|RCLONE_(?:DRY_RUN|INTERACTIVE|IMMUTABLE|BACKUP_DIR|QUIET|VERBOSE|USE_JSON_LOG)"
        r"|RCLONE_(?:EXCLUDE|INCLUDE|FILTER|FILES|MIN|MAX|IGNORE|SUFFIX|LOG|STATS|RETRIES).*"
    )
    return {n: v for n, v in os.environ.items() if not fora.fullmatch(n)}


def sem_variaveis_da_libpq() -> None:
    """Tira deste processo as variáveis que a libpq leria (PGTZ, PGSSLMODE, PGOPTIONS...): só o .env
    diz como conectar."""
    for nome in [n for n in os.environ if re.fullmatch(r"PG[A-Z]+", n)]:
        del os.environ[nome]
