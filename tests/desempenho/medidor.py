"""Roda um comando e mede-o de fora: segundos, CPU e o pico de memória.

É um programa à parte, só com a biblioteca padrão (`python -I -S medidor.py RELATORIO comando...`):
o pico de quem nasce de um fork começa no tamanho do pai, e este pai é pequeno.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    relatorio, *comando = sys.argv[1:]
    inicio = time.perf_counter()
    processo = subprocess.Popen(comando)
    Path(f"{relatorio}.pid").write_text(str(processo.pid), encoding="utf-8")
    _, estado, gasto = os.wait4(processo.pid, 0)
    fim = time.perf_counter()
    processo.returncode = os.waitstatus_to_exitcode(estado)
    por_mb = 1024 * 1024 if sys.platform == "darwin" else 1024
    medido = {
        "codigo": processo.returncode,
        "segundos": fim - inicio,
        "cpu": gasto.ru_utime + gasto.ru_stime,
        "pico_mb": gasto.ru_maxrss / por_mb,
    }
    Path(relatorio).write_text(json.dumps(medido), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
