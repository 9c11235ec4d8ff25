"""O relógio que o teste quiser, nos scripts de verdade: uma semana em minutos.

O `now` do próprio tipo `datetime` é trocado no processo do script (um tipo que herdasse dele não é
o que o msgspec lê); o resto do processo, os discos e os servidores continuam na hora de sempre.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from apoio.execucao import BACKUP, Saida, executar
from supabase_local.servidores.servidor import SupabaseLocal

COM_O_RELOGIO: Final = """
import ctypes, gc, os, runpy, sys
from datetime import datetime, timedelta
desvio, de_verdade = timedelta(seconds=float(os.environ["RELOGIO"])), datetime.now
metodos = gc.get_referents(datetime.__dict__)[0]
metodos["now"] = classmethod(lambda _tipo, tz=None: de_verdade(tz) + desvio)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Roda o script que está em argv[1] com a hora de agora mais RELOGIO segundos."""


def executar_em(
    quando: datetime,
    projeto: SupabaseLocal | None,
    destino: Path,
    *argumentos: str,
    mais: Mapping[str, str] | None = None,
    script: Path = BACKUP,
) -> Saida:
    """Roda o script até o fim, como se fosse `quando` (com fuso) ao começar."""
    desvio = (quando - datetime.now().astimezone()) / timedelta(seconds=1)
    mais = {**(mais or {}), "RELOGIO": str(desvio)}
    return executar(
        projeto,
        destino,
        *argumentos,
        mais=mais,
        script=script,
        programa=COM_O_RELOGIO,
        novo=False,
    )
